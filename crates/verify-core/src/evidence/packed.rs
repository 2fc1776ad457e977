//! Evidence about an archive that is not installed.

use jiff::Timestamp;

use super::{Evidence, NpmFacts, Part, Published, SHRINKWRAP};
use crate::archive::Archive;
use crate::digest::Sri;
use crate::fact::{Fact, NotEstablished};
use crate::inventory::Subject;
use crate::inventory::packed::{Candidate, bundled};
use crate::lock::{Lock, LockedPackage};
use crate::npm::PackageJson;
use crate::provenance::npm::Attestations;
use crate::spec::plain_version;
use crate::text;
use crate::tree::Tree;

/// What is known of a candidate's origin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CandidateOrigin {
    /// That the archive is the one that was expected: by the registry, by the lock.
    pub integrity: Fact<Sri>,
    /// The registry's own signatures.
    pub signatures: Fact<Vec<String>>,
    /// Publish attestation and provenance.
    pub attestations: Attestations,
    /// Whether a registry was asked for attestations, or its answer was given.
    pub asked: bool,
    /// When it was published, as the registry says.
    pub published: Option<Timestamp>,
    /// The registry's address, when one was asked.
    pub registry: Option<String>,
}

impl CandidateOrigin {
    /// No registry was asked.
    #[must_use]
    pub fn unknown() -> Self {
        let why = "no attestations were given, and no registry was asked";
        Self {
            integrity: Fact::NotApplicable,
            signatures: Fact::NotApplicable,
            attestations: Attestations::not_established(NotEstablished::Offline, why),
            asked: false,
            published: None,
            registry: None,
        }
    }
}

#[cfg(feature = "online")]
impl From<crate::registry::RegistryFacts> for CandidateOrigin {
    fn from(facts: crate::registry::RegistryFacts) -> Self {
        Self {
            integrity: facts.integrity,
            signatures: facts.signatures,
            attestations: facts.attestations,
            asked: true,
            published: facts.published,
            registry: facts.registry,
        }
    }
}

/// Everything that is known of the archive without reviews.
pub(crate) fn evidence(
    candidate: &Candidate<'_>,
    origin: &CandidateOrigin,
    subject: &Subject,
    manifest: &PackageJson,
    lock: &Lock,
) -> Evidence {
    let archive = candidate.archive;
    let fact = integrity(candidate, origin, subject, lock);
    let weak = match &fact {
        Fact::NotEstablished { why, .. } if origin.registry.is_some() => Some(why.clone()),
        _ => None,
    };
    let installed = archive
        .manifest_of_npm()
        .unwrap_or_else(|_| archive.manifest.clone());
    let tree = Tree {
        digest: installed.digest(),
        files: installed.entries().len() as u64,
        bytes: archive.unpacked,
        manifest: installed,
        notes: Vec::new(),
    };
    Evidence {
        tree: Part {
            elsewhere: false,
            measured: Some(Ok(tree)),
            ..Part::default()
        },
        published: Published {
            archive: fact,
            provenance: origin.attestations.package(),
            signatures: origin.signatures.clone(),
            asked: origin.asked,
            day: Published::day_of(origin.published, origin.registry.as_deref()),
            weak,
            registries: origin.registry.clone().into_iter().collect(),
            ..Published::default()
        },
        npm: npm_facts(archive, manifest),
        ..Evidence::default()
    }
}

/// Whether the archive is the one that the caller, the lock or the registry names; not applicable where none of them names one.
fn integrity(
    candidate: &Candidate<'_>,
    origin: &CandidateOrigin,
    subject: &Subject,
    lock: &Lock,
) -> Fact<Sri> {
    let own = candidate.archive.integrity;
    let wrong = |who: &str, wanted: String| {
        Fact::violated(
            None,
            format!("the archive's integrity is {own}, {who} {wanted}"),
        )
    };
    let other_package = candidate.wanted.filter(|(name, version)| {
        (*name, Some(*version)) != (subject.name.as_str(), subject.version.as_deref())
    });
    if let Some((name, version)) = other_package {
        let (name, version) = (text::excerpt(name, 100), text::excerpt(version, 60));
        let found = text::excerpt(&subject.name, 100);
        let of = text::excerpt(subject.version.as_deref().unwrap_or("?"), 60);
        return Fact::violated(
            None,
            format!("the archive is not {name}@{version}: its package.json says {found}@{of}"),
        );
    }
    let given = candidate.integrity;
    let locked = locked(candidate, lock, subject);
    match (given, locked, &origin.integrity) {
        (Some(given), ..) if given != own => wrong("wanted", given.to_string()),
        (_, Some(locked), _) if locked != own => {
            wrong("the lock has for this version", locked.to_string())
        }
        (.., Fact::Verified(stated)) if *stated != own => {
            wrong("the registry states", stated.to_string())
        }
        (.., Fact::Violated { code, why }) => Fact::Violated {
            code: *code,
            why: why.clone(),
        },
        (None, None, Fact::NotEstablished { code, why }) => Fact::NotEstablished {
            code: *code,
            why: why.clone(),
        },
        (None, None, Fact::NotApplicable) => Fact::NotApplicable,
        _ => Fact::Verified(own),
    }
}

/// The archive that the lock has for this version. Spellings of one version are one version, so that none of them escapes the lock.
fn locked(candidate: &Candidate<'_>, lock: &Lock, subject: &Subject) -> Option<Sri> {
    let same = |entry: &&LockedPackage| match (&entry.version, &subject.version) {
        (Some(locked), Some(found)) => plain_version(locked) == plain_version(found),
        _ => false,
    };
    let ids = std::iter::once(subject.id.clone()).chain(subject.may_become.iter().cloned());
    let mut archives = ids.filter_map(|id| lock.package(&id).filter(same)?.archive);
    let first = archives.next()?;
    // Where both are locked, each has to be what is there.
    Some(
        archives
            .find(|_| first == candidate.archive.integrity)
            .unwrap_or(first),
    )
}

fn npm_facts(archive: &Archive, manifest: &PackageJson) -> NpmFacts {
    // npm's rule: a binding.gyp, no `install` or `preinstall` script, and no `gypfile: false`.
    let gyp = |path: &str, manifest: &PackageJson| {
        let scripted = manifest
            .scripts
            .iter()
            .any(|script| matches!(script.name, "install" | "preinstall"));
        archive.entry(path).is_some() && !scripted && !manifest.gypfile_off
    };
    let mut facts = NpmFacts::of_package(manifest, gyp("binding.gyp", manifest));
    for (folder, bundled) in bundled(archive) {
        match bundled {
            Some(manifest) => {
                facts.add(&manifest, gyp(&format!("{folder}/binding.gyp"), &manifest))
            }
            None => facts.complete = false,
        }
    }
    // npm installs the dependencies of a package from where its own lockfile says.
    let text = archive
        .content(SHRINKWRAP)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let resolved = text
        .and_then(|text| crate::json::last_wins(text).ok())
        .map(|parsed| addresses(&parsed.value));
    facts.fetched(resolved.unwrap_or_default());
    facts
}

/// Packages and addresses of a lockfile, of all its versions.
fn addresses(value: &serde_json::Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<(&str, &serde_json::Value)> = vec![("", value)];
    while let Some((name, value)) = open.pop() {
        let Some(object) = value.as_object() else {
            continue;
        };
        if let Some(url) = object.get("resolved").and_then(serde_json::Value::as_str) {
            found.push((name.to_owned(), url.to_owned()));
        }
        for list in ["packages", "dependencies"] {
            let entries = object.get(list).and_then(serde_json::Value::as_object);
            open.extend(
                entries
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.as_str(), value)),
            );
        }
    }
    found.sort();
    found
}
