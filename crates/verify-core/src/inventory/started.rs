//! Local files that jobs, keys of the config and units start: each script alone, with what it names. MCP servers have rules of their own.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::context::{Found, Workspace};
use super::mcp_local;
use super::paths::Paths;
use super::{NotCovered, NotCoveredGroup, Observation, Subject, other_host, settings};
use crate::read;

/// Keys whose text names a program, or a library that is loaded, beside `command`.
const PROGRAMS: [&str; 9] = [
    "cliPath",
    "executablePath",
    "extensionPath",
    "driverPath",
    "mcpCommand",
    "binary",
    "shell",
    "installCommand",
    "shellPath",
];
/// Keys whose text names a file that is obeyed and starts nothing.
const OBEYED: [&str; 1] = ["seccompProfile"];
/// Levels of the config that are looked through.
const MAX_DEPTH: usize = 24;

/// The folders below which files are the user's own: home, workspaces and state directory, by both of their names.
pub(super) fn roots(paths: &Paths, workspaces: &[Workspace]) -> Vec<PathBuf> {
    let folders = paths
        .home
        .iter()
        .chain(workspaces.iter().map(|space| &space.folder))
        .chain([&paths.state]);
    folders
        .flat_map(|folder| [Some(folder.clone()), paths.real(folder).ok()])
        .flatten()
        .collect()
}

/// Gives a subject the files that `commands` start, and says which are not hashed.
pub(super) fn hash(
    paths: &Paths,
    roots: &[PathBuf],
    commands: &[Map<String, Value>],
    subject: &mut Subject,
    found: &mut Found,
) {
    hash_but(paths, roots, commands, &|_| false, subject, found);
}

/// The same of the config, whose install policy starts the program that judges: it cannot judge itself, and every version of it, on every
/// machine, would be another tree. The command line that starts it is in the definition.
pub(super) fn hash_config(
    paths: &Paths,
    roots: &[PathBuf],
    commands: &[Map<String, Value>],
    program: Option<&Path>,
    subject: &mut Subject,
    found: &mut Found,
) {
    let own = program.and_then(|program| program.canonicalize().ok());
    // A machine may have several copies of one release: whichever of them judges, the verdict is the same.
    let is_own = |file: &Path| {
        own.as_ref().is_some_and(|own| {
            file.canonicalize().is_ok_and(|file| file == *own) || read::same_bytes(file, own)
        })
    };
    let starts_it = |command: &Map<String, Value>| {
        let named = command.get("command").and_then(Value::as_str);
        named.is_some_and(|named| is_own(Path::new(named)))
    };
    if commands.iter().any(starts_it) {
        found.not_covered.push(NotCovered::new(
            NotCoveredGroup::NotSeen,
            "this program, which the install policy of the config starts",
            "it cannot judge itself; `verifier-writable` of the machine says who could change it",
        ));
    }
    hash_but(paths, roots, commands, &is_own, subject, found);
}

/// `apart`: files that are in no tree.
fn hash_but(
    paths: &Paths,
    roots: &[PathBuf],
    commands: &[Map<String, Value>],
    apart: &dyn Fn(&Path) -> bool,
    subject: &mut Subject,
    found: &mut Found,
) {
    // The host package is a subject of its own.
    let is_apart = |file: &Path| apart(file) || other_host::package_of(file).is_some();
    let local = mcp_local::of_commands(paths, roots, commands, &is_apart);
    subject.trees = local.trees;
    subject.not_hashed = local.not_hashed;
    subject.observations.extend(local.observations);
    let cache = local.cache.map(|place| Observation::CompileCache {
        place,
        python: true,
        writable: None,
    });
    found.observations.extend(cache);
    let system = local.system.iter();
    let system = system.map(|program| program.not_covered(&subject.id));
    found.not_covered.extend(system);
    found.observations.extend(local.of_files);
    found.reads.join(local.reads);
}

/// What a job starts: the command of its payload, and that of its schedule.
pub(super) fn of_job(job: &Value) -> Vec<Map<String, Value>> {
    let parts = ["payload", "schedule"].map(|part| job.get(part).unwrap_or(&Value::Null));
    let of_part = |part: &Value| {
        let line = part.get("argv").or_else(|| part.get("command"))?;
        let mut command = line_of(line)?;
        for (from, to) in [("cwd", "cwd"), ("env", "env")] {
            if let Some(value) = part.get(from) {
                command.insert(to.to_owned(), value.clone());
            }
        }
        Some(command)
    };
    parts.into_iter().filter_map(of_part).collect()
}

/// What the config has OpenClaw start.
pub(super) fn of_config(paths: &Paths, config: &Value) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    walk(&mut Vec::new(), config, &mut found);
    let mappings = config.pointer("/hooks/mappings").and_then(Value::as_array);
    let folder = config
        .pointer("/hooks/transformsDir")
        .and_then(Value::as_str);
    let folder = folder.map_or_else(|| paths.state.join("hooks/transforms"), PathBuf::from);
    for mapping in mappings.into_iter().flatten() {
        let module = mapping.pointer("/transform/module").and_then(Value::as_str);
        let place = module.map(|module| folder.join(module));
        found.extend(place.and_then(|place| line_of(&json!(["node", place.to_str()?]))));
    }
    found
}

fn walk(path: &mut Vec<String>, value: &Value, found: &mut Vec<Map<String, Value>>) {
    if path.len() > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            let is_command = |key: &str, path: &mut Vec<String>| {
                path.push(key.to_owned());
                let is = settings::is_command(path);
                path.pop();
                is
            };
            for (key, inner) in map {
                let program = key == "command" || PROGRAMS.contains(&key.as_str());
                if program && inner.is_string() && is_command(key, path) {
                    let mut command = map.clone();
                    command.retain(|name, _| {
                        key == "command" && matches!(name.as_str(), "args" | "cwd" | "env")
                    });
                    if let (true, Some(args)) = (key == "mcpCommand", map.get("mcpArgs")) {
                        command.insert("args".to_owned(), args.clone());
                    }
                    command.insert("command".to_owned(), inner.clone());
                    found.push(command);
                } else if key == "setupCommand" && is_command(key, path) {
                    found.extend(line_of(&as_line(inner)));
                } else if OBEYED.contains(&key.as_str()) && names_a_file(inner) {
                    found.extend(json!({ "command": inner }).as_object().cloned());
                } else {
                    path.push(key.clone());
                    walk(path, inner, found);
                    path.pop();
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(format!("[{at}]"));
                walk(path, item, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// A name without a folder is one that the program itself knows.
fn names_a_file(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains('/'))
}

/// Lines that one shell runs one after the other.
fn as_line(value: &Value) -> Value {
    let lines = value.as_array().into_iter().flatten();
    let lines: Vec<&str> = lines.filter_map(Value::as_str).collect();
    if lines.is_empty() {
        value.clone()
    } else {
        json!(lines.join("\n"))
    }
}

/// Words, or a line for a shell.
/// Program and arguments of a command.
pub(super) fn words_of(command: &Map<String, Value>) -> Vec<&str> {
    let program = command.get("command").and_then(Value::as_str);
    let arguments = command.get("args").and_then(Value::as_array);
    let arguments = arguments.into_iter().flatten().filter_map(Value::as_str);
    program.into_iter().chain(arguments).collect()
}

pub(super) fn line_of(line: &Value) -> Option<Map<String, Value>> {
    let words: Vec<&str> = match line {
        Value::String(text) if !text.trim().is_empty() => vec!["sh", "-c", text],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let (command, args) = words.split_first()?;
    let command = json!({ "command": command, "args": args });
    command.as_object().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(commands: &[Map<String, Value>]) -> Vec<String> {
        commands
            .iter()
            .map(|command| {
                let args = command.get("args").and_then(Value::as_array);
                let args = args.into_iter().flatten().filter_map(Value::as_str);
                let first = command.get("command").and_then(Value::as_str);
                first.into_iter().chain(args).collect::<Vec<_>>().join(" ")
            })
            .collect()
    }

    #[test]
    fn commands_of_jobs_are_found() {
        let job = json!({
            "payload": { "kind": "command", "argv": ["/bin/sh", "/s/a.sh"], "cwd": "/s" },
            "schedule": { "kind": "on-exit", "command": "python3 /s/b.py" },
        });
        let found = of_job(&job);
        assert_eq!(words(&found), ["/bin/sh /s/a.sh", "sh -c python3 /s/b.py"]);
        assert_eq!(found.first().and_then(|c| c.get("cwd")), Some(&json!("/s")));
        assert!(of_job(&json!({ "payload": { "kind": "agentTurn" } })).is_empty());
    }

    #[test]
    fn commands_of_the_config_are_found() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = Paths::plain(dir.path());
        let config = json!({
            "secrets": { "providers": { "v": { "source": "exec", "command": "/s/v", "args": ["a"] } } },
            "models": { "providers": { "p": { "localService": { "command": "/s/m" } } } },
            "agents": { "defaults": { "sandbox": { "docker": {
                "setupCommand": ["sh /s/x.sh", "true"], "seccompProfile": "/s/seccomp.json" } } } },
            "browser": { "executablePath": "/s/browser" },
            "channels": { "signal": { "cliPath": "/s/signal" } },
            "mcp": { "servers": { "m": { "command": "/s/no" } } },
            "skills": { "entries": { "x": { "command": "no program" } } },
            "plugins": { "entries": { "acpx": { "config": {
                "agents": { "x": { "command": "/s/agent", "args": ["b"] } },
                "mcpServers": { "m": { "command": "/s/no" } },
            } } } },
            "agents2": { "seccompProfile": "unconfined" },
            "hooks": { "mappings": [{ "transform": { "module": "t.mjs" } }] },
        });
        let state = paths.state.to_string_lossy().into_owned();
        let mut found = words(&of_config(&paths, &config));
        found.sort();
        let transform = format!("node {state}/hooks/transforms/t.mjs");
        let mut expected = vec![
            "/s/agent b".to_owned(),
            "/s/seccomp.json".to_owned(),
            "/s/browser".to_owned(),
            "/s/m".to_owned(),
            "/s/signal".to_owned(),
            "/s/v a".to_owned(),
            transform,
            "sh -c sh /s/x.sh\ntrue".to_owned(),
        ];
        expected.sort();
        assert_eq!(found, expected);
    }
}
