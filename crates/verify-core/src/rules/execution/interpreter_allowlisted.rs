//! `interpreter-allowlisted`: what may run without a question can run anything.

use std::path::Path;

use serde_json::{Value, json};

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::{At, Machine};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "interpreter-allowlisted",
    group: Group::Execution,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "A program that may run without a question can run any code",
    help: "Ask before code that is written into a command line runs.",
    check: Check::Whole(check),
};

/// Programs that run what their arguments say. [S `INTERPRETER_LIKE_SAFE_BINS`, `INTERPRETER_ALLOWLIST_NAMES`] and runners of packages.
const INTERPRETERS: [&str; 72] = [
    "ash",
    "awk",
    "bash",
    "busybox",
    "bun",
    "bunx",
    "clj",
    "clojure",
    "cmd",
    "csh",
    "cscript",
    "dash",
    "deno",
    "elixir",
    "env",
    "erl",
    "expect",
    "find",
    "fish",
    "gawk",
    "gdb",
    "ghc",
    "ghci",
    "groovy",
    "gsed",
    "guile",
    "iex",
    "julia",
    "ksh",
    "lua",
    "luajit",
    "make",
    "mawk",
    "nawk",
    "nix-shell",
    "node",
    "nodejs",
    "npm",
    "npx",
    "nsenter",
    "osascript",
    "perl",
    "perl6",
    "php",
    "pipx",
    "pnpm",
    "pnpx",
    "powershell",
    "pwsh",
    "pypy",
    "python",
    "python2",
    "python3",
    "r",
    "raku",
    "rscript",
    "ruby",
    "scala",
    "scala-cli",
    "sed",
    "sh",
    "sudo",
    "tclsh",
    "toybox",
    "ts-node",
    "tsx",
    "uv",
    "uvx",
    "wscript",
    "xargs",
    "yarn",
    "zsh",
];
/// Keys of lists of programs and of folders of programs.
const BINS: &str = "safeBins";
const FOLDERS: &str = "safeBinTrustedDirs";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let global_strict = machine.is_on("tools.exec.strictInlineEval");
    for exec in scopes(machine) {
        let own = exec
            .child("strictInlineEval")
            .map(|at| *at.value == Value::Bool(true));
        let strict = own.unwrap_or(global_strict);
        if let Some(bins) = exec.child(BINS).filter(|_| !strict) {
            let names: Vec<&str> = bins
                .texts()
                .into_iter()
                .filter(|bin| is_interpreter(bin))
                .collect();
            if !names.is_empty() {
                found.push(
                    draft(format!(
                        "{} may run any code without a question",
                        listed(&names)
                    ))
                    .declared(machine.declare(&bins))
                    .remedy(set(format!("{}.strictInlineEval", exec.written()), true)),
                );
            }
        }
        if let Some(folders) = exec.child(FOLDERS) {
            found.extend(of_folders(machine, &folders));
        }
    }
    found.extend(of_approvals(machine, global_strict));
    found
}

fn scopes(machine: &Machine) -> Vec<At<'_>> {
    let all = machine.at("tools.exec").into_iter();
    all.chain(machine.of_agents("tools.exec")).collect()
}

fn of_folders(machine: &Machine, folders: &At<'_>) -> Option<Draft> {
    let loose: Vec<&str> = folders
        .texts()
        .into_iter()
        .filter(|folder| is_loose(machine, folder))
        .collect();
    let kept: Vec<&str> = folders
        .texts()
        .into_iter()
        .filter(|folder| !loose.contains(folder))
        .collect();
    (!loose.is_empty()).then(|| {
        draft(format!(
            "programs of {} count as safe, and others than root can put some there",
            listed(&loose)
        ))
        .code("folder")
        .declared(machine.declare(folders))
        .remedy(set(folders.written(), json!(kept)))
    })
}

/// Whether others than root can put a program into a folder.
fn is_loose(machine: &Machine, folder: &str) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Some(path) = machine.located(folder) else {
        return true;
    };
    let open = ["/tmp", "/var/tmp", "/dev/shm", "/home", "/Users"];
    let home = machine.places().home.as_deref();
    let in_home = home.is_some_and(|home| home != Path::new("/") && path.starts_with(home));
    let writable = std::fs::metadata(&path).is_ok_and(|found| found.mode() & 0o022 != 0);
    in_home || writable || open.iter().any(|place| path.starts_with(place))
}

/// What people allowed for always, and skills that need no approval.
fn of_approvals(machine: &Machine, strict: bool) -> Vec<Draft> {
    const FILE: &str = "exec approvals";
    let mut found = Vec::new();
    for approvals in machine.approvals() {
        let scopes = approvals
            .get("defaults")
            .into_iter()
            .map(|scope| ("all agents".to_owned(), scope))
            .chain(
                approvals
                    .get("agents")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(id, scope)| (text::excerpt(id, 80), scope)),
            );
        for (who, scope) in scopes {
            let list = scope.get("allowlist").and_then(Value::as_array);
            let patterns = list
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.get("pattern").unwrap_or(entry).as_str());
            let mut names: Vec<&str> = patterns.filter(|pattern| is_interpreter(pattern)).collect();
            names.sort_unstable();
            names.dedup();
            if !names.is_empty() && !strict {
                found.push(
                    draft(format!(
                        "{} may run any code for {who} without a question",
                        listed(&names)
                    ))
                    .code("approved")
                    .declared(machine.beside("allowlist", json!(names).to_string(), FILE))
                    .remedy(set("tools.exec.strictInlineEval", true)),
                );
            }
            if scope.get("autoAllowSkills") == Some(&Value::Bool(true)) {
                found.push(
                    draft(format!(
                        "programs that a skill names run for {who} without a question"
                    ))
                    .code("skills")
                    .declared(machine.beside("autoAllowSkills", "true", FILE))
                    .help("Switch autoAllowSkills off in the exec approvals (openclaw approvals)."),
                );
            }
        }
    }
    found
}

/// Whether a name or path is that of a program that runs what its arguments say; a version behind the name changes nothing.
fn is_interpreter(written: &str) -> bool {
    let name = written
        .trim()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let everything = matches!(written.trim(), "*" | "**" | "/**");
    everything || INTERPRETERS.contains(&name) || (!bare.is_empty() && INTERPRETERS.contains(&bare))
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(5)
        .map(|name| text::excerpt(name, 60))
        .collect();
    let more = names.len().saturating_sub(5);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
