//! The `openclaw-verify` command: reads what the operator gave, asks the library, prints what it says.

mod anchors;
mod cli;
#[cfg(feature = "online")]
mod network;
mod operator;
mod output;
mod pager;
mod progress;
mod render;
mod verbs;
mod wording;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use openclaw_verify_core::Error;

use crate::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return verbs::misunderstood(&error),
    };
    output::set_color(cli.common.color);
    let exit = match verbs::run(cli) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = Exit::of(&error);
            output::error(error);
            exit
        }
    };
    ExitCode::from(exit as u8)
}

/// How the program ends, the same for every verb and format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Nothing at the threshold.
    Clean = 0,
    /// Findings.
    Findings = 1,
    /// Could not complete: usage, the operator's own files, environment.
    Failed = 2,
    /// Nothing to verify.
    Nothing = 3,
}

impl Exit {
    fn of(error: &Error) -> Self {
        match error {
            Error::NothingToVerify { .. } => Self::Nothing,
            _ => Self::Failed,
        }
    }
}

/// The arguments without one leading word `verify`, so that a dispatcher may call `openclaw verify plugins`.
fn arguments(given: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    given
        .enumerate()
        .filter(|(at, argument)| *at != 1 || argument != "verify")
        .map(|(_, argument)| argument)
}
