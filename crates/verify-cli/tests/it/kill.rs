//! Killed while it writes, `lock` leaves the old lock, whole.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::support::{Installation, around};

/// SIGXFSZ on Linux and macOS.
const FILE_TOO_LARGE: i32 = 25;

/// The command, which the kernel kills at a known point: when a file that it writes grows beyond so many blocks.
pub(crate) fn killed_at(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    let script = format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    limited.args(["-c", &script]);
    around(limited, command)
}

pub(crate) fn assert_killed_while_writing(status: ExitStatus) {
    assert_eq!(status.signal(), Some(FILE_TOO_LARGE), "{status}");
}

#[test]
fn a_killed_lock_is_whole() {
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
        let status = killed_at(&installation.command(&accept), blocks)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("runs");
        assert_killed_while_writing(status);
        assert_eq!(installation.lock_text(), old);
        assert_eq!(installation.run(&["lock", "--check"]).code, 1);
    }
    // Temporary files of the killed runs lie beside the lock, are never read, and go with the next write.
    assert!(temporaries(&installation.config) > 0);
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
    let status = killed_at(&check, 1)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("runs");
    assert_killed_while_writing(status);
    assert_eq!(temporaries(shared.path()), 1);
    assert_eq!(check.output().expect("runs").status.code(), Some(0));
    assert_eq!(temporaries(shared.path()), 0);
    assert!(foreign.exists(), "a folder of others was removed");
}
