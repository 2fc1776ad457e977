//! Who signed and published it?

pub(super) mod not_established;
pub(super) mod provenance_invalid;
pub(super) mod provenance_mismatch;
pub(super) mod provenance_missing;
pub(super) mod provenance_regressed;
