//! Property lists of launchd that start this gateway, in their form of text. A binary one is not read.

use std::path::Path;

use super::super::super::paths::{Kind, Paths};
use super::Units;
use super::command::CommandLine;
use super::service::Service;
use crate::read;

/// Most bytes of a property list.
const MAX_FILE: u64 = 1 << 20;

/// Reads those of a folder.
pub(super) fn read(paths: &Paths, folder: &Path, found: &mut Units) {
    for entry in paths.list(folder).unwrap_or_default() {
        let is_one = entry.path.extension().is_some_and(|end| end == "plist");
        if entry.kind != Kind::File || !is_one {
            continue;
        }
        let real = paths.real(&entry.path);
        let bytes = real
            .map_err(|error| error.to_string())
            .and_then(|real| read::bytes(&real, MAX_FILE).map_err(|error| error.to_string()));
        let unread = |why: String| (paths.shown(&entry.path), why);
        match bytes {
            Ok(bytes) if bytes.starts_with(b"bplist") => {
                let names = bytes.windows(8).any(|part| part == b"openclaw");
                let why = "it is a binary property list".to_owned();
                found.unread.extend(names.then(|| unread(why)));
            }
            Ok(bytes) => {
                let written = String::from_utf8_lossy(&bytes);
                found.services.extend(one(paths, &entry.path, &written));
            }
            Err(why) => found.unread.push(unread(why)),
        }
    }
}

fn one(paths: &Paths, file: &Path, written: &str) -> Option<Service> {
    if !written.contains("openclaw") || !written.contains("gateway") {
        return None;
    }
    let shown = paths.shown(file);
    let mut found = Service {
        shown: shown.clone(),
        files: vec![file.to_owned()],
        is_plist: true,
        ..Service::default()
    };
    let part = |key: &str, end: &str| {
        let from = written.split(&format!("<key>{key}</key>")).nth(1)?;
        from.split(end).next()
    };
    if let Some(part) = part("ProgramArguments", "</array>")
        && let Some(command) = CommandLine::read(&texts(part))
    {
        found.options(&command, &shown, written);
    }
    if written.matches("<key>ProgramArguments</key>").count() > 1 {
        found.hidden = Some("it has two command lines".to_owned());
    }
    if let Some(part) = part("EnvironmentVariables", "</dict>") {
        let entries = part.split("<key>").skip(1);
        let pairs: Vec<(String, String)> = entries
            .filter_map(|entry| {
                let (name, rest) = entry.split_once("</key>")?;
                let value = texts(rest).into_iter().next().unwrap_or_default();
                Some((name.to_owned(), value))
            })
            .collect();
        found.variables(&pairs, file, &shown, written);
    }
    Some(found)
}

fn texts(part: &str) -> Vec<String> {
    part.split("<string>")
        .skip(1)
        .filter_map(|rest| rest.split('<').next().map(str::to_owned))
        .collect()
}
