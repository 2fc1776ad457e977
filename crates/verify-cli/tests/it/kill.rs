//! Killed while it writes, `lock` leaves the old lock, whole.

use std::os::unix::process::ExitStatusExt as _;
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
    // Temporary files of the killed runs lie beside the lock and are never read.
    assert_eq!(installation.run(&accept).code, 0);
    assert_ne!(installation.lock_text(), old);
    assert_eq!(installation.run(&["lock", "--check"]).code, 0);
}
