//! A real OpenClaw with real plugins. It is used in place and put back after each change, so everything happens one after the other, in
//! one test.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Installation, copy, listing, real};
use crate::tamper::{Tamper, append, change_record, common, edit, plugin, run_all, tamper};

const DINGTALK: &str = "npm/projects/soimy-dingtalk-07d9447d75";
const ZALO: &str = "npm/projects/openclaw-zalo-762456265a";
const PACKED: &str = "npm/projects/acme-acme-packed-66fb5c0933";
const SKILL: &str = "workspace/skills/acme-weather";

#[test]
#[ignore = "needs a real OpenClaw"]
fn a_real_openclaw() {
    let root = real();
    let installation = Installation::real(&root);
    first_run(&installation);
    verbs_leave_the_state_as_it_was(&installation);
    runs_are_equal(&installation);
    openclaw_lists_nothing_that_is_not_in_the_inventory(&installation, &root);
    a_copy_never_has_its_original_read(&installation, &root);
    digests_are_those_of_git(&installation, &root);
    let mut cases = common(
        PACKED,
        "@acme/acme-packed",
        "acme-local",
        SKILL,
        "hooks/hook-pack/hooks/acme-hook",
    );
    cases.extend(npm(&root));
    cases.extend(records(&installation));
    cases.extend(config(&root));
    cases.extend(places());
    println!("{} ways to tamper", cases.len());
    assert!(cases.len() >= 50);
    run_all(&installation, &cases);
}

fn first_run(installation: &Installation) {
    installation.init(0);
    let run = installation.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stdout.lines().count() < 50,
        "more than one screen:\n{}",
        run.stdout
    );
}

fn verbs_leave_the_state_as_it_was(installation: &Installation) {
    let before = listing(&installation.state);
    for verb in [
        &["check", "-v"][..],
        &["plugins"],
        &["skills"],
        &["core"],
        &["lock"],
        &["lock", "--check"],
        &["tree", "."],
    ] {
        installation.run(verb);
        assert!(
            listing(&installation.state) == before,
            "{verb:?} changed the state directory"
        );
    }
}

fn runs_are_equal(installation: &Installation) {
    let mut outputs = Vec::new();
    for (threads, locale, zone) in [
        ("1", "C", "UTC"),
        ("7", "tr_TR.UTF-8", "Pacific/Kiritimati"),
    ] {
        let mut command =
            installation.command(&["check", "-v", "--format", "json", "--threads", threads]);
        command.env("LC_ALL", locale).env("TZ", zone);
        outputs.push(command.output().expect("runs").stdout);
    }
    assert!(outputs[0] == outputs[1], "two runs differ");
}

/// Runs the real OpenClaw, on a copy of the state that no other test uses: its commands write, and load plugins.
fn openclaw_lists_nothing_that_is_not_in_the_inventory(installation: &Installation, root: &Path) {
    let temporary = tempfile::tempdir().expect("temporary folder");
    copy(&root.join("home"), temporary.path());
    let home = temporary.path().join("home");
    let list = |what: &str| -> Value {
        let mut command = Command::new(root.join("bin/node"));
        command
            .arg(root.join("app/node_modules/openclaw/openclaw.mjs"))
            .args([what, "list", "--json"]);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &home)
            .env("TMPDIR", temporary.path());
        command.env("OPENCLAW_STATE_DIR", home.join(".openclaw"));
        let output = command.output().expect("node");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let (_, report) = installation.check();
    let subjects = report["subjects"].as_array().expect("subjects");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let places: Vec<PathBuf> = subjects
        .iter()
        .map(|subject| installation.state.join(text(&subject["path"])))
        .collect();
    let mut plugins = 0;
    for listed in list("plugins")["plugins"].as_array().expect("plugins") {
        if listed["origin"] == "bundled" {
            continue;
        }
        plugins += 1;
        // What the copy's records do not name lies in the copy.
        let folder = PathBuf::from(text(&listed["rootDir"]).replace(
            &*home.to_string_lossy(),
            &root.join("home").to_string_lossy(),
        ));
        assert!(
            places.contains(&folder),
            "OpenClaw would load {}, which is not in {places:?}",
            folder.display()
        );
    }
    let mut skills = 0;
    for listed in list("skills")["skills"].as_array().expect("skills") {
        if matches!(
            listed["source"].as_str(),
            Some("openclaw-bundled" | "custodian" | "openclaw-custodian")
        ) {
            continue;
        }
        skills += 1;
        let name = text(&listed["name"]);
        let line = format!("name: {name}");
        let known = places.iter().any(|place| {
            let skill = fs::read_to_string(place.join("SKILL.md")).unwrap_or_default();
            skill.lines().any(|text| text.trim() == line)
        });
        // Skills of the plugins that the host package brings are part of it.
        let bundled = || {
            let host = root.join("app/node_modules/openclaw/dist/extensions");
            let grep = Command::new("grep")
                .args(["-rqx", "--include=SKILL.md", &line])
                .arg(host)
                .status();
            grep.expect("grep").success()
        };
        let known = known || listed["source"] == "openclaw-extra" && bundled();
        assert!(
            known,
            "OpenClaw would show the skill {name}, which is not in {places:?}"
        );
    }
    assert!(
        plugins >= 9 && skills >= 2,
        "{plugins} plugins, {skills} skills"
    );
    println!("OpenClaw lists {plugins} plugins and {skills} skills, all in the inventory");
}

/// With the original moved away the verdict on a copy is the same, to the byte.
fn a_copy_never_has_its_original_read(installation: &Installation, root: &Path) {
    let mut copied = Installation::empty();
    fs::remove_dir(&copied.state).expect("remove");
    copy(&installation.state, &copied.state);
    copied.host.clone_from(&installation.host);
    copied.relocated_from = Some(installation.state.clone());
    let here = (
        copied.run(&["lock", "--init"]).text(),
        copied.run(&["check", "-v"]).text(),
        copied.lock_text(),
    );
    fs::remove_file(copied.lock()).expect("remove");
    fs::remove_file(copied.policy()).expect("remove");
    fs::remove_file(copied.config.join("openclaw-reviews.toml")).expect("remove");
    let away = root.join("home-moved-away");
    fs::rename(root.join("home"), &away).expect("rename");
    let there = (
        copied.run(&["lock", "--init"]).text(),
        copied.run(&["check", "-v"]).text(),
        copied.lock_text(),
    );
    fs::rename(&away, root.join("home")).expect("rename back");
    assert!(
        here == there,
        "the copy's verdict depends on its original:\n{}\n{}",
        here.1,
        there.1
    );
    assert!(here.2.contains("npm:@soimy/dingtalk"), "{}", here.2);
}

/// `tree` says what stock git says, of every subject's folder and of the folder in which npm installed OpenClaw.
fn digests_are_those_of_git(installation: &Installation, root: &Path) {
    let (_, report) = installation.check();
    let mut folders: Vec<PathBuf> = vec![root.join("app")];
    for subject in report["subjects"].as_array().expect("subjects") {
        let folder = installation
            .state
            .join(subject["path"].as_str().expect("path"));
        if folder.is_dir() && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let temporary = tempfile::tempdir().expect("temporary folder");
    for folder in &mut folders {
        // git cannot add a `.git`; without it the two can be compared.
        if folder.join(".git").exists() {
            let plain = temporary.path().join("plain");
            copy(folder, &plain);
            fs::remove_dir_all(plain.join(".git")).expect("remove");
            *folder = plain;
        }
        let ours = installation.run(&["tree", &folder.to_string_lossy()]);
        assert_eq!(ours.code, 0, "{}: {}", folder.display(), ours.text());
        assert_eq!(
            ours.stdout.trim(),
            format!("git-sha256:{}", git_tree(folder)),
            "{}",
            folder.display()
        );
    }
    println!(
        "{} folders have the digest that git gives them",
        folders.len()
    );
}

fn git_tree(folder: &Path) -> String {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(folder)
            .env("GIT_DIR", temporary.path())
            .env("GIT_WORK_TREE", folder);
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().expect("git");
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    git(&["init", "-q", "--object-format=sha256"]);
    // Files of the tree may ask git to convert others.
    fs::create_dir_all(temporary.path().join("info")).expect("folder");
    fs::write(
        temporary.path().join("info/attributes"),
        "* -text -filter -ident -working-tree-encoding\n",
    )
    .expect("attributes");
    git(&[
        "-c",
        "core.compression=0",
        "-c",
        "core.safecrlf=false",
        "add",
        "-A",
        "-f",
        ".",
    ]);
    git(&["write-tree"])
}

/// Dependencies, links and lockfiles of npm, and the host package.
fn npm(root: &Path) -> Vec<Tamper> {
    let modules = format!("{DINGTALK}/node_modules");
    let app = root.join("app/node_modules").to_string_lossy().into_owned();
    let evil = root.join("src/packed-plugin");
    vec![
        tamper(
            "a hoisted dependency is changed",
            format!("{modules}/axios/index.js"),
            |p| append(p, "//"),
            "dependency-mismatch",
            "axios",
        ),
        tamper(
            "a dependency of a dependency is planted",
            format!("{modules}/axios/node_modules"),
            |p| {
                fs::create_dir_all(p.join("form-data")).expect("folder");
                fs::write(p.join("form-data/index.js"), "x").expect("code");
            },
            "dependency-mismatch",
            "form-data",
        ),
        tamper(
            "a nested dependency hides a hoisted one",
            format!("{modules}/@soimy/dingtalk/node_modules/axios"),
            |p| {
                fs::create_dir(p).expect("folder");
                fs::write(p.join("index.js"), "x").expect("code");
            },
            "tree-mismatch",
            "added node_modules/axios/index.js",
        ),
        tamper(
            "a command of node_modules/.bin leads elsewhere",
            format!("{modules}/.bin/mammoth"),
            |p| {
                fs::remove_file(p).expect("remove");
                symlink("../pdf-parse/bin/cli.mjs", p).expect("link");
            },
            "dependency-mismatch",
            "retargeted .bin/mammoth",
        ),
        tamper(
            "a command of node_modules/.bin leads out",
            format!("{modules}/.bin/node"),
            |p| symlink("/bin/sh", p).expect("link"),
            "unsafe-tree",
            "`.bin/node`",
        ),
        tamper(
            "the link to the host leads to another package",
            format!("{ZALO}/node_modules/@openclaw/zalo/node_modules/openclaw"),
            move |p| {
                fs::remove_file(p).expect("remove");
                symlink(&evil, p).expect("link");
            },
            "unsafe-tree",
            "node_modules/openclaw",
        ),
        tamper(
            "the link to the host is a folder",
            format!("{ZALO}/node_modules/@openclaw/zalo/node_modules/openclaw"),
            |p| {
                fs::remove_file(p).expect("remove");
                plugin(p, "openclaw");
            },
            "tree-mismatch",
            "added node_modules/openclaw/index.js",
        ),
        tamper(
            "a file of the host is changed",
            format!("{app}/openclaw/openclaw.mjs"),
            |p| append(p, "//"),
            "tree-mismatch",
            "changed openclaw.mjs",
        ),
        tamper(
            "a bundled plugin of the host is planted",
            format!("{app}/openclaw/dist/extensions/evil"),
            |p| plugin(p, "evil"),
            "tree-mismatch",
            "added dist/extensions/evil/index.js",
        ),
        tamper(
            "a package beside the host is changed",
            format!("{app}/zod/package.json"),
            |p| append(p, "\n"),
            "dependency-mismatch",
            "zod",
        ),
        tamper(
            "a package beside the host is planted",
            format!("{app}/evil"),
            |p| plugin(p, "evil"),
            "dependency-mismatch",
            "evil",
        ),
        tamper(
            "the lockfile names another archive",
            format!("{DINGTALK}/package-lock.json"),
            |p| {
                let text = fs::read_to_string(p).expect("lockfile");
                let at = text.find("\"node_modules/axios\"").expect("axios");
                let start = text[at..].find("sha512-").expect("integrity") + at + 7;
                let changed = format!("{}{}{}", &text[..start], "A".repeat(8), &text[start + 8..]);
                fs::write(p, changed).expect("write");
            },
            "record-mismatch",
            "axios",
        ),
        tamper(
            "the lockfile's plugin has another version",
            format!("{ZALO}/package-lock.json"),
            |p| {
                let text = fs::read_to_string(p).expect("lockfile");
                let at = text.find("\"node_modules/@openclaw/zalo\"").expect("zalo");
                let version = text[at..].find("\"version\": \"").expect("version") + at + 12;
                fs::write(p, format!("{}77{}", &text[..version], &text[version..])).expect("write");
            },
            "record-mismatch",
            "found    77",
        ),
        tamper(
            "a project names a second plugin",
            ZALO,
            |p| {
                let file = p.join("package.json");
                let text = fs::read_to_string(&file).expect("project");
                fs::write(
                    &file,
                    text.replacen(
                        "\"dependencies\": {",
                        "\"dependencies\": { \"second\": \"1.0.0\",",
                        1,
                    ),
                )
                .expect("write");
                plugin(&p.join("node_modules/second"), "second");
            },
            "unrecorded",
            "second",
        ),
        tamper(
            "a plugin that is switched off is changed",
            format!("{modules}/@soimy/dingtalk/dist/index.js"),
            |p| append(p, "//"),
            "tree-mismatch",
            "npm:@soimy/dingtalk",
        ),
    ]
}

/// OpenClaw's records, git's, and ClawHub's.
fn records(installation: &Installation) -> Vec<Tamper> {
    // Named after the digest of the address, which holds the folder of this installation.
    let git = fs::read_dir(installation.state.join("git"))
        .expect("git")
        .next()
        .expect("one")
        .expect("checkout")
        .file_name();
    let git = format!("git/{}/repo", git.to_string_lossy());
    let elsewhere = installation
        .state
        .join("../../src/archived-plugin")
        .canonicalize()
        .expect("source");
    let elsewhere = elsewhere.to_string_lossy().into_owned();
    let generation = format!("{ZALO}__openclaw-generation__g-0123456789abcdef");
    vec![
        change_record(
            "a record claims another version",
            "zalo",
            |record| record["version"] = "2026.9.9".into(),
            "record-mismatch",
            "2026.9.9",
        ),
        change_record(
            "a record's digest is no text",
            "zalo",
            |record| record["integrity"] = Value::Null,
            "not-established[unsupported-schema]",
            "zalo",
        ),
        change_record(
            "a record loses its digest",
            "zalo",
            |record| {
                record.as_object_mut().expect("record").remove("integrity");
            },
            "weak-digest",
            "zalo",
        ),
        change_record(
            "a record's digest is weak",
            "zalo",
            |record| record["integrity"] = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=".into(),
            "weak-digest",
            "zalo",
        ),
        change_record(
            "a record names another archive",
            "zalo",
            |record| record["integrity"] = format!("sha512-{}==", "A".repeat(86)).into(),
            "record-mismatch",
            "zalo",
        ),
        change_record(
            "a record names another commit",
            "acme-git",
            |record| record["gitCommit"] = "0".repeat(40).into(),
            "record-mismatch",
            "0000",
        ),
        change_record(
            "a record asks the registry for another package",
            "zalo",
            |record| record["spec"] = "evil@1.0.0".into(),
            "record-mismatch",
            "evil",
        ),
        tamper(
            "a skill's record names another commit",
            "skills/acme-gitskill/.openclaw/source-origin.json",
            |p| {
                let mut record: Value =
                    serde_json::from_slice(&fs::read(p).expect("record")).expect("JSON");
                record["git"]["commit"] = "1".repeat(40).into();
                fs::write(p, record.to_string()).expect("write");
            },
            "record-mismatch",
            "1111",
        ),
        change_record(
            "a record points to a generation that was never installed",
            "zalo",
            {
                let generation = generation.clone();
                move |record| {
                    let path = record["installPath"]
                        .as_str()
                        .expect("path")
                        .replace(ZALO, &generation);
                    record["installPath"] = path.into();
                }
            },
            "tree-mismatch",
            "npm:@openclaw/zalo",
        ),
        change_record(
            "a record points out of the state directory",
            "acme-local",
            |record| record["installPath"] = "/usr/share".into(),
            "record-mismatch[outside-state]",
            "/usr/share",
        ),
        change_record(
            "a linked plugin's record points elsewhere",
            "acme-linked",
            move |record| {
                record["installPath"] = elsewhere.clone().into();
                record["sourcePath"] = elsewhere.clone().into();
            },
            "tree-mismatch",
            "link:acme-linked",
        ),
        tamper(
            "HEAD of a git plugin names another commit",
            format!("{git}/.git/HEAD"),
            |p| fs::write(p, format!("{}\n", "1".repeat(40))).expect("write"),
            "record-mismatch",
            "1111",
        ),
        tamper(
            "a file of a git plugin is changed",
            format!("{git}/index.js"),
            |p| append(p, "//"),
            "tree-mismatch",
            "changed index.js",
        ),
        tamper(
            "a skill gets a record of ClawHub",
            "skills/acme-gitskill/.clawhub",
            |p| {
                fs::create_dir(p).expect("folder");
                let record = r#"{"version":1,"registry":"https://registry.example","slug":"acme-gitskill","installedVersion":"1.0.0","installedAt":1,"ownerHandle":"acme"}"#;
                fs::write(p.join("origin.json"), record).expect("record");
            },
            "record-mismatch",
            "acme-gitskill",
        ),
        tamper(
            "ClawHub's lock names another skill hash",
            "workspace/skills/acme-weather/.clawhub",
            |p| {
                fs::create_dir(p).expect("folder");
                let record = format!(
                    r#"{{"version":1,"registry":"https://registry.example","slug":"acme-weather","installedVersion":"1.0.0","installedAt":1,"fileTreeSha256":"sha256:{}"}}"#,
                    "0".repeat(64)
                );
                fs::write(p.join("origin.json"), record).expect("record");
            },
            "record-mismatch",
            "acme-weather",
        ),
    ]
}

/// What the config names.
fn config(root: &Path) -> Vec<Tamper> {
    let (servers, paths) = ("\"servers\": {", "\"paths\": [");
    let linked = root
        .join("src/linked-plugin/index.js")
        .to_string_lossy()
        .into_owned();
    let with = |name: &'static str,
                touches: &[&str],
                apply: Box<dyn Fn(&Installation)>,
                finding: &'static str,
                names: &str| {
        Tamper {
            name,
            touches: touches.iter().map(|path| (*path).to_owned()).collect(),
            apply,
            finding,
            names: names.to_owned(),
        }
    };
    vec![
        tamper(
            "a linked plugin is changed",
            linked,
            |p| append(p, "//"),
            "tree-mismatch",
            "link:acme-linked",
        ),
        edit(
            "a load path depends on where OpenClaw is started",
            "openclaw.json",
            paths,
            "\"paths\": [ \"plugins\",",
            "not-established[unsupported-schema]",
            "plugins.load.paths[0]",
        ),
        with(
            "a load path leads to a plugin",
            &["openclaw.json", "tmp/load"],
            Box::new(|installation| {
                plugin(&installation.state.join("tmp/load"), "load");
                change(installation, |config| {
                    push(
                        &mut config["plugins"]["load"]["paths"],
                        installation.state.join("tmp/load"),
                    )
                });
            }),
            "not-locked",
            "load:load",
        ),
        with(
            "a load path leads to a file",
            &["openclaw.json", "tmp/load.js"],
            Box::new(|installation| {
                fs::write(installation.state.join("tmp/load.js"), "x").expect("write");
                change(installation, |config| {
                    push(
                        &mut config["plugins"]["load"]["paths"],
                        installation.state.join("tmp/load.js"),
                    )
                });
            }),
            "not-locked",
            "load:load",
        ),
        with(
            "an agent has a workspace with a skill",
            &["openclaw.json", "tmp/desk"],
            Box::new(|installation| {
                skill(&installation.state.join("tmp/desk/skills/evil"));
                let desk = installation.state.join("tmp/desk");
                change(installation, |config| {
                    config["agents"] = serde_json::json!({"entries": {"ops": {"workspace": desk}}})
                });
            }),
            "not-locked",
            "skill:workspace.ops/evil",
        ),
        with(
            "an extra folder of skills",
            &["openclaw.json", "tmp/more"],
            Box::new(|installation| {
                skill(&installation.state.join("tmp/more/evil"));
                let more = installation.state.join("tmp/more");
                change(installation, |config| {
                    config["skills"] = serde_json::json!({"load": {"extraDirs": [more]}})
                });
            }),
            "not-locked",
            "skill:extra.0/evil",
        ),
        with(
            "an extra folder of hooks",
            &["openclaw.json", "tmp/more"],
            Box::new(|installation| {
                hook(&installation.state.join("tmp/more/evil"));
                let more = installation.state.join("tmp/more");
                change(installation, |config| {
                    config["hooks"]["internal"]["load"] = serde_json::json!({"extraDirs": [more]})
                });
            }),
            "not-locked",
            "hook:extra.0/evil",
        ),
        with(
            "a module that changes what a hook gets",
            &["openclaw.json", "hooks/transforms"],
            Box::new(|installation| {
                let folder = installation.state.join("hooks/transforms/x");
                fs::create_dir_all(&folder).expect("folder");
                fs::write(folder.join("a.mjs"), "x").expect("module");
                change(installation, |config| {
                    config["hooks"]["transformsDir"] = "x".into();
                    config["hooks"]["mappings"] =
                        serde_json::json!([{"transform": {"module": "a.mjs"}}]);
                });
            }),
            "not-locked",
            "transforms",
        ),
        with(
            "a module of a hook that lies anywhere",
            &["openclaw.json"],
            Box::new(|installation| {
                change(installation, |config| {
                    config["hooks"]["mappings"] =
                        serde_json::json!([{"transform": {"module": "/usr/share/evil.mjs"}}]);
                });
            }),
            "unsafe-tree",
            "evil.mjs",
        ),
        with(
            "an included file names a load path",
            &["openclaw.json", "more.json5", "tmp/load"],
            Box::new(|installation| {
                plugin(&installation.state.join("tmp/load"), "load");
                let path = installation.state.join("tmp/load");
                let text = format!(
                    "// more\n{{ plugins: {{ load: {{ paths: ['{}'] }} }} }}",
                    path.display()
                );
                fs::write(installation.state.join("more.json5"), text).expect("write");
                change(installation, |config| {
                    config["$include"] = "more.json5".into()
                });
            }),
            "not-locked",
            "load:load",
        ),
        edit(
            "an MCP server runs something else",
            "openclaw.json",
            "server-everything@latest",
            "server-everything@6.6.6",
            "definition-mismatch",
            "mcp:acme",
        ),
        edit(
            "an MCP server gets another PATH",
            "openclaw.json",
            "\"TOKEN\": \"not-a-secret\"",
            "\"TOKEN\": \"not-a-secret\", \"PATH\": \"/tmp\"",
            "definition-mismatch",
            "mcp:acme",
        ),
        edit(
            "an MCP server is added",
            "openclaw.json",
            servers,
            "\"servers\": { \"evil\": { \"command\": \"npx\", \"args\": [\"-y\", \"evil@1.0.0\"] },",
            "not-locked",
            "mcp:evil",
        ),
        edit(
            "a bundle's MCP server is changed",
            "extensions/acme-bundle/.mcp.json",
            "@modelcontextprotocol/",
            "@evil/",
            "definition-mismatch",
            "mcp:acme-bundle/acme-mcp",
        ),
        edit(
            "NODE_OPTIONS is set in the config",
            "openclaw.json",
            "\"mcp\": {",
            "\"env\": { \"vars\": { \"NODE_OPTIONS\": \"--require /tmp/x.js\" } }, \"mcp\": {",
            "unrecorded[load-override]",
            "NODE_OPTIONS",
        ),
    ]
}

/// Folders in which files are loaded without being installed.
fn places() -> Vec<Tamper> {
    vec![
        tamper(
            "a hook in the workspace",
            "workspace/hooks",
            |p| hook(&p.join("evil")),
            "not-locked",
            "hook:workspace/evil",
        ),
        tamper(
            "a plugin in the workspace",
            "workspace/.openclaw",
            |p| plugin(&p.join("extensions/evil"), "evil"),
            "unrecorded",
            "evil",
        ),
        tamper(
            "a skill for all agents",
            "workspace/.agents",
            |p| skill(&p.join("skills/evil")),
            "not-locked",
            "evil",
        ),
        tamper(
            "a managed skill",
            "skills/evil",
            skill,
            "not-locked",
            "skill:managed/evil",
        ),
        tamper(
            "a skill that hides another",
            "skills/acme-weather",
            |p| named_skill(p, "acme-weather"),
            "not-locked",
            "skill:managed/acme-weather",
        ),
        tamper(
            "a skill six folders deep",
            "workspace/skills/a",
            |p| skill(&p.join("b/c/d/e/evil")),
            "not-locked",
            "skill:workspace/evil",
        ),
        tamper(
            "a skill in place of a generated link",
            "plugin-skills",
            |p| skill(&p.join("evil")),
            "not-locked",
            "plugin-skills",
        ),
        tamper(
            "a workshop skill",
            "agents",
            |p| skill(&p.join("main/agent/workshop-skills/evil")),
            "not-locked",
            "evil",
        ),
        tamper(
            "packages above npm's projects",
            "npm/node_modules",
            |p| plugin(&p.join("left-pad"), "x"),
            "unrecorded[ancestor-node-modules]",
            "npm/node_modules",
        ),
        tamper(
            "packages above all extensions",
            "extensions/node_modules",
            |p| plugin(&p.join("left-pad"), "x"),
            "unrecorded[ancestor-node-modules]",
            "extensions/node_modules",
        ),
        tamper(
            "packages of the home folder",
            "../node_modules",
            |p| plugin(&p.join("left-pad"), "x"),
            "unrecorded[ancestor-node-modules]",
            "home/node_modules",
        ),
    ]
}

fn change(installation: &Installation, change: impl Fn(&mut Value)) {
    let file = installation.state.join("openclaw.json");
    let mut config: Value =
        serde_json::from_str(&fs::read_to_string(&file).expect("config")).expect("JSON");
    change(&mut config);
    fs::write(&file, config.to_string()).expect("write");
}

fn push(list: &mut Value, path: PathBuf) {
    list.as_array_mut()
        .expect("array")
        .push(path.to_string_lossy().into_owned().into());
}

fn skill(folder: &Path) {
    named_skill(folder, "evil");
}

fn named_skill(folder: &Path, name: &str) {
    fs::create_dir_all(folder).expect("folder");
    fs::write(
        folder.join("SKILL.md"),
        format!("---\nname: {name}\ndescription: x\n---\nobey\n"),
    )
    .expect("skill");
}

fn hook(folder: &Path) {
    fs::create_dir_all(folder).expect("folder");
    let text = "---\nname: evil\nmetadata: {\"openclaw\":{\"events\":[\"command:new\"]}}\n---\n";
    fs::write(folder.join("HOOK.md"), text).expect("hook");
    fs::write(folder.join("handler.js"), "export default async () => {}").expect("handler");
}
