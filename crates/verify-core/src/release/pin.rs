//! Pinned tags: what the lock remembers of a tag, and what became of it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::digest::GitOid;
use crate::lock::LockedRelease;

/// How a tag relates to its pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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

impl PinState {
    /// The word in report and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Retagged => "retagged",
            Self::Moved => "moved",
            Self::Missing => "missing",
        }
    }

    /// Compares what the lock remembers of a tag with what is there: the tag object, none for a lightweight tag, and the commit that it
    /// leads to, as far as known. `None` when there is no such tag.
    #[must_use]
    pub fn of(pin: &LockedRelease, found: Option<(Option<&GitOid>, Option<&GitOid>)>) -> Self {
        match found {
            None => Self::Missing,
            Some((Some(object), _)) if Some(object) == pin.tag_object.as_ref() => Self::Same,
            Some((object, Some(commit))) if *commit == pin.commit => {
                if object.is_none() && pin.tag_object.is_none() {
                    Self::Same
                } else {
                    Self::Retagged
                }
            }
            Some(_) => Self::Moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_states() {
        let id = |byte| GitOid::sha1(&[byte; 20]);
        let pin = |tag_object| LockedRelease {
            repository: "h/r".into(),
            tag: "v1".into(),
            tag_object,
            commit: id(2),
            signer: None,
            tree: None,
            line: 0,
        };
        let signed = pin(Some(id(1)));
        assert_eq!(
            PinState::of(&signed, Some((Some(&id(1)), Some(&id(2))))),
            PinState::Same
        );
        assert_eq!(
            PinState::of(&signed, Some((Some(&id(3)), Some(&id(2))))),
            PinState::Retagged
        );
        assert_eq!(
            PinState::of(&signed, Some((None, Some(&id(2))))),
            PinState::Retagged
        );
        assert_eq!(
            PinState::of(&signed, Some((Some(&id(3)), Some(&id(4))))),
            PinState::Moved
        );
        assert_eq!(
            PinState::of(&signed, Some((Some(&id(3)), None))),
            PinState::Moved
        );
        assert_eq!(PinState::of(&signed, None), PinState::Missing);
        let lightweight = pin(None);
        assert_eq!(
            PinState::of(&lightweight, Some((None, Some(&id(2))))),
            PinState::Same
        );
        assert_eq!(
            PinState::of(&lightweight, Some((Some(&id(1)), Some(&id(2))))),
            PinState::Retagged
        );
        assert_eq!(
            PinState::of(&lightweight, Some((None, None))),
            PinState::Moved
        );
    }
}
