//! `update`: what OpenClaw's own update changed, and what `review --diff` says of the lock.

use std::fs;

use crate::support::{Installation, Run, findings};
use crate::tamper::{append, change_index};

const NOTES: &str = "path:acme-notes";

fn locked() -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    installation
}

/// As OpenClaw updates it: other files, another version, and a record of that.
fn updated(installation: &Installation) {
    let folder = installation.state.join("extensions/acme-notes");
    append(&folder.join("index.js"), "// more\n");
    for file in ["package.json", "openclaw.plugin.json"] {
        let text = fs::read_to_string(folder.join(file)).expect("text");
        fs::write(folder.join(file), text.replace("1.0.0", "1.1.0")).expect("write");
    }
    let database = installation.state.join("state/openclaw.sqlite");
    change_index(&database, |records| {
        records["acme-notes"]["version"] = "1.1.0".into();
    });
    // OpenClaw writes the hashes of all this beside it. What they have to be is said of what is locked.
    let before = installation.lock_text();
    let run = installation.run(&["lock", NOTES]);
    assert_eq!(run.code, 0, "{}", run.text());
    let (_, report) = installation.check();
    fs::write(installation.lock(), before).expect("lock");
    let hash = |line: &serde_json::Value| {
        let mut words = line.as_str().expect("text").split(' ');
        words.next_back().expect("hash").to_owned()
    };
    let connection = rusqlite::Connection::open(&database).expect("database");
    for finding in report["findings"].as_array().expect("findings") {
        if finding["id"] == "record-mismatch" {
            let sides = [&finding["evidence"][0], &finding["evidence"][1]].map(hash);
            let replace =
                "update config_machine_state set value_json = replace(value_json, ?1, ?2)";
            connection.execute(replace, sides).expect("update");
        }
    }
}

/// Reviews what is locked.
fn reviewed(installation: &Installation) {
    let record = [
        "review",
        NOTES,
        "--record",
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada",
        "--yes",
    ];
    for line in [&record[..], &["policy", "prune", "--yes"]] {
        let run = installation.run(line);
        assert_eq!(run.code, 0, "{}", run.text());
    }
}

fn about(installation: &Installation) -> Vec<String> {
    let (_, report) = installation.check();
    let all = findings(&report).into_iter();
    all.filter(|finding| finding.contains(&format!("{NOTES}:")))
        .collect()
}

fn digest(run: &Run) -> String {
    let to = run
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("  to   "));
    to.and_then(|line| line.split(' ').next())
        .expect("digest")
        .to_owned()
}

#[test]
fn an_update_is_shown_and_taken_over_and_its_review_stays_open() {
    let installation = locked();
    reviewed(&installation);
    updated(&installation);
    let found = about(&installation);
    assert!(
        found.iter().any(|one| one.starts_with("tree-mismatch ")),
        "{found:#?}"
    );
    let check = installation.run(&["check"]).stdout;
    assert!(
        check.contains("openclaw-verify update path:acme-notes"),
        "{check}"
    );
    assert!(!check.contains("--accept"), "{check}");
    // There is no terminal to ask on, so nothing is written.
    let before = installation.lock_text();
    let run = installation.run(&["update", NOTES]);
    assert!(
        run.code == 2 && run.stderr.contains("no terminal"),
        "{}",
        run.text()
    );
    assert_eq!(installation.lock_text(), before);

    let run = installation.run(&["update", NOTES, "--yes"]);
    assert_eq!(run.code, 1, "{}", run.text());
    let first = run.stdout.lines().next().expect("line");
    assert_eq!(first, "path:acme-notes 1.0.0 → 1.1.0, 3 files, 5 lines");
    assert!(run.stdout.contains("\n+// more\n"), "{}", run.stdout);
    assert!(
        run.stderr.contains("no review is recorded"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("still open: unreviewed path:acme-notes"),
        "{}",
        run.stderr
    );
    let found = about(&installation);
    assert!(
        found.len() == 1 && found[0].starts_with("unreviewed "),
        "{found:#?}"
    );
    let run = installation.run(&["update", NOTES, "--yes"]);
    assert!(
        run.code == 0 && run.stderr.contains("nothing to take over"),
        "{}",
        run.text()
    );
}

#[test]
fn a_script_says_in_full_who_read_what() {
    let installation = locked();
    reviewed(&installation);
    updated(&installation);
    let shown = digest(&installation.run(&["review", NOTES, "--diff"]));
    let say = [
        "update",
        NOTES,
        "--yes",
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada",
    ];
    let other = format!("git-sha256:{}", "0".repeat(64));
    let before = installation.lock_text();
    let run = installation.run(&[&say[..], &["--shown", &other]].concat());
    assert_eq!(run.code, 2, "{}", run.text());
    assert_eq!(installation.lock_text(), before);
    let run = installation.run(&[&say[..], &["--shown", &shown]].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(about(&installation), Vec::<String>::new());
}

#[test]
fn what_was_not_reviewed_before_is_not_reviewed_by_its_difference() {
    let installation = locked();
    updated(&installation);
    let run = installation.run(&["update", NOTES, "--yes"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stdout.contains("\n+// more\n"), "{}", run.stdout);
    assert!(
        run.stderr.contains("review path:acme-notes --diff none"),
        "{}",
        run.stderr
    );
    assert!(!installation.reviews_text().contains("[[review]]"));
}

#[test]
fn bytes_that_changed_under_one_version_are_no_update() {
    let installation = locked();
    append(
        &installation.state.join("extensions/acme-notes/index.js"),
        "// more\n",
    );
    let before = installation.lock_text();
    let run = installation.run(&["update", NOTES, "--yes"]);
    assert!(
        run.code == 1 && run.stderr.contains("that is no update"),
        "{}",
        run.text()
    );
    assert_eq!(installation.lock_text(), before);
    // A version that only the files claim explains nothing either.
    let package = installation
        .state
        .join("extensions/acme-notes/package.json");
    let text = fs::read_to_string(&package).expect("text");
    fs::write(&package, text.replace("1.0.0", "1.1.0")).expect("write");
    let run = installation.run(&["update", NOTES, "--yes"]);
    assert!(
        run.code == 1 && run.stderr.contains("that is no update"),
        "{}",
        run.text()
    );
    let run = installation.run(&["update", "acme-notes", "--yes"]);
    assert!(
        run.code == 2 && run.stderr.contains("name it in full"),
        "{}",
        run.text()
    );
    assert_eq!(installation.lock_text(), before);
}

#[test]
fn a_difference_since_the_lock_needs_no_review_and_leads_with_integrity() {
    let installation = locked();
    let run = installation.run(&["review", NOTES, "--diff", "lock"]);
    assert!(
        run.code == 2 && run.stderr.contains("nothing changed since"),
        "{}",
        run.text()
    );
    append(
        &installation.state.join("extensions/acme-notes/index.js"),
        "// more\n",
    );
    for line in [
        &["review", NOTES, "--diff", "lock"][..],
        &["review", NOTES, "--diff"],
    ] {
        let run = installation.run(line);
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(
            run.stdout.starts_with("It is not what was locked"),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("  1 file, 1 line\n"), "{}", run.stdout);
        assert!(run.stdout.contains("\n+// more\n"), "{}", run.stdout);
        assert!(
            run.stderr.contains("lock --accept path:acme-notes"),
            "{}",
            run.stderr
        );
    }
    let run = installation.run(&["review", NOTES, "--diff", "none"]);
    assert!(run.stdout.contains("  3 files, "), "{}", run.stdout);
    let run = installation.run(&["review", NOTES, "--diff", "generation"]);
    assert!(
        run.code == 2 && run.stderr.contains("no other generation"),
        "{}",
        run.text()
    );
}
