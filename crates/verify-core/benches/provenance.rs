//! Judging the attestations of 50 plugins that lie in a cache folder: each must take less than 10 ms.
//!
//! `cargo bench -p openclaw-verify-core --bench provenance`

#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a measurement")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::provenance::npm::{self, Package, verify_attestations};
use openclaw_verify_core::provenance::{IdentityPolicy, Instance, NpmKeys, TrustRoot};
use serde_json::json;

#[path = "../tests/it/support/mint.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod mint;

const PLUGINS: usize = 50;
const LIMIT: Duration = Duration::from_millis(10);

fn main() {
    let world = mint::World::new();
    let folder = tempfile::tempdir().expect("folder");
    for plugin in 0..PLUGINS {
        fs::write(folder.path().join(plugin.to_string()), answer(&world, plugin)).expect("write");
    }
    let start = Instant::now();
    let trust = TrustRoot::from_file(Path::new("root.json"), &world.trusted_root(), Instance::PublicGood).expect("root");
    let keys = NpmKeys::from_file(Path::new("keys.json"), &world.npm_keys("2025-01-01T00:00:00Z", None)).expect("keys");
    println!("trust root and keys: {:.2?}", start.elapsed());

    let now = "2026-11-22T00:00:00Z".parse().expect("time");
    let mut times = Vec::with_capacity(PLUGINS);
    for plugin in 0..PLUGINS {
        let repository = Pattern::new(&format!("github.com/acme/plugin-{plugin}")).expect("a pattern");
        let policy = IdentityPolicy { repository: Some(repository), ..IdentityPolicy::default() };
        let start = Instant::now();
        let bytes = fs::read(folder.path().join(plugin.to_string())).expect("read");
        let name = format!("@acme/plugin-{plugin}");
        let package = Package { name: &name, version: "1.0.0", integrity: Sri::of(name.as_bytes()) };
        let found = verify_attestations(&bytes, &package, &policy, &keys, &trust, now).package();
        times.push(start.elapsed());
        assert_eq!(found.outcome(), Outcome::Verified, "{found:?}");
    }
    times.sort_unstable();
    let (median, slowest) = (times[PLUGINS / 2], times[PLUGINS - 1]);
    println!("{PLUGINS} plugins, publish and provenance attestation each: median {median:.2?}, slowest {slowest:.2?}");
    assert!(median < LIMIT, "the median is not below {LIMIT:?}");
}

fn answer(world: &mint::World, plugin: usize) -> String {
    let name = format!("@acme/plugin-{plugin}");
    let statement = |predicate_type: &str, predicate| {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{
                "name": format!("pkg:npm/%40acme/plugin-{plugin}@1.0.0"),
                "digest": { "sha512": Sri::of(name.as_bytes()).hex() },
            }],
            "predicateType": predicate_type,
            "predicate": predicate,
        })
        .to_string()
    };
    let publish = statement(npm::PUBLISH, json!({ "name": name, "version": "1.0.0" }));
    let built = statement(npm::PROVENANCE[0], json!({}));
    let claims = mint::Claims::github(&format!("acme/plugin-{plugin}"));
    let by_npm = mint::By::Key(&world.npm, "SHA256:test");
    json!({ "attestations": [
        { "predicateType": npm::PUBLISH, "bundle": world.bundle(mint::Content::Statement(&publish), &by_npm) },
        { "predicateType": npm::PROVENANCE[0],
          "bundle": world.bundle(mint::Content::Statement(&built), &mint::By::Certificate(&claims)) },
    ] })
    .to_string()
}
