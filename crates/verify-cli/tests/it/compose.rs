//! Compose files against the compose specification: every key that its schema gives a service is judged, harmless, or named as not
//! judged, and every form in which YAML can say the same is either understood or *not established*.

use std::fs;

use crate::given::{OF_CONTAINERS, about, given, installation, of_service, report, run};

/// What a key of a service does to the container, with a value that shows it.
enum Key {
    /// The value is a finding of this level, rule and code.
    Opens(&'static str, &'static str),
    /// It is read, and this value opens nothing.
    Closed(&'static str),
    /// It opens nothing, whatever its value.
    Harmless(&'static str),
    /// What it gives is not known here.
    NotJudged(&'static str),
}
use Key::{Closed, Harmless, NotJudged, Opens};

/// Every key that the schema of the compose specification gives a service, in its order; of the time when `models`, `provider` and
/// `use_api_socket` had come.
const SCHEMA: [(&str, Key); 92] = [
    (
        "develop",
        Harmless("{watch: [{path: ./src, action: sync, target: /app}]}"),
    ),
    (
        "deploy",
        Harmless("{replicas: 1, resources: {limits: {memory: 1g}}}"),
    ),
    (
        "annotations",
        NotJudged("{run.oci.keep_original_groups: '1'}"),
    ),
    ("attach", Harmless("false")),
    (
        "build",
        Opens(
            "{context: ., privileged: true}",
            "deny container-hole[privileged]",
        ),
    ),
    ("blkio_config", Harmless("{weight: 300}")),
    (
        "cap_add",
        Opens("[CAP_SYS_ADMIN]", "deny container-hole[capability]"),
    ),
    ("cap_drop", Harmless("[ALL]")),
    ("cgroup", Opens("host", "warn container-hole[namespace]")),
    ("cgroup_parent", Harmless("m-executor")),
    ("command", Closed("[node, openclaw.mjs, gateway]")),
    ("configs", Opens("[shadow]", "deny container-hole[mount]")),
    ("container_name", Closed("gateway")),
    ("cpu_count", Harmless("2")),
    ("cpu_percent", Harmless("50")),
    ("cpu_shares", Harmless("73")),
    ("cpu_quota", Harmless("50000")),
    ("cpu_period", Harmless("20ms")),
    ("cpu_rt_period", Harmless("1400us")),
    ("cpu_rt_runtime", Harmless("400ms")),
    ("cpus", Harmless("0.5")),
    ("cpuset", Harmless("0-3")),
    ("credential_spec", NotJudged("{file: my-spec.json}")),
    ("depends_on", Harmless("[db]")),
    (
        "device_cgroup_rules",
        Opens("['b 8:* rwm']", "deny container-hole[device]"),
    ),
    (
        "devices",
        Opens("['/dev/sda:/dev/sda:rwm']", "deny container-hole[device]"),
    ),
    ("dns", Harmless("8.8.8.8")),
    ("dns_opt", Harmless("[use-vc]")),
    ("dns_search", Harmless("example.org")),
    ("domainname", Harmless("example.org")),
    ("entrypoint", Closed("/entrypoint.sh")),
    (
        "env_file",
        Closed("[{path: ./missing.env, required: false}]"),
    ),
    ("label_file", Harmless("./labels")),
    (
        "environment",
        Opens(
            "{OPENAI_API_KEY: sk-test-0123456789}",
            "warn container-hole[secret]",
        ),
    ),
    ("expose", Closed("['18789']")),
    (
        "extends",
        Opens(
            "{service: base, file: other.yml}",
            "note published-port[elsewhere] + note container-hole[elsewhere]",
        ),
    ),
    ("provider", NotJudged("{type: model}")),
    ("external_links", Harmless("[redis]")),
    (
        "extra_hosts",
        Harmless("['host.docker.internal:host-gateway']"),
    ),
    ("gpus", Harmless("all")),
    ("group_add", Harmless("[mail]")),
    ("healthcheck", Harmless("{test: [CMD, 'true']}")),
    ("hostname", Closed("gateway")),
    (
        "image",
        Opens("openclaw:latest", "warn container-hole[image]"),
    ),
    ("init", Harmless("true")),
    ("ipc", Opens("host", "deny container-hole[namespace]")),
    ("isolation", NotJudged("hyperv")),
    ("labels", Harmless("{a: b}")),
    ("links", Harmless("[db]")),
    ("logging", Harmless("{driver: local}")),
    ("mac_address", Harmless("02:42:ac:11:65:43")),
    ("mem_limit", Harmless("1g")),
    ("mem_reservation", Harmless("1g")),
    ("mem_swappiness", Harmless("0")),
    ("memswap_limit", Harmless("1g")),
    (
        "network_mode",
        Opens("host", "deny container-hole[namespace]"),
    ),
    ("models", Harmless("[llm]")),
    ("networks", Opens("[lan]", "deny published-port[network]")),
    ("oom_kill_disable", Harmless("true")),
    ("oom_score_adj", Harmless("-500")),
    ("pid", Opens("host", "deny container-hole[namespace]")),
    ("pids_limit", Harmless("512")),
    ("platform", Harmless("linux/amd64")),
    ("ports", Opens("['18789:18789']", "deny published-port")),
    (
        "post_start",
        Opens(
            "[{command: id, privileged: true}]",
            "deny container-hole[privileged]",
        ),
    ),
    (
        "pre_stop",
        Opens(
            "[{command: id, privileged: true}]",
            "deny container-hole[privileged]",
        ),
    ),
    (
        "privileged",
        Opens("true", "deny container-hole[privileged]"),
    ),
    ("profiles", Harmless("[debug]")),
    ("pull_policy", Harmless("always")),
    ("pull_refresh_after", Harmless("24h")),
    ("read_only", Harmless("true")),
    ("restart", Harmless("unless-stopped")),
    ("runtime", Closed("runsc")),
    ("scale", Harmless("1")),
    (
        "security_opt",
        Opens("['label:disable']", "deny container-hole[unconfined]"),
    ),
    ("shm_size", Harmless("64m")),
    ("secrets", Opens("[shadow]", "deny container-hole[mount]")),
    ("sysctls", Harmless("{net.core.somaxconn: 1024}")),
    ("stdin_open", Harmless("true")),
    ("stop_grace_period", Harmless("1m")),
    ("stop_signal", Harmless("SIGUSR1")),
    ("storage_opt", Harmless("{size: 1G}")),
    ("tmpfs", Harmless("/tmp")),
    ("tty", Harmless("true")),
    ("ulimits", Harmless("{nproc: 65535}")),
    (
        "use_api_socket",
        Opens("true", "deny container-hole[mount]"),
    ),
    ("user", Opens("root", "warn container-hole[root]")),
    ("uts", Opens("host", "warn container-hole[namespace]")),
    (
        "userns_mode",
        Opens("host", "warn container-hole[namespace]"),
    ),
    (
        "volumes",
        Opens("['/var/run/docker.sock:/s']", "deny container-hole[mount]"),
    ),
    (
        "volumes_from",
        Opens("[watchtower]", "deny container-hole[mount]"),
    ),
    ("working_dir", Harmless("/app")),
];

/// What other keys of the file the values above name.
const REST: &str = "  watchtower: {image: 'w@sha256:0', volumes: ['/var/run/docker.sock:/s']}\nsecrets: {shadow: {file: /etc/shadow}}\nconfigs: {shadow: {file: /etc/shadow}}\nnetworks: {lan: {driver: macvlan}}\n";

fn of(text: &str) -> Vec<String> {
    let one = installation();
    let file = given(&one, "compose.yml", text);
    about(&report(&run(&one, "--compose", &file, &[])), &OF_CONTAINERS)
}

#[test]
fn every_key_of_the_schema_is_judged_or_named() {
    for (key, kind) in &SCHEMA {
        let (value, expected) = match kind {
            Opens(value, expected) => (value, *expected),
            Closed(value) | Harmless(value) => (value, ""),
            NotJudged(value) => (value, "note container-hole[not-judged]"),
        };
        let text = format!("services:\n  openclaw:\n    {key}: {value}\n{REST}");
        assert_eq!(of(&text).join(" + "), expected, "{key}: {value}");
    }
    let mut names: Vec<&str> = SCHEMA.iter().map(|(key, _)| *key).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), SCHEMA.len(), "a key twice");
}

#[test]
fn a_key_that_no_schema_had_is_named_and_its_value_is_not_shown() {
    let one = installation();
    let text =
        "services:\n  openclaw:\n    open_everything: sesame-0123456789\n    x-mine: anything\n";
    let file = given(&one, "compose.yml", text);
    let run = run(&one, "--compose", &file, &[]);
    let found = about(&report(&run), &OF_CONTAINERS);
    assert_eq!(found, ["note container-hole[not-judged]"]);
    assert!(!run.text().contains("sesame"), "{}", run.text());
    // Of a service that is not OpenClaw's nothing is said.
    let other = "services:\n  openclaw: {image: 'a@sha256:0'}\n  db: {open_everything: 1, privileged: true}\n";
    assert!(of(other).is_empty(), "{:?}", of(other));
}

#[test]
fn one_opening_in_every_spelling_is_found() {
    for (lines, code) in [
        ("cap_add: [sys_admin]", "capability"),
        ("cap_add: ['cap_all']", "capability"),
        ("cap_add: [\"DAC_READ_SEARCH\"]", "capability"),
        ("cap_add:\n- ALL", "capability"),
        ("cap_add: &c [BPF]", "capability"),
        ("security_opt: ['seccomp=unconfined']", "unconfined"),
        ("security_opt: ['Seccomp:Unconfined']", "unconfined"),
        ("security_opt: ['label=disable']", "unconfined"),
        ("security_opt: ['label:type:spc_t']", "unconfined"),
        ("security_opt: ['systempaths=unconfined']", "unconfined"),
        ("privileged: 'true'", "privileged"),
        ("privileged: True", "privileged"),
        ("privileged: on", "privileged"),
        ("privileged: !!bool true", "privileged"),
        ("privileged: \"\\x74rue\"", "privileged"),
        ("privileged: >-\n  true", "privileged"),
        (
            "build: {context: ., entitlements: [security.insecure]}",
            "privileged",
        ),
        ("ipc: host", "namespace"),
        ("networks: {hostnet: {}}", "namespace"),
        ("volumes: ['/srv/../var/run/docker.sock:/s:ro']", "mount"),
        ("volumes: ['/proc/1/root:/h:ro']", "mount"),
        ("volumes: ['/etc/shadow:/s:ro']", "mount"),
        ("volumes: ['/usr/local/bin:/b']", "mount"),
        ("volumes: ['~/.ssh:/k']", "mount"),
        ("volumes: ['/run/user/1000:/r']", "mount"),
        ("volumes: ['/run/dbus/system_bus_socket:/d:ro']", "mount"),
        (
            "volumes: [{type: bind, source: ../../../../../../../.., target: /h}]",
            "mount",
        ),
        (
            "volumes: [{type: bind, source: x/../../../../../../../../.., target: /h}]",
            "mount",
        ),
        ("devices: [{source: /dev/mem, target: /dev/mem}]", "device"),
        ("devices: ['/dev/nvme0n1']", "device"),
        ("device_cgroup_rules: ['a *:* rwm']", "device"),
    ] {
        let body: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        let rest = "networks: {hostnet: {external: true, name: host}}\n";
        let text = format!("services:\n  openclaw:\n{body}{rest}");
        assert_eq!(
            of(&text),
            [format!("deny container-hole[{code}]")],
            "{lines}"
        );
    }
    for lines in [
        "volumes: ['~/.aws:/k:ro']",
        "volumes: ['/home/ada/.ssh:/k:ro']",
        "volumes: ['/root/.docker:/k:ro']",
    ] {
        assert_eq!(
            of_service(lines, &[]),
            ["warn container-hole[keys]"],
            "{lines}"
        );
    }
}

#[test]
fn an_image_by_a_tag_is_named_by_its_digest() {
    let one = installation();
    let text = "services: {openclaw: {image: 'openclaw:latest'}}\n";
    let file = given(&one, "compose.yml", text);
    let report = report(&run(&one, "--compose", &file, &[]));
    let all = report["findings"].as_array().expect("findings");
    let image = all.iter().find(|finding| finding["code"] == "image");
    let help = image.expect("the finding")["help"].to_string();
    assert!(
        help.contains("@sha256:") && !help.contains("socket"),
        "{help}"
    );
}

#[test]
fn honest_files_are_silent() {
    for lines in [
        "devices: ['/dev/dri', '/dev/snd', '/dev/net/tun', '/dev/ttyUSB0']",
        "device_cgroup_rules: ['c 189:* rmw']",
        "volumes: ['/root/.openclaw:/home/node/.openclaw', '~/.openclaw/workspace:/w']",
        "volumes: ['/etc/localtime:/etc/localtime', '/etc/ssl/certs:/etc/ssl/certs:ro', '/usr/share/ca-certificates:/c:ro']",
        "volumes: ['~/.gitconfig:/g:ro', '~/.ssh/known_hosts:/k:ro', '/dev/shm:/dev/shm']",
        "network_mode: service:other",
        "ipc: shareable",
        "pid: service:other",
        "userns_mode: keep-id",
        "security_opt: ['no-new-privileges:true', 'label=type:container_t']",
        "cap_add: [NET_BIND_SERVICE, CHOWN]",
        "secrets: [key]",
        "gpus: all",
        "networks: [inner]",
        "build: {context: ., privileged: false}",
    ] {
        let body: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        let rest = "  other: {image: 'o@sha256:0'}\nsecrets: {key: {file: ./key}}\nnetworks: {inner: {driver: bridge}}\n";
        let text = format!("services:\n  openclaw:\n{body}{rest}");
        assert!(of(&text).is_empty(), "{lines}: {:?}", of(&text));
    }
}

#[test]
fn what_a_variable_decides_is_not_a_good_answer() {
    for lines in [
        "privileged: ${P:-false}",
        "network_mode: ${N:-bridge}",
        "pid: ${P:-}",
        "cap_add: ['${C:-NET_BIND_SERVICE}']",
        "security_opt: ['${S:-no-new-privileges:true}']",
        "volumes: ['${D:-./data}:/data']",
        "devices: ['${D:-/dev/dri}']",
        "volumes_from: ['${V}']",
        "use_api_socket: ${S:-false}",
    ] {
        assert_eq!(
            of_service(lines, &[]),
            ["note container-hole[variable]"],
            "{lines}"
        );
    }
    assert!(of_service("privileged: ${P:-true}", &["--env", "P=false"]).is_empty());
    let open = of_service("privileged: ${P:-true}", &[]);
    assert!(
        open.contains(&"deny container-hole[privileged]".to_owned()),
        "{open:?}"
    );
    for lines in [
        "network_mode: container:proxy",
        "volumes_from: ['container:x']",
        "volumes: ['C:\\data:/d']",
        "volumes: [{type: npipe, source: '\\\\.\\pipe\\docker_engine', target: x}]",
    ] {
        assert_eq!(
            of_service(lines, &[]),
            ["note container-hole[not-judged]"],
            "{lines}"
        );
    }
}

#[test]
fn ports_of_the_network_that_a_service_joins_are_the_gateways() {
    let text = "services:\n  openclaw:\n    network_mode: service:vpn\n    command: gateway --port 19000\n  vpn:\n    image: v@sha256:0\n    ports: ['19000:19000']\n";
    assert_eq!(of(text), ["deny published-port"]);
    let alone = "services:\n  openclaw:\n    networks: {lan: {ipv4_address: 192.168.1.9}}\nnetworks:\n  lan: {driver: ipvlan}\n";
    assert_eq!(of(alone), ["deny published-port[network]"]);
    assert_eq!(
        of_service("ports: ['[::ffff:127.0.0.1]:18789:18789']", &[]),
        [""; 0]
    );
    assert_eq!(
        of_service("ports: ['[::ffff:10.0.0.1]:18789:18789']", &[]),
        ["deny published-port"]
    );
    assert_eq!(
        of_service("ports: ['10000-19000:10000-19000']", &[]),
        ["deny published-port"]
    );
}

#[test]
fn merge_keys_aliases_and_volumes_of_others_are_followed() {
    for open in [
        "x-a: &a {privileged: true}\nx-b: &b {user: '1000'}\nservices:\n  openclaw:\n    <<: [*b, *a]\n",
        "x-c: &c [SYS_ADMIN]\nservices:\n  openclaw:\n    cap_add: *c\n",
        "services:\n  base: &base\n    privileged: true\n  openclaw:\n    <<: *base\n    user: '1000'\n",
        "services:\n  a: {volumes: ['/:/h']}\n  b: {volumes_from: [a]}\n  openclaw: {volumes_from: ['b:ro']}\n",
        "services:\n  a: {privileged: true}\n  b: {extends: a}\n  openclaw: {extends: {service: b}}\n",
    ] {
        let found = of(open);
        assert!(
            !found.is_empty() && found.iter().all(|f| f.starts_with("deny container-hole")),
            "{open}: {found:?}"
        );
    }
    // The key of the service itself wins over what is merged into it.
    assert!(of("x-a: &a {privileged: true}\nservices:\n  openclaw:\n    <<: *a\n    privileged: false\n").is_empty());
}

#[test]
fn files_that_compose_reads_by_itself_are_named() {
    let one = installation();
    let text = "services:\n  openclaw: {image: 'a@sha256:0'}\n";
    let judged = |name: &str| {
        let file = given(&one, name, text);
        about(&report(&run(&one, "--compose", &file, &[])), &OF_CONTAINERS)
    };
    assert!(judged("docker-compose.yml").is_empty());
    fs::write(
        one.config.join("docker-compose.override.yaml"),
        "services: {}\n",
    )
    .expect("file");
    let both = [
        "note published-port[elsewhere]",
        "note container-hole[elsewhere]",
    ];
    assert_eq!(judged("docker-compose.yml"), both);
    assert!(
        judged("other.yml").is_empty(),
        "compose does not look beside it"
    );
}

#[test]
fn a_file_with_variables_that_others_read_is_found() {
    use std::os::unix::fs::PermissionsExt as _;
    let one = installation();
    let folder = one.config.parent().expect("folder").join("stack");
    fs::create_dir(&folder).expect("folder");
    let (file, variables) = (folder.join("compose.yml"), folder.join("gateway.env"));
    let text = "services:\n  openclaw: {image: 'a@sha256:0', env_file: [./gateway.env]}\n";
    fs::write(&file, text).expect("file");
    let judged = |content: &str, mode: u32| {
        fs::write(&variables, content).expect("file");
        fs::set_permissions(&variables, fs::Permissions::from_mode(mode)).expect("mode");
        let run = run(&one, "--compose", &file, &[]);
        let found = about(&report(&run), &["secret-readable"]);
        assert!(!run.text().contains("0123456789"), "{}", run.text());
        found.iter().any(|f| f.contains("secret-readable"))
    };
    assert!(judged("OPENAI_API_KEY=sk-test-0123456789\n", 0o644));
    assert!(!judged("OPENAI_API_KEY=sk-test-0123456789\n", 0o600));
    assert!(!judged("PORT=18789\n", 0o644));
}
