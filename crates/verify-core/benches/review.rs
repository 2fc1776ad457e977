//! The review part of `check`: 10,000 entries, 500 subjects. Has to stay under 50 ms, reading the file included.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::date;
use openclaw_verify_core::digest::TreeDigest;
use openclaw_verify_core::review::{
    Content, Criteria, Question, ReviewIndex, ReviewVerdict, Reviews,
};
use openclaw_verify_core::subject::SubjectId;

const SUBJECTS: usize = 500;
const ENTRIES: usize = 10_000;
const RUNS: usize = 20;

fn main() {
    let text = file();
    let path = Path::new("openclaw-reviews.toml");
    let (mut reading, mut judging) = (Vec::new(), Vec::new());
    let subjects: Vec<(SubjectId, TreeDigest)> = (0..SUBJECTS)
        .map(|n| (id(n).parse().expect("id"), tree(n, ENTRIES / SUBJECTS - 1)))
        .collect();
    for _ in 0..RUNS {
        let start = Instant::now();
        let reviews = Reviews::parse(path, &text).expect("reviews");
        reading.push(start.elapsed());
        assert_eq!(reviews.reviews.len(), ENTRIES);

        let start = Instant::now();
        let index = ReviewIndex::build(&reviews, &[], date(2026, 11, 22));
        let reviewed = subjects.iter().filter(|(subject, tree)| {
            let question = Question {
                subject,
                content: Content::Tree(*tree),
                versions: &["1.0.0"],
                dependencies: &[],
                wanted: Criteria::SafeToRun,
                publishers: &[],
            };
            matches!(index.judge(&question), ReviewVerdict::Reviewed(_))
        });
        assert_eq!(reviewed.count(), SUBJECTS);
        judging.push(start.elapsed());
    }
    let (reading, judging) = (median(reading), median(judging));
    println!(
        "{} bytes, {ENTRIES} entries, {SUBJECTS} subjects, each at the end of a chain of {}",
        text.len(),
        ENTRIES / SUBJECTS
    );
    println!("reading the file  {reading:>10.2?}");
    println!("index and verdicts{judging:>10.2?}");
    println!("together          {:>10.2?}", reading + judging);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// For each subject one full review and a chain of differences.
fn file() -> String {
    let mut text = String::from("version = 1\n");
    for subject in 0..SUBJECTS {
        for step in 0..ENTRIES / SUBJECTS {
            let _ = write!(text, "\n[[review]]\npackage = \"{}\"\n", id(subject));
            if step > 0 {
                let _ = writeln!(text, "from = \"{}\"", tree(subject, step - 1));
            }
            let _ = write!(
                text,
                "tree = \"{}\"\ncriteria = \"safe-to-run\"\nby = \"Ada <ada@example.org>\"\ndate = 2026-11-22\n",
                tree(subject, step)
            );
        }
    }
    text
}

fn id(subject: usize) -> String {
    format!("npm:@acme/plugin-{subject:04}")
}

fn tree(subject: usize, step: usize) -> TreeDigest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(subject as u64).to_be_bytes());
    bytes[8..16].copy_from_slice(&(step as u64).to_be_bytes());
    TreeDigest(bytes)
}
