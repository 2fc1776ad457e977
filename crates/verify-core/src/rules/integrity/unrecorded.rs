//! `unrecorded`: code that OpenClaw or Node would load and that no install record explains.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, Remedy, RemedyKind};
use crate::inventory::{Hazard, Observation, Setting, Subject, VariableEffect};
use crate::rules::{Check, Group, Rule, Stage, Stages, Whole};
use crate::subject::{Kind, Source, SubjectId};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unrecorded",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Operator,
    summary: "Code that OpenClaw would load has no install record",
    help: "Find out who put it there. Remove it, or install it through OpenClaw.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let of_subjects = whole.inventory.subjects.iter().flat_map(|subject| {
        subject
            .observations
            .iter()
            .filter_map(|observation| judge(whole, Some(&subject.id), entry(subject), observation))
    });
    let of_all = whole
        .observations()
        .filter_map(|observation| judge(whole, None, "", observation));
    of_subjects.chain(of_all).collect()
}

fn judge(
    whole: &Whole<'_>,
    subject: Option<&SubjectId>,
    shown: &str,
    observation: &Observation,
) -> Option<Draft> {
    let draft = match observation {
        Observation::NoRecord { place } => Draft::new(format!(
            "{shown} lies where OpenClaw loads code from ({place}), and OpenClaw has no record of installing it"
        ))
        .help(match is_being_installed(whole, subject) {
            true => "if an install runs, check again when it has ended; if none does, it was cut off: set it aside, and install it again",
            false => "find out who put it there; if it is yours, install it with `openclaw plugins install` from where it is set aside; set it aside",
        })
        .remedy(Remedy::SetAside {
            path: shown.to_owned(),
        }),
        Observation::AncestorNodeModules {
            path,
            holds,
            developed,
            links,
        } => {
            ancestor(whole, path, holds.as_ref(), developed.as_ref(), links)
        }
        Observation::LoadOverride {
            variable,
            place,
            set,
            effect,
            held,
        } => {
            let accepted = *held && *effect == VariableEffect::Redirects && is_locked(whole, subject, set);
            load_override(variable, place, *effect, accepted).remedy(unset(variable, place, set))
        }
        Observation::Unexplained {
            hazard,
            place,
            why,
            weak,
        } => {
            unexplained(*hazard, place, why, *weak)
        }
        Observation::StagedCopies {
            folder,
            count,
            some,
            installing,
        } => copies(folder, *count, some, installing.as_deref()),
        Observation::DatabaseObject {
            place,
            kind,
            name,
            table,
            weak,
        } => {
            database_object(place, kind, name, table, *weak)
        }
        _ => return None,
    };
    Some(match subject {
        Some(id) => draft.subject(id).at(whole.in_lock(subject)),
        None if draft.subject.is_none() => draft.at(whole.in_lock(None)),
        None => draft,
    })
}

/// A variable that steers OpenClaw or what it starts. `accepted`: it names the server that was locked.
fn load_override(variable: &str, place: &str, effect: VariableEffect, accepted: bool) -> Draft {
    let does = match effect {
        VariableEffect::Loads => "it makes OpenClaw or Node load other code",
        VariableEffect::Redirects if accepted => {
            "it says from where something is fetched, or to whom it is sent, and to the server that was locked"
        }
        VariableEffect::Redirects => {
            "it says from where something is fetched, or to whom it is sent"
        }
        VariableEffect::Steers => {
            "it names a file or folder that programs read and no digest holds, or switches a check off"
        }
    };
    let draft = Draft::new(format!("{variable} is set in {place}: {does}")).code("load-override");
    match effect {
        VariableEffect::Loads => draft.help(format!("remove {variable} from {place}")),
        _ if accepted => draft.level(Level::Note).help(format!(
            "if you did not set it, remove {variable} from {place}"
        )),
        _ => draft.level(Level::Warn).help(format!(
            "if you did not set it, remove {variable} from {place}"
        )),
    }
}

/// Whether the lock holds what the variable says now: the settings in which it stands, or the definition of the unit that sets it.
fn is_locked(whole: &Whole<'_>, subject: Option<&SubjectId>, set: &Setting) -> bool {
    let subjects = &whole.inventory.subjects;
    let subject = subject.and_then(|id| subjects.iter().find(|subject| subject.id == *id));
    let Some((subject, entry)) =
        subject.and_then(|subject| Some((subject, whole.lock.package(&subject.id)?)))
    else {
        return false;
    };
    match set {
        Setting::Line | Setting::Config(_) if subject.kind == Kind::Config => {
            entry.settings.is_some() && entry.settings == subject.settings_digest()
        }
        Setting::Unit if subject.kind == Kind::Service => {
            entry.definition.is_some() && entry.definition == subject.definition_digest()
        }
        _ => false,
    }
}

fn ancestor(
    whole: &Whole<'_>,
    path: &str,
    holds: Option<&SubjectId>,
    developed: Option<&SubjectId>,
    links: &[String],
) -> Draft {
    let mut draft = Draft::new(format!("Node would search {path}, which belongs to no subject: a package there replaces a missing one"))
        .code("ancestor-node-modules");
    draft.evidence = links.to_vec();
    match (holds, developed) {
        (Some(id), _) => open(draft, whole, id).help(format!("{id} lies in it, so do not remove it: move the other packages elsewhere, or install {id} where nothing else is")),
        (None, Some(id)) => open(draft, whole, id).help(format!("{path} belongs to the project in which {id} is developed: pack the plugin and install the archive, so that everything it loads lies in it")),
        (None, None) => draft
            .help(format!("move {path} where OpenClaw's code is not below it, or remove it if its packages are not needed"))
            .remedy(Remedy::SetAside { path: path.to_owned() }),
    }
}

fn unexplained(hazard: Hazard, place: &str, why: &str, weak: bool) -> Draft {
    let draft = Draft::new(format!("{place}: {why}"))
        .code(hazard.as_str())
        .help(way_out(hazard))
        .remedy(Remedy::SetAside {
            path: place.to_owned(),
        });
    match (hazard, weak) {
        (Hazard::ShellSnapshot, true) => draft.level(Level::Warn),
        (Hazard::StagedCode, true) => draft
            .level(Level::Note)
            .help("restart OpenClaw's gateway, which makes the copies anew"),
        (_, true) => draft.level(Level::Note),
        (_, false) => draft,
    }
}

/// Copies in one folder, which is set aside as one.
fn copies(folder: &str, count: usize, some: &[String], installing: Option<&str>) -> Draft {
    let message = match (some, count) {
        ([one], 1) => one.clone(),
        _ => format!("{folder}: {count} places in it are no copy of what is installed"),
    };
    let mut draft = Draft::new(message).code(Hazard::StagedCode.as_str());
    if count > 1 {
        draft.evidence = some.to_vec();
        let more = count.saturating_sub(some.len());
        if more > 0 {
            draft = draft.evidence(format!("and {more} more"));
        }
    }
    let help = match installing {
        Some(stage) => format!(
            "an install has not ended, for {stage} is there: if you are installing something, check again when the install has ended. If not: {}",
            way_out(Hazard::StagedCode)
        ),
        None => way_out(Hazard::StagedCode).to_owned(),
    };
    draft.help(help).remedy(Remedy::SetAside {
        path: folder.to_owned(),
    })
}

/// Whether a subject lies in the folder of an install that has not ended.
fn is_being_installed(whole: &Whole<'_>, subject: Option<&SubjectId>) -> bool {
    let mut subjects = whole.inventory.subjects.iter();
    subjects.any(|one| subject == Some(&one.id) && one.is_being_installed())
}

fn database_object(place: &str, kind: &str, name: &str, table: &str, weak: bool) -> Draft {
    let draft = Draft::new(format!(
        "{place}: the {kind} {name} on {table} is not of OpenClaw's own schema"
    ))
    .code("database-code")
    .help("stop OpenClaw, find out who made it, and drop it from the database")
    .remedy(Remedy::Drop {
        file: place.to_owned(),
        object: kind.to_owned(),
        name: name.to_owned(),
    });
    match weak {
        true => draft.level(Level::Note),
        false => draft,
    }
}

/// A draft about packages that a subject can load and that no digest covers: what it loads is not known, and its operator may put up
/// with that for a time.
fn open(draft: Draft, whole: &Whole<'_>, id: &SubjectId) -> Draft {
    draft
        .subject(id)
        .outcome(Outcome::NotEstablished)
        .at(whole.in_lock(Some(id)))
        .remedy(Remedy::Operator { input: None })
}

/// The entry in the folder that OpenClaw loads from: of a link to elsewhere the link, because what it leads to belongs to its owner.
pub(super) fn entry(subject: &Subject) -> &str {
    let link = subject.observations.iter().find_map(|one| match one {
        Observation::OutsideState { canonical, .. } => Some(canonical.as_str()),
        _ => None,
    });
    link.filter(|_| subject.source == Source::Unrecorded)
        .unwrap_or(&subject.place.shown)
}

/// What takes a variable away again: a key of the config, an entry of a store, a line of a file.
fn unset(variable: &str, place: &str, set: &Setting) -> Remedy {
    match set {
        Setting::Config(path) => Remedy::Unset { path: path.clone() },
        Setting::SecretStore => Remedy::UnsetStored {
            name: variable.to_owned(),
        },
        Setting::Line | Setting::Unit => Remedy::UnsetVariable {
            variable: variable.to_owned(),
            file: place.to_owned(),
            unit: *set == Setting::Unit,
        },
    }
}

fn way_out(hazard: Hazard) -> &'static str {
    match hazard {
        Hazard::StagingModules => "find out who put it there, and remove it",
        Hazard::StagedCode => {
            "stop OpenClaw and remove the copies; it makes them anew. If one comes back, find out from where"
        }
        Hazard::ShellSnapshot => "remove it; OpenClaw makes a new one when it is needed",
        Hazard::CompiledCode => "remove the folder __pycache__; Python makes it anew",
        _ => "find out who put it there; repair the config, then remove the copy",
    }
}
