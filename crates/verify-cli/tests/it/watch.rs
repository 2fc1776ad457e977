//! `watch`: what is told, of what, and how it ends. Latency and idle cost are measured by scripts/watch.py.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::coverage;
use crate::support::{Installation, around};

/// Only what ends a test that failed.
const LIMIT: Duration = Duration::from_secs(120);

struct Watching {
    child: Child,
    rows: Receiver<Value>,
    said: Receiver<String>,
}

impl Watching {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (row, rows) = channel();
        let (line, said) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let stderr = BufReader::new(child.stderr.take().expect("stderr"));
        std::thread::spawn(move || {
            for text in stdout.lines().map_while(Result::ok) {
                let _ = row.send(serde_json::from_str(&text).expect("a row"));
            }
        });
        std::thread::spawn(move || {
            for text in stderr.lines().map_while(Result::ok) {
                let _ = line.send(text);
            }
        });
        Self { child, rows, said }
    }

    /// The rows up to that of the next run.
    fn run(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        loop {
            let row = self.rows.recv_timeout(LIMIT).unwrap_or_else(|error| {
                let said: Vec<String> = self.said.try_iter().collect();
                panic!("{error}: {rows:#?} {said:#?}")
            });
            rows.push(row);
            if rows
                .last()
                .is_some_and(|row| row["event"] != "subject" && row["event"] != "gone")
            {
                return rows;
            }
        }
    }

    /// The rows of all runs up to one for which `wanted` holds.
    fn until(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        loop {
            let rows = self.run();
            if wanted(&rows) {
                return rows;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status();
        assert!(status.expect("kill").success());
    }

    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = self.child.wait().expect("it ends");
        let said = std::iter::from_fn(|| self.said.recv_timeout(LIMIT).ok());
        (status.code(), said.collect())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn locked() -> Installation {
    let installation = Installation::shipped();
    installation.init(0);
    installation
}

fn of<'a>(rows: &'a [Value], subject: &str) -> Option<&'a Value> {
    rows.iter().find(|row| row["subject"] == subject)
}

fn index(installation: &Installation) -> PathBuf {
    installation.state.join("extensions/acme-notes/index.js")
}

#[test]
fn a_change_is_told_and_what_did_not_change_is_not() {
    let installation = locked();
    let watching = Watching::start(&mut installation.command(&["watch", "--host-label", "gw"]));
    let first = watching.run();
    let run = first.last().expect("run");
    assert_eq!((&run["event"], &run["exit"]), (&"run".into(), &0.into()));
    assert!(
        first
            .iter()
            .all(|row| row["full"] == true && row["host"] == "gw")
    );
    let file = index(&installation);
    let before = fs::read(&file).expect("file");

    fs::write(&file, "changed").expect("write");
    let rows = watching.until(|rows| of(rows, "path:acme-notes").is_some());
    let row = of(&rows, "path:acme-notes").expect("row");
    assert_eq!(
        (&row["integrity"], &row["full"]),
        (&"violated".into(), &false.into())
    );
    assert_eq!(rows.last().expect("run")["exit"], 1);
    assert_eq!(rows.len(), 2, "{rows:#?}");

    fs::write(&file, before).expect("write");
    let rows = watching.until(|rows| rows.last().is_some_and(|run| run["exit"] == 0));
    assert_eq!(
        of(&rows, "path:acme-notes").expect("row")["integrity"],
        "verified"
    );

    watching.signal("-TERM");
    assert_eq!(watching.end().0, Some(143));
}

/// The host is what `openclaw` on PATH leads to, so another link, or one that is found before it, is another host.
#[test]
fn another_openclaw_on_path_is_told() {
    let installation = locked();
    let package = |name: &str| {
        let folder = installation.home.join(name).join("node_modules/openclaw");
        fs::create_dir_all(&folder).expect("folder");
        let manifest =
            r#"{"name":"openclaw","version":"2026.9.6","bin":{"openclaw":"openclaw.mjs"}}"#;
        fs::write(folder.join("package.json"), manifest).expect("manifest");
        let main = folder.join("openclaw.mjs");
        fs::write(&main, format!("#!/usr/bin/env node\n// {name}\n")).expect("program");
        fs::set_permissions(&main, fs::Permissions::from_mode(0o755)).expect("mode");
        main
    };
    let [one, two, three] = ["one", "two", "three"].map(package);
    let [first, second] = ["first", "second"].map(|name| installation.home.join(name));
    for folder in [&first, &second] {
        fs::create_dir(folder).expect("folder");
    }
    let lead = |folder: &Path, to: &Path| {
        std::os::unix::fs::symlink(to, folder.join("new")).expect("link");
        fs::rename(folder.join("new"), folder.join("openclaw")).expect("exchanged");
    };
    lead(&second, &one);
    let mut command = installation.command(&["watch"]);
    let path = format!("{}:{}:/usr/bin:/bin", first.display(), second.display());
    let watching = Watching::start(command.env("PATH", path));
    let tree = |rows: &[Value]| of(rows, "core:openclaw").map(|row| row["tree"].clone());
    let mut seen = vec![tree(&watching.run()).expect("a host")];
    for (folder, to) in [(&second, &two), (&first, &three)] {
        lead(folder, to);
        let known = seen.clone();
        let rows = watching.until(|rows| tree(rows).is_some_and(|tree| !known.contains(&tree)));
        seen.extend(tree(&rows));
    }
    assert_eq!(seen.len(), 3);
}

/// Folders in folders that were not watched when they were made.
#[test]
fn what_appears_and_goes_is_told() {
    let installation = locked();
    let watching = Watching::start(&mut installation.command(&["watch"]));
    watching.run();
    let skill = installation.state.join("workspace/skills/added");
    fs::create_dir_all(skill.join("scripts/deep")).expect("folder");
    fs::write(
        skill.join("SKILL.md"),
        "---\nname: added\ndescription: x\n---\n",
    )
    .expect("skill");
    fs::write(skill.join("scripts/deep/run.sh"), "echo 1\n").expect("script");
    let added = "skill:workspace/added";
    let rows = watching.until(|rows| of(rows, added).is_some());
    let before = of(&rows, added).expect("row")["tree"].clone();
    fs::write(skill.join("scripts/deep/run.sh"), "echo 2\n").expect("script");
    watching.until(|rows| of(rows, added).is_some_and(|row| row["tree"] != before));
    fs::remove_dir_all(&skill).expect("removed");
    let gone = watching.until(|rows| of(rows, added).is_some_and(|row| row["event"] == "gone"));
    assert!(of(&gone, added).expect("row")["tree"].is_null());
}

/// The operator's own files count too.
#[test]
fn a_changed_policy_and_lock_are_taken() {
    let installation = locked();
    let watching = Watching::start(&mut installation.command(&["watch"]));
    watching.run();
    fs::write(index(&installation), "changed").expect("write");
    watching.until(|rows| rows.last().is_some_and(|run| run["exit"] == 1));
    let accepted = installation.run(&["lock", "--accept", "path:acme-notes"]);
    assert_eq!(accepted.code, 0, "{}", accepted.text());
    watching.until(|rows| {
        of(rows, "path:acme-notes").is_some_and(|row| row["integrity"] == "verified")
    });
}

/// What was installed is compared with the archive that OpenClaw keeps of it.
#[test]
fn a_changed_archive_that_is_kept_is_told() {
    let installation = locked();
    let projects = installation.state.join("npm/projects");
    let kept = fs::read_dir(projects)
        .expect("projects")
        .filter_map(|project| {
            fs::read_dir(project.ok()?.path().join("_openclaw-pack-archives")).ok()
        })
        .flatten()
        .map(|entry| entry.expect("entry").path())
        .find(|path| path.extension().is_some_and(|end| end == "tgz"))
        .expect("a kept archive");
    let watching = Watching::start(&mut installation.command(&["watch"]));
    watching.run();
    fs::write(&kept, "other bytes").expect("write");
    let rows = watching.until(|rows| of(rows, "npm-pack:@acme/packed").is_some());
    assert_eq!(rows.last().expect("run")["exit"], 1, "{rows:#?}");
}

/// A job that an agent adds is a row of the database.
#[test]
fn a_row_of_the_database_is_told() {
    let installation = coverage::rich();
    installation.init(0);
    let watching = Watching::start(&mut installation.command(&["watch"]));
    watching.run();
    let job = "INSERT INTO cron_jobs VALUES ('s', 'evil', 1, '{\"payload\":{\"kind\":\"command\",\"argv\":[\"/tmp/x\"]}}')";
    coverage::sql(&installation.state, job);
    let rows = watching.until(|rows| of(rows, "cron:evil").is_some());
    assert_eq!(rows.last().expect("run")["exit"], 1, "{rows:#?}");
}

/// The kernel keeps 16,384 events. A program that does not run takes none.
#[test]
fn after_an_overflow_everything_is_read_again() {
    let installation = locked();
    let folder = installation.state.join("extensions/acme-notes");
    let watching = Watching::start(&mut installation.command(&["watch"]));
    watching.run();
    watching.signal("-STOP");
    let two = ["a", "b"].map(|name| folder.join(name));
    for number in 0..50_000_u32 {
        // Two in turn: the kernel folds equal ones that follow each other.
        for file in &two {
            fs::write(file, number.to_string()).expect("write");
        }
    }
    for file in &two {
        fs::remove_file(file).expect("removed");
    }
    fs::write(folder.join("index.js"), "changed").expect("write");
    watching.signal("-CONT");
    let rows = watching.until(|rows| rows.iter().all(|row| row["full"] == true));
    let row = of(&rows, "path:acme-notes").expect("row");
    assert_eq!(row["integrity"], "violated");
    assert_eq!(rows.last().expect("run")["exit"], 1);
}

#[test]
fn a_state_directory_that_goes_away_ends_it() {
    let installation = locked();
    let watching = Watching::start(&mut installation.command(&["watch"]));
    watching.run();
    fs::rename(&installation.state, installation.config.join("elsewhere")).expect("rename");
    let (code, said) = watching.end();
    let said = said.join("\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("state"), "{said}");
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("mode");
}

#[test]
fn the_command_gets_one_event_and_nothing_else() {
    let installation = locked();
    let (command, out) = (
        installation.home.join("page"),
        installation.home.join("out"),
    );
    let to = out.display();
    script(
        &command,
        &format!("{{ echo $#; pwd; /usr/bin/env; cat; }} > {to}.new\nmv {to}.new {to}"),
    );
    let call = ["watch", "--on-change", command.to_str().expect("path")];
    let mut watch = installation.command(&call);
    let watching = Watching::start(watch.env("SECRET", "s3cret"));
    watching.run();
    assert!(!out.exists());
    fs::write(index(&installation), "changed").expect("write");
    watching.until(|rows| rows.last().is_some_and(|run| run["exit"] == 1));
    let text = loop {
        if let Ok(text) = fs::read_to_string(&out) {
            break text;
        }
        std::thread::yield_now();
    };
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["0", "/"], "{text}");
    // The shell itself sets what it needs.
    let own = |line: &&str| {
        ["PWD=", "SHLVL=", "_=", "OLDPWD="]
            .iter()
            .any(|own| line.starts_with(own))
    };
    let others: Vec<&str> = lines[2..lines.len() - 1]
        .iter()
        .copied()
        .filter(|line| !own(line))
        .collect();
    assert_eq!(others, [""; 0], "{text}");
    let event: Value = serde_json::from_str(lines[lines.len() - 1]).expect("event");
    assert_eq!(
        (&event["event"], &event["exit"]),
        (&"run".into(), &1.into())
    );
}

#[test]
fn a_command_that_fails_is_an_event() {
    let installation = locked();
    let command = installation.home.join("page");
    script(&command, "exit 3");
    let call = ["watch", "--on-change", command.to_str().expect("path")];
    let watching = Watching::start(&mut installation.command(&call));
    watching.run();
    fs::write(index(&installation), "changed").expect("write");
    watching.until(|rows| rows.last().is_some_and(|run| run["exit"] == 1));
    // It is told with what is said next.
    for number in 0.. {
        fs::write(index(&installation), number.to_string()).expect("write");
        let rows = watching.run();
        if let Some(failed) = rows.iter().find(|row| row["event"] == "failed") {
            let message = failed["message"].as_str().expect("message");
            assert!(
                message.contains("page") && message.contains('3'),
                "{message}"
            );
            return;
        }
    }
}

#[test]
fn a_command_that_others_can_change_is_refused() {
    let installation = locked();
    let command = installation.home.join("page");
    script(&command, "exit 0");
    let refused = |path: &str, why: &str| {
        let run = installation.run(&["watch", "--on-change", path]);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.stderr.contains(why), "{}", run.text());
    };
    refused("page", "absolute");
    refused("/no/such/program", "cannot be run");
    let path = command.to_str().expect("path");
    fs::set_permissions(&command, fs::Permissions::from_mode(0o722)).expect("mode");
    refused(path, "changed by others");
    fs::set_permissions(&command, fs::Permissions::from_mode(0o600)).expect("mode");
    refused(path, "not an executable file");
}

#[test]
fn without_a_lock_or_with_sockets_there_is_nothing_to_watch() {
    let installation = Installation::shipped();
    let run = installation.run(&["watch"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(run.stderr.contains("no lock found"), "{}", run.text());
    installation.init(0);
    for option in ["--online", "--lock-only"] {
        let run = installation.run(&["watch", option]);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.stderr.contains(option), "{}", run.text());
    }
}

#[test]
fn a_reader_that_went_away_ends_it() {
    let installation = locked();
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let status = installation
        .command(&["watch", "-q"])
        .stdout(writer)
        .status()
        .expect("runs");
    assert_eq!(status.code(), Some(0));
}

/// Every verdict is written to the files that were asked for.
#[test]
fn gauges_are_written_anew() {
    let installation = locked();
    let file = installation.home.join("gauges");
    let report = format!("prometheus={}", file.display());
    let watching = Watching::start(&mut installation.command(&["watch", "--report", &report]));
    watching.run();
    let text = || fs::read_to_string(&file).expect("gauges");
    assert!(text().contains("openclaw_verify_exit_code 0\n"));
    fs::write(index(&installation), "changed").expect("write");
    watching.until(|rows| rows.last().is_some_and(|run| run["exit"] == 1));
    assert!(text().contains("openclaw_verify_exit_code 1\n"));
}

/// In a user namespace of its own, whose limit is this one.
#[test]
#[ignore = "needs mount namespaces"]
fn too_few_watches_are_named_and_nothing_is_missed() {
    let installation = locked();
    let limited = |script: &str| {
        let mut outer = Command::new("unshare");
        outer.args(["-r", "sh", "-c", script]);
        around(
            outer,
            &installation.command(&["watch", "--full-every", "10s"]),
        )
    };
    let mut command = limited("echo 7 > /proc/sys/user/max_inotify_watches; exec \"$0\" \"$@\"");
    let watching = Watching::start(&mut command);
    watching.run();
    let said = watching.said.recv_timeout(LIMIT).expect("said");
    assert!(
        said.contains("sysctl fs.inotify.max_user_watches="),
        "{said}"
    );
    assert!(
        said.contains("everything is read every 10 seconds"),
        "{said}"
    );
    fs::write(index(&installation), "changed").expect("write");
    let rows = watching.until(|rows| rows.last().is_some_and(|run| run["exit"] == 1));
    assert!(rows.iter().all(|row| row["full"] == true), "{rows:#?}");
    drop(watching);
    let mut command = limited("echo 0 > /proc/sys/user/max_inotify_instances; exec \"$0\" \"$@\"");
    let watching = Watching::start(&mut command);
    watching.run();
    let said = watching.said.recv_timeout(LIMIT).expect("said");
    assert!(said.contains("fs.inotify.max_user_instances"), "{said}");
}

#[test]
#[ignore = "needs mount namespaces"]
fn an_unmounted_state_ends_it() {
    let installation = locked();
    let state = installation.state.display().to_string();
    let copy = installation.config.join("copy").display().to_string();
    let script = format!(
        "cp -a {state} {copy}; mount -t tmpfs none {state}; cp -a {copy}/. {state}; \
         (read line; umount -l {state}; cat) | \"$0\" \"$@\""
    );
    let mut outer = Command::new("unshare");
    outer
        .args(["-rm", "sh", "-c", &script])
        .stdin(Stdio::piped());
    let mut command = around(outer, &installation.command(&["watch"]));
    command.stdin(Stdio::piped());
    let mut watching = Watching::start(&mut command);
    watching.run();
    let mut input = watching.child.stdin.take().expect("stdin");
    std::io::Write::write_all(&mut input, b"go\n").expect("told");
    drop(input);
    let (code, said) = watching.end();
    let said = said.join("\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("unmounted"), "{said}");
}

#[test]
#[ignore = "needs strace"]
fn it_opens_no_socket() {
    let installation = locked();
    let trace = installation.home.join("trace");
    let mut outer = Command::new("strace");
    outer.args([
        "-f",
        "-qq",
        "-e",
        "trace=socket,connect,bind,listen,accept,accept4",
        "-o",
    ]);
    outer.arg(&trace);
    let watching = Watching::start(&mut around(outer, &installation.command(&["watch"])));
    watching.run();
    fs::write(index(&installation), "changed").expect("write");
    watching.until(|rows| rows.last().is_some_and(|run| run["exit"] == 1));
    fs::rename(&installation.state, installation.config.join("elsewhere")).expect("rename");
    assert_eq!(watching.end().0, Some(2));
    assert_eq!(fs::read_to_string(&trace).expect("trace"), "");
}
