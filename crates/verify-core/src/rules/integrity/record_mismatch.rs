//! `record-mismatch`: what OpenClaw recorded, package.json, package-lock.json and HEAD do not agree.

use super::super::{Check, Group, Rule, View};
use crate::fact::{Fact, Outcome};
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
    let observed = view.subject.observations.iter().filter_map(|observation| judge(view, observation));
    observed.chain(checkout(view)).chain(tag(view)).collect()
}

/// The record names a commit, and the files are not that commit's.
fn checkout(view: &View<'_>) -> Option<Draft> {
    match &view.evidence.git.checkout {
        Fact::Violated { why, .. } => {
            let mut draft = view.draft(why.clone());
            draft.evidence.clone_from(&view.evidence.git.differences);
            Some(draft)
        }
        // Git itself writes such files on checkout, when the commit's attributes ask for it.
        Fact::Verified(converted) if !converted.is_empty() => {
            let mut draft = view.draft("files equal the commit only after conversion of their line endings");
            draft.evidence.clone_from(converted);
            Some(
                draft
                    .level(Level::Note)
                    .outcome(Outcome::Verified)
                    .help("nothing, unless you wonder why: the commit's .gitattributes ask for it"),
            )
        }
        _ => None,
    }
}

/// The record says that the subject was installed from a tag, and the tag leads elsewhere.
fn tag(view: &View<'_>) -> Option<Draft> {
    let git = &view.evidence.git;
    let (tag, found) = (git.tag.as_ref()?, git.tag_elsewhere.as_ref()?);
    let recorded = view.subject.record.as_ref().and_then(|record| record.git_commit.as_deref()).unwrap_or("no commit");
    let draft = view
        .draft(format!("the record says tag {} and another commit than the tag leads to", tag.verdict.tag))
        .evidence(format!("recorded {}", crate::text::excerpt(recorded, 80)))
        .evidence(format!("tag      {found}"));
    Some(draft)
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
