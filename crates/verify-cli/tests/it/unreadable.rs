//! What is there and cannot be read is not *nothing*, for every user who runs the check.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use crate::support::{Installation, Run, findings, program_in};

const UNIT: &str = ".config/systemd/user/openclaw-gateway.service";

fn write(file: &Path, bytes: &[u8]) {
    fs::create_dir_all(file.parent().expect("folder")).expect("folder");
    fs::write(file, bytes).expect("file");
}

fn said(installation: &Installation) -> Vec<String> {
    findings(&installation.check().1)
}

/// An installation at its own place, with a unit.
fn at_home() -> Installation {
    let mut installation = Installation::empty();
    installation.state = installation.home.join(".openclaw");
    write(&installation.state.join("openclaw.json"), b"{}");
    write(
        &installation.home.join(UNIT),
        b"[Service]\nExecStart=/opt/openclaw gateway\n",
    );
    installation
}

#[test]
fn no_byte_and_no_length_hides_a_unit() {
    let evil = "[Service]\nExecStart=\nExecStart=/tmp/evil\n";
    let long = format!("{evil}{}", "# x\n".repeat(1 << 19));
    for (file, bytes, wanted) in [
        (
            UNIT.to_owned(),
            [b"# \xff\n".as_slice(), evil.as_bytes()].concat(),
            "definition-mismatch",
        ),
        (
            format!("{UNIT}.d/x.conf"),
            [b"# \xff\n".as_slice(), evil.as_bytes()].concat(),
            "definition-mismatch",
        ),
        (
            UNIT.to_owned(),
            long.clone().into_bytes(),
            "not-established[unsupported-schema]",
        ),
        (
            format!("{UNIT}.d/x.conf"),
            long.into_bytes(),
            "not-established[unsupported-schema]",
        ),
    ] {
        let installation = at_home();
        installation.init(0);
        write(&installation.home.join(&file), &bytes);
        let all = said(&installation);
        assert!(
            all.iter().any(|one| one.starts_with(wanted)),
            "{file}: {all:#?}"
        );
    }
}

#[test]
fn no_number_of_drop_ins_hides_one() {
    let installation = at_home();
    installation.init(0);
    for n in 0..1001 {
        write(
            &installation.home.join(format!("{UNIT}.d/{n:04}.conf")),
            b"# nothing\n",
        );
    }
    let all = said(&installation);
    assert!(
        all.iter()
            .any(|one| one.contains("more than 1000 drop-ins")),
        "{all:#?}"
    );
}

#[test]
fn no_byte_hides_a_registry() {
    let installation = at_home();
    installation.init(0);
    write(
        &installation.state.join(".npmrc"),
        b"; \xff\nregistry=http://evil.example/\n",
    );
    let all = said(&installation);
    assert!(
        all.iter()
            .any(|one| one.starts_with("unlisted-source[npm-config]")),
        "{all:#?}"
    );
}

/// Each place, closed to the user who checks: what lies below it is not known.
#[test]
#[ignore = "needs root"]
fn what_another_user_may_not_read_is_not_established() {
    let places: [(&str, &[&str]); 12] = [
        ("hooks/h", &["HOOK.md", "handler.js"]),
        ("agents/a", &["agent/settings.json"]),
        ("node-runtime", &["releases/r/package.json"]),
        ("tools", &["cli-node/tools/node/bin/node"]),
        ("cache", &["shell-snapshots/a.sh"]),
        ("tmp", &["plugin-captures/a/captures/x.js"]),
        ("workspace/hooks/h", &["HOOK.md"]),
        ("workspace/.agents", &["skills/x/SKILL.md"]),
        ("service-env", &["x.sh"]),
        ("../.agents", &["skills/x/SKILL.md"]),
        ("../.config/environment.d", &["x.conf"]),
        (
            "../.config/systemd/user/openclaw-gateway.service.d",
            &["x.conf"],
        ),
    ];
    for (place, files) in places {
        let installation = at_home();
        for file in files {
            write(&installation.state.join(place).join(file), b"{}");
        }
        if place == "node-runtime" {
            symlink(
                "releases/r",
                installation.state.join("node-runtime/current"),
            )
            .expect("link");
        }
        let program = program_in(&installation.home);
        let status = std::process::Command::new("chmod")
            .args(["-R", "a+rX"])
            .args([&installation.home, &installation.config])
            .status();
        assert!(status.expect("chmod").success());
        for folder in installation.home.ancestors().take_while(|folder| {
            folder.starts_with(std::env::temp_dir()) && *folder != std::env::temp_dir()
        }) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("mode");
        }
        let closed = installation.state.join(place);
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("mode");
        let output = std::process::Command::new(&program)
            .env_clear()
            .env("HOME", &installation.home)
            .arg("check")
            .arg("--state-dir")
            .arg(&installation.state)
            .arg("--config")
            .arg(&installation.config)
            .uid(65534)
            .gid(65534)
            .output();
        let run = Run::of(&output.expect("the binary runs"));
        assert!(run.code == 1 || run.code == 2, "{place}: {}", run.text());
        assert!(
            run.text().contains("may not be read") || run.code == 2,
            "{place}: {}",
            run.text()
        );
    }
}
