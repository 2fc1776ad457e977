//! What people see: one file below `snapshots/` a screen, so that a change of a screen is a change in a reviewed file.
//!
//! A screen is a line of arguments. Its file shows the line, the exit code, standard output and standard error.

mod files;
mod findings;
mod gate;
mod help;
mod host;
mod reports;
mod verbs;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Installation, Run};

/// One folder below `snapshots/` each.
const THEMES: [&str; 12] = [
    "archive", "explain", "files", "findings", "gate", "help", "host", "locked", "new", "review",
    "usage", "verbs",
];

/// One folder of screens, complete when `end` has been called.
struct Theme {
    name: &'static str,
    shown: BTreeSet<String>,
    /// What is written in place of a text that differs from machine to machine or from run to run, as regular expressions.
    filters: Vec<(String, &'static str)>,
}

impl Theme {
    /// A theme on an installation that lies in `root`.
    fn new(name: &'static str, root: &Path) -> Self {
        assert!(THEMES.contains(&name), "{name}");
        let version = env!("CARGO_PKG_VERSION").replace('.', r"\.");
        let filters = vec![
            (regex(root), "[TMP]"),
            (
                format!(r"openclaw-verify([ @/-]){version}\b"),
                "openclaw-verify$1[VERSION]",
            ),
            (
                format!(r#"("(?:version|semanticVersion|toolVersion)": ?"){version}""#),
                "$1[VERSION]\"",
            ),
            // They change with every version of the trust root that is compiled in.
            (
                r"published\s+\d{4}-\d\d-\d\d\s+\(\d+\s+days\s+ago\),\s+sha256:[0-9a-f]{64}"
                    .to_owned(),
                "published [DAY] ([N] days ago), sha256:[DIGEST]",
            ),
            (
                r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}".to_owned(),
                "urn:uuid:[SERIAL]",
            ),
        ];
        let shown = BTreeSet::new();
        Self {
            name,
            shown,
            filters,
        }
    }

    /// Compares one screen with its file.
    fn shot(&mut self, name: &str, title: &str, run: &Run) {
        assert!(
            self.shown.insert(name.to_owned()),
            "two screens are called {name}"
        );
        let part = |what: &str, text: &str| match text {
            "" => format!("--- {what}: nothing\n"),
            text if text.ends_with('\n') => format!("--- {what}:\n{text}"),
            text => format!("--- {what}, without a line feed at its end:\n{text}\n"),
        };
        let screen = format!(
            "$ {title}\n--- exit code: {}\n{}{}",
            run.code,
            part("stdout", &run.stdout),
            part("stderr", &run.stderr)
        );
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new("snapshots").join(self.name));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        for (pattern, with) in &self.filters {
            settings.add_filter(pattern, *with);
        }
        settings.bind(|| insta::assert_snapshot!(name, screen));
    }

    /// Fails when the folder holds a file that no screen was compared with.
    fn end(self) {
        let kept: BTreeSet<String> = names(&folder(self.name)).collect();
        assert_eq!(
            kept, self.shown,
            "files of {} and screens that are shown",
            self.name
        );
    }
}

fn regex(path: &Path) -> String {
    let escape = |letter: char| match letter {
        letter if letter.is_alphanumeric() || "/_-".contains(letter) => letter.to_string(),
        letter => format!("\\{letter}"),
    };
    path.to_str().expect("UTF-8").chars().map(escape).collect()
}

fn folder(theme: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/snapshots")
        .join(theme)
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let files = std::fs::read_dir(folder).expect("snapshots").flatten();
    files.filter_map(|file| {
        let name = file.file_name().into_string().expect("UTF-8");
        name.strip_suffix(".snap").map(str::to_owned)
    })
}

/// The name of the file of a line of arguments.
fn slug(line: &str) -> String {
    let mut name = String::new();
    for letter in line.chars() {
        match letter {
            '-' => name.push('-'),
            '.' if !name.ends_with('-') => name.push('.'),
            letter if letter.is_ascii_alphanumeric() => name.push(letter),
            // The first dash of `-v` counts: it is not `v`.
            _ if !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_end_matches(['-', '.']);
    match name.starts_with('-') || name.is_empty() {
        true => format!("top{name}"),
        false => name.to_owned(),
    }
}

/// A folder whose name is as long on every machine, because long lines are wrapped.
fn temporary() -> tempfile::TempDir {
    tempfile::tempdir_in("/tmp").expect("temporary folder")
}

fn shipped() -> Installation {
    let installation = Installation::shipped_in(temporary());
    usual_modes(&installation);
    installation
}

/// Gives the state the modes that it has by git's usual umask.
fn usual_modes(installation: &Installation) {
    let mut chmod = Command::new("chmod");
    let status = chmod
        .args(["-R", "u=rwX,go=rX"])
        .arg(&installation.state)
        .status();
    assert!(status.expect("chmod").success());
}

fn root(installation: &Installation) -> &Path {
    installation.config.parent().expect("root")
}

/// The binary with a terminal of 80 columns and without colour, home, or a program on PATH.
fn bare(installation: &Installation, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
    command
        .args(words(line))
        .env_clear()
        .env("COLUMNS", "80")
        .env("NO_COLOR", "1")
        .current_dir(&installation.config);
    command
}

/// The same on the installation, everything named.
fn on(installation: &Installation, line: &str) -> Command {
    let mut command = installation.command(&words(line));
    let nothing = root(installation).join("home");
    command
        .env("COLUMNS", "80")
        .env("NO_COLOR", "1")
        .env("PATH", &nothing);
    command.arg("--tmp").arg(&nothing);
    command
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

fn run(command: &mut Command) -> Run {
    let command = command.stdin(std::process::Stdio::null());
    Run::of(&command.output().expect("the binary runs"))
}

impl Theme {
    /// One screen a line, on the installation.
    fn all(&mut self, installation: &Installation, lines: &[&str]) {
        for line in lines {
            self.one(&slug(line), installation, line);
        }
    }

    fn one(&mut self, name: &str, installation: &Installation, line: &str) {
        let title = format!("openclaw-verify {line}");
        self.shot(name, title.trim_end(), &run(&mut on(installation, line)));
    }

    /// One screen a line, without anything named.
    fn all_bare(&mut self, installation: &Installation, lines: &[&str]) {
        for line in lines {
            let title = format!("openclaw-verify {line}");
            self.shot(
                &slug(line),
                title.trim_end(),
                &run(&mut bare(installation, line)),
            );
        }
    }
}

#[test]
fn every_folder_has_its_theme_and_there_are_many_screens() {
    let all = std::fs::read_dir(folder("")).expect("snapshots").flatten();
    let mut found: Vec<String> = all
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .collect();
    found.sort();
    assert_eq!(found, THEMES);
    let count: usize = THEMES
        .iter()
        .map(|theme| names(&folder(theme)).count())
        .sum();
    assert!(count >= 200, "{count}");
}
