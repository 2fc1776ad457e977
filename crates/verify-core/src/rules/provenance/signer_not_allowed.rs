//! `signer-not-allowed`: a release tag is signed by a key that the operator does not allow for it.

use super::super::{Check, Group, Rule, Whole};
use super::tags;
use crate::finding::{Draft, Level};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "signer-not-allowed",
    group: Group::Provenance,
    level: Level::Deny,
    fixed: false,
    summary: "A release tag is signed by a key that you do not allow for it",
    help: "Ask the publisher over another way whether the key is theirs; only then add it to your signers file.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    tags::drafts(whole, RULE.id)
}
