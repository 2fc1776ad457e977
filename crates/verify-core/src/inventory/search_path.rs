//! The folders in which programs are looked for, where a file gives them to OpenClaw: `PATH`.

use std::path::Path;

use super::ownership;
use super::paths::Paths;
use crate::text;

/// What the reader of a value makes of `$NAME` and `~` in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expands {
    /// Nothing: they are parts of names.
    Nothing,
    /// `$NAME` and `${NAME}`, and what is not set is empty.
    Variables,
    /// The same, and `~`; what else a shell knows is not known here.
    Shell,
}

/// The first entry by which another user, or the folder at hand, decides which program runs, and why. Of a copy only the text is judged.
pub(super) fn open_entry(paths: &Paths, value: &str, expands: Expands) -> Option<String> {
    // The way in which an entry is put before those that are there.
    let value = value
        .replace("${PATH:+:$PATH}", ":$PATH")
        .replace("${PATH:+:${PATH}}", ":$PATH");
    value.split(':').find_map(|entry| {
        let entry = expanded(paths, entry, expands)?;
        let why = if !entry.starts_with('/') {
            "is looked for in the folder at hand"
        } else if paths.not_here().is_none() && ownership::is_open(Path::new(&entry)) {
            "can be written by others"
        } else {
            return None;
        };
        Some(format!("`{}` {why}", text::excerpt(&entry, 120)))
    })
}

/// The entry with what is known of its variables; none where it is another list, or not known to be anything else.
fn expanded(paths: &Paths, entry: &str, expands: Expands) -> Option<String> {
    if expands == Expands::Nothing {
        return Some(entry.to_owned());
    }
    if matches!(entry, "$PATH" | "${PATH}") {
        return None;
    }
    let home = paths.home.as_deref().and_then(Path::to_str)?;
    let mut entry = entry
        .replace("${HOME}", home)
        .replace("$HOME/", &format!("{home}/"));
    if entry == "$HOME" {
        home.clone_into(&mut entry);
    }
    if expands == Expands::Shell
        && let Some(rest) = entry
            .strip_prefix('~')
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        entry = format!("{home}{rest}");
    }
    let whole = entry
        .strip_prefix('$')
        .is_some_and(|name| !name.contains('/'));
    let known = match expands {
        Expands::Shell => !entry.starts_with(['$', '~']),
        // Alone it is the folder at hand where it is not set; before a slash it leaves an absolute path.
        _ => whole || !entry.starts_with('$'),
    };
    known.then_some(entry)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn variables_mean_what_the_reader_makes_of_them() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut paths = Paths::plain(dir.path());
        let open = paths.state.join("open");
        std::fs::create_dir(&open).expect("folder");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("mode");
        paths.home = Some(paths.state.clone());
        for (value, nothing, variables, shell) in [
            ("/usr/bin:/bin", false, false, false),
            ("/usr/bin:", true, true, true),
            ("$HOME/open:/bin", true, true, true),
            ("${HOME}/open:/bin", true, true, true),
            ("$HOME/bin:/bin", true, false, false),
            ("~/open:/bin", true, true, true),
            ("~/bin:/bin", true, true, false),
            ("/opt/x:$PATH", true, false, false),
            ("/opt/x${PATH:+:$PATH}", true, false, false),
            ("${NOPE}:/usr/bin", true, true, false),
            ("${NOPE}/bin:/usr/bin", true, false, false),
        ] {
            let said = [Expands::Nothing, Expands::Variables, Expands::Shell]
                .map(|expands| open_entry(&paths, value, expands).is_some());
            assert_eq!(said, [nothing, variables, shell], "{value}");
        }
    }
}
