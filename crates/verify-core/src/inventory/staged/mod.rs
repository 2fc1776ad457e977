//! What lies in a staging folder before an install is committed, read with the same eyes as what is installed: its digests are those
//! that the installed subject will have.

pub(crate) mod archived;
pub(crate) mod copy;
pub(crate) mod protocol;
pub(crate) mod request;
pub(crate) mod skill;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::digest::GitOid;
use crate::error::{Error, Result};
use crate::inventory::frontmatter::{self, FrontMatter};
use crate::inventory::git_checkout::UnknownHead;
use crate::inventory::npm_lockfile;
use crate::inventory::npm_project::{self, Layout};
use crate::inventory::paths::Paths;
use crate::inventory::plugin::{PluginFiles, own_trees};
use crate::inventory::{
    InstallStep, InventoryOptions, Observation, Record, Subject, git_checkout, git_spec, ids,
    skills,
};
use crate::json;
use crate::read;
use crate::subject::{Kind, Source, SubjectId};
use crate::text;

/// A staging folder.
pub(crate) struct Staging {
    paths: Paths,
    root: PathBuf,
    host: Option<PathBuf>,
}

impl Staging {
    /// The staging folder at `root`, as which paths are shown relative to.
    pub(crate) fn open(root: &Path, host: Option<&Path>) -> Result<Self> {
        let options = InventoryOptions {
            now: 0,
            ..InventoryOptions::new(root)
        };
        // The path has a random part, and replies must not.
        let unreadable = |error| {
            Error::environment(
                format!(
                    "the staged folder, which `sourcePath` names, cannot be read: {error}; stage the files there first, then ask again"
                ),
                "install again",
            )
        };
        let paths = Paths::new(&options).map_err(unreadable)?;
        let host = match host {
            Some(host) => Some(
                std::fs::canonicalize(host)
                    .map_err(|error| Error::io("resolve the host package", host, error))?,
            ),
            None => None,
        };
        let root = paths.state.clone();
        if !root.is_dir() {
            return Err(Error::environment(
                "what is staged is not a folder: `sourcePath` has to name the folder with the files",
                "ask with the folder",
            ));
        }
        Ok(Self { paths, root, host })
    }

    /// The npm package `name` of a staged project, with everything else in the project's `node_modules`. `record` is what OpenClaw
    /// would record.
    pub(crate) fn npm(&self, name: &str, id: SubjectId, source: Source, record: Record) -> Subject {
        let modules = self.root.join("node_modules");
        let layout = Layout {
            project: self.root.clone(),
            modules: modules.clone(),
            name: name.to_owned(),
        };
        let folder = modules.join(name);
        let (mut subject, files) = self.files(&folder, id, source, record.clone());
        subject.trees = npm_project::trees(&self.paths, &layout, self.host.as_deref());
        npm_project::check(&self.paths, &layout, &record, &files, &mut subject);
        subject.observations.extend(files.escapes(
            &self.paths,
            &modules,
            &["node_modules/openclaw"],
        ));
        subject
    }

    /// The plugin or bundle in the folder itself, with dependencies of its own.
    pub(crate) fn plugin(&self, id: SubjectId, source: Source, record: Record) -> Subject {
        let (mut subject, files) = self.files(&self.root, id, source, record.clone());
        let git = source == Source::Git;
        subject.trees = own_trees(&self.paths, &self.root, self.host.as_deref(), git);
        npm_lockfile::own_lockfile(&self.paths, &self.root, &mut subject);
        let mut left_out = vec!["node_modules/.package-lock.json", "node_modules/openclaw"];
        if git {
            git_checkout::check(&self.paths, &record, &self.root, &mut subject.observations);
            left_out.push(".git");
        }
        subject
            .observations
            .extend(files.escapes(&self.paths, &self.root, &left_out));
        subject
    }

    /// The hook or hook pack in the folder itself.
    pub(crate) fn hook_pack(&self, id: SubjectId, source: Source, record: Record) -> Subject {
        let mut subject = ids::blank(
            id,
            Kind::HookPack,
            source,
            String::new(),
            self.paths.place(&self.root),
        );
        subject.trees = ids::whole(&self.root, &self.root, Vec::new());
        let files = PluginFiles::read(&self.paths, &self.root);
        subject.version = files.version().map(str::to_owned);
        subject.name = files.package_name().unwrap_or_default().to_owned();
        subject
            .observations
            .extend(files.observations.iter().cloned());
        subject
            .observations
            .extend(files.escapes(&self.paths, &self.root, &[]));
        subject.record = Some(record);
        subject
    }

    /// The skill in the folder itself.
    pub(crate) fn skill(&self, id: SubjectId, source: Source, record: Record) -> Subject {
        let mut subject = ids::blank(
            id,
            Kind::Skill,
            source,
            String::new(),
            self.paths.place(&self.root),
        );
        subject.trees = ids::whole(&self.root, &self.root, skills::leave_out());
        match self.front_matter() {
            Ok(front) => {
                subject.name = front.text("name").unwrap_or_default();
                subject.version = front.text("version");
                subject.install_steps = front.install_steps();
                subject.observations.extend(front.observations("SKILL.md"));
            }
            Err(observation) => subject.observations.push(observation),
        }
        subject.record = Some(record);
        subject
    }

    /// The commit that a staged checkout is at.
    pub(crate) fn head(&self) -> std::result::Result<GitOid, UnknownHead> {
        git_checkout::head(&self.paths, &self.root.join(".git"))
    }

    /// Whether the folder is a hook pack and nothing else.
    pub(crate) fn is_hook_pack(&self) -> bool {
        let files = PluginFiles::read(&self.paths, &self.root);
        let list = |pointer| {
            files
                .package
                .pointer(pointer)
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty())
        };
        let hook = self.paths.kind(&self.root.join("HOOK.md")) == super::paths::Kind::File;
        files.manifest.is_null()
            && files.bundle.is_none()
            && !list("/openclaw/extensions")
            && (list("/openclaw/hooks") || hook)
    }

    /// Whether the folder is a bundle of another agent.
    pub(crate) fn is_bundle(&self) -> bool {
        PluginFiles::read(&self.paths, &self.root).bundle.is_some()
    }

    /// The id of the plugin or bundle in the folder, as OpenClaw takes it. Untrusted text.
    pub(crate) fn plugin_id(&self) -> String {
        PluginFiles::read(&self.paths, &self.root).plugin_id()
    }

    /// Whether the package in the folder asks npm for others.
    pub(crate) fn has_dependencies(&self) -> bool {
        let package = PluginFiles::read(&self.paths, &self.root).package;
        let some = |key| {
            package
                .get(key)
                .and_then(Value::as_object)
                .is_some_and(|names| !names.is_empty())
        };
        some("dependencies") || some("optionalDependencies")
    }

    /// Whether the folder lies in the host package that the operator named.
    pub(crate) fn in_host(&self) -> bool {
        self.host
            .as_ref()
            .is_some_and(|host| self.root.starts_with(host))
    }

    /// The name that the front matter of a staged skill gives, else none.
    pub(crate) fn skill_name(&self) -> Option<String> {
        self.front_matter().ok()?.text("name")
    }

    /// Why OpenClaw loads no skill from the folder; none where it does, or might.
    pub(crate) fn skipped(&self) -> Option<&'static str> {
        self.front_matter().ok()?.skipped()
    }

    /// `dependencies` of the project's `package.json`: what the operator asked npm for.
    pub(crate) fn asked_for(&self) -> Vec<(String, String)> {
        let (manifest, _) = npm_project::ProjectManifest::read(&self.paths, &self.root);
        manifest.dependencies.into_iter().collect()
    }

    /// Version and integrity of a package, as npm's lockfile of the project says.
    pub(crate) fn locked_by_npm(&self, name: &str) -> (Option<String>, Option<String>) {
        let files = ["package-lock.json", "node_modules/.package-lock.json"];
        let lock = files.iter().find_map(|file| {
            self.paths
                .text(&self.root.join(file), npm_lockfile::MAX_LOCKFILE)
                .ok()
        });
        let lock = lock
            .and_then(|text| json::strict(&text).ok())
            .unwrap_or(Value::Null);
        let entry = lock
            .get("packages")
            .and_then(|packages| packages.get(format!("node_modules/{name}")));
        let field = |key| {
            entry
                .and_then(|entry| entry.get(key))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        (field("version"), field("integrity"))
    }

    fn files(
        &self,
        folder: &Path,
        id: SubjectId,
        source: Source,
        record: Record,
    ) -> (Subject, PluginFiles) {
        let files = PluginFiles::read(&self.paths, folder);
        let kind = if files.bundle.is_some() {
            Kind::Bundle
        } else {
            Kind::Plugin
        };
        let mut subject = ids::blank(
            id,
            kind,
            source,
            files.plugin_id(),
            self.paths.place(folder),
        );
        subject.version = files.version().map(str::to_owned);
        subject
            .observations
            .extend(files.observations.iter().cloned());
        subject.record = Some(record);
        (subject, files)
    }

    fn front_matter(&self) -> std::result::Result<FrontMatter, Observation> {
        let place = "SKILL.md".to_owned();
        let unreadable = |why: String| Observation::Unreadable {
            place: place.clone(),
            why,
        };
        let file = self.root.join("SKILL.md");
        let real = self
            .paths
            .real(&file)
            .map_err(|error| unreadable(error.to_string()))?;
        if !real.starts_with(&self.root) {
            return Err(Observation::EntryEscapes {
                entry: place,
                target: self.paths.shown(&real),
            });
        }
        let bytes = read::bytes(&real, frontmatter::MAX_BYTES)
            .map_err(|error| unreadable(error.to_string()))?;
        Ok(FrontMatter::parse(&String::from_utf8_lossy(&bytes)))
    }
}

/// The name in a spec such as `@acme/notes@1.2.3`.
pub(crate) fn spec_name(spec: &str) -> String {
    npm_project::spec_name(spec).to_owned()
}

/// The id of a git repository, from the spec that the operator typed.
pub(crate) fn git_subject(spec: &str) -> Option<SubjectId> {
    git_spec::place_of_spec(spec).map(|place| SubjectId::new("git", &place))
}

/// The branch, tag or commit that a spec asks for.
pub(crate) fn git_reference(spec: &str) -> Option<String> {
    git_spec::parse(spec).reference.map(str::to_owned)
}

/// One part of an id.
pub(crate) fn id_part(name: &str) -> String {
    ids::part(name)
}

/// A record as OpenClaw would write it.
pub(crate) fn record(spec: Option<&str>) -> Record {
    Record {
        place: "the request".to_owned(),
        spec: spec.map(|spec| text::excerpt(spec, 500)),
        ..Record::default()
    }
}

/// Compares the install step that OpenClaw is about to run with those of the files: what runs is what the request says.
pub(crate) fn asked_step(subject: &mut Subject, asked: &Value) {
    let same = |step: &InstallStep| {
        frontmatter::step(asked)
            .is_some_and(|asked| (&asked.kind, &asked.target) == (&step.kind, &step.target))
    };
    if subject.install_steps.iter().any(same) {
        return;
    }
    let steps = subject.install_steps.iter();
    let steps: Vec<String> = steps
        .map(|step| format!("{} {}", step.kind, step.target))
        .collect();
    subject.observations.push(Observation::RecordConflict {
        what: "install step that is asked for",
        recorded: text::excerpt(&asked.to_string(), 200),
        found: match steps.as_slice() {
            [] => "no install step in SKILL.md".to_owned(),
            steps => text::excerpt(&steps.join(", "), 200),
        },
        advisory: false,
    });
}
