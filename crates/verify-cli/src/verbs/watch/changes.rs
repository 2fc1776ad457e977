//! What is news between two verdicts.

use std::collections::{BTreeMap, BTreeSet};

use openclaw_verify_core::finding::Level;
use openclaw_verify_core::report::Report;
use openclaw_verify_core::report::event::{Event, Stamp, events};
use openclaw_verify_core::subject::SubjectId;

/// The rows of a verdict. The last is that of the run.
pub(super) struct Rows(Vec<Event>);

impl Rows {
    pub(super) fn of(report: &Report, stamp: &Stamp) -> Self {
        Self(events(report, stamp))
    }

    pub(super) fn all(&self) -> &[Event] {
        &self.0
    }

    /// The row of the run.
    pub(super) fn run(&self) -> &Event {
        // Every report has one.
        &self.0[self.0.len() - 1]
    }

    /// The rows that say something else than `before`, those of what is gone, and that of the run; nothing where nothing is news.
    pub(super) fn since(&self, before: &Self, report: &Report, stamp: &Stamp) -> Vec<Event> {
        let known: BTreeMap<Option<&SubjectId>, Event> = before
            .0
            .iter()
            .map(|row| (row.subject.as_ref(), timeless(row)))
            .collect();
        let now: BTreeSet<Option<&SubjectId>> =
            self.0.iter().map(|row| row.subject.as_ref()).collect();
        let gone = known.keys().filter(|id| !now.contains(*id)).copied();
        let gone = gone.flatten().cloned();
        let mut news: Vec<Event> = gone.map(|id| Event::gone(report, stamp, id)).collect();
        let changed = self
            .0
            .iter()
            .filter(|row| known.get(&row.subject.as_ref()) != Some(&timeless(row)));
        news.extend(changed.cloned());
        if !news.is_empty() && news.last() != Some(self.run()) {
            news.push(self.run().clone());
        }
        news
    }
}

/// A row without what differs from run to run. What the operator changed in a file is told by the row of the run.
fn timeless(row: &Event) -> Event {
    let mut row = row.clone();
    (row.at, row.full) = (String::new(), true);
    if row.subject.is_some() {
        (row.policy, row.lock, row.reviews, row.advisories) = (None, None, None, None);
    }
    row
}

/// What a command of the operator's is run for: whether it fails, and what for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict(Option<BTreeSet<(Option<SubjectId>, &'static str)>>);

impl Verdict {
    pub(super) fn of(report: &Report, threshold: Level) -> Self {
        let failing = report
            .counting()
            .filter(|finding| finding.level >= threshold);
        Self(Some(
            failing
                .map(|finding| (finding.subject.clone(), finding.id))
                .collect(),
        ))
    }

    /// That none was reached.
    pub(super) fn none() -> Self {
        Self(None)
    }
}
