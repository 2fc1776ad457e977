//! The points of OpenClaw's guide to a secure local deployment, in its order, each with the rules that answer it. Data.
//!
//! What each chapter asks for is our reading of the guide; docs/host.md says where it comes from.

mod points;

pub(crate) use points::POINTS;

/// One point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// Stable id.
    pub(crate) id: &'static str,
    /// Chapter of the guide, from 1.
    pub(crate) section: u8,
    /// What should hold.
    pub(crate) title: &'static str,
    /// What it is against.
    pub(crate) class: Class,
    /// Rules behind it: an id, `id[code]` for one code of it, or `id[!code]` for all but one.
    pub(crate) rules: &'static [&'static str],
    /// What has to have been looked at before silence means anything.
    pub(crate) needs: Needs,
}

/// What must have been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The effective config.
    Config,
    /// The config, and that sessions run in a sandbox at all.
    Sandbox,
    /// Files and owners.
    Files,
    /// What the state directory lies on, and that it is encrypted.
    Encryption,
    /// A running gateway.
    Process,
    /// What Tailscale serves, or that there is none.
    Tunnel,
    /// A label by which the kernel confines the running gateway.
    Confined,
    /// A unit or property list that starts the gateway.
    Unit,
    /// Files about containers, given by the operator.
    Container,
    /// What says which program runs containers, given by the operator.
    Kernel,
    /// A template of a file with variables.
    Template,
    /// The lock, and what is installed.
    Lock,
    /// The lock, and who read what it names.
    Read,
    /// The lock, and an index of advisories.
    Advisories,
    /// The provenance of the host package.
    Provenance,
    /// Nothing that is looked at can show it; why.
    Nothing(&'static str),
    /// The points of one threat.
    Threat(u8),
    /// The points of one chapter.
    Section(u8),
}

/// What a point is against, in the lists that people use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Supply,
    Exposure,
    Access,
    Execution,
    Isolation,
    Secrets,
    Writable,
    Platform,
}

impl Class {
    /// The guide's own threat: 1 injection, 2 supply chain, 3 the machine, 4 the network.
    pub(crate) fn threat(self) -> u8 {
        match self {
            Self::Access | Self::Execution | Self::Isolation => 1,
            Self::Supply => 2,
            Self::Secrets | Self::Writable | Self::Platform => 3,
            Self::Exposure => 4,
        }
    }

    /// What it is named elsewhere.
    pub(crate) fn threats(self) -> &'static [&'static str] {
        match self {
            Self::Supply => SUPPLY,
            Self::Exposure => EXPOSURE,
            Self::Access => ACCESS,
            Self::Execution => EXECUTION,
            Self::Isolation => ISOLATION,
            Self::Secrets => SECRETS,
            Self::Writable => WRITABLE,
            Self::Platform => PLATFORM,
        }
    }
}

// OWASP LLM 2025, OWASP ASI 2026, OWASP AST, and the threat model of openclaw/trust.
const SUPPLY: &[&str] = &["LLM03", "ASI04", "AST01", "AST02", "T-PERSIST-001"];
const EXPOSURE: &[&str] = &[
    "LLM02",
    "LLM06",
    "ASI03",
    "AST06",
    "T-RECON-001",
    "T-ACCESS-003",
];
const ACCESS: &[&str] = &[
    "LLM01",
    "LLM06",
    "ASI01",
    "ASI03",
    "AST03",
    "T-ACCESS-001",
    "T-ACCESS-002",
    "T-ACCESS-006",
    "T-EXEC-001",
];
const EXECUTION: &[&str] = &[
    "LLM05",
    "LLM06",
    "ASI02",
    "ASI05",
    "AST03",
    "AST06",
    "T-EXEC-003",
    "T-EXEC-004",
    "T-IMPACT-001",
    "T-IMPACT-004",
];
const ISOLATION: &[&str] = &[
    "LLM06",
    "ASI05",
    "ASI08",
    "AST06",
    "T-EXEC-002",
    "T-EXEC-005",
    "T-DISC-004",
    "T-IMPACT-002",
];
const SECRETS: &[&str] = &[
    "LLM02",
    "LLM07",
    "ASI03",
    "AST03",
    "T-ACCESS-003",
    "T-PERSIST-004",
    "T-EXFIL-003",
    "T-EXFIL-004",
];
const WRITABLE: &[&str] = &[
    "LLM03",
    "LLM04",
    "ASI04",
    "ASI06",
    "AST02",
    "AST07",
    "T-PERSIST-001",
    "T-PERSIST-003",
    "T-PERSIST-005",
];
const PLATFORM: &[&str] = &[
    "LLM06",
    "ASI10",
    "AST06",
    "AST09",
    "T-DISC-004",
    "T-IMPACT-001",
];

/// The chapters of the guide.
pub(crate) const SECTIONS: [&str; 8] = [
    "Understanding the threat model",
    "Secure installation and supply chain",
    "Host hardening",
    "Isolation and sandboxing",
    "Network security and remote access",
    "Access control and authorization",
    "Secrets management",
    "The checklist",
];

/// Whether an entry of a point is about a finding of this id and code.
pub(crate) fn is_about(entry: &str, id: &str, code: Option<&str>) -> bool {
    match entry.split_once('[') {
        None => entry == id,
        Some((rule, wanted)) => {
            let wanted = wanted.trim_end_matches(']');
            rule == id
                && match wanted.strip_prefix('!') {
                    Some(other) => code != Some(other),
                    None => code == Some(wanted),
                }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rules::{Stage, catalogue};

    #[test]
    fn every_rule_about_the_machine_answers_a_point_and_ids_are_unique() {
        let named = |id: &str| {
            POINTS.iter().any(|point| {
                point
                    .rules
                    .iter()
                    .any(|entry| entry.split('[').next() == Some(id))
            })
        };
        for rule in catalogue().iter().filter(|rule| {
            rule.stages.contains(Stage::Host) && !rule.stages.contains(Stage::Installed)
        }) {
            assert!(named(rule.id), "{} answers no point", rule.id);
        }
        let ids: BTreeSet<&str> = POINTS.iter().map(|point| point.id).collect();
        assert_eq!(ids.len(), POINTS.len());
        assert!(POINTS.is_sorted_by_key(|point| point.section));
    }

    #[test]
    fn entries_name_codes() {
        assert!(is_about("a", "a", None) && is_about("a", "a", Some("x")));
        assert!(is_about("a[x]", "a", Some("x")) && !is_about("a[x]", "a", None));
        assert!(!is_about("a[!x]", "a", Some("x")) && is_about("a[!x]", "a", None));
    }
}
