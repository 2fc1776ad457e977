//! `gate --attest`: a statement beside the reply, never one that says more than the reply, and never another reply for its sake.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Bench;
use crate::support::Run;

struct Place(Bench);

impl Place {
    fn new() -> Self {
        let this = Self(Bench::new());
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("key");
        fs::write(this.path("key.pem"), pair.serialize_pem()).expect("write");
        fs::set_permissions(this.path("key.pem"), fs::Permissions::from_mode(0o600)).expect("mode");
        fs::write(this.path("key.pub"), pair.public_key_pem()).expect("write");
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.root.join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).to_str().expect("path").to_owned()
    }

    /// What is said on standard output and on standard error.
    fn ask(&self, request: &str, more: &[&str]) -> (String, String) {
        let mut command = self.0.gate();
        command.args(more).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("stdin");
        stdin.write_all(request.as_bytes()).expect("write");
        drop(stdin);
        let run = Run::of(&child.wait_with_output().expect("output"));
        assert_eq!(run.code, 0, "{}", run.text());
        assert_eq!(run.stdout.lines().count(), 1, "{}", run.text());
        (run.stdout, run.stderr)
    }

    /// What `attestation` says of the subject of the signed statement in `bundle`, and the statement.
    fn judged(&self, bundle: &str) -> (i32, Value) {
        let text = fs::read(self.path(bundle)).expect("bundle");
        let signed: Value = serde_json::from_slice(&text).expect("JSON");
        let payload = signed["dsseEnvelope"]["payload"].as_str().expect("payload");
        let statement: Value =
            serde_json::from_slice(&STANDARD.decode(payload).expect("base64")).expect("JSON");
        let subjects = statement["subject"].as_array().expect("subjects");
        let own = subjects.iter().find(|subject| subject["name"] == "path:a");
        let digest = own.expect("own")["digest"]["sha256"]
            .as_str()
            .expect("digest");
        let run = Command::new(env!("CARGO_BIN_EXE_openclaw-verify"))
            .env_clear()
            .args(["attestation", &format!("sha256:{digest}")])
            .args([
                "--bundle",
                &self.shown(bundle),
                "--public-key",
                &self.shown("key.pub"),
            ])
            .output();
        (Run::of(&run.expect("run")).code, statement)
    }
}

#[test]
fn a_statement_passes_where_the_reply_allows_and_nowhere_else() {
    let place = Place::new();
    let (request, file, key) = (
        place.0.request(),
        place.shown("s.json"),
        place.shown("key.pem"),
    );
    let signed = ["--attest", &file, "--sign-key", &key];
    let (plain, _) = place.ask(&request, &[]);
    let (reply, said) = place.ask(&request, &signed);
    assert_eq!((reply.as_str(), said.as_str()), (plain.as_str(), ""));
    assert!(reply.contains("\"block\""), "{reply}");
    let (code, statement) = place.judged("s.json");
    assert_eq!(
        (code, &statement["predicate"]["verificationResult"]),
        (1, &"FAILED".into())
    );

    place.0.lock();
    let (reply, said) = place.ask(&request, &signed);
    assert!(
        reply.contains("\"decision\":\"allow\"") && said.is_empty(),
        "{reply}{said}"
    );
    let (code, statement) = place.judged("s.json");
    assert_eq!(
        (code, &statement["predicate"]["verificationResult"]),
        (0, &"PASSED".into())
    );
    assert_eq!(
        statement["predicate"]["resourceUri"],
        "urn:openclaw-verify:staged"
    );
    assert!(
        !statement
            .to_string()
            .contains(place.0.root.to_str().expect("path"))
    );

    // A warning is no allow, unless the gate was set up so that it is one.
    let policy = place.path("config/openclaw-verify.toml");
    fs::write(policy, "version = 1\n[levels]\nunreviewed = \"warn\"\n").expect("policy");
    let _ = fs::remove_file(place.path("config/openclaw-reviews.toml"));
    for (more, answer, code) in [
        (&[][..], "warn", 1),
        (&["--no-warn", "block"][..], "block", 1),
        (&["--no-warn", "allow"][..], "allow", 0),
    ] {
        let (reply, said) = place.ask(&request, &[&signed[..], more].concat());
        assert!(
            reply.contains(&format!("\"decision\":\"{answer}\"")),
            "{reply}"
        );
        assert_eq!(
            (place.judged("s.json").0, said.as_str()),
            (code, ""),
            "{answer}"
        );
    }
}

#[test]
fn without_a_verdict_there_is_no_statement_and_no_older_one() {
    let mut place = Place::new();
    place.0.lock();
    let (request, file) = (place.0.request(), place.shown("s.json"));
    let probe = json!({
        "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetType": "skill", "targetName": "doctor-install-policy-probe",
        "sourcePath": place.0.root.join("plugin"), "sourcePathKind": "directory", "origin": { "type": "doctor" },
        "request": { "kind": "skill-install", "mode": "install", "requestedSpecifier": "doctor:install-policy-probe" },
    });
    let gone = request.replace("/plugin\"", "/gone\"");
    for request in ["{}", &probe.to_string(), &gone] {
        place.ask(&place.0.request(), &["--attest", &file]);
        assert!(place.path("s.json").exists());
        let (plain, _) = place.ask(request, &[]);
        let (reply, said) = place.ask(request, &["--attest", &file]);
        assert_eq!(reply, plain);
        assert!(
            said.starts_with("note: no statement was written: "),
            "{said}"
        );
        assert!(!place.path("s.json").exists(), "{request}");
    }

    place.ask(&request, &["--attest", &file]);
    place.0.deadline_ms = 1000;
    let mut command = place.0.gate();
    command.args(["--attest", &file]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("spawn");
    let open = child.stdin.take().expect("stdin");
    let reply = super::reply(child);
    assert!(
        super::reason(&reply).starts_with("No verdict after 1 s"),
        "{reply}"
    );
    drop(open);
    assert!(!place.path("s.json").exists(), "no verdict in time");
}

#[test]
fn what_cannot_be_written_changes_no_reply() {
    let place = Place::new();
    let request = place.0.request();
    fs::write(place.path("mine"), "mine\n").expect("write");
    let (file, nowhere, mine) = (
        place.shown("s.json"),
        place.shown("no/s.json"),
        place.shown("mine"),
    );
    let no_key = place.shown("no.pem");
    let (blocked, _) = place.ask(&request, &[]);
    place.0.lock();
    let (allowed, _) = place.ask(&request, &[]);
    let read = |name: &str| fs::read(place.path(name)).ok();
    for wrong in [
        &["--attest", &nowhere][..],
        &["--attest", &mine],
        &["--attest", "-"],
        &["--attest", &file, "--sign-key", &no_key],
    ] {
        let (reply, said) = place.ask(&request, wrong);
        assert_eq!(reply, allowed, "{wrong:?}");
        assert!(
            said.starts_with("note: no statement was written: "),
            "{said}"
        );
        assert_eq!(
            (read("s.json"), read("mine")),
            (None, Some(b"mine\n".to_vec()))
        );
    }
    fs::remove_file(place.path("config/openclaw-verify.lock")).expect("lock");
    let (reply, said) = place.ask(&request, &["--attest", &nowhere]);
    assert!(
        reply.contains("\"block\"") && blocked.contains("\"block\""),
        "{reply}"
    );
    assert!(said.contains("there is no folder"), "{said}");
}

#[test]
fn setup_carries_the_statement_and_its_key() {
    let place = Place::new();
    for name in ["", "config"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(place.path(name), mode).expect("mode");
    }
    let setup = |key: &str| {
        let mut command = Command::new(crate::support::program_in(&place.0.root));
        command
            .env_clear()
            .current_dir(&place.0.root)
            .args(["gate", "--setup", "--config", "config"]);
        command.args(["--attest", "s.json", "--sign-key", key]);
        Run::of(&command.output().expect("run"))
    };
    let run = setup("key.pem");
    assert_eq!(run.code, 0, "{}", run.text());
    let carried = format!(
        "\"--attest\",\"{}\",\"--sign-key\",\"{}\",\"--deadline-ms\"",
        place.shown("s.json"),
        place.shown("key.pem")
    );
    assert!(run.stdout.contains(&carried), "{}", run.stdout);
    assert_eq!(
        setup("key.pub").code,
        2,
        "a key that signs nothing is said at once"
    );
}
