//! Judging the attestations of 50 plugins that lie in a cache folder: each must take less than 10 ms.
//!
//! `cargo bench -p openclaw-verify-core --bench provenance`

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::provenance::npm::{self, AttestedPackage};
use openclaw_verify_core::provenance::{Anchors, IdentityPolicy, Instance, NpmKeys, TrustRoot};
use serde_json::json;

#[path = "../tests/it/support/mint.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod mint;

const PLUGINS: usize = 50;
const LIMIT: Duration = Duration::from_millis(10);

/// Each plugin counts by the best of so many rounds, so that a busy machine is not taken for a slow program.
const ROUNDS: usize = 5;

fn main() {
    let start = Instant::now();
    let compiled_in = Anchors::embedded(Instance::PublicGood);
    println!("anchors that are not asked: {:.2?}", start.elapsed());
    let start = Instant::now();
    assert!(compiled_in.root().is_ok() && compiled_in.keys().is_ok());
    println!(
        "the compiled-in trust root and keys, once a run that needs them: {:.2?}",
        start.elapsed()
    );

    let world = mint::World::new();
    let folder = tempfile::tempdir().expect("folder");
    for plugin in 0..PLUGINS {
        fs::write(
            folder.path().join(plugin.to_string()),
            answer(&world, plugin),
        )
        .expect("write");
    }
    let trust = TrustRoot::from_file(
        Path::new("root.json"),
        &world.trusted_root(),
        Instance::PublicGood,
    )
    .expect("root");
    let keys = NpmKeys::from_file(
        Path::new("keys.json"),
        &world.npm_keys("2025-01-01T00:00:00Z", None),
    )
    .expect("keys");
    let anchors = Anchors::embedded(Instance::PublicGood)
        .with_root(trust)
        .with_keys(keys);

    let now = "2026-11-22T00:00:00Z".parse().expect("time");
    let mut times = [Duration::MAX; PLUGINS];
    for plugin in (0..ROUNDS).flat_map(|_| 0..PLUGINS) {
        let repository =
            Pattern::new(&format!("github.com/acme/plugin-{plugin}")).expect("a pattern");
        let policy = IdentityPolicy {
            repository: Some(repository),
            ..IdentityPolicy::default()
        };
        let start = Instant::now();
        let bytes = fs::read(folder.path().join(plugin.to_string())).expect("read");
        let name = format!("@acme/plugin-{plugin}");
        let package = AttestedPackage {
            name: &name,
            version: "1.0.0",
            integrity: Sri::of(name.as_bytes()),
        };
        let found = anchors
            .npm_attestations(&bytes, &package, &policy, now)
            .package();
        times[plugin] = times[plugin].min(start.elapsed());
        assert_eq!(found.outcome(), Outcome::Verified, "{found:?}");
    }
    times.sort_unstable();
    let (median, slowest) = (times[PLUGINS / 2], times[PLUGINS - 1]);
    println!(
        "{PLUGINS} plugins, publish and provenance attestation each: median {median:.2?}, slowest {slowest:.2?}"
    );
    assert!(slowest < LIMIT, "the slowest is not below {LIMIT:?}");
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
