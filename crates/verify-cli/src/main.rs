//! The `openclaw-verify` command: reads what the operator gave, asks the library, prints what it says.

#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod anchors;
mod ask;
mod attest;
mod cli;
mod commands;
mod errors;
mod host;
mod names;
#[cfg(feature = "online")]
mod network;
mod operator;
mod output;
mod outputs;
mod pager;
mod process;
mod profiles;
mod progress;
mod render;
mod signed;
mod verbs;
mod wording;
mod wrap;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::Format;

fn main() -> ExitCode {
    let format = errors::format_of(std::env::args_os());
    process::run(
        || errors::guarded(format, || run(format)),
        || {
            output::stderr("error: no thread can be started");
            ExitCode::from(Exit::Failed as u8)
        },
    )
}

fn run(format: Format) -> ExitCode {
    let cli = match cli::parse(arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return verbs::misunderstood(&error, format),
    };
    output::set_color(cli.common.color);
    let exit = verbs::run(cli).unwrap_or_else(|error| errors::show(&error, format));
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

/// The arguments without one leading word `verify`, so that a dispatcher may call `openclaw verify plugins`.
fn arguments(given: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    given
        .enumerate()
        .filter(|(at, argument)| *at != 1 || argument != "verify")
        .map(|(_, argument)| argument)
}
