//! How fast and how small the tree digest is, against other ways to hash the same files:
//!
//! 1. the floor: one thread walks while the others open, fstat, read 128 KiB at a time and hash with the same SHA-256; no checks at all;
//! 2. a bare loop: walk, then the same;
//! 3. `sha256sum -c` over a ready list;
//! 4. two `openssl dgst -sha256` side by side, each over half of the bytes;
//! 5. `b3sum --check` and `rhash --check` with SHA-256 over ready lists, where they are installed.
//!
//! `cargo bench -p openclaw-verify-core --bench tree -- [FOLDER] [RUNS]`; without a folder it makes its own data. Every run does all of
//! them in turn, so that a busy machine slows all; the figure is the median of the ratios. CPU time is that of this process and of the
//! programs that it started, user and system, which other work on the machine changes less.
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
use std::time::Instant;

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

    let contestants = contestants(&folder, threads, &lists);
    let mut wall: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    let mut cpu = wall.clone();
    for run in 0..=runs {
        for (at, contestant) in contestants.iter().enumerate() {
            let (started, used) = (Instant::now(), cpu_seconds());
            (contestant.work)();
            // The first round warms the page cache.
            if run > 0 {
                wall[at].push(started.elapsed().as_secs_f64());
                cpu[at].push(cpu_seconds() - used);
            }
        }
    }
    println!("runs     {runs}, medians:");
    for (contestant, (wall, cpu)) in contestants.iter().zip(wall.iter().zip(&cpu)) {
        let (wall, cpu) = (median(wall.clone()), median(cpu.clone()));
        println!(
            "         {:<16} {wall:.3} s, {cpu:.3} s of CPU",
            contestant.name
        );
    }
    for (at, contestant) in contestants.iter().enumerate() {
        for (wanted, times, unit) in [
            (contestant.wall, &wall, "the time"),
            (contestant.cpu, &cpu, "the CPU time"),
        ] {
            let Some(most) = wanted else { continue };
            let ratios = times[0].iter().zip(&times[at]).map(|(a, b)| a / b);
            let ratio = median(ratios.collect());
            println!(
                "{} {ratio:.3} × {unit} of {} (at most {most})",
                verdict(ratio <= most),
                contestant.name
            );
        }
    }

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

/// One way to hash the files.
struct Contestant<'a> {
    name: &'static str,
    work: Box<dyn Fn() + 'a>,
    /// At most so many times its wall time the digest may take; none where that says nothing.
    wall: Option<f64>,
    /// The same of CPU time.
    cpu: Option<f64>,
}

/// The digest first, then what it is compared with.
fn contestants<'a>(folder: &'a Path, threads: usize, lists: &'a Lists) -> Vec<Contestant<'a>> {
    let one = |name, wall, cpu, work: Box<dyn Fn() + 'a>| Contestant {
        name,
        work,
        wall,
        cpu,
    };
    let mut all = vec![
        one(
            "digest",
            None,
            None,
            Box::new(move || drop(digest(folder, threads))),
        ),
        one(
            "floor",
            Some(1.05),
            Some(1.05),
            Box::new(move || floor(folder, threads)),
        ),
        one(
            "bare loop",
            Some(1.15),
            None,
            Box::new(move || bare_loop(folder, threads)),
        ),
        one(
            "sha256sum -c",
            Some(0.2),
            None,
            Box::new(|| lists.sha256sum()),
        ),
        one("openssl", Some(1.0), None, Box::new(|| lists.openssl())),
    ];
    if installed("b3sum") {
        all.push(one(
            "b3sum --check",
            None,
            Some(1.0),
            Box::new(|| lists.b3sum()),
        ));
    } else {
        println!("not here: b3sum");
    }
    if installed("rhash") {
        all.push(one(
            "rhash --check",
            None,
            Some(1.0),
            Box::new(|| lists.rhash()),
        ));
    } else {
        println!("not here: rhash");
    }
    all
}

fn installed(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// The least work possible, with nothing waiting: files are hashed while the walk goes on.
fn floor(folder: &Path, threads: usize) {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<PathBuf>>(64);
    let receiver = std::sync::Mutex::new(receiver);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0; 128 << 10];
                loop {
                    let batch = receiver.lock().expect("no panic").recv();
                    let Ok(batch) = batch else { break };
                    for path in batch {
                        let file = File::open(&path).expect("open");
                        std::hint::black_box(file.metadata().expect("fstat"));
                        hash(file, &mut buffer);
                    }
                }
            });
        }
        let mut batch = Vec::new();
        walk(folder, |path| {
            batch.push(path);
            if batch.len() == 64 {
                sender.send(std::mem::take(&mut batch)).expect("a reader");
            }
        });
        sender.send(batch).expect("a reader");
        drop(sender);
    });
}

fn hash(mut file: File, buffer: &mut [u8]) {
    let mut hasher = Sha256::new();
    loop {
        match file.read(buffer).expect("read") {
            0 => break,
            got => hasher.update(&buffer[..got]),
        }
    }
    std::hint::black_box(hasher.finalize());
}

/// The same in two steps.
fn bare_loop(folder: &Path, threads: usize) {
    let files = list(folder);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0; 128 << 10];
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    hash(File::open(path).expect("open"), &mut buffer);
                }
            });
        }
    });
}

/// Every regular file below `folder`, by file type alone.
fn list(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(folder, |path| files.push(path));
    files
}

fn walk(folder: &Path, mut found: impl FnMut(PathBuf)) {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("list") {
            let entry = entry.expect("entry");
            let kind = entry.file_type().expect("type");
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found(entry.path());
            }
        }
    }
}

/// Ready lists for the other programs, so that they need not walk.
struct Lists {
    sums: PathBuf,
    /// For b3sum, which makes it itself.
    blake3: PathBuf,
    halves: [PathBuf; 2],
}

impl Lists {
    fn new(folder: &Path, files: &[PathBuf]) -> Self {
        let lists = Self {
            sums: folder.join("sums"),
            blake3: folder.join("blake3"),
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
        if installed("b3sum") {
            let sums = lists.halves.each_ref().map(|half| {
                let mut xargs = Command::new("xargs");
                xargs.args(["-0", "-s", "1000000", "-a"]).arg(half);
                xargs.arg("b3sum").output().expect("b3sum").stdout
            });
            std::fs::write(&lists.blake3, sums.concat()).expect("list");
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

    fn b3sum(&self) {
        let mut b3sum = Command::new("b3sum");
        b3sum.args(["--check", "--quiet"]).arg(&self.blake3);
        let status = b3sum.stdout(Stdio::null()).status();
        assert!(status.expect("b3sum").success(), "b3sum --check");
    }

    fn rhash(&self) {
        let mut rhash = Command::new("rhash");
        rhash
            .args(["--sha256", "--check", "--skip-ok"])
            .arg(&self.sums);
        let status = rhash.stdout(Stdio::null()).status();
        assert!(status.expect("rhash").success(), "rhash --check");
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

/// User and system time of this process and of its children that ended, in seconds; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(4);
    // Linux tells all programs of 100 ticks a second.
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
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
