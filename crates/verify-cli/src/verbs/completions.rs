//! `completions`: made from the same definitions as the help.

use clap_complete::Shell;
use openclaw_verify_core::Result;

use crate::cli::completed;
use crate::{Exit, output};

pub(super) fn run(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed(), "openclaw-verify", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Bash {
        // The hyphen of the program's name is written in two ways, so no verb would be found again. [clap-rs/clap#6421]
        script = script.replace("openclaw__subcmd__verify", "openclaw__verify");
    }
    output::lines(&script)?;
    Ok(Exit::Clean)
}
