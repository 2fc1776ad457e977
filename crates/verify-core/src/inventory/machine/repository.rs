//! Repositories in which the state or a workspace lies: whether git tracks files with secrets, or would at the next `git add`.
//!
//! Only the index, the objects of the files in question, and ignore files are read. What was committed before and is not tracked any more
//! is not looked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::super::paths::{Kind, Paths};
use super::Machine;
use super::secrets::{holds_secret, is_secret, is_secret_variable};
use crate::digest::GitOid;
use crate::git::{self, GitError, ObjectReader};
use crate::{json, read, text};

/// Most bytes of a file with secrets.
const MAX_FILE: u64 = 1 << 20;
/// Most bytes of an ignore file.
const MAX_IGNORE: u64 = 1 << 20;
/// Most tracked files of one repository whose content is read.
const MAX_READ: usize = 500;
/// Bytes of objects that are unpacked for one repository.
const BUDGET: u64 = 256 << 20;
/// Endings of the name of a template, which holds no real values.
const TEMPLATES: [&str; 6] = [
    "example", "sample", "template", "dist", "defaults", "schema",
];
/// Words that stand where a value has to be filled in.
const TO_FILL_IN: [&str; 7] = ["your", "change", "example", "dummy", "xxx", "...", "todo"];

/// A repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    /// Its work tree, as it is shown.
    pub(crate) shown: String,
    /// Tracked files that hold a secret: the path as git names it, how it is shown, and what it holds.
    pub(crate) tracked: Vec<(String, String, String)>,
    /// Files with variables that are neither tracked nor ignored, as git names them, and as they are shown.
    pub(crate) open: Vec<(String, String)>,
    /// Why not all of it was read.
    pub(crate) unread: Option<String>,
    /// The whole path of its work tree.
    pub(crate) top: PathBuf,
    /// Templates of files with variables that hold no real value, as they are shown.
    pub(crate) templates: Vec<String>,
}

/// Looks at every repository that the state, the config or a workspace lies in.
pub(super) fn read(paths: &Paths, machine: &Machine, config: &Path) -> Vec<Repository> {
    let mut roots: Vec<PathBuf> = vec![paths.state.clone()];
    roots.extend(config.parent().map(Path::to_owned));
    roots.extend(machine.places.workspaces.iter().cloned());
    let mut tops: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for root in roots {
        let Ok(real) = root.canonicalize() else {
            continue;
        };
        let top = real
            .ancestors()
            .find(|top| std::fs::symlink_metadata(top.join(".git")).is_ok());
        if let Some(top) = top {
            let of = tops.entry(top.to_owned()).or_default();
            if !of.contains(&real) {
                of.push(real);
            }
        }
    }
    let all = tops.into_iter();
    all.map(|(top, roots)| {
        Look {
            paths,
            machine,
            top,
            roots,
        }
        .read()
    })
    .collect()
}

struct Look<'a> {
    paths: &'a Paths,
    machine: &'a Machine,
    top: PathBuf,
    /// What of it is OpenClaw's.
    roots: Vec<PathBuf>,
}

impl Look<'_> {
    fn read(&self) -> Repository {
        let mut found = Repository {
            shown: self.paths.shown(&self.top),
            top: self.top.clone(),
            ..Repository::default()
        };
        let index = self
            .git_dir()
            .and_then(|folder| Ok((git::tracked(&folder)?, folder)));
        let (tracked, folder) = match index {
            Ok(found) => found,
            Err(error) => {
                found.unread = Some(text::excerpt(&error.to_string(), 200));
                return found;
            }
        };
        let mine = |path: &str| {
            let whole = self.top.join(path);
            self.roots.iter().any(|root| whole.starts_with(root))
        };
        let wanted: Vec<&git::IndexEntry> = tracked
            .iter()
            .filter(|entry| kind_of(&entry.path).is_some() && mine(&entry.path))
            .collect();
        if wanted.len() > MAX_READ {
            found.unread = Some(format!(
                "more than {MAX_READ} tracked files may hold secrets"
            ));
        }
        let repository = git::Repository::open(&self.top).ok();
        let mut reader = repository
            .as_ref()
            .map(|found| ObjectReader::new(found, BUDGET));
        for entry in wanted.into_iter().take(MAX_READ) {
            let shown = self.paths.shown(&self.top.join(&entry.path));
            match self.holds(&entry.path, &entry.object, reader.as_mut()) {
                Ok(Some(what)) => found.tracked.push((entry.path.clone(), shown, what)),
                Ok(None) => {}
                Err(why) => found.unread = Some(format!("{shown} {why}")),
            }
        }
        for name in self.beside() {
            let known = tracked.iter().any(|entry| entry.path == name);
            if is_template(&name) {
                let file = self.top.join(&name);
                let text = read::text(&file, MAX_FILE).unwrap_or_default();
                if variables_with_secrets(&text).is_empty() {
                    found.templates.push(self.paths.shown(&file));
                }
            } else if !known && !self.is_ignored(&name, &folder) {
                found
                    .open
                    .push((name.clone(), self.paths.shown(&self.top.join(&name))));
            }
        }
        found
    }

    /// The folder with the index: that of the work tree, or the one that a file `.git` names, as in a linked work tree.
    fn git_dir(&self) -> Result<PathBuf, GitError> {
        let dot = self.top.join(".git");
        if std::fs::symlink_metadata(&dot).is_ok_and(|found| found.is_dir()) {
            return Ok(dot);
        }
        let text = read::text(&dot, 4096)
            .map_err(|error| GitError::Unsupported(format!(".git {error}")))?;
        let named = text.trim().strip_prefix("gitdir:").map(str::trim);
        let named =
            named.ok_or_else(|| GitError::Unsupported(".git names no repository".to_owned()))?;
        Ok(self.top.join(named))
    }

    /// What secret a tracked file holds; none where it holds none.
    fn holds(
        &self,
        path: &str,
        object: &GitOid,
        reader: Option<&mut ObjectReader<'_>>,
    ) -> Result<Option<String>, String> {
        let Some(kind) = kind_of(path) else {
            return Ok(None);
        };
        if kind == Sort::Database {
            return Ok(Some("OpenClaw's database, with its tokens".to_owned()));
        }
        let kept = reader.and_then(|reader| reader.read(object, MAX_FILE).ok());
        let bytes = match kept {
            Some(kept) => kept.bytes,
            // What is checked out is what is tracked, unless it was changed since.
            None => {
                read::bytes(&self.top.join(path), MAX_FILE).map_err(|error| error.to_string())?
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        Ok(match kind {
            Sort::Variables => {
                let names = variables_with_secrets(&text);
                (!names.is_empty()).then(|| names.join(", "))
            }
            Sort::Key => text
                .contains("PRIVATE KEY-----")
                .then(|| "a private key".to_owned()),
            Sort::Json => match json::json5(&text) {
                Ok(parsed) => holds_secret(&parsed.value),
                Err(_) => None,
            },
            Sort::Credentials => Some("credentials of a channel".to_owned()),
            Sort::Database => None,
        })
    }

    /// Files with variables that lie at the top of what is OpenClaw's, as git names them.
    fn beside(&self) -> Vec<String> {
        let mut found = Vec::new();
        for root in &self.roots {
            let Ok(below) = root.strip_prefix(&self.top) else {
                continue;
            };
            for entry in self.paths.list(root).unwrap_or_default() {
                let name = entry.name.to_string_lossy().into_owned();
                if entry.kind == Kind::File && is_variables(&name) {
                    found.push(below.join(&name).to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Whether git passes over a file that it does not track. Of several rules the nearest to the file decides.
    fn is_ignored(&self, path: &str, git_dir: &Path) -> bool {
        let whole = self.top.join(path);
        let mut folders: Vec<&Path> = whole
            .ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(&self.top))
            .collect();
        folders.dedup();
        let mut rules: Vec<Gitignore> = folders
            .iter()
            .map(|folder| rules(folder, &folder.join(".gitignore")))
            .collect();
        rules.push(self::rules(&self.top, &git_dir.join("info/exclude")));
        // The user's own, at its usual place.
        let home = self.machine.places.home.as_deref();
        rules.extend(home.map(|home| self::rules(&self.top, &home.join(".config/git/ignore"))));
        for rules in rules {
            match rules.matched_path_or_any_parents(&whole, false) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }
}

/// The rules of one ignore file; none where it cannot be read.
fn rules(folder: &Path, file: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    for line in read::text(file, MAX_IGNORE).unwrap_or_default().lines() {
        // A line that is no pattern matches nothing, as in git.
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// What a file may hold, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// Lines of the form `NAME=value`.
    Variables,
    /// A config, or profiles with credentials.
    Json,
    /// The keys of a channel.
    Credentials,
    /// A key.
    Key,
    /// OpenClaw's database.
    Database,
}

fn kind_of(path: &str) -> Option<Sort> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_template(name) {
        return None;
    }
    if is_variables(name) {
        return Some(Sort::Variables);
    }
    if name == "openclaw.json" || super::secrets::is_copy_of(name, "openclaw.json") {
        return Some(Sort::Json);
    }
    match name {
        "secrets.json"
        | "exec-approvals.json"
        | ".mcp.json"
        | "auth-profiles.json"
        | "auth.json"
        | "oauth.json" => Some(Sort::Json),
        "creds.json" => Some(Sort::Credentials),
        "openclaw.sqlite" | "openclaw-agent.sqlite" => Some(Sort::Database),
        _ if name.ends_with(".pem") || name.ends_with(".key") || name.starts_with("id_") => {
            Some(Sort::Key)
        }
        _ => None,
    }
}

/// Whether a file holds variables: `.env`, `.env.local`, `gateway.env`, `gateway.systemd.env`, and their templates.
fn is_variables(name: &str) -> bool {
    name == ".env"
        || name.starts_with(".env.")
        || name == "gateway.env"
        || name.ends_with(".systemd.env")
}

fn is_template(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.')
        .any(|part| TEMPLATES.contains(&part.to_ascii_lowercase().as_str()))
}

/// Names of variables of a file whose values are secrets.
pub(super) fn variables_with_secrets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']);
        let lower = value.to_ascii_lowercase();
        let to_fill_in = TO_FILL_IN.iter().any(|word| lower.contains(word));
        if !name.starts_with('#')
            && is_secret_variable(name.trim())
            && is_secret(value)
            && !to_fill_in
        {
            found.push(text::excerpt(name.trim(), 60));
        }
    }
    found.truncate(10);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_hold_nothing() {
        for (name, sort) in [
            (".env", Some(Sort::Variables)),
            ("a/.env.local", Some(Sort::Variables)),
            (".env.example", None),
            (".env.sample.local", None),
            ("openclaw.json.bak.2", Some(Sort::Json)),
            ("state/openclaw.sqlite", Some(Sort::Database)),
            ("id_ed25519", Some(Sort::Key)),
            ("README.md", None),
            ("environment.ts", None),
        ] {
            assert_eq!(kind_of(name), sort, "{name}");
        }
        let text = "# OPENAI_API_KEY=sk-test-0123456789\nexport OPENAI_API_KEY='sk-test-0123456789'\nA_TOKEN=your-token-here\nPORT=18789\nB_TOKEN=${X}\n";
        assert_eq!(variables_with_secrets(text), ["OPENAI_API_KEY"]);
    }
}
