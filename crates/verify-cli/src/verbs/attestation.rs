//! `attestation`: any file against a Sigstore bundle.

use std::fmt::Write as _;
use std::path::Path;

use openclaw_verify_core::digest::{Sha256Digest, Sri, from_hex};
use openclaw_verify_core::fact::Fact;
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::provenance::{
    Artifact, Attested, Fault, Identity, IdentityPolicy, Instance, MAX_BUNDLE_BYTES, PublicKey,
    Signer, TrustRoot, verify_attestation,
};
use openclaw_verify_core::{Error, OperatorError, Result, read, rules, text};
use serde_json::{Value, json};

use crate::anchors::{anchors, own_text};
use crate::cli::{AttestationArgs, Common, Format, SigstoreInstance};
use crate::{Exit, operator, output, render};

pub(super) fn run(common: &Common, args: &AttestationArgs) -> Result<Exit> {
    let now = operator::now(common);
    let policy = policy(args)?;
    let key = args.public_key.as_deref().map(public_key).transpose()?;
    if key.is_none() {
        policy.complete().map_err(|why| {
            Error::environment(
                why.to_string(),
                "a bundle alone proves nothing: anybody can sign. Say who must have, such as --repository github.com/acme/tool",
            )
        })?;
    }
    let instance = match args.instance {
        SigstoreInstance::PublicGood => Instance::PublicGood,
        SigstoreInstance::Github => Instance::GitHub,
    };
    let anchors = anchors(common, instance, common.online)?;
    let artifact = artifact(&args.artifact)?;
    let signer = key.as_ref().map_or(Signer::Identity(&policy), Signer::Key);
    let fact = match read::bytes(&args.bundle, MAX_BUNDLE_BYTES) {
        Ok(bundle) => match anchors.root() {
            Ok(root) => verify_attestation(&artifact, &bundle, signer, None, root, now),
            Err(none) => none.fact(),
        },
        // No bundle is so large: the file is wrong, not this run.
        Err(error @ read::ReadError::TooLarge { .. }) => {
            Fact::violated(Fault::Bundle.as_str(), format!("the bundle {error}"))
        }
        Err(error) => {
            let what = format!("{} {error}", operator::shown(&args.bundle));
            return Err(Error::environment(
                what,
                "name the bundle that belongs to the artifact",
            ));
        }
    };

    let result = Judged {
        args,
        policy: &policy,
        trust: anchors.root().ok().map(AsRef::as_ref),
        instance,
        fact: &fact,
        now,
    };
    let text = if common.format == Format::Json {
        render::json(&result.json())?
    } else {
        result.human()
    };
    output::stdout(&text)?;
    Ok(if fact.verified().is_some() {
        Exit::Clean
    } else {
        Exit::Findings
    })
}

/// A file that somebody else wrote. One that is too large or no file at all is refused before anything is judged.
pub(super) fn under_test(path: &Path, limit: u64) -> Result<Vec<u8>> {
    read::bytes(path, limit).map_err(|error| {
        Error::environment(
            format!("{} {error}", operator::shown(path)),
            "name a file that can be read",
        )
    })
}

fn policy(args: &AttestationArgs) -> Result<IdentityPolicy> {
    let pattern = |flag: &str, text: &Option<String>| -> Result<Option<Pattern>> {
        let Some(text) = text else { return Ok(None) };
        Pattern::new(text).map(Some).map_err(|error| {
            Error::environment(
                format!("{flag} {}: {error}", text::excerpt(text, 200)),
                "`*` stays within one part, `**` crosses",
            )
        })
    };
    Ok(IdentityPolicy {
        identity: args.identity.clone(),
        identity_pattern: pattern("--identity-pattern", &args.identity_pattern)?,
        issuer: args.issuer.clone(),
        repository: pattern("--repository", &args.repository)?,
        workflow: pattern("--workflow", &args.workflow)?,
        git_ref: pattern("--ref", &args.git_ref)?,
        ..IdentityPolicy::default()
    })
}

fn public_key(path: &Path) -> Result<PublicKey> {
    const MAX_KEY: u64 = 64 << 10;
    PublicKey::from_pem(&own_text(path, MAX_KEY)?).map_err(|why| {
        OperatorError::whole(path, format!("this file holds no public key in PEM: {why}")).into()
    })
}

/// A file, unless the argument is written as a digest. A file of such a name can be given as `./sha256:…`.
fn artifact(argument: &Path) -> Result<Artifact<'static>> {
    let digest = argument.to_str().and_then(|text| {
        let sha256 = text.parse::<Sha256Digest>().map(Artifact::sha256);
        let sha512 = || {
            text.strip_prefix("sha512:")
                .and_then(from_hex)
                .and_then(|bytes| Some(Sri(bytes.try_into().ok()?)))
        };
        sha256
            .ok()
            .or_else(|| text.parse().ok().or_else(sha512).map(Artifact::sha512))
    });
    match digest {
        Some(artifact) => Ok(artifact),
        None => Artifact::file(argument).map_err(|error| {
            Error::environment(
                format!("{} {error}", operator::shown(argument)),
                "name a file that can be read, or its digest as sha256:HEX, sha512:HEX or sha512-BASE64, with HEX in small letters",
            )
        }),
    }
}

struct Judged<'a> {
    args: &'a AttestationArgs,
    policy: &'a IdentityPolicy,
    /// None where there is none that is current.
    trust: Option<&'a TrustRoot>,
    instance: Instance,
    fact: &'a Fact<Attested>,
    now: jiff::Timestamp,
}

impl Judged<'_> {
    fn json(&self) -> Value {
        let (code, why) = match self.fact {
            Fact::Violated { code, why } => (Some(*code), Some(why.as_str())),
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

    fn human(&self) -> String {
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
                    let _ = writeln!(out, "  {claim:17} {}", text::excerpt(&value, 300));
                }
            }
            Fact::Violated { code, why } => {
                let _ = writeln!(
                    out,
                    "  {} [{code}]: {why}",
                    self.finding().unwrap_or_default()
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
            let _ = writeln!(out, "  wanted {claim:10} {}", text::excerpt(&value, 300));
        }
        if let Some(trust) = self.trust {
            let _ = writeln!(out, "  judged with       {}", trust.describe(self.now));
        }
        if self.fact.verified().is_some() {
            let _ = writeln!(out, "  checked           {}", self.checked().join(", "));
        }
        let _ = writeln!(out, "  not checked       {}", self.not_checked().join(", "));
        out
    }

    fn finding(&self) -> Option<&'static str> {
        rules::finding_of(self.fact)
    }

    /// What was asked of the signer, the issuer that follows from it included.
    fn wanted(&self) -> Vec<(&'static str, String)> {
        let pattern =
            |pattern: &Option<Pattern>| pattern.as_ref().map(|pattern| pattern.as_str().to_owned());
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
        let anybody = self.policy.repository.is_none()
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
        anybody.then_some(whose).into_iter().chain(always).collect()
    }

    /// What a verified verdict stands on. Key and instance decide, never the bundle.
    fn checked(&self) -> Vec<&'static str> {
        let mut checked = vec!["signature", "digest of the artifact"];
        if self.args.public_key.is_some() {
            checked.push("public key");
        } else {
            checked.extend(["certificate chain", "identity and claims"]);
        }
        match self.instance {
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
pub(super) fn identity_claims(identity: &Identity) -> Vec<(&'static str, String)> {
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
