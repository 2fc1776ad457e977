//! Trust roots by TUF, <https://theupdateframework.github.io/specification/latest/>: which open a socket only when
//! asked.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{
    FileStore, HttpRepository, MetadataStore as _, Repository, Targets, Updater, UpdaterConfig,
};
use sigstore_verify::trust_root::SigstoreInstance;

use super::Client;
use super::blocking::block_on;
use crate::provenance::{Anchors, Instance, NoTrustRoot, NpmKeys, RefreshedTrust, TrustRoot};
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

/// The target that holds an instance's trust root.
const ROOT: &str = "trusted_root.json";
/// The end of the name of the target with a registry's keys. It lies below the name of the role that it is delegated to, which is
/// that of the registry.
const KEYS: &str = "keys.json";
/// Most time for a refresh: some seven small files.
const REFRESH: Duration = Duration::from_secs(60);

impl Anchors {
    /// By TUF what nothing was given for: fetched by `client` and kept in the cache; without a client only that cache, which must be
    /// current at `now`. `mirror` is another repository than the instance's own, see [`TufSource::mirror`].
    #[must_use]
    pub fn with_tuf(
        self,
        cache: impl Into<PathBuf>,
        mirror: Option<(String, Vec<u8>)>,
        client: Option<Client>,
        now: Timestamp,
    ) -> Self {
        let source = TufSource {
            mirror,
            ..TufSource::of(self.instance(), &cache.into())
        };
        self.with_loader(Box::new(move || {
            let loaded = match &client {
                Some(client) => block_on(source.refresh(client.http(), now)),
                None => block_on(source.cached(now)),
            };
            loaded.unwrap_or_else(|error| Err(NoTrustRoot::new(error.to_string())))
        }))
    }
}

impl TufSource {
    /// The instance's own repository, with a cache below `cache`.
    #[must_use]
    pub fn of(instance: Instance, cache: &Path) -> Self {
        Self {
            instance,
            cache: cache.join(format!("tuf-{}", instance.as_str())),
            mirror: None,
        }
    }

    /// Fetches what is newer than the cache, and verifies all of it as of `now`. `client` brings timeouts, proxies and roots of TLS.
    /// Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the repository cannot be reached, or is not what it was signed to be at `now`.
    pub async fn refresh(
        &self,
        client: reqwest::Client,
        now: Timestamp,
    ) -> Result<RefreshedTrust, NoTrustRoot> {
        let refresh = async {
            let (url, root) = self.place();
            let repository = HttpRepository::new(url)
                .map_err(|error| failed(&error))?
                .with_http_client(client);
            std::fs::create_dir_all(&self.cache).map_err(|error| failed(&error))?;
            self.load(Updater::new(repository, root), now).await
        };
        tokio::time::timeout(REFRESH, refresh)
            .await
            .unwrap_or_else(|_| Err(none("it took too long")))
    }

    /// Verifies the cache as of `now`, without a network. Expired metadata is no trust root. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When nothing was cached, when it has expired, and when it is not what it was signed to be.
    pub async fn cached(&self, now: Timestamp) -> Result<RefreshedTrust, NoTrustRoot> {
        if !self.cache.join("timestamp.json").exists() {
            return Err(none("nothing was fetched before"));
        }
        let repository = Cached(FileStore::new(&self.cache));
        self.load(Updater::new(repository, self.place().1), now)
            .await
    }

    /// Address and first root of the repository.
    fn place(&self) -> (&str, &[u8]) {
        match (&self.mirror, self.instance) {
            (Some((url, root)), _) => (url, root),
            (None, Instance::PublicGood) => (
                SigstoreInstance::PublicGood.tuf_url(),
                SigstoreInstance::PublicGood.tuf_root(),
            ),
            (None, Instance::GitHub) => (
                SigstoreInstance::GitHub.tuf_url(),
                SigstoreInstance::GitHub.tuf_root(),
            ),
        }
    }

    async fn load(
        &self,
        updater: sigstore_tuf::Result<Updater>,
        now: Timestamp,
    ) -> Result<RefreshedTrust, NoTrustRoot> {
        let mut config = UpdaterConfig::default();
        config.target_max_length = TrustRoot::MAX_BYTES;
        let updater = updater.map_err(|error| failed(&error))?;
        let mut updater = updater
            .with_config(config)
            .with_store(FileStore::new(&self.cache));
        updater.refresh(now).await.map_err(|error| failed(&error))?;
        let until = updater
            .trusted()
            .timestamp()
            .ok_or_else(|| none("it has no timestamp"))?
            .expires;
        let root = target(&mut updater, ROOT, now).await;
        let root = root.and_then(|json| {
            TrustRoot::from_tuf(&json, self.instance, until).map_err(|why| none(&why.to_string()))
        });
        let keys = match keys_name(updater.trusted().targets_role("targets")) {
            Ok(name) => target(&mut updater, &name, now).await,
            Err(why) => Err(none(why)),
        };
        let keys = keys
            .and_then(|json| NpmKeys::from_tuf(&json, until).map_err(|why| none(&why.to_string())));
        Ok(RefreshedTrust {
            root: root.map(Arc::new),
            keys: keys.map(Arc::new),
        })
    }
}

/// A cache as the repository it is of. Metadata is kept there without the version that a repository puts before its name.
struct Cached(FileStore);

impl Cached {
    fn load(&self, name: &str, limit: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        match self.0.load(name)? {
            Some(bytes) if bytes.len() as u64 > limit => Err(sigstore_tuf::Error::Malformed(
                format!("the cached {name} has {} bytes", bytes.len()),
            )),
            found => Ok(found),
        }
    }
}

impl Repository for Cached {
    fn fetch_metadata<'a>(&'a self, name: &'a str, limit: u64) -> FetchFuture<'a> {
        Box::pin(async move {
            match (self.load(name, limit)?, name.split_once('.')) {
                // The next root is looked for until there is none.
                (None, Some((version, plain)))
                    if plain != "root.json"
                        && version.bytes().all(|byte| byte.is_ascii_digit()) =>
                {
                    self.load(plain, limit)
                }
                (found, _) => Ok(found),
            }
        })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, limit: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.load(&format!("targets/{path}"), limit) })
    }
}

/// The only target with a registry's keys. Its name is taken from the verified delegation, so that no registry is compiled in.
fn keys_name(targets: Option<&Targets>) -> Result<String, &'static str> {
    let delegations = targets.and_then(|targets| targets.delegations.as_ref());
    let roles = delegations
        .map(|delegations| delegations.roles.as_slice())
        .unwrap_or_default();
    let named = roles
        .iter()
        .map(|role| (role, format!("{}/{KEYS}", role.name)));
    let fitting = named
        .filter(|(role, name)| role.matches_path(name).unwrap_or(false))
        .map(|(_, name)| name);
    match <[String; 1]>::try_from(fitting.collect::<Vec<_>>()) {
        Ok([name]) => Ok(name),
        Err(several) if several.is_empty() => Err("it has no keys of npm; give them as a file"),
        Err(_) => Err("it has keys of several registries; give npm's as a file"),
    }
}

async fn target(updater: &mut Updater, name: &str, now: Timestamp) -> Result<String, NoTrustRoot> {
    let bytes = updater
        .get_target(name, now)
        .await
        .map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|_| none("it is no text"))
}

/// An error with its causes, of which the last one is what helps.
fn failed(error: &dyn Error) -> NoTrustRoot {
    let (mut causes, mut next) = (vec![error.to_string()], error.source());
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    none(&causes.join(": "))
}

fn none(why: &str) -> NoTrustRoot {
    NoTrustRoot::new(format!(
        "nothing current by TUF: {}",
        text::excerpt(why, 300)
    ))
}
