//! Honest set-ups that were reported as false alarms: what people do with volumes, containers and large databases.
//!
//! The first ones need the records to name the very place of the state, so they are run with a `/home` of their own. The last runs every
//! recorded case of `../shared` that brings a script to make it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Installation, Run, bare, findings, repository, shared};

/// Lays the shipped state where its records say that it is, then what `lay` does with it, and judges it. The report of the judgement
/// without the places, and what the last run ended with.
const JUDGE: &str = r#"
    set -e
    # The checkout itself may be below /home.
    kept=$(mktemp -d)
    trap 'rm -rf "$kept"' EXIT
    cp -a "$STATE" "$kept/state"
    cp "$PROGRAM" "$kept/program"
    PROGRAM=$kept/program
    mount -t tmpfs tmpfs /home
    mkdir -p /home/user /home/policy
    cp -a "$kept/state" /home/user/.openclaw
    cd /home/user
    eval "$LAY"
    "$PROGRAM" lock --init --config /home/policy > /home/init 2>&1 || { cat /home/init; exit 1; }
    code=0
    "$PROGRAM" check --config /home/policy > /home/out 2> /home/err || code=$?
    cat /home/err >&2
    grep -vE '^(state|link) ' /home/out
    exit $code
"#;

/// What is done to the state before it is judged.
fn judged(lay: &str) -> Run {
    let script = JUDGE.to_owned();
    let output = Command::new("unshare")
        .args(["-rm", "bash", "-c", &script])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/home/user")
        .env("STATE", repository().join("testdata/states/home/.openclaw"))
        .env("PROGRAM", env!("CARGO_BIN_EXE_openclaw-verify"))
        .env("LAY", lay)
        .output()
        .expect("unshare");
    Run::of(&output)
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_state_on_a_volume_is_judged_like_any_other() {
    let plain = judged("true");
    assert_eq!(plain.code, 0, "{}", plain.text());
    let whole = "mkdir /home/volume; mv .openclaw /home/volume/openclaw; ln -s /home/volume/openclaw .openclaw";
    let folders = "mkdir data; for f in extensions npm git hooks skills workspace state; do \
        [ -d .openclaw/$f ] || continue; mv .openclaw/$f data/$f; ln -s \"$PWD/data/$f\" .openclaw/$f; done";
    for lay in [whole, folders] {
        let linked = judged(lay);
        assert_eq!(linked.code, 0, "{lay}: {}", linked.text());
        assert_eq!(linked.stdout, plain.stdout, "{lay}");
    }
    // The hostile twin: below a linked root a link is judged as any other.
    let below = format!(
        "{folders}; mv data/extensions/acme-notes /home/elsewhere; ln -s /home/elsewhere data/extensions/acme-notes"
    );
    let twin = judged(&below);
    assert_ne!(twin.stdout, plain.stdout);
    assert!(
        twin.stdout.contains("outside-state") || twin.code != 0,
        "{}",
        twin.text()
    );
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_large_database_is_read_like_a_small_one() {
    let plain = judged("true");
    let large = judged(
        "python3 - .openclaw/state/openclaw.sqlite <<'E'\n\
import os, sqlite3, sys\n\
db = sqlite3.connect(sys.argv[1])\n\
db.execute('CREATE TABLE audit_sample (id INTEGER PRIMARY KEY, payload BLOB)')\n\
for _ in range(220): db.execute('INSERT INTO audit_sample (payload) VALUES (?)', (os.urandom(1 << 20),))\n\
db.commit(); db.close()\n\
E\n\
test $(stat -c %s .openclaw/state/openclaw.sqlite) -gt 200000000",
    );
    assert_eq!(large.code, 0, "{}", large.text());
    assert_eq!(large.stdout, plain.stdout);
}

#[test]
#[ignore = "needs mount namespaces"]
fn without_a_temporary_folder_the_run_fails_and_accuses_no_subject() {
    for folder in ["/nonexistent", "/proc/1"] {
        let run = judged(&format!("export TMPDIR={folder}"));
        assert_ne!(run.code, 0, "{}", run.text());
        let text = run.text();
        assert!(text.contains("TMPDIR"), "{text}");
        assert!(!text.contains("unrecorded"), "{text}");
    }
}

/// One case of `../shared`: what to run in it, and what has to be in the output and what must not.
struct Case {
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    code: i32,
    holds: &'static [&'static str],
    lacks: &'static [&'static str],
}

#[test]
#[ignore = "needs ../shared"]
fn the_recorded_cases_get_the_answers_of_their_readmes() {
    let case = |name, variables, code, holds, lacks| Case {
        name,
        variables,
        code,
        holds,
        lacks,
    };
    let cases = [
        case(
            "u01-openclaw-home",
            &[("OPENCLAW_HOME", "{dir}/data")][..],
            0,
            &["{dir}/data/.openclaw", "other-state"][..],
            &[][..],
        ),
        case(
            "u03-workspace-dir-env",
            &[("OPENCLAW_WORKSPACE_DIR", "{dir}/agent-ws")],
            0,
            &["skill:workspace/notes"],
            &[],
        ),
        case(
            "u04-legacy-clawdbot-dir",
            &[],
            0,
            &["{dir}/home/.clawdbot"],
            &[],
        ),
        case(
            "u05-tilde-state-dir",
            &[("OPENCLAW_STATE_DIR", "~/openclaw")],
            0,
            &["{dir}/home/openclaw", "all: skill:managed/a\n"],
            // What is printed is to be run.
            &["~"],
        ),
        case(
            "u05-tilde-state-dir",
            &[("OPENCLAW_CONFIG_PATH", "~/openclaw/openclaw.json")],
            0,
            &["{dir}/home/openclaw", "all: skill:managed/a\n"],
            &[],
        ),
        case(
            "u05-tilde-state-dir",
            &[
                ("OPENCLAW_HOME", "{dir}/home/openclaw"),
                ("OPENCLAW_STATE_DIR", "~"),
            ],
            0,
            &["all: skill:managed/a\n"],
            &["~"],
        ),
        case(
            "u08-managed-skill-links",
            &[],
            0,
            &[],
            &["\nwarn ", "\ndeny "],
        ),
        case("u17-env-in-paths", &[], 0, &[], &["\ndeny "]),
        case(
            "u19-mcp-forms",
            &[],
            0,
            &[
                "unpinned-mcp-server mcp:npx-plain\n",
                "unpinned-mcp-server mcp:npx-latest\n",
                "unpinned-mcp-server mcp:docker-tag\n",
                "unpinned-mcp-server mcp:uvx-from-git-branch\n",
                "unpinned-mcp-server mcp:var-version\n",
                "unpinned-mcp-server mcp:docker-mcp-gateway\n",
                "not-established mcp:remote-http\n",
                "not-established mcp:local-bin\n",
            ],
            &[
                "unpinned-mcp-server mcp:npx-exact\n",
                "unpinned-mcp-server mcp:npx-nodelay\n",
                "unpinned-mcp-server mcp:npx-quiet-exact\n",
                "unpinned-mcp-server mcp:bunx-exact\n",
                "unpinned-mcp-server mcp:bunx-y\n",
                "unpinned-mcp-server mcp:uvx-exact\n",
                "unpinned-mcp-server mcp:uvx-from-git-commit\n",
                "unpinned-mcp-server mcp:docker-digest",
                "unpinned-mcp-server mcp:env-node-env\n",
                "unpinned-mcp-server mcp:env-secret-ref\n",
                "unpinned-mcp-server mcp:pnpm-dlx\n",
            ],
        ),
        case("u22-operator-node-modules", &[], 0, &["load:memo"], &[]),
        case(
            "u23-skill-is-git-clone",
            &[],
            0,
            &["skill:workspace/gitskill"],
            &[],
        ),
        case(
            "u27-linked-monorepo-plugin",
            &[],
            1,
            &["@acme/shared", "pack the plugin"],
            &[],
        ),
        case(
            "u29-frontmatter-oddities",
            &[],
            0,
            &[
                "unpinned-install-step skill:workspace/multi",
                "shadowed skill:workspace/dupname",
                "skill:workspace/badmeta",
            ],
            &["\ndeny "],
        ),
        case(
            "u39-nodehost-mcp",
            &[],
            0,
            &[
                "unpinned-mcp-server mcp:nodehost/localDocs\n",
                "unpinned-mcp-server mcp:acpx/canva\n",
            ],
            &[],
        ),
    ];
    for case in &cases {
        let dir = tempfile::tempdir().expect("folder");
        let root = dir.path().canonicalize().expect("real path");
        let make = shared("corpus/cases").join(case.name).join("make.sh");
        let made = Command::new("bash")
            .arg(&make)
            .arg(&root)
            .output()
            .expect("bash");
        assert!(
            made.status.success(),
            "{}: {}",
            case.name,
            Run::of(&made).text()
        );
        let run = run_in(&root, case);
        let text = run.text();
        assert_eq!(run.code, case.code, "{}: {text}", case.name);
        let filled = |word: &str| word.replace("{dir}", &root.to_string_lossy());
        for word in case.holds {
            assert!(
                text.contains(&filled(word)),
                "{}: {word}: {text}",
                case.name
            );
        }
        for word in case.lacks {
            assert!(
                !text.contains(&filled(word)),
                "{}: {word}: {text}",
                case.name
            );
        }
    }
}

/// The first run, and after it everything that is known of each subject, exceptions included.
fn run_in(root: &Path, case: &Case) -> Run {
    fs::create_dir_all(root.join("home")).expect("home");
    let program = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
        command
            .env_clear()
            .env("HOME", root.join("home"))
            .env("PATH", "/usr/bin:/bin")
            .current_dir(root)
            .args(arguments)
            .arg("--config")
            .arg(root.join("policy"));
        if root.join("state").is_dir() {
            command.arg("--state-dir").arg(root.join("state"));
        }
        for (name, value) in case.variables {
            command.env(name, value.replace("{dir}", &root.to_string_lossy()));
        }
        Run::of(&command.output().expect("the binary runs"))
    };
    let mut init = program(&["lock", "--init"]);
    let listed = program(&["check", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
    for finding in report["findings"].as_array().into_iter().flatten() {
        init.stdout += &format!(
            "all: {} {}\n",
            finding["id"].as_str().unwrap_or_default(),
            finding["subject"].as_str().unwrap_or_default()
        );
    }
    for subject in report["subjects"].as_array().into_iter().flatten() {
        init.stdout += &format!("all: {}\n", subject["id"].as_str().unwrap_or_default());
    }
    init
}

#[test]
#[ignore = "needs ../shared"]
fn peers_that_openclaw_manages_are_part_of_their_plugin() {
    let dir = tempfile::tempdir().expect("folder");
    let root = dir.path().canonicalize().expect("real path");
    let database = repository().join("testdata/states/home/.openclaw/state/openclaw.sqlite");
    let made = Command::new("bash")
        .arg(shared(
            "corpus/cases/u44-plugin-with-peer-dependencies/make.sh",
        ))
        .args([&root, &database])
        .output()
        .expect("bash");
    assert!(made.status.success(), "{}", Run::of(&made).text());
    let case = Case {
        name: "u44-plugin-with-peer-dependencies",
        variables: &[],
        code: 0,
        holds: &[],
        lacks: &[],
    };
    let run = run_in(&root, &case);
    assert_eq!(run.code, 0, "{}", run.text());
    for id in ["zod", "openai"] {
        assert!(!run.text().contains(&format!("/{id}\n")), "{}", run.text());
    }
    // The hostile twins: a package that OpenClaw does not manage, and one that says itself that it is a plugin.
    let project = root.join("state/npm/projects");
    let project = fs::read_dir(&project).expect("projects").next();
    let project = project.expect("a project").expect("entry").path();
    let manifest = fs::read_to_string(project.join("package.json")).expect("manifest");
    for (file, text) in [
        (
            "package.json",
            manifest.replace("\"openai\", \"zod\"", "\"openai\""),
        ),
        (
            "node_modules/zod/openclaw.plugin.json",
            "{\"id\":\"zod\",\"configSchema\":{}}".to_owned(),
        ),
    ] {
        let file = project.join(file);
        let before = fs::read_to_string(&file).ok();
        fs::write(&file, text).expect("twin");
        fs::remove_dir_all(root.join("policy")).expect("policy");
        let twin = run_in(&root, &case);
        let text = twin.text();
        assert_eq!(twin.code, 1, "{text}");
        assert!(text.contains("unrecorded unrecorded:npm/zod"), "{text}");
        match before {
            Some(before) => fs::write(&file, before).expect("put back"),
            None => fs::remove_file(&file).expect("put back"),
        }
    }
}

#[test]
fn an_archive_of_the_operator_is_no_unlisted_source() {
    let installation = Installation::shipped();
    installation.init(0);
    let mut policy = fs::read_to_string(installation.policy()).expect("policy");
    policy += "\n[sources]\nregistries = [\"https://registry.example/\"]\n";
    fs::write(installation.policy(), policy).expect("policy");
    let (code, report) = installation.check();
    assert_eq!(code, 0);
    let found = findings(&report);
    assert!(
        !found.iter().any(|one| one.starts_with("unlisted-source")),
        "{found:?}"
    );
}

#[test]
#[ignore = "needs ../shared"]
fn zeros_after_an_archive_are_no_reason_against_it() {
    let home = tempfile::tempdir().expect("folder");
    let archive = shared("corpus/cases/tgz-zero-padding-after-gzip/odd-1.0.0.tgz");
    let mut command = bare(home.path(), home.path());
    let run = Run::of(&command.arg("archive").arg(archive).output().expect("a run"));
    assert_eq!(run.code, 0, "{}", run.text());
}

#[cfg(feature = "sbom")]
#[test]
#[ignore = "needs ../shared"]
fn what_no_registry_served_has_no_purl_of_one() {
    let home = tempfile::tempdir().expect("folder");
    let host = shared("corpus/cases/sbom-file-dependency-purl/host/node_modules/openclaw");
    fs::create_dir(home.path().join("empty")).expect("state");
    let mut command = bare(home.path(), home.path());
    command.args(["sbom", "--state-dir", "empty", "--no-verify", "--openclaw"]);
    let run = Run::of(&command.arg(host).output().expect("a run"));
    let sbom: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let components = sbom["components"].as_array().expect("components");
    let purl = |name: &str| {
        let found = components.iter().find(|one| one["name"] == name);
        found.expect(name)["purl"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for name in ["vend", "urltar"] {
        let purl = purl(name);
        let own = purl.starts_with("pkg:generic/") || purl.contains("download_url=");
        assert!(own, "{purl}");
    }
}
