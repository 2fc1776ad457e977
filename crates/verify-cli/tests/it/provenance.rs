//! Where code was published and who built it, through the binary: real bundles, a real registry, and no network at all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Installation, NOW, Real, Run, bare, copy, findings, listing, real, shared};

pub(crate) fn corpus() -> PathBuf {
    shared("corpus/sigstore")
}

fn cases(corpus: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(corpus.join("expected.json")).expect("expected.json");
    serde_json::from_str::<Value>(&text).expect("json")["cases"]
        .as_array()
        .expect("cases")
        .clone()
}

/// The binary without any state, with an empty home.
fn run(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = bare(folder, folder);
    command.args(arguments).args(["--now", NOW]);
    Run::of(&command.output().expect("the binary runs"))
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr))
}

#[test]
#[ignore = "needs ../shared"]
fn every_bundle_of_the_corpus_has_its_exit_code() {
    let corpus = corpus();
    let home = tempfile::tempdir().expect("folder");
    let at = |name: &str| corpus.join(name).to_str().expect("path").to_owned();
    let mut seen = 0;
    for case in cases(&corpus) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (kind, file) = (
            text(&case["kind"]).expect("kind"),
            text(&case["file"]).expect("file"),
        );
        if !kind.starts_with("bundle") {
            continue;
        }
        let facts = if case["facts"].is_array() {
            &case["facts"][0]
        } else {
            &case["facts"]
        };
        let identity = text(&facts["identity"]).unwrap_or_else(|| "no one".to_owned());
        let artifact = text(&case["artifact"]).map(|name| at(&name)).or_else(|| {
            let hex = text(&case["artifact_sha256"])
                .or_else(|| text(&facts["subject"]["digest"]["sha256"]));
            hex.map(|hex| format!("sha256:{hex}"))
        });
        let artifact =
            artifact.or_else(|| text(&facts["subject"]["digest"]["sha512"]).map(|hex| sri(&hex)));
        // The first subject of this one is a tag; its first file has this digest.
        let artifact = artifact.unwrap_or_else(|| {
            "sha256:76f1fe8593bf227cca2c089e3c16dc95014a8d3e89c5dd220530469ca043c428".to_owned()
        });
        let mut arguments = vec![
            "attestation".to_owned(),
            artifact,
            "--bundle".to_owned(),
            at(&file),
            "--identity".to_owned(),
            identity,
        ];
        if let Some(issuer) = text(&facts["issuer"]) {
            arguments.extend(["--issuer".to_owned(), issuer]);
        } else if kind == "bundle-jsonl" {
            arguments.extend([
                "--issuer".to_owned(),
                "https://token.actions.githubusercontent.com".to_owned(),
            ]);
        }
        let all: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let verdict = |name: &str| text(&case["expect"][name]);
        let code = |verdict: &str| if verdict == "pass" { 0 } else { 1 };
        // A signer without an issuer is none that could be named, unless it is GitHub's own.
        for (name, instance) in [
            ("bundle", "public-good"),
            ("bundle_with_prod_root", "public-good"),
            ("bundle_with_github_root_no_tlog_no_sct", "github"),
        ] {
            let Some(expected) = verdict(name) else {
                continue;
            };
            let result = run(home.path(), &[&all[..], &["--instance", instance]].concat());
            assert_eq!(
                result.code,
                code(&expected),
                "{file} {name}: {}",
                result.text()
            );
            seen += 1;
        }
        if verdict("bundle").as_deref() == Some("pass") {
            let other = run(
                home.path(),
                &[
                    "attestation",
                    all[1],
                    "--bundle",
                    all[3],
                    "--repository",
                    "github.com/evil/evil",
                    "--format",
                    "json",
                ],
            );
            assert_eq!(other.code, 1);
            assert_eq!(json(&other)["finding"], "provenance-mismatch", "{file}");
            let unnamed = run(home.path(), &["attestation", all[1], "--bundle", all[3]]);
            assert_eq!(
                unnamed.code,
                2,
                "a bundle without a required signer: {}",
                unnamed.text()
            );
        }
    }
    assert!(seen >= 9, "{seen}");
}

fn sri(hex: &str) -> String {
    let bytes = openclaw_verify_core::digest::from_hex(hex).expect("hex");
    openclaw_verify_core::digest::Sri(bytes.try_into().expect("64 bytes")).to_string()
}

/// Real bundle, tag made here: an attestation binds the tag to a commit, whether the tag is signed or not.
#[test]
#[ignore = "needs ../shared"]
fn a_release_attestation_replaces_a_signature() {
    let corpus = corpus();
    let home = tempfile::tempdir().expect("folder");
    let bundle = corpus.join("github/github-private-attestation.sigstore.json");
    let commit = "43d0bd191f16d1fe3484a4b58aa69118f7692442";
    let tag = |name: &str, commit: &str| {
        let text = format!(
            "object {commit}\ntype commit\ntag {name}\ntagger A <a@example.test> 1780000000 +0000\n\nrelease\n"
        );
        let path = home.path().join(format!("{name}-{}", &commit[..4]));
        std::fs::write(&path, text).expect("tag");
        path.to_str().expect("path").to_owned()
    };
    let ask = |object: &str, name: &str, repository: &str, more: &[&str]| {
        let arguments = [
            "release",
            "--object",
            object,
            name,
            "--repository",
            repository,
            "--format",
            "json",
        ];
        let found = run(home.path(), &[&arguments[..], more].concat());
        let failures = match found.code {
            2 => String::new(),
            _ => json(&found)["releases"][0]["failures"]
                .as_array()
                .expect("failures")
                .iter()
                .map(|f| f.as_str().expect("text"))
                .collect::<Vec<_>>()
                .join(" "),
        };
        (found.code, failures)
    };
    // The same bundle, for one of its files: whose release it is has to be what was asked for.
    let file = "sha256:76f1fe8593bf227cca2c089e3c16dc95014a8d3e89c5dd220530469ca043c428";
    let attest = |more: &[&str]| {
        let arguments = [
            "attestation",
            file,
            "--bundle",
            bundle.to_str().expect("path"),
            "--instance",
            "github",
            "--format",
            "json",
        ];
        let found = run(home.path(), &[&arguments[..], more].concat());
        (found.code, json(&found))
    };
    let (code, report) = attest(&[
        "--repository",
        "github.com/jdx/communique",
        "--ref",
        "refs/tags/v0.1.9",
    ]);
    assert_eq!(
        (code, &report["identity"]["sourceDigest"]),
        (0, &Value::from(commit)),
        "{report:#}"
    );
    for (more, wrong) in [
        (
            [
                "--repository",
                "github.com/evil/communique",
                "--ref",
                "refs/tags/v0.1.9",
            ],
            "repository",
        ),
        (
            [
                "--repository",
                "github.com/jdx/communique",
                "--ref",
                "refs/tags/v0.1.8",
            ],
            "ref",
        ),
        (
            [
                "--repository",
                "github.com/jdx/communique",
                "--workflow",
                ".github/workflows/release.yml",
            ],
            "workflow",
        ),
        (
            [
                "--repository",
                "github.com/jdx/communique",
                "--issuer",
                "https://token.actions.githubusercontent.com",
            ],
            "issuer",
        ),
    ] {
        let (code, report) = attest(&more);
        assert_eq!(
            (code, &report["code"]),
            (1, &Value::from(wrong)),
            "{more:?} {report:#}"
        );
    }
    let (code, report) = attest(&["--identity", "https://dotcom.releases.github.com"]);
    assert!(
        code == 0
            && report["notChecked"][0]
                .as_str()
                .expect("text")
                .contains("whose release"),
        "{report:#}"
    );
    let with = ["--attestation", bundle.to_str().expect("path")];
    let good = tag("v0.1.9", commit);
    assert_eq!(
        ask(&good, "v0.1.9", "github.com/jdx/communique", &with),
        (0, String::new())
    );
    let moved = ask(
        &tag("v0.1.9", &"1".repeat(40)),
        "v0.1.9",
        "github.com/jdx/communique",
        &with,
    );
    assert_eq!(moved, (1, "tag-moved".to_owned()));
    assert_eq!(
        ask(&good, "v0.1.9", "github.com/jdx/other", &with),
        (1, "tag-mismatch/name-mismatch".to_owned())
    );
    let other = tag("v0.1.8", commit);
    assert_eq!(
        ask(&other, "v0.1.8", "github.com/jdx/communique", &with),
        (1, "tag-mismatch/name-mismatch".to_owned())
    );
    // The name inside is another than the one asked for, and attested.
    assert_eq!(
        ask(&other, "v0.1.9", "github.com/jdx/communique", &with),
        (1, "tag-mismatch/name-mismatch".to_owned())
    );
    assert_eq!(
        ask(&good, "v0.1.9", "gitlab.com/jdx/communique", &with).0,
        2
    );
    assert_eq!(
        ask(&good, "v0.1.9", "github.com/jdx/communique", &[]).0,
        2,
        "no signer is trusted"
    );
    // Another bundle, of the public instance, and none at all.
    for (file, failure) in [
        (
            "npm/sigstore-js-2.1.0-bundle.json",
            "signature-invalid/bad-signature",
        ),
        (
            "cosign/cosign-v3-blob.sigstore.json",
            "signature-invalid/bad-signature",
        ),
        ("gitsign/tag-v0.17.0.txt", "signature-invalid/bad-signature"),
    ] {
        let file = corpus.join(file);
        let found = ask(
            &good,
            "v0.1.9",
            "github.com/jdx/communique",
            &["--attestation", file.to_str().expect("path")],
        );
        assert_eq!(found, (1, failure.to_owned()), "{}", file.display());
    }
    let text = std::fs::read_to_string(&bundle).expect("bundle");
    let forged = home.path().join("forged.json");
    std::fs::write(
        &forged,
        text.replacen("\"sig\": \"M", "\"sig\": \"N", 1)
            .replacen("\"sig\":\"M", "\"sig\":\"N", 1),
    )
    .expect("bundle");
    assert_ne!(std::fs::read_to_string(&forged).expect("forged"), text);
    let found = ask(
        &good,
        "v0.1.9",
        "github.com/jdx/communique",
        &["--attestation", forged.to_str().expect("path")],
    );
    assert_eq!(found, (1, "signature-invalid/bad-signature".to_owned()));
}

#[test]
#[ignore = "needs ../shared"]
fn npm_attestations_of_the_corpus_through_archive() {
    let corpus = corpus();
    let home = tempfile::tempdir().expect("folder");
    let mut seen = 0;
    for case in cases(&corpus) {
        let (Some("npm-attestations"), Some(artifact)) =
            (case["kind"].as_str(), case["artifact"].as_str())
        else {
            continue;
        };
        let (archive, answer) = (
            corpus.join(artifact),
            corpus.join(case["file"].as_str().expect("file")),
        );
        let (archive, answer) = (
            archive.to_str().expect("path"),
            answer.to_str().expect("path"),
        );
        let out = home.path().join(format!("out-{seen}"));
        let result = run(
            home.path(),
            &[
                "archive",
                archive,
                "--attestations",
                answer,
                "--unpack-to",
                out.to_str().expect("path"),
                "--format",
                "json",
            ],
        );
        let good = case["expect"]["package"] == "pass";
        assert_eq!(result.code, i32::from(!good), "{answer}: {}", result.text());
        assert_eq!(
            out.exists(),
            good,
            "only what nothing stands against is written"
        );
        let report = json(&result);
        assert_eq!(
            report["provenance"]["outcome"],
            if good { "verified" } else { "violated" }
        );
        if good {
            let tree = run(home.path(), &["tree", out.to_str().expect("path")]);
            assert_eq!(
                tree.stdout.trim(),
                report["contents"]["tree"].as_str().expect("tree"),
                "exactly the verified bytes"
            );
            assert!(report["provenance"]["identity"]["sourceRepository"].is_string());
        }
        let wrong = format!("sha512-{}==", "A".repeat(86));
        let other = run(
            home.path(),
            &[
                "archive",
                archive,
                "--integrity",
                &wrong,
                "--format",
                "json",
            ],
        );
        assert_eq!(other.code, 1);
        assert_eq!(
            json(&other)["report"]["findings"][0]["id"],
            "archive-mismatch"
        );
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn files_that_no_bundle_can_be() {
    let home = tempfile::tempdir().expect("folder");
    let at = |name: &str| home.path().join(name).to_str().expect("path").to_owned();
    let huge = std::fs::File::create(at("huge.json")).expect("file");
    huge.set_len(100 << 20).expect("sparse file");
    std::fs::write(at("empty.json"), "").expect("file");
    std::fs::write(
        at("signature.minisig"),
        "untrusted comment: signature\nRWQ\n",
    )
    .expect("file");
    std::fs::create_dir(at("folder")).expect("folder");
    let ask = |bundle: &str| {
        let arguments = [
            "attestation",
            "sha256:76f1fe8593bf227cca2c089e3c16dc95014a8d3e89c5dd220530469ca043c428",
            "--bundle",
            bundle,
        ];
        run(
            home.path(),
            &[
                &arguments[..],
                &["--repository", "github.com/acme/notes", "--format", "json"],
            ]
            .concat(),
        )
    };
    // A wrong file name in a script must not read as tampering.
    for text in [
        "{}",
        "{\"name\": \"notes\", \"version\": \"1.0.0\"}",
        "\"text\"",
    ] {
        std::fs::write(at("other.json"), text).expect("file");
        let found = ask(&at("other.json"));
        assert_eq!(found.code, 2, "{text}: {}", found.text());
    }
    std::fs::write(at("cut.json"), "{\"mediaType\": \"application/json\"}").expect("file");
    assert_eq!(ask(&at("cut.json")).code, 1);
    for (name, code) in [
        ("huge.json", "bundle"),
        ("signature.minisig", "unsupported-schema"),
    ] {
        let found = ask(&at(name));
        assert_eq!(
            (found.code, &json(&found)["code"]),
            (1, &Value::from(code)),
            "{name}: {}",
            found.text()
        );
    }
    for name in ["folder", "missing.json", "empty.json"] {
        assert_eq!(ask(&at(name)).code, 2, "{name}");
    }
}

#[test]
fn hostile_archives_are_refused_by_name_and_leave_nothing_behind() {
    let home = tempfile::tempdir().expect("folder");
    let make = |script: &str| {
        let all = format!("rm -rf package a.tgz; mkdir package; {script}");
        let status = Command::new("sh")
            .args(["-ec", &all])
            .current_dir(home.path())
            .status()
            .expect("sh");
        assert!(status.success(), "{script}");
    };
    let json_of = |text: &str| format!("echo '{text}' > package/package.json");
    let named = json_of(r#"{"name":"notes","version":"1.0.0"}"#);
    for (script, why) in [
        (
            format!("{named}; ln -s /etc/passwd package/x"),
            "symbolic link to `/etc/passwd`, which leaves the folder",
        ),
        (
            format!("{named}; ln -s package.json package/x"),
            "the link `x`",
        ),
        (
            format!("{named}; ln package/package.json package/x"),
            "the link `x`",
        ),
        (format!("{named}; mkfifo package/x"), "device or FIFO"),
        ("echo x > package/index.js".to_owned(), "no package.json"),
        (
            json_of(r#"{"name":"../../evil","version":"1.0.0"}"#),
            "no name that npm accepts",
        ),
        (
            json_of(r#"{"name":"notes","version":"latest"}"#),
            "no exact version",
        ),
        (json_of("[[[["), "not valid JSON"),
    ] {
        make(&format!("{script}; tar --sort=name -czf a.tgz package"));
        for format in ["human", "json"] {
            let result = run(
                home.path(),
                &["archive", "a.tgz", "--unpack-to", "out", "--format", format],
            );
            assert_eq!(result.code, 1, "{script}: {}", result.text());
            assert!(
                result.stdout.contains("refused") && result.stdout.contains(why),
                "{script}: {}",
                result.text()
            );
        }
        let entries = std::fs::read_dir(home.path())
            .expect("folder")
            .flatten()
            .map(|entry| entry.file_name());
        let left: Vec<_> = entries
            .filter(|name| name != "package" && name != "a.tgz")
            .collect();
        assert!(left.is_empty(), "{script}: {left:?}");
    }
}

#[test]
fn without_a_registry_nothing_is_known_and_nothing_is_good() {
    let home = tempfile::tempdir().expect("folder");
    // A project's .npmrc is not the operator's.
    std::fs::create_dir(home.path().join("project")).expect("folder");
    std::fs::write(
        home.path().join("project/.npmrc"),
        "registry=http://127.0.0.1:9/\n",
    )
    .expect("npmrc");
    let mut command = bare(home.path(), &home.path().join("project"));
    command.env("PATH", "/nonexistent");
    let result = Run::of(
        &command
            .args(["npm", "notes@1.0.0"])
            .output()
            .expect("the binary runs"),
    );
    assert_eq!(result.code, 2, "{}", result.text());
    assert!(
        result.text().contains("no registry is configured"),
        "{}",
        result.text()
    );
    for bad in [
        "notes",
        "notes@latest",
        "notes@^1.0.0",
        "../notes@1.0.0",
        "@x@1.0.0",
    ] {
        assert_eq!(run(home.path(), &["npm", bad]).code, 2, "{bad}");
    }
}

/// The command on the real installation, allowed to ask the registry of this machine's npm, reached as npm reaches it.
struct Online {
    installation: Installation,
    cache: PathBuf,
    environment: Vec<(String, OsString)>,
}

impl Online {
    fn new() -> (Self, Real) {
        let root = real();
        let cache = std::env::var_os("OPENCLAW_VERIFY_ONLINE")
            .map(PathBuf::from)
            .expect("OPENCLAW_VERIFY_ONLINE");
        assert!(
            cache.is_absolute(),
            "OPENCLAW_VERIFY_ONLINE is the whole path of a folder"
        );
        // Whether the registry can be reached at all is a question for npm, so that a defect of ours never reads as a dead network.
        let probe = npm(&["view", "openclaw", "name", "--fetch-retries=1"]);
        assert!(
            probe.status.success(),
            "npm cannot reach its registry: {}",
            String::from_utf8_lossy(&probe.stderr)
        );
        let get = |key: &str| {
            String::from_utf8_lossy(&npm(&["config", "get", key]).stdout)
                .trim()
                .to_owned()
        };
        let passed = |name: &str| {
            let lower = name.to_ascii_lowercase();
            lower.starts_with("npm_config_")
                || lower.ends_with("_proxy")
                || matches!(name, "NODE_EXTRA_CA_CERTS" | "SSL_CERT_FILE")
        };
        let mut environment: Vec<(String, OsString)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        environment.retain(|(name, _)| passed(name));
        let settings = ["registry", "userconfig", "globalconfig"]
            .map(|key| (format!("npm_config_{key}"), get(key).into()));
        environment.extend(settings);
        let online = Self {
            installation: Installation::real(&root),
            cache,
            environment,
        };
        (online, root)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.installation.command(arguments);
        command
            .envs(self.environment.iter().cloned())
            .env("XDG_CACHE_HOME", &self.cache)
            .arg("--online");
        command
    }

    fn check(&self) -> (i32, Value) {
        let run = Run::of(
            &self
                .command(&["check", "--format", "json"])
                .output()
                .expect("the binary runs"),
        );
        (run.code, json(&run))
    }
}

/// npm of this machine, away from every project.
fn npm(arguments: &[&str]) -> std::process::Output {
    Command::new("npm")
        .args(arguments)
        .current_dir("/")
        .output()
        .expect("npm runs")
}

#[test]
#[ignore = "needs a real OpenClaw, its registry"]
fn a_real_installation_equals_its_published_archives() {
    let (online, _alone) = Online::new();
    let before = listing(&online.installation.state);
    online.installation.init(0);
    let (code, report) = online.check();
    assert_eq!(code, 0, "{:#?}", findings(&report));
    let subjects = report["subjects"].as_array().expect("subjects");
    let npm = subjects.iter().filter(|subject| subject["source"] == "npm");
    let bases: Vec<(&Value, &Value)> = npm
        .map(|subject| (&subject["id"], &subject["basis"]))
        .collect();
    assert!(bases.len() >= 4, "{bases:?}");
    for (id, basis) in bases {
        assert!(
            *basis == "archive" || *basis == "signed",
            "{id} {basis}: {:#?}",
            findings(&report)
        );
    }
    let host = subjects
        .iter()
        .find(|subject| subject["id"] == "core:openclaw")
        .expect("the host package");
    assert!(
        host["basis"] == "archive" || host["basis"] == "signed",
        "{}: {:#?}",
        host["basis"],
        findings(&report)
    );
    let open: Vec<String> = findings(&report)
        .into_iter()
        .filter(|line| line.starts_with("not-established"))
        .collect();
    assert!(
        !open.iter().any(|line| line.contains("archive")),
        "{open:#?}"
    );
    assert_eq!(listing(&online.installation.state), before, "read-only");
}

#[test]
#[ignore = "needs a real OpenClaw, its registry"]
fn one_byte_in_a_plugin_a_bundled_and_a_hoisted_dependency() {
    let (mut online, root) = Online::new();
    online.installation.init(0);
    let temporary = tempfile::tempdir().expect("folder");
    let place = temporary
        .path()
        .canonicalize()
        .expect("real path")
        .join("state");
    copy(&online.installation.state, &place);
    let original = root.join("home/.openclaw").canonicalize().expect("state");
    (
        online.installation.state,
        online.installation.relocated_from,
    ) = (place.clone(), Some(original));

    let project = |start: &str| {
        let projects = std::fs::read_dir(place.join("npm/projects")).expect("projects");
        let found = projects.flatten().map(|entry| entry.path());
        found
            .into_iter()
            .find(|path| {
                path.file_name()
                    .expect("name")
                    .to_string_lossy()
                    .starts_with(start)
            })
            .expect(start)
    };
    let flip = |path: PathBuf| {
        let mut bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let last = bytes.last_mut().expect("a byte");
        *last = if *last == b' ' { b'\n' } else { b' ' };
        std::fs::write(path, bytes).expect("write");
    };
    flip(
        project("openclaw-synology")
            .join("node_modules/@openclaw/synology-chat/openclaw.plugin.json"),
    );
    flip(project("openclaw-zalo").join("node_modules/@openclaw/zalo/node_modules/zod/index.js"));
    flip(project("soimy").join("node_modules/axios/lib/axios.js"));
    let (code, report) = online.check();
    assert_eq!(code, 1);
    let found: Vec<String> = findings(&report)
        .into_iter()
        .filter(|line| line.starts_with("archive-mismatch"))
        .collect();
    let named = |parts: [&str; 3]| {
        found
            .iter()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    };
    assert!(
        named([
            "npm:@openclaw/synology-chat",
            "@openclaw/synology-chat@",
            "openclaw.plugin.json"
        ]),
        "{found:#?}"
    );
    assert!(
        named(["npm:@openclaw/zalo", "zod@", "index.js"]),
        "{found:#?}"
    );
    assert!(
        named(["npm:@soimy/dingtalk", "axios@", "lib/axios.js"]),
        "{found:#?}"
    );
    assert_eq!(found.len(), 3, "{found:#?}");
}
