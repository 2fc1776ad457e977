//! Launchers that fetch a package or an image and start it.

use super::known::{carries_launcher, fetches, is_python, program, starts_something};
use super::options::{Flag, Options, Takes, flag, options};
use super::packages::{git_commit, npm_package, python_package};
use super::{
    Ecosystem, Judged, Launch, NotExact, command_line, is_script, local, script, subcommand,
};

/// Flags of `npx` and `npm exec` that change nothing about what is fetched.
const NPM_FLAGS: [Flag; 2] = [
    flag(
        "-y --yes -q --quiet --silent --no --no-install --prefer-offline --offline",
        Takes::Nothing,
    ),
    flag("-p --package", Takes::Package),
];

pub(super) fn npx(args: &[&str]) -> Judged {
    packages(options(args, &NPM_FLAGS)?, Ecosystem::Npm)
}

pub(super) fn npm(args: &[&str]) -> Judged {
    let rest = match args.split_first() {
        Some((&("exec" | "x"), rest)) => rest,
        _ => return Err("`npm` is understood only as `npm exec`".into()),
    };
    // npm reads its own flags anywhere before `--`, so also those behind the package are its own.
    let end = rest
        .iter()
        .position(|arg| *arg == "--")
        .unwrap_or(rest.len());
    let (own, behind) = rest.split_at(end);
    let mut found = Options::default();
    let mut left = own;
    while !left.is_empty() {
        let mut part = options(left, &NPM_FLAGS)?;
        found.packages.append(&mut part.packages);
        let Some((first, _)) = part.rest.split_first() else {
            break;
        };
        found.rest.push(first);
        left = left
            .get(left.len() - part.rest.len() + 1..)
            .unwrap_or_default();
    }
    found.rest.extend(behind.iter().skip(1));
    packages(found, Ecosystem::Npm)
}

pub(super) fn dlx(args: &[&str], name: &str) -> Judged {
    let flags = [
        flag("-q --quiet --silent -s", Takes::Nothing),
        flag("-p --package", Takes::Package),
    ];
    packages(
        options(args, &flags).map_err(|why| format!("{name}: {why}"))?,
        Ecosystem::Npm,
    )
}

pub(super) fn bunx(args: &[&str]) -> Judged {
    let flags = [
        flag(
            "-y --yes --bun --silent --verbose --no-install",
            Takes::Nothing,
        ),
        flag("-p --package", Takes::Package),
    ];
    packages(options(args, &flags)?, Ecosystem::Npm)
}

pub(super) fn bun(args: &[&str]) -> Judged {
    match args.split_first() {
        Some((&"x", rest)) => bunx(rest),
        Some((&"run", rest)) => script(rest),
        _ => script(args),
    }
}

pub(super) fn uvx(args: &[&str]) -> Judged {
    let flags = [
        flag(
            "-q --quiet -v --verbose --isolated --offline --no-progress -n --no-cache",
            Takes::Nothing,
        ),
        flag("-p --python", Takes::Version),
        flag("--from", Takes::Package),
        flag("--with -w", Takes::Extra),
    ];
    packages(options(args, &flags)?, Ecosystem::Python)
}

/// Flags of `uv` that change nothing about what is started, before and behind its subcommand.
const UV_FLAGS: [Flag; 2] = [
    flag(
        "-q --quiet -v --verbose --offline --no-progress -n --no-cache --frozen --locked --no-sync --no-dev --no-env-file",
        Takes::Nothing,
    ),
    flag(
        "--directory --project -p --python --extra --group --color",
        Takes::Value,
    ),
];

/// `uv tool run` is `uvx`; `uv run` starts a program of a project that lies on this machine.
pub(super) fn uv(args: &[&str], wrappers: usize) -> Judged {
    let found = options(args, &UV_FLAGS)?;
    let Some((&"run", rest)) = found.rest.split_first() else {
        return subcommand(&found.rest, "tool", "uv")
            .and_then(|rest| subcommand(rest, "run", "uv tool"))
            .and_then(uvx);
    };
    let found = options(rest, &UV_FLAGS)?;
    let (first, _) = found.rest.split_first().ok_or("no program is named")?;
    let is_file = first.contains(['/', '\\'])
        || first
            .rsplit_once('.')
            .is_some_and(|(_, ending)| is_script(ending));
    if is_file {
        script(&found.rest)
    } else if is_python(&program(first)) {
        command_line(&found.rest, wrappers + 1)
    } else if starts_something(first) {
        Err(format!("`uv run {first}` is not known to start one exact version").into())
    } else {
        local(first, found.rest.get(1..).unwrap_or_default())
    }
}

pub(super) fn pipx(args: &[&str]) -> Judged {
    let flags = [
        flag("--no-cache -q --quiet -v --verbose", Takes::Nothing),
        flag("--python", Takes::Version),
        flag("--spec", Takes::Package),
    ];
    packages(options(args, &flags)?, Ecosystem::Python)
}

/// Judges what a launcher fetches: every package by flag, else the first word.
fn packages(found: Options<'_>, ecosystem: Ecosystem) -> Judged {
    let read = |spec: &str| match ecosystem {
        Ecosystem::Python => python(spec),
        _ => npm_package(spec).map(|(name, version)| (ecosystem, name, version)),
    };
    let (first, behind) = found
        .rest
        .split_first()
        .ok_or("no package or command is named")?;
    if let Some(word) = behind.iter().find(|word| hides_a_command(word)) {
        return Err(format!(
            "`{first}` is given `{word}`, which a shell may read as another command"
        )
        .into());
    }
    let carried = behind.iter().filter(|word| carries_launcher(&[word]));
    for word in carried {
        if !starts_one_version(word) {
            return Err(format!(
                "`{first}` is given the name of a launcher or shell, so it may start other code"
            )
            .into());
        }
    }
    found
        .extras
        .iter()
        .try_for_each(|package| read(package).map(drop))?;
    if found.packages.is_empty() {
        return exact(read(first)?);
    }
    let mut read = found
        .packages
        .iter()
        .map(|package| read(package))
        .collect::<Result<Vec<_>, _>>()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'/');
    if !first.bytes().all(plain) || starts_something(first) || first.starts_with(['.', '/']) {
        return Err(format!(
            "the command `{first}` need not come from the packages that are named"
        )
        .into());
    }
    exact(read.swap_remove(0))
}

/// Whether an argument of several words may be a command line that only a shell can read: with quotes or escapes, with a command in it, or
/// beginning with a variable or with a program that fetches code or runs what it is given.
fn hides_a_command(argument: &str) -> bool {
    const RUNS: [&str; 9] = [
        "perl", "ruby", "php", "lua", "awk", "gawk", "make", "wget", "java",
    ];
    let value = match argument.split_once('=') {
        Some((option, value)) if option.starts_with('-') => value,
        _ => argument,
    };
    let Some((first, _)) = value.trim_start().split_once(char::is_whitespace) else {
        return false;
    };
    let is_data =
        serde_json::from_str::<serde_json::Value>(value).is_ok_and(|data| !data.is_string());
    if is_data {
        return false;
    }
    let name = program(first);
    value.contains(['\'', '"', '\\', '`', '\n'])
        || value.contains("$(")
        || first.starts_with(['$', '!'])
        || fetches(&name)
        || RUNS.contains(&name.as_str())
}

/// Whether an argument is a whole command line that always starts the same version, as bridges between transports take it:
/// `--stdio "uvx mcp-server-git==2025.1.14"`. Only words that no shell reads otherwise.
fn starts_one_version(argument: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_./@=:+,".contains(c);
    let words: Vec<&str> = argument
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    words.len() > 1
        && argument.chars().all(plain)
        && matches!(command_line(&words, 1), Ok(Launch::Exact { .. }))
}

/// A package of a Python index, or a commit of a git repository.
fn python(spec: &str) -> Result<(Ecosystem, String, String), NotExact> {
    match git_commit(spec) {
        Some(commit) => commit.map(|(name, version)| (Ecosystem::Git, name, version)),
        None => python_package(spec).map(|(name, version)| (Ecosystem::Python, name, version)),
    }
}

/// An exact package, unless it is itself a launcher: `npx npm@11.0.0 exec x`.
fn exact((ecosystem, package, version): (Ecosystem, String, String)) -> Judged {
    let name = package.split('[').next().unwrap_or_default();
    if (!name.starts_with('@') && starts_something(name)) || name == "@smithery/cli" {
        return Err(
            format!("`{package}` starts other code, and how it pins is not known here").into(),
        );
    }
    Ok(Launch::Exact {
        ecosystem,
        package,
        version,
    })
}

pub(super) fn container(args: &[&str]) -> Judged {
    let flags = [
        flag(
            "-i -t -it -ti -d --rm --init --interactive --tty --detach --read-only --privileged -P --publish-all \
             -q --quiet --no-healthcheck --sig-proxy",
            Takes::Nothing,
        ),
        flag(
            "-v --volume --mount --name --network --net -p --publish -u --user -w --workdir -l --label --cpus -m \
             --memory --platform --pull --add-host --cap-add --cap-drop --security-opt --tmpfs -h --hostname \
             --gpus --memory-swap --shm-size --ulimit --dns --ipc --pid --restart --log-driver --log-opt --device \
             --group-add --stop-timeout --expose --pids-limit --userns --cgroupns --uts --runtime --stop-signal",
            Takes::Value,
        ),
        flag("-e --env", Takes::Variable),
    ];
    let found = options(args, &flags)?;
    let (image, inside) = found.rest.split_first().ok_or("no image is named")?;
    let digest = image
        .split_once("@sha256:")
        .filter(|(_, hex)| hex.len() == 64 && crate::digest::from_hex(hex).is_some());
    let (name, hex) =
        digest.ok_or_else(|| format!("the image `{image}` is not named by its sha256 digest"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(format!("the image `{image}` has no plain name").into());
    }
    if inside.first().is_some_and(|word| starts_something(word)) || carries_launcher(inside) {
        return Err(
            "the container is given the name of a launcher or shell, so it may start other code"
                .into(),
        );
    }
    Ok(Launch::Exact {
        ecosystem: Ecosystem::Image,
        package: name.to_owned(),
        version: format!("sha256:{hex}"),
    })
}

pub(super) fn deno(args: &[&str]) -> Judged {
    let mut left = args;
    while let Some((first, rest)) = left.split_first() {
        let known = matches!(
            *first,
            "-A" | "-q" | "--quiet" | "--no-prompt" | "--allow-all" | "--no-check" | "--no-config"
        ) || [
            "--allow-net",
            "--allow-read",
            "--allow-write",
            "--allow-env",
            "--allow-sys",
            "--allow-run",
            "--allow-ffi",
            "--node-modules-dir",
            // Their short forms since Deno 2.
            "-N",
            "-R",
            "-W",
            "-E",
            "-S",
        ]
        .iter()
        .any(|allow| {
            *first == *allow
                || first
                    .strip_prefix(allow)
                    .is_some_and(|value| value.starts_with('='))
        });
        if !known {
            break;
        }
        left = rest;
    }
    let first = left.first().copied().ok_or("no script is named")?;
    match first.split_once(':') {
        Some((scheme @ ("npm" | "jsr"), spec)) => {
            if carries_launcher(left.get(1..).unwrap_or_default()) {
                return Err(format!(
                    "`{spec}` is given the name of a launcher or shell, so it may start other code"
                )
                .into());
            }
            let ecosystem = if scheme == "jsr" {
                Ecosystem::Jsr
            } else {
                Ecosystem::Npm
            };
            let (package, version) = npm_package(spec)?;
            exact((ecosystem, package, version))
        }
        _ => script(left),
    }
}
