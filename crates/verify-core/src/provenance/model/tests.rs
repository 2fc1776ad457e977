//! Vectors of our own: every kind of signer, both ways of listing, and what must not pass.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P384_SHA384,
};
use serde_json::json;
use sha2::Digest as _;

use super::*;
use crate::digest::to_hex;
use crate::provenance::Instance;
use crate::tree::{BlobId, Mode};

const NAME: &str = "weather";
const NOW: &str = "2026-11-28T12:00:00Z";

/// A folder in memory.
struct Folder {
    files: BTreeMap<String, (Mode, Vec<u8>)>,
    name: String,
}

impl Folder {
    fn new() -> Self {
        let files = [
            ("SKILL.md", "# Weather"),
            ("scripts/run.sh", "#!/bin/sh\n"),
            (".hidden", "x"),
        ];
        let files =
            files.map(|(path, text)| (path.to_owned(), (Mode::Regular, text.as_bytes().to_vec())));
        Self {
            files: files.into(),
            name: NAME.to_owned(),
        }
    }

    fn set(mut self, path: &str, mode: Mode, text: &str) -> Self {
        self.files
            .insert(path.to_owned(), (mode, text.as_bytes().to_vec()));
        self
    }

    fn without(mut self, path: &str) -> Self {
        assert!(self.files.remove(path).is_some());
        self
    }

    fn judge(&self, signature: &Value, trust: &[SignerTrust], now: &str) -> Fact<ModelSigner> {
        let text = serde_json::to_vec(signature).expect("json");
        let mut files = self.files.clone();
        files.insert("skill.oms.sig".to_owned(), (Mode::Regular, text.clone()));
        let entry = |(path, (mode, bytes)): (&String, &(Mode, Vec<u8>))| TreeEntry {
            path: path.clone(),
            mode: *mode,
            id: BlobId::of(bytes),
        };
        let manifest = Manifest::new(files.iter().map(entry).collect()).expect("manifest");
        let folder = SignedFolder {
            names: &[&self.name],
            files: &manifest,
            signature: "skill.oms.sig",
            read: &|entry| Fetch::Bytes(files[&entry.path].1.clone()),
        };
        let root = TrustRoot::embedded(Instance::PublicGood).expect("root");
        verify(
            &folder,
            &text,
            trust,
            || Ok(&root),
            now.parse().expect("time"),
        )
    }

    /// What a signer lists of it.
    fn statement(&self, method: Method) -> Value {
        let mut all = sha2::Sha256::new();
        let mut resources = Vec::new();
        for (path, (_, bytes)) in &self.files {
            let pieces: Vec<(String, &[u8])> = match method {
                Method::Files => vec![(path.clone(), bytes.as_slice())],
                Method::Shards(size) => bytes
                    .chunks(size)
                    .enumerate()
                    .map(|(at, piece)| {
                        let start = at * size;
                        (format!("{path}:{start}:{}", start + piece.len()), piece)
                    })
                    .collect(),
            };
            for (name, piece) in pieces {
                let digest = sha2::Sha256::digest(piece);
                all.update(digest);
                let algorithm = match method {
                    Method::Files => "sha256".to_owned(),
                    Method::Shards(size) => format!("sha256-sharded-{size}"),
                };
                resources
                    .push(json!({"name": name, "algorithm": algorithm, "digest": to_hex(&digest)}));
            }
        }
        let mut serialization = json!({"method": "files", "hash_type": "sha256", "allow_symlinks": false, "ignore_paths": ["skill.oms.sig", ".git"]});
        if let Method::Shards(size) = method {
            serialization["method"] = json!("shards");
            #[allow(clippy::cast_precision_loss, reason = "as protobuf writes it")]
            let size = size as f64;
            serialization["shard_size"] = json!(size);
        }
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": self.name, "digest": {"sha256": to_hex(&all.finalize())}}],
            "predicateType": PREDICATE,
            "predicate": {"serialization": serialization, "resources": resources},
        })
    }
}

#[derive(Clone, Copy)]
enum Method {
    Files,
    Shards(usize),
}

/// A key that signs.
struct Signs {
    pair: EcdsaKeyPair,
    spki: Vec<u8>,
}

impl Signs {
    fn new(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        use aws_lc_rs::encoding::AsDer as _;
        let pair = EcdsaKeyPair::generate(algorithm).expect("key");
        let spki = pair.public_key().as_der().expect("der").as_ref().to_vec();
        Self { pair, spki }
    }

    fn pem(&self) -> String {
        let lines = STANDARD.encode(&self.spki);
        let lines: Vec<&str> = lines
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("text"))
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }

    fn trust(&self) -> SignerTrust {
        SignerTrust::Key(SigningKey::from_pem(&self.pem()).expect("key"))
    }

    fn sign(&self, statement: &Value) -> Value {
        let hint = to_hex(&sha2::Sha256::digest(self.pem()));
        bundle(&self.pair, statement, json!({"publicKey": {"hint": hint}}))
    }
}

fn bundle(pair: &EcdsaKeyPair, statement: &Value, material: Value) -> Value {
    let payload = serde_json::to_vec(statement).expect("json");
    let kind = "application/vnd.in-toto+json";
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend_from_slice(&payload);
    let signature = pair.sign(&SystemRandom::new(), &signed).expect("sign");
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": STANDARD.encode(&payload),
            "payloadType": kind,
            "signatures": [{"sig": STANDARD.encode(signature.as_ref()), "keyid": ""}],
        },
    })
}

/// A root, and a certificate under it with its key.
struct Chain {
    root: String,
    certificates: Vec<Vec<u8>>,
    pair: EcdsaKeyPair,
}

impl Chain {
    fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::of(|_| {}, None, change)
    }

    /// With a change of the root, and of a certificate between it and the leaf where there is one.
    fn of(
        change_root: impl FnOnce(&mut CertificateParams),
        between: Option<Vec<KeyUsagePurpose>>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
        let mut root = CertificateParams::new(Vec::new()).expect("parameters");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name.push(DnType::CommonName, "root");
        change_root(&mut root);
        let of_root = Issuer::from_params(&root, &root_key);
        let middle_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
        let mut middle = CertificateParams::new(Vec::new()).expect("parameters");
        middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        middle
            .distinguished_name
            .push(DnType::CommonName, "between");
        middle.key_usages = between.clone().unwrap_or_default();
        let of_middle = middle
            .signed_by(&middle_key, &of_root)
            .expect("certificate");
        let issuer = match between {
            Some(_) => Issuer::from_params(&middle, &middle_key),
            None => of_root,
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
        let mut leaf = CertificateParams::new(Vec::new()).expect("parameters");
        leaf.distinguished_name
            .push(DnType::CommonName, "Acme skills");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.not_before = rcgen::date_time_ymd(2026, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2027, 1, 1);
        change(&mut leaf);
        let leaf = leaf.signed_by(&key, &issuer).expect("certificate");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &key.serialize_der())
            .expect("key");
        let root = root.self_signed(&root_key).expect("certificate");
        Self {
            root: root.pem(),
            certificates: vec![
                leaf.der().to_vec(),
                of_middle.der().to_vec(),
                root.der().to_vec(),
            ],
            pair,
        }
    }

    fn trust(&self) -> SignerTrust {
        SignerTrust::Certificates(RootCertificates::from_pem(&self.root).expect("root"))
    }

    fn sign(&self, statement: &Value) -> Value {
        let certificates: Vec<Value> = self
            .certificates
            .iter()
            .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
            .collect();
        let material = json!({"x509CertificateChain": {"certificates": certificates}});
        bundle(&self.pair, statement, material)
    }
}

fn fault(fact: &Fact<ModelSigner>) -> &'static str {
    match fact {
        Fact::Verified(_) => "verified",
        Fact::Violated { code, .. } => code.map_or("none", Fault::as_str),
        Fact::NotEstablished { code, .. } => code.as_str(),
        Fact::NotApplicable => "not-applicable",
    }
}

#[test]
fn keys_of_both_curves_and_both_ways_of_listing() {
    for algorithm in [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
    ] {
        let key = Signs::new(algorithm);
        for method in [Method::Files, Method::Shards(4), Method::Shards(1 << 20)] {
            let folder = Folder::new();
            let signature = key.sign(&folder.statement(method));
            let fact = folder.judge(&signature, &[key.trust()], NOW);
            let signer = fact.verified().map(ModelSigner::as_str).expect("verified");
            let spki = to_hex(&sha2::Sha256::digest(&key.spki));
            assert_eq!(signer, format!("oms:key:sha256:{spki}"));
        }
    }
}

#[test]
fn a_root_with_bytes_after_it_is_none() {
    let chain = include_str!("../../../../../testdata/signed-skill/root.pem");
    assert!(RootCertificates::from_pem(chain).is_ok());
    let mut lines: Vec<&str> = chain.lines().collect();
    lines.insert(9, lines[7]);
    let longer = lines.join("\n");
    assert!(RootCertificates::from_pem(&longer).is_err());
}

#[test]
fn an_empty_file_has_no_pieces() {
    let key = Signs::new(&ECDSA_P256_SHA256_ASN1_SIGNING);
    let empty = || Folder::new().set("__init__.py", Mode::Regular, "");
    for (method, folder, expected) in [
        (Method::Shards(4), empty(), "verified"),
        (Method::Files, empty(), "verified"),
        (
            Method::Shards(4),
            empty().set("__init__.py", Mode::Regular, "x"),
            "artifact",
        ),
        (
            Method::Files,
            empty().set("other.py", Mode::Regular, ""),
            "artifact",
        ),
    ] {
        let signature = key.sign(&empty().statement(method));
        let fact = folder.judge(&signature, &[key.trust()], NOW);
        assert_eq!(fault(&fact), expected, "{fact:?}");
    }
}

#[test]
fn other_folders_than_the_signed_one() {
    let key = Signs::new(&ECDSA_P256_SHA256_ASN1_SIGNING);
    for method in [Method::Files, Method::Shards(4)] {
        let signature = key.sign(&Folder::new().statement(method));
        let renamed = Folder {
            name: "other".to_owned(),
            ..Folder::new()
        };
        let others = [
            Folder::new().set("SKILL.md", Mode::Regular, "# Whether"),
            Folder::new().set(".env", Mode::Regular, "A=1"),
            Folder::new().set(".git/config", Mode::Regular, "x"),
            Folder::new().set("nested/skill.oms.sig", Mode::Regular, "{}"),
            Folder::new().set("scripts/run.sh", Mode::Symlink, "#!/bin/sh\n"),
            Folder::new().set("scripts/run.sh", Mode::Regular, ""),
            Folder::new().without(".hidden"),
            renamed,
        ];
        for (at, folder) in others.iter().enumerate() {
            let fact = folder.judge(&signature, &[key.trust()], NOW);
            assert_eq!(fault(&fact), "artifact", "{at}: {fact:?}");
        }
    }
}

#[test]
fn signatures_that_say_less_or_other_than_the_signer_did() {
    let key = Signs::new(&ECDSA_P256_SHA256_ASN1_SIGNING);
    let folder = Folder::new();
    let statement = folder.statement(Method::Files);
    let good = key.sign(&statement);
    let with = |path: &str, value: Value| {
        let mut other = good.clone();
        *other.pointer_mut(path).expect("place") = value;
        other
    };
    let twice = json!([
        good["dsseEnvelope"]["signatures"][0],
        good["dsseEnvelope"]["signatures"][0]
    ]);
    let mut reordered = statement.clone();
    reordered["predicate"]["resources"]
        .as_array_mut()
        .expect("list")
        .reverse();
    let reordered = STANDARD.encode(serde_json::to_vec(&reordered).expect("json"));
    let foreign = Signs::new(&ECDSA_P256_SHA256_ASN1_SIGNING);
    for (bundle, expected) in [
        (with("/dsseEnvelope/payload", json!(reordered)), "subject"),
        (with("/dsseEnvelope/signatures", twice), "bundle"),
        (with("/dsseEnvelope/signatures", json!([])), "bundle"),
        (
            with("/dsseEnvelope/signatures/0/sig", json!("AAAA")),
            "signature",
        ),
        (
            with("/dsseEnvelope/payloadType", json!("text/plain")),
            "bundle",
        ),
        (
            with("/verificationMaterial/publicKey/hint", json!("ab")),
            "bundle",
        ),
        (foreign.sign(&statement), "key"),
    ] {
        let fact = folder.judge(&bundle, &[key.trust()], NOW);
        assert_eq!(fault(&fact), expected, "{fact:?}");
    }
    assert_eq!(fault(&folder.judge(&good, &[], NOW)), "key");
}

#[test]
fn statements_that_only_a_careless_signer_makes() {
    let key = Signs::new(&ECDSA_P256_SHA256_ASN1_SIGNING);
    let folder = Folder::new();
    let good = folder.statement(Method::Files);
    let with = |path: &str, value: Value| {
        let mut other = good.clone();
        *other.pointer_mut(path).expect("place") = value;
        key.sign(&other)
    };
    let first = &good["predicate"]["resources"][0];
    for (signature, expected) in [
        (
            with(
                "/predicateType",
                json!("https://model_signing/Digests/v0.1"),
            ),
            "unsupported-schema",
        ),
        (
            with("/predicate/serialization/hash_type", json!("md5")),
            "unsupported-schema",
        ),
        (
            with("/predicate/serialization/method", json!("tar")),
            "unsupported-schema",
        ),
        (
            with("/predicate/serialization/ignore_paths", json!(["SKILL.md"])),
            "verified",
        ),
        (
            with("/predicate/resources/0/name", json!("../SKILL.md")),
            "bundle",
        ),
        (
            with("/predicate/resources/0/algorithm", json!("sha1")),
            "bundle",
        ),
        (with("/predicate/resources/1", first.clone()), "bundle"),
        (
            with("/subject/0/digest/sha256", json!("00".repeat(32))),
            "subject",
        ),
        (with("/subject/0/name", json!("*")), "artifact"),
    ] {
        let fact = folder.judge(&signature, &[key.trust()], NOW);
        assert_eq!(fault(&fact), expected, "{fact:?}");
    }
}

#[test]
fn chains_up_to_the_root_that_the_operator_named() {
    let folder = Folder::new();
    let statement = folder.statement(Method::Files);
    let chain = Chain::new(|_| {});
    let signature = chain.sign(&statement);
    let fact = folder.judge(&signature, &[chain.trust()], NOW);
    let signer = fact.verified().map(ModelSigner::as_str).expect("verified");
    assert!(
        signer.starts_with("oms:cert:sha256:") && signer.ends_with("/CN=Acme skills"),
        "{signer}"
    );
    for (trust, now, expected) in [
        (vec![chain.trust()], "2027-06-01T00:00:00Z", "key-expired"),
        (vec![chain.trust()], "2025-06-01T00:00:00Z", "key-expired"),
        (vec![Chain::new(|_| {}).trust()], NOW, "certificate"),
        (
            vec![Chain::new(|_| {}).trust()],
            "2027-06-01T00:00:00Z",
            "certificate",
        ),
        (
            vec![Signs::new(&ECDSA_P256_SHA256_ASN1_SIGNING).trust()],
            NOW,
            "certificate",
        ),
    ] {
        let fact = folder.judge(&signature, &trust, now);
        assert_eq!(fault(&fact), expected, "{fact:?}");
    }
    let drifted = Folder::new().set("SKILL.md", Mode::Regular, "other");
    let foreign = Chain::new(|_| {}).trust();
    assert_eq!(
        fault(&drifted.judge(&signature, &[foreign], NOW)),
        "artifact",
        "what lies there comes before who signed"
    );
}

#[test]
fn certificates_that_are_for_something_else() {
    let folder = Folder::new();
    let statement = folder.statement(Method::Files);
    let bad: [fn(&mut CertificateParams); 4] = [
        |leaf| leaf.key_usages = Vec::new(),
        |leaf| leaf.key_usages = vec![KeyUsagePurpose::KeyEncipherment],
        |leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
        |leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
    ];
    for change in bad {
        let chain = Chain::new(change);
        let fact = folder.judge(&chain.sign(&statement), &[chain.trust()], NOW);
        assert_eq!(fault(&fact), "certificate", "{fact:?}");
    }
    let good = Chain::new(|leaf| {
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    });
    let fact = folder.judge(&good.sign(&statement), &[good.trust()], NOW);
    assert_eq!(fault(&fact), "verified", "{fact:?}");
    let good = Chain::new(|leaf| {
        leaf.key_usages = Vec::new();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    });
    let fact = folder.judge(&good.sign(&statement), &[good.trust()], NOW);
    assert_eq!(fault(&fact), "verified", "{fact:?}");
}

#[test]
fn what_vouches_must_be_allowed_to_and_valid() {
    let folder = Folder::new();
    let statement = folder.statement(Method::Files);
    let ended = |root: &mut CertificateParams| {
        root.not_before = rcgen::date_time_ymd(2020, 1, 1);
        root.not_after = rcgen::date_time_ymd(2026, 6, 1);
    };
    for (chain, expected) in [
        (Chain::of(|_| {}, Some(Vec::new()), |_| {}), "verified"),
        (
            Chain::of(|_| {}, Some(vec![KeyUsagePurpose::KeyCertSign]), |_| {}),
            "verified",
        ),
        (
            Chain::of(
                |_| {},
                Some(vec![KeyUsagePurpose::DigitalSignature]),
                |_| {},
            ),
            "certificate",
        ),
        (Chain::of(ended, None, |_| {}), "key-expired"),
    ] {
        let fact = folder.judge(&chain.sign(&statement), &[chain.trust()], NOW);
        assert_eq!(fault(&fact), expected, "{fact:?}");
    }
}

#[test]
fn a_root_vouches_within_its_own_limits() {
    let folder = Folder::new();
    let statement = folder.statement(Method::Files);
    let short = |root: &mut CertificateParams| {
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    };
    let no_authority = |root: &mut CertificateParams| root.is_ca = IsCa::ExplicitNoCa;
    let for_mail = |root: &mut CertificateParams| {
        root.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::Rfc822Name("example.org".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    };
    let with_mail = |leaf: &mut CertificateParams| {
        let mail = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
        leaf.distinguished_name.push(mail, "a@evil.example");
    };
    let nameless = |leaf: &mut CertificateParams| {
        leaf.distinguished_name = rcgen::DistinguishedName::new();
    };
    for (chain, expected) in [
        (Chain::of(short, None, |_| {}), "verified"),
        (Chain::of(short, Some(Vec::new()), |_| {}), "certificate"),
        (Chain::of(no_authority, None, |_| {}), "certificate"),
        (Chain::of(for_mail, None, |_| {}), "verified"),
        (Chain::of(for_mail, None, with_mail), "certificate"),
        (Chain::new(with_mail), "verified"),
        (Chain::new(nameless), "certificate"),
    ] {
        let fact = folder.judge(&chain.sign(&statement), &[chain.trust()], NOW);
        assert_eq!(fault(&fact), expected, "{fact:?}");
    }
    let refused: [fn(&mut CertificateParams); 2] = [
        |root| root.key_usages = vec![KeyUsagePurpose::DigitalSignature],
        |root| root.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
    ];
    for change in refused {
        let root = Chain::of(change, None, |_| {}).root;
        let error = RootCertificates::from_pem(&root).expect_err("refused");
        assert!(error.to_string().contains("may not vouch"), "{error}");
    }
}

#[test]
fn a_certificate_that_signed_itself_vouches_for_its_own_key_only() {
    let folder = Folder::new();
    let statement = folder.statement(Method::Files);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
    let mut itself = CertificateParams::new(Vec::new()).expect("parameters");
    itself.is_ca = IsCa::ExplicitNoCa;
    itself.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let itself = itself.self_signed(&key).expect("certificate");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &key.serialize_der())
        .expect("key");
    let chain = Chain {
        root: itself.pem(),
        certificates: vec![itself.der().to_vec()],
        pair,
    };
    let fact = folder.judge(&chain.sign(&statement), &[chain.trust()], NOW);
    assert_eq!(fault(&fact), "verified", "{fact:?}");
    let other = Chain::new(|_| {});
    let fact = folder.judge(&other.sign(&statement), &[chain.trust()], NOW);
    assert_eq!(fault(&fact), "certificate", "{fact:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn a_changed_byte_is_never_accepted(at in 0_usize..4000, flip in 1_u8..=255) {
        let key = Signs::new(&ECDSA_P256_SHA256_ASN1_SIGNING);
        let folder = Folder::new();
        let good = serde_json::to_vec(&key.sign(&folder.statement(Method::Files))).expect("json");
        let mut bad = good.clone();
        let at = at % bad.len();
        bad[at] ^= flip;
        if let Ok(bad) = serde_json::from_slice::<Value>(&bad) {
            let good: Value = serde_json::from_slice(&good).expect("json");
            // What is not signed (the key id, which is not read, a spelling of the media type) decides nothing.
            let same = |path: &str| bad.pointer(path) == good.pointer(path);
            let same = same("/dsseEnvelope/payload") && same("/dsseEnvelope/signatures/0/sig");
            let fact = folder.judge(&bad, &[key.trust()], NOW);
            proptest::prop_assert!(same || fact.verified().is_none(), "{at}");
        }
    }
}
