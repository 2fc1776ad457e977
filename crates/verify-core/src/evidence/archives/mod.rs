//! Installed packages against their published archives, file by file, and who built those.
//!
//! Three steps: [`plan`] says which archives are wanted, from what is on disk and in policy; [`arrive`] brings them, from a registry,
//! the cache or OpenClaw's own store of packed archives, and reads them while others are still on their way; [`judge`] compares.

mod arrive;
mod compare;
mod layout;
mod overrides;
mod unpacked;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use self::arrive::ArchiveSources;
pub(crate) use self::arrive::Arrival;
use self::layout::{PackageLayout, Piece, PieceOrigin};
pub(crate) use self::unpacked::SHRINKWRAP;
use self::unpacked::Unpacked;
use super::{Compared, Evidence, Part, Published, Wants};
use crate::digest::Sri;
use crate::fact::{Fact, NotEstablished, Outcome};
use crate::inventory::Subject;
use crate::lock::Lock;
use crate::policy::{Policy, Requirements};
use crate::subject::Source;
use crate::text;
use crate::tree::{TreeEntry, TreeSpec};

/// What archives are compared for which subjects, and which have to be brought for that.
pub(crate) struct ComparisonPlan<'a> {
    subjects: Vec<Planned<'a>>,
    /// What is wanted of a registry or the cache, each once.
    pub(super) wants: Vec<Wanted>,
}

/// One package version of a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub name: String,
    pub version: String,
    pub integrity: Option<Sri>,
    pub attestations: bool,
}

struct Planned<'a> {
    subject: &'a Subject,
    layout: PackageLayout,
    requirements: Requirements<'a>,
    /// For each piece of the layout, its place in [`ComparisonPlan::wants`].
    wants: Vec<Option<usize>>,
    /// The same for each package inside another one's archive; empty when those were not asked for.
    bundled: Vec<Option<usize>>,
}

/// Plans for `subjects`. Online everything is looked at; without a network only what policy requires, and what needs nothing but the
/// disk. With `bundled`, online also packages that lie in other archives. Reads package.json files and lockfiles, and nothing else.
pub(crate) fn plan<'a>(
    subjects: &[&'a Subject],
    host: Option<&Path>,
    policy: &'a Policy,
    lock: &Lock,
    online: bool,
    bundled: bool,
) -> ComparisonPlan<'a> {
    let mut plan = ComparisonPlan {
        subjects: Vec::new(),
        wants: Vec::new(),
    };
    let mut known: BTreeMap<(String, String, Option<Sri>), usize> = BTreeMap::new();
    for subject in subjects {
        let requirements = policy.requirements(&subject.id, subject.kind, subject.source);
        let wants = Wants::of(subject, &requirements);
        let before = lock
            .package(&subject.id)
            .is_some_and(|entry| entry.provenance.is_some());
        let packed = subject.source == Source::NpmPack;
        // What the lock remembers is looked at even offline, so that lost provenance is noticed; and OpenClaw keeps
        // the archive of a packed install on disk, so that comparison costs no network.
        if !(online || packed || before || wants.anything()) || !layout::has_packages(subject) {
            continue;
        }
        let layout = PackageLayout::read(subject, host);
        let mut want = |piece: &Piece| {
            if piece.origin != PieceOrigin::Registry {
                return None;
            }
            // With the integrity: two lockfiles may record different bytes for one version, and each package must be
            // compared with those that its own lockfile names.
            let key = (piece.name.clone(), piece.version.clone(), piece.integrity);
            let at = *known.entry(key).or_insert_with(|| {
                plan.wants.push(Wanted {
                    name: piece.name.clone(),
                    version: piece.version.clone(),
                    integrity: piece.integrity,
                    attestations: false,
                });
                plan.wants.len() - 1
            });
            if let Some(wanted) = plan.wants.get_mut(at) {
                wanted.attestations |= piece.own;
            }
            Some(at)
        };
        let asked = |piece: &Piece| {
            let own = piece.own && (online || before || wants.provenance || wants.proof);
            let other = !piece.own && (online || wants.dependencies);
            own || other
        };
        let own = layout
            .pieces
            .iter()
            .map(|piece| if asked(piece) { want(piece) } else { None })
            .collect();
        let inside = if bundled && online {
            layout.bundled.iter().map(want).collect()
        } else {
            Vec::new()
        };
        plan.subjects.push(Planned {
            subject,
            layout,
            requirements,
            wants: own,
            bundled: inside,
        });
    }
    plan
}

/// Brings what was planned.
pub(crate) fn arrive(
    plan: &ComparisonPlan<'_>,
    sources: &ArchiveSources<'_>,
    now: Timestamp,
) -> Vec<Arrival> {
    let mut arrivals = arrive::all(&plan.wants, sources);
    arrivals
        .iter_mut()
        .for_each(|arrival| arrival.prove(sources, now));
    arrivals
}

/// Compares, and puts what was found into the evidence.
///
/// # Errors
/// When downloads could not be kept, and when policy names an identity that nothing can be compared with.
pub(crate) fn judge(
    plan: &ComparisonPlan<'_>,
    arrivals: &[Arrival],
    sources: &ArchiveSources<'_>,
    now: Timestamp,
    all: &mut BTreeMap<crate::subject::SubjectId, Evidence>,
) -> crate::error::Result<()> {
    arrivals.iter().try_for_each(Arrival::own_fault)?;
    for planned in &plan.subjects {
        if let Some(evidence) = all.get_mut(&planned.subject.id) {
            evidence.published = published(planned, evidence, arrivals, sources, now)?;
        }
    }
    Ok(())
}

/// What is not known of a subject that was not looked at.
pub(crate) fn unknown(subject: &Subject) -> Published {
    if !layout::has_packages(subject) {
        return Published::default();
    }
    let own = subject.source == Source::Npm;
    Published {
        archive: if own {
            arrive::not_asked()
        } else {
            Fact::NotApplicable
        },
        dependencies: if layout::has_dependencies(subject) {
            arrive::not_asked()
        } else {
            Fact::NotApplicable
        },
        provenance: if own {
            arrive::not_asked()
        } else {
            Fact::NotApplicable
        },
        signatures: if own {
            arrive::not_asked()
        } else {
            Fact::NotApplicable
        },
        day: if own {
            arrive::not_asked()
        } else {
            Fact::NotApplicable
        },
        ..Published::default()
    }
}

fn published(
    planned: &Planned<'_>,
    evidence: &Evidence,
    arrivals: &[Arrival],
    sources: &ArchiveSources<'_>,
    now: Timestamp,
) -> crate::error::Result<Published> {
    let Planned {
        subject, layout, ..
    } = planned;
    let mut found = unknown(subject);
    let installed = match installed(subject, layout, evidence) {
        Ok(installed) => installed,
        Err(why) => {
            found.archive = Fact::not_established(NotEstablished::UnknownLayout, why.clone());
            found.dependencies = Fact::not_established(NotEstablished::UnknownLayout, why);
            return Ok(found);
        }
    };
    // Each file is given to exactly one package first, so that none is compared twice and none with no archive.
    let mut owned = compare::owners(&installed, layout);
    let mut dependencies = Dependencies::default();
    for (at, piece) in layout.pieces.iter().enumerate() {
        let files = owned
            .files
            .get_mut(at)
            .map(std::mem::take)
            .unwrap_or_default();
        let arrival = planned
            .wants
            .get(at)
            .copied()
            .flatten()
            .and_then(|at| arrivals.get(at));
        let registry = arrival.and_then(Arrival::registry);
        found.registries.extend(registry.map(str::to_owned));
        let compared = compare::piece(piece, files, unpacked(piece, arrival), layout);
        if compared.archive.is_some()
            || compared.fact.outcome() == Outcome::Violated
            || arrival.is_some()
        {
            found
                .packages
                .push(compared_package(piece, &compared, arrival));
        }
        if piece.own {
            found.archive = compared.fact;
            found.differences = compared.differences;
            // Who built what no record explains is not asked.
            if let Some(arrival) = arrival.filter(|_| subject.source != Source::Unrecorded) {
                arrival.origin(&planned.requirements, sources, now, &mut found)?;
            }
        } else {
            dependencies.add(piece, compared);
        }
    }
    for (piece, want) in layout.bundled.iter().zip(&planned.bundled) {
        let arrival = want.and_then(|at| arrivals.get(at));
        let published = unpacked_bundled(piece, arrival);
        let compared = compare::bundled(piece, &installed, published, layout);
        found
            .packages
            .push(compared_package(piece, &compared, arrival));
    }
    // A file of no package came by no archive: Node would load it, so it counts like a changed one.
    dependencies.strays(owned.strays);
    // Whatever came by another archive counts, also inside the subject's own folder.
    if layout::has_dependencies(subject) || !dependencies.is_empty() {
        (found.dependencies, found.dependency_differences) = dependencies.finish();
    }
    // Files of the subject's own tree that came by another archive: nothing says that its publisher wanted them there.
    if let (true, Fact::Verified(_)) = (owned.foreign_in_tree, &found.archive) {
        found.provenance = match found.provenance {
            Fact::Verified(_) => Fact::not_established(
                NotEstablished::UnknownLayout,
                "packages lie inside its folder that its own archive does not hold",
            ),
            other => other,
        };
        found.signatures = Fact::NotApplicable;
    }
    Ok(found)
}

/// The same of a package that came in another one's archive: no integrity of it is recorded, so where its registry contradicts itself,
/// that is no word about what is installed.
fn unpacked_bundled(piece: &Piece, arrival: Option<&Arrival>) -> Fact<Arc<Unpacked>> {
    match unpacked(piece, arrival) {
        Fact::Violated { why, .. } if piece.origin == PieceOrigin::Registry => {
            Fact::not_established(NotEstablished::UnsupportedSchema, why)
        }
        other => other,
    }
}

/// The archive that a package should equal.
fn unpacked(piece: &Piece, arrival: Option<&Arrival>) -> Fact<Arc<Unpacked>> {
    match (&piece.origin, arrival) {
        (PieceOrigin::Pack(folder), _) => arrive::packed(folder, piece.integrity),
        (PieceOrigin::Unknown(why), _) => {
            Fact::not_established(NotEstablished::UnknownLayout, why.clone())
        }
        (PieceOrigin::Wrong(why), _) => Fact::violated(None, why.clone()),
        (PieceOrigin::Registry, Some(arrival)) => arrival.unpacked(),
        (PieceOrigin::Registry, None) => arrive::not_asked(),
    }
}

fn compared_package(
    piece: &Piece,
    compared: &compare::PieceOutcome,
    arrival: Option<&Arrival>,
) -> Compared {
    Compared {
        path: piece.path.clone(),
        own: piece.own,
        archive: compared.archive,
        fact: compared.fact.clone(),
        differences: compared.differences.clone(),
        unpublished: arrival.is_some_and(Arrival::unpublished),
    }
}

/// Every file of the subject by its path below the project.
fn installed<'e>(
    subject: &Subject,
    layout: &PackageLayout,
    evidence: &'e Evidence,
) -> Result<Vec<(String, &'e TreeEntry)>, String> {
    let trees = &subject.trees;
    let own = layout.pieces.iter().any(|piece| piece.own);
    let parts: [(Option<&TreeSpec>, &Part); 3] = [
        (trees.tree.as_ref().filter(|_| own), &evidence.tree),
        (trees.dependencies.as_ref(), &evidence.dependencies),
        (trees.siblings.as_ref(), &evidence.siblings),
    ];
    let mut all = Vec::new();
    for (spec, part) in parts {
        let Some(spec) = spec else { continue };
        // Lockfiles name packages by their path below the project, trees by the path below their own root.
        let prefix = layout
            .below(&spec.root)
            .ok_or("its folders do not lie in one project")?;
        let tree = match &part.measured {
            Some(Ok(tree)) => tree,
            Some(Err(crate::tree::TreeError::Missing)) | None => continue,
            // A part without a digest (a limit, an unsafe entry) could hide any file, so nothing is compared.
            Some(Err(error)) => return Err(format!("its files have no digest: {error}")),
        };
        let full = |path: &str| {
            if prefix.is_empty() {
                path.to_owned()
            } else {
                format!("{prefix}/{path}")
            }
        };
        all.extend(
            tree.manifest
                .entries()
                .iter()
                .map(|entry| (full(&entry.path), entry)),
        );
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

/// The sum over all packages of the dependencies.
#[derive(Default)]
struct Dependencies {
    equal: usize,
    wrong: Vec<String>,
    differences: Vec<String>,
    open: Vec<(NotEstablished, String)>,
}

impl Dependencies {
    fn add(&mut self, piece: &Piece, compared: compare::PieceOutcome) {
        match compared.fact {
            Fact::Verified(_) => self.equal += 1,
            Fact::Violated { why, .. } => {
                self.wrong.push(piece.label());
                self.differences.push(why);
                self.differences.extend(compared.differences);
            }
            Fact::NotEstablished { code, why } => {
                self.open.push((code, format!("{}: {why}", piece.label())))
            }
            Fact::NotApplicable => {}
        }
    }

    /// Files that belong to no package.
    fn strays(&mut self, strays: Vec<String>) {
        if !strays.is_empty() {
            self.wrong.push("files outside any package".to_owned());
            self.differences
                .extend(strays.into_iter().map(|path| format!("added {path}")));
        }
    }

    fn is_empty(&self) -> bool {
        self.equal == 0 && self.wrong.is_empty() && self.open.is_empty()
    }

    fn finish(self) -> (Fact<()>, Vec<String>) {
        const NAMED: usize = 5;
        let named = |names: &[String]| {
            let more = names.len().saturating_sub(NAMED);
            let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
            if more == 0 {
                first.join(", ")
            } else {
                format!("{} and {more} more", first.join(", "))
            }
        };
        if !self.wrong.is_empty() {
            let why = format!(
                "of its dependencies, these are not as published: {}",
                named(&self.wrong)
            );
            return (Fact::violated(None, why), self.differences);
        }
        // What the registry does not have weighs more than what is unknown.
        let gone = self
            .open
            .iter()
            .find(|(code, _)| *code == NotEstablished::NotInRegistry);
        if let Some((code, first)) = gone.or(self.open.first()) {
            let (count, all) = (self.open.len(), self.open.len() + self.equal);
            return (
                Fact::not_established(
                    *code,
                    format!(
                        "{count} of {}, such as {first}",
                        text::count(all, "package")
                    ),
                ),
                Vec::new(),
            );
        }
        // None at all is as good as all: no file is there that did not come by an archive.
        (Fact::Verified(()), Vec::new())
    }
}

impl Piece {
    /// `name@version`, safe to show.
    fn label(&self) -> String {
        format!(
            "{}@{}",
            text::excerpt(&self.name, 100),
            text::excerpt(&self.version, 60)
        )
    }
}
