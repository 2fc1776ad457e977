//! The first line of a report for people: in words, whether all is well.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use jiff::civil::Date;
use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::finding::{Finding, Level, Remedy, RemedyKind};
use openclaw_verify_core::report::Report;
use openclaw_verify_core::rules::{self, Group, Stage};

use super::count;

/// What the line has to know beside the report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since {
    /// The day on which the lock was last written, where that is known.
    pub locked: Option<Date>,
    /// The day of the run.
    pub today: Option<Date>,
    /// Whether everything was judged, not only some kinds or ids.
    pub whole: bool,
    /// Whether the machine around it was judged too.
    pub machine: bool,
}

/// The line; none where no installation was judged. It never says that nothing changed where that is not established.
pub(crate) fn headline(report: &Report, since: Since) -> Option<String> {
    if report.stage != Stage::Installed || !report.releases.is_empty() {
        return None;
    }
    let sorted = Sorted::of(report);
    let changed = report.summary.violated > 0 && !only_another_host(report);
    let only_gone =
        sorted.banned + sorted.wrong + sorted.to_lock == 0 && !changed && sorted.gone > 0;
    let red = AnsiColor::Red.on_default().bold();
    let (style, first) = if sorted.banned > 0 {
        let subjects = count(sorted.banned, "subject");
        (
            red,
            format!("{subjects} must not be used: look there first"),
        )
    } else if sorted.is_another_state(report) {
        let gone = count(sorted.gone, "locked subject");
        let first = format!(
            "is this the state directory that was locked? {gone} are not here, and {} here are not locked; another one: --state-dir DIR or --profile NAME",
            sorted.to_lock
        );
        (red, first)
    } else if sorted.wrong > 0 {
        let (verb, was) = match sorted.wrong {
            1 => ("is", "it was"),
            _ => ("are", "they were"),
        };
        let subjects = count(sorted.wrong, "subject");
        let first = format!("{subjects} {verb} not as {was} locked and recorded: look there first");
        (red, first)
    } else if sorted.to_lock > 0 || changed {
        let first = "something is new or was changed".to_owned();
        (AnsiColor::Yellow.on_default().bold(), first)
    } else if only_gone {
        let (subjects, verb) = (
            count(sorted.gone, "subject"),
            if sorted.gone == 1 { "is" } else { "are" },
        );
        let first = format!("{subjects} that OpenClaw had {verb} gone");
        (AnsiColor::Yellow.on_default().bold(), first)
    } else {
        let what = if since.whole {
            "nothing"
        } else {
            "nothing of it"
        };
        let known = if sorted.unknown > 0 {
            "is known to have changed"
        } else {
            "changed"
        };
        let when = since.words();
        (Style::new().bold(), format!("{what} {known} since {when}"))
    };
    let rest = sorted.rest(report, only_gone);
    let rest = match rest.is_empty() {
        true => String::new(),
        false => format!("; {}", rest.join(", ")),
    };
    Some(format!("{style}{first}{style:#}{rest}\n"))
}

/// Whether nothing is violated but that something else would start another host than the judged one: no file and no key is another one.
fn only_another_host(report: &Report) -> bool {
    let mut violated = report
        .subjects
        .iter()
        .filter(|subject| subject.outcomes.integrity == Outcome::Violated);
    violated.all(|subject| {
        let mut codes = report.findings.iter().filter_map(|finding| {
            let rule = rules::rule(finding.id)?;
            let about = finding.subject.as_ref() == Some(&subject.id)
                && finding.outcome == Outcome::Violated
                && rule.group == Group::Integrity;
            about.then_some(finding.code)
        });
        // Of what is set aside for one run there is no finding.
        let first = codes.next();
        first
            .into_iter()
            .chain(codes)
            .all(|code| code == Some("other-host"))
            && first.is_some()
    })
}

/// What the findings ask for. What is wrong or moved is counted by subject, because one change of one subject has several findings; all
/// else is counted by finding, so that the numbers are those of the last line and of `review`.
#[derive(Debug, Default)]
struct Sorted {
    /// Nothing makes it good.
    banned: usize,
    /// Integrity is violated, and no plain lock takes it over.
    wrong: usize,
    /// New, or updated by OpenClaw's own record.
    to_lock: usize,
    /// Locked or recorded, and not there; whatever policy says of that.
    gone: usize,
    /// Not established, where policy wants it established.
    unknown: usize,
    /// Not read, also what an exception covers.
    to_read: usize,
    /// All of those are covered.
    reading_is_excepted: bool,
    /// Covered, and something else than a missing review.
    excepted: usize,
    /// Denied for another reason.
    to_decide: usize,
    /// The other warnings.
    to_look_at: usize,
}

impl Sorted {
    fn of(report: &Report) -> Self {
        let counting =
            |finding: &&Finding| finding.suppressed.is_none() && finding.level >= Level::Warn;
        let all: Vec<&Finding> = report.findings.iter().filter(counting).collect();
        let integrity = |finding: &Finding| {
            rules::rule(finding.id).is_some_and(|rule| rule.group == Group::Integrity)
        };
        let locks =
            |finding: &Finding| matches!(finding.remedy, Remedy::Lock { accept: false, .. });
        let reads = |finding: &Finding| finding.remedy.kind() == RemedyKind::Review;
        let unknown = |finding: &Finding| finding.outcome == Outcome::NotEstablished;
        let banned = |finding: &Finding| {
            let never =
                rules::rule(finding.id).is_some_and(|rule| rule.clears == RemedyKind::Never);
            finding.level == Level::Deny && never && !unknown(finding)
        };
        let wrong = |finding: &Finding| {
            !banned(finding)
                && integrity(finding)
                && finding.level == Level::Deny
                && !locks(finding)
                && !unknown(finding)
        };
        let subjects = |wanted: &dyn Fn(&Finding) -> bool| {
            distinct(all.iter().copied().filter(|finding| wanted(finding)))
        };
        let findings = |wanted: &dyn Fn(&Finding) -> bool| {
            all.iter().filter(|finding| wanted(finding)).count()
        };
        let unread = || {
            let review = |finding: &&Finding| {
                rules::rule(finding.id).is_some_and(|rule| rule.group == Group::Review)
                    && finding.level >= Level::Warn
            };
            report
                .findings
                .iter()
                .filter(review)
                .filter(|finding| reads(finding))
        };
        let gone = |finding: &Finding| finding.id == rules::NOT_INSTALLED;
        let other = |finding: &Finding| {
            let named = [
                &banned as &dyn Fn(&Finding) -> bool,
                &wrong,
                &locks,
                &reads,
                &unknown,
                &gone,
            ];
            !named.iter().any(|of| of(finding))
        };
        Self {
            banned: subjects(&banned),
            wrong: subjects(&wrong),
            to_lock: subjects(&|finding| locks(finding) && integrity(finding)),
            gone: distinct(report.findings.iter().filter(|finding| gone(finding))),
            unknown: findings(&unknown),
            to_read: unread().count(),
            excepted: report
                .findings
                .iter()
                .filter(|finding| finding.suppressed.is_some() && !reads(finding))
                .count(),
            reading_is_excepted: unread().all(|finding| finding.suppressed.is_some()),
            to_decide: findings(&|finding| other(finding) && finding.level == Level::Deny),
            to_look_at: findings(&|finding| other(finding) && finding.level == Level::Warn),
        }
    }

    /// Whether most of what is here is new, and most of what was locked is gone: then the lock is hardly that of this state.
    fn is_another_state(&self, report: &Report) -> bool {
        const SEVERAL: usize = 3;
        let here = report.summary.subjects;
        self.gone >= SEVERAL && self.to_lock >= SEVERAL && self.to_lock * 2 > here
    }

    fn rest(&self, report: &Report, gone_is_first: bool) -> Vec<String> {
        let reads = |finding: &Finding| finding.remedy.kind() == RemedyKind::Review;
        let by = match super::counts::ends(report, reads) {
            Some((day, first)) if self.reading_is_excepted => format!("{first} by {day}"),
            _ => String::new(),
        };
        let wrong = match self.banned > 0 || self.is_another_state(report) {
            true => self.wrong,
            false => 0,
        };
        let gone = if gone_is_first { 0 } else { self.gone };
        let subjects = [
            (wrong, "not as locked and recorded"),
            (self.to_lock, "to lock"),
            (gone, "gone"),
        ];
        let subjects = subjects.map(|(number, what)| (number, "subject", what.to_owned()));
        let things = [
            (self.to_read, format!("to read{by}")),
            (self.excepted, "excepted".to_owned()),
            (self.to_decide, "to decide".to_owned()),
            (self.to_look_at, "to look at".to_owned()),
            (self.unknown, "that could not be found out".to_owned()),
        ];
        let things = things.map(|(number, what)| (number, "thing", what));
        let mut noun = "";
        let mut parts = Vec::new();
        for (number, of, what) in subjects.into_iter().chain(things) {
            if number == 0 {
                continue;
            }
            // Each noun once: `1 subject to lock, 3 things to read, 2 to look at`.
            let counted = match noun == of {
                true => number.to_string(),
                false => count(number, of),
            };
            noun = of;
            parts.push(format!("{counted} {what}"));
        }
        parts
    }
}

/// How many subjects these are about; what is about none counts for itself.
fn distinct<'a>(findings: impl Iterator<Item = &'a Finding>) -> usize {
    let mut ids = BTreeSet::new();
    let mut more = 0;
    for finding in findings {
        match &finding.subject {
            Some(id) => {
                ids.insert(id);
            }
            None => more += 1,
        }
    }
    ids.len() + more
}

impl Since {
    /// What a check of everything did not ask, in one dim line.
    pub(crate) fn not_asked(self) -> Option<String> {
        let dim = Style::new().dimmed();
        let command = crate::commands::carried("openclaw-verify host");
        (self.whole && !self.machine).then(|| {
            format!(
                "{dim}How the machine around it is set up is another question: {command}{dim:#}\n"
            )
        })
    }

    fn words(self) -> String {
        match (self.locked, self.today) {
            (Some(day), Some(today)) if day == today => "it was locked today".to_owned(),
            (Some(day), Some(today)) if day.year() == today.year() => {
                day.strftime("%-d %B").to_string()
            }
            (Some(day), _) => day.strftime("%-d %B %Y").to_string(),
            (None, _) => "it was locked".to_owned(),
        }
    }
}
