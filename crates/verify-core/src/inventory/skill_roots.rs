//! Where OpenClaw looks for skills, in its order of precedence (`skills/loading/workspace-skill-sources.ts`), and the walk of one
//! such root (`skill-root-discovery.ts`).
//!
//! The walk finds at least what OpenClaw finds: its limits are higher, and a limit that is reached is reported.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::context::{Context, Found, PluginRoot};
use super::paths::{Located, Paths};
use super::{NotCovered, NotCoveredGroup, Observation};
use crate::subject::Kind;
use crate::text;

/// Most raw entries that are looked at below one root. OpenClaw's own limit for one folder is 10,000.
const MAX_ENTRIES: usize = 2_000_000;
/// Most skills of one root. OpenClaw loads 200 unless the config says otherwise.
const MAX_SKILLS: usize = 100_000;
/// Levels below a root on which `SKILL.md` is found.
const DEPTH: usize = 6;
/// The same for an extra folder that is not called `skills`.
const DEPTH_EXTRA: usize = 2;

/// Who loads a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loader {
    /// Every agent.
    All,
    /// The agent of this workspace, by its number in [`Context::workspaces`].
    Workspace(usize),
    /// The agent of this number in the list of `<state>/agents`.
    Agent(usize),
    /// Not loaded, as configured now.
    Nobody,
}

/// One folder in which OpenClaw looks for skills.
pub(super) struct Root {
    /// What is in the id: `managed`, `workspace.<agent>` …
    pub(super) label: String,
    /// What stands before a skill's relative folder where two skills would share an id.
    pub(super) within: &'static str,
    pub(super) folder: PathBuf,
    /// The higher of two hides the lower.
    pub(super) rank: usize,
    pub(super) loader: Loader,
    /// Where ClawHub's lock of this root stands.
    pub(super) lock_base: Option<PathBuf>,
    /// Whether a record beside a skill counts: not inside plugins, into which no skills are installed.
    pub(super) records: bool,
    /// The folder of the plugin that ships this root; its digest covers whatever a link inside may reach.
    pub(super) plugin: Option<PathBuf>,
    /// Symlinked skill folders may lead anywhere.
    any_target: bool,
    extra: bool,
    /// Holds nothing but links that OpenClaw makes to the skills of plugins.
    pub(super) generated: bool,
}

/// A folder that holds `SKILL.md`.
pub(super) struct Candidate {
    /// Number of its root.
    pub(super) root: usize,
    /// Folder relative to the root, `/` between names; empty for the root itself.
    pub(super) relative: String,
    /// The folder as it was reached.
    pub(super) folder: PathBuf,
    /// The folder after all symlinks.
    pub(super) real: PathBuf,
    /// False when OpenClaw would refuse the symlink by which it was reached.
    pub(super) loaded: bool,
}

/// The rank of a workspace's own skills, which win over all others.
const TOP: usize = 10_000_000;

/// All roots, and what is in the way of some.
pub(super) fn roots(
    ctx: &Context<'_>,
    paths: &Paths,
    plugins: &[PluginRoot],
    found: &mut Found,
) -> Vec<Root> {
    let mut roots = of_workspaces(ctx);
    match personal(paths) {
        Personal::At(folder) => {
            roots.push(Root {
                any_target: true,
                ..Root::new("personal", folder, TOP - 2, Loader::All)
            });
        }
        Personal::InCopy => found.not_covered.push(NotCovered::new(
            NotCoveredGroup::NotSeen,
            "~/.agents/skills",
            "the state directory is a copy, and the home folder of its original is not here",
        )),
        Personal::NotLoaded => {}
    }
    roots.push(Root {
        any_target: true,
        lock_base: Some(paths.state.clone()),
        ..Root::new("managed", paths.state.join("skills"), TOP - 3, Loader::All)
    });
    for (number, (agent, folder)) in agent_folders(ctx, paths, found).into_iter().enumerate() {
        roots.push(Root::new(
            format!("workshop.{}", super::ids::part(&agent)),
            folder.join("workshop-skills"),
            TOP - 4,
            Loader::Agent(number),
        ));
    }
    // Within the last tier the later wins: extra folders, then plugins, then the generated links.
    for (number, located) in extra_dirs(ctx, paths, &["skills", "load", "extraDirs"], found) {
        roots.push(Root {
            extra: true,
            ..Root::new(format!("extra.{number}"), located, 1 + number, Loader::All)
        });
    }
    roots.extend(of_plugins(paths, plugins, found));
    roots.push(Root {
        generated: true,
        records: false,
        ..Root::new(
            "plugin-skills",
            paths.state.join("plugin-skills"),
            TOP - 5,
            Loader::All,
        )
    });
    roots
}

impl Root {
    fn new(label: impl Into<String>, folder: PathBuf, rank: usize, loader: Loader) -> Self {
        Self {
            label: label.into(),
            within: "",
            folder,
            rank,
            loader,
            lock_base: None,
            records: true,
            plugin: None,
            any_target: false,
            extra: false,
            generated: false,
        }
    }
}

/// Two of each workspace.
fn of_workspaces(ctx: &Context<'_>) -> Vec<Root> {
    let mut roots = Vec::new();
    for (number, workspace) in ctx.workspaces.iter().enumerate() {
        let label = workspace.agent.as_ref().map_or_else(
            || "workspace".to_owned(),
            |a| format!("workspace.{}", super::ids::part(a)),
        );
        let base = Some(workspace.folder.clone());
        let loader = Loader::Workspace(number);
        let skills = workspace.folder.join("skills");
        roots.push(Root {
            lock_base: base.clone(),
            ..Root::new(label.clone(), skills, TOP, loader)
        });
        let agents = workspace.folder.join(".agents/skills");
        roots.push(Root {
            lock_base: base,
            within: ".agents/",
            ..Root::new(label, agents, TOP - 1, loader)
        });
    }
    roots
}

fn of_plugins(paths: &Paths, plugins: &[PluginRoot], found: &mut Found) -> Vec<Root> {
    let mut roots = Vec::new();
    for (number, plugin) in plugins.iter().enumerate() {
        let loader = if plugin.enabled {
            Loader::All
        } else {
            Loader::Nobody
        };
        for folder in plugin_folders(plugin, paths, found) {
            let label = format!("plugin.{}", super::ids::part(&plugin.plugin_id));
            roots.push(Root {
                extra: true,
                records: false,
                plugin: Some(plugin.folder.clone()),
                ..Root::new(label, folder, TOP / 2 + number, loader)
            });
        }
    }
    roots
}

/// The folders of a list in the config, with their numbers in it.
pub(super) fn extra_dirs(
    ctx: &Context<'_>,
    paths: &Paths,
    keys: &[&str],
    found: &mut Found,
) -> Vec<(usize, PathBuf)> {
    let mut folders = Vec::new();
    let written = ctx
        .config_at(keys)
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for (number, entry) in written.iter().enumerate() {
        let place = format!("config {}[{number}]", keys.join("."));
        let Some(entry) = entry.as_str() else {
            continue;
        };
        if entry.trim().is_empty() {
            continue;
        }
        match paths.locate(entry) {
            Located::At(folder) => folders.push((number, folder)),
            other => found.observations.push(not_located(place, other)),
        }
    }
    folders
}

/// The folder that a root is; none where there is none, which is said where something else is in its place.
fn real_root(root: &Root, paths: &Paths, found: &mut Found) -> Option<PathBuf> {
    let real = paths.real(&root.folder).ok();
    if real.is_none() && paths.is_there(&root.folder) {
        found.observations.push(Observation::Unreadable {
            place: paths.shown(&root.folder),
            why: "cannot be followed to a folder".to_owned(),
        });
    }
    real
}

/// Finds every skill below a root.
pub(super) fn walk(
    number: usize,
    root: &Root,
    allowed: &[PathBuf],
    paths: &Paths,
    found: &mut Found,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut budget = MAX_ENTRIES;
    let Some(real_root) = real_root(root, paths, found) else {
        return candidates;
    };
    let mut seen = BTreeSet::from([real_root.clone()]);
    let mut queue = std::collections::VecDeque::from([(String::new(), real_root.clone(), true)]);
    let mut elsewhere = Vec::new();
    while let Some((relative, real, loaded)) = queue.pop_front() {
        // A `SKILL.md` of any type ends the walk below it, as in OpenClaw; the digest of the skill covers what lies there.
        if paths.is_there(&real.join("SKILL.md")) {
            if candidates.len() >= MAX_SKILLS {
                found.observations.push(Observation::Unreadable {
                    place: paths.shown(&root.folder),
                    why: format!("holds more than {MAX_SKILLS} skills; the rest was not looked at"),
                });
                break;
            }
            let folder = if relative.is_empty() {
                root.folder.clone()
            } else {
                root.folder.join(&relative)
            };
            candidates.push(Candidate {
                root: number,
                relative,
                folder,
                real,
                loaded,
            });
            continue;
        }
        let level = if relative.is_empty() {
            0
        } else {
            relative.split('/').count()
        };
        if !(loaded || root.generated) || level >= depth(root, &relative) {
            continue;
        }
        for (name, link) in folders(&real, &mut budget, paths, found) {
            let child = if relative.is_empty() {
                name.clone()
            } else {
                format!("{relative}/{name}")
            };
            let entry = real.join(&name);
            if root.generated && is_of_host_elsewhere(&entry, paths) {
                elsewhere.push(text::excerpt(&paths.shown(&entry), 120));
                continue;
            }
            let Some(target) = target(entry, link, paths, found) else {
                continue;
            };
            let inside =
                target.starts_with(&real_root) || allowed.iter().any(|a| target.starts_with(a));
            let loaded = !root.generated && (!link || root.any_target || inside);
            if seen.insert(target.clone()) {
                queue.push_back((child, target, loaded));
            }
        }
    }
    say_elsewhere(&elsewhere, found);
    candidates
}

/// Names links that lead to skills of the host where that was.
fn say_elsewhere(links: &[String], found: &mut Found) {
    if links.is_empty() {
        return;
    }
    found.observations.push(Observation::NotHere {
        what: format!(
            "skills of the host package, to which {} lead",
            links.join(", ")
        ),
        why: "links of OpenClaw's own lead out of the copy".to_owned(),
    });
}

/// Whether a link that OpenClaw makes leads, in a copy, to a skill of the host package where that was. That OpenClaw was used is no reason
/// to doubt the copy; where it leads is not seen from here, which is said.
fn is_of_host_elsewhere(entry: &Path, paths: &Paths) -> bool {
    let target = std::fs::read_link(entry)
        .ok()
        .filter(|target| paths.relocated() && target.is_absolute());
    let is_of_host = |target: &Path| {
        let plain = target.components().all(|part| part != Component::ParentDir);
        let mut above = target.ancestors();
        plain && above.any(|at| at.ends_with("node_modules/openclaw/dist/extensions"))
    };
    target.is_some_and(|target| is_of_host(&target) && paths.real(entry).is_err())
}

/// The folder that an entry is, through the link that it may be; none where it leads to no folder.
fn target(entry: PathBuf, link: bool, paths: &Paths, found: &mut Found) -> Option<PathBuf> {
    if !link {
        return Some(entry);
    }
    match paths.real(&entry) {
        Ok(target) => target.is_dir().then_some(target),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            found.observations.push(Observation::Unreadable {
                place: paths.shown(&entry),
                why: error.to_string(),
            });
            None
        }
    }
}

fn depth(root: &Root, relative: &str) -> usize {
    let nested = relative == "skills" || relative.starts_with("skills/");
    if root.generated {
        1
    } else if nested {
        DEPTH + 1
    } else if root.extra && root.folder.file_name().is_none_or(|name| name != "skills") {
        DEPTH_EXTRA
    } else {
        DEPTH
    }
}

/// Names of the folders and symlinks in a folder, sorted, without those that OpenClaw passes over.
fn folders(
    real: &Path,
    budget: &mut usize,
    paths: &Paths,
    found: &mut Found,
) -> Vec<(String, bool)> {
    let mut problem = |why: String| {
        found.observations.push(Observation::Unreadable {
            place: paths.shown(real),
            why,
        });
    };
    paths.listed(real);
    let entries = match std::fs::read_dir(real) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Vec::new();
        }
        Err(error) => {
            problem(error.to_string());
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    let mut odd = 0_usize;
    for entry in entries {
        if *budget == 0 {
            problem(format!(
                "more than {MAX_ENTRIES} entries; the rest was not looked at"
            ));
            break;
        }
        *budget -= 1;
        let Ok(entry) = entry else {
            problem("cannot be listed to its end".to_owned());
            break;
        };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if !kind.is_dir() && !kind.is_symlink() {
            continue;
        }
        match entry.file_name().into_string() {
            Ok(name) if name.starts_with('.') || name == "node_modules" => {}
            Ok(name) if name.chars().any(char::is_control) => odd += 1,
            Ok(name) => names.push((name, kind.is_symlink())),
            Err(_) => odd += 1,
        }
    }
    if odd > 0 {
        problem(format!(
            "{odd} folders have names that are not UTF-8 or hold control characters, and were not looked at"
        ));
    }
    names.sort();
    names
}

enum Personal {
    At(PathBuf),
    InCopy,
    NotLoaded,
}

/// `~/.agents/skills` is loaded only with the default state directory.
fn personal(paths: &Paths) -> Personal {
    let Some(home) = &paths.home else {
        return Personal::NotLoaded;
    };
    let default = home.join(".openclaw");
    if let Some(original) = &paths.relocated_from {
        return if *original == default {
            Personal::InCopy
        } else {
            Personal::NotLoaded
        };
    }
    match std::fs::canonicalize(default) {
        Ok(real) if real == paths.state => Personal::At(home.join(".agents/skills")),
        _ => Personal::NotLoaded,
    }
}

/// Id and folder of every agent that has one: those on disk, and those to which the config gives another folder.
fn agent_folders(ctx: &Context<'_>, paths: &Paths, found: &mut Found) -> Vec<(String, PathBuf)> {
    let mut budget = 10_000;
    let agents = paths.state.join("agents");
    let mut list: Vec<_> = folders(&agents, &mut budget, paths, found)
        .into_iter()
        .map(|(name, _)| (name.clone(), agents.join(name).join("agent")))
        .collect();
    let entries = ctx
        .config_at(&["agents", "entries"])
        .as_object()
        .into_iter()
        .flatten();
    let entries = entries.map(|(id, entry)| (id.as_str(), entry));
    let listed = ctx
        .config_at(&["agents", "list"])
        .as_array()
        .into_iter()
        .flatten();
    let listed = listed.map(|entry| {
        (
            entry.get("id").and_then(Value::as_str).unwrap_or_default(),
            entry,
        )
    });
    for (id, entry) in entries.chain(listed) {
        if let Some(written) = entry.get("agentDir").and_then(Value::as_str) {
            match paths.locate(written) {
                Located::At(folder) => list.push((id.to_owned(), folder)),
                other => {
                    let place = format!("config agents.entries.{}.agentDir", text::excerpt(id, 80));
                    found.observations.push(not_located(place, other));
                }
            }
        }
    }
    list
}

/// The folders in which a plugin or bundle ships skills.
fn plugin_folders(plugin: &PluginRoot, paths: &Paths, found: &mut Found) -> Vec<PathBuf> {
    let mut written: Vec<String> = strings(plugin.manifest.get("skills"));
    if plugin.kind == Kind::Bundle {
        for key in ["commands", "agents", "outputStyles"] {
            written.extend(strings(plugin.manifest.get(key)));
        }
        let usual = [
            "skills",
            "commands",
            "agents",
            "output-styles",
            ".cursor/commands",
        ];
        written.extend(usual.into_iter().map(str::to_owned));
    }
    let mut folders = Vec::new();
    let Ok(real_plugin) = paths.real(&plugin.folder) else {
        return folders;
    };
    for entry in written {
        let folder = super::paths::normalize(&plugin.folder.join(entry.trim()));
        let Ok(real) = paths.real(&folder) else {
            continue;
        };
        if !real.starts_with(&real_plugin) {
            let entry = text::excerpt(&format!("skills {entry}"), 120);
            found.observations.push(Observation::EntryEscapes {
                entry,
                target: paths.shown(&real),
            });
        } else if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// What is observed about a written path that means no place here.
pub(super) fn not_located(place: String, located: Located) -> Observation {
    match located {
        Located::Elsewhere(path) => Observation::NotInCopy { place, path },
        Located::Unknown(why) => Observation::Unreadable {
            place,
            why: format!("the folder is not known: {why}"),
        },
        Located::At(path) => Observation::Unreadable {
            place,
            why: text::visible(&path.to_string_lossy()).into_owned(),
        },
    }
}

/// A text or a list of texts.
pub(super) fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
    .into_iter()
    .filter(|text| !text.trim().is_empty())
    .collect()
}
