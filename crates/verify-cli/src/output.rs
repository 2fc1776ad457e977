//! The two streams: the report goes to standard output, everything else to standard error.
//!
//! Everything that is printed passes one of the functions of this file, and each of them escapes what could act on a terminal. Names
//! and messages of the thing under test are made visible where they are taken in; this is what holds where that was forgotten, and
//! for messages of libraries and of the operating system.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use openclaw_verify_core::text::{is_hazard, visible};
use openclaw_verify_core::{Error, Result};

use crate::cli::{ColorWhen, Format};
use crate::wrap;

/// Whether whatever read standard output went away.
static GONE: AtomicBool = AtomicBool::new(false);

/// Whether whatever read standard output went away, as far as it was tried.
pub(crate) fn reader_is_gone() -> bool {
    GONE.load(Ordering::Relaxed)
}

/// Chooses when to colour, for both streams.
pub(crate) fn set_color(when: ColorWhen) {
    let choice = match when {
        ColorWhen::Auto => anstream::ColorChoice::Auto,
        ColorWhen::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorWhen::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Text for people on standard output: wrapped to the terminal, with our own styles and nothing else that a terminal obeys.
pub(crate) fn human(text: &str) -> Result<()> {
    write(&wrapped(text, wrap::stdout()))
}

/// The same without wrapping: listings, differences and scripts, whose lines mean something.
pub(crate) fn lines(text: &str) -> Result<()> {
    write(&styled(text))
}

/// A document in a format for machines.
pub(crate) fn document(text: &str, format: Format) -> Result<()> {
    write(&escaped(text, format))
}

/// Whether standard output is for a statement, and the report goes to standard error.
static ASIDE: AtomicBool = AtomicBool::new(false);

/// Leaves standard output to a statement.
pub(crate) fn keep_reports_aside() {
    ASIDE.store(true, Ordering::Relaxed);
}

/// A report in any format.
pub(crate) fn report(text: &str, format: Format) -> Result<()> {
    match format {
        _ if ASIDE.load(Ordering::Relaxed) => {
            let text = match format {
                Format::Human => wrapped(text, wrap::stderr()),
                _ => escaped(text, format),
            };
            let _ = anstream::stderr().lock().write_all(text.as_bytes());
            Ok(())
        }
        Format::Human => human(text),
        _ => document(text, format),
    }
}

/// Text for people in lines of at most `width`. A line that is broken begins with a word from its middle, so each is looked at then.
fn wrapped(text: &str, width: Option<usize>) -> String {
    inert(&wrap::wrap(&without_hazards(text), width), Format::Human).into_owned()
}

/// A line on standard error, in which even a line break is escaped. Nothing can be done when that fails.
pub(crate) fn stderr(line: &str) {
    let line = wrapped(&visible(line), wrap::stderr());
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Text of several lines on standard error, as it is laid out.
pub(crate) fn stderr_text(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", styled(text));
}

/// Writes to standard output. A reader that went away is a normal end.
fn write(text: &str) -> Result<()> {
    let mut stream = anstream::stdout().lock();
    match stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to", "standard output", error))
        }
        Err(_) => {
            GONE.store(true, Ordering::Relaxed);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// `text` in which only line ends, our marks and sequences that choose a style are left as they are, and nothing is a command of a runner.
pub(crate) fn styled(text: &str) -> String {
    inert(&without_hazards(text), Format::Human).into_owned()
}

fn without_hazards(text: &str) -> String {
    let plain = |c: char| !is_hazard(c) || matches!(c, '\n' | '\t' | wrap::JOIN | wrap::HANG);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\u{1b}' => style_length(rest).unwrap_or(0),
            c if plain(c) => c.len_utf8(),
            _ => 0,
        };
        if length == 0 {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            rest = &rest[c.len_utf8()..];
        } else {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out
}

/// How long the sequence is that chooses a style; none when `text` begins with something else.
fn style_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let parameters = inside.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
    parameters
        .starts_with('m')
        .then(|| text.len() - parameters.len() + 1)
}

/// A document in which what a terminal or a runner could obey is written as the format's own escapes, so that it says the same.
pub(crate) fn escaped(text: &str, format: Format) -> String {
    inert(&in_format(text, format), format).into_owned()
}

fn in_format(text: &str, format: Format) -> String {
    if !text.chars().any(|c| is_hazard(c) && c != '\n') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            c if is_hazard(c) => escape(&mut out, c, format),
            c => out.push(c),
        }
    }
    out
}

/// `c` as `format` escapes it; in what people read, as every other hazard is shown.
fn escape(out: &mut String, c: char, format: Format) {
    // Writing to a String cannot fail.
    let _ = match format {
        Format::Json | Format::Jsonl | Format::Sarif => {
            let mut units = [0; 2];
            c.encode_utf16(&mut units)
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}"))
        }
        _ => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

/// `text` in which nothing is a command of a runner of CI, which reads the log of every step for them: `##[name]` anywhere in a line,
/// `##vso[name]`, and `::name::` where a line begins. What the format `github` begins so is meant.
/// [S actions/runner `ActionCommand.cs`, azure-pipelines-agent `Command.cs`]
fn inert(text: &str, format: Format) -> Cow<'_, str> {
    if !text.contains("##") && !text.contains("::") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        let begun = line.len() - beginning(line).len();
        if line[begun..].starts_with("::") && format != Format::Github {
            out.push_str(&line[..begun]);
            escape(&mut out, ':', format);
            rest = &line[begun + 1..];
        }
        let mut from = 0;
        for (at, _) in rest.match_indices('[') {
            let name = |c: char| c.is_ascii_lowercase();
            if rest[..at].trim_end_matches(name).ends_with("##") {
                out.push_str(&rest[from..at]);
                escape(&mut out, '[', format);
                from = at + 1;
            }
        }
        out.push_str(&rest[from..]);
    }
    Cow::Owned(out)
}

/// `line` from the first character that is printed: blanks before it are passed over by runners, and styles and marks are taken out.
fn beginning(line: &str) -> &str {
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(|c: char| {
            c != '\n' && (c.is_whitespace() || matches!(c, wrap::JOIN | wrap::HANG))
        });
        match style_length(rest) {
            Some(length) => rest = &rest[length..],
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_styles_pass() {
        let text = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\n";
        assert_eq!(
            styled(text),
            "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{9b}2J\\u{202e}\n"
        );
    }

    #[test]
    fn nothing_is_a_command_of_a_runner() {
        let text = "a ##[set-output name=x]y\n \u{1b}[1m::add-mask::deny\n###[debug]\n##vso[task.complete]\na::b # [x] ## x[0]\n";
        assert_eq!(
            styled(text),
            "a ##\\u{5b}set-output name=x]y\n \u{1b}[1m\\u{3a}:add-mask::deny\n###\\u{5b}debug]\n##vso\\u{5b}task.complete]\na::b # [x] ## x[0]\n"
        );
        let ours = "::error title=x::y\nnote z ##[debug]\n";
        assert_eq!(
            escaped(ours, Format::Github),
            "::error title=x::y\nnote z ##\\u{5b}debug]\n"
        );
        let json = escaped("{\"a\":\"##[debug]\"}\n", Format::Json);
        assert_eq!(json, "{\"a\":\"##\\u005bdebug]\"}\n");
    }

    #[test]
    fn no_broken_line_begins_with_a_command() {
        let text = "note: aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbb ::add-mask::deny";
        let shown = wrapped(text, Some(40));
        assert!(shown.contains("\\u{3a}:add-mask::deny"), "{shown}");
    }

    #[test]
    fn json_says_the_same_with_escapes() {
        let text = "{\"a\":\"\u{9b}\u{202e}\u{e0001}é\"}\n";
        let shown = escaped(text, Format::Json);
        assert_eq!(shown, "{\"a\":\"\\u009b\\u202e\\udb40\\udc01é\"}\n");
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(parse(&shown), parse(text));
    }
}
