//! Trust roots: whose certificates, logs and timestamps count.

use std::fmt;
use std::path::Path;

use jiff::Timestamp;

use super::root_shape::{self, Misshapen};
use super::shape::{self, NotJson};
use super::sigstore::{self, SigstoreRoot};
use crate::digest::Sha256Digest;
use crate::error::OperatorError;
use crate::fact::{Fact, NotEstablished};

/// Which Sigstore instance the operator trusts.
///
/// Naming GitHub's is the only way to accept a bundle without a transparency log and without a certificate timestamp: that instance
/// has neither. It is never tried as a second chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Instance {
    /// The public-good instance, or a private one with certificate authority, certificate log and transparency log.
    #[default]
    PublicGood,
    /// GitHub's own instance, for private repositories and for release attestations: timestamp authority only.
    GitHub,
}

impl Instance {
    /// The name on the command line and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublicGood => "public-good",
            Self::GitHub => "github",
        }
    }
}

/// Where a trust root came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustRootOrigin {
    /// Compiled into this program.
    Embedded,
    /// A file of the operator, by the name it was given.
    File(String),
    /// A TUF repository, or the verified cache of one.
    Tuf {
        /// When what it says stops to be current.
        until: Timestamp,
    },
}

/// Nothing to judge signatures by that is current: neither good nor bad can be established.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
#[non_exhaustive]
pub struct NoTrustRoot(String);

impl NoTrustRoot {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// The fact that everything becomes that would have needed it.
    #[must_use]
    pub fn fact<T>(&self) -> Fact<T> {
        Fact::not_established(NotEstablished::NoTrustRoot, self.to_string())
    }
}

/// Why a text is no root of trust that can be used. Safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct RootError(#[from] Unusable);

/// The cases of [`RootError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it {0}")]
    NotJson(#[from] NotJson),
    #[error("it {0}")]
    Misshapen(#[from] Misshapen),
    /// What the library that reads it says.
    #[error("{0}")]
    Library(String),
    #[error("it has no {0}")]
    Without(&'static str),
    #[error("it has a transparency log, so it is not the root of GitHub's own instance")]
    HasLog,
    #[error(
        "{found} of its lines are a trust root for the instance `{}`, expected exactly one",
        instance.as_str()
    )]
    Lines { found: usize, instance: Instance },
}

/// A trust root, ready to verify with. Build it once and use it for many bundles; it can be shared between threads.
pub struct TrustRoot {
    pub(super) root: SigstoreRoot,
    instance: Instance,
    origin: TrustRootOrigin,
    digest: Sha256Digest,
}

/// The day on which the embedded trust roots were published (`sigstore-trust-root` 0.15.1).
const EMBEDDED_PUBLISHED: &str = "2026-10-23T00:00:00Z";

impl TrustRoot {
    /// Most bytes of a trust root file.
    pub const MAX_BYTES: u64 = 1 << 20;

    /// The root that this program carries for `instance`.
    pub fn embedded(instance: Instance) -> crate::error::Result<Self> {
        let json = sigstore::embedded_root(instance);
        let root = SigstoreRoot::new(json, instance).map_err(|why| {
            crate::Error::environment(
                format!("the embedded trust root cannot be used: {why}"),
                "this is a defect of this program; give a current root",
            )
        })?;
        Ok(Self {
            root,
            instance,
            origin: TrustRootOrigin::Embedded,
            digest: Sha256Digest::of(json.as_bytes()),
        })
    }

    /// The root in `text`, read from the operator's file `path`: one `trusted_root.json`, or several, one a line, of which exactly
    /// one must be of the kind that `instance` names.
    pub fn from_file(path: &Path, text: &str, instance: Instance) -> crate::error::Result<Self> {
        let whole = strict(text, instance);
        let chosen = match whole {
            Ok(root) => Ok((root, text)),
            Err(_)
                if text.trim().contains('\n')
                    && text
                        .trim_start()
                        .lines()
                        .next()
                        .is_some_and(|l| l.trim_end().ends_with('}')) =>
            {
                let mut fitting = Vec::new();
                for (number, line) in text.lines().enumerate() {
                    if line.trim().is_empty() {
                        continue;
                    }
                    // One that cannot be read is not one of another instance.
                    well_formed(line).map_err(|why| {
                        OperatorError::whole(
                            path,
                            format!(
                                "line {} of this file cannot be used as a trust root: {why}",
                                number + 1
                            ),
                        )
                    })?;
                    if let Ok(root) = SigstoreRoot::new(line, instance) {
                        fitting.push((root, line));
                    }
                }
                match <[_; 1]>::try_from(fitting) {
                    Ok([only]) => Ok(only),
                    Err(several) => Err(Unusable::Lines {
                        found: several.len(),
                        instance,
                    }),
                }
            }
            Err(why) => Err(why),
        };
        let (root, json) = chosen.map_err(|why| {
            OperatorError::whole(path, format!("this file cannot be used as a trust root: {why}")).with_help(
                "a trust root is a trusted_root.json as `gh attestation trusted-root` or a Sigstore TUF repository gives it",
            )
        })?;
        Ok(Self {
            root,
            instance,
            origin: TrustRootOrigin::File(path.display().to_string()),
            digest: Sha256Digest::of(json.as_bytes()),
        })
    }

    /// Whether `text` is the first root of a TUF repository, as a file of the operator names it.
    ///
    /// # Errors
    /// When it is no such root, or anything in it is not known.
    pub fn check_tuf_root(text: &str) -> Result<(), RootError> {
        let root = shape::parse(text.as_bytes()).map_err(Unusable::from)?;
        Ok(root_shape::tuf_root(&root).map_err(Unusable::from)?)
    }

    /// The root `json` that a TUF client verified for `instance`, current until `until`.
    #[cfg(feature = "online")]
    pub(crate) fn from_tuf(
        json: &str,
        instance: Instance,
        until: Timestamp,
    ) -> Result<Self, RootError> {
        let root = SigstoreRoot::new(json, instance)?;
        Ok(Self {
            root,
            instance,
            origin: TrustRootOrigin::Tuf { until },
            digest: Sha256Digest::of(json.as_bytes()),
        })
    }

    /// Whose root this is.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// Where it came from.
    #[must_use]
    pub fn origin(&self) -> &TrustRootOrigin {
        &self.origin
    }

    /// The digest of the JSON that was read.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Whole days between the publication of an embedded root and `now`; none for other origins, which state no date.
    #[must_use]
    pub fn age_days(&self, now: Timestamp) -> Option<i64> {
        if self.origin != TrustRootOrigin::Embedded {
            return None;
        }
        let published: Timestamp = EMBEDDED_PUBLISHED.parse().ok()?;
        Some((now.as_second() - published.as_second()).div_euclid(86_400))
    }

    /// One line for reports: origin, age and digest.
    #[must_use]
    pub fn describe(&self, now: Timestamp) -> String {
        let (instance, digest) = (self.instance.as_str(), self.digest);
        match (&self.origin, self.age_days(now)) {
            (TrustRootOrigin::Embedded, Some(days)) => format!(
                "{instance} trust root, compiled in, published {} ({days} days ago), {digest}",
                EMBEDDED_PUBLISHED.get(..10).unwrap_or_default()
            ),
            (TrustRootOrigin::Embedded, None) => {
                format!("{instance} trust root, compiled in, {digest}")
            }
            (TrustRootOrigin::File(name), _) => {
                format!("{instance} trust root from {name}, {digest}")
            }
            (TrustRootOrigin::Tuf { until }, _) => {
                format!("{instance} trust root by TUF, current until {until}, {digest}")
            }
        }
    }
}

/// A root of the operator's, in which nothing is passed over.
fn strict(json: &str, instance: Instance) -> Result<SigstoreRoot, Unusable> {
    well_formed(json)?;
    SigstoreRoot::new(json, instance)
}

fn well_formed(json: &str) -> Result<(), Unusable> {
    Ok(root_shape::trusted_root(&shape::parse(json.as_bytes())?)?)
}

impl fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustRoot")
            .field("instance", &self.instance)
            .field("origin", &self.origin)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_roots_state_origin_and_age() {
        let now = "2026-11-22T00:00:00Z".parse().expect("time");
        for instance in [Instance::PublicGood, Instance::GitHub] {
            let root = TrustRoot::embedded(instance).expect("embedded root");
            assert_eq!(root.age_days(now), Some(30));
            assert!(
                root.describe(now)
                    .contains("compiled in, published 2026-10-23 (30 days ago)"),
                "{}",
                root.describe(now)
            );
        }
    }

    #[test]
    fn an_instance_takes_only_a_root_of_its_kind() {
        let name = Path::new("root.json");
        let public = sigstore::embedded_root(Instance::PublicGood);
        let github = sigstore::embedded_root(Instance::GitHub);
        assert!(TrustRoot::from_file(name, public, Instance::PublicGood).is_ok());
        assert!(TrustRoot::from_file(name, github, Instance::GitHub).is_ok());
        assert!(TrustRoot::from_file(name, public, Instance::GitHub).is_err());
        assert!(TrustRoot::from_file(name, github, Instance::PublicGood).is_err());
        assert!(TrustRoot::from_file(name, "{}", Instance::PublicGood).is_err());
        assert!(TrustRoot::from_file(name, "", Instance::PublicGood).is_err());
    }

    #[test]
    fn several_roots_one_a_line() {
        let name = Path::new("trusted_root.jsonl");
        let line = |instance| {
            let value: serde_json::Value =
                serde_json::from_str(sigstore::embedded_root(instance)).expect("json");
            value.to_string()
        };
        let both = format!(
            "{}\n{}\n",
            line(Instance::PublicGood),
            line(Instance::GitHub)
        );
        for instance in [Instance::PublicGood, Instance::GitHub] {
            let one = TrustRoot::from_file(name, &line(instance), instance).expect("one");
            assert_eq!(
                TrustRoot::from_file(name, &both, instance)
                    .expect("both")
                    .digest(),
                one.digest()
            );
        }
        let twice = format!("{}\n{}\n", line(Instance::GitHub), line(Instance::GitHub));
        assert!(TrustRoot::from_file(name, &twice, Instance::GitHub).is_err());
    }
}
