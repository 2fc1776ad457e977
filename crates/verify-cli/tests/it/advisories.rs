//! `advisories`: what is imported, what is shown, and what is found of it.

#[cfg(feature = "online")]
mod fetching;
#[cfg(feature = "sbom")]
mod vex;
mod violations;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{FORMATS, Installation, findings};

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
fn what_could_match_nothing_by_mistake_is_a_broken_record() {
    let installation = Installation::empty();
    let import = |records: &[Value]| {
        let folder = written(&installation, records);
        installation.run(&["advisories", "import", &folder.to_string_lossy()])
    };
    let good = record("MAL-1", "bad", &all_versions());
    for name in [" p ", "%40a/b", "@a", "a/b", "@a/b/c", "a b"] {
        let run = import(&[good.clone(), record("MAL-2", name, &all_versions())]);
        assert_eq!(run.code, 2, "{name}: {}", run.text());
        assert!(
            run.stderr.contains("1.json names the package"),
            "{}",
            run.text()
        );
    }
    for ecosystem in ["NPM", "npm ", "Npm:x"] {
        let mut other = record("MAL-2", "p", &all_versions());
        other["affected"][0]["package"]["ecosystem"] = json!(ecosystem);
        let run = import(&[good.clone(), other]);
        assert_eq!(run.code, 2, "{ecosystem}: {}", run.text());
    }
    // Names of npm's first years, and other ecosystems, are no mistake.
    let mut other = record("MAL-3", "p q", &all_versions());
    other["affected"][0]["package"]["ecosystem"] = json!("PyPI");
    let run = import(&[
        good,
        record("MAL-2", "@a.b/C!~'(*)", &all_versions()),
        other,
    ]);
    assert_eq!(run.code, 0, "{}", run.text());
}

#[test]
fn no_file_that_may_hold_a_record_is_left_out_without_a_word() {
    let installation = Installation::empty();
    let folder = written(&installation, &[record("MAL-1", "bad", &all_versions())]);
    fs::write(folder.join("README.md"), "x").expect("file");
    let text = record("MAL-2", "worse", &all_versions()).to_string();
    fs::write(folder.join("MAL-2.JSON"), text).expect("record");
    let import = || installation.run(&["advisories", "import", &folder.to_string_lossy()]);
    let run = import();
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout.contains("2 records on 2 packages"),
        "{}",
        run.text()
    );
    assert!(run.stderr.contains("README.md"), "{}", run.text());
    fs::write(folder.join("npm.zip"), "x").expect("zip");
    let run = import();
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("npm.zip is a zip inside"),
        "{}",
        run.text()
    );
}

#[test]
fn a_folder_of_a_zip_that_holds_bytes_is_a_broken_record() {
    let installation = Installation::empty();
    let zip = installation.home.join("all.zip");
    let text = record("MAL-1", "bad", &all_versions()).to_string();
    let entries = [
        ("OK.json", text.as_bytes()),
        ("x/", b""),
        ("MAL.json/", text.as_bytes()),
    ];
    for (count, code) in [(2, 0), (3, 2)] {
        fs::write(&zip, stored_zip(&entries[..count])).expect("zip");
        let run = installation.run(&["advisories", "import", &zip.to_string_lossy()]);
        assert_eq!(run.code, code, "{}", run.text());
        let named = run.stderr.contains("MAL.json/ is named as a folder");
        assert_eq!(named, code == 2, "{}", run.text());
    }
}

/// A zip of these files, not packed.
fn stored_zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut crc = u32::MAX;
        for byte in *bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
            }
        }
        let size = u32::try_from(bytes.len()).expect("size").to_le_bytes();
        let at = u32::try_from(zip.len()).expect("size").to_le_bytes();
        let length = u16::try_from(name.len()).expect("size").to_le_bytes();
        // Version, flags, method, time, date.
        let mut head = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        head.extend((!crc).to_le_bytes());
        head.extend([size, size].concat());
        head.extend(length);
        head.extend([0, 0]);
        zip.extend(*b"PK\x03\x04");
        zip.extend(&head);
        zip.extend(name.bytes());
        zip.extend(*bytes);
        directory.extend(*b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(at);
        directory.extend(name.bytes());
    }
    let count = u16::try_from(files.len()).expect("count").to_le_bytes();
    let size = u32::try_from(directory.len()).expect("size").to_le_bytes();
    let start = u32::try_from(zip.len()).expect("size").to_le_bytes();
    zip.extend(directory);
    zip.extend(*b"PK\x05\x06\0\0\0\0");
    zip.extend([count, count].concat());
    zip.extend([size, start].concat());
    zip.extend([0, 0]);
    zip
}

#[test]
fn a_report_of_malware_that_was_taken_back_makes_nothing_malware() {
    let installation = Installation::empty();
    let mut flaw = record("GHSA-1", "bad", &all_versions());
    flaw["aliases"] = json!(["MAL-1", "CVE-1"]);
    let mut report = record("MAL-1", "bad", &all_versions());
    let malicious = |report: &Value| {
        let folder = written(&installation, &[flaw.clone(), report.clone()]);
        let line = [
            "advisories",
            "import",
            &folder.to_string_lossy(),
            "--format",
            "json",
        ];
        let run = installation.run(&line);
        let value: Value = serde_json::from_str(&run.stdout).expect("JSON");
        value["malicious"].clone()
    };
    assert_eq!(malicious(&report), json!(2));
    report["withdrawn"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(malicious(&report), json!(0));
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
    for wanted in [
        "1 record on 1 package of npm, 1 of them about malware",
        "the newest is of 2026-11-01",
        "left out: 1 withdrawn",
        "from osv  sha256:",
    ] {
        assert!(run.stdout.contains(wanted), "{wanted}: {}", run.stdout);
    }
    // From within the folder it has the same name.
    let mut within = installation.command(&["advisories", "import", "."]);
    let run = crate::support::Run::of(&within.current_dir(&folder).output().expect("run"));
    assert!(run.stdout.contains("from osv  sha256:"), "{}", run.text());
    let run = installation.run(&["advisories", "--format", "json"]);
    let value: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        (&value["records"], &value["malicious"]),
        (&json!(1), &json!(1))
    );
    let before = fs::read(&index).expect("index");
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

/// A dependency of the packed plugin that is in no record.
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
    // The command writes the same.
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    let except = |finding: &str, until: &str| {
        let run = installation.run(&[
            "policy", "except", id, finding, "--until", until, "--reason", "disputed", "--yes",
        ]);
        (
            run.code,
            run.stderr.split_whitespace().collect::<Vec<_>>().join(" "),
        )
    };
    assert_eq!(levels(), ["deny"]);
    for (finding, until, why) in [
        ("known-malicious", "2026-12-20", "its id, such as MAL-"),
        ("MAL-2", "2026-12-20", "advisories about it: MAL-1"),
        ("MAL-1", "2026-12-25", "at most 30 days"),
        ("mal-1", "2026-12-20", "no finding is called mal-1"),
    ] {
        let (code, said) = except(finding, until);
        assert!(code == 2 && said.contains(why), "{finding}: {said}");
    }
    assert_eq!(except("MAL-1", "2026-12-20").0, 0);
    assert_eq!(levels(), ["warn"]);
    fs::write(installation.state.join(PROJECT).join("dep/more.js"), "").expect("file");
    assert_eq!(levels(), ["deny"]);
}

#[test]
fn a_disputed_record_about_a_command_is_excepted_by_its_definition() {
    let installation = Installation::shipped();
    installation.init(0);
    let records = [record(
        "MAL-1",
        "@acme/files",
        &json!({ "versions": ["1.2.3"] }),
    )];
    let levels = || -> Vec<String> {
        let (_, report) = installation.check();
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|one| one["id"] == "known-malicious")
            .map(|one| format!("{} {}", one["level"], one["subject"]).replace('"', ""))
            .collect()
    };
    let folder = written(&installation, &records);
    let run = installation.run(&["advisories", "import", &folder.to_string_lossy()]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(levels(), ["deny mcp:files"]);
    let run = installation.run(&[
        "policy",
        "except",
        "mcp:files",
        "MAL-1",
        "--until",
        "2026-12-20",
        "--reason",
        "disputed",
        "--yes",
    ]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(levels(), ["warn mcp:files"]);
    // Of a name alone, whatever its command is, nothing is excepted.
    let text = fs::read_to_string(installation.policy()).expect("policy");
    let (before, last) = text.rsplit_once("definition = ").expect("a definition");
    let (_, after) = last.split_once('\n').expect("a line");
    let bound = format!("{before}{after}");
    assert_ne!(bound, text);
    fs::write(installation.policy(), bound).expect("policy");
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(run.stderr.contains("add `definition`"), "{}", run.stderr);
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
    for format in FORMATS {
        let text = said(format);
        let what = match format {
            "human" => "no index of advisories was read",
            "prometheus" => "advisories_known 0",
            "jsonl" => "\"advisories\":null",
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
    for format in FORMATS {
        let text = said(format);
        if format == "prometheus" {
            assert!(text.contains("advisories_known 1"), "{text}");
        }
        assert!(!text.contains("\"advisories\":null"), "{format}: {text}");
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

#[test]
fn what_is_said_of_a_nodejs_can_be_disputed() {
    let installation = Installation::empty();
    let program = [&vec![b'x'; 3 << 20][..], b"node.js/v22.1.0\0"].concat();
    let runtime = installation.state.join("node-runtime/releases/1/bin");
    let other = installation.home.join("node/bin");
    for folder in [&runtime, &other] {
        fs::create_dir_all(folder).expect("folder");
        fs::write(folder.join("node"), &program).expect("program");
    }
    let link = installation.state.join("node-runtime/current");
    std::os::unix::fs::symlink("releases/1", link).expect("link");
    let units = installation.home.join(".config/systemd/user");
    fs::create_dir_all(&units).expect("folder");
    let unit = format!(
        "[Service]\nExecStart={}/node /usr/lib/node_modules/openclaw/openclaw.mjs gateway\n",
        other.display()
    );
    fs::write(units.join("openclaw-gateway.service"), unit).expect("unit");
    let home = installation.home.to_str().expect("a path").to_owned();
    let run = |arguments: &[&str]| installation.run(&[arguments, &["--home", &home]].concat());
    run(&["lock", "--init"]);
    let records = [record("MAL-1", "node", &json!({ "versions": ["22.1.0"] }))];
    let folder = written(&installation, &records);
    let imported = run(&["advisories", "import", &folder.to_string_lossy()]);
    assert_eq!(imported.code, 0, "{}", imported.text());
    for id in ["runtime:node", "service:openclaw-gateway.service"] {
        let malicious = |level: &str| {
            let report = run(&["check", "--format", "json"]).stdout;
            let report: Value = serde_json::from_str(&report).expect("a report");
            let findings = report["findings"].as_array().expect("findings").iter();
            let mut found = findings.filter(|one| one["id"] == "known-malicious");
            assert!(
                found.any(|one| one["subject"] == id && one["level"] == level),
                "{id}: {level}: {report:#}"
            );
        };
        malicious("deny");
        let except = ["policy", "except", id, "MAL-1", "--until", "2026-12-20"];
        let excepted = run(&[&except[..], &["--reason", "disputed", "--yes"]].concat());
        assert_eq!(excepted.code, 0, "{}", excepted.text());
        malicious("warn");
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

/// Opening a FIFO waits for who writes to it, for ever; `/dev/zero` has no end.
#[test]
fn what_is_no_file_is_not_imported() {
    let installation = Installation::empty();
    let fifo = installation.home.join("record.json");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    for (source, what) in [
        (fifo.to_string_lossy().as_ref(), "a FIFO"),
        ("/dev/zero", "a device"),
    ] {
        let run = installation.run(&["advisories", "import", source]);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.stderr.contains(what), "{}", run.text());
    }
}

/// An index that knows nothing would answer every question with silence.
#[test]
fn an_import_of_nothing_about_npm_keeps_the_index_there_is() {
    let installation = Installation::empty();
    let folder = written(&installation, &[record("MAL-1", "bad", &all_versions())]);
    let shown = folder.to_string_lossy().into_owned();
    assert_eq!(installation.run(&["advisories", "import", &shown]).code, 0);
    let index = installation
        .home
        .join(".cache/openclaw-verify/advisories.index");
    let before = fs::read(&index).expect("index");
    let mut other = record("PYSEC-1", "x", &all_versions());
    other["affected"][0]["package"]["ecosystem"] = json!("PyPI");
    for text in ["{".to_owned(), other.to_string()] {
        fs::write(folder.join("0.json"), text).expect("record");
        let run = installation.run(&["advisories", "import", &shown, "--allow-broken", "1"]);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(
            run.stderr.contains("no index was written"),
            "{}",
            run.text()
        );
        assert_eq!(fs::read(&index).expect("index"), before);
    }
}
