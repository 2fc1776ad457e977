//! The host package, OpenClaw itself, named by the operator, and the packages that npm hoisted beside it.

use std::path::Path;

use serde_json::Value;

use super::config::string;
use super::paths::{Kind as Entry, Paths};
use super::plugin::{PluginFiles, file_name, is_real_folder};
use super::{NotCovered, Observation, Subject, Trees, ids, npm_project};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::{LeaveOut, RecordKind, TreeSpec};

/// The subject of the host package at its real path.
pub(super) fn read(paths: &Paths, host: &Path, not_covered: &mut Vec<NotCovered>) -> Subject {
    let files = PluginFiles::read(paths, host);
    let modules = host.join("node_modules");
    let own_modules = is_real_folder(paths, &modules);
    let enclosing = host
        .parent()
        .filter(|parent| file_name(parent) == "node_modules");
    let project =
        enclosing.filter(|parent| paths.kind(&parent.join(".package-lock.json")) == Entry::File);
    let boundary = project.unwrap_or(host);
    let hidden = LeaveOut::Record(".package-lock.json".to_owned(), RecordKind::HiddenLockfile);

    let name = files.package_name().unwrap_or("openclaw").to_owned();
    let mut subject = Subject {
        version: string(files.package.get("version")).map(str::to_owned),
        trees: Trees {
            tree: Some(TreeSpec {
                root: host.to_owned(),
                boundary: boundary.to_owned(),
                leave_out: vec![LeaveOut::Folder("node_modules".to_owned())],
            }),
            dependencies: own_modules.then(|| TreeSpec {
                root: modules.clone(),
                boundary: boundary.to_owned(),
                leave_out: vec![hidden.clone()],
            }),
            siblings: project.map(|project| TreeSpec {
                root: project.to_owned(),
                boundary: project.to_owned(),
                leave_out: vec![LeaveOut::Folder(file_name(host)), hidden],
            }),
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
    if let Some(found) = unknown_layout(paths, host, &files.package, project.is_some()) {
        subject.observations.push(Observation::UnknownLayout {
            place: paths.shown(host),
            found,
        });
    } else if let (Some(enclosing), None) = (enclosing, project) {
        not_covered.push(NotCovered {
            what: format!("other global packages in {}", paths.shown(enclosing)),
            why: "they lie beside the host package, which brings its own dependencies".to_owned(),
        });
    }
    match project.and_then(Path::parent) {
        Some(root) => npm_project::host_lockfile(paths, root, &mut subject),
        None => npm_project::own_lockfile(paths, host, &mut subject),
    }
    subject
}

/// A layout whose dependencies lie where no digest of the subject covers them.
fn unknown_layout(
    paths: &Paths,
    host: &Path,
    package: &Value,
    npm_project: bool,
) -> Option<String> {
    if npm_project {
        return None;
    }
    if host.components().any(|part| {
        matches!(
            part.as_os_str().to_str(),
            Some(".pnpm" | ".store" | ".bun" | ".yarn")
        )
    }) {
        return Some("a package manager's store in place of an npm install".to_owned());
    }
    let dependencies = package
        .get("dependencies")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let missing = dependencies
        .map(|(name, _)| name)
        .find(|name| paths.kind(&host.join("node_modules").join(name)) == Entry::Nothing)?;
    Some(format!(
        "the dependency {} lies outside the package",
        crate::text::excerpt(missing, 100)
    ))
}
