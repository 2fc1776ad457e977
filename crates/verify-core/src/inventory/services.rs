//! What a service manager starts: systemd units with their drop-ins, launchd's property lists and wrappers: `service:<unit>`.
//!
//! Only units of the user who owns the state, and units of the system that name its state directory or host. Values of the environment
//! are in no digest, but for variables that load code.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::context::Found;
use super::environment;
use super::listing::{Class, ListingBuilder};
use super::mcp_spec::formed_words;
use super::paths::{Kind as Entry, Paths};
use super::search_path::Expands;
use super::{NotCovered, Observation, Place, Subject, ids, node, other_host, started};
use crate::subject::{Kind, Source, SubjectId};

/// Most bytes of one unit or drop-in.
const MAX_FILE: u64 = 1 << 20;
/// Most drop-ins of one unit.
const MAX_DROP_INS: usize = 1000;
/// Directives of a unit that decide what runs. A version or a comment does not.
const DIRECTIVES: [&str; 23] = [
    "ExecSearchPath",
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
    "ExecCondition",
    "EnvironmentFile",
    "PassEnvironment",
    "WorkingDirectory",
    "RootDirectory",
    "RootImage",
    "RootHash",
    "ExtensionImages",
    "ExtensionDirectories",
    "MountImages",
    "TemporaryFileSystem",
    "User",
    "Group",
    "BindPaths",
    "BindReadOnlyPaths",
    "UnsetEnvironment",
];

/// Every unit that starts this OpenClaw, and the environment files that they name.
pub(super) fn read(
    paths: &Paths,
    host: Option<&Path>,
    roots: &[PathBuf],
    starts: &mut Found,
) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let found = &mut starts.observations;
    wrappers(paths, &mut subjects, found);
    if let Some(why) = paths.not_here() {
        found.push(Observation::NotHere {
            what: "services, cron and the running gateway".to_owned(),
            why: why.to_owned(),
        });
        return subjects;
    }
    let mut folders = vec![
        (PathBuf::from("/etc/systemd/system"), false),
        (PathBuf::from("/etc/systemd/user"), true),
    ];
    if let Some(home) = &paths.home {
        // In the order in which the user's manager takes them. [systemd.unit(5)]
        folders.extend(
            [
                ".config/systemd/user.control",
                ".config/systemd/user",
                ".local/share/systemd/user",
            ]
            .map(|folder| (home.join(folder), true)),
        );
        launch_agents(
            paths,
            &home.join("Library/LaunchAgents"),
            host,
            &mut subjects,
        );
        for entry in paths
            .list(&home.join(".config/environment.d"))
            .unwrap_or_default()
        {
            if entry.path.extension().is_some_and(|end| end == "conf") {
                environment::file(paths, &entry.path, Expands::Variables, found);
            }
        }
        manager(paths, &home.join(".config/systemd"), found);
    }
    let mut starters: Vec<(PathBuf, String, String)> = Vec::new();
    let all: Vec<PathBuf> = folders.iter().map(|(folder, _)| folder.clone()).collect();
    for (folder, own) in folders {
        for entry in paths.list(&folder).unwrap_or_default() {
            let name = entry.name.to_string_lossy().into_owned();
            if entry.kind == Entry::Folder && name.ends_with(".d") {
                paths.listed(&entry.path);
            }
            // A unit may be a link to a file elsewhere; a link to nothing is one that is masked or broken.
            let starter = STARTERS.iter().find_map(|ending| name.strip_suffix(ending));
            if entry.kind == Entry::File
                && let Some(stem) = starter
            {
                starters.push((entry.path, name.clone(), format!("{stem}.service")));
                continue;
            }
            if entry.kind != Entry::File || !name.ends_with(".service") {
                continue;
            }
            let Some(unit) = Unit::read(paths, &entry.path, &name, &all, &mut starts.not_covered)
            else {
                continue;
            };
            if unit.is_about(paths, host, own) {
                unit.overrides(paths, &mut starts.observations);
                let mut subject = unit.subject(paths, &name);
                let commands = unit.commands(paths);
                started::hash(paths, roots, &commands, &mut subject, starts);
                subject.node = commands
                    .iter()
                    .find_map(|command| node::of_words(started::words_of(command).into_iter()));
                let other = host.and_then(|host| unit.other_host(host, &name));
                subject.observations.extend(other);
                subjects.push(subject);
            }
        }
    }
    for (file, name, usual) in starters {
        let Some(unit) = Unit::read(paths, &file, &name, &all, &mut starts.not_covered) else {
            continue;
        };
        let started = unit.values("Unit").pop().unwrap_or(usual);
        let about = subjects
            .iter()
            .any(|subject| subject.kind == Kind::Service && subject.name == started);
        if about {
            subjects.push(unit.starter(paths, &name));
        }
    }
    subjects
}

/// Endings of units that start a service: at a time, when a file changes, when something connects.
const STARTERS: [&str; 3] = [".timer", ".path", ".socket"];

pub(super) struct Unit {
    file: PathBuf,
    /// File and text of the unit and of its drop-ins, in the order in which they count.
    pub(super) texts: Vec<(PathBuf, String)>,
}

impl Unit {
    /// The unit with the drop-ins of all folders, those of its prefixes and those of all services.
    pub(super) fn read(
        paths: &Paths,
        file: &Path,
        name: &str,
        folders: &[PathBuf],
        not_covered: &mut Vec<NotCovered>,
    ) -> Option<Self> {
        let mut texts = vec![(file.to_owned(), content(paths, file, not_covered)?)];
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "service"));
        let mut names = vec![format!("{name}.d"), format!("{ending}.d")];
        names.extend(
            stem.match_indices('-')
                .filter_map(|(at, _)| Some(format!("{}.{ending}.d", stem.get(..=at)?))),
        );
        let mut drop_ins: Vec<PathBuf> = folders
            .iter()
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .flat_map(|folder| paths.list(&folder).unwrap_or_default())
            .filter(|entry| entry.kind == Entry::File)
            .map(|entry| entry.path)
            .filter(|path| path.extension().is_some_and(|end| end == "conf"))
            .collect();
        drop_ins.sort();
        if drop_ins.len() > MAX_DROP_INS {
            let why = format!("has more than {MAX_DROP_INS} drop-ins");
            paths.refuse_because(file, why);
        }
        for path in drop_ins.into_iter().take(MAX_DROP_INS) {
            if let Some(text) = content(paths, &path, not_covered) {
                texts.push((path, text));
            }
        }
        Some(Self {
            file: file.to_owned(),
            texts,
        })
    }

    /// Whether it starts this OpenClaw: a unit of the user's that is called so or names OpenClaw at all, one of the system's that names
    /// its places. What is called so counts whatever it starts: it stands in the place of OpenClaw's own unit.
    pub(super) fn is_about(&self, paths: &Paths, host: Option<&Path>, own: bool) -> bool {
        let names = |place: &Path| {
            let place = place.to_string_lossy();
            self.texts
                .iter()
                .any(|(_, text)| text.contains(place.as_ref()))
        };
        let by_name = own
            && self.texts.iter().any(|(_, text)| {
                lines(text)
                    .iter()
                    .any(|line| line.contains("openclaw") && line.starts_with("Exec"))
            });
        let called = own
            && self.file.file_name().is_some_and(|name| {
                let name = name.to_string_lossy();
                name.contains("openclaw") && !name.contains("openclaw-verify")
            });
        called || by_name || names(&paths.state) || host.is_some_and(names)
    }

    /// The values of a directive, in the order in which they count.
    fn values(&self, directive: &str) -> Vec<String> {
        let lines = self.texts.iter().flat_map(|(_, text)| lines(text));
        lines
            .filter_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == directive).then(|| value.trim().to_owned())
            })
            .collect()
    }

    /// A unit that starts a service of OpenClaw: everything in it but the words for people decides when that is.
    fn starter(&self, paths: &Paths, name: &str) -> Subject {
        let mut listing = ListingBuilder::default();
        for (file, text) in &self.texts {
            let file = file.file_name().unwrap_or_default().to_string_lossy();
            for (at, line) in lines(text).iter().enumerate() {
                let Some((key, value)) = line.split_once('=') else {
                    continue;
                };
                if !matches!(key.trim(), "Description" | "Documentation") {
                    let value = formed_words(value.trim());
                    let key = format!("{file} {} #{at}", key.trim());
                    listing.add(key, Class::Command, &json!(value));
                }
            }
        }
        let mut subject = blank(name, paths.place(&self.file));
        subject.definition = Some(listing.finish());
        subject
    }

    /// Every command line of it.
    fn commands(&self, paths: &Paths) -> Vec<serde_json::Map<String, Value>> {
        let home = of_home(paths, "%h");
        let folder = self.values("WorkingDirectory").pop();
        let folder = folder.map(|folder| {
            let folder = of_home(paths, folder.trim_start_matches('-'));
            if folder == "~" { home.clone() } else { folder }
        });
        let lines = self.texts.iter().flat_map(|(_, text)| lines(text));
        let mut found = Vec::new();
        for line in
            lines.filter(|line| line.starts_with("Exec") && !line.starts_with("ExecSearchPath"))
        {
            let Some((_, line)) = line.split_once('=') else {
                continue;
            };
            for words in words(&of_home(paths, line)).split(|word| word == ";") {
                let mut words = words.to_vec();
                let Some(first) = words.first_mut() else {
                    continue;
                };
                let program = first
                    .trim_start_matches(['@', '-', ':', '+', '!', '|'])
                    .to_owned();
                let named = first
                    .strip_suffix(program.as_str())
                    .is_some_and(|prefix| prefix.contains('@'));
                *first = program;
                if named && words.len() > 1 {
                    // The second word is only the name that the program is told.
                    words.remove(1);
                }
                let Some(mut command) = started::line_of(&json!(words)) else {
                    continue;
                };
                command.extend(folder.clone().map(|to| ("cwd".to_owned(), json!(to))));
                found.push(command);
            }
        }
        found
    }

    /// What the last `ExecStart` that counts starts in place of `host`.
    fn other_host(&self, host: &Path, name: &str) -> Option<Observation> {
        let lines = self.texts.iter().flat_map(|(_, text)| lines(text));
        let start = lines
            .filter_map(|line| Some(line.strip_prefix("ExecStart=")?.trim().to_owned()))
            .rfind(|line| !line.is_empty())?;
        other_host::of_line(&start, host, name)
    }

    fn subject(&self, paths: &Paths, name: &str) -> Subject {
        let mut listing = ListingBuilder::default();
        for (file, text) in &self.texts {
            let file = match file.file_name() {
                _ if *file == self.file => name.to_owned(),
                Some(name) => name.to_string_lossy().into_owned(),
                None => String::new(),
            };
            for (at, line) in lines(text).iter().enumerate() {
                let Some((key, value)) = line.split_once('=') else {
                    continue;
                };
                let (key, value) = (key.trim(), value.trim());
                if key == "Environment" {
                    for (variable, value) in assignments(value) {
                        let loads = environment::loads(&variable);
                        let value = if loads { json!(value) } else { Value::Null };
                        listing.add(
                            format!("{file} Environment {variable}"),
                            Class::Command,
                            &value,
                        );
                    }
                } else if DIRECTIVES.contains(&key) {
                    let value = formed_words(value);
                    listing.add(format!("{file} {key} #{at}"), Class::Command, &json!(value));
                }
            }
        }
        let mut subject = blank(name, paths.place(&self.file));
        subject.definition = Some(listing.finish());
        subject
    }

    /// Variables that the unit itself sets, and the environment files that it names.
    fn overrides(&self, paths: &Paths, found: &mut Vec<Observation>) {
        for (file, text) in &self.texts {
            for line in lines(text) {
                match line.split_once('=') {
                    Some((key, value)) if key.trim() == "Environment" => {
                        for (variable, value) in assignments(&of_home(paths, value.trim())) {
                            if !environment::is_own_place(paths, &variable, &value) {
                                found.extend(environment::judged(
                                    paths,
                                    &variable,
                                    &value,
                                    Expands::Nothing,
                                    paths.shown(file),
                                ));
                            }
                        }
                    }
                    Some((key, value)) if key.trim() == "EnvironmentFile" => {
                        let written = value.trim().trim_start_matches('-').trim_matches('"');
                        let written = of_home(paths, written);
                        let path = Path::new(&written);
                        // The usual ones of the state directory are read with it.
                        let usual = environment::USUAL
                            .iter()
                            .any(|name| path == paths.state.join(name));
                        if path.is_absolute() && !usual {
                            for file in matching(paths, path) {
                                environment::file(paths, &file, Expands::Nothing, found);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

/// What the settings of the user's manager put into the environment of every unit. [systemd-system.conf(5)]
fn manager(paths: &Paths, folder: &Path, found: &mut Vec<Observation>) {
    let drop_ins = paths.list(&folder.join("user.conf.d")).unwrap_or_default();
    let drop_ins = drop_ins.into_iter().map(|entry| entry.path);
    let files = drop_ins.filter(|path| path.extension().is_some_and(|end| end == "conf"));
    for file in files.chain([folder.join("user.conf")]) {
        let Some(text) = paths.lossy(&file, MAX_FILE) else {
            continue;
        };
        for line in lines(&text) {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            if !matches!(key.trim(), "DefaultEnvironment" | "ManagerEnvironment") {
                continue;
            }
            for (variable, value) in assignments(&of_home(paths, value.trim())) {
                if !environment::is_own_place(paths, &variable, &value) {
                    found.extend(environment::judged(
                        paths,
                        &variable,
                        &value,
                        Expands::Nothing,
                        paths.shown(&file),
                    ));
                }
            }
        }
    }
}

/// The files that a path names whose last part may hold `*`, as systemd takes it.
fn matching(paths: &Paths, path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((start, end)) = name.split_once('*') else {
        return vec![path.to_owned()];
    };
    let folder = path.parent().unwrap_or(path);
    let entries = paths.list(folder).unwrap_or_default().into_iter();
    // More than one `*` may stand there: what begins and ends so is looked at in any case.
    let end = end.rsplit('*').next().unwrap_or(end);
    entries
        .filter(|entry| {
            let name = entry.name.to_string_lossy();
            name.starts_with(start) && name.ends_with(end)
        })
        .map(|entry| entry.path)
        .collect()
}

/// The text with the home folder in place of systemd's specifier.
fn of_home(paths: &Paths, text: &str) -> String {
    let home = paths.home.as_deref().and_then(Path::to_str);
    text.replace("%h", home.unwrap_or("%h"))
}

/// The text of a unit or drop-in, through links. systemd drops comments before it looks at the bytes, so no byte ends the reading.
fn content(paths: &Paths, file: &Path, not_covered: &mut Vec<NotCovered>) -> Option<String> {
    let of_system = file.starts_with("/etc");
    // Units that hold secrets are closed to users. What root alone can write is no way in for others.
    if of_system
        && std::fs::File::open(file).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
    {
        not_covered.push(NotCovered::new(
            paths.shown(file),
            "the user who runs this check may not read it, so whether it starts this OpenClaw is not known",
        ));
        return None;
    }
    paths.lossy(file, MAX_FILE)
}

/// Logical lines without comments; a backslash joins a line with the next.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        let (part, more) = match trimmed.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (trimmed, false),
        };
        match joined.last_mut() {
            Some(last) if open => {
                last.push(' ');
                last.push_str(part);
            }
            _ => joined.push(part.to_owned()),
        }
        open = more;
    }
    joined
}

/// `A=1 "B=2 3"` as names and values.
pub(super) fn assignments(text: &str) -> Vec<(String, String)> {
    let words = words(text);
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The words of a line, without their quotes and with what backslashes stand for. [systemd.syntax(7)]
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            (_, '\\') => word.push(escaped(&mut rest)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The character that stands behind a backslash; what is no known form is taken as it is.
fn escaped(rest: &mut std::str::Chars<'_>) -> char {
    let Some(c) = rest.next() else {
        return '\\';
    };
    let (digits, radix, start) = match c {
        'x' => (2, 16, None),
        'u' => (4, 16, None),
        'U' => (8, 16, None),
        '0'..='7' => (3, 8, c.to_digit(8)),
        'n' => return '\n',
        't' => return '\t',
        's' => return ' ',
        other => return other,
    };
    let mut value = start.unwrap_or_default();
    for _ in usize::from(start.is_some())..digits {
        let mut ahead = rest.clone();
        let Some(digit) = ahead.next().and_then(|c| c.to_digit(radix)) else {
            break;
        };
        *rest = ahead;
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Property lists of launchd that name this OpenClaw, as whole files: their form is fixed, and comments are rare.
fn launch_agents(paths: &Paths, folder: &Path, host: Option<&Path>, subjects: &mut Vec<Subject>) {
    for entry in paths.list(folder).unwrap_or_default() {
        let name = entry.name.to_string_lossy().into_owned();
        if entry.kind != Entry::File || !name.ends_with(".plist") {
            continue;
        }
        let Some(text) = paths.lossy(&entry.path, MAX_FILE) else {
            continue;
        };
        let names = |place: &Path| text.contains(place.to_string_lossy().as_ref());
        if text.contains("openclaw") || names(&paths.state) || host.is_some_and(names) {
            let mut subject = blank(&name, paths.place(&entry.path));
            let mut listing = ListingBuilder::default();
            listing.add_bytes(name, Class::Command, text.as_bytes());
            subject.definition = Some(listing.finish());
            subject.node = node::of_words(text.split(['<', '>']));
            subjects.push(subject);
        }
    }
}

/// `service-env/` of the state directory: launchd starts the wrapper in it. Its values are secrets, its code is not.
fn wrappers(paths: &Paths, subjects: &mut Vec<Subject>, found: &mut Vec<Observation>) {
    let folder = paths.state.join("service-env");
    let mut listing = ListingBuilder::default();
    for entry in paths.list(&folder).unwrap_or_default() {
        let name = entry.name.to_string_lossy().into_owned();
        if entry.kind != Entry::File {
            continue;
        }
        if name.ends_with(".sh") {
            match paths.text(&entry.path, MAX_FILE) {
                Ok(text) => listing.add_bytes(name, Class::Command, text.as_bytes()),
                Err(error) => found.push(Observation::Unreadable {
                    place: paths.shown(&entry.path),
                    why: error.to_string(),
                }),
            }
        } else {
            environment::file(paths, &entry.path, Expands::Shell, found);
        }
    }
    if let Some(listing) = listing.finish_unless_empty() {
        let mut subject = blank("service-env", paths.place(&folder));
        subject.definition = Some(listing);
        subjects.push(subject);
    }
}

fn blank(name: &str, place: Place) -> Subject {
    ids::blank(
        SubjectId::new("service", &ids::part(name)),
        Kind::Service,
        Source::Path,
        name.to_owned(),
        place,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_a_service_at_a_time_is_a_definition_too() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().join("home/.config/systemd/user");
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::create_dir_all(dir.path().join("home/.openclaw")).expect("state");
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("unit");
        write(
            "nightly.service",
            "[Service]\nExecStart=/usr/bin/openclaw agent\n",
        );
        write("nightly.timer", "[Timer]\nOnCalendar=daily\n");
        write("other.timer", "[Timer]\nUnit=nightly.service\n");
        write("backup.service", "[Service]\nExecStart=/usr/bin/true\n");
        write("backup.timer", "[Timer]\nOnCalendar=daily\n");
        let options = super::super::InventoryOptions {
            home: Some(dir.path().join("home")),
            ..super::super::InventoryOptions::new(dir.path().join("home/.openclaw"))
        };
        let digests = || {
            let paths = Paths::new(&options).expect("paths");
            let found = read(&paths, None, &[], &mut Found::default());
            let mut found: Vec<(String, String)> = found
                .iter()
                .filter(|subject| {
                    subject.name.contains("nightly")
                        || subject.name.contains("other")
                        || subject.name.contains("backup")
                })
                .map(|subject| {
                    (
                        subject.name.clone(),
                        format!("{:?}", subject.definition_digest()),
                    )
                })
                .collect();
            found.sort();
            found
        };
        let before = digests();
        let names: Vec<&str> = before.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["nightly.service", "nightly.timer", "other.timer"]);
        write("nightly.timer", "[Timer]\nOnCalendar=minutely\n");
        assert_ne!(digests(), before);
    }

    #[test]
    fn settings_of_the_manager_reach_every_unit() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = Paths::plain(dir.path());
        let folder = dir.path().join("systemd");
        std::fs::create_dir_all(folder.join("user.conf.d")).expect("folder");
        let said = |file: &str, text: &str| {
            std::fs::write(folder.join(file), text).expect("settings");
            let mut found = Vec::new();
            manager(&paths, &folder, &mut found);
            std::fs::remove_file(folder.join(file)).expect("removed");
            found.len()
        };
        let loads = "[Manager]\nDefaultEnvironment=LANG=C \"NODE_OPTIONS=--require /x\"\n";
        assert_eq!(said("user.conf", loads), 1);
        for name in ["NODE_OPT\\x49ONS", "NODE_OPT\\u0049ONS", "NODE_OPT\\111ONS"] {
            let hidden = format!("[Manager]\nDefaultEnvironment=\"{name}=--require /x\"\n");
            assert_eq!(said("user.conf", &hidden), 1, "{name}");
        }
        let loads = "[Manager]\nManagerEnvironment=LD_PRELOAD=/x.so\n";
        assert_eq!(said("user.conf.d/a.conf", loads), 1);
        assert_eq!(said("user.conf.d/a.txt", loads), 0);
        let honest = "[Manager]\nDefaultEnvironment=LANG=C\nDefaultTimeoutStopSec=9\n";
        assert_eq!(said("user.conf", honest), 0);
    }

    #[test]
    fn what_is_called_like_openclaw_counts_whatever_it_starts() {
        let dir = tempfile::tempdir().expect("temp dir");
        let home = dir.path().canonicalize().expect("real path").join("home");
        let folder = home.join(".config/systemd/user.control");
        for folder in [&folder, &home.join(".openclaw")] {
            std::fs::create_dir_all(folder).expect("folder");
        }
        for name in ["openclaw-gateway.service", "other.service"] {
            std::fs::write(folder.join(name), "[Service]\nExecStart=/x gateway\n").expect("unit");
        }
        let options = super::super::InventoryOptions {
            home: Some(home.clone()),
            ..super::super::InventoryOptions::new(home.join(".openclaw"))
        };
        let paths = Paths::new(&options).expect("paths");
        let subjects = read(&paths, None, &[], &mut Found::default());
        let ids: Vec<&str> = subjects.iter().map(|subject| subject.id.as_str()).collect();
        assert_eq!(ids, ["service:openclaw-gateway.service"]);
    }

    #[test]
    fn files_that_a_unit_starts_are_its_tree() {
        let dir = tempfile::tempdir().expect("temp dir");
        let home = dir.path().canonicalize().expect("real path").join("home");
        let options = super::super::InventoryOptions {
            home: Some(home.clone()),
            ..super::super::InventoryOptions::new(home.join(".openclaw"))
        };
        let folder = home.join(".config/systemd/user");
        for folder in [
            &folder,
            &home.join(".openclaw"),
            &home.join("openclaw/dist"),
        ] {
            std::fs::create_dir_all(folder).expect("folder");
        }
        std::fs::write(
            home.join("openclaw/package.json"),
            "{\"name\":\"openclaw\"}",
        )
        .expect("host");
        for file in ["openclaw/dist/a.mjs", "before.sh", "node"] {
            std::fs::write(home.join(file), "").expect("file");
        }
        std::fs::write(home.join("node"), "node.js/v22.1.0\0").expect("file");
        std::fs::write(
            folder.join("openclaw.service"),
            "[Service]\nExecStart=%h/node %h/openclaw/dist/a.mjs gateway\nExecStartPre=-/bin/sh \"%h/before.sh\"\n",
        )
        .expect("unit");
        let paths = Paths::new(&options).expect("paths");
        let subjects = read(
            &paths,
            None,
            std::slice::from_ref(&home),
            &mut Found::default(),
        );
        let [subject] = subjects.as_slice() else {
            panic!("{subjects:?}");
        };
        let node = subject
            .node
            .as_ref()
            .and_then(|node| node.version.as_deref());
        assert_eq!(node, Some("22.1.0"));
        let tree = subject.trees.tree.clone().expect("a tree");
        let leave_out = crate::tree::LeaveOut::AllBut(vec!["before.sh".into(), "node".into()]);
        assert_eq!((tree.root, tree.leave_out), (home, vec![leave_out]));
    }

    #[test]
    fn units_are_read_as_systemd_reads_them() {
        let text = "[Service]\n# ExecStart=/no\nExecStart=/usr/bin/node \\\n  x.js\nEnvironment=A=1 \"B=2 3\"\n";
        assert_eq!(
            lines(text),
            [
                "[Service]",
                "ExecStart=/usr/bin/node  x.js",
                "Environment=A=1 \"B=2 3\""
            ]
        );
        assert_eq!(assignments("A=1 \"B=2 3\" 'C=4'").len(), 3);
    }
}
