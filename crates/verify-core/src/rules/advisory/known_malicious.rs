//! `known-malicious`: an advisory says that a package is malware. Beats everything.

use super::draft;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "known-malicious",
    group: Group::Advisory,
    level: Level::Deny,
    fixed: true,
    stages: Stages::ALL,
    clears: RemedyKind::Never,
    summary: "An advisory says that a package is malware",
    help: "Remove it from OpenClaw, then look at what it did.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let packages = view.evidence.advisories.found.iter();
    packages
        .filter(|package| package.found.malicious)
        .map(|package| draft(view, package, "known malware"))
        .collect()
}
