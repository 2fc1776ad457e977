//! What a new user does first: each command that is printed leads where it says, and about the installation that was named.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::{Installation, Run, findings, program_in};
use crate::tamper::{append, change_index};

const PACKED: &str = "npm:@acme/packed";

/// The day after the exceptions of a first run end.
const AFTER: &str = "2027-02-21T12:00:00Z";

fn human_at(installation: &Installation, now: &str) -> Run {
    let output = installation.command_at(now, &["check"]).output();
    Run::of(&output.expect("the binary runs"))
}

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
}

/// A program `openclaw` in `folder` that writes down how it was called.
fn fake_openclaw(folder: &Path) {
    let program = folder.join("openclaw");
    let said = folder.join("said").display().to_string();
    let script = format!(
        "#!/bin/sh\necho \"state=$OPENCLAW_STATE_DIR config=$OPENCLAW_CONFIG_PATH home=$OPENCLAW_HOME $1 $2 $3 $4\" > '{said}'\n"
    );
    // Another process writes what is started: see `program_in`.
    let text = folder.join("script");
    fs::write(&text, script).expect("script");
    let copied = std::process::Command::new("cp")
        .arg(&text)
        .arg(&program)
        .status();
    assert!(copied.expect("cp").success());
    executable(&program);
}

#[test]
fn the_gate_is_set_up_and_removed_in_the_openclaw_that_is_named() {
    let installation = Installation::empty();
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path().canonicalize().expect("real path");
    executable(&folder);
    executable(&installation.config);
    executable(installation.config.parent().expect("parent"));
    let program = program_in(&folder);
    executable(&program);
    fake_openclaw(&folder);
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command
            .env_clear()
            .env("HOME", &installation.home)
            .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
            .args(arguments)
            .arg("--config")
            .arg(&installation.config);
        Run::of(&command.output().expect("the binary runs"))
    };
    let said = || fs::read_to_string(folder.join("said")).expect("openclaw was called");
    let state = installation.state.to_str().expect("UTF-8");
    for verb in ["--setup", "--remove"] {
        let by_folder = run(&["gate", verb, "--apply", "--state-dir", state]);
        assert_eq!(by_folder.code, 0, "{}", by_folder.text());
        let called = said();
        assert!(
            called.starts_with(&format!("state={state} config= home= config ")),
            "{verb}: {called}"
        );
        let by_profile = run(&["gate", verb, "--apply", "--profile", "work"]);
        assert_eq!(by_profile.code, 0, "{}", by_profile.text());
        assert!(
            said().starts_with("state= config= home= --profile work config "),
            "{verb}: {}",
            said()
        );
        let by_file = run(&[
            "gate",
            verb,
            "--apply",
            "--env",
            "OPENCLAW_CONFIG_PATH=/c.json",
        ]);
        assert_eq!(by_file.code, 0, "{}", by_file.text());
        assert!(said().contains(" config=/c.json "), "{verb}: {}", said());

        let printed = run(&["gate", verb, "--state-dir", state]);
        let expected = format!("OPENCLAW_STATE_DIR={state} openclaw config ");
        assert!(
            printed.stdout.starts_with(&expected),
            "{verb}: {}",
            printed.text()
        );
        let json = run(&["gate", verb, "--profile", "work", "--format", "json"]);
        let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
        let words = ["openclaw", "--profile", "work", "config"];
        assert_eq!(
            json["command"].as_array().expect("words")[..4],
            words.map(Value::from)
        );

        fs::remove_file(folder.join("said")).expect("remove");
        let copy = run(&[
            "gate",
            verb,
            "--apply",
            "--state-dir",
            state,
            "--relocated-from",
            "/old",
        ]);
        assert_eq!(copy.code, 2, "{}", copy.text());
        assert!(copy.stderr.contains("copy of /old"), "{}", copy.text());
        assert!(!folder.join("said").exists(), "nothing was called");
    }
}

#[test]
fn a_program_that_will_be_gone_is_no_gate() {
    let installation = Installation::empty();
    let folder = installation.home.join(".config/openclaw-verify");
    for (place, why) in [
        (
            installation.state.join("npm"),
            "inside of what the gate guards",
        ),
        (installation.home.join(".npm/_npx/1"), "lies in a cache"),
        (installation.home.join(".cache/uv/x"), "lies in a cache"),
    ] {
        for made in [&folder, &place] {
            fs::create_dir_all(made).expect("folder");
        }
        let output = std::process::Command::new(program_in(&place))
            .env_clear()
            .env("HOME", &installation.home)
            .args(["gate", "--setup", "--state-dir"])
            .arg(&installation.state)
            .output();
        let run = Run::of(&output.expect("the program runs"));
        assert_eq!(run.code, 2, "{}", run.text());
        let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(why), "{said}");
        assert!(
            said.contains("npm install --global openclaw-verify"),
            "{said}"
        );
    }
}

#[test]
fn the_selftest_finds_the_folder_that_setup_finds() {
    let installation = Installation::empty();
    let folder = installation.home.join(".config/openclaw-verify");
    fs::create_dir_all(&folder).expect("folder");
    let mut command = crate::support::bare(&installation.home, &installation.home);
    let output = command.args(["gate", "--selftest"]).output();
    let run = Run::of(&output.expect("the binary runs"));
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("not-locked"), "{}", run.text());
    assert!(
        run.stdout.lines().all(|line| line.len() <= 200),
        "one line each: {}",
        run.stdout
    );
}

#[cfg(feature = "online")]
#[test]
fn a_network_without_a_registry_is_no_answer() {
    let installation = Installation::shipped();
    // As npm's own registry would have installed it.
    change_index(
        &installation.state.join("state/openclaw.sqlite"),
        |records| {
            let record = records["acme-packed"].as_object_mut().expect("record");
            for pack in ["sourcePath", "artifactKind"] {
                record.remove(pack);
            }
        },
    );
    installation.init(0);
    let check = |more: &[&str]| installation.run(&[&["check", "--format", "json"], more].concat());
    let unasked = |run: &Run| -> Vec<Value> {
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        let all = report["findings"].as_array().expect("findings");
        all.iter()
            .filter(|finding| finding["code"] == "no-registry")
            .cloned()
            .collect()
    };
    assert!(unasked(&check(&[])).is_empty());
    let found = unasked(&check(&["--online"]));
    let warned: Vec<&Value> = found
        .iter()
        .filter(|finding| finding["level"] == "warn")
        .collect();
    let [one] = warned.as_slice() else {
        panic!("{found:#?}");
    };
    assert!(
        one["message"]
            .as_str()
            .expect("text")
            .contains("no registry was asked")
    );
    for finding in &found {
        let help = finding["help"].as_str().expect("help");
        assert!(
            help.contains("openclaw-verify policy source \"$(npm config get registry)\"")
                && !help.contains("--online"),
            "{help}"
        );
    }
    let human = installation.run(&["check", "--online"]);
    let first = human.stdout.lines().next().unwrap_or_default();
    assert!(first.contains("could not be found out"), "{first}");
}

/// Files and the record beside them may both be an attacker's; the lock is not.
#[test]
fn what_was_locked_is_installed_again_by_the_words_of_the_lock() {
    let installation = Installation::shipped();
    let database = installation.state.join("state/openclaw.sqlite");
    let record = |version: &str| {
        change_index(&database, |records| {
            let record = records["acme-packed"].as_object_mut().expect("record");
            for pack in ["sourcePath", "artifactKind"] {
                record.remove(pack);
            }
            for (key, value) in [
                ("spec", format!("@acme/packed@{version}")),
                ("resolvedSpec", format!("@acme/packed@{version}")),
                ("resolvedName", "@acme/packed".to_owned()),
                ("version", version.to_owned()),
                ("resolvedVersion", version.to_owned()),
            ] {
                record.insert(key.to_owned(), value.into());
            }
        });
    };
    let help = || -> String {
        let (_, report) = installation.check();
        let all = report["findings"].as_array().expect("findings").iter();
        let found = all.filter(|finding| finding["id"] == "tree-mismatch");
        let found: Vec<String> = found
            .map(|finding| finding["help"].as_str().expect("help").to_owned())
            .collect();
        assert_eq!(found.len(), 1, "{report:#}");
        found.concat()
    };
    record("1.2.0");
    installation.init(0);
    let folder = "npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed";
    fs::write(installation.state.join(folder).join("index.js"), "evil()").expect("write");
    let again = "\"$(mktemp -d ~/set-aside/XXXXXX)\" && openclaw plugins install @acme/packed@1.2.0 --force; ";
    let said = help();
    assert!(said.contains(again) && said.contains("cp -a -- "), "{said}");
    assert!(said.contains("openclaw-verify lock --accept"), "{said}");
    // The attacker moves the record too.
    record("1.1.0");
    let said = help();
    assert!(said.contains(again) && !said.contains("@1.1.0"), "{said}");
    // Going back to an older release is said where it is taken over.
    let run = installation.run(&["lock", PACKED]);
    assert!(
        run.stdout
            .contains("version: 1.2.0 -> 1.1.0, which is older"),
        "{}",
        run.text()
    );
}

/// An update by name that found nothing new, and an install of the very version.
#[test]
fn a_record_in_other_words_is_taken_over_by_every_verb() {
    let installation = Installation::shipped();
    let database = installation.state.join("state/openclaw.sqlite");
    let spec = |spec: &str| {
        change_index(&database, |records| {
            let record = records["acme-packed"].as_object_mut().expect("record");
            for pack in ["sourcePath", "artifactKind"] {
                record.remove(pack);
            }
            record.insert("spec".to_owned(), spec.into());
        });
    };
    let about = || -> Vec<String> {
        let (_, report) = installation.check();
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|finding| {
            finding["subject"] == PACKED
                && finding["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("record now asks"))
        })
        .map(|finding| finding["level"].as_str().expect("level").to_owned())
        .collect()
    };
    spec("@acme/packed@1.2.0");
    installation.init(0);
    assert_eq!(about(), [""; 0]);

    spec("@acme/packed");
    assert_eq!(about(), ["note"], "what floats warns by itself");
    let run = installation.run(&["update", PACKED, "--yes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("what is recorded"), "{}", run.text());
    assert_eq!(about(), [""; 0], "{}", run.text());
    let again = installation.run(&["update", PACKED, "--yes"]);
    assert!(
        again.stderr.contains("nothing to take over"),
        "{}",
        again.text()
    );

    spec("@acme/packed@1.2.0");
    assert_eq!(about(), ["warn"]);
    let run = installation.run(&["lock", PACKED]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(about(), [""; 0]);

    // Another version than the locked one is no other words for it.
    spec("@acme/packed@6.6.6");
    assert_eq!(about(), [""; 0]);
    let (_, report) = installation.check();
    assert!(
        findings(&report)
            .iter()
            .any(|one| one.starts_with(&format!("record-mismatch {PACKED}: "))),
        "{:#?}",
        findings(&report)
    );
}

#[test]
fn the_preset_of_a_home_machine_stays_green_when_the_first_exceptions_end() {
    let home = Installation::shipped();
    let run = home.run(&["lock", "--init", "--preset", "homelab"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let policy = fs::read_to_string(home.policy()).expect("policy");
    assert!(policy.contains("preset = \"homelab\""), "{policy}");
    assert!(!policy.contains("\"unreviewed\""), "{policy}");
    let late = human_at(&home, AFTER);
    assert_eq!(late.code, 0, "{}", late.text());

    // The line changed by hand, as older instructions had it.
    let changed = Installation::shipped();
    changed.init(0);
    let policy = fs::read_to_string(changed.policy()).expect("policy");
    let policy = policy.replace("preset = \"default\"", "preset = \"homelab\"");
    fs::write(changed.policy(), policy).expect("policy");
    let late = human_at(&changed, AFTER);
    assert_eq!(late.code, 0, "{}", late.text());
    assert!(late.stdout.contains("exception-expired"), "{}", late.text());

    // Where the finding itself denies, so does the end of its exception; in CI too.
    let strict = Installation::shipped();
    strict.init(0);
    for more in [&[][..], &["--lock-only"]] {
        let late = strict
            .command_at(AFTER, &[&["check"], more].concat())
            .output();
        let late = Run::of(&late.expect("the binary runs"));
        assert_eq!(late.code, 1, "{}", late.text());
        assert!(
            late.stdout.contains("deny exception-expired"),
            "{}",
            late.text()
        );
    }
    let wrong = Installation::shipped().run(&["lock", "--init", "--preset", "lax"]);
    assert_eq!(wrong.code, 2, "{}", wrong.text());
}

#[test]
fn a_change_is_shown_before_it_is_accepted() {
    let installation = Installation::shipped();
    installation.init(0);
    let file = installation.state.join("extensions/acme-notes/index.js");
    append(&file, "// more\n");
    let run = installation.run(&["check"]);
    let text = run.stdout.replace("\n", " ");
    let see = text
        .find("openclaw-verify review path:acme-notes --diff lock")
        .expect("the command that shows it");
    assert!(see < text.find("lock --accept").expect("the one that accepts"));
    let diff = installation.run(&["review", "path:acme-notes", "--diff", "lock"]);
    assert!(diff.stdout.contains("+// more"), "{}", diff.text());
    assert!(
        !diff.text().contains("(kept when it was reviewed)"),
        "{}",
        diff.text()
    );
}

#[test]
fn what_ci_is_told_to_run_runs_in_ci() {
    let installation = Installation::shipped();
    let told = installation.init(0).stdout;
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("  openclaw-verify check"))
        .expect("the line for CI");
    let on_a_runner = |arguments: &[&str]| {
        let mut command = crate::support::bare(&installation.home, &installation.config);
        let output = command.args(arguments).args(["--now", crate::support::NOW]);
        Run::of(&output.output().expect("the binary runs"))
    };
    let words: Vec<&str> = ["check"]
        .into_iter()
        .chain(line.split_whitespace())
        .collect();
    let run = on_a_runner(&words);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(!run.stdout.contains("also opens"), "{}", run.text());
    let listed = on_a_runner(&[words.as_slice(), &["-v"]].concat());
    assert!(
        !listed.stdout.contains("not-applicable"),
        "{}",
        listed.text()
    );

    let check = on_a_runner(&["check", "--config", "."]);
    assert_eq!(check.code, 3);
    assert!(check.stderr.contains("--lock-only"), "{}", check.text());
    for verb in [&["lock", "--check"][..], &["review"], &["sbom"]] {
        let run = on_a_runner(&[verb, &["--config", "."]].concat());
        assert_eq!(run.code, 3, "{}", run.text());
        assert!(!run.stderr.contains("--lock-only"), "{}", run.text());
        assert!(run.stderr.contains("--state-dir"), "{}", run.text());
    }
}

#[test]
fn a_subject_that_was_not_judged_leaves_the_points_about_all_open() {
    let installation = Installation::shipped();
    installation.init(0);
    let run = installation.run(&["checklist", "--format", "json"]);
    let list: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let rows = list["rows"].as_array().expect("rows");
    let row = rows
        .iter()
        .find(|row| row["id"] == "install-scripts")
        .expect("row");
    assert_eq!(row["state"], "not-established", "{row:#}");
    let evidence = row["evidence"][0].as_str().expect("text");
    assert!(
        evidence.contains(" of ") && evidence.contains("link:acme-linked"),
        "{evidence}"
    );
}

#[test]
fn what_is_accepted_by_name_takes_nothing_else_along() {
    let installation = Installation::shipped();
    installation.init(0);
    append(
        &installation.state.join("extensions/acme-notes/index.js"),
        "// more",
    );
    let new = installation.state.join("workspace/skills/unread");
    fs::create_dir_all(&new).expect("folder");
    fs::write(
        new.join("SKILL.md"),
        "---\nname: unread\ndescription: x\n---\n",
    )
    .expect("skill");
    let run = installation.run(&["lock", "--accept", "path:acme-notes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let (_, report) = installation.check();
    let left = findings(&report);
    let begins = |start: &str| left.iter().any(|finding| finding.starts_with(start));
    assert!(!begins("tree-mismatch path:acme-notes"), "{left:?}");
    assert!(begins("not-locked skill:workspace/unread"), "{left:?}");
}

#[test]
fn without_an_installation_nothing_is_locked_or_green() {
    let installation = Installation::shipped();
    installation.init(0);
    let before = installation.lock_text();
    for verb in ["lock", "update", "host", "checklist", "watch"] {
        let mut arguments = vec![verb, "--lock-only"];
        if verb == "update" {
            arguments.push("path:acme-notes");
        }
        let run = installation.run(&arguments);
        assert_eq!(run.code, 2, "{verb}: {}", run.text());
        assert!(
            run.stderr.contains("about what is installed"),
            "{verb}: {}",
            run.text()
        );
    }
    assert_eq!(installation.lock_text(), before);
    fs::write(installation.lock(), "version = 1\n").expect("lock");
    let run = installation.run(&["check", "--lock-only"]);
    assert_eq!(run.code, 3, "{}", run.text());
}
