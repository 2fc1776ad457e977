//! Alias sets: one hole is one finding, whatever ids it goes by.

use std::collections::BTreeMap;

use super::Severity;
use super::order::Orders;
use super::ranges::Hit;
use super::record::{Entry, Event, is_malware};

/// Most ranges that are kept to be shown.
const MAX_RANGES: usize = 100;

/// What the records of one alias set say of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Match {
    /// The ids of the records that say so: `MAL-` before others, sorted.
    pub ids: Vec<String>,
    /// Every other id of the set, sorted.
    pub aliases: Vec<String>,
    /// Whether one of the records says that it is malware.
    pub malicious: bool,
    /// The worst severity that one of them states.
    pub severity: Severity,
    /// One line about it, safe to show; empty where no record has one.
    pub summary: String,
    /// Where the two orders for OpenClaw's versions disagree, by which of them it is affected.
    pub only_in: Option<Orders>,
    /// No record is sure: an end of the range, or the version, cannot be ordered.
    pub unclear: bool,
    /// The first versions that are not affected any more, as the records say, sorted by text.
    pub fixed: Vec<String>,
    /// The affected ranges that the records state, each once, in their order; what they list by version is not among them.
    pub ranges: Vec<Vec<Event>>,
}

impl Match {
    /// Every id that it goes by.
    pub fn all_ids(&self) -> impl Iterator<Item = &String> {
        self.ids.iter().chain(&self.aliases)
    }
}

/// Joins what the entries say that hit. Aliases are followed through all of them, also in circles.
#[must_use]
pub fn merge(hits: &[(&Entry, Hit)]) -> Vec<Match> {
    let hits: Vec<&(&Entry, Hit)> = hits.iter().filter(|(_, hit)| *hit != Hit::No).collect();
    // The set of each entry, by its lowest index; ids lead from one entry to the next.
    let mut set: Vec<usize> = (0..hits.len()).collect();
    let mut first_with: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, (entry, _)) in hits.iter().enumerate() {
        for id in std::iter::once(&entry.id).chain(&entry.aliases) {
            let other = *first_with.entry(id.as_str()).or_insert(at);
            let (Some(a), Some(b)) = (set.get(at).copied(), set.get(other).copied()) else {
                continue;
            };
            let low = a.min(b);
            for one in &mut set {
                if *one == a || *one == b {
                    *one = low;
                }
            }
        }
    }
    let mut sets: BTreeMap<usize, Vec<&(&Entry, Hit)>> = BTreeMap::new();
    for (hit, set) in hits.iter().zip(&set) {
        sets.entry(*set).or_default().push(hit);
    }
    let mut matches: Vec<Match> = sets.into_values().map(|set| one(&set)).collect();
    matches.sort_by(|a, b| a.ids.cmp(&b.ids));
    matches
}

fn one(set: &[&(&Entry, Hit)]) -> Match {
    let entries = || set.iter().map(|(entry, _)| entry);
    let mut ids: Vec<String> = entries().map(|entry| entry.id.clone()).collect();
    ids.sort_by_key(|id| (!is_malware(id), id.clone()));
    ids.dedup();
    let mut aliases: Vec<String> = entries()
        .flat_map(|entry| entry.aliases.iter().cloned())
        .filter(|alias| !ids.contains(alias))
        .collect();
    aliases.sort();
    aliases.dedup();
    let sure = set.iter().any(|(_, hit)| *hit == Hit::Yes);
    let only_in = set.iter().find_map(|(_, hit)| match hit {
        Hit::OnlyIn(orders) if !sure => Some(*orders),
        _ => None,
    });
    let mut fixed: Vec<String> = entries()
        .flat_map(|entry| entry.ranges.iter().flatten())
        .filter_map(|event| match event {
            Event::Fixed(at) => Some(at.clone()),
            _ => None,
        })
        .collect();
    fixed.sort();
    fixed.dedup();
    let mut ranges: Vec<Vec<Event>> = Vec::new();
    for range in entries().flat_map(|entry| &entry.ranges) {
        if ranges.len() < MAX_RANGES && !ranges.contains(range) {
            ranges.push(range.clone());
        }
    }
    Match {
        malicious: entries().any(|entry| entry.is_malicious()),
        severity: entries()
            .map(|entry| entry.severity)
            .max()
            .unwrap_or_default(),
        summary: entries()
            .map(|entry| entry.summary.as_str())
            .find(|summary| !summary.is_empty())
            .unwrap_or_default()
            .to_owned(),
        only_in,
        unclear: !sure && only_in.is_none(),
        ids,
        aliases,
        fixed,
        ranges,
    }
}
