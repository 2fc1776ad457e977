//! Killing the process at any moment while it writes leaves the old file or the new one, whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use openclaw_verify_core::operator_file::write_atomic;

const VARIABLE: &str = "OPENCLAW_VERIFY_TEST_WRITES";

fn contents() -> [String; 2] {
    ["a", "b"].map(|letter| letter.repeat(300_000))
}

/// Not a test by itself: what the test below starts and kills.
#[test]
#[ignore = "started by `the_old_or_the_new_file_survives_a_kill`"]
fn writes_for_ever() {
    let Some(path) = std::env::var_os(VARIABLE) else {
        return;
    };
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        for text in contents() {
            write_atomic(Path::new(&path), &text).expect("write");
        }
    }
}

#[test]
fn the_old_or_the_new_file_survives_a_kill() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("openclaw-verify.lock");
    let contents = contents();
    std::fs::write(&path, &contents[0]).expect("write");
    let mut seen = [0_u32; 2];
    for round in 0..40 {
        let test = std::env::current_exe().expect("test binary");
        let mut child = Command::new(test)
            .args(["--exact", "files::killed::writes_for_ever", "--ignored"])
            .env(VARIABLE, &path)
            .stdout(Stdio::null())
            .spawn()
            .expect("start");
        std::thread::sleep(Duration::from_micros(4000 + round * 731));
        child.kill().and_then(|()| child.wait()).expect("kill");
        let text = std::fs::read_to_string(&path).expect("read");
        let which = contents.iter().position(|whole| *whole == text);
        seen[which.unwrap_or_else(|| {
            panic!("{} bytes are neither the old nor the new file", text.len())
        })] += 1;
    }
    assert!(
        seen.iter().all(|n| *n > 0),
        "the kills came before anything was written: {seen:?}"
    );
}
