//! Is something bad known about it?

pub(super) mod known_malicious;
pub(super) mod known_vulnerable;

use super::View;
use crate::advisories::Match;
use crate::advisories::Orders;
use crate::evidence::AdvisedPackage;
use crate::finding::Draft;
use crate::text;

/// Most places that are named of one package.
const PLACES: usize = 5;

/// The id of the finding that a match makes.
pub(crate) fn finding_of(found: &Match) -> &'static str {
    if found.malicious {
        known_malicious::RULE.id
    } else {
        known_vulnerable::RULE.id
    }
}

/// Where it was found; of the lock alone that is not known.
fn with_places(draft: Draft, package: &AdvisedPackage) -> Draft {
    match package.places.is_empty() {
        true => draft,
        false => draft.evidence(format!("found in {}", shortened(&package.places))),
    }
}

/// One finding for each alias set about one version of one package.
fn draft(view: &View<'_>, package: &AdvisedPackage, what: &str) -> Draft {
    let found = &package.found;
    let name = text::excerpt(&package.name, 100);
    let label = match &package.version {
        Some(version) => format!("{name}@{}", text::excerpt(version, 60)),
        None => name,
    };
    let maybe = if found.unclear { "may be" } else { "is" };
    let mut draft = view.draft(format!("{label} {maybe} {what}: {}", found.ids.join(", ")));
    draft.advisories = found.all_ids().cloned().collect();
    if !found.summary.is_empty() {
        draft = draft.evidence(text::visible(&found.summary).into_owned());
    }
    if !found.aliases.is_empty() {
        draft = draft.evidence(format!("also known as {}", shortened(&found.aliases)));
    }
    if !package.own {
        draft = draft.about_dependencies();
    }
    draft = with_places(draft, package);
    // The name counts wherever the state says that it came from.
    if !package.fetched_from.is_empty() {
        draft = draft.evidence(format!(
            "the state says it came from {}",
            shortened(&package.fetched_from)
        ));
    }
    match found.only_in {
        Some(Orders::Npm) => {
            draft = draft.evidence(
                "affected as npm orders versions, not as OpenClaw does; the worse one counts",
            );
        }
        Some(Orders::OpenClaw) => {
            draft = draft.evidence(
                "affected as OpenClaw orders versions, not as npm does; the worse one counts",
            );
        }
        None => {}
    }
    if found.unclear {
        draft = draft.evidence(
            "the version, or an end of the affected range, has no place in the order of versions",
        );
    }
    draft
}

/// What an imported record of the operator's team says must not run.
pub(super) fn violation(view: &View<'_>, package: &AdvisedPackage) -> Draft {
    let found = &package.found;
    let why = match found.summary.as_str() {
        "" => "no reason is given",
        summary => summary,
    };
    let why = text::visible(why);
    let draft = view.draft(format!(
        "{} says that it must not run: {why}",
        found.ids.join(", ")
    ));
    let mut draft = with_places(draft, package);
    if package.own && package.version.is_none() {
        draft = draft.evidence(format!("by {}", text::excerpt(&package.name, 100)));
    } else {
        let version = package.version.as_deref().unwrap_or("of unknown version");
        draft = draft.evidence(format!(
            "{} {}",
            text::excerpt(&package.name, 100),
            text::excerpt(version, 60)
        ));
    }
    draft
}

/// The first of them, safe to show.
fn shortened(all: &[String]) -> String {
    let shown: Vec<String> = all
        .iter()
        .take(PLACES)
        .map(|one| text::excerpt(one, 160))
        .collect();
    match all.len().checked_sub(PLACES) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
