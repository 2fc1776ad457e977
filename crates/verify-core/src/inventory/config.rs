//! `openclaw.json`: JSON5 with `$include`, read and merged as OpenClaw 2026.9.6 does, and the parts of it that the inventory needs.
//!
//! A config that cannot be read or parsed is an error, for nothing is known then of what OpenClaw would load. One that can, and of which a
//! part is not what OpenClaw knows, is never "nothing configured": an observation says that the rest is not known.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Observation;
use super::context::Workspace;
use super::paths::{Kind, Located, Paths, normalize};
use crate::error::Error;
use crate::json;
use crate::read::ReadError;
use crate::text;

/// Most bytes of the config, and of one included file. [S `MAX_INCLUDE_FILE_BYTES`]
const MAX_FILE: u64 = 2 << 20;
/// Deepest nesting of includes. [S]
const MAX_INCLUDE_DEPTH: usize = 10;
/// Most include directives in all. OpenClaw has no such limit; ten levels of a file that names ten others would never end.
const MAX_INCLUDES: usize = 500;
/// Longest path of an include. [S `MAX_INCLUDE_PATH_LENGTH`]
const MAX_INCLUDE_PATH: usize = 4096;
const INCLUDE: &str = "$include";

/// Most agents; each may have a workspace of its own.
const MAX_AGENTS: usize = 1000;

/// A part of the config, what it should be, and that in words.
type Shape = (&'static str, fn(&Value) -> bool, &'static str);

/// Parts of the config that the inventory reads. A part of another type would be passed over without a word.
const SHAPES: [Shape; 22] = [
    ("/plugins", Value::is_object, "an object"),
    ("/plugins/load", Value::is_object, "an object"),
    ("/plugins/load/paths", Value::is_array, "an array"),
    ("/plugins/entries", Value::is_object, "an object"),
    ("/agents", Value::is_object, "an object"),
    ("/agents/defaults", Value::is_object, "an object"),
    ("/agents/entries", Value::is_object, "an object"),
    ("/agents/list", Value::is_array, "an array"),
    ("/agents/defaults/workspace", Value::is_string, "a text"),
    ("/env", Value::is_object, "an object"),
    ("/hooks", Value::is_object, "an object"),
    ("/hooks/internal", Value::is_object, "an object"),
    ("/hooks/internal/load", Value::is_object, "an object"),
    (
        "/hooks/internal/load/extraDirs",
        Value::is_array,
        "an array",
    ),
    ("/hooks/mappings", Value::is_array, "an array"),
    ("/hooks/transformsDir", Value::is_string, "a text"),
    ("/mcp", Value::is_object, "an object"),
    ("/mcp/servers", Value::is_object, "an object"),
    ("/skills", Value::is_object, "an object"),
    ("/skills/load", Value::is_object, "an object"),
    ("/skills/load/extraDirs", Value::is_array, "an array"),
    ("/skills/entries", Value::is_object, "an object"),
];

/// The config, and what was odd about it.
pub(super) struct Config {
    /// The merged config; an empty object where there is none.
    pub(super) value: Value,
    /// Whether all of it was read. When false, what it would switch off counts as on.
    pub(super) complete: bool,
    /// How the file is shown.
    pub(super) shown: String,
    /// The file itself, without what it includes; empty where it is not read.
    pub(super) text: String,
    /// The file.
    pub(super) file: PathBuf,
    /// What it includes.
    pub(super) included: Vec<Included>,
    pub(super) observations: Vec<Observation>,
}

/// A file that the config includes.
pub(super) struct Included {
    /// The key at which its content stands, as parts of a path.
    pub(super) at: Vec<String>,
    /// The file.
    pub(super) file: PathBuf,
    /// Its text.
    pub(super) text: String,
}

/// Reads `openclaw.json` of the state directory, or the file that the operator named in its place, which then has to be there.
///
/// # Errors
/// When it, or a file that it includes, is there and cannot be read or parsed: then nothing is known of what is configured.
pub(super) fn read(paths: &Paths, named: Option<&Path>) -> Result<Config, Error> {
    let file = &named.map_or_else(|| usual(paths), Path::to_owned);
    let mut reader = Reader {
        paths,
        folder: PathBuf::new(),
        includes: 0,
        observations: Vec::new(),
        complete: true,
        refused: None,
        at: Vec::new(),
        included: Vec::new(),
    };
    let shown = paths.shown(file);
    let content = if named.is_some() {
        paths.operators_text(file, MAX_FILE)
    } else {
        paths.text(file, MAX_FILE)
    };
    let mut written = String::new();
    let value = match content {
        Ok(text) => {
            written.clone_from(&text);
            let file = normalize(file);
            reader.folder = file.parent().map(Path::to_owned).unwrap_or_default();
            match reader.parsed(&file, &text, &[], 0) {
                value @ Value::Object(_) => value,
                other => reader.refuse(
                    &shown,
                    format!("holds {} in place of an object", kind(&other)),
                ),
            }
        }
        Err(ReadError::NotFound) if named.is_none() => Value::Object(Map::new()),
        Err(error) => return Err(unreadable(shown, &error)),
    };
    if let Some((place, why)) = reader.refused.take() {
        return Err(not_understood(paths, file, place, &why));
    }
    for (pointer, is_right, wanted) in SHAPES {
        if let Some(part) = value.pointer(pointer).filter(|part| !is_right(part)) {
            reader.failed(
                &format!(
                    "{shown}#{}",
                    pointer.trim_start_matches('/').replace('/', ".")
                ),
                format!("is {}, not {wanted}", kind(part)),
            );
        }
    }
    Ok(Config {
        value,
        complete: reader.complete,
        shown,
        text: written,
        file: file.clone(),
        included: reader.included,
        observations: reader.observations,
    })
}

/// The system, or the kind or size of the file, keeps it from being read.
fn unreadable(place: String, error: &ReadError) -> Error {
    let help = match error {
        ReadError::Io(_) => "run as the user who runs OpenClaw",
        ReadError::NotFound => "name the file that OpenClaw reads",
        _ => "put a regular file there, as OpenClaw writes it",
    };
    Error::Subject {
        place,
        why: format!("the config cannot be read: {error}"),
        help: Some(help.to_owned()),
    }
}

/// The text of the config, or of a file that it includes, is not what OpenClaw reads. `openclaw doctor` may then put a copy in its place,
/// and anyone who can break the config can write that copy too. [S `recoverConfigFromLastKnownGoodCore`]
fn not_understood(paths: &Paths, file: &Path, place: String, why: &str) -> Error {
    let copies = [".last-good", ".bak"].map(|ending| {
        let mut copy = file.to_owned().into_os_string();
        copy.push(ending);
        PathBuf::from(copy)
    });
    let copy = copies.iter().find(|copy| paths.is_there(copy));
    let help = copy.map_or_else(
        || "repair the file; OpenClaw itself starts from no such config".to_owned(),
        |copy| {
            format!(
                "repair the file; OpenClaw may put {} in its place, so look at that one too",
                paths.shown(copy)
            )
        },
    );
    Error::Subject {
        place,
        why: format!("the config cannot be read: {why}"),
        help: Some(help),
    }
}

/// The file that OpenClaw takes: without `openclaw.json`, one under the name of its predecessor. [S `LEGACY_CONFIG_FILENAMES`]
fn usual(paths: &Paths) -> PathBuf {
    let [now, before] = ["openclaw.json", "clawdbot.json"].map(|name| paths.state.join(name));
    if paths.kind(&now) == Kind::Nothing && paths.is_there(&before) {
        before
    } else {
        now
    }
}

/// The workspaces that OpenClaw could use: the default one and each agent's.
///
/// Which agent inherits the default workspace depends on history that only OpenClaw knows, so an agent without a workspace of its own
/// counts with every folder it may have. [S `resolveAgentWorkspaceDir`]
pub(super) fn workspaces(
    paths: &Paths,
    config: &mut Config,
    usual: Option<&Path>,
) -> Vec<Workspace> {
    let agents = config.value.get("agents").cloned().unwrap_or(Value::Null);
    let shown = config.shown.clone();
    let mut found = Workspaces {
        paths,
        shown: &shown,
        seen: BTreeSet::new(),
        list: Vec::new(),
        observations: Vec::new(),
    };
    let fallback = string(agents.pointer("/defaults/workspace"));
    let shared = match fallback {
        Some(written) => found.add(None, written, "agents.defaults.workspace"),
        None => found.push(
            None,
            usual.map_or_else(|| paths.state.join("workspace"), Path::to_owned),
        ),
    };
    let entries = agents
        .get("entries")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(id, entry)| (id.clone(), entry));
    let listed = agents
        .get("list")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let listed = listed.map(|entry| {
        (
            string(entry.get("id")).unwrap_or_default().to_owned(),
            entry,
        )
    });
    for (n, (id, entry)) in entries.chain(listed).enumerate() {
        if n >= MAX_AGENTS {
            let why = format!("holds more than {MAX_AGENTS} agents");
            found.observations.push(Observation::Unreadable {
                place: format!("{shown}#agents"),
                why,
            });
            break;
        }
        let id = agent_id(&id);
        if let Some(written) = string(entry.get("workspace")) {
            found.add(
                Some(&id),
                written,
                &format!("agents.entries.{id}.workspace"),
            );
        } else if let (Some(_), Some(shared)) = (fallback, &shared) {
            found.push(Some(&id), shared.join(&id));
        } else {
            found.push(Some(&id), paths.state.join(format!("workspace-{id}")));
        }
    }
    let (list, mut observations) = (found.list, found.observations);
    config.observations.append(&mut observations);
    list
}

/// What a path that could not be located means for the verdict.
pub(super) fn not_located(place: String, located: Located) -> Option<Observation> {
    match located {
        Located::At(_) => None,
        Located::Elsewhere(path) => Some(Observation::NotInCopy { place, path }),
        Located::Unknown(why) => Some(Observation::Unreadable {
            place,
            why: format!("the path cannot be resolved: {why}"),
        }),
    }
}

/// A trimmed, non-empty string.
pub(super) fn string(value: Option<&Value>) -> Option<&str> {
    value
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

struct Workspaces<'a> {
    paths: &'a Paths,
    shown: &'a str,
    seen: BTreeSet<PathBuf>,
    list: Vec<Workspace>,
    observations: Vec<Observation>,
}

impl Workspaces<'_> {
    fn add(&mut self, agent: Option<&str>, written: &str, key: &str) -> Option<PathBuf> {
        match self.paths.locate(written) {
            Located::At(folder) => self.push(agent, folder),
            other => {
                let place = format!("{}#{}", self.shown, text::excerpt(key, 120));
                self.observations.extend(not_located(place, other));
                None
            }
        }
    }

    fn push(&mut self, agent: Option<&str>, folder: PathBuf) -> Option<PathBuf> {
        if self.seen.insert(folder.clone()) {
            self.list.push(Workspace {
                agent: agent.map(str::to_owned),
                folder: folder.clone(),
            });
        }
        Some(folder)
    }
}

struct Reader<'a> {
    paths: &'a Paths,
    /// The config's folder, which no include may leave.
    folder: PathBuf,
    includes: usize,
    observations: Vec<Observation>,
    complete: bool,
    /// The first thing that OpenClaw could not have read either: where, and why.
    refused: Option<(String, String)>,
    /// The key that is being resolved.
    at: Vec<String>,
    included: Vec<Included>,
}

/// Why a file that the config includes is not read.
enum NotIncluded {
    /// Where it lies nothing is read; OpenClaw may read it.
    Elsewhere(String),
    /// OpenClaw could not read it either.
    Broken(String),
}

impl Reader<'_> {
    /// The config as a whole is not what OpenClaw reads.
    fn refuse(&mut self, place: &str, why: String) -> Value {
        self.complete = false;
        self.refused.get_or_insert((place.to_owned(), why));
        Value::Object(Map::new())
    }

    /// A part of the config is not known.
    fn failed(&mut self, place: &str, why: String) -> Value {
        self.complete = false;
        self.observations.push(Observation::Unreadable {
            place: place.to_owned(),
            why,
        });
        Value::Object(Map::new())
    }

    /// Parses a file and resolves its includes. `chain`: the files that led here, this one not among them.
    fn parsed(&mut self, file: &Path, content: &str, chain: &[PathBuf], depth: usize) -> Value {
        let place = self.paths.shown(file);
        let parsed = match json::json5(content) {
            Ok(parsed) => parsed,
            Err(error) => return self.refuse(&place, error.to_string()),
        };
        if !self.paths.may_keep(parsed.values) {
            let why = "the config and its includes hold too many values together";
            return self.refuse(&place, why.to_owned());
        }
        self.observations.extend(
            parsed
                .duplicates
                .iter()
                .map(|key| Observation::DuplicateKey {
                    place: place.clone(),
                    key: text::excerpt(key, 80),
                }),
        );
        let mut chain = chain.to_vec();
        chain.push(file.to_owned());
        self.resolve(parsed.value, &chain, depth)
    }

    /// `depth`: of the whole, over all includes, because each level takes stack.
    fn resolve(&mut self, value: Value, chain: &[PathBuf], depth: usize) -> Value {
        if depth > json::MAX_DEPTH {
            let place = chain
                .last()
                .map(|file| self.paths.shown(file))
                .unwrap_or_default();
            return self.refuse(
                &place,
                format!(
                    "is nested deeper than {} levels together with its includes",
                    json::MAX_DEPTH
                ),
            );
        }
        match value {
            Value::Array(items) => Value::Array(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(n, item)| {
                        self.at.push(format!("[{n}]"));
                        let item = self.resolve(item, chain, depth + 1);
                        self.at.pop();
                        item
                    })
                    .collect(),
            ),
            Value::Object(mut map) => {
                // OpenClaw copies objects key by key, and this one then becomes the copy's prototype: what it holds takes effect unseen.
                if map.shift_remove("__proto__").is_some() {
                    let place = chain
                        .last()
                        .map(|file| self.paths.shown(file))
                        .unwrap_or_default();
                    self.failed(
                        &place,
                        "holds the key __proto__, which no honest config has".to_owned(),
                    );
                }
                let include = map.shift_remove(INCLUDE);
                let rest: Map<_, _> = map
                    .into_iter()
                    .map(|(key, value)| {
                        self.at.push(key.clone());
                        let value = self.resolve(value, chain, depth + 1);
                        self.at.pop();
                        (key, value)
                    })
                    .collect();
                match include {
                    None => Value::Object(rest),
                    Some(include) => self.include(&include, rest, chain, depth),
                }
            }
            other => other,
        }
    }

    fn include(
        &mut self,
        include: &Value,
        rest: Map<String, Value>,
        chain: &[PathBuf],
        depth: usize,
    ) -> Value {
        let place = chain
            .last()
            .map(|file| self.paths.shown(file))
            .unwrap_or_default();
        let included = match include {
            Value::String(path) => self.load(&place, path, chain, depth),
            Value::Array(items) => {
                let mut merged = Value::Object(Map::new());
                for item in items {
                    let next = match item {
                        Value::String(path) => self.load(&place, path, chain, depth),
                        other => self.refuse(
                            &place,
                            format!("$include names {} in place of a file", kind(other)),
                        ),
                    };
                    merged = merge(merged, next);
                }
                merged
            }
            other => self.refuse(
                &place,
                format!("$include names {} in place of a file", kind(other)),
            ),
        };
        if rest.is_empty() {
            return included;
        }
        if !included.is_object() {
            self.refuse(
                &place,
                "$include beside other keys names a file that holds no object".to_owned(),
            );
            return Value::Object(rest);
        }
        merge(included, Value::Object(rest))
    }

    fn load(&mut self, place: &str, written: &str, chain: &[PathBuf], depth: usize) -> Value {
        let said = |why: String| format!("$include of {}: {why}", text::excerpt(written, 200));
        let (file, content) = match self.found(written, chain) {
            Ok(found) => found,
            Err(NotIncluded::Elsewhere(why)) => return self.failed(place, said(why)),
            Err(NotIncluded::Broken(why)) => return self.refuse(place, said(why)),
        };
        self.included.push(Included {
            at: self.at.clone(),
            file: file.clone(),
            text: content.clone(),
        });
        self.parsed(&file, &content, chain, depth + 1)
    }

    /// The included file and its text.
    fn found(
        &mut self,
        written: &str,
        chain: &[PathBuf],
    ) -> Result<(PathBuf, String), NotIncluded> {
        let broken = |why: &str| NotIncluded::Broken(why.to_owned());
        if written.is_empty() || written.contains('\0') || written.len() >= MAX_INCLUDE_PATH {
            return Err(broken("the path is empty, too long or holds a NUL"));
        }
        if chain.len() > MAX_INCLUDE_DEPTH {
            let why = format!("nested deeper than {MAX_INCLUDE_DEPTH} files");
            return Err(NotIncluded::Broken(why));
        }
        self.includes += 1;
        if self.includes > MAX_INCLUDES {
            let why = format!("more than {MAX_INCLUDES} includes");
            return Err(NotIncluded::Broken(why));
        }
        let base = chain
            .last()
            .and_then(|file| file.parent())
            .unwrap_or(&self.folder);
        let file = if Path::new(written).is_absolute() {
            match self.paths.locate(written) {
                Located::At(path) => path,
                Located::Elsewhere(path) => {
                    let why = format!("{path} lies outside the copy");
                    return Err(NotIncluded::Elsewhere(why));
                }
                Located::Unknown(why) => return Err(NotIncluded::Elsewhere(why)),
            }
        } else {
            normalize(&base.join(written))
        };
        // OPENCLAW_INCLUDE_ROOTS could allow more folders; what it holds is not known here, so an include outside is not read.
        let escapes = || NotIncluded::Elsewhere("it leads out of the config's folder".to_owned());
        if !file.starts_with(&self.folder) {
            return Err(escapes());
        }
        let real = |path: &Path| {
            let real = self.paths.real(path);
            real.map_err(|error| NotIncluded::Broken(error.to_string()))
        };
        if !real(&file)?.starts_with(real(&self.folder)?) {
            return Err(escapes());
        }
        if chain.contains(&file) {
            return Err(broken("it includes itself"));
        }
        let content = self.paths.text(&file, MAX_FILE);
        let content = content.map_err(|error| NotIncluded::Broken(error.to_string()))?;
        Ok((file, content))
    }
}

/// OpenClaw's deep merge: arrays are joined, objects merged, of anything else the second wins. [S `mergeDeep`]
fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                if matches!(key.as_str(), "__proto__" | "prototype" | "constructor") {
                    continue;
                }
                let merged = match base.get_mut(&key).map(Value::take) {
                    Some(current) => merge(current, value),
                    None => value,
                };
                base.insert(key, merged);
            }
            Value::Object(base)
        }
        (Value::Array(mut base), Value::Array(over)) => {
            base.extend(over);
            Value::Array(base)
        }
        (_, over) => over,
    }
}

/// OpenClaw's canonical form of an agent id. [S `normalizeAgentId`]
fn agent_id(written: &str) -> String {
    let lower = written.trim().to_lowercase();
    let mut id = String::new();
    for c in lower.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            id.push(c);
        } else if !id.ends_with('\u{0}') {
            id.push('\u{0}');
        }
    }
    let id: String = id
        .replace('\u{0}', "-")
        .trim_matches('-')
        .chars()
        .take(64)
        .collect();
    if id.is_empty() { "main".to_owned() } else { id }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
