//! Whether what is installed has been reviewed.

pub(super) mod agent_reviewed_only;
pub(super) mod review_expired;
pub(super) mod unreviewed;
pub(super) mod violation;

use super::View;
use crate::evidence::review::{
    Insufficient, ReadPart, RequiredReview, ReviewEntry, ReviewStatus, known_version,
};
use crate::finding::{Draft, Input, Level, Location, Remedy};
use crate::inventory::Observation;
use crate::review::Content;
use crate::rules::Stage;

/// Why OpenClaw never loads the subject, so that no review of it is asked for.
fn not_loaded(view: &View<'_>) -> Option<&'static str> {
    let mut observations = view.subject.observations.iter();
    observations.find_map(|observation| match observation {
        Observation::NotLoaded { why } => Some(*why),
        _ => None,
    })
}

/// A finding for every required review of a subject whose status `describe` puts in words. It is given the beginning of a sentence,
/// such as "this tree is".
fn drafts(
    view: &View<'_>,
    describe: impl for<'a> Fn(&'a ReviewStatus, &str) -> Option<(String, &'a [ReviewEntry])>,
) -> Vec<Draft> {
    if not_loaded(view).is_some() {
        return Vec::new();
    }
    let readings = view.evidence.review.required.iter();
    readings
        .filter_map(|reading| {
            describe(&reading.status, what(reading))
                .map(|(state, by)| draft(view, reading, &state, by))
        })
        .collect()
}

fn draft(view: &View<'_>, reading: &RequiredReview, state: &str, by: &[ReviewEntry]) -> Draft {
    let asked = view.requirements.asked_by(view.proof());
    let mut draft = view.draft(format!(
        "{state}; policy requires a `{}` review",
        reading.wanted
    ));
    draft = view
        .with_rule_without_proof(draft.evidence(format!("asked for by {asked}")))
        .help(next(reading))
        .remedy(Remedy::Review {
            subject: Some(view.subject.id.clone()),
            dependencies: reading.part != ReadPart::Own,
            since: known_version(reading),
        });
    for entry in &reading.insufficient {
        let (why, at) = insufficient(entry);
        draft = draft.evidence(why).at(Some(at.clone()));
    }
    if view.whole.stage == Stage::Packed {
        // What is not installed is unpacked to be read: the review is asked for once it is.
        draft = draft
            .at_most(Level::Note)
            .help("unpack it and read it; a review is asked for once it is installed")
            .remedy(Remedy::Operator {
                input: Some(Input::Unpacked),
            });
    }
    draft
        .locations
        .extend(by.iter().map(|entry| entry.at.clone()));
    let draft = match reading.part {
        ReadPart::Own => draft,
        _ => draft.about_dependencies(),
    };
    // While installed files differ from the lock, that is the one thing to say of them.
    if view.evidence.differs() && view.whole.stage == Stage::Installed {
        draft.at_most(Level::Allow)
    } else {
        view.once_digested(draft)
    }
}

/// Why an entry does not make it count, and where it stands.
fn insufficient(entry: &Insufficient) -> (String, &Location) {
    match entry {
        Insufficient::Criteria(criteria, entry) => (
            format!("{} vouches for `{criteria}` only", entry.by),
            &entry.at,
        ),
        Insufficient::Publisher {
            trusted,
            is_verified,
            at,
        } => {
            let why = match is_verified {
                true => "another publisher was verified",
                false => "its publisher is not verified",
            };
            (format!("trust in {trusted} does not count: {why}"), at)
        }
    }
}

/// What has to be reviewed, as the beginning of a sentence.
fn what(reading: &RequiredReview) -> &'static str {
    match (reading.part, reading.content) {
        (ReadPart::Own, Content::Tree(_)) => "this tree is",
        (ReadPart::Own, Content::Definition(_)) => "this definition is",
        (ReadPart::Dependencies, _) => "these dependencies are",
        (ReadPart::Siblings, _) => "these packages beside it are",
    }
}

/// How much there is to read.
fn next(reading: &RequiredReview) -> String {
    let Some(next) = &reading.next else {
        return "read it, and record that".to_owned();
    };
    match (&next.version, &next.from) {
        (Some(version), Some(_)) => format!("{} to read since {version}", next.cost),
        (None, Some(_)) => format!("{} to read since what was reviewed before", next.cost),
        (_, None) => format!("{} to read", next.cost),
    }
}
