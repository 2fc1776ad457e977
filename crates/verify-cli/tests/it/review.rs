//! Who has read what: the findings, and the verb `review`.

use serde_json::Value;

use crate::git::{git, git_output};
use crate::support::{Installation, findings};

const PACKED: &str = "npm-pack:@acme/packed";

impl Installation {
    fn reviews(&self) -> std::path::PathBuf {
        self.config.join("openclaw-reviews.toml")
    }

    fn write_reviews(&self, entries: &str) {
        std::fs::write(self.reviews(), format!("version = 1\n\n{entries}")).expect("reviews");
    }
}

/// An installation that was locked and has no exceptions.
fn locked() -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    std::fs::write(
        installation.policy(),
        "version = 1\n[levels]\nunpinned-mcp-server = \"warn\"\n",
    )
    .expect("policy");
    installation
}

fn digest(report: &Value, id: &str, key: &str) -> String {
    let subjects = report["subjects"].as_array().expect("subjects");
    let subject = subjects
        .iter()
        .find(|subject| subject["id"] == id)
        .expect("subject");
    subject[key].as_str().expect("digest").to_owned()
}

fn about(report: &Value, id: &str) -> Vec<String> {
    findings(report)
        .into_iter()
        .filter(|finding| finding.contains(&format!("{id}:")))
        .collect()
}

fn review(id: &str, tree: &str, more: &str) -> String {
    format!(
        "[[review]]\npackage = \"{id}\"\ntree = \"{tree}\"\ncriteria = \"safe-to-run\"\nby = \"Ada\"\ndate = 2026-11-01\n{more}\n"
    )
}

#[test]
fn what_has_no_review_is_unreviewed_until_it_has_one() {
    let installation = locked();
    let (code, report) = installation.check();
    assert_eq!(code, 1);
    assert_eq!(about(&report, PACKED).len(), 1, "{:#?}", findings(&report));
    assert!(about(&report, PACKED)[0].starts_with("unreviewed"));
    let backlog = report["summary"]["reviewBacklog"].as_u64().expect("count");
    assert!(backlog > 1);

    let tree = digest(&report, PACKED, "tree");
    for (more, expected) in [
        ("", None),
        ("until = 2026-11-22", None),
        ("until = 2026-11-21", Some("review-expired")),
        ("agent = { model = \"m-1\" }", Some("agent-reviewed-only")),
    ] {
        installation.write_reviews(&review(PACKED, &tree, more));
        let (_, report) = installation.check();
        let found = about(&report, PACKED);
        assert_eq!(
            found.first().map(|f| f.split(' ').next().expect("id")),
            expected,
            "{more}: {found:?}"
        );
        assert_eq!(
            report["summary"]["reviewBacklog"].as_u64(),
            Some(backlog - u64::from(expected.is_none()))
        );
    }
    // A review of the same package in the same version, of other bytes.
    installation.write_reviews(&review(
        PACKED,
        &format!("git-sha256:{}", "0".repeat(64)),
        "version = \"1.2.0\"",
    ));
    assert!(about(&installation.check().1, PACKED)[0].starts_with("unreviewed"));
}

#[test]
fn one_changed_byte_is_unreviewed() {
    let installation = locked();
    let tree = digest(&installation.check().1, PACKED, "tree");
    installation.write_reviews(&review(PACKED, &tree, ""));
    let code = installation
        .state
        .join("npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed/index.js");
    let mut bytes = std::fs::read(&code).expect("read");
    bytes[0] ^= 1;
    std::fs::write(&code, bytes).expect("write");
    assert_eq!(installation.run(&["lock", "--accept", PACKED]).code, 0);
    // It also differs from the archive beside it, which no review can clear.
    assert!(
        about(&installation.check().1, PACKED)
            .iter()
            .any(|finding| finding.starts_with("unreviewed"))
    );
}

#[test]
fn a_violation_cannot_be_excepted_trusted_lowered_or_out_reviewed() {
    let installation = locked();
    let report = installation.check().1;
    let tree = digest(&report, PACKED, "tree");
    let read = review(PACKED, &tree, "");
    let trust = "[[trust]]\npublisher = \"github:a/a\"\npackages = [\"**\"]\ncriteria = \"safe-to-run\"\nby = \"Ada\"\nstart = 2026-11-01\nuntil = 2027-11-01\n";
    for what in [
        format!("trees = [\"{tree}\"]"),
        "versions = \"*\"".to_owned(),
        "versions = \"1.2.0\"".to_owned(),
    ] {
        let violation = format!(
            "[[violation]]\npackage = \"{PACKED}\"\n{what}\nreason = \"bad\"\nby = \"Eve\"\ndate = 2026-10-01\n"
        );
        let parts = [read.as_str(), trust, &violation];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            installation.write_reviews(&order.map(|part| parts[part]).concat());
            let (code, report) = installation.check();
            let found = about(&report, PACKED);
            assert_eq!(code, 1);
            assert_eq!(
                found,
                [format!(
                    "violation {PACKED}: Eve recorded on 2026-10-01: bad | "
                )],
                "{order:?}"
            );
        }
    }
    assert_eq!(installation.run(&["check", "-W", "violation"]).code, 2);
    for policy in [
        "version = 1\n[levels]\nviolation = \"note\"\n".to_owned(),
        format!(
            "version = 1\n[[exception]]\npackage = \"{PACKED}\"\ntree = \"{tree}\"\nallow = [\"violation\"]\nreason = \"no\"\nuntil = 2027-01-01\n"
        ),
    ] {
        std::fs::write(installation.policy(), policy).expect("policy");
        assert_eq!(installation.run(&["check"]).code, 2);
    }
    // A rule that wants no review at all does not silence it either.
    std::fs::write(
        installation.policy(),
        "version = 1\n[[rule]]\nmatch = \"npm-pack:**\"\nreview = \"none\"\n",
    )
    .expect("policy");
    assert!(
        about(&installation.check().1, PACKED)
            .iter()
            .any(|finding| finding.starts_with("violation"))
    );
}

#[test]
fn a_first_run_does_not_except_a_violation() {
    let installation = Installation::shipped();
    installation.write_reviews(&format!(
        "[[violation]]\npackage = \"{PACKED}\"\nversions = \"*\"\nreason = \"bad\"\nby = \"Eve\"\ndate = 2026-10-01\n"
    ));
    let init = installation.init(1);
    assert!(init.stdout.contains("violation"), "{}", init.stdout);
    assert!(
        !std::fs::read_to_string(installation.policy())
            .expect("policy")
            .contains("\"violation\"")
    );
    assert_eq!(installation.check().0, 1);
}

#[test]
fn imports_count_when_they_are_the_file_that_policy_pins() {
    let installation = locked();
    let tree = digest(&installation.check().1, PACKED, "tree");
    let theirs = format!("version = 1\n\n{}", review(PACKED, &tree, ""));
    std::fs::write(installation.config.join("theirs.toml"), &theirs).expect("import");
    let digest = openclaw_verify_core::digest::Sha256Digest::of(theirs.as_bytes());
    let policy = |location: &str| {
        std::fs::write(
            installation.policy(),
            format!("version = 1\n[imports.friend]\n{location}\ndigest = \"{digest}\"\n"),
        )
        .expect("policy");
    };
    policy("path = \"theirs.toml\"");
    assert!(about(&installation.check().1, PACKED).is_empty());

    std::fs::write(
        installation.config.join("theirs.toml"),
        theirs.replace("Ada", "Eve"),
    )
    .expect("import");
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("is not the file that policy pins"),
        "{}",
        run.stderr
    );
    std::fs::remove_file(installation.config.join("theirs.toml")).expect("remove");
    assert_eq!(installation.run(&["check"]).code, 2);
    policy("url = \"https://reviews.example.org/friend.toml\"");
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2);
    // The words may be wrapped to the width of the screen.
    assert!(run.stderr.contains("not in the cache"), "{}", run.stderr);
}

#[test]
fn a_broken_reviews_file_is_never_taken_for_empty() {
    let installation = locked();
    for (text, expected) in [
        ("version = 2\n", "upgrade openclaw-verify"),
        ("version = 1\n<<<<<<< ours\n", "conflict marker"),
        ("version = 1\n[[review]]\n", "missing key"),
        ("version = 1\nignore = true\n", "unknown key"),
        (VIOLATION_OF_ALL, "names one subject"),
        (
            &VIOLATION_OF_ALL.replace("npm:@evil/*", "nmp:evil"),
            "did you mean `npm:`?",
        ),
    ] {
        std::fs::write(installation.reviews(), text).expect("reviews");
        let run = installation.run(&["check"]);
        assert_eq!(run.code, 2);
        assert!(
            run.stderr.contains(expected) && run.stderr.contains("openclaw-reviews.toml"),
            "{}",
            run.stderr
        );
    }
}

const VIOLATION_OF_ALL: &str = "version = 1\n[[violation]]\npackage = \"npm:@evil/*\"\nversions = \"*\"\nreason = \"bad\"\nby = \"Eve\"\ndate = 2026-10-01\n";

const CODE: &str = "npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed/index.js";

fn replace(installation: &Installation, path: &str, from: &str, to: &str) {
    let path = installation.state.join(path);
    let text = std::fs::read_to_string(&path).expect("read");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).expect("write");
}

fn record(installation: &Installation, id: &str) -> crate::support::Run {
    installation.run(&[
        "review",
        id,
        "--record",
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada <ada@example.org>",
        "--yes",
    ])
}

#[test]
fn the_way_from_the_backlog_to_green_and_on_to_the_next_version() {
    let installation = locked();
    let backlog = installation.run(&["review"]);
    assert_eq!(backlog.code, 0);
    let lines: Vec<&str> = backlog.stdout.lines().collect();
    let (Some(first), Some(last)) = (
        lines.first(),
        lines.iter().find(|line| line.contains(" to read: ")),
    ) else {
        panic!("{}", backlog.stdout)
    };
    assert!(
        first.contains("unreviewed: 1 file"),
        "the cheapest comes first: {}",
        backlog.stdout
    );
    assert!(last.contains(" to read: "), "{}", backlog.stdout);
    let json: Value =
        serde_json::from_str(&installation.run(&["review", "--format", "json"]).stdout)
            .expect("JSON");
    let items = json["items"].as_array().expect("items");
    let lines = |item: &Value| item["cost"]["lines"].as_u64().expect("lines");
    assert!(
        items
            .windows(2)
            .all(|pair| lines(&pair[0]) <= lines(&pair[1])),
        "{json:#}"
    );
    // The skill of a plugin is read with the plugin, so the total counts it once.
    let (parts, whole): (Vec<&Value>, Vec<&Value>) =
        items.iter().partition(|item| item["within"].is_string());
    assert_eq!(
        parts
            .iter()
            .map(|item| item["within"].as_str())
            .collect::<Vec<_>>(),
        [Some("bundle:acme-bundle")],
        "{json:#}"
    );
    assert_eq!(
        json["total"]["lines"].as_u64(),
        Some(whole.iter().map(|item| lines(item)).sum())
    );
    let files = |item: &Value| item["cost"]["files"].as_u64().expect("files");
    assert_eq!(
        json["total"]["files"].as_u64(),
        Some(whole.iter().map(|item| files(item)).sum())
    );
    assert!(
        backlog.stdout.contains(", read with bundle:acme-bundle\n"),
        "{}",
        backlog.stdout
    );

    let shown = installation.run(&["review", PACKED, "--diff"]);
    assert_eq!(shown.code, 0, "{}", shown.text());
    assert!(
        shown.stdout.contains("--- /dev/null\n+++ b/index.js"),
        "{}",
        shown.stdout
    );
    let recorded = record(&installation, PACKED);
    assert_eq!(recorded.code, 0, "{}", recorded.text());
    let file = std::fs::read_to_string(installation.reviews()).expect("reviews");
    assert!(
        file.contains(&recorded.stdout),
        "what is shown is what is written:\n{}\n{file}",
        recorded.stdout
    );
    assert!(
        recorded.stdout.contains("version = \"1.2.0\"") && !recorded.stdout.contains("from ="),
        "{}",
        recorded.stdout
    );
    assert!(about(&installation.check().1, PACKED).is_empty());

    // The next version: only what differs is to be read, and the recorded difference closes the gap.
    let line = std::fs::read_to_string(installation.state.join(CODE))
        .expect("code")
        .lines()
        .next()
        .expect("line")
        .to_owned();
    replace(
        &installation,
        CODE,
        &line,
        &format!("{line}\n// \u{202e}evil\u{1b}[2K"),
    );
    replace(
        &installation,
        &CODE.replace("index.js", "package.json"),
        "\"1.2.0\"",
        "\"1.2.1\"",
    );
    assert_eq!(installation.run(&["lock", "--accept", PACKED]).code, 0);
    let report = installation.check().1;
    assert!(
        about(&report, PACKED)
            .iter()
            .any(|finding| finding.starts_with("unreviewed"))
    );
    let finding = report["findings"].as_array().expect("findings");
    let finding = finding
        .iter()
        .find(|f| f["id"] == "unreviewed" && f["subject"] == PACKED)
        .expect("finding");
    assert_eq!(
        finding["help"],
        format!(
            "2 files, 3 lines to read since 1.2.0: openclaw-verify review {PACKED} --diff 1.2.0"
        )
    );
    let shown = installation.run(&["review", PACKED, "--diff", "1.2.0"]);
    assert!(
        shown.stdout.contains("+// \\u{202e}evil\\u{1b}[2K"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains("-  \"version\": \"1.2.0\"") || shown.stdout.contains("1.2.0"),
        "{}",
        shown.stdout
    );
    assert!(!shown.stdout.contains('\u{202e}') && !shown.stdout.contains('\u{1b}'));
    assert_eq!(
        installation
            .run(&["review", PACKED, "--diff", "9.9.9"])
            .code,
        2
    );
    assert_eq!(
        installation
            .run(&["review", PACKED, "--diff", "1.2.0"])
            .code,
        0
    );
    let recorded = record(&installation, PACKED);
    assert!(
        recorded.stdout.contains("version = \"1.2.0 -> 1.2.1\"")
            && recorded.stdout.contains("from = \"git-sha256:")
    );
    assert!(
        !about(&installation.check().1, PACKED)
            .iter()
            .any(|finding| finding.starts_with("unreviewed"))
    );

    // Without the first review the difference hangs in the air.
    let file = std::fs::read_to_string(installation.reviews()).expect("reviews");
    let start = file.find("[[review]]").expect("first");
    let end = start + file[start + 1..].find("[[review]]").expect("second") + 1;
    std::fs::write(
        installation.reviews(),
        format!("{}{}", &file[..start], &file[end..]),
    )
    .expect("reviews");
    assert!(
        about(&installation.check().1, PACKED)
            .iter()
            .any(|finding| finding.starts_with("unreviewed"))
    );
}

#[test]
fn only_what_was_shown_and_is_installed_can_be_recorded() {
    let installation = locked();
    assert_eq!(record(&installation, "npm:absent").code, 2);
    assert_eq!(installation.run(&["review", PACKED, "--diff"]).code, 0);
    let code = installation.state.join(CODE);
    let before = std::fs::read(&code).expect("code");
    std::fs::write(&code, "swapped after it was shown").expect("write");
    let refused = record(&installation, PACKED);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("changed since it was shown"),
        "{}",
        refused.stderr
    );
    assert!(!installation.reviews_text().contains("[[review]]"));
    std::fs::write(&code, before).expect("write");

    // No terminal and no --yes: nothing is written. The entry is shown anyway.
    let unasked = installation.run(&[
        "review",
        PACKED,
        "--record",
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada",
    ]);
    assert_eq!(unasked.code, 2);
    assert!(
        unasked.stdout.contains("[[review]]") && unasked.stderr.contains("--yes"),
        "{}",
        unasked.text()
    );
    assert!(!installation.reviews_text().contains("[[review]]"));
    for wrong in [
        &["review", PACKED, "--record"][..],
        &["review", PACKED, "--record", "--criteria", "safe-to-deploy"],
        &["review", "--record", "--criteria", "safe-to-run"],
        &[
            "review",
            PACKED,
            "--record",
            "--violation",
            "--criteria",
            "safe-to-run",
            "--reason",
            "x",
        ],
        &["review", PACKED, "--violation"],
        &[
            "review",
            PACKED,
            "--violation",
            "--reason",
            "x",
            "--versions",
            "latest",
            "--by",
            "A",
            "--yes",
        ],
        &[
            "review",
            PACKED,
            "--record",
            "--criteria",
            "safe-to-run",
            "--by",
            " ",
            "--yes",
        ],
    ] {
        assert_eq!(installation.run(wrong).code, 2, "{wrong:?}");
    }
    assert!(!installation.reviews_text().contains("[[review]]"));
    assert_eq!(record(&installation, PACKED).code, 0);
    let text = installation.reviews_text();
    assert_eq!(record(&installation, PACKED).code, 0);
    assert_eq!(installation.reviews_text(), text, "the same entry twice");
}

#[test]
fn who_speaks_comes_from_git() {
    let installation = locked();
    let record = [
        "review",
        PACKED,
        "--record",
        "--criteria",
        "safe-to-load",
        "--notes",
        "read it all",
        "--yes",
    ];
    let anonymous = installation.run(&record);
    assert_eq!(anonymous.code, 2);
    assert!(anonymous.stderr.contains("--by"), "{}", anonymous.stderr);
    std::fs::write(
        installation.config.join("../home/.gitconfig"),
        "[user]\nname = Ada\nemail = ada@example.org\n",
    )
    .expect("config");
    let run = installation.run(&record);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout.contains("by = \"Ada <ada@example.org>\"")
            && run.stdout.contains("notes = \"read it all\"")
    );
    // safe-to-load is less than policy requires.
    assert!(about(&installation.check().1, PACKED)[0].starts_with("unreviewed"));
}

#[test]
fn trust_and_violations_are_appended_too() {
    let installation = locked();
    let by = ["--by", "Ada", "--yes"];
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = ["review", PACKED]
            .iter()
            .chain(arguments)
            .chain(&by)
            .copied()
            .collect();
        let run = installation.run(&all);
        assert_eq!(run.code, 0, "{}", run.text());
        run.stdout
    };
    let trust = run(&["--trust", "github:acme/packed", "--workflow", "release.yml"]);
    assert!(
        trust.contains("start = 2026-11-22\nuntil = 2027-11-22"),
        "{trust}"
    );
    // It counts only with verified origin, and says so.
    let report = installation.check().1;
    assert!(about(&report, PACKED)[0].starts_with("unreviewed"));
    assert!(
        findings(&report)
            .iter()
            .any(|finding| finding.starts_with("trust-unused"))
    );
    assert_eq!(
        installation
            .run(&[
                "review",
                PACKED,
                "--trust",
                "github:a/a",
                "--until",
                "2027-11-23",
                "--by",
                "A",
                "--yes"
            ])
            .code,
        2
    );

    let exact = run(&["--violation", "--reason", "posts the tokens"]);
    assert!(exact.contains("trees = [\"git-sha256:"), "{exact}");
    assert!(about(&installation.check().1, PACKED)[0].starts_with("violation"));
    let all = run(&[
        "--violation",
        "--reason",
        "posts the tokens",
        "--versions",
        "<2",
    ]);
    assert!(all.contains("versions = \"<2\""), "{all}");
    assert_eq!(about(&installation.check().1, PACKED).len(), 2);
}

#[test]
fn the_state_dir_stays_as_it_was_while_it_is_reviewed() {
    let installation = locked();
    let before = crate::support::listing(&installation.state);
    for arguments in [
        &["review"][..],
        &["review", PACKED, "--diff"],
        &["review", PACKED, "--diff", "--format", "json"],
        &[
            "review",
            PACKED,
            "--record",
            "--criteria",
            "safe-to-run",
            "--by",
            "A",
            "--yes",
        ],
    ] {
        assert_eq!(installation.run(arguments).code, 0, "{arguments:?}");
        assert_eq!(crate::support::listing(&installation.state), before);
    }
}

#[test]
fn what_was_read_with_the_plugin_need_not_be_read_again() {
    let installation = locked();
    let report = installation.check().1;
    let bundle = "bundle:acme-bundle";
    let inside = findings(&report)
        .into_iter()
        .find(|finding| finding.contains("skill:plugin."))
        .expect("a skill of a plugin");
    assert!(inside.starts_with("unreviewed"), "{inside}");
    installation.write_reviews(&review(bundle, &digest(&report, bundle, "tree"), ""));
    let report = installation.check().1;
    assert!(
        !findings(&report)
            .iter()
            .any(|finding| finding.contains("skill:plugin.")),
        "{:#?}",
        findings(&report)
    );
    assert_eq!(
        installation
            .run(&["skills", "skill:plugin.acme-bundle/hello"])
            .code,
        0
    );
}

#[test]
fn a_lock_alone_is_held_to_the_reviews() {
    let installation = locked();
    let report = installation.check().1;
    let tree = digest(&report, PACKED, "tree");
    let check = || {
        let run = installation.run(&["check", "--lock-only", "--format", "json"]);
        (
            run.code,
            serde_json::from_str::<Value>(&run.stdout)
                .unwrap_or_else(|error| panic!("{error}: {}", run.text())),
        )
    };
    let (code, report) = check();
    assert_eq!(code, 1);
    assert!(about(&report, PACKED)[0].starts_with("unreviewed"));
    installation.write_reviews(&review(PACKED, &tree, ""));
    assert!(about(&check().1, PACKED).is_empty());
    assert_eq!(
        installation.run(&["review", "--lock-only"]).code,
        2,
        "nothing can be read there"
    );

    // Exceptions are bound to what is locked.
    std::fs::remove_file(installation.reviews()).expect("remove");
    std::fs::remove_file(installation.policy()).expect("remove");
    std::fs::remove_file(installation.lock()).expect("remove");
    installation.init(0);
    assert_eq!(check().0, 0, "{:#?}", findings(&check().1));
    installation.write_reviews(&format!(
        "[[violation]]\npackage = \"{PACKED}\"\ntrees = [\"{tree}\"]\nreason = \"bad\"\nby = \"Eve\"\ndate = 2026-10-01\n"
    ));
    assert!(about(&check().1, PACKED)[0].starts_with("violation"));
}

#[test]
fn dependencies_have_to_be_read_by_themselves() {
    let installation = locked();
    let id = "path:acme-notes";
    let folder = installation
        .state
        .join("extensions/acme-notes/node_modules/dep");
    std::fs::create_dir_all(&folder).expect("folder");
    std::fs::write(folder.join("index.js"), "module.exports = 1;\n").expect("write");
    std::fs::write(
        installation.policy(),
        format!("version = 1\n[[rule]]\nmatch = \"{id}\"\ndependencies = \"reviewed\"\n"),
    )
    .expect("policy");
    assert_eq!(installation.run(&["lock", "--accept", id]).code, 0);
    assert_eq!(record(&installation, id).code, 0);
    let report = installation.check().1;
    let found: Vec<_> = about(&report, id)
        .into_iter()
        .filter(|finding| finding.starts_with("unreviewed"))
        .collect();
    assert!(
        found.len() == 1 && found[0].contains("these dependencies"),
        "{found:?}"
    );

    let shown = installation.run(&["review", id, "--diff", "--dependencies"]);
    assert!(
        shown.stdout.contains("+module.exports = 1;"),
        "{}",
        shown.text()
    );
    let with = [
        "review",
        id,
        "--record",
        "--criteria",
        "safe-to-run",
        "--dependencies",
        "--by",
        "Ada",
        "--yes",
    ];
    assert_eq!(installation.run(&with).code, 0);
    assert!(
        !about(&installation.check().1, id)
            .iter()
            .any(|finding| finding.starts_with("unreviewed"))
    );

    // A swapped dependency is not covered by the plugin's own review.
    std::fs::write(folder.join("index.js"), "module.exports = 2;\n").expect("write");
    assert_eq!(installation.run(&["lock", "--accept", id]).code, 0);
    assert!(
        about(&installation.check().1, id)
            .iter()
            .any(|finding| finding.contains("these dependencies"))
    );
}

#[test]
fn of_dependencies_only_what_differs_has_to_be_read_again() {
    let installation = locked();
    let id = "path:acme-notes";
    let modules = installation
        .state
        .join("extensions/acme-notes/node_modules");
    let write = |path: &str, text: &str| {
        let path = modules.join(path);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, text).expect("write");
    };
    write("same/index.js", "same();\n");
    write("same/node_modules/@s/deep/index.js", "deep();\n");
    write("dep/index.js", "one();\nkept();\n");
    write("gone/index.js", "gone();\n");
    std::fs::write(
        installation.policy(),
        format!("version = 1\n[[rule]]\nmatch = \"{id}\"\ndependencies = \"reviewed\"\n"),
    )
    .expect("policy");
    assert_eq!(installation.run(&["lock", "--accept", id]).code, 0);
    let record = |expected: i32| {
        let with = [
            "review",
            id,
            "--record",
            "--criteria",
            "safe-to-run",
            "--dependencies",
            "--by",
            "Ada",
            "--notes",
            "n",
            "--yes",
        ];
        let run = installation.run(&with);
        assert_eq!(run.code, expected, "{}", run.text());
        run.stdout
    };
    let shown = installation.run(&["review", id, "--diff", "--dependencies"]);
    assert!(
        shown.stdout.contains("  4 packages\n") && shown.stdout.contains("+same();"),
        "{}",
        shown.stdout
    );
    assert!(record(0).contains("notes = \"n\"\n"));
    let unread = |report: &Value| {
        about(report, id)
            .iter()
            .any(|finding| finding.starts_with("unreviewed"))
    };
    assert!(!unread(&installation.check().1));

    std::fs::remove_dir_all(modules.join("gone")).expect("remove");
    write("dep/index.js", "two();\nkept();\n");
    write("new/index.js", "new();\n");
    assert_eq!(installation.run(&["lock", "--accept", id]).code, 0);
    let report = installation.check().1;
    assert!(unread(&report));
    let mut findings = report["findings"].as_array().expect("findings").iter();
    let finding = findings
        .rfind(|finding| finding["subject"] == id && finding["id"] == "unreviewed")
        .expect("finding");
    assert_eq!(
        finding["help"],
        format!(
            "3 files, 4 lines to read since 1.0.0: openclaw-verify review {id} --diff --dependencies"
        )
    );
    let shown = installation
        .run(&["review", id, "--diff", "--dependencies"])
        .stdout;
    let part = &shown[shown.find("\ndependencies ").expect("dependencies")..];
    assert!(
        part.contains("  4 packages; not byte for byte as reviewed: dep, gone, new\n"),
        "{part}"
    );
    assert!(
        part.contains("-one();\n+two();\n kept();")
            && part.contains("+new();")
            && part.contains("-gone();"),
        "{part}"
    );
    assert!(
        !part.contains("same();") && !part.contains("deep();"),
        "{part}"
    );
    let all = installation
        .run(&["review", id, "--diff", "none", "--dependencies"])
        .stdout;
    assert!(
        all.contains("+same();") && all.contains("+deep();"),
        "{all}"
    );

    // Without the kept files, the listing still tells which packages are as they were.
    std::fs::remove_dir_all(
        installation
            .config
            .join("../home/.cache/openclaw-verify/contents"),
    )
    .expect("contents");
    let shown = installation
        .run(&["review", id, "--diff", "--dependencies"])
        .stdout;
    let part = &shown[shown.find("\ndependencies ").expect("dependencies")..];
    assert!(
        part.contains("what it was before is not at hand any more")
            && part.contains("+two();\n+kept();"),
        "{part}"
    );
    assert!(!part.contains("same();"), "{part}");
    let entry = record(0);
    assert!(
        entry.contains("notes = \"n; dependencies read as a difference from git-sha256:"),
        "{entry}"
    );
    assert!(!unread(&installation.check().1));
}

#[test]
fn under_strict_the_definition_of_an_mcp_server_has_to_be_read() {
    const SERVER: &str = "mcp:files";
    let installation = locked();
    std::fs::write(installation.policy(), "version = 1\npreset = \"strict\"\n").expect("policy");
    let unread = || {
        about(&installation.check().1, SERVER)
            .iter()
            .any(|finding| finding.starts_with("unreviewed"))
    };
    let message = about(&installation.check().1, SERVER).join("\n");
    assert!(
        message.contains("this definition is not reviewed; policy requires a `safe-to-run` review"),
        "{message}"
    );
    let backlog: Value =
        serde_json::from_str(&installation.run(&["review", "--format", "json"]).stdout)
            .expect("JSON");
    let item = backlog["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|item| item["subject"] == SERVER)
        .expect("item")
        .clone();
    assert_eq!(
        (&item["part"], &item["cost"]["files"]),
        (&"definition".into(), &1.into())
    );

    let shown = installation.run(&["review", SERVER, "--diff"]);
    assert_eq!(shown.code, 0, "{}", shown.text());
    assert!(
        shown.stdout.contains("npx -y @acme/files@1.2.3") && !shown.stdout.contains("not-a-secret"),
        "{}",
        shown.stdout
    );
    let recorded = record(&installation, SERVER);
    assert_eq!(recorded.code, 0, "{}", recorded.text());
    assert!(
        recorded.stdout.contains("definition = \"sha256:") && !recorded.stdout.contains("tree ="),
        "{}",
        recorded.stdout
    );
    assert!(!unread());

    // Another token is the same definition. Another version, another command, what is loaded into it: that is not reviewed.
    replace(&installation, "openclaw.json", "not-a-secret", "another");
    assert!(!unread());
    for (from, to) in [
        ("@acme/files@1.2.3", "@acme/files@1.2.4"),
        ("\"npx\"", "\"/tmp/npx\""),
        (
            "\"TOKEN\": \"another\"",
            "\"TOKEN\": \"another\", \"NODE_OPTIONS\": \"--require=/tmp/x.js\"",
        ),
        ("\"TOKEN\":", "\"OTHER\":"),
    ] {
        replace(&installation, "openclaw.json", from, to);
        let _ = installation.run(&["lock", "--accept", SERVER]);
        assert!(unread(), "{to}");
        // What was shown before is not what is there now.
        assert_eq!(installation.run(&["review", SERVER, "--diff"]).code, 0);
        replace(&installation, "openclaw.json", to, from);
        assert_eq!(
            record(&installation, SERVER).code,
            2,
            "changed since it was shown"
        );
        assert!(!unread());
    }
    let run = installation.run(&[
        "review",
        SERVER,
        "--violation",
        "--reason",
        "reads the home",
        "--by",
        "Ada",
        "--yes",
    ]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        about(&installation.check().1, SERVER)
            .iter()
            .any(|finding| finding.starts_with("violation"))
    );
}

#[test]
fn reviewers_at_the_same_time_lose_nothing() {
    let installation = Installation::shipped();
    installation.init(0);
    let reviews = installation.config.join("openclaw-reviews.toml");
    let writers: Vec<_> = (0..16)
        .map(|number| {
            let versions = format!("{number}.0.0");
            let mut command = installation.command(&[
                "review",
                "npm-pack:@acme/packed",
                "--violation",
                "--versions",
                &versions,
                "--reason",
                "a test",
                "--by",
                "Ada <ada@example.org>",
                "--yes",
            ]);
            command.stdout(std::process::Stdio::null());
            command.stderr(std::process::Stdio::null());
            command.spawn().expect("the binary runs")
        })
        .collect();
    for mut writer in writers {
        assert!(writer.wait().expect("ended").success());
    }
    let text = std::fs::read_to_string(reviews).expect("reviews");
    for number in 0..16 {
        assert!(
            text.contains(&format!("\"{number}.0.0\"")),
            "{number}: {text}"
        );
    }
}

/// Each way beside reading is printed with a command, and each command does what is said.
#[test]
fn the_ways_beside_reading_can_be_run() {
    let installation = Installation::shipped();
    installation.init(0);
    let ways = |expected: &[&str]| {
        let shown = installation.run(&["review"]);
        let (_, ways) = shown
            .stdout
            .split_once("Where you need not read it yourself:\n")
            .unwrap_or_else(|| panic!("{}", shown.text()));
        let commands: Vec<String> = ways
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .map(str::to_owned)
            .collect();
        assert_eq!(commands.len(), expected.len(), "{ways}");
        for (command, expected) in commands.iter().zip(expected) {
            assert!(command.starts_with(expected), "{command}");
        }
        commands
    };
    // Everything is excepted at first; a package of npm needs a registry to be asked.
    ways(&[
        "openclaw-verify explain unreviewed",
        "openclaw-verify explain exception-expiring",
    ]);
    let policy = std::fs::read_to_string(installation.policy()).expect("policy");
    let (head, _) = policy.split_once("[[exception]]").expect("exceptions");
    std::fs::write(installation.policy(), head).expect("policy");
    let commands = ways(&[
        "openclaw-verify explain unreviewed",
        "openclaw-verify policy except ",
    ]);
    // The harness gives the places of the call itself.
    let command = commands[1]
        .split(" --state-dir ")
        .next()
        .expect("a command");
    let done = crate::way_out::run(&installation, command).expect("a run");
    assert_eq!(done.code, 0, "{}", done.text());
    let policy = std::fs::read_to_string(installation.policy()).expect("policy");
    assert!(policy.contains("[[exception]]"), "{policy}");
}

#[test]
fn two_branches_that_record_a_review_are_merged_without_an_editor() {
    let installation = locked();
    let folder = &installation.config;
    std::fs::write(installation.reviews(), "version = 1\n").expect("reviews");
    git(folder, &["init", "-q", "-b", "main"]);
    let record = |id: &str| {
        let arguments = ["review", id, "--record", "--criteria", "safe-to-run"];
        let run = installation.run(&[&arguments[..], &["--by", "Ada", "--yes"]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let again = installation.run(&[&arguments[..], &["--by", "Ada", "--yes"]].concat());
        assert_eq!(again.code, 0);
        assert!(
            again.stderr.contains("says this already, in line 3"),
            "{}",
            again.stderr
        );
        git(folder, &["commit", "-qam", id]);
    };
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", "begin"]);
    git(folder, &["checkout", "-q", "-b", "colleague"]);
    record("skill:workspace/weather");
    git(folder, &["checkout", "-q", "main"]);
    record(PACKED);
    let merge = git_output(folder, &["merge", "-q", "colleague"]);
    assert!(!merge.status.success());

    let unmerged = installation.run(&["check"]);
    assert_eq!(unmerged.code, 2);
    let said = unmerged
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(said.contains("openclaw-verify review --resolve"), "{said}");
    assert_eq!(
        installation.run(&["review", "--resolve"]).code,
        2,
        "no terminal to ask on"
    );
    let run = installation.run(&["review", "--resolve", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("skill:workspace/weather") && !run.stdout.contains(PACKED));
    let text = std::fs::read_to_string(installation.reviews()).expect("reviews");
    assert_eq!(text.matches("[[review]]").count(), 2, "{text}");
    assert!(installation.run(&["check"]).code < 2);
    assert_eq!(
        installation.run(&["review", "--resolve"]).code,
        2,
        "resolved already"
    );
}

/// The lock has its tree, so it is known whether it was read.
#[test]
fn a_skill_of_a_plugin_that_was_not_read_is_said_of_a_lock_alone() {
    let installation = Installation::shipped();
    installation.init(0);
    let unread = || {
        let run = installation.run(&["check", "--lock-only", "--format", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        let said = findings(&report);
        let skill = "unreviewed skill:plugin.acme-bundle/hello";
        (run.code, said.iter().any(|one| one.starts_with(skill)))
    };
    let removed = installation.run(&[
        "policy",
        "remove",
        "exception",
        "package=skill:plugin.acme-bundle/hello",
        "--yes",
    ]);
    assert_eq!(removed.code, 0, "{}", removed.text());
    assert_eq!(unread(), (1, true));
    let by = [
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada <a@h.example>",
        "--notes",
        "read",
        "--yes",
    ];
    let bundle = ["review", "bundle:acme-bundle", "--record"];
    let read = installation.run(&[&bundle[..], &by].concat());
    assert_eq!(read.code, 0, "{}", read.text());
    assert_eq!(unread(), (0, false));
}
