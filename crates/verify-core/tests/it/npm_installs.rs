//! What npm really makes of odd archives, against what is known of it: npm itself installs from a registry in this process.

use std::fs;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::finding::Finding;
use openclaw_verify_core::report::{Basis, Report};
use serde_json::{Value, json};

use crate::published::{NAME, PROJECT, Place};
use crate::support::server::Answer;

/// An entry of an archive.
enum File<'a> {
    Plain(&'a str, u32, &'a [u8]),
    Link(&'a str, tar::EntryType, &'a str),
}

use File::{Link, Plain};

fn archive(package: &Value, files: &[File<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let manifest = package.to_string();
    for file in [Plain("package.json", 0o644, manifest.as_bytes())]
        .iter()
        .chain(files)
    {
        let mut header = tar::Header::new_ustar();
        match file {
            Plain(path, mode, content) => {
                header.set_size(content.len() as u64);
                header.set_mode(*mode);
                tar.append_data(&mut header, format!("package/{path}"), *content)
                    .expect("entry");
            }
            Link(path, kind, target) => {
                header.set_entry_type(*kind);
                header.set_size(0);
                header.set_mode(0o777);
                tar.append_link(&mut header, format!("package/{path}"), target)
                    .expect("entry");
            }
        }
    }
    tar.into_inner().expect("tar").finish().expect("gzip")
}

/// Serves versions of one package; returns the integrity of the first.
fn publish(place: &Place, name: &str, versions: &[(Value, Vec<u8>)]) -> String {
    let mut packument = json!({ "name": name, "versions": {}, "time": {}, "dist-tags": { "latest": versions[0].0["version"] } });
    for (package, archive) in versions {
        let version = package["version"].as_str().expect("version");
        let shop = format!(
            "/{name}/-/{}-{version}.tgz",
            name.rsplit('/').next().expect("name")
        );
        let mut entry = package.clone();
        entry["dist"] = json!({ "integrity": Sri::of(archive).to_string(), "tarball": place.server.url(&shop) });
        packument["versions"][version] = entry;
        packument["time"][version] = json!("2026-06-01T12:00:00.000Z");
        place.server.set(&shop, Answer::Good(archive.clone()));
    }
    place.server.set(
        &format!("/{}", name.replace('/', "%2f")),
        Answer::Good(packument.to_string().into_bytes()),
    );
    Sri::of(&versions[0].1).to_string()
}

fn simple(place: &Place, package: Value, files: &[File<'_>]) {
    let name = package["name"].as_str().expect("name").to_owned();
    publish(place, &name, &[(package.clone(), archive(&package, files))]);
}

/// npm, as OpenClaw calls it; false where this machine has none.
fn install(place: &Place, version: &str, integrity: &str) {
    let project = place.path(&format!("state/{PROJECT}"));
    let _ = fs::remove_dir_all(&project);
    place.write(
        &format!("state/{PROJECT}/package.json"),
        json!({ "private": true, "dependencies": { NAME: version }, "overrides": { "old": "npm:plain@1.0.0" } }).to_string(),
    );
    let home = place.path("home");
    fs::create_dir_all(&home).expect("home");
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--omit=dev",
        "--omit=peer",
        "--legacy-peer-deps",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]);
    npm.arg(format!("--registry={}", place.server.url("/")))
        .args(["--no-update-notifier", "--cache"])
        .arg(home.join("cache"));
    npm.env("HOME", &home)
        .env("npm_config_userconfig", home.join("npmrc"))
        .current_dir(&project);
    for proxy in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        npm.env_remove(proxy);
    }
    let output = npm.output().expect("npm");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    place.record(version, integrity);
}

fn mismatches(report: &Report) -> Vec<String> {
    let found = report
        .findings
        .iter()
        .filter(|finding| finding.id == "archive-mismatch" || finding.id == "not-established");
    // What is not known of this installation as a whole, and of a registry without signatures, is another question.
    let others = ["no-host", "no-home", "no-signatures"];
    let found = found.filter(|finding| finding.code.is_none_or(|code| !others.contains(&code)));
    let message = |finding: &Finding| {
        format!(
            "{} {}: {}",
            finding.level.as_str(),
            finding.id,
            finding.message
        )
    };
    found
        .flat_map(|finding| std::iter::once(message(finding)).chain(finding.evidence.clone()))
        .collect()
}

fn basis(report: &Report) -> Option<Basis> {
    report
        .subjects
        .iter()
        .find(|subject| subject.id.as_str() == "npm:@acme/notes")
        .expect("the plugin")
        .basis
}

const SHELL: &[u8] = b"#!/usr/bin/env node\r\nx\r\ny\n";

#[test]
#[ignore = "needs npm"]
fn odd_archives_are_installed_as_expected_and_every_other_change_is_reported() {
    let place = Place::new();
    let long = [b"#!/bin/".as_slice(), &[b'x'; 3000], b"\r\nx\r\n"].concat();
    simple(
        &place,
        json!({ "name": "plain", "version": "1.0.0" }),
        &[Plain("index.js", 0o644, b"plain")],
    );
    simple(
        &place,
        json!({ "name": "strbin", "version": "1.0.0", "bin": "./bin/../cli.js" }),
        &[Plain("cli.js", 0o644, SHELL), Plain("lib.js", 0o644, SHELL)],
    );
    simple(
        &place,
        json!({ "name": "dirbin", "version": "1.0.0", "directories": { "bin": "./bin" } }),
        &[
            Plain("bin/one", 0o644, SHELL),
            Plain("bin/deep/two", 0o644, SHELL),
            Plain("bin/.hidden", 0o644, SHELL),
            Plain("bint", 0o644, SHELL),
        ],
    );
    simple(
        &place,
        json!({ "name": "arrbin", "version": "1.0.0", "bin": ["./a.js", "b/b.js"] }),
        &[
            Plain("a.js", 0o644, SHELL),
            Plain("b/b.js", 0o644, b"#!/bin/sh\nx"),
        ],
    );
    simple(
        &place,
        json!({ "name": "@acme/long", "version": "1.0.0", "bin": { "long": "long.js", "gone": "gone.js", "@x/y": "y.js", "../up": "y.js" } }),
        &[Plain("long.js", 0o644, &long), Plain("y.js", 0o600, SHELL)],
    );
    simple(
        &place,
        json!({ "name": "other-os", "version": "1.0.0", "os": ["win32"] }),
        &[Plain("index.js", 0o644, b"x")],
    );
    let keep = json!({ "name": "keep", "version": "1.0.0", "dependencies": { "plain": "2.0.0" } });
    simple(&place, keep, &[Plain("index.js", 0o644, b"keep")]);
    let two = json!({ "name": "plain", "version": "2.0.0" });
    let one = json!({ "name": "plain", "version": "1.0.0" });
    publish(
        &place,
        "plain",
        &[
            (
                one.clone(),
                archive(&one, &[Plain("index.js", 0o644, b"plain")]),
            ),
            (
                two.clone(),
                archive(&two, &[Plain("index.js", 0o644, b"two")]),
            ),
        ],
    );
    let package = json!({
        "name": NAME, "version": "1.2.0", "bin": { "notes": "./cli.js", "twice": "cli.js" },
        "bundleDependencies": ["inner"], "openclaw": { "extensions": ["./index.js"] },
        "dependencies": { "inner": "2.0.0", "strbin": "1.0.0", "dirbin": "1.0.0", "arrbin": "1.0.0", "@acme/long": "1.0.0",
            "other-name": "npm:plain@1.0.0", "plain": "1.0.0", "keep": "1.0.0" },
        "optionalDependencies": { "other-os": "1.0.0" },
    });
    let inner =
        json!({ "name": "inner", "version": "2.0.0", "bin": { "inner": "inner.js" } }).to_string();
    let fixture = json!({ "name": "fixture", "version": "1.0.0", "bin": "x.js" }).to_string();
    let files = [
        Plain(
            "openclaw.plugin.json",
            0o644,
            br#"{"id":"notes","configSchema":{}}"#,
        ),
        Plain("index.js", 0o600, b"export default 1;"),
        Plain("cli.js", 0o644, SHELL),
        Plain("tool.sh", 0o755, b"#!/bin/sh\r\n"),
        Plain("odd.sh", 0o711, b"odd"),
        Plain("group-only", 0o654, b"group"),
        Plain("none", 0o000, b"none"),
        Plain(".gitignore", 0o644, b"dist\n"),
        Plain("sub/.gitignore", 0o644, b"dist\n"),
        Plain("sub/.npmignore", 0o644, b"both\n"),
        Plain("sub/.npmrc", 0o644, b"registry=http://evil.example\n"),
        Plain("package-lock.json", 0o644, b"{}"),
        Plain(".DS_Store", 0o644, b"x"),
        Plain("node_modules/inner/package.json", 0o644, inner.as_bytes()),
        Plain("node_modules/inner/inner.js", 0o644, SHELL),
        Plain(
            "test/node_modules/fixture/package.json",
            0o644,
            fixture.as_bytes(),
        ),
        Plain("test/node_modules/fixture/x.js", 0o644, SHELL),
        Link("link.js", tar::EntryType::Symlink, "index.js"),
        Link("hard.js", tar::EntryType::Link, "package/index.js"),
    ];
    let integrity = publish(
        &place,
        NAME,
        &[(package.clone(), archive(&package, &files))],
    );
    install(&place, "1.2.0", &integrity);
    place.lock(false);
    let report = place.online("");
    assert_eq!(mismatches(&report), [""; 0]);
    assert_eq!(basis(&report), Some(Basis::Archive));

    // Everything else is reported: of each, the file and the package that it belongs to.
    let modules = place.path(&format!("state/{PROJECT}/node_modules"));
    let reported = |script: &str, named: &str| {
        let kept = place.path("kept");
        place.run(&format!(
            "rm -rf '{0}' && cp -a '{1}' '{0}'",
            kept.display(),
            modules.display()
        ));
        let status = Command::new("sh")
            .args(["-ec", script])
            .current_dir(&modules)
            .status()
            .expect("sh");
        assert!(status.success(), "{script}");
        let found = mismatches(&place.online(""));
        assert!(
            found.iter().any(|line| line.contains(named)),
            "{script}: {found:#?}"
        );
        place.run(&format!(
            "rm -rf '{1}' && mv '{0}' '{1}'",
            kept.display(),
            modules.display()
        ));
    };
    for (script, named) in [
        (
            "chmod 755 strbin/lib.js",
            "mode-changed strbin@1.0.0: lib.js",
        ),
        (
            "printf '#!/usr/bin/env node\\nx\\ny\\n' > strbin/cli.js",
            "changed strbin@1.0.0: cli.js",
        ),
        (
            "printf '#!/usr/bin/env node\\nx\\r\\ny\\n' > strbin/lib.js",
            "changed strbin@1.0.0: lib.js",
        ),
        (
            "chmod 644 @acme/notes/tool.sh",
            "mode-changed @acme/notes@1.2.0: tool.sh",
        ),
        (
            "chmod 755 @acme/notes/index.js",
            "mode-changed @acme/notes@1.2.0: index.js",
        ),
        (
            "chmod 755 @acme/notes/test/node_modules/fixture/x.js",
            "mode-changed",
        ),
        ("chmod 755 dirbin/bint", "mode-changed dirbin@1.0.0: bint"),
        (
            "echo x > @acme/notes/link.js",
            "added @acme/notes@1.2.0: link.js",
        ),
        (
            "ln -s index.js @acme/notes/link.js",
            "added @acme/notes@1.2.0: link.js",
        ),
        (
            "ln @acme/notes/index.js @acme/notes/hard.js",
            "added @acme/notes@1.2.0: hard.js",
        ),
        (
            "rm @acme/notes/.npmignore",
            "removed @acme/notes@1.2.0: .npmignore",
        ),
        (
            "mv @acme/notes/.npmignore @acme/notes/.gitignore",
            "added @acme/notes@1.2.0: .gitignore",
        ),
        (
            "echo evil > @acme/notes/node_modules/inner/inner.js",
            "changed inner@2.0.0: inner.js",
        ),
        (
            "echo evil > keep/node_modules/plain/index.js",
            "changed plain@2.0.0: index.js",
        ),
        (
            "echo evil > other-name/index.js",
            "changed other-name@1.0.0: index.js",
        ),
        (
            "rm -r plain && cp -r keep/node_modules/plain plain && rm plain/index.js",
            "plain",
        ),
        ("cp -r plain evil", "added node_modules/evil/index.js"),
        ("rm -r strbin && cp -r plain strbin", "no dependency asks"),
        ("ln -s plain evil", "added node_modules/evil"),
        ("echo x > evil.js", "added node_modules/evil.js"),
        (
            "mkdir -p .evil && echo x > .evil/index.js",
            "added node_modules/.evil/index.js",
        ),
        (
            "ln -sf ../plain/index.js .bin/strbin",
            "added node_modules/.bin/strbin",
        ),
        ("echo x > .bin/strbin2", "added node_modules/.bin/strbin2"),
        (
            "mkdir -p @acme/evil && echo x > @acme/evil/index.js",
            "added node_modules/@acme/evil/index.js",
        ),
        (
            "mkdir -p plain/node_modules/evil && echo x > plain/node_modules/evil/index.js",
            "added evil@?: index.js",
        ),
        // A genuine package that nothing asks for, and one under a number that was never published.
        (
            "cp -r other-name plain-too && sed -i 's/plain/plain-too/' plain-too/package.json",
            "added node_modules/plain-too/index.js",
        ),
        (
            "cp -r plain keep/node_modules/strbin && sed -i 's/plain/strbin/' keep/node_modules/strbin/package.json",
            "added strbin@1.0.0: index.js",
        ),
        (
            "sed -i 's/1.0.0/9.9.9/' plain/package.json && echo evil > plain/index.js",
            "deny not-established: whether its dependencies",
        ),
        ("sed -i 's/plain/PLAIN/' plain/package.json", "plain"),
        // npm's lockfile is the attacker's to write.
        (
            "echo evil > plain/index.js && sed -i 's#http://[^\"]*/plain-1.0.0.tgz#git+ssh://git@evil.example/plain.git\\##' .package-lock.json",
            "no dependency asks",
        ),
        (
            "echo evil > plain/index.js && sed -i 's#http://[^\"]*/plain-1.0.0.tgz#file:../plain.tgz#' .package-lock.json",
            "no dependency asks",
        ),
        (
            "echo evil > plain/index.js && sed -i 's#\"resolved\": \"http#\"link\": true, \"resolved\": \"http#' .package-lock.json",
            "changed plain@1.0.0",
        ),
        (
            "echo evil > plain/index.js && sed -i 's#\"resolved\": \"http#\"inBundle\": true, \"resolved\": \"http#' .package-lock.json",
            "plain",
        ),
        (
            "echo evil > plain/index.js && rm .package-lock.json",
            "changed plain@1.0.0: index.js",
        ),
        (
            "echo evil > plain/index.js && echo '{' > .package-lock.json",
            "changed plain@1.0.0: index.js",
        ),
        (
            "sed -i 's#sha512-[^\"]*#sha512-AAAA#' .package-lock.json && echo evil > plain/index.js",
            "changed plain@1.0.0: index.js",
        ),
    ] {
        reported(script, named);
    }
    assert_eq!(mismatches(&place.online("")), [""; 0], "all is as it was");
}

/// OpenClaw's project file asks for other packages in the place of old ones, as the host package says. Without the host package it
/// is only the state directory that says so.
#[test]
#[ignore = "needs npm"]
fn a_package_in_another_ones_place() {
    let place = Place::new();
    let plain = json!({ "name": "plain", "version": "1.0.0" });
    publish(
        &place,
        "plain",
        &[(
            plain.clone(),
            archive(&plain, &[Plain("index.js", 0o644, b"plain")]),
        )],
    );
    let package = json!({ "name": NAME, "version": "1.2.0", "dependencies": { "old": "^1.0.0" }, "openclaw": { "extensions": ["./index.js"] } });
    let files = [
        Plain(
            "openclaw.plugin.json",
            0o644,
            br#"{"id":"notes","configSchema":{}}"#,
        ),
        Plain("index.js", 0o644, b"export default 1;"),
    ];
    let integrity = publish(
        &place,
        NAME,
        &[(package.clone(), archive(&package, &files))],
    );
    install(&place, "1.2.0", &integrity);
    let folder = place.path(&format!("state/{PROJECT}/node_modules/old"));
    assert!(
        fs::read_to_string(folder.join("package.json"))
            .expect("package.json")
            .contains("plain")
    );
    place.lock(false);
    let report = place.online("");
    assert_eq!(basis(&report), Some(Basis::Locked));
    assert!(
        mismatches(&report)
            .iter()
            .any(|line| line.contains("only npm's project in the state directory asks")),
        "{report:#?}"
    );
    let host = place.path("host");
    fs::create_dir_all(&host).expect("host");
    fs::write(
        host.join("package.json"),
        r#"{"name":"openclaw","version":"2026.9.6"}"#,
    )
    .expect("write");
    let with_host = |overrides: &str| {
        fs::write(host.join("pnpm-workspace.yaml"), overrides).expect("write");
        online_with(&place, &host)
    };
    assert_eq!(
        basis(&with_host("overrides:\n  old: \"npm:plain@1.0.0\"\n")),
        Some(Basis::Archive)
    );
    for other in [
        "overrides:\n  old: 1.0.0\n",
        "overrides:\n  older: \"npm:plain@1.0.0\"\n",
        "overrides: []\n",
        "\t&a [*a",
        "",
    ] {
        assert_eq!(basis(&with_host(other)), Some(Basis::Locked), "{other}");
    }
    fs::write(folder.join("index.js"), "evil").expect("write");
    assert!(
        mismatches(&place.online(""))
            .iter()
            .any(|line| line == "changed old@1.0.0: index.js")
    );
}

fn online_with(place: &Place, host: &Path) -> Report {
    let verifier = place
        .builder("")
        .host(host)
        .registry(place.client())
        .build()
        .expect("verifier");
    verifier
        .check(&openclaw_verify_core::Scope::Everything)
        .expect("report")
}
