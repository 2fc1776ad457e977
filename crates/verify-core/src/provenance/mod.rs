//! Provenance: who signed what, proven by Sigstore bundles, npm attestations and registry signatures.
//!
//! Three layers. [`sigstore`](self) wraps the cryptography of one bundle (private, because its library changes its interface with
//! every minor version); [`IdentityPolicy`] decides whether the signer that the certificate names is the one the operator trusts;
//! [`verify_attestation`], [`npm`], [`release`], [`model`] and [`gitsign`] apply both to the formats that carry bundles. Nothing here opens a
//! socket: bytes, trust roots and the time come from the caller ([`Anchors`] says where those may come from).
//!
//! A verdict is a [`Fact`](crate::fact::Fact) whose codes are those of [`Fault`](crate::fact::Fault); [`Fault::finding`](crate::fact::Fault::finding) says which finding they belong to.

mod anchors;
mod artifact;
mod attestation;
mod claims;
mod fault;
pub mod gitsign;
mod identity;
mod key_error;
mod key_file;
pub mod model;
pub mod npm;
pub mod release;
mod root_shape;
mod shape;
mod sigstore;
mod statement;
mod summary;
mod trust;
mod unsupported;

pub use anchors::{Anchors, AnchorsUsed, RefreshedTrust, TrustRootLoader};
pub use artifact::Artifact;
pub use attestation::{Attested, MAX_BUNDLE_BYTES, MAX_BUNDLES, Signer, verify_attestation};
pub use identity::{Identity, IdentityPolicy, IncompletePolicy};
pub use key_error::KeyError;
pub use key_file::StatementKey;
pub use npm::{KeyUsage, NpmKeys};
pub use sigstore::PublicKey;
pub use statement::{Statement, StatementSubject};
pub use summary::{SUMMARY_PREDICATE, SUMMARY_VERIFIER, Summary, signed_summary};
pub use trust::{Instance, NoTrustRoot, RootError, TrustRoot, TrustRootOrigin};
