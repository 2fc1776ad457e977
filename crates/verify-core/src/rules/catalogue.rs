//! Every rule, once. A new rule is one file, one line here, one page in docs/findings and one test.

use super::{
    Rule, access, advisory, execution, exposure, hygiene, integrity, pinning, provenance, review,
    secrets,
};

/// Every rule, by group.
#[must_use]
pub fn catalogue() -> &'static [Rule] {
    CATALOGUE
}

/// The rule of this id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    CATALOGUE.iter().find(|rule| rule.id == id)
}

static CATALOGUE: &[Rule] = &[
    integrity::tree_mismatch::RULE,
    integrity::state_changed::RULE,
    integrity::definition_mismatch::RULE,
    integrity::settings_changed::RULE,
    integrity::instructions_changed::RULE,
    integrity::dependency_mismatch::RULE,
    integrity::archive_mismatch::RULE,
    integrity::record_mismatch::RULE,
    integrity::not_locked::RULE,
    integrity::not_installed::RULE,
    integrity::unrecorded::RULE,
    integrity::shadowed::RULE,
    integrity::stale_generation::RULE,
    integrity::unsafe_tree::RULE,
    integrity::weak_digest::RULE,
    integrity::unverifiable_cache::RULE,
    integrity::state_too_old::RULE,
    pinning::unpinned::RULE,
    pinning::floating_spec::RULE,
    pinning::unpinned_mcp_server::RULE,
    pinning::unpinned_install_step::RULE,
    pinning::insecure_url::RULE,
    pinning::unlisted_source::RULE,
    pinning::install_script::RULE,
    pinning::too_fresh::RULE,
    provenance::provenance_invalid::RULE,
    provenance::provenance_mismatch::RULE,
    provenance::provenance_regressed::RULE,
    provenance::provenance_missing::RULE,
    provenance::tags::SIGNATURE_INVALID,
    provenance::tags::SIGNER_NOT_ALLOWED,
    provenance::tags::SIGNATURE_MISSING,
    provenance::signer_changed::RULE,
    provenance::tags::TAG_MALFORMED,
    provenance::tags::TAG_MISMATCH,
    provenance::tags::TAG_MOVED,
    provenance::tags::TAG_RETAGGED,
    provenance::tags::TAG_ROLLBACK,
    provenance::not_established::RULE,
    review::unreviewed::RULE,
    review::review_expired::RULE,
    review::agent_reviewed_only::RULE,
    review::violation::RULE,
    advisory::known_malicious::RULE,
    advisory::known_vulnerable::RULE,
    hygiene::other_state::RULE,
    hygiene::exception_expired::RULE,
    hygiene::exception_expiring::RULE,
    hygiene::exception_unused::RULE,
    hygiene::rule_unmatched::RULE,
    hygiene::trust_expiring::RULE,
    hygiene::trust_unused::RULE,
    hygiene::advisories_stale::RULE,
    exposure::gateway_no_auth::RULE,
    exposure::gateway_exposed::RULE,
    exposure::funnel_exposed::RULE,
    exposure::weak_gateway_secret::RULE,
    exposure::proxy_trust_too_wide::RULE,
    exposure::origin_check_off::RULE,
    exposure::auto_approved_devices::RULE,
    exposure::cleartext_credentials::RULE,
    exposure::hook_ingress_weak::RULE,
    exposure::http_tools_reopened::RULE,
    exposure::mdns_announces_host::RULE,
    access::elevated_open::RULE,
    access::mutable_sender_id::RULE,
    access::open_channel::RULE,
    access::shared_dm_session::RULE,
    execution::exec_unrestricted::RULE,
    execution::sandbox_off::RULE,
    execution::sandbox_hole::RULE,
    execution::sandbox_weakened::RULE,
    execution::interpreter_allowlisted::RULE,
    execution::files_unconfined::RULE,
    execution::install_not_gated::RULE,
    execution::audit_suppressed::RULE,
    secrets::secret_in_config::RULE,
    secrets::stale_secret_copy::RULE,
];
