//! Signatures that are demanded of the operator's own files before anything is judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Builder;
use super::builder::{OperatorFile, shown};
use crate::digest::Sha256Digest;
use crate::error::{Error, OperatorError, Result};
use crate::operator_file::{self, Purpose, Seal};
use crate::policy::{ImportLocation, Policy, ReleasePolicy, SkillSigner};
use crate::read;
use crate::release::{AllowedSigners, FILE_NAMESPACE, verify_detached};

/// Most bytes of a signature.
const MAX_SIGNATURE: u64 = 64 << 10;

/// Who has to have signed the operator's files, and how old they may be.
#[derive(Clone, Debug)]
pub struct Demand {
    signers: Vec<(String, AllowedSigners)>,
    serials: Option<BTreeMap<Purpose, u64>>,
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedFile {
    /// Who signed, by each signers file. Safe to show.
    pub by: String,
    /// The number of the file.
    pub serial: u64,
}

impl Demand {
    /// Demands a signature that each of `signers` allows: files, as they are shown, and what they hold. `serials` are the highest numbers
    /// that were seen; where there are none, an older file cannot be told from the newest.
    #[must_use]
    pub fn new(
        signers: Vec<(String, AllowedSigners)>,
        serials: Option<BTreeMap<Purpose, u64>>,
    ) -> Self {
        Self { signers, serials }
    }

    /// Whether an older file of each kind would be noticed.
    #[must_use]
    pub fn detects_replay(&self) -> bool {
        let known = |purpose| {
            self.serials
                .as_ref()
                .is_some_and(|seen| seen.contains_key(&purpose))
        };
        Purpose::ALL.into_iter().all(known)
    }

    /// The highest number that was seen of files for `purpose`; 0 where none was.
    #[must_use]
    pub fn seen(&self, purpose: Purpose) -> u64 {
        let serials = self.serials.as_ref();
        serials
            .and_then(|serials| serials.get(&purpose).copied())
            .unwrap_or_default()
    }

    /// Who signed the file at `path`, which holds `text` and is for `purpose`.
    ///
    /// # Errors
    /// When it is not there, not signed, signed by another or for something else, or older than what was seen.
    pub fn signed(
        &self,
        path: &Path,
        text: Option<&str>,
        purpose: Purpose,
        now: jiff::Timestamp,
    ) -> Result<SignedFile> {
        let file = shown(path);
        let wrong = |why: String| {
            let word = crate::text::shell_word(&file).into_owned();
            let error = OperatorError::whole(path, format!("{file} {why}"));
            Error::from(error.with_help(format!(
                "it has to be signed, by a key that the signers file names: ssh-keygen -Y sign -n {FILE_NAMESPACE} -f KEY {word}"
            )))
        };
        let unsealed = |why: String| {
            let mut error = OperatorError::whole(path, format!("{file} {why}"));
            error.unsealed = true;
            Error::from(error.with_help(
                "its first line has to say for what it is signed and with which serial, then it has to be signed",
            ))
        };
        let text = text
            .ok_or_else(|| unsealed(format!("is not there, and a signed {purpose} is required")))?;
        let seal = Seal::of(text).ok_or_else(|| {
            unsealed("does not say in its first line for what it is signed (lock, policy or reviews, and a serial)".to_owned())
        })?;
        if seal.purpose != purpose {
            return Err(wrong(format!(
                "is signed as {}, and is used as {purpose}",
                seal.purpose
            )));
        }
        if seal.serial < self.seen(purpose) {
            return Err(wrong(format!(
                "has the serial {}, and {} was seen before: it was replaced by an older file",
                seal.serial,
                self.seen(purpose)
            )));
        }
        let signature = signature_of(path);
        let bytes = read::bytes(&signature, MAX_SIGNATURE).map_err(|error| match error {
            read::ReadError::NotFound => wrong("is not signed".to_owned()),
            error => wrong(format!("has a signature that {error}")),
        })?;
        let mut by = Vec::new();
        for (_, signers) in &self.signers {
            let signer = verify_detached(text.as_bytes(), &bytes, signers, "file", now)
                .map_err(|failure| wrong(format!("is not rightly signed: {}", failure.message)))?;
            by.push(format!("{} ({})", signer.principal, signer.fingerprint));
        }
        by.dedup();
        Ok(SignedFile {
            by: by.join(", "),
            serial: seal.serial,
        })
    }

    /// Every other file that judges is root's alone, or the signed policy names its digest.
    pub(super) fn trusts(
        &self,
        policy: &Policy,
        files: impl IntoIterator<Item = PathBuf>,
    ) -> Result<()> {
        for path in files {
            let pinned = policy.files().iter().find(|pinned| pinned.path == path);
            let Some(pinned) = pinned else {
                if path.symlink_metadata().is_err() {
                    continue;
                }
                let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
                let Err(why) = operator_file::roots_alone(&whole) else {
                    continue;
                };
                return Err(Error::environment(
                    format!(
                        "{} {why}: where signatures are required, only root may be able to change a file that decides the verdict",
                        shown(&path)
                    ),
                    "as root: chown root and chmod go-w, for the file and every folder above it; or pin it in the signed policy: [[file]] with path and sha256",
                ));
            };
            let bytes = path
                .canonicalize()
                .map_err(read::ReadError::from)
                .and_then(|real| read::bytes(&real, operator_file::MAX_BYTES))
                .map_err(|error| {
                    Error::environment(
                        format!("{} {error}", shown(&path)),
                        "the signed policy names this file",
                    )
                })?;
            let found = Sha256Digest::of(&bytes);
            if found != pinned.sha256 {
                return Err(Error::environment(
                    format!(
                        "{} has the digest {found}, and the signed policy names {}",
                        shown(&path),
                        pinned.sha256
                    ),
                    "put the file back, or have the policy name the new one and sign it",
                ));
            }
        }
        Ok(())
    }
}

/// `<file>.sig`.
#[must_use]
pub fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

impl Builder {
    /// The files that policy names to say who may sign, what others reviewed and what is no hole: what they are for, and where they
    /// lie.
    pub(super) fn named_files(policy: &Policy) -> Vec<(&'static str, PathBuf)> {
        let signers = policy.release_rules().iter().flat_map(ReleasePolicy::files);
        let skills = policy.skill_signers().iter().filter_map(SkillSigner::file);
        let imports = policy
            .imports
            .iter()
            .filter_map(|import| match &import.location {
                ImportLocation::Path(path) => Some(path.as_path()),
                ImportLocation::Url(_) => None,
            });
        let vex = policy.vex.iter().map(|file| file.path.as_path());
        let named = |what: &'static str| move |path: &Path| (what, path.to_owned());
        signers
            .map(named("signers"))
            .chain(skills.map(named("skill-signer")))
            .chain(imports.map(named("import")))
            .chain(vex.map(named("vex")))
            .collect()
    }
}

impl OperatorFile {
    /// Makes sure that it is signed, where that is demanded.
    pub(super) fn demand(
        &mut self,
        demand: Option<&Demand>,
        purpose: Purpose,
        now: jiff::Timestamp,
    ) -> Result<()> {
        if let Some(demand) = demand {
            self.signed = Some(demand.signed(&self.path, self.text.as_deref(), purpose, now)?);
        }
        Ok(())
    }
}
