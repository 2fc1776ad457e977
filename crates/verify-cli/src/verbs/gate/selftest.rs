//! `gate --selftest`: one request of every kind, answered as OpenClaw would be.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use openclaw_verify_core::{Error, Result, temporary};
use serde_json::{Value, json};

use crate::cli::{Common, Format, GateArgs};
use crate::{Exit, output, render};

pub(super) fn run(common: &Common, args: &GateArgs) -> Result<Exit> {
    // It is typed by people, so the folder is found as `--setup` finds it.
    let common = &Common {
        config: Some(super::setup::folder(common)?),
        ..common.clone()
    };
    let gate = super::gate(common, args, Arc::new(AtomicBool::new(false)))?;
    let folder = temporary::Folder::in_shared(&std::env::temp_dir())
        .map_err(|error| Error::io("create", "a temporary folder", error))?;
    let mut replies = Vec::new();
    for (name, request) in
        requests(folder.path()).map_err(|error| Error::io("write to", folder.path(), error))?
    {
        let reply = gate.answer(request.to_string().as_bytes()).to_json();
        let reply: Value = serde_json::from_str(&reply).unwrap_or_default();
        replies.push((name, reply));
    }
    let text = match common.format {
        Format::Human => render::replies::table(&replies),
        _ => render::json(&render::replies::json(&replies))?,
    };
    output::report(&text, common.format)?;
    Ok(Exit::Clean)
}

/// A request about a plugin in the files of [`write_files`].
struct PluginRequest {
    /// What it is called in the reply.
    name: &'static str,
    path: &'static str,
    source: &'static str,
    origin: &'static str,
    kind: &'static str,
    spec: &'static str,
    package: Option<&'static str>,
}

const NPM: &str = "@selftest/npm@1.0.0";
const GIT: &str = "git:https://git.example/selftest/git@v1.0.0";

const PLUGINS: [PluginRequest; 9] = [
    PluginRequest {
        name: "npm, announced",
        path: "npm-package-metadata.json",
        source: "npm",
        origin: "plugin-npm",
        kind: "plugin-npm",
        spec: NPM,
        package: Some("npm"),
    },
    PluginRequest {
        name: "npm, package",
        path: "project/node_modules/@selftest/npm",
        source: "npm",
        origin: "plugin-package",
        kind: "plugin-npm",
        spec: NPM,
        package: Some("npm"),
    },
    PluginRequest {
        name: "npm, dependency tree",
        path: "project",
        source: "npm",
        origin: "plugin-dependency-tree",
        kind: "plugin-npm",
        spec: NPM,
        package: None,
    },
    PluginRequest {
        name: "git, clone",
        path: "git",
        source: "git",
        origin: "plugin-git",
        kind: "plugin-git",
        spec: GIT,
        package: None,
    },
    PluginRequest {
        name: "git, dependency tree",
        path: "git",
        source: "git",
        origin: "plugin-dependency-tree",
        kind: "plugin-git",
        spec: GIT,
        package: None,
    },
    PluginRequest {
        name: "folder",
        path: "folder",
        source: "local-path",
        origin: "plugin-package",
        kind: "plugin-dir",
        spec: "./folder",
        package: Some("folder"),
    },
    PluginRequest {
        name: "archive",
        path: "folder",
        source: "archive",
        origin: "plugin-package",
        kind: "plugin-archive",
        spec: "./folder.tgz",
        package: Some("folder"),
    },
    PluginRequest {
        name: "bundle",
        path: "bundle",
        source: "local-path",
        origin: "plugin-bundle",
        kind: "plugin-dir",
        spec: "./bundle",
        package: None,
    },
    PluginRequest {
        name: "hook pack",
        path: "hooks",
        source: "local-path",
        origin: "plugin-package",
        kind: "plugin-dir",
        spec: "./hooks",
        package: Some("hooks"),
    },
];

/// Requests in the words of a real OpenClaw 2026.9.6, about a plugin and a skill that are not locked.
fn requests(folder: &Path) -> std::io::Result<Vec<(&'static str, Value)>> {
    write_files(folder)?;
    let place = |path: &str| folder.join(path).to_string_lossy().into_owned();
    let probe = json!({
        "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetType": "skill", "targetName": "doctor-install-policy-probe",
        "sourcePath": place("probe"), "sourcePathKind": "directory", "origin": { "type": "doctor" },
        "request": { "kind": "skill-install", "mode": "install", "requestedSpecifier": "doctor:install-policy-probe" },
    });
    let skill = json!({
        "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "selftest", "targetType": "skill",
        "sourcePath": place("skill"), "sourcePathKind": "directory", "source": source("local-path"),
        "origin": { "type": "path", "spec": "./skill" },
        "request": { "kind": "skill-install", "mode": "install", "requestedSpecifier": "./skill" }, "skill": { "installId": "path" },
    });
    let mut requests = vec![("doctor's probe", probe)];
    requests.extend(PLUGINS.map(|plugin| (plugin.name, plugin.request(folder))));
    requests.push(("skill", skill));
    requests.push(("unknown protocol version", json!({ "protocolVersion": 2 })));
    Ok(requests)
}

impl PluginRequest {
    fn request(&self, folder: &Path) -> Value {
        let content = match self.origin {
            "plugin-dependency-tree" => "dependency-tree",
            "plugin-bundle" => "bundle",
            _ => "package",
        };
        let mut plugin = json!({ "contentType": content, "pluginId": "selftest" });
        if let Some(name) = self.package {
            plugin["packageName"] = format!("@selftest/{name}").into();
        }
        let path = folder.join(self.path);
        json!({
            "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "selftest", "targetType": "plugin",
            "sourcePath": path.to_string_lossy(), "sourcePathKind": if path.is_dir() { "directory" } else { "file" },
            "source": source(self.source), "origin": { "type": self.origin },
            "request": { "kind": self.kind, "mode": "install", "requestedSpecifier": self.spec }, "plugin": plugin,
        })
    }
}

/// A source as OpenClaw describes it.
fn source(kind: &str) -> Value {
    let remote = matches!(kind, "npm" | "git");
    let authority = if remote { "third-party" } else { "user" };
    json!({ "kind": kind, "authority": authority, "mutable": kind != "npm", "network": remote })
}

/// What the requests are about.
fn write_files(folder: &Path) -> std::io::Result<()> {
    let package = |name: &str| json!({ "name": format!("@selftest/{name}"), "version": "1.0.0", "openclaw": { "extensions": ["./index.js"] } });
    let manifest = json!({ "id": "selftest", "configSchema": { "type": "object" } });
    let write = |path: &str, text: String| {
        let path = folder.join(path);
        path.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, text))
    };
    let integrity = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    let resolution = json!({ "name": "@selftest/npm", "version": "1.0.0", "integrity": integrity });
    write(
        "npm-package-metadata.json",
        json!({ "packageName": "@selftest/npm", "resolution": resolution }).to_string(),
    )?;
    write(
        "project/package.json",
        json!({ "private": true, "dependencies": { "@selftest/npm": "1.0.0" } }).to_string(),
    )?;
    let entry = json!({ "version": "1.0.0", "resolved": "https://registry.example/npm-1.0.0.tgz", "integrity": integrity });
    let lockfile =
        json!({ "lockfileVersion": 3, "packages": { "node_modules/@selftest/npm": entry } });
    write("project/package-lock.json", lockfile.to_string())?;
    for (path, name) in [
        ("project/node_modules/@selftest/npm", "npm"),
        ("folder", "folder"),
        ("git", "git"),
    ] {
        write(&format!("{path}/package.json"), package(name).to_string())?;
        write(
            &format!("{path}/openclaw.plugin.json"),
            manifest.to_string(),
        )?;
        write(
            &format!("{path}/index.js"),
            "export default {};\n".to_owned(),
        )?;
    }
    write("git/.git/HEAD", format!("{}\n", "0".repeat(39) + "1"))?;
    write(
        "bundle/.claude-plugin/plugin.json",
        json!({ "name": "selftest", "version": "1.0.0" }).to_string(),
    )?;
    write(
        "hooks/package.json",
        json!({ "name": "@selftest/hooks", "version": "1.0.0", "openclaw": { "hooks": ["./hook"] } }).to_string(),
    )?;
    write(
        "hooks/hook/HOOK.md",
        "---\nname: selftest\n---\n".to_owned(),
    )?;
    write(
        "skill/SKILL.md",
        "---\nname: selftest\ndescription: selftest\n---\n".to_owned(),
    )?;
    std::fs::create_dir_all(folder.join("probe"))
}
