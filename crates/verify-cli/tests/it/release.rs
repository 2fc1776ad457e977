//! Signed release tags, through the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::mint::Mint;
use crate::support::{FORMATS, NOW, Run, bare, findings};

const ID: &str = "github.com/acme/notes";
const EARLY: i64 = 1_700_000_000;

/// A clone with signed tags, and a folder of the operator.
struct Releases {
    mint: Mint,
    key: PathBuf,
    config: PathBuf,
}

impl Releases {
    fn new() -> Self {
        let mint = Mint::new();
        let key = mint.ssh_key("key", &["ed25519"]);
        let config = mint.path("config");
        fs::create_dir(&config).expect("folder");
        fs::write(
            config.join("signers"),
            format!("ada@example.org {}\n", mint.public(&key)),
        )
        .expect("signers");
        let this = Self { mint, key, config };
        this.policy("signers = \"signers\"\n");
        this.tag("v1.0.0");
        this
    }

    fn policy(&self, rule: &str) {
        let text = format!(
            "version = 1\npreset = \"default\"\n\n[[release]]\nrepository = \"{ID}\"\ntags = \"v*\"\n{rule}"
        );
        fs::write(self.config.join("openclaw-verify.toml"), text).expect("policy");
    }

    fn tag(&self, name: &str) -> String {
        self.mint.put_tag(
            name,
            &self.mint.ssh_tag(&self.key, &["-n", "git"], name, EARLY),
        )
    }

    fn lock(&self) -> PathBuf {
        self.config.join("openclaw-verify.lock")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(&self.config, &self.config);
        command.env("PATH", "/nonexistent");
        command.arg("release").args(arguments).args(["--now", NOW]);
        command
    }

    /// With the operator's folder named.
    fn run(&self, arguments: &[&str]) -> Run {
        Run::of(
            &self
                .command(arguments)
                .arg("--config")
                .arg(&self.config)
                .output()
                .expect("the binary runs"),
        )
    }

    /// On the repository, with the operator's folder named.
    fn ask(&self, arguments: &[&str]) -> Run {
        let repo = self.mint.repo();
        let mut all = vec![repo.to_str().expect("path")];
        all.extend(arguments);
        self.run(&all)
    }

    fn report(&self, arguments: &[&str]) -> (i32, Value) {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        let run = self.ask(&all);
        (
            run.code,
            serde_json::from_str(&run.stdout)
                .unwrap_or_else(|error| panic!("{error}: {}", run.text())),
        )
    }

    /// The findings of a tag and the exit code.
    fn codes(&self, arguments: &[&str]) -> (i32, Vec<String>) {
        let (code, report) = self.report(arguments);
        (code, failures(&report["releases"][0]))
    }
}

fn failures(release: &Value) -> Vec<String> {
    let list = release["failures"].as_array().expect("failures");
    list.iter()
        .map(|failure| failure.as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn a_good_tag_is_shown_with_its_signer_and_never_its_tagger() {
    let releases = Releases::new();
    let run = releases.ask(&["v1.0.0"]);
    assert_eq!(run.code, 0, "{}", run.text());
    for wanted in [
        "tag v1.0.0: verified",
        "ada@example.org, ssh-ed25519 SHA256:",
        &releases.mint.commit,
        "not checked",
    ] {
        assert!(run.stdout.contains(wanted), "{wanted}: {}", run.stdout);
    }
    assert!(
        !run.stdout.contains("a@example.test"),
        "the tagger is not a signer: {}",
        run.stdout
    );
    let (code, report) = releases.report(&["v1.0.0", "--repository", ID]);
    assert_eq!(code, 0);
    assert_eq!(report["releases"][0]["outcome"], "verified");
    assert_eq!(report["releases"][0]["repository"], ID);
    assert_eq!(
        report["releases"][0]["signer"]["principal"],
        "ada@example.org"
    );
    assert_eq!(report["findings"].as_array().expect("array").len(), 0);
}

#[test]
fn an_unknown_key_shows_the_line_that_would_trust_it() {
    let releases = Releases::new();
    let other = releases.mint.ssh_key("other", &["ed25519"]);
    releases.mint.put_tag(
        "v1.1.0",
        &releases
            .mint
            .ssh_tag(&other, &["-n", "git"], "v1.1.0", EARLY),
    );
    let run = releases.ask(&["v1.1.0"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("signer-not-allowed"), "{}", run.stdout);
    assert!(
        run.stdout
            .contains(&format!("<principal> {}", releases.mint.public(&other))),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("SHA256:"), "{}", run.stdout);
}

#[test]
fn every_failure_has_its_finding_and_exit_code() {
    let releases = Releases::new();
    let mint = &releases.mint;
    mint.git(&["update-ref", "refs/tags/v2.0.0", &mint.commit], b"");
    mint.put_tag("v2.0.1", &mint.payload("v2.0.1", EARLY));
    mint.put_tag(
        "v2.0.2",
        &mint.ssh_tag(&releases.key, &["-n", "git"], "v1.0.0", EARLY),
    );
    mint.put_tag(
        "v2.0.3",
        &mint.ssh_tag(&releases.key, &["-n", "file"], "v2.0.3", EARLY),
    );
    let mut trailing = mint.ssh_tag(&releases.key, &["-n", "git"], "v2.0.4", EARLY);
    trailing.extend_from_slice(b"more\n");
    mint.put_tag("v2.0.4", &trailing);
    let mut changed = mint.ssh_tag(&releases.key, &["-n", "git"], "v2.0.5", EARLY);
    let at = changed
        .windows(7)
        .position(|bytes| bytes == b"release")
        .expect("message");
    changed[at] = b'R';
    mint.put_tag("v2.0.5", &changed);
    for (tag, failure) in [
        ("v2.0.0", "signature-missing/lightweight"),
        ("v2.0.1", "signature-missing/unsigned"),
        ("v2.0.2", "tag-mismatch/name-mismatch"),
        ("v2.0.3", "signature-invalid/wrong-namespace"),
        ("v2.0.4", "tag-malformed/trailing-data"),
        ("v2.0.5", "signature-invalid/bad-signature"),
    ] {
        assert_eq!(
            releases.codes(&[tag]),
            (1, vec![failure.to_owned()]),
            "{tag}"
        );
    }
    // All of them in one table, each by its own.
    let (code, report) = releases.report(&[]);
    assert_eq!(code, 1);
    assert_eq!(report["releases"].as_array().expect("array").len(), 7);
    let table = releases.ask(&[]);
    assert!(
        table.stdout.contains("tag-mismatch/name-mismatch"),
        "{}",
        table.stdout
    );
    assert!(
        table
            .stdout
            .lines()
            .any(|line| line.starts_with("v1.0.0  verified")),
        "{}",
        table.stdout
    );
    // A signature that does not hold can never be lowered; the rest can, but not by `[levels]` what a rule demands.
    assert_eq!(releases.ask(&["v2.0.5", "-A", "signature-invalid"]).code, 2);
    assert_eq!(releases.ask(&["v2.0.1", "-W", "signature-missing"]).code, 0);
    for format in ["sarif", "github", "junit"] {
        let run = releases.ask(&["--format", format]);
        assert_eq!(run.code, 1, "{format}");
        assert!(
            run.stdout.contains("tag-mismatch"),
            "{format}: {}",
            run.stdout
        );
    }
    assert_eq!(
        releases
            .ask(&["--format", "junit"])
            .stdout
            .matches("<failure")
            .count(),
        6
    );
}

#[test]
fn a_finding_points_at_what_decided() {
    let releases = Releases::new();
    releases
        .mint
        .put_tag("v2.0.1", &releases.mint.payload("v2.0.1", EARLY));
    let place = |arguments: &[&str]| {
        let report = releases.report(arguments).1;
        let location = report["findings"][0]["locations"][0].clone();
        (
            location["file"]
                .as_str()
                .map(|file| file.rsplit('/').next().expect("a name").to_owned()),
            location["line"].as_u64(),
        )
    };
    assert_eq!(
        place(&["v2.0.1"]),
        (Some("openclaw-verify.toml".to_owned()), Some(4))
    );
    assert_eq!(
        place(&["v2.0.1", "--signers", "signers"]),
        (None, None),
        "no file that is not there"
    );
    assert_eq!(releases.ask(&["v1.0.0", "--pin"]).code, 0);
    releases
        .mint
        .put_tag("v1.0.0", &releases.mint.payload("v1.0.0", EARLY));
    assert_eq!(
        place(&["v1.0.0"]).0.as_deref(),
        Some("openclaw-verify.lock")
    );
}

#[test]
fn a_pin_that_is_refused_makes_no_lock() {
    let releases = Releases::new();
    releases
        .mint
        .put_tag("v2.0.1", &releases.mint.payload("v2.0.1", EARLY));
    let run = releases.ask(&["v2.0.1", "--pin"]);
    assert_eq!(
        (run.code, releases.lock().exists()),
        (1, false),
        "{}",
        run.text()
    );
}

#[test]
fn a_name_that_no_tag_can_have_is_a_mistake_of_the_call() {
    let releases = Releases::new();
    for name in ["v*", "", "v1^{}", "../heads/main", "v1\n", "refs/tags/../x"] {
        assert_eq!(releases.ask(&[name]).code, 2, "{name:?}");
    }
}

#[test]
fn levels_cannot_take_back_what_a_rule_asks_for() {
    let releases = Releases::new();
    releases
        .mint
        .put_tag("v2.0.1", &releases.mint.payload("v2.0.1", EARLY));
    releases.policy("signers = \"signers\"\n\n[levels]\nsignature-missing = \"allow\"\n");
    assert_eq!(releases.ask(&["v2.0.1"]).code, 1);
}

#[test]
fn the_line_that_pins_a_tag_pins_it() {
    let releases = Releases::new();
    let mint = &releases.mint;
    assert_eq!(releases.ask(&["v1.0.0", "--pin"]).code, 0);
    let again = mint.ssh_tag(&releases.key, &["-n", "git"], "v1.0.0", EARLY + 1);
    mint.put_tag("v1.0.0", &again);
    let asked = || -> Vec<String> {
        let (_, report) = releases.report(&["v1.0.0"]);
        let list = report["findings"].as_array().expect("findings").clone();
        let pins = list.iter().filter(|one| one["remedy"]["kind"] == "pin");
        pins.map(|one| one["help"].as_str().expect("help").to_owned())
            .collect()
    };
    let printed = asked();
    let line = crate::way_out::command_in(printed.first().expect("a finding")).expect("a line");
    let repo = mint.repo();
    let words = line
        .replace("CLONE", repo.to_str().expect("text"))
        .replace("TAG", "v1.0.0")
        .replace("--accept ID", &format!("--accept {ID}@v1.0.0"));
    let words: Vec<&str> = words.split(' ').skip(2).collect();
    let run = releases.run(&words);
    assert_eq!(run.code, 0, "{line}: {}", run.text());
    assert_eq!(asked(), Vec::<String>::new());
}

#[test]
fn a_pin_tells_the_same_tag_from_a_remade_and_a_moved_one() {
    let releases = Releases::new();
    let mint = &releases.mint;
    let run = releases.ask(&["v1.0.0", "--pin"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let pinned = fs::read_to_string(releases.lock()).expect("lock");
    assert!(
        pinned.contains(&format!("repository = \"{ID}\""))
            && pinned.contains("signer = \"ssh:SHA256:"),
        "{pinned}"
    );
    assert_eq!(releases.report(&["v1.0.0"]).1["releases"][0]["pin"], "same");

    // Made anew for the same commit.
    mint.put_tag(
        "v1.0.0",
        &mint.ssh_tag(&releases.key, &["-n", "git"], "v1.0.0", EARLY + 1),
    );
    let (code, report) = releases.report(&["v1.0.0"]);
    assert_eq!(
        (code, report["summary"]["warn"].as_u64()),
        (0, Some(1)),
        "{report:#}"
    );
    assert_eq!(failures(&report["releases"][0]), ["tag-retagged"]);
    let again = releases.ask(&["v1.0.0", "--pin"]);
    assert_eq!(
        again.code,
        1,
        "a pin does not change silently: {}",
        again.text()
    );
    assert!(
        again.stderr.contains(&format!("--accept {ID}@v1.0.0")),
        "{}",
        again.stderr
    );
    assert_eq!(fs::read_to_string(releases.lock()).expect("lock"), pinned);
    assert_eq!(
        releases
            .ask(&["v1.0.0", "--pin", "--accept", &format!("{ID}@v1.0.0")])
            .code,
        0
    );
    assert_ne!(fs::read_to_string(releases.lock()).expect("lock"), pinned);

    // Moved to another commit.
    let other = mint.git(
        &[
            "commit-tree",
            &format!("{}^{{tree}}", mint.commit),
            "-m",
            "two",
        ],
        b"",
    );
    let body = String::from_utf8(mint.payload("v1.0.0", EARLY))
        .expect("text")
        .replace(&mint.commit, &other)
        .into_bytes();
    let signature = mint.ssh_sign(&releases.key, &["-n", "git"], &body);
    mint.put_tag("v1.0.0", &[body, signature].concat());
    assert_eq!(
        releases.codes(&["v1.0.0"]),
        (1, vec!["tag-moved".to_owned()])
    );
    let pinned = fs::read_to_string(releases.lock()).expect("lock");
    assert_eq!(releases.ask(&["v1.0.0", "--pin"]).code, 1);
    assert_eq!(fs::read_to_string(releases.lock()).expect("lock"), pinned);
    assert_eq!(
        releases
            .ask(&["v1.0.0", "--pin", "--accept", &format!("{ID}@v1.0.0")])
            .code,
        0
    );
    assert_eq!(releases.ask(&["v1.0.0"]).code, 0);

    // Gone.
    mint.git(&["update-ref", "-d", "refs/tags/v1.0.0"], b"");
    assert_eq!(
        releases.codes(&["v1.0.0"]),
        (1, vec!["tag-moved".to_owned()])
    );
}

#[test]
fn an_old_genuine_tag_is_a_rollback() {
    let releases = Releases::new();
    for name in ["v2026.7.1", "v2026.7.1-2", "v2026.7.1-beta.1"] {
        releases.tag(name);
    }
    assert_eq!(releases.ask(&["v2026.7.1-2", "--pin"]).code, 0);
    assert_eq!(
        releases.codes(&["v2026.7.1"]),
        (1, vec!["tag-rollback".to_owned()])
    );
    assert_eq!(
        releases.ask(&["v2026.7.1", "--pin"]).code,
        1,
        "an old tag is not pinned by mistake"
    );
    assert_eq!(
        releases
            .ask(&["v2026.7.1", "--pin", "--accept", &format!("{ID}@v2026.7.1")])
            .code,
        0
    );
    assert_eq!(releases.ask(&["v2026.7.1"]).code, 0);
    releases.policy("signers = \"signers\"\nminimum = \"v2026.7.1\"\n");
    assert_eq!(
        releases.codes(&["v2026.7.1-beta.1"]),
        (1, vec!["tag-rollback".to_owned()])
    );
    // That old tags exist is a note.
    let (code, report) = releases.report(&[]);
    assert_eq!(
        (code, report["summary"]["deny"].as_u64()),
        (0, Some(0)),
        "{:#?}",
        findings(&report)
    );
    assert!(report["summary"]["note"].as_u64() > Some(0));
}

#[test]
fn a_pin_may_stand_in_place_of_a_signature_and_nothing_else_may() {
    let releases = Releases::new();
    let mint = &releases.mint;
    mint.git(&["update-ref", "refs/tags/v3.0.0", &mint.commit], b"");
    releases.policy("require = \"pinned\"\n");
    assert_eq!(
        releases.codes(&["v3.0.0"]).0,
        1,
        "neither signed nor pinned"
    );
    let run = releases.ask(&["v3.0.0", "--pin"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let (code, report) = releases.report(&["v3.0.0"]);
    assert_eq!(
        (code, &report["releases"][0]["outcome"]),
        (0, &Value::from("verified"))
    );
    let other = mint.git(
        &[
            "commit-tree",
            &format!("{}^{{tree}}", mint.commit),
            "-m",
            "two",
        ],
        b"",
    );
    mint.git(&["update-ref", "refs/tags/v3.0.0", &other], b"");
    assert_eq!(releases.ask(&["v3.0.0"]).code, 1);
}

#[test]
fn trust_may_be_given_on_the_command_line() {
    let releases = Releases::new();
    fs::remove_file(releases.config.join("openclaw-verify.toml")).expect("no policy");
    assert_eq!(releases.ask(&["v1.0.0"]).code, 2, "no signer is trusted");
    assert_eq!(releases.ask(&["v1.0.0", "--signers", "signers"]).code, 0);
    assert_eq!(
        releases.ask(&["v1.0.0", "--signers", "nothing-there"]).code,
        2
    );
    fs::write(releases.config.join("empty"), "").expect("file");
    assert_ne!(
        releases.ask(&["v1.0.0", "--signers", "empty"]).code,
        0,
        "an empty list trusts no signer"
    );
    fs::write(
        releases.config.join("broken"),
        "ada@example.org ssh-ed25519\n",
    )
    .expect("file");
    assert_eq!(releases.ask(&["v1.0.0", "--signers", "broken"]).code, 2);
    assert_eq!(
        releases
            .ask(&["v1.0.0", "--signers", "signers", "--pin"])
            .code,
        2,
        "a pin needs a repository"
    );
    assert_eq!(
        releases
            .ask(&[
                "v1.0.0",
                "--signers",
                "signers",
                "--pin",
                "--repository",
                ID
            ])
            .code,
        0
    );
    let gitsign = [
        "v1.0.0",
        "--identity",
        "ada@example.org",
        "--issuer",
        "https://issuer.example",
    ];
    assert_eq!(
        releases.codes(&gitsign),
        (1, vec!["signer-not-allowed/scheme-not-allowed".to_owned()])
    );
    assert_eq!(
        releases
            .ask(&["v1.0.0", "--identity", "ada@example.org"])
            .code,
        2
    );
}

#[test]
fn the_clone_names_neither_itself_nor_whom_to_trust() {
    let releases = Releases::new();
    let policy = fs::read_to_string(releases.config.join("openclaw-verify.toml")).expect("policy");
    let second = "\n[[release]]\nrepository = \"github.com/acme/other\"\ntags = \"v*\"\nsigners = \"signers\"\n";
    fs::write(
        releases.config.join("openclaw-verify.toml"),
        policy.clone() + second,
    )
    .expect("policy");
    releases.mint.git(
        &["config", "remote.origin.url", &format!("https://{ID}")],
        b"",
    );
    assert_eq!(
        releases.ask(&["v1.0.0"]).code,
        2,
        "which repository is not the clone's word"
    );
    assert_eq!(
        releases
            .ask(&["v1.0.0", "--repository", "github.com/evil/notes"])
            .code,
        2
    );
    assert_eq!(releases.ask(&["v1.0.0", "--repository", ID]).code, 0);

    let inside = releases.mint.repo().join("signers");
    fs::copy(releases.config.join("signers"), &inside).expect("copy");
    let link = releases.config.join("link");
    std::os::unix::fs::symlink(&inside, &link).expect("link");
    std::os::unix::fs::symlink(&releases.config, releases.mint.repo().join("out")).expect("link");
    let through = releases.mint.repo().join("out/signers");
    for file in [&inside, &link, &through] {
        let run = releases.ask(&["v1.0.0", "--signers", file.to_str().expect("path")]);
        assert_eq!(run.code, 2, "{}: {}", file.display(), run.text());
        assert!(run.stderr.contains("under test"), "{}", run.stderr);
    }
    // Neither policy nor pins may lie in it.
    fs::write(releases.mint.repo().join("openclaw-verify.toml"), policy).expect("policy");
    let repo = releases.mint.repo();
    let run = Run::of(
        &releases
            .command(&[repo.to_str().expect("path"), "v1.0.0"])
            .arg("--config")
            .arg(&repo)
            .output()
            .expect("runs"),
    );
    assert_eq!(run.code, 2, "{}", run.text());
}

#[test]
fn a_raw_tag_object_comes_from_a_file_or_standard_input() {
    let releases = Releases::new();
    let body = releases
        .mint
        .ssh_tag(&releases.key, &["-n", "git"], "v1.0.0", EARLY);
    let file = releases.config.join("tag");
    fs::write(&file, &body).expect("tag");
    assert_eq!(releases.run(&["--object", "tag"]).code, 0);
    assert_eq!(releases.run(&["--object", "tag", "v1.0.0"]).code, 0);
    let run = releases.run(&["--object", "tag", "v1.0.1"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("name-mismatch"), "{}", run.stdout);
    assert_eq!(
        releases.run(&["--object", "tag", "v1.0.0", "v1.0.0"]).code,
        2
    );

    let mut child = releases
        .command(&["--object", "-"])
        .arg("--config")
        .arg(&releases.config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), &body).expect("written");
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("not checked"),
        "the commit was not looked at"
    );

    fs::write(&file, vec![b'x'; 2 << 20]).expect("tag");
    assert!(
        releases
            .run(&["--object", "tag"])
            .stdout
            .contains("too-large")
    );
    fs::remove_file(&file).expect("file");
    mkfifo(&file);
    assert_eq!(
        releases.run(&["--object", "tag"]).code,
        2,
        "a FIFO would never end"
    );
}

#[test]
fn hostile_clones_neither_hang_nor_pass() {
    let releases = Releases::new();
    let repo = releases.mint.repo();
    type Attack<'a> = (&'a str, &'a dyn Fn(&Path));
    let cases: [Attack<'_>; 7] = [
        ("a FIFO as ref", &|repo| {
            replace(&repo.join("refs/tags/v1.0.0"), mkfifo)
        }),
        ("a FIFO as packed-refs", &|repo| {
            mkfifo(&repo.join("packed-refs"))
        }),
        ("a FIFO as config", &|repo| {
            replace(&repo.join("config"), mkfifo)
        }),
        ("a link as ref", &|repo| {
            replace(&repo.join("refs/tags/v1.0.0"), |path| {
                std::os::unix::fs::symlink("/etc/hostname", path).expect("link")
            })
        }),
        ("another object format", &|repo| {
            fs::write(repo.join("config"), "[extensions]\nobjectformat = sha256\n")
                .expect("config");
        }),
        ("borrowed objects", &|repo| {
            fs::write(repo.join("objects/info/alternates"), "/tmp\n").expect("alternates")
        }),
        ("an endless ref", &|repo| {
            fs::write(repo.join("refs/tags/v1.0.0"), vec![b'a'; 1 << 20]).expect("ref")
        }),
    ];
    for (what, apply) in cases {
        let fresh = releases
            .mint
            .path(&format!("{}.git", what.replace(' ', "-")));
        crate::support::copy(&repo, &fresh);
        apply(&fresh);
        for arguments in [&["v1.0.0"][..], &[]] {
            let mut all = vec![fresh.to_str().expect("path")];
            all.extend(arguments);
            let run = releases.run(&all);
            assert_eq!(run.code, 1, "{what} {arguments:?}: {}", run.text());
            assert!(
                run.stdout.contains("unsupported-repository"),
                "{what}: {}",
                run.stdout
            );
        }
    }
    assert_eq!(
        releases
            .run(&[releases.config.to_str().expect("path")])
            .code,
        2,
        "no repository at all"
    );
    assert_eq!(releases.run(&["/nonexistent"]).code, 2);
    assert_eq!(releases.ask(&["v9.9.9"]).code, 2, "no such tag");
    assert_eq!(releases.ask(&["../../HEAD"]).code, 2, "no rule is for it");
    releases.policy("signers = \"signers\"\n");
    fs::write(
        releases.config.join("openclaw-verify.toml"),
        format!("version = 1\n\n[[release]]\nrepository = \"{ID}\"\ntags = \"none-*\"\nsigners = \"signers\"\n"),
    )
    .expect("policy");
    assert_eq!(releases.ask(&[]).code, 3, "nothing to verify");
}

#[test]
fn names_of_tags_reach_no_terminal_raw() {
    let releases = Releases::new();
    let name = "v1.0.0\u{202e}cod";
    releases.tag(name);
    for format in FORMATS {
        let run = releases.ask(&["--format", format, "-v", "--color", "never", "--pin"]);
        assert!(!run.text().contains('\u{202e}'), "{format}: {}", run.text());
    }
    assert_eq!(releases.ask(&[name]).code, 0, "its pin is found again");
    assert_eq!(releases.report(&[name]).1["releases"][0]["pin"], "same");
}

/// Every real and every hostile tag of the shared corpus, by its expected code.
#[test]
#[ignore = "needs ../shared"]
fn the_corpus_gets_its_codes() {
    let corpus = crate::support::shared("corpus/tags");
    let releases = Releases::new();
    let folder = releases.mint.path("corpus");
    let status = Command::new("bash")
        .arg(corpus.join("load.sh"))
        .arg(&folder)
        .status()
        .expect("bash");
    assert!(status.success(), "load.sh failed");
    let json = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(corpus.join(name)).expect("file")).expect("JSON")
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut wrong = Vec::new();
    let mut seen = 0;
    let mut judge =
        |repository: &Path, tag: &str, trust: &[String], expected: &Value, only_first: bool| {
            let mut arguments = vec![
                repository.to_str().expect("path").to_owned(),
                tag.to_owned(),
            ];
            arguments.extend_from_slice(trust);
            arguments.extend(["--format".to_owned(), "json".to_owned()]);
            let run = releases.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            let report: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
            let found = report["releases"][0]["failures"]
                .get(0)
                .map_or("ok".to_owned(), text);
            let found = found.rsplit('/').next().unwrap_or_default().to_owned();
            let expected: Vec<String> = expected
                .as_array()
                .expect("expected")
                .iter()
                .map(text)
                .collect();
            let fits = if only_first {
                expected.first() == Some(&found)
            } else {
                expected.contains(&found)
            };
            if !fits || (run.code == 0) != (found == "ok") {
                wrong.push(format!(
                    "{tag}: {found}, exit {}, not {expected:?}: {}",
                    run.code, run.stderr
                ));
            }
            seen += 1;
        };
    let file = |name: &str| corpus.join(name).to_str().expect("path").to_owned();
    for entry in json("index.json").as_array().expect("entries") {
        let trust = match (text(&entry["scheme"]).as_str(), entry["identity"].as_str()) {
            ("ssh", _) => vec!["--signers".to_owned(), file(&text(&entry["trust"]))],
            ("openpgp", _) => vec!["--openpgp".to_owned(), file(&text(&entry["trust"]))],
            (_, Some(identity)) => {
                vec![
                    "--identity".to_owned(),
                    identity.to_owned(),
                    "--issuer".to_owned(),
                    text(&entry["issuer"]),
                ]
            }
            // No signer is trusted for these; the corpus expects what is said before that matters.
            (_, None) => vec!["--openpgp".to_owned(), file("openpgp/git__git/junio.asc")],
        };
        let name = text(&entry["ref"]);
        let name = name.strip_prefix("refs/tags/").expect("tag");
        judge(
            &folder.join(text(&entry["repository_dir"])),
            name,
            &trust,
            &entry["expect"],
            false,
        );
    }
    let trust = [
        "--signers".to_owned(),
        file("hostile/keys/allowed_signers"),
        "--openpgp".to_owned(),
        file("hostile/keys/openpgp-certs.asc"),
    ];
    for case in json("hostile/verdicts.json")["cases"]
        .as_array()
        .expect("cases")
    {
        let name = text(&case["ref"]);
        let name = name.strip_prefix("refs/tags/").expect("tag");
        if name != "huge-msg" {
            judge(
                &folder.join("hostile.git"),
                name,
                &trust,
                &case["expect"],
                true,
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{seen} tags of the corpus");
    assert_eq!(seen, 56, "all but the one that is not stored");
}

fn mkfifo(path: &Path) {
    assert!(
        Command::new("mkfifo")
            .arg(path)
            .status()
            .expect("mkfifo")
            .success()
    );
}

fn replace(path: &Path, make: impl Fn(&Path)) {
    fs::remove_file(path).expect("file");
    make(path);
}
