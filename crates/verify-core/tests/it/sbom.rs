//! SBOMs of hostile packages. They are also written to the target folder, where `ci/sbom-validators.sh` checks them against the
//! schemas with two independent libraries.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use openclaw_verify_core::inventory::{Inventory, Place, Subject};
use openclaw_verify_core::sbom::{self, SbomOptions, SpecVersion, Verdicts};
use openclaw_verify_core::subject::{Kind, Source, SubjectId};
use serde_json::{Value, json};

/// `*.cdx.json` of this run: `target/tmp/sbom/`.
fn output() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sbom");
    fs::create_dir_all(&folder).expect("folder");
    folder
}

const FIELDS: [&str; 20] = [
    "name",
    "version",
    "description",
    "license",
    "licenses",
    "author",
    "repository",
    "homepage",
    "bugs",
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bundleDependencies",
    "scripts",
    "bin",
    "engines",
    "os",
    "cpu",
    "gypfile",
];

/// Texts and types that a field may hold.
fn hostile_values() -> Vec<Value> {
    let texts = [
        "",
        " ",
        "a\nb\r\tc\u{0}\u{1b}[31m\u{202e}\u{feff}",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#x",
        "https://exa mple.org/%zz#a#b",
        "git@github.com:a/b",
        "javascript:alert(1)",
        "MIT OR Apache",
        "MIT+",
        "GPL-2.0",
        "NOASSERTION",
        "(((((MIT",
        "LicenseRef-x AND MIT",
        "DocumentRef-a:LicenseRef-b",
        "Ada <a..b@x> (https://[::1)",
        "ä <ä@ö.de>",
        "../../../etc/passwd",
        "@a/b/c",
        "ｗｉｄｅ",
        "1.0.0-\u{e0041}",
        "v1.2.3",
        "999999999999999999999.0.0",
    ];
    let mut values: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    values.push(json!("x".repeat(1 << 20)));
    values.push(json!("\u{10ffff}".repeat(1 << 18)));
    values.extend([
        json!(null),
        json!(true),
        json!(7),
        json!(-1.5e300),
        json!([]),
        json!({}),
        json!([null, 7, {}, [], "x"]),
    ]);
    values.push(json!({ "a": 7, "b": null, "c\n": "\n", "": "", "url": "x y", "name": 7, "email": "@", "type": "MIT" }));
    values.push(json!({ "url": "https://user:pass@example.org/?q#f", "name": "N", "email": "a@example.org" }));
    values.push(json!({ "node": "\u{7}", "no de": "1", "NODE": "2" }));
    values
}

fn package(modules: &Path, name: &str, manifest: &str) {
    let folder = modules.join(name);
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("package.json"), manifest).expect("file");
}

/// One project for each field, so that a file stays small enough for slow validators.
fn inventory(state: &Path, projects: &[String]) -> Inventory {
    let mut inventory = Inventory::default();
    for project in projects {
        let place = Place {
            absolute: state.join(project),
            shown: format!("extensions/{project}"),
        };
        inventory.subjects.push(Subject::new(
            SubjectId::new("path", project),
            Kind::Plugin,
            Source::Path,
            place,
        ));
    }
    inventory
}

fn check(bom: &Value) {
    let all = || {
        bom["components"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([&bom["metadata"]["component"]])
    };
    let references: Vec<&str> = all()
        .map(|one| one["bom-ref"].as_str().expect("bom-ref"))
        .collect();
    let unique: BTreeSet<&str> = references.iter().copied().collect();
    assert_eq!(references.len(), unique.len());
    for one in all() {
        for text in [&one["name"], &one["version"], &one["bom-ref"]] {
            let text = text.as_str().expect("text");
            assert!(
                !text.is_empty()
                    && text.chars().count() <= 1024
                    && !text.chars().any(char::is_control),
                "{text:?}"
            );
        }
    }
    let dependencies = bom["dependencies"].as_array().expect("dependencies");
    let listed: BTreeSet<&str> = dependencies
        .iter()
        .filter_map(|one| one["ref"].as_str())
        .collect();
    assert_eq!(listed, unique);
    for one in bom["vulnerabilities"].as_array().into_iter().flatten() {
        let affects = one["affects"].as_array().expect("affects");
        assert!(!affects.is_empty());
        assert!(
            affects
                .iter()
                .all(|to| to["ref"].as_str().is_some_and(|to| unique.contains(to)))
        );
    }
    for one in dependencies {
        let on = one["dependsOn"]
            .as_array()
            .expect("dependsOn is always there");
        assert!(
            on.iter()
                .all(|to| to.as_str().is_some_and(|to| unique.contains(to)))
        );
    }
}

/// Every kind of verdict, with reviewers and summaries as hostile as the packages.
fn verdicts(inventory: &Inventory) -> Verdicts {
    use openclaw_verify_core::digest::{Sri, TreeDigest};
    use openclaw_verify_core::fact::Outcome::{NotApplicable, NotEstablished, Verified, Violated};
    use openclaw_verify_core::sbom::{
        AppliedPolicy, ArchiveMatch, Outcomes, SubjectVerdict, VerifiedProvenance,
    };

    let mut verdicts = Verdicts {
        policy: Some(AppliedPolicy {
            preset: "strict".to_owned(),
            digest: None,
        }),
        ..Verdicts::default()
    };
    let hostile = "a\nb\u{0}\u{1b}[31m\u{202e} urn:cdx:x <a..b@x>".to_owned();
    let archive = Sri::of(b"archive");
    let differs = |paths| ArchiveMatch::Differs {
        archive: Some(archive),
        summary: hostile.clone(),
        paths,
    };
    for (at, subject) in inventory.subjects.iter().enumerate() {
        let [integrity, pinning, provenance, review, advisory] =
            [Verified, Violated, NotEstablished, NotApplicable, Verified]
                .map(|_| [Verified, Violated, NotEstablished][at % 3]);
        let verdict = SubjectVerdict {
            tree: Some(TreeDigest([7; 32])),
            files: Some(u64::MAX),
            archive: Some(if at % 2 == 0 {
                differs(vec![hostile.clone(); 50])
            } else {
                ArchiveMatch::NotPublished
            }),
            provenance: Some(VerifiedProvenance {
                repository: hostile.clone(),
                workflow: hostile.clone(),
                commit: String::new(),
                predicate_type: hostile.clone(),
            }),
            reviewers: vec![
                hostile.clone(),
                "Ada <ada@example.org>".to_owned(),
                "<ada@example.org>".to_owned(),
                String::new(),
            ],
            outcomes: Outcomes {
                integrity,
                pinning,
                provenance,
                review,
                advisory,
            },
            ..SubjectVerdict::default()
        };
        verdicts.subjects.insert(subject.id.clone(), verdict);
        for package in 0..40 {
            let found = match package % 4 {
                0 => ArchiveMatch::Identical { archive },
                1 => differs(Vec::new()),
                2 => ArchiveMatch::Differs {
                    archive: None,
                    summary: String::new(),
                    paths: Vec::new(),
                },
                _ => ArchiveMatch::NotEstablished,
            };
            verdicts.packages.insert(
                (subject.id.clone(), format!("node_modules/p{package}")),
                found,
            );
        }
    }
    known(inventory, &mut verdicts);
    verdicts
}

/// Advisories about every subject and package, judged and not, with odd ids, versions, places and reasons.
fn known(inventory: &Inventory, verdicts: &mut Verdicts) {
    use openclaw_verify_core::advisories::{Hit, merge, read_record};
    use openclaw_verify_core::sbom::{Analysis, KnownAdvisory};

    let excepted = |reason: &str| {
        Some(Analysis::Excepted {
            until: jiff::civil::date(2026, 12, 31),
            reason: reason.to_owned(),
        })
    };
    let hostile = "a\nb\u{0}\u{1b}[31m\u{202e} urn:cdx:x";
    let ranges = json!([
        { "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.0.0+a|b" }] },
        { "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "no version" }] },
        { "type": "SEMVER", "events": [{ "introduced": "1.0.0" }, { "last_affected": "2.0.0" }] },
    ]);
    for (id, aliases, severity, ranges) in [
        (
            "MAL-2026-1",
            json!(["GHSA-x", "CVE-1"]),
            "CRITICAL",
            json!([]),
        ),
        ("GHSA-2", json!([]), "MODERATE", ranges.clone()),
        ("x_team-:urn:cdx", json!(["urn:cdx:1"]), hostile, ranges),
    ] {
        let record = json!({
            "id": id, "aliases": aliases, "modified": "2026-11-01T00:00:00Z", "summary": hostile,
            "database_specific": { "severity": severity },
            "affected": [{ "package": { "ecosystem": "npm", "name": "p" }, "versions": ["1.0.0"], "ranges": ranges }],
        });
        let record = read_record(record.to_string().as_bytes()).expect("record");
        let entry = &record.packages["p"];
        for subject in &inventory.subjects {
            for (version, hit, analysis) in [
                (Some("1.0.0"), Hit::Yes, None),
                (Some(hostile), Hit::Unclear, None),
                (None, Hit::Unclear, excepted(hostile)),
                (Some(""), Hit::Yes, excepted("")),
            ] {
                let found = merge(&[(entry, hit)]).remove(0);
                verdicts.known.push(KnownAdvisory {
                    subject: subject.id.clone(),
                    version: version.map(str::to_owned),
                    places: vec![
                        "node_modules/p0".to_owned(),
                        hostile.to_owned(),
                        String::new(),
                    ],
                    found,
                    analysis,
                });
            }
        }
    }
    // Of what is not described nothing is said.
    let mut stray = verdicts.known[0].clone();
    stray.subject = SubjectId::new("npm", "not-described");
    verdicts.known.push(stray);
}

fn write(name: &str, inventory: &Inventory) {
    for version in [SpecVersion::V1_5, SpecVersion::V1_6, SpecVersion::V1_7] {
        let timestamp = Some(jiff::Timestamp::UNIX_EPOCH);
        let options = SbomOptions {
            spec_version: version,
            timestamp,
            compact: true,
            ..SbomOptions::default()
        };
        let bom = sbom::generate(inventory, &verdicts(inventory), &options).expect("SBOM");
        check(bom.value());
        let file = output().join(format!("{name}-{}.cdx.json", version.as_str()));
        fs::write(file, bom.to_json()).expect("file");
    }
}

#[test]
fn any_type_and_any_text_in_any_field_gives_a_valid_sbom() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut projects = Vec::new();
    for field in FIELDS {
        for (at, value) in hostile_values().into_iter().enumerate() {
            let mut manifest = json!({ "name": format!("p{at}"), "version": "1.0.0" });
            manifest[field] = value;
            package(
                &dir.path().join(field).join("node_modules"),
                &format!("p{at}"),
                &manifest.to_string(),
            );
        }
        fs::write(
            dir.path().join(field).join("package.json"),
            r#"{"dependencies":{"p0":"1","p1":"1"}}"#,
        )
        .expect("file");
        projects.push(field.to_owned());
    }
    write("hostile-fields", &inventory(dir.path(), &projects));
}

#[test]
fn hostile_files_and_names_give_a_valid_sbom() {
    let dir = tempfile::tempdir().expect("temp dir");
    let modules = dir.path().join("p/node_modules");
    // What JavaScript reads and many other readers refuse must keep neither the package nor its dependencies out of the SBOM.
    for (at, odd) in [
        r#""description":"\ud800""#,
        r#""\udc00":1,"description":"\u0000\u0007\ud83d""#,
        r#""version":1e400,"x":-1e400"#,
        &format!(r#""config":1{}"#, "0".repeat(400)),
        r#""name":"other","version":"0.0.1""#,
        &format!(r#""description":"{}""#, "x".repeat(1 << 20)),
    ]
    .into_iter()
    .enumerate()
    {
        let manifest = format!(r#"{{{odd},"name":"odd{at}","dependencies":{{"x":"1"}}}}"#);
        package(&modules, &format!("odd{at}"), &manifest);
    }
    for (at, text) in [
        "",
        "[",
        "[]",
        "null",
        "\u{feff}{}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        &"[".repeat(1 << 20),
    ]
    .into_iter()
    .enumerate()
    {
        package(&modules, &format!("text{at}"), text);
    }
    for name in [
        "a b",
        "ünï",
        "new\nline",
        "esc\u{1b}[31m",
        "urn:cdx:x",
        "%40x",
        "a#b?c",
        "\u{202e}gnp",
        "@s/\u{200b}",
        "x~2",
        "x",
    ] {
        package(&modules, name, "{}");
    }
    fs::write(modules.join("text0/package.json"), [0xff, 0xfe, 0x00]).expect("file");
    let names = ["p".to_owned(), "\u{1b}]0;title\u{7}".to_owned()];
    let inventory = inventory(dir.path(), &names);
    write("hostile-files", &inventory);
    let bom =
        sbom::generate(&inventory, &Verdicts::default(), &SbomOptions::default()).expect("SBOM");
    for at in 0..6 {
        let reference = format!("extensions/p/node_modules/odd{at}");
        let all = bom.value()["dependencies"]
            .as_array()
            .expect("dependencies");
        let on = &all
            .iter()
            .find(|one| one["ref"] == *reference)
            .expect(&reference)["dependsOn"];
        assert_eq!(*on, json!(["extensions/p/node_modules/x"]), "{reference}");
    }
}

#[test]
fn every_licence_that_spdx_knows_gives_a_valid_sbom() {
    let dir = tempfile::tempdir().expect("temp dir");
    let modules = dir.path().join("p/node_modules");
    for (at, license) in spdx::identifiers::LICENSES.iter().enumerate() {
        let manifest =
            json!({ "name": format!("l{at}"), "version": "1.0.0", "license": license.name });
        package(&modules, &format!("l{at}"), &manifest.to_string());
    }
    write("licences", &inventory(dir.path(), &["p".to_owned()]));
}
