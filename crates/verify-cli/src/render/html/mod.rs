//! Pages: one self-contained file each, nothing from elsewhere, light and dark, printable, whole without script. Every text of the
//! thing under test goes through [`esc`]; a page forbids itself every request and every other script as well, should one slip through.

#[cfg(feature = "sbom")]
mod changes;
mod checklist;
mod report;

#[cfg(feature = "sbom")]
pub(super) use changes::render as changes;
pub(super) use checklist::render as checklist;
pub(super) use report::render as report;
pub(super) use report::title;

use std::fmt::Write as _;

use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::text::visible;

/// Filters the rows of the tables. The policy of the page allows this script by its digest, and no other.
const SCRIPT: &str = include_str!("search.js");

/// A page with `body`, which is markup. `title` and `class` (of the heading) are text.
fn page(title: &str, class: &str, body: &str) -> String {
    let script = Sri::of(SCRIPT.as_bytes());
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '{script}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1 class="{class}">{title}</h1>
{body}</main>
<footer>{tool} {version}</footer>
<script>{SCRIPT}</script>
</body>
</html>
"#,
        title = esc(title),
        class = esc(class),
        style = include_str!("page.css"),
        tool = env!("CARGO_PKG_NAME"),
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// A page that says only why there is no report.
pub(super) fn failure(what: &str, message: &str) -> String {
    let lines: Vec<String> = message.lines().map(esc).collect();
    page(what, "deny", &format!("<pre>{}</pre>\n", lines.join("\n")))
}

/// A table that scrolls in itself, and whose rows can be searched. `label` is the id of its heading; `rows` are markup.
fn table(out: &mut String, label: &str, columns: &[&str], rows: &str) {
    push(
        out,
        format_args!(
            "<label class=\"search\" hidden>Search <input type=\"search\" data-rows=\"{label}-rows\"></label>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{label}\">\n<table>\n<thead><tr>"
        ),
    );
    for column in columns {
        push(out, format_args!("<th scope=\"col\">{}</th>", esc(column)));
    }
    push(
        out,
        format_args!(
            "</tr></thead>\n<tbody id=\"{label}-rows\">\n{rows}</tbody>\n</table>\n</div>"
        ),
    );
}

/// Lines as they are; nothing where there are none.
fn lines(out: &mut String, lines: &[String]) {
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(|line| esc(line)).collect();
        push(out, format_args!("<pre>{}</pre>", lines.join("\n")));
    }
}

/// What to do next. A click selects all of a command, and no word around it: some of those would run something else.
fn next(out: &mut String, help: &str, commands: &[String]) {
    if help.is_empty() {
        return;
    }
    let mut shown = String::new();
    let mut rest = help;
    while let Some((at, command)) = first_of(rest, commands) {
        let (words, from) = rest.split_at(at);
        shown.push_str(&esc(words));
        shown.push_str(&format!("<code>{}</code>", esc(command)));
        rest = from.strip_prefix(command).unwrap_or_default();
    }
    shown.push_str(&esc(rest));
    push(out, format_args!("<p><b>Next:</b> {shown}</p>"));
}

/// The first of `commands` in `text`, and of those that begin at the same place the longest.
fn first_of<'a>(text: &str, commands: &'a [String]) -> Option<(usize, &'a str)> {
    let found = commands.iter().filter(|command| !command.is_empty());
    let found = found.filter_map(|command| Some((text.find(command.as_str())?, command.as_str())));
    found.min_by_key(|(at, command)| (*at, std::cmp::Reverse(command.len())))
}

/// The text, in which nothing is markup and nothing is invisible.
fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let hostile = "</p><script>alert(1)</script>\" onload='x' &amp; \u{202e}\u{1b}[2J";
        assert_eq!(
            esc(hostile),
            "&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp; \\u{202e}\\u{1b}[2J"
        );
    }

    #[test]
    fn only_commands_are_selected_by_a_click() {
        let commands = ["a lock".to_owned(), "a lock --accept 'x'".to_owned()];
        let mut out = String::new();
        next(
            &mut out,
            "see `npx y`: a lock --accept 'x'; or <b>: a lock",
            &commands,
        );
        assert_eq!(
            out,
            "<p><b>Next:</b> see `npx y`: <code>a lock --accept &#39;x&#39;</code>; or &lt;b&gt;: <code>a lock</code></p>\n"
        );
    }

    #[test]
    fn a_failure_is_a_page_too() {
        let page = failure("<b>", "a\nb <i>");
        assert!(page.contains("<h1 class=\"deny\">&lt;b&gt;</h1>"));
        assert!(page.contains("<pre>a\nb &lt;i&gt;</pre>"));
    }

    #[test]
    fn the_one_script_holds_nothing_that_would_end_it() {
        assert!(!SCRIPT.contains("</"));
        assert_eq!(page("", "", "").matches("<script").count(), 1);
    }
}
