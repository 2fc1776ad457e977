//! What a Nix store says of a subject.

use schemars::JsonSchema;
use serde::Serialize;

use crate::evidence::{StoreFact, StoreFacts};
use crate::fact::Outcome;

/// What a Nix store says of a subject that lies in it or leads into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StoreReport {
    /// The store's database, safe to show.
    pub database: String,
    /// The outcome over all paths.
    pub outcome: Outcome,
    /// The trusted key by which all files of the subject are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The store paths, sorted by name.
    pub paths: Vec<StorePathReport>,
}

/// One store path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StorePathReport {
    /// Its name in the store, `<hash>-<name>`.
    pub path: String,
    /// Whether files of the subject lie in it; otherwise only links lead there.
    pub own: bool,
    /// Whether it is what the database registered.
    pub outcome: Outcome,
    /// SHA-256 of its archive in Nix's format, hex, where it is the registered one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nar_sha256: Option<String>,
    /// Its name is made from its content.
    pub content_addressed: bool,
    /// The trusted key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
}

impl StoreReport {
    pub(super) fn new(facts: &StoreFacts) -> Self {
        Self {
            database: facts.database.clone(),
            outcome: facts.outcome(),
            signer: facts.signer.clone(),
            paths: facts.paths.iter().map(StorePathReport::new).collect(),
        }
    }
}

impl StorePathReport {
    fn new(fact: &StoreFact) -> Self {
        let proof = fact.fact.verified();
        Self {
            path: fact.path.clone(),
            own: fact.own,
            outcome: fact.fact.outcome(),
            nar_sha256: proof.map(|proof| proof.nar.clone()),
            content_addressed: proof.is_some_and(|proof| proof.named),
            signer: proof.and_then(|proof| proof.signer.clone()),
        }
    }
}
