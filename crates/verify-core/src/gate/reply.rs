//! The reply, in the protocol's words and within its limits, which OpenClaw counts in UTF-16 units as JavaScript does.

use serde_json::{Value, json};

use super::decision::{Decision, Verdict};
use crate::fact::NotEstablished;
use crate::finding::{Finding, Level};
use crate::inventory::staged::protocol::{PROTOCOL_VERSION, Request};

/// Most units of a reason or of one text of a finding; OpenClaw cuts what is longer.
const MAX_TEXT: usize = 1000;
/// Most findings.
const MAX_FINDINGS: usize = 20;
/// Most units of what OpenClaw shows; a longer warning fails closed, a longer block loses its findings.
const MAX_NOTICE: usize = 4000;
/// What OpenClaw adds around reason and findings: headings and, for a warning, six lines of guidance of about 450 units.
const AROUND: usize = 700;

/// What replaces `warn` for hosts that do not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoWarn {
    /// A warning blocks.
    Block,
    /// A warning passes, and its findings are reported.
    Allow,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    verdict: Verdict,
    json: Value,
}

impl Reply {
    /// The reply that says `decision`.
    #[must_use]
    pub fn new(request: &Request, decision: &Decision, no_warn: Option<NoWarn>) -> Self {
        let verdict = match (decision.verdict, no_warn) {
            (Verdict::Warn, Some(NoWarn::Block)) => Verdict::Block,
            (Verdict::Warn, Some(NoWarn::Allow)) => Verdict::Allow,
            (verdict, _) => verdict,
        };
        let reason = cut(&decision.reason, MAX_TEXT);
        let mut left = MAX_NOTICE.saturating_sub(AROUND + units(&request.name) + units(&reason));
        let mut findings = Vec::new();
        for finding in &decision.findings {
            let value = Self::finding(finding, verdict);
            let shown = shown_units(&value);
            if findings.len() == MAX_FINDINGS || shown > left {
                break;
            }
            left -= shown;
            findings.push(value);
        }
        Self::build(verdict, &reason, findings)
    }

    /// A block for this reason.
    #[must_use]
    pub fn block(reason: &str) -> Self {
        Self::build(
            Verdict::Block,
            &cut(&crate::text::visible(reason), MAX_TEXT),
            Vec::new(),
        )
    }

    /// A block because no verdict was reached in time.
    pub(super) fn late(reason: &str) -> Self {
        let finding = json!({
            "ruleId": format!("openclaw-verify/{}", crate::rules::NOT_ESTABLISHED),
            "severity": "critical",
            "message": format!("no verdict was reached in time [{}]", NotEstablished::Timeout.as_str()),
        });
        let reason = cut(&crate::text::visible(reason), MAX_TEXT);
        Self::build(Verdict::Block, &reason, vec![finding])
    }

    /// What it says.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The one JSON object for standard output, without a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.json.to_string()
    }

    fn build(verdict: Verdict, reason: &str, findings: Vec<Value>) -> Self {
        let mut json = json!({ "protocolVersion": PROTOCOL_VERSION, "decision": verdict.as_str() });
        if let Some(object) = json.as_object_mut() {
            if verdict != Verdict::Allow {
                let reason = if reason.trim().is_empty() {
                    "no reason is known; please report this"
                } else {
                    reason
                };
                object.insert("reason".to_owned(), reason.into());
            }
            if !findings.is_empty() {
                object.insert("findings".to_owned(), findings.into());
            }
        }
        Self { verdict, json }
    }

    fn finding(finding: &Finding, verdict: Verdict) -> Value {
        let severity = match finding.level {
            // A finding that OpenClaw calls critical beside an allow would contradict it.
            Level::Deny if verdict != Verdict::Allow => "critical",
            Level::Deny | Level::Warn => "warn",
            Level::Note | Level::Allow => "info",
        };
        let mut message = finding.message.clone();
        if let Some(code) = finding.code {
            message = format!("{message} [{code}]");
        }
        let mut json = json!({
            "ruleId": format!("openclaw-verify/{}", finding.id),
            "severity": severity,
            "message": cut(&message, MAX_TEXT),
        });
        let evidence: Vec<String> = finding
            .evidence
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| in_one_line(line))
            .collect();
        if let (Some(object), false) = (json.as_object_mut(), evidence.is_empty()) {
            object.insert(
                "evidence".to_owned(),
                cut(&evidence.join("; "), MAX_TEXT).into(),
            );
        }
        json
    }
}

/// A line of evidence without the blanks that put what follows its first word under that of the line before.
fn in_one_line(line: &str) -> String {
    match line.split_once("  ") {
        Some((word, rest)) if !word.contains(' ') => format!("{word} {}", rest.trim_start()),
        _ => line.to_owned(),
    }
}

/// What OpenClaw shows of a finding, in its own form: `    • [SEVERITY] rule: message Evidence: …`.
fn shown_units(finding: &Value) -> usize {
    let text = |key: &str| finding.get(key).and_then(Value::as_str).map_or(0, units);
    text("ruleId") + text("severity") + text("message") + text("evidence") + 32
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// `text` in at most `limit` UTF-16 units, with an ellipsis where it was cut.
fn cut(text: &str, limit: usize) -> String {
    if units(text) <= limit {
        return text.to_owned();
    }
    let mut left = limit.saturating_sub(1);
    let kept = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    });
    let mut kept: String = kept.collect();
    kept.push('…');
    kept
}
