//! The checklist: for people, and as markdown with boxes.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use openclaw_verify_core::Result;
use openclaw_verify_core::report::{Checklist, ChecklistRow, ChecklistState};

use super::markdown::code;

/// As JSON.
pub(crate) fn json(checklist: &Checklist) -> Result<String> {
    super::json(checklist)
}

/// As a page.
pub(crate) fn html(checklist: &Checklist) -> String {
    super::html::checklist(checklist)
}

/// For people: every point with its state, and what to do about those that are open. `quiet` leaves out what holds.
pub(crate) fn human(checklist: &Checklist, quiet: bool) -> String {
    let mut out = String::new();
    let dim = Style::new().dimmed();
    let mut section = 0;
    for row in &checklist.rows {
        if quiet && row.state != ChecklistState::Open {
            continue;
        }
        if row.section != section {
            let gap = if section == 0 { "" } else { "\n" };
            section = row.section;
            let bold = Style::new().bold();
            let _ = writeln!(
                out,
                "{gap}{bold}{}. {}{bold:#}",
                row.section, row.section_title
            );
        }
        let (style, word) = (style(row.state), word(row.state));
        let until = row
            .until
            .map_or(String::new(), |day| format!(" until {day}"));
        let _ = writeln!(out, "  {style}{word:15}{style:#} {}{until}", row.title);
        for line in &row.evidence {
            let _ = writeln!(out, "      {dim}{line}{dim:#}");
        }
        for line in &row.next {
            let _ = writeln!(out, "      next: {line}");
        }
    }
    let gap = if out.is_empty() { "" } else { "\n" };
    let _ = writeln!(out, "{gap}{}", counts(checklist));
    out
}

/// For a page or a pull request: a box a point, ticked only where evidence says that it holds.
pub(crate) fn markdown(checklist: &Checklist) -> String {
    let mut out = format!(
        "### OpenClaw's security guide, point by point\n\n{}\n",
        counts(checklist)
    );
    let mut section = 0;
    for row in &checklist.rows {
        if row.section != section {
            section = row.section;
            let _ = writeln!(out, "\n#### {}. {}\n", row.section, row.section_title);
        }
        one(&mut out, row);
    }
    out
}

fn one(out: &mut String, row: &ChecklistRow) {
    let tick = if row.state == ChecklistState::Passed {
        "x"
    } else {
        " "
    };
    let until = row
        .until
        .map_or(String::new(), |day| format!(" until {day}"));
    let _ = writeln!(
        out,
        "- [{tick}] {}: **{}**{until} ({})",
        row.title,
        word(row.state),
        row.threats.join(", ")
    );
    for line in &row.evidence {
        let _ = writeln!(out, "  - {}", code(line));
    }
    for line in &row.next {
        let _ = writeln!(out, "  - next: {}", code(line));
    }
}

fn style(state: ChecklistState) -> Style {
    match state {
        ChecklistState::Passed => AnsiColor::Green.on_default(),
        ChecklistState::Excepted => AnsiColor::Cyan.on_default(),
        ChecklistState::Open => AnsiColor::Red.on_default().bold(),
        _ => AnsiColor::Yellow.on_default(),
    }
}

/// The state in words.
pub(super) fn word(state: ChecklistState) -> &'static str {
    match state {
        ChecklistState::NotEstablished => "not established",
        state => state.as_str(),
    }
}

/// How many points are in which state.
pub(super) fn counts(checklist: &Checklist) -> String {
    let summary = &checklist.summary;
    format!(
        "{} passed · {} open · {} excepted · {} not established",
        summary.passed, summary.open, summary.excepted, summary.not_established
    )
}
