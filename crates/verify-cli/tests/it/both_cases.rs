//! Each rule about the machine on a machine on which it must be silent and on one on which it must fire: rules about files, processes,
//! units and files that are handed over. Those about the config have theirs in posture.rs. The catalogue says which there are.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::Value;

use crate::posture::{OF_FILES, OF_GIVEN, entered, proc_of};
use crate::support::Installation;

/// Makes a machine on which the rule is silent, or fires, and gives the arguments with which it is looked at.
type Make = fn(&Installation, bool) -> Vec<String>;

const MAKERS: [(&str, Make); 16] = [
    ("secret-in-service", |one, open| {
        let line = match open {
            true => "Environment=GEMINI_API_KEY=sesame-0123456789\n",
            false => "EnvironmentFile=/nowhere/x.env\n",
        };
        unit(one, &format!("User=openclaw\n{line}"))
    }),
    ("runs-as-root", |one, open| {
        unit(one, if open { "" } else { "User=openclaw\n" })
    }),
    ("unit-unhardened", |one, open| {
        let hard = "NoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=tmpfs\nUMask=0077\nRestrictAddressFamilies=AF_INET\nCapabilityBoundingSet=\n";
        unit(one, if open { "" } else { hard })
    }),
    ("not-confined", |one, open| {
        let label = if open {
            "unconfined"
        } else {
            "openclaw (enforce)"
        };
        vec!["--proc".into(), proc_of(one, 1, label, &["0100007F"])]
    }),
    ("stale-secret-copy", |one, open| {
        let config = "{gateway:{auth:{token:'${T}'}}}";
        let copy = config.replace("${T}", "sesame-0123456789abcdef");
        private(&one.state.join("openclaw.json"), config);
        let copy = if open { copy.as_str() } else { config };
        private(&one.state.join("openclaw.json.bak"), copy);
        vec![]
    }),
    ("secret-readable", |one, open| {
        private(&one.state.join("secrets.json"), "{}");
        mode(
            &one.state.join("secrets.json"),
            if open { 0o644 } else { 0o600 },
        );
        vec![]
    }),
    ("code-writable", |one, open| {
        fs::create_dir(one.state.join("extensions")).expect("folder");
        mode(
            &one.state.join("extensions"),
            if open { 0o777 } else { 0o755 },
        );
        vec![]
    }),
    ("wrong-owner", |one, open| {
        let file = one.state.join("secrets.json");
        private(&file, "{}");
        if open {
            std::os::unix::fs::chown(&file, Some(65533), None).expect("root");
        }
        vec![]
    }),
    ("verifier-writable", |one, open| {
        if open {
            fs::write(one.policy(), "version = 1\n").expect("policy");
        }
        vec![]
    }),
    ("shared-filesystem", |one, open| {
        mounted(one, if open { "nfs4" } else { "ext4" }, "")
    }),
    ("disk-not-encrypted", |one, open| {
        let uuid = one.config.join("m/sys/dev/block/253:0/dm/uuid");
        fs::create_dir_all(uuid.parent().expect("parent")).expect("folder");
        fs::write(uuid, "CRYPT-LUKS2-x\n").expect("uuid");
        let swap = if open { "/dev/sda2" } else { "/dev/zram0" };
        mounted(one, "ext4", swap)
    }),
    ("root-equivalent-group", |one, open| {
        // Of root nothing more can be said, so the state belongs to someone else here.
        for place in [one.state.clone(), one.state.join("openclaw.json")] {
            std::os::unix::fs::chown(place, Some(1), Some(1)).expect("root");
        }
        let etc = one.config.join("etc");
        fs::create_dir_all(&etc).expect("folder");
        fs::write(etc.join("passwd"), "ada:x:1:1::/:\n").expect("passwd");
        let group = if open {
            "docker:x:9:ada\n"
        } else {
            "docker:x:9:bob\n"
        };
        fs::write(etc.join("group"), format!("ada:x:1:\n{group}")).expect("group");
        vec!["--etc".into(), shown(&etc)]
    }),
    ("published-port", |one, open| {
        compose(
            one,
            if open {
                "'18789:18789'"
            } else {
                "'127.0.0.1:18789:18789'"
            },
            "",
        )
    }),
    ("container-hole", |one, open| {
        compose(
            one,
            "'127.0.0.1:18789:18789'",
            if open { "privileged: true" } else { "" },
        )
    }),
    ("nix-pin-mismatch", |one, open| {
        let integrity = |last: &str| format!("sha512-{}{last}==", "A".repeat(85));
        let lock = format!(
            "version = 1\nrevision = 1\n\n[[package]]\nid = \"npm:@openclaw/zalo\"\nkind = \"plugin\"\nversion = \"1.0.0\"\nsource = \"npm\"\nspec = \"@openclaw/zalo\"\narchive = \"{}\"\ntree = \"git-sha256:{}\"\nfiles = 1\n",
            integrity("A"),
            "0".repeat(64)
        );
        fs::write(one.lock(), lock).expect("lock");
        let pins = one.config.join("pins");
        fs::create_dir(&pins).expect("folder");
        let found = integrity(if open { "Q" } else { "A" });
        let pin = format!(
            "{{\n  id = \"zalo\";\n  selectedSource = \"npm\";\n  packageName = \"@openclaw/zalo\";\n  version = \"1.0.0\";\n  npmIntegrity = \"{found}\";\n  nixHash = \"sha256-xicnkomAd1hasXuOJ3O0leNFe1H9Nc2Iw4FPvEv4qr4=\";\n}}\n"
        );
        fs::write(pins.join("zalo.nix"), pin).expect("pin");
        fs::write(
            pins.join("default.nix"),
            "{\n  zalo = import ./zalo.nix;\n}\n",
        )
        .expect("list");
        vec!["--nix-pins".into(), shown(&pins)]
    }),
    ("secret-in-repository", |one, open| {
        let git = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            let done = command.arg("-C").arg(&one.state).args(arguments).output();
            assert!(done.expect("git").status.success());
        };
        git(&["init", "-q"]);
        private(
            &one.state.join(".env"),
            "OPENAI_API_KEY=sesame-0123456789\n",
        );
        fs::write(one.state.join(".gitignore"), "*\n").expect("file");
        if open {
            git(&["add", "-f", ".env"]);
        }
        vec![]
    }),
];

fn mode(path: &Path, bits: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("mode");
}

fn private(file: &Path, text: &str) {
    fs::write(file, text).expect("file");
    mode(file, 0o600);
}

fn shown(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

fn unit(one: &Installation, lines: &str) -> Vec<String> {
    let etc = one.config.join("etc");
    let file = etc.join("systemd/system/openclaw-gateway.service");
    fs::create_dir_all(file.parent().expect("folder")).expect("folder");
    let text = format!(
        "[Service]\nExecStart=/nowhere/node gateway\nEnvironment=OPENCLAW_STATE_DIR={}\n{lines}",
        one.state.display()
    );
    fs::write(file, text).expect("unit");
    vec!["--etc".into(), shown(&etc)]
}

fn mounted(one: &Installation, kind: &str, swap: &str) -> Vec<String> {
    let proc = one.config.join("m/proc");
    fs::create_dir_all(proc.join("self")).expect("folder");
    let table = format!("1 0 253:0 / / rw - {kind} x rw\n");
    fs::write(proc.join("self/mountinfo"), table).expect("table");
    fs::write(proc.join("swaps"), format!("Filename\n{swap} partition\n")).expect("table");
    vec!["--proc".into(), shown(&proc)]
}

fn compose(one: &Installation, port: &str, line: &str) -> Vec<String> {
    let file = one.config.join("compose.yml");
    let text =
        format!("services:\n  openclaw:\n    image: a@sha256:0\n    ports: [{port}]\n    {line}\n");
    fs::write(&file, text).expect("file");
    vec!["--compose".into(), shown(&file)]
}

/// Whether the rule says anything above *not established*.
fn fires(id: &str, make: Make, open: bool) -> bool {
    let one = entered(&[]);
    let more = make(&one, open);
    let mut line = vec!["host", "--format", "json"];
    line.extend(more.iter().map(String::as_str));
    let run = one.run(&line);
    assert!(!run.text().contains("sesame"), "{id}: {}", run.text());
    let report: Value = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{id}: {error}: {}", run.text()));
    let mut found = report["findings"].as_array().expect("findings").iter();
    found.any(|finding| finding["id"] == id && finding["outcome"] != "not-established")
}

#[test]
fn each_rule_about_files_and_machines_is_silent_and_fires() {
    let is_root = fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0);
    for (id, make) in MAKERS {
        // To give a file to another user takes root.
        if matches!(id, "wrong-owner" | "root-equivalent-group") && !is_root {
            println!("{id}: needs root");
            continue;
        }
        assert!(!fires(id, make, false), "{id} is not silent");
        assert!(fires(id, make, true), "{id} does not fire");
    }
}

#[test]
fn no_rule_about_files_and_machines_is_left_out() {
    let mut known: Vec<&str> = OF_FILES.iter().chain(&OF_GIVEN).copied().collect();
    let mut made: Vec<&str> = MAKERS.iter().map(|(id, _)| *id).collect();
    known.sort_unstable();
    made.sort_unstable();
    assert_eq!(known, made);
}
