//! One plugin over time, through the binary: published with attestations in a registry of this process, judged, installed, locked,
//! updated. Everything is signed under a private trust root.

use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::provenance::npm;
use serde_json::{Value, json};

use crate::minting::{By, Claims, Content, World};
use crate::server::{Answer, Server};
use crate::support::{NOW, Run, bare, findings};

const NAME: &str = "@acme/notes";
const PACKUMENT: &str = "/@acme%2fnotes";
const PROJECT: &str = "state/npm/projects/acme-notes-aa4e85d554";

struct Publisher {
    folder: tempfile::TempDir,
    server: Server,
    world: World,
    packument: Value,
}

impl Publisher {
    fn new() -> Self {
        let packument = json!({ "name": NAME, "versions": {}, "time": {} });
        let publisher = Self {
            folder: tempfile::tempdir().expect("folder"),
            server: Server::start(),
            world: World::new(),
            packument,
        };
        for folder in ["home", "config", "state/state"] {
            std::fs::create_dir_all(publisher.path(folder)).expect("folder");
        }
        publisher.write("root.json", &publisher.world.trusted_root());
        publisher.write(
            "keys.json",
            &publisher.world.npm_keys("2025-01-01T00:00:00Z", None),
        );
        let host = &publisher.server.address;
        publisher.write(
            "home/.npmrc",
            &format!("registry=http://{host}/\n//{host}/:_authToken=SECRET-TOKEN\n"),
        );
        publisher
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder
            .path()
            .canonicalize()
            .expect("real path")
            .join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, text).expect("write");
    }

    fn archive(version: &str) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (path, content) in files(version) {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("package/{path}"), content.as_bytes())
                .expect("entry");
        }
        tar.into_inner().expect("tar").finish().expect("gzip")
    }

    /// Publishes a version that was built from `repository`, or by hand.
    fn publish(&mut self, version: &str, repository: Option<&str>) {
        let archive = Self::archive(version);
        let integrity = Sri::of(&archive);
        let shop = format!("/{NAME}/-/notes-{version}.tgz");
        let mut dist = json!({ "integrity": integrity.to_string(), "tarball": self.server.url(&shop),
            "signatures": [{ "keyid": "SHA256:test", "sig": self.world.npm_signature(&format!("{NAME}@{version}:{integrity}")) }] });
        if let Some(repository) = repository {
            let place = format!("/-/npm/v1/attestations/@acme%2fnotes@{version}");
            dist["attestations"] = json!({ "url": self.server.url(&place) });
            self.server.set(
                &place,
                Answer::Good(self.attestations(version, &integrity, repository)),
            );
        }
        self.packument["versions"][version] =
            json!({ "name": NAME, "version": version, "dist": dist });
        self.packument["time"][version] = json!("2026-06-01T12:00:00.000Z");
        self.server.set(
            PACKUMENT,
            Answer::Good(self.packument.to_string().into_bytes()),
        );
        self.server.set(&shop, Answer::Good(archive));
    }

    fn attestations(&self, version: &str, integrity: &Sri, repository: &str) -> Vec<u8> {
        let statement = |kind: &str, predicate: Value| {
            let subject = json!([{ "name": format!("pkg:npm/%40acme/notes@{version}"), "digest": { "sha512": integrity.hex() } }]);
            json!({ "_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": kind, "predicate": predicate })
                .to_string()
        };
        let publish = statement(npm::PUBLISH, json!({ "name": NAME, "version": version }));
        let built = statement(npm::PROVENANCE[0], json!({}));
        let by_npm = By::Key(&self.world.npm, "SHA256:test");
        let by_workflow = Claims::github(repository);
        let bundles = [
            (
                npm::PUBLISH,
                self.world.bundle(Content::Statement(&publish), &by_npm),
            ),
            (
                npm::PROVENANCE[0],
                self.world
                    .bundle(Content::Statement(&built), &By::Certificate(&by_workflow)),
            ),
        ];
        json!({ "attestations": bundles.map(|(kind, bundle)| json!({ "predicateType": kind, "bundle": bundle })) })
            .to_string()
            .into_bytes()
    }

    /// As OpenClaw leaves it.
    fn install(&self, version: &str) {
        let _ = std::fs::remove_dir_all(self.path(PROJECT));
        let folder = format!("{PROJECT}/node_modules/{NAME}");
        files(version)
            .iter()
            .for_each(|(path, content)| self.write(&format!("{folder}/{path}"), content));
        let integrity = Sri::of(&Self::archive(version)).to_string();
        let packages = json!({ "": {}, format!("node_modules/{NAME}"): {
            "version": version, "resolved": self.server.url("/x.tgz"), "integrity": integrity } });
        let lock = json!({ "lockfileVersion": 3, "packages": packages }).to_string();
        self.write(
            &format!("{PROJECT}/package.json"),
            &json!({ "private": true, "dependencies": { NAME: version } }).to_string(),
        );
        self.write(&format!("{PROJECT}/package-lock.json"), &lock);
        self.write(&format!("{PROJECT}/node_modules/.package-lock.json"), &lock);
        let spec = format!("{NAME}@{version}");
        let record = json!({ "source": "npm", "spec": spec, "installPath": self.path(&folder), "version": version,
            "resolvedName": NAME, "resolvedVersion": version, "resolvedSpec": spec, "integrity": integrity });
        let index = json!({ "revision": 1, "index": { "version": 1, "installRecords": { "notes": record }, "plugins": [] } });
        let database = self.path("state/state/openclaw.sqlite");
        let _ = std::fs::remove_file(&database);
        let db = rusqlite::Connection::open(database).expect("open");
        db.pragma_update(None, "user_version", 18).expect("pragma");
        let table = "CREATE TABLE config_machine_state (state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL,
            updated_at_ms INTEGER NOT NULL) STRICT";
        db.execute(table, []).expect("create");
        let insert = "INSERT INTO config_machine_state VALUES ('plugins.installedIndex', ?1, 0)";
        db.execute(insert, [index.to_string()]).expect("insert");
    }

    /// The binary with the trust root and the keys of this world.
    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = bare(&self.path("home"), &self.path("config"));
        command
            .args(arguments)
            .args(["--now", NOW, "--config"])
            .arg(self.path("config"));
        command
            .arg("--trusted-root")
            .arg(self.path("root.json"))
            .arg("--npm-keys")
            .arg(self.path("keys.json"));
        if arguments.first() != Some(&"npm") {
            command.arg("--state-dir").arg(self.path("state"));
        }
        let run = Run::of(&command.output().expect("the binary runs"));
        assert!(
            !run.text().contains("SECRET-TOKEN") && !run.text().contains("panicked"),
            "{}",
            run.text()
        );
        run
    }

    /// Exit code, basis of the plugin, and ids of the findings about who made it.
    fn check(&self) -> (i32, String, Vec<String>) {
        let run = self.run(&["check", "--online", "--format", "json"]);
        let report: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", run.text()));
        let subjects = report["subjects"].as_array().expect("subjects");
        let plugin = subjects
            .iter()
            .find(|subject| subject["id"] == "npm:@acme/notes")
            .expect("the plugin");
        let about = |line: &String| {
            line.starts_with("provenance")
                || line.starts_with("archive")
                || line.contains("published archive")
        };
        let ids = findings(&report)
            .into_iter()
            .filter(about)
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned());
        (
            run.code,
            plugin["basis"].as_str().unwrap_or("none").to_owned(),
            ids.collect(),
        )
    }
}

fn files(version: &str) -> Vec<(&'static str, String)> {
    let package =
        json!({ "name": NAME, "version": version, "openclaw": { "extensions": ["./index.js"] } });
    vec![
        ("package.json", package.to_string()),
        (
            "openclaw.plugin.json",
            json!({ "id": "notes", "configSchema": {} }).to_string(),
        ),
        ("index.js", format!("export default '{version}';")),
    ]
}

#[test]
fn from_the_first_install_to_an_update_by_an_attacker() {
    let mut publisher = Publisher::new();
    publisher.publish("1.2.0", Some("acme/notes"));

    // Before it is installed.
    let out = publisher.path("out");
    let judged = publisher.run(&[
        "npm",
        "@acme/notes@1.2.0",
        "--format",
        "json",
        "--unpack-to",
        out.to_str().expect("path"),
    ]);
    assert_eq!(judged.code, 0, "{}", judged.text());
    let report: Value = serde_json::from_str(&judged.stdout).expect("json");
    assert_eq!(
        report["provenance"]["identity"]["sourceRepository"], "https://github.com/acme/notes",
        "{report:#}"
    );
    assert_eq!(report["registrySignatures"]["outcome"], "verified");
    for (path, content) in files("1.2.0") {
        assert_eq!(
            std::fs::read_to_string(out.join(path)).expect(path),
            content
        );
    }

    // Locked with who built it.
    publisher.install("1.2.0");
    let init = publisher.run(&["lock", "--init", "--online"]);
    assert!(init.code == 0 || init.code == 1, "{}", init.text());
    let lock =
        || std::fs::read_to_string(publisher.path("config/openclaw-verify.lock")).expect("lock");
    assert!(
        lock().contains("repository = \"github.com/acme/notes\""),
        "{}",
        lock()
    );
    assert_eq!(
        publisher.check(),
        (0, "signed".to_owned(), vec![]),
        "{}",
        publisher.run(&["check", "--online"]).text()
    );

    // An update by the same workflow is accepted silently.
    publisher.publish("1.3.0", Some("acme/notes"));
    publisher.install("1.3.0");
    let update = publisher.run(&["lock", "--online"]);
    assert_eq!(update.code, 0, "{}", update.text());
    assert_eq!(publisher.check().1, "signed");

    // What the registry disproves is not locked, whatever is accepted: without a network it would not be said again.
    let before = lock_text(&publisher);
    publisher.write(&format!("{PROJECT}/node_modules/{NAME}/index.js"), "evil()");
    for arguments in [
        &["lock", "--online"][..],
        &["lock", "--online", "--accept", "npm:@acme/notes"],
    ] {
        let refused = publisher.run(arguments);
        assert_ne!(refused.code, 0, "{}", refused.text());
        assert_eq!(lock_text(&publisher), before, "{}", refused.text());
    }
    assert!(
        publisher
            .run(&["lock", "--online"])
            .text()
            .contains("cannot be locked")
    );
    publisher.install("1.3.0");

    // An attacker with the token, and not the workflow: without attestations, and with those of another repository.
    let before = lock_text(&publisher);
    publisher.publish("1.4.0", None);
    publisher.publish("1.5.0", Some("evil/notes"));
    for version in ["1.4.0", "1.5.0"] {
        publisher.install(version);
        let (code, _, ids) = publisher.check();
        assert_eq!(code, 1, "{version}");
        assert!(
            ids.iter().any(|id| id == "provenance-regressed"),
            "{version}: {ids:?}"
        );
        let update = publisher.run(&["lock", "--online"]);
        assert_eq!(update.code, 1, "{version}: {}", update.text());
        assert!(update.text().contains("provenance"), "{}", update.text());
        assert_eq!(lock_text(&publisher), before, "nothing was written");
    }

    // The registry forgets the version that is locked.
    publisher.install("1.3.0");
    publisher.packument["versions"]
        .as_object_mut()
        .expect("versions")
        .remove("1.3.0");
    publisher.server.set(
        PACKUMENT,
        Answer::Good(publisher.packument.to_string().into_bytes()),
    );
    let (code, basis, ids) = publisher.check();
    assert_eq!((code, basis.as_str()), (1, "locked"), "{ids:?}");
    assert_eq!(ids, ["not-established[not-in-registry]"]);
}

fn lock_text(publisher: &Publisher) -> String {
    std::fs::read_to_string(publisher.path("config/openclaw-verify.lock")).expect("lock")
}

#[test]
fn a_registry_that_is_silent_is_one_warning_of_the_whole_run() {
    let mut publisher = Publisher::new();
    publisher.publish("1.2.0", Some("acme/notes"));
    publisher.install("1.2.0");
    let init = publisher.run(&["lock", "--init", "--online"]);
    assert_eq!(init.code, 0, "{}", init.text());
    let warned = |arguments: &[&str]| -> usize {
        let run = publisher.run(&[arguments, &["--format", "json"]].concat());
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|finding| {
            finding["level"] == "warn"
                && finding["subject"].is_null()
                && finding["code"] == "offline"
                && finding["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("did not answer"))
        })
        .count()
    };
    assert_eq!(warned(&["check", "--online"]), 0, "it answers");
    let _ = std::fs::remove_dir_all(publisher.path("home/.cache"));
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}".to_vec();
    publisher.server.set(PACKUMENT, Answer::Raw(cut));
    assert_eq!(warned(&["check", "--online"]), 1);
    assert_eq!(warned(&["check"]), 0, "the network was not allowed");
    let shown = publisher.run(&["check", "--online"]);
    assert!(shown.stdout.contains("did not answer"), "{}", shown.text());
}

#[test]
fn a_registry_that_does_not_answer_well_is_no_good_verdict() {
    let mut publisher = Publisher::new();
    publisher.publish("1.2.0", Some("acme/notes"));
    let raw = |head: &str, body: &str| {
        Answer::Raw(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").into_bytes())
    };
    for (answer, code) in [
        (Answer::Status(404), "not-in-registry"),
        (Answer::Status(401), "bad-answer"),
        (Answer::Status(500), "bad-answer"),
        (Answer::Good(b"<html>".to_vec()), "bad-answer"),
        (Answer::Good(b"{}".to_vec()), "bad-answer"),
        (raw("content-length: 5", "{}"), "offline"),
        (raw("content-length: 200000000", "{}"), "bad-answer"),
        (Answer::Redirect(PACKUMENT.to_owned()), "bad-answer"),
        (
            Answer::Redirect("http://127.0.0.1:9/".to_owned()),
            "bad-answer",
        ),
    ] {
        publisher.server.set(PACKUMENT, answer);
        let out = publisher.path("out");
        let run = publisher.run(&[
            "npm",
            "@acme/notes@1.2.0",
            "--unpack-to",
            out.to_str().expect("path"),
        ]);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(
            run.stdout.contains(&format!("not-established [{code}]")),
            "{code}: {}",
            run.text()
        );
        assert!(!out.exists());
        let json = publisher.run(&["npm", "@acme/notes@1.2.0", "--format", "json"]);
        assert_eq!(
            serde_json::from_str::<Value>(&json.stdout).expect("json")["code"],
            code
        );
    }
    // Other bytes, no digest at all, and a disk that takes nothing.
    publisher.publish("1.2.0", None);
    let shop = format!("/{NAME}/-/notes-1.2.0.tgz");
    publisher
        .server
        .set(&shop, Answer::Good(Publisher::archive("6.6.6")));
    assert_eq!(publisher.run(&["npm", "@acme/notes@1.2.0"]).code, 1);
    publisher
        .server
        .set(&shop, Answer::Good(Publisher::archive("1.2.0")));
    assert_eq!(publisher.run(&["npm", "@acme/notes@1.2.0"]).code, 0);
    let mut silent = publisher.packument.clone();
    silent["versions"]["1.2.0"]["dist"]
        .as_object_mut()
        .expect("dist")
        .remove("integrity");
    publisher
        .server
        .set(PACKUMENT, Answer::Good(silent.to_string().into_bytes()));
    let run = publisher.run(&["npm", "@acme/notes@1.2.0"]);
    assert!(
        run.code == 1 && run.stdout.contains("weak-digest"),
        "{}",
        run.text()
    );
    let cache = publisher.path("home/.cache");
    std::fs::remove_dir_all(&cache).expect("cache");
    std::fs::write(&cache, "no folder").expect("write");
    assert_eq!(
        publisher.run(&["npm", "@acme/notes@1.2.0"]).code,
        2,
        "a fault of this machine"
    );
}

#[test]
fn advisories_count_before_an_install_for_the_package_and_for_what_is_bundled_in_it() {
    let mut publisher = Publisher::new();
    publisher.publish("1.2.0", None);
    // The same with a dependency in the archive.
    let bundled = json!({ "name": "dep", "version": "2.0.0" }).to_string();
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut all = files("1.3.0");
    let manifest = json!({ "name": NAME, "version": "1.3.0", "dependencies": { "dep": "2.0.0" }, "bundleDependencies": ["dep"],
        "openclaw": { "extensions": ["./index.js"] } });
    all[0].1 = manifest.to_string();
    all.push(("node_modules/dep/package.json", bundled));
    all.push(("node_modules/dep/index.js", String::new()));
    for (path, content) in all {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("package/{path}"), content.as_bytes())
            .expect("entry");
    }
    let archive = tar.into_inner().expect("tar").finish().expect("gzip");
    std::fs::write(publisher.path("bundled.tgz"), &archive).expect("archive");
    std::fs::write(publisher.path("plain.tgz"), Publisher::archive("1.2.0")).expect("archive");
    let import = |id: &str, name: &str, versions: &[&str]| {
        let record = json!({ "id": id, "modified": "2026-11-01T00:00:00Z", "summary": "bad",
            "affected": [{ "package": { "ecosystem": "npm", "name": name }, "versions": versions }] });
        publisher.write("osv/one.json", &record.to_string());
        let folder = publisher.path("osv");
        let run = publisher.run(&["advisories", "import", folder.to_str().expect("path")]);
        assert_eq!(run.code, 0, "{}", run.text());
    };
    let (plain, bundled) = (publisher.path("plain.tgz"), publisher.path("bundled.tgz"));
    let npm = ["npm", "@acme/notes@1.2.0"];
    let plain = ["archive", plain.to_str().expect("path")];
    let bundled = ["archive", bundled.to_str().expect("path")];
    let said = |arguments: &[&str]| {
        let run = publisher.run(arguments);
        assert_ne!(run.code, 2, "{}", run.text());
        let text = run.text();
        let word = ["known-malicious", "known-vulnerable"]
            .into_iter()
            .find(|word| text.contains(word));
        (run.code, word.unwrap_or("nothing"))
    };
    import("MAL-1", NAME, &["1.2.0"]);
    assert_eq!(said(&npm), (1, "known-malicious"));
    assert_eq!(said(&plain), (1, "known-malicious"));
    // What is refused is not unpacked.
    let out = publisher.path("out");
    let unpacking = [&plain[..], &["--unpack-to", out.to_str().expect("path")]].concat();
    assert_eq!(said(&unpacking).0, 1);
    assert!(!out.exists());
    import("GHSA-1", NAME, &["1.2.0"]);
    assert_eq!(said(&npm).1, "known-vulnerable");
    assert_eq!(said(&plain).1, "known-vulnerable");
    import("MAL-1", "dep", &["2.0.0"]);
    assert_eq!(said(&bundled), (1, "known-malicious"));
    assert_eq!(said(&plain).1, "nothing");
    // Neighbours.
    import("MAL-1", NAME, &["1.2.1"]);
    assert_eq!(said(&npm), (0, "nothing"));
    assert_eq!(said(&plain).1, "nothing");
    import("MAL-1", "dep", &["2.0.1"]);
    assert_eq!(said(&bundled).1, "nothing");
}
