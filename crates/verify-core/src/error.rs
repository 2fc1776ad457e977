//! Errors by culprit: the operator's own files, the thing under test, the environment.
//!
//! A finding is data and never an error; an error means that no verdict could be reached (exit code 2).

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, NamedSource, SourceSpan};
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::JsonError;
use crate::read::ReadError;

/// Why no verdict could be reached.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// A file that the operator wrote or keeps (lock, policy, reviews, signers, keys) is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Operator(Box<OperatorError>),
    /// The thing under test cannot be read as what it should be.
    #[error("{place}: {why}")]
    Subject {
        /// Where, already safe to show.
        place: String,
        /// What is wrong with it, already safe to show.
        why: String,
        /// The way out.
        #[help]
        help: Option<String>,
    },
    /// The machine or the call did not give what was needed.
    #[error("{what}")]
    Environment {
        /// What failed, with the path if there is one.
        what: String,
        /// The error of the operating system, when there is one.
        #[source]
        source: Option<io::Error>,
        /// The way out.
        #[help]
        help: Option<String>,
        /// What the caller did not give.
        needs: Option<Input>,
    },
    /// Nothing to verify was found (exit code 3).
    #[error("{what}")]
    NothingToVerify {
        /// What was looked for, and where.
        what: String,
        /// The way out.
        #[help]
        help: Option<String>,
        /// What the caller did not give.
        needs: Option<Input>,
    },
    /// The state directory is a copy, and the caller did not say of what.
    #[error("{what}")]
    Copied {
        /// What says so.
        what: String,
        /// Where the original was: what to give as [`Input::RelocatedFrom`].
        from: PathBuf,
        /// The way out.
        #[help]
        help: Option<String>,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Something that a caller can give the verifier, and did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Input {
    /// The folder of the host package `openclaw`.
    Host,
    /// OpenClaw's state directory.
    StateDir,
    /// The home folder of the user who runs OpenClaw.
    Home,
    /// Where a copied state directory was before it was copied.
    RelocatedFrom,
    /// The database of a Nix store.
    NixDatabase,
    /// The folder that holds the operator's files.
    Config,
    /// A file with attestations.
    Attestations,
    /// A file with keys of the npm registry.
    NpmKeys,
    /// A Sigstore trust root.
    TrustRoot,
    /// Which Sigstore instance to trust: GitHub's own has to be named.
    Instance,
    /// A public key.
    PublicKey,
    /// Whom a certificate has to name: an identity and its issuer, or a repository.
    Identity,
    /// The issuer that an identity counts with.
    Issuer,
    /// The repository that a clone is of.
    Repository,
    /// Whom to trust for a tag: signers, OpenPGP certificates, or an identity.
    Signers,
    /// The network.
    Network,
    /// A kept copy or an archive of what is not installed yet.
    Copy,
    /// A folder into which an archive is unpacked to be read.
    Unpacked,
    /// The registry that may be asked.
    Registry,
    /// Records of advisories.
    Advisories,
    /// Imported reviews: they are fetched when a lock is written with the network allowed.
    Imports,
}

/// A result whose error names its culprit.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with a file of the operator, and where in it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[non_exhaustive]
pub struct OperatorError {
    /// What is wrong, in a sentence that can stand alone.
    pub message: String,
    /// The file with its text; the text is empty when it could not be read.
    #[source_code]
    pub file: NamedSource<String>,
    /// The place in the text.
    #[label("{label}")]
    pub span: Option<SourceSpan>,
    /// A few words at the place.
    pub label: String,
    /// The way out.
    #[help]
    pub help: Option<String>,
    /// Which file is in the middle of a merge: what it holds can be put together without reading it.
    pub unmerged: Option<Unmerged>,
    /// Whether it has to be signed and does not yet say for what: what signs it has to write that first.
    pub unsealed: bool,
    /// The file is the one that policy pins by its digest, so the author of the policy knows what it says.
    pub pinned: bool,
}

/// A file of the operator that holds the two sides of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unmerged {
    /// The lock: entries that only one side has count, and of what both say differently one is chosen. [`crate::lock::merged`] puts
    /// them together.
    Lock,
    /// The reviews: entries are only added, so both sides count. [`crate::review::merged`] puts them together.
    Reviews,
    /// The policy: entries that only one side has count too, and of what both say differently one is chosen.
    /// [`crate::policy::keys::Change::resolved`] puts them together.
    Policy,
    /// Another, which people write.
    Other,
}

impl OperatorError {
    /// An error at `span` (byte offset and length) of the file `path` that holds `text`.
    #[must_use]
    pub fn at(
        path: &Path,
        text: &str,
        span: std::ops::Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            file: NamedSource::new(path.display().to_string(), text.to_owned()),
            span: Some((span.start, span.end.saturating_sub(span.start)).into()),
            label: "here".to_owned(),
            help: None,
            unmerged: None,
            unsealed: false,
            pinned: false,
        }
    }

    /// An error about the file `path` as a whole.
    #[must_use]
    pub fn whole(path: &Path, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            file: NamedSource::new(path.display().to_string(), String::new()),
            span: None,
            label: String::new(),
            help: None,
            unmerged: None,
            unsealed: false,
            pinned: false,
        }
    }

    /// The same error with the way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error about this file, when it is one of a merge.
    pub(crate) fn in_merge_of(mut self: Box<Self>, file: Unmerged) -> Box<Self> {
        self.unmerged = self.unmerged.map(|_| file);
        self
    }

    /// The same error with other words at the place.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }
}

impl From<OperatorError> for Error {
    fn from(error: OperatorError) -> Self {
        Self::Operator(Box::new(error))
    }
}

impl From<Box<OperatorError>> for Error {
    fn from(error: Box<OperatorError>) -> Self {
        Self::Operator(error)
    }
}

impl Error {
    /// An environment error about a path.
    #[must_use]
    pub fn io(doing: &str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Environment {
            what: format!("cannot {doing} {}", path.into().display()),
            source: Some(source),
            help: None,
            needs: None,
        }
    }

    /// An environment error with the way out.
    #[must_use]
    pub fn environment(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Environment {
            what: what.into(),
            source: None,
            help: Some(help.into()),
            needs: None,
        }
    }

    /// An environment error that another input of the caller clears.
    #[must_use]
    pub fn needs(what: impl Into<String>, help: impl Into<String>, input: Input) -> Self {
        Self::Environment {
            what: what.into(),
            source: None,
            help: Some(help.into()),
            needs: Some(input),
        }
    }
}

/// What keeps a document of another program from being read as what it should be. Completes a sentence that starts with its name; safe
/// to show. For readers whose callers only report it: where something is decided by the reason, an enum of the reader's own says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(Cow<'static, str>);

impl From<&'static str> for Malformed {
    fn from(why: &'static str) -> Self {
        Self(why.into())
    }
}

impl From<String> for Malformed {
    fn from(why: String) -> Self {
        Self(why.into())
    }
}

impl From<ReadError> for Malformed {
    fn from(error: ReadError) -> Self {
        error.to_string().into()
    }
}

impl From<JsonError> for Malformed {
    fn from(error: JsonError) -> Self {
        error.to_string().into()
    }
}
