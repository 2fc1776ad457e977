//! `install-script`: a package that runs code of its own while it is installed.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::subject::Kind;
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "install-script",
    group: Group::Pinning,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Operator,
    summary: "A plugin or one of its dependencies has a lifecycle script",
    help: "OpenClaw installs without running scripts, other installers run them: read the scripts before you install it elsewhere.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let scripts = &view.evidence.npm.install_scripts;
    let Some(first) = scripts.first() else {
        return unread(view);
    };
    let more = if scripts.len() > 1 {
        format!(" and {} more", scripts.len() - 1)
    } else {
        String::new()
    };
    let mut draft = view.draft(format!("runs code while it is installed: {first}{more}"));
    draft.evidence.clone_from(scripts);
    if view.subject.kind == Kind::Core {
        // The host is installed by npm, not by OpenClaw, and every release of it has such scripts.
        let version = view.subject.version.as_deref().map(text::shell_word);
        let version = version.as_deref().unwrap_or("VERSION");
        draft = draft.level(Level::Note).help(format!(
            "install the host without running scripts (`npm install -g --ignore-scripts openclaw@{version}`), or read them"
        ));
    }
    let mut drafts = vec![draft];
    drafts.extend(unread(view));
    drafts
}

/// A package.json that cannot be read may hold a script that was never seen.
fn unread(view: &View<'_>) -> Vec<Draft> {
    if view.evidence.npm.complete {
        return Vec::new();
    }
    let draft = view.draft(
        "not every package.json of its packages could be read, so a script may have gone unseen",
    );
    vec![draft.outcome(Outcome::NotEstablished)]
}
