//! `unsafe-tree`: a tree that cannot be digested safely, or code that leads out of it.

use crate::evidence::Part;
use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::Observation;
use crate::policy::Preset;
use crate::rules::{Check, Group, Rule, Stage, Stages, View, Whole};
use crate::subject::Source;
use crate::tree::{TreeError, TreeNote};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unsafe-tree",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Reinstall,
    summary: "A subject holds something that no digest can cover",
    help: "Remove what is named, or reinstall the subject. A tree with special files, links that leave it or colliding names is never locked.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let of_all = whole
        .observations()
        .filter_map(|observation| match observation {
            Observation::EntryEscapes { entry, target } => {
                let message = format!("{entry} leads to {target}, which no digest covers");
                Some(Draft::new(message).at(whole.in_lock(None)))
            }
            _ => None,
        });
    of_all
        .chain(whole.views().flat_map(|view| of_subject(&view)))
        .collect()
}

fn of_subject(view: &View<'_>) -> Vec<Draft> {
    let evidence = view.evidence;
    let parts = [
        ("files", &evidence.tree),
        ("dependencies", &evidence.dependencies),
        ("hoisted siblings", &evidence.siblings),
    ];
    let mut drafts: Vec<Draft> = parts
        .into_iter()
        .flat_map(|(name, part)| of_part(view, name, part))
        .collect();
    for observation in &view.subject.observations {
        if let Observation::EntryEscapes { entry, target } = observation {
            drafts.push(view.draft(format!(
                "the entry {entry} leads to {target}, which no digest of this subject covers"
            )));
        }
    }
    drafts
}

fn of_part(view: &View<'_>, name: &str, part: &Part) -> Vec<Draft> {
    match &part.measured {
        Some(Ok(tree)) => tree
            .notes
            .iter()
            .filter_map(|note| of_note(view, note))
            .collect(),
        Some(Err(error @ (TreeError::Unsafe { .. } | TreeError::Limit { .. }))) => {
            let mut draft = view.draft(format!("its {name} cannot be digested: {error}"));
            if let TreeError::Unsafe { offenders, .. } = error {
                draft.evidence = offenders.iter().map(ToString::to_string).collect();
                if matches!(view.subject.source, Source::Link | Source::Load) {
                    draft = draft.help("it is loaded from the project in which it is developed: pack the plugin and install the archive, so that everything it loads lies in it");
                }
            }
            vec![draft]
        }
        _ => Vec::new(),
    }
}

/// Odd, yet covered by the digest: a note, and under the preset `strict` as bad as the rest.
fn of_note(view: &View<'_>, note: &TreeNote) -> Option<Draft> {
    if let TreeNote::Privileged { what, paths, count } = note {
        let draft = view.draft(format!(
            "{count} of its files run with more rights than the user who starts them"
        ));
        return Some(named(draft.code(what), paths));
    }
    let draft = match note {
        TreeNote::WindowsUnsafeNames { paths, count } => named(
            view.draft(format!(
                "{count} names that Windows cannot hold, or holds as other names"
            ))
            .code("windows-name"),
            paths,
        ),
        TreeNote::HardLinksLeave { paths, count } => named(
            view.draft(format!(
                "{count} files have a hard link elsewhere: anyone who can write to that link can change them"
            ))
            .code("hard-link"),
            paths,
        ),
        _ => return None,
    };
    if view.whole.policy.base() == Preset::Strict {
        return Some(draft);
    }
    Some(draft.level(Level::Note).outcome(Outcome::NotApplicable))
}

fn named(mut draft: Draft, paths: &[String]) -> Draft {
    draft.evidence = paths.to_vec();
    draft
}
