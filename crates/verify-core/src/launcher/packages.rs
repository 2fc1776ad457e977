//! Names of packages with one exact version.

use super::NotExact;
use super::known::program;

/// `name@1.2.3` or `@scope/name@1.2.3`, the version complete and exact.
pub(super) fn npm_package(spec: &str) -> Result<(String, String), NotExact> {
    let at = spec
        .char_indices()
        .skip(1)
        .find(|(_, c)| *c == '@')
        .map(|(at, _)| at);
    let (name, version) = match at {
        Some(at) => spec.split_at(at),
        None => return Err(format!("`{spec}` has no exact version").into()),
    };
    let version = version.strip_prefix('@').unwrap_or(version);
    let part = |text: &str| {
        let ok = |b: u8| {
            b.is_ascii_lowercase()
                || b.is_ascii_uppercase()
                || b.is_ascii_digit()
                || matches!(b, b'-' | b'_' | b'.' | b'~')
        };
        !text.is_empty() && text.bytes().all(ok) && !text.starts_with(['.', '-', '_', '~'])
    };
    let name_ok = match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .is_some_and(|(scope, name)| part(scope) && part(name)),
        None => part(name),
    };
    if !name_ok {
        return Err(format!("`{spec}` does not name a package of a registry").into());
    }
    if !is_exact_semver(version) {
        return Err(format!("`{spec}` has no exact version").into());
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
                    part.parse::<u64>().map_or(
                        !part.bytes().all(|b| b.is_ascii_digit()) || part.is_empty(),
                        |n| n <= MAX_SAFE,
                    )
                })
        })
}

/// `name==1.2.3` or `name@1.2.3` of a Python index.
pub(super) fn python_package(spec: &str) -> Result<(String, String), NotExact> {
    let no = || NotExact::from(format!("`{spec}` has no exact version"));
    let (name, version) = spec
        .split_once("==")
        .or_else(|| spec.split_once('@'))
        .ok_or_else(no)?;
    let (name_only, extras) = match name.split_once('[') {
        Some((name, extras)) => (name, extras.strip_suffix(']').ok_or_else(no)?),
        None => (name, ""),
    };
    let word = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let edges = |text: &str| {
        let alnum = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        alnum(text.chars().next()) && alnum(text.chars().last())
    };
    if !word(name_only)
        || !edges(name_only)
        || !extras.split(',').all(word)
        || program(name_only) != name_only.to_ascii_lowercase()
    {
        return Err(format!("`{spec}` does not name a package of an index").into());
    }
    if is_exact_python(version) {
        Ok((name.to_owned(), version.to_owned()))
    } else {
        Err(no())
    }
}

/// Repository and commit of `git+https://host/path@<40 or 64 hex>`, as `uvx --from` takes it, alone or behind `name @ `; none for what
/// is no address of git. Names of branches and short ids move.
pub(super) fn git_commit(spec: &str) -> Option<Result<(String, String), NotExact>> {
    let address = spec.rsplit_once(" @ ").map_or(spec, |(_, address)| address);
    let rest = address.strip_prefix("git+")?;
    let read = || {
        let (address, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (address, commit) = address.rsplit_once('@')?;
        let (scheme, place) = address.split_once("://")?;
        // What stands before the host is a user or a token: neither says what is fetched.
        let (authority, path) = place.split_once('/')?;
        let host = authority.rsplit('@').next()?;
        let plain = |text: &str| {
            let ok =
                |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'~');
            !text.is_empty() && text.bytes().all(ok)
        };
        let folder = fragment.strip_prefix("subdirectory=").unwrap_or(fragment);
        let known = matches!(scheme, "https" | "ssh")
            && plain(&host.replacen(':', "", 1))
            && plain(path)
            && (folder.is_empty() || plain(folder))
            && matches!(commit.len(), 40 | 64)
            && commit.bytes().all(|b| b.is_ascii_hexdigit());
        known.then(|| (format!("{host}/{path}"), commit.to_ascii_lowercase()))
    };
    Some(read().ok_or_else(|| format!("`{spec}` names no commit by its full id").into()))
}

/// A version of PEP 440 without wildcard, epoch and local part: `1.2`, `1.2.3rc1`, `1.2.3.post1`, `1.2.3.dev4`.
fn is_exact_python(version: &str) -> bool {
    let digits = version
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    let (release, suffix) = version.split_at(digits);
    let (release, suffix) = match release.strip_suffix('.') {
        Some(release) => (release, format!(".{suffix}")),
        None => (release, suffix.to_owned()),
    };
    let numbers = |text: &str| {
        !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit())
    };
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
