//! Carrying out a plan: one packument a package name, then archives and attestations, several packages at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sha2::Digest as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cache::Cache;
use super::client::{Client, FetchProgress, Inner};
use super::http::{FetchError, HttpRequest, Retry};
use super::packument::{self, Version};
use super::plan::{FetchPlan, Want};
use crate::digest::Sri;
use crate::provenance::MAX_BUNDLE_BYTES;
use crate::provenance::npm::RegistrySignature;

/// What a plan brought, in the order of its wants.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Fetched {
    /// One entry a want.
    pub packages: Vec<Result<FetchedPackage, FetchError>>,
}

/// What a registry says and serves of one package version. Only the archive's digest is compared so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedPackage {
    /// The registry's address, safe to show; empty when all is from the cache.
    pub registry: String,
    /// `dist.integrity` as written.
    pub integrity: Option<String>,
    /// `dist.signatures`.
    pub signatures: Vec<RegistrySignature>,
    /// When it was published, as the registry says.
    pub published: Option<Timestamp>,
    /// Its archive; none when it was not asked for.
    pub archive: Option<Result<FetchedArchive, FetchError>>,
    /// Its attestations.
    pub attestations: Attestation,
}

/// A downloaded archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedArchive {
    /// Where it lies in the cache. The reader should hash what is read.
    pub path: PathBuf,
    /// The digest of its bytes.
    pub digest: Sri,
}

/// What a registry holds of attestations for one version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attestation {
    /// Not asked for.
    NotAsked,
    /// The registry says that there are none.
    None,
    /// The registry shows no signature of any kind, as mirrors do that leave them out: what it does not show may exist.
    LeftOut,
    /// The answer of the endpoint, to be judged.
    Answer(Vec<u8>),
    /// What the endpoint answered in an earlier run, because it does not answer now or may not be asked. One that does not verify
    /// is as good as none: only this program's cache says that it was ever given.
    Cached(Vec<u8>),
    /// The registry says that there are some, and they could not be fetched.
    Failed(FetchError),
}

impl Client {
    /// Fetches what `plan` wants. Must run inside a Tokio runtime with time and network enabled; dropping the future cancels it.
    pub async fn fetch(&self, plan: &FetchPlan) -> Fetched {
        let mut packages: Vec<_> = plan.wants.iter().map(|_| Err(stopped())).collect();
        self.fetch_each(plan, |at, result| {
            if let Some(place) = packages.get_mut(at) {
                *place = result;
            }
        })
        .await;
        Fetched { packages }
    }

    /// The same, giving each want's index and answer to `arrived` as soon as it is there, so that it can be checked while others are
    /// still downloaded. Every want arrives once, in any order.
    pub async fn fetch_each(
        &self,
        plan: &FetchPlan,
        mut arrived: impl FnMut(usize, Result<FetchedPackage, FetchError>),
    ) {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, want) in plan.wants.iter().enumerate() {
            by_name.entry(&want.name).or_default().push(at);
        }
        let turns = Arc::new(Semaphore::new(self.0.limits.parallel.max(1)));
        let silence = Arc::new(Silence::default());
        let mut tasks = JoinSet::new();
        for (name, places) in by_name {
            let wants: Vec<(usize, Want)> = places
                .iter()
                .filter_map(|at| Some((*at, plan.wants.get(*at)?.clone())))
                .collect();
            let (inner, turns, name) = (Arc::clone(&self.0), Arc::clone(&turns), name.to_owned());
            let silence = Arc::clone(&silence);
            tasks.spawn(async move {
                let _turn = turns.acquire().await;
                inner.package(&name, wants, &silence).await
            });
        }
        let mut open: BTreeSet<usize> = (0..plan.wants.len()).collect();
        while let Some(done) = tasks.join_next().await {
            for (at, result) in done.unwrap_or_default() {
                if open.remove(&at) {
                    arrived(at, result);
                }
            }
        }
        open.into_iter().for_each(|at| arrived(at, Err(stopped())));
    }

    /// The cache that it keeps downloads in.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.0.cache
    }
}

/// How many packages each registry has left without an answer. Hundreds of packages, each with its own limits of time, would else
/// make one silent registry a matter of hours.
#[derive(Default)]
struct Silence(Mutex<BTreeMap<String, u32>>);

impl Silence {
    fn of(&self, registry: &str) -> u32 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(registry)
            .copied()
            .unwrap_or_default()
    }

    fn note(&self, registry: &str, package: &Result<FetchedPackage, FetchError>) {
        let silent = match package {
            Err(error) => error.is_silence(),
            Ok(package) => matches!(&package.archive, Some(Err(error)) if error.is_silence()),
        };
        if silent {
            *self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(registry.to_owned())
                .or_default() += 1;
        }
    }
}

/// The answer for a task that ended without one.
fn stopped() -> FetchError {
    FetchError::Network("the download was stopped".to_owned())
}

impl Cache {
    /// What of `plan` is here already, without a network: archives and attestations of wants whose integrity is known.
    #[must_use]
    pub fn fetch(&self, plan: &FetchPlan) -> Fetched {
        let of = |want: &Want| {
            let integrity = want.integrity.ok_or(FetchError::Offline)?;
            let archive = want.archive.then(|| {
                let path = self.archive(&integrity).ok_or(FetchError::Offline)?;
                Ok(FetchedArchive {
                    path,
                    digest: integrity,
                })
            });
            let attestations = match want
                .attestations
                .then(|| self.attestations(&want.name, &want.version, &integrity))
            {
                None => Attestation::NotAsked,
                Some(Some(answer)) => Attestation::Cached(answer),
                Some(None) => Attestation::Failed(FetchError::Offline),
            };
            let (signatures, published) = self.signatures(&want.name, &want.version, &integrity);
            Ok(FetchedPackage {
                registry: String::new(),
                integrity: None,
                signatures,
                published,
                archive,
                attestations,
            })
        };
        Fetched {
            packages: plan.wants.iter().map(of).collect(),
        }
    }
}

type Results = Vec<(usize, Result<FetchedPackage, FetchError>)>;

impl Inner {
    async fn package(&self, name: &str, wants: Vec<(usize, Want)>, silence: &Silence) -> Results {
        let registry = self
            .config
            .registry_for(name)
            .map(ToString::to_string)
            .unwrap_or_default();
        let unanswered = self.limits.unanswered;
        let gone = || {
            let many = silence.of(&registry) >= unanswered;
            many.then(|| {
                FetchError::Network(format!(
                    "the registry left {} without an answer, so it was not asked",
                    crate::text::count(unanswered, "package")
                ))
            })
        };
        if let Some(error) = gone() {
            return wants
                .into_iter()
                .map(|(at, _)| (at, Err(error.clone())))
                .collect();
        }
        let versions: Vec<&str> = wants
            .iter()
            .map(|(_, want)| want.version.as_str())
            .collect();
        let found = match self.packument(name, &versions).await {
            Ok(found) => found,
            Err(error) => {
                silence.note(&registry, &Err(error.clone()));
                return wants
                    .into_iter()
                    .map(|(at, _)| (at, Err(error.clone())))
                    .collect();
            }
        };
        let mut results = Vec::with_capacity(wants.len());
        for (at, want) in &wants {
            let result = match (gone(), found.get(&want.version)) {
                (Some(error), _) => Err(error),
                (None, Some(version)) => self.version(want, version).await,
                (None, None) => Err(FetchError::NotFound),
            };
            silence.note(&registry, &result);
            results.push((*at, result));
        }
        results
    }

    async fn packument(
        &self,
        name: &str,
        versions: &[&str],
    ) -> Result<BTreeMap<String, Version>, FetchError> {
        let registry = self
            .config
            .registry_for(name)
            .ok_or(FetchError::NoRegistry)?;
        let url = registry
            .package(name)
            .ok_or_else(|| FetchError::Malformed("this is no name of an npm package".to_owned()))?;
        // The short form of a packument has no times of publication.
        let bytes = self
            .request(
                url,
                "application/json",
                self.limits.packument,
                self.limits.metadata,
            )
            .bytes()
            .await?;
        packument::read(&bytes, name, versions)
    }

    async fn version(&self, want: &Want, version: &Version) -> Result<FetchedPackage, FetchError> {
        let registry = self
            .config
            .registry_for(&want.name)
            .ok_or(FetchError::NoRegistry)?;
        let stated: Option<Sri> = version
            .integrity
            .as_deref()
            .and_then(|text| text.parse().ok());
        // Archive and attestations do not wait for each other.
        let (archive, attestations) = tokio::join!(
            async {
                if !want.archive {
                    return None;
                }
                let url = version
                    .tarball
                    .as_deref()
                    .and_then(|stated| registry.archive(stated, &self.limits.hosts));
                Some(match url {
                    Some(url) => self.archive(want, url, stated).await,
                    None => Err(FetchError::Malformed(
                        "the registry names no address for the archive".to_owned(),
                    )),
                })
            },
            async {
                match (want.attestations, version.attestations.as_deref()) {
                    (false, _) => Attestation::NotAsked,
                    (true, None) if version.shows_signatures => Attestation::None,
                    (true, None) => Attestation::LeftOut,
                    (true, Some(stated_url)) => {
                        self.attestations(
                            want,
                            registry.attestations(stated_url),
                            want.integrity.or(stated),
                        )
                        .await
                    }
                }
            }
        );
        Ok(FetchedPackage {
            registry: registry.to_string(),
            integrity: version.integrity.clone(),
            signatures: version.signatures.clone(),
            published: version.published,
            archive,
            attestations,
        })
    }

    /// The archive, from the cache when the digest that the registry states is there, else downloaded and hashed on the way. A digest
    /// that is only recorded could be that of another package in the cache.
    async fn archive(
        &self,
        want: &Want,
        url: reqwest::Url,
        stated: Option<Sri>,
    ) -> Result<FetchedArchive, FetchError> {
        if let Some(digest) = stated
            && let Some(path) = self.cache.archive(&digest)
        {
            return Ok(FetchedArchive { path, digest });
        }
        let package = format!("{}@{}", want.name, want.version);
        let request = self.request(
            url,
            "application/octet-stream, */*",
            self.limits.archive,
            self.limits.download,
        );
        let mut retry = Retry::new(&self.limits);
        loop {
            match self.download(&request, &package).await {
                Ok(archive) => return Ok(archive),
                Err(error) if retry.again(&error).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn download(
        &self,
        request: &HttpRequest<'_>,
        package: &str,
    ) -> Result<FetchedArchive, FetchError> {
        let mut file = self.cache.download()?;
        let mut hash = sha2::Sha512::new();
        let mut bytes = 0_u64;
        let sink = &mut |chunk: &[u8]| {
            hash.update(chunk);
            bytes += chunk.len() as u64;
            self.report(package, bytes, false);
            file.write_all(chunk)
                .map_err(|e| FetchError::Cache(e.to_string()))
        };
        request.stream(sink).await?;
        self.report(package, bytes, true);
        let digest = Sri(hash.finalize().into());
        let path = self.cache.keep_archive(file, &digest)?;
        Ok(FetchedArchive { path, digest })
    }

    async fn attestations(
        &self,
        want: &Want,
        url: Option<reqwest::Url>,
        integrity: Option<Sri>,
    ) -> Attestation {
        let error = match url {
            None => FetchError::Malformed(
                "the registry names no address for the attestations".to_owned(),
            ),
            Some(url) => match self
                .request(
                    url,
                    "application/json",
                    MAX_BUNDLE_BYTES,
                    self.limits.metadata,
                )
                .bytes()
                .await
            {
                Ok(answer) => return Attestation::Answer(answer),
                Err(error) => error,
            },
        };
        let kept = integrity.and_then(|integrity| {
            self.cache
                .attestations(&want.name, &want.version, &integrity)
        });
        kept.map_or(Attestation::Failed(error), Attestation::Cached)
    }

    /// A request with the configuration and limits of this client.
    pub(super) fn request(
        &self,
        url: reqwest::Url,
        accept: &'static str,
        limit: u64,
        time: std::time::Duration,
    ) -> HttpRequest<'_> {
        HttpRequest {
            client: &self.http,
            config: &self.config,
            limits: &self.limits,
            url,
            accept,
            limit,
            time,
            headers: Vec::new(),
        }
    }

    fn report(&self, package: &str, bytes: u64, done: bool) {
        if let Some(progress) = &self.progress {
            progress(FetchProgress {
                package: package.to_owned(),
                bytes,
                done,
            });
        }
    }
}
