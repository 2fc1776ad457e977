//! The verdict about a tag: every question in its order.

use jiff::Timestamp;

use super::openpgp::OpenPgpCertificates;
use super::pin::PinState;
use super::rule::{ReleaseRule, TrustedSigners};
use super::source::{RawTag, SingleObject, TagSource, TagTarget, Tags};
use super::tag::{Scheme, Tag, parse_tag};
use super::verdict::{CheckState, Code, Failure, FailureClass, TagCheck, TagSigner, TagVerdict};
use super::{gitsign, ssh};
use crate::digest::GitOid;
use crate::fact::{NotEstablished, Outcome};
use crate::git::{GitError, ObjectKind};
use crate::lock::LockedRelease;
use crate::policy::ReleaseNeed;
use crate::text::excerpt;
use crate::version;

/// Seconds that the clock of a signer may be ahead of ours.
const CLOCK_SKEW: i64 = 300;

/// What a scheme says when it accepts a signature.
pub(super) struct Accepted {
    pub(super) signer: TagSigner,
    pub(super) notes: Vec<String>,
}

/// The verdict about the tag `name`. `None` when there is no such tag and none is pinned. `pins` are the pinned tags of the same
/// repository; `now` is the time that signatures are not to be ahead of.
///
/// ```no_run
/// use std::path::Path;
///
/// use openclaw_verify_core::policy::{Pattern, ReleaseNeed};
/// use openclaw_verify_core::release::{AllowedSigners, ReleaseRule, Repository, TrustedSigners};
/// use openclaw_verify_core::{Outcome, verify_tag};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // From your own folder, never from the clone:
/// let signers = AllowedSigners::parse(Path::new("allowed_signers"), &std::fs::read_to_string("allowed_signers")?)?;
/// let rule = ReleaseRule {
///     tags: Pattern::new("v*")?,
///     trust: TrustedSigners { ssh: Some(signers), ..TrustedSigners::default() },
///     require: ReleaseNeed::SignedTag,
///     minimum: None,
/// };
/// let clone = Repository::open(Path::new("notes"))?;
/// let verdict = verify_tag(&clone, "v1.3.0", &rule, &[], jiff::Timestamp::now()).ok_or("no such tag")?;
/// for failure in &verdict.failures {
///     println!("{}", failure.message);
/// }
/// assert_eq!(verdict.outcome, Outcome::Verified);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn verify(
    source: &dyn TagSource,
    name: &str,
    rule: &ReleaseRule,
    pins: &[LockedRelease],
    now: Timestamp,
) -> Option<TagVerdict> {
    let pin = pins.iter().find(|pin| pin.tag == name);
    let mut verdict = Draft::new(name);
    match source.tag(name) {
        Ok(Some(raw)) => verdict.judge(source, &raw, Some(name), rule, now),
        Ok(None) => {
            let pin = pin?;
            verdict.0.pin = Some(PinState::Missing);
            let why = format!("the tag is gone; it was pinned at commit {}", pin.commit);
            verdict.fail("pin", Failure::new(Code::Moved, why));
            return Some(verdict.finish(rule));
        }
        Err(error) => verdict.fail("form", unreadable(&error)),
    }
    verdict.judge_pin(pin, rule);
    verdict.judge_age(pin.is_some(), rule, pins);
    Some(verdict.finish(rule))
}

/// The verdicts about all tags for which `rule_for` gives a rule, sorted by name.
///
/// # Errors
/// What keeps the names from being listed.
pub fn verify_all<'a>(
    repository: &crate::git::Repository,
    rule_for: impl Fn(&str) -> Option<&'a ReleaseRule>,
    pins: &[LockedRelease],
    now: Timestamp,
) -> Result<Vec<TagVerdict>, GitError> {
    let mut names = repository.tag_names()?;
    names.extend(pins.iter().map(|pin| pin.tag.clone()));
    names.sort();
    names.dedup();
    let source = Tags::all(repository);
    Ok(names
        .iter()
        .filter_map(|name| verify(&source, name, rule_for(name)?, pins, now))
        .collect())
}

/// The verdict about the bytes of one tag object (`git cat-file tag`), without a repository: that its target is there, and is a
/// commit, is not checked. The name inside must be `name`, when one is given.
#[must_use]
pub fn verify_object(
    body: &[u8],
    name: Option<&str>,
    rule: &ReleaseRule,
    pins: &[LockedRelease],
    now: Timestamp,
) -> TagVerdict {
    let source = SingleObject(body);
    let mut verdict = Draft::new(name.unwrap_or_default());
    match source.tag("") {
        Ok(Some(raw)) => verdict.judge(&source, &raw, name, rule, now),
        Ok(None) => {}
        Err(error) => verdict.fail("form", unreadable(&error)),
    }
    if name.is_none()
        && let Ok(tag) = parse_tag(body)
    {
        verdict.0.tag = excerpt(&tag.name, 200);
        verdict.0.name = tag.name;
    }
    let pin = pins.iter().find(|pin| pin.tag == verdict.0.name);
    verdict.judge_pin(pin, rule);
    verdict.judge_age(pin.is_some(), rule, pins);
    verdict.finish(rule)
}

/// The verdict about a tag that cannot be read, because its repository is not kept, and that was verified when it was pinned as
/// `pinned`. Its signer must still be one of the rule's; `pins` are what else is remembered of the repository's tags.
#[must_use]
pub fn verify_pinned(
    pinned: &LockedRelease,
    rule: &ReleaseRule,
    pins: &[LockedRelease],
    now: Timestamp,
) -> TagVerdict {
    let mut verdict = Draft::new(&pinned.tag);
    verdict.0.tag_object.clone_from(&pinned.tag_object);
    verdict.0.commit = Some(pinned.commit.clone());
    verdict.skip(
        "form",
        "there is no clone to read the tag from; it was read when it was pinned",
    );
    let signer = pinned
        .signer
        .as_deref()
        .map(|signer| rule.trust.pinned_signer(signer, now));
    match (signer, &pinned.tag_object) {
        (Some(Ok((scheme, signer))), _) => {
            let who = format!(
                "{}, {} {}, when the tag was pinned",
                signer.principal, signer.key_type, signer.fingerprint
            );
            verdict.pass("signer", who);
            verdict.0.scheme = Some(scheme);
            verdict.0.signer = Some(signer);
        }
        (Some(Err(failure)), _) => verdict.fail("signer", failure),
        (None, Some(_)) => verdict.fail(
            "signature",
            Failure::new(Code::Unsigned, "the tag has no signature"),
        ),
        (None, None) => verdict.fail(
            "form",
            Failure::new(
                Code::Lightweight,
                "there is no tag object that could be signed",
            ),
        ),
    }
    let pin = pins.iter().find(|pin| pin.tag == pinned.tag);
    verdict.judge_pin(pin, rule);
    verdict.judge_age(pin.is_some(), rule, pins);
    verdict.finish(rule)
}

/// The verdict about a tag of a repository that cannot be read; about all its tags when `name` is empty.
#[must_use]
pub fn verify_unreadable(name: &str, error: &GitError) -> TagVerdict {
    let mut verdict = Draft::new(name);
    verdict.fail("form", unreadable(error));
    verdict.0.outcome = verdict
        .0
        .failures
        .iter()
        .map(|failure| failure.code.outcome())
        .max()
        .unwrap_or(Outcome::NotEstablished);
    verdict.0
}

/// Refuses what claims to be made after `now`.
pub(super) fn refuse_future(seconds: i64, now: Timestamp) -> Result<(), Failure> {
    if seconds <= now.as_second().saturating_add(CLOCK_SKEW) {
        return Ok(());
    }
    let date = Timestamp::from_second(seconds)
        .map_or_else(|_| "the far future".to_owned(), |time| time.to_string());
    Err(Failure::new(
        Code::SignatureInFuture,
        format!("the tag says that it was made at {date}, which is still to come"),
    ))
}

/// A verdict in the making.
struct Draft(TagVerdict);

impl Draft {
    fn new(name: &str) -> Self {
        Self(TagVerdict {
            tag: excerpt(name, 200),
            name: name.to_owned(),
            tag_object: None,
            commit: None,
            scheme: None,
            signer: None,
            outcome: Outcome::Verified,
            failures: Vec::new(),
            pin: None,
            checks: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn judge(
        &mut self,
        source: &dyn TagSource,
        raw: &RawTag,
        name: Option<&str>,
        rule: &ReleaseRule,
        now: Timestamp,
    ) {
        if raw.kind != ObjectKind::Tag {
            if raw.kind == ObjectKind::Commit {
                self.0.commit = Some(raw.oid.clone());
            }
            let why = format!(
                "the tag points at a {} itself: there is no tag object that could be signed",
                raw.kind.as_str()
            );
            return self.fail("form", Failure::new(Code::Lightweight, why));
        }
        self.0.tag_object = Some(raw.oid.clone());
        let tag = match parse_tag(&raw.bytes) {
            Ok(tag) => tag,
            Err(error) => return self.fail("form", Failure::new(error.code, error.why)),
        };
        self.pass("form", "an annotated tag of strict form");
        self.0.scheme = tag.signature.as_ref().map(|signature| signature.scheme);
        if tag.signature.is_none() {
            self.fail(
                "signature",
                Failure::new(Code::Unsigned, "the tag has no signature"),
            );
        }
        self.judge_identity(source, &tag, name);
        // A tag that is not what it says it is has no signature worth looking at: it would sign something else.
        if self.0.failures.is_empty() {
            self.judge_signature(&tag, rule, now);
        }
        self.skip(
            "tagger",
            "the tagger's name, e-mail and date are the signer's own words",
        );
    }

    /// Whether the tag object is the one for this name, and points at a commit.
    fn judge_identity(&mut self, source: &dyn TagSource, tag: &Tag, name: Option<&str>) {
        match name {
            Some(name) if name != tag.name => {
                let inside = excerpt(&tag.name, 100);
                let why = format!(
                    "the tag object says `{inside}`, not `{}`: a tag of another release was put here",
                    excerpt(name, 100)
                );
                return self.fail("name", Failure::new(Code::NameMismatch, why));
            }
            Some(_) => self.pass("name", "the name in the tag object is the name of the ref"),
            None => self.skip("name", "no name was given to compare with"),
        }
        if tag.target_kind != ObjectKind::Commit {
            let why = format!(
                "the tag points at a {}, not at a commit",
                tag.target_kind.as_str()
            );
            return self.fail("target", Failure::new(Code::TargetNotCommit, why));
        }
        match source.target(&tag.target) {
            Ok(TagTarget::Is(ObjectKind::Commit)) => {
                self.0.commit = Some(tag.target.clone());
                self.pass("target", format!("the commit {}", tag.target));
            }
            Ok(TagTarget::NotLookedAt) => {
                self.0.commit = Some(tag.target.clone());
                self.skip(
                    "target",
                    format!(
                        "the tag says commit {}; there is no repository to look at it",
                        tag.target
                    ),
                );
            }
            Ok(TagTarget::Is(kind)) => {
                let why = format!(
                    "the tag says that {} is a commit, and it is a {}",
                    tag.target,
                    kind.as_str()
                );
                self.fail("target", Failure::new(Code::TargetTypeLies, why));
            }
            Ok(TagTarget::Missing) => {
                let why = format!("the commit {} is not in the repository", tag.target);
                self.fail(
                    "target",
                    Failure::new(Code::TargetMissing, why).help("fetch the tag with its history"),
                );
            }
            Err(GitError::TooLarge { .. }) => {
                let why = format!(
                    "the tag points at {}, which is larger than any commit",
                    tag.target
                );
                self.fail("target", Failure::new(Code::TooLarge, why));
            }
            Err(error) => self.fail("target", unreadable(&error)),
        }
    }

    fn judge_signature(&mut self, tag: &Tag, rule: &ReleaseRule, now: Timestamp) {
        let Some(signature) = &tag.signature else {
            return;
        };
        match check(tag, signature.scheme, &rule.trust, now) {
            Ok(accepted) => {
                let signer = accepted.signer;
                self.pass(
                    "signature",
                    format!("a good {} signature", signature.scheme.as_str()),
                );
                self.pass(
                    "signer",
                    format!(
                        "{}, {} {}",
                        signer.principal, signer.key_type, signer.fingerprint
                    ),
                );
                self.0.signer = Some(signer);
                self.0.notes.extend(accepted.notes);
            }
            Err(failure) => {
                let name = if failure.code.class() == FailureClass::Signer {
                    "signer"
                } else {
                    "signature"
                };
                self.fail(name, failure);
            }
        }
    }

    fn judge_pin(&mut self, pin: Option<&LockedRelease>, rule: &ReleaseRule) {
        let Some(pin) = pin else {
            return self.skip(
                "pin",
                "the tag is not pinned: that it was not replaced since is not checked",
            );
        };
        let (object, commit) = (self.0.tag_object.as_ref(), self.0.commit.as_ref());
        if object.is_none() && commit.is_none() {
            return self.skip("pin", "the tag cannot be read");
        }
        let state = PinState::of(pin, Some((object, commit)));
        self.0.pin = Some(state);
        match state {
            PinState::Same => {
                self.pass("pin", "the tag object that was pinned");
                let unsigned =
                    |failure: &Failure| matches!(failure.code, Code::Lightweight | Code::Unsigned);
                if rule.require == ReleaseNeed::Pinned
                    && self.0.failures.iter().all(unsigned)
                    && !self.0.failures.is_empty()
                {
                    self.0.failures.clear();
                    self.0.notes.push(
                        "the tag is not signed; it is accepted because it is pinned and the rule asks for no more".to_owned(),
                    );
                }
            }
            PinState::Retagged => {
                let was = pin
                    .tag_object
                    .as_ref()
                    .map_or("a lightweight tag", GitOid::as_str);
                let why =
                    format!("the tag was made anew: it was pinned as {was}, for the same commit");
                self.fail("pin", Failure::new(Code::Retagged, why));
            }
            PinState::Moved | PinState::Missing => {
                let why = format!("the tag was moved: it was pinned at commit {}", pin.commit);
                self.fail(
                    "pin",
                    Failure::new(Code::Moved, why)
                        .help("do not use it before its makers have explained the change"),
                );
            }
        }
    }

    /// Whether the tag is older than what the operator accepts or has already seen. A pinned tag is never too old for the others.
    fn judge_age(&mut self, pinned: bool, rule: &ReleaseRule, pins: &[LockedRelease]) {
        let tag = self.0.name.clone();
        let seen = pins
            .iter()
            .map(|pin| pin.tag.as_str())
            .filter(|name| !pinned && rule.tags.matches(name));
        let floors: Vec<_> = rule.minimum.as_deref().into_iter().chain(seen).collect();
        if floors.is_empty() {
            return self.skip("age", "no minimum and no pinned tag to compare with");
        }
        for floor in floors {
            let minimum = rule.minimum.as_deref() == Some(floor);
            match version::compare_tags(&tag, floor) {
                Some(std::cmp::Ordering::Less) => {
                    let (what, help) = match minimum {
                        true => (
                            "the minimum of the rule",
                            "use a newer release, or lower the rule's `minimum`",
                        ),
                        false => ("a tag that is already pinned", "use a newer release"),
                    };
                    let why = format!("it is older than {} ({what})", excerpt(floor, 100));
                    return self.fail("age", Failure::new(Code::Rollback, why).help(help));
                }
                None if minimum => {
                    let why = format!(
                        "it cannot be compared with the minimum {}",
                        excerpt(floor, 100)
                    );
                    return self.fail(
                        "age",
                        Failure::new(Code::Rollback, why)
                            .help("give the rule a `tags` pattern of one series of versions"),
                    );
                }
                // Pinned tags of another series say nothing about this one.
                _ => {}
            }
        }
        self.pass("age", "not older than the minimum and the pinned tags");
    }

    fn finish(mut self, rule: &ReleaseRule) -> TagVerdict {
        if rule.require == ReleaseNeed::Pinned
            && self.0.pin.is_none()
            && self.0.failures.is_empty()
            && self.0.signer.is_none()
        {
            self.fail(
                "pin",
                Failure::new(
                    Code::Unsigned,
                    "the rule asks for a pinned tag, and this one is not pinned",
                ),
            );
        }
        self.0.outcome = self
            .0
            .failures
            .iter()
            .map(|failure| failure.code.outcome())
            .max()
            .unwrap_or(Outcome::Verified);
        self.0
    }

    fn pass(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.checks.push(TagCheck {
            name,
            state: CheckState::Passed,
            detail: detail.into(),
        });
    }

    fn skip(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.checks.push(TagCheck {
            name,
            state: CheckState::NotChecked,
            detail: detail.into(),
        });
    }

    fn fail(&mut self, name: &'static str, failure: Failure) {
        self.0.checks.push(TagCheck {
            name,
            state: CheckState::Failed,
            detail: failure.message.clone(),
        });
        self.0.failures.push(failure);
    }
}

fn check(
    tag: &Tag,
    scheme: Scheme,
    trust: &TrustedSigners,
    now: Timestamp,
) -> Result<Accepted, Failure> {
    let not_allowed = || {
        Failure::new(
            Code::SchemeNotAllowed,
            format!(
                "the tag has an {} signature, and the rule trusts no key of that kind",
                scheme.as_str()
            ),
        )
    };
    match scheme {
        Scheme::Ssh => ssh::verify(
            tag,
            trust.ssh.as_ref().ok_or_else(not_allowed)?,
            trust.revoked.as_ref(),
            now,
        ),
        Scheme::OpenPgp => trust
            .openpgp
            .as_ref()
            .ok_or_else(not_allowed)
            .and_then(|certs| OpenPgpCertificates::verify(certs, tag, now)),
        Scheme::X509 => gitsign::verify(
            tag,
            trust.gitsign.as_ref().ok_or_else(not_allowed)?,
            trust.anchors.as_deref(),
            now,
        ),
    }
}

/// What a tag that cannot be read is called.
fn unreadable(error: &GitError) -> Failure {
    let code = match error {
        GitError::Unsupported(_)
        | GitError::NotARepository(_)
        | GitError::Unsafe { .. }
        | GitError::Io { .. }
        | GitError::Exhausted(_) => Code::NotEstablished(NotEstablished::UnsupportedRepository),
        GitError::Missing(_) => Code::TargetMissing,
        GitError::TooLarge { .. } => Code::TooLarge,
        GitError::WrongId(_) | GitError::Damaged { .. } => Code::Malformed,
    };
    Failure::new(code, error.to_string())
}
