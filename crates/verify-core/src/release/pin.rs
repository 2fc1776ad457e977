//! Pinned tags: what the lock remembers of a tag, and what became of it.

use serde::Serialize;

use crate::digest::GitOid;

/// A tag as the lock has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedTag {
    /// The repository, such as `github.com/openclaw/openclaw`.
    pub repository: String,
    /// The tag's name.
    pub tag: String,
    /// The id of the tag object; for a lightweight tag that of the commit.
    pub tag_object: GitOid,
    /// The commit.
    pub commit: GitOid,
}

/// How a tag relates to its pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinState {
    /// The same tag object.
    Same,
    /// Another tag object for the same commit.
    Retagged,
    /// Another commit.
    Moved,
    /// There is no such tag any more.
    Missing,
}

impl PinnedTag {
    /// Compares the pin with what is there: the id that the ref holds, and the commit that it leads to, as far as known.
    #[must_use]
    pub fn compare(&self, found: Option<(&GitOid, Option<&GitOid>)>) -> PinState {
        match found {
            None => PinState::Missing,
            Some((object, _)) if *object == self.tag_object => PinState::Same,
            Some((_, commit)) if commit == Some(&self.commit) => PinState::Retagged,
            Some(_) => PinState::Moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_states() {
        let id = |byte| GitOid::sha1(&[byte; 20]);
        let pin = PinnedTag { repository: "h/r".into(), tag: "v1".into(), tag_object: id(1), commit: id(2) };
        assert_eq!(pin.compare(Some((&id(1), Some(&id(2))))), PinState::Same);
        assert_eq!(pin.compare(Some((&id(3), Some(&id(2))))), PinState::Retagged);
        assert_eq!(pin.compare(Some((&id(3), Some(&id(4))))), PinState::Moved);
        assert_eq!(pin.compare(Some((&id(3), None))), PinState::Moved);
        assert_eq!(pin.compare(None), PinState::Missing);
    }
}
