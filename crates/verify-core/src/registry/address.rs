//! The address of a registry, and of what it holds.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::npm::is_package_name;
use crate::text;

/// The base address of a registry: `https://host/path/`, with `/` at its end, without user, query or fragment.
///
/// Plain `http` is accepted, because what counts is signed or compared by digest; credentials are then sent only to this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry(Url);

/// Why a text is no address of a registry. Never repeats the text: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddress {
    /// It cannot be read.
    #[error("it is no address such as https://registry.example/")]
    Malformed,
    /// It does not start with `https:` or `http:`.
    #[error("it must start with https:// or http://")]
    Scheme,
    /// It holds a user or a password.
    #[error("it holds a user name or password; put credentials into .npmrc, for their host")]
    Credentials,
    /// It has a query or a fragment.
    #[error("it must not have a `?` or `#` part")]
    Extra,
}

impl FromStr for Registry {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let mut url = Url::parse(text.trim()).map_err(|_| BadAddress::Malformed)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(BadAddress::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadAddress::Extra);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(BadAddress::Malformed);
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::visible(self.0.as_str()))
    }
}

impl Registry {
    /// The address of all that is known of a package; none for a name that npm would not accept either.
    pub(super) fn package(&self, name: &str) -> Option<Url> {
        if !is_package_name(name) {
            return None;
        }
        // A scope's slash is part of the name, not of the path.
        self.0.join(&format!("./{}", name.replace('/', "%2f"))).ok()
    }

    /// The address of an archive that the registry names `stated`: as stated on the same host, or on one of `hosts`; else the same
    /// path here. A registry cannot send the reader elsewhere.
    pub(super) fn archive(&self, stated: &str, hosts: &[String]) -> Option<Url> {
        let url = Url::parse(stated).ok()?;
        if !matches!(url.scheme(), "https" | "http")
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return None;
        }
        let downgrade = self.0.scheme() == "https" && url.scheme() == "http";
        if !downgrade && (same_host(&url, &self.0) || listed(&url, hosts)) {
            return Some(url);
        }
        let mut here = self.0.clone();
        here.set_path(url.path());
        here.set_query(url.query());
        Some(here)
    }

    /// The address of attestations that the registry names `stated`: only its path counts, below this address.
    pub(super) fn attestations(&self, stated: &str) -> Option<Url> {
        let stated = Url::parse(stated).ok()?;
        let base = self.0.path().trim_end_matches('/');
        let mut url = self.0.clone();
        let path = stated.path();
        let path = if base.is_empty() || path.starts_with(&format!("{base}/")) {
            path.to_owned()
        } else {
            format!("{base}{path}")
        };
        url.set_path(&path);
        Some(url)
    }
}

/// Whether two addresses have the same host and port.
pub(super) fn same_host(a: &Url, b: &Url) -> bool {
    a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

/// Whether the host of `url` is one that the caller listed (`host` or `host:port`).
pub(super) fn listed(url: &Url, hosts: &[String]) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    hosts.iter().any(|listed| match url.port() {
        Some(port) => *listed == format!("{host}:{port}"),
        None => listed == host,
    })
}

/// Whether `url` leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let ok = |text: &str| text.parse::<Registry>().map(|r| r.to_string());
        assert_eq!(
            ok("https://registry.example"),
            Ok("https://registry.example/".to_owned())
        );
        assert_eq!(
            ok("https://registry.example/npm"),
            Ok("https://registry.example/npm/".to_owned())
        );
        assert_eq!(ok("registry.example"), Err(BadAddress::Malformed));
        assert_eq!(ok("file:///etc/passwd"), Err(BadAddress::Scheme));
        assert_eq!(
            ok("https://ada:secret@registry.example/"),
            Err(BadAddress::Credentials)
        );
        assert_eq!(ok("https://registry.example/?a=b"), Err(BadAddress::Extra));
    }

    #[test]
    fn a_name_cannot_leave_the_registry() {
        let registry: Registry = "https://registry.example/npm/".parse().expect("address");
        let of = |name: &str| registry.package(name).map(|u| u.to_string());
        assert_eq!(
            of("@acme/notes").as_deref(),
            Some("https://registry.example/npm/@acme%2fnotes")
        );
        assert_eq!(
            of("notes").as_deref(),
            Some("https://registry.example/npm/notes")
        );
        for bad in [
            "",
            "../x",
            "..",
            "a/b",
            "@a/b/c",
            "@/x",
            "a?b",
            "a#b",
            "a%2fb",
            "//evil.example/x",
            "a b",
            "@a/..",
            &"x".repeat(300),
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_registry_cannot_send_the_reader_elsewhere() {
        let registry: Registry = "https://registry.example/npm/".parse().expect("address");
        let archive = |stated: &str| {
            registry
                .archive(stated, &["cdn.example".to_owned()])
                .map(|u| u.to_string())
        };
        assert_eq!(
            archive("https://registry.example/npm/a/-/a-1.0.0.tgz").as_deref(),
            Some("https://registry.example/npm/a/-/a-1.0.0.tgz")
        );
        assert_eq!(
            archive("https://cdn.example/a.tgz").as_deref(),
            Some("https://cdn.example/a.tgz")
        );
        assert_eq!(
            archive("http://cdn.example/a.tgz").as_deref(),
            Some("https://registry.example/a.tgz")
        );
        assert_eq!(
            archive("https://cdn.example:8443/a.tgz").as_deref(),
            Some("https://registry.example/a.tgz")
        );
        assert_eq!(
            archive("https://evil.example/a.tgz").as_deref(),
            Some("https://registry.example/a.tgz")
        );
        assert_eq!(archive("https://registry.example@evil.example/a.tgz"), None);
        assert_eq!(archive("file:///etc/passwd"), None);
        let attestations = |stated: &str| registry.attestations(stated).map(|u| u.to_string());
        let expected =
            Some("https://registry.example/npm/-/npm/v1/attestations/a@1.0.0".to_owned());
        assert_eq!(
            attestations("https://evil.example/-/npm/v1/attestations/a@1.0.0"),
            expected
        );
        assert_eq!(
            attestations("https://registry.example/npm/-/npm/v1/attestations/a@1.0.0"),
            expected
        );
    }
}
