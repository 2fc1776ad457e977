//! The locks of ClawHub and of the `skills` command, compared with the skills of their roots.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::context::Found;
use super::super::paths::Paths;
use super::super::skill_record::{self, LockEntry};
use super::super::skill_roots::{Loader, Root};
use super::super::{Observation, skill_hashes, tool_records};
use super::{Skill, conflict, hash_conflict};
use crate::read::ReadError;
use crate::text;
use crate::tree::skill_record::BadRecord;

/// Compares the locks of ClawHub and of the `skills` command with the skills of their roots.
pub(super) fn compare_locks(
    roots: &[Root],
    skills: &mut [Skill],
    paths: &Paths,
    found: &mut Found,
) {
    let bases: BTreeSet<&PathBuf> = roots
        .iter()
        .filter_map(|root| root.lock_base.as_ref())
        .collect();
    for base in bases {
        let here = |skill: &Skill| {
            roots
                .get(skill.candidate.root)
                .and_then(|root| root.lock_base.as_ref())
                == Some(base)
        };
        let mut get =
            |relative: &str| match paths.text(&base.join(relative), skill_record::MAX_LOCK) {
                Ok(text) => Some(text),
                Err(ReadError::NotFound) => None,
                Err(error) => {
                    let place = paths.shown(&base.join(relative));
                    found.observations.push(Observation::Unreadable {
                        place,
                        why: error.to_string(),
                    });
                    None
                }
            };
        let lock = skill_record::CLAWHUB_LOCKS
            .iter()
            .find_map(|relative| Some((*relative, get(relative)?)));
        let other = get(skill_record::SKILLS_LOCK).map(|text| (skill_record::SKILLS_LOCK, text));
        if let Some((relative, text)) = lock {
            match skill_record::clawhub_lock(&text) {
                Ok(entries) => compare_clawhub(
                    &entries,
                    skills,
                    &here,
                    &paths.shown(&base.join("skills")),
                    found,
                ),
                Err(why) => unreadable(paths, &base.join(relative), &why, found),
            }
        }
        if let Some((relative, text)) = other {
            match skill_record::skills_lock(&text) {
                Ok(entries) => {
                    let place = paths.shown(&base.join(relative));
                    compare_skills_lock(&entries, skills, &here, &place);
                }
                Err(why) => unreadable(paths, &base.join(relative), &why, found),
            }
        }
    }
}

/// Compares the locks of other tools with the skills that they name.
pub(super) fn compare_tools(
    roots: &[Root],
    skills: &mut [Skill],
    paths: &Paths,
    found: &mut Found,
) {
    let workspaces: BTreeSet<&PathBuf> = roots
        .iter()
        .filter(|root| matches!(root.loader, Loader::Workspace(_)))
        .filter_map(|root| root.lock_base.as_ref())
        .collect();
    let workspaces: Vec<&PathBuf> = workspaces.into_iter().collect();
    // `~/.agents/skills` is a root only where `~/.openclaw` is what is judged.
    let personal = roots.iter().find(|root| root.label == "personal");
    let home = personal.and_then(|root| root.folder.parent()?.parent());
    let is_workspace = |base: &&Path| workspaces.iter().any(|one| one.as_path() == *base);
    let installed: Vec<tool_records::Installed<'_>> = skills
        .iter()
        .map(|skill| tool_records::Installed {
            folder: &skill.candidate.folder,
            real: &skill.candidate.real,
            base: roots
                .get(skill.candidate.root)
                .and_then(|root| root.lock_base.as_deref())
                .filter(is_workspace),
            tree: skill.subject.trees.tree.as_ref(),
        })
        .collect();
    let records = tool_records::of(&installed, &workspaces, home, paths, &mut found.not_covered);
    for (skill, records) in skills.iter_mut().zip(records) {
        skill.subject.tool_records.extend(records);
    }
}

fn unreadable(paths: &Paths, file: &Path, why: &BadRecord, found: &mut Found) {
    let why = format!("is not the lock that was expected: it {why}");
    found.observations.push(Observation::Unreadable {
        place: paths.shown(file),
        why,
    });
}

/// Numbers of the skills of one root, by folder name and by the slug of their record.
fn by_name(skills: &[Skill], here: &dyn Fn(&Skill) -> bool) -> BTreeMap<String, BTreeSet<usize>> {
    let mut names: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (number, skill) in skills.iter().enumerate().filter(|(_, skill)| here(skill)) {
        let folder = skill
            .candidate
            .folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned());
        let slug = skill.clawhub.as_ref().map(|origin| origin.slug.clone());
        for name in folder.into_iter().chain(slug) {
            names.entry(name).or_default().insert(number);
        }
    }
    names
}

fn compare_clawhub(
    entries: &[LockEntry],
    skills: &mut [Skill],
    here: &dyn Fn(&Skill) -> bool,
    place: &str,
    found: &mut Found,
) {
    let names = by_name(skills, here);
    for entry in entries {
        let Some(numbers) = names.get(&entry.slug) else {
            let path = format!("{place}/{}", text::excerpt(&entry.slug, 80));
            found
                .observations
                .push(Observation::MissingFolder { path, left: None });
            continue;
        };
        for number in numbers {
            let Some(skill) = skills.get_mut(*number) else {
                continue;
            };
            let Some(origin) = &skill.clawhub else {
                // Left behind when a skill was replaced by hand; the folder itself may be as honest as any without a record.
                let found = "the skill has no record of ClawHub beside it";
                skill.subject.observations.extend(conflict(
                    "record",
                    "ClawHub's lock lists the skill",
                    found,
                    true,
                ));
                continue;
            };
            let mut check = |what, lock: &Option<String>, origin: Option<&String>| {
                if let (Some(lock), Some(origin)) = (lock, origin) {
                    skill
                        .subject
                        .observations
                        .extend(conflict(what, lock, origin, false));
                }
            };
            check("version", &entry.version, Some(&origin.version));
            check("registry", &entry.registry, Some(&origin.registry));
            check("name", &entry.owner, origin.owner.as_ref());
            check("hash", &entry.file_tree, origin.file_tree.as_ref());
        }
    }
}

fn compare_skills_lock(
    entries: &[(String, String)],
    skills: &mut [Skill],
    here: &dyn Fn(&Skill) -> bool,
    place: &str,
) {
    let names = by_name(skills, here);
    for (name, recorded) in entries {
        for number in names.get(name).into_iter().flatten() {
            let Some(skill) = skills.get_mut(*number) else {
                continue;
            };
            let now = skill_hashes::skills_lock(&skill.candidate.real);
            if now.as_ref() == Ok(recorded) {
                let record = tool_records::ToolRecord::skills_lock(place.to_owned());
                skill.subject.tool_records.push(record);
            }
            skill
                .subject
                .observations
                .extend(hash_conflict(recorded, now, true));
        }
    }
}
