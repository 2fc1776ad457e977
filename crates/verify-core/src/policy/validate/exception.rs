//! `[[exception]]`.

use std::collections::HashMap;
use std::ops::Range;

use jiff::civil::Date;

use super::Reader;
use crate::advisories::is_malware;
use crate::policy::wire::WireException;
use crate::policy::{Exception, MAX_EXCEPTION_DAYS, MAX_MALICIOUS_DAYS, is_one_version};
use crate::toml_file::{Checked, Spanned, fail};

impl Reader<'_> {
    pub(super) fn exceptions(
        &self,
        wire: Vec<Spanned<WireException>>,
        today: Date,
    ) -> Checked<Vec<Exception>> {
        let mut seen: HashMap<(String, String), Range<usize>> = HashMap::new();
        let mut exceptions = Vec::with_capacity(wire.len());
        for entry in wire {
            let span = entry.span();
            let exception = self.exception(entry, today)?;
            let bound = format!(
                "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                exception.package,
                exception.tree,
                exception.definition,
                exception.settings,
                exception.instructions,
                exception.version,
                exception.dependencies,
                exception.archive,
                exception.advisory
            );
            for id in &exception.allow {
                if let Some(first) = seen.insert((bound.clone(), id.clone()), span.clone()) {
                    return fail(self.file.duplicate(
                        &format!("an exception for `{id}` of {}", exception.package),
                        first,
                        span,
                    ));
                }
            }
            exceptions.push(exception);
        }
        Ok(exceptions)
    }

    fn exception(&self, entry: Spanned<WireException>, today: Date) -> Checked<Exception> {
        let span = entry.span();
        let wire = entry.into_inner();
        let until = self.file.date(&wire.until)?;
        let malware = wire
            .advisory
            .as_ref()
            .is_some_and(|id| is_malware(id.get_ref()));
        let most = if malware {
            MAX_MALICIOUS_DAYS
        } else {
            MAX_EXCEPTION_DAYS
        };
        // Counted in days from the epoch of the calendar, so no time zone has a part in it.
        if today.until(until).is_ok_and(|span| span.get_days() > most) {
            let help = today
                .checked_add(jiff::Span::new().days(most))
                .map(|last| format!("the last day possible today is {last}"));
            let error = self.file.error(
                wire.until.span(),
                format!("an exception ends at most {most} days ahead"),
            );
            return fail(match help {
                Ok(help) => error.with_help(help),
                Err(_) => error,
            });
        }
        let digest = wire.tree.is_some()
            || wire.definition.is_some()
            || wire.settings.is_some()
            || wire.instructions.is_some();
        if wire.tree.is_some() && wire.definition.is_some() && wire.package.scheme() != "mcp" {
            return fail(self.file.error(
                span,
                "an exception is bound to `tree` or to `definition`, not to both",
            ));
        }
        let allow = match (&wire.advisory, wire.allow.as_ref()) {
            (Some(advisory), None) => self.of_advisory(advisory, &wire, span.clone())?,
            (Some(advisory), Some(_)) => {
                return fail(
                    self.file
                        .error(
                            advisory.span(),
                            "an exception is about an advisory, or about findings",
                        )
                        .with_help("remove `allow` or `advisory`"),
                );
            }
            (None, Some(allow)) => self.allowed(allow, &wire, digest, span.clone())?,
            (None, None) => return fail(self.file.error(span, "missing field `allow`")),
        };
        Ok(Exception {
            package: wire.package,
            tree: wire.tree,
            definition: wire.definition,
            settings: wire.settings,
            instructions: wire.instructions,
            version: wire.version.map(Spanned::into_inner),
            dependencies: wire.dependencies,
            archive: wire.archive.map(Spanned::into_inner),
            advisory: wire.advisory.map(Spanned::into_inner),
            allow,
            reason: self.file.sentence(&wire.reason, "reason")?,
            until,
            line: self.file.line(span.start),
        })
    }

    /// The findings of `allow`, each of which the exception may cover as it is bound.
    fn allowed(
        &self,
        list: &Spanned<Vec<Spanned<String>>>,
        wire: &WireException,
        digest: bool,
        span: Range<usize>,
    ) -> Checked<Vec<String>> {
        if let Some(archive) = &wire.archive {
            return fail(
                self.file
                    .error(
                        archive.span(),
                        "only an exception about an advisory is bound to an archive",
                    )
                    .with_help("bind it to `tree`, which is in the lock"),
            );
        }
        if !digest && wire.version.is_none() {
            return fail(
                self.file
                    .error(span, "an exception has to be bound to what was looked at")
                    .with_help("add `tree` or `definition`; both are in the lock"),
            );
        }
        if list.get_ref().is_empty() {
            return fail(self.file.error(list.span(), "the exception allows nothing"));
        }
        let mut allow: Vec<String> = Vec::new();
        for id in list.get_ref() {
            let info = self.finding(id)?;
            if info.fixed {
                return fail(self.fixed(id, "excepted"));
            }
            if !digest && info.group != "pinning" {
                return fail(
                    self.file
                        .error(
                            id.span(),
                            format!(
                                "an exception bound only to a version cannot allow `{}`",
                                info.id
                            ),
                        )
                        .with_help("add `tree`; the same version can hold other bytes"),
                );
            }
            if allow.contains(id.get_ref()) {
                return fail(
                    self.file
                        .error(id.span(), format!("`{}` stands here twice", info.id)),
                );
            }
            allow.push(id.get_ref().clone());
        }
        Ok(allow)
    }

    /// The finding of an advisory. That a package is not malware after all is said of one version and of its very bytes.
    fn of_advisory(
        &self,
        advisory: &Spanned<String>,
        wire: &WireException,
        span: Range<usize>,
    ) -> Checked<Vec<String>> {
        let id = advisory.get_ref();
        if !crate::advisories::is_id(id) {
            return fail(
                self.file
                    .error(advisory.span(), "not the id of an advisory")
                    .with_help("the finding names it, such as GHSA-… or MAL-…"),
            );
        }
        let malware = is_malware(id);
        let bytes = wire.tree.is_some() || wire.archive.is_some();
        let (definition, version) = (wire.definition.is_some(), wire.version.is_some());
        if malware && !is_one_version(&wire.package, bytes, definition, version) {
            let help = match wire.package.scheme() {
                "mcp" => "add `definition`; it is in the lock",
                "service" => {
                    "add `tree`; where the lock has none, `definition` and the `version` of its Node.js"
                }
                "skill" | "runtime" => "add `tree`; it is in the lock",
                _ => "add `version`, and `tree` or `archive`; they are in the lock",
            };
            return fail(
                self.file
                    .error(
                        span,
                        "an exception about malware is bound to one version and its bytes",
                    )
                    .with_help(help),
            );
        }
        let mut known = self.catalogue.iter();
        let finding = known.find(|info| info.group == "advisory" && info.fixed == malware);
        Ok(finding.map(|info| info.id.to_owned()).into_iter().collect())
    }
}
