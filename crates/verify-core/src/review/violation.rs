//! Which versions a violation is about.

use std::cmp::Ordering;

use js_semver::{Range, Version};

use crate::version;

/// `versions` of a violation: `"*"`, an npm range, or a list of versions.
///
/// Whatever cannot be compared is in: a version is text that an attacker may write, so it must never be a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    written: Written,
    /// Any of these sets, of which all comparators have to hold. Only for a range.
    sets: Vec<Vec<Comparator>>,
}

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// `"*"` or a range.
    Range(String),
    /// A list.
    List(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparator {
    operator: &'static str,
    version: Version,
}

impl Versions {
    /// All versions.
    #[must_use]
    pub fn all() -> Self {
        Self {
            written: Written::Range("*".to_owned()),
            sets: vec![Vec::new()],
        }
    }

    /// The versions of an npm range; none when the text is no range.
    #[must_use]
    pub fn range(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return None;
        }
        // A parsed range prints as plain comparators. They are applied by order alone, so that a prerelease of an affected version is
        // affected too, where npm would leave it out.
        let normal = Range::parse(text).ok()?.to_string();
        let sets = normal.split("||").map(|set| {
            set.split_whitespace()
                .filter(|c| *c != "*")
                .map(Comparator::parse)
                .collect()
        });
        Some(Self {
            written: Written::Range(text.to_owned()),
            sets: sets.collect::<Option<_>>()?,
        })
    }

    /// These versions; none when the list is empty.
    #[must_use]
    pub fn list(versions: Vec<String>) -> Option<Self> {
        (!versions.is_empty()).then_some(Self {
            written: Written::List(versions),
            sets: Vec::new(),
        })
    }

    /// Whether an installed version is one of them. Without a version that can be compared: yes.
    #[must_use]
    pub fn contain(&self, version: Option<&str>) -> bool {
        let Some(text) = version else { return true };
        let Ok(installed) = Version::parse(text) else {
            return true;
        };
        match &self.written {
            // `2026.9.5-1` is newer than `2026.9.5` at OpenClaw's, and older elsewhere: what either order calls affected, is.
            Written::Range(_) => self.sets.iter().any(|set| {
                set.iter().all(|c| c.holds(installed.cmp(&c.version)))
                    || set.iter().all(|c| {
                        version::compare(text, &c.version.to_string())
                            .is_some_and(|order| c.holds(order))
                    })
            }),
            Written::List(list) => list.iter().any(|listed| match Version::parse(listed) {
                Ok(listed) => listed == installed,
                Err(_) => listed == text,
            }),
        }
    }

    /// Whether any of the versions that are claimed is one of them. Where none is claimed: yes.
    #[must_use]
    pub fn contain_any(&self, versions: &[&str]) -> bool {
        versions.is_empty() || versions.iter().any(|version| self.contain(Some(version)))
    }

    pub(super) fn written(&self) -> &Written {
        &self.written
    }
}

impl Comparator {
    fn parse(text: &str) -> Option<Self> {
        let operator = ["<=", ">=", "<", ">", "="]
            .into_iter()
            .find(|op| text.starts_with(op));
        let version = Version::parse(text.get(operator.map_or(0, str::len)..)?).ok()?;
        Some(Self {
            operator: operator.unwrap_or("="),
            version,
        })
    }

    fn holds(&self, order: Ordering) -> bool {
        match self.operator {
            "<=" => order.is_le(),
            ">=" => order.is_ge(),
            "<" => order.is_lt(),
            ">" => order.is_gt(),
            _ => order.is_eq(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_by_order_and_doubt_is_in() {
        let holds = |range: &str, version| Versions::range(range).expect("range").contain(version);
        assert!(holds("*", Some("1.0.0")) && holds("*", None));
        assert!(holds("^1.2.0", Some("1.9.0")) && !holds("^1.2.0", Some("2.0.0")));
        assert!(holds("<1.2.3", Some("1.2.3-beta.1")) && !holds("<1.2.3", Some("1.2.3")));
        assert!(
            holds("1.0.0 || >=3", Some("4.0.0"))
                && holds("1.0.0", Some("1.0.0"))
                && !holds("1.0.0", Some("1.0.1"))
        );
        assert!(
            holds("<1.0.0", None)
                && holds("<1.0.0", Some("9.9"))
                && holds("<1.0.0", Some("01.0.0"))
        );
        // OpenClaw's corrections, by its own order and by everybody else's.
        assert!(holds("<2026.9.6-1", Some("2026.9.6")) && holds("<=2026.9.5-1", Some("2026.9.5")));
        assert!(holds(">=2026.9.5", Some("2026.9.5-1")) && holds("<2026.9.5", Some("2026.9.5-1")));
        assert!(
            !holds("<2026.9.6-1", Some("2026.9.7")) && !holds("<2026.9.5-1", Some("2026.9.5-2"))
        );
        assert_eq!(Versions::range(""), None);
        assert_eq!(Versions::range("latest"), None);
    }

    #[test]
    fn lists_are_compared_as_versions() {
        let list = Versions::list(vec![
            "1.0.0".to_owned(),
            "v1.1.0".to_owned(),
            "odd".to_owned(),
        ])
        .expect("list");
        assert!(
            list.contain(Some("1.0.0"))
                && list.contain(Some("1.0.0+x"))
                && list.contain(Some("1.1.0"))
        );
        assert!(!list.contain(Some("1.2.0")));
        assert!(list.contain(Some("odd")) && list.contain(None));
        assert_eq!(Versions::list(Vec::new()), None);
    }
}
