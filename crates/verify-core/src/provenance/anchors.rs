//! What signatures are judged by: a trust root and npm's keys, each from where the operator said.

use std::fmt;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::npm::NpmKeys;
use super::trust::{Instance, NoTrustRoot, TrustRoot};

/// A trust root and npm's keys.
///
/// What is compiled in, and what comes by TUF, is read when it is first asked for and then once: most runs never ask. What the
/// operator gave is in its place, and nothing ever replaces what was asked for: where TUF was asked for and gives nothing that is
/// current, there is no trust root.
pub struct Anchors {
    instance: Instance,
    root: OnceLock<Result<Arc<TrustRoot>, NoTrustRoot>>,
    keys: OnceLock<Result<Arc<NpmKeys>, NoTrustRoot>>,
    loader: Option<(
        TrustRootLoader,
        OnceLock<Result<RefreshedTrust, NoTrustRoot>>,
    )>,
}

/// What a run judged signatures by. Nothing where nothing was signed, or signatures were not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AnchorsUsed {
    /// The trust root: origin, age, digest; or why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Whole days since a compiled-in trust root was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_age_days: Option<i64>,
    /// npm's keys: origin, date, digest; or why there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub npm_keys: Option<String>,
}

impl AnchorsUsed {
    /// Whether nothing was used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a TUF repository holds of trust. Current when it was verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshedTrust {
    /// The instance's trust root.
    pub root: Result<Arc<TrustRoot>, NoTrustRoot>,
    /// npm's keys. Only the public-good instance has them.
    pub keys: Result<Arc<NpmKeys>, NoTrustRoot>,
}

/// Gets a trust root and keys that the operator did not give, such as by TUF. May block.
pub type TrustRootLoader = Box<dyn Fn() -> Result<RefreshedTrust, NoTrustRoot> + Send + Sync>;

impl Anchors {
    /// What this program carries.
    #[must_use]
    pub fn embedded(instance: Instance) -> Self {
        Self {
            instance,
            root: OnceLock::new(),
            keys: OnceLock::new(),
            loader: None,
        }
    }

    /// This trust root.
    #[must_use]
    pub fn with_root(mut self, root: TrustRoot) -> Self {
        self.instance = root.instance();
        self.root = OnceLock::from(Ok(Arc::new(root)));
        self
    }

    /// These keys of npm.
    #[must_use]
    pub fn with_keys(mut self, keys: NpmKeys) -> Self {
        self.keys = OnceLock::from(Ok(Arc::new(keys)));
        self
    }

    /// What nothing was given for comes from `load`, which is asked at most once, when it is first needed.
    #[must_use]
    pub fn with_loader(mut self, load: TrustRootLoader) -> Self {
        self.loader = Some((load, OnceLock::new()));
        self
    }

    /// Whose trust root it is.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.instance
    }

    fn loaded(&self) -> Option<Result<&RefreshedTrust, NoTrustRoot>> {
        let (load, loaded) = self.loader.as_ref()?;
        Some(loaded.get_or_init(&**load).as_ref().map_err(Clone::clone))
    }

    /// The trust root. May open sockets, and blocks, where TUF and a client were given.
    ///
    /// # Errors
    /// When there is none that is current.
    pub fn root(&self) -> Result<&Arc<TrustRoot>, &NoTrustRoot> {
        let load = || {
            if let Some(loaded) = self.loaded() {
                return loaded?.root.clone();
            }
            TrustRoot::embedded(self.instance)
                .map(Arc::new)
                .map_err(|error| NoTrustRoot::new(error.to_string()))
        };
        self.root.get_or_init(load).as_ref()
    }

    /// npm's keys, in the same way.
    ///
    /// # Errors
    /// When there are none that are current.
    pub fn keys(&self) -> Result<&Arc<NpmKeys>, &NoTrustRoot> {
        let load = || {
            if let Some(loaded) = self.loaded() {
                return loaded?.keys.clone();
            }
            NpmKeys::embedded()
                .map(Arc::new)
                .map_err(|error| NoTrustRoot::new(error.to_string()))
        };
        self.keys.get_or_init(load).as_ref()
    }

    /// What was judged with so far, with its age at `now`.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> AnchorsUsed {
        let root = self.root.get().map(Result::as_ref);
        AnchorsUsed {
            root: root.map(|root| root.map_or_else(ToString::to_string, |root| root.describe(now))),
            root_age_days: root.and_then(|root| root.ok()?.age_days(now)),
            npm_keys: self.keys.get().map(|keys| {
                keys.as_ref()
                    .map_or_else(ToString::to_string, |keys| keys.describe())
            }),
        }
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchors")
            .field("instance", &self.instance)
            .field("root", &self.root)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_before_it_is_asked_for() {
        let now = "2026-11-22T00:00:00Z".parse().expect("time");
        let anchors = Anchors::embedded(Instance::PublicGood);
        assert!(anchors.used(now).is_empty());
        assert!(anchors.root().is_ok());
        let used = anchors.used(now);
        assert_eq!((used.root_age_days, used.npm_keys), (Some(30), None));
        assert!(anchors.keys().is_ok());
        assert!(anchors.used(now).npm_keys.is_some());
    }
}
