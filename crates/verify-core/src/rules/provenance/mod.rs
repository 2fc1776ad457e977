//! Who signed and published it?

pub(super) mod not_established;
pub(super) mod provenance_invalid;
pub(super) mod provenance_mismatch;
pub(super) mod provenance_missing;
pub(super) mod provenance_regressed;
pub(super) mod signature_invalid;
pub(super) mod signature_missing;
pub(super) mod signer_not_allowed;
pub(super) mod tag_malformed;
pub(super) mod tag_mismatch;
pub(super) mod tag_moved;
pub(super) mod tag_retagged;
pub(super) mod tag_rollback;
mod tags;
