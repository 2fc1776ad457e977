//! Who can read secrets, and change what decides?

pub(super) mod secret_in_config;
pub(super) mod stale_secret_copy;
