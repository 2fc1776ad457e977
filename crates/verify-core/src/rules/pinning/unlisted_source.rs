//! `unlisted-source`: code from a registry, host or repository that policy does not list.

use std::collections::BTreeSet;

use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::Observation;
use crate::launcher;
use crate::rules::{Check, Group, Rule, Stage, Stages, View, Whole};
use crate::subject::Source;
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unlisted-source",
    group: Group::Pinning,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(
        Stage::Installed,
        &[
            Stage::Staged,
            Stage::Packed,
            Stage::Announced,
            Stage::LockOnly,
        ],
    ),
    clears: RemedyKind::Operator,
    summary: "Code comes from a place that policy does not list",
    help: "Add the place to [sources] in openclaw-verify.toml once you trust it, or remove the subject.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let of_subjects = whole.views().flat_map(|view| of_subject(&view));
    of_subjects.chain(of_npm(whole)).collect()
}

/// What files tell npm. It counts for the next update; where a server is started by `npx`, it counts at once.
fn of_npm(whole: &Whole<'_>) -> Vec<Draft> {
    let by_npx = whole
        .views()
        .filter(|view| view.subject.enabled)
        .filter_map(|view| view.subject.mcp.as_ref())
        .any(|mcp| launcher::reads_npm_settings(&mcp.spec));
    let scopes = scopes(whole);
    let settings = whole
        .observations()
        .filter_map(|observation| match observation {
            Observation::NpmConfig {
                place,
                setting,
                registry,
            } => Some((place, setting, registry)),
            _ => None,
        });
    let listed = |registry: &str| {
        let sources = whole.policy.sources.as_ref();
        sources
            .is_some_and(|sources| sources.registries.is_some() && sources.allow_registry(registry))
    };
    settings
        .filter(|(_, _, registry)| registry.as_deref().is_none_or(|registry| !listed(registry)))
        .map(|(place, setting, registry)| {
            let what = match registry {
                Some(registry) => format!("{place} sets {setting} to {registry}"),
                None => format!("{place} sets {setting}"),
            };
            let draft = Draft::new(format!("{what}, which decides what npm installs or runs"))
                .code("npm-config")
                .remedy(way_out(place, setting, registry.as_deref()));
            let draft = match registry {
                Some(_) => draft.help(
                    "take the setting out if it is not yours; once you trust the registry, list it",
                ),
                None => draft.help("take the setting out, unless you set it"),
            };
            let scope = setting.strip_suffix(":registry");
            // Where one subject is asked about, the others are not known.
            let used = !whole.full || scope.is_none_or(|scope| scopes.contains(scope));
            match (by_npx && registry.is_some(), used) {
                (true, true) => draft.evidence("an MCP server is started by npx"),
                // What the packages that npx fetches depend on is not known.
                (true, false) => draft.level(Level::Warn).evidence(UNUSED),
                (false, true) => draft.level(Level::Warn),
                (false, false) => draft.level(Level::Note).evidence(UNUSED),
            }
        })
        .collect()
}

/// What is said of the registry of a scope that nothing names.
const UNUSED: &str = "no server, plugin or dependency that is known is of this scope";

/// Every scope that npm resolves for what is there: of plugins, of what they depend on, and of the packages that servers name; OpenClaw's
/// own, and the one on which every MCP server is built.
fn scopes<'a>(whole: &'a Whole<'_>) -> BTreeSet<&'a str> {
    let mut scopes = BTreeSet::from(["@openclaw", "@modelcontextprotocol"]);
    for view in whole.views() {
        let words = view.subject.mcp.iter();
        let words = words.flat_map(|mcp| mcp.spec.split_whitespace());
        let packages = view.evidence.npm.packages.iter();
        let names = packages.map(|package| package.name.as_str());
        let own = [view.subject.id.name()];
        for name in words.chain(names).chain(own) {
            // `--package=@scope/name` names one as well.
            let Some((before, _)) = name.split_once('/') else {
                continue;
            };
            let start = before.rfind('@');
            scopes.extend(start.and_then(|at| before.get(at..)));
        }
    }
    scopes
}

/// A registry may be the only one that can be reached, so it is not said to be removed. What a `package.json` says is no line of its own.
fn way_out(place: &str, setting: &str, registry: Option<&str>) -> Remedy {
    match registry {
        Some(address) => Remedy::Source {
            address: address.to_owned(),
        },
        None if place.ends_with("package.json") => Remedy::Operator { input: None },
        None => Remedy::UnsetVariable {
            variable: setting.to_owned(),
            file: place.to_owned(),
            unit: false,
        },
    }
}

fn of_subject(view: &View<'_>) -> Vec<Draft> {
    let Some(sources) = &view.whole.policy.sources else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    // The first place that can be listed: where there are more, the next run names the next one.
    let mut first: Option<String> = None;
    if view.subject.source == Source::Git {
        let repository = view.subject.id.name();
        if !sources.allow_git(repository) {
            found.push(format!("git repository {repository}"));
            first = Some(repository.to_owned());
        }
    }
    if let Some(registry) = view
        .subject
        .record
        .as_ref()
        .and_then(|record| record.registry.as_deref())
        && !sources.allow_registry(registry)
    {
        found.push(format!("registry {}", text::excerpt(registry, 120)));
        first = first.or_else(|| Some(registry.to_owned()));
    }
    for address in &view.evidence.npm.fetched_from {
        if !sources.allow_registry(&address.url) {
            first = first.or_else(|| registry_of(&address.package, &address.url));
            found.push(format!(
                "{} from {}",
                address.package,
                text::excerpt(&address.url, 120)
            ));
        }
    }
    // npm reads .npmrc and installs from there, and what it serves was believed in this run.
    let asked = view
        .evidence
        .published
        .registries
        .iter()
        .filter(|registry| !sources.allow_registry(registry));
    found.extend(asked.map(|registry| {
        first = first.take().or_else(|| Some(registry.clone()));
        format!("its archives were asked of {registry}, as .npmrc or the environment says")
    }));
    found.extend(view.evidence.npm.exotic.iter().cloned());
    if found.is_empty() {
        return Vec::new();
    }
    // Only addresses of registries and repositories can be listed.
    let local = view.evidence.npm.fetched_from.iter();
    let mut local = local.filter(|address| !sources.allow_registry(&address.url));
    let listable = !local.any(|address| !address.url.starts_with("http"))
        && view.evidence.npm.exotic.is_empty();
    let mut draft = view.draft(format!(
        "{} from a place that policy does not list",
        count(found.len())
    ));
    draft.evidence = found;
    vec![if listable {
        let plain = |address: &String| !address.contains(text::is_hazard) && address.len() <= 300;
        match first.filter(plain) {
            Some(address) => draft.remedy(Remedy::Source { address }),
            None => draft,
        }
    } else {
        draft.help("policy lists registries and repositories, not files or other addresses: except this finding for the subject once you trust them, or remove the subject")
    }]
}

/// The registry from which a package, `name@version`, was fetched; none where the address is not of the form that registries use, and
/// listing its host would let in more than was looked at.
fn registry_of(package: &str, url: &str) -> Option<String> {
    let (name, _) = package.rsplit_once('@')?;
    let (registry, _) = url.split_once(&format!("/{name}/-/"))?;
    let web = ["https://", "http://"]
        .iter()
        .any(|start| registry.starts_with(start));
    web.then(|| registry.to_owned())
}

fn count(items: usize) -> String {
    if items == 1 {
        "one thing comes".to_owned()
    } else {
        format!("{items} things come")
    }
}
