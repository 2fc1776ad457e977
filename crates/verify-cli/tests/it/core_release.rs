//! Whether OpenClaw itself was built from a release that its makers signed, through the binary.

use std::fs;

use serde_json::Value;

use crate::mint::Mint;
use crate::support::{Installation, findings};

const REPOSITORY: &str = "github.com/openclaw/openclaw";
const EARLY: i64 = 1_700_000_000;
const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// A host package of version 1.0.0 whose lock names a provenance, and a clone in which its release is signed.
struct Core {
    installation: Installation,
    mint: Mint,
}

impl Core {
    fn new() -> Self {
        let mut installation = Installation::empty();
        let host = installation.home.join("host/openclaw");
        fs::create_dir_all(&host).expect("folder");
        fs::write(
            host.join("package.json"),
            r#"{"name":"openclaw","version":"1.0.0"}"#,
        )
        .expect("manifest");
        installation.host = Some(host.canonicalize().expect("host"));
        installation.init(0);
        let mint = Mint::new();
        let key = mint.ssh_key("key", &["ed25519"]);
        let tag = mint.ssh_tag(&key, &["-n", "git"], "v1.0.0", EARLY);
        mint.put_tag("v1.0.0", &tag);
        let line = format!("ada@example.org {}\n", mint.public(&key));
        fs::write(installation.config.join("signers"), line).expect("signers");
        let policy = fs::read_to_string(installation.policy()).expect("policy");
        let rule = format!(
            "\n[[release]]\nrepository = \"{REPOSITORY}\"\ntags = \"v*\"\nsigners = \"signers\"\n"
        );
        fs::write(installation.policy(), policy + &rule).expect("policy");
        Self { installation, mint }
    }

    /// Says in the lock from which commit the core was built.
    fn built_from(&self, commit: &str) {
        let lock = self.installation.lock_text();
        let kept = lock.lines().filter(|line| !line.starts_with("provenance"));
        let mut text = String::new();
        for line in kept {
            text += line;
            text += "\n";
            if line.starts_with("id = \"core:openclaw\"") {
                // Keys of an entry may stand in any order.
                text += &format!(
                    "provenance = {{ repository = \"{REPOSITORY}\", workflow = \".github/workflows/release.yml\", commit = \"{commit}\" }}\n"
                );
            }
        }
        fs::write(self.installation.lock(), text).expect("lock");
    }

    fn pin(&self) {
        let repo = self.mint.repo();
        let repo = repo.to_str().expect("path");
        let arguments = [
            "release",
            repo,
            "v1.0.0",
            "--repository",
            REPOSITORY,
            "--pin",
        ];
        let mut command = crate::support::bare(&self.installation.home, &self.installation.config);
        command
            .args(arguments)
            .arg("--config")
            .arg(&self.installation.config);
        let output = command.args(["--now", crate::support::NOW]).output();
        let run = crate::support::Run::of(&output.expect("the binary runs"));
        assert_eq!(run.code, 0, "{}", run.text());
    }

    /// What the report says of the release, and the findings about it.
    fn judged(&self) -> (Value, Vec<String>) {
        let (_, report) = self.installation.check();
        let subjects = report["subjects"].as_array().expect("subjects");
        let core = subjects
            .iter()
            .find(|subject| subject["id"] == "core:openclaw");
        let release = core.expect("the core")["release"].clone();
        let mut found = findings(&report);
        found.retain(|finding| finding.starts_with("provenance-mismatch"));
        (release, found)
    }

    fn text(&self) -> String {
        self.installation.run(&["core", "-v"]).stdout
    }
}

#[test]
fn what_was_built_is_what_was_signed_or_it_is_said() {
    let core = Core::new();
    let (release, found) = core.judged();
    assert_eq!(release["outcome"], "not-established");
    assert_eq!(release["why"], "its provenance is not known");
    assert_eq!(found, Vec::<String>::new());

    core.built_from(&core.mint.commit);
    let (release, found) = core.judged();
    assert_eq!(release["outcome"], "not-established");
    assert_eq!(release["commit"], core.mint.commit);
    assert_eq!(release["why"], "no verified tag of version 1.0.0 is pinned");
    assert_eq!(found, Vec::<String>::new());
    let text = core.text();
    let line =
        "built from a signed release: not-established; no verified tag of version 1.0.0 is pinned";
    assert!(text.contains(line), "{text}");

    core.pin();
    let (release, found) = core.judged();
    assert_eq!(release["outcome"], "verified", "{release}");
    assert_eq!(release["tag"], "v1.0.0");
    assert_eq!(release["tagCommit"], core.mint.commit);
    assert_eq!(release["signer"]["principal"], "ada@example.org");
    assert_eq!(found, Vec::<String>::new());
    let text = core.text();
    let line = "built from a signed release v1.0.0, signed by ada@example.org: verified";
    assert!(text.contains(line), "{text}");

    core.built_from(OTHER);
    let (release, found) = core.judged();
    assert_eq!(release["outcome"], "violated");
    let [only] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        only.starts_with("provenance-mismatch[release-tag] core:openclaw"),
        "{only}"
    );
    assert!(
        only.contains(OTHER) && only.contains(&core.mint.commit),
        "{only}"
    );
}

#[test]
fn a_signer_who_may_no_longer_sign_proves_nothing() {
    let core = Core::new();
    core.built_from(&core.mint.commit);
    core.pin();
    let other = core.mint.ssh_key("other", &["ed25519"]);
    let line = format!("ada@example.org {}\n", core.mint.public(&other));
    fs::write(core.installation.config.join("signers"), line).expect("signers");
    let (release, _) = core.judged();
    assert_eq!(release["outcome"], "not-established", "{release}");
    assert_eq!(release["signer"], Value::Null);
}
