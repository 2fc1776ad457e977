//! Advisories: records, and the same bytes as a zip of them, as an index and as an OpenVEX file. An error with a place, or an answer; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::advisories::{
    ImportOptions, Index, Vex, VexPolicy, VexTarget, import, merge, read_record,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = read_record(bytes) {
        for (name, entry) in &record.packages {
            for version in ["", "1.0.0", "2026.2.21-2", "nightly"] {
                let _ = merge(&[(entry, entry.judge(name, version))]);
            }
        }
    }
    let folder = std::env::temp_dir().join(format!("advisories-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let (file, index) = (folder.join("file"), folder.join("index"));
    std::fs::write(&file, bytes).expect("file");
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
});
