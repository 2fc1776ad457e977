//! Signed tags: the corpus of real and hostile ones, and tags that the tests mint themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use openclaw_verify_core::git::Repository;
use openclaw_verify_core::release::{
    AllowedSigners, Code, GitsignIdentity, OpenPgpCertificates, PinState, PinnedTag, ReleaseRule, Require, RevokedKeys,
    TagPattern, Trust, Verdict, verify, verify_object,
};
use serde_json::Value;

use crate::support::shared;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

fn rule(trust: Trust) -> ReleaseRule {
    ReleaseRule {
        repository: TagPattern::new("**"),
        tags: TagPattern::new("**"),
        trust,
        require: Require::SignedTag,
        minimum: None,
    }
}

fn ssh_trust(file: &Path) -> Trust {
    let text = std::fs::read_to_string(file).expect("signers file");
    Trust { ssh: Some(AllowedSigners::parse(file, &text).expect("a good signers file")), ..Trust::default() }
}

fn pgp_trust(file: &Path) -> Trust {
    let mut certs = OpenPgpCertificates::default();
    certs.add(file, &std::fs::read(file).expect("certificates")).expect("good certificates");
    Trust { openpgp: Some(certs), ..Trust::default() }
}

/// The code of a verdict, or `ok`.
fn code(verdict: &Verdict) -> &'static str {
    verdict.failures.first().map_or("ok", |failure| match failure.code.as_str() {
        "" => failure.code.finding(),
        code => code,
    })
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().expect("an array").iter().map(|item| item.as_str().expect("a string")).collect()
}

/// The corpus and a folder with its repositories.
fn corpus() -> Option<(PathBuf, tempfile::TempDir)> {
    let corpus = shared("corpus/tags")?;
    let dir = tempfile::tempdir().expect("temp dir");
    let status = Command::new("bash").arg(corpus.join("load.sh")).arg(dir.path()).status().expect("bash");
    assert!(status.success(), "load.sh failed");
    Some((corpus, dir))
}

#[test]
fn real_tags_get_the_expected_verdict() {
    let Some((corpus, repositories)) = corpus() else { return };
    let mut seen = 0;
    for entry in json(&corpus.join("index.json")).as_array().expect("an array") {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let trust = match (text("scheme"), entry["identity"].as_str()) {
            ("ssh", _) => ssh_trust(&corpus.join(text("trust"))),
            ("openpgp", _) => pgp_trust(&corpus.join(text("trust"))),
            (_, Some(identity)) => {
                let gitsign = GitsignIdentity { identity: identity.to_owned(), issuer: text("issuer").to_owned() };
                Trust { gitsign: Some(gitsign), ..Trust::default() }
            }
            (_, None) => Trust::default(),
        };
        let repository = Repository::open(&repositories.path().join(text("repository_dir"))).expect("a repository");
        let name = text("ref").strip_prefix("refs/tags/").expect("a tag");
        let verdict = verify(&repository, name, &rule(trust), &[], now()).expect("the tag is there");
        let mut expected = strings(&entry["expect"]);
        if entry["identity"].is_string() {
            // Until the embedded log entry is verified.
            expected.push("needs-log");
        }
        println!("{} {name}: {} {:?}", text("repository_dir"), code(&verdict), verdict.signer.as_ref().map(|s| &s.principal));
        assert!(expected.contains(&code(&verdict)), "{name}: {verdict:#?}");
        if code(&verdict) == "ok" {
            assert_eq!(verdict.tag_object.as_ref().map(|oid| oid.as_str()), Some(text("object")));
            assert_eq!(verdict.commit.as_ref().map(|oid| oid.as_str()), Some(text("target")));
        }
        seen += 1;
    }
    assert!(seen >= 19);
}

#[test]
fn hostile_tags_get_their_own_code() {
    let Some((corpus, repositories)) = corpus() else { return };
    let keys = corpus.join("hostile/keys");
    let trust = Trust { openpgp: pgp_trust(&keys.join("openpgp-certs.asc")).openpgp, ..ssh_trust(&keys.join("allowed_signers")) };
    let rule = rule(trust);
    let repository = Repository::open(&repositories.path().join("hostile.git")).expect("a repository");
    let mut wrong = Vec::new();
    let verdicts = json(&corpus.join("hostile/verdicts.json"));
    for case in verdicts["cases"].as_array().expect("an array") {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let name = text("ref").strip_prefix("refs/tags/").expect("a tag");
        let Some(verdict) = verify(&repository, name, &rule, &[], now()) else {
            assert_eq!(name, "huge-msg", "not stored");
            continue;
        };
        if strings(&case["expect"]).first() != Some(&code(&verdict)) {
            wrong.push(format!("{name}: {} and not {}: {:?}", code(&verdict), case["expect"], verdict.failures));
        }
        if let Some(file) = case["file"].as_str() {
            let body = std::fs::read(corpus.join("hostile").join(file)).expect("a tag object");
            let alone = verify_object(&body, Some(name), &rule, &[], now());
            let lies = ["target-type-lies", "target-missing"].contains(&code(&verdict));
            assert!(lies || code(&alone) == code(&verdict), "{name}: {} as an object", code(&alone));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
