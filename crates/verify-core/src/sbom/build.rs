//! From the inventory, the packages on disk and the verdicts to the typed core of the SBOM.

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
use serde_json::{Value, json};

use super::component::{self, BY_EVIDENCE, ComponentDraft, Extra};
use super::projects::{Project, Projects};
use super::service::{self, External};
use super::swhid;
use super::values::{self, Refs};
use super::verdicts::{KnownAdvisory, Verdicts};
use super::vulnerabilities;
use crate::digest::Sri;
use crate::inventory::{Inventory, Subject};
use crate::npm::{DependencyKind, NoteKind, NpmTree};
use crate::subject::{Kind, Source, SubjectId};

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

    /// A subject that is a folder.
    fn draft(&self, subject: &Subject, reference: &str) -> ComponentDraft {
        let manifest = self.projects.manifest(&subject.id);
        let instance = self
            .projects
            .instance(&subject.id)
            .map(|(_, instance)| instance);
        let package_name = instance
            .map(|one| one.name())
            .or(manifest.and_then(|manifest| manifest.name.as_deref()));
        let version = instance
            .and_then(|one| one.version())
            .or(subject.version.as_deref());
        let version = version.or(manifest.and_then(|manifest| manifest.version.as_deref()));
        let kind = if subject.kind == Kind::Skill {
            Classification::Data
        } else {
            Classification::Application
        };
        let name = if subject.kind == Kind::Skill {
            &subject.name
        } else {
            package_name.unwrap_or(&subject.name)
        };
        let mut draft = ComponentDraft::new(kind, reference, name, version);
        let record = subject.record.as_ref();
        let archive = record
            .and_then(|record| record.integrity.as_deref())
            .and_then(|text| text.parse::<Sri>().ok());
        let commit = self
            .verdicts
            .subjects
            .get(&subject.id)
            .and_then(|verdict| verdict.commit.as_deref());
        draft.purl(purl(
            subject,
            package_name.unwrap_or(&subject.name),
            version,
            archive.as_ref(),
            commit,
        ));
        if subject.kind == Kind::Skill {
            draft.extra.data = Some(json!([{ "type": "other", "name": "agent-skill" }]));
        }
        if let Some(manifest) = manifest {
            draft.manifest(manifest);
        }
        match instance {
            Some(instance) => {
                draft.instance(instance, &location(subject, self.projects));
                let tree = self
                    .projects
                    .of(&subject.id)
                    .map(|(_, project)| &project.tree);
                for missing in tree
                    .into_iter()
                    .flat_map(|tree| missing(tree, &instance.path))
                {
                    draft.property("openclaw:npm:missing", &missing);
                }
                if instance
                    .locked
                    .as_ref()
                    .is_none_or(|locked| locked.integrity.is_none())
                {
                    draft.distribution(None, archive.as_ref());
                }
            }
            None => draft.distribution(None, archive.as_ref()),
        }
        if let Some(tree) = &subject.trees.tree
            && matches!(subject.kind, Kind::Skill | Kind::HookPack)
        {
            draft.extra.swhid.extend(swhid::of_folder(tree));
        }
        if subject.source == Source::Git
            && let Some(recorded) = record.and_then(|record| record.git_commit.as_deref())
        {
            draft.extra.swhid.extend(commit.and_then(swhid::of_commit));
            draft.property("openclaw:git:recorded_commit", recorded);
        }
        draft.property("openclaw:id", subject.id.as_str());
        draft.property("openclaw:kind", subject.kind.as_str());
        draft.property("openclaw:source", subject.source.as_str());
        draft.property(
            "openclaw:enabled",
            if subject.enabled { "true" } else { "false" },
        );
        draft.property("openclaw:name", &subject.name);
        if let Some(version) = subject
            .node
            .as_ref()
            .and_then(|node| node.version.as_deref())
        {
            draft.property("openclaw:node:version", version);
        }
        for step in &subject.install_steps {
            let target = if step.target.contains("://") {
                values::bare_address(&step.target)
            } else {
                Some(step.target.clone())
            };
            draft.property(
                "openclaw:install_step",
                &format!("{} {}", step.kind, target.unwrap_or_default()),
            );
        }
        self.verdict(subject, &mut draft);
        draft
    }

    fn verdict(&self, subject: &Subject, draft: &mut ComponentDraft) {
        let Some(verdict) = self.verdicts.subjects.get(&subject.id) else {
            return;
        };
        for (name, outcome) in service::outcomes(&verdict.outcomes) {
            draft.property(name, outcome);
        }
        if let Some(tree) = &verdict.tree {
            draft.property("openclaw:tree", &tree.to_string());
        }
        if let Some(dependencies) = &verdict.dependencies {
            draft.property("openclaw:dependencies", &dependencies.to_string());
        }
        if let Some(files) = verdict.files {
            draft.property("openclaw:files", &files.to_string());
        }
        if let Some(compared) = &verdict.archive {
            draft.archive(compared);
        }
        if let Some(provenance) = &verdict.provenance {
            draft.evidence("attestation", BY_EVIDENCE, &provenance.predicate_type);
            draft.property("openclaw:provenance:repository", &provenance.repository);
            draft.property("openclaw:provenance:workflow", &provenance.workflow);
            draft.property("openclaw:provenance:commit", &provenance.commit);
        }
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
                (_, Some((url, commit))) => values::git_purl(url, commit, None),
                (_, None) => values::installed_purl(instance.name(), instance.version(), resolved),
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

    fn edges(&mut self, inventory: &Inventory, subjects: &[&Subject]) {
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
        for (folder, project) in &self.projects.all {
            let (Some(references), Some(owner)) = (
                self.packages.get(folder.as_path()),
                self.subjects.get(&project.owner),
            ) else {
                continue;
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
            if project.tree.root.is_some() && references.iter().all(|reference| reference != owner)
            {
                self.aggregates
                    .entry(aggregate)
                    .or_default()
                    .insert(owner.clone());
            }
        }
        self.dependencies.entry(self.root.clone()).or_default();
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

/// The purl by where the subject came from. Only what a registry gave out is a `pkg:npm`: a local archive may bear any name. A commit
/// is named only once it was verified: anyone can write one into a record.
fn purl(
    subject: &Subject,
    package_name: &str,
    version: Option<&str>,
    archive: Option<&Sri>,
    commit: Option<&str>,
) -> Option<String> {
    let record = subject.record.as_ref();
    let checksum: Vec<_> = archive
        .map(|archive| ("checksum", format!("sha512:{}", archive.hex())))
        .into_iter()
        .collect();
    let generic = |name: &str| {
        let (namespace, bare) = name.rsplit_once('/').unwrap_or(("", name));
        values::generic_purl(Some(namespace), bare, version, &checksum)
    };
    match (subject.kind, subject.source) {
        (Kind::Core, _) | (_, Source::Npm) => values::npm_purl(package_name, version),
        (_, Source::Git) => record
            .and_then(|record| values::git_purl(record.git_url.as_deref()?, commit?, None))
            .or_else(|| generic(package_name)),
        (_, Source::Clawhub) => generic(subject.id.name()),
        (Kind::Skill, _) => None,
        _ => generic(package_name),
    }
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
