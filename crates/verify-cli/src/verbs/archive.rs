//! `archive`: judge a `.tgz` before it is installed.

use std::fs::File;
use std::path::Path;

use openclaw_verify_core::archive::{self, Archive, ArchiveError, ArchiveLimits};
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::provenance::npm::MAX_ANSWER_BYTES;
use openclaw_verify_core::report::StatementSubject;
use openclaw_verify_core::tree::Mode;
use openclaw_verify_core::{
    Candidate, CandidateOrigin, CandidateReport, Error, Result, Verifier, read, text,
};

use super::attestation::under_test;
use super::{detail, start_without_installation};
use crate::cli::{ArchiveArgs, Common, Format};
use crate::render::candidate;
use crate::{Exit, attest, operator, output, render};

pub(super) fn run(common: &Common, args: &ArchiveArgs) -> Result<Exit> {
    let integrity = integrity(args.candidate.integrity.as_deref())?;
    let answer = args
        .attestations
        .as_deref()
        .map(|path| under_test(path, MAX_ANSWER_BYTES))
        .transpose()?;
    if let (Some(bytes), Some(file)) = (&answer, &args.attestations)
        && !super::attestation::is_json(bytes)
    {
        return Err(super::attestation::no_bundle(file, bytes));
    }
    let start = start_without_installation(common, common.online)?;
    let verifier = start.builder.build()?;
    start.bar.finish();

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
        args.candidate.unpack_to.as_deref(),
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
    match archive::read(file, &ArchiveLimits::default(), Candidate::keep) {
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
    let text = candidate::refused(shown, why, common.format)?;
    output::report(&text, common.format)?;
    Ok(Exit::Findings)
}

/// Prints what was found, and writes the bytes out when nothing stands against them.
pub(super) fn finish(
    common: &Common,
    found: &CandidateReport,
    verifier: &Verifier,
    file_of: &Path,
    archive: &Archive,
    unpack_to: Option<&Path>,
) -> Result<Exit> {
    let now = operator::now(common);
    match common.format {
        Format::Json => output::document(
            &render::json(&candidate::json(found, verifier.anchors(), now))?,
            common.format,
        )?,
        Format::Human => output::human(&candidate::human(found, verifier.anchors(), now))?,
        _ => {}
    }
    // The findings, in every format; the JSON above holds them already.
    let exit = if common.format == Format::Json {
        super::check::written(common, &found.report)?
    } else {
        super::check::finish(common, &found.report, detail(common), None)?
    };
    let name = format!("{}@{}", found.contents.name, found.contents.version);
    let digests = vec![
        ("sha256", archive.sha256.hex()),
        ("sha512", archive.integrity.hex()),
    ];
    let subject = StatementSubject::new(name, digests);
    attest::write(common, verifier, &found.report, "archive", vec![subject])?;
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
            &ArchiveLimits::default(),
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
            "wrote {shown}: {}, {}",
            render::count(archive.entries.len(), "file"),
            archive.digest
        ));
    }
    Ok(exit)
}
