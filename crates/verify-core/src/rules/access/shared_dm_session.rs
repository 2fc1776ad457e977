//! `shared-dm-session`: people who write to the agent share one session.

use crate::finding::{Draft, Level, RemedyKind};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "shared-dm-session",
    group: Group::Access,
    level: Level::Warn,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Several people write into one session, and each can be told what another said",
    help: "Give each sender a session; ids of one person belong into session.identityLinks.",
    check: Check::Whole(check),
};

const SCOPE: &str = "session.dmScope";

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let scope = machine.at(SCOPE);
    let shared = scope.is_none() || machine.text(SCOPE).is_none_or(|scope| scope == "main");
    if !shared {
        return Vec::new();
    }
    let who = match machine.senders() {
        None => "everyone who writes to the agent shares".to_owned(),
        Some(senders) if senders.len() > 1 => format!("{} senders share", senders.len()),
        Some(_) => return Vec::new(),
    };
    vec![
        draft(format!("{who} one session of direct messages"))
            .declared(machine.declare_or(SCOPE, "main"))
            .remedy(set(SCOPE, "per-channel-peer")),
    ]
}
