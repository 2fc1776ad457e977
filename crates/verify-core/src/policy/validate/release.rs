//! `[[release]]`.

use std::ops::Range;

use super::Reader;
use crate::policy::wire::WireRelease;
use crate::policy::{Gitsign, ReleaseNeed, ReleasePolicy};
use crate::toml_file::{Checked, Spanned, fail};

impl Reader<'_> {
    pub(super) fn releases(&self, wire: Vec<Spanned<WireRelease>>) -> Checked<Vec<ReleasePolicy>> {
        let mut rules: Vec<(ReleasePolicy, Range<usize>)> = Vec::with_capacity(wire.len());
        for entry in wire {
            let span = entry.span();
            let rule = self.release(entry)?;
            for (other, first) in &rules {
                if other.repository == rule.repository && other.tags == rule.tags {
                    let what = format!(
                        "a release rule for `{}` of `{}`",
                        rule.tags, rule.repository
                    );
                    return fail(self.file.duplicate(&what, first.clone(), span));
                }
                let same = specificity(other) == specificity(&rule);
                if same
                    && other.repository.overlaps(&rule.repository)
                    && other.tags.overlaps(&rule.tags)
                {
                    let pair = if other.repository == rule.repository {
                        (&other.tags, &rule.tags)
                    } else {
                        (&other.repository, &rule.repository)
                    };
                    return fail(self.tie(pair.0, first, pair.1, span));
                }
            }
            rules.push((rule, span));
        }
        rules.sort_by_key(|(rule, _)| std::cmp::Reverse(specificity(rule)));
        Ok(rules.into_iter().map(|(rule, _)| rule).collect())
    }

    fn release(&self, entry: Spanned<WireRelease>) -> Checked<ReleasePolicy> {
        let span = entry.span();
        let wire = entry.into_inner();
        let require = wire.require.unwrap_or_default();
        if require == ReleaseNeed::SignedTag
            && wire.signers.is_none()
            && wire.openpgp.is_none()
            && wire.gitsign.is_none()
        {
            return fail(
                self.file
                    .error(
                        span,
                        "a release rule that requires a signed tag names no allowed signer",
                    )
                    .with_help(
                        "add `signers`, `openpgp` or `gitsign`, or write `require = \"pinned\"`",
                    ),
            );
        }
        let openpgp = match wire.openpgp {
            None => Vec::new(),
            Some(files) if files.get_ref().is_empty() => {
                return fail(
                    self.file
                        .error(files.span(), "`openpgp` names no certificate file"),
                );
            }
            Some(files) => files
                .get_ref()
                .iter()
                .map(|f| self.resolve(f))
                .collect::<Checked<_>>()?,
        };
        let gitsign = wire.gitsign.map(|g| -> Checked<_> {
            let g = g.into_inner();
            Ok(Gitsign {
                identity: self.file.sentence(&g.identity, "identity")?,
                issuer: self.file.sentence(&g.issuer, "issuer")?,
            })
        });
        Ok(ReleasePolicy {
            repository: self.pattern(&wire.repository)?,
            tags: self.pattern(&wire.tags)?,
            signers: wire.signers.map(|f| self.resolve(&f)).transpose()?,
            openpgp,
            gitsign: gitsign.transpose()?,
            require,
            minimum: wire
                .minimum
                .map(|m| self.file.sentence(&m, "minimum"))
                .transpose()?,
            line: self.file.line(span.start),
        })
    }
}

/// The more literal characters, the more specific; the repository counts first.
fn specificity(rule: &ReleasePolicy) -> (usize, usize) {
    (rule.repository.literals(), rule.tags.literals())
}
