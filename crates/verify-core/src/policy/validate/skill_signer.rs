//! `[[skill-signer]]`.

use std::ops::Range;

use super::Reader;
use crate::policy::wire::WireSkillSigner;
use crate::policy::{SkillSigner, SkillSignerKind};
use crate::toml_file::{Checked, Spanned, fail};

impl Reader<'_> {
    /// Several may be for the same skills: each of them may sign.
    pub(super) fn skill_signers(
        &self,
        wire: Vec<Spanned<WireSkillSigner>>,
    ) -> Checked<Vec<SkillSigner>> {
        let mut found: Vec<(SkillSigner, Range<usize>)> = Vec::with_capacity(wire.len());
        for entry in wire {
            let span = entry.span();
            let signer = self.skill_signer(entry)?;
            let same =
                |other: &SkillSigner| other.pattern == signer.pattern && other.who == signer.who;
            if let Some((_, first)) = found.iter().find(|(other, _)| same(other)) {
                let what = format!("this signer of `{}`", signer.pattern);
                return fail(self.file.duplicate(&what, first.clone(), span));
            }
            found.push((signer, span));
        }
        Ok(found.into_iter().map(|(signer, _)| signer).collect())
    }

    fn skill_signer(&self, entry: Spanned<WireSkillSigner>) -> Checked<SkillSigner> {
        let span = entry.span();
        let wire = entry.into_inner();
        let who = match (wire.certificate, wire.key, wire.identity, wire.issuer) {
            (Some(file), None, None, None) => SkillSignerKind::Certificate(self.resolve(&file)?),
            (None, Some(file), None, None) => SkillSignerKind::Key(self.resolve(&file)?),
            (None, None, Some(identity), Some(issuer)) => SkillSignerKind::Identity {
                identity: self.file.sentence(&identity, "identity")?,
                issuer: self.file.sentence(&issuer, "issuer")?,
            },
            _ => {
                return fail(
                    self.file
                        .error(span, "a signer of skills is named in exactly one way")
                        .with_help("write `certificate`, or `key`, or `identity` with `issuer`"),
                );
            }
        };
        Ok(SkillSigner {
            pattern: self.subject_pattern(&wire.pattern)?,
            who,
            require: wire.require.unwrap_or(true),
            line: self.file.line(span.start),
        })
    }
}
