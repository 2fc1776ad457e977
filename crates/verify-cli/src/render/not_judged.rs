//! What a report says it did not judge, in groups: the list is long and much the same every day.

use std::collections::BTreeMap;

use openclaw_verify_core::inventory::{NotCovered, NotCoveredGroup};
use openclaw_verify_core::report::Report;

/// The things of each group, in the order in which a person wants to know of them.
pub(super) fn groups(report: &Report) -> BTreeMap<NotCoveredGroup, Vec<&NotCovered>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for item in &report.not_covered {
        groups.entry(item.group).or_default().push(item);
    }
    groups
}

/// A group in words.
pub(super) fn label(group: NotCoveredGroup) -> &'static str {
    match group {
        NotCoveredGroup::NotSeen => "not looked at in this run",
        NotCoveredGroup::Elsewhere => "from elsewhere when it is used",
        NotCoveredGroup::Openclaw => "written by OpenClaw as it runs",
        NotCoveredGroup::Agents => "written by agents",
        NotCoveredGroup::User => "the user's own",
        NotCoveredGroup::System => "the system's",
        _ => "other",
    }
}

/// The groups in one line: `3 not looked at in this run, 9 written by agents`.
pub(super) fn counted(report: &Report) -> String {
    let groups = groups(report);
    let parts: Vec<String> = groups
        .iter()
        .map(|(group, items)| format!("{} {}", items.len(), label(*group)))
        .collect();
    parts.join(", ")
}
