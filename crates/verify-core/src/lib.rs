//! Says whether what an OpenClaw installation runs, or is about to install, is what was pinned, reviewed, signed and published.
//!
//! The library prints nothing, ends no process, starts no child process, and reads neither environment nor clock: what it needs is
//! passed in. It is synchronous, holds no global state, and its types are `Send + Sync`. It never runs what it judges.
//!
//! A [`Verifier`] is built once from what the operator gave, and asked as often as wanted:
//!
//! ```
//! use openclaw_verify_core::finding::Level;
//! use openclaw_verify_core::gate::{Request, Verdict};
//! use openclaw_verify_core::{Scope, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (state, policy) = (folder.path().join("state"), folder.path().to_owned());
//! # std::fs::create_dir(&state)?;
//! # let staged = folder.path().join("staged");
//! # std::fs::create_dir(&staged)?;
//! # std::fs::write(staged.join("openclaw.plugin.json"), r#"{"id":"notes"}"#)?;
//! # let now: jiff::Timestamp = "2026-11-22T12:00:00Z".parse()?;
//! let verifier = Verifier::builder(now) // the library has no clock of its own
//!     .state_dir(&state) // of OpenClaw
//!     .policy(policy.join("openclaw-verify.toml"), "openclaw-verify.toml") // where it is, and how reports name it
//!     .lock(policy.join("openclaw-verify.lock"), "openclaw-verify.lock")
//!     .reviews(policy.join("openclaw-reviews.toml"), "openclaw-reviews.toml")
//!     .build()?;
//!
//! // What is installed:
//! let report = verifier.check(&Scope::Everything)?;
//! assert!(!report.fails(Level::Deny));
//!
//! // What is about to be installed, in the words of OpenClaw's install policy:
//! let request = serde_json::json!({
//!     "protocolVersion": 1, "targetType": "plugin", "targetName": "notes", "sourcePath": staged, "sourcePathKind": "directory",
//!     "source": { "kind": "local-path" }, "origin": { "type": "plugin-package" },
//!     "request": { "kind": "plugin-dir", "mode": "install" }, "plugin": { "contentType": "package", "pluginId": "notes" },
//! });
//! let decision = verifier.decide(&Request::parse(request.to_string().as_bytes())?)?;
//! assert_eq!(decision.verdict, Verdict::Block); // neither locked nor reviewed
//!
//! // Any folder, as git would name it in a SHA-256 repository:
//! println!("{}", openclaw_verify_core::tree_digest(&staged)?);
//! # Ok(())
//! # }
//! ```
//!
//! The examples show an installer that publishes only verified bytes, a CI check, and an async service. An error means that no verdict
//! was reached and is never a pass; a finding is data. Features never change a verdict: what is compiled out is *not established*.
//!
//! | to judge | take |
//! |---|---|
//! | what is installed | [`Verifier::check`] |
//! | one install, before it is committed | [`Verifier::decide`], or [`gate::Gate`] for OpenClaw's own protocol |
//! | a new lock | [`Verifier::relock`] |
//! | a folder | [`tree_digest`], [`tree`] |
//! | an archive | [`verify_archive`], [`Verifier::candidate`] |
//! | a signed tag | [`verify_tag`], [`Verifier::release`] |
//! | an attestation | [`verify_attestation`], [`provenance::npm`] |
//! | what is in it, for others | `Verifier::sbom` (feature `sbom`) |
//! | what only a registry knows | `registry` (feature `online`): plan, fetch, judge |
//!
//! Types that this crate gives out may grow and are `#[non_exhaustive]`. Types that callers make (options, entries of the operator's
//! files, what to ask a registry) are plain, most with a `Default` to fill the rest. [`fact::Fact`], [`fact::Outcome`] and
//! [`finding::Level`] are closed on purpose: who matches them has to think of every case.

pub mod archive;
pub mod digest;
pub mod error;
mod evidence;
pub mod fact;
pub mod finding;
pub mod gate;
pub mod git;
pub mod inventory;
pub mod json;
pub mod launcher;
pub mod lock;
pub mod npm;
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

pub use archive::verify as verify_archive;
pub use error::{Error, OperatorError, Result};
pub use provenance::verify_attestation;
pub use release::verify as verify_tag;
pub use tree::tree_digest;
pub use verifier::{
    Backlog, BacklogItem, Builder, Candidate, CandidateOrigin, CandidateReport, ImportState,
    OnProgress, PackageContents, Packages, Pinning, RefreshedImport, RefusedSubject, ReleaseQuery,
    ReleaseSource, Releases, Relock, ReviewMaterial, Scope, Since, Verifier,
};
