//! What OpenClaw is answered.

use std::process::Command;

use serde_json::{Value, json};

use super::Theme;
use crate::gate::Bench;
use crate::support::{NOW, Run};

/// Asks with `request` on standard input.
fn ask(command: &mut Command, request: &str) -> Run {
    use std::io::Write as _;
    use std::process::Stdio;
    command
        .env("COLUMNS", "80")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // A gate that refuses its arguments does not read.
    let _ = child
        .stdin
        .take()
        .expect("stdin")
        .write_all(request.as_bytes());
    Run::of(&child.wait_with_output().expect("output"))
}

fn with(request: &str, pointer: &str, value: Value) -> String {
    let mut request: Value = serde_json::from_str(request).expect("JSON");
    *request.pointer_mut(pointer).expect(pointer) = value;
    request.to_string()
}

#[test]
fn replies() {
    let mut bench = Bench::new();
    bench.more = vec!["--now", NOW];
    let mut theme = Theme::new("gate", &bench.root);
    let usual = bench.request();
    let requests = [
        ("new", usual.clone()),
        ("empty", String::new()),
        ("no-json", "{".to_owned()),
        ("no-object", "[]".to_owned()),
        ("protocol", with(&usual, "/protocolVersion", json!(2))),
        ("target-type", with(&usual, "/targetType", json!("theme"))),
        ("target-name", with(&usual, "/targetName", json!("../a"))),
        (
            "no-source",
            with(&usual, "/sourcePath", json!(bench.root.join("nowhere"))),
        ),
        (
            "relative-source",
            with(&usual, "/sourcePath", json!("plugin")),
        ),
        (
            "file-source",
            with(&usual, "/sourcePathKind", json!("file")),
        ),
        ("plugin-id", with(&usual, "/plugin/pluginId", json!("b"))),
        ("mode", with(&usual, "/request/mode", json!("update"))),
        ("source-kind", with(&usual, "/source/kind", json!("npm"))),
        ("network", with(&usual, "/source/network", json!(true))),
    ];
    for (name, request) in &requests {
        let run = ask(&mut bench.gate(), request);
        theme.shot(name, "openclaw-verify gate --config [TMP]/config", &run);
    }
    for (name, more) in [
        ("unknown-flag", "--nonsense"),
        ("selftest", "--selftest"),
        ("help", "--help"),
        ("apply-without-setup", "--apply"),
    ] {
        let run = ask(bench.gate().arg(more), &usual);
        theme.shot(
            name,
            &format!("openclaw-verify gate --config [TMP]/config {more}"),
            &run,
        );
    }
    bench.lock();
    let run = ask(&mut bench.gate(), &usual);
    theme.shot("locked", "openclaw-verify gate --config [TMP]/config", &run);
    std::fs::write(bench.root.join("plugin/index.js"), "export default {} ;\n").expect("write");
    let run = ask(&mut bench.gate(), &usual);
    theme.shot(
        "changed",
        "openclaw-verify gate --config [TMP]/config",
        &run,
    );
    for (name, file, text) in [
        (
            "broken-lock",
            "openclaw-verify.lock",
            "version = 1\n<<<<<<< ours\n",
        ),
        ("newer-lock", "openclaw-verify.lock", "version = 99\n"),
        (
            "broken-policy",
            "openclaw-verify.toml",
            "version = 1\nname = \n",
        ),
        (
            "broken-reviews",
            "openclaw-reviews.toml",
            "version = 1\nname = \n",
        ),
    ] {
        let path = bench.root.join("config").join(file);
        let before = std::fs::read(&path).ok();
        std::fs::write(&path, text).expect("write");
        let run = ask(&mut bench.gate(), &usual);
        theme.shot(name, "openclaw-verify gate --config [TMP]/config", &run);
        match before {
            Some(before) => std::fs::write(&path, before).expect("write"),
            None => std::fs::remove_file(&path).expect("remove"),
        }
    }
    theme.end();
}
