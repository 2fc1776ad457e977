//! Killed at any moment, `lock` leaves the old lock or the new one, whole.

use std::time::Duration;

use crate::support::Installation;

#[test]
fn a_killed_lock_is_whole() {
    let installation = Installation::shipped();
    installation.init(0);
    let old = installation.lock_text();
    let skill = installation.state.join("workspace/skills/weather/SKILL.md");
    let text = std::fs::read_to_string(&skill).expect("skill");
    std::fs::write(&skill, text + "\nmore\n").expect("write");
    let accept = ["lock", "--accept", "skill:workspace/weather"];
    let mut seen_old = false;
    for delay in 0..60 {
        let mut child = installation
            .command(&accept)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("runs");
        std::thread::sleep(Duration::from_micros(delay * 700));
        child.kill().ok();
        child.wait().expect("ends");
        let now = installation.lock_text();
        seen_old |= now == old;
        assert!(
            now == old || now.ends_with('\n') && now.contains("version = 1"),
            "{now}"
        );
        assert_eq!(
            installation.run(&["lock", "--check"]).code,
            if now == old { 1 } else { 0 }
        );
        // Temporary files of killed runs lie beside the lock and are never read.
        std::fs::write(installation.lock(), &old).expect("reset");
    }
    assert!(
        seen_old,
        "at least the run that was killed at once left the old lock"
    );
}
