//! Skills, hooks and MCP servers of a state that OpenClaw made, through the public interface.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::path::Path;

use openclaw_verify_core::inventory::{self, Inventory, InventoryOptions, Observation, Subject};
use openclaw_verify_core::launcher::Launch;
use openclaw_verify_core::subject::{Kind, Source};

use crate::support::shared;

/// The state directory of the shared material as OpenClaw left it on its own machine.
fn real_state(dir: &Path) -> Inventory {
    let corpus = shared("corpus/openclaw-state");
    let unpacked = std::process::Command::new("bash")
        .arg(corpus.join("unpack.sh"))
        .arg(dir)
        .output()
        .expect("bash");
    assert!(
        unpacked.status.success(),
        "{}",
        String::from_utf8_lossy(&unpacked.stderr)
    );
    let options = InventoryOptions {
        state_dir: dir.join(".openclaw"),
        host: None,
        relocated_from: Some("/home/user/.openclaw".into()),
        home: Some("/home/user".into()),
        config: None,
        ..InventoryOptions::new("")
    };
    inventory::read(&options).expect("inventory")
}

fn of(inventory: &Inventory, kind: Kind) -> Vec<&Subject> {
    inventory
        .subjects
        .iter()
        .filter(|subject| subject.kind == kind)
        .collect()
}

#[test]
#[ignore = "needs ../shared"]
fn a_real_state_is_read_as_openclaw_lists_it() {
    let dir = tempfile::tempdir().expect("temp dir");
    let inventory = real_state(dir.path());

    let skills: Vec<_> = of(&inventory, Kind::Skill)
        .iter()
        .map(|s| (s.id.as_str(), s.source, s.install_steps.len()))
        .collect();
    assert_eq!(
        skills,
        [
            ("git:file/skill-git", Source::Git, 2),
            ("skill:plugin.acme-bundle/hello", Source::Unrecorded, 0),
            ("skill:workspace/acme-weather", Source::Path, 2),
        ]
    );
    let hooks = of(&inventory, Kind::HookPack);
    let [pack] = hooks[..] else {
        panic!("{hooks:?}")
    };
    assert_eq!(
        (pack.id.as_str(), pack.source, pack.version.as_deref()),
        ("hook:managed/hook-pack", Source::Path, Some("0.1.0"))
    );
    assert!(
        pack.enabled && pack.observations.is_empty(),
        "{:?}",
        pack.observations
    );

    let servers = of(&inventory, Kind::McpServer);
    let specs: Vec<_> = servers
        .iter()
        .filter_map(|s| Some((s.id.as_str(), s.mcp.as_ref()?.spec.as_str())))
        .collect();
    assert_eq!(
        specs,
        [
            (
                "mcp:acme",
                "npx -y @modelcontextprotocol/server-everything@latest"
            ),
            (
                "mcp:acme-bundle/acme-mcp",
                "npx -y @modelcontextprotocol/server-everything"
            ),
        ]
    );
    assert!(
        servers
            .iter()
            .filter_map(|s| s.mcp.as_ref())
            .all(|mcp| matches!(mcp.launch(), Launch::Unpinned { .. }))
    );

    let odd = |s: &&Subject| {
        s.observations
            .iter()
            .any(|o| !matches!(o, Observation::NotInCopy { .. }))
    };
    let odd: Vec<_> = skills_and_servers(&inventory)
        .into_iter()
        .filter(odd)
        .map(|s| (&s.id, &s.observations))
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

fn skills_and_servers(inventory: &Inventory) -> Vec<&Subject> {
    let mut subjects = of(inventory, Kind::Skill);
    subjects.extend(of(inventory, Kind::McpServer));
    subjects
}
