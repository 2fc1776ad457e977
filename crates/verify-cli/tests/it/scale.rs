//! States that are large: what is asked of the system stays bounded, and the answer is the same.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::support::{Installation, Run, around};

/// Open files that a process may have here.
const DESCRIPTORS: u32 = 100;

/// Runs a verb of the binary with few descriptors.
fn frugal(installation: &Installation, verb: &[&str]) -> Run {
    let command = installation.command(verb);
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        &format!("ulimit -n {DESCRIPTORS}; exec \"$0\" \"$@\""),
    ]);
    Run::of(&around(limited, &command).output().expect("runs"))
}

/// Makes `count` skills of two files.
fn skills(installation: &Installation, count: usize) {
    for number in 0..count {
        let folder = installation
            .state
            .join(format!("workspace/skills/skill-{number}"));
        fs::create_dir_all(folder.join("scripts")).expect("folder");
        let text =
            format!("---\nname: skill-{number}\ndescription: does {number}\n---\nDo {number}.\n");
        fs::write(folder.join("SKILL.md"), text).expect("skill");
        fs::write(folder.join("scripts/run.sh"), format!("echo {number}\n")).expect("script");
    }
}

/// Each folder was once kept open until all were read, so a state of some thousand subjects could not be checked at the usual limit.
#[test]
fn more_subjects_than_descriptors_are_locked_and_checked() {
    let installation = Installation::empty();
    skills(&installation, 300);
    let init = frugal(&installation, &["lock", "--init"]);
    assert_eq!(init.code, 0, "{}", init.text());
    assert_eq!(installation.lock_text().matches("[[package]]").count(), 300);
    let check = frugal(&installation, &["check", "-W", "unreviewed"]);
    assert_eq!(check.code, 0, "{}", check.text());
    let changed = installation
        .state
        .join("workspace/skills/skill-299/scripts/run.sh");
    fs::write(changed, "echo 300\n").expect("script");
    let check = frugal(&installation, &["check", "-W", "unreviewed"]);
    assert_eq!(check.code, 1, "{}", check.text());
    assert!(check.stdout.contains("tree-mismatch"), "{}", check.text());
}

/// OpenClaw loads 200 of a root unless it is told otherwise; people have thousands.
#[test]
fn three_thousand_skills_are_no_obstacle() {
    let installation = Installation::empty();
    skills(&installation, 3_000);
    installation.init(0);
    assert_eq!(
        installation.lock_text().matches("[[package]]").count(),
        3_000
    );
    let check = installation.run(&["check", "-W", "unreviewed"]);
    assert_eq!(check.code, 0, "{}", check.text());
}

/// Some 22 MB, where 16 MiB was once the end.
#[test]
fn eighty_thousand_reviews_are_read() {
    let installation = Installation::empty();
    skills(&installation, 1);
    installation.init(0);
    let mut text = "version = 1\n".to_owned();
    for number in 0..80_000 {
        use std::fmt::Write as _;
        let digest = format!("git-sha256:{number:064x}");
        writeln!(
            text,
            "\n[[review]]\npackage = \"skill:managed/skill-{number}\"\ntree = \"{digest}\"\nversion = \"1.0.{number}\"\n\
             criteria = \"safe-to-run\"\nby = \"Ada Example <ada@example.org>\"\ndate = 2026-11-01\nnotes = \"read as it came, nothing found that it should not do\""
        )
        .expect("text");
    }
    assert!(text.len() > 20 << 20, "{}", text.len());
    fs::write(installation.config.join("openclaw-reviews.toml"), text).expect("reviews");
    let check = installation.run(&["check", "-W", "unreviewed"]);
    assert_eq!(check.code, 0, "{}", check.text());
}

/// Whatever wants a file gets it from one reading: `SKILL.md` was once read three times. A skill inside a plugin is a part of two subjects,
/// and read for each.
#[test]
#[ignore = "needs strace"]
fn each_file_of_a_subject_is_opened_once() {
    let installation = Installation::shipped();
    skills(&installation, 20);
    installation.init(0);
    let trace = installation.home.join("trace");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-qq", "-e", "trace=openat,openat2", "-o"]);
    traced.arg(&trace);
    let command = installation.command(&["check", "-W", "unreviewed"]);
    let run = Run::of(&around(traced, &command).output().expect("strace"));
    assert_eq!(run.code, 0, "{}", run.text());
    let mut opened: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(&trace).expect("trace").lines() {
        // `… = 5</home/…/SKILL.md>`, also where a call was interrupted by another thread's.
        let path = line.rsplit_once(" = ").and_then(|(_, result)| {
            let (_, path) = result.split_once('<')?;
            path.strip_suffix('>')
        });
        if let Some(path) = path.filter(|path| std::path::Path::new(path).is_file()) {
            *opened.entry(path.to_owned()).or_default() += 1;
        }
    }
    let state = installation.state.to_string_lossy().into_owned();
    let of_state: Vec<(&String, &usize)> = opened
        .iter()
        .filter(|(path, _)| path.starts_with(&state))
        .collect();
    let skills = of_state
        .iter()
        .filter(|(path, _)| path.ends_with("/SKILL.md"));
    assert!(skills.count() >= 20, "{of_state:?}");
    let again: Vec<_> = of_state
        .into_iter()
        .filter(|(path, times)| **times > 1 && !path.contains("/acme-bundle/skills/"))
        .collect();
    assert!(again.is_empty(), "{again:?}");
}
