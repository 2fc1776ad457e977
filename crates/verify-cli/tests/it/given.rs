//! Files about the machine that are handed over: compose, `docker inspect`, the Docker daemon, Tailscale, pins of nix-openclaw. Each rule on
//! a file on which it must be silent, and on those on which it must fire.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::git::git;
use crate::posture::{Dice, rounds};
use crate::support::{Installation, Run, graded};

const STRONG: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn installation() -> Installation {
    use std::os::unix::fs::PermissionsExt as _;
    let installation = Installation::empty();
    fs::set_permissions(&installation.state, fs::Permissions::from_mode(0o700)).expect("mode");
    let config = format!("{{gateway:{{auth:{{token:'{STRONG}'}}}}}}");
    let file = installation.state.join("openclaw.json");
    fs::write(&file, config).expect("config");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("mode");
    installation
}

pub(crate) fn given(installation: &Installation, name: &str, text: &str) -> PathBuf {
    let file = installation.config.join(name);
    fs::write(&file, text).expect("file");
    file
}

pub(crate) fn run(installation: &Installation, option: &str, file: &Path, more: &[&str]) -> Run {
    let file = file.to_str().expect("text");
    installation.run(&[&["host", "--format", "json", option, file], more].concat())
}

pub(crate) fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.text()))
}

/// Level, id and code of the findings of these rules.
pub(crate) fn about(report: &Value, ids: &[&str]) -> Vec<String> {
    let found = report["findings"].as_array().expect("findings").iter();
    found
        .filter(|finding| ids.iter().any(|id| finding["id"] == *id))
        .map(graded)
        .collect()
}

pub(crate) const OF_CONTAINERS: [&str; 2] = ["published-port", "container-hole"];

/// What is said of a compose file with one service `openclaw` that has these lines.
pub(crate) fn of_service(lines: &str, more: &[&str]) -> Vec<String> {
    let installation = installation();
    let body: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!("services:\n  openclaw:\n{body}");
    let file = given(&installation, "compose.yml", &text);
    about(
        &report(&run(&installation, "--compose", &file, more)),
        &OF_CONTAINERS,
    )
}

#[test]
fn a_port_is_closed_only_where_it_names_loopback() {
    let of = |ports: &str| of_service(&format!("ports:\n  - {ports}"), &[]);
    for closed in [
        "\"127.0.0.1:18789:18789\"",
        "127.0.0.1:18789:18789/tcp",
        "\"[::1]:18789:18789\"",
        "127.0.0.1::18789",
        "\"127.0.0.1:${P:-18789}:18789\"",
        "\"127.0.0.1:18780-18790:18780-18790\"",
        "{target: 18789, published: 18789, host_ip: 127.0.0.1}",
        "{target: 18789, published: \"18789\", host_ip: \"::1\", protocol: tcp}",
        // Not the gateway's.
        "8080:80",
        "18789:18789/udp",
        "{target: 18789, published: 18789, protocol: udp}",
    ] {
        assert!(of(closed).is_empty(), "{closed}: {:?}", of(closed));
    }
    for open in [
        "\"18789:18789\"",
        "18789:18789",
        "\"${P:-18789}:18789\"",
        "\"${P}:18789\"",
        "18789",
        "\"18789\"",
        "0.0.0.0:18789:18789",
        "192.168.1.2:18789:18789",
        "\"[::]:18789:18789\"",
        "18780-18790:18780-18790",
        "3000:18789",
        "{target: 18789, published: 18789}",
        "{target: 18789, published: \"18789\", mode: host, protocol: tcp}",
        "{target: 18789, host_ip: 0.0.0.0}",
    ] {
        assert_eq!(of(open), ["deny published-port"], "{open}");
    }
    for unknown in [
        "\"${ADDRESS}:18789:18789\"",
        "\"${ADDRESS:-127.0.0.1}:18789:18789\"",
        "\"18789:${PORT}\"",
        "{target: 18789, host_ip: \"${ADDRESS:-127.0.0.1}\"}",
    ] {
        assert_eq!(of(unknown), ["note published-port[variable]"], "{unknown}");
    }
    assert_eq!(
        of("100.100.1.2:18789:18789"),
        ["note published-port[tailnet]"]
    );
    assert!(of_service("expose:\n  - \"18789\"", &[]).is_empty());
    // What --env gives is known.
    let by_variable = "ports:\n  - \"${ADDRESS:-0.0.0.0}:18789:18789\"";
    assert!(of_service(by_variable, &["--env", "ADDRESS=127.0.0.1"]).is_empty());
    assert_eq!(
        of_service(by_variable, &["--env", "ADDRESS=0.0.0.0"]),
        ["deny published-port"]
    );
    // A gateway on another port by its own command or variable.
    for own in [
        "command: [\"node\", \"openclaw.mjs\", \"gateway\", \"--port\", \"19000\"]",
        "command: node openclaw.mjs gateway --port=19000",
        "environment:\n  OPENCLAW_GATEWAY_PORT: 19000",
        "environment:\n  - OPENCLAW_GATEWAY_PORT=19000",
    ] {
        let lines = format!("{own}\nports:\n  - 19000:19000");
        assert_eq!(of_service(&lines, &[]), ["deny published-port"], "{own}");
    }
}

#[test]
fn anchors_extensions_profiles_and_other_files_are_followed_or_named() {
    let of = |text: &str| {
        let installation = installation();
        let file = given(&installation, "compose.yml", text);
        about(
            &report(&run(&installation, "--compose", &file, &[])),
            &OF_CONTAINERS,
        )
    };
    for open in [
        "x-a: &a\n  ports: ['18789:18789']\nservices:\n  openclaw:\n    <<: *a\n",
        "x-a: &a ['18789:18789']\nservices:\n  openclaw:\n    ports: *a\n",
        "services:\n  base:\n    ports: ['18789:18789']\n    profiles: [never]\n  openclaw:\n    extends: base\n",
        "services:\n  base:\n    ports: ['18789:18789']\n  openclaw:\n    extends: {service: base}\n",
        "services:\n  openclaw-cli:\n    profiles: [cli]\n    ports: ['18789:18789']\n",
        "{\"services\":{\"openclaw\":{\"ports\":[{\"target\":18789}]}}}",
    ] {
        let found = of(open);
        assert!(
            !found.is_empty() && found.iter().all(|f| f == "deny published-port"),
            "{open}: {found:?}"
        );
    }
    let both = [
        "note published-port[elsewhere]",
        "note container-hole[elsewhere]",
    ];
    for elsewhere in [
        "services:\n  openclaw:\n    ports: !override ['127.0.0.1:18789:18789']\n",
        "include: [other.yml]\nservices:\n  openclaw:\n    image: a@sha256:0\n",
        "services:\n  openclaw:\n    extends: {file: other.yml, service: base}\n",
    ] {
        assert_eq!(of(elsewhere), both, "{elsewhere}");
    }
    assert_eq!(
        of("services:\n  web: {ports: ['80:80']}\n  db: {}\n"),
        [
            "note published-port[no-gateway]",
            "note container-hole[no-gateway]"
        ]
    );
    // The host's network publishes nothing, and is another finding.
    assert_eq!(
        of_service("network_mode: host\nports: ['18789:18789']", &[]),
        ["deny container-hole[namespace]"]
    );
    // A chain that extends itself ends.
    assert!(of("services:\n  openclaw: {extends: b}\n  b: {extends: openclaw}\n").is_empty());
}

#[test]
fn a_container_reaches_the_machine_only_where_its_file_says_so() {
    let hardened = fs::read_to_string(
        crate::support::repository().join("profiles/docker-compose.hardened.yml"),
    )
    .expect("profile");
    let one = installation();
    let file = given(&one, "compose.yml", &hardened);
    let said = about(&report(&run(&one, "--compose", &file, &[])), &OF_CONTAINERS);
    assert!(
        said.iter().all(|found| found.starts_with("note")),
        "{said:?}"
    );
    for (lines, code) in [
        ("privileged: true", "privileged"),
        ("privileged: \"yes\"", "privileged"),
        ("network_mode: host", "namespace"),
        ("pid: host", "namespace"),
        ("cap_add: [ALL]", "capability"),
        ("cap_add: [CAP_SYS_ADMIN]", "capability"),
        ("cap_add: [net_admin]", "capability"),
        ("security_opt: ['seccomp:unconfined']", "unconfined"),
        ("security_opt: ['apparmor=unconfined']", "unconfined"),
        (
            "volumes: ['/var/run/docker.sock:/var/run/docker.sock']",
            "mount",
        ),
        (
            "volumes: ['/run/user/1000/podman/podman.sock:/s:ro']",
            "mount",
        ),
        ("volumes: ['/var/run:/host:ro']", "mount"),
        ("volumes: ['/:/host:ro']", "mount"),
        ("volumes: ['/etc:/e:ro']", "mount"),
        ("volumes: ['/root:/r']", "mount"),
        ("volumes: ['/home/ada:/h']", "mount"),
        ("volumes: ['~:/h']", "mount"),
        ("volumes: [{type: bind, source: /, target: /host}]", "mount"),
        (
            "volumes: [{type: bind, source: /home/ada/../.., target: /host}]",
            "mount",
        ),
        ("user: root", "root"),
        ("user: '0:0'", "root"),
        ("user: '00'", "root"),
        ("user: '+0:5'", "root"),
        ("image: openclaw/openclaw:latest", "image"),
        (
            "environment: {OPENAI_API_KEY: sk-test-0123456789}",
            "secret",
        ),
        (
            "environment: ['OPENAI_API_KEY=${K:-sk-test-0123456789}']",
            "secret",
        ),
    ] {
        let level = match code {
            "root" | "image" | "secret" => "warn",
            _ => "deny",
        };
        assert_eq!(
            of_service(lines, &[]),
            [format!("{level} container-hole[{code}]")],
            "{lines}"
        );
    }
    for silent in [
        "privileged: false",
        "network_mode: bridge",
        "cap_drop: [ALL]",
        "cap_add: [NET_BIND_SERVICE]",
        "security_opt: ['no-new-privileges:true', 'seccomp:profile.json']",
        "volumes: ['state:/home/node/.openclaw', '/etc/localtime:/etc/localtime:ro', './data:/data']",
        "volumes: ['/home/ada/.openclaw:/home/node/.openclaw']",
        "volumes: [{type: tmpfs, target: /tmp}]",
        "user: '1000:1000'",
        "image: openclaw/openclaw@sha256:0000",
        "build: .\nimage: openclaw:local",
        "environment: {OPENAI_API_KEY: '${OPENAI_API_KEY}'}",
        "environment: ['OPENAI_API_KEY', 'PORT=1']",
        "env_file: .env",
    ] {
        assert!(
            of_service(silent, &[]).is_empty(),
            "{silent}: {:?}",
            of_service(silent, &[])
        );
    }
    assert_eq!(
        of_service("volumes: ['${DIR}:/data']", &[]),
        ["note container-hole[variable]"]
    );
    assert_eq!(
        of_service("privileged: ${P}", &[]),
        ["note container-hole[variable]"]
    );
    // A named volume may be a folder of the machine.
    let text = "services:\n  openclaw:\n    volumes: ['all:/host']\nvolumes:\n  all:\n    driver_opts: {type: none, o: bind, device: /}\n";
    let installation = installation();
    let file = given(&installation, "compose.yml", text);
    let found = about(
        &report(&run(&installation, "--compose", &file, &[])),
        &OF_CONTAINERS,
    );
    assert_eq!(found, ["deny container-hole[mount]"]);
    // What another service of the file is given is not the gateway's.
    let text = "services:\n  openclaw: {image: 'a@sha256:0'}\n  watchtower: {volumes: ['/var/run/docker.sock:/s'], image: 'w:1'}\n";
    let file = given(&installation, "compose.yml", text);
    let found = about(
        &report(&run(&installation, "--compose", &file, &[])),
        &OF_CONTAINERS,
    );
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_finding_names_file_line_and_digest_and_shows_no_secret() {
    let installation = installation();
    let text = "services:\n  openclaw:\n    environment:\n      A_TOKEN: sesame-0123456789\n    ports:\n      - \"18789:18789\"\n";
    let file = given(&installation, "compose.yml", text);
    let run = run(&installation, "--compose", &file, &[]);
    assert!(!run.text().contains("sesame"), "{}", run.text());
    let report = report(&run);
    let all = report["findings"].as_array().expect("findings");
    let port = all
        .iter()
        .find(|f| f["id"] == "published-port")
        .expect("finding");
    let shown = file.to_str().expect("text");
    assert_eq!(
        port["declared"],
        json!([{ "path": "services.openclaw.ports[0]", "value": "18789:18789", "file": shown, "line": 6 }])
    );
    let digest = openclaw_verify_core::digest::Sha256Digest::of(text.as_bytes()).to_string();
    assert_eq!(
        report["inputs"]["machine"],
        json!([{ "what": "compose", "path": shown, "digest": digest }])
    );
    let human = installation.run(&["host", "--compose", shown, "-v"]);
    assert!(human.stdout.contains(&digest), "{}", human.stdout);
}

fn inspected(host: Value, config: Value) -> String {
    let mut all = json!([{
        "Id": "0", "Name": "/openclaw-gateway", "Image": "sha256:0", "AppArmorProfile": "docker-default",
        "Config": { "User": "node", "Env": ["PATH=/usr/bin"], "Image": "openclaw/openclaw@sha256:0", "Cmd": ["gateway"] },
        "HostConfig": { "Privileged": false, "Binds": null, "CapAdd": null, "SecurityOpt": null, "NetworkMode": "bridge", "PidMode": "",
            "PortBindings": { "18789/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "18789" }] }, "Runtime": "runc" },
        "Mounts": [{ "Type": "bind", "Source": "/srv/openclaw", "Destination": "/home/node/.openclaw", "RW": true }],
        "NetworkSettings": { "Ports": { "18789/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "18789" }] } }
    }]);
    for (key, more) in [("HostConfig", host), ("Config", config)] {
        let part = all[0][key].as_object_mut().expect("part");
        part.extend(more.as_object().expect("more").clone());
    }
    all.to_string()
}

#[test]
fn what_an_engine_says_is_observed() {
    let of = |host: Value, config: Value| {
        let installation = installation();
        let file = given(&installation, "inspect.json", &inspected(host, config));
        about(
            &report(&run(&installation, "--docker-inspect", &file, &[])),
            &OF_CONTAINERS,
        )
    };
    assert!(
        of(json!({}), json!({})).is_empty(),
        "{:?}",
        of(json!({}), json!({}))
    );
    for (host, code) in [
        (
            json!({ "Privileged": true }),
            "deny container-hole[privileged]",
        ),
        (
            json!({ "NetworkMode": "host" }),
            "deny container-hole[namespace]",
        ),
        (
            json!({ "PidMode": "host" }),
            "deny container-hole[namespace]",
        ),
        (
            json!({ "CapAdd": ["CAP_SYS_PTRACE"] }),
            "deny container-hole[capability]",
        ),
        (
            json!({ "SecurityOpt": ["seccomp=unconfined"] }),
            "deny container-hole[unconfined]",
        ),
        (
            json!({ "Binds": ["/var/run/docker.sock:/s"] }),
            "deny container-hole[mount]",
        ),
        (
            json!({ "PortBindings": { "18789/tcp": [{ "HostIp": "", "HostPort": "18789" }] } }),
            "deny published-port",
        ),
        (
            json!({ "PortBindings": { "18789/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "1" }] } }),
            "deny published-port",
        ),
    ] {
        assert_eq!(of(host.clone(), json!({})), [code], "{host}");
    }
    for (config, code) in [
        (json!({ "User": "" }), "warn container-hole[root]"),
        (
            json!({ "Image": "openclaw/openclaw:latest" }),
            "warn container-hole[image]",
        ),
        (
            json!({ "Env": ["OPENAI_API_KEY=sk-test-0123456789"] }),
            "warn container-hole[secret]",
        ),
    ] {
        assert_eq!(of(json!({}), config.clone()), [code], "{config}");
    }
    let all = json!({ "PublishAllPorts": true, "PortBindings": {} });
    assert_eq!(
        of(all, json!({ "ExposedPorts": { "18789/tcp": {} } })),
        ["deny published-port"]
    );
    // Who looked is a part of it: it is a statement of the engine, not of a file that asks for something.
    let installation = installation();
    let file = given(
        &installation,
        "inspect.json",
        &inspected(json!({ "Privileged": true }), json!({})),
    );
    let report = report(&run(&installation, "--docker-inspect", &file, &[]));
    let all = report["findings"].as_array().expect("findings");
    let hole = all
        .iter()
        .find(|f| f["id"] == "container-hole")
        .expect("finding");
    assert_eq!(hole["observed"][0]["path"], "[0].HostConfig.Privileged");
    assert!(hole["declared"].is_null());
}

#[test]
fn the_daemon_says_where_ports_go_and_what_runs_containers() {
    let installation = installation();
    let compose = given(
        &installation,
        "compose.yml",
        "services:\n  openclaw:\n    ports: ['18789:18789']\n",
    );
    let of = |daemon: &str| {
        let daemon = given(&installation, "daemon.json", daemon);
        let daemon = daemon.to_str().expect("text").to_owned();
        let run = run(
            &installation,
            "--compose",
            &compose,
            &["--docker-daemon", &daemon],
        );
        about(&report(&run), &OF_CONTAINERS)
    };
    assert_eq!(of("{}"), ["deny published-port"]);
    // That is of the network `bridge`, and compose makes one of its own.
    assert_eq!(of("{\"ip\":\"127.0.0.1\"}"), ["deny published-port"]);
    let of_networks = |address: &str| {
        of(&format!(
            "{{\"default-network-opts\":{{\"bridge\":{{\"com.docker.network.bridge.host_binding_ipv4\":\"{address}\"}}}}}}"
        ))
    };
    assert!(of_networks("127.0.0.1").is_empty());
    assert_eq!(of_networks("0.0.0.0"), ["deny published-port"]);
    // Who reaches the daemon is root.
    let open = "{\"hosts\":[\"unix:///var/run/docker.sock\",\"tcp://0.0.0.0:2375\"],\"seccomp-profile\":\"unconfined\"}";
    assert_eq!(
        of(open),
        [
            "deny published-port",
            "deny container-hole[unconfined]",
            "deny container-hole[engine]"
        ]
    );
    let closed = "{\"hosts\":[\"tcp://0.0.0.0:2376\"],\"tlsverify\":true,\"seccomp-profile\":\"/etc/docker/seccomp.json\"}";
    assert_eq!(of(closed), ["deny published-port"]);
    given(
        &installation,
        "compose.yml",
        "services:\n  openclaw:\n    network_mode: bridge\n    ports: ['18789:18789']\n",
    );
    assert!(of("{\"ip\":\"127.0.0.1\"}").is_empty());
    let own = |options: &str| {
        given(
            &installation,
            "compose.yml",
            &format!(
                "services:\n  openclaw:\n    ports: ['18789:18789']\nnetworks:\n  default:\n    driver_opts: {{{options}}}\n"
            ),
        );
        of("{}")
    };
    assert!(own("com.docker.network.bridge.host_binding_ipv4: 127.0.0.1").is_empty());
    assert_eq!(own("a: b"), ["deny published-port"]);
}

#[test]
fn a_funnel_is_seen_in_what_tailscale_said() {
    let installation = installation();
    let of = |text: &str| {
        let file = given(&installation, "serve.json", text);
        about(
            &report(&run(&installation, "--tailscale-status", &file, &[])),
            &["funnel-exposed"],
        )
    };
    let web = |port: u16, funnel: bool| {
        json!({ "TCP": { "443": { "HTTPS": true } },
            "Web": { "a.ts.net:443": { "Handlers": { "/": { "Proxy": format!("http://127.0.0.1:{port}") } } } },
            "AllowFunnel": { "a.ts.net:443": funnel } })
    };
    assert_eq!(
        of(&web(18789, true).to_string()),
        ["deny funnel-exposed[observed]"]
    );
    let foreground = json!({ "Foreground": { "x": web(18789, true) } });
    assert_eq!(
        of(&foreground.to_string()),
        ["deny funnel-exposed[observed]"]
    );
    let tcp = json!({ "TCP": { "443": { "TCPForward": "localhost:18789" } }, "AllowFunnel": { "a.ts.net:443": true } });
    assert_eq!(of(&tcp.to_string()), ["deny funnel-exposed[observed]"]);
    for silent in [web(18789, false), web(3000, true), json!({}), Value::Null] {
        assert!(of(&silent.to_string()).is_empty(), "{silent}");
    }
}

#[test]
fn what_tailscale_serves_counts_as_a_way_to_the_gateway() {
    use std::os::unix::fs::PermissionsExt as _;
    let installation = installation();
    let config = installation.state.join("openclaw.json");
    fs::write(&config, "{gateway:{auth:{mode:'none'}}}").expect("config");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("mode");
    let of = |text: &str| {
        let file = given(&installation, "serve.json", text);
        let report = report(&run(&installation, "--tailscale-status", &file, &[]));
        about(&report, &["gateway-no-auth", "funnel-exposed"])
    };
    let web = |target: &str| {
        json!({ "TCP": { "443": { "HTTPS": true } },
            "Web": { "a.ts.net:443": { "Handlers": { "/": { "Proxy": target } } } } })
    };
    let gateway = "http://127.0.0.1:18789";
    assert_eq!(of(&web(gateway).to_string()), ["deny gateway-no-auth"]);
    let service = json!({ "Services": { "svc:a": web(gateway) } });
    assert_eq!(of(&service.to_string()), ["deny gateway-no-auth"]);
    let tcp = json!({ "TCP": { "8443": { "TCPForward": "localhost:18789" } } });
    assert_eq!(of(&tcp.to_string()), ["deny gateway-no-auth"]);
    for silent in [
        web("http://127.0.0.1:3000"),
        web("http://127.0.0.1"),
        web("unix:/run/other.sock"),
        Value::Null,
    ] {
        assert_eq!(
            of(&silent.to_string()),
            ["warn gateway-no-auth[loopback]"],
            "{silent}"
        );
    }
}

#[test]
fn what_is_not_what_it_is_given_as_ends_the_run() {
    let installation = installation();
    for (option, text, place) in [
        ("--compose", "services:\n  a:\n    ports: [\n", "line"),
        ("--compose", "services:\n  a: x\n", "line 2"),
        ("--compose", "services:\n  a:\n    ports: 18789\n", "line 3"),
        ("--compose", "services:\n  a:\n    ports: ['x']\n", "line 3"),
        (
            "--compose",
            "services:\n  a: {}\nservices:\n  b: {}\n",
            "line 3",
        ),
        ("--compose", "web:\n  ports: ['80:80']\n", "the key `web`"),
        ("--compose", "", "no mapping"),
        ("--compose", "version: '3'\n", "no services"),
        ("--docker-inspect", "[]", "names no container"),
        (
            "--docker-inspect",
            "[{\"Config\":{}}]",
            "[0] has no HostConfig",
        ),
        (
            "--docker-inspect",
            "[{\"Config\":{},\"HostConfig\":{\"CapAdd\":[1]}}]",
            "[0] has a HostConfig.CapAdd",
        ),
        (
            "--docker-inspect",
            "[{\"a\":1,\"a\":2}]",
            "the key `a` twice",
        ),
        ("--docker-inspect", "{", "line 1"),
        ("--docker-daemon", "[]", "no mapping"),
        ("--docker-daemon", "{\"ip\":\"x\"}", "`ip`"),
        (
            "--tailscale-status",
            "{\"Version\":\"1\"}",
            "the key `Version`",
        ),
        ("--tailscale-status", "{\"AllowFunnel\":1}", "AllowFunnel"),
    ] {
        let file = given(&installation, "given", text);
        let run = installation.run(&["host", option, file.to_str().expect("text")]);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (2, ""),
            "{option} {text}: {}",
            run.text()
        );
        let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(place), "{option} {text}: {said}");
        assert!(
            said.contains("given"),
            "{option} {text}: the file is named: {said}"
        );
    }
    for option in [
        "--compose",
        "--docker-inspect",
        "--docker-daemon",
        "--tailscale-status",
        "--nix-pins",
    ] {
        let run = run(&installation, option, Path::new("/nowhere/x"), &[]);
        assert_eq!(run.code, 2, "{option}: {}", run.text());
        // What is judged says nothing about itself.
        let own = installation.state.join("own");
        fs::write(&own, "{}").expect("file");
        let run = self::run(&installation, option, &own, &[]);
        assert_eq!(run.code, 2, "{option}: {}", run.text());
        assert!(
            run.stderr.contains("under test"),
            "{option}: {}",
            run.text()
        );
    }
    for option in ["--etc", "--proc"] {
        let run = run(&installation, option, Path::new("/nowhere"), &[]);
        assert_eq!(run.code, 2, "{option}: {}", run.text());
        assert!(run.text().contains("/nowhere"), "{}", run.text());
    }
}

#[test]
fn a_fifo_in_the_place_of_a_table_is_not_waited_for() {
    let installation = installation();
    let process = installation.config.join("p/proc/77");
    fs::create_dir_all(&process).expect("folder");
    fs::write(process.join("comm"), "node\n").expect("comm");
    for name in ["cmdline", "environ", "status"] {
        crate::special::make_fifo(&process.join(name));
    }
    let proc = installation.config.join("p/proc");
    let run = installation.run(&[
        "host",
        "--format",
        "json",
        "--proc",
        proc.to_str().expect("text"),
    ]);
    assert_eq!(run.code, 0, "{}", run.text());
}

/// One pin as nix-openclaw generates it.
fn pin(version: &str, integrity: &str) -> String {
    format!(
        "# Generated by nix/scripts/update-openclaw-runtime-plugin-locks.mjs. Do not edit manually.\n{{\n  id = \"zalo\";\n  selectedSource = \"npm\";\n  packageName = \"@openclaw/zalo\";\n  version = \"{version}\";\n  npmIntegrity = \"{integrity}\";\n  npmShasum = \"7155c4dc80c537570163fbc7a4595426d24a6d6b\";\n  nixHash = \"sha256-xicnkomAd1hasXuOJ3O0leNFe1H9Nc2Iw4FPvEv4qr4=\";\n  runtimeSetupEntry = null;\n  channels = [\n    \"zalo\"\n  ];\n  contracts = {{ }};\n}}\n"
    )
}

#[test]
fn pins_of_nix_are_compared_with_the_lock() {
    const ZALO: &str = "sha512-EWJ26/2QirgnFuPrEG0b3/y2ECPKWzxRUOeVUEQiiuFPL2wjLokucoWXLUX0oKK9h8O6JgdP0Eh5JP0EcWB2ug==";
    const OTHER: &str = "sha512-FWJ26/2QirgnFuPrEG0b3/y2ECPKWzxRUOeVUEQiiuFPL2wjLokucoWXLUX0oKK9h8O6JgdP0Eh5JP0EcWB2ug==";
    let installation = installation();
    let checkout = installation.config.join("nix-openclaw");
    let folder = checkout.join("nix/generated/openclaw-runtime-plugins");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(
        folder.join("default.nix"),
        "{\n  zalo = import ./zalo.nix;\n}\n",
    )
    .expect("list");
    let of = |text: &str, named: &Path| {
        fs::write(folder.join("zalo.nix"), text).expect("pin");
        let run = run(&installation, "--nix-pins", named, &[]);
        (run.code, about(&report(&run), &["nix-pin-mismatch"]))
    };
    assert_eq!(
        of(&pin("2026.6.9", ZALO), &checkout).1,
        ["note nix-pin-mismatch[no-lock]"]
    );
    let lock = format!(
        "version = 1\nrevision = 1\n\n[[package]]\nid = \"npm:@openclaw/zalo\"\nkind = \"plugin\"\nversion = \"2026.6.9\"\nsource = \"npm\"\nspec = \"@openclaw/zalo\"\narchive = \"{ZALO}\"\ntree = \"git-sha256:{}\"\nfiles = 1\n",
        "0".repeat(64)
    );
    fs::write(installation.lock(), lock).expect("lock");
    assert_eq!(of(&pin("2026.6.9", ZALO), &checkout), (0, vec![]));
    assert_eq!(of(&pin("2026.6.9", ZALO), &folder), (0, vec![]));
    assert_eq!(
        of(&pin("2026.6.9", OTHER), &checkout),
        (1, vec!["deny nix-pin-mismatch".to_owned()])
    );
    assert_eq!(
        of(&pin("2026.6.11", OTHER), &checkout).1,
        ["note nix-pin-mismatch[other-version]"]
    );
    // Another registry has another archive of the same name and version.
    let hub = pin("2026.6.9", OTHER).replace("\"npm\"", "\"clawhub\"");
    assert!(of(&hub, &checkout).1.is_empty());
    fs::write(folder.join("zalo.nix"), "{ pkgs }: pkgs.zalo\n").expect("pin");
    let run = run(&installation, "--nix-pins", &checkout, &[]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("zalo.nix") && run.stderr.contains("line 1"),
        "{}",
        run.text()
    );
}

#[test]
fn secrets_in_a_repository_are_seen_in_its_index() {
    let installation = installation();
    let space = installation.state.join("workspace");
    fs::create_dir_all(&space).expect("workspace");
    git(&space, &["init", "-q"]);
    let of = || {
        let run = installation.run(&["host", "--format", "json"]);
        assert!(!run.text().contains("sk-test-0123456789"), "{}", run.text());
        about(&report(&run), &["secret-in-repository"])
    };
    let write = |name: &str, text: &str| fs::write(space.join(name), text).expect("file");
    write("AGENTS.md", "x\n");
    write(".env.example", "OPENAI_API_KEY=your-key-here\n");
    git(&space, &["add", "."]);
    assert!(of().is_empty(), "{:?}", of());
    write(".env", "OPENAI_API_KEY=sk-test-0123456789\n");
    assert_eq!(of(), ["warn secret-in-repository[not-ignored]"]);
    write(".gitignore", ".env\n");
    assert!(of().is_empty(), "ignored");
    write(".gitignore", "*\n!.env\n");
    assert_eq!(of(), ["warn secret-in-repository[not-ignored]"]);
    write(".gitignore", "");
    fs::write(space.join(".git/info/exclude"), "/.env\n").expect("exclude");
    assert!(of().is_empty(), "excluded");
    git(&space, &["add", "-f", ".env"]);
    assert_eq!(of(), ["deny secret-in-repository"]);
    git(&space, &["commit", "-q", "-m", "x"]);
    assert_eq!(of(), ["deny secret-in-repository"]);
    // What is tracked counts, not what was made of it since.
    write(".env", "PORT=1\n");
    assert_eq!(of(), ["deny secret-in-repository"]);
    git(&space, &["repack", "-q", "-a", "-d"]);
    assert_eq!(of(), ["deny secret-in-repository"], "in a pack");
    // The printed command clears it.
    let run = installation.run(&["host", "--format", "json"]);
    let report = report(&run);
    let all = report["findings"].as_array().expect("findings");
    let help = all
        .iter()
        .find(|f| f["id"] == "secret-in-repository")
        .expect("finding")["help"]
        .as_str()
        .expect("help")
        .to_owned();
    let command = help.split('`').nth(1).expect("a command").to_owned();
    let done = std::process::Command::new("sh")
        .args(["-c", &command])
        .output()
        .expect("sh");
    assert!(
        done.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(of().is_empty());
    // Dummies are none.
    write(".env", "OPENAI_API_KEY=change-me\nB_TOKEN=${B}\n");
    git(&space, &["add", "-f", ".env"]);
    assert!(of().is_empty());
    // An index that is not read is no good one.
    fs::write(space.join(".git/index"), "DIRCx").expect("index");
    assert_eq!(of(), ["note secret-in-repository[unread]"]);
}

#[test]
fn a_state_that_is_a_repository_must_not_track_its_secrets() {
    let installation = installation();
    let state = &installation.state;
    git(state, &["init", "-q"]);
    let of = || {
        about(
            &report(&installation.run(&["host", "--format", "json"])),
            &["secret-in-repository"],
        )
    };
    assert!(of().is_empty());
    git(state, &["add", "openclaw.json"]);
    assert_eq!(
        of(),
        ["deny secret-in-repository"],
        "the config holds a token"
    );
    git(state, &["rm", "-q", "--cached", "openclaw.json"]);
    let moved = "{gateway:{auth:{token:'${T}'}}}";
    fs::write(state.join("openclaw.json"), moved).expect("config");
    git(state, &["add", "openclaw.json"]);
    assert!(of().is_empty());
    fs::create_dir_all(state.join("state")).expect("folder");
    fs::write(state.join("state/openclaw.sqlite"), "").expect("database");
    git(state, &["add", "-f", "state/openclaw.sqlite"]);
    assert_eq!(of(), ["deny secret-in-repository"]);
}

#[test]
fn mutated_files_that_are_handed_over_neither_break_it_nor_show_a_secret() {
    const COMPOSE: &str = "x-base: &base\n  environment: {A_TOKEN: sesame-0123456789, B: '${C:-${D}}'}\nservices:\n  openclaw:\n    <<: *base\n    image: ${I:-a}:latest\n    ports: ['${H:-0.0.0.0}:${P:-18789}:18789/tcp', {target: 18789, host_ip: '::1'}]\n    volumes: ['/:/h', 's:/d', {type: bind, source: ~/x, target: /x}]\n    cap_add: [ALL]\n    extends: {service: b}\n  b: {privileged: true, security_opt: ['seccomp:unconfined']}\nvolumes: {s: {driver_opts: {o: bind, device: /}}}\n";
    const SERVE: &str = "{\"TCP\":{\"443\":{\"TCPForward\":\"localhost:18789\"}},\"Web\":{\"a:443\":{\"Handlers\":{\"/\":{\"Proxy\":\"http://127.0.0.1:18789\"}}}},\"AllowFunnel\":{\"a:443\":true},\"Foreground\":{\"x\":{}}}";
    const DAEMON: &str = "{\"default-runtime\":\"runsc\",\"runtimes\":{\"runsc\":{\"path\":\"/usr/bin/runsc\"}},\"ip\":\"127.0.0.1\"}";
    const ZALO: &str = "sha512-EWJ26/2QirgnFuPrEG0b3/y2ECPKWzxRUOeVUEQiiuFPL2wjLokucoWXLUX0oKK9h8O6JgdP0Eh5JP0EcWB2ug==";
    let installation = installation();
    let inspect = inspected(
        json!({ "Privileged": true, "Binds": ["/:/h:ro"], "CapAdd": ["ALL"] }),
        json!({ "Env": ["A_TOKEN=sesame-0123456789"] }),
    );
    let space = installation.state.join("workspace");
    fs::create_dir_all(&space).expect("workspace");
    git(&space, &["init", "-q"]);
    fs::write(space.join(".env"), "A_TOKEN=sesame-0123456789\n").expect("file");
    git(&space, &["add", ".env"]);
    let index = fs::read(space.join(".git/index")).expect("index");
    let pins = installation.config.join("pins");
    fs::create_dir_all(&pins).expect("folder");
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut read = 0;
    let count = rounds(200);
    for round in 0..count {
        let mut line = vec!["host".to_owned()];
        for (option, text) in [
            ("--compose", COMPOSE),
            ("--docker-inspect", &inspect),
            ("--tailscale-status", SERVE),
            ("--docker-daemon", DAEMON),
        ] {
            // Not all of them in every round: one that is broken ends the run before the others are looked at.
            if dice.roll(3) == 0 {
                let file = installation.config.join(option.trim_start_matches('-'));
                fs::write(&file, dice.mutated(text)).expect("file");
                line.extend([option.to_owned(), file.to_str().expect("text").to_owned()]);
            }
        }
        if dice.roll(3) == 0 {
            fs::write(pins.join("zalo.nix"), dice.mutated(&pin("2026.6.9", ZALO))).expect("pin");
            line.extend([
                "--nix-pins".to_owned(),
                pins.to_str().expect("text").to_owned(),
            ]);
        }
        let mut other = index.clone();
        let at = dice.roll(other.len());
        other[at] ^= 1 << dice.roll(8);
        if dice.roll(2) == 0 {
            other.truncate(at);
        }
        fs::write(space.join(".git/index"), other).expect("index");
        line.extend([
            "--format".to_owned(),
            ["human", "json", "sarif", "html"][round % 4].to_owned(),
        ]);
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let started = std::time::Instant::now();
        let run = installation.run(&words);
        assert!(
            (0..=2).contains(&run.code),
            "{round}: {} {}",
            run.code,
            run.text()
        );
        assert!(!run.text().contains("panicked"), "{round}: {}", run.text());
        assert!(
            !run.text().contains("sesame-0123456789"),
            "{round}: {}",
            run.text()
        );
        assert!(started.elapsed().as_secs() < 20, "{round}");
        read += usize::from(run.code != 2);
    }
    assert!(read > count / 10, "{read} of {count} were read at all");
}

#[test]
fn a_check_judges_the_machine_where_policy_says_so() {
    let installation = Installation::shipped();
    installation.init(0);
    let about_machine = |report: &Value| {
        let all = report["findings"].as_array().expect("findings").iter();
        all.filter(|finding| finding["subject"] == "host:machine")
            .count()
    };
    let (_, report) = installation.check();
    assert_eq!(about_machine(&report), 0);
    let run = installation.run(&["check"]);
    assert!(
        run.stdout.contains("openclaw-verify host"),
        "{}",
        run.stdout
    );
    let quiet = installation.run(&["check", "-q"]);
    assert!(
        !quiet.stdout.contains("openclaw-verify host"),
        "{}",
        quiet.stdout
    );
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    fs::write(
        installation.policy(),
        policy.clone() + "\n[host]\ncheck = true\n",
    )
    .expect("policy");
    let (_, report) = installation.check();
    assert!(about_machine(&report) > 0, "{report:#}");
    let host = installation.run(&["host", "--format", "json"]);
    let alone: Value = serde_json::from_str(&host.stdout).expect("report");
    assert_eq!(about_machine(&report), about_machine(&alone));
    let run = installation.run(&["check"]);
    assert!(run.stdout.contains("exec-unrestricted"), "{}", run.stdout);
    assert!(
        !run.stdout.contains("is another question"),
        "{}",
        run.stdout
    );
    // A part of the installation is no question about the machine.
    let run = installation.run(&["plugins", "--format", "json"]);
    let part: Value = serde_json::from_str(&run.stdout).expect("report");
    assert_eq!(about_machine(&part), 0);
    fs::write(installation.policy(), policy + "\n[host]\nchecks = true\n").expect("policy");
    assert_eq!(installation.run(&["check"]).code, 2, "an unknown key");
}

#[test]
fn members_of_a_group_are_trusted_where_policy_says_so() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let installation = crate::posture::entered(&[]);
    let secret = installation.state.join("secrets.json");
    fs::write(&secret, "x").expect("file");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o660)).expect("mode");
    let found = fs::metadata(&installation.state).expect("state");
    let etc = installation.config.join("etc");
    fs::create_dir_all(&etc).expect("folder");
    let users = format!(
        "ada:x:{}:{}::/:\nbob:x:4242:4242::/:\n",
        found.uid(),
        found.gid()
    );
    fs::write(etc.join("passwd"), users).expect("passwd");
    fs::write(etc.join("group"), format!("shared:x:{}:bob\n", found.gid())).expect("group");
    let of = || {
        let etc = etc.to_str().expect("text");
        let run = installation.run(&["host", "--format", "json", "--etc", etc]);
        about(&report(&run), &["secret-readable"])
    };
    assert_eq!(of(), ["deny secret-readable"]);
    fs::write(
        installation.policy(),
        "version = 1\n[host]\ngroup-shared = true\n",
    )
    .expect("policy");
    assert!(of().is_empty(), "{:?}", of());
}
