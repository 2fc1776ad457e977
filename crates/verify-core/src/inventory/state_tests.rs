//! Skills, hooks and MCP servers of states that the tests build, good and hostile.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::context::{Context, Found, PluginRoot, Workspace};
use super::paths::Paths;
use super::{InventoryOptions, Observation, Subject, hooks, mcp, skills};
use crate::subject::{Kind, Source, SubjectId};

pub(super) struct State {
    dir: TempDir,
    config: Value,
    agents: Vec<&'static str>,
    plugins: Vec<PluginRoot>,
    relocated_from: Option<PathBuf>,
}

impl State {
    pub(super) fn new() -> Self {
        // Memory, where there is some: thousands of entries take half a minute on a disk.
        let dir = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("temp dir");
        std::fs::create_dir_all(dir.path().join("home/.openclaw")).expect("mkdir");
        Self {
            dir,
            config: json!({}),
            agents: Vec::new(),
            plugins: Vec::new(),
            relocated_from: None,
        }
    }

    /// Makes it a copy of what was there.
    fn relocate(&mut self, from: &str) {
        self.relocated_from = Some(PathBuf::from(from));
    }

    pub(super) fn state(&self) -> PathBuf {
        std::fs::canonicalize(self.dir.path())
            .expect("real")
            .join("home/.openclaw")
    }

    pub(super) fn file(&self, path: &str, text: &str) -> PathBuf {
        let file = self.state().join(path);
        std::fs::create_dir_all(file.parent().expect("parent")).expect("mkdir");
        std::fs::write(&file, text).expect("write");
        file
    }

    pub(super) fn skill(&self, folder: &str, name: &str) {
        self.file(
            &format!("{folder}/SKILL.md"),
            &format!("---\nname: {name}\ndescription: d\n---\n"),
        );
    }

    fn plugin(&mut self, id: &str, kind: Kind, manifest: Value) {
        let folder = self.state().join("extensions").join(id);
        std::fs::create_dir_all(&folder).expect("mkdir");
        self.plugins.push(PluginRoot {
            subject: SubjectId::new("path", id),
            plugin_id: id.to_owned(),
            kind,
            folder,
            manifest,
            enabled: true,
        });
    }

    fn with<T>(&self, read: impl FnOnce(&Context<'_>) -> T) -> T {
        let options = InventoryOptions {
            state_dir: self.state(),
            host: None,
            host_command: None,
            relocated_from: self.relocated_from.clone(),
            home: self.state().parent().map(Path::to_owned),
            config: None,
            tmp: None,
            node: None,
            program: None,
            now: 0,
            workspace: None,
            variables: Vec::new(),
            local: Default::default(),
            other_state: None,
            state_is_set: false,
            memory: None,
            machine: Default::default(),
        };
        let mut workspaces = vec![Workspace {
            agent: None,
            folder: self.state().join("workspace"),
        }];
        for agent in &self.agents {
            let folder = self.state().join(format!("workspace-{agent}"));
            workspaces.push(Workspace {
                agent: Some((*agent).to_owned()),
                folder,
            });
        }
        let paths = Paths::new(&options).expect("a state directory");
        read(&Context {
            started_in: &[],
            prefixes: &[],
            options: &options,
            paths: &paths,
            config: &self.config,
            workspaces: &workspaces,
        })
    }

    pub(super) fn skills(&self) -> Found {
        self.with(|ctx| skills::read(ctx, &self.plugins))
    }

    fn hooks(&self, records: &Value) -> Found {
        self.with(|ctx| hooks::read(ctx, &self.plugins, records))
    }

    fn mcp(&self) -> Found {
        self.with(|ctx| mcp::read(ctx, &self.plugins))
    }
}

fn ids(found: &Found) -> Vec<String> {
    let mut ids: Vec<_> = found.subjects.iter().map(|s| s.id.to_string()).collect();
    ids.sort();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "two subjects share an id: {ids:?}");
    ids
}

pub(super) fn get<'a>(found: &'a Found, id: &str) -> &'a Subject {
    found
        .subjects
        .iter()
        .find(|s| s.id.as_str() == id)
        .unwrap_or_else(|| panic!("{id} is not in {:?}", ids(found)))
}

fn conflicts(subject: &Subject) -> Vec<(&'static str, bool)> {
    let conflict = |o: &Observation| match o {
        Observation::RecordConflict { what, advisory, .. } => Some((*what, *advisory)),
        _ => None,
    };
    subject.observations.iter().filter_map(conflict).collect()
}

fn shadows(subject: &Subject) -> Vec<&str> {
    let mut hidden = Vec::new();
    for observation in &subject.observations {
        if let Observation::Shadows { hidden: id } = observation {
            hidden.push(id.as_str());
        }
    }
    hidden
}

#[test]
fn one_folder_reached_by_many_ways_is_one_skill() {
    let mut state = State::new();
    for name in ["a", "b"] {
        state.skill(&format!("../.agents/skills/{name}"), name);
    }
    let managed = state.state().join("skills");
    std::fs::create_dir_all(&managed).expect("folder");
    let link = |name: &str, to: &str| {
        symlink(to, managed.join(name)).expect("link");
    };
    link("a", "../../.agents/skills/a");
    link("b", "../../.agents/skills/b");
    let personal = state.state().join("../.agents/skills");
    state.config = json!({"skills": {"load": {"extraDirs": [personal]}}});
    let found = state.skills();
    assert_eq!(ids(&found), ["skill:personal/a", "skill:personal/b"]);
    assert!(found.subjects.iter().all(|skill| skill.enabled));
    assert!(shadows(get(&found, "skill:personal/a")).is_empty());

    // Another folder of the same name is another skill, and the one that hides it says so once.
    std::fs::remove_file(managed.join("a")).expect("removed");
    state.skill("elsewhere/a", "a");
    link("a", "../elsewhere/a");
    let found = state.skills();
    assert_eq!(
        ids(&found),
        ["skill:managed/a", "skill:personal/a", "skill:personal/b"]
    );
    assert_eq!(
        shadows(get(&found, "skill:personal/a")),
        ["skill:managed/a"]
    );
}

#[test]
fn every_root_is_read_and_the_higher_hides_the_lower() {
    let mut state = State::new();
    state.agents = vec!["docs"];
    for folder in [
        "workspace/skills/a",
        "workspace/.agents/skills/a",
        "workspace-docs/skills/a",
        "skills/a",
        "../.agents/skills/a",
        "agents/main/agent/workshop-skills/a",
        "extra/a",
        "extensions/p/skills/a",
    ] {
        state.skill(folder, "a");
    }
    state.skill("workspace/skills/group/deep/b", "b");
    state.config = json!({"skills": {"load": {"extraDirs": [state.state().join("extra")]}}});
    state.plugin("p", Kind::Plugin, json!({"skills": ["./skills"]}));
    let found = state.skills();
    assert_eq!(
        ids(&found),
        [
            "skill:extra.0/a",
            "skill:managed/a",
            "skill:personal/a",
            "skill:plugin.p/a",
            "skill:workshop.main/a",
            "skill:workspace.docs/a",
            "skill:workspace/.agents/a",
            "skill:workspace/a",
            "skill:workspace/b",
        ]
    );
    let hidden = shadows(get(&found, "skill:workspace/a"));
    assert_eq!(hidden.len(), 6, "{hidden:?}");
    assert_eq!(shadows(get(&found, "skill:workspace.docs/a")).len(), 5);
    assert!(shadows(get(&found, "skill:managed/a")).is_empty());
    let tree = get(&found, "skill:workspace/b")
        .trees
        .tree
        .clone()
        .expect("tree");
    assert_eq!(
        (tree.root.ends_with("group/deep/b"), tree.leave_out.len()),
        (true, 3)
    );
    assert!(
        get(&found, "skill:plugin.p/a")
            .trees
            .tree
            .as_ref()
            .is_some_and(|t| t.leave_out.is_empty())
    );
    assert!(found.observations.is_empty(), "{:?}", found.observations);
}

#[test]
fn skills_are_switched_off_by_entries_and_agents() {
    let mut state = State::new();
    for name in ["a", "b", "c"] {
        state.skill(&format!("skills/{name}"), name);
    }
    state.config = json!({"skills": {"entries": {"a": {"enabled": false}}}, "agents": {"defaults": {"skills": ["a", "b"]}}});
    let found = state.skills();
    assert!(!get(&found, "skill:managed/a").enabled && get(&found, "skill:managed/b").enabled);
    assert!(!get(&found, "skill:managed/c").enabled);
}

const ORIGIN: &str = r#"{"version":1,"registry":"https://clawhub.example","slug":"w","ownerHandle":"acme","installedVersion":"1.0.0","installedAt":1}"#;

#[test]
fn a_record_names_the_skill_only_when_it_is_strict_and_alone() {
    let state = State::new();
    state.skill("skills/w", "w");
    state.file("skills/w/.clawhub/origin.json", ORIGIN);
    let found = state.skills();
    let subject = get(&found, "clawhub:acme/w");
    assert_eq!(
        (subject.source, subject.version.as_deref()),
        (Source::Clawhub, Some("1.0.0"))
    );
    assert!(
        subject.observations.is_empty(),
        "{:?}",
        subject.observations
    );
    // A second claim takes the name from both.
    state.skill("workspace/skills/w", "w");
    state.file("workspace/skills/w/.clawhub/origin.json", ORIGIN);
    assert_eq!(
        ids(&state.skills()),
        ["skill:managed/w", "skill:workspace/w"]
    );
    // A duplicate key is no record.
    state.file(
        "workspace/skills/w/.clawhub/origin.json",
        &ORIGIN.replace("\"slug\"", "\"slug\":\"x\",\"slug\""),
    );
    let found = state.skills();
    assert_eq!(ids(&found), ["clawhub:acme/w", "skill:workspace/w"]);
    let odd = &get(&found, "skill:workspace/w").observations;
    assert!(
        odd.iter()
            .any(|o| matches!(o, Observation::Unreadable { why, .. } if why.contains("twice"))),
        "{odd:?}"
    );
}

#[test]
fn records_locks_and_files_must_agree() {
    let state = State::new();
    state.skill("skills/w", "w");
    let text = std::fs::read(state.state().join("skills/w/SKILL.md")).expect("read");
    let sha = crate::digest::Sha256Digest::of(&text).hex();
    let tree = super::skill_hashes::file_tree(&state.state().join("skills/w")).expect("hash");
    let print =
        super::skill_hashes::clawhub_fingerprint(&state.state().join("skills/w")).expect("hash");
    let more = format!(
        r#""installedAt":1,"skillFile":{{"path":"SKILL.md","sha256":"{sha}"}},"fileTreeSha256":"{tree}","fingerprint":"{print}""#
    );
    state.file(
        "skills/w/.clawhub/origin.json",
        &ORIGIN.replace("\"installedAt\":1", &more),
    );
    let lock = r#"{"version":1,"skills":{"w":{"version":"1.0.0","registry":"https://clawhub.example","ownerHandle":"acme","installedAt":1}}}"#;
    state.file(".clawhub/lock.json", lock);
    assert!(conflicts(get(&state.skills(), "clawhub:acme/w")).is_empty());
    state.file("skills/w/extra.sh", "x");
    assert_eq!(
        conflicts(get(&state.skills(), "clawhub:acme/w")),
        [("hash", false), ("hash", true)]
    );
    state.skill("skills/w", "evil");
    assert_eq!(
        conflicts(get(&state.skills(), "clawhub:acme/w")),
        [("hash", false), ("hash", false), ("hash", true)]
    );
    state.file(
        ".clawhub/lock.json",
        &lock
            .replace("1.0.0", "2.0.0")
            .replace("{\"w\"", "{\"gone\":{},\"w\""),
    );
    let found = state.skills();
    assert!(conflicts(get(&found, "clawhub:acme/w")).contains(&("version", false)));
    assert!(
        matches!(&found.observations[..], [Observation::MissingFolder { path, .. }] if path == "skills/gone"),
        "{:?}",
        found.observations
    );
    state.file(
        ".clawhub/lock.json",
        &lock.replace("\"version\":1,", "\"version\":1,\"version\":1,"),
    );
    assert!(
        matches!(&state.skills().observations[..], [Observation::Unreadable { place, .. }] if place == ".clawhub/lock.json")
    );
}

#[test]
fn the_lock_of_the_skills_command_is_only_a_warning() {
    let state = State::new();
    state.skill("workspace/.agents/skills/w", "w");
    let hash = super::skill_hashes::skills_lock(&state.state().join("workspace/.agents/skills/w"))
        .expect("hash");
    let lock = |hash: &str| {
        format!(r#"{{"version":1,"skills":{{"w":{{"source":"acme/w","computedHash":"{hash}"}}}}}}"#)
    };
    state.file("workspace/skills-lock.json", &lock(&hash));
    assert!(
        get(&state.skills(), "skill:workspace/w")
            .observations
            .is_empty()
    );
    state.file("workspace/skills-lock.json", &lock(&"0".repeat(64)));
    assert_eq!(
        conflicts(get(&state.skills(), "skill:workspace/w")),
        [("hash", true)]
    );
    // The order of this name depends on the version of ICU, so nothing is said.
    state.file("workspace/.agents/skills/w/é.txt", "x");
    assert!(
        get(&state.skills(), "skill:workspace/w")
            .observations
            .is_empty()
    );
}

#[test]
fn a_git_record_names_the_repository() {
    let state = State::new();
    state.skill("workspace/skills/n", "n");
    let origin = json!({"version":1,"source":"git","spec":"git:acme/n@main","slug":"n","installedAt":1,
        "git":{"url":"https://github.com/acme/n.git","commit":"a".repeat(40)}});
    state.file(
        "workspace/skills/n/.openclaw/source-origin.json",
        &origin.to_string(),
    );
    let found = state.skills();
    let record = get(&found, "git:github.com/acme/n")
        .record
        .clone()
        .expect("record");
    assert_eq!(
        (record.git_ref.as_deref(), record.git_commit),
        (Some("main"), Some("a".repeat(40)))
    );
    state.file(
        "workspace/skills/n/.clawhub/origin.json",
        &ORIGIN.replace("\"w\"", "\"n\""),
    );
    assert_eq!(
        conflicts(get(&state.skills(), "skill:workspace/n")),
        [("source", false)]
    );
}

#[test]
fn symlinked_skills_are_read_where_openclaw_reads_them() {
    let mut state = State::new();
    let outside = tempfile::tempdir().expect("temp dir");
    std::fs::write(
        outside.path().join("SKILL.md"),
        "---\nname: out\ndescription: d\n---\n",
    )
    .expect("write");
    let real = std::fs::canonicalize(outside.path()).expect("real");
    std::fs::create_dir_all(state.state().join("skills")).expect("mkdir");
    std::fs::create_dir_all(state.state().join("workspace/skills")).expect("mkdir");
    symlink(&real, state.state().join("skills/l")).expect("link");
    symlink(&real, state.state().join("workspace/skills/l")).expect("link");
    let found = state.skills();
    let managed = get(&found, "skill:managed/out");
    assert_eq!(
        (
            managed.enabled,
            &managed.trees.tree.as_ref().expect("tree").root
        ),
        (true, &real)
    );
    assert!(!get(&found, "skill:workspace/out").enabled);
    state.config = json!({"skills": {"load": {"allowSymlinkTargets": [&real]}}});
    assert!(get(&state.skills(), "skill:workspace/out").enabled);
    // SKILL.md itself must stay inside, and may not be a record that no digest covers.
    for target in [real.join("SKILL.md"), PathBuf::from(".clawhub/origin.json")] {
        let folder = state.state().join("skills/e");
        state.file("skills/e/.clawhub/origin.json", ORIGIN);
        let _ = std::fs::remove_file(folder.join("SKILL.md"));
        symlink(&target, folder.join("SKILL.md")).expect("link");
        let found = state.skills();
        let subject = found
            .subjects
            .iter()
            .find(|s| s.place.shown == "skills/e")
            .expect("there");
        assert!(
            subject
                .observations
                .iter()
                .any(|o| matches!(o, Observation::EntryEscapes { .. })),
            "{:?}",
            subject.observations
        );
    }
}

#[test]
fn hostile_skill_folders_neither_hang_nor_vanish() {
    let state = State::new();
    let base = state.state().join("skills");
    std::fs::create_dir_all(base.join("fifo")).expect("mkdir");
    crate::read::make_fifo(&base.join("fifo/SKILL.md"));
    std::fs::create_dir_all(base.join("folder/SKILL.md")).expect("mkdir");
    let huge = state.file("skills/huge/SKILL.md", "");
    std::fs::OpenOptions::new()
        .write(true)
        .open(&huge)
        .and_then(|f| f.set_len(4 << 30))
        .expect("sparse");
    state.file("skills/bytes/SKILL.md", "");
    std::fs::write(base.join("bytes/SKILL.md"), b"---\nname: \xff\n---").expect("write");
    state.skill("skills/escape", "../../etc");
    state.skill("skills/slash", "managed/escape");
    state.skill("skills/bidi", "a\u{202e}b");
    state.skill("skills/empty", "\"\"");
    for _ in 0..2 {
        let _ = symlink(".", base.join("loop"));
        let _ = symlink("loop2", base.join("loop2"));
    }
    let mut deep = base.clone();
    for _ in 0..60 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).expect("mkdir");
    std::fs::write(deep.join("SKILL.md"), "---\nname: deep\n---").expect("write");
    let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\xfe");
    std::fs::create_dir(base.join(odd)).expect("mkdir");
    let found = state.skills();
    assert_eq!(found.subjects.len(), 8, "{:?}", ids(&found));
    let _ = ids(&found);
    for id in [
        "skill:managed/fifo",
        "skill:managed/folder",
        "skill:managed/huge",
    ] {
        let odd = &get(&found, id).observations;
        assert!(
            matches!(&odd[..], [Observation::Unreadable { .. }]),
            "{id} {odd:?}"
        );
        assert!(get(&found, id).enabled);
    }
    let why: Vec<_> = found
        .observations
        .iter()
        .map(|o| format!("{o:?}"))
        .collect();
    assert!(why.iter().any(|w| w.contains("not UTF-8")), "{why:?}");
}

#[test]
fn folders_ten_thousand_deep() {
    let state = State::new();
    let base = state.state().join("skills");
    std::fs::create_dir_all(&base).expect("mkdir");
    // Made from the inside, since no path of this length can be opened at once.
    let mut at = rustix::fs::open(
        &base,
        rustix::fs::OFlags::DIRECTORY,
        rustix::fs::Mode::empty(),
    )
    .expect("open");
    for _ in 0..10_000 {
        rustix::fs::mkdirat(&at, "d", rustix::fs::Mode::RWXU).expect("mkdir");
        at = rustix::fs::openat(
            &at,
            "d",
            rustix::fs::OFlags::DIRECTORY,
            rustix::fs::Mode::empty(),
        )
        .expect("open");
    }
    assert!(ids(&state.skills()).is_empty());
}

#[test]
fn entries_by_the_hundred_thousand() {
    let state = State::new();
    let many = state.state().join("workspace/skills");
    std::fs::create_dir_all(&many).expect("mkdir");
    for number in 0..200_000 {
        symlink("x", many.join(format!("n{number}"))).expect("link");
    }
    state.skill("workspace/skills/zz", "zz");
    let found = state.skills();
    assert_eq!(ids(&found), ["skill:workspace/zz"]);
}

#[test]
fn hooks_with_and_without_record() {
    let mut state = State::new();
    let hook = |name: &str| {
        format!(
            "---\nname: {name}\nmetadata: {{\"openclaw\":{{\"events\":[\"command:new\"]}}}}\n---\n"
        )
    };
    state.file(
        "hooks/pack/package.json",
        r#"{"name":"pack","version":"1.0.0","openclaw":{"hooks":["./hooks/h"]}}"#,
    );
    state.file("hooks/pack/hooks/h/HOOK.md", &hook("h"));
    state.file("hooks/dropped/HOOK.md", &hook("dropped"));
    state.file("hooks/plain/readme.txt", "x");
    state.file("workspace/hooks/w/HOOK.md", &hook("w"));
    state.file("extra/HOOK.md", &hook("x"));
    state.file("extensions/p/hooks/k/HOOK.md", &hook("k"));
    state.file("hooks/transforms/t.mjs", "export default 1");
    state.plugin("p", Kind::Plugin, json!({"hooks": "hooks"}));
    state.config = json!({"hooks": {
        "mappings": [{"transform": {"module": "t.mjs"}}, {"transform": {"module": "../../evil.mjs"}}],
        "internal": {"enabled": true, "load": {"extraDirs": [state.state().join("extra")]}, "entries": {"dropped": {"enabled": false}}},
    }});
    let install = state.state().join("hooks/pack");
    let records = json!({"pack": {"source": "npm", "version": "1.0.0", "installPath": install, "integrity": "sha512-x", "hooks": ["h"]}});
    let found = state.hooks(&records);
    assert_eq!(
        ids(&found),
        [
            "hook:extra.0/extra",
            "hook:managed/pack",
            "hook:managed/transforms",
            "hook:plugin.p/k",
            "hook:workspace/w",
            "unrecorded:hooks/dropped"
        ]
    );
    let pack = get(&found, "hook:managed/pack");
    assert!(
        pack.enabled && pack.source == Source::Npm && pack.observations.is_empty(),
        "{pack:?}"
    );
    assert_eq!(
        pack.record.as_ref().and_then(|r| r.integrity.as_deref()),
        Some("sha512-x")
    );
    let dropped = get(&found, "unrecorded:hooks/dropped");
    assert!(!dropped.enabled && dropped.observations == [Observation::NoRecord { place: "hooks" }]);
    assert!(
        !get(&found, "hook:workspace/w").enabled && get(&found, "hook:managed/transforms").enabled
    );
    assert!(
        matches!(&found.observations[..], [Observation::EntryEscapes { .. }]),
        "{:?}",
        found.observations
    );
}

#[test]
fn hook_records_are_compared_with_the_disk() {
    let state = State::new();
    state.file(
        "hooks/a/package.json",
        r#"{"version":"2.0.0","openclaw":{"hooks":["./a"]}}"#,
    );
    state.file("elsewhere/b/HOOK.md", "---\nname: b\n---\n");
    let records = json!({
        "a": {"source": "npm", "version": "1.0.0", "installPath": state.state().join("hooks/a")},
        "b": {"source": "path", "installPath": state.state().join("elsewhere/b"), "sourcePath": "/x"},
        "l": {"source": "path", "installPath": state.state().join("linked"), "sourcePath": state.state().join("linked")},
        "gone": {"source": "npm", "installPath": state.state().join("hooks/gone")},
        "odd": 1,
        "typed": {"source": "npm", "version": 7, "installPath": state.state().join("hooks/typed")},
        "proto": serde_json::from_str::<Value>(r#"{"source": "npm", "__proto__": {"source": "path"}}"#).expect("JSON"),
    });
    state.file("hooks/typed/HOOK.md", "---\nname: typed\n---\n");
    state.file("hooks/proto/HOOK.md", "---\nname: proto\n---\n");
    state.file("linked/HOOK.md", "---\nname: l\n---\n");
    let found = state.hooks(&records);
    let unrecorded = ["unrecorded:hooks/proto", "unrecorded:hooks/typed"];
    assert_eq!(
        ids(&found),
        [
            "hook:managed/a",
            "hook:managed/b",
            "hook:managed/l",
            unrecorded[0],
            unrecorded[1]
        ]
    );
    assert_eq!(
        conflicts(get(&found, "hook:managed/a")),
        [("version", false)]
    );
    assert!(matches!(
        &get(&found, "hook:managed/b").observations[..],
        [Observation::OutsideState { .. }]
    ));
    let linked = get(&found, "hook:managed/l");
    assert!(linked.source == Source::Link && linked.observations.is_empty());
    let why = format!("{:?}", found.observations);
    assert!(
        why.contains("MissingFolder") && why.contains("no install record"),
        "{why}"
    );
    for id in ["odd", "typed", "proto"] {
        assert!(
            why.contains(&format!("hooks.internal.installs/{id}")),
            "{id}: {why}"
        );
    }
}

#[test]
fn hostile_hook_folders_neither_hang_nor_vanish() {
    let state = State::new();
    std::fs::create_dir_all(state.state().join("hooks/fifo")).expect("mkdir");
    crate::read::make_fifo(&state.state().join("hooks/fifo/HOOK.md"));
    state.file("hooks/deep/package.json", &"[".repeat(500_000));
    state.file(
        "hooks/twice/package.json",
        r#"{"version":"1","version":"2","openclaw":{"hooks":["../../evil"]}}"#,
    );
    state.file("evil/HOOK.md", "x");
    symlink(state.state().join("evil"), state.state().join("hooks/link")).expect("link");
    symlink("self", state.state().join("hooks/self")).expect("link");
    let found = state.hooks(&Value::Null);
    assert_eq!(
        ids(&found),
        ["deep", "fifo", "link", "twice"].map(|name| format!("unrecorded:hooks/{name}"))
    );
    for name in ["deep", "fifo"] {
        let subject = get(&found, &format!("unrecorded:hooks/{name}"));
        assert!(
            subject
                .observations
                .iter()
                .any(|o| matches!(o, Observation::Unreadable { .. })),
            "{subject:?}"
        );
    }
    let twice = format!("{:?}", get(&found, "unrecorded:hooks/twice").observations);
    assert!(
        twice.contains("DuplicateKey") && twice.contains("EntryEscapes"),
        "{twice}"
    );
    std::fs::set_permissions(state.state(), std::fs::Permissions::from_mode(0o700)).expect("chmod");
}

#[test]
fn mcp_servers_of_config_bundles_and_plugins() {
    let mut state = State::new();
    state.config = json!({"mcp": {"servers": {
        "files": {"command": "npx", "args": ["-y", "@acme/files@1.2.3"], "env": {"TOKEN": "topsecret"}},
        "off": {"url": "https://h/x", "enabled": false},
        "b/one": {"command": "x"},
        "text": "npx",
    }}});
    state.file(
        "extensions/b/.mcp.json",
        r#"{"mcpServers":{"one":{"command":"npx","args":["x@1.2.3"]},"files":{"command":"y"}}}"#,
    );
    state.plugin(
        "b",
        Kind::Bundle,
        json!({"mcpServers": {"one": {"env": {"npm_config_registry": "https://evil"}}}}),
    );
    state.plugin(
        "n",
        Kind::Plugin,
        json!({"mcpServers": {"two": {"command": "/opt/two"}}}),
    );
    let found = state.mcp();
    assert_eq!(
        ids(&found),
        [
            "mcp:b%2Fone",
            "mcp:b/files",
            "mcp:b/one",
            "mcp:files",
            "mcp:n/two",
            "mcp:off"
        ]
    );
    let files = get(&found, "mcp:files");
    assert_eq!(
        files.mcp.as_ref().map(|m| m.spec.as_str()),
        Some("npx -y @acme/files@1.2.3")
    );
    assert_eq!(shadows(files), ["mcp:b/files"]);
    assert!(!get(&found, "mcp:off").enabled);
    // The manifest's part is merged into the file's, as OpenClaw does: the other registry is seen.
    let one = get(&found, "mcp:b/one").mcp.as_ref().expect("mcp").launch();
    assert!(
        matches!(one, crate::launcher::Launch::Unpinned { .. }),
        "{one:?}"
    );
    // So is what another plugin adds to a server of the same name.
    state.plugin(
        "m",
        Kind::Plugin,
        json!({"mcpServers": {"two": {"env": {"NODE_OPTIONS": "x"}}}}),
    );
    let two = state.mcp();
    assert_ne!(get(&two, "mcp:n/two").mcp, get(&found, "mcp:n/two").mcp);
}

#[test]
fn generated_links_to_plugin_skills_are_no_subjects() {
    let mut state = State::new();
    state.skill("extensions/p/skills/a", "a");
    state.plugin("p", Kind::Plugin, json!({"skills": ["skills"]}));
    let links = state.state().join("plugin-skills");
    std::fs::create_dir_all(&links).expect("mkdir");
    symlink(state.state().join("extensions/p/skills/a"), links.join("a")).expect("link");
    symlink("/usr", links.join("other")).expect("link");
    state.skill("elsewhere", "b");
    symlink(state.state().join("elsewhere"), links.join("b")).expect("link");
    let found = state.skills();
    // What leads out of the plugins and stays in the state directory is no link that OpenClaw made.
    assert_eq!(ids(&found), ["skill:plugin-skills/b", "skill:plugin.p/a"]);
}

/// A state that was used holds links to the host's skills, which are not there in a copy.
#[test]
fn in_a_copy_links_to_skills_of_the_host_are_no_fault() {
    for (target, fault) in [
        (
            "/srv/oc/node_modules/openclaw/dist/extensions/canvas/skills/canvas",
            false,
        ),
        (
            "/srv/oc/node_modules/openclaw/dist/extensions/../../../../evil",
            true,
        ),
        ("/srv/evil", true),
    ] {
        let mut state = State::new();
        let links = state.state().join("plugin-skills");
        std::fs::create_dir_all(&links).expect("mkdir");
        symlink(target, links.join("canvas")).expect("link");
        state.relocate("/gone/.openclaw");
        let found = state.skills();
        let observed = format!("{:?}", found.observations);
        assert_eq!(
            observed.contains("Unreadable"),
            fault,
            "{target}: {observed}"
        );
        assert_eq!(observed.contains("NotHere"), !fault, "{target}: {observed}");
    }
}

#[test]
#[ignore = "needs ../shared"]
fn both_dialects_of_clawhub_as_the_tools_write_them() {
    let corpus =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/openclaw-state");
    assert!(
        corpus.exists(),
        "../shared/corpus/openclaw-state is not here"
    );
    for dialect in ["openclaw-dialect", "clawhub-cli-dialect"] {
        let state = State::new();
        let from = corpus.join("clawhub").join(dialect);
        for file in [
            ".clawhub/lock.json",
            "skills/acme-weather/.clawhub/origin.json",
            "skills/acme-weather/SKILL.md",
            "skills/acme-weather/scripts/run.sh",
        ] {
            state.file(
                &format!("workspace/{file}"),
                &std::fs::read_to_string(from.join(file)).expect("corpus"),
            );
        }
        let found = state.skills();
        assert_eq!(ids(&found), ["clawhub:acme/acme-weather"]);
        let skill = get(&found, "clawhub:acme/acme-weather");
        assert!(
            skill.observations.is_empty() && found.observations.is_empty(),
            "{:?} {:?}",
            skill.observations,
            found.observations
        );
        state.file("workspace/skills/acme-weather/scripts/run.sh", "changed");
        let want = [("hash", dialect == "clawhub-cli-dialect")];
        assert_eq!(
            conflicts(get(&state.skills(), "clawhub:acme/acme-weather")),
            want
        );
    }
    let state = State::new();
    for file in [
        "skills/acme-gitskill/SKILL.md",
        "skills/acme-gitskill/.openclaw/source-origin.json",
    ] {
        state.file(
            file,
            &std::fs::read_to_string(corpus.join("openclaw-home").join(file)).expect("corpus"),
        );
    }
    let found = state.skills();
    let skill = get(&found, "git:file/skill-git");
    assert_eq!(
        (skill.install_steps.len(), skill.observations.len()),
        (2, 0),
        "{skill:?}"
    );
}
