//! `known-malicious`: an advisory says that a package is malware. Beats everything.

use super::draft;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stages, View};
use crate::subject::Kind;

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
        .map(|package| {
            let draft = draft(view, package, "known malware");
            match view.subject.kind {
                // Its unit names the Node.js that was looked up.
                Kind::Service => draft
                    .help("Have the unit start another Node.js, then look at what this one did."),
                _ => draft,
            }
        })
        .collect()
}
