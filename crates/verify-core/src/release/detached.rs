//! Detached SSH signatures of files: of the operator's own, and of statements.

use jiff::Timestamp;

use super::signers::AllowedSigners;
use super::sshsig::SshSignature;
use super::verdict::{Code, Failure};
use crate::fact::{Fact, Fault, NotEstablished};
use crate::provenance::{Artifact, Attested, signed_summary};

/// What signatures of files are made for (`ssh-keygen -Y sign -n`), so that one of a tag or an e-mail is none of a file.
pub const FILE_NAMESPACE: &str = "openclaw-verify";

/// Who signed a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DetachedSigner {
    /// As which the signers file knows the key. Safe to show.
    pub principal: String,
    /// `SHA256:…` of the key.
    pub fingerprint: String,
}

/// Who of `signers` signed `message` with the armored `signature`, which messages say is of the `what`. The key has to be valid at `now`:
/// the signature proves no time.
///
/// # Errors
/// The first failure.
pub fn verify_detached(
    message: &[u8],
    signature: &[u8],
    signers: &AllowedSigners,
    what: &str,
    now: Timestamp,
) -> Result<DetachedSigner, Failure> {
    // The armor is one block, and nothing may stand around it.
    let signature = SshSignature::from_armor(signature)?;
    signature.verify(message, FILE_NAMESPACE, what)?;
    // A program that asks the key can have it sign without a touch, and what runs as its owner can ask.
    if signature.is_untouched() {
        let why = "the security key signed without being touched";
        return Err(Failure::new(Code::BadSignature, why)
            .help("sign it again, with a touch: a key that was made with no-touch-required cannot sign this"));
    }
    let at = now.as_second();
    let (_, principal) = signers
        .authorise(&signature.key, FILE_NAMESPACE, at)
        .or_else(|refused| {
            signers
                .any_for(&signature.key, FILE_NAMESPACE, at)
                .ok_or(refused)
        })?;
    Ok(DetachedSigner {
        principal: crate::text::excerpt(principal, 200),
        fingerprint: signature.key.fingerprint(),
    })
}

/// Judges `artifact` by a statement of this program (a verification summary) that one of `signers` signed with SSH.
#[must_use]
pub fn verify_signed_statement(
    artifact: &Artifact<'_>,
    statement: &[u8],
    signature: &[u8],
    signers: &AllowedSigners,
    now: Timestamp,
) -> Fact<Attested> {
    match verify_detached(statement, signature, signers, "statement", now) {
        Ok(signer) => signed_summary(
            artifact,
            statement,
            &format!("{} {}", signer.principal, signer.fingerprint),
        ),
        Err(failure) => {
            let why = failure.message;
            match failure.code {
                Code::NotEstablished(code) => Fact::not_established(code, why),
                Code::KeyExpired => Fact::not_established(NotEstablished::KeyExpired, why),
                Code::BadArmor => Fact::violated(Fault::Bundle, why),
                Code::BadSignature | Code::WrongNamespace | Code::WeakHash => {
                    Fact::violated(Fault::Signature, why)
                }
                _ => Fact::violated(Fault::Key, why),
            }
        }
    }
}
