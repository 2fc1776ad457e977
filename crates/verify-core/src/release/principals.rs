//! OpenSSH's pattern lists (`PATTERNS` in `ssh_config(5)`): names separated by commas, with `*`, `?` and a leading `!`.

/// Most bytes of one pattern, as in OpenSSH: a longer one makes the whole list match nothing.
const PATTERN_LIMIT: usize = 1023;

/// Whether `list` names `text`: a pattern matches and no negated one does.
pub(super) fn list_matches(text: &str, list: &str) -> bool {
    if list.is_empty() {
        return false;
    }
    let mut found = false;
    for pattern in list.split(',') {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        if pattern.len() >= PATTERN_LIMIT {
            return false;
        }
        if pattern_matches(text.as_bytes(), pattern.as_bytes()) {
            if negated {
                return false;
            }
            found = true;
        }
    }
    found
}

/// `*` matches any bytes, `?` one. Linear in the product of the lengths, whatever the pattern.
fn pattern_matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(from) {
            Some(b'*') => {
                retry = Some((from + 1, at));
                from += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[at] => {
                at += 1;
                from += 1;
            }
            _ => match retry {
                Some((after_star, start)) => {
                    retry = Some((after_star, start + 1));
                    (at, from) = (start + 1, after_star);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(from..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_match_as_in_openssh() {
        for (text, list, expected) in [
            ("a@x", "a@x", true),
            ("a@x", "b@x,a@x", true),
            ("a@x", "*@x", true),
            ("a@x", "?@x", true),
            ("a@x", "*", true),
            ("a@x", "!a@x,*", false),
            ("a@x", "*,!a@x", false),
            ("a@x", "!b@x", false),
            ("a@x", "A@x", false),
            ("a@x", "a@x ", false),
            ("", "*", true),
            ("", "", false),
            ("a", "", false),
            ("abcabc", "*abc", true),
            ("abcabd", "*a*c", false),
        ] {
            assert_eq!(list_matches(text, list), expected, "{text} in {list}");
        }
        assert!(!list_matches(
            &"a".repeat(5000),
            &format!("{}b", "*a".repeat(500))
        ));
    }
}
