//! Every format of the report.

use openclaw_verify_core::digest::Sri;
use serde_json::Value;

use crate::support::{FORMATS, Installation, repository};

#[test]
fn the_schema_in_docs_is_current() {
    let schema = schemars::schema_for!(openclaw_verify_core::report::Report);
    is_current(&schema, "docs/report.schema.json");
}

#[test]
fn the_schemas_of_the_operators_files_are_current() {
    use openclaw_verify_core::{lock::Lock, policy::Policy, review::Reviews};
    for (schema, file) in [
        (Policy::schema(), "docs/schema/policy.schema.json"),
        (Lock::schema(), "docs/schema/lock.schema.json"),
        (Reviews::schema(), "docs/schema/reviews.schema.json"),
    ] {
        is_current(&schema, file);
    }
}

#[test]
fn the_schema_of_candidates_is_current() {
    let schema = schemars::schema_for!(openclaw_verify_core::report::CandidateDocument<'_>);
    is_current(&schema, "docs/schema/candidate.schema.json");
}

#[test]
fn the_schema_of_the_gates_request_is_current() {
    let schema = openclaw_verify_core::gate::Request::schema();
    is_current(&schema, "docs/schema/gate-request.schema.json");
}

/// Each is read by the gate, and holds nothing that the schema does not name.
#[test]
fn docs_have_a_request_of_each_kind() {
    use openclaw_verify_core::gate::Request;
    let page = std::fs::read_to_string(repository().join("docs/installers.md")).expect("page");
    let schema = serde_json::to_value(Request::schema()).expect("schema");
    let (mut kinds, mut origins) = (Vec::new(), Vec::new());
    for block in page.split("```json\n").skip(1) {
        let text = block.split("```").next().expect("block");
        Request::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{why}: {text}"));
        let request: Value = serde_json::from_str(text).expect("JSON");
        is_named(&request, &schema);
        let kind = request["request"]["kind"].clone();
        origins.push((kind.clone(), request["origin"]["type"].clone()));
        kinds.push(kind);
    }
    // An announcement alone would be taken for the question that judges.
    for (kind, origin) in &origins {
        if origin == "plugin-npm" || origin == "plugin-git" {
            let judged = |(other, of): &(Value, Value)| other == kind && of == "plugin-package";
            assert!(origins.iter().any(judged), "{kind} is only announced");
        }
    }
    let known = &schema["properties"]["request"]["properties"]["kind"]["enum"];
    for kind in known.as_array().expect("words") {
        assert!(kinds.contains(kind), "no request of {kind}");
    }
}

/// Every key is in the schema, every word in its list, and nothing that it requires is missing.
fn is_named(value: &Value, schema: &Value) {
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{value} is not in {words:?}");
    }
    let Some(object) = value.as_object() else {
        return;
    };
    for (key, inner) in object {
        let named = &schema["properties"][key];
        assert!(named.is_object(), "{key} is not in {schema}");
        is_named(inner, named);
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        let key = key.as_str().expect("key");
        assert!(object.contains_key(key), "{key} is missing: {value}");
    }
}

#[test]
fn json_is_the_same_twice_and_with_other_threads() {
    let installation = Installation::shipped();
    installation.init(0);
    let [one, two] = ["1", "5"].map(|threads| {
        installation
            .run(&["check", "--format", "json", "--threads", threads])
            .stdout
    });
    assert_eq!(one, two);
    let report: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(report["schema"], "openclaw-verify.report/1");
    assert!(!report["notCovered"].as_array().expect("array").is_empty());
}

#[test]
fn sarif_has_one_location_each_in_the_lock() {
    let installation = Installation::shipped();
    installation.init(0);
    let run = installation.run(&["check", "--format", "sarif"]);
    let log: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert!(!results.is_empty());
    let lines = installation.lock_text().lines().count() as u64;
    for result in results {
        let locations = result["locations"].as_array().expect("locations");
        assert_eq!(locations.len(), 1, "{result}");
        let place = &locations[0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "openclaw-verify.lock");
        let line = place["region"]["startLine"].as_u64().expect("line");
        assert!((1..=lines).contains(&line), "{result}");
        let rule = usize::try_from(result["ruleIndex"].as_u64().expect("index")).expect("index");
        assert_eq!(
            log["runs"][0]["tool"]["driver"]["rules"][rule]["id"],
            result["ruleId"]
        );
    }
    assert!(
        results
            .iter()
            .any(|result| result["suppressions"][0]["kind"] == "external"),
        "excepted findings are reported as suppressed"
    );
}

/// GitHub's rules for code scanning: GH2012 and the fields that it shows and sorts by.
#[test]
fn sarif_describes_every_rule_as_github_wants_it() {
    let installation = Installation::shipped();
    installation.init(0);
    let run = installation.run(&["check", "--format", "sarif"]);
    let log: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let driver = &log["runs"][0]["tool"]["driver"];
    assert_eq!(driver["version"], driver["semanticVersion"]);
    assert!(driver["version"].is_string());
    let rules = driver["rules"].as_array().expect("rules");
    assert!(rules.len() > 30);
    for rule in rules {
        let name = rule["name"].as_str().expect("name");
        assert!(
            name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{name}"
        );
        for key in ["shortDescription", "fullDescription", "help"] {
            let text = rule[key]["text"].as_str().expect(key);
            assert!(text.len() > 10, "{name} {key}");
        }
        for key in ["shortDescription", "fullDescription"] {
            let text = rule[key]["text"].as_str().expect(key);
            assert!(
                text.ends_with('.') && !text.contains(".."),
                "{name}: {text}"
            );
        }
        let severity = rule["properties"]["security-severity"].as_str();
        let severity: f64 = severity.expect("text").parse().expect("number");
        let expected = match rule["defaultConfiguration"]["level"].as_str() {
            Some("error") => 7.0..10.0,
            Some("warning") => 4.0..7.0,
            _ => 0.0..4.0,
        };
        assert!(expected.contains(&severity), "{name}: {severity}");
    }
}

#[test]
fn github_annotations_point_at_the_lock() {
    let installation = Installation::shipped();
    installation.init(0);
    std::fs::write(
        installation.state.join("extensions/acme-notes/index.js"),
        "changed",
    )
    .expect("write");
    let run = installation.run(&["check", "--format", "github"]);
    assert_eq!(run.code, 1);
    let line = run
        .stdout
        .lines()
        .find(|line| line.starts_with("::error "))
        .expect("annotation");
    assert!(line.contains("file=openclaw-verify.lock,line="), "{line}");
    assert!(
        line.contains("title=openclaw-verify/tree-mismatch::path:acme-notes: "),
        "{line}"
    );
}

#[test]
fn junit_fails_what_is_denied() {
    let installation = Installation::shipped();
    installation.init(0);
    std::fs::write(
        installation.state.join("extensions/acme-notes/index.js"),
        "changed",
    )
    .expect("write");
    let run = installation.run(&["check", "--format", "junit"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("<failure"), "{}", run.stdout);
    assert!(
        run.stdout.contains(r#"name="path:acme-notes""#),
        "{}",
        run.stdout
    );
    assert_eq!(run.stdout.matches("<failure").count(), 1, "{}", run.stdout);
}

#[test]
fn the_checklist_and_what_changed_between_two_sboms_are_pages_too() {
    let installation = Installation::shipped();
    installation.init(0);
    let run = installation.run(&["checklist", "--format", "html"]);
    assert!(
        run.stdout.starts_with("<!doctype html>\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("<h2>8. "), "{}", run.stdout);
    assert!(run.stdout.contains("<b>Next:</b> "), "{}", run.stdout);

    let old = installation.config.join("old.json");
    let old = old.to_str().expect("a name");
    assert_eq!(installation.run(&["sbom", "-o", old]).code, 0);
    let same = installation.run(&["sbom", "--diff", old, "--format", "html"]);
    assert_eq!(same.code, 0, "{}", same.stderr);
    assert!(
        same.stdout.contains("<h1 class=\"good\">"),
        "{}",
        same.stdout
    );
    std::fs::remove_dir_all(installation.state.join("workspace/skills/weather")).expect("remove");
    let other = installation.run(&["sbom", "--diff", old, "--format", "html"]);
    assert_eq!(other.code, 1, "{}", other.stderr);
    assert!(
        other.stdout.contains("<td>removed</td>"),
        "{}",
        other.stdout
    );
    assert!(other.stdout.contains("weather"), "{}", other.stdout);
}

#[test]
fn a_page_asks_for_nothing_and_has_one_script_that_its_policy_names() {
    let installation = Installation::shipped();
    installation.init(0);
    std::fs::write(
        installation
            .state
            .join("extensions/acme-notes/<img src=x onerror=alert(1)>.js"),
        "changed",
    )
    .expect("write");
    let run = installation.run(&["check", "--format", "html"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let page = &run.stdout;
    assert!(page.starts_with("<!doctype html>\n"), "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
    for bad in [
        "<img", "<link", "<iframe", "src=\"", "url(", "@import", "href=",
    ] {
        assert!(!page.contains(bad), "{bad}: {page}");
    }
    assert!(page.contains("default-src 'none'"), "{page}");
    let (_, script) = page.split_once("<script>").expect("a script");
    let (script, rest) = script.split_once("</script>").expect("its end");
    assert!(!rest.contains("<script"), "{rest}");
    let allowed = format!("script-src '{}'", Sri::of(script.as_bytes()));
    assert!(page.contains(&allowed), "{page}");
    let name = "added &lt;img src=x onerror=alert(1)&gt;.js";
    assert!(page.contains(name), "{page}");
    assert!(
        page.contains("openclaw-verify lock --accept path:acme-notes"),
        "{page}"
    );
}

#[test]
fn markdown_has_what_counts_and_names_in_code() {
    let installation = Installation::shipped();
    installation.init(0);
    std::fs::write(
        installation.state.join("extensions/acme-notes/````<b>.js"),
        "changed",
    )
    .expect("write");
    let run = installation.run(&["check", "--format", "markdown"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let text = &run.stdout;
    assert!(text.contains("1 finding must not pass"), "{text}");
    assert!(text.contains("#### deny: tree-mismatch (1)"), "{text}");
    assert!(text.contains("\n  `````text\n"), "{text}");
    assert!(text.contains("\n    added ````<b>.js\n"), "{text}");
}

#[test]
fn reports_are_also_written_to_files() {
    let installation = Installation::shipped();
    installation.init(0);
    let run = installation.run(&[
        "check",
        "--report",
        "json=out.json",
        "--report",
        "human=out.txt",
    ]);
    assert_eq!(run.code, 0, "{}", run.text());
    let text = std::fs::read_to_string(installation.config.join("out.json")).expect("report");
    serde_json::from_str::<Value>(&text).expect("JSON");
    assert!(
        !std::fs::read_to_string(installation.config.join("out.txt"))
            .expect("report")
            .contains('\u{1b}')
    );
}

#[test]
fn hostile_names_reach_no_terminal() {
    let installation = Installation::shipped();
    installation.init(0);
    let folder = installation.state.join("workspace/skills/evil");
    std::fs::create_dir(&folder).expect("folder");
    let text = "---\nname: \"evil\\e[2J\\u202E\"\ndescription: x\n---\n";
    std::fs::write(folder.join("SKILL.md"), text).expect("skill");
    for format in FORMATS {
        let run = installation.run(&["check", "-v", "--color", "never", "--format", format]);
        let bad = run
            .text()
            .chars()
            .find(|c| matches!(c, '\u{1b}' | '\u{202e}'));
        assert_eq!(bad, None, "{format}: {}", run.text());
    }
}

#[test]
fn a_closed_pipe_is_a_normal_end() {
    let installation = Installation::shipped();
    installation.init(0);
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let status = installation
        .command(&["check", "-v"])
        .stdout(writer)
        .status()
        .expect("runs");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_schema_of_events_is_current() {
    let schema = schemars::schema_for!(openclaw_verify_core::report::event::Event);
    is_current(&schema, "docs/schema/event.schema.json");
}

fn rows(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("one document a line");
    text.lines().map(parse).collect()
}

/// What the report says of each subject and of the whole, and nothing else.
#[test]
fn rows_say_what_the_report_says() {
    let installation = Installation::shipped();
    installation.init(0);
    let folder = installation.state.join("extensions/acme-notes");
    std::fs::write(folder.join("index.js"), "changed").expect("write");
    let (_, report) = installation.check();
    let run = installation.run(&["check", "--format", "jsonl", "--host-label", "gw-1"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let rows = rows(&run.stdout);
    let keys: Vec<&String> = rows[0].as_object().expect("object").keys().collect();
    for row in &rows {
        assert_eq!(row["schema"], "openclaw-verify.event/1");
        assert_eq!(
            (&row["at"], &row["host"]),
            (&"2026-11-22T12:00:00.000Z".into(), &"gw-1".into())
        );
        assert_eq!(row["full"], true);
        assert_eq!(row["lock"], report["inputs"]["lock"]["digest"]);
        // One table: every row has every column.
        assert_eq!(
            row.as_object().expect("object").keys().collect::<Vec<_>>(),
            keys
        );
    }
    let (last, subjects) = rows.split_last().expect("rows");
    // Findings about what is not there have rows of their own.
    let subjects: Vec<&Value> = subjects
        .iter()
        .filter(|row| !row["kind"].is_null())
        .collect();
    assert_eq!(last["event"], "run");
    assert_eq!((&last["exit"], &last["level"]), (&1.into(), &"deny".into()));
    assert_eq!(last["deny"], report["summary"]["deny"]);
    let judged = report["subjects"].as_array().expect("subjects");
    assert_eq!(subjects.len(), judged.len());
    for (row, subject) in subjects.iter().zip(judged) {
        assert_eq!(row["subject"], subject["id"]);
        for key in [
            "kind",
            "source",
            "version",
            "tree",
            "dependencies",
            "basis",
            "enabled",
        ] {
            assert_eq!(row[key], subject[key], "{key} of {subject}");
        }
        assert_eq!(row["integrity"], subject["outcomes"]["integrity"]);
    }
    let changed = subjects
        .iter()
        .find(|row| row["subject"] == "path:acme-notes");
    let changed = changed.expect("row");
    assert_eq!(
        (&changed["level"], &changed["integrity"]),
        (&"deny".into(), &"violated".into())
    );
    let ids = changed["findings"].as_array().expect("findings");
    assert!(ids.contains(&"tree-mismatch".into()), "{ids:?}");
    assert!(changed["message"].is_string());
}

/// A subject that is locked and gone has a row of its own: a fleet must see it.
#[test]
fn what_is_locked_and_not_there_has_a_row() {
    let installation = Installation::shipped();
    installation.init(0);
    std::fs::remove_dir_all(installation.state.join("workspace/skills")).expect("remove");
    let run = installation.run(&["check", "--format", "jsonl"]);
    let gone: Vec<Value> = rows(&run.stdout)
        .into_iter()
        .filter(|row| row["event"] == "subject" && row["kind"].is_null())
        .collect();
    assert!(!gone.is_empty(), "{}", run.stdout);
    for row in gone {
        assert!(row["tree"].is_null() && row["subject"].is_string(), "{row}");
        assert!(
            !row["findings"].as_array().expect("findings").is_empty(),
            "{row}"
        );
    }
}

#[test]
fn rows_and_gauges_are_the_same_twice_and_with_other_threads() {
    let installation = Installation::shipped();
    installation.init(0);
    for format in ["jsonl", "prometheus"] {
        let [one, two] = ["1", "5"].map(|threads| {
            let run = installation.run(&["check", "--format", format, "--threads", threads]);
            assert_eq!(run.code, 0, "{}", run.text());
            run.stdout
        });
        assert_eq!(one, two);
        let file = installation.config.join(format);
        let target = format!("{format}={}", file.display());
        installation.run(&["check", "-q", "--report", &target]);
        assert_eq!(std::fs::read_to_string(&file).expect("written"), one);
    }
}

#[test]
fn gauges_count_what_counts_and_when() {
    let installation = Installation::shipped();
    installation.init(0);
    std::fs::write(
        installation.state.join("extensions/acme-notes/index.js"),
        "changed",
    )
    .expect("write");
    let (_, report) = installation.check();
    let run = installation.run(&["check", "--format", "prometheus", "--host-label", "gw-1"]);
    assert_eq!(run.code, 1, "{}", run.text());
    let sample = |start: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("{start} is not in {}", run.stdout));
        line.rsplit(' ').next().expect("value").to_owned()
    };
    assert_eq!(sample("openclaw_verify_exit_code{host=\"gw-1\"}"), "1");
    let at = sample("openclaw_verify_last_success_timestamp_seconds{");
    assert_eq!(at, "1795348800");
    let violated = sample("openclaw_verify_subjects{host=\"gw-1\",outcome=\"violated\"}");
    assert_eq!(violated, report["summary"]["violated"].to_string());
    let found = "openclaw_verify_findings{host=\"gw-1\",id=\"tree-mismatch\",level=\"deny\"}";
    assert_eq!(sample(found), "1");
    // A run without a verdict is none.
    let failed = installation.run(&["check", "--format", "prometheus", "--state-dir", "nowhere"]);
    assert_eq!(failed.code, 2);
    assert!(
        failed.stdout.contains("openclaw_verify_exit_code 2\n"),
        "{}",
        failed.stdout
    );
    assert!(!failed.stdout.contains("last_success"), "{}", failed.stdout);
}

/// An alert on the exit code sees a run that failed, and when the last verdict was.
#[test]
fn gauges_in_a_file_say_that_a_run_failed() {
    let installation = Installation::shipped();
    installation.init(0);
    let place = |name: &str| installation.home.join(name);
    let (gauges, json) = (place("gauges.prom"), place("report.json"));
    let targets = [
        format!("prometheus={}", gauges.display()),
        format!("json={}", json.display()),
    ];
    let call = [
        "check",
        "-q",
        "--report",
        &targets[0],
        "--report",
        &targets[1],
    ];
    assert_eq!(installation.run(&call).code, 0);
    let read = |file: &std::path::Path| std::fs::read_to_string(file).expect("written");
    let good = read(&gauges);
    let sample = |page: &str, name: &str| {
        let line = page.lines().find(|line| line.starts_with(name));
        line.map(str::to_owned)
    };
    let (exit, last) = (
        "openclaw_verify_exit_code",
        "openclaw_verify_last_success_timestamp_seconds",
    );
    let lock = installation.lock();
    let bytes = std::fs::read(&lock).expect("lock");
    // Before and after it is looked at where outputs may lie.
    for failing in ["schema = 7\n", ""] {
        std::fs::write(&gauges, &good).expect("written");
        match failing {
            "" => std::fs::remove_file(&lock).expect("removed"),
            text => std::fs::write(&lock, text).expect("written"),
        }
        assert_eq!(installation.run(&call).code, 2);
        let page = read(&gauges);
        assert_eq!(sample(&page, exit).as_deref(), Some(&*format!("{exit} 2")));
        assert_eq!(sample(&page, last), sample(&good, last));
        assert!(!page.contains("openclaw_verify_subjects"), "{page}");
        let error: Value = serde_json::from_str(&read(&json)).expect("JSON");
        assert_eq!(error["schema"], "openclaw-verify.error/1");
        assert_eq!(error["exit"], 2);
    }
    // Nothing comes to be where nothing may be written: in the state directory, or as the lock itself.
    for (target, made) in [
        (installation.state.join("gauges.prom"), "state"),
        (lock.clone(), "lock"),
    ] {
        let target_of = format!("prometheus={}", target.display());
        assert_eq!(
            installation
                .run(&["check", "-q", "--report", &target_of])
                .code,
            2
        );
        assert!(!target.exists(), "{made}");
    }
    std::fs::write(&lock, bytes).expect("lock");
    assert_eq!(installation.run(&call).code, 0);
    assert_eq!(read(&gauges), good);
}

#[test]
fn a_failed_run_is_a_row_that_says_so() {
    let installation = Installation::shipped();
    let call = ["check", "--format", "jsonl", "--host-label", "gw-1"];
    let run = installation.run(&call);
    assert_eq!(run.code, 2, "{}", run.text());
    let rows = rows(&run.stdout);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["event"], &rows[0]["exit"]),
        (&"failed".into(), &2.into())
    );
    assert_eq!(
        (&rows[0]["host"], &rows[0]["full"]),
        (&"gw-1".into(), &false.into())
    );
    assert!(
        rows[0]["message"]
            .as_str()
            .expect("message")
            .contains("no lock found")
    );
    let refused = installation.run(&["check", "--host-label", "a b"]);
    assert_eq!(refused.code, 2, "{}", refused.text());
}

fn is_current(schema: &schemars::Schema, file: &str) {
    let made = format!("{:#}\n", serde_json::to_value(schema).expect("schema"));
    let path = repository().join(file);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).expect("schema");
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        made,
        "run the test again with UPDATE_SCHEMA=1"
    );
}

/// The last row signs the bytes of the others, printed or in a file, and `ssh-keygen` says so too.
#[test]
fn rows_are_signed_where_a_key_is_given() {
    let installation = Installation::shipped();
    installation.init(0);
    let key = installation.home.join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "gw-1", "-f"])
        .arg(&key)
        .status();
    assert!(made.expect("ssh-keygen").success());
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("key");
    let allowed = installation.home.join("allowed_signers");
    std::fs::write(
        &allowed,
        format!("gw-1 namespaces=\"openclaw-verify-event\" {public}"),
    )
    .expect("signers");
    let shown = key.to_str().expect("path").to_owned();
    let run = installation.run(&["check", "--format", "jsonl", "--sign-ssh", &shown]);
    assert_eq!(run.code, 0, "{}", run.text());
    let last = rows(&run.stdout).pop().expect("rows");
    assert_eq!(last["event"], "signature");
    let (signed, _) = run.stdout.trim_end().rsplit_once('\n').expect("rows");
    let signed = format!("{signed}\n");
    assert_eq!(last["signature"]["rows"], signed.lines().count());
    let plain = installation.run(&["check", "--format", "jsonl"]);
    assert_eq!(signed, plain.stdout);

    let armor = installation.home.join("armor");
    std::fs::write(&armor, last["signature"]["armor"].as_str().expect("armor")).expect("written");
    let holds = |bytes: &str| {
        let rows = installation.home.join("rows");
        std::fs::write(&rows, bytes).expect("written");
        let mut verify = std::process::Command::new("ssh-keygen");
        verify.args(["-Y", "verify", "-I", "gw-1", "-n", "openclaw-verify-event"]);
        verify.arg("-f").arg(&allowed).arg("-s").arg(&armor);
        verify.stdin(std::fs::File::open(&rows).expect("rows"));
        verify.output().expect("ssh-keygen").status.success()
    };
    assert!(holds(&signed));
    assert!(!holds(&signed.replacen("verified", "violated", 1)));
    assert!(!holds(signed.split_once('\n').expect("rows").1));

    // A file has the same; other forms have nothing to sign.
    let file = installation.home.join("rows.jsonl");
    let target = format!("jsonl={}", file.display());
    installation.run(&["check", "-q", "--report", &target, "--sign-ssh", &shown]);
    assert_eq!(std::fs::read_to_string(&file).expect("file"), run.stdout);
    for refused in [
        ["check", "--format", "json"].as_slice(),
        &["skills", "--format", "jsonl"],
    ] {
        let run = installation.run(&[refused, &["--sign-ssh", &shown]].concat());
        assert_eq!(run.code, 2, "{refused:?}");
        assert!(
            run.text().contains("none of them is asked for"),
            "{}",
            run.text()
        );
    }
}

#[test]
fn what_fails_is_shown_whatever_its_level() {
    let installation = Installation::shipped();
    installation.init(0);
    let report = installation.check().1;
    let notes = report["findings"].as_array().expect("findings");
    let notes: Vec<&Value> = notes
        .iter()
        .filter(|finding| finding["level"] == "note" && finding["suppressed"].is_null())
        .collect();
    assert!(!notes.is_empty());
    for (arguments, sign) in [
        (&["check", "-q"][..], "note "),
        (&["check", "--format", "github"], "::notice "),
        (&["check", "--format", "markdown"], "#### note: "),
    ] {
        let run = installation.run(&[arguments, &["--fail-on", "note"]].concat());
        assert_eq!(run.code, 1, "{}", run.text());
        for note in &notes {
            let id = note["id"].as_str().expect("an id");
            let subject = note["subject"].as_str().unwrap_or_default();
            assert!(run.stdout.contains(sign), "{}", run.stdout);
            assert!(run.stdout.contains(id), "{id}: {}", run.stdout);
            assert!(run.stdout.contains(subject), "{subject}: {}", run.stdout);
        }
        let usual = installation.run(arguments);
        assert_eq!(usual.code, 0);
        assert!(!usual.stdout.contains("::notice"), "{}", usual.stdout);
    }
}

#[test]
fn no_line_of_a_foreign_file_is_shown() {
    let installation = Installation::shipped();
    installation.init(0);
    let secret = installation.home.join("netrc");
    std::fs::write(&secret, "machine a login b password topsecret\n").expect("file");
    let policy = std::fs::read_to_string(installation.policy()).expect("policy");
    let lock = installation.lock_text();
    let link = |file: &std::path::Path| {
        std::fs::remove_file(file).expect("file");
        std::os::unix::fs::symlink(&secret, file).expect("link");
    };
    let said = |installation: &Installation| {
        FORMATS.map(|format| {
            let run = installation.run(&["check", "--lock-only", "--format", format]);
            assert_eq!(run.code, 2, "{format}: {}", run.text());
            assert!(
                !run.text().contains("topsecret"),
                "{format}: {}",
                run.text()
            );
            run.text()
        })
    };
    link(&installation.lock());
    assert!(said(&installation)[0].contains("shown on a terminal only"));
    std::fs::remove_file(installation.lock()).expect("link");
    std::fs::write(installation.lock(), &lock).expect("lock");
    link(&installation.policy());
    said(&installation);
    std::fs::remove_file(installation.policy()).expect("link");
    let named = format!(
        "{policy}\n[[release]]\nrepository = \"github.com/acme/notes\"\ntags = \"v*\"\nsigners = \"{}\"\n",
        secret.display()
    );
    std::fs::write(installation.policy(), named).expect("policy");
    let run = installation.run(&["check", "--lock-only"]);
    assert!(!run.text().contains("topsecret"), "{}", run.text());
    // A document that policy names: what it holds is in no message either.
    let statement = installation.home.join("pin");
    std::fs::write(&statement, "\"topsecret\"").expect("file");
    let named = format!(
        "{policy}\n[[vex]]\npath = \"{}\"\nuntil = 2026-12-20\n",
        statement.display()
    );
    std::fs::write(installation.policy(), named).expect("policy");
    assert!(said(&installation)[0].contains("is no OpenVEX document"));
    // A broken line of the operator's own file is shown.
    std::fs::write(installation.policy(), policy).expect("policy");
    std::fs::write(installation.lock(), format!("topsecret\n{lock}")).expect("lock");
    let run = installation.run(&["check", "--lock-only"]);
    assert!(run.text().contains("topsecret"), "{}", run.text());
}

#[test]
fn a_report_is_replaced_and_nothing_that_only_speaks_of_it() {
    let installation = Installation::shipped();
    installation.init(0);
    let file = |name: &str| installation.config.join(name);
    let report = |format: &str, name: &str| {
        let to = format!("{format}={}", file(name).display());
        installation.run(&["check", "--report", &to])
    };
    let lock = installation.lock_text();
    for format in FORMATS {
        for (text, code) in [(&lock, 0), (&"x".to_owned(), 2), (&lock, 0)] {
            std::fs::write(installation.lock(), text).expect("lock");
            let run = report(format, &format!("r.{format}"));
            assert_eq!(run.code, code, "{format}: {}", run.text());
        }
        let text = std::fs::read_to_string(file(&format!("r.{format}"))).expect("report");
        assert!(!text.contains("no verdict"), "{format}: {text}");
    }
    for text in ["# notes about openclaw-verify\n", "echo \" deny  warn\"\n"] {
        std::fs::write(file("notes.md"), text).expect("file");
        assert_eq!(report("human", "notes.md").code, 2);
        assert_eq!(
            std::fs::read_to_string(file("notes.md")).expect("file"),
            text
        );
    }
    // One output that may not be written leaves no green one of an earlier run in another.
    let green = report("junit", "r.junit");
    assert_eq!(green.code, 0);
    std::os::unix::fs::symlink("x", file("p.json")).expect("link");
    let junit = format!("junit={}", file("r.junit").display());
    let json = format!("json={}", file("p.json").display());
    let run = installation.run(&["check", "--report", &junit, "--report", &json]);
    assert_eq!(run.code, 2, "{}", run.text());
    let text = std::fs::read_to_string(file("r.junit")).expect("report");
    assert!(text.contains("errors=\"1\""), "{text}");
}
