//! `archive-mismatch`: the installed files are not those of the published archive, or an archive is not the recorded one.

use super::{announced, is_update, restore};
use crate::fact::Fact;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::subject::Source;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "archive-mismatch",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::Packed, Stage::Announced],
    ),
    clears: RemedyKind::Reinstall,
    summary: "Installed files differ from the published archive, or the archive from its recorded integrity",
    help: "Reinstall the subject from its source, then lock it again.",
    check: Check::Subject(check),
};

/// What to do about a package that no record explains.
const CUT_OFF: &str = "an install that was cut off leaves such a folder; if it is yours, install it again with `openclaw plugins install` from \
    its source; set it aside";

fn check(view: &View<'_>) -> Vec<Draft> {
    let published = &view.evidence.published;
    let mut drafts = Vec::new();
    if let Fact::Violated { why, .. } = &published.archive {
        let mut draft = view.draft(why.clone());
        draft.evidence.clone_from(&published.differences);
        drafts.push(draft);
    }
    if let Fact::Violated { why, .. } = &published.dependencies {
        let mut draft = view.draft(why.clone()).about_dependencies();
        draft.evidence.clone_from(&published.dependency_differences);
        drafts.push(draft);
    }
    if view.subject.source == Source::Unrecorded {
        drafts = drafts
            .into_iter()
            .map(|draft| draft.help(CUT_OFF))
            .collect();
    }
    // The record beside changed files is as easily changed as they are; what the lock holds is not.
    if let Some(restore) = restore(view).filter(|_| !is_update(view)) {
        let again = |draft: Draft| {
            let help = "keep a copy of its folder, then install what was locked again";
            draft.help(help).remedy(Remedy::Reinstall {
                subject: Some(view.subject.id.clone()),
                spec: Some(restore.spec.clone()),
            })
        };
        drafts = drafts.into_iter().map(again).collect();
    }
    drafts.extend(announced::other_archive(view));
    if view.whole.stage == Stage::Packed {
        drafts = drafts
            .into_iter()
            .map(|draft| draft.help(super::FETCH_AGAIN))
            .collect();
    }
    drafts
}
