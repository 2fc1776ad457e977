//! What was announced for an install beside what is locked and what is staged now. Shared by `archive-mismatch`, `tree-mismatch` and
//! `not-locked`.

use crate::finding::Draft;
use crate::rules::View;
use crate::text;

/// Whether an announcement is exactly what was locked.
pub(super) fn is_locked(view: &View<'_>) -> bool {
    let (Some(entry), Some(announced)) = (view.locked, &view.evidence.announced) else {
        return false;
    };
    let archive = announced.archive.is_some() && entry.archive == announced.archive;
    let commit = announced.commit.is_some() && entry.commit == announced.commit;
    archive || commit
}

/// Other bytes under the locked version were never what the registry published when it was locked; and what is staged has to be one of
/// the archives that were announced for it.
pub(super) fn other_archive(view: &View<'_>) -> Option<Draft> {
    let announced = view.evidence.announced.as_ref()?;
    if let (Some(entry), Some(now)) = (view.locked, &announced.archive) {
        let same_version = view.subject.version.is_some() && entry.version == view.subject.version;
        let locked = entry.archive.as_ref().filter(|locked| *locked != now);
        if let Some(locked) = locked.filter(|_| same_version) {
            let version = view.subject.version.as_deref().unwrap_or_default();
            let draft = view.draft(format!(
                "version {} is announced with another archive than the locked one",
                text::excerpt(version, 60)
            ));
            return Some(
                draft
                    .evidence(format!("locked {locked}"))
                    .evidence(format!("now    {now}")),
            );
        }
    }
    let staged = view.subject.record.as_ref()?.integrity.as_deref()?;
    let expected = &announced.before;
    let is_expected = |part: &str| expected.iter().any(|archive| archive == part);
    if expected.is_empty() || staged.split_ascii_whitespace().any(is_expected) {
        return None;
    }
    let draft = view.draft("the staged archive is not the one that was announced for this install");
    Some(draft.evidence(format!("staged {}", text::excerpt(staged, 120))))
}

/// A checkout at another commit, even if its files are those of the locked one.
pub(super) fn other_commit(view: &View<'_>) -> Option<Draft> {
    view.evidence.announced.as_ref()?;
    let now = view.subject.record.as_ref()?.git_commit.as_deref()?;
    let locked = view.locked?.commit.as_ref()?;
    if now.eq_ignore_ascii_case(locked.as_str()) {
        return None;
    }
    let message = format!(
        "is at commit {}, and the lock holds commit {locked}",
        text::excerpt(now, 64)
    );
    Some(super::changed(view, message))
}
