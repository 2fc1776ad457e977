//! The npm projects behind the subjects: which folder holds whose packages, each read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::inventory::{Inventory, Subject};
use crate::npm::{self, NpmLimits, NpmTree, PackageInstance, PackageJson};
use crate::subject::{Kind, SubjectId};

/// A folder with a `node_modules`, a `package.json` or both, and the subject that it belongs to.
pub(super) struct Project {
    /// How its paths begin in the SBOM: relative to the state directory, `host` for the host package's project, else the subject's id.
    pub prefix: String,
    /// The first subject, by id, that lies in it.
    pub owner: SubjectId,
    /// What is installed.
    pub tree: NpmTree,
}

/// All projects by folder, and where each subject lies in its own.
#[derive(Default)]
pub(super) struct Projects {
    pub all: BTreeMap<PathBuf, Project>,
    places: BTreeMap<SubjectId, (PathBuf, Option<usize>)>,
}

/// Whether a subject of this kind is a package, or holds some.
fn has_packages(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::McpServer | Kind::Config | Kind::Automation | Kind::Agent | Kind::Service
    )
}

impl Projects {
    /// Reads the projects of all wanted subjects.
    pub(super) fn read(
        inventory: &Inventory,
        wanted: impl Fn(&SubjectId) -> bool,
        limits: &NpmLimits,
    ) -> Self {
        let mut projects = Self::default();
        for subject in inventory
            .subjects
            .iter()
            .filter(|subject| wanted(&subject.id) && has_packages(subject.kind))
        {
            let (folder, below) = project_of(subject);
            let project = projects
                .all
                .entry(folder.clone())
                .or_insert_with(|| Project {
                    prefix: prefix(subject, &below),
                    owner: subject.id.clone(),
                    tree: npm::read(&folder, &folder, limits),
                });
            let at = project
                .tree
                .instances
                .binary_search_by(|one| one.path.as_str().cmp(&below))
                .ok();
            projects.places.insert(subject.id.clone(), (folder, at));
        }
        projects
    }

    /// The subject's project.
    pub(super) fn of(&self, id: &SubjectId) -> Option<(&Path, &Project)> {
        let (folder, _) = self.places.get(id)?;
        Some((folder, self.all.get(folder)?))
    }

    /// The subject as an installed package, with its index.
    pub(super) fn instance(&self, id: &SubjectId) -> Option<(usize, &PackageInstance)> {
        let (folder, at) = self.places.get(id)?;
        let at = (*at)?;
        Some((at, self.all.get(folder)?.tree.instances.get(at)?))
    }

    /// What the subject's `package.json` says.
    pub(super) fn manifest(&self, id: &SubjectId) -> Option<&PackageJson> {
        match self.instance(id) {
            Some((_, instance)) => Some(&instance.manifest),
            None => self.of(id)?.1.tree.root.as_ref(),
        }
    }
}

/// The project's folder, and the subject's path below it; empty when the subject is the project.
fn project_of(subject: &Subject) -> (PathBuf, String) {
    let place = &subject.place.absolute;
    for spec in [&subject.trees.siblings, &subject.trees.dependencies]
        .into_iter()
        .flatten()
    {
        if spec
            .root
            .file_name()
            .is_some_and(|name| name == "node_modules")
            && let Some(project) = spec.root.parent()
            && let Ok(below) = place.strip_prefix(project)
            && let Some(below) = below.to_str()
        {
            return (project.to_owned(), below.to_owned());
        }
    }
    (place.clone(), String::new())
}

fn prefix(subject: &Subject, below: &str) -> String {
    if subject.kind == Kind::Core {
        return "host".to_owned();
    }
    let shown = &subject.place.shown;
    if shown.starts_with('/') || shown.is_empty() {
        return subject.id.as_str().to_owned();
    }
    shown
        .strip_suffix(below)
        .unwrap_or(shown)
        .trim_end_matches('/')
        .to_owned()
}
