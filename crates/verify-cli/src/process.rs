//! The process itself: its stack, the signals that end it, and limits that would kill it.
//!
//! A run that is interrupted stops where it is, removes what it made for itself, and ends as a shell expects: 128 and the signal. What
//! a shell or a service manager sees is then neither a verdict nor a failure of this program.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// Bytes of the stack that everything runs on, whatever `ulimit -s` says.
const STACK: usize = 8 << 20;
/// How long what runs has to come to its end. OpenClaw's launcher kills what it started two seconds after a signal.
const GRACE: Duration = Duration::from_millis(1250);

static CANCELLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Whether an answer or a request is waited for, so that nothing of this program's is under way.
static ASKING: AtomicBool = AtomicBool::new(false);

/// Runs the program on a stack of its own, and says how the process ends.
pub(crate) fn run(
    program: impl FnOnce() -> ExitCode + Send,
    failed: impl FnOnce() -> ExitCode,
) -> ExitCode {
    watch();
    let exit = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("main".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, program)
            .ok()
            .and_then(|thread| thread.join().ok())
    });
    match SIGNAL.load(Ordering::Relaxed) {
        0 => exit.unwrap_or_else(failed),
        signal => ExitCode::from(code(signal)),
    }
}

/// What is set when the run is to stop.
pub(crate) fn cancelled() -> Arc<AtomicBool> {
    Arc::clone(&CANCELLED)
}

/// Waits for a person, or for what is asked; a signal ends the program at once.
pub(crate) fn while_asking<T>(ask: impl FnOnce() -> T) -> T {
    ASKING.store(true, Ordering::Relaxed);
    let answer = ask();
    ASKING.store(false, Ordering::Relaxed);
    answer
}

/// Whether a pager has the terminal.
static PAGING: AtomicBool = AtomicBool::new(false);

/// Waits for a pager. What the keyboard interrupts is its own affair: without this program it would read the keys beside the shell.
pub(crate) fn while_paging<T>(page: impl FnOnce() -> T) -> T {
    PAGING.store(true, Ordering::Relaxed);
    let ended = page();
    PAGING.store(false, Ordering::Relaxed);
    ended
}

fn watch() {
    // With a handler, a write beyond the limit of file sizes is an error like that of a full disk.
    let beyond = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(SIGXFSZ, beyond);
    let ignored = ignored();
    let ends = [SIGHUP, SIGINT, SIGTERM];
    let ends = ends.into_iter().filter(|signal| !ignored.contains(signal));
    let Ok(mut signals) = Signals::new(ends) else {
        return;
    };
    let watcher = std::thread::Builder::new().name("signals".to_owned());
    let _ = watcher.spawn(move || {
        let paging = |signal: &i32| *signal == SIGINT && PAGING.load(Ordering::Relaxed);
        if let Some(signal) = signals.forever().find(|signal| !paging(signal)) {
            SIGNAL.store(signal, Ordering::Relaxed);
            CANCELLED.store(true, Ordering::Relaxed);
            if !ASKING.load(Ordering::Relaxed) {
                std::thread::sleep(GRACE);
            }
            // What is left now goes with the next run.
            std::process::exit(i32::from(code(signal)));
        }
    });
}

fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Signals that the caller wants it to ignore, as `nohup` does. Known on Linux only.
fn ignored() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    (1..=64)
        .filter(|signal| mask >> (signal - 1) & 1 == 1)
        .collect()
}
