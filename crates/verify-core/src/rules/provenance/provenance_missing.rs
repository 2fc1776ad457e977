//! `provenance-missing`: nothing says who built it.

use crate::fact::{Fact, Outcome};
use crate::finding::{Draft, Level, RemedyKind};
use crate::policy::Need;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::subject::{Kind, Source};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "provenance-missing",
    group: Group::Provenance,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Operator,
    summary: "There is no attestation that says who built it (deny where policy requires one)",
    help: "Ask the publisher for provenance, or review it and relax the rule for this package only.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let required = view.requirements.provenance == Need::Required;
    let published = &view.evidence.published;
    let message = if view.subject.source == Source::Npm {
        // Not asked is another finding, and so is one that regressed.
        if !published.asked || published.provenance != Fact::NotApplicable {
            return Vec::new();
        }
        let version = view
            .subject
            .version
            .as_deref()
            .map_or(String::new(), |version| crate::text::excerpt(version, 60));
        format!("there is no attestation for {version}, so nothing says who built it")
    } else if !required || view.subject.kind == Kind::McpServer {
        return Vec::new();
    } else if view.subject.source == Source::Git {
        if view.evidence.git.prove_origin() {
            return Vec::new();
        }
        "a git checkout has no attestation, and no verified tag leads to its commit".to_owned()
    } else {
        format!(
            "its source is {}, which has no attestations",
            view.subject.source.as_str()
        )
    };
    let draft = view.draft(message);
    vec![if required {
        draft
            .evidence(format!("required by {}", view.requirements.from))
            .demanded()
    } else {
        // Where none is required, a package without one is no worse than its publisher made it.
        draft.outcome(Outcome::NotApplicable)
    }]
}
