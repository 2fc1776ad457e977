//! Are the operator's own files in order?

pub(super) mod exception_expired;
pub(super) mod exception_unused;
pub(super) mod rule_unmatched;
pub(super) mod trust_expiring;
pub(super) mod trust_unused;
