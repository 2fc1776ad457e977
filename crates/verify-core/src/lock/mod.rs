//! `openclaw-verify.lock`: what was installed when the operator last said "this is what I want". Format: docs/formats.md.

mod change;
mod merge;
mod wire;
mod write;

use std::path::Path;

use crate::digest::{GitOid, Sha256Digest, Sri, TreeDigest};
use crate::error::OperatorError;
use crate::subject::{Kind, Source, SubjectId};

pub(crate) use change::changes_of_installed;
pub use change::{LockChange, LockChangeKind, changes};
pub use merge::{Merged, merged};

/// Before the name of a signer who signed a folder, and no tag: the one kind that needs no `tag-object`.
pub const FOLDER_SIGNER: &str = "oms:";

/// The lock: sorted by id, no id twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lock {
    revision: u32,
    packages: Vec<LockedPackage>,
    releases: Vec<LockedRelease>,
}

/// One locked subject. Everything but an MCP server has a `tree`, an MCP server has a `definition` instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// The subject.
    pub id: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// The version that OpenClaw recorded at install; only where there is no record, the version that its own files claim.
    pub version: Option<String>,
    /// Where it came from.
    pub source: Source,
    /// What a reinstall would ask for; none for path, archive and link.
    pub spec: Option<String>,
    /// SRI of the published archive, as recorded.
    pub archive: Option<Sri>,
    /// The commit that a git checkout is at.
    pub commit: Option<GitOid>,
    /// The signed tag's object. Needs `commit`.
    pub tag_object: Option<GitOid>,
    /// Who signed the tag, such as `ssh:SHA256:…`. Needs `tag_object`.
    pub signer: Option<String>,
    /// Digest of its own code.
    pub tree: Option<TreeDigest>,
    /// Digest of its dependencies.
    pub dependencies: Option<TreeDigest>,
    /// Digest of the packages that npm hoisted beside the host package; only for [`Kind::Core`].
    pub siblings: Option<TreeDigest>,
    /// Digest of what starts commands: an MCP server's definition, the commands of the config, a job, a service unit.
    pub definition: Option<Sha256Digest>,
    /// Digest of the keys and rows that steer or un-guard the agent.
    pub settings: Option<Sha256Digest>,
    /// Digest of text that reaches the model unasked.
    pub instructions: Option<Sha256Digest>,
    /// Number of files behind the digests.
    pub files: Option<u64>,
    /// Who built the archive, once verified.
    pub provenance: Option<Provenance>,
    /// Line of the entry in the file, from 1; 0 when it did not come from a file. Not part of what the entry says.
    pub line: usize,
}

/// A verified build identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Repository it was built from, such as `github.com/openclaw/openclaw`.
    pub repository: String,
    /// Workflow that built it, such as `.github/workflows/release.yml`.
    pub workflow: String,
    /// Commit it was built from.
    pub commit: Option<GitOid>,
}

/// One pinned release tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedRelease {
    /// Repository id, such as `github.com/openclaw/openclaw`.
    pub repository: String,
    /// Tag name without `refs/tags/`.
    pub tag: String,
    /// The tag's object; none for a lightweight tag.
    pub tag_object: Option<GitOid>,
    /// The commit it leads to.
    pub commit: GitOid,
    /// Who signed it. Needs `tag_object`.
    pub signer: Option<String>,
    /// The files of the commit: what replaces the clone of a skill, of which OpenClaw keeps none.
    pub tree: Option<TreeDigest>,
    /// Line of the entry in the file, from 1; 0 when it did not come from a file. Not part of what the entry says.
    pub line: usize,
}

/// Why entries do not make a lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The same subject, or the same tag of a repository, twice.
    #[error("{0} is in the lock twice")]
    Duplicate(String),
    /// An entry contradicts itself.
    #[error("{0}: {1}")]
    Entry(String, &'static str),
}

impl Lock {
    /// A lock of these entries, in any order.
    pub fn new(
        mut packages: Vec<LockedPackage>,
        mut releases: Vec<LockedRelease>,
    ) -> Result<Self, LockError> {
        packages.sort_by(|a, b| a.id.cmp(&b.id));
        releases.sort_by(|a, b| a.key().cmp(&b.key()));
        for pair in packages.windows(2) {
            if let [a, b] = pair
                && a.id == b.id
            {
                return Err(LockError::Duplicate(a.id.to_string()));
            }
        }
        for pair in releases.windows(2) {
            if let [a, b] = pair
                && a.key() == b.key()
            {
                return Err(LockError::Duplicate(a.id()));
            }
        }
        packages.iter().try_for_each(|p| {
            p.check()
                .map_err(|why| LockError::Entry(p.id.to_string(), why))
        })?;
        releases
            .iter()
            .try_for_each(|r| r.check().map_err(|why| LockError::Entry(r.id(), why)))?;
        Ok(Self {
            revision: wire::REVISION,
            packages,
            releases,
        })
    }

    /// The same entries as a file of an older revision has them, which could not hold all kinds.
    fn of_revision(mut self, revision: u32) -> Self {
        self.revision = revision;
        self
    }

    /// Whether the file was written before `settings`, `instructions` and their kinds were known.
    #[must_use]
    pub fn lacks_settings(&self) -> bool {
        self.revision == 0 && !self.packages.is_empty()
    }

    /// The JSON Schema of the file, for editors that complete and check TOML by it.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        wire::schema()
    }

    /// Reads the lock at `path` that holds `text`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Box<OperatorError>> {
        wire::parse(path, text)
    }

    /// The file for this lock: the same bytes for the same entries, always.
    #[must_use]
    pub fn write(&self) -> String {
        write::write(self)
    }

    /// All subjects, sorted by id.
    #[must_use]
    pub fn packages(&self) -> &[LockedPackage] {
        &self.packages
    }

    /// All pinned release tags, sorted by repository and tag.
    #[must_use]
    pub fn releases(&self) -> &[LockedRelease] {
        &self.releases
    }

    /// The entry of a subject.
    #[must_use]
    pub fn package(&self, id: &SubjectId) -> Option<&LockedPackage> {
        self.packages
            .binary_search_by(|p| p.id.cmp(id))
            .ok()
            .and_then(|at| self.packages.get(at))
    }

    /// The pin of a release tag.
    #[must_use]
    pub fn release(&self, repository: &str, tag: &str) -> Option<&LockedRelease> {
        self.releases
            .binary_search_by(|r| r.key().cmp(&(repository, tag)))
            .ok()
            .and_then(|at| self.releases.get(at))
    }
}

impl LockedPackage {
    /// Whether an entry says what only locks since revision 1 say.
    pub(crate) fn is_of_revision_1(&self) -> bool {
        let kind = matches!(
            self.kind,
            Kind::Config | Kind::Automation | Kind::Agent | Kind::Runtime | Kind::Service
        );
        kind || self.settings.is_some() || self.instructions.is_some()
    }

    /// An entry that says nothing yet but who it is about.
    #[must_use]
    pub fn new(id: SubjectId, kind: Kind, source: Source) -> Self {
        Self {
            id,
            kind,
            version: None,
            source,
            spec: None,
            archive: None,
            commit: None,
            tag_object: None,
            signer: None,
            tree: None,
            dependencies: None,
            siblings: None,
            definition: None,
            settings: None,
            instructions: None,
            files: None,
            provenance: None,
            line: 0,
        }
    }

    /// What is wrong with the entry by itself.
    fn check(&self) -> Result<(), &'static str> {
        let scheme = match self.kind {
            Kind::McpServer => Some("mcp"),
            Kind::Core => Some("core"),
            Kind::Config => Some("config"),
            Kind::Automation => Some("cron"),
            Kind::Agent => Some("agent"),
            Kind::Runtime => Some("runtime"),
            Kind::Service => Some("service"),
            Kind::Plugin | Kind::Bundle | Kind::Skill | Kind::HookPack => None,
        };
        let reserved = [
            "mcp", "core", "config", "cron", "agent", "runtime", "service",
        ];
        let named = match scheme {
            Some(scheme) => self.id.scheme() == scheme,
            None => !reserved.contains(&self.id.scheme()),
        };
        let defined =
            self.definition.is_some() || self.settings.is_some() || self.instructions.is_some();
        // A wrapper may be between the command and the host package, and settings may name what a runtime starts; no more than that.
        let by_wrapper = matches!(self.kind, Kind::Core | Kind::Runtime)
            && self.settings.is_none()
            && self.instructions.is_none();
        // What starts commands or steers need not have files; it may name local scripts, and an agent has a folder.
        let starts = matches!(
            self.kind,
            Kind::McpServer | Kind::Config | Kind::Automation | Kind::Service
        );
        let needed = match self.kind {
            Kind::McpServer | Kind::Service => self.definition.is_some(),
            Kind::Config | Kind::Automation => defined,
            Kind::Agent => defined || self.tree.is_some(),
            Kind::Runtime => self.definition.is_some() || self.tree.is_some(),
            _ => self.tree.is_some(),
        };
        if !named {
            Err("`kind` and `id` contradict each other")
        } else if !needed && self.kind == Kind::McpServer {
            Err("an MCP server needs `definition`")
        } else if !needed && matches!(self.kind, Kind::Config | Kind::Automation | Kind::Service) {
            Err("it has neither `definition` nor `settings` nor `instructions`")
        } else if starts && (self.archive.is_some() || self.commit.is_some()) {
            Err("this kind has no such digests of code")
        } else if defined
            && !by_wrapper
            && matches!(
                self.kind,
                Kind::Core
                    | Kind::Plugin
                    | Kind::Bundle
                    | Kind::Skill
                    | Kind::HookPack
                    | Kind::Runtime
            )
        {
            Err("this kind has no `definition`, `settings` or `instructions`")
        } else if !needed {
            Err("`tree` is missing")
        } else if self.siblings.is_some() && self.kind != Kind::Core && !starts {
            Err("only the host package has `siblings`")
        } else if self.tag_object.is_some() && self.commit.is_none() {
            Err("`tag-object` needs `commit`")
        } else if self.signer.is_some() && self.tag_object.is_none() && !self.is_signed_skill() {
            Err("`signer` needs `tag-object`")
        } else {
            Ok(())
        }
    }

    /// Whether its signer signed the files themselves, as skills can be.
    fn is_signed_skill(&self) -> bool {
        let signed = |signer: &String| signer.starts_with(FOLDER_SIGNER);
        self.kind == Kind::Skill && self.signer.as_ref().is_some_and(signed)
    }
}

impl LockedRelease {
    /// How the pin is named in output and in `--accept`: `<repository>@<tag>`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}@{}", self.repository, self.tag)
    }

    fn key(&self) -> (&str, &str) {
        (&self.repository, &self.tag)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.repository.is_empty() || self.tag.is_empty() {
            Err("`repository` and `tag` may not be empty")
        } else if self.signer.is_some() && self.tag_object.is_none() {
            Err("`signer` needs `tag-object`")
        } else {
            Ok(())
        }
    }
}
