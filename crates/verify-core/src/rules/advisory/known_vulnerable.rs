//! `known-vulnerable`: an advisory says that this version of a package has a hole.

use super::draft;
use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::{Check, Group, Rule, Stages, View};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "known-vulnerable",
    group: Group::Advisory,
    level: Level::Warn,
    fixed: false,
    stages: Stages::ALL,
    clears: RemedyKind::Operator,
    summary: "An advisory says that this version of a package has a hole",
    help: "Update what brings it along; where there is no update, write an exception with an end.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let packages = view.evidence.advisories.found.iter();
    let from = view.whole.policy.advisories.deny_severity;
    packages
        .filter(|package| !package.found.malicious)
        .map(|package| {
            let found = &package.found;
            let severity = found.severity.as_str();
            let mut draft = draft(view, package, &format!("vulnerable (severity {severity})"));
            if !found.fixed.is_empty() {
                let fixed: Vec<String> = found
                    .fixed
                    .iter()
                    .map(|at| crate::text::excerpt(at, 60))
                    .collect();
                draft = draft.evidence(format!("mended in {}", super::shortened(&fixed)));
            }
            if let Some(vex) = &package.vex {
                let why = vex.justification.map(|why| why.as_str().to_owned());
                let why = why.or_else(|| {
                    let words = vex.impact.as_deref()?;
                    Some(crate::text::excerpt(words, 160))
                });
                let says = format!(
                    "{} says not affected: {} ({})",
                    crate::text::excerpt(&vex.author, 80),
                    why.unwrap_or_default(),
                    vex.file
                );
                if !vex.expired {
                    return draft
                        .evidence(format!("{says}, which counts until {}", vex.until))
                        .at_most(Level::Note);
                }
                draft = draft.evidence(format!("{says}, which counted until {}", vex.until));
            }
            // A hole without a severity may be as bad as any.
            let unknown = found.severity == crate::advisories::Severity::Unknown;
            match from {
                Some(from) if found.severity >= from || unknown => draft.demanded(),
                _ => draft,
            }
        })
        .collect()
}
