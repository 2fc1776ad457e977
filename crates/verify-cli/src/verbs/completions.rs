//! `completions`: made from the same definitions as the help.

use clap_complete::Shell;
use openclaw_verify_core::Result;

use crate::cli::completed;
use crate::{Exit, output};

pub(super) fn run(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed(), "openclaw-verify", &mut script);
    output::lines(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Clean)
}
