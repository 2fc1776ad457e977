//! `host` on a real OpenClaw, as another user, and against the programs that read the files it prints.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::posture::{host, with};
use crate::support::{Real, Run, bare, listing, program_in, real, repository};

/// A home in which the real OpenClaw made its first state, with this umask.
struct Onboarded {
    root: Real,
    home: PathBuf,
    operator: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Onboarded {
    fn new(umask: &str) -> Self {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let folder = temporary.path().canonicalize().expect("path");
        let (home, operator) = (folder.join("home"), folder.join("operator"));
        for folder in [&home, &operator, &home.join("tmp")] {
            fs::create_dir_all(folder).expect("folder");
        }
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).expect("mode");
        let made = Self {
            root: real(),
            home,
            operator,
            _temporary: temporary,
        };
        let line = [
            "onboard",
            "--non-interactive",
            "--mode",
            "local",
            "--accept-risk",
            "--skip-health",
        ];
        let done = made.openclaw(umask, &line);
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        made
    }

    fn state(&self) -> PathBuf {
        self.home.join(".openclaw")
    }

    fn openclaw(&self, umask: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("umask {umask} && exec \"$@\""), "sh"])
            .arg(self.root.join("bin/node"))
            .arg(self.root.join("app/node_modules/openclaw/openclaw.mjs"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.home)
            .env("TMPDIR", self.home.join("tmp"))
            .env("OPENCLAW_STATE_DIR", self.state());
        command.output().expect("node")
    }

    fn set(&self, batch: &Value) {
        let done = self.openclaw(
            "022",
            &["config", "set", "--batch-json", &batch.to_string()],
        );
        assert!(
            done.status.success(),
            "{batch}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = bare(&self.home, &self.operator);
        command.args(arguments);
        command
            .arg("--config")
            .arg(&self.operator)
            .arg("--state-dir")
            .arg(self.state());
        Run::of(&command.output().expect("the binary runs"))
    }

    fn host(&self) -> Value {
        let run = self.run(&["host", "--format", "json"]);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.text()))
    }
}

/// Level and id of each finding, without those about services and processes of this machine.
fn said(report: &Value) -> Vec<String> {
    let found = report["findings"].as_array().expect("findings").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found
        .map(|f| format!("{} {}", text(&f["level"]), text(&f["id"])))
        .collect()
}

#[test]
#[ignore = "needs a real OpenClaw"]
fn a_real_first_run_shows_what_it_may_and_no_more() {
    for umask in ["022", "000"] {
        let made = Onboarded::new(umask);
        let before = listing(&made.state());
        let report = made.host();
        assert_eq!(
            said(&report),
            [
                "warn exec-unrestricted",
                "warn sandbox-off",
                "warn secret-in-config",
                "note install-not-gated"
            ],
            "umask {umask}"
        );
        for line in [
            &["host", "-v"][..],
            &["host", "--commands"],
            &["checklist"],
            &["checklist", "--format", "markdown"],
        ] {
            made.run(line);
        }
        assert!(
            listing(&made.state()) == before,
            "umask {umask}: the state directory was changed"
        );
    }
}

/// Settings that OpenClaw takes, and that each have a remedy.
fn bad() -> Value {
    settings(&[
        ("gateway.bind", json!("lan")),
        ("gateway.auth.mode", json!("none")),
        ("gateway.trustedProxies", json!(["0.0.0.0/0"])),
        ("gateway.allowRealIpFallback", json!(true)),
        ("gateway.controlUi.allowedOrigins", json!(["*"])),
        (
            "gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback",
            json!(true),
        ),
        (
            "gateway.nodes.pairing.autoApproveCidrs",
            json!(["0.0.0.0/0"]),
        ),
        (
            "gateway.nodes.pairing.sshVerify",
            json!({ "cidrs": ["0.0.0.0/0"] }),
        ),
        ("gateway.nodes.commands.allow", json!(["camera.snap"])),
        ("gateway.tools.allow", json!(["exec"])),
        ("discovery.mdns.mode", json!("full")),
        ("tools.elevated.enabled", json!(true)),
        ("tools.elevated.allowFrom.telegram", json!(["*"])),
        ("channels.telegram.dmPolicy", json!("open")),
        ("channels.telegram.allowFrom", json!(["*", "1", "2"])),
        ("channels.telegram.groupPolicy", json!("open")),
        ("channels.discord.dmPolicy", json!("open")),
        ("channels.discord.allowFrom", json!(["*", "3"])),
        ("channels.discord.groupPolicy", json!("open")),
        ("channels.discord.dangerouslyAllowNameMatching", json!(true)),
        ("session.dmScope", json!("main")),
        ("tools.exec.mode", json!("full")),
        ("tools.exec.safeBins", json!(["python3"])),
        ("tools.exec.safeBinTrustedDirs", json!(["/tmp/bin"])),
        ("tools.fs.workspaceOnly", json!(false)),
        ("tools.exec.applyPatch.workspaceOnly", json!(false)),
        // What weakens a sandbox counts for the agent that has one, and what runs without one for the other.
        ("agents.defaults.sandbox.mode", json!("off")),
        (
            "agents.entries.boxed",
            json!({ "sandbox": { "mode": "all" } }),
        ),
        ("agents.entries.main.tools.exec.mode", json!("full")),
        ("agents.defaults.sandbox.scope", json!("shared")),
        ("agents.defaults.sandbox.workspaceAccess", json!("rw")),
        ("agents.defaults.sandbox.docker.network", json!("bridge")),
        ("agents.defaults.sandbox.docker.capDrop", json!([])),
        ("agents.defaults.sandbox.docker.readOnlyRoot", json!(false)),
        ("agents.defaults.sandbox.docker.user", json!("0:0")),
        (
            "agents.defaults.sandbox.docker.binds",
            json!(["/var/run/docker.sock:/var/run/docker.sock"]),
        ),
        (
            "agents.defaults.sandbox.docker.dangerouslyAllowReservedContainerTargets",
            json!(true),
        ),
        (
            "agents.defaults.sandbox.browser.allowHostControl",
            json!(true),
        ),
        ("hooks.enabled", json!(true)),
        ("hooks.token", json!("0123456789abcdef0123456789abcdef")),
        ("hooks.path", json!("/")),
        ("hooks.allowRequestSessionKey", json!(true)),
        (
            "security.audit.suppressions",
            json!([{ "checkId": "gateway.bind_no_auth", "reason": "x" }]),
        ),
    ])
}

fn settings(pairs: &[(&str, Value)]) -> Value {
    let one = |(path, value): &(&str, Value)| json!({ "path": path, "value": value });
    pairs.iter().map(one).collect()
}

/// Stands for `openclaw` while the printed commands are run: notes what they set, one entry a line.
const NOTES: &str = "#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
if words[:2] == ['config', 'set']:
    path, value = words[2:]
    try:
        value = json.loads(value)
    except ValueError:
        # As OpenClaw takes what is no JSON.
        pass
    with open(os.environ['NOTED'], 'a') as noted:
        noted.write(json.dumps({'path': path, 'value': value}) + '\\n')
";

/// What the commands that `host --commands` prints set, run by a shell as they are printed, each key once.
fn batch(made: &Onboarded) -> Vec<Value> {
    let (programs, noted) = (made.operator.join("programs"), made.operator.join("noted"));
    fs::create_dir_all(&programs).expect("folder");
    let openclaw = programs.join("openclaw");
    fs::write(&openclaw, NOTES).expect("program");
    fs::set_permissions(&openclaw, fs::Permissions::from_mode(0o755)).expect("mode");
    fs::write(&noted, "").expect("file");
    let printed = made.run(&["host", "--commands"]);
    let commands: String = printed
        .stdout
        .lines()
        .filter(|line| line.contains("openclaw config set "))
        .map(|line| format!("{line}\n"))
        .collect();
    let done = Command::new("bash")
        .args(["-euc", &commands])
        .env_clear()
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()),
        )
        .env("NOTED", &noted)
        .output()
        .expect("bash");
    assert!(done.status.success(), "{}", Run::of(&done).text());
    let mut all: Vec<Value> = Vec::new();
    for line in fs::read_to_string(&noted).expect("what was set").lines() {
        let one: Value = serde_json::from_str(line).expect("JSON");
        if !all.iter().any(|known| known["path"] == one["path"]) {
            all.push(one);
        }
    }
    all
}

#[test]
#[ignore = "needs a real OpenClaw"]
fn every_printed_setting_is_taken_in_one_batch_and_clears_its_finding() {
    let made = Onboarded::new("022");
    // OpenClaw refuses a funnel beside an address that is not loopback, so it has a round of its own.
    let rounds = [
        (bad(), 40),
        (
            settings(&[
                ("gateway.auth.mode", json!("password")),
                (
                    "gateway.auth.password",
                    json!("0123456789abcdef0123456789abcdef"),
                ),
                ("gateway.tailscale.mode", json!("funnel")),
                ("agents.defaults.sandbox.mode", json!("off")),
                ("tools.fs.workspaceOnly", json!(false)),
            ]),
            3,
        ),
    ];
    for (more, printed) in rounds {
        made.set(&more);
        let report = made.host();
        let settings = batch(&made);
        assert!(settings.len() >= printed, "{settings:#?}");
        let ids: Vec<String> = report["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .filter(|f| f["remedy"]["kind"] == "configure" && f["remedy"]["value"].is_string())
            .map(|f| f["id"].as_str().expect("id").to_owned())
            .collect();
        made.set(&Value::Array(settings));
        let after = made.host();
        let left: Vec<String> = after["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .filter(|f| {
                f["remedy"]["kind"] == "configure" && ids.iter().any(|id| f["id"] == id.as_str())
            })
            .map(|f| format!("{} {} {}", f["level"], f["id"], f["remedy"]))
            .collect();
        assert!(left.is_empty(), "{left:#?}");
    }
}

/// Starts the gateway with `$BIND` in a network of its own, waits until it listens, and prints what `host` and `checklist` say of it.
const OBSERVED: &str = r#"
    set -u
    "$NODE" "$OPENCLAW" gateway run --bind "$BIND" --port 18790 > "$HOME/gateway.log" 2>&1 &
    gateway=$!
    # The port as the kernel's tables write it.
    listens() { grep -q ':4966 0*:0000 0A' "/proc/$gateway/net/$1"; }
    tables='tcp tcp6'
    [ "$BIND" = loopback ] || tables=tcp
    for table in $tables; do
        until listens "$table"; do
            kill -0 "$gateway" || { cat "$HOME/gateway.log" >&2; exit 9; }
            sleep 0.2
        done
    done
    for verb in host checklist; do
        "$PROGRAM" "$verb" --format json --config "$OPERATOR" --state-dir "$OPENCLAW_STATE_DIR" > "$OPERATOR/$verb.json"
    done
    kill "$gateway"
"#;

#[test]
#[ignore = "needs a real OpenClaw, mount namespaces"]
fn a_running_gateway_is_observed_where_it_listens() {
    let made = Onboarded::new("022");
    let seen = |bind: &str| {
        let loopback = repository().join("scripts/trace/loopback.py");
        let shell = "import os, sys; os.execvp('bash', ['bash', '-c', sys.argv[1]])";
        let done = Command::new("unshare")
            .args(["--map-root-user", "--mount", "--net", "--pid", "--fork"])
            .args(["--kill-child", "--mount-proc", "python3"])
            .arg(loopback)
            .args(["-c", shell, OBSERVED])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &made.home)
            .env("TMPDIR", made.home.join("tmp"))
            .env("OPENCLAW_STATE_DIR", made.state())
            .env("NODE", made.root.join("bin/node"))
            .env(
                "OPENCLAW",
                made.root.join("app/node_modules/openclaw/openclaw.mjs"),
            )
            .env("PROGRAM", env!("CARGO_BIN_EXE_openclaw-verify"))
            .env("OPERATOR", &made.operator)
            .env("BIND", bind)
            .output()
            .expect("unshare");
        assert!(done.status.success(), "{bind}: {}", Run::of(&done).text());
        ["host", "checklist"].map(|verb| {
            let text = fs::read_to_string(made.operator.join(format!("{verb}.json")));
            serde_json::from_str::<Value>(&text.expect("report")).expect("JSON")
        })
    };
    let exposed = |report: &Value| {
        let found = report["findings"].as_array().expect("findings");
        found.iter().find(|f| f["id"] == "gateway-exposed").cloned()
    };

    let [host, checklist] = seen("loopback");
    assert_eq!(exposed(&host), None);
    let rows = checklist["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["id"] == "loopback");
    let row = row.expect("the row").to_string();
    for part in ["passed", "127.0.0.1:18790", "[::1]:18790"] {
        assert!(row.contains(part), "{part}: {row}");
    }

    let [host, checklist] = seen("lan");
    let found = exposed(&host).expect("a finding");
    assert_eq!(found["code"], "observed-mismatch", "{found}");
    assert_eq!(found["level"], "deny", "{found}");
    assert!(found.to_string().contains("0.0.0.0:18790"), "{found}");
    assert_eq!(
        found["remedy"],
        json!({ "kind": "open-claw", "arguments": ["gateway", "restart"] })
    );
    let rows = checklist["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["id"] == "loopback");
    assert_eq!(row.expect("the row")["state"], "open");
}

#[test]
#[ignore = "needs a real OpenClaw"]
fn the_hardened_config_is_one_that_openclaw_takes() {
    let made = Onboarded::new("022");
    let printed = made.run(&["host", "--print", "config"]);
    assert_eq!(printed.code, 0, "{}", printed.text());
    fs::write(made.state().join("openclaw.json"), printed.stdout).expect("config");
    let done = made.openclaw("022", &["config", "validate"]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let found = said(&made.host());
    assert!(
        found.iter().all(|found| found.starts_with("note ")),
        "{found:#?}"
    );
}

/// What a program of Debian says of a printed file.
fn judged_by(program: &str, arguments: &[&str], file: &Path) -> Output {
    Command::new(program)
        .args(arguments)
        .arg(file)
        .output()
        .expect(program)
}

#[test]
#[ignore = "needs apparmor_parser"]
fn the_printed_apparmor_profile_is_one() {
    let installation = with("{}");
    let home = installation
        .state
        .parent()
        .expect("home")
        .to_str()
        .expect("text");
    let printed = installation.run(&["host", "--print", "apparmor", "--home", home]);
    let file = installation.config.join("openclaw");
    fs::write(&file, &printed.stdout).expect("profile");
    let done = judged_by("apparmor_parser", &["-Q", "-K"], &file);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    // The same program refuses what is none.
    fs::write(&file, printed.stdout.replacen('{', "", 1)).expect("profile");
    assert!(
        !judged_by("apparmor_parser", &["-Q", "-K"], &file)
            .status
            .success()
    );
}

#[test]
#[ignore = "needs systemd-analyze"]
fn the_printed_unit_is_one_and_confines() {
    let installation = with("{}");
    let home = installation
        .state
        .parent()
        .expect("home")
        .to_str()
        .expect("text");
    let printed = installation
        .run(&["host", "--print", "systemd", "--home", home])
        .stdout;
    let file = installation.config.join("openclaw-gateway.service");
    // What it starts is not on every machine.
    let here: String = printed
        .lines()
        .map(|line| match line.split_once('=') {
            Some((key @ ("ExecStart" | "ExecStartPre"), _)) => format!("{key}=/bin/true\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(&file, &here).expect("unit");
    let done = judged_by("systemd-analyze", &["verify", "--man=no"], &file);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let exposure = |unit: &str| {
        fs::write(&file, unit).expect("unit");
        let done = judged_by(
            "systemd-analyze",
            &["security", "--offline=yes", "--threshold=20"],
            &file,
        );
        done.status.code()
    };
    assert_eq!(exposure(&here), Some(0), "an exposure of at most 2.0");
    assert_ne!(exposure("[Service]\nExecStart=/bin/true\n"), Some(0));
}

#[test]
#[ignore = "needs root"]
fn another_user_sees_what_they_can_and_the_report_says_who_looked() {
    let installation = with("{gateway:{auth:{token:'0123456789abcdef0123456789abcdef'}}}");
    let top = installation.state.parent().expect("root").to_owned();
    for folder in [
        &top,
        &installation.state,
        &installation.config,
        &installation.home,
    ] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("mode");
    }
    let config = installation.state.join("openclaw.json");
    let program = program_in(&top);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
    let as_other = |verb: &str| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(&program)
            .args([verb, "--format", "json", "--state-dir"])
            .arg(&installation.state)
            .arg("--config")
            .arg(&installation.config)
            .arg("--home")
            .arg(&installation.home)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &installation.home)
            .current_dir(&top);
        Run::of(&command.output().expect("setpriv"))
    };
    // A config that cannot be read says nothing by its silence.
    let run = as_other("host");
    assert!((1..=2).contains(&run.code), "{}", run.text());
    assert!(!run.text().contains("panicked"), "{}", run.text());
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).expect("mode");
    let before = listing(&installation.state);
    let run = as_other("host");
    let report: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.text()));
    let found = report["findings"].as_array().expect("findings");
    let open = found
        .iter()
        .find(|f| f["id"] == "secret-readable")
        .expect("the config is open");
    assert_eq!(open["observed"][0]["seenBy"], 65534, "{open:#}");
    assert!(as_other("checklist").stdout.contains("uid 65534"));
    assert!(listing(&installation.state) == before);
}

#[test]
fn host_and_checklist_leave_the_state_as_it_was() {
    let installation = with("{gateway:{bind:'lan'},channels:{telegram:{dmPolicy:'open'}}}");
    fs::create_dir_all(installation.state.join("workspace/.git")).expect("folder");
    let before = listing(&installation.state);
    host(&installation);
    for line in [
        &["host", "-v"][..],
        &["host", "--commands"],
        &["host", "--print", "compose"],
        &["checklist"],
        &["checklist", "--format", "json"],
    ] {
        installation.run(line);
        assert!(listing(&installation.state) == before, "{line:?}");
    }
}
