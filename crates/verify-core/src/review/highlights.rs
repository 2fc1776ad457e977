//! What tells most about what code will do: lifecycle scripts, new dependencies, newly executable files, entry points.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::json;
use crate::text;
use crate::tree::{Mode, TreeEntry};

/// One thing to read first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Highlight {
    /// What kind.
    pub what: HighlightKind,
    /// The file, safe to show.
    pub path: String,
    /// More about it, safe to show; may be empty.
    pub detail: String,
}

/// Kinds of things to read first, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HighlightKind {
    /// A script that npm runs when the package is installed.
    LifecycleScript,
    /// A dependency that is new or asked for in another way.
    Dependency,
    /// A file that may be executed now.
    Executable,
    /// A symbolic link that is new.
    Link,
    /// A file that OpenClaw or Node starts from, or text that reaches the agent.
    EntryPoint,
}

/// Collects them while the changes are gone through.
#[derive(Debug, Default)]
pub(super) struct Highlights {
    found: BTreeSet<(HighlightKind, String, String)>,
    /// Files of top-level manifests, by what they are declared as.
    declared: BTreeSet<String>,
    changed: BTreeSet<String>,
    ranks: BTreeMap<String, u8>,
}

/// npm runs the first three for every package, the others for git and folder dependencies. [npm `scripts`, "Life Cycle Scripts"]
const LIFECYCLE: [&str; 8] = [
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "prepack",
    "preprepare",
    "prepare",
    "postprepare",
];
const DEPENDENCIES: [&str; 4] = [
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "bundleDependencies",
];
/// Files that something starts from by their name alone.
const STARTS: [&str; 12] = [
    "skill.md",
    "hook.md",
    "handler.js",
    "handler.ts",
    "openclaw.plugin.json",
    "plugin.json",
    "hooks.json",
    ".mcp.json",
    "mcp.json",
    "binding.gyp",
    "claude.md",
    "agents.md",
];
/// Strings that one manifest may declare as entry points: people do not read more.
const MAX_DECLARED: usize = 200;

impl HighlightKind {
    /// The name in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LifecycleScript => "lifecycle script",
            Self::Dependency => "dependency",
            Self::Executable => "executable",
            Self::Link => "link",
            Self::EntryPoint => "entry point",
        }
    }
}

impl Highlights {
    /// Looks at one path that differs. Bytes are only needed of what [`wants_bytes`]; an empty side is not at hand.
    pub(super) fn look(
        &mut self,
        path: &str,
        old: Option<(Mode, Vec<u8>)>,
        new: Option<(Mode, Vec<u8>)>,
    ) {
        let Some((mode, bytes)) = new else { return };
        self.changed.insert(path.to_owned());
        let was = old.as_ref().map(|(mode, _)| *mode);
        if mode == Mode::Executable && was != Some(Mode::Executable) {
            self.add(HighlightKind::Executable, path, "");
        }
        if mode == Mode::Symlink {
            self.add(
                HighlightKind::Link,
                path,
                &format!("to {}", String::from_utf8_lossy(&bytes)),
            );
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        if STARTS.iter().any(|start| name.eq_ignore_ascii_case(start)) {
            self.add(HighlightKind::EntryPoint, path, "");
        }
        if name == "package.json" {
            let new = parse(&bytes);
            let old = old.map(|(_, bytes)| parse(&bytes)).unwrap_or_default();
            self.package(path, &old, &new);
        }
    }

    /// Marks the files that a manifest declares.
    pub(super) fn finish(&mut self) {
        let entries: Vec<String> = self
            .declared
            .iter()
            .filter_map(|declared| resolved(declared, &self.changed))
            .collect();
        for path in entries {
            self.add(HighlightKind::EntryPoint, &path, "");
        }
    }

    /// Where a file comes in the order of reading; dependencies that lie inside come last.
    pub(super) fn rank(&self, path: &str) -> u8 {
        let rank = self.ranks.get(path).copied().unwrap_or(50);
        if path.contains("node_modules/") {
            rank + 100
        } else {
            rank
        }
    }

    pub(super) fn into_list(self) -> Vec<Highlight> {
        let mut list: Vec<Highlight> = self
            .found
            .into_iter()
            .map(|(what, path, detail)| Highlight { what, path, detail })
            .collect();
        list.sort();
        list
    }

    fn package(&mut self, path: &str, old: &Value, new: &Value) {
        for name in LIFECYCLE {
            let script = |value: &Value| {
                value
                    .get("scripts")
                    .and_then(|scripts| scripts.get(name))
                    .cloned()
            };
            if let Some(command) =
                script(new).filter(|command| Some(command) != script(old).as_ref())
            {
                self.add(
                    HighlightKind::LifecycleScript,
                    path,
                    &format!("{name}: {}", plain(&command)),
                );
            }
        }
        for list in DEPENDENCIES {
            let specs = |value: &Value| value.get(list).cloned().unwrap_or_default();
            let (old, new) = (specs(old), specs(new));
            for (name, spec) in new.as_object().into_iter().flatten() {
                if old.get(name) != Some(spec) {
                    let was = old
                        .get(name)
                        .map(|was| format!(" (was {})", plain(was)))
                        .unwrap_or_default();
                    self.add(
                        HighlightKind::Dependency,
                        path,
                        &format!("{name} {}{was}", plain(spec)),
                    );
                }
            }
        }
        if !path.contains("node_modules/") {
            let folder = path.strip_suffix("package.json").unwrap_or_default();
            for key in ["main", "module", "bin", "exports", "openclaw"] {
                let declared = new.get(key).map(strings).unwrap_or_default();
                let paths = declared
                    .iter()
                    .map(|entry| format!("{folder}{}", entry.trim_start_matches("./")));
                self.declared.extend(paths.take(MAX_DECLARED));
            }
            self.declared.insert(format!("{folder}index.js"));
        }
    }

    fn add(&mut self, what: HighlightKind, path: &str, detail: &str) {
        let rank = what as u8;
        let best = self.ranks.entry(path.to_owned()).or_insert(rank);
        *best = rank.min(*best);
        self.found.insert((
            what,
            text::visible(path).into_owned(),
            text::excerpt(detail, 300),
        ));
    }
}

/// Whether the bytes of a path are needed to say what it tells.
pub(super) fn wants_bytes(path: &str, entry: &TreeEntry) -> bool {
    entry.mode == Mode::Symlink || path == "package.json" || path.ends_with("/package.json")
}

/// The changed file that a declared entry point names, with or without its extension.
fn resolved(declared: &str, changed: &BTreeSet<String>) -> Option<String> {
    let endings = ["", ".js", ".mjs", ".cjs", ".ts", "/index.js", "/index.ts"];
    endings
        .iter()
        .map(|ending| format!("{declared}{ending}"))
        .find(|path| changed.contains(path))
}

/// A manifest that cannot be read has nothing to tell; the file itself is shown anyway.
fn parse(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    json::last_wins(&text)
        .map(|parsed| parsed.value)
        .unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Every string in a value. The parser bounds its depth.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
