//! What a file name may be, so that a tree is the same tree on every system that holds it.

use unicode_normalization::UnicodeNormalization as _;

use crate::text;

/// Why a name cannot be part of a tree at all.
pub(crate) fn unsafe_name(name: &[u8]) -> Option<&'static str> {
    match std::str::from_utf8(name) {
        Err(_) => Some("is not UTF-8"),
        Ok(name) if name.chars().any(char::is_control) => Some("holds control characters"),
        Ok(_) => None,
    }
}

/// `name` as a file system sees it that ignores case, Unicode normalisation and invisible characters (APFS, HFS+, NTFS). Two names in
/// one folder with the same key are one file there, so which of them is loaded depends on the system.
pub(crate) fn collision_key(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let folded = name
        .nfd()
        .filter(|c| !text::is_hazard(*c))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    folded.collect::<String>().nfd().collect()
}

/// Whether [`collision_key`] can differ from the name itself.
pub(crate) fn folds(name: &str) -> bool {
    !name.is_ascii() || name.bytes().any(|b| b.is_ascii_uppercase())
}

/// Whether Windows cannot hold this name, or holds another one in its place.
pub(crate) fn unsafe_on_windows(name: &str) -> bool {
    const RESERVED: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    if name.ends_with(['.', ' ']) || name.contains(['\\', ':', '<', '>', '"', '|', '?', '*']) {
        return true;
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let numbered = |prefix: &str| {
        let head = stem
            .get(..3)
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        head && matches!(
            stem.get(3..),
            Some("0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        )
    };
    RESERVED
        .iter()
        .any(|reserved| stem.eq_ignore_ascii_case(reserved))
        || numbered("COM")
        || numbered("LPT")
}

/// Bytes from the thing under test as text that is safe to show; bytes that are not UTF-8 as `\xNN`.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(&text::visible(chunk.valid()));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_have_one_key() {
        for (a, b) in [
            ("README", "readme"),
            ("é", "e\u{301}"),
            ("É", "e\u{301}"),
            ("straße", "STRASSE"),
            ("\u{212a}elvin", "kelvin"),
            ("σς", "ΣΣ"),
            ("a\u{200c}b", "ab"),
        ] {
            assert_eq!(collision_key(a), collision_key(b), "{a} {b}");
            assert!(folds(a) || folds(b));
        }
        assert_ne!(collision_key("a-b"), collision_key("a_b"));
    }

    #[test]
    fn windows_names() {
        for name in [
            "con", "NUL.txt", "com1", "lpt9.log", "a.", "a ", "a:b", "a\\b", "x?", "aux .c",
        ] {
            assert!(unsafe_on_windows(name), "{name}");
        }
        for name in [
            "console", "com", "com10", "index.js", ".hidden", "a b", "null",
        ] {
            assert!(!unsafe_on_windows(name), "{name}");
        }
    }

    #[test]
    fn names_that_are_refused() {
        assert_eq!(unsafe_name(b"a\xff"), Some("is not UTF-8"));
        assert_eq!(
            unsafe_name("a\nb".as_bytes()),
            Some("holds control characters")
        );
        assert_eq!(
            unsafe_name("a\u{85}".as_bytes()),
            Some("holds control characters")
        );
        assert_eq!(unsafe_name("日本 ü.js".as_bytes()), None);
        assert_eq!(shown(b"a\xff\n"), "a\\xFF\\u{a}");
    }
}
