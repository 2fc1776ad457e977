//! SSH-signed tags against the operator's signers file.

use jiff::Timestamp;

use super::signers::{AllowedSigners, RevokedKeys};
use super::sshsig::{NAMESPACE, SshSignature};
use super::tag::Tag;
use super::verdict::{Code, Failure, TagSigner};
use super::verify::{Accepted, refuse_future};
use crate::fact::NotEstablished;

/// Who signed the tag, when the signature is good and the file allows the key at the time of the tag.
///
/// An SSH signature holds no time of its own, so the tagger's is taken, as git does. Anyone who has an old key can therefore set an old
/// date: only a pin protects against that, and the note says so.
pub(super) fn verify(
    tag: &Tag,
    signers: &AllowedSigners,
    revoked: Option<&RevokedKeys>,
    now: Timestamp,
) -> Result<Accepted, Failure> {
    let signature = SshSignature::from_armor(tag.armor())?;
    signature.verify(tag.payload(), NAMESPACE, "tag")?;
    let key = &signature.key;
    let fingerprint = key.fingerprint();
    match revoked {
        Some(RevokedKeys::Keys(keys)) if keys.contains(key) => {
            return Err(Failure::new(
                Code::Revoked,
                format!("the key {fingerprint} is revoked"),
            ));
        }
        Some(RevokedKeys::Krl) => {
            let why = "the list of revoked keys is an OpenSSH KRL, which is not read";
            return Err(
                Failure::new(Code::NotEstablished(NotEstablished::UnsupportedSchema), why)
                    .help("give the revoked keys as plain public keys, one a line"),
            );
        }
        _ => {}
    }
    let known = signers.entries().iter().any(|entry| entry.key == *key);
    if known {
        refuse_future(tag.tagger.seconds, now)?;
    }
    let (entry, principal) = signers.authorise(key, &signature.namespace, tag.tagger.seconds)?;
    let mut notes = Vec::new();
    if signature.is_untouched() {
        notes.push("the security key signed without being touched".to_owned());
    }
    if entry
        .valid_before
        .is_some_and(|until| until < now.as_second())
    {
        notes.push(
            "the key is no longer valid; only the tag's own date says that it was made before: pin the tag to keep it from being replaced"
                .to_owned(),
        );
    }
    if principal.chars().all(|c| matches!(c, '*' | '?')) {
        notes.push(format!(
            "line {} of the signers file allows this key for anyone (`{principal}`): it does not say who signed",
            entry.line
        ));
    }
    notes.extend(signers.unknown().iter().map(|unknown| {
        format!(
            "line {} of the signers file allows nothing: this program does not know keys of the type {}",
            unknown.line, unknown.key_type
        )
    }));
    let signer = TagSigner {
        principal: crate::text::excerpt(principal, 200),
        key_type: key.type_name().to_owned(),
        fingerprint,
    };
    Ok(Accepted { signer, notes })
}
