//! One folder that is reached by several ways (links of `npx skills add`, `extraDirs`) is one skill.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::Observation;
use super::super::skill_roots::Root;
use super::Skill;
use crate::subject::SubjectId;

/// Keeps one of the skills that are the same folder, digested in the same way: that with the id of its record, else the one that OpenClaw
/// prefers. What was observed of any of them is observed of that one, and it is enabled where one of them is.
///
/// Comes after shadows were looked for: each of the ways may be in another agent's view.
pub(super) fn once(roots: &[Root], skills: Vec<Skill>) -> Vec<Skill> {
    let mut ways: BTreeMap<PathBuf, Vec<Skill>> = BTreeMap::new();
    let mut kept = Vec::new();
    for skill in skills {
        let root = roots.get(skill.candidate.root);
        // Parts of plugins are digested with the plugin as their boundary, and without records. A link that OpenClaw does not follow is
        // no way to load anything.
        let loaded = skill.candidate.loaded;
        if loaded && root.is_some_and(|root| root.records && root.plugin.is_none()) {
            ways.entry(skill.candidate.real.clone())
                .or_default()
                .push(skill);
        } else {
            kept.push(skill);
        }
    }
    let mut instead: BTreeMap<SubjectId, SubjectId> = BTreeMap::new();
    for mut same in ways.into_values() {
        same.sort_by_key(|skill| {
            let recorded = skill.recorded_id().as_ref() == Some(&skill.subject.id);
            let rank = roots.get(skill.candidate.root).map_or(0, |root| root.rank);
            std::cmp::Reverse((recorded, rank))
        });
        let mut same = same.into_iter();
        let Some(mut first) = same.next() else {
            continue;
        };
        for other in same {
            instead.insert(other.subject.id.clone(), first.subject.id.clone());
            first.subject.enabled |= other.subject.enabled;
            let new: Vec<Observation> = other
                .subject
                .observations
                .into_iter()
                .filter(|observation| !first.subject.observations.contains(observation))
                .collect();
            first.subject.observations.extend(new);
        }
        kept.push(first);
    }
    for skill in &mut kept {
        hide_kept_ones(skill, &instead);
    }
    kept
}

/// Names in place of a skill that is not kept the one that is, once.
fn hide_kept_ones(skill: &mut Skill, instead: &BTreeMap<SubjectId, SubjectId>) {
    let own = skill.subject.id.clone();
    let mut seen = BTreeSet::new();
    skill.subject.observations.retain_mut(|observation| {
        let Observation::Shadows { hidden } = observation else {
            return true;
        };
        if let Some(kept) = instead.get(hidden) {
            *hidden = kept.clone();
        }
        *hidden != own && seen.insert(hidden.clone())
    });
}
