//! OpenVEX: what a team says is no hole, which malware never is.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{all_versions, found, plant, record, written};
use crate::support::{Installation, findings};

/// An OpenVEX document of these statements.
fn openvex(statements: &Value) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/vex/1",
        "author": "Ada <ada@example.org>",
        "timestamp": "2026-11-20T00:00:00Z",
        "version": 1,
        "statements": statements,
    })
}

fn not_affected(vulnerability: &Value, product: &Value) -> Value {
    json!({
        "vulnerability": vulnerability,
        "products": [product],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
    })
}

/// The policy names one file of statements, which is written.
fn with_vex(installation: &Installation, document: &Value, more: &str) {
    let file = installation.config.join("team.openvex.json");
    fs::write(&file, document.to_string()).expect("file");
    let policy =
        format!("version = 1\n[[vex]]\npath = \"team.openvex.json\"\nuntil = 2026-12-20\n{more}\n");
    fs::write(installation.policy(), policy).expect("policy");
}

#[test]
fn a_team_says_that_a_hole_is_none_here() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    installation.init(1);
    let records = [
        record("GHSA-1", "dep", &all_versions()),
        record("MAL-9", "unrelated", &all_versions()),
    ];
    let level = || -> Vec<String> {
        let folder = written(&installation, &records);
        let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
        assert_eq!(run.code, 0, "{}", run.text());
        let (_, report) = installation.check();
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|one| one["id"] == "known-vulnerable")
            .map(|one| one["level"].as_str().expect("level").to_owned())
            .collect()
    };
    let hole = json!({ "name": "GHSA-1" });
    let dep = json!({ "@id": "pkg:npm/dep@2.0.0" });
    // A note, also where policy denies from a severity on.
    for more in ["", "[advisories]\ndeny-severity = \"low\""] {
        with_vex(
            &installation,
            &openvex(&json!([not_affected(&hole, &dep)])),
            more,
        );
        assert_eq!(level(), ["note"], "{more}");
    }
    // A statement from a day that has not come counts from that day on.
    let mut early = openvex(&json!([not_affected(&hole, &dep)]));
    early["timestamp"] = json!("2026-12-01T00:00:00Z");
    with_vex(&installation, &early, "");
    assert_eq!(level(), ["warn"]);
    with_vex(
        &installation,
        &openvex(&json!([not_affected(&hole, &dep)])),
        "",
    );
    let (_, report) = installation.check();
    let shown = findings(&report);
    let line = shown
        .iter()
        .find(|one| one.starts_with("known-vulnerable"))
        .expect("finding");
    assert!(
        line.contains(
            "Ada <ada@example.org> says not affected: vulnerable_code_not_in_execute_path ("
        ) && line.contains("which counts until 2026-12-20"),
        "{line}"
    );
    assert!(
        report["inputs"]["vex"][0]["digest"]
            .as_str()
            .is_some_and(|digest| digest.starts_with("sha256:")),
        "{}",
        report["inputs"]
    );
    let run = installation.run(&["sbom"]);
    let bom: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let analysis = &bom["vulnerabilities"][0]["analysis"];
    assert_eq!(
        (&analysis["state"], &analysis["justification"]),
        (&json!("not_affected"), &json!("code_not_reachable"))
    );
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sbom");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("vex-1.6.cdx.json"), bom.to_string()).expect("file");

    // By an alias, by the purl beside another name, and by the digest of the very files.
    let tree = installation
        .lock_text()
        .split("[[package]]")
        .find(|entry| entry.contains("\"npm-pack:@acme/packed\""))
        .and_then(|entry| entry.split("tree = \"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .expect("tree")
        .to_owned();
    for (vulnerability, product) in [
        (
            json!({ "name": "TEAM-1", "aliases": ["GHSA-1"] }),
            dep.clone(),
        ),
        (
            hole.clone(),
            json!({ "@id": "our-name", "identifiers": { "purl": "pkg:npm/dep@2.0.0" } }),
        ),
        (hole.clone(), json!({ "@id": tree, "subcomponents": [dep] })),
        (hole.clone(), json!({ "@id": tree })),
    ] {
        let document = openvex(&json!([not_affected(&vulnerability, &product)]));
        with_vex(&installation, &document, "");
        assert_eq!(level(), ["note"], "{document}");
    }

    // Another hole, version, package, registry, or part; no version; another status: as if nothing was said.
    let mut newer = not_affected(&hole, &dep);
    newer["status"] = json!("affected");
    newer["timestamp"] = json!("2026-11-21T00:00:00Z");
    let mut as_new = newer.clone();
    as_new["timestamp"] = json!("2026-11-20T00:00:00Z");
    let mut open = newer.clone();
    open["status"] = json!("under_investigation");
    let other_part = json!({ "@id": tree, "subcomponents": [{ "@id": "pkg:npm/other@2.0.0" }] });
    let other_whole = json!({ "@id": "pkg:npm/other@1.0.0", "subcomponents": [dep] });
    for statements in [
        json!([not_affected(&json!({ "name": "GHSA-2" }), &dep)]),
        json!([not_affected(&hole, &json!({ "@id": "pkg:npm/dep@2.0.1" }))]),
        json!([not_affected(&hole, &json!({ "@id": "pkg:npm/dep" }))]),
        json!([not_affected(
            &hole,
            &json!({ "@id": "pkg:npm/%40a/dep@2.0.0" })
        )]),
        json!([not_affected(&hole, &json!({ "@id": "pkg:pypi/dep@2.0.0" }))]),
        json!([not_affected(
            &hole,
            &json!({ "@id": "pkg:npm/dep@2.0.0?repository_url=https://npm.example" })
        )]),
        json!([not_affected(&hole, &other_part)]),
        json!([not_affected(&hole, &other_whole)]),
        json!([not_affected(&hole, &dep), newer]),
        json!([not_affected(&hole, &dep), as_new]),
        json!([open, not_affected(&hole, &dep)]),
    ] {
        with_vex(&installation, &openvex(&statements), "");
        assert_eq!(level(), ["warn"], "{statements}");
    }
    // The day of the policy is over: it says so and counts no more.
    with_vex(
        &installation,
        &openvex(&json!([not_affected(&hole, &dep)])),
        "",
    );
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    fs::write(
        installation.policy(),
        policy.replace("2026-12-20", "2026-11-21"),
    )
    .expect("policy");
    assert_eq!(level(), ["warn"]);
    let (_, report) = installation.check();
    assert!(
        findings(&report)
            .iter()
            .any(|one| one.contains("which counted until 2026-11-21")),
        "{:?}",
        findings(&report)
    );
}

#[test]
fn no_team_says_that_malware_is_none() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    installation.init(1);
    // The hole and the malware are one alias set.
    let mut twin = record("GHSA-1", "dep", &all_versions());
    twin["aliases"] = json!(["MAL-1"]);
    let records = [
        record("MAL-1", "dep", &json!({ "versions": ["2.0.0"] })),
        twin,
    ];
    for id in ["MAL-1", "GHSA-1"] {
        let statement = not_affected(
            &json!({ "name": id }),
            &json!({ "@id": "pkg:npm/dep@2.0.0" }),
        );
        with_vex(&installation, &openvex(&json!([statement])), "");
        let (code, all) = found(
            &installation,
            &records,
            &["known-malicious", "known-vulnerable"],
        );
        assert_eq!((code, all.len()), (1, 1), "{all:?}");
        assert!(all[0].starts_with("known-malicious"), "{all:?}");
        let run = installation.run(&["sbom"]);
        let bom: Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert_eq!(bom["vulnerabilities"][0]["analysis"], Value::Null, "{id}");
    }
}

#[test]
fn a_file_of_statements_that_is_not_understood_is_no_verdict() {
    let installation = Installation::shipped();
    installation.init(0);
    let good = not_affected(
        &json!({ "name": "GHSA-1" }),
        &json!({ "@id": "pkg:npm/dep@2.0.0" }),
    );
    let document = openvex(&json!([good]));
    with_vex(&installation, &document, "");
    assert_ne!(installation.run(&["check"]).code, 2);
    let broken: [(&str, Value); 14] = [
        ("/@context", json!("https://openvex.dev/ns/v0.0.1")),
        ("/@context", json!("https://openvex.dev/nsx")),
        ("/author", json!(" ")),
        ("/timestamp", json!("yesterday")),
        ("/version", json!("1")),
        ("/statements", json!({})),
        ("/statements/0/status", json!("not affected")),
        ("/statements/0/justification", json!(null)),
        ("/statements/0/justification", json!("because")),
        ("/statements/0/vulnerability", json!("GHSA-1")),
        ("/statements/0/vulnerability/name", json!("a b")),
        ("/statements/0/vulnerability/aliases", json!(["\u{1b}"])),
        ("/statements/0/products/0/@id", json!(7)),
        ("/statements/0/timestamp", json!("2026-13-01T00:00:00Z")),
    ];
    let mut documents: Vec<String> = Vec::new();
    for (place, value) in broken {
        let mut document = document.clone();
        document["statements"][0]["vulnerability"]["aliases"] = json!([]);
        document["statements"][0]["timestamp"] = json!("2026-11-20T00:00:00Z");
        *document.pointer_mut(place).expect(place) = value;
        documents.push(document.to_string());
    }
    let text = document.to_string();
    documents.push(text.replace("\"status\"", "\"statuz\":1,\"status\""));
    documents.push(text.replace("\"status\"", "\"status\":\"fixed\",\"status\""));
    documents.push(text.replace("\"author\"", "\"validUntil\":1,\"author\""));
    documents.push(String::new());
    documents.push("[".repeat(100_000));
    for document in documents {
        fs::write(installation.config.join("team.openvex.json"), &document).expect("file");
        let run = installation.run(&["check"]);
        assert_eq!(run.code, 2, "{document:.200}: {}", run.text());
        assert!(run.stderr.contains("team.openvex.json"), "{}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    }
    // Missing, not what is pinned, named twice, too far ahead, in the state under test.
    let policy = |lines: &str| {
        fs::write(installation.policy(), format!("version = 1\n{lines}\n")).expect("policy");
        installation.run(&["check"])
    };
    fs::write(installation.config.join("team.openvex.json"), &text).expect("file");
    fs::write(installation.state.join("vex.json"), &text).expect("file");
    let entry = |path: &str, until: &str| format!("[[vex]]\npath = \"{path}\"\nuntil = {until}\n");
    let inside = installation.state.join("vex.json").display().to_string();
    let usual = entry("team.openvex.json", "2026-12-20");
    for (lines, why) in [
        (
            entry("none.json", "2026-12-20"),
            "none.json: cannot be read",
        ),
        (
            format!("{usual}digest = \"sha256:{}\"", "0".repeat(64)),
            "is not the file that policy pins",
        ),
        (format!("{usual}{usual}"), "this file"),
        (
            entry("team.openvex.json", "2027-11-30"),
            "at most 180 days ahead",
        ),
        (entry(&inside, "2026-12-20"), "which is under test"),
    ] {
        let run = policy(&lines);
        assert_eq!(run.code, 2, "{lines}: {}", run.text());
        assert!(
            run.stderr.replace("\n  │ ", " ").contains(why),
            "{lines}: {}",
            run.stderr
        );
    }
    let digest = openclaw_verify_core::digest::Sha256Digest::of(text.as_bytes());
    assert_ne!(policy(&format!("{usual}digest = \"{digest}\"")).code, 2);
}
