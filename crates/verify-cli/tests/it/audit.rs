//! What OpenClaw 2026.9.6's own audit misses, and what it says of installations that are in order, each measured on the real one: here the
//! first is found and the second is not said.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::posture::{entered, host, with};
use crate::support::graded;

/// Level, id and code of all findings.
fn all(report: &Value) -> Vec<String> {
    let found = report["findings"].as_array().expect("findings").iter();
    found.map(graded).collect()
}

/// What the audit passes over, a config that has it, and what is said here.
const MISSED_IN_CONFIG: &[(&str, &str, &[&str])] = &[
    (
        "commands run unasked by default",
        "{}",
        &["warn exec-unrestricted[default]"],
    ),
    ("no sandbox by default", "{}", &["warn sandbox-off"]),
    (
        "an open Telegram bot whose agent runs commands by default",
        "{channels:{telegram:{dmPolicy:'open',allowFrom:['*']}}}",
        &["deny open-channel", "deny exec-unrestricted[default]"],
    ),
    (
        "an open Telegram bot at all",
        "{tools:{profile:'messaging'},channels:{telegram:{dmPolicy:'open'}}}",
        &["warn open-channel[without-tools]"],
    ),
    (
        "every host is a trusted proxy",
        "{gateway:{trustedProxies:['0.0.0.0/0']}}",
        &["deny proxy-trust-too-wide"],
    ),
    (
        "nodes of every host are paired",
        "{gateway:{nodes:{pairing:{autoApproveCidrs:['0.0.0.0/0']}}}}",
        &["deny auto-approved-devices"],
    ),
    (
        "the example token of the documentation",
        "{gateway:{auth:{token:'change-me-to-a-long-random-token'}}}",
        &["deny weak-gateway-secret"],
    ),
    (
        "another example",
        "{gateway:{auth:{token:'change-me-now'}}}",
        &["deny weak-gateway-secret"],
    ),
    (
        "the example password",
        "{gateway:{auth:{password:'change-me-to-a-strong-password'}}}",
        &["deny weak-gateway-secret"],
    ),
    (
        "what is left of a redacted token",
        "{gateway:{auth:{token:'__OPENCLAW_REDACTED__'}}}",
        &["deny weak-gateway-secret"],
    ),
    (
        "forty times one letter",
        "{gateway:{auth:{token:'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}}",
        &["deny weak-gateway-secret"],
    ),
    (
        "a model's key in the config",
        "{models:{providers:{a:{apiKey:'sk-test-0123456789'}}}}",
        &["warn secret-in-config"],
    ),
    (
        "a key in env.vars",
        "{env:{vars:{OPENAI_API_KEY:'sk-test-0123456789'}}}",
        &["warn secret-in-config"],
    ),
    (
        "a key of an MCP server",
        "{mcp:{servers:{a:{command:'x',env:{GITHUB_TOKEN:'ghp_0123456789'}}}}}",
        &["warn secret-in-config"],
    ),
    (
        "the state in a sandbox",
        "{agents:{defaults:{sandbox:{mode:'all',docker:{binds:['/home/u/.openclaw:/oc:rw']}}}}}",
        &["deny sandbox-hole[bind]"],
    ),
    (
        "keys of clusters in a sandbox",
        "{agents:{defaults:{sandbox:{mode:'all',docker:{binds:['/home/u/.kube:/k:ro']}}}}}",
        &["deny sandbox-hole[bind]"],
    ),
    (
        "a secret in a sandbox",
        "{agents:{defaults:{sandbox:{mode:'all',docker:{env:{A_TOKEN:'0123456789'}}}}}}",
        &["deny sandbox-hole[secret]"],
    ),
    (
        "a sandbox as root, with all capabilities, a writable root, a network, shared, and the workspace",
        "{agents:{defaults:{sandbox:{mode:'all',scope:'shared',workspaceAccess:'rw',docker:{user:'0:0',capDrop:[],readOnlyRoot:false,network:'bridge'}}}}}",
        &["warn sandbox-weakened"],
    ),
    (
        "a token to a public host over an open line",
        "{gateway:{remote:{url:'ws://203.0.113.5',token:'STRONG'}}}",
        &["warn cleartext-credentials"],
    ),
    (
        "a config that OpenClaw refuses, so that its audit says nothing at all",
        "{agents:{defaults:{sandbox:{mode:'all',docker:{network:'host'}}}},gateway:{trustedProxies:['0.0.0.0/0']}}",
        &["deny sandbox-hole", "deny proxy-trust-too-wide"],
    ),
    (
        "a suppression that hides a critical finding",
        "{gateway:{bind:'lan',auth:{mode:'none'}},security:{audit:{suppressions:[{checkId:'gateway.bind_no_auth',reason:'x'}]}}}",
        &["warn audit-suppressed", "deny gateway-no-auth"],
    ),
];

#[test]
fn what_the_audit_misses_in_a_config_is_found() {
    for (what, config, expected) in MISSED_IN_CONFIG {
        let found = all(&host(&with(config)).1);
        for wanted in *expected {
            let is = |found: &String| found == wanted || found.starts_with(&format!("{wanted}["));
            assert!(
                found.iter().any(is),
                "{what}: {wanted} is not in {found:#?}"
            );
        }
    }
}

/// A file or folder below a state that everyone may enter, its mode, and the finding that names it.
const MISSED_IN_FILES: &[(&str, u32, &str)] = &[
    (".env", 0o644, "secret-readable"),
    ("secrets.json", 0o644, "secret-readable"),
    ("openclaw.json.bak", 0o644, "secret-readable"),
    (
        "credentials/whatsapp/default/creds.json",
        0o644,
        "secret-readable",
    ),
    (
        "credentials/telegram-default-allowFrom.json",
        0o666,
        "secret-readable",
    ),
    ("agents/main/sessions/1.jsonl", 0o644, "secret-readable"),
    ("state/openclaw.sqlite", 0o644, "secret-readable"),
    ("extensions", 0o777, "code-writable"),
    ("hooks", 0o777, "code-writable"),
    ("workspace", 0o777, "code-writable"),
];

#[test]
fn what_the_audit_misses_in_files_is_named() {
    for (place, mode, id) in MISSED_IN_FILES {
        let installation = entered(&[]);
        let path = installation.state.join(place);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        match *mode & 0o111 {
            0 => fs::write(&path, "x").expect("file"),
            _ => fs::create_dir_all(&path).expect("folder"),
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("mode");
        let (_, report) = host(&installation);
        let found = report["findings"].as_array().expect("findings").iter();
        let named = found
            .filter(|f| f["id"] == *id && f["level"] == "deny")
            .any(|f| {
                let seen = f["observed"].as_array().into_iter().flatten();
                seen.map(|seen| seen["path"].as_str().unwrap_or_default())
                    .any(|seen| place.starts_with(seen) || seen == *place)
            });
        assert!(named, "{place}: {:#?}", all(&report));
        // Behind a closed door it is out of reach.
        fs::set_permissions(&installation.state, fs::Permissions::from_mode(0o700)).expect("mode");
        let (_, report) = host(&installation);
        let closed = all(&report);
        assert!(
            !closed.contains(&format!("deny {id}")),
            "{place}: {closed:#?}"
        );
    }
}

/// What the audit says of an installation that is in order, a config that is so, and the findings that must not be there.
const FALSE_ALARMS: &[(&str, &str, &[&str])] = &[
    (
        "trusted_proxies_missing on every default install",
        "{gateway:{mode:'local',bind:'loopback',auth:{mode:'token',token:'STRONG'}}}",
        &["proxy-trust-too-wide"],
    ),
    (
        "allowed_origins_required for a custom address that is loopback",
        "{gateway:{bind:'custom',customBindHost:'127.0.0.1',auth:{token:'STRONG'}}}",
        &["origin-check-off", "gateway-exposed"],
    ),
    (
        "auth_no_rate_limit, which is on by default",
        "{gateway:{bind:'lan',auth:{token:'STRONG'},controlUi:{allowedOrigins:['https://a.example']}}}",
        &["gateway-no-auth", "weak-gateway-secret", "origin-check-off"],
    ),
    (
        "config.insecure_or_dangerous_flags for one that is retired",
        "{gateway:{auth:{token:'STRONG'},controlUi:{dangerouslyDisableDeviceAuth:true}}}",
        &[
            "gateway-no-auth",
            "auto-approved-devices",
            "origin-check-off",
        ],
    ),
];

#[test]
fn what_the_audit_says_without_need_is_not_said() {
    for (what, config, silent) in FALSE_ALARMS {
        let found = all(&host(&with(config)).1);
        for id in *silent {
            assert!(!found.iter().any(|f| f.contains(id)), "{what}: {found:#?}");
        }
    }
    // Without any credential the gateway refuses to start: that is not known to be a hole.
    let found = all(&host(&with("{}")).1);
    let of: Vec<&String> = found
        .iter()
        .filter(|f| f.contains("gateway-no-auth"))
        .collect();
    assert_eq!(of, ["note gateway-no-auth[unset]"]);
    // A name that only contains that of a service.
    let temporary = tempfile::tempdir().expect("folder");
    let home = temporary
        .path()
        .canonicalize()
        .expect("path")
        .join("dropboxer");
    let state = home.join(".openclaw");
    fs::create_dir_all(&state).expect("state");
    fs::write(state.join("openclaw.json"), "{}").expect("config");
    let synced = |state: &std::path::Path| {
        let mut command = crate::support::bare(&home, temporary.path());
        command
            .args(["host", "--format", "json", "--state-dir"])
            .arg(state);
        let run = crate::support::Run::of(&command.output().expect("run"));
        all(&serde_json::from_str(&run.stdout).expect("report"))
            .iter()
            .any(|found| found.contains("shared-filesystem"))
    };
    assert!(!synced(&state));
    let real = temporary.path().join("Dropbox/.openclaw");
    fs::create_dir_all(&real).expect("state");
    fs::write(real.join("openclaw.json"), "{}").expect("config");
    assert!(synced(&real));
}
