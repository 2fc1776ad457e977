//! Signature blocks of all schemes behind one good tag body: never a panic, and never good.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::policy::{Gitsign, Pattern, ReleaseNeed};
use openclaw_verify_core::release::{AllowedSigners, OpenPgpCertificates, ReleaseRule, Trust, verify_object};

const BODY: &[u8] = b"object 1111111111111111111111111111111111111111\ntype commit\ntag v1.0.0\ntagger a <a@example.org> 1760000000 +0000\n\nv1.0.0\n";
const SIGNERS: &str = "a@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\n";

static RULE: LazyLock<ReleaseRule> = LazyLock::new(|| ReleaseRule {
    tags: Pattern::new("**").expect("a pattern"),
    // Every scheme is allowed, so that the readers of all three are reached.
    trust: Trust {
        ssh: AllowedSigners::parse(Path::new("signers"), SIGNERS).ok(),
        openpgp: Some(OpenPgpCertificates::default()),
        gitsign: Some(Gitsign { identity: "a@example.org".to_owned(), issuer: "https://issuer.example".to_owned() }),
        ..Trust::default()
    },
    require: ReleaseNeed::SignedTag,
    minimum: None,
});

fuzz_target!(|armor: &[u8]| {
    let mut tag = BODY.to_vec();
    tag.extend_from_slice(armor);
    let now = jiff::Timestamp::from_second(1_795_000_000).expect("time");
    let verdict = verify_object(&tag, Some("v1.0.0"), &RULE, &[], now);
    assert_ne!(verdict.outcome, Outcome::Verified, "nobody holds this key");
});
