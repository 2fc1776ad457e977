//! The verdict about an attestation, for people and machines.

use std::fmt::Write as _;
use std::path::Path;

use openclaw_verify_core::fact::{Fact, Fault};
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::provenance::{Attested, Identity, IdentityPolicy, Instance, TrustRoot};
use openclaw_verify_core::{rules, text};
use serde_json::{Value, json};

use crate::cli::AttestationArgs;
use crate::operator;
use crate::wrap::HANG;

/// What was judged, and by what.
pub(crate) struct Judged<'a> {
    /// The call.
    pub args: &'a AttestationArgs,
    /// The signers file, for a statement with an SSH signature.
    pub signers: Option<&'a Path>,
    /// Who must have signed.
    pub policy: &'a IdentityPolicy,
    /// None where there is none that is current.
    pub trust: Option<&'a TrustRoot>,
    /// Whose instance of Sigstore.
    pub instance: Instance,
    /// The verdict.
    pub fact: &'a Fact<Attested>,
    /// As of when.
    pub now: jiff::Timestamp,
}

impl Judged<'_> {
    /// The document `openclaw-verify.attestation/1`.
    pub(crate) fn json(&self) -> Value {
        let (code, why) = match self.fact {
            Fact::Violated { code, why } => (code.map(Fault::as_str), Some(why.as_str())),
            Fact::NotEstablished { code, why } => (Some(code.as_str()), Some(why.as_str())),
            _ => (None, None),
        };
        let attested = self.fact.verified();
        json!({
            "schema": "openclaw-verify.attestation/1",
            "outcome": self.fact.outcome(),
            "finding": self.finding(),
            "code": code,
            "why": why,
            "artifact": operator::shown(&self.args.artifact),
            "bundle": operator::shown(&self.args.bundle),
            "identity": attested.and_then(|attested| attested.identity.as_ref()),
            "signer": attested.and_then(|attested| attested.signer.as_deref()),
            "summary": attested.and_then(|attested| attested.summary.as_ref()),
            "predicateType": attested.and_then(|attested| attested.predicate_type.as_deref()),
            "signedAt": attested.map(|attested| attested.times.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "wanted": self.wanted().into_iter().map(|(claim, value)| json!({ "claim": claim, "value": value })).collect::<Vec<_>>(),
            "trustRoot": {
                "instance": self.instance.as_str(),
                "digest": self.trust.map(TrustRoot::digest),
                "ageDays": self.trust.and_then(|trust| trust.age_days(self.now)),
                "description": self.trust.map(|trust| trust.describe(self.now)),
            },
            "checked": self.checked(),
            "notChecked": self.not_checked(),
        })
    }

    /// The same for people.
    pub(crate) fn human(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}: {}",
            operator::shown(&self.args.artifact),
            self.fact.outcome().as_str()
        );
        match self.fact {
            Fact::Verified(attested) => {
                for (claim, value) in claims(attested) {
                    let _ = writeln!(out, "  {claim:17} {HANG}{}", text::excerpt(&value, 300));
                }
            }
            Fact::Violated { code, why } => {
                let _ = writeln!(
                    out,
                    "  {} [{}]: {why}",
                    self.finding().unwrap_or_default(),
                    code.map_or("", Fault::as_str)
                );
                let _ = writeln!(
                    out,
                    "  next: do not use it; openclaw-verify explain {}",
                    self.finding().unwrap_or_default()
                );
            }
            Fact::NotEstablished { code, why } => {
                let _ = writeln!(out, "  not-established [{}]: {why}", code.as_str());
            }
            _ => {}
        }
        for (claim, value) in self.wanted() {
            let _ = writeln!(
                out,
                "  wanted {claim:10} {HANG}{}",
                text::excerpt(&value, 300)
            );
        }
        if let Some(trust) = self.trust {
            let _ = writeln!(
                out,
                "  judged with       {HANG}{}",
                trust.describe(self.now)
            );
        }
        if self.fact.verified().is_some() {
            let _ = writeln!(
                out,
                "  checked           {HANG}{}",
                self.checked().join(", ")
            );
        }
        let _ = writeln!(
            out,
            "  not checked       {HANG}{}",
            self.not_checked().join(", ")
        );
        out
    }

    /// Whether a key is all that vouches: no log and no timestamp authority saw the signature.
    fn is_key_alone(&self) -> bool {
        let key = self.signers.is_some() || self.args.public_key.is_some();
        let attested = self.fact.verified();
        key && attested.is_some_and(|found| found.summary.is_some() && found.times.is_empty())
    }

    fn finding(&self) -> Option<&'static str> {
        rules::finding_of(self.fact)
    }

    /// What was asked of the signer, the issuer that follows from it included.
    fn wanted(&self) -> Vec<(&'static str, String)> {
        let pattern =
            |pattern: &Option<Pattern>| pattern.as_ref().map(|pattern| pattern.as_str().to_owned());
        if let Some(signers) = self.signers {
            return vec![("signers", operator::shown(signers))];
        }
        if let Some(key) = &self.args.public_key {
            return vec![("public key", operator::shown(key))];
        }
        [
            (
                "identity",
                self.policy
                    .identity
                    .clone()
                    .or_else(|| pattern(&self.policy.identity_pattern)),
            ),
            ("issuer", self.policy.wanted_issuer().map(str::to_owned)),
            ("repository", pattern(&self.policy.repository)),
            ("workflow", pattern(&self.policy.workflow)),
            ("ref", pattern(&self.policy.git_ref)),
        ]
        .into_iter()
        .filter_map(|(claim, value)| Some((claim, value?)))
        .collect()
    }

    /// What no bundle can tell, so that a good verdict does not read as more.
    fn not_checked(&self) -> Vec<&'static str> {
        let anyone = self.policy.repository.is_none()
            && self
                .fact
                .verified()
                .and_then(|attested| attested.identity.as_ref())
                .is_some_and(Identity::is_github_releases);
        let whose = "whose release it is: GitHub signs those of every repository with this identity (--repository, --ref)";
        let always = [
            "what the artifact does",
            "whether the signer has withdrawn it",
            "whether the log shows the same to everybody",
        ];
        let when = "when it was signed: no log or timestamp authority saw it";
        let alone = self.is_key_alone();
        let always = always
            .into_iter()
            .filter(|what| !alone || !what.contains("log"));
        let open = [anyone.then_some(whose), alone.then_some(when)];
        open.into_iter().flatten().chain(always).collect()
    }

    /// What a verified verdict stands on. Key and instance decide, never the bundle.
    fn checked(&self) -> Vec<&'static str> {
        let mut checked = vec!["signature", "digest of the artifact"];
        let alone = self.is_key_alone();
        if self
            .fact
            .verified()
            .is_some_and(|found| found.summary.is_some())
        {
            checked.push("that the summary says PASSED");
        }
        if self.signers.is_some() {
            checked.push("SSH key of a signer");
            return checked;
        }
        if self.args.public_key.is_some() {
            checked.push("public key");
        } else {
            checked.extend(["certificate chain", "identity and claims"]);
        }
        match self.instance {
            _ if alone => {}
            Instance::GitHub => {
                checked.push("signed timestamp (this instance has no transparency log)")
            }
            _ if self.args.public_key.is_some() => {
                checked.push("transparency log or signed timestamp")
            }
            _ => checked.extend(["certificate log (SCT)", "transparency log"]),
        }
        checked
    }
}

/// The claims of the signer, by name.
pub(crate) fn identity_claims(identity: &Identity) -> Vec<(&'static str, String)> {
    let claim = |name, value: &Option<String>| value.clone().map(|value| (name, value));
    [
        Some(("identity", identity.subject.clone())),
        claim("issuer", &identity.issuer),
        claim("repository", &identity.source_repository),
        claim(
            "signing workflow",
            &identity
                .signer
                .clone()
                .filter(|signer| *signer != identity.subject),
        ),
        claim(
            "started workflow",
            &identity
                .config
                .clone()
                .filter(|config| Some(config) != identity.signer.as_ref()),
        ),
        claim("ref", &identity.source_ref),
        claim("commit", &identity.source_digest),
        claim("runner", &identity.runner),
        claim("run", &identity.run),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn claims(attested: &Attested) -> Vec<(&'static str, String)> {
    let mut claims = attested
        .identity
        .as_ref()
        .map(identity_claims)
        .unwrap_or_default();
    claims.extend(attested.signer.clone().map(|signer| ("signer", signer)));
    if let Some(summary) = &attested.summary {
        claims.push(("summary of", summary.verifier.clone()));
        claims.extend(summary.time.clone().map(|time| ("dated, unproven", time)));
        claims.push(("about", summary.subjects.join(", ")));
        let policy = summary.policy.clone().map(|hex| format!("sha256:{hex}"));
        claims.push((
            "policy",
            policy.unwrap_or_else(|| "none, a preset".to_owned()),
        ));
        if !summary.lowered.is_empty() {
            claims.push(("passed over", summary.lowered.join(", ")));
        }
    }
    claims.extend(
        attested
            .predicate_type
            .clone()
            .map(|kind| ("statement", kind)),
    );
    claims.extend(
        attested
            .times
            .iter()
            .map(|time| ("signed at", time.to_string())),
    );
    claims
}
