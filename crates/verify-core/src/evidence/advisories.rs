//! What advisories say of a subject: of its own package, of every npm package that it brings along, and of what its command line or
//! its install steps would fetch. Names are matched whatever registry the state claims: an attacker writes the lockfile.

use std::collections::BTreeMap;

use jiff::civil::Date;
use js_semver::Version;

use super::Evidence;
use super::npm::{NamedPackage, brought_along, is_package};
use crate::advisories::{
    Entry, Hit, Index, Match, NotAffected, Vex, VexTarget, is_violation, merge,
};
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
    /// What the operator's team says must not run, of packages, of the subject and of its bytes.
    pub violations: Vec<AdvisedPackage>,
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
    /// That the operator's team says that it is none here; never of malware.
    pub vex: Option<NotAffected>,
}

/// What is asked.
pub(crate) struct AdvisoriesAsked<'a> {
    pub index: &'a Index,
    pub vex: &'a Vex,
    pub policy: &'a AdvisoryPolicy,
    pub today: Date,
}

/// Looks everything up that is known of a subject.
///
/// # Errors
/// When the index is damaged.
pub(super) fn advised(
    subject: &Subject,
    evidence: &Evidence,
    asked: &AdvisoriesAsked<'_>,
) -> Result<Advised> {
    let mut packages: BTreeMap<(String, Option<String>), Vec<NamedPackage>> = BTreeMap::new();
    let all = evidence.npm.packages.iter().cloned();
    let all = all.chain(brought_along(subject));
    for package in all.chain(own(subject, evidence)).chain(fetched(subject)) {
        let elsewhere = |url: &String| asked.policy.is_other_registry(url);
        if package.resolved.as_ref().is_some_and(elsewhere) {
            continue;
        }
        let key = (package.name.clone(), package.version.clone());
        packages.entry(key).or_default().push(package);
    }
    let tree = evidence.tree.bound_digest().map(|tree| tree.to_string());
    let mut advised = Advised {
        asked: packages.len(),
        ..Advised::default()
    };
    advised.violations = violations(subject, evidence, asked.index)?;
    for ((name, version), instances) in packages {
        let entries = asked.index.entries(&name)?;
        let floating = instances.iter().all(|one| one.floating);
        let judged = |entry| (entry, hit(entry, &name, version.as_deref(), floating));
        let hits: Vec<_> = entries.iter().map(judged).collect();
        let (own, hits): (Vec<_>, Vec<_>) = hits
            .into_iter()
            .partition(|(entry, _)| is_violation(&entry.id));
        let found = merge(&hits).into_iter();
        for found in found.chain(own.iter().flat_map(|one| merge(std::slice::from_ref(one)))) {
            let target = VexTarget {
                package: &name,
                version: version.as_deref(),
                subject: package_of(subject),
                tree: tree.as_deref(),
            };
            let vex = asked
                .vex
                .not_affected(found.all_ids(), &target, asked.today);
            let vex = vex.filter(|_| !found.malicious);
            let list = if found.ids.iter().any(|id| is_violation(id)) {
                &mut advised.violations
            } else {
                &mut advised.found
            };
            list.push(AdvisedPackage {
                name: name.clone(),
                version: version.clone(),
                places: each_once(instances.iter().map(|one| one.place.clone())),
                own: instances.iter().any(|one| one.own),
                fetched_from: each_once(instances.iter().filter_map(|one| one.resolved.clone())),
                found,
                vex,
            });
        }
    }
    Ok(advised)
}

/// What an entry says of a package.
fn hit(entry: &Entry, name: &str, version: Option<&str>, floating: bool) -> Hit {
    let hit = match version {
        Some(version) => entry.judge(name, version),
        // Nothing says which version it is, so it may be any that is listed.
        None => match entry.judge(name, "") {
            Hit::No => Hit::Unclear,
            hit => hit,
        },
    };
    // Of what may be any version only that is known which all versions have.
    if floating && hit == Hit::Unclear {
        Hit::No
    } else {
        hit
    }
}

fn each_once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts.dedup();
    texts
}

/// What violations say of the subject by its id and by its digests, of which one is enough.
fn violations(
    subject: &Subject,
    evidence: &Evidence,
    index: &Index,
) -> Result<Vec<AdvisedPackage>> {
    let stated = evidence.digests(subject);
    let measured = [&evidence.tree, &evidence.dependencies, &evidence.siblings];
    let measured = measured.map(|part| part.tree().map(|tree| tree.digest));
    let digests = measured
        .into_iter()
        .chain([stated.tree, stated.dependencies]);
    let mut keys: Vec<String> = digests.flatten().map(|digest| digest.to_string()).collect();
    keys.push(subject.id.to_string());
    keys.sort();
    keys.dedup();
    let version = stated.version;
    let mut found: Vec<AdvisedPackage> = Vec::new();
    for key in keys {
        for entry in index.entries(&key)? {
            // An npm package may bear any name, but none that begins so. What cannot be compared is in, as in a reviews file.
            let hit = match version.filter(|version| Version::parse(version).is_ok()) {
                Some(version) => entry.judge(&key, version),
                None => Hit::Yes,
            };
            if !is_violation(&entry.id) || hit == Hit::No {
                continue;
            }
            for one in merge(&[(&entry, hit)]) {
                // Of one record once, by whichever of its digests.
                if found.iter().any(|other| other.found.ids == one.ids) {
                    continue;
                }
                found.push(AdvisedPackage {
                    name: key.clone(),
                    version: None,
                    places: vec![subject.place.shown.clone()],
                    own: true,
                    fetched_from: Vec::new(),
                    found: one,
                    vex: None,
                });
            }
        }
    }
    Ok(found)
}

/// The package and version that the subject is, as its id says.
fn package_of(subject: &Subject) -> Option<(&str, &str)> {
    let is_npm = subject.source == Source::Npm || subject.id == crate::subject::SubjectId::core();
    let name = subject.id.name();
    (is_npm && is_package(subject.kind)).then_some((name, subject.version.as_deref()?))
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
        // Of what is only announced it may not be known yet which version it will be.
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
    // Of another program than Node's own it is not known which version it is.
    packages.extend(subject.node.iter().map(|node| NamedPackage {
        name: "node".to_owned(),
        version: node.version.clone(),
        place: format!("the Node.js at {}", node.path),
        resolved: None,
        own: true,
        floating: node.version.is_none(),
    }));
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
