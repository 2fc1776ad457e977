//! `unpinned-mcp-server`: what an MCP server's command would run is not provably one exact version.

use crate::fact::Outcome;
use crate::finding::{Draft, Level, RemedyKind};
use crate::inventory::McpDefinition;
use crate::launcher::Launch;
use crate::policy::PinRequirement;
use crate::rules::{Check, Group, Rule, Stage, Stages, View};
use crate::subject::Kind;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "unpinned-mcp-server",
    group: Group::Pinning,
    level: Level::Deny,
    fixed: false,
    stages: Stages::of(Stage::Installed, &[Stage::Staged, Stage::LockOnly]),
    clears: RemedyKind::Configure,
    summary: "An MCP server's command can run other code tomorrow",
    help: "Name one exact version in the command, such as `npx -y @acme/files@1.2.3`, or install the server and run it by its path.",
    check: Check::Subject(check),
};

fn check(view: &View<'_>) -> Vec<Draft> {
    if view.whole.stage == Stage::LockOnly
        && view.subject.kind == Kind::McpServer
        && view.requirements.pin(view.proof()) != PinRequirement::Any
        && !view
            .subject
            .mcp
            .as_ref()
            .is_some_and(McpDefinition::is_told)
    {
        let draft = view.draft("what it runs is not in the lock's text of its command");
        return vec![
            draft
                .outcome(Outcome::NotEstablished)
                .level(Level::Note)
                .at_most(Level::Note)
                .help("check it where OpenClaw is installed"),
        ];
    }
    let Some(mcp) = &view.subject.mcp else {
        return Vec::new();
    };
    let (why, variable) = match (view.requirements.pin(view.proof()), mcp.launch()) {
        (PinRequirement::Any, _) | (PinRequirement::Exact, Launch::Exact { .. }) => {
            return Vec::new();
        }
        // Reported by `not-established`: what a local command or a remote server runs is not in its definition.
        (_, Launch::LocalCommand | Launch::Remote) => return Vec::new(),
        (PinRequirement::Digest, Launch::Exact { .. }) => {
            let why = "policy requires a digest, and a command can only name a version";
            (why.to_owned(), None)
        }
        (_, Launch::Unpinned { why, variable }) => (why, variable),
    };
    let draft = view.draft(format!("{}: {why}", mcp.spec));
    vec![match (variable, exact(&mcp.spec)) {
        (Some(name), _) => draft.help(format!(
            "The version is exact already: take {name} out of the server's `env` or command, or accept the definition as it is."
        )),
        (None, Some(help)) => draft.help(help),
        (None, None) => draft,
    }]
}

/// How the program that a command begins with is told one exact version, where that is another way than npm's.
fn exact(command: &str) -> Option<&'static str> {
    let program = command.split_whitespace().next()?;
    Some(match program.rsplit('/').next()? {
        "uvx" | "uv" | "pipx" => {
            "Name one exact version in the command, such as `uvx acme-files==1.2.3`, or install the server and run it by its path."
        }
        "docker" | "podman" | "nerdctl" => {
            "Name the image by its digest, such as `docker run -i --rm acme/files@sha256:…`; `docker images --digests` shows it."
        }
        _ => return None,
    })
}
