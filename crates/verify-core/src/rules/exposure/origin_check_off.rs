//! `origin-check-off`: the gateway does not check from which page a browser connects.

use serde_json::json;

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, exposed_by, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "origin-check-off",
    group: Group::Exposure,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Any web page can talk to the gateway through the browser of its owner",
    help: "Name the origins from which the Control UI is used.",
    check: Check::Whole(check),
};

const ORIGINS: &str = "gateway.controlUi.allowedOrigins";
const FALLBACK: &str = "gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let level = match machine.is_exposed() {
        true => Level::Deny,
        false => Level::Warn,
    };
    let mut found = Vec::new();
    if let Some(at) = machine.at(ORIGINS)
        && at.texts().iter().any(|origin| origin.trim() == "*")
    {
        found.push(
            exposed_by(
                machine,
                draft("pages of every origin may connect to the gateway")
                    .declared(machine.declare(&at)),
            )
            .level(level)
            .remedy(set(ORIGINS, json!(["http://127.0.0.1:18789"]))),
        );
    }
    if machine.is_on(FALLBACK) {
        found.push(
            exposed_by(
                machine,
                draft("a page may connect whose origin equals what it says the host is called")
                    .declared(machine.declare_or(FALLBACK, "false")),
            )
            .level(level)
            .remedy(set(FALLBACK, false)),
        );
    }
    found
}
