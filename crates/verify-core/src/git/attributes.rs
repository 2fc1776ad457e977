//! Line endings as the `.gitattributes` files *of a commit* ask for them (`gitattributes(5)`, "End-of-line conversion").
//!
//! Only what turns LF into CRLF at checkout is read: `text`, `crlf`, `eol` and macros of them. The reader's own configuration
//! (`core.autocrlf`, `core.eol`) plays no part, so a file without an `eol=crlf` is never converted.

use std::collections::HashMap;

use super::tree::read_blob;
use super::{CommitTree, GitError, ObjectReader, TreeLimits};
use crate::tree::Mode;

/// Bytes of one `.gitattributes`; git's own limit is 100 MiB.
const FILE_LIMIT: u64 = 1 << 20;
/// Rules in all files of a commit. With more, nothing is converted.
const RULE_LIMIT: usize = 4096;

/// The line-ending attributes of a commit.
#[derive(Debug, Default)]
pub struct Attributes {
    /// In order of precedence: what comes later wins.
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// Folder of the file that holds the rule, with `/` at its end; empty at the top.
    folder: String,
    pattern: String,
    settings: Vec<(Attribute, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Attribute {
    Text,
    Crlf,
    Eol,
    /// `working-tree-encoding`, `filter` or `ident`: the file is not converted here at all.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Set,
    Unset,
    Unspecified,
    Text(String),
}

impl Attributes {
    /// Reads all `.gitattributes` files of a commit.
    ///
    /// # Errors
    /// What keeps one of them from being read.
    pub fn of_commit(commit: &CommitTree, reader: &mut ObjectReader<'_>) -> Result<Self, GitError> {
        let limits = TreeLimits {
            file_bytes: FILE_LIMIT,
            ..TreeLimits::default()
        };
        let is_attributes =
            |path: &str| path == ".gitattributes" || path.ends_with("/.gitattributes");
        let mut files: Vec<_> = commit
            .entries
            .iter()
            .filter(|entry| entry.mode != Mode::Symlink && is_attributes(&entry.path))
            .collect();
        // A file deeper in the tree wins over those above it.
        files.sort_by_key(|entry| entry.path.matches('/').count());
        let mut attributes = Self::default();
        let mut macros =
            HashMap::from([("binary".to_owned(), vec![(Attribute::Text, Value::Unset)])]);
        for file in files {
            let folder = file.path.strip_suffix(".gitattributes").unwrap_or_default();
            attributes.read(folder, &read_blob(reader, file, &limits)?, &mut macros);
            if attributes.rules.len() > RULE_LIMIT {
                return Ok(Self::default());
            }
        }
        Ok(attributes)
    }

    /// The bytes that a checkout writes for a blob when they differ from the blob: every lone LF as CRLF.
    #[must_use]
    pub fn checked_out(&self, path: &str, blob: &[u8]) -> Option<Vec<u8>> {
        let mut found: HashMap<Attribute, &Value> = HashMap::new();
        for rule in self.rules.iter().filter(|rule| rule.matches(path)) {
            found.extend(
                rule.settings
                    .iter()
                    .map(|(attribute, value)| (*attribute, value)),
            );
        }
        let get = |attribute| {
            found
                .get(&attribute)
                .copied()
                .filter(|value| **value != Value::Unspecified)
        };
        if get(Attribute::Other).is_some_and(|value| *value != Value::Unset) {
            return None;
        }
        // `crlf` is the old name of `text`; it counts where `text` says nothing.
        let auto = match get(Attribute::Text).or_else(|| get(Attribute::Crlf)) {
            Some(Value::Unset) => return None,
            Some(Value::Text(text)) if text == "input" => return None,
            Some(Value::Text(text)) if text == "auto" => true,
            _ => false,
        };
        if !matches!(get(Attribute::Eol), Some(Value::Text(eol)) if eol == "crlf") {
            return None;
        }
        let stats = Stats::of(blob);
        if stats.lone_lf == 0 || (auto && (stats.crlf > 0 || stats.looks_binary())) {
            return None;
        }
        let mut bytes = Vec::with_capacity(blob.len() + stats.lone_lf);
        let mut previous = 0;
        for &byte in blob {
            if byte == b'\n' && previous != b'\r' {
                bytes.push(b'\r');
            }
            bytes.push(byte);
            previous = byte;
        }
        Some(bytes)
    }

    fn read(
        &mut self,
        folder: &str,
        bytes: &[u8],
        macros: &mut HashMap<String, Vec<(Attribute, Value)>>,
    ) {
        for line in String::from_utf8_lossy(bytes).lines() {
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') || line.starts_with('!') {
                continue;
            }
            let (pattern, settings) = split_pattern(line);
            let settings = settings.split([' ', '\t']).filter(|word| !word.is_empty());
            let settings: Vec<_> = settings
                .flat_map(|word| parse_setting(word, macros))
                .collect();
            match pattern.strip_prefix("[attr]") {
                // git takes macros from the top file only.
                Some(name) if folder.is_empty() => {
                    macros.insert(name.to_owned(), settings);
                }
                Some(_) => {}
                None if settings.is_empty() => {}
                None => self.rules.push(Rule {
                    folder: folder.to_owned(),
                    pattern,
                    settings,
                }),
            }
        }
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix(&self.folder) else {
            return false;
        };
        match self.pattern.strip_prefix('/') {
            Some(pattern) => matches_path(pattern, path),
            None if self.pattern.contains('/') => matches_path(&self.pattern, path),
            None => matches_path(&self.pattern, path.rsplit('/').next().unwrap_or(path)),
        }
    }
}

/// The pattern at the start of a line, which may be quoted as in C, and the rest.
fn split_pattern(line: &str) -> (String, &str) {
    if let Some(quoted) = line.strip_prefix('"')
        && let Some(end) = quoted.find('"')
        && !quoted[..end].contains('\\')
    {
        return (quoted[..end].to_owned(), &quoted[end + 1..]);
    }
    let end = line.find([' ', '\t']).unwrap_or(line.len());
    (line[..end].to_owned(), &line[end..])
}

fn parse_setting(
    word: &str,
    macros: &HashMap<String, Vec<(Attribute, Value)>>,
) -> Vec<(Attribute, Value)> {
    let (name, value) = match (
        word.strip_prefix('-'),
        word.strip_prefix('!'),
        word.split_once('='),
    ) {
        (Some(name), _, _) => (name, Value::Unset),
        (_, Some(name), _) => (name, Value::Unspecified),
        (_, _, Some((name, value))) => (name, Value::Text(value.to_owned())),
        _ => (word, Value::Set),
    };
    let attribute = match name {
        "text" => Attribute::Text,
        "crlf" => Attribute::Crlf,
        "eol" => Attribute::Eol,
        "working-tree-encoding" | "filter" | "ident" => Attribute::Other,
        _ if value == Value::Set => return macros.get(name).cloned().unwrap_or_default(),
        _ => return Vec::new(),
    };
    vec![(attribute, value)]
}

/// `*` and `?` within one name, `**` across names, `[…]` sets. An odd pattern matches nothing, so that nothing is converted.
fn matches_path(pattern: &str, path: &str) -> bool {
    globset::GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(path))
}

/// What git's own test for text counts (`convert.c`, `gather_stats`).
#[derive(Default)]
struct Stats {
    nul: usize,
    lone_cr: usize,
    lone_lf: usize,
    crlf: usize,
    printable: usize,
    unprintable: usize,
}

impl Stats {
    fn of(bytes: &[u8]) -> Self {
        let mut stats = Self::default();
        let mut rest = bytes.iter().copied().peekable();
        while let Some(byte) = rest.next() {
            match byte {
                b'\r' if rest.peek() == Some(&b'\n') => {
                    rest.next();
                    stats.crlf += 1;
                }
                b'\r' => stats.lone_cr += 1,
                b'\n' => stats.lone_lf += 1,
                0 => {
                    stats.nul += 1;
                    stats.unprintable += 1;
                }
                0x08 | b'\t' | 0x1b | 0x0c => stats.printable += 1,
                127 | 0..32 => stats.unprintable += 1,
                _ => stats.printable += 1,
            }
        }
        // The end-of-file mark of DOS does not make a file binary.
        if bytes.last() == Some(&0x1a) {
            stats.unprintable -= 1;
        }
        stats
    }

    fn looks_binary(&self) -> bool {
        self.lone_cr > 0 || self.nul > 0 || (self.printable >> 7) < self.unprintable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(files: &[(&str, &str)]) -> Attributes {
        let mut attributes = Attributes::default();
        let mut macros =
            HashMap::from([("binary".to_owned(), vec![(Attribute::Text, Value::Unset)])]);
        for (folder, text) in files {
            attributes.read(folder, text.as_bytes(), &mut macros);
        }
        attributes
    }

    #[test]
    fn only_what_the_commit_asks_for_is_converted() {
        let attributes = attributes(&[
            (
                "",
                "* text=auto\n*.bat text eol=crlf\n*.cmd eol=crlf\n*.png binary\n",
            ),
            ("sub/", "*.bat -text\n"),
        ]);
        assert_eq!(
            attributes.checked_out("a.bat", b"x\ny\r\n").as_deref(),
            Some(&b"x\r\ny\r\n"[..])
        );
        assert!(attributes.checked_out("deep/er/a.bat", b"x\n").is_some());
        assert!(attributes.checked_out("a.cmd", b"x\n").is_some());
        for (path, blob) in [
            ("a.js", &b"x\n"[..]),
            ("sub/a.bat", b"x\n"),
            ("a.cmd", b"x\ny\r\n"),
            ("a.cmd", b"\0\n"),
            ("a.bat", b"x\r\n"),
        ] {
            assert_eq!(attributes.checked_out(path, blob), None, "{path}");
        }
    }

    #[test]
    fn filters_and_binary_files_are_left_alone() {
        let attributes = attributes(&[(
            "",
            "* text eol=crlf\n*.bin binary\n*.lfs filter=lfs\n/top.txt -text\n",
        )]);
        assert!(attributes.checked_out("a.txt", b"x\n").is_some());
        assert!(attributes.checked_out("sub/top.txt", b"x\n").is_some());
        for path in ["a.bin", "a.lfs", "top.txt"] {
            assert_eq!(attributes.checked_out(path, b"x\n"), None, "{path}");
        }
    }
}
