//! `openclaw-verify.toml` and the presets.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::{Date, date};
use openclaw_verify_core::OperatorError;
use openclaw_verify_core::digest::TreeDigest;
use openclaw_verify_core::finding::Level;
use openclaw_verify_core::policy::{
    Dependencies, Digests, ExceptionTarget, ImportLocation, Need, OriginProof, Pattern,
    PinRequirement, Policy, Preset, ReleaseNeed, RequirementOrigin, RuleInfo,
};
use openclaw_verify_core::review::Criteria;
use openclaw_verify_core::subject::{Kind, Source, SubjectId};
use proptest::prelude::*;

const WAY_OUT: &str = "docs/formats.md describes every key of openclaw-verify.toml";

/// The findings of docs/findings.md that the tests need.
pub(super) const CATALOGUE: [RuleInfo<'static>; 14] = [
    RuleInfo {
        id: "advisories-stale",
        group: "hygiene",
        fixed: false,
    },
    RuleInfo {
        id: "secret-in-config",
        group: "secrets",
        fixed: false,
    },
    RuleInfo {
        id: "state-changed",
        group: "integrity",
        fixed: false,
    },
    RuleInfo {
        id: "settings-changed",
        group: "integrity",
        fixed: false,
    },
    RuleInfo {
        id: "instructions-changed",
        group: "integrity",
        fixed: false,
    },
    RuleInfo {
        id: "unverifiable-cache",
        group: "integrity",
        fixed: false,
    },
    RuleInfo {
        id: "tree-mismatch",
        group: "integrity",
        fixed: true,
    },
    RuleInfo {
        id: "violation",
        group: "review",
        fixed: true,
    },
    RuleInfo {
        id: "unreviewed",
        group: "review",
        fixed: false,
    },
    RuleInfo {
        id: "review-expired",
        group: "review",
        fixed: false,
    },
    RuleInfo {
        id: "agent-reviewed-only",
        group: "review",
        fixed: false,
    },
    RuleInfo {
        id: "unpinned",
        group: "pinning",
        fixed: false,
    },
    RuleInfo {
        id: "unpinned-mcp-server",
        group: "pinning",
        fixed: false,
    },
    RuleInfo {
        id: "provenance-missing",
        group: "provenance",
        fixed: false,
    },
];

pub(super) const TODAY: Date = date(2026, 11, 22);

fn parse(text: &str) -> Result<Policy, Box<OperatorError>> {
    Policy::parse(
        Path::new("conf/openclaw-verify.toml"),
        &format!("version = 1\n{text}"),
        &CATALOGUE,
        TODAY,
    )
}

#[test]
fn the_presets_are_right_by_the_same_reader() {
    for preset in Preset::ALL {
        let policy =
            Policy::preset(preset, &CATALOGUE).unwrap_or_else(|e| panic!("{}", super::shown(&e)));
        assert_eq!(policy.base(), preset);
        let text = format!("preset = \"{}\"", preset.as_str());
        assert_eq!(parse(&text).map(|p| p.base()).ok(), Some(preset));
    }
}

#[test]
fn malformed_policies_are_refused_with_place_and_way_out() {
    let tree = format!("tree = \"git-sha256:{}\"", "1".repeat(64));
    let digest = format!("digest = \"sha256:{}\"", "1".repeat(64));
    let rule = |pattern: &str| format!("[[rule]]\nmatch = \"{pattern}\"\n");
    let exception =
        |lines: &str| format!("[[exception]]\npackage = \"npm:a\"\nreason = \"pilot\"\n{lines}\n");
    let dated = |lines: &str| exception(&format!("until = 2027-01-31\n{lines}"));
    let release = |lines: &str| format!("[[release]]\nrepository = \"github.com/a/a\"\n{lines}\n");
    let cases = [
        ("unknown preset", "preset = \"homelap\"".to_owned()),
        ("unknown key", "rules = []".to_owned()),
        (
            "unknown finding",
            "[levels]\nunrevewed = \"warn\"".to_owned(),
        ),
        (
            "finding far from any",
            "[levels]\nsomething-else = \"warn\"".to_owned(),
        ),
        (
            "unknown level",
            "[levels]\nunreviewed = \"error\"".to_owned(),
        ),
        (
            "lowered violation",
            "[levels]\nviolation = \"warn\"".to_owned(),
        ),
        (
            "allowed mismatch",
            "[levels]\ntree-mismatch = \"allow\"".to_owned(),
        ),
        (
            "duplicate level",
            "[levels]\nunreviewed = \"warn\"\nunreviewed = \"deny\"".to_owned(),
        ),
        (
            "registry without scheme",
            "[sources]\nregistries = [\"registry.example\"]".to_owned(),
        ),
        (
            "registry with password",
            "[sources]\nregistries = [\"https://a:b@registry.example\"]".to_owned(),
        ),
        ("import without place", format!("[imports.acme]\n{digest}")),
        (
            "import over http",
            format!("[imports.acme]\nurl = \"http://a.example/r.toml\"\n{digest}"),
        ),
        (
            "import from a host that looks local",
            format!("[imports.acme]\nurl = \"http://localhost.a.example/r.toml\"\n{digest}"),
        ),
        (
            "import with password",
            format!("[imports.acme]\nurl = \"https://ada:secret@a.example/r.toml\"\n{digest}"),
        ),
        (
            "import from nowhere",
            format!("[imports.acme]\nurl = \"https:///r.toml\"\n{digest}"),
        ),
        (
            "import without digest",
            "[imports.acme]\npath = \"r.toml\"".to_owned(),
        ),
        (
            "import of odd name",
            format!("[imports.\"a b\"]\npath = \"r.toml\"\n{digest}"),
        ),
        ("rule by kind", rule("kind:plugin")),
        ("rule without scheme", rule("@acme/*")),
        ("rule of unknown scheme", rule("nmp:@acme/*")),
        ("three stars", rule("npm:***")),
        ("empty match", rule("")),
        ("same rule twice", rule("npm:a") + &rule("npm:a")),
        (
            "tie",
            rule("npm:@a/*") + &rule("npm:*/xy") + &rule("npm:@*/z"),
        ),
        (
            "identity of no one",
            rule("npm:a") + "identity = { repository = \" \" }",
        ),
        (
            "review of unknown criteria",
            rule("npm:a") + "review = \"safe\"",
        ),
        ("release without signers", release("tags = \"v*\"")),
        ("release without tags", release("signers = \"s\"")),
        (
            "release tie",
            release("tags = \"v*\"\nsigners = \"s\"") + &release("tags = \"*1\"\nsigners = \"s\""),
        ),
        ("no certificate", release("tags = \"v*\"\nopenpgp = []")),
        (
            "endless exception",
            exception(&format!("{tree}\nallow = [\"unreviewed\"]")),
        ),
        (
            "exception for too long",
            exception(&format!(
                "until = 2027-05-22\n{tree}\nallow = [\"unreviewed\"]"
            )),
        ),
        (
            "exception until a time",
            exception(&format!(
                "until = 2027-01-31T00:00:00Z\n{tree}\nallow = [\"unreviewed\"]"
            )),
        ),
        (
            "exception until a text",
            exception(&format!(
                "until = \"2027-01-31\"\n{tree}\nallow = [\"unreviewed\"]"
            )),
        ),
        (
            "exception until no day",
            exception(&format!(
                "until = 2027-02-30\n{tree}\nallow = [\"unreviewed\"]"
            )),
        ),
        ("exception of nothing", dated("allow = [\"unpinned\"]")),
        (
            "exception by version",
            dated("version = \"1.0.0\"\nallow = [\"unpinned\", \"unreviewed\"]"),
        ),
        (
            "exception of two",
            dated(&format!(
                "{tree}\ndefinition{}\nallow = [\"unpinned\"]",
                &digest[6..]
            )),
        ),
        (
            "exception for a violation",
            dated(&format!("{tree}\nallow = [\"violation\"]")),
        ),
        (
            "exception for nothing",
            dated(&format!("{tree}\nallow = []")),
        ),
        (
            "exception for an unknown finding",
            dated(&format!("{tree}\nallow = [\"unpind\"]")),
        ),
        (
            "exception without reason",
            dated(&format!("{tree}\nallow = [\"unpinned\"]")).replace("pilot", " "),
        ),
        (
            "same exception twice",
            dated(&format!("{tree}\nallow = [\"unpinned\"]")).repeat(2),
        ),
        (
            "exception by pattern",
            dated(&format!("{tree}\nallow = [\"unpinned\"]")).replace("npm:a", "npm"),
        ),
    ];
    let shown: String = cases
        .iter()
        .map(|(name, text)| match parse(text) {
            Ok(_) => format!("{name}: ACCEPTED\n"),
            Err(error) => format!(
                "{name}: {}\n",
                super::shown(&error).replace(WAY_OUT, "(format)")
            ),
        })
        .collect();
    insta::assert_snapshot!(shown, @r##"
    unknown preset: line 2 `"homelap"` (here): unknown value `homelap`, expected one of `default`, `strict`, `homelab` -> did you mean `homelab`?
    unknown key: line 2 `rules` (here): unknown key `rules`, expected one of `version`, `revision`, `preset`, `levels`, `sources`, `advisories`, `host`, `imports`, `rule`, `mutable`, `release`, `skill-signer`, `nix`, `installation`, `file`, `vex`, `exception` -> did you mean `rule`?
    unknown finding: line 3 `unrevewed` (here): `unrevewed` is no finding -> did you mean `unreviewed`?
    finding far from any: line 3 `something-else` (here): `something-else` is no finding -> the documentation lists all findings
    unknown level: line 3 `"error"` (here): unknown value `error`, expected one of `allow`, `note`, `warn`, `deny` -> (format)
    lowered violation: line 3 `violation` (here): `violation` can never be lowered -> it means that something is wrong, not that something is unknown; remove this line and look into the finding
    allowed mismatch: line 3 `tree-mismatch` (here): `tree-mismatch` can never be lowered -> it means that something is wrong, not that something is unknown; remove this line and look into the finding
    duplicate level: line 4 `unreviewed` (here): duplicate key `unreviewed` -> (format)
    registry without scheme: line 3 `"registry.example"` (here): not the address of a registry -> write it as https://<host>[/<path>]
    registry with password: line 3 `"https://a:b@registry.example"` (here): not the address of a registry -> write it as https://<host>[/<path>]
    import without place: line 2 `[imports.acme]` (here): an import has either `path` or `url` -> (format)
    import over http: line 3 `"http://a.example/r.toml"` (here): a file is fetched over https only -> write it as https://<host>/<path>
    import from a host that looks local: line 3 `"http://localhost.a.example/r.toml"` (here): a file is fetched over https only -> write it as https://<host>/<path>
    import with password: line 3 `"https://ada:secret@a.example/r.toml"` (here): the address holds a user name or password -> put credentials into .npmrc, for their host
    import from nowhere: line 3 `"https:///r.toml"` (here): not the address of a file -> write it as https://<host>/<path>
    import without digest: line 2 `[imports.acme]` (here): missing key `digest` -> (format)
    import of odd name: line 2 `"a b"` (here): the name of an import holds ASCII letters, digits, `-`, `_` and `.` only -> (format)
    rule by kind: line 3 `"kind:plugin"` (here): only presets match by kind -> match subject ids, such as `npm:@acme/*` or `skill:workspace/*`
    rule without scheme: line 3 `"@acme/*"` (here): a pattern is matched against whole subject ids, which start with their scheme -> write for example `npm:@acme/*`
    rule of unknown scheme: line 3 `"nmp:@acme/*"` (here): no subject id starts with `nmp:` -> did you mean `npm:`?
    three stars: line 3 `"npm:***"` (here): `***` has no meaning: `*` stays within one part, `**` crosses `/` -> (format)
    empty match: line 3 `""` (here): an empty pattern matches nothing -> (format)
    same rule twice: line 5 `"npm:a"` (second entry): duplicate entry: a rule for `npm:a` is already in line 3 -> keep one of the two; it is not clear which one was meant
    tie: line 5 `"npm:*/xy"` (tie): `npm:*/xy` and `npm:@a/*` of line 3 can match the same and are equally specific -> make one of the two more specific: more literal characters win
    identity of no one: line 4 `" "` (here): `repository` is empty -> (format)
    review of unknown criteria: line 4 `"safe"` (here): unknown value `safe`, expected one of `none`, `safe-to-load`, `safe-to-run` -> (format)
    release without signers: line 2 `[[release]]` (here): a release rule that requires a signed tag names no allowed signer -> add `signers`, `openpgp` or `gitsign`, or write `require = "pinned"`
    release without tags: line 2 `[[release]]` (here): missing key `tags` -> (format)
    release tie: line 6 `[[release]]` (tie): `*1` and `v*` of line 2 can match the same and are equally specific -> make one of the two more specific: more literal characters win
    no certificate: line 5 `[]` (here): `openpgp` names no certificate file -> (format)
    endless exception: line 2 `[[exception]]` (here): missing key `until` -> (format)
    exception for too long: line 5 `2027-05-22` (here): an exception ends at most 180 days ahead -> the last day possible today is 2027-05-21
    exception until a time: line 5 `2027-01-31T00:00:00Z` (here): expected a day such as 2027-01-31, without a time -> (format)
    exception until a text: line 5 `"2027-01-31"` (here): invalid type: string "2027-01-31", expected a TOML datetime -> (format)
    exception until no day: line 5 `2027-02-30` (here): invalid date, expected day between 01 and 28 -> (format)
    exception of nothing: line 2 `[[exception]]` (here): an exception has to be bound to what was looked at -> add `tree` or `definition`; both are in the lock
    exception by version: line 7 `"unreviewed"` (here): an exception bound only to a version cannot allow `unreviewed` -> add `tree`; the same version can hold other bytes
    exception of two: line 2 `[[exception]]` (here): an exception is bound to `tree` or to `definition`, not to both -> (format)
    exception for a violation: line 7 `"violation"` (here): `violation` can never be excepted -> it means that something is wrong, not that something is unknown; remove this line and look into the finding
    exception for nothing: line 7 `[]` (here): the exception allows nothing -> (format)
    exception for an unknown finding: line 7 `"unpind"` (here): `unpind` is no finding -> did you mean `unpinned`?
    exception without reason: line 4 `" "` (here): `reason` is empty -> (format)
    same exception twice: line 8 `[[exception]]` (second entry): duplicate entry: an exception for `unpinned` of npm:a is already in line 2 -> keep one of the two; it is not clear which one was meant
    exception by pattern: line 3 `"npm"` (here): `npm` is no subject id: expected <kind>:<name>, such as npm:@openclaw/zalo -> (format)
    "##);
}

fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|e| panic!("{}", super::shown(&e)))
}

fn id(text: &str) -> SubjectId {
    text.parse().expect("subject id")
}

#[test]
fn presets_ask_what_the_table_says() {
    use Dependencies::{ArchiveVerified, Locked, Reviewed};
    use Need::{Optional, Required};
    use PinRequirement::{Digest, Exact};
    let run = Some(Criteria::SafeToRun);
    let rows = [
        (
            Kind::Core,
            Source::Npm,
            (Digest, Optional, None, Locked),
            (Digest, Required, None, ArchiveVerified),
            (Digest, Optional, None, Locked),
        ),
        (
            Kind::Plugin,
            Source::Npm,
            (Digest, Optional, run, Locked),
            (Digest, Required, run, ArchiveVerified),
            (Exact, Optional, run, Locked),
        ),
        (
            Kind::Plugin,
            Source::Git,
            (Digest, Optional, run, Locked),
            (Digest, Required, run, ArchiveVerified),
            (Exact, Optional, run, Locked),
        ),
        (
            Kind::Plugin,
            Source::Path,
            (Digest, Optional, run, Locked),
            (Digest, Optional, run, Reviewed),
            (Exact, Optional, run, Locked),
        ),
        (
            Kind::Plugin,
            Source::NpmPack,
            (Digest, Optional, run, Locked),
            (Digest, Optional, run, Reviewed),
            (Exact, Optional, run, Locked),
        ),
        (
            Kind::Bundle,
            Source::Path,
            (Digest, Optional, run, Locked),
            (Digest, Optional, run, Reviewed),
            (Exact, Optional, run, Locked),
        ),
        (
            Kind::HookPack,
            Source::Npm,
            (Digest, Optional, run, Locked),
            (Digest, Optional, run, Reviewed),
            (Exact, Optional, run, Locked),
        ),
        (
            Kind::Skill,
            Source::Unrecorded,
            (Digest, Optional, run, Locked),
            (Digest, Optional, run, Locked),
            (Digest, Optional, run, Locked),
        ),
        (
            Kind::Skill,
            Source::Git,
            (Digest, Optional, run, Locked),
            (Digest, Required, run, Locked),
            (Digest, Optional, run, Locked),
        ),
        (
            Kind::McpServer,
            Source::Config,
            (Exact, Optional, None, Locked),
            (Exact, Optional, run, Locked),
            (Exact, Optional, None, Locked),
        ),
    ];
    for (kind, source, default, strict, homelab) in rows {
        for (preset, expected) in [
            (Preset::Default, default),
            (Preset::Strict, strict),
            (Preset::Homelab, homelab),
        ] {
            let policy = Policy::preset(preset, &CATALOGUE).expect("preset");
            let asked = policy.requirements(&id("x:y"), kind, source);
            let got = (
                asked.pin(OriginProof::Missing),
                asked.provenance,
                asked.review(OriginProof::Missing),
                asked.dependencies,
            );
            assert_eq!(got, expected, "{preset:?} {kind} {source}");
            assert!(!asked.needs_proof() && matches!(asked.from, RequirementOrigin::Preset { .. }));
        }
    }
    let level = |preset, id| {
        Policy::preset(preset, &CATALOGUE)
            .expect("preset")
            .level(id)
            .map(|(level, _)| level)
    };
    assert_eq!(level(Preset::Homelab, "unreviewed"), Some(Level::Warn));
    assert_eq!(level(Preset::Default, "unreviewed"), None);
}

#[test]
fn the_most_specific_rule_wins_whole_and_the_preset_fills_the_rest() {
    let policy = policy(
        "[[rule]]\nmatch = \"npm:**\"\nprovenance = \"required\"\n\
         [[rule]]\nmatch = \"npm:@acme/*\"\ndependencies = \"reviewed\"\n\
         [[rule]]\nmatch = \"npm:@acme/matrix\"\nreview = \"safe-to-load\"\n",
    );
    let ask = |text| policy.requirements(&id(text), Kind::Plugin, Source::Npm);
    let other = ask("npm:@x/y");
    assert_eq!(
        (other.provenance, other.dependencies, other.from),
        (
            Need::Required,
            Dependencies::Locked,
            RequirementOrigin::Policy { line: 2 }
        )
    );
    // Not per field: the wider rule's `provenance` does not reach here.
    let acme = ask("npm:@acme/other");
    assert_eq!(
        (
            acme.provenance,
            acme.dependencies,
            acme.pin(OriginProof::Missing)
        ),
        (
            Need::Optional,
            Dependencies::Reviewed,
            PinRequirement::Digest
        )
    );
    assert_eq!(
        ask("npm:@acme/matrix").from,
        RequirementOrigin::Policy { line: 8 }
    );
    assert_eq!(
        policy
            .unmatched_rules(&[&id("npm:@x/y")])
            .map(|r| r.line)
            .collect::<Vec<_>>(),
        [5, 8]
    );
}

#[test]
fn a_name_alone_relaxes_nothing() {
    let policy =
        policy("[[rule]]\nmatch = \"npm:@openclaw/*\"\npin = \"any\"\nreview = \"none\"\n");
    let asked = policy.requirements(&id("npm:@openclaw/zalo"), Kind::Plugin, Source::Npm);
    assert!(asked.needs_proof());
    assert_eq!(
        (
            asked.pin(OriginProof::Missing),
            asked.review(OriginProof::Missing)
        ),
        (PinRequirement::Digest, Some(Criteria::SafeToRun))
    );
    assert_eq!(
        (
            asked.pin(OriginProof::Verified),
            asked.review(OriginProof::Verified)
        ),
        (PinRequirement::Any, None)
    );
    assert!(matches!(
        asked.asked_by(OriginProof::Missing),
        RequirementOrigin::Preset { .. }
    ));
    assert_eq!(
        asked.asked_by(OriginProof::Verified),
        RequirementOrigin::Policy { line: 2 }
    );
}

#[test]
fn who_names_an_identity_wants_provenance() {
    let rule = "[[rule]]\nmatch = \"npm:a\"\nidentity = { repository = \"github.com/a/a\", ref = \"refs/heads/*\" }\n";
    let need = |text: &str| {
        policy(text)
            .requirements(&id("npm:a"), Kind::Plugin, Source::Npm)
            .provenance
    };
    assert_eq!(need(rule), Need::Required);
    assert_eq!(
        need(&format!("{rule}provenance = \"optional\"\n")),
        Need::Optional
    );
}

#[test]
fn a_stricter_rule_needs_no_proof() {
    let policy = policy("preset = \"homelab\"\n[[rule]]\nmatch = \"**\"\npin = \"digest\"\n");
    let asked = policy.requirements(&id("mcp:a"), Kind::McpServer, Source::Config);
    assert!(!asked.needs_proof());
    assert_eq!(asked.pin(OriginProof::Missing), PinRequirement::Digest);
}

#[test]
fn exceptions_are_bound_to_bytes_and_days() {
    let (tree, deps) = ([1; 32], [2; 32]);
    let (tree, deps) = (TreeDigest(tree), TreeDigest(deps));
    let text = format!(
        "[[exception]]\npackage = \"npm:a\"\ntree = \"{tree}\"\nallow = [\"unreviewed\"]\nreason = \"x\"\nuntil = 2026-11-30\n\
         [[exception]]\npackage = \"npm:a\"\ntree = \"{tree}\"\ndependencies = \"{deps}\"\nallow = [\"unpinned\"]\nreason = \"y\"\nuntil = 2027-05-21\n\
         [[exception]]\npackage = \"npm:a\"\nversion = \"1.0\"\nallow = [\"unpinned\"]\nreason = \"z\"\nuntil = 2026-12-01\n"
    );
    let policy = policy(&text);
    let subject = id("npm:a");
    let digests = Digests {
        tree: Some(tree),
        dependencies: Some(deps),
        definition: None,
        version: Some("1.0"),
        ..Digests::default()
    };
    let ask = |finding, digests, about_dependencies, today| {
        policy
            .exception_for(
                &ExceptionTarget {
                    finding,
                    subject: &subject,
                    digests,
                    about_dependencies,
                    advisories: &[],
                },
                today,
            )
            .map(|(index, _)| index)
    };
    assert_eq!(ask("unreviewed", digests, false, TODAY), Some(0));
    assert_eq!(
        ask("unreviewed", digests, false, date(2026, 11, 30)),
        Some(0)
    );
    assert_eq!(ask("unreviewed", digests, false, date(2026, 12, 1)), None);
    assert_eq!(
        ask("unreviewed", digests, true, TODAY),
        None,
        "an exception that names no dependencies says nothing about them"
    );
    assert_eq!(ask("provenance-missing", digests, false, TODAY), None);
    assert_eq!(
        ask(
            "unreviewed",
            Digests {
                tree: Some(deps),
                ..digests
            },
            false,
            TODAY
        ),
        None
    );
    assert_eq!(
        ask(
            "unreviewed",
            Digests {
                tree: None,
                ..digests
            },
            false,
            TODAY
        ),
        None
    );
    assert_eq!(
        ask("unpinned", digests, true, TODAY),
        Some(1),
        "the one that lasts longest"
    );
    assert_eq!(
        ask(
            "unpinned",
            Digests {
                dependencies: Some(tree),
                ..digests
            },
            false,
            TODAY
        ),
        Some(2)
    );
    assert_eq!(
        ask(
            "unpinned",
            Digests {
                dependencies: Some(tree),
                version: None,
                ..digests
            },
            false,
            TODAY
        ),
        None
    );
    let expired: Vec<_> = policy
        .exceptions()
        .iter()
        .filter(|e| e.expired(date(2026, 12, 1)))
        .map(|e| e.line)
        .collect();
    assert_eq!(expired, [2]);
    let unused: Vec<_> = policy
        .unused_exceptions(&BTreeSet::from([1]), date(2026, 12, 1))
        .map(|e| e.line)
        .collect();
    assert_eq!(unused, [15]);
}

#[test]
fn sources_imports_and_releases_are_read() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let policy = policy(&format!(
        "[sources]\nregistries = [\"https://registry.example/\"]\ngit = [\"github.com/openclaw/*\"]\nmin-age-days = 7\n\
         [imports.acme]\npath = \"acme.toml\"\ndigest = \"{digest}\"\n\
         [imports.other]\nurl = \"https://other.example/r.toml\"\ndigest = \"{digest}\"\n\
         [[release]]\nrepository = \"github.com/openclaw/*\"\ntags = \"*\"\nrequire = \"pinned\"\n\
         [[release]]\nrepository = \"github.com/openclaw/openclaw\"\ntags = \"v*\"\nsigners = \"keys/s\"\nminimum = \"v2026.9.1\"\n\
         [[release]]\nrepository = \"github.com/openclaw/openclaw\"\ntags = \"v2026.1.*\"\nopenpgp = [\"a.asc\", \"/b.asc\"]\n\
         gitsign = {{ identity = \"a@example.org\", issuer = \"https://issuer.example\" }}\n"
    ));
    let sources = policy.sources.as_ref().expect("sources");
    assert_eq!(
        sources.registries.as_deref(),
        Some(&["https://registry.example".to_owned()][..])
    );
    assert!(sources.git.as_ref().is_some_and(
        |g| g[0].matches("github.com/openclaw/a") && !g[0].matches("github.com/openclaw/a/b")
    ));
    let places: Vec<_> = policy
        .imports
        .iter()
        .map(|i| (i.name.as_str(), i.location.clone()))
        .collect();
    assert_eq!(
        places[0],
        ("acme", ImportLocation::Path("conf/acme.toml".into()))
    );
    assert_eq!(
        places[1],
        (
            "other",
            ImportLocation::Url("https://other.example/r.toml".to_owned())
        )
    );
    let rule = |tag| {
        policy
            .release_rule("github.com/openclaw/openclaw", tag)
            .expect("rule")
    };
    assert_eq!(
        rule("v2026.1.9").openpgp,
        [Path::new("conf/a.asc"), Path::new("/b.asc")]
    );
    assert_eq!(
        rule("v2026.9.6").signers.as_deref(),
        Some(Path::new("conf/keys/s"))
    );
    assert_eq!(rule("v2026.9.6").require, ReleaseNeed::SignedTag);
    assert_eq!(rule("nightly").require, ReleaseNeed::Pinned);
    assert!(policy.release_rule("github.com/other/a", "v1").is_none());
}

fn text_over(alphabet: &'static str) -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(alphabet.chars().collect::<Vec<_>>()),
        0..9,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

/// The meaning of patterns, written down as plainly as possible.
fn reference(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', '*', rest @ ..] => (0..=text.len()).any(|n| reference(rest, &text[n..])),
        ['*', rest @ ..] => (0..=text.len())
            .take_while(|n| !text[..*n].contains(&'/'))
            .any(|n| reference(rest, &text[n..])),
        [c, rest @ ..] => text.first() == Some(c) && reference(rest, &text[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn patterns_match_as_the_reference(pattern in text_over("a/*b*"), text in text_over("ab/")) {
        if let Ok(compiled) = Pattern::new(&pattern) {
            let chars: Vec<char> = pattern.chars().collect();
            prop_assert_eq!(compiled.matches(&text), reference(&chars, &text.chars().collect::<Vec<_>>()));
        }
    }

    #[test]
    fn patterns_that_match_the_same_text_overlap(a in text_over("a/*"), b in text_over("a/*"), text in text_over("a/")) {
        if let (Ok(a), Ok(b)) = (Pattern::new(&a), Pattern::new(&b)) {
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
            prop_assert!(!(a.matches(&text) && b.matches(&text)) || a.overlaps(&b));
        }
    }

    #[test]
    fn patterns_that_overlap_have_a_text_in_common(a in text_over("a/*").prop_map(|t| t[..t.len().min(5)].to_owned()), b in text_over("a/*").prop_map(|t| t[..t.len().min(5)].to_owned())) {
        if let (Ok(a), Ok(b)) = (Pattern::new(&a), Pattern::new(&b)) && a.overlaps(&b) {
            // Both together have at most ten literals, so some common text has at most ten characters.
            let common = (0..=10_u32).flat_map(|len| (0..1_u32 << len).map(move |bits| (len, bits)))
                .map(|(len, bits)| (0..len).map(|i| if bits >> i & 1 == 1 { 'a' } else { '/' }).collect::<String>())
                .any(|text| a.matches(&text) && b.matches(&text));
            prop_assert!(common, "{:?} {:?}", a, b);
        }
    }
}

#[test]
fn a_pattern_made_to_backtrack_ends() {
    let pattern = Pattern::new(&"*a".repeat(255)).expect("pattern");
    // A matcher that backtracks would not be done within the age of the universe.
    assert!(!pattern.matches(&"ab".repeat(254)));
}

#[test]
fn only_what_lies_in_a_listed_registry_is_listed() {
    let policy = policy("[sources]\nregistries = [\"https://registry.example/npm/\"]\n");
    let sources = policy.sources.as_ref().expect("sources");
    for listed in [
        "https://registry.example/npm",
        "https://registry.example/npm/@a/b/-/b-1.0.0.tgz",
        "https://registry.example/npm/@a%2fb",
    ] {
        assert!(sources.allow_registry(listed), "{listed}");
    }
    for other in [
        "http://registry.example/npm/a",
        "https://registry.example/npmx/a",
        "https://registry.example/npm.evil.example/a",
        "https://registry.example/npm@evil.example/a",
        "https://registry.example/npm/../other/a",
        "https://registry.example/npm/%2E%2e/other/a",
        "https://registry.example/npm/\\..\\a",
        "https://evil.example/https://registry.example/npm/a",
        "",
    ] {
        assert!(!sources.allow_registry(other), "{other}");
    }
    assert!(
        sources.allow_git("github.com/a/b"),
        "nothing is said about git"
    );
}
