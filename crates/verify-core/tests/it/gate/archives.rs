//! Archives: what npm adds to one between two questions, and one that is locked before it is installed for the first time.

use std::fs;
use std::path::PathBuf;

use openclaw_verify_core::gate::StagedCopy;
use openclaw_verify_core::operator_file;
use openclaw_verify_core::subject::SubjectId;
use serde_json::{Value, json};

use super::{Bench, allowed, blocked, reason, rules};

impl Bench {
    /// An unpacked archive, whose package asks for `dependencies`.
    fn unpacked(&self, dependencies: Value) {
        let package = json!({ "name": "@acme/packed", "version": "1.0.0", "dependencies": dependencies, "openclaw": { "extensions": ["./index.js"] } });
        self.write("unpacked/package.json", &package.to_string());
        self.write(
            "unpacked/openclaw.plugin.json",
            r#"{"id":"packed","configSchema":{}}"#,
        );
        self.write("unpacked/index.js", "export default {};\n");
    }

    /// What OpenClaw asks about it: as it was unpacked, and with what npm has added.
    fn archive(&self, origin: &str) -> Value {
        let content = if origin == "plugin-package" {
            "package"
        } else {
            "dependency-tree"
        };
        let plugin = json!({ "contentType": content, "pluginId": "packed" });
        self.plugin(
            "unpacked",
            "archive",
            origin,
            "plugin-archive",
            "/home/user/packed-1.0.0.tgz",
            plugin,
        )
    }

    fn tgz(&self) -> PathBuf {
        let file = self.root.join("packed.tgz");
        let mut tar = std::process::Command::new("tar");
        tar.arg("-C")
            .arg(&self.root)
            .args(["--transform", "s,^unpacked,package,", "-czf"])
            .arg(&file)
            .arg("unpacked");
        assert!(tar.status().expect("tar").success());
        file
    }

    fn staged(&self, id: &str) -> Result<StagedCopy, String> {
        let folder = self.root.join("unpacked-again");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("folder");
        StagedCopy::of_archive(&self.tgz(), &id.parse::<SubjectId>().expect("id"), &folder)
            .map_err(|why| why.to_string())
    }
}

#[test]
fn an_archive_whose_dependencies_npm_installs_passes_the_second_time() {
    let bench = Bench::new();
    bench.unpacked(json!({ "dep": "2.0.0" }));
    let first = bench.ask(&bench.archive("plugin-package"));
    allowed(&first);
    assert_eq!(
        rules(&first),
        ["not-locked"],
        "npm comes before OpenClaw asks again: {first}"
    );
    bench.write(
        "unpacked/node_modules/dep/package.json",
        r#"{"name":"dep","version":"2.0.0"}"#,
    );
    bench.write(
        "unpacked/node_modules/dep/index.js",
        "module.exports = 1;\n",
    );
    blocked(
        &bench.ask(&bench.archive("plugin-dependency-tree")),
        "not-locked",
    );
    bench.lock_kept("archive:packed");
    allowed(&bench.ask(&bench.archive("plugin-dependency-tree")));
    bench.write(
        "unpacked/node_modules/dep/index.js",
        "module.exports = 2;\n",
    );
    blocked(
        &bench.ask(&bench.archive("plugin-dependency-tree")),
        "dependency-mismatch",
    );
    fs::remove_dir_all(bench.root.join("unpacked/node_modules")).expect("remove");
    allowed(&bench.ask(&bench.archive("plugin-package")));
    blocked(
        &bench.ask(&bench.archive("plugin-dependency-tree")),
        "dependency-mismatch",
    );
}

#[test]
fn only_an_archive_with_dependencies_is_asked_about_again() {
    let bench = Bench::new();
    bench.unpacked(json!({}));
    blocked(&bench.ask(&bench.archive("plugin-package")), "not-locked");
    // A folder may be linked, and a bundle is asked about once, whatever its package.json says.
    bench.unpacked(json!({ "dep": "2.0.0" }));
    let plugin = json!({ "contentType": "package", "pluginId": "packed" });
    blocked(
        &bench.ask(&bench.plugin(
            "unpacked",
            "local-path",
            "plugin-package",
            "plugin-dir",
            "./unpacked",
            plugin,
        )),
        "not-locked",
    );
    let bundle = json!({ "contentType": "bundle", "pluginId": "packed" });
    blocked(
        &bench.ask(&bench.plugin(
            "unpacked",
            "archive",
            "plugin-bundle",
            "plugin-archive",
            "./x.tgz",
            bundle,
        )),
        "not-locked",
    );
    // What nothing can clear is refused at once.
    std::os::unix::fs::symlink("/etc/hostname", bench.root.join("unpacked/out")).expect("link");
    blocked(&bench.ask(&bench.archive("plugin-package")), "unsafe-tree");
}

#[test]
fn an_archive_is_locked_before_the_first_try() {
    let bench = Bench::new();
    bench.unpacked(json!({}));
    let id: SubjectId = "archive:packed".parse().expect("id");
    let kept = bench.staged(id.as_str()).expect("staged");
    let relock = bench
        .verifier_at(super::NOW)
        .relock_copy(&id, &kept)
        .expect("lock");
    assert!(relock.refused.is_empty(), "{:?}", relock.refused);
    operator_file::write_atomic(
        &bench.root.join("config/openclaw-verify.lock"),
        &relock.lock.write(),
    )
    .expect("lock");
    let reply = bench.ask(&bench.archive("plugin-package"));
    assert_eq!(
        rules(&reply),
        ["unreviewed"],
        "locked, and not reviewed: {reply}"
    );
    assert!(
        reason(&reply).contains("then record a review of it, then install again"),
        "{reply}"
    );
    bench.write("unpacked/index.js", "export default {} ;\n");
    blocked(
        &bench.ask(&bench.archive("plugin-package")),
        "tree-mismatch",
    );
}

#[test]
fn what_is_more_than_the_archive_is_not_locked_from_it() {
    let bench = Bench::new();
    bench.unpacked(json!({}));
    for id in ["npm:@acme/packed", "npm-pack:@acme/packed"] {
        bench.staged(id).expect("a package without dependencies");
    }
    for (id, why) in [
        ("archive:other", "it holds the plugin packed"),
        ("npm:@acme/other", "it is the package @acme/packed"),
        (
            "skill:workspace/packed",
            "OpenClaw installs no skill: from an archive",
        ),
    ] {
        let error = bench.staged(id).expect_err("refused");
        assert!(error.contains(why), "{id}: {error}");
    }
    bench.write("unpacked/.gitignore", "x\n");
    assert!(
        bench
            .staged("npm:@acme/packed")
            .expect_err("refused")
            .contains("npm changes")
    );
    bench
        .staged("archive:packed")
        .expect("nothing is renamed outside npm");
    bench.unpacked(json!({ "dep": "2.0.0" }));
    assert!(
        bench
            .staged("archive:packed")
            .expect_err("refused")
            .contains("depends on dep")
    );
    fs::write(bench.root.join("unpacked/package.json"), "{").expect("write");
    assert!(
        bench
            .staged("archive:packed")
            .expect_err("refused")
            .contains("package.json")
    );
}
