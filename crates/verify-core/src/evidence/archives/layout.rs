//! Which packages of a subject came by an archive of their own, as the disk and npm's lockfile say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::overrides::Overrides;
use crate::digest::Sri;
use crate::evidence::npm::{is_exotic, project};
use crate::inventory::Subject;
use crate::npm::{self, Edge, NpmLimits, NpmTree, PackageInstance, PackageJson};
use crate::subject::{Kind, Source};
use crate::text;
use crate::tree::BlobId;

/// The packages of one subject.
pub(super) struct PackageLayout {
    /// The folder that holds `node_modules`; paths are relative to it.
    pub(super) project: PathBuf,
    /// Packages with an archive of their own, the subject's among them. What they bundle is part of their archive.
    pub(super) pieces: Vec<Piece>,
    /// Packages that came inside the archive of one of the pieces, as what they are published as by themselves.
    pub(super) bundled: Vec<Piece>,
    /// The links that npm makes for commands, `node_modules/.bin/x`, with what each may say.
    pub(super) commands: BTreeMap<String, BTreeSet<BlobId>>,
    /// Names and versions of all packages, bundled ones too, by path.
    pub(super) labels: BTreeMap<String, String>,
}

/// One package that came by an archive of its own.
pub(super) struct Piece {
    /// Path below the project; empty for the project itself.
    pub(super) path: String,
    /// The name in the registry.
    pub(super) name: String,
    /// The version.
    pub(super) version: String,
    /// The integrity that is recorded.
    pub(super) integrity: Option<Sri>,
    /// Where its archive is to be had.
    pub(super) origin: PieceOrigin,
    /// It is the subject itself.
    pub(super) own: bool,
    /// Why equal files do not yet show that it belongs there; safe to show.
    pub(super) doubt: Option<String>,
}

/// Where an archive is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PieceOrigin {
    /// A registry, or the cache of it.
    Registry,
    /// OpenClaw's folder of packed archives.
    Pack(PathBuf),
    /// It is not known, and why.
    Unknown(String),
    /// It cannot be what it says.
    Wrong(String),
}

/// Whether a subject has packages that npm could have installed.
pub(super) fn has_packages(subject: &Subject) -> bool {
    let code = matches!(
        subject.kind,
        Kind::Core | Kind::Plugin | Kind::Bundle | Kind::HookPack
    ) && subject.trees.tree.is_some();
    code && (has_own_archive(subject) || has_dependencies(subject))
}

/// Whether it has dependencies beside its own code.
pub(super) fn has_dependencies(subject: &Subject) -> bool {
    subject.trees.dependencies.is_some() || subject.trees.siblings.is_some()
}

fn has_own_archive(subject: &Subject) -> bool {
    matches!(subject.source, Source::Npm | Source::NpmPack)
}

/// Whether a subject lies where npm puts packages, though no record says that it was installed: an install that was cut off. Its own
/// package.json says which archive it is then.
fn is_placed(subject: &Subject, own: &str) -> bool {
    subject.source == Source::Unrecorded && own.contains("node_modules/")
}

impl PackageLayout {
    /// Reads the packages of `subject`.
    pub(super) fn read(subject: &Subject, host: Option<&Path>) -> Self {
        let project = project(subject);
        let tree = npm::read(&project, &project, &NpmLimits::default());
        let mut layout = Self {
            project,
            pieces: Vec::new(),
            bundled: Vec::new(),
            commands: BTreeMap::new(),
            labels: BTreeMap::new(),
        };
        let own = subject
            .trees
            .tree
            .as_ref()
            .and_then(|spec| layout.below(&spec.root))
            .filter(|own| has_own_archive(subject) || is_placed(subject, own));
        if own.as_deref() == Some("") {
            layout.pieces.push(own_piece(
                subject,
                "",
                tree.root.as_ref(),
                None,
                &layout.project,
            ));
        }
        // The project around the host package is the operator's own.
        let of_operator = subject.kind == Kind::Core || own.as_deref().is_none_or(str::is_empty);
        let asked = Asked::of(&tree, of_operator, Overrides::read(host, &layout.project));
        for instance in &tree.instances {
            layout.labels.insert(instance.path.clone(), label(instance));
            layout.command_links(instance);
            if own.as_deref() == Some(instance.path.as_str()) {
                let piece = own_piece(
                    subject,
                    &instance.path,
                    Some(&instance.manifest),
                    Some(instance),
                    &layout.project,
                );
                layout.pieces.push(piece);
            } else if is_bundled(instance) && encloses(&tree, own.as_deref(), &instance.path) {
                layout.bundled.push(piece(instance, &asked));
            } else if asked.by_any(instance) {
                layout.pieces.push(piece(instance, &asked));
            }
        }
        layout
    }

    /// `path` below the project, `/` between names; none when it lies elsewhere or is not UTF-8.
    pub(super) fn below(&self, path: &Path) -> Option<String> {
        Some(path.strip_prefix(&self.project).ok()?.to_str()?.to_owned())
    }

    /// What npm writes for the commands of a package: a link beside it that leads to the file.
    fn command_links(&mut self, instance: &PackageInstance) {
        let Some(modules) = instance.path.strip_suffix(&instance.folder_name) else {
            return;
        };
        for (command, file) in &instance.manifest.bin {
            // Of a name with a scope only the rest is the command.
            let command = command.rsplit('/').next().unwrap_or_default();
            let target = format!("../{}/{}", instance.folder_name, plain(file));
            let link = format!("{modules}.bin/{command}");
            self.commands
                .entry(link)
                .or_default()
                .insert(BlobId::of(target.as_bytes()));
        }
    }
}

/// Whether a package came inside another one's archive, as the package.json around it or npm's lockfile says. Whichever of them lies,
/// the archive of the one or the other does not hold what is there.
fn is_bundled(instance: &PackageInstance) -> bool {
    instance.bundled
        || instance
            .locked
            .as_ref()
            .is_some_and(|locked| locked.in_bundle)
}

/// Whether the package at `path` lies in another one, in whose archive it can have come. What a project bundles that is no archive
/// itself, npm fetches like everything else.
fn encloses(tree: &NpmTree, own: Option<&str>, path: &str) -> bool {
    let inside = |outer: &str| {
        path.strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    own == Some("") || tree.instances.iter().any(|instance| inside(&instance.path))
}

/// A path of `bin` as npm normalises it: no `.`, and nothing above the package.
pub(super) fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn label(instance: &PackageInstance) -> String {
    format!(
        "{}@{}",
        text::excerpt(&instance.folder_name, 100),
        text::excerpt(instance.version().unwrap_or("?"), 60)
    )
}

fn own_piece(
    subject: &Subject,
    path: &str,
    manifest: Option<&PackageJson>,
    instance: Option<&PackageInstance>,
    project: &Path,
) -> Piece {
    let record = subject.record.as_ref();
    let recorded = record.and_then(|record| {
        record
            .resolved_version
            .clone()
            .or_else(|| record.version.clone())
    });
    let version = recorded
        .or_else(|| manifest.and_then(|manifest| manifest.version.clone()))
        .unwrap_or_default();
    let integrity = record
        .and_then(|record| record.integrity.as_deref())
        .and_then(|text| text.parse().ok());
    let locked = instance.and_then(|instance| instance.locked.as_ref()?.integrity);
    Piece {
        path: path.to_owned(),
        name: match (subject.kind, subject.source) {
            (Kind::Core, _) => "openclaw".to_owned(),
            (_, Source::Unrecorded) => manifest
                .and_then(|manifest| manifest.name.clone())
                .unwrap_or_default(),
            _ => subject.id.name().to_owned(),
        },
        version,
        integrity: integrity.or(locked),
        origin: if subject.source == Source::NpmPack {
            PieceOrigin::Pack(project.join("_openclaw-pack-archives"))
        } else {
            PieceOrigin::Registry
        },
        own: true,
        doubt: None,
    }
}

/// Who asks for which package.
struct Asked<'t> {
    /// Published packages, or packages that are subjects themselves.
    manifests: Vec<&'t PackageJson>,
    /// npm's project in the state directory. It is not published, and anyone who can write to the state directory can ask for anything there.
    project: Option<&'t PackageJson>,
    /// Whom the project asks for, by path.
    by_project: BTreeSet<&'t str>,
    /// Whom a package asks for, by path.
    by_package: BTreeSet<&'t str>,
    overrides: Overrides,
}

impl<'t> Asked<'t> {
    /// `of_operator`: the project is the subject itself, or around the host package, and not OpenClaw's in the state directory.
    fn of(tree: &'t NpmTree, of_operator: bool, overrides: Overrides) -> Self {
        let root = tree.root.iter().filter(|_| of_operator);
        let (by_package, by_project): (Vec<&Edge>, Vec<&Edge>) = tree
            .edges
            .iter()
            .partition(|edge| of_operator || edge.from.is_some());
        let paths = |edges: Vec<&Edge>| {
            edges
                .iter()
                .filter_map(|edge| Some(tree.instances.get(edge.to)?.path.as_str()))
                .collect()
        };
        Self {
            manifests: root
                .chain(tree.instances.iter().map(|instance| &instance.manifest))
                .collect(),
            project: tree.root.as_ref().filter(|_| !of_operator),
            by_project: paths(by_project),
            by_package: paths(by_package),
            overrides,
        }
    }

    /// Whether any package asks for this one; npm installs no other. What no package asks for, or is no package at all, has no archive of its
    /// own: its files must be those of the package around it.
    fn by_any(&self, instance: &PackageInstance) -> bool {
        let path = instance.path.as_str();
        let of_development =
            self.project.is_none() && instance.locked.as_ref().is_some_and(|locked| locked.dev);
        // The stores of other package managers.
        let store = path.split('/').any(|part| part.starts_with('.'));
        let package = instance.manifest.name.is_some() && instance.version().is_some();
        package
            && (self.by_package.contains(path)
                || self.by_project.contains(path)
                || of_development
                || store)
    }

    /// Whether a package, or the host package for all of them, asks for `folder` by such a spec.
    fn by_package(&self, folder: &str, by: impl Fn(&str) -> bool) -> bool {
        self.manifests
            .iter()
            .any(|manifest| depends(manifest, folder, &by))
            || self.overrides.of_host(folder, by)
    }

    /// Whether the project does.
    fn by_project(&self, folder: &str, by: impl Fn(&str) -> bool) -> bool {
        self.project
            .is_some_and(|project| depends(project, folder, &by))
            || self.overrides.of_project(folder, by)
    }
}

fn depends(manifest: &PackageJson, folder: &str, by: &impl Fn(&str) -> bool) -> bool {
    manifest
        .dependencies
        .iter()
        .any(|dependency| dependency.name == folder && by(&dependency.spec))
}

fn piece(instance: &PackageInstance, asked: &Asked<'_>) -> Piece {
    let locked = instance.locked.as_ref();
    let name = locked
        .and_then(|locked| locked.name.clone())
        .or_else(|| instance.manifest.name.clone());
    let name = name.unwrap_or_else(|| instance.folder_name.clone());
    let version = instance.version().unwrap_or_default().to_owned();
    let resolved = locked
        .and_then(|locked| locked.resolved.as_deref())
        .unwrap_or_default();
    let folder = instance.folder_name.as_str();
    let alias = |spec: &str| is_alias(spec, &name);
    let mut doubt = None;
    let exotic = resolved.starts_with("git") || resolved.starts_with("file:");
    // npm's lockfile lies in the state directory: by itself it makes no package one that cannot be compared.
    let origin = if !instance.path.contains("node_modules/") {
        PieceOrigin::Unknown("it is a link to a folder, not an installed package".to_owned())
    } else if exotic && (asked.by_package(folder, is_exotic) || asked.by_project(folder, is_exotic))
    {
        PieceOrigin::Unknown(format!(
            "it was installed from {}",
            text::excerpt(resolved, 120)
        ))
    } else if exotic {
        PieceOrigin::Wrong(format!(
            "npm's lockfile says that it was installed from {}, and no dependency asks for that",
            text::excerpt(resolved, 120)
        ))
    } else if name != folder && !asked.by_package(folder, alias) {
        let what = format!(
            "{} stands where {} is looked for",
            text::excerpt(&name, 100),
            text::excerpt(folder, 100)
        );
        if asked.by_project(folder, alias) {
            doubt = Some(format!(
                "{what}; only npm's project in the state directory asks for that, not the host package"
            ));
            PieceOrigin::Registry
        } else {
            PieceOrigin::Wrong(format!("{what}, and no dependency asks for that"))
        }
    } else {
        if asked.by_project.contains(instance.path.as_str())
            && !asked.by_package.contains(instance.path.as_str())
        {
            doubt = Some(
                "only npm's project in the state directory asks for it, and no package".to_owned(),
            );
        }
        PieceOrigin::Registry
    };
    Piece {
        path: instance.path.clone(),
        name,
        version,
        integrity: locked.and_then(|locked| locked.integrity),
        origin,
        own: false,
        doubt,
    }
}

/// `npm:package@1.2.3`.
fn is_alias(spec: &str, package: &str) -> bool {
    let asked = spec
        .trim()
        .strip_prefix("npm:")
        .and_then(|spec| spec.strip_prefix(package));
    asked.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn paths_of_commands_are_read_as_npm_does() {
        for (written, read) in [
            ("./cli.js", "cli.js"),
            ("bin/./x", "bin/x"),
            ("../../x", "x"),
            ("/bin/x", "bin/x"),
            ("bin//x", "bin/x"),
        ] {
            assert_eq!(plain(written), read);
        }
    }
}
