//! Signed folders: OpenSSF Model Signing v1.0, as skills carry it.
//!
//! A signature is a Sigstore bundle over an in-toto statement that lists every file of the folder. Three kinds of signers: a public key
//! of the operator, a chain of certificates up to a root of the operator, and an identity that Sigstore vouches for. Format:
//! <https://github.com/ossf/model-signing-spec>; the reference implementation is
//! <https://github.com/sigstore/model-transparency>.
//!
//! Stricter than the format: the folder holds exactly the listed files and the signature, no links, and has the name that was signed.
//! Executable bits are not signed; the lock holds them.

mod listing;
mod signature;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use self::listing::{Listing, bad};
use self::signature::Envelope;
pub(super) use self::signature::{PAYLOAD_TYPE, payload_signed_by, pre_authentication};
pub use self::signature::{RootCertificates, SigningKey};
use super::artifact::Artifact;
use super::attestation::{self, Signer};
use super::fault::{self, RefusedBundle};
use super::identity::IdentityPolicy;
use super::shape;
use super::statement::Statement;
use super::trust::{NoTrustRoot, TrustRoot};
use crate::digest::Sha256Digest;
use crate::fact::{Fact, Fault, NotEstablished};
use crate::lock::FOLDER_SIGNER;
use crate::text;
use crate::tree::{Manifest, TreeEntry};

/// What a signature of a folder is a statement of.
pub const PREDICATE: &str = "https://model_signing/signature/v1.0";

/// Most bytes of a signature. One that lists 10,000 files has some 2 MiB.
pub const MAX_SIGNATURE_BYTES: u64 = 16 << 20;

/// A folder with a signature in it.
pub struct SignedFolder<'a> {
    /// The names that it has: of the folder, and where it is staged under another name, of what it will be.
    pub names: &'a [&'a str],
    /// Everything that lies in it.
    pub files: &'a Manifest,
    /// Path of the signature in it.
    pub signature: &'a str,
    /// Reads one of the files, as it is listed.
    pub read: &'a dyn Fn(&TreeEntry) -> Fetch,
}

/// What came of reading a file.
#[derive(Debug)]
pub enum Fetch {
    /// Its bytes, which are those of the listing.
    Bytes(Vec<u8>),
    /// Why it could not be read, to complete a sentence that starts with its path.
    Unread(String),
}

/// Whose signatures count.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignerTrust {
    /// This key.
    Key(SigningKey),
    /// Anyone for whom one of these certificates vouches.
    Certificates(RootCertificates),
    /// This identity, vouched for by this issuer; both exact.
    Identity {
        /// Subject alternative name of the certificate.
        identity: String,
        /// OIDC issuer.
        issuer: String,
    },
}

/// Who signed a folder: `oms:key:…`, `oms:cert:…` or `oms:identity:…`, as lock and `[[trust]]` name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSigner(String);

impl ModelSigner {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn key(spki: &Sha256Digest) -> Self {
        Self(format!("{FOLDER_SIGNER}key:sha256:{}", spki.hex()))
    }

    fn certificate(root: &Sha256Digest, subject: &str) -> Self {
        let subject = text::excerpt(subject, 300);
        Self(format!(
            "{FOLDER_SIGNER}cert:sha256:{}/{subject}",
            root.hex()
        ))
    }

    fn identity(identity: &str, issuer: &str) -> Self {
        Self(format!("{FOLDER_SIGNER}identity:{identity} {issuer}"))
    }
}

/// Judges the `signature` in `folder`: who of `trust` signed exactly what lies there.
///
/// `root` is asked only for a signature that Sigstore vouches for. `now` is the time as of which certificates are judged: none of a
/// chain proves when it signed.
pub fn verify<'r>(
    folder: &SignedFolder<'_>,
    signature: &[u8],
    trust: &[SignerTrust],
    root: impl FnOnce() -> Result<&'r TrustRoot, &'r NoTrustRoot>,
    now: Timestamp,
) -> Fact<ModelSigner> {
    fault::fact(judge(folder, signature, trust, root, now))
}

fn judge<'r>(
    folder: &SignedFolder<'_>,
    signature: &[u8],
    trust: &[SignerTrust],
    root: impl FnOnce() -> Result<&'r TrustRoot, &'r NoTrustRoot>,
    now: Timestamp,
) -> Result<ModelSigner, RefusedBundle> {
    if signature.len() as u64 > MAX_SIGNATURE_BYTES {
        return Err(bad("it is larger than any that is read"));
    }
    let bundle = match shape::parse(signature) {
        Ok(bundle) => bundle,
        Err(why) => match shape::other_format(signature) {
            Some(what) => return Err(shape::unsupported(what)),
            None => return Err(bad(&format!("it {why}"))),
        },
    };
    shape::check(&bundle)?;
    let envelope = Envelope::of(&bundle)?;
    let listing = Listing::of(&Statement::parse(&envelope.payload)?)?;
    let who = who(&bundle, &envelope, &listing, trust, root, now);
    // A signature that does not hold says nothing of the files. Of a good one that is not of what lies here, that comes first, and the signer second.
    if who.as_ref().err().is_none_or(is_other) {
        listing.compare(folder)?;
    }
    who
}

/// Whose signature it is.
fn who<'r>(
    bundle: &Value,
    envelope: &Envelope,
    listing: &Listing,
    trust: &[SignerTrust],
    root: impl FnOnce() -> Result<&'r TrustRoot, &'r NoTrustRoot>,
    now: Timestamp,
) -> Result<ModelSigner, RefusedBundle> {
    let material = bundle.get("verificationMaterial").unwrap_or(&Value::Null);
    if let Some(key) = material.get("publicKey").filter(|key| !key.is_null()) {
        let keys = trust.iter().filter_map(|trust| match trust {
            SignerTrust::Key(key) => Some(key),
            _ => None,
        });
        let hint = key.get("hint").and_then(Value::as_str).unwrap_or_default();
        return envelope.signed_by_key(&keys.collect::<Vec<_>>(), hint);
    }
    let entries = material.get("tlogEntries").and_then(Value::as_array);
    let logged = entries.is_some_and(|entries| !entries.is_empty());
    let chain = material
        .pointer("/x509CertificateChain/certificates")
        .and_then(Value::as_array);
    // Bundles of Sigstore's first versions hold a chain, too, and a log entry that the other kind never has.
    if let (Some(chain), false) = (chain, logged) {
        let chain: Vec<_> = chain.iter().map(certificate).collect::<Result<_, _>>()?;
        let roots = trust.iter().filter_map(|trust| match trust {
            SignerTrust::Certificates(roots) => Some(roots),
            _ => None,
        });
        return envelope.signed_by_chain(&chain, &roots.collect::<Vec<_>>(), now);
    }
    let root = root()
        .map_err(|none| RefusedBundle::Open(NotEstablished::NoTrustRoot, none.to_string()))?;
    let artifact = Artifact::sha256(listing.root());
    let mut refused = None;
    for trusted in trust {
        let SignerTrust::Identity { identity, issuer } = trusted else {
            continue;
        };
        let policy = IdentityPolicy {
            identity: Some(identity.clone()),
            issuer: Some(issuer.clone()),
            ..IdentityPolicy::default()
        };
        let signer = Signer::Identity(&policy);
        match attestation::one(&artifact, bundle, signer, Some(PREDICATE), root, now) {
            Ok(_) => return Ok(ModelSigner::identity(identity, issuer)),
            Err(other) => refused = Some(other),
        }
    }
    Err(refused.unwrap_or_else(|| {
        RefusedBundle::wrong(
            Fault::Identity,
            "it is signed by an identity that Sigstore vouches for, and your policy names none",
        )
    }))
}

/// Whether all that is wrong is who signed.
fn is_other(refused: &RefusedBundle) -> bool {
    match refused {
        RefusedBundle::Wrong(fault, _) => {
            fault.is_mismatch() || matches!(fault, Fault::Key | Fault::Certificate)
        }
        RefusedBundle::Unsupported(_) | RefusedBundle::Open(..) => false,
    }
}

fn certificate(value: &Value) -> Result<Vec<u8>, RefusedBundle> {
    let text = value.get("rawBytes").and_then(Value::as_str);
    text.and_then(|text| STANDARD.decode(text).ok())
        .ok_or_else(|| bad("a certificate of its chain is no base64"))
}
