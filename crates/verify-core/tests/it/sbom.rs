//! SBOMs of hostile packages. They are also written to the target folder, where `ci/sbom-validators.sh` checks them against the
//! schemas with two independent libraries.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use openclaw_verify_core::inventory::{Inventory, Place, Subject};
use openclaw_verify_core::sbom::{self, Options, SpecVersion, Verdicts};
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
    values.extend([json!(null), json!(true), json!(7), json!(-1.5e300), json!([]), json!({}), json!([null, 7, {}, [], "x"])]);
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
        let place = Place { absolute: state.join(project), shown: format!("extensions/{project}") };
        inventory.subjects.push(Subject::new(SubjectId::new("path", project), Kind::Plugin, Source::Path, place));
    }
    inventory
}

fn check(bom: &Value) {
    let all = || bom["components"].as_array().into_iter().flatten().chain([&bom["metadata"]["component"]]);
    let references: Vec<&str> = all().map(|one| one["bom-ref"].as_str().expect("bom-ref")).collect();
    let unique: BTreeSet<&str> = references.iter().copied().collect();
    assert_eq!(references.len(), unique.len());
    for one in all() {
        for text in [&one["name"], &one["version"], &one["bom-ref"]] {
            let text = text.as_str().expect("text");
            assert!(!text.is_empty() && text.chars().count() <= 1024 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
    let dependencies = bom["dependencies"].as_array().expect("dependencies");
    let listed: BTreeSet<&str> = dependencies.iter().filter_map(|one| one["ref"].as_str()).collect();
    assert_eq!(listed, unique);
    for one in dependencies {
        let on = one["dependsOn"].as_array().expect("dependsOn is always there");
        assert!(on.iter().all(|to| to.as_str().is_some_and(|to| unique.contains(to))));
    }
}

fn write(name: &str, inventory: &Inventory) {
    for version in [SpecVersion::V1_5, SpecVersion::V1_6, SpecVersion::V1_7] {
        let timestamp = Some(jiff::Timestamp::UNIX_EPOCH);
        let options = Options { spec_version: version, timestamp, compact: true, ..Options::default() };
        let bom = sbom::generate(inventory, &Verdicts::default(), &options).expect("SBOM");
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
            package(&dir.path().join(field).join("node_modules"), &format!("p{at}"), &manifest.to_string());
        }
        fs::write(dir.path().join(field).join("package.json"), r#"{"dependencies":{"p0":"1","p1":"1"}}"#).expect("file");
        projects.push(field.to_owned());
    }
    write("hostile-fields", &inventory(dir.path(), &projects));
}

#[test]
fn hostile_files_and_names_give_a_valid_sbom() {
    let dir = tempfile::tempdir().expect("temp dir");
    let modules = dir.path().join("p/node_modules");
    for (at, text) in
        ["", "[", "[]", "null", "\u{feff}{}", "{\"name\":\"a\",\"name\":\"b\"}", &"[".repeat(1 << 20)].into_iter().enumerate()
    {
        package(&modules, &format!("text{at}"), text);
    }
    for name in
        ["a b", "ünï", "new\nline", "esc\u{1b}[31m", "urn:cdx:x", "%40x", "a#b?c", "\u{202e}gnp", "@s/\u{200b}", "x~2", "x"]
    {
        package(&modules, name, "{}");
    }
    fs::write(modules.join("text0/package.json"), [0xff, 0xfe, 0x00]).expect("file");
    let names = ["p".to_owned(), "\u{1b}]0;title\u{7}".to_owned()];
    write("hostile-files", &inventory(dir.path(), &names));
}

#[test]
fn every_licence_that_spdx_knows_gives_a_valid_sbom() {
    let dir = tempfile::tempdir().expect("temp dir");
    let modules = dir.path().join("p/node_modules");
    for (at, license) in spdx::identifiers::LICENSES.iter().enumerate() {
        let manifest = json!({ "name": format!("l{at}"), "version": "1.0.0", "license": license.name });
        package(&modules, &format!("l{at}"), &manifest.to_string());
    }
    write("licences", &inventory(dir.path(), &["p".to_owned()]));
}
