//! A package that is not installed yet: its archive, judged by the same rules and the same policy as one that is.

use jiff::Timestamp;
use serde::Serialize;

use super::Verifier;
use crate::archive::{Archive, Binary};
use crate::digest::{Sha256Digest, Sri};
use crate::error::{Error, Result};
use crate::evidence::{self, Evidence, NpmFacts, Part, Published, SHRINKWRAP, identity_policy};
use crate::fact::{Fact, NotEstablished, Outcome};
use crate::finding::{Finding, Level};
use crate::inventory::npm_tree::{Dependency, DependencyKind, Manifest};
use crate::inventory::{Inventory, Place, Subject};
use crate::lock::{Lock, Package as LockedPackage};
use crate::provenance::npm::{Attestations, Package, is_package_name};
use crate::provenance::{Identity, IdentityPolicy};
use crate::report::{self, Basis, Outcomes, Report, SubjectReport, Tool};
use crate::review::diff::CostLimits;
use crate::rules::{self, Group, Judged, Rule, Whole};
use crate::spec::plain_version;
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::Tree;

/// An archive that somebody thinks of installing.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// It, read whole with [`Candidate::keep`].
    pub archive: &'a Archive,
    /// How it is named in the report.
    pub shown: &'a str,
    /// The integrity that it must have, when the caller knows one.
    pub integrity: Option<Sri>,
    /// The name and exact version that it must have, when the caller asked for one.
    pub wanted: Option<(&'a str, &'a str)>,
}

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
    /// Whether somebody who would know was asked for attestations.
    pub asked: bool,
    /// When it was published, as the registry says.
    pub published: Option<Timestamp>,
    /// The registry's address, when one was asked.
    pub registry: Option<String>,
}

/// What is judged of a candidate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CandidateReport {
    /// What is inside.
    pub contents: Contents,
    /// Who built it, when that is verified.
    pub identity: Option<Identity>,
    /// The keys with which the registry signed it, when that is verified.
    pub signed_by: Vec<String>,
    /// Whether its archive is the expected one; not applicable when nobody expected any.
    pub integrity: Outcome,
    /// What the attestations prove.
    pub provenance: Outcome,
    /// What the registry's signatures prove.
    pub signatures: Outcome,
    /// The findings, as a report about this one subject.
    pub report: Report,
}

/// What is inside an archive. Texts are untrusted and safe to show.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Contents {
    /// Name in `package.json`.
    pub name: String,
    /// Version in `package.json`.
    pub version: String,
    /// SHA-512 of the archive, as npm writes it.
    pub integrity: Sri,
    /// SHA-256 of the archive.
    pub sha256: Sha256Digest,
    /// Digest of the tree that it unpacks to.
    pub tree: crate::digest::TreeDigest,
    /// Bytes of the archive.
    pub packed: u64,
    /// Bytes that it unpacks to, headers included.
    pub unpacked: u64,
    /// Files and links.
    pub files: usize,
    /// Scripts that npm would run, those of bundled packages included, one line each.
    pub install_scripts: Vec<String>,
    /// Files with machine code.
    pub binaries: Vec<Binary>,
    /// Commands that it brings: name and file.
    pub commands: Vec<(String, String)>,
    /// What npm would install with it: name and range.
    pub dependencies: Vec<(String, String)>,
    /// Packages that it brings inside.
    pub bundled: Vec<String>,
    /// Symbolic and hard links, which npm does not install.
    pub links: Vec<String>,
}

/// The rules that can say something about an archive that is not installed.
const RULES: [&str; 14] = [
    "archive-mismatch",
    "weak-digest",
    "unlisted-source",
    "install-script",
    "too-fresh",
    "provenance-invalid",
    "provenance-mismatch",
    "provenance-regressed",
    "provenance-missing",
    "not-established",
    "violation",
    "unreviewed",
    "review-expired",
    "agent-reviewed-only",
];

/// Those that only ask for somebody to read it.
const READING: [&str; 3] = ["unreviewed", "review-expired", "agent-reviewed-only"];

impl Candidate<'_> {
    /// Which files have to be kept when the archive is read: the `package.json` of it and of what it bundles, and its lockfile.
    #[must_use]
    pub fn keep(path: &str) -> bool {
        evidence::is_manifest(path)
    }
}

impl CandidateOrigin {
    /// Nobody was asked.
    #[must_use]
    pub fn unknown() -> Self {
        let why = "no attestations were given (--attestations FILE), and no registry was asked";
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

impl Verifier {
    /// What policy wants of the origin of the npm package `name`.
    ///
    /// # Errors
    /// When policy names an identity that nothing can be compared with.
    pub fn identity_policy(&self, name: &str) -> Result<IdentityPolicy> {
        let (id, kind) = subject_id(name);
        identity_policy(&self.policy.requirements(&id, kind, Source::Npm))
    }

    /// The origin of a candidate by the answer of a registry's attestation endpoint.
    ///
    /// # Errors
    /// As [`Verifier::identity_policy`]; also when the archive holds no package.
    pub fn attested(&self, candidate: &Candidate<'_>, answer: &[u8]) -> Result<CandidateOrigin> {
        let (name, version, _) = package(candidate)?;
        let about = Package {
            name: &name,
            version: &version,
            integrity: candidate.archive.integrity,
        };
        let policy = self.identity_policy(&name)?;
        let attestations =
            self.options
                .anchors
                .npm_attestations(answer, &about, &policy, self.options.now);
        Ok(CandidateOrigin {
            attestations,
            asked: true,
            ..CandidateOrigin::unknown()
        })
    }

    /// Judges a candidate.
    ///
    /// # Errors
    /// When the archive holds no package: no `package.json`, or one without name and version.
    pub fn candidate(
        &self,
        candidate: &Candidate<'_>,
        origin: &CandidateOrigin,
    ) -> Result<CandidateReport> {
        let (name, version, manifest) = package(candidate)?;
        let (id, kind) = subject_id(&name);
        let place = Place {
            absolute: candidate.shown.into(),
            shown: candidate.shown.to_owned(),
        };
        let mut subject = Subject::new(id, kind, Source::Npm, place);
        subject.name.clone_from(&name);
        subject.version = Some(version.clone());
        let lock = self.lock.clone().unwrap_or_default();
        let evidence = self.candidate_evidence(candidate, origin, &subject, &manifest, &lock)?;
        let mut evidence = self.read_candidate(&subject, evidence);
        if let Some(id) = packed_id(candidate, &subject) {
            // Whoever banned the local package meant these bytes too.
            let packed = Subject {
                id,
                ..subject.clone()
            };
            let again = Evidence {
                tree: Part {
                    measured: evidence.tree.measured.take(),
                    ..Part::default()
                },
                ..Evidence::default()
            };
            let again = self.read_candidate(&packed, again);
            evidence.tree.measured = again.tree.measured;
            evidence.review.violations.extend(again.review.violations);
        }

        let inventory = Inventory::default();
        let requirements = self
            .policy
            .requirements(&subject.id, subject.kind, subject.source);
        let judged = [Judged {
            subject: &subject,
            evidence: &evidence,
            requirements,
        }];
        let whole = Whole {
            inventory: &inventory,
            judged: &judged,
            lock: &lock,
            policy: &self.policy,
            reviews: &self.reviews.own,
            names: &self.names,
            today: self.options.today(),
            installed: false,
            full: false,
            online: origin.asked,
            releases: &[],
        };
        let rule = |rule: &Rule| RULES.contains(&rule.id);
        let judgement = rules::judge_by(&whole, &self.options.levels, &rule);
        let said = |group| {
            judgement
                .outcomes
                .get(&(subject.id.clone(), group))
                .copied()
        };
        let published = &evidence.published;
        let integrity = match said(Group::Integrity) {
            Some(outcome) if outcome != Outcome::NotApplicable => outcome,
            _ if self.expected(candidate, origin, &lock, &subject).is_some() => Outcome::Verified,
            _ => Outcome::NotApplicable,
        };
        let verified = published.origin_is_verified();
        let subject_report = SubjectReport {
            id: subject.id.clone(),
            kind: subject.kind,
            version: Some(text::excerpt(&version, 200)),
            source: subject.source,
            path: candidate.shown.to_owned(),
            enabled: false,
            tree: Some(candidate.archive.digest.to_string()),
            dependencies: None,
            basis: match integrity {
                Outcome::Verified if verified => Some(Basis::Signed),
                Outcome::Verified => Some(Basis::Archive),
                _ => None,
            },
            outcomes: Outcomes {
                integrity,
                pinning: said(Group::Pinning).unwrap_or_default(),
                review: said(Group::Review).unwrap_or_default(),
                provenance: said(Group::Provenance).unwrap_or(if verified {
                    Outcome::Verified
                } else {
                    Outcome::NotApplicable
                }),
                ..Outcomes::default()
            },
        };
        let mut findings: Vec<Finding> = judgement.findings;
        for finding in &mut findings {
            // What is not installed is unpacked to be read: the review is asked for by `check` and the gate.
            if READING.contains(&finding.id) {
                finding.level = finding.level.min(Level::Note);
                finding.help =
                    "unpack it with --unpack-to DIR and read it; once it is installed, `check` asks for a review".to_owned();
            }
        }
        for finding in findings
            .iter_mut()
            .filter(|finding| matches!(finding.id, "archive-mismatch" | "weak-digest"))
        {
            finding.help = "do not install it; fetch it again from its publisher, and ask them if it differs again".to_owned();
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        if lock.package(&subject.id).is_none() {
            // There is no line of the lock to point at.
            findings
                .iter_mut()
                .for_each(|finding| finding.locations.clear());
        }
        let subjects = vec![subject_report];
        Ok(CandidateReport {
            identity: published.provenance.verified().cloned(),
            signed_by: published.signatures.verified().cloned().unwrap_or_default(),
            integrity,
            provenance: published.provenance.outcome(),
            signatures: published.signatures.outcome(),
            contents: contents(candidate.archive, &name, &version, &manifest, &evidence.npm),
            report: Report {
                schema: report::SCHEMA,
                tool: Tool {
                    name: "openclaw-verify",
                    version: env!("CARGO_PKG_VERSION"),
                },
                inputs: self.inputs(),
                summary: report::summarize(&subjects, &findings),
                subjects,
                findings,
                releases: Vec::new(),
                not_covered: Vec::new(),
            },
        })
    }

    /// With what the reviews say: whether somebody recorded that it must not run.
    fn read_candidate(&self, subject: &Subject, evidence: Evidence) -> Evidence {
        let mut all = std::collections::BTreeMap::from([(subject.id.clone(), evidence)]);
        let given = self.given(None, None, CostLimits::CHECK);
        evidence::review::judge(
            &mut all,
            std::slice::from_ref(subject),
            &self.policy,
            &given,
        );
        all.remove(&subject.id).unwrap_or_default()
    }

    fn candidate_evidence(
        &self,
        candidate: &Candidate<'_>,
        origin: &CandidateOrigin,
        subject: &Subject,
        manifest: &Manifest,
        lock: &Lock,
    ) -> Result<Evidence> {
        let archive = candidate.archive;
        let own = archive.integrity;
        let wrong = |who: &str, wanted: String| {
            Fact::violated(
                "",
                format!("the archive's integrity is {own}, {who} {wanted}"),
            )
        };
        let locked = locked(candidate, lock, subject);
        let fact = match (
            candidate.wanted,
            candidate.integrity,
            locked,
            &origin.integrity,
        ) {
            (Some((name, version)), ..)
                if (name, Some(version)) != (&subject.name, subject.version.as_deref()) =>
            {
                let (name, version) = (text::excerpt(name, 100), text::excerpt(version, 60));
                let (found, of) = (
                    text::excerpt(&subject.name, 100),
                    subject.version.as_deref().unwrap_or("?"),
                );
                Fact::violated(
                    "",
                    format!(
                        "the archive is not {name}@{version}: its package.json says {found}@{}",
                        text::excerpt(of, 60)
                    ),
                )
            }
            (_, Some(given), ..) if given != own => wrong("wanted", given.to_string()),
            (_, _, Some(locked), _) if locked != own => {
                wrong("the lock has for this version", locked.to_string())
            }
            (.., Fact::Verified(stated)) if *stated != own => {
                wrong("the registry states", stated.to_string())
            }
            (.., Fact::Violated { code, why }) => Fact::Violated {
                code,
                why: why.clone(),
            },
            (_, None, None, Fact::NotEstablished { code, why }) => Fact::NotEstablished {
                code: *code,
                why: why.clone(),
            },
            _ => Fact::Verified(own),
        };
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
        Ok(Evidence {
            tree: Part {
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
        })
    }

    /// The integrity that the archive was compared with.
    fn expected(
        &self,
        candidate: &Candidate<'_>,
        origin: &CandidateOrigin,
        lock: &Lock,
        subject: &Subject,
    ) -> Option<Sri> {
        candidate
            .integrity
            .or_else(|| locked(candidate, lock, subject))
            .or_else(|| origin.integrity.verified().copied())
    }
}

/// The archive that the lock has for this version. Spellings of one version are one version, so that none of them escapes the lock.
fn locked(candidate: &Candidate<'_>, lock: &Lock, subject: &Subject) -> Option<Sri> {
    let same = |entry: &&LockedPackage| match (&entry.version, &subject.version) {
        (Some(locked), Some(found)) => plain_version(locked) == plain_version(found),
        _ => false,
    };
    let ids = std::iter::once(subject.id.clone()).chain(packed_id(candidate, subject));
    let mut archives = ids.filter_map(|id| lock.package(&id).filter(same)?.archive);
    let first = archives.next()?;
    // Where both are locked, each has to be what is there.
    Some(
        archives
            .find(|_| first == candidate.archive.integrity)
            .unwrap_or(first),
    )
}

/// The id that a local file gets when OpenClaw installs it.
fn packed_id(candidate: &Candidate<'_>, subject: &Subject) -> Option<SubjectId> {
    (candidate.wanted.is_none() && subject.kind != Kind::Core)
        .then(|| SubjectId::new("npm-pack", &subject.name))
}

fn subject_id(name: &str) -> (SubjectId, Kind) {
    if name == "openclaw" {
        (SubjectId::core(), Kind::Core)
    } else {
        (SubjectId::new("npm", name), Kind::Plugin)
    }
}

/// Name, version and manifest of the package in an archive.
fn package(candidate: &Candidate<'_>) -> Result<(String, String, Manifest)> {
    let no = |why: String| Error::Subject {
        place: candidate.shown.to_owned(),
        why: format!("this is no npm package: {why}"),
        help: Some("name an archive as `npm pack` makes it".to_owned()),
    };
    let bytes = candidate
        .archive
        .content("package.json")
        .ok_or_else(|| no("it has no package.json".to_owned()))?;
    let text =
        std::str::from_utf8(bytes).map_err(|_| no("its package.json is not UTF-8".to_owned()))?;
    let (manifest, _) = Manifest::parse(text)
        .map_err(|why| no(format!("its package.json {}", text::excerpt(&why, 200))))?;
    let name = manifest.name.clone().filter(|name| is_package_name(name));
    let version = manifest
        .version
        .clone()
        .filter(|version| crate::spec::npm_version(version) == crate::spec::Pin::Exact);
    match (name, version) {
        (Some(name), Some(version)) => Ok((name, version, manifest)),
        (None, _) => Err(no(
            "its package.json has no name that npm accepts".to_owned()
        )),
        (_, None) => Err(no("its package.json has no exact version".to_owned())),
    }
}

fn npm_facts(archive: &Archive, manifest: &Manifest) -> NpmFacts {
    // npm's rule: a binding.gyp, no `install` or `preinstall` script, and no `gypfile: false`.
    let gyp = |path: &str, manifest: &Manifest| {
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

/// The packages inside, by folder; none for a `package.json` that cannot be read.
fn bundled(archive: &Archive) -> impl Iterator<Item = (&str, Option<Manifest>)> {
    let folders = archive.entries.iter().filter_map(|entry| {
        entry
            .path
            .strip_suffix("/package.json")
            .map(|folder| (entry, folder))
    });
    folders
        .filter(|(entry, _)| Candidate::keep(&entry.path))
        .map(|(entry, folder)| {
            let text = archive
                .content(&entry.path)
                .and_then(|bytes| std::str::from_utf8(bytes).ok());
            (
                folder,
                text.and_then(|text| Manifest::parse(text).ok())
                    .map(|(manifest, _)| manifest),
            )
        })
}

/// Names and files of `bin`, or else all files below `directories.bin`.
fn commands(archive: &Archive, manifest: &Manifest) -> Vec<(String, String)> {
    let text = archive
        .content("package.json")
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default();
    let package = crate::json::last_wins(text)
        .map(|parsed| parsed.value)
        .unwrap_or_default();
    let folder = package
        .pointer("/directories/bin")
        .and_then(serde_json::Value::as_str);
    let Some(folder) = folder.filter(|_| package.get("bin").is_none()) else {
        return manifest.bin.clone();
    };
    let folder = format!("{}/", folder.trim_start_matches("./").trim_end_matches('/'));
    let inside = archive
        .entries
        .iter()
        .filter(|entry| entry.path.starts_with(&folder));
    inside
        .map(|entry| {
            (
                entry.path.rsplit('/').next().unwrap_or_default().to_owned(),
                entry.path.clone(),
            )
        })
        .collect()
}

/// What lies in a `node_modules` without being a package: Node finds it all the same.
fn loose(archive: &Archive) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for entry in &archive.entries {
        let Some((before, rest)) = entry.path.rsplit_once("node_modules/") else {
            continue;
        };
        if !(before.is_empty() || before.ends_with('/')) {
            continue;
        }
        let parts = if rest.starts_with('@') { 2 } else { 1 };
        let name = rest.split('/').take(parts).collect::<Vec<_>>().join("/");
        if archive
            .entry(&format!("{before}node_modules/{name}/package.json"))
            .is_none()
        {
            found.insert(format!("{} (no package.json)", text::excerpt(&name, 200)));
        }
    }
    found.into_iter().collect()
}

fn contents(
    archive: &Archive,
    name: &str,
    version: &str,
    manifest: &Manifest,
    facts: &NpmFacts,
) -> Contents {
    let shown = |text: &str| text::excerpt(text, 200);
    let inside = |(folder, manifest): (&str, Option<Manifest>)| {
        let name = folder
            .rsplit_once("node_modules/")
            .map_or(folder, |(_, name)| name);
        let version = manifest.and_then(|manifest| manifest.version);
        format!(
            "{}@{}",
            shown(name),
            shown(version.as_deref().unwrap_or("?"))
        )
    };
    let installed = manifest
        .dependencies
        .iter()
        .filter(|dependency| !manifest.bundles.contains(&dependency.name));
    let spec = |dependency: &Dependency| match dependency.kind {
        DependencyKind::Required => shown(&dependency.spec),
        DependencyKind::Optional => format!("{} (optional)", shown(&dependency.spec)),
        DependencyKind::Peer => format!("{} (peer)", shown(&dependency.spec)),
        DependencyKind::OptionalPeer => format!("{} (optional peer)", shown(&dependency.spec)),
    };
    let links = archive
        .entries
        .iter()
        .filter(|entry| entry.hard_link || entry.mode == crate::tree::Mode::Symlink);
    Contents {
        name: shown(name),
        version: shown(version),
        integrity: archive.integrity,
        sha256: archive.sha256,
        tree: archive.digest,
        packed: archive.packed,
        unpacked: archive.unpacked,
        files: archive.entries.len(),
        install_scripts: facts.install_scripts.clone(),
        binaries: archive
            .binaries
            .iter()
            .map(|binary| Binary {
                path: shown(&binary.path),
                format: binary.format,
            })
            .collect(),
        commands: commands(archive, manifest)
            .into_iter()
            .map(|(name, file)| (shown(&name), shown(&file)))
            .collect(),
        dependencies: installed
            .map(|dependency| (shown(&dependency.name), spec(dependency)))
            .collect(),
        bundled: bundled(archive).map(inside).chain(loose(archive)).collect(),
        links: links.map(|entry| shown(&entry.path)).collect(),
    }
}
