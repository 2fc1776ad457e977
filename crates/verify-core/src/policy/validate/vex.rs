//! `[[vex]]`.

use std::ops::Range;

use jiff::civil::Date;

use super::Reader;
use crate::advisories::VexPolicy;
use crate::policy::MAX_EXCEPTION_DAYS;
use crate::policy::wire::WireVex;
use crate::toml_file::{Checked, Spanned, fail};

impl Reader<'_> {
    /// Files of statements, each once.
    pub(super) fn vex(&self, wire: Vec<Spanned<WireVex>>, today: Date) -> Checked<Vec<VexPolicy>> {
        let mut found: Vec<(VexPolicy, Range<usize>)> = Vec::with_capacity(wire.len());
        for entry in wire {
            let span = entry.span();
            let wire = entry.into_inner();
            let until = self.file.date(&wire.until)?;
            if today
                .until(until)
                .is_ok_and(|span| span.get_days() > MAX_EXCEPTION_DAYS)
            {
                return fail(
                    self.file
                        .error(
                            wire.until.span(),
                            format!("such a file counts at most {MAX_EXCEPTION_DAYS} days ahead"),
                        )
                        .with_help("name an earlier day, and look at the statements again then"),
                );
            }
            let path = self.resolve(&wire.path)?;
            if let Some((_, first)) = found.iter().find(|(other, _)| other.path == path) {
                return fail(self.file.duplicate("this file", first.clone(), span));
            }
            let line = self.file.line(span.start);
            found.push((VexPolicy::new(path, wire.digest, until, line), span));
        }
        Ok(found.into_iter().map(|(file, _)| file).collect())
    }
}
