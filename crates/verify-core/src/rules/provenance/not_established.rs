//! `not-established`: a fact that could not be established, which is neither good nor tampering.

use std::collections::BTreeMap;

use super::provenance_regressed::is_other;
use super::{no_answer, tags};
use crate::evidence::{Part, Wants};
use crate::fact::{Fact, NotEstablished, Outcome};
use crate::finding::{Draft, Input, Level, Remedy, RemedyKind};
use crate::inventory::{McpDefinition, Observation};
use crate::launcher::Launch;
use crate::policy::{Dependencies, Need, PinRequirement};
use crate::release::FailureClass;
use crate::rules::pinning::too_fresh;
use crate::rules::{Check, Group, Rule, Stage, Stages, View, Whole};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::TreeNote;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "not-established",
    group: Group::Provenance,
    level: Level::Note,
    fixed: false,
    stages: Stages::ALL,
    clears: RemedyKind::Online,
    summary: "A fact could not be established",
    help: "The code says what stood in the way; the page of this finding has the way out for each.",
    check: Check::Whole(check),
};

/// What names the host package.
const HOST: Remedy = Remedy::Operator {
    input: Some(Input::Host),
};

/// What names the home folder.
const HOME: Remedy = Remedy::Operator {
    input: Some(Input::Home),
};

const INSTALL_AGAIN: &str = "install it again from its archive, or review what is installed";
/// What names a registry.
pub(super) const REGISTRY: Remedy = Remedy::Operator {
    input: Some(Input::Registry),
};

pub(super) const NAME_REGISTRY: &str = "list the registry that npm asks in the policy";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    // Of what is only announced nothing else can be known yet.
    if whole.stage == Stage::Announced {
        return tags::drafts(whole, FailureClass::Open)
            .into_iter()
            .chain(no_advisories(whole))
            .collect();
    }
    let open: Vec<Draft> = open(whole).into_iter().map(with_remedy).collect();
    let silent = no_answer::drafts(whole, &open);
    silent.into_iter().chain(open).collect()
}

/// Only what a registry would know is cleared by asking it.
fn with_remedy(draft: Draft) -> Draft {
    let code = draft.code.filter(|_| draft.remedy.is_none());
    if code == Some(NotEstablished::NoRegistry.as_str()) {
        return draft.help(NAME_REGISTRY).remedy(REGISTRY);
    }
    match draft.remedy {
        None if code != Some(NotEstablished::Offline.as_str()) => {
            draft.remedy(Remedy::Operator { input: None })
        }
        None if draft.help.is_empty() => draft.help("allow the network for the run"),
        _ => draft,
    }
}

fn open(whole: &Whole<'_>) -> Vec<Draft> {
    let of_all = whole.observations().filter_map(|observation| {
        of_installation(observation).map(|draft| located(whole, None, draft))
    });
    let of_subjects = whole.views().flat_map(|view| {
        of_subject(&view)
            .into_iter()
            .map(|draft| located(whole, Some(&view.subject.id), draft))
            .collect::<Vec<_>>()
    });
    of_all
        .chain(of_subjects)
        .chain(ages(whole))
        .chain(no_host(whole))
        .chain(no_advisories(whole))
        .chain(tags::drafts(whole, FailureClass::Open))
        .collect()
}

/// About the installation as a whole nothing may stay open: a config that names a folder outside the copy, or the same key twice, hides
/// plugins and skills of which no subject tells.
fn of_installation(observation: &Observation) -> Option<Draft> {
    let draft = of_observation(observation)?.demanded();
    Some(match observation {
        Observation::NoHome { .. } => {
            return of_observation(observation)
                .map(|draft| draft.help("name that folder").remedy(HOME));
        }
        Observation::NotHere { .. } => {
            return of_observation(observation)
                .map(|draft| draft.help("to have these judged too, run it where they are"));
        }
        // What the config names may be loaded: that is no place beside the state, and less than that is never asked for.
        Observation::NotInCopy { .. } => draft
            .code(NotEstablished::UnknownLayout.as_str())
            .help(NOT_IN_COPY),
        Observation::ConfigFolder { state, .. } => draft
            .help("have OpenClaw and this command take it from the state directory, and move there what OpenClaw is to load")
            .remedy(Remedy::SetStateDir {
                folder: state.clone(),
            }),
        Observation::LeadsNowhere { place } => draft
            .help("have it lead to a folder again, or set it aside")
            .remedy(Remedy::SetAside {
                path: place.clone(),
            }),
        // Of files of variables a person keeps the values elsewhere too; what else cannot be read may be what OpenClaw needs.
        Observation::Unreadable { place, .. }
            if place.ends_with(".env") || place.ends_with(".conf") =>
        {
            draft
                .help("repair the file, or set it aside")
                .remedy(Remedy::SetAside {
                    path: place.clone(),
                })
        }
        Observation::DuplicateKey { place, key } => {
            draft.help(format!("remove one of the two keys {key} from {place}"))
        }
        _ => draft,
    })
}

const NOT_IN_COPY: &str = "it lies outside of what was copied: check the original";

/// Formats and layouts that are not understood. Policy requires integrity of everything that OpenClaw loads, so what cannot be
/// read is not a note: anyone who can make a file unreadable must not thereby make it uninteresting.
fn of_observation(observation: &Observation) -> Option<Draft> {
    let (code, message, demanded) = match observation {
        Observation::UnsupportedSchema { place, found } => (
            NotEstablished::UnsupportedSchema,
            format!("{place} has a format that this version does not know: {found}"),
            true,
        ),
        Observation::ConfigFolder { place, holds, .. } => (
            NotEstablished::ConfigFolder,
            format!(
                "OpenClaw takes code from {place}, the folder of its config, and not from the state directory: OPENCLAW_CONFIG_PATH is set and OPENCLAW_STATE_DIR is not; not judged there: {holds}"
            ),
            true,
        ),
        Observation::UnknownLayout { place, found } => (
            NotEstablished::UnknownLayout,
            format!("the layout of {place} is not understood: {found}"),
            true,
        ),
        Observation::Unreadable { place, why } => (
            NotEstablished::UnsupportedSchema,
            format!("{place} cannot be read: {why}"),
            true,
        ),
        Observation::LeadsNowhere { place } => (
            NotEstablished::UnsupportedSchema,
            format!(
                "{place} cannot be read: it is a symbolic link that leads nowhere or out of the copy"
            ),
            true,
        ),
        Observation::NoHome { what } => (
            NotEstablished::NoHome,
            format!(
                "the home folder of the user who runs OpenClaw is not known, so these were not looked at: {what}"
            ),
            false,
        ),
        Observation::NotHere { what, why } => (
            NotEstablished::NotHere,
            format!("{why}, so these were not looked at: {what}"),
            false,
        ),
        Observation::NotInCopy { place, path } => (
            NotEstablished::NotHere,
            format!("{place} names {path}, which is not in this copy of the state directory"),
            false,
        ),
        Observation::DuplicateKey { place, key } => (
            NotEstablished::UnsupportedSchema,
            format!(
                "{place} has the key {key} twice; OpenClaw takes the last one, so it was judged"
            ),
            false,
        ),
        // What OpenClaw cannot read it does not use; `unpinned-install-step` speaks where it might.
        Observation::FrontMatter { place, why, .. } => {
            let draft = Draft::new(format!("the front matter of {place} cannot be read: {why}"));
            return Some(
                draft
                    .code(NotEstablished::UnsupportedSchema.as_str())
                    .outcome(Outcome::NotApplicable)
                    .at_most(Level::Note)
                    .help("nothing has to be done; to have OpenClaw use it, correct it and accept the change"),
            );
        }
        _ => return None,
    };
    let draft = Draft::new(message)
        .code(code.as_str())
        .outcome(Outcome::NotEstablished);
    Some(if demanded { draft.demanded() } else { draft })
}

/// What of a Nix store could not be asked. Of the subject's own files a lock knows the digest; what links lead to is in no digest, so
/// there the store has to answer, by something that only root can write or that proves itself.
fn store(view: &View<'_>) -> Vec<Draft> {
    let facts = view.evidence.store.iter().flat_map(|store| &store.paths);
    let open = facts.filter_map(|path| match &path.fact {
        Fact::NotEstablished { code, why } => Some((path, *code, why.clone())),
        Fact::Verified(proof) if !proof.firm && !path.own => Some((
            path,
            NotEstablished::NixStore,
            "other users than root can write the store's database, so what it registered proves nothing".to_owned(),
        )),
        _ => None,
    });
    let drafts = open.map(|(path, code, why)| {
        let what = if path.own { "it lies in" } else { "its links lead into" };
        let draft = view
            .draft(format!("the Nix store path {} that {what} could not be verified: {why}", path.path))
            .code(code.as_str())
            .outcome(Outcome::NotEstablished)
            .help("name the database of the store that it lies in, or the keys of the cache that it came from in the policy")
            .remedy(Remedy::Operator {
                input: Some(Input::NixDatabase),
            });
        if path.own { draft } else { draft.demanded() }
    });
    drafts.collect()
}

fn of_subject(view: &View<'_>) -> Vec<Draft> {
    let evidence = view.evidence;
    // What the lock pins and this copy does not hold is missing evidence, not a side note.
    let demand = |draft: Draft| {
        if view.locked.is_some_and(|entry| entry.tree.is_some()) {
            draft.demanded()
        } else {
            draft
        }
    };
    let mut drafts: Vec<Draft> = view
        .subject
        .observations
        .iter()
        .filter_map(|observation| Some(way_out(view, observation, of_observation(observation)?)))
        .map(demand)
        .collect();
    for part in [&evidence.tree, &evidence.dependencies, &evidence.siblings] {
        drafts.extend(host_link(view, part));
    }
    drafts.extend(archive_unverified(view));
    drafts.extend(store(view));
    if let Some(mcp) = &view.subject.mcp {
        drafts.extend(server(view, mcp));
    }
    drafts.extend(started(view));
    drafts.extend(published(view));
    drafts.extend(checkout(view));
    drafts
}

/// A file that cannot be read is installed anew with the rest, or, where only its owner knows the rest, moved away.
fn way_out(view: &View<'_>, observation: &Observation, draft: Draft) -> Draft {
    let place = match observation {
        Observation::Unreadable { place, .. } => place,
        Observation::NotInCopy { .. } => return draft.help(NOT_IN_COPY),
        _ => return draft,
    };
    let subject = &view.subject;
    if subject.source == Source::Unrecorded || subject.kind == Kind::Skill {
        return draft
            .help("repair the file, or set it aside")
            .remedy(Remedy::SetAside {
                path: place.clone(),
            });
    }
    draft
        .help("repair the file, or install it again")
        .remedy(Remedy::Reinstall {
            subject: Some(subject.id.clone()),
            spec: None,
        })
}

/// What an MCP server starts that no digest holds. What `unpinned-mcp-server` denies is not said twice.
fn server(view: &View<'_>, mcp: &McpDefinition) -> Option<Draft> {
    let hashed = view.evidence.tree.measured.is_some();
    let allowed = view.requirements.pin(view.proof()) == PinRequirement::Any;
    let (code, what) = match mcp.launch() {
        Launch::Remote => (
            NotEstablished::Remote,
            "runs elsewhere; what answers there is not judged",
        ),
        Launch::LocalCommand if !hashed => (
            NotEstablished::LocalCommand,
            "runs a command of this machine, which is not judged",
        ),
        Launch::Unpinned { .. } if !allowed => return None,
        _ if mcp.not_hashed.is_empty() => return None,
        _ => (
            NotEstablished::LocalCommand,
            "not all of the local code that it starts is judged",
        ),
    };
    let draft = Draft::new(format!("{}: {what}", mcp.spec))
        .code(code.as_str())
        .outcome(Outcome::NotEstablished);
    Some(
        mcp.not_hashed
            .iter()
            .fold(draft, |draft, why| draft.evidence(why.clone())),
    )
}

/// What a job, the config or a unit starts that no digest holds.
fn started(view: &View<'_>) -> Option<Draft> {
    let open = &view.subject.not_hashed;
    if open.is_empty() {
        return None;
    }
    let draft = Draft::new("not all of the local code that it starts is judged")
        .code(NotEstablished::LocalCommand.as_str())
        .outcome(Outcome::NotEstablished);
    Some(
        open.iter()
            .fold(draft, |draft, why| draft.evidence(why.clone())),
    )
}

/// What only a registry, a cache of it or an archive on disk can tell. Policy demands it, or the operator asked with `--online`;
/// otherwise it is not missed.
fn published(view: &View<'_>) -> Vec<Draft> {
    let facts = &view.evidence.published;
    let wants = Wants::of(view.subject, view.requirements);
    // The origin was verified when it was locked, and what is there now is something else.
    let may_have_regressed = view
        .locked
        .is_some_and(|entry| entry.provenance.is_some() && is_other(view.evidence, entry));
    let provenance = wants.provenance || may_have_regressed;
    // OpenClaw keeps the archive of a local `.tgz`, so it is always compared: one that was taken away is said too.
    let kept = view.subject.source == Source::NpmPack;
    // Attestations speak of an archive; they prove nothing of files that were not compared with it.
    let questions = [
        (
            "whether its files are those of the published archive",
            why(&facts.archive),
            provenance,
            true,
            kept,
        ),
        (
            "whether its dependencies are those of their published archives",
            why(&facts.dependencies),
            wants.dependencies,
            true,
            false,
        ),
        (
            "who built it",
            why(&facts.provenance),
            provenance,
            false,
            false,
        ),
        (
            "whether the registry signed it",
            why(&facts.signatures),
            false,
            false,
            false,
        ),
    ];
    let open = questions
        .into_iter()
        .filter(|(_, fact, demanded, _, always)| {
            fact.is_some() && (*demanded || *always || view.whole.online)
        });
    open.filter_map(|(what, fact, demanded, about_files, _)| {
        let (code, why) = fact?;
        let mut draft = Draft::new(format!("{what} is not known: {why}"))
            .code(code.as_str())
            .outcome(Outcome::NotEstablished);
        if kept && code == NotEstablished::UnknownLayout {
            draft = draft.help(INSTALL_AGAIN).remedy(Remedy::Reinstall {
                subject: Some(view.subject.id.clone()),
                spec: None,
            });
        }
        // Name and version are what the state directory claims. Anyone who can write another number there must not thereby turn a difference
        // into a note.
        if code == NotEstablished::NotInRegistry && about_files {
            draft.level = Some(Level::Deny);
        }
        Some(if demanded {
            draft
                .evidence(format!("asked for by {}", view.requirements.from))
                .demanded()
        } else {
            draft
        })
    })
    .collect()
}

/// Policy requires versions of some age, and the day of publication is not known. As grave as `too-fresh` itself, and never a deny where
/// that is none: one line for all subjects in the same case, because their provenance is another question.
fn ages(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(wanted) = whole
        .policy
        .sources
        .as_ref()
        .and_then(|sources| sources.min_age_days)
    else {
        return Vec::new();
    };
    let mut open: BTreeMap<(NotEstablished, &str), Vec<&SubjectId>> = BTreeMap::new();
    for view in whole.views() {
        if let Some(cause) = why(&view.evidence.published.day) {
            open.entry(cause).or_default().push(&view.subject.id);
        }
    }
    let draft = |((code, why), ids): ((NotEstablished, &str), Vec<&SubjectId>)| {
        let packages = if ids.len() == 1 {
            "1 package".to_owned()
        } else {
            format!("{} packages", ids.len())
        };
        let draft = Draft::new(format!(
            "the age of {packages} is not known, and policy requires at least {wanted} days: {why}"
        ))
        .code(code.as_str())
        .outcome(Outcome::NotEstablished)
        .graded_as(too_fresh::RULE.id);
        let draft = ids
            .iter()
            .fold(draft, |draft, id| draft.evidence(id.to_string()));
        located(whole, None, draft)
    };
    open.into_iter().map(draft).collect()
}

fn why<T>(fact: &Fact<T>) -> Option<(NotEstablished, &str)> {
    match fact {
        Fact::NotEstablished { code, why } => Some((*code, why)),
        _ => None,
    }
}

/// Whether the files are those of the commit. Policy that asks who made them needs to know.
fn checkout(view: &View<'_>) -> Option<Draft> {
    let Fact::NotEstablished { code, why } = &view.evidence.git.checkout else {
        return None;
    };
    let draft = Draft::new(why.clone())
        .code(code.as_str())
        .outcome(Outcome::NotEstablished);
    let asked = view.requirements.provenance == Need::Required || view.evidence.git.tag.is_some();
    Some(if asked { draft.demanded() } else { draft })
}

/// The link to the host package, where the host is not known or the link leads nowhere. Once the lock holds the host package, the
/// operator has shown that it can be named, and a link that cannot be checked is no longer a note.
fn host_link(view: &View<'_>, part: &Part) -> Option<Draft> {
    let (path, target, copied) = part.tree()?.notes.iter().find_map(|note| match note {
        TreeNote::HostLinkUnknown {
            path,
            target,
            copied,
        } => Some((path, target, copied)),
        _ => None,
    })?;
    if *copied {
        let what =
            format!("its link {path} leads to {target}, where the host package may have been");
        let draft = Draft::new(what)
            .code(NotEstablished::NotHere.as_str())
            .outcome(Outcome::NotEstablished)
            .help("the state directory is a copy; a check of the original sees where it leads");
        return Some(draft);
    }
    let draft = Draft::new(format!(
        "its link {path} leads to {target}, and it is not known whether that is the host package"
    ))
    .code(NotEstablished::NoHost.as_str())
    .outcome(Outcome::NotEstablished)
    .help("name the host package")
    .remedy(HOST);
    let host_is_locked = view.whole.lock.package(&SubjectId::core()).is_some();
    Some(if host_is_locked {
        draft.demanded()
    } else {
        draft
    })
}

/// Policy requires every dependency to equal its published archive, and no archive was looked at.
fn archive_unverified(view: &View<'_>) -> Option<Draft> {
    let wanted = view.requirements.dependencies == Dependencies::ArchiveVerified;
    let some = |part: &&Part| part.tree().is_some_and(|tree| tree.files > 0);
    let has_some = [&view.evidence.dependencies, &view.evidence.siblings]
        .iter()
        .any(some);
    let asked = view.evidence.published.dependencies.outcome() != Outcome::NotApplicable;
    if !wanted || !has_some || asked {
        return None;
    }
    let draft =
        Draft::new("policy requires its dependencies compared with their published archives, and the network is not allowed")
            .code(NotEstablished::Offline.as_str())
            .outcome(Outcome::NotEstablished)
            .evidence(format!("asked for by {}", view.requirements.from))
            .about_dependencies()
            .demanded();
    Some(draft)
}

/// No host package to judge at all.
/// Where policy requires a look-up, none at all is no good answer.
fn no_advisories(whole: &Whole<'_>) -> Option<Draft> {
    if !whole.policy.advisories.require || whole.advisories.is_some() {
        return None;
    }
    let what = "policy requires an index of advisories, and there is none: what is known to be bad was not looked for";
    let draft = Draft::new(what)
        .code(NotEstablished::NoAdvisories.as_str())
        .outcome(Outcome::NotEstablished)
        .demanded()
        .at(whole.in_policy(1))
        .help("import the records of the ecosystem, into the file that policy names")
        .remedy(Remedy::Operator {
            input: Some(Input::Advisories),
        });
    Some(match whole.asked_about() {
        Some(id) => draft.subject(id),
        None => draft,
    })
}

fn no_host(whole: &Whole<'_>) -> Option<Draft> {
    let known = whole
        .inventory
        .subjects
        .iter()
        .any(|subject| subject.kind == Kind::Core);
    if whole.stage != Stage::Installed || !whole.full {
        return None;
    }
    if known {
        return passed_over(whole);
    }
    let unknown = "the OpenClaw host package is not known, so it was not judged";
    let draft = match &whole.inventory.host_wrapper {
        Some(what) => Draft::new(format!("{unknown}: {what}"))
            .code(NotEstablished::HostWrapper.as_str())
            .help("name the folder of the package that it starts"),
        None => Draft::new(unknown)
            .code(NotEstablished::NoHost.as_str())
            .help("name its folder, such as /usr/lib/node_modules/openclaw; it is looked for on PATH, which is short for a timer or cron"),
    };
    let draft = draft.outcome(Outcome::NotEstablished).remedy(HOST);
    let draft = located(whole, Some(&SubjectId::core()), draft);
    Some(if whole.lock.package(&SubjectId::core()).is_some() {
        draft.demanded()
    } else {
        draft
    })
}

/// The package was named, and what the command on PATH starts is not known. It is in the definition of the package, so that a change of it
/// is seen.
fn passed_over(whole: &Whole<'_>) -> Option<Draft> {
    let what = whole.inventory.host_wrapper.as_ref()?;
    let draft = Draft::new(format!(
        "what the command `openclaw` on PATH starts is not known: {what}"
    ));
    let draft = draft
        .code(NotEstablished::HostWrapper.as_str())
        .outcome(Outcome::NotEstablished)
        .at_most(Level::Note)
        .help("nothing has to be done where it is yours: a change of it is a finding")
        .remedy(HOST);
    Some(located(whole, Some(&SubjectId::core()), draft))
}

pub(super) fn located(whole: &Whole<'_>, subject: Option<&SubjectId>, draft: Draft) -> Draft {
    let draft = draft.at(whole.in_lock(subject));
    match subject {
        Some(id) => draft.subject(id),
        None => draft,
    }
}
