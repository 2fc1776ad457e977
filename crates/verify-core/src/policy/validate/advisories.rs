//! `[advisories]`.

use super::{Reader, from_name, import_address};
use crate::advisories::Severity;
use crate::policy::AdvisoryPolicy;
use crate::policy::wire::WireAdvisories;
use crate::toml_file::{Checked, Spanned, fail};

impl Reader<'_> {
    pub(super) fn advisories(&self, wire: Spanned<WireAdvisories>) -> Checked<AdvisoryPolicy> {
        let wire = wire.into_inner();
        if let Some(sha256) = &wire.sha256 {
            let text = sha256.get_ref();
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if text.len() != 64 || !text.bytes().all(hex) {
                return fail(
                    self.file
                        .error(sha256.span(), "not a SHA-256")
                        .with_help("write its 64 lower-case hex digits"),
                );
            }
        }
        if let Some(days) = wire
            .max_age_days
            .as_ref()
            .filter(|days| *days.get_ref() == 0)
        {
            return fail(
                self.file
                    .error(
                        days.span(),
                        "records of today are not new enough for 0 days",
                    )
                    .with_help("name how many days old the newest record may be"),
            );
        }
        let severity = |word: Spanned<String>| match from_name::<Severity>(word.get_ref()) {
            Some(severity) if severity != Severity::Unknown => Ok(severity),
            _ => fail(
                self.file
                    .error(word.span(), "not a severity")
                    .with_help("write low, medium, high or critical"),
            ),
        };
        if let Some(url) = &wire.source
            && let Err((why, help)) = import_address(url.get_ref())
        {
            return fail(self.file.error(url.span(), why).with_help(help));
        }
        Ok(AdvisoryPolicy {
            index: wire.index.map(|path| self.resolve(&path)).transpose()?,
            source: wire.source.map(Spanned::into_inner),
            sha256: wire.sha256.map(Spanned::into_inner),
            max_age_days: wire.max_age_days.map(Spanned::into_inner),
            require: wire.require.unwrap_or_default(),
            deny_severity: wire.deny_severity.map(severity).transpose()?,
            not_for: wire
                .not_for
                .into_iter()
                .map(|url| self.registry(url))
                .collect::<Checked<_>>()?,
        })
    }
}
