//! `open-channel`: everyone may write to the agent.

use serde_json::json;

use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::machine::Machine;
use crate::inventory::machine::agents::POWERFUL;
use crate::inventory::machine::channels::{Door, OpenDoor};
use crate::rules::machine::{STAGES, draft, set};
use crate::rules::{Check, Group, Rule, Whole};
use crate::text;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "open-channel",
    group: Group::Access,
    level: Level::Deny,
    fixed: false,
    stages: STAGES,
    clears: RemedyKind::Configure,
    summary: "Everyone who finds a channel may write to the agent",
    help: "Let in whom you know: pairing for direct messages, a list for groups.",
    check: Check::Whole(check),
};

fn check(whole: &Whole<'_>) -> Vec<Draft> {
    let Some(machine) = whole.machine() else {
        return Vec::new();
    };
    let doors = machine.open_doors();
    doors.iter().map(|door| judged(machine, door)).collect()
}

fn judged(machine: &Machine, door: &OpenDoor<'_>) -> Draft {
    let channel = text::excerpt(&door.channel, 80);
    // The order of these sentences is the order in which OpenClaw takes the commands: an open policy needs the open list.
    let (message, remedy) = match door.kind {
        Door::Direct => (
            format!("direct messages of everyone reach the agent through {channel}"),
            set(door.at.written(), "pairing"),
        ),
        Door::Group => (
            format!("every group can bring its messages to the agent through {channel}"),
            set(door.at.written(), "allowlist"),
        ),
        Door::List => {
            let kept: Vec<_> = door
                .at
                .items()
                .map(|item| item.value.clone())
                .filter(|item| !machine.lets_everyone(item, &door.channel, door.fallback))
                .collect();
            (
                format!("every sender is let in through {channel}"),
                set(door.at.written(), json!(kept)),
            )
        }
    };
    let can: Vec<&str> = POWERFUL
        .into_iter()
        .filter(|tool| {
            let agents = machine.reached_by(&door.channel);
            agents.iter().any(|agent| agent.has(tool))
        })
        .collect();
    let declared = machine.declare(&door.at);
    let door_file = declared.file.clone();
    let found = draft(message).declared(declared);
    if can.is_empty() {
        found
            .level(Level::Warn)
            .code("without-tools")
            .remedy(remedy)
    } else {
        found
            // One more tool is a further opening.
            .declared(machine.beside("what they reach", can.join(", "), &door_file))
            .remedy(remedy)
    }
}
