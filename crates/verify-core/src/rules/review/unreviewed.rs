//! `unreviewed`: there is no review of what is installed.

use super::{drafts, not_loaded};
use crate::evidence::review::ReviewStatus;
use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unreviewed",
    group: Group::Review,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::Packed, Stage::LockOnly],
    ),
    clears: RemedyKind::Review,
    summary: "What is installed is not reviewed",
    help: "Read it, and record that.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    if let Some(why) = not_loaded(view) {
        let message = format!("OpenClaw does not load it: {why}; no review is required");
        let draft = view.draft(message).outcome(Outcome::NotApplicable);
        return vec![
            draft
                .level(Level::Note)
                .at_most(Level::Note)
                .help("nothing has to be done; once OpenClaw would load it, a review is required"),
        ];
    }
    drafts(view, |status, what| match status {
        ReviewStatus::Unreviewed => Some((format!("{what} not reviewed"), &[])),
        _ => None,
    })
}
