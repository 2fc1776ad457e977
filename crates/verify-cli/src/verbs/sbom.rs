//! `sbom`: the installation in CycloneDX, and what changed between two of them.

use std::path::Path;

use openclaw_verify_core::sbom::{self, Sbom, SbomOptions};
use openclaw_verify_core::{Error, OperatorError, Result, Verifier, read as bounded};
use serde_json::Value;

use super::{start, start_without_installation};
use crate::cli::{Common, Format, SbomArgs};
use crate::operator::Files;
use crate::outputs::Form;
use crate::{Exit, names, operator, output, outputs, render};

pub(super) fn run(common: &Common, args: &SbomArgs) -> Result<Exit> {
    if args.verify_bundled && !common.online {
        return Err(Error::environment(
            "--verify-bundled asks a registry",
            "allow the network with --online",
        ));
    }
    let start = match args.from_lock {
        true => start_without_installation(common, common.online)?,
        false => start(common)?,
    };
    let verifier = start.builder.verify_bundled(args.verify_bundled).build()?;
    let options = SbomOptions {
        spec_version: args.spec_version,
        timestamp: if args.reproducible {
            None
        } else {
            Some(operator::timestamp(common)?)
        },
        reproducible: args.reproducible,
        compact: args.compact,
        subjects: names::resolve(&verifier, &args.subject)?
            .into_iter()
            .collect(),
        authors: args.author.clone(),
        manufacturer: args.manufacturer.clone(),
        supplier: args.supplier.clone(),
    };
    let bom = make(&verifier, &options, args, &start.files)?;
    start.bar.finish();
    if let Some(old) = &args.diff {
        return compare(common, &read(old)?, &bom);
    }
    match &args.output {
        Some(path) => {
            outputs::write(path, &bom.to_json(), Form::Sbom)?;
            output::stderr(&format!("wrote {}", operator::shown(path)));
        }
        None => output::document(&bom.to_json(), Format::Json)?,
    }
    Ok(Exit::Clean)
}

fn make(
    verifier: &Verifier,
    options: &SbomOptions,
    args: &SbomArgs,
    files: &Files,
) -> Result<Sbom> {
    if !args.from_lock {
        return verifier.sbom(options, !args.no_verify);
    }
    let locked = verifier
        .lock()
        .ok_or_else(|| super::no_lock(files, false))?;
    sbom::from_lock(locked, options)
}

/// The page that a reviewer reads after an update. Something changed: exit 1, as `diff` does.
fn compare(common: &Common, old: &Value, new: &Sbom) -> Result<Exit> {
    let diff = sbom::diff(old, new.value());
    let text = match common.format {
        Format::Human => diff.to_text(),
        Format::Html => render::changes::html(&diff),
        _ => render::json(&diff)?,
    };
    output::report(&text, common.format)?;
    Ok(if diff.is_empty() {
        Exit::Clean
    } else {
        Exit::Findings
    })
}

/// Bytes that an earlier SBOM may have. That of a large installation has one megabyte.
const MAX_OLD: u64 = 128 << 20;

fn read(path: &Path) -> Result<Value> {
    let shown = operator::shown(path);
    let wrong = |why: String| {
        let error = OperatorError::whole(path, format!("{shown}: {why}"));
        Error::from(error.with_help(
            "name an SBOM in CycloneDX JSON, such as one that this command wrote before",
        ))
    };
    let real = path
        .canonicalize()
        .map_err(|error| wrong(error.to_string()))?;
    let text = bounded::text(&real, MAX_OLD).map_err(|error| wrong(error.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let old = openclaw_verify_core::json::strict(text).map_err(|error| wrong(error.to_string()))?;
    // What is no SBOM at all would read as an installation in which everything is new.
    match old.get("bomFormat").and_then(Value::as_str) {
        Some("CycloneDX") => Ok(old),
        _ => Err(wrong("has no `bomFormat` of `CycloneDX`".to_owned())),
    }
}
