//! What the SBOM says about subjects, verdicts and secrets. Hostile packages and the validators are in `tests/it/sbom.rs`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::fact::Outcome;
use crate::inventory::{InstallStep, McpDefinition, Place, Record, Subject};
use crate::subject::{Kind, Source};
use crate::tree::TreeSpec;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let file = root.join(path);
        fs::create_dir_all(file.parent().expect("parent")).expect("folder");
        fs::write(file, text).expect("file");
    }
}

fn subject(
    state: &Path,
    scheme: &str,
    name: &str,
    kind: Kind,
    source: Source,
    shown: &str,
) -> Subject {
    let place = Place {
        absolute: state.join(shown),
        shown: shown.to_owned(),
    };
    Subject::new(SubjectId::new(scheme, name), kind, source, place)
}

/// A state directory with one of each kind, below a folder whose name must never come out.
fn state(root: &Path) -> Inventory {
    let state = root.join("private-home/.openclaw");
    let host = root.join("private-app");
    let integrity = Sri::of(b"zalo.tgz");
    write(
        &state,
        &[
            (
                "npm/projects/p/package.json",
                r#"{"dependencies":{"@openclaw/zalo":"1.0.0"}}"#,
            ),
            (
                "npm/projects/p/node_modules/@openclaw/zalo/package.json",
                r#"{"name":"@openclaw/zalo","version":"1.0.0","license":"MIT","dependencies":{"left":"1","gone":"^2"},
                    "peerDependencies":{"openclaw":"*"},"bundleDependencies":["left"],"author":"Ada <ada@example.org>",
                    "repository":"github:openclaw/openclaw"}"#,
            ),
            (
                "npm/projects/p/node_modules/@openclaw/zalo/node_modules/left/package.json",
                r#"{"name":"left","version":"1.2.3","scripts":{"postinstall":"x"}}"#,
            ),
            (
                "npm/projects/p/node_modules/.package-lock.json",
                &format!(
                    r#"{{"lockfileVersion":3,"packages":{{
                        "node_modules/@openclaw/zalo":{{"version":"1.0.0","integrity":"{integrity}",
                            "resolved":"https://user:hunter2@registry.example/zalo-1.0.0.tgz"}},
                        "node_modules/@openclaw/zalo/node_modules/left":{{"version":"1.2.3","inBundle":true}}}}}}"#
                ),
            ),
            (
                "extensions/local/package.json",
                r#"{"name":"@openclaw/zalo","version":"9.9.9","dependencies":{"dep":"1"}}"#,
            ),
            (
                "extensions/local/node_modules/dep/package.json",
                r#"{"name":"dep","version":"1.0.0"}"#,
            ),
            (
                "extensions/local/node_modules/.package-lock.json",
                r#"{"lockfileVersion":3,"packages":{"node_modules/dep":{"version":"6.6.6"}}}"#,
            ),
            ("skills/weather/SKILL.md", "# Weather"),
        ],
    );
    write(
        &host,
        &[
            (
                "package.json",
                r#"{"dependencies":{"openclaw":"2026.9.6"}}"#,
            ),
            (
                "node_modules/openclaw/package.json",
                r#"{"name":"openclaw","version":"2026.9.6","dependencies":{"zod":"4"}}"#,
            ),
            (
                "node_modules/zod/package.json",
                r#"{"name":"zod","version":"4.0.0"}"#,
            ),
            ("node_modules/.package-lock.json", "{"),
        ],
    );
    let host_link = state.join("npm/projects/p/node_modules/@openclaw/zalo/node_modules/openclaw");
    std::os::unix::fs::symlink(
        fs::canonicalize(host.join("node_modules/openclaw")).expect("host"),
        host_link,
    )
    .expect("link");

    let spec = |root: std::path::PathBuf| {
        Some(TreeSpec {
            boundary: root.clone(),
            root,
            leave_out: Vec::new(),
        })
    };
    let place = Place {
        absolute: fs::canonicalize(host.join("node_modules/openclaw")).expect("host"),
        shown: host.join("node_modules/openclaw").display().to_string(),
    };
    let mut core = Subject::new(SubjectId::core(), Kind::Core, Source::Npm, place);
    core.trees.siblings = spec(fs::canonicalize(host.join("node_modules")).expect("host"));
    let place = "npm/projects/p/node_modules/@openclaw/zalo";
    let mut zalo = subject(
        &state,
        "npm",
        "@openclaw/zalo",
        Kind::Plugin,
        Source::Npm,
        place,
    );
    zalo.trees.dependencies = spec(state.join("npm/projects/p/node_modules"));
    let mut local = subject(
        &state,
        "path",
        "local",
        Kind::Plugin,
        Source::Path,
        "extensions/local",
    );
    local.trees.dependencies = spec(state.join("extensions/local/node_modules"));
    local.record = Some(Record {
        source_path: Some("/home/private-source".to_owned()),
        ..Record::default()
    });
    let mut skill = subject(
        &state,
        "skill",
        "managed/weather",
        Kind::Skill,
        Source::Unrecorded,
        "skills/weather",
    );
    skill.name = "weather".to_owned();
    skill.trees.tree = spec(state.join("skills/weather"));
    let target = "https://example.org/tool.tgz?token=hunter2".to_owned();
    skill.install_steps = vec![InstallStep {
        kind: "download".to_owned(),
        target,
        sha256: None,
    }];
    let server = |name: &str, spec: &str, raw: Value| {
        let mut server = subject(
            &state,
            "mcp",
            name,
            Kind::McpServer,
            Source::Config,
            "openclaw.json",
        );
        server.mcp = Some(McpDefinition {
            raw,
            digest: Sha256Digest::of(name.as_bytes()),
            spec: spec.to_owned(),
            when_on: Vec::new(),
            home: None,
            not_hashed: Vec::new(),
            local: None,
        });
        server
    };
    let secret = json!({ "url": "https://u:hunter2@mcp.example.org/sk1234567890abcdefghij/x?key=hunter2", "headers": { "Authorization": "hunter2" } });
    let remote = server(
        "remote",
        "https://u:hunter2@mcp.example.org/sk1234567890abcdefghij/x?key=hunter2",
        secret,
    );
    let stdio = server(
        "files",
        "npx -y @acme/files@1.2.3",
        json!({ "command": "npx", "args": ["-y", "@acme/files@1.2.3"], "env": { "TOKEN": "hunter2" } }),
    );
    let mut subjects = vec![core, stdio, remote, zalo, local, skill];
    subjects.sort_by(|a, b| a.id.cmp(&b.id));
    Inventory {
        subjects,
        ..Inventory::default()
    }
}

fn bom(inventory: &Inventory, verdicts: &Verdicts, options: &SbomOptions) -> Value {
    let bom = generate(inventory, verdicts, options).expect("SBOM");
    assert_eq!(
        serde_json::from_str::<Value>(&bom.to_json()).expect("JSON"),
        *bom.value()
    );
    bom.value().clone()
}

fn component<'a>(bom: &'a Value, reference: &str) -> &'a Value {
    let all = ["components", "services"]
        .into_iter()
        .filter_map(|list| bom[list].as_array())
        .flatten();
    all.chain([&bom["metadata"]["component"]])
        .find(|one| one["bom-ref"] == reference)
        .expect(reference)
}

fn property<'a>(component: &'a Value, name: &str) -> Option<&'a str> {
    component["properties"]
        .as_array()?
        .iter()
        .find(|one| one["name"] == name)?["value"]
        .as_str()
}

fn depends_on(bom: &Value, reference: &str) -> Value {
    let all = bom["dependencies"].as_array().expect("dependencies");
    all.iter()
        .find(|one| one["ref"] == reference)
        .expect(reference)["dependsOn"]
        .clone()
}

const ZALO: &str = "npm/projects/p/node_modules/@openclaw/zalo";
const LEFT: &str = "npm/projects/p/node_modules/@openclaw/zalo/node_modules/left";

#[test]
fn every_subject_and_every_package_is_listed_once() {
    let dir = tempfile::tempdir().expect("temp dir");
    let bom = bom(
        &state(dir.path()),
        &Verdicts::default(),
        &SbomOptions::default(),
    );
    let references = |list: &str| -> Vec<String> {
        bom[list]
            .as_array()
            .expect(list)
            .iter()
            .map(|one| one["bom-ref"].as_str().expect("ref").to_owned())
            .collect()
    };
    assert_eq!(
        references("components"),
        [
            "extensions/local",
            "extensions/local/node_modules/dep",
            "host/node_modules/zod",
            ZALO,
            LEFT,
            "skills/weather"
        ]
    );
    assert_eq!(references("services"), ["mcp:files", "mcp:remote"]);
    assert_eq!(
        depends_on(&bom, "openclaw"),
        json!([
            "extensions/local",
            "host/node_modules/zod",
            "mcp:files",
            "mcp:remote",
            ZALO,
            "skills/weather"
        ])
    );
    assert_eq!(depends_on(&bom, ZALO), json!([LEFT, "openclaw"]));
    assert_eq!(
        depends_on(&bom, "extensions/local"),
        json!(["extensions/local/node_modules/dep"])
    );
    assert_eq!(depends_on(&bom, LEFT), json!([]));

    let zalo = component(&bom, ZALO);
    assert_eq!(zalo["purl"], "pkg:npm/%40openclaw/zalo@1.0.0");
    assert_eq!(
        (&zalo["group"], &zalo["name"]),
        (&json!("@openclaw"), &json!("zalo"))
    );
    assert_eq!(
        zalo["authors"],
        json!([{ "name": "Ada", "email": "ada@example.org" }])
    );
    assert_eq!(
        zalo["manufacturer"]["url"],
        json!(["https://github.com/openclaw/openclaw"])
    );
    assert_eq!(zalo.get("hashes"), None);
    let distribution = &zalo["externalReferences"][0];
    assert_eq!(
        distribution["url"],
        "https://registry.example/zalo-1.0.0.tgz"
    );
    assert_eq!(
        distribution["hashes"][0]["content"],
        Sri::of(b"zalo.tgz").hex()
    );
    let left = component(&bom, LEFT);
    assert_eq!(property(left, "cdx:npm:package:bundled"), Some("true"));
    assert_eq!(
        property(left, "openclaw:npm:install_scripts"),
        Some("postinstall")
    );
    assert_eq!(left["licenses"][0]["license"]["name"], "NOASSERTION");
    assert_eq!(left["authors"], json!([{ "name": "NOASSERTION" }]));
    // A local folder may call itself whatever it likes: it is no package of the registry.
    assert_eq!(
        component(&bom, "extensions/local")["purl"],
        "pkg:generic/%40openclaw/zalo@9.9.9"
    );
    // What npm's lockfile knows by another version is no package of the registry either.
    let dep = component(&bom, "extensions/local/node_modules/dep");
    assert_eq!(
        (dep.get("purl"), property(dep, "openclaw:npm:lockfile")),
        (None, Some("says version 6.6.6"))
    );
    let skill = component(&bom, "skills/weather");
    assert_eq!(skill["type"], "data");
    assert!(
        skill["swhid"][0]
            .as_str()
            .expect("swhid")
            .starts_with("swh:1:dir:")
    );
}

#[test]
fn no_secret_and_no_absolute_path_comes_out() {
    let dir = tempfile::tempdir().expect("temp dir");
    let text = bom(
        &state(dir.path()),
        &Verdicts::default(),
        &SbomOptions::default(),
    )
    .to_string();
    for secret in [
        "hunter2",
        "private-",
        "sk1234567890",
        "Authorization",
        &dir.path().display().to_string(),
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("https://mcp.example.org/***/***"));
}

#[test]
fn equal_installations_give_equal_bytes_wherever_they_are() {
    let reproducible = SbomOptions {
        reproducible: true,
        timestamp: Some(jiff::Timestamp::UNIX_EPOCH),
        ..SbomOptions::default()
    };
    let text = || {
        let dir = tempfile::tempdir().expect("temp dir");
        generate(&state(dir.path()), &Verdicts::default(), &reproducible)
            .expect("SBOM")
            .to_json()
    };
    let first = text();
    assert_eq!(first, text());
    assert!(first.contains("cdx:reproducible") && !first.contains("\"timestamp\""));

    let dir = tempfile::tempdir().expect("temp dir");
    let inventory = state(dir.path());
    let at = |second: i64| {
        let timestamp = jiff::Timestamp::from_second(second).ok();
        bom(
            &inventory,
            &Verdicts::default(),
            &SbomOptions {
                timestamp,
                ..SbomOptions::default()
            },
        )
    };
    assert_eq!(at(0)["metadata"]["timestamp"], "1970-01-01T00:00:00Z");
    assert_eq!(at(0)["serialNumber"], at(1)["serialNumber"]);
    let serial = at(0)["serialNumber"].as_str().expect("serial").to_owned();
    assert_eq!(
        (&serial[..9], &serial[23..24], serial.len()),
        ("urn:uuid:", "8", 45)
    );
    fs::write(
        dir.path()
            .join("private-home/.openclaw/skills/weather/SKILL.md"),
        "# Other",
    )
    .expect("change");
    assert_ne!(at(0)["serialNumber"], serial);
}

#[test]
fn verdicts_become_evidence_claims_and_hashes() {
    let dir = tempfile::tempdir().expect("temp dir");
    let inventory = state(dir.path());
    let zalo = SubjectId::new("npm", "@openclaw/zalo");
    let archive = Sri::of(b"zalo.tgz");
    let mut verdicts = Verdicts::default();
    let outcomes = Outcomes {
        integrity: Outcome::Verified,
        review: Outcome::NotEstablished,
        ..Outcomes::default()
    };
    let verdict = SubjectVerdict {
        tree: Some(TreeDigest([7; 32])),
        files: Some(3),
        archive: Some(ArchiveMatch::Identical { archive }),
        outcomes,
        ..SubjectVerdict::default()
    };
    verdicts.subjects.insert(zalo.clone(), verdict);
    let outcomes = Outcomes {
        integrity: Outcome::Violated,
        ..Outcomes::default()
    };
    verdicts.subjects.insert(
        SubjectId::new("skill", "managed/weather"),
        SubjectVerdict {
            outcomes,
            ..SubjectVerdict::default()
        },
    );
    let differs = ArchiveMatch::Differs {
        archive: Some(archive),
        summary: "1 file added".to_owned(),
        paths: vec!["added x".to_owned()],
    };
    let path = "node_modules/@openclaw/zalo/node_modules/left".to_owned();
    verdicts.packages.insert((zalo, path), differs);
    verdicts.policy = Some(AppliedPolicy {
        preset: "default".to_owned(),
        digest: None,
    });

    let bom_16 = bom(&inventory, &verdicts, &SbomOptions::default());
    let zalo = component(&bom_16, ZALO);
    assert_eq!(
        zalo["hashes"],
        json!([{ "alg": "SHA-512", "content": archive.hex() }])
    );
    assert_eq!(zalo["evidence"]["identity"][0]["confidence"], 1.0);
    assert_eq!(
        property(zalo, "openclaw:verify:integrity"),
        Some("verified")
    );
    let left = component(&bom_16, LEFT);
    assert_eq!(
        (left.get("hashes"), &left["modified"]),
        (None, &json!(true))
    );
    assert!(
        left["pedigree"]["notes"]
            .as_str()
            .expect("notes")
            .contains("1 file added")
    );

    let map = &bom_16["declarations"]["attestations"][0]["map"];
    assert_eq!(map[0]["requirement"], "requirement:integrity");
    assert_eq!(map[0]["claims"], json!([format!("claim:integrity:{ZALO}")]));
    assert_eq!(
        map[0]["counterClaims"],
        json!(["claim:integrity:skills/weather"])
    );
    assert_eq!(map[0]["conformance"]["score"], 0.5);
    assert_eq!(map[1]["requirement"], "requirement:review");
    assert_eq!(map[1]["conformance"]["score"], 0.0);
    assert_eq!(map.as_array().map(Vec::len), Some(2));

    // 1.5 has no declarations; the verdicts stay readable as properties.
    let bom_15 = bom(
        &inventory,
        &verdicts,
        &SbomOptions {
            spec_version: SpecVersion::V1_5,
            ..SbomOptions::default()
        },
    );
    assert_eq!(
        (bom_15.get("declarations"), bom_15.get("definitions")),
        (None, None)
    );
    assert_eq!(
        property(component(&bom_15, ZALO), "openclaw:verify:integrity"),
        Some("verified")
    );
    assert_eq!(component(&bom_15, ZALO)["author"], "Ada <ada@example.org>");
}

#[test]
fn a_commit_is_named_only_once_it_was_verified() {
    let dir = tempfile::tempdir().expect("temp dir");
    let place = Place {
        absolute: dir.path().to_owned(),
        shown: "git/notes".to_owned(),
    };
    let id = SubjectId::new("git", "github.com/acme/notes");
    let mut subject = Subject::new(id.clone(), Kind::Plugin, Source::Git, place);
    let commit = "deadbeef".repeat(5);
    subject.record = Some(Record {
        git_commit: Some(commit.clone()),
        git_url: Some("https://github.com/acme/notes".to_owned()),
        ..Record::default()
    });
    let inventory = Inventory {
        subjects: vec![subject],
        ..Inventory::default()
    };
    let claimed = bom(&inventory, &Verdicts::default(), &SbomOptions::default());
    let claimed = component(&claimed, "git/notes");
    assert_eq!(
        property(claimed, "openclaw:git:recorded_commit"),
        Some(commit.as_str())
    );
    assert!(
        claimed.get("swhid").is_none() && !claimed["purl"].to_string().contains(&commit),
        "{claimed:#}"
    );

    let mut verdicts = Verdicts::default();
    verdicts.subjects.insert(
        id,
        SubjectVerdict {
            commit: Some(commit.clone()),
            ..SubjectVerdict::default()
        },
    );
    let verified = bom(&inventory, &verdicts, &SbomOptions::default());
    let verified = component(&verified, "git/notes");
    assert_eq!(verified["swhid"], json!([format!("swh:1:rev:{commit}")]));
    assert_eq!(verified["purl"], format!("pkg:github/acme/notes@{commit}"));
}

#[test]
fn what_only_1_7_can_say() {
    let dir = tempfile::tempdir().expect("temp dir");
    let inventory = state(dir.path());
    let mut verdicts = Verdicts::default();
    let outcomes = Outcomes {
        review: Outcome::Verified,
        ..Outcomes::default()
    };
    let reviewers = vec!["Ada <ada@example.org>".to_owned(), "a reviewer".to_owned()];
    let verdict = SubjectVerdict {
        outcomes,
        reviewers,
        ..SubjectVerdict::default()
    };
    verdicts
        .subjects
        .insert(SubjectId::new("npm", "@openclaw/zalo"), verdict);
    let of = |spec_version, reproducible| {
        let timestamp = Some(jiff::Timestamp::UNIX_EPOCH);
        bom(
            &inventory,
            &verdicts,
            &SbomOptions {
                spec_version,
                timestamp,
                reproducible,
                ..SbomOptions::default()
            },
        )
    };
    let bom_17 = of(SpecVersion::V1_7, false);
    // What a server fetches is no part of the installation: before 1.7 nothing but the service says so.
    let external = component(&bom_17, "external/@acme/files@1.2.3");
    assert_eq!(
        (&external["isExternal"], &external["purl"]),
        (&json!(true), &json!("pkg:npm/%40acme/files@1.2.3"))
    );
    assert_eq!(
        depends_on(&bom_17, "mcp:files"),
        json!(["external/@acme/files@1.2.3"])
    );
    let bom_16 = of(SpecVersion::V1_6, false);
    assert!(
        bom_16["components"]
            .as_array()
            .expect("components")
            .iter()
            .all(|one| one["name"] != "files")
    );
    assert_eq!(
        property(component(&bom_16, "mcp:files"), "openclaw:mcp:package"),
        Some("pkg:npm/%40acme/files@1.2.3")
    );

    // Who says so; without a time there is no citation.
    let citations = bom_17["citations"].as_array().expect("citations");
    assert_eq!(citations.len(), 3);
    assert_eq!(citations[0]["attributedTo"], "tool:openclaw-verify");
    assert_eq!(
        citations[1]["attributedTo"],
        "reviewer:Ada <ada@example.org>"
    );
    let claim = bom_17
        .pointer(citations[1]["pointers"][0].as_str().expect("pointer"))
        .expect("the claim");
    assert_eq!(claim["predicate"], "review verified");
    assert_eq!(
        bom_17["declarations"]["evidence"][0]["author"],
        json!({ "name": "Ada", "email": "ada@example.org" })
    );
    assert_eq!(
        bom_17["declarations"]["assessors"][1]["organization"]["contact"][1]["name"],
        "a reviewer"
    );
    assert_eq!(
        (
            bom_16.get("citations"),
            of(SpecVersion::V1_7, true).get("citations")
        ),
        (None, None)
    );
    assert_eq!(bom_17["serialNumber"], {
        let later = SbomOptions {
            spec_version: SpecVersion::V1_7,
            timestamp: jiff::Timestamp::from_second(9).ok(),
            ..SbomOptions::default()
        };
        bom(&inventory, &verdicts, &later)["serialNumber"].clone()
    });
}

#[test]
fn the_makers_are_those_whom_the_operator_names() {
    let dir = tempfile::tempdir().expect("temp dir");
    let inventory = state(dir.path());
    let party = |text: &str| text.parse::<Party>().expect(text);
    let options = |spec_version| SbomOptions {
        spec_version,
        authors: vec![party("Ada <ada@example.org>")],
        manufacturer: Some(party(
            "Acme <sbom@acme.example.org> (https://acme.example.org)",
        )),
        supplier: Some(party("Supplier Ltd.")),
        ..SbomOptions::default()
    };
    let metadata = |spec_version| {
        bom(&inventory, &Verdicts::default(), &options(spec_version))["metadata"].clone()
    };
    let new = metadata(SpecVersion::V1_6);
    assert_eq!(
        new["authors"],
        json!([{ "name": "Ada", "email": "ada@example.org" }])
    );
    assert_eq!(
        (&new["manufacturer"]["name"], &new["supplier"]["name"]),
        (&json!("Acme"), &json!("Supplier Ltd."))
    );
    let old = metadata(SpecVersion::V1_5);
    assert_eq!(
        (old.get("manufacturer"), &old["authors"][1]["name"]),
        (None, &json!("Acme"))
    );
    let unnamed =
        bom(&inventory, &Verdicts::default(), &SbomOptions::default())["metadata"].clone();
    assert_eq!(
        (
            unnamed.get("authors"),
            unnamed.get("manufacturer"),
            unnamed.get("supplier")
        ),
        (None, None, None)
    );
}

#[test]
fn a_filter_keeps_only_the_wanted_subjects_and_their_packages() {
    let dir = tempfile::tempdir().expect("temp dir");
    let subjects = BTreeSet::from([SubjectId::new("path", "local")]);
    let bom = bom(
        &state(dir.path()),
        &Verdicts::default(),
        &SbomOptions {
            subjects,
            ..SbomOptions::default()
        },
    );
    assert_eq!(bom["components"].as_array().map(Vec::len), Some(2));
    assert_eq!(bom.get("services"), None);
    assert_eq!(depends_on(&bom, "openclaw"), json!(["extensions/local"]));
}

#[test]
fn an_update_reads_as_a_page() {
    let dir = tempfile::tempdir().expect("temp dir");
    let inventory = state(dir.path());
    let read = || bom(&inventory, &Verdicts::default(), &SbomOptions::default());
    let old = read();
    let left = dir.path().join(
        "private-home/.openclaw/npm/projects/p/node_modules/@openclaw/zalo/node_modules/left",
    );
    fs::write(
        left.join("package.json"),
        r#"{"name":"left","version":"1.2.4"}"#,
    )
    .expect("change");
    let new = read();
    let diff = diff(&old, &new);
    assert_eq!(
        (
            diff.added.len(),
            diff.removed.len(),
            diff.moved.len(),
            diff.changed.len()
        ),
        (0, 0, 0, 1)
    );
    let text = diff.to_text();
    assert!(
        text.contains("openclaw:npm:install_scripts: postinstall -> nothing"),
        "{text}"
    );
    assert!(text.contains("version: 1.2.3 -> 1.2.4"), "{text}");
    assert!(super::diff(&old, &old).is_empty());
}
