//! Bringing archives: from a registry where that is allowed, else from the cache; each is read as soon as it is there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;

use super::Wanted;
use super::unpacked::Unpacked;
use crate::digest::Sri;
use crate::evidence::Published;
use crate::fact::{Fact, NotEstablished};
use crate::policy::Requirements;
use crate::provenance::Anchors;
#[cfg(feature = "online")]
use crate::registry::{self, Cache, Client, FetchError, FetchedPackage, Want};

/// Where archives may come from, and what signatures are judged by.
pub(crate) struct ArchiveSources<'a> {
    /// The registry, when the operator allowed the network.
    #[cfg(feature = "online")]
    pub client: Option<&'a Client>,
    /// What was fetched before.
    #[cfg(feature = "online")]
    pub cache: Option<&'a Cache>,
    /// npm's keys, and the trust root of attestations.
    #[cfg_attr(
        not(feature = "online"),
        expect(dead_code, reason = "only a registry has attestations")
    )]
    pub anchors: &'a Anchors,
    /// Threads that read archives; 0 means one a core.
    #[cfg_attr(
        not(feature = "online"),
        expect(dead_code, reason = "only a registry has many archives")
    )]
    pub threads: usize,
    /// Set by the caller to stop.
    #[cfg_attr(
        not(feature = "online"),
        expect(dead_code, reason = "only a registry has many archives")
    )]
    pub cancel: Option<&'a AtomicBool>,
}

/// Why there is nothing, when no source may be asked.
pub(super) fn not_asked<T>() -> Fact<T> {
    if cfg!(feature = "online") {
        Fact::not_established(NotEstablished::Offline, "the network was not allowed")
    } else {
        Fact::not_established(
            NotEstablished::FeatureDisabled,
            "this build cannot ask a registry (feature `online`)",
        )
    }
}

/// What came of one wanted package version.
pub(crate) struct Arrival {
    unpacked: Fact<Arc<Unpacked>>,
    #[cfg(feature = "online")]
    want: Want,
    #[cfg(feature = "online")]
    fetched: Result<FetchedPackage, FetchError>,
}

/// The archive in OpenClaw's own folder that has the recorded integrity. A folder without it, but with others, lies.
pub(super) fn packed(folder: &Path, integrity: Option<Sri>) -> Fact<Arc<Unpacked>> {
    /// One stays for each update; each is hashed until the right one is found.
    const MAX_FILES: usize = 1_000;
    let Some(integrity) = integrity else {
        return Fact::not_established(
            NotEstablished::UnsupportedSchema,
            "no integrity of its archive is recorded",
        );
    };
    let gone = |why: String| Fact::not_established(NotEstablished::UnknownLayout, why);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return gone(NOT_KEPT.to_owned());
        }
        Err(error) => return gone(format!("OpenClaw's folder of local archives: {error}")),
    };
    let mut paths: Vec<_> = entries
        .take(MAX_FILES + 1)
        .flatten()
        .map(|entry| entry.path())
        .collect();
    if paths.len() > MAX_FILES {
        return gone(format!(
            "OpenClaw's folder of local archives holds more than {MAX_FILES} files: remove those of earlier versions"
        ));
    }
    paths.sort();
    let mut other = None;
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "tgz"))
    {
        match Unpacked::read(path, Some(integrity)) {
            Fact::Verified(unpacked) => return Fact::Verified(Arc::new(unpacked)),
            wrong => other = other.or(Some(wrong)),
        }
    }
    match other {
        Some(Fact::Violated { code, why }) => Fact::Violated { code, why },
        Some(Fact::NotEstablished { code, why }) => Fact::NotEstablished { code, why },
        _ => gone(NOT_KEPT.to_owned()),
    }
}

const NOT_KEPT: &str =
    "the local archive that it was installed from is not there any more, though OpenClaw keeps it";

impl Arrival {
    /// The archive as npm installs it.
    pub(super) fn unpacked(&self) -> Fact<Arc<Unpacked>> {
        self.unpacked.clone()
    }

    /// Whether the registry says that it has no such package or version.
    pub(super) fn unpublished(&self) -> bool {
        #[cfg(feature = "online")]
        return matches!(self.fetched, Err(FetchError::NotFound));
        #[cfg(not(feature = "online"))]
        false
    }
}

#[cfg(not(feature = "online"))]
pub(super) fn all(wants: &[Wanted], _: &ArchiveSources<'_>) -> Vec<Arrival> {
    wants
        .iter()
        .map(|_| Arrival {
            unpacked: not_asked(),
        })
        .collect()
}

#[cfg(not(feature = "online"))]
impl Arrival {
    pub(super) fn registry(&self) -> Option<&str> {
        None
    }

    pub(super) fn own_fault(&self) -> crate::error::Result<()> {
        Ok(())
    }

    pub(super) fn prove(&mut self, _: &ArchiveSources<'_>, _: Timestamp) {}

    pub(super) fn origin(
        &self,
        _: &Requirements<'_>,
        _: &ArchiveSources<'_>,
        _: Timestamp,
        _: &mut Published,
    ) -> crate::error::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "online")]
pub(super) fn all(wants: &[Wanted], sources: &ArchiveSources<'_>) -> Vec<Arrival> {
    online::all(wants, sources)
}

#[cfg(feature = "online")]
mod online {
    use std::collections::BTreeMap;
    use std::sync::atomic::Ordering;
    use std::sync::{Mutex, PoisonError, mpsc};

    use super::*;
    use crate::provenance::IdentityPolicy;
    use crate::registry::{Attestation, FetchPlan};

    /// Downloads in one thread; reads what has arrived in others. Without a registry all is from the cache.
    ///
    /// The registry is asked for every package, also where the cache holds an archive of the recorded digest: name, version and digest
    /// are what the state directory claims, and only the registry can say that it published this archive under this name.
    pub(super) fn all(wants: &[Wanted], sources: &ArchiveSources<'_>) -> Vec<Arrival> {
        let plan = FetchPlan {
            wants: wants.iter().map(want).collect(),
        };
        let wants = &plan.wants;
        let threads = match sources.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let (sender, receiver) = mpsc::channel();
        let (receiver, done) = (Mutex::new(receiver), Mutex::new(Vec::new()));
        let read = || {
            loop {
                let next = receiver
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .recv();
                let Ok((at, fetched)) = next else { return };
                if let Some(want) = wants.get(at) {
                    let arrival = Arrival::new(want, fetched, sources);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((at, arrival));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.min(wants.len()) {
                scope.spawn(read);
            }
            // Sending fails only when every reader is gone, and then nothing is missing it.
            let send = |at: usize, fetched| {
                let _ = sender.send((at, fetched));
            };
            match sources.client.filter(|_| !wants.is_empty()) {
                // What did not arrive because no thread could be started is missed below.
                Some(client) => {
                    let _ = registry::block_on(
                        client.fetch_each(&plan, |at, fetched| send(at, Some(fetched))),
                    );
                }
                None => (0..wants.len()).for_each(|at| send(at, None)),
            }
            drop(sender);
        });
        let mut done: BTreeMap<usize, Arrival> = done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_iter()
            .collect();
        let missed = |want: &Want| Arrival {
            unpacked: not_asked(),
            want: want.clone(),
            fetched: Err(FetchError::Network("the download was stopped".to_owned())),
        };
        wants
            .iter()
            .enumerate()
            .map(|(at, want)| done.remove(&at).unwrap_or_else(|| missed(want)))
            .collect()
    }

    fn want(wanted: &Wanted) -> Want {
        Want {
            name: wanted.name.clone(),
            version: wanted.version.clone(),
            integrity: wanted.integrity,
            archive: true,
            attestations: wanted.attestations,
        }
    }

    /// What the cache holds. The archive is hashed when it is read.
    fn from_cache(want: &Want, sources: &ArchiveSources<'_>) -> Result<FetchedPackage, FetchError> {
        let cache = sources.cache.ok_or(FetchError::Offline)?;
        let integrity = want.integrity.ok_or(FetchError::Offline)?;
        let said = FetchPlan {
            wants: vec![Want {
                archive: false,
                attestations: true,
                ..want.clone()
            }],
        };
        let mut package = cache
            .fetch(&said)
            .packages
            .pop()
            .unwrap_or(Err(FetchError::Offline))?;
        let archive = cache
            .archive_file(&integrity)
            .map(|path| registry::FetchedArchive {
                path,
                digest: integrity,
            });
        package.archive = Some(archive.ok_or(FetchError::Offline));
        Ok(package)
    }

    impl Arrival {
        /// Reads what arrived; nothing arrived means that the cache is looked into.
        fn new(
            want: &Want,
            fetched: Option<Result<FetchedPackage, FetchError>>,
            sources: &ArchiveSources<'_>,
        ) -> Self {
            let stopped = sources
                .cancel
                .is_some_and(|cancel| cancel.load(Ordering::Relaxed));
            let fetched = fetched.unwrap_or_else(|| from_cache(want, sources));
            let unpacked = match &fetched {
                Ok(package) if !stopped => {
                    match (registry::integrity(want, package), &package.archive) {
                        (Fact::Verified(digest), Some(Ok(archive))) => {
                            match Unpacked::read(&archive.path, Some(digest)) {
                                Fact::Verified(unpacked) => Fact::Verified(Arc::new(unpacked)),
                                // The file in our own cache changed after it was hashed: no word about what is installed.
                                Fact::Violated { why, .. } => {
                                    Fact::not_established(NotEstablished::Offline, why)
                                }
                                Fact::NotEstablished { code, why } => {
                                    Fact::NotEstablished { code, why }
                                }
                                Fact::NotApplicable => Fact::NotApplicable,
                            }
                        }
                        (Fact::Violated { code, why }, _) => Fact::Violated { code, why },
                        (Fact::NotEstablished { code, why }, _) => {
                            Fact::NotEstablished { code, why }
                        }
                        _ => not_asked(),
                    }
                }
                Ok(_) => not_asked(),
                Err(error) => error.clone().into_fact(),
            };
            Self {
                unpacked,
                want: want.clone(),
                fetched,
            }
        }

        /// The registry that answered, safe to show.
        pub(in super::super) fn registry(&self) -> Option<&str> {
            self.fetched
                .as_ref()
                .ok()
                .map(|package| package.registry.as_str())
                .filter(|registry| !registry.is_empty())
        }

        /// Why nothing could be found out, where it is the fault of this machine.
        pub(in super::super) fn own_fault(&self) -> crate::error::Result<()> {
            let archive = |package: &FetchedPackage| package.archive.clone().and_then(Result::err);
            match self
                .fetched
                .as_ref()
                .map_or_else(|error| Some(error.clone()), archive)
            {
                Some(error @ FetchError::Cache(_)) => Err(error.into_own_fault()),
                _ => Ok(()),
            }
        }

        /// Keeps what is signed of it, so that a later run can do without a network. Then an archive of the cache counts only when
        /// something signed says that it is this package: its file name is a digest that the state directory claims.
        pub(in super::super) fn prove(&mut self, sources: &ArchiveSources<'_>, now: Timestamp) {
            let (Ok(package), Some(cache)) = (&self.fetched, sources.cache) else {
                return;
            };
            let facts = registry::judge(
                &self.want,
                &self.fetched,
                &IdentityPolicy::default(),
                sources.anchors,
                now,
            );
            if !package.registry.is_empty() {
                // A cache that cannot be written only makes the next run slower.
                let _ = cache.keep_verified(&self.want, package, &facts);
            } else if facts.signatures.verified().is_none()
                && facts.attestations.publish.verified().is_none()
            {
                self.unpacked = match std::mem::take(&mut self.unpacked) {
                    Fact::NotEstablished { code, why } => Fact::NotEstablished { code, why },
                    _ => Fact::not_established(
                        NotEstablished::Offline,
                        "its archive is in the cache, but nothing there that is signed says so, and the network was not allowed",
                    ),
                };
            }
        }

        /// Who signed and published it.
        pub(in super::super) fn origin(
            &self,
            requirements: &Requirements<'_>,
            sources: &ArchiveSources<'_>,
            now: Timestamp,
            found: &mut Published,
        ) -> crate::error::Result<()> {
            let policy = crate::evidence::identity_policy(requirements)?;
            let facts = registry::judge(&self.want, &self.fetched, &policy, sources.anchors, now);
            if let Ok(package) = &self.fetched {
                found.weak = match registry::integrity(&self.want, package) {
                    Fact::NotEstablished { why, .. } if why == registry::NO_INTEGRITY => Some(why),
                    _ => None,
                };
            }
            found.day = match &self.fetched {
                Ok(_) => Published::day_of(facts.published, facts.registry.as_deref()),
                Err(error) => error.clone().into_fact(),
            };
            found.provenance = facts.attestations.package();
            found.signatures = facts.signatures;
            let answered = |package: &FetchedPackage| {
                matches!(
                    package.attestations,
                    Attestation::None | Attestation::Answer(_)
                )
            };
            found.asked = self.fetched.as_ref().is_ok_and(answered);
            Ok(())
        }
    }
}
