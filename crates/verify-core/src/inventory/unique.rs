//! One id, one subject; and which of two plugins of the same name OpenClaw takes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::plugin::{PluginOrigin, policy_id};
use super::records::Plugin;
use super::{Observation, Subject};
use crate::digest::Sha256Digest;
use crate::subject::SubjectId;

/// Gives each subject of a shared id, but the first, an id of its own, made of its place.
///
/// The first is a recorded one, then the one whose place sorts first: the order in which files are found plays no part.
pub(super) fn ids<'a>(subjects: impl Iterator<Item = &'a mut Subject>) {
    let mut subjects: Vec<&mut Subject> = subjects.collect();
    subjects.sort_by_cached_key(|s| (s.id.clone(), s.record.is_none(), s.place.shown.clone()));
    let mut taken: BTreeSet<SubjectId> =
        subjects.iter().map(|subject| subject.id.clone()).collect();
    let mut keeper: Option<&mut Subject> = None;
    for subject in subjects {
        match &mut keeper {
            Some(keeper) if keeper.id == subject.id => {
                subject.id = fresh(&subject.id, &subject.place.shown, &mut taken);
                keeper.observations.push(Observation::Shadows {
                    hidden: subject.id.clone(),
                });
            }
            _ => keeper = Some(subject),
        }
    }
}

fn fresh(id: &SubjectId, place: &str, taken: &mut BTreeSet<SubjectId>) -> SubjectId {
    let mut place = place.to_owned();
    loop {
        let digest = Sha256Digest::of(place.as_bytes()).hex();
        let fresh = SubjectId::new(
            id.scheme(),
            &format!("{}~{}", id.name(), digest.get(..8).unwrap_or_default()),
        );
        if taken.insert(fresh.clone()) {
            return fresh;
        }
        place.push('~');
    }
}

/// Tells which plugins hide others of the same id, by OpenClaw's precedence. [S `resolveDuplicatePrecedenceRank`]
pub(super) fn shadows(plugins: &mut [Plugin], host: Option<&Path>) {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (n, plugin) in plugins.iter().enumerate() {
        by_name
            .entry(policy_id(&plugin.subject.name))
            .or_default()
            .push(n);
    }
    for (name, mut group) in by_name {
        group.sort_by_key(|n| {
            plugins
                .get(*n)
                .map(|plugin| (rank(plugin), plugin.subject.id.clone()))
        });
        let Some((&winner, losers)) = group.split_first() else {
            continue;
        };
        let mut hidden: Vec<SubjectId> = losers
            .iter()
            .filter_map(|n| Some(plugins.get(*n)?.subject.id.clone()))
            .collect();
        if bundled(&name, host) {
            hidden.push(SubjectId::core());
        }
        let Some(winner) = plugins.get_mut(winner) else {
            continue;
        };
        // Against a plugin that OpenClaw brings, only a configured or recorded one wins.
        let wins = rank(winner) <= 2;
        hidden.retain(|id| wins || *id != SubjectId::core());
        winner.subject.observations.extend(
            hidden
                .into_iter()
                .map(|hidden| Observation::Shadows { hidden }),
        );
    }
}

/// Whether the host package brings a plugin of this id.
fn bundled(plugin_id: &str, host: Option<&Path>) -> bool {
    let plain = !plugin_id.is_empty()
        && !plugin_id.contains(['/', '\\', '\0'])
        && plugin_id != "."
        && plugin_id != "..";
    plain && host.is_some_and(|host| host.join("dist/extensions").join(plugin_id).is_dir())
}

fn rank(plugin: &Plugin) -> u8 {
    match plugin.origin {
        PluginOrigin::Config => 0,
        PluginOrigin::Global if plugin.key.is_some() => 2,
        PluginOrigin::Workspace => 4,
        PluginOrigin::Global => 5,
    }
}
