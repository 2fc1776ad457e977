//! Provenance: minted attacks, each refused with its own code.

#![allow(clippy::expect_used, unreachable_pub, reason = "test code")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::provenance::npm::{
    self, AttestedPackage, RegistrySignature, verify_attestations, verify_registry_signatures,
};
use openclaw_verify_core::provenance::{
    Artifact, IdentityPolicy, Instance, MAX_BUNDLE_BYTES, NpmKeys, PublicKey, Signer, TrustRoot,
    verify_attestation,
};
use rcgen::SanType;
use serde_json::{Value, json};
use sha2::Digest as _;
use std::path::Path;

use crate::support::facts::{code, now, pattern};
use crate::support::mint::{self, By, Claims, Content, SIGNED_AT, World, b64};

const SLSA: &str = "https://slsa.dev/provenance/v1";
const ARCHIVE: &[u8] = b"the archive";

fn trust(world: &World) -> TrustRoot {
    TrustRoot::from_file(
        Path::new("root.json"),
        &world.trusted_root(),
        Instance::PublicGood,
    )
    .expect("trust root")
}

fn policy() -> IdentityPolicy {
    IdentityPolicy {
        repository: Some(pattern("github.com/acme/notes")),
        workflow: Some(pattern(".github/workflows/release.yml")),
        git_ref: Some(pattern("refs/heads/*")),
        runner: Some("github-hosted".to_owned()),
        ..IdentityPolicy::default()
    }
}

fn statement(purl: &str, archive: &[u8], predicate_type: &str, predicate: Value) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": purl, "digest": { "sha512": Sri::of(archive).hex() } }],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
    .to_string()
}

fn provenance_statement() -> String {
    statement("pkg:npm/%40acme/notes@1.2.0", ARCHIVE, SLSA, json!({}))
}

fn publish_statement() -> String {
    statement(
        "pkg:npm/%40acme/notes@1.2.0",
        ARCHIVE,
        npm::PUBLISH,
        json!({ "name": "@acme/notes", "version": "1.2.0" }),
    )
}

/// One bundle against one artifact.
fn judge_with(world: &World, bundle: &[u8], policy: &IdentityPolicy) -> &'static str {
    let found = verify_attestation(
        &Artifact::bytes(ARCHIVE),
        bundle,
        Signer::Identity(policy),
        None,
        &trust(world),
        now(),
    );
    code(&found)
}

fn judge(world: &World, bundle: &Value) -> &'static str {
    judge_with(world, bundle.to_string().as_bytes(), &policy())
}

fn good(world: &World) -> Value {
    world.bundle(
        Content::Statement(&provenance_statement()),
        &By::Certificate(&Claims::github("acme/notes")),
    )
}

fn with_claims(world: &World, change: impl FnOnce(&mut Claims)) -> Value {
    let mut claims = Claims::github("acme/notes");
    change(&mut claims);
    world.bundle(
        Content::Statement(&provenance_statement()),
        &By::Certificate(&claims),
    )
}

fn changed(bundle: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut bundle = bundle.clone();
    change(&mut bundle);
    bundle
}

/// The base64 text with one bit of its bytes turned.
fn flip(value: &mut Value, at: usize) {
    use base64::Engine as _;
    let engine = STANDARD;
    let mut bytes = engine
        .decode(value.as_str().expect("text"))
        .expect("base64");
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    *value = json!(b64(&bytes));
}

fn certificate(bundle: &Value) -> Value {
    bundle["verificationMaterial"]["certificate"].clone()
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

#[test]
fn what_is_minted_verifies() {
    let world = World::new();
    assert_eq!(judge(&world, &good(&world)), "verified");
    let message = world.bundle(
        Content::Message(ARCHIVE),
        &By::Certificate(&Claims::github("acme/notes")),
    );
    assert_eq!(judge(&world, &message), "verified");
    let two = format!("{}\n{}\n\n", good(&world), message);
    assert_eq!(judge_with(&world, two.as_bytes(), &policy()), "verified");
    let pretty = serde_json::to_string_pretty(&good(&world)).expect("json") + "\n";
    assert_eq!(judge_with(&world, pretty.as_bytes(), &policy()), "verified");
}

#[test]
fn broken_cryptography() {
    let world = World::new();
    let good = good(&world);
    let other = World::new();
    let cases: Vec<(&str, Value, &str)> = vec![
        ("wrong root", self::good(&other), "log"),
        (
            "signature of another",
            changed(&good, |b| {
                flip(&mut b["dsseEnvelope"]["signatures"][0]["sig"], 40)
            }),
            "signature",
        ),
        (
            "changed statement",
            changed(&good, |b| {
                let evil = statement(
                    "pkg:npm/%40acme/notes@1.2.0",
                    ARCHIVE,
                    SLSA,
                    json!({ "evil": true }),
                );
                b["dsseEnvelope"]["payload"] = json!(b64(evil.as_bytes()));
            }),
            "signature",
        ),
        (
            "no certificate timestamp",
            with_claims(&world, |c| c.sct = false),
            "sct",
        ),
        (
            "expired certificate",
            with_claims(&world, |c| c.issued_before = 30),
            "certificate",
        ),
        (
            "certificate from later",
            with_claims(&world, |c| c.issued_before = -5),
            "certificate",
        ),
        (
            "not for code signing",
            with_claims(&world, |c| c.code_signing = false),
            "certificate",
        ),
        (
            "changed certificate",
            changed(&good, |b| {
                flip(
                    &mut b["verificationMaterial"]["certificate"]["rawBytes"],
                    9999,
                )
            }),
            "certificate",
        ),
        (
            "another size of the log",
            changed(&good, |b| {
                entry(b)["inclusionProof"]["treeSize"] = json!("2")
            }),
            "log",
        ),
        (
            "changed promise",
            changed(&good, |b| {
                flip(
                    &mut entry(b)["inclusionPromise"]["signedEntryTimestamp"],
                    20,
                )
            }),
            "log",
        ),
        (
            "changed root of the proof",
            changed(&good, |b| {
                flip(&mut entry(b)["inclusionProof"]["rootHash"], 0)
            }),
            "log",
        ),
        (
            "foreign hash in the proof",
            changed(&good, |b| {
                entry(b)["inclusionProof"]["hashes"] = json!([b64(&[7; 32])])
            }),
            "log",
        ),
        (
            "changed checkpoint",
            changed(&good, |b| {
                let envelope = entry(b)["inclusionProof"]["checkpoint"]["envelope"]
                    .as_str()
                    .expect("text")
                    .replace("log.example\n1", "log.example2\n1");
                entry(b)["inclusionProof"]["checkpoint"]["envelope"] = json!(envelope);
            }),
            "log",
        ),
        (
            "no checkpoint",
            changed(&good, |b| {
                entry(b)["inclusionProof"]
                    .as_object_mut()
                    .expect("map")
                    .remove("checkpoint");
            }),
            "log",
        ),
        (
            "no proof",
            changed(&good, |b| {
                entry(b)
                    .as_object_mut()
                    .expect("map")
                    .remove("inclusionProof");
            }),
            "log",
        ),
        (
            "neither promise nor proof",
            changed(&good, |b| {
                entry(b)
                    .as_object_mut()
                    .expect("map")
                    .remove("inclusionProof");
                entry(b)
                    .as_object_mut()
                    .expect("map")
                    .remove("inclusionPromise");
            }),
            "log",
        ),
        (
            "no log entry",
            changed(&good, |b| {
                b["verificationMaterial"]["tlogEntries"] = json!([])
            }),
            "log",
        ),
        (
            "no promise, so no time",
            changed(&good, |b| {
                entry(b)
                    .as_object_mut()
                    .expect("map")
                    .remove("inclusionPromise");
            }),
            "timestamp",
        ),
        (
            "another time",
            changed(&good, |b| {
                entry(b)["integratedTime"] = json!((SIGNED_AT + 1).to_string())
            }),
            "log",
        ),
        (
            "logged after the certificate expired",
            world.logged_at(&good, SIGNED_AT + 3600),
            "certificate",
        ),
        (
            "future time",
            world.logged_at(&good, 4_000_000_000),
            "timestamp",
        ),
        (
            "log entry of another signature",
            changed(&good, |b| {
                *entry(b) = entry(&mut self::good(&world)).clone()
            }),
            "log",
        ),
        (
            "an entry without evidence rides along",
            changed(&good, |b| {
                let mut bare = entry(b).clone();
                bare.as_object_mut().expect("map").remove("inclusionProof");
                bare.as_object_mut()
                    .expect("map")
                    .remove("inclusionPromise");
                b["verificationMaterial"]["tlogEntries"]
                    .as_array_mut()
                    .expect("list")
                    .push(bare);
            }),
            "log",
        ),
        (
            "another entry rides along",
            changed(&good, |b| {
                let other = entry(&mut self::good(&world)).clone();
                b["verificationMaterial"]["tlogEntries"]
                    .as_array_mut()
                    .expect("list")
                    .push(other);
            }),
            "log",
        ),
        (
            "no certificate",
            changed(&good, |b| {
                b["verificationMaterial"]
                    .as_object_mut()
                    .expect("map")
                    .remove("certificate");
            }),
            "certificate",
        ),
        (
            "signed by a key",
            world.bundle(
                Content::Statement(&provenance_statement()),
                &By::Key(&world.npm, "k"),
            ),
            "certificate",
        ),
    ];
    for (what, bundle, wanted) in &cases {
        assert_eq!(judge(&world, bundle), *wanted, "{what}");
    }
    let message = world.bundle(
        Content::Message(b"another file"),
        &By::Certificate(&Claims::github("acme/notes")),
    );
    assert_eq!(judge(&world, &message), "artifact");
    let no_digest = changed(&message, |b| {
        b["messageSignature"]
            .as_object_mut()
            .expect("map")
            .remove("messageDigest");
    });
    assert_eq!(judge(&world, &no_digest), "signature");
}

#[test]
fn broken_form() {
    let world = World::new();
    let good = good(&world);
    let text = good.to_string();
    let raw = |bytes: &[u8]| judge_with(&world, bytes, &policy());
    assert_eq!(raw(b""), "bundle");
    assert_eq!(raw(b"\n\n"), "bundle");
    assert_eq!(raw(format!("{text}\0").as_bytes()), "bundle");
    assert_eq!(raw(format!("{text}{text}").as_bytes()), "bundle");
    assert_eq!(raw(format!("{text}\ngarbage").as_bytes()), "bundle");
    assert_eq!(
        raw(format!("{text}\n{}", text.replace("v0.3", "v0.9")).as_bytes()),
        "unsupported-schema"
    );
    assert_eq!(
        raw(text.get(..text.len() / 2).expect("half").as_bytes()),
        "bundle"
    );
    assert_eq!(
        raw(&vec![
            b' ';
            usize::try_from(MAX_BUNDLE_BYTES).expect("size") + 1
        ]),
        "bundle"
    );
    assert_eq!(raw(vec![text.as_str(); 65].join("\n").as_bytes()), "bundle");
    assert_eq!(raw("[".repeat(1 << 20).as_bytes()), "bundle");
    let twice = text.replacen(
        "{\"mediaType\"",
        "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"mediaType\"",
        1,
    );
    assert_eq!(raw(twice.as_bytes()), "bundle");

    let drop = |name: &str| {
        changed(&good, |b| {
            b.as_object_mut().expect("map").remove(name);
        })
    };
    assert_eq!(judge(&world, &drop("mediaType")), "bundle");
    assert_eq!(judge(&world, &drop("verificationMaterial")), "bundle");
    assert_eq!(judge(&world, &drop("dsseEnvelope")), "bundle");
    let both = changed(&good, |b| {
        b["messageSignature"] = json!({ "signature": "AAAA" })
    });
    assert_eq!(judge(&world, &both), "bundle");
    let two_keys = changed(&good, |b| {
        b["verificationMaterial"]["publicKey"] = json!({ "hint": "k" })
    });
    assert_eq!(judge(&world, &two_keys), "bundle");
    let two_signatures = changed(&good, |b| {
        let one = b["dsseEnvelope"]["signatures"][0].clone();
        b["dsseEnvelope"]["signatures"]
            .as_array_mut()
            .expect("list")
            .push(one);
    });
    assert_eq!(judge(&world, &two_signatures), "bundle");

    // Not bundles at all: named, and never good.
    for other in [
        json!({ "base64Signature": "AAAA", "cert": "x", "rekorBundle": {} }),
        good["dsseEnvelope"].clone(),
        json!({ "attestations": [{ "predicateType": SLSA, "bundle": good }] }),
        json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v9+json" }),
        serde_json::from_str(&provenance_statement()).expect("json"),
        json!([good]),
        json!([]),
        json!({ "signed": { "_type": "link" }, "signatures": [] }),
        json!({ "SignedEntryTimestamp": "AAAA", "Payload": {} }),
        json!({ "critical": { "type": "cosign container image signature" } }),
        json!({ "verification_material": {}, "envelope": {} }),
    ] {
        assert_eq!(judge(&world, &other), "unsupported-schema", "{other}");
    }
    for other in [
        &b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"[..],
        b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
        b"untrusted comment: signature from minisign\nRWQ\ntrusted comment: x\nAAAA\n",
        b"eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
        b"\x30\x82\x01\x00",
        b"\x89\x02\x33\x04",
        b"\x1f\x8b\x08\x00",
    ] {
        assert_eq!(
            raw(other),
            "unsupported-schema",
            "{}",
            String::from_utf8_lossy(other)
        );
    }
    // Nor may one of them ride along with a good bundle.
    for other in [
        r#"{"base64Signature":"AAAA"}"#,
        "[]",
        r#"{"_type":"https://in-toto.io/Statement/v1"}"#,
    ] {
        assert_eq!(
            raw(format!("{text}\n{other}\n").as_bytes()),
            "unsupported-schema",
            "{other}"
        );
    }
}

#[test]
fn a_certificate_that_says_two_things() {
    let world = World::new();
    let uri = |text: &str| SanType::URI(text.try_into().expect("ASCII"));
    let evil = "https://github.com/evil/notes/.github/workflows/release.yml@refs/heads/main";
    let cases: Vec<(&str, Value)> = vec![
        (
            "two identities",
            with_claims(&world, |c| c.also = vec![uri(evil)]),
        ),
        (
            "an identity and an address",
            with_claims(&world, |c| {
                c.also = vec![SanType::Rfc822Name(
                    "a@b.example".try_into().expect("ASCII"),
                )]
            }),
        ),
        (
            "an identity and a host",
            with_claims(&world, |c| {
                c.also = vec![SanType::DnsName("b.example".try_into().expect("ASCII"))]
            }),
        ),
        (
            "two issuers",
            with_claims(&world, |c| {
                c.old_issuer = Some("https://oidc.example".to_owned())
            }),
        ),
        (
            "two repositories",
            with_claims(&world, |c| c.more = vec![(5, b"evil/notes".to_vec())]),
        ),
        (
            "two refs",
            with_claims(&world, |c| c.more = vec![(6, b"refs/heads/evil".to_vec())]),
        ),
        (
            "two commits",
            with_claims(&world, |c| c.more = vec![(3, "2".repeat(40).into_bytes())]),
        ),
        (
            "a claim twice",
            with_claims(&world, |c| {
                c.more = vec![(12, mint::tlv(0x0C, b"https://github.com/evil/notes"))]
            }),
        ),
        (
            "a claim that is no text",
            with_claims(&world, |c| c.more = vec![(20, b"\xff\xff".to_vec())]),
        ),
    ];
    for (what, bundle) in &cases {
        assert_eq!(judge(&world, bundle), "certificate", "{what}");
    }
    let agrees = with_claims(&world, |c| {
        c.more = vec![
            (3, "1".repeat(40).into_bytes()),
            (5, b"acme/notes".to_vec()),
            (6, b"refs/heads/main".to_vec()),
        ];
    });
    assert_eq!(judge(&world, &agrees), "verified");
    // Only the older issuer: it counts, and is not the wanted one.
    let old = with_claims(&world, |c| {
        (c.issuer, c.old_issuer) = (String::new(), Some("https://oidc.example".to_owned()))
    });
    assert_eq!(judge(&world, &old), "issuer");
}

#[test]
fn parts_that_readers_disagree_about() {
    let world = World::new();
    let good = good(&world);
    let message = world.bundle(
        Content::Message(ARCHIVE),
        &By::Certificate(&Claims::github("acme/notes")),
    );
    let entries = |b: &mut Value, add: Value| {
        b["verificationMaterial"]["tlogEntries"]
            .as_array_mut()
            .expect("list")
            .push(add)
    };
    let version = |b: &mut Value, version: &str| {
        b["mediaType"] = json!(format!(
            "application/vnd.dev.sigstore.bundle+json;version={version}"
        ));
        let certificate = b["verificationMaterial"]
            .as_object_mut()
            .expect("map")
            .remove("certificate")
            .expect("certificate");
        b["verificationMaterial"]["x509CertificateChain"] =
            json!({ "certificates": [certificate] });
    };
    let without_proof = |b: &mut Value| {
        entry(b)
            .as_object_mut()
            .expect("map")
            .remove("inclusionProof");
    };
    let url_safe = |value: &mut Value| {
        *value = json!(
            value
                .as_str()
                .expect("text")
                .replace('+', "-")
                .replace('/', "_")
        )
    };
    let cases: Vec<(&str, Value, &str)> = vec![
        (
            "version 0.2 with a chain",
            changed(&good, |b| version(b, "0.2")),
            "verified",
        ),
        (
            "version 0.1 with a promise only",
            changed(&good, |b| {
                version(b, "0.1");
                without_proof(b)
            }),
            "verified",
        ),
        (
            "version 0.2 with a promise only",
            changed(&good, |b| {
                version(b, "0.2");
                without_proof(b)
            }),
            "log",
        ),
        (
            "version 0.1 with neither",
            changed(&good, |b| {
                version(b, "0.1");
                without_proof(b);
                entry(b)
                    .as_object_mut()
                    .expect("map")
                    .remove("inclusionPromise");
            }),
            "log",
        ),
        (
            "version 0.1 with a forged promise",
            changed(&good, |b| {
                version(b, "0.1");
                without_proof(b);
                flip(
                    &mut entry(b)["inclusionPromise"]["signedEntryTimestamp"],
                    20,
                );
            }),
            "log",
        ),
        (
            // The oldest bundles of npm carry their whole chain. It counts for nothing.
            "the root with the certificate",
            changed(&good, |b| {
                version(b, "0.2");
                let root = json!({ "rawBytes": b64(world.authority()) });
                b["verificationMaterial"]["x509CertificateChain"]["certificates"]
                    .as_array_mut()
                    .expect("list")
                    .push(root);
            }),
            "verified",
        ),
        (
            "another certificate before the right one",
            changed(&good, |b| {
                let own = certificate(&self::good(&World::new()));
                version(b, "0.2");
                b["verificationMaterial"]["x509CertificateChain"]["certificates"]
                    .as_array_mut()
                    .expect("list")
                    .insert(0, own);
            }),
            "certificate",
        ),
        (
            "the root in place of the certificate",
            changed(&good, |b| {
                b["verificationMaterial"]["certificate"]["rawBytes"] =
                    json!(b64(world.authority()));
            }),
            "certificate",
        ),
        (
            "a good entry twice",
            changed(&good, |b| {
                let e = entry(b).clone();
                entries(b, e)
            }),
            "verified",
        ),
        (
            "a good entry and one with a forged promise",
            changed(&good, |b| {
                let mut e = entry(b).clone();
                flip(&mut e["inclusionPromise"]["signedEntryTimestamp"], 20);
                entries(b, e);
            }),
            "log",
        ),
        (
            "a good entry and one of another log",
            changed(&good, |b| {
                let other = entry(&mut self::good(&World::new())).clone();
                entries(b, other);
            }),
            "log",
        ),
        (
            "no payload type",
            changed(&good, |b| b["dsseEnvelope"]["payloadType"] = json!("")),
            "bundle",
        ),
        (
            "another payload type",
            changed(&good, |b| {
                b["dsseEnvelope"]["payloadType"] = json!("text/plain")
            }),
            "bundle",
        ),
        (
            "no signatures",
            changed(&good, |b| b["dsseEnvelope"]["signatures"] = json!([])),
            "bundle",
        ),
        (
            "an empty signature",
            changed(&good, |b| {
                b["dsseEnvelope"]["signatures"][0]["sig"] = json!("")
            }),
            "signature",
        ),
        (
            "an empty payload",
            changed(&good, |b| b["dsseEnvelope"]["payload"] = json!("")),
            "bundle",
        ),
        (
            "an unknown name",
            changed(&good, |b| b["verified"] = json!(true)),
            "unsupported-schema",
        ),
        (
            "the other spelling of a name",
            changed(&good, |b| {
                let entries = b["verificationMaterial"]
                    .as_object_mut()
                    .expect("map")
                    .remove("tlogEntries")
                    .expect("entries");
                b["verificationMaterial"]["tlog_entries"] = entries;
            }),
            "unsupported-schema",
        ),
        (
            "the time is no number",
            changed(&good, |b| entry(b)["integratedTime"] = json!("NaN")),
            "bundle",
        ),
        (
            "the time is before everything",
            changed(&good, |b| {
                entry(b)["integratedTime"] = json!("-9223372036854775808")
            }),
            "bundle",
        ),
        (
            "the time is after everything",
            changed(&good, |b| {
                entry(b)["integratedTime"] = json!("9223372036854775807")
            }),
            "bundle",
        ),
        (
            "the time is a fraction",
            changed(&good, |b| entry(b)["integratedTime"] = json!(1.5)),
            "bundle",
        ),
        (
            "no time",
            changed(&good, |b| {
                entry(b)
                    .as_object_mut()
                    .expect("map")
                    .remove("integratedTime");
            }),
            "timestamp",
        ),
        (
            "the index lies",
            changed(&good, |b| entry(b)["logIndex"] = json!("1")),
            "log",
        ),
        (
            "the index in the tree lies",
            changed(&good, |b| {
                entry(b)["inclusionProof"]["logIndex"] = json!("1")
            }),
            "log",
        ),
        (
            "the size of the tree lies",
            changed(&good, |b| {
                entry(b)["inclusionProof"]["treeSize"] = json!("2")
            }),
            "log",
        ),
        (
            "the kind lies",
            changed(&good, |b| {
                entry(b)["kindVersion"]["kind"] = json!("hashedrekord")
            }),
            "bundle",
        ),
        (
            "the kind is none",
            changed(&good, |b| entry(b)["kindVersion"]["kind"] = json!("none")),
            "unsupported-schema",
        ),
        (
            "the digest is of another algorithm",
            changed(&message, |b| {
                b["messageSignature"]["messageDigest"]["algorithm"] = json!("SHA2_512")
            }),
            "signature",
        ),
        (
            "the digest is of none",
            changed(&message, |b| {
                b["messageSignature"]["messageDigest"]["algorithm"] = json!("MD5")
            }),
            "unsupported-schema",
        ),
        (
            "the digest is of something else",
            changed(&message, |b| {
                flip(&mut b["messageSignature"]["messageDigest"]["digest"], 3)
            }),
            "artifact",
        ),
        (
            "the digest is short",
            changed(&message, |b| {
                b["messageSignature"]["messageDigest"]["digest"] = json!("AAAA")
            }),
            "artifact",
        ),
        (
            "base64 for addresses",
            changed(&message, |b| {
                url_safe(&mut b["messageSignature"]["signature"])
            }),
            "verified",
        ),
        (
            "base64 with a line end",
            changed(&good, |b| {
                b["dsseEnvelope"]["payload"] = json!(format!(
                    "{}\n",
                    b["dsseEnvelope"]["payload"].as_str().expect("text")
                ))
            }),
            "bundle",
        ),
        (
            "base64 of nothing sane",
            changed(&good, |b| b["dsseEnvelope"]["payload"] = json!("%%%%")),
            "bundle",
        ),
    ];
    let wrong: Vec<_> = cases
        .iter()
        .map(|(what, bundle, wanted)| (*what, judge(&world, bundle), *wanted))
        .filter(|(_, found, wanted)| found != wanted)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");

    // A statement about several things is about this one too, and one about nothing is about nothing.
    let both = |first: &[u8], second: &[u8]| {
        let subject =
            |bytes: &[u8]| json!({ "name": "a", "digest": { "sha512": Sri::of(bytes).hex() } });
        let text = json!({ "_type": "https://in-toto.io/Statement/v1", "subject": [subject(first), subject(second)], "predicateType": SLSA, "predicate": {} });
        judge(
            &world,
            &world.bundle(
                Content::Statement(&text.to_string()),
                &By::Certificate(&Claims::github("acme/notes")),
            ),
        )
    };
    assert_eq!(both(b"other", ARCHIVE), "verified");
    assert_eq!(both(b"other", b"another"), "artifact");
    for digest in [
        json!({ "sha1": "00" }),
        json!({ "sha512": "" }),
        json!({ "sha512": Sri::of(ARCHIVE).hex().to_uppercase() }),
        json!({ "SHA512": Sri::of(ARCHIVE).hex() }),
    ] {
        let text = json!({ "_type": "https://in-toto.io/Statement/v1", "subject": [{ "name": "a", "digest": digest }], "predicateType": SLSA, "predicate": {} });
        let bundle = world.bundle(
            Content::Statement(&text.to_string()),
            &By::Certificate(&Claims::github("acme/notes")),
        );
        assert!(
            matches!(judge(&world, &bundle), "artifact" | "bundle"),
            "{digest}"
        );
    }
}

/// A genuine signature that the library has no code for is not called wrong; one that it has code for is verified.
#[test]
fn algorithms_beyond_the_library() {
    let world = World::new();
    let claims = Claims::github("acme/notes");
    let by = By::Certificate(&claims);
    let key = |algorithm| rcgen::KeyPair::generate_for(algorithm).expect("key");
    let (p384, p521) = (
        key(&rcgen::PKCS_ECDSA_P384_SHA384),
        key(&rcgen::PKCS_ECDSA_P521_SHA512),
    );
    let statement = provenance_statement();

    let dsse = world.bundle_with(&p384, Content::Statement(&statement), &by);
    assert_eq!(judge(&world, &dsse), "verified");
    let mut forged = dsse.clone();
    flip(&mut forged["dsseEnvelope"]["signatures"][0]["sig"], 20);
    assert_ne!(judge(&world, &forged), "verified");

    let mut logged = world.bundle_with(&p384, Content::Message(ARCHIVE), &by);
    let sha384 = sha2::Sha384::digest(ARCHIVE);
    logged["messageSignature"]["messageDigest"] =
        json!({ "algorithm": "SHA2_384", "digest": b64(&sha384) });
    let entry = &mut logged["verificationMaterial"]["tlogEntries"][0];
    let mut body: Value = serde_json::from_slice(
        &STANDARD
            .decode(entry["canonicalizedBody"].as_str().expect("body"))
            .expect("base64"),
    )
    .expect("JSON");
    body["spec"]["data"]["hash"] =
        json!({ "algorithm": "sha384", "value": openclaw_verify_core::digest::to_hex(&sha384) });
    *entry = world.entry(&body.to_string(), "hashedrekord", SIGNED_AT);
    assert_eq!(judge(&world, &logged), "unsupported-schema");

    for content in [Content::Statement(&statement), Content::Message(ARCHIVE)] {
        let bundle = world.bundle_with(&p521, content, &by);
        assert_eq!(judge(&world, &bundle), "unsupported-schema");
    }
}

#[test]
fn another_identity() {
    let world = World::new();
    let cases: Vec<(&str, Value, &str)> = vec![
        (
            "another repository",
            world.bundle(
                Content::Statement(&provenance_statement()),
                &By::Certificate(&Claims::github("evil/notes")),
            ),
            "repository",
        ),
        (
            "a fork that calls itself the same",
            with_claims(&world, |c| {
                c.repository = "https://github.com/acme/notes-fork".to_owned()
            }),
            "repository",
        ),
        (
            "a workflow of another repository",
            with_claims(&world, |c| {
                c.signer = c.signer.replace("acme/notes", "evil/notes")
            }),
            "workflow",
        ),
        (
            "another workflow",
            with_claims(&world, |c| {
                c.signer = c.signer.replace("release.yml", "test.yml")
            }),
            "workflow",
        ),
        (
            "another ref",
            with_claims(&world, |c| c.git_ref = "refs/pull/7/merge".to_owned()),
            "ref",
        ),
        (
            "a self-hosted runner",
            with_claims(&world, |c| c.runner = Some("self-hosted".to_owned())),
            "runner",
        ),
        (
            "a runner that is not named",
            with_claims(&world, |c| c.runner = None),
            "runner",
        ),
        (
            "another issuer",
            with_claims(&world, |c| c.issuer = "https://oidc.example".to_owned()),
            "issuer",
        ),
    ];
    for (what, bundle, wanted) in &cases {
        assert_eq!(judge(&world, bundle), *wanted, "{what}");
    }
    let person = with_claims(&world, |c| c.identity = "ada@example.org".to_owned());
    let ada = IdentityPolicy {
        identity: Some("ada@example.org".to_owned()),
        issuer: Some("https://token.actions.githubusercontent.com".to_owned()),
        ..IdentityPolicy::default()
    };
    assert_eq!(
        judge_with(&world, person.to_string().as_bytes(), &ada),
        "verified"
    );
    let mut bob = ada.clone();
    bob.identity = Some("bob@example.org".to_owned());
    assert_eq!(
        judge_with(&world, person.to_string().as_bytes(), &bob),
        "identity"
    );
    bob.identity = None;
    bob.identity_pattern = Some(pattern("*@example.org"));
    assert_eq!(
        judge_with(&world, person.to_string().as_bytes(), &bob),
        "verified"
    );
    bob.identity_pattern = Some(pattern("*@example.or"));
    assert_eq!(
        judge_with(&world, person.to_string().as_bytes(), &bob),
        "identity"
    );
    // Of several bundles one may be another identity's, but none may be broken.
    let two = format!("{}\n{}\n", cases[0].1, good(&world));
    assert_eq!(judge_with(&world, two.as_bytes(), &policy()), "verified");
    let broken = with_claims(&world, |c| c.sct = false);
    let two = format!("{}\n{broken}\n", good(&world));
    assert_eq!(judge_with(&world, two.as_bytes(), &policy()), "sct");
}

#[test]
fn one_digest_cannot_be_compared_with_another() {
    let world = World::new();
    let trust = trust(&world);
    let policy = policy();
    let judge = |artifact: Artifact<'_>| {
        let bundle = good(&world).to_string();
        code(&verify_attestation(
            &artifact,
            bundle.as_bytes(),
            Signer::Identity(&policy),
            None,
            &trust,
            now(),
        ))
    };
    let sha256 = openclaw_verify_core::digest::Sha256Digest::of;
    assert_eq!(judge(Artifact::sha512(Sri::of(ARCHIVE))), "verified");
    assert_eq!(judge(Artifact::sha512(Sri::of(b"other"))), "artifact");
    assert_eq!(
        judge(Artifact::sha256(sha256(ARCHIVE))),
        "unsupported-schema",
        "neither the same nor another"
    );
    assert_eq!(judge(Artifact::bytes(ARCHIVE)), "verified");
}

#[test]
fn a_root_without_a_part_is_the_operators_mistake() {
    let world = World::new();
    for part in ["tlogs", "ctlogs", "certificateAuthorities"] {
        let mut root: Value = serde_json::from_str(&world.trusted_root()).expect("json");
        root[part] = json!([]);
        let found = TrustRoot::from_file(
            Path::new("root.json"),
            &root.to_string(),
            Instance::PublicGood,
        );
        assert!(found.is_err(), "{part}");
    }
}

#[test]
fn managed_keys() {
    let world = World::new();
    let bundle = world.bundle(Content::Message(ARCHIVE), &By::Key(&world.npm, "mine"));
    let trust = trust(&world);
    let judge = |bundle: &Value, key: &rcgen::KeyPair, artifact: &[u8]| {
        let key = PublicKey::from_pem(&mint::pem("PUBLIC KEY", &mint::spki(key))).expect("key");
        let found = verify_attestation(
            &Artifact::bytes(artifact),
            bundle.to_string().as_bytes(),
            Signer::Key(&key),
            None,
            &trust,
            now(),
        );
        code(&found)
    };
    assert_eq!(judge(&bundle, &world.npm, ARCHIVE), "verified");
    assert_eq!(judge(&bundle, &mint::key(), ARCHIVE), "signature");
    assert_eq!(judge(&bundle, &world.npm, b"another"), "artifact");
    assert_eq!(judge(&good(&world), &world.npm, ARCHIVE), "key");
    let unlogged = changed(&bundle, |b| {
        b["verificationMaterial"]["tlogEntries"] = json!([])
    });
    assert_eq!(judge(&unlogged, &world.npm, ARCHIVE), "log");
    assert!(
        PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").is_err()
    );
}

#[test]
fn a_predicate_type_can_be_required() {
    let world = World::new();
    let trust = trust(&world);
    let bundle = good(&world).to_string();
    let judge = |wanted: &str| {
        let policy = policy();
        code(&verify_attestation(
            &Artifact::bytes(ARCHIVE),
            bundle.as_bytes(),
            Signer::Identity(&policy),
            Some(wanted),
            &trust,
            now(),
        ))
    };
    assert_eq!(judge(SLSA), "verified");
    assert_eq!(judge("https://spdx.dev/Document"), "predicate-type");
}

#[test]
fn every_known_digest_of_the_subject_must_agree() {
    let world = World::new();
    let both = |sha256: &[u8], sha512: &[u8]| {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "a", "digest": {
                "sha256": openclaw_verify_core::digest::Sha256Digest::of(sha256).hex(), "sha512": Sri::of(sha512).hex() } }],
            "predicateType": SLSA,
            "predicate": {},
        });
        world.bundle(
            Content::Statement(&statement.to_string()),
            &By::Certificate(&Claims::github("acme/notes")),
        )
    };
    assert_eq!(judge(&world, &both(ARCHIVE, ARCHIVE)), "verified");
    assert_eq!(judge(&world, &both(ARCHIVE, b"other")), "artifact");
    assert_eq!(judge(&world, &both(b"other", ARCHIVE)), "artifact");
}

/// The answer of an attestation endpoint.
fn answer(entries: &[(&str, &Value)]) -> Vec<u8> {
    let list: Vec<_> = entries
        .iter()
        .map(|(kind, bundle)| json!({ "predicateType": kind, "bundle": bundle }))
        .collect();
    json!({ "attestations": list }).to_string().into_bytes()
}

struct Npm {
    world: World,
    trust: TrustRoot,
    keys: NpmKeys,
}

impl Npm {
    fn new() -> Self {
        let world = World::new();
        let trust = trust(&world);
        let keys = Self::keys(&world, "2025-01-01T00:00:00Z", None);
        Self { world, trust, keys }
    }

    fn keys(world: &World, start: &str, end: Option<&str>) -> NpmKeys {
        NpmKeys::from_file(Path::new("keys.json"), &world.npm_keys(start, end)).expect("keys")
    }

    fn publish(&self, statement: &str) -> Value {
        self.world.bundle(
            Content::Statement(statement),
            &By::Key(&self.world.npm, "SHA256:test"),
        )
    }

    fn provenance(&self, statement: &str) -> Value {
        self.world.bundle(
            Content::Statement(statement),
            &By::Certificate(&Claims::github("acme/notes")),
        )
    }

    fn judge(&self, answer: &[u8]) -> &'static str {
        self.judge_with(answer, &self.keys)
    }

    fn judge_with(&self, answer: &[u8], keys: &NpmKeys) -> &'static str {
        let package = AttestedPackage {
            name: "@acme/notes",
            version: "1.2.0",
            integrity: Sri::of(ARCHIVE),
        };
        let found = verify_attestations(answer, &package, &policy(), keys, &self.trust, now());
        code(&found.package())
    }
}

#[test]
fn npm_attestations() {
    let npm = Npm::new();
    let publish = npm.publish(&publish_statement());
    let provenance = npm.provenance(&provenance_statement());
    let pair = |publish: &Value, provenance: &Value| {
        npm.judge(&answer(&[(npm::PUBLISH, publish), (SLSA, provenance)]))
    };
    assert_eq!(pair(&publish, &provenance), "verified");

    // None, one, two.
    assert_eq!(npm.judge(&answer(&[])), "not-applicable");
    assert_eq!(
        npm.judge(&answer(&[(npm::PUBLISH, &publish)])),
        "not-applicable"
    );
    assert_eq!(npm.judge(&answer(&[(SLSA, &provenance)])), "bundle");
    let again = npm.provenance(&provenance_statement());
    assert_eq!(
        npm.judge(&answer(&[
            (npm::PUBLISH, &publish),
            (SLSA, &provenance),
            (SLSA, &again)
        ])),
        "bundle"
    );
    assert_eq!(
        npm.judge(&answer(&[
            (npm::PUBLISH, &publish),
            (npm::PUBLISH, &publish),
            (SLSA, &provenance)
        ])),
        "bundle"
    );
    // A second one cannot hide behind another outer type.
    assert_eq!(
        npm.judge(&answer(&[
            (npm::PUBLISH, &publish),
            (SLSA, &provenance),
            ("https://x.example", &again)
        ])),
        "bundle"
    );

    // The outer type lies.
    assert_eq!(
        npm.judge(&answer(&[
            (npm::PUBLISH, &publish),
            ("https://slsa.dev/provenance/v0.2", &provenance)
        ])),
        "predicate-type"
    );
    assert_eq!(
        npm.judge(&answer(&[(SLSA, &publish), (npm::PUBLISH, &provenance)])),
        "predicate-type"
    );
    let newer = npm.provenance(&statement(
        "pkg:npm/%40acme/notes@1.2.0",
        ARCHIVE,
        "https://slsa.dev/provenance/v9",
        json!({}),
    ));
    assert_eq!(
        npm.judge(&answer(&[
            (npm::PUBLISH, &publish),
            ("https://slsa.dev/provenance/v9", &newer)
        ])),
        "predicate-type"
    );

    // Another package, version, archive; in either half.
    let other_version = statement("pkg:npm/%40acme/notes@1.1.0", ARCHIVE, SLSA, json!({}));
    assert_eq!(pair(&publish, &npm.provenance(&other_version)), "subject");
    let other_name = statement("pkg:npm/notes@1.2.0", ARCHIVE, SLSA, json!({}));
    assert_eq!(pair(&publish, &npm.provenance(&other_name)), "subject");
    let other_archive = statement("pkg:npm/%40acme/notes@1.2.0", b"other", SLSA, json!({}));
    assert_eq!(pair(&publish, &npm.provenance(&other_archive)), "artifact");
    let published = |purl: &str, archive: &[u8], name: &str, version: &str| {
        npm.publish(&statement(
            purl,
            archive,
            npm::PUBLISH,
            json!({ "name": name, "version": version }),
        ))
    };
    let purl = "pkg:npm/%40acme/notes@1.2.0";
    assert_eq!(
        pair(
            &published(purl, b"other", "@acme/notes", "1.2.0"),
            &provenance
        ),
        "artifact"
    );
    assert_eq!(
        pair(
            &published(
                "pkg:npm/%40acme/notes@1.1.0",
                ARCHIVE,
                "@acme/notes",
                "1.1.0"
            ),
            &provenance
        ),
        "subject"
    );
    assert_eq!(
        pair(
            &published(purl, ARCHIVE, "@acme/other", "1.2.0"),
            &provenance
        ),
        "subject"
    );
    assert_eq!(
        pair(
            &published(purl, ARCHIVE, "@acme/notes", "1.2.1"),
            &provenance
        ),
        "subject"
    );
    let mut two: Value = serde_json::from_str(&provenance_statement()).expect("json");
    let second =
        json!({ "name": "pkg:npm/other@1.0.0", "digest": { "sha512": Sri::of(b"x").hex() } });
    two["subject"].as_array_mut().expect("list").push(second);
    assert_eq!(pair(&publish, &npm.provenance(&two.to_string())), "subject");

    // The publish attestation is signed by another identity, by an unknown key, or by a certificate.
    let stranger = mint::key();
    let forged = npm.world.bundle(
        Content::Statement(&publish_statement()),
        &By::Key(&stranger, "SHA256:test"),
    );
    assert_eq!(pair(&forged, &provenance), "signature");
    let unknown = npm.world.bundle(
        Content::Statement(&publish_statement()),
        &By::Key(&stranger, "SHA256:other"),
    );
    assert_eq!(pair(&unknown, &provenance), "key");
    assert_eq!(
        pair(&npm.provenance(&publish_statement()), &provenance),
        "key"
    );
    let two_names = changed(&publish, |b| {
        b["verificationMaterial"]["publicKey"]["hint"] = json!("SHA256:other")
    });
    assert_eq!(pair(&two_names, &provenance), "key");
    // And the provenance by a key.
    assert_eq!(
        pair(&publish, &npm.publish(&provenance_statement())),
        "certificate"
    );

    // The key's life.
    let both = answer(&[(npm::PUBLISH, &publish), (SLSA, &provenance)]);
    let lives =
        |start: &str, end: Option<&str>| npm.judge_with(&both, &Npm::keys(&npm.world, start, end));
    assert_eq!(
        lives("2026-01-01T00:00:00Z", Some("2026-07-01T00:00:00Z")),
        "verified"
    );
    assert_eq!(
        lives("2026-01-01T00:00:00Z", Some("2026-05-01T00:00:00Z")),
        "key"
    );
    assert_eq!(lives("2026-07-01T00:00:00Z", None), "key");
    let signatures_only = npm
        .world
        .npm_keys("2025-01-01T00:00:00Z", None)
        .replace("npm:attestations\"", "npm:signatures\"");
    assert!(
        NpmKeys::from_file(Path::new("keys.json"), &signatures_only).is_err(),
        "the same key twice for one use"
    );

    // Form.
    assert_eq!(npm.judge(b"{}"), "bundle");
    assert_eq!(npm.judge(b"not json"), "bundle");
    assert_eq!(npm.judge(&[both.as_slice(), b"x"].concat()), "bundle");
    assert_eq!(npm.judge(&vec![b' '; 5 << 20]), "bundle");
    assert_eq!(npm.judge(&answer(&[(SLSA, &Value::Null)])), "bundle");
}

#[test]
fn a_predicate_may_not_contradict_the_certificate() {
    let npm = Npm::new();
    let publish = npm.publish(&publish_statement());
    let built = |repository: &str, commit: &str| {
        let predicate = json!({ "buildDefinition": {
            "buildType": "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
            "externalParameters": { "workflow": { "repository": repository } },
            "resolvedDependencies": [{ "digest": { "gitCommit": commit } }],
        } });
        let provenance = npm.provenance(&statement(
            "pkg:npm/%40acme/notes@1.2.0",
            ARCHIVE,
            SLSA,
            predicate,
        ));
        npm.judge(&answer(&[(npm::PUBLISH, &publish), (SLSA, &provenance)]))
    };
    assert_eq!(
        built("https://github.com/acme/notes", &"1".repeat(40)),
        "verified"
    );
    assert_eq!(
        built("https://github.com/other/notes", &"1".repeat(40)),
        "repository"
    );
    assert_eq!(
        built("https://github.com/acme/notes", &"2".repeat(40)),
        "ref"
    );
}

#[test]
fn registry_signatures() {
    let world = World::new();
    let keys = Npm::keys(&world, "2025-01-01T00:00:00Z", Some("2026-07-01T00:00:00Z"));
    let package = AttestedPackage {
        name: "@acme/notes",
        version: "1.2.0",
        integrity: Sri::of(ARCHIVE),
    };
    let sign = |name: &str, version: &str, archive: &[u8]| RegistrySignature {
        keyid: "SHA256:test".to_owned(),
        sig: world.npm_signature(&format!("{name}@{version}:{}", Sri::of(archive))),
    };
    let at = |time: &str| Some(time.parse::<Timestamp>().expect("time"));
    let judge = |signatures: &[RegistrySignature], published: Option<Timestamp>| {
        code(&verify_registry_signatures(
            signatures,
            &package,
            published,
            &keys,
            now(),
        ))
    };
    let good = sign("@acme/notes", "1.2.0", ARCHIVE);
    let in_time = at("2026-06-01T00:00:00Z");
    assert_eq!(judge(std::slice::from_ref(&good), in_time), "verified");
    assert_eq!(judge(&[], in_time), "not-applicable");
    assert_eq!(
        judge(&[sign("@acme/notes", "1.1.0", ARCHIVE)], in_time),
        "signature"
    );
    assert_eq!(
        judge(&[sign("@acme/other", "1.2.0", ARCHIVE)], in_time),
        "signature"
    );
    assert_eq!(
        judge(&[sign("@acme/notes", "1.2.0", b"other")], in_time),
        "signature"
    );
    assert_eq!(
        judge(
            &[good.clone(), sign("@acme/notes", "1.2.0", b"other")],
            in_time
        ),
        "signature"
    );
    assert_eq!(
        judge(
            &[RegistrySignature {
                sig: "!".to_owned(),
                ..good.clone()
            }],
            in_time
        ),
        "signature"
    );
    assert_eq!(
        judge(
            &[RegistrySignature {
                keyid: "SHA256:new".to_owned(),
                ..good.clone()
            }],
            in_time
        ),
        "key"
    );
    assert_eq!(
        judge(std::slice::from_ref(&good), at("2026-07-01T00:00:00Z")),
        "key"
    );
    assert_eq!(
        judge(std::slice::from_ref(&good), at("2024-07-01T00:00:00Z")),
        "key"
    );
    assert_eq!(
        judge(std::slice::from_ref(&good), at("2027-07-01T00:00:00Z")),
        "timestamp"
    );
    assert_eq!(judge(std::slice::from_ref(&good), None), "key");
}

#[test]
fn no_changed_byte_leaves_a_verified_answer() {
    let npm = Npm::new();
    let (publish, provenance) = (
        npm.publish(&publish_statement()),
        npm.provenance(&provenance_statement()),
    );
    let both = answer(&[(npm::PUBLISH, &publish), (SLSA, &provenance)]);
    // Only the label in front of a checkpoint's signature is protected by nothing: keys are found by their hint.
    let label = "\u{2014} log.example ";
    let text = String::from_utf8(both.clone()).expect("text");
    let labels: Vec<_> = text
        .match_indices(label)
        .map(|(at, found)| at..at + found.len())
        .collect();
    assert_eq!(labels.len(), 2);
    for at in (0..both.len())
        .step_by(17)
        .filter(|at| !labels.iter().any(|label| label.contains(at)))
    {
        let mut changed = both.clone();
        changed[at] ^= 1;
        assert_ne!(npm.judge(&changed), "verified", "byte {at}");
    }
}
