//! What the fuzz targets do with their input: never a panic, and what else each says. `fuzz/` hands them to a fuzzer, and `fuzz.rs`
//! beside this folder changes the inputs in `fuzz/corpus` itself, without another compiler.

mod gate;
mod installation;
mod readers;

use std::path::Path;
use std::sync::LazyLock;

use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::policy::{Gitsign, Pattern, ReleaseNeed};
use openclaw_verify_core::release::{
    AllowedSigners, OpenPgpCertificates, ReleaseRule, RevokedKeys, TrustedSigners, parse_tag,
    verify_object,
};

const BODY: &[u8] = b"object 1111111111111111111111111111111111111111\ntype commit\ntag v1.0.0\ntagger a <a@example.org> 1760000000 +0000\n\nv1.0.0\n";
const SIGNERS: &str = "a@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\n";

static RULE: LazyLock<ReleaseRule> = LazyLock::new(|| ReleaseRule {
    tags: Pattern::new("**").expect("a pattern"),
    // Every scheme is allowed, so that the readers of all three are reached.
    trust: TrustedSigners {
        ssh: AllowedSigners::parse(Path::new("signers"), SIGNERS).ok(),
        openpgp: Some(OpenPgpCertificates::default()),
        gitsign: Some(Gitsign {
            identity: "a@example.org".to_owned(),
            issuer: "https://issuer.example".to_owned(),
        }),
        ..TrustedSigners::default()
    },
    require: ReleaseNeed::SignedTag,
    minimum: None,
});

pub use gate::gate_request;
pub use installation::{installation, installation_seeds, machine, machine_seeds};
pub use readers::{
    advisories, archive, attestation, json, operator_files, repository, repository_seeds,
};

/// What is done with an input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 12] = [
    ("advisories", advisories),
    ("archive", archive),
    ("armor", armor),
    ("attestation", attestation),
    ("gate_request", gate_request),
    ("installation", installation),
    ("json", json),
    ("machine", machine),
    ("operator_files", operator_files),
    ("repository", repository),
    ("signers", signers),
    ("tag", tag),
];

/// The strict tag parser: never panics, and what it accepts is exactly what it was given.
pub fn tag(body: &[u8]) {
    if let Ok(tag) = parse_tag(body) {
        // A parser that drops or reorders bytes would let a signature stand over something else than what is shown.
        assert_eq!([tag.payload(), tag.armor()].concat(), body);
    }
}

/// Signature blocks of all schemes behind one good tag body: never a panic, and never good.
pub fn armor(armor: &[u8]) {
    let now = jiff::Timestamp::from_second(1_795_000_000).expect("time");
    let verdict = verify_object(&[BODY, armor].concat(), Some("v1.0.0"), &RULE, &[], now);
    assert_ne!(verdict.outcome, Outcome::Verified, "no one holds this key");
}

/// The operator's `allowed_signers` and revocation files: an error with a place, or a list; never a panic.
pub fn signers(bytes: &[u8]) {
    let _ = RevokedKeys::parse(Path::new("revoked"), bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = AllowedSigners::parse(Path::new("allowed_signers"), text);
    }
}
