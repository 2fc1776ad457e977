//! What a service manager starts: systemd units with their drop-ins, launchd's property lists and wrappers: `service:<unit>`.
//!
//! Only units of the user who owns the state, and units of the system that name its state directory or host. Values of the environment
//! are in no digest, but for variables that load code.

mod syntax;
mod unit;

use std::path::{Path, PathBuf};

pub(super) use syntax::{assignments, lines, words};
pub(super) use unit::{Unit, of_home};

use super::context::Found;
use super::environment;
use super::listing::{Class, ListingBuilder};
use super::paths::{Kind as Entry, Paths};
use super::search_path::Expands;
use super::{Observation, Place, Subject, ids, node, started, tmp_folders};
use crate::subject::{Kind, Source, SubjectId};

/// Most bytes of one unit or drop-in.
const MAX_FILE: u64 = 1 << 20;
/// Most drop-ins of one unit.
const MAX_DROP_INS: usize = 1000;
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
    let folders = unit_folders(paths);
    if let Some(home) = &paths.home {
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
        unit::manager(paths, &home.join(".config/systemd"), found);
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
                subjects.push(service(paths, host, roots, &unit, &name, starts));
            }
        }
    }
    start_them(paths, &all, starters, &mut subjects, starts);
    subjects
}

/// Where units lie, and whether they are the user's own.
fn unit_folders(paths: &Paths) -> Vec<(PathBuf, bool)> {
    let of_system = [("/etc/systemd/system", false), ("/etc/systemd/user", true)];
    let of_system = of_system.map(|(folder, own)| (PathBuf::from(folder), own));
    let of_user = paths.home.iter().flat_map(|home| user_folders(home));
    let of_user = of_user.map(|folder| (folder, true));
    of_system.into_iter().chain(of_user).collect()
}

/// The folders in which units start this OpenClaw: a server that has no folder of its own is started there.
pub(super) fn working_folders(paths: &Paths, host: Option<&Path>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (unit, own) in units_about(paths, host) {
        let stated = unit.values("WorkingDirectory").pop();
        let stated = stated.map(|text| of_home(paths, text.trim_start_matches('-')));
        match stated {
            Some(text) if text.starts_with('/') => found.push(PathBuf::from(text)),
            Some(text) if text != "~" => {}
            // The manager of the user starts what says nothing in the home folder.
            None if !own => {}
            _ => found.extend(paths.home.clone()),
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The programs `node` by which units start this OpenClaw.
pub(super) fn nodes(paths: &Paths, host: Option<&Path>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (unit, _) in units_about(paths, host) {
        for line in unit.values("ExecStart") {
            let line = of_home(paths, &line);
            let words = line.split_whitespace();
            let words = words.map(|word| Path::new(word.trim_matches(['"', '\'', '-', '@'])));
            let nodes = words.filter(|word| word.is_absolute() && word.ends_with("node"));
            found.extend(nodes.map(Path::to_owned));
        }
    }
    found
}

/// The units that are about this OpenClaw, each with whether it is the system's. In a copy there are none.
fn units_about(paths: &Paths, host: Option<&Path>) -> Vec<(Unit, bool)> {
    let mut found = Vec::new();
    if paths.not_here().is_some() {
        return found;
    }
    let folders = unit_folders(paths);
    let all: Vec<PathBuf> = folders.iter().map(|(folder, _)| folder.clone()).collect();
    for (folder, own) in folders {
        for entry in paths.list(&folder).unwrap_or_default() {
            let name = entry.name.to_string_lossy().into_owned();
            if entry.kind != Entry::File || !name.ends_with(".service") {
                continue;
            }
            let unit = Unit::read(paths, &entry.path, &name, &all, &mut Vec::new());
            let unit = unit.filter(|unit| unit.is_about(paths, host, own));
            found.extend(unit.map(|unit| (unit, own)));
        }
    }
    found
}

/// The units that start a service by time, socket or path: its starters, by their usual or their own word.
fn start_them(
    paths: &Paths,
    all: &[PathBuf],
    starters: Vec<(PathBuf, String, String)>,
    subjects: &mut Vec<Subject>,
    starts: &mut Found,
) {
    for (file, name, usual) in starters {
        let Some(unit) = Unit::read(paths, &file, &name, all, &mut starts.not_covered) else {
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
}

/// A unit that starts this OpenClaw, with what it starts beside it.
fn service(
    paths: &Paths,
    host: Option<&Path>,
    roots: &[PathBuf],
    unit: &Unit,
    name: &str,
    starts: &mut Found,
) -> Subject {
    let mut subject = unit.subject(paths, name);
    unit.overrides(paths, &mut subject.observations);
    unit.environment_files(paths, &mut starts.observations);
    let commands = unit.commands(paths);
    started::hash(paths, roots, &commands, &mut subject, starts);
    subject.node = commands
        .iter()
        .find_map(|command| node::of_words(started::words_of(command).into_iter()));
    match tmp_folders::of_unit(unit, paths) {
        tmp_folders::Stated::At(folder) => starts.temporary.push(folder),
        tmp_folders::Stated::Unknown(why) => {
            let entry = tmp_folders::not_covered(name, &why);
            starts.not_covered.push(entry);
        }
        tmp_folders::Stated::Nothing => {}
    }
    let other = host.and_then(|host| unit.other_host(host, name));
    subject.observations.extend(other);
    subject
}

/// The folders in which a user keeps units, in the order in which the user's manager takes them. [systemd.unit(5)]
pub(super) fn user_folders(home: &Path) -> [PathBuf; 3] {
    [
        ".config/systemd/user.control",
        ".config/systemd/user",
        ".local/share/systemd/user",
    ]
    .map(|folder| home.join(folder))
}

/// Endings of units that start a service: at a time, when a file changes, when something connects.
const STARTERS: [&str; 3] = [".timer", ".path", ".socket"];

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
    fn units_that_are_started_beside_openclaw_are_in_its_definition() {
        let dir = tempfile::tempdir().expect("temp dir");
        let home = dir.path().canonicalize().expect("real path").join("home");
        let folder = home.join(".config/systemd/user");
        for folder in [&folder, &home.join(".openclaw")] {
            std::fs::create_dir_all(folder).expect("folder");
        }
        let options = super::super::InventoryOptions {
            home: Some(home.clone()),
            ..super::super::InventoryOptions::new(home.join(".openclaw"))
        };
        let unit = |more: &str| {
            let text = format!(
                "[Unit]\nWants=network-online.target\n{more}[Service]\nExecStart=/x gateway\n"
            );
            std::fs::write(folder.join("openclaw-gateway.service"), text).expect("unit");
        };
        let keys = || {
            let paths = Paths::new(&options).expect("paths");
            let subjects = read(&paths, None, &[], &mut Found::default());
            let definition = subjects[0].definition.as_ref().expect("definition");
            definition.paths().map(str::to_owned).collect::<Vec<_>>()
        };
        unit("");
        let before = keys();
        assert!(
            !before.iter().any(|key| key.contains("Wants")),
            "{before:?}"
        );
        unit("Wants=evil.service\nOnFailure=worse.service other.target\n");
        let added: Vec<String> = keys()
            .into_iter()
            .filter(|key| !before.contains(key))
            .collect();
        let named = |added: &[String], what: &str| added.iter().any(|key| key.ends_with(what));
        assert!(named(&added, "Wants evil.service"), "{added:?}");
        assert!(named(&added, "OnFailure worse.service"), "{added:?}");
        // What it may do beyond its user is in it as well.
        unit("[Service]\nSupplementaryGroups=docker\nAmbientCapabilities=CAP_SYS_ADMIN\n");
        let may = keys();
        for directive in ["SupplementaryGroups", "AmbientCapabilities"] {
            let there = |keys: &[String]| keys.iter().any(|key| key.contains(directive));
            assert!(there(&may) && !there(&before), "{may:?}");
        }
        unit("");
        let beside = folder.join("openclaw-gateway.service.wants");
        std::fs::create_dir(&beside).expect("folder");
        std::os::unix::fs::symlink("../evil.service", beside.join("evil.service")).expect("link");
        let added: Vec<String> = keys()
            .into_iter()
            .filter(|key| !before.contains(key))
            .collect();
        assert_eq!(added, ["openclaw-gateway.service starts evil.service too"]);
    }

    #[test]
    fn what_is_said_of_instances_is_in_the_definition_of_their_template() {
        let dir = tempfile::tempdir().expect("temp dir");
        let home = dir.path().canonicalize().expect("real path").join("home");
        let folder = home.join(".config/systemd/user");
        for folder in [&folder, &home.join(".openclaw")] {
            std::fs::create_dir_all(folder).expect("folder");
        }
        let write = |name: &str, text: &str| {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().expect("parent")).expect("folder");
            std::fs::write(file, text).expect("file");
        };
        let options = super::super::InventoryOptions {
            home: Some(home.clone()),
            ..super::super::InventoryOptions::new(home.join(".openclaw"))
        };
        let digest = || {
            let paths = Paths::new(&options).expect("paths");
            let subjects = read(&paths, None, &[], &mut Found::default());
            let [subject] = subjects.as_slice() else {
                panic!("{subjects:?}");
            };
            subject.definition_digest()
        };
        write(
            "openclaw@.service",
            "[Service]\nExecStart=/x openclaw gateway %i\n",
        );
        let before = digest();
        // Of another template.
        write(
            "other@main.service.d/10.conf",
            "[Service]\nExecStartPre=/evil\n",
        );
        assert_eq!(digest(), before);
        write(
            "openclaw@main.service.d/10.conf",
            "[Service]\nExecStartPre=/evil\n",
        );
        let with_drop_in = digest();
        assert_ne!(with_drop_in, before);
        write("openclaw@main.service.wants/evil.service", "");
        assert_ne!(digest(), with_drop_in);
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
    fn what_confines_a_unit_is_its_settings() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().join("home/.config/systemd/user");
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::create_dir_all(dir.path().join("home/.openclaw")).expect("state");
        let options = super::super::InventoryOptions {
            home: Some(dir.path().join("home")),
            ..super::super::InventoryOptions::new(dir.path().join("home/.openclaw"))
        };
        let settings = |more: &str| {
            let text = format!("[Service]\n{more}ExecStart=/x openclaw gateway\n");
            std::fs::write(folder.join("openclaw-gateway.service"), text).expect("unit");
            let paths = Paths::new(&options).expect("paths");
            let found = read(&paths, None, &[], &mut Found::default());
            let unit = found
                .iter()
                .find(|one| one.name.contains("openclaw-gateway"));
            unit.expect("the unit").settings_digest()
        };
        let confined = settings("ProtectSystem=strict\nMemoryDenyWriteExecute=yes\n");
        assert!(confined.is_some());
        for harmless in ["Restart=always\n", "MemoryMax=2G\n", "Description=x\n"] {
            assert_eq!(settings(harmless), None, "{harmless}");
            let beside = format!("{harmless}ProtectSystem=strict\nMemoryDenyWriteExecute=yes\n");
            assert_eq!(settings(&beside), confined, "{harmless}");
        }
        for weaker in [
            "",
            "ProtectSystem=strict\n",
            "ProtectSystem=no\nMemoryDenyWriteExecute=yes\n",
        ] {
            assert_ne!(settings(weaker), confined, "{weaker}");
        }
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
}
