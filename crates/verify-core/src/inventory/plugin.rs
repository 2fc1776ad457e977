//! One plugin's folder: its manifests, its id, what it declares, and whether the config switches it on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bundles::{self, Format};
use super::config::{Config, string};
use super::paths::{Kind, Paths, normalize};
use super::{Observation, Trees};
use crate::digest::Sha256Digest;
use crate::json::{self, JsonError, Parsed};
use crate::read::ReadError;
use crate::text;
use crate::tree::{LeaveOut, RecordKind, TreeSpec};

/// Most bytes of a manifest or `package.json`. OpenClaw takes 16 MiB; the largest real one has 155 KB.
pub(super) const MAX_MANIFEST: u64 = 4 << 20;
const NATIVE_MANIFEST: &str = "openclaw.plugin.json";

/// How OpenClaw comes to a plugin, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PluginOrigin {
    /// `plugins.load.paths`.
    Config,
    /// The state directory, or an install record.
    Global,
    /// `<workspace>/.openclaw/extensions`.
    Workspace,
}

/// What a plugin's folder says about itself.
pub(super) struct PluginFiles {
    /// The folder; its real path.
    pub(super) folder: PathBuf,
    /// `openclaw.plugin.json`, or the bundle's manifest; null when there is none.
    pub(super) manifest: Value,
    /// SHA-256 of the manifest's bytes.
    pub(super) manifest_digest: Option<Sha256Digest>,
    /// `package.json`; null when there is none.
    pub(super) package: Value,
    /// SHA-256 of its bytes.
    pub(super) package_digest: Option<Sha256Digest>,
    /// The format, for a bundle.
    pub(super) bundle: Option<Format>,
    pub(super) observations: Vec<Observation>,
}

impl PluginFiles {
    /// Reads the folder at its real path.
    pub(super) fn read(paths: &Paths, folder: &Path) -> Self {
        let mut files = Self {
            folder: folder.to_owned(),
            manifest: Value::Null,
            manifest_digest: None,
            package: Value::Null,
            package_digest: None,
            bundle: None,
            observations: Vec::new(),
        };
        (files.package, files.package_digest) = files.file(paths, "package.json", json::last_wins);
        files.bundle = bundles::detect(paths, folder, files.declares_extensions());
        let manifest = files.bundle.map_or(NATIVE_MANIFEST, Format::manifest);
        (files.manifest, files.manifest_digest) = files.file(paths, manifest, json::json5);
        files
    }

    /// One JSON file of the folder. Links are followed inside the folder, as OpenClaw does.
    fn file(
        &mut self,
        paths: &Paths,
        name: &str,
        parse: fn(&str) -> Result<Parsed, JsonError>,
    ) -> (Value, Option<Sha256Digest>) {
        let path = self.folder.join(name);
        let place = paths.shown(&path);
        let inside = paths
            .real(&path)
            .map_or(true, |real| real.starts_with(&self.folder));
        let content = if inside {
            paths.text(&path, MAX_MANIFEST)
        } else {
            Err(ReadError::NotRegular("a link out of the plugin"))
        };
        let why = match content {
            Ok(content) => match parse(&content) {
                Ok(parsed) if !paths.may_keep(parsed.values) => {
                    "too many values in the manifests of all plugins together".to_owned()
                }
                Ok(parsed) => {
                    let duplicates = parsed.duplicates.iter();
                    let duplicates = duplicates.map(|key| Observation::DuplicateKey {
                        place: place.clone(),
                        key: text::excerpt(key, 80),
                    });
                    self.observations.extend(duplicates);
                    return (parsed.value, Some(Sha256Digest::of(content.as_bytes())));
                }
                Err(error) => error.to_string(),
            },
            Err(ReadError::NotFound) => return (Value::Null, None),
            Err(error) => error.to_string(),
        };
        self.observations
            .push(Observation::Unreadable { place, why });
        (Value::Null, None)
    }

    fn declares_extensions(&self) -> bool {
        self.package
            .pointer("/openclaw/extensions")
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
    }

    /// Whether OpenClaw would find code to load here. Wider than OpenClaw's own test, which also needs each entry to exist.
    pub(super) fn is_plugin(&self, paths: &Paths) -> bool {
        let there = |name: &&str| paths.kind(&self.folder.join(name)) != Kind::Nothing;
        self.bundle.is_some()
            || self.says_it_is_a_plugin(paths)
            || bundles::DEFAULT_ENTRIES.iter().any(there)
    }

    /// Whether the folder itself says that it is a plugin, or cannot be read as to that.
    pub(super) fn says_it_is_a_plugin(&self, paths: &Paths) -> bool {
        self.package
            .get("openclaw")
            .is_some_and(|openclaw| !openclaw.is_null())
            || paths.kind(&self.folder.join(NATIVE_MANIFEST)) != Kind::Nothing
            || !self.observations.is_empty()
    }

    /// The plugin's id: by its manifest, else by its package's name, else by its folder. Untrusted text.
    pub(super) fn plugin_id(&self) -> String {
        if self.bundle.is_some() {
            return bundles::plugin_id(&self.manifest, &self.folder);
        }
        let declared = string(self.manifest.get("id"))
            .or_else(|| string(self.package.pointer("/openclaw/plugin/id")))
            .or_else(|| string(self.package.pointer("/openclaw/channel/id")));
        if let Some(id) = declared {
            return id.to_owned();
        }
        let hint = self
            .package_name()
            .map(|name| name.rsplit('/').next().unwrap_or(name));
        let hint = hint.map(|name| {
            let cut = ["-provider", "-plugin"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix));
            cut.filter(|cut| !cut.is_empty()).unwrap_or(name)
        });
        hint.map(str::to_owned)
            .unwrap_or_else(|| file_name(&self.folder))
    }

    /// `name` of `package.json`.
    pub(super) fn package_name(&self) -> Option<&str> {
        string(self.package.get("name"))
    }

    /// The version that `package.json` states, else the manifest.
    pub(super) fn version(&self) -> Option<&str> {
        self.versions().next()
    }

    /// Every version that the folder states.
    pub(super) fn versions(&self) -> impl Iterator<Item = &str> {
        [&self.package, &self.manifest]
            .into_iter()
            .filter_map(|file| string(file.get("version")))
    }

    /// Declared entry points and folders that lead out of the subject, or into what no digest covers.
    ///
    /// `boundary`: what the subject's digests cover together. `left_out`: places in `folder` that no digest covers.
    pub(super) fn escapes(
        &self,
        paths: &Paths,
        boundary: &Path,
        left_out: &[&str],
    ) -> Vec<Observation> {
        let mut found = Vec::new();
        for entry in self.entries() {
            let lexical = normalize(&self.folder.join(entry));
            let target = match paths.real(&lexical) {
                Ok(real) => real,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => lexical,
                // A link out of a copy, or a loop: where it leads cannot be determined.
                Err(_) => PathBuf::from("/"),
            };
            let uncovered = left_out
                .iter()
                .any(|place| target.starts_with(self.folder.join(place)));
            if !target.starts_with(boundary) || uncovered {
                found.push(Observation::EntryEscapes {
                    entry: text::excerpt(entry, 200),
                    target: paths.shown(&target),
                });
            }
        }
        found
    }

    /// Paths that `package.json` and the manifest name as code or as folders to load from.
    fn entries(&self) -> Vec<&str> {
        let package = [
            "/openclaw/extensions",
            "/openclaw/runtimeExtensions",
            "/openclaw/setupEntry",
            "/openclaw/runtimeSetupEntry",
        ]
        .into_iter()
        .chain(["/openclaw/hooks", "/openclaw/controlUi", "/main"]);
        let package = package.filter_map(|pointer| self.package.pointer(pointer));
        let manifest = [
            "skills",
            "hooks",
            "commands",
            "agents",
            "outputStyles",
            "subagents",
        ];
        let manifest = manifest
            .into_iter()
            .filter_map(|key| self.manifest.get(key));
        let mut entries = Vec::new();
        for value in package.chain(manifest) {
            match value {
                Value::String(entry) => entries.push(entry.as_str()),
                Value::Array(list) => entries.extend(list.iter().filter_map(Value::as_str)),
                _ => {}
            }
        }
        entries.retain(|entry| !entry.trim().is_empty() && !entry.contains('\0'));
        entries
    }

    /// Channel ids that the manifest declares.
    pub(super) fn channels(&self) -> Vec<&str> {
        self.manifest
            .get("channels")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }
}

/// The trees of a plugin whose dependencies lie in its own top `node_modules`. `git`: leave out the top `.git` too.
pub(super) fn own_trees(paths: &Paths, folder: &Path, host: Option<&Path>, git: bool) -> Trees {
    let modules = folder.join("node_modules");
    let mut leave_out = vec![LeaveOut::Folder("node_modules".to_owned())];
    if git {
        leave_out.push(LeaveOut::Folder(".git".to_owned()));
    }
    let tree = TreeSpec {
        root: folder.to_owned(),
        boundary: folder.to_owned(),
        leave_out,
    };
    let dependencies = is_real_folder(paths, &modules).then(|| TreeSpec {
        root: modules,
        boundary: folder.to_owned(),
        leave_out: vec![
            LeaveOut::Record(".package-lock.json".to_owned(), RecordKind::HiddenLockfile),
            LeaveOut::HostLink {
                path: "openclaw".to_owned(),
                host: host.map(Path::to_owned),
                copied: paths.relocated(),
            },
        ],
    });
    Trees {
        tree: Some(tree),
        dependencies,
        siblings: None,
    }
}

/// Whether `path` is a folder itself, not a link to one.
pub(super) fn is_real_folder(paths: &Paths, path: &Path) -> bool {
    paths.kind(path) == Kind::Folder && std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir())
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Which plugins the config switches on. [S `resolvePluginActivationDecisionShared`]
pub(super) struct Activation {
    /// The config was read in full; else nothing counts as switched off.
    known: bool,
    enabled: bool,
    allow: BTreeSet<String>,
    deny: BTreeSet<String>,
    entries: BTreeMap<String, Option<bool>>,
    slots: BTreeSet<String>,
    channels: Value,
}

impl Activation {
    pub(super) fn new(config: &Config) -> Self {
        let plugins = config.value.get("plugins").unwrap_or(&Value::Null);
        let ids = |key: &str| {
            let list = plugins
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            list.filter_map(Value::as_str)
                .map(config_id)
                .filter(|id| !id.is_empty())
                .collect()
        };
        let entries = plugins
            .get("entries")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let entries = entries
            .map(|(id, entry)| (config_id(id), entry.get("enabled").and_then(Value::as_bool)))
            .collect();
        let slots = plugins
            .get("slots")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        Self {
            known: config.complete,
            enabled: plugins.get("enabled").and_then(Value::as_bool) != Some(false),
            allow: ids("allow"),
            deny: ids("deny"),
            entries,
            slots: slots
                .filter_map(|(_, id)| id.as_str())
                .map(str::to_owned)
                .collect(),
            channels: config.value.get("channels").cloned().unwrap_or(Value::Null),
        }
    }

    /// Whether OpenClaw would load the plugin.
    pub(super) fn enabled(&self, plugin_id: &str, origin: PluginOrigin, channels: &[&str]) -> bool {
        if !self.known {
            return true;
        }
        let id = policy_id(plugin_id);
        let entry = self.entries.get(&id).copied().flatten();
        if !self.enabled
            || self.deny.contains(&id)
            || entry == Some(false)
            || self.all_channels_off(plugin_id, channels)
        {
            return false;
        }
        let allowed = self.allow.contains(&id);
        let selected = self.slots.contains(plugin_id);
        if origin == PluginOrigin::Workspace && !allowed && entry != Some(true) && !selected {
            return false;
        }
        selected || self.allow.is_empty() || allowed
    }

    fn all_channels_off(&self, plugin_id: &str, channels: &[&str]) -> bool {
        let own = [plugin_id];
        let ids = if channels.is_empty() {
            own.as_slice()
        } else {
            channels
        };
        ids.iter().all(|id| {
            self.channels
                .get(id)
                .and_then(|channel| channel.get("enabled"))
                .and_then(Value::as_bool)
                == Some(false)
        })
    }
}

/// The form in which a plugin's id is compared. [S `normalizePluginPolicyId`]
pub(super) fn policy_id(id: &str) -> String {
    id.trim().to_lowercase()
}

/// The form in which the config's lists are compared: some old ids there mean another plugin. [S `normalizePluginId`]
fn config_id(id: &str) -> String {
    match policy_id(id) {
        id if id == "google-gemini-cli" => "google".to_owned(),
        id if matches!(id.as_str(), "minimax-portal" | "minimax-portal-auth") => {
            "minimax".to_owned()
        }
        id => id,
    }
}
