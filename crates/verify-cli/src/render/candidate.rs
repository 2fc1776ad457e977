//! A package that is judged before it is installed: what is inside, who vouches for it, and why it is refused.

use std::fmt::Write as _;

use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::provenance::Anchors;
use openclaw_verify_core::report::{
    CANDIDATE_SCHEMA, CandidateDocument, CandidateProvenance, CandidateSignatures,
};
use openclaw_verify_core::{CandidateReport, Result, text};

use super::attestation::identity_claims;
use super::count;
use super::failure::{self, Failure};
use crate::cli::Format;
use crate::wrap::HANG;
use crate::{Exit, wording};

/// An archive that is refused before it is judged, in any format.
pub(crate) fn refused(shown: &str, why: &str, format: Format) -> Result<String> {
    let next = "do not install it; ask the publisher for an archive as `npm pack` makes it";
    match format {
        Format::Json => super::json(&CandidateDocument::Refused {
            schema: CANDIDATE_SCHEMA,
            archive: shown,
            refused: why,
        }),
        Format::Human => Ok(format!("{shown} is refused: {why}\n  next: {next}\n")),
        other => Ok(failed(format!("{shown} is refused: {why}"), next, other)),
    }
}

/// A package about which nothing can be known, in any format.
#[cfg(feature = "online")]
pub(crate) fn not_established(
    shown: &str,
    code: &str,
    why: &str,
    next: &str,
    format: Format,
) -> Result<String> {
    let outcome = Outcome::NotEstablished.as_str();
    match format {
        Format::Json => super::json(&CandidateDocument::NotEstablished {
            schema: CANDIDATE_SCHEMA,
            archive: shown,
            outcome: Outcome::NotEstablished,
            code,
            why,
            next,
        }),
        Format::Human => Ok(format!(
            "{shown}: {outcome} [{code}]\n  {why}\n  next: {next}\n"
        )),
        other => Ok(failed(
            format!("{shown}: {outcome} [{code}]: {why}"),
            next,
            other,
        )),
    }
}

pub(super) fn failed(what: String, next: &str, format: Format) -> String {
    let failure = Failure {
        what,
        help: Some(next.to_owned()),
        ..Failure::new(Exit::Findings)
    };
    failure::render(&failure, format).unwrap_or_default()
}

/// The document of `archive` and `npm`, with the report inside.
pub(crate) fn json<'a>(
    found: &'a CandidateReport,
    anchors: &Anchors,
    now: jiff::Timestamp,
) -> CandidateDocument<'a> {
    CandidateDocument::Judged {
        schema: CANDIDATE_SCHEMA,
        contents: &found.contents,
        integrity: found.integrity,
        provenance: CandidateProvenance {
            outcome: found.provenance,
            identity: found.identity.as_ref(),
        },
        registry_signatures: CandidateSignatures {
            outcome: found.signatures,
            keys: &found.signed_by,
        },
        trust: anchors.used(now),
        report: Box::new(wording::report(&found.report, false)),
    }
}

/// What is inside and who vouches for it; the findings follow.
pub(crate) fn human(found: &CandidateReport, anchors: &Anchors, now: jiff::Timestamp) -> String {
    let contents = &found.contents;
    let mut out = format!("{}@{}\n", contents.name, contents.version);
    // Writing to a String cannot fail.
    let mut line = |what: &str, value: String| {
        let _ = writeln!(out, "  {what:18} {HANG}{value}");
    };
    line(
        "integrity",
        format!(
            "{} ({})",
            contents.integrity,
            outcome(found.integrity, "compared with nothing")
        ),
    );
    line("tree", contents.tree.to_string());
    line(
        "size",
        format!(
            "{}, {} bytes packed, {} unpacked",
            count(contents.files, "file"),
            contents.packed,
            contents.unpacked
        ),
    );
    line("lifecycle scripts", list(&contents.install_scripts));
    let binaries: Vec<String> = contents
        .binaries
        .iter()
        .map(|binary| format!("{} ({})", binary.path, binary.format))
        .collect();
    line("machine code", list(&binaries));
    let commands: Vec<String> = contents
        .commands
        .iter()
        .map(|(name, file)| format!("{name} -> {file}"))
        .collect();
    line("commands", list(&commands));
    let dependencies: Vec<String> = contents
        .dependencies
        .iter()
        .map(|(name, spec)| format!("{name} {spec}"))
        .collect();
    line("dependencies", list(&dependencies));
    line("bundled packages", list(&contents.bundled));
    if !contents.links.is_empty() {
        line(
            "links",
            format!("{} (npm does not install them)", list(&contents.links)),
        );
    }
    line("provenance", outcome(found.provenance, "none").to_owned());
    for (claim, value) in found.identity.iter().flat_map(identity_claims) {
        line(&format!("  {claim}"), text::excerpt(&value, 300));
    }
    line(
        "registry signature",
        outcome(found.signatures, "none").to_owned(),
    );
    let used = anchors.used(now);
    for (at, what) in used.root.into_iter().chain(used.npm_keys).enumerate() {
        line(if at == 0 { "judged with" } else { "" }, what);
    }
    line(
        "not checked",
        "what the code does, the dependencies that npm would fetch with it, and whether it is locked and pinned".to_owned(),
    );
    out.push('\n');
    out
}

fn outcome(outcome: Outcome, none: &'static str) -> &'static str {
    if outcome == Outcome::NotApplicable {
        none
    } else {
        outcome.as_str()
    }
}

pub(super) fn list(items: &[String]) -> String {
    const SHOWN: usize = 6;
    match items.len() {
        0 => "none".to_owned(),
        n if n <= SHOWN => items.join(", "),
        n => format!(
            "{}, … and {} more",
            items.get(..SHOWN).unwrap_or_default().join(", "),
            n - SHOWN
        ),
    }
}
