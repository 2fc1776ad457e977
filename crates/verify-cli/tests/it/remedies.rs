//! Every kind of remedy that a finding can carry: the line that is printed for it is executed here on a state where it is printed.
//!
//! What OpenClaw or root would do is run by a shell that has stand-ins for them, which keep the words that they were given; the words
//! are those of OpenClaw's own commands.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use crate::coverage::rich;
use crate::support::{Installation, Run, repository};
use crate::tamper::plugin;
use crate::way_out::{OPENCLAW, command_in, run};

/// What is expected of the printed line.
enum Then {
    /// The finding is gone.
    Gone,
    /// It ends with 0 and shows something: a person decides.
    Shown,
    /// It has OpenClaw do what begins so.
    Through(&'static str),
    /// OpenClaw or root is asked for exactly this.
    Asked(&'static str),
    /// Added to the command that printed it, it is understood.
    Added,
    /// There is none: it is said in words.
    Words,
}

/// A kind of remedy, the verb whose report holds it, the finding, how the state comes about, and what the line does.
struct Case {
    kind: &'static str,
    verb: &'static str,
    finding: &'static str,
    make: fn() -> Installation,
    then: Then,
}

fn locked() -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    installation
}

fn changed(change: fn(&Installation)) -> Installation {
    let installation = locked();
    change(&installation);
    installation
}

fn sql(installation: &Installation, statement: &str) {
    Connection::open(installation.state.join("state/openclaw.sqlite"))
        .expect("database")
        .execute_batch(statement)
        .expect(statement);
}

fn cases() -> Vec<Case> {
    let case = |kind, verb, finding, make, then| Case {
        kind,
        verb,
        finding,
        make,
        then,
    };
    vec![
        case("lock", "check", "not-locked", new_skill, Then::Gone),
        case("review", "check", "unreviewed", unreviewed, Then::Shown),
        case("online", "check", "not-established", unasked, Then::Added),
        case(
            "reinstall",
            "check",
            "record-mismatch",
            other_version,
            Then::Asked("openclaw plugins install /home/user/src/archived.tgz --force"),
        ),
        case("set-aside", "check", "unrecorded", dropped, Then::Gone),
        case(
            "uninstall",
            "check",
            "known-malicious",
            malicious,
            Then::Asked("openclaw plugins uninstall acme-packed --force"),
        ),
        case(
            "unset",
            "check",
            "unrecorded",
            || {
                changed(|one| {
                    edit_config(
                        one,
                        "{",
                        "{ \"env\": { \"vars\": { \"BASH_ENV\": \"/x\" } },",
                    )
                })
            },
            Then::Asked("openclaw config unset env.vars.BASH_ENV"),
        ),
        case(
            "unset-variable",
            "check",
            "unrecorded",
            || {
                changed(|one| {
                    fs::write(one.state.join(".env"), "A=1\nexport BASH_ENV=/x\n").expect("file")
                })
            },
            Then::Gone,
        ),
        case(
            "unset-stored",
            "check",
            "unrecorded",
            stored,
            Then::Asked("openclaw secrets store rm BASH_ENV --yes"),
        ),
        case(
            "drop",
            "check",
            "unrecorded",
            || {
                changed(|one| {
                    sql(
                        one,
                        "CREATE TRIGGER \"odd name\" AFTER INSERT ON config_machine_state BEGIN SELECT 1; END",
                    );
                })
            },
            Then::Gone,
        ),
        case(
            "configure",
            "host",
            "sandbox-off",
            locked,
            Then::Asked("openclaw config set agents.defaults.sandbox.mode all"),
        ),
        case(
            "open-claw",
            "host",
            "secret-in-config",
            locked,
            Then::Asked("openclaw secrets configure"),
        ),
        case("permissions", "host", "code-writable", writable, Then::Gone),
        case(
            "gate",
            "host",
            "install-not-gated",
            here,
            Then::Through("openclaw config set security.installPolicy"),
        ),
        case("source", "check", "unlisted-source", mirror, Then::Gone),
        case("prune", "check", "exception-unused", unused, Then::Gone),
        case("renew", "check", "exception-expiring", ending, Then::Gone),
        case(
            "operator",
            "check",
            "unpinned-install-step",
            locked,
            Then::Words,
        ),
        case("operator", "check", "not-established", locked, Then::Added),
    ]
}

/// Those whose line is executed elsewhere, because the state needs more than one process or user: kind and test.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    (
        "set-state-dir",
        "config_folder.rs",
        "the_folder_of_the_config_is_no_second_place_of_code",
    ),
    (
        "pack",
        "honest.rs",
        "a_project_is_packed_by_one_line_where_a_package_holds_all_of_it",
    ),
    (
        "owner",
        "remedies.rs",
        "a_file_of_another_user_is_given_back",
    ),
    ("pin", "release.rs", "the_line_that_pins_a_tag_pins_it"),
    (
        "never",
        "remedies.rs",
        "what_must_not_be_used_has_no_command",
    ),
];

fn new_skill() -> Installation {
    changed(|one| {
        let skill = one.state.join("workspace/skills/tea");
        fs::create_dir_all(&skill).expect("folder");
        let text = "---\nname: tea\ndescription: x\n---\n";
        fs::write(skill.join("SKILL.md"), text).expect("file");
    })
}

fn other_version() -> Installation {
    changed(|one| {
        let manifest = one.state.join("extensions/acme-archived/package.json");
        let text = "{\"name\":\"@acme/archived\",\"version\":\"9.0.0\"}";
        fs::write(manifest, text).expect("manifest");
    })
}

fn here() -> Installation {
    let mut installation = locked();
    at_home(&mut installation);
    installation
}

fn writable() -> Installation {
    let installation = here();
    let folder = installation.state.join("extensions/acme-notes");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("mode");
    installation
}

fn unreviewed() -> Installation {
    let installation = Installation::shipped();
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    assert_eq!(installation.run(&["lock"]).code, 0);
    installation
}

fn unasked() -> Installation {
    let installation = Installation::shipped();
    // Of an archive of the operator's own no registry is asked.
    let own = [
        "\"artifactKind\":\"npm-pack\",",
        "\"sourcePath\":\"/home/user/src/acme-packed-1.2.0.tgz\",",
    ];
    for text in own {
        let statement = format!(
            "UPDATE config_machine_state SET value_json = replace(value_json, '{text}', '')"
        );
        sql(&installation, &statement);
    }
    let policy = "version = 1\npreset = \"homelab\"\n\n[sources]\nmin-age-days = 7\n";
    fs::write(installation.policy(), policy).expect("policy");
    assert_eq!(installation.run(&["lock"]).code, 0);
    installation
}

fn dropped() -> Installation {
    changed(|one| plugin(&one.state.join("extensions/it's here"), "dropped"))
}

fn malicious() -> Installation {
    let installation = locked();
    let record = r#"{"id":"MAL-2026-1","modified":"2026-11-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"@acme/packed"},"versions":["1.2.0"]}]}"#;
    let file = installation.config.join("MAL-2026-1.json");
    fs::write(&file, record).expect("record");
    let index = installation.config.join("advisories.index");
    let words = ["advisories", "import", "--index"].map(PathBuf::from);
    let words: Vec<PathBuf> = words.into_iter().chain([index.clone(), file]).collect();
    let words: Vec<&str> = words
        .iter()
        .map(|word| word.to_str().expect("text"))
        .collect();
    let run = installation.run(&words);
    assert_eq!(run.code, 0, "{}", run.text());
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    let policy = format!("{policy}\n[advisories]\nindex = \"advisories.index\"\n");
    fs::write(installation.policy(), policy).expect("policy");
    installation
}

fn stored() -> Installation {
    let installation = rich();
    installation.init(0);
    sql(
        &installation,
        "INSERT INTO secret_store_entries VALUES ('BASH_ENV', 'x', 'env', NULL)",
    );
    installation
}

fn mirror() -> Installation {
    let mut installation = locked();
    at_home(&mut installation);
    let text = "registry=https://mirror.example/npm/\n";
    fs::write(installation.home.join(".npmrc"), text).expect("file");
    installation
}

fn unused() -> Installation {
    let installation = locked();
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    let policy = policy.replace("allow = [\"unreviewed\"]", "allow = [\"too-fresh\"]");
    fs::write(installation.policy(), policy).expect("policy");
    installation
}

/// What ends soon covers something of which nothing is to be read.
fn ending() -> Installation {
    let installation = locked();
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    let soon = |entry: &str| match entry.contains("unpinned-mcp-server") {
        true => entry.replace("until = 2027-02-20", "until = 2026-11-30"),
        false => entry.to_owned(),
    };
    let entries: Vec<String> = policy.split("[[exception]]").map(soon).collect();
    fs::write(installation.policy(), entries.join("[[exception]]")).expect("policy");
    installation
}

fn edit_config(installation: &Installation, from: &str, to: &str) {
    let file = installation.state.join("openclaw.json");
    let text = fs::read_to_string(&file).expect("config");
    fs::write(file, text.replacen(from, to, 1)).expect("config");
}

/// Moves the state to its usual place and has the records say so: then it is no copy, and the home folder counts. Locks it anew.
pub(crate) fn at_home(installation: &mut Installation) {
    let usual = installation.home.join(".openclaw");
    fs::rename(&installation.state, &usual).expect("the state is moved");
    installation.state = usual;
    let sources = installation.home.join("src");
    crate::support::copy(&repository().join("testdata/states/home/src"), &sources);
    let places = [
        ("/home/user/.openclaw", installation.state.as_path()),
        ("/home/user/src", sources.as_path()),
    ];
    for (old, new) in places {
        let new = new.to_str().expect("text");
        Connection::open(installation.state.join("state/openclaw.sqlite"))
            .expect("database")
            .execute(
                "UPDATE config_machine_state SET value_json = replace(value_json, ?1, ?2)",
                [old, new],
            )
            .expect("records");
        edit_config(installation, old, new);
    }
    installation.relocated_from = None;
    for file in [installation.lock(), installation.policy()] {
        let _ = fs::remove_file(file);
    }
    installation.init(0);
}

/// The first finding of the report that is called so and carries that kind of remedy.
fn found(installation: &Installation, case: &Case) -> Option<Value> {
    let run = installation.run(&[case.verb, "--format", "json"]);
    let report: Value = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", case.kind, run.text()));
    let list = report["findings"].as_array().expect("findings");
    let words = matches!(case.then, Then::Words);
    list.iter()
        .filter(|one| one["id"] == case.finding && one["remedy"]["kind"] == case.kind)
        .filter(|one| one["suppressed"].is_null())
        .find(|one| words || command_in(one["help"].as_str().unwrap_or_default()).is_some())
        .cloned()
}

/// A folder with stand-ins for OpenClaw and for root's rights, and where they write down how they were called: one word a line.
fn stand_ins(installation: &Installation) -> (PathBuf, PathBuf) {
    let folder = installation.config.join("stand-ins");
    fs::create_dir_all(&folder).expect("folder");
    let record = folder.join("asked");
    for name in ["openclaw", "sudo"] {
        let file = folder.join(name);
        let text = format!(
            "#!/bin/sh\nprintf '%s\\n' {name} \"$@\" > '{}'\n",
            record.display()
        );
        fs::write(&file, text).expect("stand-in");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("mode");
    }
    (folder, record)
}

fn words_in(record: &Path) -> Vec<String> {
    let words = fs::read_to_string(record).expect("words");
    words.lines().map(str::to_owned).collect()
}

/// What a shell asks of OpenClaw or of root: the words.
fn asked(installation: &Installation, line: &str) -> Vec<String> {
    let (folder, record) = stand_ins(installation);
    let done = Command::new("sh")
        .args(["-c", line])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .output()
        .expect("sh");
    assert!(done.status.success(), "{line}: {}", Run::of(&done).text());
    words_in(&record)
}

fn followed(case: &Case) {
    let installation = (case.make)();
    let finding = found(&installation, case)
        .unwrap_or_else(|| panic!("{} is not printed for {}", case.kind, case.finding));
    let help = finding["help"].as_str().expect("help");
    let line = command_in(help);
    match &case.then {
        Then::Words => assert!(line.is_none() && !help.is_empty(), "{help}"),
        Then::Asked(expected) => {
            let line = line.expect("a line");
            let words = asked(&installation, &line);
            assert_eq!(words.join(" "), *expected, "{line}");
            let known = OPENCLAW.iter().any(|known| line.starts_with(known));
            assert!(known, "OpenClaw has no such command: {line}");
        }
        Then::Added => {
            let flag = line.expect("a line");
            let host = installation.home.to_str().expect("text").to_owned();
            let flag = flag.replace("DIR", &host);
            let mut words = vec![case.verb];
            words.extend(flag.split(' '));
            let run = installation.run(&words);
            assert!(!run.stderr.contains("Usage:"), "{}", run.text());
        }
        Then::Through(expected) => {
            let line = line.expect("a line");
            let words: Vec<&str> = line.split(' ').skip(1).collect();
            let (folder, record) = stand_ins(&installation);
            let mut command = installation.command(&words);
            command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
            let done = Run::of(&command.output().expect("the binary runs"));
            assert_eq!(done.code, 0, "{}", done.text());
            let asked = words_in(&record).join(" ");
            assert!(asked.starts_with(expected), "{asked}");
        }
        Then::Shown => {
            let done = run(&installation, &line.expect("a line")).expect("a run");
            assert_eq!(done.code, 0, "{}", done.text());
            assert!(!done.stdout.is_empty());
        }
        Then::Gone => {
            let line = line.expect("a line");
            let mut words = String::new();
            if let Some(done) = run(&installation, &line) {
                words = done.text();
            }
            let left = found(&installation, case);
            let same = left.as_ref().is_some_and(|left| left == &finding);
            assert!(!same, "{line}: {words}: {left:#?}");
        }
    }
}

#[test]
fn the_line_of_every_kind_of_remedy_was_executed() {
    let cases = cases();
    for case in &cases {
        followed(case);
    }
    let schema = fs::read_to_string(repository().join("docs/report.schema.json")).expect("schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let kinds = schema["$defs"]["Remedy"]["oneOf"]
        .as_array()
        .expect("kinds");
    let kinds: BTreeSet<&str> = kinds
        .iter()
        .map(|kind| kind["properties"]["kind"]["const"].as_str().expect("kind"))
        .collect();
    let elsewhere = ELSEWHERE.map(|(kind, _, _)| kind);
    let executed: BTreeSet<&str> = cases
        .iter()
        .map(|case| case.kind)
        .chain(elsewhere)
        .collect();
    assert_eq!(executed, kinds, "a kind of remedy has no executed line");
    for (kind, file, test) in ELSEWHERE {
        let text = fs::read_to_string(repository().join("crates/verify-cli/tests/it").join(file));
        let text = text.expect("a file of tests");
        assert!(text.contains(&format!("fn {test}()")), "{kind}: {test}");
    }
}

#[test]
fn what_must_not_be_used_has_no_command() {
    let installation = malicious();
    let archive = "npm/projects/acme-packed-45d40bbf34/_openclaw-pack-archives/@acme__packed-1.2.0-59456240d513b674.tgz";
    let archive = installation.state.join(archive);
    let run = installation.run(&[
        "archive",
        archive.to_str().expect("text"),
        "--format",
        "json",
    ]);
    assert_eq!(run.code, 1, "{}", run.text());
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let list = report["report"]["findings"].as_array().expect("findings");
    let finding = list
        .iter()
        .find(|one| one["id"] == "known-malicious")
        .expect("a finding");
    assert_eq!(finding["remedy"]["kind"], "never", "{finding:#}");
    let help = finding["help"].as_str().expect("help");
    assert!(!help.is_empty() && command_in(help).is_none(), "{help}");
}

#[test]
#[ignore = "needs root"]
fn a_file_of_another_user_is_given_back() {
    let mut installation = locked();
    at_home(&mut installation);
    let file = installation.state.join("extensions/acme-notes/index.js");
    std::os::unix::fs::chown(&file, Some(12345), None).expect("chown");
    let case = Case {
        kind: "owner",
        verb: "host",
        finding: "wrong-owner",
        make: locked,
        then: Then::Gone,
    };
    let finding = found(&installation, &case).expect("a finding");
    let line = command_in(finding["help"].as_str().expect("help")).expect("a line");
    let words = asked(&installation, &line).join(" ");
    let chown = words.strip_prefix("sudo ").expect("root's command");
    let done = Command::new("sh").args(["-c", chown]).output().expect("sh");
    assert!(done.status.success(), "{}", Run::of(&done).text());
    assert_eq!(found(&installation, &case), None);
}
