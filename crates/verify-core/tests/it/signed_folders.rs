//! Folders that were signed without a key of one's own: OpenSSF Model Signing with a certificate and a log of Sigstore's kind, made by
//! the tests' own authority. Keys and chains are tested beside the code.

use openclaw_verify_core::fact::Fact;
use openclaw_verify_core::provenance::model::{
    Fetch, ModelSigner, PREDICATE, SignedFolder, SignerTrust, verify,
};
use openclaw_verify_core::provenance::{Instance, TrustRoot};
use openclaw_verify_core::tree::{BlobId, Manifest, Mode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

use crate::support::facts::{code, now};
use crate::support::mint::{By, Claims, Content, SIGNED_AT, World, b64, sha256};

const NAME: &str = "weather";
const SIGNATURE: &str = "skill.oms.sig";
const IDENTITY: &str = "ada@example.org";
const ISSUER: &str = "https://accounts.example.org";

type Files = BTreeMap<&'static str, (Mode, &'static [u8])>;

fn files() -> Files {
    [
        (".hidden", (Mode::Regular, &b"x"[..])),
        ("SKILL.md", (Mode::Regular, b"# Weather")),
        ("scripts/run.sh", (Mode::Executable, b"#!/bin/sh\n")),
    ]
    .into()
}

fn claims() -> Claims {
    Claims {
        identity: IDENTITY.to_owned(),
        issuer: ISSUER.to_owned(),
        ..Claims::github("acme/skills")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a signer lists of a folder.
fn statement(name: &str, files: &Files) -> Value {
    let digests: Vec<Vec<u8>> = files.values().map(|(_, bytes)| sha256(bytes)).collect();
    let resource = |(path, digest): (&&str, &Vec<u8>)| json!({ "name": path, "algorithm": "sha256", "digest": hex(digest) });
    let resources: Vec<Value> = files.keys().zip(&digests).map(resource).collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { "sha256": hex(&sha256(&digests.concat())) } }],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files", "hash_type": "sha256", "allow_symlinks": false, "ignore_paths": [SIGNATURE],
            },
            "resources": resources,
        },
    })
}

fn signed(world: &World, claims: &Claims, statement: &Value) -> Value {
    world.bundle(
        Content::Statement(&statement.to_string()),
        &By::Certificate(claims),
    )
}

fn trusted(identity: &str, issuer: &str) -> SignerTrust {
    SignerTrust::Identity {
        identity: identity.to_owned(),
        issuer: issuer.to_owned(),
    }
}

fn judge(
    root: &TrustRoot,
    files: &Files,
    signature: &Value,
    trust: &[SignerTrust],
) -> Fact<ModelSigner> {
    let text = signature.to_string().into_bytes();
    let listed = files
        .iter()
        .map(|(path, (mode, bytes))| (*path, *mode, *bytes));
    let all = listed.chain([(SIGNATURE, Mode::Regular, text.as_slice())]);
    // As `git ls-tree -r -z` prints it.
    let lines = all.map(|(path, mode, bytes)| {
        let id = BlobId::of(bytes).hex();
        format!("{} blob {id}\t{path}\0", mode.as_str())
    });
    let manifest = Manifest::parse(lines.collect::<String>().as_bytes()).expect("manifest");
    let folder = SignedFolder {
        names: &[NAME],
        files: &manifest,
        signature: SIGNATURE,
        read: &|entry| Fetch::Bytes(files[entry.path.as_str()].1.to_vec()),
    };
    verify(&folder, &text, trust, || Ok(root), now())
}

fn root_of(world: &World) -> TrustRoot {
    let text = world.trusted_root();
    TrustRoot::from_file(Path::new("root.json"), &text, Instance::PublicGood).expect("root")
}

#[test]
fn an_identity_that_the_operator_names_signed_exactly_this() {
    let world = World::new();
    let root = root_of(&world);
    let good = signed(&world, &claims(), &statement(NAME, &files()));
    let judged = |files: &Files, trust: &[SignerTrust]| judge(&root, files, &good, trust);
    let ours = || trusted(IDENTITY, ISSUER);
    let fact = judged(&files(), &[ours()]);
    let signer = fact.verified().map(ModelSigner::as_str).expect("verified");
    assert_eq!(signer, format!("oms:identity:{IDENTITY} {ISSUER}"));
    // One of several is enough, and neither half alone.
    let eve = || trusted("eve@example.org", ISSUER);
    assert_eq!(code(&judged(&files(), &[eve(), ours()])), "verified");
    for (trust, expected) in [
        (vec![], "identity"),
        (vec![eve()], "identity"),
        (vec![trusted(IDENTITY, "https://other.example")], "issuer"),
        (vec![trusted("", ISSUER)], "identity"),
        (vec![trusted("*@example.org", ISSUER)], "identity"),
    ] {
        assert_eq!(code(&judged(&files(), &trust)), expected, "{trust:?}");
    }
    // What lies there is said before who signed.
    for (path, file) in [
        ("SKILL.md", (Mode::Regular, &b"other"[..])),
        (".env", (Mode::Regular, b"A=1")),
        (".git/hooks/pre-commit", (Mode::Executable, b"x")),
        ("nested/skill.oms.sig", (Mode::Regular, b"{}")),
        ("SKILL.md", (Mode::Symlink, b"# Weather")),
    ] {
        let mut other = files();
        other.insert(path, file);
        for trust in [ours(), eve()] {
            assert_eq!(code(&judged(&other, &[trust])), "artifact", "{path}");
        }
    }
    let mut less = files();
    less.remove(".hidden");
    assert_eq!(code(&judged(&less, &[ours()])), "artifact");
}

/// Each is refused with what is wrong with it.
#[test]
fn signatures_that_this_authority_never_vouched_for() {
    let world = World::new();
    let root = root_of(&world);
    let listed = statement(NAME, &files());
    let good = signed(&world, &claims(), &listed);
    let with = |pointer: &str, value: Value| {
        let mut bundle = good.clone();
        *bundle.pointer_mut(pointer).expect("place") = value;
        bundle
    };
    let said = |change: fn(&mut Value)| {
        let mut other = listed.clone();
        change(&mut other);
        signed(&world, &claims(), &other)
    };
    let by = |change: fn(&mut Claims)| {
        let mut other = claims();
        change(&mut other);
        signed(&world, &other, &listed)
    };
    let mut drifted = files();
    drifted.insert("SKILL.md", (Mode::Regular, b"# Whether"));
    let elsewhere = b64(statement(NAME, &drifted).to_string().as_bytes());
    let entry = "/verificationMaterial/tlogEntries/0";
    let other_entry = signed(&world, &claims(), &statement(NAME, &drifted))
        .pointer(entry)
        .expect("entry")
        .clone();
    let attacks: [(&str, Value); 20] = [
        (
            "payload of others",
            with("/dsseEnvelope/payload", json!(elsewhere)),
        ),
        (
            "signature",
            with("/dsseEnvelope/signatures/0/sig", json!(b64(&[0x30; 70]))),
        ),
        ("no signature", with("/dsseEnvelope/signatures", json!([]))),
        (
            "second signature",
            with(
                "/dsseEnvelope/signatures",
                json!([
                    good["dsseEnvelope"]["signatures"][0],
                    good["dsseEnvelope"]["signatures"][0]
                ]),
            ),
        ),
        (
            "payload type",
            with("/dsseEnvelope/payloadType", json!("text/plain")),
        ),
        ("other authority", signed(&World::new(), &claims(), &listed)),
        ("entry of another signature", with(entry, other_entry)),
        (
            "entry of another log",
            with(
                entry,
                signed(&World::new(), &claims(), &listed)
                    .pointer(entry)
                    .expect("entry")
                    .clone(),
            ),
        ),
        (
            "no entry",
            with("/verificationMaterial/tlogEntries", json!([])),
        ),
        (
            "signed after the certificate ended",
            world.logged_at(&good, SIGNED_AT + 3600),
        ),
        (
            "signed before it began",
            world.logged_at(&good, SIGNED_AT - 3600),
        ),
        ("no certificate timestamp", by(|claims| claims.sct = false)),
        (
            "certificate for servers",
            by(|claims| claims.code_signing = false),
        ),
        (
            "another signer",
            by(|claims| claims.identity = "eve@example.org".to_owned()),
        ),
        (
            "another issuer",
            by(|claims| claims.issuer = "https://other.example".to_owned()),
        ),
        (
            "reordered resources",
            said(|it| {
                it["predicate"]["resources"]
                    .as_array_mut()
                    .expect("list")
                    .reverse()
            }),
        ),
        (
            "downgraded digest",
            said(|it| it["predicate"]["serialization"]["hash_type"] = json!("md5")),
        ),
        (
            "other predicate",
            said(|it| it["predicateType"] = json!("https://slsa.dev/provenance/v1")),
        ),
        (
            "other folder",
            said(|it| it["subject"][0]["name"] = json!("other")),
        ),
        (
            "subject is not the list",
            said(|it| it["subject"][0]["digest"]["sha256"] = json!("00".repeat(32))),
        ),
    ];
    let trust = [trusted(IDENTITY, ISSUER)];
    for (attack, bundle) in attacks {
        let fact = judge(&root, &files(), &bundle, &trust);
        assert!(fact.verified().is_none(), "{attack}: {fact:?}");
        assert!(!matches!(fact, Fact::NotApplicable), "{attack}: {fact:?}");
    }
    assert_eq!(code(&judge(&root, &files(), &good, &trust)), "verified");
}
