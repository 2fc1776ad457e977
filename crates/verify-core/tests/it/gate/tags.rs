//! A git plugin for which policy requires a signed tag: what no allowed signer signed is refused at the clone, before npm runs in it.

use std::fs;

use serde_json::{Value, json};

use super::{Bench, allowed, blocked, reason, rules};
use crate::mint::Mint;
use crate::support::git::git;

const ID: &str = "git:github.com/acme/notes";

/// A clone of the plugin's repository at its tag v1.3.0, as OpenClaw stages it.
struct Clone {
    bench: Bench,
    mint: Mint,
}

impl Clone {
    /// `body` makes the tag object.
    fn new(body: impl Fn(&Mint) -> Vec<u8>) -> Self {
        let (bench, mut mint) = (Bench::new(), Mint::new());
        let files = [
            ("index.js", "export default {};\n"),
            (
                "openclaw.plugin.json",
                r#"{"id":"notes","configSchema":{}}"#,
            ),
            (
                "package.json",
                r#"{"name":"@acme/notes","version":"1.3.0","openclaw":{"extensions":["./index.js"]}}"#,
            ),
        ];
        let blob = |text: &str| mint.git(&["hash-object", "-w", "--stdin"], text.as_bytes());
        let tree: String = files
            .map(|(name, text)| format!("100644 blob {}\t{name}\n", blob(text)))
            .concat();
        let tree = mint.git(&["mktree"], tree.as_bytes());
        mint.commit = mint.git(&["commit-tree", &tree, "-m", "1.3.0"], b"");
        mint.git(&["update-ref", "refs/heads/main", &mint.commit], b"");
        mint.put_tag("v1.3.0", &body(&mint));
        let policy = "version = 1\n[[release]]\nrepository = \"github.com/acme/notes\"\ntags = \"v*\"\nsigners = \"signers\"\n";
        bench.write("config/openclaw-verify.toml", policy);
        let clone = Self { bench, mint };
        clone.clone();
        clone
    }

    fn clone(&self) {
        let to = self.bench.root.join("git");
        let _ = fs::remove_dir_all(&to);
        let repository = self.mint.repo();
        let paths = [&repository, &to].map(|path| path.to_str().expect("path"));
        git(&self.bench.root, &["clone", "-q", paths[0], paths[1]]);
    }

    /// What OpenClaw asks about the clone, and about the package in it.
    fn ask(&self) -> [Value; 2] {
        self.ask_for("git:https://github.com/acme/notes@v1.3.0")
    }

    fn ask_for(&self, spec: &str) -> [Value; 2] {
        let plugin = json!({ "contentType": "package", "pluginId": "notes" });
        let request = |origin| {
            self.bench
                .plugin("git", "git", origin, "plugin-git", spec, plugin.clone())
        };
        ["plugin-git", "plugin-package"].map(|origin| self.bench.ask(&request(origin)))
    }
}

fn key(mint: &Mint, name: &str) -> std::path::PathBuf {
    let path = mint.path(name);
    if path.exists() {
        path
    } else {
        mint.ssh_key(name, &["ed25519"])
    }
}

/// The tag, signed with the key of that name.
fn signed(name: &'static str) -> impl Fn(&Mint) -> Vec<u8> {
    move |mint| mint.ssh_tag(&key(mint, name), &["-n", "git"], "v1.3.0", 1_700_000_000)
}

fn trust(clone: &Clone, name: &str) {
    let signers = format!(
        "ada@example.org {}\n",
        clone.mint.public(&key(&clone.mint, name))
    );
    clone.bench.write("config/signers", &signers);
}

#[test]
fn a_tag_of_an_allowed_signer_passes_once_it_is_locked() {
    let clone = Clone::new(signed("ada"));
    trust(&clone, "ada");
    let [announced, staged] = clone.ask();
    allowed(&announced);
    blocked(&staged, "not-locked");
    clone.bench.lock_kept(ID);
    let lock =
        fs::read_to_string(clone.bench.root.join("config/openclaw-verify.lock")).expect("lock");
    assert!(
        lock.contains("tag-object = ") && lock.contains("signer = \"ssh:"),
        "the lock remembers who signed: {lock}"
    );
    clone.ask().iter().for_each(allowed);

    // The same commit under a tag that was made anew is not what was locked.
    clone.mint.put_tag(
        "v1.3.0",
        &clone.mint.ssh_tag(
            &key(&clone.mint, "ada"),
            &["-n", "git"],
            "v1.3.0",
            1_700_000_001,
        ),
    );
    clone.clone();
    clone.ask().iter().for_each(|reply| {
        assert!(
            rules(reply).iter().any(|rule| rule.starts_with("tag-")),
            "{reply}"
        )
    });
}

#[test]
fn what_no_allowed_signer_signed_is_refused_at_the_clone() {
    let unsigned = |mint: &Mint| mint.payload("v1.3.0", 1_700_000_000);
    let spoiled = |mint: &Mint| {
        let text = String::from_utf8(signed("ada")(mint)).expect("text");
        text.replacen("release\n", "Release\n", 1).into_bytes()
    };
    let cases: [(Clone, &str); 3] = [
        (Clone::new(unsigned), "signature-missing"),
        (Clone::new(spoiled), "signature-invalid"),
        (Clone::new(signed("eve")), "signer-not-allowed"),
    ];
    for (clone, rule) in cases {
        trust(&clone, "ada");
        let [announced, staged] = clone.ask();
        blocked(&announced, rule);
        blocked(&staged, rule);
        assert!(
            !reason(&staged).contains("lock it"),
            "nothing invites to lock it: {staged}"
        );
    }
}

#[test]
fn no_spelling_of_a_repository_gets_past_what_is_said_about_it() {
    let clone = Clone::new(|mint| mint.payload("v1.3.0", 1_700_000_000));
    trust(&clone, "ada");
    let violation = "version = 1\n[[violation]]\npackage = \"git:github.com/acme/notes\"\nversions = \"*\"\nreason = \"evil\"\nby = \"Ada\"\ndate = 2026-11-22\n";
    for spec in [
        "git:acme/notes@v1.3.0",
        "GIT: acme/notes.git#v1.3.0",
        "git:GitHub.com/acme/notes@v1.3.0",
        "git:https://www.github.com:443/acme/notes@v1.3.0",
        "git:git@github.com:acme/notes.git@v1.3.0",
    ] {
        clone
            .ask_for(spec)
            .iter()
            .for_each(|reply| blocked(reply, "signature-missing"));
    }
    clone.bench.write("config/openclaw-reviews.toml", violation);
    for spec in [
        "git:acme/notes@v1.3.0",
        "git:ACME/Notes@v1.3.0",
        "git:https://github.com/acme/NOTES.git",
    ] {
        clone
            .ask_for(spec)
            .iter()
            .for_each(|reply| blocked(reply, "violation"));
    }
    // What is no repository in a known form is about nothing that could be allowed.
    for spec in [
        "git:https://github.com/./acme/notes@v1.3.0",
        "git:https://github.com/%61cme/notes@v1.3.0",
        "git:notes",
    ] {
        clone
            .ask_for(spec)
            .iter()
            .for_each(|reply| assert_eq!(reply["decision"], "block", "{spec}: {reply}"));
    }
}

#[test]
fn locking_does_not_make_up_for_a_signature() {
    let clone = Clone::new(signed("eve"));
    trust(&clone, "eve");
    clone.ask();
    clone.bench.lock_kept(ID);
    clone.ask().iter().for_each(allowed);
    trust(&clone, "ada");
    clone
        .ask()
        .iter()
        .for_each(|reply| blocked(reply, "signer-not-allowed"));
}
