//! `[[exception]]`.

use std::collections::HashMap;
use std::ops::Range;

use jiff::civil::Date;
use toml::Spanned;

use super::Reader;
use crate::policy::wire::WireException;
use crate::policy::{Exception, MAX_EXCEPTION_DAYS};
use crate::toml_file::{Checked, fail};

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
                "{} {:?} {:?} {:?} {:?} {:?} {:?}",
                exception.package,
                exception.tree,
                exception.definition,
                exception.settings,
                exception.instructions,
                exception.version,
                exception.dependencies
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
        // Counted in days from the epoch of the calendar, so no time zone has a part in it.
        if today
            .until(until)
            .is_ok_and(|span| span.get_days() > MAX_EXCEPTION_DAYS)
        {
            let help = today
                .checked_add(jiff::Span::new().days(MAX_EXCEPTION_DAYS))
                .map(|last| format!("the last day possible today is {last}"));
            let error = self.file.error(
                wire.until.span(),
                format!("an exception ends at most {MAX_EXCEPTION_DAYS} days ahead"),
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
        if !digest && wire.version.is_none() {
            return fail(
                self.file
                    .error(span, "an exception has to be bound to what was looked at")
                    .with_help("add `tree` or `definition`; both are in the lock"),
            );
        }
        if wire.allow.get_ref().is_empty() {
            return fail(
                self.file
                    .error(wire.allow.span(), "the exception allows nothing"),
            );
        }
        let mut allow: Vec<String> = Vec::new();
        for id in wire.allow.get_ref() {
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
        Ok(Exception {
            package: wire.package,
            tree: wire.tree,
            definition: wire.definition,
            settings: wire.settings,
            instructions: wire.instructions,
            version: wire.version.map(Spanned::into_inner),
            dependencies: wire.dependencies,
            allow,
            reason: self.file.sentence(&wire.reason, "reason")?,
            until,
            line: self.file.line(span.start),
        })
    }
}
