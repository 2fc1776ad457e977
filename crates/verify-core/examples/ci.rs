//! A CI check: `cargo run --example ci -- STATE-DIR POLICY-FOLDER [HOST-PACKAGE]`. Ends with 1 when something is denied.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::PathBuf;
use std::process::ExitCode;

use openclaw_verify_core::finding::Level;
use openclaw_verify_core::{Scope, Verifier, jiff};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let state = arguments.next().ok_or("which state directory?")?;
    let policy = arguments
        .next()
        .ok_or("which folder holds policy, lock and reviews?")?;
    let mut builder = Verifier::builder(jiff::Timestamp::now())
        .state_dir(state)
        .without_home() // where CI knows it: .home(FOLDER), of the user who runs OpenClaw
        .folder(&policy);
    if let Some(host) = arguments.next() {
        builder = builder.host(host);
    }
    let verifier = builder.build()?;
    if verifier.lock().is_none() {
        return Err("there is no lock: openclaw-verify lock --init".into());
    }
    let report = verifier.check(&Scope::Everything)?;
    for finding in report
        .findings
        .iter()
        .filter(|finding| finding.suppressed.is_none() && finding.level >= Level::Warn)
    {
        let subject = finding
            .subject
            .as_ref()
            .map_or_else(|| "installation".to_owned(), ToString::to_string);
        println!(
            "{} {subject}: {}: {}\n  {}",
            finding.level.as_str(),
            finding.id,
            finding.message,
            finding.help
        );
    }
    println!(
        "{} subjects, {} denied",
        report.summary.subjects, report.summary.deny
    );
    Ok(if report.fails(Level::Deny) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
