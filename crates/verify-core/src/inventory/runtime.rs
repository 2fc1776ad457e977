//! What OpenClaw starts in place of the host package, or of the Node that runs it, and the programs that it fetched for itself and for
//! skills.
//!
//! `<state>/node-runtime` holds releases, and its link `current` names the one that counts. `tools/cli-node` of the default state
//! directory holds a Node that OpenClaw installed for itself: where the Node at hand does not do, OpenClaw starts itself again with
//! that one, and looks for it before any other. [S 2026.9.6 `node-runtime-recovery`, `findUsableNodeRuntime`] Whatever else is in `tools`
//! was downloaded for a skill, installed by npm for one, or is the program that starts workers in a cloud. [S `resolveSkillToolsRootDir`,
//! `buildNodeInstallEnv`, `resolveManagedCrabboxBinaryPath`]

use std::path::{Path, PathBuf};

use super::paths::{Kind as Entry, Paths};
use super::plugin::PluginFiles;
use super::{Observation, Subject, Trees, ids, node};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::{LeaveOut, RecordKind, TreeSpec};

/// The entry of `tools` that holds it.
const OWN_NODE: &str = "cli-node";

/// The runtimes that there are.
pub(super) fn read(paths: &Paths, observations: &mut Vec<Observation>) -> Vec<Subject> {
    let mut found = Vec::from_iter(release(paths, observations));
    found.extend(private_node(paths));
    found.extend(tools(paths));
    found
}

/// The runtime that the link names, when there is one.
fn release(paths: &Paths, observations: &mut Vec<Observation>) -> Option<Subject> {
    let folder = paths.state.join("node-runtime");
    // Without the link OpenClaw takes the one before it.
    let links = ["current", "current.previous"].map(|name| folder.join(name));
    let link = links.into_iter().find(|link| paths.is_there(link))?;
    let root = match paths.real(&link) {
        Ok(root) => root,
        Err(error) => {
            observations.push(Observation::Unreadable {
                place: paths.shown(&link),
                why: format!("the runtime that it names cannot be determined: {error}"),
            });
            return None;
        }
    };
    let mut subject = subject(paths, "node", &root);
    let modules = root.join("node_modules");
    let has_modules = paths.kind(&modules) == Entry::Folder;
    subject.trees = Trees {
        tree: Some(TreeSpec {
            root: root.clone(),
            boundary: root.clone(),
            leave_out: vec![LeaveOut::Folder("node_modules".to_owned())],
        }),
        dependencies: has_modules.then(|| TreeSpec {
            root: modules.clone(),
            boundary: root.clone(),
            leave_out: vec![LeaveOut::Record(
                ".package-lock.json".to_owned(),
                RecordKind::HiddenLockfile,
            )],
        }),
        siblings: None,
    };
    for package in [
        root.clone(),
        modules.join("openclaw"),
        root.join("lib/node_modules/openclaw"),
        root.join("openclaw"),
    ] {
        let files = PluginFiles::read(paths, &package);
        if files.package_name() == Some("openclaw") {
            subject.version = files.version().map(str::to_owned);
            break;
        }
    }
    let program = root.join("bin/node");
    subject.node = node::of_program(&program, &program);
    subject.observations.extend(outside(paths, &root, &folder));
    Some(subject)
}

/// A runtime of which nothing but name and place is known yet.
pub(super) fn subject(paths: &Paths, name: &str, place: &Path) -> Subject {
    ids::blank(
        SubjectId::new("runtime", name),
        Kind::Runtime,
        Source::Path,
        name.to_owned(),
        paths.place(place),
    )
}

/// What counts in the place of `folder`, where that is not in the state directory.
fn outside(paths: &Paths, root: &Path, folder: &Path) -> Option<Observation> {
    (!root.starts_with(&paths.state)).then(|| Observation::OutsideState {
        recorded: paths.shown(root),
        canonical: paths.shown(folder),
    })
}

/// The Node that OpenClaw keeps for itself. It is looked for by the home folder, whatever the state directory is.
fn private_node(paths: &Paths) -> Option<Subject> {
    let by_home = paths
        .home
        .as_ref()
        .filter(|_| paths.not_here().is_none())
        .map(|home| home.join(".openclaw"));
    let node = |folder: PathBuf| folder.join("tools/cli-node/tools/node");
    let root = [Some(paths.state.clone()), by_home]
        .into_iter()
        .flatten()
        .map(node)
        .find(|root| paths.is_there(root))?;
    let mut subject = subject(paths, "cli-node", &root);
    subject.trees.tree = Some(TreeSpec {
        root: root.clone(),
        boundary: root,
        leave_out: Vec::new(),
    });
    Some(subject)
}

/// The programs of `tools` but for the Node of its own, as one: what fetched them keeps no record of versions.
fn tools(paths: &Paths) -> Option<Subject> {
    let folder = paths.state.join("tools");
    let entries = paths.list(&folder).unwrap_or_default();
    entries.iter().find(|entry| entry.name != OWN_NODE)?;
    let root = paths.real(&folder).ok()?;
    let mut subject = subject(paths, "tools", &folder);
    subject.trees.tree = Some(TreeSpec {
        root: root.clone(),
        boundary: root.clone(),
        leave_out: vec![LeaveOut::Entry(OWN_NODE.to_owned())],
    });
    subject.observations.extend(outside(paths, &root, &folder));
    Some(subject)
}
