//! One finding of every kind that a test plants.

use std::collections::BTreeSet;
use std::fs;

use openclaw_verify_core::rules;

use super::{THEMES, Theme, folder, names, on, regex, root, run, shipped, slug, usual_modes};
use crate::support::{Installation, copy, findings};
use crate::{coverage, tamper};

#[test]
fn of_what_the_tests_plant() {
    let mut theme = Theme::new("findings", root(&shipped()));
    let (mut seen, mut missing) = (BTreeSet::new(), Vec::new());
    for plant in coverage::plants() {
        if seen.insert(plant.finding) {
            let enriched = coverage::enriched(shipped());
            shot(&mut theme, &mut missing, plant.finding, enriched, |i| {
                (plant.plant)(&i.state)
            });
        }
    }
    let packed = "npm/projects/acme-packed-45d40bbf34";
    let (skill, hook) = (
        "workspace/skills/weather",
        "hooks/hook-pack/hooks/acme-hook",
    );
    let mut cases = tamper::common(packed, "@acme/packed", "acme-notes", skill, hook);
    cases.extend(tamper::records("@acme/packed", "1.2.0", packed));
    for case in cases {
        if seen.insert(case.finding) {
            shot(&mut theme, &mut missing, case.finding, shipped(), |i| {
                (case.apply)(i)
            });
        }
    }
    for (finding, change) in REST {
        assert!(seen.insert(finding), "{finding}");
        shot(&mut theme, &mut missing, finding, shipped(), change);
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    theme.end();
}

/// What a check says of `installation` when it was locked and `change` was made to it. A finding that is not there is `missing`.
fn shot(
    theme: &mut Theme,
    missing: &mut Vec<String>,
    finding: &str,
    installation: Installation,
    change: impl Fn(&Installation),
) {
    usual_modes(&installation);
    installation.init(0);
    change(&installation);
    theme.filters[0].0 = regex(root(&installation));
    let id = finding.split('[').next().expect("id");
    // A note is only shown on request.
    for line in ["check", "check -v"] {
        let run = run(&mut on(&installation, line));
        if shows(&run.stdout, id) {
            return theme.shot(&slug(finding), &format!("openclaw-verify {line}"), &run);
        }
    }
    let found = findings(&installation.check().1);
    missing.push(format!("{finding}: {found:#?}"));
}

/// A finding and what leads to it.
type Case = (&'static str, fn(&Installation));

/// Findings about what the operator wrote, or about what is there: a policy to add, reviews to write, or a change to the state.
const REST: [Case; 16] = [
    ("exception-expired", |i| {
        exception(i, "path:acme-notes", "unpinned", "2026-11-21")
    }),
    ("exception-expiring", |i| {
        let policy = fs::read_to_string(i.policy()).expect("policy");
        let sooner = policy.replace("until = 2027-02-20", "until = 2026-12-01");
        fs::write(i.policy(), sooner).expect("policy");
    }),
    ("exception-unused", |i| {
        exception(i, "path:acme-notes", "unpinned", "2026-12-24")
    }),
    ("rule-unmatched", |i| {
        policy(
            i,
            "[[rule]]\nmatch = \"npm:@acme/nothing\"\npin = \"exact\"\n",
        )
    }),
    ("provenance-missing", |i| {
        policy(
            i,
            "[[rule]]\nmatch = \"npm-pack:@acme/*\"\nprovenance = \"required\"\n",
        )
    }),
    ("unlisted-source", |i| {
        let project = i.state.join("npm/projects/acme-packed-45d40bbf34");
        fs::write(project.join(".npmrc"), "fund=false\n").expect("write");
        policy(
            i,
            "[sources]\nregistries = [\"https://registry.example\"]\ngit = []\n",
        )
    }),
    ("not-installed", |i| {
        fs::remove_dir_all(i.state.join("workspace/skills/weather")).expect("remove");
    }),
    ("state-changed", |i| {
        let skill = i.state.join("workspace/skills/diary");
        fs::create_dir_all(&skill).expect("folder");
        let text = "---\nname: diary\ndescription: keeps a diary\n---\n";
        fs::write(skill.join("SKILL.md"), text).expect("write");
        fs::write(skill.join("days.json"), "[]").expect("write");
        assert_eq!(i.run(&["lock"]).code, 0);
        fs::write(skill.join("days.json"), "[1]").expect("write");
        policy(
            i,
            "[[mutable]]\npackage = \"skill:workspace/diary\"\npaths = [\"*.json\"]\n",
        )
    }),
    ("shadowed", |i| {
        fs::create_dir_all(i.state.join("skills")).expect("folder");
        copy(
            &i.state.join("workspace/skills/weather"),
            &i.state.join("skills/weather"),
        );
    }),
    ("stale-generation", |i| {
        let projects = i.state.join("npm/projects");
        let old = "acme-packed-45d40bbf34__openclaw-generation__g-0123456789abcdef";
        copy(
            &projects.join("acme-packed-45d40bbf34"),
            &projects.join(old),
        );
    }),
    ("state-too-old", |i| {
        fs::remove_file(i.state.join("state/openclaw.sqlite")).expect("remove");
        fs::create_dir_all(i.state.join("plugins")).expect("folder");
        fs::write(i.state.join("plugins/installs.json"), "{}").expect("write");
    }),
    ("install-script", |i| {
        let package = i.state.join("extensions/acme-notes/package.json");
        let text = fs::read_to_string(&package).expect("package");
        let with = "{ \"scripts\": { \"postinstall\": \"node evil.js\" },";
        fs::write(&package, text.replacen('{', with, 1)).expect("write");
    }),
    ("insecure-url", |i| {
        let config = i.state.join("openclaw.json");
        let text = fs::read_to_string(&config).expect("config");
        let with = "\"servers\": { \"remote\": { \"url\": \"http://mcp.example/\" },";
        fs::write(&config, text.replacen("\"servers\": {", with, 1)).expect("write");
    }),
    ("review-expired", |i| review(i, "until = 2026-11-10\n")),
    ("agent-reviewed-only", |i| {
        review(i, "agent = { model = \"model-1\", guided = false }\n")
    }),
    ("trust-unused", |i| {
        let reviews = "version = 1\n[[trust]]\npublisher = \"github.com/acme/packed\"\npackages = [\"npm-pack:@acme/packed\"]\n\
            criteria = \"safe-to-run\"\nby = \"Ada\"\nstart = 2026-01-01\nuntil = 2026-12-01\n";
        fs::write(i.config.join("openclaw-reviews.toml"), reviews).expect("reviews");
    }),
];

fn policy(installation: &Installation, more: &str) {
    let policy = fs::read_to_string(installation.policy()).expect("policy");
    fs::write(installation.policy(), format!("{policy}\n{more}")).expect("policy");
}

fn exception(installation: &Installation, package: &str, allow: &str, until: &str) {
    let tree = "0".repeat(64);
    let more = format!(
        "[[exception]]\npackage = \"{package}\"\ntree = \"git-sha256:{tree}\"\nallow = [\"{allow}\"]\nreason = \"x\"\nuntil = {until}\n"
    );
    policy(installation, &more);
}

/// A review of a plugin that the policy makes no exception for.
fn review(installation: &Installation, more: &str) {
    fs::write(installation.policy(), "version = 1\n").expect("policy");
    let lock = installation.lock_text();
    let entry = lock.split("id = \"path:acme-notes\"").nth(1);
    let tree = entry.and_then(|entry| entry.split("tree = \"").nth(1)?.split('"').next());
    let review = format!(
        "version = 1\n[[review]]\npackage = \"path:acme-notes\"\ntree = \"{}\"\ncriteria = \"safe-to-run\"\nby = \"Ada\"\ndate = 2026-11-01\n{more}",
        tree.expect("digest")
    );
    fs::write(installation.config.join("openclaw-reviews.toml"), review).expect("reviews");
}

/// Whether a screen holds a finding of this rule, in the form that people read.
fn shows(text: &str, id: &str) -> bool {
    let levels = ["deny", "warn", "note"];
    levels
        .iter()
        .map(|level| format!("\n{level} {id}"))
        .any(|heading| {
            [" ", "\n"]
                .iter()
                .any(|end| text.contains(&(heading.clone() + end)))
        })
}

/// Rules that speak of what the shipped state does not hold, such as signed tags and attestations, or of modes and owners; tests of their own ask about
/// them, and `explain` shows them.
const ELSEWHERE: [&str; 33] = [
    "unverifiable-cache",
    "unpinned",
    "floating-spec",
    "too-fresh",
    "provenance-mismatch",
    "provenance-regressed",
    "signature-invalid",
    "signer-not-allowed",
    "signer-changed",
    "tag-mismatch",
    "tag-moved",
    "tag-retagged",
    "tag-rollback",
    "known-malicious",
    "known-vulnerable",
    "other-state",
    "trust-expiring",
    "advisories-stale",
    "published-port",
    "secret-readable",
    "code-writable",
    "wrong-owner",
    "verifier-writable",
    "shared-filesystem",
    "disk-not-encrypted",
    "secret-in-service",
    "secret-in-repository",
    "runs-as-root",
    "root-equivalent-group",
    "container-hole",
    "unit-unhardened",
    "not-confined",
    "nix-pin-mismatch",
];

/// Every rule speaks on a screen, in the form that people read, or is named as one that cannot.
#[test]
fn every_rule_is_shown() {
    let mut text = String::new();
    for theme in THEMES.into_iter().filter(|theme| *theme != "explain") {
        for name in names(&folder(theme)) {
            let path = folder(theme).join(format!("{name}.snap"));
            text += &fs::read_to_string(path).expect("snapshot");
        }
    }
    let silent = rules::catalogue()
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !shows(&text, id));
    assert_eq!(silent.collect::<Vec<_>>(), ELSEWHERE);
}
