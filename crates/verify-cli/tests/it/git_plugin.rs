//! An installed git plugin: its commit, its files, and the signed tag that it was installed from.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::git::git;
use crate::mint::Mint;
use crate::support::{Installation, judged};

const ID: &str = "git:github.com/acme/notes";
const PLACE: &str = "git/git-00112233445566aa/repo";
const OLD: &str = "/home/user/.openclaw";
const EARLY: i64 = 1_700_000_000;

/// An installation with one git plugin, and the repository that it came from.
struct GitPlugin {
    mint: Mint,
    key: PathBuf,
    installation: Installation,
}

impl GitPlugin {
    /// A plugin installed from the signed tag v1.3.0. `attributes` is its `.gitattributes`.
    fn new(attributes: &str) -> Self {
        let mut mint = Mint::new();
        let files = [
            (".gitattributes", attributes),
            ("index.js", "export default {};\nexport const one = 1;\n"),
            (
                "openclaw.plugin.json",
                r#"{"id":"acme-git","name":"acme-git","version":"1.3.0","configSchema":{}}"#,
            ),
            (
                "package.json",
                r#"{"name":"acme-git","version":"1.3.0","type":"module","openclaw":{"extensions":["./index.js"]}}"#,
            ),
        ];
        let mut tree = String::new();
        for (name, text) in files {
            let blob = mint.git(&["hash-object", "-w", "--stdin"], text.as_bytes());
            tree.push_str(&format!("100644 blob {blob}\t{name}\n"));
        }
        let tree = mint.git(&["mktree"], tree.as_bytes());
        mint.commit = mint.git(&["commit-tree", &tree, "-m", "1.3.0"], b"");
        mint.git(&["update-ref", "refs/heads/main", &mint.commit], b"");
        let key = mint.ssh_key("key", &["ed25519"]);
        let this = Self {
            installation: Installation::shipped(),
            key,
            mint,
        };
        this.tag(
            &this
                .mint
                .ssh_tag(&this.key, &["-n", "git"], "v1.3.0", EARLY),
        );

        let folder = this.folder();
        fs::create_dir_all(folder.parent().expect("parent")).expect("folder");
        let (repo, to) = (this.mint.repo(), folder.clone());
        let paths = [repo.to_str().expect("path"), to.to_str().expect("path")];
        git(
            &this.installation.state,
            &["clone", "-q", paths[0], paths[1]],
        );
        this.record(&this.mint.commit);

        fs::write(
            this.installation.config.join("signers"),
            format!("ada@example.org {}\n", this.mint.public(&this.key)),
        )
        .expect("signers");
        this
    }

    fn folder(&self) -> PathBuf {
        self.installation.state.join(PLACE)
    }

    /// Writes the tag into the repository that was cloned, and into the clone when there is one.
    fn tag(&self, body: &[u8]) {
        let id = self.mint.put_tag("v1.3.0", body);
        let clone = self.folder().join(".git");
        if clone.exists() {
            let object = self
                .mint
                .repo()
                .join("objects")
                .join(&id[..2])
                .join(&id[2..]);
            let to = clone.join("objects").join(&id[..2]);
            fs::create_dir_all(&to).expect("folder");
            // A clone on the same disk shares its objects with what it was cloned from.
            if !to.join(&id[2..]).exists() {
                fs::copy(object, to.join(&id[2..])).expect("object");
            }
            fs::create_dir_all(clone.join("refs/tags")).expect("folder");
            fs::write(clone.join("refs/tags/v1.3.0"), format!("{id}\n")).expect("ref");
        }
    }

    /// What OpenClaw records at an install.
    fn record(&self, commit: &str) {
        let connection = Connection::open(self.installation.state.join("state/openclaw.sqlite"))
            .expect("database");
        let key = "plugins.installedIndex";
        let old: String = connection
            .query_row(
                "select value_json from config_machine_state where state_key=?1",
                [key],
                |row| row.get(0),
            )
            .expect("row");
        let mut index: Value = serde_json::from_str(&old).expect("JSON");
        index["index"]["installRecords"]["acme-git"] = json!({
            "source": "git", "spec": "git:github.com/acme/notes@v1.3.0", "installPath": format!("{OLD}/{PLACE}"),
            "version": "1.3.0", "gitUrl": "https://github.com/acme/notes", "gitRef": "v1.3.0", "gitCommit": commit,
            "installedAt": "2026-11-22T12:04:04.389Z",
        });
        connection
            .execute(
                "update config_machine_state set value_json=?1 where state_key=?2",
                [&index.to_string(), key],
            )
            .expect("update");
    }

    /// `lock --init`, and a release rule in the policy.
    fn init(&self) {
        self.installation.init(0);
        let policy = fs::read_to_string(self.installation.policy()).expect("policy");
        let rule = "\n[[release]]\nrepository = \"github.com/acme/notes\"\ntags = \"v*\"\nsigners = \"signers\"\n";
        fs::write(self.installation.policy(), policy + rule).expect("policy");
    }

    /// The counting findings about the plugin, as `level id[code]`, and its entry in the report. That a tag could move is reported by
    /// `floating-spec` in each case, and left out.
    fn judged(&self) -> (Vec<String>, Value) {
        judged(&self.installation.check().1, ID, &["floating-spec"])
    }
}

#[test]
fn a_verified_tag_goes_into_the_lock_and_proves_the_origin() {
    let plugin = GitPlugin::new("");
    plugin.init();
    assert!(
        !plugin.installation.lock_text().contains("tag-object"),
        "no signer was trusted yet"
    );
    let run = plugin.installation.run(&["lock"]);
    assert_eq!(run.code, 0, "gained evidence is welcome: {}", run.text());
    let lock = plugin.installation.lock_text();
    assert!(
        lock.contains("tag-object = \"") && lock.contains("signer = \"ssh:SHA256:"),
        "{lock}"
    );
    let (found, subject) = plugin.judged();
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(
        (&subject["basis"], &subject["outcomes"]["provenance"]),
        (&json!("signed"), &json!("verified"))
    );
    assert_eq!(plugin.installation.run(&["lock", "--check"]).code, 0);
}

#[test]
fn a_remade_tag_warns_and_is_locked_only_by_name() {
    let plugin = GitPlugin::new("");
    plugin.init();
    assert_eq!(plugin.installation.run(&["lock"]).code, 0);
    plugin.tag(
        &plugin
            .mint
            .ssh_tag(&plugin.key, &["-n", "git"], "v1.3.0", EARLY + 1),
    );
    let (found, subject) = plugin.judged();
    assert_eq!(
        (found, &subject["basis"]),
        (vec!["warn tag-retagged".to_owned()], &json!("locked"))
    );
    assert_eq!(plugin.installation.run(&["lock"]).code, 1);
    assert_eq!(plugin.installation.run(&["lock", "--accept", ID]).code, 0);
    assert_eq!(plugin.judged().0, [] as [&str; 0]);
}

#[test]
fn bad_tags_of_an_installed_plugin_are_found() {
    let plugin = GitPlugin::new("");
    plugin.init();
    assert_eq!(plugin.installation.run(&["lock"]).code, 0);
    let (mint, good) = (
        &plugin.mint,
        plugin
            .mint
            .ssh_tag(&plugin.key, &["-n", "git"], "v1.3.0", EARLY),
    );
    let other = mint.ssh_key("other", &["ed25519"]);
    for (body, finding) in [
        (
            mint.payload("v1.3.0", EARLY),
            "deny signature-missing[unsigned]",
        ),
        (
            mint.ssh_tag(&other, &["-n", "git"], "v1.3.0", EARLY),
            "deny signer-not-allowed[unknown-key]",
        ),
        (
            mint.ssh_tag(&plugin.key, &["-n", "git"], "v1.2.0", EARLY),
            "deny tag-mismatch[name-mismatch]",
        ),
        (
            [good.clone(), b"x\n".to_vec()].concat(),
            "deny tag-malformed[trailing-data]",
        ),
    ] {
        plugin.tag(&body);
        let (found, subject) = plugin.judged();
        assert!(found.contains(&finding.to_owned()), "{finding}: {found:?}");
        assert_eq!(subject["outcomes"]["provenance"], "violated");
    }
    // A tag that is gone is no reason to ask for less.
    fs::remove_file(plugin.folder().join(".git/refs/tags/v1.3.0")).expect("ref");
    let packed = plugin.folder().join(".git/packed-refs");
    if packed.exists() {
        let kept: String = fs::read_to_string(&packed)
            .expect("refs")
            .lines()
            .filter(|line| !line.contains("refs/tags") && !line.starts_with('^'))
            .map(|line| format!("{line}\n"))
            .collect();
        fs::write(&packed, kept).expect("refs");
    }
    let (found, _) = plugin.judged();
    assert!(
        found
            .iter()
            .any(|finding| finding.starts_with("deny tag-moved")
                || finding.starts_with("deny not-established")),
        "{found:?}"
    );
    plugin.tag(&good);
    assert_eq!(plugin.judged().0, [] as [&str; 0]);
}

#[test]
fn files_are_those_of_the_commit_apart_from_what_npm_writes() {
    let plugin = GitPlugin::new("");
    plugin.init();
    let clean = plugin.judged().0;
    assert_eq!(clean, [] as [&str; 0]);
    fs::write(
        plugin.folder().join("package-lock.json"),
        "{\"lockfileVersion\":3,\"packages\":{}}",
    )
    .expect("lock");
    let found = plugin.judged().0;
    assert!(
        !found
            .iter()
            .any(|finding| finding.contains("record-mismatch")),
        "{found:?}"
    );
    // What only has its name is a file that the commit does not hold.
    for text in [
        "#!/bin/sh\n",
        "{\"lockfileVersion\":3}",
        "{\"lockfileVersion\":3,\"packages\":{}} x",
    ] {
        fs::write(plugin.folder().join("package-lock.json"), text).expect("lock");
        let found = plugin.judged().0;
        assert!(
            found
                .iter()
                .any(|finding| finding.contains("record-mismatch")),
            "{text}: {found:?}"
        );
    }
    fs::remove_file(plugin.folder().join("package-lock.json")).expect("lock");

    let cases: [(&str, &str); 3] = [
        ("index.js", "evil();"),
        ("added.js", "evil();"),
        ("node_modules.js", "evil();"),
    ];
    for (name, text) in cases {
        let path = plugin.folder().join(name);
        let before = fs::read(&path).ok();
        fs::write(&path, text).expect("write");
        let (found, subject) = plugin.judged();
        assert!(
            found.contains(&"deny record-mismatch".to_owned()),
            "{name}: {found:?}"
        );
        assert_ne!(
            subject["basis"], "signed",
            "a signed tag says nothing about other files"
        );
        match before {
            Some(bytes) => fs::write(&path, bytes).expect("write"),
            None => fs::remove_file(&path).expect("remove"),
        }
    }
    // Changed before it was ever locked: the lock alone would call it good.
    let fresh = GitPlugin::new("");
    fs::write(fresh.folder().join("index.js"), "evil();").expect("write");
    let init = fresh.installation.run(&["lock", "--init"]);
    assert_eq!(init.code, 1, "{}", init.text());
    assert!(init.stdout.contains("changed index.js"), "{}", init.stdout);
}

/// A drive of Windows shows every file as a program.
#[test]
fn a_file_system_without_modes_changes_no_file_of_the_commit() {
    let plugin = GitPlugin::new("");
    let mode = |folder: &Path, bits: u32| {
        for entry in fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_file() {
                fs::set_permissions(&path, fs::Permissions::from_mode(bits)).expect("mode");
            }
        }
    };
    mode(&plugin.folder(), 0o755);
    plugin.init();
    assert_eq!(plugin.judged().0, [] as [&str; 0]);
    // One file alone was made a program by a person.
    mode(&plugin.folder(), 0o644);
    let one = plugin.folder().join("index.js");
    fs::set_permissions(&one, fs::Permissions::from_mode(0o755)).expect("mode");
    let found = plugin.judged().0;
    assert!(
        found.contains(&"deny record-mismatch".to_owned()),
        "{found:?}"
    );
    mode(&plugin.folder(), 0o755);
    fs::write(&one, "evil();").expect("write");
    let found = plugin.judged().0;
    assert!(
        found.contains(&"deny record-mismatch".to_owned()),
        "{found:?}"
    );
}

#[test]
fn line_endings_that_the_commit_asks_for_are_a_note() {
    let plugin = GitPlugin::new("*.js text eol=crlf\n");
    assert!(
        fs::read_to_string(plugin.folder().join("index.js"))
            .expect("file")
            .contains("\r\n"),
        "git wrote them so"
    );
    plugin.init();
    assert_eq!(plugin.judged().0, ["note record-mismatch"]);
    fs::write(
        plugin.folder().join("index.js"),
        "export default {};\r\nevil();\r\n",
    )
    .expect("write");
    assert!(
        plugin
            .judged()
            .0
            .contains(&"deny record-mismatch".to_owned())
    );
}

#[test]
fn a_record_of_another_commit_than_the_tag_is_a_mismatch() {
    let plugin = GitPlugin::new("");
    let mint = &plugin.mint;
    let other = mint.git(
        &[
            "commit-tree",
            &format!("{}^{{tree}}", mint.commit),
            "-m",
            "another",
        ],
        b"",
    );
    let git = plugin.folder().join(".git");
    let object = Path::new("objects").join(&other[..2]).join(&other[2..]);
    fs::create_dir_all(git.join(&object).parent().expect("parent")).expect("folder");
    fs::copy(mint.repo().join(&object), git.join(&object)).expect("object");
    fs::write(git.join("HEAD"), format!("{other}\n")).expect("HEAD");
    plugin.record(&other);
    plugin.init();
    assert_eq!(plugin.installation.check().0, 1);
    let (found, subject) = plugin.judged();
    assert!(
        found.contains(&"deny record-mismatch".to_owned()),
        "{found:?}"
    );
    assert_ne!(subject["basis"], "signed");
}

#[test]
fn a_clone_that_cannot_be_read_is_not_called_signed() {
    let plugin = GitPlugin::new("");
    plugin.init();
    assert_eq!(plugin.installation.run(&["lock"]).code, 0);
    fs::write(
        plugin.folder().join(".git/objects/info/alternates"),
        "/tmp\n",
    )
    .expect("alternates");
    let (found, subject) = plugin.judged();
    assert!(
        found.contains(&"deny not-established[unsupported-repository]".to_owned()),
        "{found:?}"
    );
    assert_eq!(subject["basis"], "locked");
}

#[test]
fn signers_in_the_checkout_are_refused() {
    let plugin = GitPlugin::new("");
    plugin.init();
    let inside = plugin.folder().join("signers");
    fs::rename(plugin.installation.config.join("signers"), &inside).expect("move");
    std::os::unix::fs::symlink(&inside, plugin.installation.config.join("signers")).expect("link");
    let run = plugin.installation.run(&["check"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(run.stderr.contains("under test"), "{}", run.stderr);
}

#[test]
fn trust_in_a_signer_counts_only_while_its_tag_is_verified() {
    let mut plugin = GitPlugin::new("");
    plugin.init();
    // No exceptions: what is not reviewed is denied.
    let rule = "version = 1\n[[release]]\nrepository = \"github.com/acme/notes\"\ntags = \"v*\"\nsigners = \"signers\"\n";
    fs::write(plugin.installation.policy(), rule).expect("policy");
    assert_eq!(plugin.installation.run(&["lock"]).code, 0);
    let unread = |plugin: &GitPlugin| {
        plugin
            .judged()
            .0
            .iter()
            .any(|finding| finding == "deny unreviewed")
    };
    assert!(unread(&plugin));
    let lock = plugin.installation.lock_text();
    let signer = lock
        .lines()
        .find_map(|line| line.strip_prefix("signer = "))
        .expect("signer")
        .trim_matches('"')
        .to_owned();

    let other = plugin.mint.ssh_key("other", &["ed25519"]);
    let reviews = plugin.installation.config.join("openclaw-reviews.toml");
    let trust = |publisher: &str, more: &[&str]| {
        let _ = fs::remove_file(&reviews);
        let run = [
            &["review", ID, "--trust", publisher, "--by", "Ada", "--yes"],
            more,
        ]
        .concat();
        assert_eq!(plugin.installation.run(&run).code, 0);
    };
    // Another signer, another form of the name, less than is required, a builder: nothing of that signed this tag.
    for (publisher, more) in [
        (
            "ssh:SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            &[][..],
        ),
        ("github:acme/notes", &[]),
        ("openpgp:AAAA", &[]),
        (&signer, &["--criteria", "safe-to-load"]),
        (&signer, &["--workflow", "release.yml"]),
    ] {
        trust(publisher, more);
        assert!(unread(&plugin), "{publisher} {more:?}");
    }
    for never in [
        signer.trim_start_matches("ssh:"),
        "ada@example.org",
        "git:file/notes",
        "github:acme",
        "github:/x",
        "acme/notes",
        "",
    ] {
        let run = plugin
            .installation
            .run(&["review", ID, "--trust", never, "--by", "Ada", "--yes"]);
        assert_eq!(run.code, 2, "{never}: {}", run.text());
    }
    trust(&signer, &[]);
    assert_eq!(plugin.judged().0, [] as [&str; 0]);
    assert_eq!(plugin.judged().1["outcomes"]["review"], "verified");
    let backlog = plugin
        .installation
        .run(&["review", "--format", "json"])
        .stdout;
    assert!(!backlog.contains(ID), "{backlog}");

    // Unsigned, signed by another signer, for another name, damaged, made anew.
    let mint = &plugin.mint;
    let good = mint.ssh_tag(&plugin.key, &["-n", "git"], "v1.3.0", EARLY);
    for body in [
        mint.payload("v1.3.0", EARLY),
        mint.ssh_tag(&other, &["-n", "git"], "v1.3.0", EARLY),
        mint.ssh_tag(&plugin.key, &["-n", "git"], "v1.2.0", EARLY),
        mint.ssh_tag(&plugin.key, &["-n", "file"], "v1.3.0", EARLY),
        [good.clone(), b"x\n".to_vec()].concat(),
        mint.ssh_tag(&plugin.key, &["-n", "git"], "v1.3.0", EARLY + 1),
    ] {
        plugin.tag(&body);
        assert!(
            unread(&plugin),
            "{:?}: {}",
            plugin.judged().0,
            String::from_utf8_lossy(&body)
        );
    }
    plugin.tag(&good);
    assert!(!unread(&plugin));
    // Other files than the signed ones.
    fs::write(plugin.folder().join("index.js"), "evil();").expect("write");
    let found = plugin.judged().0;
    assert!(
        found.iter().any(|finding| finding == "deny tree-mismatch"),
        "{found:?}"
    );
    fs::write(
        plugin.folder().join("index.js"),
        "export default {};\nexport const one = 1;\n",
    )
    .expect("write");
    assert!(!unread(&plugin));
    // The policy no longer says who may sign, or the signer is not in the file.
    fs::write(plugin.installation.policy(), "version = 1\n").expect("policy");
    assert!(unread(&plugin));
    fs::write(plugin.installation.policy(), rule).expect("policy");
    fs::write(
        plugin.installation.config.join("signers"),
        format!("eve@example.org {}\n", mint.public(&other)),
    )
    .expect("signers");
    assert!(unread(&plugin));
    fs::write(
        plugin.installation.config.join("signers"),
        format!("ada@example.org {}\n", mint.public(&plugin.key)),
    )
    .expect("signers");
    assert!(!unread(&plugin));
    // The same signer moved the tag to another commit.
    let commit = mint.git(
        &[
            "commit-tree",
            &format!("{}^{{tree}}", mint.commit),
            "-m",
            "another",
        ],
        b"",
    );
    let object = Path::new("objects").join(&commit[..2]).join(&commit[2..]);
    let to = plugin.folder().join(".git").join(&object);
    fs::create_dir_all(to.parent().expect("parent")).expect("folder");
    fs::copy(mint.repo().join(&object), to).expect("object");
    plugin.mint.commit = commit;
    plugin.tag(
        &plugin
            .mint
            .ssh_tag(&plugin.key, &["-n", "git"], "v1.3.0", EARLY),
    );
    assert!(unread(&plugin), "{:?}", plugin.judged().0);
}
