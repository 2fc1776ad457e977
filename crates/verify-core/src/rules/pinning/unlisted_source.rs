//! `unlisted-source`: code from a registry, host or repository that policy does not list.

use super::super::{Check, Group, Rule, View};
use crate::finding::{Draft, Level};
use crate::policy::Sources;
use crate::subject::Source;
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unlisted-source",
    group: Group::Pinning,
    level: Level::Deny,
    fixed: false,
    summary: "Code comes from a place that policy does not list",
    help: "Add the place to [sources] in openclaw-verify.toml once you trust it, or remove the subject.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let Some(sources) = &view.whole.policy.sources else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    if view.subject.source == Source::Git {
        let repository = view.subject.id.name();
        if !allows_git(sources, repository) {
            found.push(format!("git repository {repository}"));
        }
    }
    if let Some(registry) = view.subject.record.as_ref().and_then(|record| record.registry.as_deref())
        && !allows_registry(sources, registry)
    {
        found.push(format!("registry {}", text::excerpt(registry, 120)));
    }
    for address in &view.evidence.npm.fetched_from {
        if !allows_registry(sources, &address.url) {
            found.push(format!("{} from {}", address.package, text::excerpt(&address.url, 120)));
        }
    }
    found.extend(view.evidence.npm.exotic.iter().cloned());
    if found.is_empty() {
        return Vec::new();
    }
    let mut draft = view.draft(format!("{} from a place that policy does not list", count(found.len())));
    draft.evidence = found;
    vec![draft]
}

fn allows_git(sources: &Sources, repository: &str) -> bool {
    sources.git.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(repository)))
}

/// Whether an address lies below one of the listed registries: the same address, or it and a `/` first.
fn allows_registry(sources: &Sources, url: &str) -> bool {
    let below =
        |registry: &String| url.strip_prefix(registry.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    sources.registries.as_ref().is_none_or(|registries| registries.iter().any(below))
}

fn count(items: usize) -> String {
    if items == 1 { "one thing comes".to_owned() } else { format!("{items} things come") }
}
