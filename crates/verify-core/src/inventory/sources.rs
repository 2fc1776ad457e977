//! The sources of an inventory, in the order in which each needs the ones before it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{self, Config};
use super::context::{Context, Found, HomeReaders, PluginRoot, Workspace};
use super::index::{self, Index};
use super::paths::{self, Paths};
use super::records::{self, Known, Plugin, Scan};
use super::search_path::Expands;
use super::{Inventory, InventoryOptions, NotCovered, NotCoveredGroup, Observation, Setting};
use super::{
    agents, automation, bundles, core, environment, extensions, home_runtimes, hooks, load_paths,
    mcp, node, npm_config, npm_project, other_host, planted, plugin, runtime, services, settings,
    skills, started, unique,
};
use crate::text;

/// What every source may look at.
pub(super) struct Sources<'a> {
    pub(super) options: &'a InventoryOptions,
    pub(super) paths: &'a Paths,
    pub(super) config: &'a Config,
    pub(super) index: &'a Index,
    pub(super) workspaces: &'a [Workspace],
    pub(super) host: Option<&'a Path>,
}

impl Sources<'_> {
    /// Every plugin and bundle, recorded ones first.
    pub(super) fn plugins(&self, inventory: &mut Inventory) -> Vec<Plugin> {
        let activation = plugin::Activation::new(self.config);
        let scan = &Scan {
            paths: self.paths,
            index: self.index,
            activation: &activation,
            config: &self.config.value,
            config_shown: &self.config.shown,
            workspaces: self.workspaces,
            host: self.host,
        };
        let observations = &mut inventory.observations;
        let mut plugins = records::read(scan, observations);
        let found = npm_project::unrecorded(scan, &mut plugins, observations);
        plugins.extend(found);
        let found = load_paths::read(scan, &Known::of(&plugins), observations);
        plugins.extend(found);
        let found = extensions::read(scan, &Known::of(&plugins), observations);
        plugins.extend(found);
        unique::ids(plugins.iter_mut().map(|plugin| &mut plugin.subject));
        unique::shadows(&mut plugins, scan.host);
        plugins
    }

    /// Whether what was installed is known, and what is said where an older OpenClaw kept it elsewhere.
    pub(super) fn age_of_records(&self, inventory: &mut Inventory) {
        let older = self.index.older.clone();
        let older = older.or_else(|| older_records(self.paths, &self.config.value, self.index));
        inventory.records_unknown = self.index.unknown || older.is_some();
        let last = config::string(self.config.value.pointer("/meta/lastTouchedVersion"));
        inventory.observations.extend(older.map(|found| {
            let by = last.map_or(String::new(), |version| {
                let version = text::excerpt(version, 40);
                format!("; OpenClaw {version} wrote them last")
            });
            Observation::StateTooOld { found: found + &by }
        }));
    }

    /// The host package, with what lies between the command and it.
    pub(super) fn host_package(&self, inventory: &mut Inventory) {
        let Some(host) = self.host else {
            return;
        };
        let outside = self.paths.outside_copy();
        let mut core = core::read(&outside, host, &mut inventory.not_covered);
        if let Some(command) = &self.options.host_command {
            core.definition = command.wrappers_of(host);
            core.observations.extend(command.other_host(host));
        }
        inventory.subjects.push(core);
        inventory.host = Some(self.paths.place(host));
    }

    /// The plugins, and what config, folders and plugins declare: skills, hooks, MCP servers.
    /// Gives what of it reads files of the home folder.
    pub(super) fn declared(&self, plugins: Vec<Plugin>, inventory: &mut Inventory) -> HomeReaders {
        inventory
            .not_covered
            .extend(language_servers(self.paths, &plugins));
        let roots = plugin_roots(&plugins);
        inventory
            .subjects
            .extend(plugins.into_iter().map(|plugin| plugin.subject));
        let started_in = services::working_folders(self.paths, self.host);
        let on_path = self.options.node.as_deref();
        let prefixes = node::prefixes(self.paths, self.host, on_path);
        let context = Context {
            started_in: &started_in,
            prefixes: &prefixes,
            options: self.options,
            paths: self.paths,
            config: &self.config.value,
            workspaces: self.workspaces,
        };
        let found: [Found; 3] = [
            skills::read(&context, &roots),
            hooks::read(&context, &roots, &self.index.hooks),
            mcp::read(&context, &roots),
        ];
        let mut readers = HomeReaders::default();
        for found in found {
            inventory.subjects.extend(found.subjects);
            inventory.observations.extend(found.observations);
            inventory.not_covered.extend(found.not_covered);
            readers.join(found.reads);
        }
        readers
    }

    /// What starts something, or steers what is started: settings, the runtime, jobs, agents, services. Gives the temporary folders that
    /// they name. `readers`: what of the servers reads files of the home folder.
    pub(super) fn started(&self, readers: HomeReaders, inventory: &mut Inventory) -> Vec<PathBuf> {
        let (paths, steering) = (self.paths, &self.index.steering);
        let observations = &mut inventory.observations;
        let starts = started::roots(paths, self.workspaces);
        let mut found = Found {
            reads: readers,
            ..Found::default()
        };
        found.reads.docker |= home_runtimes::has_sandbox(&self.config.value);
        let redirects = settings::take_redirects(paths, observations);
        let mut own = settings::read(paths, self.config, self.index, observations);
        match &mut own {
            None => observations.extend(redirects),
            Some(own) => {
                own.observations.extend(redirects);
                let commands = started::of_config(paths, &self.config.value);
                let program = self.options.program.as_deref();
                started::hash_config(paths, &starts, &commands, program, own, &mut found);
            }
        }
        let subjects = &mut inventory.subjects;
        subjects.extend(own);
        subjects.extend(runtime::read(paths, observations));
        subjects.extend(automation::read(paths, steering, &starts, &mut found));
        let config = &self.config.value;
        subjects.extend(agents::read(paths, self.workspaces, config, observations));
        subjects.extend(services::read(paths, self.host, &starts, &mut found));
        subjects.extend(home_runtimes::read(
            paths,
            found.reads,
            &mut found.not_covered,
        ));
        observations.append(&mut found.observations);
        inventory.not_covered.append(&mut found.not_covered);
        for variable in &steering.environment {
            let place = format!("{}#secret_store_entries", index::shown(paths));
            observations.extend(environment::judged(
                paths,
                variable,
                "?",
                Expands::Nothing,
                place,
                Setting::SecretStore,
            ));
        }
        found.temporary
    }

    /// What lies around the subjects and reaches them: npm's settings, other hosts of the machine, what is planted where they will look.
    pub(super) fn surroundings(&self, mut temporary: Vec<PathBuf>, inventory: &mut Inventory) {
        let paths = self.paths;
        let servers = inventory.subjects.iter().filter_map(|s| s.mcp.as_ref());
        let servers: Vec<Value> = servers.map(|mcp| mcp.raw.clone()).collect();
        let all: Vec<&Value> = servers.iter().collect();
        let observations = &mut inventory.observations;
        let started_in = services::working_folders(paths, self.host);
        npm_config::read(
            paths,
            self.workspaces,
            &all,
            &started_in,
            self.host,
            observations,
        );
        temporary.extend(self.options.tmp.clone());
        if let (Some(host), None) = (self.host, paths.not_here()) {
            paths.listed(Path::new("/etc/cron.d"));
            paths.looked_at(Path::new("/etc/crontab"));
            temporary.extend(other_host::read(paths, host, inventory, Path::new("/proc")));
        }
        temporary.sort();
        temporary.dedup();
        inventory.node_folders = node::folders(paths, inventory, self.options.node.as_deref());
        let staged = planted::staged(paths, &inventory.node_folders, &temporary).into_iter();
        inventory.staged = staged.map(|folder| paths.place(&folder)).collect();
        let around = planted::Around {
            temporary: &temporary,
            host: self.host,
            node_folders: &inventory.node_folders,
            servers: &servers,
            now: self.options.now,
        };
        planted::read(paths, self.config, &around, &mut inventory.observations);
    }
}

/// Records of installs where OpenClaw kept them before they moved into the database. [M 2026.3 to 2026.8]
fn older_records(paths: &Paths, config: &Value, index: &Index) -> Option<String> {
    if !index.records.is_empty() {
        return None;
    }
    let in_config = config
        .pointer("/plugins/installs")
        .and_then(Value::as_object)
        .is_some_and(|installs| !installs.is_empty());
    let file = paths.state.join("plugins/installs.json");
    if in_config {
        Some("the records of installs are in the config (plugins.installs)".to_owned())
    } else if paths.kind(&file) != paths::Kind::Nothing {
        Some("the records of installs are in plugins/installs.json".to_owned())
    } else {
        None
    }
}

fn language_servers(paths: &Paths, plugins: &[Plugin]) -> Vec<NotCovered> {
    let bundles = plugins.iter().filter_map(|plugin| {
        Some((
            plugin,
            plugin
                .files
                .as_ref()
                .filter(|files| files.bundle.is_some())?,
        ))
    });
    let bundles = bundles
        .filter(|(_, files)| bundles::has_language_servers(paths, &files.folder, &files.manifest));
    let entry = |(plugin, _): (&Plugin, _)| {
        NotCovered::new(
            NotCoveredGroup::Elsewhere,
            format!("language servers of {}", plugin.subject.id),
            "they are commands of the bundle; only their definition is part of its digest",
        )
    };
    bundles.map(entry).collect()
}

fn plugin_roots(plugins: &[Plugin]) -> Vec<PluginRoot> {
    let root = |plugin: &Plugin| {
        let files = plugin.files.as_ref()?;
        Some(PluginRoot {
            subject: plugin.subject.id.clone(),
            plugin_id: plugin.subject.name.clone(),
            kind: plugin.subject.kind,
            folder: files.folder.clone(),
            manifest: files.manifest.clone(),
            enabled: plugin.subject.enabled,
        })
    };
    plugins.iter().filter_map(root).collect()
}
