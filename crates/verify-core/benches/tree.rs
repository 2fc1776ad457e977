//! How fast and how small the tree digest is, against three ways to hash the same files:
//!
//! 1. a bare loop: walk, open, read 128 KiB at a time, the same SHA-256, as many threads, no checks at all;
//! 2. `sha256sum -c` over a ready list;
//! 3. two `openssl dgst -sha256` side by side, each over half of the bytes.
//!
//! `cargo bench -p openclaw-verify-core --bench tree -- [FOLDER] [RUNS]`; without a folder it makes its own data. Every run does all
//! four in turn, so that a busy machine slows all of them; the figure is the median of the ratios.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a program that measures"
)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use openclaw_verify_core::tree::{self, TreeOptions, TreeSpec};
use sha2::{Digest as _, Sha256};

const DEFAULT_RUNS: usize = 9;

fn main() {
    // `cargo bench` adds `--bench`.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    if args.first().is_some_and(|arg| arg == "--digest-only") {
        let tree = digest(Path::new(&args[1]), 0);
        println!("{} {}", tree.digest, peak_memory_kib());
        return;
    }
    let made = tempfile::tempdir().expect("temporary folder");
    let folder = args
        .first()
        .map_or_else(|| make_data(made.path()), PathBuf::from);
    let runs = args
        .get(1)
        .map_or(DEFAULT_RUNS, |runs| runs.parse().expect("a number of runs"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);

    let tree = digest(&folder, threads);
    println!("CPU      {} × {threads}", cpu());
    println!("data     {} files, {} bytes", tree.files, tree.bytes);
    println!("digest   {}", tree.digest);
    let files = list(&folder);
    let lists = Lists::new(made.path(), &files);

    let mut times: [Vec<f64>; 4] = Default::default();
    for run in 0..=runs {
        let round = [
            time(|| drop(digest(&folder, threads))),
            time(|| bare_loop(&folder, threads)),
            time(|| lists.sha256sum()),
            time(|| lists.openssl()),
        ];
        // The first round warms the page cache.
        if run > 0 {
            for (all, one) in times.iter_mut().zip(round) {
                all.push(one.as_secs_f64());
            }
        }
    }
    let ratios = |a: usize, b: usize| {
        times[a]
            .iter()
            .zip(&times[b])
            .map(|(a, b)| a / b)
            .collect::<Vec<_>>()
    };
    println!(
        "runs     {runs}, medians: digest {:.3} s, bare loop {:.3} s, sha256sum -c {:.3} s, openssl {:.3} s",
        median(times[0].clone()),
        median(times[1].clone()),
        median(times[2].clone()),
        median(times[3].clone())
    );
    let bare = median(ratios(0, 1));
    let (sum, ssl) = (median(ratios(2, 0)), median(ratios(3, 0)));
    println!(
        "{} {bare:.3} × the bare loop (at most 1.15)",
        verdict(bare <= 1.15)
    );
    println!(
        "{} {sum:.2} × faster than sha256sum -c (at least 5)",
        verdict(sum >= 5.0)
    );
    println!(
        "{} {ssl:.2} × faster than two openssl (more than 1)",
        verdict(ssl > 1.0)
    );

    let child = Command::new(std::env::current_exe().expect("own path"))
        .arg("--digest-only")
        .arg(&folder)
        .output()
        .expect("itself");
    let text = String::from_utf8(child.stdout).expect("text");
    let (again, peak) = text.trim().split_once(' ').expect("digest and memory");
    assert_eq!(again, tree.digest.to_string());
    let peak: u64 = peak.parse().unwrap_or(0);
    println!(
        "{} {:.1} MiB peak memory of a process that only digests (below 64)",
        verdict(peak > 0 && peak < 64 << 10),
        peak as f64 / 1024.0
    );
}

fn digest(folder: &Path, threads: usize) -> tree::Tree {
    tree::digest(
        &TreeSpec::whole(folder),
        &TreeOptions {
            threads,
            ..TreeOptions::default()
        },
    )
    .expect("digest")
}

/// The least work possible.
fn bare_loop(folder: &Path, threads: usize) {
    let files = list(folder);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0; 128 << 10];
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut file = File::open(path).expect("open");
                    let mut hasher = Sha256::new();
                    loop {
                        match file.read(&mut buffer).expect("read") {
                            0 => break,
                            got => hasher.update(&buffer[..got]),
                        }
                    }
                    std::hint::black_box(hasher.finalize());
                }
            });
        }
    });
}

/// Every regular file below `folder`, by file type alone.
fn list(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("list") {
            let entry = entry.expect("entry");
            let kind = entry.file_type().expect("type");
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files
}

/// Ready lists for the other programs, so that they need not walk.
struct Lists {
    sums: PathBuf,
    halves: [PathBuf; 2],
}

impl Lists {
    fn new(folder: &Path, files: &[PathBuf]) -> Self {
        let lists = Self {
            sums: folder.join("sums"),
            halves: [folder.join("half-0"), folder.join("half-1")],
        };
        let mut sums = File::create(&lists.sums).expect("list");
        let mut halves = [(0, Vec::new()), (0, Vec::new())];
        for path in files {
            let content = std::fs::read(path).expect("read");
            let hex: String = Sha256::digest(&content)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            writeln!(sums, "{hex}  {}", path.display()).expect("write");
            let half = usize::from(halves[1].0 < halves[0].0);
            halves[half].0 += content.len();
            halves[half]
                .1
                .extend_from_slice(path.as_os_str().as_encoded_bytes());
            halves[half].1.push(0);
        }
        for (path, (_, list)) in lists.halves.iter().zip(halves) {
            std::fs::write(path, list).expect("list");
        }
        lists
    }

    fn sha256sum(&self) {
        let status = Command::new("sha256sum")
            .args(["-c", "--status"])
            .arg(&self.sums)
            .status()
            .expect("sha256sum");
        assert!(status.success(), "sha256sum -c");
    }

    fn openssl(&self) {
        let start = |list: &PathBuf| {
            let mut xargs = Command::new("xargs");
            xargs
                .args(["-0", "-s", "1000000", "-a"])
                .arg(list)
                .args(["openssl", "dgst", "-sha256"]);
            xargs.stdout(Stdio::null()).spawn().expect("openssl")
        };
        for mut child in self.halves.each_ref().map(start) {
            assert!(child.wait().expect("wait").success(), "openssl dgst");
        }
    }
}

/// 4,000 files of the sizes that npm packages have, some 60 MB.
fn make_data(folder: &Path) -> PathBuf {
    let root = folder.join("data");
    for n in 0..4000_usize {
        let package = root.join(format!("package-{:03}/dist", n % 200));
        std::fs::create_dir_all(&package).expect("folder");
        let size = match n % 100 {
            0 => 800_000,
            1..=9 => 40_000,
            _ => 400 + (n * 37) % 5000,
        };
        let bytes: Vec<u8> = (0..size).map(|at| (at * 31 + n).to_le_bytes()[0]).collect();
        std::fs::write(package.join(format!("file-{n}.js")), bytes).expect("file");
    }
    root
}

fn time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn verdict(good: bool) -> &'static str {
    if good { "ok      " } else { "MISSED  " }
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        line.strip_prefix("model name")?
            .split_once(": ")
            .map(|(_, model)| model.to_owned())
    });
    model.unwrap_or_else(|| "unknown".to_owned())
}

/// The most memory that this process ever held, in KiB; 0 where the system does not tell.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    line.split_whitespace()
        .next()
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0)
}
