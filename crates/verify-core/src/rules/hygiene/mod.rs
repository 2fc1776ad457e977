//! Are the operator's own files in order?

pub(super) mod exception_expired;
pub(super) mod exception_unused;
pub(super) mod rule_unmatched;
