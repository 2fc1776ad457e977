//! What the command `openclaw` on PATH starts, where that is known.
//!
//! Mostly it is a link into the package. Some package managers write a script, or link a program of their own, in its place. Such a
//! script is followed only where it equals, token for token, what a known generator writes, and where no other user can change it;
//! a variable that loads code, one more line, another interpreter: whatever else it is, it tells nothing about the host package.
//!
//! | generator | what it writes |
//! |---|---|
//! | npm, bun, yarn, Homebrew | a link into the package |
//! | npm (`cmd-shim`), pnpm 8 to 12 | a shell script that starts `$basedir/<path>` ([`shims`]) |
//! | Nix `makeWrapper`, Homebrew `write_env_script` | a shell script that sets variables and starts one absolute path ([`scripts`]) |
//! | Volta, mise | a link to a program, which looks up the package in its own folders ([`managers`]) |

mod managers;
mod scripts;
mod shims;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Observation;
use super::listing::{Class, Listing, ListingBuilder};
use super::ownership;
use crate::digest::Sha256Digest;
use crate::{read, text};

/// Most bytes of a script that is looked at. The longest that pnpm writes has 6 KiB.
const MAX_SCRIPT: u64 = 64 << 10;
/// Most bytes of a small program that is taken into the definition: Nix's compiled wrappers have 16 KiB.
const MAX_PROGRAM: u64 = 1 << 20;
/// Most bytes of a `package.json`.
const MAX_MANIFEST: u64 = 4 << 20;
/// Most wrappers, each of which starts the next.
const MAX_STEPS: usize = 4;
/// Most packages that are looked at beside the host.
const MAX_PACKAGES: usize = 100_000;
/// Most folders above a file in which its package is looked for.
const MAX_DEPTH: usize = 24;

/// What the command is.
#[derive(Clone, Debug, Default)]
pub struct HostCommand {
    /// The folder of the package that it starts, where that is known; a real path.
    pub host: Option<PathBuf>,
    /// What it is, where it is no command whose package is known. Safe to show.
    pub unknown: Option<String>,
    /// The command, safe to show.
    shown: String,
    /// What stands between the command and the package: a part of the package's `definition`.
    wrappers: Option<Listing>,
}

impl HostCommand {
    /// Looks at the command `found`, an absolute path as PATH gives it. `owners` are the user to whom the state directory
    /// belongs and the one who asks: only they and root may be able to change a wrapper.
    #[must_use]
    pub fn of(found: &Path, owners: &[u32]) -> Self {
        let mut walk = Walk {
            owners,
            listing: ListingBuilder::default(),
            steps: 0,
        };
        let followed = walk.follow(found);
        let wrappers = walk.listing.finish_unless_empty();
        let shown = text::visible(&found.to_string_lossy()).into_owned();
        let unknown = followed.as_ref().err();
        let unknown =
            unknown.map(|NotFollowed(what)| format!("{shown} is {}", text::visible(what)));
        Self {
            host: followed.ok(),
            unknown,
            shown,
            wrappers,
        }
    }

    /// What is between the command and `host`; where the command starts another package, which one.
    pub(super) fn wrappers_of(&self, host: &Path) -> Option<Listing> {
        let Some(other) = self.other_than(host) else {
            return self.wrappers.clone();
        };
        let mut listing = ListingBuilder::default();
        let value = json!({ "host": other.to_string_lossy() });
        listing.add("command".to_owned(), Class::Command, &value);
        listing.finish_unless_empty()
    }

    /// That the command starts another package than `host`.
    pub(super) fn other_host(&self, host: &Path) -> Option<Observation> {
        let shown = |path: &Path| text::visible(&path.to_string_lossy()).into_owned();
        self.other_than(host).map(|other| Observation::OtherHost {
            place: format!("the command {}", self.shown),
            found: shown(other),
            judged: shown(host),
            weak: true,
        })
    }

    fn other_than(&self, host: &Path) -> Option<&Path> {
        self.host.as_deref().filter(|own| *own != host)
    }
}

/// What a command or a wrapper is, where what it starts is not known: words that go after "is". May hold paths as they are.
#[derive(Debug, PartialEq, Eq)]
struct NotFollowed(Cow<'static, str>);

impl From<&'static str> for NotFollowed {
    fn from(what: &'static str) -> Self {
        Self(what.into())
    }
}

impl From<String> for NotFollowed {
    fn from(what: String) -> Self {
        Self(what.into())
    }
}

/// The way from the command to the package.
struct Walk<'a> {
    owners: &'a [u32],
    listing: ListingBuilder,
    steps: usize,
}

impl Walk<'_> {
    /// The package behind `found`.
    fn follow(&mut self, found: &Path) -> Result<PathBuf, NotFollowed> {
        let Ok(real) = found.canonicalize() else {
            return Err("not there".into());
        };
        match package_around(&real) {
            Around::Started(host) => return Ok(host),
            Around::Other(host) => {
                self.list(found, None);
                return Err(format!(
                    "a link to {}, which is not the command of {}",
                    real.display(),
                    host.display()
                )
                .into());
            }
            Around::Nothing => {}
        }
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(format!("a wrapper of a wrapper, more than {MAX_STEPS} deep").into());
        }
        let script = read::text(&real, MAX_SCRIPT)
            .ok()
            .filter(|text| text.starts_with("#!"));
        self.list(found, script.as_deref());
        // A link to the wrapper is as good as the wrapper: both places count.
        let folder = found.parent().and_then(|folder| folder.canonicalize().ok());
        let exposed = [Some(real.clone()), folder]
            .into_iter()
            .flatten()
            .find_map(|place| ownership::other_hand(&place, self.owners));
        if let Some(why) = exposed {
            return Err(format!("a wrapper that others can change: {why}").into());
        }
        let Some(script) = script else {
            let behind = managers::behind(found, &real)?;
            if let Some((name, value)) = behind.listed {
                self.listing.add(name, Class::Command, &value);
            }
            return self.next(&behind.command, "a link to a program that starts");
        };
        if let Some(shim) = shims::parse(&script) {
            return behind_shim(&shim, found, &real);
        }
        match scripts::parse(&script) {
            Ok(start) => {
                if let Some(why) = ownership::other_hand(&start.program, self.owners) {
                    return Err(format!(
                        "a script that starts a program that others can change: {why}"
                    )
                    .into());
                }
                self.next(&start.target, "a script that starts")
            }
            Err(what) => Err(what),
        }
    }

    /// The package behind what a wrapper starts.
    fn next(&mut self, started: &Path, how: &str) -> Result<PathBuf, NotFollowed> {
        self.follow(started).map_err(|NotFollowed(what)| {
            format!("{how} {}, which is {what}", started.display()).into()
        })
    }

    /// Takes a wrapper into the definition: the bytes of a script; of a program only where the link to it leads, for programs are
    /// updated by themselves.
    fn list(&mut self, found: &Path, script: Option<&str>) {
        let value = match script {
            Some(script) => json!({ "sha256": Sha256Digest::of(script.as_bytes()).hex() }),
            None => match std::fs::read_link(found) {
                Ok(target) => json!({ "link": target.to_string_lossy() }),
                Err(_) => match read::bytes(found, MAX_PROGRAM) {
                    Ok(bytes) => json!({ "sha256": Sha256Digest::of(&bytes).hex() }),
                    Err(_) => Value::Null,
                },
            },
        };
        let name = match self.steps {
            0 | 1 => "wrapper".to_owned(),
            step => format!("wrapper {step}"),
        };
        self.listing.add(name, Class::Command, &value);
    }
}

/// The package behind a script of npm or pnpm, called as `found`.
fn behind_shim(shim: &shims::Shim, found: &Path, real: &Path) -> Result<PathBuf, NotFollowed> {
    // `$0` is the path that was called, links included; newer pnpm follows links first.
    let from = if shim.resolves_links { real } else { found };
    let target = from
        .parent()
        .map(|folder| folder.join(&shim.target))
        .and_then(|target| target.canonicalize().ok());
    let host = target.as_deref().map(package_around);
    let Some(Around::Started(host)) = host else {
        return Err(format!(
            "a script of {}, and what it starts is not the command of a package `openclaw`",
            shim.generator
        )
        .into());
    };
    if let Some(folder) = shim.node_path.iter().find(|to| !is_covered(to, &host)) {
        return Err(format!(
            "a script of {} that lets Node also search {}, which no digest covers",
            shim.generator,
            folder.display()
        )
        .into());
    }
    Ok(host)
}

/// The package that a file lies in.
enum Around {
    /// The package `openclaw`, whose command the file is.
    Started(PathBuf),
    /// The package `openclaw`, of which it is some other file.
    Other(PathBuf),
    /// None, or a package of another name.
    Nothing,
}

fn package_around(file: &Path) -> Around {
    for folder in file.ancestors().skip(1).take(MAX_DEPTH) {
        let Some(package) = manifest(folder) else {
            continue;
        };
        if package.get("name").and_then(Value::as_str) != Some("openclaw") {
            // What is inside another package is that package's, also where that one is OpenClaw's dependency.
            let is_named = package.get("name").is_some();
            if is_named {
                return Around::Nothing;
            }
            continue;
        }
        return if is_command(&package, folder, file) {
            Around::Started(folder.to_owned())
        } else {
            Around::Other(folder.to_owned())
        };
    }
    Around::Nothing
}

/// Whether `file` is what the package's `bin` names, or the entry that its own starter loads. A package without `bin` names nothing.
fn is_command(package: &Value, folder: &Path, file: &Path) -> bool {
    let names: Vec<&str> = match package.get("bin") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Object(names)) => {
            let own = names.get("openclaw").and_then(Value::as_str);
            own.map_or_else(
                || names.values().filter_map(Value::as_str).collect(),
                |own| vec![own],
            )
        }
        _ => return true,
    };
    // nix-openclaw starts `dist/index.js` without the starter. [R gateway-install.sh]
    let main = package.get("main").and_then(Value::as_str);
    names
        .into_iter()
        .chain(main)
        .chain(["dist/index.js", "dist/entry.js"])
        .any(|name| {
            folder
                .join(name)
                .canonicalize()
                .is_ok_and(|real| real == file)
        })
}

fn manifest(folder: &Path) -> Option<Value> {
    let text = read::text(&folder.join("package.json"), MAX_MANIFEST).ok()?;
    crate::json::last_wins(&text).ok().map(|found| found.value)
}

/// Whether a folder that Node is told to search is one whose content is judged with the host, or holds nothing.
fn is_covered(folder: &Path, host: &Path) -> bool {
    let holds_nothing = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    let Ok(real) = folder.canonicalize() else {
        return holds_nothing;
    };
    // pnpm hoists links to packages of its shared store into each project.
    let hoisted = || {
        let (Some(packages), Some(reached)) = (packages(&real), reached(host)) else {
            return false;
        };
        packages
            .iter()
            .all(|package| enclosing(package).is_some_and(|around| reached.contains(&around)))
    };
    let store = host
        .ancestors()
        .find(|above| above.file_name() == Some(OsStr::new(".pnpm")));
    // Beside the host, in pnpm's shared store, are links to its dependencies: `…/<hash>/node_modules`.
    let beside = host
        .parent()
        .filter(|beside| beside.file_name() == Some(OsStr::new("node_modules")));
    holds_nothing
        || real.starts_with(host)
        || Some(real.as_path()) == beside
        || store.is_some_and(|store| real.starts_with(store))
        || hoisted()
}

/// The `node_modules` folders that links lead to from beside `host`, directly or by others: what its digest of siblings covers.
fn reached(host: &Path) -> Option<BTreeSet<PathBuf>> {
    let start = host.parent()?.to_owned();
    let mut reached = BTreeSet::from([start.clone()]);
    let mut todo = vec![start];
    while let Some(folder) = todo.pop() {
        for package in packages(&folder)? {
            let around = enclosing(&package)?;
            if reached.len() > MAX_PACKAGES {
                return None;
            }
            if reached.insert(around.clone()) {
                todo.push(around);
            }
        }
    }
    Some(reached)
}

/// What is in a `node_modules` folder, scopes opened: paths as they are written. None where it cannot be read.
fn packages(folder: &Path) -> Option<Vec<PathBuf>> {
    let list = |folder: &Path| -> Option<Vec<PathBuf>> {
        let entries = std::fs::read_dir(folder).ok()?.take(MAX_PACKAGES);
        entries
            .map(|entry| entry.ok().map(|entry| entry.path()))
            .collect()
    };
    let named = |path: &Path, start: &str| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(start))
    };
    let mut found = Vec::new();
    for entry in list(folder)? {
        // `.bin` and the records of package managers are no packages.
        if named(&entry, ".") {
            continue;
        }
        match named(&entry, "@") {
            true => found.extend(list(&entry)?),
            false => found.push(entry),
        }
    }
    Some(found)
}

/// The `node_modules` folder that holds what a path leads to.
fn enclosing(package: &Path) -> Option<PathBuf> {
    let real = package.canonicalize().ok()?;
    let mut above = real.ancestors().skip(1);
    let found = above.find(|folder| folder.file_name() == Some(OsStr::new("node_modules")));
    found.map(Path::to_owned)
}

/// The user to whom a place belongs.
#[must_use]
pub fn owner_of(place: &Path) -> u32 {
    std::fs::metadata(place).map_or(0, |metadata| metadata.uid())
}

#[cfg(test)]
mod tests;
