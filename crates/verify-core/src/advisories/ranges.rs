//! Whether a version is affected: `versions` or `ranges`, as the OSV schema says under "Evaluation".

use std::cmp::Ordering;

use super::order::{Ordered, Orders, is_openclaw};
use super::record::{Entry, Event};
use crate::spec::plain_version;

/// What an entry says of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hit {
    /// It is not affected.
    No,
    /// It is affected.
    Yes,
    /// The two orders that count for OpenClaw's packages disagree; the worse one stands. Says by which it is affected.
    OnlyIn(Orders),
    /// The version, or an end of the range, has no place in the order, so it may be affected.
    Unclear,
}

impl Entry {
    /// Whether version `version` of package `name`, which this entry is about, is affected.
    #[must_use]
    pub fn judge(&self, name: &str, version: &str) -> Hit {
        if self.versions.iter().any(|listed| same(listed, version)) {
            return Hit::Yes;
        }
        let ordered = Ordered::parse(version);
        let by = |orders| {
            let hits = self.ranges.iter().map(|range| {
                ordered.as_ref().map_or_else(
                    || unordered(range),
                    |version| inside(range, version, orders),
                )
            });
            hits.fold(Some(false), worse)
        };
        let npm = by(Orders::Npm);
        if !is_openclaw(name) {
            return settled(npm);
        }
        match (npm, by(Orders::OpenClaw)) {
            (Some(true), Some(false)) => Hit::OnlyIn(Orders::Npm),
            (Some(false), Some(true)) => Hit::OnlyIn(Orders::OpenClaw),
            (npm, openclaw) => settled(worse(npm, openclaw)),
        }
    }
}

fn settled(affected: Option<bool>) -> Hit {
    match affected {
        Some(true) => Hit::Yes,
        Some(false) => Hit::No,
        None => Hit::Unclear,
    }
}

/// Affected before unclear before not affected.
fn worse(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (None, _) | (_, None) => None,
        _ => Some(false),
    }
}

/// Whether two texts name one version: npm leaves out `v`, `=` and build metadata.
fn same(listed: &str, version: &str) -> bool {
    listed == version || plain_version(listed) == plain_version(version)
}

/// A version without a place in the order: only a range without beginning and end is known to hold it.
fn unordered(range: &[Event]) -> Option<bool> {
    let everything = range
        .iter()
        .all(|event| matches!(event, Event::Introduced(from) if from == "0"));
    everything.then_some(true)
}

/// Where an event stands among versions: zero, which is nowhere here, before every one, also before pre-releases of 0.0.0.
type At<'a> = (Option<Ordered>, &'a Event);

/// The events in the order of their versions; none where one has no place in it.
pub(super) fn ordered(range: &[Event], orders: Orders) -> Option<Vec<At<'_>>> {
    let mut events = Vec::with_capacity(range.len());
    for event in range {
        let at = match event {
            Event::Introduced(text) if text == "0" => None,
            Event::Introduced(text) | Event::Fixed(text) | Event::LastAffected(text) => {
                Some(Ordered::parse(text)?)
            }
        };
        events.push((at, event));
    }
    // Of two events at one version, an end of what came before stands before a new beginning, and a last affected version after it.
    let rank = |event: &Event| match event {
        Event::Fixed(_) => 0,
        Event::Introduced(_) => 1,
        Event::LastAffected(_) => 2,
    };
    events.sort_by(|(a, one), (b, other)| {
        compare(a.as_ref(), b.as_ref(), orders).then_with(|| rank(one).cmp(&rank(other)))
    });
    Some(events)
}

/// The order of two places; nowhere is before every version.
pub(super) fn compare(a: Option<&Ordered>, b: Option<&Ordered>, orders: Orders) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => a.compare(b, orders),
    }
}

fn inside(range: &[Event], version: &Ordered, orders: Orders) -> Option<bool> {
    let events = ordered(range, orders)?;
    let mut affected = false;
    for (at, event) in &events {
        let order = at
            .as_ref()
            .map_or(Ordering::Greater, |at| version.compare(at, orders));
        match event {
            Event::Introduced(_) if order.is_ge() => affected = true,
            Event::Fixed(_) if order.is_ge() => affected = false,
            Event::LastAffected(_) if order.is_gt() => affected = false,
            _ => {}
        }
    }
    Some(affected)
}
