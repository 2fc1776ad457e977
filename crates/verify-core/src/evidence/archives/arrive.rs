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
pub(crate) struct Sources<'a> {
    /// The registry, when the operator allowed the network.
    #[cfg(feature = "online")]
    pub client: Option<&'a Client>,
    /// What was fetched before.
    #[cfg(feature = "online")]
    pub cache: Option<&'a Cache>,
    /// npm's keys, and the trust root of attestations.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "only a registry has attestations"))]
    pub anchors: &'a Anchors,
    /// Threads that read archives; 0 means one a core.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "only a registry has many archives"))]
    pub threads: usize,
    /// Set by the caller to stop.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "only a registry has many archives"))]
    pub cancel: Option<&'a AtomicBool>,
}

/// Why there is nothing, when nobody may be asked.
pub(super) fn nobody_asked<T>() -> Fact<T> {
    if cfg!(feature = "online") {
        Fact::not_established(NotEstablished::Offline, "the network was not allowed (--online)")
    } else {
        Fact::not_established(NotEstablished::FeatureDisabled, "this build cannot ask a registry (feature `online`)")
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
    const MAX_FILES: usize = 16;
    let Some(integrity) = integrity else {
        return Fact::not_established(NotEstablished::UnsupportedSchema, "no integrity of its archive is recorded");
    };
    let gone = || Fact::not_established(NotEstablished::Offline, "the local archive that it was installed from is not there");
    let Ok(entries) = std::fs::read_dir(folder) else { return gone() };
    let mut paths: Vec<_> = entries.take(MAX_FILES).flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut other = None;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "tgz")) {
        match Unpacked::read(path, Some(integrity)) {
            Fact::Verified(unpacked) => return Fact::Verified(Arc::new(unpacked)),
            wrong => other = other.or(Some(wrong)),
        }
    }
    match other {
        Some(Fact::Violated { code, why }) => Fact::Violated { code, why },
        Some(Fact::NotEstablished { code, why }) => Fact::NotEstablished { code, why },
        _ => gone(),
    }
}

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
pub(super) fn all(wants: &[Wanted], _: &Sources<'_>) -> Vec<Arrival> {
    wants.iter().map(|_| Arrival { unpacked: nobody_asked() }).collect()
}

#[cfg(not(feature = "online"))]
impl Arrival {
    pub(super) fn origin(&self, _: &Requirements<'_>, _: &Sources<'_>, _: Timestamp, _: &mut Published) -> crate::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "online")]
pub(super) fn all(wants: &[Wanted], sources: &Sources<'_>) -> Vec<Arrival> {
    online::all(wants, sources)
}

#[cfg(feature = "online")]
mod online {
    use std::sync::atomic::Ordering;
    use std::sync::{Mutex, PoisonError, mpsc};

    use super::*;
    use crate::registry::{Attestation, Plan};

    /// Downloads in one thread; reads what has arrived in others.
    ///
    /// A dependency whose archive was fetched before is not asked for again: its bytes are what is compared. Of subjects themselves
    /// the registry is asked each time, because what it says of signatures and attestations can change.
    pub(super) fn all(wants: &[Wanted], sources: &Sources<'_>) -> Vec<Arrival> {
        let wants: Vec<Want> = wants.iter().map(want).collect();
        let kept = |want: &Want| {
            let known = want
                .integrity
                .is_some_and(|integrity| sources.cache.is_some_and(|cache| cache.archive_file(&integrity).is_some()));
            known && !want.attestations
        };
        let (cached, asked): (Vec<usize>, Vec<usize>) =
            (0..wants.len()).partition(|at| sources.client.is_none() || wants.get(*at).is_some_and(kept));
        let mut arrived: Vec<Option<Arrival>> = wants.iter().map(|_| None).collect();
        bring(&wants, &cached, &asked, sources, &mut arrived);
        if sources.client.is_some() {
            // A damaged file of the cache is no answer.
            let damaged = |at: &usize| {
                arrived.get(*at).and_then(Option::as_ref).is_none_or(|arrival| arrival.unpacked.verified().is_none())
            };
            let again: Vec<usize> = cached.into_iter().filter(damaged).collect();
            bring(&wants, &[], &again, sources, &mut arrived);
        }
        let missed = |(arrival, want): (Option<Arrival>, &Want)| {
            arrival.unwrap_or_else(|| Arrival {
                unpacked: nobody_asked(),
                want: want.clone(),
                fetched: Err(FetchError::Network("the download was stopped".to_owned())),
            })
        };
        arrived.into_iter().zip(&wants).map(missed).collect()
    }

    /// Brings `cached` from the cache and `asked` from the registry, both by their place in `wants`.
    fn bring(wants: &[Want], cached: &[usize], asked: &[usize], sources: &Sources<'_>, arrived: &mut [Option<Arrival>]) {
        let threads = match sources.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let (sender, receiver) = mpsc::channel();
        let (receiver, done) = (Mutex::new(receiver), Mutex::new(Vec::new()));
        let read = || {
            loop {
                let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((at, fetched)) = next else { return };
                if let Some(want) = wants.get(at) {
                    let arrival = Arrival::new(want, fetched, sources);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, arrival));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.min(cached.len() + asked.len()) {
                scope.spawn(read);
            }
            for at in cached {
                // Fails only when every reader is gone, and then nothing is missing it.
                let _ = sender.send((*at, None));
            }
            if let Some(client) = sources.client.filter(|_| !asked.is_empty()) {
                let plan = Plan { wants: asked.iter().filter_map(|at| wants.get(*at).cloned()).collect() };
                let send = |place: usize, fetched| {
                    if let Some(at) = asked.get(place) {
                        let _ = sender.send((*at, Some(fetched)));
                    }
                };
                // What did not arrive because no thread could be started is missed by the caller.
                let _ = registry::block_on(client.fetch_each(&plan, send));
            }
            drop(sender);
        });
        for (at, arrival) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if let Some(place) = arrived.get_mut(at) {
                *place = Some(arrival);
            }
        }
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
    fn from_cache(want: &Want, sources: &Sources<'_>) -> Result<FetchedPackage, FetchError> {
        let cache = sources.cache.ok_or(FetchError::Offline)?;
        let integrity = want.integrity.ok_or(FetchError::Offline)?;
        let attestations = Plan { wants: vec![Want { archive: false, ..want.clone() }] };
        let mut package = cache.fetch(&attestations).packages.pop().unwrap_or(Err(FetchError::Offline))?;
        let archive = cache.archive_file(&integrity).map(|path| registry::Archive { path, digest: integrity });
        package.archive = Some(archive.ok_or(FetchError::Offline));
        Ok(package)
    }

    impl Arrival {
        /// Reads what arrived; nothing arrived means that the cache is looked into.
        fn new(want: &Want, fetched: Option<Result<FetchedPackage, FetchError>>, sources: &Sources<'_>) -> Self {
            let stopped = sources.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
            let fetched = fetched.unwrap_or_else(|| from_cache(want, sources));
            let unpacked = match &fetched {
                Ok(package) if !stopped => match (registry::integrity(want, package), &package.archive) {
                    (Fact::Verified(digest), Some(Ok(archive))) => match Unpacked::read(&archive.path, Some(digest)) {
                        Fact::Verified(unpacked) => Fact::Verified(Arc::new(unpacked)),
                        // The file in our own cache changed after it was hashed: no word about what is installed.
                        Fact::Violated { why, .. } => Fact::not_established(NotEstablished::Offline, why),
                        Fact::NotEstablished { code, why } => Fact::NotEstablished { code, why },
                        Fact::NotApplicable => Fact::NotApplicable,
                    },
                    (Fact::Violated { code, why }, _) => Fact::Violated { code, why },
                    (Fact::NotEstablished { code, why }, _) => Fact::NotEstablished { code, why },
                    _ => nobody_asked(),
                },
                Ok(_) => nobody_asked(),
                Err(error) => error.clone().into_fact(),
            };
            Self { unpacked, want: want.clone(), fetched }
        }

        /// Who signed and published it.
        pub(in super::super) fn origin(
            &self,
            requirements: &Requirements<'_>,
            sources: &Sources<'_>,
            now: Timestamp,
            found: &mut Published,
        ) -> crate::Result<()> {
            let policy = crate::verifier::identity_policy(requirements)?;
            let facts = registry::judge(&self.want, &self.fetched, &policy, sources.anchors, now);
            if let (Ok(package), Some(cache)) = (&self.fetched, sources.cache) {
                // A cache that cannot be written only makes the next run slower.
                let _ = cache.keep_verified(&self.want, package, &facts);
            }
            found.provenance = facts.attestations.package();
            found.signatures = facts.signatures;
            found.day = facts.published.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).date());
            let answered = |package: &FetchedPackage| matches!(package.attestations, Attestation::None | Attestation::Answer(_));
            found.asked = self.fetched.as_ref().is_ok_and(answered);
            Ok(())
        }
    }
}
