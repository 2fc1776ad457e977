//! Killing the process while it writes leaves the old file, whole; a file is replaced only by a whole one.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use openclaw_verify_core::operator_file::write_atomic;
use rustix::process::{Resource, Rlimit, setrlimit};

const PATH: &str = "OPENCLAW_VERIFY_TEST_WRITES";
const LIMIT: &str = "OPENCLAW_VERIFY_TEST_LIMIT";
/// SIGXFSZ on Linux and macOS.
const FILE_TOO_LARGE: i32 = 25;

fn contents() -> [String; 2] {
    ["a", "b"].map(|letter| letter.repeat(300_000))
}

/// Not a test by itself: what the test below starts. The kernel kills it where its file grows beyond the limit.
#[test]
#[ignore = "started by `the_old_or_the_new_file_survives_a_kill`"]
fn writes_until_killed() {
    let path = std::env::var_os(PATH).expect(PATH);
    let limit = std::env::var(LIMIT).expect(LIMIT).parse().expect(LIMIT);
    for (resource, most) in [(Resource::Core, 0), (Resource::Fsize, limit)] {
        let limits = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limits).expect("limit");
    }
    write_atomic(Path::new(&path), &contents()[1]).expect("write");
}

#[test]
fn the_old_or_the_new_file_survives_a_kill() {
    let [old, new] = contents();
    let whole = new.len();
    for limit in [0, 1, 4095, 4096, whole / 2, whole - 1, whole] {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("openclaw-verify.lock");
        std::fs::write(&path, &old).expect("write");
        let test = std::env::current_exe().expect("test binary");
        let status = Command::new(test)
            .args(["--exact", "files::killed::writes_until_killed", "--ignored"])
            .env(PATH, &path)
            .env(LIMIT, limit.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("start");
        let left: Vec<u64> = std::fs::read_dir(dir.path())
            .expect("folder")
            .map(|entry| entry.expect("entry").metadata().expect("metadata").len())
            .collect();
        let text = std::fs::read_to_string(&path).expect("read");
        if limit < whole {
            assert_eq!(status.signal(), Some(FILE_TOO_LARGE), "{limit}: {status}");
            assert!(text == old, "{limit}: {} bytes", text.len());
            assert_eq!(left.len(), 2, "{limit}: killed beside its temporary file");
            assert!(left.contains(&(limit as u64)), "{limit}: {left:?}");
        } else {
            assert!(status.success(), "{status}");
            assert!(text == new, "{} bytes", text.len());
            assert_eq!(left.len(), 1, "nothing is left");
        }
    }
}
