//! `host`: how the machine is set up.

use std::fs;

use super::{Theme, root, shipped};

/// A config with which every rule about the config has something to say.
const OPEN: &str = r#"// Nobody should do this.
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
  tools: { elevated: { allowFrom: { telegram: ["*"] } } },
  channels: { discord: { dangerouslyAllowNameMatching: true } },
}
"#;

#[test]
fn of_an_open_and_a_closed_machine() {
    let installation = shipped();
    let mut theme = Theme::new("host", root(&installation));
    let config = installation.state.join("openclaw.json");
    fs::write(&config, OPEN).expect("config");
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
    fs::write(&config, closed).expect("config");
    theme.one("closed", &installation, "host");
    theme.end();
}
