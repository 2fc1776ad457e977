//! The two attestations of a package version: npm's own, that it accepted the archive, and the build's, where it came from.

use jiff::Timestamp;
use serde_json::Value;

use super::{Attestations, AttestedPackage, KeyUsage, MAX_ENTRIES, NpmKeys, PROVENANCE, PUBLISH};
use crate::fact::{Fact, Fault};
use crate::provenance::artifact::Artifact;
use crate::provenance::attestation::{MAX_BUNDLE_BYTES, hint};
use crate::provenance::fault::{RefusedBundle, fact};
use crate::provenance::identity::{Identity, IdentityPolicy};
use crate::provenance::shape;
use crate::provenance::sigstore::{KeyMaterial, ParsedBundle, PublicKey};
use crate::provenance::statement::Statement;
use crate::provenance::trust::TrustRoot;
use crate::text;

pub(super) struct Judge<'a> {
    pub(super) package: &'a AttestedPackage<'a>,
    pub(super) policy: &'a IdentityPolicy,
    pub(super) keys: &'a NpmKeys,
    pub(super) trust: &'a TrustRoot,
    pub(super) now: Timestamp,
}

impl Judge<'_> {
    pub(super) fn both(&self, entries: &[PublishedAttestation]) -> Attestations {
        // An entry belongs to the half that it is signed as, whatever the outside says: so a lie outside cannot hide it.
        let of = |wanted: Half| {
            entries.iter().filter(move |entry| {
                let signed = entry
                    .parsed
                    .as_ref()
                    .ok()
                    .and_then(|p| p.statement())
                    .map(|s| half(&s.predicate_type));
                match signed {
                    Some(Half::Other) | None => half(&entry.outer) == wanted,
                    Some(signed) => signed == wanted,
                }
            })
        };
        Attestations {
            publish: self.only(of(Half::Publish), "publish attestation", |entry| {
                self.publish(entry)
            }),
            provenance: self.only(of(Half::Provenance), "provenance attestation", |entry| {
                self.provenance(entry)
            }),
        }
    }

    fn only<'e, T>(
        &self,
        mut entries: impl Iterator<Item = &'e PublishedAttestation>,
        what: &str,
        judge: impl Fn(&PublishedAttestation) -> Result<T, RefusedBundle>,
    ) -> Fact<T> {
        match (entries.next(), entries.next()) {
            (None, _) => Fact::NotApplicable,
            (Some(entry), None) => fact(judge(entry)),
            _ => Fact::violated(
                Fault::Bundle,
                format!("there is more than one {what}: which of them counts is undefined"),
            ),
        }
    }

    fn publish(&self, entry: &PublishedAttestation) -> Result<(), RefusedBundle> {
        let (parsed, statement) = self.statement(entry)?;
        if statement.predicate_type != PUBLISH {
            return Err(RefusedBundle::wrong(
                Fault::PredicateType,
                format!(
                    "`{}` is no known publish attestation",
                    text::excerpt(&statement.predicate_type, 120)
                ),
            ));
        }
        let names = parsed.key_names();
        let id = *names.first().ok_or_else(|| {
            RefusedBundle::wrong(
                Fault::Key,
                "the publish attestation does not say which key signed it",
            )
        })?;
        if names.iter().any(|name| *name != id) {
            return Err(RefusedBundle::wrong(
                Fault::Key,
                "the publish attestation names two different keys",
            ));
        }
        let key = self.keys.find(id, KeyUsage::Attestations)?;
        let public = PublicKey::from_der(&key.der)
            .map_err(|why| RefusedBundle::wrong(Fault::Key, format!("its key {why}")))?;
        let proven = parsed
            .verify(
                &Artifact::sha512(self.package.integrity),
                &KeyMaterial::Key(&public),
                &self.trust.root,
                self.now,
            )
            .map_err(|e| hint(e, self.trust, self.now))?;
        if proven.times.is_empty() {
            return Err(RefusedBundle::wrong(
                Fault::Timestamp,
                "nothing proves when the publish attestation was signed",
            ));
        }
        for time in &proven.times {
            key.check_lifetime(*time)?;
        }
        self.subject(statement)?;
        for (field, wanted) in [
            ("name", self.package.name),
            ("version", self.package.version),
        ] {
            let found = statement
                .predicate
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default();
            if found != wanted {
                return Err(RefusedBundle::wrong(
                    Fault::Subject,
                    format!(
                        "the publish attestation has the {field} `{}`, wanted {wanted}",
                        text::excerpt(found, 200)
                    ),
                ));
            }
        }
        Ok(())
    }

    fn provenance(&self, entry: &PublishedAttestation) -> Result<Identity, RefusedBundle> {
        let (parsed, statement) = self.statement(entry)?;
        if !PROVENANCE.contains(&statement.predicate_type.as_str()) {
            return Err(RefusedBundle::wrong(
                Fault::PredicateType,
                format!(
                    "`{}` is no known version of SLSA provenance",
                    text::excerpt(&statement.predicate_type, 120)
                ),
            ));
        }
        let proven = parsed
            .verify(
                &Artifact::sha512(self.package.integrity),
                &KeyMaterial::Certificate,
                &self.trust.root,
                self.now,
            )
            .map_err(|e| hint(e, self.trust, self.now))?;
        self.subject(statement)?;
        let identity = proven.identity.ok_or_else(|| {
            RefusedBundle::wrong(Fault::Certificate, "the provenance names no signer")
        })?;
        agrees(statement, &identity)?;
        self.policy.check(&identity)?;
        Ok(identity)
    }

    /// The statement of an entry whose unsigned outer type is the signed one.
    fn statement<'e>(
        &self,
        entry: &'e PublishedAttestation,
    ) -> Result<(&'e ParsedBundle, &'e Statement), RefusedBundle> {
        let parsed = match &entry.parsed {
            Ok(parsed) => parsed,
            Err(refused) => return Err(refused.clone()),
        };
        let statement = parsed
            .statement()
            .ok_or_else(|| RefusedBundle::wrong(Fault::Bundle, "the bundle signs no statement"))?;
        if statement.predicate_type != entry.outer {
            return Err(RefusedBundle::wrong(
                Fault::PredicateType,
                format!(
                    "the registry calls it `{}`, but what is signed is `{}`",
                    text::excerpt(&entry.outer, 120),
                    text::excerpt(&statement.predicate_type, 120)
                ),
            ));
        }
        Ok((parsed, statement))
    }

    /// One subject: this package version, with the archive's SHA-512 (compared before, with every subject; here with the only one).
    fn subject(&self, statement: &Statement) -> Result<(), RefusedBundle> {
        let [subject] = statement.subjects.as_slice() else {
            return Err(RefusedBundle::wrong(
                Fault::Subject,
                format!(
                    "the attestation has {} subjects, expected one",
                    statement.subjects.len()
                ),
            ));
        };
        let purl = self.package.purl();
        if subject.name != purl {
            return Err(RefusedBundle::wrong(
                Fault::Subject,
                format!(
                    "the attestation is for {}, wanted {}",
                    text::excerpt(&subject.name, 300),
                    text::excerpt(&purl, 300)
                ),
            ));
        }
        if subject.digest("sha512") != Some(self.package.integrity.hex().as_str()) {
            return Err(RefusedBundle::wrong(
                Fault::Artifact,
                "the attestation is for an archive with another SHA-512",
            ));
        }
        Ok(())
    }
}

/// The predicate is written by the build itself, the certificate by its issuer: where both name the repository or the commit, they
/// must agree. Only the layouts that npm writes are read; others say nothing here, and the certificate stands alone.
fn agrees(statement: &Statement, identity: &Identity) -> Result<(), RefusedBundle> {
    let at = |path: &str| statement.predicate.pointer(path).and_then(Value::as_str);
    let (repository, commit) = match (
        statement.predicate_type.as_str(),
        at("/buildDefinition/buildType"),
        at("/buildType"),
    ) {
        (_, Some("https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1"), _) => (
            at("/buildDefinition/externalParameters/workflow/repository"),
            at("/buildDefinition/resolvedDependencies/0/digest/gitCommit"),
        ),
        (_, _, Some("https://github.com/npm/cli/gha@v1" | "https://github.com/npm/cli/gha/v2")) => {
            (
                at("/invocation/configSource/uri")
                    .map(|uri| uri.strip_prefix("git+").unwrap_or(uri))
                    .map(|uri| uri.split('@').next().unwrap_or(uri)),
                at("/invocation/configSource/digest/sha1"),
            )
        }
        _ => (None, None),
    };
    let claims = [
        (
            Fault::Repository,
            "repository",
            repository,
            identity.source_repository.as_deref(),
        ),
        (
            Fault::Ref,
            "commit",
            commit,
            identity.source_digest.as_deref(),
        ),
    ];
    for (fault, what, said, certified) in claims {
        if let (Some(said), Some(certified)) = (said, certified)
            && said != certified
        {
            return Err(RefusedBundle::wrong(
                fault,
                format!(
                    "the provenance says it was built from the {what} {}, the certificate says {}",
                    text::excerpt(said, 200),
                    text::excerpt(certified, 200)
                ),
            ));
        }
    }
    Ok(())
}

pub(super) struct PublishedAttestation {
    outer: String,
    parsed: Result<ParsedBundle, RefusedBundle>,
}

#[derive(Clone, Copy, PartialEq)]
enum Half {
    Publish,
    Provenance,
    Other,
}

fn half(predicate_type: &str) -> Half {
    if predicate_type == PUBLISH {
        Half::Publish
    } else if predicate_type.starts_with("https://slsa.dev/provenance/") {
        Half::Provenance
    } else if predicate_type
        .starts_with("https://github.com/npm/attestation/tree/main/specs/publish/")
    {
        // A newer publish attestation takes the place of the known one, and is then refused by its type.
        Half::Publish
    } else {
        Half::Other
    }
}

pub(super) fn read(answer: &[u8]) -> Result<Vec<PublishedAttestation>, RefusedBundle> {
    let bad = |why: String| {
        RefusedBundle::wrong(
            Fault::Bundle,
            format!("the attestations are malformed: {why}"),
        )
    };
    if answer.len() as u64 > MAX_BUNDLE_BYTES {
        return Err(bad(format!(
            "{} bytes, more than the {MAX_BUNDLE_BYTES} accepted",
            answer.len()
        )));
    }
    let json = shape::parse(answer).map_err(|e| bad(format!("it {e}")))?;
    let list = json
        .get("attestations")
        .and_then(Value::as_array)
        .ok_or_else(|| bad("no list `attestations`".to_owned()))?;
    if list.len() > MAX_ENTRIES {
        return Err(bad(format!("{} entries", list.len())));
    }
    list.iter()
        .map(|entry| {
            let outer = entry
                .get("predicateType")
                .and_then(Value::as_str)
                .ok_or_else(|| bad("an entry has no `predicateType`".to_owned()))?;
            let bundle = entry
                .get("bundle")
                .ok_or_else(|| bad("an entry has no `bundle`".to_owned()))?;
            Ok(PublishedAttestation {
                outer: outer.to_owned(),
                parsed: ParsedBundle::new(bundle),
            })
        })
        .collect()
}
