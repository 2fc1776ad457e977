//! Exceptions of the policy: one for what was found, and those that are not needed any more.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{Case, Scope, Verifier};
use crate::advisories::{Match, is_id, is_malware};
use crate::error::{Error, Result};
use crate::evidence::{AdvisedPackage, Evidences};
use crate::finding::{About, Finding};
use crate::inventory::Inventory;
use crate::lock::Lock;
use crate::policy::starter::binds_definition;
use crate::policy::{Digests, Exception, ExceptionTarget, MAX_EXCEPTION_DAYS, is_one_version};
use crate::report::{Report, SubjectReport};
use crate::rules::{self, Group, Stage};
use crate::subject::SubjectId;
use crate::text;
use crate::toml_file::closest;

fn no_rule(finding: &str) -> Error {
    let what = format!("no finding is called {}", text::excerpt(finding, 60));
    let near = closest(finding, rules::catalogue().iter().map(|rule| rule.id));
    let help = near.map_or_else(
        || "the documentation lists all findings".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Error::environment(what, help)
}

/// That the finding was not found; `others` were.
fn not_found(finding: &str, id: &SubjectId, others: &[&Finding]) -> Error {
    let mut others: Vec<&str> = others.iter().map(|one| one.id).collect();
    others.dedup();
    let help = match others.is_empty() {
        true => "nothing at all was found about it".to_owned(),
        false => format!("found about it: {}", others.join(", ")),
    };
    Error::environment(format!("{finding} was not found about {id}"), help)
}

impl Verifier {
    /// An exception for `finding` of `id`, bound to everything that is installed of it, or that is locked where another was found about
    /// what is installed: the gate refuses before anything is. Nothing is written.
    ///
    /// # Errors
    /// When the finding is not there, can never be excepted, or has no digest to be bound to; when `until` is no day on which an
    /// exception may end; as [`Verifier::check`].
    pub fn exception(
        &self,
        id: &SubjectId,
        finding: &str,
        until: Date,
        reason: &str,
    ) -> Result<Exception> {
        let wanted = Wanted::of(finding)?;
        self.may_end_on(until)?;
        if reason.trim().is_empty() {
            return Err(Error::environment(
                "the reason is empty",
                "say why it is accepted until then",
            ));
        }
        let about = Except { id, until, reason };
        let lock = self.lock.clone().unwrap_or_default();
        let of_lock = || {
            let (inventory, all) = self.of_lock(&lock)?;
            self.excepted(Stage::LockOnly, &inventory, &lock, &all, wanted, &about)
        };
        if self.options.state_dir.is_none() {
            return of_lock();
        }

        let inventory = self.inventory()?;
        let scope = about.scope(&inventory);
        let all = self.evidence(&inventory, &lock, &scope)?;
        let now = self.excepted(Stage::Installed, &inventory, &lock, &all, wanted, &about);
        match now {
            Err(error) if lock.package(id).is_some() => of_lock().map_err(|_| error),
            now => now,
        }
    }

    fn excepted(
        &self,
        stage: Stage,
        inventory: &Inventory,
        lock: &Lock,
        all: &Evidences,
        wanted: Wanted<'_>,
        about: &Except<'_>,
    ) -> Result<Exception> {
        let id = about.id;
        let Some(subject) = inventory.subjects.iter().find(|subject| subject.id == *id) else {
            let what = match stage {
                Stage::LockOnly => "locked",
                _ => "installed",
            };
            return Err(Error::environment(
                format!("{id} is not {what}, so there is nothing to except"),
                "the report of a check lists the ids of all subjects",
            ));
        };
        let Some(evidence) = all.get(id) else {
            return Err(no_digest(id));
        };
        let digests = evidence.digests(subject);
        let rule = match wanted {
            Wanted::Finding(rule) => rule,
            Wanted::Advisory(advisory) => {
                return about.of_advisory(advisory, &evidence.advisories.found, &digests);
            }
        };
        let scope = about.scope(inventory);
        let report = self.report(&Case::new(stage, inventory, lock, &scope), all);
        let own = |one: &&Finding| one.subject.as_ref() == Some(id);
        let (found, others): (Vec<&Finding>, Vec<&Finding>) = report
            .findings
            .iter()
            .filter(own)
            .partition(|one| one.id == rule);
        if found.is_empty() {
            return Err(not_found(rule, id, &others));
        }
        let exception = about.bound(rule, &digests);
        let covers = |one: &&Finding| {
            let target = ExceptionTarget {
                finding: one.id,
                subject: id,
                digests,
                about_dependencies: one.about == About::Dependencies,
                advisories: &[],
            };
            exception.covers(&target, self.options.today())
        };
        match found.iter().all(covers) {
            true => Ok(exception),
            false => Err(no_digest(id)),
        }
    }

    /// Whether an exception may end on a day.
    ///
    /// # Errors
    /// When it is over or too far ahead.
    pub fn may_end_on(&self, until: Date) -> Result<()> {
        let today = self.options.today();
        let wrong = |what: &str| {
            let last = today
                .checked_add(jiff::Span::new().days(MAX_EXCEPTION_DAYS))
                .map_or_else(|_| String::new(), |last| format!(" to {last}"));
            Err(Error::environment(
                format!("{until} {what}"),
                format!("an exception may end on a day from {today}{last}"),
            ))
        };
        match today.until(until).map(|span| span.get_days()) {
            Ok(days) if days < 0 => wrong("is over"),
            Ok(days) if days > MAX_EXCEPTION_DAYS => wrong("is too far ahead"),
            Ok(_) => Ok(()),
            Err(_) => wrong("is no day that can be counted to"),
        }
    }

    /// The exceptions that are expired or cover nothing, as a check of everything finds them.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub fn needless_exceptions(&self) -> Result<Vec<Exception>> {
        let report = self.check(&Scope::Everything)?;
        let needless = needless(&report);
        let exceptions = self.policy.exceptions().iter();
        Ok(exceptions.filter(|one| needless(one)).cloned().collect())
    }

    /// The exceptions that cover something and end within two weeks, and those that are expired and would cover something.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub fn ending_exceptions(&self) -> Result<Vec<Exception>> {
        let report = self.check(&Scope::Everything)?;
        let today = self.options.today();
        let soon = today.checked_add(rules::SOON.days()).unwrap_or(Date::MAX);
        let needless = needless(&report);
        let ends = |exception: &&Exception| match exception.expired(today) {
            true => would_cover(&report, exception),
            false => exception.until <= soon && !needless(exception),
        };
        let exceptions = self.policy.exceptions().iter();
        Ok(exceptions.filter(ends).cloned().collect())
    }

    /// The exceptions of `id` that are in force and whose findings no longer arise. None of a subject that is not installed.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub fn needless_exceptions_of(&self, id: &SubjectId) -> Result<Vec<Exception>> {
        let today = self.options.today();
        let own = |exception: &&Exception| exception.package == *id && !exception.expired(today);
        if !self.policy.exceptions().iter().any(|one| own(&one)) {
            return Ok(Vec::new());
        }
        let inventory = self.inventory()?;
        let Some(subject) = inventory.subjects.iter().find(|subject| subject.id == *id) else {
            return Ok(Vec::new());
        };
        let report = self.check(&Scope::Kinds(vec![subject.kind], vec![id.clone()]))?;
        // While it is not what was locked, nothing is known of what it was excepted for.
        let changed = report
            .subjects
            .iter()
            .any(|subject| subject.id == *id && subject.basis.is_none());
        let arises = |exception: &Exception| {
            report.findings.iter().any(|finding| {
                finding.subject.as_ref() == Some(id)
                    && exception.allow.iter().any(|allowed| allowed == finding.id)
            })
        };
        let exceptions = self.policy.exceptions().iter().filter(own);
        let needless = exceptions.filter(|exception| !changed && !arises(exception));
        Ok(needless.cloned().collect())
    }
}

/// Whether the report says of an exception that it is expired or covers nothing.
fn needless(report: &Report) -> impl Fn(&Exception) -> bool {
    let named = |finding: &&Finding| rules::NEEDLESS.contains(&finding.id);
    let locations = report.findings.iter().filter(named);
    let lines: Vec<usize> = locations
        .flat_map(|finding| finding.locations.iter().map(|at| at.line))
        .collect();
    move |exception| lines.contains(&exception.line)
}

/// Whether an expired exception is about what is installed, and about something that was found again.
fn would_cover(report: &Report, exception: &Exception) -> bool {
    let is_same = |subject: &&SubjectReport| {
        let tree = exception.tree.map(|tree| tree.to_string());
        subject.id == exception.package
            && (tree.is_none() || subject.tree == tree)
            && (exception.definition.is_none() || subject.definition == exception.definition)
            && (exception.settings.is_none() || subject.settings == exception.settings)
            && (exception.instructions.is_none() || subject.instructions == exception.instructions)
            && (exception.dependencies.is_none() || subject.dependencies == exception.dependencies)
    };
    let found = |finding: &Finding| {
        finding.suppressed.is_none()
            && finding.subject.as_ref() == Some(&exception.package)
            && exception.allow.iter().any(|id| id == finding.id)
    };
    report.subjects.iter().any(|subject| is_same(&subject)) && report.findings.iter().any(found)
}

fn no_digest(id: &SubjectId) -> Error {
    Error::environment(
        format!("{id} has no digest that an exception could be bound to"),
        "a check says why",
    )
}

/// What an exception is wanted for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// Every finding of a rule.
    Finding(&'static str),
    /// What one advisory says. That is the one way out where malware is found, which no exception by the finding's id covers.
    Advisory(&'a str),
}

impl<'a> Wanted<'a> {
    /// By the id of a finding, or of an advisory: that begins with a capital letter everywhere.
    fn of(named: &'a str) -> Result<Self> {
        let Some(rule) = rules::rule(named) else {
            let advisory = named.starts_with(|c: char| c.is_ascii_uppercase()) && is_id(named);
            return match advisory {
                true => Ok(Self::Advisory(named)),
                false => Err(no_rule(named)),
            };
        };
        if rule.fixed {
            let way_out = match rule.group {
                Group::Advisory => {
                    "where the record is wrong, name it in place of the finding: its id, such as MAL-…"
                }
                _ => {
                    "it means that something is wrong, not that something is unknown: look into it"
                }
            };
            let what = format!("{} can never be excepted", rule.id);
            return Err(Error::environment(what, way_out));
        }
        Ok(Self::Finding(rule.id))
    }
}

/// An exception that is being made.
struct Except<'a> {
    id: &'a SubjectId,
    until: Date,
    reason: &'a str,
}

impl Except<'_> {
    /// The subject alone, or nothing where it is not there.
    fn scope(&self, inventory: &Inventory) -> Scope {
        let subjects = inventory.subjects.iter();
        let kinds = subjects.filter(|subject| subject.id == *self.id);
        Scope::Kinds(
            kinds.map(|subject| subject.kind).collect(),
            vec![self.id.clone()],
        )
    }

    /// Bound to all digests that the subject has.
    fn bound(&self, finding: &str, digests: &Digests<'_>) -> Exception {
        let definition = digests
            .definition
            .filter(|_| binds_definition(self.id, digests.tree));
        Exception {
            package: self.id.clone(),
            tree: digests.tree,
            definition,
            settings: digests.settings,
            instructions: digests.instructions,
            version: None,
            dependencies: digests.dependencies,
            archive: None,
            advisory: None,
            allow: vec![finding.to_owned()],
            reason: self.reason.to_owned(),
            until: self.until,
            line: 0,
        }
    }

    /// Of what an advisory says about the subject, or about one of its dependencies. Of malware the exception names the record that calls
    /// it so, by whatever name it was asked for.
    fn of_advisory(
        &self,
        advisory: &str,
        found: &[AdvisedPackage],
        digests: &Digests<'_>,
    ) -> Result<Exception> {
        let id = self.id;
        let matches = || found.iter().map(|package| &package.found);
        let Some(hit) = matches().find(|hit| hit.all_ids().any(|known| known == advisory)) else {
            let known: Vec<&str> = matches()
                .flat_map(Match::all_ids)
                .map(String::as_str)
                .collect();
            let help = match known.is_empty() {
                true => "no advisory is about it".to_owned(),
                false => format!("advisories about it: {}", known.join(", ")),
            };
            let what = format!("{} is not about {id}", text::excerpt(advisory, 60));
            return Err(Error::environment(what, help));
        };
        let record = match hit.malicious {
            true => hit.all_ids().find(|known| is_malware(known)),
            false => None,
        };
        let advisory = record.map_or(advisory, String::as_str);
        let (tree, version) = (digests.tree.is_some(), digests.version.is_some());
        if hit.malicious && !is_one_version(id, tree, digests.definition.is_some(), version) {
            return Err(no_digest(id));
        }
        Ok(Exception {
            version: digests.version.map(str::to_owned),
            advisory: Some(advisory.to_owned()),
            ..self.bound(rules::finding_of_advisory(hit), digests)
        })
    }
}
