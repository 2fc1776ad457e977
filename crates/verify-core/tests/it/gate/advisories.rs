//! Advisories: what is known to be bad is refused when it is announced, and what it brings along when that is staged.

use openclaw_verify_core::advisories::{ImportOptions, import};
use serde_json::{Value, json};

use super::{Bench, NOW, allowed, blocked, reason, rules};

impl Bench {
    /// Makes the index that policy names of one record about `name`.
    fn known(&self, id: &str, name: &str, affected: &Value, more: &Value, policy: &str) {
        let mut affected = affected.clone();
        affected["package"] = json!({ "ecosystem": "npm", "name": name });
        let mut record =
            json!({ "id": id, "modified": "2026-11-01T00:00:00Z", "affected": [affected] });
        for (key, value) in more.as_object().expect("keys") {
            record[key] = value.clone();
        }
        self.write("record.json", &record.to_string());
        let options = ImportOptions {
            allow_broken: 0,
            threads: 1,
            now: NOW.parse().expect("time"),
        };
        let index = self.root.join("config/advisories.index");
        import(&[self.root.join("record.json")], &index, &options).expect("index");
        self.write(
            "config/openclaw-verify.toml",
            &format!("version = 1\n[advisories]\nindex = \"advisories.index\"\n{policy}"),
        );
    }
}

fn range(events: &Value) -> Value {
    json!({ "ranges": [{ "type": "SEMVER", "events": events }] })
}

#[test]
fn malware_is_refused_before_it_is_staged() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    allowed(&bench.ask(&bench.npm(0)));
    let forever = range(&json!([{ "introduced": "0" }]));
    for affected in [json!({ "versions": ["1.0.0"] }), forever.clone()] {
        bench.known("MAL-1", "@acme/notes", &affected, &json!({}), "");
        let reply = bench.ask(&bench.npm(0));
        blocked(&reply, "known-malicious");
        assert!(reason(&reply).contains("Do not install"), "{reply}");
        blocked(&bench.ask(&bench.npm(1)), "known-malicious");
    }
    for (affected, more) in [
        (json!({ "versions": ["1.0.1"] }), json!({})),
        (
            range(&json!([{ "introduced": "0" }, { "fixed": "1.0.0" }])),
            json!({}),
        ),
        (forever, json!({ "withdrawn": "2026-11-02T00:00:00Z" })),
    ] {
        bench.known("MAL-1", "@acme/notes", &affected, &more, "");
        allowed(&bench.ask(&bench.npm(0)));
        assert!(!rules(&bench.ask(&bench.npm(1))).contains(&"known-malicious"));
    }
}

#[test]
fn a_malicious_dependency_is_refused_when_it_is_staged() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.known(
        "MAL-1",
        "dep",
        &json!({ "versions": ["2.0.0"] }),
        &json!({}),
        "",
    );
    let [announced, package, tree]: [Value; 3] = bench.npm_all().try_into().expect("three");
    // The dependencies of what is only announced are not known; they are seen as soon as anything is staged.
    allowed(&announced);
    blocked(&package, "known-malicious");
    blocked(&tree, "known-malicious");
}

#[test]
fn a_hole_warns_and_denies_from_the_severity_that_policy_names() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    let affected = range(&json!([{ "introduced": "0" }, { "fixed": "1.2.0" }]));
    for (severity, policy, decision) in [
        ("HIGH", "", "warn"),
        ("HIGH", "deny-severity = \"high\"\n", "block"),
        ("MODERATE", "deny-severity = \"high\"\n", "warn"),
        ("?", "deny-severity = \"high\"\n", "block"),
    ] {
        let more = json!({ "database_specific": { "severity": severity } });
        bench.known("GHSA-1", "@acme/notes", &affected, &more, policy);
        let reply = bench.ask(&bench.npm(0));
        assert_eq!(reply["decision"], decision, "{severity} {policy}: {reply}");
        assert_eq!(rules(&reply)[0], "known-vulnerable", "{reply}");
    }
}

#[test]
fn a_required_index_that_is_not_there_refuses_everything() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    bench.write(
        "config/openclaw-verify.toml",
        "version = 1\n[advisories]\nrequire = true\n",
    );
    for step in 0..2 {
        let reply = bench.ask(&bench.npm(step));
        blocked(&reply, "not-established");
        assert!(reply.to_string().contains("and there is none"), "{reply}");
    }
}

#[test]
fn a_wrong_record_is_put_up_with_for_one_version_and_its_bytes() {
    let bench = Bench::new();
    bench.npm_project("1.0.0");
    let all = range(&json!([{ "introduced": "0" }]));
    let archive = openclaw_verify_core::digest::Sri::of(b"1.0.0");
    let other = openclaw_verify_core::digest::Sri::of(b"other");
    let ask = |lines: &str| {
        let exception = format!(
            "[[exception]]\npackage = \"npm:@acme/notes\"\nreason = \"disputed, OPS-9\"\nuntil = 2026-12-20\n{lines}\n"
        );
        bench.known(
            "MAL-1",
            "@acme/notes",
            &all,
            &json!({ "aliases": ["GHSA-1"] }),
            &exception,
        );
        bench.ask(&bench.npm(0))
    };
    let reply = ask(&format!(
        "advisory = \"MAL-1\"\nversion = \"1.0.0\"\narchive = \"{archive}\""
    ));
    // It is a warning and not absence.
    assert_eq!(reply["decision"], "warn", "{reply}");
    assert_eq!(rules(&reply)[0], "known-malicious", "{reply}");
    assert!(
        reply
            .to_string()
            .contains("excepted until 2026-12-20: disputed, OPS-9"),
        "{reply}"
    );
    for lines in [
        format!("advisory = \"MAL-2\"\nversion = \"1.0.0\"\narchive = \"{archive}\""),
        format!("advisory = \"MAL-1\"\nversion = \"1.0.1\"\narchive = \"{archive}\""),
        format!("advisory = \"MAL-1\"\nversion = \"1.0.0\"\narchive = \"{other}\""),
        "advisory = \"GHSA-1\"".to_owned(),
    ] {
        blocked(&ask(&lines), "known-malicious");
    }
    // A hole is excepted by its id.
    let exception = "[[exception]]\npackage = \"npm:@acme/notes\"\nadvisory = \"CVE-1\"\nreason = \"not reachable\"\nuntil = 2027-01-31\n";
    bench.known(
        "GHSA-1",
        "@acme/notes",
        &all,
        &json!({ "aliases": ["CVE-1"] }),
        exception,
    );
    allowed(&bench.ask(&bench.npm(0)));
}
