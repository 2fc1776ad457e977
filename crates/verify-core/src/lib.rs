//! Verify OpenClaw plugins, skills and releases.

pub mod digest;
pub mod error;
pub mod fact;
pub mod finding;
pub mod inventory;
pub mod provenance;
pub mod read;
#[cfg(feature = "online")]
pub mod registry;
pub mod subject;
pub mod text;
pub mod tree;

pub use error::{Error, OperatorError, Result};
