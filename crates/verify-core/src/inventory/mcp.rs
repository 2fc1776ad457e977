//! MCP servers of the config, of bundles and of plugin manifests.
//!
//! The lock's `definition` of a server is the SHA-256 of the RFC 8785 JSON of an object with these keys, absent ones left out:
//! `command`, `args`, `cwd`, `url` (without user info), `transport`, `enabled`, `sslVerify` as configured, secrets in `command` and
//! `args` replaced by their form; `env` and `headers`, the
//! sorted names alone; `envValues`, the values of the variables that decide which code runs (see [`is_part_of_definition`]).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::context::{Context, Found, PluginRoot};
use super::ids::{self, Ids};
use super::mcp_local::{self, Question};
use super::paths::Paths;
use super::skill_roots::strings;
use super::{
    McpDefinition, NotCovered, NotCoveredGroup, Observation, Place, Subject, mcp_settings, started,
};
use crate::digest::Sha256Digest;
use crate::json;
use crate::launcher::is_part_of_definition;
use crate::policy::LocalFiles;
use crate::read::ReadError;
use crate::subject::{Kind, Source};
use crate::text;

/// Most bytes of a bundle's file of servers.
const MAX_FILE: u64 = 4 << 20;
/// Most servers of one plugin, or of the config.
const MAX_SERVERS: usize = 1_000;

/// Every MCP server that the config, a bundle or a plugin defines.
pub(super) fn read(ctx: &Context<'_>, plugins: &[PluginRoot]) -> Found {
    let mut found = Found::default();
    let paths = ctx.paths;
    let mut ids = Ids::default();
    let config_file = ctx
        .options
        .config
        .clone()
        .unwrap_or_else(|| paths.state.join("openclaw.json"));
    let config_place = paths.place(&config_file);
    let mut by_name: BTreeMap<String, Vec<Server>> = BTreeMap::new();
    for (name, raw) in servers(
        ctx.config_at(&["mcp", "servers"]),
        "config mcp.servers",
        &mut found,
    ) {
        let server = Server::of_config(ids::part(&name), &config_place, raw);
        by_name.entry(name).or_default().push(server);
    }
    for (owner, value) in others_of_config(ctx) {
        let what = format!("config MCP servers of {}", text::excerpt(&owner, 80));
        for (name, raw) in servers(&value, &what, &mut found) {
            let id = format!("{owner}/{}", ids::part(&name));
            let server = Server::of_config(id, &config_place, raw);
            found.subjects.push(server.subject(name, &mut ids));
        }
    }
    for plugin in plugins {
        let (place, servers) = of_plugin(plugin, paths, &mut found);
        for (name, raw) in servers {
            let id = format!("{}/{}", ids::part(&plugin.plugin_id), ids::part(&name));
            let server = Server {
                ids: vec![id],
                place: place.clone(),
                enabled: plugin.enabled && is_enabled(&raw),
                source: Source::Unrecorded,
                raw,
            };
            by_name.entry(name).or_default().push(server);
        }
    }
    for (name, same) in by_name {
        found.subjects.extend(of_one_name(&name, same, &mut ids));
    }
    for subject in &mut found.subjects {
        let Some(mcp) = &mut subject.mcp else {
            continue;
        };
        mcp.home = paths.own_home();
        let server = canonical(&mcp.raw);
        let meant = meant_by_state(paths, &server);
        if !meant.is_empty() {
            mcp.digest = digest(&server, &meant);
        }
        // What a plugin or a node machine makes of the key is theirs; OpenClaw starts none of its own that is off.
        let of_openclaw = subject.source == Source::Config && !subject.id.name().contains('/');
        if of_openclaw && !is_enabled(&mcp.raw) {
            mcp.when_on = when_on(server, &meant);
        }
    }
    local_code(ctx, plugins, &mut found);
    found
}

/// What a node machine starts by `openclaw node run`, and what the config of a plugin lists for it: with their owner.
fn others_of_config(ctx: &Context<'_>) -> Vec<(String, Value)> {
    let node = ctx.config_at(&["nodeHost", "mcp", "servers"]);
    let mut others = vec![("nodehost".to_owned(), node.clone())];
    let entries = ctx.config_at(&["plugins", "entries"]).as_object();
    for (plugin, entry) in entries.into_iter().flatten() {
        for key in ["mcpServers", "mcp"] {
            let servers = entry.pointer(&format!("/config/{key}"));
            let servers = servers.map(|servers| servers.get("servers").unwrap_or(servers));
            if let Some(servers) = servers.filter(|servers| servers.is_object()) {
                others.push((ids::part(plugin), servers.clone()));
            }
        }
    }
    others
}

/// The servers of one name, of which OpenClaw starts one: one of the config replaces those of plugins; of several plugins the last does.
fn of_one_name(name: &str, mut same: Vec<Server>, ids: &mut Ids) -> Vec<Subject> {
    merge_plugins(&mut same);
    let hider = same
        .first()
        .filter(|s| s.source == Source::Config)
        .map(|s| s.enabled);
    let mut subjects = Vec::new();
    for mut server in same {
        server.enabled &= server.source == Source::Config || hider != Some(false);
        subjects.push(server.subject(name.to_owned(), ids));
    }
    let winner = if hider.is_some() {
        0
    } else {
        subjects.len().saturating_sub(1)
    };
    let hidden: Vec<_> = subjects.iter().map(|s| s.id.clone()).collect();
    if let Some(winner_subject) = subjects.get_mut(winner) {
        for (_, hidden) in hidden.into_iter().enumerate().filter(|(n, _)| *n != winner) {
            winner_subject
                .observations
                .push(Observation::Shadows { hidden });
        }
    }
    subjects
}

/// Finds the local files of each server, and what of them cannot be hashed.
fn local_code(ctx: &Context<'_>, plugins: &[PluginRoot], found: &mut Found) {
    let paths = ctx.paths;
    let roots = started::roots(paths, ctx.workspaces);
    for subject in &mut found.subjects {
        let Some(mcp) = &mut subject.mcp else {
            continue;
        };
        let server = canonical(&mcp.raw);
        // The folder of the plugin that defines it, by the place of its definition.
        let plugin = plugins
            .iter()
            .filter(|_| subject.source == Source::Unrecorded)
            .map(|plugin| plugin.folder.as_path())
            .find(|folder| subject.place.absolute.starts_with(folder));
        let rule = ctx.options.local.of(&subject.id);
        let local = mcp_local::read(&Question {
            paths,
            server: &server,
            plugin,
            roots: &roots,
            started_in: ctx.started_in,
            prefixes: ctx.prefixes,
            wanted: rule.map(|(wanted, _)| wanted).unwrap_or_default(),
        });
        mcp.local = rule.map(|(wanted, _)| wanted);
        mcp.not_hashed = local.not_hashed;
        subject.settings = mcp_settings::of(&server, &local.values);
        subject.trees = local.trees;
        subject.observations.extend(local.observations);
        found
            .observations
            .extend(local.cache.map(|place| Observation::CompileCache {
                place,
                python: true,
                writable: None,
            }));
        if let Some((LocalFiles::File, line)) = rule {
            found.not_covered.push(NotCovered::new(
                NotCoveredGroup::Elsewhere,
                format!("files beside the script of {}", subject.id),
                format!("the rule in line {line} of the policy says `local = \"file\"`"),
            ));
        }
        let system = local.system.iter();
        let system = system.map(|program| program.not_covered(&subject.id));
        found.not_covered.extend(system);
        found.observations.extend(local.of_files);
        found.reads.join(local.reads);
    }
}

struct Server {
    ids: Vec<String>,
    place: Place,
    enabled: bool,
    source: Source,
    raw: Value,
}

impl Server {
    fn of_config(id: String, place: &Place, raw: Value) -> Self {
        Self {
            ids: vec![id],
            place: place.clone(),
            enabled: is_enabled(&raw),
            source: Source::Config,
            raw,
        }
    }

    fn subject(self, name: String, ids: &mut Ids) -> Subject {
        let id = ids.take("mcp", &self.ids);
        let mut subject = ids::blank(id, Kind::McpServer, self.source, name, self.place);
        subject.enabled = self.enabled;
        subject.mcp = Some(define(self.raw));
        subject
    }
}

fn is_enabled(raw: &Value) -> bool {
    raw.get("enabled") != Some(&Value::Bool(false))
}

/// OpenClaw merges servers of one name of several plugins field by field, in an order that is not known here. So that no field is
/// missed, every one of them gets the fields that only the others have.
fn merge_plugins(same: &mut [Server]) {
    let start = usize::from(same.first().is_some_and(|s| s.source == Source::Config));
    let Some(plugins) = same.get_mut(start..).filter(|plugins| plugins.len() > 1) else {
        return;
    };
    let originals: Vec<Value> = plugins.iter().map(|s| s.raw.clone()).collect();
    for (number, server) in plugins.iter_mut().enumerate() {
        let mut merged = Value::Object(Map::new());
        for (_, other) in originals.iter().enumerate().filter(|(n, _)| *n != number) {
            merge_patch(&mut merged, other);
        }
        merge_patch(&mut merged, &server.raw);
        server.raw = merged;
    }
}

/// RFC 7386, two levels deep at most: no field of a server is an object of objects that matters here.
fn merge_patch(target: &mut Value, patch: &Value) {
    let (Some(target), Some(patch)) = (target.as_object_mut(), patch.as_object()) else {
        return;
    };
    for (key, value) in patch {
        match (target.get_mut(key), value) {
            (_, Value::Null) => {
                target.remove(key);
            }
            (Some(Value::Object(inner)), Value::Object(fields)) => {
                inner.extend(fields.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
            _ => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The servers of a bundle or plugin, and the file that is shown for them.
fn of_plugin(
    plugin: &PluginRoot,
    paths: &Paths,
    found: &mut Found,
) -> (Place, BTreeMap<String, Value>) {
    let mut merged = Value::Object(Map::new());
    let mut place = None;
    if plugin.kind == Kind::Bundle {
        let declared = match plugin.manifest.get("mcpServers") {
            Some(value) if !value.is_object() => strings(Some(value)),
            _ => Vec::new(),
        };
        // Agent Plugins, which have none of the other manifests, name the file without a dot.
        let other = [".codex-plugin", ".cursor-plugin", ".claude-plugin"]
            .iter()
            .any(|folder| plugin.folder.join(folder).exists());
        let usual = [".mcp.json", "mcp.json"]
            .into_iter()
            .take(if other { 1 } else { 2 })
            .map(str::to_owned);
        for relative in usual.chain(declared) {
            let file = plugin.folder.join(relative.trim());
            if let Some(value) = load(plugin, &file, paths, found) {
                place.get_or_insert_with(|| paths.place(&file));
                merge(&mut merged, &value);
            }
        }
    }
    if let Some(inline) = plugin
        .manifest
        .get("mcpServers")
        .filter(|value| value.is_object())
    {
        merge(&mut merged, inline);
    }
    let place = place.unwrap_or_else(|| paths.place(&plugin.folder));
    let what = format!("MCP servers of {}", text::excerpt(&plugin.plugin_id, 80));
    (place, servers(&merged, &what, found))
}

fn merge(merged: &mut Value, servers: &Value) {
    let (Some(merged), Some(servers)) = (merged.as_object_mut(), servers.as_object()) else {
        return;
    };
    for (name, server) in servers.iter().filter(|(_, server)| server.is_object()) {
        let target = merged
            .entry(name.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        merge_patch(target, server);
    }
}

/// The map of servers that a bundle's file holds: under `mcpServers`, under `servers`, or the whole.
fn load(plugin: &PluginRoot, file: &Path, paths: &Paths, found: &mut Found) -> Option<Value> {
    let place = paths.shown(file);
    let mut problem = |why: String| {
        found.observations.push(Observation::Unreadable {
            place: place.clone(),
            why,
        })
    };
    let real = match paths.real(file) {
        Ok(real) => real,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return None;
        }
        Err(error) => {
            problem(error.to_string());
            return None;
        }
    };
    if !paths
        .real(&plugin.folder)
        .is_ok_and(|root| real.starts_with(root))
    {
        found.observations.push(Observation::EntryEscapes {
            entry: place,
            target: paths.shown(&real),
        });
        return None;
    }
    match paths.text(file, MAX_FILE).map(|text| json::json5(&text)) {
        Ok(Ok(parsed)) => {
            found
                .observations
                .extend(parsed.duplicates.iter().map(|key| duplicate(&place, key)));
            let value = parsed.value;
            let nested = ["mcpServers", "servers"]
                .iter()
                .find_map(|key| value.get(key).filter(|v| v.is_object()).cloned());
            Some(nested.unwrap_or(value))
        }
        Ok(Err(error)) => {
            problem(error.to_string());
            None
        }
        Err(ReadError::NotFound) => None,
        Err(error) => {
            problem(error.to_string());
            None
        }
    }
}

fn duplicate(place: &str, key: &str) -> Observation {
    Observation::DuplicateKey {
        place: place.to_owned(),
        key: text::excerpt(key, 80),
    }
}

/// The servers of a map, each an object.
fn servers(map: &Value, what: &str, found: &mut Found) -> BTreeMap<String, Value> {
    let mut servers = BTreeMap::new();
    for (name, raw) in map.as_object().into_iter().flatten() {
        if servers.len() >= MAX_SERVERS {
            let why =
                format!("defines more than {MAX_SERVERS} servers; the rest was not looked at");
            found.observations.push(Observation::Unreadable {
                place: what.to_owned(),
                why,
            });
            break;
        }
        // OpenClaw passes over what is no object.
        if raw.is_object() {
            servers.insert(name.clone(), raw.clone());
        }
    }
    servers
}

/// The definition of a server: its digest, and its text for people.
pub(super) fn define(raw: Value) -> McpDefinition {
    let server = canonical(&raw);
    McpDefinition {
        digest: digest(&server, &BTreeMap::new()),
        when_on: Vec::new(),
        spec: super::mcp_spec::spec(&server),
        not_hashed: Vec::new(),
        local: None,
        raw,
        home: None,
    }
}

/// The entry with the names that OpenClaw prefers (`config/mcp-config-normalize.ts`).
pub(super) fn canonical(raw: &Value) -> Map<String, Value> {
    let mut server = raw.as_object().cloned().unwrap_or_default();
    if !server.get("transport").is_some_and(Value::is_string)
        && let Some(Value::String(kind)) = server.get("type")
    {
        let transport = match kind.trim().to_ascii_lowercase().as_str() {
            "http" => "streamable-http".to_owned(),
            other => other.to_owned(),
        };
        server.insert("transport".to_owned(), Value::String(transport));
    }
    for (alias, name) in [("workingDirectory", "cwd"), ("ssl_verify", "sslVerify")] {
        if let Some(value) = server.remove(alias)
            && !server.contains_key(name)
        {
            server.insert(name.to_owned(), value);
        }
    }
    server
}

/// What variables in the command line or address of a server mean, where a file of the state says so.
fn meant_by_state(paths: &Paths, server: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut meant = BTreeMap::new();
    for key in ["command", "cwd", "url"] {
        let text = server.get(key).and_then(Value::as_str);
        meant.extend(paths.meant_by_state(text.unwrap_or_default()));
    }
    let args = server.get("args").and_then(Value::as_array);
    for arg in super::mcp_spec::formed_args(args.map_or(&[], Vec::as_slice)) {
        meant.extend(paths.meant_by_state(arg.as_str().unwrap_or_default()));
    }
    meant
}

/// The digests of a server that is switched off as it would be on: without `enabled`, and with it.
fn when_on(mut server: Map<String, Value>, meant: &BTreeMap<String, String>) -> Vec<Sha256Digest> {
    server.remove("enabled");
    let without = digest(&server, meant);
    server.insert("enabled".to_owned(), Value::Bool(true));
    vec![without, digest(&server, meant)]
}

fn digest(server: &Map<String, Value>, meant: &BTreeMap<String, String>) -> Sha256Digest {
    let mut parts = Map::new();
    if !meant.is_empty() {
        parts.insert("variables".to_owned(), json!(meant));
    }
    for key in [
        "command",
        "args",
        "cwd",
        "transport",
        "enabled",
        "sslVerify",
    ] {
        if let Some(value) = server.get(key) {
            let value = match (key, value) {
                ("args", Value::Array(args)) => super::mcp_spec::formed_args(args).into(),
                ("command", Value::String(line)) => super::mcp_spec::formed_words(line).into(),
                _ => value.clone(),
            };
            parts.insert(key.to_owned(), value);
        }
    }
    match server.get("url") {
        Some(Value::String(url)) => {
            parts.insert(
                "url".to_owned(),
                json!(super::mcp_spec::without_user_info(url)),
            );
        }
        Some(other) => {
            parts.insert("url".to_owned(), other.clone());
        }
        None => {}
    }
    for key in ["env", "headers"] {
        match server.get(key) {
            Some(Value::Object(fields)) => {
                let mut names: Vec<&String> = fields.keys().collect();
                names.sort();
                parts.insert(key.to_owned(), json!(names));
            }
            Some(other) => {
                parts.insert(key.to_owned(), other.clone());
            }
            None => {}
        }
    }
    if let Some(Value::Object(env)) = server.get("env") {
        let values: Map<_, _> = env
            .iter()
            .filter(|(name, _)| is_part_of_definition(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        if !values.is_empty() {
            parts.insert("envValues".to_owned(), Value::Object(values));
        }
    }
    let value = Value::Object(parts);
    // Numbers that no double can hold are the one thing RFC 8785 refuses; their JSON text serves as well.
    let bytes =
        serde_json_canonicalizer::to_vec(&value).unwrap_or_else(|_| value.to_string().into_bytes());
    Sha256Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(raw: Value) -> String {
        define(raw).digest.to_string()
    }

    #[test]
    fn the_definition_is_the_digest_that_anyone_can_compute() {
        let raw = json!({"command":"npx","args":["-y","@acme/files@1.2.3"],"env":{"TOKEN":"secret","PATH":"/x","A":"b"}});
        let canonical =
            br#"{"args":["-y","@acme/files@1.2.3"],"command":"npx","env":["A","PATH","TOKEN"],"envValues":{"PATH":"/x"}}"#;
        assert_eq!(digest_of(raw), Sha256Digest::of(canonical).to_string());
    }

    #[test]
    fn only_secrets_may_change_without_another_definition() {
        let base = json!({"command":"npx","args":["a@1.2.3"],"env":{"TOKEN":"x","NODE_OPTIONS":"--a"},"url":"https://u:p@h/x"});
        let with = |pointer: &str, value: Value| {
            let mut changed = base.clone();
            *changed.pointer_mut(pointer).expect("there") = value;
            digest_of(changed)
        };
        assert_eq!(with("/env/TOKEN", json!("y")), digest_of(base.clone()));
        assert_eq!(
            with("/url", json!("https://other@h/x")),
            digest_of(base.clone())
        );
        for (pointer, value) in [
            ("/command", json!("bunx")),
            ("/args", json!(["a@1.2.4"])),
            ("/args", json!(["a@1.2.3", 1])),
            ("/env/NODE_OPTIONS", json!("--b")),
            ("/env", json!({"TOKEN":"x"})),
            ("/env", json!(["TOKEN"])),
            ("/url", json!("https://u:p@other/x")),
        ] {
            assert_ne!(
                with(pointer, value.clone()),
                digest_of(base.clone()),
                "{pointer} {value}"
            );
        }
        assert_ne!(
            digest_of(json!({"command":"a","enabled":false})),
            digest_of(json!({"command":"a"}))
        );
        assert_eq!(
            digest_of(json!({"url":"https://h","type":"http"})),
            digest_of(json!({"url":"https://h","transport":"streamable-http"}))
        );
    }

    #[test]
    fn variables_that_decide_code() {
        for name in [
            "PATH",
            "NODE_OPTIONS",
            "npm_config_registry",
            "NPM_CONFIG_REGISTRY",
            "LD_PRELOAD",
            "PYTHONPATH",
            "https_proxy",
            "UV_INDEX_URL",
        ] {
            assert!(is_part_of_definition(name), "{name}");
        }
        for name in ["TOKEN", "NODE", "MY_PATH", "PROXY"] {
            assert!(!is_part_of_definition(name), "{name}");
        }
    }
}
