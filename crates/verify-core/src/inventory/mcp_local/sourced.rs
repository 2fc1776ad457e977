//! What a script of a shell sources: `. FILE` and `source FILE`, also by the folder of the script itself.

use std::path::{Path, PathBuf};

use super::super::paths::normalize;

/// Words after which a command may begin, on a line.
const BEFORE: [&str; 11] = [
    ";", "&&", "||", "|", "{", "(", "then", "do", "else", "!", "&",
];
/// Folders above a script that a variable of it may stand for.
const UPWARDS: usize = 4;

/// One file that is sourced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sourced {
    /// Where it may lie: the first place that there is.
    In(Vec<PathBuf>),
    /// Its name is computed; as it is written.
    Computed(String),
}

/// Everything that the script sources. `folder`: where it lies.
pub(super) fn of(content: &str, folder: &Path) -> Vec<Sourced> {
    let lines = content.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines
        .flat_map(operands)
        .map(|word| meant(&word, folder))
        .collect()
}

/// Where the files may lie of which a script writes the folder by an expansion: `"$DIR/x.py"`, `"$(dirname "$0")/x.py"`.
pub(super) fn behind_expansions<'c>(
    content: &'c str,
    folder: &'c Path,
) -> impl Iterator<Item = Vec<PathBuf>> + 'c {
    let lines = content.lines().map(str::trim);
    let words = lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || "\"'`;()|&<>=".contains(c)));
    words.filter_map(move |word| {
        let inside = match word.find('$') {
            Some(_) => word.split_once('/')?.1,
            // What stands behind the end of a substitution.
            None => word.strip_prefix('/')?,
        };
        let plain = !inside.is_empty() && inside.len() < 1024 && !inside.contains(['$', '*']);
        let above = || folder.ancestors().take(UPWARDS);
        plain.then(|| {
            above()
                .map(|above| normalize(&above.join(inside)))
                .collect()
        })
    })
}

/// The words behind `.` and `source` at the places of a command.
fn operands(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in [".", "source"] {
        for (at, _) in line.match_indices(name) {
            let rest = line.get(at + name.len()..).unwrap_or_default();
            let before = line.get(..at).unwrap_or_default();
            let is_command = rest.starts_with([' ', '\t'])
                && (before.trim().is_empty()
                    || before.ends_with([' ', '\t', ';', '&', '|', '{', '('])
                        && BEFORE.iter().any(|word| before.trim_end().ends_with(word)));
            if is_command {
                found.extend(first_word(rest.trim_start()));
            }
        }
    }
    found
}

/// The first word of a line, with its expansions and without its quotes.
fn first_word(rest: &str) -> Option<String> {
    let mut word = String::new();
    let (mut depth, mut quoted) = (0_usize, false);
    for c in rest.chars() {
        match c {
            '"' if depth == 0 => quoted = !quoted,
            '(' | '{' => {
                depth += 1;
                word.push(c);
            }
            ')' | '}' => {
                depth = depth.checked_sub(1)?;
                word.push(c);
            }
            '\'' => {}
            c if depth == 0 && !quoted && (c.is_whitespace() || ";&|<>".contains(c)) => break,
            c => word.push(c),
        }
    }
    (!word.is_empty()).then_some(word)
}

fn meant(word: &str, folder: &Path) -> Sourced {
    // What stands behind the last expansion is text.
    let end = word.rfind([')', '}', '$', '`']);
    let Some(end) = end else {
        return Sourced::In(vec![normalize(&folder.join(word))]);
    };
    let behind = word.get(end + 1..).unwrap_or_default();
    let behind = match word.as_bytes().get(end) {
        Some(b'$') => behind.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'),
        _ => behind,
    };
    match behind.strip_prefix('/') {
        Some(inside) if !inside.is_empty() => {
            let above = folder.ancestors().take(UPWARDS);
            Sourced::In(above.map(|above| normalize(&above.join(inside))).collect())
        }
        _ => Sourced::Computed(word.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_by_an_expansion_is_found() {
        for (line, expected) in [
            ("python3 \"$DIR/server.py\"", Some("/a/b/server.py")),
            ("exec ${DIR}/lib/x.sh \"$@\"", Some("/a/b/lib/x.sh")),
            ("node \"$(dirname \"$0\")/x.js\"", Some("/a/b/x.js")),
            ("echo $HOME", None),
            ("# $DIR/x.sh", None),
        ] {
            let mut found = behind_expansions(line, Path::new("/a/b"));
            let first = found.find_map(|places| places.into_iter().next());
            let first = first.map(|place| place.display().to_string());
            assert_eq!(first.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn what_is_sourced_is_found() {
        let folder = Path::new("/a/b");
        let first = |line: &str| match of(line, folder).into_iter().next() {
            Some(Sourced::In(places)) => places.first().map(|place| place.display().to_string()),
            Some(Sourced::Computed(word)) => Some(format!("? {word}")),
            None => None,
        };
        for (line, expected) in [
            (". \"$(dirname \"$0\")/env.sh\"", "/a/b/env.sh"),
            ("source \"${BASH_SOURCE%/*}/lib/x\" arg", "/a/b/lib/x"),
            ("[ -f x ] && . $HERE/../env.sh; true", "/a/env.sh"),
            (". ./env.sh", "/a/b/env.sh"),
            ("  source env", "/a/b/env"),
            (
                "if true; then . \"$(cd \"$(dirname \"$0\")\" && pwd)/env.sh\"; fi",
                "/a/b/env.sh",
            ),
            (". \"$FILE\"", "? $FILE"),
        ] {
            assert_eq!(first(line).as_deref(), Some(expected), "{line}");
        }
        for line in ["# . x", "echo a . b", "cd ..; ls .", "ls ./x", "resource x"] {
            assert_eq!(first(line), None, "{line}");
        }
    }
}
