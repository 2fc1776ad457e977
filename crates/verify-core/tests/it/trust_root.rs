//! Trust roots by TUF, from a loopback repository that the test makes: current, expired, rolled on, tampered with, gone.

#![allow(clippy::expect_used, reason = "test code")]

use std::path::Path;

use jiff::Timestamp;
use openclaw_verify_core::fact::{Fact, NotEstablished};
use openclaw_verify_core::provenance::{Instance, NoTrustRoot, Origin, TrustRoot, TufSource};
use openclaw_verify_core::registry::{Cache, Client, Limits, NpmConfig, block_on};
use rcgen::SigningKey as _;
use serde_json::{Value, json};

use crate::support::mint::{World, key, pem, sha256, spki};
use crate::support::server::{Answer, Server};

fn hex(bytes: &[u8]) -> String {
    openclaw_verify_core::digest::to_hex(bytes)
}

/// A repository with one key for everything.
struct Repository {
    server: Server,
    key: rcgen::KeyPair,
    cache: tempfile::TempDir,
}

impl Repository {
    fn open(target: &str, expires: &str) -> Self {
        let repository = Self { server: Server::start(), key: key(), cache: tempfile::tempdir().expect("folder") };
        repository.publish(1, target, expires);
        repository
    }

    fn publish(&self, version: u64, target: &str, expires: &str) {
        let common = |kind: &str| json!({ "_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires });
        let mut targets = common("targets");
        targets["targets"] = json!({ "trusted_root.json": {
            "length": target.len(), "hashes": { "sha256": hex(&sha256(target.as_bytes())) } } });
        let mut snapshot = common("snapshot");
        snapshot["meta"] = json!({ "targets.json": { "version": version } });
        let mut timestamp = common("timestamp");
        timestamp["meta"] = json!({ "snapshot.json": { "version": version } });
        for (name, signed) in [("timestamp", timestamp), ("snapshot", snapshot), ("targets", targets)] {
            self.server.set(&format!("/{name}.json"), Answer::Good(self.signed(&signed)));
        }
        self.server.set("/targets/trusted_root.json", Answer::Good(target.as_bytes().to_vec()));
    }

    fn root(&self) -> Vec<u8> {
        let role = json!({ "keyids": ["k"], "threshold": 1 });
        self.signed(&json!({
            "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": "2030-01-01T00:00:00Z", "consistent_snapshot": false,
            "keys": { "k": { "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": { "public": pem("PUBLIC KEY", &spki(&self.key)) } } },
            "roles": { "root": role, "timestamp": role, "snapshot": role, "targets": role },
        }))
    }

    fn signed(&self, signed: &Value) -> Vec<u8> {
        let signature = self.key.sign(canonical(signed).as_bytes()).expect("sign");
        json!({ "signed": signed, "signatures": [{ "keyid": "k", "sig": hex(&signature) }] }).to_string().into_bytes()
    }

    fn source(&self) -> TufSource {
        let mut source = TufSource::of(Instance::PublicGood, self.cache.path());
        source.mirror = Some((self.server.url("/"), self.root()));
        source
    }

    fn refresh(&self, now: &str) -> Result<TrustRoot, NoTrustRoot> {
        let client = Client::new(NpmConfig::default(), Limits::default(), Cache::new(self.cache.path())).expect("client");
        block_on(self.source().refresh(client.http(), time(now))).expect("runtime")
    }

    fn cached(&self, now: &str) -> Result<TrustRoot, NoTrustRoot> {
        block_on(self.source().cached(time(now))).expect("runtime")
    }
}

/// The canonical JSON of TUF: sorted names, no white space, and line ends as they are.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut names: Vec<_> = map.keys().collect();
            names.sort();
            let entries: Vec<_> = names.iter().map(|name| format!("\"{name}\":{}", canonical(&map[name.as_str()]))).collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::String(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        other => other.to_string(),
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("time")
}

const BEFORE: &str = "2026-11-01T00:00:00Z";
const EXPIRES: &str = "2026-11-15T00:00:00Z";
const AFTER: &str = "2026-11-22T00:00:00Z";

#[test]
fn a_root_is_refreshed_cached_and_expires() {
    let world = World::new();
    let repository = Repository::open(&world.trusted_root(), EXPIRES);
    assert!(repository.cached(BEFORE).is_err(), "nothing is cached yet");
    let root = repository.refresh(BEFORE).expect("root");
    assert_eq!(root.origin(), &Origin::Tuf);
    assert!(root.describe(time(BEFORE)).contains("from its TUF repository"));

    repository.server.forget();
    assert!(repository.cached(BEFORE).is_ok());
    assert!(repository.server.authorizations().is_empty(), "the cache needs no request");

    // Expired: neither the cache nor the old repository is a trust root.
    let none = repository.cached(AFTER).expect_err("expired");
    assert!(none.to_string().contains("expired"), "{none}");
    assert!(matches!(none.into_fact::<()>(), Fact::NotEstablished { code: NotEstablished::NoTrustRoot, .. }));
    assert!(repository.refresh(AFTER).is_err());
    repository.publish(2, &world.trusted_root(), "2027-01-01T00:00:00Z");
    assert!(repository.refresh(AFTER).is_ok());
    // Older metadata than what was seen is a rollback.
    repository.publish(1, &world.trusted_root(), "2027-01-01T00:00:00Z");
    assert!(repository.refresh(AFTER).is_err());
}

#[test]
fn a_tampered_cache_or_repository_is_no_root() {
    let world = World::new();
    let repository = Repository::open(&world.trusted_root(), EXPIRES);
    repository.refresh(BEFORE).expect("root");
    let evil = World::new().trusted_root();
    let mut changed = 0;
    change_all(repository.cache.path(), &mut |path| {
        if std::fs::read(path).is_ok_and(|bytes| bytes == world.trusted_root().as_bytes()) {
            std::fs::write(path, &evil).expect("write");
            changed += 1;
        }
    });
    assert_eq!(changed, 1, "the cached root was found");
    assert!(repository.cached(BEFORE).is_err());

    let other = Repository::open(&world.trusted_root(), EXPIRES);
    other.server.set("/targets/trusted_root.json", Answer::Good(evil.into_bytes()));
    assert!(other.refresh(BEFORE).is_err());
    other.server.set("/timestamp.json", Answer::Status(404));
    assert!(other.refresh(BEFORE).is_err());
    // A root of another kind than the instance that was named.
    let github = Repository::open(r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#, EXPIRES);
    assert!(github.refresh(BEFORE).is_err());
}

fn change_all(folder: &Path, change: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        if entry.path().is_dir() { change_all(&entry.path(), change) } else { change(&entry.path()) }
    }
}
