//! In which line of a JSON5 text a key stands. Reads what the parser has already accepted, and gives up on anything else.

/// The line, from 1, of the key at `path`; an element of a list is `[n]`. Of equal keys the last counts, as for JavaScript. None where
/// it is not written in this text.
pub(super) fn of(text: &str, path: &[String]) -> Option<usize> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    let at = scan.find(path)?;
    let before = text.as_bytes().get(..at)?;
    Some(1 + before.iter().filter(|byte| **byte == b'\n').count())
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// Reads one value; gives the place of the key or element at `path` in it.
    fn find(&mut self, path: &[String]) -> Option<usize> {
        let Some((wanted, rest)) = path.split_first() else {
            self.skip();
            return None;
        };
        let list = match self.next_token()? {
            b'{' => false,
            b'[' => true,
            _ => {
                self.skip();
                return None;
            }
        };
        self.at += 1;
        let (mut found, mut n) = (None, 0_usize);
        loop {
            let token = self.next_token()?;
            if matches!(token, b'}' | b']') {
                self.at += 1;
                return found;
            }
            if token == b',' {
                self.at += 1;
                continue;
            }
            let start = self.at;
            let key = if list {
                n += 1;
                format!("[{}]", n - 1)
            } else {
                let key = self.key()?;
                if self.next_token()? != b':' {
                    return None;
                }
                self.at += 1;
                key
            };
            match (key == *wanted, rest.is_empty()) {
                (true, true) => {
                    self.skip();
                    found = Some(start);
                }
                (true, false) => found = self.find(rest),
                (false, _) => self.skip(),
            }
            // A text that does not go on cannot be read.
            if self.at <= start {
                return None;
            }
        }
    }

    /// Passes over blanks and comments.
    fn next_token(&mut self) -> Option<u8> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let byte = *rest.first()?;
            if rest.starts_with(b"//") {
                self.at += rest
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .unwrap_or(rest.len());
            } else if rest.starts_with(b"/*") {
                let end = rest.windows(2).skip(2).position(|two| two == b"*/");
                self.at += end.map_or(rest.len(), |end| end + 4);
            } else if byte.is_ascii_whitespace() || byte == 0x0b {
                self.at += 1;
            } else if rest.starts_with(b"\xc2\xa0") {
                self.at += 2;
            } else if rest.starts_with(b"\xef\xbb\xbf") {
                self.at += 3;
            } else {
                return Some(byte);
            }
        }
    }

    fn key(&mut self) -> Option<String> {
        let quote = self.next_token()?;
        if matches!(quote, b'"' | b'\'') {
            let start = self.at;
            self.string(quote);
            let raw = self.bytes.get(start + 1..self.at.checked_sub(1)?)?;
            let raw = std::str::from_utf8(raw).ok()?;
            // Escapes of JSON are understood; what only JSON5 has is left as it is, and then simply no line is found.
            let plain = raw.replace("\\'", "'");
            return Some(
                serde_json::from_str(&format!("\"{plain}\"")).unwrap_or_else(|_| raw.to_owned()),
            );
        }
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
        }) {
            self.at += 1;
        }
        let raw = self.bytes.get(start..self.at)?;
        Some(String::from_utf8_lossy(raw).into_owned())
    }

    /// Passes over a text in quotes.
    fn string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == quote {
                return;
            }
        }
    }

    /// Passes over one value, without taking stack for its depth.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.next_token() {
            match token {
                b'"' | b'\'' => self.string(token),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                b',' | b':' => return,
                _ => {
                    while self.bytes.get(self.at).is_some_and(|byte| {
                        !byte.is_ascii_whitespace()
                            && !matches!(byte, b',' | b':' | b'}' | b']' | b'{' | b'[' | b'/')
                    }) {
                        self.at += 1;
                    }
                    // A lone slash is no value; pass over it so that this ends.
                    if self.bytes.get(self.at) == Some(&b'/') {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, path: &str) -> Option<usize> {
        of(
            text,
            &path.split('.').map(str::to_owned).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn finds_keys_of_json5() {
        let text = "// a\n{\n  a: 1, /* b:\n */ 'b': {\n    \"c\": [\n 1,\n {d: true},\n],\n  },\n  b2: -1,\n e: \"}\",\n f: 2 }";
        for (path, at) in [
            ("a", 3),
            ("b", 4),
            ("b.c", 5),
            ("b.c.[0]", 6),
            ("b.c.[1].d", 7),
            ("b2", 10),
            ("e", 11),
            ("f", 12),
        ] {
            assert_eq!(line(text, path), Some(at), "{path}");
        }
        for absent in ["c", "a.b", "b.c.[2]", "e.f"] {
            assert_eq!(line(text, absent), None, "{absent}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_garbage_ends() {
        assert_eq!(line("{a:1,\na:2}", "a"), Some(2));
        for text in [
            "", "{", "{a", "{a:", "{a:{", "[[[", "{\"a", "/", "{a:/}", "\\",
        ] {
            assert_eq!(line(text, "a.b.c"), None, "{text}");
        }
    }
}
