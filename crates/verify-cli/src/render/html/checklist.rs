//! The checklist: the points of the guide, chapter by chapter.

use openclaw_verify_core::report::{Checklist, ChecklistRow, ChecklistState};

use super::{esc, lines, next, page, push};
use crate::render::checklist::{counts, word};

/// The page.
pub(in crate::render) fn render(checklist: &Checklist) -> String {
    let mut out = String::new();
    push(
        &mut out,
        format_args!("<p class=\"counts\">{}</p>", esc(&counts(checklist))),
    );
    for chapter in checklist.rows.chunk_by(|a, b| a.section == b.section) {
        let Some(first) = chapter.first() else {
            continue;
        };
        push(
            &mut out,
            format_args!(
                "<section>\n<h2>{}. {}</h2>\n<div class=\"group\">",
                first.section,
                esc(first.section_title)
            ),
        );
        for row in chapter {
            one(&mut out, row);
        }
        out.push_str("</div>\n</section>\n");
    }
    let class = if checklist.summary.open > 0 {
        "deny"
    } else {
        "note"
    };
    page("OpenClaw's security guide, point by point", class, &out)
}

fn one(out: &mut String, row: &ChecklistRow) {
    let until = row
        .until
        .map_or(String::new(), |day| format!(" until {day}"));
    push(
        out,
        format_args!(
            "<article>\n<h3><span class=\"level {}\">{}{until}</span> {}</h3>",
            class(row.state),
            word(row.state),
            esc(row.title)
        ),
    );
    lines(out, &row.evidence);
    for line in &row.next {
        next(out, line, &[]);
    }
    push(
        out,
        format_args!(
            "<p class=\"at\">{}</p>\n</article>",
            esc(&row.threats.join(", "))
        ),
    );
}

fn class(state: ChecklistState) -> &'static str {
    match state {
        ChecklistState::Passed => "good",
        ChecklistState::Open => "deny",
        ChecklistState::Excepted => "note",
        _ => "warn",
    }
}
