//! What has to be read after an update by a real OpenClaw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Installation, real};

/// The older version is installed by OpenClaw itself, and updated by it, in a state directory of its own.
#[test]
#[ignore = "needs a real OpenClaw"]
fn an_update_leaves_exactly_the_true_difference_to_read() {
    const ID: &str = "npm:@openclaw/zalo";
    let root = real();
    let own = tempfile::tempdir().expect("temporary folder");
    let home = own.path().canonicalize().expect("real path");
    // It says where packages come from.
    if root.join("home/.npmrc").exists() {
        std::fs::copy(root.join("home/.npmrc"), home.join(".npmrc")).expect("npm's settings");
    }
    let openclaw = |arguments: &str| {
        let (env, home) = (root.join("env.sh"), home.display());
        let script = format!(
            "source '{}'; export HOME='{home}' OPENCLAW_STATE_DIR='{home}/.openclaw' TMPDIR='{home}'; oc {arguments} </dev/null",
            env.display()
        );
        let output = Command::new("bash")
            .arg("-c")
            .arg(script)
            .output()
            .expect("bash");
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let review = |installation: &Installation, arguments: &[&str]| {
        let run = installation.run(&[&["review", ID], arguments].concat());
        assert_eq!(run.code, 0, "{}", run.text());
        run.stdout
    };
    let folder = |installation: &Installation| {
        let run = installation.run(&["plugins", ID, "--format", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        let subjects = report["subjects"].as_array().expect("subjects").clone();
        let zalo = subjects
            .iter()
            .find(|subject| subject["id"] == ID)
            .expect("zalo")
            .clone();
        installation
            .state
            .join(zalo["path"].as_str().expect("path"))
    };
    let record = [
        "--record",
        "--criteria",
        "safe-to-run",
        "--by",
        "Ada",
        "--yes",
    ];
    openclaw("plugins install npm:@openclaw/zalo@2026.9.4 --force");
    let installation = Installation::of_host(&root, &home.join(".openclaw"));
    installation.init(0);
    review(&installation, &["--diff"]);
    review(&installation, &record);
    assert_eq!(installation.check().0, 0);
    let old = tempfile::tempdir().expect("temporary folder");
    crate::support::copy(&folder(&installation), &old.path().join("zalo"));

    openclaw("plugins update zalo");
    assert_eq!(
        installation.run(&["lock"]).code,
        0,
        "an update by OpenClaw explains itself"
    );
    let (code, report) = installation.check();
    let denied: Vec<_> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|f| f["level"] == "deny")
        .collect();
    let counting: Vec<_> = denied
        .iter()
        .filter(|finding| finding["suppressed"].is_null())
        .collect();
    assert_eq!(code, 1);
    assert!(
        counting.len() == 1 && counting[0]["id"] == "unreviewed" && counting[0]["subject"] == ID,
        "{counting:#?}"
    );
    assert!(
        counting[0]["help"]
            .as_str()
            .is_some_and(|help| help.ends_with("--diff 2026.9.4")),
        "{}",
        counting[0]
    );

    // The suggested difference against `diff -r` of the two packages: the same files, and for each text the same new content.
    let new = folder(&installation);
    let shown = review(&installation, &["--diff", "2026.9.4", "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let paths = |list: &Value| -> Vec<String> {
        list.as_array()
            .expect("list")
            .iter()
            .map(|file| file["path"].as_str().expect("path").to_owned())
            .collect()
    };
    let mut ours = [
        paths(&shown["difference"]["files"]),
        paths(&shown["difference"]["named"]),
    ]
    .concat();
    ours.sort();
    assert_eq!(ours, different(&old.path().join("zalo"), &new));
    let files = shown["difference"]["files"].as_array().expect("files");
    for file in files {
        let path = file["path"].as_str().expect("path");
        let read = |root: &Path| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        let (before, after) = (read(&old.path().join("zalo")), read(&new));
        if before
            .chars()
            .chain(after.chars())
            .all(|c| c == '\n' || c == '\t' || !openclaw_verify_core::text::is_hazard(c))
        {
            assert_eq!(
                applied(&before, &file["hunks"]),
                after.lines().collect::<Vec<_>>(),
                "{path}"
            );
        }
    }

    // Without the kept files, the old generation that OpenClaw left on the disk says the same.
    let item = |installation: &Installation| {
        let backlog: Value =
            serde_json::from_str(&installation.run(&["review", "--format", "json"]).stdout)
                .expect("JSON");
        backlog["items"]
            .as_array()
            .expect("items")
            .iter()
            .find(|item| item["subject"] == ID)
            .expect("zalo")
            .clone()
    };
    let kept = item(&installation);
    std::fs::remove_dir_all(
        installation
            .config
            .join("../home/.cache/openclaw-verify/contents"),
    )
    .expect("cache");
    let generation = item(&installation);
    assert_eq!(kept["cost"], generation["cost"]);
    assert!(
        generation["place"]
            .as_str()
            .is_some_and(|place| place.starts_with("the old generation at")),
        "{generation}"
    );

    review(&installation, &record);
    assert_eq!(
        installation.check().0,
        0,
        "{:#?}",
        crate::support::findings(&installation.check().1)
    );
    std::fs::remove_file(installation.config.join("openclaw-reviews.toml")).expect("reviews");
    assert_eq!(installation.check().0, 1);
}

/// What `diff -r` names, sorted: paths below the two folders. OpenClaw's link to the host is no file of the package.
fn different(old: &Path, new: &Path) -> Vec<String> {
    let list = |root: &Path| -> BTreeMap<String, Vec<u8>> {
        let output = Command::new("find")
            .arg(root)
            .args(["-type", "f", "-printf", "%P\\n"])
            .output()
            .expect("find");
        let paths = String::from_utf8(output.stdout).expect("UTF-8");
        paths
            .lines()
            .map(|path| {
                (
                    path.to_owned(),
                    std::fs::read(root.join(path)).expect("read"),
                )
            })
            .collect()
    };
    let output = Command::new("diff")
        .args(["-rq", "--no-dereference"])
        .arg(old)
        .arg(new)
        .output()
        .expect("diff");
    let (before, after) = (list(old), list(new));
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let found: Vec<String> = all
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .cloned()
        .collect();
    // `diff -rq` names a new folder once and not its files, so only what it names as differing is compared one to one.
    let shown = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.starts_with("Files "))
        .count();
    let both = found
        .iter()
        .filter(|path| before.contains_key(*path) && after.contains_key(*path))
        .count();
    assert_eq!(shown, both);
    found
}

/// The lines of `before` after the hunks were applied.
fn applied<'a>(before: &'a str, hunks: &'a Value) -> Vec<&'a str> {
    let (mut lines, mut old, mut at) = (Vec::new(), before.lines(), 0);
    for hunk in hunks.as_array().expect("hunks") {
        let start = hunk["oldStart"].as_u64().expect("start") as usize;
        while at + 1 < start {
            lines.extend(old.next());
            at += 1;
        }
        for line in hunk["lines"]
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| line.as_str().expect("line"))
        {
            match line.as_bytes().first() {
                Some(b' ') => {
                    assert_eq!(old.next(), line.get(1..));
                    (at, _) = (at + 1, lines.push(line.get(1..).unwrap_or_default()));
                }
                Some(b'-') => (at, _) = (at + 1, assert_eq!(old.next(), line.get(1..))),
                Some(b'+') => lines.push(line.get(1..).unwrap_or_default()),
                _ => {}
            }
        }
    }
    lines.extend(old);
    lines
}
