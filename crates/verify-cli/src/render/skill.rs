//! A skill that is judged before it is installed: what is inside, who signed it, and why it is refused.

use std::fmt::Write as _;

use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::{Result, SkillReport};
use serde_json::{Value, json};

use super::candidate::{failed, list};
use super::count;
use crate::cli::Format;
use crate::wording;
use crate::wrap::HANG;

const SCHEMA: &str = "openclaw-verify.skill/1";

/// A skill that is refused before it is judged, in any format.
pub(crate) fn refused(shown: &str, why: &str, format: Format) -> Result<String> {
    let next = "do not install it; ask its publisher for an archive of the skill's folder alone, or unpack it where nothing else lies and name the folder";
    match format {
        Format::Json => super::json(&json!({ "schema": SCHEMA, "path": shown, "refused": why })),
        Format::Human => Ok(format!("{shown} is refused: {why}\n  next: {next}\n")),
        other => Ok(failed(format!("{shown} is refused: {why}"), next, other)),
    }
}

/// The document of `skill`, with the report inside.
pub(crate) fn json(found: &SkillReport) -> Value {
    json!({
        "schema": SCHEMA,
        "contents": found.contents,
        "signature": { "outcome": found.signature, "signer": found.signer },
        "report": wording::report(&found.report, false),
    })
}

/// What is inside and who signed it; the findings follow.
pub(crate) fn human(found: &SkillReport) -> String {
    let contents = &found.contents;
    let version = contents
        .version
        .as_deref()
        .map(|version| format!(" {version}"));
    let mut out = format!("{}{}\n", contents.name, version.unwrap_or_default());
    // Writing to a String cannot fail.
    let mut line = |what: &str, value: String| {
        let _ = writeln!(out, "  {what:18} {HANG}{value}");
    };
    line("judged as", contents.id.clone());
    if let Some(archive) = &contents.archive {
        line("integrity", archive.integrity.to_string());
        line("packed", format!("{} bytes", archive.packed));
    }
    let tree = contents.tree.map(|tree| tree.to_string());
    line("tree", tree.unwrap_or_else(|| "none".to_owned()));
    let files = usize::try_from(contents.files).unwrap_or(usize::MAX);
    line(
        "size",
        format!("{}, {} bytes", count(files, "file"), contents.bytes),
    );
    for record in &contents.shipped_records {
        let says = record.says.as_deref().map_or_else(
            || "is not of the form of a record of an install".to_owned(),
            |says| format!("says {says}"),
        );
        let value = format!(
            "{} {says}; not believed: it came with the skill",
            record.path
        );
        line("shipped record", value);
    }
    let steps = contents.install_steps.iter();
    let steps: Vec<String> = steps
        .map(|step| format!("{} {}", step.kind, step.target))
        .collect();
    line("install steps", list(&steps));
    line("executable files", list(&contents.executables));
    let binaries = contents.binaries.iter();
    let binaries: Vec<String> = binaries
        .map(|binary| format!("{} ({})", binary.path, binary.format))
        .collect();
    line("machine code", list(&binaries));
    let signature = match (&found.signer, found.signature) {
        (Some(signer), _) => signer.clone(),
        (None, Outcome::NotApplicable) => "none that your policy asks for".to_owned(),
        (None, outcome) => outcome.as_str().to_owned(),
    };
    line("signature", signature);
    line(
        "not checked",
        "what its text tells an agent to do and what its scripts do; whether it is locked"
            .to_owned(),
    );
    out.push('\n');
    out
}
