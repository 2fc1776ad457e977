//! `unsafe-tree`: a tree that cannot be digested safely, or code that leads out of it.

use crate::evidence::Part;
use crate::fact::Outcome;
use crate::finding::{Draft, Input, Level, Remedy, RemedyKind};
use crate::inventory::{Observation, Subject};
use crate::policy::Preset;
use crate::rules::remedies::packed;
use crate::rules::{Check, Group, Rule, Stage, Stages, View, Whole};
use crate::subject::{Kind, Source};
use crate::tree::{Offender, TreeError, TreeNote, Why};

/// The code of files with a setuid or setgid bit.
const SETUID: &str = "setuid";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unsafe-tree",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::Packed]),
    clears: RemedyKind::Reinstall,
    summary: "A subject holds something that no digest can cover",
    help: "Reinstall the subject. A tree with special files, links that leave it or colliding names is never locked.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let of_all = whole
        .observations()
        .filter_map(|observation| match observation {
            Observation::EntryEscapes { entry, target } => {
                let message = format!("{entry} leads to {target}, which no digest covers");
                Some(Draft::new(message).at(whole.in_lock(None)))
            }
            _ => None,
        });
    of_all
        .chain(whole.views().flat_map(|view| of_subject(&view)))
        .collect()
}

fn of_subject(view: &View<'_>) -> Vec<Draft> {
    let evidence = view.evidence;
    let parts = [
        ("files", &evidence.tree),
        ("dependencies", &evidence.dependencies),
        ("hoisted siblings", &evidence.siblings),
    ];
    let mut drafts: Vec<Draft> = parts
        .into_iter()
        .flat_map(|(name, part)| of_part(view, name, part))
        .collect();
    for observation in &view.subject.observations {
        match observation {
            Observation::EntryEscapes { entry, target } => drafts.push(view.draft(format!(
                "the entry {entry} leads to {target}, which no digest of this subject covers"
            ))),
            Observation::Privileged { paths } => drafts.push(
                privileged(view, SETUID, paths, paths.len())
                    .help("do not install it: a plugin or skill needs no such file; tell its publisher")
                    .remedy(Remedy::Operator { input: None }),
            ),
            _ => {}
        }
    }
    drafts
}

fn of_part(view: &View<'_>, name: &str, part: &Part) -> Vec<Draft> {
    match &part.measured {
        Some(Ok(tree)) => tree
            .notes
            .iter()
            .filter(|note| !links_of_store(view, note))
            .filter_map(|note| of_note(view, note))
            .collect(),
        Some(Err(error @ (TreeError::Unsafe { .. } | TreeError::Limit { .. }))) => {
            let mut draft = view.draft(format!("its {name} cannot be digested: {error}"));
            if let TreeError::Unsafe { offenders, .. } = error {
                draft.evidence = offenders.iter().map(ToString::to_string).collect();
                draft = with_way_out(draft, view.subject, name, offenders);
            }
            vec![draft]
        }
        _ => Vec::new(),
    }
}

/// Nix keeps equal files of a store once, by hard links. What was just found as registered may have them.
fn links_of_store(view: &View<'_>, note: &TreeNote) -> bool {
    let store = view.evidence.store.as_ref();
    matches!(note, TreeNote::HardLinksLeave { .. })
        && store.is_some_and(|store| store.is_firm() && store.paths.iter().any(|path| path.own))
}

/// What to do depends on who put it there: OpenClaw makes its own links, the user writes skills, and a publisher's package is whole.
/// Nothing that is needed is said to be removed.
fn with_way_out(draft: Draft, subject: &Subject, part: &str, offenders: &[Offender]) -> Draft {
    let all = |kind: fn(&Why) -> bool| offenders.iter().all(|offender| kind(&offender.why));
    if all(|why| matches!(why, Why::HostLinkElsewhere { .. })) {
        return draft
            .help(
                "OpenClaw makes this link. Where OpenClaw was moved or installed anew, have it make the link again with `openclaw doctor --fix`; where it runs from another folder than the one that was judged, name that one",
            )
            .remedy(Remedy::Operator {
                input: Some(Input::Host),
            });
    }
    if matches!(subject.source, Source::Link | Source::Load) {
        // `npm pack` leaves links out, and what a workspace links the packed plugin would ask a registry for.
        if !all(is_no_link) {
            return of_workspace(draft, subject, part != "files");
        }
        let draft = draft.help("it is loaded from the project in which it is developed: pack the plugin and install the archive, so that everything it loads lies in it");
        return match packed(subject) {
            Some(remedy) => draft.remedy(remedy),
            None => draft,
        };
    }
    let python = python_environment(offenders);
    // Skills without a record are the user's own to change; what Python was told to put into one is that too.
    let own = subject.kind == Kind::Skill && (subject.record.is_none() || python.is_some());
    if !own {
        return draft.help("reinstall it through OpenClaw; where the published package itself holds this, do not use it, and tell its publisher");
    }
    let words = if all(|why| matches!(why, Why::Name(_) | Why::Collision { .. })) {
        "give the file a plain name that no other file there has"
    } else if python.is_some() {
        "a Python environment leads to the Python of this machine: move it out of the skill's folder, make it anew there, and have the skill use that"
    } else if all(|why| matches!(why, Why::SpecialFile(_))) {
        "have the skill make it in a temporary folder, not beside SKILL.md"
    } else {
        "put what the link leads to in its place, or move both out of the skill's folder"
    };
    let place = &subject.place.shown;
    draft.help(words).remedy(Remedy::SetAside {
        path: match (inside(offenders), python) {
            // An environment without its links is of no use.
            (_, Some(folder)) => format!("{place}/{folder}"),
            (Some(path), _) => format!("{place}/{path}"),
            (None, _) => place.clone(),
        },
    })
}

/// The folder of the Python environment in which all of them lie.
fn python_environment(offenders: &[Offender]) -> Option<&str> {
    let mut folders = offenders
        .iter()
        .map(|offender| offender.path.split('/').next());
    let first = folders.next()??;
    let all = folders.all(|folder| folder == Some(first));
    (all && matches!(first, ".venv" | "venv" | "env")).then_some(first)
}

/// A plugin in the project in which it is developed, where links lead out of it: among its packages they make a workspace.
fn of_workspace(draft: Draft, subject: &Subject, in_packages: bool) -> Draft {
    let words = match in_packages {
        true => {
            "it is loaded from a workspace, and links lead to packages of that: have the package manager make a folder that holds everything, such as `pnpm --filter NAME deploy --prod DIR`, or in the plugin's folder `npm install --install-links`, and load that; to load it no longer until then"
        }
        false => {
            "it is loaded from the project in which it is developed: put what the link leads to in its place, so that everything it loads lies in it; to load it no longer until then"
        }
    };
    let draft = draft.help(words);
    match subject.load_path.filter(|_| subject.source == Source::Load) {
        Some(number) => draft.remedy(Remedy::Unset {
            path: format!("plugins.load.paths[{number}]"),
        }),
        None => draft.remedy(Remedy::Operator { input: None }),
    }
}

fn is_no_link(why: &Why) -> bool {
    matches!(
        why,
        Why::SpecialFile(_) | Why::Name(_) | Why::Collision { .. }
    )
}

/// What holds all offenders of a skill, where that is less than the whole skill: the one link or file, or the folder of all of them.
fn inside(offenders: &[Offender]) -> Option<String> {
    let mut paths = offenders.iter().map(|offender| offender.path.as_str());
    let first = paths.next()?;
    let shared = paths.fold(first, |shared, path| {
        let parts = shared.split('/').zip(path.split('/'));
        let same = parts.take_while(|(left, right)| left == right).count();
        let end = shared
            .match_indices('/')
            .map(|(at, _)| at)
            .nth(same.wrapping_sub(1));
        match same {
            0 => "",
            _ => end.map_or(shared, |at| shared.get(..at).unwrap_or_default()),
        }
    });
    (!matches!(shared, "" | ".")).then(|| shared.to_owned())
}

/// Odd, yet covered by the digest: a note, and under the preset `strict` as bad as the rest.
fn of_note(view: &View<'_>, note: &TreeNote) -> Option<Draft> {
    if let TreeNote::Privileged { what, paths, count } = note {
        return Some(privileged(view, what, paths, *count));
    }
    let draft = match note {
        TreeNote::WindowsUnsafeNames { paths, count } => named(
            view.draft(format!(
                "{} that Windows cannot hold, or holds as {}",
                crate::text::count(*count, "name"),
                if *count == 1 {
                    "another"
                } else {
                    "other names"
                },
            ))
            .code("windows-name"),
            paths,
        ),
        TreeNote::HardLinksLeave { paths, count } => named(
            view.draft(format!(
                "{} elsewhere: anyone who can write to that link can change what is here",
                match *count {
                    1 => "1 file has a hard link".to_owned(),
                    _ => format!("{count} files have a hard link"),
                }
            ))
            .code("hard-link")
            .help("pnpm and bun link files from their store, which `package-import-method=copy` of pnpm ends; of any other place find out what links there")
            .remedy(Remedy::Operator { input: None }),
            paths,
        ),
        _ => return None,
    };
    if view.whole.policy.base() == Preset::Strict {
        return Some(draft);
    }
    Some(draft.level(Level::Note).outcome(Outcome::NotApplicable))
}

/// Files that run as someone else than who starts them. `paths` are the first of them.
fn privileged(view: &View<'_>, what: &'static str, paths: &[String], count: usize) -> Draft {
    let draft = view.draft(format!(
        "{count} of its files {} with more rights than the user who starts {}",
        if count == 1 { "runs" } else { "run" },
        if count == 1 { "it" } else { "them" },
    ));
    let draft = named(draft.code(what), paths)
        .help("do not use a package that brings such a file; otherwise take the rights away");
    // The rights of a file in a database of its own are root's to take away.
    match view.whole.stage == Stage::Installed && what == SETUID {
        true => draft.remedy(Remedy::Permissions {
            path: view.subject.place.shown.clone(),
            mode: "u-s,g-s".to_owned(),
            recursive: true,
        }),
        false => draft,
    }
}

fn named(mut draft: Draft, paths: &[String]) -> Draft {
    draft.evidence = paths.to_vec();
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unsafe_is_set_aside() {
        let inside_of = |paths: &[&str]| {
            let offenders: Vec<Offender> = paths
                .iter()
                .map(|path| Offender {
                    path: (*path).to_owned(),
                    why: Why::SpecialFile("a FIFO"),
                })
                .collect();
            inside(&offenders)
        };
        assert_eq!(inside_of(&["LICENSE"]).as_deref(), Some("LICENSE"));
        assert_eq!(inside_of(&["a/b/c"]).as_deref(), Some("a/b/c"));
        assert_eq!(
            inside_of(&[".venv/bin/python", ".venv/bin/python3", ".venv/lib64"]).as_deref(),
            Some(".venv")
        );
        assert_eq!(inside_of(&["a/bc/x", "a/b/x"]).as_deref(), Some("a"));
        assert_eq!(inside_of(&["a/b", "a/b"]).as_deref(), Some("a/b"));
        assert_eq!(inside_of(&["a", "b"]), None);
        assert_eq!(inside_of(&["ab/x", "a/x"]), None);
        assert_eq!(inside_of(&["."]), None);
    }
}
