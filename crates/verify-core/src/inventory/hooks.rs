//! Hooks: modules that run inside the gateway. Folders with `HOOK.md`, packs of them, and the modules that change the payload of an
//! HTTP hook. Where OpenClaw looks: `hooks/workspace.ts`, `hooks/discovery.ts`, `gateway/hooks-mapping.ts`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::context::{Context, Found, PluginRoot};
use super::frontmatter::{self, FrontMatter};
use super::ids::{self, Ids};
use super::paths::{self, Kind as At, Located, Paths};
use super::skill_roots::{extra_dirs, not_located, strings};
use super::{Observation, Subject, records};
use crate::json;
use crate::subject::{Kind, Source};
use crate::text;

/// Most bytes of a `package.json`; OpenClaw's own limit.
const MAX_PACKAGE: u64 = 1 << 20;

/// Every hook and hook pack that OpenClaw would load. `hook_records` is the JSON of the row `hooks.internal.installs`.
///
/// A folder is listed when it holds `HOOK.md` or `package.json`, whether OpenClaw would accept these or not.
pub(super) fn read(ctx: &Context<'_>, plugins: &[PluginRoot], hook_records: &Value) -> Found {
    let mut reader = Reader {
        selection: Selection::new(ctx, hook_records),
        ids: Ids::with(plugins.iter().map(|plugin| plugin.subject.clone())),
        seen: BTreeSet::new(),
        paths: ctx.paths,
        found: Found::default(),
    };
    reader.recorded(hook_records);
    reader.managed();
    // The gateway loads the hooks of one workspace; which one is not known here, so all count alike.
    for workspace in ctx.workspaces {
        let label = workspace.agent.as_ref().map_or_else(
            || "workspace".to_owned(),
            |a| format!("workspace.{}", ids::part(a)),
        );
        reader.collection(&label, &workspace.folder.join("hooks"), Policy::Workspace);
    }
    for (number, folder) in extra_dirs(
        ctx,
        ctx.paths,
        &["hooks", "internal", "load", "extraDirs"],
        &mut reader.found,
    ) {
        reader.extra(number, &folder);
    }
    for plugin in plugins {
        reader.plugin(plugin);
    }
    reader.transforms(ctx);
    if ctx
        .config_at(&["hooks", "internal", "handlers"])
        .as_array()
        .is_some_and(|handlers| !handlers.is_empty())
    {
        let place = "config hooks.internal.handlers".to_owned();
        let found =
            "modules that older versions of OpenClaw load; they are not read here".to_owned();
        reader
            .found
            .observations
            .push(Observation::UnsupportedSchema { place, found });
    }
    reader.found
}

/// When a hook of a place is enabled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// Selected by name or by an open selection, unless its entry says no.
    Managed,
    /// Only when its entry says yes.
    Workspace,
    /// With its plugin.
    Plugin(bool),
}

/// Which hooks the config and the records select (`hooks/configured.ts`).
struct Selection {
    /// None: all.
    names: Option<BTreeSet<String>>,
    entries: Map<String, Value>,
}

impl Selection {
    fn new(ctx: &Context<'_>, records: &Value) -> Self {
        let internal = ctx.config_at(&["hooks", "internal"]);
        let entries = internal
            .get("entries")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let on = internal.get("enabled").and_then(Value::as_bool);
        let extra = internal.pointer("/load/extraDirs");
        let mut open = strings(extra).iter().any(|dir| !dir.trim().is_empty());
        let mut names: BTreeSet<String> =
            entries.keys().map(|name| name.trim().to_owned()).collect();
        let mut selected: BTreeSet<String> = entries
            .iter()
            .filter(|(_, entry)| entry.get("enabled") != Some(&Value::Bool(false)))
            .map(|(name, _)| name.trim().to_owned())
            .collect();
        for record in records
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, record)| record)
        {
            let declared = strings(record.get("hooks"));
            open |= declared.is_empty();
            names.extend(declared.iter().map(|name| name.trim().to_owned()));
            selected.extend(declared.into_iter().map(|name| name.trim().to_owned()));
        }
        let names = match on {
            Some(false) => Some(BTreeSet::new()),
            _ if open || (names.is_empty() && on == Some(true)) => None,
            _ => Some(selected),
        };
        Self { names, entries }
    }

    /// Whether any hook of these names and keys would be loaded.
    fn enables(&self, policy: Policy, hooks: &[(String, String)]) -> bool {
        let entry = |key: &str| {
            self.entries
                .get(key)
                .and_then(|entry| entry.get("enabled"))
                .and_then(Value::as_bool)
        };
        let selected = |(name, key): &(String, String)| {
            self.names
                .as_ref()
                .is_none_or(|names| names.contains(name) || names.contains(key))
        };
        match policy {
            Policy::Plugin(enabled) => enabled,
            Policy::Workspace => hooks
                .iter()
                .any(|hook| selected(hook) && entry(&hook.1) == Some(true)),
            // What could not be read may have any name.
            Policy::Managed => {
                hooks.is_empty()
                    || hooks
                        .iter()
                        .any(|hook| selected(hook) && entry(&hook.1) != Some(false))
            }
        }
    }
}

struct Reader<'a> {
    selection: Selection,
    ids: Ids,
    /// Real paths of the folders that are subjects already.
    seen: BTreeSet<PathBuf>,
    paths: &'a Paths,
    found: Found,
}

impl Reader<'_> {
    /// Hook packs with an install record.
    fn recorded(&mut self, records: &Value) {
        let Some(map) = records.as_object() else {
            if !records.is_null() {
                self.unreadable(
                    "state/openclaw.sqlite#hooks.internal.installs",
                    "is no JSON object",
                );
            }
            return;
        };
        for (id, raw) in map {
            self.pack(id, raw);
        }
    }

    /// The hook pack that a record is about.
    fn pack(&mut self, id: &str, raw: &Value) {
        let place = format!(
            "state/openclaw.sqlite#hooks.internal.installs/{}",
            text::excerpt(id, 80)
        );
        let record = records::record(place.clone(), raw);
        if record.source.is_empty() {
            // The folder is looked at anyway: below `hooks/` it is found without a record.
            self.unreadable(
                &place,
                "is no install record: it has no source, or a field of the wrong type",
            );
            return;
        }
        let canonical = self.paths.root("hooks").join(id);
        let located = match &record.install_path {
            Some(path) => self.paths.locate(path),
            None => Located::At(paths::normalize(&canonical)),
        };
        let folder = match located {
            Located::At(folder) => folder,
            other => {
                self.found.observations.push(not_located(place, other));
                return;
            }
        };
        if self.paths.kind(&folder) != At::Folder {
            self.found.observations.push(Observation::MissingFolder {
                path: self.paths.shown(&folder),
                left: None,
            });
            return;
        }
        let source = records::source(self.paths, &record);
        let names = [format!("managed/{}", ids::part(id))];
        let Some(mut subject) = self.subject(
            "hook",
            &names,
            source,
            id.to_owned(),
            &folder,
            Policy::Managed,
        ) else {
            return;
        };
        // Compared by real paths: the state directory, or `hooks` in it, may be a link.
        let place = self.paths.real(&folder).unwrap_or_else(|_| folder.clone());
        if source != Source::Link && paths::normalize(&canonical) != place {
            subject.observations.push(Observation::OutsideState {
                recorded: text::excerpt(record.install_path.as_deref().unwrap_or_default(), 200),
                canonical: self.paths.shown(&canonical),
            });
        }
        if let (Some(recorded), Some(version)) = (&record.version, &subject.version)
            && recorded != version
        {
            subject.observations.push(Observation::RecordConflict {
                what: "version",
                recorded: text::excerpt(recorded, 80),
                found: text::excerpt(version, 80),
                advisory: false,
            });
        }
        subject.record = Some(record);
        self.found.subjects.push(subject);
    }

    /// `<state>/hooks/*` without a record.
    fn managed(&mut self) {
        for (name, folder) in self.children(&self.paths.root("hooks")) {
            let names = [format!("hooks/{}", ids::part(&name))];
            if let Some(mut subject) = self.subject(
                "unrecorded",
                &names,
                Source::Unrecorded,
                name,
                &folder,
                Policy::Managed,
            ) {
                subject
                    .observations
                    .push(Observation::NoRecord { place: "hooks" });
                self.found.subjects.push(subject);
            }
        }
    }

    /// The hooks and packs that lie directly in a folder.
    fn collection(&mut self, label: &str, folder: &Path, policy: Policy) {
        for (name, child) in self.children(folder) {
            let relative = child
                .strip_prefix(folder)
                .unwrap_or(&child)
                .to_string_lossy()
                .into_owned();
            let names = [
                format!("{label}/{}", ids::part(&name)),
                format!("{label}/{relative}"),
            ];
            let subject = self.subject("hook", &names, Source::Unrecorded, name, &child, policy);
            self.found.subjects.extend(subject);
        }
    }

    /// An extra folder: a hook, a pack, or a folder of these.
    fn extra(&mut self, number: usize, folder: &Path) {
        let label = format!("extra.{number}");
        if self.is_hook(folder) {
            let name = folder
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            let names = [format!("{label}/{}", ids::part(&name))];
            let subject = self.subject(
                "hook",
                &names,
                Source::Unrecorded,
                name,
                folder,
                Policy::Managed,
            );
            self.found.subjects.extend(subject);
        } else {
            self.collection(&label, folder, Policy::Managed);
        }
    }

    /// The hook folders that a plugin declares. Their files are part of the plugin's own digest too.
    fn plugin(&mut self, plugin: &PluginRoot) {
        let mut written = strings(plugin.manifest.get("hooks"));
        if plugin.kind == Kind::Bundle {
            written.push("hooks".to_owned());
        }
        let Ok(root) = self.paths.real(&plugin.folder) else {
            return;
        };
        let label = format!("plugin.{}", ids::part(&plugin.plugin_id));
        let mut done = BTreeSet::new();
        for entry in written {
            let folder = paths::normalize(&plugin.folder.join(entry.trim()));
            let Ok(real) = self.paths.real(&folder) else {
                continue;
            };
            if !real.starts_with(&root) {
                let entry = text::excerpt(&format!("hooks {entry}"), 120);
                let target = self.paths.shown(&real);
                self.found
                    .observations
                    .push(Observation::EntryEscapes { entry, target });
            } else if done.insert(real) && self.paths.kind(&folder) == At::Folder {
                self.collection(&label, &folder, Policy::Plugin(plugin.enabled));
            }
        }
    }

    /// Where the modules of `hooks.mappings[].transform` lie.
    fn transforms_folder(&mut self, ctx: &Context<'_>) -> Option<PathBuf> {
        let config = ctx
            .options
            .config
            .clone()
            .unwrap_or_else(|| self.paths.state.join("openclaw.json"));
        let base = config
            .parent()
            .unwrap_or(&self.paths.state)
            .join("hooks/transforms");
        let written = ctx
            .config_at(&["hooks", "transformsDir"])
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        let folder = match written.map(|text| (text, Path::new(text).is_absolute())) {
            Some((text, true)) => match self.paths.locate(text) {
                Located::At(folder) => folder,
                other => {
                    self.found
                        .observations
                        .push(not_located("config hooks.transformsDir".to_owned(), other));
                    return None;
                }
            },
            Some((text, false)) => base.join(text),
            None => base.clone(),
        };
        Some(paths::normalize(&folder))
    }

    /// The modules of `hooks.mappings[].transform`, all in one folder.
    fn transforms(&mut self, ctx: &Context<'_>) {
        let Some(folder) = self.transforms_folder(ctx) else {
            return;
        };
        let mappings = ctx
            .config_at(&["hooks", "mappings"])
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let mut used = false;
        let mut escapes = Vec::new();
        for (number, mapping) in mappings.iter().enumerate() {
            let Some(module) = mapping.pointer("/transform/module").and_then(Value::as_str) else {
                continue;
            };
            used = true;
            let target = paths::normalize(&folder.join(module.trim()));
            let real = self.paths.real(&target);
            let inside = match (&real, self.paths.real(&folder)) {
                (Ok(real), Ok(folder)) => real.starts_with(folder),
                _ => target.starts_with(&folder),
            };
            if !inside {
                let entry = format!("config hooks.mappings[{number}].transform.module");
                escapes.push(Observation::EntryEscapes {
                    entry,
                    target: self.paths.shown(&real.unwrap_or(target)),
                });
            }
        }
        self.found.observations.extend(escapes);
        if self.paths.kind(&folder) != At::Folder {
            return;
        }
        let names = [
            "managed/transforms".to_owned(),
            "transforms/modules".to_owned(),
        ];
        let name = "transforms".to_owned();
        let Some(mut subject) = self.subject(
            "hook",
            &names,
            Source::Unrecorded,
            name,
            &folder,
            Policy::Plugin(true),
        ) else {
            return;
        };
        subject.enabled = used && ctx.config_at(&["hooks", "enabled"]) != &Value::Bool(false);
        self.found.subjects.push(subject);
    }

    /// A subject for a folder; none when the folder is one already, or cannot be followed.
    fn subject(
        &mut self,
        scheme: &str,
        names: &[String],
        source: Source,
        name: String,
        folder: &Path,
        policy: Policy,
    ) -> Option<Subject> {
        let real = match self.paths.real(folder) {
            Ok(real) => real,
            Err(error) => {
                self.unreadable(&self.paths.shown(folder), &error.to_string());
                return None;
            }
        };
        if !self.seen.insert(real.clone()) {
            return None;
        }
        let id = self.ids.take(scheme, names);
        let mut subject = ids::blank(id, Kind::HookPack, source, name, self.paths.place(folder));
        subject.trees = ids::whole(&real, &real, Vec::new());
        let package = self.package(&real, &mut subject.observations);
        subject.version = package
            .get("version")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let hooks = self.hooks(&real, &package, &mut subject.observations);
        subject.enabled = self.selection.enables(policy, &hooks);
        Some(subject)
    }

    /// Name and key of each hook of a folder.
    fn hooks(
        &self,
        real: &Path,
        package: &Value,
        observations: &mut Vec<Observation>,
    ) -> Vec<(String, String)> {
        let declared = strings(package.pointer("/openclaw/hooks"));
        let folders: Vec<PathBuf> = if declared.is_empty() {
            vec![real.to_owned()]
        } else {
            declared
                .iter()
                .map(|path| paths::normalize(&real.join(path.trim())))
                .collect()
        };
        let mut hooks = Vec::new();
        for folder in folders {
            let place = self.paths.shown(&folder.join("HOOK.md"));
            match self.paths.real(&folder.join("HOOK.md")) {
                Ok(file) if !file.starts_with(real) => {
                    observations.push(Observation::EntryEscapes {
                        entry: place,
                        target: self.paths.shown(&file),
                    });
                }
                Ok(file) => match crate::read::bytes(&file, frontmatter::MAX_BYTES) {
                    Ok(bytes) => {
                        let front = FrontMatter::parse(&String::from_utf8_lossy(&bytes));
                        let fallback = folder
                            .file_name()
                            .map(|n| n.to_string_lossy().into_owned())
                            .unwrap_or_default();
                        let name = front.text("name").unwrap_or(fallback);
                        let key = front
                            .manifest_text("hookKey")
                            .map_or_else(|| name.clone(), str::to_owned);
                        hooks.push((name, key));
                    }
                    Err(error) => observations.push(Observation::Unreadable {
                        place,
                        why: error.to_string(),
                    }),
                },
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => observations.push(Observation::Unreadable {
                    place,
                    why: error.to_string(),
                }),
            }
        }
        hooks
    }

    fn package(&self, real: &Path, observations: &mut Vec<Observation>) -> Value {
        let file = real.join("package.json");
        let place = self.paths.shown(&file);
        match self
            .paths
            .text(&file, MAX_PACKAGE)
            .map(|text| json::last_wins(&text))
        {
            Ok(Ok(parsed)) => {
                let duplicate = |key: &String| Observation::DuplicateKey {
                    place: place.clone(),
                    key: text::excerpt(key, 80),
                };
                observations.extend(parsed.duplicates.iter().map(duplicate));
                parsed.value
            }
            Ok(Err(error)) => {
                observations.push(Observation::Unreadable {
                    place,
                    why: error.to_string(),
                });
                Value::Null
            }
            Err(crate::read::ReadError::NotFound) => Value::Null,
            Err(error) => {
                observations.push(Observation::Unreadable {
                    place,
                    why: error.to_string(),
                });
                Value::Null
            }
        }
    }

    fn is_hook(&self, folder: &Path) -> bool {
        ["HOOK.md", "package.json"]
            .iter()
            .any(|name| self.paths.is_there(&folder.join(name)))
    }

    /// Names and paths of the folders in a folder that hold a hook or a pack. Symlinked folders count: OpenClaw 2026.9 passes over
    /// them, but a check that does too would be one version from blind.
    fn children(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let entries = match self.paths.list(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Vec::new(),
            Err(error) => {
                self.unreadable(&self.paths.shown(folder), &error.to_string());
                return Vec::new();
            }
        };
        let mut children = Vec::new();
        for entry in entries.into_iter().filter(|entry| entry.kind == At::Folder) {
            let hook = self
                .paths
                .real(&entry.path)
                .is_ok_and(|real| self.is_hook(&real));
            match entry.name.into_string() {
                Ok(name) if !name.chars().any(char::is_control) => {
                    if hook {
                        children.push((name, entry.path));
                    }
                }
                _ => {
                    let why = "has a name that is not UTF-8 or holds control characters, and was not looked at";
                    self.unreadable(&self.paths.shown(&entry.path), why);
                }
            }
        }
        children
    }

    fn unreadable(&mut self, place: &str, why: &str) {
        self.found.observations.push(Observation::Unreadable {
            place: place.to_owned(),
            why: why.to_owned(),
        });
    }
}
