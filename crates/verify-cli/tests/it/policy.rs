//! `policy` and its actions, and what `review --record` offers.

use std::fs;
use std::process::Command;

use crate::support::{Installation, Run, findings};

const SKILL: &str = "skill:workspace/weather";

fn shipped() -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    installation
}

fn text(installation: &Installation) -> String {
    fs::read_to_string(installation.policy()).expect("policy")
}

fn except(installation: &Installation, id: &str, finding: &str, more: &[&str]) -> Run {
    let line = ["policy", "except", id, finding, "--until", "2027-01-31"];
    installation.run(&[&line, more].concat())
}

#[test]
fn an_exception_is_bound_to_what_is_installed_and_covers_the_finding() {
    let installation = shipped();
    let before = "# ours\nversion = 1 # one\n\n# the end\n";
    fs::write(installation.policy(), before).expect("policy");
    let counts = |found: &str| {
        let (_, report) = installation.check();
        let all = findings(&report);
        all.iter()
            .any(|one| one.starts_with(&format!("{found} {SKILL}")))
    };
    assert!(counts("unreviewed"));
    let reason = ["--reason", "pilot \"A\"\u{202e}", "--yes"];
    let run = except(&installation, SKILL, "unreviewed", &reason);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("+ [[exception]]\n"), "{}", run.stdout);
    assert!(
        text(&installation).starts_with(before),
        "{}",
        text(&installation)
    );
    assert!(!counts("unreviewed"));
    // Again is a renewal: the entry is replaced, not added.
    let line = [
        "policy",
        "except",
        SKILL,
        "unreviewed",
        "--until",
        "2027-02-01",
    ];
    let run = installation.run(&[&line[..], &reason].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout.contains("- until = 2027-01-31\n"),
        "{}",
        run.stdout
    );
    assert_eq!(text(&installation).matches("[[exception]]").count(), 1);
    assert!(text(&installation).contains("until = 2027-02-01"));
    assert!(!counts("unreviewed"));
}

#[test]
fn what_is_locked_can_be_excepted_before_it_is_installed() {
    let installation = shipped();
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    let more = ["--reason", "pilot", "--yes"];
    let entry = |text: &str| -> String {
        let (_, exception) = text.split_once("[[exception]]").expect("an exception");
        let tree = exception.lines().find(|line| line.starts_with("tree"));
        tree.expect("its tree").to_owned()
    };
    let run = except(
        &installation,
        SKILL,
        "unreviewed",
        &[&more[..], &["--lock-only"]].concat(),
    );
    assert_eq!(run.code, 0, "{}", run.text());
    let by_lock = entry(&text(&installation));
    // As the gate leaves it: what is locked is not what is installed.
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    let skill = installation.state.join("workspace/skills/weather/SKILL.md");
    crate::tamper::append(&skill, "more\n");
    let run = except(&installation, SKILL, "unreviewed", &more);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(entry(&text(&installation)), by_lock);
    assert_eq!(installation.check().0, 1, "it covers what is locked alone");

    let nothing = except(
        &installation,
        "path:none",
        "unreviewed",
        &[&more[..], &["--lock-only"]].concat(),
    );
    assert_eq!(nothing.code, 2, "{}", nothing.text());
}

#[test]
fn what_cannot_be_excepted_is_refused_and_nothing_is_written() {
    let installation = shipped();
    let before = text(&installation);
    let why = ["--reason", "x", "--yes"];
    for (id, finding, says) in [
        (SKILL, "tree-mismatch", "can never be excepted"),
        (SKILL, "unreviewd", "did you mean unreviewed?"),
        (SKILL, "provenance-missing", "was not found about"),
        ("skill:workspace/wether", "unreviewed", "did you mean"),
        (
            "weather",
            "unreviewed",
            "name it in full: skill:workspace/weather",
        ),
    ] {
        let run = except(&installation, id, finding, &why);
        assert_eq!(run.code, 2, "{id} {finding}: {}", run.text());
        assert!(run.stderr.contains(says), "{id} {finding}: {}", run.stderr);
    }
    for (until, says) in [
        ("2026-11-21", "is over"),
        ("2027-05-22", "is too far ahead"),
    ] {
        let line = ["policy", "except", SKILL, "unreviewed", "--until", until];
        let run = installation.run(&[&line[..], &why].concat());
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    let run = except(
        &installation,
        SKILL,
        "unreviewed",
        &["--reason", " ", "--yes"],
    );
    assert_eq!(run.code, 2, "{}", run.text());
    let run = except(&installation, SKILL, "unreviewed", &["--reason", "x"]);
    assert!(
        run.code == 2 && run.stderr.contains("no terminal"),
        "{}",
        run.text()
    );
    assert_eq!(text(&installation), before);
}

#[test]
fn prune_takes_out_what_is_expired_or_covers_nothing_and_keeps_the_rest() {
    let installation = shipped();
    let before = text(&installation);
    let entry = |digit: &str, until: &str| {
        let tree = digit.repeat(64);
        format!(
            "[[exception]] # why\npackage = \"path:acme-notes\"\ntree = \"git-sha256:{tree}\"\nallow = [\n  \"unpinned\", # pins\n]\nreason = \"x\"\nuntil = {until}\n"
        )
    };
    let more = format!(
        "\n# expired\n{}\n# unused\n{}\n# end\n",
        entry("0", "2026-11-21"),
        entry("1", "2026-12-24")
    );
    fs::write(installation.policy(), format!("{before}{more}")).expect("policy");
    let run = installation.run(&["policy", "prune"]);
    assert!(
        run.code == 2 && run.stderr.contains("no terminal"),
        "{}",
        run.text()
    );
    assert_eq!(text(&installation), format!("{before}{more}"));
    let run = installation.run(&["policy", "prune", "--yes", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(document["removed"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        text(&installation),
        format!("{before}\n# expired\n\n# unused\n\n# end\n")
    );
    let run = installation.run(&["policy", "prune", "--yes"]);
    assert!(
        run.code == 0 && run.stderr.contains("no exception"),
        "{}",
        run.text()
    );
    let (code, report) = installation.check();
    assert_eq!(code, 0, "{:#?}", findings(&report));
}

#[test]
fn an_exception_for_two_findings_is_split() {
    let installation = shipped();
    let both = "\nallow = [\"unreviewed\", \"unpinned\"] # both";
    let before = text(&installation);
    let (head, tail) = before
        .split_once("package = \"path:acme-notes\"")
        .expect("entry");
    let tail = tail.replacen("\nallow = [\"unreviewed\"]", both, 1);
    let policy = format!("{head}package = \"path:acme-notes\"{tail}");
    fs::write(installation.policy(), policy).expect("policy");
    let id = "path:acme-notes";
    let run = except(&installation, id, "unreviewed", &["--reason", "x", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        text(&installation).contains("allow = [\"unpinned\"] # both"),
        "{}",
        text(&installation)
    );
}

#[test]
fn a_review_names_the_exception_that_it_makes_needless() {
    let installation = shipped();
    let record = [
        "review",
        SKILL,
        "--record",
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada",
    ];
    let run = installation.run(&[&record[..], &["--yes"]].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr
            .contains("this makes 1 exception needless: openclaw-verify policy prune"),
        "{}",
        run.stderr
    );
    let before = text(&installation).matches("[[exception]]").count();
    let run = installation.run(&["policy", "prune", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout
            .contains("- package = \"skill:workspace/weather\""),
        "{}",
        run.stdout
    );
    assert_eq!(
        text(&installation).matches("[[exception]]").count(),
        before - 1
    );
    let (code, report) = installation.check();
    assert_eq!(code, 0, "{:#?}", findings(&report));
}

#[test]
fn a_source_is_listed_once_beside_what_is_there() {
    let installation = shipped();
    let list = |before: &str, address: &str| {
        fs::write(installation.policy(), before).expect("policy");
        let run = installation.run(&["policy", "source", address, "--yes"]);
        (run.code, text(&installation), run.text())
    };
    let https = "https://r.example/npm";
    for (before, address, after) in [
        (
            "version = 1\n",
            https,
            "version = 1\n\n[sources]\nregistries = [\"https://r.example/npm\"]\n",
        ),
        (
            "version = 1\n[sources] # mine\nmin-age-days = 7\n",
            https,
            "version = 1\n[sources] # mine\nregistries = [\"https://r.example/npm\"]\nmin-age-days = 7\n",
        ),
        (
            "version = 1\n[sources]\nregistries = [\n  \"https://a.example\", # ours\n]\n",
            https,
            "version = 1\n[sources]\nregistries = [\n  \"https://a.example\", \"https://r.example/npm\", # ours\n]\n",
        ),
        (
            "version = 1\n[sources]\nregistries = []\n",
            "https://r.example/npm/",
            "version = 1\n[sources]\nregistries = [\"https://r.example/npm\"]\n",
        ),
        (
            "version = 1\r\n[sources]\r\ngit = [\"github.com/a/*\"]\r\n",
            "github.com/acme/notes",
            "version = 1\r\n[sources]\r\ngit = [\"github.com/a/*\", \"github.com/acme/notes\"]\r\n",
        ),
        (
            "version = 1\n[sources]\nregistries = [\"https://r.example/npm/\"]\n",
            https,
            "version = 1\n[sources]\nregistries = [\"https://r.example/npm/\"]\n",
        ),
    ] {
        let (code, now, said) = list(before, address);
        assert_eq!((code, now.as_str()), (0, after), "{said}");
    }
    for (before, address) in [
        ("version = 1\n", "https://u:p@r.example/"),
        ("version = 1\n", "https://"),
        ("version = 1\n", "foo"),
        ("version = 1\nsources = { min-age-days = 7 }\n", https),
        ("version = 1\nsources.min-age-days = 7\n", https),
    ] {
        let (code, now, said) = list(before, address);
        assert_eq!((code, now.as_str()), (2, before), "{said}");
    }
    // Without a terminal nothing can be asked.
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    let run = installation.run(&["policy", "source", https]);
    assert_ne!(run.code, 0);
    assert_eq!(text(&installation), "version = 1\n");
}

#[test]
fn keys_and_entries_change_without_an_editor() {
    let installation = shipped();
    let policy = |words: &[&str]| {
        let run = installation.run(&[&["policy"], words, &["--yes"]].concat());
        (run.code, run.text())
    };
    let before = text(&installation);
    let (code, said) = policy(&["set", "levels.unreviewed=warn", "host.check=true"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("+ unreviewed = \"warn\""), "{said}");
    assert_eq!(
        text(&installation),
        format!("{before}\n[levels]\nunreviewed = \"warn\"\n\n[host]\ncheck = true\n")
    );
    let (_, report) = installation.check();
    let about_machine = |report| {
        findings(report)
            .iter()
            .any(|one| one.contains("sandbox-off"))
    };
    assert!(about_machine(&report), "{:#?}", findings(&report));
    let (code, said) = policy(&["set", "host.check=true"]);
    assert!(code == 0 && said.contains("says so already"), "{said}");

    let (code, said) = policy(&["unset", "host", "levels.unreviewed"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(text(&installation), before);
    let (_, report) = installation.check();
    assert!(!about_machine(&report));

    let entry = ["match=skill:workspace/*", "review=none"];
    let (code, said) = policy(&[&["add", "rule"], &entry[..]].concat());
    assert_eq!(code, 0, "{said}");
    let (code, said) = policy(&["remove", "rule", "match=skill:workspace/*"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(text(&installation), before);

    // What would be no policy, or less than may be asked, is not written.
    for words in [
        &["set", "levels.tree-mismatch=allow"][..],
        &["set", "levels.unreviewed"],
        &[
            "add",
            "exception",
            "package=skill:workspace/weather",
            "allow=unreviewed",
            "reason=x",
            "until=2027-01-31",
        ],
        &["unset", "preset.x"],
        &["remove", "rule", "match=skill:workspace/*"],
    ] {
        let (code, said) = policy(words);
        assert_eq!(
            (code, text(&installation).as_str()),
            (2, before.as_str()),
            "{words:?}: {said}"
        );
    }
    let run = installation.run(&["policy", "renew", "--until", "tomorrow"]);
    assert!(
        run.stderr.contains("a day such as 2027-01-31"),
        "{}",
        run.text()
    );
    // Without a terminal nothing can be asked.
    let run = installation.run(&["policy", "set", "preset=homelab"]);
    assert!(
        run.code == 2 && run.stderr.contains("no terminal"),
        "{}",
        run.text()
    );
    assert_eq!(text(&installation), before);
}

#[test]
fn exceptions_that_end_are_renewed_at_once_and_only_those_that_cover_something() {
    let installation = shipped();
    let stale = format!(
        "\n[[exception]]\npackage = \"path:acme-notes\"\ntree = \"git-sha256:{}\"\nallow = [\"unpinned\"]\nreason = \"x\"\nuntil = 2026-12-01\n",
        "1".repeat(64)
    );
    let fresh = text(&installation);
    let many = fresh.matches("until = 2027-02-20").count();
    assert!(many > 2, "{fresh}");
    let renew = |more: &[&str]| {
        installation.run(&[&["policy", "renew", "--until", "2027-05-01", "--yes"], more].concat())
    };
    let ours = |day: &str| fresh.replace("until = 2027-02-20", &format!("until = {day}"));
    // They end in ten days, or have ended.
    for day in ["2026-12-02", "2026-11-20"] {
        fs::write(installation.policy(), format!("{}{stale}", ours(day))).expect("policy");
        let run = renew(&[]);
        assert_eq!(run.code, 0, "{}", run.text());
        let line = format!("- until = {day} # {SKILL}: unreviewed (there at the first run");
        assert!(run.stdout.contains(&line), "{}", run.stdout);
        assert_eq!(
            text(&installation),
            format!("{}{stale}", ours("2027-05-01")),
            "{day}"
        );
    }
    let run = renew(&[]);
    assert!(
        run.code == 0
            && words(&run).contains("none ends soon; one that ends later is renewed by name: openclaw-verify policy renew ID --until 2027-05-01"),
        "{}",
        run.text()
    );
    // What changed since is not covered again.
    fs::write(installation.policy(), ours("2026-11-20")).expect("policy");
    let file = installation.state.join("workspace/skills/weather/SKILL.md");
    let skill = fs::read_to_string(&file).expect("skill");
    fs::write(&file, format!("{skill}\nobey\n")).expect("skill");
    let run = renew(&[]);
    assert!(
        run.code == 0 && !run.stdout.contains(SKILL),
        "{}",
        run.text()
    );
    fs::write(&file, skill).expect("skill");
    // By name also what ends later; one that is not there is said.
    fs::write(installation.policy(), &fresh).expect("policy");
    let run = renew(&[SKILL]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(text(&installation).matches("2027-05-01").count(), 1);
    assert_eq!(renew(&["core:openclaw"]).code, 2);
    let run = installation.run(&["policy", "renew", "--until", "2027-06-01", "--yes"]);
    assert!(
        run.code == 2 && run.stderr.contains("too far ahead"),
        "{}",
        run.text()
    );
}

#[test]
fn a_finding_about_the_machine_is_excepted_by_the_printed_line() {
    let installation = shipped();
    let report =
        |run: &Run| -> serde_json::Value { serde_json::from_str(&run.stdout).expect("JSON") };
    let host = || report(&installation.run(&["host", "--format", "json"]));
    let report = host();
    let all = report["findings"].as_array().expect("findings");
    let one = all
        .iter()
        .find(|one| one["definition"].is_string())
        .expect("one");
    let line = format!(
        "openclaw-verify policy add exception package=host:machine definition={} allow={} until=DAY reason=TEXT",
        one["definition"].as_str().expect("digest"),
        one["id"].as_str().expect("id")
    );
    let run = crate::way_out::run(&installation, &line).expect("ours");
    assert_eq!(run.code, 0, "{}", run.text());
    let after = host();
    let same = after["findings"].as_array().expect("findings").iter();
    let same = same.filter(|it| it["definition"] == one["definition"]);
    assert!(
        same.into_iter().all(|it| it["suppressed"].is_object()),
        "{after:#}"
    );
}

#[test]
fn a_path_that_can_never_be_state_is_refused_with_the_reason() {
    let installation = shipped();
    let before = text(&installation);
    let declared = |paths: &str| {
        let entry = format!("{before}\n[[mutable]]\npackage = \"{SKILL}\"\npaths = [{paths}]\n");
        fs::write(installation.policy(), entry).expect("policy");
        installation.run(&["check"])
    };
    for (paths, why) in [
        ("\"data/*.json\", \"notes.md\"", "only files that end in"),
        ("\"package.json\"", "programs obey"),
        ("\".git/hooks/**\"", "of .git only"),
        ("\".env.json\"", "a hidden file"),
    ] {
        let run = declared(paths);
        assert!(
            run.code == 2 && run.stderr.contains("can never be state") && run.stderr.contains(why),
            "{paths}: {}",
            run.text()
        );
    }
    let run = declared("\"data/*.json\", \"a.db\", \"cache/**\", \".git/**\"");
    assert_ne!(run.code, 2, "{}", run.text());
}

#[test]
fn the_first_end_of_several_exceptions_is_said_to_be_the_first() {
    let installation = shipped();
    let shown = || installation.run(&["check"]).text();
    let before = shown();
    assert!(
        before.contains(" excepted until ") && !before.contains("the first"),
        "{before}"
    );
    let policy = text(&installation);
    let (_, rest) = policy.rsplit_once("\nuntil = ").expect("an exception");
    let day = rest.lines().next().unwrap_or_default().to_owned();
    let (first, last) = policy.rsplit_once(&day).expect("the day");
    assert!(first.contains(&day), "{policy}");
    let earlier = format!("{first}2026-12-20{last}");
    fs::write(installation.policy(), earlier).expect("policy");
    let after = shown();
    assert!(after.contains(" excepted, the first until "), "{after}");
}

/// A repository of the operator's folder in which two branches changed the policy.
fn two_branches(installation: &Installation, ours: &[&str], theirs: &[&str]) {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(&installation.config).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "Ada");
            command.env(format!("GIT_{name}_EMAIL"), "ada@example.org");
        }
        command.output().expect("git").status.success()
    };
    let change = |arguments: &[&str]| {
        let run = installation.run(&[arguments, &["--yes"]].concat());
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(git(&["commit", "-qam", "change"]));
    };
    assert!(
        git(&["init", "-q", "-b", "main"])
            && git(&["add", "."])
            && git(&["commit", "-qm", "begin"])
    );
    assert!(git(&["checkout", "-q", "-b", "colleague"]));
    change(theirs);
    assert!(git(&["checkout", "-q", "main"]));
    change(ours);
    assert!(!git(&["merge", "-q", "colleague"]), "git could merge");
}

fn words(run: &Run) -> String {
    run.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn two_branches_that_change_the_policy_are_merged_without_an_editor() {
    let installation = shipped();
    let add = |pattern: &'static str| ["policy", "add", "rule", pattern, "pin=digest"];
    two_branches(
        &installation,
        &add("match=npm:@acme/*"),
        &add("match=npm:@beta/*"),
    );
    let before = text(&installation);
    let unmerged = installation.run(&["check"]);
    assert_eq!(unmerged.code, 2);
    assert!(
        words(&unmerged).contains("conflict marker"),
        "{}",
        unmerged.stderr
    );
    assert!(
        words(&unmerged).contains("openclaw-verify policy resolve"),
        "{}",
        unmerged.stderr
    );
    let no_terminal = installation.run(&["policy", "resolve"]);
    assert_eq!(no_terminal.code, 2, "{}", no_terminal.text());
    assert_eq!(text(&installation), before);
    let run = installation.run(&["policy", "resolve", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout.contains("+ match = \"npm:@beta/*\""),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr
            .contains("only ours has [[rule]] match = \"npm:@acme/*\""),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("git add openclaw-verify.toml"),
        "{}",
        run.stderr
    );
    let merged = text(&installation);
    assert!(
        merged.contains("npm:@acme/*")
            && merged.contains("npm:@beta/*")
            && !merged.contains("<<<<")
    );
    assert_eq!(installation.run(&["check"]).code, 0);
    let again = installation.run(&["policy", "resolve"]);
    assert_eq!(again.code, 2, "resolved already");
}

#[test]
fn what_both_branches_say_differently_is_chosen_by_name() {
    let installation = shipped();
    let level = |level: &'static str| ["policy", "set", level];
    two_branches(
        &installation,
        &level("levels.unreviewed=deny"),
        &level("levels.unreviewed=note"),
    );
    let before = text(&installation);
    let open = installation.run(&["policy", "resolve", "--yes"]);
    assert_eq!(open.code, 2, "{}", open.text());
    let said = words(&open);
    assert!(
        said.contains("levels.unreviewed: ours \"deny\", theirs \"note\""),
        "{said}"
    );
    assert!(
        said.contains("openclaw-verify policy resolve --take ours"),
        "{said}"
    );
    assert_eq!(text(&installation), before);
    for (side, kept) in [("ours", "deny"), ("theirs", "note")] {
        fs::write(installation.policy(), &before).expect("policy");
        let run = installation.run(&["policy", "resolve", "--take", side, "--yes"]);
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(
            run.stderr.contains(&format!("{side} is taken")),
            "{}",
            run.stderr
        );
        assert!(text(&installation).contains(&format!("unreviewed = \"{kept}\"")));
        assert_eq!(text(&installation).matches("unreviewed = ").count(), 1);
    }
}

/// One branch fills in a table that the starter policy has as a comment, another appends it: git merges both without a conflict.
#[test]
fn a_table_that_git_merged_twice_is_joined_without_an_editor() {
    let installation = shipped();
    let set = |level: &str| {
        let run = installation.run(&["policy", "set", level, "--yes"]);
        assert_eq!(run.code, 0, "{}", run.text());
    };
    set("levels.too-fresh=deny");
    let once = text(&installation);
    let twice = |line: &str| {
        once.replacen(
            "version = 1\n",
            &format!("version = 1\n\n[levels]\n{line}\n\n"),
            1,
        )
    };
    let head = |policy: String| {
        // A key of the top comes before the first table.
        let line = policy
            .lines()
            .find(|line| line.starts_with("preset"))
            .expect("preset")
            .to_owned();
        policy.replacen(&format!("{line}\n"), "", 1).replacen(
            "version = 1\n",
            &format!("version = 1\n{line}\n"),
            1,
        )
    };
    let unmerged = head(twice("floating-spec = \"deny\""));
    fs::write(installation.policy(), &unmerged).expect("policy");
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 2, "{}", run.text());
    let said = words(&run);
    assert!(
        said.contains("duplicate key `levels`") && said.contains("openclaw-verify policy resolve"),
        "{said}"
    );
    let run = installation.run(&["policy", "resolve", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("is there twice"), "{}", run.stderr);
    let joined = text(&installation);
    assert_eq!(joined.matches("\n[levels]\n").count(), 1, "{joined}");
    assert!(
        joined.contains("[levels]\nfloating-spec = \"deny\"\ntoo-fresh = \"deny\"\n"),
        "{joined}"
    );
    assert_ne!(installation.run(&["check"]).code, 2);

    fs::write(installation.policy(), head(twice("too-fresh = \"note\""))).expect("policy");
    let open = installation.run(&["policy", "resolve", "--yes"]);
    assert_eq!(open.code, 2, "{}", open.text());
    assert!(
        words(&open).contains("levels.too-fresh: ours \"note\", theirs \"deny\""),
        "{}",
        open.stderr
    );
    let run = installation.run(&["policy", "resolve", "--take", "theirs", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(text(&installation).matches("too-fresh").count(), 1);
}
