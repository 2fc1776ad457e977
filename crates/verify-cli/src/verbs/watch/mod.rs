//! `watch`: checks once, then is told by the kernel what changed, and judges anew.
//!
//! Each verdict is one of the whole installation. What the kernel saved is the reading: digests of folders in which nothing was changed
//! are kept from the run before ([`Memory`]). Watches are set before what they watch is read, so a change that is not in a verdict has
//! an event behind it. What no event tells (docs/watch.md) the full check finds, which reads every byte.

mod changes;
mod command;
mod interest;
#[cfg(target_os = "linux")]
#[path = "inotify.rs"]
mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod kernel;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use openclaw_verify_core::report::Report;
use openclaw_verify_core::report::event::{About, Event, Stamp};
use openclaw_verify_core::{Error, Memory, Result, Scope, Verifier};

use self::changes::{Rows, Verdict};
use self::command::OnChange;
use self::interest::{Interest, What};
use self::kernel::{Change, Kernel};
use super::{Start, check, detail, no_lock, start};
use crate::cli::{Common, Format, WatchArgs};
use crate::{Exit, attest, errors, host, operator, output, process, render, signed, wording};

/// How long events are collected after the first one: until none came for the first, or for the second at most.
const QUIET: Duration = Duration::from_millis(40);
const COLLECT: Duration = Duration::from_millis(250);
/// At most so often is the database copied for a change of its own.
const DATABASE: Duration = Duration::from_secs(60);
/// How often everything is read where the kernel tells nothing.
const UNREPORTED: Duration = Duration::from_secs(60);
/// How often it is looked whether the run is to end.
const TICK: Duration = Duration::from_secs(1);
/// What cannot be judged is tried again after so long, and said when it did not come right for the second.
const AGAIN: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);
/// The clock ran so far ahead of the time in which this program ran: the machine slept.
const SLEPT: Duration = Duration::from_secs(5);

pub(super) fn run(common: &Common, args: &WatchArgs) -> Result<Exit> {
    for (given, option) in [
        (common.online, "--online"),
        (common.lock_only, "--lock-only"),
    ] {
        if given {
            return Err(Error::environment(
                format!("watch does not take {option}"),
                "it judges what is installed, and opens no socket; leave it out",
            ));
        }
    }
    let mut common = common.clone();
    common.no_progress = true;
    if !operator::in_call("--format") {
        common.format = Format::Jsonl;
    }
    let on_change = args.on_change.as_deref().map(OnChange::new).transpose()?;
    Watch {
        memory: Arc::default(),
        kernel: None,
        interest: Interest::default(),
        untold: None,
        every: args.full_every,
        said: None,
        verdict: None,
        copied: None,
        common,
        on_change,
    }
    .run()
}

struct Watch {
    common: Common,
    memory: Arc<Memory>,
    /// None where the kernel cannot tell everything.
    kernel: Option<Kernel>,
    interest: Interest,
    /// Why it cannot, as it was said.
    untold: Option<String>,
    every: Duration,
    /// The rows of the last verdict.
    said: Option<Rows>,
    verdict: Option<Verdict>,
    /// When the database was copied last.
    copied: Option<Instant>,
    on_change: Option<OnChange>,
}

/// What the events since the last verdict ask for.
#[derive(Default)]
struct Due {
    check: bool,
    full: bool,
    database: bool,
}

impl Watch {
    fn run(mut self) -> Result<Exit> {
        let cancelled = process::cancelled();
        let mut next_full = SystemTime::now();
        let mut due = Due::default();
        let mut failing: Option<(Instant, bool)> = None;
        let mut retry: Option<Instant> = None;
        loop {
            let now = SystemTime::now();
            if now >= next_full || due.full {
                (due.full, due.check) = (true, true);
            }
            let database = due.database && self.may_copy();
            if database && !due.check {
                // Rows that do not count change all the time.
                due.check = self.database_moved();
                due.database = false;
            }
            if due.check && retry.is_none_or(|at| Instant::now() >= at) {
                let full = due.full;
                match self.round(full, database) {
                    Ok(again) => {
                        due = Due {
                            check: again,
                            full: false,
                            database: self.memory.database_moved(),
                        };
                        if full {
                            let told = self.kernel.is_some();
                            let every = if told {
                                self.every
                            } else {
                                self.every.min(UNREPORTED)
                            };
                            next_full = SystemTime::now() + every;
                        }
                        (failing, retry) = (None, None);
                    }
                    Err(error) if self.said.is_none() || self.is_gone() => return Err(error),
                    Err(Error::Cancelled) => {}
                    Err(error) => {
                        let (since, said) = failing.unwrap_or((Instant::now(), false));
                        let say = !said && since.elapsed() >= PATIENCE;
                        if say {
                            self.failed(error)?;
                        }
                        failing = Some((since, said || say));
                        // What was read in part is worth nothing.
                        self.memory.forget_all();
                        retry = Some(Instant::now() + if said || say { PATIENCE } else { AGAIN });
                    }
                }
            }
            if cancelled.load(Ordering::Relaxed) || output::reader_is_gone() {
                return Ok(Exit::Clean);
            }
            let pause = match (due.check, retry) {
                (true, None) => Duration::ZERO,
                (true, Some(at)) => at.saturating_duration_since(Instant::now()),
                _ => TICK,
            };
            self.wait(pause.min(TICK), &mut due)?;
        }
    }

    /// Waits for events and sorts them.
    fn wait(&mut self, pause: Duration, due: &mut Due) -> Result<()> {
        let (wall, ran) = (SystemTime::now(), Instant::now());
        let Some(kernel) = &mut self.kernel else {
            std::thread::sleep(pause);
            return Ok(());
        };
        let changes = kernel.wait(pause, QUIET, COLLECT);
        // The clock went on while this program did not, so events may be missing.
        let passed = wall.elapsed().unwrap_or(SLEPT);
        if passed.saturating_sub(ran.elapsed()) >= SLEPT || passed >= pause + COLLECT + SLEPT {
            due.full = true;
        }
        for change in changes {
            match change {
                Change::Lost => due.full = true,
                Change::Unmounted(place) if self.interest.state.starts_with(&place) => {
                    return Err(Error::environment(
                        format!(
                            "the file system with the state directory {} was unmounted",
                            operator::absolute(&self.interest.state)
                        ),
                        "mount it, then start watch again",
                    ));
                }
                Change::Unmounted(_) => due.full = true,
                Change::Path(path) => match self.interest.what(&path) {
                    What::Nothing => {}
                    What::Database => due.database = true,
                    What::Counts => {
                        self.memory.forget(&path);
                        due.check = true;
                    }
                },
            }
        }
        Ok(())
    }

    /// One verdict, said where it is news. Returns whether something was found that was not watched before, so that it has to be read
    /// again.
    fn round(&mut self, full: bool, database: bool) -> Result<bool> {
        if full {
            self.memory.forget_all();
        }
        let Start {
            builder,
            files,
            bar,
            ..
        } = start(&self.common)?;
        bar.finish();
        let installation = operator::installation(&self.common)?;
        let verifier = builder.memory(Arc::clone(&self.memory)).build()?;
        if verifier.lock().is_none() {
            return Err(no_lock(&files, false));
        }
        self.memory.keep_database(!(full || database));
        let own = [files.policy, files.lock, files.reviews];
        let mut own: Vec<PathBuf> = own
            .into_iter()
            .chain(self.common.anchors.files().cloned())
            .filter_map(|file| std::path::absolute(file).ok())
            .collect();
        if signed::environment_counts() {
            own.extend(host::places_on_path());
        }
        if full {
            // What has to be watched is known before it is read.
            verifier.inventory()?;
            self.interest = Interest::new(&installation.state_dir);
            self.interest.add(self.memory.take_places(), &own);
            self.listen();
        }
        if !full
            && let Some(kernel) = &mut self.kernel
            && let Err(why) = kernel.watch(&self.interest)
        {
            // Folders appeared, and are watched before they are read.
            self.deaf(why);
        }
        if full || database || self.copied.is_none() {
            self.copied = Some(Instant::now());
        }
        let report = verifier.check(&Scope::Everything)?;
        let advisories = report.inputs.advisories.as_ref();
        own.extend(advisories.map(|used| PathBuf::from(&used.path)));
        let added = self.interest.add(self.memory.take_places(), &own);
        let mut again = false;
        if added && let Some(kernel) = &mut self.kernel {
            match kernel.watch(&self.interest) {
                Ok(new) => {
                    // Each was read before it was watched.
                    new.iter().for_each(|folder| self.memory.forget(folder));
                    again = !new.is_empty();
                }
                Err(why) => self.deaf(why),
            }
        }
        self.say(&report, full)?;
        Ok(again)
    }

    /// Sets all watches, or says why not.
    fn listen(&mut self) {
        let kernel = match self.kernel.take() {
            Some(kernel) => Ok(kernel),
            None => Kernel::new(),
        };
        let watched = kernel.and_then(|mut kernel| {
            kernel.watch_all(&self.interest)?;
            Ok(kernel)
        });
        match watched {
            Ok(kernel) => {
                if self.said.is_none() && !self.common.quiet {
                    output::stderr(&format!(
                        "watching {}; everything is read again every {}",
                        render::count(kernel.folders(), "folder"),
                        render::duration(self.every)
                    ));
                }
                (self.kernel, self.untold) = (Some(kernel), None);
            }
            Err(why) => self.deaf(why),
        }
    }

    /// From now on everything is read again and again. Said once.
    fn deaf(&mut self, why: String) {
        self.kernel = None;
        if self.untold.as_ref() != Some(&why) {
            let every = render::duration(self.every.min(UNREPORTED));
            output::stderr(&format!(
                "{why}; until then everything is read every {every}"
            ));
            self.untold = Some(why);
        }
    }

    fn may_copy(&self) -> bool {
        self.copied.is_none_or(|at| at.elapsed() >= DATABASE)
    }

    /// Whether rows of the database changed that count; also where that cannot be known.
    fn database_moved(&mut self) -> bool {
        self.copied = Some(Instant::now());
        let verifier = start(&self.common)
            .and_then(|start| start.builder.memory(Arc::clone(&self.memory)).build());
        let moved = verifier.and_then(|verifier: Verifier| verifier.database_moved());
        // What was looked at for that is watched already.
        let _ = self.memory.take_places();
        moved.unwrap_or(true)
    }

    /// Whether there is no state directory any more, so that nothing can come right by waiting.
    fn is_gone(&self) -> bool {
        !self.interest.state.is_dir()
    }

    fn stamp(&self, full: bool) -> Stamp {
        Stamp {
            full,
            ..render::event::stamp(&self.common)
        }
    }

    /// Says a verdict: all of it after a full check, else what is news.
    fn say(&mut self, report: &Report, full: bool) -> Result<()> {
        let stamp = self.stamp(full);
        let rows = Rows::of(report, &stamp);
        let first = self.said.is_none();
        let news = match &self.said {
            Some(before) => rows.since(before, report, &stamp),
            None => rows.all().to_vec(),
        };
        let verdict = Verdict::of(report, stamp.threshold);
        let changed = self
            .verdict
            .as_ref()
            .is_some_and(|before| *before != verdict);
        if full || !news.is_empty() {
            check::written_as(&self.common, report, &stamp)?;
            match self.common.format {
                Format::Jsonl => {
                    let rows = if full { rows.all() } else { &news };
                    // A whole verdict has no rows of what is not there any more.
                    let gone = news.iter().filter(|row| full && row.event == About::Gone);
                    let gone: Vec<Event> = gone.cloned().collect();
                    let text = render::event::lines(&gone) + &render::event::lines(rows);
                    let text = attest::signed_rows(&self.common, &text, &stamp)?;
                    output::document(&text, Format::Jsonl)?;
                }
                _ if first || !news.is_empty() => {
                    let format = self.common.format;
                    let text = render::render(report, format, detail(&self.common), &stamp)?;
                    output::report(&text, format)?;
                }
                _ => {}
            }
        }
        if changed && let Some(command) = &mut self.on_change {
            command.run(rows.run());
        }
        self.problems()?;
        (self.said, self.verdict) = (Some(rows), Some(verdict));
        Ok(())
    }

    /// Says that no verdict can be reached.
    fn failed(&mut self, error: Error) -> Result<()> {
        let stamp = self.stamp(false);
        let failure = errors::failure(&wording::error(error));
        let row = Event::failed(&stamp, Exit::Failed as u8, failure.message());
        self.row(&row)?;
        super::no_verdict(&self.common, &failure);
        self.verdict = Some(Verdict::none());
        if let Some(command) = &mut self.on_change {
            command.run(&row);
        }
        self.problems()
    }

    /// What became wrong of the operator's command.
    fn problems(&mut self) -> Result<()> {
        let problems = self.on_change.as_mut().map(OnChange::problems);
        for problem in problems.unwrap_or_default() {
            let row = Event::failed(&self.stamp(false), Exit::Failed as u8, problem);
            self.row(&row)?;
        }
        Ok(())
    }

    fn row(&self, row: &Event) -> Result<()> {
        match (self.common.format, &row.message) {
            (Format::Jsonl, _) => {
                let text = render::event::lines(std::slice::from_ref(row));
                let text = attest::signed_rows(&self.common, &text, &self.stamp(false))?;
                output::document(&text, Format::Jsonl)
            }
            (_, Some(message)) => {
                output::stderr(&format!("error: {message}"));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A length of time as people write it: `90s`, `30m`, `6h`.
///
/// # Errors
/// In words for the command line.
pub(crate) fn length(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || "expected seconds, minutes or hours between 10s and 168h, such as 6h".to_owned();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(number.len()..) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<u64>().map_err(|_| wrong())?;
    let seconds = seconds.checked_mul(unit).ok_or_else(wrong)?;
    if !(10..=168 * 3600).contains(&seconds) {
        return Err(wrong());
    }
    Ok(Duration::from_secs(seconds))
}

/// Folders that are no files of a disk: nothing there tells of a change.
fn tells_nothing(path: &Path) -> bool {
    ["/proc", "/sys", "/dev"]
        .iter()
        .any(|root| path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(length("6h"), Ok(Duration::from_secs(6 * 3600)));
        assert_eq!(length("90s"), Ok(Duration::from_secs(90)));
        for bad in [
            "",
            "6",
            "h",
            "9s",
            "169h",
            "-1h",
            "1d",
            "6 h",
            "é",
            "99999999999999999999h",
        ] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
