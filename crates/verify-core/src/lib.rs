//! Verify OpenClaw plugins, skills and releases.

pub mod digest;
pub mod error;
pub mod fact;
pub mod finding;
pub mod git;
pub mod inventory;
pub mod read;
pub mod release;
pub mod subject;
pub mod text;
pub mod tree;
pub mod version;

pub use error::{Error, OperatorError, Result};
