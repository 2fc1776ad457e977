//! Help, explanations and errors of usage.

use openclaw_verify_core::rules;

use super::{Theme, bare, folder, names, root, run, shipped, slug};

#[test]
fn help_of_every_verb() {
    let installation = shipped();
    let mut theme = Theme::new("help", root(&installation));
    let top = run(&mut bare(&installation, "--help")).stdout;
    // The first word of each line of the groups; a test of the command line holds them complete.
    let groups = top
        .split_once("Every day:")
        .and_then(|(_, rest)| rest.split_once("Exit codes:"));
    let verbs = groups.expect("groups").0.lines().filter_map(|line| {
        let line = line.strip_prefix("  ")?;
        line.split(' ').next().filter(|word| !word.is_empty())
    });
    let verbs: Vec<&str> = verbs.collect();
    assert!(verbs.len() >= 15, "{verbs:?}");
    for verb in std::iter::once("").chain(verbs) {
        for flag in ["-h", "--help"] {
            theme.all_bare(&installation, &[format!("{verb} {flag}").trim_start()]);
        }
    }
    for action in ["except", "source", "prune", "resolve"] {
        for flag in ["-h", "--help"] {
            theme.all_bare(&installation, &[&format!("policy {action} {flag}")]);
        }
    }
    for flag in ["-h", "--help"] {
        theme.all_bare(&installation, &[&format!("advisories import {flag}")]);
    }
    theme.all_bare(&installation, &["-V", "--version"]);
    theme.end();
}

#[test]
fn explanation_of_every_rule() {
    let installation = shipped();
    let mut theme = Theme::new("explain", root(&installation));
    theme.all_bare(&installation, &["explain", "explain --format json"]);
    for rule in rules::catalogue() {
        let id = rule.id;
        theme.all_bare(
            &installation,
            &[
                &format!("explain {id}"),
                &format!("explain {id} --format json"),
            ],
        );
    }
    theme.all_bare(
        &installation,
        &[
            "explain no-such-rule",
            "explain tree-mismtach",
            "explain openclaw-verify/tree-mismatch",
            "explain tree-mismatch --format sarif",
        ],
    );
    theme.end();
}

#[test]
fn every_rule_has_its_explanation_in_a_file() {
    let kept: Vec<String> = names(&folder("explain")).collect();
    for rule in rules::catalogue() {
        for form in ["", "--format-json"] {
            let name = format!("explain-{}{}", rule.id, form.replacen("--", "---", 1));
            assert!(kept.contains(&name), "{name}.snap is missing");
        }
    }
}

#[test]
fn errors_of_usage() {
    let installation = shipped();
    let mut theme = Theme::new("usage", root(&installation));
    theme.all_bare(
        &installation,
        &[
            "--no-such-flag",
            "chekc",
            "check --no-such-flag",
            "check extra",
            "check --format yaml",
            "check --fail-on nothing",
            "check --report sarif",
            "check --report yaml=out",
            "check --threads 0",
            "check --now yesterday",
            "check -q -v",
            "check --config . --policy x",
            "check --state-dir nowhere",
            "check --state-dir",
            "check --profile x --dev",
            "check --tuf --trusted-root x",
            "check --tuf-mirror https://tuf.example",
            "check",
            "check --lock-only",
            "plugins --no-such-flag",
            "skills --no-such-flag",
            "core --no-such-flag",
            "core extra",
            "lock --no-such-flag",
            "lock --init --check",
            "lock --from x",
            "lock --accept",
            "review --no-such-flag",
            "review --diff",
            "review npm:x --record",
            "review npm:x --violation",
            "review npm:x --record --criteria fine",
            "review npm:x --diff --record --criteria safe-to-run",
            "policy",
            "policy --no-such-flag",
            "policy except npm:x",
            "policy except npm:x unpinned --until yesterday --reason x",
            "gate --no-such-flag",
            "gate --apply",
            "gate --setup --selftest",
            "gate --setup",
            "npm",
            "npm --no-such-flag",
            "npm @acme/notes",
            "archive",
            "archive --no-such-flag",
            "attestation",
            "attestation x",
            "attestation --no-such-flag",
            "release",
            "release . --identity x",
            "release --no-such-flag",
            "sbom --no-such-flag",
            "sbom --spec-version 1.2",
            "sbom --no-verify --verify-bundled",
            "tree",
            "tree --no-such-flag",
            "tree nowhere",
            "explain --no-such-flag",
            "explain a b",
            "completions",
            "completions cmd",
        ],
    );
    // The same where there is a state.
    let here = "--config . --state-dir ../state --relocated-from /home/user/.openclaw";
    for line in [
        "check --allow no-such-rule",
        "check --env TOKEN=x",
        "check --env x",
        "check --openclaw nowhere",
        "check --openclaw .",
        "check --report sarif=nowhere/out.sarif",
        "plugins npm:nothing",
        "npm @acme/notes@1.0.0",
    ] {
        let run = run(&mut bare(&installation, &format!("{line} {here}")));
        theme.shot(&slug(line), &format!("openclaw-verify {line} {here}"), &run);
    }
    theme.all_bare(
        &installation,
        &["check --state-dir ../state --config nowhere"],
    );
    theme.end();
}
