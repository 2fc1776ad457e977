//! `archive`: judge a `.tgz` before anybody installs it.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use openclaw_verify_core::archive::{self, Archive, ArchiveError, Limits};
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::provenance::Anchors;
use openclaw_verify_core::provenance::npm::MAX_ANSWER_BYTES;
use openclaw_verify_core::tree::Mode;
use openclaw_verify_core::{
    Candidate, CandidateOrigin, CandidateReport, Error, Result, Verifier, read, text,
};
use serde_json::json;

use super::attestation::{identity_claims, under_test};
use super::{detail, start_without_installation};
use crate::cli::{ArchiveArgs, Common, Format};
use crate::{Exit, operator, output, render, wording};

pub(super) fn run(common: &Common, args: &ArchiveArgs) -> Result<Exit> {
    let integrity = integrity(args.integrity.as_deref())?;
    let answer = args
        .attestations
        .as_deref()
        .map(|path| under_test(path, MAX_ANSWER_BYTES))
        .transpose()?;
    let start = start_without_installation(common, common.online)?;
    let verifier = start.builder.build()?;
    drop(start._bar);

    let shown = operator::shown(&args.file);
    let archive = match open(&args.file)? {
        Ok(archive) => archive,
        Err(why) => return refused(common, &shown, &format!("it {why}")),
    };
    // OpenClaw unpacks local archives by itself, and not as npm does.
    if let Some(link) = link(&archive) {
        return refused(
            common,
            &shown,
            &format!("it holds the link `{link}`, which npm leaves out and other programs make"),
        );
    }
    let candidate = Candidate {
        archive: &archive,
        shown: &shown,
        integrity,
        wanted: None,
    };
    let origin = match &answer {
        Some(answer) => verifier.attested(&candidate, answer),
        None => Ok(CandidateOrigin::unknown()),
    };
    let report = match origin.and_then(|origin| verifier.candidate(&candidate, &origin)) {
        Err(Error::Subject { why, .. }) => return refused(common, &shown, &why),
        report => report?,
    };
    finish(
        common,
        &report,
        &verifier,
        &args.file,
        &archive,
        args.unpack_to.as_deref(),
    )
}

pub(super) fn integrity(text: Option<&str>) -> Result<Option<Sri>> {
    let parse = |text: &str| {
        text.parse::<Sri>().map_err(|error| {
            Error::environment(
                format!("--integrity {}: {error}", text::excerpt(text, 120)),
                "give it as sha512-…, as npm writes it",
            )
        })
    };
    text.map(parse).transpose()
}

/// Reads an archive whole, or says why it is refused.
pub(super) fn open(path: &Path) -> Result<std::result::Result<Archive, ArchiveError>> {
    let file = file(path)?;
    match archive::read(file, &Limits::default(), Candidate::keep) {
        Err(ArchiveError::Io(source)) => Err(Error::io("read", path, source)),
        other => Ok(other),
    }
}

fn file(path: &Path) -> Result<File> {
    let (file, _) = read::open(path).map_err(|error| {
        Error::environment(
            format!("{} {error}", operator::shown(path)),
            "name a .tgz that can be read",
        )
    })?;
    Ok(file)
}

/// A link of an archive, safe to show.
fn link(archive: &Archive) -> Option<String> {
    let mut links = archive
        .entries
        .iter()
        .filter(|entry| entry.hard_link || entry.mode == Mode::Symlink);
    links.next().map(|entry| text::excerpt(&entry.path, 200))
}

/// An archive that two readers could understand in two ways, that would write outside its folder, or that holds no package.
pub(super) fn refused(common: &Common, shown: &str, why: &str) -> Result<Exit> {
    let text = if common.format == Format::Json {
        render::json(&json!({ "schema": SCHEMA, "archive": shown, "refused": why }))?
    } else {
        format!(
            "{shown} is refused: {why}\n  next: do not install it; ask the publisher for an archive as `npm pack` makes it\n"
        )
    };
    output::stdout(&text)?;
    Ok(Exit::Findings)
}

pub(super) const SCHEMA: &str = "openclaw-verify.candidate/1";

/// Prints what was found, and writes the bytes out when nothing stands against them.
pub(super) fn finish(
    common: &Common,
    found: &CandidateReport,
    verifier: &Verifier,
    file_of: &Path,
    archive: &Archive,
    unpack_to: Option<&Path>,
) -> Result<Exit> {
    match common.format {
        Format::Json => output::stdout(&render::json(&json_of(
            found,
            verifier.anchors(),
            operator::now(common),
        ))?)?,
        Format::Human => output::stdout(&human(found, verifier.anchors(), operator::now(common)))?,
        _ => {}
    }
    // The findings, in every format; the JSON above holds them already.
    let exit = if common.format == Format::Json {
        super::check::written(common, &found.report)?
    } else {
        super::check::finish(common, &found.report, detail(common))?
    };
    if let Some(target) = unpack_to {
        let shown = operator::shown(target);
        if exit != Exit::Clean {
            output::stderr(&format!("{shown} was not written: the findings come first"));
            return Ok(exit);
        }
        if let Some(link) = link(archive) {
            output::stderr(&format!(
                "{shown} was not written: the archive holds the link `{link}`, and npm installs none"
            ));
            return Ok(Exit::Findings);
        }
        archive::unpack(
            file(file_of)?,
            &Limits::default(),
            &archive.integrity,
            target,
        )
        .map_err(|error| {
            Error::environment(
                format!("cannot unpack to {shown}: {error}"),
                "nothing was left there",
            )
        })?;
        output::stderr(&format!(
            "wrote {shown}: {} files, {}",
            archive.entries.len(),
            archive.digest
        ));
    }
    Ok(exit)
}

fn json_of(found: &CandidateReport, anchors: &Anchors, now: jiff::Timestamp) -> serde_json::Value {
    json!({
        "schema": SCHEMA,
        "contents": found.contents,
        "integrity": found.integrity,
        "provenance": { "outcome": found.provenance, "identity": found.identity },
        "registrySignatures": { "outcome": found.signatures, "keys": found.signed_by },
        "trust": anchors.used(now),
        "report": wording::report(&found.report),
    })
}

/// What is inside and who vouches for it; the findings follow.
fn human(found: &CandidateReport, anchors: &Anchors, now: jiff::Timestamp) -> String {
    let contents = &found.contents;
    let mut out = format!("{}@{}\n", contents.name, contents.version);
    // Writing to a String cannot fail.
    let mut line = |what: &str, value: String| {
        let _ = writeln!(out, "  {what:18} {value}");
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
            "{} files, {} bytes packed, {} unpacked",
            contents.files, contents.packed, contents.unpacked
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

fn outcome(outcome: openclaw_verify_core::fact::Outcome, none: &'static str) -> &'static str {
    use openclaw_verify_core::fact::Outcome;
    if outcome == Outcome::NotApplicable {
        none
    } else {
        outcome.as_str()
    }
}

fn list(items: &[String]) -> String {
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
