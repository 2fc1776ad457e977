//! What opens a machine in another form than the usual one: each with the harmless one that looks like it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use crate::given::{OF_CONTAINERS, about, given, report, run};
use crate::posture::{about_files, entered, host, of, with};
use crate::support::findings;

#[test]
fn keys_of_the_config_count_by_what_they_mean() {
    for (id, config, expected) in [
        (
            "hook-ingress-weak",
            "{hooks:{enabled:true,token:'STRONG',path:'/hooks',allowedAgentIds:['main'],allowRequestSessionKey:true,allowedSessionKeyPrefixes:[' ','']}}",
            &["warn sessions"] as &[&str],
        ),
        (
            "hook-ingress-weak",
            "{hooks:{enabled:true,token:'STRONG',path:'/hooks',allowedAgentIds:['main'],allowRequestSessionKey:true,allowedSessionKeyPrefixes:['','hook:']}}",
            &[],
        ),
        (
            "auto-approved-devices",
            "{gateway:{nodes:{pairing:{autoApproveCidrs:['0.0.0.0/1','128.0.0.0/1']}}}}",
            &["deny"],
        ),
        (
            "auto-approved-devices",
            "{gateway:{nodes:{pairing:{autoApproveCidrs:['10.0.0.0/8','192.168.0.0/16']}}}}",
            &["warn"],
        ),
        (
            "proxy-trust-too-wide",
            "{gateway:{trustedProxies:['10.0.0.0/24','10.0.1.0/24','10.0.2.0/24','10.0.3.0/24']}}",
            &["deny"],
        ),
        (
            "proxy-trust-too-wide",
            "{gateway:{trustedProxies:['10.0.0.0/24','10.9.0.0/24','127.0.0.1','::1']}}",
            &[],
        ),
        (
            "sandbox-hole",
            "{agents:{defaults:{sandbox:{docker:{binds:['/usr/local/bin:/b','/var/spool/cron:/c','/var/spool:/s','/home/u/.bashrc:/r','/home/u/.gitconfig:/g:rw','/home/u/.local/share/systemd/user:/y']}}}}}",
            &["deny bind"; 6],
        ),
        (
            "sandbox-hole",
            "{agents:{defaults:{sandbox:{docker:{binds:['/usr/local/bin:/b:ro','/usr/share/dict:/d','/home/u/.gitconfig:/g:ro','/home/u/.vimwiki:/v','/var/log/x:/l']}}}}}",
            &[],
        ),
        (
            "open-channel",
            "{channels:{telegram:{dmPolicy:'allowlist',allowFrom:['accessGroup:all']}},accessGroups:{all:{type:'message.senders',members:{'*':['*']}}}}",
            &["deny"],
        ),
        (
            "open-channel",
            "{channels:{telegram:{dmPolicy:'allowlist',allowFrom:['accessGroup:all','1']}},accessGroups:{all:{type:'message.senders',members:{discord:['*'],telegram:['2']}}}}",
            &[],
        ),
        (
            "interpreter-allowlisted",
            "{tools:{exec:{safeBins:['uv']}}}",
            &["warn"],
        ),
    ] {
        assert_eq!(of(config, id), expected, "{config}");
    }
}

#[test]
fn a_policy_of_installs_is_asked_about_both_kinds() {
    let folder = tempfile::tempdir().expect("folder");
    let command = folder.path().canonicalize().expect("path").join("gate");
    fs::write(&command, "").expect("program");
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).expect("mode");
    let said = |targets: &str| {
        let config = format!(
            "{{security:{{installPolicy:{{enabled:true,{targets}exec:{{source:'exec',command:'{}'}}}}}}}}",
            command.display()
        );
        of(&config, "install-not-gated")
    };
    assert_eq!(said("targets:['skill'],"), ["note targets"]);
    assert_eq!(said("targets:['plugin'],"), ["note targets"]);
    assert!(said("targets:['plugin','skill'],").is_empty());
    assert!(said("").is_empty());
}

#[test]
fn keys_that_openclaw_made_itself_are_secrets() {
    let found = |mode| {
        let installation = entered(&[
            ("gateway/tls/gateway-key.pem", mode),
            ("gateway/tls/gateway-cert.pem", 0o644),
            ("identity/device.json", mode),
        ]);
        about_files(&installation, &[])
    };
    assert!(found(0o600).is_empty());
    assert_eq!(
        found(0o644),
        [
            "deny secret-readable gateway/tls/gateway-key.pem",
            "deny secret-readable identity/device.json",
        ]
    );
}

/// What is said where this file or folder beside the state has these bits, and the config these keys. `@` stands for the folder.
fn with_code(config: &str, name: &str, bits: u32) -> Vec<String> {
    let installation = entered(&[]);
    let folder = installation.state.parent().expect("root").join("code");
    let place = folder.join(name);
    fs::create_dir_all(place.parent().expect("parent")).expect("folder");
    match place.extension() {
        Some(_) => fs::write(&place, "x").expect("file"),
        None => fs::create_dir_all(&place).expect("folder"),
    }
    for place in place
        .ancestors()
        .skip(1)
        .take_while(|place| place.starts_with(&folder))
    {
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("mode");
    }
    fs::set_permissions(&place, fs::Permissions::from_mode(bits)).expect("mode");
    let config = config.replace('@', folder.to_str().expect("text"));
    let file = installation.state.join("openclaw.json");
    fs::write(&file, config).expect("config");
    let said = about_files(&installation, &[]);
    said.iter()
        .map(|line| line.replace(folder.to_str().expect("text"), "@"))
        .collect()
}

#[test]
fn code_that_the_config_names_must_not_be_writable_by_others() {
    for (config, name, open, closed, place) in [
        ("{plugins:{load:{paths:['@/p']}}}", "p", 0o777, 0o755, "@/p"),
        (
            "{skills:{load:{extraDirs:['@/s']}}}",
            "s/a/SKILL.md",
            0o666,
            0o644,
            "@/s/a/SKILL.md",
        ),
        (
            "{mcp:{servers:{a:{command:'node',args:['@/m.js']}}}}",
            "m.js",
            0o666,
            0o644,
            "@/m.js",
        ),
        (
            "{mcp:{servers:{a:{command:'node',args:['m.js'],cwd:'@'}}}}",
            "m.js",
            0o666,
            0o644,
            "@/m.js",
        ),
        (
            "{secrets:{providers:{p:{source:'exec',command:'@/get.sh'}}}}",
            "get.sh",
            0o777,
            0o755,
            "@/get.sh",
        ),
    ] {
        assert!(with_code(config, name, closed).is_empty(), "{config}");
        let expected = format!("deny code-writable {place}");
        assert_eq!(with_code(config, name, open), [expected], "{config}");
    }
    // Data that a server is given is no code.
    let data = "{mcp:{servers:{a:{command:'node',args:['--db','@/x.sqlite','@/docs']}}}}";
    assert!(with_code(data, "x.sqlite", 0o666).is_empty());
    assert!(with_code(data, "docs", 0o777).is_empty());
}

#[test]
fn the_package_of_a_script_is_code_too() {
    let installation = entered(&[]);
    let folder = installation.state.parent().expect("root").join("server");
    fs::create_dir_all(folder.join("lib")).expect("folder");
    for name in ["package.json", "main.js", "lib/a.js"] {
        fs::write(folder.join(name), "{}").expect("file");
    }
    let mode = |path: &Path, bits| {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("mode");
    };
    for name in ["", "lib"] {
        mode(&folder.join(name), 0o755);
    }
    let config = format!(
        "{{mcp:{{servers:{{a:{{command:'node',args:['{}/main.js']}}}}}}}}",
        folder.display()
    );
    fs::write(installation.state.join("openclaw.json"), config).expect("config");
    for name in ["package.json", "main.js", "lib/a.js"] {
        mode(&folder.join(name), 0o644);
    }
    assert!(about_files(&installation, &[]).is_empty());
    mode(&folder.join("lib/a.js"), 0o666);
    let expected = format!("deny code-writable {}/lib/a.js", folder.display());
    assert_eq!(about_files(&installation, &[]), [expected]);
}

#[test]
fn containers_of_which_none_is_known_to_be_openclaws_are_named() {
    let one = |name: &str, privileged: bool| json!({"Id": name, "Name": name, "HostConfig": {"Privileged": privileged}, "Config": {"Image": "my/app@sha256:0", "User": "1"}});
    let said = |all: serde_json::Value| {
        let installation = crate::given::installation();
        let file = given(&installation, "inspect.json", &all.to_string());
        let run = run(&installation, "--docker-inspect", &file, &[]);
        about(&report(&run), &OF_CONTAINERS)
    };
    assert_eq!(
        said(json!([one("/a", true), one("/b", false)])),
        [
            "note published-port[no-gateway]",
            "note container-hole[no-gateway]"
        ]
    );
    assert!(said(json!([one("/a", true), one("/openclaw-gateway", false)])).is_empty());
}

#[test]
fn what_a_container_is_started_with_is_judged() {
    let ids = ["gateway-no-auth", "weak-gateway-secret"];
    let said = |lines: &str| {
        let installation = crate::given::installation();
        let body: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!("services:\n  openclaw:\n    image: a@sha256:0\n{body}");
        let file = given(&installation, "compose.yml", &text);
        let run = run(&installation, "--compose", &file, &[]);
        assert!(!run.text().contains("sesame"), "{}", run.text());
        let found = about(&report(&run), &ids);
        found
            .into_iter()
            .filter(|found| !found.starts_with("note"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        said("environment:\n  OPENCLAW_GATEWAY_TOKEN: sesame"),
        ["deny weak-gateway-secret"]
    );
    assert!(said("environment:\n  OPENCLAW_GATEWAY_TOKEN: ${TOKEN}").is_empty());
    assert_eq!(
        said("command: gateway --auth none\nports: ['18789:18789']"),
        ["deny gateway-no-auth[container]"]
    );
    assert_eq!(
        said("command: gateway --auth=none\nports: ['127.0.0.1:18789:18789']"),
        ["warn gateway-no-auth[container]"]
    );
    assert!(said("command: gateway --auth none --auth token").is_empty());
}

#[test]
fn what_is_only_named_shows_no_secret() {
    let key = "sk-0123456789abcdef0123";
    let config =
        format!("{{security:{{audit:{{suppressions:[{{checkId:'x',reason:'{key}'}}]}}}}}}");
    let installation = with(&config);
    let file = given(
        &installation,
        "compose.yml",
        "services:\n  openclaw:\n    image: u:sesame-0123@registry.example/openclaw\n",
    );
    for format in ["human", "json", "sarif", "markdown"] {
        let file = file.to_str().expect("text");
        let run = installation.run(&["host", "--format", format, "--compose", file]);
        let text = run.text();
        assert!(!text.contains(key) && !text.contains("sesame"), "{text}");
        assert!(text.contains("audit-suppressed"), "{text}");
    }
}

#[test]
fn a_copy_that_was_cut_still_shows_what_it_holds() {
    let token = "0123456789abcdef0123456789abcdef";
    let said = |config: &str, copy: &str| {
        let installation = with(config);
        fs::write(installation.state.join("openclaw.json.bak"), copy).expect("copy");
        let all = findings(&host(&installation).1);
        all.into_iter()
            .filter(|found| found.starts_with("stale-secret-copy"))
            .count()
    };
    let moved = "{gateway:{auth:{token:{source:'env',provider:'default',id:'T'}}}}";
    let cut = format!("{{\"gateway\": {{\n \"auth\": {{ \"token\": \"{token}\",\n \"mo");
    assert_eq!(said(moved, &cut), 1);
    // The config holds it still.
    let held = format!("{{gateway:{{auth:{{token:'{token}'}}}}}}");
    assert_eq!(said(&held, &cut), 0);
    assert_eq!(
        said(
            moved,
            "{\"gateway\": {\n \"auth\": { \"token\": \"${TOKEN}\",\n \"mo"
        ),
        0
    );
}

#[test]
fn folders_of_services_that_copy_are_known_by_what_they_leave() {
    let installation = entered(&[]);
    let proc = installation.config.join("m/proc");
    fs::create_dir_all(proc.join("self")).expect("folder");
    let table = "1 0 253:0 / / rw - ext4 x rw\n";
    fs::write(proc.join("self/mountinfo"), table).expect("table");
    let said = || about_files(&installation, &["--proc", proc.to_str().expect("text")]);
    assert!(said().is_empty(), "{:?}", said());
    let mark = installation.state.parent().expect("root").join(".stfolder");
    fs::create_dir(mark).expect("mark");
    assert_eq!(said().len(), 1);
    assert!(
        said()
            .concat()
            .starts_with("warn shared-filesystem[synced]")
    );
}
