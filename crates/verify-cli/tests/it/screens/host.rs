//! `host`: how the machine is set up.

use std::fs;

use super::{Theme, root, shipped};

/// A config with which every rule about the config has something to say.
const OPEN: &str = r#"// Do not do this.
{
  gateway: {
    bind: "lan",
    auth: {
      mode: "none",
      password: "hunter2",
    },
    tailscale: { mode: "funnel" },
    trustedProxies: ["0.0.0.0/0"],
    controlUi: { allowedOrigins: ["*"] },
    tools: { allow: ["exec"] },
    nodes: { pairing: { autoApproveCidrs: ["0.0.0.0/0"] } },
    remote: { url: "ws://203.0.113.5", token: "${REMOTE}" },
  },
  discovery: { mdns: { mode: "full" } },
  hooks: { enabled: true, token: "short", path: "/" },
  tools: {
    elevated: { allowFrom: { telegram: ["*"] } },
    exec: { safeBins: ["jq", "python3"], applyPatch: { workspaceOnly: false } },
  },
  channels: {
    discord: { dangerouslyAllowNameMatching: true },
    telegram: { dmPolicy: "open", allowFrom: ["*"], botToken: "${TELEGRAM}" },
  },
  agents: {
    defaults: {
      sandbox: {
        mode: "non-main",
        docker: { user: "0:0", binds: ["/srv/data:/data:ro", "/home/user/.openclaw:/oc:rw"] },
      },
    },
  },
  env: { vars: { OPENAI_API_KEY: "sk-test-0123456789" } },
  security: { audit: { suppressions: [{ checkId: "gateway.bind_no_auth", reason: "noise" }] } },
}
"#;

/// What OpenClaw kept of the config from before the token was moved.
const BEFORE: &str = "{\n  channels: { telegram: { botToken: \"123456:abcdefgh\" } },\n}\n";

#[test]
fn of_an_open_and_a_closed_machine() {
    let installation = shipped();
    let mut theme = Theme::new("host", root(&installation));
    let config = installation.state.join("openclaw.json");
    fs::write(&config, OPEN).expect("config");
    let copy = installation.state.join("openclaw.json.bak");
    fs::write(&copy, BEFORE).expect("copy");
    theme.all(
        &installation,
        &[
            "host",
            "host -v",
            "host -q",
            "host --commands",
            "host --format json",
            "host --format github",
            "host --commands --format json",
        ],
    );
    let closed = "{gateway:{auth:{mode:'token',token:'${GATEWAY_TOKEN}'}}}";
    fs::remove_file(&copy).expect("copy");
    fs::write(&config, closed).expect("config");
    theme.one("closed", &installation, "host");
    theme.end();
}
