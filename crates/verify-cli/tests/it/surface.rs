//! What the command prints, whatever it is given: nothing raw, nothing broken, and one document where a machine reads.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{FORMATS, Installation, NOW, Run, bare};

/// One of each kind that a terminal or a reader could be led by: C0, escape sequences, DEL, C1, bidi, zero width, tags.
const HAZARDS: [&str; 14] = [
    "\u{1}",
    "\u{7}",
    "\u{8}",
    "\r",
    "\u{b}",
    "\u{1b}[2J",
    "\u{1b}]0;title\u{7}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}31m",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}\u{feff}",
    "\u{e0041}",
];

fn coloured(folder: &Path, arguments: &[&OsStr]) -> Run {
    let mut command = bare(folder, folder);
    command.args(["--color", "always"]).args(arguments);
    Run::of(&command.output().expect("the binary runs"))
}

/// Whether anything in `text` acts on a terminal: all but line ends, tabs, and the sequences that choose a style.
fn raw(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let style = rest.strip_prefix("\u{1b}[").and_then(|inside| {
            let end = inside.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
            end.strip_prefix('m')
        });
        if let Some(after) = style {
            rest = after;
            continue;
        }
        if !matches!(c, '\n' | '\t') && openclaw_verify_core::text::is_hazard(c) {
            return Some(rest.chars().take(40).collect());
        }
        rest = &rest[c.len_utf8()..];
    }
    None
}

fn assert_clean(run: &Run, what: &str) {
    for (stream, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let found = raw(text);
        assert!(found.is_none(), "{what}: {stream} has {found:?}\n{text:?}");
    }
}

/// Every option that takes a file or folder, in a call that reads it.
const PATHS: [&[&str]; 28] = [
    &["check", "--state-dir", "@"],
    &["check", "--lock-only", "--config", "@"],
    &["check", "--lock-only", "--policy", "@"],
    &["check", "--lock-only", "--lockfile", "@"],
    &["check", "--lock-only", "--reviews", "@"],
    &["check", "--openclaw", "@"],
    &["check", "--relocated-from", "@"],
    &["check", "--env", "@=1"],
    &["lock", "npm:x", "--from", "@"],
    &["lock", "--init", "--config", "@"],
    &["archive", "@"],
    &["skill", "@"],
    &["skill", "weather", "--unpack-to", "@"],
    &["archive", "a.tgz", "--attestations", "@"],
    &["archive", "a.tgz", "--unpack-to", "@"],
    &["archive", "a.tgz", "--trusted-root", "@"],
    &["archive", "a.tgz", "--npm-keys", "@"],
    &[
        "attestation",
        "@",
        "--bundle",
        "b",
        "--repository",
        "github.com/a/b",
    ],
    &[
        "attestation",
        "a.tgz",
        "--bundle",
        "@",
        "--repository",
        "github.com/a/b",
    ],
    &["attestation", "a.tgz", "--bundle", "b", "--public-key", "@"],
    &["release", "@"],
    &["release", "--object", "@", "v1"],
    &[
        "release",
        "--object",
        "tag",
        "v1",
        "--repository",
        "r",
        "--signers",
        "@",
    ],
    &[
        "release",
        "--object",
        "tag",
        "v1",
        "--repository",
        "r",
        "--openpgp",
        "@",
    ],
    &["advisories", "import", "@"],
    &["advisories", "--index", "@"],
    &["sbom", "--diff", "@"],
    &["tree", "@"],
];

/// Values that are no paths.
const VALUES: [&[&str]; 13] = [
    &["@"],
    &["check", "--@"],
    &["check", "--format", "@"],
    &["check", "--report", "@"],
    &["check", "-A", "@"],
    &["explain", "@"],
    &["npm", "@"],
    &["plugins", "@"],
    &["archive", "a.tgz", "--integrity", "@"],
    &["skill", "weather", "--as", "@"],
    &["review", "npm:x", "--record", "--criteria", "@"],
    &["release", "--object", "tag", "@", "--repository", "@"],
    &["gate", "--config", "@", "--setup"],
];

fn folder() -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let root = temporary.path().canonicalize().expect("real path");
    std::fs::create_dir(root.join(".openclaw")).expect("state");
    for name in ["a.tgz", "b", "tag"] {
        std::fs::write(root.join(name), "nothing").expect("file");
    }
    (temporary, root)
}

#[test]
fn no_value_and_no_path_reaches_the_screen_raw() {
    let (_temporary, root) = folder();
    for hazard in HAZARDS {
        let value = format!("a{hazard}b");
        for call in PATHS.iter().chain(&VALUES) {
            let words: Vec<String> = call.iter().map(|word| word.replace('@', &value)).collect();
            let arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
            let run = coloured(&root, &arguments);
            assert_ne!(run.code, 101, "{call:?} {hazard:?}: {}", run.text());
            assert_clean(&run, &format!("{call:?} {hazard:?}"));
        }
    }
    // A path need not be UTF-8.
    for call in PATHS {
        let words: Vec<Vec<u8>> = call
            .iter()
            .map(|word| word.replace('@', "\0").into_bytes())
            .map(|word| {
                word.iter()
                    .map(|b| if *b == 0 { 0xff } else { *b })
                    .collect()
            })
            .collect();
        let arguments: Vec<&OsStr> = words.iter().map(|word| OsStr::from_bytes(word)).collect();
        let run = coloured(&root, &arguments);
        assert_ne!(run.code, 101, "{call:?}: {}", run.text());
        assert_clean(&run, &format!("{call:?}"));
    }
}

/// Options whose paths are only shown, or written to.
const MORE_PATHS: [&[&str]; 27] = [
    &["check", "--signers", "@"],
    &["check", "--attest", "@"],
    &["check", "--tuf-root", "@"],
    &["check", "--backup", "@"],
    &["check", "--nix-db", "@"],
    &["check", "--sign-key", "@"],
    &["check", "--sign-ssh", "@"],
    &["host", "--print", "@"],
    &["host", "--compose", "@"],
    &["host", "--docker-inspect", "@"],
    &["host", "--docker-daemon", "@"],
    &["host", "--tailscale-status", "@"],
    &["host", "--nix-pins", "@"],
    &["host", "--proc", "@"],
    &["host", "--etc", "@"],
    &["gate", "--config", ".", "--spool", "@"],
    &[
        "attestation",
        "a.tgz",
        "--bundle",
        "b",
        "--repository",
        "github.com/a/b",
        "--workflow",
        "@",
    ],
    &[
        "release",
        "--object",
        "tag",
        "v1",
        "--repository",
        "r",
        "--attestation",
        "@",
    ],
    &["check", "--home", "@"],
    &["check", "--tmp", "@"],
    &["check", "--env", "OPENCLAW_STATE_DIR=@"],
    &["check", "--profile", "@"],
    &["check", "--report", "json=@"],
    &["lock", "--from", "@", "npm:x"],
    &["review", "--from", "@", "npm:x"],
    &["review", "--export-violations", "@"],
    &["sbom", "--no-verify", "-o", "@"],
];

/// An option that is new is in a call of these tests too.
#[test]
fn every_option_that_takes_a_path_is_in_a_call() {
    let (_temporary, root) = folder();
    let help = |words: &[&str]| {
        let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        coloured(&root, &words).stdout
    };
    let listed = help(&["--help"]);
    let verbs = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split(' ').next());
    let tried: Vec<&str> = PATHS
        .iter()
        .chain(&MORE_PATHS)
        .flat_map(|call| call.iter().copied())
        .collect();
    let (mut options, mut missing) = (0, Vec::new());
    for verb in verbs {
        for line in help(&[verb, "--help"]).lines() {
            let takes_a_path = ["<FILE>", "<DIR>", "<PATH>", "<FOLDER>", "<FORMAT=PATH>"];
            if !takes_a_path.iter().any(|value| line.contains(value)) {
                continue;
            }
            let mut words = line.split([' ', ',']);
            let Some(option) = words.find(|word| word.starts_with("--")) else {
                continue;
            };
            options += 1;
            // The short form stands for it.
            if !tried.contains(&option) && option != "--output" {
                missing.push(format!("{verb} {option}"));
            }
        }
    }
    assert!(options > 100, "{options} options were looked at");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_path_that_is_there_reaches_no_screen_raw() {
    let (_temporary, root) = folder();
    for hazard in [
        "\r",
        "\u{1b}[2J",
        "\u{9b}31m",
        "\u{202e}",
        "\u{200b}\u{feff}",
    ] {
        let place = root.join(format!("there{hazard}"));
        std::fs::create_dir(&place).expect("folder");
        let file = place.join(format!("file{hazard}"));
        for call in PATHS.iter().chain(&MORE_PATHS) {
            // What an earlier call may have put in its place.
            std::fs::write(&file, format!("{hazard} = [\n")).expect("file");
            for path in [&place, &file] {
                let path = path.to_str().expect("UTF-8");
                for format in ["human", "json"] {
                    let words: Vec<String> =
                        call.iter().map(|word| word.replace('@', path)).collect();
                    let mut arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
                    arguments.extend([OsStr::new("--format"), OsStr::new(format)]);
                    let run = coloured(&root, &arguments);
                    let what = format!("{call:?} {path:?} {format}");
                    assert!(
                        (0..=3).contains(&run.code) && !run.text().contains("failed in itself"),
                        "{what}: {}",
                        run.text()
                    );
                    assert_clean(&run, &what);
                }
            }
        }
    }
}

/// Files of the operator, each in the call that reads it, with contents that are wrong at the place of `@`.
const CONTENTS: [(&str, &[&str]); 24] = [
    (
        "services: {\"@\": {image: \"@\"}}\n",
        &["host", "--compose", "FILE"],
    ),
    ("@: [", &["host", "--compose", "FILE"]),
    (
        "[{\"Name\": \"@\", \"HostConfig\": {\"Binds\": [\"@\"]}}]",
        &["host", "--docker-inspect", "FILE"],
    ),
    ("{\"@\": [\"@\"]", &["host", "--docker-daemon", "FILE"]),
    (
        "{\"@\": {\"@\": 1}}",
        &["host", "--tailscale-status", "FILE"],
    ),
    ("{\"id\": \"@\"}", &["advisories", "import", "FILE"]),
    (
        "{\"schema_version\": \"1.7.0\", \"id\": \"MAL-1\", \"modified\": \"2026-01-01T00:00:00Z\", \"affected\": [{\"package\": {\"ecosystem\": \"npm\", \"name\": \"@\"}, \"versions\": [\"@\"]}]}",
        &["advisories", "import", "FILE"],
    ),
    (
        "{\"signed\": {\"_type\": \"@\"}}",
        &["archive", "a.tgz", "--tuf-root", "FILE"],
    ),
    ("ada@x ssh-ed25519 @\n", &["check", "--signers", "FILE"]),
    ("@ ssh-ed448 AAAA\n", &["check", "--signers", "FILE"]),
    ("@", &["check", "--lock-only", "--policy", "FILE"]),
    (
        "policy = \"@\"\n",
        &["check", "--lock-only", "--policy", "FILE"],
    ),
    ("[@]\n", &["check", "--lock-only", "--policy", "FILE"]),
    ("@", &["check", "--lock-only", "--lockfile", "FILE"]),
    (
        "version = 1\n[[package]]\nid = \"@\"\n",
        &["check", "--lock-only", "--lockfile", "FILE"],
    ),
    ("@", &["check", "--lock-only", "--reviews", "FILE"]),
    (
        "version = 1\n[[review]]\npackage = \"@\"\n",
        &["check", "--lock-only", "--reviews", "FILE"],
    ),
    (
        "{\"@\": 1}",
        &["archive", "a.tgz", "--trusted-root", "FILE"],
    ),
    (
        "{\"mediaType\": \"@\"}",
        &["archive", "a.tgz", "--trusted-root", "FILE"],
    ),
    (
        "{\"keys\": [{\"@\": 1}]}",
        &["archive", "a.tgz", "--npm-keys", "FILE"],
    ),
    (
        "ada@x ssh-ed25519 @\n",
        &[
            "release",
            "--object",
            "tag",
            "v1",
            "--repository",
            "r",
            "--signers",
            "FILE",
        ],
    ),
    (
        "@",
        &[
            "release",
            "--object",
            "tag",
            "v1",
            "--repository",
            "r",
            "--openpgp",
            "FILE",
        ],
    ),
    (
        "-----BEGIN PUBLIC KEY-----\n@\n",
        &[
            "attestation",
            "a.tgz",
            "--bundle",
            "b",
            "--public-key",
            "FILE",
        ],
    ),
    ("{\"bomFormat\": \"@\"}", &["sbom", "--diff", "FILE"]),
];

#[test]
fn no_content_of_a_file_reaches_the_screen_raw() {
    let (_temporary, root) = folder();
    let file = root.join("given");
    for hazard in HAZARDS {
        for (content, call) in CONTENTS {
            std::fs::write(&file, content.replace('@', &format!("a{hazard}b"))).expect("file");
            let path = file.to_str().expect("UTF-8");
            let words: Vec<&OsStr> = call
                .iter()
                .map(|word| OsStr::new(if *word == "FILE" { path } else { word }))
                .collect();
            for format in ["human", "json"] {
                let mut words = words.clone();
                words.extend([OsStr::new("--format"), OsStr::new(format)]);
                let run = coloured(&root, &words);
                let what = format!("{call:?} {content:?} {hazard:?}");
                assert_ne!(run.code, 101, "{what}: {}", run.text());
                assert_clean(&run, &what);
            }
        }
    }
}

#[test]
fn a_line_of_any_length_is_shown_in_part() {
    let (_temporary, root) = folder();
    let file = root.join("given");
    let long = "x".repeat(66_000);
    for (content, call) in CONTENTS {
        for content in [content.replace('@', &long), format!("{long} {content}")] {
            std::fs::write(&file, content).expect("file");
            let path = file.to_str().expect("UTF-8");
            let words: Vec<&OsStr> = call
                .iter()
                .map(|word| OsStr::new(if *word == "FILE" { path } else { word }))
                .collect();
            let run = coloured(&root, &words);
            assert_ne!(run.code, 0, "{call:?}: {}", run.text());
            assert!(
                !run.stderr.contains("failed in itself"),
                "{call:?}: {}",
                run.stderr
            );
        }
    }
}

/// The document that replaces a report, in its format.
fn assert_document(run: &Run, format: &str, what: &str) {
    let json = || -> Value {
        serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{what} {format}: {error}\n{}", run.text()))
    };
    match format {
        "json" => {
            let document = json();
            assert_eq!(document["schema"], "openclaw-verify.error/1", "{what}");
            assert_eq!(document["exit"], run.code, "{what}");
            let text = document["error"].as_str().expect("text");
            assert!(!text.is_empty(), "{what}");
        }
        "jsonl" => {
            let document = json();
            assert_eq!(document["event"], "failed", "{what}");
            assert_eq!(document["exit"], run.code, "{what}");
        }
        "prometheus" => assert!(
            run.stdout
                .ends_with(&format!("\nopenclaw_verify_exit_code {}\n", run.code)),
            "{what}: {}",
            run.stdout
        ),
        "sarif" => {
            let run_of = &json()["runs"][0];
            assert_eq!(
                run_of["invocations"][0]["executionSuccessful"], false,
                "{what}"
            );
            assert_eq!(run_of["invocations"][0]["exitCode"], run.code, "{what}");
        }
        "github" => assert!(
            run.stdout.starts_with("::error ") && run.stdout.lines().count() == 1,
            "{what}: {}",
            run.stdout
        ),
        "html" => assert!(
            run.stdout.starts_with("<!doctype html>") && run.stdout.contains("<h1 class=\"deny\">"),
            "{what}: {}",
            run.stdout
        ),
        "markdown" => assert!(
            run.stdout
                .starts_with("### openclaw-verify: not completed\n\n`"),
            "{what}: {}",
            run.stdout
        ),
        _ => assert!(
            run.stdout.starts_with("<?xml") && run.stdout.contains("<error "),
            "{what}: {}",
            run.stdout
        ),
    }
}

#[test]
fn an_error_is_one_document_in_every_format() {
    let (_temporary, root) = folder();
    std::fs::write(root.join("bad.toml"), "policy = \n").expect("file");
    let calls: [&[&str]; 10] = [
        &["check", "--no-such-flag"],
        &["no-such-verb"],
        &["check", "--state-dir", "nowhere"],
        &["check", "--lock-only", "--policy", "bad.toml"],
        &["check"],
        &["lock", "--check", "--state-dir", "nowhere"],
        &["review", "npm:absent"],
        &["npm", "no-version"],
        &["explain", "no-such-finding"],
        &["tree", "nowhere"],
    ];
    for call in calls {
        for format in FORMATS.into_iter().filter(|format| *format != "human") {
            let words = call.iter().copied().chain(["--format", format]);
            let arguments: Vec<&OsStr> = words.map(OsStr::new).collect();
            let run = coloured(&root, &arguments);
            assert_eq!(run.code, 2, "{call:?} {format}: {}", run.text());
            assert_document(&run, format, &format!("{call:?}"));
        }
    }
    let place = coloured(
        &root,
        &[
            "check",
            "--lock-only",
            "--policy",
            "bad.toml",
            "--format",
            "json",
        ]
        .map(OsStr::new),
    );
    let place: Value = serde_json::from_str(&place.stdout).expect("JSON");
    assert_eq!(place["line"], 1);
    assert!(place["file"].as_str().expect("file").ends_with("bad.toml"));
}

#[test]
fn a_verb_without_a_form_refuses_the_format() {
    let installation = Installation::shipped();
    installation.init(0);
    let calls: [&[&str]; 5] = [
        &["lock", "--check"],
        &["review"],
        &["tree", "."],
        &["explain"],
        &["gate", "--selftest"],
    ];
    for call in calls {
        for format in FORMATS
            .into_iter()
            .filter(|format| !["human", "json"].contains(format))
        {
            let run = installation.run(&[call, &["--format", format]].concat());
            assert_eq!(run.code, 2, "{call:?} {format}: {}", run.text());
            assert_document(&run, format, &format!("{call:?}"));
        }
        let run = installation.run(&[call, &["--format", "json"]].concat());
        let parsed: Result<Value, _> = serde_json::from_str(&run.stdout);
        assert!(parsed.is_ok(), "{call:?}: {}", run.text());
    }
}

#[test]
fn a_lock_is_a_document_for_machines() {
    let installation = Installation::shipped();
    let first = installation.run(&["lock", "--format", "json"]);
    assert_eq!(first.code, 0, "{}", first.text());
    let document: Value = serde_json::from_str(&first.stdout).expect("JSON");
    assert_eq!(document["schema"], "openclaw-verify.lock/1");
    assert_eq!(document["written"], true);
    assert!(!document["changes"].as_array().expect("changes").is_empty());
    let again = installation.run(&["lock", "--check", "--format", "json"]);
    let document: Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!(again.code, 0, "{}", again.text());
    assert!(document["changes"].as_array().expect("changes").is_empty());
    assert_eq!(document["written"], false);
}

#[test]
fn a_short_name_is_for_reading_only() {
    let installation = Installation::shipped();
    installation.init(0);
    let full = "npm-pack:@acme/packed";
    for name in ["packed", "@acme/packed", full] {
        let run = installation.run(&["plugins", name, "--format", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert_eq!(report["subjects"][0]["id"], full, "{name}: {}", run.text());
        assert_eq!(
            installation.run(&["review", name, "--diff"]).code,
            0,
            "{name}"
        );
    }
    let meant = installation.run(&["plugins", "npm-pack:@acme/packde"]);
    assert_eq!(meant.code, 2);
    assert!(
        meant.stderr.contains(&format!("did you mean {full}?")),
        "{}",
        meant.stderr
    );
    let finding = installation.run(&["explain", "tree-mismach"]);
    assert!(
        finding.stderr.contains("did you mean tree-mismatch?"),
        "{}",
        finding.stderr
    );
    let level = installation.run(&["check", "-A", "unpined"]);
    assert!(
        level.stderr.contains("did you mean unpinned?"),
        "{}",
        level.stderr
    );
    let format = installation.run(&["check", "--report", "jsn=x"]);
    assert!(
        format.stderr.contains("did you mean json?"),
        "{}",
        format.stderr
    );
    for writes in [
        &["lock", "packed"][..],
        &[
            "review",
            "packed",
            "--record",
            "--criteria",
            "safe-to-run",
            "--by",
            "A",
            "--yes",
        ],
    ] {
        let run = installation.run(writes);
        assert_eq!(run.code, 2, "{writes:?}: {}", run.text());
    }
    assert!(!installation.reviews_text().contains("[[review]]"));
}

#[test]
fn init_creates_the_folder_but_never_below_what_is_under_test() {
    let installation = Installation::shipped();
    let init = |config: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"));
        command
            .env_clear()
            .env(
                "HOME",
                installation.config.parent().expect("root").join("home"),
            )
            .args(["lock", "--init", "--now", NOW, "--relocated-from"])
            .args(["/home/user/.openclaw", "--state-dir"])
            .arg(&installation.state)
            .arg("--config")
            .arg(config);
        Run::of(&command.output().expect("run"))
    };
    let inside = installation.state.join("new/policy");
    let run = init(&inside);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(!installation.state.join("new").exists());
    let fresh = installation.config.join("new/policy");
    let run = init(&fresh);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(fresh.join("openclaw-verify.lock").exists());
    assert!(fresh.join("openclaw-verify.toml").exists());
}

#[test]
fn screens_are_as_wide_as_asked_and_keep_what_is_copied() {
    let installation = Installation::shipped();
    installation.init(0);
    let plain = installation.run(&["check", "-v"]);
    for columns in [60, 80, 100] {
        let output = installation
            .command(&["check", "-v"])
            .env("COLUMNS", columns.to_string())
            .output()
            .expect("run");
        let run = Run::of(&output);
        for line in run.stdout.lines() {
            let words = line.trim_start().split(' ').count();
            let command = line.contains("openclaw-verify ");
            assert!(
                line.chars().count() <= columns || words == 1 || command,
                "{columns}: {line}"
            );
        }
        // The same words in the same order, and not one of them broken.
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&run.stdout), words(&plain.stdout), "{columns}");
    }
    let help = coloured(&installation.config, &["help", "lock"].map(OsStr::new));
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Operator's files:"), "{}", help.stdout);
}

#[test]
fn bash_completes_behind_a_verb() {
    let home = tempfile::tempdir().expect("temporary folder");
    let script = bare(home.path(), home.path())
        .args(["completions", "bash"])
        .output()
        .expect("the program runs");
    let file = home.path().join("completions");
    std::fs::write(&file, script.stdout).expect("file");
    let ask = r#"source "$1"; shift
        function=$(complete -p openclaw-verify | sed 's/.*-F \([^ ]*\).*/\1/')
        COMP_WORDS=(openclaw-verify "$@"); COMP_CWORD=$#
        "$function" openclaw-verify "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        echo "${COMPREPLY[@]}""#;
    for (words, wanted) in [
        (&["che"][..], "check checklist"),
        (&["check", "--fail-on", ""], "deny warn note"),
        (&["review", "--dif"], "--diff"),
    ] {
        let output = Command::new("bash")
            .args(["-c", ask, "bash"])
            .arg(&file)
            .args(words)
            .output()
            .expect("bash");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.trim(), wanted, "{words:?}");
    }
}
