//! A progress bar for whatever takes more than half a second, on a terminal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long nothing is shown: a bar that flashes by only disturbs.
const QUIET: Duration = Duration::from_millis(500);

/// A bar over files that are read.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
    shown: AtomicBool,
}

impl Bar {
    /// A bar, or a silent one.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos}/{len} files")
        {
            bar.set_style(style);
        }
        bar.set_message("reading");
        Self {
            bar,
            start: Instant::now(),
            shown: AtomicBool::new(!wanted),
        }
    }

    /// `done` of `total` files were read.
    pub(crate) fn update(&self, done: u64, total: u64) {
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
        self.bar.set_length(total);
        self.bar.set_position(done);
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
