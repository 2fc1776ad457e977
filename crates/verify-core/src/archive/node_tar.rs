//! The name and prefix that `node-tar`, with which npm packs, writes beside a pax path.

/// Bytes of the name field.
const NAME: usize = 100;
/// Bytes of the prefix field of an archive without times of access and change, as npm makes them.
const PREFIX: usize = 155;

/// Whether `prefix` and `name` are what `node-tar` leaves in the header of an entry with this pax path. Every reader then takes the
/// pax path. With any other prefix there are two readings: the path alone, or the prefix before it.
pub(super) fn is_truncation(path: &[u8], prefix: &[u8], name: &[u8]) -> bool {
    std::str::from_utf8(path)
        .ok()
        .and_then(split)
        .is_some_and(|(kept, front)| kept.as_bytes() == name && front.as_bytes() == prefix)
}

/// Name and prefix as `splitPrefix` of `node-tar` makes them; none where it leaves the prefix empty, and for paths that it would
/// normalise first.
fn split(path: &str) -> Option<(&str, &str)> {
    let odd = |part: &str| matches!(part, "" | "." | "..");
    if path.len() < NAME || path.split('/').any(odd) {
        return None;
    }
    // From the last folder to the first: the earliest cut whose prefix fits, unless the name behind it could be whole.
    path.rmatch_indices('/').find_map(|(at, _)| {
        let (prefix, name) = (path.get(..at)?, path.get(at + 1..)?);
        (prefix.len() <= PREFIX).then(|| (name_field(name), prefix))
    })
}

/// A name that fits, or its first 99 UTF-16 units, of which only whole characters are written.
fn name_field(name: &str) -> &str {
    if name.len() <= NAME {
        return name;
    }
    let mut units = 0;
    let mut end = 0;
    for (at, c) in name.char_indices() {
        units += c.len_utf16();
        if units >= NAME || at + c.len_utf8() > NAME {
            break;
        }
        end = at + c.len_utf8();
    }
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_node_tar() {
        let long = "n".repeat(120);
        let cut = "n".repeat(99);
        let deep = "d".repeat(160);
        for (path, expected) in [
            ("package/short.js".to_owned(), None),
            (format!("package/{long}"), Some((cut.as_str(), "package"))),
            (
                format!("package/lib/{long}"),
                Some((cut.as_str(), "package/lib")),
            ),
            // The prefix does not fit with the last folder, so that folder moves into the name.
            (
                format!("package/{deep}/x"),
                Some((&deep.as_str()[..99], "package")),
            ),
            (format!("package//{long}"), None),
            (format!("{deep}/{long}"), None),
        ] {
            assert_eq!(split(&path), expected, "{path}");
        }
    }

    #[test]
    fn names_of_several_bytes_are_cut_between_characters() {
        // 99 UTF-16 units are more than the field holds.
        assert_eq!(name_field(&"ä".repeat(80)), "ä".repeat(50));
        assert_eq!(name_field(&format!("n{}", "ä".repeat(80))).len(), 99);
    }
}
