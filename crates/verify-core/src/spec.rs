//! What a spec asks for: exactly one thing, or whatever is newest. Decides pinning, never integrity.

use js_semver::Version;

use crate::subject::Source;
use crate::text;

/// Longest spec that is read, in bytes; a longer one pins nothing. npm's own are a few dozen bytes.
pub const MAX: usize = 512;

/// Whether a reinstall from a spec brings the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pin {
    /// Names one version or commit.
    Exact,
    /// Could bring something else; says why, safe to show.
    Floating(String),
}

/// The pin of an npm spec, `name`, `name@exact`, `name@tag` or `name@range`, with or without a leading `npm:`.
#[must_use]
pub fn npm(spec: &str) -> Pin {
    if spec.len() > MAX {
        return Pin::Floating("the spec is too long to be one version".to_owned());
    }
    let spec = spec.strip_prefix("npm:").unwrap_or(spec);
    // A scope's `@` is no separator.
    match spec.char_indices().skip(1).find(|(_, c)| *c == '@') {
        None => Pin::Floating("no version: a reinstall takes the newest".to_owned()),
        Some((at, _)) => npm_version(&spec[at + 1..]),
    }
}

/// A version as npm compares it: without `v` or `=` before it, and without build metadata.
#[must_use]
pub fn plain_version(version: &str) -> &str {
    let version = version.trim().trim_start_matches(['=', 'v', ' ']);
    version.split_once('+').map_or(version, |(plain, _)| plain)
}

/// The pin of what stands after the `@` of an npm spec, or of a value in `dependencies`.
#[must_use]
pub fn npm_version(version: &str) -> Pin {
    let exact = version
        .strip_prefix('=')
        .or_else(|| version.strip_prefix('v'))
        .unwrap_or(version);
    if version.len() <= MAX && is_exact_version(exact) {
        Pin::Exact
    } else if version.is_empty() || version == "*" {
        Pin::Floating("any version".to_owned())
    } else if version.starts_with(|c: char| c.is_ascii_alphabetic()) && !version.contains(' ') {
        Pin::Floating(format!("the tag {} moves", text::excerpt(version, 40)))
    } else {
        Pin::Floating(format!(
            "the range {} takes the newest that fits",
            text::excerpt(version, 40)
        ))
    }
}

/// The pin of a git spec, `git:<address>@<ref>`: only a full commit id names one thing.
#[must_use]
pub fn git(spec: &str) -> Pin {
    match reference(spec) {
        Some(reference) if reference.parse::<crate::digest::GitOid>().is_ok() => Pin::Exact,
        Some(reference) => Pin::Floating(format!(
            "the branch or tag {} can move",
            text::excerpt(reference, 60)
        )),
        None => Pin::Floating("no commit: a reinstall takes the default branch".to_owned()),
    }
}

/// The git spec of the same repository at `commit`.
#[must_use]
pub fn git_at(spec: &str, commit: &str) -> String {
    let end = reference(spec).map_or(spec.len(), |reference| spec.len() - reference.len() - 1);
    let repository = spec.get(..end).unwrap_or(spec);
    format!("{repository}@{commit}")
}

/// What a spec asks for without its version or ref, and that. `npm:` is OpenClaw's own word and says nothing.
pub(crate) fn parts(source: Source, spec: &str) -> (&str, Option<&str>) {
    let (at, name) = match source {
        Source::Git => {
            let end =
                reference(spec).map_or(spec.len(), |reference| spec.len() - reference.len() - 1);
            (end, spec)
        }
        Source::Clawhub => (clawhub_name(spec).0.len(), spec),
        _ => {
            let name = spec.strip_prefix("npm:").unwrap_or(spec);
            let at = name.char_indices().skip(1).find(|(_, c)| *c == '@');
            (at.map_or(name.len(), |(at, _)| at), name)
        }
    };
    let (name, rest) = name.split_at_checked(at).unwrap_or((name, ""));
    (name, rest.get(1..))
}

/// What a git spec names behind the address.
fn reference(spec: &str) -> Option<&str> {
    let (_, reference) = spec.rsplit_once('@').or_else(|| spec.rsplit_once('#'))?;
    // `git@host:path` without a ref: what follows the `@` is an address.
    let address = reference.contains([':', '/']) && !reference.starts_with("refs/");
    (!address).then_some(reference)
}

/// The pin of a ClawHub spec, `clawhub:<name>@<version>`.
#[must_use]
pub fn clawhub(spec: &str) -> Pin {
    let (_, version) = clawhub_name(spec);
    if version.is_empty() {
        return Pin::Floating("no version: a reinstall takes the newest".to_owned());
    }
    npm_version(version.trim_start_matches('@'))
}

/// The ClawHub spec of the same name at `version`.
#[must_use]
pub fn clawhub_at(spec: &str, version: &str) -> String {
    format!("{}@{version}", clawhub_name(spec).0)
}

/// The name with its `clawhub:`, and the rest from the `@` on. A name may begin with an `@`.
fn clawhub_name(spec: &str) -> (&str, &str) {
    let word = "clawhub:";
    let start = if spec.starts_with(word) {
        word.len()
    } else {
        0
    };
    let at = spec
        .char_indices()
        .find(|(at, c)| *at > start && *c == '@')
        .map_or(spec.len(), |(at, _)| at);
    spec.split_at(at)
}

/// Whether `text` is one full version: three numbers, perhaps a pre-release and build.
#[must_use]
pub fn is_exact_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.trim() == text
        && Version::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_takes_the_place_of_a_branch() {
        let commit = "9804231f9886ad4e6cc8f7dee89ee1287fa11406";
        for (spec, repository) in [
            ("git:file:///src/plugin@v1.3.0", "git:file:///src/plugin"),
            ("git:file:///src/plugin", "git:file:///src/plugin"),
            (
                "git:https://a.example/b.git#main",
                "git:https://a.example/b.git",
            ),
            ("git:git@a.example:b/c", "git:git@a.example:b/c"),
            (
                "git:git@a.example:b/c@refs/tags/v1",
                "git:git@a.example:b/c",
            ),
        ] {
            let exact = git_at(spec, commit);
            assert_eq!(exact, format!("{repository}@{commit}"));
            assert_eq!(git(&exact), Pin::Exact);
        }
    }

    #[test]
    fn a_spec_is_a_name_and_what_is_asked_of_it() {
        for (source, spec, name, asked) in [
            (Source::Npm, "npm:@a/b@1.0.0", "@a/b", Some("1.0.0")),
            (Source::Npm, "@a/b", "@a/b", None),
            (Source::Npm, "b@", "b", Some("")),
            (Source::Npm, "", "", None),
            (
                Source::Clawhub,
                "clawhub:b@1.0.0",
                "clawhub:b",
                Some("1.0.0"),
            ),
            (
                Source::Git,
                "git:git@a.example:b/c",
                "git:git@a.example:b/c",
                None,
            ),
            (
                Source::Git,
                "git:https://a.example/b#main",
                "git:https://a.example/b",
                Some("main"),
            ),
        ] {
            assert_eq!(parts(source, spec), (name, asked), "{spec}");
        }
    }

    #[test]
    fn only_one_version_is_exact() {
        for exact in [
            "@openclaw/zalo@2026.9.5",
            "npm:zalo@1.2.3",
            "zalo@=1.2.3",
            "zalo@v1.2.3",
            "zalo@1.2.3-beta.1",
            "zalo@2026.7.1-2",
        ] {
            assert_eq!(npm(exact), Pin::Exact, "{exact}");
        }
        for floating in [
            "@openclaw/zalo",
            "zalo",
            "zalo@",
            "zalo@latest",
            "zalo@^1.2.3",
            "zalo@~1.2.3",
            "zalo@1.x",
            "zalo@1",
            "zalo@1.2",
            "zalo@*",
            "zalo@>=1.2.3",
            "zalo@1.2.3 || latest",
            "zalo@1.2.3 - 2.0.0",
            "zalo@01.2.3",
            "zalo@1.2.3.4",
            "zalo@ 1.2.3",
            "zalo@1.2.x",
            "zalo@npm:other",
            "zalo@git+https://example.org/x.git",
            "zalo@file:../x",
            "@a/b@workspace:*",
        ] {
            assert_ne!(npm(floating), Pin::Exact, "{floating}");
        }
        assert_ne!(npm(&format!("zalo@1.2.3-{}", "a".repeat(600))), Pin::Exact);
    }

    #[test]
    fn only_a_full_commit_is_exact() {
        let commit = "a".repeat(40);
        assert_eq!(
            git(&format!("git:github.com/acme/notes@{commit}")),
            Pin::Exact
        );
        assert_eq!(
            git(&format!("git:git@example.org:acme/notes.git@{commit}")),
            Pin::Exact
        );
        for floating in [
            "git:github.com/acme/notes",
            "git:github.com/acme/notes@main",
            "git:github.com/acme/notes@v1.3.0",
            "git:git@example.org:a/b.git",
            "git:github.com/acme/notes@abcdef0",
        ] {
            assert_ne!(git(floating), Pin::Exact, "{floating}");
        }
    }
}
