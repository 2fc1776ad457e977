//! Verify OpenClaw plugins, skills and releases.

pub mod archive;
pub mod digest;
pub mod error;
pub mod fact;
pub mod finding;
pub mod inventory;
pub mod read;
pub mod subject;
pub mod text;
pub mod tree;

pub use error::{Error, OperatorError, Result};
