//! `stale-generation`: an old generation of a plugin is still on disk after an update.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "stale-generation",
    group: Group::Integrity,
    level: Level::Note,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Operator,
    summary: "An old generation of a plugin is still on disk",
    help: "OpenClaw keeps it to roll back. Remove the folder when you no longer need it.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let of_all = whole
        .observations()
        .filter_map(|observation| draft(observation).map(|d| d.at(whole.in_lock(None))));
    let of_subjects = whole.views().flat_map(|view| {
        let id = &view.subject.id;
        let located = |draft: Draft| draft.subject(id).at(whole.in_lock(Some(id)));
        view.subject
            .observations
            .iter()
            .filter_map(draft)
            .map(located)
            .collect::<Vec<_>>()
    });
    of_all.chain(of_subjects).collect()
}

fn draft(observation: &Observation) -> Option<Draft> {
    let Observation::StaleGeneration { path, same_version } = observation else {
        return None;
    };
    let remedy = Remedy::SetAside { path: path.clone() };
    Some(match same_version {
        // What was installed anew under the same version was often changed before, and nothing tells whether this folder was.
        true => Draft::new(format!(
            "the old generation {path} is of the same version as the installed one and in no digest: if its files were changed, going back would run them"
        ))
        .code("same-version")
        .level(Level::Warn)
        .outcome(Outcome::NotEstablished)
        .help("remove the folder, unless you know why the plugin was installed anew")
        .remedy(remedy),
        false => Draft::new(format!("the old generation {path} is still on disk"))
            .outcome(Outcome::NotApplicable),
    })
}
