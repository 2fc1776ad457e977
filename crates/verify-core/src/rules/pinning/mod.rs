//! Would a reinstall bring the same, from a place that the operator allows?

pub(super) mod floating_spec;
pub(super) mod insecure_url;
pub(super) mod install_script;
pub(super) mod too_fresh;
pub(super) mod unlisted_source;
pub(super) mod unpinned;
pub(super) mod unpinned_install_step;
pub(super) mod unpinned_mcp_server;
