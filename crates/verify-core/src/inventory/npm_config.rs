//! What configures npm: `.npmrc` of the home, the state directory and its projects, and the overrides of these projects. They decide
//! from where the next update comes, and for `npx` what a server is at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::context::Workspace;
use super::mcp_spec::address;
use super::paths::{Located, Paths};
use super::{Observation, environment};
use crate::json;
use crate::text;

/// Most bytes of one file.
const MAX_FILE: u64 = 1 << 20;
/// Most folders above one in which a server is started.
const MAX_ABOVE: usize = 32;
/// Where the host package names the overrides that OpenClaw puts into projects.
const HOST_OVERRIDES: &str = "pnpm-workspace.yaml";
/// Settings that name a program, move what npm reads, or say whom it believes. [npm config]
const SETTINGS: [&str; 11] = [
    // Whom npm believes to be the registry.
    "ca",
    "cafile",
    "strict-ssl",
    "script-shell",
    // npx runs what lies below it.
    "cache",
    "node-options",
    "prefix",
    "userconfig",
    "globalconfig",
    "git",
    "shell",
];

/// Every setting that decides where code comes from or what runs it.
/// `servers`: the definitions of MCP servers, since a launcher reads its settings from the folder in which it is started, and above.
/// `usually_in`: where one is started that names no folder.
pub(super) fn read(
    paths: &Paths,
    workspaces: &[Workspace],
    servers: &[&Value],
    usually_in: &[PathBuf],
    host: Option<&Path>,
    found: &mut Vec<Observation>,
) {
    for workspace in workspaces {
        npmrc(paths, &workspace.folder.join(".npmrc"), host, found);
    }
    let started_in = servers.iter().filter_map(|server| {
        let written = ["cwd", "workingDirectory"]
            .iter()
            .find_map(|key| server.get(*key)?.as_str())?;
        match paths.locate(written) {
            Located::At(folder) => Some(folder),
            _ => None,
        }
    });
    let usual = |folder: &Path| {
        folder == paths.state
            || Some(folder) == paths.home.as_deref()
            || workspaces.iter().any(|space| space.folder == folder)
    };
    let above: BTreeSet<PathBuf> = started_in
        .chain(usually_in.iter().cloned())
        .flat_map(|folder| {
            let above = folder.ancestors().take(MAX_ABOVE);
            above.map(Path::to_owned).collect::<Vec<_>>()
        })
        .filter(|folder| !usual(folder))
        .collect();
    for folder in above {
        npmrc(paths, &folder.join(".npmrc"), host, found);
    }
    if let (Some(home), false) = (&paths.home, paths.relocated()) {
        npmrc(paths, &home.join(".npmrc"), host, found);
    }
    let npm = paths.root("npm");
    npmrc(paths, &paths.state.join(".npmrc"), host, found);
    npmrc(paths, &npm.join(".npmrc"), host, found);
    let projects = paths.list(&npm.join("projects")).unwrap_or_default();
    let known = host.and_then(|host| paths.text(&host.join(HOST_OVERRIDES), MAX_FILE).ok());
    for project in projects {
        npmrc(paths, &project.path.join(".npmrc"), host, found);
        let file = project.path.join("package.json");
        let manifest = paths.text(&file, MAX_FILE).ok();
        let manifest = manifest.and_then(|text| json::last_wins(&text).ok());
        if let Some(overrides) = manifest.as_ref().and_then(|m| m.value.get("overrides")) {
            overridden(
                overrides,
                "overrides",
                0,
                known.as_deref(),
                &mut |setting| {
                    found.push(Observation::NpmConfig {
                        place: paths.shown(&file),
                        setting,
                        registry: None,
                    });
                },
            );
        }
    }
}

/// A key without `${NAME}`, which npm replaces in it: by nothing where the variable is empty, or where `?` stands behind its name.
fn without_variables(key: &str) -> String {
    let mut plain = String::new();
    let mut rest = key;
    while let Some((before, behind)) = rest.split_once("${") {
        plain.push_str(before);
        match behind.split_once('}') {
            Some((_, after)) => rest = after,
            None => {
                plain.push_str("${");
                rest = behind;
            }
        }
    }
    plain + rest
}

/// Every override that takes a package from elsewhere, or another package in its place. OpenClaw writes those of its host package into
/// each project [S `npm-managed-root`]: of their replacements `known` is the text, in whatever version. Without it replacements
/// are not judged.
fn overridden(
    value: &Value,
    path: &str,
    depth: usize,
    known: Option<&str>,
    say: &mut dyn FnMut(String),
) {
    match value {
        Value::Object(entries) if depth < MAX_ABOVE => {
            for (name, value) in entries {
                let path = format!("{path}.{name}");
                overridden(value, &path, depth + 1, known, say);
            }
        }
        Value::String(spec) => {
            let spec = spec.trim();
            let elsewhere = match spec.strip_prefix("npm:") {
                Some(package) => {
                    let end = package.rfind('@').filter(|at| *at > 0);
                    let name = package.get(..end.unwrap_or(package.len()));
                    let usual = format!("npm:{}@", name.unwrap_or_default());
                    known.is_some_and(|known| !known.contains(&usual))
                }
                None => spec.contains([':', '/', '\\']),
            };
            if elsewhere {
                say(text::excerpt(&format!("{path} to {}", address(spec)), 200));
            }
        }
        _ => {}
    }
}

fn npmrc(paths: &Paths, file: &Path, host: Option<&Path>, found: &mut Vec<Observation>) {
    // npm takes other bytes than UTF-8 as well.
    let Some(content) = paths.lossy(file, MAX_FILE) else {
        return;
    };
    for line in content.split(['\n', '\r']) {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']);
        let value = value.trim().trim_matches(['"', '\'']);
        // `key[]=` adds to a list, which npm reads as the value where there is but one.
        let key = key.strip_suffix("[]").unwrap_or(key);
        let key = &without_variables(key);
        let registry = key == "registry" || key.ends_with(":registry");
        if value.is_empty() || !(registry || SETTINGS.contains(&key.as_str())) {
            continue;
        }
        if is_usual(paths, key, value, host) {
            continue;
        }
        found.push(Observation::NpmConfig {
            place: paths.shown(file),
            setting: text::excerpt(key, 80),
            registry: registry.then(|| text::excerpt(&address(value), 300)),
        });
    }
}

/// What people and installers set, and what brings no other code: the prefix in which the judged OpenClaw itself lies, which its own
/// installer writes and `openclaw update` goes by; a shell of the system; options of Node that are harmless in `NODE_OPTIONS` too.
fn is_usual(paths: &Paths, key: &str, value: &str, host: Option<&Path>) -> bool {
    match key {
        "prefix" => {
            let prefix = paths.real(&of_home(paths, value)).ok();
            let holds = |prefix: PathBuf| {
                let modules = prefix.join("lib/node_modules");
                host.is_some_and(|host| host.starts_with(modules))
            };
            !paths.relocated() && prefix.is_some_and(holds)
        }
        "script-shell" => environment::is_harmless("SHELL", value),
        "node-options" => environment::is_harmless("NODE_OPTIONS", value),
        "strict-ssl" => value == "true",
        // Authorities of the system, which only root can add.
        "cafile" => value.starts_with("/etc/") && !value.contains(".."),
        _ => false,
    }
}

/// A place as npm means it.
fn of_home(paths: &Paths, value: &str) -> PathBuf {
    let home = paths.home.as_deref().map(Path::to_string_lossy);
    PathBuf::from(match (home, value.strip_prefix("~/")) {
        (Some(home), Some(rest)) => format!("{home}/{rest}"),
        (Some(home), None) => value.replace("${HOME}", &home),
        (None, _) => value.to_owned(),
    })
}

/// The prefixes in which npm looks for packages that were installed globally: those that the user's settings name.
pub(super) fn prefixes(paths: &Paths) -> Vec<PathBuf> {
    let Some(home) = paths.home.as_ref().filter(|_| paths.not_here().is_none()) else {
        return Vec::new();
    };
    let content = paths.lossy(&home.join(".npmrc"), MAX_FILE);
    let content = content.unwrap_or_default();
    let lines = content.split(['\n', '\r']);
    let settings = lines.filter_map(|line| line.trim().split_once('='));
    settings
        .filter(|(key, _)| without_variables(key.trim()) == "prefix")
        .map(|(_, value)| of_home(paths, value.trim().trim_matches(['"', '\''])))
        .filter(|prefix| prefix.is_absolute())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_found_as_npm_finds_them() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = Paths::plain(dir.path());
        let file = paths.state.join(".npmrc");
        for (text, settings) in [
            ("a=1\rregistry=http://h.example/\r", &["registry"][..]),
            ("${X?}registry=http://h.example/\n", &["registry"]),
            ("script${X}-shell=/x", &["script-shell"]),
            ("cache=/tmp/x\ncache-min=1\n", &["cache"]),
            (
                "@a:registry=http://h.example/\n#registry=x",
                &["@a:registry"],
            ),
            ("loglevel=error\n${X", &[]),
            (
                "script-shell=/bin/bash\nnode-options=--max-old-space-size=4096",
                &[],
            ),
            (
                "strict-ssl=true\ncafile=/etc/ssl/certs/ca-certificates.crt\nhttps-proxy=http://proxy.example:1",
                &[],
            ),
            (
                "strict-ssl=false\ncafile=/tmp/ca.pem\nca=x",
                &["strict-ssl", "cafile", "ca"],
            ),
            (
                "script-shell=/tmp/sh\nnode-options=--require /x.cjs",
                &["script-shell", "node-options"],
            ),
        ] {
            std::fs::write(&file, text).expect("file");
            let mut found = Vec::new();
            npmrc(&paths, &file, None, &mut found);
            let found: Vec<&str> = found
                .iter()
                .filter_map(|one| match one {
                    Observation::NpmConfig { setting, .. } => Some(setting.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(found, settings, "{text:?}");
        }
    }

    #[test]
    fn the_prefix_of_the_judged_host_is_usual() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = Paths::plain(dir.path());
        let file = paths.state.join(".npmrc");
        let host = paths.state.join("global/lib/node_modules/openclaw");
        std::fs::create_dir_all(&host).expect("folder");
        std::fs::create_dir_all(paths.state.join("other")).expect("folder");
        for (folder, host, said) in [
            ("global", Some(&host), 0),
            ("other", Some(&host), 1),
            ("global/lib", Some(&host), 1),
            ("global", None, 1),
        ] {
            let prefix = paths.state.join(folder);
            std::fs::write(&file, format!("prefix={}\n", prefix.display())).expect("file");
            let mut found = Vec::new();
            npmrc(&paths, &file, host.map(PathBuf::as_path), &mut found);
            assert_eq!(found.len(), said, "{folder}");
        }
    }

    #[test]
    fn an_override_that_leads_elsewhere_is_said() {
        let said = |overrides: Value, known: Option<&str>| {
            let mut said = Vec::new();
            overridden(&overrides, "overrides", 0, known, &mut |setting| {
                said.push(setting);
            });
            said
        };
        let known = "overrides:\n  request: npm:@cypress/request@4.0.1\n";
        let usual = json!({
            "axios": "1.20.0", "tar": "^7.5", "uuid": "latest", "x": "$x", "y": { ".": "1.0.0", "z": ">=1 <2" },
            "request": "npm:@cypress/request@5.0.0",
        });
        assert!(said(usual, Some(known)).is_empty());
        for (spec, known) in [
            ("https://u:p@h.example/x.tgz", None),
            ("github:a/b", None),
            ("a/b", None),
            ("file:../x", None),
            ("git+ssh://h.example/x", None),
            ("npm:evil@1.0.0", Some(known)),
            ("npm:@cypress/requests@4.0.1", Some(known)),
        ] {
            let said = said(json!({ "a": { "b": spec } }), known);
            assert_eq!(said.len(), 1, "{spec}");
            assert!(said[0].starts_with("overrides.a.b to "), "{said:?}");
            assert!(!said[0].contains("u:p"), "{said:?}");
        }
        assert!(
            said(json!({ "a": "npm:other@1.0.0" }), None).is_empty(),
            "without a host"
        );
    }
}
