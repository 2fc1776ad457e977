//! The interpreters of JavaScript and Python, and the launchers that fetch packages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::super::mcp_spec::names_a_secret;
use super::super::super::paths::Kind as Entry;
use super::super::{is_code, is_of_system, python};
use super::beside::ENV_FILES;
use super::options::{
    BUN, DENO, Flags, IN_PROJECT, PYTHON, UV_RUN, is_known, is_python, listed, name_of,
};
use super::{Folder, MAX_MANIFEST, Reader, Target};
use crate::json;

impl Reader<'_> {
    /// An interpreter whose first word that is no option is a file.
    pub(super) fn script(
        &mut self,
        args: &[String],
        flags: &Flags,
        name: &str,
        folder: Folder<'_>,
    ) {
        let (rest, moved) = self.options(args, flags, name, folder);
        let folder = moved.as_deref().or(folder);
        match rest.split_first() {
            Some((script, behind)) => {
                self.certain(script, folder);
                self.beside(name, script, folder);
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
            if listed(ENV_FILES, flag)
                && ["node", "nodejs", "bun", "deno", "uv"]
                    .iter()
                    .any(|known| name.starts_with(known))
            {
                // Deno takes the name only behind `=`.
                let own = name.starts_with("deno") && inline.is_none();
                let value = match inline {
                    Some(value) => value,
                    None if own => ".env".to_owned(),
                    None => {
                        at += 1;
                        args.get(at - 1).cloned().unwrap_or_default()
                    }
                };
                self.env_file(&value, moved.as_deref().or(folder));
                continue;
            }
            if flag == "--experimental-default-config-file" || flag == "--experimental-config-file"
            {
                let value = inline.unwrap_or_else(|| "node.config.json".to_owned());
                self.config_file(&value, moved.as_deref().or(folder));
                continue;
            }
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

    pub(super) fn bun(&mut self, args: &[String], folder: Folder<'_>) {
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
            self.beside(name, word, folder);
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

    pub(super) fn deno(&mut self, args: &[String], folder: Folder<'_>) {
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
                self.beside("deno", script, folder);
                self.arguments(behind, folder);
            }
            None => self.open("`deno` is given no script"),
        }
    }

    pub(super) fn uv(&mut self, args: &[String], folder: Folder<'_>) {
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
        let with_more = behind.iter().any(|word| {
            let flag = word.split('=').next().unwrap_or_default();
            listed(
                "--with -w --with-requirements --with-editable --isolated --no-project --active -p --python",
                flag,
            )
        });
        self.project(project.map(Path::to_owned), "uv run", with_more);
        match rest.split_first() {
            Some((word, behind)) if module => self.module(word, behind, here),
            Some((word, behind))
                if word.contains('/') || is_code(Path::new(word)) && !is_python(&name_of(word)) =>
            {
                self.certain(word, here);
                // The versions of what a script says that it needs.
                self.config_file(&format!("{word}.lock"), here);
                self.arguments(behind, here);
            }
            Some((word, _)) if is_known(&name_of(word)) => self.command(rest, here),
            Some((_, behind)) => self.arguments(behind, here),
            None => self.open("`uv run` is given no command"),
        }
    }

    /// A project of Python, and its environment beside it, where that is the one that `launcher` takes.
    fn project(&mut self, project: Option<PathBuf>, launcher: &str, with_more: bool) {
        let environment = project.as_ref().map(|project| project.join(".venv"));
        let environment = environment.filter(|folder| python::is_environment(self.paths, folder));
        self.named.targets.extend(project.map(Target::Package));
        match environment {
            // Also where the project is too large to be taken whole.
            Some(folder) if !with_more => {
                let python = folder.join("bin/python");
                if self.paths.kind(&python) == Entry::File {
                    self.named.targets.insert(Target::File(python));
                }
            }
            _ => self.open(format!(
                "the Python environment that `{launcher}` makes is not hashed"
            )),
        }
    }

    /// `poetry run x` and its like: they are programs of Python themselves.
    pub(super) fn in_project(&mut self, args: &[String], name: &str, folder: Folder<'_>) {
        self.named.reads.python |= !self.no_user_site;
        let (rest, moved) = self.options(args, &IN_PROJECT, name, folder);
        let here = moved.as_deref().or(folder);
        let Some((_, behind)) = rest.split_first().filter(|(word, _)| *word == "run") else {
            return self.open(format!("only `{name} run` is read"));
        };
        let (rest, again) = self.options(behind, &IN_PROJECT, name, here);
        let here = again.as_deref().or(here);
        let is_project = |folder: &&Path| {
            ["pyproject.toml", "Pipfile"]
                .iter()
                .any(|file| self.paths.kind(&folder.join(file)) == Entry::File)
        };
        let project = here.and_then(|here| here.ancestors().find(is_project));
        self.project(project.map(Path::to_owned), name, false);
        match rest.split_first() {
            Some((word, _)) if is_known(&name_of(word)) => self.command(rest, here),
            Some((word, behind)) => {
                if word.contains('/') {
                    self.certain(word, here);
                }
                self.arguments(behind, here);
            }
            None => self.open(format!("`{name} run` is given no command")),
        }
    }

    /// What a launcher fetches is judged by its version; a local path among its words is local code.
    pub(super) fn fetched(&mut self, args: &[String], folder: Folder<'_>) {
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
        if let Some(package) = args.iter().find(|word| !word.starts_with('-')) {
            match folder {
                Some(folder) => self.installed(package, folder),
                None => {
                    for folder in self.started_in {
                        self.installed(package, folder);
                    }
                }
            }
        }
        self.arguments(args, folder);
    }

    /// A package that is there, at or above a folder, is taken before the registry is asked, and before it a program of the very name
    /// that was given, with its version. [npm `libnpmexec`]
    fn installed(&mut self, package: &str, folder: &Path) {
        let at = package
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '@')
            .map_or(package.len(), |(at, _)| at);
        let name = package.get(..at).unwrap_or_default();
        let modules = || folder.ancestors().map(|above| above.join("node_modules"));
        let installed = modules()
            .map(|modules| modules.join(name))
            .find(|path| self.paths.kind(path) == Entry::Folder);
        // bun leaves a scope out, and asks so only for what is given without a version.
        let scopeless = name.rsplit('/').next().filter(|_| name == package);
        let programs: BTreeSet<&str> = [Some(package), scopeless].into_iter().flatten().collect();
        let programs: Vec<PathBuf> = programs
            .into_iter()
            .filter(|name| !name.starts_with(['/', '.', '~']) && !name.contains(".."))
            .filter_map(|name| {
                let mut places = modules().map(|modules| modules.join(".bin").join(name));
                places.find(|path| self.paths.kind(path) != Entry::Nothing)
            })
            .collect();
        for program in programs {
            let shown = program.to_string_lossy().into_owned();
            self.path(&program, &shown);
        }
        self.named.targets.extend(installed.map(Target::Package));
        self.of_project(package, folder);
    }

    /// A package that was installed globally, in the version that is asked for: `npx` runs it, and fetches none. What only root can write
    /// is the system's. [npm `libnpmexec`, `globalArb`]
    pub(super) fn global(&mut self, args: &[String]) {
        let Some(package) = args.iter().find(|word| !word.starts_with('-')) else {
            return;
        };
        let at = package.char_indices().skip(1).find(|(_, c)| *c == '@');
        let (name, asked) = package.split_at(at.map_or(package.len(), |(at, _)| at));
        let is_name =
            !name.is_empty() && !name.starts_with(['/', '.', '~']) && !name.contains("..");
        for prefix in self.prefixes.iter().filter(|_| is_name) {
            let folder = prefix.join("lib/node_modules").join(name);
            let text = self.paths.text(&folder.join("package.json"), MAX_MANIFEST);
            let Some(manifest) = text.ok().and_then(|text| json::last_wins(&text).ok()) else {
                continue;
            };
            // A range or a tag may mean the one that is there.
            let exact = semver::Version::parse(asked.trim_start_matches('@')).is_ok();
            let other = manifest.value["version"].as_str() != asked.strip_prefix('@');
            if exact && other || is_of_system(self.paths, &folder) {
                continue;
            }
            let bins: Vec<String> = match manifest.value.get("bin") {
                Some(Value::Object(all)) => all.keys().cloned().collect(),
                _ => name
                    .rsplit('/')
                    .next()
                    .map(str::to_owned)
                    .into_iter()
                    .collect(),
            };
            let plain = |bin: &String| !bin.contains('/') && !bin.contains("..");
            for bin in bins.into_iter().filter(plain) {
                let program = prefix.join("bin").join(&bin);
                if self.paths.kind(&program) != Entry::Nothing {
                    self.path(&program, &bin);
                }
            }
            self.named.targets.insert(Target::Package(folder));
        }
    }

    /// npm also runs what the `package.json` of the project says by that very name, with its version. [npm `hasPkgBin`]
    fn of_project(&mut self, program: &str, folder: &Path) {
        let project = folder.ancestors().find(|above| {
            self.paths.kind(&above.join("package.json")) == Entry::File
                || self.paths.kind(&above.join("node_modules")) == Entry::Folder
        });
        let Some(project) = project.map(Path::to_owned) else {
            return;
        };
        let file = project.join("package.json");
        let text = self.paths.text(&file, MAX_MANIFEST).ok();
        let Some(manifest) = text.and_then(|text| json::last_wins(&text).ok()) else {
            return;
        };
        let script = match manifest.value.get("bin") {
            Some(Value::Object(all)) => all.get(program).and_then(Value::as_str),
            Some(Value::String(one)) if manifest.value["name"] == *program => Some(one.as_str()),
            _ => None,
        };
        if let Some(script) = script {
            let script = script.to_owned();
            self.open(format!(
                "`{program}` is a local package, whose own dependencies are fetched"
            ));
            self.named.targets.insert(Target::File(file));
            self.certain(&script, Some(&project));
        }
    }

    pub(super) fn npm(&mut self, args: &[String], name: &str, folder: Folder<'_>) {
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
            "exec" | "x" | "dlx" => {
                self.fetched(behind, here);
                if name == "npm" {
                    self.global(behind);
                }
            }
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

    pub(super) fn python(&mut self, program: &str, args: &[String], folder: Folder<'_>) {
        let own = self.locate(program, folder).ok();
        let own = own.filter(|_| program.contains('/'));
        let in_environment = own.is_some_and(|path| python::around(self.paths, &path).is_some());
        let isolated = args
            .iter()
            .take_while(|word| word.starts_with('-'))
            .any(|word| !word.starts_with("--") && word.contains(['I', 's']));
        if !in_environment && !isolated && !self.no_user_site {
            self.named.reads.python = true;
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
        self.named.shadowed.extend(folder.map(Path::to_owned));
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
            None => {
                self.named.modules.insert(module.to_owned());
                if folder.is_none() {
                    self.open(format!(
                        "Python looks for the module `{module}` where OpenClaw is started first, and that folder is not known"
                    ));
                }
            }
        }
        self.arguments(behind, folder);
    }
}
