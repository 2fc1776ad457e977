//! Tampering, one case each: found by the right id, the place named; undone, clean again.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rusqlite::Connection;

use crate::support::{Installation, copy, findings};

/// One way to change an installation.
pub(crate) struct Tamper {
    /// What an attacker does.
    pub(crate) name: &'static str,
    /// What it touches, below the state directory, or absolute; put back afterwards.
    pub(crate) touches: Vec<String>,
    /// Does it.
    pub(crate) apply: Box<dyn Fn(&Installation)>,
    /// The finding that must be there, as `id` or `id[code]`.
    pub(crate) finding: &'static str,
    /// What its subject, message or evidence must name.
    pub(crate) names: String,
}

/// Applies each, looks for its finding, undoes it, and wants a clean check again.
pub(crate) fn run_all(installation: &Installation, tampers: &[Tamper]) {
    let (code, report) = installation.check();
    assert_eq!(code, 0, "not clean to begin with: {:#?}", findings(&report));
    let clean = findings(&report);
    let mut failures = Vec::new();
    for tamper in tampers {
        let backup = Backup::of(installation, &tamper.touches);
        (tamper.apply)(installation);
        let (code, report) = installation.check();
        let found = findings(&report);
        let named = |finding: &&String| {
            finding.starts_with(&format!("{} ", tamper.finding)) && finding.contains(&tamper.names)
        };
        if code != 1 || !found.iter().any(|finding| named(&finding)) {
            failures.push(format!(
                "{}: wanted {} naming {}, exit {code}, got {found:#?}",
                tamper.name, tamper.finding, tamper.names
            ));
        }
        backup.restore();
        let (code, report) = installation.check();
        if code != 0 || findings(&report) != clean {
            failures.push(format!(
                "{}: not clean after it was undone: {:#?}",
                tamper.name,
                findings(&report)
            ));
            break;
        }
        println!("{}: {}", tamper.name, tamper.finding);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

struct Backup {
    temporary: tempfile::TempDir,
    paths: Vec<(std::path::PathBuf, bool)>,
}

impl Backup {
    fn of(installation: &Installation, touches: &[String]) -> Self {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let paths: Vec<_> = touches
            .iter()
            .map(|path| installation.state.join(path))
            .collect();
        let paths = paths.into_iter().map(|path| {
            let existed = path.symlink_metadata().is_ok();
            (path, existed)
        });
        let paths: Vec<_> = paths.collect();
        for (at, (path, existed)) in paths.iter().enumerate() {
            if *existed {
                copy(path, &temporary.path().join(at.to_string()));
            }
        }
        Self { temporary, paths }
    }

    fn restore(self) {
        for (at, (path, existed)) in self.paths.iter().enumerate() {
            match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(path).expect("remove"),
                Ok(_) => fs::remove_file(path).expect("remove"),
                Err(_) => {}
            }
            if *existed {
                copy(&self.temporary.path().join(at.to_string()), path);
            }
        }
    }
}

/// A case that changes files below `touches`.
pub(crate) fn tamper(
    name: &'static str,
    touches: impl Into<String>,
    apply: impl Fn(&Path) + 'static,
    finding: &'static str,
    names: impl Into<String>,
) -> Tamper {
    let touches = touches.into();
    let at = touches.clone();
    Tamper {
        name,
        touches: vec![touches],
        apply: Box::new(move |installation| apply(&installation.state.join(&at))),
        finding,
        names: names.into(),
    }
}

/// A case that changes the JSON of a row of OpenClaw's database.
fn record(
    name: &'static str,
    key: &'static str,
    from: String,
    to: String,
    finding: &'static str,
    names: impl Into<String>,
) -> Tamper {
    let apply = move |database: &Path| {
        let connection = Connection::open(database).expect("database");
        let old: String = connection
            .query_row(
                "select value_json from config_machine_state where state_key=?1",
                [key],
                |row| row.get(0),
            )
            .expect("row");
        let new = old.replace(&from, &to);
        assert_ne!(old, new, "{from} is in the row");
        connection
            .execute(
                "update config_machine_state set value_json=?1 where state_key=?2",
                [&new, key],
            )
            .expect("update");
    };
    tamper(name, "state/openclaw.sqlite", apply, finding, names)
}

/// A case that changes one install record of OpenClaw's database.
pub(crate) fn change_record(
    name: &'static str,
    plugin: &'static str,
    change: impl Fn(&mut serde_json::Value) + 'static,
    finding: &'static str,
    names: impl Into<String>,
) -> Tamper {
    let apply = move |database: &Path| {
        change_index(database, |records| {
            change(records.get_mut(plugin).expect("record"))
        });
    };
    tamper(
        name,
        "state",
        move |state| apply(&state.join("openclaw.sqlite")),
        finding,
        names,
    )
}

pub(crate) fn change_index(
    database: &Path,
    change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) {
    let connection = Connection::open(database).expect("database");
    let key = "plugins.installedIndex";
    let old: String = connection
        .query_row(
            "select value_json from config_machine_state where state_key=?1",
            [key],
            |row| row.get(0),
        )
        .expect("row");
    let mut index: serde_json::Value = serde_json::from_str(&old).expect("JSON");
    change(
        index["index"]["installRecords"]
            .as_object_mut()
            .expect("records"),
    );
    connection
        .execute(
            "update config_machine_state set value_json=?1 where state_key=?2",
            [&index.to_string(), key],
        )
        .expect("update");
}

/// Deletes a plugin's install record, as an attacker who wants it to pass for hand-made would.
fn remove_record(database: &Path, plugin: &str) {
    change_index(database, |records| {
        records.remove(plugin).expect("record");
    });
}

/// A case that replaces text in a file.
pub(crate) fn edit(
    name: &'static str,
    file: &str,
    from: &'static str,
    to: &'static str,
    finding: &'static str,
    names: impl Into<String>,
) -> Tamper {
    let apply = move |path: &Path| {
        let old = fs::read_to_string(path).expect("text");
        let new = old.replacen(from, to, 1);
        assert_ne!(old, new, "{from} is in {}", path.display());
        fs::write(path, new).expect("write");
    };
    tamper(name, file, apply, finding, names)
}

pub(crate) fn append(path: &Path, text: &str) {
    let mut old = fs::read(path).expect("file");
    old.extend_from_slice(text.as_bytes());
    fs::write(path, old).expect("write");
}

/// Plugin code in a folder, as OpenClaw would discover it.
pub(crate) fn plugin(folder: &Path, id: &str) {
    fs::create_dir_all(folder).expect("folder");
    fs::write(
        folder.join("openclaw.plugin.json"),
        format!(r#"{{"id":"{id}","name":"{id}","configSchema":{{"type":"object"}}}}"#),
    )
    .expect("manifest");
    fs::write(
        folder.join("package.json"),
        format!(
            r#"{{"name":"{id}","version":"1.0.0","openclaw":{{"extensions":["./index.js"]}}}}"#
        ),
    )
    .expect("package");
    fs::write(folder.join("index.js"), "export default {}").expect("code");
}

/// Cases that need nothing but what every state made by testdata/make-state.sh or tools like it holds. `packed` is the npm project of
/// an npm-pack install, `notes` a copied plugin in extensions/, `skill` a workspace skill, `hook` the folder of a hook in a pack.
pub(crate) fn common(
    packed: &str,
    package: &str,
    notes: &str,
    skill: &str,
    hook: &str,
) -> Vec<Tamper> {
    let code = format!("{packed}/node_modules/{package}/index.js");
    vec![
        tamper(
            "a byte is added to a plugin",
            &code,
            |p| append(p, "//"),
            "tree-mismatch",
            "changed index.js",
        ),
        tamper(
            "a file of a plugin is removed",
            &code,
            |p| fs::remove_file(p).expect("remove"),
            "tree-mismatch",
            "removed index.js",
        ),
        tamper(
            "a dotfile is added to a plugin",
            format!("extensions/{notes}/.hidden.js"),
            |p| fs::write(p, "x").expect("write"),
            "tree-mismatch",
            "added .hidden.js",
        ),
        tamper(
            "a file becomes executable",
            format!("extensions/{notes}/index.js"),
            |p| fs::set_permissions(p, fs::Permissions::from_mode(0o755)).expect("mode"),
            "tree-mismatch",
            "mode-changed index.js",
        ),
        tamper(
            "a file is replaced by a link to a copy of itself",
            format!("extensions/{notes}"),
            |p| {
                fs::rename(p.join("index.js"), p.join("real.js")).expect("rename");
                symlink("real.js", p.join("index.js")).expect("link");
            },
            "tree-mismatch",
            "type-changed index.js",
        ),
        tamper(
            "a link leads out of a plugin",
            format!("extensions/{notes}/out"),
            |p| symlink("../../openclaw.json", p).expect("link"),
            "unsafe-tree",
            "`out`",
        ),
        tamper(
            "a FIFO lies in a plugin",
            format!("extensions/{notes}/pipe"),
            |p| {
                assert!(
                    std::process::Command::new("mkfifo")
                        .arg(p)
                        .status()
                        .expect("mkfifo")
                        .success()
                )
            },
            "unsafe-tree",
            "`pipe`",
        ),
        tamper(
            "two names differ only in case",
            format!("extensions/{notes}/INDEX.js"),
            |p| fs::write(p, "x").expect("write"),
            "unsafe-tree",
            "index.js",
        ),
        tamper(
            "a bytecode cache is planted in a skill",
            format!("{skill}/scripts/__pycache__"),
            |p| {
                fs::create_dir(p).expect("folder");
                fs::write(p.join("run.cpython-311.pyc"), "x").expect("write");
            },
            "tree-mismatch",
            "added scripts/__pycache__/run.cpython-311.pyc",
        ),
        tamper(
            "the text of a skill is changed",
            format!("{skill}/SKILL.md"),
            |p| append(p, "\nobey\n"),
            "tree-mismatch",
            "changed SKILL.md",
        ),
        tamper(
            "a script hides in a skill's record",
            format!("{skill}/.openclaw/source-origin.json"),
            |p| fs::write(p, "require('child_process')").expect("write"),
            "tree-mismatch",
            ".openclaw/source-origin.json",
        ),
        tamper(
            "a skill is dropped",
            "workspace/skills/dropped",
            |p| {
                fs::create_dir(p).expect("folder");
                fs::write(
                    p.join("SKILL.md"),
                    "---\nname: dropped\ndescription: x\n---\n",
                )
                .expect("skill");
            },
            "not-locked",
            "skill:workspace/dropped",
        ),
        tamper(
            "a plugin is dropped into extensions",
            "extensions/dropped",
            |p| plugin(p, "dropped"),
            "unrecorded",
            "extensions/dropped",
        ),
        tamper(
            "a plugin from anywhere is linked into extensions",
            "extensions/linked-in",
            |p| {
                let real = p
                    .parent()
                    .and_then(Path::parent)
                    .expect("state directory")
                    .join("tmp-plugin");
                plugin(&real, "linked-in");
                symlink(&real, p).expect("link");
            },
            "unrecorded",
            "extensions/linked-in",
        ),
        tamper(
            "an npm project is dropped",
            "npm/projects/dropped-0123456789",
            |p| {
                plugin(&p.join("node_modules/dropped"), "dropped-npm");
                fs::write(
                    p.join("package.json"),
                    r#"{"private":true,"dependencies":{"dropped":"1.0.0"}}"#,
                )
                .expect("project");
            },
            "unrecorded",
            "npm/projects/dropped-0123456789",
        ),
        tamper(
            "a hook is dropped",
            "hooks/dropped",
            |p| {
                fs::create_dir(p).expect("folder");
                fs::write(
                    p.join("HOOK.md"),
                    "---\nname: dropped\nmetadata: {\"openclaw\":{\"events\":[\"command:new\"]}}\n---\n",
                )
                .expect("hook");
                fs::write(p.join("handler.js"), "export default async () => {}").expect("handler");
            },
            "unrecorded",
            "hooks/dropped",
        ),
        tamper(
            "a hook's handler is changed",
            format!("{hook}/handler.js"),
            |p| append(p, "//"),
            "tree-mismatch",
            "handler.js",
        ),
        tamper(
            "a dependency is planted above all plugins",
            "node_modules",
            |p| {
                fs::create_dir_all(p.join("left-pad")).expect("folder");
                fs::write(p.join("left-pad/index.js"), "x").expect("code");
            },
            "unrecorded[ancestor-node-modules]",
            "node_modules",
        ),
        tamper(
            "a dependency is added to a plugin",
            format!("{packed}/node_modules/evil"),
            |p| {
                fs::create_dir(p).expect("folder");
                fs::write(p.join("index.js"), "x").expect("code");
            },
            "dependency-mismatch",
            "evil",
        ),
        tamper(
            "code hides in npm's hidden lockfile",
            format!("{packed}/node_modules/.package-lock.json"),
            |p| fs::write(p, "module.exports = 1").expect("write"),
            "dependency-mismatch",
            ".package-lock.json",
        ),
        tamper(
            "NODE_OPTIONS is set in .env",
            ".env",
            |p| fs::write(p, "NODE_OPTIONS=--require /tmp/x.js\n").expect("write"),
            "unrecorded[load-override]",
            "NODE_OPTIONS",
        ),
    ]
}

/// Cases on OpenClaw's records of the npm-pack install of `package` at `version`, and on its config.
pub(crate) fn records(package: &str, version: &str, packed: &str) -> Vec<Tamper> {
    let index = "plugins.installedIndex";
    vec![
        record(
            "a record claims another version",
            index,
            format!("\"version\":\"{version}\",\"resolvedName\":\"{package}\""),
            format!("\"version\":\"9.9.9\",\"resolvedName\":\"{package}\""),
            "record-mismatch",
            "9.9.9",
        ),
        record(
            "a record's digest is weakened",
            index,
            "\"integrity\":\"sha512-".into(),
            "\"integrity\":\"sha1-".into(),
            "weak-digest",
            "",
        ),
        record(
            "a record points elsewhere",
            index,
            format!("{packed}/node_modules/{package}"),
            "extensions/acme-notes".to_owned(),
            "record-mismatch[outside-state]",
            "",
        ),
        tamper(
            "a record is removed",
            "state/openclaw.sqlite",
            |p| remove_record(p, "acme-notes"),
            "unrecorded",
            "acme-notes",
        ),
        edit(
            "an MCP server runs something else",
            "openclaw.json",
            "@acme/files@1.2.3",
            "@acme/files@6.6.6",
            "definition-mismatch",
            "mcp:files",
        ),
        edit(
            "an MCP server gets another PATH",
            "openclaw.json",
            "\"TOKEN\": \"not-a-secret\"",
            "\"TOKEN\": \"not-a-secret\", \"PATH\": \"/tmp\"",
            "definition-mismatch",
            "mcp:files",
        ),
        edit(
            "an MCP server is added",
            "openclaw.json",
            "\"servers\": {",
            "\"servers\": { \"evil\": { \"command\": \"npx\", \"args\": [\"-y\", \"evil@1.0.0\"] },",
            "not-locked",
            "mcp:evil",
        ),
        edit(
            "a bundle's MCP server is changed",
            "extensions/acme-bundle/.mcp.json",
            "@acme/docs-mcp",
            "@evil/docs-mcp",
            "definition-mismatch",
            "mcp:acme-bundle/acme-docs",
        ),
    ]
}

/// The cases of the shipped state.
pub(crate) fn of_shipped() -> Vec<Tamper> {
    let packed = "npm/projects/acme-packed-45d40bbf34";
    let mut cases = common(
        packed,
        "@acme/packed",
        "acme-notes",
        "workspace/skills/weather",
        "hooks/hook-pack/hooks/acme-hook",
    );
    cases.extend(records("@acme/packed", "1.2.0", packed));
    cases
}

#[test]
fn tampering_with_the_shipped_state_is_found() {
    let installation = Installation::shipped();
    installation.init(0);
    run_all(&installation, &of_shipped());
}

#[test]
fn a_changed_lock_is_found() {
    let installation = Installation::shipped();
    installation.init(0);
    let text = installation.lock_text();
    let digest = text
        .split("tree = \"")
        .nth(1)
        .and_then(|rest| rest.get(..75))
        .expect("digest")
        .to_owned();
    let flipped = if digest.ends_with('0') {
        format!("{}1", &digest[..74])
    } else {
        format!("{}0", &digest[..74])
    };
    fs::write(installation.lock(), text.replacen(&digest, &flipped, 1)).expect("write");
    let (code, report) = installation.check();
    assert_eq!(code, 1);
    assert!(
        findings(&report)
            .iter()
            .any(|finding| finding.starts_with("tree-mismatch ")),
        "{:#?}",
        findings(&report)
    );

    // What the lock says beside the digests is compared too.
    for (from, to) in [
        ("version = \"1.2.0\"", "version = \"9.9.9\""),
        ("source = \"npm-pack\"", "source = \"npm\""),
        ("archive = \"sha512-", "archive = \"sha512-AAAA"),
    ] {
        let changed = if from.starts_with("archive") {
            let (before, after) = text.split_once(from).expect(from);
            format!("{before}{to}{}", after.get(4..).expect("digest"))
        } else {
            text.replacen(from, to, 1)
        };
        assert_ne!(changed, text, "{from}");
        fs::write(installation.lock(), changed).expect("write");
        let (code, report) = installation.check();
        let found = findings(&report);
        assert!(
            code == 1
                && found
                    .iter()
                    .any(|finding| finding.starts_with("record-mismatch ")),
            "{from}: {found:#?}"
        );
    }

    let entry = text.find("[[package]]").expect("entry");
    let next = text[entry + 1..].find("[[package]]").expect("entry") + entry + 1;
    fs::write(
        installation.lock(),
        format!("{}{}", &text[..entry], &text[next..]),
    )
    .expect("write");
    let (code, report) = installation.check();
    assert_eq!(code, 1);
    assert!(
        findings(&report)
            .iter()
            .any(|finding| finding.starts_with("not-locked ")),
        "{:#?}",
        findings(&report)
    );
}

#[test]
fn a_kept_archive_that_is_not_the_recorded_one_is_found() {
    let installation = Installation::shipped();
    installation.init(0);
    let folder = installation
        .state
        .join("npm/projects/acme-packed-45d40bbf34/_openclaw-pack-archives");
    let file = fs::read_dir(&folder)
        .expect("folder")
        .next()
        .expect("an archive")
        .expect("entry")
        .path();
    let good = fs::read(&file).expect("archive");
    let found = || -> Vec<String> {
        let (_, report) = installation.check();
        findings(&report)
            .into_iter()
            .filter(|one| one.starts_with("archive-mismatch npm-pack:@acme/packed"))
            .collect()
    };
    assert_eq!(found(), [""; 0]);
    // Each part of it: the head, the compressed bytes, the check sum at the end; what is cut off and what follows; no archive at all.
    let mut changed: Vec<Vec<u8>> = [0, 3, 9, 40, good.len() / 2, good.len() - 9, good.len() - 1]
        .into_iter()
        .map(|at| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        })
        .collect();
    changed.push(good[..good.len() - 1].to_vec());
    changed.push([good.as_slice(), &[0]].concat());
    changed.push(Vec::new());
    changed.push(b"no archive".to_vec());
    for bytes in changed {
        fs::write(&file, &bytes).expect("archive");
        let all = found();
        assert_eq!(all.len(), 1, "{} bytes: {all:?}", bytes.len());
        assert!(
            all[0].contains("is recorded, its archive has sha512-"),
            "{all:?}"
        );
    }
    // Beside the recorded one others are only other files, such as those of earlier versions.
    fs::write(&file, &good).expect("archive");
    for number in 0..20 {
        fs::write(folder.join(format!("{number}.tgz")), b"no archive").expect("archive");
    }
    assert_eq!(found(), [""; 0]);
}

/// OpenClaw keeps it, so that it is always compared: what takes it away must not thereby make the comparison silent.
#[test]
fn a_kept_archive_that_is_gone_is_said() {
    let installation = Installation::shipped();
    installation.init(0);
    let folder = installation
        .state
        .join("npm/projects/acme-packed-45d40bbf34/_openclaw-pack-archives");
    let said = || -> Vec<String> {
        let (code, report) = installation.check();
        assert_eq!(code, 0);
        findings(&report)
            .into_iter()
            .filter(|one| one.starts_with("not-established[unknown-layout] npm-pack:@acme/packed"))
            .collect()
    };
    assert_eq!(said(), [""; 0]);
    for file in fs::read_dir(&folder).expect("folder") {
        fs::remove_file(file.expect("entry").path()).expect("removed");
    }
    for _ in ["an empty folder", "no folder"] {
        let all = said();
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].contains("is not there any more"), "{all:?}");
        let _ = fs::remove_dir(&folder);
    }
    // Where policy requires to know where it comes from, it is more than a note.
    let policy = "version = 1\n[[rule]]\nmatch = \"npm-pack:**\"\nprovenance = \"required\"\n";
    fs::write(installation.policy(), policy).expect("policy");
    let (code, report) = installation.check();
    assert_eq!(code, 1, "{:#?}", findings(&report));
}

#[test]
fn spec_and_files_of_a_lock_are_those_of_the_same_files() {
    let installation = Installation::shipped();
    installation.init(0);
    let text = installation.lock_text();
    let found = || -> Vec<String> {
        let (code, report) = installation.check();
        assert_ne!(code, 2);
        findings(&report)
            .into_iter()
            .filter(|one| one.contains("the lock says another"))
            .collect()
    };
    assert_eq!(found(), [""; 0]);
    let line = text
        .lines()
        .find(|line| line.starts_with("files = "))
        .expect("a number of files");
    fs::write(installation.lock(), text.replacen(line, "files = 99", 1)).expect("lock");
    let all = found();
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(
        all[0].contains("another number of files of what is unchanged | locked 99"),
        "{all:?}"
    );
    let spec = "spec = \"npx -y @acme/files@1.2.3\"";
    assert!(text.contains(spec));
    let other = text.replacen(spec, "spec = \"npx -y @acme/files@6.6.6\"", 1);
    fs::write(installation.lock(), other).expect("lock");
    let all = found();
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(
        all[0].contains("mcp:files") && all[0].contains("another spec of what is unchanged"),
        "{all:?}"
    );
    // What changed is that, and nothing else is said of it.
    let tree = text
        .lines()
        .find(|line| line.starts_with("tree = "))
        .expect("tree");
    let flipped = format!("tree = \"git-sha256:{}\"", "0".repeat(64));
    let other = text
        .replacen(line, "files = 99", 1)
        .replacen(tree, &flipped, 1);
    fs::write(installation.lock(), other).expect("lock");
    assert_eq!(found(), [""; 0]);
}
