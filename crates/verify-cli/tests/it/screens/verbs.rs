//! The verbs that write, describe and review.

use std::fs;

use super::{Theme, on, root, run, shipped};
use crate::tamper::append;

const PACKED: &str = "npm-pack:@acme/packed";

#[test]
fn lock_tree_and_sbom() {
    let installation = shipped();
    installation.init(0);
    let mut theme = Theme::new("verbs", root(&installation));
    // The day of the tests, as `SOURCE_DATE_EPOCH` would give it, is in --now.
    theme.all(
        &installation,
        &[
            "lock",
            "lock -v",
            "lock --check",
            "lock --init",
            "lock no:such",
            "lock --accept no:such",
            "sbom --no-verify",
            "sbom --no-verify --spec-version 1.5",
            "sbom --no-verify --spec-version 1.6",
            "sbom --no-verify --spec-version 1.7",
            "sbom --no-verify --compact",
            "sbom --no-verify --reproducible",
            "sbom --no-verify --subject npm-pack:@acme/packed",
            "sbom --no-verify --subject no:such",
            "sbom --from-lock",
            "sbom --no-verify -o out.cdx.json",
            "sbom --no-verify --diff out.cdx.json",
            "sbom --no-verify --diff out.cdx.json --format json",
        ],
    );
    let tree = installation.state.join("extensions/acme-notes");
    for more in ["", " --manifest", " --format json"] {
        let line = format!("tree ../state/extensions/acme-notes{more}");
        theme.one(&super::slug(&format!("tree{more}")), &installation, &line);
    }
    append(&tree.join("index.js"), "// more\n");
    for (name, line) in [
        ("changed-lock", "lock"),
        ("changed-lock-check", "lock --check"),
        ("changed-lock-one", "lock path:acme-notes"),
        ("changed-lock-accept", "lock --accept path:acme-notes"),
        ("changed-lock-again", "lock --check"),
    ] {
        theme.one(name, &installation, line);
    }
    fs::remove_dir_all(&tree).expect("remove");
    theme.one("removed-lock-check", &installation, "lock --check");
    theme.one("removed-check", &installation, "check");
    theme.end();
}

#[test]
fn review() {
    let installation = shipped();
    installation.init(0);
    let mut theme = Theme::new("review", root(&installation));
    let policy = "version = 1\n[levels]\nunpinned-mcp-server = \"warn\"\n";
    theme.one("list-with-exceptions", &installation, "review");
    fs::write(installation.policy(), policy).expect("policy");
    let diff = format!("review {PACKED} --diff");
    let record = format!("review {PACKED} --record --criteria safe-to-run");
    for (name, line) in [
        ("list", "review"),
        ("list-verbose", "review -v"),
        ("list-quiet", "review -q"),
        ("list-json", "review --format json"),
        ("one", &format!("review {PACKED}")),
        ("diff", &diff),
        ("diff-of-a-version", &format!("{diff} 1.1.0")),
        ("diff-dependencies", &format!("{diff} --dependencies")),
        ("diff-skill", "review skill:workspace/weather --diff"),
        ("diff-nothing", "review no:such --diff"),
        ("record-without-a-name", &format!("{record} --yes")),
        ("record-without-a-terminal", &format!("{record} --by Ada")),
        ("record", &format!("{record} --by Ada --yes")),
        ("record-again", &format!("{record} --by Ada --yes")),
        (
            "record-agent",
            "review skill:workspace/weather --record --criteria safe-to-load --by Ada --agent model-1 --yes",
        ),
        (
            "trust",
            &format!(
                "review {PACKED} --trust github.com/acme/packed --criteria safe-to-run --until 2027-01-31 --by Ada --yes"
            ),
        ),
        (
            "violation",
            "review skill:workspace/weather --violation --reason bad --by Ada --yes",
        ),
        (
            "policy-except",
            "policy except path:acme-notes unreviewed --until 2027-01-31 --reason pilot --yes",
        ),
        (
            "policy-except-again",
            "policy except path:acme-notes unreviewed --until 2027-02-01 --reason pilot --yes",
        ),
        ("policy-prune-nothing", "policy prune"),
        ("list-after", "review"),
        ("check-after", "check"),
    ] {
        theme.one(name, &installation, line);
    }
    theme.end();
}

#[test]
fn archive() {
    let installation = shipped();
    installation.init(0);
    let mut theme = Theme::new("archive", root(&installation));
    let config = &installation.config;
    let package =
        r#"{"name":"@acme/a","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}"#;
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in [
        ("package/package.json", package),
        ("package/index.js", "export default {};\n"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive
            .append_data(&mut header, name, text.as_bytes())
            .expect("append");
    }
    // Stored, so that the bytes are the same with every version of the compressor.
    let file = fs::File::create(config.join("a.tgz")).expect("archive");
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::none());
    std::io::Write::write_all(&mut gzip, &archive.into_inner().expect("tar")).expect("write");
    gzip.finish().expect("gzip");
    fs::write(config.join("bad.tgz"), "not an archive").expect("write");
    fs::write(config.join("attestations"), "{}").expect("write");
    theme.all(
        &installation,
        &[
            "archive a.tgz",
            "archive a.tgz -v",
            "archive a.tgz -q",
            "archive a.tgz --format json",
            "archive a.tgz --integrity sha512-AAAA",
            "archive a.tgz --integrity md5-AAAA",
            "archive a.tgz --attestations attestations",
            "archive a.tgz --attestations nowhere",
            "archive a.tgz --unpack-to out",
            "archive a.tgz --unpack-to ../state",
            "archive bad.tgz",
            "archive nowhere.tgz",
            "archive ..",
        ],
    );
    let completions = run(&mut on(&installation, "completions bash"));
    assert!(completions.code == 0 && completions.stdout.contains("openclaw-verify"));
    theme.end();
}
