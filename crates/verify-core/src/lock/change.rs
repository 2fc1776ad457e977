//! What a new lock would change, and which of it may not happen silently: a re-lock cannot launder a change.
//!
//! Version, record and bytes of a subject may all be written by an attacker. What he cannot have is a changed digest that looks like
//! nothing happened: unless the record itself moved to another release, every changed digest has to be named by the operator.

use std::fmt::{self, Display};

use js_semver::Version;

use super::{Lock, LockedPackage, LockedRelease, Provenance};
use crate::spec::plain_version;
use crate::subject::{Kind, Source};
use crate::text;

/// One difference between two locks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockChange {
    /// Subject id, or [`LockedRelease::id`]: what `--accept` has to name.
    pub id: String,
    /// What changed.
    pub what: LockChangeKind,
    /// What the old lock says; none when it says nothing.
    pub from: Option<String>,
    /// What the new lock says; none when it says nothing.
    pub to: Option<String>,
    /// Whether the new lock may be written only when the operator accepts the id.
    pub needs_accept: bool,
}

impl LockChange {
    /// Whether it takes over a lower version than the locked one. An older release may have a hole that is known since, so going back is
    /// worth a word even where OpenClaw itself installed it.
    #[must_use]
    pub fn is_older(&self) -> bool {
        let version = |text: &Option<String>| Version::parse(plain_version(text.as_deref()?)).ok();
        let (from, to) = (version(&self.from), version(&self.to));
        self.what == LockChangeKind::Version && from.zip(to).is_some_and(|(from, to)| to < from)
    }
}

impl Display for LockChange {
    /// One line, safe to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Option<String>| {
            side.as_deref().map_or("nothing".to_owned(), |text| {
                text::visible(text).into_owned()
            })
        };
        write!(
            f,
            "{}: {}: {} -> {}",
            text::visible(&self.id),
            self.what.as_str(),
            side(&self.from),
            side(&self.to)
        )
    }
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LockChangeKind {
    /// The entry is new.
    Added,
    /// The entry is gone.
    Removed,
    /// An entry of the same name under another id is gone: the same thing, said to come from elsewhere.
    Replaces,
    /// The kind of subject.
    Kind,
    /// The source.
    Source,
    /// The version.
    Version,
    /// What a reinstall would ask for.
    Spec,
    /// The published archive.
    Archive,
    /// The commit.
    Commit,
    /// The tag object.
    TagObject,
    /// The signer.
    Signer,
    /// The code.
    Tree,
    /// The dependencies.
    Dependencies,
    /// The packages beside the host package.
    Siblings,
    /// What starts commands.
    Definition,
    /// What steers or un-guards the agent.
    Settings,
    /// Text that reaches the model unasked.
    Instructions,
    /// The number of files.
    Files,
    /// The build identity.
    Provenance,
}

impl LockChangeKind {
    /// The key of the lock, or a word for a whole entry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Replaces => "replaces",
            Self::Kind => "kind",
            Self::Source => "source",
            Self::Version => "version",
            Self::Spec => "spec",
            Self::Archive => "archive",
            Self::Commit => "commit",
            Self::TagObject => "tag-object",
            Self::Signer => "signer",
            Self::Tree => "tree",
            Self::Dependencies => "dependencies",
            Self::Siblings => "siblings",
            Self::Definition => "definition",
            Self::Settings => "settings",
            Self::Instructions => "instructions",
            Self::Files => "files",
            Self::Provenance => "provenance",
        }
    }
}

/// Everything that differs, sorted by id, packages before releases.
#[must_use]
pub fn changes(old: &Lock, new: &Lock) -> Vec<LockChange> {
    changes_of_installed(old, new, &|_| false)
}

/// The same, where `uninstalled` knows of an entry that is gone whether OpenClaw itself removed it: neither its files nor its record are
/// there. That is an ordinary change; what comes back later is new, and has to be locked as such.
pub(crate) fn changes_of_installed(
    old: &Lock,
    new: &Lock,
    uninstalled: &dyn Fn(&LockedPackage) -> bool,
) -> Vec<LockChange> {
    let mut found = Vec::new();
    let removed: Vec<&LockedPackage> = old
        .packages()
        .iter()
        .filter(|p| new.package(&p.id).is_none())
        .collect();
    let owner_changed = new.packages().iter().any(|p| {
        is_owner(p)
            && old
                .package(&p.id)
                .is_none_or(|before| before.tree != p.tree)
    });
    for package in new.packages() {
        match old.package(&package.id) {
            Some(before) => Comparison::of(before, package, owner_changed).run(&mut found),
            None => added(package, &removed, &mut found),
        }
    }
    // Without this, dropping an entry and locking again would take in a changed subject as a new one. One word is enough for a plugin
    // with its parts, and for what stands under another id now.
    let owner_gone = owner_changed || removed.iter().any(|p| is_owner(p));
    let explained = |p: &LockedPackage| {
        is_part(p) && owner_gone
            || new
                .packages()
                .iter()
                .any(|q| old.package(&q.id).is_none() && is_twin(p, q))
    };
    found.extend(removed.iter().map(|p| {
        // A job that is over, or an agent that was deleted, takes nothing with it that could come back as something new.
        let silent = explained(p)
            || matches!(p.kind, Kind::Automation | Kind::Agent)
            || is_recorded(p) && uninstalled(p);
        whole(
            p.id.to_string(),
            LockChangeKind::Removed,
            describe(p),
            None,
            !silent,
        )
    }));
    found.sort_by(|a, b| (&a.id, a.what).cmp(&(&b.id, b.what)));

    let packages = found.len();
    for release in new.releases() {
        match old.release(&release.repository, &release.tag) {
            Some(before) => compare_release(before, release, &mut found),
            None => found.push(whole(
                release.id(),
                LockChangeKind::Added,
                None,
                Some(release.commit.to_string()),
                false,
            )),
        }
    }
    // Without this, dropping a pin and pinning again would hide a moved tag.
    let gone = old
        .releases()
        .iter()
        .filter(|r| new.release(&r.repository, &r.tag).is_none());
    found.extend(gone.map(|r| {
        whole(
            r.id(),
            LockChangeKind::Removed,
            Some(r.commit.to_string()),
            None,
            true,
        )
    }));
    if let Some(releases) = found.get_mut(packages..) {
        releases.sort_by(|a, b| (&a.id, a.what).cmp(&(&b.id, b.what)));
    }
    found
}

/// A subject that was not in the old lock. When one of the same name vanished at the same time, it is most likely the same thing under
/// another id, such as a plugin whose install record was deleted.
fn added(package: &LockedPackage, removed: &[&LockedPackage], found: &mut Vec<LockChange>) {
    let twin = removed.iter().find(|old| is_twin(old, package));
    found.push(match twin {
        Some(old) => whole(
            package.id.to_string(),
            LockChangeKind::Replaces,
            Some(old.id.to_string()),
            describe(package),
            true,
        ),
        None => whole(
            package.id.to_string(),
            LockChangeKind::Added,
            None,
            describe(package),
            false,
        ),
    });
}

/// Whether two entries under different ids are most likely the same thing.
fn is_twin(old: &LockedPackage, new: &LockedPackage) -> bool {
    family(old.kind) == family(new.kind) && short_name(old) == short_name(new)
}

/// The same subject in both locks.
struct Comparison<'a> {
    old: &'a LockedPackage,
    new: &'a LockedPackage,
    /// The record moved to another release, so other digests are what one expects.
    update: bool,
}

impl<'a> Comparison<'a> {
    fn of(old: &'a LockedPackage, new: &'a LockedPackage, owner_changed: bool) -> Self {
        let with_owner = owner_changed && old.kind == new.kind && is_part(old) && is_part(new);
        Self {
            old,
            new,
            update: with_owner || is_update(old, new),
        }
    }

    fn run(&self, found: &mut Vec<LockChange>) {
        self.origin(found);
        self.digests(found);
        self.evidence(found);
    }

    /// Lost evidence always needs a word of the operator; another digest only when nothing else moved.
    fn is_unexpected(&self, from_there: bool, to_there: bool) -> bool {
        !self.update || (from_there && !to_there)
    }

    /// What it is and where it is from.
    fn origin(&self, found: &mut Vec<LockChange>) {
        let Self { old, new, .. } = *self;
        let digest = |from, to| self.is_unexpected(from, to);
        self.field(
            found,
            LockChangeKind::Kind,
            Some(old.kind),
            Some(new.kind),
            |_, _| true,
        );
        self.field(
            found,
            LockChangeKind::Source,
            Some(old.source),
            Some(new.source),
            |_, _| true,
        );
        self.field(
            found,
            LockChangeKind::Version,
            old.version.as_ref(),
            new.version.as_ref(),
            |_, _| false,
        );
        self.field(
            found,
            LockChangeKind::Spec,
            old.spec.as_ref(),
            new.spec.as_ref(),
            |_, _| false,
        );
        self.field(
            found,
            LockChangeKind::Archive,
            old.archive,
            new.archive,
            digest,
        );
        self.field(
            found,
            LockChangeKind::Commit,
            old.commit.as_ref(),
            new.commit.as_ref(),
            digest,
        );
    }

    /// What it consists of, and what is said of how it runs.
    fn digests(&self, found: &mut Vec<LockChange>) {
        let Self { old, new, update } = *self;
        let digest = |from, to| self.is_unexpected(from, to);
        self.field(found, LockChangeKind::Tree, old.tree, new.tree, digest);
        self.field(
            found,
            LockChangeKind::Dependencies,
            old.dependencies,
            new.dependencies,
            |_, _| !update,
        );
        self.field(
            found,
            LockChangeKind::Siblings,
            old.siblings,
            new.siblings,
            |_, _| !update,
        );
        self.field(
            found,
            LockChangeKind::Definition,
            old.definition,
            new.definition,
            |_, _| !update,
        );
        // What a person sets every day needs no word of its own once the subject is named.
        self.field(
            found,
            LockChangeKind::Settings,
            old.settings,
            new.settings,
            |_, _| true,
        );
        self.field(
            found,
            LockChangeKind::Instructions,
            old.instructions,
            new.instructions,
            |_, _| true,
        );
        self.field(
            found,
            LockChangeKind::Files,
            old.files,
            new.files,
            |_, _| false,
        );
    }

    /// Who signed and built it.
    fn evidence(&self, found: &mut Vec<LockChange>) {
        let Self { old, new, update } = *self;
        // Gained evidence is welcome. Another release has another tag object, but not another signer.
        self.field(
            found,
            LockChangeKind::TagObject,
            old.tag_object.as_ref(),
            new.tag_object.as_ref(),
            |from, to| from && (!to || !update),
        );
        self.field(
            found,
            LockChangeKind::Signer,
            old.signer.as_ref(),
            new.signer.as_ref(),
            |from, _| from,
        );
        let other_builder = match (&old.provenance, &new.provenance) {
            (Some(a), Some(b)) => {
                !update || a.repository != b.repository || a.workflow != b.workflow
            }
            (Some(_), None) => true,
            (None, _) => false,
        };
        let text = |p: &Provenance| match &p.commit {
            Some(commit) => format!("{} {} {commit}", p.repository, p.workflow),
            None => format!("{} {}", p.repository, p.workflow),
        };
        let (from, to) = (
            old.provenance.as_ref().map(text),
            new.provenance.as_ref().map(text),
        );
        self.field(found, LockChangeKind::Provenance, from, to, |_, _| {
            other_builder
        });
    }

    fn field<T: Display + PartialEq>(
        &self,
        found: &mut Vec<LockChange>,
        what: LockChangeKind,
        from: Option<T>,
        to: Option<T>,
        needs_accept: impl Fn(bool, bool) -> bool,
    ) {
        if from != to {
            let needs_accept = needs_accept(from.is_some(), to.is_some());
            let (from, to) = (from.map(|v| v.to_string()), to.map(|v| v.to_string()));
            found.push(LockChange {
                id: self.new.id.to_string(),
                what,
                from,
                to,
                needs_accept,
            });
        }
    }
}

/// Whether what OpenClaw recorded shows that another release was installed. A version alone proves nothing where an archive or a commit
/// is recorded too: a registry never gives two versions one archive, so then both have to move. Without a record the version is only
/// what the files claim about themselves, and nothing is an update.
fn is_update(old: &LockedPackage, new: &LockedPackage) -> bool {
    let version = old.version.is_some() && new.version.is_some() && old.version != new.version;
    let same_origin = old.source == new.source && old.kind == new.kind;
    same_origin
        && match new.source {
            Source::Npm | Source::NpmPack | Source::Clawhub | Source::Path | Source::Archive => {
                version && (old.archive.is_none() || old.archive != new.archive)
            }
            Source::Git => old.commit != new.commit && (version || old.spec != new.spec),
            Source::Link | Source::Load | Source::Config | Source::Unrecorded => false,
        }
}

/// What can have parts: skills, hooks and MCP servers that lie in it or that it declares.
fn is_owner(package: &LockedPackage) -> bool {
    matches!(package.kind, Kind::Plugin | Kind::Bundle | Kind::HookPack) && !is_part(package)
}

/// Whether OpenClaw keeps a record of it in its database, which an uninstall removes together with the files.
fn is_recorded(package: &LockedPackage) -> bool {
    is_owner(package) && !matches!(package.source, Source::Unrecorded | Source::Load)
}

/// A part of a plugin has no record of its own; its bytes are in the digests of the plugin, too. So it may change together with a
/// plugin, whose own change is judged by its own record, and never alone.
fn is_part(package: &LockedPackage) -> bool {
    let (scheme, name) = (package.id.scheme(), package.id.name());
    package.source == Source::Unrecorded
        && match scheme {
            "skill" | "hook" => name.starts_with("plugin."),
            "mcp" => name.contains('/'),
            _ => false,
        }
}

fn compare_release(old: &LockedRelease, new: &LockedRelease, found: &mut Vec<LockChange>) {
    let mut field = |what, from: Option<String>, to: Option<String>, needs_accept| {
        if from != to {
            found.push(LockChange {
                id: new.id(),
                what,
                from,
                to,
                needs_accept,
            });
        }
    };
    field(
        LockChangeKind::Commit,
        Some(old.commit.to_string()),
        Some(new.commit.to_string()),
        true,
    );
    let text = |oid: &crate::digest::GitOid| oid.to_string();
    field(
        LockChangeKind::TagObject,
        old.tag_object.as_ref().map(text),
        new.tag_object.as_ref().map(text),
        old.tag_object.is_some(),
    );
    field(
        LockChangeKind::Signer,
        old.signer.clone(),
        new.signer.clone(),
        old.signer.is_some(),
    );
    field(
        LockChangeKind::Tree,
        old.tree.map(|tree| tree.to_string()),
        new.tree.map(|tree| tree.to_string()),
        old.tree.is_some(),
    );
}

fn whole(
    id: String,
    what: LockChangeKind,
    from: Option<String>,
    to: Option<String>,
    needs_accept: bool,
) -> LockChange {
    LockChange {
        id,
        what,
        from,
        to,
        needs_accept,
    }
}

/// One text for a whole entry: its version, and the digest of what runs.
fn describe(package: &LockedPackage) -> Option<String> {
    let digest = package
        .tree
        .map(|d| d.to_string())
        .or_else(|| package.definition.map(|d| d.to_string()))
        .or_else(|| package.settings.map(|d| d.to_string()))
        .or_else(|| package.instructions.map(|d| d.to_string()))?;
    Some(match &package.version {
        Some(version) => format!("{version} {digest}"),
        None => digest,
    })
}

/// Kinds that an attacker can turn into each other by editing a record or a manifest.
fn family(kind: Kind) -> u8 {
    match kind {
        Kind::Core => 0,
        Kind::Plugin | Kind::Bundle | Kind::HookPack => 1,
        Kind::Skill => 2,
        Kind::McpServer => 3,
        Kind::Config => 4,
        Kind::Automation => 5,
        Kind::Agent => 6,
        Kind::Runtime => 7,
        Kind::Service => 8,
    }
}

/// The last part of the name, without regard to case: `npm:@openclaw/Zalo`, `path:zalo` and `unrecorded:extensions/zalo` share it.
fn short_name(package: &LockedPackage) -> String {
    package
        .id
        .name()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_lowercase()
}
