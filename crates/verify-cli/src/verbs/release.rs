//! `release`: signed tags of a local clone, or one tag object. Needs no installation of OpenClaw.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use openclaw_verify_core::fact::Fact;
use openclaw_verify_core::operator_file::Purpose;
use openclaw_verify_core::policy::Gitsign;
use openclaw_verify_core::provenance::release::{ExpectedRelease, Released, verify_release};
use openclaw_verify_core::provenance::{Anchors, Instance, MAX_BUNDLE_BYTES};
use openclaw_verify_core::release::Tag;
use openclaw_verify_core::report::{ReleaseReport, StatementSubject};
use openclaw_verify_core::{
    Error, Pinning, ReleaseQuery, ReleaseSource, Result, operator_file, text,
};

use super::attestation::under_test;
use super::check::finish;
use super::{builder, detail};
use crate::cli::{Common, ReleaseArgs};
use crate::operator::Files;
use crate::render::changes;
use crate::{Exit, attest, operator, output, signed};

pub(super) fn run(common: &Common, args: &ReleaseArgs) -> Result<Exit> {
    let (source, tag, under_test) = source(args)?;
    let files = operator::files(common, &under_test)?;
    operator_file::refuse_inside(common.anchors.files().map(PathBuf::as_path), &under_test)?;
    // Only GitHub's own instance attests releases.
    let instance = if args.attestation.is_some() {
        Instance::GitHub
    } else {
        Instance::PublicGood
    };
    let _guard = match args.pin {
        true => operator::only_writer(&files.lock)?,
        false => None,
    };
    let verifier = builder(common, &files, instance, common.online)?.build()?;
    let attestation = args
        .attestation
        .as_deref()
        .map(|path| {
            attested(
                common,
                args.repository.as_deref(),
                tag.as_deref(),
                path,
                verifier.anchors(),
            )
        })
        .transpose()?;
    let gitsign = args
        .identity
        .clone()
        .zip(args.issuer.clone())
        .map(|(identity, issuer)| Gitsign { identity, issuer });
    let releases = verifier.release(&ReleaseQuery {
        source,
        tag,
        repository: args.repository.clone(),
        signers: common.signers.clone(),
        openpgp: args.openpgp.clone(),
        gitsign,
        attestation,
        pin: args.pin,
        accept: args.accept.clone(),
    })?;
    let exit = finish(common, &releases.report, detail(common), None)?;
    let tags = releases.report.releases.iter().filter_map(subject);
    attest::write(
        common,
        &verifier,
        &releases.report,
        "release",
        tags.collect(),
    )?;
    match &releases.pinning {
        None => Ok(exit),
        Some(pinning) => Ok(write(common, pinning, args, &files)?.unwrap_or(exit)),
    }
}

/// A tag in a statement: its commit and its object.
fn subject(release: &ReleaseReport) -> Option<StatementSubject> {
    let commit = ("gitCommit", release.commit.clone()?);
    let object = release.tag_object.clone().map(|object| ("gitTag", object));
    let repository = release.repository.as_deref().unwrap_or("repository");
    Some(StatementSubject::new(
        format!("{repository}@{}", release.tag),
        std::iter::once(commit).chain(object).collect(),
    ))
}

/// What GitHub's attestation says of the release that is asked for.
fn attested(
    common: &Common,
    repository: Option<&str>,
    tag: Option<&str>,
    path: &Path,
    anchors: &Anchors,
) -> Result<Fact<Released>> {
    let Some(repository) = repository.and_then(|repository| repository.strip_prefix("github.com/"))
    else {
        return Err(Error::environment(
            format!(
                "{} is not on GitHub, which alone attests releases so",
                text::excerpt(repository.unwrap_or("it"), 200)
            ),
            "name the repository as github.com/acme/notes",
        ));
    };
    let bytes = under_test(path, MAX_BUNDLE_BYTES)?;
    let release = ExpectedRelease {
        repository,
        tag: tag.unwrap_or_default(),
    };
    Ok(match anchors.root() {
        Ok(root) => verify_release(&bytes, &release, root, operator::now(common)),
        Err(none) => none.fact(),
    })
}

/// What is under test, the tag's name, and the folders in which the operator's files are never looked for.
fn source(args: &ReleaseArgs) -> Result<(ReleaseSource, Option<String>, Vec<PathBuf>)> {
    match (&args.object, &args.path, &args.tag) {
        (None, Some(path), tag) => {
            let real = path
                .canonicalize()
                .map_err(|error| Error::io("find", path, error))?;
            let work_tree = real
                .file_name()
                .filter(|name| *name == ".git")
                .and_then(|_| real.parent())
                .map(Path::to_owned);
            Ok((
                ReleaseSource::Clone(path.clone()),
                tag.clone(),
                [Some(real), work_tree].into_iter().flatten().collect(),
            ))
        }
        // There is no PATH, so what stands first is the tag.
        (Some(object), name, None) => {
            let name = name
                .as_deref()
                .map(|name| name.to_str().map(str::to_owned).ok_or(name))
                .transpose();
            let name = name.map_err(|name| {
                Error::environment(format!("{} is no tag", operator::shown(name)), "name a tag")
            })?;
            Ok((ReleaseSource::Object(read(object)?), name, Vec::new()))
        }
        _ => Err(Error::environment(
            "--object replaces PATH",
            "openclaw-verify release PATH [TAG], or openclaw-verify release --object FILE [TAG]",
        )),
    }
}

/// At most one byte more than a tag may have, which is enough to see that it has too many.
fn read(object: &Path) -> Result<Vec<u8>> {
    let input: Box<dyn io::Read> = if object == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let error = |error| Error::io("read the tag object", object, error);
        let real = object.canonicalize().map_err(error)?;
        // Opening a FIFO would wait for a writer that may never come.
        if !real.metadata().map_err(error)?.is_file() {
            return Err(Error::environment(
                format!("{} is not a regular file", operator::shown(object)),
                "give the bytes on standard input: git cat-file tag NAME | openclaw-verify release --object -",
            ));
        }
        Box::new(File::open(&real).map_err(error)?)
    };
    let mut bytes = Vec::new();
    input
        .take(Tag::MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("read the tag object", object, error))?;
    Ok(bytes)
}

/// Writes the pins, unless that would hide a change. How the program ends, when the findings do not decide.
fn write(
    common: &Common,
    pinning: &Pinning,
    args: &ReleaseArgs,
    files: &Files,
) -> Result<Option<Exit>> {
    if let Some(id) = args
        .accept
        .iter()
        .find(|id| !pinning.changes.iter().any(|change| change.id == **id))
    {
        return Err(Error::environment(
            format!("--accept {}: nothing of it changed", text::excerpt(id, 200)),
            "name a pin as REPOSITORY@TAG, as the messages do",
        ));
    }
    for change in &pinning.changes {
        output::stderr(&changes::line(change, pinning.unaccepted.contains(change)));
    }
    for tag in &pinning.refused {
        output::stderr(&format!("not pinned: {tag} is not verified"));
    }
    if !pinning.unaccepted.is_empty() {
        let mut ids: Vec<&str> = pinning
            .unaccepted
            .iter()
            .map(|change| change.id.as_str())
            .collect();
        ids.dedup();
        output::stderr("nothing was written: a pinned tag is no longer what it was");
        for id in ids {
            output::stderr(&format!(
                "  if you know why and have read the difference: --pin --accept {}",
                text::shell_word(id)
            ));
        }
        return Ok(Some(Exit::Findings));
    }
    // Who asked for one pin and did not get it has to know, whatever the levels.
    let none = (args.tag.is_some() && !pinning.refused.is_empty()).then_some(Exit::Findings);
    if pinning.changes.is_empty() && !files.lock.exists() {
        output::stderr("nothing was written: no tag can be pinned");
        return Ok(none);
    }
    let shown = operator::shown(&files.lock);
    let written = signed::write(common, &files.lock, Purpose::Lock, &pinning.lock.write())?;
    let count = pinning.lock.releases().len();
    let tags = if count == 1 { "tag" } else { "tags" };
    output::stderr(&format!(
        "{} {shown}: {count} pinned {tags}",
        if written { "wrote" } else { "unchanged" }
    ));
    Ok(none)
}
