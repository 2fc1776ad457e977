//! Records of other tools beside skills, true, false and hostile.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::Agreement;
use crate::inventory::state_tests::{State, get};
use crate::inventory::{Observation, ToolRecord};

const MANAGED: &str = "skill:managed/w";
const WORKSPACE: &str = "skill:workspace/w";

/// Tool and outcome of each record of the skill.
fn records(state: &State, id: &str) -> Vec<(&'static str, &'static str)> {
    let found = state.skills();
    let outcome = |record: &ToolRecord| match record.agreement {
        Agreement::Agrees => "agrees",
        Agreement::Differs { rough: true, .. } => "differs roughly",
        Agreement::Differs { .. } => "differs",
        Agreement::NotCompared { .. } => "not compared",
    };
    let records = get(&found, id).tool_records.iter();
    records
        .map(|record| (record.tool, outcome(record)))
        .collect()
}

fn not_covered(state: &State) -> Vec<String> {
    let found = state.skills();
    let named = found
        .not_covered
        .iter()
        .filter(|entry| entry.why.contains("another tool"));
    named.map(|entry| entry.why.clone()).collect()
}

/// The id that git gives the folder.
fn git_tree(folder: &std::path::Path) -> String {
    let repository = tempfile::tempdir().expect("folder");
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.env("GIT_DIR", repository.path().join("git"))
            .current_dir(folder);
        let output = git.args(args).output().expect("git");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    git(&["init", "-q", "--bare"]);
    git(&["--work-tree=.", "add", "-A", "-f"]);
    git(&["write-tree"])
}

#[test]
fn the_global_lock_of_the_skills_command_holds_the_git_tree_of_the_source() {
    let state = State::new();
    state.skill("skills/w", "w");
    state.file("skills/w/scripts/run.sh", "#!/bin/sh\n");
    let id = git_tree(&state.state().join("skills/w"));
    let lock = |hash: &str, version: u32| {
        let entry = json!({"source": "acme/w", "sourceType": "github", "sourceUrl": "https://github.com/acme/w.git",
            "skillPath": "skills/w/SKILL.md", "skillFolderHash": hash, "installedAt": "x", "updatedAt": "x"});
        // The name of the entry, from which the command makes that of the folder.
        let lock = json!({"version": version, "skills": {"W!": entry}, "dismissed": {}});
        state.file("../.agents/.skill-lock.json", &lock.to_string());
    };
    lock(&id, 3);
    fs::create_dir_all(state.state().join("../.agents/skills")).expect("folder");
    assert_eq!(records(&state, MANAGED), [("skills", "agrees")]);
    // The command leaves files out, so a difference is nothing that an honest user could clear.
    state.file("skills/w/more.txt", "");
    assert_eq!(records(&state, MANAGED), [("skills", "differs roughly")]);
    for no_tree in ["", "0", &"a".repeat(64)] {
        lock(no_tree, 3);
        assert_eq!(records(&state, MANAGED), [("skills", "not compared")]);
    }
    lock(&id, 4);
    assert_eq!(records(&state, MANAGED), []);
    assert!(not_covered(&state)[0].contains("another version than 3"));
}

#[test]
fn the_lock_of_toolhive_holds_a_hash_of_the_files() {
    let state = State::new();
    state.skill("workspace/.agents/skills/w", "w");
    state.file("workspace/.agents/skills/w/a/b.txt", "x");
    let folder = state.state().join("workspace/.agents/skills/w");
    let now = crate::inventory::skill_hashes::toolhive(&folder).expect("hash");
    let lock = |digest: &str| {
        let text = format!(
            "version: 1\nskills:\n  - name: w\n    source: io.github.acme/w\n    \
             resolvedReference: ghcr.io/acme/w:v1\n    digest: sha256:{}\n    contentDigest: {digest}\n",
            "1".repeat(64)
        );
        state.file("workspace/toolhive.lock.yaml", &text);
    };
    lock(&now);
    assert_eq!(records(&state, WORKSPACE), [("toolhive", "agrees")]);
    assert_eq!(
        get(&state.skills(), WORKSPACE).tool_records[0].says,
        "ghcr.io/acme/w:v1"
    );
    state.file("workspace/.agents/skills/w/a/b.txt", "y");
    assert_eq!(records(&state, WORKSPACE), [("toolhive", "differs")]);
    lock("sha256:1");
    assert_eq!(records(&state, WORKSPACE), [("toolhive", "not compared")]);
}

#[test]
fn the_content_digest_is_that_of_toolhive() {
    // path, 0, SHA-256 of the bytes, newline, in the order of the paths; as `pkg/skills/lockfile/contentdigest.go` says.
    use sha2::{Digest as _, Sha256};
    let dir = tempfile::tempdir().expect("folder");
    fs::create_dir(dir.path().join("a")).expect("folder");
    fs::write(dir.path().join("a/b"), "x").expect("file");
    fs::write(dir.path().join("a.txt"), "y").expect("file");
    let mut hash = Sha256::new();
    for (path, bytes) in [("a.txt", "y"), ("a/b", "x")] {
        hash.update(path);
        hash.update([0]);
        hash.update(Sha256::digest(bytes));
        hash.update("\n");
    }
    let want = format!("sha256:{}", crate::digest::to_hex(&hash.finalize()));
    let found = crate::inventory::skill_hashes::toolhive(dir.path());
    assert_eq!(found, Ok(want));
}

#[test]
fn the_lock_of_apm_holds_a_hash_a_file() {
    let state = State::new();
    state.skill("workspace/.agents/skills/w", "w");
    state.file("workspace/.agents/skills/w/a.txt", "one\r\ntwo\r\n");
    let sha = |bytes: &str| crate::digest::Sha256Digest::of(bytes.as_bytes()).hex();
    let lock = |path: &str, hash: &str| {
        let text = format!(
            "lockfile_version: \"1\"\ndependencies:\n  - repo_url: https://github.com/acme/w\n    resolved_commit: {}\n    \
             deployed_files:\n      - .agents/skills/w/\n    deployed_file_hashes:\n      .agents/skills/w/{path}: \"{hash}\"\n",
            "b".repeat(40)
        );
        state.file("workspace/apm.lock.yaml", &text);
    };
    // Text is hashed with the line endings of Unix, in either spelling of a hash.
    lock("a.txt", &sha("one\ntwo\n"));
    assert_eq!(records(&state, WORKSPACE), [("apm", "agrees")]);
    lock("a.txt", &format!("sha256:{}", sha("one\r\ntwo\r\n")));
    assert_eq!(records(&state, WORKSPACE), [("apm", "agrees")]);
    lock("a.txt", &sha("other"));
    assert_eq!(records(&state, WORKSPACE), [("apm", "differs")]);
    lock("gone.txt", &sha("other"));
    assert_eq!(records(&state, WORKSPACE), [("apm", "differs")]);
    lock("../../../../../../etc/hostname", &sha("other"));
    assert_eq!(records(&state, WORKSPACE), [("apm", "not compared")]);
    lock("a.txt", "sha512:00");
    assert_eq!(records(&state, WORKSPACE), [("apm", "not compared")]);
    let folder_only = "lockfile_version: \"2\"\ndependencies:\n  - repo_url: x\n    deployed_files: [.agents/skills/w]\n";
    state.file("workspace/apm.lock.yaml", folder_only);
    assert_eq!(records(&state, WORKSPACE), [("apm", "not compared")]);
}

#[test]
fn front_matter_of_gh_skill_is_shown_and_never_compared() {
    let state = State::new();
    let front = |tree: &str| {
        format!(
            "---\ndescription: d\nmetadata:\n    github-path: skills/w\n    github-ref: refs/tags/v1.0.0\n    \
             github-repo: https://github.com/acme/w\n    github-tree-sha: {tree}\nname: w\n---\n"
        )
    };
    let id = "7a8633b2cf8d7f4a0ee055cfc53e9821a26be2dd";
    state.file("skills/w/SKILL.md", &front(id));
    assert_eq!(records(&state, MANAGED), [("gh skill", "not compared")]);
    let says = get(&state.skills(), MANAGED).tool_records[0].says.clone();
    assert_eq!(
        says,
        format!("https://github.com/acme/w@refs/tags/v1.0.0 skills/w tree {id}")
    );
    // What anyone wrote into it is shown as data.
    state.file("skills/w/SKILL.md", &front("\"\\u001b[31m\""));
    let found = state.skills();
    let says = &get(&found, MANAGED).tool_records[0].says;
    assert!(says.ends_with("tree \\u{1b}[31m"), "{says}");
}

#[test]
fn hostile_locks_are_named_and_believed_in_nothing() {
    let state = State::new();
    state.skill("workspace/.agents/skills/w", "w");
    for hostile in [
        "",
        "skills: 1",
        "version: 2\nskills: []",
        "version: 1\nversion: 1\nskills: []",
        "version: 1\nskills: [1]",
        "version: 1\nskills: [{name: [w]}]",
        "a: &a [1]\nb: *c",
    ] {
        state.file("workspace/toolhive.lock.yaml", hostile);
        state.file("workspace/apm.lock.yaml", hostile);
        let found = state.skills();
        let skill = get(&found, WORKSPACE);
        assert!(skill.tool_records.is_empty(), "{hostile}");
        assert!(skill.observations.is_empty(), "{hostile}");
        let unread = |o: &Observation| matches!(o, Observation::Unreadable { .. });
        assert!(!found.observations.iter().any(unread), "{hostile}");
        // ToolHive reads an empty file as a lock without skills.
        let named = if hostile.is_empty() { 1 } else { 2 };
        assert_eq!(not_covered(&state).len(), named, "{hostile}");
    }
}
