//! Text that came from the thing under test, made safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with everything that could move a cursor, hide or reorder other text made visible: control characters, bidi controls,
/// zero-width and tag characters become `\u{…}`. Text without any of these is returned as it is.
///
/// Every renderer and every error message passes names, versions and messages of the thing under test through this.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !with_hazards(text).any(|(_, acts)| acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (c, acts) in with_hazards(text) {
        if acts {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The characters of `text`, each with whether it can act on a terminal or on the reader. A selector of emoji can be seen behind what has
/// such forms, and behind everything else it cannot.
pub(crate) fn with_hazards(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    text.chars().map(move |c| {
        let unseen = !before.is_some_and(has_emoji_forms);
        before = Some(c);
        (c, is_hazard(c) || EMOJI_SELECTORS.contains(&c) && unseen)
    })
}

/// Whether there is a character for it as text and as a picture, by blocks. [S Unicode `emoji-variation-sequences.txt`]
fn has_emoji_forms(c: char) -> bool {
    matches!(u32::from(c),
        0xA9 | 0xAE | 0x203C | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x21FF | 0x2300..=0x23FF | 0x24C2 | 0x25A0..=0x27BF
        | 0x2900..=0x297F | 0x2B00..=0x2BFF | 0x3030 | 0x303D | 0x3297 | 0x3299 | 0x1F000..=0x1FAFF)
}

/// What asks for the form of an emoji as text or as a picture.
const EMOJI_SELECTORS: [char; 2] = ['\u{fe0e}', '\u{fe0f}'];

/// [`visible`], cut to `limit` characters with an ellipsis, for one-line messages about attacker-sized values.
#[must_use]
pub fn excerpt(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", visible(&text[..at])),
        None => visible(text).into_owned(),
    }
}

/// `text` as one word of a POSIX shell, for commands that a message offers for copying. A subject's id is the attacker's text.
#[must_use]
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut inside = visible(text).replace('\'', "'\\''");
    // `##[` would be a command of a CI runner that reads the output; the shell joins the two halves again.
    if inside.contains("##") {
        inside = inside.replace('[', "''[");
    }
    Cow::Owned(format!("'{inside}'"))
}

/// A number of things in words: `1 file`, `2 files`.
pub(crate) fn count(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Whether `c` can act on a terminal or on the reader instead of being read: it moves, hides or reorders other text, or cannot be seen.
/// Of Unicode's `Default_Ignorable_Code_Point` only the selectors of emoji are left, which honest names have; U+FFFE and U+FFFF are allowed
/// by no version of XML, and the other noncharacters mean nothing anywhere.
#[must_use]
pub fn is_hazard(c: char) -> bool {
    let code = u32::from(c);
    c.is_control()
        || matches!(code,
            0x00AD | 0x034F | 0x061C | 0x070F | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E
            | 0x2060..=0x206F | 0x2800 | 0x3164 | 0xFE00..=0xFE0D | 0xFDD0..=0xFDEF | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x13430..=0x1345F | 0x16FE4 | 0x1BCA0..=0x1BCA3
            | 0x1D159 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
        || code & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hazards_become_visible_and_the_rest_stays() {
        assert!(matches!(visible("@acme/plugin é 日本"), Cow::Borrowed(_)));
        assert_eq!(
            visible("a\u{1b}[31mb\u{202e}c\u{200b}\n"),
            "a\\u{1b}[31mb\\u{202e}c\\u{200b}\\u{a}"
        );
        // Neither seen nor, some of them, allowed in XML.
        for code in [
            0xAD, 0x34F, 0x180E, 0x2800, 0x3164, 0xFFFE, 0xFFFF, 0x1D173, 0x1FFFE,
        ] {
            let c = char::from_u32(code).expect("a character");
            assert_eq!(visible(&format!("a{c}")), format!("a\\u{{{code:x}}}"));
        }
        assert_eq!(visible("a\u{fe0f}"), "a\\u{fe0f}");
        assert!(matches!(visible("\u{2764}\u{fe0f}"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_offered_command_runs_nothing_else() {
        assert_eq!(shell_word("npm:@acme/a-b_1.2"), "npm:@acme/a-b_1.2");
        assert_eq!(
            shell_word("skill:workspace/$(id);x'y"),
            "'skill:workspace/$(id);x'\\''y'"
        );
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("mcp:##[debug]x"), "'mcp:##''[debug]x'");
    }

    #[test]
    fn excerpt_cuts_at_characters() {
        assert_eq!(excerpt("äöü", 2), "äö…");
        assert_eq!(excerpt("ab", 2), "ab");
    }
}
