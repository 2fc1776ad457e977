//! `disk-not-encrypted`: what the disk of the state keeps from a thief, swap gives away.
//!
//! That no encryption is seen proves nothing, so that alone is no finding.

use crate::finding::{Draft, Level, Observed, RemedyKind};
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "disk-not-encrypted",
    group: Group::Secrets,
    level: Level::Note,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "The disk of the state is encrypted, and memory is written to one that is not",
    help: "Encrypt swap too, or use zram.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(mount) = whole.machine().and_then(|machine| machine.mount()) else {
        return Vec::new();
    };
    if mount.plain_swap.is_empty() {
        return Vec::new();
    }
    let found = draft("the disk of the state directory is encrypted, and swap is not").code("swap");
    let found = mount.plain_swap.iter().fold(found, |found, area| {
        found.observed(Observed::new(
            area.clone(),
            "not encrypted",
            "the kernel's table of swap",
        ))
    });
    vec![found.at_most(Level::Note)]
}
