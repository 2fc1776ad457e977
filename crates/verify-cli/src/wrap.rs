//! Text for people, broken at the width of the terminal. The one place that knows how wide it is and where a line may be broken.
//!
//! A line is broken at spaces only, so an id, a digest and a path stay whole even where they are wider than the terminal, and a
//! command that is printed to be copied is never broken at all. Output that is not on a terminal is not wrapped, because `grep` and
//! people who read a log want one line for one statement; `COLUMNS` in the environment asks for a width there too.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use clap::CommandFactory as _;

use crate::cli::Cli;

/// A space at which the line is not broken.
pub(crate) const JOIN: char = '\u{1f}';
/// Where the lines after a break begin; nothing is shown for it.
pub(crate) const HANG: char = '\u{1e}';
/// What is assumed of a terminal that does not say how wide it is.
pub(crate) const USUAL: usize = 80;
/// The widest help and page: longer lines are hard to read.
pub(crate) const WIDEST: usize = 100;

/// Narrower than this nothing can be laid out.
const LEAST: usize = 20;
/// The name by which the program is called in every command that it prints.
const PROGRAM: &str = "openclaw-verify ";

/// The width of standard output; none when it is not to be wrapped.
pub(crate) fn stdout() -> Option<usize> {
    named().or_else(|| terminal(std::io::stdout(), std::io::stdout().is_terminal()))
}

/// The same of standard error.
pub(crate) fn stderr() -> Option<usize> {
    named().or_else(|| terminal(std::io::stderr(), std::io::stderr().is_terminal()))
}

fn named() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok()?.trim().parse().ok()?;
    (columns >= LEAST).then_some(columns)
}

fn terminal(stream: impl std::os::fd::AsFd, is_one: bool) -> Option<usize> {
    if !is_one {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(stream)
        .ok()
        .map(|size| usize::from(size.ws_col));
    Some(columns.filter(|columns| *columns >= LEAST).unwrap_or(USUAL))
}

/// `text` with every line broken at `width`, and without the marks of this module.
pub(crate) fn wrap(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return unmarked(text);
    };
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive('\n') {
        let (line, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |line| (line, "\n"));
        broken(&mut out, line, width);
        out.push_str(end);
    }
    unmarked(&out)
}

/// A command, or anything else with spaces that has to stay on one line.
pub(crate) fn whole(text: &str) -> String {
    text.chars()
        .map(|c| if c == ' ' { JOIN } else { c })
        .collect()
}

/// `text` without the marks of this module.
pub(crate) fn unmarked(text: &str) -> String {
    text.chars()
        .filter(|c| *c != HANG)
        .map(|c| if c == JOIN { ' ' } else { c })
        .collect()
}

/// Columns that `text` takes: none for styles, two for wide characters, one for a space that is not broken at.
fn columns(text: &str) -> usize {
    textwrap::core::display_width(text) + text.matches(JOIN).count()
}

fn broken(out: &mut String, line: &str, width: usize) {
    let hang = line.find(HANG).map(|at| columns(&line[..at]));
    let line = join_commands(&line.replace(HANG, ""));
    if columns(&line) <= width {
        out.push_str(&line);
        return;
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    // A column that begins too far to the right leaves no room for text.
    let hang = hang
        .filter(|hang| *hang <= width / 2)
        .unwrap_or(if indent == 0 { 2 } else { indent });
    let mut column = 0;
    let mut gap = 0;
    for word in line.split(' ') {
        if word.is_empty() {
            gap += 1;
            continue;
        }
        let size = columns(word);
        if column > 0 && column + gap + size > width && column > hang {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hang));
            column = hang;
        } else {
            out.extend(std::iter::repeat_n(' ', gap));
            column += gap;
        }
        out.push_str(word);
        column += size;
        gap = 1;
    }
}

/// Marks the spaces of commands in running text, and of what stands between backticks.
pub(crate) fn join_commands(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        let quoted = rest.find('`').map(|at| (at, true));
        let command = [find_command(rest), find_foreign(rest)]
            .into_iter()
            .flatten()
            .min()
            .map(|at| (at, false));
        let Some((at, is_quoted)) = [quoted, command].into_iter().flatten().min() else {
            out.push_str(rest);
            return out;
        };
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = if is_quoted {
            from.get(1..)
                .and_then(|inner| inner.find('`'))
                .map_or(1, |at| at + 2)
        } else {
            let ends = ["; ", ", ", ") ", "`", "\u{1b}"];
            let end = ends.iter().filter_map(|end| from.find(end)).min();
            end.unwrap_or(from.len())
        };
        let (joined, after) = from.split_at(length);
        out.push_str(&whole(joined));
        rest = after;
    }
}

/// Where a command of this program begins: its name, and behind it a verb or an option.
fn find_command(text: &str) -> Option<usize> {
    static VERBS: OnceLock<Vec<String>> = OnceLock::new();
    let verbs = VERBS.get_or_init(|| {
        let command = Cli::command();
        let verbs = command.get_subcommands();
        verbs.map(|verb| verb.get_name().to_owned()).collect()
    });
    text.match_indices(PROGRAM).map(|(at, _)| at).find(|at| {
        let next = text[at + PROGRAM.len()..].split(' ').next().unwrap_or("");
        let next = next.trim_end_matches([';', ',', ')', '.', '`']);
        next.starts_with('-') || verbs.iter().any(|verb| verb == next)
    })
}

/// Where a command of OpenClaw's or of a shell begins, as a finding names it at its end.
fn find_foreign(text: &str) -> Option<usize> {
    const STARTS: [&str; 12] = [
        "git -C ",
        "cd /",
        "OPENCLAW_STATE_DIR=",
        "openclaw plugins ",
        "openclaw skills ",
        "openclaw config ",
        "openclaw secrets ",
        "openclaw doctor ",
        "npm config ",
        "mkdir -p ~/set-aside ",
        "sed -i.bak ",
        "sqlite3 ",
    ];
    STARTS.iter().filter_map(|start| text.find(start)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_at_spaces_and_hangs() {
        assert_eq!(wrap("aaa bbb ccc\n", Some(20)), "aaa bbb ccc\n");
        assert_eq!(
            wrap("    one two three four five six\n", Some(20)),
            "    one two three\n    four five six\n"
        );
        assert_eq!(
            wrap("name  \u{1e}one two three four five\n", Some(22)),
            "name  one two three\n      four five\n"
        );
        assert_eq!(wrap("x\u{1f}y \u{1e}z", None), "x y z");
    }

    #[test]
    fn what_is_copied_stays_whole() {
        let digest = "sha256:".to_owned() + &"0".repeat(64);
        let wrapped = wrap(&format!("  tree {digest} changed"), Some(40));
        assert!(
            wrapped.lines().any(|line| line.contains(&digest)),
            "{wrapped}"
        );
        let command = "openclaw-verify lock --accept npm:@acme/some-long-name";
        let wrapped = wrap(&format!("  next: read it, then: {command}"), Some(40));
        assert!(
            wrapped.lines().any(|line| line.ends_with(command)),
            "{wrapped}"
        );
        for command in [
            "OPENCLAW_STATE_DIR=/s openclaw plugins install @acme/notes@1.0.0 --force",
            "sed -i.bak -E '/^ *(export +)?NODE_OPTIONS *=/d' /home/user/.openclaw/.env",
            "mkdir -p ~/set-aside && mv -- /home/user/.openclaw/extensions/x \"$(mktemp -d ~/set-aside/XXXXXX)\"",
        ] {
            let wrapped = wrap(&format!("  next: look at it, then: {command}"), Some(40));
            assert!(
                wrapped.lines().any(|line| line.trim() == command),
                "{wrapped}"
            );
        }
        let wrapped = wrap("use `npx -y a@1.2.3`, or install it and run it", Some(40));
        assert!(wrapped.lines().all(|line| line.len() <= 40), "{wrapped}");
        let wrapped = wrap("please run `npm view NAME versions` here", Some(24));
        assert!(wrapped.contains("`npm view NAME versions`"), "{wrapped}");
    }

    #[test]
    fn styles_take_no_room() {
        let line = "\u{1b}[1mbold words\u{1b}[0m stand here";
        assert_eq!(wrap(line, Some(22)), line);
    }
}
