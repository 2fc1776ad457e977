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

/// Requests in the words of a real OpenClaw 2026.9.6, about a plugin and a skill that are not locked.
fn requests(folder: &Path) -> std::io::Result<Vec<(&'static str, Value)>> {
    let package = |name: &str| json!({ "name": format!("@selftest/{name}"), "version": "1.0.0", "openclaw": { "extensions": ["./index.js"] } });
    let manifest = json!({ "id": "selftest", "configSchema": { "type": "object" } });
    let place = |path: &str| folder.join(path);
    let write = |path: &str, text: String| {
        let path = place(path);
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
    std::fs::create_dir_all(place("probe"))?;

    let npm =
        json!({ "kind": "npm", "authority": "third-party", "mutable": false, "network": true });
    let git =
        json!({ "kind": "git", "authority": "third-party", "mutable": true, "network": true });
    let local =
        json!({ "kind": "local-path", "authority": "user", "mutable": true, "network": false });
    let archive =
        json!({ "kind": "archive", "authority": "user", "mutable": true, "network": false });
    let plugin = |path: &str,
                  source: &Value,
                  origin: &str,
                  kind: &str,
                  spec: &str,
                  name: Option<&str>| {
        let content = match origin {
            "plugin-dependency-tree" => "dependency-tree",
            "plugin-bundle" => "bundle",
            _ => "package",
        };
        let mut plugin = json!({ "contentType": content, "pluginId": "selftest" });
        if let (Some(plugin), Some(name)) = (plugin.as_object_mut(), name) {
            plugin.insert("packageName".to_owned(), format!("@selftest/{name}").into());
        }
        let path = place(path);
        json!({
            "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "selftest", "targetType": "plugin",
            "sourcePath": path.to_string_lossy(), "sourcePathKind": if path.is_dir() { "directory" } else { "file" },
            "source": source, "origin": { "type": origin },
            "request": { "kind": kind, "mode": "install", "requestedSpecifier": spec }, "plugin": plugin,
        })
    };
    let npm_spec = "@selftest/npm@1.0.0";
    let skill = json!({
        "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "selftest", "targetType": "skill",
        "sourcePath": place("skill").to_string_lossy(), "sourcePathKind": "directory", "source": local,
        "origin": { "type": "path", "spec": "./skill" },
        "request": { "kind": "skill-install", "mode": "install", "requestedSpecifier": "./skill" }, "skill": { "installId": "path" },
    });
    let probe = json!({
        "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetType": "skill", "targetName": "doctor-install-policy-probe",
        "sourcePath": place("probe").to_string_lossy(), "sourcePathKind": "directory", "origin": { "type": "doctor" },
        "request": { "kind": "skill-install", "mode": "install", "requestedSpecifier": "doctor:install-policy-probe" },
    });
    let package_folder = "project/node_modules/@selftest/npm";
    let git_spec = "git:https://git.example/selftest/git@v1.0.0";
    Ok(vec![
        ("doctor's probe", probe),
        (
            "npm, announced",
            plugin(
                "npm-package-metadata.json",
                &npm,
                "plugin-npm",
                "plugin-npm",
                npm_spec,
                Some("npm"),
            ),
        ),
        (
            "npm, package",
            plugin(
                package_folder,
                &npm,
                "plugin-package",
                "plugin-npm",
                npm_spec,
                Some("npm"),
            ),
        ),
        (
            "npm, dependency tree",
            plugin(
                "project",
                &npm,
                "plugin-dependency-tree",
                "plugin-npm",
                npm_spec,
                None,
            ),
        ),
        (
            "git, clone",
            plugin("git", &git, "plugin-git", "plugin-git", git_spec, None),
        ),
        (
            "git, dependency tree",
            plugin(
                "git",
                &git,
                "plugin-dependency-tree",
                "plugin-git",
                git_spec,
                None,
            ),
        ),
        (
            "folder",
            plugin(
                "folder",
                &local,
                "plugin-package",
                "plugin-dir",
                "./folder",
                Some("folder"),
            ),
        ),
        (
            "archive",
            plugin(
                "folder",
                &archive,
                "plugin-package",
                "plugin-archive",
                "./folder.tgz",
                Some("folder"),
            ),
        ),
        (
            "bundle",
            plugin(
                "bundle",
                &local,
                "plugin-bundle",
                "plugin-dir",
                "./bundle",
                None,
            ),
        ),
        (
            "hook pack",
            plugin(
                "hooks",
                &local,
                "plugin-package",
                "plugin-dir",
                "./hooks",
                Some("hooks"),
            ),
        ),
        ("skill", skill),
        ("unknown protocol version", json!({ "protocolVersion": 2 })),
    ])
}
