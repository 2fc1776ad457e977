//! Ids of subjects that nobody recorded, and subjects without details yet.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Place, Subject, Trees};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::{LeaveOut, TreeSpec};

/// Hands out ids, each once.
#[derive(Default)]
pub(super) struct Ids {
    taken: BTreeSet<SubjectId>,
}

impl Ids {
    /// Ids that exist already.
    pub(super) fn with(taken: impl IntoIterator<Item = SubjectId>) -> Self {
        Self { taken: taken.into_iter().collect() }
    }

    /// Whether the id is still free.
    pub(super) fn is_free(&self, id: &SubjectId) -> bool {
        !self.taken.contains(id)
    }

    /// The first of `<scheme>:<name>` that is free; when none is, the last with `~2`, `~3` … behind it.
    pub(super) fn take(&mut self, scheme: &str, names: &[String]) -> SubjectId {
        for name in names {
            let id = SubjectId::new(scheme, name);
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
        let last = names.last().map_or("", String::as_str);
        let mut number: u32 = 2;
        loop {
            let id = SubjectId::new(scheme, &format!("{last}~{number}"));
            if self.taken.insert(id.clone()) {
                return id;
            }
            number += 1;
        }
    }

    /// Takes exactly this id. False when it is taken.
    pub(super) fn take_exactly(&mut self, id: &SubjectId) -> bool {
        self.taken.insert(id.clone())
    }
}

/// A text as one part of an id between `/`, so that `a/b` as one part never equals `a` and `b` as two.
pub(super) fn part(text: &str) -> String {
    text.replace('/', "%2F")
}

/// `<host>/<path>` of a git address, `file/<basename>` of a local one; none when the address is not of a known form.
pub(super) fn git_place(url: &str) -> Option<String> {
    let url = url.trim();
    let url = url.strip_prefix("git+").unwrap_or(url);
    let clean = |text: &str| {
        let ok = |part: &str| !part.is_empty() && part != "." && part != "..";
        let text = text.trim_matches('/');
        let text = text.strip_suffix(".git").unwrap_or(text);
        let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\' | '%' | '@' | ':'));
        (plain && text.split('/').all(ok)).then(|| text.to_owned())
    };
    let local = url.strip_prefix("file://").or_else(|| url.starts_with('/').then_some(url));
    if let Some(path) = local {
        return Some(format!("file/{}", clean(path.trim_end_matches('/').rsplit('/').next()?)?));
    }
    let (authority, path) = match url.split_once("://") {
        Some(("https" | "http" | "ssh" | "git", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        None => url.split_once(':')?,
    };
    let host = authority.rsplit('@').next()?.to_ascii_lowercase();
    let host_ok = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    host_ok.then(|| Some(format!("{host}/{}", clean(path)?)))?
}

/// A subject of which only name and folder are known.
pub(super) fn blank(id: SubjectId, kind: Kind, source: Source, name: String, place: Place) -> Subject {
    Subject { name, ..Subject::new(id, kind, source, place) }
}

/// Trees of a subject without dependencies of its own: its whole folder.
pub(super) fn whole(root: &Path, boundary: &Path, leave_out: Vec<LeaveOut>) -> Trees {
    Trees {
        tree: Some(TreeSpec { root: root.to_owned(), boundary: boundary.to_owned(), leave_out }),
        dependencies: None,
        siblings: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_subjects_share_an_id() {
        let mut ids = Ids::with([SubjectId::new("skill", "managed/a")]);
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(ids.take("skill", &names(&["managed/a", "managed/x/a"])).as_str(), "skill:managed/x/a");
        assert_eq!(ids.take("skill", &names(&["managed/a", "managed/x/a"])).as_str(), "skill:managed/x/a~2");
        assert_eq!(ids.take("skill", &names(&["managed/x/a~2"])).as_str(), "skill:managed/x/a~2~2");
        assert_ne!(SubjectId::new("mcp", &part("a/b")), SubjectId::new("mcp", &format!("{}/{}", part("a"), part("b"))));
    }

    #[test]
    fn git_addresses_become_places() {
        for (url, place) in [
            ("https://github.com/acme/notes.git", Some("github.com/acme/notes")),
            ("https://user:secret@GitHub.com/acme/notes/", Some("github.com/acme/notes")),
            ("git+ssh://git@github.com/acme/notes", Some("github.com/acme/notes")),
            ("git@github.com:acme/notes.git", Some("github.com/acme/notes")),
            ("file:///home/user/src/skill-git", Some("file/skill-git")),
            ("/home/user/src/skill-git", Some("file/skill-git")),
            ("https://github.com/acme/../evil", None),
            ("https://github.com/acme/notes?x=1", None),
            ("javascript://github.com/a/b", None),
            ("https://gith\u{430}b.com/a/b", None),
            ("acme/notes", None),
            ("", None),
        ] {
            assert_eq!(git_place(url).as_deref(), place, "{url}");
        }
    }
}
