//! What to do next, in the words of a program of one's own:
//! `cargo run --example words -- POLICY-FOLDER STATE-DIR` for a report, or
//! `cargo run --example words -- POLICY-FOLDER < request.json` for one install request of OpenClaw.
//!
//! The library says what clears a finding as data. This program belongs to a team that has a dashboard with buttons and a queue of
//! reviewers, and no command line: so it names buttons.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use openclaw_verify_core::finding::{Level, Remedy};
use openclaw_verify_core::gate::{Decision, Gate, MAX_REQUEST, Spool};
use openclaw_verify_core::report::Report;
use openclaw_verify_core::{Builder, Scope, SubjectId, Verifier};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let policy = arguments
        .next()
        .ok_or("which folder holds policy, lock and reviews?")?;
    let builder = builder(&policy);
    let Some(state) = arguments.next() else {
        let mut request = Vec::new();
        // One byte more than a request may have, so that a longer one is refused and not cut.
        std::io::stdin()
            .take(MAX_REQUEST as u64 + 1)
            .read_to_end(&mut request)?;
        let gate = Gate::new(builder.build()?)
            .spool(Spool::new(policy.join("spool")))
            .wording(refusal);
        println!("{}", gate.answer(&request).to_json());
        return Ok(ExitCode::SUCCESS);
    };
    let report = builder
        .state_dir(state)
        .without_home()
        .build()?
        .check(&Scope::Everything)?;
    print(&report);
    Ok(if report.fails(Level::Deny) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn builder(policy: &Path) -> Builder {
    Verifier::builder(jiff::Timestamp::now())
        .policy(policy.join("openclaw-verify.toml"), "the team's policy")
        .lock(policy.join("openclaw-verify.lock"), "the team's lock")
        .reviews(policy.join("openclaw-reviews.toml"), "the team's reviews")
}

fn print(report: &Report) {
    for finding in report
        .counting()
        .filter(|finding| finding.level >= Level::Warn)
    {
        println!("{}: {}", finding.id, finding.message);
        println!("  {}", button(&finding.remedy));
    }
    println!("{} denied", report.summary.deny);
}

/// Why an install was refused, and what leads to one that passes.
fn refusal(decision: &Decision) -> String {
    let Some(way) = &decision.way_out else {
        return format!("Refused by the team's policy. {}", decision.reason);
    };
    let Some(kept) = &way.kept else {
        return format!("Refused ({}). Ask an operator for disk space.", way.why);
    };
    // Bytes that changed under the same version are what an attack looks like: so no button offers to approve them.
    if way.suspicious {
        return format!("Refused ({}). Security has to look at {kept}.", way.why);
    }
    let steps: Vec<String> = way.steps.iter().map(button).collect();
    format!(
        "Refused ({}). Look at {kept}, then: {}",
        way.why,
        steps.join(" ")
    )
}

/// The button that clears it, or whom to ask. New kinds may come, so there is always a last answer.
fn button(remedy: &Remedy) -> String {
    let of = |subject: &Option<SubjectId>| {
        subject
            .as_ref()
            .map_or_else(|| "everything".to_owned(), ToString::to_string)
    };
    match remedy {
        Remedy::Lock {
            subject,
            accept: true,
            ..
        } => format!("[Ask security about {}]", of(subject)),
        Remedy::Lock { subject, .. } => format!("[Approve {}]", of(subject)),
        Remedy::Review {
            subject,
            dependencies,
            ..
        } => {
            let what = if *dependencies {
                "dependencies of "
            } else {
                ""
            };
            format!("[Queue {what}{} for review]", of(subject))
        }
        Remedy::Online => "[Try again with the registry]".to_owned(),
        Remedy::Reinstall { subject, .. } => format!("[Reinstall {}]", of(subject)),
        Remedy::Configure { path, .. } => format!("[Open {path} in the settings]"),
        Remedy::Never | Remedy::Uninstall { .. } => "Do not use it.".to_owned(),
        _ => "Ask an operator.".to_owned(),
    }
}
