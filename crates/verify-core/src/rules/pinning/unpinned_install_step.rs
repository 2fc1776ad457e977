//! `unpinned-install-step`: a skill asks OpenClaw to install something that no version or digest pins.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::{InstallStep, Observation};
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::spec::{self, Pin};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unpinned-install-step",
    group: Group::Pinning,
    level: Level::Warn,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Operator,
    summary: "A skill's install step has no exact version or sha256",
    help: "Install what the skill needs yourself, by exact version; or ask its author to pin it.",
    check: Check::Subject(check),
};

/// The kinds that OpenClaw's `parseInstallSpec` knows, in lower case; it drops a step of any other kind.
const KINDS: [&str; 5] = ["brew", "node", "go", "uv", "download"];

fn check(view: &View<'_>) -> Vec<Draft> {
    let (unpinned, dropped) = sorted(&view.subject.install_steps);
    let finding = |evidence: Vec<String>, what: &str| {
        let steps = if evidence.len() == 1 {
            "step is"
        } else {
            "steps are"
        };
        let mut draft = view.draft(format!("{} install {steps} {what}", evidence.len()));
        draft.evidence = evidence;
        draft
    };
    let mut drafts = Vec::new();
    if !unpinned.is_empty() {
        drafts.push(finding(unpinned, "not pinned"));
    }
    let unread = view.subject.observations.iter().filter_map(unread);
    drafts.extend(unread.map(|why| view.draft(why)));
    if !dropped.is_empty() {
        let draft = finding(dropped, "of a kind that OpenClaw does not run");
        let mut draft = draft.level(Level::Note).outcome(Outcome::NotApplicable);
        draft.at_most = Some(Level::Note);
        drafts.push(draft);
    }
    drafts
}

/// Front matter that may declare a step, and cannot be read.
fn unread(observation: &Observation) -> Option<String> {
    match observation {
        Observation::FrontMatter {
            place,
            why,
            may_install: true,
        } => Some(format!(
            "the front matter of {place} may declare an install step, and cannot be read: {why}"
        )),
        _ => None,
    }
}

/// The steps that are not pinned, with the reason, and those that OpenClaw drops.
fn sorted(steps: &[InstallStep]) -> (Vec<String>, Vec<String>) {
    let (run, dropped): (Vec<_>, Vec<_>) = steps
        .iter()
        // A step without what it would install is dropped too.
        .partition(|step| KINDS.contains(&step.kind.as_str()) && !step.target.trim().is_empty());
    let unpinned = run
        .into_iter()
        .filter_map(|step| Some(format!("{}: {}", describe(step), unpinned(step)?)))
        .collect();
    (unpinned, dropped.into_iter().map(describe).collect())
}

/// Why a step is not pinned; none when it is.
fn unpinned(step: &InstallStep) -> Option<String> {
    let pin = match step.kind.as_str() {
        "node" => spec::npm(&step.target),
        "go" => version_after(&step.target, "@", |version| {
            version
                .strip_prefix('v')
                .is_some_and(spec::is_exact_version)
        }),
        "uv" => version_after(&step.target, "==", is_python_version),
        "download" => match step.sha256.as_deref() {
            Some(sha256) if is_sha256(sha256) => Pin::Exact,
            Some(_) => Pin::Floating("its sha256 is not 64 hex digits".to_owned()),
            None => Pin::Floating("a download without sha256".to_owned()),
        },
        kind => Pin::Floating(format!(
            "{} installs whatever is current",
            text::excerpt(kind, 40)
        )),
    };
    match pin {
        Pin::Exact => None,
        Pin::Floating(why) => Some(why),
    }
}

fn version_after(target: &str, separator: &str, exact: fn(&str) -> bool) -> Pin {
    match target.rsplit_once(separator) {
        Some((_, version)) if exact(version) => Pin::Exact,
        Some((_, version)) => Pin::Floating(format!(
            "{} is no exact version",
            text::excerpt(version, 40)
        )),
        None => Pin::Floating("no version: it takes the newest".to_owned()),
    }
}

/// PEP 440 releases without wildcards.
fn is_python_version(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit())
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".+-!".contains(&b))
}

fn is_sha256(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

fn describe(step: &InstallStep) -> String {
    format!(
        "{} {}",
        text::excerpt(&step.kind, 20),
        text::excerpt(&step.target, 120)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kind: &str, target: &str, sha256: Option<&str>) -> InstallStep {
        InstallStep {
            kind: kind.to_owned(),
            target: target.to_owned(),
            sha256: sha256.map(str::to_owned),
        }
    }

    #[test]
    fn pinned_steps_are_silent() {
        let digest = "a".repeat(64);
        for pinned in [
            step("node", "left-pad@1.3.0", None),
            step("go", "example.org/x/cmd@v1.2.3", None),
            step("uv", "ruff==0.6.9", None),
            step("download", "https://example.org/x.tar.gz", Some(&digest)),
        ] {
            assert_eq!(unpinned(&pinned), None, "{pinned:?}");
        }
    }

    #[test]
    fn kinds_that_openclaw_drops_are_apart_and_hide_no_other() {
        let mut steps = ["npm", "pip", "apt", "choco", "shell", "manual", ""]
            .map(|kind| step(kind, "x", None))
            .to_vec();
        let (unpinned, dropped) = sorted(&steps);
        assert_eq!((unpinned.len(), dropped.len()), (0, 7));
        steps.extend(KINDS.map(|kind| step(kind, "x", None)));
        let (unpinned, dropped) = sorted(&steps);
        assert_eq!((unpinned.len(), dropped.len()), (5, 7));
    }

    #[test]
    fn everything_else_is_named() {
        for floating in [
            step("node", "left-pad", None),
            step("node", "left-pad@latest", None),
            step("go", "example.org/x/cmd@latest", None),
            step("go", "example.org/x/cmd", None),
            step("uv", "ruff", None),
            step("uv", "ruff==0.6.*", None),
            step("uv", "ruff>=0.6", None),
            step("brew", "jq", None),
            step("download", "https://example.org/x.tar.gz", None),
            step("download", "https://example.org/x.tar.gz", Some("abc")),
        ] {
            assert!(unpinned(&floating).is_some(), "{floating:?}");
        }
    }
}
