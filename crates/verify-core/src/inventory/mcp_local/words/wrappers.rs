//! Shells, `env` and other programs that start what stands behind their own words, and containers.

use std::path::Path;

use super::super::super::paths::Kind as Entry;
use super::super::{is_code, shell};
use super::options::listed;
use super::{Folder, Reader, Target};

impl Reader<'_> {
    pub(super) fn shell(&mut self, args: &[String], name: &str, folder: Folder<'_>) {
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
    pub(super) fn line(&mut self, line: &str, folder: Folder<'_>) {
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

    pub(super) fn env(&mut self, args: &[String], folder: Folder<'_>) {
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

    pub(super) fn wrapper(
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
    pub(super) fn container(&mut self, args: &[String], folder: Folder<'_>) {
        if let Some(at) = args.iter().position(|word| word == "compose") {
            return self.compose(args.get(at + 1..).unwrap_or_default(), folder);
        }
        let mut mounts: Vec<&str> = Vec::new();
        for (at, arg) in args.iter().enumerate() {
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (arg.as_str(), None),
            };
            if flag == "--env-file" {
                let value = inline.or_else(|| args.get(at + 1).map(String::as_str));
                self.env_file(value.unwrap_or_default(), folder);
            } else if matches!(flag, "-v" | "--volume" | "--mount") {
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
