//! Which versions a violation is about.

use std::cmp::Ordering;

use js_semver::{Range, Version};
use serde_json::{Value, json};

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

    /// A range as the events of OSV, one list for each of its sets: what begins after a version begins at the next one that there can be.
    pub(super) fn events(&self) -> Vec<Vec<Value>> {
        self.sets.iter().filter_map(|set| events(set)).collect()
    }

    pub(super) fn written(&self) -> &Written {
        &self.written
    }
}

/// The events of one set; none where nothing can be in it.
fn events(set: &[Comparator]) -> Option<Vec<Value>> {
    let (mut from, mut to): (Option<Version>, Option<&Comparator>) = (None, None);
    for comparator in set {
        let first = match comparator.operator {
            ">" => Some(next(&comparator.version)?),
            ">=" | "=" => Some(comparator.version.clone()),
            _ => None,
        };
        if let Some(first) = first
            && from.as_ref().is_none_or(|from| first > *from)
        {
            from = Some(first);
        }
        let ends = matches!(comparator.operator, "<" | "<=" | "=");
        // Of two ends at one version the one that leaves it out is the nearer.
        let nearer = to.is_none_or(|to| {
            let order = comparator.version.cmp(&to.version);
            order
                .then_with(|| (to.operator == "<").cmp(&(comparator.operator == "<")))
                .is_lt()
        });
        if ends && nearer {
            to = Some(comparator);
        }
    }
    let start = from
        .as_ref()
        .map_or_else(|| "0".to_owned(), ToString::to_string);
    let mut events = vec![json!({ "introduced": start })];
    if let Some(to) = to {
        let key = if to.operator == "<" {
            "fixed"
        } else {
            "last_affected"
        };
        events.push(json!({ key: to.version.to_string() }));
    }
    Some(events)
}

/// The next version that there can be: between `1.2.3` and `1.2.4-0`, and between `1.2.3-a` and `1.2.3-a.0`, there is none.
fn next(version: &Version) -> Option<Version> {
    let text = version.to_string();
    let text = text.split('+').next()?;
    let next = match text.split_once('-') {
        Some(_) => format!("{text}.0"),
        None => {
            let (before, patch) = text.rsplit_once('.')?;
            format!("{before}.{}-0", patch.parse::<u64>().ok()?.checked_add(1)?)
        }
    };
    Version::parse(&next).ok()
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
    fn ranges_become_events() {
        let events = |range: &str| {
            let range = Versions::range(range).expect("range");
            Value::from(
                range
                    .events()
                    .into_iter()
                    .map(Value::from)
                    .collect::<Vec<_>>(),
            )
            .to_string()
        };
        for (range, wanted) in [
            ("*", r#"[[{"introduced":"0"}]]"#),
            (
                "<=1.2.3",
                r#"[[{"introduced":"0"},{"last_affected":"1.2.3"}]]"#,
            ),
            (
                "1.2.3",
                r#"[[{"introduced":"1.2.3"},{"last_affected":"1.2.3"}]]"#,
            ),
            (">1.2.3", r#"[[{"introduced":"1.2.4-0"}]]"#),
            (
                ">1.2.3-a <2.0.0",
                r#"[[{"introduced":"1.2.3-a.0"},{"fixed":"2.0.0"}]]"#,
            ),
            (
                "<2.0.0 <=2.0.0 >=1.0.0 >=1.1.0",
                r#"[[{"introduced":"1.1.0"},{"fixed":"2.0.0"}]]"#,
            ),
            (
                "1.0.0 || >=3",
                r#"[[{"introduced":"1.0.0"},{"last_affected":"1.0.0"}],[{"introduced":"3.0.0"}]]"#,
            ),
        ] {
            assert_eq!(events(range), wanted, "{range}");
        }
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
