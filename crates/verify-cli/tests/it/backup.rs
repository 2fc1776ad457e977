//! `check --backup`: the report of a cell's backup is that of the folder that was backed up.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Installation, Run};

const MANIFEST: &str =
    r#"{"schemaVersion":1,"kind":"openclaw-fleet-cell-backup","tenant":"acme","image":"openclaw"}"#;

/// As `openclaw fleet backup` packs it: three parts, no links, modes without the bits of group and others for writing.
fn backup(installation: &Installation) -> PathBuf {
    let mut tar = tar::Builder::new(Vec::new());
    let file = |tar: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8], mode: u32| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        tar.append_data(&mut header, path, bytes).expect("entry");
    };
    file(&mut tar, "manifest.json", MANIFEST.as_bytes(), 0o600);
    let mut open = vec![installation.state.clone()];
    while let Some(folder) = open.pop() {
        let inside = folder.strip_prefix(&installation.state).expect("inside");
        tar.append_dir(Path::new("data").join(inside), &folder)
            .expect("folder");
        for entry in fs::read_dir(&folder).expect("folder").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("kind"));
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let inside = path.strip_prefix(&installation.state).expect("inside");
                let place = Path::new("data").join(inside);
                let bytes = fs::read(&path).expect("file");
                let mode = std::os::unix::fs::PermissionsExt::mode(
                    &entry.metadata().expect("metadata").permissions(),
                );
                file(
                    &mut tar,
                    place.to_str().expect("path"),
                    &bytes,
                    (mode | 0o600) & 0o755,
                );
            }
        }
    }
    file(
        &mut tar,
        "auth/auth-profiles.json",
        b"s3cret-of-the-cell",
        0o600,
    );
    let packed = installation.home.join("acme.tgz");
    let mut gzip = flate2::write::GzEncoder::new(
        fs::File::create(&packed).expect("file"),
        flate2::Compression::fast(),
    );
    gzip.write_all(&tar.into_inner().expect("tar"))
        .expect("gzip");
    gzip.finish().expect("gzip");
    packed
}

/// Runs without a state directory of its own.
fn check(installation: &Installation, packed: &Path, more: &[&str]) -> Run {
    let mut command = crate::support::bare(&installation.home, &installation.config);
    command
        .args(["check", "--backup"])
        .arg(packed)
        .arg("--config")
        .arg(&installation.config)
        .args(["--now", crate::support::NOW])
        .args(more);
    Run::of(&command.output().expect("runs"))
}

fn without_links(folder: &Path) {
    for entry in fs::read_dir(folder).expect("folder").flatten() {
        let kind = entry.file_type().expect("kind");
        if kind.is_symlink() {
            fs::remove_file(entry.path()).expect("removed");
        } else if kind.is_dir() {
            without_links(&entry.path());
        }
    }
}

#[test]
fn a_backup_and_its_folder_have_one_report() {
    let mut installation = Installation::shipped();
    without_links(&installation.state);
    installation.relocated_from = Some(PathBuf::from("/home/user/.openclaw"));
    installation.init(0);
    let moved = [
        "--format",
        "json",
        "--relocated-from",
        "/home/user/.openclaw",
    ];
    for changed in [false, true] {
        if changed {
            let file = installation.state.join("extensions/acme-notes/index.js");
            fs::write(file, "changed").expect("write");
        }
        let packed = backup(&installation);
        let (code, folder) = installation.check();
        let run = check(&installation, &packed, &moved);
        assert_eq!(run.code, code, "{}", run.text());
        let mut report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        let input = report["inputs"]["stateDir"].take();
        let path = input["path"].as_str().expect("path");
        assert!(path.ends_with("acme.tgz"), "{path}");
        assert!(
            input["digest"]
                .as_str()
                .expect("digest")
                .starts_with("sha256:")
        );
        report["inputs"]["stateDir"] = folder["inputs"]["stateDir"].clone();
        assert_eq!(report["subjects"], folder["subjects"]);
        assert_eq!(report["findings"], folder["findings"]);
        assert_eq!(report["notCovered"], folder["notCovered"]);
        assert_eq!(report["summary"], folder["summary"]);
        // The same bytes each time, and nothing of the secrets beside the state.
        let again = check(&installation, &packed, &moved);
        assert_eq!(again.stdout, run.stdout);
        assert!(!run.text().contains("s3cret") && !run.text().contains(".openclaw-verify-"));
    }
}

/// What is outside the backup is not on this machine, whatever lies at the same paths here.
#[test]
fn nothing_outside_a_backup_is_looked_at() {
    let installation = Installation::shipped();
    without_links(&installation.state);
    installation.init(0);
    let packed = backup(&installation);
    // All records of this state name another place than a cell has: that is one thing to say, and not a finding about each.
    let run = check(&installation, &packed, &["--format", "json"]);
    assert_eq!(run.code, 2, "{}", run.text());
    let moved = ["--relocated-from", "/home/user/.openclaw"];
    assert!(run.stderr.contains(&moved.join(" ")), "{}", run.stderr);
    let run = check(
        &installation,
        &packed,
        &[moved.as_slice(), &["--format", "json"]].concat(),
    );
    assert_eq!(run.code, 0, "{}", run.text());
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let codes: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    assert!(codes.contains(&"not-here"), "{codes:?}");
}

/// Each printed command finds what the backup holds, and none means the state directory of this machine.
#[test]
fn commands_are_about_the_backup() {
    let installation = Installation::shipped();
    without_links(&installation.state);
    let packed = backup(&installation);
    let moved = ["--relocated-from", "/home/user/.openclaw"];
    let shell = |line: &str| {
        let mut command = std::process::Command::new("sh");
        let program = Path::new(env!("CARGO_BIN_EXE_openclaw-verify"));
        let path = format!(
            "{}:/usr/bin:/bin",
            program.parent().expect("folder").display()
        );
        command.args(["-c", line]).env_clear().env("PATH", path);
        command.env("HOME", &installation.home);
        Run::of(&command.current_dir("/").output().expect("runs"))
    };
    // Without a lock: one line makes it.
    let run = check(&installation, &packed, &moved);
    assert_eq!(run.code, 2, "{}", run.text());
    let words = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, line) = words.split_once("run: ").expect("a command");
    assert!(line.starts_with("mkdir -p "), "{line}");
    let made = shell(line);
    assert!(made.code <= 1, "{line}: {}", made.text());
    assert_eq!(check(&installation, &packed, &moved).code, 0);
    // What changed is accepted by what is printed, once the note of the last line was followed.
    let file = installation.state.join("extensions/acme-notes/index.js");
    fs::write(file, "changed").expect("write");
    let packed = backup(&installation);
    let run = check(&installation, &packed, &moved);
    assert_eq!(run.code, 1, "{}", run.text());
    let words = run.text().split_whitespace().collect::<Vec<_>>().join(" ");
    let unpacked = installation.home.join("acme.unpacked/data");
    let lock = "openclaw-verify lock --accept ";
    let at = words.find(lock).expect("a command");
    let line = words[at..].split(" next:").next().expect("line");
    let (line, _) = line.split_once(" --config ").expect("places");
    let places = format!(
        "--state-dir {} --relocated-from /home/user/.openclaw",
        unpacked.display()
    );
    assert!(line.ends_with(&places), "{line}");
    let (_, unpack) = words.split_once("make it first: ").expect("a note");
    assert_eq!(shell(unpack).code, 0, "{unpack}");
    let accepted = shell(&format!(
        "{line} --config {}",
        installation.config.display()
    ));
    assert_eq!(accepted.code, 0, "{}", accepted.text());
    let run = check(&installation, &packed, &moved);
    assert!(!run.stdout.contains("tree-mismatch"), "{}", run.text());
}

#[test]
fn what_is_no_backup_is_refused_and_leaves_nothing() {
    let installation = Installation::shipped();
    installation.init(0);
    let place = installation.home.join("tmp");
    fs::create_dir(&place).expect("folder");
    let file = installation.home.join("x.tgz");
    fs::write(&file, "no archive").expect("file");
    let mut command = crate::support::bare(&installation.home, &installation.config);
    command.env("TMPDIR", &place).args(["check", "--backup"]);
    command.arg(&file).arg("--config").arg(&installation.config);
    let run = Run::of(&command.output().expect("runs"));
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("x.tgz") && run.stderr.contains("gzip"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read_dir(&place).expect("folder").count(), 0);
    for other in [["--state-dir", "."].as_slice(), &["--lock-only"]] {
        let run = check(&installation, &file, other);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.stderr.contains("give one of them"), "{}", run.stderr);
    }
}
