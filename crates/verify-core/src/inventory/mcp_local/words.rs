//! Command lines, read for the local files that they start. Whatever is not understood leaves the server open, never silent.

mod beside;
mod options;
mod runtimes;
mod wrappers;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use options::{NODE, OTHERS, WRAPPERS, is_known, is_shell, listed};
pub(super) use options::{is_python, name_of};

use super::super::context::HomeReaders;
use super::super::environment;
use super::super::mcp_spec;
use super::super::paths::{Kind as Entry, Located, Paths, normalize};
use super::{Question, System, is_code, is_of_system, is_program, links};
use crate::launcher::{self, decides_code};
use crate::text;

/// Most commands inside one another, and of one server.
const MAX_COMMANDS: usize = 40;
/// Most bytes of a `package.json` that is read for a script.
const MAX_MANIFEST: u64 = 4 << 20;

/// A file or a folder that a command line starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A script or program.
    File(PathBuf),
    /// A folder whose code is started by a name that it defines itself.
    Package(PathBuf),
}

impl Target {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Package(path) => path,
        }
    }
}

/// What a command line names.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) targets: BTreeSet<Target>,
    pub(super) system: BTreeSet<System>,
    pub(super) open: BTreeSet<String>,
    /// Modules that Python looks for among its packages.
    pub(super) modules: BTreeSet<String>,
    /// Files of settings that an interpreter reads by itself.
    pub(super) settings: BTreeSet<PathBuf>,
    /// Files of variables that an interpreter reads by itself.
    pub(super) variables: BTreeSet<PathBuf>,
    /// Files of variables whose values compose puts into what it runs.
    pub(super) interpolated: BTreeSet<PathBuf>,
    /// Folders in which Python looks for every module first.
    pub(super) shadowed: BTreeSet<PathBuf>,
    pub(super) reads: HomeReaders,
}

/// Reads the command line of one server.
pub(super) struct Reader<'a> {
    paths: &'a Paths,
    roots: &'a [PathBuf],
    started_in: &'a [PathBuf],
    prefixes: &'a [PathBuf],
    plugin: Option<&'a Path>,
    named: Named,
    left: usize,
    /// The packages of the user are switched off for every Python.
    no_user_site: bool,
}

/// The folder in which a command starts; none where that is not known.
type Folder<'f> = Option<&'f Path>;

impl<'a> Reader<'a> {
    pub(super) fn read(question: &Question<'a>) -> Named {
        let mut reader = Self {
            paths: question.paths,
            roots: question.roots,
            started_in: question.started_in,
            prefixes: question.prefixes,
            plugin: question.plugin,
            named: Named::default(),
            left: MAX_COMMANDS,
            no_user_site: false,
        };
        let server = question.server;
        let Some(command) = server.get("command").and_then(Value::as_str) else {
            return reader.named;
        };
        let folder = match server.get("cwd").and_then(Value::as_str) {
            Some(cwd) if !cwd.trim().is_empty() => match reader.locate(cwd, None) {
                Ok(folder) => Some(folder),
                Err(why) => {
                    reader.open(format!("its working folder is not known: {why}"));
                    None
                }
            },
            _ => None,
        };
        let args = server
            .get("args")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let mut words = vec![command.trim().to_owned()];
        words.extend(args.filter_map(Value::as_str).map(str::to_owned));
        let env = server.get("env").and_then(Value::as_object);
        for (name, value) in env.into_iter().flatten() {
            reader.variable(name, value.as_str().unwrap_or("?"));
        }
        reader.command(&words, folder.as_deref());
        reader.named
    }

    fn open(&mut self, why: impl Into<String>) {
        let why = mcp_spec::masked(&why.into());
        self.named.open.insert(text::excerpt(&why, 200));
    }

    /// A variable that decides which code runs: its value is in the definition, what it names is not hashed.
    fn variable(&mut self, name: &str, value: &str) {
        self.no_user_site |= name == "PYTHONNOUSERSITE" && !value.is_empty();
        let harmless = environment::loads(name) && environment::is_harmless(name, value)
            || launcher::is_harmless(name)
            || listed(
                "NODE_ENV NODE_NO_WARNINGS NODE_TLS_REJECT_UNAUTHORIZED NODE_EXTRA_CA_CERTS PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE \
                 PYTHONIOENCODING PYTHONUTF8 PYTHONWARNINGS PYTHONHASHSEED NODE_DEBUG NODE_DISABLE_COLORS",
                &name.to_ascii_uppercase(),
            );
        if (decides_code(name) || environment::loads(name)) && !harmless && !value.trim().is_empty()
        {
            // A name is no secret, however it looks.
            let name = text::excerpt(name, 100);
            self.named.open.insert(format!(
                "the variable {name} decides what is loaded, and what it names is not read"
            ));
        }
    }

    /// What a written path means, or why that is not known.
    fn locate(&self, word: &str, folder: Folder<'_>) -> Result<PathBuf, String> {
        let mut word = word.trim().to_owned();
        if let Some(rest) = word.strip_prefix("file:") {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            let rest = rest
                .strip_prefix("localhost/")
                .map_or_else(|| rest.to_owned(), |rest| format!("/{rest}"));
            word = decoded(rest.split(['?', '#']).next().unwrap_or_default());
        }
        for root in ["${CLAUDE_PLUGIN_ROOT}", "${PLUGIN_ROOT}"] {
            if let (Some(plugin), Some(rest)) = (self.plugin, word.strip_prefix(root)) {
                return Ok(normalize(&plugin.join(rest.trim_start_matches('/'))));
            }
        }
        match (self.paths.locate(&word), folder) {
            (Located::At(path), _) => Ok(path),
            (Located::Unknown(_), Some(folder))
                if !word.starts_with(['/', '~']) && !word.contains("${") =>
            {
                Ok(normalize(&folder.join(&word)))
            }
            (Located::Unknown(why), _) => Err(format!("`{word}`: {why}")),
            (Located::Elsewhere(_), _) => Err(format!("`{word}` is not in this copy of the state")),
        }
    }

    /// A file that is certainly started or loaded.
    fn certain(&mut self, word: &str, folder: Folder<'_>) {
        match self.locate(word, folder) {
            Ok(path) => self.path(&path, word),
            Err(why) => self.open(why),
        }
    }

    fn path(&mut self, path: &Path, word: &str) {
        match self.paths.kind(path) {
            Entry::Folder => {
                self.named.targets.insert(Target::Package(path.to_owned()));
            }
            Entry::File if is_of_system(self.paths, path) && is_program(self.paths, path) => {
                self.of_system(path);
            }
            Entry::File => {
                self.named.targets.insert(Target::File(path.to_owned()));
            }
            Entry::Special => self.open(format!("`{word}` is no regular file")),
            Entry::Nothing => {
                // Node adds the ending of a file itself.
                let with = |ending: &str| {
                    let mut name = path.as_os_str().to_owned();
                    name.push(ending);
                    PathBuf::from(name)
                };
                let found = [".js", ".cjs", ".mjs", ".ts", ".node", ".py"]
                    .map(with)
                    .into_iter()
                    .find(|path| self.paths.kind(path) == Entry::File);
                match found {
                    Some(path) => {
                        self.named.targets.insert(Target::File(path));
                    }
                    None => self.open(format!("`{word}` is not there")),
                }
            }
        }
    }

    /// Files that arguments name, alone, behind `=`, or among other words.
    fn arguments(&mut self, args: &[String], folder: Folder<'_>) {
        for arg in args {
            let parts = [arg.as_str()]
                .into_iter()
                .chain(arg.split_once('=').map(|(_, value)| value))
                .chain(arg.split_whitespace().filter(|_| arg.contains(' ')));
            for part in parts {
                let path = Path::new(part);
                if part.starts_with('-') && !part.contains('/') || part.len() > 4096 {
                    continue;
                }
                match self.locate(part, folder) {
                    Ok(found) if self.paths.kind(&found) == Entry::File => {
                        let system = is_of_system(self.paths, &found);
                        if (is_code(&found) || is_program(self.paths, &found)) && !system {
                            self.named.targets.insert(Target::File(found));
                        }
                    }
                    // A path from an unknown folder that names code.
                    Err(why) if is_code(path) && !part.contains("://") && !part.contains('*') => {
                        self.open(why);
                    }
                    _ => {}
                }
            }
        }
    }

    /// One command with its arguments.
    pub(super) fn command(&mut self, words: &[String], folder: Folder<'_>) {
        let Some((program, args)) = words.split_first() else {
            return;
        };
        let Some(left) = self.left.checked_sub(1) else {
            return self.open("its command line starts too many commands");
        };
        self.left = left;
        let name = name_of(program);
        self.program(program, &name, folder);
        if let Some((_, plain, value, behind)) =
            WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name)
        {
            return self.wrapper(args, plain, value, *behind, folder);
        }
        if matches!(name.as_str(), "bunx" | "pnpm" | "pnpx" | "yarn" | "uv") {
            self.habits(&name, None, folder);
        }
        match name.as_str() {
            "node" | "nodejs" => self.script(args, &NODE, &name, folder),
            "bun" => self.bun(args, folder),
            "deno" => self.deno(args, folder),
            "uv" => self.uv(args, folder),
            "pipx" => {
                // It is a program of Python itself.
                self.named.reads.python |= !self.no_user_site;
                self.fetched(args, folder);
            }
            "poetry" | "pdm" | "pipenv" | "hatch" | "rye" => self.in_project(args, &name, folder),
            "npx" => {
                self.fetched(args, folder);
                self.global(args);
            }
            "uvx" | "pnpx" | "bunx" => self.fetched(args, folder),
            "npm" | "pnpm" | "yarn" => self.npm(args, &name, folder),
            "env" => self.env(args, folder),
            "docker" | "podman" | "nerdctl" => {
                self.named.reads.docker |= name == "docker";
                self.container(args, folder);
            }
            "docker-compose" | "podman-compose" => self.compose(args, folder),
            _ if is_python(&name) => self.python(program, args, folder),
            _ if is_shell(&name) => self.shell(args, &name, folder),
            _ => match OTHERS.iter().find(|(other, _)| *other == name) {
                Some((_, flags)) => {
                    self.open(format!("what `{name}` itself loads is not hashed"));
                    self.script(args, flags, &name, folder);
                }
                None => {
                    self.builder(&name, args, folder);
                    self.arguments(args, folder);
                    // A program that starts another one.
                    let starts = args.iter().position(|word| is_known(&name_of(word)));
                    if let Some(at) = starts.filter(|_| !program.contains('/')) {
                        self.command(args.get(at..).unwrap_or_default(), folder);
                    }
                }
            },
        }
    }

    /// The program itself.
    fn program(&mut self, program: &str, name: &str, folder: Folder<'_>) {
        let is_path = program.contains('/') || program.starts_with('~');
        if !is_path {
            if is_known(name) && !OTHERS.iter().any(|(other, _)| *other == name) {
                self.named.system.insert(System::ByPath(name.to_owned()));
            } else {
                self.open(format!("`{program}` is found by OpenClaw's PATH"));
            }
            return;
        }
        match self.locate(program, folder) {
            Ok(path) => match self.paths.kind(&path) {
                Entry::File if is_of_system(self.paths, &path) => self.of_system(&path),
                Entry::File => {
                    self.named.targets.insert(Target::File(path));
                }
                _ => self.open(format!("`{program}` is no program that is there")),
            },
            Err(why) => self.open(why),
        }
    }
}

impl Reader<'_> {
    /// A program that only root can change. The links of the user's by which it is reached are files of the server.
    fn of_system(&mut self, path: &Path) {
        let real = self.paths.real(path).unwrap_or_else(|_| path.to_owned());
        let shown = self.paths.shown(&real);
        self.named.system.insert(System::Program(shown));
        let mut links = links::on_the_way(self.paths, self.roots, path).into_iter();
        if links.next().is_some() {
            self.named.targets.insert(Target::File(path.to_owned()));
        }
    }
}

/// `%20` and its like of an address.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
