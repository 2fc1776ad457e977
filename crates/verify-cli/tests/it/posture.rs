//! `host`: how the machine is set up. Each rule on a config on which it must be silent, and on those on which it must fire.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{FORMATS, Installation, Run, findings};

/// The report of `host` on a state with this config.
pub(crate) fn host(installation: &Installation) -> (i32, Value) {
    let run = installation.run(&["host", "--format", "json"]);
    let report = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", run.stdout, run.stderr));
    (run.code, report)
}

/// A state directory with this config, as OpenClaw makes both; STRONG stands for a good secret.
pub(crate) fn with(config: &str) -> Installation {
    use std::os::unix::fs::PermissionsExt as _;
    let installation = Installation::empty();
    // As OpenClaw makes it.
    fs::set_permissions(&installation.state, fs::Permissions::from_mode(0o700)).expect("mode");
    let config = config.replace("STRONG", STRONG);
    private(&installation.state.join("openclaw.json"), &config);
    installation
}

/// Writes a file that only its owner reads, as OpenClaw does.
fn private(file: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(file, text).expect("file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("mode");
}

/// Level and code of each finding called `id`.
pub(crate) fn of(config: &str, id: &str) -> Vec<String> {
    let (_, report) = host(&with(config));
    let found = report["findings"].as_array().expect("findings").iter();
    found
        .filter(|finding| finding["id"] == id)
        .map(|finding| {
            assert_eq!(finding["subject"], "host:machine");
            assert!(
                !finding["declared"].as_array().expect("declared").is_empty(),
                "{finding:#}"
            );
            let level = finding["level"].as_str().expect("level");
            match finding["code"].as_str() {
                Some(code) => format!("{level} {code}"),
                None => level.to_owned(),
            }
        })
        .collect()
}

/// What of a config a rule says: nothing, or a level and code each.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Rules that look at files, processes or units: their cases are below and in both_cases.rs.
pub(crate) const OF_FILES: [&str; 12] = [
    "secret-in-service",
    "runs-as-root",
    "unit-unhardened",
    "not-confined",
    "stale-secret-copy",
    "secret-readable",
    "code-writable",
    "wrong-owner",
    "verifier-writable",
    "shared-filesystem",
    "disk-not-encrypted",
    "root-equivalent-group",
];

/// Rules that look at files which are handed over, or at repositories: their cases are in given.rs and both_cases.rs.
pub(crate) const OF_GIVEN: [&str; 4] = [
    "published-port",
    "container-hole",
    "nix-pin-mismatch",
    "secret-in-repository",
];

const STRONG: &str = "0123456789abcdef0123456789abcdef";

const CASES: &[Case] = &[
    (
        "gateway-no-auth",
        "{gateway:{auth:{mode:'token',token:{source:'env',provider:'default',id:'OPENCLAW_GATEWAY_TOKEN'}}}}",
        &[],
    ),
    ("gateway-no-auth", "{gateway:{auth:{token:'STRONG'}}}", &[]),
    (
        "gateway-no-auth",
        "{gateway:{bind:'lan',auth:{mode:'none'}}}",
        &["deny"],
    ),
    ("gateway-no-auth", "{gateway:{bind:'lan'}}", &["deny"]),
    (
        "gateway-no-auth",
        "{gateway:{tailscale:{mode:'serve'},auth:{mode:'none'}}}",
        &["deny"],
    ),
    (
        "gateway-no-auth",
        "{gateway:{auth:{mode:'none'}}}",
        &["warn loopback"],
    ),
    ("gateway-no-auth", "{}", &["note unset"]),
    (
        "gateway-no-auth",
        "{gateway:{bind:'lan',auth:{mode:'${MODE}',token:'STRONG'}}}",
        &["note unset"],
    ),
    (
        "gateway-no-auth",
        "{gateway:{bind:'lan',auth:{mode:'${MODE}',token:'STRONG'}},env:{vars:{MODE:'none'}}}",
        &["deny"],
    ),
    ("gateway-exposed", "{}", &[]),
    ("gateway-exposed", "{gateway:{bind:'loopback'}}", &[]),
    (
        "gateway-exposed",
        "{gateway:{bind:'custom',customBindHost:'127.0.0.1'}}",
        &[],
    ),
    ("gateway-exposed", "{gateway:{bind:'lan'}}", &["warn"]),
    ("gateway-exposed", "{gateway:{bind:'custom'}}", &["warn"]),
    (
        "gateway-exposed",
        "{gateway:{bind:'custom',customBindHost:'box.local'}}",
        &["warn"],
    ),
    (
        "gateway-exposed",
        "{gateway:{bind:'auto'}}",
        &["warn unknown"],
    ),
    (
        "gateway-exposed",
        "{gateway:{bind:'${WHERE}'}}",
        &["warn unknown"],
    ),
    (
        "gateway-exposed",
        "{gateway:{bind:'${WHERE}'},env:{vars:{WHERE:'lan'}}}",
        &["warn"],
    ),
    (
        "gateway-exposed",
        "{gateway:{bind:'tailnet'}}",
        &["note tailnet"],
    ),
    (
        "funnel-exposed",
        "{gateway:{tailscale:{mode:'serve'}}}",
        &[],
    ),
    (
        "funnel-exposed",
        "{gateway:{tailscale:{mode:'funnel'}}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'STRONG'}}}",
        &[],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'change-me-to-a-long-random-token'}}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{password:'hunter2'}}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'__OPENCLAW_REDACTED__'}}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'STRONG'}},hooks:{token:'STRONG'}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'${T}'}},env:{vars:{T:'short'}}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'${A}-${B}'}},env:{vars:{A:'sh',B:'ort'}}}",
        &["deny"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:'${A}-0123456789abcdef'}}}",
        &["note elsewhere"],
    ),
    (
        "weak-gateway-secret",
        "{gateway:{auth:{token:{source:'exec',provider:'op',id:'x'}}}}",
        &["note elsewhere"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{trustedProxies:['127.0.0.1','10.0.0.0/24','fd00::/64']}}",
        &[],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{trustedProxies:['0.0.0.0/0']}}",
        &["deny"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{trustedProxies:['0/0']}}",
        &["deny"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{trustedProxies:['167772160/8','x/8','nginx']}}",
        &["deny", "warn range"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{trustedProxies:['10.0.0.0/16','fd00::/48']}}",
        &["deny", "deny"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{trustedProxies:['::ffff:0.0.0.0/96','::ffff:10.0.0.0/112','::ffff:10.0.0.1/128']}}",
        &["deny", "deny"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{trustedProxies:['127.0.0.1'],allowRealIpFallback:true}}",
        &["deny"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{auth:{mode:'trusted-proxy',trustedProxy:{userHeader:'X-User',allowUsers:['a'],deviceAutoApprove:{scopes:['operator.admin']}}}}}",
        &["deny"],
    ),
    (
        "proxy-trust-too-wide",
        "{gateway:{auth:{mode:'trusted-proxy'}}}",
        &["deny", "deny"],
    ),
    (
        "origin-check-off",
        "{gateway:{bind:'lan',controlUi:{allowedOrigins:['https://a.example']}}}",
        &[],
    ),
    (
        "origin-check-off",
        "{gateway:{controlUi:{allowedOrigins:['*']}}}",
        &["warn"],
    ),
    (
        "origin-check-off",
        "{gateway:{bind:'lan',controlUi:{allowedOrigins:['*']}}}",
        &["deny"],
    ),
    (
        "origin-check-off",
        "{gateway:{controlUi:{dangerouslyAllowHostHeaderOriginFallback:true}}}",
        &["warn"],
    ),
    ("auto-approved-devices", "{gateway:{nodes:{}}}", &[]),
    (
        "auto-approved-devices",
        "{gateway:{nodes:{pairing:{autoApproveCidrs:['10.0.0.0/8']}}}}",
        &["warn"],
    ),
    (
        "auto-approved-devices",
        "{gateway:{nodes:{pairing:{autoApproveCidrs:['0.0.0.0/0']}}}}",
        &["deny"],
    ),
    (
        "auto-approved-devices",
        "{gateway:{nodes:{pairing:{autoApproveCidrs:['0x0/0']}}}}",
        &["deny"],
    ),
    (
        "auto-approved-devices",
        "{gateway:{nodes:{pairing:{autoApproveCidrs:['fd00::1::/8']}}}}",
        &["warn", "warn range"],
    ),
    (
        "auto-approved-devices",
        "{gateway:{nodes:{commands:{allow:['camera.snap','camera.list']}}}}",
        &["warn commands"],
    ),
    (
        "cleartext-credentials",
        "{gateway:{remote:{url:'ws://127.0.0.1:1',token:'STRONG'}},models:{providers:{a:{baseUrl:'http://192.168.1.2/v1',apiKey:'k'}}}}",
        &[],
    ),
    (
        "cleartext-credentials",
        "{gateway:{remote:{url:'ws://box.tail.ts.net',token:'STRONG'}}}",
        &[],
    ),
    (
        "cleartext-credentials",
        "{gateway:{remote:{url:'ws://203.0.113.5',token:'STRONG'}}}",
        &["warn"],
    ),
    (
        "cleartext-credentials",
        "{models:{providers:{a:{baseUrl:'http://203.0.113.5/v1',apiKey:'k'},b:{baseUrl:'http://203.0.113.5/v1'}}},browser:{profiles:{x:{cdpUrl:'http://203.0.113.6:9222'}}}}",
        &["warn", "warn"],
    ),
    (
        "cleartext-credentials",
        "{mcp:{servers:{a:{url:'HTTP://203.0.113.5/mcp',headers:{Authorization:'Bearer ${T}'}},b:{url:'http://203.0.113.5/open'}}},channels:{mattermost:{baseUrl:'http://203.0.113.7',botToken:'${B}'}}}",
        &["warn", "warn"],
    ),
    (
        "cleartext-credentials",
        "{mcp:{servers:{a:{url:'https://203.0.113.5/mcp',headers:{A:'b'}},c:{url:'http://[::1]:9/mcp',headers:{A:'b'}}}}}",
        &[],
    ),
    (
        "cleartext-credentials",
        "{gateway:{remote:{url:'ws://gw.example.org',token:'STRONG'}}}",
        &["note name"],
    ),
    (
        "hook-ingress-weak",
        "{hooks:{enabled:true,token:'STRONG',path:'/hooks',allowedAgentIds:[]}}",
        &[],
    ),
    (
        "hook-ingress-weak",
        "{hooks:{enabled:false,token:'x',path:'/'}}",
        &[],
    ),
    (
        "hook-ingress-weak",
        "{hooks:{enabled:true,token:'short',path:'/',allowedAgentIds:[]}}",
        &["deny", "deny"],
    ),
    (
        "hook-ingress-weak",
        "{gateway:{auth:{token:'STRONG'}},hooks:{enabled:true,token:'STRONG',allowRequestSessionKey:true,mappings:[{allowUnsafeExternalContent:true}]}}",
        &["deny", "warn agents", "warn content", "warn sessions"],
    ),
    ("http-tools-reopened", "{gateway:{tools:{allow:[]}}}", &[]),
    (
        "http-tools-reopened",
        "{gateway:{tools:{allow:['exec','web_search']}}}",
        &["warn"],
    ),
    (
        "http-tools-reopened",
        "{gateway:{tools:{allow:['Bash','group:runtime','fs_*','web_search']}}}",
        &["warn"],
    ),
    (
        "mdns-announces-host",
        "{discovery:{mdns:{mode:'minimal'}}}",
        &[],
    ),
    (
        "mdns-announces-host",
        "{discovery:{mdns:{mode:'full'}}}",
        &["note"],
    ),
    (
        "mdns-announces-host",
        "{gateway:{bind:'lan'},discovery:{mdns:{mode:'full'}}}",
        &["warn"],
    ),
    (
        "elevated-open",
        "{tools:{elevated:{allowFrom:{telegram:['1']}}}}",
        &[],
    ),
    (
        "elevated-open",
        "{tools:{elevated:{enabled:false,allowFrom:{telegram:['*']}}}}",
        &[],
    ),
    (
        "elevated-open",
        "{tools:{elevated:{allowFrom:{telegram:['*']}}},agents:{entries:{a:{tools:{elevated:{allowFrom:{discord:['*']}}}}}}}",
        &["deny", "deny"],
    ),
    ("mutable-sender-id", "{channels:{discord:{}}}", &[]),
    (
        "mutable-sender-id",
        "{channels:{discord:{accounts:{a:{dangerouslyAllowNameMatching:true}}}}}",
        &["warn"],
    ),
    (
        "open-channel",
        "{channels:{telegram:{dmPolicy:'pairing'}}}",
        &[],
    ),
    (
        "open-channel",
        "{channels:{telegram:{enabled:false,dmPolicy:'open',allowFrom:['*']}}}",
        &[],
    ),
    (
        "open-channel",
        "{channels:{telegram:{dmPolicy:'open',allowFrom:['*']}}}",
        &["deny", "deny"],
    ),
    (
        "open-channel",
        "{tools:{profile:'messaging'},channels:{telegram:{dmPolicy:'open'},defaults:{groupPolicy:'open'}}}",
        &["warn without-tools", "warn without-tools"],
    ),
    (
        "open-channel",
        "{channels:{telegram:{accounts:{a:{groups:{'-100.1':{topics:{'7':{allowFrom:['1','*']}}}}}}}}}",
        &["deny"],
    ),
    (
        "open-channel",
        "{agents:{entries:{main:{},guest:{tools:{profile:'messaging'}}}},bindings:[{agentId:'guest',match:{channel:'telegram',accountId:'*'}}],channels:{telegram:{dmPolicy:'open'}}}",
        &["warn without-tools"],
    ),
    (
        "shared-dm-session",
        "{channels:{telegram:{allowFrom:['1']}}}",
        &[],
    ),
    (
        "shared-dm-session",
        "{channels:{telegram:{allowFrom:['1',2]}}}",
        &["warn"],
    ),
    (
        "shared-dm-session",
        "{session:{dmScope:'per-peer'},channels:{telegram:{allowFrom:['1','2']}}}",
        &[],
    ),
    (
        "shared-dm-session",
        "{session:{identityLinks:{ada:['telegram:1','discord:2']}},channels:{telegram:{allowFrom:['1']},discord:{allowFrom:['2']}}}",
        &[],
    ),
    (
        "elevated-open",
        "{agents:{defaults:{tools:{elevated:{allowFrom:{telegram:['${ALL}']}}}},list:[{id:'a',tools:{elevated:{allowFrom:{discord:['*']}}}}]},env:{vars:{ALL:'*'}}}",
        &["deny", "deny"],
    ),
    (
        "mutable-sender-id",
        "{plugins:{entries:{irc:{config:{dangerouslyAllowNameMatching:true}}}}}",
        &["warn"],
    ),
    ("exec-unrestricted", "{}", &["warn default"]),
    ("exec-unrestricted", "{tools:{exec:{mode:'ask'}}}", &[]),
    (
        "exec-unrestricted",
        "{agents:{defaults:{sandbox:{mode:'all'}}}}",
        &[],
    ),
    (
        "exec-unrestricted",
        "{tools:{profile:'messaging',deny:['group:runtime','group:fs']}}",
        &[],
    ),
    (
        "exec-unrestricted",
        "{tools:{exec:{security:'full',ask:'on-miss'}}}",
        &["warn configured"],
    ),
    (
        "exec-unrestricted",
        "{agents:{defaults:{sandbox:{mode:'all'}}},tools:{exec:{host:'gateway'}}}",
        &["warn default"],
    ),
    (
        "exec-unrestricted",
        "{tools:{exec:{mode:'ask'}},agents:{entries:{a:{},b:{tools:{exec:{mode:'full'}}},c:{tools:{exec:{mode:'full'}}}}}}",
        &["warn configured"],
    ),
    (
        "exec-unrestricted",
        "{channels:{telegram:{dmPolicy:'open'}}}",
        &["deny default"],
    ),
    ("sandbox-off", "{}", &["warn"]),
    (
        "sandbox-off",
        "{agents:{defaults:{sandbox:{mode:'all'}}}}",
        &[],
    ),
    (
        "sandbox-off",
        "{tools:{profile:'messaging',deny:['group:runtime','group:fs']}}",
        &[],
    ),
    (
        "sandbox-off",
        "{agents:{defaults:{sandbox:{mode:'non-main'}}}}",
        &["warn main-on-host"],
    ),
    (
        "sandbox-hole",
        "{agents:{defaults:{sandbox:{mode:'all',docker:{binds:['/srv/data:/data:ro']}}}}}",
        &[],
    ),
    (
        "sandbox-hole",
        "{agents:{defaults:{sandbox:{mode:'all',docker:{binds:['/home/u/.openclaw:/oc:rw']}}}}}",
        &["deny bind"],
    ),
    (
        "sandbox-hole",
        "{agents:{entries:{a:{sandbox:{docker:{binds:['/srv/../etc/ssl:/s:ro','/home/u:/h','/var/run/docker.sock:/d','/home/u/work:/w:rw','/:/all:ro']}}}}}}",
        &["deny bind", "deny bind", "deny bind", "deny bind"],
    ),
    (
        "sandbox-hole",
        "{agents:{defaults:{sandbox:{docker:{dangerouslyAllowExternalBindSources:true,env:{GITHUB_TOKEN:'x',LANG:'C'}}}}}}",
        &["deny flag", "deny secret"],
    ),
    (
        "sandbox-hole",
        "{agents:{defaults:{sandbox:{docker:{network:'host',seccompProfile:'unconfined',apparmorProfile:'${A}'}}}},env:{vars:{A:'unconfined'}}}",
        &["deny network", "deny unconfined", "deny unconfined"],
    ),
    (
        "sandbox-hole",
        "{agents:{defaults:{sandbox:{docker:{network:'none',seccompProfile:'/etc/openclaw/seccomp.json',binds:['${WHERE}:/w','data:/d',7]}}}}}",
        &["note unknown", "note unknown", "note unknown"],
    ),
    ("sandbox-weakened", "{}", &[]),
    (
        "sandbox-weakened",
        "{agents:{defaults:{sandbox:{mode:'all',docker:{capDrop:['ALL'],pidsLimit:256,memory:'1g',network:'none'}}}}}",
        &["note sandbox-unobserved"],
    ),
    (
        "sandbox-weakened",
        "{agents:{defaults:{sandbox:{docker:{user:'00:1000'}}},entries:{a:{sandbox:{docker:{user:'+0'}}},b:{sandbox:{docker:{user:'10:0'}}}}}}",
        &["warn root", "warn root"],
    ),
    (
        "sandbox-weakened",
        "{agents:{defaults:{sandbox:{docker:{user:'0:0',capDrop:[],readOnlyRoot:false}}}}}",
        &["warn capabilities", "warn root", "warn writable-root"],
    ),
    (
        "sandbox-weakened",
        "{agents:{entries:{a:{sandbox:{scope:'shared',workspaceAccess:'rw',browser:{allowHostControl:true},docker:{network:'bridge'}}}}}}",
        &[
            "warn browser",
            "warn network",
            "warn shared",
            "warn workspace",
        ],
    ),
    (
        "sandbox-weakened",
        "{agents:{defaults:{sandbox:{mode:'all'}}}}",
        &["note limits", "note limits", "note sandbox-unobserved"],
    ),
    (
        "interpreter-allowlisted",
        "{tools:{exec:{safeBins:['jq'],safeBinTrustedDirs:['/usr/bin']}}}",
        &[],
    ),
    (
        "interpreter-allowlisted",
        "{tools:{exec:{safeBins:['python3.12','jq']}}}",
        &["warn"],
    ),
    (
        "interpreter-allowlisted",
        "{agents:{list:[{id:'a',tools:{exec:{safeBins:['bash']}}}]}}",
        &["warn"],
    ),
    (
        "interpreter-allowlisted",
        "{tools:{exec:{safeBins:['python3'],strictInlineEval:true}}}",
        &[],
    ),
    (
        "interpreter-allowlisted",
        "{tools:{exec:{strictInlineEval:true}},agents:{entries:{a:{tools:{exec:{safeBins:['/usr/bin/node'],strictInlineEval:false,safeBinTrustedDirs:['/tmp/bin']}}}}}}",
        &["warn", "warn folder"],
    ),
    ("files-unconfined", "{}", &[]),
    (
        "files-unconfined",
        "{tools:{exec:{mode:'ask'},fs:{workspaceOnly:true}}}",
        &[],
    ),
    ("files-unconfined", "{tools:{exec:{mode:'ask'}}}", &["note"]),
    (
        "files-unconfined",
        "{tools:{exec:{applyPatch:{workspaceOnly:false}}}}",
        &["warn patches"],
    ),
    ("install-not-gated", "{}", &["note"]),
    (
        "install-not-gated",
        "{security:{installPolicy:{enabled:true,exec:{source:'exec',command:'/usr/bin/env'}}}}",
        &[],
    ),
    (
        "install-not-gated",
        "{security:{installPolicy:{enabled:true,exec:{source:'exec',command:'/nowhere/gate'}}}}",
        &["note command"],
    ),
    (
        "install-not-gated",
        "{security:{installPolicy:{enabled:false}}}",
        &["note off"],
    ),
    (
        "audit-suppressed",
        "{security:{audit:{suppressions:[]}}}",
        &[],
    ),
    (
        "audit-suppressed",
        "{security:{audit:{suppressions:[{checkId:'gateway.bind_no_auth',reason:'noise'}]}}}",
        &["warn"],
    ),
    (
        "secret-in-config",
        "{gateway:{auth:{token:'${TOKEN}'}},models:{providers:{o:{apiKey:'ollama'}}},hooks:{token:'STRONG'}}",
        &[],
    ),
    (
        "secret-in-config",
        "{env:{vars:{OPENAI_API_KEY:'sk-test-0123456789'}},mcp:{servers:{a:{command:'x',env:{GITHUB_TOKEN:'ghp_0123456789abcdef'}}}}}",
        &["warn"],
    ),
    (
        "secret-in-config",
        "{mcp:{servers:{a:{command:'x',args:['--api-key','0123456789abcdef']}}}}",
        &["warn"],
    ),
];

#[test]
fn each_rule_is_silent_and_fires() {
    for (id, config, expected) in CASES {
        let mut found = of(config, id);
        found.sort();
        assert_eq!(found, *expected, "{id}: {config}");
    }
}

#[test]
fn a_bind_of_an_unknown_home_folder_is_not_a_closed_one() {
    let of = |bind: &str| {
        let config = format!("{{agents:{{defaults:{{sandbox:{{docker:{{binds:['{bind}']}}}}}}}}}}");
        let installation = with(&config);
        let machine = openclaw_verify_core::Verifier::builder(jiff::Timestamp::UNIX_EPOCH)
            .state_dir(&installation.state)
            .without_home()
            .build()
            .expect("verifier");
        let report = machine.posture().expect("report");
        let found = report.findings.iter().filter(|f| f.id == "sandbox-hole");
        let said: Vec<String> = found
            .map(|f| format!("{} {}", f.level.as_str(), f.code.unwrap_or_default()))
            .collect();
        said.concat()
    };
    for open in [
        "~:/h",
        "~/:/h",
        "~/.ssh:/s:ro",
        "~/./.aws:/a",
        "~/../ada:/h",
    ] {
        assert_eq!(of(open), "deny bind", "{open}");
    }
    for unknown in ["~/work:/w", "~ada/work:/w", "work:/w"] {
        assert_eq!(of(unknown), "note unknown", "{unknown}");
    }
    assert_eq!(of("/srv/data:/data"), "");
}

#[test]
fn every_rule_about_the_machine_has_both_cases() {
    let about = |rule: &&openclaw_verify_core::rules::Rule| {
        let groups = ["exposure", "access", "execution", "secrets", "platform"];
        let elsewhere = OF_FILES.contains(&rule.id) || OF_GIVEN.contains(&rule.id);
        groups.contains(&rule.group.as_str()) && !elsewhere
    };
    let mut count = 0;
    for rule in openclaw_verify_core::rules::catalogue()
        .iter()
        .filter(about)
    {
        let cases = || CASES.iter().filter(|(id, ..)| *id == rule.id);
        assert!(cases().any(|(_, _, found)| found.is_empty()), "{}", rule.id);
        assert!(
            cases().any(|(_, _, found)| !found.is_empty()),
            "{}",
            rule.id
        );
        count += 1;
    }
    assert!(count >= 24, "{count}");
}

#[test]
fn no_value_of_a_secret_is_in_any_format() {
    let installation = with(
        "{gateway:{bind:'lan',auth:{token:'sesame-open'}},hooks:{enabled:true,token:'sesame-hook'},models:{providers:{a:{baseUrl:'http://sesame:sesame-user@203.0.113.5/?key=sesame-query',apiKey:'sesame-key'}}},env:{vars:{OPENCLAW_GATEWAY_PASSWORD:'sesame-env'}}}",
    );
    for format in ["human", "json", "sarif", "github", "junit"] {
        let run = installation.run(&["host", "-v", "--format", format]);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stdout.contains("weak-gateway-secret"), "{}", run.text());
        assert!(!run.text().contains("sesame"), "{format}: {}", run.text());
    }
    let run = installation.run(&["host", "--commands"]);
    assert!(!run.text().contains("sesame"), "{}", run.text());
}

#[test]
fn a_finding_names_key_file_and_line() {
    let installation = with(
        "{\n  // where\n  gateway: {\n    bind: 'lan',\n    auth: { token: 'STRONG' },\n  },\n}\n",
    );
    let (_, report) = host(&installation);
    let finding = &report["findings"][0];
    assert_eq!(
        finding["declared"],
        json!([{ "path": "gateway.bind", "value": "\"lan\"", "file": "openclaw.json", "line": 4 }])
    );
    assert_eq!(
        finding["remedy"],
        json!({ "kind": "configure", "path": "gateway.bind", "value": "\"loopback\"" })
    );
    assert_eq!(report["stage"], "host");
    let run = installation.run(&["host", "--format", "sarif"]);
    let log: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "openclaw.json");
    assert_eq!(place["region"]["startLine"], 4);
}

#[test]
fn an_exception_covers_these_values_and_no_others() {
    let installation = with("{gateway:{bind:'lan',auth:{token:'STRONG'}}}");
    let (_, report) = host(&installation);
    let exposed = |report: &Value| {
        let all = report["findings"].as_array().expect("findings").clone();
        let found = all.into_iter().find(|f| f["id"] == "gateway-exposed");
        found.expect("gateway-exposed")
    };
    let definition = exposed(&report)["definition"].clone();
    let policy = format!(
        "version = 1\npreset = \"default\"\n\n[[exception]]\npackage = \"host:machine\"\ndefinition = {definition}\nallow = [\"gateway-exposed\"]\nreason = \"a lab without other hosts\"\nuntil = 2026-12-24\n"
    );
    fs::write(installation.policy(), policy).expect("policy");
    let (_, report) = host(&installation);
    let covered = exposed(&report);
    assert_eq!(covered["suppressed"]["until"], "2026-12-24", "{covered:#}");
    // Other values are another decision, and then the exception covers nothing.
    let wider = "{gateway:{bind:'custom',customBindHost:'203.0.113.9',auth:{token:'STRONG'}}}";
    let wider = wider.replace("STRONG", STRONG);
    fs::write(installation.state.join("openclaw.json"), wider).expect("config");
    let (_, report) = host(&installation);
    assert!(exposed(&report)["suppressed"].is_null());
    let all = findings(&report);
    assert!(
        all.iter()
            .any(|f| f.starts_with("exception-unused host:machine")),
        "{all:#?}"
    );
}

/// Whether an exception for what `rule` says of the installation as it is now still covers it after each of these changes.
fn covered_after(installation: &Installation, rule: &str, changes: &[&dyn Fn()]) -> Vec<bool> {
    let found = || {
        let (_, report) = host(installation);
        let all = report["findings"].as_array().expect("findings").clone();
        let mut of = all.into_iter().filter(|f| f["id"] == rule);
        let first = of.next().unwrap_or_else(|| panic!("{rule}"));
        assert!(of.next().is_none(), "one finding of {rule}");
        first
    };
    let definition = found()["definition"].clone();
    let policy = format!(
        "version = 1\n\n[[exception]]\npackage = \"host:machine\"\ndefinition = {definition}\nallow = [\"{rule}\"]\nreason = \"x\"\nuntil = 2026-12-24\n"
    );
    fs::write(installation.policy(), policy).expect("policy");
    let changes = changes.iter().map(|change| {
        change();
        !found()["suppressed"].is_null()
    });
    changes.collect()
}

#[test]
fn an_exception_does_not_cover_what_is_opened_further_below() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: std::path::PathBuf, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    };
    let new = || {
        entered(&[
            ("extensions/a/index.js", 0o666),
            ("extensions/a/other.js", 0o644),
        ])
    };
    let one = new();
    let at = |name: &str| one.state.join("extensions/a").join(name);
    let covered = covered_after(
        &one,
        "code-writable",
        &[
            &|| {},
            &|| mode(at("other.js"), 0o666),
            &|| mode(at("index.js"), 0o644),
            &|| {
                mode(at("other.js"), 0o644);
                mode(at(""), 0o777);
            },
            &|| {
                mode(at(""), 0o755);
                mode(at("index.js"), 0o666);
            },
        ],
    );
    assert_eq!(covered, [true, false, false, false, true]);
    // Who may write the folder may write what lies in it: a new file there is no further opening.
    let folder = entered(&[("extensions/a/index.js", 0o644), ("extensions/a", 0o777)]);
    let file = folder.state.join("extensions/a/new.js");
    let covered = covered_after(
        &folder,
        "code-writable",
        &[&|| {
            fs::write(&file, "x").expect("file");
            mode(file.clone(), 0o666);
        }],
    );
    assert_eq!(covered, [true]);
    // More of them than are named.
    let names: Vec<String> = (0..9).map(|n| format!("extensions/a/{n}.js")).collect();
    let modes: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 0o666)).collect();
    let many = entered(&modes);
    let at = |name: &str| many.state.join(name);
    let swapped = || {
        mode(at("extensions/a/8.js"), 0o644);
        fs::write(at("extensions/a/9.js"), "x").expect("file");
        mode(at("extensions/a/9.js"), 0o666);
    };
    assert_eq!(covered_after(&many, "code-writable", &[&swapped]), [false]);
    // A folder above is one opening, and another one another.
    let above = entered(&[]);
    mode(above.state.join("openclaw.json"), 0o666);
    let root = above.state.clone();
    let wider = || {
        mode(above.state.join("openclaw.json"), 0o600);
        mode(root.clone(), 0o777);
    };
    let (_, before) = host(&above);
    let of = |report: &Value| {
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|f| f["id"] == "code-writable")
            .map(|f| f["definition"].to_string())
            .collect::<Vec<_>>()
    };
    let before = of(&before);
    wider();
    let after = of(&host(&above).1);
    assert!(!before.is_empty() && before.iter().all(|one| !after.contains(one)));
}

#[test]
fn an_exception_does_not_cover_what_raises_the_level() {
    let of = |rule: &str, before: &str, after: &[&str]| {
        let installation = with(before);
        let config = installation.state.join("openclaw.json");
        let write = |text: &str| {
            private(&config, &text.replace("STRONG", STRONG));
        };
        let changes: Vec<Box<dyn Fn()>> = after
            .iter()
            .map(|text| Box::new(|| write(text)) as Box<dyn Fn()>)
            .collect();
        let changes: Vec<&dyn Fn()> = changes.iter().map(AsRef::as_ref).collect();
        covered_after(&installation, rule, &changes)
    };
    let origins = "auth:{token:'STRONG'},controlUi:{allowedOrigins:['*']}";
    let bound = |more: &str| format!("{{gateway:{{{origins}{more}}}}}");
    let covered = of(
        "origin-check-off",
        &bound(""),
        &[
            &bound(",bind:'loopback'"),
            &bound(",bind:'lan'"),
            &bound(",tailscale:{mode:'serve'}"),
        ],
    );
    assert_eq!(covered, [true, false, false]);
    let mdns = "gateway:{auth:{token:'STRONG'}";
    let covered = of(
        "mdns-announces-host",
        &format!("{{discovery:{{mdns:{{mode:'full'}}}},{mdns}}}}}"),
        &[&format!(
            "{{discovery:{{mdns:{{mode:'full'}}}},{mdns},bind:'lan'}}}}"
        )],
    );
    assert_eq!(covered, [false]);
    let covered = of(
        "exec-unrestricted",
        "{channels:{telegram:{dmPolicy:'pairing'}}}",
        &["{channels:{telegram:{dmPolicy:'open',allowFrom:[]}}}"],
    );
    assert_eq!(covered, [false]);
    let covered = of(
        "open-channel",
        "{channels:{telegram:{dmPolicy:'open'}},tools:{allow:['write']}}",
        &["{channels:{telegram:{dmPolicy:'open'}},tools:{allow:['write','exec']}}"],
    );
    assert_eq!(covered, [false]);
}

/// Gives a place an access control list of these entries: tag, rights, number.
#[cfg(target_os = "linux")]
fn list(path: &std::path::Path, entries: &[(u16, u16, u32)]) {
    let mut bytes = vec![2, 0, 0, 0];
    for (tag, rights, number) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(number.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(path, "system.posix_acl_access", &bytes, flags)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[test]
#[cfg(target_os = "linux")]
fn an_access_control_list_opens_what_the_mode_does_not() {
    const NONE: u32 = u32::MAX;
    let bob = |rights: u16, own: u16| {
        [
            (1, own, NONE),
            (2, rights, 4242),
            (4, 0, NONE),
            (16, rights, NONE),
            (32, 0, NONE),
        ]
    };
    let installation = entered(&[("secrets.json", 0o600), ("extensions/a/index.js", 0o600)]);
    let folder = etc(&installation, "ada:x:GID:\n");
    let found = || about_files(&installation, &["--etc", folder.to_str().expect("text")]);
    let at = |name: &str| installation.state.join(name);
    assert!(found().is_empty());
    // No way in yet: the folder above is closed, and then only the file is open to the user.
    list(&at("secrets.json"), &bob(4, 6));
    list(&installation.state, &bob(0, 7));
    assert_eq!(found(), ["note secret-readable[latent] secrets.json"]);
    list(&installation.state, &bob(1, 7));
    assert_eq!(found(), ["deny secret-readable secrets.json"]);
    let run = installation.run(&["host", "--etc", folder.to_str().expect("text")]);
    assert!(
        run.stdout.contains("the user bob can read"),
        "{}",
        run.text()
    );
    list(&at("secrets.json"), &bob(0, 6));
    list(&at("extensions/a/index.js"), &bob(6, 6));
    assert_eq!(found(), ["deny code-writable extensions/a/index.js"]);
    // What is printed takes a list's rights away too.
    let run = installation.run(&[
        "host",
        "--commands",
        "--etc",
        folder.to_str().expect("text"),
    ]);
    for command in run.stdout.lines().filter(|line| line.starts_with("chmod ")) {
        let done = std::process::Command::new("sh")
            .args(["-c", command])
            .status();
        assert!(done.expect("sh").success(), "{command}");
    }
    assert!(found().is_empty(), "{:#?} after {}", found(), run.stdout);
    // A list that gives rights to the owner and root only is none to speak of.
    let own = {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(&installation.state).expect("state").uid()
    };
    let harmless = [
        (1, 7, NONE),
        (2, 7, 0),
        (2, 7, own.max(1)),
        (4, 0, NONE),
        (16, 7, NONE),
        (32, 0, NONE),
    ];
    if own != 0 {
        list(&installation.state, &harmless);
        list(&at("secrets.json"), &harmless);
    } else {
        list(
            &at("secrets.json"),
            &[
                harmless[0],
                harmless[1],
                harmless[3],
                harmless[4],
                harmless[5],
            ],
        );
    }
    assert!(found().is_empty(), "{:#?}", found());
}

#[test]
fn copies_of_the_config_must_not_hold_what_was_moved() {
    let plain = "{\n gateway: {\n  auth: { token: 'STRONG' } } }";
    let moved = "{gateway:{auth:{token:{source:'env',provider:'default',id:'T'}}}}";
    let of_copy = |config: &str, copy: &str| {
        let installation = with(config);
        let copy = copy.replace("STRONG", STRONG);
        fs::write(installation.state.join("openclaw.json.bak.2"), copy).expect("copy");
        let (_, report) = host(&installation);
        let found = report["findings"].as_array().expect("findings").clone();
        let found = found.into_iter().find(|f| f["id"] == "stale-secret-copy");
        found.map(|f| f["declared"].clone())
    };
    assert_eq!(of_copy(plain, plain), None);
    assert_eq!(of_copy(moved, moved), None);
    assert_eq!(of_copy(moved, "{ no config"), None);
    let expected = json!([{ "path": "gateway.auth.token", "value": "set in plain text", "file": "openclaw.json.bak.2", "line": 3 }]);
    assert_eq!(of_copy(moved, plain), Some(expected));
}

#[test]
fn credentials_that_moved_into_the_database_are_stale() {
    let installation = with("{}");
    let agent = installation.state.join("agents/main/agent");
    fs::create_dir_all(&agent).expect("folder");
    let store = r#"{"profiles":{"a":{"type":"api_key","key":"sk-test-0123456789"}}}"#;
    fs::write(agent.join("auth-profiles.json"), store).expect("store");
    let stale = || {
        let all = findings(&host(&installation).1);
        all.iter().any(|f| f.starts_with("stale-secret-copy"))
    };
    assert!(!stale(), "OpenClaw still reads it");
    fs::write(agent.join("openclaw-agent.sqlite"), "").expect("database");
    assert!(stale());
    fs::write(
        agent.join("auth-profiles.json"),
        r#"{"profiles":{"a":{"key":"${X}"}}}"#,
    )
    .expect("store");
    assert!(!stale());
}

/// An installation whose folders everyone may enter, with modes of its own.
pub(crate) fn entered(modes: &[(&str, u32)]) -> Installation {
    use std::os::unix::fs::PermissionsExt as _;
    let installation = with("{gateway:{auth:{token:'STRONG'}}}");
    let root = installation.state.parent().expect("root").to_owned();
    let mode = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    };
    mode(&root, 0o755);
    mode(&installation.state, 0o755);
    mode(&installation.state.join("openclaw.json"), 0o600);
    for (path, bits) in modes {
        let path = installation.state.join(path);
        if !path.exists() {
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            match path.extension() {
                Some(_) => fs::write(&path, "x").expect("file"),
                None => fs::create_dir_all(&path).expect("folder"),
            }
        }
        mode(&path, *bits);
    }
    installation
}

/// Id, code, and where of the findings about files.
pub(crate) fn about_files(installation: &Installation, arguments: &[&str]) -> Vec<String> {
    let mut line = vec!["host", "--format", "json"];
    line.extend(arguments);
    let run = installation.run(&line);
    let report: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.text()));
    let found = report["findings"].as_array().expect("findings").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found
        .filter(|finding| OF_FILES.contains(&text(&finding["id"]).as_str()))
        .map(|finding| {
            let code = match finding["code"].as_str() {
                Some(code) => format!("[{code}]"),
                None => String::new(),
            };
            let place = text(&finding["observed"][0]["path"]);
            format!(
                "{} {}{code} {place}",
                text(&finding["level"]),
                text(&finding["id"])
            )
        })
        .collect()
}

#[test]
fn a_file_is_open_only_where_every_folder_above_lets_others_in() {
    let modes = [
        ("a/.env.x", 0o600),
        ("secrets.json", 0o644),
        ("credentials/whatsapp/creds.json", 0o644),
    ];
    let open = entered(&modes);
    assert_eq!(
        about_files(&open, &[]),
        [
            "deny secret-readable credentials/whatsapp/creds.json",
            "deny secret-readable secrets.json"
        ]
    );
    let closed = entered(&modes);
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&closed.state, fs::Permissions::from_mode(0o700)).expect("mode");
    assert_eq!(
        about_files(&closed, &[]),
        ["note secret-readable[latent] secrets.json"]
    );
    assert!(about_files(&entered(&[("secrets.json", 0o600)]), &[]).is_empty());
}

#[test]
fn what_is_printed_closes_it() {
    let installation = entered(&[
        ("secrets.json", 0o644),
        ("extensions/a/index.js", 0o666),
        ("workspace/skills", 0o777),
    ]);
    let run = installation.run(&["host", "--commands"]);
    let commands: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("chmod "))
        .collect();
    assert_eq!(commands.len(), 3, "{}", run.stdout);
    for command in commands {
        let done = std::process::Command::new("sh")
            .args(["-c", command])
            .status()
            .expect("sh");
        assert!(done.success(), "{command}");
    }
    assert!(about_files(&installation, &[]).is_empty());
}

#[test]
fn what_is_printed_of_an_open_machine_closes_it_at_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let names = ["", ".1", ".2", ".3", ".4"].map(|end| format!("openclaw.json.bak{end}"));
    let mut modes: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 0o644)).collect();
    modes.extend([
        ("secrets.json", 0o644),
        ("extensions", 0o777),
        ("skills/a", 0o777),
    ]);
    let installation = entered(&modes);
    let root = installation.state.parent().expect("root").to_owned();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).expect("mode");
    let found = about_files(&installation, &[]);
    let readable = found.iter().filter(|f| f.contains("secret-readable"));
    assert_eq!(readable.count(), 1, "{found:#?}");
    let run = installation.run(&["host", "--commands"]);
    for command in run.stdout.lines().filter(|line| line.starts_with("chmod ")) {
        let done = std::process::Command::new("sh")
            .args(["-c", command])
            .status();
        assert!(done.expect("sh").success(), "{command}");
    }
    let left = about_files(&installation, &[]);
    assert!(left.is_empty(), "{left:#?} after {}", run.stdout);
}

#[test]
fn code_that_others_can_change_is_seen_below_its_root() {
    let installation = entered(&[
        ("extensions/a/index.js", 0o666),
        ("skills", 0o777),
        ("workspace/notes", 0o777),
        ("workspace/AGENTS.md", 0o666),
    ]);
    assert_eq!(
        about_files(&installation, &[]),
        [
            "deny code-writable skills",
            "deny code-writable extensions/a/index.js",
            "deny code-writable workspace/AGENTS.md"
        ]
    );
    let closed = entered(&[
        ("extensions/a/index.js", 0o644),
        ("skills", 0o755),
        ("workspace/notes", 0o777),
    ]);
    assert!(about_files(&closed, &[]).is_empty());
    // A folder above that everyone may write gives everything below it away, unless it is sticky.
    let above = entered(&[("openclaw.json", 0o600)]);
    use std::os::unix::fs::PermissionsExt as _;
    let root = above.state.parent().expect("root").to_owned();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).expect("mode");
    let found = about_files(&above, &[]);
    assert!(
        found.contains(&"deny code-writable openclaw.json".to_owned()),
        "{found:#?}"
    );
    fs::set_permissions(&root, fs::Permissions::from_mode(0o1777)).expect("mode");
    assert!(about_files(&above, &[]).is_empty());
}

/// A folder with tables of users and groups in which the owner of `installation` is `ada`, and others are as `more` says.
fn etc(installation: &Installation, group: &str) -> std::path::PathBuf {
    use std::os::unix::fs::MetadataExt as _;
    let found = fs::metadata(&installation.state).expect("state");
    let folder = installation.config.join("etc");
    fs::create_dir_all(&folder).expect("folder");
    let passwd = format!(
        "ada:x:{}:{}::/home/ada:/bin/sh\nbob:x:4242:4242::/home/bob:/bin/sh\n",
        found.uid(),
        found.gid()
    );
    fs::write(folder.join("passwd"), passwd).expect("passwd");
    fs::write(
        folder.join("group"),
        group.replace("GID", &found.gid().to_string()),
    )
    .expect("group");
    folder
}

#[test]
fn a_group_counts_only_where_others_are_in_it() {
    let installation = entered(&[("secrets.json", 0o640)]);
    let of = |group: &str| {
        let folder = etc(&installation, group);
        about_files(&installation, &["--etc", folder.to_str().expect("text")])
    };
    assert!(of("ada:x:GID:\n").is_empty());
    assert_eq!(of("ada:x:GID:bob\n"), ["deny secret-readable secrets.json"]);
    fs::remove_file(installation.config.join("etc/group")).expect("group");
    let folder = installation.config.join("etc");
    assert_eq!(
        about_files(&installation, &["--etc", folder.to_str().expect("text")]),
        ["warn secret-readable[unknown] secrets.json"]
    );
}

#[test]
fn what_the_state_lies_on_comes_from_the_table_of_mounts() {
    let installation = entered(&[]);
    let proc = installation.config.join("m/proc");
    fs::create_dir_all(proc.join("self")).expect("folder");
    let on = |kind: &str, swap: &str| {
        let table = format!("1 0 253:0 / / rw - {kind} x rw\n");
        fs::write(proc.join("self/mountinfo"), table).expect("table");
        fs::write(proc.join("swaps"), format!("Filename\n{swap}\n")).expect("swaps");
        about_files(&installation, &["--proc", proc.to_str().expect("text")])
    };
    assert_eq!(on("nfs4", ""), ["warn shared-filesystem /"]);
    assert_eq!(on("virtiofs", ""), ["note shared-filesystem[host] /"]);
    assert!(
        on("ext4", "/dev/sda2 partition").is_empty(),
        "not known, which is no finding"
    );
    let uuid = installation.config.join("m/sys/dev/block/253:0/dm/uuid");
    fs::create_dir_all(uuid.parent().expect("parent")).expect("folder");
    fs::write(uuid, "CRYPT-LUKS2-x\n").expect("uuid");
    assert!(on("ext4", "/dev/zram0 partition").is_empty());
    assert_eq!(
        on("ext4", "/dev/sda2 partition"),
        ["note disk-not-encrypted[swap] /dev/sda2"]
    );
}

/// A `/proc` with one gateway of the state of `installation`, which listens on these addresses (as the kernel writes them).
pub(crate) fn proc_of(
    installation: &Installation,
    uid: u32,
    label: &str,
    listens: &[&str],
) -> String {
    let proc = installation.config.join("p/proc");
    let process = proc.join("77");
    fs::create_dir_all(process.join("net")).expect("folder");
    fs::create_dir_all(process.join("attr")).expect("folder");
    let write = |name: &str, text: String| fs::write(process.join(name), text).expect("file");
    write("comm", "openclaw-gatewa\n".to_owned());
    write("cmdline", "openclaw-gateway\0".to_owned());
    write(
        "status",
        format!("Name:\topenclaw\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n"),
    );
    write(
        "environ",
        format!("OPENCLAW_STATE_DIR={}\0", installation.state.display()),
    );
    write("attr/current", format!("{label}\n"));
    for (file, length) in [("net/tcp", 8), ("net/tcp6", 32)] {
        let mut table =
            "  sl  local_address rem_address st tx rx tr tm retrnsmt uid timeout inode\n"
                .to_owned();
        for listen in listens.iter().filter(|listen| listen.len() == length) {
            table += &format!(
                "   0: {listen}:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {uid} 0 42 1 0 100 0 0 10 0\n"
            );
        }
        write(file, table);
    }
    proc.to_str().expect("text").to_owned()
}

const V4: &str = "0100007F";
const V6: &str = "00000000000000000000000001000000";

#[test]
fn what_is_seen_to_listen_wins_over_what_is_said() {
    let of = |config: &str, listens: &[&str]| {
        let installation = with(config);
        let proc = proc_of(&installation, 1, "x", listens);
        let (_, report) = {
            let run = installation.run(&["host", "--format", "json", "--proc", &proc]);
            (
                run.code,
                serde_json::from_str::<Value>(&run.stdout).expect("report"),
            )
        };
        let found = report["findings"].as_array().expect("findings").clone();
        let found = found.into_iter().find(|f| f["id"] == "gateway-exposed");
        found.map(|f| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} {}",
                text(&f["level"]),
                text(&f["code"]),
                text(&f["observed"][0]["value"])
            )
        })
    };
    let closed = "{gateway:{auth:{token:'STRONG'}}}";
    assert_eq!(of(closed, &[V4, V6]), None);
    let wide = Some("deny observed-mismatch listens on 0.0.0.0:18789".to_owned());
    assert_eq!(of(closed, &["00000000"]), wide);
    assert_eq!(
        of("{gateway:{bind:'auto',auth:{token:'STRONG'}}}", &[V4, V6]),
        None
    );
    let open = "{gateway:{bind:'lan',auth:{token:'STRONG'}}}";
    assert_eq!(
        of(open, &[V4]),
        Some("warn  listens on 127.0.0.1:18789".to_owned())
    );
    assert_eq!(of(open, &[]), Some("warn  ".to_owned()));
    // It is said what was seen, and what the files will do.
    let installation = with(open);
    let proc = proc_of(&installation, 1, "x", &[V4]);
    let run = installation.run(&["host", "--format", "json", "--proc", &proc]);
    assert!(run.stdout.contains("the gateway listens on this machine only, and will listen on 0.0.0.0 when it is started again"), "{}", run.stdout);
    let tailnet = "{gateway:{bind:'tailnet',auth:{token:'STRONG'}}}";
    assert!(of(tailnet, &[V4, "01404064"]).is_some_and(|found| found.starts_with("note tailnet")));
    // Another private network is not Tailscale's.
    assert!(
        of(tailnet, &["0100A8C0"]).is_some_and(|found| found.starts_with("deny observed-mismatch"))
    );
    assert!(
        of(tailnet, &["00000000"]).is_some_and(|found| found.starts_with("deny observed-mismatch"))
    );
}

#[test]
fn who_else_listens_on_its_port_is_not_a_good_answer() {
    let of = |listens: &[&str]| {
        let installation = with("{gateway:{auth:{token:'STRONG'}}}");
        let proc = proc_of(&installation, 4242, "x", listens);
        let net = installation.config.join("p/proc/net");
        fs::create_dir_all(&net).expect("folder");
        for table in ["tcp", "tcp6"] {
            let from = installation.config.join("p/proc/77/net").join(table);
            fs::copy(from, net.join(table)).expect("table");
        }
        fs::remove_dir_all(installation.config.join("p/proc/77")).expect("gone");
        let run = installation.run(&["host", "--format", "json", "--proc", &proc]);
        let report: Value = serde_json::from_str(&run.stdout).expect("report");
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|f| f["id"] == "gateway-exposed")
            .map(crate::support::graded)
            .collect::<Vec<_>>()
    };
    assert!(of(&[V4, V6]).is_empty());
    assert_eq!(of(&["00000000"]), ["note gateway-exposed[listener]"]);
}

#[test]
fn the_checklist_passes_loopback_only_where_it_was_seen() {
    let installation = with("{gateway:{auth:{token:'STRONG'}}}");
    let proc = proc_of(&installation, 1, "openclaw-gateway (enforce)", &[V4, V6]);
    let state = |id: &str, proc: &str| {
        let run = installation.run(&["checklist", "--format", "json", "--proc", proc]);
        let list: Value = serde_json::from_str(&run.stdout).expect("list");
        let rows = list["rows"].as_array().expect("rows").clone();
        let row = rows.into_iter().find(|row| row["id"] == id).expect("row");
        row["state"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(state("loopback", &proc), "passed");
    assert_eq!(state("mandatory-access-control", &proc), "passed");
    assert_eq!(state("own-user", &proc), "passed");
    let nothing = installation.config.join("nothing");
    fs::create_dir(&nothing).expect("folder");
    let nothing = nothing.to_str().expect("text");
    assert_eq!(state("loopback", nothing), "not-established");
    // Another installation's gateway says nothing of this one.
    let environ = installation.config.join("p/proc/77/environ");
    fs::write(environ, "OPENCLAW_STATE_DIR=/\0").expect("file");
    assert_eq!(state("loopback", &proc), "not-established");
}

#[test]
fn the_checklist_passes_the_tunnel_only_where_tailscale_was_seen_or_is_not_there() {
    let installation = with("{gateway:{auth:{token:'STRONG'}}}");
    let proc = proc_of(&installation, 1, "x", &[V4, V6]);
    let state = |more: &[&str]| {
        let line = [&["checklist", "--format", "json", "--proc", &proc], more].concat();
        let run = installation.run(&line);
        let list: Value = serde_json::from_str(&run.stdout).expect("list");
        let rows = list["rows"].as_array().expect("rows").clone();
        let row = rows.into_iter().find(|row| row["id"] == "tunnel");
        row.expect("row")["state"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(state(&[]), "not-established", "no interfaces are shown");
    let root = installation.config.join("p");
    for folder in ["sys/class/net/lo", "sys/class/net/eth0", "proc/1"] {
        fs::create_dir_all(root.join(folder)).expect("folder");
    }
    fs::write(root.join("proc/1/comm"), "systemd\n").expect("comm");
    assert_eq!(state(&[]), "passed");
    for (folder, file) in [
        ("sys/class/net/tailscale0", None),
        ("var/lib/tailscale", None),
        ("proc/99", Some(("comm", "tailscaled\n"))),
    ] {
        fs::create_dir_all(root.join(folder)).expect("folder");
        if let Some((name, text)) = file {
            fs::write(root.join(folder).join(name), text).expect("file");
        }
        assert_eq!(state(&[]), "not-established", "{folder}");
        fs::remove_dir_all(root.join(folder)).expect("gone");
    }
    fs::create_dir_all(root.join("sys/class/net/tailscale0")).expect("folder");
    let status = installation.config.join("serve.json");
    fs::write(&status, "{}").expect("status");
    let status = status.to_str().expect("text");
    assert_eq!(state(&["--tailscale-status", status]), "passed");
}

#[test]
fn who_the_gateway_runs_as_and_what_holds_it() {
    let of = |uid: u32, label: &str| {
        let installation = with("{}");
        let proc = proc_of(&installation, uid, label, &[V4]);
        about_files(&installation, &["--proc", &proc])
    };
    assert!(of(1, "openclaw-gateway (enforce)").is_empty());
    assert!(of(1, "").is_empty(), "a kernel without labels");
    assert_eq!(
        of(0, "openclaw-gateway (enforce)"),
        ["deny runs-as-root the running gateway"]
    );
    assert_eq!(
        of(1, "unconfined"),
        ["note not-confined the running gateway"]
    );
    assert_eq!(
        of(1, "openclaw-gateway (complain)"),
        ["note not-confined[complain] the running gateway"]
    );
    let of_selinux = |enforce: &str| {
        let installation = with("{}");
        let proc = proc_of(&installation, 1, "u:r:container_t:s0", &[V4]);
        let file = installation.config.join("p/sys/fs/selinux/enforce");
        fs::create_dir_all(file.parent().expect("folder")).expect("folder");
        fs::write(file, enforce).expect("switch");
        about_files(&installation, &["--proc", &proc])
    };
    assert!(of_selinux("1").is_empty());
    assert_eq!(
        of_selinux("0"),
        ["note not-confined[complain] the running gateway"]
    );
}

#[test]
fn units_are_judged_with_their_drop_ins() {
    let of = |unit: &str, drop_in: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        let installation = with("{gateway:{auth:{token:'STRONG'}}}");
        let folder = installation.config.join("etc/systemd/system");
        let more = folder.join("openclaw-gateway.service.d");
        fs::create_dir_all(&more).expect("folder");
        let unit = format!(
            "[Service]\nExecStart=/usr/bin/node /opt/openclaw/dist/index.js gateway --port 18789\nEnvironment=OPENCLAW_STATE_DIR={}\n{unit}",
            installation.state.display()
        );
        let file = folder.join("openclaw-gateway.service");
        fs::write(&file, unit).expect("unit");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("mode");
        fs::write(more.join("10-hardening.conf"), drop_in).expect("drop-in");
        let etc = installation.config.join("etc");
        fs::write(etc.join("passwd"), "").expect("passwd");
        fs::write(etc.join("group"), "").expect("group");
        let run = installation.run(&[
            "host",
            "--format",
            "json",
            "--etc",
            etc.to_str().expect("text"),
        ]);
        assert!(!run.text().contains("sesame"), "{}", run.text());
        let report: Value = serde_json::from_str(&run.stdout).expect("report");
        let found = report["findings"].as_array().expect("findings").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        found
            .filter(|f| {
                [
                    "secret-in-service",
                    "runs-as-root",
                    "unit-unhardened",
                    "gateway-exposed",
                ]
                .contains(&text(&f["id"]).as_str())
            })
            .map(|f| {
                format!(
                    "{} {} {}",
                    text(&f["level"]),
                    text(&f["id"]),
                    text(&f["declared"][0]["value"])
                )
            })
            .collect::<Vec<_>>()
    };
    let hard = "[Service]\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=tmpfs\nUMask=0077\nRestrictAddressFamilies=AF_INET\nCapabilityBoundingSet=\n";
    assert!(of("User=openclaw\n", hard, 0o644).is_empty());
    assert_eq!(
        of("User=openclaw\n", "", 0o644),
        [
            "note unit-unhardened without NoNewPrivileges, ProtectSystem, ProtectHome, UMask, RestrictAddressFamilies, CapabilityBoundingSet"
        ]
    );
    assert_eq!(of("", hard, 0o644), ["deny runs-as-root not set (root)"]);
    let key = "User=openclaw\nEnvironment=GEMINI_API_KEY=sesame-0123456789 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/x\n";
    assert_eq!(
        of(key, hard, 0o644),
        ["deny secret-in-service set in plain text"]
    );
    assert_eq!(
        of(key, hard, 0o600),
        ["warn secret-in-service set in plain text"]
    );
    let wide = "User=openclaw\nExecStart=\nExecStart=/usr/bin/node /opt/openclaw/dist/index.js gateway --bind lan\n";
    assert_eq!(of(wide, hard, 0o644), ["warn gateway-exposed --bind lan"]);
}

#[test]
fn what_judges_must_not_belong_to_whom_it_judges() {
    let installation = entered(&[]);
    let of_judges = || {
        let all = about_files(&installation, &[]);
        all.into_iter()
            .filter(|found| found.contains("verifier-writable"))
            .count()
    };
    assert_eq!(of_judges(), 0, "there is no policy that anyone relies on");
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    assert_eq!(of_judges(), 1);
    let everyone = || {
        let run = installation.run(&["host", "--format", "json"]);
        run.stdout.contains("and by every user of this machine")
    };
    assert!(!everyone());
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(installation.policy(), fs::Permissions::from_mode(0o666)).expect("mode");
    assert!(everyone());
}

#[test]
#[ignore = "needs root"]
fn owners_and_groups_of_another_user() {
    let installation = entered(&[("extensions/a/index.js", 0o644), ("secrets.json", 0o600)]);
    let chown = |path: &std::path::Path, uid: u32| {
        std::os::unix::fs::chown(path, Some(uid), Some(uid)).expect("chown")
    };
    for path in [
        "",
        "openclaw.json",
        "extensions",
        "extensions/a",
        "secrets.json",
    ] {
        chown(&installation.state.join(path), 1);
    }
    chown(&installation.state.join("extensions/a/index.js"), 2);
    let folder = installation.config.join("etc");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("passwd"), "ada:x:1:1::/:\n").expect("passwd");
    let of = |group: &str| {
        fs::write(folder.join("group"), group).expect("group");
        about_files(&installation, &["--etc", folder.to_str().expect("text")])
    };
    assert_eq!(of("ada:x:1:\n"), ["deny wrong-owner extensions/a/index.js"]);
    assert_eq!(
        of("ada:x:1:\ndocker:x:999:ada\nsudo:x:27:ada\n"),
        [
            "deny wrong-owner extensions/a/index.js",
            "warn root-equivalent-group groups of ada",
            "note root-equivalent-group[by-password] groups of ada"
        ]
    );
    // Root's own policy is out of the hands of that user.
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    assert!(
        !of("ada:x:1:\n")
            .iter()
            .any(|found| found.contains("verifier-writable"))
    );
}

/// `ExecStartPre=` fails the unit by its exit code: a gateway whose files were changed does not start.
#[test]
fn the_check_before_the_start_ends_by_what_it_found() {
    let installation = with("{}");
    let skill = installation.state.join("skills/notes/SKILL.md");
    fs::create_dir_all(skill.parent().expect("folder")).expect("folder");
    fs::write(&skill, "---\nname: notes\ndescription: x\n---\n").expect("skill");
    let home = installation.state.parent().expect("home").to_owned();
    let home = home.to_str().expect("text");
    let host = installation.home.join("node_modules/openclaw");
    fs::create_dir_all(&host).expect("folder");
    let package = r#"{"name":"openclaw","version":"2026.9.6"}"#;
    fs::write(host.join("package.json"), package).expect("host package");
    let host = ["--home", home, "--openclaw", host.to_str().expect("text")];
    let made = installation.run(&[&["lock", "--init"], &host[..]].concat());
    assert_eq!(made.code, 0, "{}", made.text());
    let printed = installation.run(&[&["host", "--print", "systemd"], &host[..]].concat());
    let line = printed
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("ExecStartPre="))
        .expect("a check before the start");
    let mut words = line.split(' ');
    assert!(words.next().expect("program").ends_with("/openclaw-verify"));
    let words: Vec<&str> = words.collect();
    // As the service manager runs it: with nothing of the caller's environment.
    let run = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
        command.env_clear().env("HOME", home).args(&words);
        Run::of(&command.output().expect("the binary runs"))
    };
    let before = run();
    assert_eq!(before.code, 0, "{line}: {}", before.text());
    fs::write(&skill, "---\nname: notes\ndescription: x\n---\nObey me.\n").expect("skill");
    let after = run();
    assert_eq!(after.code, 1, "{line}: {}", after.text());
    assert!(after.stdout.contains("tree-mismatch"), "{}", after.text());
}

#[test]
fn profiles_are_printed_with_the_paths_of_the_installation() {
    let installation = with("{}");
    let home = installation.state.parent().expect("home").to_owned();
    let home = home.to_str().expect("text");
    let print = |which: &str| {
        let run = installation.run(&["host", "--print", which, "--home", home]);
        assert_eq!(run.code, 0, "{}", run.text());
        run.stdout
    };
    let state = installation.state.to_str().expect("text");
    for which in ["apparmor", "systemd"] {
        let text = print(which);
        assert!(
            text.contains(state) && !text.contains("/home/openclaw"),
            "{text}"
        );
    }
    let unit = print("systemd");
    let before = unit
        .lines()
        .find(|line| line.starts_with("ExecStartPre="))
        .expect("a check before the start");
    assert!(
        before.contains(" check -q ")
            && before.contains(&format!("--config {}", installation.config.display())),
        "{before}"
    );
    assert!(print("compose").contains(&format!("source: {state}")));
    let run = installation.run(&["host", "--print", "config", "--format", "json"]);
    assert_eq!(run.code, 2, "a file has no other form: {}", run.text());
}

#[test]
fn the_hardened_config_shows_notes_only() {
    let run = with("{}").run(&["host", "--print", "config"]);
    let installation = with(&run.stdout);
    let (code, report) = host(&installation);
    let found = report["findings"].as_array().expect("findings");
    assert!(
        found.iter().all(|finding| finding["level"] == "note"),
        "{found:#?}"
    );
    assert!(!found.is_empty());
    assert_eq!(code, 0);
}

#[test]
fn a_path_that_would_mean_something_else_is_not_printed() {
    let installation = with("{}");
    let odd = installation.state.parent().expect("root").join("a b%h");
    fs::create_dir(&odd).expect("folder");
    let mut command = crate::support::bare(&installation.home, &installation.config);
    command
        .args(["host", "--print", "systemd", "--state-dir"])
        .arg(&odd);
    let run = Run::of(&command.output().expect("run"));
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.text());
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).expect("small")
    }

    /// A config in which a few plain values are others.
    fn revalued(&mut self, config: &str) -> String {
        let mut config = config.to_owned();
        for _ in 0..=self.roll(4) {
            let starts: Vec<usize> = config
                .match_indices([':', '[', ','])
                .map(|(at, _)| at + 1)
                .collect();
            let start = starts[self.roll(starts.len())];
            let length = config[start..].find([',', ']', '}']).unwrap_or_default();
            let is_value =
                config[..start].ends_with(':') || !config[start..][..length].contains(':');
            if length > 0 && is_value && !config[start..].starts_with(['{', '[']) {
                config.replace_range(start..start + length, VALUES[self.roll(VALUES.len())]);
            }
        }
        config
    }

    /// A text with a few bytes changed, taken out, doubled or cut.
    pub(crate) fn mutated(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.roll(4) {
            let at = self.roll(bytes.len());
            match self.roll(6) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"{}[]:,'\"\\\0\n=/*-$%"[self.roll(17)]),
                3 if !bytes.is_empty() => bytes[at] ^= 1 << self.roll(8),
                4 => {
                    let piece: Vec<u8> =
                        bytes.iter().skip(at).take(self.roll(40)).copied().collect();
                    let to = self.roll(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => {
                    let end = (at + self.roll(30)).min(bytes.len());
                    drop(bytes.drain(at.min(end)..end));
                }
            }
        }
        bytes
    }
}

/// Values of every type that a config can hold, and of the wrong ones.
const VALUES: [&str; 18] = [
    "true",
    "false",
    "null",
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "''",
    "'*'",
    "'lan'",
    "'off'",
    "'\u{202e}/../..'",
    "'${NOT_SET}'",
    "[]",
    "[['*'],{},null]",
    "{}",
    "{a:{b:'*'}}",
    "{source:'env',provider:'default',id:'A'}",
];

/// How many mutations: as many as this variable says, else those of every run.
pub(crate) fn rounds(usual: usize) -> usize {
    let wanted = std::env::var("OPENCLAW_VERIFY_ROUNDS");
    wanted.map_or(usual, |wanted| wanted.parse().expect("a number"))
}

#[test]
fn mutated_configs_units_and_tables_neither_break_it_nor_show_a_secret() {
    const CONFIG: &str = "{gateway:{bind:'lan',port:18789,auth:{mode:'token',token:'sesame-0123456789abcdef'},trustedProxies:['0.0.0.0/0']},channels:{telegram:{dmPolicy:'open',allowFrom:['*',1],botToken:'123:sesame-bot-token'}},agents:{defaults:{sandbox:{mode:'all',docker:{binds:['/etc:/e:ro'],env:{A_TOKEN:'sesame-docker'}}}},entries:{a:{tools:{exec:{mode:'full',safeBins:['python3']}}}}},env:{vars:{OPENAI_API_KEY:'sesame-openai-key'}},mcp:{servers:{x:{command:'x',env:{GITHUB_TOKEN:'sesame-github'}}}}}";
    const UNIT: &str = "[Service]\nExecStart=/usr/bin/node /opt/openclaw/index.js gateway --bind lan --port 18789\nEnvironment=GEMINI_API_KEY=sesame-unit-key \"OPENCLAW_STATE_DIR=STATE\"\nUser=root\n";
    let installation = with(CONFIG);
    let proc = proc_of(&installation, 0, "unconfined", &["00000000", V6]);
    let etc = installation.config.join("etc/systemd/system");
    fs::create_dir_all(&etc).expect("folder");
    let unit = UNIT.replace("STATE", &installation.state.to_string_lossy());
    let process = installation.config.join("p/proc/77");
    let tables = ["status", "net/tcp", "net/tcp6", "attr/current", "comm"];
    let originals = tables.map(|name| fs::read_to_string(process.join(name)).expect("table"));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let etc_folder = installation
        .config
        .join("etc")
        .to_string_lossy()
        .into_owned();
    let (total, mut judged) = (rounds(300), 0);
    for round in 0..total {
        // Of a text in which any byte changed, most are no config any more.
        let config = match round % 4 {
            0 => dice.mutated(CONFIG),
            _ => dice.revalued(CONFIG).into_bytes(),
        };
        fs::write(installation.state.join("openclaw.json"), config).expect("config");
        fs::write(etc.join("openclaw-gateway.service"), dice.mutated(&unit)).expect("unit");
        let table = dice.roll(tables.len());
        fs::write(process.join(tables[table]), dice.mutated(&originals[table])).expect("table");
        let verb = ["host", "checklist"][round % 2];
        let formats: &[&str] = match verb {
            "host" => &FORMATS,
            _ => &["human", "json", "markdown"],
        };
        let format = formats[(round / 2) % formats.len()];
        let started = Instant::now();
        let run = installation.run(&[
            verb,
            "--format",
            format,
            "--proc",
            &proc,
            "--etc",
            &etc_folder,
        ]);
        assert!(
            (0..=3).contains(&run.code),
            "{round}: {} {}",
            run.code,
            run.text()
        );
        assert!(!run.text().contains("panicked"), "{round}: {}", run.text());
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{round}: {format}"
        );
        judged += usize::from(run.code < 2);
        // A mutation can make a secret of a name, but no value is ever shown whole.
        for secret in [
            "sesame-0123456789abcdef",
            "sesame-bot-token",
            "sesame-openai-key",
            "sesame-docker",
            "sesame-github",
            "sesame-unit-key",
        ] {
            assert!(
                !run.text().contains(secret),
                "{round}: {secret}: {}",
                run.text()
            );
        }
        fs::write(process.join(tables[table]), &originals[table]).expect("table");
    }
    // The rules saw most of them.
    assert!(judged * 2 > total, "{judged} of {total} were judged");
}

/// The config that OpenClaw's first run writes. [M 2026.9.6, `onboard --non-interactive --mode local`]
const ONBOARDED: &str = "{agents:{defaults:{workspace:'WORKSPACE'},entries:{main:{name:'main',workspace:'WORKSPACE'}}},gateway:{mode:'local',auth:{mode:'token',token:'STRONG'},port:18789,bind:'loopback',tailscale:{mode:'off'}},tools:{profile:'full'},skills:{install:{nodeManager:'npm'}},hooks:{internal:{entries:{'session-memory':{enabled:true}}}}}";

#[test]
fn a_first_run_shows_four_things_and_no_more() {
    let installation = with("{}");
    let space = installation.state.join("workspace");
    fs::create_dir_all(&space).expect("workspace");
    let config = ONBOARDED.replace("STRONG", STRONG);
    let config = config.replace("WORKSPACE", &space.to_string_lossy());
    for file in [
        "openclaw.json",
        "openclaw.json.bak",
        "openclaw.json.last-good",
    ] {
        private(&installation.state.join(file), &config);
    }
    let (code, report) = host(&installation);
    let all = report["findings"].as_array().expect("findings").iter();
    let ids: Vec<String> = all
        .map(|f| {
            format!(
                "{} {}",
                f["level"].as_str().unwrap_or_default(),
                f["id"].as_str().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        ids,
        [
            "warn exec-unrestricted",
            "warn sandbox-off",
            "warn secret-in-config",
            "note install-not-gated"
        ]
    );
    assert_eq!(code, 0);
    let run = installation.run(&["host"]);
    let headings = run.stdout.lines().filter(|line| line.starts_with("warn "));
    assert_eq!(headings.count(), 2, "{}", run.stdout);
    assert!(
        run.stdout
            .contains("warn exec-unrestricted [default] + sandbox-off host:machine"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_check_leaves_exceptions_about_the_machine_alone() {
    let installation = Installation::shipped();
    installation.init(0);
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    let digest = "0".repeat(64);
    let more = format!(
        "\n[[exception]]\npackage = \"host:machine\"\ndefinition = \"sha256:{digest}\"\nallow = [\"gateway-exposed\"]\nreason = \"x\"\nuntil = 2026-12-24\n"
    );
    fs::write(installation.policy(), policy + &more).expect("policy");
    let (_, report) = installation.check();
    let all = findings(&report);
    assert!(!all.iter().any(|f| f.contains("host:machine")), "{all:#?}");
}

#[test]
fn what_lets_an_agent_ask_is_set_where_it_was_let_free() {
    for (tools, entries, command) in [
        ("{}", "{}", "openclaw config set tools.exec.mode ask"),
        (
            "{exec:{security:'full',ask:'off'}}",
            "{}",
            "openclaw config set tools.exec.ask always",
        ),
        (
            "{exec:{mode:'ask'}}",
            "{b:{tools:{exec:{security:'full',ask:'off'}}}}",
            "openclaw config set agents.entries.b.tools.exec.ask always",
        ),
        (
            "{exec:{mode:'full'}}",
            "{a:{},b:{tools:{exec:{mode:'full'}}}}",
            "openclaw config set --batch-json '[{\"path\":\"agents.entries.b.tools.exec.mode\",\"value\":\"ask\"},{\"path\":\"tools.exec.mode\",\"value\":\"ask\"}]'",
        ),
    ] {
        let config = format!("{{tools:{tools},agents:{{entries:{entries}}}}}");
        let run = with(&config).run(&["host", "--commands"]);
        assert!(
            run.stdout.lines().any(|line| line.ends_with(command)),
            "{config}: {command}\n{}",
            run.stdout
        );
    }
}

#[test]
fn remedies_are_printed_once_each_and_act_on_the_same_state() {
    let installation = with(
        "{gateway:{bind:'lan',auth:{mode:'none'},trustedProxies:['0.0.0.0/0','::/0']},gateway2:1}",
    );
    let run = installation.run(&["host", "--commands"]);
    let state = installation.state.display();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            format!("OPENCLAW_STATE_DIR={state} openclaw config set gateway.auth.mode token"),
            format!(
                "OPENCLAW_STATE_DIR={state} openclaw config set gateway.trustedProxies '[\"127.0.0.1\"]'"
            ),
            format!("OPENCLAW_STATE_DIR={state} openclaw config set gateway.bind loopback"),
            format!("OPENCLAW_STATE_DIR={state} openclaw config set tools.exec.mode ask"),
            format!(
                "OPENCLAW_STATE_DIR={state} openclaw config set agents.defaults.sandbox.mode all"
            ),
            format!(
                "# the gate asks policy and lock, so once before it: openclaw-verify lock --init --state-dir {state} --config {}",
                installation.config.display()
            ),
            format!(
                "openclaw-verify gate --setup --apply --state-dir {state} --config {}",
                installation.config.display()
            ),
            format!(
                "# the lock pins the config; after what changes it: openclaw-verify lock --accept config:openclaw --state-dir {state} --config {}",
                installation.config.display()
            ),
        ]
    );
    assert_eq!(run.code, 1);
}

#[test]
fn a_config_that_is_not_read_is_not_a_good_one() {
    let run = with("{gateway:{bind:").run(&["host"]);
    assert!(
        run.code == 2 && run.stderr.contains("openclaw.json"),
        "{}",
        run.text()
    );
}
