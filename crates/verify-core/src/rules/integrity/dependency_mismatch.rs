//! `dependency-mismatch`: the dependencies of a subject, or the packages hoisted beside the host, are not the locked ones.

use super::{change_lines, changed, difference, gone, only_modes, packages_touched, with_changes};
use crate::evidence::Part;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::tree::{ChangeKind, FileChange};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "dependency-mismatch",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Lock,
    summary: "Dependencies of a subject differ from the lock",
    help: "Compare with the published versions. If you did not make the change, reinstall; if you did, accept it by name.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let parts = [
        ("dependencies", &view.evidence.dependencies),
        ("hoisted siblings", &view.evidence.siblings),
    ];
    // Of what is gone as a whole its files say so.
    parts
        .into_iter()
        .filter(|(_, part)| part.differs() && gone(view).is_none())
        .map(|(name, part)| draft(view, name, part))
        .collect()
}

fn draft(view: &View<'_>, name: &str, part: &Part) -> Draft {
    let packages = part
        .changes
        .as_deref()
        .map(packages_touched)
        .unwrap_or_default();
    let touched = if packages.is_empty() || only_modes(part) {
        String::new()
    } else {
        format!(" (in {})", list(&packages))
    };
    if part.locked.is_none() {
        let mut draft = changed(
            view,
            format!("{name} are installed and the lock holds none"),
        );
        draft.evidence = change_lines(&all_added(part));
        return draft;
    }
    let message = if part.tree().is_none() {
        format!("the lock holds {name} and none are installed")
    } else {
        format!("{name}: {}{touched}", difference(part, None))
    };
    with_changes(changed(view, message), part)
}

/// Everything that is there, as what came since the lock was written.
fn all_added(part: &Part) -> Vec<FileChange> {
    let entries = part.tree().map_or(&[][..], |tree| tree.manifest.entries());
    entries
        .iter()
        .map(|entry| FileChange {
            path: entry.path.clone(),
            kind: ChangeKind::Added,
        })
        .collect()
}

fn list(packages: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = packages
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if packages.len() > SHOWN {
        format!("{shown} and {} more", packages.len() - SHOWN)
    } else {
        shown
    }
}
