//! One component of the typed 1.5 core: what a `package.json` says, and what was verified.

use cyclonedx_bom::external_models::uri::{Purl, Uri};
use cyclonedx_bom::models::component::{
    Classification, Component, ComponentEvidence, Components, ConfidenceScore, Identity,
    IdentityField, Method, Methods, Occurrence, Occurrences, Pedigree, Scope,
};
use cyclonedx_bom::models::external_reference::{
    ExternalReference, ExternalReferenceType, ExternalReferences,
};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::property::{Properties, Property};
use cyclonedx_bom::prelude::NormalizedString;
use serde_json::{Map, Value, json};

use super::values;
use super::verdicts::ArchiveMatch;
use crate::digest::Sri;
use crate::npm::{PackageInstance, PackageJson, Person};

/// How sure a technique makes of the identity. docs/sbom.md has the scale.
pub(super) const BY_MANIFEST: f32 = 0.5;
pub(super) const BY_LOCKFILE: f32 = 0.7;
pub(super) const BY_EVIDENCE: f32 = 1.0;

/// What 1.5 has no field for, kept until the uplift.
#[derive(Default)]
pub(super) struct Extra {
    pub authors: Option<Value>,
    pub manufacturer: Option<Value>,
    pub swhid: Vec<String>,
    pub data: Option<Value>,
}

/// A component being written.
pub(super) struct ComponentDraft {
    pub component: Component,
    pub extra: Extra,
    properties: Vec<(String, String)>,
    references: Vec<ExternalReference>,
    methods: Vec<Method>,
}

impl ComponentDraft {
    pub(super) fn new(
        kind: Classification,
        reference: &str,
        name: &str,
        version: Option<&str>,
    ) -> Self {
        let (group, bare) = match name.split_once('/') {
            Some((scope, bare)) if scope.starts_with('@') && !bare.is_empty() => {
                (Some(scope), bare)
            }
            _ => (None, name),
        };
        let mut component = Component::new(kind, "", "", Some(reference.to_owned()));
        component.name = values::normalized(Some(bare));
        component.group = group.map(|group| values::normalized(Some(group)));
        component.version = Some(values::normalized(version));
        Self {
            component,
            extra: Extra::default(),
            properties: Vec::new(),
            references: Vec::new(),
            methods: Vec::new(),
        }
    }

    /// What the package says about itself: licence, people, addresses.
    pub(super) fn manifest(&mut self, manifest: &PackageJson) {
        self.component.description = manifest
            .description
            .as_deref()
            .map(|text| values::normalized(Some(text)));
        self.component.licenses = Some(values::licenses(&manifest.licenses));
        let repository = manifest
            .repository
            .as_deref()
            .and_then(values::page_address);
        self.people(manifest.author.as_ref(), repository.as_deref());
        for (kind, address) in [
            (ExternalReferenceType::Vcs, repository),
            (
                ExternalReferenceType::Website,
                manifest.homepage.as_deref().and_then(values::page_address),
            ),
            (
                ExternalReferenceType::IssueTracker,
                manifest.bugs.as_deref().and_then(values::page_address),
            ),
        ] {
            if let Some(address) = address {
                self.references
                    .push(ExternalReference::new(kind, Uri::new(&address)));
            }
        }
        for (engine, range) in &manifest.engines {
            if !engine.is_empty()
                && engine
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && engine.len() <= 64
            {
                self.property(
                    format!(
                        "cdx:npm:package:constraint:engine:{}",
                        engine.to_ascii_lowercase()
                    ),
                    range,
                );
            }
        }
        let scripts: Vec<&str> = manifest
            .install_scripts()
            .map(|script| script.name)
            .collect();
        if !scripts.is_empty() {
            self.property("openclaw:npm:install_scripts", &scripts.join(" "));
        }
    }

    /// What the disk and npm's hidden lockfile say about an installed package.
    pub(super) fn instance(&mut self, instance: &PackageInstance, location: &str) {
        self.property("cdx:npm:package:path", &instance.path);
        if instance.bundled {
            self.property("cdx:npm:package:bundled", "true");
        }
        if instance.implicit_gyp {
            self.property("openclaw:npm:implicit_gyp", "true");
        }
        let locked = instance.locked.as_ref();
        let confidence = if locked.is_some() {
            BY_LOCKFILE
        } else {
            BY_MANIFEST
        };
        self.evidence(
            "manifest-analysis",
            confidence,
            &format!("{location}/package.json"),
        );
        self.component.scope = Some(if locked.is_some_and(|locked| locked.optional) {
            Scope::Optional
        } else {
            Scope::Required
        });
        if let Some(locked) = locked {
            self.distribution(locked.resolved.as_deref(), locked.integrity.as_ref());
        }
    }

    /// Where the archive came from and its SHA-512. Without an address the purl is used: the hash would be lost otherwise.
    pub(super) fn distribution(&mut self, address: Option<&str>, archive: Option<&Sri>) {
        // A private registry's address may carry a token in its query.
        let address = address
            .filter(|text| text.contains("://"))
            .and_then(values::bare_address);
        let Some(address) = address.or_else(|| {
            self.component
                .purl
                .as_ref()
                .filter(|_| archive.is_some())
                .map(Purl::to_string)
        }) else {
            return;
        };
        let mut reference =
            ExternalReference::new(ExternalReferenceType::Distribution, Uri::new(&address));
        reference.hashes = archive.map(|archive| Hashes(vec![sha512(archive)]));
        self.references.push(reference);
    }

    /// The comparison with the published archive: only this makes its hash the component's own.
    pub(super) fn archive(&mut self, compared: &ArchiveMatch) {
        let said = match compared {
            ArchiveMatch::Identical { archive } => {
                self.component.hashes = Some(Hashes(vec![sha512(archive)]));
                self.evidence("hash-comparison", BY_EVIDENCE, &archive.to_string());
                let known = |one: &ExternalReference| {
                    one.external_reference_type == ExternalReferenceType::Distribution
                };
                if !self.references.iter().any(known) {
                    self.distribution(None, Some(archive));
                }
                "identical"
            }
            ArchiveMatch::Differs {
                archive,
                summary,
                paths,
            } => {
                // Without an archive nothing was compared: a record contradicts itself or the registry.
                self.component.modified = archive.is_some().then_some(true);
                self.component.pedigree = Some(self.pedigree(archive.as_ref(), summary, paths));
                "differs"
            }
            ArchiveMatch::NotPublished => "not-published",
            ArchiveMatch::NotEstablished => "not-established",
        };
        self.property("openclaw:verify:archive", said);
    }

    /// What it was made from, and what became different.
    fn pedigree(&self, archive: Option<&Sri>, summary: &str, paths: &[String]) -> Pedigree {
        const NAMED: usize = 20;
        let published = archive.map(|archive| {
            let mut published = Component::new(Classification::Library, "", "", None);
            published.group.clone_from(&self.component.group);
            published.name = self.component.name.clone();
            published.version.clone_from(&self.component.version);
            published.purl.clone_from(&self.component.purl);
            published.hashes = Some(Hashes(vec![sha512(archive)]));
            published
        });
        let mut lines = vec![values::shown(summary)];
        lines.extend(paths.iter().take(NAMED).map(|path| values::shown(path)));
        lines.extend((paths.len() > NAMED).then(|| format!("and {} more", paths.len() - NAMED)));
        Pedigree {
            ancestors: published.map(|published| Components(vec![published])),
            descendants: None,
            variants: None,
            commits: None,
            patches: None,
            notes: Some(lines.join("; ")),
        }
    }

    pub(super) fn purl(&mut self, purl: Option<String>) {
        // Parsing never fails: the values module has checked the text.
        self.component.purl = purl.and_then(|purl| purl.parse().ok());
    }

    pub(super) fn evidence(&mut self, technique: &str, confidence: f32, value: &str) {
        let (technique, value) = (technique.to_owned(), Some(values::shown(value)));
        self.methods.push(Method {
            technique,
            confidence: ConfidenceScore::new(confidence),
            value,
        });
    }

    pub(super) fn property(&mut self, name: impl Into<String>, value: &str) {
        self.properties.push((name.into(), values::shown(value)));
    }

    /// The finished component.
    pub(super) fn finish(mut self, location: Option<&str>) -> (Component, Extra) {
        self.references.sort_by_key(|reference| {
            (
                reference.external_reference_type.to_string(),
                reference.url.to_string(),
            )
        });
        self.references.dedup();
        if !self.references.is_empty() {
            self.component.external_references = Some(ExternalReferences(self.references));
        }
        self.component.properties = properties(self.properties);
        if self.component.licenses.is_none() {
            self.component.licenses = Some(values::licenses(&[]));
        }
        let confidence = self
            .methods
            .iter()
            .map(|method| method.confidence.get())
            .fold(0.0, f32::max);
        let field = if self.component.purl.is_some() {
            IdentityField::Purl
        } else {
            IdentityField::Name
        };
        let identity = (!self.methods.is_empty()).then(|| Identity {
            field,
            confidence: Some(ConfidenceScore::new(confidence)),
            methods: Some(Methods(self.methods)),
            tools: None,
        });
        let occurrences =
            location.map(|location| Occurrences(vec![Occurrence::new(&values::shown(location))]));
        if identity.is_some() || occurrences.is_some() {
            self.component.evidence = Some(ComponentEvidence {
                licenses: None,
                copyright: None,
                occurrences,
                callstack: None,
                identity,
            });
        }
        (self.component, self.extra)
    }

    /// The author as declared, who also counts as the producer; for nothing, an explicit unknown.
    fn people(&mut self, author: Option<&Person>, repository: Option<&str>) {
        let text = |text: Option<&String>| {
            text.map(|text| values::shown(text))
                .filter(|text| !text.is_empty())
        };
        let name = text(author.and_then(|author| author.name.as_ref()));
        let email = author
            .and_then(|author| author.email.as_deref())
            .and_then(values::email);
        let page = author
            .and_then(|author| author.url.as_deref())
            .and_then(values::page_address);

        let shown = match (&name, &email) {
            (Some(name), Some(email)) => format!("{name} <{email}>"),
            (Some(name), None) => name.clone(),
            (None, Some(email)) => email.clone(),
            (None, None) => values::NO_ASSERTION.to_owned(),
        };
        self.component.author = Some(NormalizedString::new(&shown));

        let mut contact = Map::new();
        let known_name = name
            .clone()
            .or_else(|| email.is_none().then(|| values::NO_ASSERTION.to_owned()));
        contact.extend(known_name.map(|name| ("name".to_owned(), name.into())));
        contact.extend(
            email
                .clone()
                .map(|email| ("email".to_owned(), email.into())),
        );
        self.extra.authors = Some(json!([contact]));

        let mut producer = Map::new();
        let addresses: Vec<&str> = page.as_deref().or(repository).into_iter().collect();
        let producer_name = name.or_else(|| {
            (email.is_none() && addresses.is_empty()).then(|| values::NO_ASSERTION.to_owned())
        });
        producer.extend(producer_name.map(|name| ("name".to_owned(), name.into())));
        if !addresses.is_empty() {
            producer.insert("url".to_owned(), json!(addresses));
        }
        producer.extend(email.map(|email| ("contact".to_owned(), json!([{ "email": email }]))));
        self.extra.manufacturer = Some(producer.into());
    }
}

/// Properties in the order of their names; none for none.
pub(super) fn properties(mut pairs: Vec<(String, String)>) -> Option<Properties> {
    pairs.sort();
    pairs.dedup();
    (!pairs.is_empty()).then(|| {
        Properties(
            pairs
                .into_iter()
                .map(|(name, value)| Property::new(name, &value))
                .collect(),
        )
    })
}

fn sha512(value: &Sri) -> Hash {
    Hash {
        alg: HashAlgorithm::SHA_512,
        content: HashValue(value.hex()),
    }
}
