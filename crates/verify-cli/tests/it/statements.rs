//! `--attest`: statements about what was judged, their signatures, and other programs' opinion of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::{Installation, Run, bare};

const WEATHER: &str = "skill:workspace/weather";

/// An installation that passes, with keys of its operator.
struct Place(Installation);

impl Place {
    fn new() -> Self {
        let this = Self(Installation::shipped());
        this.0.init(0);
        for (name, algorithm) in [
            ("p256.pem", &rcgen::PKCS_ECDSA_P256_SHA256),
            ("ed25519.pem", &rcgen::PKCS_ED25519),
        ] {
            let pair = rcgen::KeyPair::generate_for(algorithm).expect("key");
            this.secret(name, &pair.serialize_pem());
            fs::write(this.path(&format!("{name}.pub")), pair.public_key_pem()).expect("write");
        }
        for kind in ["ed25519", "ecdsa"] {
            ssh_key(&this.path(&format!("ssh-{kind}")), kind);
        }
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.home.join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).to_str().expect("path").to_owned()
    }

    fn secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("write");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("mode");
    }

    /// `check` with a statement in the file `name`.
    fn attest(&self, name: &str, more: &[&str]) -> Run {
        let file = self.shown(name);
        self.0
            .run(&[&["check", "-q", "--attest", &file][..], more].concat())
    }

    fn statement(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).expect("statement")).expect("JSON")
    }

    /// The verb `attestation` about the subject of this name in a statement.
    fn judge(&self, statement: &Value, subject: &str, more: &[&str]) -> Run {
        let artifact = format!("sha256:{}", digest(statement, subject));
        let mut command = bare(&self.0.home, &self.0.home);
        command.args(["attestation", &artifact, "--format", "json"]);
        command.args(more).args(["--now", crate::support::NOW]);
        Run::of(&command.output().expect("run"))
    }
}

fn ssh_key(file: &Path, kind: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-C", "tests", "-f"])
        .arg(file)
        .status();
    assert!(made.expect("ssh-keygen").success());
}

fn digest<'a>(statement: &'a Value, subject: &str) -> &'a str {
    let subjects = statement["subject"].as_array().expect("subjects");
    let found = subjects.iter().find(|found| found["name"] == subject);
    found.expect("subject")["digest"]["sha256"]
        .as_str()
        .expect("digest")
}

/// The statement inside a bundle.
fn payload(bundle: &Value) -> Value {
    let payload = bundle["dsseEnvelope"]["payload"].as_str().expect("payload");
    serde_json::from_slice(&STANDARD.decode(payload).expect("base64")).expect("JSON")
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.text()))
}

#[test]
fn a_statement_on_standard_output_stands_alone() {
    let installation = Installation::shipped();
    installation.init(0);
    let run = installation.run(&["check", "--attest", "-"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let statement: Value = serde_json::from_str(&run.stdout).expect("one document");
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert!(
        run.stderr.contains("11 subjects") || run.stderr.contains("0 deny"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_statement_names_what_was_judged_by_what_and_no_place() {
    let place = Place::new();
    assert_eq!(place.attest("a.json", &[]).code, 0);
    let statement = place.statement("a.json");
    assert_eq!(
        statement["predicateType"],
        "https://slsa.dev/verification_summary/v1"
    );
    let predicate = &statement["predicate"];
    assert_eq!(predicate["verificationResult"], "PASSED");
    assert_eq!(predicate["timeVerified"], crate::support::NOW);
    // The listing that the digest of the plugin stands on, as git prints it.
    let folder = place.0.state.join("extensions/acme-notes");
    let tree = openclaw_verify_core::tree::digest(
        &openclaw_verify_core::tree::TreeSpec::whole(folder),
        &openclaw_verify_core::tree::TreeOptions::default(),
    );
    let listing = tree.expect("tree").manifest.to_bytes();
    let listing = openclaw_verify_core::digest::Sha256Digest::of(&listing).hex();
    assert_eq!(digest(&statement, "path:acme-notes"), listing);
    let lock = openclaw_verify_core::digest::Sha256Digest::of(place.0.lock_text().as_bytes());
    let text = fs::read_to_string(place.path("a.json")).expect("text");
    assert!(text.contains(&lock.hex()) && predicate["policy"]["digest"]["sha256"].is_string());
    for secret in [
        place.0.home.parent().expect("root").to_str().expect("path"),
        "/home/",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Equal inputs, equal bytes.
    assert_eq!(place.attest("b.json", &["--threads", "1"]).code, 0);
    assert_eq!(fs::read(place.path("b.json")).expect("b"), text.as_bytes());
    let mut command = place
        .0
        .command(&["check", "-q", "--attest", &place.shown("c.json")]);
    let run = command
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .expect("run");
    assert!(run.status.success());
    assert_eq!(
        place.statement("c.json")["predicate"]["timeVerified"],
        "2023-11-14T22:13:20Z"
    );
    // What was passed over is said.
    assert_eq!(place.attest("d.json", &["-A", "floating-spec"]).code, 0);
    let flags = &place.statement("d.json")["predicate"]["openclaw"]["flags"];
    assert_eq!(flags["allow"], serde_json::json!(["floating-spec"]));
}

#[test]
fn what_a_key_signed_is_verified_and_a_failure_is_none() {
    let place = Place::new();
    for name in ["p256.pem", "ed25519.pem"] {
        let (key, public) = (place.shown(name), place.shown(&format!("{name}.pub")));
        let bundle = place.shown("check.json");
        assert_eq!(place.attest("check.json", &["--sign-key", &key]).code, 0);
        let by_key = ["--bundle", &bundle, "--public-key", &public];
        let statement = payload(&place.statement("check.json"));
        let good = place.judge(&statement, WEATHER, &by_key);
        assert_eq!(good.code, 0, "{}", good.text());
        assert_eq!(
            json(&good)["summary"]["subjects"],
            serde_json::json!([WEATHER])
        );
        let other = place.shown(if name == "p256.pem" {
            "ed25519.pem.pub"
        } else {
            "p256.pem.pub"
        });
        let foreign = place.judge(
            &statement,
            WEATHER,
            &["--bundle", &bundle, "--public-key", &other],
        );
        assert_eq!(foreign.code, 1, "{}", foreign.text());

        let skill = place.0.state.join("workspace/skills/weather/SKILL.md");
        let before = fs::read(&skill).expect("skill");
        crate::tamper::append(&skill, "more\n");
        assert_eq!(place.attest("check.json", &["--sign-key", &key]).code, 1);
        fs::write(&skill, before).expect("restore");
        let statement = payload(&place.statement("check.json"));
        assert_eq!(statement["predicate"]["verificationResult"], "FAILED");
        let judged = &statement["predicate"]["openclaw"]["subjects"];
        let result = |id: &str| {
            let all = judged.as_array().expect("subjects").iter();
            let found = all.clone().find(|subject| subject["id"] == id);
            found.map(|subject| subject["result"].clone())
        };
        assert_eq!(result(WEATHER), Some("FAILED".into()));
        assert_eq!(result("path:acme-notes"), Some("PASSED".into()));
        for subject in [WEATHER, "path:acme-notes"] {
            let failed = place.judge(&statement, subject, &by_key);
            assert_eq!((failed.code, &json(&failed)["code"]), (1, &"failed".into()));
        }
    }
}

#[test]
fn ssh_keygen_and_this_program_agree_about_ssh_signatures() {
    let place = Place::new();
    for kind in ["ed25519", "ecdsa"] {
        let key = place.shown(&format!("ssh-{kind}"));
        let public = fs::read_to_string(format!("{key}.pub")).expect("public key");
        fs::write(place.path("signers"), format!("ada@example.org {public}")).expect("write");
        let signers = place.shown("signers");
        let bundle = place.shown("check.json");
        assert_eq!(place.attest("check.json", &["--sign-ssh", &key]).code, 0);
        let ours = |code: i32| {
            let statement = place.statement("check.json");
            let by_ssh = ["--bundle", &bundle, "--signers", &signers];
            let run = place.judge(&statement, WEATHER, &by_ssh);
            assert_eq!(run.code, code, "{}", run.text());
            // The folder itself says the same, and another one does not.
            let plugins = place.0.state.join("extensions");
            for (folder, code) in [(plugins.join("acme-notes"), code), (plugins, 1)] {
                let mut command = bare(&place.0.home, &place.0.home);
                command.arg("attestation").arg(&folder).args(by_ssh);
                command.args(["--now", crate::support::NOW]);
                let run = Run::of(&command.output().expect("run"));
                assert_eq!(run.code, code, "{}: {}", folder.display(), run.text());
            }
        };
        let theirs = |good: bool| {
            let run = Command::new("ssh-keygen")
                .args([
                    "-Y",
                    "verify",
                    "-n",
                    "openclaw-verify",
                    "-I",
                    "ada@example.org",
                    "-f",
                ])
                .args([&signers, "-s", &format!("{bundle}.sig")])
                .stdin(fs::File::open(&bundle).expect("statement"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert_eq!(run.expect("ssh-keygen").success(), good);
        };
        ours(0);
        theirs(true);
        // The other way round.
        fs::remove_file(format!("{bundle}.sig")).expect("remove");
        let signed = Command::new("ssh-keygen")
            .args([
                "-q",
                "-Y",
                "sign",
                "-n",
                "openclaw-verify",
                "-f",
                &key,
                &bundle,
            ])
            .stderr(Stdio::null())
            .status();
        assert!(signed.expect("ssh-keygen").success());
        ours(0);
        theirs(true);
        let text = fs::read_to_string(&bundle)
            .expect("text")
            .replace("\"0.1", "\"0.2");
        fs::write(&bundle, text).expect("write");
        ours(1);
        theirs(false);
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_agrees_about_keys() {
    let place = Place::new();
    let openssl = |arguments: &[&str]| {
        let run = Command::new("openssl")
            .args(arguments)
            .current_dir(&place.0.home)
            .output();
        let run = run.expect("openssl");
        assert!(run.status.success(), "{arguments:?} {run:?}");
    };
    openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "own.pem",
    ]);
    openssl(&["pkey", "-in", "own.pem", "-pubout", "-out", "own.pub"]);
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "own-ed.pem"]);
    openssl(&["pkey", "-in", "own-ed.pem", "-pubout", "-out", "own-ed.pub"]);
    for (key, public) in [("own.pem", "own.pub"), ("own-ed.pem", "own-ed.pub")] {
        let path = place.shown(key);
        assert_eq!(place.attest("check.json", &["--sign-key", &path]).code, 0);
        let bundle = place.statement("check.json");
        let envelope = &bundle["dsseEnvelope"];
        let decoded = |value: &Value| {
            STANDARD
                .decode(value.as_str().expect("text"))
                .expect("base64")
        };
        let payload = decoded(&envelope["payload"]);
        let mut signed =
            format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len()).into_bytes();
        signed.extend(payload);
        fs::write(place.path("signed"), signed).expect("write");
        fs::write(
            place.path("signature"),
            decoded(&envelope["signatures"][0]["sig"]),
        )
        .expect("write");
        if key == "own.pem" {
            openssl(&[
                "dgst",
                "-sha256",
                "-verify",
                public,
                "-signature",
                "signature",
                "signed",
            ]);
        } else {
            openssl(&[
                "pkeyutl",
                "-verify",
                "-pubin",
                "-inkey",
                public,
                "-rawin",
                "-in",
                "signed",
                "-sigfile",
                "signature",
            ]);
        }
    }
}

#[test]
fn no_statement_where_none_can_be_made() {
    let place = Place::new();
    let file = place.shown("out.json");
    let refused = |arguments: &[&str], why: &str| {
        let run = place.0.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?} {}", run.text());
        assert!(run.stderr.contains(why), "{arguments:?} {}", run.stderr);
        assert!(!place.path("out.json").exists(), "{arguments:?}");
    };
    refused(&["plugins", "--attest", &file], "makes no statement");
    refused(&["host", "--attest", &file], "makes no statement");
    refused(&["check", "--sign-key", "k.pem"], "--attest");
    let key = place.shown("ed25519.pem");
    let public = place.shown("ed25519.pem.pub");
    let ssh = place.shown("ssh-ed25519");
    for wrong in [&public, &ssh] {
        fs::set_permissions(wrong, fs::Permissions::from_mode(0o600)).expect("mode");
        refused(
            &["check", "--attest", &file, "--sign-key", wrong],
            "PRIVATE KEY",
        );
    }
    refused(
        &["check", "--attest", &file, "--sign-ssh", &key],
        "no private key of OpenSSH",
    );
    refused(
        &["check", "--attest", "-", "--sign-ssh", &ssh],
        "beside its statement",
    );
    let inside = place.0.state.join("out.json");
    let inside = inside.to_str().expect("path");
    refused(
        &["check", "--attest", inside, "--sign-key", &key],
        "under test",
    );
    fs::set_permissions(place.path("ed25519.pem"), fs::Permissions::from_mode(0o640))
        .expect("mode");
    refused(
        &["check", "--attest", &file, "--sign-key", &key],
        "other users can read",
    );
    // A run that could not complete says nothing.
    fs::write(place.0.policy(), "version = 9\n").expect("policy");
    refused(&["check", "--attest", &file], "version");
}

#[test]
fn archives_skills_and_releases_are_attested_too() {
    let place = Place::new();
    let file = place.shown("a.json");
    let skill = place.0.state.join("workspace/skills/weather");
    let skill = skill.to_str().expect("path");
    let run = place.0.run(&["skill", skill, "--attest", &file]);
    assert_eq!(run.code, 0, "{}", run.text());
    let statement = place.statement("a.json");
    assert_eq!(
        statement["predicate"]["resourceUri"],
        "urn:openclaw-verify:skill"
    );
    assert_eq!(digest(&statement, WEATHER).len(), 64);

    // An archive, by the SHA-256 of its bytes, whatever the verdict.
    let packed = place.path("notes.tgz");
    let extension = place.0.state.join("extensions/acme-notes");
    let gzip = flate2::write::GzEncoder::new(
        fs::File::create(&packed).expect("file"),
        flate2::Compression::fast(),
    );
    let mut tar = tar::Builder::new(gzip);
    tar.append_dir_all("package", extension).expect("tar");
    tar.into_inner().expect("tar").finish().expect("gzip");
    let run = place
        .0
        .run(&["archive", packed.to_str().expect("path"), "--attest", &file]);
    assert!(matches!(run.code, 0 | 1), "{}", run.text());
    let statement = place.statement("a.json");
    let predicate = &statement["predicate"];
    assert_eq!(predicate["resourceUri"], "urn:openclaw-verify:archive");
    let result = if run.code == 0 { "PASSED" } else { "FAILED" };
    assert_eq!(predicate["verificationResult"], result);
    let bytes = fs::read(&packed).expect("archive");
    let sha256 = openclaw_verify_core::digest::Sha256Digest::of(&bytes).hex();
    let subjects = statement["subject"].as_array().expect("subjects");
    let named = |subject: &&Value| subject["digest"]["sha256"] == sha256.as_str();
    assert_eq!(subjects.iter().filter(named).count(), 1, "{statement:#}");
}

#[test]
fn a_release_is_attested_by_tag_and_commit() {
    let place = Place::new();
    let mint = crate::mint::Mint::new();
    let key = mint.ssh_key("key", &["ed25519"]);
    mint.put_tag(
        "v1.0.0",
        &mint.ssh_tag(&key, &["-n", "git"], "v1.0.0", 1_700_000_000),
    );
    let signers = place.shown("signers");
    fs::write(&signers, format!("ada@example.org {}\n", mint.public(&key))).expect("signers");
    let file = place.shown("r.json");
    let attest = |tag: &str, signers: &str| {
        let mut command = bare(&place.0.home, &place.0.home);
        command
            .arg("release")
            .arg(mint.repo())
            .args([
                tag,
                "--repository",
                "github.com/acme/notes",
                "--signers",
                signers,
            ])
            .args(["--attest", &file, "--now", crate::support::NOW]);
        Run::of(&command.output().expect("run"))
    };
    let run = attest("v1.0.0", &signers);
    assert_eq!(run.code, 0, "{}", run.text());
    let statement = place.statement("r.json");
    let predicate = &statement["predicate"];
    assert_eq!(predicate["resourceUri"], "urn:openclaw-verify:release");
    assert_eq!(predicate["verificationResult"], "PASSED");
    let text = statement["subject"].to_string();
    assert!(text.contains(&mint.commit), "{text}");
    assert!(!statement.to_string().contains("/tmp/"), "{statement}");
    // By another's key the tag failed, and the statement says that.
    let other = mint.ssh_key("other", &["ed25519"]);
    fs::write(
        &signers,
        format!("ada@example.org {}\n", mint.public(&other)),
    )
    .expect("signers");
    assert_eq!(attest("v1.0.0", &signers).code, 1);
    let statement = place.statement("r.json");
    assert_eq!(statement["predicate"]["verificationResult"], "FAILED");
}

#[test]
fn nothing_but_an_older_statement_gives_way() {
    let place = Place::new();
    let lock = place.0.lock_text();
    let path = place.0.lock();
    let run = place
        .0
        .run(&["check", "-q", "--attest", path.to_str().expect("path")]);
    assert!(
        run.code == 2 && run.stderr.contains("is a file that this run reads"),
        "{}",
        run.text()
    );
    assert_eq!(place.0.lock_text(), lock);
    let key = place.shown("p256.pem");
    let run = place
        .0
        .run(&["check", "-q", "--attest", &key, "--sign-key", &key]);
    assert_eq!(run.code, 2, "{}", run.text());
    // Where no statement is made, none of before is left.
    assert_eq!(place.attest("old", &[]).code, 0);
    assert!(place.path("old").exists());
    fs::write(path, "not a lock").expect("write");
    assert_eq!(place.attest("old", &[]).code, 2);
    assert!(!place.path("old").exists());
}

/// New bytes beside the signature of old ones would look signed.
#[test]
fn no_signature_of_before_is_left_beside_a_new_statement() {
    let place = Place::new();
    let ssh = place.shown("ssh-ed25519");
    for more in [vec![], vec!["--sign-key", "p256.pem"]] {
        assert_eq!(place.attest("a.json", &["--sign-ssh", &ssh]).code, 0);
        assert!(place.path("a.json.sig").exists());
        let key = place.shown("p256.pem");
        let more: Vec<&str> = more
            .into_iter()
            .map(|word| if word == "p256.pem" { &key } else { word })
            .collect();
        assert_eq!(place.attest("a.json", &more).code, 0);
        assert!(place.path("a.json").exists() && !place.path("a.json.sig").exists());
    }
    // What is none stays, and so does what a link names.
    fs::write(place.path("b.json.sig"), "notes").expect("write");
    let run = place.attest("b.json", &[]);
    assert!(
        run.code == 2 && run.stderr.contains("is no statement"),
        "{}",
        run.text()
    );
    assert_eq!(
        fs::read_to_string(place.path("b.json.sig")).expect("kept"),
        "notes"
    );
    std::os::unix::fs::symlink(place.path("elsewhere"), place.path("c.json.sig")).expect("link");
    let run = place.attest("c.json", &[]);
    assert!(
        run.code == 2 && run.stderr.contains("symbolic link"),
        "{}",
        run.text()
    );
    assert!(!place.path("c.json").exists());
}

#[test]
fn a_public_key_is_named_as_one_with_the_private_one_beside_it() {
    let place = Place::new();
    let public = place.shown("ssh-ed25519.pub");
    let run = place.attest("a.json", &["--sign-ssh", &public]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("is a public key") && !run.stderr.contains("chmod"),
        "{}",
        run.text()
    );
    assert!(
        run.stderr.contains("--sign-ssh") && !place.path("a.json").exists(),
        "{}",
        run.text()
    );
}
