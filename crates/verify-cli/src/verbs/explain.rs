//! `explain`: the page of a finding, compiled in from docs/findings; without an id, the list.

use std::fmt::Write as _;

use openclaw_verify_core::rules::{self, Rule};
use openclaw_verify_core::{Error, Result, text};
use serde::Serialize;

use crate::cli::Format;
use crate::{Exit, output, render};

// The page of every finding, by id: a table that the build script makes of the folder. A test holds it and the catalogue together.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

#[derive(Serialize)]
struct Entry {
    id: &'static str,
    group: &'static str,
    level: &'static str,
    lowerable: bool,
    summary: &'static str,
    help: &'static str,
}

pub(super) fn run(id: Option<&str>, format: Format) -> Result<Exit> {
    match id {
        None if format == Format::Json => output::stdout(&render::json(
            &rules::catalogue().iter().map(entry).collect::<Vec<_>>(),
        )?)?,
        None => output::stdout(&list())?,
        Some(id) => {
            let id = id.strip_prefix("openclaw-verify/").unwrap_or(id);
            let rule = rules::rule(id).ok_or_else(|| {
                Error::environment(
                    format!("no finding is called {}", text::excerpt(id, 60)),
                    "openclaw-verify explain lists all of them",
                )
            })?;
            if format == Format::Json {
                output::stdout(&render::json(&entry(rule))?)?;
            } else {
                output::stdout(page(rule))?;
            }
        }
    }
    Ok(Exit::Clean)
}

fn list() -> String {
    let mut text = String::new();
    let mut group = None;
    for rule in rules::catalogue() {
        if group.replace(rule.group) != Some(rule.group) {
            let _ = writeln!(
                text,
                "{}{}",
                if text.is_empty() { "" } else { "\n" },
                rule.group.as_str()
            );
        }
        let _ = writeln!(
            text,
            "  {:22} {:5} {}",
            rule.id,
            rule.level.as_str(),
            rule.summary
        );
    }
    text
}

fn page(rule: &Rule) -> &'static str {
    PAGES
        .iter()
        .find(|(id, _)| *id == rule.id)
        .map_or(rule.help, |(_, page)| page)
}

fn entry(rule: &Rule) -> Entry {
    Entry {
        id: rule.id,
        group: rule.group.as_str(),
        level: rule.level.as_str(),
        lowerable: !rule.fixed,
        summary: rule.summary,
        help: rule.help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_has_a_page_and_every_page_a_finding() {
        let pages: Vec<&str> = PAGES.iter().map(|(id, _)| *id).collect();
        let mut rules: Vec<&str> = rules::catalogue().iter().map(|rule| rule.id).collect();
        rules.sort_unstable();
        assert_eq!(pages, rules);
        for (id, page) in PAGES {
            assert!(page.starts_with(&format!("# {id}\n")), "{id}");
            assert!(page.contains("\n## What to do\n"), "{id}");
        }
    }
}
