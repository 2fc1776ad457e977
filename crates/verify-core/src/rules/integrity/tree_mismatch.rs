//! `tree-mismatch`: the subject's own files are not the locked ones.

use super::{announced, change_lines, changed, difference};
use crate::evidence::StateChange;
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
        drafts.push(match view.evidence.tree.state {
            StateChange::Undeclared => draft.help(declare(view)),
            _ if only_git(view) => draft.help(
                "only the .git of the clone differs, no file that OpenClaw loads; a skill needs none: remove it, then accept the new digest by name",
            ),
            _ => draft,
        });
    }
    drafts.extend(announced::other_commit(view));
    drafts
}

/// Whether all that differs lies in the `.git` of a clone.
fn only_git(view: &View<'_>) -> bool {
    let changes = view.evidence.tree.changes.as_deref().unwrap_or_default();
    !changes.is_empty()
        && changes
            .iter()
            .all(|change| change.path.starts_with(".git/"))
}

/// The way out where only data files of a skill, or git's bookkeeping in a clone, differ.
fn declare(view: &View<'_>) -> String {
    let changes = view.evidence.tree.changes.as_deref().unwrap_or_default();
    let (what, paths) = if only_git(view) {
        (
            "only git's own bookkeeping in the clone differs, as after a fetch",
            vec![".git/**".to_owned()],
        )
    } else {
        let mut paths: Vec<String> = changes
            .iter()
            .map(|change| crate::text::visible(&change.path).into_owned())
            .collect();
        paths.truncate(8);
        ("only data files differ", paths)
    };
    format!(
        "{what}; if the skill itself writes them, declare that in the policy: [[mutable]] package = {:?}, paths = {paths:?}",
        view.subject.id.as_str()
    )
}
