//! `advisories`: what is imported, what is shown, and what is found of it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::Installation;

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
        "1 records on 1 packages of npm, 1 of them about malware",
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
