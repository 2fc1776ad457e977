//! Plugin bundles of other agents: Claude, Codex, Cursor and Agent Plugins, as OpenClaw 2026.9.6 detects them.

use std::path::Path;

use serde_json::Value;

use super::config::string;
use super::paths::{Kind, Paths};

/// The format of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Agent,
    Claude,
    Codex,
    Cursor,
}

impl Format {
    /// Where the manifest lies. Only Claude's may be missing.
    pub(super) fn manifest(self) -> &'static str {
        match self {
            Self::Agent => "plugin.json",
            Self::Claude => ".claude-plugin/plugin.json",
            Self::Codex => ".codex-plugin/plugin.json",
            Self::Cursor => ".cursor-plugin/plugin.json",
        }
    }
}

const AGENT_SCHEMA: &str = "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json";

/// Entry files that OpenClaw takes when `package.json` names none.
pub(super) const DEFAULT_ENTRIES: [&str; 4] = ["index.ts", "index.js", "index.mjs", "index.cjs"];

/// What makes a folder without any manifest a Claude bundle.
const CLAUDE_LAYOUT: [&str; 7] = [
    "skills",
    "commands",
    "agents",
    "hooks/hooks.json",
    ".mcp.json",
    ".lsp.json",
    "settings.json",
];

/// The format of the bundle in `folder`, or none when it is a native plugin or nothing. [S `detectBundleManifestFormat`]
pub(super) fn detect(paths: &Paths, folder: &Path, has_extensions: bool) -> Option<Format> {
    let there = |name: &str| paths.kind(&folder.join(name)) != Kind::Nothing;
    let native = there("openclaw.plugin.json");
    if has_extensions && native {
        return None;
    }
    if let Some(format) = [Format::Codex, Format::Cursor, Format::Claude]
        .into_iter()
        .find(|format| there(format.manifest()))
    {
        return Some(format);
    }
    if native {
        return None;
    }
    if there(Format::Agent.manifest()) {
        let text = paths
            .text(
                &folder.join(Format::Agent.manifest()),
                super::plugin::MAX_MANIFEST,
            )
            .unwrap_or_default();
        let schema =
            crate::json::last_wins(&text).map(|parsed| parsed.value.get("$schema").cloned());
        if schema.is_ok_and(|schema| schema.as_ref().and_then(Value::as_str) == Some(AGENT_SCHEMA))
        {
            return Some(Format::Agent);
        }
    }
    if DEFAULT_ENTRIES.iter().any(|name| there(name)) {
        return None;
    }
    CLAUDE_LAYOUT
        .iter()
        .any(|name| there(name))
        .then_some(Format::Claude)
}

/// Whether the bundle brings language servers: commands that OpenClaw starts, and that are judged only as part of the bundle's files.
pub(super) fn has_language_servers(paths: &Paths, folder: &Path, manifest: &Value) -> bool {
    paths.kind(&folder.join(".lsp.json")) != Kind::Nothing
        || manifest
            .get("lspServers")
            .is_some_and(|servers| !servers.is_null())
}

/// The plugin id that OpenClaw gives a bundle: its name or its folder's, in lower case, with `-` for everything else.
/// [S `slugifyPluginId`]
pub(super) fn plugin_id(manifest: &Value, folder: &Path) -> String {
    let name = string(manifest.get("name")).map(str::to_lowercase);
    let name = name
        .or_else(|| {
            folder
                .file_name()
                .map(|name| name.to_string_lossy().to_lowercase())
        })
        .unwrap_or_default();
    let parts: Vec<&str> = name
        .split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        "bundle-plugin".to_owned()
    } else {
        parts.join("-")
    }
}
