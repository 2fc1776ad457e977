//! What OpenClaw also opens, and no digest holds: the entries of `notCovered` that every report has, as data.
//!
//! The table names each place by a pattern below a root. The trace of a real gateway (scripts/trace) sorts what was opened by the
//! same lines, so a place that the report does not name is found there.

/// Something that OpenClaw loads and that is not judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct NotCovered {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
    /// Whose it is.
    pub group: NotCoveredGroup,
    /// Patterns of its places, below a named root: `<state>/logs/**`. None where it is no place of a known name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub places: Vec<String>,
}

impl NotCovered {
    pub(crate) fn new(
        group: NotCoveredGroup,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            group,
            places: Vec::new(),
        }
    }
}

/// Whose the things are that are not judged. The order is that in which a person wants to know of them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NotCoveredGroup {
    /// It could not be looked at in this run.
    NotSeen,
    /// Programs, packages and skills that come from elsewhere when they are used.
    Elsewhere,
    /// OpenClaw writes it as it runs.
    Openclaw,
    /// Agents write it or work in it.
    Agents,
    /// The user's own settings and tools.
    User,
    /// The system's, and Node.
    System,
}

impl NotCoveredGroup {
    /// The group that a line of the table names.
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "elsewhere" => Self::Elsewhere,
            "openclaw" => Self::Openclaw,
            "agents" => Self::Agents,
            "user" => Self::User,
            "system" => Self::System,
            _ => return None,
        })
    }
}

const TABLE: &str = include_str!("tables/not-covered.tsv");

/// What every installation has, and no digest holds. docs/coverage.md has the whole list with who reads what.
pub(super) fn always() -> Vec<NotCovered> {
    let mut entries: Vec<NotCovered> = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        match (fields.next(), fields.next(), entries.last_mut()) {
            (Some(""), Some(place), Some(entry)) => entry.places.push(place.to_owned()),
            (Some(what), Some(why), _) => {
                // A test holds every line of the table to a group.
                let group = fields.next().and_then(NotCoveredGroup::parse);
                let group = group.unwrap_or(NotCoveredGroup::Elsewhere);
                entries.push(NotCovered::new(group, what, why));
            }
            _ => {}
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Endings of what is run, sourced or imported. A place without a reason matches none of them.
    const CODE: [&str; 11] = [
        "js", "mjs", "cjs", "ts", "mts", "cts", "node", "wasm", "so", "sh", "py",
    ];

    /// One place of the table.
    struct Row {
        place: &'static str,
        must: &'static str,
        must_not: Vec<&'static str>,
        reason: Option<&'static str>,
        trace: &'static str,
    }

    impl Row {
        fn all() -> Vec<Self> {
            let lines = TABLE.lines().filter(|line| line.starts_with('\t'));
            lines
                .map(|line| {
                    let fields: Vec<&str> = line.split('\t').skip(1).collect();
                    let [place, must, must_not, reason, trace] = fields[..] else {
                        panic!("not five fields: {line}");
                    };
                    Self {
                        place,
                        must,
                        must_not: must_not.split(' ').collect(),
                        reason: Some(reason).filter(|reason| *reason != "-"),
                        trace,
                    }
                })
                .collect()
        }

        /// Whether it matches `path`, which begins with the name of a root.
        fn matches(&self, path: &str) -> bool {
            let is_code = CODE.iter().any(|end| {
                path.rsplit('/')
                    .next()
                    .is_some_and(|name| name.ends_with(&format!(".{end}")))
            });
            (self.reason.is_some() || !is_code)
                && names(
                    &self.place.split('/').collect::<Vec<_>>(),
                    &path.split('/').collect::<Vec<_>>(),
                )
        }
    }

    fn names(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            (["**"], path) => !path.is_empty(),
            ([], []) => true,
            ([first, pattern @ ..], [name, path @ ..]) => part(first, name) && names(pattern, path),
            _ => false,
        }
    }

    /// One name, where `*` is any part of it.
    fn part(pattern: &str, name: &str) -> bool {
        match pattern.split_once('*') {
            None => pattern == name,
            Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
                (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| part(after, rest)))
            }),
        }
    }

    /// A home as on a real machine, where one root lies in another.
    fn roots(folder: &Path) -> [(&'static str, PathBuf); 7] {
        let home = folder.join("home/user");
        let state = home.join(".openclaw");
        [
            ("<agent>", state.join("agents/main/agent")),
            ("<workspace>", state.join("workspace")),
            ("<state>", state),
            ("<home>", home),
            ("<tmp>", folder.join("tmp")),
            ("<node>", folder.join("node")),
            ("<system>", folder.join("system")),
        ]
    }

    fn real(roots: &[(&str, PathBuf)], path: &str) -> PathBuf {
        let (root, rest) = path.split_once('/').expect("a path below a root");
        let named = roots.iter().find(|(name, _)| *name == root);
        named.expect("a known root").1.join(rest)
    }

    /// The places that match a file, whatever root it is seen from.
    fn matching(rows: &[Row], roots: &[(&str, PathBuf)], file: &Path) -> BTreeSet<&'static str> {
        let seen = roots.iter().filter_map(|(root, folder)| {
            let rest = file.strip_prefix(folder).ok()?;
            Some(format!("{root}/{}", rest.to_str().expect("text")))
        });
        seen.flat_map(|path| rows.iter().filter(move |row| row.matches(&path)))
            .map(|row| row.place)
            .collect()
    }

    #[test]
    fn what_is_planted_is_matched_where_it_must_be_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("temp dir");
        let roots = roots(folder.path());
        let rows = Row::all();
        for row in &rows {
            for path in row.must_not.iter().chain([&row.must]) {
                // Several rows plant neighbours of each other: each is planted alone.
                let file = real(&roots, path);
                fs::create_dir_all(file.parent().expect("parent")).expect("folder");
                fs::write(&file, "").expect("file");
                let found = matching(&rows, &roots, &file);
                if *path == row.must {
                    assert!(found.contains(row.place), "{} lacks {path}", row.place);
                } else {
                    assert_eq!(found, BTreeSet::new(), "{path} of {}", row.place);
                }
                fs::remove_dir_all(folder.path()).expect("removed");
            }
        }
    }

    #[test]
    fn every_place_is_anchored_bounded_and_explained() {
        let roots = roots(Path::new("/"));
        for row in Row::all() {
            let place = row.place;
            let (root, rest) = place.split_once('/').expect("a root");
            assert!(roots.iter().any(|(name, _)| *name == root), "{place}");
            let first = rest.split('/').next().unwrap_or_default();
            assert!(first.contains(char::is_alphanumeric), "{place}: a root");
            let deep = rest.matches("**").count();
            assert!(deep == 0 || (deep == 1 && rest.ends_with("/**")), "{place}");
            let distinct: BTreeSet<_> = row.must_not.iter().collect();
            assert!(distinct.len() >= 3, "{place}: three that it must not match");
            assert!(
                ["not seen: ", "at times: "]
                    .iter()
                    .any(|start| row.trace.starts_with(start))
                    || row.trace == "seen",
                "{place}: {}",
                row.trace
            );
            // Without a reason it can match nothing that is run, whatever stands for the stars of the last name.
            let (above, last) = place.rsplit_once('/').expect("a root");
            for end in CODE.iter().filter(|_| last.ends_with('*')) {
                let name = last.replace("**", "*").replace('*', &format!("x.{end}"));
                let file = format!("{above}/{name}");
                assert!(row.reason.is_some() || !row.matches(&file), "{file}");
            }
        }
    }

    #[test]
    fn every_entry_names_its_group() {
        let lines = TABLE.lines().filter(|line| !line.starts_with(['#', '\t']));
        for line in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            let [_, _, group] = fields[..] else {
                panic!("not three fields: {line}");
            };
            assert!(NotCoveredGroup::parse(group).is_some(), "{line}");
        }
    }

    #[test]
    fn every_entry_of_the_report_has_places_and_every_place_an_entry() {
        let entries = always();
        assert!(entries.iter().all(|entry| !entry.places.is_empty()));
        let named: Vec<&str> = entries
            .iter()
            .flat_map(|entry| entry.places.iter().map(String::as_str))
            .collect();
        let rows: Vec<&str> = Row::all().iter().map(|row| row.place).collect();
        assert_eq!(named, rows);
        assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len());
    }
}
