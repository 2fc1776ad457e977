//! Provenance: the corpus of real bundles, each with its expected verdict.

#![allow(clippy::expect_used, unreachable_pub, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};

use openclaw_verify_core::digest::{Sha256Digest, Sri};
use openclaw_verify_core::fact::{Fact, Outcome};
use openclaw_verify_core::provenance::gitsign::{CmsSignature, verify_gitsign};
use openclaw_verify_core::provenance::npm::{AttestedPackage, verify_attestations};
use openclaw_verify_core::provenance::release::{ExpectedRelease, verify_release};
use openclaw_verify_core::provenance::{
    Artifact, Identity, IdentityPolicy, Instance, NpmKeys, Signer, TrustRoot, verify_attestation,
};
use openclaw_verify_core::release::{GitsignSignature, parse_tag};
use serde_json::Value;

use crate::support::facts::{code, now, pattern};
use crate::support::shared;

struct Corpus {
    folder: PathBuf,
    cases: Vec<Value>,
}

impl Corpus {
    fn open() -> Self {
        let folder = shared("corpus/sigstore");
        let text = fs::read_to_string(folder.join("expected.json")).expect("expected.json");
        let cases = serde_json::from_str::<Value>(&text).expect("json")["cases"]
            .as_array()
            .expect("cases")
            .clone();
        Self { folder, cases }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).expect("corpus file")
    }

    fn trust(&self, name: &str, instance: Instance) -> TrustRoot {
        let path = self.folder.join(name);
        TrustRoot::from_file(&path, &fs::read_to_string(&path).expect("root"), instance)
            .expect("trust root")
    }

    fn artifact<'a>(&self, case: &Value, bytes: &'a [u8]) -> Artifact<'a> {
        if !bytes.is_empty() {
            return Artifact::bytes(bytes);
        }
        let subjects = case["facts"][0]["subject"]["digest"].as_object();
        match subjects
            .and_then(|d| d.get("sha512"))
            .and_then(Value::as_str)
        {
            Some(hex) => Artifact::sha512(sha512(hex)),
            None => Artifact::sha256(Sha256Digest([7; 32])),
        }
    }
}

fn sha512(hex: &str) -> Sri {
    let bytes = openclaw_verify_core::digest::from_hex(hex).expect("hex");
    Sri(bytes.try_into().expect("64 bytes"))
}

fn pass_or_fail(fact_outcome: Outcome) -> &'static str {
    if fact_outcome == Outcome::Verified {
        "pass"
    } else {
        "fail"
    }
}

#[test]
#[ignore = "needs ../shared"]
fn every_npm_file_of_the_corpus_has_its_verdict() {
    let corpus = Corpus::open();
    let keys = NpmKeys::embedded().expect("keys");
    let trust = TrustRoot::embedded(Instance::PublicGood).expect("root");
    let mut judged = 0;
    for case in corpus
        .cases
        .iter()
        .filter(|c| c["kind"] == "npm-attestations")
    {
        let file = case["file"].as_str().expect("file");
        let subject = case["facts"]
            .as_array()
            .expect("facts")
            .iter()
            .find_map(|f| f["subject"]["digest"]["sha512"].as_str());
        let integrity = match case["artifact"].as_str() {
            Some(artifact) => Sri::of(&corpus.read(artifact)),
            None => sha512(subject.expect("a subject")),
        };
        let purl = case["facts"][0]["subject"]["name"]
            .as_str()
            .expect("purl")
            .replace("pkg:npm/", "")
            .replace("%40", "@");
        let (name, version) = purl.rsplit_once('@').expect("name@version");
        let package = AttestedPackage {
            name,
            version,
            integrity,
        };
        let found = verify_attestations(
            &corpus.read(file),
            &package,
            &IdentityPolicy::default(),
            &keys,
            &trust,
            now(),
        );
        let expect = &case["expect"];
        let codes = [
            code(&found.publish),
            code(&found.provenance),
            code(&found.package()),
        ];
        let wanted = NPM
            .iter()
            .find(|(name, _)| *name == file)
            .map(|(_, codes)| *codes)
            .expect("a file of the table");
        assert_eq!(codes, wanted, "{file}: {found:?}");
        for (half, outcome) in [
            ("publish", found.publish.outcome()),
            ("provenance", found.provenance.outcome()),
            ("package", found.package().outcome()),
        ] {
            if let Some(wanted) = expect[half].as_str() {
                assert_eq!(pass_or_fail(outcome), wanted, "{file} {half}: {found:?}");
            }
        }
        judged += 1;
    }
    assert_eq!(judged, NPM.len());
}

/// The files of the corpus with the codes of publish attestation, provenance and package.
const NPM: [(&str, [&str; 3]); 10] = [
    ("npm/gundam-visor-cli-v1-tag.tgz.json", ["verified"; 3]),
    (
        "npm/gundam-visor-cli-v1-tag-invalidsigpub.tgz.json",
        ["signature", "verified", "signature"],
    ),
    (
        "npm/provenance-npm-test-cli-v1-prega.tgz.json",
        ["verified"; 3],
    ),
    ("npm/npm-attestations.intoto.sigstore", ["verified"; 3]),
    (
        "npm/npm-att-prov-invalid-signature.intoto.sigstore",
        ["verified", "signature", "signature"],
    ),
    (
        "npm/npm-att-mismatch-prov-predicatetype.intoto.sigstore",
        ["verified", "predicate-type", "predicate-type"],
    ),
    (
        "npm/npm-att-mismatch-prov-payloadtype.intoto.sigstore",
        ["verified", "bundle", "bundle"],
    ),
    (
        "npm/npm-att-publish-nodigest.intoto.sigstore",
        ["bundle", "verified", "bundle"],
    ),
    (
        "npm/npm-stmt-mismatch-prov-type.intoto.sigstore",
        ["verified", "bundle", "bundle"],
    ),
    (
        "npm/npm-stmt-mismatch-pub-predicatetype.intoto.sigstore",
        ["predicate-type", "verified", "predicate-type"],
    ),
];

/// The same for bundles, by GitHub's own root and by the public one. No signer of GitHub's instance is verified by the public root.
const BUNDLES: [(&str, &str, &str); 8] = [
    (
        "npm/sigstore-5.0.0-npm_slsa_bundle_v03.json",
        "",
        "verified",
    ),
    ("npm/sigstore-js-2.1.0-bundle.json", "", "verified"),
    ("npm/sigstoreBundle-invalid-signature.json", "", "bundle"),
    (
        "github/reusable-workflow-attestation.sigstore.json",
        "",
        "verified",
    ),
    (
        "github/github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl",
        "verified",
        "log",
    ),
    (
        "github/github_provenance_demo-0.0.12-py3-none-any-bundle-missing-cert.jsonl",
        "bundle",
        "bundle",
    ),
    (
        "github/github-private-attestation.sigstore.json",
        "verified",
        "log",
    ),
    ("cosign/cosign-v3-blob.sigstore.json", "", "verified"),
];

#[test]
#[ignore = "needs ../shared"]
fn every_bundle_of_the_corpus_has_its_verdict() {
    let corpus = Corpus::open();
    let anyone = IdentityPolicy::default();
    let mut judged = 0;
    for case in corpus
        .cases
        .iter()
        .filter(|c| c["kind"].as_str().is_some_and(|k| k.starts_with("bundle")))
    {
        let file = case["file"].as_str().expect("file");
        let bytes = case["artifact"]
            .as_str()
            .map(|name| corpus.read(name))
            .unwrap_or_default();
        let mut artifact = corpus.artifact(case, &bytes);
        if file.ends_with("github-private-attestation.sigstore.json") {
            artifact = Artifact::sha256(
                "sha256:76f1fe8593bf227cca2c089e3c16dc95014a8d3e89c5dd220530469ca043c428"
                    .parse()
                    .expect("digest"),
            );
        }
        let bundle = corpus.read(file);
        for (key, wanted) in case["expect"].as_object().expect("expect") {
            let trust = match key.as_str() {
                "bundle_with_github_root_no_tlog_no_sct" => {
                    corpus.trust("trust/trusted_root_github.json", Instance::GitHub)
                }
                "bundle" if case["trusted_root"] == "trust/trusted_root_github.json" => {
                    corpus.trust("trust/trusted_root_github.json", Instance::GitHub)
                }
                // There is no way to ask for GitHub's root with the log required: that root has none.
                "bundle_with_github_root_and_tlog_required" => {
                    let path = Path::new("root.json");
                    let text =
                        fs::read_to_string(corpus.folder.join("trust/trusted_root_github.json"))
                            .expect("root");
                    assert!(TrustRoot::from_file(path, &text, Instance::PublicGood).is_err());
                    continue;
                }
                _ => TrustRoot::embedded(Instance::PublicGood).expect("root"),
            };
            let found = verify_attestation(
                &artifact,
                &bundle,
                Signer::Identity(&anyone),
                None,
                &trust,
                now(),
            );
            let (_, github, public) = BUNDLES
                .iter()
                .find(|(name, _, _)| *name == file)
                .expect("a file of the table");
            let wanted_code = if trust.instance() == Instance::GitHub {
                github
            } else {
                public
            };
            assert_eq!(code(&found), *wanted_code, "{file} {key}: {found:?}");
            assert_eq!(
                pass_or_fail(found.outcome()),
                wanted.as_str().expect("verdict"),
                "{file} {key}: {found:?}"
            );
            judged += 1;
        }
    }
    assert_eq!(judged, 10);
}

#[test]
#[ignore = "needs ../shared"]
fn identities_of_real_bundles() {
    let corpus = Corpus::open();
    let trust = TrustRoot::embedded(Instance::PublicGood).expect("root");
    let judge = |file: &str, artifact: &[u8], policy: &IdentityPolicy| {
        verify_attestation(
            &Artifact::bytes(artifact),
            &corpus.read(file),
            Signer::Identity(policy),
            None,
            &trust,
            now(),
        )
    };
    let repository = |r: &str| IdentityPolicy {
        repository: Some(pattern(r)),
        ..IdentityPolicy::default()
    };

    let bundle = "github/reusable-workflow-attestation.sigstore.json";
    let artifact = corpus.read("github/reusable-workflow-artifact");
    let mut both = repository("github.com/malancas/attest-demo");
    both.workflow = Some(pattern(
        "github.com/github/artifact-attestations-workflows/.github/workflows/attest.yml",
    ));
    assert_eq!(code(&judge(bundle, &artifact, &both)), "verified");
    assert_eq!(
        code(&judge(
            bundle,
            &artifact,
            &repository("github.com/github/artifact-attestations-workflows")
        )),
        "repository"
    );
    both.workflow = Some(pattern(".github/workflows/attest.yml"));
    assert_eq!(code(&judge(bundle, &artifact, &both)), "workflow");
    assert_eq!(
        code(&judge(
            bundle,
            b"something else",
            &repository("github.com/malancas/attest-demo")
        )),
        "artifact"
    );

    let cosign = corpus.read("cosign/cosign-v3-blob.txt");
    let exact = |identity: &str, issuer: &str| IdentityPolicy {
        identity: Some(identity.to_owned()),
        issuer: Some(issuer.to_owned()),
        ..IdentityPolicy::default()
    };
    let file = "cosign/cosign-v3-blob.sigstore.json";
    let github = "https://github.com/login/oauth";
    assert_eq!(
        code(&judge(
            file,
            &cosign,
            &exact("w.vollprecht@gmail.com", github)
        )),
        "verified"
    );
    assert_eq!(
        code(&judge(
            file,
            &cosign,
            &exact("vollprecht@gmail.com", github)
        )),
        "identity"
    );
    assert_eq!(
        code(&judge(
            file,
            &cosign,
            &exact("w.vollprecht@gmail.com", "https://accounts.google.com")
        )),
        "issuer"
    );
    assert_eq!(
        code(&judge(file, &cosign, &repository("github.com/a/b"))),
        "issuer"
    );
    let earlier = "2025-01-01T00:00:00Z".parse().expect("time");
    let found = verify_attestation(
        &Artifact::bytes(&cosign),
        &corpus.read(file),
        Signer::Identity(&exact("w.vollprecht@gmail.com", github)),
        None,
        &trust,
        earlier,
    );
    assert_eq!(code(&found), "timestamp");
}

#[test]
#[ignore = "needs ../shared"]
fn npm_provenance_names_repository_workflow_and_commit() {
    let corpus = Corpus::open();
    let keys = NpmKeys::embedded().expect("keys");
    let trust = TrustRoot::embedded(Instance::PublicGood).expect("root");
    let judge = |file: &str,
                 name: &str,
                 version: &str,
                 integrity: Sri,
                 policy: &IdentityPolicy|
     -> Fact<Identity> {
        let package = AttestedPackage {
            name,
            version,
            integrity,
        };
        verify_attestations(&corpus.read(file), &package, policy, &keys, &trust, now()).package()
    };
    let archive = Sri::of(&corpus.read("npm/gundam-visor-cli-v1-tag.tgz"));
    let file = "npm/gundam-visor-cli-v1-tag.tgz.json";
    let policy = |repository: &str, workflow: &str, git_ref: &str| IdentityPolicy {
        repository: Some(pattern(repository)),
        workflow: Some(pattern(workflow)),
        git_ref: Some(pattern(git_ref)),
        ..IdentityPolicy::default()
    };
    let right = policy(
        "github.com/ramonpetgrave64/gundam-visor",
        ".github/workflows/npm-publish.yml",
        "refs/tags/v*",
    );
    let found = judge(file, "gundam-visor", "1.0.1", archive, &right);
    let identity = found.verified().expect("verified");
    assert_eq!(
        identity.repository(),
        Some("github.com/ramonpetgrave64/gundam-visor")
    );
    assert_eq!(
        identity.workflow(),
        Some(".github/workflows/npm-publish.yml")
    );
    assert_eq!(
        identity.source_digest.as_deref(),
        Some("599500821344b070902a7a5666064bfdaba715df")
    );
    for (other, expected) in [
        (
            policy(
                "github.com/ramonpetgrave64/other",
                ".github/workflows/npm-publish.yml",
                "refs/tags/v*",
            ),
            "repository",
        ),
        (
            policy(
                "github.com/ramonpetgrave64/gundam-visor",
                ".github/workflows/release.yml",
                "refs/tags/v*",
            ),
            "workflow",
        ),
        (
            policy(
                "github.com/ramonpetgrave64/gundam-visor",
                ".github/workflows/npm-publish.yml",
                "refs/heads/*",
            ),
            "ref",
        ),
    ] {
        assert_eq!(
            code(&judge(file, "gundam-visor", "1.0.1", archive, &other)),
            expected
        );
    }
    assert_eq!(
        code(&judge(file, "gundam-visor", "1.0.2", archive, &right)),
        "subject"
    );
    assert_eq!(
        code(&judge(
            file,
            "@ramon/gundam-visor",
            "1.0.1",
            archive,
            &right
        )),
        "subject"
    );
    assert_eq!(
        code(&judge(
            file,
            "gundam-visor",
            "1.0.1",
            Sri::of(b"other archive"),
            &right
        )),
        "artifact"
    );

    // A certificate of 2023 has only the older claims.
    let integrity = sha512(
        "29d19f26233f4441328412b34fd73ed104ecfef62f14097890cccf7455b521b65c5acff851849faa85c85395aa22d401436f01f3afb61b19c780e906c88c7f20",
    );
    let old = policy(
        "github.com/laurentsimon/provenance-npm-test",
        ".github/workflows/release.yml",
        "refs/heads/main",
    );
    let found = judge(
        "npm/npm-attestations.intoto.sigstore",
        "@laurentsimon/provenance-npm-test",
        "1.0.0",
        integrity,
        &old,
    );
    assert_eq!(code(&found), "verified", "{found:?}");
    let mut hosted = old;
    hosted.runner = Some("github-hosted".to_owned());
    let found = judge(
        "npm/npm-attestations.intoto.sigstore",
        "@laurentsimon/provenance-npm-test",
        "1.0.0",
        integrity,
        &hosted,
    );
    assert_eq!(code(&found), "runner");
}

#[test]
#[ignore = "needs ../shared"]
fn a_gitsign_tag_with_its_log_entry_verifies_offline() {
    let corpus = Corpus::open();
    let trust = TrustRoot::embedded(Instance::PublicGood).expect("root");
    let read = |name: &str| {
        let tag = parse_tag(&corpus.read(name)).expect("a tag");
        GitsignSignature::from_tag(&tag).expect("a gitsign signature that fits the tag")
    };
    let signed = read("gitsign/tag-v0.17.0.txt");
    let online = read("gitsign/tag-v0.16.1.txt");
    let (attributes, signature, entry) = (
        &signed.signed_attributes,
        &signed.signature,
        signed.log_entry.clone().expect("an entry"),
    );
    assert_eq!(*attributes, corpus.read("gitsign/tag-v0.17.0.signedattrs"));
    let billy = IdentityPolicy {
        identity: Some("billy@chainguard.dev".to_owned()),
        issuer: Some("https://accounts.google.com".to_owned()),
        ..IdentityPolicy::default()
    };
    let judge =
        |attributes: &[u8], signature: &[u8], entry: Option<&[u8]>, policy: &IdentityPolicy| {
            let material = CmsSignature {
                signed_attributes: attributes,
                signature,
                log_entry: entry,
                ..CmsSignature::from(&signed)
            };
            code(&verify_gitsign(&material, policy, &trust, now()))
        };
    assert_eq!(
        judge(attributes, signature, Some(&entry), &billy),
        "verified"
    );
    assert_eq!(judge(attributes, signature, None, &billy), "needs-log");
    assert_eq!(
        code(&verify_gitsign(
            &CmsSignature::from(&online),
            &billy,
            &trust,
            now()
        )),
        "needs-log"
    );
    let mut other = billy.clone();
    other.identity = Some("mallory@chainguard.dev".to_owned());
    assert_eq!(
        judge(attributes, signature, Some(&entry), &other),
        "identity"
    );
    let mut changed = attributes.clone();
    *changed.last_mut().expect("bytes") ^= 1;
    assert_ne!(judge(&changed, signature, Some(&entry), &billy), "verified");
    // No single changed byte of the entry may turn into another verdict than "wrong", or into a crash.
    for at in 0..entry.len() {
        let mut changed = entry.clone();
        changed[at] ^= 0x41;
        let found = judge(attributes, signature, Some(&changed), &billy);
        assert!(found != "needs-log", "byte {at}: {found}");
    }
    // A proof that cannot be read is not a proof that is missing: with the promise alone the entry would be good.
    let proof = entry
        .iter()
        .rposition(|byte| *byte == 0x32)
        .expect("field 6");
    let mut broken = entry.clone();
    broken[proof + 3..].fill(0xFF);
    assert_eq!(judge(attributes, signature, Some(&broken), &billy), "log");
    for cut in [0, 1, 10, entry.len() / 2, entry.len() - 1] {
        assert_ne!(
            judge(attributes, signature, Some(&entry[..cut]), &billy),
            "verified",
            "cut at {cut}"
        );
    }
}

#[test]
#[ignore = "needs ../shared"]
fn a_github_release_attestation_binds_tag_commit_and_files() {
    let corpus = Corpus::open();
    let bytes = corpus.read("github/github-private-attestation.sigstore.json");
    let github = TrustRoot::embedded(Instance::GitHub).expect("root");
    let release = |repository, tag| {
        code(&verify_release(
            &bytes,
            &ExpectedRelease { repository, tag },
            &github,
            now(),
        ))
    };
    let found = verify_release(
        &bytes,
        &ExpectedRelease {
            repository: "jdx/communique",
            tag: "v0.1.9",
        },
        &github,
        now(),
    );
    let released = found.verified().expect("verified");
    assert_eq!(
        released.commit.as_str(),
        "43d0bd191f16d1fe3484a4b58aa69118f7692442"
    );
    assert_eq!(released.assets.len(), 5);
    assert_eq!(release("jdx/communique", "v0.1.8"), "subject");
    assert_eq!(release("jdx/other", "v0.1.9"), "subject");
    let public = TrustRoot::embedded(Instance::PublicGood).expect("root");
    let found = verify_release(
        &bytes,
        &ExpectedRelease {
            repository: "jdx/communique",
            tag: "v0.1.9",
        },
        &public,
        now(),
    );
    assert_eq!(code(&found), "no-trust-root");
    let other = corpus.read("github/github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl");
    let found = verify_release(
        &other,
        &ExpectedRelease {
            repository: "jdx/communique",
            tag: "v0.1.9",
        },
        &github,
        now(),
    );
    assert_eq!(code(&found), "predicate-type");
}
