//! `exception-expiring`: exceptions that cover something end soon.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::policy::Exception;
use crate::review::diff::Cost;
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};
use crate::subject::SubjectId;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "exception-expiring",
    group: Group::Hygiene,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::LockOnly, Stage::Host]),
    clears: RemedyKind::Operator,
    summary: "Exceptions that cover something end within two weeks",
    help: "Clear what they cover and remove them, or decide anew with a reason that still holds.",
    check: Check::Last(check),
};

/// Days ahead that are soon.
pub(in crate::rules) const SOON: i64 = 14;

/// One finding for all of them: the exceptions of a first run end on one day, and what counts is how much work is left.
fn check(whole: &Whole<'_>, used: &[bool]) -> Vec<Draft> {
    let soon = whole.today.checked_add(SOON.days()).unwrap_or(Date::MAX);
    let mut ending: Vec<&Exception> = whole
        .policy
        .exceptions()
        .iter()
        .zip(used)
        .filter(|(exception, _)| whole.is_about(exception))
        // Where not everything was judged, it is not known which are used.
        .filter(|(exception, used)| {
            !exception.expired(whole.today) && exception.until <= soon && (**used || !whole.full)
        })
        .map(|(exception, _)| exception)
        .collect();
    ending.sort_by(|a, b| (a.until, &a.package, a.line).cmp(&(b.until, &b.package, b.line)));
    let (Some(first), Some(last)) = (ending.first(), ending.last()) else {
        return Vec::new();
    };
    let when = days(whole.today, first.until);
    let mut message = match ending.len() {
        1 => format!("an exception ends on {} ({when})", first.until),
        many if first.until == last.until => {
            format!("{many} exceptions end on {} ({when})", first.until)
        }
        many => format!(
            "{many} exceptions end by {}, the first on {} ({when})",
            last.until, first.until
        ),
    };
    let left = backlog(whole, &ending);
    if let Some((subjects, cost)) = left {
        let plural = if subjects == 1 { "" } else { "s" };
        message += &format!("; {subjects} subject{plural} left to read");
        // Without the installation it is not known how much that is.
        if whole.stage == Stage::Installed {
            message += &format!(": {cost}");
        }
    }
    let mut draft = Draft::new(message)
        .outcome(Outcome::NotApplicable)
        .at(whole.in_policy(first.line));
    for exception in &ending {
        let allowed = exception.allow.join(", ");
        draft = draft.evidence(format!(
            "{}: {allowed}, until {}",
            exception.package, exception.until
        ));
    }
    vec![match left {
        Some(_) => draft
            .help("read the cheapest first, and record that")
            .remedy(Remedy::Review {
                subject: None,
                dependencies: false,
                since: None,
            }),
        None => draft.remedy(Remedy::Renew),
    }]
}

/// How many subjects these exceptions keep from being read, and how much that is; none where nothing is to be read.
fn backlog(whole: &Whole<'_>, ending: &[&Exception]) -> Option<(usize, Cost)> {
    let packages: BTreeSet<&SubjectId> =
        ending.iter().map(|exception| &exception.package).collect();
    let judged = whole.judged.iter();
    let covered = judged.filter(|judged| packages.contains(&judged.subject.id));
    let mut subjects = 0;
    let mut costs: Vec<Cost> = Vec::new();
    for judged in covered {
        let required = judged.evidence.review.required.iter();
        let open: Vec<_> = required.filter(|one| !one.status.counts()).collect();
        subjects += usize::from(!open.is_empty());
        let counted = open.iter().filter(|one| one.within.is_none());
        costs.extend(counted.filter_map(|one| Some(one.next.as_ref()?.cost)));
    }
    let cost = Cost {
        lines: costs.iter().map(|cost| cost.lines).sum(),
        files: costs.iter().map(|cost| cost.files).sum(),
    };
    (subjects > 0).then_some((subjects, cost))
}

fn days(today: Date, until: Date) -> String {
    match today.until(until).map(|span| span.get_days()) {
        Ok(0) => "today is the last day".to_owned(),
        Ok(1) => "in 1 day".to_owned(),
        Ok(days) => format!("in {days} days"),
        Err(_) => "soon".to_owned(),
    }
}
