//! Launchers that fetch a package or an image and start it.

use super::known::{carries_launcher, starts_something};
use super::options::{Flag, Options, Takes, flag, options};
use super::packages::{npm_package, python_package};
use super::{Ecosystem, Judged, Launch, script};

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
        _ => return Err("`npm` is understood only as `npm exec`".to_owned()),
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
        flag("-p --python", Takes::Value),
        flag("--from", Takes::Package),
        flag("--with -w", Takes::Extra),
    ];
    packages(options(args, &flags)?, Ecosystem::Python)
}

pub(super) fn pipx(args: &[&str]) -> Judged {
    let flags = [
        flag("--no-cache -q --quiet -v --verbose", Takes::Nothing),
        flag("--python", Takes::Value),
        flag("--spec", Takes::Package),
    ];
    packages(options(args, &flags)?, Ecosystem::Python)
}

/// Judges what a launcher fetches: every package by flag, else the first word.
fn packages(found: Options<'_>, ecosystem: Ecosystem) -> Judged {
    let read = if ecosystem == Ecosystem::Python {
        python_package
    } else {
        npm_package
    };
    let (first, behind) = found
        .rest
        .split_first()
        .ok_or("no package or command is named")?;
    if carries_launcher(behind) {
        return Err(format!(
            "`{first}` is given the name of a launcher or shell, so it may start other code"
        ));
    }
    found
        .extras
        .iter()
        .try_for_each(|package| read(package).map(drop))?;
    if found.packages.is_empty() {
        return exact(ecosystem, read(first)?);
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
        ));
    }
    exact(ecosystem, read.swap_remove(0))
}

/// An exact package, unless it is itself a launcher: `npx npm@11.0.0 exec x`.
fn exact(ecosystem: Ecosystem, (package, version): (String, String)) -> Judged {
    let name = package.split('[').next().unwrap_or_default();
    if (!name.starts_with('@') && starts_something(name)) || name == "@smithery/cli" {
        return Err(format!(
            "`{package}` starts other code, and how it pins is not known here"
        ));
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
        return Err(format!("the image `{image}` has no plain name"));
    }
    if inside.first().is_some_and(|word| starts_something(word)) || carries_launcher(inside) {
        return Err(
            "the container is given the name of a launcher or shell, so it may start other code"
                .to_owned(),
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
                ));
            }
            exact(
                if scheme == "jsr" {
                    Ecosystem::Jsr
                } else {
                    Ecosystem::Npm
                },
                npm_package(spec)?,
            )
        }
        _ => script(left),
    }
}
