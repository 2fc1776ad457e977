//! npm installs: `npm/projects/<encoded>[__openclaw-generation__g-<16 hex>]/node_modules/<name>`, with one project a package.
//!
//! OpenClaw takes every dependency of every project's `package.json` for an install of its own when no record stands against it
//! [S `buildRecoveredManagedNpmInstallCandidatesForRoot`]. That holds for folders left over from staging too, so none is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::string;
use super::npm_lockfile::{Conflicts, keep, lock, locks_agree};
use super::paths::{Kind as Entry, Paths};
use super::plugin::{PluginFiles, PluginOrigin, file_name, is_real_folder};
use super::records::{Known, Plugin, Scan};
use super::{Observation, Record, Subject, Trees, ids};
use crate::digest::Sha256Digest;
use crate::json;
use crate::read::ReadError;
use crate::spec::{self, Pin};
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::{LeaveOut, RecordKind, TreeSpec};

/// Most packages of all projects that are looked at.
const MAX_CANDIDATES: usize = 20_000;
const GENERATION: &str = "__openclaw-generation__g-";

/// A package folder inside a project's `node_modules`.
pub(super) struct Layout {
    pub(super) project: PathBuf,
    pub(super) modules: PathBuf,
    /// The package's name, by its folder.
    pub(super) name: String,
}

impl Layout {
    /// The layout around a package folder; none when it does not lie in a `node_modules`.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let base = folder.file_name()?.to_str()?;
        let parent = folder.parent()?;
        let scope = parent.file_name()?.to_str()?;
        let (name, modules) = if scope.starts_with('@') {
            (format!("{scope}/{base}"), parent.parent()?)
        } else {
            (base.to_owned(), parent)
        };
        if modules.file_name()? != "node_modules" {
            return None;
        }
        Some(Self {
            project: modules.parent()?.to_owned(),
            modules: modules.to_owned(),
            name,
        })
    }
}

/// The package name of an npm spec: what stands before the `@` of the version.
pub(super) fn spec_name(spec: &str) -> &str {
    let spec = spec.strip_prefix("npm:").unwrap_or(spec);
    match spec.char_indices().skip(1).find(|(_, c)| *c == '@') {
        Some((at, _)) => &spec[..at],
        None => spec,
    }
}

/// The name that a registry is asked for: of an alias, `other@npm:name@1`, the name behind it.
fn asked_name(spec: &str) -> &str {
    spec_name(spec.rsplit_once("@npm:").map_or(spec, |(_, real)| real))
}

/// A name as OpenClaw encodes it in folder names. [S `safePathSegmentHashed`]
pub(super) fn encode(name: &str) -> String {
    let name = name.trim();
    let mut base = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '.' || c == '_' {
            base.push(c);
        } else if !base.ends_with('\0') {
            base.push('\0');
        }
    }
    let base = base.replace('\0', "-");
    let base = base.strip_prefix('-').unwrap_or(&base);
    let base = base.strip_suffix('-').unwrap_or(base);
    let safe = if matches!(base, "" | "." | "..") {
        "skill"
    } else {
        base
    };
    if safe == name && safe.len() <= 60 {
        return safe.to_owned();
    }
    let cut: String = safe.chars().take(50).collect();
    let digest = Sha256Digest::of(name.as_bytes()).hex();
    format!("{cut}-{}", digest.get(..10).unwrap_or_default())
}

/// The canonical folder of a package, and whether `folder` is it, one of its generations, or in the older shared project.
pub(super) fn canonical(paths: &Paths, name: &str, folder: &Path) -> (PathBuf, bool) {
    let npm = paths.root("npm");
    let encoded = encode(name);
    let canonical = npm
        .join("projects")
        .join(&encoded)
        .join("node_modules")
        .join(name);
    let here = Layout::of(folder).is_some_and(|layout| {
        let project = file_name(&layout.project);
        let generation = project.strip_prefix(&encoded).is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix(GENERATION)
                    .is_some_and(|hex| hex.len() == 16 && hex.bytes().all(is_lower_hex))
        });
        let projects = layout
            .project
            .parent()
            .is_some_and(|parent| parent == npm.join("projects"));
        layout.name == name && (generation && projects || layout.project == npm)
    });
    (canonical, here)
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

/// The package itself; and the rest of the project's `node_modules`. Links between the two stay inside the subject.
pub(super) fn trees(paths: &Paths, layout: &Layout, host: Option<&Path>) -> Trees {
    let host_link = |path: &str| LeaveOut::HostLink {
        path: path.to_owned(),
        host: host.map(Path::to_owned),
        copied: paths.relocated(),
    };
    let tree = TreeSpec {
        root: layout.modules.join(&layout.name),
        boundary: layout.modules.clone(),
        leave_out: vec![host_link("node_modules/openclaw")],
    };
    let dependencies = is_real_folder(paths, &layout.modules).then(|| TreeSpec {
        root: layout.modules.clone(),
        boundary: layout.modules.clone(),
        leave_out: vec![
            LeaveOut::Folder(layout.name.clone()),
            LeaveOut::Record(".package-lock.json".to_owned(), RecordKind::HiddenLockfile),
        ],
    });
    Trees {
        tree: Some(tree),
        dependencies,
        siblings: None,
    }
}

/// Compares what was asked for with what is recorded.
fn asked_otherwise(spec: &str, name: &str, version: Option<&str>, conflicts: &mut Conflicts) {
    // What was asked for is the older word: what there is instead is what was found.
    conflicts.compare("name", Some(asked_name(spec)), Some(name));
    // One exact version can disagree; a tag or a range moves.
    let asked = spec
        .rsplit_once('@')
        .map(|(_, version)| version)
        .filter(|_| spec::npm(spec) == Pin::Exact);
    conflicts.compare(
        "version",
        asked.map(spec::plain_version),
        version.map(spec::plain_version),
    );
}

/// Compares record, project, lockfiles and package with one another, and keeps the lockfile's entries.
pub(super) fn check(
    paths: &Paths,
    layout: &Layout,
    record: &Record,
    files: &PluginFiles,
    subject: &mut Subject,
) {
    let mut conflicts = Conflicts(Vec::new());
    let recorded_name = record.resolved_name.as_deref().unwrap_or(&layout.name);
    let version = record
        .resolved_version
        .as_deref()
        .or(record.version.as_deref());
    conflicts.compare("name", Some(recorded_name), Some(&layout.name));
    conflicts.compare(
        "name",
        Some(recorded_name),
        Some(files.package_name().unwrap_or("no name")),
    );

    // A packed archive was asked for by its path.
    if subject.source == Source::Npm {
        for spec in [&record.spec, &record.resolved_spec].into_iter().flatten() {
            asked_otherwise(spec, recorded_name, version, &mut conflicts);
        }
    }

    let (manifest, told) = ProjectManifest::read(paths, &layout.project);
    subject.observations.extend(told);
    let wanted = manifest.dependencies.get(&layout.name).map(String::as_str);
    // A packed archive and a range stand there by another notation; only a plain version can disagree.
    let plain = wanted.filter(|wanted| wanted.starts_with(|c: char| c.is_ascii_digit()));
    conflicts.compare("version", version.filter(|_| plain.is_some()), plain);
    if wanted.is_none() {
        conflicts.push(
            "name",
            recorded_name,
            "package.json of the project does not name it".to_owned(),
        );
    }

    let lockfile = layout.project.join("package-lock.json");
    let hidden = layout.modules.join(".package-lock.json");
    let (main, hidden) = (
        lock(paths, &lockfile, subject),
        lock(paths, &hidden, subject),
    );
    if main.is_none() && hidden.is_none() {
        let why = "no lockfile of npm tells what was installed; npm install --ignore-scripts --package-lock writes one".to_owned();
        subject.observations.push(Observation::Unreadable {
            place: paths.shown(&lockfile),
            why,
        });
    }
    for lock in [&main, &hidden].into_iter().flatten() {
        let key = format!("node_modules/{}", layout.name);
        let Some(entry) = lock.packages.iter().find(|package| package.path == key) else {
            let found = format!("{} does not hold it", lock.lockfile.shown);
            conflicts.push("name", recorded_name, found);
            continue;
        };
        let entry_version = entry.version.as_deref().or(Some("no version"));
        let integrity = entry.integrity.as_deref().or(Some("no integrity"));
        conflicts.compare("name", Some(recorded_name), Some(&entry.name));
        conflicts.compare("version", version, entry_version);
        conflicts.compare("integrity", record.integrity.as_deref(), integrity);
    }
    if let (Some(main), Some(hidden)) = (&main, &hidden) {
        locks_agree(main, hidden, &mut conflicts);
    }
    subject.observations.append(&mut conflicts.0);
    keep(main.or(hidden), subject);
}

/// What OpenClaw wrote into the `package.json` of a project.
#[derive(Default)]
pub(super) struct ProjectManifest {
    /// `dependencies`.
    pub(super) dependencies: BTreeMap<String, String>,
    /// `openclaw.managedPeerDependencies`: packages that OpenClaw installed because a plugin of the project has them as peers. They
    /// stand among the `dependencies` too. [S `npm-managed-root`]
    managed_peers: BTreeSet<String>,
}

impl ProjectManifest {
    /// The manifest of a project, and what was odd about the file.
    pub(super) fn read(paths: &Paths, project: &Path) -> (Self, Vec<Observation>) {
        let file = project.join("package.json");
        let place = paths.shown(&file);
        let unreadable = |why: String| {
            let place = place.clone();
            (
                Self::default(),
                vec![Observation::Unreadable { place, why }],
            )
        };
        let content = match paths.text(&file, super::plugin::MAX_MANIFEST) {
            Ok(content) => content,
            Err(ReadError::NotFound) => return Default::default(),
            Err(error) => return unreadable(error.to_string()),
        };
        let parsed = match json::last_wins(&content) {
            Ok(parsed) => parsed,
            Err(error) => return unreadable(error.to_string()),
        };
        let duplicates = parsed.duplicates.iter();
        let told = duplicates
            .map(|key| Observation::DuplicateKey {
                place: place.clone(),
                key: text::excerpt(key, 80),
            })
            .collect();
        let dependencies = parsed.value.get("dependencies").and_then(Value::as_object);
        let dependencies = dependencies
            .into_iter()
            .flatten()
            .filter_map(|(name, spec)| Some((name.clone(), string(Some(spec))?.to_owned())))
            .filter(|(name, _)| !matches!(name.as_str(), "__proto__" | "constructor" | "prototype"))
            .collect();
        let peers = parsed.value.pointer("/openclaw/managedPeerDependencies");
        let peers = peers.and_then(Value::as_array).into_iter().flatten();
        let managed_peers = peers.filter_map(Value::as_str).map(str::to_owned).collect();
        (
            Self {
                dependencies,
                managed_peers,
            },
            told,
        )
    }
}

/// Packages of npm projects without a record of their own. What a record of the same plugin hides is a stale generation; what nothing
/// hides, OpenClaw would load.
pub(super) fn unrecorded(
    scan: &Scan<'_>,
    recorded: &mut [Plugin],
    observations: &mut Vec<Observation>,
) -> Vec<Plugin> {
    let paths = scan.paths;
    let npm = paths.root("npm");
    let mut projects = vec![npm.clone()];
    match paths.list(&npm.join("projects")) {
        // A symlink is not a project for OpenClaw. [S `listManagedPluginNpmProjectRootsSync`]
        Ok(entries) => projects.extend(
            entries
                .into_iter()
                .filter(|e| !e.link && e.kind == Entry::Folder)
                .map(|e| e.path),
        ),
        Err(error) => {
            observations.push(Observation::Unreadable {
                place: paths.shown(&npm.join("projects")),
                why: error.to_string(),
            });
        }
    }
    let known = Known::of(recorded);
    let owned: BTreeSet<PathBuf> = recorded.iter().filter_map(own_project).collect();
    let mut found = Vec::new();
    let mut looked_at = 0;
    for project in projects {
        let (manifest, told) = ProjectManifest::read(paths, &project);
        observations.extend(told);
        let has_owner =
            std::fs::canonicalize(&project).is_ok_and(|project| owned.contains(&project));
        let is_peer = |name: &String| has_owner && manifest.managed_peers.contains(name);
        let (peers, candidates): (Vec<_>, Vec<_>) =
            manifest.dependencies.keys().partition(|name| is_peer(name));
        let plugins = peers
            .into_iter()
            .filter(|name| !is_only_a_peer(paths, &project, name));
        for name in candidates.into_iter().chain(plugins) {
            looked_at += 1;
            if looked_at > MAX_CANDIDATES {
                let why = format!("the projects name more than {MAX_CANDIDATES} packages");
                observations.push(Observation::Unreadable {
                    place: paths.shown(&npm.join("projects")),
                    why,
                });
                return found;
            }
            found.extend(candidate(
                scan,
                &project,
                name,
                &known,
                recorded,
                observations,
            ));
        }
    }
    found
}

/// The project in which a plugin lies directly, where a record speaks for it: its digests cover the project's packages.
fn own_project(plugin: &Plugin) -> Option<PathBuf> {
    let recorded = plugin.subject.record.is_some() && plugin.subject.trees.dependencies.is_some();
    let layout = plugin.folder().and_then(Layout::of).filter(|_| recorded)?;
    Some(layout.project)
}

/// Whether a managed peer is nothing but a package of its project, which the `dependencies` of the project's plugin cover. A folder
/// that says that it is a plugin is one: OpenClaw would load it. [S `resolveRecoveredManagedNpmPluginId`]
fn is_only_a_peer(paths: &Paths, project: &Path, name: &str) -> bool {
    let folder = super::paths::normalize(&project.join("node_modules").join(name));
    // A link leads to code that the project's digest does not cover.
    let Ok(real) = paths.real(&folder) else {
        return false;
    };
    let own = paths
        .real(project)
        .map(|project| project.join("node_modules").join(name));
    if own.ok().as_ref() != Some(&real) || paths.kind(&real) != Entry::Folder {
        return false;
    }
    !PluginFiles::read(paths, &real).says_it_is_a_plugin(paths)
}

fn candidate(
    scan: &Scan<'_>,
    project: &Path,
    name: &str,
    known: &Known,
    recorded: &mut [Plugin],
    observations: &mut Vec<Observation>,
) -> Option<Plugin> {
    let paths = scan.paths;
    let written = super::paths::normalize(&project.join("node_modules").join(name));
    let folder = match paths.real(&written) {
        Ok(folder) if paths.kind(&folder) == Entry::Folder => folder,
        Ok(_) => return None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            observations.push(Observation::Unreadable {
                place: paths.shown(&written),
                why: error.to_string(),
            });
            return None;
        }
    };
    if known.folder(&folder) {
        return None;
    }
    let files = PluginFiles::read(paths, &folder);
    // OpenClaw keys what it recovers by the manifest's id, else the package's whole name.
    let key = string(files.manifest.get("id"))
        .or(files.package_name())
        .unwrap_or(name)
        .to_owned();
    let marker = project
        .join(".openclaw-retained-npm-installs")
        .join(format!("{}.json", encode(name)));
    let retained = paths.kind(&marker) != Entry::Nothing;
    let owner = recorded
        .iter_mut()
        .find(|plugin| plugin.files.is_some() && plugin.key.as_deref() == Some(&key));
    let installed = owner
        .as_ref()
        .and_then(|owner| owner.subject.version.as_deref());
    let stale = Observation::StaleGeneration {
        path: paths.shown(&folder),
        same_version: files.version().is_some() && files.version() == installed,
    };
    match owner {
        Some(owner) => owner.subject.observations.push(stale),
        None if retained => observations.push(stale),
        None => return Some(recovered(scan, &folder, name, files)),
    }
    None
}

fn recovered(scan: &Scan<'_>, folder: &Path, name: &str, files: PluginFiles) -> Plugin {
    let paths = scan.paths;
    let id = SubjectId::new("unrecorded", &format!("npm/{name}"));
    let kind = if files.bundle.is_some() {
        Kind::Bundle
    } else {
        Kind::Plugin
    };
    let mut subject = Subject {
        version: files.version().map(str::to_owned),
        enabled: scan.activation.enabled(
            &files.plugin_id(),
            PluginOrigin::Global,
            &files.channels(),
        ),
        observations: vec![Observation::NoRecord {
            place: "npm/projects",
        }],
        ..ids::blank(
            id,
            kind,
            Source::Unrecorded,
            files.plugin_id(),
            paths.place(folder),
        )
    };
    subject
        .observations
        .extend(files.observations.iter().cloned());
    match Layout::of(folder) {
        Some(layout) => {
            subject.trees = trees(paths, &layout, scan.host);
            let lock = lock(
                paths,
                &layout.project.join("package-lock.json"),
                &mut subject,
            );
            keep(lock, &mut subject);
            subject.observations.extend(files.escapes(
                paths,
                &layout.modules,
                &["node_modules/openclaw"],
            ));
        }
        None => subject.trees = super::plugin::own_trees(paths, folder, scan.host, false),
    }
    Plugin {
        subject,
        files: Some(files),
        origin: PluginOrigin::Global,
        key: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_openclaw_does() {
        for (name, encoded) in [
            ("@openclaw/discord", "openclaw-discord-c0892df945"),
            ("@soimy/dingtalk", "soimy-dingtalk-07d9447d75"),
            ("@acme/acme-packed", "acme-acme-packed-66fb5c0933"),
        ] {
            assert_eq!(encode(name), encoded);
        }
        assert_eq!(encode("plain"), "plain");
    }

    #[test]
    fn specs_name_their_package() {
        assert_eq!(spec_name("@openclaw/zalo@2026.9.5"), "@openclaw/zalo");
        assert_eq!(spec_name("@openclaw/zalo"), "@openclaw/zalo");
        assert_eq!(spec_name("left-pad@^1"), "left-pad");
    }
}
