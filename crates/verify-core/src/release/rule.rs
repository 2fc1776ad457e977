//! Which tags of which repository must be signed, and by whom: one `[[release]]` of the policy with its trust files read.

use super::gitsign::GitsignIdentity;
use super::openpgp::OpenPgpCertificates;
use super::signers::{AllowedSigners, RevokedKeys};

/// One rule.
#[derive(Clone, Debug)]
pub struct ReleaseRule {
    /// The repository, such as `github.com/openclaw/openclaw`; a pattern.
    pub repository: TagPattern,
    /// The names of the tags that the rule is for.
    pub tags: TagPattern,
    /// Who may sign.
    pub trust: Trust,
    /// What is asked of a tag.
    pub require: Require,
    /// The oldest tag that is accepted.
    pub minimum: Option<String>,
}

/// Who may sign. A scheme without an entry is not allowed, however good a signature is.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The operator's `allowed_signers` file.
    pub ssh: Option<AllowedSigners>,
    /// SSH keys that count no longer.
    pub revoked: Option<RevokedKeys>,
    /// The operator's OpenPGP certificates.
    pub openpgp: Option<OpenPgpCertificates>,
    /// The identity and issuer of a gitsign certificate.
    pub gitsign: Option<GitsignIdentity>,
}

/// What a rule asks of a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// A good signature by somebody whom the rule trusts.
    #[default]
    SignedTag,
    /// That the tag is pinned; a tag without a signature will do then.
    Pinned,
}

/// A pattern for names with `/` in them: `*` stands for anything within one part, `**` for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPattern(String);

impl TagPattern {
    /// The pattern as written.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        // Which beginnings of the name the pattern read so far can match.
        let name = name.as_bytes();
        let mut reachable = vec![false; name.len() + 1];
        reachable[0] = true;
        let mut rest = self.0.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte == b'*' {
                let crosses = rest.first() == Some(&b'*');
                rest = rest.strip_prefix(b"*").unwrap_or(rest);
                for at in 0..name.len() {
                    reachable[at + 1] |= reachable[at] && (crosses || name[at] != b'/');
                }
            } else {
                for at in (0..name.len()).rev() {
                    reachable[at + 1] = reachable[at] && name[at] == byte;
                }
                reachable[0] = false;
            }
        }
        reachable[name.len()]
    }

    /// Characters that stand for themselves: the measure of how specific a pattern is.
    #[must_use]
    pub fn literals(&self) -> usize {
        self.0.chars().filter(|c| *c != '*').count()
    }
}

/// The rule for a tag: of those that match, the one with the most literal characters in both patterns. `repository` is what the
/// operator says, never what a clone says of itself; `None` matches any repository.
///
/// # Errors
/// The positions of two rules that are equally specific.
pub fn choose_rule<'a>(
    rules: &'a [ReleaseRule],
    repository: Option<&str>,
    tag: &str,
) -> Result<Option<&'a ReleaseRule>, (usize, usize)> {
    let specific = |rule: &ReleaseRule| (rule.repository.literals(), rule.tags.literals());
    let mut best: Option<(usize, &ReleaseRule)> = None;
    let mut tie = None;
    for (at, rule) in rules.iter().enumerate() {
        if !rule.tags.matches(tag) || repository.is_some_and(|name| !rule.repository.matches(name)) {
            continue;
        }
        match best {
            Some((_, other)) if specific(other) > specific(rule) => {}
            Some((other_at, other)) if specific(other) == specific(rule) => tie = Some((other_at, at)),
            _ => {
                best = Some((at, rule));
                tie = None;
            }
        }
    }
    match tie {
        Some(tie) => Err(tie),
        None => Ok(best.map(|(_, rule)| rule)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stay_within_a_part() {
        for (pattern, name, expected) in [
            ("v*", "v1.0", true),
            ("v*", "v", true),
            ("v*", "v1/0", false),
            ("v**", "v1/0", true),
            ("*", "a/b", false),
            ("**", "a/b", true),
            ("v*-beta.*", "v1-beta.2", true),
            ("v*-beta.*", "v1-rc.2", false),
            ("", "", true),
            ("", "v", false),
            ("v1", "v12", false),
            ("github.com/openclaw/*", "github.com/openclaw/openclaw", true),
            ("github.com/openclaw/*", "github.com/openclaw/a/b", false),
            ("github.com/openclaw/*", "evil.example/github.com/openclaw/a", false),
        ] {
            assert_eq!(TagPattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_most_specific_rule_wins_and_a_tie_is_an_error() {
        let rule = |repository: &str, tags: &str| ReleaseRule {
            repository: TagPattern::new(repository),
            tags: TagPattern::new(tags),
            trust: Trust::default(),
            require: Require::SignedTag,
            minimum: None,
        };
        let rules = [rule("h/o/*", "v*"), rule("h/o/r", "v*"), rule("h/o/r", "v*-beta.*")];
        let chosen =
            |tag: &str| choose_rule(&rules, Some("h/o/r"), tag).map(|rule| rule.map(|rule| rule.tags.as_str().to_owned()));
        assert_eq!(chosen("v1"), Ok(Some("v*".to_owned())));
        assert_eq!(chosen("v1-beta.1"), Ok(Some("v*-beta.*".to_owned())));
        assert_eq!(chosen("nightly"), Ok(None));
        assert!(choose_rule(&[rule("h/o/r", "v*"), rule("h/o/r", "*v")], None, "v").is_err());
    }
}
