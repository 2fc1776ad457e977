//! What may the agent run, and where?

pub(super) mod audit_suppressed;
pub(super) mod exec_unrestricted;
pub(super) mod files_unconfined;
pub(super) mod install_not_gated;
pub(super) mod interpreter_allowlisted;
pub(super) mod sandbox_hole;
pub(super) mod sandbox_off;
pub(super) mod sandbox_weakened;
