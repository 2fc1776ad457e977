//! A progress bar for whatever takes more than half a second, on a terminal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use openclaw_verify_core::tree::HashProgress;

/// How long nothing is shown: a bar that flashes by only disturbs.
const QUIET: Duration = Duration::from_millis(500);

/// A bar over files that are read.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
    shown: AtomicBool,
    total_known: AtomicBool,
}

impl Bar {
    /// A bar, or a silent one.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message("looking for files");
        let new = Self {
            bar,
            start: Instant::now(),
            shown: AtomicBool::new(!wanted),
            total_known: AtomicBool::new(false),
        };
        new.style("{spinner} {msg}, {len} found");
        new
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    /// So many files were read. A bar is drawn once it is known of how many: before, the files that were found are counted.
    pub(crate) fn update(&self, progress: HashProgress) {
        if self.start.elapsed() < QUIET {
            return;
        }
        if !self.shown.swap(true, Ordering::Relaxed) {
            // Draws nothing when standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if self.bar.is_finished() {
            return;
        }
        if progress.complete && !self.total_known.swap(true, Ordering::Relaxed) {
            self.style("{spinner} {msg} {bar:30} {pos}/{len} files");
            self.bar.set_message("reading");
        }
        self.bar.set_length(progress.of);
        self.bar.set_position(progress.files);
    }
}

/// A line about downloads.
#[cfg(feature = "online")]
pub(crate) struct Downloads {
    bar: ProgressBar,
}

#[cfg(feature = "online")]
impl Downloads {
    /// A line, or a silent one.
    pub(crate) fn new(wanted: bool) -> Self {
        let target = if wanted {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} fetching {msg} {elapsed}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// So much of this package is here.
    pub(crate) fn update(&self, package: &str, bytes: u64) {
        let package = openclaw_verify_core::text::excerpt(package, 60);
        self.bar
            .set_message(format!("{package} {}", indicatif::HumanBytes(bytes)));
        self.bar.tick();
    }
}

#[cfg(feature = "online")]
impl Drop for Downloads {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Bar {
    /// Takes the bar off the screen for good: what follows is the report.
    pub(crate) fn finish(&self) {
        self.shown.store(true, Ordering::Relaxed);
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
