//! `host`: how the machine is set up around OpenClaw.

use openclaw_verify_core::Result;
use openclaw_verify_core::report::Report;

use super::{check, detail, start};
use crate::cli::{Common, HostArgs};
use crate::{Exit, output, wording};

pub(super) fn run(common: &Common, args: &HostArgs) -> Result<Exit> {
    let start = start(common)?;
    let mut builder = start.builder;
    if let Some(etc) = &args.etc {
        builder = builder.etc(etc);
    }
    if let Some(proc) = &args.proc {
        builder = builder.proc(proc);
    }
    if let Ok(program) = std::env::current_exe() {
        builder = builder.program(program);
    }
    let verifier = builder.build()?;
    let report = verifier.posture()?;
    start.bar.finish();
    if !args.commands {
        return check::finish(common, &report, detail(common), None);
    }
    let exit = check::written(common, &report)?;
    output::lines(&commands(&report))?;
    Ok(exit)
}

/// One line a remedy, each once: a command to run, or a comment where no command does it.
fn commands(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    for finding in report.counting() {
        let line = match wording::command(&finding.remedy) {
            Some(command) => crate::commands::carried(&command),
            None => format!("# {}: {}", finding.id, finding.help),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
