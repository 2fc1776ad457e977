//! The points of OpenClaw's guide to a secure local deployment, in its order, each with the rules that answer it. Data.
//!
//! What each chapter asks for is our reading of the guide; docs/host.md says where it comes from.

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
    /// A label by which the kernel confines the running gateway.
    Confined,
    /// A unit or property list that starts the gateway.
    Unit,
    /// Files about containers, given by the operator.
    Container,
    /// The lock, and what is installed.
    Lock,
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

    /// OWASP LLM 2025, OWASP ASI 2026, OWASP AST, and the threat model of openclaw/trust.
    pub(crate) fn threats(self) -> &'static [&'static str] {
        match self {
            Self::Supply => &["LLM03", "ASI04", "AST01", "AST02", "T-PERSIST-001"],
            Self::Exposure => &[
                "LLM02",
                "LLM06",
                "ASI03",
                "AST06",
                "T-RECON-001",
                "T-ACCESS-003",
            ],
            Self::Access => &[
                "LLM01",
                "LLM06",
                "ASI01",
                "ASI03",
                "AST03",
                "T-ACCESS-001",
                "T-ACCESS-002",
                "T-ACCESS-006",
                "T-EXEC-001",
            ],
            Self::Execution => &[
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
            ],
            Self::Isolation => &[
                "LLM06",
                "ASI05",
                "ASI08",
                "AST06",
                "T-EXEC-002",
                "T-EXEC-005",
                "T-DISC-004",
                "T-IMPACT-002",
            ],
            Self::Secrets => &[
                "LLM02",
                "LLM07",
                "ASI03",
                "AST03",
                "T-ACCESS-003",
                "T-PERSIST-004",
                "T-EXFIL-003",
                "T-EXFIL-004",
            ],
            Self::Writable => &[
                "LLM03",
                "LLM04",
                "ASI04",
                "ASI06",
                "AST02",
                "AST07",
                "T-PERSIST-001",
                "T-PERSIST-003",
                "T-PERSIST-005",
            ],
            Self::Platform => &[
                "LLM06",
                "ASI10",
                "AST06",
                "AST09",
                "T-DISC-004",
                "T-IMPACT-001",
            ],
        }
    }
}

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

const fn point(
    section: u8,
    id: &'static str,
    title: &'static str,
    class: Class,
    needs: Needs,
    rules: &'static [&'static str],
) -> Point {
    Point {
        id,
        section,
        title,
        class,
        rules,
        needs,
    }
}

/// Every point, in the order of the guide.
pub(crate) const POINTS: &[Point] = &[
    point(
        1,
        "threat-injection",
        "Prompt injection is answered: tools, approvals, sandbox, senders",
        Class::Execution,
        Needs::Threat(1),
        &[],
    ),
    point(
        1,
        "threat-supply-chain",
        "Supply chain compromise is answered: pins, reviews, provenance",
        Class::Supply,
        Needs::Threat(2),
        &[],
    ),
    point(
        1,
        "threat-machine",
        "Compromise of the machine is answered: users, files, secrets",
        Class::Platform,
        Needs::Threat(3),
        &[],
    ),
    point(
        1,
        "threat-network",
        "Network exposure is answered: loopback, authentication, tunnels",
        Class::Exposure,
        Needs::Threat(4),
        &[],
    ),
    point(
        2,
        "install-method",
        "OpenClaw came by a way that can be verified (Nix, a signed tag, npm with provenance), not by a piped script",
        Class::Supply,
        Needs::Provenance,
        &[
            "provenance-invalid",
            "provenance-mismatch",
            "provenance-regressed",
            "provenance-missing",
        ],
    ),
    point(
        2,
        "pinned",
        "Plugins, skills and MCP servers are pinned",
        Class::Supply,
        Needs::Lock,
        &[
            "unpinned",
            "floating-spec",
            "unpinned-mcp-server",
            "unpinned-install-step",
            "insecure-url",
            "unlisted-source",
            "too-fresh",
        ],
    ),
    point(
        2,
        "unchanged",
        "What is installed is what was locked",
        Class::Supply,
        Needs::Lock,
        &[
            "tree-mismatch",
            "definition-mismatch",
            "dependency-mismatch",
            "archive-mismatch",
            "record-mismatch",
            "not-locked",
            "unrecorded",
            "unsafe-tree",
            "weak-digest",
            "settings-changed",
            "instructions-changed",
            "shadowed",
            "state-too-old",
        ],
    ),
    point(
        2,
        "reviewed",
        "Code from outside was read",
        Class::Supply,
        Needs::Lock,
        &[
            "unreviewed",
            "review-expired",
            "agent-reviewed-only",
            "violation",
        ],
    ),
    point(
        2,
        "install-scripts",
        "Nothing runs while a dependency is installed",
        Class::Supply,
        Needs::Lock,
        &["install-script"],
    ),
    point(
        2,
        "known-bad",
        "Nothing installed is known to be malicious or vulnerable",
        Class::Supply,
        Needs::Advisories,
        &["known-malicious", "known-vulnerable", "advisories-stale"],
    ),
    point(
        2,
        "gate",
        "Plugins and skills are judged before they are installed",
        Class::Supply,
        Needs::Config,
        &["install-not-gated"],
    ),
    point(
        2,
        "sbom",
        "A bill of materials is kept",
        Class::Supply,
        Needs::Nothing("whether one is kept is not seen here; the verb sbom writes one"),
        &[],
    ),
    point(
        3,
        "disk-encryption",
        "The disk is encrypted",
        Class::Platform,
        Needs::Encryption,
        &["disk-not-encrypted", "shared-filesystem"],
    ),
    point(
        3,
        "own-user",
        "OpenClaw runs as a user of its own, not as root",
        Class::Platform,
        Needs::Process,
        &["runs-as-root", "root-equivalent-group"],
    ),
    point(
        3,
        "service",
        "The service manager confines the gateway",
        Class::Platform,
        Needs::Unit,
        &["unit-unhardened"],
    ),
    point(
        3,
        "mandatory-access-control",
        "AppArmor or SELinux confines the gateway",
        Class::Platform,
        Needs::Confined,
        &["not-confined"],
    ),
    point(
        3,
        "updates",
        "The system and OpenClaw are up to date",
        Class::Platform,
        Needs::Nothing(
            "updates of the system are not seen here; for OpenClaw and its plugins see known-bad",
        ),
        &[],
    ),
    point(
        3,
        "firewall",
        "A firewall keeps others out",
        Class::Exposure,
        Needs::Nothing(
            "rules that are in force can only be read with the rights to change them, and a container's published ports pass them by",
        ),
        &[],
    ),
    point(
        4,
        "sandbox",
        "Every session runs in a sandbox",
        Class::Isolation,
        Needs::Config,
        &["sandbox-off", "sandbox-weakened[sandbox-unobserved]"],
    ),
    point(
        4,
        "sandbox-tight",
        "The sandbox keeps no rights: user, capabilities, root file system, network, limits, workspace",
        Class::Isolation,
        Needs::Sandbox,
        &["sandbox-weakened[!sandbox-unobserved]"],
    ),
    point(
        4,
        "sandbox-closed",
        "The sandbox reaches no keys, no state, no container engine",
        Class::Isolation,
        Needs::Sandbox,
        &["sandbox-hole"],
    ),
    point(
        4,
        "container",
        "The container of the gateway itself has no more rights than it needs",
        Class::Isolation,
        Needs::Container,
        &["container-hole"],
    ),
    point(
        4,
        "virtual-machine",
        "A kernel of its own (gVisor, a micro virtual machine) holds the sandbox",
        Class::Isolation,
        Needs::Nothing("which runtime a container engine uses is not seen here"),
        &[],
    ),
    point(
        5,
        "loopback",
        "The gateway listens on loopback only",
        Class::Exposure,
        Needs::Process,
        &["gateway-exposed"],
    ),
    point(
        5,
        "tunnel",
        "From outside it is reached through a private network, not through a public tunnel",
        Class::Exposure,
        Needs::Config,
        &["funnel-exposed"],
    ),
    point(
        5,
        "reverse-proxy",
        "A reverse proxy is trusted by its address, and names its users",
        Class::Exposure,
        Needs::Config,
        &["proxy-trust-too-wide"],
    ),
    point(
        5,
        "reverse-proxy-auth",
        "A reverse proxy asks for a certificate of the client, or for a password",
        Class::Exposure,
        Needs::Nothing("the settings of a proxy are not looked at"),
        &[],
    ),
    point(
        5,
        "origins",
        "Only known pages may connect",
        Class::Exposure,
        Needs::Config,
        &["origin-check-off"],
    ),
    point(
        5,
        "encrypted",
        "No credential goes over an open line",
        Class::Exposure,
        Needs::Config,
        &["cleartext-credentials"],
    ),
    point(
        5,
        "announced",
        "The machine announces no more of OpenClaw than it must",
        Class::Exposure,
        Needs::Config,
        &["mdns-announces-host"],
    ),
    point(
        6,
        "authentication",
        "The gateway asks for a strong credential",
        Class::Exposure,
        Needs::Config,
        &["gateway-no-auth", "weak-gateway-secret"],
    ),
    point(
        6,
        "devices",
        "Each device and node is approved by hand",
        Class::Access,
        Needs::Config,
        &["auto-approved-devices"],
    ),
    point(
        6,
        "webhooks",
        "Webhooks have a token, a path, and few agents",
        Class::Exposure,
        Needs::Config,
        &["hook-ingress-weak"],
    ),
    point(
        6,
        "http-tools",
        "Dangerous tools are not called over HTTP",
        Class::Exposure,
        Needs::Config,
        &["http-tools-reopened"],
    ),
    point(
        6,
        "senders",
        "Only known people write to the agent",
        Class::Access,
        Needs::Config,
        &["open-channel", "mutable-sender-id"],
    ),
    point(
        6,
        "sessions",
        "Each of them has a session of their own",
        Class::Access,
        Needs::Config,
        &["shared-dm-session"],
    ),
    point(
        6,
        "approvals",
        "Commands are asked about",
        Class::Execution,
        Needs::Config,
        &["exec-unrestricted", "interpreter-allowlisted"],
    ),
    point(
        6,
        "elevated",
        "Elevated tools are off, or for few",
        Class::Execution,
        Needs::Config,
        &["elevated-open"],
    ),
    point(
        6,
        "workspace",
        "File tools stay in the workspace",
        Class::Execution,
        Needs::Config,
        &["files-unconfined", "exec-unrestricted"],
    ),
    point(
        6,
        "audit",
        "OpenClaw's own audit may speak",
        Class::Access,
        Needs::Config,
        &["audit-suppressed"],
    ),
    point(
        7,
        "references",
        "The config refers to secrets and holds none",
        Class::Secrets,
        Needs::Config,
        &["secret-in-config"],
    ),
    point(
        7,
        "copies",
        "No old copy holds one",
        Class::Secrets,
        Needs::Config,
        &["stale-secret-copy"],
    ),
    point(
        7,
        "file-modes",
        "Only their owner reads files with secrets",
        Class::Secrets,
        Needs::Files,
        &["secret-readable"],
    ),
    point(
        7,
        "decides",
        "Nobody else changes what OpenClaw loads, obeys, or is judged by",
        Class::Writable,
        Needs::Files,
        &["code-writable", "wrong-owner", "verifier-writable"],
    ),
    point(
        7,
        "service-secrets",
        "Units hold no secrets",
        Class::Secrets,
        Needs::Unit,
        &["secret-in-service"],
    ),
    point(
        7,
        "repository",
        "No secret is in a repository, and .env is ignored",
        Class::Secrets,
        Needs::Files,
        &["secret-in-repository"],
    ),
    point(
        7,
        "template",
        "A template (.env.example) with dummy values is shared in place of .env",
        Class::Secrets,
        Needs::Nothing("whether anyone needs one is not seen here"),
        &[],
    ),
    point(
        7,
        "rotation",
        "Secrets are changed on a schedule and after an exposure",
        Class::Secrets,
        Needs::Nothing("the age of a secret stands in no file"),
        &[],
    ),
    point(
        8,
        "chapter-2",
        "Installation and supply chain",
        Class::Supply,
        Needs::Section(2),
        &[],
    ),
    point(
        8,
        "chapter-3",
        "Host hardening",
        Class::Platform,
        Needs::Section(3),
        &[],
    ),
    point(
        8,
        "chapter-4",
        "Isolation",
        Class::Isolation,
        Needs::Section(4),
        &[],
    ),
    point(
        8,
        "chapter-5",
        "Network",
        Class::Exposure,
        Needs::Section(5),
        &[],
    ),
    point(
        8,
        "chapter-6",
        "Access",
        Class::Access,
        Needs::Section(6),
        &[],
    ),
    point(
        8,
        "chapter-7",
        "Secrets",
        Class::Secrets,
        Needs::Section(7),
        &[],
    ),
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
