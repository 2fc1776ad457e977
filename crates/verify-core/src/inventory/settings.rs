//! The effective config as keys that start commands, and keys that guard or steer: `config:openclaw`.
//!
//! What of the config has a subject of its own (MCP servers, load paths) does not stand here too: one change, one finding. A value at a
//! secret place never enters a digest; its form does.

use std::sync::LazyLock;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::config::Config;
use super::index::Index;
use super::listing::{Class, ListingBuilder};
use super::mcp_spec::{address, form, formed_words, looks_secret, names_a_secret, takes_secret};
use super::paths::Paths;
use super::{Observation, Setting, Subject, VariableEffect, environment, ids, obeyed};
use crate::subject::{Kind, Source, SubjectId};
use crate::text;

/// The table of keys. A test holds it beside the schema of the installed OpenClaw.
const TABLE: &str = include_str!("tables/config-keys.tsv");
/// Lists of plugins and channels beside OpenClaw's own: what an install of one of them fetches, and which plugin a channel switches on.
/// [S 2026.9.6 `resolveExternalCatalogPaths`]
const CATALOGUES: [&str; 3] = [
    "mpm/plugins.json",
    "mpm/catalog.json",
    "plugins/catalog.json",
];
/// Most bytes of one of them.
const MAX_CATALOGUE: u64 = 16 << 20;
/// Most keys of a config.
const MAX_KEYS: usize = 100_000;

/// What a key of the config is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Class(Class),
    /// It is a subject of its own.
    Subject,
    /// Bookkeeping, or what is only shown.
    Nothing,
}

static PATTERNS: LazyLock<Vec<(Vec<&'static str>, Means)>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (pattern, means) = line.split_once('\t')?;
            let means = match means {
                "command" => Means::Class(Class::Command),
                "endpoint" => Means::Class(Class::Endpoint),
                "prompt" => Means::Class(Class::Prompt),
                "subject" => Means::Subject,
                "none" => Means::Nothing,
                _ => Means::Class(Class::Guard),
            };
            Some((pattern.split('.').collect(), means))
        })
        .collect()
});

/// Takes the variables out of `found` that files of the state and the config set and that load no code. They steer as keys of the config
/// do, so they are its: then the user who set one can say so, for as long as it stays as it is.
pub(super) fn take_redirects(paths: &Paths, found: &mut Vec<Observation>) -> Vec<Observation> {
    let steers = |one: &Observation| {
        let Observation::LoadOverride { set, effect, .. } = one else {
            return false;
        };
        *effect != VariableEffect::Loads && matches!(set, Setting::Line | Setting::Config(_))
    };
    let (mut redirects, others): (Vec<_>, _) = std::mem::take(found).into_iter().partition(steers);
    *found = others;
    if redirects.is_empty() {
        return redirects;
    }
    let names = environment::names(paths);
    for one in &mut redirects {
        if let Observation::LoadOverride {
            variable,
            place,
            set: Setting::Line,
            held,
            ..
        } = one
        {
            let value = names.get(&format!("{place} {variable}"));
            // A value over several lines is not read.
            *held = value
                .and_then(Value::as_str)
                .is_some_and(|value| value != "?");
        }
    }
    redirects
}

/// `config:openclaw`: what the config and the rows of the database beside it start, and what they guard and steer. None where there is
/// neither.
pub(super) fn read(
    paths: &Paths,
    config: &Config,
    index: &Index,
    found: &mut Vec<Observation>,
) -> Option<Subject> {
    let steering = &index.steering;
    let (mut definition, mut settings) = (ListingBuilder::default(), ListingBuilder::default());
    let mut walk = Walk {
        meant: &|text| paths.meant_by_state(text),
        is_installed: &|id| index.records.iter().any(|(known, _)| known == id),
        definition: &mut definition,
        settings: &mut settings,
        left: MAX_KEYS,
        cut: false,
    };
    walk.value(&mut Vec::new(), &config.value, None);
    if walk.cut {
        found.push(Observation::Unreadable {
            place: config.shown.clone(),
            why: format!("holds more than {MAX_KEYS} values; the rest was not looked at"),
        });
    }
    for (row, value) in &steering.approvals {
        let value = formed(value, false);
        settings.add(format!("exec approvals {row}"), Class::Guard, &value);
    }
    for (row, value) in &steering.grants {
        settings.add(row.clone(), Class::Guard, value);
    }
    for (row, value) in &steering.keys {
        let secret = names_a_secret(row);
        settings.add(row.clone(), Class::Guard, &formed(value, secret));
    }
    for name in &steering.environment {
        settings.add(
            format!("secret store, environment {name}"),
            Class::Guard,
            &Value::Null,
        );
    }
    for (name, value) in environment::names(paths) {
        settings.add(name, Class::Guard, &value);
    }
    for name in CATALOGUES {
        // One that cannot be read is said with all that could not.
        if let Some(text) = paths.lossy(&paths.state.join(name), MAX_CATALOGUE) {
            settings.add_bytes(name, Class::Guard, text.as_bytes());
        }
    }
    obeyed::add(paths, &config.value, &mut settings, found);
    let (definition, settings) = (
        definition.finish_unless_empty(),
        settings.finish_unless_empty(),
    );
    if definition.is_none() && settings.is_none() {
        return None;
    }
    let mut subject = ids::blank(
        SubjectId::new("config", "openclaw"),
        Kind::Config,
        Source::Config,
        "openclaw".to_owned(),
        paths.place(&paths.state.join(&config.shown)),
    );
    subject.place.shown.clone_from(&config.shown);
    subject.definition = definition;
    subject.settings = settings;
    images(&config.value, &mut subject.observations);
    Some(subject)
}

/// Images of sandboxes that are named without their digest.
fn images(config: &Value, found: &mut Vec<Observation>) {
    let agents = config.get("agents").unwrap_or(&Value::Null);
    let mut scopes = vec![("agents.defaults".to_owned(), agents.get("defaults"))];
    let entries = agents.get("entries").and_then(Value::as_object);
    for (id, entry) in entries.into_iter().flatten() {
        scopes.push((format!("agents.entries.{id}"), Some(entry)));
    }
    let list = agents.get("list").and_then(Value::as_array);
    for (at, entry) in list.into_iter().flatten().enumerate() {
        scopes.push((format!("agents.list.[{at}]"), Some(entry)));
    }
    for (scope, entry) in scopes.into_iter().take(MAX_KEYS) {
        for part in ["docker", "browser"] {
            let image = entry.and_then(|entry| entry.pointer(&format!("/sandbox/{part}/image")));
            let Some(image) = image.and_then(Value::as_str).map(str::trim) else {
                continue;
            };
            if !image.is_empty() && !is_pinned_image(image) {
                found.push(Observation::UnpinnedImage {
                    key: text::excerpt(&format!("{scope}.sandbox.{part}.image"), 200),
                    image: text::excerpt(image, 200),
                });
            }
        }
    }
}

/// `name@sha256:…`, or the id of an image of this machine.
fn is_pinned_image(image: &str) -> bool {
    let hex = image
        .rsplit_once("@sha256:")
        .map(|(_, hex)| hex)
        .or_else(|| image.strip_prefix("sha256:"));
    hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

struct Walk<'a> {
    /// What `${NAME}` in a text means, where a file of the state says so.
    meant: &'a dyn Fn(&str) -> BTreeMap<String, String>,
    /// Whether OpenClaw installed a plugin of this id: whether that is on is said of the plugin, and every install changes it.
    is_installed: &'a dyn Fn(&str) -> bool,
    definition: &'a mut ListingBuilder,
    settings: &'a mut ListingBuilder,
    left: usize,
    /// More were there.
    cut: bool,
}

impl Walk<'_> {
    /// `after`: the element before this one of a list of arguments.
    fn value(&mut self, path: &mut Vec<String>, value: &Value, after: Option<&str>) {
        match value {
            Value::Object(map) if !map.is_empty() && !is_secret_reference(value) => {
                for (key, value) in map {
                    path.push(key.clone());
                    self.value(path, value, None);
                    path.pop();
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let mut before = None;
                for (at, item) in items.iter().enumerate() {
                    path.push(format!("[{at}]"));
                    self.value(path, item, before);
                    path.pop();
                    before = item.as_str();
                }
            }
            leaf => self.leaf(path, leaf, after),
        }
    }

    fn leaf(&mut self, path: &[String], value: &Value, after: Option<&str>) {
        let Means::Class(class) = meaning(path) else {
            return;
        };
        if path.is_empty() || is_left_empty(path, value) || self.is_said_of_a_plugin(path) {
            return;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.cut = true;
            return;
        };
        self.left = left;
        let text = value.as_str().unwrap_or_default();
        let secret =
            is_secret_place(path) || after.is_some_and(|option| takes_secret(option, text));
        // Where a secret belongs, `!` runs a command that prints it.
        let runs = value
            .as_str()
            .is_some_and(|text| text.trim_start().starts_with('!'));
        let class = if runs && secret {
            Class::Command
        } else {
            class
        };
        let value = match value {
            // An argument, or a command line in one text.
            Value::String(text) if class == Class::Command && !secret && !looks_secret(text) => {
                json!(formed_words(text))
            }
            // One address, whatever stands in it.
            Value::String(text) if class == Class::Endpoint && !secret && text.contains("://") => {
                json!(address(text))
            }
            value => formed(value, secret),
        };
        let listing = match class {
            Class::Command => &mut *self.definition,
            _ => &mut *self.settings,
        };
        if matches!(class, Class::Command | Class::Endpoint)
            && let Some(text) = value.as_str()
        {
            for (name, value) in (self.meant)(text) {
                let place = format!("{} (${{{name}}})", path.join("."));
                listing.add(place, class, &json!(value));
            }
        }
        listing.add(path.join("."), class, &value);
    }

    /// A plugin that comes with OpenClaw is no subject of its own: what switches it is a setting.
    fn is_said_of_a_plugin(&self, path: &[String]) -> bool {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        matches!(parts.as_slice(), ["plugins", "entries", id, "enabled"] if (self.is_installed)(id))
    }
}

/// Whether it is what OpenClaw's own commands leave where they took the last key out. Of other places the empty object may be all that
/// is said: a channel that is there, an agent that has a heartbeat.
fn is_left_empty(path: &[String], value: &Value) -> bool {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let container = matches!(
        parts.as_slice(),
        ["mcp"] | ["mcp", "servers"] | ["security"] | ["security", "installPolicy"]
    );
    let of_variables = matches!(parts.last(), Some(&("env" | "vars")));
    value.as_object().is_some_and(serde_json::Map::is_empty) && (container || of_variables)
}

/// Whether what stands at a path starts a program.
pub(super) fn is_command(path: &[String]) -> bool {
    meaning(path) == Means::Class(Class::Command)
}

/// What the table says of a path.
fn meaning(path: &[String]) -> Means {
    let path: Vec<&str> = path.iter().map(|part| pattern_of(part)).collect();
    let found = PATTERNS.iter().find(|(pattern, _)| matches(pattern, &path));
    found.map_or(Means::Class(Class::Guard), |(_, means)| *means)
}

/// An element of a list is one part for all of them.
fn pattern_of(part: &str) -> &str {
    if part.starts_with('[') { "[]" } else { part }
}

/// Whether the config has a key at its top that OpenClaw's schema does not have: then OpenClaw refuses it.
pub(super) fn has_unknown_key(config: &Value) -> bool {
    let known = |key: &str| {
        PATTERNS
            .iter()
            .any(|(pattern, _)| pattern.first() == Some(&key))
    };
    let mut keys = config
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys);
    keys.any(|key| !known(key))
}

/// Whether a pattern is for a path. `**` matches any number of parts.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            rest.is_empty()
                || (0..=path.len()).any(|at| path.get(at..).is_some_and(|p| matches(rest, p)))
        }
        (Some((&"*", rest)), Some((part, after))) => *part != "[]" && matches(rest, after),
        (Some((wanted, rest)), Some((part, after))) => wanted == part && matches(rest, after),
        _ => false,
    }
}

/// Whether the last named part of a path says that a secret stands there, or the value of a variable or header.
pub(super) fn is_secret_place(path: &[String]) -> bool {
    let named: Vec<&String> = path.iter().filter(|part| !part.starts_with('[')).collect();
    let last = named.last().is_some_and(|name| names_a_secret(name));
    let inside = named
        .iter()
        .rev()
        .skip(1)
        .take(1)
        .any(|name| matches!(name.as_str(), "env" | "vars" | "headers"));
    last || inside
}

/// `{ "source": "env", "id": … }`: a reference to a secret, which names it and does not hold it.
fn is_secret_reference(value: &Value) -> bool {
    value.get("source").is_some_and(Value::is_string)
        && value.get("id").is_some_and(Value::is_string)
}

/// A value as it may enter a digest: what could be a secret is replaced by its form.
pub(super) fn formed(value: &Value, secret: bool) -> Value {
    if is_secret_reference(value) {
        return value.clone();
    }
    match value {
        Value::String(text) if secret => json!({ "form": form(text) }),
        // Text around an address is no part of it.
        Value::String(text) if text.contains("://") && text.contains(char::is_whitespace) => {
            json!(formed_words(text))
        }
        Value::String(text) if text.contains("://") => json!(address(text)),
        Value::String(text) if looks_secret(text) => json!({ "form": form(text) }),
        Value::Number(_) if secret => json!({ "form": "plain" }),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), formed(value, secret || names_a_secret(key))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) if secret => items.iter().map(|item| formed(item, true)).collect(),
        // Arguments: what stands behind an option may be a secret.
        Value::Array(items) => {
            let before = std::iter::once(None).chain(items.iter().map(Value::as_str));
            let items = items.iter().zip(before).map(|(item, before)| {
                let text = item.as_str().unwrap_or_default();
                let secret = before.is_some_and(|option| takes_secret(option, text));
                match item {
                    Value::String(text) if !secret && !looks_secret(text) => {
                        json!(formed_words(text))
                    }
                    item => formed(item, secret),
                }
            });
            items.collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
