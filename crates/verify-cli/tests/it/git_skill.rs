//! An installed git skill, of which OpenClaw keeps no clone: what the operator pinned from a clone of their own replaces its tag.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::mint::Mint;
use crate::support::{Installation, Run, judged};

const REPOSITORY: &str = "github.com/acme/notes";
const ID: &str = "git:github.com/acme/notes";
const PLACE: &str = "skills/acme-notes";
const EARLY: i64 = 1_700_000_000;
const SKILL: &str = "---\nname: acme-notes\ndescription: notes\n---\nWrite notes.\n";

/// An installation with one git skill, and the repository that it came from.
struct GitSkill {
    mint: Mint,
    key: PathBuf,
    installation: Installation,
}

impl GitSkill {
    /// A skill installed from the signed tag v1.3.0.
    fn new() -> Self {
        let mut mint = Mint::new();
        let blob = mint.git(&["hash-object", "-w", "--stdin"], SKILL.as_bytes());
        let script = mint.git(&["hash-object", "-w", "--stdin"], b"#!/bin/sh\n");
        let scripts = mint.git(
            &["mktree"],
            format!("100644 blob {script}\trun.sh\n").as_bytes(),
        );
        let tree = mint.git(
            &["mktree"],
            format!("100644 blob {blob}\tSKILL.md\n040000 tree {scripts}\tscripts\n").as_bytes(),
        );
        mint.commit = mint.git(&["commit-tree", &tree, "-m", "1.3.0"], b"");
        let key = mint.ssh_key("key", &["ed25519"]);
        mint.put_tag(
            "v1.3.0",
            &mint.ssh_tag(&key, &["-n", "git"], "v1.3.0", EARLY),
        );
        let installation = Installation::shipped();
        let this = Self {
            mint,
            key,
            installation,
        };
        let folder = this.folder();
        fs::create_dir_all(folder.join("scripts")).expect("folder");
        fs::create_dir_all(folder.join(".openclaw")).expect("folder");
        fs::write(folder.join("SKILL.md"), SKILL).expect("file");
        fs::write(folder.join("scripts/run.sh"), "#!/bin/sh\n").expect("file");
        this.record(&this.mint.commit);
        this.signers(&this.mint.public(&this.key));
        this.installation.init(0);
        let policy = fs::read_to_string(this.installation.policy()).expect("policy");
        let rule = format!(
            "\n[[release]]\nrepository = \"{REPOSITORY}\"\ntags = \"v*\"\nsigners = \"signers\"\n"
        );
        fs::write(this.installation.policy(), policy + &rule).expect("policy");
        this
    }

    fn folder(&self) -> PathBuf {
        self.installation.state.join(PLACE)
    }

    fn signers(&self, public: &str) {
        fs::write(
            self.installation.config.join("signers"),
            format!("ada@example.org {public}\n"),
        )
        .expect("signers");
    }

    /// What OpenClaw records at an install.
    fn record(&self, commit: &str) {
        let record = json!({
            "version": 1, "source": "git", "spec": "git:https://github.com/acme/notes@v1.3.0", "slug": "acme-notes",
            "installedAt": 1_795_345_814_000_u64,
            "git": {
                "url": "https://github.com/acme/notes", "ref": "v1.3.0", "commit": commit,
                "resolvedAt": "2026-11-22T11:10:13.979Z",
            },
        });
        fs::write(
            self.folder().join(".openclaw/source-origin.json"),
            record.to_string(),
        )
        .expect("record");
    }

    fn pin(&self, tag: &str) -> Run {
        let repo = self.mint.repo();
        let arguments = [
            "release",
            repo.to_str().expect("path"),
            tag,
            "--repository",
            REPOSITORY,
            "--pin",
        ];
        self.installation.run(&arguments)
    }

    /// The counting findings about the skill, as `level id[code]`, and its entry in the report.
    fn judged(&self) -> (Vec<String>, Value) {
        judged(
            &self.installation.check().1,
            ID,
            &["floating-spec", "unreviewed"],
        )
    }
}

#[test]
fn a_pinned_tag_proves_the_origin_of_a_git_skill() {
    let skill = GitSkill::new();
    let (found, subject) = skill.judged();
    assert_eq!(
        found,
        ["deny not-established[unsupported-repository]"],
        "nothing says what the tag is"
    );
    assert_eq!(subject["basis"], "locked");
    assert!(
        skill.installation.run(&["check"]).stdout.contains("--pin"),
        "the way out is reported"
    );

    let run = skill.pin("v1.3.0");
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        skill
            .installation
            .lock_text()
            .contains("\ntree = \"git-sha256:"),
        "{}",
        skill.installation.lock_text()
    );
    let (found, subject) = skill.judged();
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(
        (&subject["basis"], &subject["outcomes"]["provenance"]),
        (&json!("signed"), &json!("verified"))
    );

    let run = skill.installation.run(&["lock"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let lock = skill.installation.lock_text();
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.contains(ID))
        .expect("an entry");
    assert!(
        entry.contains("tag-object = \"") && entry.contains("signer = \"ssh:SHA256:"),
        "{entry}"
    );
    assert_eq!(skill.judged().0, [] as [&str; 0]);
    // A later pin of all tags does not forget the files of this one.
    let repo = skill.mint.repo();
    let all = [
        "release",
        repo.to_str().expect("path"),
        "--repository",
        REPOSITORY,
        "--pin",
    ];
    assert_eq!(skill.installation.run(&all).code, 0);
    assert_eq!(skill.installation.lock_text(), lock);
}

#[test]
fn what_the_pin_does_not_cover_is_found() {
    let skill = GitSkill::new();
    assert_eq!(skill.pin("v1.3.0").code, 0);
    assert_eq!(skill.installation.run(&["lock"]).code, 0);
    let has =
        |found: &[String], wanted: &str| found.iter().any(|finding| finding.starts_with(wanted));

    // Other files than the commit's.
    fs::write(skill.folder().join("scripts/run.sh"), "#!/bin/sh\ncurl\n").expect("file");
    let (found, subject) = skill.judged();
    assert!(
        has(&found, "deny record-mismatch") && has(&found, "deny tree-mismatch"),
        "{found:?}"
    );
    assert_ne!(subject["basis"], "signed");
    fs::write(skill.folder().join("scripts/run.sh"), "#!/bin/sh\n").expect("file");

    // A record that names another commit.
    skill.record(&"1".repeat(40));
    let (found, subject) = skill.judged();
    assert!(has(&found, "deny record-mismatch"), "{found:?}");
    assert_ne!(subject["basis"], "signed");
    skill.record(&skill.mint.commit);
    assert_eq!(skill.judged().0, [] as [&str; 0]);

    // A record that would bring another repository when it is installed again.
    let origin = skill.folder().join(".openclaw/source-origin.json");
    let record = fs::read_to_string(&origin).expect("record");
    fs::write(
        &origin,
        record.replacen(
            "github.com/acme/notes@v1.3.0",
            "github.com/evil/notes@v1.3.0",
            1,
        ),
    )
    .expect("record");
    let (found, subject) = skill.judged();
    assert!(has(&found, "deny record-mismatch"), "{found:?}");
    assert_ne!(subject["basis"], "signed");
    fs::write(&origin, record).expect("record");

    // A line that expired: the pin does not say whether the tag was made before.
    let signers = skill.installation.config.join("signers");
    let line = fs::read_to_string(&signers).expect("signers");
    fs::write(
        &signers,
        line.replacen(' ', " valid-before=\"20200101Z\" ", 1),
    )
    .expect("signers");
    let (found, subject) = skill.judged();
    assert!(
        has(&found, "deny signer-not-allowed[key-expired]"),
        "{found:?}"
    );
    assert_ne!(subject["basis"], "signed");

    // A signer who is trusted no longer.
    let other = skill.mint.ssh_key("other", &["ed25519"]);
    skill.signers(&skill.mint.public(&other));
    let (found, subject) = skill.judged();
    assert!(
        has(&found, "deny signer-not-allowed[unknown-key]"),
        "{found:?}"
    );
    assert_ne!(subject["basis"], "signed");
}

#[test]
fn a_second_copy_is_said_to_be_one() {
    let skill = GitSkill::new();
    let said = || {
        let (_, report) = skill.installation.check();
        let all = report["findings"].as_array().expect("findings").iter();
        let found = all.filter(|finding| finding["id"] == "not-locked");
        found
            .filter(|finding| {
                let evidence = finding["evidence"].to_string();
                evidence.contains(&format!(
                    "that the lock holds as {ID}; it is installed twice"
                ))
            })
            .count()
    };
    assert_eq!(said(), 0);
    let second = skill.installation.state.join("skills/acme-two");
    crate::support::copy(&skill.folder(), &second);
    assert_eq!(said(), 2);
    // Another file under the second name: that one is no copy.
    fs::write(second.join("scripts/run.sh"), "evil\n").expect("write");
    assert_eq!(said(), 0);
}
