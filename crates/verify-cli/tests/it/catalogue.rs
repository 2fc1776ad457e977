//! Every rule has its own file, its line in the catalogue, its page and a test; this fails when one is missing.

use std::fs;
use std::path::Path;

use openclaw_verify_core::finding::Level;
use openclaw_verify_core::rules::{self, Group};

use crate::support::repository;

#[test]
fn every_rule_has_a_file_a_page_and_a_test() {
    let root = repository();
    let sources = root.join("crates/verify-core/src/rules");
    let mut tests = String::new();
    for folder in ["crates/verify-core/tests/it", "crates/verify-cli/tests/it"] {
        read_all(&root.join(folder), &mut tests);
    }
    let mut files = 0;
    for rule in rules::catalogue() {
        let file = sources
            .join(rule.group.as_str())
            .join(format!("{}.rs", rule.id.replace('-', "_")));
        // The eight rules about release tags are constants of one file.
        let of_tags = sources.join("provenance/tags.rs");
        let file = if file.is_file() { file } else { of_tags };
        let source =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(
            source.contains(&format!("id: \"{}\"", rule.id)),
            "{}",
            file.display()
        );
        files += 1;
        let page = root.join("docs/findings").join(format!("{}.md", rule.id));
        assert!(page.is_file(), "{}", page.display());
        let tested = tests.contains(&format!("\"{}\"", rule.id))
            || tests.contains(&format!("\"{} ", rule.id))
            || tests.contains(&format!("\"{}[", rule.id));
        assert!(
            tested || source.contains("#[cfg(test)]"),
            "no test names {}",
            rule.id
        );
    }
    // A file that is in no line of the catalogue is a rule that never runs.
    let mut found = 0;
    for group in fs::read_dir(&sources)
        .expect("groups")
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        for file in fs::read_dir(group.path()).expect("rules").flatten() {
            let source = fs::read_to_string(file.path()).expect("source");
            // Constants that are no rules but what several rules have in common have no id.
            found +=
                source.matches(": Rule = Rule {").count() - source.matches("id: \"\",").count();
        }
    }
    assert_eq!(found, files);
}

/// Each warning about what is installed is classed in docs/warnings.md, and no other. Those about the machine are decisions.
#[test]
fn every_warning_is_classed() {
    let page = fs::read_to_string(repository().join("docs/warnings.md")).expect("page");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for row in &rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [finding, class, reason, gone] = cells.as_slice() else {
            panic!("four cells: {row}")
        };
        assert!(
            ["change", "once", "decision", "date"].contains(class),
            "{row}"
        );
        assert!(!reason.is_empty() && gone.len() > 3, "{row}");
        let id = finding.trim_start_matches("| `");
        let id = id.split(['`', ' ']).next().expect("an id");
        assert!(rules::rule(id).is_some(), "{row}");
    }
    let about_installed = [
        Group::Integrity,
        Group::Pinning,
        Group::Provenance,
        Group::Review,
        Group::Advisory,
        Group::Hygiene,
    ];
    let warnings = rules::catalogue()
        .iter()
        .filter(|rule| rule.level == Level::Warn && about_installed.contains(&rule.group));
    for rule in warnings {
        let named = format!("| `{}` |", rule.id);
        assert!(
            rows.iter().any(|row| row.starts_with(&named)),
            "{} is not in docs/warnings.md",
            rule.id
        );
    }
}

/// A rule whose default is no warning, and that warns of some of what it finds, is classed too.
#[test]
fn every_rule_that_can_warn_is_classed() {
    let page = fs::read_to_string(repository().join("docs/warnings.md")).expect("page");
    let rules = repository().join("crates/verify-core/src/rules");
    let mut missing = Vec::new();
    for group in [
        "integrity",
        "pinning",
        "provenance",
        "review",
        "advisory",
        "hygiene",
    ] {
        for entry in fs::read_dir(rules.join(group)).expect("group").flatten() {
            let source = fs::read_to_string(entry.path()).unwrap_or_default();
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            let id = source
                .split("\n    id: \"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let warns = source.contains("level(Level::Warn)");
            if let Some(id) = id.filter(|id| warns && !page.contains(&format!("\n| `{id}"))) {
                missing.push(id.to_owned());
            }
        }
    }
    assert_eq!(missing, [""; 0], "not in docs/warnings.md");
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("catalogue.rs")
        {
            text.push_str(&fs::read_to_string(&path).expect("source"));
        }
    }
}
