//! The lines and words of systemd's files. [systemd.syntax(7)]

/// Logical lines without comments; a backslash joins a line with the next.
pub(in crate::inventory) fn lines(text: &str) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        let (part, more) = match trimmed.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (trimmed, false),
        };
        match joined.last_mut() {
            Some(last) if open => {
                last.push(' ');
                last.push_str(part);
            }
            _ => joined.push(part.to_owned()),
        }
        open = more;
    }
    joined
}

/// `A=1 "B=2 3"` as names and values.
pub(in crate::inventory) fn assignments(text: &str) -> Vec<(String, String)> {
    let words = words(text);
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The words of a line, without their quotes and with what backslashes stand for. [systemd.syntax(7)]
pub(in crate::inventory) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            (_, '\\') => word.push(escaped(&mut rest)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The character that stands behind a backslash; what is no known form is taken as it is.
fn escaped(rest: &mut std::str::Chars<'_>) -> char {
    let Some(c) = rest.next() else {
        return '\\';
    };
    let (digits, radix, start) = match c {
        'x' => (2, 16, None),
        'u' => (4, 16, None),
        'U' => (8, 16, None),
        '0'..='7' => (3, 8, c.to_digit(8)),
        'n' => return '\n',
        't' => return '\t',
        's' => return ' ',
        other => return other,
    };
    let mut value = start.unwrap_or_default();
    for _ in usize::from(start.is_some())..digits {
        let mut ahead = rest.clone();
        let Some(digit) = ahead.next().and_then(|c| c.to_digit(radix)) else {
            break;
        };
        *rest = ahead;
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_systemd_reads_them() {
        let text = "[Service]\n# ExecStart=/no\nExecStart=/usr/bin/node \\\n  x.js\nEnvironment=A=1 \"B=2 3\"\n";
        assert_eq!(
            lines(text),
            [
                "[Service]",
                "ExecStart=/usr/bin/node  x.js",
                "Environment=A=1 \"B=2 3\""
            ]
        );
        assert_eq!(assignments("A=1 \"B=2 3\" 'C=4'").len(), 3);
    }
}
