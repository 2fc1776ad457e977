//! The first minutes: nothing there, `lock --init`, a clean check, and nothing of OpenClaw's touched.

use crate::support::{Installation, Run, bare, findings, listing};

#[test]
fn init_then_check_is_clean_and_honest() {
    let installation = Installation::shipped();
    let init = installation.init(0);
    assert!(
        init.stdout
            .contains("openclaw-verify check --lock-only --config ."),
        "{}",
        init.stdout
    );
    let (code, report) = installation.check();
    assert_eq!(code, 0, "{:#?}", findings(&report));
    let summary = &report["summary"];
    assert_eq!(summary["deny"], 0);
    // First use is never more than `locked`; the linked plugin is not in this copy of the state, so nothing is said of it.
    for subject in report["subjects"].as_array().expect("subjects") {
        let linked = subject["id"] == "link:acme-linked";
        let (basis, integrity) = if linked {
            (None, "not-established")
        } else {
            (Some("locked"), "verified")
        };
        assert_eq!(subject["basis"].as_str(), basis, "{subject}");
        assert_eq!(subject["outcomes"]["integrity"], integrity, "{subject}");
    }
    assert_eq!(summary["suppressedUntil"], "2027-02-20");
}

#[test]
fn init_excepts_only_what_cannot_have_been_reviewed() {
    let installation = Installation::shipped();
    let dropped = installation.state.join("extensions/dropped");
    std::fs::create_dir(&dropped).expect("folder");
    std::fs::write(
        dropped.join("openclaw.plugin.json"),
        r#"{"id":"dropped","configSchema":{}}"#,
    )
    .expect("manifest");
    std::fs::write(
        dropped.join("package.json"),
        r#"{"name":"dropped","openclaw":{"extensions":["./index.js"]}}"#,
    )
    .expect("package");
    std::fs::write(dropped.join("index.js"), "export default {}").expect("code");
    let init = installation.init(1);
    assert!(init.stdout.contains("unrecorded"), "{}", init.stdout);
    let policy = std::fs::read_to_string(installation.policy()).expect("policy");
    assert!(!policy.contains("\"unrecorded\""), "{policy}");
}

#[test]
fn init_never_overwrites() {
    let installation = Installation::shipped();
    installation.init(0);
    let before = installation.lock_text();
    let again = installation.run(&["lock", "--init"]);
    assert_eq!(again.code, 2);
    assert!(
        again.stderr.contains("never overwrites"),
        "{}",
        again.stderr
    );
    assert_eq!(installation.lock_text(), before);
}

#[test]
fn without_a_lock_the_inventory_is_listed() {
    let installation = Installation::shipped();
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stdout.contains("npm-pack:@acme/packed"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr.contains("run: openclaw-verify lock --init"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_policy_that_was_there_first_is_kept_and_the_printed_command_locks() {
    let installation = Installation::shipped();
    let policy = "version = 1\n# ours\n";
    std::fs::write(installation.policy(), policy).expect("policy");
    for verb in [&["check"][..], &["sbom", "--from-lock"]] {
        let run = installation.run(verb);
        assert_eq!(run.code, 2, "{}", run.text());
        let line = run.stderr.replace("\n", " ");
        assert!(line.contains("run: openclaw-verify lock --"), "{line}");
        assert!(!line.contains("--init"), "{line}");
    }
    let refused = installation.run(&["lock", "--init"]);
    assert_eq!(refused.code, 2);
    let state = installation.state.to_str().expect("a path");
    assert!(refused.stderr.contains(state), "{}", refused.stderr);
    assert_eq!(installation.run(&["lock"]).code, 0);
    assert_eq!(installation.check().1["summary"]["violated"], 0);
    let kept = std::fs::read_to_string(installation.policy()).expect("policy");
    assert_eq!(kept, policy);
}

#[test]
fn the_usual_folder_is_made_by_whatever_writes_first() {
    let installation = Installation::shipped();
    let run = |home: &str, arguments: &[&str]| {
        let home = installation.config.join(home);
        std::fs::create_dir_all(&home).expect("home");
        let output = bare(&home, &home)
            .args(arguments)
            .args(["--now", "2026-11-22T12:00:00Z"])
            .output();
        (home, Run::of(&output.expect("runs")))
    };
    let source = ["policy", "source", "https://r.example/", "--yes"];
    let (home, policy) = run("a", &source);
    assert_eq!(policy.code, 0, "{}", policy.text());
    let folder = home.join(".config/openclaw-verify");
    assert!(folder.join("openclaw-verify.toml").is_file());
    let state = installation.state.to_str().expect("a path");
    let lock = [
        "lock",
        "--state-dir",
        state,
        "--relocated-from",
        "/home/user/.openclaw",
    ];
    let (home, locked) = run("b", &lock);
    assert_eq!(locked.code, 0, "{}", locked.text());
    let folder = home.join(".config/openclaw-verify");
    assert!(folder.join("openclaw-verify.lock").is_file());
}

#[test]
fn no_state_is_nothing_to_verify_and_a_named_one_is_a_mistake() {
    let installation = Installation::empty();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
    command
        .env_clear()
        .env("HOME", &installation.config)
        .current_dir(&installation.config)
        .arg("check");
    assert_eq!(command.output().expect("runs").status.code(), Some(3));
    command.args(["--state-dir", "/nonexistent"]);
    assert_eq!(command.output().expect("runs").status.code(), Some(2));
}

#[test]
fn the_state_dir_stays_as_it_was() {
    let installation = Installation::shipped();
    let before = listing(&installation.state);
    installation.init(0);
    for verb in [
        &["check"][..],
        &["plugins"],
        &["skills"],
        &["core"],
        &["lock"],
        &["lock", "--check"],
        &["check", "-v"],
    ] {
        installation.run(verb);
        assert_eq!(
            listing(&installation.state),
            before,
            "{verb:?} changed the state directory"
        );
    }
}

#[test]
fn the_lock_does_not_depend_on_the_machine() {
    let [one, other] = [Installation::shipped(), Installation::shipped()];
    one.init(0);
    let mut command = other.command(&["lock", "--init", "--threads", "7"]);
    command
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("TZ", "Pacific/Kiritimati");
    assert!(command.status().expect("runs").success());
    assert_eq!(one.lock_text(), other.lock_text());
    assert!(!one.lock_text().contains("/home/"), "{}", one.lock_text());
}

#[test]
fn a_repository_under_test_does_not_bring_its_own_policy() {
    let installation = Installation::shipped();
    let inside = installation.state.join("extensions/acme-notes");
    std::fs::create_dir(inside.join(".git")).expect("folder");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
    command
        .env_clear()
        .env("HOME", &installation.config)
        .current_dir(&inside)
        .arg("check")
        .arg("--state-dir")
        .arg(&installation.state);
    let output = command.output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("--config"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_dispatcher_may_put_verify_first() {
    let installation = Installation::shipped();
    installation.init(0);
    assert_eq!(installation.run(&["verify", "plugins"]).code, 0);
}

#[test]
fn unknown_ids_are_mistakes() {
    let installation = Installation::shipped();
    installation.init(0);
    assert_eq!(installation.run(&["plugins", "npm:absent"]).code, 2);
    assert_eq!(installation.run(&["plugins", "not an id"]).code, 2);
    assert_eq!(
        installation.run(&["check", "-A", "no-such-finding"]).code,
        2
    );
    assert_eq!(
        installation.run(&["check", "-A", "tree-mismatch"]).code,
        2,
        "tampering can never be lowered"
    );
}

#[test]
fn a_state_directory_that_is_not_there_says_what_to_name() {
    let mut installation = Installation::empty();
    installation.state = installation.home.join("nope");
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("is not there") && run.stderr.contains("--state-dir DIR"),
        "{}",
        run.stderr
    );
}

#[test]
fn nothing_is_written_into_what_is_under_test() {
    let installation = Installation::shipped();
    let folder = installation.state.join("policy");
    std::fs::create_dir(&folder).expect("folder");
    let before = listing(&installation.state);
    let state = installation.state.to_str().expect("a path");
    let named = folder.to_str().expect("a path");
    let lock = folder.join("l.lock");
    let lock = lock.to_str().expect("a path");
    let around = installation.home.join("nowhere/../../state/policy/x");
    let around = around.to_str().expect("a path");
    let records = installation.home.join("osv");
    std::fs::create_dir_all(&records).expect("folder");
    let record = r#"{"id":"MAL-1","modified":"2026-11-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"]}]}"#;
    std::fs::write(records.join("1.json"), record).expect("record");
    let records = records.to_str().expect("a path");
    let index = folder.join("index");
    let index = index.to_str().expect("a path");
    let violation = [
        "review",
        "npm:@evil/wallet",
        "--violation",
        "--reason",
        "x",
        "--versions",
        "*",
        "--by",
        "A <a@b.example>",
        "--yes",
    ];
    for (arguments, option) in [
        (&["lock"][..], ["--config", named]),
        (&["lock"], ["--lockfile", lock]),
        (&["lock", "--init"], ["--config", named]),
        (
            &["policy", "set", "preset=strict", "--yes"],
            ["--config", named],
        ),
        (
            &["policy", "source", "https://r.example/", "--yes"],
            ["--config", named],
        ),
        (&violation, ["--config", named]),
        (&["lock", "--init"], ["--config", around]),
        (&["advisories", "import", records], ["--index", index]),
    ] {
        let output = bare(&installation.home, &installation.home)
            .args(arguments)
            .args(option)
            .args([
                "--state-dir",
                state,
                "--relocated-from",
                "/home/user/.openclaw",
            ])
            .args(["--now", "2026-11-22T12:00:00Z"])
            .output();
        let run = Run::of(&output.expect("runs"));
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.text());
        let said = run.stderr.contains("under test") || run.stderr.contains("without `..`");
        assert!(said, "{arguments:?}: {}", run.text());
        assert_eq!(listing(&installation.state), before, "{arguments:?}");
    }
}

#[test]
fn a_home_that_is_the_state_directory_is_no_obstacle() {
    let installation = Installation::shipped();
    installation.init(0);
    let output = bare(&installation.state, &installation.home)
        .args(["check", "--relocated-from", "/home/user/.openclaw"])
        .arg("--state-dir")
        .arg(&installation.state)
        .arg("--config")
        .arg(&installation.config)
        .args(["--now", "2026-11-22T12:00:00Z"])
        .output();
    let run = Run::of(&output.expect("runs"));
    assert_eq!(run.code, 0, "{}", run.text());
}

#[test]
fn a_linked_plugin_brings_no_policy_of_its_own() {
    let installation = Installation::empty();
    let plugin = installation.home.join("plug");
    std::fs::create_dir_all(&plugin).expect("folder");
    std::fs::write(plugin.join("openclaw.plugin.json"), r#"{"id":"plug"}"#).expect("manifest");
    std::fs::write(plugin.join("index.js"), "").expect("code");
    let config = format!(
        r#"{{"plugins":{{"load":{{"paths":["{}"]}}}}}}"#,
        plugin.display()
    );
    std::fs::write(installation.state.join("openclaw.json"), config).expect("config");
    let before = listing(&plugin);
    let run = |arguments: &[&str]| {
        let output = bare(&installation.home, &plugin)
            .args(arguments)
            .arg("--state-dir")
            .arg(&installation.state)
            .args(["--now", "2026-11-22T12:00:00Z"])
            .output();
        Run::of(&output.expect("runs"))
    };
    let refused = run(&["lock", "--init", "--config", "."]);
    assert_eq!(refused.code, 2, "{}", refused.text());
    assert!(refused.stderr.contains("under test"), "{}", refused.text());
    assert_eq!(listing(&plugin), before);
    // It cannot allow itself either.
    std::fs::write(plugin.join("openclaw-verify.lock"), "version = 1\n").expect("lock");
    let policy = "version = 1\n[levels]\nnot-locked = \"allow\"\nunreviewed = \"allow\"\n";
    std::fs::write(plugin.join("openclaw-verify.toml"), policy).expect("policy");
    let refused = run(&["check", "--config", "."]);
    assert_eq!(refused.code, 2, "{}", refused.text());
    assert!(refused.stderr.contains("under test"), "{}", refused.text());
    let refused = run(&["gate", "--setup", "--config", "."]);
    assert_eq!(refused.code, 2, "{}", refused.text());
    assert!(refused.stderr.contains("under test"), "{}", refused.text());
    for verb in [
        &["host"][..],
        &["checklist"],
        &["skill", "."],
        &["policy", "set", "preset=homelab", "--yes"],
    ] {
        let refused = run(&[verb, &["--config", "."]].concat());
        assert_eq!(refused.code, 2, "{verb:?}: {}", refused.text());
        assert!(refused.stderr.contains("under test"), "{}", refused.text());
    }
    // Nor does a skill that the state directory links.
    let skill = installation.home.join("dev/sk");
    let skills = installation.state.join("workspace/skills");
    for folder in [&skill, &skills] {
        std::fs::create_dir_all(folder).expect("folder");
    }
    let text = "---\nname: sk\ndescription: x\n---\n";
    std::fs::write(skill.join("SKILL.md"), text).expect("skill");
    std::os::unix::fs::symlink(&skill, skills.join("sk")).expect("link");
    let config = format!(
        r#"{{"skills":{{"load":{{"allowSymlinkTargets":["{}"]}}}}}}"#,
        installation.home.join("dev").display()
    );
    std::fs::write(installation.state.join("openclaw.json"), config).expect("config");
    for file in ["openclaw-verify.lock", "openclaw-verify.toml"] {
        std::fs::copy(plugin.join(file), skill.join(file)).expect("file");
    }
    let refused = run(&["check", "--config", "../dev/sk"]);
    assert_eq!(refused.code, 2, "{}", refused.text());
    assert!(refused.stderr.contains("under test"), "{}", refused.text());
    // The folder above is no plugin's.
    let above = run(&["lock", "--init", "--config", ".."]);
    assert_eq!(above.code, 0, "{}", above.text());
}
