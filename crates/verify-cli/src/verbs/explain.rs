//! `explain`: the page of a finding, compiled in from docs/findings; without an id, the list.

use openclaw_verify_core::Result;
use openclaw_verify_core::rules::Rule;

use crate::cli::Format;
use crate::render::findings;
use crate::{Exit, names, output, pager, render, wrap};

// The page of every finding, by id: a table that the build script makes of the folder. A test holds it and the catalogue together.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

pub(super) fn run(id: Option<&str>, format: Format) -> Result<Exit> {
    let Some(id) = id else {
        let text = match format {
            Format::Human => findings::list(),
            _ => render::json(&findings::entries())?,
        };
        output::report(&text, format)?;
        return Ok(Exit::Clean);
    };
    let rule = names::finding(id)?;
    match format {
        Format::Human => {
            let width = wrap::stdout().unwrap_or(wrap::USUAL).min(wrap::WIDEST);
            pager::show(&render::page::page(page(rule), width))?;
        }
        _ => output::document(&render::json(&findings::entry(rule))?, format)?,
    }
    Ok(Exit::Clean)
}

fn page(rule: &Rule) -> &'static str {
    PAGES
        .iter()
        .find(|(id, _)| *id == rule.id)
        .map_or(rule.help, |(_, page)| page)
}

#[cfg(test)]
mod tests {
    use openclaw_verify_core::rules;

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
