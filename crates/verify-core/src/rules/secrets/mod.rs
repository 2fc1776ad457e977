//! Who can read secrets, and change what decides?

pub(super) mod code_writable;
pub(super) mod disk_not_encrypted;
pub(super) mod secret_in_config;
pub(super) mod secret_in_repository;
pub(super) mod secret_in_service;
pub(super) mod secret_readable;
pub(super) mod shared_filesystem;
pub(super) mod stale_secret_copy;
pub(super) mod verifier_writable;
pub(super) mod wrong_owner;
