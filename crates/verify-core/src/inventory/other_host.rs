//! Whether what starts OpenClaw starts the host package that is judged: units, lines of cron, a running gateway.

use std::path::{Path, PathBuf};

use super::host_command::{HostCommand, owner_of};
use super::paths::{Paths, escaped};
use super::tmp_folders::{self, Stated};
use super::{Inventory, NodeRuntime, Observation, node};
use crate::read::{self, ReadError};
use crate::subject::Kind;
use crate::text;

/// Most bytes of a table of cron, of a command line or an environment of a process.
const MAX_FILE: u64 = 1 << 20;
/// Most processes that are looked at.
const MAX_PROCESSES: usize = 20_000;
/// Most bytes of a `package.json`.
const MAX_MANIFEST: u64 = 4 << 20;

/// Compares whatever is found with `host`. Only where the state directory is the one that is run, not a copy. Gives back the temporary
/// folder of the running gateway, where its environment states one.
pub(super) fn read(
    paths: &Paths,
    host: &Path,
    inventory: &mut Inventory,
    proc: &Path,
) -> Option<PathBuf> {
    let mut found = cron(paths, host, Path::new("/etc"));
    let Running {
        other,
        node,
        temporary,
    } = running(paths, host, proc);
    found.extend(other);
    let core = inventory
        .subjects
        .iter_mut()
        .find(|subject| subject.kind == Kind::Core);
    if let Some(core) = core {
        core.observations.extend(found);
        core.node = node;
    }
    temporary
}

/// What the gateways that run on a state directory are.
#[derive(Default)]
struct Running {
    /// One from another package.
    other: Option<Observation>,
    /// The Node.js that runs one from whichever.
    node: Option<NodeRuntime>,
    /// Its temporary folder, where its environment states one.
    temporary: Option<PathBuf>,
}

/// What a command line starts in place of `host`; none where it starts that one, or nothing that is known here.
pub(super) fn of_line(line: &str, host: &Path, place: &str) -> Option<Observation> {
    let other = line
        .split(|c: char| c.is_whitespace() || "\"'=;&|".contains(c))
        .map(|word| word.trim_start_matches(['-', '@', ':', '+', '!']))
        .filter(|word| word.starts_with('/'))
        .find_map(|word| started(Path::new(word), host))?;
    (other != host).then(|| Observation::OtherHost {
        place: place.to_owned(),
        found: shown(&other),
        judged: shown(host),
        weak: false,
    })
}

/// The package that a word of a command line starts: the one that it lies in, or the one behind a wrapper.
fn started(word: &Path, host: &Path) -> Option<PathBuf> {
    package_of(word).or_else(|| {
        (word.file_name()? == "openclaw")
            .then(|| HostCommand::of(word, &[owner_of(host)]).host)
            .flatten()
    })
}

fn shown(path: &Path) -> String {
    text::visible(&path.to_string_lossy()).into_owned()
}

/// The package `openclaw` that a file lies in.
pub(super) fn package_of(file: &Path) -> Option<PathBuf> {
    let real = file.canonicalize().ok()?;
    let is_host = |folder: &&Path| {
        let manifest = read::text(&folder.join("package.json"), MAX_MANIFEST).ok();
        let manifest = manifest.and_then(|text| crate::json::last_wins(&text).ok());
        manifest.is_some_and(|found| {
            found.value.get("name").and_then(serde_json::Value::as_str) == Some("openclaw")
        })
    };
    real.ancestors().take(12).find(is_host).map(Path::to_owned)
}

/// Lines of the system's tables that name OpenClaw.
fn cron(paths: &Paths, host: &Path, etc: &Path) -> Vec<Observation> {
    let folder = std::fs::read_dir(etc.join("cron.d")).into_iter().flatten();
    let mut tables: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    tables.push(etc.join("crontab"));
    tables.sort();
    let mut found = Vec::new();
    for table in &tables {
        // cron takes other bytes than UTF-8 as well.
        let bytes = match read::bytes(table, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(error @ ReadError::TooLarge { .. }) => {
                paths.refuse_because(table, error.to_string());
                continue;
            }
            Err(_) => continue,
        };
        let text = escaped(&bytes);
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#') && line.contains("openclaw"));
        found.extend(lines.filter_map(|line| of_line(line, host, &shown(table))));
    }
    found
}

/// Looks at every process.
fn running(paths: &Paths, host: &Path, proc: &Path) -> Running {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    let numbers = entries.filter(|entry| {
        entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
    });
    let mut found = Running::default();
    for entry in numbers.take(MAX_PROCESSES) {
        let Some((words, environment)) = gateway_of(&entry.path(), paths) else {
            continue;
        };
        if found.other.is_none() {
            found.other = of_line(&words.join(" "), host, "the running gateway");
        }
        if found.node.is_none() {
            let program = entry.path().join("exe");
            let named = std::fs::read_link(&program).unwrap_or_default();
            found.node = node::of_program(&named, &program);
        }
        if let (None, Stated::At(folder)) =
            (&found.temporary, tmp_folders::of_process(&environment))
        {
            found.temporary = Some(folder);
        }
    }
    found
}

/// Command line and environment of a process that is a gateway on this state directory.
fn gateway_of(process: &Path, paths: &Paths) -> Option<(Vec<String>, Vec<String>)> {
    let words = zero_separated(&process.join("cmdline"))?;
    let gateway = words.iter().any(|word| word == "gateway" || word == "node");
    if !gateway || !words.iter().any(|word| word.contains("openclaw")) {
        return None;
    }
    // Whose state it is stands in its environment, which only its user and root can read.
    let environment = zero_separated(&process.join("environ"))?;
    let state = state_of(&words, &environment).and_then(|state| state.canonicalize().ok());
    (state == Some(paths.state.clone())).then_some((words, environment))
}

pub(super) fn zero_separated(file: &Path) -> Option<Vec<String>> {
    // Files of /proc state no size; of a folder given in its place one may be a FIFO.
    use std::io::Read as _;
    // In a copy of /proc it may be anything.
    if !std::fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let (opened, _) = read::open(file).ok()?;
    opened.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    let words = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    Some(
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect(),
    )
}

/// The state directory of a process, as OpenClaw resolves it.
pub(super) fn state_of(words: &[String], environment: &[String]) -> Option<PathBuf> {
    let variable = |name: &str| {
        environment
            .iter()
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .filter(|value| !value.is_empty())
    };
    if let Some(named) = variable("OPENCLAW_STATE_DIR") {
        return Some(PathBuf::from(named));
    }
    let home = variable("OPENCLAW_HOME").or_else(|| variable("HOME"))?;
    let mut profile = variable("OPENCLAW_PROFILE").map(str::to_owned);
    for (at, word) in words.iter().enumerate() {
        if word == "--dev" {
            profile = Some("dev".to_owned());
        } else if word == "--profile" {
            profile = words.get(at + 1).cloned();
        } else if let Some(name) = word.strip_prefix("--profile=") {
            profile = Some(name.to_owned());
        }
    }
    let name = match profile.filter(|name| !name.is_empty() && name != "default") {
        Some(profile) => format!(".openclaw-{profile}"),
        None => ".openclaw".to_owned(),
    };
    Some(Path::new(home).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, text).expect("write");
    }

    #[test]
    fn a_line_that_starts_another_host_is_seen() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().canonicalize().expect("real path");
        let (one, two) = (root.join("one"), root.join("two"));
        for host in [&one, &two] {
            write(&host.join("package.json"), r#"{"name":"openclaw"}"#);
            write(&host.join("openclaw.mjs"), "");
        }
        std::os::unix::fs::symlink(two.join("openclaw.mjs"), root.join("openclaw")).expect("link");
        let line = |word: &str| format!("ExecStart=/usr/bin/node \"{word}\" gateway run");
        let other = |word: &Path| of_line(&line(&word.to_string_lossy()), &one, "unit").is_some();
        assert!(!other(&one.join("openclaw.mjs")));
        assert!(other(&two.join("openclaw.mjs")));
        assert!(other(&root.join("openclaw")), "through a link");
        assert!(!other(Path::new("/usr/bin/true")));

        let paths = Paths::plain(&root);
        let table = root.join("etc/cron.d/x");
        write(
            &table,
            &format!(
                "# openclaw {}\n* * * * * u {}/openclaw.mjs gateway\n",
                two.display(),
                two.display()
            ),
        );
        assert_eq!(cron(&paths, &one, &root.join("etc")).len(), 1);
        assert_eq!(cron(&paths, &two, &root.join("etc")).len(), 0);
    }

    #[test]
    fn only_the_gateway_of_this_state_counts() {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().canonicalize().expect("real path");
        let (one, two) = (root.join("one"), root.join("two"));
        for host in [&one, &two] {
            write(&host.join("package.json"), r#"{"name":"openclaw"}"#);
            write(&host.join("openclaw.mjs"), "");
        }
        let state = root.join("home/.openclaw");
        write(&state.join("openclaw.json"), "{}");
        let paths = Paths::plain(&state);
        let process = |environment: String, more: &str| {
            let line = format!("node\0{}/openclaw.mjs\0gateway\0run\0{more}", two.display());
            write(&root.join("proc/12/cmdline"), &line);
            write(&root.join("proc/12/environ"), &environment);
            let other = |host| {
                running(&paths, host, &root.join("proc"))
                    .other
                    .iter()
                    .count()
            };
            (other(&one), other(&two))
        };
        let home = format!("HOME={}/home\0", root.display());
        assert_eq!(process(home.clone(), ""), (1, 0));
        assert_eq!(process(home.clone(), "--profile\0work\0"), (0, 0));
        assert_eq!(
            process(format!("{home}OPENCLAW_STATE_DIR=/elsewhere\0"), ""),
            (0, 0)
        );
        let temporary = || running(&paths, &two, &root.join("proc")).temporary;
        assert_eq!(temporary(), None);
        let state = format!("OPENCLAW_STATE_DIR={}\0", state.display());
        assert_eq!(process(format!("{state}TMPDIR=/t\0"), ""), (1, 0));
        assert_eq!(temporary(), Some(PathBuf::from("/t")));
        // What runs it is known by the program itself, also where its file was replaced.
        let node = |paths: &Paths| running(paths, &two, &root.join("proc")).node;
        assert_eq!(node(&paths), None);
        std::os::unix::fs::symlink(root.join("bin/node"), root.join("proc/12/exe")).expect("link");
        assert_eq!(node(&paths), None);
        write(&root.join("bin/node"), "node.js/v22.1.0\0");
        let found = node(&paths).expect("node");
        assert_eq!(found.version.as_deref(), Some("22.1.0"));
        assert_eq!(found.path, root.join("bin/node").display().to_string());
    }
}
