//! The gate's replies to its self-test, for people and machines.

use serde_json::{Value, json};

use crate::wrap::HANG;

/// One request a line: what was asked, the decision, and why.
pub(crate) fn table(replies: &[(&str, Value)]) -> String {
    let mut out = String::new();
    for (name, reply) in replies {
        let text = |key: &str| reply.get(key).and_then(Value::as_str).unwrap_or_default();
        let line = format!("{name:<26} {:<6} {HANG}{}", text("decision"), why(reply));
        out.push_str(line.trim_end_matches([' ', HANG]));
        out.push('\n');
    }
    out.push_str(
        "\nthe gate answers; what is made up here is locked nowhere, so it is blocked where the policy asks for a lock\n",
    );
    out
}

/// What decided, in as few words as the first finding has. What a real refusal says to do is about a copy that was kept, and of a
/// self-test nothing is kept.
fn why(reply: &Value) -> String {
    let text = |value: &Value, key: &str| {
        let text = value.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let findings = reply.get("findings").and_then(Value::as_array);
    match findings.and_then(|findings| findings.first()) {
        Some(finding) => {
            let id = text(finding, "ruleId");
            let id = id.rsplit('/').next().unwrap_or_default();
            format!("{id}: {}", text(finding, "message"))
        }
        None => text(reply, "reason"),
    }
}

/// The document `openclaw-verify.selftest/1`.
pub(crate) fn json(replies: &[(&str, Value)]) -> Value {
    let replies: Vec<Value> = replies
        .iter()
        .map(|(request, reply)| json!({ "request": request, "reply": reply }))
        .collect();
    json!({ "schema": "openclaw-verify.selftest/1", "replies": replies })
}
