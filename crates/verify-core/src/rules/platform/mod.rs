//! What does OpenClaw run as, and on what?

pub(super) mod container_hole;
pub(super) mod nix_pin_mismatch;
pub(super) mod not_confined;
pub(super) mod root_equivalent_group;
pub(super) mod runs_as_root;
pub(super) mod unit_unhardened;
