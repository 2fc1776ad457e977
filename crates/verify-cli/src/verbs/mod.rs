//! Verbs.
use crate::Exit;
pub fn run(_: crate::cli::Cli) -> openclaw_verify_core::Result<Exit> {
    Ok(Exit::Clean)
}
