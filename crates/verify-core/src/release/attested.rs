//! GitHub's release attestation in place of a signature: GitHub, not the maker, says which commit the tag named when it was released.

use super::verdict::{CheckState, Code, Failure, TagCheck, TagVerdict};
use crate::fact::{Fact, Fault, NotEstablished, Outcome};
use crate::provenance::release::Released;

impl TagVerdict {
    /// The verdict when an attestation of this repository's release of this tag replaces a signature, for an operator who
    /// asked for that. What else is wrong with the tag stays wrong: also a bad signature by a trusted signer.
    #[must_use]
    pub fn attested(mut self, found: &Fact<Released>) -> Self {
        self.failures
            .retain(|failure| !is_replaceable(failure.code));
        let judged = match found {
            // A tag whose commit is not even known has its cause already.
            _ if self.commit.is_none() && !self.failures.is_empty() => None,
            Fact::Verified(released) => Some(self.compare(released)),
            Fact::Violated { code, why } => Some(Err(Failure::new(
                refused(*code),
                format!(
                    "the release attestation [{}]: {why}",
                    code.map_or("", Fault::as_str)
                ),
            ))),
            Fact::NotEstablished { code, why } => {
                Some(Err(Failure::new(Code::NotEstablished(*code), why.clone())))
            }
            Fact::NotApplicable => Some(Err(Failure::new(
                Code::Unsigned,
                "there is no release attestation",
            ))),
        };
        let (state, detail) = match judged {
            None => (
                CheckState::NotChecked,
                "the commit that the tag leads to is not known".to_owned(),
            ),
            Some(Ok(detail)) => (CheckState::Passed, detail),
            Some(Err(failure)) => {
                let detail = failure.message.clone();
                self.failures.insert(0, failure);
                (CheckState::Failed, detail)
            }
        };
        self.checks.push(TagCheck {
            name: "attestation",
            state,
            detail,
        });
        self.outcome = self
            .failures
            .iter()
            .map(|failure| failure.code.outcome())
            .max()
            .unwrap_or(Outcome::Verified);
        self
    }

    fn compare(&self, released: &Released) -> Result<String, Failure> {
        match &self.commit {
            Some(commit) if *commit == released.commit => Ok(format!(
                "GitHub released it from the same commit, with {}",
                crate::text::count(released.assets.len(), "file")
            )),
            Some(commit) => Err(Failure::new(
                Code::Moved,
                format!(
                    "the tag leads to the commit {commit}, and GitHub released it from {}",
                    released.commit
                ),
            )
            .help("do not use it before its makers have explained the change")),
            None => Err(Failure::new(
                Code::TargetMissing,
                "the commit that the tag leads to is not known",
            )),
        }
    }
}

/// What an attestation can replace: a missing signature, or one that could not be judged.
fn is_replaceable(code: Code) -> bool {
    matches!(
        code,
        Code::Lightweight
            | Code::Unsigned
            | Code::SchemeNotAllowed
            | Code::NotEstablished(
                NotEstablished::NeedsLog
                    | NotEstablished::NoTrustRoot
                    | NotEstablished::FeatureDisabled
            )
    )
}

/// The finding about a tag that an attestation's fault becomes.
fn refused(fault: Option<Fault>) -> Code {
    match fault {
        Some(Fault::Identity | Fault::Issuer) => Code::UnknownKey,
        Some(Fault::Subject) => Code::NameMismatch,
        _ => Code::BadSignature,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::verify_unreadable;

    #[test]
    fn only_a_missing_signature_is_stood_for() {
        let released =
            |byte: u8| Fact::Verified(Released::of(crate::digest::GitOid::sha1(&[byte; 20])));
        let with = |codes: &[Code], commit: u8| {
            let mut verdict = verify_unreadable(
                "v1",
                &crate::git::GitError::Missing(crate::digest::GitOid::sha1(&[9; 20])),
            );
            verdict.failures = codes.iter().map(|code| Failure::new(*code, "x")).collect();
            verdict.commit = Some(crate::digest::GitOid::sha1(&[commit; 20]));
            verdict.attested(&released(1))
        };
        for code in [
            Code::Lightweight,
            Code::Unsigned,
            Code::SchemeNotAllowed,
            Code::NotEstablished(NotEstablished::NeedsLog),
        ] {
            assert_eq!(with(&[code], 1).outcome, Outcome::Verified, "{code:?}");
            let moved = with(&[code], 2);
            assert_eq!(
                (moved.outcome, moved.failures[0].code),
                (Outcome::Violated, Code::Moved),
                "{code:?}"
            );
        }
        for code in [
            Code::BadSignature,
            Code::Revoked,
            Code::NameMismatch,
            Code::Moved,
            Code::Rollback,
            Code::Malformed,
        ] {
            assert_eq!(with(&[code], 1).outcome, Outcome::Violated, "{code:?}");
        }
        assert_eq!(
            with(
                &[Code::NotEstablished(NotEstablished::UnsupportedRepository)],
                1
            )
            .outcome,
            Outcome::NotEstablished
        );
    }
}
