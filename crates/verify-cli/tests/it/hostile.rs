//! States made by an attacker: whatever lies in them, a run ends soon and within its memory, says 1 or 2, and names the place.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use rustix::fs::{Mode, OFlags, mkdirat, openat};

use crate::special::{make_device, make_fifo};
use crate::support::{Installation, Run, around, copy};
use crate::tamper::plugin;

const PACKED: &str = "npm/projects/acme-packed-45d40bbf34";
const DATABASE: &str = "state/openclaw.sqlite";
/// Kibibytes of address space; the debug build needs far less than half.
const MEMORY: u32 = 1 << 20;
/// Against a run that never ends; a busy machine is slow.
const SECONDS: u32 = 600;

/// Every file of the state that is read for what it says, and some that may be there.
const READ: [&str; 21] = [
    "openclaw.json",
    DATABASE,
    "state/openclaw.sqlite-wal",
    "state/openclaw.sqlite-journal",
    ".env",
    "extensions/acme-notes/package.json",
    "extensions/acme-notes/openclaw.plugin.json",
    "extensions/acme-bundle/.claude-plugin/plugin.json",
    "extensions/acme-bundle/.mcp.json",
    "extensions/acme-bundle/skills/hello/SKILL.md",
    "npm/projects/acme-packed-45d40bbf34/package.json",
    "npm/projects/acme-packed-45d40bbf34/package-lock.json",
    "npm/projects/acme-packed-45d40bbf34/node_modules/.package-lock.json",
    "npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed/package.json",
    "workspace/skills/weather/SKILL.md",
    "workspace/skills/weather/.openclaw/source-origin.json",
    "workspace/skills/weather/.clawhub/origin.json",
    "workspace/.clawhub/lock.json",
    "workspace/skills-lock.json",
    "hooks/hook-pack/package.json",
    "hooks/hook-pack/hooks/acme-hook/HOOK.md",
];

/// Runs a verb within limits of time and memory.
fn bounded(installation: &Installation, verb: &[&str]) -> Run {
    let command = installation.command(verb);
    let mut limited = Command::new("timeout");
    limited.args([
        "-s",
        "KILL",
        &SECONDS.to_string(),
        "sh",
        "-c",
        &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\""),
    ]);
    Run::of(&around(limited, &command).output().expect("runs"))
}

fn ends_well(run: &Run, names: &str, what: &str) {
    assert!(
        matches!(run.code, 1 | 2),
        "{what}: exit {}: {}",
        run.code,
        run.text()
    );
    assert!(!run.stderr.contains("panicked"), "{what}: {}", run.stderr);
    assert!(
        run.text().contains(names),
        "{what}: does not name {names}: {}",
        run.text()
    );
}

/// The attack before the first run, and after it.
fn attacked(names: &str, attack: impl Fn(&Path)) {
    let fresh = Installation::shipped();
    attack(&fresh.state);
    ends_well(&bounded(&fresh, &["lock", "--init"]), names, "lock --init");
    remove(&fresh.state);
    tampered(names, attack);
}

/// The attack after the first run: what a first run reads and pins in full is good until it changes.
fn tampered(names: &str, attack: impl Fn(&Path)) {
    let installation = Installation::shipped();
    installation.init(0);
    let locked = installation.lock_text();
    attack(&installation.state);
    ends_well(&bounded(&installation, &["check", "-v"]), names, "check");
    let run = bounded(&installation, &["lock"]);
    assert!(
        matches!(run.code, 0..=2) && !run.stderr.contains("panicked"),
        "lock: exit {}: {}",
        run.code,
        run.text()
    );
    if run.code != 0 {
        assert_eq!(
            installation.lock_text(),
            locked,
            "a lock was written and the exit is {}: {}",
            run.code,
            run.text()
        );
    }
    // Something new may be locked; that does not make it good.
    ends_well(
        &bounded(&installation, &["check", "-v"]),
        names,
        "check after lock",
    );
    remove(&installation.state);
}

/// The removal in std holds one descriptor a level.
fn remove(folder: &Path) {
    assert!(
        Command::new("rm")
            .arg("-rf")
            .arg(folder)
            .status()
            .expect("rm")
            .success()
    );
}

/// The attack on each place that is read, where something that is no file stands in its place. OpenClaw reads no such `.env`.
fn attacked_everywhere(attack: impl Fn(&Path)) {
    for place in READ.into_iter().filter(|place| *place != ".env") {
        let names = place.rsplit_once('/').map_or(place, |(_, name)| name);
        // The database is named as a whole: its log and journal are parts of it.
        let names = names
            .strip_suffix("-wal")
            .or(names.strip_suffix("-journal"))
            .unwrap_or(names);
        attacked(names, |state| {
            let path = state.join(place);
            fs::create_dir_all(path.parent().expect("folder")).expect("folder");
            let _ = fs::remove_file(&path);
            attack(&path);
        });
    }
}

#[test]
fn a_fifo_in_every_place_that_is_read() {
    attacked_everywhere(make_fifo);
}

#[test]
fn a_socket_in_every_place_that_is_read() {
    let short = tempfile::tempdir().expect("temporary folder");
    let socket = short.path().join("s");
    let _listener = UnixListener::bind(&socket).expect("socket");
    // The address of a socket has at most 108 bytes, so it is made elsewhere and moved.
    attacked_everywhere(|path| {
        let other = short.path().join("t");
        drop(UnixListener::bind(&other).expect("socket"));
        if fs::rename(&other, path).is_err() {
            copy(&socket, path);
        }
    });
}

#[test]
fn a_link_to_a_device_in_every_place_that_is_read() {
    attacked_everywhere(|path| symlink("/dev/zero", path).expect("link"));
}

#[test]
#[ignore = "needs root"]
fn a_device_in_every_place_that_is_read() {
    attacked_everywhere(|path| assert!(make_device(path), "device"));
}

#[test]
fn a_folder_in_every_place_that_is_read() {
    attacked_everywhere(|path| fs::create_dir(path).expect("folder"));
}

#[test]
fn a_link_to_itself_in_every_place_that_is_read() {
    attacked_everywhere(|path| symlink(path.file_name().expect("name"), path).expect("link"));
}

#[test]
fn a_sparse_file_of_five_gibibytes_in_every_place_that_is_read() {
    attacked_everywhere(|path| sparse(path, 5 << 30));
}

#[test]
fn a_sparse_file_of_four_gibibytes_in_a_plugin() {
    attacked("acme-notes", |state| {
        sparse(&state.join("extensions/acme-notes/data.bin"), (4 << 30) + 1)
    });
}

#[test]
fn json_of_500_000_levels_in_every_place_that_is_read() {
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let deeper = format!("{{\"a\":{deep}}}");
    for place in READ
        .into_iter()
        .filter(|place| !matches!(*place, ".env" | "state/openclaw.sqlite-wal"))
    {
        // Front matter is a text like any other, and SQLite passes over a log that is none.
        tampered("", |state| {
            fs::create_dir_all(state.join(place).parent().expect("folder")).expect("folder");
            fs::write(state.join(place), &deeper).expect("write");
        });
    }
}

#[test]
fn a_folder_of_links_in_a_circle() {
    for place in [
        "extensions",
        "hooks",
        "workspace/skills",
        "npm/projects",
        "extensions/acme-notes",
        "workspace/skills/weather",
    ] {
        attacked("", |state| {
            let folder = state.join(place);
            symlink("b", folder.join("a")).expect("link");
            symlink("a", folder.join("b")).expect("link");
            symlink(".", folder.join("c")).expect("link");
            symlink("..", folder.join("d")).expect("link");
            // Something certain beside it: a circle alone is no code.
            fs::write(state.join(".env"), "NODE_OPTIONS=x").expect("write");
        });
    }
}

#[test]
fn a_folder_that_is_a_link_to_itself() {
    for place in [
        "extensions",
        "hooks",
        "workspace",
        "workspace/skills",
        "npm/projects",
        "state",
        "skills",
    ] {
        attacked(place.rsplit('/').next().expect("name"), |state| {
            let path = state.join(place);
            let _ = fs::remove_dir_all(&path);
            symlink(path.file_name().expect("name"), &path).expect("link");
        });
    }
}

#[test]
fn ten_thousand_folders_deep() {
    for place in [
        "extensions/acme-notes",
        "workspace/skills/weather",
        "hooks/hook-pack",
        PACKED,
    ] {
        let modules = if place == PACKED {
            "npm/projects/acme-packed-45d40bbf34/node_modules"
        } else {
            place
        };
        attacked("256 levels", |state| deep(&state.join(modules)));
    }
    let installation = Installation::shipped();
    deep(&installation.state.join("extensions"));
    let path = installation
        .state
        .join("extensions")
        .to_string_lossy()
        .into_owned();
    ends_well(
        &bounded(&installation, &["tree", &path]),
        "256 levels",
        "tree",
    );
    remove(&installation.state);
}

#[test]
fn two_hundred_thousand_entries() {
    tampered("acme-notes", |state| {
        crowd(&state.join("extensions/acme-notes"))
    });
    for place in ["extensions", "hooks", "workspace/skills", "npm/projects"] {
        let installation = Installation::shipped();
        installation.init(0);
        crowd(&installation.state.join(place));
        let run = bounded(&installation, &["check", "-v"]);
        if place == "workspace/skills" {
            // Half a million are looked at there, and none of these is a skill.
            assert_eq!(run.code, 0, "{place}: {}", run.text());
        } else {
            ends_well(&run, place, place);
        }
    }
}

#[test]
fn names_that_are_no_text() {
    for place in [
        "extensions",
        "hooks",
        "workspace/skills",
        "extensions/acme-notes",
        "workspace/skills/weather",
    ] {
        for name in [&b"bad\xff"[..], b"bad\x1b[2J", b"bad\nname"] {
            attacked(place.rsplit('/').next().expect("name"), |state| {
                let folder = state.join(place).join(std::ffi::OsStr::from_bytes(name));
                plugin(&folder, "odd");
                fs::write(
                    folder.join("SKILL.md"),
                    "---\nname: odd\ndescription: x\n---\n",
                )
                .expect("skill");
                fs::write(folder.join("HOOK.md"), "---\nname: odd\n---\n").expect("hook");
            });
        }
    }
}

#[test]
fn names_that_differ_only_in_case_or_normalisation() {
    for (one, two) in [
        ("Index.js", "index.js"),
        ("\u{e9}.js", "e\u{301}.js"),
        ("x.js", "x\u{200b}.js"),
        ("\u{17f}.js", "s.js"),
    ] {
        attacked("acme-notes", |state| {
            for name in [one, two] {
                fs::write(state.join("extensions/acme-notes").join(name), "x").expect("write");
            }
        });
    }
}

#[test]
fn a_database_cut_anywhere() {
    let length = fs::metadata(Installation::shipped().state.join(DATABASE))
        .expect("database")
        .len();
    for kept in [
        0,
        1,
        15,
        16,
        99,
        100,
        512,
        4095,
        4096,
        5000,
        length / 2,
        length - 1,
    ] {
        attacked("openclaw.sqlite", |state| {
            fs::OpenOptions::new()
                .write(true)
                .open(state.join(DATABASE))
                .and_then(|f| f.set_len(kept))
                .expect("cut");
        });
    }
}

#[test]
fn a_database_with_a_schema_of_its_own() {
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT 'k' AS state_key, max(x) AS value_json FROM n";
    for sql in [
        format!("DROP TABLE config_machine_state; CREATE VIEW config_machine_state AS {endless}"),
        "DROP TABLE config_machine_state".to_owned(),
        "DROP TABLE config_machine_state; CREATE TABLE Config_Machine_State (state_key, value_json); CREATE VIEW v AS SELECT 1".to_owned()
            + "; PRAGMA user_version = 19",
        "DROP TABLE config_machine_state; CREATE TABLE config_machine_state (state_key TEXT, raw TEXT, value_json TEXT AS (raw))".to_owned(),
        "DROP TABLE config_machine_state; CREATE VIRTUAL TABLE config_machine_state USING fts5(state_key, value_json)".to_owned(),
        "PRAGMA user_version = 9999".to_owned(),
        "UPDATE config_machine_state SET value_json = CAST(zeroblob(80000000) AS TEXT) WHERE state_key = 'plugins.installedIndex'".to_owned(),
        "UPDATE config_machine_state SET value_json = '{\"index\":{\"version\":2}}' WHERE state_key = 'plugins.installedIndex'".to_owned(),
        "UPDATE config_machine_state SET value_json = '{\"index\":{\"version\":1,\"version\":1,\"installRecords\":{}}}' WHERE state_key = 'plugins.installedIndex'".to_owned(),
        "UPDATE config_machine_state SET value_json = replace(value_json, 'x', 'x') || '}' WHERE state_key = 'hooks.internal.installs'".to_owned(),
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE config_machine_state (state_key, value_json' WHERE name = 'config_machine_state'".to_owned(),
    ] {
        attacked("openclaw.sqlite", |state| {
            let before = fs::read(state.join(DATABASE)).expect("database");
            // Some leave a file that SQLite itself calls broken.
            let done = Connection::open(state.join(DATABASE)).and_then(|db| db.execute_batch(&sql));
            assert_ne!(fs::read(state.join(DATABASE)).expect("database"), before, "{sql}: {done:?}");
        });
    }
}

#[test]
fn noise_in_place_of_a_database() {
    attacked("openclaw.sqlite", |state| {
        let mut noise = b"SQLite format 3\0".to_vec();
        noise.extend((0_u32..200_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()));
        fs::write(state.join(DATABASE), noise).expect("write");
    });
}

#[test]
fn a_thousand_nested_includes() {
    attacked("nested deeper than 10 files", |state| {
        for n in 0..1000 {
            fs::write(
                state.join(format!("{n}.json")),
                format!("{{\"$include\":\"{}.json\"}}", n + 1),
            )
            .expect("write");
        }
        fs::write(state.join("1000.json"), "{}").expect("write");
        fs::write(state.join("openclaw.json"), "{\"$include\":\"0.json\"}").expect("write");
    });
}

#[test]
fn includes_that_multiply() {
    attacked("more than 500 includes", |state| {
        for n in 0..9 {
            let next = vec![format!("\"{}.json\"", n + 1); 10].join(",");
            fs::write(
                state.join(format!("{n}.json")),
                format!("{{\"$include\":[{next}]}}"),
            )
            .expect("write");
        }
        fs::write(state.join("9.json"), "{\"plugins\":{\"allow\":[\"x\"]}}").expect("write");
        fs::write(state.join("openclaw.json"), "{\"$include\":\"0.json\"}").expect("write");
    });
}

#[test]
fn an_include_of_a_fifo_a_device_or_itself() {
    for target in [
        "pipe",
        "zero",
        "openclaw.json",
        "../../../../etc/hostname",
        "/dev/zero",
    ] {
        attacked("$include", |state| {
            make_fifo(&state.join("pipe"));
            symlink("/dev/zero", state.join("zero")).expect("link");
            fs::write(
                state.join("openclaw.json"),
                format!("{{\"$include\":\"{target}\"}}"),
            )
            .expect("write");
        });
    }
}

#[test]
fn a_key_twice_in_the_config() {
    attacked("plugins", |state| {
        let file = state.join("openclaw.json");
        let text = fs::read_to_string(&file).expect("config");
        let evil = "{\"plugins\":{\"load\":{\"paths\":[\"/home/user/.openclaw/evil\"]}},";
        fs::write(&file, text.replacen('{', evil, 1)).expect("write");
    });
}

#[test]
fn a_key_twice_in_a_lockfile() {
    for name in ["package-lock.json", "node_modules/.package-lock.json"] {
        attacked("package-lock.json", |state| {
            let file = state.join(PACKED).join(name);
            let text = fs::read_to_string(&file).expect("lockfile");
            fs::write(&file, text.replacen('{', "{\"packages\":{},", 1)).expect("write");
        });
    }
}

#[test]
fn node_modules_that_is_a_file_or_a_link() {
    tampered("acme-notes", |state| {
        fs::write(state.join("extensions/acme-notes/node_modules"), "x").expect("write")
    });
    tampered("acme-notes", |state| {
        symlink(
            "../acme-bundle",
            state.join("extensions/acme-notes/node_modules"),
        )
        .expect("link")
    });
    for link in [true, false] {
        attacked("@acme/packed", |state| {
            let modules = state.join(PACKED).join("node_modules");
            fs::rename(&modules, state.join("elsewhere")).expect("rename");
            if link {
                symlink("../../../elsewhere", &modules).expect("link");
            } else {
                fs::write(&modules, "x").expect("write");
            }
        });
    }
}

#[test]
fn a_git_file_in_a_plugin() {
    tampered("acme-notes", |state| {
        fs::write(
            state.join("extensions/acme-notes/.git"),
            "gitdir: /tmp/evil",
        )
        .expect("write");
    });
}

#[test]
fn a_hidden_lockfile_with_more_in_it() {
    tampered("packed", |state| {
        let file = state.join(PACKED).join("node_modules/.package-lock.json");
        let text = fs::read_to_string(&file).expect("lockfile");
        fs::write(
            &file,
            text.replacen('{', "{\"code\":\"require('child_process')\",", 1),
        )
        .expect("write");
        fs::write(state.join(PACKED).join("node_modules/evil.js"), "x").expect("write");
    });
}

#[test]
fn huge_names() {
    let long = "n".repeat(1 << 19);
    attacked("extensions/huge", |state| {
        plugin(&state.join("extensions/huge"), &long);
        fs::create_dir_all(state.join("workspace/skills/huge")).expect("folder");
        let skill = format!("---\nname: {long}\ndescription: x\n---\n");
        fs::write(state.join("workspace/skills/huge/SKILL.md"), skill).expect("skill");
        let file = state.join("openclaw.json");
        let text = fs::read_to_string(&file).expect("config");
        let server = format!("\"servers\": {{ \"{long}\": {{ \"command\": \"{long}\" }},");
        fs::write(&file, text.replacen("\"servers\": {", &server, 1)).expect("write");
    });
    let longest = "n".repeat(250);
    attacked(&longest[..50], |state| {
        plugin(&state.join("extensions").join(&longest), "longest")
    });
}

#[test]
fn ids_that_climb() {
    for id in [
        "..",
        ".",
        "../../x",
        "/etc",
        "a/../../b",
        "__proto__",
        "~",
        "\u{202e}x",
    ] {
        attacked("extensions/climber", |state| {
            plugin(&state.join("extensions/climber"), id);
            fs::create_dir_all(state.join("workspace/skills/climber")).expect("folder");
            fs::write(
                state.join("workspace/skills/climber/SKILL.md"),
                format!("---\nname: \"{id}\"\ndescription: x\n---\n"),
            )
            .expect("skill");
        });
        attacked("acme-notes", |state| {
            let db = Connection::open(state.join(DATABASE)).expect("database");
            let sql = "UPDATE config_machine_state SET value_json = replace(value_json, '\"acme-notes\":', ?1) WHERE state_key = ?2";
            db.execute(
                sql,
                [
                    &format!("{}:", serde_json::Value::from(id)),
                    "plugins.installedIndex",
                ],
            )
            .expect("update");
        });
    }
}

#[test]
fn a_state_dir_behind_a_link_is_the_state_dir() {
    let mut installation = Installation::shipped();
    installation.init(0);
    let link = installation.config.join("link");
    symlink(&installation.state, &link).expect("link");
    let state = std::mem::replace(&mut installation.state, link);
    assert_eq!(installation.run(&["check"]).code, 0);
    fs::write(state.join("extensions/acme-notes/index.js"), "x").expect("write");
    assert_eq!(installation.run(&["check"]).code, 1);
}

#[test]
fn a_state_dir_that_is_something_else() {
    let mut installation = Installation::empty();
    fs::remove_dir(&installation.state).expect("remove");
    make_fifo(&installation.state);
    for verb in [&["check"][..], &["lock", "--init"], &["lock"]] {
        let run = bounded(&installation, verb);
        assert_eq!(run.code, 2, "{}", run.text());
    }
    installation.state = "/dev/zero".into();
    assert_eq!(bounded(&installation, &["check"]).code, 2);
}

#[test]
fn tree_refuses_what_no_digest_covers() {
    let installation = Installation::empty();
    for attack in [
        make_fifo as fn(&Path),
        |path| symlink("/etc", path).expect("link"),
        |path| sparse(path, 5 << 30),
    ] {
        let folder = installation.state.join("folder");
        fs::create_dir_all(&folder).expect("folder");
        attack(&folder.join("thing"));
        let run = bounded(&installation, &["tree", &folder.to_string_lossy()]);
        ends_well(&run, "folder", "tree");
        fs::remove_dir_all(&folder).expect("remove");
    }
    let pipe = installation.state.join("pipe");
    make_fifo(&pipe);
    ends_well(
        &bounded(&installation, &["tree", &pipe.to_string_lossy()]),
        "pipe",
        "tree",
    );
}

fn sparse(path: &Path, bytes: u64) {
    fs::File::create(path)
        .and_then(|file| file.set_len(bytes))
        .expect("sparse file");
}

/// More entries than any plugin has.
fn crowd(folder: &Path) {
    for n in 0..200_000_u32 {
        fs::File::create(folder.join(n.to_string())).expect("file");
    }
}

/// Folders in folders, made one level at a time: the path is longer than the system takes at once.
fn deep(folder: &Path) {
    let mut at: std::os::fd::OwnedFd = fs::File::open(folder).expect("open").into();
    for _ in 0..10_000 {
        mkdirat(&at, "d", Mode::RWXU).expect("folder");
        at = openat(&at, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("open");
    }
}
