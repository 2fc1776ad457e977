//! Package URLs, each by where the thing came from.

use packageurl::PackageUrl;

use super::values::{MAX_TEXT, bare_address, shown, web_address};

/// The purl of a package of an npm registry; none when name or version is none that a registry takes.
pub(super) fn npm_purl(name: &str, version: Option<&str>) -> Option<String> {
    let version = version
        .filter(|version| version.len() <= MAX_TEXT && semver::Version::parse(version).is_ok())?;
    let (scope, bare) = match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .map(|(scope, bare)| (Some(scope), bare))?,
        None => (None, name),
    };
    let good = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~!'()*".contains(&b))
    };
    if name.len() > 214 || !good(bare) || scope.is_some_and(|scope| !good(scope)) {
        return None;
    }
    // The crate still lower-cases npm names, which makes `JSONStream` another package; the specification no longer does.
    let mut purl = PackageUrl::new("generic", bare).ok()?;
    purl.with_version(version).ok()?;
    if let Some(scope) = scope {
        purl.with_namespace(format!("@{scope}")).ok()?;
    }
    Some(format!(
        "pkg:npm{}",
        written(&purl).strip_prefix("pkg:generic")?
    ))
}

/// A purl as the specification writes it: the crate leaves some characters as they are that must be percent-encoded.
fn written(purl: &PackageUrl<'_>) -> String {
    let mut text = purl.to_string();
    for (plain, encoded) in [
        ('!', "%21"),
        ('\'', "%27"),
        ('(', "%28"),
        (')', "%29"),
        ('*', "%2A"),
    ] {
        text = text.replace(plain, encoded);
    }
    text
}

/// A purl of type `generic`, for what no registry vouches for.
pub(super) fn generic_purl(
    namespace: Option<&str>,
    name: &str,
    version: Option<&str>,
    qualifiers: &[(&'static str, String)],
) -> Option<String> {
    let mut purl = PackageUrl::new("generic", shown(name)).ok()?;
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        purl.with_namespace(shown(namespace)).ok()?;
    }
    if let Some(version) = version.filter(|version| !version.is_empty()) {
        purl.with_version(shown(version)).ok()?;
    }
    for (key, value) in qualifiers {
        purl.add_qualifier(*key, value.clone()).ok()?;
    }
    Some(written(&purl))
}

/// The purl of a commit in a repository: `pkg:github/…` for GitHub, else `generic` with `vcs_url`.
pub(super) fn git_purl(url: &str, commit: &str, subpath: Option<&str>) -> Option<String> {
    let commit = commit.parse::<crate::digest::GitOid>().ok()?;
    let address = web_address(url)?;
    let path = address
        .split_once("://")?
        .1
        .trim_end_matches('/')
        .trim_end_matches(".git");
    let (host, path) = path.split_once('/')?;
    let (owner, name) = path.rsplit_once('/')?;
    if host == "github.com" && !owner.contains('/') {
        let mut purl = PackageUrl::new("github", name.to_owned()).ok()?;
        purl.with_namespace(owner.to_owned()).ok()?;
        purl.with_version(commit.as_str().to_owned()).ok()?;
        if let Some(subpath) = subpath.filter(|subpath| !subpath.is_empty()) {
            purl.with_subpath(shown(subpath)).ok()?;
        }
        return Some(written(&purl));
    }
    generic_purl(
        Some(owner),
        name,
        None,
        &[("vcs_url", format!("git+{address}@{commit}"))],
    )
}

/// The purl of an installed npm package by where it came from: only what an address of a registry gave out is a `pkg:npm`. A package that
/// came in the archive of another has no address of its own, and is what the other says that it is.
pub(super) fn installed_purl(
    name: &str,
    version: Option<&str>,
    resolved: Option<&str>,
) -> Option<String> {
    let (namespace, bare) = name.rsplit_once('/').unwrap_or(("", name));
    let Some(resolved) = resolved else {
        return npm_purl(name, version);
    };
    let address = resolved.split(['?', '#']).next().unwrap_or_default();
    let web = address.starts_with("https://") || address.starts_with("http://");
    if web && is_registry_address(address, name, bare, version.unwrap_or_default()) {
        return npm_purl(name, version);
    }
    let origin = bare_address(address).filter(|_| web);
    let origin: Vec<_> = origin
        .map(|address| ("download_url", address))
        .into_iter()
        .collect();
    generic_purl(Some(namespace), bare, version, &origin)
}

/// Whether an address is that of an archive as npm's registries give them out: `…/<name>/-/<name>-<version>.tgz`, or GitHub's
/// `…/download/<name>/<version>/<hash>`.
fn is_registry_address(address: &str, name: &str, bare: &str, version: &str) -> bool {
    let address = address
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace("%40", "@");
    let usual = format!("/{name}/-/{bare}-{version}.tgz");
    let github = format!("/download/{name}/{version}/");
    address.ends_with(&usual) || address.contains(&github)
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_keep_the_scope_as_namespace() {
        assert_eq!(
            npm_purl("@openclaw/discord", Some("1.0.0")).as_deref(),
            Some("pkg:npm/%40openclaw/discord@1.0.0")
        );
        assert_eq!(
            npm_purl("JSONStream", Some("1.3.5")).as_deref(),
            Some("pkg:npm/JSONStream@1.3.5")
        );
        assert_eq!(
            npm_purl("a", Some("1.0.0+b.1")).as_deref(),
            Some("pkg:npm/a@1.0.0%2Bb.1")
        );
        assert_eq!(
            npm_purl("a(b)!'*~", Some("1.0.0")).as_deref(),
            Some("pkg:npm/a%28b%29%21%27%2A~@1.0.0")
        );
        for bad in [
            "",
            "@",
            "@/x",
            "@s",
            "@s/a/b",
            "../x",
            ".x",
            "a b",
            "a\n",
            "a@1",
            &"x".repeat(300),
        ] {
            assert_eq!(npm_purl(bad, Some("1.0.0")), None, "{bad}");
        }
        assert_eq!(npm_purl("a", Some("latest")), None);
        let commit = "a".repeat(40);
        let found = git_purl("git@github.com:acme/notes.git", &commit, Some("skills/x"));
        assert_eq!(
            found.as_deref(),
            Some(format!("pkg:github/acme/notes@{commit}#skills/x").as_str())
        );
    }

    #[test]
    fn only_addresses_of_a_registry_make_a_package_of_it() {
        let purl = |name, resolved| installed_purl(name, Some("1.0.0"), resolved);
        for resolved in [
            "https://registry.example/@acme/a/-/a-1.0.0.tgz",
            "https://registry.example/npm/@acme%2fa/-/a-1.0.0.tgz",
            "https://npm.pkg.example/download/@acme/a/1.0.0/0123abcd",
        ] {
            let expected = Some("pkg:npm/%40acme/a@1.0.0");
            assert_eq!(purl("@acme/a", Some(resolved)).as_deref(), expected);
        }
        assert_eq!(purl("a", None).as_deref(), Some("pkg:npm/a@1.0.0"));
        for (resolved, expected) in [
            ("file:../a-1.0.0.tgz", "pkg:generic/a@1.0.0"),
            ("../packages/a", "pkg:generic/a@1.0.0"),
            (
                "https://u:hunter2@cdn.example/a.tgz?token=hunter2",
                "pkg:generic/a@1.0.0?download_url=https:%2F%2Fcdn.example%2Fa.tgz",
            ),
        ] {
            let found = purl("a", Some(resolved)).expect("purl");
            let plain = |text: &str| text.replace("%2F", "/").replace("%3A", ":");
            assert_eq!(plain(&found), plain(expected));
        }
        let other = purl("a", Some("https://registry.example/b/-/b-1.0.0.tgz"));
        assert!(other.is_some_and(|purl| purl.starts_with("pkg:generic/a@1.0.0")));
    }
}
