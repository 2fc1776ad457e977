//! `host`: how the machine is set up around OpenClaw.

use openclaw_verify_core::finding::{Finding, Remedy};
use openclaw_verify_core::report::Report;
use openclaw_verify_core::{Builder, Result};

use super::{check, detail, start};
use crate::cli::{Common, HostArgs, MachineArgs};
use crate::{Exit, output, profiles, wording};

pub(super) fn run(common: &Common, args: &HostArgs) -> Result<Exit> {
    if let Some(profile) = args.print {
        output::lines(&profiles::filled(common, profile)?)?;
        return Ok(Exit::Clean);
    }
    let start = start(common)?;
    let verifier = of_machine(start.builder, &args.machine).build()?;
    let report = verifier.posture()?;
    start.bar.finish();
    if !args.commands {
        return check::finish(common, &report, detail(common), None);
    }
    let exit = check::written(common, &report)?;
    output::lines(&commands(&report))?;
    Ok(exit)
}

/// With the machine's tables, and files that are handed over.
pub(super) fn of_machine(mut builder: Builder, args: &MachineArgs) -> Builder {
    if let Some(etc) = &args.etc {
        builder = builder.etc(etc);
    }
    if let Some(proc) = &args.proc {
        builder = builder.proc(proc);
    }
    with_program(builder).machine_files(args.given.files())
}

/// With this program as one that must not be in OpenClaw's hands.
pub(super) fn with_program(builder: Builder) -> Builder {
    match std::env::current_exe() {
        Ok(program) => builder.program(program),
        Err(_) => builder,
    }
}

/// One line a remedy, each once: a command to run, or a comment where no command does it.
fn commands(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    let is_gate = |finding: &&Finding| matches!(finding.remedy, Remedy::Gate);
    let (gate, others): (Vec<&Finding>, Vec<&Finding>) = report.counting().partition(is_gate);
    // What needs policy and lock comes last.
    for finding in others.into_iter().chain(gate) {
        if is_gate(&finding) {
            lines.push(format!(
                "# the gate asks policy and lock, so once before it: {}",
                crate::commands::carried("openclaw-verify lock --init")
            ));
        }
        let line = match wording::command(&finding.remedy) {
            Some(command) => crate::commands::carried(&command),
            None => format!("# {}: {}", finding.id, finding.help),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.iter().any(|line| line.contains("openclaw config ")) {
        lines.push(format!(
            "# the lock pins the config; after what changes it: {}",
            crate::commands::carried("openclaw-verify lock --accept config:openclaw")
        ));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
