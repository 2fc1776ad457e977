//! Install records: one subject each, at the recorded path, because that is what OpenClaw loads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{not_located, string};
use super::context::Workspace;
use super::index::Index;
use super::paths::{Kind as Entry, Located, Paths};
use super::plugin::{Activation, PluginFiles, PluginOrigin, own_trees};
use super::{Observation, Place, Record, Subject, git_checkout, ids, npm_lockfile, npm_project};
use crate::digest::{Sha256Digest, Sri};
use crate::subject::{Kind, Source, SubjectId};
use crate::text;

/// What every source of plugins looks at.
pub(super) struct Scan<'a> {
    pub(super) paths: &'a Paths,
    pub(super) index: &'a Index,
    pub(super) activation: &'a Activation,
    pub(super) config: &'a Value,
    pub(super) config_shown: &'a str,
    pub(super) workspaces: &'a [Workspace],
    /// Real path of the host package.
    pub(super) host: Option<&'a Path>,
}

/// A plugin or bundle that was found.
pub(super) struct Plugin {
    pub(super) subject: Subject,
    /// Its files; none when the folder is missing or may not be read.
    pub(super) files: Option<PluginFiles>,
    pub(super) origin: PluginOrigin,
    /// The key of its record.
    pub(super) key: Option<String>,
}

impl Plugin {
    /// The folder that OpenClaw loads from, when it is there.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.files.as_ref().map(|files| files.folder.as_path())
    }
}

/// What the records speak for, so that no other source lists it again.
pub(super) struct Known {
    folders: BTreeSet<PathBuf>,
    elsewhere: BTreeSet<String>,
}

impl Known {
    pub(super) fn of(plugins: &[Plugin]) -> Self {
        Self {
            folders: plugins
                .iter()
                .filter_map(|plugin| plugin.folder().map(Path::to_owned))
                .collect(),
            elsewhere: plugins
                .iter()
                .filter(|plugin| plugin.files.is_none())
                .map(|plugin| plugin.subject.place.shown.clone())
                .collect(),
        }
    }

    /// A plugin was found in this folder; its real path.
    pub(super) fn folder(&self, folder: &Path) -> bool {
        self.folders.contains(folder)
    }

    /// A record names this place, which is not read.
    pub(super) fn elsewhere(&self, shown: &str) -> bool {
        self.elsewhere.contains(shown)
    }
}

/// Most records. Each costs some looks at the disk.
const MAX_RECORDS: usize = 20_000;

/// One subject a record.
pub(super) fn read(scan: &Scan<'_>, observations: &mut Vec<Observation>) -> Vec<Plugin> {
    let mut plugins = Vec::new();
    if scan.index.records.len() > MAX_RECORDS {
        let why = format!("holds more than {MAX_RECORDS} install records");
        observations.push(Observation::Unreadable {
            place: super::index::shown(scan.paths),
            why,
        });
    }
    for (key, raw) in scan.index.records.iter().take(MAX_RECORDS) {
        let place = format!(
            "{}#plugins.installedIndex/{}",
            super::index::shown(scan.paths),
            text::excerpt(key, 120)
        );
        let record = record(place, raw);
        if record.source.is_empty() {
            let why = "the record has no source, or a field of the wrong type".to_owned();
            observations.push(Observation::Unreadable {
                place: record.place,
                why,
            });
            continue;
        }
        plugins.push(plugin(scan, key, record));
    }
    plugins
}

/// The fields of a plugin's or hook pack's record, trimmed as OpenClaw does; an empty `source` when it is no record.
/// [S `parsePluginInstallRecord`]
pub(super) fn record(place: String, raw: &Value) -> Record {
    const TEXTS: [&str; 12] = [
        "spec",
        "sourcePath",
        "installPath",
        "version",
        "resolvedName",
        "resolvedVersion",
        "resolvedSpec",
        "integrity",
        "shasum",
        "gitUrl",
        "gitRef",
        "gitCommit",
    ];
    let field = |key: &str| string(raw.get(key)).map(str::to_owned);
    let typed = raw.get("__proto__").is_none()
        && TEXTS
            .iter()
            .all(|key| raw.get(key).is_none_or(Value::is_string));
    Record {
        place,
        source: if typed {
            field("source").unwrap_or_default()
        } else {
            String::new()
        },
        spec: field("spec"),
        install_path: field("installPath"),
        source_path: field("sourcePath"),
        version: field("version"),
        resolved_name: field("resolvedName"),
        resolved_version: field("resolvedVersion"),
        resolved_spec: field("resolvedSpec"),
        integrity: field("integrity"),
        shasum: field("shasum"),
        artifact_kind: field("artifactKind"),
        git_url: field("gitUrl"),
        git_ref: field("gitRef"),
        git_commit: field("gitCommit"),
        registry: field("clawhubUrl"),
        raw: raw.clone(),
    }
}

fn plugin(scan: &Scan<'_>, key: &str, record: Record) -> Plugin {
    let mut observations = Vec::new();
    let written = record
        .install_path
        .as_deref()
        .or(record.source_path.as_deref())
        .unwrap_or_default();
    let (place, files) = folder(scan, &record, written, &mut observations);
    let source = source(scan.paths, &record);
    let bundle = files.as_ref().is_some_and(|files| files.bundle.is_some());
    let id = id(key, &record, source, bundle, &place.absolute);
    let kind = if bundle { Kind::Bundle } else { Kind::Plugin };
    let name = files
        .as_ref()
        .map_or_else(|| key.to_owned(), PluginFiles::plugin_id);
    let version = files
        .as_ref()
        .and_then(PluginFiles::version)
        .map(str::to_owned);
    let mut subject = Subject {
        version,
        observations,
        ..ids::blank(id, kind, source, name, place)
    };
    if source == Source::Unrecorded {
        let found = format!("an install of source {}", text::excerpt(&record.source, 40));
        subject.observations.push(Observation::UnsupportedSchema {
            place: record.place.clone(),
            found,
        });
    }
    integrity(source, &record, &mut subject.observations);
    if let Some(files) = &files {
        checks(scan, key, &record, files, &mut subject);
    }
    let channels = files
        .as_ref()
        .map(PluginFiles::channels)
        .unwrap_or_default();
    subject.enabled = scan
        .activation
        .enabled(&subject.name, PluginOrigin::Global, &channels);
    subject.record = Some(record);
    Plugin {
        subject,
        files,
        origin: PluginOrigin::Global,
        key: Some(key.to_owned()),
    }
}

/// Where the record leads, and what is there.
fn folder(
    scan: &Scan<'_>,
    record: &Record,
    written: &str,
    observations: &mut Vec<Observation>,
) -> (Place, Option<PluginFiles>) {
    let paths = scan.paths;
    let nowhere = |shown: &str| Place {
        absolute: PathBuf::from(shown),
        shown: text::visible(shown).into_owned(),
    };
    let located = match paths.locate(written) {
        Located::At(path) => path,
        other => {
            observations.extend(not_located(record.place.clone(), other));
            return (nowhere(written), None);
        }
    };
    let real = match paths.real(&located) {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            observations.push(Observation::MissingFolder {
                path: paths.shown(&located),
                left: None,
            });
            return (paths.place(&located), None);
        }
        Err(error) => {
            observations.push(Observation::Unreadable {
                place: paths.shown(&located),
                why: error.to_string(),
            });
            return (paths.place(&located), None);
        }
    };
    // OpenClaw takes the folder of a recorded file as the plugin. [S `resolveManagedPluginDirKey`]
    let folder = match (paths.kind(&real), real.parent()) {
        (Entry::Folder, _) => real,
        (Entry::File, Some(parent)) => parent.to_owned(),
        _ => {
            observations.push(Observation::Unreadable {
                place: paths.shown(&real),
                why: "is neither a folder nor a file".to_owned(),
            });
            return (paths.place(&real), None);
        }
    };
    let files = PluginFiles::read(paths, &folder);
    (paths.place(&folder), Some(files))
}

/// Where the subject of a record came from; *unrecorded* for a source that is not known here.
pub(super) fn source(paths: &Paths, record: &Record) -> Source {
    match record.source.as_str() {
        // A tarball's own claimed name is recorded as if it came from a registry. [S `resolvePluginTrust`]
        "npm" if record.artifact_kind.is_some() || record.source_path.is_some() => Source::NpmPack,
        "npm" => Source::Npm,
        "git" => Source::Git,
        "archive" => Source::Archive,
        "clawhub" => Source::Clawhub,
        "path" => {
            let place = |written: &Option<String>| match paths
                .locate(written.as_deref().unwrap_or_default())
            {
                Located::At(path) => Some(paths.real(&path).unwrap_or(path)),
                Located::Elsewhere(path) => Some(PathBuf::from(path)),
                Located::Unknown(_) => None,
            };
            let install = place(&record.install_path);
            if install.is_some() && install == place(&record.source_path) {
                Source::Link
            } else {
                Source::Path
            }
        }
        _ => Source::Unrecorded,
    }
}

fn id(key: &str, record: &Record, source: Source, bundle: bool, folder: &Path) -> SubjectId {
    let npm_name = || {
        record
            .resolved_name
            .clone()
            .or_else(|| {
                record
                    .spec
                    .as_deref()
                    .map(npm_project::spec_name)
                    .map(str::to_owned)
            })
            .unwrap_or_else(|| {
                npm_project::Layout::of(folder).map_or_else(|| key.to_owned(), |layout| layout.name)
            })
    };
    match source {
        Source::Npm => SubjectId::new("npm", &npm_name()),
        Source::NpmPack => SubjectId::new("npm-pack", &npm_name()),
        Source::Git => SubjectId::new(
            "git",
            &git_checkout::repository(record).unwrap_or_else(|| ids::part(key)),
        ),
        Source::Clawhub => {
            let spec = record
                .spec
                .as_deref()
                .map(|spec| spec.strip_prefix("clawhub:").unwrap_or(spec));
            let name = string(record.raw.get("clawhubPackage"))
                .or(spec.map(npm_project::spec_name))
                .unwrap_or(key);
            SubjectId::new("clawhub", name)
        }
        Source::Link => SubjectId::new("link", key),
        Source::Unrecorded if !bundle => {
            SubjectId::new("unrecorded", &format!("{}/{key}", record.source))
        }
        _ if bundle => SubjectId::new("bundle", key),
        Source::Archive => SubjectId::new("archive", key),
        _ => SubjectId::new("path", key),
    }
}

/// A registry's archive has a strong digest, or the record is wrong. ClawHub also writes its own.
fn integrity(source: Source, record: &Record, observations: &mut Vec<Observation>) {
    let why = match source {
        Source::Npm | Source::NpmPack => match record.integrity.as_deref() {
            None => "the record has no integrity".to_owned(),
            Some(integrity) => match integrity.parse::<Sri>() {
                Ok(_) => return,
                Err(error) => format!("the recorded integrity is no strong digest: {error}"),
            },
        },
        Source::Clawhub => {
            let sri = [
                record.integrity.as_deref(),
                string(record.raw.get("npmIntegrity")),
            ];
            let pack = string(record.raw.get("clawpackSha256"))
                .map(|hex| hex.strip_prefix("sha256:").unwrap_or(hex));
            let strong = sri
                .into_iter()
                .flatten()
                .any(|text| text.parse::<Sri>().is_ok() || text.starts_with("sha256-"))
                || pack.is_some_and(|hex| {
                    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
                });
            if strong {
                return;
            }
            "the record has no strong digest of the archive".to_owned()
        }
        _ => return,
    };
    observations.push(Observation::BadIntegrity { why });
}

/// Everything that needs the folder.
fn checks(scan: &Scan<'_>, key: &str, record: &Record, files: &PluginFiles, subject: &mut Subject) {
    let paths = scan.paths;
    subject
        .observations
        .extend(files.observations.iter().cloned());
    if subject.source != Source::Link
        && let Some(canonical) = misplaced(paths, key, record, subject.source, &files.folder)
    {
        let recorded = paths.shown(&files.folder);
        subject.observations.push(Observation::OutsideState {
            recorded,
            canonical,
        });
    }
    let npm = matches!(subject.source, Source::Npm | Source::NpmPack)
        || subject.source == Source::Clawhub && npm_project::Layout::of(&files.folder).is_some();
    let (boundary, left_out): (PathBuf, &[&str]) = match npm_project::Layout::of(&files.folder) {
        Some(layout) if npm => {
            subject.trees = npm_project::trees(paths, &layout, scan.host);
            npm_project::check(paths, &layout, record, files, subject);
            if subject.source == Source::NpmPack {
                // What was installed is compared with the archives that OpenClaw keeps there.
                paths.listed(&layout.project.join("_openclaw-pack-archives"));
            }
            (layout.modules, &["node_modules/openclaw"])
        }
        _ => {
            let git = subject.source == Source::Git;
            subject.trees = own_trees(paths, &files.folder, scan.host, git);
            npm_lockfile::own_lockfile(paths, &files.folder, subject);
            if git {
                git_checkout::check(paths, record, &files.folder, &mut subject.observations);
                (
                    files.folder.clone(),
                    &[
                        ".git",
                        "node_modules/.package-lock.json",
                        "node_modules/openclaw",
                    ],
                )
            } else {
                (
                    files.folder.clone(),
                    &["node_modules/.package-lock.json", "node_modules/openclaw"],
                )
            }
        }
    };
    subject
        .observations
        .extend(files.escapes(paths, &boundary, left_out));
    names_and_versions(key, record, files, subject);
    hashes(scan.index, key, record, files, subject);
}

/// The canonical place that the record should name, when it does not. Compared by real paths, so a symlink on the way counts too.
fn misplaced(
    paths: &Paths,
    key: &str,
    record: &Record,
    source: Source,
    folder: &Path,
) -> Option<String> {
    let extension = || paths.root("extensions").join(extension_folder(key));
    let npm = |name: Option<&str>| {
        let name = name
            .map(str::to_owned)
            .or_else(|| npm_project::Layout::of(folder).map(|layout| layout.name))?;
        let canonical = npm_project::canonical(paths, &name, folder);
        (!canonical.1).then_some(canonical.0)
    };
    let name = record
        .resolved_name
        .as_deref()
        .or(record.spec.as_deref().map(npm_project::spec_name));
    match source {
        Source::Npm | Source::NpmPack => npm(name).map(|canonical| paths.shown(&canonical)),
        Source::Git => git_checkout::misplaced(paths, folder),
        Source::Clawhub if npm_project::Layout::of(folder).is_some() => {
            npm(None).map(|canonical| paths.shown(&canonical))
        }
        _ => (folder != extension()).then(|| paths.shown(&extension())),
    }
}

/// The folder's name in `extensions`. [S `encodePluginInstallDirName`]
fn extension_folder(plugin_id: &str) -> String {
    let id = plugin_id.trim();
    if id.contains('/') {
        format!("@{}", npm_project::encode(id))
    } else {
        id.replace('\\', "__")
    }
}

fn names_and_versions(key: &str, record: &Record, files: &PluginFiles, subject: &mut Subject) {
    let shown = |text: &str| text::excerpt(text, 200);
    let own = files.plugin_id();
    if own != key && files.package_name() != Some(key) {
        let conflict = Observation::RecordConflict {
            what: "name",
            recorded: shown(key),
            found: shown(&own),
            advisory: false,
        };
        subject.observations.push(conflict);
    }
    let versions: Vec<&str> = files.versions().collect();
    for recorded in [&record.version, &record.resolved_version]
        .into_iter()
        .flatten()
    {
        if !versions.is_empty() && !versions.contains(&recorded.as_str()) {
            subject.observations.push(Observation::RecordConflict {
                what: "version",
                recorded: shown(recorded),
                found: shown(versions.first().copied().unwrap_or_default()),
                // A linked folder is its author's: it moves on without a new install.
                advisory: subject.source == Source::Link,
            });
            break;
        }
    }
}

/// What OpenClaw last saw of the manifest, `package.json` and the record itself. No code file is among them.
fn hashes(index: &Index, key: &str, record: &Record, files: &PluginFiles, subject: &mut Subject) {
    let Some(seen) = index.seen(key) else { return };
    let link = subject.source == Source::Link;
    // Number and key order are kept, so this is the text that OpenClaw hashed; whether it always refreshed the hash is not certain.
    let record_hash = serde_json::to_vec(&record.raw)
        .ok()
        .map(|bytes| Sha256Digest::of(&bytes));
    let pairs = [
        (
            "hash of the manifest",
            seen.get("manifestHash"),
            files.manifest_digest,
            link,
        ),
        (
            "hash of package.json",
            seen.pointer("/packageJson/hash"),
            files.package_digest,
            link,
        ),
        (
            "hash of the record itself",
            seen.get("installRecordHash"),
            record_hash,
            true,
        ),
    ];
    for (what, recorded, found, advisory) in pairs {
        let Some(recorded) = string(recorded) else {
            continue;
        };
        let found = found.map_or_else(|| "no readable file".to_owned(), |digest| digest.hex());
        if recorded != found {
            let recorded = text::excerpt(recorded, 64);
            subject.observations.push(Observation::RecordConflict {
                what,
                recorded,
                found,
                advisory,
            });
        }
    }
}
