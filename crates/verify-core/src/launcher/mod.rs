//! Whether the command of an MCP server always starts the same version of the same package.
//!
//! A launcher is exact only when every word of its command line is understood and the package stands there with one exact version or
//! a digest. Everything else that can fetch code is unpinned: an unknown flag, a range, a tag, another registry, a shell. Programs
//! that lie on the machine fetch nothing by themselves; what they are is not known here, so they are never exact.
//!
//! Only the package that is named is pinned. Its dependencies are resolved when it is started, by every launcher but `docker`.

mod fetch;
mod known;
mod options;
mod packages;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Map, Value};

use self::fetch::{bun, bunx, container, deno, dlx, npm, npx, pipx, uv, uvx};

use self::known::{
    carries_launcher, fetches, is_python, is_shell, program, starts_something, variable,
    variable_with,
};
pub(crate) use self::known::{
    decides_code, is_harmless, is_part_of_definition, node_options_are_harmless,
};
use crate::text;

/// How an MCP server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Launch {
    /// Always this version of this package. Safe to show.
    Exact {
        /// Where the launcher takes it from.
        ecosystem: Ecosystem,
        /// The package, as its launcher names it.
        package: String,
        /// The version, or `sha256:<hex>` of an image.
        version: String,
    },
    /// May start other code tomorrow, or cannot be determined.
    Unpinned {
        /// Why, safe to show.
        why: String,
        /// The variable that alone is in the way, safe to show; none where something else is.
        variable: Option<String>,
    },
    /// A program on this machine, whose files no lock covers.
    LocalCommand,
    /// A server at an address.
    Remote,
}

/// Where a launcher takes packages from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ecosystem {
    /// A registry of npm packages.
    Npm,
    /// An index of Python packages.
    Python,
    /// <https://jsr.io>.
    Jsr,
    /// A registry of container images.
    Image,
    /// A git repository, of which a commit is named.
    Git,
}

/// Whether a command line starts a program that fetches packages and reads npm's settings, itself or through `env`, a shell and their
/// like.
pub(crate) fn reads_npm_settings(spec: &str) -> bool {
    let names: Vec<&str> = spec
        .split(|char: char| {
            char.is_whitespace() || matches!(char, '\'' | '"' | ';' | '&' | '|' | '(' | ')')
        })
        .filter_map(|word| word.rsplit('/').next())
        .collect();
    names.iter().enumerate().any(|(at, name)| {
        let after = |wanted: &[&str]| names[at..].iter().any(|name| wanted.contains(name));
        match *name {
            "npx" | "pnpx" | "bunx" => true,
            "npm" => after(&["exec", "x"]),
            "pnpm" | "yarn" => after(&["dlx", "exec"]),
            "bun" => after(&["x"]),
            _ => false,
        }
    })
}

/// Most wrappers (`env`, `sudo`, `timeout` …) around one command.
const MAX_WRAPPERS: usize = 8;

/// How the server of a canonical definition starts. A pure function of the definition and of `home`, the home directory of the user who
/// runs OpenClaw.
pub(crate) fn classify(server: &Map<String, Value>, home: Option<&str>) -> Launch {
    match launch(server, home) {
        Ok(launch) => launch,
        Err(NotExact { why, variable }) => Launch::Unpinned {
            why: text::excerpt(&why, 300),
            variable: variable.map(|name| text::excerpt(&name, 100)),
        },
    }
}

/// The reason for [`Launch::Unpinned`], in words that go after the server; may hold untrusted text.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
struct NotExact {
    why: Cow<'static, str>,
    /// The variable that is in the way.
    variable: Option<String>,
}

impl From<&'static str> for NotExact {
    fn from(why: &'static str) -> Self {
        Self {
            why: why.into(),
            variable: None,
        }
    }
}

impl From<String> for NotExact {
    fn from(why: String) -> Self {
        Self {
            why: why.into(),
            variable: None,
        }
    }
}

type Judged = Result<Launch, NotExact>;

fn launch(server: &Map<String, Value>, home: Option<&str>) -> Judged {
    let blank = |value: &Value| {
        matches!(value, Value::Null) || value.as_str().is_some_and(|t| t.trim().is_empty())
    };
    let command = server.get("command").filter(|value| !blank(value));
    let url = server.get("url").filter(|value| !blank(value));
    let command = match (command, url) {
        (Some(_), Some(_)) => return Err("names both a command and an address".into()),
        (None, None) => return Err("names neither a command nor an address".into()),
        (None, Some(Value::String(url))) => {
            let url = url.trim().to_ascii_lowercase();
            let web = url.starts_with("https://") || url.starts_with("http://");
            return if web {
                Ok(Launch::Remote)
            } else {
                Err("the address is neither https nor http".into())
            };
        }
        (None, Some(_)) => return Err("the address is not a text".into()),
        (Some(Value::String(command)), None) => command,
        (Some(_), None) => return Err("the command is not a text".into()),
    };
    let mut words = vec![command.as_str()];
    match server.get("args") {
        None | Some(Value::Null) => {}
        Some(Value::Array(args)) => {
            for arg in args {
                words.push(arg.as_str().ok_or("an argument is not a text")?);
            }
        }
        Some(_) => return Err("the arguments are not a list".into()),
    }
    let result = command_line(&words, 0)?;
    if matches!(result, Launch::Exact { .. }) {
        match server.get("env") {
            None | Some(Value::Null) => {}
            Some(Value::Object(env)) => env
                .iter()
                .try_for_each(|(name, value)| variable_with(name, value, home))?,
            Some(_) => return Err("the environment is not an object".into()),
        }
    }
    Ok(result)
}

/// Judges a command and its arguments.
fn command_line(words: &[&str], wrappers: usize) -> Judged {
    let Some((command, args)) = words.split_first() else {
        return Err("no command is left to start".into());
    };
    if wrappers > MAX_WRAPPERS {
        return Err("too many wrappers around one command".into());
    }
    let qualified = command.contains(['/', '\\']);
    let name = program(command);
    let result = match name.as_str() {
        "npx" | "npx-cli" => npx(args),
        "npm" | "npm-cli" => npm(args),
        "pnpx" => dlx(args, "pnpx"),
        "pnpm" => subcommand(args, "dlx", "pnpm").and_then(|rest| dlx(rest, "pnpm dlx")),
        "yarn" => subcommand(args, "dlx", "yarn").and_then(|rest| dlx(rest, "yarn dlx")),
        "bunx" => bunx(args),
        "bun" => bun(args),
        "uvx" => uvx(args),
        "uv" => uv(args, wrappers),
        "pipx" => subcommand(args, "run", "pipx").and_then(pipx),
        "docker" | "podman" | "nerdctl" => {
            let rest = if args.first() == Some(&"container") {
                args.get(1..).unwrap_or_default()
            } else {
                args
            };
            subcommand(rest, "run", &name).and_then(container)
        }
        "deno" => subcommand(args, "run", "deno").and_then(deno),
        "env" => env(args, wrappers),
        "sudo" | "doas" | "nice" | "ionice" | "nohup" | "setsid" | "stdbuf" | "timeout"
        | "time" | "caffeinate" | "gtimeout" => wrapper(&name, args, wrappers),
        "cmd" => windows_shell(args, wrappers),
        "node" | "nodejs" => node(args, wrappers),
        _ if is_python(&name) => python(args),
        _ if is_shell(&name) => shell(&name, args),
        _ if fetches(&name) => {
            Err(format!("`{name}` can fetch code, and how it pins is not known here").into())
        }
        _ => local(command, args),
    }?;
    // A path may name any program, whatever it is called.
    Ok(if qualified && matches!(result, Launch::Exact { .. }) {
        Launch::LocalCommand
    } else {
        result
    })
}

/// A program that no rule here knows: local, unless a word of its arguments says that something is fetched.
fn local(command: &str, args: &[&str]) -> Judged {
    let plain = |c: char| c.is_ascii_graphic();
    let path = without_plugin_root(command).starts_with('/')
        || command.starts_with("./")
        || command.contains(":\\");
    if !path && !command.chars().all(plain) {
        return Err("the command is no plain program name".into());
    }
    if command.contains("://") || without_plugin_root(command).contains("${") {
        return Err("the command is no plain program name".into());
    }
    if carries_launcher(args) {
        return Err(format!(
            "`{command}` is given the name of a launcher or shell, so it may start other code"
        )
        .into());
    }
    if let Some(word) = args.iter().find(|word| {
        word.contains("@latest") || word.starts_with("npm:") || word.starts_with("git+")
    }) {
        return Err(format!("`{command}` is given `{word}`, which may name code to fetch").into());
    }
    Ok(Launch::LocalCommand)
}

fn subcommand<'a, 'b>(
    args: &'a [&'b str],
    wanted: &str,
    of: &str,
) -> Result<&'a [&'b str], NotExact> {
    match args.split_first() {
        Some((first, rest)) if *first == wanted => Ok(rest),
        Some((first, _)) => {
            Err(format!("`{of} {first}` is not known to start one exact version").into())
        }
        None => {
            Err(format!("`{of}` without arguments is not known to start one exact version").into())
        }
    }
}

/// A path below the folder of the bundle that defines the server, of which OpenClaw fills in the folder, as an absolute path.
fn without_plugin_root(word: &str) -> &str {
    let rest = ["${CLAUDE_PLUGIN_ROOT}", "${PLUGIN_ROOT}"]
        .iter()
        .find_map(|root| word.strip_prefix(root));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(word)
}

/// An interpreter with a script of this machine as its first word.
fn script(args: &[&str]) -> Judged {
    let first = args.first().copied().ok_or("no script is named")?;
    let remote = first.contains("://")
        || first
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.len() > 1);
    if first.starts_with('-') || remote || without_plugin_root(first).contains("${") {
        return Err(format!("`{first}` is no script of this machine").into());
    }
    let file = first.contains(['/', '\\'])
        || first
            .rsplit_once('.')
            .is_some_and(|(stem, ending)| !stem.is_empty() && is_script(ending));
    if !file || starts_something(first) {
        return Err(format!("`{first}` is no script of this machine").into());
    }
    local("script", args)
}

fn is_script(ending: &str) -> bool {
    matches!(
        ending,
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "py" | "sh" | "pyz" | "tsx" | "jsx"
    )
}

fn node(args: &[&str], wrappers: usize) -> Judged {
    // `node …/npx-cli.js` is `npx`.
    if let Some((first, _)) = args.split_first()
        && matches!(
            program(first).as_str(),
            "npx-cli" | "npm-cli" | "npx" | "npm" | "pnpm" | "pnpx" | "yarn" | "bunx" | "corepack"
        )
    {
        return command_line(args, wrappers + 1);
    }
    let plain = [
        "--no-warnings",
        "--enable-source-maps",
        "--trace-warnings",
        "--disable-warning=ExperimentalWarning",
    ];
    let skip = args.iter().take_while(|arg| plain.contains(arg)).count();
    script(args.get(skip..).unwrap_or_default())
}

fn python(args: &[&str]) -> Judged {
    let skip = args
        .iter()
        .take_while(|arg| matches!(**arg, "-u" | "-B" | "-I" | "-s" | "-E"))
        .count();
    let args = args.get(skip..).unwrap_or_default();
    match args.split_first() {
        Some((&"-m", rest)) => {
            let module = rest.first().copied().ok_or("no module is named")?;
            let plain = module
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
            let base = module.split('.').next().unwrap_or_default();
            let runs = [
                "pip",
                "runpy",
                "code",
                "ensurepip",
                "venv",
                "virtualenv",
                "zipapp",
                "timeit",
                "cProfile",
                "pdb",
                "trace",
            ];
            if !plain || runs.contains(&base) || starts_something(base) {
                return Err(format!("`-m {module}` may start other code").into());
            }
            local("python", rest)
        }
        _ => script(args),
    }
}

fn shell(name: &str, args: &[&str]) -> Judged {
    match args.first() {
        Some(first) if first.contains('/') && !first.starts_with('-') => script(args),
        _ => Err(format!("`{name}` runs a command line, which is not read here").into()),
    }
}

fn env(args: &[&str], wrappers: usize) -> Judged {
    let mut left = args;
    let mut problem = Ok(());
    while let Some((&first, rest)) = left.split_first() {
        if first == "--" {
            left = rest;
            break;
        }
        if matches!(first, "-i" | "-" | "--ignore-environment") {
            left = rest;
        } else if matches!(first, "-u" | "--unset") {
            left = rest.get(1..).unwrap_or_default();
        } else if first.starts_with('-') {
            return Err(
                format!("the flag `{first}` of `env` is not known to keep the version").into(),
            );
        } else if let Some((name, _)) = first.split_once('=') {
            problem = problem.and(variable(name));
            left = rest;
        } else {
            break;
        }
    }
    // `NAME=value` may also follow `--`.
    while let Some((name, _)) = left.first().and_then(|word| word.split_once('=')) {
        problem = problem.and(variable(name));
        left = left.get(1..).unwrap_or_default();
    }
    let result = command_line(left, wrappers + 1)?;
    problem.map(|()| result)
}

fn wrapper(name: &str, args: &[&str], wrappers: usize) -> Judged {
    let (flags, values): (&[&str], &[&str]) = match name {
        "sudo" | "doas" => (
            &["-n", "-E", "-H", "--non-interactive", "--preserve-env"],
            &["-u", "-g", "--user", "--group"],
        ),
        "nice" => (&[], &["-n", "--adjustment"]),
        "ionice" => (&["-t"], &["-c", "-n"]),
        "setsid" => (&["-w", "-f", "-c", "--wait"], &[]),
        "stdbuf" => (
            &["-oL", "-eL", "-iL", "-o0", "-e0", "-i0"],
            &["-o", "-e", "-i"],
        ),
        "timeout" | "gtimeout" => (
            &["--foreground", "--preserve-status", "-v"],
            &["-k", "-s", "--kill-after", "--signal"],
        ),
        "time" => (&["-p"], &[]),
        "caffeinate" => (&["-i", "-d", "-s", "-m"], &[]),
        _ => (&[], &[]),
    };
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let base = arg.split('=').next().unwrap_or_default();
        let number = name == "nice"
            && arg
                .strip_prefix('-')
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if *arg == "--" {
            at += 1;
            break;
        } else if flags.contains(arg)
            || number
            || (values.contains(&base) && base.len() < arg.len())
        {
            at += 1;
        } else if values.contains(arg) {
            at += 2;
        } else if arg.starts_with('-') {
            return Err(
                format!("the flag `{arg}` of `{name}` is not known to keep the version").into(),
            );
        } else {
            break;
        }
    }
    if matches!(name, "timeout" | "gtimeout") {
        let duration = args.get(at).copied().unwrap_or_default();
        let ok = duration
            .trim_end_matches(['s', 'm', 'h', 'd'])
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'.');
        if duration.is_empty() || !ok {
            return Err("`timeout` is given no duration".into());
        }
        at += 1;
    }
    let rest = args.get(at..).unwrap_or_default();
    if name == "sudo" || name == "doas" {
        // `sudo NAME=value command` sets variables.
        let assignments = rest
            .iter()
            .take_while(|word| word.contains('=') && !word.starts_with('-'))
            .count();
        let (set, rest) = rest.split_at(assignments);
        let result = command_line(rest, wrappers + 1)?;
        set.iter()
            .try_for_each(|word| variable(word.split('=').next().unwrap_or_default()))?;
        return Ok(result);
    }
    command_line(rest, wrappers + 1)
}

fn windows_shell(args: &[&str], wrappers: usize) -> Judged {
    let mut left = args;
    while let Some((first, rest)) = left.split_first() {
        match first.to_ascii_lowercase().as_str() {
            "/d" | "/s" | "/q" => left = rest,
            "/c" => {
                if rest.iter().any(|word| {
                    word.contains(['&', '|', '<', '>', '^', '%', '(', ')', '!', '"', '\n', '\r'])
                }) {
                    return Err("`cmd /c` is given characters that it reads itself".into());
                }
                if rest.iter().any(|word| word.contains(char::is_whitespace)) {
                    return Err("`cmd /c` runs a command line, which is not read here".into());
                }
                return command_line(rest, wrappers + 1);
            }
            _ => break,
        }
    }
    Err("`cmd` runs a command line, which is not read here".into())
}
