//! The id of every skill, and which of two with one name hides the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::super::Observation;
use super::super::context::{Context, Found, PluginRoot};
use super::super::ids::{self, Ids};
use super::super::skill_roots::{Loader, Root};
use super::{Skill, twice};
use crate::subject::SubjectId;

/// Gives every skill its id and its place in the order of precedence.
pub(super) fn name_and_add(
    ctx: &Context<'_>,
    roots: &[Root],
    mut skills: Vec<Skill>,
    plugins: &[PluginRoot],
    found: &mut Found,
) {
    // The skill whose folder has its name comes first, so that a newcomer of the same name does not get its id.
    let named = |skill: &Skill| skill.candidate.relative != skill.subject.name;
    skills.sort_by(|a, b| {
        (a.candidate.root, named(a), &a.candidate.relative).cmp(&(
            b.candidate.root,
            named(b),
            &b.candidate.relative,
        ))
    });
    let mut claims: BTreeMap<SubjectId, BTreeSet<&Path>> = BTreeMap::new();
    for skill in &skills {
        if let Some(id) = skill.recorded_id() {
            claims.entry(id).or_default().insert(&skill.candidate.real);
        }
    }
    let claims: BTreeMap<SubjectId, usize> = claims
        .into_iter()
        .map(|(id, folders)| (id, folders.len()))
        .collect();
    let mut ids = Ids::with(plugins.iter().map(|plugin| plugin.subject.clone()));
    for skill in &mut skills {
        let Some(root) = roots.get(skill.candidate.root) else {
            continue;
        };
        let recorded = skill
            .recorded_id()
            .filter(|id| claims.get(id) == Some(&1) && ids.is_free(id));
        skill.subject.id = match recorded {
            Some(id) if ids.take_exactly(&id) => id,
            _ => {
                let plain = format!("{}/{}", root.label, ids::part(&skill.subject.name));
                let exact = format!("{}/{}{}", root.label, root.within, skill.candidate.relative);
                ids.take("skill", &[plain, exact])
            }
        };
        skill.subject.enabled = is_enabled(ctx, root, skill);
    }
    add_shadows(ctx, roots, &mut skills);
    let skills = twice::once(roots, skills);
    found
        .subjects
        .extend(skills.into_iter().map(|skill| skill.subject));
}

fn add_shadows(ctx: &Context<'_>, roots: &[Root], skills: &mut [Skill]) {
    let mut hides: BTreeSet<(usize, usize)> = BTreeSet::new();
    let rank = |skill: &Skill| roots.get(skill.candidate.root).map_or(0, |root| root.rank);
    for view in 0..ctx.workspaces.len().max(1) {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, skill) in skills.iter().enumerate() {
            let Some(root) = roots.get(skill.candidate.root) else {
                continue;
            };
            let seen = match root.loader {
                Loader::All => true,
                Loader::Workspace(workspace) => workspace == view,
                // Which agent has which workspace is not asked here: a workshop skill is taken to be in every view.
                Loader::Agent(_) => true,
                Loader::Nobody => false,
            };
            if seen && skill.candidate.loaded {
                by_name.entry(&skill.subject.name).or_default().push(number);
            }
        }
        for same in by_name.values().filter(|same| same.len() > 1) {
            // Within one root the later folder wins.
            let order = |number: &usize| {
                skills
                    .get(*number)
                    .map(|s| (rank(s), s.candidate.relative.clone()))
            };
            let Some(winner) = same.iter().copied().max_by_key(|n| order(n)) else {
                continue;
            };
            let real = |n: usize| skills.get(n).map(|s| &s.candidate.real);
            hides.extend(
                same.iter()
                    .copied()
                    .filter(|n| *n != winner && real(*n) != real(winner))
                    .map(|n| (winner, n)),
            );
        }
    }
    for (winner, hidden) in hides {
        let Some(hidden) = skills.get(hidden).map(|s| s.subject.id.clone()) else {
            continue;
        };
        if let Some(winner) = skills.get_mut(winner) {
            winner
                .subject
                .observations
                .push(Observation::Shadows { hidden });
        }
    }
}

/// Whether some agent would get the skill as configured now.
fn is_enabled(ctx: &Context<'_>, root: &Root, skill: &Skill) -> bool {
    let entry = ctx.config_at(&["skills", "entries"]).get(&skill.key);
    if entry.and_then(|e| e.get("enabled")) == Some(&Value::Bool(false))
        || !skill.candidate.loaded
        || root.loader == Loader::Nobody
    {
        return false;
    }
    let allows = |filter: &Value| match filter.as_array() {
        Some(names) => names.iter().any(|name| {
            name.as_str()
                .is_some_and(|n| n.trim() == skill.subject.name)
        }),
        None => true,
    };
    let defaults = ctx.config_at(&["agents", "defaults", "skills"]);
    let entries = ctx.config_at(&["agents", "entries"]).as_object();
    let own = |agent: &Value| {
        agent
            .as_object()
            .and_then(|a| a.get("skills"))
            .map_or_else(|| allows(defaults), allows)
    };
    match root.loader {
        Loader::Workspace(number) => {
            let agent = ctx.workspaces.get(number).and_then(|w| w.agent.as_deref());
            agent
                .and_then(|id| entries?.get(id))
                .map_or_else(|| allows(defaults) || any(entries, &own), own)
        }
        _ => allows(defaults) || any(entries, &own),
    }
}

fn any(entries: Option<&serde_json::Map<String, Value>>, test: &dyn Fn(&Value) -> bool) -> bool {
    entries.is_some_and(|entries| entries.values().any(test))
}
