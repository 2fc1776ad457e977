//! What scripts of Ruby, Perl and Lua load by names without an ending, as far as it lies beside them.

use std::path::{Path, PathBuf};

/// A language: how its files are known, the words that load, the ending of what they load, and what stands between the parts of a name.
struct Language {
    endings: &'static [&'static str],
    program: &'static str,
    words: &'static [&'static str],
    ending: &'static str,
    between: &'static str,
}

const LANGUAGES: [Language; 3] = [
    Language {
        endings: &["rb"],
        program: "ruby",
        words: &["require_relative", "require", "load"],
        ending: "rb",
        between: "/",
    },
    Language {
        endings: &["pl", "pm"],
        program: "perl",
        words: &["use", "require", "do"],
        ending: "pm",
        between: "::",
    },
    Language {
        endings: &["lua"],
        program: "lua",
        words: &["require", "dofile", "loadfile"],
        ending: "lua",
        between: ".",
    },
];
/// Where such files lie, from the folder of the script.
const FOLDERS: [&str; 3] = ["", "lib", "../lib"];

/// The files that a script may load, whether they are there or not.
pub(super) fn named(file: &Path, content: &str, folder: &Path) -> Vec<PathBuf> {
    let ending = file.extension().and_then(|ending| ending.to_str());
    let first = content.lines().next().unwrap_or_default();
    let language = LANGUAGES.iter().find(|language| {
        ending.is_some_and(|ending| language.endings.contains(&ending))
            || first.starts_with("#!") && first.contains(language.program)
    });
    let Some(language) = language else {
        return Vec::new();
    };
    let names = content.lines().flat_map(|line| loaded(language, line));
    names
        .take(5000)
        .flat_map(|name| {
            let with = format!(
                "{}.{}",
                name.replace(language.between, "/"),
                language.ending
            );
            let places = FOLDERS.map(|base| folder.join(base));
            places.map(|base| [base.join(&with), base.join(name)])
        })
        .flatten()
        .collect()
}

/// The names behind the words that load, on a line.
fn loaded<'l>(language: &Language, line: &'l str) -> Vec<&'l str> {
    let words = line.split(|c: char| c.is_whitespace() || "\"'();,".contains(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2);
    pairs
        .filter_map(|pair| match pair {
            [word, name] if language.words.contains(word) && name.len() < 300 => Some(*name),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_script_is_named() {
        for (file, line, expected) in [
            ("x.rb", "require_relative \"y\"", "/a/y.rb"),
            ("x.rb", "require_relative('z/y')", "/a/z/y.rb"),
            ("x.pl", "use A::B qw(c);", "/a/lib/A/B.pm"),
            ("x.lua", "local m = require \"a.b\"", "/a/a/b.lua"),
            ("x", "#!/usr/bin/env ruby\nrequire './y.rb'", "/a/./y.rb"),
        ] {
            let found = named(Path::new(file), line, Path::new("/a"));
            assert!(
                found.contains(&PathBuf::from(expected)),
                "{line}: {found:?}"
            );
        }
        assert!(named(Path::new("x.go"), "require y", Path::new("/a")).is_empty());
    }
}
