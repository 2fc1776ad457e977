//! Imports and the index they make: the same answers from zip, folder and files, and no answer at all from what is damaged or hostile.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use openclaw_verify_core::advisories::{Hit, ImportOptions, Imported, Index, import};
use openclaw_verify_core::{Error, Result};
use serde_json::{Value, json};

use super::{Dice, range, record};

fn now() -> Timestamp {
    "2026-11-29T00:00:00Z".parse().expect("time")
}

fn options(allow_broken: u64) -> ImportOptions {
    ImportOptions {
        allow_broken,
        threads: 2,
        now: now(),
    }
}

fn records() -> Vec<(String, String)> {
    let mut all: Vec<Value> = (0..40)
        .map(|at| {
            record(
                &format!("MAL-2026-{at}"),
                &format!("bad-{at}"),
                &range(&json!([{ "introduced": "0" }])),
            )
        })
        .collect();
    let mut withdrawn = record("MAL-2025-1", "innocent", &json!({ "versions": ["1.0.0"] }));
    withdrawn["withdrawn"] = json!("2026-01-01T00:00:00Z");
    all.push(withdrawn);
    all.push(record("GHSA-1", "bad-1", &json!({ "versions": ["1.0.0"] })));
    let mut other = record("PYSEC-1", "x", &json!({ "versions": ["1.0.0"] }));
    other["affected"][0]["package"]["ecosystem"] = json!("PyPI");
    all.push(other);
    all.iter()
        .map(|one| {
            (
                format!("{}.json", one["id"].as_str().expect("id")),
                one.to_string(),
            )
        })
        .collect()
}

/// One entry of a zip, with what a hostile one may say otherwise.
#[derive(Clone, Default)]
struct Entry {
    name: String,
    local_name: Option<String>,
    packed: Vec<u8>,
    size: u32,
    crc: u32,
    flags: u16,
    method: u16,
    /// Stands where the entry of this number stands.
    shares: Option<usize>,
}

impl Entry {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("deflate");
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        Self {
            name: name.to_owned(),
            packed: encoder.finish().expect("deflate"),
            size: u32::try_from(bytes.len()).expect("small"),
            crc: crc.sum(),
            method: 8,
            ..Self::default()
        }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("small")
}

fn zip(entries: &[Entry], count: u16, comment: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    for entry in entries {
        places.push(entry.shares.map_or(small(bytes.len()), |at| places[at]));
        if entry.shares.is_some() {
            continue;
        }
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        bytes.extend(b"PK\x03\x04\x14\0");
        bytes.extend(entry.flags.to_le_bytes());
        bytes.extend(entry.method.to_le_bytes());
        bytes.extend([0; 4]);
        for number in [entry.crc, small(entry.packed.len()), entry.size] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(name.as_bytes());
        bytes.extend(&entry.packed);
    }
    let start = small(bytes.len());
    for (entry, at) in entries.iter().zip(&places) {
        bytes.extend(b"PK\x01\x02\x14\0\x14\0");
        bytes.extend(entry.flags.to_le_bytes());
        bytes.extend(entry.method.to_le_bytes());
        bytes.extend([0; 4]);
        for number in [entry.crc, small(entry.packed.len()), entry.size] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(
            u16::try_from(entry.name.len())
                .expect("short")
                .to_le_bytes(),
        );
        bytes.extend([0; 12]);
        bytes.extend(at.to_le_bytes());
        bytes.extend(entry.name.as_bytes());
    }
    let size = small(bytes.len()) - start;
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend(u16::try_from(comment.len()).expect("short").to_le_bytes());
    bytes.extend(comment);
    bytes
}

fn plain(entries: &[Entry]) -> Vec<u8> {
    zip(entries, u16::try_from(entries.len()).expect("few"), b"")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        fs::write(&path, bytes).expect("write");
        path
    }

    /// An index of these sources.
    fn index(&self, sources: &[PathBuf]) -> (Imported, Index) {
        let path = self.path("index");
        let imported = import(sources, &path, &options(0)).expect("imported");
        assert_eq!(imported.broken, []);
        let index = Index::open(&path).expect("opened").expect("there");
        assert_eq!(imported.index, Some(index.digest()));
        assert_eq!(&imported.meta, index.meta());
        (imported, index)
    }

    fn refused(&self, name: &str, bytes: &[u8]) -> String {
        let source = self.write(name, bytes);
        let index = self.path("of-hostile");
        match import(&[source], &index, &options(u64::MAX)) {
            Err(Error::Environment { what, .. }) => {
                assert!(!index.exists());
                what.replace(&self.0.path().display().to_string(), "DIR")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn shipped(folder: &Folder) -> PathBuf {
    let entries: Vec<Entry> = records()
        .iter()
        .map(|(name, text)| Entry::new(name, text.as_bytes()))
        .collect();
    folder.write("all.zip", plain(&entries))
}

#[test]
fn zip_folder_and_files_give_the_same_answers() {
    let folder = Folder::new();
    let zipped = shipped(&folder);
    let mut files: Vec<PathBuf> = records()
        .iter()
        .map(|(name, text)| folder.write(&format!("folder/deep/{name}"), text))
        .collect();
    folder.write("folder/README.md", "no record");
    files.reverse();
    let mut described = Vec::new();
    for sources in [vec![zipped.clone()], vec![folder.path("folder")], files] {
        let (imported, index) = folder.index(&sources);
        let meta = imported.meta;
        assert_eq!((meta.records, meta.malicious, meta.packages), (41, 40, 40));
        assert_eq!(
            (meta.withdrawn, meta.other_ecosystems, meta.broken),
            (1, 1, 0)
        );
        assert_eq!(
            meta.newest,
            Some("2026-03-01T00:00:00Z".parse().expect("time"))
        );
        described.push(meta.other_files);
        let ids = |name: &str| -> Vec<String> {
            index
                .entries(name)
                .expect("read")
                .into_iter()
                .map(|entry| entry.id)
                .collect()
        };
        assert_eq!(ids("bad-1"), ["GHSA-1", "MAL-2026-1"]);
        assert_eq!(ids("bad-39"), ["MAL-2026-39"]);
        for none in ["bad-40", "innocent", "x", "", "Bad-1"] {
            assert_eq!(ids(none), [""; 0], "{none}");
        }
        let entry = &index.entries("bad-7").expect("read")[0];
        assert_eq!(entry.judge("bad-7", "3.0.0"), Hit::Yes);
    }
    assert_eq!(described, [0, 1, 0]);
    // The same sources give the same bytes, whatever thread was first.
    let again = folder.index(std::slice::from_ref(&zipped)).0.index;
    assert_eq!(again, folder.index(&[zipped]).0.index);
}

#[test]
fn of_two_forms_of_a_record_the_newer_counts() {
    let form = |modified: &str, version: &str, withdrawn: bool| {
        let mut record = record("GHSA-1", "a", &json!({ "versions": [version] }));
        record["modified"] = json!(modified);
        if withdrawn {
            record["withdrawn"] = json!(modified);
        }
        record.to_string()
    };
    let (old, new) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    for (forms, left) in [
        (
            [form(old, "1.0.0", false), form(new, "2.0.0", false)],
            vec!["2.0.0"],
        ),
        (
            [form(new, "2.0.0", true), form(old, "1.0.0", false)],
            vec![],
        ),
        (
            [form(old, "1.0.0", true), form(new, "2.0.0", false)],
            vec!["2.0.0"],
        ),
        (
            [form(new, "2.0.0", true), form(new, "1.0.0", false)],
            vec!["1.0.0"],
        ),
        (
            [form(new, "1.0.0", false), form(new, "2.0.0", false)],
            vec!["1.0.0", "2.0.0"],
        ),
        (
            [form(new, "1.0.0", false), form(new, "1.0.0", false)],
            vec!["1.0.0"],
        ),
    ] {
        let folder = Folder::new();
        let [one, other] = &forms;
        let sources = [
            folder.write("one/a.json", one),
            folder.write("other/a.json", other),
        ];
        let (_, index) = folder.index(&sources);
        let entries = index.entries("a").expect("read");
        let versions: Vec<&str> = entries
            .iter()
            .flat_map(|entry| &entry.versions)
            .map(String::as_str)
            .collect();
        assert_eq!(versions, left, "{forms:?}");
        // In one source there is only one form of a record.
        let both = import(
            &[folder.0.path().to_owned()],
            &folder.path("x"),
            &options(0),
        )
        .expect("read");
        assert_eq!((both.index, both.meta.broken), (None, 1));
        assert!(
            both.broken[0].why.starts_with("has the id GHSA-1, as "),
            "{:?}",
            both.broken
        );
    }
}

#[test]
fn what_is_broken_is_named_and_stops_the_import_unless_allowed() {
    let folder = Folder::new();
    let good = record("GHSA-1", "a", &json!({ "versions": ["1.0.0"] })).to_string();
    folder.write("in/good.json", &good);
    folder.write("in/cut.json", &good[..40]);
    folder.write("in/big.json", vec![b' '; (4 << 20) + 1]);
    std::os::unix::fs::symlink("good.json", folder.path("in/link.json")).expect("link");
    let source = [folder.path("in")];
    let index = folder.path("index");
    let imported = import(&source, &index, &options(2)).expect("read");
    let places: Vec<&str> = imported
        .broken
        .iter()
        .filter_map(|one| one.place.rsplit('/').next())
        .collect();
    assert_eq!(places, ["big.json", "cut.json", "link.json"]);
    assert_eq!((imported.index, index.exists()), (None, false));
    let imported = import(&source, &index, &options(3)).expect("read");
    assert_eq!(imported.meta.broken, 3);
    let index = Index::open(&index).expect("opened").expect("there");
    assert_eq!(index.entries("a").expect("read").len(), 1);
    // A record of the future makes nothing look new.
    let mut later = record("GHSA-2", "b", &json!({ "versions": ["1.0.0"] }));
    later["modified"] = json!("2099-01-01T00:00:00Z");
    let file = folder.write("later.json", later.to_string());
    assert_eq!(folder.index(&[file]).0.meta.newest, None);
}

#[test]
fn a_hostile_zip_is_refused_with_the_place() {
    let folder = Folder::new();
    let text = record("GHSA-1", "a", &json!({ "versions": ["1.0.0"] })).to_string();
    let good = || Entry::new("GHSA-1.json", text.as_bytes());
    let with = |change: &dyn Fn(&mut Entry)| {
        let mut entry = good();
        change(&mut entry);
        plain(&[Entry::new("first.json", b"{}"), entry])
    };
    let whole = plain(&[good()]);
    let mut trailing = whole.clone();
    trailing.extend(b"more");
    let mut millions = whole.clone();
    let end = millions.len() - 22;
    millions[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
    let mut zip64 = millions[..end].to_vec();
    let record_at = zip64.len() as u64;
    zip64.extend(b"PK\x06\x06");
    zip64.extend(44u64.to_le_bytes());
    zip64.extend([0; 12]);
    for number in [10_000_000u64, 10_000_000, 57, 100] {
        zip64.extend(number.to_le_bytes());
    }
    zip64.extend(b"PK\x06\x07\0\0\0\0");
    zip64.extend(record_at.to_le_bytes());
    zip64.extend(1u32.to_le_bytes());
    zip64.extend(&millions[end..]);
    let bombs: Vec<Entry> = (0..27)
        .map(|at| Entry {
            name: format!("{at}.json"),
            packed: vec![0; 1 << 20],
            size: 1 << 30,
            method: 8,
            ..Entry::default()
        })
        .collect();
    for (name, bytes, why) in [
        (
            "cut",
            whole[..whole.len() - 1].to_vec(),
            "no end record of a zip, or several; the file may be cut off",
        ),
        (
            "half",
            whole[..whole.len() / 2].to_vec(),
            "no end record of a zip, or several; the file may be cut off",
        ),
        (
            "trailing",
            trailing,
            "no end record of a zip, or several; the file may be cut off",
        ),
        (
            "two-ends",
            zip(&[good()], 1, &whole[whole.len() - 22..]),
            "no end record of a zip, or several; the file may be cut off",
        ),
        (
            "fewer",
            zip(&[good(), Entry::new("b.json", b"{}")], 1, b""),
            "the central directory: holds more than the 1 entries that it states",
        ),
        (
            "more",
            zip(&[good()], 2, b""),
            "entry 2 of the central directory: is cut off",
        ),
        (
            "no-zip64",
            millions.clone(),
            "no zip64 record where its locator says",
        ),
        (
            "ten-million",
            zip64,
            "the file: has 10000000 entries, more than the 1000000 accepted",
        ),
        (
            "bomb",
            plain(&bombs),
            "entry 17 of the central directory: the zip unpacks to more than the 17179869184 bytes accepted",
        ),
        (
            "ratio",
            with(&|entry| entry.size = 1 << 30),
            "entry 2 of the central directory: states a size that its packed bytes cannot have",
        ),
        (
            "padded",
            with(&|entry| entry.size = 1),
            "`GHSA-1.json`: does not end where the directory says",
        ),
        (
            "escape",
            with(&|entry| entry.name = "../GHSA-1.json".into()),
            "entry 2 of the central directory: has the name `../GHSA-1.json`, which leads out of the zip or cannot be shown",
        ),
        (
            "absolute",
            with(&|entry| entry.name = "/etc/x.json".into()),
            "entry 2 of the central directory: has the name `/etc/x.json`, which leads out of the zip or cannot be shown",
        ),
        (
            "backslash",
            with(&|entry| entry.name = "..\\x.json".into()),
            "entry 2 of the central directory: has the name `..\\x.json`, which leads out of the zip or cannot be shown",
        ),
        (
            "twice",
            with(&|entry| entry.name = "first.json".into()),
            "entry 2 of the central directory: `first.json` stands twice",
        ),
        (
            "overlap",
            with(&|entry| entry.shares = Some(0)),
            "overlaps with what stands after it",
        ),
        (
            "crc",
            with(&|entry| entry.crc ^= 1),
            "`GHSA-1.json`: is not as long, or not what, the directory says",
        ),
        (
            "name",
            with(&|entry| entry.local_name = Some("GHSA-2.json".into())),
            "`GHSA-1.json`: has another name in its local header",
        ),
        (
            "encrypted",
            with(&|entry| entry.flags = 1),
            "entry 2 of the central directory: is encrypted",
        ),
        (
            "method",
            with(&|entry| entry.method = 12),
            "entry 2 of the central directory: is packed by method 12; 0 and 8 are read",
        ),
        (
            "garbage",
            with(&|entry| entry.packed.truncate(20)),
            "`GHSA-1.json`: cannot be unpacked",
        ),
        (
            "stored",
            with(&|entry| entry.method = 0),
            "entry 2 of the central directory: is stored and yet has two sizes",
        ),
    ] {
        let said = folder.refused(&format!("{name}.zip"), &bytes);
        assert!(said.contains(why), "{name}: {said}");
        assert!(said.starts_with(&format!("DIR/{name}.zip: ")), "{said}");
    }
    let said = folder.refused("empty.zip", &plain(&[]));
    assert!(said.starts_with("there is no record"), "{said}");
}

/// Every name that the test's index knows, and one that it does not.
fn ask_all(index: &Index) -> Result<usize> {
    let mut found = 0;
    for at in 0..41 {
        found += index.entries(&format!("bad-{at}"))?.len();
    }
    Ok(found)
}

fn opened(path: &Path) -> Result<usize> {
    ask_all(&Index::open(path)?.expect("there"))
}

#[test]
fn a_damaged_index_never_answers_none() {
    let folder = Folder::new();
    let zipped = shipped(&folder);
    folder.index(&[zipped]);
    let path = folder.path("index");
    let whole = fs::read(&path).expect("index");
    assert_eq!(opened(&path).expect("whole"), 41);
    assert!(
        Index::open(&folder.path("none"))
            .expect("nothing there")
            .is_none()
    );
    let damaged = folder.path("damaged");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&damaged, bytes).expect("write");
        let error = opened(&damaged).expect_err(what).to_string();
        assert!(
            error.contains("damaged, byte")
                || error.contains("damaged, bucket")
                || error.contains("damaged, the file"),
            "{error}"
        );
    };
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        refused(&bytes, &format!("byte {at} changed"));
        refused(&whole[..at], &format!("cut off at {at}"));
    }
    refused(&[&whole[..], b"x"].concat(), "something after it");
    refused(b"", "empty");
    fs::remove_file(&damaged).expect("remove");
    std::os::unix::fs::symlink(&path, &damaged).expect("link");
    assert!(Index::open(&damaged).is_err());
}

#[test]
fn blocks_in_another_order_are_no_index() {
    let folder = Folder::new();
    let long = "x".repeat(120);
    let texts: Vec<String> = (0..400)
        .map(|at| {
            let mut record = record(
                &format!("MAL-{at}"),
                &format!("bad-{at}"),
                &range(&json!([{ "introduced": "0" }])),
            );
            record["summary"] = json!(long);
            record.to_string()
        })
        .collect();
    let sources: Vec<PathBuf> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| folder.write(&format!("in/{at}.json"), text))
        .collect();
    folder.index(&sources[..1]);
    let (_, index) = folder.index(&[folder.path("in")]);
    assert_eq!(ask_all(&index).expect("whole"), 41);
    let path = folder.path("index");
    let whole = fs::read(&path).expect("index");
    let body = whole.len() - 32 - 2 * 8192;
    let mut bytes = whole.clone();
    // Two whole blocks of the body, counted from its beginning.
    let meta = usize::try_from(u64::from_le_bytes(whole[8..16].try_into().expect("eight")))
        .expect("small");
    let length = usize::try_from(u64::from_le_bytes(whole[24..32].try_into().expect("eight")))
        .expect("small");
    let start = 32 + meta + length.div_ceil(8192) * 32;
    assert!(length > 3 * 8192 && start < body);
    let (one, other) = (start + 8192, start + 2 * 8192);
    bytes.copy_within(other..other + 8192, one);
    bytes[other..other + 8192].copy_from_slice(&whole[one..one + 8192]);
    fs::write(&path, bytes).expect("write");
    let index = Index::open(&path).expect("header is whole").expect("there");
    let all: Vec<String> = (0..400)
        .filter_map(|at| index.entries(&format!("bad-{at}")).err())
        .map(|error| error.to_string())
        .collect();
    assert!(all.len() > 20, "{}", all.len());
    assert!(
        all[0].contains("the block does not have its digest"),
        "{}",
        all[0]
    );
}

#[test]
fn changed_bytes_are_an_error_or_an_answer_and_never_a_panic() {
    let folder = Folder::new();
    let zipped = shipped(&folder);
    folder.index(std::slice::from_ref(&zipped));
    let (zip, index) = (
        fs::read(&zipped).expect("zip"),
        fs::read(folder.path("index")).expect("index"),
    );
    let mut dice = Dice(170);
    let (mut refused, mut read) = (0, 0);
    let file = folder.path("changed");
    for round in 0..600 {
        let of_zip = round % 2 == 0;
        let mut bytes = if of_zip { zip.clone() } else { index.clone() };
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(bytes.len());
            match dice.roll(3) {
                0 => bytes[at] ^= 1 << dice.roll(8),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, 0xff),
            }
        }
        fs::write(&file, &bytes).expect("write");
        let done = if of_zip {
            import(
                std::slice::from_ref(&file),
                &folder.path("of-changed"),
                &options(u64::MAX),
            )
            .is_ok()
        } else {
            opened(&file).is_ok()
        };
        if done {
            read += 1
        } else {
            refused += 1
        }
        // Every byte of an index is covered by its digest.
        assert!(of_zip || !done || bytes == index, "round {round}");
    }
    assert!(refused > 500, "{refused} refused, {read} read");
}

#[test]
fn a_record_stands_until_the_day_on_which_it_is_taken_back() {
    for (withdrawn, stands) in [("2026-02-01T00:00:00Z", 0), ("2099-01-01T00:00:00Z", 1)] {
        let folder = Folder::new();
        let mut one = record("GHSA-w", "w", &json!({ "versions": ["1.0.0"] }));
        one["withdrawn"] = json!(withdrawn);
        folder.write("all/GHSA-w.json", one.to_string());
        let other = record("GHSA-x", "x", &json!({ "versions": ["1.0.0"] }));
        folder.write("all/GHSA-x.json", other.to_string());
        let (_, index) = folder.index(&[folder.path("all")]);
        let count = |name: &str| index.entries(name).expect("read").len();
        assert_eq!((count("w"), count("x")), (stands, 1), "{withdrawn}");
    }
}

#[test]
fn a_link_in_the_place_of_a_folder_is_not_passed_over() {
    let folder = Folder::new();
    for (name, text) in records() {
        folder.write(&format!("elsewhere/{name}"), &text);
        folder.write(&format!("all/{name}"), &text);
    }
    let sources = [folder.path("all")];
    let imported = || import(&sources, &folder.path("index"), &options(0)).expect("import");
    assert_eq!(imported().meta.broken, 0);
    std::os::unix::fs::symlink(folder.path("elsewhere"), folder.path("all/npm")).expect("link");
    let imported = imported();
    assert_eq!((imported.meta.broken, imported.index), (1, None));
}
