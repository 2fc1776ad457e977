//! `exception-expired`: an exception of the operator whose last day is over.

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "exception-expired",
    group: Group::Hygiene,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[Stage::Staged, Stage::LockOnly, Stage::Host],
    ),
    clears: RemedyKind::Operator,
    summary: "An exception in the policy has expired",
    help: "Clear the finding that it covered, or except it anew with a reason that still holds; then take it out.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let expired = whole
        .policy
        .exceptions()
        .iter()
        .filter(|exception| exception.expired(whole.today) && whole.is_about(exception));
    expired
        .map(|exception| {
            let allowed = exception.allow.join(", ");
            Draft::new(format!(
                "the exception for {allowed} expired on {}",
                exception.until
            ))
            .subject(&exception.package)
            .at(whole.in_policy(exception.line))
            .remedy(Remedy::Prune)
        })
        .collect()
}
