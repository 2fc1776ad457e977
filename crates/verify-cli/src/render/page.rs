//! A page of the documentation on a terminal: what markdown says with marks is said by layout. Pure functions.
//!
//! It knows what the pages of docs/findings use: headings, paragraphs, lists, indented blocks, tables, links and emphasis. What stands
//! between backticks stays as it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::Style;

use crate::wrap::{self, HANG};

/// Rows of a table that end in text are broken in that text alone, so all other columns have to be narrow.
const COLUMN_GAP: &str = "  ";

/// `markdown` for people, no wider than `width` where that can be.
pub(crate) fn page(markdown: &str, width: usize) -> String {
    let mut page = Page::default();
    for line in markdown.lines() {
        page.line(line);
    }
    page.end_block();
    wrap::wrap(&page.out, Some(width))
}

/// What was laid out so far.
#[derive(Default)]
struct Page {
    out: String,
    /// The paragraph or the item of a list at hand, on one line.
    text: String,
    rows: Vec<Vec<String>>,
    /// Addresses that were shown: once is enough.
    shown: BTreeSet<String>,
}

impl Page {
    fn line(&mut self, line: &str) {
        let cell = line.strip_prefix('|');
        if cell.is_none() {
            self.end_table();
        }
        if let Some(cells) = cell {
            self.end_text();
            let cells = cells.trim_end().trim_end_matches('|').split('|');
            self.rows
                .push(cells.map(|it| it.trim().to_owned()).collect());
        } else if line.trim().is_empty() {
            self.end_block();
            self.out.push('\n');
        } else if let Some(heading) = line.strip_prefix('#') {
            self.end_block();
            let bold = Style::new().bold();
            let heading = heading.trim_start_matches('#').trim();
            let _ = writeln!(self.out, "{bold}{heading}{bold:#}");
        } else if line.starts_with("    ") && self.text.is_empty() {
            // It is laid out by hand, or to be copied.
            let _ = writeln!(self.out, "{}", wrap::whole(line));
        } else if let Some(item) = line.strip_prefix("- ") {
            self.end_text();
            self.text = format!("- {HANG}{item}");
        } else {
            // The lines of a paragraph begin where it does.
            self.text
                .push(if self.text.is_empty() { HANG } else { ' ' });
            self.text.push_str(line.trim());
        }
    }

    fn end_block(&mut self) {
        self.end_text();
        self.end_table();
    }

    fn end_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            let text = self.inline(&text);
            let _ = writeln!(self.out, "{text}");
        }
    }

    /// Columns under each other, the last one with a hanging edge.
    fn end_table(&mut self) {
        let is_rule = |row: &[String]| {
            row.iter()
                .all(|cell| cell.trim_matches(['-', ':']).is_empty())
        };
        let mut rows = std::mem::take(&mut self.rows);
        let headed = rows.get(1).is_some_and(|row| is_rule(row));
        rows.retain(|row| !is_rule(row));
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| self.inline(cell)).collect())
            .collect();
        let size = |text: &String| textwrap::core::display_width(text);
        for (number, row) in rows.iter().enumerate() {
            let style = match headed && number == 0 {
                true => Style::new().bold(),
                false => Style::new(),
            };
            let Some((last, others)) = row.split_last() else {
                continue;
            };
            for (column, cell) in others.iter().enumerate() {
                let widest = rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(size)
                    .max();
                let fill = widest.unwrap_or(0).saturating_sub(size(cell));
                let _ = write!(self.out, "{style}{cell}{style:#}{:fill$}{COLUMN_GAP}", "");
            }
            let _ = writeln!(self.out, "{HANG}{style}{last}{style:#}");
        }
    }

    /// Links and emphasis; between backticks nothing is read.
    fn inline(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['`', '[', '*']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let mark = &rest[..1];
            let (shown, length) = match mark {
                "`" => {
                    let end = rest[1..].find('`').map_or(rest.len(), |end| end + 2);
                    (rest[..end].to_owned(), end)
                }
                "[" => self.link(rest).unwrap_or((mark.to_owned(), 1)),
                _ => emphasis(rest).unwrap_or((mark.to_owned(), 1)),
            };
            out.push_str(&shown);
            rest = &rest[length..];
        }
        out.push_str(rest);
        out
    }

    /// The text of the link that `text` begins with, the address beside it where it was not shown yet, and the length of it all.
    fn link(&mut self, text: &str) -> Option<(String, usize)> {
        let (name, from) = text.strip_prefix('[')?.split_once("](")?;
        let (address, _) = from.split_once(')')?;
        if name.contains(['[', ']']) || address.contains(' ') {
            return None;
        }
        let length = name.len() + address.len() + "[]()".len();
        let place = place(address);
        let known = place
            .as_deref()
            .is_none_or(|place| name.trim_matches('`') == place);
        let shown = match place {
            Some(place) if !known && self.shown.insert(place.clone()) => {
                format!("{name} ({place})")
            }
            _ => name.to_owned(),
        };
        Some((shown, length))
    }
}

/// Where a link leads, as a reader without the folder of the pages finds it; none within the page.
fn place(address: &str) -> Option<String> {
    if address.contains("://") {
        return Some(address.to_owned());
    }
    let file = address.split('#').next().filter(|file| !file.is_empty())?;
    Some(match file.strip_prefix("../") {
        Some(document) => format!("docs/{document}"),
        None => file.trim_end_matches(".md").to_owned(),
    })
}

/// The emphasised words that `text` begins with, and their length with the marks.
fn emphasis(text: &str) -> Option<(String, usize)> {
    let marks = text.len() - text.trim_start_matches('*').len();
    let (mark, inner) = text.split_at(marks.min(2));
    let end = inner.find(mark)?;
    let words = &inner[..end];
    let touches = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
    if marks > 2 || !touches(words.chars().next()) || !touches(words.chars().next_back()) {
        return None;
    }
    let style = match marks {
        1 => Style::new().italic(),
        _ => Style::new().bold(),
    };
    Some((format!("{style}{words}{style:#}"), end + 2 * mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str, width: usize) -> String {
        anstream::adapter::strip_str(&page(markdown, width)).to_string()
    }

    #[test]
    fn links_are_text_with_each_address_once() {
        let text = "See [the formats](../formats.md#lock), [formats](../formats.md)\nand\n[tree-mismatch](tree-mismatch.md), [a\nlock](not-locked.md), `[x](y)` and [site](https://example.org/a).\n";
        assert_eq!(
            plain(text, 200),
            "See the formats (docs/formats.md), formats and tree-mismatch, a lock (not-locked), `[x](y)` and site (https://example.org/a).\n"
        );
    }

    #[test]
    fn a_table_hangs_in_its_last_column() {
        let table = "| code | level | what |\n|---|---|---|\n| `a` | deny | one two three four |\n| `long` | *note* | five |\n";
        // The text begins at column 15, and seventeen columns are left for it.
        let text = "code    level  what\n`a`     deny   one two three\n               four\n`long`  note   five\n";
        assert_eq!(plain(table, 32), text);
    }

    #[test]
    fn paragraphs_lists_and_blocks_keep_their_edges() {
        let text = "# x\n\none two\nthree\n\n- four five\n  six seven\n- eight * nine\n\n    cp a b to what is wider\n";
        assert_eq!(
            plain(text, 20),
            "x\n\none two three\n\n- four five six\n  seven\n- eight * nine\n\n    cp a b to what is wider\n"
        );
    }
}
