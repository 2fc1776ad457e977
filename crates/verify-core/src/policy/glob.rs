//! Patterns of policy: `*` stays within one part between slashes, `**` crosses slashes, everything else is literal.
//!
//! There are no classes, braces or escapes: a pattern that grants something has to read as what it grants. A library of globs
//! would bring them, and matching by backtracking; names under test are chosen by an attacker, so the work has to be bounded
//! by the lengths alone.

use std::fmt;

/// A pattern for subject ids, repositories or tags.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    tokens: Vec<Token>,
    literals: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// This character.
    Char(char),
    /// `*`: any characters but `/`, or none.
    WithinPart,
    /// `**`: any characters, or none.
    Anything,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPattern {
    /// Nothing would ever match.
    #[error("an empty pattern matches nothing")]
    Empty,
    /// `***`.
    #[error("`***` has no meaning: `*` stays within one part, `**` crosses `/`")]
    Stars,
    /// Too long to be one.
    #[error("a pattern has at most {0} bytes")]
    Long(usize),
}

impl Pattern {
    /// Most bytes a pattern may have: those of the longest subject id.
    pub const MAX: usize = 512;

    /// Reads a pattern.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        if text.is_empty() {
            return Err(BadPattern::Empty);
        }
        if text.len() > Self::MAX {
            return Err(BadPattern::Long(Self::MAX));
        }
        let mut tokens = Vec::with_capacity(text.len());
        for c in text.chars() {
            match (c, tokens.last()) {
                // Other tools read `***` as `**` or as `*`. A guess could widen an exception.
                ('*', Some(Token::Anything)) => return Err(BadPattern::Stars),
                ('*', Some(Token::WithinPart)) => {
                    tokens.pop();
                    tokens.push(Token::Anything);
                }
                ('*', _) => tokens.push(Token::WithinPart),
                (c, _) => tokens.push(Token::Char(c)),
            }
        }
        let literals = tokens
            .iter()
            .filter(|t| matches!(t, Token::Char(_)))
            .count();
        Ok(Self {
            text: text.to_owned(),
            tokens,
            literals,
        })
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the first wildcard: whatever matches starts with it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Whether it has no wildcard.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.literals == self.tokens.len()
    }

    /// Number of literal characters: the more, the more specific.
    #[must_use]
    pub fn literals(&self) -> usize {
        self.literals
    }

    /// Whether the whole of `text` matches. Takes at most `pattern × text` steps, whatever the two are.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        // All ways to match are followed at once (a nondeterministic automaton), instead of one after the other
        // with backtracking, which takes exponential time for `*a*a*a*b` over `aaaa…`.
        // reached[i]: the first i tokens can match what was read so far.
        let mut reached = vec![false; self.tokens.len() + 1];
        let mut next = reached.clone();
        reached[0] = true;
        self.skip_wildcards(&mut reached);
        for c in text.chars() {
            next.fill(false);
            for (i, token) in self.tokens.iter().enumerate() {
                if reached[i] && token.takes(c) {
                    // A wildcard stays where it is, so that it can take more.
                    next[if token.is_wild() { i } else { i + 1 }] = true;
                }
            }
            self.skip_wildcards(&mut next);
            if !next.contains(&true) {
                return false;
            }
            std::mem::swap(&mut reached, &mut next);
        }
        reached.last().copied().unwrap_or(false)
    }

    /// Whether some text matches both patterns: then two entries of the policy could decide about one subject, and their order
    /// or precedence has to be clear.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        // Most pairs differ before their first wildcard.
        let starts = self
            .tokens
            .iter()
            .zip(&other.tokens)
            .take_while(|(a, b)| !a.is_wild() && !b.is_wild());
        if starts.into_iter().any(|(a, b)| a != b) {
            return false;
        }
        // The product of the two automata: a text that both accept is a way through it from one corner to the
        // other. Every move goes down or right, so one pass in reading order finds all that can be reached.
        // reached[i][j]: some text is matched by the first i tokens of one and the first j of the other.
        let (a, b) = (&self.tokens, &other.tokens);
        let mut reached = vec![vec![false; b.len() + 1]; a.len() + 1];
        reached[0][0] = true;
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                if !reached[i][j] {
                    continue;
                }
                let (one, two) = (a.get(i).copied(), b.get(j).copied());
                // A wildcard may take nothing, or what the other takes next.
                if let Some(wild) = one.filter(|t| t.is_wild()) {
                    reached[i + 1][j] = true;
                    if two.is_some_and(|t| {
                        t.is_wild() || matches!(t, Token::Char(c) if wild.takes(c))
                    }) {
                        reached[i][j + 1] = true;
                    }
                }
                if let Some(wild) = two.filter(|t| t.is_wild()) {
                    reached[i][j + 1] = true;
                    if one.is_some_and(|t| {
                        t.is_wild() || matches!(t, Token::Char(c) if wild.takes(c))
                    }) {
                        reached[i + 1][j] = true;
                    }
                }
                if let (Some(Token::Char(x)), Some(Token::Char(y))) = (one, two)
                    && x == y
                {
                    reached[i + 1][j + 1] = true;
                }
            }
        }
        reached[a.len()][b.len()]
    }

    /// A wildcard can match nothing, so whatever reaches it also reaches what follows. From left to right, so that a row of them
    /// is passed in one go.
    fn skip_wildcards(&self, reached: &mut [bool]) {
        for (i, token) in self.tokens.iter().enumerate() {
            if reached[i] && token.is_wild() {
                reached[i + 1] = true;
            }
        }
    }
}

impl Token {
    fn is_wild(self) -> bool {
        !matches!(self, Self::Char(_))
    }

    fn takes(self, c: char) -> bool {
        match self {
            Self::Char(own) => own == c,
            Self::WithinPart => c != '/',
            Self::Anything => true,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}
