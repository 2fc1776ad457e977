//! A re-lock cannot launder a change.

use crate::support::Installation;

#[test]
fn a_changed_byte_is_not_laundered() {
    let installation = Installation::shipped();
    installation.init(0);
    let before = installation.lock_text();
    let code = installation
        .state
        .join("npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed/index.js");
    std::fs::write(&code, "changed").expect("write");
    let run = installation.run(&["lock"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(
        run.stderr.contains("--accept npm-pack:@acme/packed"),
        "{}",
        run.stderr
    );
    assert_eq!(installation.lock_text(), before);
    assert_eq!(
        installation
            .run(&["lock", "--accept", "path:acme-notes"])
            .code,
        2,
        "nothing of that subject changed"
    );
    assert_eq!(
        installation
            .run(&["lock", "--accept", "npm-pack:@acme/packed"])
            .code,
        0
    );
    assert_ne!(installation.lock_text(), before);
    assert_eq!(installation.run(&["lock", "--check"]).code, 0);
}

#[test]
fn a_version_that_only_the_files_claim_is_no_update() {
    let installation = Installation::shipped();
    installation.init(0);
    let before = installation.lock_text();
    let folder = installation
        .state
        .join("npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed");
    let package = std::fs::read_to_string(folder.join("package.json"))
        .expect("package")
        .replace("1.2.0", "1.2.1");
    std::fs::write(folder.join("package.json"), package).expect("write");
    std::fs::write(folder.join("index.js"), "changed").expect("write");
    assert_eq!(installation.run(&["lock"]).code, 1);
    assert_eq!(installation.lock_text(), before);
}

#[test]
fn a_lock_of_one_subject_leaves_the_others() {
    let installation = Installation::shipped();
    installation.init(0);
    let before = installation.lock_text();
    std::fs::write(
        installation.state.join("extensions/acme-notes/index.js"),
        "changed",
    )
    .expect("write");
    std::fs::write(
        installation
            .state
            .join("hooks/hook-pack/hooks/acme-hook/handler.js"),
        "changed",
    )
    .expect("write");
    assert_eq!(
        installation
            .run(&["lock", "path:acme-notes", "--accept", "path:acme-notes"])
            .code,
        0
    );
    let after = installation.lock_text();
    let changed = before
        .lines()
        .zip(after.lines())
        .filter(|(a, b)| a != b)
        .count();
    assert_eq!(changed, 1, "one tree digest");
    assert_eq!(installation.check().0, 1, "the hook is still not as locked");
}

#[test]
fn a_lock_without_changes_is_not_touched() {
    let installation = Installation::shipped();
    installation.init(0);
    let modified = || {
        std::fs::metadata(installation.lock())
            .and_then(|found| found.modified())
            .expect("time")
    };
    let before = modified();
    assert_eq!(installation.run(&["lock"]).code, 0);
    assert_eq!(modified(), before);
}

#[test]
fn a_broken_lock_is_never_taken_for_empty() {
    let installation = Installation::shipped();
    installation.init(0);
    let text = installation.lock_text();
    let first = text.find("[[package]]").expect("entry");
    let second = text[first + 1..].find("[[package]]").expect("entry") + first + 1;
    for (what, broken) in [
        ("truncated", text[..text.len() / 2].to_owned()),
        (
            "duplicate entry",
            format!("{text}\n{}", &text[first..second]),
        ),
        (
            "conflict marker",
            text.replace(
                "[[package]]\nid = \"bundle",
                "<<<<<<< HEAD\n[[package]]\nid = \"bundle",
            ),
        ),
        (
            "unknown key",
            text.replace("revision = 1", "revision = 1\nfrom = 1"),
        ),
        (
            "newer version",
            text.replace("version = 1\nrevision", "version = 2\nrevision"),
        ),
        (
            "bad digest",
            text.replacen("git-sha256:", "git-sha256:0", 1),
        ),
        ("not UTF-8", text.replace("@generated", "\u{fffd}")),
    ] {
        let mut bytes = broken.into_bytes();
        if what == "not UTF-8" {
            bytes.retain(|byte| *byte != 0xbf);
        }
        std::fs::write(installation.lock(), bytes).expect("write");
        for verb in [&["check"][..], &["lock"], &["plugins"]] {
            let run = installation.run(verb);
            assert_eq!(run.code, 2, "{what} {verb:?}: {}", run.text());
            assert!(
                run.stderr.contains("openclaw-verify.lock"),
                "{what}: {}",
                run.stderr
            );
        }
    }
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let installation = Installation::shipped();
    installation.init(0);
    let whole = installation.lock_text();
    let ids: Vec<String> = whole
        .lines()
        .filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'))
        .filter(|id| !id.contains("linked"))
        .map(str::to_owned)
        .collect();
    assert!(ids.len() > 5, "{ids:?}");
    // Nothing is locked; then each is, by a process of its own.
    let (head, _) = whole.split_once("[[package]]").expect("entries");
    std::fs::write(installation.lock(), head).expect("lock");
    let writers: Vec<_> = ids
        .iter()
        .map(|id| {
            let mut command = installation.command(&["lock", id]);
            command.stdout(std::process::Stdio::null());
            command.stderr(std::process::Stdio::null());
            command.spawn().expect("the binary runs")
        })
        .collect();
    for mut writer in writers {
        assert!(writer.wait().expect("ended").success());
    }
    let lock = installation.lock_text();
    for id in &ids {
        assert!(lock.contains(&format!("id = \"{id}\"")), "{id}: {lock}");
    }
}

/// What git makes of the lock where one branch locked what `ours` names and the other what `theirs` names, each changed by its function.
fn conflict(
    installation: &Installation,
    ours: &dyn Fn(&str) -> String,
    theirs: &dyn Fn(&str) -> String,
    base: &str,
) -> String {
    let whole = installation.lock_text();
    for (name, text) in [
        ("base", base.to_owned()),
        ("ours", ours(&whole)),
        ("theirs", theirs(&whole)),
    ] {
        std::fs::write(installation.config.join(name), text).expect("side");
    }
    let merge = std::process::Command::new("git")
        .current_dir(&installation.config)
        .args(["merge-file", "-p", "ours", "base", "theirs"])
        .output()
        .expect("git");
    let text = String::from_utf8(merge.stdout).expect("text");
    assert!(
        text.contains("\n>>>>>>> theirs\n"),
        "git could merge: {text}"
    );
    text
}

/// The lock without the entries of these ids.
fn without(lock: &str, ids: &[&str]) -> String {
    let (head, entries) = lock.split_once("\n[[").expect("entries");
    let named = |entry: &&str| {
        ids.iter()
            .any(|id| entry.contains(&format!("\nid = \"{id}\"\n")))
    };
    let kept = entries.split("\n[[").filter(|entry| !named(entry));
    kept.fold(head.to_owned(), |lock, entry| lock + "\n[[" + entry)
}

#[test]
fn two_branches_that_lock_something_are_merged_without_an_editor() {
    let installation = Installation::shipped();
    installation.init(0);
    let whole = installation.lock_text();
    let (one, other) = ("npm-pack:@acme/packed", "path:acme-notes");
    let base = without(&whole, &[one, other]);
    let unmerged = conflict(
        &installation,
        &|lock| without(lock, &[other]),
        &|lock| without(lock, &[one]),
        &base,
    );
    std::fs::write(installation.lock(), &unmerged).expect("lock");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for verb in [
        &["check"][..],
        &["check", "--lock-only"],
        &["lock"],
        &["plugins"],
    ] {
        let run = installation.run(verb);
        assert_eq!(run.code, 2, "{}", run.text());
        let said = words(&run.stderr);
        assert!(said.contains("openclaw-verify lock --resolve "), "{said}");
    }
    let no_terminal = installation.run(&["lock", "--resolve"]);
    assert_eq!(no_terminal.code, 2, "{}", no_terminal.text());
    assert_eq!(installation.lock_text(), unmerged);

    let run = installation.run(&["lock", "--resolve", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout.contains(&format!("{other} added")),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr
            .contains(&format!("only ours has {one}; it stays"))
            && run.stderr.contains("git add openclaw-verify.lock"),
        "{}",
        run.stderr
    );
    assert_eq!(installation.lock_text(), whole);
    assert_eq!(installation.run(&["check"]).code, 0);
    assert_eq!(
        installation.run(&["lock", "--resolve"]).code,
        2,
        "resolved already"
    );

    std::fs::write(installation.lock(), &unmerged).expect("lock");
    let json = installation.run(&["lock", "--resolve", "--yes", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(document["written"], true, "{document}");
    assert_eq!(document["changes"][0]["id"], other, "{document}");
}

/// A merge of two branches in the folder of the operator's files that git cannot finish.
fn open_merge(installation: &Installation, base: &str, ours: &str, theirs: &str) -> String {
    let git = |arguments: &[&str]| {
        let run = std::process::Command::new("git")
            .current_dir(&installation.config)
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .output();
        run.expect("git").status.success()
    };
    let commit = |text: &str| {
        std::fs::write(installation.lock(), text).expect("lock");
        assert!(git(&["add", "openclaw-verify.lock"]) && git(&["commit", "-qm", "x"]));
    };
    assert!(git(&["init", "-q", "-b", "main"]));
    commit(base);
    assert!(git(&["checkout", "-q", "-b", "colleague"]));
    commit(theirs);
    assert!(git(&["checkout", "-q", "main"]));
    commit(ours);
    assert!(!git(&["merge", "-q", "colleague"]), "git could merge");
    installation.lock_text()
}

/// The lock with another version and tree of `npm-pack:@acme/packed`.
fn with_other(lock: &str, version: &str, digit: &str) -> String {
    let at = lock.find("id = \"npm-pack:@acme/packed\"").expect("entry");
    let (before, entry) = lock.split_at(at);
    let tree = entry.find("git-sha256:").expect("tree") + "git-sha256:".len();
    let old = &entry[tree..tree + 64];
    let entry = entry.replacen(old, &digit.repeat(64), 1);
    before.to_owned()
        + &entry.replacen(
            "version = \"1.2.0\"",
            &format!("version = \"{version}\""),
            1,
        )
}

#[test]
fn what_both_branches_locked_differently_is_chosen_by_name() {
    let installation = Installation::shipped();
    installation.init(0);
    let whole = installation.lock_text();
    // Only one side changes the version, so git takes that line of it whichever side is taken of the other.
    let ours = with_other(&whole, "1.2.0", "b");
    let theirs = with_other(&whole, "1.2.2", "a");
    let unmerged = open_merge(&installation, &whole, &ours, &theirs);
    let head = unmerged.split("<<<<<<<").next().unwrap_or_default();
    assert!(head.contains("version = \"1.2.2\""), "{unmerged}");
    let open = installation.run(&["lock", "--resolve", "--yes"]);
    assert_eq!(open.code, 2, "{}", open.text());
    let said = open.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "npm-pack:@acme/packed: version: ours 1.2.0, theirs 1.2.2",
        "npm-pack:@acme/packed: tree: ours git-sha256:bbbb",
        "openclaw-verify lock --resolve --take ours ",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(installation.lock_text(), unmerged);
    for (side, kept) in [("ours", &ours), ("theirs", &theirs)] {
        std::fs::write(installation.lock(), &unmerged).expect("lock");
        let run = installation.run(&["lock", "--resolve", "--take", side, "--yes"]);
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(
            run.stderr.contains(&format!("{side} is taken")),
            "{}",
            run.stderr
        );
        assert_eq!(&installation.lock_text(), kept);
        assert_eq!(installation.run(&["check"]).code, 1, "it is neither");
    }
    // Without what git keeps of both sides, neither can be taken whole.
    std::fs::rename(
        installation.config.join(".git"),
        installation.config.join("elsewhere"),
    )
    .expect("moved");
    std::fs::write(installation.lock(), &unmerged).expect("lock");
    let run = installation.run(&["lock", "--resolve", "--take", "ours", "--yes"]);
    assert_eq!(run.code, 2, "{}", run.text());
    let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "which lines of it are of which side is not known: git holds no two sides",
        "git checkout --ours -- openclaw-verify.lock",
        "openclaw-verify lock npm-pack:@acme/packed",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(installation.lock_text(), unmerged);
}

#[test]
fn what_a_lock_cannot_find_is_named_with_what_was_meant() {
    let installation = Installation::shipped();
    installation.init(0);
    for arguments in [
        &["lock", "path:acme-note"][..],
        &["lock", "--accept", "path:acme-note"],
    ] {
        let run = installation.run(arguments);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(
            run.stderr.contains("did you mean path:acme-notes?"),
            "{}",
            run.stderr
        );
    }
    let run = installation.run(&["lock", "no:such"]);
    assert!(
        run.stderr.contains("openclaw-verify check -v"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_damaged_file_names_what_can_be_done_about_it() {
    let installation = Installation::shipped();
    installation.init(0);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lock = installation.lock_text();
    std::fs::write(
        installation.lock(),
        lock.replacen("revision = 1", "revision = ", 1),
    )
    .expect("lock");
    let run = installation.run(&["check"]);
    assert!(
        words(&run.stderr).contains("or move it aside and lock anew"),
        "{}",
        run.stderr
    );
    std::fs::rename(installation.lock(), installation.config.join("aside")).expect("aside");
    let run = installation.run(&["lock"]);
    assert_eq!(run.code, 0, "{}", run.text());
    // One line of git's that is left over is no conflict that could be put together.
    for (name, resolve) in [
        ("openclaw-verify.lock", &["lock", "--resolve"][..]),
        ("openclaw-verify.toml", &["policy", "resolve"]),
        ("openclaw-reviews.toml", &["review", "--resolve"]),
    ] {
        let path = installation.config.join(name);
        let before = std::fs::read_to_string(&path).unwrap_or_else(|_| "version = 1\n".to_owned());
        std::fs::write(&path, format!("{before}<<<<<<< HEAD\n")).expect("file");
        for arguments in [&["check"][..], resolve] {
            let run = installation.run(arguments);
            assert_eq!(run.code, 2, "{}", run.text());
            let said = words(&run.stderr);
            assert!(said.contains("is left over, take it out"), "{said}");
            assert!(!said.contains("resolve --"), "{said}");
        }
        std::fs::write(&path, before).expect("file");
    }
    assert_eq!(installation.run(&["check"]).code, 0);
}

#[test]
fn a_command_for_another_machine_names_no_folder_of_this_one() {
    let installation = Installation::shipped();
    installation.init(0);
    let lock = installation.lock_text();
    let other = lock.replacen("tree = \"git-sha256:", "tree = \"git-sha256:0000", 1);
    let (start, rest) = other.split_once("git-sha256:0000").expect("tree");
    let digest: String = rest.chars().skip(4).collect();
    std::fs::write(
        installation.lock(),
        format!("{start}git-sha256:0000{digest}"),
    )
    .expect("lock");
    let run = installation.run(&["check", "--lock-only"]);
    assert_eq!(run.code, 1, "{}", run.text());
    let next: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.contains("where OpenClaw is installed"))
        .collect();
    assert!(!next.is_empty(), "{}", run.stdout);
    assert!(
        run.stdout.contains("openclaw-verify review "),
        "{}",
        run.stdout
    );
    let folder = installation.config.to_string_lossy().into_owned();
    for line in run
        .stdout
        .lines()
        .filter(|line| line.contains("openclaw-verify review "))
    {
        assert!(!line.contains(&folder), "{}", run.stdout);
    }
}

#[test]
fn a_finding_that_a_run_leaves_out_says_nothing_of_its_exceptions() {
    let installation = Installation::shipped();
    installation.init(0);
    let run = installation.run(&["check", "-A", "unreviewed"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(!run.stdout.contains("exception-unused"), "{}", run.stdout);
}

#[test]
fn an_archive_of_another_plugin_names_the_id_that_it_has() {
    let installation = Installation::shipped();
    let folder = tempfile::tempdir().expect("folder");
    let package = folder.path().join("package");
    std::fs::create_dir(&package).expect("package");
    for (name, text) in [
        (
            "package.json",
            r#"{"name":"@acme/other","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}"#,
        ),
        (
            "openclaw.plugin.json",
            r#"{"id":"acme-other","configSchema":{"type":"object"}}"#,
        ),
        ("index.js", "export default {};\n"),
    ] {
        std::fs::write(package.join(name), text).expect("file");
    }
    let archive = folder.path().join("other.tgz");
    let file = archive.to_str().expect("path");
    let packed = std::process::Command::new("tar")
        .current_dir(folder.path())
        .args(["-czf", file, "package"])
        .status()
        .expect("tar");
    assert!(packed.success());
    let wrong = installation.run(&["lock", "archive:notes", "--from", file]);
    assert_eq!(wrong.code, 2, "{}", wrong.text());
    assert!(
        wrong
            .stderr
            .contains("name what it holds: archive:acme-other"),
        "{}",
        wrong.stderr
    );
    let right = installation.run(&["lock", "archive:acme-other", "--from", file]);
    assert!(
        right.stdout.contains("archive:acme-other added"),
        "{}",
        right.text()
    );
}

/// What replaces a report says what standard error says: the file, the line, and the command.
#[test]
fn reports_of_an_unfinished_merge_name_the_place_and_the_way_out() {
    let installation = Installation::shipped();
    installation.init(0);
    let lock = installation.lock_text();
    let line = lock.lines().count() + 1;
    let unmerged = format!("{lock}<<<<<<< a\n=======\n>>>>>>> b\n");
    std::fs::write(installation.lock(), unmerged).expect("lock");
    let out = tempfile::tempdir().expect("temp dir");
    let forms = [
        "human", "json", "jsonl", "sarif", "github", "junit", "html", "markdown",
    ];
    let mut arguments = vec!["check".to_owned()];
    for form in forms {
        let file = out.path().join(form);
        arguments.extend(["--report".to_owned(), format!("{form}={}", file.display())]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = installation.run(&arguments);
    assert_eq!(run.code, 2, "{}", run.text());
    for form in forms {
        let text = std::fs::read_to_string(out.path().join(form)).expect(form);
        assert!(
            text.contains("openclaw-verify lock --resolve"),
            "{form}: {text}"
        );
        assert!(text.contains("openclaw-verify.lock"), "{form}: {text}");
        let place = match form {
            "json" => format!("\"line\": {line}"),
            "github" => format!("line={line},"),
            "sarif" => format!("\"startLine\": {line}"),
            _ => format!("openclaw-verify.lock:{line}: "),
        };
        assert!(text.contains(&place), "{form}: {text}");
        let shown = installation.run(&["check", "--format", form]);
        assert_eq!(shown.code, 2, "{}", shown.text());
        let place = if form == "human" {
            format!(":{line}:")
        } else {
            place
        };
        assert!(shown.text().contains(&place), "{form}: {}", shown.text());
    }
}
