//! The examples of the pages: each is run here or by a test that `examples/table.txt` names, or the table says why it is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use openclaw_verify_core::lock::Lock;
use openclaw_verify_core::policy::Policy;
use openclaw_verify_core::review::Reviews;
use openclaw_verify_core::rules;

use crate::support::{Installation, Run, copy, repository};

#[allow(dead_code, reason = "an example that has to compile")]
mod embedding;

const TABLE: &str = "crates/verify-cli/tests/it/examples/table.txt";
/// Folders with pages; of `docs` also the findings.
const PAGES: [&str; 10] = [
    ".",
    "docs",
    "docs/findings",
    "packages/npm",
    "packages/python",
    "packages/openclaw-plugin",
    "fleet",
    "profiles",
    "crates/verify-core",
    "crates/verify-cli",
];
/// Pages for people who change this project, not for those who use it.
const OTHERS: [&str; 2] = ["CHANGELOG.md", "CONTRIBUTING.md"];

/// A block of code of a page: from a fence, or what is indented by four and stands after an empty line.
struct Block {
    /// Page and line, for messages.
    place: String,
    page: String,
    /// Of a fence; empty for indented text.
    language: String,
    text: String,
}

/// What a block or a part of it is.
enum Part<'b> {
    Command(String),
    Toml(&'b str),
    Finding(&'b str),
}

/// What becomes of an example.
#[derive(Clone)]
enum How {
    /// Run here: the exit code, what has to be printed, what is done before.
    Run(i32, String, String),
    /// Run by another test: its file, and words of it.
    Tested(String, String),
    /// Why not.
    NotRun,
}

struct Table {
    rows: Vec<(String, How)>,
    /// What takes the place of words of the pages, in this order.
    put: Vec<(String, String)>,
}

#[test]
fn every_example_of_the_pages_is_run_or_its_reason_is_listed() {
    let table = table();
    let mut wrong = Vec::new();
    let mut used = vec![false; table.rows.len()];
    let mut here: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
    for block in pages() {
        for example in block.examples() {
            let Some(row) = table.row(&example) else {
                wrong.push(format!("{}: not in {TABLE}: {example}", block.place));
                continue;
            };
            used[row] = true;
            let examples = here.entry(row).or_default();
            if examples.iter().all(|(_, other)| *other != example) {
                examples.push((block.place.clone(), example));
            }
        }
    }
    for ((line, how), used) in table.rows.iter().zip(used) {
        if !used {
            wrong.push(format!("{TABLE}: no page has: {line}"));
        }
        if let How::Tested(file, words) = how {
            let text = fs::read_to_string(repository().join(file)).unwrap_or_default();
            if !text.contains(words.as_str()) {
                wrong.push(format!("{TABLE}: {file} does not say {words:?}"));
            }
        }
    }
    wrong.extend(run_all(&table, &here));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_in_a_page_is_read_by_the_strict_reader() {
    let (mut read, mut wrong) = (0, Vec::new());
    for block in pages() {
        for part in block.parts() {
            let Part::Toml(text) = part else { continue };
            read += 1;
            if let Err(error) = strictly(text) {
                wrong.push(format!("{}: {error}\n{text}", block.place));
            }
        }
    }
    assert!(read > 20, "{read}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_finding_in_a_page_is_one() {
    let mut read = 0;
    for block in pages() {
        for part in block.parts() {
            let Part::Finding(text) = part else { continue };
            read += 1;
            let id = text.split_whitespace().nth(1).unwrap_or_default();
            assert!(
                rules::catalogue().iter().any(|rule| rule.id == id),
                "{}: no rule {id}",
                block.place
            );
        }
    }
    assert!(read > 60, "{read}");
}

#[test]
fn the_rust_of_the_pages_is_what_is_compiled() {
    let compiled = include_str!("examples/embedding.rs");
    let mut rust = pages().into_iter().filter(|block| {
        // That of a crate's own page is a test of its documentation.
        block.language == "rust" && block.page.starts_with("docs/")
    });
    let block = rust.next().expect("docs/installers.md has an example");
    assert_eq!(block.text, compiled, "{}", block.place);
    assert!(rust.next().is_none());
}

#[test]
fn the_record_of_the_pages_can_be_imported() {
    // The requests of docs/installers.md are read by a test of the formats.
    let mut json = pages()
        .into_iter()
        .filter(|block| block.language == "json" && !block.page.ends_with("installers.md"));
    let block = json.next().expect("docs/formats.md has a record");
    assert!(json.next().is_none());
    let installation = Installation::empty();
    fs::write(installation.home.join("record.json"), &block.text).expect("file");
    let file = installation.home.join("record.json");
    let run = installation.run(&["advisories", "import", file.to_str().expect("path")]);
    assert_eq!(run.code, 0, "{}: {}", block.place, run.text());
}

/// Reads an operator's file, or a part of one, as the program does. Digests that are left out are filled in.
fn strictly(text: &str) -> Result<(), String> {
    let hex = "0f".repeat(32);
    let mut filled = text
        .replace("sha256:…", &format!("sha256:{hex}"))
        .replace("ssh:SHA256:...", &format!("ssh:SHA256:{}", "A".repeat(43)))
        .replace("\"sha256:...", &format!("\"sha256:{hex}"))
        .replace("sha512-...", &format!("sha512-{}==", "A".repeat(86)))
        .replace("\"...\"", &format!("\"{}\"", "0f".repeat(20)));
    // Those of trees differ.
    for (number, _) in text.matches("git-sha256:...").enumerate() {
        let tree = format!("git-sha256:{number:064x}");
        filled = filled.replacen("git-sha256:...", &tree, 1);
    }
    if filled.starts_with("[dependencies]") {
        return Ok(());
    }
    if !filled.contains("version = 1\n") || filled.starts_with('[') {
        filled = format!("version = 1\n\n{filled}");
    }
    let path = Path::new("example.toml");
    let read = if filled.contains("[[package]]") {
        Lock::parse(path, &filled).map(drop)
    } else if filled.contains("[[review]]") {
        Reviews::parse(path, &filled).map(drop)
    } else {
        let today = jiff::civil::date(2026, 11, 22);
        Policy::parse(path, &filled, &rules::infos(), today).map(drop)
    };
    read.map_err(|error| format!("{error}"))
}

/// Runs what is to be run here, each on a copy of its own.
fn run_all(table: &Table, examples: &BTreeMap<usize, Vec<(String, String)>>) -> Vec<String> {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let root = temporary.path().canonicalize().expect("real path");
    let base = root.join("base");
    fs::create_dir(&base).expect("folder");
    let made = Command::new(repository().join(TABLE).with_file_name("base.sh"))
        .arg(repository())
        .arg(env!("CARGO_BIN_EXE_openclaw-verify"))
        .current_dir(&base)
        .output()
        .expect("base.sh");
    assert!(made.status.success(), "{}", Run::of(&made).text());
    let all: Vec<(&How, &String, &String)> = examples
        .iter()
        .flat_map(|(row, examples)| examples.iter().map(|(p, e)| (&table.rows[*row].1, p, e)))
        .filter(|(how, ..)| matches!(how, How::Run(..)))
        .collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((how, place, example)) =
                    all.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let home = root.join(format!("{:p}", *example));
                    copy(&base, &home);
                    if let Some(fault) = run(table, how, &home, example) {
                        let mut wrong = wrong.lock().expect("no panic");
                        wrong.push(format!("{place}: {example}\n{fault}"));
                    }
                    fs::remove_dir_all(&home).expect("remove");
                }
            });
        }
    });
    assert!(all.len() > 100, "{}", all.len());
    wrong.into_inner().expect("no panic")
}

/// What is wrong with a run of the example, if anything is.
fn run(table: &Table, how: &How, home: &Path, example: &str) -> Option<String> {
    let How::Run(code, says, before) = how else {
        return None;
    };
    let mut line = example.to_owned();
    for (words, other) in &table.put {
        line = line.replace(words, other);
    }
    let script = format!("set -e -o pipefail\n{before}\nset +e\n{line}\n");
    let mut command = Command::new("timeout");
    command
        .args(["60", "bash", "-c", &script])
        .env_clear()
        .env("HOME", home)
        .env("REPOSITORY", repository())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("PATH", format!("{}/bin:/usr/bin:/bin", home.display()))
        .current_dir(home.join("openclaw-policy"))
        .stdin(std::process::Stdio::null());
    let run = Run::of(&command.output().expect("bash"));
    let good = run.code == *code && run.text().contains(says.as_str());
    (!good).then(|| {
        format!(
            "  run as {line}\n  exit {}, not {code} with {says:?}\n{}",
            run.code,
            run.text()
        )
    })
}

fn table() -> Table {
    let text = fs::read_to_string(repository().join(TABLE)).expect(TABLE);
    let (mut rows, mut put, mut how) = (Vec::new(), Vec::new(), How::NotRun);
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
        } else if let Some(put_line) = line.strip_prefix("put: ") {
            let (words, other) = put_line.split_once(" => ").expect("put: WORDS => OTHER");
            put.push((words.to_owned(), other.to_owned()));
        } else if let Some(code) = line.strip_prefix("== exit ") {
            how = How::Run(code.parse().expect("a code"), String::new(), String::new());
        } else if let Some(named) = line.strip_prefix("== tested by ") {
            let (file, words) = named.split_once(": ").expect("FILE: WORDS");
            how = How::Tested(file.to_owned(), words.to_owned());
        } else if let Some(why) = line.strip_prefix("== not run: ") {
            assert!(why.len() > 20, "a reason: {why}");
            how = How::NotRun;
        } else if let (Some(words), How::Run(_, says, _)) = (line.strip_prefix("says: "), &mut how)
        {
            words.clone_into(says);
        } else if let (Some(line), How::Run(.., before)) = (line.strip_prefix("after: "), &mut how)
        {
            before.push_str(line);
            before.push('\n');
        } else {
            assert!(!line.starts_with("=="), "{line}");
            let twice = rows.iter().any(|(other, _)| other == line);
            assert!(!twice, "{TABLE}: twice: {line}");
            rows.push((line.to_owned(), how.clone()));
        }
    }
    Table { rows, put }
}

impl Table {
    /// The row of an example: the line itself, else a beginning of it that ends in ` *`.
    fn row(&self, example: &str) -> Option<usize> {
        let same = self.rows.iter().position(|(line, _)| line == example);
        same.or_else(|| {
            self.rows.iter().position(|(line, _)| {
                line.strip_suffix('*')
                    .is_some_and(|start| start.ends_with(' ') && example.starts_with(start))
            })
        })
    }
}

fn pages() -> Vec<Block> {
    let root = repository();
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in PAGES {
        let folder = fs::read_dir(root.join(folder)).expect(folder);
        let of = folder.flatten().map(|entry| entry.path());
        files.extend(of.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    files.retain(|path| !OTHERS.iter().any(|name| path.ends_with(name)));
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("page");
        let page = file.strip_prefix(&root).expect("inside").display();
        found.extend(blocks(&page.to_string(), &text));
    }
    assert!(found.len() > 200, "{}", found.len());
    found
}

fn blocks(page: &str, text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    // Whether the last block goes on, and whether it is fenced.
    let (mut open, mut fenced, mut after_empty) = (false, false, true);
    for (at, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        let starts = |language: &str| Block {
            place: format!("{page}:{}", at + 1),
            page: page.to_owned(),
            language: language.to_owned(),
            text: String::new(),
        };
        if let Some(language) = fence {
            fenced = !fenced;
            open = fenced;
            if fenced {
                found.push(starts(language.trim()));
            }
        } else if fenced || (open && line.is_empty()) {
            push(&mut found, line);
        } else if let (Some(inside), true) = (line.strip_prefix("    "), open || after_empty) {
            if !open {
                found.push(starts(""));
            }
            open = true;
            push(&mut found, inside);
        } else {
            open = false;
        }
        after_empty = line.is_empty();
    }
    found
}

fn push(blocks: &mut [Block], line: &str) {
    if let Some(block) = blocks.last_mut() {
        block.text.push_str(line);
        block.text.push('\n');
    }
}

impl Block {
    /// The command lines, and one example for a block in another language.
    fn examples(&self) -> Vec<String> {
        if !matches!(self.language.as_str(), "" | "toml") {
            return vec![format!("{} in {}", self.language, self.page)];
        }
        let commands = self.parts().into_iter().filter_map(|part| match part {
            Part::Command(line) => Some(line),
            _ => None,
        });
        commands.collect()
    }

    fn parts(&self) -> Vec<Part<'_>> {
        if self.language == "toml" {
            return vec![Part::Toml(&self.text)];
        }
        if !self.language.is_empty() {
            return Vec::new();
        }
        if self.text.starts_with("$ ") {
            let lines = self.text.lines();
            let commands = lines.filter_map(|line| line.strip_prefix("$ "));
            return commands
                .map(|line| Part::Command(line.to_owned()))
                .collect();
        }
        let mut parts = Vec::new();
        for part in self.text.split("\n\n").map(str::trim_end) {
            let first = part.split(' ').next().unwrap_or_default();
            match first {
                "deny" | "warn" | "note" => return vec![Part::Finding(part)],
                _ if part.starts_with('[') => parts.push(Part::Toml(part)),
                _ => parts.extend(commands(part).into_iter().map(Part::Command)),
            }
        }
        parts
    }
}

/// The lines of a shell, without what is said beside them.
fn commands(part: &str) -> Vec<String> {
    let joined = part.replace("\\\n", "");
    let line = |line: &str| {
        let said = line.find("  #").unwrap_or(line.len());
        let words: Vec<&str> = line[..said].split_whitespace().collect();
        words.join(" ")
    };
    let lines = joined.lines().map(line);
    let said = |line: &String| line.is_empty() || line.starts_with('#');
    lines.filter(|line| !said(line)).collect()
}
