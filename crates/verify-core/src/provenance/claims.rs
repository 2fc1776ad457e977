//! Whether a certificate says one thing only.
//!
//! Readers of Fulcio certificates take the first name, the last of equal extensions, and the newer of two claims for the same fact.
//! An authority that issues a certificate in which these differ is not the one that was meant to be trusted, and two verifiers would
//! read two signers in it. Extensions: <https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>.

use cms::cert::x509::Certificate;
use cms::cert::x509::der::Decode as _;
use cms::cert::x509::der::asn1::{ObjectIdentifier, Utf8StringRef};
use cms::cert::x509::ext::pkix::SubjectAltName;

use super::fault::RefusedBundle;
use crate::fact::Fault;
use crate::text;

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// Below it, everything that Fulcio says of a signer.
const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
/// From this number on, a claim is a UTF8String in DER; before it, bare text.
const FIRST_DER: u32 = 8;
/// Old claim, new claim, and what stands before the old one in the new one.
const SAME: [(u32, u32, &str); 4] = [
    (1, 8, ""),
    (3, 13, ""),
    (5, 12, "https://github.com/"),
    (6, 14, ""),
];

/// Refuses a certificate with several names, an extension twice, a claim that cannot be read, or two claims that contradict each other.
pub(super) fn one_meaning(der: &[u8]) -> Result<(), RefusedBundle> {
    let bad = |why: String| {
        RefusedBundle::wrong(
            Fault::Certificate,
            format!("the certificate is not to be trusted: {why}"),
        )
    };
    let certificate =
        Certificate::from_der(der).map_err(|_| bad("it cannot be read".to_owned()))?;
    let extensions = certificate
        .tbs_certificate
        .extensions
        .as_deref()
        .unwrap_or_default();
    let mut claims: Vec<(u32, String)> = Vec::new();
    for (at, extension) in extensions.iter().enumerate() {
        let (id, value) = (extension.extn_id, extension.extn_value.as_bytes());
        if extensions
            .iter()
            .skip(at + 1)
            .any(|other| other.extn_id == id)
        {
            return Err(bad(format!("it has the extension {id} twice")));
        }
        if id == SUBJECT_ALT_NAME {
            let names = SubjectAltName::from_der(value)
                .map_err(|_| bad("its name cannot be read".to_owned()))?;
            if names.0.len() != 1 {
                return Err(bad(format!(
                    "it has {} names, and only one can be the signer's",
                    names.0.len()
                )));
            }
        } else if let Some(number) = number(id) {
            let claim = claim(number, value)
                .ok_or_else(|| bad(format!("its claim {id} cannot be read")))?;
            claims.push((number, claim));
        }
    }
    let said = |number: u32| {
        claims
            .iter()
            .find(|(n, _)| *n == number)
            .map(|(_, claim)| claim.as_str())
    };
    for (old, new, before) in SAME {
        if let (Some(old), Some(new)) = (said(old), said(new))
            && new.strip_prefix(before) != Some(old)
        {
            let (old, new) = (text::excerpt(old, 200), text::excerpt(new, 200));
            return Err(bad(format!("it says both {old} and {new}")));
        }
    }
    Ok(())
}

fn number(id: ObjectIdentifier) -> Option<u32> {
    (id.parent()? == FULCIO)
        .then(|| id.arc(FULCIO.len()))
        .flatten()
}

/// The text of a claim. Some authorities write the old ones in DER, too.
fn claim(number: u32, value: &[u8]) -> Option<String> {
    let der = Utf8StringRef::from_der(value)
        .ok()
        .map(|text| text.as_str().to_owned());
    match der {
        None if number < FIRST_DER => String::from_utf8(value.to_vec()).ok(),
        found => found,
    }
}
