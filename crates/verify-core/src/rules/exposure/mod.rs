//! Who can reach the gateway?

pub(super) mod auto_approved_devices;
pub(super) mod cleartext_credentials;
pub(super) mod funnel_exposed;
pub(super) mod gateway_exposed;
pub(super) mod gateway_no_auth;
pub(super) mod hook_ingress_weak;
pub(super) mod http_tools_reopened;
pub(super) mod mdns_announces_host;
pub(super) mod origin_check_off;
pub(super) mod proxy_trust_too_wide;
pub(super) mod published_port;
pub(super) mod weak_gateway_secret;
