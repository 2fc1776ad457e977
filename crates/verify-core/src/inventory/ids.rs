//! Ids of subjects without a record, and subjects without details yet.

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
        Self {
            taken: taken.into_iter().collect(),
        }
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

/// A subject of which only name and folder are known.
pub(super) fn blank(
    id: SubjectId,
    kind: Kind,
    source: Source,
    name: String,
    place: Place,
) -> Subject {
    Subject {
        name,
        ..Subject::new(id, kind, source, place)
    }
}

/// Trees of a subject without dependencies of its own: its whole folder.
pub(super) fn whole(root: &Path, boundary: &Path, leave_out: Vec<LeaveOut>) -> Trees {
    Trees {
        tree: Some(TreeSpec {
            root: root.to_owned(),
            boundary: boundary.to_owned(),
            leave_out,
        }),
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
        assert_eq!(
            ids.take("skill", &names(&["managed/a", "managed/x/a"]))
                .as_str(),
            "skill:managed/x/a"
        );
        assert_eq!(
            ids.take("skill", &names(&["managed/a", "managed/x/a"]))
                .as_str(),
            "skill:managed/x/a~2"
        );
        assert_eq!(
            ids.take("skill", &names(&["managed/x/a~2"])).as_str(),
            "skill:managed/x/a~2~2"
        );
        assert_ne!(
            SubjectId::new("mcp", &part("a/b")),
            SubjectId::new("mcp", &format!("{}/{}", part("a"), part("b")))
        );
    }
}
