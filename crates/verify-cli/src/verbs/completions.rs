//! `completions`: made from the same definitions as the help.

use clap::CommandFactory as _;
use clap_complete::Shell;
use openclaw_verify_core::Result;

use crate::cli::Cli;
use crate::{Exit, output};

pub(super) fn run(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "openclaw-verify", &mut script);
    output::stdout(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Clean)
}
