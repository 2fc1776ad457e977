//! OpenPGP keys and signatures made with gpg at chosen times.

use std::path::PathBuf;
use std::process::Command;

use openclaw_verify_core::release::{
    OpenPgpCertificates, TagVerdict, TrustedSigners, verify_object,
};

use crate::mint::{Mint, run};
use crate::release::{now, rule};

pub struct Gpg {
    pub mint: Mint,
    home: PathBuf,
}

impl Gpg {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let mint = Mint::new();
        let home = mint.path("g");
        std::fs::create_dir(&home).expect("folder");
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).expect("mode");
        Self { mint, home }
    }

    fn run(&self, at: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&self.home).args([
            "--batch",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]);
        let output = run(
            command
                .arg("--faked-system-time")
                .arg(format!("{at}!"))
                .args(arguments),
            input,
        );
        assert!(
            output.status.success(),
            "gpg {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// A new certificate; the fingerprint of its primary key.
    pub fn key(&self, at: &str, name: &str, kind: &str, usage: &str, until: &str) -> String {
        self.run(at, &["--quick-gen-key", name, kind, usage, until], b"");
        self.fingerprints(name)[0].clone()
    }

    fn fingerprints(&self, name: &str) -> Vec<String> {
        let listing = String::from_utf8(self.run(
            "20260101T000000",
            &["--with-colons", "--list-keys", name],
            b"",
        ))
        .expect("text");
        listing
            .lines()
            .filter_map(|line| line.strip_prefix("fpr:::::::::"))
            .map(|line| line.trim_end_matches(':').to_owned())
            .collect()
    }

    pub fn sign(&self, at: &str, key: &str, options: &[&str]) -> Vec<u8> {
        let mut body = self.mint.payload("v1", 1_700_000_000);
        let mut arguments = options.to_vec();
        arguments.extend(["--armor", "--detach-sign", "--local-user", key]);
        body.extend(self.run(at, &arguments, &body.clone()));
        body
    }

    /// Whether `git verify-tag` accepts a tag with this keyring.
    pub fn git_accepts(&self, name: &str) -> bool {
        run(
            self.mint
                .git_command()
                .env("GNUPGHOME", &self.home)
                .args(["verify-tag", name]),
            b"",
        )
        .status
        .success()
    }

    /// The certificates of all keys.
    pub fn certificates(&self) -> OpenPgpCertificates {
        let exported = self.run("20260101T000000", &["--armor", "--export"], b"");
        let mut certs = OpenPgpCertificates::default();
        certs.add(&self.home, &exported).expect("certificates");
        certs
    }

    pub fn judged(&self, body: &[u8], certificates: &OpenPgpCertificates) -> TagVerdict {
        let rule = rule(TrustedSigners {
            openpgp: Some(certificates.clone()),
            ..TrustedSigners::default()
        });
        verify_object(body, Some("v1"), &rule, &[], now())
    }

    fn verdict(&self, body: &[u8]) -> TagVerdict {
        self.judged(body, &self.certificates())
    }

    fn code(&self, body: &[u8]) -> &'static str {
        self.verdict(body)
            .failures
            .first()
            .map_or("ok", |failure| failure.code.as_str())
    }
}

#[test]
#[ignore = "needs gpg"]
fn keys_are_judged_at_the_time_of_the_signature() {
    let gpg = Gpg::new();
    let key = gpg.key("20200101T000000", "a@example.test", "ed25519", "sign", "2y");
    let within = gpg.sign("20210101T000000", &key, &[]);
    assert_eq!(gpg.code(&within), "ok");
    assert_eq!(
        gpg.verdict(&within).notes.len(),
        1,
        "that the key has expired since is said"
    );

    let future = gpg.key("20200101T000000", "f@example.test", "rsa2048", "sign", "0");
    assert_eq!(
        gpg.code(&gpg.sign("20330101T000000", &future, &[])),
        "signature-in-future"
    );
    assert_eq!(
        gpg.code(&gpg.sign("20261122T120200", &future, &[])),
        "ok",
        "two minutes of clock skew"
    );
    assert_eq!(
        gpg.code(&gpg.sign("20210101T000000", &future, &["--digest-algo", "SHA1"])),
        "weak-hash"
    );
    assert_eq!(
        gpg.code(&gpg.sign("20210101T000000", &future, &["--textmode"])),
        "bad-signature"
    );
    let short_lived = gpg.sign("20210101T000000", &future, &["--default-sig-expire", "1y"]);
    assert_eq!(
        gpg.code(&short_lived),
        "bad-signature",
        "the signature has expired"
    );

    // Made after the key's end: gpg refuses to, so the key is shortened afterwards.
    let shortened = gpg.key("20200101T000000", "s@example.test", "ed25519", "sign", "0");
    let late = gpg.sign("20230101T000000", &shortened, &[]);
    assert_eq!(gpg.code(&late), "ok");
    gpg.run(
        "20200102T000000",
        &["--quick-set-expire", &shortened, "1y"],
        b"",
    );
    assert_eq!(gpg.code(&late), "key-expired-at-signature");
}

#[test]
#[ignore = "needs gpg"]
fn subkeys_count_when_they_are_bound_and_not_revoked() {
    let gpg = Gpg::new();
    let primary = gpg.key("20200101T000000", "a@example.test", "ed25519", "cert", "0");
    gpg.run(
        "20200201T000000",
        &["--quick-add-key", &primary, "ed25519", "sign", "0"],
        b"",
    );
    let subkey = gpg.fingerprints("a@example.test")[1].clone();
    let body = gpg.sign("20210101T000000", &format!("{subkey}!"), &[]);
    let verdict = gpg.verdict(&body);
    assert_eq!(
        verdict
            .signer
            .as_ref()
            .map(|signer| signer.fingerprint.as_str()),
        Some(primary.as_str()),
        "{verdict:#?}"
    );
    assert_eq!(
        verdict.signer.map(|signer| signer.principal).as_deref(),
        Some("a@example.test")
    );

    // Superseded two years later: a soft revocation, and still no valid key.
    let edit = format!("key {subkey}\nrevkey\ny\n2\n\ny\nsave\n");
    let mut command = Command::new("gpg");
    command.arg("--homedir").arg(&gpg.home).args([
        "--batch",
        "--command-fd",
        "0",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]);
    run(
        command.args([
            "--faked-system-time",
            "20230101T000000!",
            "--edit-key",
            &primary,
        ]),
        edit.as_bytes(),
    );
    assert_eq!(gpg.code(&body), "revoked");
}

#[test]
#[ignore = "needs gpg"]
fn weak_and_unknown_keys_are_named() {
    let gpg = Gpg::new();
    let weak = gpg.key("20200101T000000", "w@example.test", "rsa1024", "sign", "0");
    assert_eq!(
        gpg.code(&gpg.sign("20210101T000000", &weak, &[])),
        "weak-key"
    );
    let other = Gpg::new();
    let unknown = other.key("20200101T000000", "u@example.test", "ed25519", "sign", "0");
    let verdict = gpg.verdict(&other.sign("20210101T000000", &unknown, &[]));
    assert_eq!(verdict.failures[0].code.as_str(), "unknown-key");
    assert!(
        verdict.failures[0].message.contains(&unknown),
        "{verdict:#?}"
    );
}
