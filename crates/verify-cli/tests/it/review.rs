//! Who has read what: the findings, and the verb `review`.

use serde_json::Value;

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
    std::fs::write(installation.policy(), "version = 1\n[levels]\nunpinned-mcp-server = \"warn\"\n").expect("policy");
    installation
}

fn digest(report: &Value, id: &str, key: &str) -> String {
    let subjects = report["subjects"].as_array().expect("subjects");
    let subject = subjects.iter().find(|subject| subject["id"] == id).expect("subject");
    subject[key].as_str().expect("digest").to_owned()
}

fn about(report: &Value, id: &str) -> Vec<String> {
    findings(report).into_iter().filter(|finding| finding.contains(&format!("{id}:"))).collect()
}

fn review(id: &str, tree: &str, more: &str) -> String {
    format!(
        "[[review]]\npackage = \"{id}\"\ntree = \"{tree}\"\ncriteria = \"safe-to-run\"\nby = \"Ada\"\ndate = 2026-11-01\n{more}\n"
    )
}

#[test]
fn what_nobody_has_read_is_unreviewed_until_somebody_has() {
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
        assert_eq!(found.first().map(|f| f.split(' ').next().expect("id")), expected, "{more}: {found:?}");
        assert_eq!(report["summary"]["reviewBacklog"].as_u64(), Some(backlog - u64::from(expected.is_none())));
    }
    // A review of the same package in the same version, of other bytes.
    installation.write_reviews(&review(PACKED, &format!("git-sha256:{}", "0".repeat(64)), "version = \"1.2.0\""));
    assert!(about(&installation.check().1, PACKED)[0].starts_with("unreviewed"));
}

#[test]
fn one_changed_byte_is_unreviewed() {
    let installation = locked();
    let tree = digest(&installation.check().1, PACKED, "tree");
    installation.write_reviews(&review(PACKED, &tree, ""));
    let code = installation.state.join("npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed/index.js");
    let mut bytes = std::fs::read(&code).expect("read");
    bytes[0] ^= 1;
    std::fs::write(&code, bytes).expect("write");
    assert_eq!(installation.run(&["lock", "--accept", PACKED]).code, 0);
    assert!(about(&installation.check().1, PACKED)[0].starts_with("unreviewed"));
}

#[test]
fn a_violation_cannot_be_excepted_trusted_lowered_or_out_reviewed() {
    let installation = locked();
    let report = installation.check().1;
    let tree = digest(&report, PACKED, "tree");
    let read = review(PACKED, &tree, "");
    let trust = "[[trust]]\npublisher = \"github:a/a\"\npackages = [\"**\"]\ncriteria = \"safe-to-run\"\nby = \"Ada\"\nstart = 2026-11-01\nuntil = 2027-11-01\n";
    for what in [format!("trees = [\"{tree}\"]"), "versions = \"*\"".to_owned(), "versions = \"1.2.0\"".to_owned()] {
        let violation =
            format!("[[violation]]\npackage = \"{PACKED}\"\n{what}\nreason = \"bad\"\nby = \"Eve\"\ndate = 2026-10-01\n");
        let parts = [read.as_str(), trust, &violation];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            installation.write_reviews(&order.map(|part| parts[part]).concat());
            let (code, report) = installation.check();
            let found = about(&report, PACKED);
            assert_eq!(code, 1);
            assert_eq!(found, [format!("violation {PACKED}: Eve recorded on 2026-10-01: bad | ")], "{order:?}");
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
    std::fs::write(installation.policy(), "version = 1\n[[rule]]\nmatch = \"npm-pack:**\"\nreview = \"none\"\n").expect("policy");
    assert!(about(&installation.check().1, PACKED).iter().any(|finding| finding.starts_with("violation")));
}

#[test]
fn a_first_run_does_not_except_a_violation() {
    let installation = Installation::shipped();
    installation.write_reviews(&format!(
        "[[violation]]\npackage = \"{PACKED}\"\nversions = \"*\"\nreason = \"bad\"\nby = \"Eve\"\ndate = 2026-10-01\n"
    ));
    let init = installation.init(1);
    assert!(init.stdout.contains("violation"), "{}", init.stdout);
    assert!(!std::fs::read_to_string(installation.policy()).expect("policy").contains("\"violation\""));
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
        std::fs::write(installation.policy(), format!("version = 1\n[imports.friend]\n{location}\ndigest = \"{digest}\"\n"))
            .expect("policy");
    };
    policy("path = \"theirs.toml\"");
    assert!(about(&installation.check().1, PACKED).is_empty());

    std::fs::write(installation.config.join("theirs.toml"), theirs.replace("Ada", "Eve")).expect("import");
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("is not the file that policy pins"), "{}", run.stderr);
    std::fs::remove_file(installation.config.join("theirs.toml")).expect("remove");
    assert_eq!(installation.run(&["check"]).code, 2);
    policy("url = \"https://reviews.example.org/friend.toml\"");
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--online"), "{}", run.stderr);
}

#[test]
fn a_broken_reviews_file_is_never_taken_for_empty() {
    let installation = locked();
    for (text, told) in [
        ("version = 2\n", "upgrade openclaw-verify"),
        ("version = 1\n<<<<<<< ours\n", "conflict marker"),
        ("version = 1\n[[review]]\n", "missing key"),
        ("version = 1\nignore = true\n", "unknown key"),
    ] {
        std::fs::write(installation.reviews(), text).expect("reviews");
        let run = installation.run(&["check"]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(told) && run.stderr.contains("openclaw-reviews.toml"), "{}", run.stderr);
    }
}
