//! `record-mismatch`: what OpenClaw recorded, package.json, package-lock.json, HEAD and the lock do not agree.

use crate::digest::{GitOid, Sri};
use crate::fact::{Fact, Outcome};
use crate::finding::{Draft, Input, Level, Remedy, RemedyKind};
use crate::inventory::{Agreement, Observation};
use crate::lock::LockedPackage;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::spec::{self, Pin};
use crate::subject::Source;
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "record-mismatch",
    group: Group::Integrity,
    level: Level::Deny,
    fixed: true,
    stages: Stages::of(Stage::Installed, &[Stage::Staged]),
    clears: RemedyKind::Reinstall,
    summary: "OpenClaw's record and what is on disk disagree",
    help: "Reinstall the subject through OpenClaw, so that the record is about what is there, then lock it again.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    let observed = view
        .subject
        .observations
        .iter()
        .filter_map(|observation| judge(view, observation));
    observed
        .chain(checkout(view))
        .chain(tag(view))
        .chain(locked(view))
        .chain(written_by_hand(view))
        .chain(other_tools(view))
        .chain(store(view))
        .collect()
}

/// A path of a Nix store that is not what the store's database registered under its name.
fn store(view: &View<'_>) -> Vec<Draft> {
    let facts = view.evidence.store.iter().flat_map(|store| &store.paths);
    let wrong = facts.filter_map(|path| match &path.fact {
        Fact::Violated { code: None, why } => Some((path, why)),
        _ => None,
    });
    let drafts = wrong.map(|(path, why)| {
        let what = if path.own {
            "it lies in"
        } else {
            "its links lead into"
        };
        view.draft(format!(
            "the Nix store path that {what} is not the registered one"
        ))
        .code("nix-store")
        .evidence(why.clone())
        .help(format!(
            "have Nix fetch or build it again, as root: nix-store --repair-path /nix/store/{}",
            path.path
        ))
        .remedy(Remedy::Operator { input: None })
    });
    drafts.collect()
}

/// What another tool recorded about the subject is not what is there. Its record is in the hands of the user who runs OpenClaw, so it is
/// worth a look and proves nothing.
fn other_tools(view: &View<'_>) -> Vec<Draft> {
    let records = view.subject.tool_records.iter();
    let differing = records.filter_map(|record| match &record.agreement {
        Agreement::Differs {
            what,
            recorded,
            found,
            rough,
        } => {
            let (tool, place) = (record.tool, &record.place);
            let draft = view
                .draft(format!("the record of {tool} and what is there disagree about the {what}"))
                .level(if *rough { Level::Note } else { Level::Warn })
                .outcome(Outcome::NotEstablished)
                .evidence(format!("recorded {recorded}"))
                .evidence(format!("found    {found}"))
                .evidence(format!("by       {place}"))
                .evidence(format!("from     {}", record.says));
            Some(if *rough {
                draft.help(format!(
                    "nothing, unless you wonder why: {tool} leaves some files out when it installs, so an honest skill may differ"
                ))
            } else {
                draft
                    .help(format!(
                        "find out who changed the skill; then install it again with {tool}, or remove its entry from {place}"
                    ))
                    .remedy(Remedy::Operator { input: None })
            })
        }
        _ => None,
    });
    differing.collect()
}

/// The record names a commit, and the files are not that commit's.
fn checkout(view: &View<'_>) -> Option<Draft> {
    match &view.evidence.git.checkout {
        Fact::Violated { why, .. } => {
            let mut draft = view.draft(why.clone());
            draft.evidence.clone_from(&view.evidence.git.differences);
            Some(draft)
        }
        // Git itself writes such files on checkout, when the commit's attributes ask for it.
        Fact::Verified(converted) if !converted.is_empty() => {
            let mut draft =
                view.draft("files equal the commit only after conversion of their line endings");
            draft.evidence.clone_from(converted);
            Some(
                draft
                    .level(Level::Note)
                    .outcome(Outcome::Verified)
                    .help("nothing, unless you wonder why: the commit's .gitattributes ask for it"),
            )
        }
        _ => None,
    }
}

/// The record says that the subject was installed from a tag, and the tag leads elsewhere.
fn tag(view: &View<'_>) -> Option<Draft> {
    let git = &view.evidence.git;
    let (tag, found) = (git.tag.as_ref()?, git.tag_elsewhere.as_ref()?);
    let recorded = view
        .subject
        .record
        .as_ref()
        .and_then(|record| record.git_commit.as_deref())
        .unwrap_or("no commit");
    let draft = view
        .draft(format!(
            "the record says tag {} and another commit than the tag leads to",
            tag.verdict.tag
        ))
        .evidence(format!("recorded {}", text::excerpt(recorded, 80)))
        .evidence(format!("tag      {found}"));
    Some(draft)
}

/// The files are those of the lock, and what the lock says of them is not what is recorded: one of the two was written by hand. Where the
/// files differ too, that is the finding: an update changes both.
fn locked(view: &View<'_>) -> Vec<Draft> {
    let (Some(entry), subject) = (view.locked, view.subject) else {
        return Vec::new();
    };
    if entry.tree.is_none() || view.evidence.tree.tree().is_none() || view.evidence.tree.differs() {
        return Vec::new();
    }
    let record = subject.record.as_ref();
    let integrity = record.and_then(|record| record.integrity.as_ref()?.parse::<Sri>().ok());
    let commit = record.and_then(|record| record.git_commit.as_ref()?.parse::<GitOid>().ok());
    let differences = [
        (
            "kind",
            words(Some(entry.kind.as_str()), Some(subject.kind.as_str())),
        ),
        (
            "source",
            words(Some(entry.source.as_str()), Some(subject.source.as_str())),
        ),
        (
            "version",
            words(entry.version.clone(), subject.recorded_version()),
        ),
        ("integrity", words(entry.archive, integrity)),
        ("commit", words(entry.commit.as_ref(), commit.as_ref())),
    ];
    let draft = |(what, differ): (&str, Option<(String, String)>)| {
        let (locked, recorded) = differ?;
        let draft = view.draft(format!(
            "the record and the lock disagree about the {what} of the same files"
        ));
        Some(
            draft
                .evidence(format!("locked   {locked}"))
                .evidence(format!("recorded {recorded}"))
                .help("one of the two was written by hand: find out which and by whom; where the record is right, accept it by name")
                .remedy(Remedy::Lock {
                    subject: Some(subject.id.clone()),
                    accept: true,
                    online: false,
                    update: false,
                }),
        )
    };
    differences.into_iter().filter_map(draft).collect()
}

/// What no digest stands on, and only the lock or a reinstall changes: worth a look, because the spec decides what an update fetches.
fn written_by_hand(view: &View<'_>) -> Vec<Draft> {
    let (Some(entry), Stage::Installed) = (view.locked, view.whole.stage) else {
        return Vec::new();
    };
    let evidence = view.evidence;
    let parts = [&evidence.tree, &evidence.dependencies, &evidence.siblings];
    let unchanged = parts
        .iter()
        .all(|part| !part.differs() && !part.unreadable() && !part.only_state_changed());
    // What has no files of its own is what its definition says.
    let same = match entry.tree {
        // Another definition is a finding of its own.
        Some(_) => {
            unchanged
                && evidence.tree.tree().is_some()
                && entry.definition == view.subject.definition_digest()
        }
        None => entry.definition.is_some() && entry.definition == view.subject.definition_digest(),
    };
    let files = parts.iter().filter_map(|part| part.tree());
    let files: u64 = files.map(|tree| tree.files).sum();
    [
        (
            "spec",
            words(
                entry.spec.clone().filter(|_| same),
                view.subject.lockable_spec(),
            ),
        ),
        (
            "number of files",
            words(entry.files.filter(|_| same), Some(files)),
        ),
    ]
    .into_iter()
    .filter_map(|(what, differ)| {
        let (locked, found) = differ?;
        if what == "spec"
            && let Some(again) = asked_again(view, entry, &locked, &found)
        {
            return Some(again);
        }
        Some(
            view.draft(format!("the lock says another {what} of what is unchanged"))
                .level(Level::Warn)
                .outcome(Outcome::NotEstablished)
                .evidence(format!("locked {}", text::excerpt(&locked, 200)))
                .evidence(format!("found  {}", text::excerpt(&found, 200)))
                .help("find out who changed it, the lock or the record; then lock it again")
                .remedy(RemedyKind::Lock.about(Some(&view.subject.id))),
        )
    })
    .collect()
}

/// OpenClaw records what its last command asked for: an update by name leaves the bare name, an install by version that version. Of the
/// very release that is locked that is an ordinary change. What floats has a finding of its own.
fn asked_again(view: &View<'_>, entry: &LockedPackage, locked: &str, found: &str) -> Option<Draft> {
    let (subject, source) = (view.subject, entry.source);
    let record = subject.record.as_ref()?;
    let same_files = entry.source == subject.source
        && entry.version.as_deref() == subject.recorded_version().as_deref();
    let (before, now) = (spec::parts(source, locked), spec::parts(source, found));
    if !same_files || before.0 != now.0 {
        return None;
    }
    let (pin, release) = match source {
        Source::Npm => (spec::npm(found), entry.version.clone()),
        Source::Clawhub => (spec::clawhub(found), entry.version.clone()),
        Source::Git => {
            let commit = entry.commit.as_ref().map(ToString::to_string);
            if commit.is_none() || commit.as_deref() != record.git_commit.as_deref() {
                return None;
            }
            (spec::git(found), commit)
        }
        _ => return None,
    };
    let asked = now.1.map(spec::plain_version);
    let (level, message) = match pin {
        Pin::Exact if asked != release.as_deref().map(spec::plain_version) => return None,
        Pin::Exact => (
            Level::Warn,
            "OpenClaw's record now asks for exactly what is locked, and the lock does not say so yet",
        ),
        Pin::Floating(_) => (
            Level::Note,
            "OpenClaw's record now asks for it in other words, as after an update by name; installed is what is locked",
        ),
    };
    let draft = view
        .draft(message)
        .level(level)
        .outcome(Outcome::NotApplicable)
        .evidence(format!("locked {}", text::excerpt(locked, 200)))
        .evidence(format!("found  {}", text::excerpt(found, 200)))
        .help("take that over")
        .remedy(RemedyKind::Lock.about(Some(&subject.id)));
    Some(draft)
}

/// Both, when both are there and they differ. What is missing or malformed has findings of its own.
fn words<T: PartialEq + ToString>(
    locked: Option<T>,
    recorded: Option<T>,
) -> Option<(String, String)> {
    let (locked, recorded) = (locked?, recorded?);
    (locked != recorded).then(|| (locked.to_string(), recorded.to_string()))
}

fn judge(view: &View<'_>, observation: &Observation) -> Option<Draft> {
    match observation {
        Observation::RecordConflict { what, recorded, found, advisory } => {
            let draft = view
                .draft(format!("the record and {} disagree about the {what}", if *advisory { "what is there" } else { "the disk" }))
                .evidence(format!("recorded {recorded}"))
                .evidence(format!("found    {found}"));
            // Two foreign hash algorithms depend on collation and ignore files: a mismatch is worth a look, not a proof.
            Some(if *advisory { draft.level(Level::Warn).outcome(Outcome::NotEstablished) } else { draft })
        }
        Observation::OutsideState { recorded, canonical } if view.subject.source == Source::Unrecorded => Some(
            view.draft("it is a link that leads out of the place where OpenClaw installs this kind")
                .code("outside-state")
                .evidence(format!("link  {canonical}"))
                .evidence(format!("leads to {recorded}"))
                .help("set the link aside: what it leads to stays where it is, and its owner can have OpenClaw load it by its path")
                .remedy(Remedy::SetAside { path: canonical.clone() }),
        ),
        Observation::OutsideState { recorded, canonical } => Some(
            view.draft("the record points outside the place where OpenClaw installs this kind")
                .code("outside-state")
                .evidence(format!("recorded  {recorded}"))
                .evidence(format!("canonical {canonical}"))
                .help("if the state directory is a copy, say from where; otherwise reinstall the subject through OpenClaw")
                .remedy(Remedy::Operator { input: Some(Input::RelocatedFrom) }),
        ),
        Observation::OtherHost {
            place,
            found,
            judged,
            weak,
        } => {
            let draft = view
                .draft(format!(
                    "{place} starts another OpenClaw than the one that is judged"
                ))
                .code("other-host")
                .evidence(format!("judged  {judged}"))
                .evidence(format!("started {found}"))
                .help(
                    "name the one that is started as the host package, or start the one that is judged",
                )
                .remedy(Remedy::Operator {
                    input: Some(Input::Host),
                });
            Some(if *weak { draft.level(Level::Warn) } else { draft })
        }
        _ => None,
    }
}
