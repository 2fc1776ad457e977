//! The client: configuration, limits and connections that several fetches share.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::cache::Cache;
use super::npmrc::NpmConfig;
use super::plan::FetchLimits;
use crate::Error;
use crate::read;

/// How far a download has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchProgress {
    /// `name@version`. Untrusted text.
    pub package: String,
    /// Bytes so far.
    pub bytes: u64,
    /// Whether it is complete.
    pub done: bool,
}

/// A registry client. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) http: reqwest::Client,
    pub(super) config: NpmConfig,
    pub(super) limits: FetchLimits,
    pub(super) cache: Cache,
    pub(super) progress: Option<Box<dyn Fn(FetchProgress) + Send + Sync>>,
}

impl Client {
    /// A client with this configuration, which keeps what it fetches in `cache`. Reads `cafile` of the configuration; opens no socket.
    pub fn new(config: NpmConfig, limits: FetchLimits, cache: Cache) -> Result<Self, Error> {
        Self::build(config, limits, cache, None)
    }

    /// The same, calling `progress` from time to time during downloads, from the thread that drives the fetch.
    pub fn with_progress(
        config: NpmConfig,
        limits: FetchLimits,
        cache: Cache,
        progress: impl Fn(FetchProgress) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        Self::build(config, limits, cache, Some(Box::new(progress)))
    }

    fn build(
        config: NpmConfig,
        limits: FetchLimits,
        cache: Cache,
        progress: Option<Box<dyn Fn(FetchProgress) + Send + Sync>>,
    ) -> Result<Self, Error> {
        // Proxies come from the configuration alone; the library would read the environment by itself.
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("openclaw-verify/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(limits.connect)
            .read_timeout(limits.idle);
        let none = config
            .no_proxy
            .as_deref()
            .and_then(reqwest::NoProxy::from_string);
        let https = config
            .https_proxy
            .as_deref()
            .or(config.http_proxy.as_deref())
            .map(reqwest::Proxy::https);
        let http = config.http_proxy.as_deref().map(reqwest::Proxy::http);
        for proxy in [https, http].into_iter().flatten() {
            let proxy = proxy.map_err(|_| {
                Error::environment(
                    "the configured proxy is no address",
                    "give it as http://host:port, in .npmrc or HTTPS_PROXY",
                )
            })?;
            builder = builder.proxy(proxy.no_proxy(none.clone()));
        }
        if let Some(path) = &config.cafile {
            builder = builder.tls_certs_merge(authorities(path)?);
        }
        let http = builder.build().map_err(|e| {
            Error::environment(
                format!("cannot set up TLS: {e}"),
                "check the configured cafile and the system's certificates",
            )
        })?;
        Ok(Self(Arc::new(Inner {
            http,
            config,
            limits,
            cache,
            progress,
        })))
    }

    /// The connections, for other things that must go through the same proxy and authorities (a trust root by TUF).
    #[must_use]
    pub fn http(&self) -> reqwest::Client {
        self.0.http.clone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("config", &self.0.config)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// Most bytes of a file with certificate authorities.
const MAX_CAFILE: u64 = 4 << 20;

fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, Error> {
    let help = "check `cafile` in .npmrc, npm_config_cafile or NODE_EXTRA_CA_CERTS";
    // System bundles are often symbolic links, and this path is the operator's.
    let real = std::fs::canonicalize(path).map_err(|e| Error::io("read", path, e))?;
    let pem = read::bytes(&real, MAX_CAFILE)
        .map_err(|e| Error::environment(format!("{} {e}", path.display()), help))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::environment(
            format!("{} holds no certificates in PEM", path.display()),
            help,
        )),
    }
}
