//! What OpenClaw starts in place of the host package: `<state>/node-runtime`, whose link `current` names a release. Only
//! that one counts.

use super::paths::{Kind as Entry, Paths};
use super::plugin::PluginFiles;
use super::{Observation, Subject, Trees, ids};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::{LeaveOut, RecordKind, TreeSpec};

/// The runtime that the link names, when there is one.
pub(super) fn read(paths: &Paths, observations: &mut Vec<Observation>) -> Option<Subject> {
    let folder = paths.state.join("node-runtime");
    // Without the link OpenClaw takes the one before it.
    let links = ["current", "current.previous"].map(|name| folder.join(name));
    let link = links
        .into_iter()
        .find(|link| std::fs::symlink_metadata(link).is_ok())?;
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
    let mut subject = ids::blank(
        SubjectId::new("runtime", "node"),
        Kind::Runtime,
        Source::Path,
        "node".to_owned(),
        paths.place(&root),
    );
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
    if !root.starts_with(&paths.state) {
        subject.observations.push(Observation::OutsideState {
            recorded: paths.shown(&root),
            canonical: paths.shown(&folder),
        });
    }
    Some(subject)
}
