//! `advisories`: what is imported, what is shown, and what is found of it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Installation, findings};

/// A record about `name` with these `affected` keys.
fn record(id: &str, name: &str, affected: &Value) -> Value {
    let mut affected = affected.clone();
    affected["package"] = json!({ "ecosystem": "npm", "name": name });
    json!({ "id": id, "modified": "2026-11-01T00:00:00Z", "summary": format!("about {name}"), "affected": [affected] })
}

/// A folder with these records.
fn written(installation: &Installation, records: &[Value]) -> PathBuf {
    let folder = installation.home.join("osv");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("folder");
    for (at, record) in records.iter().enumerate() {
        fs::write(folder.join(format!("{at}.json")), record.to_string()).expect("record");
    }
    folder
}

fn all_versions() -> Value {
    json!({ "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }] }] })
}

#[test]
fn an_import_is_whole_or_nothing_and_can_be_looked_at() {
    let installation = Installation::empty();
    let nothing = installation.run(&["advisories"]);
    assert_eq!(nothing.code, 3, "{}", nothing.text());
    let mut withdrawn = record("MAL-2", "other", &all_versions());
    withdrawn["withdrawn"] = json!("2026-01-01T00:00:00Z");
    let folder = written(
        &installation,
        &[record("MAL-1", "bad", &all_versions()), withdrawn],
    );
    let shown = folder.to_string_lossy().into_owned();
    let run = installation.run(&["advisories", "import", &shown]);
    assert_eq!(run.code, 0, "{}", run.text());
    let index = installation
        .home
        .join(".cache/openclaw-verify/advisories.index");
    let before = fs::read(&index).expect("index");
    for wanted in [
        "1 record on 1 package of npm, 1 of them about malware",
        "the newest is of 2026-11-01",
        "left out: 1 withdrawn",
        "from osv  sha256:",
    ] {
        assert!(run.stdout.contains(wanted), "{wanted}: {}", run.stdout);
    }
    let run = installation.run(&["advisories", "--format", "json"]);
    let value: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        (&value["records"], &value["malicious"]),
        (&json!(1), &json!(1))
    );
    // A record that cannot be read keeps the old index, unless it is allowed.
    fs::write(folder.join("broken.json"), "{\"id\":\"GHSA-1\"}").expect("record");
    let run = installation.run(&["advisories", "import", &shown]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("osv/broken.json is no OSV record"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--allow-broken 1"), "{}", run.stderr);
    assert_eq!(fs::read(&index).expect("index"), before);
    let run = installation.run(&["advisories", "import", &shown, "--allow-broken", "1"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout.contains("1 that could not be read"),
        "{}",
        run.stdout
    );
    // Damage is exit code 2 with the place.
    fs::write(&index, &before[..before.len() - 1]).expect("cut");
    let run = installation.run(&["advisories"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("the index ends too early"),
        "{}",
        run.stderr
    );
}

const PROJECT: &str = "npm/projects/acme-packed-45d40bbf34/node_modules";

/// A dependency of the packed plugin that nobody recorded.
fn plant(installation: &Installation, folder: &str, name: &str, version: &str) {
    let folder = installation.state.join(PROJECT).join(folder);
    fs::create_dir_all(&folder).expect("folder");
    let manifest = json!({ "name": name, "version": version });
    fs::write(folder.join("package.json"), manifest.to_string()).expect("manifest");
}

/// Imports `records` into the cache and checks; the findings of these ids.
fn found(installation: &Installation, records: &[Value], ids: &[&str]) -> (i32, Vec<String>) {
    let folder = written(installation, records);
    let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
    assert_eq!(run.code, 0, "{}", run.text());
    let (code, report) = installation.check();
    assert_eq!(
        report["inputs"]["advisories"]["ageDays"],
        json!(21),
        "{}",
        report["inputs"]
    );
    let mut all = findings(&report);
    all.retain(|one| ids.iter().any(|id| one.starts_with(id)));
    (code, all)
}

#[test]
fn malware_among_the_dependencies_is_denied_whatever_is_locked_or_allowed() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    // What is planted is in no archive, and stands.
    installation.init(1);
    let ids = ["known-malicious", "known-vulnerable"];
    let listed = record("MAL-1", "dep", &json!({ "versions": ["2.0.0"] }));
    let mut twin = record("GHSA-1", "dep", &all_versions());
    twin["aliases"] = json!(["MAL-1", "CVE-2026-1"]);
    let (code, all) = found(&installation, &[listed.clone(), twin], &ids);
    assert_eq!(code, 1);
    assert_eq!(
        all,
        [
            "known-malicious npm-pack:@acme/packed: dep@2.0.0 is known malware: MAL-1, GHSA-1 | about dep; also known as CVE-2026-1; found in node_modules/dep"
        ]
    );
    for line in [["-A", "known-malicious"], ["-W", "known-malicious"]] {
        assert_eq!(installation.run(&line).code, 2);
    }
    let (code, all) = found(
        &installation,
        &[record("MAL-1", "dep", &all_versions())],
        &ids,
    );
    assert_eq!((code, all.len()), (1, 1), "{all:?}");
    // Withdrawn, of another version, or of a package that only begins the same: nothing.
    let mut withdrawn = listed;
    withdrawn["withdrawn"] = json!("2026-11-02T00:00:00Z");
    for record in [
        withdrawn,
        record("MAL-1", "dep", &json!({ "versions": ["2.0.1"] })),
        record("MAL-1", "de", &all_versions()),
        // A skill is no package.
        record("MAL-1", "weather", &all_versions()),
    ] {
        let keep = crate::advisories::record("MAL-9", "unrelated", &all_versions());
        let (_, all) = found(&installation, &[record, keep], &ids);
        assert_eq!(all, [""; 0]);
    }
    let (_, report) = installation.check();
    let subject = report["subjects"].as_array().expect("subjects").iter();
    let advisory: Vec<&Value> = subject
        .filter(|one| one["id"] == "npm-pack:@acme/packed")
        .map(|one| &one["outcomes"]["advisory"])
        .collect();
    assert_eq!(advisory, [&json!("verified")]);
}

#[test]
fn a_package_counts_under_every_name_that_it_is_given() {
    let installation = Installation::shipped();
    // The folder says one name and the manifest another: nothing says which is true.
    plant(&installation, "honest", "dep", "2.0.0");
    plant(&installation, "dep", "honest", "1.0.0");
    installation.init(1);
    let (_, all) = found(
        &installation,
        &[record("MAL-1", "dep", &all_versions())],
        &["known-malicious"],
    );
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(
        all[0].contains("dep@1.0.0") && all[0].contains("node_modules/dep"),
        "{all:?}"
    );
    assert!(
        all[1].contains("dep@2.0.0") && all[1].contains("node_modules/honest"),
        "{all:?}"
    );
}

#[test]
fn old_advisories_and_a_pinned_index() {
    let installation = Installation::shipped();
    installation.init(0);
    let policy = |lines: &str| {
        fs::write(
            installation.policy(),
            format!("version = 1\n[advisories]\n{lines}\n"),
        )
        .expect("policy");
    };
    let records = [record("MAL-9", "unrelated", &all_versions())];
    for (lines, stale) in [
        ("max-age-days = 21", 0),
        ("max-age-days = 20", 1),
        ("require = true", 0),
    ] {
        policy(lines);
        let (_, all) = found(
            &installation,
            &records,
            &["advisories-stale", "not-established[no-advisories]"],
        );
        assert_eq!(all.len(), stale, "{lines}: {all:?}");
    }
    let run = installation.run(&["advisories", "--format", "json"]);
    let shown: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let digest = shown["index"]["digest"]
        .as_str()
        .expect("digest")
        .replace("sha256:", "");
    policy(&format!("sha256 = \"{digest}\""));
    assert_ne!(installation.run(&["check"]).code, 2);
    policy(&format!("sha256 = \"{}\"", "0".repeat(64)));
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("is not the one that policy pins"),
        "{}",
        run.stderr
    );
    // A damaged index is exit code 2, and one that is required and not there a deny.
    policy("require = true");
    let index = installation
        .home
        .join(".cache/openclaw-verify/advisories.index");
    fs::write(&index, "OCVADV").expect("index");
    assert_eq!(installation.run(&["check"]).code, 2);
    fs::remove_file(&index).expect("index");
    let (code, report) = installation.check();
    let all = findings(&report);
    assert_eq!(code, 1);
    assert!(
        all.iter()
            .any(|one| one.starts_with("not-established[no-advisories] ")),
        "{all:?}"
    );
    assert!(report["inputs"]["advisories"].is_null());
    // The state under test says nothing about itself.
    fs::write(installation.state.join("advisories.index"), "").expect("index");
    policy(&format!(
        "index = \"{}\"",
        installation.state.join("advisories.index").display()
    ));
    assert_eq!(installation.run(&["check"]).code, 2);
}

#[test]
fn exceptions_about_advisories_are_bound_and_short() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    installation.init(1);
    let id = "npm-pack:@acme/packed";
    let entry = |key: &str| -> String {
        let text = installation.lock_text();
        let entry = text
            .split("[[package]]")
            .find(|entry| entry.contains(&format!("\"{id}\"")))
            .expect("entry");
        let line = entry
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")))
            .expect("line");
        line.to_owned()
    };
    let (tree, dependencies) = (entry("tree"), entry("dependencies"));
    let policy = |lines: &str| {
        let text = format!(
            "version = 1\n[[exception]]\npackage = \"{id}\"\nreason = \"disputed\"\n{lines}\n"
        );
        fs::write(installation.policy(), text).expect("policy");
    };
    for (lines, why) in [
        (
            "advisory = \"MAL-1\"\nuntil = 2026-12-20".to_owned(),
            "bound to one version and its bytes",
        ),
        (
            format!("advisory = \"MAL-1\"\n{tree}\nuntil = 2026-12-20"),
            "bound to one version and its bytes",
        ),
        (
            format!("advisory = \"MAL-1\"\n{tree}\nversion = \"1.2.0\"\nuntil = 2026-12-23"),
            "at most 30 days ahead",
        ),
        (
            format!("advisory = \"a b\"\n{tree}\nuntil = 2026-12-20"),
            "not the id of an advisory",
        ),
        (
            format!("advisory = \"CVE-1\"\nallow = [\"unreviewed\"]\n{tree}\nuntil = 2026-12-20"),
            "about an advisory, or about findings",
        ),
        (
            format!("allow = [\"known-malicious\"]\n{tree}\nuntil = 2026-12-20"),
            "can never be excepted",
        ),
    ] {
        policy(&lines);
        let run = installation.run(&["check"]);
        assert_eq!(run.code, 2, "{lines}: {}", run.text());
        assert!(
            run.stderr.replace("\n  │ ", " ").contains(why),
            "{lines}: {}",
            run.stderr
        );
    }
    let levels = || -> Vec<String> {
        let folder = written(&installation, &[record("MAL-1", "dep", &all_versions())]);
        let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
        assert_eq!(run.code, 0, "{}", run.text());
        let (_, report) = installation.check();
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|one| one["id"] == "known-malicious")
            .map(|one| one["level"].as_str().expect("level").to_owned())
            .collect()
    };
    // Of a dependency the digest of the dependencies has to be named too.
    policy(&format!(
        "advisory = \"MAL-1\"\n{tree}\nversion = \"1.2.0\"\nuntil = 2026-12-20"
    ));
    assert_eq!(levels(), ["deny"]);
    policy(&format!(
        "advisory = \"MAL-1\"\n{tree}\n{dependencies}\nversion = \"1.2.0\"\nuntil = 2026-12-20"
    ));
    assert_eq!(levels(), ["warn"]);
    fs::write(installation.state.join(PROJECT).join("dep/more.js"), "").expect("file");
    assert_eq!(levels(), ["deny"]);
}

#[cfg(feature = "sbom")]
#[test]
fn an_sbom_names_what_is_known_and_how_it_was_judged() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    plant(&installation, "hole", "hole", "1.0.0");
    installation.init(1);
    let sbom = |arguments: &[&str]| -> Value {
        let run = installation.run(&[&["sbom", "--reproducible"], arguments].concat());
        assert_eq!(run.code, 0, "{}", run.text());
        serde_json::from_str(&run.stdout).expect("JSON")
    };
    assert_eq!(sbom(&[])["vulnerabilities"], Value::Null);
    let mut twin = record("GHSA-1", "dep", &all_versions());
    twin["aliases"] = json!(["MAL-1", "CVE-2026-1"]);
    let events = json!([{ "introduced": "0" }, { "fixed": "1.0.1" }]);
    let mut hole = record(
        "GHSA-2",
        "hole",
        &json!({ "ranges": [{ "type": "SEMVER", "events": events }] }),
    );
    hole["database_specific"] = json!({ "severity": "HIGH" });
    let records = [
        record("MAL-1", "dep", &json!({ "versions": ["2.0.0"] })),
        twin,
        hole,
        record("MAL-2", "@acme/files", &json!({ "versions": ["1.2.3"] })),
        record("GHSA-3", "hole", &json!({ "versions": ["1.0.1"] })),
    ];
    let folder = written(&installation, &records);
    let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
    assert_eq!(run.code, 0, "{}", run.text());

    let prefix = PROJECT.trim_end_matches("/node_modules");
    let hole = format!("{prefix}/node_modules/hole");
    for version in ["1.5", "1.6", "1.7"] {
        let bom = sbom(&["--spec-version", version]);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sbom");
        fs::create_dir_all(&folder).expect("folder");
        let file = folder.join(format!("vulnerabilities-{version}.cdx.json"));
        fs::write(file, bom.to_string()).expect("file");
        let all = bom["vulnerabilities"].as_array().expect("vulnerabilities");
        let ids: Vec<&Value> = all.iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, ["GHSA-2", "MAL-1", "MAL-2"], "{version}");
        assert_eq!(
            all[0]["affects"],
            json!([{ "ref": hole, "versions": [
                { "version": "1.0.0", "status": "affected" },
                { "range": "vers:npm/<1.0.1", "status": "affected" },
            ] }])
        );
        assert_eq!(all[0]["ratings"][0]["severity"], "high");
        assert_eq!(all[0]["recommendation"], "Fixed in 1.0.1.");
        assert_eq!(all[0]["analysis"], Value::Null);
        let others: Vec<&str> = all[1]["references"]
            .as_array()
            .expect("references")
            .iter()
            .map(|one| one["id"].as_str().expect("id"))
            .collect();
        assert_eq!(
            (others, &all[1]["cwes"]),
            (vec!["GHSA-1", "CVE-2026-1"], &json!([506]))
        );
        assert_eq!(all[2]["affects"][0]["ref"], "mcp:files");
    }
    // What is put up with is in triage, and only where it is.
    let policy = "version = 1\n[[exception]]\npackage = \"npm-pack:@acme/packed\"\nadvisory = \"GHSA-2\"\nreason = \"not reached\"\nuntil = 2026-12-20\n";
    fs::write(installation.policy(), policy).expect("policy");
    let bom = sbom(&[]);
    assert_eq!(
        bom["vulnerabilities"][0]["analysis"],
        json!({ "state": "in_triage", "detail": "excepted until 2026-12-20: not reached" })
    );
    assert_eq!(bom["vulnerabilities"][1]["analysis"], Value::Null);
    let properties = bom["metadata"]["properties"]
        .as_array()
        .expect("properties");
    assert!(
        properties
            .iter()
            .any(|one| one["name"] == "openclaw:advisories:index"
                && one["value"]
                    .as_str()
                    .is_some_and(|value| value.starts_with("sha256:"))),
        "{properties:?}"
    );
    // Nothing was looked up.
    assert_eq!(sbom(&["--no-verify"])["vulnerabilities"], Value::Null);
}

#[test]
fn without_an_index_every_format_says_so() {
    let installation = Installation::shipped();
    installation.init(0);
    let said = |format: &str| {
        let run = installation.run(&["check", "--format", format]);
        assert_ne!(run.code, 2, "{}", run.text());
        run.stdout
    };
    let formats = ["human", "json", "sarif", "github", "junit"];
    for format in formats {
        let text = said(format);
        let what = match format {
            "human" => "no index of advisories was read",
            _ => "so what is known to be bad was not looked for",
        };
        assert!(text.contains(what), "{format}: {text}");
    }
    let folder = written(
        &installation,
        &[record("MAL-9", "unrelated", &all_versions())],
    );
    let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
    assert_eq!(run.code, 0, "{}", run.text());
    for format in formats {
        let text = said(format);
        assert!(!text.contains("was not looked for"), "{format}: {text}");
    }
}

#[test]
fn what_a_command_and_an_install_step_would_fetch_is_looked_up() {
    let installation = Installation::shipped();
    installation.init(0);
    let ids = ["known-malicious", "known-vulnerable"];
    let records = [
        record("MAL-1", "@acme/files", &json!({ "versions": ["1.2.3"] })),
        record("MAL-2", "@acme/wx", &json!({ "versions": ["1.0.0"] })),
    ];
    let (code, all) = found(&installation, &records, &ids);
    assert_eq!(code, 1);
    assert_eq!(
        all,
        [
            "known-malicious mcp:files: @acme/files@1.2.3 is known malware: MAL-1 | about @acme/files; found in its command",
            "known-malicious skill:workspace/weather: @acme/wx@1.0.0 is known malware: MAL-2 | about @acme/wx; found in an install step",
        ]
    );
    let others = [
        record("MAL-1", "@acme/files", &json!({ "versions": ["1.2.4"] })),
        record("MAL-2", "@acme/wx", &json!({ "versions": ["1.0.1"] })),
    ];
    assert_eq!(found(&installation, &others, &ids).1, [""; 0]);
}

#[test]
fn only_policy_says_that_a_registry_has_other_packages_of_the_same_names() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    // An attacker writes the lockfile: an address in it is no way out.
    let lockfile = installation.state.join(PROJECT).join(".package-lock.json");
    let text = fs::read_to_string(&lockfile).expect("lockfile");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    value["packages"]["node_modules/dep"] =
        json!({ "version": "2.0.0", "resolved": "https://npm.acme.example/dep/-/dep-2.0.0.tgz" });
    fs::write(&lockfile, value.to_string()).expect("lockfile");
    installation.init(1);
    let records = [record("MAL-1", "dep", &all_versions())];
    let ids = ["known-malicious"];
    let (_, all) = found(&installation, &records, &ids);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(
        all[0].contains("the state says it came from https://npm.acme.example/dep/-/dep-2.0.0.tgz"),
        "{all:?}"
    );
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    let mapped = "\n[advisories]\nnot-for = [\"https://npm.acme.example\"]\n";
    fs::write(installation.policy(), policy + mapped).expect("policy");
    assert_eq!(found(&installation, &records, &ids).1, [""; 0]);
}

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

#[test]
fn the_node_that_runs_openclaw_is_looked_up() {
    let installation = Installation::shipped();
    let folder = installation.state.join("node-runtime/releases/1");
    fs::create_dir_all(folder.join("bin")).expect("folder");
    let program = [&vec![b'x'; 3 << 20][..], b"node.js/v22.1.0\0"].concat();
    fs::write(folder.join("bin/node"), program).expect("program");
    let link = installation.state.join("node-runtime/current");
    std::os::unix::fs::symlink("releases/1", link).expect("link");
    installation.init(0);
    let ids = ["known-malicious", "known-vulnerable"];
    let events = |fixed: &str| {
        let events = json!([{ "introduced": "22.0.0" }, { "fixed": fixed }]);
        json!({ "ranges": [{ "type": "SEMVER", "events": events }] })
    };
    let (_, all) = found(
        &installation,
        &[record("GHSA-1", "node", &events("22.1.1"))],
        &ids,
    );
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(
        all[0].starts_with("known-vulnerable runtime:node: node@22.1.0 is vulnerable")
            && all[0].contains("found in the Node.js at "),
        "{all:?}"
    );
    let (_, report) = installation.check();
    let subjects = report["subjects"].as_array().expect("subjects").iter();
    let nodes: Vec<&Value> = subjects.filter(|one| !one["node"].is_null()).collect();
    assert_eq!(nodes.len(), 1);
    assert_eq!(
        (&nodes[0]["id"], &nodes[0]["node"]["version"]),
        (&json!("runtime:node"), &json!("22.1.0"))
    );
    let (_, all) = found(
        &installation,
        &[record("GHSA-1", "node", &events("22.1.0"))],
        &ids,
    );
    assert_eq!(all, [""; 0]);
}

/// The reviews file of an installation.
fn with_violations(installation: &Installation, entries: &[String]) {
    let text = format!("version = 1\n{}", entries.concat());
    fs::write(installation.config.join("openclaw-reviews.toml"), text).expect("reviews");
}

fn violation(package: &str, what: &str) -> String {
    format!(
        "[[violation]]\npackage = \"{package}\"\n{what}\nreason = \"sends tokens away\"\nby = \"Ada <ada@example.org>\"\ndate = 2026-11-20\n"
    )
}

#[test]
fn violations_go_out_as_records_and_come_back() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    installation.init(1);
    let locked = |id: &str| -> String {
        let text = installation.lock_text();
        let entry = text
            .split("[[package]]")
            .find(|entry| entry.contains(&format!("\"{id}\"")))
            .expect("entry");
        let tree = entry.split("\ntree = ").nth(1).expect("tree");
        tree.lines()
            .next()
            .expect("line")
            .trim_matches('"')
            .to_owned()
    };
    let reports = |installation: &Installation| -> Vec<String> {
        let (code, report) = installation.check();
        assert_ne!(code, 2);
        let mut all: Vec<String> = report["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .filter(|one| one["id"] == "violation")
            .map(|one| one["subject"].as_str().expect("subject").to_owned())
            .collect();
        all.sort();
        all
    };
    let weather = "skill:workspace/weather";
    let digest = locked(weather);
    let other = "git-sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let everything = [
        // Bytes count under whatever name they are installed.
        violation(
            "skill:managed/elsewhere",
            &format!("trees = [\"{digest}\", \"{other}\"]"),
        ),
        violation("npm:dep", "versions = \">1.0.0 <3\""),
        violation("npm-pack:@acme/packed", "versions = [\"1.2.0\"]"),
        violation("npm:not-there", "versions = \"*\""),
    ];
    with_violations(&installation, &everything);
    let folder = installation.home.join("violations");
    let shown = folder.to_string_lossy().into_owned();
    let export = || installation.run(&["review", "--export-violations", &shown]);
    assert_eq!(export().code, 2, "the folder has to be there");
    fs::create_dir(&folder).expect("folder");
    let run = export();
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("wrote 4 records to"), "{}", run.stderr);
    let written = || -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = fs::read_dir(&folder)
            .expect("folder")
            .map(|entry| {
                let entry = entry.expect("entry");
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read_to_string(entry.path()).expect("record"))
            })
            .collect();
        all.sort();
        all
    };
    let first = written();
    for (name, text) in &first {
        let record: Value = serde_json::from_str(text).expect("JSON");
        let id = record["id"].as_str().expect("id");
        assert!(
            id.starts_with("x_openclaw-") && *name == format!("{id}.json"),
            "{text}"
        );
        assert_eq!(record["credits"][0]["name"], "Ada <ada@example.org>");
    }
    // The same again gives the same files.
    assert_eq!(export().code, 0);
    assert_eq!(written(), first);

    // Another one of the team has no such reviews, and finds the same.
    let before = reports(&installation);
    let import = |installation: &Installation| {
        let run = installation.run(&["advisories", "import", &shown]);
        assert_eq!(run.code, 0, "{}", run.text());
    };
    fs::remove_file(installation.config.join("openclaw-reviews.toml")).expect("reviews");
    assert_eq!(reports(&installation), [""; 0]);
    import(&installation);
    let wanted = ["npm-pack:@acme/packed", "npm-pack:@acme/packed", weather];
    assert_eq!(reports(&installation), wanted);
    // A reviews file finds no packages that others bring along; records do.
    assert_eq!(before, ["npm-pack:@acme/packed", weather]);
    let (code, report) = installation.check();
    assert_eq!(code, 1);
    let all = findings(&report);
    let line = all
        .iter()
        .find(|one| one.starts_with(&format!("violation {weather}")))
        .expect("finding");
    assert!(
        line.contains("says that it must not run: sends tokens away") && line.contains(&digest),
        "{line}"
    );
    for flag in [["-A", "violation"], ["-W", "violation"]] {
        assert_eq!(installation.run(&flag).code, 2);
    }

    // Neighbours: other bytes, another version, another package.
    let records = |entries: &[String]| {
        for (name, _) in written() {
            fs::remove_file(folder.join(name)).expect("record");
        }
        with_violations(&installation, entries);
        assert_eq!(export().code, 0);
        fs::remove_file(installation.config.join("openclaw-reviews.toml")).expect("reviews");
        import(&installation);
        reports(&installation)
    };
    let others = [
        violation(weather, &format!("trees = [\"{other}\"]")),
        violation("npm:dep", "versions = \">2.0.0\""),
        violation("npm-pack:@acme/packed", "versions = [\"1.2.1\"]"),
        violation("npm:weather", "versions = \"*\""),
    ];
    assert_eq!(records(&others), [""; 0]);
    // What has no version may be any.
    let skill = [violation(weather, "versions = [\"9.9.9\"]")];
    assert_eq!(records(&skill), [weather]);
}

#[test]
fn records_of_a_team_say_nothing_about_the_age_and_are_read_strictly() {
    let installation = Installation::shipped();
    installation.init(0);
    let digest = "git-sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let own = json!({
        "id": "x_openclaw-1", "modified": "2026-11-21T00:00:00Z",
        "affected": [{ "ecosystem_specific": { "subject": "skill:managed/x", "digests": [digest] } }],
    });
    let mut old = record("MAL-9", "unrelated", &all_versions());
    old["modified"] = json!("2026-01-01T00:00:00Z");
    let newest = |records: &[Value]| {
        let folder = written(&installation, records);
        let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
        assert_eq!(run.code, 0, "{}", run.text());
        let run = installation.run(&["advisories", "--format", "json"]);
        let shown: Value = serde_json::from_str(&run.stdout).expect("JSON");
        shown["newest"].as_str().expect("newest").to_owned()
    };
    assert_eq!(newest(&[own.clone(), old]), "2026-01-01T00:00:00Z");
    assert_eq!(newest(std::slice::from_ref(&own)), "2026-11-21T00:00:00Z");
    let broken: [(&str, Value); 6] = [
        ("/affected/0/ecosystem_specific", Value::Null),
        ("/affected/0/ecosystem_specific/subject", json!("no id")),
        (
            "/affected/0/ecosystem_specific/digests",
            json!(["git-sha256:00"]),
        ),
        ("/affected/0/ecosystem_specific/digests", json!(digest)),
        ("/affected/0/ecosystem_specific/digests", json!([])),
        (
            "/affected/0/ecosystem_specific",
            json!({ "subject": "skill:x", "digest": [digest] }),
        ),
    ];
    for (place, value) in broken {
        let mut record = own.clone();
        *record.pointer_mut(place).expect(place) = value.clone();
        let folder = written(&installation, &[record]);
        let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
        assert_eq!(run.code, 2, "{place} {value}: {}", run.text());
        assert!(run.stderr.contains("0.json"), "{}", run.stderr);
    }
}

#[test]
fn a_package_that_hides_its_version_may_be_any_that_is_listed() {
    let installation = Installation::shipped();
    plant(&installation, "dep", "dep", "2.0.0");
    let manifest = installation.state.join(PROJECT).join("dep/package.json");
    fs::write(manifest, r#"{"name":"dep"}"#).expect("manifest");
    installation.init(1);
    let ids = ["known-malicious"];
    let records = [record("MAL-1", "dep", &json!({ "versions": ["2.0.0"] }))];
    let (code, all) = found(&installation, &records, &ids);
    assert_eq!((code, all.len()), (1, 1), "{all:?}");
    assert!(
        all[0].contains("dep may be known malware: MAL-1"),
        "{all:?}"
    );
    let records = [record("MAL-1", "other", &json!({ "versions": ["2.0.0"] }))];
    assert_eq!(found(&installation, &records, &ids).1, [""; 0]);
}

/// A zip of these records, not compressed.
#[cfg(feature = "online")]
fn zipped(records: &[Value]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (at, record) in records.iter().enumerate() {
        let (name, text) = (format!("{at}.json"), record.to_string());
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let place = u32::try_from(body.len()).expect("small");
        let size = u32::try_from(text.len()).expect("small");
        let length = u16::try_from(name.len()).expect("small");
        let mut common: Vec<u8> = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [crc.sum(), size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(length.to_le_bytes());
        common.extend([0, 0]);
        body.extend(b"PK\x03\x04");
        body.extend(&common);
        body.extend(name.as_bytes());
        body.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(records.len()).expect("small").to_le_bytes();
    let sizes =
        [directory.len(), body.len()].map(|size| u32::try_from(size).expect("small").to_le_bytes());
    let end = [
        b"PK\x05\x06\0\0\0\0".as_slice(),
        &count,
        &count,
        &sizes[0],
        &sizes[1],
        &[0, 0],
    ];
    [body, directory, end.concat()].concat()
}

#[cfg(feature = "online")]
mod fetching {
    use super::*;
    use crate::server::{Answer, Server};
    use crate::support::Run;
    use openclaw_verify_core::digest::Sha256Digest;

    struct Place {
        installation: Installation,
        server: Server,
    }

    impl Place {
        fn new() -> Self {
            let place = Self {
                installation: Installation::empty(),
                server: Server::start(),
            };
            place.policy("");
            place
        }

        fn policy(&self, more: &str) {
            let source = self.server.url("/npm/all.zip");
            let policy = format!("version = 1\n[advisories]\nsource = \"{source}\"\n{more}\n");
            fs::write(self.installation.policy(), policy).expect("policy");
        }

        fn serves(&self, answer: Answer) -> Run {
            self.server.set("/npm/all.zip", answer);
            self.installation.run(&["advisories", "fetch"])
        }

        fn shown(&self) -> Value {
            let run = self.installation.run(&["advisories", "--format", "json"]);
            assert_eq!(run.code, 0, "{}", run.text());
            serde_json::from_str(&run.stdout).expect("JSON")
        }
    }

    fn tagged(tag: &str, body: &[u8], cut: bool) -> Answer {
        Answer::Tagged {
            tag: format!("\"{tag}\""),
            body: body.to_vec(),
            cut,
        }
    }

    fn records(day: &str) -> Vec<u8> {
        let mut one = record("MAL-1", "bad", &all_versions());
        one["modified"] = json!(format!("{day}T00:00:00Z"));
        one["details"] = json!("x".repeat(4096));
        zipped(&[
            one,
            record("MAL-2", "worse", &json!({ "versions": ["1.0.0"] })),
        ])
    }

    #[test]
    fn records_come_from_the_address_in_policy_alone() {
        let place = Place::new();
        fs::write(place.installation.policy(), "version = 1\n").expect("policy");
        let run = place.installation.run(&["advisories", "fetch"]);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.stderr.contains("names no address"), "{}", run.stderr);
        place.policy("");
        let zip = records("2026-11-20");
        let run = place.serves(Answer::Good(zip.clone()));
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(
            run.stdout
                .contains("2 records on 2 packages of npm, 2 of them about malware"),
            "{}",
            run.stdout
        );
        let shown = place.shown();
        assert_eq!(
            shown["sources"][0],
            json!({ "name": "all.zip", "digest": Sha256Digest::of(&zip), "files": 2 })
        );
        // An address that carries a secret, leads elsewhere in clear, or is none.
        for source in [
            "http://example.org/all.zip",
            "https://user:pass@example.org/all.zip",
            "ftp://example.org/all.zip",
            "all.zip",
        ] {
            let policy = format!("version = 1\n[advisories]\nsource = \"{source}\"\n");
            fs::write(place.installation.policy(), policy).expect("policy");
            let run = place.installation.run(&["advisories", "fetch"]);
            assert_eq!(run.code, 2, "{source}: {}", run.text());
        }
        assert_eq!(place.server.seen("/npm/all.zip"), 1);
    }

    #[test]
    fn what_broke_off_goes_on_and_what_is_the_same_is_not_fetched_again() {
        let place = Place::new();
        let zip = records("2026-11-20");
        let run = place.serves(tagged("one", &zip, true));
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(
            run.stderr.contains("the index is as it was"),
            "{}",
            run.stderr
        );
        assert_eq!(place.installation.run(&["advisories"]).code, 3);
        let run = place.serves(tagged("one", &zip, false));
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(run.stderr.contains("fetched the rest of"), "{}", run.stderr);
        let ranges = place.server.ranges();
        assert!(
            ranges.len() > 1 && ranges.iter().all(|range| range != "bytes=0-"),
            "{ranges:?}"
        );
        let digest = place.shown()["sources"][0]["digest"].clone();
        assert_eq!(digest, json!(Sha256Digest::of(&zip)));
        let run = place.serves(tagged("one", b"not asked for", false));
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(
            run.stderr.contains("is what was fetched before"),
            "{}",
            run.stderr
        );
        // Another file: whole, and not the rest of the one before.
        let newer = records("2026-11-21");
        assert_eq!(place.serves(tagged("two", &newer, true)).code, 2);
        let newest = records("2026-11-22");
        let run = place.serves(tagged("three", &newest, false));
        assert_eq!(run.code, 0, "{}", run.text());
        assert_eq!(
            place.shown()["sources"][0]["digest"],
            json!(Sha256Digest::of(&newest))
        );
    }

    #[test]
    fn a_server_that_lies_leaves_the_index_as_it_was() {
        let place = Place::new();
        let zip = records("2026-11-20");
        assert_eq!(place.serves(Answer::Good(zip.clone())).code, 0);
        let before = place.shown();
        let part = |range: &str| {
            let head = format!(
                "HTTP/1.1 206 Part\r\netag: \"one\"\r\n{range}content-length: 4\r\nconnection: close\r\n\r\nevil"
            );
            Answer::Raw(head.into_bytes())
        };
        let encoded = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nevil";
        for answer in [
            Answer::Status(404),
            Answer::Status(401),
            Answer::Status(304),
            Answer::Good(b"PK".to_vec()),
            Answer::Good(Vec::new()),
            Answer::Good(zip[..zip.len() - 1].to_vec()),
            Answer::Truncated(zip.clone()),
            Answer::Claims(u64::MAX),
            Answer::Redirect("http://169.254.169.254/all.zip".to_owned()),
            Answer::Raw(encoded.to_vec()),
            // A part that was not asked for, or is not where it was asked for.
            part(""),
            part("content-range: bytes 0-3/4\r\n"),
        ] {
            let run = place.serves(answer);
            assert_eq!(run.code, 2, "{}", run.text());
            assert_eq!(place.shown(), before);
        }
        assert_eq!(place.serves(tagged("one", &zip, true)).code, 2);
        assert_eq!(place.serves(part("content-range: bytes 1-4/5\r\n")).code, 2);
        assert_eq!(place.shown(), before);
        // And what it does next is fetched from the beginning.
        assert_eq!(place.serves(Answer::Good(records("2026-11-21"))).code, 0);
    }

    #[test]
    fn old_records_and_others_than_pinned_are_refused() {
        let place = Place::new();
        let new = records("2026-11-20");
        let old = {
            let mut two = record("MAL-1", "bad", &all_versions());
            two["modified"] = json!("2026-01-01T00:00:00Z");
            zipped(&[two])
        };
        assert_eq!(place.serves(Answer::Good(new.clone())).code, 0);
        let before = place.shown();
        let run = place.serves(Answer::Good(old.clone()));
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(
            run.stderr.contains("older than those in the index"),
            "{}",
            run.stderr
        );
        assert_eq!(place.shown(), before);
        let index = before["index"]["digest"]
            .as_str()
            .expect("digest")
            .replace("sha256:", "");
        for (pin, code) in [
            (Sha256Digest::of(&new).hex(), 0),
            (index, 0),
            (Sha256Digest::of(&old).hex(), 2),
            ("0".repeat(64), 2),
        ] {
            place.policy(&format!("sha256 = \"{pin}\""));
            let run = place.serves(Answer::Good(new.clone()));
            assert_eq!(run.code, code, "{pin}: {}", run.text());
        }
    }
}
