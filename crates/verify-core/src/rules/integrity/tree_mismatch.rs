//! `tree-mismatch`: the subject's own files are not the locked ones.

use std::collections::BTreeSet;

use js_semver::Version;

use super::{
    announced, changed, counts, definition_mismatch, difference, gone, is_update, restore,
    with_changes,
};
use crate::evidence::StateChange;
use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::spec::plain_version;
use crate::subject::Kind;
use crate::text;
use crate::tree::ChangeKind;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "tree-mismatch",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Lock,
    summary: "Files of a subject differ from the lock",
    help: "Compare with the published version. If you did not make the change, reinstall; if you did, accept it by name.",
    check: Check::Subject(check),
};

/// Most paths that are named one by one.
const MOST_PATHS: usize = 8;
/// Where Python keeps what it compiled.
const PYTHON_CACHE: &str = "__pycache__";

fn check(view: &View<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if let Some(path) = gone(view) {
        drafts.push(view.draft(format!("its folder {path} is gone")).help(
            "if you moved or removed it, have OpenClaw forget it, or install it again from where it is now; if you did not, find out who did",
        ).remedy(Remedy::Reinstall {
            subject: Some(view.subject.id.clone()),
            spec: None,
        }));
    } else if view.evidence.tree.differs() {
        let what = difference(&view.evidence.tree, counts(view));
        let draft = changed(view, format!("{}{what}", versions(view)));
        let mut draft = with_changes(draft, &view.evidence.tree);
        // What its commands start changed with them.
        if view
            .locked
            .is_some_and(|entry| entry.definition != view.subject.definition_digest())
        {
            draft = draft.beside(definition_mismatch::RULE.id);
        }
        drafts.push(match view.evidence.tree.state {
            _ if view.whole.stage == Stage::Packed => packed(view, draft),
            StateChange::Undeclared => declarable(view, draft),
            _ if view.whole.stage == Stage::Installed && only_left_behind(view) => set_aside(view, draft),
            _ if only_git(view) => draft.help(
                "only the .git of the clone differs, no file that OpenClaw loads; a skill needs none: remove it, then accept the new digest by name",
            ),
            _ => restorable(view, draft),
        });
    }
    drafts.extend(announced::other_commit(view));
    drafts
}

/// `3.6.7 → 3.6.6, which is older, by OpenClaw's record: ` where OpenClaw installed another version.
fn versions(view: &View<'_>) -> String {
    let locked = view.locked.and_then(|entry| entry.version.as_deref());
    let now = view.subject.recorded_version();
    let (Some(locked), Some(now)) = (locked, now.as_deref()) else {
        return String::new();
    };
    if locked == now || !is_update(view) || view.whole.stage != Stage::Installed {
        return String::new();
    }
    let parse = |version: &str| Version::parse(plain_version(version)).ok();
    let older = match (parse(locked), parse(now)) {
        (Some(before), Some(now)) if now < before => ", which is older,",
        _ => "",
    };
    let shown = |version: &str| text::excerpt(version, 60);
    format!(
        "{} → {}{older} by OpenClaw's record: ",
        shown(locked),
        shown(now)
    )
}

/// With the way back to what was locked, where the lock says it.
fn restorable(view: &View<'_>, draft: Draft) -> Draft {
    let Some(restore) = restore(view) else {
        return draft;
    };
    let mut draft = draft.help(match is_update(view) {
        true => "if you updated it, read what changed and lock it",
        false => "if you made this change and have read it, accept the new digest by name",
    });
    draft.restore = Some(restore);
    draft
}

/// A skill that is not installed and differs from the locked one is its update where it says that it is another version.
fn packed(view: &View<'_>, draft: Draft) -> Draft {
    let version = view.subject.version.as_ref();
    let locked = view.locked.and_then(|entry| entry.version.as_ref());
    let draft = draft.remedy(Remedy::Operator { input: None });
    if version == locked {
        return draft.help(match version {
            Some(_) => "other files under the same version are what an attack looks like: ask its publisher over another way",
            None => "neither names a version that would tell an update from an attack: read what differs; once it is installed, accept it by name",
        });
    }
    draft
        .outcome(Outcome::NotApplicable)
        .at_most(Level::Note)
        .help("it would change what is locked; once it is installed, take the update over")
}

/// Whether all that differs lies in the `.git` of a clone.
fn only_git(view: &View<'_>) -> bool {
    let changes = view.evidence.tree.changes.as_deref().unwrap_or_default();
    !changes.is_empty()
        && changes
            .iter()
            .all(|change| change.path.starts_with(".git/"))
}

/// Whether all that differs in a skill was added by a program that does so by itself: Python, an editor, the Finder. It counts all the
/// same, because what lies in it is loaded: compiled code cannot be read, so accepting it is no way out.
fn only_left_behind(view: &View<'_>) -> bool {
    let changes = view.evidence.tree.changes.as_deref().unwrap_or_default();
    view.subject.kind == Kind::Skill
        && !changes.is_empty()
        && changes
            .iter()
            .all(|change| change.kind == ChangeKind::Added && is_left_behind(&change.path))
}

fn is_left_behind(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let cache = folder.rsplit('/').next() == Some(PYTHON_CACHE);
    let swap = name.starts_with('.')
        && [".swp", ".swo", ".swx"]
            .iter()
            .any(|end| name.ends_with(end));
    cache && name.ends_with(".pyc") || swap || name == ".DS_Store"
}

/// The way out for those: the first is moved, with the whole cache where nothing of it was locked; the next check names the next.
fn set_aside(view: &View<'_>, draft: Draft) -> Draft {
    let changes = view.evidence.tree.changes.as_deref().unwrap_or_default();
    let added: BTreeSet<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    let tree = view.evidence.tree.tree();
    let all_added = |folder: &str| {
        let inside = format!("{folder}/");
        tree.is_some_and(|tree| {
            let mut entries = tree.manifest.entries().iter();
            entries.all(|entry| !entry.path.starts_with(&inside) || added.contains(&*entry.path))
        })
    };
    let what = |path: &str| match path.rsplit_once('/') {
        Some((folder, _)) if path.ends_with(".pyc") && all_added(folder) => folder.to_owned(),
        _ => path.to_owned(),
    };
    let places: BTreeSet<String> = added.iter().map(|path| what(path)).collect();
    let Some(first) = places.first() else {
        return draft;
    };
    let more = match places.len() {
        1 => "",
        _ => ", one after another",
    };
    let python = match added.iter().any(|path| path.ends_with(".pyc")) {
        true => {
            "; PYTHONDONTWRITEBYTECODE=1 in the environment of the agent keeps Python from making it anew"
        }
        false => "",
    };
    draft
        .help(format!(
            "Python, an editor or the Finder leaves such files behind: set what was added aside{more}{python}"
        ))
        .remedy(Remedy::SetAside {
            path: format!("{}/{first}", view.subject.place.shown),
        })
}

/// The way out where only data files of a skill, or git's bookkeeping in a clone, differ.
fn declarable(view: &View<'_>, draft: Draft) -> Draft {
    let (what, paths) = if only_git(view) {
        (
            "only git's own bookkeeping in the clone differs, as after a fetch",
            vec![".git/**".to_owned()],
        )
    } else {
        let changes = view.evidence.tree.changes.as_deref().unwrap_or_default();
        let paths = changes.iter().map(|change| change.path.as_str());
        ("only data files differ", as_patterns(paths.collect()))
    };
    draft.mutable(paths).help(format!(
        "{what}; if the skill does not write them itself, accept the new digest by name"
    ))
}

/// Few paths as they are, many by their folders and endings: what is declared is written by people.
fn as_patterns(paths: Vec<&str>) -> Vec<String> {
    if paths.len() <= MOST_PATHS {
        let shown = paths.iter().map(|path| text::visible(path).into_owned());
        return shown.collect();
    }
    let patterns = paths.iter().map(|path| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let folder = match folder.is_empty() {
            true => String::new(),
            false => format!("{folder}/"),
        };
        text::visible(&format!("{folder}*.{ending}")).into_owned()
    });
    patterns.collect::<BTreeSet<_>>().into_iter().collect()
}
