//! The command line of a unit: which options the gateway is started with, and whether all of them are on it.
//!
//! A shell script or another program between the unit and OpenClaw can add options that no line of the unit shows. What is found on
//! the line counts all the same; what is not found there is then not known.

use std::path::{Path, PathBuf};

use super::super::super::services::words;
use crate::text;

/// Programs that run OpenClaw with the words behind them, besides those whose name begins with `node`.
const RUNNERS: [&str; 8] = [
    "bun",
    "deno",
    "openclaw",
    "openclaw.mjs",
    "clawdbot",
    "clawdbot.mjs",
    "moltbot",
    "moltbot.mjs",
];
/// Programs that run what is behind their own options, word for word.
const PASSING: [&str; 34] = [
    "bunx",
    "capsh",
    "catchsegv",
    "chpst",
    "chrt",
    "corepack",
    "doas",
    "dumb-init",
    "firejail",
    "flock",
    "gosu",
    "ionice",
    "mise",
    "nice",
    "nohup",
    "npm",
    "npx",
    "numactl",
    "pnpm",
    "prlimit",
    "setpriv",
    "setsid",
    "stdbuf",
    "sudo",
    "su-exec",
    "systemd-cat",
    "systemd-inhibit",
    "taskset",
    "tini",
    "unshare",
    "unbuffer",
    "volta",
    "xvfb-run",
    "yarn",
];
/// Programs that run a script, which may stand on the line behind `-c`.
const SHELLS: [&str; 10] = [
    "sh", "ash", "bash", "busybox", "dash", "fish", "ksh", "runuser", "su", "zsh",
];
/// Options of `env` that take the next word.
const ENV_VALUES: [&str; 6] = ["-u", "--unset", "-C", "--chdir", "-a", "--argv0"];
/// What in a script means more than words: other commands, variables, redirections.
const SHELL_SIGNS: [char; 12] = [';', '&', '|', '$', '`', '(', ')', '<', '>', '\n', '{', '*'];
/// Most programs that start one another on one line.
const MAX_CHAIN: usize = 8;

/// What a command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// Marks before the program that change how it is started.
    pub(super) marks: String,
    /// The program, where it is named by its whole path.
    pub(super) program: Option<PathBuf>,
    /// Its words, those of a script on it among them.
    words: Vec<String>,
    /// Variables that it sets for what it starts.
    pub(super) variables: Vec<(String, String)>,
    /// It names the command that starts the gateway.
    pub(super) names_gateway: bool,
    /// Why options may be given that are not on it; none where all of them are.
    pub(super) hidden: Option<String>,
}

impl CommandLine {
    /// Reads the words of a line; none where there are none.
    pub(super) fn read(line: &[String]) -> Option<Self> {
        let (first, rest) = line.split_first()?;
        let program = first.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let marks = first.get(..first.len() - program.len()).unwrap_or_default();
        let mut all = vec![program.to_owned()];
        all.extend(rest.iter().cloned());
        let mut found = Self {
            marks: marks.to_owned(),
            program: Some(PathBuf::from(program)).filter(|program| program.is_absolute()),
            words: all.clone(),
            ..Self::default()
        };
        let end = found.follow(all);
        found.names_gateway = found.words.iter().any(|word| word == "gateway");
        found.hidden = end.err();
        Some(found)
    }

    /// The value of an option: behind it, or behind `=`. Of several the last counts, as for OpenClaw.
    pub(super) fn option(&self, name: &str) -> Option<String> {
        let value = |(at, word): (usize, &String)| match word.strip_prefix(name)? {
            "" => self.words.get(at + 1).cloned(),
            rest => rest.strip_prefix('=').map(str::to_owned),
        };
        let last = self.words.iter().enumerate().rev().find_map(value)?;
        Some(last.trim_end_matches([';', '&', ')']).to_owned())
    }

    /// Follows the programs that start one another down to OpenClaw; an error where one of them may add options.
    fn follow(&mut self, line: Vec<String>) -> Result<(), String> {
        let mut rest = line;
        for _ in 0..MAX_CHAIN {
            let Some(first) = rest.first() else {
                return Err("it starts nothing that is known here".to_owned());
            };
            let name = base(first);
            if is_runner(name) {
                return Ok(());
            }
            let shown = text::excerpt(name, 60);
            rest = if name == "env" {
                self.behind_env(&rest)
            } else if SHELLS.contains(&name) {
                self.script(&rest)
                    .ok_or_else(|| format!("{shown} runs a script"))?
            } else if PASSING.contains(&name) || name.ends_with("-env-wrapper.sh") {
                // The wrapper is OpenClaw's own, for launchd. [S launchd-service-files]
                let known = |word: &String| {
                    let name = base(word);
                    is_runner(name) || SHELLS.contains(&name) || name == "env"
                };
                let at = rest.iter().skip(1).position(known);
                let behind = at.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
                if behind.is_empty() {
                    return Err(format!("{shown} decides what is started"));
                }
                behind.to_vec()
            } else {
                return Err(format!("it starts {shown}, which is not OpenClaw"));
            };
        }
        Err("too many programs start one another".to_owned())
    }

    /// What `env` starts; the variables that it sets are noted.
    fn behind_env(&mut self, line: &[String]) -> Vec<String> {
        let mut rest = line.iter().skip(1).peekable();
        while let Some(word) = rest.peek() {
            if let Some((name, value)) = assignment(word) {
                self.variables.push((name, value));
            } else if ENV_VALUES.contains(&word.as_str()) {
                rest.next();
            } else if !word.starts_with('-') {
                break;
            }
            rest.next();
        }
        rest.cloned().collect()
    }

    /// What the script behind `-c` starts, where it is one plain command; none otherwise. Its words are noted in both cases.
    fn script(&mut self, line: &[String]) -> Option<Vec<String>> {
        let at = line.iter().position(|word| {
            let letters = word.strip_prefix('-').unwrap_or_default();
            letters.ends_with('c') && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
                || word == "--command"
        })?;
        let script = line.get(at + 1)?;
        let words = words(script);
        self.words.extend(words.iter().cloned());
        let mut behind = Vec::new();
        for word in words {
            match assignment(&word) {
                Some(pair) if behind.is_empty() => self.variables.push(pair),
                _ if behind.is_empty() && matches!(word.as_str(), "exec" | "command") => {}
                _ => behind.push(word),
            }
        }
        // Words behind the script are its `$0`, `$1` and so on, which a plain command does not use.
        (!script.contains(SHELL_SIGNS)).then_some(behind)
    }
}

fn base(word: &str) -> &str {
    let name = Path::new(word).file_name();
    name.and_then(|name| name.to_str()).unwrap_or(word)
}

fn is_runner(name: &str) -> bool {
    let version = name
        .strip_prefix("node")
        .map(|rest| rest.trim_start_matches("js"));
    let node = version.is_some_and(|rest| {
        rest.bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
    });
    node || RUNNERS.contains(&name)
}

/// `NAME=VALUE`, where the name can be that of a variable.
fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let named = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    named.then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> CommandLine {
        CommandLine::read(&words(line)).expect("words")
    }

    #[test]
    fn lines_that_show_all_options_are_told_from_those_that_may_hide_some() {
        for line in [
            "/usr/bin/node /opt/openclaw/dist/index.js gateway --bind lan",
            "/usr/bin/node22 /opt/openclaw/dist/index.js gateway --bind=lan",
            "-/usr/bin/openclaw gateway run --bind loopback --bind lan",
            "/usr/bin/env -i A=1 -u B node x.js gateway --bind lan",
            "/usr/bin/nice -n 5 /usr/bin/node x.js gateway --bind lan",
            "/bin/sh -c \"exec node /opt/openclaw/openclaw.mjs gateway --bind lan\"",
            "/bin/bash -lc 'A=1 node /opt/openclaw.mjs gateway --bind lan'",
            "/home/u/.openclaw/service-env/x-env-wrapper.sh /home/u/x.env /usr/bin/node x.js gateway --bind lan",
            "npx openclaw gateway --bind lan",
        ] {
            let found = of(line);
            assert_eq!(found.hidden, None, "{line}");
            assert!(found.names_gateway, "{line}");
            assert_eq!(found.option("--bind").as_deref(), Some("lan"), "{line}");
        }
        for line in [
            "/opt/start-gateway.sh",
            "/opt/start.sh gateway --bind lan",
            "/bin/sh /opt/gateway.sh",
            "/bin/sh -c \"cd /opt && node openclaw.mjs gateway --bind lan\"",
            "/bin/sh -c \"node openclaw.mjs gateway --bind lan; true\"",
            "/bin/sh -c \"exec node x.js gateway $OPTIONS --bind lan\"",
            "npm run gateway",
            "/usr/bin/env",
        ] {
            let found = of(line);
            assert!(found.hidden.is_some(), "{line}");
            let bind = line.contains("--bind").then_some("lan");
            assert_eq!(found.option("--bind").as_deref(), bind, "{line}");
        }
    }

    #[test]
    fn variables_before_the_program_are_noted() {
        for line in [
            "/usr/bin/env TOKEN=x node x.js gateway",
            "sh -c \"TOKEN=x exec node x.js gateway\"",
            "sudo -u u env TOKEN=x node x.js gateway",
        ] {
            assert_eq!(of(line).variables, [("TOKEN".to_owned(), "x".to_owned())]);
        }
        assert!(of("node x.js gateway A=1").variables.is_empty());
    }
}
