//! What a rule says clears its finding, made to something that can be done about this very subject.
//!
//! A deny without a way out is as bad as a missed attack: it teaches people to switch the check off. A rule knows the kind of its remedy;
//! here the record of the subject says what OpenClaw has to be asked for. Nothing here removes what OpenClaw needs: a plugin is taken out
//! by OpenClaw's own command, and what no record explains is moved, not deleted.

use super::{Rule, Stage};
use crate::finding::{Level, Remedy, Unload};
use crate::inventory::Subject;
use crate::spec;
use crate::subject::{Kind, Source};
use crate::text;

/// The remedy with what is known of the subject of the finding.
pub(super) fn known(
    stage: Stage,
    rule: &Rule,
    level: Level,
    subject: Option<&Subject>,
    remedy: Remedy,
) -> Remedy {
    let Some(subject) = subject.filter(|_| stage == Stage::Installed) else {
        return remedy;
    };
    let must = rule.fixed && level == Level::Deny;
    let known = match &remedy {
        Remedy::Reinstall { spec: None, .. } => exact_spec(subject)
            .map(|spec| Remedy::Reinstall {
                subject: Some(subject.id.clone()),
                spec: Some(spec),
            })
            .or_else(|| cloned_again(subject))
            .or_else(|| taken_out(subject).filter(|_| must)),
        Remedy::Operator { input: None } => taken_out(subject).filter(|_| must),
        // Nothing but to take it out.
        Remedy::Never => match subject.kind {
            Kind::McpServer if !subject.id.name().contains('/') => Some(Remedy::Unset {
                path: format!("mcp.servers.{}", subject.id.name()),
            }),
            _ => taken_out(subject),
        },
        _ => None,
    };
    known.unwrap_or(remedy)
}

/// What OpenClaw is asked for to install the same release again.
fn exact_spec(subject: &Subject) -> Option<String> {
    let record = subject.record.as_ref().filter(|_| is_package(subject))?;
    let spec = match subject.source {
        Source::Npm => record.resolved_spec.clone().or_else(|| {
            let name = record.resolved_name.as_ref()?;
            Some(format!("{name}@{}", subject.recorded_version()?))
        })?,
        Source::Git => {
            let asked = record.spec.as_deref()?;
            let commit = record.git_commit.as_deref();
            commit.map_or(asked.to_owned(), |commit| spec::git_at(asked, commit))
        }
        Source::Clawhub => {
            let asked = record.spec.as_deref()?;
            match (spec::clawhub(asked), subject.recorded_version()) {
                (spec::Pin::Floating(_), Some(version)) => spec::clawhub_at(asked, &version),
                _ => asked.to_owned(),
            }
        }
        Source::Path | Source::Archive => record.source_path.clone()?,
        // Without the word OpenClaw installs it as an archive without npm.
        Source::NpmPack => format!("npm-pack:{}", record.source_path.as_ref()?),
        Source::Link | Source::Load | Source::Config | Source::Unrecorded => return None,
    };
    is_plain(&spec).then_some(spec)
}

/// The same commit of a skill that OpenClaw cloned, in the same place.
fn cloned_again(subject: &Subject) -> Option<Remedy> {
    let record = subject
        .record
        .as_ref()
        .filter(|_| subject.kind == Kind::Skill && subject.source == Source::Git)?;
    let spec = spec::git_at(record.spec.as_deref()?, record.git_commit.as_deref()?);
    let (folder, name) = subject.place.shown.rsplit_once('/')?;
    let place: &[&str] = match folder {
        "skills" => &["--global"],
        "workspace/skills" => &[],
        // Of another workspace the agent's name is not known.
        _ => return None,
    };
    let words = ["skills", "install", &spec, "--as", name, "--force"];
    let shown = words.iter().chain(place);
    is_plain(&spec).then(|| Remedy::OpenClaw {
        arguments: shown.map(|word| (*word).to_owned()).collect(),
    })
}

/// Whether a spec can be shown: without a user or token, of a usual length, and of text that a terminal shows as it is.
pub(super) fn is_plain(spec: &str) -> bool {
    // A user or a token in an address is not shown, and without it the address is another.
    let secret = spec.split_once("://").is_some_and(|(_, rest)| {
        rest.split('/')
            .next()
            .is_some_and(|host| host.contains('@'))
    });
    !secret && spec.len() <= 300 && !spec.contains(text::is_hazard)
}

/// The package of a plugin in place of the project from which it is loaded.
pub(super) fn packed(subject: &Subject) -> Option<Remedy> {
    let unload = match (subject.source, subject.load_path) {
        (Source::Link, _) => Unload::Link(recorded_name(subject)?),
        (Source::Load, Some(number)) => Unload::Key(format!("plugins.load.paths[{number}]")),
        _ => return None,
    };
    Some(Remedy::Pack {
        folder: subject.place.shown.clone(),
        unload,
    })
}

/// The name by which OpenClaw knows a package that it installed.
fn recorded_name(subject: &Subject) -> Option<String> {
    let record = subject.record.as_ref().filter(|_| is_package(subject))?;
    let key = record.place.rsplit_once("#plugins.installedIndex/");
    let name = key.map_or(subject.name.as_str(), |(_, key)| key);
    Some(text::excerpt(name, 200))
}

fn taken_out(subject: &Subject) -> Option<Remedy> {
    // OpenClaw's command takes out what its index of plugins has, and refuses a pack of hooks that only the config's own record names.
    let indexed = subject.kind != Kind::HookPack
        || subject
            .record
            .as_ref()
            .is_some_and(|record| record.place.contains("#plugins.installedIndex/"));
    if let Some(name) = recorded_name(subject).filter(|_| indexed) {
        return Some(Remedy::Uninstall {
            subject: subject.id.clone(),
            name,
        });
    }
    let own = matches!(
        subject.kind,
        Kind::Plugin | Kind::Bundle | Kind::HookPack | Kind::Skill
    );
    let place = &subject.place.shown;
    // What is loaded from where it is developed is not OpenClaw's to move.
    let inside = !place.starts_with('/') && place != ".";
    (own && inside && !matches!(subject.source, Source::Link | Source::Load)).then(|| {
        Remedy::SetAside {
            path: place.clone(),
        }
    })
}

/// Whether OpenClaw installs and uninstalls it by name.
fn is_package(subject: &Subject) -> bool {
    matches!(subject.kind, Kind::Plugin | Kind::Bundle | Kind::HookPack)
}
