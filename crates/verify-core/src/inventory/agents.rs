//! Agents: the code and settings in an agent's folder, and the standing instructions in its workspace: `agent:<id>`.
//!
//! What an agent writes by design (MEMORY.md, memory/, USER.md, IDENTITY.md, sessions, databases) is in no digest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::context::Workspace;
use super::listing::{Class, ListingBuilder};
use super::mcp_spec::names_a_secret;
use super::paths::{Kind as Entry, Located, Paths};
use super::search_path::Expands;
use super::settings::formed;
use super::{Observation, Subject, environment, ids};
use crate::json;
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::{LeaveOut, TreeSpec};

/// Most bytes of one settings or instructions file.
const MAX_FILE: u64 = 4 << 20;
/// Instructions that OpenClaw sends unasked [M 2026.9.6], or that the agents which it may start take from their folder.
const INSTRUCTIONS: [&str; 16] = [
    "AGENTS.md",
    "AGENTS.override.md",
    "GEMINI.md",
    ".mcp.json",
    "SOUL.md",
    "TOOLS.md",
    "BOOT.md",
    "HEARTBEAT.md",
    "BOOTSTRAP.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "QWEN.md",
    ".cursorrules",
    ".github/copilot-instructions.md",
    "opencode.json",
    // With it the agent is told that these are OpenClaw's own docs. [S `docs-path`]
    "docs/docs.json",
];
/// Entries of an agent's folder that hold code; everything else there is data.
const CODE: [&str; 8] = [
    "bin",
    "codex-home",
    "extensions",
    "git",
    "npm",
    "prompts",
    "skills",
    "hooks",
];
/// Entries of `codex-home` that decide; the rest are sessions and caches.
const CODEX: [&str; 10] = [
    "AGENTS.md",
    "AGENTS.override.md",
    // Agents of one's own, each with its instructions and servers.
    "agents",
    "config.toml",
    // What an administrator sets, which counts more than the config.
    "managed_config.toml",
    "hooks",
    "hooks.json",
    "skills",
    "prompts",
    "plugins",
];
/// The entry that is codex's own folder.
const CODEX_HOME: &str = "codex-home";
/// What codex may run without a question: it adds to it where it is told "always".
const CODEX_RULES: &str = "codex-home/rules";
/// Keys of an agent's settings that start a program or name code to load. [S `SettingsManager`]
const COMMANDS: [&str; 5] = [
    "shellPath",
    "shellCommandPrefix",
    "npmCommand",
    "packages",
    "extensions",
];
/// Keys of a sign-in that say where its secret comes from.
const REFERENCES: [&str; 2] = ["keyRef.", "tokenRef."];
/// Prompts that a workspace may set in place of OpenClaw's own, in its `.openclaw`. [S 2026.9.6 `discoverPromptFile`]
const PROJECT_PROMPTS: [&str; 2] = ["SYSTEM.md", "APPEND_SYSTEM.md"];
/// What OpenClaw runs in each working copy that it makes of a workspace. [S 2026.9.6 `project-preparation`, `node-worker-tunnel`]
const WORKTREE_SCRIPT: &str = ".openclaw/worktree-setup.sh";
/// Folders of a workspace from which agents take plugins, commands and prompts: those of other agents, and those of a session that is made
/// with OpenClaw's kit and its own loader. [S 2026.9.6 `DefaultResourceLoader`; the gateway switches that search off]
const PROJECT_FOLDERS: [&str; 12] = [
    ".claude",
    ".codex",
    ".cursor",
    ".gemini",
    ".github/agents",
    ".github/instructions",
    ".github/prompts",
    ".opencode",
    ".openclaw/extensions",
    ".openclaw/prompts",
    ".openclaw/skills",
    ".openclaw/themes",
];
/// The agent with which OpenClaw sets itself up, and its workspace in the state directory: OpenClaw makes the folder and puts nothing
/// in it. [S `SYSTEM_AGENT_ID`, `ensureSystemAgentDirs`]
const SYSTEM_AGENT: &str = "openclaw";
const SYSTEM_WORKSPACE: &str = "openclaw/workspace";
/// Most entries below these folders together, and levels of folders.
const MAX_BELOW: usize = 1000;
const MAX_DEPTH: usize = 8;

/// Every agent with a folder or a workspace.
pub(super) fn read(
    paths: &Paths,
    workspaces: &[Workspace],
    config: &Value,
    observations: &mut Vec<Observation>,
) -> Vec<Subject> {
    let mut agents: BTreeMap<String, (Option<PathBuf>, Vec<PathBuf>)> = BTreeMap::new();
    let folder = paths.state.join("agents");
    for entry in paths.list(&folder).unwrap_or_default() {
        let own = entry.path.join("agent");
        if paths.kind(&own) == Entry::Folder {
            let name = entry.name.to_string_lossy().into_owned();
            agents.entry(name).or_default().0 = Some(own);
        }
    }
    for (id, folder) in named_folders(paths, config) {
        if paths.kind(&folder) == Entry::Folder {
            agents.entry(id).or_default().0 = Some(folder);
        }
    }
    for workspace in workspaces {
        let id = workspace.agent.clone().unwrap_or_else(|| "main".to_owned());
        if paths.kind(&workspace.folder) == Entry::Folder {
            agents
                .entry(id)
                .or_default()
                .1
                .push(workspace.folder.clone());
        }
    }
    let folder = paths.state.join(SYSTEM_WORKSPACE);
    if paths.kind(&folder) == Entry::Folder {
        let own = agents.entry(SYSTEM_AGENT.to_owned()).or_default();
        own.1.push(folder);
    }
    let subjects = agents.into_iter().filter_map(|(id, (folder, workspaces))| {
        subject(paths, &id, folder.as_deref(), &workspaces, observations)
    });
    subjects.collect()
}

/// The folders that the config gives to agents in place of their own.
fn named_folders(paths: &Paths, config: &Value) -> Vec<(String, PathBuf)> {
    let entries = config.pointer("/agents/entries").and_then(Value::as_object);
    let entries = entries.into_iter().flatten();
    let listed = config.pointer("/agents/list").and_then(Value::as_array);
    let listed = listed.into_iter().flatten().map(|entry| {
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        (id.to_owned(), entry)
    });
    entries
        .map(|(id, entry)| (id.clone(), entry))
        .chain(listed)
        .filter_map(|(id, entry)| {
            let written = entry.get("agentDir").and_then(Value::as_str)?;
            match paths.locate(written) {
                Located::At(folder) => Some((id, folder)),
                // What cannot be located is said where its skills are looked for.
                _ => None,
            }
        })
        .collect()
}

fn subject(
    paths: &Paths,
    id: &str,
    folder: Option<&Path>,
    workspaces: &[PathBuf],
    observations: &mut Vec<Observation>,
) -> Option<Subject> {
    let place = folder.or(workspaces.first().map(PathBuf::as_path))?;
    let mut subject = ids::blank(
        SubjectId::new("agent", &ids::part(id)),
        Kind::Agent,
        Source::Path,
        id.to_owned(),
        paths.place(place),
    );
    let mut listings = Listings::default();
    if let Some(folder) = folder {
        subject.trees.tree = code(paths, folder);
        for name in ["SYSTEM.md", "APPEND_SYSTEM.md", "AGENTS.md"] {
            listings.instruction(paths, &folder.join(name), observations);
        }
        for name in ["settings.json", "models.json", "auth-profiles.json"] {
            listings.keys(paths, &folder.join(name), name, "", observations);
        }
        let variables = folder.join(CODEX_HOME).join(".env");
        environment::file(paths, &variables, Expands::Variables, observations);
        for entry in paths.list(&folder.join(CODEX_RULES)).unwrap_or_default() {
            // One that cannot be read is said with all that could not.
            if let Some(text) = paths.lossy(&entry.path, MAX_FILE) {
                let shown = format!("{CODEX_RULES}/{}", entry.name.to_string_lossy());
                let settings = &mut listings.settings;
                settings.add_bytes(shown, Class::Guard, text.as_bytes());
            }
        }
    }
    for workspace in workspaces {
        listings.workspace(paths, workspace, observations);
    }
    subject.definition = listings.definition.finish_unless_empty();
    subject.settings = listings.settings.finish_unless_empty();
    subject.instructions = listings.instructions.finish_unless_empty();
    (subject.is_defined() || subject.trees.tree.is_some()).then_some(subject)
}

/// What an agent's files say, by what it decides.
#[derive(Default)]
struct Listings {
    definition: ListingBuilder,
    settings: ListingBuilder,
    instructions: ListingBuilder,
}

impl Listings {
    /// The project's own settings and instructions.
    fn workspace(&mut self, paths: &Paths, folder: &Path, observations: &mut Vec<Observation>) {
        // OpenClaw merges a project's settings into each turn. [S `FileSettingsStorage`]
        let file = folder.join(".openclaw/settings.json");
        self.keys(paths, &file, "settings.json", "workspace", observations);
        let script = folder.join(WORKTREE_SCRIPT);
        if let Some(text) = paths.lossy(&script, MAX_FILE) {
            let shown = format!("workspace {WORKTREE_SCRIPT}");
            self.definition
                .add_bytes(shown, Class::Command, text.as_bytes());
        }
        for name in INSTRUCTIONS {
            self.instruction(paths, &folder.join(name), observations);
        }
        for name in PROJECT_PROMPTS {
            let file = folder.join(".openclaw").join(name);
            self.instruction(paths, &file, observations);
        }
        let mut left = MAX_BELOW;
        for name in PROJECT_FOLDERS {
            let folder = folder.join(name);
            let whole = below(paths, &folder, 0, &mut left, &mut |file| {
                self.instruction(paths, file, observations);
            });
            if let Err(why) = whole {
                observations.push(Observation::Unreadable {
                    place: paths.shown(&folder),
                    why,
                });
            }
        }
    }

    /// The keys of a JSON file, below `prefix`; `name` is what the file is called in the listing.
    fn keys(
        &mut self,
        paths: &Paths,
        file: &Path,
        name: &str,
        prefix: &str,
        observations: &mut Vec<Observation>,
    ) {
        match read_json(paths, file) {
            Ok(Some(value)) => {
                let mut keys = Keys {
                    file: name,
                    definition: &mut self.definition,
                    settings: &mut self.settings,
                };
                keys.value(prefix, &value, 0);
            }
            Ok(None) => {}
            Err(why) => observations.push(Observation::Unreadable {
                place: paths.shown(file),
                why,
            }),
        }
    }

    fn instruction(&mut self, paths: &Paths, file: &Path, observations: &mut Vec<Observation>) {
        instruction(paths, file, &mut self.instructions, observations);
    }
}

/// The entries of an agent's folder that hold code, as one tree; none where there are none.
fn code(paths: &Paths, folder: &Path) -> Option<TreeSpec> {
    let entries = paths.list(folder).ok()?;
    let codex = paths.list(&folder.join(CODEX_HOME)).unwrap_or_default();
    // A codex that only signed in left nothing there that decides.
    let has_codex = codex
        .iter()
        .any(|entry| CODEX.contains(&&*entry.name.to_string_lossy()));
    let is_code = |name: &str| CODE.contains(&name) && (name != CODEX_HOME || has_codex);
    if !entries
        .iter()
        .any(|entry| is_code(&entry.name.to_string_lossy()))
    {
        return None;
    }
    let others = entries.iter().filter_map(|entry| {
        let name = entry.name.to_string_lossy().into_owned();
        (!is_code(&name)).then_some(LeaveOut::Entry(name))
    });
    let data = codex.iter().filter_map(|entry| {
        let name = entry.name.to_string_lossy();
        (!CODEX.contains(&&*name)).then(|| LeaveOut::Entry(format!("{CODEX_HOME}/{name}")))
    });
    Some(TreeSpec {
        root: folder.to_owned(),
        boundary: folder.to_owned(),
        leave_out: others.chain(data).collect(),
    })
}

fn read_json(paths: &Paths, file: &Path) -> Result<Option<Value>, String> {
    match paths.text(file, MAX_FILE) {
        Ok(text) => json::last_wins(&text)
            .map(|parsed| Some(parsed.value))
            .map_err(|error| error.to_string()),
        Err(crate::read::ReadError::NotFound) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

struct Keys<'a> {
    file: &'a str,
    definition: &'a mut ListingBuilder,
    settings: &'a mut ListingBuilder,
}

impl Keys<'_> {
    fn value(&mut self, path: &str, value: &Value, depth: usize) {
        match value {
            Value::Object(map) if depth < 32 => {
                for (key, value) in map {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    self.value(&path, value, depth + 1);
                }
            }
            Value::Array(items) if depth < 32 => {
                for (at, item) in items.iter().enumerate() {
                    self.value(&format!("{path}[{at}]"), item, depth + 1);
                }
            }
            leaf => self.leaf(path, leaf),
        }
    }

    fn leaf(&mut self, path: &str, value: &Value) {
        let last = path.rsplit('.').next().unwrap_or_default();
        let shown = format!("{} {path}", self.file);
        let command = value
            .as_str()
            .is_some_and(|text| text.trim_start().starts_with('!'));
        if self.file == "auth-profiles.json" && command {
            // [S `resolveConfigValue`]
            self.definition.add(shown, Class::Command, value);
        } else if self.file == "auth-profiles.json" {
            // Secrets and times, but for where a secret comes from: a provider of the config may run a command for it.
            if REFERENCES.iter().any(|key| path.contains(key)) {
                self.settings.add(shown, Class::Guard, value);
            }
        } else if command || COMMANDS.iter().any(|key| names(path, key)) {
            self.definition.add(shown, Class::Command, value);
        } else if last == "baseUrl" || last == "url" {
            self.settings
                .add(shown, Class::Endpoint, &formed(value, false));
        } else if names_a_secret(last) || path.contains("headers.") {
            self.settings.add(shown, Class::Guard, &formed(value, true));
        } else if self.file == "settings.json" || value.is_object() || value.is_array() {
            // Also what is nested too deep to be looked at key by key.
            let deep = value.is_object() || value.is_array();
            self.settings.add(shown, Class::Guard, &formed(value, deep));
        }
        // What else is in models.json is OpenClaw's own catalogue, which it rewrites.
    }
}

/// Whether a key of this name is on the path, whatever place in a list follows it.
fn names(path: &str, key: &str) -> bool {
    path.split('.')
        .any(|part| part.split('[').next() == Some(key))
}

fn instruction(
    paths: &Paths,
    file: &Path,
    listing: &mut ListingBuilder,
    observations: &mut Vec<Observation>,
) {
    match paths.text(file, MAX_FILE) {
        Ok(text) => listing.add_bytes(paths.shown(file), Class::Prompt, text.as_bytes()),
        Err(crate::read::ReadError::NotFound) => {}
        Err(error) => observations.push(Observation::Unreadable {
            place: paths.shown(file),
            why: text::excerpt(&error.to_string(), 200),
        }),
    }
}

/// The files below a folder. The error says what was not looked at.
fn below(
    paths: &Paths,
    folder: &Path,
    depth: usize,
    left: &mut usize,
    each: &mut dyn FnMut(&Path),
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!(
            "has folders more than {MAX_DEPTH} levels deep; what is in them was not looked at"
        ));
    }
    let entries = paths.list(folder).map_err(|error| error.to_string())?;
    for entry in entries {
        *left = left.checked_sub(1).ok_or_else(|| {
            format!("holds more than {MAX_BELOW} entries; the rest was not looked at")
        })?;
        match entry.kind {
            Entry::Folder if !entry.link => below(paths, &entry.path, depth + 1, left, each)?,
            Entry::File => each(&entry.path),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_of_claude_is_said() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = Paths::plain(dir.path());
        let folder = paths.state.join(".claude");
        let looked = || {
            let mut files = 0;
            let whole = below(&paths, &folder, 0, &mut MAX_BELOW.clone(), &mut |_| {
                files += 1
            });
            (files, whole.is_ok())
        };
        assert_eq!(looked(), (0, true), "none is none");
        std::fs::create_dir(&folder).expect("folder");
        for at in 0..MAX_BELOW {
            std::fs::write(folder.join(format!("{at}.md")), "").expect("file");
        }
        assert_eq!(looked(), (MAX_BELOW, true));
        std::fs::write(folder.join("one-more.md"), "").expect("file");
        assert_eq!(looked(), (MAX_BELOW, false));
        std::fs::remove_dir_all(&folder).expect("removed");
        std::fs::create_dir_all(folder.join("a/b/c/d/e/f/g/h/i")).expect("folders");
        assert_eq!(looked(), (0, false));
    }
}
