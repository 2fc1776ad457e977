//! Sixty signed tags: in process against one `git verify-tag` each. Fails when the ratio is below 50.
//!
//! `cargo bench --bench release`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a measurement"
)]

#[path = "../tests/it/mint.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod mint;

use std::time::{Duration, Instant};

use openclaw_verify_core::git::Repository;
use openclaw_verify_core::policy::{Pattern, ReleaseNeed};
use openclaw_verify_core::release::{AllowedSigners, ReleaseRule, TrustedSigners, verify_all};

const TAGS: usize = 60;
const RUNS: usize = 5;

fn main() {
    let mint = mint::Mint::new();
    let keys: Vec<_> = (0..4)
        .map(|nth| mint.ssh_key(&format!("key{nth}"), &["ed25519"]))
        .collect();
    let lines: String = keys
        .iter()
        .map(|key| format!("a@example.test {}\n", mint.public(key)))
        .collect();
    let file = mint.path("signers");
    std::fs::write(&file, &lines).expect("signers");
    let names: Vec<_> = (0..TAGS).map(|nth| format!("v1.{nth}.0")).collect();
    for (nth, name) in names.iter().enumerate() {
        mint.put_tag(
            name,
            &mint.ssh_tag(&keys[nth % keys.len()], &["-n", "git"], name, 1_700_000_000),
        );
    }
    let now = "2026-11-22T12:00:00Z".parse().expect("a time");

    let mut ours = Vec::new();
    let mut gits = Vec::new();
    for _ in 0..RUNS {
        let started = Instant::now();
        let trust = TrustedSigners {
            ssh: Some(AllowedSigners::parse(&file, &lines).expect("signers")),
            ..TrustedSigners::default()
        };
        let rule = ReleaseRule {
            tags: Pattern::new("v*").expect("a pattern"),
            trust,
            require: ReleaseNeed::SignedTag,
            minimum: None,
        };
        let repository = Repository::open(&mint.repo()).expect("a repository");
        let verdicts = verify_all(&repository, |_| Some(&rule), &[], now).expect("verdicts");
        assert!(
            verdicts.len() == TAGS && verdicts.iter().all(|verdict| verdict.failures.is_empty())
        );
        ours.push(started.elapsed());

        let started = Instant::now();
        assert!(names.iter().all(|name| mint.git_accepts(name, &file)));
        gits.push(started.elapsed());
    }
    let (ours, gits) = (median(ours), median(gits));
    let ratio = gits.as_secs_f64() / ours.as_secs_f64();
    println!(
        "{TAGS} tags, median of {RUNS}: in process {ours:.2?} ({:.0?} a tag), git verify-tag {gits:.2?} ({:.2?} a tag): {ratio:.0} times",
        ours / TAGS as u32,
        gits / TAGS as u32
    );
    assert!(ratio >= 50.0, "only {ratio:.0} times as fast as git");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
