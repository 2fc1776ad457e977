//! `sbom` through the binary: equal bytes wherever it runs, no secret, and an earlier SBOM that cannot be trusted.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Installation, Run, copy};

fn sbom(installation: &Installation, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = installation.command(&["sbom"]);
    command.args(arguments).envs(environment.iter().copied());
    Run::of(&command.output().expect("the binary runs"))
}

#[test]
fn the_same_bytes_whatever_the_threads_the_locale_the_zone_and_the_path() {
    let here = Installation::shipped();
    here.init(0);
    // A second state with the same content at another, longer path, and the same files of the operator.
    let mut there = Installation::shipped();
    let elsewhere = there.config.join("a folder with a longer name/ünï");
    fs::create_dir_all(elsewhere.parent().expect("parent")).expect("folder");
    copy(&here.state, &elsewhere);
    there.state = elsewhere;
    fs::copy(here.lock(), there.lock()).expect("lock");
    fs::copy(
        here.config.join("openclaw-verify.toml"),
        there.config.join("openclaw-verify.toml"),
    )
    .expect("policy");

    let old = here.config.join("old.cdx.json");
    let first = sbom(
        &here,
        &[
            "--no-verify",
            "--spec-version",
            "1.5",
            "-o",
            old.to_str().expect("path"),
        ],
        &[],
    );
    assert_eq!(first.code, 0, "{}", first.text());
    let old = old.to_str().expect("path").to_owned();
    let subject = "skill:managed/weather";
    let subject = match sbom(&here, &["--subject", subject, "--no-verify"], &[]).code {
        0 => subject.to_owned(),
        _ => first_subject(&here),
    };

    let epoch = ("SOURCE_DATE_EPOCH", "1700000000");
    let one = [("LC_ALL", "C"), ("TZ", "UTC"), epoch];
    let other = [
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "de_DE.UTF-8"),
        ("TZ", "Pacific/Kiritimati"),
        epoch,
    ];
    for arguments in [
        &[][..],
        &["--compact"],
        &["--reproducible"],
        &["--spec-version", "1.5"],
        &["--spec-version", "1.7"],
        &["--no-verify"],
        &["--from-lock"],
        &["--from-lock", "--spec-version", "1.7"],
        &["--subject", &subject],
        &["--subject", &subject, "--spec-version", "1.7"],
        &["--diff", &old],
        &["--diff", &old, "--format", "json"],
        &[
            "--author",
            "Ada <ada@example.org>",
            "--manufacturer",
            "Acme (https://example.org)",
            "--supplier",
            "Acme",
        ],
    ] {
        let with = |threads: &'static str| [arguments, &["--threads", threads]].concat();
        let runs = [
            sbom(&here, &with("1"), &one),
            sbom(&here, &with("1"), &one),
            sbom(&here, &with("7"), &other),
            sbom(&there, &with("3"), &other),
        ];
        let diff = arguments.contains(&"--diff");
        for run in &runs {
            assert_eq!(run.code, i32::from(diff), "{arguments:?}: {}", run.text());
            assert!(
                run.stdout == runs[0].stdout,
                "{arguments:?} gives other bytes"
            );
        }
        let dated = runs[0].stdout.contains("2023-11-14T22:13:20Z");
        assert_eq!(
            dated,
            !diff && !arguments.contains(&"--reproducible"),
            "{arguments:?}"
        );
        for place in [&here.state, &there.state] {
            assert!(
                !runs[0].stdout.contains(place.to_str().expect("path")),
                "{arguments:?}"
            );
        }
    }
    // What was just described has not changed since.
    let now = here.config.join("now.cdx.json");
    let now = now.to_str().expect("path");
    assert_eq!(sbom(&here, &["-o", now], &[]).code, 0);
    let same = sbom(&here, &["--diff", now], &[]);
    assert_eq!(
        (same.code, same.stdout.trim()),
        (0, "0 added · 0 removed · 0 moved · 0 changed"),
        "{}",
        same.text()
    );
    assert_eq!(sbom(&here, &[], &[("SOURCE_DATE_EPOCH", "soon")]).code, 2);
}

fn first_subject(installation: &Installation) -> String {
    let all: Value =
        serde_json::from_str(&sbom(installation, &["--no-verify"], &[]).stdout).expect("json");
    let ids = all["components"]
        .as_array()
        .expect("components")
        .iter()
        .flat_map(|one| one["properties"].as_array().cloned());
    let id = ids
        .flatten()
        .find(|property| property["name"] == "openclaw:id")
        .expect("a subject");
    id["value"].as_str().expect("text").to_owned()
}

/// Secrets stand wherever a config can hold one; this word is in each of them.
const SECRET: &str = "hunter2";

#[test]
fn no_secret_of_an_mcp_server_comes_out() {
    let installation = Installation::empty();
    let home = "/home/topsecret-ada";
    let servers = json!({
        "args": { "command": "npx", "args": ["-y", "@acme/files@1.2.3", SECRET, "--token", SECRET, format!("--key={SECRET}")] },
        "env": { "command": "node", "args": [format!("{home}/server.js")], "env": { "TOKEN": SECRET, SECRET: "x" }, "cwd": home },
        "url": { "url": format!("https://user:{SECRET}@mcp.example.org/{SECRET}/mcp?token={SECRET}&{SECRET}#{SECRET}") },
        "path": { "url": format!("https://mcp.example.org/s/{SECRET}aB3dE5fG7/sse"), "transport": SECRET },
        "headers": { "url": "https://mcp.example.org/sse", "headers": { "Authorization": format!("Bearer {SECRET}"), SECRET: "x" } },
        "shell": { "command": "sh", "args": ["-c", format!("API_KEY={SECRET} npx x")] },
        "line": { "command": format!("{home}/bin/run --password {SECRET}") },
        "docker": { "command": "docker", "args": ["run", "-e", format!("TOKEN={SECRET}"), "acme/x"] },
        "database": { "command": "mcp-postgres", "args": [format!("postgres://u:{SECRET}@db.example.org/x")] },
        "file": { "command": "uvx", "args": ["--from", format!("git+https://{SECRET}@github.com/acme/x"), "x"] },
        "both": { "command": "x", "url": format!("https://{SECRET}.example.org/") },
        "odd": { "command": [SECRET], "args": SECRET, "env": SECRET, "url": { "x": SECRET } },
        format!("ghp_{SECRET}0123456789abcdef"): { "command": "x" },
        format!("my-{SECRET}0123456789ab server"): { "command": "x" },
    });
    fs::write(
        installation.state.join("openclaw.json"),
        json!({ "mcp": { "servers": servers } }).to_string(),
    )
    .expect("config");
    for version in ["1.5", "1.6", "1.7"] {
        let run = sbom(
            &installation,
            &["--no-verify", "--spec-version", version],
            &[],
        );
        assert_eq!(run.code, 0, "{}", run.text());
        for secret in [SECRET, "topsecret", "Authorization", "TOKEN", "password"] {
            let at = run.stdout.find(secret);
            assert_eq!(
                at,
                None,
                "{secret}: {}",
                at.map(|at| &run.stdout[at.saturating_sub(200)..at + 20])
                    .unwrap_or_default()
            );
        }
        let bom: Value = serde_json::from_str(&run.stdout).expect("json");
        assert_eq!(bom["services"].as_array().map(Vec::len), Some(14));
        assert!(run.stdout.contains("npx -y @acme/files@1.2.3"));
    }
}

#[test]
fn an_earlier_sbom_that_is_none() {
    let installation = Installation::empty();
    let old = installation.config.join("old.json");
    let diff = |arguments: &[&str]| {
        sbom(
            &installation,
            &[
                &["--no-verify", "--diff", old.to_str().expect("path")],
                arguments,
            ]
            .concat(),
            &[],
        )
    };
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"spdxVersion":"SPDX-2.3","packages":[]}"#,
        "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\"/>",
        r#"{"bomFormat":"CycloneDX","bomFormat":"CycloneDX"}"#,
        r#"{"bomFormat":["CycloneDX"]}"#,
        &"[".repeat(1 << 20),
        &format!(
            r#"{{"bomFormat":"CycloneDX","components":{}{}}}"#,
            "[".repeat(500),
            "]".repeat(500)
        ),
        &format!(
            r#"{{"bomFormat":"CycloneDX","components":[{}0]}}"#,
            "0,".repeat(2_000_000)
        ),
    ] {
        fs::write(&old, text).expect("write");
        for arguments in [&[][..], &["--format", "json"]] {
            let run = diff(arguments);
            assert_eq!(run.code, 2, "{:.80}: {}", text, run.stderr);
            if arguments.is_empty() {
                assert_eq!(run.stdout, "", "{:.80}", text);
            } else {
                let document: Value = serde_json::from_str(&run.stdout).expect("JSON");
                assert_eq!(document["schema"], "openclaw-verify.error/1");
            }
            assert!(run.stderr.contains("old.json"), "{}", run.stderr);
        }
    }
    let file = fs::File::create(&old).expect("create");
    file.set_len(1 << 30).expect("a gigabyte");
    assert_eq!(diff(&[]).code, 2);
    fs::remove_file(&old).expect("remove");
    assert_eq!(diff(&[]).code, 2, "nothing there");
    fs::create_dir(&old).expect("folder");
    assert_eq!(diff(&[]).code, 2, "a folder");
}

#[test]
fn an_earlier_sbom_of_unknown_origin() {
    let installation = Installation::empty();
    let old: PathBuf = installation.config.join("old.json");
    let same = json!({ "bom-ref": "x", "name": "a\u{1b}[31m\n+ fake 1.0.0", "version": "1\u{202e}", "components": [{ "name": "inner" }] });
    for (components, removed) in [
        (json!(null), 0),
        (json!("x"), 0),
        (json!({ "name": "x" }), 0),
        (json!([null, 7, "x", [], {}]), 5),
        (Value::Array(vec![same; 20_000]), 40_000),
    ] {
        let bom = json!({ "bomFormat": "CycloneDX", "components": components, "services": [{ "name": 7 }], "metadata": [],
            "dependencies": [{ "ref": "x", "dependsOn": ["x", 7, null] }, { "ref": [] }, null] });
        fs::write(&old, bom.to_string()).expect("write");
        let arguments = ["--no-verify", "--diff", old.to_str().expect("path")];
        let run = sbom(&installation, &arguments, &[]);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stdout
                .starts_with(&format!("1 added · {} removed", removed + 1)),
            "{:.200}",
            run.stdout
        );
        assert!(
            !run.stdout.contains(['\u{1b}', '\u{202e}']) && !run.stdout.contains("\n+ fake"),
            "{:.400}",
            run.stdout
        );
        let json = sbom(
            &installation,
            &[&arguments[..], &["--format", "json"]].concat(),
            &[],
        );
        let read: Value = serde_json::from_str(&json.stdout).expect("json");
        assert_eq!(read["removed"].as_array().map(Vec::len), Some(removed + 1));
    }
}

#[test]
fn flags_that_cannot_be_meant() {
    let installation = Installation::shipped();
    for arguments in [
        &["--verify-bundled"][..],
        &["--verify-bundled", "--no-verify", "--online"],
        &["--author", ""],
        &["--author", "Ada <no-address>"],
        &["--manufacturer", "Acme (javascript:x)"],
        &["--subject", "npm:absent"],
        &["--spec-version", "1.8"],
    ] {
        let run = sbom(&installation, arguments, &[]);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            run.stderr
        );
    }
}
