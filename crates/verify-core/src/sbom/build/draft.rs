//! One subject that is a folder, as a component.

use cyclonedx_bom::models::component::Classification;
use serde_json::json;

use super::super::component::{BY_EVIDENCE, ComponentDraft};
use super::super::{purls, service, swhid, values};
use super::{Builder, location, missing};
use crate::digest::Sri;
use crate::inventory::Subject;
use crate::subject::{Kind, Source};

impl Builder<'_> {
    /// A subject that is a folder.
    pub(super) fn draft(&self, subject: &Subject, reference: &str) -> ComponentDraft {
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
        self.origin(subject, archive.as_ref(), commit, &mut draft);
        describe(subject, &mut draft);
        self.verdict(subject, &mut draft);
        draft
    }

    /// From where it came: the package that npm installed, the archive, the commit.
    fn origin(
        &self,
        subject: &Subject,
        archive: Option<&Sri>,
        commit: Option<&str>,
        draft: &mut ComponentDraft,
    ) {
        let instance = self
            .projects
            .instance(&subject.id)
            .map(|(_, instance)| instance);
        let record = subject.record.as_ref();
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
                    draft.distribution(None, archive);
                }
            }
            None => draft.distribution(None, archive),
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
    }

    fn verdict(&self, subject: &Subject, draft: &mut ComponentDraft) {
        for (name, digest) in service::digests(subject) {
            draft.property(name, &digest);
        }
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
        purls::generic_purl(Some(namespace), bare, version, &checksum)
    };
    match (subject.kind, subject.source) {
        (Kind::Core, _) | (_, Source::Npm) => purls::npm_purl(package_name, version),
        (_, Source::Git) => record
            .and_then(|record| purls::git_purl(record.git_url.as_deref()?, commit?, None))
            .or_else(|| generic(package_name)),
        (_, Source::Clawhub) => generic(subject.id.name()),
        (Kind::Skill, _) => None,
        _ => generic(package_name),
    }
}

/// What the inventory says of it.
fn describe(subject: &Subject, draft: &mut ComponentDraft) {
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
}
