//! Odd surroundings: small stacks, limits of file sizes, signals, and outputs in places that are no places for them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Installation, Run, around};

fn limited(installation: &Installation, limit: &str, verb: &[&str]) -> Run {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        &format!("ulimit -c 0; ulimit {limit}; exec \"$0\" \"$@\""),
    ]);
    let mut command = around(shell, &installation.command(verb));
    Run::of(&command.output().expect("runs"))
}

fn first() -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    installation
}

#[test]
fn a_stack_of_64_kibibytes_is_enough() {
    let installation = first();
    for verb in [
        &["check"][..],
        &["lock", "--check"],
        &["review"],
        &["check", "--help"],
    ] {
        let run = limited(&installation, "-s 64", verb);
        assert_eq!(run.code, 0, "{verb:?}: {}", run.text());
    }
}

#[test]
fn a_limit_of_file_sizes_is_said_and_no_lock_is_written() {
    let installation = first();
    let old = installation.lock_text();
    for verb in [&["check"][..], &["lock"]] {
        for blocks in [0, 1, 8] {
            let run = limited(&installation, &format!("-f {blocks}"), verb);
            assert_eq!(run.code, 2, "{verb:?}: {}", run.text());
            assert!(run.stderr.contains("File too large"), "{}", run.stderr);
        }
    }
    assert_eq!(installation.lock_text(), old);
}

/// A run that waits for another writer is at a known point.
/// Starts a run, and returns when it says that it waits for another writer. What it says later has to be kept open.
fn waits(command: &mut Command) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    assert!(lines.any(|line| line.expect("line").contains("waiting for another writer")));
    (child, lines)
}

#[test]
fn a_signal_ends_a_run_in_order() {
    let installation = first();
    let old = installation.lock_text();
    let other = File::open(&installation.config).expect("folder");
    rustix::fs::flock(&other, FlockOperation::LockExclusive).expect("lock");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let mut lock = installation.command(&["lock"]);
        lock.env("TMPDIR", temporary.path());
        // Whatever started this test may have them ignored, and an ignored signal stays ignored.
        let mut heard = Command::new("env");
        heard.arg("--default-signal=INT,TERM,HUP");
        let (mut child, _stderr) = waits(&mut around(heard, &lock));
        kill_process(Pid::from_child(&child), signal).expect("kill");
        assert_eq!(child.wait().expect("ends").code(), Some(code));
        assert_eq!(fs::read_dir(temporary.path()).expect("list").count(), 0);
    }
    assert_eq!(installation.lock_text(), old);
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let installation = first();
    let other = File::open(&installation.config).expect("folder");
    rustix::fs::flock(&other, FlockOperation::LockExclusive).expect("lock");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]);
    let (mut child, stderr) = waits(&mut around(shell, &installation.command(&["lock"])));
    kill_process(Pid::from_child(&child), Signal::HUP).expect("kill");
    rustix::fs::flock(&other, FlockOperation::Unlock).expect("unlock");
    drop(stderr);
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn outputs_follow_no_link_and_lie_in_nothing_under_test() {
    let installation = first();
    let place = tempfile::tempdir().expect("folder");
    let victim = place.path().join("victim");
    fs::write(&victim, "precious").expect("write");
    symlink(&victim, place.path().join("link")).expect("link");
    symlink(&installation.state, place.path().join("state")).expect("link");
    fs::create_dir(place.path().join("folder")).expect("folder");
    crate::special::make_fifo(&place.path().join("fifo"));
    let workspace = installation.state.join("workspace/out.json");
    let inside = installation.state.join("out.json");
    let refused = |path: &Path, why: &str| {
        let report = format!("json={}", path.display());
        let path = path.display().to_string();
        for verb in [&["check", "--report", &report][..], &["sbom", "-o", &path]] {
            let run = installation.run(verb);
            assert_eq!(run.code, 2, "{verb:?}: {}", run.text());
            assert!(run.stderr.contains(why), "{verb:?}: {}", run.stderr);
        }
    };
    refused(&place.path().join("link"), "is a symbolic link");
    refused(&place.path().join("folder"), "is a folder");
    refused(&place.path().join("fifo"), "is a FIFO");
    refused(Path::new("/dev/full"), "is a device");
    refused(&place.path().join("none/out"), "there is no folder");
    refused(&inside, "under test");
    refused(&workspace, "under test");
    refused(&place.path().join("state/out"), "under test");
    assert!(!inside.exists() && !workspace.exists());
    assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
    assert_eq!(fs::read_dir(place.path()).expect("list").count(), 5);
}

#[test]
fn outputs_are_whole_have_their_mode_and_may_be_standard_output() {
    let installation = first();
    let place = tempfile::tempdir().expect("folder");
    let out = place.path().join("out");
    for umask in ["000", "077"] {
        let _ = fs::remove_file(&out);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]);
        let report = format!("json={}", out.display());
        let mut command = around(
            shell,
            &installation.command(&["check", "--report", &report]),
        );
        assert_eq!(command.output().expect("runs").status.code(), Some(0));
        let mode = fs::metadata(&out).expect("written").permissions().mode();
        assert_eq!(mode & 0o7777, 0o644, "umask {umask}");
        serde_json::from_str::<serde_json::Value>(&fs::read_to_string(&out).expect("read"))
            .expect("JSON");
    }
    for path in ["-", "/dev/stdout"] {
        let run = installation.run(&["sbom", "-o", path]);
        assert_eq!(run.code, 0, "{}", run.text());
        serde_json::from_str::<serde_json::Value>(&run.stdout).expect("JSON");
    }
}

/// An output never takes the place of the operator's own files, of another output, or of what is no earlier output of its form.
#[test]
fn outputs_replace_nothing_but_earlier_outputs() {
    let installation = first();
    let place = tempfile::tempdir().expect("folder");
    let at = |name: &str| place.path().join(name).display().to_string();
    let key = at("key");
    fs::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n").expect("key");
    let own = [
        installation.lock(),
        installation.policy(),
        installation.config.join("openclaw-reviews.toml"),
    ]
    .map(|path| path.display().to_string());
    let mut calls: Vec<Vec<String>> = Vec::new();
    for path in own.iter().chain([&key]) {
        for format in crate::support::FORMATS {
            calls.push(vec![
                "check".into(),
                "--report".into(),
                format!("{format}={path}"),
            ]);
        }
        calls.push(vec!["sbom".into(), "-o".into(), path.clone()]);
    }
    let both = at("both");
    calls.push(vec![
        "check".into(),
        "--report".into(),
        format!("json={both}"),
        "--report".into(),
        format!("sarif={both}"),
    ]);
    let before: Vec<Vec<u8>> = own
        .iter()
        .chain([&key])
        .map(|path| fs::read(path).expect("own"))
        .collect();
    for call in calls {
        let call: Vec<&str> = call.iter().map(String::as_str).collect();
        let run = installation.run(&call);
        assert_eq!(run.code, 2, "{call:?}: {}", run.text());
    }
    let after: Vec<Vec<u8>> = own
        .iter()
        .chain([&key])
        .map(|path| fs::read(path).expect("own"))
        .collect();
    assert!(before == after && !Path::new(&both).exists());
    // An earlier one of the same form is replaced, also an empty file.
    for format in crate::support::FORMATS {
        let report = format!("{format}={}", at(format));
        fs::write(at(format), "").expect("empty");
        for _ in 0..2 {
            let run = installation.run(&["check", "-q", "--report", &report]);
            assert_eq!(run.code, 0, "{format}: {}", run.text());
        }
    }
    let sbom = at("sbom");
    for _ in 0..2 {
        assert_eq!(installation.run(&["sbom", "-o", &sbom]).code, 0);
    }
    let run = installation.run(&["check", "--report", &format!("json={sbom}")]);
    assert!(
        run.code == 2 && run.stderr.contains("is no report"),
        "{}",
        run.text()
    );
}
