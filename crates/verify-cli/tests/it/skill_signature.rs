//! Signed skills: what the reference implementation of OpenSSF Model Signing signed, as it is installed, locked and changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Installation, copy, judged, repository};

const ID: &str = "skill:managed/weather";
/// When the signer's certificate is valid.
const VALID: &str = "2026-12-24T12:00:00Z";

struct SignedSkill(Installation);

impl SignedSkill {
    /// The skill of `testdata/signed-skill/<by>`, and a policy with these rules.
    fn new(by: &str, rules: &str) -> Self {
        let installation = Installation::empty();
        let this = Self(installation);
        let from = repository().join("testdata/signed-skill");
        let skills = this.0.state.join("skills");
        fs::create_dir_all(&skills).expect("folder");
        copy(&from.join(by).join("weather"), &skills);
        for file in ["key.pem", "root.pem"] {
            fs::copy(from.join(file), this.0.config.join(file)).expect("copy");
        }
        this.policy(rules);
        this
    }

    fn by_key() -> Self {
        Self::new(
            "by-key",
            "[[skill-signer]]\nmatch = \"skill:**\"\nkey = \"key.pem\"\n",
        )
    }

    fn policy(&self, rules: &str) {
        let text = format!("version = 1\npreset = \"homelab\"\n\n{rules}");
        fs::write(self.0.policy(), text).expect("policy");
    }

    fn folder(&self) -> PathBuf {
        self.0.state.join("skills/weather")
    }

    fn lock(&self) {
        let run = self.0.command_at(VALID, &["lock"]).output();
        let run = run.expect("run");
        assert!(run.status.success(), "{run:?}");
    }

    fn judged_at(&self, now: &str) -> (Vec<String>, Value) {
        let output = self.0.command_at(now, &["check", "--format", "json"]);
        let output = { output }.output().expect("run");
        let report = serde_json::from_slice(&output.stdout).expect("report");
        judged(&report, ID, &["floating-spec", "unreviewed", "not-locked"])
    }

    fn judged(&self) -> (Vec<String>, Value) {
        self.judged_at(VALID)
    }
}

#[test]
fn a_signature_by_the_operators_key_is_the_basis() {
    let skill = SignedSkill::by_key();
    skill.lock();
    assert!(skill.0.lock_text().contains("signer = \"oms:key:sha256:"));
    let (found, subject) = skill.judged();
    assert_eq!(found, [""; 0]);
    assert_eq!(subject["basis"], "signed");
}

#[test]
fn a_chain_up_to_the_operators_root_holds_while_the_certificate_does() {
    let rule = "[[skill-signer]]\nmatch = \"skill:managed/*\"\ncertificate = \"root.pem\"\n";
    let skill = SignedSkill::new("by-certificate", rule);
    skill.lock();
    let (found, subject) = skill.judged();
    assert_eq!(found, [""; 0]);
    assert_eq!(subject["basis"], "signed");
    let (found, subject) = skill.judged_at("2037-01-01T00:00:00Z");
    assert_eq!(found, ["deny not-established[key-expired]"]);
    assert_eq!(subject["basis"], "locked");
}

#[test]
fn what_the_signer_did_not_sign() {
    type Attack = fn(&Path);
    let attacks: [(&str, Attack); 24] = [
        ("artifact", |skill| {
            fs::write(skill.join(".extra"), "x").expect("write");
        }),
        ("artifact", |skill| {
            fs::create_dir(skill.join(".git")).expect("folder");
            fs::write(skill.join(".git/hooks"), "x").expect("write");
        }),
        ("artifact", |skill| {
            fs::write(skill.join("scripts/run.sh"), "#!/bin/sh\nrm -r ~\n").expect("write");
        }),
        ("artifact", |skill| {
            fs::remove_file(skill.join(".hidden")).expect("remove");
            symlink("SKILL.md", skill.join(".hidden")).expect("link");
        }),
        ("bundle", |skill| {
            fs::copy(skill.join("skill.oms.sig"), skill.join("model.sig")).expect("copy");
        }),
        ("bundle", |skill| {
            fs::write(skill.join("skill.oms.sig"), "{}").expect("write");
        }),
        ("artifact", |skill| {
            fs::write(skill.join(".gitignore"), "scripts\n").expect("write");
        }),
        ("artifact", |skill| {
            fs::write(skill.join("scripts/.env"), "A=1\n").expect("write");
        }),
        ("artifact", |skill| {
            fs::write(skill.join("EMPTY"), "").expect("write");
        }),
        ("artifact", |skill| {
            fs::write(skill.join("REFERENCE.md"), "# Other\n").expect("write");
        }),
        ("artifact", |skill| {
            fs::remove_file(skill.join(".hidden")).expect("remove");
        }),
        ("artifact", |skill| {
            fs::rename(skill.join(".hidden"), skill.join("hidden")).expect("rename");
        }),
        ("artifact", |skill| {
            fs::rename(skill.join("scripts"), skill.join("Scripts")).expect("rename");
        }),
        ("artifact", |skill| {
            fs::write(skill.join("scripts/run.sh"), "").expect("write");
        }),
        ("artifact", |skill| {
            let text = fs::read(skill.join("SKILL.md")).expect("read");
            fs::write(skill.join("SKILL.md"), [text, b"\n".to_vec()].concat()).expect("write");
        }),
        ("artifact", |skill| {
            let (one, two) = (skill.join("SKILL.md"), skill.join("scripts/run.sh"));
            let [first, second] = [&one, &two].map(|path| fs::read(path).expect("read"));
            fs::write(one, second).expect("write");
            fs::write(two, first).expect("write");
        }),
        // A signature of its own for a folder within.
        ("artifact", |skill| {
            fs::create_dir(skill.join("nested")).expect("folder");
            let signature = fs::read(skill.join("skill.oms.sig")).expect("read");
            fs::write(skill.join("nested/skill.oms.sig"), signature).expect("write");
        }),
        ("artifact", |skill| {
            fs::create_dir(skill.join("nested")).expect("folder");
            fs::copy(skill.join("SKILL.md"), skill.join("nested/SKILL.md")).expect("copy");
        }),
        ("artifact", |skill| {
            fs::remove_file(skill.join(".hidden")).expect("remove");
            symlink("scripts/run.sh", skill.join(".hidden")).expect("link");
        }),
        ("bundle", |skill| {
            let signature = skill.join("skill.oms.sig");
            let text = fs::read_to_string(&signature).expect("read");
            fs::write(
                &signature,
                text.replace("application/vnd.in-toto+json", "text/plain"),
            )
            .expect("write");
        }),
        ("bundle", |skill| {
            let signature = skill.join("skill.oms.sig");
            let text = fs::read_to_string(&signature).expect("read");
            fs::write(&signature, &text[..text.len() / 2]).expect("write");
        }),
        ("bundle", |skill| {
            let signature = skill.join("skill.oms.sig");
            let text = fs::read_to_string(&signature).expect("read");
            fs::write(&signature, format!("{text}\n{text}")).expect("write");
        }),
        ("bundle", |skill| {
            fs::write(skill.join("skill.oms.sig"), "").expect("write");
        }),
        ("bundle", |skill| {
            with_first_signature(skill, |one| {
                let mut both = vec![one.clone()];
                both.push(one);
                Value::Array(both)
            });
        }),
    ];
    for (number, (code, attack)) in attacks.into_iter().enumerate() {
        let skill = SignedSkill::by_key();
        attack(&skill.folder());
        skill.lock();
        let (found, subject) = skill.judged();
        let expected = format!("deny signature-invalid[{code}]");
        assert!(found.contains(&expected), "{number}: {found:?}");
        assert_ne!(subject["basis"], "signed", "{number}");
    }
}

/// Replaces the list of signatures of the bundle, of which it has one.
fn with_first_signature(skill: &Path, change: fn(Value) -> Value) {
    let file = skill.join("skill.oms.sig");
    let text = fs::read_to_string(&file).expect("read");
    let mut bundle: Value = serde_json::from_str(&text).expect("JSON");
    let list = &mut bundle["dsseEnvelope"]["signatures"];
    *list = change(list[0].take());
    fs::write(file, bundle.to_string()).expect("write");
}

/// What the format leaves unsigned is held by the lock.
#[test]
fn executable_bits_are_those_of_the_lock() {
    let skill = SignedSkill::by_key();
    skill.lock();
    assert_eq!(skill.judged().0, [""; 0]);
    let file = skill.folder().join("SKILL.md");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("mode");
    let (found, subject) = skill.judged();
    assert_eq!(found, ["deny tree-mismatch"]);
    assert_ne!(subject["basis"], "signed");
}

#[test]
fn no_signature_and_other_signers() {
    let skill = SignedSkill::by_key();
    fs::remove_file(skill.folder().join("skill.oms.sig")).expect("remove");
    skill.lock();
    assert_eq!(skill.judged().0, ["deny signature-missing[skill]"]);
    skill.policy("[[skill-signer]]\nmatch = \"skill:**\"\nkey = \"key.pem\"\nrequire = false\n");
    assert_eq!(skill.judged().0, [""; 0]);

    let rule = "[[skill-signer]]\nmatch = \"skill:**\"\ncertificate = \"root.pem\"\n";
    let skill = SignedSkill::new("by-key", rule);
    skill.lock();
    assert_eq!(skill.judged().0, ["deny signer-not-allowed[key]"]);
    let skill = SignedSkill::new(
        "by-certificate",
        "[[skill-signer]]\nmatch = \"skill:**\"\nkey = \"key.pem\"\n",
    );
    skill.lock();
    assert_eq!(skill.judged().0, ["deny signer-not-allowed[certificate]"]);
}

fn changed(skill: &SignedSkill) -> bool {
    let denied = |found: &String| found.strip_prefix("deny ") == Some("signer-changed");
    skill.judged().0.iter().any(denied)
}

#[test]
fn another_signer_than_the_locked_one() {
    let both = "[[skill-signer]]\nmatch = \"skill:**\"\nkey = \"key.pem\"\nrequire = false\n\n\
                [[skill-signer]]\nmatch = \"skill:**\"\ncertificate = \"root.pem\"\nrequire = false\n";
    let skill = SignedSkill::new("by-key", both);
    skill.lock();
    let other = repository().join("testdata/signed-skill/by-certificate/weather/skill.oms.sig");
    fs::copy(other, skill.folder().join("skill.oms.sig")).expect("copy");
    assert!(changed(&skill));
    fs::remove_file(skill.folder().join("skill.oms.sig")).expect("remove");
    assert!(changed(&skill));
    // That none is there needs no rule to be seen.
    skill.policy("");
    assert!(changed(&skill));
    skill.policy(both);
    let accept = ["lock", ID, "--accept", ID];
    let run = skill.0.command_at(VALID, &accept).output().expect("run");
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    assert_eq!(skill.judged().0, [""; 0]);
}

#[test]
fn a_signer_is_named_in_one_way_and_its_file_is_read_strictly() {
    for (rule, message) in [
        (
            "key = \"key.pem\"\ncertificate = \"root.pem\"",
            "named in exactly one way",
        ),
        ("identity = \"a@example.org\"", "named in exactly one way"),
        ("key = \"gone.pem\"", "is not there"),
        ("key = \"root.pem\"", "not a PUBLIC KEY"),
        ("certificate = \"key.pem\"", "holds 0 certificates"),
        ("key = \"key.pem\"\nsince = 1", "since"),
    ] {
        let rule = format!("[[skill-signer]]\nmatch = \"skill:**\"\n{rule}\n");
        let skill = SignedSkill::new("by-key", "");
        skill.lock();
        skill.policy(&rule);
        let run = skill.0.run(&["check"]);
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.text().contains(message), "{}", run.text());
    }
}
