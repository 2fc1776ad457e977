//! What is installed beside what is locked, for who wants to read the difference.

use serde::Serialize;

use super::{Since, Verifier};
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::evidence::review::{ReadPart, ReviewedTree};
use crate::inventory::Subject;
use crate::review::Content;
use crate::subject::{Kind, SubjectId};
use crate::text;

/// How what is read stands to the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AgainstLock {
    /// It is what is locked.
    Equal,
    /// It is not in the lock.
    New,
    /// Another version, by OpenClaw's own record.
    Updated,
    /// Other bytes, and no record explains it.
    Changed,
}

/// A base that need not have been reviewed.
pub(super) enum Old {
    Locked(ReviewedTree),
    Generations,
}

impl Verifier {
    /// How what is installed of a subject stands to the lock.
    pub(super) fn against_lock(
        &self,
        subject: &Subject,
        evidence: &Evidence,
        content: Content,
    ) -> Option<AgainstLock> {
        let Some(locked) = self.lock.as_ref()?.package(&subject.id) else {
            return Some(AgainstLock::New);
        };
        let own = match content {
            Content::Tree(tree) => locked.tree == Some(tree),
            Content::Definition(definition) => locked.definition == Some(definition),
        };
        let dependencies = evidence.dependencies.tree().map(|tree| tree.digest);
        Some(if own && dependencies == locked.dependencies {
            AgainstLock::Equal
        } else if subject.is_update_of(locked) {
            AgainstLock::Updated
        } else {
            AgainstLock::Changed
        })
    }

    /// What to compare with where nothing reviewed is asked for or known.
    pub(super) fn unreviewed_base(
        &self,
        subject: &Subject,
        part: ReadPart,
        content: Content,
        since: Since<'_>,
        known: &[ReviewedTree],
    ) -> Option<Old> {
        let locked = self
            .lock
            .as_ref()
            .and_then(|lock| lock.package(&subject.id));
        let tree = locked.and_then(|locked| match part {
            ReadPart::Own => locked.tree,
            ReadPart::Dependencies => locked.dependencies,
            ReadPart::Siblings => locked.siblings,
        });
        let other = tree.filter(|tree| Content::Tree(*tree) != content);
        let of_lock = other.map(|digest| {
            let version = locked.and_then(|locked| locked.version.as_deref());
            Old::Locked(ReviewedTree {
                digest,
                version: version.map(|version| text::excerpt(version, 60)),
            })
        });
        match since {
            Since::Locked => of_lock,
            // What is not installed yet has to be read as a whole to count as reviewed.
            Since::Cheapest if known.is_empty() && subject.may_become.is_empty() => of_lock,
            Since::Generation if part == ReadPart::Own => Some(Old::Generations),
            _ => None,
        }
    }

    pub(super) fn no_locked_base(&self, subject: &Subject, content: Content) -> Error {
        let id = &subject.id;
        let locked = self.lock.as_ref().and_then(|lock| lock.package(id));
        let what = match locked.and_then(|locked| locked.tree) {
            None => format!("the lock holds no files of {id}"),
            Some(tree) if Content::Tree(tree) == content => {
                format!("{id} is what is locked: nothing changed since")
            }
            Some(_) => format!("the files of {id} that were locked cannot be had any more"),
        };
        Error::environment(what, "show all of it")
    }

    /// `id` and what lies in it: skills, hooks and MCP servers that a plugin brings change together with it.
    ///
    /// # Errors
    /// When it is not installed; as [`Verifier::inventory`].
    pub fn with_parts(&self, id: &SubjectId) -> Result<Vec<SubjectId>> {
        let inventory = self.inventory()?;
        let Some(owner) = inventory.subjects.iter().find(|subject| subject.id == *id) else {
            return Err(Error::environment(
                format!("no installed subject is called {id}"),
                "the report of a check lists the ids of all subjects",
            ));
        };
        let is_owner = matches!(owner.kind, Kind::Plugin | Kind::Bundle | Kind::HookPack);
        let is_part = |subject: &&Subject| {
            let named = match subject.id.scheme() {
                "skill" | "hook" => subject.id.name().starts_with("plugin."),
                "mcp" => subject.id.name().contains('/'),
                _ => false,
            };
            named && is_owner && subject.place.absolute.starts_with(&owner.place.absolute)
        };
        let parts = inventory.subjects.iter().filter(is_part);
        let mut ids: Vec<SubjectId> = parts.map(|part| part.id.clone()).collect();
        ids.retain(|part| part != id);
        ids.insert(0, id.clone());
        Ok(ids)
    }
}
