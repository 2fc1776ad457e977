//! Property lists of launchd that start this gateway, in their form of text. A binary one is not read.

use std::path::Path;

use super::super::super::paths::{Kind, Paths};
use super::super::secrets::{is_secret, is_secret_variable};
use super::service::{Service, option};
use super::{Units, line_in};
use crate::{read, text};

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
    if let Some(part) = part("ProgramArguments", "</array>") {
        let words = texts(part);
        if let Some(bind) = option(&words, "--bind") {
            found.bind = Some((bind, shown.clone(), line_in(written, "--bind")));
        }
        found.port = option(&words, "--port").and_then(|port| port.parse().ok());
    }
    if let Some(part) = part("EnvironmentVariables", "</dict>") {
        for entry in part.split("<key>").skip(1) {
            let Some((name, rest)) = entry.split_once("</key>") else {
                continue;
            };
            let value = texts(rest).into_iter().next().unwrap_or_default();
            if is_secret_variable(name) && is_secret(&value) {
                let name = text::excerpt(name, 80);
                let line = line_in(written, &format!("<key>{name}</key>"));
                found.secrets.push((name, shown.clone(), line));
                found.secret_files = vec![file.to_owned()];
            }
        }
    }
    Some(found)
}

fn texts(part: &str) -> Vec<String> {
    part.split("<string>")
        .skip(1)
        .filter_map(|rest| rest.split('<').next().map(str::to_owned))
        .collect()
}
