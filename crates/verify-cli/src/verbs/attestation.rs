//! `attestation`: any file against a Sigstore bundle.

use std::path::Path;

use openclaw_verify_core::digest::{Sha256Digest, Sri, from_hex};
use openclaw_verify_core::fact::{Fact, Fault};
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::provenance::{
    Artifact, Attested, IdentityPolicy, Instance, MAX_BUNDLE_BYTES, PublicKey, Signer, TrustRoot,
    verify_attestation,
};
use openclaw_verify_core::release::{AllowedSigners, verify_signed_statement};
use openclaw_verify_core::tree::{self, TreeOptions, TreeSpec};
use openclaw_verify_core::{Error, OperatorError, Result, read, text};

use crate::anchors::{anchors, own_text};
use crate::cli::{AttestationArgs, Common, Format, SigstoreInstance};
use crate::render::attestation::Judged;
use crate::{Exit, operator, output, render, signed};

pub(super) fn run(common: &Common, args: &AttestationArgs) -> Result<Exit> {
    let now = operator::now(common);
    let policy = policy(args)?;
    let key = args.public_key.as_deref().map(public_key).transpose()?;
    if let Some(signers) = &common.signers {
        return by_ssh(common, args, &policy, signers);
    }
    if key.is_none() {
        policy.complete().map_err(|why| {
            Error::environment(
                why.to_string(),
                "a bundle alone proves nothing: anyone can sign. Say who must have signed, such as --repository github.com/acme/tool",
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
            Ok(root) => match verify_attestation(&artifact, &bundle, signer, None, root, now) {
                Fact::Violated { code, .. }
                    if code == Some(Fault::Bundle) && !is_bundle(&bundle) =>
                {
                    return Err(no_bundle(&args.bundle, &bundle));
                }
                fact => fact,
            },
            Err(none) => none.fact(),
        },
        // No bundle is so large: the file is wrong, not this run.
        Err(error @ read::ReadError::TooLarge { .. }) => {
            Fact::violated(Fault::Bundle, format!("the bundle {error}"))
        }
        Err(error) => {
            let what = format!("{} {error}", operator::shown(&args.bundle));
            return Err(Error::environment(
                what,
                "name the bundle that belongs to the artifact",
            ));
        }
    };

    let trust = anchors.root().ok().map(AsRef::as_ref);
    finish(common, args, &policy, (trust, instance), &fact)
}

/// A statement of this program, with an SSH signature beside it.
fn by_ssh(
    common: &Common,
    args: &AttestationArgs,
    policy: &IdentityPolicy,
    signers: &Path,
) -> Result<Exit> {
    const MAX_SIGNATURE: u64 = 64 << 10;
    let asked = [
        &args.identity,
        &args.identity_pattern,
        &args.issuer,
        &args.repository,
        &args.workflow,
        &args.git_ref,
    ];
    let another = args.public_key.is_some()
        || asked.into_iter().any(Option::is_some)
        || args.instance != SigstoreInstance::PublicGood
        || policy.complete().is_ok();
    if another {
        return Err(Error::environment(
            "--signers is another way to say who must have signed",
            "name signers, or a key, or an identity",
        ));
    }
    let text = own_text(signers, MAX_BUNDLE_BYTES)?;
    let shown = operator::shown(signers);
    let signers = AllowedSigners::parse(signers, &text)?;
    signed::say_unknown(&shown, &signers);
    let artifact = artifact(&args.artifact)?;
    let statement = under_test(&args.bundle, MAX_BUNDLE_BYTES)?;
    let signature = under_test(&crate::attest::beside(&args.bundle), MAX_SIGNATURE)?;
    let now = operator::now(common);
    let fact = verify_signed_statement(&artifact, &statement, &signature, &signers, now);
    finish(common, args, policy, (None, Instance::PublicGood), &fact)
}

fn finish(
    common: &Common,
    args: &AttestationArgs,
    policy: &IdentityPolicy,
    (trust, instance): (Option<&TrustRoot>, Instance),
    fact: &Fact<Attested>,
) -> Result<Exit> {
    let result = Judged {
        args,
        signers: common.signers.as_deref(),
        policy,
        trust,
        instance,
        fact,
        now: operator::now(common),
    };
    let text = match common.format {
        Format::Human => result.human(),
        _ => render::json(&result.json())?,
    };
    output::report(&text, common.format)?;
    Ok(if fact.verified().is_some() {
        Exit::Clean
    } else {
        Exit::Findings
    })
}

/// A file from outside. One that is too large or no file at all is refused before anything is judged.
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
        OperatorError::whole(
            path,
            format!("this file holds no public key in PEM: it {why}"),
        )
        .into()
    })
}

/// A file or folder, unless the argument is written as a digest. A file of such a name can be given as `./sha256:…`.
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
        None if argument.is_dir() => folder(argument),
        None => Artifact::file(argument).map_err(|error| {
            let help = match argument.to_string_lossy().starts_with("git-sha256:") {
                true => "a statement names the SHA-256 of the manifest in its place: name the folder, or that digest as sha256:HEX",
                false => "name a file or folder that can be read, or its digest as sha256:HEX, sha512:HEX or sha512-BASE64, with HEX in small letters",
            };
            Error::environment(format!("{} {error}", operator::shown(argument)), help)
        }),
    }
}

/// A folder, by the digest that a statement has of one of which nothing is left out: the SHA-256 of its manifest.
fn folder(argument: &Path) -> Result<Artifact<'static>> {
    let root = argument
        .canonicalize()
        .map_err(|error| Error::io("find", argument, error))?;
    let tree = tree::digest(&TreeSpec::whole(root), &TreeOptions::default()).map_err(|error| {
        Error::Subject {
            place: operator::shown(argument),
            why: error.to_string(),
            help: None,
        }
    })?;
    Ok(Artifact::sha256(Sha256Digest::of(
        &tree.manifest.to_bytes(),
    )))
}

/// Whether a file can be a bundle at all: JSON, or lines of JSON.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    let object =
        |text: &[u8]| serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(text);
    let list = |text: &[u8]| serde_json::from_slice::<Vec<serde_json::Value>>(text);
    let mut lines = bytes.split(|byte| *byte == b'\n');
    object(bytes).is_ok()
        || list(bytes).is_ok()
        || lines.next().is_some_and(|line| object(line).is_ok())
}

/// Whether a file means to be a bundle: it has a name that only bundles have. Any other JSON is a wrong file name, not tampering.
fn is_bundle(bytes: &[u8]) -> bool {
    const NAMES: [&str; 4] = [
        "mediaType",
        "verificationMaterial",
        "dsseEnvelope",
        "messageSignature",
    ];
    let object = |text: &[u8]| {
        serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(text)
            .is_ok_and(|map| NAMES.iter().any(|name| map.contains_key(*name)))
    };
    let mut lines = bytes.split(|byte| *byte == b'\n');
    object(bytes) || lines.any(object)
}

/// Another file was named than a bundle: nothing is known of the artifact.
pub(super) fn no_bundle(file: &Path, bytes: &[u8]) -> Error {
    let why = match is_json(bytes) {
        true => "has no key of one",
        false => "is not JSON",
    };
    Error::environment(
        format!("{} is no Sigstore bundle: it {why}", operator::shown(file)),
        "name the bundle that belongs to the artifact",
    )
}
