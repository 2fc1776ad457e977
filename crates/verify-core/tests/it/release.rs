//! Signed tags: the corpus of real and hostile ones, and tags that the tests mint themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use openclaw_verify_core::git::Repository;
use openclaw_verify_core::release::{
    AllowedSigners, GitsignIdentity, OpenPgpCertificates, PinState, PinnedTag, ReleaseRule, Require, RevokedKeys, SshKey,
    TagPattern, Trust, Verdict, verify, verify_all, verify_object,
};
use serde_json::Value;

use crate::mint::{Mint, run};
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

#[test]
fn pins_of_the_corpus_compare_as_recorded() {
    let Some((corpus, repositories)) = corpus() else { return };
    let trust = ssh_trust(&corpus.join("ssh/openclaw__crabbox/allowed_signers"));
    for entry in json(&corpus.join("pins.json")).as_array().expect("an array") {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let name = text("ref").strip_prefix("refs/tags/").expect("a tag");
        let pin = PinnedTag {
            repository: "github.com/openclaw/crabbox".to_owned(),
            tag: name.to_owned(),
            tag_object: text("tag_object").parse().expect("an id"),
            commit: text("source_commit").parse().expect("an id"),
        };
        let repository = Repository::open(&repositories.path().join(text("repository_dir"))).expect("a repository");
        let verdict = verify(&repository, name, &rule(trust.clone()), &[pin], now()).expect("a verdict");
        let (state, expected) = match text("expect") {
            "same" => (PinState::Same, "ok"),
            "retagged" => (PinState::Retagged, "tag-retagged"),
            "moved" => (PinState::Moved, "tag-moved"),
            _ => (PinState::Missing, "tag-moved"),
        };
        assert_eq!((verdict.pin, code(&verdict)), (Some(state), expected), "{name}: {verdict:#?}");
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
            mint.put_tag(&tag, &mint.ssh_tag(&key, &["-n", "git", "-O", &format!("hashalg={hash}")], &tag, 1_700_000_000));
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
            assert_eq!(verdict.signer.map(|signer| signer.principal).as_ref(), Some(principal));
        }
    }

    // The same through packs, as after `git gc`.
    mint.git(&["pack-refs", "--all"], b"");
    mint.git(&["gc", "-q", "--prune=now"], b"");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    assert_eq!(repository.tag_names().expect("names").len(), tags.len());
    for (tag, expected, _) in &tags {
        assert_eq!(code(&verify(&repository, tag, &rule, &[], now()).expect("a verdict")), *expected);
    }
}

/// A tag and every change of one byte of it: what we accept, git accepts.
#[test]
fn no_changed_tag_is_accepted_that_git_refuses() {
    let mint = Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    let other = mint.ssh_key("other", &["ecdsa"]);
    let file = mint.path("signers");
    std::fs::write(&file, format!("good@example.test {}\n", mint.public(&key))).expect("signers");
    let rule = rule(ssh_trust(&file));
    let repository = Repository::open(&mint.repo()).expect("a repository");

    let good = mint.ssh_tag(&key, &["-n", "git"], "v1", 1_700_000_000);
    let by_other = mint.ssh_tag(&other, &["-n", "git"], "v1", 1_700_000_000);
    let payload = mint.payload("v1", 1_700_000_000);
    let mut bodies = vec![good.clone()];
    for at in 0..good.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut body = good.clone();
            body[at] ^= change;
            bodies.push(body);
        }
        bodies.push([&good[..at], &good[at + 1..]].concat());
        bodies.push([&good[..at], &[good[at]], &good[at..]].concat());
        bodies.push(good[..at].to_vec());
    }
    // Spliced: parts of two signed tags, in any order.
    let (a, b) = (&good[payload.len()..], &by_other[payload.len()..]);
    for parts in
        [[&payload[..], a, b], [&payload, b, a], [&payload, a, a], [b, &payload, a], [a, &payload, b], [&payload, &payload, a]]
    {
        bodies.push(parts.concat());
    }
    let mut accepted = Vec::new();
    for body in &bodies {
        let verdict = verify_object(body, Some("v1"), &rule, &[], now());
        if verdict.failures.is_empty() {
            accepted.push(body.clone());
        }
    }
    // Asking git about every body takes minutes; a body that we refuse cannot be accepted wrongly.
    assert!(!accepted.is_empty());
    for body in &accepted {
        mint.put_tag("v1", body);
        assert!(mint.git_accepts("v1", &file), "git refuses {}", String::from_utf8_lossy(body));
        assert_eq!(code(&verify(&repository, "v1", &rule, &[], now()).expect("a verdict")), "ok");
    }
    println!("{} tag objects, {} accepted", bodies.len(), accepted.len());
    let unchanged = |body: &Vec<u8>| *body == good || body[..] == good[..good.len() - 1];
    assert!(accepted.iter().all(unchanged), "only the unchanged tag, with or without its last line feed");
}

/// Answers of our reader of signers files against those of ssh-keygen.
#[test]
fn signers_files_answer_as_ssh_keygen_does() {
    let mint = Mint::new();
    let keys: Vec<_> = ["one", "two"].iter().map(|name| mint.ssh_key(name, &["ed25519"])).collect();
    let message = b"message";
    let signatures: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(nth, key)| {
            let path = mint.path(&format!("{nth}.sig"));
            let armor = mint.ssh_sign(key, &["-n", "git"], message);
            std::fs::write(&path, &armor).expect("signature");
            path
        })
        .collect();
    let public: Vec<_> = keys.iter().map(|key| mint.public(key)).collect();
    let principals = ["a@x", "b@x", "a@x,b@x", "*@x", "!a@x,*@x", "?@x", "\"a b@x\"", "A@x", "a\"@x\"", "*"];
    let options = [
        "",
        "namespaces=\"git\" ",
        "namespaces=\"file\" ",
        "namespaces=\"file,git\" ",
        "NAMESPACES=\"g*,!git\" ",
        "valid-after=\"20231114\" ",
        "valid-after=\"20231114221320Z\" ",
        "valid-after=\"20231114221321Z\" ",
        "valid-before=\"20231114221320Z\" ",
        "valid-before=\"20231114221319Z\" ",
        "valid-before=\"202311142213UTC\",valid-after=\"20200101\" ",
        "valid-before=\"20200101\" ",
        "cert-authority ",
        "cert-authority,namespaces=\"git\" ",
        "Valid-Before=\"20300101z\"  ",
        "unknown-option ",
        "namespaces=git ",
        "namespaces=\"git\",  ",
        "valid-after=\"2020\" ",
        "valid-before=\"20200101\",valid-after=\"20300101\" ",
        "namespaces=\"git\",namespaces=\"file\" ",
        "namespaces=\"a\\\"b,git\" ",
        "restrict ",
    ];
    let mut files = Vec::new();
    for principal in principals {
        for option in options {
            files.push(format!("{principal} {option}{}\n", public[0]));
        }
    }
    for (nth, option) in options.iter().enumerate() {
        let other = options[(nth * 7 + 3) % options.len()];
        files.push(format!("# c\r\n\na@x {option}{} c c\r\nb@x\t{other}{}\n*@x {}\n", public[0], public[0], public[1]));
        files.push(format!("b@x {other}{}\n  a@x {option}{}", public[1], public[0]));
    }
    files.extend([
        "".into(),
        "junk\n".into(),
        "a@x\n".into(),
        "\"a@x\n".into(),
        format!("a@x {}x\n", public[0]),
        format!("a@x ssh-rsa {}\n", &public[0][12..]),
    ]);

    let file = mint.path("signers");
    let (mut found, mut agreed) = (0, 0);
    for text in &files {
        std::fs::write(&file, text).expect("signers");
        let ours = AllowedSigners::parse(&file, text).ok();
        for (nth, signature) in signatures.iter().enumerate() {
            let (kind, base64) = public[nth].split_once(' ').expect("a key");
            let key = SshKey::from_text(kind, base64).expect("a key");
            let keygen = |arguments: &[&str]| {
                let mut command = std::process::Command::new("ssh-keygen");
                command.env("TZ", "UTC").arg("-Y").args(arguments).args(["-O", "verify-time=20231114221320"]);
                run(command.arg("-f").arg(&file).arg("-s").arg(signature), message)
            };
            let at = 1_700_000_000;
            let theirs = keygen(&["find-principals"]);
            let theirs = theirs.status.success().then(|| String::from_utf8_lossy(&theirs.stdout).trim_end().replace('\n', ","));
            let mine = ours.as_ref().and_then(|signers| signers.find_principals(&key, at)).map(str::to_owned);
            match &ours {
                Some(_) => assert_eq!(mine, theirs, "find-principals with key {nth} in:\n{text}"),
                // An error in a line that ssh-keygen did not get to.
                None => assert_eq!(mine, None),
            }
            found += usize::from(mine.is_some());
            for who in ["a@x", "b@x", "a b@x", "c@y"] {
                let theirs = keygen(&["verify", "-n", "git", "-I", who]).status.success();
                let mine = ours.as_ref().is_some_and(|signers| signers.permits(who, "git", &key, at).is_some());
                match &ours {
                    Some(_) => assert_eq!(mine, theirs, "verify {who} with key {nth} in:\n{text}"),
                    None => assert!(!mine),
                }
                agreed += 1;
            }
        }
    }
    println!("{} files, {found} principals found, {agreed} answers compared", files.len());
    assert!(found > 100);
}

#[test]
fn revoked_and_unknown_keys_say_what_to_do() {
    let mint = Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    mint.put_tag("v1", &mint.ssh_tag(&key, &["-n", "git"], "v1", 1_700_000_000));
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let path = Path::new("signers");
    let signers = |text: &str| Some(AllowedSigners::parse(path, text).expect("a good file"));
    let good = format!("a@example.test {}\n", mint.public(&key));

    let verdict =
        verify(&repository, "v1", &rule(Trust { ssh: signers(""), ..Trust::default() }), &[], now()).expect("a verdict");
    assert_eq!(code(&verdict), "unknown-key");
    let line = verdict.failures[0].help.split('`').nth(1).expect("a line").replace("<principal>", "a@example.test");
    assert_eq!(line, good.trim(), "the line in the help is one for the file");

    for (bytes, expected) in
        [(mint.public(&key).into_bytes(), "revoked"), (b"SSHKRL\n\0".to_vec(), "unsupported-schema"), (Vec::new(), "ok")]
    {
        let revoked = Some(RevokedKeys::parse(path, &bytes).expect("a list"));
        let verdict = verify(&repository, "v1", &rule(Trust { ssh: signers(&good), revoked, ..Trust::default() }), &[], now());
        assert_eq!(code(&verdict.expect("a verdict")), expected);
    }
}

#[test]
fn an_old_tag_is_a_rollback() {
    let mint = Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    for name in ["v2026.9.5", "v2026.9.5-1", "v2026.9.6-beta.1", "nightly"] {
        mint.put_tag(name, &mint.ssh_tag(&key, &["-n", "git"], name, 1_700_000_000));
    }
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let text = format!("a@example.test {}\n", mint.public(&key));
    let ssh = Some(AllowedSigners::parse(Path::new("signers"), &text).expect("a good file"));
    let mut rule = rule(Trust { ssh, ..Trust::default() });
    let codes = |rule: &ReleaseRule, pins: &[PinnedTag]| {
        let verdicts = verify_all(&repository, rule, pins, now()).expect("verdicts");
        verdicts.iter().map(|verdict| (verdict.tag.clone(), code(verdict))).collect::<Vec<_>>()
    };
    let named = |codes: [&'static str; 4]| {
        let names = ["nightly", "v2026.9.5", "v2026.9.5-1", "v2026.9.6-beta.1"];
        names.iter().map(|name| (*name).to_owned()).zip(codes).collect::<Vec<_>>()
    };
    rule.minimum = Some("v2026.9.5-1".to_owned());
    assert_eq!(codes(&rule, &[]), named(["tag-rollback", "tag-rollback", "ok", "ok"]));

    rule.minimum = None;
    let raw = repository.tag("v2026.9.5-1").expect("a tag").expect("a tag");
    let pin = PinnedTag {
        repository: "h/r".to_owned(),
        tag: "v2026.9.5-1".to_owned(),
        tag_object: raw,
        commit: mint.commit.parse().expect("an id"),
    };
    assert_eq!(codes(&rule, std::slice::from_ref(&pin)), named(["ok", "tag-rollback", "ok", "ok"]));
}
