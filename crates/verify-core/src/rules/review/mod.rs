//! Has somebody read what is installed?

pub(super) mod agent_reviewed_only;
pub(super) mod review_expired;
pub(super) mod unreviewed;
pub(super) mod violation;

use super::View;
use crate::evidence::review::{Entry, ReadPart, Reading, Standing, command};
use crate::finding::Draft;
use crate::review::Content;

/// A finding for every reading of a subject whose standing `what` puts in words.
fn drafts(view: &View<'_>, what: impl Fn(&Standing) -> Option<(String, &[Entry])>) -> Vec<Draft> {
    let readings = view.evidence.review.readings.iter();
    readings
        .filter_map(|reading| {
            what(&reading.standing).map(|(told, by)| draft(view, reading, &told, by))
        })
        .collect()
}

fn draft(view: &View<'_>, reading: &Reading, told: &str, by: &[Entry]) -> Draft {
    let what = what(reading);
    let asked = view.requirements.asked_by(view.proof());
    let mut draft = view.draft(format!("{told} {what}; policy wants {}", reading.wanted));
    draft = draft
        .evidence(format!("asked for by {asked}"))
        .help(next(view, reading));
    draft
        .locations
        .extend(by.iter().map(|entry| entry.at.clone()));
    if reading.part == ReadPart::Own {
        draft
    } else {
        draft.about_dependencies()
    }
}

/// What has to be read, in words.
fn what(reading: &Reading) -> &'static str {
    match (reading.part, reading.content) {
        (ReadPart::Own, Content::Tree(_)) => "this tree",
        (ReadPart::Own, Content::Definition(_)) => "this definition",
        (ReadPart::Dependencies, _) => "these dependencies",
        (ReadPart::Siblings, _) => "these packages beside it",
    }
}

/// How much there is to read, and the command that shows it.
fn next(view: &View<'_>, reading: &Reading) -> String {
    let command = command(&view.subject.id, reading);
    let Some(next) = &reading.next else {
        return format!("{command}, then --record");
    };
    match (&next.version, &next.from) {
        (Some(version), Some(_)) => format!("{} to read since {version}: {command}", next.cost),
        (None, Some(_)) => format!(
            "{} to read since what was reviewed before: {command}",
            next.cost
        ),
        (_, None) => format!("{} to read: {command}", next.cost),
    }
}
