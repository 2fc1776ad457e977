//! Trust roots by TUF: the only part of provenance that opens a socket, and only when asked.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sigstore_verify::trust_root::{SigstoreInstance, TrustedRoot, TufBootstrap, TufConfig};

use super::trust::{Instance, TrustRoot};
use crate::fact::{Fact, NotEstablished};
use crate::text;

/// Where a trust root is fetched from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TufSource {
    /// Whose root it is.
    pub instance: Instance,
    /// The folder for verified metadata; each source needs one of its own. Nothing in it is trusted without being verified again.
    pub cache: PathBuf,
    /// Another repository than the instance's own: its address and its first `root.json`, which is trusted as it is.
    pub mirror: Option<(String, Vec<u8>)>,
}

/// No trust root that is current.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no current trust root: {0}")]
pub struct NoTrustRoot(String);

impl NoTrustRoot {
    /// The fact that everything becomes that would have needed the root.
    #[must_use]
    pub fn into_fact<T>(self) -> Fact<T> {
        Fact::not_established(NotEstablished::NoTrustRoot, self.to_string())
    }
}

impl TufSource {
    /// The instance's own repository, with a cache below `cache`.
    #[must_use]
    pub fn of(instance: Instance, cache: &Path) -> Self {
        Self { instance, cache: cache.join(format!("tuf-{}", instance.as_str())), mirror: None }
    }

    /// Fetches what is newer than the cache, and verifies all of it as of `now`. `client` brings timeouts, proxies and roots of TLS;
    /// give it timeouts. Needs a Tokio runtime.
    pub async fn refresh(&self, client: reqwest::Client, now: Timestamp) -> Result<TrustRoot, NoTrustRoot> {
        self.load(self.config().with_http_client(client), now).await
    }

    /// Verifies the cache as of `now`, without a network. Expired metadata is no trust root. Needs a Tokio runtime.
    pub async fn cached(&self, now: Timestamp) -> Result<TrustRoot, NoTrustRoot> {
        self.load(self.config().offline(), now).await
    }

    fn config(&self) -> TufConfig {
        let config = match &self.mirror {
            Some((url, root)) => TufConfig::custom(url.clone(), TufBootstrap::trusted(root)),
            None => TufConfig::for_instance(match self.instance {
                Instance::PublicGood => SigstoreInstance::PublicGood,
                Instance::GitHub => SigstoreInstance::GitHub,
            }),
        };
        config.with_cache_dir(self.cache.clone())
    }

    async fn load(&self, config: TufConfig, now: Timestamp) -> Result<TrustRoot, NoTrustRoot> {
        let root = TrustedRoot::from_tuf_at(config, now).await.map_err(|e| NoTrustRoot(text::excerpt(&e.to_string(), 300)))?;
        let json = serde_json::to_string(&root).map_err(|e| NoTrustRoot(e.to_string()))?;
        TrustRoot::from_tuf(&json, self.instance).map_err(NoTrustRoot)
    }
}
