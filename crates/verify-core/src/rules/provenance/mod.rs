//! Who signed and published it?

mod no_answer;
pub(super) mod not_established;
pub(super) mod provenance_invalid;
pub(super) mod provenance_mismatch;
pub(super) mod provenance_missing;
pub(super) mod provenance_regressed;
pub(super) mod signer_changed;
mod skill_signature;
pub(super) mod tags;

use crate::fact::{Fact, Fault};

impl Fault {
    /// The id of the finding.
    #[must_use]
    pub fn finding(self) -> &'static str {
        if self.is_mismatch() {
            provenance_mismatch::RULE.id
        } else {
            provenance_invalid::RULE.id
        }
    }
}

/// The id of the finding that a fact about origin leads to; none for a good one. A violation without a code is as bad as any.
#[must_use]
pub fn finding_of<T>(fact: &Fact<T>) -> Option<&'static str> {
    match fact {
        Fact::Violated { code, .. } => {
            Some(code.map_or(provenance_invalid::RULE.id, Fault::finding))
        }
        Fact::NotEstablished { .. } => Some(not_established::RULE.id),
        _ => None,
    }
}
