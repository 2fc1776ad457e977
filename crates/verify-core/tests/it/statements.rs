//! Statements: what a key or SSH signed is read back, and nothing else is.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openclaw_verify_core::digest::Sha256Digest;
use openclaw_verify_core::fact::{Fact, Fault};
use openclaw_verify_core::provenance::{
    Artifact, Attested, Instance, PublicKey, Signer, StatementKey, TrustRoot, verify_attestation,
};
use openclaw_verify_core::release::{
    AllowedSigners, FILE_NAMESPACE, SshSigningKey, verify_detached, verify_signed_statement,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Keys as `ssh-keygen` makes them.
fn ssh_keys() -> [String; 2] {
    ["ed25519", "ecdsa"].map(|kind| {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", "for tests", "-f"])
            .arg(&file)
            .status();
        assert!(made.expect("ssh-keygen").success());
        std::fs::read_to_string(file).expect("key")
    })
}

fn now() -> jiff::Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("time")
}

fn key(algorithm: &'static rcgen::SignatureAlgorithm) -> (StatementKey, PublicKey) {
    let pair = rcgen::KeyPair::generate_for(algorithm).expect("key");
    (
        StatementKey::from_pem(&pair.serialize_pem()).expect("private key"),
        PublicKey::from_pem(&pair.public_key_pem()).expect("public key"),
    )
}

fn statement(result: &str) -> String {
    let digest = Sha256Digest::of(b"artifact").hex();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "skill:workspace/x", "digest": { "sha256": digest } }],
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {
            "verifier": { "id": "https://github.com/openclaw/openclaw-verify" },
            "verificationResult": result,
        },
    })
    .to_string()
}

fn judge(bundle: &[u8], key: &PublicKey, artifact: &[u8]) -> Fact<Attested> {
    let trust = TrustRoot::embedded(Instance::PublicGood).expect("root");
    let artifact = Artifact::bytes(artifact);
    verify_attestation(&artifact, bundle, Signer::Key(key), None, &trust, now())
}

fn code<T>(fact: &Fact<T>) -> Option<Fault> {
    match fact {
        Fact::Violated { code, .. } => *code,
        _ => None,
    }
}

#[test]
fn what_a_key_signed_is_read_back_and_says_passed() {
    for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256] {
        let (private, public) = key(algorithm);
        let bundle = private
            .bundle(statement("PASSED").as_bytes())
            .expect("bundle");
        let good = judge(bundle.as_bytes(), &public, b"artifact");
        let summary = good.verified().and_then(|good| good.summary.clone());
        assert_eq!(summary.expect("summary").subjects, ["skill:workspace/x"]);
        let (_, other) = key(algorithm);
        let foreign = judge(bundle.as_bytes(), &other, b"artifact");
        assert_eq!(code(&foreign), Some(Fault::Signature));
        let elsewhere = judge(bundle.as_bytes(), &public, b"other");
        assert_eq!(code(&elsewhere), Some(Fault::Artifact));
        for result in ["FAILED", "passed", ""] {
            let bundle = private
                .bundle(statement(result).as_bytes())
                .expect("bundle");
            let failed = judge(bundle.as_bytes(), &public, b"artifact");
            assert_eq!(code(&failed), Some(Fault::Failed), "{result}");
        }
        // Of other statements a log has to know.
        for (from, to) in [
            ("verification_summary", "provenance"),
            ("openclaw/openclaw-verify", "acme/other"),
        ] {
            let bundle = private
                .bundle(statement("PASSED").replace(from, to).as_bytes())
                .expect("bundle");
            let other = judge(bundle.as_bytes(), &public, b"artifact");
            assert_eq!(code(&other), Some(Fault::Log), "{from}");
        }
    }
    let (private, _) = key(&rcgen::PKCS_ED25519);
    let twice = [(); 2].map(|()| private.bundle(b"{}").expect("bundle"));
    assert_eq!(twice[0], twice[1]);
}

#[test]
fn keys_that_are_none_are_refused_without_a_word_of_theirs() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("key");
    let p384 = pair.serialize_pem();
    let ssh = ssh_keys();
    for text in ["", "secret", &p384, &pair.public_key_pem(), &ssh[0]] {
        let error = StatementKey::from_pem(text)
            .expect_err("refused")
            .to_string();
        assert!(!error.contains("secret") && error.len() < 200, "{error}");
    }
    for good in &ssh {
        assert!(SshSigningKey::from_text(good).is_ok());
        let lines: Vec<&str> = good.lines().collect();
        for at in 1..lines.len() - 1 {
            let mut less = lines.clone();
            less.remove(at);
            assert!(SshSigningKey::from_text(&less.join("\n")).is_err());
        }
        // A key whose public half is another one's.
        let body = STANDARD
            .decode(lines[1..lines.len() - 1].concat())
            .expect("base64");
        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] ^= 1;
            let text = format!(
                "{}\n{}\n{}\n",
                lines[0],
                STANDARD.encode(&changed),
                lines.last().expect("end")
            );
            if let Ok(key) = SshSigningKey::from_text(&text) {
                // The comment, or the copy of the public key in the secret half.
                let original = SshSigningKey::from_text(good).expect("key");
                assert_eq!(key.public(), original.public(), "byte {at}");
                let signed = key.sign(b"x", FILE_NAMESPACE).expect("signed");
                let signers = signers(&original, "");
                assert!(verify_detached(b"x", signed.as_bytes(), &signers, "file", now()).is_ok());
            }
        }
    }
}

fn signers(key: &SshSigningKey, options: &str) -> AllowedSigners {
    let line = format!("ada@example.org {options} {}\n", key.public().to_text());
    AllowedSigners::parse(Path::new("signers"), &line).expect("signers")
}

#[test]
fn ssh_signatures_are_for_files_and_by_signers() {
    for text in ssh_keys() {
        let key = SshSigningKey::from_text(&text).expect("key");
        let allowed = signers(&key, "");
        let message = statement("PASSED");
        let signature = key
            .sign(message.as_bytes(), FILE_NAMESPACE)
            .expect("signed");
        let artifact = Artifact::bytes(b"artifact");
        let judge = |message: &str, signature: &str, signers: &AllowedSigners| {
            verify_signed_statement(
                &artifact,
                message.as_bytes(),
                signature.as_bytes(),
                signers,
                now(),
            )
        };
        let good = judge(&message, &signature, &allowed);
        let signer = good
            .verified()
            .and_then(|good| good.signer.clone())
            .expect("signer");
        assert!(signer.starts_with("ada@example.org SHA256:"), "{signer}");
        let failed = statement("FAILED");
        let signed = key.sign(failed.as_bytes(), FILE_NAMESPACE).expect("signed");
        assert_eq!(
            code(&judge(&failed, &signed, &allowed)),
            Some(Fault::Failed)
        );
        assert_eq!(
            code(&judge(&failed, &signature, &allowed)),
            Some(Fault::Signature)
        );
        let git = key.sign(message.as_bytes(), "git").expect("signed");
        assert_eq!(
            code(&judge(&message, &git, &allowed)),
            Some(Fault::Signature)
        );
        let only_git = signers(&key, "namespaces=\"git\"");
        assert_eq!(
            code(&judge(&message, &signature, &only_git)),
            Some(Fault::Key)
        );
        let none = AllowedSigners::default();
        assert_eq!(code(&judge(&message, &signature, &none)), Some(Fault::Key));
        let past = signers(&key, "valid-before=\"20200101\"");
        assert!(matches!(
            judge(&message, &signature, &past),
            Fact::NotEstablished { .. }
        ));
    }
}

/// How many statements are mutated; `.ci/long` asks for more.
fn cases() -> u32 {
    let wanted = std::env::var("OPENCLAW_VERIFY_CASES");
    wanted.map_or(3_000, |text| text.parse().expect("a number"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever is changed, what is accepted is the signed statement itself.
    #[test]
    fn no_mutated_statement_is_accepted(places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), inside in any::<bool>()) {
        let (private, public) = key(&rcgen::PKCS_ED25519);
        let text = statement("PASSED");
        let bundle = private.bundle(text.as_bytes()).expect("bundle");
        let mut value: Value = serde_json::from_str(&bundle).expect("JSON");
        let mut bytes = if inside { text.clone().into_bytes() } else { bundle.clone().into_bytes() };
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if inside {
            value["dsseEnvelope"]["payload"] = STANDARD.encode(&bytes).into();
            let found = judge(value.to_string().as_bytes(), &public, b"artifact");
            prop_assert_eq!(found.verified().is_some(), bytes == text.as_bytes());
        } else {
            let found = judge(&bytes, &public, b"artifact");
            if found.verified().is_some() {
                let value: Value = serde_json::from_slice(&bytes).expect("accepted, so JSON");
                let payload = STANDARD.decode(value["dsseEnvelope"]["payload"].as_str().expect("payload"));
                prop_assert_eq!(payload.expect("base64"), text.as_bytes());
            }
        }
    }
}
