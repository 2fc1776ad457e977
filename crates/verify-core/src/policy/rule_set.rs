//! The operator's rules, so that the one that decides about a subject is found without asking all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::PolicyRule;
use crate::subject::SubjectId;

/// Rules in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleSet {
    rules: Vec<PolicyRule>,
    /// Those without a wildcard, by their text.
    exact: BTreeMap<String, usize>,
    /// The others.
    wild: Prefixes,
}

/// Numbers by what has to stand at the beginning of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefixes {
    numbers: BTreeMap<String, Vec<usize>>,
    lengths: BTreeSet<usize>,
}

impl RuleSet {
    pub(super) fn new(rules: Vec<PolicyRule>) -> Self {
        let mut set = Self::default();
        for (number, rule) in rules.iter().enumerate() {
            let pattern = &rule.pattern;
            if pattern.is_exact() {
                set.exact.insert(pattern.as_str().to_owned(), number);
            } else {
                set.wild.insert(pattern.prefix(), number);
            }
        }
        set.rules = rules;
        set
    }

    pub(super) fn as_slice(&self) -> &[PolicyRule] {
        &self.rules
    }

    /// The one rule that decides about a subject. No two of the same weight can match it: that is refused when the file is read.
    pub(super) fn most_specific(&self, id: &SubjectId) -> Option<&PolicyRule> {
        let exact = self.exact.get(id.as_str()).copied();
        let numbers = self.wild.starting(id.as_str()).chain(exact);
        numbers
            .filter_map(|number| self.rules.get(number))
            .filter(|rule| rule.pattern.matches(id.as_str()))
            .max_by_key(|rule| (rule.pattern.literals(), rule.line))
    }

    /// The rules that match none of `ids`.
    pub(super) fn unmatched<'a>(
        &'a self,
        ids: &[&SubjectId],
    ) -> impl Iterator<Item = &'a PolicyRule> + use<'a> {
        let ids: BTreeSet<&str> = ids.iter().map(|id| id.as_str()).collect();
        let mut matched = vec![false; self.rules.len()];
        for (rule, matched) in self.rules.iter().zip(&mut matched) {
            let prefix = rule.pattern.prefix();
            *matched = ids
                .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
                .take_while(|id| id.starts_with(prefix))
                .any(|id| rule.pattern.matches(id));
        }
        let all = self.rules.iter().zip(matched);
        all.filter_map(|(rule, matched)| (!matched).then_some(rule))
    }
}

impl Prefixes {
    pub(super) fn insert(&mut self, prefix: &str, number: usize) {
        self.lengths.insert(prefix.len());
        let numbers = self.numbers.entry(prefix.to_owned()).or_default();
        numbers.push(number);
    }

    /// The numbers of every prefix of `text`.
    pub(super) fn starting<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        let prefixes = self
            .lengths
            .iter()
            .map_while(|length| (*length <= text.len()).then_some(*length))
            .filter_map(|length| text.get(..length));
        prefixes
            .filter_map(|prefix| self.numbers.get(prefix))
            .flatten()
            .copied()
    }

    /// The numbers of every prefix that is longer than `text` and starts with it.
    pub(super) fn started_by<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.numbers
            .range::<str, _>((Bound::Excluded(text), Bound::Unbounded))
            .take_while(move |(prefix, _)| prefix.starts_with(text))
            .flat_map(|(_, numbers)| numbers)
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Pattern;

    fn rule(pattern: &str, line: usize) -> PolicyRule {
        PolicyRule {
            pattern: Pattern::new(pattern).expect("pattern"),
            line,
            pin: None,
            provenance: None,
            identity: None,
            review: None,
            dependencies: None,
            local: None,
        }
    }

    #[test]
    fn the_index_finds_what_asking_every_rule_would_find() {
        let patterns = [
            "**",
            "npm:**",
            "npm:@acme/*",
            "npm:@acme/zalo",
            "skill:workspace/*",
            "skill:work*/ä*",
            "skill:workspace/äb",
            "*:x",
        ];
        let rules: Vec<PolicyRule> = patterns
            .iter()
            .zip(1..)
            .map(|(pattern, line)| rule(pattern, line))
            .collect();
        let set = RuleSet::new(rules.clone());
        let ids = [
            "npm:@acme/zalo",
            "npm:@acme/other",
            "npm:x",
            "skill:workspace/äb",
            "skill:workspace/äc",
            "skill:workspace/b",
            "git:x",
        ]
        .map(|id| id.parse::<SubjectId>().expect("id"));
        for id in &ids {
            let matching = rules.iter().filter(|r| r.pattern.matches(id.as_str()));
            let expected = matching.max_by_key(|r| r.pattern.literals());
            assert_eq!(set.most_specific(id), expected, "{id}");
        }
        let few: Vec<&SubjectId> = ids.iter().take(4).collect();
        let unmatched: Vec<&PolicyRule> = set.unmatched(&few).collect();
        let expected: Vec<&PolicyRule> = rules
            .iter()
            .filter(|r| !few.iter().any(|id| r.pattern.matches(id.as_str())))
            .collect();
        assert_eq!(unmatched, expected);
    }

    #[test]
    fn beginnings_are_found_from_both_sides() {
        let mut prefixes = Prefixes::default();
        for (number, prefix) in ["", "a", "ab", "abc", "b"].into_iter().enumerate() {
            prefixes.insert(prefix, number);
        }
        assert_eq!(prefixes.starting("ab").collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(prefixes.started_by("ab").collect::<Vec<_>>(), [3]);
        assert_eq!(prefixes.started_by("").count(), 4);
    }
}
