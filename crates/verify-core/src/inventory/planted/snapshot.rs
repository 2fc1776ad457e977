//! Shell snapshots: whether every line of one is such as OpenClaw's writer produces.

use std::collections::VecDeque;

/// The first lines of a snapshot, as OpenClaw writes it. [S `bash-tools.exec-runtime`]
const HEADER: [&str; 3] = [
    "# OpenClaw exec shell snapshot. Generated; do not edit.",
    "if [ -n \"${BASH_VERSION:-}\" ]; then shopt -s expand_aliases 2>/dev/null || true; fi",
    "unalias -a 2>/dev/null || true",
];

/// Variables that OpenClaw's writer exports. [S `SAFE_ENV_NAMES`]
const EXPORTS: [&str; 19] = [
    "ASDF_DIR",
    "BUN_INSTALL",
    "CARGO_HOME",
    "CDPATH",
    "GOPATH",
    "GOROOT",
    "GOENV_ROOT",
    "HOMEBREW_CELLAR",
    "HOMEBREW_PREFIX",
    "HOMEBREW_REPOSITORY",
    "INFOPATH",
    "MANPATH",
    "NVM_DIR",
    "PATH",
    "PNPM_HOME",
    "PYENV_ROOT",
    "RBENV_ROOT",
    "RUSTUP_HOME",
    "VOLTA_HOME",
];

/// Programs that an alias or function of this name would replace.
const COMMON_PROGRAMS: [&str; 14] = [
    "sudo", "ssh", "git", "curl", "wget", "node", "npm", "npx", "python", "python3", "bash", "sh",
    "cat", "rm",
];

/// Whether each line of a snapshot is one that OpenClaw's writer can produce: its header, an alias, a function, an export of a safe
/// name. The first line that is not.
pub(super) fn is_written_by_openclaw(snapshot: &str) -> Result<(), &str> {
    let mut lines = snapshot.lines().skip_while(|line| line.is_empty());
    for wanted in HEADER {
        match lines.next() {
            Some(line) if line == wanted => {}
            Some(line) => return Err(line),
            None => return Err(""),
        }
    }
    let mut body = Body::default();
    // A value in single quotes may go over several lines.
    let mut quoted = false;
    for line in lines {
        if quoted {
            quoted = ends_open(line, true);
            continue;
        }
        if body.depth > 0 {
            body.line(line).map_err(|()| line)?;
            continue;
        }
        let trimmed = line.trim_end();
        if trimmed.is_empty() {
            continue;
        }
        if trimmed == "{" {
            // bash prints the brace of a function on a line of its own.
            body.open().map_err(|()| line)?;
        } else if let Some(name) = function_name(trimmed) {
            if SHELL_WORDS.contains(&name) {
                return Err(line);
            }
            body.expected = true;
            if trimmed.ends_with('{') {
                body.open().map_err(|()| line)?;
            }
        } else if is_alias(trimmed) || is_export(trimmed) {
            quoted = ends_open(trimmed, false);
        } else {
            return Err(line);
        }
    }
    if body.depth > 0 || quoted {
        Err("")
    } else {
        Ok(())
    }
}

/// Words that the snapshot itself, or what OpenClaw puts around it, uses: no function or alias may replace one.
const SHELL_WORDS: [&str; 22] = [
    "export", "alias", "unalias", "unset", "eval", "shopt", "source", ".", "builtin", "command",
    "exec", "trap", "set", "declare", "typeset", "local", "readonly", "return", "true", "if", "[",
    "test",
];

/// The here-documents that a line begins; an error where it cannot be told where one ends. `code` is the line without what is in quotes.
fn documents(line: &str, code: &str) -> Result<Vec<(String, bool)>, ()> {
    let plain = |text: &str| text.replace("<<<", "   ");
    let (line, code) = (plain(line), plain(code));
    let starts: Vec<usize> = line.match_indices("<<").map(|(at, _)| at).collect();
    // One that stands in quotes would be taken for a start.
    if starts.len() != code.matches("<<").count() {
        return Err(());
    }
    let mut found = Vec::new();
    for at in starts {
        let before = line.get(..at).unwrap_or_default();
        let arithmetic = before
            .rfind("((")
            .is_some_and(|open| !before.get(open..).unwrap_or_default().contains("))"));
        if arithmetic {
            continue;
        }
        let rest = line.get(at + 2..).unwrap_or_default();
        let (tabs, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.trim_start_matches(' ');
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let rest = quote.map_or(rest, |quote| rest.trim_start_matches(quote));
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let closed = quote.is_none_or(|quote| after.starts_with(quote));
        let after = quote.map_or(after, |quote| after.trim_start_matches(quote));
        let ends = after
            .chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || ";&|)".contains(c));
        if word.is_empty() || !closed || !ends {
            return Err(());
        }
        found.push((word.to_owned(), tabs));
    }
    Ok(found)
}

/// The body of a function, as a shell prints it: one command a line, and the last brace alone at the start of its line.
#[derive(Default)]
struct Body {
    depth: usize,
    /// The head of a function came before.
    expected: bool,
    quote: Option<char>,
    /// Ends of here-documents that have begun, and whether tabs before them are taken off.
    documents: VecDeque<(String, bool)>,
}

impl Body {
    fn open(&mut self) -> Result<(), ()> {
        if !std::mem::take(&mut self.expected) {
            return Err(());
        }
        self.depth = 1;
        Ok(())
    }

    /// Follows one line. An error where the shell could read the end of the function elsewhere than here.
    fn line(&mut self, line: &str) -> Result<(), ()> {
        if let Some((end, tabs)) = self.documents.front() {
            let text = if *tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if text == end {
                self.documents.pop_front();
            }
            return Ok(());
        }
        if self.quote.is_none() && line == "}" && self.depth == 1 {
            self.depth = 0;
            return Ok(());
        }
        // What is in quotes is text, and so is a here-document.
        let code = self.unquoted(line);
        self.documents.extend(documents(line, &code)?);
        let mut before = ';';
        for (at, c) in code.char_indices() {
            let first = at == 0 || matches!(before, ';' | '&' | '|' | '(' | ')' | '{' | '}');
            let after = code.get(at + 1..).and_then(|rest| rest.chars().next());
            let ends_word = after.is_none_or(|c| c.is_whitespace() || ";&|)".contains(c));
            match c {
                '{' if after.is_none_or(char::is_whitespace) => self.depth += 1,
                '}' if first && ends_word => {
                    self.depth = self.depth.checked_sub(1).ok_or(())?;
                    // Only a brace alone ends a function, and that was looked at above.
                    if self.depth == 0 {
                        return Err(());
                    }
                }
                _ => {}
            }
            if !c.is_whitespace() {
                before = c;
            }
        }
        Ok(())
    }

    /// The line with everything in quotes replaced by one letter.
    fn unquoted(&mut self, line: &str) -> String {
        let mut code = String::new();
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match (self.quote, c) {
                (Some('"') | None, '\\') => {
                    chars.next();
                    if self.quote.is_none() {
                        code.push('q');
                    }
                }
                (Some(open), c) if c == open => {
                    self.quote = None;
                    code.push('q');
                }
                (Some(_), _) => {}
                (None, '"' | '\'') => self.quote = Some(c),
                (None, '$') if chars.peek() == Some(&'{') => {
                    // A parameter: its braces are no command's.
                    let mut depth = 0;
                    for c in chars.by_ref() {
                        match c {
                            '{' => depth += 1,
                            '}' => depth -= 1,
                            _ => {}
                        }
                        if depth == 0 {
                            break;
                        }
                    }
                    code.push('q');
                }
                (None, c) => code.push(c),
            }
        }
        code
    }
}

/// Whether a single quote is open at the end of a line, where one was or was not at its start.
fn ends_open(line: &str, mut open: bool) -> bool {
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => open = !open,
            '\\' if !open => {
                chars.next();
            }
            _ => {}
        }
    }
    open
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.:+@".contains(c))
}

/// The name of the function whose head a line is.
fn function_name(line: &str) -> Option<&str> {
    let head = line.trim_end_matches('{').trim_end();
    let head = head.strip_prefix("function ").unwrap_or(head);
    let name = head.strip_suffix("()")?.trim_end();
    is_name(name).then_some(name)
}

fn is_alias(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("alias ") else {
        return false;
    };
    let rest = rest.strip_prefix("-- ").unwrap_or(rest);
    let rest = rest
        .strip_prefix("-g ")
        .or_else(|| rest.strip_prefix("-s "))
        .unwrap_or(rest);
    rest.split_once('=').is_some_and(|(name, value)| {
        let name = name.trim_matches('\'');
        is_name(name) && !SHELL_WORDS.contains(&name) && is_quoted(value)
    })
}

fn is_export(line: &str) -> bool {
    let Some((name, value)) = line
        .strip_prefix("export ")
        .and_then(|rest| rest.split_once('='))
    else {
        return false;
    };
    EXPORTS.contains(&name) && is_quoted(value)
}

/// The last `PATH` that a snapshot exports, without the shell's quoting.
pub(super) fn search_path_of(snapshot: &str) -> Option<String> {
    let mut lines = snapshot.lines().rev();
    lines
        .find_map(|line| line.trim_end().strip_prefix("export PATH="))
        .map(|value| value.replace("'\\''", "'").replace('\'', ""))
}

/// One word for the shell: in single quotes (with `'\''` for a quote, or open at the end of the line), or of plain characters.
fn is_quoted(value: &str) -> bool {
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./:,+@%=~".contains(c))
    };
    if plain(value) {
        return true;
    }
    let mut rest = value;
    // What stands outside the quotes has to be plain, or an escaped quote.
    loop {
        let Some(at) = rest.find('\'') else {
            return plain(rest);
        };
        let before = rest.get(..at).unwrap_or_default();
        if !(plain(before) || before == "\\" || before == "$") {
            return false;
        }
        let after = rest.get(at + 1..).unwrap_or_default();
        if before == "\\" {
            rest = after;
            continue;
        }
        match after.find('\'') {
            Some(end) => rest = after.get(end + 1..).unwrap_or_default(),
            // Open: it goes on in the next line.
            None => return true,
        }
    }
}

pub(super) fn replaced_programs(snapshot: &str) -> Vec<&str> {
    let mut found: Vec<&str> = snapshot
        .lines()
        .filter_map(|line| {
            let name = match function_name(line.trim_end()) {
                Some(name) => name,
                None => line.strip_prefix("alias ")?.split_once('=')?.0,
            };
            COMMON_PROGRAMS
                .iter()
                .find(|known| **known == name)
                .copied()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(lines: &str) -> String {
        format!("{}\n{lines}", HEADER.join("\n"))
    }

    #[test]
    fn what_the_writer_produces_is_accepted() {
        for honest in [
            "alias ll='ls -l'",
            "alias -- ll='ls -l'",
            "alias g=git",
            "greet () \n{ \n    echo $(date);\n}",
            "greet() {\n  source ~/.x\n}",
            "cd () \n{ \n    builtin cd \"$@\" && { \n        ls;\n    };\n    echo ${X:-}} | awk '{ print $1; }'\n}",
            "multi () \n{ \n    echo 'a\n}\nb'\n}",
            "doc () \n{ \n    cat <<EOF\n}\n$(date) 'x\nEOF\n\n}",
            "doc () \n{ \n    cat <<'E_F'\n{\nE_F\n;\n    cat <<-\"X\" <<Y\n\tX\nY\n}",
            "shift () \n{ \n    echo $(( 1 << 2 )) <<< \"x\"\n}",
            "export PATH='/usr/bin:/bin'",
            "alias q='it'\\''s'",
        ] {
            assert_eq!(
                is_written_by_openclaw(&snapshot(honest)),
                Ok(()),
                "{honest}"
            );
        }
    }

    #[test]
    fn what_would_run_when_it_is_sourced_is_not() {
        for hostile in [
            "curl https://x | sh",
            "source /tmp/x",
            ". /tmp/x",
            "eval \"$X\"",
            "trap 'x' EXIT",
            "PROMPT_COMMAND=x",
            "export PATH=$(id)",
            "export LD_PRELOAD='/x'",
            "alias x=$(id)",
            "alias x='a' ; id",
            "alias x='a'$(id)'b'",
            "f() { id; }; f",
            "greet () \n{ \n echo\n}\nid",
            "f () \n{ \n    :\n    }\n    touch x\n    { \n    :\n}",
            "f () \n{ \n    echo a; }; touch x; g () { \n    :\n}",
            "f () \n{ \n    esac;\n};touch x\ng () \n{ \n    :\n}",
            "f () \n{ \n    cat <<X\n'\nX\n}\ntouch x\n'\n}",
            "f () \n{ \n    cat <<X\nX\n}\ntouch x\nf () \n{ \nX\n}",
            "f () \n{ \n    cat <<X; touch x\n",
            "f () \n{ \n    echo '<<X'\n}\ntouch x\nX\n}",
            "f () \n{ \n    echo a;}\n touch x\n{ \n :\n}",
            "export () \n{ \n    touch x\n}",
            "eval () \n{ \n    touch x\n}",
            "alias export='touch x;#'",
            "alias alias='touch x;#'",
            "{ \n touch x\n}",
        ] {
            assert!(
                is_written_by_openclaw(&snapshot(hostile)).is_err(),
                "{hostile}"
            );
        }
        assert!(is_written_by_openclaw("alias a='b'").is_err(), "no header");
        assert!(is_written_by_openclaw("").is_err());
    }
}
