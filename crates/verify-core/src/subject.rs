//! What can be judged: subjects, their ids and kinds. Formats: docs/formats.md, "Subjects and their ids".

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text;

/// The stable name of a subject, such as `npm:@openclaw/zalo` or `skill:workspace/weather`.
///
/// Holds no control, bidi or zero-width characters, no white space at its ends, at most [`SubjectId::MAX`] bytes; ordered by bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct SubjectId(String);

/// Why a text is no subject id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no subject id: expected <kind>:<name>, such as npm:@openclaw/zalo", text::excerpt(.0, 80))]
#[non_exhaustive]
pub struct BadSubjectId(pub String);

impl SubjectId {
    /// Most bytes an id may have.
    pub const MAX: usize = 512;

    /// The id `<scheme>:<name>`. Characters that may not be in an id, and `%`, are percent-encoded as UTF-8, so that two names
    /// never share an id; a name that is too long ends in its SHA-256.
    #[must_use]
    pub fn new(scheme: &str, name: &str) -> Self {
        use std::fmt::Write as _;
        let mut id = format!("{scheme}:");
        for ((at, c), (_, hazard)) in name.char_indices().zip(text::with_hazards(name)) {
            // A slash inside a part of the name was written so before the parts were joined.
            let slash = name.get(at..).is_some_and(|rest| rest.starts_with("%2F"));
            if hazard || (c == '%' && !slash) || c.is_whitespace() {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(id, "%{byte:02X}");
                }
            } else {
                id.push(c);
            }
        }
        if id.len() > Self::MAX {
            let digest = crate::digest::Sha256Digest::of(id.as_bytes()).hex();
            let keep = (0..=Self::MAX - 66)
                .rev()
                .find(|at| id.is_char_boundary(*at))
                .unwrap_or(0);
            id.truncate(keep);
            id.push('~');
            id.push_str(&digest);
        }
        Self(id)
    }

    /// The id of the host package.
    #[must_use]
    pub fn core() -> Self {
        Self("core:openclaw".to_owned())
    }

    /// The id of the machine on which OpenClaw runs. It is never installed or locked; findings and exceptions name it.
    #[must_use]
    pub fn machine() -> Self {
        Self("host:machine".to_owned())
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `:`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// What stands after the first `:`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SubjectId {
    type Err = BadSubjectId;

    fn from_str(text: &str) -> Result<Self, BadSubjectId> {
        let bad = || BadSubjectId(text.to_owned());
        let (scheme, name) = text.split_once(':').ok_or_else(bad)?;
        let clean = !text::with_hazards(text).any(|(c, hazard)| hazard || c.is_whitespace());
        let scheme_ok =
            !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if clean && scheme_ok && !name.is_empty() && text.len() <= Self::MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(bad())
        }
    }
}

impl<'de> Deserialize<'de> for SubjectId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What a subject is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The host package, OpenClaw itself.
    Core,
    /// A native plugin.
    Plugin,
    /// A plugin bundle of another agent (Claude, Codex, Cursor).
    Bundle,
    /// A skill: a folder with `SKILL.md`.
    Skill,
    /// A hook or a pack of hooks.
    HookPack,
    /// An MCP server that the config or a bundle starts or connects to.
    McpServer,
    /// The effective config, with the rows of the database that steer beside it.
    Config,
    /// A job that OpenClaw starts by itself.
    Automation,
    /// An agent: the code and settings in its folder, and its standing instructions.
    Agent,
    /// Something that OpenClaw starts in place of the host package.
    Runtime,
    /// A unit of the service manager that starts OpenClaw.
    Service,
}

impl Kind {
    /// The name in lock, report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Plugin => "plugin",
            Self::Bundle => "bundle",
            Self::Skill => "skill",
            Self::HookPack => "hook-pack",
            Self::McpServer => "mcp-server",
            Self::Config => "config",
            Self::Automation => "automation",
            Self::Agent => "agent",
            Self::Runtime => "runtime",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a subject came from, by the record that OpenClaw keeps, or by where it was found.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Source {
    /// An npm registry.
    Npm,
    /// A local `.tgz` through npm.
    NpmPack,
    /// ClawHub.
    Clawhub,
    /// A git repository.
    Git,
    /// A local folder, copied.
    Path,
    /// A local archive, unpacked.
    Archive,
    /// A local folder, linked.
    Link,
    /// A `plugins.load.paths` entry without a record.
    Load,
    /// The config itself (MCP servers).
    Config,
    /// Nothing tells: it lies where OpenClaw looks.
    Unrecorded,
}

impl Source {
    /// The name in lock, report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::NpmPack => "npm-pack",
            Self::Clawhub => "clawhub",
            Self::Git => "git",
            Self::Path => "path",
            Self::Archive => "archive",
            Self::Link => "link",
            Self::Load => "load",
            Self::Config => "config",
            Self::Unrecorded => "unrecorded",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_never_share_an_id() {
        assert_eq!(
            SubjectId::new("npm", "@openclaw/zalo").as_str(),
            "npm:@openclaw/zalo"
        );
        assert_eq!(SubjectId::new("path", "a\nb").as_str(), "path:a%0Ab");
        assert_ne!(
            SubjectId::new("path", "a%0Ab"),
            SubjectId::new("path", "a\nb")
        );
        let long = "x".repeat(10_000);
        let longer = "x".repeat(10_001);
        assert_ne!(
            SubjectId::new("path", &long),
            SubjectId::new("path", &longer)
        );
        assert!(SubjectId::new("path", &long).as_str().len() <= SubjectId::MAX);
    }

    #[test]
    fn made_ids_parse() {
        for name in ["a b", "é", "\u{202e}x", &"é".repeat(700)] {
            let id = SubjectId::new("skill", name);
            assert_eq!(id.as_str().parse::<SubjectId>(), Ok(id));
        }
    }
}
