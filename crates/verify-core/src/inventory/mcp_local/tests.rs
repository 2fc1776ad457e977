use serde_json::json;

use super::*;
use crate::tree::{LeaveOut, TreeSpec};

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let home = Self { dir };
        for (path, text) in [
            (".openclaw/openclaw.json", "{}"),
            (
                "one/server.mjs",
                "import './lib/a.mjs'; import fs from 'node:fs';",
            ),
            ("one/lib/a.mjs", "import { b } from '../b'; "),
            ("one/b.js", "module.exports = 1"),
            ("one/other.js", ""),
            ("hook.mjs", "// loaded first"),
            (
                "pkg/package.json",
                r#"{"name":"p","scripts":{"start":"node src/index.js","odd":"node $X"}}"#,
            ),
            ("pkg/src/index.js", "import 'left-pad'"),
            ("pkg/node_modules/left-pad/package.json", "{}"),
            ("pkg/node_modules/tsx/package.json", "{}"),
            ("pkg/node_modules/tsx/cli.mjs", ""),
            ("pkg/.git/HEAD", "ref"),
            ("pkg/src/.git/HEAD", "ref"),
            ("py/pyproject.toml", "[project]"),
            ("py/mod/__main__.py", "import json"),
            ("py/.venv/pyvenv.cfg", ""),
            ("py/.venv/bin/python", "#!/bin/sh\n"),
            ("lone/s.py", "import json, requests\nfrom helper import x\n"),
            ("lone/helper.py", "import os\n"),
            ("lone/re.py", "# in place of Python's own"),
            ("lone/notes.py", "# not named"),
            ("lone/run.sh", "#!/bin/sh\nexec node /home/nobody/x.js\n"),
            ("lone/computed.mjs", "await import(process.argv[2])"),
            ("bin/tool", "#!/bin/sh\n"),
        ] {
            home.write(path, text);
        }
        let tool = home.at("bin/tool");
        std::fs::set_permissions(tool, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("mode");
        home
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("real path")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, text).expect("write");
    }

    fn local(&self, server: Value, wanted: LocalFiles) -> Local {
        let options = crate::inventory::InventoryOptions {
            home: Some(self.root()),
            ..crate::inventory::InventoryOptions::new(self.at(".openclaw"))
        };
        let paths = Paths::new(&options).expect("paths");
        let server = server.as_object().expect("object").clone();
        read(&Question {
            paths: &paths,
            server: &server,
            plugin: None,
            roots: &[self.root(), paths.state.clone()],
            started_in: &[],
            prefixes: &[],
            wanted,
        })
    }

    /// The files that the tree of a server holds, relative to the home folder, and whether all code has a digest.
    fn files(&self, server: Value) -> (Vec<String>, bool) {
        let local = self.local(server, LocalFiles::Package);
        let specs: Vec<TreeSpec> = [
            &local.trees.tree,
            &local.trees.dependencies,
            &local.trees.siblings,
        ]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
        let trees = crate::tree::digest_all(&specs, &crate::tree::TreeOptions::default());
        let mut files = Vec::new();
        for (spec, tree) in specs.iter().zip(trees) {
            let tree = tree.expect("a tree");
            let root = spec.root.strip_prefix(self.root()).expect("below home");
            files.extend(
                tree.manifest
                    .entries()
                    .iter()
                    .map(|entry| root.join(&entry.path).to_string_lossy().into_owned()),
            );
        }
        files.sort();
        (files, local.not_hashed.is_empty())
    }
}

/// Working folder, command line, the files that have to have a digest, and whether nothing else is started.
type Case<'a> = (Option<&'a str>, &'a [&'a str], &'a [&'a str], bool);

fn server(cwd: Option<&str>, line: &[&str]) -> Value {
    json!({ "command": line.first(), "args": line.get(1..), "cwd": cwd })
}

#[test]
fn every_spelling_of_a_script_is_hashed_or_open() {
    let home = Home::new();
    let root = home.root();
    let root = root.to_str().expect("text");
    let one: &[&str] = &["one/b.js", "one/lib/a.mjs", "one/server.mjs"];
    let with_hook: &[&str] = &["hook.mjs", "one/b.js", "one/lib/a.mjs", "one/server.mjs"];
    let pkg: &[&str] = &[
        "pkg/node_modules/left-pad/package.json",
        "pkg/node_modules/tsx/cli.mjs",
        "pkg/node_modules/tsx/package.json",
        "pkg/package.json",
        "pkg/src/index.js",
    ];
    let py: &[&str] = &[
        "py/.venv/bin/python",
        "py/.venv/pyvenv.cfg",
        "py/mod/__main__.py",
        "py/pyproject.toml",
    ];
    let script = format!("{root}/one/server.mjs");
    let address = format!("file://{root}/one/server.mjs");
    let hook = format!("--import={root}/hook.mjs");
    let hook_address = format!("file://{root}/hook.mjs");
    let line = format!("cd {root}/one && exec node server.mjs \"$@\"");
    let open_line = format!("node $FLAGS {root}/one/server.mjs");
    let one_folder = format!("{root}/one");
    let pkg_folder = format!("{root}/pkg");
    let py_folder = format!("{root}/py");
    let python = format!("{root}/py/.venv/bin/python");
    let tool = format!("{root}/bin/tool");
    let lib = format!("{root}/bin");
    let cases: &[Case<'_>] = &[
        (None, &["node", &script], one, true),
        (None, &["/usr/bin/env", "node", &script], one, true),
        (None, &["node", "~/one/server.mjs"], one, true),
        (None, &["node", &address], one, true),
        (Some("~/one"), &["node", "server.mjs"], one, true),
        (Some("~/one"), &["node", "./server"], one, true),
        (Some("~/one/lib"), &["node", "../server.mjs"], one, true),
        (None, &["node", "server.mjs"], &[], false),
        (None, &["node", &hook, &script], with_hook, true),
        (
            None,
            &["node", "--import", &hook_address, &script],
            with_hook,
            true,
        ),
        (
            None,
            &["node", "-r", "~/hook.mjs", "--no-warnings", &script],
            with_hook,
            true,
        ),
        (
            Some("~"),
            &["node", "-r", "./hook.mjs", &script],
            with_hook,
            true,
        ),
        (None, &["node", "--import", "tsx", &script], one, false),
        (None, &["node", "--made-up", &script], one, false),
        (None, &["node", "-e", "require('x')"], &[], false),
        (None, &["node", "--env-file=x", &script], one, false),
        (None, &["env", "A=B", "node", &script], one, true),
        (
            None,
            &["env", "-C", &one_folder, "node", "server.mjs"],
            one,
            true,
        ),
        (None, &["env", "-S", &format!("node {script}")], one, true),
        (
            None,
            &["env", "NODE_OPTIONS=--require=/x", "node", &script],
            one,
            false,
        ),
        (None, &["nice", "-n", "5", "node", &script], one, true),
        (
            None,
            &["timeout", "-k", "5", "60", "node", &script],
            one,
            true,
        ),
        (None, &["sh", "-c", &format!("node {script}")], one, true),
        (None, &["bash", "-ec", &line], one, true),
        (None, &["bash", "-lc", &line], one, false),
        (None, &["sh", "-c", &open_line], one, false),
        (Some("~/pkg"), &["npm", "start"], pkg, true),
        (
            None,
            &["npm", "--prefix", &pkg_folder, "run", "start"],
            pkg,
            true,
        ),
        (Some("~/pkg"), &["npm", "run", "odd"], pkg, false),
        (Some("~/pkg"), &["npm", "run", "none"], pkg, false),
        (
            Some("~/pkg"),
            &["node", "node_modules/tsx/cli.mjs", "src/index.js"],
            pkg,
            true,
        ),
        (Some("~/pkg"), &["tsx", "src/index.js"], pkg, false),
        (Some("~/pkg"), &["npx", "tsx", "src/index.js"], pkg, true),
        (None, &["npx", &format!("{root}/pkg")], pkg, false),
        (Some("~"), &["npx", "-y", "./pkg"], pkg, false),
        (None, &["bun", "run", &script], one, true),
        (
            None,
            &["bun", "--cwd", &one_folder, "server.mjs"],
            one,
            true,
        ),
        (Some("~/pkg"), &["bun", "run", "start"], pkg, true),
        (
            None,
            &["deno", "run", "-A", "--allow-read=/", &script],
            one,
            true,
        ),
        (None, &["deno", "task", "x"], &[], false),
        (Some("~/py"), &["python3", "-m", "mod"], py, true),
        (Some("~/py"), &["python3", "-m", "other"], &[], false),
        (None, &[&python, "-m", "mod"], py, false),
        (Some("~/py"), &[&python, "-m", "mod"], py, true),
        (
            None,
            &["uv", "run", "--directory", &py_folder, "serve"],
            py,
            true,
        ),
        (
            Some("~/py"),
            &["uv", "run", "--with", "x", "serve"],
            py,
            false,
        ),
        (
            None,
            &["poetry", "-C", &py_folder, "run", "mod/__main__.py"],
            py,
            true,
        ),
        (Some("~/one"), &["poetry", "run", "serve"], &[], false),
        (
            None,
            &[
                "uv",
                "--directory",
                &py_folder,
                "run",
                "python",
                "-m",
                "mod",
            ],
            py,
            true,
        ),
        (
            None,
            &["uv", "run", "--directory", &py_folder, "mod/__main__.py"],
            py,
            true,
        ),
        (None, &[&tool], &["bin/tool"], false),
        (None, &["my-server"], &[], false),
        (None, &["my-server", "--script", &script], one, false),
        (
            None,
            &["docker", "run", "-v", &format!("{lib}:/app"), "x", "/app/y"],
            &[],
            false,
        ),
        (
            None,
            &[
                "docker",
                "run",
                "-v",
                &format!("{root}/one:/app"),
                "x",
                "node",
                "/app/server.mjs",
            ],
            one,
            true,
        ),
    ];
    for (cwd, words, wanted, whole) in cases {
        let (files, all) = home.files(server(*cwd, words));
        let wanted: Vec<String> = wanted.iter().map(|file| (*file).to_owned()).collect();
        assert_eq!(
            (files, all),
            (wanted, *whole),
            "{cwd:?} {words:?} {:?}",
            home.local(server(*cwd, words), LocalFiles::Package)
                .not_hashed
        );
    }
}

#[test]
fn a_script_of_python_brings_what_is_loaded_from_beside_it() {
    let home = Home::new();
    let (files, all) = home.files(server(None, &["python3", "~/lone/s.py"]));
    assert_eq!(files, ["lone/helper.py", "lone/re.py", "lone/s.py"]);
    assert!(!all, "requests is found elsewhere");
    let (files, all) = home.files(server(None, &["node", "~/lone/computed.mjs"]));
    assert_eq!(
        (files.as_slice(), all),
        (&["lone/computed.mjs".to_owned()][..], false)
    );
    let (files, all) = home.files(server(None, &["~/lone/run.sh"]));
    assert_eq!(
        (files.as_slice(), all),
        (&["lone/run.sh".to_owned()][..], false)
    );
}

#[test]
fn a_package_that_is_planted_above_a_script_changes_its_digest() {
    let home = Home::new();
    home.write("lone/bare.mjs", "import 'sharp'");
    let before = home.files(server(None, &["node", "~/lone/bare.mjs"]));
    assert_eq!(before, (vec!["lone/bare.mjs".to_owned()], false));
    home.write("node_modules/sharp/index.js", "evil");
    let after = home.files(server(None, &["node", "~/lone/bare.mjs"])).0;
    assert_eq!(after, ["lone/bare.mjs", "node_modules/sharp/index.js"]);
}

#[test]
fn packages_of_a_workspace_are_hashed_where_they_are_linked() {
    let home = Home::new();
    home.write("repo/package.json", "{}");
    home.write("repo/node_modules/left-pad/index.js", "");
    home.write("repo/packages/a/package.json", "{}");
    home.write("repo/packages/a/index.js", "import 'b'");
    home.write("repo/packages/b/package.json", "{}");
    home.write("repo/packages/b/index.js", "");
    home.write("repo/packages/c/index.js", "not linked");
    std::os::unix::fs::symlink("../packages/b", home.at("repo/node_modules/b")).expect("link");
    let (files, all) = home.files(server(None, &["node", "~/repo/packages/a/index.js"]));
    assert_eq!(
        files,
        [
            "repo/node_modules/b",
            "repo/node_modules/left-pad/index.js",
            "repo/packages/a/index.js",
            "repo/packages/a/package.json",
            "repo/packages/b/index.js",
            "repo/packages/b/package.json",
        ]
    );
    assert!(all);
}

#[test]
fn policy_says_how_much_is_hashed() {
    let home = Home::new();
    let line = || server(None, &["node", "~/pkg/src/index.js"]);
    let file = home.local(line(), LocalFiles::File);
    let spec = file.trees.tree.expect("a tree");
    let kept = spec.leave_out.iter().find_map(|left| match left {
        LeaveOut::AllBut(kept) => Some(kept.join(" ")),
        _ => None,
    });
    // The script, and the package that it imports; not the manifest beside it.
    assert_eq!(kept.as_deref(), Some("node_modules/left-pad src/index.js"));
    let none = home.local(line(), LocalFiles::None);
    assert_eq!(none.trees, Trees::default());
    assert_eq!(none.not_hashed.len(), 1, "{:?}", none.not_hashed);
}

#[test]
fn a_package_that_is_too_large_or_holds_a_socket_leaves_its_script() {
    let home = Home::new();
    let _socket = std::os::unix::net::UnixListener::bind(home.at("pkg/s.sock")).expect("socket");
    let (files, _) = home.files(server(None, &["node", "~/pkg/src/index.js"]));
    assert!(files.contains(&"pkg/src/index.js".to_owned()), "{files:?}");
    // Node reads it all the same.
    assert!(files.contains(&"pkg/package.json".to_owned()), "{files:?}");
    let dependency = "pkg/node_modules/tsx/cli.mjs".to_owned();
    assert!(!files.contains(&dependency), "{files:?}");
}

#[test]
fn caches_of_python_are_named_by_the_folder_that_holds_them_all() {
    let home = Home::new();
    let line = || server(Some("~/py"), &["python3", "-m", "mod"]);
    home.write("py/mod/__pycache__/x.cpython-311.pyc", "stale");
    let cache = || home.local(line(), LocalFiles::Package).cache.expect("one");
    assert!(cache().ends_with("py/mod/__pycache__"), "{}", cache());
    home.write("py/mod/deep/__pycache__/y.cpython-311.pyc", "stale");
    assert!(cache().ends_with("py/mod"), "{}", cache());
}

#[test]
fn caches_of_python_are_left_out_only_as_such() {
    let home = Home::new();
    home.write("py/mod/__pycache__/x.cpython-311.pyc", "stale");
    home.write("py/mod/x.py", "1");
    let line = || server(Some("~/py"), &["python3", "-m", "mod"]);
    let local = home.local(line(), LocalFiles::Package);
    assert_eq!(local.observations.len(), 1, "{:?}", local.observations);
    assert!(local.cache.is_some());
    assert!(
        !home
            .files(line())
            .0
            .iter()
            .any(|file| file.contains("pycache"))
    );
    home.write("py/mod/__pycache__/y.js", "code");
    assert!(
        home.files(line())
            .0
            .iter()
            .any(|file| file.ends_with("y.js"))
    );
}

/// An environment as `python -m venv` makes it: its interpreter is a link to the system's.
fn environment(home: &Home, folder: &str) {
    let at = |path: &str| home.at(&format!("{folder}/{path}"));
    home.write(&format!("{folder}/pyvenv.cfg"), "home = /usr/bin\n");
    let site = format!("{folder}/lib/python3.11/site-packages");
    home.write(&format!("{site}/requests/__init__.py"), "1");
    home.write(
        &format!("{site}/requests/__pycache__/__init__.cpython-311.pyc"),
        "stale",
    );
    std::fs::create_dir_all(at("bin")).expect("folder");
    for (target, link) in [
        ("/usr/bin/env", "bin/python"),
        ("python", "bin/python3"),
        ("lib", "lib64"),
    ] {
        std::os::unix::fs::symlink(target, at(link)).expect("link");
    }
}

#[test]
fn an_environment_is_part_of_what_it_runs() {
    let home = Home::new();
    environment(&home, "venv");
    let line = || server(None, &["~/venv/bin/python", "~/lone/s.py"]);
    let (files, all) = home.files(line());
    let expected = [
        "lone/helper.py",
        "lone/re.py",
        "lone/s.py",
        "venv/bin/python",
        "venv/bin/python3",
        "venv/lib/python3.11/site-packages/requests/__init__.py",
        "venv/lib64",
        "venv/pyvenv.cfg",
    ];
    assert_eq!(
        (files.as_slice(), all),
        (&expected.map(str::to_owned)[..], true)
    );
    let local = home.local(line(), LocalFiles::Package);
    let system = local.system.first().expect("the interpreter");
    let said = system.not_covered(&SubjectId::new("mcp", "x")).what;
    assert!(!said.contains("venv"), "{said}");
    assert!(!local.reads.python, "its packages are its own");
    assert!(
        local.cache.is_some(),
        "what runs in place of the sources is said"
    );
    let digest = || {
        let tree = home.local(line(), LocalFiles::Package).trees.tree;
        let tree = crate::tree::digest(&tree.expect("tree"), &crate::tree::TreeOptions::default());
        tree.expect("digest").digest
    };
    let before = digest();
    std::fs::remove_file(home.at("venv/bin/python")).expect("removed");
    home.write("venv/bin/python", "#!/bin/sh\nevil");
    assert_ne!(digest(), before, "a link that became a file");
    home.write("venv/lib/python3.11/site-packages/x.pth", "import evil\n");
    let files = home.files(line()).0;
    assert!(
        files.iter().any(|file| file.ends_with("x.pth")),
        "{files:?}"
    );
}

#[test]
fn an_environment_says_what_it_takes_from_elsewhere() {
    let home = Home::new();
    environment(&home, "venv");
    home.write("editable/src/mine/__init__.py", "");
    home.write("editable/pyproject.toml", "");
    let root = home.root();
    let site = "venv/lib/python3.11/site-packages";
    home.write(
        &format!("{site}/a.pth"),
        &format!(
            "# no path\n\nimport sys; x\n{}/editable/src\n",
            root.display()
        ),
    );
    home.write(&format!("{site}/b.pth"), &format!("{}\n", root.display()));
    home.write("venv/pyvenv.cfg", "include-system-site-packages = TRUE\n");
    let line = || server(None, &["~/venv/bin/python", "-m", "requests"]);
    let (files, _) = home.files(line());
    assert!(
        files.contains(&"editable/src/mine/__init__.py".to_owned()),
        "{files:?}"
    );
    let local = home.local(line(), LocalFiles::Package);
    let said = local.not_hashed.join("\n");
    assert!(said.contains("b.pth adds"), "{said}");
    assert!(!said.contains("a.pth"), "{said}");
    assert!(said.contains("started first"), "{said}");
    assert!(local.reads.python);
    // By policy, or where it is too large, what starts it still counts.
    let small = home.local(line(), LocalFiles::File);
    assert!(small.not_hashed.join("\n").contains("are not hashed"));
    let tree = small.trees.tree.expect("tree");
    assert!(tree.holds(&root.join(site).join("a.pth")));
    assert!(tree.holds(&root.join("venv/bin/python3")));
    assert!(!tree.holds(&root.join(site).join("requests/__init__.py")));
}

#[test]
fn a_file_that_is_named_counts_wherever_it_lies() {
    let home = Home::new();
    home.write("pkg/.cache/run.mjs", "evil");
    let (files, _) = home.files(server(None, &["node", "~/pkg/.cache/run.mjs"]));
    assert!(
        files.contains(&"pkg/.cache/run.mjs".to_owned()),
        "{files:?}"
    );
    home.write("pkg/.cache/other.mjs", "data");
    let (files, _) = home.files(server(None, &["node", "~/pkg/.cache/run.mjs"]));
    assert!(
        !files.contains(&"pkg/.cache/other.mjs".to_owned()),
        "{files:?}"
    );
    // A link to a program of the system is a file of the server, and so is one on the way to a script.
    std::os::unix::fs::symlink("/usr/bin/env", home.at("bin/prog")).expect("link");
    std::os::unix::fs::symlink("one", home.at("current")).expect("link");
    let files = home.files(server(None, &["~/bin/prog"])).0;
    assert_eq!(files, ["bin/prog"]);
    let files = home
        .files(server(None, &["node", "~/current/server.mjs"]))
        .0;
    assert!(files.contains(&"current".to_owned()), "{files:?}");
    // A console script runs in the environment that it names.
    environment(&home, "tool");
    let script = format!(
        "#!{}/tool/bin/python\nimport requests\n",
        home.root().display()
    );
    home.write("bin/console", &script);
    let (files, all) = home.files(server(None, &["~/bin/console"]));
    assert!(
        files.contains(&"tool/bin/python".to_owned()) && all,
        "{files:?}"
    );
}

#[test]
fn what_a_package_beside_a_script_imports_is_looked_for_beside_the_script() {
    let home = Home::new();
    home.write("pm/s.py", "import yamlish\n");
    home.write("pm/notes.py", "");
    let optional = "from . import core\ntry:\n    import fastyaml\nexcept ImportError:\n    pass\n";
    home.write("pm/yamlish/__init__.py", optional);
    home.write("pm/yamlish/core.py", "import json, yamlish\n");
    let line = || server(None, &["python3", "~/pm/s.py"]);
    let (files, all) = home.files(line());
    assert_eq!(
        files,
        ["pm/s.py", "pm/yamlish/__init__.py", "pm/yamlish/core.py"]
    );
    assert!(!all, "fastyaml is taken from where Python finds it");
    home.write("pm/fastyaml.py", "import orjson\n");
    home.write("pm/orjson/__init__.py", "");
    let (files, all) = home.files(line());
    for file in ["pm/fastyaml.py", "pm/orjson/__init__.py"] {
        assert!(files.contains(&file.to_owned()), "{files:?}");
    }
    assert!(
        all && !files.contains(&"pm/notes.py".to_owned()),
        "{files:?}"
    );
}

#[test]
fn settings_of_node_count_and_what_builders_start_is_said() {
    let home = Home::new();
    let started = |folder: &str, line: &[&str]| {
        let folder = home.at(folder);
        home.files(server(folder.to_str(), line))
    };
    for (file, option) in [
        ("one/node.config.json", "--experimental-default-config-file"),
        ("one/own.json", "--experimental-config-file=own.json"),
    ] {
        home.write(file, "{}\n");
        let (files, _) = started("one", &["node", option, "server.mjs"]);
        assert!(files.contains(&file.to_owned()), "{option}: {files:?}");
        let (files, _) = started("one", &["node", "server.mjs"]);
        assert!(!files.contains(&file.to_owned()), "{option}: {files:?}");
    }
    for (program, file) in [
        ("go", "go.mod"),
        ("cargo", "Cargo.toml"),
        ("just", "justfile"),
    ] {
        let file = format!("{program}/{file}");
        home.write(&file, "x\n");
        let (files, all) = started(program, &[program, "run"]);
        assert!(files.contains(&file), "{program}: {files:?}");
        assert!(!all, "{program}: what it starts is not hashed");
    }
}

#[test]
fn why_a_package_is_not_hashed_is_said_as_it_is() {
    let (home, away) = (Home::new(), Home::new());
    away.write("o/mcp/s.mjs", "import 'bufferutil'");
    away.write("o/node_modules/bufferutil/index.js", "evil()");
    let script = away.at("o/mcp/s.mjs");
    let line = ["node", script.to_str().expect("path")];
    let said = home.local(server(None, &line), LocalFiles::Package);
    let said = said.not_hashed.join("\n");
    assert!(said.contains("lies outside the home folder"), "{said}");
    assert!(!said.contains("too large"), "{said}");
}
