//! Stopped while it writes, `lock` leaves the old lock, whole; what a killed run left goes with the next one.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Installation, Run, around, copy};

/// The command, whose writes fail from a known point on: when a file that it writes grows beyond so many blocks.
pub(crate) fn stopped_at(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    let script = format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    limited.args(["-c", &script]);
    around(limited, command)
}

#[test]
fn a_stopped_lock_is_whole() {
    let installation = Installation::shipped();
    installation.init(0);
    let old = installation.lock_text();
    assert!(
        old.len() > 1024,
        "more than the blocks below: {}",
        old.len()
    );
    let skill = installation.state.join("workspace/skills/weather/SKILL.md");
    let text = std::fs::read_to_string(&skill).expect("skill");
    std::fs::write(&skill, text + "\nmore\n").expect("write");
    let accept = ["lock", "--accept", "skill:workspace/weather"];
    for blocks in [0, 1] {
        let run = Run::of(
            &stopped_at(&installation.command(&accept), blocks)
                .output()
                .expect("runs"),
        );
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.stderr.contains("File too large"), "{}", run.stderr);
        assert_eq!(installation.lock_text(), old);
        assert_eq!(installation.run(&["lock", "--check"]).code, 1);
    }
    assert_eq!(temporaries(&installation.config), 0);
    // What a killed run left lies beside the lock, is never read, and goes with the next write.
    let left = installation.config.join(".openclaw-verify-Ab12Cd.tmp");
    std::fs::write(left, "half").expect("write");
    assert_eq!(installation.run(&accept).code, 0);
    assert_eq!(temporaries(&installation.config), 0);
    assert_ne!(installation.lock_text(), old);
    assert_eq!(installation.run(&["lock", "--check"]).code, 0);
}

fn temporaries(folder: &Path) -> usize {
    let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(b".openclaw-verify-");
    let entries = std::fs::read_dir(folder).expect("list").flatten();
    entries.filter(|entry| ours(&entry.file_name())).count()
}

/// The database holds secrets: a copy of it must not outlive a run, not even one that is killed.
#[test]
fn a_copy_of_the_database_goes_with_the_next_run() {
    let installation = Installation::shipped();
    installation.init(0);
    let shared = tempfile::tempdir().expect("temporary folder");
    let foreign = shared.path().join("openclaw-verify-real");
    std::fs::create_dir(&foreign).expect("folder");
    let mut check = installation.command(&["check"]);
    check.env("TMPDIR", shared.path());
    let left = shared.path().join(".openclaw-verify-Ab12Cd34Ef56");
    std::fs::create_dir(&left).expect("folder");
    std::fs::set_permissions(&left, Permissions::from_mode(0o700)).expect("chmod");
    std::fs::write(left.join(".openclaw-verify-temporary"), "").expect("mark");
    std::fs::write(left.join("db"), "secret").expect("write");
    let unmarked = shared.path().join(".openclaw-verify-Ab12Cd34Ef57");
    copy(&left, &unmarked);
    std::fs::remove_file(unmarked.join(".openclaw-verify-temporary")).expect("unmark");
    assert_eq!(check.output().expect("runs").status.code(), Some(0));
    assert!(!left.exists(), "a copy of the database was left");
    assert!(
        foreign.exists() && unmarked.join("db").exists(),
        "a folder of others was removed"
    );
}
