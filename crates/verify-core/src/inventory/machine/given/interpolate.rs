//! Variables in a compose file: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`, `${NAME+other}`,
//! `${NAME:?error}`, `${NAME?error}` and `$$`, nested. Format: the compose specification, "Interpolation".

/// Deepest nesting of defaults.
const MAX_DEPTH: usize = 8;

/// A text with its variables filled in, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    /// The text; a variable that nothing gives is empty in it.
    pub(super) text: String,
    /// For each byte of it: whether it is a default that a variable may replace.
    assumed: Vec<bool>,
    /// Places in the text (in bytes) where a variable stands of which nothing is known.
    gaps: Vec<usize>,
}

impl Filled {
    /// Whether the text from one byte to another is written as it is: no variable that is not given stands in it or at its ends.
    pub(super) fn is_known(&self, from: usize, to: usize) -> bool {
        let assumed = self.assumed.get(from..to).unwrap_or_default();
        !assumed.contains(&true) && !self.gaps.iter().any(|gap| (from..=to).contains(gap))
    }

    /// Whether all of it is.
    pub(super) fn is_all_known(&self) -> bool {
        self.is_known(0, self.text.len())
    }

    /// Whether a variable stands in it of which nothing is known, not even a default.
    pub(super) fn has_gap(&self) -> bool {
        !self.gaps.is_empty()
    }

    fn push(&mut self, text: &str, assumed: bool) {
        self.text.push_str(text);
        self.assumed.resize(self.text.len(), assumed);
    }

    fn append(&mut self, other: &Self, assumed: bool) {
        let start = self.text.len();
        self.gaps.extend(other.gaps.iter().map(|gap| start + gap));
        self.text.push_str(&other.text);
        let flags = other.assumed.iter().map(|flag| *flag || assumed);
        self.assumed.extend(flags);
    }
}

/// Fills in the variables of a text.
pub(super) fn fill(written: &str, variables: &[(String, String)]) -> Filled {
    filled(written, variables, 0)
}

fn filled(written: &str, variables: &[(String, String)], depth: usize) -> Filled {
    let mut out = Filled::default();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once('$') {
        out.push(before, false);
        if let Some(after) = after.strip_prefix('$') {
            out.push("$", false);
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let Some(end) = closing(after) else {
                out.gaps.push(out.text.len());
                return out;
            };
            let (inside, after) = after.split_at(end);
            braced(&mut out, inside, variables, depth);
            rest = after.get(1..).unwrap_or_default();
        } else {
            let length = name_of(after).len();
            let (name, after) = after.split_at(length);
            if name.is_empty() {
                out.push("$", false);
            } else {
                given(&mut out, name, variables);
            }
            rest = after;
        }
    }
    out.push(rest, false);
    out
}

/// The end of what stands in braces.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes.get(at - 1) == Some(&b'$') => open += 1,
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn braced(out: &mut Filled, inside: &str, variables: &[(String, String)], depth: usize) {
    let name = name_of(inside);
    let rest = inside.get(name.len()..).unwrap_or_default();
    let known = value_of(name, variables);
    let (colon, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let is_set = known.is_some_and(|value| !(colon && value.is_empty()));
    let mut chars = rest.chars();
    let (kind, word) = (chars.next(), chars.as_str());
    if name.is_empty() || depth > MAX_DEPTH {
        out.gaps.push(out.text.len());
        return;
    }
    match kind {
        Some('-') if is_set => out.push(known.unwrap_or_default(), false),
        // Given as empty it is the default for certain; not given, a file beside this one may still give it.
        Some('-') => {
            let word = filled(word, variables, depth + 1);
            // Of a default of nothing no byte is left to say that it is one.
            if known.is_none() && word.text.is_empty() {
                out.gaps.push(out.text.len());
            }
            out.append(&word, known.is_none());
        }
        Some('+') if known.is_some() => {
            if is_set {
                let word = filled(word, variables, depth + 1);
                out.append(&word, false);
            }
        }
        Some('+') => out.gaps.push(out.text.len()),
        _ => given(out, name, variables),
    }
}

fn given(out: &mut Filled, name: &str, variables: &[(String, String)]) {
    match value_of(name, variables) {
        Some(value) => out.push(value, false),
        None => out.gaps.push(out.text.len()),
    }
}

fn value_of<'a>(name: &str, variables: &'a [(String, String)]) -> Option<&'a str> {
    let found = variables.iter().rev().find(|(known, _)| known == name)?;
    Some(&found.1)
}

fn name_of(text: &str) -> &str {
    let end = text
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'_'))
        .unwrap_or(text.len());
    match text.bytes().next() {
        Some(first) if first.is_ascii_digit() => "",
        _ => text.get(..end).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_as_compose_does() {
        let variables = [
            ("P".to_owned(), "80".to_owned()),
            ("E".to_owned(), String::new()),
        ];
        for (written, text, known) in [
            ("a", "a", true),
            ("$P:${P}", "80:80", true),
            ("$$P", "$P", true),
            ("${Q:-1}", "1", false),
            ("${P:-1}", "80", true),
            ("${E:-1}", "1", true),
            ("${Q:-}", "", false),
            ("${E:-}", "", true),
            ("${E-1}", "", true),
            ("${Q:-${P}}", "80", false),
            ("${Q:-${R:-2}}x", "2x", false),
            ("${Q}", "", false),
            ("${Q:?no}", "", false),
            ("${P:+x}", "x", true),
            ("${Q:+x}", "", false),
            ("${open", "", false),
            ("$", "$", true),
        ] {
            let found = fill(written, &variables);
            assert_eq!(
                (found.text.as_str(), found.is_all_known()),
                (text, known),
                "{written}"
            );
        }
        let mixed = fill("127.0.0.1:${Q:-18789}:18789", &[]);
        assert!(mixed.is_known(0, 9) && !mixed.is_known(10, 15));
        assert!(!fill("${A}:1", &[]).is_known(0, 0));
    }
}
