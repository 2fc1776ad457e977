//! The document about one package that is judged before it is installed.

use schemars::JsonSchema;
use serde::Serialize;

use super::{PackageContents, Report};
use crate::fact::Outcome;
use crate::provenance::{AnchorsUsed, Identity};

/// The `schema` of [`CandidateDocument`].
pub const CANDIDATE_SCHEMA: &str = "openclaw-verify.candidate/1";

/// What is said of one package before it is installed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CandidateDocument<'a> {
    /// It was judged.
    #[serde(rename_all = "camelCase")]
    Judged {
        /// `openclaw-verify.candidate/1`.
        schema: &'static str,
        /// What is inside.
        contents: &'a PackageContents,
        /// Whether it is what the registry or the caller said.
        integrity: Outcome,
        /// Who built it.
        provenance: CandidateProvenance<'a>,
        /// Whether the registry signed it.
        registry_signatures: CandidateSignatures<'a>,
        /// What signatures were judged by.
        trust: AnchorsUsed,
        /// The findings, as in any other report.
        report: Box<Report>,
    },
    /// It cannot be read as npm would read it, so it was not judged.
    Refused {
        /// `openclaw-verify.candidate/1`.
        schema: &'static str,
        /// What was named.
        archive: &'a str,
        /// Why.
        refused: &'a str,
    },
    /// Nothing can be known of it.
    NotEstablished {
        /// `openclaw-verify.candidate/1`.
        schema: &'static str,
        /// What was named.
        archive: &'a str,
        /// `not-established`.
        outcome: Outcome,
        /// What is missing, for scripts.
        code: &'a str,
        /// Why.
        why: &'a str,
        /// What to do.
        next: &'a str,
    },
}

/// Who built it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CandidateProvenance<'a> {
    /// Whether that was proved.
    pub outcome: Outcome,
    /// The identity in the certificate.
    pub identity: Option<&'a Identity>,
}

/// The registry's signatures.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CandidateSignatures<'a> {
    /// Whether they are good.
    pub outcome: Outcome,
    /// The keys that made them.
    pub keys: &'a [String],
}
