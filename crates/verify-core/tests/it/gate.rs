//! The gate: every request gets one valid reply, and only exactly what was locked and read gets an allow.

mod advisories;
mod archives;
mod tags;

use std::fs;
use std::path::PathBuf;

use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::gate::{
    Gate, NoCopy, NoWarn, Reply, Request, Spool, StagedCopy, Verdict,
};
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Builder, Verifier, operator_file};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: &str = "2026-11-22T12:00:00Z";

/// An operator's folder and a staging folder.
struct Bench {
    _temporary: tempfile::TempDir,
    root: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let root = temporary.path().canonicalize().expect("real path");
        fs::create_dir(root.join("config")).expect("folder");
        Self {
            _temporary: temporary,
            root,
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, text).expect("write");
    }

    fn builder_at(&self, now: &str) -> Builder {
        let file = |name: &str| (self.root.join("config").join(name), name.to_owned());
        let (policy, lock, reviews) = (
            file("openclaw-verify.toml"),
            file("openclaw-verify.lock"),
            file("openclaw-reviews.toml"),
        );
        let builder = Verifier::builder(now.parse().expect("time")).policy(policy.0, policy.1);
        builder.lock(lock.0, lock.1).reviews(reviews.0, reviews.1)
    }

    fn verifier_at(&self, now: &str) -> Verifier {
        self.builder_at(now).build().expect("verifier")
    }

    fn gate(&self) -> Gate {
        Gate::new(self.verifier_at(NOW)).spool(Spool::new(self.root.join("spool")))
    }

    fn ask(&self, request: &Value) -> Value {
        said(&self.gate().answer(request.to_string().as_bytes()))
    }

    /// What the operator does after reading: lock from the kept copy, vouch for it.
    fn lock_kept(&self, id: &str) {
        let kept = fs::read_dir(self.root.join("spool/kept"))
            .expect("kept")
            .flatten();
        let kept = kept
            .map(|entry| entry.path())
            .filter(|path| path.join("request.json").exists());
        let id: SubjectId = id.parse().expect("id");
        let relock = kept
            .filter_map(|path| {
                self.verifier_at(NOW)
                    .relock_copy(&id, &StagedCopy::open(&path).expect("kept copy"))
                    .ok()
            })
            .last()
            .expect("a kept copy of this subject");
        assert!(relock.refused.is_empty(), "{:?}", relock.refused);
        operator_file::write_atomic(
            &self.root.join("config/openclaw-verify.lock"),
            &relock.lock.write(),
        )
        .expect("lock");
        let tree = relock.lock.package(&id).expect("entry").tree.expect("tree");
        let reviews = self.root.join("config/openclaw-reviews.toml");
        let mut text = fs::read_to_string(&reviews).unwrap_or_else(|_| "version = 1\n".to_owned());
        text.push_str(&format!(
            "\n[[review]]\npackage = \"{id}\"\ntree = \"{tree}\"\ncriteria = \"safe-to-run\"\nby = \"Ada <ada@example.org>\"\ndate = 2026-11-22\n"
        ));
        fs::write(reviews, text).expect("reviews");
    }

    /// A staged npm project with one dependency, as npm makes it.
    fn npm_project(&self, version: &str) {
        self.write(
            "project/package.json",
            &json!({ "private": true, "dependencies": { "@acme/notes": version } }).to_string(),
        );
        let integrity = Sri::of(version.as_bytes()).to_string();
        let entry = |name: &str, version: &str, integrity: &str| json!({ "version": version, "resolved": format!("https://registry.example/{name}/-/x-{version}.tgz"), "integrity": integrity });
        let packages = json!({
            "node_modules/@acme/notes": entry("@acme/notes", version, &integrity),
            "node_modules/dep": entry("dep", "2.0.0", &Sri::of(b"dep").to_string()),
        });
        self.write(
            "project/package-lock.json",
            &json!({ "lockfileVersion": 3, "packages": packages }).to_string(),
        );
        let package = json!({ "name": "@acme/notes", "version": version, "dependencies": { "dep": "2.0.0" }, "openclaw": { "extensions": ["./index.js"] } });
        self.write(
            "project/node_modules/@acme/notes/package.json",
            &package.to_string(),
        );
        self.write(
            "project/node_modules/@acme/notes/openclaw.plugin.json",
            r#"{"id":"notes","configSchema":{}}"#,
        );
        self.write(
            "project/node_modules/@acme/notes/index.js",
            "export default {};\n",
        );
        self.write(
            "project/node_modules/dep/package.json",
            r#"{"name":"dep","version":"2.0.0"}"#,
        );
        self.write("project/node_modules/dep/index.js", "module.exports = 1;\n");
        let resolution =
            json!({ "name": "@acme/notes", "version": version, "integrity": integrity });
        self.write(
            "npm-package-metadata.json",
            &json!({ "packageName": "@acme/notes", "resolution": resolution }).to_string(),
        );
    }

    fn npm(&self, step: usize) -> Value {
        let (path, origin, content) = [
            ("npm-package-metadata.json", "plugin-npm", "package"),
            (
                "project/node_modules/@acme/notes",
                "plugin-package",
                "package",
            ),
            ("project", "plugin-dependency-tree", "dependency-tree"),
        ][step];
        let mut plugin = json!({ "contentType": content, "pluginId": "notes" });
        if step < 2 {
            plugin["packageName"] = "@acme/notes".into();
        }
        self.plugin(path, "npm", origin, "plugin-npm", "@acme/notes", plugin)
    }

    fn plugin(
        &self,
        path: &str,
        source: &str,
        origin: &str,
        kind: &str,
        spec: &str,
        plugin: Value,
    ) -> Value {
        let path = self.root.join(path);
        json!({
            "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "notes", "targetType": "plugin",
            "sourcePath": path, "sourcePathKind": if path.is_file() { "file" } else { "directory" },
            "source": { "kind": source, "authority": "third-party", "mutable": false, "network": true },
            "origin": { "type": origin }, "request": { "kind": kind, "mode": "install", "requestedSpecifier": spec }, "plugin": plugin,
        })
    }

    fn folder_plugin(&self) -> Value {
        self.write(
            "folder/package.json",
            r#"{"name":"@acme/local","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}"#,
        );
        self.write(
            "folder/openclaw.plugin.json",
            r#"{"id":"local","configSchema":{}}"#,
        );
        self.write("folder/index.js", "export default {};\n");
        let plugin = json!({ "contentType": "package", "pluginId": "local", "packageName": "@acme/local", "version": "1.0.0" });
        self.plugin(
            "folder",
            "local-path",
            "plugin-package",
            "plugin-dir",
            "./folder",
            plugin,
        )
    }

    fn npm_all(&self) -> Vec<Value> {
        (0..3).map(|step| self.ask(&self.npm(step))).collect()
    }
}

/// The reply as OpenClaw reads it; fails when OpenClaw would.
fn said(reply: &Reply) -> Value {
    let text = reply.to_json();
    let value: Value = serde_json::from_str(&text).expect("one JSON object");
    let units = |text: &str| text.encode_utf16().count();
    assert_eq!(value["protocolVersion"], 1);
    let decision = value["decision"].as_str().expect("decision");
    assert!(["allow", "warn", "block"].contains(&decision));
    if decision != "allow" {
        let reason = value["reason"].as_str().expect("reason");
        assert!(
            !reason.trim().is_empty() && units(reason) <= 1000,
            "{reason}"
        );
    }
    let findings = value["findings"].as_array().cloned().unwrap_or_default();
    assert!(findings.len() <= 20);
    let mut shown = units(value["reason"].as_str().unwrap_or_default()) + 700;
    for finding in &findings {
        let text = |key: &str| finding[key].as_str().map_or(0, units);
        assert!(
            ["info", "warn", "critical"].contains(&finding["severity"].as_str().expect("severity"))
        );
        assert!(
            text("ruleId") > 0
                && text("message") > 0
                && text("message") <= 1000
                && text("evidence") <= 1000
        );
        shown += text("ruleId") + text("severity") + text("message") + text("evidence") + 30;
    }
    assert!(shown <= 4000, "{shown} units");
    value
}

fn reason(reply: &Value) -> &str {
    reply["reason"].as_str().unwrap_or_default()
}

fn rules(reply: &Value) -> Vec<&str> {
    let findings = reply["findings"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    findings
        .iter()
        .filter_map(|finding| finding["ruleId"].as_str()?.strip_prefix("openclaw-verify/"))
        .collect()
}

#[track_caller]
fn blocked(reply: &Value, rule: &str) {
    assert_eq!(reply["decision"], "block", "{reply}");
    assert!(rules(reply).contains(&rule), "{rule} not in {reply}");
}

#[track_caller]
fn allowed(reply: &Value) {
    assert_eq!(reply["decision"], "allow", "{reply}");
}

#[test]
fn the_second_try_passes_after_locking_what_was_kept() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    let [announced, package, tree]: [Value; 3] = bench.npm_all().try_into().expect("three");
    allowed(&announced);
    assert_eq!(
        rules(&announced),
        ["not-locked"],
        "reported, and judged when it is staged"
    );
    blocked(&package, "not-locked");
    blocked(&tree, "not-locked");
    assert!(reason(&tree).starts_with("Read "), "{tree}");
    assert!(
        reason(&tree).contains("/content, then lock it, record a review of it, then install again"),
        "{tree}"
    );
    assert_eq!(
        reason(&package),
        reason(&tree),
        "the same project is kept once"
    );
    bench.lock_kept("npm:@acme/notes");
    bench.npm_all().iter().for_each(allowed);
}

#[test]
fn the_same_bytes_from_another_source_are_locked_as_what_was_asked_last() {
    let bench = Bench::new();
    bench.write(
        "skill/SKILL.md",
        "---\nname: weather\ndescription: d\n---\nhello\n",
    );
    let by_path = skill(&bench);
    blocked(&bench.ask(&by_path), "not-locked");
    bench.lock_kept("skill:workspace/weather");
    allowed(&bench.ask(&by_path));

    let kept = fs::read_dir(bench.root.join("spool/kept")).expect("kept");
    let [kept]: [PathBuf; 1] = kept
        .flatten()
        .map(|entry| entry.path())
        .collect::<Vec<_>>()
        .try_into()
        .expect("one copy");
    let source = || StagedCopy::open(&kept).expect("a copy").request.source;
    let mut by_git = by_path.clone();
    by_git["source"]["kind"] = "git".into();
    by_git["origin"] = json!({ "type": "git", "spec": "git:https://git.example/acme/weather", "commit": "a".repeat(40) });
    let by_path = source();
    blocked(&bench.ask(&by_git), "record-mismatch");
    assert_ne!(
        source(),
        by_path,
        "the name of the copy is that of its content"
    );
    let inode = || {
        let request = fs::metadata(kept.join("request.json")).expect("request");
        std::os::unix::fs::MetadataExt::ino(&request)
    };
    let before = inode();
    bench.ask(&by_git);
    assert_eq!(inode(), before, "the same request keeps nothing anew");
}

#[test]
fn what_changed_since_it_was_locked_is_refused() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.npm_all();
    bench.lock_kept("npm:@acme/notes");
    bench.npm_all().iter().for_each(allowed);

    bench.write(
        "project/node_modules/@acme/notes/index.js",
        "export default {} ;\n",
    );
    blocked(&bench.ask(&bench.npm(1)), "tree-mismatch");
    let reply = bench.ask(&bench.npm(2));
    blocked(&reply, "tree-mismatch");
    assert!(
        reason(&reply).starts_with("Find out why it changed"),
        "{reply}"
    );
    bench.npm_project("1.0.0");

    bench.write("project/node_modules/dep/index.js", "module.exports = 2;\n");
    blocked(&bench.ask(&bench.npm(2)), "dependency-mismatch");
    bench.npm_project("1.0.0");
    bench.write("project/node_modules/extra/index.js", "");
    blocked(&bench.ask(&bench.npm(2)), "dependency-mismatch");
    fs::remove_dir_all(bench.root.join("project/node_modules/extra")).expect("remove");
    allowed(&bench.ask(&bench.npm(2)));

    fs::remove_dir_all(bench.root.join("spool/kept")).expect("remove");
    bench.npm_project("1.1.0");
    bench.ask(&bench.npm(0));
    let reply = bench.ask(&bench.npm(2));
    blocked(&reply, "tree-mismatch");
    assert!(
        reason(&reply).contains("the lock holds 1.0.0 of npm:@acme/notes, and this is 1.1.0"),
        "{reply}"
    );
    bench.lock_kept("npm:@acme/notes");
    bench.npm_all().iter().for_each(allowed);
}

#[test]
fn another_archive_under_the_locked_version_is_refused_before_it_is_fetched() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.npm_all();
    bench.lock_kept("npm:@acme/notes");
    let resolution = json!({ "name": "@acme/notes", "version": "1.0.0", "integrity": Sri::of(b"other").to_string() });
    bench.write(
        "npm-package-metadata.json",
        &json!({ "packageName": "@acme/notes", "resolution": resolution }).to_string(),
    );
    blocked(&bench.ask(&bench.npm(0)), "archive-mismatch");
    // The announcement is remembered: what is staged now is not what was announced.
    let resolution = json!({ "name": "@acme/other", "version": "1.0.0", "integrity": Sri::of(b"other").to_string() });
    bench.write(
        "npm-package-metadata.json",
        &json!({ "packageName": "@acme/notes", "resolution": resolution }).to_string(),
    );
    assert!(reason(&bench.ask(&bench.npm(0))).contains("npm's metadata about @acme/other"));
}

#[test]
fn the_spool_can_only_refuse() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.npm_all();
    bench.lock_kept("npm:@acme/notes");
    let announced = bench.root.join("spool/announced");
    let forge = |name: &str, text: &str| fs::write(announced.join(name), text).expect("write");
    for entry in fs::read_dir(&announced).expect("announced").flatten() {
        fs::remove_file(entry.path()).expect("remove");
    }
    // Whatever is not a recent, well-formed announcement counts as absent.
    let other = Sri::of(b"other").to_string();
    forge("garbage.json", "{");
    forge(
        "twice.json",
        r#"{"id":"npm:@acme/notes","id":"npm:@acme/notes"}"#,
    );
    forge(
        "old.json",
        &json!({ "id": "npm:@acme/notes", "archive": other, "at": 0 }).to_string(),
    );
    forge(
        "later.json",
        &json!({ "id": "npm:@acme/notes", "archive": other, "at": i64::MAX }).to_string(),
    );
    forge(
        "weak.json",
        &json!({ "id": "npm:@acme/notes", "archive": "sha1-AA", "at": 1_795_348_800 }).to_string(),
    );
    fs::create_dir(announced.join("folder.json")).expect("folder");
    allowed(&bench.ask(&bench.npm(2)));
    // A recent one for other bytes contradicts; one for these bytes beside it is another install at the same time.
    let now = NOW.parse::<jiff::Timestamp>().expect("time").as_second();
    forge(
        "other.json",
        &json!({ "id": "npm:@acme/notes", "archive": other, "at": now }).to_string(),
    );
    blocked(&bench.ask(&bench.npm(2)), "archive-mismatch");
    allowed(&bench.ask(&bench.npm(0)));
    allowed(&bench.ask(&bench.npm(2)));

    // With nothing to write to, the reply is poorer and as safe.
    let verifier = bench.verifier_at(NOW);
    let gate = Gate::new(verifier).spool(Spool::new("/dev/null/nowhere"));
    allowed(&said(&gate.answer(bench.npm(2).to_string().as_bytes())));
    bench.write("project/node_modules/dep/index.js", "changed");
    blocked(
        &said(&gate.answer(bench.npm(2).to_string().as_bytes())),
        "dependency-mismatch",
    );
}

#[test]
fn a_copy_that_was_changed_in_the_spool_is_not_locked() {
    let bench = Bench::new();
    let folder = bench.folder_plugin();
    bench.ask(&folder);
    let kept = fs::read_dir(bench.root.join("spool/kept"))
        .expect("kept")
        .flatten()
        .next()
        .expect("one")
        .path();
    let id: SubjectId = "path:local".parse().expect("id");
    let lock = || {
        bench
            .verifier_at(NOW)
            .relock_copy(&id, &StagedCopy::open(&kept).expect("kept copy"))
    };
    let read = || {
        bench.verifier_at(NOW).review_material_of_copy(
            &id,
            &StagedCopy::open(&kept).expect("kept copy"),
            openclaw_verify_core::Since::Nothing,
            false,
        )
    };
    lock().expect("as it was kept");
    read().expect("as it was kept");
    fs::write(
        kept.join("content/index.js"),
        "import 'node:child_process';\n",
    )
    .expect("write");
    for error in [lock().err(), read().err()] {
        let error = error
            .expect("other files than those that were refused")
            .to_string();
        assert!(error.contains("not those that the gate kept"), "{error}");
    }

    // Another copy under the name of this one.
    bench.write("folder/index.js", "import 'node:net';\n");
    bench.ask(&folder);
    let folders = fs::read_dir(bench.root.join("spool/kept"))
        .expect("kept")
        .flatten()
        .map(|entry| entry.path());
    let other = folders
        .into_iter()
        .find(|path| *path != kept && path.is_dir())
        .expect("another copy");
    fs::rename(&kept, bench.root.join("spool/away")).expect("rename");
    std::os::unix::fs::symlink(other.file_name().expect("name"), &kept).expect("link");
    let error = StagedCopy::open(&kept).map(|_| ()).expect_err("a link");
    assert!(matches!(error, NoCopy::Link), "{error}");
    fs::remove_file(&kept).expect("remove");
    fs::rename(&other, &kept).expect("rename");
    let error = lock().map(|_| ()).expect_err("another copy").to_string();
    assert!(error.contains("not those that the gate kept"), "{error}");
}

#[test]
fn a_refusal_says_when_dependencies_have_to_be_read_too() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    let policy = |dependencies: &str| {
        let rule = "pin = \"digest\"\nprovenance = \"optional\"\nreview = \"safe-to-run\"";
        let text = format!(
            "version = 1\n[[rule]]\nmatch = \"npm:@acme/notes\"\n{rule}\ndependencies = \"{dependencies}\"\n"
        );
        bench.write("config/openclaw-verify.toml", &text);
        let reply = bench.ask(&bench.npm(2));
        blocked(&reply, "not-locked");
        reason(&reply).contains("record a review of it and of its dependencies")
    };
    assert!(policy("reviewed") && !policy("locked"));
}

#[cfg(feature = "online")]
#[test]
fn what_only_a_registry_knows_is_asked_for_when_the_copy_is_locked() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.write(
        "config/openclaw-verify.toml",
        "version = 1\npreset = \"strict\"\n",
    );
    let reply = bench.ask(&bench.npm(2));
    blocked(&reply, "not-established");
    assert!(
        reason(&reply).contains("then lock it with the registry asked"),
        "{reply}"
    );
    bench.lock_kept("npm:@acme/notes");
    let reply = bench.ask(&bench.npm(2));
    blocked(&reply, "not-established");
    assert!(
        reason(&reply).contains("with the registry asked"),
        "locked and reviewed, and its builder is not known: {reply}"
    );
}

#[test]
fn folders_git_bundles_hooks_and_skills() {
    let bench = Bench::new();
    let folder = bench.folder_plugin();
    blocked(&bench.ask(&folder), "not-locked");
    bench.lock_kept("path:local");
    allowed(&bench.ask(&folder));
    // The same bytes under another id are not locked.
    let mut renamed = folder.clone();
    renamed["plugin"]["pluginId"] = "other".into();
    blocked(&bench.ask(&renamed), "not-locked");

    bench.write(
        "git/package.json",
        r#"{"name":"@acme/git","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}"#,
    );
    bench.write(
        "git/openclaw.plugin.json",
        r#"{"id":"git","configSchema":{}}"#,
    );
    bench.write("git/index.js", "export default {};\n");
    bench.write("git/.git/HEAD", &format!("{}\n", "1".repeat(40)));
    let git = |origin: &str| {
        bench.plugin(
            "git",
            "git",
            origin,
            "plugin-git",
            "git:https://git.example/acme/git@v1",
            json!({ "contentType": "package", "pluginId": "git" }),
        )
    };
    allowed(&bench.ask(&git("plugin-git")));
    blocked(&bench.ask(&git("plugin-package")), "not-locked");
    bench.lock_kept("git:git.example/acme/git");
    allowed(&bench.ask(&git("plugin-package")));
    bench.write("git/.git/HEAD", &format!("{}\n", "2".repeat(40)));
    blocked(&bench.ask(&git("plugin-package")), "tree-mismatch");

    bench.write(
        "bundle/.claude-plugin/plugin.json",
        r#"{"name":"bundle","version":"1.0.0"}"#,
    );
    let bundle = bench.plugin(
        "bundle",
        "local-path",
        "plugin-bundle",
        "plugin-dir",
        "./bundle",
        json!({ "contentType": "bundle", "pluginId": "bundle" }),
    );
    blocked(&bench.ask(&bundle), "not-locked");
    bench.lock_kept("bundle:bundle");
    allowed(&bench.ask(&bundle));

    bench.write(
        "hooks/package.json",
        r#"{"name":"@acme/hooks","version":"1.0.0","openclaw":{"hooks":["./a"]}}"#,
    );
    bench.write("hooks/a/HOOK.md", "---\nname: a\n---\n");
    let hooks = bench.plugin(
        "hooks",
        "local-path",
        "plugin-package",
        "plugin-dir",
        "./hooks",
        json!({ "contentType": "package", "pluginId": "hooks" }),
    );
    blocked(&bench.ask(&hooks), "not-locked");
    bench.lock_kept("hook:managed/hooks");
    allowed(&bench.ask(&hooks));

    bench.write(
        "skill/SKILL.md",
        "---\nname: weather\ndescription: d\n---\nhello\n",
    );
    let skill = skill(&bench);
    blocked(&bench.ask(&skill), "not-locked");
    bench.lock_kept("skill:workspace/weather");
    allowed(&bench.ask(&skill));
    bench.write(
        "skill/SKILL.md",
        "---\nname: weather\ndescription: d\n---\nhello!\n",
    );
    blocked(&bench.ask(&skill), "tree-mismatch");
}

fn skill(bench: &Bench) -> Value {
    json!({
        "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "weather", "targetType": "skill",
        "sourcePath": bench.root.join("skill"), "sourcePathKind": "directory",
        "source": { "kind": "local-path", "authority": "user", "mutable": true, "network": false },
        "origin": { "type": "path", "spec": "./skill" },
        "request": { "kind": "skill-install", "mode": "install", "requestedSpecifier": "./skill" }, "skill": { "installId": "path" },
    })
}

/// OpenClaw reads the steps before it asks and runs the one that it read then, so the request and the files have to say the same.
#[test]
fn an_install_step_that_the_skill_does_not_have_is_refused() {
    let bench = Bench::new();
    bench.write(
        "skill/SKILL.md",
        "---\nname: weather\ndescription: d\nmetadata: {\"openclaw\":{\"install\":[{\"id\":\"npm\",\"kind\":\"node\",\"package\":\"left-pad@1.3.0\"}]}}\n---\nhello\n",
    );
    let request = |step: Value| {
        let mut request = skill(&bench);
        request["skill"] = json!({ "installId": "npm", "installSpec": step });
        request
    };
    blocked(&bench.ask(&skill(&bench)), "not-locked");
    bench.lock_kept("skill:workspace/weather");
    allowed(&bench.ask(&skill(&bench)));
    let own = json!({ "id": "npm", "kind": "node", "package": "left-pad@1.3.0", "bins": ["x"] });
    allowed(&bench.ask(&request(own)));
    for other in [
        json!({ "id": "npm", "kind": "node", "package": "evil" }),
        json!({ "id": "npm", "kind": "download", "url": "http://evil.example/x.tgz" }),
        json!({ "id": "npm" }),
        json!("left-pad@1.3.0"),
    ] {
        let reply = bench.ask(&request(other));
        blocked(&reply, "record-mismatch");
        let evidence = evidence(&reply, "record-mismatch");
        assert!(
            evidence.ends_with("; found node left-pad@1.3.0"),
            "{evidence}"
        );
    }
    // Nothing is no text behind a word.
    bench.write(
        "skill/SKILL.md",
        "---\nname: weather\ndescription: d\n---\nhello\n",
    );
    let reply = bench.ask(&request(json!({ "kind": "node", "package": "left-pad" })));
    let evidence = evidence(&reply, "record-mismatch");
    assert!(
        evidence.ends_with("; found no install step in SKILL.md"),
        "{evidence}"
    );
}

/// The evidence of a finding of this rule.
fn evidence(reply: &Value, rule: &str) -> String {
    let mut findings = reply["findings"].as_array().expect("findings").iter();
    let finding = findings.find(|finding| {
        finding["ruleId"]
            .as_str()
            .is_some_and(|id| id.contains(rule))
            && finding["evidence"].is_string()
    });
    finding.expect(rule)["evidence"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn what_is_staged_in_place_of_what_was_asked_for_is_what_was_found() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    let mut request = bench.npm(2);
    request["request"]["requestedSpecifier"] = "@acme/notes@9.9.9".into();
    let evidence = evidence(&bench.ask(&request), "record-mismatch");
    assert_eq!(evidence, "recorded 9.9.9; found 1.0.0");
}

/// An installer reads the reason alone, so it says what belongs into the request.
#[test]
fn a_request_that_names_too_little_is_refused_with_what_is_missing() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    let nameless = |step| {
        let mut request = bench.npm(step);
        for part in ["plugin", "origin"] {
            if let Some(part) = request[part].as_object_mut() {
                part.remove("packageName");
            }
        }
        request
    };
    let mut metadata = bench.npm(0);
    metadata["sourcePath"] = bench.root.join("picture").to_str().expect("text").into();
    fs::write(bench.root.join("picture"), b"\xff\xfe").expect("file");
    let mut file = bench.npm(2);
    file["sourcePath"] = bench.root.join("picture").to_str().expect("text").into();
    let mut absent = bench.npm(2);
    absent["sourcePath"] = "/nowhere/staged".into();
    let mut relative = bench.npm(2);
    relative["sourcePath"] = "./project".into();
    for (request, way_out) in [
        (nameless(1), "give its name as `plugin.packageName`"),
        (
            metadata,
            "with the origin plugin-npm `sourcePath` names a JSON file",
        ),
        (file, "`sourcePath` has to name the folder"),
        (absent, "which `sourcePath` names, cannot be read"),
        (
            relative,
            "`sourcePath` is no absolute path; give it from `/` on",
        ),
    ] {
        let reply = bench.ask(&request);
        assert_eq!(reply["decision"], "block", "{reply}");
        assert!(reason(&reply).contains(way_out), "{way_out}: {reply}");
    }
    for entry in [
        "project/package-lock.json",
        "project/node_modules/.package-lock.json",
    ] {
        let _ = fs::remove_file(bench.root.join(entry));
    }
    let reply = bench.ask(&bench.npm(2));
    assert!(
        reply
            .to_string()
            .contains("npm install --ignore-scripts --package-lock writes one"),
        "{reply}"
    );
}

#[test]
fn a_violation_and_an_unlisted_source_beat_lock_and_review() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.npm_all();
    bench.lock_kept("npm:@acme/notes");
    let reviews =
        fs::read_to_string(bench.root.join("config/openclaw-reviews.toml")).expect("reviews");
    bench.write("config/openclaw-reviews.toml", &format!("{reviews}\n[[violation]]\npackage = \"npm:@acme/notes\"\nversions = \"*\"\nreason = \"opens a shell\"\nby = \"Ada <ada@example.org>\"\ndate = 2026-11-22\n"));
    for step in 0..3 {
        let reply = bench.ask(&bench.npm(step));
        blocked(&reply, "violation");
        assert!(
            reason(&reply).starts_with("Do not install npm:@acme/notes"),
            "{reply}"
        );
    }
    bench.write("config/openclaw-reviews.toml", &reviews);
    bench.write(
        "config/openclaw-verify.toml",
        "version = 1\n[sources]\nregistries = [\"https://elsewhere.example\"]\n",
    );
    blocked(&bench.ask(&bench.npm(2)), "unlisted-source");
    // A file that cannot be understood is never the same as none.
    bench.write(
        "config/openclaw-reviews.toml",
        "version = 1\nnonsense = 1\n",
    );
    let error = bench
        .builder_at(NOW)
        .build()
        .err()
        .expect("an error about the file");
    assert_eq!(said(&Gate::refuse(&error))["decision"], "block");
}

#[test]
fn unsafe_trees_and_missing_folders_are_refused() {
    let bench = Bench::new();
    let folder = bench.folder_plugin();
    bench.ask(&folder);
    bench.lock_kept("path:local");
    std::os::unix::fs::symlink("/etc/hostname", bench.root.join("folder/out")).expect("link");
    blocked(&bench.ask(&folder), "unsafe-tree");
    assert!(
        fs::read_dir(bench.root.join("spool/kept"))
            .expect("kept")
            .count()
            == 1,
        "nothing unsafe is kept"
    );
    fs::remove_dir_all(bench.root.join("folder")).expect("remove");
    assert_eq!(bench.ask(&folder)["decision"], "block");
    fs::create_dir(bench.root.join("folder")).expect("folder");
    assert_eq!(
        bench.ask(&folder)["decision"],
        "block",
        "an empty folder is not what was locked"
    );
}

#[test]
fn only_the_real_probe_is_a_probe() {
    let bench = Bench::new();
    fs::create_dir(bench.root.join("probe")).expect("folder");
    let probe = json!({
        "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetType": "skill", "targetName": "doctor-install-policy-probe",
        "sourcePath": bench.root.join("probe"), "sourcePathKind": "directory", "origin": { "type": "doctor" },
        "request": { "kind": "skill-install", "mode": "install", "requestedSpecifier": "doctor:install-policy-probe" },
    });
    allowed(&bench.ask(&probe));
    let plugin = {
        let mut plugin = probe.clone();
        plugin["targetType"] = "plugin".into();
        plugin["request"]["kind"] = "plugin-dir".into();
        plugin
    };
    allowed(&bench.ask(&plugin));
    let mutate = |pointer: &str, key: &str, value: Value| {
        let mut changed = probe.clone();
        changed
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
            .expect("object")
            .insert(key.to_owned(), value);
        assert_eq!(bench.ask(&changed)["decision"], "block", "{pointer}/{key}");
    };
    mutate("", "targetName", "something".into());
    mutate("", "source", json!({ "kind": "npm" }));
    mutate("", "skill", json!({ "installId": "path" }));
    mutate("", "sourcePathKind", "file".into());
    mutate("/request", "mode", "update".into());
    bench.write("probe/SKILL.md", "");
    assert_eq!(
        bench.ask(&probe)["decision"],
        "block",
        "the folder is not empty"
    );
}

#[test]
fn what_is_not_understood_is_refused() {
    let bench = Bench::new();
    let folder = bench.folder_plugin();
    bench.ask(&folder);
    bench.lock_kept("path:local");
    allowed(&bench.ask(&folder));
    let gate = bench.gate();
    let text = folder.to_string();
    for bad in [
        "",
        "null",
        "[]",
        "{}",
        &text[..text.len() - 1],
        &format!("{text}{text}"),
        &text.replacen('{', r#"{"protocolVersion":1,"#, 1),
        &text.replace(r#""protocolVersion":1"#, r#""protocolVersion":2"#),
        &text.replace(r#""protocolVersion":1"#, r#""protocolVersion":1.5"#),
        &text.replace(r#""targetType":"plugin""#, r#""targetType":"theme""#),
        &text.replace(r#""targetType":"plugin""#, r#""targetType":"skill""#),
        &text.replace(r#""mode":"install""#, r#""mode":"remove""#),
        &text.replace(r#""kind":"local-path""#, r#""kind":"telepathy""#),
        &text.replace(r#""type":"plugin-package""#, r#""type":"plugin-wasm""#),
        &format!("{}{text}", " ".repeat(300_000)),
    ] {
        assert_eq!(
            gate.answer(bad.as_bytes()).verdict(),
            Verdict::Block,
            "{}",
            &bad[..bad.len().min(200)]
        );
    }
    // The protocol may gain keys.
    let more = text.replacen('{', r#"{"newKey":{"a":[1]},"#, 1);
    assert_eq!(gate.answer(more.as_bytes()).verdict(), Verdict::Allow);
}

#[test]
fn a_warning_is_the_same_twice_and_can_be_replaced() {
    let bench = Bench::new();
    bench.write("skill/SKILL.md", "---\nname: weather\ndescription: d\nmetadata: {\"openclaw\":{\"install\":[{\"id\":\"n\",\"kind\":\"node\",\"package\":\"left-pad\"}]}}\n---\nhello\n");
    let skill = skill(&bench);
    bench.ask(&skill);
    bench.lock_kept("skill:workspace/weather");
    let first = bench.ask(&skill);
    assert_eq!(first["decision"], "warn", "{first}");
    assert_eq!(first, bench.ask(&skill));
    assert!(
        !first.to_string().contains(&*bench.root.to_string_lossy()),
        "no random path: {first}"
    );
    let bytes = skill.to_string();
    let with = |instead| said(&bench.gate().no_warn(instead).answer(bytes.as_bytes()));
    assert_eq!(with(NoWarn::Block)["decision"], "block");
    allowed(&with(NoWarn::Allow));
}

#[test]
fn long_and_hostile_texts_stay_within_the_protocol() {
    let bench = Bench::new();
    let mut folder = bench.folder_plugin();
    for name in [
        "x".repeat(5000),
        "\u{1F600}".repeat(3000),
        "\u{202e}\u{7}\n".repeat(900),
    ] {
        folder["targetName"] = name.clone().into();
        folder["plugin"]["pluginId"] = name.into();
        for number in 0..50 {
            bench.write(&format!("folder/{}{number}", "n".repeat(180)), "");
        }
        assert_eq!(bench.ask(&folder)["decision"], "block");
    }
}

#[test]
#[ignore = "needs ../shared"]
fn every_recorded_request_is_answered() {
    let folder = crate::support::shared("corpus/openclaw-state/install-policy");
    let bench = Bench::new();
    let mut answered = 0;
    for entry in fs::read_dir(folder).expect("folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.contains("metadata") {
            let bytes = fs::read(entry.path()).expect("request");
            Request::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            // What it names is not on this machine.
            assert_eq!(
                said(&bench.gate().answer(&bytes))["decision"],
                "block",
                "{name}"
            );
            answered += 1;
        }
    }
    assert_eq!(answered, 25);
}

#[test]
fn the_gate_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Gate>();
    shared::<Verifier>();
    shared::<Request>();
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.npm_all();
    bench.lock_kept("npm:@acme/notes");
    let gate = bench.gate();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for step in [0, 1, 2] {
                    allowed(&said(&gate.answer(bench.npm(step).to_string().as_bytes())));
                }
            });
        }
    });
}

/// Some thousand in every run; `PROPTEST_CASES` for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(3000)
}

/// Where a mutation strikes, and with what.
fn mutations() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    proptest::collection::vec((0usize..2000, proptest::option::of(any::<u8>())), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing but the locked request itself, and spellings of it, may pass.
    #[test]
    fn mutated_requests_get_a_valid_reply(changes in mutations(), step in 0usize..4) {
        thread_local! {
            static BENCH: (Bench, Vec<String>) = {
                let bench = Bench::new();
                bench.npm_project("1.0.0");
                let requests = (0..3).map(|step| bench.npm(step)).chain([bench.folder_plugin()]).map(|request| request.to_string());
                let requests = requests.collect();
                (bench, requests)
            };
        }
        BENCH.with(|(bench, requests)| {
            let mut bytes = requests[step].clone().into_bytes();
            for (at, byte) in changes {
                let at = at % bytes.len();
                match byte {
                    Some(byte) => bytes[at] = byte,
                    None => { bytes.remove(at); }
                }
            }
            let gate = Gate::new(bench.verifier_at(NOW));
            let reply = gate.answer(&bytes);
            said(&reply);
            // Nothing is locked here: only what is merely announced is not refused yet.
            if reply.verdict() == Verdict::Allow {
                let request = Request::parse(&bytes).expect("an allowed request is understood");
                assert!(!request.is_folder || matches!(request.origin.kind, openclaw_verify_core::gate::OriginKind::PluginNpm));
            }
        });
    }
}

/// An example, as `cargo test` has built it.
fn example(name: &str) -> std::process::Command {
    let program = std::env::current_exe()
        .expect("own path")
        .ancestors()
        .nth(2)
        .expect("target")
        .join("examples")
        .join(name);
    assert!(
        program.exists(),
        "the example {name} is not built: run `cargo test --examples` first"
    );
    std::process::Command::new(program)
}

#[test]
fn the_example_installer_publishes_only_what_was_locked() {
    let mut refused = example("installer");
    let bench = Bench::new();
    let folder = bench.folder_plugin();
    let [policy, staged, target] = ["config", "folder", "local"].map(|name| bench.root.join(name));
    assert!(
        !refused
            .args([&policy, &staged, &target])
            .output()
            .expect("runs")
            .status
            .success()
    );
    assert!(!target.exists());
    bench.ask(&folder);
    bench.lock_kept("path:local");
    let published = example("installer")
        .args([&policy, &staged, &target])
        .output()
        .expect("runs");
    assert!(
        published.status.success(),
        "{}",
        String::from_utf8_lossy(&published.stderr)
    );
    let digest = |folder: &PathBuf| openclaw_verify_core::tree_digest(folder).expect("digest");
    assert_eq!(digest(&target), digest(&staged));
    assert_eq!(
        fs::read_dir(&bench.root)
            .expect("folder")
            .filter(|e| e
                .as_ref()
                .is_ok_and(|e| e.file_name().to_string_lossy().starts_with(".tmp")))
            .count(),
        0
    );
}

#[test]
fn the_example_ci_fails_when_something_changed() {
    let mut without = example("ci");
    let bench = Bench::new();
    let [state, config] = ["state", "config"].map(|name| bench.root.join(name));
    bench.write(
        "state/workspace/skills/weather/SKILL.md",
        "---\nname: weather\ndescription: d\n---\nhello\n",
    );
    let run = |command: &mut std::process::Command| {
        let output = command.args([&state, &config]).output().expect("runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (code, text) = run(&mut without);
    assert!(
        code == Some(1) && text.contains("there is no lock"),
        "{text}"
    );

    let builder = bench.builder_at(NOW).state_dir(&state).without_home();
    let relock = builder
        .build()
        .expect("verifier")
        .relock(&[])
        .expect("lock");
    operator_file::write_atomic(&config.join("openclaw-verify.lock"), &relock.lock.write())
        .expect("lock");
    bench.write(
        "config/openclaw-verify.toml",
        "version = 1\n[levels]\nunreviewed = \"warn\"\n",
    );
    let (code, text) = run(&mut example("ci"));
    assert!(
        code == Some(0) && text.contains("warn skill:workspace/weather: unreviewed"),
        "{text}"
    );
    assert!(text.contains("0 denied"), "{text}");

    bench.write(
        "state/workspace/skills/weather/SKILL.md",
        "---\nname: weather\ndescription: d\n---\nhello!\n",
    );
    let (code, text) = run(&mut example("ci"));
    assert!(
        code == Some(1) && text.contains("deny skill:workspace/weather: tree-mismatch"),
        "{text}"
    );
}

#[test]
fn the_example_service_answers_every_line() {
    use std::io::Write as _;
    let mut service = example("service");
    let bench = Bench::new();
    let piped = std::process::Stdio::piped;
    let mut child = service
        .arg(bench.root.join("config"))
        .stdin(piped())
        .stdout(piped())
        .spawn()
        .expect("runs");
    let request = bench.folder_plugin();
    writeln!(
        child.stdin.take().expect("stdin"),
        "{request}\n{{}}\n{request}"
    )
    .expect("write");
    let output = child.wait_with_output().expect("output");
    let replies: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(replies.len(), 3);
    replies
        .iter()
        .for_each(|reply| assert_eq!(reply["decision"], "block"));
    assert_eq!(replies[0], replies[2]);
}
