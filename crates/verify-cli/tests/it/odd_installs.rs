//! Installations of honest people that look odd: other systems, other tools, other habits. Each with what must stay a finding.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::Value;

use crate::remedies::at_home;
use crate::support::{Installation, findings};
use crate::way_out::{command_in, run};

const UNIT: &str = ".config/systemd/user/openclaw-gateway.service";

fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().expect("folder")).expect("folder");
    fs::write(file, text).expect("file");
}

/// The shipped state where its records say that it is, with what `change` adds before it is locked for the first time.
fn first_run(change: impl Fn(&Installation)) -> Installation {
    let mut installation = Installation::shipped();
    at_home(&mut installation);
    change(&installation);
    for file in [installation.lock(), installation.policy()] {
        fs::remove_file(file).expect("an operator's file");
    }
    installation.run(&["lock", "--init"]);
    installation
}

/// The denies that count: each finding with its help.
fn denies(installation: &Installation) -> Vec<(String, String)> {
    let (_, report) = installation.check();
    let list = report["findings"].as_array().expect("findings");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    list.iter()
        .filter(|one| one["level"] == "deny" && one["suppressed"].is_null())
        .map(|one| {
            let code = one["code"].as_str().map(|code| format!("[{code}]"));
            let name = format!(
                "{}{} {}: {}",
                text(one, "id"),
                code.unwrap_or_default(),
                text(one, "subject"),
                text(one, "message")
            );
            (name, text(one, "help"))
        })
        .collect()
}

/// Whether `path` lies in one of the folders that were set aside.
pub(crate) fn set_aside(installation: &Installation, path: &str) -> bool {
    let folders = fs::read_dir(installation.home.join("set-aside"));
    folders
        .into_iter()
        .flatten()
        .any(|one| one.is_ok_and(|one| one.path().join(path).exists()))
}

fn about(installation: &Installation, what: &str) -> Vec<String> {
    let (_, report) = installation.check();
    let mut all = findings(&report);
    all.retain(|one| one.contains(what));
    all
}

/// The levels of the findings with this code.
fn levels(installation: &Installation, code: &str) -> Vec<String> {
    let (_, report) = installation.check();
    let list = report["findings"].as_array().expect("findings");
    let coded = list.iter().filter(|one| one["code"] == code);
    coded
        .map(|one| one["level"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Follows what is printed of each deny, as often as new ones come of it.
fn follow(installation: &Installation) {
    for _ in 0..3 {
        for (name, help) in denies(installation) {
            let line = command_in(&help).unwrap_or_else(|| panic!("{name}: {help}"));
            run(installation, &line);
        }
    }
    assert_eq!(denies(installation), Vec::new());
}

#[test]
fn a_variable_in_a_unit_is_taken_out_alone_or_put_up_with() {
    let text = "[Service]\nExecStart=/usr/bin/node /opt/x.js gateway\nEnvironment=\"HOME=/home/user\" LD_PRELOAD=/usr/lib/libjemalloc.so.2 TMPDIR=/tmp\n\
        Environment=NODE_OPTIONS=--max-old-space-size=4096\nEnvironment='NODE_OPTIONS=--require /opt/apm.js'\n";
    let preloaded = || first_run(|one| write(&one.home, UNIT, text));
    let installation = preloaded();
    // The home folder of another user is a warning, which does not have to be followed.
    let found = about(&installation, "load other code");
    assert_eq!(found.len(), 2, "{found:?}");
    follow(&installation);
    let left = fs::read_to_string(installation.home.join(UNIT)).expect("unit");
    assert!(
        left.contains("\"HOME=/home/user\"") && left.contains("TMPDIR=/tmp"),
        "{left}"
    );
    assert!(
        !left.contains("LD_PRELOAD") && !left.contains("apm.js"),
        "{left}"
    );

    // The operator's own choice: bound to this definition, for a time.
    let installation = preloaded();
    let id = "service:openclaw-gateway.service";
    let words = [
        "policy",
        "except",
        id,
        "unrecorded",
        "--until",
        "2027-01-31",
        "--reason",
        "apm",
        "--yes",
    ];
    let done = installation.run(&words);
    assert_eq!(done.code, 0, "{}", done.text());
    assert_eq!(denies(&installation), Vec::new());
    let other = text.replace("libjemalloc.so.2", "libevil.so");
    write(&installation.home, UNIT, &other);
    let denied = denies(&installation);
    assert!(
        denied.iter().any(|(name, _)| name.contains("LD_PRELOAD")),
        "{denied:?}"
    );
}

#[test]
fn what_openclaw_writes_into_its_own_unit_is_silent() {
    let text = "[Service]\nExecStart=/usr/bin/node /opt/x.js gateway\nEnvironment=TMPDIR=/tmp\n\
        Environment=NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n";
    let installation = first_run(|one| write(&one.home, UNIT, text));
    assert_eq!(about(&installation, "load-override"), Vec::<String>::new());
    let other = text.replace("/etc/ssl/certs/ca-certificates.crt", "/home/user/ca.pem");
    write(&installation.home, UNIT, &other);
    assert_eq!(about(&installation, "load-override").len(), 1);
}

#[test]
fn files_of_variables_are_cleared_wherever_they_are() {
    let installation = first_run(|one| {
        write(
            &one.home,
            ".config/environment.d/50-mine.conf",
            "LD_LIBRARY_PATH=/opt/cuda/lib64\nLANG=C\n",
        );
        let manager = "[Manager]\nDefaultEnvironment=\"LD_PRELOAD=/usr/lib/x.so\" LANG=C\n";
        write(&one.home, ".config/systemd/user.conf", manager);
    });
    assert_eq!(denies(&installation).len(), 2);
    follow(&installation);
    let manager = fs::read_to_string(installation.home.join(".config/systemd/user.conf"));
    assert!(manager.expect("file").contains("LANG=C"));
}

#[test]
fn a_plugin_in_a_workspace_is_developed_there_for_a_time() {
    let installation = first_run(|one| {
        write(&one.home, "src/node_modules/left-pad/index.js", "");
        write(
            &one.home,
            "src/package.json",
            "{\"workspaces\":[\"plugin-linked\"]}",
        );
    });
    let denied = denies(&installation);
    let [(name, help)] = denied.as_slice() else {
        panic!("{denied:?}")
    };
    assert!(
        name.starts_with("unrecorded[ancestor-node-modules] link:acme-linked"),
        "{name}"
    );
    assert!(help.contains("pack the plugin"), "{help}");
    follow(&installation);
    // Packages in the home folder are no project of anybody's: they are moved.
    let installation = first_run(|one| write(&one.home, "node_modules/left-pad/index.js", ""));
    follow(&installation);
    assert!(set_aside(&installation, "node_modules/left-pad"));
}

#[test]
fn a_folder_without_packages_adds_no_code() {
    let installation = first_run(|one| {
        write(&one.home, "node_modules/.package-lock.json", "{}");
        write(&one.home, "node_modules/.cache/x/y.js", "");
    });
    assert_eq!(denies(&installation), Vec::new());
    write(&installation.home, "node_modules/x.js", "");
    assert_eq!(denies(&installation).len(), 1);
}

#[test]
fn a_file_system_without_modes_is_no_difference_from_the_archive() {
    let widen = |folder: &Path| {
        let done = std::process::Command::new("chmod")
            .args(["-R", "0777"])
            .arg(folder)
            .status();
        assert!(done.expect("chmod").success());
    };
    let installation = first_run(|one| widen(&one.state));
    assert_eq!(denies(&installation), Vec::new());
    let packed = "npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed";
    let installation = first_run(|one| {
        write(&one.state, &format!("{packed}/index.js"), "evil()");
        widen(&one.state);
    });
    let denied = denies(&installation);
    assert!(
        denied
            .iter()
            .any(|(name, _)| name.starts_with("archive-mismatch")),
        "{denied:?}"
    );
    // One program among plain files is a difference.
    let installation = first_run(|one| {
        let file = one.state.join(packed).join("index.js");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("mode");
    });
    let denied = denies(&installation);
    assert!(
        denied
            .iter()
            .any(|(name, _)| name.starts_with("archive-mismatch")),
        "{denied:?}"
    );
}

#[test]
fn of_a_skill_only_what_is_unsafe_is_set_aside() {
    let installation = first_run(|one| {
        let skills = one.state.join("workspace/skills");
        write(
            &skills,
            "lic/SKILL.md",
            "---\nname: lic\ndescription: x\n---\n",
        );
        write(&skills, "LICENSE", "MIT");
        symlink("../LICENSE", skills.join("lic/LICENSE")).expect("link");
    });
    let denied = denies(&installation);
    let line = command_in(&denied.first().expect("a deny").1).expect("a line");
    assert!(line.contains("skills/lic/LICENSE "), "{line}");
    run(&installation, &line);
    let left = denies(&installation);
    assert!(
        !left.iter().any(|(name, _)| name.starts_with("unsafe-tree")),
        "{left:?}"
    );
    assert!(
        installation
            .state
            .join("workspace/skills/lic/SKILL.md")
            .exists()
    );
}

#[test]
fn changed_dependencies_are_one_finding() {
    let installation = first_run(|_| {});
    let cache = "npm/projects/acme-packed-45d40bbf34/node_modules/.cache/x.json";
    write(&installation.state, cache, "{}");
    let found = about(&installation, "npm-pack:@acme/packed");
    let found: Vec<&str> = found
        .iter()
        .filter_map(|one| one.split(' ').next())
        .collect();
    assert_eq!(
        found,
        ["archive-mismatch", "dependency-mismatch", "record-mismatch"]
    );
}

#[test]
fn a_mirror_is_listed_and_never_taken_out() {
    let npmrc = "registry=https://mirror.example/npm/\n@acme:registry=https://npm.acme.example/\n";
    let installation = first_run(|one| write(&one.home, ".npmrc", npmrc));
    let denied = denies(&installation);
    assert_eq!(denied.len(), 2, "{denied:?}");
    follow(&installation);
    assert_eq!(
        fs::read_to_string(installation.home.join(".npmrc")).expect("file"),
        npmrc
    );
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    assert!(policy.contains("https://mirror.example/npm\""), "{policy}");
    // Another registry than those is a finding as before.
    write(
        &installation.home,
        ".npmrc",
        "registry=https://mirror.example.evil/npm/\n",
    );
    assert_eq!(denies(&installation).len(), 1);
}

#[test]
fn the_registry_of_a_scope_counts_as_far_as_something_is_of_it() {
    // The installation starts a server by npx, whose dependencies are not known: one of a scope that nothing names is a warning.
    for (scope, level) in [
        ("@mycompany", "warn"),
        ("@acme", "deny"),
        ("@modelcontextprotocol", "deny"),
        ("@openclaw", "deny"),
    ] {
        let npmrc = format!("{scope}:registry=https://npm.example/\n");
        let installation = first_run(|one| write(&one.home, ".npmrc", &npmrc));
        assert_eq!(levels(&installation, "npm-config"), [level], "{scope}");
    }
}

#[test]
fn the_server_that_a_variable_names_is_locked_with_its_file() {
    let said = |installation: &Installation| levels(installation, "load-override");
    let installation = first_run(|one| {
        write(
            &one.state,
            ".env",
            "BUZZ_RELAY_URL=wss://u:hunter2@relay.example\n",
        )
    });
    assert_eq!(said(&installation), ["note"]);
    assert!(!installation.lock_text().contains("hunter2"));
    // Another server is a warning again, until it is locked by name.
    write(
        &installation.state,
        ".env",
        "BUZZ_RELAY_URL=wss://evil.example\n",
    );
    assert_eq!(said(&installation), ["warn"]);
    installation.run(&["lock", "config:openclaw"]);
    assert_eq!(said(&installation), ["note"]);
    // What loads code or names a file that no digest holds is never taken over so.
    for (line, level) in [
        ("NODE_OPTIONS=--require=/x.js", "deny"),
        ("PLAYWRIGHT_MCP_EXECUTABLE_PATH=/tmp/x", "deny"),
        ("NODE_EXTRA_CA_CERTS=/home/user/ca.pem", "warn"),
        ("NODE_TLS_REJECT_UNAUTHORIZED=0", "warn"),
        ("DOCKER_HOST=unix:///home/user/x.sock", "warn"),
    ] {
        let installation = first_run(|one| write(&one.state, ".env", &format!("{line}\n")));
        assert_eq!(said(&installation), [level], "{line}");
    }
}

#[test]
fn of_a_link_to_a_plugin_the_link_is_set_aside() {
    let installation = first_run(|one| {
        let source = one.home.join("src/mine");
        crate::tamper::plugin(&source, "mine");
        symlink(&source, one.state.join("extensions/mine")).expect("link");
    });
    assert_eq!(denies(&installation).len(), 2);
    follow(&installation);
    assert!(installation.home.join("src/mine/index.js").exists());
}

#[test]
fn an_environment_file_that_openclaw_does_not_read_is_silent() {
    let installation = first_run(|one| fs::create_dir(one.state.join(".env")).expect("folder"));
    assert_eq!(denies(&installation), Vec::new());
    let installation = first_run(|one| crate::special::make_fifo(&one.state.join(".env")));
    assert_eq!(denies(&installation), Vec::new());
    crate::special::make_fifo(&installation.state.join("gateway.systemd.env"));
    assert_eq!(denies(&installation).len(), 1);
    follow(&installation);
}

#[test]
fn what_people_set_for_other_programs_is_silent() {
    let usual = "ENV=production\nSHELL=/bin/bash\nBROWSER=firefox\nLD_LIBRARY_PATH=\nCC=gcc\nUV_THREADPOOL_SIZE=16\n\
        NPM_CONFIG_FUND=false\nDOCKER_HOST=unix:///run/user/1000/docker.sock\nOPENCLAW_DISABLE_BONJOUR=1\n";
    let installation = first_run(|one| write(&one.state, ".env", usual));
    assert_eq!(about(&installation, "load-override"), Vec::<String>::new());
    let other = "ENV=./production\nSHELL=/tmp/bash\nBROWSER=/tmp/x\nLD_LIBRARY_PATH=\n\"/tmp\"\nCC=/tmp/gcc\n";
    write(&installation.state, ".env", other);
    assert_eq!(about(&installation, "load-override").len(), 5);
}

#[test]
fn openclaws_first_start_finishes_an_install_without_scripts() {
    let mut installation = Installation::empty();
    let host = installation.home.join("host/openclaw");
    let note = ".openclaw-lifecycle-pending";
    write(
        &host,
        "package.json",
        r#"{"name":"openclaw","version":"1.0.0"}"#,
    );
    write(&host, note, "pending\n");
    installation.host = Some(host.canonicalize().expect("host"));
    installation.init(0);

    // What the first start does.
    fs::remove_file(host.join(note)).expect("note");
    assert_eq!(denies(&installation), []);

    // Anything else of that name is code like the rest.
    write(&host, note, "#!/bin/sh\n");
    let denied = denies(&installation);
    assert!(denied[0].0.contains("tree-mismatch"), "{denied:?}");
}

#[test]
fn in_a_copy_a_link_to_the_host_leads_to_where_that_was() {
    let package = "npm/projects/acme-packed-45d40bbf34/node_modules/@acme/packed";
    let make = |copied: bool| {
        let mut installation = Installation::shipped();
        if !copied {
            at_home(&mut installation);
        }
        let host = installation.home.join("host/openclaw");
        write(
            &host,
            "package.json",
            r#"{"name":"openclaw","version":"1.0.0"}"#,
        );
        installation.host = Some(host.canonicalize().expect("host"));
        let modules = installation.state.join(package).join("node_modules");
        fs::create_dir_all(&modules).expect("folder");
        // There on every machine, and what it is on this one says nothing of the other.
        symlink("/usr", modules.join("openclaw")).expect("link");
        for file in [installation.lock(), installation.policy()] {
            // The state at its usual place has none.
            let _ = fs::remove_file(file);
        }
        installation
    };
    let copy = make(true);
    copy.init(0);
    assert_eq!(denies(&copy), []);
    let said = about(&copy, "where the host package may have been");
    assert!(
        said[0].starts_with("not-established[not-here] "),
        "{said:?}"
    );

    let original = make(false);
    original.init(1);
    let denied = denies(&original);
    assert!(denied[0].0.contains("unsafe-tree"), "{denied:?}");
}

/// OpenClaw's documents say to set it on small machines, and to make the folder first.
#[test]
fn a_compile_cache_of_ones_own_is_no_foreign_code() {
    let installation = first_run(|_| ());
    let cache = installation.home.join("cache");
    let unit = format!(
        "[Service]\nExecStart=/usr/bin/node /opt/x.js gateway\nEnvironment=NODE_COMPILE_CACHE={}\n",
        cache.display()
    );
    write(&installation.home, UNIT, &unit);
    let said = || about(&installation, "NODE_COMPILE_CACHE");
    // The first who comes could make it.
    assert!(
        said()[0].starts_with("unrecorded[load-override]"),
        "{:?}",
        said()
    );
    fs::create_dir(&cache).expect("folder");
    assert_eq!(said(), [""; 0]);
    write(&cache, "x/1.bin", "");
    let held = about(&installation, "compiled code");
    assert!(held[0].starts_with("unverifiable-cache "), "{held:?}");
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).expect("mode");
    assert!(
        said()[0].starts_with("unrecorded[load-override]"),
        "{:?}",
        said()
    );
}
