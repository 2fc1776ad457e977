//! Questions on the terminal. Only a clear yes counts.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use openclaw_verify_core::{Error, Result, text};

use crate::process;

/// Whether there is someone who can answer.
pub(crate) fn possible() -> bool {
    io::stdin().is_terminal()
}

/// The answer to a question.
///
/// # Errors
/// When there is no terminal: nothing is ever taken for granted.
pub(crate) fn confirmed(question: &str) -> Result<bool> {
    if !possible() {
        return Err(Error::environment(
            "there is no terminal to ask on",
            "add --yes to write without being asked",
        ));
    }
    let mut stderr = io::stderr().lock();
    let asked = write!(stderr, "{} [y/N] ", text::visible(question)).and_then(|()| stderr.flush());
    asked.map_err(|error| Error::io("write to", "standard error", error))?;
    let mut answer = String::new();
    process::while_asking(|| io::stdin().lock().read_line(&mut answer))
        .map_err(|error| Error::io("read", "standard input", error))?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
