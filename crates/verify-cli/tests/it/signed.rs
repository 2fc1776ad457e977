//! Signed files of the operator, and what an agent with the operator's own uid can try against them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use openclaw_verify_core::digest::Sha256Digest;
use serde_json::Value;

use crate::support::{Installation, Run, around, program_in};
use crate::tamper::append;

const NAMES: [&str; 3] = [
    "openclaw-verify.toml",
    "openclaw-verify.lock",
    "openclaw-reviews.toml",
];

/// An installation whose three files ada signed.
struct Place(Installation);

impl Place {
    fn new() -> Self {
        let this = Self(Installation::shipped());
        this.0.init(0);
        for name in ["ada", "eve"] {
            ssh_key(&this.path(name), "ed25519");
        }
        this.signers("signers", "ada");
        this.sign();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.home.join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).to_str().expect("path").to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.config.join(name)
    }

    fn signature(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.sig"))
    }

    fn signers(&self, file: &str, key: &str) {
        let public = fs::read_to_string(self.path(&format!("{key}.pub"))).expect("key");
        fs::write(self.path(file), format!("{key}@example.org {public}")).expect("write");
    }

    /// The three files get their next serials and are signed.
    fn sign(&self) {
        let run = self
            .0
            .run(&["policy", "sign", "--sign-ssh", &self.shown("ada")]);
        assert_eq!(run.code, 0, "{}", run.text());
    }

    fn check(&self, more: &[&str]) -> Run {
        let signers = self.shown("signers");
        self.0
            .run(&[&["check", "-q", "--signers", &signers][..], more].concat())
    }

    fn saved(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let all = NAMES
            .iter()
            .flat_map(|name| [self.file(name), self.signature(name)]);
        all.map(|path| (path.clone(), fs::read(&path).ok()))
            .collect()
    }
}

fn restore(saved: &[(PathBuf, Option<Vec<u8>>)]) {
    for (path, bytes) in saved {
        let _ = fs::remove_file(path);
        if let Some(bytes) = bytes {
            fs::write(path, bytes).expect("restore");
        }
    }
}

fn ssh_key(file: &Path, kind: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-C", "tests", "-f"])
        .arg(file)
        .status();
    assert!(made.expect("ssh-keygen").success());
}

/// What `ssh-keygen -Y sign` makes of `file`, for `namespace`.
fn ssh_sign(key: &Path, namespace: &str, file: &Path) {
    let _ = fs::remove_file(format!("{}.sig", file.display()));
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
        .arg(key)
        .arg(file)
        .stderr(Stdio::null())
        .status();
    assert!(signed.expect("ssh-keygen").success());
}

#[test]
fn a_gate_is_set_up_with_the_signers_that_are_demanded() {
    let place = Place::new();
    let program = program_in(&place.0.home);
    for path in [&program, &place.0.home, &place.0.config] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
    }
    let signers = place.shown("signers");
    let setup = || {
        let mut command = Command::new(&program);
        command.env_clear().args(["gate", "--setup", "--config"]);
        command.arg(&place.0.config).args(["--signers", &signers]);
        command.args(["--threads", "1"]);
        Run::of(&command.output().expect("the binary runs"))
    };
    let run = setup();
    assert_eq!(run.code, 0, "{}", run.text());
    for given in [
        format!("\"--signers\",\"{signers}\""),
        "\"--threads\",\"1\"".to_owned(),
    ] {
        assert!(run.stdout.contains(&given), "{given}: {}", run.text());
    }
    // What the gate would refuse at every install is not set up.
    append(&place.file(NAMES[0]), "# more\n");
    let run = setup();
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(run.stderr.contains("not rightly signed"), "{}", run.text());
    fs::write(place.file(NAMES[0]), "version = 1\n").expect("policy");
    let run = setup();
    let way_out = "openclaw-verify policy sign --sign-ssh KEY";
    assert!(
        run.code == 2 && run.stderr.contains(way_out),
        "{}",
        run.text()
    );
}

#[test]
fn signed_files_pass_and_the_report_names_the_signer() {
    let place = Place::new();
    let run = place.check(&["--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    for file in ["policy", "lock", "reviews"] {
        let by = report["inputs"][file]["signedBy"].as_str().expect("signer");
        assert!(by.starts_with("ada@example.org (SHA256:"), "{by}");
        assert_eq!(report["inputs"][file]["serial"], 1);
    }
    assert_eq!(report["inputs"]["replay"], "not-detectable");
    let run = place.check(&[]);
    assert!(
        run.stdout.starts_with("replay not detectable"),
        "{}",
        run.stdout
    );
    let mut command = place.0.command(&["check", "-q"]);
    command.env("OPENCLAW_VERIFY_SIGNERS", place.path("signers"));
    let run = Run::of(&command.output().expect("run"));
    assert!(
        run.code == 0 && run.stdout.starts_with("replay"),
        "{}",
        run.text()
    );
    // Several that demand have to be met, each.
    place.signers("eves", "eve");
    command.args(["--signers", &place.shown("eves")]);
    assert_eq!(Run::of(&command.output().expect("run")).code, 2);
    // A statement says it too.
    let file = place.shown("a.json");
    assert_eq!(place.check(&["--attest", &file]).code, 0);
    let text = fs::read_to_string(file).expect("statement");
    assert!(
        text.contains("\"notes\":[\"replay not detectable\",\"the time was given: --now\"]"),
        "{text}"
    );
}

#[test]
fn nothing_that_the_agent_does_to_the_files_is_green() {
    type Attack = fn(&Place);
    let attacks: [(&str, Attack); 25] = [
        ("not rightly signed", |place| {
            append(&place.file(NAMES[0]), "# more\n")
        }),
        ("not rightly signed", |place| {
            append(&place.file(NAMES[1]), "# more\n")
        }),
        ("not rightly signed", |place| {
            append(&place.file(NAMES[2]), "# more\n")
        }),
        ("is not signed", |place| {
            fs::remove_file(place.signature(NAMES[0])).expect("remove")
        }),
        ("is not signed", |place| {
            fs::remove_file(place.signature(NAMES[1])).expect("remove")
        }),
        ("is not signed", |place| {
            fs::remove_file(place.signature(NAMES[2])).expect("remove")
        }),
        ("is not there", |place| {
            fs::remove_file(place.file(NAMES[0])).expect("remove");
            fs::remove_file(place.signature(NAMES[0])).expect("remove");
        }),
        ("is not there", |place| {
            fs::remove_file(place.file(NAMES[1])).expect("remove");
        }),
        ("is not there", |place| {
            fs::remove_file(place.file(NAMES[2])).expect("remove");
        }),
        ("in its first line", |place| {
            fs::write(place.file(NAMES[1]), "version = 1\n").expect("write");
        }),
        ("not rightly signed", |place| {
            fs::copy(place.signature(NAMES[1]), place.signature(NAMES[0])).expect("copy");
        }),
        // A file that is signed for something else.
        ("is signed as reviews, and is used as policy", |place| {
            fs::copy(place.file(NAMES[2]), place.file(NAMES[0])).expect("copy");
            fs::copy(place.signature(NAMES[2]), place.signature(NAMES[0])).expect("copy");
        }),
        ("is signed as lock, and is used as reviews", |place| {
            fs::copy(place.file(NAMES[1]), place.file(NAMES[2])).expect("copy");
            fs::copy(place.signature(NAMES[1]), place.signature(NAMES[2])).expect("copy");
        }),
        ("is not in the signers file", |place| {
            ssh_sign(&place.path("eve"), "openclaw-verify", &place.file(NAMES[0]));
        }),
        ("not for openclaw-verify", |place| {
            ssh_sign(&place.path("ada"), "git", &place.file(NAMES[0]));
        }),
        ("not for openclaw-verify", |place| {
            ssh_sign(&place.path("ada"), "file", &place.file(NAMES[1]));
        }),
        // What this program itself writes for the agent.
        ("is not signed", |place| {
            append(
                &place.0.state.join("workspace/skills/weather/SKILL.md"),
                "more\n",
            );
            let id = "skill:workspace/weather";
            let run = place.0.run(&["lock", id, "--accept", id]);
            assert_eq!(run.code, 0, "{}", run.text());
            assert!(run.stderr.contains("has to be signed"), "{}", run.stderr);
        }),
        ("is not signed", |place| {
            let run = place.0.run(&["policy", "sign"]);
            assert_eq!(run.code, 0, "{}", run.text());
        }),
        ("is not in the signers file", |place| {
            let run = place
                .0
                .run(&["policy", "sign", "--sign-ssh", &place.shown("eve")]);
            assert_eq!(run.code, 0, "{}", run.text());
        }),
        ("not rightly signed", |place| {
            let text = fs::read_to_string(place.file(NAMES[1])).expect("lock");
            fs::write(place.file(NAMES[1]), text.replace("lock 1", "lock 9")).expect("write");
        }),
        ("a symbolic link", |place| {
            fs::rename(place.signature(NAMES[1]), place.file("elsewhere")).expect("rename");
            symlink("elsewhere", place.signature(NAMES[1])).expect("link");
        }),
        ("not rightly signed", |place| {
            fs::write(place.signature(NAMES[1]), "").expect("write");
        }),
        ("not rightly signed", |place| {
            // Two signatures, of which two readers could take different ones.
            let one = fs::read_to_string(place.signature(NAMES[1])).expect("signature");
            fs::write(place.signature(NAMES[1]), format!("{one}{one}")).expect("write");
        }),
        ("is not signed", |place| {
            let signature = place.signature(NAMES[1]);
            fs::rename(&signature, signature.with_extension("SIG")).expect("rename");
        }),
        ("more than the 65536 accepted", |place| {
            fs::write(place.signature(NAMES[1]), "x".repeat(70_000)).expect("write");
        }),
    ];
    let place = Place::new();
    let saved = place.saved();
    let skill = place.0.state.join("workspace/skills/weather/SKILL.md");
    let before = fs::read(&skill).expect("skill");
    for (number, (why, attack)) in attacks.into_iter().enumerate() {
        attack(&place);
        let run = place.check(&[]);
        assert_eq!(run.code, 2, "{number}: {}", run.text());
        let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(why), "{number}: {why}: {}", run.stderr);
        restore(&saved);
        fs::write(&skill, &before).expect("restore");
    }
    assert_eq!(place.check(&[]).code, 0);
}

#[test]
fn nothing_that_the_environment_or_the_call_says_is_green() {
    let place = Place::new();
    let signers = place.shown("signers");
    let refused = |arguments: &[&str], why: &str| {
        let run = place.check(arguments);
        assert_eq!(run.code, 2, "{arguments:?} {}", run.text());
        assert!(run.stderr.contains(why), "{arguments:?} {}", run.stderr);
    };
    refused(&["-A", "unreviewed"], "-A means less");
    refused(&["-W", "unreviewed"], "-W means less");
    refused(&["--lock-only"], "--lock-only means less");
    refused(&["--npm-keys", &signers], "only root may be able");
    #[cfg(feature = "online")]
    refused(&["--tuf"], "the user's cache");
    let init = place.0.run(&["lock", "--init", "--signers", &signers]);
    assert_eq!(init.code, 2, "{}", init.text());

    // A clean state elsewhere, chosen by the environment: the real one is tampered with.
    let decoy = place.path("decoy");
    crate::support::copy(&place.0.state, &decoy);
    append(
        &place.0.state.join("workspace/skills/weather/SKILL.md"),
        "more\n",
    );
    let check = |variables: &[(&str, &Path)], more: &[&str]| {
        let mut command = crate::support::bare(&place.0.home, &place.0.config);
        command.args(["check", "-q", "--signers", &signers, "--config"]);
        command
            .arg(&place.0.config)
            .args(["--now", crate::support::NOW]);
        command
            .args(["--relocated-from", "/home/user/.openclaw"])
            .args(more);
        command.envs(variables.iter().copied());
        Run::of(&command.output().expect("run"))
    };
    let run = check(&[("OPENCLAW_STATE_DIR", &decoy)], &[]);
    assert!(
        run.code == 2 && run.stderr.contains("--state-dir"),
        "{}",
        run.text()
    );
    let home = [("OPENCLAW_HOME", decoy.as_path())];
    assert_eq!(check(&home, &[]).code, 2);
    let state = place.0.state.to_str().expect("path").to_owned();
    let run = check(&[("OPENCLAW_STATE_DIR", &decoy)], &["--state-dir", &state]);
    assert_eq!(run.code, 1, "{}", run.text());
    // Files that the environment names do not take the place of the operator's.
    let other = place.path("other.toml");
    fs::write(&other, "version = 1\n").expect("write");
    let variables = [("OPENCLAW_VERIFY_LOCKFILE", other.as_path())];
    let run = check(&variables, &["--state-dir", &state]);
    assert!(matches!(run.code, 1 | 2), "{}", run.text());
    // The signed policy may say where it is.
    append(
        &place.0.policy(),
        &format!("\n[installation]\nstate-dir = {state:?}\n"),
    );
    place.sign();
    let run = check(&[("OPENCLAW_STATE_DIR", &decoy)], &[]);
    assert_eq!(run.code, 1, "{}", run.text());
    let run = check(&[], &["--format", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["inputs"]["stateDir"]["origin"], "policy");
}

#[test]
fn other_files_that_judge_are_roots_or_named_by_digest() {
    let place = Place::new();
    let key = place.file("key.pem");
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("key");
    fs::write(&key, pair.public_key_pem()).expect("write");
    append(
        &place.0.policy(),
        "\n[[skill-signer]]\nmatch = \"skill:none/**\"\nkey = \"key.pem\"\n",
    );
    place.sign();
    let run = place.check(&[]);
    assert!(
        run.code == 2 && run.stderr.contains("only root may be able to change"),
        "{}",
        run.text()
    );
    let digest = Sha256Digest::of(&fs::read(&key).expect("key"));
    append(
        &place.0.policy(),
        &format!("\n[[file]]\npath = \"key.pem\"\nsha256 = \"{digest}\"\n"),
    );
    place.sign();
    let run = place.check(&[]);
    assert_eq!(run.code, 0, "{}", run.text());
    append(&key, "\n");
    let run = place.check(&[]);
    assert!(
        run.code == 2 && run.stderr.contains("the signed policy names"),
        "{}",
        run.text()
    );
}

#[test]
fn what_is_said_of_holes_and_the_index_are_bound_too() {
    let refused = |place: &Place| {
        let run = place.check(&[]);
        assert!(
            run.code == 2 && run.stderr.contains("only root may be able to change"),
            "{}",
            run.text()
        );
    };
    let place = Place::new();
    fs::write(place.file("vex.json"), "{}").expect("write");
    append(
        &place.0.policy(),
        "\n[[vex]]\npath = \"vex.json\"\nuntil = 2027-01-01\n",
    );
    place.sign();
    refused(&place);

    // The digest of a source is what the index says of itself; only its own binds it.
    let place = Place::new();
    let records = place.0.home.join("osv");
    fs::create_dir_all(&records).expect("folder");
    let record = r#"{"id":"MAL-9","modified":"2026-11-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"unrelated"},"versions":["1.0.0"]}]}"#;
    fs::write(records.join("0.json"), record).expect("record");
    let run = place.0.run(&["advisories", "import", &place.shown("osv")]);
    assert_eq!(run.code, 0, "{}", run.text());
    let run = place.0.run(&["advisories", "--format", "json"]);
    let shown: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let digest = |value: &Value| {
        let text = value["digest"].as_str().expect("digest");
        text.replace("sha256:", "")
    };
    let policy = fs::read_to_string(place.0.policy()).expect("policy");
    let pin = |digest: String| {
        let text = format!("{policy}\n[advisories]\nsha256 = \"{digest}\"\n");
        fs::write(place.0.policy(), text).expect("policy");
        place.sign();
    };
    pin(digest(&shown["sources"][0]));
    refused(&place);
    pin(digest(&shown["index"]));
    let run = place.check(&[]);
    assert_eq!(run.code, 0, "{}", run.text());
}

#[test]
fn writers_raise_the_serial_and_sign_or_say_what_has_to_be_signed() {
    let place = Place::new();
    let signers = place.shown("signers");
    append(
        &place.0.state.join("workspace/skills/weather/SKILL.md"),
        "more\n",
    );
    let id = "skill:workspace/weather";
    let ada = place.shown("ada");
    let accept = [
        "lock",
        id,
        "--accept",
        id,
        "--signers",
        &signers,
        "--sign-ssh",
        &ada,
    ];
    let run = place.0.run(&accept);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        place
            .0
            .lock_text()
            .starts_with("# openclaw-verify signed: lock 2\n")
    );
    let except = [
        "policy",
        "except",
        id,
        "unreviewed",
        "--until",
        "2026-12-24",
        "--reason",
        "new",
        "--yes",
    ];
    let run = place
        .0
        .run(&[&except[..], &["--signers", &signers]].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr
            .contains("is now policy 2 and has to be signed: ssh-keygen -Y sign"),
        "{}",
        run.stderr
    );
    assert_eq!(place.check(&[]).code, 2);
    // As a key in an agent or a security key would.
    ssh_sign(&place.path("ada"), "openclaw-verify", &place.0.policy());
    let run = place.check(&[]);
    assert_eq!(run.code, 0, "{}", run.text());
    // What does not change keeps its serial.
    let run = place.0.run(&["lock", "--signers", &signers]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        place
            .0
            .lock_text()
            .starts_with("# openclaw-verify signed: lock 2\n")
    );
    assert_eq!(place.check(&[]).code, 0);
}

#[test]
fn a_review_that_has_to_be_signed_elsewhere_is_written_once_and_ends_well() {
    let place = Place::new();
    let signers = place.shown("signers");
    let line = [
        "review",
        "skill:workspace/weather",
        "--record",
        "--criteria",
        "safe-to-run",
        "--yes",
        "--by",
        "ada@example.org",
        "--signers",
        &signers,
        "--format",
        "json",
    ];
    let run = place.0.run(&line);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr.contains("has to be signed: ssh-keygen -Y sign"),
        "{}",
        run.stderr
    );
    serde_json::from_str::<Value>(&run.stdout).expect("one document");
    let reviews = place.file("openclaw-reviews.toml");
    ssh_sign(&place.path("ada"), "openclaw-verify", &reviews);
    assert_eq!(place.check(&[]).code, 0);
}

#[test]
fn a_policy_says_places_and_digests_in_one_way() {
    let place = Place::new();
    for (more, why) in [
        (
            "[installation]\nstate-dir = \"relative\"",
            "not an absolute path",
        ),
        ("[installation]\nstate = \"/x\"", "unknown"),
        ("[[file]]\npath = \"a\"", "sha256"),
        ("[[file]]\npath = \"a\"\nsha256 = \"sha256:00\"", "sha256"),
    ] {
        let saved = fs::read(place.0.policy()).expect("policy");
        append(&place.0.policy(), &format!("\n{more}\n"));
        let run = place.0.run(&["check"]);
        assert!(
            run.code == 2 && run.stderr.contains(why),
            "{more}: {}",
            run.text()
        );
        fs::write(place.0.policy(), saved).expect("restore");
    }
}

/// One key signs for several machines, and the policy of one of them may ask for less.
#[test]
fn the_policy_of_another_installation_is_refused() {
    let place = Place::new();
    let policy = fs::read_to_string(place.file(NAMES[0])).expect("policy");
    let of = |folder: &str| {
        let text = format!("{policy}\n[installation]\nstate-dir = \"{folder}\"\n");
        fs::write(place.file(NAMES[0]), text).expect("policy");
        place.sign();
        place.check(&[])
    };
    let run = of("/srv/other/.openclaw");
    assert_eq!(run.code, 2, "{}", run.text());
    let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("is for the state directory /srv/other/.openclaw"),
        "{said}"
    );
    // The state of the tests is a copy of this one.
    let run = of("/home/user/.openclaw");
    assert_eq!(run.code, 0, "{}", run.text());
}

/// Runs `script` with an `/etc` of its own. `check` in it judges, and `$SIGNERS` is the file that root would have.
fn with_etc(place: &Place, script: &str) -> Run {
    let whole = format!(
        "mount -t tmpfs -o mode=755 none /etc
         mkdir -m 755 /etc/openclaw-verify
         SIGNERS=/etc/openclaw-verify/allowed_signers
         SERIALS=/etc/openclaw-verify/serials
         cp \"$HOME/signers\" $SIGNERS; chmod 644 $SIGNERS
         check() {{ code=0; \"$@\" > \"$HOME/out\" 2>&1 || code=$?; }}
         must() {{ check \"$PROGRAM\" check -q \"$@\"; }}
         is() {{ [ $code = $1 ] || {{ echo \"$2: exit $code\"; cat \"$HOME/out\"; exit 9; }}; }}
         says() {{ tr -s '\\n ' '  ' < \"$HOME/out\" | grep -q \"$1\" || {{ echo \"not said: $1\"; cat \"$HOME/out\"; exit 9; }}; }}
         set -- --state-dir \"$STATE\" --config \"$CONFIG\" --relocated-from /home/user/.openclaw
         {script}"
    );
    let mut inner = Command::new("sh");
    inner
        .args(["-ec", &whole])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", &place.0.home)
        .env("STATE", &place.0.state)
        .env("CONFIG", &place.0.config)
        .env("PROGRAM", env!("CARGO_BIN_EXE_openclaw-verify"))
        .current_dir(&place.0.config);
    let mut outer = Command::new("unshare");
    outer.arg("-rm");
    Run::of(&around(outer, &inner).output().expect("unshare"))
}

#[test]
#[ignore = "needs mount namespaces, root"]
fn roots_signers_always_count_and_only_root_changes_them() {
    let place = Place::new();
    fs::set_permissions(place.path("signers"), fs::Permissions::from_mode(0o644)).expect("mode");
    let run = with_etc(
        &place,
        r#"
        must "$@"; is 0 signed
        says "replay not detectable"
        check "$PROGRAM" check -q --etc / "$@"; is 2 "no option moves it"
        must --now 2026-11-22T12:00:00Z "$@"; is 2 "another time"; says "means less"
        cp "$CONFIG/openclaw-verify.lock.sig" "$HOME/kept"
        rm "$CONFIG/openclaw-verify.lock.sig"
        must "$@"; is 2 unsigned
        must --signers "$HOME/signers" "$@"; is 2 "unsigned, with a flag"
        OPENCLAW_VERIFY_SIGNERS= must "$@"; is 2 "unsigned, with an empty variable"
        check "$PROGRAM" gate --config "$CONFIG" < /dev/null; is 0 gate
        says '"decision":"block"'
        says 'is not signed'
        cp "$HOME/kept" "$CONFIG/openclaw-verify.lock.sig"
        must "$@"; is 0 "signed again"
        chmod 664 $SIGNERS; must "$@"; is 2 "group may write"; says "others than root can write to"
        chmod 644 $SIGNERS; chmod 777 /etc/openclaw-verify; must "$@"; is 2 "folder"; says "which others than root"
        chmod 755 /etc/openclaw-verify
        chown 1:1 $SIGNERS 2>/dev/null && { must "$@"; is 2 "owner"; says "does not belong to root"; chown 0:0 $SIGNERS; }
        mv $SIGNERS "$HOME/moved"; ln -s "$HOME/moved" $SIGNERS; must "$@"; is 2 "a link"; says "is a link"
        rm $SIGNERS; ln -s /nowhere $SIGNERS; must "$@"; is 2 "a link to nothing"
        rm $SIGNERS; mkdir $SIGNERS; must "$@"; is 2 "a folder"
        rmdir $SIGNERS; : > $SIGNERS; must "$@"; is 2 "names no signer"
        rm $SIGNERS; must "$@"; is 0 "nothing is demanded"
        "#,
    );
    assert_eq!(run.code, 0, "{}", run.text());
}

#[test]
#[ignore = "needs mount namespaces, root"]
fn an_older_signed_file_is_refused_once_its_serial_was_seen() {
    let place = Place::new();
    fs::create_dir(place.path("old")).expect("folder");
    for (path, _) in place.saved() {
        let name = path.file_name().expect("name");
        fs::copy(&path, place.path("old").join(name)).expect("copy");
    }
    place.sign();
    let run = with_etc(
        &place,
        r#"
        check "$PROGRAM" policy accept-serial "$@"; is 0 accept
        says "has the serial 2"
        [ "$(cat $SERIALS)" = "$(printf 'policy 2\nlock 2\nreviews 2')" ] || { cat $SERIALS; exit 9; }
        must "$@"; is 0 seen
        ! grep -q replay "$HOME/out"
        cp "$HOME"/old/openclaw-verify.lock* "$CONFIG"
        must "$@"; is 2 "an older lock"; says "replaced by an older file"
        check "$PROGRAM" policy accept-serial "$@"; is 2 "no way back"
        printf 'lock 1\nlock 2\n' > $SERIALS; must "$@"; is 2 "twice"; says "is no serial"
        printf 'policy 2\n' > $SERIALS; chmod 666 $SERIALS; must "$@"; is 2 "anyone may write"
        rm $SERIALS; must "$@"; is 0 "nothing was seen"; says "replay not detectable"
        "#,
    );
    assert_eq!(run.code, 0, "{}", run.text());
}

#[test]
fn a_signer_with_a_key_of_another_kind_allows_nothing_and_is_a_note() {
    let place = Place::new();
    // A whole key: the name of its kind, and what follows.
    let kind = b"ssh-tomorrow";
    let mut bytes = u32::try_from(kind.len())
        .expect("length")
        .to_be_bytes()
        .to_vec();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(&[0, 0, 0, 4, 1, 2, 3, 4]);
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let ada = fs::read_to_string(place.path("signers")).expect("signers");
    let line = format!("tom@example.org ssh-tomorrow {key}\n");
    fs::write(place.path("signers"), format!("{line}{ada}")).expect("signers");
    let note = "allows nothing: this program does not know keys of the type ssh-tomorrow";
    let run = place.check(&[]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr.contains(note) && run.stderr.contains("note: line 1 of"),
        "{}",
        run.stderr
    );
    for verb in [&["lock", "--check"][..], &["skills"], &["review"]] {
        let run = place
            .0
            .run(&[verb, &["--signers", &place.shown("signers")]].concat());
        assert!(run.stderr.contains(note), "{}", run.text());
    }
    fs::write(place.path("signers"), &line).expect("signers");
    assert_eq!(place.check(&[]).code, 2, "nothing is allowed");
}

#[test]
fn a_merge_of_a_signed_policy_is_finished_and_signed_anew() {
    let place = Place::new();
    let policy = place.file("openclaw-verify.toml");
    let text = fs::read_to_string(&policy).expect("policy");
    let (seal, rest) = text.split_once('\n').expect("seal");
    let (ours, theirs) = (seal.replace(" 1", " 4"), seal.replace(" 1", " 7"));
    let conflict = format!("<<<<<<< HEAD\n{ours}\n=======\n{theirs}\n>>>>>>> colleague\n{rest}");
    fs::write(&policy, conflict).expect("policy");
    let signers = place.shown("signers");
    assert_eq!(place.check(&[]).code, 2);
    let resolve = ["policy", "resolve", "--yes", "--signers", &signers];
    let run = place.0.run(&resolve);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr
            .contains("is now policy 8 and has to be signed: ssh-keygen"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("git add openclaw-verify.toml openclaw-verify.toml.sig"),
        "{}",
        run.stderr
    );
    assert_eq!(
        place.check(&[]).code,
        2,
        "the older signature is none of it"
    );
    ssh_sign(&place.path("ada"), "openclaw-verify", &policy);
    assert_eq!(place.check(&[]).code, 0, "{}", place.check(&[]).text());
}
