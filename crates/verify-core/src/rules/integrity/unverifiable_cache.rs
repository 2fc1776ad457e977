//! `unverifiable-cache`: a cache of compiled code that runs in place of the sources and cannot be recomputed.

use std::collections::BTreeMap;

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

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
            Observation::CompileCache { place, writable } => Some((place, writable)),
            _ => None,
        })
        .collect();
    caches
        .into_iter()
        .map(|(place, writable)| {
            let draft = Draft::new(format!(
                "{place} holds compiled code, which runs in place of the sources"
            ))
            .remedy(Remedy::SetAside {
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
