//! `record-mismatch`: what OpenClaw recorded, package.json, package-lock.json and HEAD do not agree.

use super::super::{Check, Group, Rule, View};
use crate::fact::Outcome;
use crate::finding::{Draft, Level};
use crate::inventory::Observation;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "record-mismatch",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    summary: "OpenClaw's record and what is on disk disagree",
    help: "Reinstall the subject through OpenClaw, so that the record is about what is there, then lock it again.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    view.subject.observations.iter().filter_map(|observation| judge(view, observation)).collect()
}

fn judge(view: &View<'_>, observation: &Observation) -> Option<Draft> {
    match observation {
        Observation::RecordConflict { what, recorded, found, advisory } => {
            let draft = view
                .draft(format!("the record and the disk disagree about the {what}"))
                .evidence(format!("recorded {recorded}"))
                .evidence(format!("found    {found}"));
            // Two foreign hash algorithms depend on collation and ignore files: a mismatch is worth a look, not a proof.
            Some(if *advisory { draft.level(Level::Warn).outcome(Outcome::NotEstablished) } else { draft })
        }
        Observation::OutsideState { recorded, canonical } => Some(
            view.draft("the record points outside the place where OpenClaw installs this kind")
                .code("outside-state")
                .evidence(format!("recorded  {recorded}"))
                .evidence(format!("canonical {canonical}"))
                .help("if the state dir is a copy, say so with --relocated-from OLD; otherwise reinstall the subject through OpenClaw"),
        ),
        _ => None,
    }
}
