//! Files that an interpreter reads by itself, beside a script and above it, or in the folder in which it is started.

use std::path::Path;

use super::super::super::paths::Kind as Entry;
use super::super::only_root_writes;
use super::{Folder, Reader, Target};

/// An interpreter: its names, the files of which it takes the nearest, those of which it takes every one, and whether it reads `.env`.
struct Habit {
    names: &'static [&'static str],
    nearest: &'static [&'static str],
    every: &'static [&'static str],
    variables: bool,
}

const HABITS: [Habit; 8] = [
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
    Habit {
        names: &["bunx"],
        nearest: &[],
        every: &["bunfig.toml"],
        variables: true,
    },
    Habit {
        names: &["pnpm", "pnpx"],
        nearest: &[],
        every: &[".pnpmfile.cjs", "pnpm-workspace.yaml"],
        variables: false,
    },
    Habit {
        names: &["yarn"],
        nearest: &[],
        every: &[".yarnrc.yml", ".yarnrc"],
        variables: false,
    },
    Habit {
        names: &["uv"],
        nearest: &[".python-version"],
        every: &["uv.toml", "pyproject.toml"],
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

/// Options that name a file of variables.
pub(super) const ENV_FILES: &str = "--env-file --env-file-if-exists";

/// Programs that do what a file in their folder says: all of these files that are there or above count.
const BUILDERS: [(&str, &[&str]); 9] = [
    ("make", &["GNUmakefile", "makefile", "Makefile"]),
    ("gmake", &["GNUmakefile", "makefile", "Makefile"]),
    ("just", &["justfile", "Justfile", ".justfile"]),
    ("task", &["Taskfile.yml", "Taskfile.yaml", "taskfile.yml"]),
    ("rake", &["Rakefile", "rakefile", "Rakefile.rb"]),
    ("go", &["go.mod", "go.sum", "go.work"]),
    ("cargo", &["Cargo.toml", "Cargo.lock", ".cargo/config.toml"]),
    ("mise", &["mise.toml", ".mise.toml", ".tool-versions"]),
    ("direnv", &[".envrc"]),
];
/// What compose reads where no file is named.
const COMPOSE: [&str; 8] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];

impl Reader<'_> {
    /// A file of variables that an option names: those that load code are findings, and secrets are in no digest.
    pub(super) fn env_file(&mut self, value: &str, folder: Folder<'_>) {
        match self.locate(value, folder) {
            Ok(file) => {
                self.named.variables.insert(file);
            }
            Err(why) => self.open(why),
        }
    }

    /// A file of Node's own settings, which may name code to load.
    pub(super) fn config_file(&mut self, value: &str, folder: Folder<'_>) {
        match self.locate(value, folder) {
            Ok(file) if self.paths.kind(&file) == Entry::File => {
                self.named.settings.insert(file);
            }
            Ok(_) => {}
            Err(why) => self.open(why),
        }
    }

    /// What a program that builds or starts by a file in its folder reads there.
    pub(super) fn builder(&mut self, name: &str, args: &[String], folder: Folder<'_>) {
        let Some((_, files)) = BUILDERS.iter().find(|(known, _)| *known == name) else {
            return;
        };
        self.open(format!("what `{name}` builds or starts is not hashed"));
        // `make -C DIR`, `just -d DIR`
        let moved = args.windows(2).find_map(|pair| match pair {
            [flag, to] if matches!(flag.as_str(), "-C" | "-d" | "--directory") => Some(to.clone()),
            _ => None,
        });
        let start = match moved {
            Some(to) => self.locate(&to, folder).ok(),
            None => folder.map(Path::to_owned),
        };
        let Some(start) = start else {
            return self.open(format!(
                "the folder in which `{name}` is started is not known"
            ));
        };
        for file in *files {
            let found: Vec<_> = self.above(&start, file).collect();
            self.named.settings.extend(found);
        }
        if matches!(name, "go" | "cargo") {
            let manifest = files.first().copied().unwrap_or_default();
            let module = self.above(&start, manifest).next();
            let module = module.and_then(|file| file.parent().map(Path::to_owned));
            self.named.targets.extend(module.map(Target::Package));
        }
    }

    /// The files that compose reads: they say which images, commands and mounts there are.
    pub(super) fn compose(&mut self, args: &[String], folder: Folder<'_>) {
        self.open("what the services of a compose file run is not hashed");
        let mut named = false;
        let mut start = folder.map(Path::to_owned);
        let mut projects: Vec<std::path::PathBuf> = start.clone().into_iter().collect();
        for (at, arg) in args.iter().enumerate() {
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => (flag, Some(value.to_owned())),
                _ => (arg.as_str(), None),
            };
            let value = || {
                inline
                    .clone()
                    .or_else(|| args.get(at + 1).cloned())
                    .unwrap_or_default()
            };
            match flag {
                "-f" | "--file" => {
                    named = true;
                    self.config_file(&value(), folder);
                    let file = self.locate(&value(), folder).ok();
                    projects.extend(file.as_deref().and_then(Path::parent).map(Path::to_owned));
                }
                "--project-directory" => {
                    let project = self.locate(&value(), folder).ok();
                    projects.extend(project.clone());
                    start = if named { start } else { project };
                }
                "--env-file" => {
                    self.env_file(&value(), folder);
                    let file = self.locate(&value(), folder).ok();
                    self.named.interpolated.extend(file);
                }
                _ => {}
            }
        }
        match start {
            _ if named => {}
            Some(start) => {
                let files = COMPOSE.iter();
                let found: Vec<_> = files.flat_map(|name| self.above(&start, name)).collect();
                projects.extend(
                    found
                        .iter()
                        .filter_map(|file| Some(file.parent()?.to_owned())),
                );
                self.named.settings.extend(found);
            }
            None => self.open("the folder in which compose looks for its file is not known"),
        }
        // Their values stand for images and commands in the file.
        let files = projects.into_iter().map(|project| project.join(".env"));
        let there: Vec<_> = files
            .filter(|file| self.paths.kind(file) == Entry::File)
            .collect();
        self.named.variables.extend(there.iter().cloned());
        self.named.interpolated.extend(there);
    }

    /// What the interpreter `name` reads beside `script`, which is started in `folder`.
    pub(super) fn beside(&mut self, name: &str, script: &str, folder: Folder<'_>) {
        let script = self.locate(script, folder).ok();
        let script = script.as_deref().and_then(Path::parent);
        self.habits(name, script, folder);
    }

    /// What the program `name` reads from the folder in which it is started; where that is not known, from those of the units.
    pub(super) fn habits(&mut self, name: &str, script: Folder<'_>, folder: Folder<'_>) {
        let Some(habit) = HABITS.iter().find(|habit| habit.names.contains(&name)) else {
            return;
        };
        let mut starts: Vec<&Path> = script.into_iter().collect();
        match folder {
            Some(folder) => starts.push(folder),
            None => starts.extend(self.started_in.iter().map(std::path::PathBuf::as_path)),
        }
        for start in starts {
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
