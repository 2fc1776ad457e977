//! Why an install may not go on, and what leads to one that may: data first, and plain words for a caller that has no commands to name.

use std::fmt;

use crate::finding::{Finding, Level, Remedy, RemedyKind};
use crate::lock::LockedPackage;
use crate::subject::SubjectId;
use crate::text;

/// What leads to an install that may go on: read the kept copy, take the steps in this order, install again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WayOut {
    /// The subject.
    pub subject: SubjectId,
    /// The folder of the copy that was kept, safe to show; none where no copy could be kept, and then one has to be kept first.
    pub kept: Option<String>,
    /// Bytes changed under the locked version, which is what an attack looks like: nothing should invite to lock them unread.
    pub suspicious: bool,
    /// [`Remedy::Lock`] and [`Remedy::Review`] in the order in which they are needed.
    pub steps: Vec<Remedy>,
    /// Why it was blocked, safe to show.
    pub why: String,
    /// The folder in which the operator's lock is, safe to show.
    pub config: Option<String>,
}

/// What is known beside the findings.
pub(super) struct ReasonContext<'a> {
    /// The folder of the kept copy.
    pub folder: Option<String>,
    /// The subject's entry in the lock.
    pub entry: Option<&'a LockedPackage>,
    /// The version that is staged.
    pub version: Option<String>,
    /// The folder of the operator's files.
    pub config: Option<String>,
}

/// What to do next, then why. Findings are sorted, the one that decides first.
pub(super) fn plain(findings: &[Finding]) -> String {
    let Some(first) = findings.first() else {
        return String::new();
    };
    let about = first
        .subject
        .as_ref()
        .map_or_else(|| "this".to_owned(), ToString::to_string);
    let more = more(findings, first);
    if first.level == Level::Deny && first.remedy.kind().is_final() {
        return format!(
            "Do not install {about}: {}: {}{more}",
            first.id, first.message
        );
    }
    let help = first.help.trim_end_matches('.');
    let verb = if first.level == Level::Deny {
        "Blocked"
    } else {
        "Warned"
    };
    format!(
        "{help}. {verb} because of {about}: {}: {}{more}",
        first.id, first.message
    )
}

fn more(findings: &[Finding], first: &Finding) -> String {
    let same = findings
        .iter()
        .filter(|finding| finding.level == first.level);
    match same.count() {
        0 | 1 => String::new(),
        others => format!(" (and {} more)", others - 1),
    }
}

/// The way out, where reading, locking or asking a registry clears what decides.
pub(super) fn way_out(
    id: &SubjectId,
    findings: &[Finding],
    kept: ReasonContext<'_>,
) -> Option<WayOut> {
    let first = findings.first()?;
    if first.level != Level::Deny || !first.remedy.kind().is_decision() {
        return None;
    }
    let denied: Vec<&Remedy> = findings
        .iter()
        .filter(|finding| finding.level == Level::Deny)
        .map(|finding| &finding.remedy)
        .collect();
    let unlocked = denied
        .iter()
        .any(|remedy| remedy.kind() == RemedyKind::Lock);
    let suspicious = denied
        .iter()
        .any(|remedy| matches!(remedy, Remedy::Lock { accept: true, .. }));
    Some(WayOut {
        subject: id.clone(),
        why: format!(
            "{}{}",
            why(id, first, &kept, unlocked, suspicious),
            more(findings, first)
        ),
        kept: kept.folder,
        suspicious,
        steps: steps(id, &denied, unlocked, suspicious),
        config: kept.config,
    })
}

fn why(
    id: &SubjectId,
    first: &Finding,
    kept: &ReasonContext<'_>,
    unlocked: bool,
    suspicious: bool,
) -> String {
    let version = kept
        .version
        .as_deref()
        .map(|version| text::excerpt(version, 60));
    let locked = kept.entry.and_then(|entry| entry.version.as_deref());
    let locked = locked.map(|version| text::excerpt(version, 60));
    match (kept.entry, locked, version) {
        (None, ..) if unlocked => format!("{id} is not in the lock"),
        (Some(_), Some(locked), Some(now)) if unlocked && !suspicious && locked != now => {
            format!("the lock holds {locked} of {id}, and this is {now}")
        }
        (Some(_), ..) if suspicious => format!(
            "{id} is not what was locked under this version: {}",
            first.message
        ),
        _ => format!("{id}: {}", first.message),
    }
}

fn steps(id: &SubjectId, denied: &[&Remedy], unlocked: bool, suspicious: bool) -> Vec<Remedy> {
    let online = denied
        .iter()
        .any(|remedy| matches!(remedy, Remedy::Online | Remedy::Lock { online: true, .. }));
    let lock = (unlocked || online).then(|| Remedy::Lock {
        subject: Some(id.clone()),
        accept: suspicious,
        online,
        update: false,
    });
    let unread: Vec<bool> = denied
        .iter()
        .filter_map(|remedy| match remedy {
            Remedy::Review { dependencies, .. } => Some(*dependencies),
            _ => None,
        })
        .collect();
    let review = (!unread.is_empty()).then(|| Remedy::Review {
        subject: Some(id.clone()),
        dependencies: unread.contains(&true),
        since: None,
    });
    lock.into_iter().chain(review).collect()
}

impl fmt::Display for WayOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<&str> = self
            .steps
            .iter()
            .map(|step| match step {
                Remedy::Lock { online: true, .. } => "lock it with the registry asked",
                Remedy::Lock { .. } => "lock it",
                Remedy::Review {
                    dependencies: true, ..
                } => "record a review of it and of its dependencies",
                _ => "record a review of it",
            })
            .collect();
        let steps = steps.join(", ");
        match &self.kept {
            Some(kept) if self.suspicious => write!(
                f,
                "Find out why it changed. If you changed it yourself: read {kept}/content, then {steps}, then install again"
            )?,
            Some(kept) => write!(f, "Read {kept}/content, then {steps}, then install again")?,
            None => f.write_str(
                "Give the gate a spool folder with room, so that it can keep what it refuses to be read, then install again",
            )?,
        }
        write!(f, ". Blocked because {}", self.why)
    }
}
