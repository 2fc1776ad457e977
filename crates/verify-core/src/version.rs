//! The order of versions: OpenClaw's own where both have its form, otherwise Semantic Versioning.
//!
//! OpenClaw writes `YYYY.M.PATCH`, and `YYYY.M.PATCH-N` for a correction that is *newer*; Semantic Versioning would call it a
//! pre-release and older. `-alpha.N` and `-beta.N` are older, as everywhere. Rule: openclaw, `src/infra/npm-registry-spec.ts`.

use std::cmp::Ordering;

/// A version of OpenClaw's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenClawVersion {
    year: u64,
    month: u64,
    patch: u64,
    channel: Channel,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Channel {
    Alpha,
    Beta,
    Stable,
}

impl OpenClawVersion {
    /// Reads `YYYY.M.PATCH`, with `-N`, `-beta.N` or `-alpha.N` after it. No leading zeros, no leading `v`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (base, suffix) = text
            .split_once('-')
            .map_or((text, None), |(base, suffix)| (base, Some(suffix)));
        let mut parts = base.split('.');
        let (year, month, patch) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some()
            || year.len() != 4
            || !year.bytes().all(|byte| byte.is_ascii_digit())
            || month.len() > 2
        {
            return None;
        }
        let (channel, number) = match suffix {
            None => (Channel::Stable, 0),
            Some(suffix) => match suffix.split_once('.') {
                Some(("alpha", number)) => (Channel::Alpha, positive(number)?),
                Some(("beta", number)) => (Channel::Beta, positive(number)?),
                _ => (Channel::Stable, positive(suffix)?),
            },
        };
        Some(Self {
            year: year.parse().ok()?,
            month: positive(month)?,
            patch: positive(patch)?,
            channel,
            number,
        })
    }
}

/// Compares two versions, each with or without a leading `v`. `None` when they have no common order.
#[must_use]
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (
        a.strip_prefix('v').unwrap_or(a),
        b.strip_prefix('v').unwrap_or(b),
    );
    if let (Some(a), Some(b)) = (OpenClawVersion::parse(a), OpenClawVersion::parse(b)) {
        return Some(a.cmp(&b));
    }
    let (a, b) = (
        semver::Version::parse(a).ok()?,
        semver::Version::parse(b).ok()?,
    );
    Some(a.cmp_precedence(&b))
}

/// Compares the versions in two tag names of one series: what stands before the version must be the same in both, as in
/// `v1.0.0`, `release/1.0.0` or `plugin@1.0.0`. `None` when they have no common order.
#[must_use]
pub fn compare_tags(a: &str, b: &str) -> Option<Ordering> {
    // The version begins after the longest beginning without a digit, or, for names that hold digits, after a separator.
    let series = |tag: &str| {
        let starts = tag.char_indices().filter(|(at, c)| {
            c.is_ascii_digit() && !tag[..*at].ends_with(|c: char| c.is_ascii_digit())
        });
        starts.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let (in_a, in_b) = (series(a), series(b));
    in_a.into_iter()
        .filter(|at| in_b.contains(at) && a.get(..*at) == b.get(..*at))
        .find_map(|at| compare(&a[at..], &b[at..]))
}

fn positive(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_newer_and_betas_older() {
        let order = [
            "2026.6.34",
            "2026.7.1-alpha.9",
            "2026.7.1-beta.1",
            "2026.7.1-beta.10",
            "2026.7.1",
            "2026.7.1-1",
            "2026.7.1-2",
            "2026.7.2",
            "2026.10.1",
        ];
        for (at, a) in order.iter().enumerate() {
            for (bt, b) in order.iter().enumerate() {
                assert_eq!(compare(a, b), Some(at.cmp(&bt)), "{a} {b}");
                assert_eq!(
                    compare_tags(&format!("v{a}"), &format!("v{b}")),
                    Some(at.cmp(&bt)),
                    "{a} {b}"
                );
            }
        }
    }

    #[test]
    fn other_versions_follow_semver() {
        assert_eq!(compare("1.0.0-1", "v1.0.0"), Some(Ordering::Less));
        assert_eq!(compare("1.0.0+a", "1.0.0+b"), Some(Ordering::Equal));
        assert_eq!(compare("2026.07.1", "2026.7.1"), None);
        assert_eq!(compare("nightly", "1.0.0"), None);
        for text in [
            "2026.7",
            "2026.0.1",
            "2026.7.1-0",
            "2026.7.1-beta",
            "2026.7.1-rc.1",
            "26.7.1",
            "2026.7.1-beta.01",
            "2026.7.+1",
        ] {
            assert_eq!(OpenClawVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn tags_compare_within_their_series() {
        assert_eq!(
            compare_tags("plugin@1.2.0", "plugin@1.10.0"),
            Some(Ordering::Less)
        );
        assert_eq!(
            compare_tags("a2-v1.2.0", "a2-v1.1.0"),
            Some(Ordering::Greater)
        );
        assert_eq!(compare_tags("a-v1.2.0", "b-v1.1.0"), None);
        assert_eq!(compare_tags("v1.2.0", "1.1.0"), None);
        assert_eq!(compare_tags("latest", "v1.0.0"), None);
    }
}
