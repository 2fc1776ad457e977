//! The gate as a real OpenClaw asks it. Everything happens in a state directory of this test's own; of the shared installation only the
//! programs are used.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Run, real};

/// A fresh state directory, sources that may be changed, and an operator's folder.
struct Bench {
    root: PathBuf,
    openclaw: PathBuf,
    host: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Bench {
    fn new(real: &Path) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let temporary = tempfile::tempdir().expect("temporary folder");
        let root = temporary.path().canonicalize().expect("real path");
        for folder in ["home", "state", "config", "tmp", "bin"] {
            std::fs::create_dir(root.join(folder)).expect("folder");
            std::fs::set_permissions(root.join(folder), std::fs::Permissions::from_mode(0o700))
                .expect("mode");
        }
        crate::support::copy(&real.join("src"), &root.join("src"));
        let npmrc = real.join("home/.npmrc");
        if npmrc.exists() {
            std::fs::copy(npmrc, root.join("home/.npmrc")).expect("npmrc");
        }
        // OpenClaw refuses a program in a folder that others can write, and a checkout may be one.
        std::fs::copy(
            env!("CARGO_BIN_EXE_openclaw-verify"),
            root.join("bin/openclaw-verify"),
        )
        .expect("binary");
        let openclaw = root.join("bin/openclaw");
        let script = format!(
            "#!/bin/bash\n. '{}/env.sh'\nexport HOME='{root}/home' OPENCLAW_STATE_DIR='{root}/state' TMPDIR='{root}/tmp'\nexec node \"$OPENCLAW_HOST_PACKAGE/openclaw.mjs\" \"$@\"\n",
            real.display(),
            root = root.display()
        );
        std::fs::write(&openclaw, script).expect("script");
        std::fs::set_permissions(&openclaw, std::fs::Permissions::from_mode(0o755)).expect("mode");
        let host = real
            .join("app/node_modules/openclaw")
            .canonicalize()
            .expect("host package");
        Self {
            root,
            openclaw,
            host,
            _temporary: temporary,
        }
    }

    fn path(&self, relative: &str) -> String {
        self.root.join(relative).to_string_lossy().into_owned()
    }

    /// Runs OpenClaw.
    fn openclaw(&self, arguments: &[&str]) -> Run {
        let run = Run::of(
            &Command::new(&self.openclaw)
                .args(arguments)
                .current_dir(&self.root)
                .output()
                .expect("openclaw runs"),
        );
        println!("$ openclaw {}\n{}", arguments.join(" "), run.text());
        run
    }

    /// Runs our program as the operator would.
    fn verify(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(self.root.join("bin/openclaw-verify"));
        command.env_clear().env("HOME", self.root.join("home"));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin")));
        command
            .args(arguments)
            .args(["--state-dir", &self.path("state")]);
        if !arguments.contains(&"--config") {
            command.args(["--config", &self.path("config")]);
        }
        command
            .arg("--openclaw")
            .arg(&self.host)
            .current_dir(&self.root);
        let run = Run::of(&command.output().expect("the program runs"));
        println!("$ openclaw-verify {}\n{}", arguments.join(" "), run.text());
        run
    }

    fn plugin(&self, spec: &str) -> Run {
        self.openclaw(&[
            "plugins",
            "install",
            spec,
            "--force",
            "--accept-capabilities",
        ])
    }

    /// Runs the commands that the gate's reason names, one after another. Gives back the id.
    fn follow(&self, refused: &Run) -> String {
        let text = flat(&refused.text());
        let said = text
            .split(", then run: ")
            .nth(1)
            .and_then(|text| text.split("; then install again").next());
        let said = said.unwrap_or_else(|| panic!("no commands in: {text}"));
        let mut id = String::new();
        for command in said.split("; ") {
            let mut words: Vec<&str> = command.split_whitespace().collect();
            assert_eq!(words.remove(0), "openclaw-verify", "{command}");
            id = words[1].to_owned();
            if words[0] == "review" {
                words.extend(["--by", "Ada <ada@example.org>", "--yes"]);
            }
            let run = self.verify(&words);
            assert_eq!(run.code, 0, "{}", run.text());
        }
        id
    }

    /// What is installed is what was locked of what was staged: a lock that was made anew would hold the same.
    fn same_as_staged(&self, id: &str) {
        let check = self.verify(&["lock", id, "--check"]);
        assert!(
            check.code == 0 && check.stdout.is_empty(),
            "{id} differs from what was staged: {}",
            check.text()
        );
    }

    /// Refused for want of a lock, locked as the reason says, installed, and equal to what was staged.
    fn second_try_passes(&self, install: &dyn Fn() -> Run) -> String {
        let refused = install();
        assert_ne!(refused.code, 0);
        assert!(
            flat(&refused.text()).contains("is not in the lock"),
            "{}",
            refused.text()
        );
        let id = self.follow(&refused);
        let installed = install();
        assert_eq!(installed.code, 0, "{}", installed.text());
        self.same_as_staged(&id);
        id
    }
}

/// Text without the line breaks of a terminal.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
#[ignore = "needs a real OpenClaw"]
fn openclaw_asks_the_gate_before_every_install() {
    let real = real();
    let bench = Bench::new(&real);
    let set_up = bench.verify(&["gate", "--setup", "--apply"]);
    assert_eq!(set_up.code, 0, "{}", set_up.text());
    let doctor = bench.openclaw(&["doctor", "--deep", "--non-interactive"]);
    assert!(
        flat(&doctor.text()).contains("Deep probe allowed the synthetic install request"),
        "{}",
        doctor.text()
    );

    // Every kind: unlocked is refused, locked passes.
    let npm = bench
        .second_try_passes(&|| bench.openclaw(&["plugins", "install", "@openclaw/synology-chat"]));
    assert_eq!(npm, "npm:@openclaw/synology-chat");
    let local = bench.path("src/local-plugin");
    assert_eq!(
        bench.second_try_passes(&|| bench.plugin(&local)),
        "path:acme-local"
    );
    let packed = format!("npm-pack:{}", bench.path("src/acme-acme-packed-1.2.0.tgz"));
    assert_eq!(
        bench.second_try_passes(&|| bench.plugin(&packed)),
        "npm-pack:@acme/acme-packed"
    );
    let archived = bench.path("src/acme-archived-1.4.0.tgz");
    assert_eq!(
        bench.second_try_passes(&|| bench.plugin(&archived)),
        "archive:acme-archived"
    );
    let git = format!("git:file://{}@v1.3.0", bench.path("src/git-plugin"));
    assert_eq!(
        bench.second_try_passes(&|| bench.plugin(&git)),
        "git:file/git-plugin"
    );
    let bundle = bench.path("src/claude-bundle");
    assert_eq!(
        bench.second_try_passes(&|| bench.plugin(&bundle)),
        "bundle:acme-bundle"
    );
    let hooks = bench.path("src/hook-pack");
    assert_eq!(
        bench.second_try_passes(&|| bench.plugin(&hooks)),
        "hook:managed/hook-pack"
    );
    let skill = bench.path("src/skill-weather");
    // Its install steps are unpinned: a warning, which stops an install without a terminal unless it was acknowledged.
    let acknowledged = || {
        bench.openclaw(&[
            "skills",
            "install",
            &skill,
            "--acknowledge-install-policy-warning",
        ])
    };
    assert_eq!(
        bench.second_try_passes(&acknowledged),
        "skill:workspace/acme-weather"
    );

    update_from_the_registry(&bench);
    archives(&bench);
    swapped_dependency(&bench);

    // A linked folder, asked about once, in the words of a copied one.
    let linked = bench.path("src/linked-plugin");
    let link = || {
        bench.openclaw(&[
            "plugins",
            "install",
            "-l",
            &linked,
            "--force",
            "--accept-capabilities",
        ])
    };
    let refused = link();
    assert_ne!(refused.code, 0);
    bench.follow(&refused);
    let installed = link();
    assert_eq!(installed.code, 0, "{}", installed.text());

    // One changed byte under the same version.
    let code = bench.root.join("src/local-plugin/index.js");
    let before = std::fs::read_to_string(&code).expect("code");
    std::fs::write(&code, format!("{before} ")).expect("write");
    let refused = bench.plugin(&local);
    assert_ne!(refused.code, 0);
    assert!(
        flat(&refused.text()).contains("is not what was locked under this version"),
        "{}",
        refused.text()
    );
    std::fs::write(&code, &before).expect("write");

    // Another version, and the update passes once it is locked.
    let manifest = bench.root.join("src/local-plugin/package.json");
    let text = std::fs::read_to_string(&manifest)
        .expect("manifest")
        .replace("1.0.0", "1.0.1");
    std::fs::write(&manifest, text).expect("write");
    let refused = bench.plugin(&local);
    assert_ne!(refused.code, 0);
    assert!(
        flat(&refused.text())
            .contains("the lock holds 1.0.0 of path:acme-local, and this is 1.0.1"),
        "{}",
        refused.text()
    );
    bench.follow(&refused);
    let updated = bench.plugin(&local);
    assert_eq!(updated.code, 0, "{}", updated.text());
    bench.same_as_staged("path:acme-local");

    // A violation beats the lock and the review.
    let reviews = bench.root.join("config/openclaw-reviews.toml");
    let kept = std::fs::read_to_string(&reviews).expect("reviews");
    let violation = "\n[[violation]]\npackage = \"path:acme-local\"\nversions = \"*\"\nreason = \"opens a shell\"\nby = \"Ada <ada@example.org>\"\ndate = 2026-11-22\n";
    std::fs::write(&reviews, format!("{kept}{violation}")).expect("reviews");
    let refused = bench.plugin(&local);
    assert_ne!(refused.code, 0);
    assert!(
        flat(&refused.text()).contains("opens a shell"),
        "{}",
        refused.text()
    );
    std::fs::write(&reviews, kept).expect("reviews");

    // A source that policy does not list.
    std::fs::write(
        bench.root.join("config/openclaw-verify.toml"),
        "version = 1\n\n[sources]\ngit = [\"git.example/*\"]\n",
    )
    .expect("policy");
    let refused = bench.plugin(&git);
    assert_ne!(refused.code, 0);
    assert!(
        flat(&refused.text()).contains("unlisted-source"),
        "{}",
        refused.text()
    );
    // The operator's own file is broken: nothing is installed, and the screen says why.
    std::fs::write(
        bench.root.join("config/openclaw-verify.toml"),
        "version = 1\nnonsense = true\n",
    )
    .expect("policy");
    let refused = bench.plugin(&local);
    assert_ne!(refused.code, 0);
    assert!(
        flat(&refused.text()).contains("reached no verdict"),
        "{}",
        refused.text()
    );
}

/// `plugins update` of a package, from one published version to the next.
fn update_from_the_registry(bench: &Bench) {
    let install = || bench.openclaw(&["plugins", "install", "@openclaw/zalo@2026.9.4"]);
    assert_eq!(bench.second_try_passes(&install), "npm:@openclaw/zalo");
    let update = || {
        bench.openclaw(&[
            "plugins",
            "update",
            "@openclaw/zalo@2026.9.5",
            "--accept-capabilities",
        ])
    };
    let refused = update();
    let another = "the lock holds 2026.9.4 of npm:@openclaw/zalo, and this is 2026.9.5";
    assert!(
        flat(&refused.text()).contains(another),
        "{}",
        refused.text()
    );
    let installed = || {
        bench
            .verify(&["plugins", "npm:@openclaw/zalo", "-v"])
            .text()
    };
    assert!(
        installed().contains("2026.9.4"),
        "what was refused is not installed"
    );
    assert_eq!(bench.follow(&refused), "npm:@openclaw/zalo");
    let updated = update();
    assert_eq!(updated.code, 0, "{}", updated.text());
    assert!(installed().contains("2026.9.5"), "what was locked is");
    bench.same_as_staged("npm:@openclaw/zalo");
}

/// An archive whose dependency npm installs between two questions, and one that is locked before it is installed.
fn archives(bench: &Bench) {
    let source = bench.root.join("src");
    pack(&source, "with-a-dependency", "module.exports = 1;\n");
    let manifest = source.join("archived-plugin/package.json");
    let before = std::fs::read_to_string(&manifest).expect("manifest");
    let place = format!(
        "\"dependencies\": {{ \"with-a-dependency\": \"file:{}/with-a-dependency.tgz\" }},\n  \"type\"",
        source.display()
    );
    std::fs::write(
        &manifest,
        before.replace("\"type\"", &place).replace("1.4.0", "1.4.1"),
    )
    .expect("write");
    tar(&source, "archived-plugin");
    std::fs::write(&manifest, &before).expect("write");
    let install = || bench.plugin(&bench.path("src/archived-plugin.tgz"));
    let refused = install();
    let another = "the lock holds 1.4.0 of archive:acme-archived, and this is 1.4.1";
    assert!(
        flat(&refused.text()).contains(another),
        "{}",
        refused.text()
    );
    assert_eq!(bench.follow(&refused), "archive:acme-archived");
    let installed = install();
    assert_eq!(installed.code, 0, "{}", installed.text());
    assert!(
        bench
            .root
            .join("state/extensions/acme-archived/node_modules/with-a-dependency")
            .exists()
    );
    bench.same_as_staged("archive:acme-archived");

    crate::support::copy(
        &source.join("archived-plugin"),
        &source.join("early-plugin"),
    );
    for name in ["package.json", "openclaw.plugin.json", "index.js"] {
        let file = source.join("early-plugin").join(name);
        let text = std::fs::read_to_string(&file)
            .expect("file")
            .replace("acme-archived", "acme-early");
        std::fs::write(&file, text).expect("write");
    }
    tar(&source, "early-plugin");
    let file = bench.path("src/early-plugin.tgz");
    assert_eq!(
        bench
            .verify(&["lock", "archive:acme-early", "--from", &file])
            .code,
        0
    );
    let by = [
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada <ada@example.org>",
        "--yes",
    ];
    let review = [
        &["review", "archive:acme-early", "--from", &file, "--record"],
        by.as_slice(),
    ]
    .concat();
    assert_eq!(bench.verify(&review).code, 0);
    let installed = bench.plugin(&file);
    assert_eq!(installed.code, 0, "{}", installed.text());
    bench.same_as_staged("archive:acme-early");
}

/// An archive of a folder, as npm makes it.
fn tar(source: &Path, folder: &str) {
    let mut tar = Command::new("tar");
    tar.arg("-C")
        .arg(source)
        .args(["--transform", &format!("s,^{folder},package,"), "-czf"]);
    assert!(
        tar.arg(source.join(format!("{folder}.tgz")))
            .arg(folder)
            .status()
            .expect("tar")
            .success()
    );
}

/// An archive of a package with this code.
fn pack(source: &Path, name: &str, code: &str) {
    let folder = source.join(name);
    std::fs::create_dir_all(&folder).expect("folder");
    let manifest = format!("{{\"name\":\"{name}\",\"version\":\"1.0.0\"}}");
    std::fs::write(folder.join("package.json"), manifest).expect("write");
    std::fs::write(folder.join("index.js"), code).expect("write");
    tar(source, name);
}

/// Packs version 1.2.1 of the plugin, which takes a dependency from an archive beside it. Gives its spec.
fn with_dependency(bench: &Bench) -> String {
    let source = bench.root.join("src");
    let manifest = source.join("packed-plugin/package.json");
    let place = format!(
        "\"dependencies\": {{ \"acme-dependency\": \"file:{}\" }},\n  \"type\"",
        bench.path("src/acme-dependency.tgz")
    );
    let text = std::fs::read_to_string(&manifest)
        .expect("manifest")
        .replace("\"type\"", &place)
        .replace("1.2.0", "1.2.1");
    std::fs::write(&manifest, text).expect("write");
    tar(&source, "packed-plugin");
    format!("npm-pack:{}", bench.path("src/packed-plugin.tgz"))
}

/// The same archive of the plugin, with other bytes where it takes its dependency from.
fn swapped_dependency(bench: &Bench) {
    let source = bench.root.join("src");
    let dependency = |code: &str| pack(&source, "acme-dependency", code);
    let spec = with_dependency(bench);
    dependency("module.exports = 1;\n");
    let refused = bench.plugin(&spec);
    let another = "the lock holds 1.2.0 of npm-pack:@acme/acme-packed, and this is 1.2.1";
    assert!(
        flat(&refused.text()).contains(another),
        "{}",
        refused.text()
    );
    bench.follow(&refused);
    dependency("module.exports = 2;\n");
    let refused = bench.plugin(&spec);
    assert_ne!(refused.code, 0);
    assert!(
        flat(&refused.text()).contains("openclaw-verify/dependency-mismatch"),
        "{}",
        refused.text()
    );
    dependency("module.exports = 1;\n");
    let installed = bench.plugin(&spec);
    assert_eq!(installed.code, 0, "{}", installed.text());
    bench.same_as_staged("npm-pack:@acme/acme-packed");
}

#[test]
#[ignore = "needs a real OpenClaw"]
fn openclaw_does_not_install_what_advisories_call_malware() {
    let bench = Bench::new(&real());
    let set_up = bench.verify(&["gate", "--setup", "--apply"]);
    assert_eq!(set_up.code, 0, "{}", set_up.text());
    let policy = "version = 1\n[advisories]\nindex = \"advisories.index\"\n";
    std::fs::write(bench.root.join("config/openclaw-verify.toml"), policy).expect("policy");
    let known = |name: &str, affected: &str, more: &str| {
        let record = format!(
            r#"{{"id":"MAL-2026-1","modified":"2026-11-01T00:00:00Z"{more},"affected":[{{"package":{{"ecosystem":"npm","name":"{name}"}},{affected}}}]}}"#
        );
        let file = bench.root.join("record.json");
        std::fs::write(&file, record).expect("record");
        let run = bench.verify(&["advisories", "import", &file.to_string_lossy()]);
        assert_eq!(run.code, 0, "{}", run.text());
    };
    let forever = r#""ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]"#;
    let packed = format!("npm-pack:{}", bench.path("src/acme-acme-packed-1.2.0.tgz"));
    let local = |name: &str| {
        bench.root.join("state/npm/projects").is_dir() && {
            let found = Command::new("find")
                .arg(bench.root.join("state/npm/projects"))
                .args(["-path", &format!("*/node_modules/{name}/*")])
                .output()
                .expect("find");
            !found.stdout.is_empty()
        }
    };
    // By version and by a range without an end; nothing of it is left behind.
    for affected in [r#""versions":["1.2.0"]"#, forever] {
        known("@acme/acme-packed", affected, "");
        let refused = bench.plugin(&packed);
        assert_ne!(refused.code, 0, "{}", refused.text());
        let said = flat(&refused.text());
        assert!(
            said.contains("MAL-2026-1") && said.contains("known-malicious"),
            "{said}"
        );
        assert!(!local("@acme/acme-packed"), "{affected}");
    }
    // One that was taken back says nothing, and the usual questions are asked.
    known(
        "@acme/acme-packed",
        forever,
        r#","withdrawn":"2026-11-02T00:00:00Z""#,
    );
    bench.second_try_passes(&|| bench.plugin(&packed));
    let check = bench.verify(&["check"]);
    assert!(
        !check.text().contains("known-malicious"),
        "{}",
        check.text()
    );
    // What is installed already is found every day after.
    known("@acme/acme-packed", forever, "");
    let check = bench.verify(&["check"]);
    assert_eq!(check.code, 1, "{}", check.text());
    assert!(check.text().contains("known-malicious"), "{}", check.text());

    // A dependency that the archive only names: it is there when the package is staged.
    known("acme-dependency", forever, "");
    let source = bench.root.join("src");
    pack(&source, "acme-dependency", "module.exports = 1;\n");
    let spec = with_dependency(&bench);
    let refused = bench.plugin(&spec);
    assert_ne!(refused.code, 0, "{}", refused.text());
    assert!(
        flat(&refused.text()).contains("known-malicious"),
        "{}",
        refused.text()
    );
    assert!(!local("acme-dependency"));
}
