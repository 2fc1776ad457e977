//! Verify OpenClaw plugins, skills and releases.

pub mod digest;
pub mod error;
mod evidence;
pub mod fact;
pub mod finding;
pub mod gate;
pub mod git;
pub mod inventory;
pub mod json;
pub mod lock;
pub mod operator_file;
pub mod policy;
pub mod provenance;
pub mod read;
#[cfg(feature = "online")]
pub mod registry;
pub mod release;
pub mod report;
pub mod review;
pub mod rules;
#[cfg(feature = "sbom")]
pub mod sbom;
pub mod spec;
pub mod subject;
pub mod text;
mod toml_file;
pub mod tree;
mod verifier;
pub mod version;

pub use error::{Error, OperatorError, Result};
pub use verifier::{Builder, OnProgress, Refused, Relock, Scope, Verifier};
