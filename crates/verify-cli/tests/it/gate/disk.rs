//! A spool on a disk that is full, fills up, or cannot be written: the reply is valid and as safe, and nothing half written is left.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{Bench, reason};
use crate::support::Run;

/// Runs a script with a small file system of its own at `$SPOOL`. `ask` in it asks the gate.
fn on_a_small_disk(bench: &Bench, script: &str) -> Vec<Value> {
    let spool = bench.root.join("disk");
    std::fs::create_dir_all(&spool).expect("folder");
    std::fs::write(bench.root.join("request.json"), bench.request()).expect("write");
    let whole = format!(
        "mount -t tmpfs -o size=256k none \"$SPOOL\" 
         ask() {{ env -i \"$GATE\" gate --config \"$ROOT/config\" --spool \"$SPOOL\" < \"$ROOT/request.json\"; }}
         {script}"
    );
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-ec", &whole])
        .env("SPOOL", &spool)
        .env("ROOT", &bench.root);
    let output = command
        .env("GATE", env!("CARGO_BIN_EXE_openclaw-verify"))
        .output();
    let run = Run::of(&output.expect("unshare"));
    assert_eq!(run.code, 0, "{}", run.text());
    run.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Some hundred kilobytes, more than the small disk has.
fn large(bench: &Bench) -> Vec<PathBuf> {
    let files: Vec<PathBuf> = (0..40)
        .map(|number| bench.root.join(format!("plugin/large{number}.js")))
        .collect();
    for file in &files {
        std::fs::write(file, "x".repeat(20_000)).expect("write");
    }
    files
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_full_disk() {
    let bench = Bench::new();
    let script = "head -c 1000000 /dev/zero > \"$SPOOL/full\" 2>/dev/null || true
        ask
        rm \"$SPOOL/full\"
        ask
        ls \"$SPOOL\"/kept/*/content/index.js > /dev/null";
    let replies = on_a_small_disk(&bench, script);
    let [full, room] = replies.as_slice() else {
        panic!("two replies: {replies:?}")
    };
    assert!(
        reason(full).contains("give it a spool folder with room"),
        "{full}"
    );
    assert!(
        reason(room).contains("openclaw-verify lock path:a --from "),
        "{room}"
    );
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_disk_that_fills_up_while_the_copy_is_made() {
    let bench = Bench::new();
    let files = large(&bench);
    let script = "ask
        test -z \"$(ls -A \"$SPOOL/kept\")\"
        rm \"$ROOT\"/plugin/large*
        ask
        test \"$(ls -A \"$SPOOL/kept\" | wc -l)\" = 1";
    let replies = on_a_small_disk(&bench, script);
    let [full, room] = replies.as_slice() else {
        panic!("two replies: {replies:?}")
    };
    assert!(
        reason(full).contains("give it a spool folder with room"),
        "{full}"
    );
    assert!(
        reason(room).contains("openclaw-verify lock path:a --from "),
        "{room}"
    );
    assert!(!files[0].exists());
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_full_or_read_only_disk_does_not_stop_what_is_locked() {
    let bench = Bench::new();
    bench.lock();
    let script = "head -c 1000000 /dev/zero > \"$SPOOL/full\" 2>/dev/null || true
        ask
        mount -o remount,ro \"$SPOOL\"
        ask
        printf ' ' >> \"$ROOT/plugin/index.js\"
        ask";
    let replies = on_a_small_disk(&bench, script);
    let [full, read_only, changed] = replies.as_slice() else {
        panic!("three replies: {replies:?}")
    };
    assert_eq!(full["decision"], "allow", "{full}");
    assert_eq!(read_only["decision"], "allow", "{read_only}");
    assert!(
        reason(changed).contains("is not what was locked under this version"),
        "{changed}"
    );
}
