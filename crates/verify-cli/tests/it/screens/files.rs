//! Every kind of error about a file of the operator.

use std::fs;
use std::path::Path;

use super::{Theme, on, root, run, shipped};

const KEY: &str = "a@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\n";
const TAG: &str = "object 1111111111111111111111111111111111111111\ntype commit\ntag v1.0.0\ntagger a <a@example.org> 1760000000 +0000\n\nx\n";

/// What can be wrong with a file of any format.
const BYTES: [(&str, &[u8]); 3] = [
    ("empty", b""),
    ("not-text", b"version = 1\n\xff\xfe\n"),
    ("nul", b"version = 1\n\0\n"),
];

/// What can be wrong with the three TOML files.
const TOML: [(&str, &str); 7] = [
    ("syntax", "version = 1\nname = \n"),
    ("unknown-key", "version = 1\nunknown = true\n"),
    ("newer", "version = 99\n"),
    ("no-version", "# nothing\n"),
    ("version-is-text", "version = \"1\"\n"),
    (
        "conflict",
        "version = 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n",
    ),
    ("twice", "version = 1\nversion = 1\n"),
];

const POLICY: [(&str, &str); 12] = [
    ("preset", "version = 1\npreset = \"strictest\"\n"),
    ("level", "version = 1\n[levels]\nunpinned = \"error\"\n"),
    (
        "level-of-no-rule",
        "version = 1\n[levels]\nunpined = \"warn\"\n",
    ),
    (
        "rule-without-match",
        "version = 1\n[[rule]]\npin = \"exact\"\n",
    ),
    (
        "rule-key",
        "version = 1\n[[rule]]\nmatch = \"npm:*\"\npins = \"exact\"\n",
    ),
    (
        "pattern",
        "version = 1\n[[rule]]\nmatch = \"npm:***\"\npin = \"exact\"\n",
    ),
    (
        "pin",
        "version = 1\n[[rule]]\nmatch = \"npm:*\"\npin = \"loose\"\n",
    ),
    (
        "import",
        "version = 1\n[imports.acme]\nurl = \"http://acme.example\"\ndigest = \"sha256:00\"\n",
    ),
    (
        "source",
        "version = 1\n[sources]\nregistries = [\"not an address\"]\n",
    ),
    (
        "exception-key",
        "version = 1\n[[exception]]\npackage = \"path:acme-notes\"\n",
    ),
    (
        "exception-too-long",
        "version = 1\n[[exception]]\npackage = \"path:acme-notes\"\nallow = [\"unpinned\"]\nreason = \"x\"\nuntil = 2099-01-01\n",
    ),
    (
        "exception-of-no-rule",
        "version = 1\n[[exception]]\npackage = \"path:acme-notes\"\nallow = [\"unpined\"]\nreason = \"x\"\nuntil = 2026-12-24\n",
    ),
];

const LOCK: [(&str, &str); 3] = [
    (
        "entry-key",
        "version = 1\n[[package]]\nid = \"path:a\"\ncolour = \"red\"\n",
    ),
    (
        "digest",
        "version = 1\n[[package]]\nid = \"path:a\"\ntree = \"git-sha256:00\"\n",
    ),
    ("id", "version = 1\n[[package]]\nid = \"a\"\n"),
];

const REVIEWS: [(&str, &str); 4] = [
    (
        "entry-key",
        "version = 1\n[[review]]\npackage = \"npm:a\"\ncolour = \"red\"\n",
    ),
    (
        "criteria",
        "version = 1\n[[review]]\npackage = \"npm:a\"\ncriteria = \"fine\"\n",
    ),
    (
        "date",
        "version = 1\n[[review]]\npackage = \"npm:a\"\ncriteria = \"safe-to-run\"\nby = \"Ada\"\ndate = \"yesterday\"\n",
    ),
    (
        "violation",
        "version = 1\n[[violation]]\npackage = \"npm:a\"\nversions = \"*\"\n",
    ),
];

/// Signers of tags, a certificate, a tag object, a trust root, npm's keys, a bundle: what is wrong with them, beside `BYTES`.
const SIGNERS: [(&str, &str); 4] = [
    ("syntax", "just-one-word\n"),
    ("key", "a@example.org ssh-ed25519 AAAA\n"),
    ("kind", "a@example.org ssh-dss AAAAB3NzaC1kc3MAAAA=\n"),
    ("conflict", "<<<<<<< ours\n"),
];
const CERTIFICATE: [(&str, &str); 2] = [
    ("syntax", "nothing\n"),
    ("armour", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"),
];
const OBJECT: [(&str, &str); 2] = [("syntax", "nothing\n"), ("unsigned", TAG)];
const JSON: [(&str, &str); 4] = [
    ("syntax", "{ \"keys\": [ }"),
    ("other", "{}"),
    ("list", "[]"),
    ("conflict", "<<<<<<< ours\n{}\n"),
];

/// What is spoiled: its name on the screens, its file, the line that reads it, and what is wrong with it.
type Row<'a> = (&'a str, &'a str, &'a str, Vec<(&'a str, &'a str)>);

/// The ways in which a path is no file, and files that are too large.
fn spoil(path: &Path, how: &str) {
    let _ = fs::remove_file(path);
    match how {
        "folder" => fs::create_dir(path).expect("folder"),
        "dangling" => std::os::unix::fs::symlink("nowhere", path).expect("link"),
        "loop" => std::os::unix::fs::symlink(path, path).expect("link"),
        // Sparse, so it costs no disk.
        _ => fs::File::create(path)
            .and_then(|file| file.set_len(1 << 30))
            .expect("large"),
    }
}

#[test]
fn errors_about_them() {
    let installation = shipped();
    installation.init(0);
    let mut theme = Theme::new("files", root(&installation));
    let config = &installation.config;
    fs::write(config.join("signers"), KEY).expect("signers");
    fs::write(config.join("tag"), TAG).expect("tag");
    fs::write(config.join("artifact"), "x").expect("artifact");
    fs::write(config.join("bundle"), "{}").expect("bundle");
    let attestation = "attestation artifact --bundle bundle --repository github.com/acme/tool";
    let root_of = format!("{attestation} --trusted-root root");
    let keys_of = "check --npm-keys keys";
    let openpgp = "release --object tag --openpgp certificate";
    let of_tag = "release --object tag --signers signers";
    let public_key = "attestation artifact --bundle bundle --public-key key";
    let table: [Row<'_>; 11] = [
        (
            "policy",
            "openclaw-verify.toml",
            "check",
            [&TOML[..], &POLICY].concat(),
        ),
        (
            "lock",
            "openclaw-verify.lock",
            "check",
            [&TOML[..], &LOCK].concat(),
        ),
        (
            "reviews",
            "openclaw-reviews.toml",
            "check",
            [&TOML[..], &REVIEWS].concat(),
        ),
        ("signers", "signers", of_tag, SIGNERS.to_vec()),
        ("certificate", "certificate", openpgp, CERTIFICATE.to_vec()),
        ("tag", "tag", of_tag, OBJECT.to_vec()),
        ("trust-root", "root", &root_of, JSON.to_vec()),
        ("npm-keys", "keys", keys_of, JSON.to_vec()),
        ("bundle", "bundle", attestation, JSON.to_vec()),
        (
            "public-key",
            "key",
            public_key,
            vec![("syntax", "nothing\n")],
        ),
        (
            "earlier-sbom",
            "old.json",
            "sbom --diff old.json",
            JSON.to_vec(),
        ),
    ];
    for (what, file, line, texts) in table {
        let path = config.join(file);
        let before = fs::read(&path).ok();
        let texts = texts.iter().map(|(how, text)| (*how, text.as_bytes()));
        for (how, bytes) in BYTES.into_iter().chain(texts) {
            fs::write(&path, bytes).expect("write");
            theme.one(&format!("{what}-{how}"), &installation, line);
        }
        for how in ["large", "folder", "loop", "dangling"] {
            let _ = fs::remove_dir(&path);
            spoil(&path, how);
            theme.one(&format!("{what}-{how}"), &installation, line);
        }
        fs::remove_file(&path).expect("remove");
        theme.one(&format!("{what}-absent"), &installation, line);
        if let Some(before) = before {
            fs::write(&path, before).expect("write");
        }
    }
    let lock = installation.lock();
    let conflict = "version = 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n";
    fs::write(&lock, conflict).expect("lock");
    for line in [
        "lock",
        "lock --check",
        "lock --init",
        "review",
        "sbom --from-lock",
        "check --lock-only",
    ] {
        let name = format!("lock-conflict-{}", super::slug(line));
        theme.shot(
            &name,
            &format!("openclaw-verify {line}"),
            &run(&mut on(&installation, line)),
        );
    }
    theme.end();
}
