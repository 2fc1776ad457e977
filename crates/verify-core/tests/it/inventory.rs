//! The inventory on real and on hostile state directories. Each hostile one is named after its attack; none may hang, panic or pass unseen.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use openclaw_verify_core::inventory::{self, Inventory, InventoryOptions, Observation, Subject};
use openclaw_verify_core::subject::{Kind, Source};
use openclaw_verify_core::tree::LeaveOut;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::special::make_fifo;
use crate::support::shared;

/// A state directory under construction, with a home folder around it.
struct State {
    dir: tempfile::TempDir,
    records: Vec<(String, Value)>,
}

impl State {
    fn new() -> Self {
        let state = Self {
            dir: tempfile::tempdir().expect("temp dir"),
            records: Vec::new(),
        };
        fs::create_dir_all(state.path("state")).expect("mkdir");
        state
    }

    fn root(&self) -> PathBuf {
        fs::canonicalize(self.dir.path())
            .expect("real path")
            .join("home/.openclaw")
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join("home/.openclaw");
        fs::create_dir_all(&path).expect("mkdir");
        fs::canonicalize(path).expect("real path").join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        fs::write(&path, content).expect("write");
        path
    }

    fn plugin(&self, folder: &str, id: &str) -> PathBuf {
        self.file(
            &format!("{folder}/openclaw.plugin.json"),
            json!({"id": id, "configSchema": {}}).to_string(),
        );
        let package =
            json!({"name": id, "version": "1.0.0", "openclaw": {"extensions": ["./index.js"]}});
        self.file(&format!("{folder}/package.json"), package.to_string());
        self.file(&format!("{folder}/index.js"), "export default {};");
        self.path(folder)
    }

    /// An npm install with record, project and lockfile, as OpenClaw and npm leave it.
    fn npm(&mut self, name: &str, id: &str, project: &str) -> PathBuf {
        let integrity = format!("sha512-{}", base64(&Sha512::digest(name)));
        let project = format!("npm/projects/{project}");
        let folder = format!("{project}/node_modules/{name}");
        self.plugin(&folder, id);
        let package =
            json!({"name": name, "version": "1.0.0", "openclaw": {"extensions": ["./index.js"]}});
        self.file(&format!("{folder}/package.json"), package.to_string());
        self.file(
            &format!("{project}/package.json"),
            json!({"private": true, "dependencies": {name: "1.0.0"}}).to_string(),
        );
        let entry = json!({"version": "1.0.0", "resolved": format!("https://registry.example/{name}/-/a.tgz"), "integrity": integrity});
        let lock = json!({"lockfileVersion": 3, "packages": {"": {}, format!("node_modules/{name}"): entry}}).to_string();
        self.file(&format!("{project}/package-lock.json"), &lock);
        self.file(&format!("{project}/node_modules/.package-lock.json"), &lock);
        let path = self.path(&folder);
        let record = json!({"source": "npm", "spec": name, "installPath": path, "version": "1.0.0", "resolvedName": name,
            "resolvedVersion": "1.0.0", "resolvedSpec": format!("{name}@1.0.0"), "integrity": integrity});
        self.records.push((id.to_owned(), record));
        path
    }

    fn record(&mut self, id: &str, record: Value) {
        self.records.push((id.to_owned(), record));
    }

    fn index(&self) -> Value {
        let records: serde_json::Map<_, _> = self.records.iter().cloned().collect();
        json!({"revision": 1, "index": {"version": 1, "installRecords": records, "plugins": []}})
    }

    fn database(&self) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(self.path("state/openclaw.sqlite")).expect("open");
        db.pragma_update(None, "user_version", 18).expect("pragma");
        db
    }

    /// Writes the database as OpenClaw does.
    fn write_index(&self) {
        write_row(
            &self.database(),
            "plugins.installedIndex",
            &self.index().to_string(),
        );
    }

    fn options(&self) -> InventoryOptions {
        let home = self.root().parent().map(Path::to_owned);
        InventoryOptions {
            state_dir: self.root(),
            host: None,
            relocated_from: None,
            home,
            config: None,
            ..InventoryOptions::new("")
        }
    }

    fn read(&self) -> Inventory {
        if !self.path("state/openclaw.sqlite").exists() && !self.records.is_empty() {
            self.write_index();
        }
        read_or_refused(&self.options())
    }
}

/// What is there; where the record of installs cannot be read, an inventory of nothing but that.
fn read_or_refused(options: &InventoryOptions) -> Inventory {
    match inventory::read(options) {
        Ok(inventory) => inventory,
        Err(openclaw_verify_core::Error::Subject { place, why, .. }) => {
            let mut inventory = Inventory::default();
            inventory
                .observations
                .push(Observation::Unreadable { place, why });
            inventory
        }
        Err(error) => panic!("inventory: {error}"),
    }
}

fn write_row(db: &rusqlite::Connection, key: &str, value: &str) {
    let table = "CREATE TABLE IF NOT EXISTS config_machine_state (state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL,
        updated_at_ms INTEGER NOT NULL) STRICT";
    db.execute(table, []).expect("create");
    db.execute(
        "INSERT INTO config_machine_state VALUES (?1, ?2, 0)",
        [key, value],
    )
    .expect("insert");
}

fn base64(bytes: &[u8]) -> String {
    let text = openclaw_verify_core::digest::Sri(bytes.try_into().expect("64 bytes")).to_string();
    text.trim_start_matches("sha512-").to_owned()
}

fn encoded(name: &str) -> String {
    let hex = openclaw_verify_core::digest::to_hex(&Sha256::digest(name));
    format!(
        "{}-{}",
        name.trim_start_matches('@').replace('/', "-"),
        &hex[..10]
    )
}

/// The ids of what this file is about; skills, hooks and MCP servers have a file of their own.
fn ids(inventory: &Inventory) -> Vec<&str> {
    let other = [
        Kind::Skill,
        Kind::HookPack,
        Kind::McpServer,
        Kind::Config,
        Kind::Agent,
        Kind::Service,
    ];
    inventory
        .subjects
        .iter()
        .filter(|subject| !other.contains(&subject.kind))
        .map(|subject| subject.id.as_str())
        .collect()
}

fn subject<'a>(inventory: &'a Inventory, id: &str) -> &'a Subject {
    let found = inventory
        .subjects
        .iter()
        .find(|subject| subject.id.as_str() == id);
    found.unwrap_or_else(|| panic!("no {id} among {:?}", ids(inventory)))
}

fn said(observations: &[Observation]) -> String {
    format!("{observations:?}")
}

fn fifo(path: &Path) {
    fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
    make_fifo(path);
}

#[test]
#[ignore = "needs ../shared"]
fn a_real_state_is_found_whole_in_its_copy() {
    let corpus = shared("corpus/openclaw-state");
    let dir = tempfile::tempdir().expect("temp dir");
    let unpacked = std::process::Command::new("bash")
        .arg(corpus.join("unpack.sh"))
        .arg(dir.path())
        .status()
        .expect("bash");
    assert!(unpacked.success());
    let options = InventoryOptions {
        state_dir: dir.path().join(".openclaw"),
        host: None,
        relocated_from: Some(PathBuf::from("/home/user/.openclaw")),
        home: None,
        config: None,
        ..InventoryOptions::new("")
    };
    let inventory = inventory::read(&options).expect("inventory");

    // Everything that the real `openclaw plugins list` showed, and what the records hold besides, with its state.
    let list =
        fs::read_to_string(corpus.join("cli-output/plugins-list.trimmed.json")).expect("list");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let listed = list["plugins"]
        .as_array()
        .expect("plugins")
        .iter()
        .filter(|plugin| plugin["origin"] != "bundled");
    let by_name: BTreeMap<&str, &Subject> = inventory
        .subjects
        .iter()
        .map(|subject| (subject.name.as_str(), subject))
        .collect();
    let mut seen = 0;
    for plugin in listed {
        let id = plugin["id"].as_str().expect("id");
        let found = by_name.get(id).unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!(Some(found.enabled), plugin["enabled"].as_bool(), "{id}");
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
    let index = fs::read_to_string(corpus.join("cli-output/plugins.installedIndex.extracted.json"))
        .expect("index");
    let index: Value = serde_json::from_str(&index).expect("JSON");
    let indexed: Vec<&Value> = index
        .pointer("/index/plugins")
        .and_then(Value::as_array)
        .expect("plugins")
        .iter()
        .collect();
    for plugin in indexed
        .iter()
        .filter(|plugin| plugin["origin"] != "bundled")
    {
        let id = plugin["pluginId"].as_str().expect("id");
        assert_eq!(
            by_name.get(id).map(|found| found.enabled),
            plugin["enabled"].as_bool(),
            "{id}"
        );
    }

    assert_eq!(
        ids(&inventory),
        [
            "archive:acme-archived",
            "archive:pol-arch",
            "bundle:acme-bundle",
            "git:file/git-plugin",
            "git:file/pol-git",
            "link:acme-linked",
            "link:pol-linked",
            "npm-pack:@acme/acme-packed",
            "npm-pack:@acme/pol-packed",
            "npm:@openclaw/discord",
            "npm:@openclaw/matrix",
            "npm:@openclaw/nostr",
            "npm:@openclaw/synology-chat",
            "npm:@openclaw/zalo",
            "npm:@soimy/dingtalk",
            "path:acme-local",
            "path:pol-dec",
            "path:pol-local",
        ]
    );
    for subject in &inventory.subjects {
        let odd = match subject.id.as_str() {
            "link:acme-linked" | "link:pol-linked" => "NotInCopy",
            "npm:@openclaw/matrix" => "StaleGeneration",
            // The corpus leaves its large manifest out.
            "npm:@openclaw/discord" => "no readable file",
            _ => {
                assert_eq!(subject.observations, [], "{}", subject.id);
                continue;
            }
        };
        assert!(
            subject.observations.len() == 1 && said(&subject.observations).contains(odd),
            "{:?}",
            subject.observations
        );
    }
    // Of a copy it is said that places outside were not looked at, and nothing else.
    assert!(
        inventory
            .observations
            .iter()
            .all(|observation| matches!(observation, Observation::NotHere { .. })),
        "{:?}",
        inventory.observations
    );
    assert_eq!(
        subject(&inventory, "npm:@soimy/dingtalk")
            .npm
            .as_ref()
            .map(|npm| npm.packages.len()),
        Some(71)
    );

    // Without saying that it is a copy it is not judged: every record points out of it.
    let refused = inventory::read(&InventoryOptions {
        relocated_from: None,
        ..options
    });
    let refused = refused.map(drop).expect_err("a copy").to_string();
    assert!(refused.contains("/home/user/.openclaw"), "{refused}");
}

#[test]
fn an_npm_install_is_two_trees_inside_one_boundary() {
    let mut state = State::new();
    let folder = state.npm("@acme/a", "a", &encoded("@acme/a"));
    let inventory = state.read();
    let subject = subject(&inventory, "npm:@acme/a");
    assert_eq!(
        (
            subject.observations.as_slice(),
            inventory.observations.as_slice()
        ),
        (&[][..], &[][..])
    );
    assert_eq!(
        (subject.kind, subject.source, subject.enabled),
        (Kind::Plugin, Source::Npm, true)
    );
    let (tree, dependencies) = (
        subject.trees.tree.as_ref().expect("tree"),
        subject.trees.dependencies.as_ref().expect("dependencies"),
    );
    assert_eq!(tree.root, folder);
    assert_eq!(tree.boundary, dependencies.root);
    assert!(
        dependencies
            .leave_out
            .contains(&LeaveOut::Folder("@acme/a".to_owned()))
    );
}

#[test]
fn disagreeing_records_are_reported() {
    let cases: [(&str, &str, Value); 6] = [
        ("version", "resolvedVersion", json!("1.0.1")),
        ("name", "resolvedName", json!("@acme/b")),
        (
            "integrity",
            "integrity",
            json!(format!("sha512-{}", base64(&Sha512::digest("other")))),
        ),
        (
            "no strong digest",
            "integrity",
            json!("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        ),
        ("no strong digest", "integrity", json!("sha512-AAAA")),
        ("has no integrity", "integrity", Value::Null),
    ];
    for (what, field, value) in cases {
        let mut state = State::new();
        state.npm("@acme/a", "a", &encoded("@acme/a"));
        let record = &mut state.records[0].1;
        match value {
            Value::Null => drop(record.as_object_mut().expect("object").shift_remove(field)),
            value => record[field] = value,
        }
        let inventory = state.read();
        let observations: Vec<Observation> = inventory
            .subjects
            .iter()
            .flat_map(|subject| subject.observations.clone())
            .collect();
        assert!(
            said(&observations).contains(what),
            "{what}: {observations:?}"
        );
    }
}

#[test]
fn a_manifest_that_changed_since_openclaw_hashed_it() {
    let hash = |path: &Path| {
        openclaw_verify_core::digest::Sha256Digest::of(&fs::read(path).expect("read")).hex()
    };
    for (changed, conflicts) in [
        (None, 0),
        (Some("openclaw.plugin.json"), 1),
        (Some("package.json"), 1),
    ] {
        let mut state = State::new();
        let folder = state.npm("@acme/a", "a", &encoded("@acme/a"));
        let mut index = state.index();
        let record = openclaw_verify_core::digest::Sha256Digest::of(
            state.records[0].1.to_string().as_bytes(),
        )
        .hex();
        index["index"]["plugins"] = json!([{"pluginId": "a", "installOwner": "a", "installRecordHash": record,
            "manifestHash": hash(&folder.join("openclaw.plugin.json")), "packageJson": {"hash": hash(&folder.join("package.json"))}}]);
        write_row(
            &state.database(),
            "plugins.installedIndex",
            &index.to_string(),
        );
        if let Some(changed) = changed {
            let content = fs::read_to_string(folder.join(changed)).expect("read");
            fs::write(folder.join(changed), content + " ").expect("write");
        }
        let inventory = inventory::read(&state.options()).expect("inventory");
        let found = said(&subject(&inventory, "npm:@acme/a").observations);
        assert_eq!(
            found.matches("what: \"hash of ").count(),
            conflicts,
            "{found}"
        );
    }
}

#[test]
fn a_config_that_the_operator_names_has_to_be_there() {
    let state = State::new();
    state.plugin("extensions/x", "x");
    let named = state.file("../etc/openclaw.json", r#"{"plugins":{"enabled":false}}"#);
    for from in [None, Some(PathBuf::from("/home/user/.openclaw"))] {
        let options = InventoryOptions {
            config: Some(named.clone()),
            relocated_from: from,
            ..state.options()
        };
        let inventory = inventory::read(&options).expect("inventory");
        assert!(
            !subject(&inventory, "unrecorded:extensions/x").enabled,
            "{:?}",
            inventory.observations
        );
    }
    let options = InventoryOptions {
        config: Some(state.path("gone.json")),
        ..state.options()
    };
    assert!(
        said(&read_or_refused(&options).observations).contains("Unreadable { place: \"gone.json\"")
    );
}

#[test]
fn bundles_of_four_formats_and_clawhub_records() {
    let mut state = State::new();
    let skill = "---\nname: x\n---\n";
    state.file("extensions/claude/skills/x/SKILL.md", skill);
    state.file("extensions/claude/.lsp.json", "{}");
    state.file(
        "extensions/codex/.codex-plugin/plugin.json",
        r#"{"name":"My Codex!"}"#,
    );
    state.file(
        "extensions/cursor/.cursor-plugin/plugin.json",
        r#"{name: "cursor", version: "2.0.0",}"#,
    );
    state.file(
        "extensions/agent/plugin.json",
        r#"{"$schema":"https://agent-plugins.org/schemas/1.0.0/plugin.schema.json","name":"agent"}"#,
    );
    state.file(
        "extensions/other/plugin.json",
        r#"{"name":"not one of them"}"#,
    );
    let folder = state.path("extensions/cursor");
    state.record(
        "cursor",
        json!({"source": "path", "installPath": folder, "sourcePath": "/src", "version": "2.0.0"}),
    );
    let hub = state.plugin("extensions/hub", "hub");
    state.record(
        "hub",
        json!({"source": "clawhub", "clawhubPackage": "@acme/hub", "installPath": hub, "version": "1.0.0", "integrity": "none"}),
    );
    let inventory = state.read();
    assert_eq!(
        ids(&inventory),
        [
            "bundle:cursor",
            "clawhub:@acme/hub",
            "unrecorded:extensions/agent",
            "unrecorded:extensions/claude",
            "unrecorded:extensions/codex"
        ]
    );
    assert_eq!(
        subject(&inventory, "unrecorded:extensions/codex").name,
        "my-codex"
    );
    assert_eq!(subject(&inventory, "bundle:cursor").observations, []);
    assert!(inventory.subjects.iter().all(|s| s.kind == Kind::Skill
        || s.kind == Kind::Config
        || (s.kind == Kind::Bundle) != (s.name == "hub")));
    let hub = &subject(&inventory, "clawhub:@acme/hub").observations;
    assert!(
        matches!(hub.as_slice(), [Observation::BadIntegrity { .. }]),
        "{hub:?}"
    );
    assert!(
        inventory
            .not_covered
            .iter()
            .any(|entry| entry.what == "language servers of unrecorded:extensions/claude")
    );
}

#[test]
fn a_record_that_points_elsewhere() {
    let mut state = State::new();
    state.npm("@acme/a", "a", "somewhere-else");
    let evil = state.plugin("../evil", "path-evil");
    state.record(
        "path-evil",
        json!({"source": "path", "installPath": evil, "sourcePath": "/src", "version": "1.0.0"}),
    );
    let up = state.path("extensions/../../evil2");
    state.plugin("../evil2", "up");
    state.record(
        "up",
        json!({"source": "archive", "installPath": up, "version": "1.0.0"}),
    );
    state.record(
        "gone",
        json!({"source": "git", "installPath": state.path("git/git-0123456789abcdef/repo"), "gitUrl": "https://git.example/a/b"}),
    );
    state.record(
        "link",
        json!({"source": "path", "installPath": evil, "sourcePath": evil, "version": "1.0.0"}),
    );
    state.record(
        "relative",
        json!({"source": "path", "installPath": "extensions/x"}),
    );
    state.record(
        "market",
        json!({"source": "marketplace", "installPath": evil}),
    );
    let inventory = state.read();
    for (id, what) in [
        ("npm:@acme/a", "OutsideState"),
        ("path:path-evil", "OutsideState"),
        ("archive:up", "OutsideState"),
        ("git:git.example/a/b", "MissingFolder"),
        ("path:relative", "relative to the folder"),
        ("unrecorded:marketplace/market", "UnsupportedSchema"),
    ] {
        assert!(
            said(&subject(&inventory, id).observations).contains(what),
            "{id}: {:?}",
            subject(&inventory, id).observations
        );
    }
    assert!(!said(&subject(&inventory, "link:link").observations).contains("OutsideState"));
}

#[test]
fn code_without_a_record_is_found_wherever_openclaw_looks() {
    let mut state = State::new();
    state.npm("@acme/a", "a", &encoded("@acme/a"));
    // Another project of another plugin, a folder that looks like a staging folder, and the older shared project.
    let record = state.records.len();
    state.npm("dropped", "dropped", "dropped");
    state.npm("staged", "staged", ".openclaw-install-stage-x");
    state.records.truncate(record);
    state.file(
        "npm/package.json",
        json!({"dependencies": {"shared": "1.0.0"}}).to_string(),
    );
    state.plugin("npm/node_modules/shared", "shared");
    // A generation of the recorded plugin, and one that claims another id.
    let generation = format!(
        "{}__openclaw-generation__g-0123456789abcdef",
        encoded("@acme/a")
    );
    state.npm("@acme/a", "a", &generation);
    state.npm("@acme/a", "other", &format!("{generation}x"));
    state.records.truncate(record);
    state.plugin("extensions/.openclaw-install-stage-y", "hand");
    state.file("extensions/bundle/skills/x/SKILL.md", "---\nname: x\n---\n");
    state.file("extensions/only-entry/index.mjs", "");
    state.file("extensions/notes/README.md", "nothing to load");
    state.plugin("extensions/off.disabled", "off");
    state.plugin("../away", "away");
    symlink(state.path("../away"), state.path("extensions/linked")).expect("symlink");
    symlink("/nowhere", state.path("extensions/dangling")).expect("symlink");
    state.plugin("workspace/.openclaw/extensions/ws", "ws");
    state.plugin("workspace-b/.openclaw/extensions/ws", "ws");
    state.file("openclaw.json", "{agents: {entries: {b: {}}}}");
    let inventory = state.read();
    assert_eq!(
        ids(&inventory),
        [
            "npm:@acme/a",
            "unrecorded:extensions/.openclaw-install-stage-y",
            "unrecorded:extensions/bundle",
            "unrecorded:extensions/linked",
            "unrecorded:extensions/only-entry",
            "unrecorded:npm/@acme/a",
            "unrecorded:npm/dropped",
            "unrecorded:npm/shared",
            "unrecorded:npm/staged",
            "unrecorded:workspace.b/ws",
            "unrecorded:workspace/ws",
        ]
    );
    let unrecorded = inventory
        .subjects
        .iter()
        .filter(|subject| subject.id.scheme() == "unrecorded");
    assert!(unrecorded.clone().all(|subject| matches!(
        subject.observations.first(),
        Some(Observation::NoRecord { .. })
    )));
    assert!(
        unrecorded
            .clone()
            .all(|subject| subject.trees.tree.is_some())
    );
    assert!(said(&subject(&inventory, "npm:@acme/a").observations).contains("StaleGeneration"));
    assert_eq!(subject(&inventory, "unrecorded:npm/@acme/a").name, "other");
    assert_eq!(
        subject(&inventory, "unrecorded:extensions/bundle").kind,
        Kind::Bundle
    );
    assert!(
        said(&subject(&inventory, "unrecorded:extensions/linked").observations)
            .contains("OutsideState")
    );
    assert!(!subject(&inventory, "unrecorded:workspace/ws").enabled);
    assert!(subject(&inventory, "unrecorded:extensions/only-entry").enabled);
    assert!(said(&inventory.observations).contains("extensions/dangling"));
}

#[test]
fn load_paths_are_files_folders_and_folders_of_plugins() {
    let state = State::new();
    state.plugin("../plugins/one", "one");
    state.plugin("../plugins/two", "two");
    state.file("../plugins/node_modules/index.js", "");
    state.file("../single/tool.ts", "");
    state.file("../single/notes.md", "");
    let config = json!({"plugins": {"load": {"paths": ["~/plugins", "~/plugins/one", "~/single/tool.ts", "~/gone", "rel/x", "${X}/y", 7]}}});
    state.file("openclaw.json", config.to_string());
    let inventory = state.read();
    assert_eq!(ids(&inventory), ["load:one", "load:tool", "load:two"]);
    assert_eq!(
        subject(&inventory, "load:tool")
            .trees
            .tree
            .as_ref()
            .map(|tree| tree.root.clone()),
        Some(state.path("../single").canonicalize().expect("real"))
    );
    let said = said(&inventory.observations);
    for what in [
        "MissingFolder",
        "relative to the folder",
        "variable",
        "is no text",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert!(said.contains("AncestorNodeModules"), "{said}");
}

#[test]
fn every_ancestor_node_modules_is_reported() {
    let mut state = State::new();
    state.npm("@acme/a", "a", &encoded("@acme/a"));
    state.plugin("extensions/x", "x");
    for folder in [
        "node_modules/evil",
        "npm/projects/node_modules/evil",
        "extensions/node_modules/evil",
        "../node_modules/evil",
        "../.node_modules/x",
    ] {
        state.file(&format!("{folder}/index.js"), "");
    }
    fs::create_dir_all(state.path("npm/node_modules")).expect("mkdir");
    let inventory = state.read();
    let found: Vec<&str> = inventory
        .observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::AncestorNodeModules { path, .. } => Some(path.as_str()),
            _ => None,
        })
        .collect();
    for folder in [
        "node_modules",
        "npm/projects/node_modules",
        "extensions/node_modules",
    ] {
        assert!(found.contains(&folder), "{found:?}");
    }
    assert_eq!(
        found
            .iter()
            .filter(|path| path.starts_with('/') && path.contains("/home/"))
            .count(),
        2,
        "{found:?}"
    );
    assert!(
        !found.contains(&"npm/node_modules"),
        "an empty folder adds no code"
    );
}

#[test]
fn overrides_in_env_and_config_are_reported() {
    let state = State::new();
    state.file(
        ".env",
        "TOKEN=x\nexport NODE_OPTIONS\n='--require /tmp/x.js'\n# NODE_PATH=/x\n",
    );
    state.file(
        "openclaw.json",
        r#"{env: {vars: {NODE_PATH: "/x", HARMLESS: "1"}, OPENCLAW_BUNDLED_PLUGINS_DIR: "/y"}}"#,
    );
    let said = said(&state.read().observations);
    for variable in ["NODE_OPTIONS", "NODE_PATH", "OPENCLAW_BUNDLED_PLUGINS_DIR"] {
        assert!(
            said.contains(&format!("variable: \"{variable}\"")),
            "{said}"
        );
    }
    assert_eq!(said.matches("LoadOverride").count(), 3, "{said}");
}

#[test]
fn entries_that_lead_out_are_reported() {
    let mut state = State::new();
    let folder = state.plugin("extensions/a", "a");
    state.file("extensions/outside.js", "");
    symlink("../outside.js", folder.join("inner.js")).expect("symlink");
    state.file("extensions/a/node_modules/.package-lock.json", "{}");
    let package = json!({"name": "a", "version": "1.0.0", "main": "./node_modules/dep/index.js", "openclaw": {"extensions": ["../outside.js", "./inner.js"],
        "setupEntry": "./node_modules/.package-lock.json"}});
    state.file("extensions/a/package.json", package.to_string());
    state.file(
        "extensions/a/openclaw.plugin.json",
        json!({"id": "a", "configSchema": {}, "skills": ["/etc/skills", "./ok"]}).to_string(),
    );
    state.record("a", json!({"source": "path", "installPath": folder, "sourcePath": "/src/a", "version": "1.0.0"}));
    let inventory = state.read();
    let observations = &subject(&inventory, "path:a").observations;
    let escapes = observations
        .iter()
        .filter(|observation| matches!(observation, Observation::EntryEscapes { .. }))
        .count();
    assert_eq!(escapes, 4, "{observations:?}");
}

#[test]
fn git_head_is_compared_with_the_record() {
    let (good, bad) = ("1".repeat(40), "2".repeat(40));
    let cases: [(&[(&str, String)], &str); 9] = [
        (&[("HEAD", format!("{good}\n"))], ""),
        (
            &[
                ("HEAD", "ref: refs/heads/main\n".into()),
                ("refs/heads/main", good.clone()),
            ],
            "",
        ),
        (
            &[
                ("HEAD", "ref: refs/heads/main\n".into()),
                (
                    "packed-refs",
                    format!("# pack-refs\n{good} refs/heads/main\n"),
                ),
            ],
            "",
        ),
        (
            &[("HEAD", bad.clone())],
            "RecordConflict { what: \"commit\"",
        ),
        (
            &[
                ("HEAD", "ref: refs/heads/main".into()),
                ("refs/heads/main", bad.clone()),
            ],
            "RecordConflict { what: \"commit\"",
        ),
        (&[("HEAD", "ref: ../../../etc/passwd".into())], "Unreadable"),
        (
            &[
                ("HEAD", "ref: refs/a".into()),
                ("refs/a", "ref: refs/a".into()),
            ],
            "chain of symbolic refs",
        ),
        (&[("HEAD", "x".repeat(100_000))], "Unreadable"),
        (
            &[
                ("HEAD", "ref: refs/heads/main".into()),
                (
                    "packed-refs",
                    format!("{good} refs/heads/main\n{bad} refs/heads/main\n"),
                ),
            ],
            "twice",
        ),
    ];
    for (files, what) in cases {
        let mut state = State::new();
        let repo = state.plugin("git/git-0123456789abcdef/repo", "g");
        for (name, content) in files {
            state.file(
                &format!("git/git-0123456789abcdef/repo/.git/{name}"),
                content,
            );
        }
        state.record(
            "g",
            json!({"source": "git", "spec": "git:https://git.example/a/g@v1", "installPath": repo, "version": "1.0.0",
            "gitUrl": "https://git.example/a/g", "gitRef": "v1", "gitCommit": good}),
        );
        let inventory = state.read();
        let found = subject(&inventory, "git:git.example/a/g");
        match what {
            "" => assert_eq!(found.observations, [], "{files:?}"),
            what => assert!(
                said(&found.observations).contains(what),
                "{files:?}: {:?}",
                found.observations
            ),
        }
        let left_out = &found.trees.tree.as_ref().expect("tree").leave_out;
        assert!(left_out.contains(&LeaveOut::Folder(".git".to_owned())));
    }
}

#[test]
fn git_folder_that_is_a_file_or_a_link() {
    for link in [false, true] {
        let mut state = State::new();
        let repo = state.plugin("git/git-0123456789abcdef/repo", "g");
        state.file("real-git/HEAD", "1".repeat(40));
        if link {
            symlink(state.path("real-git"), repo.join(".git")).expect("symlink");
        } else {
            state.file(
                "git/git-0123456789abcdef/repo/.git",
                "gitdir: ../../../real-git",
            );
        }
        state.record(
            "g",
            json!({"source": "git", "installPath": repo, "gitUrl": "https://git.example/a/g", "gitCommit": "1".repeat(40)}),
        );
        assert!(
            said(&subject(&state.read(), "git:git.example/a/g").observations)
                .contains("is not a folder of its own")
        );
    }
}

#[test]
fn one_id_is_one_subject_and_hidden_plugins_are_reported() {
    let mut state = State::new();
    for n in ["0123456789abcdef", "fedcba9876543210"] {
        let repo = state.plugin(&format!("git/git-{n}/repo"), &format!("g{n}"));
        state.file(&format!("git/git-{n}/repo/.git/HEAD"), "1".repeat(40));
        state.record(
            &format!("g{n}"),
            json!({"source": "git", "installPath": repo, "gitUrl": "https://git.example/a/g", "gitCommit": "1".repeat(40)}),
        );
    }
    state.plugin("extensions/twin", "same");
    state.plugin("../load/twin", "same");
    state.file(
        "openclaw.json",
        json!({"plugins": {"load": {"paths": ["~/load/twin"]}}}).to_string(),
    );
    let inventory = state.read();
    let found = ids(&inventory);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        found[0] == "git:git.example/a/g" && found[1].starts_with("git:git.example/a/g~"),
        "{found:?}"
    );
    assert!(said(&subject(&inventory, "git:git.example/a/g").observations).contains(found[1]));
    assert!(
        said(&subject(&inventory, "load:same").observations).contains("unrecorded:extensions/twin")
    );
}

#[test]
fn hostile_names_are_safe_to_show() {
    use std::os::unix::ffi::OsStrExt as _;
    let state = State::new();
    for name in [
        &b"bad\xff\xfename"[..],
        &b"bad\xff\xfdname"[..],
        b"new\nline\x1b[31m",
        "bidi\u{202e}".as_bytes(),
    ] {
        let folder = state
            .path("extensions")
            .join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir_all(&folder).expect("mkdir");
        fs::write(folder.join("index.js"), "").expect("write");
        fs::write(
            folder.join("openclaw.plugin.json"),
            "{\"id\":\"a\\u001b]0;x\\u0007\",\"configSchema\":{}}",
        )
        .expect("write");
    }
    let inventory = state.read();
    let mut found = ids(&inventory);
    assert_eq!(found.len(), 4);
    found.dedup();
    assert_eq!(found.len(), 4);
    for subject in &inventory.subjects {
        let text = format!("{}{}", subject.id, subject.place.shown);
        assert!(
            !text.chars().any(openclaw_verify_core::text::is_hazard),
            "{text:?}"
        );
    }
}

#[test]
fn special_files_and_giants_in_place_of_files() {
    let sparse = |path: &Path| {
        fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        fs::File::create(path)
            .and_then(|file| file.set_len(4 << 30))
            .expect("sparse file");
    };
    type Make<'a> = &'a dyn Fn(&Path);
    let folder = |path: &Path| fs::create_dir_all(path).expect("mkdir");
    let looped = |path: &Path| symlink(path.file_name().expect("name"), path).expect("symlink");
    let makes: [(&str, Make<'_>); 4] = [
        ("FIFO", &fifo),
        ("sparse", &sparse),
        ("folder", &folder),
        ("loop", &looped),
    ];
    for (how, make) in makes {
        // OpenClaw reads no `.env` that is a FIFO or a folder.
        let env = matches!(how, "sparse" | "loop").then_some(".env");
        for file in ["openclaw.json", "state/openclaw.sqlite"]
            .into_iter()
            .chain(env)
        {
            let state = State::new();
            make(&state.path(file));
            let inventory = state.read();
            assert!(
                said(&inventory.observations).contains(&format!("Unreadable {{ place: \"{file}\"")),
                "{how} {file}: {:?}",
                inventory.observations
            );
        }
        let project = format!("npm/projects/{}", encoded("@acme/a"));
        for file in [
            "package-lock.json",
            "package.json",
            "node_modules/.package-lock.json",
            "node_modules/@acme/a/package.json",
            "node_modules/@acme/a/openclaw.plugin.json",
        ] {
            let mut state = State::new();
            state.npm("@acme/a", "a", &encoded("@acme/a"));
            let path = state.path(&format!("{project}/{file}"));
            fs::remove_file(&path).expect("remove");
            make(&path);
            let inventory = state.read();
            let all = format!(
                "{:?}{:?}",
                inventory.observations,
                subject(&inventory, "npm:@acme/a").observations
            );
            assert!(
                all.contains(&format!("Unreadable {{ place: \"{project}/{file}\"")),
                "{how} {file}: {all}"
            );
        }
    }
    let state = State::new();
    fifo(&state.path("state/openclaw.sqlite-wal"));
    state.write_index_without_wal();
    assert!(said(&state.read().observations).contains("FIFO"));
}

impl State {
    /// SQLite would refuse the FIFO too, so the database is made elsewhere and moved.
    fn write_index_without_wal(&self) {
        let other = State::new();
        other.write_index();
        fs::copy(
            other.path("state/openclaw.sqlite"),
            self.path("state/openclaw.sqlite"),
        )
        .expect("copy");
    }
}

#[test]
fn json_nested_500_000_levels_and_duplicate_keys() {
    let deep = format!("{}1{}", "{\"a\":".repeat(500_000), "}".repeat(500_000));
    let state = State::new();
    state.file("openclaw.json", &deep);
    let refused = said(&read_or_refused(&state.options()).observations);
    assert!(
        refused.contains("openclaw.json") && refused.contains("more than"),
        "{refused}"
    );
    state.file("openclaw.json", "{}");
    write_row(&state.database(), "plugins.installedIndex", &deep);
    state.plugin("extensions/x", "x");
    state.file("extensions/x/package.json", &deep);
    let inventory = state.read();
    let all = said(&inventory.observations);
    assert!(
        all.contains("plugins.installedIndex") && all.contains("nested deeper"),
        "{all}"
    );
    assert!(
        said(&subject(&inventory, "unrecorded:extensions/x").observations)
            .contains("extensions/x/package.json")
    );

    let mut state = State::new();
    state.npm("@acme/a", "a", &encoded("@acme/a"));
    state.file(
        "openclaw.json",
        r#"{"plugins":{"deny":["a"]},"plugins":{}}"#,
    );
    let twice = state
        .index()
        .to_string()
        .replacen("\"a\":{", "\"a\":{\"source\":\"path\",", 1);
    write_row(&state.database(), "plugins.installedIndex", &twice);
    let inventory = state.read();
    let all = said(&inventory.observations);
    assert!(
        all.contains("DuplicateKey { place: \"openclaw.json\", key: \"plugins\" }"),
        "{all}"
    );
    assert!(all.contains("holds the key `source` twice"), "{all}");
    assert!(subject(&inventory, "unrecorded:npm/@acme/a").enabled);
}

#[test]
fn a_truncated_or_foreign_database() {
    for cut in [0, 1, 50, 100, 4096, 5000] {
        let mut state = State::new();
        state.npm("@acme/a", "a", &encoded("@acme/a"));
        state.write_index();
        let path = state.path("state/openclaw.sqlite");
        let bytes = fs::read(&path).expect("read");
        fs::write(&path, &bytes[..cut.min(bytes.len() - 1)]).expect("write");
        let inventory = state.read();
        assert!(
            said(&inventory.observations).contains("Unreadable"),
            "{cut}: {:?}",
            inventory.observations
        );
        assert!(
            inventory.subjects.is_empty(),
            "nothing may be called unrecorded"
        );
    }
    let state = State::new();
    state.file(
        "state/openclaw.sqlite",
        "SQLite format 3\0 but not really".repeat(1000),
    );
    assert!(said(&state.read().observations).contains("Unreadable"));
}

#[test]
fn a_database_with_flipped_bytes_never_hangs_or_passes_for_another() {
    let mut state = State::new();
    state.npm("@acme/a", "a", &encoded("@acme/a"));
    state.write_index();
    let path = state.path("state/openclaw.sqlite");
    let good = fs::read(&path).expect("read");
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(below).expect("small")).expect("small")
    };
    let mut refused = 0;
    for round in 0..150 {
        let mut bytes = good.clone();
        for _ in 0..=round % 8 {
            // The first page holds the header and the schema: the part that an attacker works on.
            let at = if round % 2 == 0 {
                next(good.len())
            } else {
                next(4096)
            };
            bytes[at] = u8::try_from(next(256)).expect("byte");
        }
        fs::write(&path, &bytes).expect("write");
        let inventory = read_or_refused(&state.options());
        match ids(&inventory).as_slice() {
            ["npm:@acme/a"] => {}
            found => {
                let odd = inventory
                    .subjects
                    .iter()
                    .any(|subject| !subject.observations.is_empty());
                assert!(
                    odd || !inventory.observations.is_empty(),
                    "{round}: {found:?}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_view_in_place_of_the_table_that_never_ends() {
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";
    let hostile = [
        format!("CREATE VIEW config_machine_state AS {endless} SELECT 'plugins.installedIndex' AS state_key, x AS value_json, 0 AS updated_at_ms FROM n WHERE x < 0"),
        "CREATE TABLE config_machine_state (state_key TEXT, value_json TEXT GENERATED ALWAYS AS (hex(zeroblob(1000000))) VIRTUAL)".to_owned(),
        "CREATE VIRTUAL TABLE config_machine_state USING fts5(state_key, value_json)".to_owned(),
        "CREATE TABLE config_machine_state (other TEXT)".to_owned(),
        "CREATE TABLE x (a); CREATE INDEX config_machine_state ON x (a)".to_owned(),
    ];
    for sql in hostile {
        let state = State::new();
        let db = state.database();
        if db.execute_batch(&sql).is_err() {
            // Not every build of SQLite has the module; the others remain.
            assert!(sql.contains("VIRTUAL TABLE"), "{sql}");
            continue;
        }
        drop(db);
        let all = said(&state.read().observations);
        assert!(all.contains("config_machine_state"), "{sql}: {all}");
    }
}

#[test]
fn a_key_that_stands_twice() {
    let state = State::new();
    let db = state.database();
    db.execute_batch("CREATE TABLE config_machine_state (state_key TEXT, value_json TEXT, updated_at_ms INTEGER)")
        .expect("create");
    db.execute_batch(
        "INSERT INTO config_machine_state VALUES ('plugins.installedIndex', '{}', 0), ('plugins.installedIndex', '[]', 0)",
    )
    .expect("insert");
    drop(db);
    assert!(said(&state.read().observations).contains("more than once"));
}

#[test]
fn a_newer_schema_is_not_established() {
    let mut state = State::new();
    state.npm("@acme/a", "a", &encoded("@acme/a"));
    state.write_index();
    state
        .database()
        .pragma_update(None, "user_version", 19)
        .expect("pragma");
    let inventory = state.read();
    assert!(said(&inventory.observations).contains(
        "UnsupportedSchema { place: \"state/openclaw.sqlite\", found: \"user_version 19"
    ));
    subject(&inventory, "unrecorded:npm/@acme/a");

    let state = State::new();
    write_row(
        &state.database(),
        "plugins.installedIndex",
        r#"{"index":{"version":2,"installRecords":{}}}"#,
    );
    assert!(said(&state.read().observations).contains("index.version 2"));
}

#[test]
fn a_live_log_is_read_and_nothing_is_left_behind() {
    let mut state = State::new();
    state.npm("@acme/a", "a", &encoded("@acme/a"));
    let db = state.database();
    db.pragma_update(None, "journal_mode", "wal").expect("wal");
    db.pragma_update(None, "wal_autocheckpoint", 0)
        .expect("pragma");
    write_row(&db, "plugins.installedIndex", &state.index().to_string());
    let listing = || {
        let mut names: Vec<_> = fs::read_dir(state.path("state"))
            .expect("list")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        names.sort();
        names
    };
    let before = listing();
    assert!(
        fs::metadata(state.path("state/openclaw.sqlite-wal"))
            .expect("wal")
            .len()
            > 0
    );
    let inventory = read_or_refused(&state.options());
    assert_eq!(ids(&inventory), ["npm:@acme/a"]);
    assert_eq!(listing(), before);
    drop(db);

    state.file("state/openclaw.sqlite-journal", "not empty");
    assert!(said(&read_or_refused(&state.options()).observations).contains("-journal"));
}

#[test]
fn includes_that_leave_nest_or_repeat() {
    let state = State::new();
    state.file("../secret.json", r#"{"plugins":{"deny":["x"]}}"#);
    state.plugin("extensions/x", "x");
    symlink(state.path("../secret.json"), state.path("link.json")).expect("symlink");
    for n in 0..1000 {
        state.file(
            &format!("n/{n}.json"),
            format!(r#"{{"$include":"{}.json"}}"#, n + 1),
        );
    }
    let including = |include: &str| {
        let config = json!({"plugins": {"enabled": false}, "$include": include});
        state.file("openclaw.json", config.to_string());
        read_or_refused(&state.options())
    };
    for (include, why) in [
        ("n/0.json", "nested deeper"),
        ("openclaw.json", "includes itself"),
    ] {
        let refused = including(include);
        assert!(said(&refused.observations).contains(why), "{include}");
        assert!(refused.subjects.is_empty(), "{include}");
    }
    for (include, why) in [("../secret.json", "leads out"), ("link.json", "leads out")] {
        let inventory = including(include);
        assert!(
            said(&inventory.observations).contains(why),
            "{include}: {:?}",
            inventory.observations
        );
        assert!(
            subject(&inventory, "unrecorded:extensions/x").enabled,
            "a config that is not known switches nothing off"
        );
    }
}

#[test]
fn the_host_package_and_what_npm_hoisted_beside_it() {
    let state = State::new();
    let app = state.path("../app");
    state.file(
        "../app/node_modules/openclaw/package.json",
        r#"{"name":"openclaw","version":"2026.9.6","dependencies":{"dep":"1"}}"#,
    );
    state.file(
        "../app/node_modules/openclaw/node_modules/inner/index.js",
        "",
    );
    state.file("../app/node_modules/dep/index.js", "");
    let host = app.join("node_modules/openclaw");
    let read = || {
        let options = InventoryOptions {
            host: Some(host.clone()),
            ..state.options()
        };
        let inventory = inventory::read(&options).expect("inventory");
        let core = subject(&inventory, "core:openclaw").clone();
        (inventory, core)
    };
    // Hoisted, but not by npm: where the dependencies lie is not understood.
    let (_, core) = read();
    assert!(
        said(&core.observations).contains("UnknownLayout") && core.trees.siblings.is_none(),
        "{:?}",
        core.observations
    );
    state.file(
        "../app/node_modules/.package-lock.json",
        r#"{"lockfileVersion":3,"packages":{"node_modules/openclaw":{"version":"2026.9.5","inBundle":true}}}"#,
    );
    let (_, core) = read();
    assert_eq!(
        (core.kind, core.version.as_deref()),
        (Kind::Core, Some("2026.9.6"))
    );
    assert!(core.trees.siblings.is_some() && core.trees.dependencies.is_some());
    assert!(
        said(&core.observations).contains("recorded: \"2026.9.5\""),
        "{:?}",
        core.observations
    );
    // A global install brings its own dependencies, and lies among other packages.
    fs::remove_file(app.join("node_modules/.package-lock.json")).expect("remove");
    state.file("../app/node_modules/openclaw/node_modules/dep/index.js", "");
    let (inventory, core) = read();
    assert_eq!(core.observations, []);
    assert!(
        !said(&inventory.observations).contains("AncestorNodeModules"),
        "{:?}",
        inventory.observations
    );
    assert!(
        inventory
            .not_covered
            .iter()
            .any(|entry| entry.what.contains("global packages"))
    );
    // The same beside a copy: the operator's host package does not lie in it.
    let from = Some(PathBuf::from("/home/user/.openclaw"));
    let options = InventoryOptions {
        host: Some(host.clone()),
        relocated_from: from.clone(),
        ..state.options()
    };
    let copy = inventory::read(&options).expect("inventory");
    assert_eq!(subject(&copy, "core:openclaw").trees, core.trees);
    assert_eq!(subject(&copy, "core:openclaw").observations, []);
    let options = InventoryOptions {
        host: Some(host.clone()),
        relocated_from: Some(app.canonicalize().expect("real")),
        ..state.options()
    };
    assert!(
        inventory::read(&options).is_err(),
        "a host package in the copy's original is never opened"
    );
}

#[test]
fn a_missing_state_dir_or_host_is_an_error() {
    let state = State::new();
    let options = InventoryOptions {
        state_dir: state.path("nowhere"),
        ..state.options()
    };
    assert!(matches!(
        inventory::read(&options),
        Err(openclaw_verify_core::Error::NothingToVerify { .. })
    ));
    let options = InventoryOptions {
        state_dir: state.file("file", ""),
        ..state.options()
    };
    assert!(matches!(
        inventory::read(&options),
        Err(openclaw_verify_core::Error::Environment { .. })
    ));
    let options = InventoryOptions {
        host: Some(state.path("nowhere")),
        ..state.options()
    };
    assert!(matches!(
        inventory::read(&options),
        Err(openclaw_verify_core::Error::Environment { .. })
    ));
}
