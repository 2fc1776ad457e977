//! The local files that a script names, where it lies in no package: what it imports, and paths to code that stand in it as text.
//!
//! A superset is taken on purpose: a file too many is one that only changes with the code. What is loaded by a name that is computed, or
//! from a place that is not found, leaves the server open.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::paths::{Kind as Entry, Paths, normalize};
use super::sourced::{self, Sourced};
use super::{is_code, is_of_system, is_program, others, settings};
use crate::json;
use crate::read;
use crate::text;

/// Most files that are followed from one script.
const MAX_FILES: usize = 200;
/// Most bytes of one that is read for what it names.
const MAX_BYTES: u64 = 1 << 20;
/// Most entries of one package of Python that is read for what it imports.
const MAX_IN_PACKAGE: usize = 2000;
/// Most names in one file.
const MAX_NAMES: usize = 5000;
/// What Node, bun and compilers add to the name of a file, each in an order of its own.
const NODE_ENDINGS: [&str; 9] = [
    ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx", ".node",
];
/// Modules of Node itself; one with `node:` before it is one too.
const NODE_MODULES: &str = "assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns \
    domain events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl stream \
    string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib bun";
/// Modules of Python itself: a file of that name beside a script is loaded in its place.
const PYTHON_MODULES: &str = include_str!("../tables/python-stdlib.txt");

/// Follows scripts.
pub(super) struct Scan<'a> {
    pub(super) paths: &'a Paths,
    /// Files that are named.
    pub(super) files: BTreeSet<PathBuf>,
    /// Folders that are named as a whole.
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) open: BTreeSet<String>,
    /// Modules of Python that are imported from elsewhere, with the file that does.
    pub(super) elsewhere: BTreeSet<(PathBuf, String)>,
    /// Packages of Python beside a script, whose own imports are still to be read.
    packages: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Node,
    Python,
    Shell,
    /// Settings of an interpreter.
    Settings,
    /// Another language, whose imports are not read.
    Other,
}

impl<'a> Scan<'a> {
    pub(super) fn new(paths: &'a Paths) -> Self {
        Self {
            paths,
            files: BTreeSet::new(),
            folders: BTreeSet::new(),
            open: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            packages: Vec::new(),
        }
    }

    /// Follows one script and everything that it names. Takes its real path.
    pub(super) fn follow(&mut self, script: &Path) {
        let mut left = vec![script.to_owned()];
        loop {
            while let Some(file) = left.pop() {
                if !self.files.insert(file.clone()) {
                    continue;
                }
                if self.files.len() > MAX_FILES {
                    self.files.remove(&file);
                    self.say(&file, format!("names more than {MAX_FILES} files in all"));
                    return;
                }
                left.extend(self.named(&file));
            }
            match (self.packages.pop(), script.parent()) {
                (Some(package), Some(folder)) => left.extend(self.in_package(&package, folder)),
                _ => return,
            }
        }
    }

    /// What the files of a package of Python import from beside the script: its folder is the first that Python searches, for all of them.
    fn in_package(&mut self, package: &Path, beside: &Path) -> Vec<PathBuf> {
        let standard = standard();
        let (mut found, mut folders, mut count) = (Vec::new(), vec![package.to_owned()], 0);
        while let Some(folder) = folders.pop() {
            for entry in self.paths.list(&folder).unwrap_or_default() {
                count += 1;
                if count > MAX_IN_PACKAGE {
                    self.say(
                        package,
                        "holds more files than are read for what they import",
                    );
                    return self.real(found);
                }
                match entry.kind {
                    Entry::Folder if !entry.link => folders.push(entry.path),
                    Entry::File if entry.path.extension().is_some_and(|end| end == "py") => {
                        let content = read::bytes(&entry.path, MAX_BYTES).unwrap_or_default();
                        let content = String::from_utf8_lossy(&content);
                        let names = python_names(&content).into_iter().take(MAX_NAMES);
                        for name in names.filter(|name| !name.starts_with('.')) {
                            let first = name.split('.').next().unwrap_or_default();
                            let local = self.module(beside, first, &mut found);
                            if !local && !standard.contains(first) {
                                self.elsewhere
                                    .insert((entry.path.clone(), first.to_owned()));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        self.real(found)
    }

    /// The files that these are, without those of the system.
    fn real(&self, found: Vec<PathBuf>) -> Vec<PathBuf> {
        let real = found
            .into_iter()
            .filter_map(|path| self.paths.real(&path).ok());
        real.filter(|path| !is_of_system(self.paths, path))
            .collect()
    }

    pub(super) fn say(&mut self, file: &Path, what: impl std::fmt::Display) {
        let place = self.paths.shown(file);
        self.open
            .insert(text::excerpt(&format!("{place} {what}"), 200));
    }

    fn named(&mut self, file: &Path) -> Vec<PathBuf> {
        let bytes = match read::bytes(file, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(read::ReadError::TooLarge { .. }) => {
                // A program is whole in itself; a script of this size is a bundle, and still not read.
                if is_code(file) {
                    self.say(file, "is too large to be read for what it imports");
                }
                return Vec::new();
            }
            Err(error) => {
                self.say(file, format!("cannot be read: {error}"));
                return Vec::new();
            }
        };
        if bytes.contains(&0) {
            return Vec::new();
        }
        let content = String::from_utf8_lossy(&bytes);
        let Some(folder) = file.parent() else {
            return Vec::new();
        };
        let language = language(file, &content);
        if language == Language::Settings {
            return settings::named(self, file, &content);
        }
        let mut found = self.mentioned(&content, folder);
        match language {
            Language::Node => self.node(file, &content, folder, &mut found),
            Language::Python => self.python(file, &content, folder, &mut found),
            Language::Shell | Language::Other | Language::Settings => self.say(
                file,
                "is of a language of which only the files that it names are read",
            ),
        }
        if language == Language::Shell {
            self.shell(file, &content, folder, &mut found);
        }
        if language == Language::Other {
            let places = others::named(file, &content, folder).into_iter();
            found.extend(places.filter(|place| self.paths.kind(place) == Entry::File));
        }
        self.real(found)
    }

    /// Paths to code that stand in a text, relative to the folder of the script.
    pub(super) fn mentioned(&self, content: &str, folder: &Path) -> Vec<PathBuf> {
        let ends = |c: char| c.is_whitespace() || "\"'`;(){}[]<>,|&=$*".contains(c);
        let words = content.split(ends).filter(|word| {
            word.len() < 1024 && (word.contains('/') || is_code(Path::new(word))) && word.len() > 1
        });
        let mut found = Vec::new();
        for word in words.take(MAX_NAMES) {
            let word = word.strip_prefix("file://").unwrap_or(word);
            let path = match (word.strip_prefix("~/"), &self.paths.home) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => folder.join(word.trim_start_matches("HOME/")),
            };
            let path = normalize(&path);
            let there = self.paths.kind(&path) == Entry::File;
            if there && (is_code(&path) || is_program(self.paths, &path)) {
                found.push(path);
            }
        }
        found
    }

    /// The neighbours that a script of a shell sources or starts.
    fn shell(&mut self, file: &Path, content: &str, folder: &Path, found: &mut Vec<PathBuf>) {
        for places in sourced::behind_expansions(content, folder).take(MAX_NAMES) {
            let is_code = |place: &PathBuf| {
                self.paths.kind(place) == Entry::File
                    && (is_code(place) || is_program(self.paths, place))
            };
            found.extend(places.into_iter().find(is_code));
        }
        for sourced in sourced::of(content, folder).into_iter().take(MAX_NAMES) {
            match sourced {
                Sourced::In(places) => {
                    let mut there = places.into_iter();
                    let there = there.find(|place| self.paths.kind(place) == Entry::File);
                    found.extend(there);
                }
                Sourced::Computed(word) => {
                    self.say(file, format!("sources `{word}`, whose name is computed"));
                }
            }
        }
    }

    fn node(&mut self, file: &Path, content: &str, folder: &Path, found: &mut Vec<PathBuf>) {
        // It says what kind of module the file is, and what its imports with `#` mean.
        let manifest = folder.join("package.json");
        found.extend(Some(manifest).filter(|file| self.paths.kind(file) == Entry::File));
        for name in node_names(content) {
            let Some(name) = name else {
                self.say(file, "loads a module whose name is computed");
                continue;
            };
            if name.contains("://") || name.starts_with("npm:") || name.starts_with("jsr:") {
                match name.strip_prefix("file://") {
                    Some(path) => found.push(PathBuf::from(path)),
                    None => self.say(file, format!("imports `{name}`, which is fetched")),
                }
            } else if name.starts_with(['.', '/']) {
                // Data is no code; what is not there cannot run, and changes the digest when it comes.
                found.extend(self.resolved(&folder.join(name)));
            } else if !name.starts_with("node:") && !name.starts_with('#') {
                let base = name.split('/').next().unwrap_or_default();
                if !NODE_MODULES.split_whitespace().any(|known| known == base) {
                    self.package(file, name, folder);
                }
            }
        }
    }

    /// A package of a `node_modules` folder above: the nearest one is loaded.
    fn package(&mut self, file: &Path, name: &str, folder: &Path) {
        let parts = if name.starts_with('@') { 2 } else { 1 };
        let name: PathBuf = name.split('/').take(parts).collect();
        let installed = folder
            .ancestors()
            .map(|above| above.join("node_modules").join(&name))
            .find(|path| self.paths.kind(path) == Entry::Folder);
        match installed {
            Some(path) if is_of_system(self.paths, &path) => {}
            Some(path) => {
                let beside = folder.join("node_modules");
                // The folder beside the script is hashed as a whole.
                if !path.starts_with(&beside) {
                    self.say(
                        file,
                        format!(
                            "imports `{}`, whose own imports are not hashed",
                            name.display()
                        ),
                    );
                }
                match self.paths.real(&path) {
                    Ok(real) if !path.starts_with(&beside) => {
                        self.folders.insert(real);
                    }
                    _ => {}
                }
            }
            None => self.say(
                file,
                format!(
                    "imports `{}`, which is found nowhere above it",
                    name.display()
                ),
            ),
        }
    }

    /// The file of that name, or every one that an interpreter may take for it: which comes first differs.
    fn resolved(&self, path: &Path) -> Vec<PathBuf> {
        let path = normalize(path);
        let is_data = path.extension().is_some_and(|e| e == "json");
        if self.paths.kind(&path) == Entry::File && !is_data {
            return vec![path];
        }
        // TypeScript is imported by the name that it gets.
        let typed = path
            .extension()
            .filter(|ending| *ending == "js")
            .map(|_| path.with_extension("ts"));
        let mut all = completed(&path);
        all.extend(typed);
        all.extend(NODE_ENDINGS.map(|ending| path.join(format!("index{ending}"))));
        // A folder is what its `package.json` says.
        let manifest = path.join("package.json");
        if let Some(main) = self.main_of(&manifest) {
            let main = normalize(&path.join(main));
            all.extend(completed(&main));
            all.extend(NODE_ENDINGS.map(|ending| main.join(format!("index{ending}"))));
            all.push(main);
        }
        all.push(manifest);
        all.retain(|path| self.paths.kind(path) == Entry::File);
        all
    }

    fn main_of(&self, manifest: &Path) -> Option<String> {
        let text = self.paths.text(manifest, MAX_BYTES).ok()?;
        let parsed = json::last_wins(&text).ok()?;
        let main = parsed.value.get("main").and_then(Value::as_str);
        main.map(str::to_owned)
    }

    fn python(&mut self, file: &Path, content: &str, folder: &Path, found: &mut Vec<PathBuf>) {
        if ["__import__", "import_module", "runpy", "exec(", "sys.path"]
            .iter()
            .any(|word| content.contains(word))
        {
            self.say(file, "loads modules in a way that is not read");
        }
        let standard = standard();
        for name in python_names(content).into_iter().take(MAX_NAMES) {
            let (folder, name) = match name.strip_prefix('.') {
                Some(rest) => {
                    let up = rest.len() - rest.trim_start_matches('.').len();
                    let above = folder.ancestors().nth(up).unwrap_or(folder);
                    (above, rest.trim_start_matches('.'))
                }
                None => (folder, name.as_str()),
            };
            let first = name.split('.').next().unwrap_or_default();
            if first.is_empty() {
                continue;
            }
            let local = self.module(folder, first, found);
            if !local && !standard.contains(first) {
                self.elsewhere.insert((file.to_owned(), first.to_owned()));
            }
        }
        self.shadows(folder, found);
    }

    /// What Python itself imports is looked for in the folder of the script first, with `-m` in that in which it is started.
    fn shadows(&mut self, folder: &Path, found: &mut Vec<PathBuf>) {
        let standard = standard();
        for entry in self.paths.list(folder).unwrap_or_default() {
            let name = entry.name.to_string_lossy();
            let stem = name.split('.').next().unwrap_or_default();
            if standard.contains(stem) {
                self.module(folder, stem, found);
            }
        }
    }

    /// Follows what stands in place of Python's own modules in a folder in which a module is started.
    pub(super) fn follow_shadows(&mut self, folder: &Path) {
        let mut found = Vec::new();
        self.shadows(folder, &mut found);
        for file in found {
            if let Ok(real) = self.paths.real(&file) {
                self.follow(&real);
            }
        }
    }

    /// Takes the module `name` of a folder, where it has one.
    fn module(&mut self, folder: &Path, name: &str, found: &mut Vec<PathBuf>) -> bool {
        let whole = folder.join(name);
        let mut is_local = false;
        if self.paths.kind(&whole) == Entry::Folder
            && let Ok(real) = self.paths.real(&whole)
        {
            if self.folders.insert(real.clone()) {
                self.packages.push(real);
            }
            is_local = true;
        }
        for entry in self.paths.list(folder).unwrap_or_default() {
            let own = entry.name.to_string_lossy().into_owned();
            let ending = own
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('.'));
            let loads = ending.is_some_and(|ending| {
                matches!(ending, "py" | "pyc" | "pyw")
                    || ending.ends_with("so")
                    || ending.ends_with("pyd")
            });
            if loads && entry.kind == Entry::File {
                found.push(entry.path);
                is_local = true;
            }
        }
        is_local
    }
}

/// The names that a file may have of which an import leaves out the ending.
fn completed(path: &Path) -> Vec<PathBuf> {
    let with = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    NODE_ENDINGS.map(with).into()
}

fn standard() -> BTreeSet<&'static str> {
    PYTHON_MODULES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
}

fn language(file: &Path, content: &str) -> Language {
    let ending = file.extension().and_then(|ending| ending.to_str());
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "tsx" | "jsx" => return Language::Node,
        "py" | "pyw" => return Language::Python,
        "sh" | "bash" | "zsh" | "ksh" => return Language::Shell,
        "json" | "jsonc" | "toml" | "lock" => return Language::Settings,
        _ => {}
    }
    let first = content.lines().next().unwrap_or_default();
    if !first.starts_with("#!") {
        return Language::Other;
    }
    if ["node", "bun", "deno", "tsx"]
        .iter()
        .any(|name| first.contains(name))
    {
        Language::Node
    } else if first.contains("python") {
        Language::Python
    } else if first.trim_end().ends_with("sh") || first.contains("sh ") {
        Language::Shell
    } else {
        Language::Other
    }
}

/// Names that a script of Node imports; none for one that is computed.
fn node_names(content: &str) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    for (word, call) in [
        ("from", false),
        ("import", false),
        ("import", true),
        ("require", true),
        ("require.resolve", true),
    ] {
        for (at, _) in content.match_indices(word) {
            let before = content.get(..at).and_then(|text| text.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.')) {
                continue;
            }
            let rest = content.get(at + word.len()..).unwrap_or_default();
            let rest = rest.trim_start();
            let rest = match (call, rest.strip_prefix('(')) {
                (true, Some(inside)) => inside.trim_start(),
                (false, None) => rest,
                _ => continue,
            };
            // A comment of a bundler may stand before the name.
            let rest = match rest
                .strip_prefix("/*")
                .and_then(|text| text.split_once("*/"))
            {
                Some((_, after)) => after.trim_start(),
                None => rest,
            };
            let quote = rest.chars().next().filter(|c| "\"'`".contains(*c));
            match quote {
                Some(quote) => {
                    let inside = rest.get(1..).unwrap_or_default();
                    let name = inside.split([quote, '\n']).next().unwrap_or_default();
                    let literal = quote != '`' || !name.contains("${");
                    found.push(literal.then_some(name).filter(|name| name.len() < 300));
                }
                None if call && !rest.starts_with(')') => found.push(None),
                None => {}
            }
            if found.len() > MAX_NAMES {
                return found;
            }
        }
    }
    found
}

/// Modules that a script of Python imports, with leading dots where they are relative.
fn python_names(content: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in content.lines().flat_map(|line| line.split(';')) {
        let line = line.split('#').next().unwrap_or_default().trim();
        // `try: import x` and its like.
        let line = line.rsplit_once(": ").map_or(line, |(before, after)| {
            if before.contains(' ') && !matches!(before, "try" | "else") {
                line
            } else {
                after
            }
        });
        if let Some(rest) = line.strip_prefix("from ") {
            if let Some((module, names)) = rest.split_once(" import") {
                let module = module.trim();
                if module.chars().all(|c| c == '.') {
                    let names = names.trim_matches(|c: char| " ()\\".contains(c)).split(',');
                    found.extend(names.map(|name| {
                        format!(
                            "{module}{}",
                            name.split_whitespace().next().unwrap_or_default()
                        )
                    }));
                } else {
                    found.insert(module.to_owned());
                }
            }
        } else if let Some(rest) = line.strip_prefix("import ") {
            let names = rest
                .split(',')
                .filter_map(|name| name.split_whitespace().next());
            found.extend(names.map(str::to_owned));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_modules_are_found() {
        let script = "import a from 'x';\nimport './b.js'\nexport * from \"./c\"; const d = require('d/e'), f = await import(`./f`);\n\
                      require(g); import(/* @vite-ignore */ name); import { h } from\n  'h';\nfromage('no'); reimport('no'); import.meta.url";
        let names = node_names(script);
        for name in ["x", "./b.js", "./c", "d/e", "./f", "h"] {
            assert!(names.contains(&Some(name)), "{name}: {names:?}");
        }
        assert_eq!(names.iter().filter(|name| name.is_none()).count(), 2);
        assert!(!names.contains(&Some("no")), "{names:?}");
        let script = "import os, a.b as c\nfrom .d import e\nfrom . import f\n  from g.h import i # j\ntry: import k\nprint('import l')";
        let names: Vec<String> = python_names(script).into_iter().collect();
        assert_eq!(names, [".d", ".f", "a.b", "g.h", "k", "os"]);
    }
}
