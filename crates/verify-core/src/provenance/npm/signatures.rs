//! Registry signatures: `dist.signatures` in a package's metadata.

use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::keys::NoKey;
use super::{AttestedPackage, KeyUsage, MAX_ENTRIES, NpmKeys};
use crate::fact::{Fact, Fault};
use crate::provenance::fault::{RefusedBundle, fact};
use crate::signature;
use crate::text;

/// One entry of `dist.signatures`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySignature {
    /// Id of the key.
    pub keyid: String,
    /// Base64 of a DER ECDSA signature.
    pub sig: String,
}

/// Judges `dist.signatures`: each must be a signature over `name@version:integrity` by a key of npm that was in use when the version
/// was `published`. That time comes from the registry itself; without it a key that has expired proves nothing.
/// [`Fact::NotApplicable`] when there are none. The value is the ids of the keys.
pub fn verify_registry_signatures(
    signatures: &[RegistrySignature],
    package: &AttestedPackage<'_>,
    published: Option<Timestamp>,
    keys: &NpmKeys,
    now: Timestamp,
) -> Fact<Vec<String>> {
    if signatures.is_empty() {
        return Fact::NotApplicable;
    }
    fact(check_signatures(signatures, package, published, keys, now))
}

fn check_signatures(
    signatures: &[RegistrySignature],
    package: &AttestedPackage<'_>,
    published: Option<Timestamp>,
    keys: &NpmKeys,
    now: Timestamp,
) -> Result<Vec<String>, RefusedBundle> {
    if signatures.len() > MAX_ENTRIES {
        return Err(RefusedBundle::wrong(
            Fault::Bundle,
            format!("the registry lists {} signatures", signatures.len()),
        ));
    }
    if let Some(published) = published.filter(|published| *published > now) {
        return Err(RefusedBundle::wrong(
            Fault::Timestamp,
            format!("the registry says it was published at {published}, after {now}"),
        ));
    }
    let message = format!("{}@{}:{}", package.name, package.version, package.integrity);
    let mut ids = Vec::with_capacity(signatures.len());
    for signature in signatures {
        let key = keys.find(&signature.keyid, KeyUsage::Signatures)?;
        match published {
            Some(time) => key.check_lifetime(time)?,
            None if key.has_end() => return Err(NoKey::UnknownTime.into()),
            None => {}
        }
        let bad = || {
            RefusedBundle::wrong(
                Fault::Signature,
                format!(
                    "the registry's signature over {} does not verify",
                    text::excerpt(&message, 300)
                ),
            )
        };
        let sig = STANDARD.decode(&signature.sig).map_err(|_| bad())?;
        if !signature::holds(&ECDSA_P256_SHA256_ASN1, &key.der, message.as_bytes(), &sig) {
            return Err(bad());
        }
        ids.push(signature.keyid.clone());
    }
    Ok(ids)
}
