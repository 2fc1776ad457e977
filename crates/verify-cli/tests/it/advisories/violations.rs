//! Violations as OSV records: out of the reviews of one, into the index of another.

use std::fs;

use serde_json::{Value, json};

use super::{all_versions, plant, record, written};
use crate::support::{Installation, findings};

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

    #[cfg(feature = "sbom")]
    listed_in_an_sbom(&installation);

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

/// What a team says must not run is in the SBOM too, of packages and of skills, and no exception makes it less.
#[cfg(feature = "sbom")]
fn listed_in_an_sbom(installation: &Installation) {
    let run = installation.run(&["sbom"]);
    let bom: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let all = bom["vulnerabilities"].as_array().expect("vulnerabilities");
    let mut places = Vec::new();
    for one in all {
        assert!(
            one["id"].as_str().expect("id").starts_with("x_openclaw-"),
            "{one}"
        );
        assert_eq!(one["source"]["name"], "openclaw-verify violations");
        assert_eq!(one["analysis"], Value::Null);
        assert_eq!(one["description"], "sends tokens away", "{one}");
        let affected = one["affects"].as_array().expect("affects");
        places.extend(affected.iter().map(|one| one["ref"].as_str().expect("ref")));
    }
    assert_eq!(all.len(), 3, "{all:#?}");
    assert!(places.contains(&"workspace/skills/weather"), "{places:?}");
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sbom");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("violations-1.6.cdx.json"), run.stdout).expect("file");
}
