//! One warning about the whole run, where the operator allowed the network and no registry answered. What stays open of each subject may be
//! a note; that nothing at all was asked must not look like an answer.

use super::not_established::{NAME_REGISTRY, REGISTRY, located};
use crate::fact::{Fact, NotEstablished, Outcome};
use crate::finding::{Draft, Level, Remedy};
use crate::rules::{View, Whole};
use crate::subject::Source;

/// At most one warning for each way in which no answer came.
pub(super) fn drafts(whole: &Whole<'_>, open: &[Draft]) -> Vec<Draft> {
    if !whole.online {
        return Vec::new();
    }
    let code = Some(NotEstablished::NoRegistry.as_str());
    let none_known = open.iter().any(|draft| draft.code == code).then(|| {
        let what = "the network was allowed and no registry was asked: none is configured, for npm or in the policy";
        warning(whole, NotEstablished::NoRegistry, what.to_owned())
            .help(NAME_REGISTRY)
            .remedy(REGISTRY)
    });
    let subjects = whole.views().filter(is_unanswered).count();
    let silent = (subjects > 0).then(|| {
        let noun = if subjects == 1 { "subject" } else { "subjects" };
        let what = format!(
            "the network was allowed and a registry did not answer: what it knows of {subjects} {noun} was not found out"
        );
        warning(whole, NotEstablished::Offline, what)
            .help("see that this machine reaches the registry, through the proxy that npm uses, and run it again")
            .remedy(Remedy::Operator { input: None })
    });
    none_known.into_iter().chain(silent).collect()
}

fn warning(whole: &Whole<'_>, code: NotEstablished, what: String) -> Draft {
    let draft = Draft::new(what)
        .code(code.as_str())
        .level(Level::Warn)
        .outcome(Outcome::NotEstablished);
    located(whole, None, draft)
}

/// Whether a registry was asked about it, or about its dependencies, and there was silence. What cannot be read of a kept archive is no
/// silence of a registry.
fn is_unanswered(view: &View<'_>) -> bool {
    let published = &view.evidence.published;
    let own = view.subject.source != Source::NpmPack;
    let silent = [
        own && is_silent(&published.archive),
        own && is_silent(&published.provenance),
        own && is_silent(&published.signatures),
        is_silent(&published.dependencies),
    ];
    silent.contains(&true)
}

fn is_silent<T>(fact: &Fact<T>) -> bool {
    matches!(
        fact,
        Fact::NotEstablished {
            code: NotEstablished::Offline,
            ..
        }
    )
}
