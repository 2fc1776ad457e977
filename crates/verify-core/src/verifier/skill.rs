//! A skill that is not installed yet, judged by the same rules and the same policy as one that is.

use std::io::Read as _;
use std::path::Path;

use super::{Case, Scope, Verifier};
use crate::archive::{self, Binary, UnpackError};
use crate::error::{Error, Result};
use crate::fact::Outcome;
use crate::inventory::staged::request;
use crate::inventory::staged::skill::SkillPackage;
use crate::inventory::{Inventory, Observation, Subject};
use crate::report::{Report, ShippedRecord, SkillArchive, SkillContents, SkillStep};
use crate::review::diff::CostLimits;
use crate::rules::Stage;
use crate::subject::SubjectId;
use crate::tree::{Manifest, Mode, Tree};
use crate::{read, text};

/// What is judged of a skill.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SkillReport {
    /// What is inside.
    pub contents: SkillContents,
    /// Who signed it, when that is verified: as `oms:…`, the name in lock and policy.
    pub signer: Option<String>,
    /// What its signature proves; does not apply where policy names no signer of it, or it has no signature.
    pub signature: Outcome,
    /// The findings, as a report about this one subject.
    pub report: Report,
    manifest: Option<Manifest>,
}

impl Verifier {
    /// Judges a skill: as `id`, where the caller says under which it will be installed, else as the locked one that has its name.
    ///
    /// # Errors
    /// When no verdict could be reached, as [`Verifier::check`], and when `id` is none that a skill can have.
    pub fn skill(&self, package: &SkillPackage, id: Option<&SubjectId>) -> Result<SkillReport> {
        let lock = self.lock.clone().unwrap_or_default();
        let no = |why: String| Error::Subject {
            place: package.shown.clone(),
            why,
            help: None,
        };
        let mut staged =
            request::files(&package.request, &lock, None).map_err(|why| no(why.to_string()))?;
        staged.subject.place.shown.clone_from(&package.shown);
        let mut subject = match id {
            Some(id) => {
                fits(id)?;
                Subject {
                    id: id.clone(),
                    ..staged.subject.clone()
                }
            }
            None => {
                // What is locked with these bytes, else what is locked under its name.
                let empty = Inventory::of(staged.subject.clone());
                let measured = self.gather(&empty, &lock, &Scope::Everything)?;
                let tree = measured.tree(&staged.subject.id).flatten();
                let is_locked = |id: &SubjectId| lock.package(id).is_some();
                let same = |id: &SubjectId| {
                    tree.is_some() && lock.package(id).is_some_and(|entry| entry.tree == tree)
                };
                let any_same = staged.subject.may_become.iter().any(same);
                staged.subject_as(|id| if any_same { same(id) } else { is_locked(id) })
            }
        };
        if let Some(why) = package.not_loaded() {
            subject.observations.push(Observation::NotLoaded { why });
        }
        let privileged = package.archive.as_ref();
        let privileged = privileged.and_then(Observation::of_privileged);
        subject.observations.extend(privileged);
        let id = subject.id.clone();
        let inventory = Inventory::of(subject);
        let measured = self.gather(&inventory, &lock, &Scope::Everything)?;
        let tagged = self.tagged(&inventory, &lock, measured)?;
        let evidence = self.reviewed(&inventory, tagged, CostLimits::CHECK);
        let scope = Scope::Everything;
        let case = Case::new(Stage::Packed, &inventory, &lock, &scope);
        let mut report = self.report(&case, &evidence);
        for subject in &mut report.subjects {
            subject.enabled = false;
        }
        let found = evidence
            .get(&id)
            .ok_or_else(|| no("nothing was read of it".to_owned()))?;
        let subject = inventory
            .subjects
            .first()
            .ok_or_else(|| no("nothing was read of it".to_owned()))?;
        let tree = found.tree.tree();
        let signature = found.signature.as_ref();
        Ok(SkillReport {
            contents: contents(package, subject, tree),
            signer: signature
                .and_then(|signature| signature.signer())
                .map(|signer| text::excerpt(signer.as_str(), 400)),
            signature: signature.map_or(Outcome::NotApplicable, |found| found.fact.outcome()),
            manifest: tree.map(|tree| tree.manifest.clone()),
            report,
        })
    }
}

/// Whether OpenClaw gives a skill an id of this form.
fn fits(id: &SubjectId) -> Result<()> {
    let parts: Vec<&str> = id.name().split('/').collect();
    let why = match id.scheme() {
        "skill" if parts.len() < 2 => "names no folder of skills before its name",
        "clawhub" if parts.len() != 2 => "is not an owner and a name",
        "git" if parts.len() < 3 => "is not a host, an owner and a repository",
        "skill" | "clawhub" | "git" if parts.iter().any(|part| part.trim().is_empty()) => {
            "has an empty part"
        }
        "skill" | "clawhub" | "git" => return Ok(()),
        _ => "is of another kind",
    };
    Err(Error::environment(
        format!("{id} is no id that a skill can have: it {why}"),
        "such as skill:workspace/NAME, clawhub:OWNER/NAME or git:HOST/OWNER/REPOSITORY",
    ))
}

impl SkillReport {
    /// Writes the files that were judged to `target`, which must not exist; nothing else, and nothing that changed since.
    ///
    /// # Errors
    /// See [`UnpackError`]. Nothing is left behind then.
    pub fn unpack(
        &self,
        package: &SkillPackage,
        target: &Path,
    ) -> std::result::Result<(), UnpackError> {
        let Some(manifest) = &self.manifest else {
            return Err(UnpackError::Differs);
        };
        archive::copy_tree(&package.root, manifest, target)
    }
}

fn contents(package: &SkillPackage, subject: &Subject, tree: Option<&Tree>) -> SkillContents {
    let shown = |text: &str| text::excerpt(text, 200);
    let entries = || tree.iter().flat_map(|tree| tree.manifest.entries());
    let binaries = entries().filter_map(|entry| {
        if entry.mode == Mode::Symlink {
            return None;
        }
        let format = archive::format_of(&head(&package.root.join(&entry.path)))?;
        Some(Binary {
            path: shown(&entry.path),
            format,
        })
    });
    SkillContents {
        id: subject.id.to_string(),
        name: shown(&subject.name),
        version: subject.version.as_deref().map(shown),
        form: package.form,
        archive: package.archive.as_ref().map(|archive| SkillArchive {
            integrity: archive.integrity,
            sha256: archive.sha256,
            packed: archive.packed,
        }),
        tree: tree.map(|tree| tree.digest),
        files: tree.map_or(0, |tree| tree.files),
        bytes: tree.map_or(0, |tree| tree.bytes),
        shipped_records: package
            .shipped_records()
            .into_iter()
            .map(|(path, says)| ShippedRecord {
                path,
                says: says.as_deref().map(shown),
            })
            .collect(),
        install_steps: subject
            .install_steps
            .iter()
            .map(|step| SkillStep {
                kind: shown(&step.kind),
                target: shown(&step.target),
            })
            .collect(),
        executables: entries()
            .filter(|entry| entry.mode == Mode::Executable)
            .map(|entry| shown(&entry.path))
            .collect(),
        binaries: binaries.collect(),
    }
}

/// The first bytes of a file; none where it cannot be read. For showing only: nothing is judged by them.
fn head(path: &Path) -> Vec<u8> {
    let mut first = Vec::new();
    if let Ok((file, _)) = read::open(path) {
        let _ = file.take(4).read_to_end(&mut first);
    }
    first
}
