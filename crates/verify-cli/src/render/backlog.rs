//! What is left to read, and what else can be done about it. Pure functions.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::civil::Date;
use openclaw_verify_core::policy::Exception;
use openclaw_verify_core::text::shell_word;
use openclaw_verify_core::{Backlog, BacklogItem};

use super::count;
use crate::{commands, wording};

/// What the ways beside reading stand on.
pub(crate) struct Ways<'a> {
    /// What policy puts up with.
    pub exceptions: &'a [Exception],
    /// The policy, as it is shown.
    pub policy: &'a str,
    pub today: Date,
    /// Whether a registry was asked who built what.
    pub online: bool,
    /// Whether one is known that could be asked.
    pub has_registry: bool,
}

/// One line for each, the total, and the other ways that policy takes.
pub(crate) fn backlog(backlog: &Backlog, ways: &Ways<'_>) -> String {
    let mut out = String::new();
    for item in &backlog.items {
        one(&mut out, item);
    }
    if backlog.items.is_empty() {
        out.push_str("nothing is left to read\n");
        return out;
    }
    let things = count(backlog.items.len(), "thing");
    let _ = writeln!(out, "\n{things} to read: {}", backlog.total);
    others(&mut out, &backlog.items, ways);
    out
}

fn one(out: &mut String, item: &BacklogItem) {
    let bold = Style::new().bold();
    let part = if matches!(item.part, "tree" | "definition") {
        ""
    } else {
        item.part
    };
    let gap = if part.is_empty() { "" } else { " " };
    let since = match (&item.since, &item.from) {
        (Some(since), _) => format!(" since {since}"),
        (None, Some(_)) => " since what was reviewed before".to_owned(),
        (None, None) => String::new(),
    };
    let within = item
        .within
        .as_ref()
        .map_or_else(String::new, |plugin| format!(", read with {plugin}"));
    let _ = writeln!(
        out,
        "{bold}{}{bold:#}{gap}{part}  {}: {}{since}{within}",
        item.subject, item.finding, item.cost
    );
    let command = wording::command(&item.remedy).unwrap_or_default();
    let _ = writeln!(out, "  {}", commands::carried(&command));
}

/// Reading is the best way and not the only one.
fn others(out: &mut String, items: &[BacklogItem], ways: &Ways<'_>) {
    let has_registry = |item: &&BacklogItem| {
        item.publishers.is_empty() && item.subject.scheme() == "npm" && item.part == "tree"
    };
    let unasked = items.iter().filter(has_registry).count();
    if unasked > 0 && ways.online && ways.has_registry {
        let _ = writeln!(
            out,
            "\nThe registry proves of {unasked} of them no publisher that could be trusted."
        );
    }
    out.push_str("\nWhere you need not read it yourself:\n");
    let mut way = |what: String, command: String| {
        let _ = writeln!(out, "- {what}\n    {}", commands::carried(&command));
    };
    let built: Vec<&BacklogItem> = items
        .iter()
        .filter(|it| !it.publishers.is_empty())
        .collect();
    if let Some((item, publisher)) = built
        .first()
        .and_then(|item| Some((item, item.publishers.first()?)))
    {
        let workflow = publisher
            .workflow
            .as_ref()
            .map(|workflow| format!(" --workflow {}", shell_word(workflow)));
        way(
            format!(
                "of {} it is verified who published it; trust one for a year at most:",
                built.len()
            ),
            format!(
                "openclaw-verify review {} --trust {}{}",
                shell_word(item.subject.as_str()),
                shell_word(&publisher.id),
                workflow.unwrap_or_default()
            ),
        );
    }
    if unasked > 0 && !(ways.online && ways.has_registry) {
        let proves = format!(
            "of {unasked} a registry may prove who published it, and then trust can replace a review"
        );
        match ways.has_registry {
            true => way(
                format!("{proves}; to ask it:"),
                "openclaw-verify review --online".to_owned(),
            ),
            false => way(
                format!("{proves}; to name npm's own, which --online then asks:"),
                "openclaw-verify policy source \"$(npm config get registry)\"".to_owned(),
            ),
        }
    }
    way(
        format!(
            "reviews of people you trust count once {} names them (`[imports.NAME]`):",
            ways.policy
        ),
        "openclaw-verify explain unreviewed".to_owned(),
    );
    put_off(&mut way, items, ways);
}

/// An exception until a day, or until when those last that are there.
fn put_off(way: &mut impl FnMut(String, String), items: &[BacklogItem], ways: &Ways<'_>) {
    let exception = |item: &BacklogItem| {
        let mut of = ways.exceptions.iter().filter(|exception| {
            exception.package == item.subject
                && !exception.expired(ways.today)
                && exception.allow.iter().any(|id| id == item.finding)
        });
        of.next().map(|exception| exception.until)
    };
    let until = items.iter().filter_map(exception).min();
    let open = items.iter().rev().find(|item| exception(item).is_none());
    match (open, until) {
        (Some(item), _) => {
            way(
                "not now: an exception that ends by itself, one for each:".to_owned(),
                format!(
                    "openclaw-verify policy except {} {} --until DAY --reason TEXT",
                    shell_word(item.subject.as_str()),
                    item.finding
                ),
            );
        }
        (None, Some(until)) => way(
            format!("until {until} exceptions cover all of it; how they end:"),
            "openclaw-verify explain exception-expiring".to_owned(),
        ),
        (None, None) => {}
    }
}
