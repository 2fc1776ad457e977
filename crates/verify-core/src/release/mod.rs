//! Signed release tags: strict reading of tag objects, the operator's signers files, and the signatures of three schemes.
//!
//! A signature is one of several questions, and each failure has its own [`Code`]: the ref names an annotated tag of strict form;
//! the name inside is the name of the ref; it points at a commit that is there; the signature is good; the key is one that *the
//! operator's* file allows, at the time of the tag; and the tag is still the one that was pinned. The tagger's name and e-mail
//! are the signer's own words and never an identity.

mod armor;
mod attested;
mod detached;
mod gitsign;
#[cfg_attr(not(feature = "openpgp"), path = "openpgp_disabled.rs")]
mod openpgp;
mod pin;
mod principals;
mod rule;
mod signers;
mod source;
mod ssh;
mod ssh_key_file;
mod sshsig;
mod tag;
mod verdict;
mod verify;
mod wire;

pub use crate::git::{GitError, Repository};
pub use detached::{DetachedSigner, FILE_NAMESPACE, verify_detached, verify_signed_statement};
pub use gitsign::GitsignSignature;
pub use openpgp::OpenPgpCertificates;
pub use pin::PinState;
pub use rule::{ReleaseRule, TrustedSigners};
pub use signers::{AllowedSigner, AllowedSigners, RevokedKeys, UnknownKey};
pub use source::{RawTag, TagSource, TagTarget};
pub use ssh_key_file::SshSigningKey;
pub use sshsig::SshSignature;
pub use tag::{Scheme, Signature, Tag, TagError, Tagger, parse_tag};
pub use verdict::{CheckState, Code, Failure, FailureClass, TagCheck, TagSigner, TagVerdict};
pub use verify::{verify, verify_all, verify_object, verify_pinned, verify_unreadable};
pub use wire::{KeyType, SshKey};
