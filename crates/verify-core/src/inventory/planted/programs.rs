//! Programs that would be started in place of what was asked for: in the folder that stands first on the PATH of every command of an
//! agent, and beside Node by the very name that `npx` was given.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::mcp_local::is_of_system;
use super::super::paths::{Kind as Entry, Paths};
use super::super::{Hazard, Observation};
use super::Around;
use crate::launcher::node_options_are_harmless;
use crate::text;

/// Where the gateway puts the one program `openclaw`, for the commands of agents. It leaves other files there as they are.
/// [S `prepareGatewayAgentCliShim`, `mergeGatewayAgentCliPath`]
const FOLDER: &str = "tmp/agent-cli";
/// What it writes that program by before it moves it into its place. [S `tempPrefix`]
const UNFINISHED: &str = "openclaw-agent-cli";
/// The one variable that it may set: for sources in TypeScript. [S `resolveCurrentOpenClawCliInvocation`]
const VARIABLE: &str = "TSX_TSCONFIG_PATH";
/// Most bytes of that program.
const MAX_PROGRAM: u64 = 64 << 10;

/// Everything in the folder that the gateway did not put there.
pub(super) fn of_agents(paths: &Paths, around: &Around<'_>, found: &mut Vec<Observation>) {
    for entry in paths.list(&paths.state.join(FOLDER)).unwrap_or_default() {
        let name = entry.name.to_string_lossy();
        if name.trim_start_matches('.').starts_with(UNFINISHED) {
            continue;
        }
        let (why, weak) = if name != "openclaw" && name != "openclaw.cmd" {
            let why = "stands first on the PATH of every command of an agent, and OpenClaw does not put it there";
            (why.to_owned(), false)
        } else if entry.link || entry.kind != Entry::File {
            ("is no regular file".to_owned(), false)
        } else {
            let text = match paths.text(&entry.path, MAX_PROGRAM) {
                Ok(text) => text,
                Err(error) => format!("{error}"),
            };
            match strange(paths, around, &text) {
                Some(found) => found,
                None => continue,
            }
        };
        found.push(Observation::Unexplained {
            hazard: Hazard::StagedCode,
            place: paths.shown(&entry.path),
            why,
            weak,
        });
    }
}

/// What about the program `openclaw` is not as OpenClaw writes it, and whether that is only odd.
fn strange(paths: &Paths, around: &Around<'_>, text: &str) -> Option<(String, bool)> {
    let no = |why: String| Some((why, false));
    let mut lines = text.lines();
    let mut head = (lines.next(), lines.next());
    let rest: Vec<&str> = lines.collect();
    let (last, variables) = match rest.split_last() {
        Some((last, before)) => (*last, before),
        None => ("", &[][..]),
    };
    if head != (Some("#!/bin/sh"), Some("set -eu")) {
        head = (None, None);
    }
    let words = last
        .strip_prefix("exec ")
        .and_then(|line| line.strip_suffix(" \"$@\""))
        .and_then(words);
    let exports = |line: &&str| {
        let set = line
            .strip_prefix("export ")
            .and_then(|set| set.split_once('='));
        !line.is_empty()
            && set.is_none_or(|(name, value)| name != VARIABLE || self::words(value).is_none())
    };
    let odd = variables.iter().copied().find(exports);
    let (Some(mut words), None, (Some(_), _)) = (words, odd, head) else {
        let line = odd.unwrap_or(last);
        let line = text::excerpt(line.trim(), 120);
        return no(format!(
            "holds what OpenClaw's writer cannot produce: {line}"
        ));
    };
    if words
        .iter()
        .rev()
        .nth(1)
        .is_some_and(|word| word == "--profile")
    {
        words.truncate(words.len() - 2);
    }
    let (Some(program), Some(entry)) = (words.first(), words.last()) else {
        return no("starts nothing".to_owned());
    };
    let flags = words.get(1..words.len() - 1).unwrap_or_default();
    let is_harmless =
        |flag: &String| flag.starts_with("--disable-warning=") || node_options_are_harmless(flag);
    if !flags.iter().all(is_harmless) {
        return no(format!(
            "loads other code first: {}",
            text::excerpt(&flags.join(" "), 120)
        ));
    }
    let place = |path: &str| paths.real(Path::new(path)).ok();
    if let (Some(host), Some(entry)) = (around.host, place(entry))
        && !paths.real(host).is_ok_and(|host| entry.starts_with(host))
    {
        return no(format!(
            "starts {}, which is not the host",
            paths.shown(&entry)
        ));
    }
    // What is not there starts nothing.
    let program = place(program)?;
    let known = program.parent().is_some_and(|folder| {
        around.node_folders.iter().any(|known| known == folder) || is_of_system(paths, &program)
    });
    let shown = paths.shown(&program);
    (!known).then(|| {
        (
            format!("starts {shown}, which is no Node that is known here"),
            true,
        )
    })
}

/// The words of a line as OpenClaw quotes them; none where another wrote it. [S `quotePosixArgument`]
fn words(line: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut chars = line.chars().peekable();
    let mut word = String::new();
    while let Some(c) = chars.next() {
        match c {
            ' ' => all.push(std::mem::take(&mut word)),
            '\'' => loop {
                match chars.next()? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '\\' if chars.peek() == Some(&'\'') => word.extend(chars.next()),
            c if c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c) => word.push(c),
            _ => return None,
        }
    }
    all.push(word);
    Some(all)
}

/// Programs beside Node that have the very name which a server gives to `npx`, with its version: npm takes these before it fetches.
/// [npm `libnpmexec`, `globalBin`]
pub(super) fn by_name(paths: &Paths, around: &Around<'_>, found: &mut Vec<Observation>) {
    for server in around.servers {
        let command = server.get("command").and_then(Value::as_str);
        if command.is_none_or(|command| !Path::new(command).ends_with("npx")) {
            continue;
        }
        let args = server.get("args").and_then(Value::as_array);
        let args = args.into_iter().flatten().filter_map(Value::as_str);
        let versioned = args.filter(|word| {
            !word.starts_with(['-', '.', '/', '~'])
                && !word.contains("..")
                && word.trim_start_matches('@').contains('@')
        });
        for word in versioned {
            let places = around.node_folders.iter().map(|folder| folder.join(word));
            let there = places.filter(|place| paths.kind(place) != Entry::Nothing);
            found.extend(there.map(|place: PathBuf| Observation::Unexplained {
                hazard: Hazard::StagedCode,
                place: paths.shown(&place),
                why: "npx starts it in place of the package that a server names".to_owned(),
                weak: false,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, host: bool) -> Option<bool> {
        let dir = tempfile::tempdir().expect("temp dir");
        let state = dir.path().canonicalize().expect("real");
        for file in ["host/openclaw.mjs", "node/node", "other/node", "evil.mjs"] {
            let file = state.join(file);
            std::fs::create_dir_all(file.parent().expect("parent")).expect("folder");
            std::fs::write(file, "").expect("file");
        }
        let folders = [state.join("node")];
        let package = state.join("host");
        let around = Around {
            temporary: &[],
            host: host.then_some(package.as_path()),
            node_folders: &folders,
            servers: &[],
            now: 0,
        };
        let text = text.replace("{}", &state.to_string_lossy());
        let paths = Paths::plain(&state);
        strange(&paths, &around, &text).map(|(_, weak)| weak)
    }

    #[test]
    fn only_the_very_name_that_npx_was_given_is_started_beside_node() {
        let dir = tempfile::tempdir().expect("temp dir");
        let state = dir.path().canonicalize().expect("real");
        let bin = state.join("bin");
        for name in ["@acme/all@1.2.3", "all", "@acme/all", "all@1.2.3"] {
            let file = bin.join(name);
            std::fs::create_dir_all(file.parent().expect("parent")).expect("folder");
            let _ = std::fs::write(file, "");
        }
        let paths = Paths::plain(&state);
        let said = |command: &str, word: &str| {
            let server = serde_json::json!({ "command": command, "args": ["-y", word] });
            let around = Around {
                temporary: &[],
                host: None,
                node_folders: std::slice::from_ref(&bin),
                servers: &[server],
                now: 0,
            };
            let mut found = Vec::new();
            by_name(&paths, &around, &mut found);
            found.len()
        };
        for command in ["npx", "/usr/bin/npx"] {
            assert_eq!(said(command, "@acme/all@1.2.3"), 1, "{command}");
        }
        for (command, word) in [
            ("npx", "@acme/all@1.2.4"),
            ("npx", "all"),
            ("npx", "../bin/all@1.2.3"),
            ("node", "@acme/all@1.2.3"),
        ] {
            assert_eq!(said(command, word), 0, "{command} {word}");
        }
    }

    #[test]
    fn the_program_of_agents_is_what_openclaw_writes() {
        let head = "#!/bin/sh\nset -eu\n";
        for (text, expected) in [
            ("\nexec {}/node/node {}/host/openclaw.mjs \"$@\"\n", None),
            (
                "\nexec {}/node/node --no-warnings {}/host/openclaw.mjs --profile work \"$@\"\n",
                None,
            ),
            ("\nexec '{}/node/node' {}/host/openclaw.mjs \"$@\"\n", None),
            (
                "export TSX_TSCONFIG_PATH='{}/a b'\nexec {}/node/node {}/host/openclaw.mjs \"$@\"\n",
                None,
            ),
            ("\nexec /gone/node {}/host/openclaw.mjs \"$@\"\n", None),
            (
                "\nexec {}/other/node {}/host/openclaw.mjs \"$@\"\n",
                Some(true),
            ),
            ("\nexec {}/node/node {}/evil.mjs \"$@\"\n", Some(false)),
            (
                "\nexec {}/node/node --require {}/evil.mjs {}/host/openclaw.mjs \"$@\"\n",
                Some(false),
            ),
            (
                "export NODE_OPTIONS=x\nexec {}/node/node {}/host/openclaw.mjs \"$@\"\n",
                Some(false),
            ),
            (
                "evil\nexec {}/node/node {}/host/openclaw.mjs \"$@\"\n",
                Some(false),
            ),
            (
                "\nexec {}/node/node $(evil) {}/host/openclaw.mjs \"$@\"\n",
                Some(false),
            ),
            ("", Some(false)),
        ] {
            assert_eq!(judged(&format!("{head}{text}"), true), expected, "{text}");
        }
        assert_eq!(judged("evil\n", true), Some(false));
        let other = format!("{head}\nexec {{}}/node/node {{}}/evil.mjs \"$@\"\n");
        assert_eq!(judged(&other, false), None, "the host is not known");
    }
}
