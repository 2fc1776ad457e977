//! Facts about what lies in a Nix store: whether the store paths of a subject, and those that its links lead into, are what the store's
//! database registered.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::{Evidence, parts};
use crate::error::{Error, Result};
use crate::fact::{Fact, Outcome};
use crate::inventory::Subject;
use crate::nix::{NarError, Proof, Store, StorePath};
use crate::tree::TreeNote;

/// What is known of a subject that lies in a store, or leads into one.
#[derive(Clone, Debug)]
pub(crate) struct StoreFacts {
    /// How the database is shown.
    pub database: String,
    /// Names of the store paths, each with what is established of it. Sorted.
    pub paths: Vec<StoreFact>,
    /// The key by which all files of the subject are signed.
    pub signer: Option<String>,
}

/// One store path.
#[derive(Clone, Debug)]
pub(crate) struct StoreFact {
    /// `<hash>-<name>`.
    pub path: String,
    /// Files of the subject lie in it, so its own digest covers them: a lock knows them.
    pub own: bool,
    /// What is established.
    pub fact: Fact<Proof>,
}

impl StoreFacts {
    /// Whether everything of it was found as registered by something that only root can write, or proves itself.
    pub(crate) fn is_firm(&self) -> bool {
        self.paths
            .iter()
            .all(|path| path.fact.verified().is_some_and(|proof| proof.firm))
    }

    /// The outcome over all paths.
    pub(crate) fn outcome(&self) -> Outcome {
        let outcomes = self.paths.iter().map(|path| path.fact.outcome());
        outcomes.max().unwrap_or_default()
    }
}

/// What is known of the store paths of `subject`; none where it has none.
///
/// # Errors
/// When the caller cancelled.
pub(super) fn judge(
    subject: &Subject,
    evidence: &Evidence,
    store: &Store,
    cancel: Option<&AtomicBool>,
) -> Result<Option<StoreFacts>> {
    let measured = [&evidence.tree, &evidence.dependencies, &evidence.siblings];
    let places = parts(subject).into_iter().zip(measured);
    let roots = places.filter(|(_, part)| part.tree().is_some());
    let roots = roots.filter_map(|(spec, _)| spec?.root.canonicalize().ok());
    let roots: Vec<Option<StorePath>> = roots.map(|root| store.path_of(&root)).collect();
    let own: BTreeSet<&StorePath> = roots.iter().flatten().collect();
    let node = subject.node.as_ref();
    let node = node.and_then(|node| store.path_of(Path::new(&node.path)));
    let notes = measured.into_iter().filter_map(|part| part.tree());
    let linked = notes
        .flat_map(|tree| &tree.notes)
        .filter_map(|note| match note {
            TreeNote::StoreLinks { paths } => Some(paths),
            _ => None,
        });
    let linked: BTreeSet<&StorePath> = linked.flatten().chain(&node).collect();
    if own.is_empty() && linked.is_empty() {
        return Ok(None);
    }
    let mut paths = Vec::new();
    for path in own.union(&linked) {
        let fact = store.verify(path, cancel).map_err(|error| match error {
            NarError::Cancelled => Error::Cancelled,
            NarError::Refused(why) => Error::environment(why, "please report this"),
        })?;
        paths.push(StoreFact {
            path: path.base().to_owned(),
            own: own.contains(path),
            fact,
        });
    }
    // A signature is of the subject where each of its folders lies in a signed path, and all that links lead to proves itself too.
    let proves = |path: &StoreFact| {
        let proof = path.fact.verified();
        proof.is_some_and(|proof| proof.named || proof.signer.is_some())
    };
    let whole = !roots.is_empty() && roots.iter().all(Option::is_some) && paths.iter().all(proves);
    let signer = |path: &StoreFact| path.fact.verified()?.signer.clone();
    let signers = paths.iter().filter(|path| path.own).map(signer);
    let signers: Option<Vec<String>> = signers.collect();
    Ok(Some(StoreFacts {
        database: store.database(),
        paths,
        signer: signers
            .filter(|_| whole)
            .and_then(|signers| signers.into_iter().next()),
    }))
}
