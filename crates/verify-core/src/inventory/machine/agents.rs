//! Agents with what they inherit: which tools they have, where their commands run, and who is asked before.

use serde_json::Value;

use super::{At, Machine};

/// Most agents that are looked at; more than OpenClaw would start in one gateway.
const MAX_AGENTS: usize = 1000;

/// Tools of a group, as far as a rule asks for them. [S `CORE_TOOL_DEFINITIONS`]
const GROUPS: [(&str, &[&str]); 5] = [
    ("group:fs", &["ls", "read", "write", "edit", "apply_patch"]),
    (
        "group:runtime",
        &["exec", "process", "code_execution", "secrets"],
    ),
    (
        "group:automation",
        &["automations", "gateway", "plugins", "openclaw"],
    ),
    ("group:nodes", &["nodes", "computer", "mobile_ui"]),
    (
        "group:openclaw",
        &[
            "code_execution",
            "secrets",
            "automations",
            "gateway",
            "plugins",
            "openclaw",
            "nodes",
            "computer",
            "mobile_ui",
        ],
    ),
];
/// What of them the profile `coding` has; `messaging` and `minimal` have none, and `full` has all. Its `gateway` only reads. [S]
const CODING: [&str; 10] = [
    "ls",
    "read",
    "write",
    "edit",
    "apply_patch",
    "exec",
    "process",
    "code_execution",
    "automations",
    "plugins",
];
/// Tools by which anyone who steers an agent can change the machine or OpenClaw itself.
pub(crate) const POWERFUL: [&str; 8] = [
    "exec",
    "process",
    "write",
    "edit",
    "apply_patch",
    "gateway",
    "plugins",
    "automations",
];

/// One agent, or the one that OpenClaw has where the config names none.
#[derive(Clone)]
pub(crate) struct Agent<'a> {
    /// Its id.
    pub(crate) id: String,
    machine: &'a Machine,
    own: Option<At<'a>>,
}

/// Where sessions run. [S `resolveSandboxConfigForAgent`]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SandboxMode {
    /// On the host.
    Off,
    /// In a sandbox, but for the main session.
    NonMain,
    /// In a sandbox.
    All,
}

/// What may run without a question. From strict to loose. [S `minSecurity`]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Security {
    Deny,
    Allowlist,
    Full,
}

/// When approval is asked for. From loose to strict. [S `maxAsk`]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    Off,
    OnMiss,
    Always,
}

impl Machine {
    /// Every agent of the config; the implicit one where there is none.
    pub(crate) fn agents(&self) -> Vec<Agent<'_>> {
        let entries = self.at("agents.entries");
        let listed = self.at("agents.list");
        let by_id = entries
            .iter()
            .flat_map(|at| at.members().collect::<Vec<_>>())
            .map(|(id, at)| (id.to_owned(), at));
        let by_place = listed
            .iter()
            .flat_map(|at| at.items().collect::<Vec<_>>())
            .filter_map(|at| {
                let id = at.value.get("id").and_then(Value::as_str)?.to_owned();
                Some((id, at))
            });
        let mut found: Vec<Agent<'_>> = by_id
            .chain(by_place)
            .take(MAX_AGENTS)
            .map(|(id, at)| Agent {
                id,
                machine: self,
                own: Some(at),
            })
            .collect();
        if found.is_empty() {
            found.push(Agent {
                id: "main".to_owned(),
                machine: self,
                own: None,
            });
        }
        found
    }

    /// The agents that a message of a channel can reach: those that a binding names for it, and the default one unless a binding takes
    /// the whole channel.
    pub(crate) fn reached_by(&self, channel: &str) -> Vec<Agent<'_>> {
        let bindings = self.at("bindings");
        let bindings: Vec<At<'_>> = bindings
            .iter()
            .flat_map(|at| at.items().collect::<Vec<_>>())
            .collect();
        let text = |at: &At<'_>, key: &str| {
            let text = at.value.get(key).and_then(Value::as_str)?;
            Some(text.trim().to_ascii_lowercase())
        };
        let (mut named, mut taken) = (Vec::new(), false);
        for binding in &bindings {
            let Some(agent) = text(binding, "agentId") else {
                continue;
            };
            let Some(found) = binding.child("match") else {
                continue;
            };
            if text(&found, "channel").is_some_and(|of| of != channel) {
                continue;
            }
            // Without an account it is for the default account only. [S `resolveAgentRoute`]
            let whole = found
                .members()
                .all(|(key, at)| key == "channel" || (key == "accountId" && at.value == "*"));
            taken |= whole && text(&found, "accountId").as_deref() == Some("*");
            named.push(agent);
        }
        let agents = self.agents();
        let default = default_of(&agents);
        let reached = |(n, agent): &(usize, Agent<'_>)| {
            named.contains(&agent.id.to_ascii_lowercase()) || (!taken && *n == default)
        };
        let reached: Vec<Agent<'_>> = agents
            .clone()
            .into_iter()
            .enumerate()
            .filter(reached)
            .map(|(_, agent)| agent)
            .collect();
        // A binding to an agent that is not configured decides nothing that is known here.
        if reached.is_empty() { agents } else { reached }
    }
}

/// The agent that takes what no binding takes: the one that says so, else `main`, else the first.
fn default_of(agents: &[Agent<'_>]) -> usize {
    let says = |agent: &Agent<'_>| {
        let own = agent.own.as_ref().and_then(|own| own.child("default"));
        own.is_some_and(|at| *at.value == Value::Bool(true))
    };
    agents
        .iter()
        .position(says)
        .or_else(|| agents.iter().position(|agent| agent.id == "main"))
        .unwrap_or(0)
}

impl<'a> Agent<'a> {
    /// A key of its sandbox, its own before that of all agents.
    pub(crate) fn sandbox(&self, path: &str) -> Option<At<'a>> {
        let own = self.below(&format!("sandbox.{path}"));
        own.or_else(|| self.machine.at(&format!("agents.defaults.sandbox.{path}")))
    }

    /// A key of its tools, its own before the one for all.
    pub(crate) fn tools(&self, path: &str) -> Option<At<'a>> {
        self.own_tools(path)
            .or_else(|| self.machine.at(&format!("tools.{path}")))
    }

    /// Its own key of tools. An agent that the config does not name has what `agents.defaults.tools` says.
    fn own_tools(&self, path: &str) -> Option<At<'a>> {
        match self.own {
            Some(_) => self.below(&format!("tools.{path}")),
            None => self.machine.at(&format!("agents.defaults.tools.{path}")),
        }
    }

    fn below(&self, path: &str) -> Option<At<'a>> {
        let own = self.own.clone()?;
        path.split('.').try_fold(own, |at, part| at.child(part))
    }

    /// Where its sessions run.
    pub(crate) fn sandbox_mode(&self) -> SandboxMode {
        match self.meant(self.sandbox("mode")).as_deref() {
            Some("all") => SandboxMode::All,
            Some("non-main") => SandboxMode::NonMain,
            _ => SandboxMode::Off,
        }
    }

    /// Whether it has a tool. What is not understood counts as a yes.
    pub(crate) fn has(&self, tool: &str) -> bool {
        let lists = |key: &str| {
            [
                self.own_tools(key),
                self.machine.at(&format!("tools.{key}")),
            ]
            .into_iter()
            .flatten()
        };
        if lists("deny").any(|list| names(&list, tool)) {
            return false;
        }
        let allowed = |list: &At<'_>| list.texts().is_empty() || names(list, tool);
        let also = self.tools("alsoAllow");
        let also = also.is_some_and(|list| names(&list, tool));
        if !also && !lists("allow").all(|list| allowed(&list)) {
            return false;
        }
        let in_profile = match self.meant(self.tools("profile")).as_deref() {
            Some("minimal" | "messaging") => false,
            Some("coding") => CODING.contains(&tool),
            _ => true,
        };
        in_profile || also
    }

    /// Whether what it runs can run on the host rather than in a sandbox.
    pub(crate) fn runs_on_host(&self) -> bool {
        let host = self.meant(self.tools("exec.host"));
        let chosen = matches!(host.as_deref(), Some("gateway" | "node"));
        chosen || self.sandbox_mode() != SandboxMode::All
    }

    /// Whether it runs any command on the host without approval: the stricter of the config and of the approvals counts.
    pub(crate) fn runs_unasked(&self) -> bool {
        if !self.has("exec") || !self.runs_on_host() {
            return false;
        }
        let (mut security, mut ask) = self.configured();
        for approvals in &self.machine.approvals {
            let of = |scope: &str, key: &str| {
                let scope = approvals.pointer(scope)?;
                scope.get(key).and_then(Value::as_str).map(str::to_owned)
            };
            let own = format!("/agents/{}", self.id.replace('~', "~0").replace('/', "~1"));
            let first = |key: &str| {
                of(&own, key)
                    .or_else(|| of("/agents/*", key))
                    .or_else(|| of("/defaults", key))
            };
            security = security.min(security_of(first("security").as_deref()).unwrap_or(security));
            ask = ask.max(ask_of(first("ask").as_deref()).unwrap_or(ask));
        }
        // `on-miss` asks only where there is a list to miss. [S `requiresExecApproval`]
        security == Security::Full && ask != Ask::Always
    }

    /// What the config says, its own keys first; in each place `mode` wins. [D tools/exec, "Modes"]
    fn configured(&self) -> (Security, Ask) {
        let own = self.level(|key| self.own_tools(&format!("exec.{key}")));
        let all = self.level(|key| self.machine.at(&format!("tools.exec.{key}")));
        (
            own.0.or(all.0).unwrap_or(Security::Full),
            own.1.or(all.1).unwrap_or(Ask::Off),
        )
    }

    fn level(&self, key: impl Fn(&str) -> Option<At<'a>>) -> (Option<Security>, Option<Ask>) {
        let text = |name: &str| self.meant(key(name));
        match text("mode").as_deref() {
            Some("deny") => (Some(Security::Deny), Some(Ask::Off)),
            Some("allowlist") => (Some(Security::Allowlist), Some(Ask::Off)),
            Some("ask" | "auto") => (Some(Security::Allowlist), Some(Ask::OnMiss)),
            Some(_) => (Some(Security::Full), Some(Ask::Off)),
            None => (
                security_of(text("security").as_deref()),
                ask_of(text("ask").as_deref()),
            ),
        }
    }

    /// The keys by which it may run commands unasked, its own where it has any; none where that is the default.
    pub(crate) fn exec_keys(&self) -> Vec<At<'a>> {
        ["mode", "security", "ask"]
            .iter()
            .filter_map(|key| self.tools(&format!("exec.{key}")))
            .collect()
    }

    /// The key that lets it ask, and the value: where it is set for it alone, and of the two forms that OpenClaw refuses side by side the
    /// one that is there. [S `mode cannot be combined with security or ask`]
    pub(crate) fn asking(&self) -> (String, &'static str) {
        let own = |key: &str| self.own_tools(&format!("exec.{key}")).is_some();
        let all = |key: &str| self.machine.at(&format!("tools.exec.{key}")).is_some();
        let keys = ["mode", "security", "ask"];
        let (place, [mode, security, ask]) = match &self.own {
            Some(at) if keys.iter().any(|key| own(key)) => {
                (format!("{}.tools", at.written()), keys.map(own))
            }
            _ => ("tools".to_owned(), keys.map(all)),
        };
        match !mode && (security || ask) {
            true => (format!("{place}.exec.ask"), "always"),
            false => (format!("{place}.exec.mode"), "ask"),
        }
    }

    /// The text of a key with its variables.
    pub(crate) fn meant(&self, at: Option<At<'a>>) -> Option<String> {
        let text = at?.value.as_str()?;
        // A variable that no file gives is not the strict value.
        Some(self.machine.meant(text).unwrap_or_default())
    }

    /// Where a key of its tools is set for it alone, if it has an entry of its own.
    pub(crate) fn tools_path(&self, path: &str) -> String {
        match &self.own {
            Some(own) if self.own_tools(path).is_some() => {
                format!("{}.tools.{path}", own.written())
            }
            _ => format!("tools.{path}"),
        }
    }
}

fn security_of(text: Option<&str>) -> Option<Security> {
    Some(match text? {
        "deny" => Security::Deny,
        "allowlist" => Security::Allowlist,
        _ => Security::Full,
    })
}

fn ask_of(text: Option<&str>) -> Option<Ask> {
    Some(match text? {
        "always" => Ask::Always,
        "on-miss" => Ask::OnMiss,
        _ => Ask::Off,
    })
}

/// Whether a list of tools names one: by name, by an older name, by a group, or by a pattern.
fn names(list: &At<'_>, tool: &str) -> bool {
    list.texts().into_iter().any(|entry| {
        let entry = entry.trim().to_ascii_lowercase();
        let entry = match entry.as_str() {
            "bash" => "exec",
            "apply-patch" => "apply_patch",
            "cron" => "automations",
            other => other,
        };
        let group = GROUPS.iter().find(|(name, _)| *name == entry);
        match group {
            Some((_, tools)) => tools.contains(&tool),
            None => fits(entry, tool),
        }
    })
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn has(config: Value, tool: &str) -> bool {
        let machine = Machine::of(config);
        machine.agents().iter().any(|agent| agent.has(tool))
    }

    #[test]
    fn patterns_fit_as_openclaw_takes_them() {
        for (pattern, name, expected) in [
            ("exec", "exec", true),
            ("exec", "execute", false),
            ("*", "exec", true),
            ("ex*", "exec", true),
            ("*c", "exec", true),
            ("e*e*c", "exec", true),
            ("e*x*z", "exec", false),
            ("", "exec", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn tools_come_from_profile_lists_and_groups() {
        assert!(has(json!({}), "exec"));
        assert!(has(json!({"tools": {"profile": "full"}}), "gateway"));
        assert!(!has(json!({"tools": {"profile": "coding"}}), "gateway"));
        assert!(has(json!({"tools": {"profile": "coding"}}), "exec"));
        assert!(!has(json!({"tools": {"profile": "messaging"}}), "exec"));
        assert!(has(
            json!({"tools": {"profile": "messaging", "alsoAllow": ["group:runtime"]}}),
            "exec"
        ));
        assert!(!has(json!({"tools": {"deny": ["group:runtime"]}}), "exec"));
        assert!(!has(json!({"tools": {"deny": ["bash"]}}), "exec"));
        assert!(!has(json!({"tools": {"allow": ["read"]}}), "exec"));
        assert!(has(json!({"tools": {"allow": ["read"]}}), "read"));
        let own = json!({"tools": {"profile": "full"}, "agents": {"entries": {"a": {"tools": {"profile": "minimal"}}}}});
        assert!(!has(own, "exec"));
    }

    #[test]
    fn the_stricter_of_config_and_approvals_counts() {
        let unasked = |config: Value, approvals: Value| {
            let mut machine = Machine::of(config);
            machine.approvals = vec![approvals];
            machine.agents().iter().any(Agent::runs_unasked)
        };
        assert!(unasked(json!({}), json!({})));
        assert!(unasked(
            json!({"tools": {"exec": {"ask": "on-miss"}}}),
            json!({})
        ));
        assert!(!unasked(
            json!({"tools": {"exec": {"ask": "always"}}}),
            json!({})
        ));
        assert!(!unasked(
            json!({"tools": {"exec": {"mode": "auto"}}}),
            json!({})
        ));
        assert!(unasked(
            json!({"tools": {"exec": {"mode": "${X}"}}}),
            json!({})
        ));
        let sandboxed = json!({"agents": {"defaults": {"sandbox": {"mode": "all"}}}});
        assert!(!unasked(sandboxed.clone(), json!({})));
        let mut escapes = sandboxed;
        escapes["tools"] = json!({"exec": {"host": "gateway"}});
        assert!(unasked(escapes, json!({})));
        for strict in [
            json!({"defaults": {"security": "deny"}}),
            json!({"agents": {"*": {"ask": "always"}}}),
            json!({"agents": {"main": {"security": "allowlist"}}}),
        ] {
            assert!(!unasked(json!({}), strict.clone()), "{strict}");
        }
        let other = json!({"agents": {"other": {"security": "deny"}}});
        assert!(unasked(json!({}), other));
    }

    #[test]
    fn bindings_say_which_agents_a_channel_reaches() {
        let machine = Machine::of(json!({
            "agents": {"entries": {"main": {}, "guest": {}, "third": {}}},
            "bindings": [
                {"agentId": "guest", "match": {"channel": "telegram", "accountId": "*"}},
                {"agentId": "third", "match": {"channel": "discord", "peer": {"kind": "dm"}}},
            ],
        }));
        let ids = |channel: &str| {
            let reached = machine.reached_by(channel);
            reached
                .into_iter()
                .map(|agent| agent.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("telegram"), ["guest"]);
        assert_eq!(ids("discord"), ["main", "third"]);
        assert_eq!(ids("slack"), ["main"]);
    }
}
