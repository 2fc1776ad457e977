//! The operator's pager, for what is longer than a screen.

use std::io::{IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

use openclaw_verify_core::Result;

use crate::{output, process};

/// Shows `text` through `$PAGER`, or `less`, when standard output is a terminal; otherwise prints it.
pub(crate) fn show(text: &str) -> Result<()> {
    let text = &output::styled(text);
    if !std::io::stdout().is_terminal() {
        return output::lines(text);
    }
    let pager = std::env::var("PAGER")
        .ok()
        .filter(|pager| !pager.trim().is_empty())
        .unwrap_or_else(|| "less".to_owned());
    if pager.trim() == "cat" {
        return output::lines(text);
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(&pager).stdin(Stdio::piped());
    // As git does: colours pass, a short text does not fill the screen.
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    let ended = process::while_paging(|| {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            let text = match anstream::AutoStream::choice(&std::io::stdout()) {
                anstream::ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
                _ => text.to_owned(),
            };
            // A pager that is left early closes the pipe.
            let _ = stdin.write_all(text.as_bytes());
        }
        child.wait()
    });
    match ended {
        // 126 and 127: the shell found no such command.
        Ok(status) if !matches!(status.code(), Some(126 | 127)) => Ok(()),
        _ => output::lines(text),
    }
}
