//! Trust roots by TUF, from a loopback repository that the test makes: current, expired, rolled on, tampered with, gone.

#![allow(clippy::expect_used, reason = "test code")]

use std::path::Path;

use jiff::Timestamp;
use openclaw_verify_core::fact::{Fact, NotEstablished};
use openclaw_verify_core::provenance::{
    Anchors, Instance, NoTrustRoot, RefreshedTrust, TrustRootOrigin,
};
use openclaw_verify_core::registry::TufSource;
use openclaw_verify_core::registry::{Cache, Client, FetchLimits, NpmConfig, block_on};
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
    /// Whether names hold version or digest, as in the repositories of Sigstore.
    consistent: bool,
    /// npm's keys, below the name of a registry.
    keys: Option<String>,
}

impl Repository {
    fn open(target: &str, expires: &str) -> Self {
        let repository = Self::new(false, None);
        repository.publish(1, target, expires);
        repository
    }

    fn new(consistent: bool, keys: Option<String>) -> Self {
        Self {
            server: Server::start(),
            key: key(),
            cache: tempfile::tempdir().expect("folder"),
            consistent,
            keys,
        }
    }

    fn publish(&self, version: u64, target: &str, expires: &str) {
        let common = |kind: &str| json!({ "_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires });
        let mut targets = common("targets");
        targets["targets"] = json!({ "trusted_root.json": described(target) });
        let mut snapshot = common("snapshot");
        snapshot["meta"] = json!({ "targets.json": { "version": version } });
        let mut timestamp = common("timestamp");
        timestamp["meta"] = json!({ "snapshot.json": { "version": version } });
        if let Some(keys) = &self.keys {
            targets["delegations"] = json!({
                "keys": { "k": self.public() },
                "roles": [{ "name": ROLE, "keyids": ["k"], "threshold": 1, "terminating": true, "paths": [format!("{ROLE}/*")] }],
            });
            snapshot["meta"][format!("{ROLE}.json")] = json!({ "version": version });
            let name = format!("{ROLE}/keys.json");
            let mut delegated = common("targets");
            delegated["targets"] = json!({ &name: described(keys) });
            self.metadata(ROLE, version, &delegated);
            self.target(ROLE, "keys.json", keys);
        }
        self.server
            .set("/timestamp.json", Answer::Good(self.signed(&timestamp)));
        self.metadata("snapshot", version, &snapshot);
        self.metadata("targets", version, &targets);
        self.target("", "trusted_root.json", target);
    }

    fn metadata(&self, role: &str, version: u64, signed: &Value) {
        let name = if self.consistent {
            format!("/{version}.{role}.json")
        } else {
            format!("/{role}.json")
        };
        self.server.set(&name, Answer::Good(self.signed(signed)));
    }

    fn target(&self, folder: &str, name: &str, text: &str) {
        let name = if self.consistent {
            format!("{}.{name}", hex(&sha256(text.as_bytes())))
        } else {
            name.to_owned()
        };
        let path = Path::new("/targets").join(folder).join(name);
        self.server.set(
            path.to_str().expect("path"),
            Answer::Good(text.as_bytes().to_vec()),
        );
    }

    fn public(&self) -> Value {
        json!({ "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": { "public": pem("PUBLIC KEY", &spki(&self.key)) } })
    }

    fn root(&self) -> Vec<u8> {
        let role = json!({ "keyids": ["k"], "threshold": 1 });
        self.signed(&json!({
            "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": "2030-01-01T00:00:00Z", "consistent_snapshot": self.consistent,
            "keys": { "k": self.public() },
            "roles": { "root": role, "timestamp": role, "snapshot": role, "targets": role },
        }))
    }

    fn signed(&self, signed: &Value) -> Vec<u8> {
        let signature = self.key.sign(canonical(signed).as_bytes()).expect("sign");
        json!({ "signed": signed, "signatures": [{ "keyid": "k", "sig": hex(&signature) }] })
            .to_string()
            .into_bytes()
    }

    fn source(&self) -> TufSource {
        let mut source = TufSource::of(Instance::PublicGood, self.cache.path());
        source.mirror = Some((self.server.url("/"), self.root()));
        source
    }

    fn refresh(&self, now: &str) -> Result<RefreshedTrust, NoTrustRoot> {
        let client = Client::new(
            NpmConfig::default(),
            FetchLimits::default(),
            Cache::new(self.cache.path()),
        )
        .expect("client");
        block_on(self.source().refresh(client.http(), time(now))).expect("runtime")
    }

    fn cached(&self, now: &str) -> Result<RefreshedTrust, NoTrustRoot> {
        block_on(self.source().cached(time(now))).expect("runtime")
    }
}

/// The name of the delegated role, which is that of a registry.
const ROLE: &str = "registry.example";

fn described(text: &str) -> Value {
    json!({ "length": text.len(), "hashes": { "sha256": hex(&sha256(text.as_bytes())) } })
}

/// The canonical JSON of TUF: sorted names, no white space, and line ends as they are.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut names: Vec<_> = map.keys().collect();
            names.sort();
            let entries: Vec<_> = names
                .iter()
                .map(|name| format!("\"{name}\":{}", canonical(&map[name.as_str()])))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
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
    let root = repository
        .refresh(BEFORE)
        .expect("refreshed")
        .root
        .expect("root");
    assert_eq!(
        root.origin(),
        &TrustRootOrigin::Tuf {
            until: time(EXPIRES)
        }
    );
    assert!(
        root.describe(time(BEFORE))
            .contains("by TUF, current until 2026-11-15T00:00:00Z")
    );

    repository.server.forget();
    assert!(repository.cached(BEFORE).expect("cached").root.is_ok());
    assert!(
        repository.server.authorizations().is_empty(),
        "the cache needs no request"
    );

    // Expired: neither the cache nor the old repository is a trust root.
    let none = repository.cached(AFTER).expect_err("expired");
    assert!(none.to_string().contains("expired"), "{none}");
    assert!(matches!(
        none.fact::<()>(),
        Fact::NotEstablished {
            code: NotEstablished::NoTrustRoot,
            ..
        }
    ));
    assert!(repository.refresh(AFTER).is_err());
    repository.publish(2, &world.trusted_root(), "2027-01-01T00:00:00Z");
    assert!(repository.refresh(AFTER).expect("refreshed").root.is_ok());
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
    assert!(repository.cached(BEFORE).expect("metadata").root.is_err());

    let other = Repository::open(&world.trusted_root(), EXPIRES);
    other.server.set(
        "/targets/trusted_root.json",
        Answer::Good(evil.into_bytes()),
    );
    assert!(other.refresh(BEFORE).expect("metadata").root.is_err());
    other.server.set("/timestamp.json", Answer::Status(404));
    assert!(other.refresh(BEFORE).is_err());
    // A root of another kind than the instance that was named.
    let github = Repository::open(
        r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#,
        EXPIRES,
    );
    assert!(github.refresh(BEFORE).expect("refreshed").root.is_err());
}

#[test]
fn keys_of_npm_come_from_the_delegated_role() {
    let world = World::new();
    let keys = world.npm_keys("2025-01-01T00:00:00Z", None);
    for consistent in [false, true] {
        let repository = Repository::new(consistent, Some(keys.clone()));
        repository.publish(1, &world.trusted_root(), EXPIRES);
        let fetched = repository.refresh(BEFORE).expect("refreshed");
        let digest = hex(&sha256(keys.as_bytes()));
        assert!(
            fetched
                .root
                .expect("root")
                .describe(time(BEFORE))
                .contains(&hex(&sha256(world.trusted_root().as_bytes())))
        );
        assert!(fetched.keys.expect("keys").describe().contains(&digest));
        // All of it is in the cache, with one refresh.
        repository.server.forget();
        let cached = repository.cached(BEFORE).expect("cached");
        assert!(cached.root.is_ok());
        assert!(cached.keys.expect("keys").describe().contains(&format!(
            "by TUF, current until 2026-11-15T00:00:00Z, sha256:{digest}"
        )));
        assert!(repository.cached(AFTER).is_err());

        let other = Repository::new(
            consistent,
            Some(keys.replace("npm:signatures", "npm:anything")),
        );
        other.publish(1, &world.trusted_root(), EXPIRES);
        let fetched = other.refresh(BEFORE).expect("refreshed");
        assert!(fetched.root.is_ok());
        assert!(
            fetched
                .keys
                .expect_err("no keys")
                .to_string()
                .contains("keyUsage")
        );
    }
    let without = Repository::open(&world.trusted_root(), EXPIRES)
        .refresh(BEFORE)
        .expect("refreshed")
        .keys;
    assert!(
        without
            .expect_err("no keys")
            .to_string()
            .contains("as a file")
    );
}

#[test]
fn what_was_asked_of_tuf_is_never_replaced_by_what_is_compiled_in() {
    let world = World::new();
    let repository = Repository::new(true, Some(world.npm_keys("2025-01-01T00:00:00Z", None)));
    repository.publish(1, &world.trusted_root(), EXPIRES);
    let anchors = |online: bool, now: &str| {
        let client = Client::new(
            NpmConfig::default(),
            FetchLimits::default(),
            Cache::new(repository.cache.path()),
        )
        .expect("client");
        let mirror = Some((repository.server.url("/"), repository.root()));
        Anchors::embedded(Instance::PublicGood).with_tuf(
            repository.cache.path(),
            mirror,
            online.then_some(client),
            time(now),
        )
    };
    let none = anchors(false, BEFORE);
    assert!(
        none.root()
            .expect_err("nothing cached")
            .to_string()
            .contains("nothing was fetched before")
    );
    assert!(none.keys().is_err());
    let asked = repository.server.authorizations().len();
    let lazy = anchors(true, BEFORE);
    assert_eq!(
        repository.server.authorizations().len(),
        asked,
        "nothing is fetched before it is needed"
    );
    assert!(lazy.root().is_ok() && lazy.keys().is_ok());
    let once = repository.server.authorizations().len();
    assert!(lazy.root().is_ok() && anchors(false, BEFORE).keys().is_ok());
    assert_eq!(
        repository.server.authorizations().len(),
        once,
        "fetched once"
    );
    assert!(anchors(false, AFTER).root().is_err() && anchors(false, AFTER).keys().is_err());
    assert!(
        anchors(true, AFTER).root().is_err(),
        "the repository itself has expired"
    );
}

fn change_all(folder: &Path, change: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        if entry.path().is_dir() {
            change_all(&entry.path(), change)
        } else {
            change(&entry.path())
        }
    }
}
