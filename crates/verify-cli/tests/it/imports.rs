//! Reviews of other people: `lock` fetches them, everything else only reads what policy pins.

use std::fs;

use openclaw_verify_core::digest::Sha256Digest;

use crate::server::{Answer, Server};
use crate::support::{Installation, Run, findings};

const PACKED: &str = "npm-pack:@acme/packed";

/// A policy without exceptions, which imports `text` from `place` (`url = …` or `path = …`).
fn import(installation: &Installation, place: &str, text: &str) {
    let digest = Sha256Digest::of(text.as_bytes());
    let policy = format!(
        "version = 1\n[levels]\nunpinned-mcp-server = \"warn\"\n\n[imports.friend]\n{place}\ndigest = \"{digest}\"\n"
    );
    fs::write(installation.policy(), policy).expect("policy");
}

fn about(installation: &Installation) -> Vec<String> {
    findings(&installation.check().1)
        .into_iter()
        .filter(|finding| finding.contains(&format!("{PACKED}:")))
        .collect()
}

/// What a run says on standard error, without the breaks of its lines.
fn said(run: &Run) -> String {
    run.stderr
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn imports_are_fetched_by_lock_alone_and_count() {
    let installation = Installation::shipped();
    installation.init(0);
    let report = installation.check().1;
    let subject = report["subjects"]
        .as_array()
        .expect("subjects")
        .iter()
        .find(|subject| subject["id"] == PACKED);
    let tree = subject.expect("packed")["tree"]
        .as_str()
        .expect("digest")
        .to_owned();
    let review = format!(
        "version = 1\n\n[[review]]\npackage = \"{PACKED}\"\ntree = \"{tree}\"\ncriteria = \"safe-to-run\"\nby = \"Friend\"\ndate = 2026-11-01\n\n\
         [[trust]]\npublisher = \"github:a/a\"\npackages = [\"**\"]\ncriteria = \"safe-to-run\"\nby = \"Friend\"\nstart = 2026-11-01\nuntil = 2027-11-01\n"
    );
    let server = Server::start();
    let serve = |text: &str| server.set("/r.toml", Answer::Good(text.into()));
    let asked = || server.seen("/r.toml");
    serve(&review);
    let at = format!("url = \"{}\"", server.url("/r.toml"));
    import(&installation, &at, &review);
    let lock = installation.lock_text();
    for arguments in [
        &["check"][..],
        &["lock"],
        &["check", "--online"],
        &["review"],
    ] {
        let run = installation.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.text());
        assert!(
            said(&run).contains("are not in the cache") && said(&run).contains("lock --online"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(asked(), 0, "only lock --online asks");
    let run = installation.run(&["lock", "--online"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr
            .contains("fetched the imported reviews `friend` from http://127.0.0.1"),
        "{}",
        run.stderr
    );
    assert_eq!(asked(), 1);
    assert_eq!(
        about(&installation),
        [] as [&str; 0],
        "a friend has read it"
    );
    assert_eq!(installation.run(&["lock"]).code, 0);
    assert_eq!(asked(), 1);

    // The friend finds something. `check` does not show it; `lock` shows it and stops until the file is accepted.
    let violation = format!(
        "{review}\n[[violation]]\npackage = \"{PACKED}\"\nversions = \"*\"\nreason = \"bad\"\nby = \"Friend\"\ndate = 2026-11-02\n"
    );
    serve(&violation);
    assert_eq!(about(&installation), [] as [&str; 0]);
    let run = installation.run(&["lock", "--online"]);
    assert_eq!(run.code, 2, "{}", run.text());
    for line in [
        &Sha256Digest::of(violation.as_bytes()).to_string(),
        &Sha256Digest::of(review.as_bytes()).to_string(),
        "line 7 of",
    ] {
        assert!(said(&run).contains(line), "{line}: {}", run.stderr);
    }
    assert!(
        run.stderr.contains("+ violation of npm-pack:@acme/packed"),
        "{}",
        run.stderr
    );
    assert_eq!(installation.lock_text(), lock, "nothing was written");
    let before = asked();
    import(&installation, &at, &violation);
    assert!(
        about(&installation)[0].starts_with("violation"),
        "{:?}",
        about(&installation)
    );
    assert_eq!(
        asked(),
        before,
        "what was shown is what is accepted, without another fetch"
    );

    // No server: what is pinned stays in force, and that is said.
    import(
        &installation,
        "url = \"http://127.0.0.1:9/reviews.toml\"",
        &violation,
    );
    let run = installation.run(&["lock", "--online"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("could not refresh"), "{}", run.stderr);

    // The gate has no home; it finds what lock kept beside the policy.
    let kept = installation.config.join(".openclaw-verify/imports");
    assert!(
        kept.join(format!(
            "{}.toml",
            Sha256Digest::of(violation.as_bytes()).hex()
        ))
        .is_file()
    );
    let selftest = installation.run(&["gate", "--selftest"]);
    assert!(
        !said(&selftest).contains("not in the cache"),
        "{}",
        selftest.text()
    );
    fs::remove_dir_all(kept).expect("imports");
    let selftest = installation.run(&["gate", "--selftest"]);
    assert!(
        said(&selftest).contains("not in the cache"),
        "{}",
        selftest.text()
    );
}

#[test]
fn an_imported_file_that_changed_stops_every_verb() {
    let installation = Installation::shipped();
    installation.init(0);
    let file = installation.config.join("friend.toml");
    fs::write(&file, "version = 1\n").expect("file");
    import(&installation, "path = \"friend.toml\"", "version = 1\n");
    assert_eq!(installation.run(&["lock"]).code, 0);
    fs::write(&file, "version = 1\n# more\n").expect("file");
    for verb in ["check", "lock", "review"] {
        let run = installation.run(&[verb]);
        assert_eq!(run.code, 2, "{verb}: {}", run.text());
        assert!(
            run.stderr.contains("openclaw-verify.toml:7:") && run.stderr.contains("friend.toml is"),
            "{}",
            run.stderr
        );
    }
    // Their exceptions are nothing that a reviews file can hold.
    let exception = "version = 1\n[[exception]]\npackage = \"npm:a\"\n";
    fs::write(&file, exception).expect("file");
    import(&installation, "path = \"friend.toml\"", exception);
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("unknown key `exception`"),
        "{}",
        run.stderr
    );
}
