//! Says whether what an OpenClaw installation runs, or is about to install, is what was pinned, reviewed, signed and published.
//!
//! What do you want to do?
//!
//! | you want to | take |
//! |---|---|
//! | judge an installation, in CI or before a gateway starts | [`Verifier::check`], which gives a [`report::Report`] |
//! | let an installer ask before it commits | [`Verifier::decide`], or [`gate::Gate`] to speak OpenClaw's own protocol |
//! | judge an archive before anyone installs it | [`Verifier::candidate`], [`verify_archive`] |
//! | record what is installed as accepted | [`Verifier::relock`], [`lock`] |
//! | show a reviewer what is left to read | [`Verifier::backlog`], [`Verifier::review_material`], [`review`] |
//! | pin a signed release | [`Verifier::release`], [`verify_tag`] |
//! | verify an attestation | [`verify_attestation`], [`provenance::npm`] |
//! | name a folder by a digest that git computes too | [`tree_digest`], [`tree`] |
//! | hand an inventory to other tools | `Verifier::sbom` (feature `sbom`) |
//! | ask a registry | `registry` (feature `online`): plan, fetch, judge |
//! | word findings and their remedies yourself | [`finding::Remedy`], [`rules`]; `examples/words.rs` |
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
//! # use openclaw_verify_core::jiff;
//! # let now: jiff::Timestamp = "2026-11-22T12:00:00Z".parse()?;
//! let verifier = Verifier::builder(now) // the library has no clock of its own
//!     .state_dir(&state) // of OpenClaw
//!     .home(folder.path()) // of the user who runs OpenClaw
//!     .folder(&policy) // of the operator: policy, lock and reviews under their usual names
//!     .build()?;
//!
//! // What is installed:
//! let report = verifier.check(&Scope::Everything)?;
//! assert!(!report.fails(Level::Deny));
//!
//! // What is about to be installed; `Request::parse` reads OpenClaw's own requests:
//! let decision = verifier.decide(&Request::plugin_folder("notes", &staged)?)?;
//! assert_eq!(decision.verdict, Verdict::Block); // neither locked nor reviewed
//!
//! // Any folder, as git would name it in a SHA-256 repository:
//! println!("{}", openclaw_verify_core::tree_digest(&staged)?);
//! # Ok(())
//! # }
//! ```
//!
//! The other examples show an installer that publishes only verified bytes, a CI check, and an async service.
//!
//! # What to rely on
//!
//! The library prints nothing, ends no process, starts no child process, and reads neither environment nor clock: what it needs is
//! passed in. It is synchronous, holds no global state, and its types are `Send + Sync`. It never runs what it judges.
//!
//! An [`Error`] means that no verdict was reached and is never a pass; a finding is data. Features never change a verdict: what is
//! compiled out is *not established*.
//!
//! Types that this crate gives out may grow and are `#[non_exhaustive]`. Types that callers make (options, entries of the operator's
//! files, what to ask a registry) are plain, most with a `Default` to fill the rest. [`Fact`], [`Outcome`] and
//! [`finding::Level`] are closed on purpose: a caller that matches them has to think of every case.
//!
//! Modules that are hidden from this page are shared with the `openclaw-verify` command. They are no part of the interface and change
//! without notice.

#![cfg_attr(not(test), warn(clippy::too_many_lines))]

pub mod advisories;
pub mod archive;
pub mod finding;
pub mod gate;
pub mod lock;
pub mod policy;
pub mod provenance;
#[cfg(feature = "online")]
pub mod registry;
pub mod release;
pub mod report;
pub mod review;
pub mod rules;
#[cfg(feature = "sbom")]
pub mod sbom;
pub mod tree;

// What every module speaks of; its types are at the root.
#[doc(hidden)]
pub mod digest;
#[doc(hidden)]
pub mod error;
#[doc(hidden)]
pub mod fact;
#[doc(hidden)]
pub mod subject;

// Shared with the command; no part of the interface.
#[doc(hidden)]
pub mod git;
#[doc(hidden)]
pub mod inventory;
#[doc(hidden)]
pub mod json;
#[doc(hidden)]
pub mod launcher;
#[doc(hidden)]
pub mod nix;
#[doc(hidden)]
pub mod npm;
#[doc(hidden)]
pub mod operator_file;
#[doc(hidden)]
pub mod read;
#[doc(hidden)]
pub mod spec;
#[doc(hidden)]
pub mod temporary;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod version;

mod evidence;
mod signature;
mod sqlite;
#[cfg(test)]
#[path = "../tests/it/support/git.rs"]
mod test_git;
mod toml_file;
mod verifier;

pub use archive::verify as verify_archive;
#[doc(inline)]
pub use digest::{DigestError, GitOid, Sha256Digest, Sri, TreeDigest};
#[doc(inline)]
pub use error::{Error, Input, OperatorError, Result, Unmerged};
#[doc(inline)]
pub use fact::{Fact, Fault, NotEstablished, Outcome};
#[doc(inline)]
pub use inventory::{Memory, Places};
/// Times and days in this crate's interface are its types.
pub use jiff;
pub use provenance::verify_attestation;
pub use release::verify as verify_tag;
#[doc(inline)]
pub use subject::{BadSubjectId, Kind, Source, SubjectId};
pub use tree::tree_digest;
pub use verifier::{
    AgainstLock, Backlog, BacklogItem, Builder, Candidate, CandidateOrigin, CandidateReport,
    Demand, ImportState, OnProgress, Origins, PackageContents, Packages, Pinning, RefreshedImport,
    RefusedSubject, ReleaseQuery, ReleaseSource, Releases, Relock, ReviewMaterial, Scope,
    SignedFile, Since, SkillForm, SkillPackage, SkillRefused, SkillReport, Verifier, signature_of,
};
