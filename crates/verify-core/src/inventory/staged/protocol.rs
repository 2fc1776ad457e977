//! One request of OpenClaw's install policy, protocol version 1, read strictly.

mod schema;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::json;
use crate::text;

/// Most bytes of a request: OpenClaw's own limit, 256 KiB.
pub const MAX_REQUEST: usize = 256 << 10;

/// The protocol version that is spoken.
pub const PROTOCOL_VERSION: u64 = 1;

/// What OpenClaw is about to install, as it says. Names and versions in it are untrusted text.
///
/// Keys that this version does not know are passed over: the protocol may gain some. Values that it does not know are refused,
/// because they change what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// What it is.
    pub target: TargetType,
    /// Its name.
    pub name: String,
    /// What is staged: an absolute path.
    pub path: PathBuf,
    /// Whether the path is a folder; else a file.
    pub is_folder: bool,
    /// Where it comes from; none for a probe.
    pub source: Option<SourceKind>,
    /// Which step of which install asks.
    pub origin: RequestOrigin,
    /// Which command asks.
    pub kind: RequestKind,
    /// Whether something of that name is replaced.
    pub update: bool,
    /// What the operator typed.
    pub requested: Option<String>,
    /// About a plugin.
    pub plugin: Option<PluginTarget>,
    /// About a skill.
    pub skill: Option<SkillTarget>,
    raw: Value,
}

/// `targetType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetType {
    /// A plugin, bundle or hook pack.
    Plugin,
    /// A skill.
    Skill,
}

/// `source.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum SourceKind {
    Npm,
    Clawhub,
    Git,
    Archive,
    LocalPath,
    File,
    Upload,
    Bundled,
    Managed,
    Workspace,
}

/// `request.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum RequestKind {
    PluginNpm,
    PluginGit,
    PluginDir,
    PluginArchive,
    PluginFile,
    SkillInstall,
}

/// `origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestOrigin {
    /// `type`.
    pub kind: OriginKind,
    /// `packageName`, for npm.
    pub package_name: Option<String>,
    /// `spec`, for a skill.
    pub spec: Option<String>,
    /// `commit`, for a skill from git.
    pub commit: Option<String>,
    /// `slug`, for ClawHub.
    pub slug: Option<String>,
    /// `ownerHandle`, for ClawHub.
    pub owner: Option<String>,
    /// `registry`, for ClawHub.
    pub registry: Option<String>,
    /// `version`.
    pub version: Option<String>,
}

/// `origin.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginKind {
    /// What npm resolved, before anything is downloaded; or the archive of an `npm-pack` install.
    PluginNpm,
    /// A fresh clone, before npm installs its dependencies.
    PluginGit,
    /// A package with its own files.
    PluginPackage,
    /// A bundle of another agent.
    PluginBundle,
    /// A plugin of one file.
    PluginFile,
    /// What will be published, with all dependencies.
    PluginDependencyTree,
    /// A skill, by where it comes from.
    Skill(SkillOrigin),
    /// OpenClaw's doctor.
    Doctor,
}

/// Where a skill comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum SkillOrigin {
    Path,
    Git,
    Clawhub,
    Upload,
    Library,
    /// A skill that is installed already and wants an install step run.
    Installed,
}

/// `plugin`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginTarget {
    /// `contentType`.
    pub content: ContentType,
    /// `pluginId`.
    pub id: String,
    /// `packageName`.
    pub package_name: Option<String>,
    /// `version`.
    pub version: Option<String>,
}

/// `plugin.contentType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum ContentType {
    Package,
    Bundle,
    File,
    DependencyTree,
}

/// `skill`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkillTarget {
    /// `installId`.
    pub install_id: String,
    /// `installSpec`: an install step that OpenClaw is about to run.
    pub install_spec: Option<Value>,
}

/// Why a request is not answered but with a block. Safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRequest {
    /// Larger than [`MAX_REQUEST`].
    #[error("the request has more than {MAX_REQUEST} bytes")]
    TooLarge,
    /// Not one JSON object, or a key twice in it.
    #[error("the request {0}")]
    Malformed(String),
    /// Something is missing or of the wrong type.
    #[error("the request has no usable `{0}`")]
    Missing(&'static str),
    /// What is staged is named by no absolute path.
    #[error("the request's `sourcePath` is no absolute path")]
    RelativePath,
    /// A value that this version does not know.
    #[error(
        "the request has the {what} `{value}`, which this version of the verifier does not know"
    )]
    Unknown {
        /// The key.
        what: &'static str,
        /// The value, safe to show.
        value: String,
    },
    /// Parts of the request contradict each other.
    #[error("the request contradicts itself: {0}")]
    Contradiction(&'static str),
}

impl BadRequest {
    /// What the one who wrote the request can do. OpenClaw's own requests are read, so another version of it may have written one that is
    /// not.
    pub(crate) fn way_out(&self) -> &'static str {
        match self {
            Self::RelativePath => "give it from `/` on",
            Self::Unknown { .. } => "update the verifier or report this",
            _ => {
                "the schema of a request (docs/schema/gate-request.schema.json) says what belongs there; where OpenClaw wrote it, update the verifier or report this"
            }
        }
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`BadRequest`] when it is not a request of protocol version 1 of which every word is understood.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadRequest> {
        if bytes.len() > MAX_REQUEST {
            return Err(BadRequest::TooLarge);
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| BadRequest::Malformed("is not UTF-8 text".to_owned()))?;
        let value = json::strict(text).map_err(|error| BadRequest::Malformed(error.to_string()))?;
        if !value.is_object() {
            return Err(BadRequest::Malformed("is no JSON object".to_owned()));
        }
        if value.get("protocolVersion").and_then(Value::as_u64) != Some(PROTOCOL_VERSION) {
            let value = value
                .get("protocolVersion")
                .unwrap_or(&Value::Null)
                .to_string();
            return Err(BadRequest::Unknown {
                what: "protocolVersion",
                value: text::excerpt(&value, 40),
            });
        }
        let request = Self {
            target: word(&value, "/targetType", "targetType", &TARGETS)?,
            name: required(&value, "/targetName", "targetName")?,
            path: path(&value)?,
            is_folder: word(&value, "/sourcePathKind", "sourcePathKind", &FORMS)?,
            source: if value.get("source").is_some() {
                Some(word(&value, "/source/kind", "source.kind", &SOURCES)?)
            } else {
                None
            },
            origin: origin(&value)?,
            kind: word(&value, "/request/kind", "request.kind", &KINDS)?,
            update: word(&value, "/request/mode", "request.mode", &MODES)?,
            requested: optional(
                &value,
                "/request/requestedSpecifier",
                "request.requestedSpecifier",
            )?,
            plugin: plugin(&value)?,
            skill: skill(&value)?,
            raw: value,
        };
        request.check()?;
        Ok(request)
    }

    /// The question whether a plugin in a folder of this machine may be installed: what OpenClaw asks for `plugins install FOLDER`.
    ///
    /// # Errors
    /// [`BadRequest`] when `folder` is no absolute path of UTF-8.
    pub fn plugin_folder(id: &str, folder: &Path) -> Result<Self, BadRequest> {
        Self::local(
            TargetType::Plugin,
            id,
            folder,
            json!({
                "origin": { "type": "plugin-package" },
                "request": { "kind": "plugin-dir", "mode": "install" },
                "plugin": { "contentType": "package", "pluginId": id },
            }),
        )
    }

    /// The same of a skill in a folder.
    ///
    /// # Errors
    /// As [`Request::plugin_folder`].
    pub fn skill_folder(name: &str, folder: &Path) -> Result<Self, BadRequest> {
        Self::local(
            TargetType::Skill,
            name,
            folder,
            json!({
                "origin": { "type": "path" },
                "request": { "kind": "skill-install", "mode": "install" },
                "skill": { "installId": "path" },
            }),
        )
    }

    /// A request about a folder of this machine, read as one of OpenClaw's, so that nothing can be asked that it could not ask.
    fn local(
        target: TargetType,
        name: &str,
        folder: &Path,
        mut about: Value,
    ) -> Result<Self, BadRequest> {
        let path = folder
            .to_str()
            .filter(|_| folder.is_absolute())
            .ok_or(BadRequest::RelativePath)?;
        let target = match target {
            TargetType::Plugin => "plugin",
            TargetType::Skill => "skill",
        };
        let whole = json!({
            "protocolVersion": PROTOCOL_VERSION,
            "targetType": target,
            "targetName": name,
            "sourcePath": path,
            "sourcePathKind": "directory",
            "source": { "kind": "local-path" },
        });
        for (key, value) in whole.as_object().into_iter().flatten() {
            about[key] = value.clone();
        }
        Self::parse(about.to_string().as_bytes())
    }

    /// The same question about an update of something that is installed.
    #[must_use]
    pub fn as_update(mut self) -> Self {
        self.update = true;
        self.raw["request"]["mode"] = "update".into();
        self
    }

    /// The request as it was written.
    pub(crate) fn to_value(&self) -> Value {
        self.raw.clone()
    }

    /// What the parts have to say about one another.
    fn check(&self) -> Result<(), BadRequest> {
        let skill = self.target == TargetType::Skill;
        let skill_kind = self.kind == RequestKind::SkillInstall;
        let contradiction = match self.origin.kind {
            _ if skill != skill_kind => Some("targetType and request.kind"),
            _ if self.plugin.is_some() && skill || self.skill.is_some() && !skill => {
                Some("targetType and what it is about")
            }
            OriginKind::Doctor => None,
            OriginKind::Skill(_) if !skill => Some("targetType and origin"),
            OriginKind::Skill(_) if self.skill.is_none() => {
                return Err(BadRequest::Missing("skill"));
            }
            OriginKind::Skill(_) => None,
            _ if skill => Some("targetType and origin"),
            _ if self.plugin.is_none() => return Err(BadRequest::Missing("plugin")),
            _ => None,
        };
        match contradiction {
            Some(what) => Err(BadRequest::Contradiction(what)),
            None if self.source.is_none() && self.origin.kind != OriginKind::Doctor => {
                Err(BadRequest::Missing("source"))
            }
            None => Ok(()),
        }
    }
}

const TARGETS: [(&str, TargetType); 2] =
    [("plugin", TargetType::Plugin), ("skill", TargetType::Skill)];

/// Whether it is a folder.
const FORMS: [(&str, bool); 2] = [("directory", true), ("file", false)];

/// Whether something is replaced.
const MODES: [(&str, bool); 2] = [("install", false), ("update", true)];

const CONTENTS: [(&str, ContentType); 4] = [
    ("package", ContentType::Package),
    ("bundle", ContentType::Bundle),
    ("file", ContentType::File),
    ("dependency-tree", ContentType::DependencyTree),
];

const SOURCES: [(&str, SourceKind); 10] = [
    ("npm", SourceKind::Npm),
    ("clawhub", SourceKind::Clawhub),
    ("git", SourceKind::Git),
    ("archive", SourceKind::Archive),
    ("local-path", SourceKind::LocalPath),
    ("file", SourceKind::File),
    ("upload", SourceKind::Upload),
    ("bundled", SourceKind::Bundled),
    ("managed", SourceKind::Managed),
    ("workspace", SourceKind::Workspace),
];

const KINDS: [(&str, RequestKind); 6] = [
    ("plugin-npm", RequestKind::PluginNpm),
    ("plugin-git", RequestKind::PluginGit),
    ("plugin-dir", RequestKind::PluginDir),
    ("plugin-archive", RequestKind::PluginArchive),
    ("plugin-file", RequestKind::PluginFile),
    ("skill-install", RequestKind::SkillInstall),
];

const ORIGINS: [(&str, OriginKind); 20] = [
    ("plugin-npm", OriginKind::PluginNpm),
    ("plugin-git", OriginKind::PluginGit),
    ("plugin-package", OriginKind::PluginPackage),
    ("plugin-bundle", OriginKind::PluginBundle),
    ("plugin-file", OriginKind::PluginFile),
    ("plugin-dependency-tree", OriginKind::PluginDependencyTree),
    ("path", OriginKind::Skill(SkillOrigin::Path)),
    ("git", OriginKind::Skill(SkillOrigin::Git)),
    ("clawhub", OriginKind::Skill(SkillOrigin::Clawhub)),
    ("upload", OriginKind::Skill(SkillOrigin::Upload)),
    ("skill-library", OriginKind::Skill(SkillOrigin::Library)),
    (
        "openclaw-bundled",
        OriginKind::Skill(SkillOrigin::Installed),
    ),
    (
        "openclaw-custodian",
        OriginKind::Skill(SkillOrigin::Installed),
    ),
    (
        "openclaw-managed",
        OriginKind::Skill(SkillOrigin::Installed),
    ),
    ("openclaw-extra", OriginKind::Skill(SkillOrigin::Installed)),
    (
        "openclaw-workspace",
        OriginKind::Skill(SkillOrigin::Installed),
    ),
    (
        "openclaw-workshop",
        OriginKind::Skill(SkillOrigin::Installed),
    ),
    (
        "agents-skills-personal",
        OriginKind::Skill(SkillOrigin::Installed),
    ),
    (
        "agents-skills-project",
        OriginKind::Skill(SkillOrigin::Installed),
    ),
    ("doctor", OriginKind::Doctor),
];

fn word<T: Copy>(
    value: &Value,
    pointer: &str,
    what: &'static str,
    known: &[(&str, T)],
) -> Result<T, BadRequest> {
    let word = value
        .pointer(pointer)
        .and_then(Value::as_str)
        .ok_or(BadRequest::Missing(what))?;
    let found = known
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, meaning)| *meaning);
    found.ok_or_else(|| BadRequest::Unknown {
        what,
        value: text::excerpt(word, 60),
    })
}

fn optional(
    value: &Value,
    pointer: &str,
    what: &'static str,
) -> Result<Option<String>, BadRequest> {
    match value.pointer(pointer) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(BadRequest::Missing(what)),
    }
}

fn required(value: &Value, pointer: &str, what: &'static str) -> Result<String, BadRequest> {
    optional(value, pointer, what)?
        .filter(|text| !text.trim().is_empty())
        .ok_or(BadRequest::Missing(what))
}

fn path(value: &Value) -> Result<PathBuf, BadRequest> {
    let path = required(value, "/sourcePath", "sourcePath")?;
    if path.starts_with('/') && !path.contains('\0') {
        Ok(PathBuf::from(path))
    } else {
        Err(BadRequest::RelativePath)
    }
}

fn origin(value: &Value) -> Result<RequestOrigin, BadRequest> {
    let field = |pointer, what| optional(value, pointer, what);
    Ok(RequestOrigin {
        kind: word(value, "/origin/type", "origin.type", &ORIGINS)?,
        package_name: field("/origin/packageName", "origin.packageName")?,
        spec: field("/origin/spec", "origin.spec")?,
        commit: field("/origin/commit", "origin.commit")?,
        slug: field("/origin/slug", "origin.slug")?,
        owner: field("/origin/ownerHandle", "origin.ownerHandle")?,
        registry: field("/origin/registry", "origin.registry")?,
        version: field("/origin/version", "origin.version")?,
    })
}

fn plugin(value: &Value) -> Result<Option<PluginTarget>, BadRequest> {
    if value.get("plugin").is_none() {
        return Ok(None);
    }
    Ok(Some(PluginTarget {
        content: word(
            value,
            "/plugin/contentType",
            "plugin.contentType",
            &CONTENTS,
        )?,
        id: required(value, "/plugin/pluginId", "plugin.pluginId")?,
        package_name: optional(value, "/plugin/packageName", "plugin.packageName")?,
        version: optional(value, "/plugin/version", "plugin.version")?,
    }))
}

fn skill(value: &Value) -> Result<Option<SkillTarget>, BadRequest> {
    if value.get("skill").is_none() {
        return Ok(None);
    }
    Ok(Some(SkillTarget {
        install_id: required(value, "/skill/installId", "skill.installId")?,
        install_spec: value.pointer("/skill/installSpec").cloned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_made_without_json_and_is_one_of_openclaws() {
        let plugin = Request::plugin_folder("notes", Path::new("/staged/notes")).expect("request");
        assert_eq!((plugin.target, plugin.update), (TargetType::Plugin, false));
        assert_eq!(plugin.origin.kind, OriginKind::PluginPackage);
        assert_eq!(plugin.path, Path::new("/staged/notes"));
        let skill =
            Request::skill_folder("weather", Path::new("/staged/weather")).expect("request");
        assert_eq!(skill.origin.kind, OriginKind::Skill(SkillOrigin::Path));
        for made in [plugin, skill.as_update()] {
            let read = Request::parse(made.to_value().to_string().as_bytes());
            assert_eq!(read, Ok(made));
        }
        assert!(Request::plugin_folder("notes", Path::new("staged")).is_err());
        assert!(Request::skill_folder("", Path::new("/staged")).is_err());
    }
}
