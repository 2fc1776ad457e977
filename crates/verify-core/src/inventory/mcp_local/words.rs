//! Command lines, read for the local files that they start. Whatever is not understood leaves the server open, never silent.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::environment;
use super::super::mcp_spec::{self, names_a_secret};
use super::super::paths::{Kind as Entry, Located, Paths, normalize};
use super::{Question, is_code, is_of_system, is_program, shell};
use crate::json;
use crate::launcher::decides_code;
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
    pub(super) system: BTreeSet<String>,
    pub(super) open: BTreeSet<String>,
}

/// Options of one interpreter, each list separated by blanks.
struct Flags {
    /// They take nothing, or a value behind `=` that starts nothing.
    plain: &'static str,
    /// They take a value that starts nothing.
    value: &'static str,
    /// Their value is loaded as code.
    code: &'static str,
    /// Their value is the folder in which all paths start.
    folder: &'static str,
}

const NODE: Flags = Flags {
    plain: "--no-warnings --enable-source-maps --trace-warnings --trace-uncaught --trace-deprecation --no-deprecation \
            --disable-warning --experimental-strip-types --experimental-transform-types --experimental-vm-modules \
            --experimental-modules --experimental-fetch --experimental-sqlite --experimental-websocket --use-system-ca \
            --use-openssl-ca --max-old-space-size --max-semi-space-size --max-http-header-size --stack-size \
            --stack-trace-limit --dns-result-order --preserve-symlinks --preserve-symlinks-main --inspect --inspect-brk \
            --inspect-port --expose-gc --unhandled-rejections --throw-deprecation --watch --abort-on-uncaught-exception",
    value: "-C --conditions --title --watch-path --input-type",
    code: "-r --require --import --loader --experimental-loader",
    folder: "",
};
const BUN: Flags = Flags {
    plain: "-b --bun --silent --smol --watch --hot --no-install -i --no-clear-screen --inspect",
    value: "--port --conditions --tsconfig-override",
    code: "-r --preload --require --import",
    folder: "--cwd",
};
const DENO: Flags = Flags {
    plain: "-A --allow-all -q --quiet --no-prompt --no-check --no-config --no-lock --no-remote --no-npm --cached-only \
            --unstable --allow-net --allow-read --allow-write --allow-env --allow-sys --allow-run --allow-ffi -N -R -W -E -S \
            --deny-net --deny-read --deny-write --deny-env --deny-sys --deny-run --deny-ffi --watch --check --inspect",
    value: "--seed --location -L --log-level",
    code: "-c --config --import-map --preload --import --lock",
    folder: "",
};
const TSX: Flags = Flags {
    plain: "--no-cache --watch -T --transpile-only --esm --swc --files",
    value: "",
    code: "--tsconfig -P --project -r --require --import --loader",
    folder: "--cwd",
};
const PYTHON: Flags = Flags {
    plain: "-u -B -I -s -E -S -O -OO -v -q -P -d -b -bb -x",
    value: "-W -X --check-hash-based-pycs",
    code: "",
    folder: "",
};
const UV_RUN: Flags = Flags {
    plain: "-q --quiet -v --verbose --no-sync --frozen --locked --isolated --offline --no-project --no-dev --all-extras --active \
            --no-progress -n --no-cache --exact --no-config --managed-python --no-managed-python -s --script",
    value: "--with -w -p --python --extra --group --package --only-group --index --default-index --index-url --extra-index-url \
            --color --cache-dir",
    code: "--with-requirements --with-editable --config-file",
    folder: "--directory --project",
};
const JAVA: Flags = Flags {
    plain: "-server -client",
    value: "",
    code: "-jar -cp -classpath --class-path -javaagent --module-path",
    folder: "",
};
const NONE: Flags = Flags {
    plain: "",
    value: "",
    code: "",
    folder: "",
};
/// Interpreters without a grammar of their own here: the first word that is no option is the script.
const OTHERS: [(&str, &Flags); 11] = [
    ("tsx", &TSX),
    ("ts-node", &TSX),
    ("esno", &TSX),
    ("vite-node", &TSX),
    ("java", &JAVA),
    ("ruby", &NONE),
    ("perl", &NONE),
    ("php", &NONE),
    ("lua", &NONE),
    ("rscript", &NONE),
    ("dotnet", &NONE),
];
/// Wrappers: options without a value, options with one, and how many words stand before the command.
const WRAPPERS: [(&str, &str, &str, usize); 17] = [
    (
        "sudo",
        "-n -E -H -i --non-interactive --preserve-env",
        "-u -g --user --group",
        0,
    ),
    ("doas", "-n", "-u", 0),
    ("nice", "", "-n --adjustment", 0),
    ("ionice", "-t", "-c -n", 0),
    ("nohup", "", "", 0),
    ("setsid", "-w -f -c --wait", "", 0),
    ("stdbuf", "-oL -eL -iL -o0 -e0 -i0", "-o -e -i", 0),
    (
        "timeout",
        "--foreground --preserve-status -v",
        "-k -s --kill-after --signal",
        1,
    ),
    (
        "gtimeout",
        "--foreground --preserve-status -v",
        "-k -s --kill-after --signal",
        1,
    ),
    ("time", "-p", "", 0),
    ("caffeinate", "-i -d -s -m", "", 0),
    ("exec", "", "", 0),
    ("command", "", "", 0),
    ("builtin", "", "", 0),
    ("xvfb-run", "-a --auto-servernum", "-s --server-args", 0),
    ("dbus-run-session", "--", "", 0),
    ("chronic", "", "", 0),
];

fn listed(list: &str, word: &str) -> bool {
    list.split(' ')
        .any(|known| !known.is_empty() && known == word)
}

/// Reads the command line of one server.
pub(super) struct Reader<'a> {
    paths: &'a Paths,
    plugin: Option<&'a Path>,
    named: Named,
    left: usize,
}

/// The folder in which a command starts; none where that is not known.
type Folder<'f> = Option<&'f Path>;

impl<'a> Reader<'a> {
    pub(super) fn read(question: &Question<'a>) -> Named {
        let mut reader = Self {
            paths: question.paths,
            plugin: question.plugin,
            named: Named::default(),
            left: MAX_COMMANDS,
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
        let harmless = environment::loads(name) && environment::is_harmless(name, value)
            || listed(
                "NODE_ENV NODE_NO_WARNINGS NODE_TLS_REJECT_UNAUTHORIZED NODE_EXTRA_CA_CERTS PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE \
                 PYTHONIOENCODING PYTHONUTF8 PYTHONWARNINGS PYTHONHASHSEED NODE_DEBUG NODE_DISABLE_COLORS",
                &name.to_ascii_uppercase(),
            );
        if (decides_code(name) || environment::loads(name)) && !harmless && !value.trim().is_empty()
        {
            self.open(format!(
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
                self.named.system.insert(self.paths.shown(path));
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
        match name.as_str() {
            "node" | "nodejs" => self.script(args, &NODE, &name, folder),
            "bun" => self.bun(args, folder),
            "deno" => self.deno(args, folder),
            "uv" => self.uv(args, folder),
            "uvx" | "pipx" | "npx" | "pnpx" | "bunx" => self.fetched(args, folder),
            "npm" | "pnpm" | "yarn" => self.npm(args, &name, folder),
            "env" => self.env(args, folder),
            "docker" | "podman" | "nerdctl" => self.container(args, folder),
            _ if is_python(&name) => self.python(program, args, folder),
            _ if is_shell(&name) => self.shell(args, &name, folder),
            _ => match OTHERS.iter().find(|(other, _)| *other == name) {
                Some((_, flags)) => {
                    self.open(format!("what `{name}` itself loads is not hashed"));
                    self.script(args, flags, &name, folder);
                }
                None => {
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
                self.named.system.insert(format!("{name} (found by PATH)"));
            } else {
                self.open(format!("`{program}` is found by OpenClaw's PATH"));
            }
            return;
        }
        match self.locate(program, folder) {
            Ok(path) => match self.paths.kind(&path) {
                Entry::File if is_of_system(self.paths, &path) => {
                    self.named.system.insert(self.paths.shown(&path));
                }
                Entry::File => {
                    self.named.targets.insert(Target::File(path));
                }
                _ => self.open(format!("`{program}` is no program that is there")),
            },
            Err(why) => self.open(why),
        }
    }

    /// An interpreter whose first word that is no option is a file.
    fn script(&mut self, args: &[String], flags: &Flags, name: &str, folder: Folder<'_>) {
        let (rest, moved) = self.options(args, flags, name, folder);
        let folder = moved.as_deref().or(folder);
        match rest.split_first() {
            Some((script, behind)) => {
                self.certain(script, folder);
                self.arguments(behind, folder);
            }
            None => self.open(format!("`{name}` is given no script that is read here")),
        }
    }

    /// Reads options up to the first word that is none; what follows, and the folder that an option moves to.
    fn options<'w>(
        &mut self,
        args: &'w [String],
        flags: &Flags,
        name: &str,
        folder: Folder<'_>,
    ) -> (&'w [String], Option<PathBuf>) {
        let mut moved: Option<PathBuf> = None;
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            if arg == "--" {
                at += 1;
                break;
            }
            if !arg.starts_with('-') || arg == "-" {
                break;
            }
            at += 1;
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            if listed(flags.plain, flag) {
                continue;
            }
            let takes = [flags.value, flags.code, flags.folder]
                .iter()
                .any(|list| listed(list, flag));
            if !takes {
                self.open(format!("the option `{flag}` of `{name}` is not read"));
                // It may name a file all the same.
                self.arguments(std::slice::from_ref(arg), folder);
                at += usize::from(inline.is_none() && names_a_secret(flag));
                continue;
            }
            let value = inline.unwrap_or_else(|| {
                at += 1;
                args.get(at - 1).cloned().unwrap_or_default()
            });
            let here = moved.clone();
            let here = here.as_deref().or(folder);
            if listed(flags.folder, flag) {
                match self.locate(&value, here) {
                    Ok(folder) => moved = Some(folder),
                    Err(why) => self.open(why),
                }
            } else if listed(flags.code, flag) {
                self.loaded(&value, here);
            }
        }
        (args.get(at..).unwrap_or_default(), moved)
    }

    /// What an option loads: a path, or a package beside the working folder.
    fn loaded(&mut self, value: &str, folder: Folder<'_>) {
        let path = value.starts_with(['.', '/', '~', '$']) || value.starts_with("file:");
        let beside = folder.map(|folder| folder.join(value));
        if path || beside.is_some_and(|path| self.paths.kind(&path) == Entry::File) {
            for part in value.split(':').filter(|part| !part.is_empty()) {
                if value.starts_with("file:") {
                    return self.certain(value, folder);
                }
                self.certain(part, folder);
            }
            return;
        }
        let modules = folder.map(|folder| folder.join("node_modules").join(value));
        match modules {
            Some(package) if self.paths.kind(&package) != Entry::Nothing => {
                self.named.targets.insert(Target::Package(package));
            }
            _ if value.starts_with("data:") => {
                self.open("an option holds code, and what that loads is not read");
            }
            _ => self.open(format!(
                "`{value}` is loaded from a place that is not known"
            )),
        }
    }

    fn bun(&mut self, args: &[String], folder: Folder<'_>) {
        let (rest, moved) = self.options(args, &BUN, "bun", folder);
        let here = moved.as_deref().or(folder);
        match rest.split_first() {
            Some((word, behind)) if word == "x" => self.fetched(behind, here),
            Some((word, behind)) if word == "run" => {
                let (rest, again) = self.options(behind, &BUN, "bun run", here);
                let here = again.as_deref().or(here);
                self.named_script(rest, "bun", here);
            }
            Some(_) => self.named_script(rest, "bun", here),
            None => self.open("`bun` is given no script"),
        }
    }

    /// A file, or a script of the package in the working folder.
    fn named_script(&mut self, rest: &[String], name: &str, folder: Folder<'_>) {
        let Some((word, behind)) = rest.split_first() else {
            return self.open(format!("`{name}` is given no script"));
        };
        let is_path = word.contains('/') || is_code(Path::new(word));
        let there = self
            .locate(word, folder)
            .is_ok_and(|path| self.paths.kind(&path) != Entry::Nothing);
        if is_path || there {
            self.certain(word, folder);
            self.arguments(behind, folder);
        } else {
            self.package_script(word, name, folder);
        }
    }

    /// A script of `package.json` by its name.
    fn package_script(&mut self, script: &str, name: &str, folder: Folder<'_>) {
        let Some(folder) = folder else {
            return self.open(format!(
                "`{name} {script}` runs what a package.json says in a folder that is not known"
            ));
        };
        let package = folder
            .ancestors()
            .find(|folder| self.paths.kind(&folder.join("package.json")) == Entry::File);
        let Some(package) = package.map(Path::to_owned) else {
            return self.open(format!("`{name} {script}` finds no package.json"));
        };
        self.named.targets.insert(Target::Package(package.clone()));
        let file = package.join("package.json");
        let text = self.paths.text(&file, MAX_MANIFEST).ok();
        let manifest = text.and_then(|text| json::last_wins(&text).ok());
        let scripts = manifest
            .as_ref()
            .and_then(|found| found.value.get("scripts"));
        for which in [
            format!("pre{script}"),
            script.to_owned(),
            format!("post{script}"),
        ] {
            let line = scripts
                .and_then(|all| all.get(&which))
                .and_then(Value::as_str);
            match line {
                Some(line) => {
                    let line = line.to_owned();
                    self.line(&line, Some(&package));
                }
                None if which == script => self.open(format!(
                    "package.json has no script `{script}`, so `{name}` looks elsewhere"
                )),
                None => {}
            }
        }
    }

    fn deno(&mut self, args: &[String], folder: Folder<'_>) {
        let (rest, _) = self.options(args, &DENO, "deno", folder);
        let rest = match rest.split_first() {
            Some((word, behind)) if word == "run" => {
                self.options(behind, &DENO, "deno run", folder).0
            }
            Some((word, _)) if !word.contains('/') && !is_code(Path::new(word)) => {
                return self.open(format!("`deno {word}` is not read"));
            }
            _ => rest,
        };
        match rest.split_first() {
            Some((script, behind)) => {
                let remote = script.contains(':') && !script.starts_with("file:");
                if !remote {
                    self.certain(script, folder);
                }
                self.arguments(behind, folder);
            }
            None => self.open("`deno` is given no script"),
        }
    }

    fn uv(&mut self, args: &[String], folder: Folder<'_>) {
        let (rest, moved) = self.options(args, &UV_RUN, "uv", folder);
        let here = moved.as_deref().or(folder);
        let (word, behind) = match rest.split_first() {
            Some((word, behind)) => (word.as_str(), behind),
            None => return self.open("`uv` is given no command"),
        };
        if word == "tool" {
            return self.fetched(behind.get(1..).unwrap_or_default(), here);
        }
        if word != "run" {
            return self.open(format!("`uv {word}` is not read"));
        }
        let module = behind
            .iter()
            .take_while(|word| word.starts_with('-') || listed(UV_RUN.value, word))
            .any(|word| word == "-m" || word == "--module");
        let behind: Vec<String> = behind
            .iter()
            .filter(|word| !module || *word != "-m" && *word != "--module")
            .cloned()
            .collect();
        let (rest, again) = self.options(&behind, &UV_RUN, "uv run", here);
        let here = again.as_deref().or(here);
        let project = here.and_then(|here| {
            here.ancestors()
                .find(|folder| self.paths.kind(&folder.join("pyproject.toml")) == Entry::File)
        });
        if let Some(project) = project {
            self.named
                .targets
                .insert(Target::Package(project.to_owned()));
        }
        self.open("the Python environment that `uv run` makes is not hashed");
        match rest.split_first() {
            Some((word, behind)) if module => self.module(word, behind, here),
            Some((word, behind))
                if word.contains('/') || is_code(Path::new(word)) && !is_python(&name_of(word)) =>
            {
                self.certain(word, here);
                self.arguments(behind, here);
            }
            Some((word, _)) if is_known(&name_of(word)) => self.command(rest, here),
            Some((_, behind)) => self.arguments(behind, here),
            None => self.open("`uv run` is given no command"),
        }
    }

    /// What a launcher fetches is judged by its version; a local path among its words is local code.
    fn fetched(&mut self, args: &[String], folder: Folder<'_>) {
        for (at, arg) in args.iter().enumerate() {
            let value = arg.split_once('=').map_or(arg.as_str(), |(_, value)| value);
            let local = value.starts_with("./")
                || value.starts_with("../")
                || value.starts_with("file:")
                || matches!(value, "." | "..")
                || (value.starts_with(['/', '~']) && (at == 0 || arg.starts_with('-')));
            if local {
                self.open(format!(
                    "`{value}` is a local package, whose own dependencies are fetched"
                ));
                self.certain(value, folder);
            }
        }
        let package = args.iter().find(|word| !word.starts_with('-'));
        if let (Some(folder), Some(package)) = (folder, package) {
            // A package that is already there is taken before the registry is asked.
            let at = package
                .char_indices()
                .skip(1)
                .find(|(_, c)| *c == '@')
                .map_or(package.len(), |(at, _)| at);
            let name = package.get(..at).unwrap_or_default();
            let installed = folder
                .ancestors()
                .map(|above| above.join("node_modules").join(name))
                .find(|path| self.paths.kind(path) == Entry::Folder);
            if let Some(installed) = installed {
                self.named.targets.insert(Target::Package(installed));
            }
        }
        self.arguments(args, folder);
    }

    fn npm(&mut self, args: &[String], name: &str, folder: Folder<'_>) {
        let flags = Flags {
            plain: "-s --silent -q --quiet --if-present -y --yes --offline --prefer-offline",
            value: "--loglevel",
            code: "",
            folder: "--prefix -C --dir --cwd",
        };
        let (rest, moved) = self.options(args, &flags, name, folder);
        let here = moved.as_deref().or(folder);
        let Some((word, behind)) = rest.split_first() else {
            return self.open(format!("`{name}` is given no command"));
        };
        match word.as_str() {
            "exec" | "x" | "dlx" => self.fetched(behind, here),
            "start" | "test" | "stop" => self.package_script(word, name, here),
            "run" | "run-script" => {
                let (rest, again) = self.options(behind, &flags, name, here);
                let here = again.as_deref().or(here);
                match rest.first() {
                    Some(script) => self.package_script(script, name, here),
                    None => self.open(format!("`{name} run` is given no script")),
                }
            }
            // pnpm and yarn take the name of a script as it is.
            script if name != "npm" => self.package_script(script, name, here),
            other => self.open(format!("`npm {other}` is not read")),
        }
    }

    fn python(&mut self, program: &str, args: &[String], folder: Folder<'_>) {
        if let Ok(path) = self.locate(program, folder)
            && program.contains('/')
            && path
                .ancestors()
                .skip(1)
                .take(2)
                .any(|above| self.paths.kind(&above.join("pyvenv.cfg")) == Entry::File)
        {
            self.open("the packages of its Python environment are not hashed");
        }
        let module = args
            .iter()
            .take_while(|word| word.starts_with('-'))
            .position(|word| word == "-m");
        if let Some(at) = module {
            self.options(
                args.get(..at).unwrap_or_default(),
                &PYTHON,
                "python",
                folder,
            );
            let rest = args.get(at + 1..).unwrap_or_default();
            return match rest.split_first() {
                Some((module, behind)) => self.module(module, behind, folder),
                None => self.open("`python -m` is given no module"),
            };
        }
        self.script(args, &PYTHON, "python", folder);
    }

    /// `python -m name`: the module of the working folder, or an installed one.
    fn module(&mut self, module: &str, behind: &[String], folder: Folder<'_>) {
        let parts: PathBuf = module.split('.').collect();
        let found = folder.and_then(|folder| {
            let base = folder.join(&parts);
            let file = base.with_extension("py");
            if self.paths.kind(&base) == Entry::Folder {
                Some(Target::Package(base))
            } else {
                (self.paths.kind(&file) == Entry::File).then_some(Target::File(file))
            }
        });
        match found {
            Some(target) => {
                self.named.targets.insert(target);
            }
            None => self.open(format!(
                "the module `{module}` is taken from where Python finds it, which is not hashed"
            )),
        }
        self.arguments(behind, folder);
    }

    fn shell(&mut self, args: &[String], name: &str, folder: Folder<'_>) {
        let mut at = 0;
        while let Some(flag) = args.get(at).filter(|arg| arg.starts_with(['-', '+'])) {
            at += 1;
            let letters = flag.trim_start_matches('-');
            if flag.starts_with("--") {
                match flag.as_str() {
                    "--" => break,
                    "--noprofile" | "--norc" | "--posix" => {}
                    _ => self.open(format!("the option `{flag}` of `{name}` is not read")),
                }
                continue;
            }
            if letters.contains(['l', 'i']) {
                self.open(format!("`{name} {flag}` also sources the user's own files"));
            }
            if letters.contains('c') {
                match args.get(at) {
                    Some(line) => {
                        self.line(line, folder);
                        // What stands behind is `$0`, `$1` of the line.
                        self.arguments(args.get(at + 1..).unwrap_or_default(), folder);
                    }
                    None => self.open(format!("`{name} -c` is given no line")),
                }
                return;
            }
            if !letters.chars().all(|c| "eufxvl".contains(c)) {
                self.open(format!("the option `{flag}` of `{name}` is not read"));
            }
        }
        match args.get(at..).unwrap_or_default().split_first() {
            Some((script, behind)) => {
                self.certain(script, folder);
                self.arguments(behind, folder);
            }
            None => self.open(format!("`{name}` reads commands that are not known")),
        }
    }

    /// A line of a shell: its plain commands; what is more than plain leaves it open.
    fn line(&mut self, line: &str, folder: Folder<'_>) {
        let read = shell::read(line);
        if !read.plain {
            self.open("a line of a shell is more than plain commands");
        }
        let mut here = folder.map(Path::to_owned);
        for words in read.commands {
            let assigned = words
                .iter()
                .take_while(|word| shell::assignment(word).is_some())
                .count();
            for word in words.iter().take(assigned) {
                if let Some((name, value)) = shell::assignment(word) {
                    self.variable(name, value);
                }
            }
            let words = words.get(assigned..).unwrap_or_default();
            match words.split_first() {
                Some((word, rest)) if word == "cd" => {
                    let to = rest.iter().find(|word| !word.starts_with('-'));
                    let found = to.and_then(|to| self.locate(to, here.as_deref()).ok());
                    if found.is_none() {
                        self.open("a line of a shell goes to a folder that is not known");
                    }
                    here = found;
                }
                Some((word, rest)) if word == "." || word == "source" => {
                    for file in rest.iter().take(1) {
                        self.certain(file, here.as_deref());
                    }
                }
                Some((word, rest)) if word == "export" => {
                    for (name, value) in rest.iter().filter_map(|word| shell::assignment(word)) {
                        self.variable(name, value);
                    }
                }
                Some((word, _))
                    if listed("true : echo printf test [ set umask ulimit sleep", word) => {}
                Some(_) => self.command(words, here.as_deref()),
                None => {}
            }
        }
    }

    fn env(&mut self, args: &[String], folder: Folder<'_>) {
        let mut here = folder.map(Path::to_owned);
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
                _ => (arg.as_str(), None),
            };
            let next = args.get(at + 1).cloned();
            let takes_next = inline.is_none();
            match flag {
                "-i" | "-" | "--ignore-environment" | "--" => at += 1,
                "-u" | "--unset" => at += if takes_next { 2 } else { 1 },
                "-C" | "--chdir" => {
                    let to = inline.or(next).unwrap_or_default();
                    match self.locate(&to, here.as_deref()) {
                        Ok(folder) => here = Some(folder),
                        Err(why) => {
                            self.open(why);
                            here = None;
                        }
                    }
                    at += if takes_next { 2 } else { 1 };
                }
                "-S" | "--split-string" => {
                    let line = inline.or(next).unwrap_or_default();
                    self.line(&line, here.as_deref());
                    at += if takes_next { 2 } else { 1 };
                    self.arguments(args.get(at..).unwrap_or_default(), here.as_deref());
                    return;
                }
                _ if arg.starts_with('-') => {
                    self.open(format!("the option `{flag}` of `env` is not read"));
                    at += 1;
                }
                _ => match shell::assignment(arg) {
                    Some((name, value)) => {
                        self.variable(name, value);
                        at += 1;
                    }
                    None => break,
                },
            }
        }
        self.command(args.get(at..).unwrap_or_default(), here.as_deref());
    }

    fn wrapper(
        &mut self,
        args: &[String],
        plain: &str,
        value: &str,
        behind: usize,
        folder: Folder<'_>,
    ) {
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            let flag = arg.split('=').next().unwrap_or_default();
            if arg == "--" {
                at += 1;
                break;
            } else if listed(value, arg) {
                at += 2;
            } else if listed(plain, flag) || listed(value, flag) {
                at += 1;
            } else if let Some((name, value)) = shell::assignment(arg) {
                self.variable(name, value);
                at += 1;
            } else if arg.starts_with('-') {
                if !arg.bytes().skip(1).all(|b| b.is_ascii_digit()) {
                    self.open(format!("the option `{flag}` of a wrapper is not read"));
                }
                at += 1;
            } else {
                break;
            }
        }
        self.command(args.get(at + behind..).unwrap_or_default(), folder);
    }

    /// Files of this machine inside a container.
    fn container(&mut self, args: &[String], folder: Folder<'_>) {
        let mut mounts: Vec<&str> = Vec::new();
        for (at, arg) in args.iter().enumerate() {
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (arg.as_str(), None),
            };
            if matches!(flag, "-v" | "--volume" | "--mount" | "--env-file") {
                mounts.extend(inline.or_else(|| args.get(at + 1).map(String::as_str)));
            } else if let Some(glued) = arg.strip_prefix("-v").filter(|rest| rest.starts_with('/'))
            {
                mounts.push(glued);
            }
        }
        for mount in mounts {
            let source = mount
                .split(',')
                .find_map(|part| {
                    part.strip_prefix("source=")
                        .or_else(|| part.strip_prefix("src="))
                })
                .unwrap_or_else(|| mount.split(':').next().unwrap_or_default());
            // A name without a slash is a volume.
            if !source.contains('/') && !source.starts_with(['~', '.', '$']) {
                continue;
            }
            let inside: Vec<&str> = mount.split(':').collect();
            let target = inside.get(1).copied().unwrap_or_default();
            let mut hashed = false;
            for arg in args
                .iter()
                .filter(|arg| !target.is_empty() && is_code(Path::new(arg)))
            {
                if let Some(rest) = arg.strip_prefix(target) {
                    let own = format!("{source}{rest}");
                    if let Ok(path) = self.locate(&own, folder)
                        && self.paths.kind(&path) == Entry::File
                    {
                        self.named.targets.insert(Target::File(path));
                        hashed = true;
                    }
                }
            }
            if !hashed {
                self.open(format!(
                    "`{source}` is mounted into the container, and not hashed"
                ));
            }
        }
    }
}

/// The name of a program without folder and the endings of Windows and Node, in lower case.
fn name_of(word: &str) -> String {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let stem = [".exe", ".cmd", ".bat", ".com"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    let name = stem.unwrap_or(&name);
    // `node22` and `ruby3.2` are what their names say.
    for known in ["node", "ruby", "perl", "php", "lua"] {
        if let Some(rest) = name.strip_prefix(known)
            && !rest.is_empty()
            && rest
                .trim_start_matches('-')
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.')
        {
            return known.to_owned();
        }
    }
    name.to_owned()
}

fn is_python(name: &str) -> bool {
    ["python", "pypy", "pythonw"].iter().any(|known| {
        name.strip_prefix(known)
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    })
}

fn is_shell(name: &str) -> bool {
    listed("sh bash zsh dash ash ksh mksh fish rbash busybox", name)
}

/// Programs whose command line is read here.
fn is_known(name: &str) -> bool {
    listed(
        "node nodejs bun deno uv uvx pipx npx pnpx bunx npm pnpm yarn env docker podman nerdctl",
        name,
    ) || is_python(name)
        || is_shell(name)
        || WRAPPERS.iter().any(|(wrapper, ..)| *wrapper == name)
        || OTHERS.iter().any(|(other, _)| *other == name)
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
