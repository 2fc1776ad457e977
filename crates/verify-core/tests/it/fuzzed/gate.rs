//! Install requests by an attacker: always one valid reply, never a panic; and without a lock nothing that is staged passes.
//!
//! What a request names is replaced by a small staged plugin: else the fuzzer would soon hash all of this machine.
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use openclaw_verify_core::Verifier;
use openclaw_verify_core::gate::{Gate, OriginKind, Reply, Request, Verdict};

const FILES: [(&str, &str); 8] = [
    (
        "package.json",
        r#"{"name":"@a/b","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}"#,
    ),
    ("openclaw.plugin.json", r#"{"id":"b"}"#),
    ("index.js", ""),
    ("SKILL.md", "---\nname: b\n---\n"),
    (".git/HEAD", "1111111111111111111111111111111111111111\n"),
    (
        "node_modules/@a/b/package.json",
        r#"{"name":"@a/b","version":"1.0.0"}"#,
    ),
    ("node_modules/@a/b/index.js", ""),
    (
        "package-lock.json",
        r#"{"lockfileVersion":3,"packages":{"node_modules/@a/b":{"version":"1.0.0"}}}"#,
    ),
];
const METADATA: &str = r#"{"packageName":"@a/b","resolution":{"name":"@a/b","version":"1.0.0"}}"#;

static STAGED: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = std::env::temp_dir().join(format!("openclaw-verify-fuzz-{}", std::process::id()));
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, text).expect("write");
    };
    FILES
        .iter()
        .for_each(|(name, text)| write(&root.join("staged").join(name), text));
    write(&root.join("metadata.json"), METADATA);
    root
});

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let now = "2026-11-22T12:00:00Z".parse().expect("time");
    Verifier::builder(now).threads(1).build().expect("verifier")
});

/// Where the request's own path leads to in what is staged.
fn staged(request: &Request) -> PathBuf {
    match (
        request.is_folder,
        request.path.ends_with("node_modules/@a/b"),
    ) {
        (false, _) => STAGED.join("metadata.json"),
        (true, true) => STAGED.join("staged/node_modules/@a/b"),
        (true, false) => STAGED.join("staged"),
    }
}

/// An install request as OpenClaw writes it.
pub fn gate_request(bytes: &[u8]) {
    let reply = match Request::parse(bytes) {
        Ok(mut request) => {
            request.path = staged(&request);
            let reply = match VERIFIER.decide(&request) {
                Ok(decision) => Reply::new(&request, &decision, None),
                Err(error) => Gate::refuse(&error),
            };
            let announced = matches!(
                request.origin.kind,
                OriginKind::PluginNpm | OriginKind::PluginGit
            );
            assert!(
                reply.verdict() == Verdict::Block || announced,
                "nothing is locked"
            );
            reply
        }
        Err(error) => Reply::block(&error.to_string()),
    };
    let text = reply.to_json();
    assert!(
        text.starts_with(r#"{"decision":""#)
            || text.starts_with(r#"{"protocolVersion":1,"decision":""#)
    );
    assert!(text.len() < 32 << 10);
    assert!(reply.verdict() == Verdict::Allow || text.contains(r#""reason":""#));
}
