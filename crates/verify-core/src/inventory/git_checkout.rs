//! Git installs: `git/git-<16 hex>/repo`, and the commit that its `HEAD` names.

use std::path::Path;

use super::config::string;
use super::paths::{Kind, Paths};
use super::plugin::is_real_folder;
use super::{Observation, Record, git_spec};
use crate::digest::GitOid;
use crate::read::ReadError;
use crate::text;

/// Most bytes of `HEAD` or of one loose ref.
const MAX_REF: u64 = 4096;
/// Most bytes of `packed-refs`.
const MAX_PACKED: u64 = 32 << 20;
/// Most symbolic refs in a row, as git itself follows.
const MAX_SYMBOLIC: usize = 5;

/// `<host>/<path>` of the repository, or `file/<basename>` of a local one; what follows `git:` in the subject's id. None when it is of no
/// known form.
pub(crate) fn repository(record: &Record) -> Option<String> {
    match &record.git_url {
        Some(address) => git_spec::place(address),
        None => git_spec::place_of_spec(record.spec.as_deref()?),
    }
}

/// What the place should look like, when the folder is not `git/git-<16 hex>/repo` of the state directory.
pub(super) fn misplaced(paths: &Paths, folder: &Path) -> Option<String> {
    let canonical = folder
        .strip_prefix(paths.root("git"))
        .ok()
        .and_then(|rest| {
            let mut parts = rest.iter();
            let name = parts.next()?.to_str()?.strip_prefix("git-")?;
            let hex =
                name.len() == 16 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            (hex && parts.next()? == "repo" && parts.next().is_none()).then_some(())
        });
    canonical
        .is_none()
        .then(|| "git/git-<16 hex digits>/repo".to_owned())
}

/// Compares `HEAD` with the recorded commit.
pub(super) fn check(
    paths: &Paths,
    record: &Record,
    folder: &Path,
    observations: &mut Vec<Observation>,
) {
    let git = folder.join(".git");
    let place = paths.shown(&git);
    let recorded = record.git_commit.as_deref();
    observations.extend(asked_otherwise(record));
    if !is_real_folder(paths, &git) {
        let why = match paths.kind(&git) {
            Kind::Nothing => "is missing, so the commit cannot be determined",
            _ => "is not a folder of its own, so the commit cannot be determined",
        };
        observations.push(Observation::Unreadable {
            place,
            why: why.to_owned(),
        });
        return;
    }
    let found = match head(paths, &git) {
        Ok(found) => found,
        Err(why) => {
            observations.push(Observation::Unreadable {
                place: format!("{place}/HEAD"),
                why: why.to_string(),
            });
            return;
        }
    };
    let accepted = string(record.raw.get("acceptedSurfaceIntegrity"));
    for wanted in [recorded, accepted].into_iter().flatten() {
        if !wanted.eq_ignore_ascii_case(found.as_str()) {
            let recorded = text::excerpt(wanted, 80);
            observations.push(Observation::RecordConflict {
                what: "commit",
                recorded,
                found: found.to_string(),
                advisory: false,
            });
            return;
        }
    }
    if recorded.is_none() {
        let recorded = "no commit".to_owned();
        observations.push(Observation::RecordConflict {
            what: "commit",
            recorded,
            found: found.to_string(),
            advisory: false,
        });
    }
}

/// What is wrong with where a record says that it came from. A reinstall takes what the spec says: another repository or commit than the
/// recorded one is no spec of this install.
pub(super) fn asked_otherwise(record: &Record) -> Option<Observation> {
    // Nothing that is said about a repository could be found to be about this one.
    if repository(record).is_none() {
        let why = "names no repository in a form that is known".to_owned();
        return Some(Observation::Unreadable {
            place: record.place.clone(),
            why,
        });
    }
    let spec = record.spec.as_deref()?;
    let conflict = |what, recorded: &str, found: &str| Observation::RecordConflict {
        what,
        recorded: text::excerpt(recorded, 200),
        found: text::excerpt(found, 200),
        advisory: false,
    };
    if let (Some(asked), Some(place)) = (git_spec::place_of_spec(spec), repository(record))
        && asked != place
    {
        return Some(conflict("repository", &asked, &place));
    }
    let commits = [git_spec::parse(spec).reference, record.git_ref.as_deref()]
        .into_iter()
        .flatten();
    let mut commits = commits.filter(|reference| reference.parse::<GitOid>().is_ok());
    let commit = record.git_commit.as_deref()?;
    commits
        .find(|asked| !asked.eq_ignore_ascii_case(commit))
        .map(|asked| conflict("commit", asked, commit))
}

/// Why the commit that `HEAD` names is unknown. Completes a sentence that starts with "HEAD"; safe to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownHead {
    #[error(transparent)]
    Unread(#[from] ReadError),
    #[error("{} is no commit id", text::excerpt(.0, 80))]
    NoCommit(String),
    #[error("names the ref {}", text::excerpt(.0, 80))]
    UnsafeRef(String),
    #[error("is a chain of symbolic refs")]
    TooManySteps,
    #[error("names {}, which is not there", text::excerpt(.0, 80))]
    Dangling(String),
    #[error("packed-refs holds no commit id")]
    PackedNoCommit,
    #[error("packed-refs names {} twice", text::excerpt(.0, 80))]
    PackedTwice(String),
}

/// The commit that `HEAD` names, through symbolic, loose and packed refs.
pub(super) fn head(paths: &Paths, git: &Path) -> Result<GitOid, UnknownHead> {
    let mut name = "HEAD".to_owned();
    for _ in 0..=MAX_SYMBOLIC {
        let content = match paths.text(&git.join(&name), MAX_REF) {
            Ok(content) => content,
            Err(ReadError::NotFound) if name != "HEAD" => {
                return packed(paths, git, &name);
            }
            Err(error) => return Err(error.into()),
        };
        let content = content.trim();
        let Some(target) = content.strip_prefix("ref:") else {
            return content
                .parse()
                .map_err(|_| UnknownHead::NoCommit(content.to_owned()));
        };
        let target = target.trim();
        let safe = target.starts_with("refs/")
            && !target
                .split('/')
                .any(|part| part.is_empty() || part == "." || part == "..");
        if !safe {
            return Err(UnknownHead::UnsafeRef(target.to_owned()));
        }
        name = target.to_owned();
    }
    Err(UnknownHead::TooManySteps)
}

fn packed(paths: &Paths, git: &Path, name: &str) -> Result<GitOid, UnknownHead> {
    let content = paths
        .text(&git.join("packed-refs"), MAX_PACKED)
        .map_err(|_| UnknownHead::Dangling(name.to_owned()))?;
    let lines = content.lines().filter(|line| !line.starts_with(['#', '^']));
    let mut found = lines
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, reference)| *reference == name);
    match (found.next(), found.next()) {
        (Some((oid, _)), None) => oid.parse().map_err(|_| UnknownHead::PackedNoCommit),
        (None, _) => Err(UnknownHead::Dangling(name.to_owned())),
        _ => Err(UnknownHead::PackedTwice(name.to_owned())),
    }
}
