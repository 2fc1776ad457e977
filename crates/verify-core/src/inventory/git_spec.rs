//! Git addresses, and the specs in which people and OpenClaw write them: `git:<address>[@<ref>]`. [S `plugins/git-install.ts`]

/// An address, and the tag, branch or commit that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GitSpec<'a> {
    pub(super) address: &'a str,
    pub(super) reference: Option<&'a str>,
}

/// Splits a spec where OpenClaw does. [S `splitGitSpecRef`]
pub(super) fn parse(spec: &str) -> GitSpec<'_> {
    let spec = spec.trim();
    let body = match spec.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("git:") && !spec[4..].starts_with("//") => {
            spec[4..].trim()
        }
        _ => spec,
    };
    let given = |reference: &'_ str| !reference.trim().is_empty();
    if let Some((address, reference)) = body
        .rsplit_once('#')
        .filter(|(address, _)| !address.is_empty())
    {
        return GitSpec {
            address: address.trim(),
            reference: Some(reference.trim()).filter(|reference| given(reference)),
        };
    }
    let splits = body
        .match_indices('@')
        .rev()
        .map(|(at, _)| (&body[..at], &body[at + 1..]));
    let split = splits
        .into_iter()
        .find(|(address, reference)| given(reference) && is_address(address));
    match split {
        Some((address, reference)) => GitSpec {
            address: address.trim(),
            reference: Some(reference.trim()),
        },
        None => GitSpec {
            address: body,
            reference: None,
        },
    }
}

/// `<host>/<path>` of the repository that a spec names, `file/<basename>` of a local one; none when it is not of a known form.
pub(super) fn place_of_spec(spec: &str) -> Option<String> {
    let address = parse(spec).address;
    match on_github(address) {
        Some(repository) => place(&format!("https://github.com/{repository}")),
        None => place(address),
    }
}

/// `<host>/<path>` of a git address, `file/<basename>` of a local one; none when the address is not of a known form.
pub(super) fn place(address: &str) -> Option<String> {
    let address = address.trim();
    let address = address.strip_prefix("git+").unwrap_or(address);
    let clean = |text: &str| {
        let ok = |part: &str| !part.is_empty() && part != "." && part != "..";
        let text = text.trim_matches('/');
        let text = text.strip_suffix(".git").unwrap_or(text);
        let plain = !text.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\' | '%' | '@' | ':')
        });
        (plain && text.split('/').all(ok)).then(|| text.to_owned())
    };
    let (scheme, rest) = address
        .split_once("://")
        .map_or((None, address), |(scheme, rest)| (Some(scheme), rest));
    let scheme = scheme.map(str::to_ascii_lowercase);
    let local = match scheme.as_deref() {
        Some("file") => true,
        Some(_) => false,
        None => address.starts_with(['/', '.', '~']),
    };
    if local {
        return Some(format!(
            "file/{}",
            clean(rest.trim_end_matches('/').rsplit('/').next()?)?
        ));
    }
    let (authority, path) = match scheme.as_deref() {
        Some("https" | "http" | "ssh" | "git") => rest.split_once('/')?,
        Some(_) => return None,
        // user@host:path, the short form of ssh
        None => address.split_once(':')?,
    };
    let host = one_name(scheme.as_deref(), authority.rsplit('@').next()?);
    let host_ok = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    host_ok.then(|| Some(format!("{host}/{}", clean(path)?)))?
}

/// A host as its one name, so that rules and violations about a repository hold however it is written.
fn one_name(scheme: Option<&str>, host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let port = match scheme {
        Some("https") => ":443",
        Some("http") => ":80",
        Some("git") => ":9418",
        _ => ":22",
    };
    let host = host
        .strip_suffix(port)
        .unwrap_or(&host)
        .trim_end_matches('.');
    match host {
        "www.github.com" | "ssh.github.com" | "ssh.github.com:443" => "github.com".to_owned(),
        host => host.to_owned(),
    }
}

/// `owner/repository`, when an address is OpenClaw's short form of a repository on GitHub: `owner/repository`,
/// `github.com/owner/repository`. [S `looksLikeGitHubRepoShorthand`, `looksLikeGitHubHostPath`]
fn on_github(address: &str) -> Option<&str> {
    const HOST: &str = "github.com/";
    let name = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    let short = |text: &str| {
        text.split_once('/')
            .is_some_and(|(owner, repository)| name(owner) && name(repository))
    };
    let hosted = address
        .get(..HOST.len())
        .filter(|start| start.eq_ignore_ascii_case(HOST))
        .map(|_| &address[HOST.len()..]);
    match hosted {
        Some(rest) if short(rest) => Some(rest),
        // `./repository` and `../repository` have that form too, and OpenClaw takes them so.
        _ => Some(address).filter(|address| short(address)),
    }
}

/// Whether an address may stand before the `@` of a ref. [S `isGitSpecBase`]
fn is_address(text: &str) -> bool {
    let url = text.split_once("://").is_some_and(|(scheme, rest)| {
        let known = ["http", "https", "ssh", "git", "file"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        known && !path.is_empty() && (scheme.eq_ignore_ascii_case("file") || !authority.is_empty())
    });
    let ssh = text.split_once('@').is_some_and(|(user, rest)| {
        let plain = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
        plain(user)
            && rest
                .split_once(':')
                .is_some_and(|(host, path)| plain(host) && !path.is_empty())
    });
    url || ssh
        || on_github(text).is_some()
        || text.ends_with(".git")
        || ["./", "../", "~/"]
            .iter()
            .any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_places() {
        for (address, wanted) in [
            (
                "https://github.com/acme/notes.git",
                Some("github.com/acme/notes"),
            ),
            (
                "https://user:secret@GitHub.com/acme/notes/",
                Some("github.com/acme/notes"),
            ),
            (
                "HTTPS://GitHub.com/acme/notes",
                Some("github.com/acme/notes"),
            ),
            (
                "ssh://git@github.com/acme/notes.git",
                Some("github.com/acme/notes"),
            ),
            (
                "git+ssh://git@github.com/acme/notes",
                Some("github.com/acme/notes"),
            ),
            (
                "git@github.com:acme/notes.git",
                Some("github.com/acme/notes"),
            ),
            (
                "https://github.com:443/acme/notes",
                Some("github.com/acme/notes"),
            ),
            (
                "https://www.github.com./acme/notes",
                Some("github.com/acme/notes"),
            ),
            (
                "ssh://git@ssh.github.com:443/acme/notes",
                Some("github.com/acme/notes"),
            ),
            ("https://github.com/./acme/notes", None),
            ("https://github.com/%61cme/notes", None),
            ("file:///home/user/src/skill-git", Some("file/skill-git")),
            ("/home/u/git-plugin.git/", Some("file/git-plugin")),
            ("~/src/notes", Some("file/notes")),
            ("https://github.com/acme/../evil", None),
            ("https://github.com/acme/notes?x=1", None),
            ("javascript://github.com/a/b", None),
            ("https://gith\u{430}b.com/a/b", None),
            ("acme/notes", None),
            ("", None),
        ] {
            assert_eq!(place(address).as_deref(), wanted, "{address}");
        }
    }

    #[test]
    fn specs_are_split_and_completed_as_openclaw_does() {
        for (spec, wanted, reference) in [
            (
                "git:github.com/acme/notes@v1.3.0",
                Some("github.com/acme/notes"),
                Some("v1.3.0"),
            ),
            (
                "git:acme/notes@v1.3.0",
                Some("github.com/acme/notes"),
                Some("v1.3.0"),
            ),
            ("GIT: acme/notes.git", Some("github.com/acme/notes"), None),
            (
                "git:GitHub.com/acme/notes#main",
                Some("github.com/acme/notes"),
                Some("main"),
            ),
            (
                "git:acme/notes@feature/x",
                Some("github.com/acme/notes"),
                Some("feature/x"),
            ),
            (
                "git:https://github.com/acme/notes.git@release/v1",
                Some("github.com/acme/notes"),
                Some("release/v1"),
            ),
            (
                "git:git@github.com:acme/notes@v1",
                Some("github.com/acme/notes"),
                Some("v1"),
            ),
            (
                "git:git@github.com:acme/notes",
                Some("github.com/acme/notes"),
                None,
            ),
            (
                "git:ssh://git@host.example:2222/acme/notes@v1",
                Some("host.example:2222/acme/notes"),
                Some("v1"),
            ),
            (
                "git:file:///home/u/src/git-plugin@v1",
                Some("file/git-plugin"),
                Some("v1"),
            ),
            (
                "git://host.example/acme/notes",
                Some("host.example/acme/notes"),
                None,
            ),
            ("git:acme/notes@", None, None),
            ("git:notes", None, None),
        ] {
            assert_eq!(place_of_spec(spec).as_deref(), wanted, "{spec}");
            assert_eq!(parse(spec).reference, reference, "{spec}");
        }
    }
}
