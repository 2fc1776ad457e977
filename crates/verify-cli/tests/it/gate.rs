//! The gate as a process: an empty environment, exactly one reply, exit code 0, whatever happens.

mod disk;
mod statement;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::kill::stopped_at;
use crate::support::{Run, program_in};

pub(crate) struct Bench {
    pub(crate) root: PathBuf,
    /// What every run gets beside its own arguments.
    pub(crate) more: Vec<&'static str>,
    /// A minute: on a busy machine the usual nine seconds may pass before a verdict, and then that is the reply.
    pub(crate) deadline_ms: u32,
    _temporary: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let root = temporary.path().canonicalize().expect("real path");
        std::fs::create_dir(root.join("config")).expect("folder");
        std::fs::create_dir(root.join("plugin")).expect("folder");
        let write = |name: &str, text: &str| {
            std::fs::write(root.join("plugin").join(name), text).expect("write")
        };
        write(
            "package.json",
            r#"{"name":"@acme/a","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}"#,
        );
        write("openclaw.plugin.json", r#"{"id":"a","configSchema":{}}"#);
        write("index.js", "export default {};\n");
        Self {
            root,
            more: Vec::new(),
            deadline_ms: 60_000,
            _temporary: temporary,
        }
    }

    pub(crate) fn request(&self) -> String {
        json!({
            "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "a", "targetType": "plugin",
            "sourcePath": self.root.join("plugin"), "sourcePathKind": "directory",
            "source": { "kind": "local-path", "authority": "user", "mutable": true, "network": false },
            "origin": { "type": "plugin-package" }, "request": { "kind": "plugin-dir", "mode": "install" },
            "plugin": { "contentType": "package", "pluginId": "a" },
        })
        .to_string()
    }

    pub(crate) fn gate(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
        command
            .env_clear()
            .current_dir("/")
            .args(["gate", "--config"])
            .arg(self.root.join("config"))
            .args(["--deadline-ms", &self.deadline_ms.to_string()])
            .args(&self.more);
        command
    }

    fn start(&self, command: &mut Command) -> Child {
        let command = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        // A gate that was killed or refused its arguments does not read.
        let _ = child
            .stdin
            .take()
            .expect("stdin")
            .write_all(self.request().as_bytes());
        child
    }

    fn ask(&self, command: &mut Command) -> Value {
        reply(self.start(command))
    }

    /// Runs the commands that the reason names.
    fn follow(&self, refused: &Value) {
        let said = reason(refused)
            .split(", then run: ")
            .nth(1)
            .and_then(|text| text.split("; then install again").next());
        for line in said.expect("commands").split("; ") {
            let (program, words) = line.split_once(' ').expect("words");
            assert_eq!(program, "openclaw-verify");
            let run = self.verify(&words.split(' ').collect::<Vec<_>>());
            assert_eq!(run.code, 0, "{line}: {}", run.text());
        }
    }

    fn verify(&self, words: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
        command.env_clear().args(words).args(&self.more);
        if words[0] == "review" {
            command.args(["--by", "Ada <ada@example.org>", "--yes"]);
        }
        Run::of(&command.output().expect("the binary runs"))
    }

    /// Refused, then locked and reviewed as the reason says.
    pub(crate) fn lock(&self) {
        self.follow(&self.ask(&mut self.gate()));
    }
}

#[track_caller]
fn reply(child: Child) -> Value {
    let output = child.wait_with_output().expect("output");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn reason(reply: &Value) -> &str {
    assert_eq!(reply["decision"], "block", "{reply}");
    reply["reason"].as_str().expect("reason")
}

#[test]
fn blocked_locked_allowed_in_an_empty_environment() {
    let bench = Bench::new();
    let refused = bench.ask(&mut bench.gate());
    assert!(
        reason(&refused).contains("openclaw-verify lock path:a --from "),
        "{refused}"
    );
    bench.lock();
    assert_eq!(
        bench.ask(&mut bench.gate()),
        json!({ "protocolVersion": 1, "decision": "allow" })
    );
    std::fs::write(bench.root.join("plugin/index.js"), "export default {} ;\n").expect("write");
    let refused = bench.ask(&mut bench.gate());
    assert!(
        reason(&refused).starts_with("Find out why it changed"),
        "{refused}"
    );
    assert!(
        refused["findings"].to_string().contains("index.js"),
        "the changed file is named: {refused}"
    );
}

#[test]
fn broken_arguments_and_files_still_get_a_reply() {
    let bench = Bench::new();
    assert!(reason(&bench.ask(bench.gate().arg("--nonsense"))).contains("--nonsense"));
    assert!(reason(&bench.ask(bench.gate().args(["--now", "never"]))).contains("arguments"));
    let mut nowhere = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
    assert!(reason(&bench.ask(nowhere.env_clear().arg("gate"))).contains("--config"));
    assert!(reason(&bench.ask(nowhere.arg("--config").arg("/nowhere"))).contains("/nowhere"));
    // The working folder is OpenClaw's.
    let mut relative = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
    relative
        .env_clear()
        .current_dir(&bench.root)
        .args(["gate", "--config", "config"]);
    let reply = bench.ask(&mut relative);
    let said = reason(&reply);
    assert!(said.contains("--config must be an absolute path"), "{said}");
    let reply = bench.ask(bench.gate().args(["--spool", "spool"]));
    let said = reason(&reply);
    assert!(said.contains("--spool must be an absolute path"), "{said}");
    std::fs::write(
        bench.root.join("config/openclaw-verify.lock"),
        "version = 1\n<<<<<<< ours\n",
    )
    .expect("write");
    assert!(reason(&bench.ask(&mut bench.gate())).contains("openclaw-verify.lock"));
    std::fs::write(
        bench.root.join("config/openclaw-verify.lock"),
        "version = 99\n",
    )
    .expect("write");
    assert!(reason(&bench.ask(&mut bench.gate())).contains("version"));
}

#[test]
fn a_request_that_never_ends_is_answered_in_time() {
    let mut bench = Bench::new();
    bench.deadline_ms = 1000;
    let mut child = bench
        .gate()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("spawn");
    let mut open = child.stdin.take().expect("stdin");
    open.write_all(b"{").expect("write");
    // The request is still open: a gate that waits for its end never replies.
    assert!(reason(&reply(child)).starts_with("No verdict after 1 s"));
    drop(open);
}

#[test]
fn what_was_set_up_is_removed_by_openclaws_own_command() {
    let installation = crate::support::Installation::empty();
    let state = installation.state.to_string_lossy().into_owned();
    let run = installation.run(&["gate", "--remove"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(
        run.stdout,
        format!("OPENCLAW_STATE_DIR={state} openclaw config unset security.installPolicy\n")
    );
    // With --apply it is run: here by a program that writes down how it was called.
    let bin = installation.home.join("bin");
    std::fs::create_dir_all(&bin).expect("folder");
    let openclaw = bin.join("openclaw");
    std::fs::write(&openclaw, "#!/bin/sh\necho \"$@\" >> \"$HOME/called\"\n").expect("script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&openclaw, mode).expect("mode");
    let mut command = installation.command(&["gate", "--remove", "--apply"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let run = Run::of(&command.output().expect("the binary runs"));
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("no longer asks"), "{}", run.stdout);
    let called = std::fs::read_to_string(installation.home.join("called")).expect("called");
    assert_eq!(called, "config unset security.installPolicy\n");
    // Where there is none, OpenClaw says so.
    let none = "#!/bin/sh\necho 'Config path not found: security.installPolicy.' >&2\nexit 1\n";
    std::fs::write(&openclaw, none).expect("script");
    let mut command = installation.command(&["gate", "--remove", "--apply"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let run = Run::of(&command.output().expect("the binary runs"));
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("nothing to take out"), "{}", run.stderr);

    for wrong in [&["gate", "--apply"][..], &["gate", "--setup", "--remove"]] {
        let run = installation.run(wrong);
        assert_eq!(run.code, 2, "{}", run.text());
    }
}

#[test]
fn many_at_once_agree() {
    let bench = Bench::new();
    let children: Vec<Child> = (0..12).map(|_| bench.start(&mut bench.gate())).collect();
    let replies: Vec<Value> = children.into_iter().map(reply).collect();
    replies
        .iter()
        .for_each(|reply| assert_eq!(reply, &replies[0]));
    let kept = std::fs::read_dir(bench.root.join("config/.openclaw-verify/kept"))
        .expect("kept")
        .count();
    assert_eq!(kept, 1);
    bench.lock();
    assert_eq!(bench.ask(&mut bench.gate())["decision"], "allow");
}

#[test]
fn a_stop_in_the_middle_of_a_file_poisons_nothing() {
    let bench = Bench::new();
    for number in 0..40 {
        std::fs::write(
            bench.root.join(format!("plugin/file{number}.js")),
            format!("// {number}\n").repeat(25),
        )
        .expect("write");
    }
    // The file that is too large for the limit comes first, in the middle, or last.
    for large in
        ["a.js", "file20-large.js", "zz.js"].map(|name| bench.root.join("plugin").join(name))
    {
        std::fs::write(&large, "x".repeat(1 << 20)).expect("write");
        for blocks in [0, 1, 200] {
            let reply = bench.ask(&mut stopped_at(&bench.gate(), blocks));
            assert_eq!(reply["decision"], "block", "{reply}");
        }
        std::fs::remove_file(&large).expect("remove");
    }
    let refused = bench.ask(&mut bench.gate());
    assert!(
        reason(&refused).contains("openclaw-verify lock path:a --from "),
        "{refused}"
    );
    let kept = bench.root.join("config/.openclaw-verify/kept");
    let whole = std::fs::read_dir(&kept)
        .expect("kept")
        .flatten()
        .map(|entry| entry.path());
    let whole: Vec<PathBuf> = whole
        .filter(|path| path.join("request.json").exists())
        .collect();
    assert_eq!(whole.len(), 1);
    assert_eq!(
        files(&whole[0].join("content")),
        files(&bench.root.join("plugin"))
    );
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("folder").count()
}

/// Every write fails as on a full disk; the lock is read anyway.
#[test]
fn nothing_can_be_written() {
    let bench = Bench::new();
    bench.ask(&mut bench.gate());
    bench.lock();
    std::fs::remove_dir_all(bench.root.join("config/.openclaw-verify")).expect("remove");
    let full = || {
        let mut command = Command::new("/bin/bash");
        let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" gate --config \"$1\"";
        command
            .env_clear()
            .args(["-c", script, env!("CARGO_BIN_EXE_openclaw-verify")])
            .arg(bench.root.join("config"));
        command
    };
    let read_only = || {
        let mut command = bench.gate();
        command.args(["--spool", "/proc/nowhere"]);
        command
    };
    for command in [&full as &dyn Fn() -> Command, &read_only] {
        assert_eq!(bench.ask(&mut command())["decision"], "allow");
    }
    std::fs::write(bench.root.join("plugin/index.js"), "changed").expect("write");
    for command in [&full as &dyn Fn() -> Command, &read_only] {
        let refused = bench.ask(&mut command());
        assert!(
            reason(&refused).contains("is not what was locked under this version"),
            "{refused}"
        );
        assert!(reason(&refused).contains("--spool"), "{refused}");
    }
}

#[test]
fn setup_prints_the_command_and_says_what_to_mend() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let program = program_in(&bench.root);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("mode")
    };
    mode(&program, 0o755);
    mode(&bench.root, 0o755);
    mode(&bench.root.join("config"), 0o755);
    let setup = || {
        let mut command = Command::new(&program);
        let output = command
            .env_clear()
            .args(["gate", "--setup", "--config"])
            .arg(bench.root.join("config"))
            .output();
        Run::of(&output.expect("the binary runs"))
    };
    let good = setup();
    assert_eq!(good.code, 0, "{}", good.text());
    let value = good
        .stdout
        .strip_prefix("openclaw config set security.installPolicy '")
        .expect("command");
    let value = value
        .trim_end()
        .strip_suffix("' --strict-json")
        .expect("command");
    let value: Value = serde_json::from_str(value).expect("JSON");
    assert_eq!(value["exec"]["command"], program.to_string_lossy().as_ref());
    assert_eq!(
        value["exec"]["args"],
        json!([
            "gate",
            "--config",
            bench.root.join("config").to_string_lossy(),
            "--deadline-ms",
            "9000",
        ])
    );
    assert_eq!(value["exec"]["timeoutMs"], 10_000);
    // The command is what OpenClaw starts, so the lock has to take it over.
    let then = "openclaw-verify lock --accept config:openclaw --config ";
    assert!(good.stderr.contains(then), "{}", good.stderr);
    for (path, wrong) in [
        (program.clone(), 0o775),
        (bench.root.join("config"), 0o777),
        (bench.root.clone(), 0o775),
    ] {
        mode(&path, wrong);
        let bad = setup();
        assert_eq!(bad.code, 2);
        assert!(
            bad.stderr
                .contains(&format!("chmod go-w {}", path.display())),
            "{}",
            bad.text()
        );
        assert!(bad.stdout.is_empty());
        mode(&path, 0o755);
    }
}

#[test]
fn selftest_answers_every_kind_and_leaves_nothing() {
    let bench = Bench::new();
    let output = bench
        .gate()
        .arg("--selftest")
        .output()
        .expect("the binary runs");
    let run = Run::of(&output);
    assert_eq!(run.code, 0, "{}", run.text());
    let (table, sense) = run.stdout.split_once("\n\n").expect("two parts");
    assert!(sense.starts_with("the gate answers"), "{sense}");
    assert_eq!(table.lines().count(), 12);
    let decided = |line: &str| line.contains("  allow") || line.contains("  block  ");
    assert!(table.lines().all(decided), "{}", run.stdout);
    let output = bench
        .gate()
        .args(["--selftest", "--format", "json"])
        .output()
        .expect("the binary runs");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let replies = document["replies"].as_array().expect("replies");
    assert_eq!(replies.len(), 12);
    for reply in replies {
        assert_eq!(reply["reply"]["protocolVersion"], 1, "{reply}");
        assert!(reply["reply"]["decision"].is_string(), "{reply}");
    }
    assert_eq!(files(&bench.root.join("config")), 0);
}

/// Nearly four gibibytes cannot be hashed by the deadline, however fast the machine is.
#[test]
fn a_block_for_time_says_so_and_keeps_the_copy() {
    let mut bench = Bench::new();
    let staged = bench.root.join(".openclaw-install-stage-x1");
    std::fs::rename(bench.root.join("plugin"), &staged).expect("rename");
    let large = std::fs::File::create(staged.join("model.bin")).expect("file");
    large.set_len((4 << 30) - (1 << 20)).expect("sparse file");
    let request = bench.request().replace(
        &format!("{}/plugin", bench.root.display()),
        staged.to_str().expect("UTF-8"),
    );
    bench.deadline_ms = 1400;
    let mut child = bench
        .gate()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(request.as_bytes()).expect("request");
    drop(stdin);
    let reply = reply(child);
    assert!(reason(&reply).contains("--deadline-ms 4000"), "{reply}");
    let finding = &reply["findings"][0];
    assert_eq!(finding["ruleId"], "openclaw-verify/not-established");
    assert!(
        finding["message"]
            .as_str()
            .expect("text")
            .ends_with("[timeout]")
    );
    let kept: Vec<PathBuf> = std::fs::read_dir(bench.root.join("config/.openclaw-verify/kept"))
        .expect("kept")
        .map(|entry| entry.expect("entry").path())
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(
        reason(&reply).contains(kept[0].to_str().expect("UTF-8")),
        "{reply}"
    );
    // With less in it, it can be read and locked like any other copy.
    std::fs::remove_file(kept[0].join("content/model.bin")).expect("remove");
    let from = kept[0].to_str().expect("UTF-8").to_owned();
    let config = bench.root.join("config");
    let run = bench.verify(&[
        "lock",
        "path:a",
        "--from",
        &from,
        "--config",
        config.to_str().expect("UTF-8"),
    ]);
    assert_eq!(run.code, 0, "{}", run.text());
}
