//! The orders of versions that an advisory can be read in: npm's, and OpenClaw's own for its own packages.

use std::cmp::Ordering;

use js_semver::Version;

use crate::spec::plain_version;
use crate::version::OpenClawVersion;

/// Which order decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orders {
    /// Semantic Versioning as npm reads it.
    Npm,
    /// OpenClaw's: `-N` after a version is a correction, and newer. Versions of other forms as npm orders them.
    OpenClaw,
}

/// Whether OpenClaw numbers the versions of this package, so that `-N` is no pre-release.
#[must_use]
pub fn is_openclaw(name: &str) -> bool {
    name == "openclaw" || name == "clawdbot" || name.starts_with("@openclaw/")
}

/// A version that is compared with others.
#[derive(Clone, Debug)]
pub(super) struct Ordered {
    npm: Version,
    openclaw: Option<OpenClawVersion>,
}

impl Ordered {
    /// Reads `text` as npm does, with `v` or `=` before it; missing parts are zero, as in other readers of OSV ranges. `None` when
    /// it has no place in the order.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = plain_version(text);
        let npm = Version::parse(plain).ok().or_else(|| padded(plain))?;
        Some(Self {
            npm,
            openclaw: OpenClawVersion::parse(plain),
        })
    }

    pub(super) fn compare(&self, other: &Self, orders: Orders) -> Ordering {
        if orders == Orders::OpenClaw
            && let (Some(a), Some(b)) = (&self.openclaw, &other.openclaw)
        {
            return a.cmp(b);
        }
        self.npm.cmp(&other.npm)
    }
}

/// `1` and `1.2`, also with a pre-release, as `1.0.0` and `1.2.0`.
fn padded(text: &str) -> Option<Version> {
    let (core, pre) = match text.split_once('-') {
        Some((core, pre)) => (core, format!("-{pre}")),
        None => (text, String::new()),
    };
    let parts: Vec<&str> = core.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() > 2 || !parts.iter().all(digits) {
        return None;
    }
    let zeros = ".0".repeat(3 - parts.len());
    Version::parse(&format!("{core}{zeros}{pre}")).ok()
}
