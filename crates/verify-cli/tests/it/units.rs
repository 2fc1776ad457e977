//! Units of the service manager and the process that they start: what counts of them, and what only looks as if it did.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::posture::{proc_of, with};
use crate::support::{Installation, graded};

const HARD: &str = "[Service]\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=tmpfs\nUMask=0077\nRestrictAddressFamilies=AF_INET\nCapabilityBoundingSet=\n";
const OF_UNITS: [&str; 8] = [
    "gateway-no-auth",
    "funnel-exposed",
    "gateway-exposed",
    "runs-as-root",
    "secret-in-service",
    "unit-unhardened",
    "weak-gateway-secret",
    "root-equivalent-group",
];

/// A machine with units, of which the main one starts the gateway of the state.
struct Machine {
    installation: Installation,
    etc: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let installation = with("{gateway:{auth:{token:'STRONG'}}}");
        let etc = installation.config.join("etc");
        fs::create_dir_all(&etc).expect("folder");
        for name in ["passwd", "group"] {
            fs::write(etc.join(name), "").expect("table");
        }
        Self { installation, etc }
    }

    fn file(&self, name: &str, text: &[u8]) -> PathBuf {
        let file = self.etc.join("systemd").join(name);
        fs::create_dir_all(file.parent().expect("folder")).expect("folder");
        fs::write(&file, text).expect("unit");
        file
    }

    /// A unit of the system that is hardened and has these lines too.
    fn unit(lines: &str) -> Self {
        let machine = Self::new();
        let text = format!("{HARD}User=openclaw\n{}{lines}", machine.start());
        machine.file("system/openclaw-gateway.service", text.as_bytes());
        machine
    }

    fn start(&self) -> String {
        format!(
            "ExecStart=/nowhere/node /opt/openclaw/dist/index.js gateway --port 18789\nEnvironment=OPENCLAW_STATE_DIR={}\n",
            self.installation.state.display()
        )
    }

    fn said(&self, more: &[&str]) -> Vec<String> {
        let etc = self.etc.to_str().expect("text");
        let home = self.installation.home.to_str().expect("text");
        let line = ["host", "--format", "json", "--etc", etc, "--home", home];
        let line = [&line, more].concat();
        let run = self.installation.run(&line);
        assert!(!run.text().contains("sesame"), "{}", run.text());
        let report: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", run.text()));
        let found = report["findings"].as_array().expect("findings").iter();
        found
            .filter(|finding| OF_UNITS.iter().any(|id| finding["id"] == *id))
            .map(graded)
            .collect()
    }
}

#[test]
fn only_what_the_manager_takes_counts() {
    for (lines, expected) in [
        ("", &[] as &[&str]),
        // Another section is passed over by the manager.
        ("[Install]\nUser=root\n", &[]),
        ("NoNewPrivileges=off\n", &["note unit-unhardened"]),
        ("NoNewPrivileges=f\n", &["note unit-unhardened"]),
        ("UMask=0022\n", &["note unit-unhardened"]),
        ("UMask=0023\n", &["note unit-unhardened"]),
        ("UMask=0027\n", &[]),
        ("User=\nDynamicUser=yes\n", &[]),
        ("User=\nDynamicUser=no\n", &["deny runs-as-root[unit]"]),
        ("User=0\n", &["deny runs-as-root[unit]"]),
        ("User=00\n", &["deny runs-as-root[unit]"]),
        ("User=%i\n", &["note runs-as-root[unit-user]"]),
        ("User = root\n", &["deny runs-as-root[unit]"]),
        ("AmbientCapabilities=CAP_NET_BIND_SERVICE\n", &[]),
        (
            "AmbientCapabilities=CAP_SYS_ADMIN\n",
            &["deny runs-as-root[capabilities]"],
        ),
        (
            "ExecStart=\nExecStart=+/nowhere/node /opt/openclaw/dist/index.js gateway\n",
            &["deny runs-as-root[unit]"],
        ),
        (
            "ExecStart=\nExecStart=-!!/nowhere/node /opt/openclaw/dist/index.js gateway\n",
            &["deny runs-as-root[unit]"],
        ),
        (
            "ExecStart=\nExecStart=-/nowhere/node /opt/openclaw/dist/index.js gateway\n",
            &[],
        ),
        (
            "ExecStart=\nExecStart=/nowhere/node /opt/openclaw/dist/index.js gateway \\\n  --bind=lan\n",
            &["warn gateway-exposed"],
        ),
        (
            "ExecStart=\nExecStart=/nowhere/node /opt/openclaw/dist/index.js gateway --token sesame-01\n",
            &["deny weak-gateway-secret", "deny secret-in-service"],
        ),
        (
            "Environment=OPENCLAW_GATEWAY_TOKEN=sesame\n",
            &["deny weak-gateway-secret"],
        ),
        (
            "SetCredential=token:sesame-0123456789abcdef\n",
            &["deny secret-in-service"],
        ),
        ("LoadCredential=token:/etc/openclaw/token\n", &[]),
    ] {
        assert_eq!(Machine::unit(lines).said(&[]), expected, "{lines}");
    }
}

/// What is said of a unit of the system that starts the gateway with this line.
fn started(line: &str) -> Vec<String> {
    Machine::unit(&format!("ExecStart=\nExecStart={line}\n")).said(&[])
}

#[test]
fn options_of_a_unit_win_over_the_config() {
    let node = "/nowhere/node /opt/openclaw/dist/index.js gateway";
    for (options, expected) in [
        (
            "--auth token --tailscale off --bind loopback",
            &[] as &[&str],
        ),
        ("--auth none", &["warn gateway-no-auth[loopback]"]),
        (
            "--auth=none --bind lan",
            &["deny gateway-no-auth[option]", "warn gateway-exposed"],
        ),
        ("--auth $MODE", &["note gateway-no-auth[variable]"]),
        ("--tailscale funnel", &["deny funnel-exposed[option]"]),
        ("--tailscale serve", &[]),
        // Of several the last counts, as for OpenClaw.
        ("--bind loopback --bind lan", &["warn gateway-exposed"]),
        ("--bind lan --bind loopback", &[]),
    ] {
        let mut found = started(&format!("{node} {options}"));
        found.sort();
        assert_eq!(found, expected, "{options}");
    }
}

#[test]
fn a_unit_that_takes_the_config_has_what_the_config_says() {
    let installation =
        with("{gateway:{bind:'lan',auth:{token:'STRONG'},tailscale:{mode:'funnel'}}}");
    let with_config = Machine {
        etc: Machine::new().etc,
        installation,
    };
    let etc = with_config.installation.config.join("etc");
    fs::create_dir_all(&etc).expect("folder");
    let machine = Machine { etc, ..with_config };
    let unit = |name: &str, options: &str| {
        let start = machine.start().replace(" --port 18789", options);
        let text = format!("{HARD}User=openclaw\n{start}");
        machine.file(&format!("system/{name}.service"), text.as_bytes());
    };
    unit("openclaw-gateway", " --bind loopback --tailscale off");
    assert!(machine.said(&[]).is_empty(), "{:?}", machine.said(&[]));
    // Another one without the options starts what the config says.
    unit("openclaw-gateway-2", "");
    let mut found = machine.said(&[]);
    found.sort();
    assert_eq!(found, ["deny funnel-exposed", "warn gateway-exposed"]);
}

#[test]
fn a_command_that_hides_its_options_is_not_a_good_one() {
    let hidden = [
        "note funnel-exposed[command]",
        "note gateway-exposed[command]",
        "note gateway-no-auth[command]",
    ];
    for line in [
        "/opt/start.sh gateway",
        "/bin/sh /opt/gateway.sh",
        "/bin/sh -c \"cd /opt && node openclaw.mjs gateway\"",
        "/nowhere/npm run gateway",
    ] {
        let mut found = started(line);
        found.sort();
        assert_eq!(found, hidden, "{line}");
    }
    for line in [
        "/bin/sh -c \"exec /nowhere/node /opt/openclaw.mjs gateway --port 18789\"",
        "/usr/bin/env -i A=b /nowhere/node /opt/openclaw.mjs gateway",
        "/usr/bin/nice -n 5 /nowhere/openclaw gateway",
    ] {
        assert!(started(line).is_empty(), "{line}: {:?}", started(line));
    }
    for line in [
        "/bin/sh -c \"exec /nowhere/node /opt/openclaw.mjs gateway --bind lan\"",
        "/usr/bin/env A=b /nowhere/node /opt/openclaw.mjs gateway --bind lan",
    ] {
        assert_eq!(started(line), ["warn gateway-exposed"], "{line}");
    }
    // What is seen to listen is known.
    let machine = Machine::unit("ExecStart=\nExecStart=/opt/start.sh gateway\n");
    let proc = proc_of(&machine.installation, 1, "x (enforce)", &["0100007F"]);
    let found = machine.said(&["--proc", &proc]);
    assert!(!found.concat().contains("gateway-exposed"), "{found:?}");
}

#[test]
fn secrets_on_a_command_line_are_seen_behind_the_program_too() {
    for line in [
        "/usr/bin/env GEMINI_API_KEY=sesame-0123456789 /nowhere/node /opt/openclaw.mjs gateway",
        "/bin/sh -c \"GEMINI_API_KEY=sesame-0123456789 exec /nowhere/node /opt/openclaw.mjs gateway\"",
    ] {
        assert_eq!(started(line), ["deny secret-in-service"], "{line}");
    }
    let line = "/usr/bin/env GEMINI_API_KEY=${GEMINI_API_KEY} LANG=sesame-0123456789 /nowhere/node /opt/openclaw.mjs gateway";
    assert!(started(line).is_empty(), "{:?}", started(line));
}

#[test]
fn a_unit_with_another_config_is_not_what_was_judged() {
    let notes = [
        "warn gateway-exposed[config]",
        "warn gateway-no-auth[config]",
    ];
    let of = |lines: &str| {
        let mut found = Machine::unit(lines).said(&[]);
        found.sort();
        found
    };
    assert_eq!(
        of("Environment=OPENCLAW_CONFIG_PATH=/nowhere/other.json\n"),
        notes
    );
    // The one that is judged, by its own path.
    let machine = Machine::new();
    let config = machine.installation.state.join("openclaw.json");
    let text = format!(
        "{HARD}User=openclaw\n{}Environment=OPENCLAW_CONFIG_PATH={}\n",
        machine.start(),
        config.display()
    );
    machine.file("system/openclaw-gateway.service", text.as_bytes());
    assert!(machine.said(&[]).is_empty(), "{:?}", machine.said(&[]));
    // A file of variables wins over what stands in the unit.
    let file = machine.file("gateway.env", b"OPENCLAW_CONFIG_PATH=/nowhere/other.json\n");
    let text = format!("{text}EnvironmentFile=-{}\n", file.display());
    machine.file("system/openclaw-gateway.service", text.as_bytes());
    let mut found = machine.said(&[]);
    found.sort();
    assert_eq!(found, notes);
}

#[test]
fn a_weak_token_is_weak_in_a_file_of_variables_too() {
    let machine = Machine::new();
    let of = |token: &str| {
        let text = format!("OPENCLAW_GATEWAY_TOKEN={token}\n");
        let file = machine.file("gateway.env", text.as_bytes());
        let text = format!(
            "{HARD}User=openclaw\n{}EnvironmentFile={}\n",
            machine.start(),
            file.display()
        );
        machine.file("system/openclaw-gateway.service", text.as_bytes());
        machine.said(&[])
    };
    assert_eq!(of("sesame"), ["deny weak-gateway-secret"]);
    assert!(of("0123456789abcdef0123456789abcdef").is_empty());
}

#[test]
fn groups_of_a_unit_count_like_those_of_its_user() {
    let root = ["warn root-equivalent-group[unit]"];
    for (lines, expected) in [
        ("SupplementaryGroups=video docker\n", &root as &[&str]),
        ("Group=disk\n", &root),
        ("SupplementaryGroups=docker\nSupplementaryGroups=\n", &[]),
        ("SupplementaryGroups=video\nGroup=openclaw\n", &[]),
    ] {
        assert_eq!(Machine::unit(lines).said(&[]), expected, "{lines}");
    }
}

/// What is said of a gateway that runs with this table of its own.
fn said_of_status(status: &str) -> Vec<String> {
    let machine = Machine::unit("");
    let proc = proc_of(&machine.installation, 1, "x (enforce)", &["0100007F"]);
    fs::write(format!("{proc}/77/status"), status).expect("table");
    machine.said(&["--proc", &proc])
}

#[test]
fn a_gateway_that_can_become_root_again_is_one() {
    let of =
        |numbers: &str| said_of_status(&format!("Uid:\t{numbers}\nCapEff:\t0000000000000000\n"));
    assert!(of("1\t1\t1\t1").is_empty());
    assert_eq!(of("1\t1\t0\t1"), ["deny runs-as-root[saved]"]);
    assert_eq!(of("0\t1\t1\t1"), ["deny runs-as-root[saved]"]);
}

#[test]
fn settings_in_the_wrong_section_do_not_harden() {
    let machine = Machine::new();
    let text = format!(
        "{}[Service]\nUser=openclaw\n{}",
        HARD.replace("Service", "Unit"),
        machine.start()
    );
    machine.file("system/openclaw-gateway.service", text.as_bytes());
    assert_eq!(machine.said(&[]), ["note unit-unhardened"]);
}

#[test]
fn drop_ins_of_the_other_manager_do_not_count_and_the_last_name_wins() {
    let machine = Machine::new();
    let text = format!("[Service]\nUser=openclaw\n{}", machine.start());
    machine.file("user/openclaw-gateway.service", text.as_bytes());
    machine.file(
        "system/openclaw-gateway.service.d/hard.conf",
        HARD.as_bytes(),
    );
    assert_eq!(machine.said(&[]), ["note unit-unhardened"]);
    machine.file("user/openclaw-gateway.service.d/hard.conf", HARD.as_bytes());
    assert!(machine.said(&[]).is_empty(), "{:?}", machine.said(&[]));
    machine.file("user/service.d/zz.conf", b"[Service]\nNoNewPrivileges=no\n");
    assert_eq!(machine.said(&[]), ["note unit-unhardened"]);
}

#[test]
fn a_unit_that_is_hidden_by_another_of_its_name_says_nothing() {
    let machine = Machine::unit("");
    let home = &machine.installation.home;
    let folder = home.join(".config/systemd/user");
    fs::create_dir_all(&folder).expect("folder");
    // The user's own one counts before that of the machine for all users, and a link to nothing hides it.
    machine.file(
        "user/openclaw-node.service",
        format!("[Service]\n{}", machine.start()).as_bytes(),
    );
    assert_eq!(machine.said(&[]), ["note unit-unhardened"]);
    std::os::unix::fs::symlink("/dev/null", folder.join("openclaw-node.service")).expect("link");
    assert!(machine.said(&[]).is_empty());
}

#[test]
fn units_that_cannot_be_read_are_named() {
    let machine = Machine::unit("");
    machine.file("system/other.service", &vec![b'#'; 2 << 20]);
    assert_eq!(
        machine.said(&[]),
        [
            "note secret-in-service[unread]",
            "note unit-unhardened[unread]"
        ]
    );
    let machine = Machine::unit("");
    let agents = machine.installation.home.join("Library/LaunchAgents");
    fs::create_dir_all(&agents).expect("folder");
    fs::write(
        agents.join("ai.openclaw.gateway.plist"),
        b"bplist00 ai.openclaw.gateway",
    )
    .expect("list");
    fs::write(agents.join("org.example.plist"), b"bplist00 something else").expect("list");
    assert_eq!(
        machine.said(&[]),
        [
            "note secret-in-service[unread]",
            "note unit-unhardened[unread]"
        ]
    );
}

#[test]
fn a_unit_of_the_system_counts_by_whom_it_runs_as() {
    let machine = Machine::new();
    let owner = {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(&machine.installation.state)
            .expect("state")
            .uid()
    };
    let usual = machine.installation.home.join(".openclaw");
    let text = format!("{HARD}User={owner}\nExecStart=/usr/bin/openclaw gateway --bind lan\n");
    machine.file("system/gw.service", text.as_bytes());
    // The state of this test is not the usual one, so the unit is about another.
    assert_eq!(
        machine.installation.state == usual,
        !machine.said(&[]).is_empty()
    );
    let run = |state: &std::path::Path| {
        let etc = machine.etc.to_str().expect("text");
        let mut command =
            crate::support::bare(&machine.installation.home, &machine.installation.config);
        command
            .args(["host", "--format", "json", "--etc", etc, "--state-dir"])
            .arg(state);
        let run = crate::support::Run::of(&command.output().expect("run"));
        run.stdout.contains("--bind lan")
    };
    if !usual.exists() {
        fs::create_dir(&usual).expect("state");
        fs::write(usual.join("openclaw.json"), "{}").expect("config");
    }
    assert!(run(&usual));
    let text = text.replace(&format!("User={owner}"), "User=4242");
    machine.file("system/gw.service", text.as_bytes());
    assert!(!run(&usual));
}

#[test]
fn a_backup_that_is_called_after_openclaw_is_none() {
    let machine = Machine::unit("");
    let state = machine.installation.state.display();
    let text = format!("[Service]\nType=oneshot\nExecStart=/usr/bin/restic backup {state}\n");
    machine.file("system/openclaw-backup.service", text.as_bytes());
    assert!(machine.said(&[]).is_empty(), "{:?}", machine.said(&[]));
    // By its name it is OpenClaw's own, whatever starts it.
    let text = format!("[Service]\nExecStart=/opt/start.sh {state}\n");
    machine.file("system/openclaw@ada.service", text.as_bytes());
    assert!(
        machine
            .said(&[])
            .contains(&"deny runs-as-root[unit]".to_owned())
    );
}

#[test]
fn rights_of_root_are_seen_in_the_table_of_processes() {
    let of = |rights: &str| said_of_status(&format!("Uid:\t1\t1\t1\t1\nCapEff:\t{rights}\n"));
    assert!(of("0000000000000000").is_empty());
    // To listen on a port below 1024.
    assert!(of("0000000000000400").is_empty());
    assert_eq!(of("0000000000200000"), ["deny runs-as-root[capabilities]"]);
    assert_eq!(of("000001ffffffffff"), ["deny runs-as-root[capabilities]"]);
}

#[test]
fn a_program_that_others_can_change_is_found_in_the_unit() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    let folder = machine
        .installation
        .config
        .parent()
        .expect("root")
        .join("bin");
    fs::create_dir(&folder).expect("folder");
    fs::write(folder.join("node"), "").expect("program");
    let text = format!(
        "{HARD}User=openclaw\nExecStart={0}/node gateway\nEnvironment=PATH=/usr/bin:{0} OPENCLAW_STATE_DIR={1}\n",
        folder.display(),
        machine.installation.state.display()
    );
    machine.file("system/openclaw-gateway.service", text.as_bytes());
    let open = |mode: u32| {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("mode");
        let etc = machine.etc.to_str().expect("text");
        let run = machine
            .installation
            .run(&["host", "--format", "json", "--etc", etc]);
        run.stdout
            .contains("a folder in which the gateway looks for programs")
    };
    assert!(!open(0o755));
    // The folders above a temporary one may be closed to others, and then nothing in it is open.
    let above = folder.ancestors().skip(1);
    let entered = above
        .take_while(|place| place.parent().is_some())
        .all(|place| fs::metadata(place).is_ok_and(|found| found.permissions().mode() & 0o1 != 0));
    assert_eq!(open(0o777), entered);
}
