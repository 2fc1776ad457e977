//! What advisories say of a subject: of its own package, of every npm package that it brings along, and of what its command line or
//! its install steps would fetch. Names are matched whatever registry the state claims: an attacker writes the lockfile.

use std::collections::BTreeMap;

use super::Evidence;
use super::npm::{NamedPackage, brought_along, is_package};
use crate::advisories::{Hit, Index, Match, merge};
use crate::error::Result;
use crate::inventory::{InstallStep, Subject};
use crate::launcher::{Ecosystem, Launch};
use crate::npm::is_package_name;
use crate::policy::AdvisoryPolicy;
use crate::spec::{self, Pin};
use crate::subject::Source;

/// What was asked and answered.
#[derive(Debug, Default)]
pub(crate) struct Advised {
    /// Packages that were looked up; 0 also where there is no index.
    pub asked: usize,
    /// What is known to be bad.
    pub found: Vec<AdvisedPackage>,
}

/// What one alias set says of one version of one package. Untrusted text, but for the match.
#[derive(Debug)]
pub(crate) struct AdvisedPackage {
    pub name: String,
    /// None where nothing says which version it is.
    pub version: Option<String>,
    /// Where it is, or what would fetch it.
    pub places: Vec<String>,
    /// Whether it is the subject itself, and not one of its dependencies.
    pub own: bool,
    /// Where the state says that it came from.
    pub fetched_from: Vec<String>,
    pub found: Match,
}

/// Looks everything up that is known of a subject.
///
/// # Errors
/// When the index is damaged.
pub(super) fn advised(
    subject: &Subject,
    evidence: &Evidence,
    index: &Index,
    policy: &AdvisoryPolicy,
) -> Result<Advised> {
    let mut packages: BTreeMap<(String, Option<String>), Vec<NamedPackage>> = BTreeMap::new();
    let all = evidence.npm.packages.iter().cloned();
    let all = all.chain(brought_along(subject));
    for package in all.chain(own(subject, evidence)).chain(fetched(subject)) {
        let elsewhere = |url: &String| policy.is_other_registry(url);
        if package.resolved.as_ref().is_some_and(elsewhere) {
            continue;
        }
        let key = (package.name.clone(), package.version.clone());
        packages.entry(key).or_default().push(package);
    }
    let mut advised = Advised {
        asked: packages.len(),
        found: Vec::new(),
    };
    for ((name, version), instances) in packages {
        let entries = index.entries(&name)?;
        let floating = instances.iter().all(|one| one.floating);
        let hits: Vec<_> = entries
            .iter()
            .map(|entry| {
                let hit = entry.judge(&name, version.as_deref().unwrap_or_default());
                // Of what may be any version only that is known which all versions have.
                (
                    entry,
                    if floating && hit == Hit::Unclear {
                        Hit::No
                    } else {
                        hit
                    },
                )
            })
            .collect();
        for found in merge(&hits) {
            let mut places: Vec<String> = instances.iter().map(|one| one.place.clone()).collect();
            places.sort();
            places.dedup();
            let mut fetched_from: Vec<String> = instances
                .iter()
                .filter_map(|one| one.resolved.clone())
                .collect();
            fetched_from.sort();
            fetched_from.dedup();
            advised.found.push(AdvisedPackage {
                name: name.clone(),
                version: version.clone(),
                places,
                own: instances.iter().any(|one| one.own),
                fetched_from,
                found,
            });
        }
    }
    Ok(advised)
}

/// The subject's own package, as its id, its record and the lock name it.
fn own(subject: &Subject, evidence: &Evidence) -> Vec<NamedPackage> {
    // A skill of the same name as a package is another thing.
    if !is_package(subject.kind) {
        return Vec::new();
    }
    let of_npm = matches!(
        subject.source,
        Source::Npm | Source::NpmPack | Source::Clawhub
    ) || subject.id == crate::subject::SubjectId::core();
    let record = subject.record.as_ref();
    let stated = evidence.stated.as_ref();
    let mut names: Vec<&str> = Vec::new();
    if of_npm {
        names.push(subject.id.name());
    }
    names.extend(record.and_then(|record| record.resolved_name.as_deref()));
    names.retain(|name| is_package_name(name));
    names.sort_unstable();
    names.dedup();
    let mut versions: Vec<&str> = [
        subject.version.as_deref(),
        record.and_then(|record| record.resolved_version.as_deref()),
        record.and_then(|record| record.version.as_deref()),
        stated.and_then(|entry| entry.version.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    versions.sort_unstable();
    versions.dedup();
    let package = |name: &str, version: Option<&str>| NamedPackage {
        name: name.to_owned(),
        version: version.map(str::to_owned),
        place: subject.place.shown.clone(),
        resolved: None,
        own: true,
        // Of what is only announced nobody may know yet which version it will be.
        floating: version.is_none() && evidence.announced.is_some(),
    };
    let mut packages = Vec::new();
    for name in names {
        packages.extend(versions.iter().map(|version| package(name, Some(version))));
        if versions.is_empty() {
            packages.push(package(name, None));
        }
    }
    packages
}

/// What is fetched when the subject is started or set up.
fn fetched(subject: &Subject) -> Vec<NamedPackage> {
    let mut packages = Vec::new();
    if let Some(mcp) = &subject.mcp
        && let Launch::Exact {
            ecosystem: Ecosystem::Npm,
            package,
            version,
        } = mcp.launch()
    {
        packages.push(NamedPackage {
            name: package,
            version: Some(version),
            place: "its command".to_owned(),
            resolved: None,
            own: true,
            floating: false,
        });
    }
    packages.extend(subject.install_steps.iter().filter_map(step));
    packages
}

/// The package of an install step that npm would run.
fn step(step: &InstallStep) -> Option<NamedPackage> {
    if step.kind != "node" {
        return None;
    }
    let spec = step.target.trim();
    let spec = spec.strip_prefix("npm:").unwrap_or(spec);
    let at = spec.char_indices().skip(1).find(|(_, c)| *c == '@');
    let (name, version) = match at {
        Some((at, _)) => (spec.get(..at)?, spec.get(at + 1..)),
        None => (spec, None),
    };
    let exact = version.filter(|version| spec::npm_version(version) == Pin::Exact);
    is_package_name(name).then(|| NamedPackage {
        name: name.to_owned(),
        version: exact.map(str::to_owned),
        place: "an install step".to_owned(),
        resolved: None,
        own: true,
        floating: exact.is_none(),
    })
}
