//! Untrusted text made into values that CycloneDX accepts. What cannot be one is left out; nothing is guessed.

use std::collections::BTreeSet;

use cyclonedx_bom::external_models::spdx::{SpdxExpression, SpdxIdentifier};
use cyclonedx_bom::external_models::uri::Uri;
use cyclonedx_bom::models::license::{License, LicenseChoice, LicenseIdentifier, Licenses};
use cyclonedx_bom::prelude::NormalizedString;

use crate::text;

/// The explicit unknown, as the minimum elements for an SBOM ask for it.
pub(super) const NO_ASSERTION: &str = "NOASSERTION";

/// Characters that a name, version or property value may have; npm allows 214 for a name.
pub(super) const MAX_TEXT: usize = 256;

/// Licences that the `spdx` crate knows, and the list inside the schemas of CycloneDX 1.5 to 1.7 does not.
const NEWER_LICENSES: [&str; 20] = [
    "BSD-2-Clause-pos-unchanged",
    "BSD-3-Clause-OpenWebUI",
    "BSD-Source-Code-no-disclaimer",
    "BSD-Source-alt-GPL",
    "BSD-ask-to-endorse",
    "Brian-Gladman-3-Clause-no-conversion",
    "Bugroff",
    "CC-BY-NC-3.0-IGO",
    "FDK-MPEG-H",
    "GFDL-1.1-invariants",
    "GFDL-1.1-no-invariants",
    "GFDL-1.2-invariants",
    "GFDL-1.2-no-invariants",
    "GFDL-1.3-invariants",
    "GFDL-1.3-no-invariants",
    "Hippocratic-3.0-core",
    "Informatica",
    "MVT-1.1",
    "NOASSERTION",
    "atc-game",
];

/// Text as it may be in an SBOM: one line, nothing that acts on a terminal, at most 256 characters.
pub(super) fn shown(text: &str) -> String {
    text::excerpt(&text::visible(text.trim()), MAX_TEXT)
}

/// [`shown`], as a CycloneDX text; `NOASSERTION` for nothing.
pub(super) fn normalized(text: Option<&str>) -> NormalizedString {
    let text = text.map(shown).filter(|text| !text.is_empty());
    NormalizedString::new(text.as_deref().unwrap_or(NO_ASSERTION))
}

/// Gives every place one reference that no other has.
#[derive(Default)]
pub(super) struct Refs(BTreeSet<String>);

impl Refs {
    /// `wanted`, or a variant of it when that is taken or no good reference.
    pub(super) fn claim(&mut self, wanted: &str) -> String {
        let mut clean = text::visible(wanted).into_owned();
        if clean.len() > 1024 {
            clean = format!(
                "{}~{}",
                text::excerpt(&clean, 200),
                crate::digest::Sha256Digest::of(wanted.as_bytes()).hex()
            );
        }
        // `urn:cdx:` would make the reference a link to another BOM.
        if clean.is_empty() || clean.to_ascii_lowercase().starts_with("urn:") {
            clean.insert(0, '~');
        }
        let mut reference = clean.clone();
        let mut count = 1;
        while !self.0.insert(reference.clone()) {
            count += 1;
            reference = format!("{clean}~{count}");
        }
        reference
    }
}

/// An address that a browser can open: `https` or `http`, without user info, in the characters of RFC 3986.
///
/// Takes the forms in which npm packages write their repository: `git+https://`, `git://`, `git+ssh://git@…`, `git@host:path`,
/// `github:owner/name`, `owner/name`.
pub(super) fn web_address(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 2048 {
        return None;
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let scheme = scheme
                .strip_prefix("git+")
                .unwrap_or(scheme)
                .to_ascii_lowercase();
            match scheme.as_str() {
                "http" => ("http", rest.to_owned()),
                "https" | "git" | "ssh" => ("https", rest.to_owned()),
                _ => return None,
            }
        }
        None => ("https", short_form(text)?),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let (host, path) = match host.split_once(':') {
        // `ssh://git@host:owner/name` is no port.
        Some((host, port)) if !port.is_empty() && !port.bytes().all(|b| b.is_ascii_digit()) => {
            (host.to_owned(), format!("/{port}{path}"))
        }
        _ => (host, path.to_owned()),
    };
    let name = host.split(':').next().unwrap_or_default();
    let good = (name.contains('.') || name == "localhost")
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    if !good || name.starts_with(['.', '-']) || name.ends_with(['.', '-']) {
        return None;
    }
    let address = format!("{scheme}://{host}{path}");
    let plain = address
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&b));
    let one_fragment = address.matches('#').count() <= 1;
    (plain && one_fragment && good_escapes(&address) && Uri::try_from(address.clone()).is_ok())
        .then_some(address)
}

/// `host/path` for the forms without a scheme.
fn short_form(text: &str) -> Option<String> {
    for (prefix, host) in [
        ("github:", "github.com"),
        ("gitlab:", "gitlab.com"),
        ("bitbucket:", "bitbucket.org"),
    ] {
        if let Some(path) = text.strip_prefix(prefix) {
            return Some(format!("{host}/{path}"));
        }
    }
    if let Some((user_host, path)) = text.split_once(':') {
        return user_host
            .starts_with("git@")
            .then(|| format!("{}/{}", user_host.trim_start_matches("git@"), path));
    }
    let parts: Vec<&str> = text.split('/').collect();
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    let npm_short =
        parts.len() == 2 && parts.iter().all(|part| word(part)) && !text.starts_with('.');
    npm_short.then(|| format!("github.com/{text}"))
}

fn good_escapes(address: &str) -> bool {
    address.match_indices('%').all(|(at, _)| {
        address
            .as_bytes()
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// The address without query and fragment, for what may carry a secret there.
pub(super) fn bare_address(text: &str) -> Option<String> {
    let address = web_address(text)?;
    Some(
        address
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    )
}

/// The address without query, and without a fragment that is more than a heading of the page: what a package says of itself may hold a
/// token there.
pub(super) fn page_address(text: &str) -> Option<String> {
    let bare = bare_address(text)?;
    let heading = |fragment: &str| {
        let letters = |b: u8| b.is_ascii_alphabetic() || b == b'-' || b == b'_';
        fragment.len() <= 40 && !fragment.is_empty() && fragment.bytes().all(letters)
    };
    let fragment = text.trim().split_once('#').map(|(_, fragment)| fragment);
    Some(match fragment.filter(|fragment| heading(fragment)) {
        Some(fragment) => format!("{bare}#{fragment}"),
        None => bare,
    })
}

/// What a dependency asks for, without the secrets that an address may carry, and without places on this machine.
pub(super) fn spec(text: &str) -> String {
    let local = ["file:", "link:", "/", "~/", ".", "\\"]
        .iter()
        .any(|start| text.starts_with(start));
    match text {
        _ if local => "file:***".to_owned(),
        _ if text.contains("://") => bare_address(text).unwrap_or_else(|| "***".to_owned()),
        _ if text.contains('@') && text.contains(':') && !text.starts_with("npm:") => {
            "***".to_owned()
        }
        _ => text.to_owned(),
    }
}

/// An e-mail address in the plain form that every validator takes.
pub(super) fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && local.split('.').all(|part| !part.is_empty())
        && local
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(&b));
    let domain_ok = domain.contains('.')
        && domain.len() <= 253
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
        && domain
            .rsplit('.')
            .next()
            .is_some_and(|top| top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic()));
    (local_ok && domain_ok).then(|| text.to_owned())
}

/// What a package declares as its licence: an SPDX id, an SPDX expression, or the text as a name; `NOASSERTION` for nothing.
pub(super) fn licenses(declared: &[String]) -> Licenses {
    let texts: Vec<String> = declared
        .iter()
        .map(|text| shown(text))
        .filter(|text| !text.is_empty())
        .collect();
    if let [one] = texts.as_slice()
        && one != NO_ASSERTION
        && license_id(one).is_none()
        && spdx::Expression::parse(one).is_ok()
        && let Ok(expression) = SpdxExpression::try_from(one.clone())
    {
        return Licenses(vec![LicenseChoice::Expression(expression)]);
    }
    let mut licenses: Vec<LicenseChoice> = texts.iter().map(|text| one_license(text)).collect();
    if licenses.is_empty() {
        licenses.push(one_license(NO_ASSERTION));
    }
    licenses.dedup();
    Licenses(licenses)
}

fn license_id(text: &str) -> Option<SpdxIdentifier> {
    // The crate also finds `MIT+`, which is no id.
    spdx::license_id(text).filter(|id| id.name == text && !NEWER_LICENSES.contains(&text))?;
    SpdxIdentifier::try_from(text.to_owned()).ok()
}

fn one_license(text: &str) -> LicenseChoice {
    let identifier = match license_id(text) {
        Some(id) => LicenseIdentifier::SpdxId(id),
        None => LicenseIdentifier::Name(NormalizedString::new(text)),
    };
    LicenseChoice::License(License {
        bom_ref: None,
        license_identifier: identifier,
        text: None,
        url: None,
        licensing: None,
        properties: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lose_what_may_be_a_token() {
        for (text, address) in [
            (
                "https://example.org/a#readme",
                "https://example.org/a#readme",
            ),
            (
                "https://example.org/a?token=hunter2#x1",
                "https://example.org/a",
            ),
            ("https://u:hunter2@example.org/a", "https://example.org/a"),
            (
                "https://example.org/a#access_token=hunter2",
                "https://example.org/a",
            ),
        ] {
            assert_eq!(page_address(text).as_deref(), Some(address));
        }
    }

    #[test]
    fn addresses_lose_user_info_and_odd_forms() {
        for (text, address) in [
            (
                "git+https://github.com/a/b.git",
                Some("https://github.com/a/b.git"),
            ),
            ("git@github.com:a/b", Some("https://github.com/a/b")),
            (
                "git+ssh://git@github.com/a/b.git",
                Some("https://github.com/a/b.git"),
            ),
            (
                "ssh://git@github.com:a/b.git",
                Some("https://github.com/a/b.git"),
            ),
            ("a/b", Some("https://github.com/a/b")),
            ("github:a/b", Some("https://github.com/a/b")),
            (
                "https://user:secret@example.org:8443/x?y#z",
                Some("https://example.org:8443/x?y#z"),
            ),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("https://exa mple.org", None),
            ("https://example.org/a%2", None),
            ("https://example.org/\u{202e}", None),
            ("https://", None),
            ("https://[::1]/", None),
            ("http://localhost:3000/x", Some("http://localhost:3000/x")),
            ("http://intranet/x", None),
            ("../x", None),
        ] {
            assert_eq!(web_address(text).as_deref(), address, "{text}");
        }
        assert_eq!(
            bare_address("https://u:p@example.org/mcp?token=x#y").as_deref(),
            Some("https://example.org/mcp")
        );
    }

    #[test]
    fn emails_are_plain_or_left_out() {
        assert!(email("ada@example.org").is_some());
        for bad in [
            "@",
            "a@b",
            "a b@example.org",
            "a..b@example.org",
            "a@-x.org",
            "ä@example.org",
            "a@example.o",
            "a@b@c.org",
        ] {
            assert_eq!(email(bad), None, "{bad}");
        }
    }

    #[test]
    fn licenses_are_checked_against_spdx() {
        let kind = |text: &str| match licenses(&[text.to_owned()]).0.remove(0) {
            LicenseChoice::Expression(_) => "expression",
            LicenseChoice::License(license) => match license.license_identifier {
                LicenseIdentifier::SpdxId(_) => "id",
                LicenseIdentifier::Name(_) => "name",
            },
        };
        for (text, wanted) in [
            ("MIT", "id"),
            ("MIT OR Apache-2.0", "expression"),
            ("Informatica", "expression"),
            ("MIT OR Apache", "name"),
            ("mit", "name"),
            ("NOASSERTION", "name"),
            ("SEE LICENSE IN LICENSE", "name"),
            ("\u{1b}[31m", "name"),
        ] {
            assert_eq!(kind(text), wanted, "{text}");
        }
        assert_ne!(kind("MIT+"), "id");
        let nested = format!("{}MIT{}", "(".repeat(500_000), ")".repeat(500_000));
        assert_eq!(kind(&nested), "name");
        assert_eq!(kind(""), "name");
    }

    #[test]
    fn references_are_unique_and_clean() {
        let mut refs = Refs::default();
        assert_eq!(refs.claim("a"), "a");
        assert_eq!(refs.claim("a"), "a~2");
        assert_eq!(refs.claim(""), "~");
        assert_eq!(refs.claim("urn:cdx:x"), "~urn:cdx:x");
        assert_eq!(refs.claim("a\nb"), "a\\u{a}b");
        assert!(refs.claim(&"x".repeat(1 << 20)).len() < 300);
    }
}
