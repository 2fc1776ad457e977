//! Installed packages against a registry that serves archives, attestations and signatures, under a private trust root.

#![allow(clippy::expect_used, clippy::panic, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::finding::Level;
use openclaw_verify_core::provenance::{Anchors, Instance, NpmKeys, TrustRoot, npm};
use openclaw_verify_core::registry::{Cache, Client, FetchLimits, NpmConfig};
use openclaw_verify_core::report::{Basis, Report};
use openclaw_verify_core::subject::Kind;
use openclaw_verify_core::{Builder, Candidate, CandidateOrigin, Scope, Verifier};
use serde_json::{Value, json};

use crate::support::mint::{By, Claims, Content, World};
use crate::support::server::{Answer, Server};

pub(crate) const NAME: &str = "@acme/notes";
pub(crate) const PROJECT: &str = "npm/projects/acme-notes-aa4e85d554";

/// A registry and an installation.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) server: Server,
    world: World,
    packument: Value,
}

/// How a version is published.
#[derive(Clone, Copy, Default)]
struct How<'a> {
    /// The repository (`owner/name`) that an attestation names; none for no attestation.
    built_from: Option<&'a str>,
    /// Signed by the registry.
    signed: bool,
    /// By a mirror that shows no signatures of any kind.
    left_out: bool,
    /// Not 2026-06-01.
    time: Option<&'a str>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let packument = json!({ "name": NAME, "versions": {}, "time": {} });
        let place = Self {
            folder,
            server: Server::start(),
            world: World::new(),
            packument,
        };
        fs::create_dir_all(place.path("state/state")).expect("folder");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder
            .path()
            .canonicalize()
            .expect("real path")
            .join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, content).expect("write");
    }

    fn publish(&mut self, version: &str, how: How<'_>) {
        let archive = archive(NAME, version);
        let integrity = Sri::of(&archive);
        let message = format!("{NAME}@{version}:{integrity}");
        let attestations = format!("/-/npm/v1/attestations/@acme%2fnotes@{version}");
        let mut dist = json!({ "integrity": integrity.to_string(), "tarball": self.server.url(&format!("/{NAME}/-/notes-{version}.tgz")) });
        if !how.left_out {
            dist["signatures"] = json!([]);
        }
        if how.signed {
            dist["signatures"] =
                json!([{ "keyid": "SHA256:test", "sig": self.world.npm_signature(&message) }]);
        }
        if let Some(repository) = how.built_from {
            dist["attestations"] = json!({ "url": self.server.url(&attestations) });
            self.server.set(
                &attestations,
                Answer::Good(self.attestations(version, &integrity, repository)),
            );
        }
        self.packument["versions"][version] =
            json!({ "name": NAME, "version": version, "dist": dist });
        self.packument["time"][version] = json!(how.time.unwrap_or("2026-06-01T12:00:00.000Z"));
        self.server.set(
            "/@acme%2fnotes",
            Answer::Good(self.packument.to_string().into_bytes()),
        );
        self.server.set(
            &format!("/{NAME}/-/notes-{version}.tgz"),
            Answer::Good(archive),
        );
    }

    fn attestations(&self, version: &str, integrity: &Sri, repository: &str) -> Vec<u8> {
        let statement = |predicate_type: &str, predicate: Value| {
            json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{ "name": format!("pkg:npm/%40acme/notes@{version}"), "digest": { "sha512": integrity.hex() } }],
                "predicateType": predicate_type,
                "predicate": predicate,
            })
            .to_string()
        };
        let publish = statement(npm::PUBLISH, json!({ "name": NAME, "version": version }));
        let built = statement(npm::PROVENANCE[0], json!({}));
        let by_npm = By::Key(&self.world.npm, "SHA256:test");
        let claims = Claims::github(repository);
        json!({ "attestations": [
            { "predicateType": npm::PUBLISH, "bundle": self.world.bundle(Content::Statement(&publish), &by_npm) },
            { "predicateType": npm::PROVENANCE[0], "bundle": self.world.bundle(Content::Statement(&built), &By::Certificate(&claims)) },
        ] })
        .to_string()
        .into_bytes()
    }

    /// As OpenClaw and npm leave it: with the command executable, its first line ended as Unix does, and a link to it.
    fn install(&self, version: &str) {
        let project = self.path(&format!("state/{PROJECT}"));
        let _ = fs::remove_dir_all(&project);
        let folder = format!("state/{PROJECT}/node_modules/{NAME}");
        for (path, content) in files(NAME, version) {
            let path = if path == ".gitignore" {
                ".npmignore".to_owned()
            } else {
                path
            };
            self.write(
                &format!("{folder}/{path}"),
                content.replacen("node\r\n", "node\n", 1),
            );
        }
        self.run(&format!("chmod 755 '{folder}/cli.js' && mkdir 'state/{PROJECT}/node_modules/.bin' && ln -s ../{NAME}/cli.js 'state/{PROJECT}/node_modules/.bin/notes'"));
        let integrity = Sri::of(&archive(NAME, version)).to_string();
        let entry = json!({ "version": version, "resolved": self.server.url("/x.tgz"), "integrity": integrity });
        let inner = json!({ "version": "2.0.0", "inBundle": true });
        let packages = json!({ "": {}, format!("node_modules/{NAME}"): entry, format!("node_modules/{NAME}/node_modules/inner"): inner });
        let lock = json!({ "lockfileVersion": 3, "packages": packages }).to_string();
        self.write(
            &format!("state/{PROJECT}/package.json"),
            json!({ "private": true, "dependencies": { NAME: version } }).to_string(),
        );
        self.write(&format!("state/{PROJECT}/package-lock.json"), &lock);
        self.write(
            &format!("state/{PROJECT}/node_modules/.package-lock.json"),
            &lock,
        );
        self.record(version, &integrity);
    }

    /// OpenClaw's record of the installed package.
    pub(crate) fn record(&self, version: &str, integrity: &str) {
        let folder = format!("state/{PROJECT}/node_modules/{NAME}");
        let record = json!({ "source": "npm", "spec": format!("{NAME}@{version}"), "installPath": self.path(&folder), "version": version,
            "resolvedName": NAME, "resolvedVersion": version, "resolvedSpec": format!("{NAME}@{version}"), "integrity": integrity });
        let index = json!({ "revision": 1, "index": { "version": 1, "installRecords": { "notes": record }, "plugins": [] } });
        let _ = fs::remove_file(self.path("state/state/openclaw.sqlite"));
        let db =
            rusqlite::Connection::open(self.path("state/state/openclaw.sqlite")).expect("open");
        db.pragma_update(None, "user_version", 18).expect("pragma");
        let table = "CREATE TABLE config_machine_state (state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL,
            updated_at_ms INTEGER NOT NULL) STRICT";
        db.execute(table, []).expect("create");
        db.execute(
            "INSERT INTO config_machine_state VALUES ('plugins.installedIndex', ?1, 0)",
            [index.to_string()],
        )
        .expect("insert");
    }

    pub(crate) fn run(&self, script: &str) {
        let status = std::process::Command::new("sh")
            .args(["-e", "-c", script])
            .current_dir(self.path(""))
            .status()
            .expect("sh");
        assert!(status.success(), "{script}");
    }

    pub(crate) fn builder(&self, policy: &str) -> Builder {
        self.write("openclaw-verify.toml", format!("version = 1\n{policy}"));
        let trust = TrustRoot::from_file(
            Path::new("root.json"),
            &self.world.trusted_root(),
            Instance::PublicGood,
        )
        .expect("root");
        let keys = self.world.npm_keys("2025-01-01T00:00:00Z", None);
        let keys = NpmKeys::from_file(Path::new("keys.json"), &keys).expect("keys");
        Verifier::builder("2026-11-22T12:00:00Z".parse().expect("time"))
            .state_dir(self.path("state"))
            .without_home()
            .policy(self.path("openclaw-verify.toml"), "policy")
            .lock(self.path("openclaw-verify.lock"), "lock")
            .anchors(
                Anchors::embedded(Instance::PublicGood)
                    .with_root(trust)
                    .with_keys(keys),
            )
            .downloads(Cache::new(self.path("cache")))
    }

    pub(crate) fn client(&self) -> Client {
        let config = NpmConfig::parse(&format!("registry={}", self.server.url("/")), &|_| None)
            .expect("configuration");
        Client::new(
            config,
            FetchLimits::default(),
            Cache::new(self.path("cache")),
        )
        .expect("client")
    }

    pub(crate) fn online(&self, policy: &str) -> Report {
        let verifier = self
            .builder(policy)
            .registry(self.client())
            .build()
            .expect("verifier");
        verifier.check(&Scope::Everything).expect("report")
    }

    fn offline(&self, policy: &str) -> Report {
        self.builder(policy)
            .build()
            .expect("verifier")
            .check(&Scope::Everything)
            .expect("report")
    }

    /// Locks what is installed, whatever changed.
    pub(crate) fn lock(&self, online: bool) -> String {
        let builder = self.builder("");
        let builder = if online {
            builder.registry(self.client())
        } else {
            builder
        };
        let relock = builder
            .build()
            .expect("verifier")
            .relock(&[])
            .expect("relock");
        fs::write(self.path("openclaw-verify.lock"), relock.lock.write()).expect("write");
        relock.lock.write()
    }

    fn basis(&self, policy: &str) -> Option<Basis> {
        self.online(policy)
            .subjects
            .first()
            .expect("a subject")
            .basis
    }
}

/// What an archive holds: a bundled package, a command with a Windows line ending, and a .gitignore, which npm renames.
fn files(name: &str, version: &str) -> Vec<(String, String)> {
    let package = json!({ "name": name, "version": version, "bin": { "notes": "./cli.js" }, "bundleDependencies": ["inner"],
        "dependencies": { "inner": "2.0.0" }, "optionalDependencies": { "other": "1.0.0" }, "openclaw": { "extensions": ["./index.js"] } });
    [
        ("package.json", package.to_string()),
        (
            "openclaw.plugin.json",
            json!({ "id": "notes", "configSchema": {} }).to_string(),
        ),
        ("index.js", format!("export default '{version}';")),
        ("cli.js", "#!/usr/bin/env node\r\nx\r\n".to_owned()),
        (".gitignore", "dist\n".to_owned()),
        (
            "node_modules/inner/package.json",
            json!({ "name": "inner", "version": "2.0.0" }).to_string(),
        ),
        ("node_modules/inner/index.js", "inner".to_owned()),
    ]
    .map(|(path, content)| (path.to_owned(), content))
    .to_vec()
}

fn archive(name: &str, version: &str) -> Vec<u8> {
    pack(&files(name, version))
}

fn pack(files: &[(String, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("package/{path}"), content.as_bytes())
            .expect("entry");
    }
    tar.into_inner().expect("tar").finish().expect("gzip")
}

/// Findings of the groups that this file is about: `id[code] level`.
fn said(report: &Report) -> Vec<String> {
    let ours = |id: &str| {
        id.starts_with("provenance")
            || matches!(id, "archive-mismatch" | "not-established" | "too-fresh")
    };
    let line = |finding: &openclaw_verify_core::finding::Finding| {
        let code = finding
            .code
            .map_or(String::new(), |code| format!("[{code}]"));
        format!("{}{code} {}", finding.id, finding.level.as_str())
    };
    let found = report.findings.iter().filter(|finding| {
        finding
            .subject
            .as_ref()
            .is_some_and(|id| id.as_str() == "npm:@acme/notes")
    });
    let mut said: Vec<String> = found.filter(|finding| ours(finding.id)).map(line).collect();
    said.dedup();
    said
}

const REQUIRED: &str = "[[rule]]\nmatch = \"npm:@acme/*\"\nprovenance = \"required\"\n";
const BUILT: How<'_> = How {
    built_from: Some("acme/notes"),
    signed: true,
    left_out: false,
    time: None,
};

#[test]
fn verified_provenance_is_locked_and_raises_the_basis() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    let lock = place.lock(true);
    assert!(
        lock.contains(
            "repository = \"github.com/acme/notes\", workflow = \".github/workflows/release.yml\""
        ),
        "{lock}"
    );
    let report = place.online(REQUIRED);
    assert_eq!(said(&report), [""; 0], "{:#?}", report.findings);
    assert_eq!(
        basis_of_plugin(&report),
        Some(Basis::Signed),
        "{:#?} {:?}",
        report.findings,
        report.subjects
    );
    // From the cache, without a network: policy requires it, so it is looked into.
    let report = place.offline(REQUIRED);
    assert_eq!(said(&report), [""; 0], "{:#?}", report.findings);
    assert_eq!(basis_of_plugin(&report), Some(Basis::Signed));
    // Once nothing is at hand, nothing is claimed; only those who ask are answered.
    fs::remove_dir_all(place.path("cache")).expect("cache");
    let report = place.offline("");
    assert_eq!(said(&report), [""; 0]);
    assert_eq!(basis_of_plugin(&report), Some(Basis::Locked));
    assert_eq!(
        said(&place.offline(REQUIRED)),
        ["not-established[offline] deny"]
    );
}

#[test]
fn trust_in_a_publisher_counts_only_while_its_provenance_is_verified() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    place.write(
        "reviews.toml",
        "version = 1\n\n[[trust]]\npublisher = \"github:acme/notes\"\npackages = [\"npm:@acme/*\"]\ncriteria = \"safe-to-run\"\nby = \"Ada <ada@example.org>\"\nstart = 2026-01-01\nuntil = 2026-11-25\n",
    );
    let ids = |online: bool| {
        let builder = place
            .builder("")
            .reviews(place.path("reviews.toml"), "reviews");
        let builder = if online {
            builder.registry(place.client())
        } else {
            builder
        };
        let report = builder
            .build()
            .expect("verifier")
            .check(&Scope::Everything)
            .expect("report");
        report
            .findings
            .iter()
            .map(|finding| finding.id)
            .collect::<Vec<_>>()
    };
    let online = ids(true);
    assert!(
        !online.contains(&"unreviewed") && online.contains(&"trust-expiring"),
        "{online:?}"
    );
    // Without a network and a cache nothing says who built it, so the trust covers no one.
    fs::remove_dir_all(place.path("cache")).expect("cache");
    let offline = ids(false);
    assert!(
        offline.contains(&"unreviewed") && !offline.contains(&"trust-expiring"),
        "{offline:?}"
    );
}

#[test]
fn a_registry_without_attestations() {
    let mut place = Place::new();
    place.publish("1.2.0", How::default());
    place.install("1.2.0");
    place.lock(true);
    assert_eq!(said(&place.online("")), ["provenance-missing warn"]);
    assert_eq!(place.basis(""), Some(Basis::Archive));
    assert_eq!(said(&place.online(REQUIRED)), ["provenance-missing deny"]);
    // The registry's signature alone proves the name, and not who built it.
    place.publish(
        "1.2.0",
        How {
            signed: true,
            ..How::default()
        },
    );
    assert_eq!(said(&place.online("")), ["provenance-missing warn"]);
    assert_eq!(place.basis(""), Some(Basis::Signed));
}

/// What a mirror leaves out is not known to be missing; and it is no way to lose a verified origin.
#[test]
fn a_mirror_that_leaves_signatures_out() {
    const MIRRORED: How<'_> = How {
        built_from: None,
        signed: false,
        left_out: true,
        time: None,
    };
    let mut place = Place::new();
    place.publish("1.2.0", MIRRORED);
    place.install("1.2.0");
    place.lock(true);
    assert_eq!(
        said(&place.online("")),
        ["not-established[no-signatures] note"]
    );
    assert_eq!(
        said(&place.online(REQUIRED)),
        ["not-established[no-signatures] deny"]
    );

    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    // The very bytes whose origin was verified do not lose it.
    place.publish("1.2.0", MIRRORED);
    assert!(
        !said(&place.online(""))
            .iter()
            .any(|line| line.ends_with("deny"))
    );
    place.publish("1.3.0", MIRRORED);
    place.install("1.3.0");
    let found = said(&place.online(""));
    assert!(
        found.contains(&"provenance-regressed deny".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_later_version_without_it_or_from_elsewhere() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    // A stolen token publishes what no workflow attests.
    place.publish(
        "1.3.0",
        How {
            signed: true,
            ..How::default()
        },
    );
    place.install("1.3.0");
    let report = place.online("");
    assert_eq!(
        said(&report),
        ["provenance-regressed deny", "provenance-missing warn"]
    );
    // Without a network it is not known, and not silent.
    assert_eq!(said(&place.offline("")), ["not-established[offline] deny"]);
    // A lock cannot lose it silently.
    let relock = place
        .builder("")
        .registry(place.client())
        .build()
        .expect("verifier")
        .relock(&[])
        .expect("relock");
    assert!(
        relock
            .unaccepted(&[], &[])
            .any(|change| change.what.as_str() == "provenance"),
        "{:?}",
        relock.changes
    );

    place.publish(
        "1.4.0",
        How {
            built_from: Some("evil/notes"),
            ..BUILT
        },
    );
    place.install("1.4.0");
    assert_eq!(said(&place.online("")), ["provenance-regressed deny"]);
    let wanted = format!("{REQUIRED}identity = {{ repository = \"github.com/acme/notes\" }}\n");
    assert_eq!(
        said(&place.online(&wanted)),
        ["provenance-mismatch[repository] deny"]
    );
    place.publish("1.5.0", BUILT);
    place.install("1.5.0");
    assert_eq!(said(&place.online(&wanted)), [""; 0]);
}

#[test]
fn attestations_that_do_not_hold() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    fs::remove_dir_all(place.path("cache")).expect("cache");
    // A replayed bundle of another version.
    let other = place.attestations("1.1.0", &Sri::of(&archive(NAME, "1.1.0")), "acme/notes");
    place.server.set(
        "/-/npm/v1/attestations/@acme%2fnotes@1.2.0",
        Answer::Good(other),
    );
    let report = place.online("");
    assert!(
        said(&report)[0].starts_with("provenance-invalid["),
        "{:?}",
        said(&report)
    );
    assert_ne!(
        basis_of_plugin(&report),
        Some(Basis::Signed),
        "one wrong half spoils the other"
    );
    // The registry says there are some, and does not give them.
    place.server.set(
        "/-/npm/v1/attestations/@acme%2fnotes@1.2.0",
        Answer::Status(404),
    );
    assert_eq!(
        said(&place.online(REQUIRED)),
        ["not-established[not-in-registry] deny"]
    );
}

#[test]
fn changed_files_are_named_and_prove_no_origin() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    let folder = format!("state/{PROJECT}/node_modules/{NAME}");
    // What origin would relax must not count.
    let relaxed = "[[rule]]\nmatch = \"npm:@acme/*\"\npin = \"any\"\n";
    let attacks = [
        (
            format!("{folder}/index.js"),
            "evil",
            "changed @acme/notes@1.2.0: index.js",
        ),
        (
            format!("{folder}/node_modules/inner/index.js"),
            "evil",
            "changed inner@2.0.0: index.js",
        ),
        (
            format!("{folder}/node_modules/inner/new.js"),
            "evil",
            "added inner@2.0.0: new.js",
        ),
        (
            format!("{folder}/cli.js"),
            "#!/usr/bin/env node\nevil\r\n",
            "changed @acme/notes@1.2.0: cli.js",
        ),
        (
            format!("{folder}/.gitignore"),
            "dist\n",
            "added @acme/notes@1.2.0: .gitignore",
        ),
        (
            format!("{folder}/node_modules/.bin/x"),
            "evil",
            "added @acme/notes@1.2.0: node_modules/.bin/x",
        ),
    ];
    for (path, content, named) in attacks {
        place.install("1.2.0");
        place.write(&path, content);
        let report = place.online(relaxed);
        let finding = report
            .findings
            .iter()
            .find(|finding| finding.id == "archive-mismatch")
            .expect(named);
        assert_eq!(finding.level, Level::Deny);
        assert_eq!(finding.evidence, [named], "{path}");
        assert_eq!(basis_of_plugin(&report), None);
    }
    // A mode that npm does not give, and a link that npm does not write.
    for script in [
        format!("chmod 755 '{folder}/index.js'"),
        format!("rm '{folder}/index.js'"),
        format!("rm '{folder}/index.js' && ln -s cli.js '{folder}/index.js'"),
    ] {
        place.install("1.2.0");
        place.run(&script);
        assert!(
            said(&place.online("")).contains(&"archive-mismatch deny".to_owned()),
            "{script}"
        );
    }
}

#[test]
fn an_install_that_was_cut_off_lacks_what_is_missing_and_nothing_else() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    let db = rusqlite::Connection::open(place.path("state/state/openclaw.sqlite")).expect("open");
    let none =
        json!({ "revision": 1, "index": { "version": 1, "installRecords": {}, "plugins": [] } });
    db.execute(
        "UPDATE config_machine_state SET value_json = ?1",
        [none.to_string()],
    )
    .expect("update");
    let folder = format!("state/{PROJECT}/node_modules/{NAME}");
    place.run(&format!("rm '{folder}/index.js'"));
    let report = place.online("");
    let found = |id: &str| report.findings.iter().find(|finding| finding.id == id);
    let finding = found("archive-mismatch").expect("a finding");
    assert_eq!(finding.evidence, ["removed @acme/notes@1.2.0: index.js"]);
    let missing = "1 of 7 files of the published archive of @acme/notes@1.2.0 is missing";
    assert_eq!(finding.message, missing);
    assert!(finding.help.contains("cut off"), "{}", finding.help);
    assert_eq!(found("unrecorded").expect("the other").level, Level::Deny);
    // What was changed is not called missing.
    place.write(&format!("{folder}/cli.js"), "evil");
    let report = place.online("");
    let finding = report
        .findings
        .iter()
        .find(|one| one.id == "archive-mismatch");
    let finding = finding.expect("a finding");
    assert!(
        finding.message.starts_with("2 files differ"),
        "{}",
        finding.message
    );
}

#[test]
fn a_package_that_its_archive_does_not_hold_proves_no_origin() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    let folder = format!("state/{PROJECT}/node_modules/{NAME}/node_modules/other");
    place.write(
        &format!("{folder}/package.json"),
        json!({ "name": "other", "version": "1.0.0" }).to_string(),
    );
    place.write(&format!("{folder}/index.js"), "evil");
    place.lock(true);
    let report = place.online("");
    assert_ne!(
        basis_of_plugin(&report),
        Some(Basis::Signed),
        "{:?}",
        said(&report)
    );
    // And what it never asked for is no package of its own, but a foreign file.
    place.run(&format!(
        "cp -r '{folder}' '{folder}-too' && sed -i s/other/other-too/ '{folder}-too/package.json'"
    ));
    assert!(said(&place.online("")).contains(&"archive-mismatch deny".to_owned()));
    place.run(&format!("rm -r '{folder}-too'"));
    assert!(
        said(&place.online(REQUIRED))
            .iter()
            .any(|line| line == "not-established[unknown-layout] deny"),
        "{:?}",
        said(&report)
    );
}

#[test]
fn a_record_that_names_another_archive() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    // The registry now serves other bytes for the same version.
    place.server.set(
        &format!("/{NAME}/-/notes-1.2.0.tgz"),
        Answer::Good(archive(NAME, "6.6.6")),
    );
    fs::remove_dir_all(place.path("cache")).expect("cache");
    assert!(
        said(&place.online("")).contains(&"archive-mismatch deny".to_owned()),
        "{:?}",
        said(&place.online(""))
    );
}

#[test]
fn too_young() {
    let mut place = Place::new();
    place.publish(
        "1.2.0",
        How {
            time: Some("2026-11-20T12:00:00.000Z"),
            ..BUILT
        },
    );
    place.install("1.2.0");
    place.lock(false);
    assert_eq!(
        said(&place.online("[sources]\nmin-age-days = 7\n")),
        ["too-fresh warn"]
    );
    assert_eq!(
        said(&place.online("[sources]\nmin-age-days = 2\n")),
        [""; 0]
    );

    // It is never called old enough where that is not known.
    let ages = |report: &Report| -> Vec<String> {
        let about = report
            .findings
            .iter()
            .filter(|finding| finding.message.starts_with("the age of"));
        about
            .map(|finding| {
                format!(
                    "{}[{}] {}",
                    finding.id,
                    finding.code.unwrap_or(""),
                    finding.level.as_str()
                )
            })
            .collect()
    };
    let offline = place.offline("[sources]\nmin-age-days = 7\n");
    assert_eq!(ages(&offline), ["not-established[offline] note"]);
    assert!(
        offline
            .findings
            .iter()
            .any(|finding| finding.evidence == ["npm:@acme/notes"])
    );
    // As grave as the finding whose question it leaves open.
    let levels =
        |level: &str| format!("[levels]\ntoo-fresh = \"{level}\"\n[sources]\nmin-age-days = 7\n");
    assert_eq!(
        ages(&place.offline(&levels("deny"))),
        ["not-established[offline] deny"]
    );
    assert_eq!(ages(&place.offline(&levels("allow"))), [""; 0]);
    let flagged = place
        .builder("[sources]\nmin-age-days = 7\n")
        .level("too-fresh", Level::Deny)
        .build()
        .expect("verifier");
    assert_eq!(
        ages(&flagged.check(&Scope::Everything).expect("report")),
        ["not-established[offline] deny"]
    );
    assert_eq!(ages(&place.offline("")), [""; 0]);
    // A registry that keeps the time to itself, one that does not have it, and one that lies about the future.
    place.packument["time"] = json!({});
    place.server.set(
        "/@acme%2fnotes",
        Answer::Good(place.packument.to_string().into_bytes()),
    );
    assert_eq!(
        ages(&place.online("[sources]\nmin-age-days = 7\n")),
        ["not-established[bad-answer] note"]
    );
    place.server.set("/@acme%2fnotes", Answer::Status(404));
    assert_eq!(
        ages(&place.online("[sources]\nmin-age-days = 7\n")),
        ["not-established[not-in-registry] note"]
    );
    place.packument["time"]["1.2.0"] = json!("2030-01-01T00:00:00.000Z");
    place.server.set(
        "/@acme%2fnotes",
        Answer::Good(place.packument.to_string().into_bytes()),
    );
    assert!(
        said(&place.online("[sources]\nmin-age-days = 7\n")).contains(&"too-fresh warn".to_owned())
    );
}

#[test]
fn a_registry_that_policy_does_not_list() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    let unlisted = |policy: &str, npmrc: &str| {
        let config = NpmConfig::parse(npmrc, &|_| None).expect("configuration");
        let client = Client::new(
            config,
            FetchLimits::default(),
            Cache::new(place.path("cache")),
        )
        .expect("client");
        let report = place
            .builder(policy)
            .registry(client)
            .build()
            .expect("verifier")
            .check(&Scope::Everything)
            .expect("report");
        let found = report
            .findings
            .into_iter()
            .filter(|finding| finding.id == "unlisted-source");
        found
            .flat_map(|finding| finding.evidence)
            .filter(|line| line.contains("archives were asked"))
            .count()
    };
    // The lockfile's address is listed, and what .npmrc says for the scope is not.
    let other = place.server.url("/elsewhere");
    let policy = |listed: &str| format!("[sources]\nregistries = [\"{listed}\"]\n");
    let (own, scope) = (
        place.server.url(""),
        format!("@acme:registry={}/", place.server.url("")),
    );
    assert_eq!(
        unlisted(&policy(&own), &format!("registry={other}\n{scope}")),
        0
    );
    assert_eq!(
        unlisted(&policy(&other), &format!("registry={other}\n{scope}")),
        1
    );
    assert_eq!(unlisted("", &scope), 0, "without a list all are as good");
}

/// Name, version and digest of an installed package are what the state directory claims. An archive that the cache holds for another reason
/// must not vouch for them.
#[test]
fn an_archive_in_the_cache_proves_nothing_by_itself() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    // An attacker's own package, published under another name, whose package.json says that it is this one.
    let evil = archive(NAME, "6.6.6");
    let (evil_integrity, shop) = (Sri::of(&evil), "/evil/-/evil-1.0.0.tgz");
    let dist =
        json!({ "integrity": evil_integrity.to_string(), "tarball": place.server.url(shop) });
    let packument = json!({ "name": "evil", "versions": { "1.0.0": { "name": "evil", "version": "1.0.0", "dist": dist } } });
    place
        .server
        .set("/evil", Answer::Good(packument.to_string().into_bytes()));
    place.server.set(shop, Answer::Good(evil));
    let want = openclaw_verify_core::registry::Want {
        name: "evil".to_owned(),
        version: "1.0.0".to_owned(),
        integrity: None,
        archive: true,
        attestations: true,
    };
    let plan = openclaw_verify_core::registry::FetchPlan { wants: vec![want] };
    let fetched =
        openclaw_verify_core::registry::fetch_blocking(&plan, &place.client()).expect("a runtime");
    assert!(
        fetched.packages[0]
            .as_ref()
            .is_ok_and(|package| package.archive.as_ref().is_some_and(Result::is_ok))
    );

    place.install("6.6.6");
    place.lock(false);
    let wanted = "[[rule]]\nmatch = \"npm:@acme/*\"\nprovenance = \"required\"\ndependencies = \"archive-verified\"\n";
    let report = place.offline(wanted);
    assert_eq!(basis_of_plugin(&report), Some(Basis::Locked));
    assert_eq!(said(&report), ["not-established[offline] deny"]);
    let report = place.online(wanted);
    assert_eq!(basis_of_plugin(&report), Some(Basis::Locked));
    assert_eq!(
        said(&report),
        [
            "not-established[not-in-registry] deny",
            "not-established[not-in-registry] note"
        ]
    );
    // And what is as published is reported so, also where it has no dependencies at all.
    place.install("1.2.0");
    place.lock(true);
    assert_eq!(said(&place.online(wanted)), [""; 0]);
    assert_eq!(said(&place.offline(wanted)), [""; 0]);
}

#[test]
fn candidates() {
    let place = Place::new();
    let bytes = archive(NAME, "1.2.0");
    let archive =
        openclaw_verify_core::archive::read(&bytes[..], &Default::default(), Candidate::keep)
            .expect("archive");
    let verifier = place.builder(REQUIRED).build().expect("verifier");
    let candidate = Candidate {
        archive: &archive,
        shown: "notes.tgz",
        integrity: None,
        wanted: None,
    };
    let report = verifier
        .candidate(&candidate, &CandidateOrigin::unknown())
        .expect("report");
    assert_eq!(
        said(&report.report),
        ["not-established[offline] deny"],
        "required, and none was given"
    );
    assert_eq!(report.contents.bundled, ["inner@2.0.0"]);
    assert_eq!(
        report.contents.commands,
        [("notes".to_owned(), "./cli.js".to_owned())]
    );

    let answer = place.attestations("1.2.0", &Sri::of(&bytes), "acme/notes");
    let origin = verifier.attested(&candidate, &answer).expect("origin");
    let report = verifier.candidate(&candidate, &origin).expect("report");
    assert_eq!(said(&report.report), [""; 0]);
    assert_eq!(
        report
            .identity
            .as_ref()
            .and_then(|identity| identity.repository()),
        Some("github.com/acme/notes")
    );
    let nothing = verifier
        .attested(&candidate, br#"{"attestations":[]}"#)
        .expect("origin");
    let report = verifier.candidate(&candidate, &nothing).expect("report");
    assert_eq!(said(&report.report), ["provenance-missing deny"]);
    // Whether it is reviewed is asked once it is installed, and not hidden here.
    let unread = |report: &Report| {
        report
            .findings
            .iter()
            .filter(|finding| finding.id == "unreviewed")
            .map(|finding| finding.level)
            .collect::<Vec<_>>()
    };
    assert_eq!(unread(&report.report), [Level::Note]);
    let other = Candidate {
        wanted: Some((NAME, "1.2.1")),
        ..candidate
    };
    assert_eq!(
        said(&verifier.candidate(&other, &origin).expect("report").report),
        ["archive-mismatch deny"]
    );
    let other = Candidate {
        integrity: Some(Sri::of(b"x")),
        ..candidate
    };
    assert_eq!(
        said(&verifier.candidate(&other, &origin).expect("report").report),
        ["archive-mismatch deny"]
    );
}

/// The bundled package of [`files`], as it is published by itself.
fn inner() -> Vec<u8> {
    let below = |(path, content): (String, String)| {
        Some((
            path.strip_prefix("node_modules/inner/")?.to_owned(),
            content,
        ))
    };
    pack(
        &files(NAME, "1.2.0")
            .into_iter()
            .filter_map(below)
            .collect::<Vec<_>>(),
    )
}

impl Place {
    /// Publishes the bundled package, with `served` as its archive.
    fn publish_inner(&self, version: &str, served: Vec<u8>) {
        let dist = json!({ "integrity": Sri::of(&inner()).to_string(), "tarball": self.server.url("/inner/-/inner.tgz") });
        let versions = json!({ version: { "name": "inner", "version": version, "dist": dist } });
        let packument = json!({ "name": "inner", "versions": versions, "time": { version: "2026-06-01T12:00:00.000Z" } });
        self.server
            .set("/inner", Answer::Good(packument.to_string().into_bytes()));
        self.server.set("/inner/-/inner.tgz", Answer::Good(served));
    }

    /// What an SBOM says of the bundled package; `registry` brings the network.
    #[cfg(feature = "sbom")]
    fn sbom_of_inner(&self, registry: bool) -> Value {
        let builder = self.builder("").verify_bundled(true);
        let builder = if registry {
            builder.registry(self.client())
        } else {
            builder
        };
        let sbom = builder
            .build()
            .expect("verifier")
            .sbom(&Default::default(), true)
            .expect("SBOM");
        let components = sbom.value()["components"].as_array().expect("components");
        let reference = format!("{PROJECT}/node_modules/{NAME}/node_modules/inner");
        components
            .iter()
            .find(|one| one["bom-ref"] == *reference)
            .expect("the bundled package")
            .clone()
    }
}

#[cfg(feature = "sbom")]
fn compared(component: &Value) -> Option<&str> {
    let mut properties = component["properties"].as_array()?.iter();
    properties.find(|property| property["name"] == "openclaw:verify:archive")?["value"].as_str()
}

#[test]
#[cfg(feature = "sbom")]
fn a_bundled_package_has_its_archives_hash_only_when_it_is_that_archive() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    let folder = format!("state/{PROJECT}/node_modules/{NAME}/node_modules/inner");

    place.publish_inner("2.0.0", inner());
    // A package below it is another package, unless its archive holds it.
    place.write(
        &format!("{folder}/node_modules/deep/package.json"),
        json!({ "name": "deep", "version": "1.0.0" }).to_string(),
    );
    let found = place.sbom_of_inner(true);
    assert_eq!(compared(&found), Some("identical"), "{found:#}");
    assert_eq!(
        found["hashes"],
        json!([{ "alg": "SHA-512", "content": Sri::of(&inner()).hex() }])
    );
    assert_eq!(found["externalReferences"][0]["hashes"], found["hashes"]);
    assert_eq!((found.get("modified"), found.get("pedigree")), (None, None));
    // The cache does not know which archive is meant, and no registry was asked.
    let found = place.sbom_of_inner(false);
    assert_eq!((compared(&found), found.get("hashes")), (None, None));

    for (path, content, line) in [
        (
            format!("{folder}/index.js"),
            "evil",
            "changed inner@2.0.0: index.js",
        ),
        (
            format!("{folder}/new.js"),
            "evil",
            "added inner@2.0.0: new.js",
        ),
        (
            format!("{folder}/node_modules/loose.js"),
            "evil",
            "added inner@2.0.0: node_modules/loose.js",
        ),
        (
            format!("{folder}/.npmrc"),
            "evil",
            "added inner@2.0.0: .npmrc",
        ),
    ] {
        place.install("1.2.0");
        place.write(&path, content);
        let found = place.sbom_of_inner(true);
        assert_eq!(
            (compared(&found), &found["modified"], found.get("hashes")),
            (Some("differs"), &json!(true), None),
            "{path}"
        );
        assert!(
            found["pedigree"]["notes"]
                .as_str()
                .expect("notes")
                .contains(line),
            "{found:#}"
        );
        assert_eq!(
            found["pedigree"]["ancestors"][0]["hashes"][0]["content"],
            Sri::of(&inner()).hex()
        );
        assert_eq!(
            found["pedigree"]["ancestors"][0]["purl"],
            "pkg:npm/inner@2.0.0"
        );
    }
    // A name that was not asked for is not that of the archive.
    place.install("1.2.0");
    place.write(
        &format!("{folder}/package.json"),
        json!({ "name": "other", "version": "2.0.0" }).to_string(),
    );
    let found = place.sbom_of_inner(true);
    assert_eq!(
        (compared(&found), found.get("hashes")),
        (Some("differs"), None),
        "{found:#}"
    );
}

#[test]
#[cfg(feature = "sbom")]
fn a_bundled_package_that_cannot_be_compared_has_no_hash() {
    let mut place = Place::new();
    place.publish("1.2.0", BUILT);
    place.install("1.2.0");
    place.lock(true);
    let expect = |place: &Place, said: &str| {
        let _ = fs::remove_dir_all(place.path("cache"));
        let found = place.sbom_of_inner(true);
        assert_eq!(
            (compared(&found), found.get("hashes"), found.get("modified")),
            (Some(said), None, None),
            "{found:#}"
        );
    };
    expect(&place, "not-published");
    place.publish_inner("2.0.1", inner());
    expect(&place, "not-published");
    // The registry contradicts itself: no word about what is installed.
    place.publish_inner("2.0.0", pack(&files(NAME, "6.6.6")));
    expect(&place, "not-established");
    place.publish_inner("2.0.0", b"no archive".to_vec());
    expect(&place, "not-established");
    for status in [401, 403, 500] {
        place.server.set("/inner", Answer::Status(status));
        expect(&place, "not-established");
    }
}

#[test]
fn a_candidate_does_not_escape_the_lock_or_a_violation_by_another_name() {
    let place = Place::new();
    let lock = |id: &str| {
        let archive = Sri::of(b"another");
        let entry = format!(
            "[[package]]\nid = \"{id}\"\nkind = \"plugin\"\nversion = \"1.2.0\"\nsource = \"npm\"\narchive = \"{archive}\"\ntree = \"git-sha256:{}\"\n",
            "0".repeat(64)
        );
        place.write(
            "openclaw-verify.lock",
            format!("version = 1\nrevision = 1\n\n{entry}"),
        );
    };
    let judge = |version: &str, wanted: Option<(&str, &str)>| {
        let bytes = archive(NAME, version);
        let archive =
            openclaw_verify_core::archive::read(&bytes[..], &Default::default(), Candidate::keep)
                .expect("archive");
        let verifier = place
            .builder("")
            .reviews(place.path("reviews.toml"), "reviews")
            .build()
            .expect("verifier");
        let candidate = Candidate {
            archive: &archive,
            shown: "notes.tgz",
            integrity: None,
            wanted,
        };
        let report = verifier
            .candidate(&candidate, &CandidateOrigin::unknown())
            .expect("report")
            .report;
        report
            .findings
            .iter()
            .filter(|finding| finding.level == Level::Deny)
            .map(|finding| finding.id)
            .collect::<Vec<_>>()
    };
    lock("npm:@acme/notes");
    for spelling in ["1.2.0", "v1.2.0", "=1.2.0", "1.2.0+evil"] {
        assert_eq!(judge(spelling, None), ["archive-mismatch"], "{spelling}");
    }
    assert_eq!(judge("1.2.1", None), [""; 0], "another version");
    // A local file is installed as another subject than the package of a registry.
    lock("npm-pack:@acme/notes");
    assert_eq!(judge("1.2.0", None), ["archive-mismatch"]);
    assert_eq!(judge("1.2.0", Some((NAME, "1.2.0"))), [""; 0]);
    fs::remove_file(place.path("openclaw-verify.lock")).expect("removed");
    for id in ["npm", "npm-pack"] {
        let violation = format!(
            "[[violation]]\npackage = \"{id}:@acme/notes\"\nversions = \"*\"\nreason = \"shell\"\nby = \"Ada <ada@example.org>\"\ndate = 2026-11-22\n"
        );
        place.write("reviews.toml", format!("version = 1\n\n{violation}"));
        assert_eq!(judge("1.2.0", None), ["violation"], "{id}");
    }
}

/// What the verdict on the one plugin stands on.
fn basis_of_plugin(report: &Report) -> Option<Basis> {
    let mut subjects = report.subjects.iter();
    let plugin = subjects.find(|subject| subject.kind == Kind::Plugin);
    plugin.expect("a plugin").basis
}
