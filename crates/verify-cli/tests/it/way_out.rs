//! Every deny has a way out: one command that is printed with it, and that clears it where it is ours to run.
//!
//! The states are those of the tests of tampering and of what OpenClaw takes in beside plugins, and some more. OpenClaw's own commands
//! are compared with the list of those that it has; what was printed of ours, and what a shell does, is run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use crate::coverage::{plants, rich};
use crate::odd_installs::set_aside;
use crate::support::{Installation, Run, findings};
use crate::tamper::{of_shipped, plugin};

/// Commands of OpenClaw 2026.9.6 that a finding may name, as its own `--help` lists them.
pub(crate) const OPENCLAW: [&str; 9] = [
    "openclaw skills install ",
    "openclaw plugins install ",
    "openclaw plugins uninstall ",
    "openclaw config set ",
    "openclaw config unset ",
    "openclaw doctor --fix",
    "openclaw secrets store rm ",
    "openclaw update",
    "openclaw secrets configure",
];

/// One deny of a report: what it is, and what is printed to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Deny {
    key: String,
    subject: String,
    command: Option<String>,
    help: String,
}

fn denies(report: &Value) -> Vec<Deny> {
    let list = report["findings"].as_array().expect("findings");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    list.iter()
        .filter(|finding| finding["level"] == "deny" && finding["suppressed"].is_null())
        .map(|finding| {
            let help = text(finding, "help");
            Deny {
                key: format!(
                    "{} [{}] {}: {}",
                    text(finding, "id"),
                    text(finding, "code"),
                    text(finding, "subject"),
                    text(finding, "message")
                ),
                subject: text(finding, "subject"),
                command: command_in(&help),
                help,
            }
        })
        .collect()
}

/// The command at the end of what is printed.
pub(crate) fn command_in(help: &str) -> Option<String> {
    const STARTS: [&str; 8] = [
        "chmod ",
        "sudo sed ",
        "sudo chown ",
        "openclaw-verify ",
        "openclaw ",
        "mkdir -p ~/set-aside ",
        "sed -i.bak ",
        "sqlite3 ",
    ];
    // What only shows the change stands first.
    let help = match help.split_once("; ") {
        Some((see, rest)) if see.starts_with("see what changed: ") => rest,
        _ => help,
    };
    let added = |last: &str| last.trim_start_matches("the same command with ").to_owned();
    if let Some(flag) = help.rsplit_once(": ").map(|(_, last)| added(last))
        && flag.starts_with("--")
    {
        return Some(flag);
    }
    // Words about another command may stand before it.
    if let Some((_, last)) = help.rsplit_once(": ")
        && STARTS.iter().any(|start| last.starts_with(start))
    {
        return Some(last.to_owned());
    }
    let at = STARTS.iter().filter_map(|start| help.find(start)).min()?;
    Some(help.get(at..)?.trim_matches('`').to_owned())
}

/// Runs what was printed of ours or of a shell's; whether it can be expected to clear the finding.
pub(crate) fn run(installation: &Installation, command: &str) -> Option<Run> {
    if let Some(arguments) = command.strip_prefix("openclaw-verify ") {
        let arguments = arguments
            .replace("--until DAY", "--until 2026-12-20")
            .replace("until=DAY", "until=2026-12-20")
            .replace("reason=TEXT", "reason=later")
            .replace("--reason TEXT", "--reason later");
        // The shell of the reader takes the quotes off.
        let words = Command::new("sh")
            .args(["-c", &format!("printf '%s\\n' {arguments}")])
            .output()
            .expect("sh");
        let words = String::from_utf8(words.stdout).expect("text");
        let mut words: Vec<&str> = words.lines().collect();
        if words.first() == Some(&"policy") || words.first() == Some(&"update") {
            words.push("--yes");
        }
        return Some(installation.run(&words));
    }
    if let Some(sql) = command.strip_prefix("sqlite3 ") {
        let statement = sql.rsplit_once(" '").expect("statement").1;
        Connection::open(installation.state.join("state/openclaw.sqlite"))
            .expect("open")
            .execute_batch(statement.trim_end_matches('\''))
            .expect("statement");
        return None;
    }
    let output = Command::new("sh")
        .args(["-c", command])
        .env("HOME", &installation.home)
        .env("OPENCLAW_STATE_DIR", &installation.state)
        .output()
        .expect("sh");
    Some(Run::of(&output))
}

/// Follows what is printed of each deny, and wants it gone. What is printed next is followed too: of a bundle that was changed with its
/// MCP server, the command for the one names the other.
fn followed(what: &str, installation: &Installation, failed: &mut Vec<String>) {
    let (_, report) = installation.check();
    let all = denies(&report);
    assert!(!all.is_empty(), "{what}: {:#?}", findings(&report));
    let mut said = Vec::new();
    for _ in 0..3 {
        let (_, report) = installation.check();
        let now = denies(&report);
        for deny in now.iter().filter(|deny| all.contains(deny)) {
            let Some(command) = &deny.command else {
                failed.push(format!("{what}: no command: {deny:#?}"));
                continue;
            };
            if command.starts_with("openclaw ") {
                if !OPENCLAW.iter().any(|known| command.starts_with(known)) {
                    failed.push(format!("{what}: OpenClaw has no such command: {command}"));
                }
            } else if !command.starts_with("--") {
                let run = run(installation, command);
                let text = run.as_ref().map(Run::text).unwrap_or_default();
                said.push(format!("{command}\n{text}"));
                let next = text.lines().find_map(|line| {
                    Some(
                        line.split_once(": openclaw-verify lock --accept ")?
                            .1
                            .to_owned(),
                    )
                });
                if let Some(id) = next.as_deref().and_then(|rest| rest.split(' ').next()) {
                    said.push(installation.run(&["lock", "--accept", id]).text());
                }
            }
        }
    }
    let (_, report) = installation.check();
    // What cannot be read has to be installed again before anything else of it is locked.
    let by_openclaw = |subject: &str| {
        all.iter().any(|deny| {
            deny.subject == subject
                && deny
                    .command
                    .as_ref()
                    .is_some_and(|command| command.starts_with("openclaw "))
        })
    };
    let left = denies(&report).into_iter().filter(|deny| {
        let foreign = by_openclaw(&deny.subject)
            || deny.command.as_ref().is_none_or(|command| {
                // OpenClaw is not run here, and only a person reads.
                command.starts_with("openclaw ")
                    || command.starts_with("--")
                    || command.starts_with("openclaw-verify review ")
            });
        all.contains(deny) && !foreign
    });
    for deny in left {
        failed.push(format!(
            "{what}: not cleared: {deny:#?}\n{}",
            said.join("\n")
        ));
    }
}

#[test]
fn every_deny_of_a_tampered_plugin_is_cleared_by_what_it_prints() {
    let mut failed = Vec::new();
    for tamper in of_shipped() {
        let installation = Installation::shipped();
        installation.init(0);
        (tamper.apply)(&installation);
        followed(tamper.name, &installation, &mut failed);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_deny_of_what_is_beside_plugins_is_cleared_by_what_it_prints() {
    let mut failed = Vec::new();
    for plant in plants().into_iter().filter(|plant| plant.code == 1) {
        let installation = rich();
        installation.init(0);
        (plant.plant)(&installation.state);
        followed(plant.what, &installation, &mut failed);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// More ways to be denied: what it is, and how.
type Case = (&'static str, fn(&Path));

#[test]
fn what_was_put_in_place_by_hand_can_be_set_aside() {
    let cases: [Case; 6] = [
        ("a plugin in extensions", |state| {
            plugin(&state.join("extensions/by hand"), "by-hand");
        }),
        ("a link in extensions that leads nowhere", |state| {
            symlink("/nowhere", state.join("extensions/gone")).expect("link");
        }),
        ("a hook", |state| {
            let hook = state.join("hooks/mine");
            fs::create_dir_all(&hook).expect("folder");
            let text = "---\nname: mine\ndescription: x\nmetadata: {\"openclaw\":{\"events\":[\"command:new\"]}}\n---\n";
            fs::write(hook.join("HOOK.md"), text).expect("file");
            fs::write(hook.join("handler.ts"), "x").expect("file");
        }),
        ("packages beside the plugins", |state| {
            fs::create_dir_all(state.join("extensions/node_modules/left-pad")).expect("folder");
            fs::write(state.join("extensions/node_modules/left-pad/index.js"), "").expect("file");
        }),
        ("a skill with a FIFO in it", |state| {
            let skill = state.join("workspace/skills/piped");
            fs::create_dir_all(&skill).expect("folder");
            fs::write(
                skill.join("SKILL.md"),
                "---\nname: piped\ndescription: x\n---\n",
            )
            .expect("file");
            crate::special::make_fifo(&skill.join("pipe"));
        }),
        ("a record under another name", |state| {
            let connection =
                Connection::open(state.join("state/openclaw.sqlite")).expect("database");
            let sql = "UPDATE config_machine_state SET value_json = replace(value_json, '\"acme-notes\"', '\"acme-memos\"') \
                       WHERE state_key = 'plugins.installedIndex'";
            assert_eq!(connection.execute(sql, []).expect("update"), 1);
        }),
    ];
    let mut failed = Vec::new();
    for (what, apply) in cases {
        let installation = Installation::shipped();
        installation.init(0);
        apply(&installation.state);
        followed(what, &installation, &mut failed);
        // Nothing was lost: what was moved is in the user's home.
        if what == "a plugin in extensions" {
            assert!(set_aside(&installation, "by hand/index.js"));
            assert_eq!(installation.check().0, 0);
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Warnings and notes too: whatever of ours is printed next is a command that this program understands and can carry out.
#[test]
fn whatever_is_printed_next_can_be_run() {
    let mut seen = std::collections::BTreeSet::new();
    let mut failed = Vec::new();
    let mut look = |what: &str, installation: &Installation| {
        let (_, report) = installation.check();
        for finding in report["findings"].as_array().expect("findings") {
            let help = finding["help"].as_str().unwrap_or_default();
            let Some(command) = command_in(help).filter(|one| one.starts_with("openclaw-verify "))
            else {
                continue;
            };
            let verb: Vec<&str> = command.split(' ').take(3).collect();
            let kind = (finding["id"].to_string(), verb.join(" "));
            if !seen.insert(kind) {
                continue;
            }
            let run = run(installation, &command).expect("a run");
            if !matches!(run.code, 0 | 1) || run.stderr.contains("Usage:") {
                failed.push(format!(
                    "{what}: {command}: exit {}: {}",
                    run.code,
                    run.text()
                ));
            }
        }
    };
    for tamper in of_shipped() {
        let installation = Installation::shipped();
        installation.init(0);
        (tamper.apply)(&installation);
        look(tamper.name, &installation);
    }
    for plant in plants() {
        let installation = rich();
        installation.init(0);
        (plant.plant)(&installation.state);
        look(plant.what, &installation);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(seen.len() > 10, "{seen:?}");
}

/// For people the places of the call are in the command, whole.
#[test]
fn what_people_are_shown_can_be_copied_from_any_folder() {
    let installation = Installation::shipped();
    installation.init(0);
    plugin(&installation.state.join("extensions/dropped"), "dropped");
    let shown = installation.run(&["check"]);
    // It is a copy, so what is moved lies in the original.
    let expected = "mkdir -p ~/set-aside && mv -- /home/user/.openclaw/extensions/dropped \
        \"$(mktemp -d ~/set-aside/XXXXXX)\"  # where OpenClaw runs";
    assert!(shown.stdout.contains(expected), "{}", shown.stdout);
    let (_, report) = installation.check();
    let findings = report["findings"].to_string();
    assert!(
        !findings.contains(&*installation.state.to_string_lossy()),
        "equal installations give equal bytes: {findings}"
    );
}
