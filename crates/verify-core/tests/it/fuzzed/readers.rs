//! Readers of one file each: advisories, archives, attestations, JSON, the operator's files, objects and indexes of git.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use openclaw_verify_core::advisories::{
    ImportOptions, Index, Vex, VexPolicy, VexTarget, import, merge, read_record,
};
use openclaw_verify_core::archive::{ArchiveLimits, read};
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::fact::Outcome;
use openclaw_verify_core::lock::Lock;
use openclaw_verify_core::policy::Policy;
use openclaw_verify_core::provenance::npm::{AttestedPackage, NpmKeys};
use openclaw_verify_core::provenance::{
    Anchors, Artifact, IdentityPolicy, Instance, Signer, TrustRoot, verify_attestation,
};
use openclaw_verify_core::review::Reviews;
use openclaw_verify_core::{git, json as parsers, rules};

/// A folder of this thread for one target.
pub(super) fn folder(target: &str) -> PathBuf {
    // Two tests may read the same target at once, each in its thread.
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    let name = format!(
        "openclaw-verify-fuzz-{target}-{}-{thread}",
        std::process::id()
    );
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("folder");
    folder
}

/// Writes a file anew: one that is cut and written again is put on the disk at once by some file systems, which takes long.
pub(super) fn put(file: &Path, bytes: &[u8]) {
    let _ = std::fs::remove_file(file);
    std::fs::write(file, bytes).expect("file");
}

/// Archives by an attacker: refused by name or read within bounds.
pub fn archive(bytes: &[u8]) {
    let _ = read(bytes, &ArchiveLimits::default(), |_| true);
}

/// JSON and JSON5 of the thing under test: bounded in depth.
pub fn json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = parsers::strict(text);
    let _ = parsers::last_wins(text);
    let _ = parsers::json5(text);
}

/// Lock, policy and reviews: an error with a span, or a file that is written back and read again as the same.
pub fn operator_files(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(lock) = Lock::parse(Path::new("lock"), text) {
        let written = lock.write();
        let again = Lock::parse(Path::new("lock"), &written).expect("what was written is read");
        assert_eq!(again.write(), written);
    }
    let today = jiff::civil::date(2026, 11, 22);
    let _ = Policy::parse(Path::new("policy"), text, &rules::infos(), today);
    let _ = Reviews::parse(Path::new("reviews"), text);
}

/// Advisories: records, and the same bytes as a zip of them, as an index and as an OpenVEX file.
pub fn advisories(bytes: &[u8]) {
    if let Ok(record) = read_record(bytes) {
        for (name, entry) in &record.packages {
            for version in ["", "1.0.0", "2026.2.21-2", "nightly"] {
                let _ = merge(&[(entry, entry.judge(name, version))]);
            }
        }
    }
    let folder = folder("advisories");
    let (file, index) = (folder.join("file"), folder.join("index"));
    put(&file, bytes);
    if let Ok(Some(index)) = Index::open(&file) {
        let _ = index.entries("a");
    }
    let policy = VexPolicy::new(file.clone(), None, jiff::civil::Date::MAX, 1);
    if let Ok(vex) = Vex::read(&[policy]) {
        let target = VexTarget {
            package: "dep",
            version: Some("1.0.0"),
            subject: Some(("notes", "1.0.0")),
            tree: None,
        };
        let ids = ["GHSA-1".to_owned()];
        let _ = vex.not_affected(ids.iter(), &target, jiff::civil::Date::MIN);
    }
    let options = ImportOptions {
        allow_broken: u64::MAX,
        threads: 1,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let _ = import(&[file], &index, &options);
}

/// Answers of a registry about who built and signed a package, bundles, trust roots and keys: nothing here is signed, so never good.
pub fn attestation(bytes: &[u8]) {
    static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| Anchors::embedded(Instance::PublicGood));
    let now = jiff::Timestamp::from_second(1_795_000_000).expect("time");
    let package = AttestedPackage {
        name: "@acme/notes",
        version: "1.0.0",
        integrity: Sri::of(b"archive"),
    };
    let anyone = IdentityPolicy::default();
    let found = ANCHORS.npm_attestations(bytes, &package, &anyone, now);
    assert_ne!(
        found.package().outcome(),
        Outcome::Verified,
        "no one signed"
    );
    let root = ANCHORS.root().expect("a root");
    let artifact = Artifact::bytes(b"archive");
    let signer = Signer::Identity(&anyone);
    let found = verify_attestation(&artifact, bytes, signer, None, root, now);
    assert_ne!(found.outcome(), Outcome::Verified, "no one signed");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = TrustRoot::from_file(Path::new("root"), text, Instance::PublicGood);
        let _ = NpmKeys::from_file(Path::new("keys"), text);
    }
}

/// Files of a repository with one commit and one tag, the one in the pack.
const REPOSITORY: [(&str, &[u8]); 6] = [
    (
        "HEAD",
        include_bytes!("../../../../../fuzz/corpus/repository/HEAD"),
    ),
    (
        "config",
        include_bytes!("../../../../../fuzz/corpus/repository/config"),
    ),
    (
        "index",
        include_bytes!("../../../../../fuzz/corpus/repository/index"),
    ),
    (
        "packed-refs",
        include_bytes!("../../../../../fuzz/corpus/repository/packed-refs"),
    ),
    (
        "objects/pack/pack-0.idx",
        include_bytes!("../../../../../fuzz/corpus/repository/pack.idx"),
    ),
    (
        "objects/pack/pack-0.pack",
        include_bytes!("../../../../../fuzz/corpus/repository/pack.pack"),
    ),
];

/// Inputs of [`repository`] from which others are made.
pub fn repository_seeds() -> Vec<Vec<u8>> {
    (0_u8..)
        .zip(REPOSITORY)
        .map(|(at, (_, bytes))| [&[at], bytes].concat())
        .collect()
}

/// Index, objects, packs, references and attributes of a repository: the first byte says which of its files the others are.
pub fn repository(bytes: &[u8]) {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = folder("repository");
        for (name, kept) in REPOSITORY {
            let file = folder.join(".git").join(name);
            std::fs::create_dir_all(file.parent().expect("folder")).expect("folder");
            put(&file, kept);
        }
        folder
    });
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let folder = &*FOLDER;
    let (name, kept) = REPOSITORY[usize::from(*which) % REPOSITORY.len()];
    let file = folder.join(".git").join(name);
    put(&file, bytes);
    look(folder);
    put(&file, kept);
}

/// Everything of a repository that is read.
fn look(folder: &Path) {
    let _ = git::tracked(&folder.join(".git"));
    let Ok(found) = git::Repository::open(folder) else {
        return;
    };
    for name in found.tag_names().unwrap_or_default() {
        if let Ok(Some(id)) = found.tag(&name) {
            let _ = found.read(&id, 1 << 20);
        }
    }
    if let Ok(Some(head)) = found.head() {
        let _ = found.commit_tree(&head, &git::TreeLimits::default());
    }
}
