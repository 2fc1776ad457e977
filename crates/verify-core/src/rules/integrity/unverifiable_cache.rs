//! `unverifiable-cache`: a cache of compiled code that runs in place of the sources and cannot be recomputed.

use std::collections::BTreeMap;

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unverifiable-cache",
    group: Group::Integrity,
    level: Level::Note,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[]),
    clears: RemedyKind::Operator,
    summary: "A compile cache holds code that runs in place of the sources",
    help: "Set NODE_DISABLE_COMPILE_CACHE=1 in the service, and put the folder aside.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    // One that a variable of a unit names is seen with the unit.
    let subjects = whole.inventory.subjects.iter();
    let of_subjects = subjects.flat_map(|subject| &subject.observations);
    let caches: BTreeMap<_, _> = whole
        .observations()
        .chain(of_subjects)
        .filter_map(|observation| match observation {
            Observation::CompileCache {
                place,
                python,
                writable,
            } => Some((place, (*python, writable))),
            _ => None,
        })
        .collect();
    caches
        .into_iter()
        .map(|(place, (python, writable))| {
            let draft = Draft::new(format!(
                "{place} holds compiled code, which runs in place of the sources"
            ));
            if python {
                return of_python(draft, place);
            }
            let draft = draft.remedy(Remedy::SetAside {
                path: place.clone(),
            });
            // The last part of the path says whose cache it is, and each has a switch of its own.
            let draft = match place.rsplit('/').next() {
                Some("jiti") => {
                    draft.help("set JITI_FS_CACHE=false in the service, and remove the folder")
                }
                _ => draft,
            };
            match writable {
                Some(why) => draft
                    .evidence(why.clone())
                    .code("writable")
                    .level(Level::Deny),
                None => draft.outcome(Outcome::NotEstablished),
            }
        })
        .collect()
}

/// What Python made of a server's files: it makes it anew at each start, unless it is told not to.
fn of_python(draft: Draft, place: &str) -> Draft {
    let words = "set PYTHONDONTWRITEBYTECODE=1 in the `env` of what starts it";
    let draft = draft.outcome(Outcome::NotEstablished);
    let is_one = place.ends_with(".pyc") || place.ends_with("/__pycache__");
    if is_one || !place.starts_with('/') {
        return draft
            .help(format!("{words}, and put what is compiled aside"))
            .remedy(Remedy::SetAside {
                path: place.to_owned(),
            });
    }
    let place = text::shell_word(place);
    draft
        .help(format!(
            "{words}, and remove what is compiled: find {place} -name __pycache__ -prune -exec rm -r {{}} +"
        ))
        .remedy(Remedy::Operator { input: None })
}
