//! No verb opens a socket unless its flags say so: every verb runs while the kernel refuses every call that has to do with a network,
//! and makes none. `strace` does both, refuse and count.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::git::git;
use crate::provenance::corpus;
use crate::support::{Installation, Run, around};

/// Runs `command` with `input` and without a network. What it did with the network, one call a line.
fn caged(command: &Command, trace: &Path, input: &str) -> (Run, String) {
    let mut caged = Command::new("strace");
    // Signals reach the program through a `socketpair`, which has no address and leads nowhere else; a network needs one of these.
    const CALLS: &str = "socket,connect,bind,listen,accept,accept4";
    caged.args(["-f", "-qq", "-e", &format!("trace={CALLS}")]);
    caged.args(["-e", &format!("inject={CALLS}:error=EACCES"), "-o"]);
    caged.arg(trace);
    let mut caged = around(caged, command);
    // An address that would be asked, were anything asked.
    caged
        .env("npm_config_registry", "http://127.0.0.1:9/")
        .env("HTTPS_PROXY", "http://127.0.0.1:9/");
    let mut child = caged
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A verb that reads nothing may be done already.
    let _ = child
        .stdin
        .take()
        .expect("stdin")
        .write_all(input.as_bytes());
    let run = Run::of(&child.wait_with_output().expect("it ends"));
    (run, std::fs::read_to_string(trace).expect("a trace"))
}

/// A policy that asks for everything that only a network could tell.
const DEMANDING: &str = r#"version = 1
[sources]
min-age-days = 7
[[rule]]
match = "npm-pack:**"
pin = "exact"
provenance = "required"
dependencies = "archive-verified"
[[rule]]
match = "npm:**"
pin = "exact"
provenance = "required"
identity = { repository = "github.com/openclaw/openclaw" }
dependencies = "archive-verified"
[[release]]
repository = "github.com/acme/notes"
tags = "*"
gitsign = { identity = "ada@example.org", issuer = "https://accounts.example.org" }
"#;

/// `npm` asks a registry. `watch` does not end by itself; watch.rs looks at it.
const APART: [&str; 2] = ["npm", "watch"];

struct Place {
    installation: Installation,
    trace: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let installation = Installation::shipped();
        installation.init(0);
        std::fs::write(installation.policy(), DEMANDING).expect("policy");
        let temporary = tempfile::tempdir().expect("folder");
        let git = |arguments: &[&str]| git(temporary.path(), arguments);
        git(&["init", "-q", "notes"]);
        for arguments in [
            &["commit", "-q", "--allow-empty", "-m", "one"][..],
            &["tag", "-a", "-m", "one", "v1"],
        ] {
            git(&[&["-C", "notes"][..], arguments].concat());
        }
        std::fs::create_dir(temporary.path().join("openclaw")).expect("folder");
        std::fs::write(
            temporary.path().join("openclaw/package.json"),
            r#"{"name":"openclaw","version":"2026.9.6"}"#,
        )
        .expect("host");
        let bundle = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#;
        std::fs::write(temporary.path().join("bundle.json"), bundle).expect("bundle");
        std::fs::write(temporary.path().join("notes.tgz"), "no archive").expect("archive");
        Self {
            installation,
            trace: temporary.path().join("trace"),
            _temporary: temporary,
        }
    }

    fn at(&self, name: &str) -> String {
        self._temporary
            .path()
            .join(name)
            .to_str()
            .expect("path")
            .to_owned()
    }

    /// Every verb in every mode that no flag allows the network to.
    fn offline(&self) -> Vec<Vec<String>> {
        let (notes, bundle, archive) = (
            self.at("notes"),
            self.at("bundle.json"),
            self.at("notes.tgz"),
        );
        let (out, tree, file) = (
            self.at("sbom.json"),
            self.at("notes"),
            self.at("bundle.json"),
        );
        let host = self.at("openclaw");
        let id = "npm-pack:@acme/packed";
        let record = self.trace.with_file_name("record.json");
        let text = r#"{"id":"MAL-2026-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"]}]}"#;
        std::fs::write(&record, text).expect("record");
        let record = record.display().to_string();
        let folder = self.trace.parent().expect("folder").display().to_string();
        let all: Vec<Vec<&str>> = vec![
            vec![],
            vec!["check"],
            vec!["check", "-v", "--format", "json"],
            vec!["check", "--lock-only"],
            vec!["check", "--tuf"],
            vec!["plugins"],
            vec!["plugins", id],
            vec!["skills"],
            vec!["core", "--openclaw", &host],
            vec!["host"],
            vec!["checklist"],
            vec!["update", id],
            vec!["policy", "prune"],
            vec!["advisories", "import", &record],
            vec!["lock", "--check"],
            vec!["lock"],
            vec!["review"],
            vec!["review", "--export-violations", &folder],
            vec!["review", id, "--diff", "none"],
            vec![
                "review",
                id,
                "--record",
                "--criteria",
                "safe-to-run",
                "--by",
                "Ada <a@example.org>",
                "--yes",
            ],
            vec![
                "review",
                id,
                "--violation",
                "--reason",
                "no",
                "--by",
                "Ada <a@example.org>",
                "--yes",
            ],
            vec![
                "review",
                id,
                "--trust",
                "github:acme/notes",
                "--criteria",
                "safe-to-run",
                "--by",
                "Ada <a@example.org>",
                "--yes",
            ],
            vec!["gate"],
            vec!["gate", "--selftest"],
            vec!["gate", "--setup"],
            vec!["archive", &archive],
            vec!["skill", &notes],
            vec![
                "attestation",
                &file,
                "--bundle",
                &bundle,
                "--repository",
                "github.com/acme/notes",
            ],
            vec![
                "attestation",
                &file,
                "--bundle",
                &bundle,
                "--repository",
                "github.com/acme/notes",
                "--tuf",
            ],
            vec![
                "attestation",
                &file,
                "--bundle",
                &bundle,
                "--repository",
                "github.com/acme/notes",
                "--instance",
                "github",
            ],
            vec![
                "release",
                &notes,
                "v1",
                "--identity",
                "ada@example.org",
                "--issuer",
                "https://accounts.example.org",
            ],
            vec![
                "release",
                &notes,
                "--repository",
                "github.com/acme/notes",
                "--pin",
            ],
            vec![
                "release",
                &notes,
                "v1",
                "--repository",
                "github.com/acme/notes",
                "--attestation",
                &bundle,
            ],
            vec!["sbom"],
            vec!["sbom", "--no-verify", "-o", &out],
            vec!["sbom", "--from-lock"],
            vec!["sbom", "--diff", &out],
            vec!["tree", &tree, "--manifest"],
            vec!["help"],
            vec!["help", "check"],
            vec!["explain"],
            vec!["explain", "provenance-missing"],
            vec!["completions", "bash"],
        ];
        all.into_iter()
            .map(|arguments| arguments.into_iter().map(str::to_owned).collect())
            .collect()
    }

    /// What reads real archives, tags and bundles, without a flag that allows the network.
    fn offline_with(corpus: &Path) -> Vec<Vec<String>> {
        let at = |name: &str| corpus.join(name).to_str().expect("path").to_owned();
        let owned = [
            "npm/gundam-visor-cli-v1-tag.tgz",
            "npm/gundam-visor-cli-v1-tag.tgz.json",
            "gitsign/tag-v0.17.0.txt",
            "gitsign/tag-v0.16.1.txt",
            "cosign/cosign-v3-blob.txt",
            "cosign/cosign-v3-blob.sigstore.json",
        ]
        .map(at);
        let [archive, attestations, tag, old, blob, bundle] = owned.each_ref().map(String::as_str);
        let billy = [
            "--identity",
            "billy@chainguard.dev",
            "--issuer",
            "https://accounts.google.com",
        ];
        let mut all = vec![vec!["archive", archive, "--attestations", attestations]];
        all.push(vec![
            "archive",
            archive,
            "--attestations",
            attestations,
            "--tuf",
        ]);
        all.push([&["release", "--object", tag, "v0.17.0"][..], &billy].concat());
        all.push([&["release", "--object", old, "v0.16.1"][..], &billy].concat());
        let blob = vec![
            "attestation",
            blob,
            "--bundle",
            bundle,
            "--identity",
            "w.vollprecht@gmail.com",
        ];
        all.push([blob, vec!["--issuer", "https://github.com/login/oauth"]].concat());
        all.into_iter()
            .map(|arguments| arguments.into_iter().map(str::to_owned).collect())
            .collect()
    }

    fn command(&self, arguments: &[String]) -> Command {
        self.installation
            .command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

#[test]
#[ignore = "needs strace"]
fn no_verb_opens_a_socket_by_itself() {
    let place = Place::new();
    let mut verbs = BTreeSet::new();
    for arguments in place.offline() {
        verbs.insert(arguments.first().map_or("check", String::as_str).to_owned());
        opens_no_socket(&place, &arguments);
    }
    let help = Run::of(
        &Command::new(env!("CARGO_BIN_EXE_openclaw-verify"))
            .arg("--help")
            .output()
            .expect("help"),
    );
    let listed = help
        .stdout
        .lines()
        .take_while(|line| !line.starts_with("Exit codes"));
    let names = listed.filter_map(|line| {
        line.strip_prefix("  ")?
            .split_whitespace()
            .next()
            .map(str::to_owned)
    });
    let left: Vec<String> = names
        .filter(|name| !APART.contains(&name.as_str()) && !verbs.contains(name))
        .collect();
    assert_eq!(left, [""; 0], "verbs that were not looked at");
}

#[test]
#[ignore = "needs ../shared, strace"]
fn no_real_material_makes_a_verb_open_a_socket() {
    let place = Place::new();
    for arguments in Place::offline_with(&corpus()) {
        opens_no_socket(&place, &arguments);
    }
}

fn opens_no_socket(place: &Place, arguments: &[String]) {
    let (run, calls) = caged(&place.command(arguments), &place.trace, "{}");
    assert_eq!(calls, "", "{arguments:?} asked for a network");
    assert!(
        matches!(run.code, 0 | 1),
        "{arguments:?} was not carried out: {}",
        run.text()
    );
}

#[test]
#[ignore = "needs ../shared, strace"]
fn with_the_network_refused_the_answers_are_the_same() {
    let corpus = corpus();
    let at = |name: &str| corpus.join(name).to_str().expect("path").to_owned();
    let place = Place::new();
    let text = |arguments: &[&str]| {
        arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect::<Vec<_>>()
    };
    let billy = [
        "--identity",
        "billy@chainguard.dev",
        "--issuer",
        "https://accounts.google.com",
    ];
    let (tag, old) = (at("gitsign/tag-v0.17.0.txt"), at("gitsign/tag-v0.16.1.txt"));
    let (archive, answer) = (
        at("npm/gundam-visor-cli-v1-tag.tgz"),
        at("npm/gundam-visor-cli-v1-tag.tgz.json"),
    );
    for (arguments, code) in [
        (
            text(&[&["release", "--object", &tag, "v0.17.0"][..], &billy].concat()),
            0,
        ),
        (
            text(&[&["release", "--object", &old, "v0.16.1"][..], &billy].concat()),
            1,
        ),
        (text(&["archive", &archive, "--attestations", &answer]), 1),
    ] {
        let plain = Run::of(&place.command(&arguments).output().expect("it runs"));
        let (caged, _) = caged(&place.command(&arguments), &place.trace, "");
        assert_eq!(
            (caged.code, &caged.stdout),
            (plain.code, &plain.stdout),
            "{arguments:?}"
        );
        assert_eq!(plain.code, code, "{arguments:?}: {}", plain.text());
    }
}

/// The other way round, so that the tests above are known to see a socket.
#[test]
#[ignore = "needs strace"]
fn flags_that_allow_the_network_use_it() {
    let place = Place::new();
    let (file, bundle) = (place.at("bundle.json"), place.at("bundle.json"));
    for (arguments, code) in [
        (vec!["npm", "notes@1.0.0"], "offline"),
        (
            vec![
                "attestation",
                &file,
                "--bundle",
                &bundle,
                "--repository",
                "github.com/acme/notes",
                "--tuf",
                "--online",
            ],
            "no-trust-root",
        ),
    ] {
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let (run, calls) = caged(&place.command(&arguments), &place.trace, "");
        assert!(
            calls.contains("socket("),
            "{arguments:?}: {calls} {}",
            run.text()
        );
        assert_eq!(run.code, 1, "{arguments:?}: {}", run.text());
        assert!(run.stdout.contains(code), "{arguments:?}: {}", run.text());
    }
    // The one action that asks an address of the operator.
    let policy = "version = 1\n[advisories]\nsource = \"http://127.0.0.1:9/all.zip\"\n";
    std::fs::write(place.installation.policy(), policy).expect("policy");
    let fetch = ["advisories", "fetch"].map(str::to_owned);
    let (run, calls) = caged(&place.command(&fetch), &place.trace, "");
    assert!(calls.contains("socket("), "{calls} {}", run.text());
    assert_eq!(run.code, 2, "{}", run.text());
    // And a cache that was never filled is no trust root either.
    let arguments = [
        "attestation",
        &file,
        "--bundle",
        &bundle,
        "--repository",
        "github.com/acme/notes",
        "--tuf",
    ];
    let run = place.installation.run(&arguments);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(
        run.stdout.contains("not-established [no-trust-root]")
            && run.stdout.contains("nothing was fetched before"),
        "{}",
        run.text()
    );
}
