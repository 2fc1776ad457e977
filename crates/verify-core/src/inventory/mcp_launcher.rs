//! Whether the command of an MCP server always starts the same version of the same package.
//!
//! A launcher is exact only when every word of its command line is understood and the package stands there with one exact version or
//! a digest. Everything else that can fetch code is unpinned: an unknown flag, a range, a tag, another registry, a shell. Programs
//! that lie on the machine fetch nothing by themselves; what they are is not known here, so they are never exact.
//!
//! Only the package that is named is pinned. Its dependencies are resolved when it is started, by every launcher but `docker`.

use serde_json::Value;

use super::{McpDefinition, mcp};
use crate::text;

/// How an MCP server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Launch {
    /// Always this version of this package. Safe to show.
    Exact {
        /// The package, as its launcher names it.
        package: String,
        /// The version, or `sha256:<hex>` of an image.
        version: String,
    },
    /// May start other code tomorrow, or cannot be told.
    Unpinned {
        /// Why, safe to show.
        why: String,
    },
    /// A program on this machine, whose files no lock covers.
    LocalCommand,
    /// A server at an address.
    Remote,
}

/// Most wrappers (`env`, `sudo`, `timeout` …) around one command.
const MAX_WRAPPERS: usize = 8;

/// How the server of `definition` starts. A pure function of the definition.
#[must_use]
pub fn classify(definition: &McpDefinition) -> Launch {
    let server = mcp::canonical(&definition.raw);
    match launch(&server) {
        Ok(launch) => launch,
        Err(why) => Launch::Unpinned { why: text::excerpt(&why, 300) },
    }
}

/// The error is the reason for [`Launch::Unpinned`].
type Judged = Result<Launch, String>;

fn launch(server: &serde_json::Map<String, Value>) -> Judged {
    let blank = |value: &Value| matches!(value, Value::Null) || value.as_str().is_some_and(|t| t.trim().is_empty());
    let command = server.get("command").filter(|value| !blank(value));
    let url = server.get("url").filter(|value| !blank(value));
    let command = match (command, url) {
        (Some(_), Some(_)) => return Err("names both a command and an address".to_owned()),
        (None, None) => return Err("names neither a command nor an address".to_owned()),
        (None, Some(Value::String(url))) => {
            let url = url.trim().to_ascii_lowercase();
            let web = url.starts_with("https://") || url.starts_with("http://");
            return if web { Ok(Launch::Remote) } else { Err("the address is neither https nor http".to_owned()) };
        }
        (None, Some(_)) => return Err("the address is not a text".to_owned()),
        (Some(Value::String(command)), None) => command,
        (Some(_), None) => return Err("the command is not a text".to_owned()),
    };
    let mut words = vec![command.as_str()];
    match server.get("args") {
        None | Some(Value::Null) => {}
        Some(Value::Array(args)) => {
            for arg in args {
                words.push(arg.as_str().ok_or("an argument is not a text")?);
            }
        }
        Some(_) => return Err("the arguments are not a list".to_owned()),
    }
    let result = command_line(&words, 0)?;
    if matches!(result, Launch::Exact { .. }) {
        match server.get("env") {
            None | Some(Value::Null) => {}
            Some(Value::Object(env)) => env.keys().try_for_each(|name| variable(name))?,
            Some(_) => return Err("the environment is not an object".to_owned()),
        }
    }
    Ok(result)
}

/// Refuses variables that make a launcher take its code from elsewhere.
fn variable(name: &str) -> Result<(), String> {
    let upper = name.to_ascii_uppercase();
    const NAMES: [&str; 24] = [
        "HOME",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
        "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "PREFIX",
        "SHELL",
        "COMSPEC",
        "BASH_ENV",
        "ENV",
        "PATHEXT",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NETRC",
        "CONTAINER_HOST",
        "CONTAINERS_CONF",
        "REGISTRIES_CONFIG_PATH",
        "PERL5LIB",
        "RUBYLIB",
        "RUBYOPT",
        "JAVA_TOOL_OPTIONS",
    ];
    const PREFIXES: [&str; 10] =
        ["BUN_", "DENO_", "YARN_", "PNPM_", "COREPACK_", "PIPX_", "GIT_", "JSR_", "CONTAINERS_", "BASH_FUNC_"];
    let proxy = upper.ends_with("_PROXY") && !upper.starts_with("NPM_CONFIG_");
    // A proxy sees only encrypted traffic; the definition's digest covers its value.
    let decides = (mcp::decides_code(name) && !proxy) || NAMES.contains(&upper.as_str());
    if decides || PREFIXES.iter().any(|prefix| upper.starts_with(prefix)) {
        return Err(format!("the variable {name} can make the launcher take other code"));
    }
    Ok(())
}

/// Judges a command and its arguments.
fn command_line(words: &[&str], wrappers: usize) -> Judged {
    let Some((command, args)) = words.split_first() else { return Err("no command is left to start".to_owned()) };
    if wrappers > MAX_WRAPPERS {
        return Err("too many wrappers around one command".to_owned());
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
        "uv" => subcommand(args, "tool", "uv").and_then(|rest| subcommand(rest, "run", "uv tool")).and_then(uvx),
        "pipx" => subcommand(args, "run", "pipx").and_then(pipx),
        "docker" | "podman" | "nerdctl" => {
            let rest = if args.first() == Some(&"container") { args.get(1..).unwrap_or_default() } else { args };
            subcommand(rest, "run", &name).and_then(container)
        }
        "deno" => subcommand(args, "run", "deno").and_then(deno),
        "env" => return env(args, wrappers),
        "sudo" | "doas" | "nice" | "ionice" | "nohup" | "setsid" | "stdbuf" | "timeout" | "time" | "caffeinate" | "gtimeout" => {
            return wrapper(&name, args, wrappers);
        }
        "cmd" => return windows_shell(args, wrappers),
        "node" | "nodejs" => node(args, wrappers),
        _ if is_python(&name) => python(args),
        _ if is_shell(&name) => shell(&name, args),
        _ if fetches(&name) => Err(format!("`{name}` can fetch code, and how it pins is not known here")),
        _ => local(command, args),
    }?;
    // A path may name any program, whatever it is called.
    Ok(if qualified && matches!(result, Launch::Exact { .. }) { Launch::LocalCommand } else { result })
}

/// The name of a program without folder and without the endings that Windows and Node give it, in lower case.
fn program(command: &str) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    for ending in [".exe", ".cmd", ".bat", ".ps1", ".com", ".cjs", ".mjs", ".js"] {
        if let Some(stem) = name.strip_suffix(ending) {
            return stem.to_owned();
        }
    }
    name
}

fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash"
            | "zsh"
            | "dash"
            | "ash"
            | "ksh"
            | "mksh"
            | "fish"
            | "csh"
            | "tcsh"
            | "nu"
            | "pwsh"
            | "powershell"
            | "busybox"
            | "eval"
            | "exec"
            | "xonsh"
            | "elvish"
            | "rbash"
            | "toybox"
    )
}

fn is_python(name: &str) -> bool {
    let version = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    ["python", "pypy"].iter().any(|base| name.strip_prefix(base).is_some_and(version)) || name == "pythonw" || name == "py"
}

/// Programs that fetch and start code, or that start another program in a way that is not read here.
fn fetches(name: &str) -> bool {
    const NAMES: [&str; 78] = [
        "ni",
        "nix",
        "nix-shell",
        "nix-env",
        "nlx",
        "nci",
        "corepack",
        "volta",
        "fnm",
        "nvm",
        "n",
        "mise",
        "rtx",
        "asdf",
        "proto",
        "pkgx",
        "tea",
        "pip",
        "pip3",
        "poetry",
        "pdm",
        "hatch",
        "rye",
        "pipenv",
        "conda",
        "mamba",
        "micromamba",
        "pixi",
        "uvw",
        "uvicorn",
        "cargo",
        "go",
        "gem",
        "bundle",
        "bundler",
        "dotnet",
        "dnx",
        "jbang",
        "java",
        "mvn",
        "gradle",
        "sbt",
        "composer",
        "mix",
        "brew",
        "apt",
        "apt-get",
        "snap",
        "flatpak",
        "guix",
        "curl",
        "wget",
        "git",
        "gh",
        "ssh",
        "kubectl",
        "helm",
        "docker-compose",
        "nsenter",
        "xargs",
        "parallel",
        "find",
        "watch",
        "script",
        "unshare",
        "chroot",
        "su",
        "runuser",
        "systemd-run",
        "start",
        "open",
        "command",
        "tsx",
        "ts-node",
        "esno",
        "jiti",
        "smithery",
        "rundll32",
    ];
    NAMES.contains(&name)
}

/// Whether a word would start a launcher, a shell or an interpreter.
fn starts_something(word: &str) -> bool {
    let name = program(word);
    const LAUNCHERS: [&str; 31] = [
        "npx", "npm", "pnpx", "pnpm", "yarn", "yarnpkg", "bunx", "bun", "uvx", "uv", "pipx", "docker", "podman", "nerdctl",
        "deno", "env", "sudo", "doas", "nice", "nohup", "timeout", "cmd", "node", "nodejs", "perl", "ruby", "php", "lua",
        "tclsh", "npx-cli", "npm-cli",
    ];
    LAUNCHERS.contains(&name.as_str()) || is_shell(&name) || is_python(&name) || fetches(&name)
}

/// A program that no rule here knows: local, unless a word of its arguments says that something is fetched.
fn local(command: &str, args: &[&str]) -> Judged {
    let plain = |c: char| c.is_ascii_graphic();
    let path = command.starts_with('/') || command.starts_with("./") || command.contains(":\\");
    if !path && !command.chars().all(plain) {
        return Err("the command is no plain program name".to_owned());
    }
    if command.contains("://") || command.contains("${") {
        return Err("the command is no plain program name".to_owned());
    }
    if let Some(word) = args.iter().find(|word| starts_something(word)) {
        return Err(format!("`{command}` is given `{word}`, which may start other code"));
    }
    if let Some(word) = args.iter().find(|word| word.contains("@latest") || word.starts_with("npm:") || word.starts_with("git+"))
    {
        return Err(format!("`{command}` is given `{word}`, which may name code to fetch"));
    }
    Ok(Launch::LocalCommand)
}

fn subcommand<'a, 'b>(args: &'a [&'b str], wanted: &str, of: &str) -> Result<&'a [&'b str], String> {
    match args.split_first() {
        Some((first, rest)) if *first == wanted => Ok(rest),
        Some((first, _)) => Err(format!("`{of} {first}` is not known to start one exact version")),
        None => Err(format!("`{of}` without arguments is not known to start one exact version")),
    }
}

/// One flag that is understood.
struct Flag {
    names: &'static [&'static str],
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// A value that does not decide what is fetched.
    Value,
    /// A package to fetch.
    Package,
    /// `NAME=value` or `NAME` of the environment.
    Variable,
}

const fn flag(names: &'static [&'static str], takes: Takes) -> Flag {
    Flag { names, takes }
}

/// What stands before the first word that is no flag.
#[derive(Default)]
struct Options<'a> {
    packages: Vec<&'a str>,
    /// The first word that is no flag, and what follows.
    rest: Vec<&'a str>,
}

/// Reads flags up to the first word that is none, or `--`. An unknown flag is an error.
fn options<'a>(args: &[&'a str], flags: &[Flag]) -> Result<Options<'a>, String> {
    let mut found = Options::default();
    let mut at = 0;
    while let Some(&arg) = args.get(at) {
        at += 1;
        if arg == "--" {
            found.rest.extend(args.get(at..).unwrap_or_default());
            break;
        }
        if !arg.starts_with('-') || arg == "-" {
            found.rest.extend(args.get(at - 1..).unwrap_or_default());
            break;
        }
        let (name, inline) = arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
        let takes = flags.iter().find(|f| f.names.contains(&name)).map(|f| f.takes);
        let takes = takes.ok_or_else(|| format!("the flag `{name}` is not known to keep the version"))?;
        let value = match (takes, inline) {
            (Takes::Nothing, None) => continue,
            (Takes::Nothing, Some(_)) => return Err(format!("the flag `{name}` takes no value")),
            (_, Some(value)) => value,
            (_, None) => {
                at += 1;
                args.get(at - 1).copied().ok_or_else(|| format!("the flag `{name}` has no value"))?
            }
        };
        match takes {
            Takes::Package => found.packages.push(value),
            Takes::Variable => variable(value.split('=').next().unwrap_or_default())?,
            Takes::Value | Takes::Nothing => {}
        }
    }
    Ok(found)
}

/// Flags of `npx` and `npm exec` that change nothing about what is fetched.
const NPM_FLAGS: [Flag; 2] = [
    flag(&["-y", "--yes", "-q", "--quiet", "--silent", "--no", "--no-install", "--prefer-offline", "--offline"], Takes::Nothing),
    flag(&["-p", "--package"], Takes::Package),
];

fn npx(args: &[&str]) -> Judged {
    packages(options(args, &NPM_FLAGS)?, npm_package)
}

fn npm(args: &[&str]) -> Judged {
    let rest = match args.split_first() {
        Some((&("exec" | "x"), rest)) => rest,
        _ => return Err("`npm` is understood only as `npm exec`".to_owned()),
    };
    // npm reads its own flags anywhere before `--`, so also those behind the package are its own.
    let end = rest.iter().position(|arg| *arg == "--").unwrap_or(rest.len());
    let (own, behind) = rest.split_at(end);
    let mut found = Options::default();
    let mut left = own;
    while !left.is_empty() {
        let mut part = options(left, &NPM_FLAGS)?;
        found.packages.append(&mut part.packages);
        let Some((first, _)) = part.rest.split_first() else { break };
        found.rest.push(first);
        left = left.get(left.len() - part.rest.len() + 1..).unwrap_or_default();
    }
    found.rest.extend(behind.iter().skip(1));
    packages(found, npm_package)
}

fn dlx(args: &[&str], name: &str) -> Judged {
    let flags = [flag(&["-q", "--quiet", "--silent", "-s"], Takes::Nothing), flag(&["-p", "--package"], Takes::Package)];
    packages(options(args, &flags).map_err(|why| format!("{name}: {why}"))?, npm_package)
}

fn bunx(args: &[&str]) -> Judged {
    let flags = [
        flag(&["-y", "--yes", "--bun", "--silent", "--verbose", "--no-install"], Takes::Nothing),
        flag(&["-p", "--package"], Takes::Package),
    ];
    packages(options(args, &flags)?, npm_package)
}

fn bun(args: &[&str]) -> Judged {
    match args.split_first() {
        Some((&"x", rest)) => bunx(rest),
        Some((&"run", rest)) => script(rest),
        _ => script(args),
    }
}

fn uvx(args: &[&str]) -> Judged {
    let flags = [
        flag(
            &["-q", "--quiet", "-v", "--verbose", "--isolated", "--offline", "--no-progress", "-n", "--no-cache"],
            Takes::Nothing,
        ),
        flag(&["-p", "--python"], Takes::Value),
        flag(&["--from", "--with", "-w"], Takes::Package),
    ];
    // The package that is started is the one of `--from`; those of `--with` must be exact too.
    let found = options(args, &flags)?;
    let from = args.iter().any(|arg| *arg == "--from" || arg.starts_with("--from="));
    if !from && !found.packages.is_empty() {
        let first = found.rest.first().copied().ok_or("no package is named")?;
        found.packages.iter().try_for_each(|package| python_package(package).map(drop))?;
        let (package, version) = python_package(first)?;
        return Ok(Launch::Exact { package, version });
    }
    packages(found, python_package)
}

fn pipx(args: &[&str]) -> Judged {
    let flags = [
        flag(&["--no-cache", "-q", "--quiet", "-v", "--verbose"], Takes::Nothing),
        flag(&["--python"], Takes::Value),
        flag(&["--spec"], Takes::Package),
    ];
    packages(options(args, &flags)?, python_package)
}

/// Judges what a launcher fetches: every package by flag, else the first word.
fn packages(found: Options<'_>, read: fn(&str) -> Result<(String, String), String>) -> Judged {
    let first = found.rest.first().copied();
    if found.packages.is_empty() {
        let (package, version) = read(first.ok_or("no package is named")?)?;
        return Ok(Launch::Exact { package, version });
    }
    let mut read = found.packages.iter().map(|package| read(package)).collect::<Result<Vec<_>, _>>()?;
    let command = first.ok_or("packages are named, but no command")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'/');
    if !command.bytes().all(plain) || starts_something(command) || command.starts_with(['.', '/']) {
        return Err(format!("the command `{command}` need not come from the packages that are named"));
    }
    let (package, version) = read.swap_remove(0);
    Ok(Launch::Exact { package, version })
}

/// `name@1.2.3` or `@scope/name@1.2.3`, the version complete and exact.
fn npm_package(spec: &str) -> Result<(String, String), String> {
    let at = spec.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    let (name, version) = match at {
        Some(at) => spec.split_at(at),
        None => return Err(format!("`{spec}` has no exact version")),
    };
    let version = version.strip_prefix('@').unwrap_or(version);
    let part = |text: &str| {
        let ok = |b: u8| {
            b.is_ascii_lowercase() || b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'~')
        };
        !text.is_empty() && text.bytes().all(ok) && !text.starts_with(['.', '-', '_', '~'])
    };
    let name_ok = match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| part(scope) && part(name)),
        None => part(name),
    };
    if !name_ok {
        return Err(format!("`{spec}` does not name a package of a registry"));
    }
    if !is_exact_semver(version) {
        return Err(format!("`{spec}` has no exact version"));
    }
    Ok((name.to_owned(), version.to_owned()))
}

/// One complete version, as npm reads it: another text would be a range or a tag. Larger numbers than a double holds make npm read a tag.
fn is_exact_semver(version: &str) -> bool {
    const MAX_SAFE: u64 = 9_007_199_254_740_991;
    version.len() <= 256
        && semver::Version::parse(version).is_ok_and(|v| {
            v.build.is_empty()
                && [v.major, v.minor, v.patch].iter().all(|n| *n <= MAX_SAFE)
                && v.pre.split('.').all(|part| {
                    part.parse::<u64>().map_or(!part.bytes().all(|b| b.is_ascii_digit()) || part.is_empty(), |n| n <= MAX_SAFE)
                })
        })
}

/// `name==1.2.3` or `name@1.2.3` of a Python index.
fn python_package(spec: &str) -> Result<(String, String), String> {
    let no = || format!("`{spec}` has no exact version");
    let (name, version) = spec.split_once("==").or_else(|| spec.split_once('@')).ok_or_else(no)?;
    let (name_only, extras) = match name.split_once('[') {
        Some((name, extras)) => (name, extras.strip_suffix(']').ok_or_else(no)?),
        None => (name, ""),
    };
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let edges = |text: &str| {
        let alnum = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        alnum(text.chars().next()) && alnum(text.chars().last())
    };
    if !word(name_only)
        || !edges(name_only)
        || !extras.split(',').all(word)
        || program(name_only) != name_only.to_ascii_lowercase()
    {
        return Err(format!("`{spec}` does not name a package of an index"));
    }
    if is_exact_python(version) { Ok((name.to_owned(), version.to_owned())) } else { Err(no()) }
}

/// A version of PEP 440 without wildcard, epoch and local part: `1.2`, `1.2.3rc1`, `1.2.3.post1`, `1.2.3.dev4`.
fn is_exact_python(version: &str) -> bool {
    let digits = version.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (release, suffix) = version.split_at(digits);
    let (release, suffix) = match release.strip_suffix('.') {
        Some(release) => (release, format!(".{suffix}")),
        None => (release, suffix.to_owned()),
    };
    let numbers = |text: &str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    let mut rest = suffix.as_str();
    for marks in [&["a", "b", "rc"][..], &[".post"], &[".dev"]] {
        for mark in marks {
            if let Some(after) = rest.strip_prefix(mark) {
                let count = after.bytes().take_while(u8::is_ascii_digit).count();
                if count == 0 {
                    return false;
                }
                rest = after.get(count..).unwrap_or_default();
                break;
            }
        }
    }
    version.len() <= 64 && rest.is_empty() && release.split('.').all(numbers)
}

fn container(args: &[&str]) -> Judged {
    let flags = [
        flag(
            &[
                "-i",
                "-t",
                "-it",
                "-ti",
                "-d",
                "--rm",
                "--init",
                "--interactive",
                "--tty",
                "--detach",
                "--read-only",
                "--privileged",
                "-P",
                "--publish-all",
                "-q",
                "--quiet",
                "--no-healthcheck",
                "--sig-proxy",
            ],
            Takes::Nothing,
        ),
        flag(
            &[
                "-v",
                "--volume",
                "--mount",
                "--name",
                "--network",
                "--net",
                "-p",
                "--publish",
                "-u",
                "--user",
                "-w",
                "--workdir",
                "-l",
                "--label",
                "--cpus",
                "-m",
                "--memory",
                "--platform",
                "--pull",
                "--add-host",
                "--cap-add",
                "--cap-drop",
                "--security-opt",
                "--tmpfs",
                "-h",
                "--hostname",
                "--gpus",
                "--memory-swap",
                "--shm-size",
                "--ulimit",
                "--dns",
                "--ipc",
                "--pid",
                "--restart",
                "--log-driver",
                "--log-opt",
                "--device",
                "--group-add",
                "--stop-timeout",
                "--expose",
                "--pids-limit",
                "--userns",
                "--cgroupns",
                "--uts",
                "--runtime",
                "--stop-signal",
            ],
            Takes::Value,
        ),
        flag(&["-e", "--env"], Takes::Variable),
    ];
    let found = options(args, &flags)?;
    let (image, inside) = found.rest.split_first().ok_or("no image is named")?;
    let digest = image.split_once("@sha256:").filter(|(_, hex)| hex.len() == 64 && crate::digest::from_hex(hex).is_some());
    let (name, hex) = digest.ok_or_else(|| format!("the image `{image}` is not named by its sha256 digest"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(format!("the image `{image}` has no plain name"));
    }
    if let Some(word) = inside.iter().find(|word| starts_something(word)) {
        return Err(format!("the container is given `{word}`, which may start other code"));
    }
    Ok(Launch::Exact { package: name.to_owned(), version: format!("sha256:{hex}") })
}

fn deno(args: &[&str]) -> Judged {
    let mut left = args;
    while let Some((first, rest)) = left.split_first() {
        let known = matches!(*first, "-A" | "-q" | "--quiet" | "--no-prompt" | "--allow-all" | "--no-check" | "--no-config")
            || ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys", "--allow-run", "--allow-ffi"]
                .iter()
                .any(|allow| *first == *allow || first.strip_prefix(allow).is_some_and(|value| value.starts_with('=')));
        if !known {
            break;
        }
        left = rest;
    }
    let first = left.first().copied().ok_or("no script is named")?;
    match first.split_once(':') {
        Some(("npm" | "jsr", spec)) => {
            let (package, version) = npm_package(spec)?;
            Ok(Launch::Exact { package, version })
        }
        _ => script(left),
    }
}

/// An interpreter with a script of this machine as its first word.
fn script(args: &[&str]) -> Judged {
    let first = args.first().copied().ok_or("no script is named")?;
    let remote = first.contains("://") || first.split_once(':').is_some_and(|(scheme, _)| scheme.len() > 1);
    if first.starts_with('-') || remote || first.contains("${") {
        return Err(format!("`{first}` is no script of this machine"));
    }
    let file =
        first.contains(['/', '\\']) || first.rsplit_once('.').is_some_and(|(stem, ending)| !stem.is_empty() && is_script(ending));
    if !file || starts_something(first) {
        return Err(format!("`{first}` is no script of this machine"));
    }
    local("script", args)
}

fn is_script(ending: &str) -> bool {
    matches!(ending, "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "py" | "sh" | "pyz" | "tsx" | "jsx")
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
    let plain = ["--no-warnings", "--enable-source-maps", "--trace-warnings", "--disable-warning=ExperimentalWarning"];
    let skip = args.iter().take_while(|arg| plain.contains(arg)).count();
    script(args.get(skip..).unwrap_or_default())
}

fn python(args: &[&str]) -> Judged {
    let skip = args.iter().take_while(|arg| matches!(**arg, "-u" | "-B" | "-I" | "-s" | "-E")).count();
    let args = args.get(skip..).unwrap_or_default();
    match args.split_first() {
        Some((&"-m", rest)) => {
            let module = rest.first().copied().ok_or("no module is named")?;
            let plain = module.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
            let base = module.split('.').next().unwrap_or_default();
            let runs =
                ["pip", "runpy", "code", "ensurepip", "venv", "virtualenv", "zipapp", "timeit", "cProfile", "pdb", "trace"];
            if !plain || runs.contains(&base) || starts_something(base) {
                return Err(format!("`-m {module}` may start other code"));
            }
            local("python", rest)
        }
        _ => script(args),
    }
}

fn shell(name: &str, args: &[&str]) -> Judged {
    match args.first() {
        Some(first) if first.contains('/') && !first.starts_with('-') => script(args),
        _ => Err(format!("`{name}` runs a command line, which is not read here")),
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
            return Err(format!("the flag `{first}` of `env` is not known to keep the version"));
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
        "sudo" | "doas" => (&["-n", "-E", "-H", "--non-interactive", "--preserve-env"], &["-u", "-g", "--user", "--group"]),
        "nice" => (&[], &["-n", "--adjustment"]),
        "ionice" => (&["-t"], &["-c", "-n"]),
        "setsid" => (&["-w", "-f", "-c", "--wait"], &[]),
        "stdbuf" => (&["-oL", "-eL", "-iL", "-o0", "-e0", "-i0"], &["-o", "-e", "-i"]),
        "timeout" | "gtimeout" => (&["--foreground", "--preserve-status", "-v"], &["-k", "-s", "--kill-after", "--signal"]),
        "time" => (&["-p"], &[]),
        "caffeinate" => (&["-i", "-d", "-s", "-m"], &[]),
        _ => (&[], &[]),
    };
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let base = arg.split('=').next().unwrap_or_default();
        let number =
            name == "nice" && arg.strip_prefix('-').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if *arg == "--" {
            at += 1;
            break;
        } else if flags.contains(arg) || number || (values.contains(&base) && base.len() < arg.len()) {
            at += 1;
        } else if values.contains(arg) {
            at += 2;
        } else if arg.starts_with('-') {
            return Err(format!("the flag `{arg}` of `{name}` is not known to keep the version"));
        } else {
            break;
        }
    }
    if matches!(name, "timeout" | "gtimeout") {
        let duration = args.get(at).copied().unwrap_or_default();
        let ok = duration.trim_end_matches(['s', 'm', 'h', 'd']).bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if duration.is_empty() || !ok {
            return Err("`timeout` is given no duration".to_owned());
        }
        at += 1;
    }
    let rest = args.get(at..).unwrap_or_default();
    if name == "sudo" || name == "doas" {
        // `sudo NAME=value command` sets variables.
        let assignments = rest.iter().take_while(|word| word.contains('=') && !word.starts_with('-')).count();
        let (set, rest) = rest.split_at(assignments);
        let result = command_line(rest, wrappers + 1)?;
        set.iter().try_for_each(|word| variable(word.split('=').next().unwrap_or_default()))?;
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
                if rest.iter().any(|word| word.contains(['&', '|', '<', '>', '^', '%', '(', ')', '!', '"', '\n', '\r'])) {
                    return Err("`cmd /c` is given characters that it reads itself".to_owned());
                }
                if rest.iter().any(|word| word.contains(char::is_whitespace)) {
                    return Err("`cmd /c` runs a command line, which is not read here".to_owned());
                }
                return command_line(rest, wrappers + 1);
            }
            _ => break,
        }
    }
    Err("`cmd` runs a command line, which is not read here".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(raw: Value) -> Launch {
        classify(&mcp::define(raw))
    }

    fn line(text: &str) -> Launch {
        let words: Vec<&str> = text.split(' ').collect();
        of(json!({"command": words[0], "args": &words[1..]}))
    }

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn exact_launchers() {
        for (text, package, version) in [
            ("npx -y @acme/files@1.2.3", "@acme/files", "1.2.3"),
            ("npx @acme/files@1.2.3 --registry=x /home", "@acme/files", "1.2.3"),
            ("npx --yes --package=@acme/files@1.2.3 files-server", "@acme/files", "1.2.3"),
            ("npx -p files@1.2.3-beta.1 -- files --port 1", "files", "1.2.3-beta.1"),
            ("npx -- files@1.2.3", "files", "1.2.3"),
            ("npx.cmd -y files@1.2.3", "files", "1.2.3"),
            ("npm exec -y files@1.2.3", "files", "1.2.3"),
            ("npm exec files@1.2.3 -- --registry=x", "files", "1.2.3"),
            ("npm x --package files@1.2.3 -- files", "files", "1.2.3"),
            ("pnpm dlx files@1.2.3", "files", "1.2.3"),
            ("pnpx files@1.2.3", "files", "1.2.3"),
            ("yarn dlx -q files@1.2.3", "files", "1.2.3"),
            ("bunx files@1.2.3", "files", "1.2.3"),
            ("bun x files@1.2.3", "files", "1.2.3"),
            ("uvx mcp-server-git==2025.1.14", "mcp-server-git", "2025.1.14"),
            ("uvx mcp-server-git@2025.1.14 --repository /x", "mcp-server-git", "2025.1.14"),
            ("uvx --from x[cli]==1.2.3rc1 x-server", "x[cli]", "1.2.3rc1"),
            ("uvx --from=x==1.2.3 --with y==2.0 x", "x", "1.2.3"),
            ("uvx --with y==2.0 x==1.0.post1", "x", "1.0.post1"),
            ("uv tool run x==1.0.dev2", "x", "1.0.dev2"),
            ("pipx run --spec x==1.2.3 x", "x", "1.2.3"),
            ("pipx run x==1.2.3", "x", "1.2.3"),
            ("deno run -A npm:x@1.2.3", "x", "1.2.3"),
            ("deno run --allow-net=h jsr:@s/x@1.2.3", "@s/x", "1.2.3"),
            ("env TOKEN=1 npx x@1.2.3", "x", "1.2.3"),
            ("sudo -n -u me npx x@1.2.3", "x", "1.2.3"),
            ("nice -n 5 npx x@1.2.3", "x", "1.2.3"),
            ("timeout 30s npx x@1.2.3", "x", "1.2.3"),
            ("cmd /c npx -y x@1.2.3", "x", "1.2.3"),
        ] {
            assert_eq!(line(text), Launch::Exact { package: package.to_owned(), version: version.to_owned() }, "{text}");
        }
        let image = line(&format!("docker run -i --rm -e TOKEN -v /a:/b ghcr.example/acme/x:1@sha256:{HEX} --port 1"));
        assert_eq!(image, Launch::Exact { package: "ghcr.example/acme/x:1".to_owned(), version: format!("sha256:{HEX}") });
        assert!(matches!(line(&format!("podman container run x@sha256:{HEX}")), Launch::Exact { .. }));
    }

    #[test]
    fn unpinned_launchers() {
        for text in [
            // no version, a range, a tag
            "npx x",
            "npx -y x",
            "npx x@",
            "npx x@latest",
            "npx x@next",
            "npx x@1",
            "npx x@1.2",
            "npx x@1.2.x",
            "npx x@^1.2.3",
            "npx x@~1.2.3",
            "npx x@>=1.2.3",
            "npx x@1.2.3||*",
            "npx x@=1.2.3",
            "npx x@v1.2.3",
            "npx x@01.2.3",
            "npx x@1.2.3+a",
            "npx x@9007199254740992.0.0",
            "npx x@99999999999999999999.0.0",
            "npx x@*",
            "npx @acme/x",
            "npx @acme@1.2.3",
            "npx @1.2.3",
            // not a registry's package
            "npx x@npm:evil@1.2.3",
            "npx acme/x",
            "npx github:acme/x#1.2.3",
            "npx git+https://h/x@1.2.3",
            "npx https://h/x-1.2.3.tgz",
            "npx file:../x@1.2.3",
            "npx ./x@1.2.3",
            "npx ../x@1.2.3",
            "npx /x@1.2.3",
            "npx ~/x@1.2.3",
            "npx x\u{200b}@1.2.3",
            "npx \u{445}@1.2.3",
            "npx ${PKG}@1.2.3",
            "npx x@${VERSION}",
            // flags
            "npx",
            "npx -y",
            "npx --",
            "npx -p x@1.2.3",
            "npx -p x npx",
            "npx -p x@1.2.3 -p y x",
            "npx --package x --package y@1.2.3 y",
            "npx -p x@1.2.3 sh",
            "npx -p x@1.2.3 npx y",
            "npx -p x@1.2.3 -c y",
            "npx -c x@1.2.3",
            "npx --call=x@1.2.3",
            "npx --registry https://evil x@1.2.3",
            "npx --registry=https://evil x@1.2.3",
            "npx --reg=https://evil x@1.2.3",
            "npx --@acme:registry=https://evil @acme/x@1.2.3",
            "npx --userconfig=/tmp/npmrc x@1.2.3",
            "npx --prefix /tmp x@1.2.3",
            "npx --node-options=--require=/x x@1.2.3",
            "npx --yes=x x@1.2.3",
            "npx -yp x y@1.2.3",
            "npm exec x",
            "npm exec x@1.2.3 --registry=https://evil",
            "npm exec x@1.2.3 --package=evil",
            "npm exec x@1.2.3 -c evil",
            "npm --registry=https://evil exec x@1.2.3",
            "npm start",
            "npm run x@1.2.3",
            "npm install x@1.2.3",
            "npm",
            "pnpm exec x@1.2.3",
            "pnpm dlx --allow-build=y x@1.2.3",
            "pnpm --package=x dlx y@1.2.3",
            "pnpm dlx x",
            "yarn x@1.2.3",
            "yarn dlx -p x y",
            "bunx x",
            "bunx --package x y@1.2.3",
            "bun x x@latest",
            "bun install",
            // Python
            "uvx x",
            "uvx x@latest",
            "uvx x==1.*",
            "uvx x==1.2.*",
            "uvx x>=1.2",
            "uvx x==1.2,>1",
            "uvx x==1.2;os_name=='x'",
            "uvx x==1!2.0",
            "uvx x==1.2+local",
            "uvx x==1..2",
            "uvx x==.1",
            "uvx --from x x",
            "uvx --from git+https://h/x@abc x",
            "uvx --from x==1.2.3 python",
            "uvx --with y x==1.2.3",
            "uvx --index-url https://evil x==1.2.3",
            "uvx --index=https://evil x==1.2.3",
            "uvx -i https://evil x==1.2.3",
            "uvx --extra-index-url https://evil x==1.2.3",
            "uvx --find-links /tmp x==1.2.3",
            "uvx --default-index https://evil x==1.2.3",
            "uvx --with-requirements r.txt x==1.2.3",
            "uvx --with-editable . x==1.2.3",
            "uvx --refresh x==1.2.3",
            "uv tool run x",
            "uv tool install x==1.2.3",
            "uv run --with x==1.2.3 x",
            "uv run server.py",
            "uv --directory /x run server.py",
            "uvx python@3.12",
            "pipx run x",
            "pipx run --spec git+https://h/x x",
            "pipx run --pip-args=--index-url=https://evil x==1.2.3",
            "pipx run --index-url https://evil x==1.2.3",
            "pipx run https://h/x.py",
            "python -c import",
            "python3.12 -m pip install x",
            "python -m uv tool run x",
            "python https://h/x.py",
            // containers
            "docker run x",
            "docker run x:1.2.3",
            "docker run x:latest",
            "docker run x@sha256:abc",
            "docker run",
            "docker exec x",
            "docker compose up",
            "docker -H tcp://evil run x",
            "docker run --env-file /x y",
            "podman run x:1",
            // shells, wrappers, other launchers
            "sh -c npx",
            "bash -lc x",
            "bash",
            "zsh x",
            "pwsh -Command x",
            "busybox sh",
            "env npx x",
            "env -S npx",
            "env npm_config_registry=https://evil npx x@1.2.3",
            "env -i NODE_OPTIONS=--import=/x npx x@1.2.3",
            "env PATH=/tmp npx x@1.2.3",
            "env -C /tmp npx x@1.2.3",
            "env",
            "sudo npx x",
            "sudo PATH=/tmp npx x@1.2.3",
            "sudo -i npx x@1.2.3",
            "nice npx x",
            "nice -n 5 env nohup npx x@latest",
            "timeout npx x@1.2.3",
            "timeout 10 npx x",
            "nohup npx x",
            "stdbuf -oL npx x",
            "cmd /c npx x",
            "cmd /k npx x@1.2.3",
            "cmd /c npx x@1.2.3 & evil",
            "cmd /c npx x@%V%",
            "xargs npx x@1.2.3",
            "nix run nixpkgs#x",
            "go run x@latest",
            "cargo run",
            "dnx x@1.2.3",
            "curl https://h/x",
            "ssh host npx x",
            "mise exec -- npx x@1.2.3",
            "smithery run x",
            "tsx x.ts",
            "deno run https://h/x.ts",
            "deno run npm:x",
            "deno run --import-map=m npm:x@1.2.3",
            "deno run -r npm:x@1.2.3",
            "deno x npm:x@1.2.3",
            "node -e x",
            "node --import /x server.js",
            "node -r /x server.js",
            "node data:text/javascript,x",
            "node https://h/x.mjs",
            "node /usr/lib/node_modules/npm/bin/npx-cli.js x",
            "/usr/bin/npx x",
            "/usr/bin/env npx x",
            "NPX x",
            "npx.exe x@latest",
            "n\u{440}x x",
            "my-launcher npx x",
            "my-launcher x@latest",
            "/opt/run npx x@1.2.3",
        ] {
            assert!(matches!(line(text), Launch::Unpinned { .. }), "{text}: {:?}", line(text));
        }
        let long = "env ".repeat(20) + "npx x@1.2.3";
        assert!(matches!(line(&long), Launch::Unpinned { .. }));
        for image in [
            format!("docker run --entrypoint sh x@sha256:{HEX} -c y"),
            format!("docker run x@sha256:{HEX} npx y"),
            format!("docker run x@sha256:{HEX} sh -c y"),
            format!("docker run -e NODE_OPTIONS=--import=x x@sha256:{HEX}"),
            format!("docker run --env=LD_PRELOAD=/x x@sha256:{HEX}"),
            format!("docker run --env-file /x x@sha256:{HEX}"),
            format!("docker run --volumes-from y x@sha256:{HEX}"),
            format!("docker run x@sha256:{}", HEX.to_uppercase()),
            format!("docker run @sha256:{HEX}"),
        ] {
            assert!(matches!(line(&image), Launch::Unpinned { .. }), "{image}");
        }
    }

    #[test]
    fn definitions_that_are_not_command_lines() {
        for raw in [
            json!({}),
            json!({"command": ""}),
            json!({"command": 1}),
            json!({"command": ["npx", "x@1.2.3"]}),
            json!({"command": "npx x@1.2.3"}),
            json!({"command": "npx -y x"}),
            json!({"command": " npx", "args": ["x@1.2.3"]}),
            json!({"command": "npx", "args": "x@1.2.3"}),
            json!({"command": "npx", "args": ["x@1.2.3", 1]}),
            json!({"command": "npx", "args": [["x@1.2.3"]]}),
            json!({"command": "npx", "args": ["x@1.2.3 evil"]}),
            json!({"command": "npx", "args": ["", "x@1.2.3"]}),
            json!({"command": "npx", "args": ["x@1.2.3"], "url": "https://h"}),
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"npm_config_registry": "https://evil"}}),
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"NPM_CONFIG_USERCONFIG": "/x"}}),
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"NODE_OPTIONS": "--import=/x"}}),
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"PATH": "/tmp"}}),
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"HOME": "/tmp"}}),
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"npm_config_https_proxy": "x"}}),
            json!({"command": "npx", "args": ["x@1.2.3"], "env": ["npm_config_registry=x"]}),
            json!({"command": "uvx", "args": ["x==1.2.3"], "env": {"UV_INDEX_URL": "https://evil"}}),
            json!({"command": "pipx", "args": ["run", "x==1.2.3"], "env": {"PIP_INDEX_URL": "https://evil"}}),
            json!({"command": "docker", "args": ["run", format!("x@sha256:{HEX}")], "env": {"DOCKER_HOST": "tcp://evil"}}),
            json!({"command": "cmd", "args": ["/c", "npx -y x@1.2.3"]}),
            json!({"command": "cmd", "args": ["/c", "npx", "x@1.2.3", "a&calc"]}),
            json!({"url": "file:///x"}),
            json!({"url": 1}),
        ] {
            assert!(matches!(of(raw.clone()), Launch::Unpinned { .. }), "{raw}: {:?}", of(raw.clone()));
        }
        let tokens =
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"TOKEN": "a", "HTTPS_PROXY": "http://p"}, "cwd": "/srv"});
        assert!(matches!(of(tokens), Launch::Exact { .. }));
    }

    #[test]
    fn local_and_remote() {
        for text in [
            "/opt/acme/server --port 1",
            "./server",
            "mcp-server-git",
            "node /opt/acme/server.js",
            "node --no-warnings server.mjs",
            "python -u server.py",
            "python3.11 -m mcp_server_git",
            "bash /opt/acme/start.sh",
            "bun run server.ts",
            "deno run -A server.ts",
            "/usr/local/bin/npx -y x@1.2.3",
            "/usr/bin/env npx x@1.2.3",
            "node /usr/lib/node_modules/npm/bin/npx-cli.js x@1.2.3",
        ] {
            assert_eq!(line(text), Launch::LocalCommand, "{text}");
        }
        assert_eq!(of(json!({"command": "/Applications/My App/server"})), Launch::LocalCommand);
        assert_eq!(of(json!({"url": "https://u:p@h/x", "type": "http"})), Launch::Remote);
        assert_eq!(of(json!({"command": "", "url": "http://h"})), Launch::Remote);
    }
}
