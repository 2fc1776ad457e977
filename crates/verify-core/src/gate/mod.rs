//! The gate: OpenClaw's install policy, protocol version 1, answered before an install is committed.
//!
//! [`Request::parse`] reads what OpenClaw asks, [`Verifier::decide`](crate::Verifier::decide) judges it from policy, lock, reviews and
//! the staged files, and [`Reply`] says it in the protocol's words. [`Gate`] does all three and always has an answer: what cannot be
//! read, identified or judged is blocked.
//!
//! OpenClaw asks two or three times for one install: what a registry announces, the staged package, the staged package with all its
//! dependencies. Only the bytes that will be installed are ever found good; an announcement can only be refused.

mod decide;
mod decision;
mod reason;
mod reply;
mod spool;

use std::path::PathBuf;

use crate::error::Error;
use crate::finding::Level;
use crate::report::Report;
use crate::subject::SubjectId;
use crate::verifier::Verifier;

use decide::Decided;

pub use crate::inventory::staged::archived::NotStaged;
pub use crate::inventory::staged::copy::{NoCopy, StagedCopy};
pub use crate::inventory::staged::protocol::{
    BadRequest, ContentType, MAX_REQUEST, OriginKind, PROTOCOL_VERSION, PluginTarget, Request,
    RequestKind, RequestOrigin, SkillOrigin, SkillTarget, SourceKind, TargetType,
};
pub use decision::{Decision, Verdict};
pub use reason::WayOut;
pub use reply::{NoWarn, Reply};
pub use spool::Spool;

/// A verifier that answers OpenClaw, with what it remembers between the calls for one install.
pub struct Gate {
    verifier: Verifier,
    spool: Option<Spool>,
    no_warn: Option<NoWarn>,
    wording: Option<Wording>,
}

/// A reply, and what it stands on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answered {
    /// What OpenClaw is answered.
    pub reply: Reply,
    /// What was found about the one staged subject. None where nothing was staged, as for an announcement, and where no verdict was
    /// reached.
    pub report: Option<Report>,
}

impl Answered {
    /// A reply that stands on nothing that was judged.
    #[must_use]
    pub fn without_report(reply: Reply) -> Self {
        Self {
            reply,
            report: None,
        }
    }
}

/// What was kept without a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undecided {
    /// What it would become, by what it says of itself.
    pub subject: SubjectId,
    /// The folder of the copy.
    pub kept: PathBuf,
}

/// How a refusal is worded, for callers that can name commands.
pub type Wording = fn(&Decision) -> String;

impl Gate {
    /// A gate that remembers nothing between calls.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            spool: None,
            no_warn: None,
            wording: None,
        }
    }

    /// Remembers in a folder of the operator what was announced, and keeps a copy of what was refused for want of a lock.
    #[must_use]
    pub fn spool(mut self, spool: Spool) -> Self {
        self.spool = Some(spool);
        self
    }

    /// For hosts that do not know the answer `warn`.
    #[must_use]
    pub fn no_warn(mut self, instead: NoWarn) -> Self {
        self.no_warn = Some(instead);
        self
    }

    /// Words refusals otherwise than [`Decision::reason`] does.
    #[must_use]
    pub fn wording(mut self, wording: Wording) -> Self {
        self.wording = Some(wording);
        self
    }

    /// Answers one request, given as the bytes that OpenClaw wrote. Never fails: what is not understood is blocked.
    #[must_use]
    pub fn answer(&self, bytes: &[u8]) -> Reply {
        self.answer_with_report(bytes).reply
    }

    /// As [`Gate::answer`], with what the reply stands on.
    #[must_use]
    pub fn answer_with_report(&self, bytes: &[u8]) -> Answered {
        let without = Answered::without_report;
        let request = match Request::parse(bytes) {
            Ok(request) => request,
            Err(error) => {
                return without(Reply::block(&format!("{error}; {}", error.way_out())));
            }
        };
        let decided = match self.verifier.decide_with(&request, self.spool.as_ref()) {
            Ok(decided) => decided,
            Err(error) => return without(Self::refuse(&error)),
        };
        let Decided { decision, report } = decided;
        let decision = match self.wording {
            Some(wording) if decision.verdict != Verdict::Allow => Decision {
                reason: wording(&decision),
                ..decision
            },
            _ => decision,
        };
        Answered {
            reply: Reply::new(&request, &decision, self.no_warn),
            report,
        }
    }

    /// The minimum level of a finding with which this gate does not allow an install.
    #[must_use]
    pub fn fails_on(&self) -> Level {
        match self.no_warn {
            Some(NoWarn::Allow) => Level::Deny,
            Some(NoWarn::Block) | None => Level::Warn,
        }
    }

    /// What judges.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Keeps a copy of what a request stages, for an answer that has to be given before there is a verdict. None where nothing is
    /// staged, or where it cannot be kept.
    #[must_use]
    pub fn keep_undecided(&self, bytes: &[u8]) -> Option<Undecided> {
        let request = Request::parse(bytes).ok()?;
        let subject = self.verifier.staged_subject(&request)?;
        let now = self.verifier.now();
        let kept = self
            .spool
            .as_ref()?
            .keep_undecided(&request, &subject, now)?;
        Some(Undecided {
            subject: subject.id,
            kept,
        })
    }

    /// The answer where no verdict was reached while the caller waits, for this reason.
    #[must_use]
    pub fn late(reason: &str) -> Reply {
        Reply::late(reason)
    }

    /// The answer where an error left no verdict.
    #[must_use]
    pub fn refuse(error: &Error) -> Reply {
        Reply::block(&describe(error))
    }
}

/// What is wrong, and the way out, in one line.
fn describe(error: &Error) -> String {
    use miette::Diagnostic as _;
    let help = error
        .help()
        .map(|help| format!("; {help}"))
        .unwrap_or_default();
    let source = std::error::Error::source(error)
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    let line = match error {
        Error::Operator(operator) => {
            let line = operator.span.and_then(|span| {
                let text = operator.file.inner().get(..span.offset())?;
                Some(format!(" (line {})", text.matches('\n').count() + 1))
            });
            format!(
                "{} is wrong: {operator}{}",
                operator.file.name(),
                line.unwrap_or_default()
            )
        }
        other => other.to_string(),
    };
    format!("openclaw-verify reached no verdict: {line}{source}{help}")
}
