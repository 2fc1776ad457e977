//! Signed tags: the corpus of real and hostile ones, and tags that the tests mint themselves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use openclaw_verify_core::Error;
use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::git::Repository;
use openclaw_verify_core::lock::LockedRelease;
use openclaw_verify_core::policy::{Gitsign, Pattern, ReleaseNeed};
use openclaw_verify_core::provenance::{Anchors, Instance};
use openclaw_verify_core::release::{
    AllowedSigners, FILE_NAMESPACE, GitsignSignature, OpenPgpCertificates, PinState, ReleaseRule,
    RevokedKeys, TagVerdict, TrustedSigners, parse_tag, verify, verify_all, verify_detached,
    verify_object,
};
use openclaw_verify_core::version;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use crate::mint::Mint;
use crate::support::shared;

pub fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

pub fn rule(trust: TrustedSigners) -> ReleaseRule {
    ReleaseRule {
        tags: Pattern::new("**").expect("a pattern"),
        trust,
        require: ReleaseNeed::SignedTag,
        minimum: None,
    }
}

pub fn ssh_trust(file: &Path) -> TrustedSigners {
    let text = std::fs::read_to_string(file).expect("signers file");
    TrustedSigners {
        ssh: Some(AllowedSigners::parse(file, &text).expect("a good signers file")),
        ..TrustedSigners::default()
    }
}

fn pgp_trust(file: &Path) -> TrustedSigners {
    let mut certs = OpenPgpCertificates::default();
    certs
        .add(file, &std::fs::read(file).expect("certificates"))
        .expect("good certificates");
    TrustedSigners {
        openpgp: Some(certs),
        ..TrustedSigners::default()
    }
}

/// The code of a verdict, or `ok`.
pub fn code(verdict: &TagVerdict) -> &'static str {
    verdict
        .failures
        .first()
        .map_or("ok", |failure| match failure.code.as_str() {
            "" => failure.code.finding(),
            code => code,
        })
}

/// Whether the verdict is the one of a build without OpenPGP: nothing established, whatever the signature.
fn without_openpgp(verdict: &TagVerdict) -> bool {
    let disabled = code(verdict) == "feature-disabled";
    assert!(
        !disabled || (!cfg!(feature = "openpgp") && verdict.outcome == Outcome::NotEstablished)
    );
    disabled
}

fn anchors() -> Arc<Anchors> {
    Arc::new(Anchors::embedded(Instance::PublicGood))
}

/// A gitsign tag whose log entry is not looked up: the right identity is not enough, a wrong one is refused.
fn gitsign_without_log(body: &[u8], name: &str) {
    let signature = GitsignSignature::from_tag(&parse_tag(body).expect("a tag"))
        .expect("a signature that fits");
    let identity = signature.identities.first().expect("an identity").clone();
    let issuer = signature.issuer.clone().expect("an issuer");
    for (identity, issuer, expected) in [
        (
            identity.clone(),
            issuer.clone(),
            if signature.log_entry.is_some() {
                "ok"
            } else {
                "needs-log"
            },
        ),
        (format!("x{identity}"), issuer, "unknown-key"),
        (identity, "https://issuer.example".to_owned(), "unknown-key"),
    ] {
        let trust = |anchors| TrustedSigners {
            gitsign: Some(Gitsign {
                identity: identity.clone(),
                issuer: issuer.clone(),
            }),
            anchors,
            ..TrustedSigners::default()
        };
        assert_eq!(
            code(&verify_object(
                body,
                Some(name),
                &rule(trust(Some(anchors()))),
                &[],
                now()
            )),
            expected
        );
        let without_root = if expected == "unknown-key" {
            expected
        } else {
            "no-trust-root"
        };
        assert_eq!(
            code(&verify_object(
                body,
                Some(name),
                &rule(trust(None)),
                &[],
                now()
            )),
            without_root
        );
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .expect("an array")
        .iter()
        .map(|item| item.as_str().expect("a string"))
        .collect()
}

/// The corpus and a folder with its repositories.
fn corpus() -> (PathBuf, tempfile::TempDir) {
    let corpus = shared("corpus/tags");
    let dir = tempfile::tempdir().expect("temp dir");
    let status = Command::new("bash")
        .arg(corpus.join("load.sh"))
        .arg(dir.path())
        .status()
        .expect("bash");
    assert!(status.success(), "load.sh failed");
    (corpus, dir)
}

#[test]
#[ignore = "needs ../shared"]
fn real_tags_get_the_expected_verdict() {
    let (corpus, repositories) = corpus();
    let mut seen = 0;
    for entry in json(&corpus.join("index.json"))
        .as_array()
        .expect("an array")
    {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let trust = match (text("scheme"), entry["identity"].as_str()) {
            ("ssh", _) => ssh_trust(&corpus.join(text("trust"))),
            ("openpgp", _) => pgp_trust(&corpus.join(text("trust"))),
            (_, Some(identity)) => {
                let gitsign = Gitsign {
                    identity: identity.to_owned(),
                    issuer: text("issuer").to_owned(),
                };
                TrustedSigners {
                    gitsign: Some(gitsign),
                    anchors: Some(anchors()),
                    ..TrustedSigners::default()
                }
            }
            (_, None) => TrustedSigners::default(),
        };
        let repository = Repository::open(&repositories.path().join(text("repository_dir")))
            .expect("a repository");
        let name = text("ref").strip_prefix("refs/tags/").expect("a tag");
        let verdict =
            verify(&repository, name, &rule(trust), &[], now()).expect("the tag is there");
        let expected = strings(&entry["expect"]);
        if without_openpgp(&verdict) {
            continue;
        }
        assert!(expected.contains(&code(&verdict)), "{name}: {verdict:#?}");
        if text("scheme") == "x509" {
            gitsign_without_log(
                &std::fs::read(corpus.join(text("file"))).expect("a tag"),
                name,
            );
        }
        if code(&verdict) == "ok" {
            assert_eq!(
                verdict.tag_object.as_ref().map(|oid| oid.as_str()),
                Some(text("object"))
            );
            assert_eq!(
                verdict.commit.as_ref().map(|oid| oid.as_str()),
                Some(text("target"))
            );
        }
        seen += 1;
    }
    assert!(seen >= if cfg!(feature = "openpgp") { 19 } else { 15 });
}

#[test]
#[ignore = "needs ../shared"]
fn hostile_tags_get_their_own_code() {
    let (corpus, repositories) = corpus();
    let keys = corpus.join("hostile/keys");
    let trust = TrustedSigners {
        openpgp: pgp_trust(&keys.join("openpgp-certs.asc")).openpgp,
        ..ssh_trust(&keys.join("allowed_signers"))
    };
    let rule = rule(trust);
    let repository =
        Repository::open(&repositories.path().join("hostile.git")).expect("a repository");
    let mut wrong = Vec::new();
    let verdicts = json(&corpus.join("hostile/verdicts.json"));
    for case in verdicts["cases"].as_array().expect("an array") {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let name = text("ref").strip_prefix("refs/tags/").expect("a tag");
        let Some(verdict) = verify(&repository, name, &rule, &[], now()) else {
            assert_eq!(name, "huge-msg", "not stored");
            continue;
        };
        if without_openpgp(&verdict) {
            continue;
        }
        if strings(&case["expect"]).first() != Some(&code(&verdict)) {
            wrong.push(format!(
                "{name}: {} and not {}: {:?}",
                code(&verdict),
                case["expect"],
                verdict.failures
            ));
        }
        if let Some(file) = case["file"].as_str() {
            let body = std::fs::read(corpus.join("hostile").join(file)).expect("a tag object");
            let alone = verify_object(&body, Some(name), &rule, &[], now());
            let lies = ["target-type-lies", "target-missing"].contains(&code(&verdict));
            assert!(
                lies || code(&alone) == code(&verdict),
                "{name}: {} as an object",
                code(&alone)
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs ../shared"]
fn pins_of_the_corpus_compare_as_recorded() {
    let (corpus, repositories) = corpus();
    let trust = ssh_trust(&corpus.join("ssh/openclaw__crabbox/allowed_signers"));
    for entry in json(&corpus.join("pins.json"))
        .as_array()
        .expect("an array")
    {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let name = text("ref").strip_prefix("refs/tags/").expect("a tag");
        let pin = LockedRelease {
            repository: "github.com/openclaw/crabbox".to_owned(),
            tag: name.to_owned(),
            tag_object: text("tag_object").parse().ok(),
            commit: text("source_commit").parse().expect("an id"),
            signer: None,
            tree: None,
            line: 0,
        };
        let repository = Repository::open(&repositories.path().join(text("repository_dir")))
            .expect("a repository");
        let verdict =
            verify(&repository, name, &rule(trust.clone()), &[pin], now()).expect("a verdict");
        let (state, expected) = match text("expect") {
            "same" => (PinState::Same, "ok"),
            "retagged" => (PinState::Retagged, "tag-retagged"),
            "moved" => (PinState::Moved, "tag-moved"),
            _ => (PinState::Missing, "tag-moved"),
        };
        assert_eq!(
            (verdict.pin, code(&verdict)),
            (Some(state), expected),
            "{name}: {verdict:#?}"
        );
    }
}

#[test]
fn every_kind_of_ssh_key_signs() {
    let mint = Mint::new();
    let mut lines = String::new();
    let mut tags = Vec::new();
    for (name, kind, expected) in [
        ("ed25519", &["ed25519"][..], "ok"),
        ("p256", &["ecdsa", "-b", "256"], "ok"),
        ("p384", &["ecdsa", "-b", "384"], "ok"),
        ("p521", &["ecdsa", "-b", "521"], "ok"),
        ("rsa1024", &["rsa", "-b", "1024"], "weak-key"),
        ("rsa2048", &["rsa", "-b", "2048"], "ok"),
        ("rsa4096", &["rsa", "-b", "4096"], "ok"),
    ] {
        let key = mint.ssh_key(name, kind);
        lines.push_str(&format!("{name}@example.test {}\n", mint.public(&key)));
        for hash in ["sha256", "sha512"] {
            let tag = format!("{name}-{hash}");
            mint.put_tag(
                &tag,
                &mint.ssh_tag(
                    &key,
                    &["-n", "git", "-O", &format!("hashalg={hash}")],
                    &tag,
                    1_700_000_000,
                ),
            );
            tags.push((tag, expected, format!("{name}@example.test")));
        }
    }
    let file = mint.path("signers");
    std::fs::write(&file, lines).expect("signers");
    let rule = rule(ssh_trust(&file));
    let repository = Repository::open(&mint.repo()).expect("a repository");
    for (tag, expected, principal) in &tags {
        let verdict = verify(&repository, tag, &rule, &[], now()).expect("a verdict");
        assert_eq!(code(&verdict), *expected, "{verdict:#?}");
        assert!(mint.git_accepts(tag, &file), "git refuses {tag}");
        if *expected == "ok" {
            assert_eq!(
                verdict.signer.map(|signer| signer.principal).as_ref(),
                Some(principal)
            );
        }
    }

    // The same through packs, as after `git gc`.
    mint.git(&["pack-refs", "--all"], b"");
    mint.git(&["gc", "-q", "--prune=now"], b"");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    assert_eq!(repository.tag_names().expect("names").len(), tags.len());
    for (tag, expected, _) in &tags {
        assert_eq!(
            code(&verify(&repository, tag, &rule, &[], now()).expect("a verdict")),
            *expected
        );
    }
}

#[test]
fn revoked_and_unknown_keys_say_what_to_do() {
    let mint = Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    mint.put_tag(
        "v1",
        &mint.ssh_tag(&key, &["-n", "git"], "v1", 1_700_000_000),
    );
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let path = Path::new("signers");
    let signers = |text: &str| Some(AllowedSigners::parse(path, text).expect("a good file"));
    let good = format!("a@example.test {}\n", mint.public(&key));

    let verdict = verify(
        &repository,
        "v1",
        &rule(TrustedSigners {
            ssh: signers(""),
            ..TrustedSigners::default()
        }),
        &[],
        now(),
    )
    .expect("a verdict");
    assert_eq!(code(&verdict), "unknown-key");
    let line = verdict.failures[0]
        .help
        .split('`')
        .nth(1)
        .expect("a line")
        .replace("<principal>", "a@example.test");
    assert_eq!(
        line,
        good.trim(),
        "the line in the help is one for the file"
    );

    for (bytes, expected) in [
        (mint.public(&key).into_bytes(), "revoked"),
        (b"SSHKRL\n\0".to_vec(), "unsupported-schema"),
        (Vec::new(), "ok"),
    ] {
        let revoked = Some(RevokedKeys::parse(path, &bytes).expect("a list"));
        let verdict = verify(
            &repository,
            "v1",
            &rule(TrustedSigners {
                ssh: signers(&good),
                revoked,
                ..TrustedSigners::default()
            }),
            &[],
            now(),
        );
        assert_eq!(code(&verdict.expect("a verdict")), expected);
    }
}

#[test]
fn an_old_tag_is_a_rollback() {
    let mint = Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    for name in ["v2026.9.5", "v2026.9.5-1", "v2026.9.6-beta.1", "nightly"] {
        mint.put_tag(
            name,
            &mint.ssh_tag(&key, &["-n", "git"], name, 1_700_000_000),
        );
    }
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let text = format!("a@example.test {}\n", mint.public(&key));
    let ssh = Some(AllowedSigners::parse(Path::new("signers"), &text).expect("a good file"));
    let mut rule = rule(TrustedSigners {
        ssh,
        ..TrustedSigners::default()
    });
    let codes = |rule: &ReleaseRule, pins: &[LockedRelease]| {
        let verdicts = verify_all(&repository, |_| Some(rule), pins, now()).expect("verdicts");
        verdicts
            .iter()
            .map(|verdict| (verdict.tag.clone(), code(verdict)))
            .collect::<Vec<_>>()
    };
    let named = |codes: [&'static str; 4]| {
        let names = ["nightly", "v2026.9.5", "v2026.9.5-1", "v2026.9.6-beta.1"];
        names
            .iter()
            .map(|name| (*name).to_owned())
            .zip(codes)
            .collect::<Vec<_>>()
    };
    rule.minimum = Some("v2026.9.5-1".to_owned());
    assert_eq!(
        codes(&rule, &[]),
        named(["tag-rollback", "tag-rollback", "ok", "ok"])
    );

    rule.minimum = None;
    let verdict = verify(&repository, "v2026.9.5-1", &rule, &[], now()).expect("a verdict");
    let pin = verdict
        .to_pin("h/r", ReleaseNeed::SignedTag)
        .expect("a pin");
    assert_eq!(
        (pin.commit.as_str(), pin.tag.as_str()),
        (mint.commit.as_str(), "v2026.9.5-1")
    );
    assert!(
        pin.signer
            .as_ref()
            .is_some_and(|signer| signer.starts_with("ssh:SHA256:"))
    );
    assert_eq!(
        codes(&rule, std::slice::from_ref(&pin)),
        named(["ok", "tag-rollback", "ok", "ok"])
    );
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_be_bytes());
    to.extend_from_slice(bytes);
}

fn strings_of(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    parts.iter().for_each(|part| put(&mut bytes, part));
    bytes
}

/// A security key by hand: no such key is at hand in a test.
struct SecurityKey {
    pair: aws_lc_rs::signature::Ed25519KeyPair,
    blob: Vec<u8>,
}

impl SecurityKey {
    const KIND: &str = "sk-ssh-ed25519@openssh.com";

    fn new() -> Self {
        use aws_lc_rs::signature::KeyPair as _;
        let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().expect("a key");
        let public = pair.public_key().as_ref().to_vec();
        let blob = strings_of(&[Self::KIND.as_bytes(), &public, b"ssh:"]);
        Self { pair, blob }
    }

    /// The line of a signers file.
    fn line(&self) -> String {
        format!(
            "sk@example.test {} {}\n",
            Self::KIND,
            STANDARD.encode(&self.blob)
        )
    }

    /// What it signs has `signed_flags`, what it says `flags`: 1 is a touch.
    fn sign(
        &self,
        namespace: &str,
        payload: &[u8],
        application: &[u8],
        (signed_flags, flags): (u8, u8),
    ) -> String {
        let mut signed = b"SSHSIG".to_vec();
        signed.extend(strings_of(&[
            namespace.as_bytes(),
            b"",
            b"sha512",
            &Sha512::digest(payload),
        ]));
        let mut message = Sha256::digest(application).to_vec();
        message.push(signed_flags);
        message.extend(7_u32.to_be_bytes());
        message.extend(Sha256::digest(&signed));
        let by = self.pair.sign(&message);
        let mut signature = strings_of(&[Self::KIND.as_bytes(), by.as_ref()]);
        signature.push(flags);
        signature.extend(7_u32.to_be_bytes());
        let mut whole = b"SSHSIG\0\0\0\x01".to_vec();
        whole.extend(strings_of(&[
            &self.blob,
            namespace.as_bytes(),
            b"",
            b"sha512",
            &signature,
        ]));
        let base64 = STANDARD.encode(whole);
        let lines: Vec<_> = base64
            .as_bytes()
            .chunks(70)
            .map(|line| std::str::from_utf8(line).expect("text"))
            .collect();
        format!(
            "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
            lines.join("\n")
        )
    }
}

#[test]
fn security_keys_sign() {
    let mint = Mint::new();
    let key = SecurityKey::new();
    let file = mint.path("signers");
    std::fs::write(&file, key.line()).expect("signers");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let rule = rule(ssh_trust(&file));

    let sign = |name: &str, application: &[u8], flags: (u8, u8)| {
        let payload = mint.payload(name, 1_700_000_000);
        let armor = key.sign("git", &payload, application, flags);
        mint.put_tag(name, &[&payload, armor.as_bytes()].concat());
        let verdict = verify(&repository, name, &rule, &[], now()).expect("a verdict");
        assert_eq!(
            code(&verdict) == "ok",
            mint.git_accepts(name, &file),
            "{name}: {verdict:#?}"
        );
        verdict
    };
    let touched = sign("touched", b"ssh:", (1, 1));
    assert_eq!((code(&touched), touched.notes.len()), ("ok", 0));
    let untouched = sign("untouched", b"ssh:", (0, 0));
    assert_eq!((code(&untouched), untouched.notes.len()), ("ok", 1));
    assert_eq!(
        code(&sign("other-application", b"web:", (1, 1))),
        "bad-signature"
    );
    assert_eq!(code(&sign("other-flags", b"ssh:", (0, 1))), "bad-signature");
}

/// Who signs an operator's file has to be there: what runs as the user can ask the key, and cannot touch it.
#[test]
fn a_security_key_has_to_be_touched_for_a_file() {
    let key = SecurityKey::new();
    let signers = AllowedSigners::parse(Path::new("signers"), &key.line()).expect("signers");
    let judged = |flags| {
        let armor = key.sign(FILE_NAMESPACE, b"text", b"ssh:", flags);
        verify_detached(b"text", armor.as_bytes(), &signers, "file", now())
    };
    assert_eq!(
        judged((1, 1)).expect("touched").principal,
        "sk@example.test"
    );
    assert_eq!(
        judged((5, 5)).expect("and verified").principal,
        "sk@example.test"
    );
    for flags in [(0, 0), (4, 4)] {
        let refused = judged(flags).expect_err("untouched");
        assert!(
            refused.message.contains("without being touched"),
            "{refused:?}"
        );
    }
}

/// A key may have a line a use: the one that is for files counts for files.
#[test]
fn a_key_with_a_line_for_each_use_signs_files() {
    let key = SecurityKey::new();
    let line = key.line();
    let rest = line.split_once(' ').expect("line").1;
    let text = format!("tags@example.test namespaces=\"git\" {rest}files@example.test {rest}");
    let signers = AllowedSigners::parse(Path::new("signers"), &text).expect("signers");
    let armor = key.sign(FILE_NAMESPACE, b"text", b"ssh:", (1, 1));
    let by = verify_detached(b"text", armor.as_bytes(), &signers, "file", now());
    assert_eq!(by.expect("good").principal, "files@example.test");
}

/// Every change of a byte of a tag, for each of the schemes of the corpus: none is accepted that changes the signed part.
#[test]
#[ignore = "needs ../shared"]
fn no_changed_tag_of_the_corpus_is_accepted() {
    let corpus = shared("corpus/tags");
    let identity = Gitsign {
        identity: "billy@chainguard.dev".into(),
        issuer: "https://accounts.google.com".into(),
    };
    let cases = [
        (
            "ssh/openssh__openssh-portable/V_9_8_P1.7f337c893afb.tag",
            ssh_trust(&corpus.join("ssh/openssh__openssh-portable/allowed_signers")),
            "ok",
        ),
        (
            "hostile/raw/ok-pgp.tag",
            pgp_trust(&corpus.join("hostile/keys/openpgp-certs.asc")),
            "ok",
        ),
        (
            "x509/sigstore__gitsign/v0.17.0.138f9d7cb309.tag",
            TrustedSigners {
                gitsign: Some(identity),
                anchors: Some(anchors()),
                ..TrustedSigners::default()
            },
            "ok",
        ),
    ];
    for (file, trust, good) in cases {
        if file.contains("pgp") && !cfg!(feature = "openpgp") {
            continue;
        }
        let body = std::fs::read(corpus.join(file)).expect("a tag");
        let rule = rule(trust);
        assert_eq!(
            code(&verify_object(&body, None, &rule, &[], now())),
            good,
            "{file}"
        );
        let signed = body
            .windows(11)
            .position(|window| window == b"-----BEGIN ")
            .expect("a signature");
        let mut survivors = 0;
        for at in 0..body.len() {
            // Armor headers, checksums and unsigned attributes are not signed; whatever is in them must not panic.
            let mut changed = body.clone();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            if changed[at] == body[at] {
                continue;
            }
            let found = code(&verify_object(&changed, None, &rule, &[], now())).to_owned();
            assert!(
                at >= signed || found != good,
                "{file}: byte {at} is not covered"
            );
            survivors += usize::from(found == good);
        }
        println!(
            "{file}: {} bytes, {survivors} in unsigned parts that may change",
            body.len()
        );
    }
}

/// What a hostile tag object can be made of.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"object 88ea35b4efa772fb1fc8489c46444d3f1d8c7906\n".to_vec()),
        Just(b"type commit\n".to_vec()),
        Just(b"tag v1\n".to_vec()),
        Just(b"tagger A <a@b> 1700000000 +0000\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"-----BEGIN SSH SIGNATURE-----\n".to_vec()),
        Just(b"-----END SSH SIGNATURE-----\n".to_vec()),
        Just(b"-----BEGIN PGP SIGNATURE-----\n\n".to_vec()),
        Just(b"-----END PGP SIGNATURE-----\n".to_vec()),
        Just(b"-----BEGIN SIGNED MESSAGE-----\n".to_vec()),
        Just(b"-----END SIGNED MESSAGE-----\n".to_vec()),
        Just(b"U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg\n".to_vec()),
        Just(b"iQIcBAABAgAGBQJThiUtAAoJELC16IaWr+bLqmwP/1/xdI8V9FicGmi5D0mfMd3C\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn everybody() -> ReleaseRule {
    let identity = Gitsign {
        identity: "a".into(),
        issuer: "b".into(),
    };
    rule(TrustedSigners {
        ssh: Some(AllowedSigners::default()),
        openpgp: Some(OpenPgpCertificates::default()),
        gitsign: Some(identity),
        ..TrustedSigners::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tag_object_gets_a_verdict(body in pieces()) {
        let verdict = verify_object(&body, None, &everybody(), &[], now());
        prop_assert!(!verdict.failures.is_empty());
        if let Ok(tag) = parse_tag(&body) {
            prop_assert_eq!([tag.payload(), tag.armor()].concat(), body);
        }
    }

    #[test]
    fn any_ssh_signature_gets_a_verdict(blob in proptest::collection::vec(any::<u8>(), 0..120), prefix in any::<bool>()) {
        use base64::Engine as _;
        let bytes = if prefix { [&b"SSHSIG\0\0\0\x01\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0\x20"[..], &blob].concat() } else { blob };
        let base64 = STANDARD.encode(bytes);
        let lines: Vec<_> = base64.as_bytes().chunks(70).map(|line| String::from_utf8_lossy(line)).collect();
        let head = "object 88ea35b4efa772fb1fc8489c46444d3f1d8c7906\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\n";
        for kind in ["SSH SIGNATURE", "PGP SIGNATURE", "SIGNED MESSAGE"] {
            let blank = if kind.starts_with("PGP") { "\n" } else { "" };
            let body = format!("{head}-----BEGIN {kind}-----\n{blank}{}\n-----END {kind}-----\n", lines.join("\n"));
            let verdict = verify_object(body.as_bytes(), Some("v1"), &everybody(), &[], now());
            prop_assert!(!verdict.failures.is_empty());
        }
    }

    #[test]
    fn any_signers_file_is_read_or_refused(text in "([ -~\t\r\n\"\\\\,=*!]|ssh-ed25519 |AAAAC3NzaC1lZDI1NTE5AAAAIFA0EIgP1ncQMtpS1XoUszI\\+UJ\\+hg4KVKG\\+fscvUEsuz|namespaces=\"|valid-after=\"|2023|Z\"|cert-authority){0,60}") {
        let path = Path::new("signers");
        match AllowedSigners::parse(path, &text) {
            Ok(signers) => prop_assert!(signers.entries().len() <= text.lines().count()),
            Err(Error::Operator(error)) => {
                let span = error.span.expect("a place");
                prop_assert!(text.get(span.offset()..span.offset() + span.len()).is_some());
            }
            Err(other) => panic!("{other}"),
        }
        let _ = RevokedKeys::parse(path, text.as_bytes());
    }

    #[test]
    fn versions_have_one_order(a in "v?2026\\.[1-3]\\.[1-3](-[1-3]|-beta\\.[1-3]|-alpha\\.1|-rc\\.1)?", b in "v?2026\\.[1-3]\\.[1-3](-[1-3]|-beta\\.[1-3])?") {
        prop_assert_eq!(version::compare(&a, &b), version::compare(&b, &a).map(std::cmp::Ordering::reverse));
    }
}

/// A rule that asks for a pin only: an unsigned tag is accepted when it is the one that was pinned, and a bad signature never.
#[test]
fn a_pinned_tag_may_be_unsigned_where_the_rule_says_so() {
    let mint = Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    mint.put_tag("v1", &mint.payload("v1", 1_700_000_000));
    let mut forged = mint.ssh_tag(&key, &["-n", "git"], "v2", 1_700_000_000);
    let at = forged
        .windows(7)
        .position(|window| window == b"release")
        .expect("the message");
    forged[at] = b'R';
    mint.put_tag("v2", &forged);
    std::fs::write(
        mint.repo().join("refs/tags/v3"),
        format!("{}\n", mint.commit),
    )
    .expect("a lightweight tag");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let text = format!("a@example.test {}\n", mint.public(&key));
    let ssh = Some(AllowedSigners::parse(Path::new("signers"), &text).expect("a good file"));
    let rule = ReleaseRule {
        require: ReleaseNeed::Pinned,
        ..rule(TrustedSigners {
            ssh,
            ..TrustedSigners::default()
        })
    };
    for (name, before, after) in [
        ("v1", "unsigned", "ok"),
        ("v2", "bad-signature", "bad-signature"),
        ("v3", "lightweight", "ok"),
    ] {
        let first = verify(&repository, name, &rule, &[], now()).expect("a verdict");
        assert_eq!(code(&first), before);
        assert_eq!(first.to_pin("h/r", ReleaseNeed::SignedTag), None);
        let pin = first.to_pin("h/r", ReleaseNeed::Pinned);
        assert_eq!(pin.is_some(), after == "ok", "{name}");
        let object = repository.tag(name).expect("a tag").expect("a tag");
        let commit = mint.commit.parse().expect("an id");
        let pin = pin.unwrap_or(LockedRelease {
            repository: "h/r".into(),
            tag: name.into(),
            tag_object: Some(object),
            commit,
            signer: None,
            tree: None,
            line: 0,
        });
        let second = verify(&repository, name, &rule, &[pin], now()).expect("a verdict");
        assert_eq!((code(&second), second.pin), (after, Some(PinState::Same)));
    }
}

/// Inputs that fuzzing found worth keeping.
#[test]
fn every_kept_fuzz_input_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, check) in crate::fuzzed::TARGETS {
        let mut seen = 0;
        for entry in std::fs::read_dir(corpus.join(name)).into_iter().flatten() {
            check(&std::fs::read(entry.expect("an entry").path()).expect("an input"));
            seen += 1;
        }
        assert!(
            seen > 0 || matches!(name, "installation" | "machine"),
            "{name}"
        );
        println!("{seen} inputs of {name}");
    }
}
