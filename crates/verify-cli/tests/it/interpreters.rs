//! What MCP servers are run by and what reads files before them: environments of Python, settings beside scripts, packages of the user.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Installation, findings};

fn write(home: &Path, path: &str, text: &str) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    fs::write(path, text).expect("write");
}

/// A home folder with a state directory in it that starts `servers`, each of them a list of words.
fn with(servers: &[(&str, &[&str])]) -> (Installation, std::path::PathBuf) {
    let mut installation = Installation::empty();
    let home = installation.home.clone();
    installation.state = home.join(".openclaw");
    let started = servers.iter().map(|(name, words)| {
        let words: Vec<String> = words
            .iter()
            .map(|word| word.replace('~', &home.to_string_lossy()))
            .collect();
        let server = json!({ "command": words.first(), "args": words.get(1..) });
        ((*name).to_owned(), server)
    });
    let started: serde_json::Map<String, Value> = started.collect();
    let config = json!({ "mcp": { "servers": started } });
    write(&home, ".openclaw/openclaw.json", &config.to_string());
    (installation, home)
}

/// An environment as `python -m venv` makes it.
fn environment(home: &Path, folder: &str) {
    write(home, &format!("{folder}/pyvenv.cfg"), "home = /usr/bin\n");
    let site = format!("{folder}/lib/python3.11/site-packages");
    write(home, &format!("{site}/mcp/__init__.py"), "1\n");
    let bin = home.join(folder).join("bin");
    fs::create_dir_all(&bin).expect("folder");
    symlink("/usr/bin/env", bin.join("python")).expect("link");
    symlink("python", bin.join("python3")).expect("link");
}

/// What counts in a check.
fn counting(installation: &Installation) -> (i32, String, Value) {
    let (code, report) = installation.check();
    (code, findings(&report).join("\n"), report)
}

/// Locks, plants, expects the finding, and clears it by the command that takes it over.
fn found_and_cleared(
    installation: &Installation,
    plant: &dyn Fn(),
    subject: &str,
    expected: &[&str],
) {
    plant();
    let (code, found, _) = counting(installation);
    assert_eq!(code, 1, "{found}");
    for part in expected {
        assert!(found.contains(part), "{part}: {found}");
    }
    let run = installation.run(&["lock", "--accept", subject]);
    assert_eq!(run.code, 0, "{}", run.text());
    let (code, found, _) = counting(installation);
    assert_eq!(code, 0, "{found}");
}

#[test]
fn an_environment_of_python_is_locked_with_its_server() {
    let (installation, home) = with(&[(
        "venv",
        &["~/mcp/pkg/.venv/bin/python", "~/mcp/pkg/server.py"],
    )]);
    write(&home, "mcp/pkg/pyproject.toml", "[project]\n");
    write(&home, "mcp/pkg/server.py", "import mcp\n");
    environment(&home, "mcp/pkg/.venv");
    installation.init(0);
    let (code, found, report) = counting(&installation);
    assert_eq!(code, 0, "{found}");
    let said = report["notCovered"].to_string();
    assert!(!said.contains("pkg/.venv/bin/python"), "{said}");
    assert!(!found.contains("local-command"), "{found}");

    let site = "mcp/pkg/.venv/lib/python3.11/site-packages";
    let python = home.join("mcp/pkg/.venv/bin/python");
    let plants: [(&dyn Fn(), &str); 3] = [
        (
            &|| write(&home, &format!("{site}/mcp/__init__.py"), "evil\n"),
            "changed .venv/lib/python3.11/site-packages/mcp/__init__.py",
        ),
        (
            &|| write(&home, &format!("{site}/x.pth"), "import evil\n"),
            "added .venv/lib/python3.11/site-packages/x.pth",
        ),
        (
            &|| {
                fs::remove_file(&python).expect("removed");
                write(&home, "mcp/pkg/.venv/bin/python", "#!/bin/sh\nevil\n");
                fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("mode");
            },
            "type-changed .venv/bin/python",
        ),
    ];
    for (plant, line) in plants {
        found_and_cleared(
            &installation,
            plant,
            "mcp:venv",
            &["tree-mismatch mcp:venv", line],
        );
    }
    // What Python compiles as it runs is no change.
    write(
        &home,
        &format!("{site}/mcp/__pycache__/__init__.cpython-311.pyc"),
        "x",
    );
    let (code, found, _) = counting(&installation);
    assert_eq!(code, 0, "{found}");
    assert!(!found.contains("tree-mismatch"), "{found}");
}

#[test]
fn files_that_stayed_keep_their_paths_where_another_comes() {
    let (installation, home) = with(&[("tool", &["/bin/sh", "-c", "cd ~/mcp && . ./tool.sh"])]);
    write(&home, "mcp/tool.sh", "#!/bin/sh\n. ../lib/env.sh\n");
    installation.init(0);
    write(&home, "lib/env.sh", "evil\n");
    let (code, found, _) = counting(&installation);
    assert_eq!(code, 1, "{found}");
    assert!(found.contains("1 path differs"), "{found}");
    assert!(found.contains("added lib/env.sh"), "{found}");
}

#[test]
fn settings_beside_a_lone_script_count() {
    let (installation, home) = with(&[
        ("deno", &["deno", "run", "-A", "~/mcp/deno/server.ts"]),
        ("bun", &["bun", "run", "~/mcp/bun/server.ts"]),
        ("shell", &["bash", "~/mcp/sh/server.sh"]),
        ("node", &["node", "~/mcp/node/server.mjs"]),
    ]);
    for script in ["deno/server.ts", "bun/server.ts", "node/server.mjs"] {
        write(&home, &format!("mcp/{script}"), "// a server\n");
    }
    let line = "#!/bin/bash\n. \"$(dirname \"$0\")/env.sh\"\n";
    write(&home, "mcp/sh/server.sh", line);
    write(&home, "mcp/sh/env.sh", "true\n");
    write(&home, "mcp/other.txt", "no code\n");
    installation.init(0);
    for (path, text, subject) in [
        (
            "mcp/deno/deno.json",
            "{ \"imports\": { \"a\": \"../evil.ts\" } }",
            "mcp:deno",
        ),
        ("deno.jsonc", "{}", "mcp:deno"),
        ("mcp/evil.ts", "evil()", "mcp:deno"),
        (
            "mcp/bun/bunfig.toml",
            "preload = [\"./first.ts\"]",
            "mcp:bun",
        ),
        ("mcp/bun/first.ts", "evil()", "mcp:bun"),
        ("mcp/bun/tsconfig.json", "{}", "mcp:bun"),
        ("mcp/sh/env.sh", "evil\n", "mcp:shell"),
        ("package.json", "{ \"type\": \"commonjs\" }", "mcp:node"),
    ] {
        write(&home, path, text);
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 1, "{path}: {found}");
        assert!(
            found.contains(&format!("tree-mismatch {subject}")),
            "{path}: {found}"
        );
        // Some of them are read by several servers.
        for (other, _) in [
            ("mcp:deno", 0),
            ("mcp:bun", 0),
            ("mcp:shell", 0),
            ("mcp:node", 0),
        ] {
            if found.contains(&format!("tree-mismatch {other}")) {
                let run = installation.run(&["lock", "--accept", other]);
                assert_eq!(run.code, 0, "{}", run.text());
            }
        }
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 0, "{path}: {found}");
    }
    // Bun reads the variables beside the script; a harmless one is silent, one that loads code is not.
    write(&home, "mcp/bun/.env", "TOKEN=x\n");
    let (code, found, _) = counting(&installation);
    assert_eq!(code, 0, "{found}");
    write(&home, "mcp/bun/.env", "NODE_OPTIONS=--require=/tmp/x.js\n");
    let (code, found, _) = counting(&installation);
    assert_eq!(code, 1, "{found}");
    assert!(found.contains("unrecorded[load-override]"), "{found}");
}

#[test]
fn packages_of_the_user_count_where_python_is_started() {
    let (installation, home) = with(&[("py", &["python3", "~/mcp/server.py"])]);
    write(&home, "mcp/server.py", "import json\n");
    let site = ".local/lib/python3.11/site-packages";
    write(&home, &format!("{site}/requests/__init__.py"), "1\n");
    installation.init(0);
    let (code, found, _) = counting(&installation);
    assert_eq!(code, 0, "{found}");
    for (path, expected) in [
        ("evil.pth", "tree-mismatch runtime:python"),
        ("usercustomize.py", "tree-mismatch runtime:python"),
        ("requests/__init__.py", "tree-mismatch runtime:python"),
        ("mcp/__init__.py", "tree-mismatch runtime:python"),
    ] {
        let plant = || write(&home, &format!("{site}/{path}"), "import os; evil\n");
        found_and_cleared(&installation, &plant, "runtime:python", &[expected]);
    }
    // Nothing reads them where the interpreter is told not to.
    for words in [
        &["python3", "-I", "~/mcp/server.py"][..],
        &["node", "~/mcp/x.mjs"],
    ] {
        let (installation, home) = with(&[("py", words)]);
        write(&home, "mcp/server.py", "import json\n");
        write(&home, "mcp/x.mjs", "// a server\n");
        installation.init(0);
        write(&home, &format!("{site}/evil.pth"), "import os; evil\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 0, "{found}");
    }
}

#[test]
fn what_docker_obeys_counts_where_it_is_started() {
    let image =
        "ghcr.io/acme/x@sha256:0123456789012345678901234567890123456789012345678901234567890123";
    let (installation, home) = with(&[("box", &["docker", "run", "-i", "--rm", image])]);
    let config = |more: &str| {
        let text = format!(
            "{{ \"auths\": {{ \"ghcr.io\": {{ \"auth\": \"{more}\" }} }}, \"credsStore\": \"pass\" }}"
        );
        write(&home, ".docker/config.json", &text);
    };
    config("one");
    installation.init(0);
    // Signing in is no change, and no secret is kept.
    config("another-secret");
    let (code, found, _) = counting(&installation);
    assert_eq!(code, 0, "{found}");
    assert!(!installation.lock_text().contains("secret"));
    let evil = "{ \"credsStore\": \"evil\", \"currentContext\": \"elsewhere\" }";
    found_and_cleared(
        &installation,
        &|| write(&home, ".docker/config.json", evil),
        "runtime:docker",
        &["definition-mismatch runtime:docker", "currentContext"],
    );
    found_and_cleared(
        &installation,
        &|| write(&home, ".docker/cli-plugins/docker-run", "#!/bin/sh\nevil\n"),
        "runtime:docker",
        &["tree-mismatch runtime:docker"],
    );
}

#[test]
fn other_modes_alone_are_said_in_one_line() {
    let (installation, home) = with(&[("local", &["node", "~/pkg/index.js"])]);
    write(&home, "pkg/package.json", "{}");
    for name in ["index", "a", "b", "c", "d", "e"] {
        write(&home, &format!("pkg/{name}.js"), name);
    }
    installation.init(0);
    found_and_cleared(
        &installation,
        &|| {
            for entry in fs::read_dir(home.join("pkg")).expect("folder") {
                let mode = fs::Permissions::from_mode(0o777);
                fs::set_permissions(entry.expect("entry").path(), mode).expect("mode");
            }
        },
        "mcp:local",
        &["nothing but executable bits differs from the lock, of 7 files of 7"],
    );
}

/// Files of a server that lie apart make a tree of the home folder, which holds nothing else of it.
#[test]
fn packages_beside_files_of_a_server_are_not_taken_for_its_own() {
    let (installation, home) = with(&[("tool", &["sh", "-c", "cd ~/mcp && . ./tool.sh"])]);
    write(&home, "mcp/tool.sh", ". ../lib/env.sh\n");
    write(&home, "lib/env.sh", "true\n");
    installation.init(0);
    let extension = ".openclaw/extensions/acme";
    write(&home, ".node_modules/bufferutil/index.js", "evil\n");
    write(&home, &format!("{extension}/package.json"), "{}");
    let (_, found, _) = counting(&installation);
    assert!(found.contains("[ancestor-node-modules]"), "{found}");
}

/// The values of its file of variables stand for images and commands in what compose runs.
#[test]
fn variables_of_compose_are_settings_of_its_server() {
    for words in [
        &["sh", "-c", "cd ~/c && docker compose up"][..],
        &["docker", "compose", "-f", "~/c/compose.yaml", "up"],
    ] {
        let (installation, home) = with(&[("box", words)]);
        write(
            &home,
            "c/compose.yaml",
            "services: { x: { image: $IMAGE } }\n",
        );
        write(&home, "c/.env", "IMAGE=acme/x:1\nAPI_KEY=hunter2\n");
        installation.init(0);
        assert!(!installation.lock_text().contains("hunter2"));
        write(&home, "c/.env", "IMAGE=acme/x:1\nAPI_KEY=hunter3\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 0, "{words:?}: {found}");
        assert!(!found.contains("settings-changed"), "{words:?}: {found}");
        write(&home, "c/.env", "IMAGE=evil/x:1\nAPI_KEY=hunter3\n");
        let (_, found, _) = counting(&installation);
        assert!(
            found.contains("settings-changed mcp:box"),
            "{words:?}: {found}"
        );
        write(
            &home,
            "c/.env",
            "IMAGE=acme/x:1\nCOMPOSE_FILE=/tmp/x.yaml\n",
        );
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 1, "{words:?}: {found}");
        assert!(found.contains("COMPOSE_FILE"), "{words:?}: {found}");
    }
}

#[test]
fn what_guards_a_server_is_a_setting() {
    let (installation, home) = with(&[("local", &["node", "~/x.mjs"])]);
    write(&home, "x.mjs", "// a server\n");
    let config = home.join(".openclaw/openclaw.json");
    let text = fs::read_to_string(&config).expect("config");
    let more = |more: &str| {
        let text = text.replacen("\"command\"", &format!("{more}, \"command\""), 1);
        fs::write(&config, text).expect("config");
    };
    more("\"toolFilter\": { \"include\": [\"read\"] }");
    installation.init(0);
    more(
        "\"toolFilter\": { \"include\": [\"read\", \"delete\"] }, \"codex\": { \"defaultToolsApprovalMode\": \"approve\" }",
    );
    let (_, found, _) = counting(&installation);
    assert!(found.contains("settings-changed mcp:local"), "{found}");
    assert!(found.contains("codex.defaultToolsApprovalMode"), "{found}");
    let run = installation.run(&["lock", "mcp:local"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let (code, found, _) = counting(&installation);
    assert_eq!(code, 0, "{found}");
    assert!(!found.contains("settings-changed"), "{found}");
}

#[test]
fn what_lies_where_the_unit_starts_is_taken_before_a_package_is_fetched() {
    let program = "proj/node_modules/.bin/@acme/all@1.2.3";
    let manifest = r#"{"bin":{"@acme/all@1.2.3":"./evil.sh"}}"#;
    let unlike = r#"{"bin":{"other":"./x.sh","all":"./x.sh"}}"#;
    for (honest, evil) in [
        (
            ("proj/node_modules/other/x.js", "1\n"),
            ("proj/node_modules/@acme/all/x.js", "evil\n"),
        ),
        // npm starts what has the very name that was given, with its version; what has another is nothing to it.
        (
            ("proj/node_modules/.bin/all", "1\n"),
            (program, "#!/bin/sh\nevil\n"),
        ),
        (
            ("proj/package.json", unlike),
            ("proj/package.json", manifest),
        ),
    ] {
        let (installation, home) = with(&[("all", &["npx", "-y", "@acme/all@1.2.3"])]);
        let unit = format!(
            "[Service]\nExecStart=/usr/bin/openclaw gateway\nWorkingDirectory={}/proj\n",
            home.display()
        );
        write(
            &home,
            ".config/systemd/user/openclaw-gateway.service",
            &unit,
        );
        write(&home, "proj/evil.sh", "#!/bin/sh\n");
        installation.init(0);
        write(&home, honest.0, honest.1);
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 0, "{evil:?}: {found}");
        found_and_cleared(
            &installation,
            &|| write(&home, evil.0, evil.1),
            "mcp:all",
            &["tree-mismatch mcp:all"],
        );
        write(&home, "proj/.npmrc", "registry=https://evil.example\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 1, "{found}");
        assert!(found.contains("unlisted-source[npm-config]"), "{found}");
    }
}

/// Where nothing fetches packages, it counts for an update of what is of that scope, and there is none.
#[test]
fn the_registry_of_a_scope_that_nothing_uses_is_a_note() {
    let (installation, home) = with(&[("local", &["node", "~/x.mjs"])]);
    write(&home, "x.mjs", "// a server\n");
    let npmrc = "@mycompany:registry=https://npm.example/\n";
    write(&home, ".npmrc", npmrc);
    installation.init(0);
    let level = || {
        let (code, _, report) = counting(&installation);
        let list = report["findings"].as_array().cloned().unwrap_or_default();
        let found = list.iter().find(|one| one["code"] == "npm-config");
        let level = found.map(|one| one["level"].as_str().unwrap_or_default().to_owned());
        (code, level.unwrap_or_default())
    };
    assert_eq!(level(), (0, "note".to_owned()));
    write(&home, ".npmrc", &npmrc.replace("mycompany", "openclaw"));
    assert_eq!(level(), (0, "warn".to_owned()));
}

/// npx runs what is installed globally in the very version that it was given, and fetches nothing then. [npm `globalArb`]
#[test]
fn what_is_installed_globally_is_run_in_place_of_what_npx_would_fetch() {
    let global = "npm-global/lib/node_modules/@acme/all";
    let install = |home: &Path, version: &str| {
        write(
            home,
            &format!("{global}/package.json"),
            &json!({ "name": "@acme/all", "version": version, "bin": { "all": "x.js" } })
                .to_string(),
        );
        write(home, &format!("{global}/x.js"), "1\n");
        write(home, "npm-global/bin/README", "1\n");
        let _ = symlink(
            "../lib/node_modules/@acme/all/x.js",
            home.join("npm-global/bin/all"),
        );
    };
    for words in [
        &["npx", "-y", "@acme/all@1.2.3"][..],
        &["npm", "exec", "-y", "@acme/all@1.2.3"],
    ] {
        let (installation, home) = with(&[("all", words)]);
        write(&home, ".npmrc", "prefix=~/npm-global\n");
        // Another version is not what is run.
        install(&home, "1.2.2");
        installation.init(0);
        write(&home, &format!("{global}/x.js"), "2\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 0, "{words:?}: {found}");
        found_and_cleared(
            &installation,
            &|| install(&home, "1.2.3"),
            "mcp:all",
            &["tree-mismatch mcp:all"],
        );
        found_and_cleared(
            &installation,
            &|| write(&home, &format!("{global}/x.js"), "evil\n"),
            "mcp:all",
            &["dependency-mismatch mcp:all"],
        );
    }
}

/// What a program loads by a name that its command line does not hold. Each with a neighbour that it does not load.
#[test]
fn what_is_loaded_by_another_name_counts() {
    let module: (&[&str], &[(&str, &str)]) = (
        &["sh", "-c", "cd ~/py && exec python3 -m pkg"],
        &[("py/pkg/__main__.py", "1\n")],
    );
    let shell: (&[&str], &[(&str, &str)]) = (
        &["sh", "~/sh/run.sh"],
        &[
            (
                "sh/run.sh",
                "#!/bin/sh\nDIR=$(cd \"$(dirname \"$0\")\" && pwd)\npython3 \"$DIR/server.py\"\n",
            ),
            ("sh/server.py", "import json\n"),
        ],
    );
    let bun: (&[&str], &[(&str, &str)]) = (
        &["bun", "~/bun/main.ts"],
        &[
            ("bun/main.ts", "import \"./x\"\n"),
            ("bun/x.ts", "export {}\n"),
        ],
    );
    let folder: (&[&str], &[(&str, &str)]) = (
        &["node", "~/js/main.js"],
        &[
            ("js/main.js", "require('./lib')\n"),
            ("js/lib/index.js", "1\n"),
        ],
    );
    let compose: (&[&str], &[(&str, &str)]) = (
        &["sh", "-c", "cd ~/c && docker compose up"],
        &[("c/compose.yaml", "services: {}\n")],
    );
    let make: (&[&str], &[(&str, &str)]) = (&["make", "-C", "~/mk"], &[("mk/Makefile", "all:\n")]);
    let ruby: (&[&str], &[(&str, &str)]) = (
        &["ruby", "~/rb/x.rb"],
        &[("rb/x.rb", "require_relative \"y\"\n"), ("rb/y.rb", "1\n")],
    );
    let pnpm: (&[&str], &[(&str, &str)]) = (
        &["sh", "-c", "cd ~/pn && pnpm dlx @acme/all@1.2.3"],
        &[("pn/notes.txt", "\n")],
    );
    for ((words, files), honest, evil) in [
        (module, "py/notes.py", "py/json.py"),
        (shell, "sh/notes.py", "sh/server.py"),
        (shell, "sh/notes.py", "sh/json.py"),
        (bun, "bun/y.tsx", "bun/x.tsx"),
        (compose, "c/notes.yaml", "c/compose.override.yaml"),
        (make, "mk/notes.txt", "mk/GNUmakefile"),
        (ruby, "rb/z.rb", "rb/y.rb"),
        (pnpm, "pn/x.cjs", "pn/.pnpmfile.cjs"),
    ] {
        let (installation, home) = with(&[("one", words)]);
        for (file, text) in files {
            write(&home, file, text);
        }
        installation.init(0);
        write(&home, honest, "honest\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 0, "{evil}: {found}");
        write(&home, evil, "evil\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 1, "{evil}: {found}");
        assert!(found.contains("tree-mismatch mcp:one"), "{evil}: {found}");
    }
    let (installation, home) = with(&[("one", folder.0)]);
    for (file, text) in folder.1 {
        write(&home, file, text);
    }
    installation.init(0);
    found_and_cleared(
        &installation,
        &|| {
            write(&home, "js/evil.js", "evil\n");
            write(&home, "js/lib/package.json", r#"{"main":"../evil.js"}"#);
        },
        "mcp:one",
        &["tree-mismatch mcp:one"],
    );
    found_and_cleared(
        &installation,
        &|| write(&home, "js/evil.js", "more evil\n"),
        "mcp:one",
        &["tree-mismatch mcp:one"],
    );
}

#[test]
fn a_file_of_variables_that_an_option_names_is_read() {
    for words in [
        &["node", "--env-file=~/my.env", "~/x.mjs"][..],
        &["node", "--env-file-if-exists", "~/my.env", "~/x.mjs"],
        &[
            "docker",
            "run",
            "--env-file",
            "~/my.env",
            "acme/x@sha256:00",
        ],
    ] {
        let (installation, home) = with(&[("one", words)]);
        write(&home, "x.mjs", "// a server\n");
        write(&home, "my.env", "API_KEY=hunter2\n");
        installation.init(0);
        write(&home, "my.env", "API_KEY=hunter3\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 0, "a secret was renewed: {found}");
        write(&home, "my.env", "API_KEY=hunter3\nLD_PRELOAD=/tmp/x.so\n");
        let (code, found, _) = counting(&installation);
        assert_eq!(code, 1, "{found}");
        assert!(found.contains("unrecorded[load-override]"), "{found}");
    }
}
