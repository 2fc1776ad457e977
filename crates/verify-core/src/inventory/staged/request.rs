//! What a request is about: which subject it would become, and what of it is already there to be judged.

use std::path::Path;

use super::Staging;
use super::protocol::{OriginKind, Request, RequestKind, SkillOrigin, SourceKind, TargetType};
use crate::digest::{DigestError, GitOid, Sri};
use crate::error::Error;
use crate::inventory::git_checkout::UnknownHead;
use crate::inventory::staged;
use crate::inventory::{Place, Record, Subject};
use crate::json::{self, JsonError};
use crate::lock::Lock;
use crate::npm::is_package_name;
use crate::read::{self, ReadError};
use crate::subject::{Kind, Source, SubjectId};
use crate::text;

/// Most bytes of the metadata that npm's registry gave. OpenClaw writes some kilobytes.
const MAX_METADATA: u64 = 4 << 20;
/// Most bytes of an archive that is hashed.
const MAX_ARCHIVE: u64 = 1 << 30;

/// What an announcement of npm is asked with.
const METADATA: &str = "with the origin plugin-npm `sourcePath` names a JSON file of what npm resolved: `packageName`, and `resolution` with `name`, `version` and `integrity`; files that are staged are asked about with the origin plugin-package or plugin-dependency-tree";

/// Why it cannot be determined what a request would install. Safe to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undetermined {
    #[error(
        "a plugin of one file has no folder whose digest could be locked; put it into a folder with a manifest"
    )]
    SingleFile,
    #[error("this is not the probe that OpenClaw's doctor sends")]
    NotTheProbe,
    #[error("`sourcePath` is a folder; {METADATA}")]
    MetadataIsFolder,
    #[error("npm's metadata {0}; {METADATA}")]
    MetadataUnread(#[from] ReadError),
    #[error("npm's metadata {0}; {METADATA}")]
    MetadataNotJson(#[from] JsonError),
    #[error("the request is about {}, and npm's metadata about {}", shown(.asked), shown(.found))]
    MetadataOfAnother { asked: String, found: String },
    #[error("npm's metadata has a bad integrity: {0}")]
    MetadataIntegrity(#[from] BadIntegrity),
    #[error("the archive {0}")]
    ArchiveUnread(ReadError),
    #[error("the archive has more than {MAX_ARCHIVE} bytes")]
    ArchiveTooLarge,
    #[error("the archive cannot be read: {0}")]
    ArchiveUnhashed(std::io::Error),
    #[error("the clone's commit cannot be determined: HEAD {0}")]
    Commit(#[from] UnknownHead),
    #[error(
        "the request does not say which repository it is about: give it as `request.requestedSpecifier`, such as git:https://git.example/acme/notes@v1"
    )]
    NoRepository,
    #[error("no files are staged for it")]
    NothingStaged,
    #[error("the request names no source: give `source.kind`")]
    NoSource,
    #[error("this version of the verifier does not know {0} of this source")]
    UnknownSource(&'static str),
    #[error(
        "the staged package does not lie in a node_modules folder under its name: `sourcePath` has to be the package's folder in the node_modules of the staged project"
    )]
    OutsideNodeModules,
    #[error("the request names nothing")]
    Nameless,
    #[error("the request is about no skill")]
    NoSkill,
    #[error(
        "what is staged is a file where a folder belongs: `sourcePath` has to name the folder with the files, with `sourcePathKind` directory"
    )]
    FileNotFolder,
    #[error(transparent)]
    Folder(#[from] Error),
    #[error("the request names no package: give its name as `plugin.packageName`")]
    NoPackage,
    #[error("{} is no package name", shown(.0))]
    BadPackageName(String),
    #[error(
        "the staged project does not say which package it was made for: its package.json has to depend on what `request.requestedSpecifier` names"
    )]
    AmbiguousProject,
}

/// Why none of the integrity values in a line is one to compare with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadIntegrity {
    #[error("it is empty")]
    Empty,
    #[error(transparent)]
    Unusable(#[from] DigestError),
}

/// What there is to judge.
pub(crate) enum Asked {
    /// OpenClaw's own probe.
    Probe,
    /// Only a name and what a registry or a clone says about it. Whatever is installed is staged and asked about later.
    Announced(Box<Announced>),
    /// The files themselves.
    Staged(Box<Staged>),
}

/// What is known before anything is staged.
pub(crate) struct Announced {
    /// What it would become, with the version that the registry says. Its place is the clone, in which its tag can be verified.
    pub subject: Subject,
    /// The archive, as the registry says or as it lies there.
    pub archive: Option<Sri>,
    /// The commit that was cloned.
    pub commit: Option<GitOid>,
}

impl Announced {
    fn new(id: SubjectId, source: Source, clone: &Path) -> Self {
        let place = Place {
            absolute: clone.to_owned(),
            shown: "not staged yet".to_owned(),
        };
        Self {
            subject: Subject::new(id, Kind::Plugin, source, place),
            archive: None,
            commit: None,
        }
    }
}

/// Files that would be installed.
pub(crate) struct Staged {
    /// The subject, under the likeliest of the ids that it may get.
    pub subject: Subject,
    /// How much of it is there.
    pub extent: Extent,
}

/// How much of a staged subject is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// npm installs its dependencies next, and OpenClaw asks again then: what was locked or read cannot be equal yet.
    DependenciesFollow,
    /// It belongs to the host package, which is locked and read as a whole; the question is the install step that would run.
    PartOfHost,
}

impl Staged {
    fn new(mut subject: Subject, ids: Vec<SubjectId>) -> Self {
        subject.may_become = ids;
        Self {
            subject,
            extent: Extent::Whole,
        }
    }

    /// Its files, as the first of the ids that it may get for which `is_it` holds; else as the likeliest.
    pub(crate) fn subject_as(&self, is_it: impl Fn(&SubjectId) -> bool) -> Subject {
        let id = self.subject.may_become.iter().find(|id| is_it(id));
        Subject {
            id: id.unwrap_or(&self.subject.id).clone(),
            ..self.subject.clone()
        }
    }
}

/// Looks at what a request names.
pub(crate) fn read_request(
    request: &Request,
    lock: &Lock,
    host: Option<&Path>,
) -> Result<Asked, Undetermined> {
    match request.origin.kind {
        OriginKind::Doctor => probe(request),
        OriginKind::PluginNpm => {
            announced_npm(request).map(|announced| Asked::Announced(Box::new(announced)))
        }
        OriginKind::PluginGit => {
            announced_git(request, host).map(|announced| Asked::Announced(Box::new(announced)))
        }
        OriginKind::PluginFile => Err(Undetermined::SingleFile),
        _ => staged(request, lock, host).map(|staged| Asked::Staged(Box::new(staged))),
    }
}

/// The probe of OpenClaw's doctor asks about an empty folder and names nothing. Whatever else calls itself a probe is none.
fn probe(request: &Request) -> Result<Asked, Undetermined> {
    let named = request.source.is_some()
        || request.plugin.is_some()
        || request.skill.is_some()
        || request.update;
    let real = request.name == "doctor-install-policy-probe" && request.is_folder && !named;
    let empty = std::fs::symlink_metadata(&request.path).is_ok_and(|found| found.is_dir())
        && std::fs::read_dir(&request.path).is_ok_and(|mut entries| entries.next().is_none());
    if real && empty {
        Ok(Asked::Probe)
    } else {
        Err(Undetermined::NotTheProbe)
    }
}

fn announced_npm(request: &Request) -> Result<Announced, Undetermined> {
    let name = package_name(request)?;
    let source = npm_source(request)?;
    if request.is_folder {
        return Err(Undetermined::MetadataIsFolder);
    }
    let mut announced = Announced::new(npm_id(source, &name), source, Path::new(""));
    if source == Source::NpmPack {
        announced.archive = Some(archive(&request.path)?);
        return Ok(announced);
    }
    let metadata = json::strict(&read::text(&request.path, MAX_METADATA)?)?;
    let field = |pointer: &str| {
        metadata
            .pointer(pointer)
            .and_then(serde_json::Value::as_str)
    };
    for pointer in ["/packageName", "/resolution/name"] {
        if let Some(other) = field(pointer)
            && other != name
        {
            return Err(Undetermined::MetadataOfAnother {
                asked: name,
                found: other.to_owned(),
            });
        }
    }
    announced.subject.version = field("/resolution/version").map(str::to_owned);
    announced.archive = field("/resolution/integrity").map(strongest).transpose()?;
    Ok(announced)
}

/// The integrity of the archive at `path`.
fn archive(path: &Path) -> Result<Sri, Undetermined> {
    let (file, found) = read::open(path).map_err(Undetermined::ArchiveUnread)?;
    if found.len() > MAX_ARCHIVE {
        return Err(Undetermined::ArchiveTooLarge);
    }
    Sri::of_reader(std::io::Read::take(file, MAX_ARCHIVE)).map_err(Undetermined::ArchiveUnhashed)
}

fn announced_git(request: &Request, host: Option<&Path>) -> Result<Announced, Undetermined> {
    let staging = open(request, host)?;
    let id = request.requested.as_deref().and_then(staged::git_subject);
    let commit = staging.head()?;
    let id = id.ok_or(Undetermined::NoRepository)?;
    let mut announced = Announced::new(id, Source::Git, &request.path);
    announced.subject.record = Some(git_record(request, Some(&commit)));
    announced.commit = Some(commit);
    Ok(announced)
}

/// The files of a request that is about files.
pub(crate) fn files(
    request: &Request,
    lock: &Lock,
    host: Option<&Path>,
) -> Result<Staged, Undetermined> {
    match read_request(request, lock, host)? {
        Asked::Staged(staged) => Ok(*staged),
        _ => Err(Undetermined::NothingStaged),
    }
}

fn staged(request: &Request, lock: &Lock, host: Option<&Path>) -> Result<Staged, Undetermined> {
    if request.target == TargetType::Skill {
        return skill(request, lock, host);
    }
    let source = request.source.ok_or(Undetermined::NoSource)?;
    match source {
        SourceKind::Npm | SourceKind::Clawhub | SourceKind::Archive if is_npm_project(request) => {
            npm(request, host)
        }
        SourceKind::Git => plugin(request, Source::Git, host),
        SourceKind::Archive | SourceKind::Clawhub => plugin(request, plain_source(source), host),
        SourceKind::LocalPath => plugin(request, Source::Path, host),
        _ => Err(Undetermined::UnknownSource("plugins")),
    }
}

/// Whether npm installed it: a package in a `node_modules`, or a project that holds one.
fn is_npm_project(request: &Request) -> bool {
    request.kind == RequestKind::PluginNpm
}

fn npm(request: &Request, host: Option<&Path>) -> Result<Staged, Undetermined> {
    let source = npm_source(request)?;
    let tree = request.origin.kind == OriginKind::PluginDependencyTree;
    // A package lies in its project's node_modules; the project is what is judged either way.
    let (root, name) = if tree {
        let staging = Staging::open(&request.path, host)?;
        let name = asked_for(request, source, &staging)?;
        (request.path.clone(), name)
    } else {
        let name = package_name(request)?;
        let modules = name
            .split('/')
            .try_fold(request.path.as_path(), |path, _| path.parent());
        let project = modules
            .filter(|modules| modules.ends_with("node_modules"))
            .and_then(Path::parent);
        let project =
            project.filter(|project| project.join("node_modules").join(&name) == request.path);
        (
            project.ok_or(Undetermined::OutsideNodeModules)?.to_owned(),
            name,
        )
    };
    let staging = Staging::open(&root, host)?;
    let (version, integrity) = staging.locked_by_npm(&name);
    let claimed = request
        .plugin
        .as_ref()
        .and_then(|plugin| plugin.version.clone());
    let record = Record {
        source: "npm".to_owned(),
        version: claimed.or_else(|| version.clone()),
        resolved_name: Some(name.clone()),
        resolved_version: version,
        integrity,
        artifact_kind: (source == Source::NpmPack).then(|| "npm-pack".to_owned()),
        ..record(request)
    };
    let id = npm_id(source, &name);
    Ok(Staged::new(
        staging.npm(&name, id.clone(), source, record),
        vec![id],
    ))
}

fn plugin(request: &Request, source: Source, host: Option<&Path>) -> Result<Staged, Undetermined> {
    let staging = open(request, host)?;
    // Of an unpacked archive OpenClaw installs the dependencies between two calls. A folder may be linked, which is asked about once.
    let unfinished = request.kind == RequestKind::PluginArchive
        && request.origin.kind == OriginKind::PluginPackage
        && staging.has_dependencies();
    let extent = if unfinished {
        Extent::DependenciesFollow
    } else {
        Extent::Whole
    };
    let key = request
        .plugin
        .as_ref()
        .map(|plugin| plugin.id.as_str())
        .unwrap_or_default();
    let mut record = record(request);
    record.source = source.as_str().to_owned();
    if staging.is_hook_pack() {
        let id = SubjectId::new("hook", &format!("managed/{}", staged::id_part(key)));
        let subject = staging.hook_pack(id.clone(), source, record);
        return Ok(Staged {
            extent,
            ..Staged::new(subject, vec![id])
        });
    }
    let bundle = staging.is_bundle();
    let ids = match source {
        Source::Git => {
            record = Record {
                source: record.source,
                ..git_record(request, staging.head().ok().as_ref())
            };
            vec![
                request
                    .requested
                    .as_deref()
                    .and_then(staged::git_subject)
                    .ok_or(Undetermined::NoRepository)?,
            ]
        }
        Source::Clawhub => vec![SubjectId::new("clawhub", &clawhub_package(request))],
        Source::Archive if bundle => vec![SubjectId::new("bundle", key)],
        Source::Archive => vec![SubjectId::new("archive", key)],
        // A copied folder and a linked one are asked about in the same words.
        _ if bundle => vec![SubjectId::new("bundle", key), SubjectId::new("link", key)],
        _ => vec![SubjectId::new("path", key), SubjectId::new("link", key)],
    };
    let first = ids.first().cloned().ok_or(Undetermined::Nameless)?;
    Ok(Staged {
        extent,
        ..Staged::new(staging.plugin(first, source, record), ids)
    })
}

/// Which root a skill goes to is not said, so its id is that of any locked skill of its name.
fn skill(request: &Request, lock: &Lock, host: Option<&Path>) -> Result<Staged, Undetermined> {
    let staging = open(request, host)?;
    let OriginKind::Skill(origin) = request.origin.kind else {
        return Err(Undetermined::NoSkill);
    };
    let name = staging.skill_name().unwrap_or_else(|| request.name.clone());
    let mut ids = Vec::new();
    let mut record = record(request);
    let source = match origin {
        SkillOrigin::Git => {
            ids.extend(
                request
                    .origin
                    .spec
                    .as_deref()
                    .or(request.requested.as_deref())
                    .and_then(staged::git_subject),
            );
            record.git_commit.clone_from(&request.origin.commit);
            record.git_ref = request.requested.as_deref().and_then(staged::git_reference);
            Source::Git
        }
        SkillOrigin::Clawhub => {
            let slug = request.origin.slug.as_deref().unwrap_or(&request.name);
            if let Some(owner) = &request.origin.owner {
                ids.push(SubjectId::new("clawhub", &format!("{owner}/{slug}")));
            }
            record.registry.clone_from(&request.origin.registry);
            record.version.clone_from(&request.origin.version);
            Source::Clawhub
        }
        _ => Source::Path,
    };
    let part = staged::id_part(&name);
    let tail = format!("/{part}");
    let installed = |id: &&SubjectId| {
        id.scheme() == "skill" && !id.name().starts_with("plugin.") && id.name().ends_with(&tail)
    };
    ids.extend(
        lock.packages()
            .iter()
            .map(|entry| &entry.id)
            .filter(installed)
            .cloned(),
    );
    ids.push(SubjectId::new("skill", &format!("workspace/{part}")));
    let first = ids.first().cloned().ok_or(Undetermined::Nameless)?;
    let mut subject = staging.skill(first, source, record);
    if subject.name.is_empty() {
        subject.name = name;
    }
    let asked = request.skill.as_ref();
    if let Some(asked) = asked.and_then(|skill| skill.install_spec.as_ref()) {
        staged::asked_step(&mut subject, asked);
    }
    let part_of_host = origin == SkillOrigin::Installed
        && request.source == Some(SourceKind::Bundled)
        && staging.in_host();
    Ok(Staged {
        extent: if part_of_host {
            Extent::PartOfHost
        } else {
            Extent::Whole
        },
        ..Staged::new(subject, ids)
    })
}

fn open(request: &Request, host: Option<&Path>) -> Result<Staging, Undetermined> {
    if !request.is_folder {
        return Err(Undetermined::FileNotFolder);
    }
    Ok(Staging::open(&request.path, host)?)
}

/// What OpenClaw would record of a clone.
fn git_record(request: &Request, commit: Option<&GitOid>) -> Record {
    Record {
        git_commit: commit.map(ToString::to_string),
        git_ref: request.requested.as_deref().and_then(staged::git_reference),
        ..record(request)
    }
}

fn record(request: &Request) -> Record {
    staged::record(request.requested.as_deref())
}

fn plain_source(source: SourceKind) -> Source {
    match source {
        SourceKind::Clawhub => Source::Clawhub,
        _ => Source::Archive,
    }
}

fn npm_source(request: &Request) -> Result<Source, Undetermined> {
    match request.source {
        Some(SourceKind::Npm) => Ok(Source::Npm),
        Some(SourceKind::Clawhub) => Ok(Source::Clawhub),
        Some(SourceKind::Archive) => Ok(Source::NpmPack),
        _ => Err(Undetermined::UnknownSource("npm packages")),
    }
}

fn npm_id(source: Source, name: &str) -> SubjectId {
    SubjectId::new(source.as_str(), name)
}

/// The package that a request names. A name with `..` or of more than two parts could lead elsewhere.
fn package_name(request: &Request) -> Result<String, Undetermined> {
    let plugin = request
        .plugin
        .as_ref()
        .and_then(|plugin| plugin.package_name.clone());
    let name = plugin
        .or_else(|| request.origin.package_name.clone())
        .ok_or(Undetermined::NoPackage)?;
    if is_package_name(&name) {
        Ok(name)
    } else {
        Err(Undetermined::BadPackageName(name))
    }
}

/// The package that a staged project is about: what its `package.json` depends on and the operator asked for.
fn asked_for(request: &Request, source: Source, staging: &Staging) -> Result<String, Undetermined> {
    let dependencies = staging.asked_for();
    let spec = request.requested.as_deref().unwrap_or_default();
    let spec = spec.strip_prefix("clawhub:").unwrap_or(spec);
    let found: Vec<&String> = match source {
        Source::NpmPack => dependencies
            .iter()
            .filter(|(_, spec)| spec.starts_with("file:"))
            .map(|(name, _)| name)
            .collect(),
        _ => {
            let wanted = staged::spec_name(spec.strip_prefix("npm:").unwrap_or(spec));
            let named: Vec<&String> = dependencies
                .iter()
                .map(|(name, _)| name)
                .filter(|name| **name == wanted)
                .collect();
            // A spec may be written in more ways than are known here; a project made for one package names only that one.
            if named.is_empty() {
                dependencies.iter().map(|(name, _)| name).collect()
            } else {
                named
            }
        }
    };
    match found.as_slice() {
        [name] if is_package_name(name) => Ok((*name).clone()),
        _ => Err(Undetermined::AmbiguousProject),
    }
}

fn clawhub_package(request: &Request) -> String {
    let spec = request.requested.as_deref().unwrap_or_default();
    let spec = spec.strip_prefix("clawhub:").unwrap_or(spec);
    let named = request
        .plugin
        .as_ref()
        .and_then(|plugin| plugin.package_name.clone());
    if spec.is_empty() {
        named.unwrap_or_else(|| request.name.clone())
    } else {
        staged::spec_name(spec)
    }
}

/// The strong one of several integrity values, as npm writes them in one line.
fn strongest(integrity: &str) -> Result<Sri, BadIntegrity> {
    let mut why = BadIntegrity::Empty;
    for part in integrity.split_ascii_whitespace() {
        match part.parse::<Sri>() {
            Ok(sri) => return Ok(sri),
            Err(error) => why = error.into(),
        }
    }
    Err(why)
}

fn shown(name: &str) -> String {
    text::excerpt(name, 120)
}
