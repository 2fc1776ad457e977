//! Files that an interpreter reads by itself, beside a script and above it, or in the folder in which it is started.

use std::path::Path;

use super::super::super::paths::Kind as Entry;
use super::super::only_root_writes;
use super::{Folder, Reader};

/// An interpreter: its names, the files of which it takes the nearest, those of which it takes every one, and whether it reads `.env`.
struct Habit {
    names: &'static [&'static str],
    nearest: &'static [&'static str],
    every: &'static [&'static str],
    variables: bool,
}

const HABITS: [Habit; 4] = [
    Habit {
        names: &["node", "nodejs"],
        nearest: &["package.json"],
        every: &[],
        variables: false,
    },
    Habit {
        names: &["bun", "bun run"],
        nearest: &["package.json", "tsconfig.json", "jsconfig.json"],
        every: &["bunfig.toml"],
        variables: true,
    },
    Habit {
        names: &["deno", "deno run"],
        nearest: &["package.json"],
        // A workspace above may say more than the nearest one.
        every: &["deno.json", "deno.jsonc", "deno.lock"],
        variables: false,
    },
    Habit {
        names: &["tsx", "ts-node", "esno", "vite-node"],
        nearest: &["package.json", "tsconfig.json"],
        every: &[],
        variables: false,
    },
];

/// Files of variables that bun reads in the folder in which it is started.
const VARIABLES: [&str; 8] = [
    ".env",
    ".env.local",
    ".env.development",
    ".env.development.local",
    ".env.production",
    ".env.production.local",
    ".env.test",
    ".env.test.local",
];

impl Reader<'_> {
    /// What the interpreter `name` reads beside `script`, which is started in `folder`.
    pub(super) fn beside(&mut self, name: &str, script: &str, folder: Folder<'_>) {
        let Some(habit) = HABITS.iter().find(|habit| habit.names.contains(&name)) else {
            return;
        };
        let script = self.locate(script, folder).ok();
        let starts = [script.as_deref().and_then(Path::parent), folder];
        for start in starts.into_iter().flatten() {
            for file in habit.nearest {
                let found = self.above(start, file).next();
                self.named.settings.extend(found);
            }
            for file in habit.every {
                let found: Vec<_> = self.above(start, file).collect();
                self.named.settings.extend(found);
            }
            if habit.variables {
                let files = VARIABLES.map(|name| start.join(name));
                let there = files.into_iter();
                let there = there.filter(|file| self.paths.kind(file) == Entry::File);
                let there: Vec<_> = there.collect();
                self.named.variables.extend(there);
            }
        }
    }

    /// The files of that name in a folder and those above it, as far as others than root can write there.
    fn above<'s>(
        &'s self,
        start: &'s Path,
        name: &'s str,
    ) -> impl Iterator<Item = std::path::PathBuf> + 's {
        start
            .ancestors()
            .take_while(|above| {
                self.roots.iter().any(|root| above.starts_with(root)) || !only_root_writes(above)
            })
            .map(move |above| above.join(name))
            .filter(|file| self.paths.kind(file) == Entry::File)
    }
}
