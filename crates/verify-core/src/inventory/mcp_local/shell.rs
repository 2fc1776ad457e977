//! Lines of a shell, as far as they are plain commands.

/// What a line holds.
pub(super) struct Line {
    /// Its commands, word by word without quotes. Best effort where the line is not plain.
    pub(super) commands: Vec<Vec<String>>,
    /// Whether nothing but plain commands stands in it: no expansion, substitution, redirection to a program, or keyword.
    pub(super) plain: bool,
}

/// Words that make a line a program of its own.
const KEYWORDS: [&str; 14] = [
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "function", "eval",
];

/// Splits a line into commands and words. Quotes and backslashes are read as a POSIX shell reads them.
pub(super) fn read(line: &str) -> Line {
    let mut found = Line {
        commands: Vec::new(),
        plain: true,
    };
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '$' | '`') | (None, '$' | '`') => {
                // `"$@"` hands on what the caller gave.
                found.plain &= c == '$' && chars.peek() == Some(&'@');
                word.get_or_insert_default().push(c);
            }
            (Some('"') | None, '\\') => {
                if let Some(next) = chars.next().filter(|next| *next != '\n') {
                    word.get_or_insert_default().push(next);
                }
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ';' | '&' | '|' | '\n' | '(' | ')') => {
                found.plain &= !matches!(c, '(' | ')');
                words.extend(word.take());
                found.end(&mut words);
            }
            (None, '#') if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, '<' | '>' | '*' | '?' | '[' | '{') => {
                // A redirection, a pattern or a group.
                found.plain &= c == '[' && word.is_none();
                word.get_or_insert_default().push(c);
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    found.plain &= quote.is_none();
    words.extend(word);
    found.end(&mut words);
    found
}

impl Line {
    fn end(&mut self, words: &mut Vec<String>) {
        let words = std::mem::take(words);
        if words
            .first()
            .is_some_and(|first| KEYWORDS.contains(&first.as_str()))
        {
            self.plain = false;
        }
        if !words.is_empty() {
            self.commands.push(words);
        }
    }
}

/// `NAME=value` as its two parts.
pub(super) fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain_or_not() {
        for (line, plain, commands) in [
            (
                "cd '/a b' && exec node x.js \"$@\"",
                true,
                vec!["cd|/a b", "exec|node|x.js|$@"],
            ),
            ("A=1 node x.js # more", true, vec!["A=1|node|x.js"]),
            ("node \\\n x.js", true, vec!["node|x.js"]),
            ("node $(cat y)", false, vec!["node|$", "cat|y"]),
            ("node $X", false, vec!["node|$X"]),
            ("eval node x.js", false, vec!["eval|node|x.js"]),
            ("node *.js", false, vec!["node|*.js"]),
            ("node 'x", false, vec!["node|x"]),
            (
                "node x.js < /dev/null",
                false,
                vec!["node|x.js|<|/dev/null"],
            ),
        ] {
            let read = read(line);
            let joined: Vec<String> = read.commands.iter().map(|words| words.join("|")).collect();
            assert_eq!(
                (read.plain, joined),
                (plain, commands.into_iter().map(str::to_owned).collect()),
                "{line}"
            );
        }
    }
}
