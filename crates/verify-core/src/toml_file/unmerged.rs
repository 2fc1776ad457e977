//! The two sides of a merge that git could not finish.

use std::path::Path;

use super::{Checked, fail};
use crate::error::OperatorError;

/// What to do about a line of git's that is not part of a whole conflict.
pub(super) const BROKEN: &str =
    "where one of git's lines is left over, take it out, or restore the file from version control";

/// Whether `text` holds whole conflicts and nothing else of one.
pub(super) fn is_whole(text: &str) -> bool {
    sides(text).is_some()
}

/// This side of the file at `path` and the other, each as a whole file.
///
/// # Errors
/// There are no markers of a conflict, or they are not in the order in which git writes them.
pub(crate) fn whole_conflict(path: &Path, text: &str) -> Checked<(String, String)> {
    let [ours, theirs] = whole_sides(path, text)?;
    Ok((ours.text, theirs.text))
}

/// The same, with what of each side is outside of the conflicts.
pub(crate) fn whole_sides(path: &Path, text: &str) -> Checked<[OneSide; 2]> {
    let Some(both) = sides(text) else {
        let what = "the file holds no whole conflict of a merge, from `<<<<<<<` to `>>>>>>>`";
        return fail(OperatorError::whole(path, what).with_help(BROKEN));
    };
    Ok(both)
}

/// One side of a merge as a file.
#[derive(Default)]
pub(crate) struct OneSide {
    pub(crate) text: String,
    /// Of each line, whether it is outside of the conflicts: both sides have it, or git took it from one of them.
    pub(crate) outside: Vec<bool>,
}

impl OneSide {
    fn push(&mut self, line: &str, outside: bool) {
        self.text += line;
        self.outside.push(outside);
    }
}

/// Where a line of a conflict stands.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Both,
    Ours,
    Base,
    Theirs,
}

/// This side and the other, each as a whole file; `None` without a conflict, or with markers in another order than git writes them.
/// In: `<<<<<<<`, with `merge.conflictStyle` diff3 or zdiff3 also `|||||||`, then `=======` and `>>>>>>>`.
fn sides(text: &str) -> Option<[OneSide; 2]> {
    let (mut ours, mut theirs) = (OneSide::default(), OneSide::default());
    let mut side = Side::Both;
    let mut conflicts = 0;
    for line in text.split_inclusive('\n') {
        let marker = line.get(..7).unwrap_or_default();
        side = match (side, marker) {
            (Side::Both, "<<<<<<<") => Side::Ours,
            (Side::Ours, "|||||||") => Side::Base,
            (Side::Ours | Side::Base, "=======") => Side::Theirs,
            (Side::Theirs, ">>>>>>>") => {
                conflicts += 1;
                Side::Both
            }
            (_, "<<<<<<<" | "|||||||" | ">>>>>>>") => return None,
            _ => {
                if matches!(side, Side::Both | Side::Ours) {
                    ours.push(line, side == Side::Both);
                }
                if matches!(side, Side::Both | Side::Theirs) {
                    theirs.push(line, side == Side::Both);
                }
                continue;
            }
        };
    }
    (side == Side::Both && conflicts > 0).then_some([ours, theirs])
}
