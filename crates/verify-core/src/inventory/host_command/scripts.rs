//! Scripts that set variables and start one absolute path: Nix's `makeWrapper`, Homebrew's `write_env_script` and `write_exec_script`.
//!
//! Formats: nixpkgs `pkgs/build-support/setup-hooks/make-wrapper.sh`, Homebrew `Library/Homebrew/extend/pathname.rb`. Every line has to be
//! one that they write; `--run` and `--chdir` of the former, which write any command, are not followed.

use std::path::{Path, PathBuf};

use super::NotFollowed;
use crate::inventory::environment;

/// What a script starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The file that the script runs: `node`, or the target itself.
    pub(super) program: PathBuf,
    /// The command of the package, or the next wrapper.
    pub(super) target: PathBuf,
}

/// Reads a script.
pub(super) fn parse(script: &str) -> Result<Start, NotFollowed> {
    let unknown = || -> NotFollowed {
        if script.contains("cmd-shim") || script.contains("basedir=") {
            "a script of npm or pnpm, but not as any known version writes it"
        } else if script.contains("/nix/store/") {
            "a wrapper script of Nix with more than variables and one program in it"
        } else if script.contains("asdf") {
            "a script of asdf; `asdf which openclaw` names what it starts"
        } else {
            "a script"
        }
        .into()
    };
    let text = script.strip_suffix('\n').ok_or_else(unknown)?;
    nix(text).or_else(|| homebrew(text)).ok_or_else(unknown)?
}

type Parsed = Option<Result<Start, NotFollowed>>;

/// Nix's `makeWrapper`. None where it is not one.
fn nix(text: &str) -> Parsed {
    let mut lines = text.split('\n');
    let shell = lines.next()?.strip_prefix("#! ")?;
    let shell = shell.strip_suffix(" -e").or(shell.strip_suffix(" -eu"))?;
    let is_shell = shell.ends_with("/bin/bash") || shell.ends_with("/bin/sh");
    if !is_shell || absolute(shell).is_none() {
        return None;
    }
    let lines: Vec<&str> = lines.collect();
    let (last, before) = lines.split_last()?;
    let mut variables = Vec::new();
    let mut rest = before;
    while let [line, ..] = rest {
        if let Some(set) = line.strip_prefix("export ") {
            let (name, value) = set.split_once('=')?;
            // `--set-default`: what is set already stays.
            let value = value
                .strip_prefix(&format!("${{{name}-"))
                .and_then(|value| value.strip_suffix('}'))
                .unwrap_or(value);
            variables.push((name, quoted(value)?));
            rest = rest.get(1..)?;
        } else if let Some(name) = line.strip_prefix("unset ") {
            if !is_name(name) {
                return None;
            }
            rest = rest.get(1..)?;
        } else {
            let (name, value, more) = added(rest)?;
            variables.push((name, value));
            rest = more;
        }
    }
    if let Some(refused) = refused(&variables) {
        return Some(Err(refused));
    }
    // With `--inherit-argv0` or `--argv0`; the name that a program is told changes nothing that it starts.
    let command = last.strip_prefix("exec ")?;
    let command = command.strip_prefix("-a \"$0\" ").unwrap_or(command);
    let (program, arguments) = command.strip_prefix('"')?.split_once("\" ")?;
    let arguments = arguments.trim_end_matches(' ').strip_suffix("\"$@\"")?;
    started(program, arguments).map(Ok)
}

/// A value that is put before or behind what a list of paths holds: the name, the value, and the lines after it.
fn added<'a, 'b>(lines: &'b [&'a str]) -> Option<(&'a str, &'a str, &'b [&'a str])> {
    let (name, rest) = lines.first()?.split_once('=')?;
    let is = |at: usize, expected: String| lines.get(at).is_some_and(|line| *line == expected);
    // `PATH=${PATH:+':'$PATH':'}`
    let separator = rest
        .strip_prefix(&format!("${{{name}:+'"))
        .and_then(|rest| rest.get(..1))?;
    let s = format!("'{separator}'");
    if !is_name(name) || !is(0, format!("{name}=${{{name}:+{s}${name}{s}}}")) {
        return None;
    }
    let ends = |at: usize| {
        is(at, format!("{name}=${{{name}#{s}}}"))
            && is(at + 1, format!("{name}=${{{name}%{s}}}"))
            && is(at + 2, format!("export {name}"))
    };
    let before = lines.get(2).and_then(|line| {
        let value = line.strip_prefix(&format!("{name}="))?;
        quoted(value.strip_suffix(&format!("${name}"))?)
    });
    if let Some(value) = before
        && is(1, format!("{name}=${{{name}/{s}'{value}'{s}/{s}}}"))
        && ends(3)
    {
        return Some((name, value, lines.get(6..)?));
    }
    let value = quoted(lines.get(2)?.strip_prefix(&format!("    {name}=${name}"))?)?;
    let holds = is(1, format!("if [[ ${name} != *{s}'{value}'{s}* ]]; then"));
    (holds && is(3, "fi".to_owned()) && ends(4)).then_some((name, value, lines.get(7..)?))
}

/// Homebrew's scripts: one line that sets variables before it starts the program.
fn homebrew(text: &str) -> Parsed {
    let line = text.strip_prefix("#!/bin/bash\n")?;
    let mut rest = line;
    let mut variables = Vec::new();
    while !rest.starts_with("exec \"") {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once("\" ")?;
        // Homebrew's own programs go before those of the user.
        let value = match value
            .strip_suffix(":$PATH")
            .or_else(|| value.strip_suffix(":${PATH}"))
        {
            Some(value) if name == "PATH" => value,
            _ => value,
        };
        if !is_name(name) || value.contains(['"', '$', '`', '\\', '\n']) {
            return None;
        }
        variables.push((name, value));
        rest = after;
    }
    if let Some(refused) = refused(&variables) {
        return Some(Err(refused));
    }
    let (program, arguments) = rest.strip_prefix("exec \"")?.split_once("\" ")?;
    started(program, arguments.strip_suffix("\"$@\"")?).map(Ok)
}

/// Why a wrapper with these variables is not followed.
fn refused(variables: &[(&str, &str)]) -> Option<NotFollowed> {
    let is_path = |value: &str| value.split(':').all(|folder| absolute(folder).is_some());
    variables.iter().find_map(|(name, value)| {
        let loads = *name != "PATH"
            && environment::loads(name)
            && !environment::is_harmless(name, value);
        if !is_name(name) || loads {
            let name = crate::text::excerpt(name, 80);
            let what = format!(
                "a wrapper script that sets {name}, by which Node or OpenClaw would load other code or another state"
            );
            return Some(what.into());
        }
        (*name == "PATH" && !is_path(value))
            .then(|| "a wrapper script that puts a relative folder on PATH".into())
    })
}

/// The program and the file that it is given. Other programs than `node` are the target themselves, and get no arguments.
fn started(program: &str, arguments: &str) -> Option<Start> {
    let program = absolute(program)?.to_owned();
    let words: Vec<&str> = arguments
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    let is_node = program
        .file_name()
        .is_some_and(|name| name == "node" || name == "nodejs");
    let target = match words.as_slice() {
        [] if !is_node => program.clone(),
        [script] if is_node => {
            let script = quoted(script).unwrap_or(script);
            absolute(script)?.to_owned()
        }
        _ => return None,
    };
    Some(Start { program, target })
}

/// What is between single quotes that hold no other.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains('\'')).then_some(inner)
}

/// An absolute path that the shell reads as it stands.
fn absolute(text: &str) -> Option<&Path> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,~=:".contains(c);
    (text.starts_with('/') && text.chars().all(plain)).then(|| Path::new(text))
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && text.chars().all(plain) && !text.starts_with(|c: char| c.is_ascii_digit())
}
