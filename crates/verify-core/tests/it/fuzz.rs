//! Changes inputs of every target at random and hands them to it. Without knowledge of what they reach: `fuzz/` is for that.
//!
//! `OPENCLAW_VERIFY_FUZZ=SECONDS` is the time of each target, of which every test run takes a few inputs only. The changes depend on the
//! number of the input alone; one that fails is kept, and the message names it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::fuzzed::{TARGETS, Target, installation_seeds, machine_seeds, repository_seeds};

/// Inputs of each target in every test run.
const USUAL: u64 = 60;
/// Longest that one input may take on a busy machine.
const HANG: Duration = Duration::from_secs(10);
/// Pieces that mean something to some reader.
const PIECES: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b":",
    b",",
    b"\n",
    b"\0",
    b"\\",
    b"/",
    b"..",
    b"~",
    b"${",
    b"$$",
    b"*",
    b"&a",
    b"*a",
    b"<<: ",
    b"!!",
    b"%h",
    b"null",
    b"true",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"__proto__",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"0x7fffffff",
    b"2026-11-22",
    b"sha512-",
    b"sha256:",
    b"-----BEGIN ",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"#",
    b"=",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).expect("small")
    }

    /// One input from some of those that are kept.
    fn input(&mut self, seeds: &[Vec<u8>], start: usize) -> Vec<u8> {
        let mut bytes = seeds[self.roll(seeds.len())].clone();
        for _ in 0..=self.roll(5) {
            let at = start + self.roll(bytes.len().saturating_sub(start) + 1);
            let at = at.min(bytes.len());
            let end = (at + 1 + self.roll(64)).min(bytes.len());
            match self.roll(9) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, PIECES[self.roll(PIECES.len())].to_vec())),
                3 => drop(bytes.splice(at..end, PIECES[self.roll(PIECES.len())].to_vec())),
                4 => {
                    let piece = bytes[at..end].to_vec();
                    for _ in 0..=self.roll(20) {
                        bytes.splice(at..at, piece.clone());
                    }
                }
                5 => {
                    let other = &seeds[self.roll(seeds.len())];
                    let from = self.roll(other.len());
                    let to = (from + self.roll(200)).min(other.len());
                    bytes.splice(at..end, other[from..to].to_vec());
                }
                6 => {
                    let byte = u8::try_from(self.roll(256)).expect("a byte");
                    bytes.splice(at..at, std::iter::repeat_n(byte, self.roll(300)));
                }
                7 if at < bytes.len() => bytes[at] = u8::try_from(self.roll(256)).expect("a byte"),
                _ if at < bytes.len() => bytes[at] ^= 1 << self.roll(8),
                _ => {}
            }
        }
        bytes.truncate(1 << 20);
        bytes
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "installation" => installation_seeds(),
        "machine" => machine_seeds(),
        "repository" => repository_seeds(),
        _ => {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
            let entries = std::fs::read_dir(corpus.join(name)).expect("a corpus");
            let mut files: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
            files.sort();
            let read = |file| std::fs::read(file).expect("an input");
            files.iter().map(read).collect()
        }
    }
}

/// Hands inputs to one target until its time is over. Returns how many, and the longest that one took.
fn survive(name: &str, target: Target, time: Option<Duration>) -> (u64, Duration) {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name}");
    // In these the first byte says which file is meant.
    let start = usize::from(matches!(name, "installation" | "machine" | "repository"));
    let began = Instant::now();
    let (mut count, mut longest) = (0, Duration::ZERO);
    while time.map_or(count < USUAL, |time| began.elapsed() < time) {
        let mut dice =
            Dice(0x9e37_79b9_7f4a_7c15 ^ (count + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
        let input = dice.input(&seeds, start);
        let one = Instant::now();
        let survived = catch_unwind(AssertUnwindSafe(|| target(&input))).is_ok();
        let took = one.elapsed();
        if !survived || took > HANG {
            let kept = std::env::temp_dir().join(format!("openclaw-verify-fuzz-{name}-{count}"));
            std::fs::write(&kept, &input).expect("kept");
            panic!("{name} {count}: {took:?}, kept as {}", kept.display());
        }
        longest = longest.max(took);
        count += 1;
    }
    (count, longest)
}

#[test]
fn fuzz_every_target_survives_changed_inputs() {
    let wanted = std::env::var("OPENCLAW_VERIFY_FUZZ");
    let time = wanted
        .ok()
        .map(|text| Duration::from_secs(text.parse().expect("seconds")));
    for (name, target) in TARGETS {
        let (count, longest) = survive(name, target, time);
        println!("{name}: {count} inputs, the longest {longest:?}");
    }
    for name in ["advisories", "installation", "machine", "repository"] {
        let name = format!("openclaw-verify-fuzz-{name}-{}", std::process::id());
        let _ = std::fs::remove_dir_all(std::env::temp_dir().join(name));
    }
}
