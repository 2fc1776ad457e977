//! Rules that no other test asks about, one small case each.

use std::fs;

use crate::support::{Installation, Run, copy, findings};

/// Whether a check of `installation` finds `id` about something that `names`.
fn found(installation: &Installation, id: &str, names: &str) {
    let (_, report) = installation.check();
    let all = findings(&report);
    assert!(
        all.iter()
            .any(|finding| finding.starts_with(&format!("{id} ")) && finding.contains(names)),
        "{id}: {all:#?}"
    );
}

fn with_policy(more: &str) -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    fs::write(installation.policy(), policy + more).expect("policy");
    installation
}

fn exception(until: &str) -> String {
    let tree = "0".repeat(64);
    format!(
        "\n[[exception]]\npackage = \"path:acme-notes\"\ntree = \"git-sha256:{tree}\"\nallow = [\"unpinned\"]\nreason = \"x\"\nuntil = {until}\n"
    )
}

#[test]
fn an_expired_exception_is_reported() {
    let installation = with_policy(&exception("2026-11-21"));
    found(&installation, "exception-expired", "expired on 2026-11-21");
    // It covered nothing that is still there, so it is a line to take out and nothing worse.
    assert_eq!(installation.check().0, 0);
}

#[test]
fn exceptions_that_end_soon_are_one_finding_with_what_is_left_to_read() {
    let installation = with_policy("");
    let ending = |now: &str| {
        let mut command = installation.command_at(now, &["check", "--format", "json"]);
        let run = Run::of(&command.output().expect("the binary runs"));
        let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        let all = findings(&report).into_iter();
        all.filter(|finding| finding.starts_with("exception-expi"))
            .collect::<Vec<String>>()
    };
    // Those of the first run last 90 days from 2026-11-22.
    assert_eq!(ending("2027-02-05T12:00:00Z"), Vec::<String>::new());
    for (now, when) in [
        ("2027-02-06T12:00:00Z", "(in 14 days)"),
        ("2027-02-19T12:00:00Z", "(in 1 day)"),
        ("2027-02-20T12:00:00Z", "(today is the last day)"),
    ] {
        let found = ending(now);
        let [one] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert!(one.starts_with("exception-expiring "), "{one}");
        assert!(one.contains(&format!("end on 2027-02-20 {when}")), "{one}");
        assert!(one.contains("subjects left to read: "), "{one}");
        assert!(one.contains("skill:workspace/weather: unreviewed"), "{one}");
    }
    let found = ending("2027-02-21T12:00:00Z");
    assert!(found.len() > 1, "one each: {found:#?}");
    assert!(
        found
            .iter()
            .all(|one| one.starts_with("exception-expired ")),
        "{found:#?}"
    );
}

#[test]
fn an_exception_that_covers_nothing_does_not_expire_soon() {
    let installation = with_policy(&exception("2026-12-01"));
    let (_, report) = installation.check();
    let all = findings(&report);
    assert!(
        !all.iter()
            .any(|finding| finding.starts_with("exception-expiring ")),
        "{all:#?}"
    );
}

#[test]
fn an_exception_for_other_bytes_covers_nothing() {
    found(
        &with_policy(&exception("2026-12-24")),
        "exception-unused",
        "path:acme-notes",
    );
}

#[test]
fn a_rule_that_matches_nothing_is_reported() {
    found(
        &with_policy("\n[[rule]]\nmatch = \"npm:@absent/*\"\npin = \"exact\"\n"),
        "rule-unmatched",
        "npm:@absent/*",
    );
}

#[test]
fn what_is_locked_and_gone_is_reported() {
    let installation = with_policy("");
    fs::remove_dir_all(installation.state.join("workspace/skills/weather")).expect("remove");
    found(&installation, "not-installed", "skill:workspace/weather");
}

#[test]
fn a_skill_that_hides_another_is_reported() {
    let installation = with_policy("");
    fs::create_dir_all(installation.state.join("skills")).expect("folder");
    copy(
        &installation.state.join("workspace/skills/weather"),
        &installation.state.join("skills/weather"),
    );
    found(&installation, "shadowed", "skill:managed/weather");
}

#[test]
fn an_old_generation_is_reported() {
    let installation = with_policy("");
    let projects = installation.state.join("npm/projects");
    let old = projects.join("acme-packed-45d40bbf34__openclaw-generation__g-0123456789abcdef");
    copy(&projects.join("acme-packed-45d40bbf34"), &old);
    found(
        &installation,
        "stale-generation[same-version]",
        "g-0123456789abcdef",
    );
}

#[test]
fn a_lifecycle_script_is_reported() {
    let installation = Installation::shipped();
    let package = installation
        .state
        .join("extensions/acme-notes/package.json");
    let text = fs::read_to_string(&package).expect("package");
    fs::write(
        &package,
        text.replacen(
            '{',
            "{ \"scripts\": { \"postinstall\": \"node evil.js\" },",
            1,
        ),
    )
    .expect("write");
    installation.run(&["lock", "--init"]);
    found(&installation, "install-script", "node evil.js");
}

#[test]
fn a_tag_with_two_names_is_malformed() {
    let installation = Installation::empty();
    let tag = "object 1111111111111111111111111111111111111111\ntype commit\ntag v1.0.0\ntag v2.0.0\ntagger a <a@example.org> 1760000000 +0000\n\nx\n";
    fs::write(installation.config.join("tag"), tag).expect("tag");
    let key = "a@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\n";
    fs::write(installation.config.join("signers"), key).expect("signers");
    let run = installation.run(&[
        "release",
        "--object",
        "tag",
        "--signers",
        "signers",
        "--format",
        "json",
    ]);
    assert_eq!(run.code, 1, "{}", run.text());
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert!(
        findings(&report)
            .iter()
            .any(|finding| finding.starts_with("tag-malformed[")),
        "{:#?}",
        findings(&report)
    );
}

/// The first line of what people see, and the exit code.
fn first_line(installation: &Installation, verb: &str) -> (i32, String) {
    let run = installation.run(&[verb]);
    let first = run.stdout.lines().next().unwrap_or_default();
    (run.code, first.to_owned())
}

#[test]
fn the_first_line_says_in_words_whether_all_is_well() {
    let installation = with_policy("");
    let written = |day: &str| {
        let lock = fs::File::options().write(true).open(installation.lock());
        let at: jiff::Timestamp = format!("{day}T08:00:00Z").parse().expect("time");
        lock.expect("lock").set_modified(at.into()).expect("time");
    };
    let to_read = "; 7 things to read by 2027-02-20, 1 excepted, 1 to look at";
    for (day, since) in [
        ("2026-11-20", "20 November"),
        ("2025-03-01", "1 March 2025"),
        ("2026-11-22", "it was locked today"),
        // A clock that is wrong says nothing.
        ("2031-01-01", "it was locked"),
    ] {
        written(day);
        let (code, line) = first_line(&installation, "check");
        assert_eq!(
            (code, line),
            (0, format!("nothing changed since {since}{to_read}"))
        );
    }
    let (_, line) = first_line(&installation, "skills");
    assert!(
        line.starts_with("nothing of it changed since it was locked; "),
        "{line}"
    );

    // What is set aside for one run is still not called unchanged.
    fs::create_dir_all(installation.state.join("workspace/skills/new")).expect("folder");
    let text = "---\nname: new\ndescription: x\n---\n";
    fs::write(
        installation.state.join("workspace/skills/new/SKILL.md"),
        text,
    )
    .expect("write");
    let (code, line) = first_line(&installation, "check");
    let is_new = line.starts_with("something is new or was changed; 1 subject to lock, ");
    assert!(code == 1 && is_new, "{code} {line}");
    let allowed = installation.run(&["check", "-A", "not-locked"]).stdout;
    assert!(!allowed.starts_with("nothing"), "{allowed}");

    let code = installation.state.join("extensions/acme-notes/index.js");
    fs::write(code, "evil").expect("write");
    let (code, line) = first_line(&installation, "check");
    let is_wrong =
        line.starts_with("1 subject is not as it was locked and recorded: look there first; ");
    assert!(code == 1 && is_wrong, "{code} {line}");
}
