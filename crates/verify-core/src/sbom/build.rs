//! From the inventory, the packages on disk and the verdicts to the typed core of the SBOM.

mod draft;
mod edges;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cyclonedx_bom::models::bom::BomReference;
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::composition::{AggregateType, Composition, Compositions};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::lifecycle::{Lifecycle, Lifecycles, Phase};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::models::service::{Service, Services};
use cyclonedx_bom::models::tool::Tools;
use cyclonedx_bom::prelude::{Bom, SpecVersion};
use serde_json::Value;

use super::component::{self, ComponentDraft, Extra};
use super::projects::{Project, Projects};
use super::service::{self, External};
use super::values::{self, Refs};
use super::verdicts::{KnownAdvisory, Verdicts};
use super::{purls, vulnerabilities};
use crate::inventory::{Inventory, Subject};
use crate::npm::{DependencyKind, NoteKind, NpmTree};
use crate::subject::{Kind, SubjectId};

/// The typed core, and what it cannot hold.
pub(super) struct Built {
    pub bom: Bom,
    /// By `bom-ref`.
    pub extras: BTreeMap<String, Extra>,
    /// The `bom-ref` of each subject.
    pub subjects: BTreeMap<SubjectId, String>,
    /// Packages that MCP servers fetch when they start, with their `bom-ref` and those of the servers.
    pub externals: Vec<(External, String, BTreeSet<String>)>,
    /// What advisories say, as JSON: it is the same in every version.
    pub vulnerabilities: Vec<Value>,
}

/// Builds the core for the wanted subjects.
pub(super) fn build(
    inventory: &Inventory,
    projects: &Projects,
    verdicts: &Verdicts,
    wanted: impl Fn(&SubjectId) -> bool,
) -> Built {
    let subjects: Vec<&Subject> = inventory
        .subjects
        .iter()
        .filter(|subject| wanted(&subject.id))
        // Settings and instructions are no components, and start nothing that is not listed by itself.
        .filter(|subject| !matches!(subject.kind, Kind::Config | Kind::Agent))
        .collect();
    let mut builder = Builder::new(projects, verdicts);
    builder.claim(&subjects);
    let root = builder.root(inventory);
    for subject in &subjects {
        match subject.kind {
            Kind::Core => {}
            kind if service::is_service(kind) => builder.server(subject),
            _ => builder.subject(subject),
        }
    }
    for (folder, project) in &projects.all {
        builder.packages(folder, project);
    }
    builder.edges(inventory, &subjects);
    builder.finish(root)
}

struct Builder<'a> {
    projects: &'a Projects,
    verdicts: &'a Verdicts,
    refs: Refs,
    root: String,
    subjects: BTreeMap<SubjectId, String>,
    /// References of installed packages, by project and index.
    packages: BTreeMap<&'a Path, Vec<String>>,
    components: Vec<Component>,
    services: Vec<Service>,
    externals: BTreeMap<External, BTreeSet<String>>,
    extras: BTreeMap<String, Extra>,
    dependencies: BTreeMap<String, BTreeSet<String>>,
    aggregates: BTreeMap<&'static str, BTreeSet<String>>,
}

impl<'a> Builder<'a> {
    fn new(projects: &'a Projects, verdicts: &'a Verdicts) -> Self {
        let mut refs = Refs::default();
        let root = refs.claim("openclaw");
        Self {
            projects,
            verdicts,
            refs,
            root,
            subjects: BTreeMap::new(),
            packages: BTreeMap::new(),
            components: Vec::new(),
            services: Vec::new(),
            externals: BTreeMap::new(),
            extras: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            aggregates: BTreeMap::new(),
        }
    }

    /// Gives every subject and every package its reference, in an order that only the content decides.
    fn claim(&mut self, subjects: &[&Subject]) {
        for subject in subjects {
            let reference = if subject.kind == Kind::Core {
                self.root.clone()
            } else {
                self.refs.claim(&location(subject, self.projects))
            };
            self.subjects.insert(subject.id.clone(), reference);
        }
        let own: BTreeMap<(&Path, usize), &String> = subjects
            .iter()
            .filter_map(|subject| {
                let (folder, _) = self.projects.of(&subject.id)?;
                let (at, _) = self.projects.instance(&subject.id)?;
                Some(((folder, at), self.subjects.get(&subject.id)?))
            })
            .collect();
        for (folder, project) in &self.projects.all {
            let instances = project.tree.instances.iter().enumerate();
            let references = instances
                .map(|(at, instance)| match own.get(&(folder.as_path(), at)) {
                    Some(reference) => (*reference).clone(),
                    None => self
                        .refs
                        .claim(&format!("{}/{}", project.prefix, instance.path)),
                })
                .collect();
            self.packages.insert(folder, references);
        }
    }

    /// OpenClaw itself, which the SBOM is about.
    fn root(&mut self, inventory: &Inventory) -> Component {
        let root = self.root.clone();
        let Some(subject) = inventory
            .subjects
            .iter()
            .find(|subject| subject.kind == Kind::Core)
        else {
            let (component, extra) =
                ComponentDraft::new(Classification::Application, &root, "openclaw", None)
                    .finish(None);
            self.extras.insert(root, extra);
            return component;
        };
        let (component, extra) = self.draft(subject, &root).finish(None);
        self.extras.insert(root, extra);
        component
    }

    fn subject(&mut self, subject: &Subject) {
        let Some(reference) = self.subjects.get(&subject.id).cloned() else {
            return;
        };
        let draft = self.draft(subject, &reference);
        let place = location(subject, self.projects);
        let (component, extra) = draft.finish(Some(&place));
        self.components.push(component);
        self.extras.insert(reference, extra);
    }

    /// Every installed package of a project that is no subject of its own.
    fn packages(&mut self, folder: &Path, project: &Project) {
        let Some(references) = self.packages.get(folder) else {
            return;
        };
        let taken: BTreeSet<&String> = self.subjects.values().collect();
        let differs: BTreeMap<&str, &NoteKind> = project
            .tree
            .notes
            .iter()
            .map(|note| (note.path.as_str(), &note.kind))
            .filter(|(_, kind)| matches!(kind, NoteKind::LockDiffers { .. }))
            .collect();
        for (instance, reference) in project.tree.instances.iter().zip(references) {
            if taken.contains(reference) {
                continue;
            }
            let mut draft = ComponentDraft::new(
                Classification::Library,
                reference,
                instance.name(),
                instance.version(),
            );
            let locked = instance.locked.as_ref();
            let resolved = locked.and_then(|locked| locked.resolved.as_deref());
            let git = resolved.filter(|text| text.starts_with("git"));
            let purl = match (
                differs.get(instance.path.as_str()),
                git.and_then(|text| text.split_once('#')),
            ) {
                // It calls itself something else than what npm installed there: no registry's name is given to it.
                (Some(NoteKind::LockDiffers { field, locked, .. }), _) => {
                    draft.property("openclaw:npm:lockfile", &format!("says {field} {locked}"));
                    None
                }
                (_, Some((url, commit))) => purls::git_purl(url, commit, None),
                (_, None) => purls::installed_purl(instance.name(), instance.version(), resolved),
            };
            draft.purl(purl);
            let place = format!("{}/{}", project.prefix, instance.path);
            draft.manifest(&instance.manifest);
            draft.instance(instance, &place);
            draft.property("openclaw:subject", project.owner.as_str());
            for missing in missing(&project.tree, &instance.path) {
                draft.property("openclaw:npm:missing", &missing);
            }
            if let Some(compared) = self
                .verdicts
                .packages
                .get(&(project.owner.clone(), instance.path.clone()))
            {
                draft.archive(compared);
            }
            let (component, extra) = draft.finish(Some(&place));
            self.components.push(component);
            self.extras.insert(reference.clone(), extra);
        }
    }

    fn server(&mut self, subject: &Subject) {
        let Some(reference) = self.subjects.get(&subject.id) else {
            return;
        };
        self.services.push(service::service(
            subject,
            reference,
            self.verdicts.subjects.get(&subject.id),
        ));
        if let Some(external) = subject.mcp.as_ref().and_then(External::of) {
            self.externals
                .entry(external)
                .or_default()
                .insert(reference.clone());
        }
    }

    /// The components in which something is that an advisory names: the packages at its places, else the subject that would fetch it.
    fn affected(&self, one: &KnownAdvisory) -> Vec<String> {
        let Some(subject) = self.subjects.get(&one.subject) else {
            return Vec::new();
        };
        let project = self.projects.of(&one.subject);
        let package = |place: &String| {
            let (folder, project) = project?;
            let instances = &project.tree.instances;
            let at = instances.binary_search_by(|one| one.path.as_str().cmp(place));
            self.packages.get(folder)?.get(at.ok()?)
        };
        let places = one.places.iter();
        places
            .map(|place| package(place).unwrap_or(subject).clone())
            .collect()
    }

    fn finish(mut self, root: Component) -> Built {
        let mut refs = std::mem::take(&mut self.refs);
        let known = &self.verdicts.known;
        let vulnerabilities =
            vulnerabilities::vulnerabilities(known, &mut refs, |one| self.affected(one));
        self.components.sort_by(|a, b| a.bom_ref.cmp(&b.bom_ref));
        self.services.sort_by(|a, b| a.bom_ref.cmp(&b.bom_ref));
        let dependencies = self
            .dependencies
            .into_iter()
            .map(|(dependency_ref, on)| Dependency {
                dependency_ref,
                dependencies: on.into_iter().collect(),
            })
            .collect();
        let compositions: Vec<Composition> = self
            .aggregates
            .into_iter()
            .map(|(aggregate, references)| Composition {
                bom_ref: None,
                aggregate: AggregateType::new_unchecked(aggregate),
                assemblies: None,
                dependencies: Some(references.into_iter().map(BomReference::new).collect()),
                vulnerabilities: None,
                signature: None,
            })
            .collect();
        let bom = Bom {
            spec_version: SpecVersion::V1_5,
            version: 1,
            serial_number: None,
            metadata: Some(metadata(root, self.verdicts)),
            components: Some(Components(self.components)),
            services: (!self.services.is_empty()).then_some(Services(self.services)),
            dependencies: Some(Dependencies(dependencies)),
            compositions: (!compositions.is_empty()).then_some(Compositions(compositions)),
            external_references: None,
            properties: None,
            vulnerabilities: None,
            signature: None,
            annotations: None,
            formulation: None,
        };
        let externals = self.externals.into_iter().map(|(external, servers)| {
            let reference = refs.claim(&format!("external/{}@{}", external.name, external.version));
            (external, reference, servers)
        });
        Built {
            bom,
            extras: self.extras,
            subjects: self.subjects,
            externals: externals.collect(),
            vulnerabilities,
        }
    }
}

/// Who made the SBOM, of what, and when in its life; the time is added later.
/// In place of the digest of an index: nothing was looked up, so that there is no vulnerability says nothing.
pub(super) const NO_ADVISORIES: &str = "none";

fn metadata(root: Component, verdicts: &Verdicts) -> Metadata {
    let version = env!("CARGO_PKG_VERSION");
    let mut tool = Component::new(
        Classification::Application,
        "openclaw-verify",
        version,
        Some("tool:openclaw-verify".to_owned()),
    );
    tool.purl = format!("pkg:cargo/openclaw-verify@{version}").parse().ok();
    let mut properties = vec![("openclaw:sbom:profile".to_owned(), "1".to_owned())];
    if let Some(index) = &verdicts.advisories {
        properties.push((
            "openclaw:advisories:index".to_owned(),
            index.digest.to_string(),
        ));
        let newest = index.newest.clone();
        properties.extend(newest.map(|newest| ("openclaw:advisories:newest".to_owned(), newest)));
    } else {
        properties.push((
            "openclaw:advisories:index".to_owned(),
            NO_ADVISORIES.to_owned(),
        ));
    }
    Metadata {
        timestamp: None,
        tools: Some(Tools::Object {
            services: None,
            components: Some(Components(vec![tool])),
        }),
        authors: None,
        component: Some(root),
        manufacture: None,
        supplier: None,
        licenses: Some(values::licenses(&["CC0-1.0".to_owned()])),
        properties: component::properties(properties),
        lifecycles: Some(phase(Phase::Operations)),
    }
}

/// What the SBOM was made of: `operations` for what is installed, `pre-build` for what is only locked.
pub(super) fn phase(phase: Phase) -> Lifecycles {
    Lifecycles(vec![Lifecycle::Phase(phase)])
}

/// Where the subject lies, as the SBOM says it: never an absolute path.
fn location(subject: &Subject, projects: &Projects) -> String {
    if let (Some((_, project)), Some((_, instance))) =
        (projects.of(&subject.id), projects.instance(&subject.id))
    {
        return format!("{}/{}", project.prefix, instance.path);
    }
    let shown = &subject.place.shown;
    if service::is_service(subject.kind) {
        return service::masked(subject.id.as_str());
    }
    if shown.starts_with('/') || shown.is_empty() || shown == "." {
        return subject.id.as_str().to_owned();
    }
    shown.clone()
}

/// What the package needs and Node does not find; the rest of `unresolved` is optional by nature.
fn missing<'t>(tree: &'t NpmTree, path: &str) -> impl Iterator<Item = String> + use<'t> {
    let at = tree
        .instances
        .binary_search_by(|one| one.path.as_str().cmp(path))
        .ok();
    let start = tree.unresolved.partition_point(|one| one.from < at);
    let own = tree
        .unresolved
        .iter()
        .skip(start)
        .take_while(move |one| one.from == at);
    own.filter(|one| one.dependency.kind == DependencyKind::Required && one.link.is_none())
        .map(|one| {
            format!(
                "{}@{}",
                one.dependency.name,
                values::spec(&one.dependency.spec)
            )
        })
}
