//! The house keeps its order: which room may import which, where the ids of rules stand, and that the library names no command.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use openclaw_verify_core::rules;

use crate::support::repository;

/// The rooms of the library from the lowest to the highest: each may import what stands before it, and nothing else.
const ROOMS: [&str; 35] = [
    "text",
    "digest",
    "signature",
    "read",
    "temporary",
    "sqlite",
    "json",
    "error",
    "fact",
    "subject",
    "finding",
    "operator_file",
    "toml_file",
    "version",
    "spec",
    "nix",
    "tree",
    "archive",
    "git",
    "npm",
    "launcher",
    "advisories",
    "lock",
    "policy",
    "review",
    "provenance",
    "release",
    "registry",
    "inventory",
    "evidence",
    "rules",
    "report",
    "sbom",
    "verifier",
    "gate",
];

/// Words that are also ids of rules, and mean something else where they stand: where paths begin so, the word, what it is there.
const OTHER_MEANINGS: [(&str, &str, &str); 9] = [
    (
        "core/src/report/checklist.rs",
        "not-established",
        "an outcome",
    ),
    ("core/src/fact.rs", "not-established", "an outcome"),
    ("core/src/sbom/", "not-established", "an outcome"),
    ("cli/src/verbs/npm.rs", "not-established", "an outcome"),
    (
        "cli/src/render/prometheus.rs",
        "not-established",
        "an outcome",
    ),
    ("core/src/policy/validate/", "unrecorded", "a scheme of ids"),
    ("core/src/inventory/", "unrecorded", "a scheme of ids"),
    ("core/src/subject.rs", "unrecorded", "a source"),
    (
        "core/src/review/append.rs",
        "violation",
        "a table of the reviews file",
    ),
];

/// Texts of files that are written for people and name the program that wrote them.
const HEADERS: [&str; 3] = [
    "core/src/lock/write.rs",
    "core/src/review/append.rs",
    // Requirements are those of "openclaw-verify policy".
    "core/src/sbom/declarations.rs",
];

/// Rooms whose subject are the command lines of other programs.
const FOREIGN_FLAGS: [&str; 8] = [
    "core/src/launcher",
    "core/src/inventory/mcp_local",
    "core/src/inventory/other_host.rs",
    "core/src/inventory/planted/programs.rs",
    "core/src/sbom/service.rs",
    "core/src/inventory/mcp_spec.rs",
    "core/src/inventory/machine/units/mod.rs",
    "core/src/rules/remedies.rs",
];

#[test]
fn arrows_only_point_down() {
    let rank = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    for (path, source) in sources("core") {
        let room = room_of(&path);
        if room == "lib" {
            continue;
        }
        let Some(own) = rank(&room) else {
            wrong.push(format!("{path}: the room `{room}` is in no order"));
            continue;
        };
        for other in imports(&product(&source)) {
            match rank(&other) {
                Some(other_rank) if other_rank <= own => {}
                Some(_) => wrong.push(format!("{path}: imports `{other}` from above")),
                None => wrong.push(format!("{path}: imports `{other}`, which is no room")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn ids_of_rules_stand_in_rules_only() {
    let ids: BTreeSet<&str> = rules::catalogue().iter().map(|rule| rule.id).collect();
    let mut wrong = Vec::new();
    for (path, source) in sources("core").into_iter().chain(sources("cli")) {
        if path.starts_with("core/src/rules/") {
            continue;
        }
        for text in literals(&product(&source)) {
            let excepted = OTHER_MEANINGS
                .iter()
                .any(|(place, word, _)| path.starts_with(place) && *word == text);
            if ids.contains(text.as_str()) && !excepted && !is_clap(&path) {
                wrong.push(format!("{path}: \"{text}\""));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_library_names_no_flag_and_no_verb_of_the_command() {
    let (flags, verbs) = command_line();
    assert!(flags.len() > 40 && verbs.len() > 12, "{flags:?} {verbs:?}");
    let mut wrong = Vec::new();
    for (path, source) in sources("core") {
        let foreign = |prefix: &&str| path.starts_with(prefix);
        if FOREIGN_FLAGS.iter().any(foreign) || HEADERS.contains(&path.as_str()) {
            continue;
        }
        for text in literals(&product(&source)) {
            let words = || text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            if let Some(flag) = words().find(|word| flags.contains(*word)) {
                wrong.push(format!("{path}: {flag} in \"{text}\""));
            }
            if let Some((_, after)) = text.split_once("openclaw-verify ")
                && verbs.contains(after.split(' ').next().unwrap_or_default())
            {
                wrong.push(format!("{path}: \"{text}\""));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A script that only its author's shell knows how to start ends a run of CI with "Permission denied".
#[test]
fn scripts_are_executable() {
    let mut scripts = 0;
    let mut folders = [".ci", "ci", "scripts"]
        .map(|name| repository().join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).unwrap().starts_with(b"#!") {
                scripts += 1;
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o111, 0o111, "chmod +x {}", path.display());
            }
        }
    }
    assert!(scripts > 20, "{scripts} scripts");
}

/// Whether the words of a file are names of arguments.
fn is_clap(path: &str) -> bool {
    path.starts_with("cli/src/cli")
}

/// The flags and verbs of the command, as its own help lists them.
fn command_line() -> (BTreeSet<String>, BTreeSet<String>) {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"))
            .args(arguments)
            .arg("--help")
            .output()
            .expect("help");
        String::from_utf8(output.stdout).expect("text")
    };
    let own = help(&[]);
    // A verb stands two columns in, and so does nothing else between usage and options.
    let verbs: BTreeSet<String> = own
        .lines()
        .skip_while(|line| !line.starts_with("Usage:"))
        .take_while(|line| !line.starts_with("Options:"))
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    let pages = verbs.iter().map(|verb| help(&[verb])).chain([own]);
    let flags = pages
        .flat_map(|page| {
            let words = page.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            words
                .filter(|word| word.starts_with("--") && word.len() > 3)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    (flags, verbs)
}

/// Every source file of a crate: its path below `crates`, without `verify-`, and its text.
fn sources(of: &str) -> Vec<(String, String)> {
    let root = repository().join("crates").join(format!("verify-{of}"));
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.join("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !is_test(&path) {
                let shown = path.strip_prefix(&root).expect("inside").to_string_lossy();
                let text = fs::read_to_string(&path).expect("source");
                found.push((format!("{of}/{shown}"), text));
            }
        }
    }
    assert!(found.len() > 15, "{of}");
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name == "tests" || name.ends_with("_tests")
}

/// A source without its unit tests and comments.
fn product(source: &str) -> String {
    let tests = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\nmod tests{"];
    let end = tests.iter().filter_map(|mark| source.find(mark)).min();
    let source = &source[..end.unwrap_or(source.len())];
    let lines = source.lines().map(|line| {
        let trimmed = line.trim_start();
        if trimmed.starts_with("//") { "" } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn room_of(path: &str) -> String {
    let inside = path.strip_prefix("core/src/").expect("the library");
    let first = inside.split('/').next().unwrap_or_default();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a source names after `crate::`, also in a list of braces.
fn imports(source: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for (at, mark) in source.match_indices("crate::") {
        let before = source[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &source[at + mark.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let end = list.find("};").unwrap_or(list.len());
        let mut depth = 0;
        let mut fresh = true;
        for (at, c) in list[..end].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => fresh = true,
                c if fresh && depth == 0 && !c.is_whitespace() => {
                    found.insert(word(&list[at..]));
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    // What starts with a capital letter is an item of the crate's root.
    found.retain(|name| !name.is_empty());
    found
}

/// The string literals of a source, joined over line ends.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = source.chars().peekable();
    let mut open: Option<String> = None;
    while let Some(c) = chars.next() {
        match (&mut open, c) {
            (Some(_), '"') => found.extend(open.take()),
            (Some(text), '\\') => match chars.next() {
                Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                Some(other) => text.push(other),
                None => {}
            },
            (Some(text), c) => text.push(c),
            (None, '"') => open = Some(String::new()),
            // A character literal may hold a quote.
            (None, '\'') => {
                if chars.peek() == Some(&'"') || chars.peek() == Some(&'\\') {
                    let escaped = chars.next() == Some('\\');
                    if escaped {
                        chars.next();
                    }
                    chars.next_if(|c| *c == '\'');
                }
            }
            (None, _) => {}
        }
    }
    found
}
