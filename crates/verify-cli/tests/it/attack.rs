//! Ways to get a good verdict for bad code that worked once, or that are tried first.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Installation, only_environment_of};
use crate::tamper::{Tamper, edit, run_all, tamper};

/// A case that changes OpenClaw's config.
fn config(
    name: &'static str,
    change: impl Fn(&mut Value) + 'static,
    finding: &'static str,
    names: &str,
) -> Tamper {
    let apply = move |file: &Path| {
        let mut config: Value =
            serde_json::from_str(&fs::read_to_string(file).expect("config")).expect("JSON");
        change(&mut config);
        fs::write(file, config.to_string()).expect("write");
    };
    tamper(name, "openclaw.json", apply, finding, names)
}

fn skill(folder: &Path) {
    fs::create_dir_all(folder).expect("folder");
    fs::write(
        folder.join("SKILL.md"),
        "---\nname: evil\ndescription: x\n---\nobey\n",
    )
    .expect("skill");
}

#[test]
fn what_a_config_names_outside_a_copy_is_never_good() {
    let installation = Installation::shipped();
    installation.init(0);
    let open = "not-established[unknown-layout]";
    run_all(
        &installation,
        &[
            config(
                "a load path",
                |config| {
                    config["plugins"]["load"]["paths"] =
                        json!(["/home/user/src/plugin-linked", "/tmp/evil"])
                },
                open,
                "plugins.load.paths[1] names /tmp/evil",
            ),
            config(
                "a load path in the home folder",
                |config| config["plugins"]["load"]["paths"][0] = "~/evil".into(),
                open,
                "evil",
            ),
            config(
                "the workspace",
                |config| config["agents"] = json!({"defaults": {"workspace": "/tmp/evil"}}),
                open,
                "/tmp/evil",
            ),
            config(
                "an agent's workspace",
                |config| {
                    config["agents"] = json!({"list": [{"id": "a", "workspace": "/tmp/evil"}]})
                },
                open,
                "/tmp/evil",
            ),
            config(
                "skills",
                |config| config["skills"] = json!({"load": {"extraDirs": ["/tmp/evil"]}}),
                open,
                "/tmp/evil",
            ),
            config(
                "hooks",
                |config| config["hooks"]["internal"]["load"] = json!({"extraDirs": ["/tmp/evil"]}),
                open,
                "/tmp/evil",
            ),
            config(
                "modules of hooks",
                |config| config["hooks"]["transformsDir"] = "/tmp/evil".into(),
                open,
                "/tmp/evil",
            ),
        ],
    );
}

#[test]
fn what_belongs_to_no_subject_is_judged_too() {
    let installation = Installation::shipped();
    installation.init(0);
    let unread = "not-established[unsupported-schema]";
    let module = |module: &'static str| {
        move |config: &mut Value| {
            config["hooks"]["mappings"] = json!([{"transform": {"module": module}}])
        }
    };
    run_all(
        &installation,
        &[
            config(
                "a hook's module climbs out",
                module("../../evil.js"),
                "unsafe-tree",
                "evil.js",
            ),
            config(
                "a hook's module lies anywhere",
                module("/tmp/evil.js"),
                "unsafe-tree",
                "/tmp/evil.js",
            ),
            tamper(
                "a folder among the generated links",
                "plugin-skills",
                |p| skill(&p.join("evil")),
                "not-locked",
                "plugin-skills",
            ),
            tamper(
                "a link to a skill that OpenClaw did not make",
                "plugin-skills",
                |p| {
                    fs::create_dir(p).expect("folder");
                    symlink("../workspace/skills/weather", p.join("evil")).expect("link");
                },
                "not-locked",
                "plugin-skills",
            ),
            config(
                "servers in an array",
                |config| config["mcp"]["servers"] = json!([{"command": "x"}]),
                unread,
                "mcp.servers",
            ),
            config(
                "a folder in place of folders",
                |config| config["skills"] = json!({"load": {"extraDirs": "/evil"}}),
                unread,
                "extraDirs",
            ),
            config(
                "modules by number",
                |config| config["hooks"]["mappings"] = json!({"0": {"transform": {}}}),
                unread,
                "mappings",
            ),
            config(
                "a workspace that is no text",
                |config| config["agents"] = json!({"defaults": {"workspace": 5}}),
                unread,
                "workspace",
            ),
            config(
                "skills of an agent in the old list",
                |config| config["agents"] = json!({"list": [{"id": "a", "agentDir": "/evil"}]}),
                "not-established[unknown-layout]",
                "agentDir names /evil",
            ),
            Tamper {
                name: "the config under the name of OpenClaw's predecessor",
                touches: vec!["openclaw.json".to_owned(), "clawdbot.json".to_owned()],
                apply: Box::new(|installation| {
                    fs::remove_file(installation.state.join("openclaw.json")).expect("remove");
                    let config = r#"{"mcp":{"servers":{"evil":{"command":"npx","args":["-y","evil@1.0.0"]}}}}"#;
                    fs::write(installation.state.join("clawdbot.json"), config).expect("write");
                }),
                finding: "not-locked",
                names: "mcp:evil".to_owned(),
            },
            edit(
                "a key twice in the config, the second as before",
                "openclaw.json",
                "{",
                "{ \"plugins\": { \"load\": { \"paths\": [\"/home/user/.openclaw/evil\"] } },",
                unread,
                "plugins",
            ),
        ],
    );
}

#[test]
fn a_verdict_on_nothing_is_not_a_good_one() {
    let installation = Installation::shipped();
    installation.init(0);
    fs::write(
        installation.state.join("extensions/acme-notes/index.js"),
        "evil",
    )
    .expect("write");
    assert_eq!(
        installation.run(&["core"]).code,
        3,
        "no host package was named"
    );
    assert_eq!(
        installation.run(&["skills", "path:acme-notes"]).code,
        2,
        "no skill has this id"
    );
    assert_eq!(installation.run(&["plugins", "path:acme-notes"]).code, 1);
}

#[test]
fn a_subject_does_not_come_back_changed_after_it_left_the_lock() {
    let installation = Installation::shipped();
    installation.init(0);
    let before = installation.lock_text();
    let (plugin, away) = (
        installation.state.join("extensions/acme-notes"),
        installation.config.join("away"),
    );
    fs::rename(&plugin, &away).expect("rename");
    let run = installation.run(&["lock"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(
        run.stderr.contains("lock --accept path:acme-notes"),
        "{}",
        run.stderr
    );
    assert_eq!(installation.lock_text(), before);
    fs::rename(&away, &plugin).expect("rename");
    fs::write(plugin.join("index.js"), "evil").expect("write");
    assert_eq!(installation.run(&["lock"]).code, 1);
    assert_eq!(installation.lock_text(), before);
}

#[test]
fn a_lock_forgets_nothing_that_it_could_not_read() {
    let installation = Installation::shipped();
    installation.init(0);
    let before = installation.lock_text();
    let file = installation.state.join("openclaw.json");
    let config = fs::read_to_string(&file).expect("config");
    fs::write(&file, "{\n  \"mcp\": ]\n}").expect("write");
    for verb in [
        &["lock"][..],
        &["lock", "--accept", "mcp:files"],
        &["lock", "--check"],
    ] {
        let run = installation.run(verb);
        assert_eq!(run.code, 2, "{}", run.text());
        assert_eq!(installation.lock_text(), before);
    }
    // Each verb that reads the config says which file it is, where in it, and what to do; none says a word about what is installed.
    for verb in [
        &["check"][..],
        &["lock"],
        &["host"],
        &["checklist"],
        &["sbom", "--output", "-"],
        &["plugins"],
        &["skills"],
    ] {
        let run = installation.run(verb);
        assert_eq!(run.code, 2, "{verb:?}: {}", run.text());
        for said in ["openclaw.json: ", "line 2 column 10", "repair the file"] {
            assert!(run.stderr.contains(said), "{verb:?}: {}", run.stderr);
        }
        assert_eq!(run.stdout, "", "{verb:?}");
    }
    fs::write(&file, config.replace("@acme/files", "@evil/files")).expect("write");
    assert_eq!(installation.run(&["lock"]).code, 1);
    assert_eq!(installation.lock_text(), before);
}

#[test]
fn a_workspace_behind_a_link_does_not_bring_its_own_policy() {
    let installation = Installation::empty();
    let (real, link) = (
        installation.config.join("real"),
        installation.config.join("link"),
    );
    fs::create_dir_all(real.join(".git")).expect("folder");
    symlink(&real, &link).expect("link");
    let config = json!({"agents": {"defaults": {"workspace": link}}});
    fs::write(installation.state.join("openclaw.json"), config.to_string()).expect("config");
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
    command
        .env_clear()
        .env("HOME", &installation.state)
        .current_dir(&real);
    let output = command
        .arg("check")
        .arg("--state-dir")
        .arg(&installation.state)
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("--config"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn nothing_lowers_what_is_never_lowered() {
    let installation = Installation::shipped();
    installation.init(0);
    fs::write(
        installation.state.join("extensions/acme-notes/index.js"),
        "evil",
    )
    .expect("write");
    for flags in [
        &["-A", "tree-mismatch"][..],
        &["-W", "openclaw-verify/tree-mismatch"],
        &["-D", "tree-mismatch", "-A", "tree-mismatch"],
    ] {
        assert_eq!(
            installation.run(&[&["check"], flags].concat()).code,
            2,
            "{flags:?}"
        );
    }
    let digest = format!("git-sha256:{}", "0".repeat(64));
    for policy in [
        "[levels]\ntree-mismatch = \"warn\"",
        "[levels]\n\"tree-mismatch\" = \"allow\"",
        &format!(
            "[[exception]]\npackage = \"path:acme-notes\"\ntree = \"{digest}\"\nallow = [\"tree-mismatch\"]\nreason = \"x\"\nuntil = 2027-01-01"
        ),
        "[[exception]]\npackage = \"path:acme-notes\"\nversion = \"1.0.0\"\nallow = [\"not-locked\"]\nreason = \"x\"\nuntil = 2027-01-01",
        "[[exception]]\npackage = \"path:acme-notes\"\nallow = [\"unpinned\"]\nreason = \"x\"\nuntil = 2027-01-01",
    ] {
        fs::write(installation.policy(), format!("version = 1\n{policy}\n")).expect("policy");
        let run = installation.run(&["check"]);
        assert_eq!(run.code, 2, "{policy}: {}", run.text());
    }
    fs::write(
        installation.policy(),
        "version = 1\n[[rule]]\nmatch = \"**\"\npin = \"any\"\nreview = \"none\"\n",
    )
    .expect("policy");
    assert_eq!(installation.run(&["check"]).code, 1);
}

#[test]
fn two_plugins_do_not_trade_places() {
    let installation = Installation::shipped();
    installation.init(0);
    let [one, two, away] = ["acme-notes", "acme-archived", "away"]
        .map(|name| installation.state.join("extensions").join(name));
    for (from, to) in [(&one, &away), (&two, &one), (&away, &two)] {
        fs::rename(from, to).expect("rename");
    }
    assert_eq!(installation.check().0, 1);
    assert_eq!(installation.run(&["lock"]).code, 1);
}

#[test]
fn nothing_below_the_state_dir_says_whom_to_trust() {
    let installation = Installation::shipped();
    installation.init(0);
    let inside = installation.state.join("extensions/acme-notes");
    for file in [
        "openclaw-verify.toml",
        "openclaw-verify.lock",
        "openclaw-reviews.toml",
    ] {
        let from = installation.config.join(file);
        if from.exists() {
            fs::copy(from, inside.join(file)).expect("copy");
        }
    }
    fs::write(inside.join("keys.json"), "{}").expect("write");
    let refused = |arguments: &[&str]| {
        let run = installation.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stdout);
        assert!(
            run.stderr
                .contains("is under test and must not say whom to trust"),
            "{arguments:?}: {}",
            run.stderr
        );
    };
    let path = |file: &str| inside.join(file).display().to_string();
    refused(&["check", "--trusted-root", &path("keys.json")]);
    refused(&["plugins", "--npm-keys", &path("keys.json")]);
    let policy =
        fs::read_to_string(installation.config.join("openclaw-verify.toml")).expect("policy");
    let release = format!(
        "[[release]]\nrepository = \"github.com/acme/notes\"\ntags = \"v*\"\nsigners = {:?}\n",
        path("keys.json")
    );
    fs::write(
        installation.config.join("openclaw-verify.toml"),
        format!("{policy}\n{release}"),
    )
    .expect("write");
    refused(&["check"]);
    let elsewhere = installation.command(&["check"]);
    let arguments: Vec<_> = elsewhere
        .get_args()
        .map(|argument| argument.to_owned())
        .collect();
    let at = arguments
        .iter()
        .position(|argument| argument == "--config")
        .expect("--config");
    let mut moved = arguments.clone();
    moved[at + 1] = inside.into_os_string();
    let mut command = Command::new(elsewhere.get_program());
    only_environment_of(&mut command, &elsewhere);
    let output = command.args(moved).output().expect("it runs");
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
