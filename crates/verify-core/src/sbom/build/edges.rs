//! What depends on what, and how much of that is known.

use std::path::Path;

use super::super::projects::Project;
use super::super::service;
use super::Builder;
use crate::inventory::{Inventory, Subject};
use crate::npm::NoteKind;
use crate::subject::Kind;

impl Builder<'_> {
    pub(super) fn edges(&mut self, inventory: &Inventory, subjects: &[&Subject]) {
        let host = inventory
            .subjects
            .iter()
            .find(|subject| subject.kind == Kind::Core);
        let host = host
            .filter(|host| self.subjects.contains_key(&host.id))
            .map(|host| host.place.absolute.as_path());
        for reference in self.subjects.values() {
            self.dependencies.entry(reference.clone()).or_default();
        }
        for subject in subjects {
            let Some(reference) = self
                .subjects
                .get(&subject.id)
                .filter(|reference| **reference != self.root)
            else {
                continue;
            };
            self.dependencies
                .entry(self.root.clone())
                .or_default()
                .insert(reference.clone());
            if service::is_service(subject.kind)
                || self
                    .projects
                    .of(&subject.id)
                    .is_none_or(|(_, project)| project.tree.root.is_none())
            {
                self.aggregates
                    .entry("unknown")
                    .or_default()
                    .insert(reference.clone());
            }
        }
        let projects = self.projects;
        for (folder, project) in &projects.all {
            self.edges_of(folder, project, host);
        }
        self.dependencies.entry(self.root.clone()).or_default();
    }

    /// What the packages of one project need. `host`: the folder of OpenClaw's package, where it is in the SBOM.
    fn edges_of(&mut self, folder: &Path, project: &Project, host: Option<&Path>) {
        let (Some(references), Some(owner)) =
            (self.packages.get(folder), self.subjects.get(&project.owner))
        else {
            return;
        };
        // What the project itself asks for is what was installed into OpenClaw, unless the project is the subject.
        let installed = self.projects.instance(&project.owner).is_some();
        let root = if installed {
            self.root.clone()
        } else {
            owner.clone()
        };
        let reference = |at: Option<usize>| at.map_or(Some(&root), |at| references.get(at));
        for edge in &project.tree.edges {
            let (Some(from), Some(to)) = (reference(edge.from), references.get(edge.to)) else {
                continue;
            };
            if from != to {
                self.dependencies
                    .entry(from.clone())
                    .or_default()
                    .insert(to.clone());
            }
        }
        for one in &project.tree.unresolved {
            // OpenClaw links its own package into plugins; that edge leads to the host.
            let link = one
                .link
                .as_ref()
                .and_then(|link| std::fs::canonicalize(folder.join(link)).ok());
            if let (Some(from), Some(link)) = (reference(one.from), link)
                && host.is_some_and(|host| link == host)
                && *from != self.root
            {
                self.dependencies
                    .entry(from.clone())
                    .or_default()
                    .insert(self.root.clone());
            }
        }
        // Node also loads a file that lies directly in `node_modules`, which no component can describe.
        let loose = project
            .tree
            .notes
            .iter()
            .any(|note| note.kind == NoteKind::LooseFile);
        // What lies behind a link out of the project is no component here, but for the host, which is one.
        let leads_out = project.tree.unresolved.iter().any(|one| {
            let link = one.link.as_ref().map(|link| folder.join(link));
            let real = link.map(std::fs::canonicalize);
            real.is_some_and(|real| real.ok().as_deref() != host)
        });
        let aggregate = if project.tree.complete && !loose && !leads_out {
            "complete"
        } else {
            "incomplete"
        };
        for reference in references {
            self.dependencies.entry(reference.clone()).or_default();
            self.aggregates
                .entry(aggregate)
                .or_default()
                .insert(reference.clone());
        }
        if project.tree.root.is_some() && references.iter().all(|reference| reference != owner) {
            self.aggregates
                .entry(aggregate)
                .or_default()
                .insert(owner.clone());
        }
    }
}
