//! What a lock would change, for people and machines; what changed between two SBOMs, as a page.

use openclaw_verify_core::lock::LockChange;
use openclaw_verify_core::{Relock, text};
use serde_json::{Value, json};

/// One change for people; marked when it needs their word.
pub(crate) fn line(change: &LockChange, unaccepted: bool) -> String {
    let mark = if unaccepted { "!" } else { " " };
    let what = change.what.as_str();
    // A pin is named by its tag, and a tag may be named almost anything.
    let id = text::excerpt(&change.id, 600);
    let value = |value: &Option<String>| value.as_deref().map(|value| text::excerpt(value, 200));
    match (value(&change.from), value(&change.to)) {
        (Some(from), Some(to)) => {
            let older = if change.is_older() {
                ", which is older"
            } else {
                ""
            };
            format!("{mark} {id} {what}: {from} -> {to}{older}")
        }
        (None, Some(to)) => format!("{mark} {id} {what}: {to}"),
        (Some(from), None) => format!("{mark} {id} {what}: {from} -> none"),
        (None, None) => format!("{mark} {id} {what}"),
    }
}

/// The document `openclaw-verify.lock/1`: what changed, what could not be locked, and whether the lock was written.
pub(crate) fn json(
    relock: &Relock,
    unaccepted: &[&LockChange],
    lock: &str,
    written: bool,
) -> Value {
    let subjects = relock.lock.packages().len();
    let mut document = document(&relock.changes, unaccepted, lock, written, subjects);
    let refused = relock.refused.iter();
    document["refused"] = refused
        .map(|refused| json!({ "id": refused.id, "why": refused.why }))
        .collect();
    document["unread"] = json!(relock.unread);
    document
}

/// The same where all could be read and locked.
pub(crate) fn document(
    changes: &[LockChange],
    unaccepted: &[&LockChange],
    lock: &str,
    written: bool,
    subjects: usize,
) -> Value {
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| {
            json!({
                "id": change.id,
                "what": change.what.as_str(),
                "from": change.from,
                "to": change.to,
                "needsAccept": unaccepted.contains(&change),
            })
        })
        .collect();
    json!({
        "schema": "openclaw-verify.lock/1",
        "lock": lock,
        "written": written,
        "subjects": subjects,
        "changes": changes,
        "refused": [],
        "unread": [],
    })
}

/// The page of what changed between two SBOMs.
#[cfg(feature = "sbom")]
pub(crate) fn html(diff: &openclaw_verify_core::sbom::Diff) -> String {
    super::html::changes(diff)
}
