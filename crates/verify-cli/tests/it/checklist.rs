//! `checklist`: the guide's points. Silence is a pass only where something was looked at.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::Installation;
use crate::tamper::change_index;

const STRONG: &str = "0123456789abcdef0123456789abcdef";

fn with(config: &str) -> Installation {
    let installation = Installation::empty();
    fs::set_permissions(&installation.state, fs::Permissions::from_mode(0o700)).expect("mode");
    let file = installation.state.join("openclaw.json");
    fs::write(&file, config.replace("STRONG", STRONG)).expect("config");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("mode");
    installation
}

fn checklist(installation: &Installation, more: &[&str]) -> (i32, Value) {
    let run = installation.run(&[&["checklist", "--format", "json"], more].concat());
    let value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.text()));
    (run.code, value)
}

fn state(checklist: &Value, id: &str) -> String {
    let rows = checklist["rows"].as_array().expect("rows");
    let row = rows
        .iter()
        .find(|row| row["id"] == id)
        .unwrap_or_else(|| panic!("{id}"));
    row["state"].as_str().expect("state").to_owned()
}

#[test]
fn rows_follow_the_guide_and_carry_threats() {
    let (_, list) = checklist(&with("{}"), &[]);
    assert_eq!(list["schema"], "openclaw-verify.checklist/1");
    let rows = list["rows"].as_array().expect("rows");
    let sections: Vec<u64> = rows
        .iter()
        .filter_map(|row| row["section"].as_u64())
        .collect();
    assert!(sections.is_sorted() && sections.first() == Some(&1) && sections.last() == Some(&8));
    for row in rows {
        let threats = row["threats"].as_array().expect("threats");
        for prefix in ["LLM", "ASI", "AST", "T-"] {
            assert!(
                threats
                    .iter()
                    .any(|id| id.as_str().is_some_and(|id| id.starts_with(prefix))),
                "{row:#}"
            );
        }
        assert!(
            !row["evidence"].as_array().expect("evidence").is_empty(),
            "{row:#}"
        );
    }
}

#[test]
fn nothing_passes_without_evidence() {
    let installation = with("{gateway:{auth:{token:'STRONG'}}}");
    let nothing = installation.config.join("proc");
    fs::create_dir(&nothing).expect("folder");
    let (_, list) = checklist(&installation, &["--proc", nothing.to_str().expect("text")]);
    // What no file can show, what needs a lock, a running gateway, a unit or a file that was not given.
    for id in [
        "rotation",
        "firewall",
        "updates",
        "pinned",
        "reviewed",
        "known-bad",
        "install-method",
        "loopback",
        "own-user",
        "container",
        "service",
        "disk-encryption",
        "sandbox-tight",
    ] {
        assert_eq!(state(&list, id), "not-established", "{id}");
    }
    for id in ["authentication", "origins", "file-modes", "elevated"] {
        assert_eq!(state(&list, id), "passed", "{id}");
    }
    for id in [
        "approvals",
        "sandbox",
        "references",
        "gate",
        "threat-injection",
        "chapter-6",
    ] {
        assert_eq!(state(&list, id), "open", "{id}");
    }
    // A config of which a part is missing is not judged by the rest.
    let cut = with("{gateway:{auth:{token:'STRONG'}},'$include':'none.json'}");
    let run = cut.run(&["checklist"]);
    assert!(
        run.code == 2 && run.stderr.contains("none.json"),
        "{}",
        run.text()
    );
}

#[test]
fn what_is_switched_off_is_no_pass() {
    let installation = with("{gateway:{auth:{token:'STRONG'}}}");
    let (code, list) = checklist(&installation, &["-A", "exec-unrestricted"]);
    assert_eq!(state(&list, "approvals"), "not-established");
    assert_eq!(code, 0);
    let (code, _) = checklist(&installation, &["--fail-on", "warn"]);
    assert_eq!(code, 1, "as host ends");
}

#[test]
fn exceptions_have_their_day() {
    let installation =
        with("{gateway:{bind:'lan',auth:{token:'STRONG'},controlUi:{allowedOrigins:['*']}}}");
    let run = installation.run(&["host", "--format", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("report");
    let found = report["findings"].as_array().expect("findings").iter();
    let origin = found
        .clone()
        .find(|f| f["id"] == "origin-check-off")
        .expect("finding");
    let policy = format!(
        "version = 1\n[[exception]]\npackage = \"host:machine\"\ndefinition = {}\nallow = [\"origin-check-off\"]\nreason = \"a lab\"\nuntil = 2026-12-24\n",
        origin["definition"]
    );
    fs::write(installation.policy(), policy).expect("policy");
    let (_, list) = checklist(&installation, &[]);
    let rows = list["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["id"] == "origins").expect("row");
    assert_eq!(
        (row["state"].as_str(), row["until"].as_str()),
        (Some("excepted"), Some("2026-12-24"))
    );
}

#[test]
fn with_a_lock_it_speaks_of_what_is_installed() {
    let mut installation = Installation::shipped();
    installation.init(0);
    let (_, list) = checklist(&installation, &[]);
    assert_eq!(
        state(&list, "unchanged"),
        "not-established",
        "the linked plugin is not in this copy, and no host is known"
    );
    let host = installation.home.join("lib/openclaw");
    fs::create_dir_all(&host).expect("folder");
    fs::write(
        host.join("package.json"),
        r#"{"name":"openclaw","version":"2026.9.6"}"#,
    )
    .expect("host");
    installation.host = Some(host);
    let database = installation.state.join("state/openclaw.sqlite");
    change_index(&database, |records| {
        records.remove("acme-linked");
    });
    let config = installation.state.join("openclaw.json");
    let text = fs::read_to_string(&config).expect("config");
    fs::write(
        &config,
        text.replace("\"/home/user/src/plugin-linked\"", ""),
    )
    .expect("config");
    for file in [installation.lock(), installation.policy()] {
        fs::remove_file(file).expect("remove");
    }
    installation.init(0);
    let (_, list) = checklist(&installation, &[]);
    assert_eq!(state(&list, "unchanged"), "passed");
    assert_eq!(state(&list, "known-bad"), "not-established");
    assert_eq!(state(&list, "reviewed"), "excepted");
    let plugin = installation.state.join("extensions/acme-notes/index.js");
    fs::write(plugin, "changed").expect("write");
    let (code, list) = checklist(&installation, &[]);
    assert_eq!((code, state(&list, "unchanged").as_str()), (1, "open"));
}

#[test]
fn markdown_ticks_only_what_passed_and_no_text_leaves_its_code() {
    let installation =
        with("{gateway:{auth:{token:'STRONG'}},tools:{elevated:{allowFrom:{'x` **y**':['*']}}}}");
    let run = installation.run(&["checklist", "--format", "markdown"]);
    for line in run.stdout.lines().filter(|line| line.starts_with("- [")) {
        assert_eq!(
            line.starts_with("- [x]"),
            line.contains("**passed**"),
            "{line}"
        );
    }
    assert!(run.stdout.contains("`` "), "{}", run.stdout);
    assert_eq!(run.code, 1);
}

#[test]
fn files_that_are_handed_over_answer_points() {
    let installation =
        with("{gateway:{auth:{token:'STRONG'}},agents:{defaults:{sandbox:{mode:'all'}}}}");
    let of = |id: &str, option: &str, text: &str| {
        let file = installation.config.join("given");
        fs::write(&file, text).expect("file");
        state(
            &checklist(&installation, &[option, file.to_str().expect("text")]).1,
            id,
        )
    };
    let compose = |lines: &str| format!("services:\n  openclaw:\n    image: a@sha256:0\n{lines}");
    assert_eq!(of("container", "--compose", &compose("")), "passed");
    assert_eq!(
        of("container", "--compose", &compose("    privileged: true\n")),
        "open"
    );
    assert_eq!(
        of(
            "container",
            "--compose",
            &compose("    volumes: ['${D}:/d']\n")
        ),
        "not-established"
    );
    assert_eq!(
        of("container", "--compose", "services: {a: {}, b: {}}\n"),
        "not-established"
    );
    assert_eq!(
        of(
            "loopback",
            "--compose",
            &compose("    ports: ['18789:18789']\n")
        ),
        "open"
    );
    assert_eq!(
        of(
            "tunnel",
            "--tailscale-status",
            "{\"TCP\":{\"443\":{\"TCPForward\":\"127.0.0.1:18789\"}},\"AllowFunnel\":{\"a:443\":true}}"
        ),
        "open"
    );
    assert_eq!(of("virtual-machine", "--docker-daemon", "{}"), "open");
    assert_eq!(
        of(
            "virtual-machine",
            "--docker-daemon",
            "{\"default-runtime\":\"runsc\",\"runtimes\":{\"runsc\":{\"path\":\"/usr/bin/runsc\"}}}"
        ),
        "passed"
    );
    let sandbox = |runtime: &str| {
        format!(
            "[{{\"Name\":\"/openclaw-sbx-1\",\"Config\":{{\"User\":\"1000\"}},\"HostConfig\":{{\"Runtime\":\"{runtime}\"}}}}]"
        )
    };
    assert_eq!(
        of("virtual-machine", "--docker-inspect", &sandbox("kata")),
        "passed"
    );
    assert_eq!(
        of("virtual-machine", "--docker-inspect", &sandbox("runc")),
        "open"
    );
    assert_eq!(
        of("sandbox", "--docker-inspect", &sandbox("runc")),
        "passed",
        "it was seen"
    );
    assert_eq!(of("sandbox", "--docker-daemon", "{}"), "not-established");
}

#[test]
fn a_template_counts_where_it_holds_no_real_value() {
    let installation = with("{gateway:{auth:{token:'STRONG'}}}");
    let space = installation.state.join("workspace");
    fs::create_dir_all(space.join(".git")).expect("repository");
    let of = || state(&checklist(&installation, &[]).1, "template");
    assert_eq!(of(), "not-established");
    fs::write(space.join(".env.example"), "A_TOKEN=your-token\n").expect("template");
    assert_eq!(of(), "passed");
    fs::write(space.join(".env.example"), "A_TOKEN=sk-test-0123456789\n").expect("template");
    assert_eq!(of(), "not-established");
    assert_eq!(
        state(&checklist(&installation, &[]).1, "rotation"),
        "not-established"
    );
}

#[test]
fn the_page_holds_every_point_and_no_text_becomes_markup() {
    let installation = with(
        "{gateway:{auth:{token:'STRONG'}},tools:{elevated:{allowFrom:{'<script>alert(1)</script>':['*']}}}}",
    );
    let (_, list) = checklist(&installation, &[]);
    let rows = list["rows"].as_array().expect("rows");
    let page = installation.run(&["checklist", "--format", "html"]).stdout;
    assert!(
        page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("<article").count(), rows.len());
    assert_eq!(page.matches("<section").count(), 8);
    for state in ["passed", "open", "not-established"] {
        let word = state.replace('-', " ");
        let count = rows.iter().filter(|row| row["state"] == state).count();
        assert_eq!(
            page.matches(&format!("\">{word}</span>")).count(),
            count,
            "{state}"
        );
    }
    let host = installation.run(&["host", "--format", "html"]).stdout;
    assert!(host.contains("The machine around it was judged"), "{host}");
    assert!(host.contains("tools.elevated.allowFrom"), "{host}");
    assert_eq!(host.matches("<script").count(), 1, "{host}");
}

#[test]
fn the_row_about_reading_speaks_of_reading() {
    let installation = Installation::shipped();
    installation.init(0);
    let (_, list) = checklist(&installation, &[]);
    let evidence = |id: &str| {
        let rows = list["rows"].as_array().expect("rows").iter();
        let row = rows.clone().find(|row| row["id"] == id).expect("row");
        row["evidence"].to_string()
    };
    let read = evidence("reviewed");
    assert!(
        read.contains("unreviewed") || read.contains("were read"),
        "{read}"
    );
    assert!(!read.contains("are as locked; not"), "{read}");
}
