//! Which files of a skill can be state of its own, by their names alone. Evidence looks at the bytes too; a declared path whose names already
//! rule it out is a mistake that would only show when it is needed.

/// Endings of data files.
pub(crate) const TEXTS: [&str; 4] = ["json", "jsonl", "csv", "log"];
/// Endings of databases of SQLite.
pub(crate) const DATABASES: [&str; 3] = ["db", "sqlite", "sqlite3"];
/// Names, in lower case, that some program obeys wherever they stand.
pub(crate) const OBEYED: [&str; 9] = [
    "package.json",
    "package-lock.json",
    "plugin.json",
    "openclaw.plugin.json",
    "hooks.json",
    "settings.json",
    "deno.json",
    "tsconfig.json",
    "mcp.json",
];
/// What git writes when it fetches or repacks, below `.git`. Nothing of it is checked out or run; `hooks`, `config`, `info`, `modules`
/// and `HEAD` decide what is.
pub(crate) const GIT: [&str; 7] = [
    "objects/",
    "refs/",
    "logs/",
    "packed-refs",
    "index",
    "FETCH_HEAD",
    "ORIG_HEAD",
];

/// Why no file that matches `pattern` can ever be state; none where one can.
pub(crate) fn never(pattern: &str) -> Option<&'static str> {
    if let Some(inside) = pattern.strip_prefix(".git/") {
        let plain = inside.split('*').next().unwrap_or_default();
        let may = GIT.iter().any(|place| match place.strip_suffix('/') {
            Some(_) => place.starts_with(plain) || plain.starts_with(place),
            None => plain == *place || plain != inside && place.starts_with(plain),
        });
        return (!may).then_some(
            "of .git only what a fetch writes is state: what stands there decides what is run",
        );
    }
    if pattern.split('/').any(|name| name.starts_with('.')) {
        return Some("a hidden file or folder is never state, but git's own");
    }
    let name = pattern.rsplit('/').next().unwrap_or_default();
    if OBEYED.contains(&name.to_lowercase().as_str()) {
        return Some("programs obey a file of this name wherever it stands, so it is never state");
    }
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let open = name.ends_with('*') || ending.contains('*');
    let known = TEXTS.contains(&ending) || DATABASES.contains(&ending);
    (!open && !known).then_some(
        "only files that end in .json, .jsonl, .csv, .log, .db, .sqlite or .sqlite3 can be state",
    )
}

#[cfg(test)]
mod tests {
    use super::never;

    #[test]
    fn names_that_rule_a_file_out() {
        let hopeless = [
            "notes.md",
            "package.json",
            "data/Package.JSON",
            "run.sh",
            "Makefile",
            "data/*.py",
            ".env.json",
            "data/.cache/a.json",
            ".git/hooks/**",
            ".git/config",
            ".git/hooks/post-checkout",
            "a.JSON",
        ];
        for pattern in hopeless {
            assert!(never(pattern).is_some(), "{pattern}");
        }
        let open = [
            "data/*.json",
            "a.db",
            "**",
            "data/**",
            "*",
            "log*",
            "a.*",
            "*.sqlite3",
            ".git/**",
            ".git/objects/**",
            ".git/FETCH_HEAD",
            ".git/logs/HEAD",
            ".git/refs/remotes/origin/*",
            ".git/*",
        ];
        for pattern in open {
            assert_eq!(never(pattern), None, "{pattern}");
        }
    }
}
