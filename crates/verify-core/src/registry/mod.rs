//! The npm registry: the only network client (feature `online`).
//!
//! Three steps. A [`FetchPlan`] is data: which versions, and what of them. [`Client::fetch`] carries it out, bounded in size, time,
//! redirects and hosts, and judges nothing but digests. [`judge`] is pure again: it turns what was fetched into facts.
//!
//! The address is the caller's (policy, environment, [`NpmConfig`]); none is compiled in. What a registry says is believed only where
//! it is signed or equals what is at hand.

mod address;
mod blocking;
mod cache;
mod client;
mod download;
mod fetch;
mod files;
mod http;
mod judge;
mod npmrc;
mod packument;
mod plan;
mod tuf;

pub use address::{BadAddress, Registry};
pub use blocking::{block_on, fetch_blocking};
pub use cache::Cache;
pub use client::{Client, FetchProgress};
pub use download::{Download, Downloaded};
pub use fetch::{Attestation, Fetched, FetchedArchive, FetchedPackage};
pub use http::FetchError;
pub(crate) use judge::{NO_INTEGRITY, integrity};
pub use judge::{RegistryFacts, judge};
pub use npmrc::{BadSetting, NpmConfig};
pub use plan::{FetchLimits, FetchPlan, Want};
pub use tuf::TufSource;
