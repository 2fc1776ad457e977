//! Everything that `sigstore-verify` does for us, behind one module, because its interface changes with every minor version.
//!
//! The library checks one bundle against one trust root. Added here, because it does not: unique names in the JSON, exactly one kind
//! of content and of key material, an explicit media type, evidence for *every* log entry, every digest of the matched subject, and
//! the time of the caller instead of the machine's.

use jiff::Timestamp;
use serde_json::Value;
use sigstore_verify::trust_root::{
    SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot,
};
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{
    ArtifactDigest, Bundle, DerPublicKey, HashAlgorithm, SignatureContent,
};
use sigstore_verify::{
    CertificateError, PublicKeyVerificationPolicy, SubjectAltName, TransparencyLogError,
    VerificationPolicy,
};

use super::KeyError;
use super::artifact::Artifact;
use super::claims;
use super::fault::RefusedBundle;
use super::identity::Identity;
use super::shape::{self, malformed};
use super::statement::Statement;
use super::trust::{Instance, Unusable};
use super::unsupported;
use crate::fact::Fault;
use crate::text;

/// The trust root JSON that this program carries.
pub(super) fn embedded_root(instance: Instance) -> &'static str {
    match instance {
        Instance::PublicGood => SIGSTORE_PRODUCTION_TRUSTED_ROOT,
        Instance::GitHub => SIGSTORE_GITHUB_TRUSTED_ROOT,
    }
}

/// A trust root whose keys and certificates are parsed.
pub(super) struct SigstoreRoot {
    verifier: sigstore_verify::Verifier,
    instance: Instance,
}

impl SigstoreRoot {
    /// Reads a trust root and checks that it is of the kind that `instance` promises.
    pub(super) fn new(json: &str, instance: Instance) -> Result<Self, Unusable> {
        shape::parse(json.as_bytes())?;
        let root = TrustedRoot::from_json(json).map_err(|e| Unusable::Library(e.to_string()))?;
        match instance {
            Instance::PublicGood if root.tlogs.is_empty() => {
                return Err(Unusable::Without(
                    "transparency log; GitHub's own instance must be named",
                ));
            }
            // Skipping the log is right only where there is none: a root with logs would be stripped of half its checks.
            Instance::GitHub if !root.tlogs.is_empty() || !root.ctlogs.is_empty() => {
                return Err(Unusable::HasLog);
            }
            Instance::PublicGood if root.ctlogs.is_empty() => {
                return Err(Unusable::Without("certificate log"));
            }
            Instance::GitHub if root.timestamp_authorities.is_empty() => {
                return Err(Unusable::Without("timestamp authority"));
            }
            _ if root.certificate_authorities.is_empty() => {
                return Err(Unusable::Without("certificate authority"));
            }
            _ => {}
        }
        let verifier =
            sigstore_verify::Verifier::new(&root).map_err(|e| Unusable::Library(e.to_string()))?;
        Ok(Self { verifier, instance })
    }
}

/// A public key of the operator, for bundles that are signed with a key instead of a certificate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PublicKey(DerPublicKey);

impl PublicKey {
    /// The key in a PEM text (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = DerPublicKey::from_pem(pem.trim())
            .map_err(|error| KeyError::OtherForm(format!("cannot be read: {error}")))?;
        Self::from_der(key.as_bytes())
    }

    /// Its DER `SubjectPublicKeyInfo`.
    pub(super) fn der(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The key in a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = DerPublicKey::from_bytes(der);
        sigstore_verify::crypto::KeyAlgorithm::from_spki(&key).map_err(|error| {
            KeyError::Algorithm(format!("a kind that is not verified: {error}"))
        })?;
        Ok(Self(key))
    }
}

/// Whose signature is acceptable, as far as the cryptography goes.
pub(super) enum KeyMaterial<'a> {
    /// A certificate of the trust root's authority; who it names is judged afterwards.
    Certificate,
    /// This key.
    Key(&'a PublicKey),
}

/// A well-formed bundle that nothing is proven of yet.
pub(super) struct ParsedBundle {
    bundle: Bundle,
    statement: Option<Statement>,
}

/// What a verified bundle proves.
pub(super) struct Proven {
    /// The signer that the certificate names; none for keys.
    pub(super) identity: Option<Identity>,
    /// The times of signing that a log or a timestamp authority vouches for.
    pub(super) times: Vec<Timestamp>,
}

/// Most log entries and timestamps of one bundle, as in other Sigstore clients.
const MAX_EVIDENCE: usize = 32;

impl ParsedBundle {
    /// Reads one bundle, in full.
    pub(super) fn new(json: &Value) -> Result<Self, RefusedBundle> {
        shape::check(json)?;
        unsupported::check(json)?;
        let bundle = Bundle::from_json(&json.to_string()).map_err(|e| malformed(e.to_string()))?;
        let material = &bundle.verification_material;
        if material.tlog_entries.len() > MAX_EVIDENCE
            || material
                .timestamp_verification_data
                .rfc3161_timestamps
                .len()
                > MAX_EVIDENCE
        {
            return Err(malformed(format!(
                "more than {MAX_EVIDENCE} log entries or timestamps"
            )));
        }
        let statement = match &bundle.content {
            SignatureContent::DsseEnvelope(envelope) => {
                if envelope.payload_type != "application/vnd.in-toto+json" {
                    return Err(malformed(format!(
                        "the payload type is `{}`, expected application/vnd.in-toto+json",
                        text::excerpt(&envelope.payload_type, 80)
                    )));
                }
                Some(Statement::parse(envelope.payload.as_bytes())?)
            }
            _ => None,
        };
        Ok(Self { bundle, statement })
    }

    /// The statement it signs; none when it signs an artifact itself. Not proven before [`ParsedBundle::verify`].
    pub(super) fn statement(&self) -> Option<&Statement> {
        self.statement.as_ref()
    }

    /// The unproven names of the key that it says it was signed with: hint of the bundle, key id of the envelope.
    pub(super) fn key_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let VerificationMaterialContent::PublicKey(key) =
            &self.bundle.verification_material.content
        {
            names.push(key.hint.as_str());
        }
        if let SignatureContent::DsseEnvelope(envelope) = &self.bundle.content {
            names.push(envelope.signature.keyid.as_str());
        }
        names.retain(|name| !name.is_empty());
        names
    }

    /// Whether it carries a certificate (and not the name of a key).
    pub(super) fn has_certificate(&self) -> bool {
        self.bundle.signing_certificate().is_some()
    }

    /// Whether it was signed with what the caller trusts: a certificate, or a key.
    fn is_signed_by(
        &self,
        keys: &KeyMaterial<'_>,
        root: &SigstoreRoot,
    ) -> Result<(), RefusedBundle> {
        match (keys, self.has_certificate()) {
            (KeyMaterial::Certificate, false) => {
                let named = match self.bundle.verification_material.content {
                    VerificationMaterialContent::PublicKey(_) => {
                        "it was signed with a key; give that key"
                    }
                    _ => "it has no signing certificate",
                };
                Err(RefusedBundle::wrong(Fault::Certificate, named))
            }
            (KeyMaterial::Key(_), true) => Err(RefusedBundle::wrong(
                Fault::Key,
                "it was signed with a certificate, not with a key; give an identity and its issuer instead of a public key",
            )),
            (KeyMaterial::Key(_), false) if root.instance == Instance::GitHub => {
                Err(RefusedBundle::wrong(
                    Fault::Key,
                    "GitHub's own instance signs with certificates, and without a log a key proves no time",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Checks certificate, SCT, log entries, timestamps and signature, and that it is `artifact` that was signed.
    pub(super) fn verify(
        &self,
        artifact: &Artifact<'_>,
        keys: &KeyMaterial<'_>,
        root: &SigstoreRoot,
        now: Timestamp,
    ) -> Result<Proven, RefusedBundle> {
        self.is_signed_by(keys, root)?;
        let log_required = root.instance != Instance::GitHub;
        self.every_entry_has_evidence(log_required)?;
        let result = self.run(artifact, keys, root)?;
        let times = result.verified_timestamps().to_vec();
        if let Some(future) = times.iter().find(|time| **time > now) {
            return Err(RefusedBundle::wrong(
                Fault::Timestamp,
                format!("signed at {future}, which is after {now}"),
            ));
        }
        if let Some(statement) = &self.statement {
            binds(statement, artifact)?;
        }
        // The library reports what it did; a version that quietly did less must not pass.
        if log_required && !result.tlog_verified() {
            return Err(RefusedBundle::wrong(
                Fault::Log,
                "the log entry was not verified",
            ));
        }
        if matches!(keys, KeyMaterial::Key(_)) {
            return Ok(Proven {
                identity: None,
                times,
            });
        }
        if !result.certificate_verified() {
            return Err(RefusedBundle::wrong(
                Fault::Certificate,
                "the certificate was not verified",
            ));
        }
        if log_required && !result.sct_verified() {
            return Err(RefusedBundle::wrong(
                Fault::Sct,
                "the certificate timestamp was not verified",
            ));
        }
        if times.is_empty() {
            return Err(RefusedBundle::wrong(
                Fault::Timestamp,
                "no time of signing was verified",
            ));
        }
        if let Some(certificate) = self.bundle.signing_certificate() {
            claims::one_meaning(certificate.as_bytes())?;
        }
        Ok(Proven {
            identity: Some(identity_of(&result)),
            times,
        })
    }

    fn run(
        &self,
        artifact: &Artifact<'_>,
        keys: &KeyMaterial<'_>,
        root: &SigstoreRoot,
    ) -> Result<sigstore_verify::VerificationResult, RefusedBundle> {
        let github = root.instance == Instance::GitHub;
        let policy: Box<dyn sigstore_verify::Policy> = match keys {
            KeyMaterial::Certificate if github => Box::new(
                VerificationPolicy::any_identity()
                    .skip_tlog_unsafe()
                    .skip_sct(),
            ),
            KeyMaterial::Certificate => Box::new(VerificationPolicy::any_identity()),
            KeyMaterial::Key(key) => Box::new(PublicKeyVerificationPolicy::new(key.0.clone())),
        };
        self.comparable(artifact)?;
        let digest = self.digest_for(artifact)?;
        match root.verifier.verify(digest, &self.bundle, policy.as_ref()) {
            // Some schemes and digests need the artifact itself.
            Err(sigstore_verify::Error::UnsupportedArtifact(why)) => match artifact.whole() {
                Ok(Some(bytes)) => root
                    .verifier
                    .verify(bytes.as_ref(), &self.bundle, policy.as_ref())
                    .map_err(refused),
                Ok(None) => Err(RefusedBundle::Unsupported(format!(
                    "the bundle cannot be compared with a digest alone: {why}"
                ))),
                Err(e) => Err(RefusedBundle::Unsupported(format!(
                    "the artifact {e}, and its signature needs all of its bytes"
                ))),
            },
            other => other.map_err(refused),
        }
    }

    /// Whether the statement can be compared at all with an artifact of which only one digest is known.
    fn comparable(&self, artifact: &Artifact<'_>) -> Result<(), RefusedBundle> {
        let has = |algorithm: &str| {
            self.statement.as_ref().is_some_and(|s| {
                s.subjects
                    .iter()
                    .any(|subject| subject.digest(algorithm).is_some())
            })
        };
        let (known, other) = match (artifact.sha256, artifact.sha512) {
            (Some(_), None) => ("sha256", "sha512"),
            (None, Some(_)) => ("sha512", "sha256"),
            _ => return Ok(()),
        };
        if !has(known) && has(other) {
            return Err(RefusedBundle::Unsupported(format!(
                "the statement names artifacts by {other}, and of this one only the {known} is given; give the file"
            )));
        }
        Ok(())
    }

    /// The digest to verify with: SHA-256 where it is known and asked for, else SHA-512.
    fn digest_for(&self, artifact: &Artifact<'_>) -> Result<ArtifactDigest, RefusedBundle> {
        let wants = |algorithm: &str| {
            self.statement.as_ref().is_none_or(|s| {
                s.subjects
                    .iter()
                    .any(|subject| subject.digest(algorithm).is_some())
            })
        };
        let sha256 = artifact
            .sha256
            .map(|d| (HashAlgorithm::Sha2256, d.0.to_vec()));
        let sha512 = artifact
            .sha512
            .map(|d| (HashAlgorithm::Sha2512, d.0.to_vec()));
        let (algorithm, value) = match (sha256, sha512) {
            (Some(sha256), _) if wants("sha256") => sha256,
            (_, Some(sha512)) if wants("sha512") => sha512,
            (Some(any), _) | (None, Some(any)) => any,
            (None, None) => {
                return Err(RefusedBundle::Unsupported(
                    "no digest of the artifact is known".to_owned(),
                ));
            }
        };
        ArtifactDigest::new(algorithm, value)
            .map_err(|e| RefusedBundle::wrong(Fault::Artifact, e.to_string()))
    }

    /// The library is content when *one* entry carries evidence; an entry without any must not ride along.
    fn every_entry_has_evidence(&self, log_required: bool) -> Result<(), RefusedBundle> {
        let entries = &self.bundle.verification_material.tlog_entries;
        if log_required && entries.is_empty() {
            return Err(RefusedBundle::wrong(
                Fault::Log,
                "the bundle has no transparency log entry; GitHub's own instance keeps no log, and must be named to be accepted",
            ));
        }
        if log_required
            && entries
                .iter()
                .any(|e| e.inclusion_promise.is_none() && e.inclusion_proof.is_none())
        {
            return Err(RefusedBundle::wrong(
                Fault::Log,
                "a log entry has neither a promise nor a proof of inclusion",
            ));
        }
        // The library compares the root that was signed, and not for how large a log.
        let other_size = entries
            .iter()
            .filter_map(|entry| entry.inclusion_proof.as_ref())
            .any(|proof| {
                proof
                    .checkpoint
                    .checkpoint()
                    .is_some_and(|checkpoint| checkpoint.tree_size() != proof.tree_size)
            });
        if other_size {
            return Err(RefusedBundle::wrong(
                Fault::Log,
                "a proof of inclusion is for another size of the log than its checkpoint",
            ));
        }
        Ok(())
    }
}

/// Whether some subject of the statement is the artifact: at least one digest of it is known, and none that is known differs.
pub(super) fn binds(statement: &Statement, artifact: &Artifact<'_>) -> Result<(), RefusedBundle> {
    let sha256 = artifact.sha256.map(|d| d.hex());
    let sha512 = artifact.sha512.map(|d| d.hex());
    if statement
        .subjects
        .iter()
        .any(|subject| artifact.is(subject) == Some(true))
    {
        return Ok(());
    }
    let is = sha256
        .map(|d| format!("sha256:{d}"))
        .or(sha512.map(|d| format!("sha512:{d}")))
        .unwrap_or_default();
    Err(RefusedBundle::wrong(
        Fault::Artifact,
        format!("no subject of the attestation is this artifact ({is})"),
    ))
}

fn identity_of(result: &sigstore_verify::VerificationResult) -> Identity {
    let claims = result
        .certificate()
        .map(|c| c.ci_claims.clone())
        .unwrap_or_default();
    let old = claims.deprecated_github;
    let issuer = result.issuer().map(str::to_owned);
    // Certificates of 2022 and 2023 carry only the older GitHub claims, with a repository that has no host.
    let old_repository = old
        .workflow_repository
        .map(|repository| format!("https://github.com/{repository}"));
    let uri = match result.identity() {
        Some(SubjectAltName::Uri(uri)) => Some(uri.clone()),
        _ => None,
    };
    Identity {
        subject: result
            .identity()
            .map(|i| i.as_str().to_owned())
            .unwrap_or_default(),
        issuer,
        signer: claims.build_signer_uri.or(uri),
        config: claims.build_config_uri,
        source_repository: claims.source_repository_uri.or(old_repository),
        source_ref: claims.source_repository_ref.or(old.workflow_ref),
        source_digest: claims.source_repository_digest.or(old.workflow_sha),
        runner: claims.runner_environment,
        run: claims.run_invocation_uri,
    }
}

/// The library's error as one of our codes.
fn refused(error: sigstore_verify::Error) -> RefusedBundle {
    use sigstore_verify::Error as E;
    use sigstore_verify::bundle::Error as B;
    let why = text::excerpt(&error.to_string(), 400);
    let fault = match &error {
        E::SignatureInvalid(_) | E::Crypto(_) => Fault::Signature,
        // The signature over the artifact was verified before; it is the entry that belongs to something else.
        E::ArtifactMismatch(why) if why.contains("hashedrekord entry") => Fault::Log,
        E::ArtifactMismatch(_) => Fault::Artifact,
        E::Certificate(CertificateError::Sct(_)) => Fault::Sct,
        E::Certificate(_) | E::TrustedCertificate(_) => Fault::Certificate,
        E::TransparencyLog(TransparencyLogError::IntegratedTime(_)) | E::Timestamp(_) => {
            Fault::Timestamp
        }
        E::TransparencyLog(_) => Fault::Log,
        E::Bundle(
            B::MissingInclusionPromise(_)
            | B::MissingInclusionProof(_)
            | B::MissingSigningTimeEvidence
            | B::MissingCheckpoint
            | B::LogIndexOutOfRange { .. }
            | B::CheckpointRootMismatch,
        ) => Fault::Log,
        E::Bundle(B::MissingTimestamp) => Fault::Timestamp,
        E::IdentityMismatch { .. } => Fault::Identity,
        E::IssuerMismatch { .. } => Fault::Issuer,
        E::InvalidTrustRoot(_) => Fault::Sct,
        _ => Fault::Bundle,
    };
    RefusedBundle::Wrong(fault, why)
}
