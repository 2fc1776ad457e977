//! The host package, OpenClaw itself, named by the operator, and the packages that npm hoisted beside it.

use std::path::Path;

use super::config::string;
use super::host_layout::HostLayout;
use super::paths::Paths;
use super::plugin::{PluginFiles, file_name, is_real_folder};
use super::{NotCovered, NotCoveredGroup, Observation, Subject, Trees, ids, npm_lockfile};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::{LeaveOut, RecordKind, TreeSpec};

/// The subject of the host package at its real path.
pub(super) fn read(paths: &Paths, host: &Path, not_covered: &mut Vec<NotCovered>) -> Subject {
    let files = PluginFiles::read(paths, host);
    let modules = host.join("node_modules");
    let own_modules = is_real_folder(paths, &modules);
    let layout = HostLayout::of(paths, host, &files.package);
    let boundary = &layout.boundary;
    let hidden = LeaveOut::Record(".package-lock.json".to_owned(), RecordKind::HiddenLockfile);

    let name = files.package_name().unwrap_or("openclaw").to_owned();
    let mut subject = Subject {
        version: string(files.package.get("version")).map(str::to_owned),
        trees: Trees {
            tree: Some(TreeSpec {
                root: host.to_owned(),
                boundary: boundary.to_owned(),
                leave_out: vec![
                    LeaveOut::Folder("node_modules".to_owned()),
                    LeaveOut::Record(
                        ".openclaw-lifecycle-pending".to_owned(),
                        RecordKind::LifecyclePending,
                    ),
                ],
            }),
            dependencies: own_modules.then(|| TreeSpec {
                root: modules.clone(),
                boundary: boundary.to_owned(),
                leave_out: vec![hidden],
            }),
            siblings: layout.siblings,
        },
        observations: files.observations.clone(),
        ..ids::blank(
            SubjectId::core(),
            Kind::Core,
            Source::Npm,
            name,
            paths.place(host),
        )
    };
    if files.package_name() != Some("openclaw") {
        let found = files.package_name().map_or_else(
            || "no name".to_owned(),
            |name| crate::text::excerpt(name, 100),
        );
        let recorded = "openclaw".to_owned();
        subject.observations.push(Observation::RecordConflict {
            what: "name",
            recorded,
            found,
            advisory: false,
        });
    }
    let alone = subject.trees.siblings.is_none();
    if let Some(found) = layout.unknown {
        subject.observations.push(Observation::UnknownLayout {
            place: paths.shown(host),
            found,
        });
    } else if let (Some(enclosing), true) = (host.parent(), alone)
        && file_name(enclosing) == "node_modules"
    {
        not_covered.push(NotCovered::new(
            NotCoveredGroup::Elsewhere,
            format!("other global packages in {}", paths.shown(enclosing)),
            "they lie beside the host package, which brings its own dependencies",
        ));
    }
    match layout.npm_project {
        Some(root) => npm_lockfile::host_lockfile(paths, &root, &mut subject),
        None => npm_lockfile::own_lockfile(paths, host, &mut subject),
    }
    subject
}
