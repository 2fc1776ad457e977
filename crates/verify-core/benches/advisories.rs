//! 215,000 OSV records, as many as npm had in January 2026: the import has to take less than 15 s and 512 MiB on two idle cores, looking up
//! 300 packages less than 5 ms and 16 MiB. Beside it, in the same run, what others do instead: every record of the zip is read each time.
//!
//!     cargo bench -p openclaw-verify-core --bench advisories -- [FOLDER]
//!
//! FOLDER is one with `node_modules`: its packages are among those that records name, and are looked up. Without one, 300 made-up names.
//! Each part runs in a process of its own, so that its peak memory is its own.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use openclaw_verify_core::advisories::{ImportOptions, Index, import, merge};
use serde_json::{Value, json};

const RECORDS: usize = 215_000;
/// One of so many is about a hole, the others about malware.
const HOLES: usize = 48;
const LOOKED_UP: usize = 300;
const RUNS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["import", folder] => importing(Path::new(folder)),
        ["look-up", folder] => looking_up(Path::new(folder)),
        ["scan", folder] => scanning(Path::new(folder)),
        rest => all(rest.first().map(Path::new)),
    }
}

/// Makes the records, then measures each part in turn.
fn all(installed: Option<&Path>) {
    let folder = tempfile::tempdir().expect("folder");
    let names = installed.map_or_else(made_up, packages);
    std::fs::write(folder.path().join("names"), names.join("\n")).expect("names");
    let (zip, raw) = write_zip(&folder.path().join("all.zip"), &names);
    println!(
        "{RECORDS} records, {raw} bytes, as a zip {zip} bytes; {} packages are looked up",
        names.len()
    );
    // In turn, so that a busy machine slows all of them.
    const PARTS: [&str; 3] = ["import", "look-up", "scan"];
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut said: [String; 3] = Default::default();
    for _ in 0..RUNS {
        for (at, part) in PARTS.into_iter().enumerate() {
            let output = std::process::Command::new(std::env::current_exe().expect("this program"))
                .arg(part)
                .arg(folder.path())
                .output()
                .expect("it runs");
            let text = String::from_utf8(output.stdout).expect("text");
            assert!(output.status.success(), "{text}");
            let (time, rest) = text.trim().split_once(' ').expect("a time");
            times[at].push(Duration::from_nanos(time.parse().expect("a time")));
            said[at] = rest.to_owned();
        }
    }
    for ((part, mut times), said) in PARTS.into_iter().zip(times).zip(said) {
        times.sort();
        let (least, median) = (times[0], times[times.len() / 2]);
        println!("{part:8} median {median:>9.2?}, least {least:>9.2?}, {said}");
    }
}

fn importing(folder: &Path) {
    let options = ImportOptions {
        allow_broken: 0,
        threads: 0,
        now: "2026-11-29T00:00:00Z".parse().expect("time"),
    };
    let start = Instant::now();
    let imported = import(
        &[folder.join("all.zip")],
        &folder.join("advisories.index"),
        &options,
    );
    let imported = imported.expect("an index");
    let size = std::fs::metadata(folder.join("advisories.index"))
        .expect("index")
        .len();
    assert_eq!(imported.meta.records, RECORDS as u64);
    done(start, &format!("index of {size} bytes"));
}

fn looking_up(folder: &Path) {
    let names = std::fs::read_to_string(folder.join("names")).expect("names");
    let names: Vec<&str> = names.lines().collect();
    let start = Instant::now();
    let index = Index::open(&folder.join("advisories.index"));
    let index = index.expect("an index").expect("an index");
    let mut hits = 0;
    for name in &names {
        let entries = index.entries(name).expect("entries");
        let judged: Vec<_> = entries
            .iter()
            .map(|entry| (entry, entry.judge(name, "1.2.3")))
            .collect();
        hits += merge(&judged).len();
    }
    done(start, &format!("{hits} hits"));
}

/// What is done without an index: every record is inflated, read and compared with the names.
fn scanning(folder: &Path) {
    let names = std::fs::read_to_string(folder.join("names")).expect("names");
    let names: BTreeSet<&str> = names.lines().collect();
    let start = Instant::now();
    let bytes = std::fs::read(folder.join("all.zip")).expect("zip");
    let mut rest = bytes.as_slice();
    let mut hits = 0;
    while rest.starts_with(b"PK\x03\x04") {
        let number = |at: usize, length: usize| {
            let bytes = rest.get(at..at + length).expect("header");
            bytes
                .iter()
                .rev()
                .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte))
        };
        let (packed, name) = (number(18, 4), number(26, 2));
        let body = rest.get(30 + name..30 + name + packed).expect("body");
        let mut text = Vec::new();
        flate2::read::DeflateDecoder::new(body)
            .read_to_end(&mut text)
            .expect("inflated");
        let record: Value = serde_json::from_slice(&text).expect("record");
        let affected = record["affected"].as_array().expect("affected");
        let named = affected
            .iter()
            .filter_map(|one| one["package"]["name"].as_str());
        hits += named.filter(|name| names.contains(name)).count();
        rest = rest.get(30 + name + packed..).expect("rest");
    }
    done(start, &format!("{hits} records name one of them"));
}

/// The time since `start` in nanoseconds, and what else is to be said.
fn done(start: Instant, said: &str) {
    let time = start.elapsed().as_nanos();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    // What the first thread ran, which other work on the machine does not change much; an import has more threads.
    let ran = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let ran = ran.split(' ').next().and_then(|text| text.parse().ok());
    let ran = Duration::from_nanos(ran.unwrap_or(0));
    println!(
        "{time} peak {}, {ran:.2?} on a processor, {said}",
        peak.unwrap_or("?").trim()
    );
}

fn made_up() -> Vec<String> {
    (0..LOOKED_UP)
        .map(|n| format!("@acme/installed-{n}"))
        .collect()
}

/// The packages below a folder.
fn packages(folder: &Path) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || name == ".bin" {
                continue;
            }
            let above = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if above == "node_modules" && !name.starts_with('@') {
                found.insert(name.clone());
            } else if above.starts_with('@') {
                found.insert(format!("{above}/{name}"));
            }
            folders.push(entry.path());
        }
    }
    found.into_iter().collect()
}

/// Writes the zip; its bytes, and those of the records in it. Has to be in the form for more than 65,535 entries.
fn write_zip(path: &Path, names: &[String]) -> (u64, u64) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).expect("zip"));
    let (mut place, mut raw) = (0u64, 0u64);
    let mut directory = Vec::new();
    for number in 0..RECORDS {
        let record = record(number, names);
        let name = format!("{}.json", record["id"].as_str().expect("id"));
        let text = record.to_string();
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("packed");
        let packed = encoder.finish().expect("packed");
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        for number in [crc.sum(), small(packed.len()), small(text.len())] {
            common.extend(number.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        common.extend([0; 2]);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(u32::try_from(place).expect("small").to_le_bytes());
        directory.extend(name.as_bytes());
        for part in [b"PK\x03\x04", common.as_slice(), name.as_bytes(), &packed] {
            file.write_all(part).expect("zip");
            place += part.len() as u64;
        }
        raw += text.len() as u64;
    }
    let (count, size) = (RECORDS as u64, directory.len() as u64);
    let mut end = b"PK\x06\x06".to_vec();
    end.extend(44u64.to_le_bytes());
    end.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [count, count, size, place] {
        end.extend(number.to_le_bytes());
    }
    end.extend(b"PK\x06\x07\0\0\0\0");
    end.extend((place + size).to_le_bytes());
    end.extend(1u32.to_le_bytes());
    end.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    file.write_all(&directory).expect("zip");
    file.write_all(&end).expect("zip");
    let length = file.seek(SeekFrom::End(0)).expect("zip");
    file.flush().expect("zip");
    (length, raw)
}

fn small(length: usize) -> u32 {
    u32::try_from(length).expect("small")
}

/// Records in the three shapes of real ones: malware in all versions, malware in some, a hole in ranges.
fn record(number: usize, names: &[String]) -> Value {
    let name = match names.get(number / 2) {
        Some(name) if number.is_multiple_of(2) => name.clone(),
        _ => format!("{}-{}", WORDS[number % WORDS.len()], number / 3),
    };
    let package = json!({ "ecosystem": "npm", "name": name });
    let day = format!(
        "2026-{:02}-{:02}T10:00:00Z",
        1 + number % 11,
        1 + number % 28
    );
    let (id, affected) = match number % HOLES {
        0 => {
            let events = json!([{ "introduced": "0" }, { "fixed": "1.3.0" }]);
            let ranges = json!([{ "type": "SEMVER", "events": events }]);
            (
                format!("GHSA-{number:012}"),
                json!({ "package": package, "ranges": ranges }),
            )
        }
        n if n % 3 == 0 => {
            let versions = json!(["1.0.0", "1.2.3", "1.2.4"]);
            (
                format!("MAL-2026-{number}"),
                json!({ "package": package, "versions": versions }),
            )
        }
        _ => {
            let ranges = json!([{ "type": "SEMVER", "events": [{ "introduced": "0" }] }]);
            (
                format!("MAL-2026-{number}"),
                json!({ "package": package, "ranges": ranges }),
            )
        }
    };
    json!({
        "schema_version": "1.7.3", "id": id, "modified": day, "published": day,
        "summary": format!("Malicious code in {name} (npm)"),
        "details": details(number),
        "affected": [affected],
        "references": [{ "type": "WEB", "url": format!("https://example.org/{id}") }],
        "credits": [{ "name": "Example", "type": "FINDER", "contact": ["https://example.org"] }],
    })
}

const WORDS: [&str; 12] = [
    "left", "pad", "react", "util", "node", "token", "wallet", "fast", "json", "crypto", "build",
    "cli",
];

/// Some 1,700 characters that compress about as well as text.
fn details(number: usize) -> String {
    let mut dice = number as u64;
    let mut text = String::with_capacity(1_800);
    while text.len() < 1_700 {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = usize::try_from(dice >> 40).unwrap_or(0);
        text.push_str(WORDS[word % WORDS.len()]);
        text.push_str(&format!("{:x} ", word % 4096));
    }
    text
}
