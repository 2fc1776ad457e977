//! Who signed and published it?

pub(super) mod not_established;
