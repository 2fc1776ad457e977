//! `advisories fetch` against a server of this process.

use std::fs;

use openclaw_verify_core::digest::Sha256Digest;
use serde_json::{Value, json};

use super::{all_versions, record};
use crate::server::{Answer, Server};
use crate::support::{Installation, Run};

/// A zip of these records, not compressed.
fn zipped(records: &[Value]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (at, record) in records.iter().enumerate() {
        let (name, text) = (format!("{at}.json"), record.to_string());
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let place = u32::try_from(body.len()).expect("small");
        let size = u32::try_from(text.len()).expect("small");
        let length = u16::try_from(name.len()).expect("small");
        let mut common: Vec<u8> = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [crc.sum(), size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(length.to_le_bytes());
        common.extend([0, 0]);
        body.extend(b"PK\x03\x04");
        body.extend(&common);
        body.extend(name.as_bytes());
        body.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(records.len()).expect("small").to_le_bytes();
    let sizes =
        [directory.len(), body.len()].map(|size| u32::try_from(size).expect("small").to_le_bytes());
    let end = [
        b"PK\x05\x06\0\0\0\0".as_slice(),
        &count,
        &count,
        &sizes[0],
        &sizes[1],
        &[0, 0],
    ];
    [body, directory, end.concat()].concat()
}

struct Place {
    installation: Installation,
    server: Server,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            installation: Installation::empty(),
            server: Server::start(),
        };
        place.policy("");
        place
    }

    fn policy(&self, more: &str) {
        let source = self.server.url("/npm/all.zip");
        let policy = format!("version = 1\n[advisories]\nsource = \"{source}\"\n{more}\n");
        fs::write(self.installation.policy(), policy).expect("policy");
    }

    fn serves(&self, answer: Answer) -> Run {
        self.server.set("/npm/all.zip", answer);
        self.installation.run(&["advisories", "fetch"])
    }

    fn shown(&self) -> Value {
        let run = self.installation.run(&["advisories", "--format", "json"]);
        assert_eq!(run.code, 0, "{}", run.text());
        serde_json::from_str(&run.stdout).expect("JSON")
    }
}

fn tagged(tag: &str, body: &[u8], cut: bool) -> Answer {
    Answer::Tagged {
        tag: format!("\"{tag}\""),
        body: body.to_vec(),
        cut,
    }
}

fn records(day: &str) -> Vec<u8> {
    let mut one = record("MAL-1", "bad", &all_versions());
    one["modified"] = json!(format!("{day}T00:00:00Z"));
    one["details"] = json!("x".repeat(4096));
    zipped(&[
        one,
        record("MAL-2", "worse", &json!({ "versions": ["1.0.0"] })),
    ])
}

#[test]
fn records_come_from_the_address_in_policy_alone() {
    let place = Place::new();
    fs::write(place.installation.policy(), "version = 1\n").expect("policy");
    let run = place.installation.run(&["advisories", "fetch"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(run.stderr.contains("names no address"), "{}", run.stderr);
    place.policy("");
    let zip = records("2026-11-20");
    let run = place.serves(Answer::Good(zip.clone()));
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout
            .contains("2 records on 2 packages of npm, 2 of them about malware"),
        "{}",
        run.stdout
    );
    let shown = place.shown();
    assert_eq!(
        shown["sources"][0],
        json!({ "name": "all.zip", "digest": Sha256Digest::of(&zip), "files": 2 })
    );
    // An address that carries a secret, leads elsewhere in clear, or is none.
    for source in [
        "http://example.org/all.zip",
        "https://user:pass@example.org/all.zip",
        "ftp://example.org/all.zip",
        "all.zip",
    ] {
        let policy = format!("version = 1\n[advisories]\nsource = \"{source}\"\n");
        fs::write(place.installation.policy(), policy).expect("policy");
        let run = place.installation.run(&["advisories", "fetch"]);
        assert_eq!(run.code, 2, "{source}: {}", run.text());
    }
    assert_eq!(place.server.seen("/npm/all.zip"), 1);
}

#[test]
fn what_broke_off_goes_on_and_what_is_the_same_is_not_fetched_again() {
    let place = Place::new();
    let zip = records("2026-11-20");
    let run = place.serves(tagged("one", &zip, true));
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("the index is as it was"),
        "{}",
        run.stderr
    );
    assert_eq!(place.installation.run(&["advisories"]).code, 3);
    let run = place.serves(tagged("one", &zip, false));
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("fetched the rest of"), "{}", run.stderr);
    let ranges = place.server.ranges();
    assert!(
        ranges.len() > 1 && ranges.iter().all(|range| range != "bytes=0-"),
        "{ranges:?}"
    );
    let digest = place.shown()["sources"][0]["digest"].clone();
    assert_eq!(digest, json!(Sha256Digest::of(&zip)));
    let run = place.serves(tagged("one", b"not asked for", false));
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr.contains("is what was fetched before"),
        "{}",
        run.stderr
    );
    // Another file: whole, and not the rest of the one before.
    let newer = records("2026-11-21");
    assert_eq!(place.serves(tagged("two", &newer, true)).code, 2);
    let newest = records("2026-11-22");
    let run = place.serves(tagged("three", &newest, false));
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(
        place.shown()["sources"][0]["digest"],
        json!(Sha256Digest::of(&newest))
    );
}

#[test]
fn a_server_that_lies_leaves_the_index_as_it_was() {
    let place = Place::new();
    let zip = records("2026-11-20");
    assert_eq!(place.serves(Answer::Good(zip.clone())).code, 0);
    let before = place.shown();
    let part = |range: &str| {
        let head = format!(
            "HTTP/1.1 206 Part\r\netag: \"one\"\r\n{range}content-length: 4\r\nconnection: close\r\n\r\nevil"
        );
        Answer::Raw(head.into_bytes())
    };
    let encoded = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nevil";
    for answer in [
        Answer::Status(404),
        Answer::Status(401),
        Answer::Status(304),
        Answer::Good(b"PK".to_vec()),
        Answer::Good(Vec::new()),
        Answer::Good(zip[..zip.len() - 1].to_vec()),
        Answer::Truncated(zip.clone()),
        Answer::Claims(u64::MAX),
        Answer::Redirect("http://169.254.169.254/all.zip".to_owned()),
        Answer::Raw(encoded.to_vec()),
        // A part that was not asked for, or is not where it was asked for.
        part(""),
        part("content-range: bytes 0-3/4\r\n"),
    ] {
        let run = place.serves(answer);
        assert_eq!(run.code, 2, "{}", run.text());
        assert_eq!(place.shown(), before);
    }
    assert_eq!(place.serves(tagged("one", &zip, true)).code, 2);
    assert_eq!(place.serves(part("content-range: bytes 1-4/5\r\n")).code, 2);
    assert_eq!(place.shown(), before);
    // And what it does next is fetched from the beginning.
    assert_eq!(place.serves(Answer::Good(records("2026-11-21"))).code, 0);
}

#[test]
fn old_records_and_others_than_pinned_are_refused() {
    let place = Place::new();
    let new = records("2026-11-20");
    let old = {
        let mut two = record("MAL-1", "bad", &all_versions());
        two["modified"] = json!("2026-01-01T00:00:00Z");
        zipped(&[two])
    };
    assert_eq!(place.serves(Answer::Good(new.clone())).code, 0);
    let before = place.shown();
    let run = place.serves(Answer::Good(old.clone()));
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("older than those in the index"),
        "{}",
        run.stderr
    );
    assert_eq!(place.shown(), before);
    let index = before["index"]["digest"]
        .as_str()
        .expect("digest")
        .replace("sha256:", "");
    for (pin, code) in [
        (Sha256Digest::of(&new).hex(), 0),
        (index, 0),
        (Sha256Digest::of(&old).hex(), 2),
        ("0".repeat(64), 2),
    ] {
        place.policy(&format!("sha256 = \"{pin}\""));
        let run = place.serves(Answer::Good(new.clone()));
        assert_eq!(run.code, code, "{pin}: {}", run.text());
    }
}
