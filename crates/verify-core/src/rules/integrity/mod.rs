//! Is what is installed what was locked, recorded and published?

pub(super) mod announced;
pub(super) mod archive_mismatch;
pub(super) mod definition_mismatch;
pub(super) mod dependency_mismatch;
pub(super) mod instructions_changed;
pub(super) mod not_installed;
pub(super) mod not_locked;
pub(super) mod record_mismatch;
pub(super) mod settings_changed;
pub(super) mod shadowed;
pub(super) mod stale_generation;
pub(super) mod state_changed;
pub(super) mod state_too_old;
pub(super) mod tree_mismatch;
pub(super) mod unrecorded;
pub(super) mod unsafe_tree;
pub(super) mod unverifiable_cache;
pub(super) mod weak_digest;

use super::{Stage, View, remedies};
use crate::digest::Sha256Digest;
use crate::evidence::Part;
use crate::finding::{Draft, Remedy, Restore};
use crate::inventory::Observation;
use crate::lock::LockedPackage;
use crate::subject::{Kind, Source, SubjectId};
use crate::text;
use crate::tree::{ChangeKind, FileChange, TreeError};

/// What to do about an archive that is not the expected one.
const FETCH_AGAIN: &str =
    "do not install it; fetch it again from its publisher, and ask them if it differs again";

/// The changed paths of a part, one line each: `changed dist/index.js`.
fn change_lines(changes: &[FileChange]) -> Vec<String> {
    changes
        .iter()
        .map(|change| format!("{} {}", change.kind.as_str(), text::visible(&change.path)))
        .collect()
}

/// What to do where nothing but executable bits differs.
const ONLY_MODES: &str = "no byte of it changed. A file system without modes, such as one of Windows or a USB stick, shows every file as a \
    program: if it lies on one, accept it by name";
/// Most files of which each is named where nothing but their executable bits differs.
const MAX_MODES: usize = 5;

/// Whether all files of a part hold the locked bytes, and only their executable bits are others.
fn only_modes(part: &Part) -> bool {
    let changes = part.changes.as_deref().unwrap_or_default();
    !changes.is_empty()
        && changes
            .iter()
            .all(|change| change.kind == ChangeKind::ModeChanged)
}

/// The changed paths of a part as evidence, and what to do where there is more to say than to read them.
fn with_changes(mut draft: Draft, part: &Part) -> Draft {
    let changes = part.changes.as_deref().unwrap_or_default();
    if !only_modes(part) {
        draft.evidence = change_lines(changes);
        return draft;
    }
    if changes.len() <= MAX_MODES {
        draft.evidence = change_lines(changes);
    }
    draft.help(ONLY_MODES)
}

/// "2 of 859 files differ" where the manifest of the locked digest is at hand, else what is known without it.
/// `counted`: how many files were locked and how many there are.
fn difference(part: &Part, counted: Option<(u64, u64)>) -> String {
    let now = part.tree().map_or(0, |tree| tree.files);
    match (&part.changes, counted) {
        _ if part.locked.is_none() => {
            "the lock holds no files of it, and there are some now".to_owned()
        }
        (Some(changes), _) if only_modes(part) => {
            let count = text::count(changes.len() as u64, "file");
            format!("nothing but executable bits differs from the lock, of {count} of {now}")
        }
        (Some(changes), _) => {
            let count = changes.len();
            let differ = format!(
                "{count} {} from the lock",
                if count == 1 {
                    "path differs"
                } else {
                    "paths differ"
                }
            );
            // Of a tree that was replaced, more paths are gone than there are.
            if count as u64 > now {
                let (files, verb) = (
                    text::count(now, "file"),
                    if now == 1 { "is" } else { "are" },
                );
                format!("{differ}; {files} {verb} there now")
            } else {
                format!("{differ}, of {}", text::count(now, "file"))
            }
        }
        (None, Some((locked, now))) if locked != now => {
            let locked = text::count(locked, "file");
            format!("content differs from the lock: {locked} locked, {now} now")
        }
        (None, _) if part.tree().is_none() => {
            "content differs from the lock: its files were locked, and none are there".to_owned()
        }
        (None, _) if part.locked.is_none() => format!(
            "the lock holds no files of it, and there are some now ({})",
            text::count(now, "file")
        ),
        (None, _) if now == 1 => "content differs from the lock, in its 1 file".to_owned(),
        (None, _) => format!("content differs from the lock, in at least one of {now} files"),
    }
}

/// How many files were locked and how many there are, both of all parts of the subject: the lock has one number for them together. None
/// where a part that was locked is not at hand.
fn counts(view: &View<'_>) -> Option<(u64, u64)> {
    let evidence = view.evidence;
    let mut now = 0;
    for part in [&evidence.tree, &evidence.dependencies, &evidence.siblings] {
        match &part.measured {
            Some(Ok(tree)) => now += tree.files,
            Some(Err(TreeError::Missing)) => {}
            None if part.locked.is_none() => {}
            _ => return None,
        }
    }
    Some((view.locked?.files?, now))
}

/// The npm packages that changed paths belong to, for people who think in packages.
fn packages_touched(changes: &[FileChange]) -> Vec<String> {
    let mut names: Vec<String> = changes
        .iter()
        .filter_map(|change| package_of(&change.path))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The innermost package whose folder holds `path`, which is relative to a `node_modules` folder.
fn package_of(path: &str) -> Option<String> {
    let inner = path
        .rsplit_once("node_modules/")
        .map_or(path, |(_, inner)| inner);
    let mut parts = inner.split('/');
    let first = parts.next()?;
    let name = if first.starts_with('@') {
        format!("{first}/{}", parts.next()?)
    } else {
        first.to_owned()
    };
    Some(text::visible(&name).into_owned())
}

/// A difference from the lock, with what clears it: a changed version is what an update looks like, other bytes under the locked version
/// are what an attack looks like.
fn changed(view: &View<'_>, message: impl Into<String>) -> Draft {
    // What lies in a plugin changes with it, and is taken over with it.
    let updated = match is_update(view) {
        true => Some(&view.subject.id),
        false => updated_owner(view),
    };
    let accept = updated.is_none();
    let is_installed = !matches!(
        view.subject.kind,
        Kind::Config | Kind::Automation | Kind::Agent | Kind::Service
    );
    let help = if accept && is_installed {
        "if you did not make this change, reinstall it; if you did and have read it, accept the new digest by name"
    } else if accept {
        "if you did not make this change, put back what was there; if you did and have read it, accept the new digest by name"
    } else {
        "if you did not update it, reinstall it; if you did, read what changed and lock it"
    };
    view.draft(message).help(help).remedy(Remedy::Lock {
        subject: Some(updated.unwrap_or(&view.subject.id).clone()),
        accept,
        online: false,
        update: !accept && view.whole.stage == Stage::Installed,
    })
}

/// The recorded folder of what was locked, where that is not there.
fn gone<'a>(view: &View<'a>) -> Option<&'a str> {
    let mut seen = view.subject.observations.iter();
    let path = seen.find_map(|observation| match observation {
        Observation::MissingFolder { path, .. } => Some(path.as_str()),
        _ => None,
    });
    path.filter(|_| view.evidence.tree.differs())
}

/// A listing of a subject beside the one that was locked: its commands, its settings or its instructions.
struct ListingDifference<'a> {
    /// What the listing holds, as messages name it.
    what: &'static str,
    locked: Option<Sha256Digest>,
    now: Option<Sha256Digest>,
    /// The changed keys, one line each, where the listing of the lock is at hand.
    keys: Option<&'a [String]>,
}

impl ListingDifference<'_> {
    /// The difference as a finding; none where there is none.
    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        if self.locked == self.now {
            return None;
        }
        let what = self.what;
        let message = match (self.locked, self.now) {
            (None, _) => format!("the lock holds no {what} of it, and there are some now"),
            (_, None) => format!("the lock holds {what} of it, and there are none now"),
            _ => format!("its {what} differ from the lock"),
        };
        let mut draft = changed(view, message);
        if let Some(keys) = self.keys {
            draft.evidence = keys.to_vec();
            return Some(draft);
        }
        if let Some([locked, now]) = command_lines(view) {
            let draft = draft.evidence(format!("locked {locked}"));
            return Some(draft.evidence(format!("now    {now}")));
        }
        let side = |digest: Option<Sha256Digest>| {
            digest.map_or("nothing".to_owned(), |digest| digest.to_string())
        };
        Some(
            draft
                .evidence(format!("locked {}", side(self.locked)))
                .evidence(format!("now    {}", side(self.now))),
        )
    }

    /// The same of what people change every day, which is locked again without accepting it by name. A lock from before there were
    /// such listings is no difference.
    fn everyday(&self, view: &View<'_>) -> Option<Draft> {
        if view.whole.lock.lacks_settings() {
            return None;
        }
        let draft = self.draft(view)?;
        Some(
            draft
                .help("read what changed; lock it if it is yours")
                .remedy(Remedy::Lock {
                    subject: Some(view.subject.id.clone()),
                    accept: false,
                    online: false,
                    update: false,
                }),
        )
    }
}

/// The command line of an MCP server in the lock and now, where that is what differs.
fn command_lines(view: &View<'_>) -> Option<[String; 2]> {
    let locked = view.locked?.spec.as_deref()?;
    let now = view.subject.mcp.as_ref()?.spec.as_str();
    (locked != now).then(|| [locked, now].map(|line| text::excerpt(line, 400)))
}

/// Whether an MCP server is as it was locked, but for being switched off: it starts nothing, where it started what was locked.
fn switched_off(view: &View<'_>) -> bool {
    let locked = view.locked.and_then(|entry| entry.definition);
    let mcp = view.subject.mcp.as_ref();
    locked.is_some_and(|locked| mcp.is_some_and(|mcp| mcp.when_on.contains(&locked)))
}

/// The plugin in whose folder a skill, hook or MCP server lies that it brings, where OpenClaw updated it.
fn updated_owner<'a>(view: &View<'a>) -> Option<&'a SubjectId> {
    let id = &view.subject.id;
    let is_part = match id.scheme() {
        "skill" | "hook" => id.name().starts_with("plugin."),
        "mcp" => id.name().contains('/'),
        _ => false,
    };
    let owns = |other: &View<'a>| {
        matches!(
            other.subject.kind,
            Kind::Plugin | Kind::Bundle | Kind::HookPack
        ) && other.subject.id != *id
            && view
                .subject
                .place
                .absolute
                .starts_with(&other.subject.place.absolute)
    };
    let mut owners = view.whole.views().filter(|_| is_part);
    owners
        .find(|other| owns(other) && is_update(other))
        .map(|other| &other.subject.id)
}

/// What installs the locked release of a plugin out of npm again, by the words of the lock. Another difference in its files would leave
/// the way back to people's memory, and the only command at hand would be the one that accepts it.
fn restore(view: &View<'_>) -> Option<Restore> {
    let of_npm =
        |entry: &&LockedPackage| entry.source == Source::Npm && view.subject.kind == Kind::Plugin;
    let entry = view.locked.filter(of_npm)?;
    let folder = &view.subject.place.shown;
    let name = entry.id.name();
    let version = entry
        .version
        .as_deref()
        .filter(|version| js_semver::Version::parse(version).is_ok())?;
    let spec = format!("{name}@{version}");
    // An entry that asks for something else than its name, such as an alias, is not understood here.
    let same = entry.spec.as_deref().is_none_or(|asked| {
        asked
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
    });
    (same && view.whole.stage == Stage::Installed && remedies::is_plain(&spec)).then(|| Restore {
        spec,
        folder: folder.clone(),
    })
}

/// Whether OpenClaw's own record shows that another release was installed.
fn is_update(view: &View<'_>) -> bool {
    view.locked
        .is_some_and(|locked| view.subject.is_update_of(locked))
}

#[cfg(test)]
mod tests {
    use super::package_of;

    #[test]
    fn a_path_belongs_to_its_innermost_package() {
        assert_eq!(package_of("@a/b/index.js").as_deref(), Some("@a/b"));
        assert_eq!(
            package_of("x/node_modules/@a/b/index.js").as_deref(),
            Some("@a/b")
        );
        assert_eq!(package_of("x/node_modules/y").as_deref(), Some("y"));
        assert_eq!(package_of("@a"), None);
    }
}
