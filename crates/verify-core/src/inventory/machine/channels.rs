//! Who may write to the agent: open doors of channels, and the senders that are let in.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{At, Machine};

/// Most senders that are looked at.
const MAX_SENDERS: usize = 100_000;

/// What stands before the name of a group of senders. [S `ACCESS_GROUP_ALLOW_FROM_PREFIX`]
const ACCESS_GROUP: &str = "accessGroup:";

/// A key by which a channel lets everyone in.
pub(crate) struct OpenDoor<'a> {
    /// The channel's name.
    pub(crate) channel: String,
    /// The key.
    pub(crate) at: At<'a>,
    /// What kind of key.
    pub(crate) kind: Door,
    /// It is what channels fall back to that have none of their own.
    pub(crate) fallback: bool,
}

/// What lets everyone in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The policy of direct messages.
    Direct,
    /// The policy of groups.
    Group,
    /// A list of senders that holds `*`.
    List,
}

impl Machine {
    /// Every key that lets everyone in, at any depth of a channel that is not switched off.
    pub(crate) fn open_doors(&self) -> Vec<OpenDoor<'_>> {
        let mut found = Vec::new();
        let channels = self.at("channels");
        let members: Vec<(&str, At<'_>)> = channels
            .iter()
            .flat_map(|at| at.members().collect::<Vec<_>>())
            .collect();
        let is_on = |at: &At<'_>| {
            at.child("enabled")
                .is_none_or(|at| *at.value != Value::Bool(false))
        };
        for (name, at) in members {
            // `defaults` is what channels fall back to, and no channel.
            let fallback = name == "defaults";
            if is_on(&at) {
                self.doors(name, at, fallback, &mut found);
            }
        }
        found.sort_by(|a, b| a.at.path.cmp(&b.at.path));
        found
    }

    fn doors<'a>(
        &'a self,
        channel: &str,
        top: At<'a>,
        fallback: bool,
        found: &mut Vec<OpenDoor<'a>>,
    ) {
        let mut open = vec![top];
        while let Some(at) = open.pop() {
            if at
                .child("enabled")
                .is_some_and(|on| *on.value == Value::Bool(false))
            {
                continue;
            }
            let in_dm = at.path.last().is_some_and(|part| part == "dm");
            for (key, child) in at.members() {
                let kind = match key {
                    "dmPolicy" => Some(Door::Direct),
                    "policy" if in_dm => Some(Door::Direct),
                    "groupPolicy" => Some(Door::Group),
                    "allowFrom" | "groupAllowFrom" => Some(Door::List),
                    _ => None,
                };
                let is_open = match kind {
                    Some(Door::List) => child
                        .items()
                        .any(|item| self.lets_everyone(item.value, channel, fallback)),
                    Some(_) => {
                        child
                            .value
                            .as_str()
                            .and_then(|text| self.meant(text))
                            .as_deref()
                            == Some("open")
                    }
                    None => false,
                };
                match kind {
                    Some(kind) if is_open => found.push(OpenDoor {
                        channel: if fallback {
                            "every channel without a policy of its own".to_owned()
                        } else {
                            channel.to_owned()
                        },
                        at: child,
                        kind,
                        fallback,
                    }),
                    Some(_) => {}
                    None => open.push(child),
                }
            }
            open.extend(at.items());
        }
    }

    /// Whether an element of a list of senders lets everyone in: by `*`, or as a group of senders that holds it.
    pub(crate) fn lets_everyone(&self, item: &Value, channel: &str, fallback: bool) -> bool {
        let Some(text) = item.as_str().and_then(|text| self.meant(text)) else {
            return false;
        };
        let of = (!fallback).then_some(channel);
        text == "*" || self.group(&text, of).iter().any(|id| id == "*")
    }

    /// The senders that `accessGroup:NAME` means in a channel, or in any where none is named; none where the text names no such
    /// group. Who is in a channel of a service is not known here. [S `resolveMessageSenderGroupEntries`]
    fn group(&self, text: &str, channel: Option<&str>) -> Vec<String> {
        let name = text.trim().strip_prefix(ACCESS_GROUP).map(str::trim);
        let group = name.and_then(|name| self.at("accessGroups")?.child(name));
        let members = group.and_then(|group| group.child("members"));
        let lists = members
            .iter()
            .flat_map(|at| at.members().collect::<Vec<_>>());
        lists
            .filter(|(of, _)| *of == "*" || channel.is_none_or(|channel| channel == *of))
            .flat_map(|(_, list)| list.items().collect::<Vec<_>>())
            .take(MAX_SENDERS)
            .filter_map(|item| id_of(item.value))
            .filter_map(|id| self.meant(&id))
            .collect()
    }

    /// Different people who may send direct messages, as far as files say: by config, and by pairing. Two ids that the operator links
    /// are one person. None where everyone may.
    pub(crate) fn senders(&self) -> Option<BTreeSet<String>> {
        if self
            .open_doors()
            .iter()
            .any(|door| door.kind == Door::Direct)
        {
            return None;
        }
        let mut found: BTreeSet<String> = BTreeSet::new();
        let channels = self.at("channels");
        for (channel, at) in channels
            .iter()
            .flat_map(|at| at.members().collect::<Vec<_>>())
        {
            for list in at.all("allowFrom") {
                // Those of a group are not let into direct messages.
                if list
                    .path
                    .iter()
                    .any(|part| part == "groups" || part == "guilds")
                {
                    continue;
                }
                for item in list.items().take(MAX_SENDERS) {
                    if self.lets_everyone(item.value, channel, false) {
                        return None;
                    }
                    let Some(id) = id_of(item.value) else {
                        continue;
                    };
                    let of_group = self.group(&id, Some(channel));
                    let ids = match of_group.is_empty() {
                        true => vec![id],
                        false => of_group,
                    };
                    let ids = ids.iter().map(|id| id.trim().to_ascii_lowercase());
                    found.extend(ids.map(|id| sender(channel, &id)));
                }
            }
        }
        for (channel, id) in &self.paired {
            if id.trim() == "*" {
                return None;
            }
            found.insert(sender(channel, &id.trim().to_ascii_lowercase()));
        }
        let links = self.at("session.identityLinks");
        for (_, ids) in links.iter().flat_map(|at| at.members().collect::<Vec<_>>()) {
            let ids: Vec<String> = ids
                .texts()
                .into_iter()
                .map(|id| id.trim().to_ascii_lowercase())
                .collect();
            let mut linked = ids
                .iter()
                .filter(|id| found.contains(*id))
                .cloned()
                .collect::<Vec<_>>();
            // One of them stays, for the person.
            linked.pop();
            for id in linked {
                found.remove(&id);
            }
        }
        Some(found)
    }
}

/// The id of a sender as it is written: a text or a number.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A sender as links of identities name one.
fn sender(channel: &str, id: &str) -> String {
    let channel = channel.to_ascii_lowercase();
    match id.strip_prefix(&format!("{channel}:")) {
        Some(_) => id.to_owned(),
        None => format!("{channel}:{id}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn doors_are_found_at_any_depth() {
        let machine = Machine::of(json!({"channels": {
            "defaults": {"groupPolicy": "open"},
            "telegram": {"dmPolicy": "pairing", "accounts": {"a": {"allowFrom": ["*"]}}, "groups": {"1": {"topics": {"2": {"groupPolicy": "open"}}}}},
            "discord": {"dm": {"policy": "open"}},
            "slack": {"enabled": false, "dmPolicy": "open"},
            "signal": {"accounts": {"b": {"enabled": false, "dmPolicy": "open"}}},
        }}));
        let found: Vec<(String, Door)> = machine
            .open_doors()
            .into_iter()
            .map(|door| (door.at.written(), door.kind))
            .collect();
        assert_eq!(
            found,
            [
                ("channels.defaults.groupPolicy".to_owned(), Door::Group),
                ("channels.discord.dm.policy".to_owned(), Door::Direct),
                (
                    "channels.telegram.accounts.a.allowFrom".to_owned(),
                    Door::List
                ),
                (
                    "channels.telegram.groups.1.topics.2.groupPolicy".to_owned(),
                    Door::Group
                ),
            ]
        );
    }

    #[test]
    fn groups_of_senders_are_what_they_hold() {
        let machine = |members: Value| {
            Machine::of(json!({
                "channels": {"telegram": {"dmPolicy": "allowlist", "allowFrom": ["accessGroup:team", "accessGroup:none"]}},
                "accessGroups": {"team": {"type": "message.senders", "members": members}},
            }))
        };
        for (members, doors, senders) in [
            (json!({"*": ["*"]}), 1, None),
            (json!({"telegram": ["1", "*"]}), 1, None),
            (json!({"discord": ["*"], "telegram": ["1"]}), 0, Some(2)),
            (json!({"*": ["1"], "telegram": ["2", 3]}), 0, Some(4)),
        ] {
            let machine = machine(members.clone());
            assert_eq!(machine.open_doors().len(), doors, "{members}");
            let found = machine.senders().map(|all| all.len());
            assert_eq!(found, senders, "{members}");
        }
    }

    #[test]
    fn linked_ids_are_one_person() {
        let count = |links: Value| {
            let mut machine = Machine::of(json!({
                "channels": {"telegram": {"allowFrom": [1]}, "discord": {"allowFrom": ["discord:2"]}},
                "session": {"identityLinks": links},
            }));
            machine.paired = vec![("telegram".to_owned(), "1".to_owned())];
            machine.senders().expect("a list").len()
        };
        assert_eq!(count(json!({})), 2);
        assert_eq!(count(json!({"ada": ["telegram:1", "discord:2"]})), 1);
        assert_eq!(count(json!({"ada": ["telegram:1", "discord:3"]})), 2);
    }
}
