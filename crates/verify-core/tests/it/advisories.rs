//! OSV records against versions: the order table, the shapes of real records, and random ranges against the algorithm of the schema.

mod import;

use std::cmp::Ordering;

use openclaw_verify_core::advisories::{Entry, Hit, Orders, Severity, merge, read_record};
use serde_json::{Value, json};

fn record(id: &str, name: &str, affected: &Value) -> Value {
    let mut affected = affected.clone();
    affected["package"] = json!({ "ecosystem": "npm", "name": name });
    json!({ "id": id, "modified": "2026-03-01T00:00:00Z", "affected": [affected] })
}

fn entry_of(record: &Value, name: &str) -> Entry {
    let read = read_record(record.to_string().as_bytes()).expect("a record");
    read.packages.get(name).expect("the package").clone()
}

fn range(events: &Value) -> Value {
    json!({ "ranges": [{ "type": "SEMVER", "events": events }] })
}

#[test]
fn openclaws_corrections_stand_in_their_own_order_and_the_worse_counts() {
    let judge = |end: (&str, &str), version: &str| {
        let events = json!([{ "introduced": "0" }, { end.0: end.1 }]);
        let record = record("GHSA-x", "openclaw", &range(&events));
        entry_of(&record, "openclaw").judge("openclaw", version)
    };
    let (npm, openclaw) = (Hit::OnlyIn(Orders::Npm), Hit::OnlyIn(Orders::OpenClaw));
    for (version, last, fixed) in [
        ("2026.2.21", openclaw, Hit::Yes),
        ("2026.2.21-1", Hit::Yes, Hit::Yes),
        ("2026.2.21-2", Hit::Yes, Hit::Yes),
        ("2026.2.22-1", Hit::No, npm),
        ("2026.2.22", Hit::No, Hit::No),
        ("2026.2.23", Hit::No, Hit::No),
    ] {
        let by_last = judge(("last_affected", "2026.2.21-2"), version);
        assert_eq!(by_last, last, "last_affected {version}");
        assert_eq!(
            judge(("fixed", "2026.2.22"), version),
            fixed,
            "fixed {version}"
        );
    }
    // For everybody else `-N` is a pre-release.
    let events = json!([{ "introduced": "0" }, { "last_affected": "2026.2.21-2" }]);
    let record = record("GHSA-x", "other", &range(&events));
    assert_eq!(
        entry_of(&record, "other").judge("other", "2026.2.21"),
        Hit::No
    );
}

#[test]
fn the_shapes_of_real_records() {
    let list = record(
        "MAL-1",
        "axios",
        &json!({ "versions": ["0.30.4", "1.14.1"] }),
    );
    let forever = record(
        "MAL-2",
        "@openclaw-ai/openclawai",
        &range(&json!([{ "introduced": "0" }])),
    );
    let from = record(
        "MAL-3",
        "postmark-mcp",
        &range(&json!([{ "introduced": "1.0.16" }])),
    );
    for (record, name, hit, miss) in [
        (
            &list,
            "axios",
            &["0.30.4", "1.14.1", "v1.14.1", "1.14.1+a"][..],
            &["1.14.0", "0.30.3", "1.14.2"][..],
        ),
        (
            &forever,
            "@openclaw-ai/openclawai",
            &["0.0.0-a", "1.0.0", "99.0.0", "none"],
            &[],
        ),
        (
            &from,
            "postmark-mcp",
            &["1.0.16", "1.0.17", "2.0.0"],
            &["1.0.15", "1.0.16-beta.1"],
        ),
    ] {
        let entry = entry_of(record, name);
        for version in hit {
            assert_eq!(entry.judge(name, version), Hit::Yes, "{name} {version}");
        }
        for version in miss {
            assert_eq!(entry.judge(name, version), Hit::No, "{name} {version}");
        }
    }
    // Names are compared exactly: only the package that is named.
    let read = read_record(forever.to_string().as_bytes()).expect("record");
    assert_eq!(
        read.packages.keys().collect::<Vec<_>>(),
        ["@openclaw-ai/openclawai"]
    );
}

#[test]
fn events_in_any_order_and_ends_that_cannot_be_ordered() {
    let events = json!([
        { "fixed": "3.1.0" }, { "introduced": "3.0.0" }, { "fixed": "1.2.0" }, { "introduced": "0" },
    ]);
    let entry = entry_of(&record("GHSA-1", "a", &range(&events)), "a");
    for (version, hit) in [
        ("1.1.9", Hit::Yes),
        ("1.2.0-rc.1", Hit::Yes),
        ("1.2.0", Hit::No),
        ("2.9.9", Hit::No),
        ("3.0.0", Hit::Yes),
        ("3.1.0", Hit::No),
        ("nightly", Hit::Unclear),
    ] {
        assert_eq!(entry.judge("a", version), hit, "{version}");
    }
    // Parts that are missing are zero; what is no version at all may be anywhere.
    let short = json!([{ "introduced": "0" }, { "fixed": "2" }]);
    let entry = entry_of(&record("GHSA-2", "a", &range(&short)), "a");
    assert_eq!(entry.judge("a", "1.9.0"), Hit::Yes);
    assert_eq!(entry.judge("a", "2.0.0"), Hit::No);
    let odd = json!([{ "introduced": "0" }, { "fixed": "next" }]);
    let entry = entry_of(&record("GHSA-3", "a", &range(&odd)), "a");
    assert_eq!(entry.judge("a", "1.0.0"), Hit::Unclear);
    // A version list beside it decides alone.
    let mut both = range(&odd);
    both["versions"] = json!(["1.0.0"]);
    let entry = entry_of(&record("GHSA-4", "a", &both), "a");
    assert_eq!(entry.judge("a", "1.0.0"), Hit::Yes);
}

#[test]
fn what_could_decide_and_is_not_understood_is_no_record() {
    let good = record("GHSA-1", "a", &json!({ "versions": ["1.0.0"] }));
    assert!(read_record(good.to_string().as_bytes()).is_ok());
    let broken: [(&str, Value); 12] = [
        ("/id", json!("../../x")),
        ("/id", json!(7)),
        ("/modified", json!("yesterday")),
        ("/withdrawn", json!("")),
        ("/aliases", json!(["a b"])),
        ("/affected/0/package/name", json!("")),
        ("/affected/0/package/name", json!("a\u{202e}b")),
        ("/affected/0/versions", json!([])),
        ("/affected/0/versions", json!([" "])),
        (
            "/affected/0/ranges",
            json!([{ "type": "OTHER", "events": [{ "introduced": "0" }] }]),
        ),
        (
            "/affected/0/ranges",
            json!([{ "type": "SEMVER", "events": [{ "fixed": "1.0.0" }] }]),
        ),
        (
            "/affected/0/ranges",
            json!([{ "type": "SEMVER", "events": [{ "until": "1.0.0" }] }]),
        ),
    ];
    for (place, value) in broken {
        let mut record = good.clone();
        record["withdrawn"] = Value::Null;
        record["aliases"] = json!([]);
        record["affected"][0]["ranges"] = json!([]);
        assert!(read_record(record.to_string().as_bytes()).is_ok());
        *record.pointer_mut(place).expect("place") = value.clone();
        assert!(
            read_record(record.to_string().as_bytes()).is_err(),
            "{place} {value}"
        );
    }
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{\"id\":\"a\",\"id\":\"b\",\"modified\":\"2026-03-01T00:00:00Z\"}",
    ] {
        assert!(read_record(text.as_bytes()).is_err(), "{text}");
    }
    let deep = format!(
        "{{\"id\":\"a\",\"x\":{}1{}}}",
        "[".repeat(500),
        "]".repeat(500)
    );
    assert!(read_record(deep.as_bytes()).is_err());
}

#[test]
fn a_severity_that_cannot_be_read_keeps_the_record() {
    for (severity, specific, is) in [
        (
            json!([{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }]),
            json!({}),
            Severity::Critical,
        ),
        (
            json!([{ "type": "CVSS_V4", "score": "CVSS:4.0/broken" }]),
            json!({ "severity": "MODERATE" }),
            Severity::Medium,
        ),
        (
            json!([{ "type": "CVSS_V4", "score": "CVSS:4.0/broken" }]),
            json!(7),
            Severity::Unknown,
        ),
        (json!("high"), json!({ "severity": "HIGH" }), Severity::High),
    ] {
        let mut record = record("GHSA-1", "a", &json!({ "versions": ["1.0.0"] }));
        record["severity"] = severity;
        record["database_specific"] = specific;
        let entry = entry_of(&record, "a");
        assert_eq!(entry.severity, is);
        assert_eq!(entry.judge("a", "1.0.0"), Hit::Yes);
    }
}

#[test]
fn one_alias_set_is_one_match_also_in_circles() {
    let entry = |id: &str, aliases: &[&str]| {
        let mut record = record(id, "a", &json!({ "versions": ["1.0.0"] }));
        record["aliases"] = json!(aliases);
        entry_of(&record, "a")
    };
    let entries = [
        entry("GHSA-1", &["CVE-1", "MAL-1"]),
        entry("CVE-9", &["CVE-8"]),
        entry("MAL-1", &["GHSA-1"]),
        entry("PYSEC-1", &["CVE-1", "PYSEC-1"]),
        entry("CVE-8", &["CVE-9"]),
        entry("CVE-7", &["GHSA-1"]),
    ];
    let hits: Vec<(&Entry, Hit)> = entries
        .iter()
        .map(|entry| {
            (
                entry,
                entry.judge(
                    "a",
                    if entry.id == "CVE-7" {
                        "2.0.0"
                    } else {
                        "1.0.0"
                    },
                ),
            )
        })
        .collect();
    let matches = merge(&hits);
    let ids: Vec<Vec<&str>> = matches
        .iter()
        .map(|one| one.ids.iter().map(String::as_str).collect())
        .collect();
    assert_eq!(
        ids,
        [vec!["CVE-8", "CVE-9"], vec!["MAL-1", "GHSA-1", "PYSEC-1"]]
    );
    assert!(matches[1].malicious && !matches[0].malicious);
    assert_eq!(matches[1].aliases, ["CVE-1"]);
    // The record of the other id need not be in the index, or may name other versions.
    let alone = merge(&hits[..1]);
    assert!(alone[0].malicious && alone[0].ids == ["GHSA-1"]);
}

/// The algorithm under "Evaluation" of the OSV schema, word for word, on versions of another crate.
mod reference {
    use super::{Ordering, Value};

    pub fn is_vulnerable(affected: &Value, version: &str) -> bool {
        let list = |key: &str| affected[key].as_array().cloned().unwrap_or_default();
        list("versions").iter().any(|listed| listed == version)
            || list("ranges").iter().any(|range| in_range(range, version))
    }

    fn in_range(range: &Value, version: &str) -> bool {
        let mut events = range["events"].as_array().expect("events").clone();
        let at = |event: &Value| {
            let event = event.as_object().expect("event");
            event
                .values()
                .next()
                .and_then(Value::as_str)
                .expect("version")
                .to_owned()
        };
        events.sort_by(|a, b| compare(&at(a), &at(b)));
        let mut vulnerable = false;
        for event in &events {
            let against = |key: &str| event[key].as_str().map(|at| compare(version, at));
            if against("introduced").is_some_and(Ordering::is_ge) {
                vulnerable = true;
            } else if against("fixed").is_some_and(Ordering::is_ge)
                || against("last_affected").is_some_and(Ordering::is_gt)
            {
                vulnerable = false;
            }
        }
        vulnerable
    }

    fn compare(a: &str, b: &str) -> Ordering {
        if a == "0" || b == "0" {
            return (a != "0").cmp(&(b != "0"));
        }
        let parse = |text: &str| semver::Version::parse(text).expect("version");
        parse(a).cmp_precedence(&parse(b))
    }
}

/// A generator of numbers that is the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("small") % sides
    }

    fn version(&mut self) -> String {
        let core = format!("{}.{}.{}", self.roll(3), self.roll(4), self.roll(4));
        let pre = ["", "", "", "-alpha", "-beta.2", "-beta.10", "-1", "-rc.1.x"];
        format!("{core}{}", pre[self.roll(pre.len())])
    }
}

#[test]
fn a_thousand_random_ranges_are_read_as_the_schema_says() {
    let mut dice = Dice(17);
    let mut affected_count = 0;
    for case in 0..1_000 {
        let mut seen: Vec<String> = Vec::new();
        let mut ranges = Vec::new();
        for _ in 0..=dice.roll(2) {
            let first = if dice.roll(2) == 0 {
                "0".to_owned()
            } else {
                dice.version()
            };
            seen.clear();
            seen.push(first.clone());
            let mut events = vec![json!({ "introduced": first })];
            for _ in 0..dice.roll(5) {
                let at = dice.version();
                // The schema does not say which of two events at one version comes first.
                if !seen.contains(&at) {
                    seen.push(at.clone());
                    let key = ["introduced", "fixed", "last_affected"][dice.roll(3)];
                    events.push(json!({ key: at }));
                }
            }
            let swap = dice.roll(events.len());
            events.swap(0, swap);
            ranges.push(json!({ "type": "SEMVER", "events": events }));
        }
        let mut affected = json!({ "ranges": ranges });
        if dice.roll(3) == 0 {
            affected["versions"] = json!([dice.version()]);
        }
        let entry = entry_of(&record("GHSA-1", "a", &affected), "a");
        for _ in 0..25 {
            let version = dice.version();
            let expected = reference::is_vulnerable(&affected, &version);
            affected_count += usize::from(expected);
            let is = if expected { Hit::Yes } else { Hit::No };
            assert_eq!(
                entry.judge("a", &version),
                is,
                "case {case}: {version} in {affected}"
            );
        }
    }
    assert!(
        (5_000..20_000).contains(&affected_count),
        "{affected_count}"
    );
}

#[test]
#[ignore = "needs npm"]
fn a_thousand_random_ranges_are_read_as_nodes_semver_reads_them() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    // npm brings its own copy of the package that decides what its ranges mean.
    let script = r#"
        const { execFileSync } = require("node:child_process");
        const root = execFileSync("npm", ["root", "-g"], { encoding: "utf8" }).trim();
        const semver = require(`${root}/npm/node_modules/semver`);
        const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
        console.log(JSON.stringify(cases.map(({ range, versions }) => {
            const read = new semver.Range(range, { includePrerelease: true });
            return versions.map((version) => read.test(version));
        })));
    "#;
    let mut dice = Dice(5);
    let (mut cases, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..1_000 {
        let mut ends: Vec<String> = (0..=1 + dice.roll(5)).map(|_| dice.version()).collect();
        let parse = |text: &String| semver::Version::parse(text).expect("version");
        ends.sort_by_key(parse);
        ends.dedup();
        let mut events = Vec::new();
        let mut sets = Vec::new();
        for (at, pair) in ends.chunks(2).enumerate() {
            let from = &pair[0];
            let open = at == 0 && dice.roll(3) == 0;
            let start = if open { "0" } else { from };
            events.push(json!({ "introduced": start }));
            let begin = if open {
                ">=0.0.0-0".to_owned()
            } else {
                format!(">={from}")
            };
            sets.push(match pair.get(1) {
                None => begin,
                Some(to) if dice.roll(2) == 0 => {
                    events.push(json!({ "fixed": to }));
                    format!("{begin} <{to}")
                }
                Some(to) => {
                    events.push(json!({ "last_affected": to }));
                    format!("{begin} <={to}")
                }
            });
        }
        let last = dice.roll(events.len());
        events.swap(0, last);
        let entry = entry_of(&record("GHSA-1", "a", &range(&Value::from(events))), "a");
        let versions: Vec<String> = (0..25).map(|_| dice.version()).collect();
        let judged = versions
            .iter()
            .map(|version| match entry.judge("a", version) {
                Hit::Yes => true,
                Hit::No => false,
                other => panic!("{other:?}"),
            });
        answers.push(judged.collect::<Vec<bool>>());
        cases.push(json!({ "range": sets.join(" || "), "versions": versions }));
    }
    let mut node = Command::new("node")
        .args(["-e", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let text = Value::from(cases.clone()).to_string();
    let mut input = node.stdin.take().expect("stdin");
    input.write_all(text.as_bytes()).expect("cases");
    drop(input);
    let output = node.wait_with_output().expect("node ends");
    let said: Vec<Vec<bool>> = serde_json::from_slice(&output.stdout).expect("answers");
    assert_eq!(said.len(), 1_000);
    let hits = answers.iter().flatten().filter(|hit| **hit).count();
    assert!((5_000..20_000).contains(&hits), "{hits}");
    for (case, (ours, theirs)) in cases.iter().zip(answers.iter().zip(&said)) {
        assert_eq!(ours, theirs, "{case}");
    }
}
