//! Errors as they are shown: escaped, with an excerpt of bounded size, and as one document where the format is for machines.

use std::ffi::OsString;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum as _;
use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteHandlerOpts, MietteSpanContents, NamedSource,
    ReportHandler, SourceCode, SourceSpan, SpanContents,
};
use openclaw_verify_core::text::{excerpt, visible};
use openclaw_verify_core::{Error, OperatorError};

use crate::cli::Format;
use crate::render::failure::{self, Failure};
use crate::{Exit, operator, output, wording, wrap};

/// Characters of a line that are shown before and behind the place that is meant, and of that place.
const AROUND: usize = 60;

/// Shows an error that names its options already ([`wording::error`]), and says how the program ends.
pub(crate) fn show(error: &Error, format: Format) -> Exit {
    let exit = exit_of(error);
    let shown = Shown::of(error);
    machine(&shown.failure(exit), format);
    output::stderr_text(&shown.to_text());
    exit
}

/// How the program ends after it.
pub(crate) fn exit_of(error: &Error) -> Exit {
    match error {
        Error::NothingToVerify { .. } => Exit::Nothing,
        _ => Exit::Failed,
    }
}

/// An error, which names its options already ([`wording::error`]), in place of a report.
pub(crate) fn failure(error: &Error) -> Failure {
    Shown::of(error).failure(exit_of(error))
}

/// An error in words, with its cause and what to do.
pub(crate) fn in_words(error: Error) -> String {
    Shown::of(&wording::error(error))
        .failure(Exit::Failed)
        .message()
}

/// clap's own words for a command line that was not understood, or its help.
pub(crate) fn usage(error: &clap::Error, format: Format) -> ExitCode {
    if !error.use_stderr() {
        // What help and version say is ours. Nothing can be done when the reader is gone.
        let _ = output::lines(&error.render().ansi().to_string());
        return ExitCode::SUCCESS;
    }
    // With the styles go those that an argument may bring.
    let text = anstream::adapter::strip_str(&error.render().to_string()).to_string();
    let what: Vec<&str> = text
        .lines()
        .map(|line| line.trim().trim_start_matches("error: "))
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    let failure = Failure {
        what: visible(&what.join(" ")).into_owned(),
        help: Some("openclaw-verify --help".to_owned()),
        ..Failure::new(Exit::Failed)
    };
    machine(&failure, format);
    output::stderr_text(text.trim_end());
    ExitCode::from(Exit::Failed as u8)
}

/// The format that a command line asks for, which has to be known also when it cannot be understood.
pub(crate) fn format_of(arguments: impl Iterator<Item = OsString>) -> Format {
    let mut arguments = arguments
        .skip(1)
        .map(|it| it.to_string_lossy().into_owned());
    let mut format = Format::Human;
    while let Some(argument) = arguments.next() {
        let value = match argument.split_once('=') {
            Some(("--format", value)) => Some(value.to_owned()),
            _ if argument == "--format" => arguments.next(),
            _ if argument == "--" => break,
            _ => None,
        };
        if let Some(Ok(named)) = value.map(|value| Format::from_str(&value, false)) {
            format = named;
        }
    }
    format
}

/// The last net: a panic is a fault of this program, and ends as whatever else could not be completed.
pub(crate) fn guarded(format: Format, program: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(panicked));
    catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|_| {
        let failure = Failure {
            what: "openclaw-verify failed in itself".to_owned(),
            help: Some(REPORT.to_owned()),
            ..Failure::new(Exit::Failed)
        };
        machine(&failure, format);
        ExitCode::from(Exit::Failed as u8)
    })
}

const REPORT: &str = concat!(
    "please report this: ",
    env!("CARGO_PKG_REPOSITORY"),
    "/issues"
);

/// One line for the first panic of a run: others follow from it.
fn panicked(info: &PanicHookInfo<'_>) {
    static SHOWN: AtomicBool = AtomicBool::new(false);
    if SHOWN.swap(true, Ordering::Relaxed) {
        return;
    }
    let place = info.location().map_or(String::new(), |location| {
        let file: Vec<&str> = location.file().rsplit('/').take(2).collect();
        let file: Vec<&str> = file.into_iter().rev().collect();
        format!(" at {}:{}", file.join("/"), location.line())
    });
    let payload = info.payload();
    let why = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or_default();
    output::stderr(&format!(
        "error: openclaw-verify failed in itself{place} ({}); {REPORT}",
        excerpt(why, 200)
    ));
}

/// The one document on standard output in place of a report. A stream that is gone takes neither.
fn machine(failure: &Failure, format: Format) {
    if let Some(text) = failure::render(failure, format) {
        let _ = output::document(&text, format);
    }
}

/// An error in which nothing is raw and nothing is long.
#[derive(Debug)]
struct Shown {
    what: String,
    cause: Option<Cause>,
    help: Option<String>,
    place: Option<Place>,
    file: Option<String>,
}

/// Where in a file, and the text around it.
#[derive(Debug)]
struct Place {
    source: Cut,
    label: LabeledSpan,
    line: usize,
    column: usize,
}

#[derive(Debug)]
struct Cause(String);

impl Shown {
    fn of(error: &Error) -> Self {
        let help = error
            .help()
            .map(|help| wrap::join_commands(&visible(&help.to_string())));
        let cause = std::error::Error::source(error)
            .map(|cause| Cause(visible(&cause.to_string()).into_owned()));
        let (place, file) = match error {
            Error::Operator(error) => (
                Place::of(error),
                Some(visible(error.file.name()).into_owned()),
            ),
            _ => (None, None),
        };
        let what = match error {
            Error::Operator(error) if !may_be_quoted(error) => without_its_words(error),
            _ => error.to_string(),
        };
        Self {
            what: visible(&what).into_owned(),
            // What says the same as the error itself is no cause of it.
            cause: cause.filter(|_| !matches!(error, Error::Operator(_))),
            help,
            place,
            file,
        }
    }

    fn failure(&self, exit: Exit) -> Failure {
        Failure {
            what: self.what.clone(),
            cause: self.cause.as_ref().map(ToString::to_string),
            help: self.help.as_deref().map(wrap::unmarked),
            file: self.file.clone(),
            place: self.place.as_ref().map(|place| (place.line, place.column)),
            ..Failure::new(exit)
        }
    }

    /// As miette lays it out, with the colours that standard error takes.
    fn to_text(&self) -> String {
        let options = MietteHandlerOpts::new()
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .terminal_links(false)
            .color(colours());
        let options = match wrap::stderr() {
            Some(width) => options.width(width),
            None => options.wrap_lines(false),
        };
        let laid = Laid(self, options.build()).to_string();
        wrap::unmarked(laid.trim_end())
    }
}

fn colours() -> bool {
    use anstream::ColorChoice;
    match anstream::AutoStream::choice(&std::io::stderr()) {
        ColorChoice::Never => false,
        ColorChoice::Always | ColorChoice::AlwaysAnsi => true,
        ColorChoice::Auto => false,
    }
}

struct Laid<'a, H>(&'a Shown, H);

impl<H: ReportHandler> fmt::Display for Laid<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.debug(self.0, f)
    }
}

fn may_be_quoted(error: &OperatorError) -> bool {
    error.pinned || operator::may_be_quoted(Path::new(error.file.name()))
}

/// What is wrong with a file, without what it says: messages give it in backticks, or after a colon. What is expected, and what the system
/// says, is not the file's.
fn without_its_words(error: &OperatorError) -> String {
    if error.message.contains(" (os error ") {
        return error.message.clone();
    }
    let name = format!("{}: ", error.file.name());
    let (place, rest) = match error.message.strip_prefix(&name) {
        Some(rest) => (name.as_str(), rest),
        None => ("", error.message.as_str()),
    };
    let ours = rest.split(": ").next().unwrap_or_default();
    let (said, expected) = ours.split_at(ours.find(", expected ").unwrap_or(ours.len()));
    let parts: Vec<&str> = said.split('`').collect();
    let hidden = parts.iter().enumerate().map(|(at, part)| match at % 2 {
        0 => *part,
        _ => "`…`",
    });
    format!("{place}{}{expected}", hidden.collect::<String>())
}

/// What stands in place of a line that is not shown.
const UNQUOTED: &str = "(shown on a terminal only: it is a link, or a file that policy names)";

impl Place {
    /// The line that is meant, with the one before and behind it, each cut so that a long one costs neither memory nor a screen.
    fn of(error: &OperatorError) -> Option<Self> {
        let span = error.span?;
        let text = error.file.inner().as_str();
        let floor = |at: usize| {
            let mut at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.offset());
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(span.offset().saturating_add(span.len())).clamp(start, line_end);
        let before = last(&text[line_start..start]);
        let meant = first(&text[start..end]);
        let after = first(&text[end..line_end]);
        let number = text[..line_start].matches('\n').count();

        // Lines that are not shown are empty here, so that the others keep their numbers.
        let mut shown = "\n".repeat(number.saturating_sub(1));
        let quoted = may_be_quoted(error);
        let (before, meant, after) = match quoted {
            true => (before, meant, after),
            false => (String::new(), UNQUOTED.to_owned(), String::new()),
        };
        if let Some(previous) = text[..line_start].strip_suffix('\n') {
            let previous = &previous[previous.rfind('\n').map_or(0, |at| at + 1)..];
            shown.push_str(&first(if quoted { previous } else { "" }));
            shown.push('\n');
        }
        let offset = shown.len() + before.len();
        shown.push_str(&before);
        shown.push_str(&meant);
        shown.push_str(&after);
        if let Some(next) = text.get(line_end + 1..).filter(|_| quoted) {
            shown.push('\n');
            shown.push_str(&first(next.split('\n').next().unwrap_or_default()));
        }
        let column = text[line_start..start].chars().count() + 1;
        let label = match quoted {
            true => visible(&error.label).into_owned(),
            false => "here".to_owned(),
        };
        Some(Self {
            source: Cut {
                text: NamedSource::new(visible(error.file.name()), shown),
                column,
            },
            label: LabeledSpan::new(Some(label), offset, meant.len()),
            line: number + 1,
            column,
        })
    }
}

/// Text whose lines were cut, and the column at which the place was before.
#[derive(Debug)]
struct Cut {
    text: NamedSource<String>,
    column: usize,
}

impl SourceCode for Cut {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, before, after)?;
        // The place itself is asked for without lines around it, and only then is its column shown.
        if before > 0 || after > 0 {
            return Ok(found);
        }
        Ok(Box::new(MietteSpanContents::new_named(
            self.text.name().to_owned(),
            found.data(),
            *found.span(),
            found.line(),
            self.column - 1,
            found.line_count(),
        )))
    }
}

/// The first characters of a piece of a line, escaped. Tabs stay: they are how a file is indented.
fn first(text: &str) -> String {
    let text = text.trim_end_matches('\r');
    match text.char_indices().nth(AROUND) {
        Some((at, _)) => format!("{}…", tabs_kept(&text[..at])),
        None => tabs_kept(text),
    }
}

/// The last ones.
fn last(text: &str) -> String {
    match text.char_indices().nth_back(AROUND) {
        Some((at, c)) => format!("…{}", tabs_kept(&text[at + c.len_utf8()..])),
        None => tabs_kept(text),
    }
}

fn tabs_kept(text: &str) -> String {
    let parts: Vec<_> = text.split('\t').map(visible).collect();
    parts.join("\t")
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Shown {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause = self.cause.as_ref()?;
        Some(cause)
    }
}

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let place = self.place.as_ref()?;
        Some(&place.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        Some(Box::new(std::iter::once(place.label.clone())))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: std::ops::Range<usize>) -> String {
        let error = OperatorError::at(Path::new("p\u{202e}.toml"), text, span, "wrong");
        Shown::of(&error.into()).to_text()
    }

    #[test]
    fn an_excerpt_is_short_and_says_where() {
        let text = format!(
            "a = 1\n{}here{}\nb = 2\n",
            "x".repeat(70_000),
            "y".repeat(70_000)
        );
        let at = 6 + 70_000;
        let shown = shown(&text, at..at + 4);
        assert!(shown.len() < 2_000, "{}", shown.len());
        assert!(shown.contains("xhere"), "{shown}");
        assert!(shown.contains("p\\u{202e}.toml:2:70001"), "{shown}");
        assert!(
            shown.contains("a = 1") && shown.contains("b = 2"),
            "{shown}"
        );
    }

    #[test]
    fn every_span_of_every_text_can_be_shown() {
        let text = "é\r\n\u{1b}[2J\u{9b}x\n\n日本\t=";
        for start in 0..text.len() + 2 {
            for end in start..text.len() + 3 {
                let shown = shown(text, start..end);
                assert!(!shown.contains(['\u{1b}', '\u{9b}', '\r']), "{shown:?}");
            }
        }
    }

    #[test]
    fn a_panic_ends_as_what_could_not_be_completed() {
        let ended = guarded(Format::Human, || panic!("on purpose"));
        assert_eq!(
            format!("{ended:?}"),
            format!("{:?}", ExitCode::from(Exit::Failed as u8))
        );
    }

    #[test]
    fn the_format_is_known_before_the_rest() {
        let of = |line: &str| format_of(line.split(' ').map(OsString::from));
        assert_eq!(of("p check --format json --wrong"), Format::Json);
        assert_eq!(of("p --format=sarif"), Format::Sarif);
        assert_eq!(of("p --format yaml"), Format::Human);
        assert_eq!(of("p -- --format json"), Format::Human);
    }
}
