//! `secret-in-repository`: git tracks a file with secrets, or would at the next `git add`.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Observed, RemedyKind};
use crate::inventory::machine::repository::Repository;
use crate::rules::machine::{STAGES, draft};
use crate::rules::{Check, Group, Rule, Whole};
use crate::text::shell_word;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "secret-in-repository",
    group: Group::Secrets,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Operator,
    summary: "A repository holds secrets, or would with the next commit of everything",
    help: "Take the file out of the index, ignore it, and make new secrets: every clone has the old ones.",
    check: Check::Whole(check),
};

/// Most files of one repository that are named.
const SHOWN: usize = 10;

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let repositories = machine.repositories().unwrap_or_default();
    repositories.iter().flat_map(of_repository).collect()
}

fn of_repository(repository: &Repository) -> Vec<Draft> {
    let shown = &repository.shown;
    let top = repository.top.to_string_lossy();
    let git = format!("git -C {}", shell_word(&top));
    let mut found = Vec::new();
    if !repository.tracked.is_empty() {
        let named: Vec<String> = repository
            .tracked
            .iter()
            .take(SHOWN)
            .map(|(path, ..)| shell_word(path).into_owned())
            .collect();
        let all = repository.tracked.iter().take(SHOWN);
        let draft = draft(format!(
            "the repository {shown} tracks {}",
            files(repository.tracked.len(), "with secrets")
        ));
        found.push(
            all.fold(draft, |draft, (_, file, what)| {
                draft.observed(Observed::new(file.clone(), format!("tracked, holds {what}"), "git's index"))
            })
            .help(format!("Run `{git} rm --cached {}`, ignore it, and make new secrets: every clone has the old ones", named.join(" "))),
        );
    }
    if !repository.open.is_empty() {
        let all = repository.open.iter().take(SHOWN);
        let names: Vec<&str> = repository
            .open
            .iter()
            .map(|(path, _)| path.as_str())
            .take(SHOWN)
            .collect();
        let draft = draft(format!(
            "the repository {shown} neither tracks nor ignores {}",
            files(repository.open.len(), "with variables")
        ))
        .code("not-ignored")
        .level(Level::Warn);
        found.push(
            all.fold(draft, |draft, (_, file)| {
                draft.observed(Observed::new(
                    file.clone(),
                    "neither tracked nor ignored",
                    "git's index and ignore files",
                ))
            })
            .help(format!(
                "Write {} into the .gitignore of {shown}",
                names.join(", ")
            )),
        );
    }
    if let Some(why) = &repository.unread {
        found.push(
            draft(format!(
                "not all that the repository {shown} tracks is known: {why}"
            ))
            .code("unread")
            .outcome(Outcome::NotEstablished)
            .level(Level::Note)
            .observed(Observed::new(shown.clone(), why.clone(), "git's index"))
            .help(format!("Look with `{git} ls-files`")),
        );
    }
    found
}

fn files(count: usize, what: &str) -> String {
    match count {
        1 => format!("a file {what}"),
        count => format!("{count} files {what}"),
    }
}
