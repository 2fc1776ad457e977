//! `tree-mismatch`: the subject's own files are not the locked ones.

use super::{announced, change_lines, changed, difference};
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "tree-mismatch",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Lock,
    summary: "Files of a subject differ from the lock",
    help: "Compare with the published version. If you did not make the change, reinstall; if you did, accept it by name.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if view.evidence.tree.differs() {
        let files = view.locked.and_then(|entry| entry.files);
        let mut draft = changed(view, difference(&view.evidence.tree, files));
        draft.evidence = view
            .evidence
            .tree
            .changes
            .as_deref()
            .map(change_lines)
            .unwrap_or_default();
        drafts.push(draft);
    }
    drafts.extend(announced::other_commit(view));
    drafts
}
