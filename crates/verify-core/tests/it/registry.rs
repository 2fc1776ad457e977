//! The registry client against an in-process registry: good, slow, truncated, oversized, redirecting and lying answers.

#![allow(clippy::expect_used, reason = "test code")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::fact::{Fact, Fault, Outcome};
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::provenance::{
    Anchors, IdentityPolicy, Instance, NpmKeys, TrustRoot, npm,
};
use openclaw_verify_core::registry::{
    Attestation, Cache, Client, FetchError, FetchLimits, FetchPlan, Fetched, NpmConfig,
    RegistryFacts, Want, fetch_blocking, judge,
};
use serde_json::{Value, json};

use crate::support::mint::{By, Claims, Content, World};
use crate::support::server::{Answer, Server};

const ARCHIVE: &[u8] = b"the archive of @acme/notes 1.2.0";

/// A registry with one package version, its keys and its trust root.
struct Shop {
    server: Server,
    world: World,
    cache: tempfile::TempDir,
}

impl Shop {
    fn open() -> Self {
        let shop = Self {
            server: Server::start(),
            world: World::new(),
            cache: tempfile::tempdir().expect("folder"),
        };
        shop.server
            .set("/@acme%2fnotes", Answer::Good(shop.packument(|_| {})));
        shop.server.set(
            "/@acme/notes/-/notes-1.2.0.tgz",
            Answer::Good(ARCHIVE.to_vec()),
        );
        shop.server.set(
            "/-/npm/v1/attestations/@acme%2fnotes@1.2.0",
            Answer::Good(shop.attestations()),
        );
        shop
    }

    fn packument(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let integrity = Sri::of(ARCHIVE).to_string();
        let mut packument = json!({
            "name": "@acme/notes",
            "versions": { "1.2.0": {
                "name": "@acme/notes",
                "version": "1.2.0",
                "dist": {
                    "integrity": integrity,
                    "tarball": self.server.url("/@acme/notes/-/notes-1.2.0.tgz"),
                    "signatures": [{ "keyid": "SHA256:test", "sig": self.world.npm_signature(&format!("@acme/notes@1.2.0:{integrity}")) }],
                    "attestations": { "url": self.server.url("/-/npm/v1/attestations/@acme%2fnotes@1.2.0") },
                },
            } },
            "time": { "1.2.0": "2026-06-01T12:00:00.000Z" },
        });
        change(&mut packument);
        packument.to_string().into_bytes()
    }

    fn attestations(&self) -> Vec<u8> {
        let statement = |predicate_type: &str, predicate: Value| {
            json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{ "name": "pkg:npm/%40acme/notes@1.2.0", "digest": { "sha512": Sri::of(ARCHIVE).hex() } }],
                "predicateType": predicate_type,
                "predicate": predicate,
            })
            .to_string()
        };
        let publish = statement(
            npm::PUBLISH,
            json!({ "name": "@acme/notes", "version": "1.2.0" }),
        );
        let built = statement(npm::PROVENANCE[0], json!({}));
        let by_npm = By::Key(&self.world.npm, "SHA256:test");
        let claims = Claims::github("acme/notes");
        json!({ "attestations": [
            { "predicateType": npm::PUBLISH, "bundle": self.world.bundle(Content::Statement(&publish), &by_npm) },
            { "predicateType": npm::PROVENANCE[0], "bundle": self.world.bundle(Content::Statement(&built), &By::Certificate(&claims)) },
        ] })
        .to_string()
        .into_bytes()
    }

    fn client_with(&self, more: &str, limits: FetchLimits) -> Client {
        let text = format!("registry={}\n{more}", self.server.url("/"));
        let config = NpmConfig::parse(&text, &|_| None).expect("configuration");
        Client::new(config, limits, Cache::new(self.cache.path())).expect("client")
    }

    fn fetch(&self) -> Fetched {
        self.fetch_with(&self.client_with("", limits()))
    }

    fn fetch_with(&self, client: &Client) -> Fetched {
        fetch_blocking(
            &FetchPlan {
                wants: vec![want()],
            },
            client,
        )
        .expect("a runtime")
    }

    fn anchors(&self) -> Anchors {
        let trust = TrustRoot::from_file(
            Path::new("root.json"),
            &self.world.trusted_root(),
            Instance::PublicGood,
        )
        .expect("root");
        let keys = self.world.npm_keys("2025-01-01T00:00:00Z", None);
        let keys = NpmKeys::from_file(Path::new("keys.json"), &keys).expect("keys");
        Anchors::embedded(Instance::PublicGood)
            .with_root(trust)
            .with_keys(keys)
    }

    fn judge(&self, fetched: &Fetched) -> RegistryFacts {
        let policy = IdentityPolicy {
            repository: Some(pattern("github.com/acme/notes")),
            ..IdentityPolicy::default()
        };
        judge(
            &want(),
            &fetched.packages[0],
            &policy,
            &self.anchors(),
            now(),
        )
    }

    fn facts(&self) -> (&'static str, &'static str, &'static str) {
        self.codes(&self.fetch())
    }

    fn codes(&self, fetched: &Fetched) -> (&'static str, &'static str, &'static str) {
        let facts = self.judge(fetched);
        (
            code(&facts.integrity),
            code(&facts.signatures),
            code(&facts.attestations.package()),
        )
    }
}

fn want() -> Want {
    Want {
        name: "@acme/notes".to_owned(),
        version: "1.2.0".to_owned(),
        integrity: Some(Sri::of(ARCHIVE)),
        archive: true,
        attestations: true,
    }
}

/// Long, so that a busy machine is not taken for a slow registry.
fn limits() -> FetchLimits {
    let mut limits = FetchLimits::default();
    limits.packument = 1 << 20;
    limits.archive = 1 << 20;
    limits.metadata = Duration::from_secs(120);
    limits.download = Duration::from_secs(120);
    limits.backoff = Duration::from_millis(10);
    limits
}

/// Short for archives, which must be the slow answer: whatever else is asked has all the time that it needs.
fn short_for_archives() -> FetchLimits {
    let mut limits = limits();
    limits.download = Duration::from_millis(700);
    limits
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect("a pattern")
}

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().expect("time")
}

fn code<T>(fact: &Fact<T>) -> &'static str {
    match fact {
        Fact::Verified(_) => "verified",
        Fact::Violated { code, .. } => code.map_or("", Fault::as_str),
        Fact::NotEstablished { code, .. } => code.as_str(),
        Fact::NotApplicable => "not-applicable",
    }
}

const PACKUMENT: &str = "/@acme%2fnotes";
const TARBALL: &str = "/@acme/notes/-/notes-1.2.0.tgz";
const ATTESTATIONS: &str = "/-/npm/v1/attestations/@acme%2fnotes@1.2.0";

fn error(fetched: &Fetched) -> FetchError {
    fetched.packages[0].clone().expect_err("an error")
}

fn archive_error(fetched: &Fetched) -> FetchError {
    fetched.packages[0]
        .as_ref()
        .expect("a packument")
        .archive
        .clone()
        .expect("asked for")
        .expect_err("an error")
}

#[test]
fn a_good_registry_and_then_the_cache() {
    let shop = Shop::open();
    let fetched = shop.fetch();
    let facts = shop.judge(&fetched);
    assert_eq!(facts.integrity, Fact::Verified(Sri::of(ARCHIVE)));
    assert_eq!(facts.signatures.outcome(), Outcome::Verified);
    assert_eq!(
        facts
            .attestations
            .package()
            .verified()
            .and_then(|i| i.repository()),
        Some("github.com/acme/notes")
    );
    assert_eq!(
        facts.published.map(|t| t.to_string()).as_deref(),
        Some("2026-06-01T12:00:00Z")
    );
    let package = fetched.packages[0].as_ref().expect("fetched");
    let archive = package.archive.clone().expect("asked").expect("archive");
    assert_eq!(std::fs::read(&archive.path).expect("file"), ARCHIVE);

    let cache = Cache::new(shop.cache.path());
    cache.keep_verified(&want(), package, &facts).expect("kept");
    shop.server.forget();
    assert_eq!(shop.facts(), ("verified", "verified", "verified"));
    // What is said is asked for again, and only bytes of a known digest are not.
    assert_eq!(
        (
            shop.server.seen(PACKUMENT),
            shop.server.seen(TARBALL),
            shop.server.seen(ATTESTATIONS)
        ),
        (1, 0, 1)
    );

    // Without a network: what is signed, and what is known by its digest.
    shop.server.forget();
    let plan = FetchPlan {
        wants: vec![want()],
    };
    let facts = shop.judge(&cache.fetch(&plan));
    assert_eq!(
        (code(&facts.integrity), code(&facts.signatures)),
        ("verified", "verified")
    );
    assert_eq!(facts.published, None, "the time is not signed");
    assert_eq!(code(&facts.attestations.package()), "verified");
    let unknown = FetchPlan {
        wants: vec![Want {
            integrity: None,
            ..want()
        }],
    };
    assert_eq!(error(&cache.fetch(&unknown)), FetchError::Offline);
    assert!(shop.server.authorizations().is_empty(), "no request at all");

    // A changed cache is noticed.
    std::fs::write(&archive.path, b"evil").expect("write");
    assert_eq!(code(&shop.judge(&cache.fetch(&plan)).integrity), "offline");
    assert_eq!(shop.facts(), ("verified", "verified", "verified"));
}

#[test]
fn a_registry_that_offers_nothing() {
    let shop = Shop::open();
    shop.server.set(
        PACKUMENT,
        Answer::Good(shop.packument(|p| {
            let dist = p["versions"]["1.2.0"]["dist"]
                .as_object_mut()
                .expect("dist");
            dist.insert("signatures".to_owned(), json!([]));
            dist.remove("attestations");
        })),
    );
    assert_eq!(
        shop.facts(),
        ("verified", "not-applicable", "not-applicable")
    );
    // A mirror that leaves signatures out says nothing of them.
    shop.server.set(
        PACKUMENT,
        Answer::Good(shop.packument(|p| {
            let dist = p["versions"]["1.2.0"]["dist"]
                .as_object_mut()
                .expect("dist");
            dist.remove("signatures");
            dist.remove("attestations");
        })),
    );
    assert_eq!(
        shop.facts(),
        ("verified", "not-applicable", "no-signatures")
    );
    shop.server.set(PACKUMENT, Answer::Status(404));
    assert_eq!(
        shop.facts(),
        ("not-in-registry", "not-in-registry", "not-in-registry")
    );
    assert_eq!(error(&shop.fetch()), FetchError::NotFound);
    shop.server.set(
        PACKUMENT,
        Answer::Good(shop.packument(|p| p["versions"] = json!({}))),
    );
    assert_eq!(error(&shop.fetch()), FetchError::NotFound);
    let nowhere = Client::new(
        NpmConfig::default(),
        limits(),
        Cache::new(shop.cache.path()),
    )
    .expect("client");
    let fetched = shop.fetch_with(&nowhere);
    assert_eq!(error(&fetched), FetchError::NoRegistry);
    assert_eq!(
        code(&shop.judge(&fetched).attestations.package()),
        "no-registry"
    );
}

#[test]
fn a_registry_that_lies() {
    let shop = Shop::open();
    let other = Sri::of(b"other").to_string();
    // Another archive than the one that is recorded, with or without metadata to match.
    shop.server.set(TARBALL, Answer::Good(b"evil".to_vec()));
    assert_eq!(shop.facts(), ("artifact", "verified", "verified"));
    shop.server.set(TARBALL, Answer::Good(ARCHIVE.to_vec()));
    shop.server.set(
        PACKUMENT,
        Answer::Good(
            shop.packument(|p| p["versions"]["1.2.0"]["dist"]["integrity"] = json!(other)),
        ),
    );
    assert_eq!(shop.facts().0, "artifact");
    shop.server.set(
        PACKUMENT,
        Answer::Good(shop.packument(|p| {
            p["versions"]["1.2.0"]["dist"]["integrity"] = json!("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
        })),
    );
    assert_eq!(shop.facts().0, "artifact");
    // Another package, another version, two of a name, no JSON.
    for change in [
        (|p: &mut Value| p["name"] = json!("@acme/other")) as fn(&mut Value),
        |p| p["versions"]["1.2.0"]["version"] = json!("1.1.0"),
        |p| p["versions"]["1.2.0"]["name"] = json!("@acme/other"),
        |p| p["versions"]["1.2.0"]["dist"]["signatures"] = json!("none"),
    ] {
        shop.server
            .set(PACKUMENT, Answer::Good(shop.packument(change)));
        assert!(matches!(error(&shop.fetch()), FetchError::Malformed(_)));
        assert_eq!(shop.facts(), ("bad-answer", "bad-answer", "bad-answer"));
    }
    shop.server
        .set(PACKUMENT, Answer::Good(b"<html>hello</html>".to_vec()));
    assert!(matches!(error(&shop.fetch()), FetchError::Malformed(_)));
    // Forged signatures and attestations.
    shop.server.set(
        PACKUMENT,
        Answer::Good(shop.packument(|p| {
            p["versions"]["1.2.0"]["dist"]["signatures"][0]["sig"] =
                json!(World::new().npm_signature("x"));
        })),
    );
    assert_eq!(shop.facts(), ("verified", "signature", "verified"));
    shop.server
        .set(PACKUMENT, Answer::Good(shop.packument(|_| {})));
    let mut forged: Value = serde_json::from_slice(&shop.attestations()).expect("json");
    forged["attestations"][1] = serde_json::from_slice::<Value>(&Shop::open().attestations())
        .expect("json")["attestations"][1]
        .clone();
    shop.server
        .set(ATTESTATIONS, Answer::Good(forged.to_string().into_bytes()));
    assert_eq!(shop.facts(), ("verified", "verified", "log"));
    shop.server
        .set(ATTESTATIONS, Answer::Good(b"<html>".to_vec()));
    assert_eq!(shop.facts().2, "bundle");
    // It says that there are attestations, and has none.
    shop.server.set(ATTESTATIONS, Answer::Status(404));
    assert_eq!(shop.facts(), ("verified", "verified", "not-in-registry"));
    // None of the wrong answers was kept.
    shop.server
        .set(ATTESTATIONS, Answer::Good(shop.attestations()));
    assert_eq!(shop.facts(), ("verified", "verified", "verified"));
}

#[test]
fn slow_truncated_and_oversized() {
    let shop = Shop::open();
    shop.server
        .set(TARBALL, Answer::Truncated(ARCHIVE.to_vec()));
    assert!(matches!(
        archive_error(&shop.fetch()),
        FetchError::Network(_)
    ));
    assert_eq!(shop.server.seen(TARBALL), 3, "it was tried again");
    shop.server.set(TARBALL, Answer::Slow(vec![b'x'; 10_000]));
    let short = shop.client_with("", short_for_archives());
    assert_eq!(
        archive_error(&shop.fetch_with(&short)),
        FetchError::TimedOut
    );
    shop.server.forget();
    shop.server.set(TARBALL, Answer::Claims(1 << 40));
    assert_eq!(archive_error(&shop.fetch()), FetchError::TooLarge(1 << 20));
    shop.server.set(TARBALL, Answer::Endless);
    assert_eq!(archive_error(&shop.fetch()), FetchError::TooLarge(1 << 20));
    assert_eq!(shop.server.seen(TARBALL), 2, "too large is not tried again");
    shop.server.set(PACKUMENT, Answer::Endless);
    assert_eq!(error(&shop.fetch()), FetchError::TooLarge(1 << 20));
    shop.server
        .set(PACKUMENT, Answer::Truncated(shop.packument(|_| {})));
    assert!(matches!(error(&shop.fetch()), FetchError::Network(_)));
    shop.server
        .set(PACKUMENT, Answer::Flaky(2, shop.packument(|_| {})));
    shop.server.set(TARBALL, Answer::Flaky(1, ARCHIVE.to_vec()));
    assert_eq!(shop.facts(), ("verified", "verified", "verified"));
    shop.server.set(PACKUMENT, Answer::Status(503));
    assert_eq!(error(&shop.fetch()), FetchError::Status(503));
    shop.server.set(PACKUMENT, Answer::Status(401));
    assert_eq!(error(&shop.fetch()), FetchError::Refused(401));
    let left = std::fs::read_dir(shop.cache.path().join("archives"))
        .expect("folder")
        .count();
    assert_eq!(left, 1, "broken downloads leave nothing behind");
}

#[test]
fn redirects_keep_to_hosts_and_credentials_to_theirs() {
    let shop = Shop::open();
    let other = Server::start();
    other.set("/elsewhere.tgz", Answer::Good(ARCHIVE.to_vec()));
    let token = format!(
        "//{}/:_authToken=TOKEN\n//{}/:_authToken=OTHER\n",
        shop.server.address, other.address
    );
    let client = shop.client_with(&token, limits());

    shop.server
        .set(TARBALL, Answer::Redirect(other.url("/elsewhere.tgz")));
    let refused = archive_error(&shop.fetch_with(&client));
    assert!(matches!(&refused, FetchError::Redirected(_)), "{refused:?}");
    assert!(!refused.to_string().contains("TOKEN"));
    assert_eq!(other.authorizations().len(), 0, "not even asked");
    assert!(
        shop.server
            .authorizations()
            .iter()
            .all(|auth| auth.as_deref() == Some("Bearer TOKEN"))
    );

    let mut allowed = limits();
    allowed.hosts.push(other.address.clone());
    let fetched = shop.fetch_with(&shop.client_with(&token, allowed));
    assert_eq!(code(&shop.judge(&fetched).integrity), "verified");
    assert_eq!(
        other.authorizations(),
        [None],
        "without the credentials of either"
    );

    // Within the host, round in circles, and to a file.
    std::fs::remove_dir_all(shop.cache.path().join("archives")).expect("emptied");
    shop.server
        .set(TARBALL, Answer::Redirect("/moved.tgz".to_owned()));
    shop.server
        .set("/moved.tgz", Answer::Good(ARCHIVE.to_vec()));
    assert_eq!(
        code(&shop.judge(&shop.fetch_with(&client)).integrity),
        "verified"
    );
    std::fs::remove_dir_all(shop.cache.path().join("archives")).expect("emptied");
    shop.server
        .set("/moved.tgz", Answer::Redirect(TARBALL.to_owned()));
    assert!(matches!(
        archive_error(&shop.fetch_with(&client)),
        FetchError::Redirected(_)
    ));
    shop.server
        .set(TARBALL, Answer::Redirect("file:///etc/passwd".to_owned()));
    assert!(matches!(
        archive_error(&shop.fetch_with(&client)),
        FetchError::Redirected(_)
    ));

    // An archive on another host is looked for here, by its path.
    shop.server.set(TARBALL, Answer::Good(ARCHIVE.to_vec()));
    let elsewhere = format!("http://registry.example{TARBALL}");
    shop.server.set(
        PACKUMENT,
        Answer::Good(
            shop.packument(|p| p["versions"]["1.2.0"]["dist"]["tarball"] = json!(elsewhere)),
        ),
    );
    assert_eq!(
        code(&shop.judge(&shop.fetch_with(&client)).integrity),
        "verified"
    );
}

#[test]
fn a_hostile_name_is_never_asked_for() {
    let shop = Shop::open();
    let names = [
        "../../etc/passwd",
        "@acme/../x",
        "a?b",
        "",
        "a b",
        "//evil.example/x",
    ];
    let wants = names
        .iter()
        .map(|name| Want {
            name: (*name).to_owned(),
            ..want()
        })
        .collect();
    let fetched =
        fetch_blocking(&FetchPlan { wants }, &shop.client_with("", limits())).expect("runtime");
    assert!(
        fetched
            .packages
            .iter()
            .all(|p| matches!(p, Err(FetchError::Malformed(_))))
    );
    assert!(shop.server.authorizations().is_empty());
}

#[test]
fn several_at_once_and_inside_an_async_program() {
    let shop = Shop::open();
    let names: Vec<String> = (0..6).map(|n| format!("p{n}")).collect();
    for name in &names {
        let body = json!({ "name": name, "versions": { "1.0.0": { "name": name, "version": "1.0.0", "dist": { "signatures": [] } } } });
        shop.server.set(
            &format!("/{name}"),
            Answer::Together(names.len(), body.to_string().into_bytes()),
        );
    }
    let of = |name: &String| Want {
        name: name.clone(),
        version: "1.0.0".to_owned(),
        integrity: None,
        archive: false,
        attestations: true,
    };
    let plan = FetchPlan {
        wants: names.iter().map(of).collect(),
    };
    let client = shop.client_with("", limits());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        // Each is answered when all have been asked for.
        let fetched = client.fetch(&plan).await;
        assert!(fetched.packages.iter().all(|p| {
            p.as_ref()
                .is_ok_and(|p| p.attestations == Attestation::None)
        }));
        // A blocking caller on a thread of an async runtime.
        let fetched = fetch_blocking(&plan, &client).expect("runtime");
        assert!(fetched.packages.iter().all(Result::is_ok));
    });
}

#[test]
fn proxies_and_authorities_are_the_callers() {
    let shop = Shop::open();
    let far = |path: &str| format!("http://registry.example{path}");
    let packument = String::from_utf8(shop.packument(|_| {}))
        .expect("text")
        .replace(&shop.server.url(""), &far(""));
    // A proxy is asked for whole addresses.
    shop.server
        .set(&far(PACKUMENT), Answer::Good(packument.into_bytes()));
    shop.server
        .set(&far(TARBALL), Answer::Good(ARCHIVE.to_vec()));
    shop.server
        .set(&far(ATTESTATIONS), Answer::Good(shop.attestations()));
    let env = |name: &str| match name {
        "npm_config_registry" => Some(far("/")),
        "HTTP_PROXY" => Some(shop.server.url("/")),
        _ => None,
    };
    let config = NpmConfig::from_environment(&env).expect("environment");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let report = Arc::clone(&seen);
    let progress = move |p: openclaw_verify_core::registry::FetchProgress| {
        report
            .lock()
            .expect("list")
            .push((p.package, p.bytes, p.done))
    };
    let client = Client::with_progress(
        config.clone(),
        limits(),
        Cache::new(shop.cache.path()),
        progress,
    )
    .expect("client");
    let fetched = shop.fetch_with(&client);
    assert_eq!(code(&shop.judge(&fetched).integrity), "verified");
    assert_eq!(shop.server.seen(&far(TARBALL)), 1);
    let last = ("@acme/notes@1.2.0".to_owned(), ARCHIVE.len() as u64, true);
    assert_eq!(seen.lock().expect("list").last(), Some(&last));

    let mut bad = config.clone();
    bad.cafile = Some(shop.cache.path().join("none.pem"));
    assert!(Client::new(bad.clone(), limits(), Cache::new(shop.cache.path())).is_err());
    std::fs::write(shop.cache.path().join("none.pem"), "no certificate").expect("write");
    assert!(Client::new(bad, limits(), Cache::new(shop.cache.path())).is_err());
    let mut bad = config;
    bad.http_proxy = Some("://".to_owned());
    assert!(Client::new(bad, limits(), Cache::new(shop.cache.path())).is_err());
}

/// The head of an answer that states these headers.
fn raw(headers: &str, body: &[u8]) -> Answer {
    Answer::Raw(
        [
            format!("HTTP/1.1 200 OK\r\n{headers}connection: close\r\n\r\n").as_bytes(),
            body,
        ]
        .concat(),
    )
}

#[test]
fn each_bad_answer_is_reported_as_what_it_is() {
    let shop = Shop::open();
    let good = shop.packument(|_| {});
    let length = |by: i64| format!("content-length: {}\r\n", good.len() as i64 + by);
    let zeros = {
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&vec![b' '; 64 << 20]).expect("packed");
        packed.finish().expect("packed")
    };
    let other = Server::start();
    let many_hops = (0..9).map(|n| {
        (
            format!("/hop{n}"),
            Answer::Redirect(format!("/hop{}", n + 1)),
        )
    });
    many_hops.for_each(|(path, answer)| shop.server.set(&path, answer));
    let cases = [
        (Answer::Status(404), "not-in-registry"),
        (Answer::Status(410), "not-in-registry"),
        (Answer::Status(401), "bad-answer"),
        (Answer::Status(403), "bad-answer"),
        (Answer::Status(407), "bad-answer"),
        (Answer::Status(500), "bad-answer"),
        (Answer::Status(204), "bad-answer"),
        (
            Answer::Good(b"<html>please log in</html>".to_vec()),
            "bad-answer",
        ),
        (Answer::Good(Vec::new()), "bad-answer"),
        (Answer::Good(b"{}".to_vec()), "bad-answer"),
        (Answer::Good(b"[]".to_vec()), "bad-answer"),
        (Answer::Good(b"null".to_vec()), "bad-answer"),
        (
            Answer::Good(br#"{"name":"@acme/notes"}"#.to_vec()),
            "not-in-registry",
        ),
        (Answer::Good(vec![b'['; 100_000]), "bad-answer"),
        (
            Answer::Good([br#"{"name":"#.as_slice(), &vec![b'['; 100_000]].concat()),
            "bad-answer",
        ),
        // More was promised than comes; less was promised than comes, so that the document is cut off.
        (raw(&length(10), &good), "offline"),
        (raw(&length(-10), &good), "bad-answer"),
        (raw("content-length: -1\r\n", &good), "offline"),
        // Within the bounds, and only gzip.
        (
            raw(
                &format!(
                    "content-encoding: gzip\r\ncontent-length: {}\r\n",
                    zeros.len()
                ),
                &zeros,
            ),
            "bad-answer",
        ),
        // One byte a while, in the head and in the body.
        (
            Answer::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec()),
            "offline",
        ),
        (Answer::Slow(good.clone()), "offline"),
        (
            Answer::Raw(b"\x00\x01\x02 no http at all\r\n\r\n".to_vec()),
            "offline",
        ),
        (Answer::Claims(100 << 20), "bad-answer"),
        (Answer::Endless, "bad-answer"),
        (Answer::Redirect(PACKUMENT.to_owned()), "bad-answer"),
        (Answer::Redirect("/hop0".to_owned()), "bad-answer"),
        (Answer::Redirect(other.url("/x")), "bad-answer"),
        (
            Answer::Redirect("http://169.254.169.254/latest/".to_owned()),
            "bad-answer",
        ),
    ];
    for (answer, expected) in cases {
        shop.server.set(PACKUMENT, answer.clone());
        let mut limits = limits();
        if matches!(answer, Answer::Drip(_) | Answer::Slow(_)) {
            limits.metadata = Duration::from_millis(700);
        }
        let fetched = shop.fetch_with(&shop.client_with("", limits));
        assert_eq!(
            shop.codes(&fetched),
            (expected, expected, expected),
            "{}",
            error(&fetched)
        );
    }
    assert!(
        other.authorizations().is_empty(),
        "no request was sent elsewhere"
    );

    // The same for the other two questions: the rest is still known.
    shop.server.set(PACKUMENT, Answer::Good(good.clone()));
    for (answer, expected) in [
        (Answer::Status(404), "not-in-registry"),
        (Answer::Status(401), "bad-answer"),
        (Answer::Status(500), "bad-answer"),
        (Answer::Endless, "bad-answer"),
        (Answer::Truncated(ARCHIVE.to_vec()), "offline"),
        (Answer::Good(b"<html>".to_vec()), "artifact"),
        (Answer::Good(Vec::new()), "artifact"),
    ] {
        shop.server.set(TARBALL, answer);
        assert_eq!(shop.facts(), (expected, "verified", "verified"));
    }
    shop.server.set(TARBALL, Answer::Good(ARCHIVE.to_vec()));
    for (answer, expected) in [
        (Answer::Status(404), "not-in-registry"),
        (Answer::Status(500), "bad-answer"),
        (Answer::Endless, "bad-answer"),
        (Answer::Good(Vec::new()), "bundle"),
        (Answer::Good(b"{}".to_vec()), "bundle"),
        (
            Answer::Good(br#"{"attestations":[]}"#.to_vec()),
            "not-applicable",
        ),
        (Answer::Good(br#"{"attestations":{}}"#.to_vec()), "bundle"),
    ] {
        shop.server.set(ATTESTATIONS, answer);
        assert_eq!(shop.facts(), ("verified", "verified", expected));
    }
}

#[test]
fn a_compressed_answer_is_undone_within_the_bounds() {
    let shop = Shop::open();
    let good = shop.packument(|_| {});
    let packed = |bytes: &[u8]| {
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(bytes).expect("packed");
        packed.finish().expect("packed")
    };
    let answer = |encoding: &str, body: &[u8]| {
        raw(
            &format!("{encoding}content-length: {}\r\n", body.len()),
            body,
        )
    };
    let gzip = "content-encoding: gzip\r\n";
    let whole = packed(&good);
    let (first, second) = good.split_at(good.len() / 2);
    let members = [packed(first), packed(second)].concat();
    let archive = packed(ARCHIVE);
    for (encoding, body) in [
        (gzip, &whole),
        ("Content-Encoding: GZIP\r\n", &whole),
        ("content-encoding: x-gzip\r\n", &whole),
        ("content-encoding: identity\r\n", &good),
        (gzip, &members),
    ] {
        shop.server.set(PACKUMENT, answer(encoding, body));
        assert_eq!(
            shop.facts(),
            ("verified", "verified", "verified"),
            "{encoding}"
        );
    }
    // Cut off, followed by something, damaged, not compressed at all, in another way, twice, and more than is accepted.
    let mut damaged = whole.clone();
    let at = damaged.len() - 6;
    damaged[at] ^= 1;
    let too_large = packed(&vec![b' '; (1 << 20) + 1]);
    for (encoding, body) in [
        (gzip, whole[..whole.len() - 1].to_vec()),
        (gzip, whole[..whole.len() / 2].to_vec()),
        (gzip, [whole.as_slice(), b"evil"].concat()),
        (gzip, damaged),
        (gzip, good.clone()),
        (gzip, Vec::new()),
        (gzip, too_large),
        ("content-encoding: br\r\n", whole.clone()),
        ("content-encoding: gzip, gzip\r\n", packed(&whole)),
        (
            "content-encoding: gzip\r\ncontent-encoding: gzip\r\n",
            packed(&whole),
        ),
        ("", whole.clone()),
    ] {
        shop.server.set(PACKUMENT, answer(encoding, &body));
        assert_eq!(
            shop.codes(&shop.fetch()),
            ("bad-answer", "bad-answer", "bad-answer"),
            "{encoding} {} bytes",
            body.len()
        );
    }
    // An archive is what it is after that; what was kept before is not asked for again.
    let shop = Shop::open();
    let good = shop.packument(|_| {});
    shop.server.set(PACKUMENT, Answer::Good(good));
    shop.server.set(TARBALL, answer(gzip, ARCHIVE));
    assert_eq!(shop.facts().0, "bad-answer");
    shop.server.set(TARBALL, answer(gzip, &archive));
    assert_eq!(shop.facts(), ("verified", "verified", "verified"));
}

#[test]
fn an_archive_without_a_stated_digest_is_no_published_one() {
    let shop = Shop::open();
    let unrecorded = Want {
        integrity: None,
        ..want()
    };
    let integrity_of = |want: &Want, stated: Option<String>| {
        let body = shop.packument(|p| match stated {
            Some(text) => p["versions"]["1.2.0"]["dist"]["integrity"] = json!(text),
            None => drop(
                p["versions"]["1.2.0"]["dist"]
                    .as_object_mut()
                    .expect("dist")
                    .remove("integrity"),
            ),
        });
        shop.server.set(PACKUMENT, Answer::Good(body));
        let fetched = fetch_blocking(
            &FetchPlan {
                wants: vec![want.clone()],
            },
            &shop.client_with("", limits()),
        )
        .expect("a runtime");
        let anchors = shop.anchors();
        code(
            &judge(
                want,
                &fetched.packages[0],
                &IdentityPolicy::default(),
                &anchors,
                now(),
            )
            .integrity,
        )
    };
    let (own, other) = (Sri::of(ARCHIVE), Sri::of(b"other"));
    let sha1 = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=".to_owned();
    assert_eq!(integrity_of(&unrecorded, Some(own.to_string())), "verified");
    assert_eq!(
        integrity_of(&unrecorded, None),
        "bad-answer",
        "its digest is equal to itself"
    );
    assert_eq!(integrity_of(&unrecorded, Some(sha1.clone())), "bad-answer");
    assert_eq!(
        integrity_of(&unrecorded, Some(format!("{sha1} {own}"))),
        "verified"
    );
    for several in [
        format!("{own} {other}"),
        format!("{other} {own}"),
        format!("{own} {own}"),
    ] {
        assert_eq!(
            integrity_of(&unrecorded, Some(several)),
            "artifact",
            "npm would take either"
        );
    }
    assert_eq!(
        integrity_of(&want(), None),
        "verified",
        "it is the recorded one"
    );
    assert_eq!(integrity_of(&want(), Some(sha1)), "artifact");
}

#[test]
fn a_trickle_is_no_answer() {
    let shop = Shop::open();
    shop.server.set(TARBALL, Answer::Slow(vec![b'x'; 10_000]));
    let mut limits = limits();
    limits.download = Duration::from_secs(600);
    limits.idle = Duration::from_millis(500);
    limits.attempts = 1;
    let client = shop.client_with("", limits);
    assert_eq!(
        archive_error(&shop.fetch_with(&client)),
        FetchError::TimedOut
    );
}

#[test]
fn a_packument_larger_than_accepted_is_not_read() {
    let shop = Shop::open();
    let huge = |size: usize| shop.packument(|p| p["readme"] = json!("x".repeat(size)));
    let client = shop.client_with("", FetchLimits::default());
    shop.server.set(PACKUMENT, Answer::Good(huge(100 << 20)));
    assert_eq!(
        error(&shop.fetch_with(&client)),
        FetchError::TooLarge(64 << 20)
    );
    shop.server.set(PACKUMENT, Answer::Good(huge(50 << 20)));
    assert_eq!(
        code(&shop.judge(&shop.fetch_with(&client)).integrity),
        "verified"
    );
}

#[test]
fn a_silent_registry_is_not_asked_for_ever() {
    let shop = Shop::open();
    let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    names.iter().for_each(|name| {
        shop.server
            .set(&format!("/{name}"), Answer::Truncated(vec![b' '; 100]))
    });
    let wants = names.iter().map(|name| Want {
        name: name.clone(),
        version: "1.0.0".to_owned(),
        integrity: None,
        ..want()
    });
    let mut limits = limits();
    limits.parallel = 2;
    limits.attempts = 2;
    let client = shop.client_with("", limits);
    let plan = FetchPlan {
        wants: wants.collect(),
    };
    let fetched = fetch_blocking(&plan, &client).expect("a runtime");
    assert!(
        fetched
            .packages
            .iter()
            .all(|p| matches!(p, Err(FetchError::Network(_)))),
        "each is reported"
    );
    let asked = shop.server.authorizations().len();
    assert!(
        (10..=14).contains(&asked),
        "{asked} requests for 40 packages"
    );
    // The next run asks again.
    shop.server.forget();
    fetch_blocking(&plan, &client).expect("a runtime");
    assert!((10..=14).contains(&shop.server.authorizations().len()));
}

#[test]
fn a_poisoned_cache_is_refused() {
    let shop = Shop::open();
    let fetched = shop.fetch();
    let package = fetched.packages[0].as_ref().expect("fetched");
    let cache = Cache::new(shop.cache.path());
    cache
        .keep_verified(&want(), package, &shop.judge(&fetched))
        .expect("kept");
    let only = |kind: &str| {
        let mut files = std::fs::read_dir(shop.cache.path().join(kind))
            .expect(kind)
            .flatten();
        let file = files.next().expect("a file").path();
        assert!(files.next().is_none());
        file
    };
    let offline = || {
        let facts = shop.judge(&cache.fetch(&FetchPlan {
            wants: vec![want()],
        }));
        (
            code(&facts.integrity),
            code(&facts.signatures),
            code(&facts.attestations.package()),
        )
    };
    assert_eq!(offline(), ("verified", "verified", "verified"));
    // Genuine attestations by another identity, and none at all.
    for poison in [
        Shop::open().attestations(),
        b"{\"attestations\":[]}".to_vec(),
        b"<html>".to_vec(),
        Vec::new(),
    ] {
        std::fs::write(only("attestations"), poison).expect("write");
        let (_, _, attestations) = offline();
        assert!(
            matches!(attestations, "offline" | "not-applicable"),
            "{attestations}"
        );
        assert_eq!(
            shop.facts(),
            ("verified", "verified", "verified"),
            "the registry is asked"
        );
    }
    for poison in [
        &br#"{"signatures":[["SHA256:test","AAAA"]],"published":null}"#[..],
        b"{}",
        b"",
        b"[[[",
    ] {
        std::fs::write(only("signatures"), poison).expect("write");
        assert_eq!(offline().1, "offline");
    }
    // Another file in the place of the archive, a link to one, a folder, and a download that was cut off.
    let archive = only("archives");
    std::fs::write(shop.cache.path().join("elsewhere"), ARCHIVE).expect("write");
    for script in [
        "printf evil > \"$1\"",
        "rm \"$1\"; ln -s ../elsewhere \"$1\"",
        "rm \"$1\"; mkdir \"$1\"",
        "rm -r \"$1\"; mkfifo \"$1\"",
    ] {
        let status = std::process::Command::new("sh")
            .args(["-ec", script, "sh"])
            .arg(&archive)
            .status()
            .expect("sh");
        assert!(status.success());
        assert_eq!(offline().0, "offline", "{script}");
    }
}

#[test]
fn processes_share_a_cache_and_one_that_is_killed_leaves_no_half_file() {
    let shop = Shop::open();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| shop.facts())).collect();
        for facts in all {
            assert_eq!(
                facts.join().expect("thread"),
                ("verified", "verified", "verified")
            );
        }
    });
    let files = || {
        std::fs::read_dir(shop.cache.path().join("archives"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|f| f.path())
    };
    assert_eq!(files().count(), 1);
    // Dropped in the middle of a download, as a killed process would be, but for its temporary file.
    std::fs::remove_dir_all(shop.cache.path().join("archives")).expect("emptied");
    shop.server.set(TARBALL, Answer::Slow(ARCHIVE.to_vec()));
    let client = shop.client_with("", limits());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let plan = FetchPlan {
        wants: vec![want()],
    };
    // The point of the cut: the download has a file, and the server has most of the archive still to send.
    let has_a_file = async {
        while files().next().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            _ = client.fetch(&plan) => panic!("it was not cut off"),
            () = has_a_file => (),
        }
    });
    drop(runtime);
    assert!(
        files().all(|file| !file.to_string_lossy().ends_with(".tgz")),
        "nothing that could be taken for an archive"
    );
    shop.server.set(TARBALL, Answer::Good(ARCHIVE.to_vec()));
    assert_eq!(shop.facts(), ("verified", "verified", "verified"));
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    use openclaw_verify_core::registry::{Download, Downloaded, block_on};

    let shop = Shop::open();
    let mut once = limits();
    once.attempts = 1;
    let client = shop.client_with("", once);
    let folder = shop.cache.path().join("download");
    let to = Download::new(&folder, "all.zip");
    let url = shop.server.url("/all.zip");
    let fetch = |limit| block_on(client.download(&url, &to, limit)).expect("a runtime");
    let tagged = |tag: &str, body: &[u8], cut| {
        let answer = Answer::Tagged {
            tag: format!("\"{tag}\""),
            body: body.to_vec(),
            cut,
        };
        shop.server.set("/all.zip", answer);
    };
    let here = || std::fs::read(to.file()).expect("file");
    let (one, two) = (vec![b'1'; 1000], vec![b'2'; 700]);
    tagged("one", &one, true);
    assert!(matches!(fetch(1 << 20), Err(FetchError::Network(_))));
    assert_eq!(here(), one[..500]);
    assert!(fetch(1 << 20).is_err());
    tagged("one", &one, false);
    assert_eq!(fetch(1 << 20), Ok(Downloaded::Resumed(750)));
    assert_eq!(here(), one);
    assert_eq!(shop.server.ranges(), ["bytes=500-", "bytes=750-"]);
    assert_eq!(fetch(1 << 20), Ok(Downloaded::Unchanged));
    // Another file is fetched whole, also where a part of the old one is here.
    tagged("two", &two, false);
    assert_eq!(fetch(1 << 20), Ok(Downloaded::Fetched));
    assert_eq!(here(), two);
    tagged("three", &one, true);
    assert!(fetch(1 << 20).is_err());
    tagged("four", &two, false);
    assert_eq!(fetch(1 << 20), Ok(Downloaded::Fetched));
    assert_eq!(here(), two);
    // The bound holds for all of it, also over several runs, and what is too large is not kept.
    tagged("five", &one, true);
    assert!(fetch(1 << 20).is_err());
    tagged("five", &one, false);
    assert_eq!(fetch(999), Err(FetchError::TooLarge(999)));
    assert_eq!(here(), b"");
    // What lies there is nothing that could lead elsewhere, and belongs to one run at a time.
    std::fs::remove_file(to.file()).expect("file");
    std::fs::write(folder.join("elsewhere"), "kept").expect("file");
    std::os::unix::fs::symlink("elsewhere", to.file()).expect("link");
    assert!(matches!(fetch(1 << 20), Err(FetchError::Cache(_))));
    assert_eq!(
        std::fs::read(folder.join("elsewhere")).expect("file"),
        b"kept"
    );
    std::fs::remove_file(to.file()).expect("link");
    let held = std::fs::File::create(to.file()).expect("file");
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("lock");
    assert!(matches!(fetch(1 << 20), Err(FetchError::Cache(_))));
    drop(held);
    // A note that is damaged or about another address is none.
    for note in [
        "",
        "[",
        r#"{"url":"https://example.org/","validator":null,"complete":true}"#,
    ] {
        std::fs::write(folder.join("download.json"), note).expect("note");
        assert_eq!(fetch(1 << 20), Ok(Downloaded::Fetched), "{note}");
        assert_eq!(here(), one);
    }
    to.forget();
    assert!(!to.file().exists());
}
