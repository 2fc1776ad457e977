//! The decision: the same evidence and rules as for what is installed, about one subject that is not installed yet.

use super::decision::{Decision, Verdict};
use super::request::Request;
use super::reviews;
use super::spool::Spool;
use super::stage::{self, Announced, Stage, Staged};
use crate::error::Result;
use crate::evidence::Evidence;
use crate::evidence::review::ReadPart;
use crate::fact::NotEstablished;
use crate::finding::{Finding, Level};
use crate::inventory::{Inventory, Place, Subject};
use crate::lock::{Lock, Package};
use crate::policy::Pin;
use crate::rules;
use crate::subject::SubjectId;
use crate::text;
use crate::tree::TreeError;
use crate::verifier::{Evidences, Scope, Verifier};

/// Rules that can say something about a subject of which nothing is staged yet, beside those about the tag of a clone.
const ANNOUNCED: [&str; 4] = [
    "unlisted-source",
    "too-fresh",
    "violation",
    "known-malicious",
];

impl Verifier {
    /// Decides about one install before it is committed. Reads what is staged, writes nothing.
    ///
    /// # Errors
    /// When no verdict could be reached: something changed while it was read, the operator's files are wrong, the caller cancelled.
    /// Nothing may be installed then.
    pub fn decide(&self, request: &Request) -> Result<Decision> {
        self.decide_with(request, None)
    }

    pub(super) fn decide_with(&self, request: &Request, spool: Option<&Spool>) -> Result<Decision> {
        let empty = Lock::default();
        let lock = self.lock().unwrap_or(&empty);
        match stage::stage(request, lock, self.host()) {
            Err(why) => Ok(Decision::block(
                None,
                format!("cannot tell what would be installed: {why}"),
            )),
            Ok(Stage::Probe) => Ok(Decision::allow(None)),
            Ok(Stage::Announced(announced)) => self.announced(&announced, lock, spool),
            Ok(Stage::Staged(staged)) => self.staged(request, *staged, lock, spool),
        }
    }

    /// What is only announced can be refused, and is otherwise judged when it is staged.
    fn announced(
        &self,
        announced: &Announced,
        lock: &Lock,
        spool: Option<&Spool>,
    ) -> Result<Decision> {
        let Some(id) = announced.ids.first() else {
            return Ok(Decision::block(None, "the request names nothing"));
        };
        let place = Place {
            absolute: announced.clone.clone(),
            shown: "not staged yet".to_owned(),
        };
        let mut subject = Subject::new(id.clone(), announced.kind, announced.source, place);
        subject.version.clone_from(&announced.version);
        subject.record.clone_from(&announced.record);
        let mut findings = self.judged(subject, lock)?;
        findings.retain(|finding| ANNOUNCED.contains(&finding.id) || finding.tag.is_some());
        findings.extend(reviews::violations(
            self,
            &announced.ids,
            announced.version.as_deref(),
            None,
        ));

        let entry = lock.package(id);
        if let Some(entry) = entry {
            findings.extend(other_archive(entry, announced));
        }
        if let (Some(spool), Some(archive)) = (spool, announced.archive) {
            spool.announce(id, archive, self.now());
        }
        let exactly = entry.is_some_and(|entry| is_locked(entry, announced));
        if findings.is_empty() && !exactly {
            findings.push(note(
                "not-locked",
                id,
                "not in the lock as announced; it is judged when it is staged".to_owned(),
            ));
        }
        Ok(conclude(id, findings, |worst| reason(worst, None)))
    }

    fn staged(
        &self,
        request: &Request,
        staged: Staged,
        lock: &Lock,
        spool: Option<&Spool>,
    ) -> Result<Decision> {
        let Staged {
            mut subject,
            ids,
            part_of_host,
            unfinished,
        } = staged;
        let first = subject.id.clone();
        let Some(mut found) = self.found(&subject, lock)? else {
            return Ok(Decision::block(
                Some(first),
                "nothing was read of what is staged; please report this",
            ));
        };
        // What is staged may become any of the ids: the one that was locked with these bytes, else one that was locked.
        let tree = found.tree.tree().map(|tree| tree.digest);
        let locked = |id: &&SubjectId| lock.package(id).is_some();
        let same = |id: &&SubjectId| {
            lock.package(id)
                .is_some_and(|entry| entry.tree == tree && tree.is_some())
        };
        let id = ids
            .iter()
            .find(same)
            .or_else(|| ids.iter().find(locked))
            .unwrap_or(&first)
            .clone();
        let entry = lock.package(&id);
        if id != first {
            // Lock, reviews and policy are asked by id, so everything is looked at again under the one it has.
            subject.id = id.clone();
            let Some(again) = self.found(&subject, lock)? else {
                return Ok(Decision::block(
                    Some(id),
                    "nothing was read of what is staged; please report this",
                ));
            };
            found = again;
        }
        let unreadable = unreadable(&found);
        let digests = (tree, found.dependencies.tree().map(|tree| tree.digest));
        let evidence = Evidences::from([(id.clone(), found)]);
        let scope = Scope::Kinds(vec![subject.kind], vec![id.clone()]);
        let report = self.report(&Inventory::of(subject.clone()), lock, &evidence, &scope);
        let mut findings: Vec<Finding> = report
            .findings
            .into_iter()
            .filter(|finding| finding.subject.as_ref() == Some(&id))
            .collect();
        findings.retain(|finding| finding.suppressed.is_none());
        self.adapt(&subject, &mut findings);
        // The rules asked about the one id; a violation of any other that it may become counts too.
        let others: Vec<SubjectId> = ids.iter().filter(|other| **other != id).cloned().collect();
        findings.extend(reviews::violations(
            self,
            &others,
            subject.version.as_deref(),
            Some(digests),
        ));
        findings.extend(entry.and_then(|entry| other_commit(entry, &subject)));
        if let Some(spool) = spool {
            findings.extend(unannounced(spool, &subject, self.now()));
        }
        if unfinished {
            // What the lock holds is what will be installed, with its dependencies: nothing can equal it yet.
            findings.retain(|finding| !is_clearable(finding));
            let next = "npm installs its dependencies next; it is judged with them when OpenClaw asks again".to_owned();
            findings.push(note("not-locked", &id, next));
        }
        if part_of_host {
            // The host package is locked and read as a whole; what is asked about is the step that would run.
            findings.retain(|finding| !is_lockable(finding.id) && finding.id != "not-established");
        }
        if let Some(why) = unreadable {
            // Without a digest nothing that was locked or read can be told from anything else.
            let reason = format!("do not install it: what is staged cannot be digested: {why}");
            return Ok(Decision {
                findings,
                ..Decision::block(Some(id), reason)
            });
        }
        let lockable = findings
            .iter()
            .any(|finding| is_clearable(finding) && finding.level == Level::Deny);
        let fatal = findings
            .iter()
            .any(|finding| finding.level == Level::Deny && FATAL.contains(&finding.id));
        let kept = if lockable && !fatal {
            spool.and_then(|spool| spool.keep(request, &subject, digests, self.now()))
        } else {
            None
        };
        let config = self
            .lock_folder()
            .map(|folder| format!(" --config {}", word(&folder)))
            .unwrap_or_default();
        let readings = evidence.values().flat_map(|found| &found.review.readings);
        let dependencies = readings
            .into_iter()
            .any(|reading| reading.part == ReadPart::Dependencies && !reading.standing.is_met());
        let version = subject.version.as_deref();
        let next = Next {
            entry,
            version,
            kept: kept.as_deref(),
            id: &id,
            dependencies,
            config: &config,
        };
        Ok(conclude(&id, findings, |worst| reason(worst, Some(&next))))
    }

    /// Levels that make sense for what is installed, and not before it is.
    fn adapt(&self, subject: &Subject, findings: &mut [Finding]) {
        let pin = self
            .policy()
            .requirements(&subject.id, subject.kind, subject.source)
            .pin(crate::policy::OriginProof::Missing);
        for finding in findings {
            match finding.id {
                // Where policy asks for no digest, the lock is written after the install.
                "not-locked" if pin != Pin::Digest => {
                    finding.level = finding.level.min(Level::Note)
                }
                // About the next install, which is asked about when it comes.
                "floating-spec" => finding.level = finding.level.min(Level::Note),
                _ => {}
            }
        }
    }

    /// Everything that can be found out about one staged subject.
    fn found(&self, subject: &Subject, lock: &Lock) -> Result<Option<Evidence>> {
        let inventory = Inventory::of(subject.clone());
        Ok(self
            .evidence(&inventory, lock, &Scope::Everything)?
            .remove(&subject.id))
    }

    /// The findings about one subject of which nothing is staged.
    fn judged(&self, subject: Subject, lock: &Lock) -> Result<Vec<Finding>> {
        let id = subject.id.clone();
        let scope = Scope::Kinds(vec![subject.kind], vec![id.clone()]);
        let inventory = Inventory::of(subject);
        let mut evidence = Evidences::from([(id.clone(), Evidence::default())]);
        self.verify_tags(&inventory, lock, &mut evidence)?;
        let report = self.report(&inventory, lock, &evidence, &scope);
        let about = |finding: &Finding| {
            finding.subject.as_ref() == Some(&id) && finding.suppressed.is_none()
        };
        Ok(report.findings.into_iter().filter(about).collect())
    }
}

/// Findings that locking would clear.
const UNLOCKED: [&str; 4] = [
    "not-locked",
    "unpinned",
    "tree-mismatch",
    "dependency-mismatch",
];
/// Findings that reading would clear.
const UNREAD: [&str; 3] = ["unreviewed", "agent-reviewed-only", "review-expired"];
/// Findings that nothing clears: then no copy is kept, because nobody should lock it.
const FATAL: [&str; 8] = [
    "violation",
    "known-malicious",
    "unsafe-tree",
    "archive-mismatch",
    "signature-invalid",
    "tag-malformed",
    "tag-mismatch",
    "tag-moved",
];

fn is_lockable(id: &str) -> bool {
    UNLOCKED.contains(&id) || UNREAD.contains(&id)
}

/// What a registry has to be asked about, which the gate never does itself.
fn is_unasked(finding: &Finding) -> bool {
    let codes = [NotEstablished::Offline, NotEstablished::NoRegistry].map(NotEstablished::as_str);
    finding.id == "not-established" && finding.code.is_some_and(|code| codes.contains(&code))
}

/// Whether the commands that a reason gives clear it.
fn is_clearable(finding: &Finding) -> bool {
    is_lockable(finding.id) || is_unasked(finding)
}

/// What is known for telling the operator what to do.
struct Next<'a> {
    id: &'a SubjectId,
    entry: Option<&'a Package>,
    version: Option<&'a str>,
    kept: Option<&'a str>,
    /// Whether its dependencies have to be read too.
    dependencies: bool,
    /// How the operator's folder is named on the command line, with a space before it.
    config: &'a str,
}

fn conclude(
    id: &SubjectId,
    mut findings: Vec<Finding>,
    reason: impl Fn(&[Finding]) -> String,
) -> Decision {
    findings.sort_by(|a, b| {
        (std::cmp::Reverse(a.level), weight(a), &a.message).cmp(&(
            std::cmp::Reverse(b.level),
            weight(b),
            &b.message,
        ))
    });
    let verdict = findings
        .first()
        .map_or(Verdict::Allow, |finding| Verdict::from(finding.level));
    let reason = if verdict == Verdict::Allow {
        String::new()
    } else {
        reason(&findings)
    };
    Decision {
        verdict,
        subject: Some(id.clone()),
        reason,
        findings,
    }
}

/// Of equal levels, what cannot be cleared comes first, and what the commands of the reason clear last.
fn weight(finding: &Finding) -> u8 {
    if FATAL.contains(&finding.id) {
        0
    } else if is_clearable(finding) {
        2
    } else {
        1
    }
}

/// What to do next, then why. Findings are sorted, the one that decides first.
fn reason(findings: &[Finding], next: Option<&Next<'_>>) -> String {
    let Some(first) = findings.first() else {
        return String::new();
    };
    let about = first
        .subject
        .as_ref()
        .map_or_else(|| "this".to_owned(), ToString::to_string);
    let others = findings
        .iter()
        .filter(|finding| finding.level == first.level)
        .count()
        - 1;
    let more = if others > 0 {
        format!(" (and {others} more)")
    } else {
        String::new()
    };
    if FATAL.contains(&first.id) {
        return format!(
            "Do not install {about}: {}: {}{more}",
            first.id, first.message
        );
    }
    match next {
        Some(next) if first.level == Level::Deny && is_clearable(first) => {
            lock_first(findings, next, &more)
        }
        _ => {
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
    }
}

/// The commands that clear what stands in the way, in the order in which they are needed.
fn lock_first(findings: &[Finding], next: &Next<'_>, more: &str) -> String {
    let Next {
        id,
        entry,
        version,
        kept,
        dependencies,
        config,
    } = *next;
    let denied = |ids: &[&str]| {
        findings
            .iter()
            .any(|finding| finding.level == Level::Deny && ids.contains(&finding.id))
    };
    let (unlocked, unread) = (denied(&UNLOCKED), denied(&UNREAD));
    let unasked = findings
        .iter()
        .any(|finding| finding.level == Level::Deny && is_unasked(finding));
    let version = version.map(|version| text::excerpt(version, 60));
    let locked = entry
        .and_then(|entry| entry.version.as_deref())
        .map(|version| text::excerpt(version, 60));
    let first = findings
        .first()
        .map(|finding| finding.message.as_str())
        .unwrap_or_default();
    let (why, suspicious) = match (entry, &locked, &version) {
        (None, ..) if unlocked => (format!("{id} is not in the lock"), false),
        (Some(_), Some(locked), Some(now)) if unlocked && locked != now => (
            format!("the lock holds {locked} of {id}, and this is {now}"),
            false,
        ),
        (Some(_), ..) if unlocked => (
            format!("{id} is not what was locked under this version: {first}"),
            true,
        ),
        _ => (format!("{id}: {first}"), false),
    };
    let Some(kept) = kept else {
        return format!(
            "Let the gate keep what it refuses, so that you can read and lock it: give it a spool folder with room that the user who runs OpenClaw can write (openclaw-verify gate --setup --spool DIR{config}), then install again. Blocked because {why}{more}"
        );
    };
    let (about, from) = (word(id.as_str()), word(kept));
    let mut steps = Vec::new();
    if unlocked || unasked {
        let accept = if suspicious {
            format!(" --accept {about}")
        } else {
            String::new()
        };
        let online = if unasked { " --online" } else { "" };
        steps.push(format!(
            "openclaw-verify lock {about} --from {from}{accept}{online}{config}"
        ));
    }
    if unread {
        let dependencies = if dependencies { " --dependencies" } else { "" };
        steps.push(format!("openclaw-verify review {about} --from {from} --record --criteria safe-to-run{dependencies}{config}"));
    }
    let read = format!("Read {}", word(&format!("{kept}/content")));
    // Bytes that changed under the same version are what an attack looks like, so nothing invites to lock them.
    let read = if suspicious {
        format!("Find out why it changed. If you changed it yourself: {read}")
    } else {
        read
    };
    format!(
        "{read}, then run: {}; then install again. Blocked because {why}{more}",
        steps.join("; ")
    )
}

/// One word for a POSIX shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Whether an announcement is exactly what was locked.
fn is_locked(entry: &Package, announced: &Announced) -> bool {
    let archive = announced.archive.is_some() && entry.archive == announced.archive;
    let commit = announced.commit.is_some() && entry.commit == announced.commit;
    archive || commit
}

/// Other bytes under the locked version were never what the registry published when it was locked.
fn other_archive(entry: &Package, announced: &Announced) -> Option<Finding> {
    let (Some(locked), Some(now)) = (&entry.archive, &announced.archive) else {
        return None;
    };
    let same_version = announced.version.is_some() && entry.version == announced.version;
    if locked == now || !same_version {
        return None;
    }
    let message = format!(
        "version {} is announced with another archive than the locked one",
        announced
            .version
            .as_deref()
            .map(|version| text::excerpt(version, 60))
            .unwrap_or_default()
    );
    Some(deny(
        "archive-mismatch",
        &entry.id,
        message,
        vec![format!("locked {locked}"), format!("now    {now}")],
    ))
}

/// A checkout at another commit, even if its files are those of the locked one.
fn other_commit(entry: &Package, subject: &Subject) -> Option<Finding> {
    let now = subject.record.as_ref()?.git_commit.as_deref()?;
    let locked = entry.commit.as_ref()?;
    if now.eq_ignore_ascii_case(locked.as_str()) {
        return None;
    }
    let message = format!(
        "is at commit {}, and the lock holds commit {locked}",
        text::excerpt(now, 64)
    );
    Some(deny("tree-mismatch", &subject.id, message, Vec::new()))
}

/// The staged archive has to be one of those announced a moment ago, when there was an announcement.
fn unannounced(spool: &Spool, subject: &Subject, now: jiff::Timestamp) -> Option<Finding> {
    let announced = spool.announced(&subject.id, now);
    let staged = subject.record.as_ref()?.integrity.as_deref()?;
    if announced.is_empty()
        || announced
            .iter()
            .any(|archive| staged.split_ascii_whitespace().any(|part| part == archive))
    {
        return None;
    }
    let message =
        "the staged archive is not the one that was announced for this install".to_owned();
    Some(deny(
        "archive-mismatch",
        &subject.id,
        message,
        vec![format!("staged {}", text::excerpt(staged, 120))],
    ))
}

/// Why what is staged has no digest, when it has none.
fn unreadable(evidence: &Evidence) -> Option<String> {
    match &evidence.tree.measured {
        Some(Ok(_)) => {}
        Some(Err(TreeError::Missing)) | None => return Some("there is nothing".to_owned()),
        Some(Err(error)) => return Some(error.to_string()),
    }
    match &evidence.dependencies.measured {
        Some(Err(error)) if !matches!(error, TreeError::Missing) => Some(error.to_string()),
        _ => None,
    }
}

pub(super) fn deny(
    id: &'static str,
    subject: &SubjectId,
    message: String,
    evidence: Vec<String>,
) -> Finding {
    finding(id, Level::Deny, subject, message, evidence)
}

fn note(id: &'static str, subject: &SubjectId, message: String) -> Finding {
    finding(id, Level::Note, subject, message, Vec::new())
}

pub(super) fn finding(
    id: &'static str,
    level: Level,
    subject: &SubjectId,
    message: String,
    evidence: Vec<String>,
) -> Finding {
    Finding {
        id,
        code: None,
        level,
        outcome: if level == Level::Deny {
            crate::fact::Outcome::Violated
        } else {
            crate::fact::Outcome::NotEstablished
        },
        subject: Some(subject.clone()),
        message,
        evidence,
        locations: Vec::new(),
        help: rules::rule(id)
            .map(|rule| rule.help.to_owned())
            .unwrap_or_default(),
        suppressed: None,
        tag: None,
    }
}
