//! `--on-change`: the operator's command, run when the verdict is another one.
//!
//! It is named on the command line and nowhere else, by an absolute path that only its owner and root can change. It gets one event on
//! standard input, no arguments and no environment, so that nothing of what is under test reaches a shell. One runs at a time, for at
//! most 30 seconds; of what happens meanwhile the last is told next.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use openclaw_verify_core::report::event::Event;
use openclaw_verify_core::{Error, Result};

use crate::verbs::gate::setup;
use crate::{operator, render};

const LONGEST: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// Where signed operator files are demanded: then only root may say what runs.
const SIGNERS: &str = "/etc/openclaw-verify/allowed_signers";

/// The command.
pub(super) struct OnChange {
    events: Sender<String>,
    problems: Receiver<String>,
}

impl OnChange {
    /// # Errors
    /// When it is not absolute, is no program, or may be changed by others.
    pub(super) fn new(program: &Path) -> Result<Self> {
        let program = checked(program)?;
        let (events, to_tell) = channel::<String>();
        let (problem, problems) = channel();
        let worker = std::thread::Builder::new().name("on-change".to_owned());
        let work = move || {
            while let Ok(first) = to_tell.recv() {
                let last = to_tell.try_iter().last().unwrap_or(first);
                if let Err(why) = run(&program, &last) {
                    let _ = problem.send(format!(
                        "--on-change {}: {why}",
                        operator::absolute(&program)
                    ));
                }
            }
        };
        worker.spawn(work).map_err(|error| {
            Error::environment(
                format!("no thread can be started: {error}"),
                "give the user more",
            )
        })?;
        Ok(Self { events, problems })
    }

    /// Tells it of a change, now or after what it does.
    pub(super) fn run(&mut self, event: &Event) {
        // The other end lives as long as this one.
        let _ = self
            .events
            .send(render::event::lines(std::slice::from_ref(event)));
    }

    /// What went wrong since this was asked last.
    pub(super) fn problems(&mut self) -> Vec<String> {
        self.problems.try_iter().collect()
    }
}

/// The real path of a program that only its owner and root can change.
fn checked(program: &Path) -> Result<PathBuf> {
    let shown = operator::absolute(program);
    let refused = |why: String, help: &str| {
        Err(Error::environment(
            format!("--on-change {shown} {why}"),
            help,
        ))
    };
    if !program.is_absolute() {
        return refused(
            "is not an absolute path".to_owned(),
            "name the program by its whole path, without arguments",
        );
    }
    let real = match program.canonicalize() {
        Ok(real) => real,
        Err(error) => return refused(format!("cannot be run: {error}"), "name a program"),
    };
    let found = std::fs::metadata(&real).map_err(|error| Error::io("look at", &real, error))?;
    if !found.is_file() || found.mode() & 0o111 == 0 {
        return refused("is not an executable file".to_owned(), "chmod +x it");
    }
    let mut wrong = Vec::new();
    setup::check(&real, "the command", &mut wrong)?;
    if let Some(first) = wrong.into_iter().next() {
        return refused(
            format!("may be changed by others: {first}"),
            "fix that, then start again",
        );
    }
    if Path::new(SIGNERS).exists() && found.uid() != 0 {
        return refused(
            format!("does not belong to root, and {SIGNERS} demands signed files"),
            "let root own it",
        );
    }
    Ok(real)
}

/// Runs it once with `event` on its standard input.
fn run(program: &Path, event: &str) -> std::result::Result<(), String> {
    // What was fit when this program started may not be any more.
    checked(program).map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("could not be run: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // It need not read it. An event is smaller than a pipe holds, so this does not wait.
        let _ = input.write_all(event.as_bytes());
    }
    let since = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("ended with {status}")),
            Ok(None) if since.elapsed() >= LONGEST => {
                end(&mut child);
                return Err(format!(
                    "did not end in {} s and was killed",
                    LONGEST.as_secs()
                ));
            }
            Ok(None) => std::thread::sleep(LOOK),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
