//! Signatures beside skills, under the rules that release tags have.

use crate::evidence::SkillSignature;
use crate::fact::{Fact, Fault};
use crate::finding::{Draft, Level};
use crate::release::FailureClass;
use crate::rules::Whole;

/// Every failure of this class.
pub(super) fn drafts(whole: &Whole<'_>, class: FailureClass) -> Vec<Draft> {
    let signed = whole
        .judged
        .iter()
        .filter_map(|judged| Some((judged, judged.evidence.signature.as_ref()?)));
    signed
        .filter_map(|(judged, signature)| {
            let draft = draft(signature, class)?
                .subject(&judged.subject.id)
                .at(whole.in_policy(signature.line))
                .evidence(format!(
                    "asked for by line {} of the policy",
                    signature.line
                ));
            Some(match &signature.file {
                Some(file) => {
                    draft.evidence(format!("signature {}", crate::text::excerpt(file, 100)))
                }
                None => draft,
            })
        })
        .collect()
}

fn draft(signature: &SkillSignature, class: FailureClass) -> Option<Draft> {
    match (&signature.fact, class) {
        (Fact::NotApplicable, FailureClass::Missing) if signature.required => Some(
            Draft::new("the skill is not signed")
                .code("skill")
                .demanded()
                .help("ask its publisher for a signed one, or say in that rule of the policy that no signature is required"),
        ),
        (Fact::Violated { code, why }, _) => {
            let code = code.unwrap_or(Fault::Bundle);
            let found = if code.is_mismatch() || matches!(code, Fault::Key | Fault::Certificate) {
                FailureClass::Signer
            } else {
                FailureClass::Invalid
            };
            let help = match found {
                FailureClass::Signer => {
                    "ask the publisher over another way whether the signer is theirs; only then name it in the policy"
                }
                _ => "do not use this skill as it is: fetch it again from its publisher, not from a mirror, and check again",
            };
            (found == class).then(|| Draft::new(why.clone()).code(code.as_str()).help(help))
        }
        (Fact::NotEstablished { code, why }, FailureClass::Open) => {
            let draft = Draft::new(why.clone()).code(code.as_str());
            Some(if signature.required {
                draft.demanded()
            } else {
                draft.level(Level::Warn)
            })
        }
        _ => None,
    }
}
