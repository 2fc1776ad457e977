use super::*;
use serde_json::json;

fn package(name: &str, version: &str, path: &str, reference: &str) -> Value {
    json!({ "type": "library", "bom-ref": reference, "name": name, "version": version, "properties": [
        { "name": "cdx:npm:package:path", "value": path }, { "name": "openclaw:subject", "value": "npm:p" },
    ] })
}

#[test]
fn generation_folders_and_hoisting_are_no_news() {
    let old = json!({ "components": [
        package("a", "1.0.0", "node_modules/a", "npm/projects/p/node_modules/a"),
        package("b", "1.0.0", "node_modules/p/node_modules/b", "npm/projects/p/node_modules/p/node_modules/b"),
        package("c", "1.0.0", "node_modules/c", "3"),
        package("gone", "1.0.0", "node_modules/gone", "4"),
    ], "dependencies": [{ "ref": "3", "dependsOn": ["4"] }] });
    let new = json!({ "components": [
        package("a", "1.0.0", "node_modules/a", "npm/projects/p__openclaw-generation__g-1/node_modules/a"),
        package("b", "1.0.0", "node_modules/b", "2"),
        package("c", "1.1.0", "node_modules/c", "3"),
        package("new\u{1b}[31m", "1.0.0", "node_modules/new", "4"),
    ] });
    let diff = diff(&old, &new);
    assert_eq!(
        (
            diff.added.len(),
            diff.removed.len(),
            diff.moved.len(),
            diff.changed.len()
        ),
        (1, 1, 1, 1)
    );
    let fields: Vec<&str> = diff.changed[0]
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(fields, ["dependencies", "version"]);
    assert_eq!(
        diff.to_text(),
        "1 added · 1 removed · 1 moved · 1 changed\n\nnpm:p\n  + new\\u{1b}[31m 1.0.0  (node_modules/new)\n  - gone 1.0.0  \
         (node_modules/gone)\n  > b 1.0.0  (node_modules/b)  from node_modules/p/node_modules/b\n  ~ c 1.1.0  (node_modules/c)\n      \
         dependencies: gone -> nothing\n      version: 1.0.0 -> 1.1.0\n"
    );
}

#[test]
fn what_advisories_say_is_compared() {
    let bom = |version: &str, known: Value| {
        json!({
            "components": [package("a", version, "node_modules/a", "1")],
            "vulnerabilities": known,
        })
    };
    let one = |id: &str, state: &str| {
        let analysis = if state.is_empty() {
            json!({})
        } else {
            json!({ "state": state })
        };
        json!({ "id": id, "analysis": analysis, "affects": [{ "ref": "1" }, { "ref": "none" }] })
    };
    let old = bom("1.0.0", json!([one("GHSA-1", ""), one("GHSA-2", "")]));
    // Another version with the same hole is no news; a judgement of it is.
    let new = bom(
        "1.1.0",
        json!([one("GHSA-1", ""), one("GHSA-2", "not_affected")]),
    );
    let found = diff(&old, &new);
    let ids = |list: &[KnownVulnerability]| -> Vec<String> {
        list.iter()
            .map(|one| format!("{} {}", one.id, one.state))
            .collect()
    };
    assert_eq!(ids(&found.vulnerabilities_added), ["GHSA-2 not_affected"]);
    assert_eq!(ids(&found.vulnerabilities_removed), ["GHSA-2 "]);
    let text = found.to_text();
    assert!(
        text.starts_with(
            "0 added · 0 removed · 0 moved · 1 changed · vulnerabilities: 1 known now, 1 no more\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("  ! a 1.1.0  (node_modules/a)  known now: GHSA-2 (not_affected)\n"),
        "{text}"
    );
    assert!(diff(&old, &old).is_empty());
    // That nothing was looked up does not make them go away.
    let mut unknown = old.clone();
    unknown
        .as_object_mut()
        .expect("object")
        .remove("vulnerabilities");
    let found = diff(&old, &unknown);
    assert!(found.vulnerabilities_not_looked_up && found.vulnerabilities_removed.is_empty());
    assert!(!found.is_empty());
    unknown["metadata"] =
        json!({ "properties": [{ "name": "openclaw:advisories:index", "value": "sha256:0" }] });
    assert_eq!(diff(&old, &unknown).vulnerabilities_removed.len(), 2);
}

#[test]
fn any_json_is_compared_without_failing() {
    for value in [
        json!(null),
        json!([]),
        json!({ "components": [null, 7, {}, {}], "dependencies": [{}], "services": "x" }),
    ] {
        assert!(diff(&value, &value).is_empty());
    }
}
