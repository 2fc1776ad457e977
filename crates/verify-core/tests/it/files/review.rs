//! `openclaw-reviews.toml`: reader, writer, graph.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::{Date, date};
use openclaw_verify_core::digest::TreeDigest;
use openclaw_verify_core::policy::Pattern;
use openclaw_verify_core::review::{
    Addition, Agent, Content, Criteria, EntryOrigin, Publisher, Question, Review, ReviewIndex,
    ReviewVerdict, Reviews, Trust, Versions, Violated, Violation, append,
};
use openclaw_verify_core::subject::SubjectId;
use proptest::prelude::*;

use crate::support::git::git;

const TODAY: Date = date(2026, 11, 22);
const FILE: &str = "openclaw-reviews.toml";
const WAY_OUT: &str = "docs/formats.md describes every key of openclaw-reviews.toml";

fn id(text: &str) -> SubjectId {
    text.parse().expect("subject id")
}

fn tree(n: u8) -> TreeDigest {
    TreeDigest([n; 32])
}

fn reviews(text: &str) -> Reviews {
    Reviews::parse(Path::new(FILE), text).unwrap_or_else(|e| panic!("{}\n{text}", super::shown(&e)))
}

/// A full review by a person.
fn review(package: &str, n: u8) -> Review {
    Review {
        package: id(package),
        version: None,
        from: None,
        content: Content::Tree(tree(n)),
        dependencies: None,
        criteria: Criteria::SafeToRun,
        by: "Ada <ada@example.org>".to_owned(),
        agent: None,
        date: date(2026, 11, 1),
        until: None,
        notes: None,
        line: 0,
    }
}

fn delta(package: &str, from: u8, to: u8) -> Review {
    Review {
        from: Some(Content::Tree(tree(from))),
        ..review(package, to)
    }
}

fn of(list: Vec<Review>) -> Reviews {
    let mut reviews = Reviews::default();
    reviews.reviews = list;
    reviews
}

fn judge<'r>(index: &ReviewIndex<'r>, package: &str, n: u8) -> ReviewVerdict<'r> {
    ask(index, package, n, Some("1.0.0"), &[])
}

fn ask<'r>(
    index: &ReviewIndex<'r>,
    package: &str,
    n: u8,
    version: Option<&str>,
    publishers: &[Publisher],
) -> ReviewVerdict<'r> {
    let subject = id(package);
    let versions: Vec<&str> = version.into_iter().collect();
    index.judge(&Question {
        subject: &subject,
        content: Content::Tree(tree(n)),
        versions: &versions,
        dependencies: &[],
        wanted: Criteria::SafeToRun,
        publishers,
    })
}

/// The example of docs/formats.md with its placeholders filled in.
pub(super) fn example() -> String {
    let tree = |n: u8| tree(n).to_string();
    format!(
        r#"version = 1

[[review]]
package = "clawhub:acme/weather"
version = "1.0.0"
tree = "{}"                  # what was read (or definition)
dependencies = "{}"          # only where they were read too
criteria = "safe-to-run"               # implies safe-to-load (its text may reach the agent)
by = "Ada <ada@example.org>"
date = 2026-11-22
notes = "read all 6 files; network only to the weather API"

[[review]]                             # delta: from -> to
package = "clawhub:acme/weather"
version = "1.0.0 -> 1.1.0"
from = "{}"
tree = "{}"
criteria = "safe-to-run"
by = "Bob <bob@example.org>"
agent = {{ model = "m-1", guided = true }} # present = not a human review; does not count alone unless policy says so
date = 2026-12-01
until = 2027-12-01

[[trust]]                              # counts only with *verified* provenance or tag signature of that publisher
publisher = "github:openclaw/openclaw"
workflow = ".github/workflows/openclaw-npm-release.yml"
packages = ["npm:@openclaw/*"]
criteria = "safe-to-run"
by = "Ada <ada@example.org>"
start = 2026-11-22
until = 2027-11-22                     # at most one year

[[violation]]                          # beats everything
package = "clawhub:evil/wallet"
versions = "*"                         # or trees = ["git-sha256:…"]
reason = "reverse shell in scripts/post.sh"
by = "Ada <ada@example.org>"
date = 2026-11-22
"#,
        tree(1),
        tree(2),
        tree(1),
        tree(3)
    )
}

#[test]
fn the_example_is_read() {
    let read = reviews(&example());
    assert_eq!(
        (read.reviews.len(), read.trusts.len(), read.violations.len()),
        (2, 1, 1)
    );
    let delta = &read.reviews[1];
    assert_eq!(
        (delta.from, delta.content),
        (Some(Content::Tree(tree(1))), Content::Tree(tree(3)))
    );
    assert_eq!(
        delta.agent,
        Some(Agent {
            model: "m-1".to_owned(),
            guided: true
        })
    );
    assert_eq!(
        (delta.line, read.trusts[0].line, read.violations[0].line),
        (13, 24, 33)
    );
    let index = ReviewIndex::build(&read, &[], TODAY);
    assert!(matches!(
        judge(&index, "clawhub:acme/weather", 1),
        ReviewVerdict::Reviewed(_)
    ));
    assert!(matches!(
        judge(&index, "clawhub:acme/weather", 3),
        ReviewVerdict::AgentOnly(_)
    ));
    assert!(matches!(
        judge(&index, "clawhub:evil/wallet", 3),
        ReviewVerdict::Violation(_)
    ));
}

#[test]
fn malformed_reviews_are_refused_with_place_and_way_out() {
    let tree = tree(1).to_string();
    let head = "version = 1\n";
    let review = |lines: &str| {
        format!(
            "{head}[[review]]\npackage = \"npm:a\"\ncriteria = \"safe-to-run\"\nby = \"Ada\"\ndate = 2026-11-22\n{lines}\n"
        )
    };
    let read = |lines: &str| review(&format!("tree = \"{tree}\"\n{lines}"));
    let trust = |packages: &str, until: &str| {
        format!(
            "{head}[[trust]]\npublisher = \"github:a/a\"\npackages = {packages}\ncriteria = \"safe-to-run\"\nby = \"Ada\"\nstart = 2026-11-22\nuntil = {until}\n"
        )
    };
    let violation = |what: &str| {
        format!(
            "{head}[[violation]]\npackage = \"npm:a\"\nreason = \"bad\"\nby = \"Ada\"\ndate = 2026-11-22\n{what}\n"
        )
    };
    let twin = format!(
        "{}{}",
        read("notes = \"one\""),
        &read("notes = \"other\"")[head.len()..]
    );
    let cases = [
        ("newer", "version = 2\n".to_owned()),
        ("nothing read", review("")),
        (
            "two things read",
            read(&format!("definition = \"{}\"", &tree[4..])),
        ),
        ("delta to itself", read(&format!("from = \"{tree}\""))),
        (
            "delta from a definition",
            read(&format!("from = \"{}\"", &tree[4..])),
        ),
        (
            "unknown criteria",
            read("").replace("safe-to-run", "safe-to-deploy"),
        ),
        ("slip in a key", read("note = \"x\"")),
        ("no reviewer", read("").replace("Ada", "")),
        (
            "text as date",
            read("").replace("2026-11-22", "\"2026-11-22\""),
        ),
        ("ends before", read("until = 2026-11-21")),
        ("agent without model", read("agent = { guided = true }")),
        (
            "unknown key of agent",
            read("agent = { model = \"m\", human = true }"),
        ),
        ("twins", twin),
        ("trust in nothing", trust("[]", "2027-11-22")),
        ("trust for ever", trust("[\"npm:*\"]", "2027-11-23")),
        ("trust backwards", trust("[\"npm:*\"]", "2026-11-21")),
        (
            "trust without end",
            trust("[\"npm:*\"]", "2027-11-22").replace("until = 2027-11-22\n", ""),
        ),
        ("violation of nothing", violation("")),
        (
            "violation of both",
            violation(&format!("versions = \"*\"\ntrees = [\"{tree}\"]")),
        ),
        ("violation of no version", violation("versions = \"\"")),
        ("violation of a tag", violation("versions = \"latest\"")),
        ("violation of an empty list", violation("versions = []")),
        ("violation of a number", violation("versions = 1")),
        ("violation of no tree", violation("trees = []")),
        ("conflict", format!("{}<<<<<<< HEAD\n", read(""))),
        ("an exception", format!("{head}[[exception]]\n")),
    ];
    let shown: String = cases
        .iter()
        .map(|(name, text)| match Reviews::parse(Path::new(FILE), text) {
            Ok(_) => format!("{name}: ACCEPTED\n"),
            Err(error) => format!(
                "{name}: {}\n",
                super::shown(&error).replace(WAY_OUT, "(format)")
            ),
        })
        .collect();
    insta::assert_snapshot!(shown, @r##"
    newer: line 1 `2` (here): the file is of format version 2; this openclaw-verify knows up to 1 -> upgrade openclaw-verify
    nothing read: line 2 `[[review]]` (here): a review says what was read: either `tree` or `definition` -> (format)
    two things read: line 2 `[[review]]` (here): a review says what was read: either `tree` or `definition` -> (format)
    delta to itself: line 8 `"git-sha256:0101010101010101010101010101010101010101010101010101010101010101"` (here): a delta leads from one digest to another; these two are the same -> (format)
    delta from a definition: line 8 `"sha256:0101010101010101010101010101010101010101010101010101010101010101"` (here): malformed digest: expected git-sha256:<64 lower-case hex digits> -> (format)
    unknown criteria: line 4 `"safe-to-deploy"` (here): unknown value `safe-to-deploy`, expected `safe-to-load` or `safe-to-run` -> (format)
    slip in a key: line 8 `note` (here): unknown key `note`, expected one of `package`, `version`, `from`, `tree`, `definition`, `dependencies`, `criteria`, `by`, `agent`, `date`, `until`, `notes` -> did you mean `notes`?
    no reviewer: line 5 `""` (here): `by` is empty -> (format)
    text as date: line 6 `"2026-11-22"` (here): invalid type: string "2026-11-22", expected a TOML datetime -> (format)
    ends before: line 8 `2026-11-21` (here): the review ends before it begins -> (format)
    agent without model: line 8 `{ guided = true }` (here): missing key `model` -> (format)
    unknown key of agent: line 8 `human` (here): unknown key `human`, expected `model` or `guided` -> (format)
    twins: line 9 `[[review]]` (second entry): duplicate entry: this review of npm:a is already in line 2 -> keep one of the two; it is not clear which one was meant
    trust in nothing: line 4 `[]` (here): `packages` names nothing -> (format)
    trust for ever: line 8 `2027-11-23` (here): trust lasts at most one year -> the last day possible is 2027-11-22; renew it then
    trust backwards: line 8 `2026-11-21` (here): the trust ends before it begins -> (format)
    trust without end: line 2 `[[trust]]` (here): missing key `until` -> (format)
    violation of nothing: line 2 `[[violation]]` (here): a violation is about either `versions` or `trees` -> (format)
    violation of both: line 2 `[[violation]]` (here): a violation is about either `versions` or `trees` -> (format)
    violation of no version: line 7 `""` (here): no versions: write "*", a range such as "<1.2.0", or a list -> (format)
    violation of a tag: line 7 `"latest"` (here): no versions: write "*", a range such as "<1.2.0", or a list -> (format)
    violation of an empty list: line 7 `[]` (here): no versions: write "*", a range such as "<1.2.0", or a list -> (format)
    violation of a number: line 7 `1` (here): expected "*", a range, or a list of versions -> (format)
    violation of no tree: line 7 `[]` (here): `trees` names nothing -> (format)
    conflict: line 9 `<<<<<<< HEAD` (conflict marker): the file holds a conflict marker of a merge that was not finished -> where one of git's lines is left over, take it out, or restore the file from version control
    an exception: line 2 `exception` (here): unknown key `exception`, expected one of `version`, `revision`, `review`, `trust`, `violation` -> (format)
    "##);
}

fn additions() -> Vec<Addition> {
    let odd = "a \"quoted\" \\ text\nof two lines\u{202e}\u{1b}[2J ’’’ \"\"\" é";
    vec![
        Addition::Review(Review {
            version: Some("1.0.0 -> 1.1.0".to_owned()),
            dependencies: Some(tree(9)),
            agent: Some(Agent {
                model: odd.to_owned(),
                guided: false,
            }),
            until: Some(date(2027, 1, 31)),
            notes: Some(odd.to_owned()),
            by: odd.to_owned(),
            ..delta("npm:m", 1, 2)
        }),
        Addition::Review(Review {
            content: Content::Definition(openclaw_verify_core::digest::Sha256Digest([7; 32])),
            criteria: Criteria::SafeToLoad,
            ..review("mcp:files", 1)
        }),
        Addition::Trust(Trust {
            publisher: "github:a/a".to_owned(),
            workflow: Some("r.yml".to_owned()),
            packages: vec![
                Pattern::new("npm:@a/*").expect("pattern"),
                Pattern::new("git:**").expect("pattern"),
            ],
            criteria: Criteria::SafeToRun,
            by: "Ada".to_owned(),
            start: date(2026, 11, 22),
            until: date(2027, 11, 22),
            notes: Some(odd.to_owned()),
            line: 0,
        }),
        Addition::Violation(Violation {
            package: id("npm:evil"),
            what: Violated::Trees(vec![tree(1), tree(2)]),
            reason: odd.to_owned(),
            by: "Ada".to_owned(),
            date: TODAY,
            line: 0,
        }),
        Addition::Violation(Violation {
            package: id("npm:evil"),
            what: Violated::Versions(Versions::range("<1.2.0 || 3.x").expect("range")),
            reason: "bad".to_owned(),
            by: "Ada".to_owned(),
            date: TODAY,
            line: 0,
        }),
    ]
}

#[test]
fn what_is_appended_is_read_back_and_old_bytes_stay() {
    for start in [
        None,
        Some(example()),
        Some(example().replace('\n', "\r\n")),
        Some("version = 1".to_owned()),
    ] {
        let mut text = start.clone();
        for addition in additions() {
            let appended = append(Path::new(FILE), text.as_deref(), &addition)
                .unwrap_or_else(|e| panic!("{}", super::shown(&e)));
            let old = text.unwrap_or_default();
            let at = appended
                .text
                .find(&appended.entry)
                .expect("the entry is in the text");
            let rest = format!(
                "{}{}",
                &appended.text[..at],
                &appended.text[at + appended.entry.len()..]
            );
            // Taken out again, only the blank line before it is more than there was.
            if !old.is_empty() {
                assert!(rest == old || rest.len() <= old.len() + 4, "{rest}");
                let mut lines = rest.lines().filter(|l| !l.is_empty());
                assert!(
                    old.lines()
                        .filter(|l| !l.is_empty())
                        .all(|l| lines.next() == Some(l))
                );
            }
            let read = reviews(&appended.text);
            let found = match &addition {
                Addition::Review(r) => read.reviews.iter().any(|x| {
                    Review {
                        line: 0,
                        ..x.clone()
                    } == *r
                }),
                Addition::Trust(t) => read.trusts.iter().any(|x| {
                    Trust {
                        line: 0,
                        ..x.clone()
                    } == *t
                }),
                Addition::Violation(v) => read.violations.iter().any(|x| {
                    Violation {
                        line: 0,
                        ..x.clone()
                    } == *v
                }),
            };
            assert!(found, "{}", appended.entry);
            text = Some(appended.text);
        }
        assert!(
            !text.as_deref().unwrap_or_default().contains('\u{1b}'),
            "nothing acts on the terminal of who reads the diff"
        );
    }
}

#[test]
fn an_entry_that_is_there_already_is_not_added_again() {
    let addition = &additions()[0];
    let once = append(Path::new(FILE), None, addition).expect("first").text;
    let again = append(Path::new(FILE), Some(&once), addition).expect("second");
    assert_eq!((again.there, again.text), (Some(5), once));
}

#[test]
fn an_entry_goes_behind_those_of_its_subject_and_comments_stay_with_theirs() {
    let text = format!(
        "version = 1 # first\n\n# about b\n{}# end of b\n\n# about d\n{}",
        Addition::Review(review("npm:b", 1)).render(),
        Addition::Review(review("npm:d", 1)).render()
    );
    let order = |package: &str| {
        let text = append(
            Path::new(FILE),
            Some(&text),
            &Addition::Review(review(package, 2)),
        )
        .expect("append")
        .text;
        text.lines()
            .filter(|l| l.starts_with('#') || l.starts_with("package"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let line = |p: &str| format!("package = \"npm:{p}\"");
    let (b, d) = (line("b"), line("d"));
    assert_eq!(
        order("npm:a"),
        format!("{} # about b {b} # end of b # about d {d}", line("a"))
    );
    assert_eq!(
        order("npm:b"),
        format!("# about b {b} {b} # end of b # about d {d}")
    );
    assert_eq!(
        order("npm:c"),
        format!("# about b {b} {} # end of b # about d {d}", line("c"))
    );
    assert_eq!(
        order("npm:e"),
        format!("# about b {b} # end of b # about d {d} {}", line("e"))
    );
}

#[test]
fn reviews_of_two_branches_merge_clean() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join(FILE);
    let write = |addition: Addition| {
        let text = std::fs::read_to_string(&path).ok();
        std::fs::write(
            &path,
            append(&path, text.as_deref(), &addition)
                .expect("append")
                .text,
        )
        .expect("write");
        git(dir.path(), &["add", FILE]);
        git(dir.path(), &["commit", "-qm", "review"]);
    };
    git(dir.path(), &["init", "-q"]);
    for package in ["npm:c", "npm:a", "npm:e"] {
        write(Addition::Review(review(package, 1)));
    }
    let violation = Violation {
        package: id("npm:evil"),
        what: Violated::Versions(Versions::all()),
        reason: "bad".to_owned(),
        by: "Ada".to_owned(),
        date: TODAY,
        line: 0,
    };
    // Two subjects that are known, two that are new, one and its neighbour, a review and a violation.
    let pairs = [
        ("npm:a", "npm:c"),
        ("npm:b", "npm:d"),
        ("npm:c", "npm:d1"),
        ("npm:0", "npm:z"),
        ("npm:e", ""),
    ];
    for (n, (ours, theirs)) in pairs.into_iter().enumerate() {
        let n = u8::try_from(n).expect("small") + 10;
        let theirs = if theirs.is_empty() {
            Addition::Violation(violation.clone())
        } else {
            Addition::Review(review(theirs, n))
        };
        git(dir.path(), &["checkout", "-qb", "theirs"]);
        write(theirs);
        git(dir.path(), &["checkout", "-q", "main"]);
        write(Addition::Review(review(ours, n)));
        git(dir.path(), &["merge", "-q", "theirs", "-m", "merge"]);
        let text = std::fs::read_to_string(&path).expect("read");
        assert_eq!(
            reviews(&text).reviews.len() + reviews(&text).violations.len(),
            5 + 2 * (usize::from(n) - 10)
        );
        git(dir.path(), &["branch", "-qD", "theirs"]);
    }
}

#[test]
fn what_was_read_is_bound_to_its_bytes() {
    let own = of(vec![
        review("npm:a", 1),
        delta("npm:a", 1, 2),
        Review {
            dependencies: Some(tree(9)),
            ..delta("npm:a", 2, 3)
        },
    ]);
    let index = ReviewIndex::build(&own, &[], TODAY);
    let ReviewVerdict::Reviewed(steps) = judge(&index, "npm:a", 3) else {
        panic!("reviewed")
    };
    assert_eq!(
        steps.iter().map(|s| s.review.content).collect::<Vec<_>>(),
        [1, 2, 3].map(|n| Content::Tree(tree(n)))
    );
    assert_eq!(judge(&index, "npm:a", 4), ReviewVerdict::Unreviewed);
    assert_eq!(judge(&index, "npm:b", 1), ReviewVerdict::Unreviewed);
    let dependencies = |n| index.dependencies(&id("npm:a"), tree(n), Criteria::SafeToRun);
    assert!(matches!(dependencies(9), ReviewVerdict::Reviewed(_)));
    assert_eq!(dependencies(8), ReviewVerdict::Unreviewed);
    assert_eq!(
        index.dependencies(&id("npm:b"), tree(9), Criteria::SafeToRun),
        ReviewVerdict::Unreviewed
    );
    let gap = index.gap(&id("npm:a"), Content::Tree(tree(4)), Criteria::SafeToRun);
    assert_eq!(gap.reviewed, [1, 2, 3].map(|n| Content::Tree(tree(n))));
    assert_eq!(gap.leads_here, [Content::Tree(tree(4))]);
    let own = of(vec![
        delta("npm:a", 1, 2),
        delta("npm:a", 2, 3),
        review("npm:a", 7),
    ]);
    let gap = ReviewIndex::build(&own, &[], TODAY).gap(
        &id("npm:a"),
        Content::Tree(tree(3)),
        Criteria::SafeToRun,
    );
    assert_eq!(
        (gap.reviewed, gap.leads_here),
        (
            vec![Content::Tree(tree(7))],
            [3, 2, 1].map(|n| Content::Tree(tree(n))).to_vec()
        )
    );
}

#[test]
fn a_violation_beats_everything_in_any_order() {
    let violation = |what| Violation {
        package: id("npm:a"),
        what,
        reason: "bad".to_owned(),
        by: "Eve".to_owned(),
        date: TODAY,
        line: 0,
    };
    let bad_tree = violation(Violated::Trees(vec![tree(1)]));
    let bad_version = violation(Violated::Versions(Versions::range("<2").expect("range")));
    let publisher = Publisher {
        id: "github:a/a".to_owned(),
        workflow: None,
    };
    let Addition::Trust(trust) = additions().remove(2) else {
        panic!("trust")
    };
    let trust = Trust {
        workflow: None,
        packages: vec![Pattern::new("**").expect("pattern")],
        ..trust
    };
    for bad in [bad_tree, bad_version] {
        let mut own = of(vec![review("npm:a", 1)]);
        own.trusts.push(trust.clone());
        let mut imported = Reviews::default();
        imported.violations.push(bad.clone());
        let index = ReviewIndex::build(&own, &[("friend", &imported)], TODAY);
        let verdict = ask(
            &index,
            "npm:a",
            1,
            Some("1.0.0"),
            std::slice::from_ref(&publisher),
        );
        assert!(
            matches!(&verdict, ReviewVerdict::Violation(v) if v.len() == 1 && v[0].0 == EntryOrigin::Import("friend"))
        );
        // A version that cannot be read is no way out; neither is another name for the same bytes.
        assert!(matches!(
            ask(&index, "npm:a", 1, Some("one"), &[]),
            ReviewVerdict::Violation(_)
        ));
        assert!(matches!(
            ask(&index, "npm:a", 1, None, &[]),
            ReviewVerdict::Violation(_)
        ));
        let other_name = judge(&index, "npm:other", 1);
        assert_eq!(
            matches!(other_name, ReviewVerdict::Violation(_)),
            matches!(bad.what, Violated::Trees(_))
        );
        let as_dependency = index.violations(
            &id("npm:x"),
            Some(Content::Tree(tree(5))),
            &["9.0.0"],
            &[tree(1)],
        );
        assert_eq!(
            !as_dependency.is_empty(),
            matches!(bad.what, Violated::Trees(_))
        );
    }
}

#[test]
fn no_chain_leads_through_what_must_not_run() {
    let bad = Violation {
        package: id("npm:z"),
        what: Violated::Trees(vec![tree(1)]),
        reason: "bad".to_owned(),
        by: "Eve".to_owned(),
        date: TODAY,
        line: 0,
    };
    // One reviewer called the backdoor fine, and another read only what changed since.
    let mut own = of(vec![
        Review {
            dependencies: Some(tree(1)),
            ..review("npm:a", 1)
        },
        delta("npm:a", 1, 2),
        delta("npm:a", 2, 3),
    ]);
    let known = |own: &Reviews| {
        ReviewIndex::build(own, &[], TODAY)
            .known_dependencies(&id("npm:a"), Criteria::SafeToRun)
            .len()
    };
    assert!(matches!(
        judge(&ReviewIndex::build(&own, &[], TODAY), "npm:a", 3),
        ReviewVerdict::Reviewed(_)
    ));
    assert_eq!(known(&own), 1);
    own.violations.push(bad);
    let index = ReviewIndex::build(&own, &[], TODAY);
    assert!(matches!(
        judge(&index, "npm:a", 1),
        ReviewVerdict::Violation(_)
    ));
    assert_eq!(
        (judge(&index, "npm:a", 2), judge(&index, "npm:a", 3)),
        (ReviewVerdict::Unreviewed, ReviewVerdict::Unreviewed)
    );
    assert_eq!(
        index
            .gap(&id("npm:a"), Content::Tree(tree(3)), Criteria::SafeToRun)
            .reviewed,
        []
    );
    assert_eq!(known(&own), 0);
    // A way around it counts.
    own.reviews.push(review("npm:a", 2));
    assert!(matches!(
        judge(&ReviewIndex::build(&own, &[], TODAY), "npm:a", 3),
        ReviewVerdict::Reviewed(_)
    ));
}

#[test]
fn trust_needs_the_verified_publisher_and_its_days() {
    let Addition::Trust(trust) = additions().remove(2) else {
        panic!("trust")
    };
    let mut own = Reviews::default();
    own.trusts.push(trust);
    let publisher = |id: &str, workflow: &str| Publisher {
        id: id.to_owned(),
        workflow: Some(workflow.to_owned()),
    };
    let judged = |today, package, publisher: &[Publisher]| {
        matches!(
            ask(
                &ReviewIndex::build(&own, &[], today),
                package,
                1,
                None,
                publisher
            ),
            ReviewVerdict::Trusted(_)
        )
    };
    let right = [publisher("github:a/a", "r.yml")];
    assert_eq!(
        right[0],
        Publisher::of_build("https://github.com/a/a", "r.yml")
    );
    assert_eq!(right[0], Publisher::of_build("github.com/a/a", "r.yml"));
    assert!(
        !judged(TODAY, "npm:@a/x", &[Publisher::of_tag("github:a/a")]),
        "a tag has no workflow"
    );
    assert!(judged(TODAY, "npm:@a/x", &right));
    assert!(judged(date(2027, 11, 22), "npm:@a/x", &right));
    assert!(
        !judged(date(2027, 11, 23), "npm:@a/x", &right)
            && !judged(date(2026, 11, 21), "npm:@a/x", &right)
    );
    assert!(!judged(TODAY, "npm:@b/x", &right) && !judged(TODAY, "npm:@a/x", &[]));
    assert!(!judged(
        TODAY,
        "npm:@a/x",
        &[
            publisher("github:a/b", "r.yml"),
            publisher("github:a/a", "other.yml")
        ]
    ));
    // Whom others trust does not count.
    let empty = Reviews::default();
    let index = ReviewIndex::build(&empty, &[("friend", &own)], TODAY);
    assert_eq!(
        ask(&index, "npm:@a/x", 1, None, &right),
        ReviewVerdict::Unreviewed
    );
}

/// A review over few digests, so that paths, forks and loops come about.
fn any_review() -> impl Strategy<Value = Review> {
    let until = prop_oneof![
        Just(None),
        Just(Some(date(2026, 11, 21))),
        Just(Some(TODAY))
    ];
    (
        0_u8..6,
        1_u8..6,
        any::<bool>(),
        proptest::bool::weighted(0.3),
        until,
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(from, to, run, agent, until, dependencies)| {
            let base = if from == 0 || from == to {
                review("npm:a", to)
            } else {
                delta("npm:a", from, to)
            };
            Review {
                criteria: if run {
                    Criteria::SafeToRun
                } else {
                    Criteria::SafeToLoad
                },
                agent: agent.then(|| Agent {
                    model: "m".to_owned(),
                    guided: false,
                }),
                until,
                dependencies: dependencies.then(|| tree(to)),
                ..base
            }
        })
}

/// Everything that reviews reach, found the slow way: go through all of them until nothing more is added.
fn closure(all: &[&Review], counts: impl Fn(&Review) -> bool) -> BTreeSet<Content> {
    let mut reached = BTreeSet::new();
    loop {
        let before = reached.len();
        for review in all.iter().filter(|r| counts(r)) {
            if review.from.is_none_or(|from| reached.contains(&from)) {
                reached.insert(review.content);
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_graph_answers_as_the_brute_force_reference(
        own in proptest::collection::vec(any_review(), 0..12),
        imported in proptest::collection::vec(any_review(), 0..6),
        bad in proptest::option::weighted(0.2, 1_u8..6),
        bad_is_imported: bool,
        installed in 1_u8..6,
        run: bool,
    ) {
        let (mut own, mut imported) = (of(own), of(imported));
        if let Some(bad) = bad {
            let violation = Violation {
                package: id("npm:z"), what: Violated::Trees(vec![tree(bad)]), reason: "bad".to_owned(), by: "Eve".to_owned(), date: TODAY, line: 0,
            };
            if bad_is_imported { imported.violations.push(violation) } else { own.violations.push(violation) }
        }
        let wanted = if run { Criteria::SafeToRun } else { Criteria::SafeToLoad };
        let index = ReviewIndex::build(&own, &[("friend", &imported)], TODAY);
        let subject = id("npm:a");
        let content = Content::Tree(tree(installed));
        let question = Question { subject: &subject, content, versions: &[], dependencies: &[], wanted, publishers: &[] };
        let verdict = index.judge(&question);

        let all: Vec<&Review> = own.reviews.iter().chain(&imported.reviews).collect();
        // What is banned is no ground for anything.
        let enough = |r: &Review| r.criteria >= wanted && bad.is_none_or(|bad| r.content != Content::Tree(tree(bad)));
        let said_enough = |r: &Review| r.criteria >= wanted;
        let current = |r: &Review| r.until.is_none_or(|until| until >= TODAY);
        let people = closure(&all, |r| enough(r) && current(r) && r.agent.is_none());
        let by_any = closure(&all, |r| enough(r) && current(r));
        let ever = closure(&all, enough);
        let expected = if bad == Some(installed) { "violation" }
            else if people.contains(&content) { "reviewed" }
            else if by_any.contains(&content) { "agent" }
            else if ever.contains(&content) { "expired" }
            else { "unreviewed" };
        let (got, steps) = match &verdict {
            ReviewVerdict::Violation(_) => ("violation", None),
            ReviewVerdict::Reviewed(steps) => ("reviewed", Some(steps)),
            ReviewVerdict::AgentOnly(steps) => ("agent", Some(steps)),
            ReviewVerdict::Expired(steps) => ("expired", Some(steps)),
            ReviewVerdict::Unreviewed => ("unreviewed", None),
            _ => ("other", None),
        };
        prop_assert_eq!(got, expected);
        if let Some(steps) = steps {
            // The steps are a path from nothing to what is installed, of entries that count.
            prop_assert!(steps.first().is_some_and(|s| s.review.from.is_none()));
            prop_assert!(steps.last().is_some_and(|s| s.review.content == content));
            prop_assert!(steps.windows(2).all(|pair| pair[1].review.from == Some(pair[0].review.content)));
            prop_assert!(steps.iter().all(|s| enough(s.review)));
            prop_assert!(got != "reviewed" || steps.iter().all(|s| current(s.review) && s.review.agent.is_none()));
        }

        let gap = index.gap(&subject, content, wanted);
        prop_assert_eq!(gap.reviewed.iter().copied().collect::<BTreeSet<_>>(), people.clone());
        for end in &gap.leads_here {
            // A full review of that digest, by a person, closes the gap.
            let Content::Tree(TreeDigest(bytes)) = end else { panic!("tree") };
            let more = review("npm:a", bytes[0]);
            let with: Vec<&Review> = all.iter().copied().chain([&more]).collect();
            prop_assert!(closure(&with, |r| enough(r) && current(r) && r.agent.is_none()).contains(&content));
        }

        let read = |counts: &dyn Fn(&Review) -> bool| all.iter().any(|r| r.dependencies == Some(tree(installed)) && said_enough(r) && counts(r));
        let expected = if bad == Some(installed) { "violation" }
            else if read(&|r| current(r) && r.agent.is_none()) { "reviewed" }
            else if read(&current) { "agent" }
            else if read(&|_| true) { "expired" }
            else { "unreviewed" };
        let got = match index.dependencies(&subject, tree(installed), wanted) {
            ReviewVerdict::Violation(_) => "violation",
            ReviewVerdict::Reviewed(_) => "reviewed",
            ReviewVerdict::AgentOnly(_) => "agent",
            ReviewVerdict::Expired(_) => "expired",
            ReviewVerdict::Unreviewed => "unreviewed",
            _ => "other",
        };
        prop_assert_eq!(got, expected);
    }
}
