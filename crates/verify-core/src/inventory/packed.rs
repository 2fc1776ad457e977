//! What lies packed in an archive that is not installed: which package it is, which subject it would become, what it bundles.

use crate::archive::Archive;
use crate::digest::Sri;
use crate::error::{Error, Result};
use crate::inventory::{Observation, Place, Subject};
use crate::npm::PackageJson;
use crate::npm::is_package_name;
use crate::subject::{Kind, Source, SubjectId};
use crate::text;

/// Which files have to be kept when an archive is read: the `package.json` of it and of what it bundles, and its lockfile.
pub(crate) fn is_manifest(path: &str) -> bool {
    path == "package.json"
        || path == "npm-shrinkwrap.json"
        || path
            .strip_suffix("/package.json")
            .and_then(|folder| folder.rsplit_once("node_modules/"))
            .is_some_and(|(before, name)| {
                (before.is_empty() || before.ends_with('/')) && is_package_name(name)
            })
}

/// An archive that could be installed.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// It, read whole with [`Candidate::keep`].
    pub archive: &'a Archive,
    /// How it is named in the report.
    pub shown: &'a str,
    /// The integrity that it must have, when the caller knows one.
    pub integrity: Option<Sri>,
    /// The name and exact version that it must have, when the caller asked for one.
    pub wanted: Option<(&'a str, &'a str)>,
}

impl Candidate<'_> {
    /// Which files have to be kept when the archive is read: the `package.json` of it and of what it bundles, and its lockfile.
    #[must_use]
    pub fn keep(path: &str) -> bool {
        is_manifest(path)
    }
}

/// The subject that the package in an archive would become, and its manifest.
///
/// # Errors
/// When the archive holds no package: no `package.json`, or one without name and version.
pub(crate) fn subject(candidate: &Candidate<'_>) -> Result<(Subject, PackageJson)> {
    let (name, version, manifest) = package(candidate)?;
    let (id, kind) = subject_id(&name);
    let place = Place {
        absolute: candidate.shown.into(),
        shown: candidate.shown.to_owned(),
    };
    let mut subject = Subject::new(id, kind, Source::Npm, place);
    subject.name = name;
    subject.version = Some(version);
    subject.may_become.extend(packed_id(candidate, &subject));
    subject
        .observations
        .extend(Observation::of_privileged(candidate.archive));
    Ok((subject, manifest))
}

/// The subject of an npm package.
pub(crate) fn subject_id(name: &str) -> (SubjectId, Kind) {
    if name == "openclaw" {
        (SubjectId::core(), Kind::Core)
    } else {
        (SubjectId::new("npm", name), Kind::Plugin)
    }
}

/// The id that a local file gets when OpenClaw installs it.
fn packed_id(candidate: &Candidate<'_>, subject: &Subject) -> Option<SubjectId> {
    (candidate.wanted.is_none() && subject.kind != Kind::Core)
        .then(|| SubjectId::new("npm-pack", &subject.name))
}

/// Name, version and manifest of the package in an archive.
pub(crate) fn package(candidate: &Candidate<'_>) -> Result<(String, String, PackageJson)> {
    let no = |why: String| Error::Subject {
        place: candidate.shown.to_owned(),
        why: format!("this is no npm package: {why}"),
        help: Some("name an archive as npm packs it".to_owned()),
    };
    let bytes = candidate
        .archive
        .content("package.json")
        .ok_or_else(|| no("it has no package.json".to_owned()))?;
    let text =
        std::str::from_utf8(bytes).map_err(|_| no("its package.json is not UTF-8".to_owned()))?;
    let (manifest, _) = PackageJson::parse(text).map_err(|why| {
        let why = text::excerpt(&why.to_string(), 200);
        no(format!("its package.json {why}"))
    })?;
    let name = manifest.name.clone().filter(|name| is_package_name(name));
    let version = manifest
        .version
        .clone()
        .filter(|version| crate::spec::npm_version(version) == crate::spec::Pin::Exact);
    match (name, version) {
        (Some(name), Some(version)) => Ok((name, version, manifest)),
        (None, _) => Err(no(
            "its package.json has no name that npm accepts".to_owned()
        )),
        (_, None) => Err(no("its package.json has no exact version".to_owned())),
    }
}

/// The packages inside, by folder; none for a `package.json` that cannot be read.
pub(crate) fn bundled(archive: &Archive) -> impl Iterator<Item = (&str, Option<PackageJson>)> {
    let folders = archive.entries.iter().filter_map(|entry| {
        entry
            .path
            .strip_suffix("/package.json")
            .map(|folder| (entry, folder))
    });
    folders
        .filter(|(entry, _)| Candidate::keep(&entry.path))
        .map(|(entry, folder)| {
            let text = archive
                .content(&entry.path)
                .and_then(|bytes| std::str::from_utf8(bytes).ok());
            (
                folder,
                text.and_then(|text| PackageJson::parse(text).ok())
                    .map(|(manifest, _)| manifest),
            )
        })
}
