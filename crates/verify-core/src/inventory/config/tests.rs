use super::*;

fn state(files: &[(&str, &str)]) -> (tempfile::TempDir, Paths) {
    let dir = tempfile::tempdir().expect("temp dir");
    for (name, content) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        std::fs::write(path, content).expect("write");
    }
    let paths = Paths::plain(dir.path());
    (dir, paths)
}

fn config(files: &[(&str, &str)]) -> Config {
    let (_dir, paths) = state(files);
    read(&paths, None).expect("config")
}

#[test]
fn includes_merge_as_openclaw_merges() {
    let config = config(&[
        (
            "openclaw.json",
            "{ plugins: { $include: ['./a.json5', 'sub/b.json'], enabled: true, load: { paths: ['/c'] } } }",
        ),
        (
            "a.json5",
            "{ load: { paths: ['/a'] }, enabled: false, allow: ['x'], }",
        ),
        (
            "sub/b.json",
            r#"{"load":{"paths":["/b"]},"deny":{"$include":"c.json"}}"#,
        ),
        ("sub/c.json", r#"["evil"]"#),
    ]);
    assert!(config.complete, "{:?}", config.observations);
    let expected = r#"{"plugins":{"load":{"paths":["/a","/b","/c"]},"enabled":true,"allow":["x"],"deny":["evil"]}}"#;
    assert_eq!(config.value.to_string(), expected);
}

#[test]
fn a_bad_include_leaves_the_rest_and_says_so() {
    let cases = [
        ("../outside.json", "leads out"),
        ("/etc/hostname", "leads out"),
        ("openclaw.json", "includes itself"),
        ("missing.json", "No such file"),
        ("broken.json", "is not valid JSON5"),
        ("", "empty"),
    ];
    for (include, why) in cases {
        let main = format!(r#"{{"plugins":{{"$include":"{include}","allow":["kept"]}}}}"#);
        let config = config(&[("openclaw.json", &main), ("broken.json", "{")]);
        assert!(!config.complete);
        assert_eq!(
            config.value.to_string(),
            r#"{"plugins":{"allow":["kept"]}}"#
        );
        let said = format!("{:?}", config.observations);
        assert!(said.contains(why), "{include}: {said}");
    }
}

#[test]
fn a_thousand_nested_includes_and_a_cycle_end() {
    let mut files = vec![(
        "openclaw.json".to_owned(),
        r#"{"$include":"0.json"}"#.to_owned(),
    )];
    files.extend((0..1000).map(|n| {
        (
            format!("{n}.json"),
            format!(r#"{{"k{n}":1,"$include":"{}.json"}}"#, n + 1),
        )
    }));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let nested = config(&files);
    assert!(
        !nested.complete && format!("{:?}", nested.observations).contains("nested deeper than 10")
    );
    let cycle = config(&[
        ("openclaw.json", r#"{"$include":"a.json"}"#),
        ("a.json", r#"{"$include":"openclaw.json"}"#),
    ]);
    assert!(!cycle.complete && format!("{:?}", cycle.observations).contains("includes itself"));
    let wide = vec![r#""b.json""#; 400].join(",");
    let (a, b) = (
        format!(r#"{{"$include":[{wide}]}}"#),
        format!(r#"{{"x":{{"$include":[{}]}}}}"#, wide.replace('b', "c")),
    );
    let bomb = config(&[
        ("openclaw.json", &a),
        ("b.json", &b),
        ("c.json", r#"{"l":[1,2,3]}"#),
    ]);
    assert!(
        !bomb.complete && format!("{:?}", bomb.observations).contains("more than 500 includes")
    );
}

#[test]
fn includes_at_the_bottom_of_deep_files_do_not_exhaust_the_stack() {
    let file = |n: usize| {
        let (open, close) = (
            r#"{"a":"#.repeat(json::MAX_DEPTH - 1),
            "}".repeat(json::MAX_DEPTH - 1),
        );
        (
            format!("{n}.json"),
            format!(r#"{open}{{"$include":"{}.json","b":1}}{close}"#, n + 1),
        )
    };
    let mut files = vec![(
        "openclaw.json".to_owned(),
        r#"{"$include":"0.json"}"#.to_owned(),
    )];
    files.extend((0..20).map(file));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let config = config(&files);
    assert!(
        !config.complete
            && format!("{:?}", config.observations).contains("together with its includes")
    );
}

#[test]
fn the_config_under_its_old_name_counts_where_there_is_no_other() {
    let old = (
        "clawdbot.json",
        r#"{"plugins":{"load":{"paths":["/evil"]}}}"#,
    );
    assert!(
        config(&[old])
            .value
            .pointer("/plugins/load/paths")
            .is_some()
    );
    assert_eq!(
        config(&[old, ("openclaw.json", "{}")]).value.to_string(),
        "{}"
    );
}

#[test]
fn what_is_no_config_is_never_an_empty_one() {
    let proto = r#"{"plugins":{"__proto__":{"load":{"paths":["/evil"]}}}}"#;
    for (content, why) in [
        (proto, "__proto__"),
        ("[1]", "an array"),
        ("null", "null"),
        ("", "JSON5"),
        ("{a:1}}", "JSON5"),
    ] {
        let config = config(&[("openclaw.json", content)]);
        assert!(
            !config.complete && format!("{:?}", config.observations).contains(why),
            "{content:?}: {:?}",
            config.observations
        );
    }
    let missing = config(&[]);
    assert!(missing.complete && missing.observations.is_empty());
    let twice = config(&[("openclaw.json", r#"{"plugins":{"deny":["a"],"deny":[]}}"#)]);
    assert!(
        matches!(&*twice.observations, [Observation::DuplicateKey { key, .. }] if key == "deny")
    );
}

#[test]
fn every_agent_has_a_workspace() {
    let agents = r#"{"agents":{"defaults":{"workspace":"/w"},"entries":{"Ops Team":{},"b":{"workspace":"/b"},"c":{"workspace":"rel"}}}}"#;
    let (_dir, paths) = state(&[("openclaw.json", agents)]);
    let mut config = read(&paths, None).expect("config");
    let found: Vec<_> = workspaces(&paths, &mut config, None)
        .into_iter()
        .map(|w| (w.agent, w.folder))
        .collect();
    let expected = [
        (None, "/w"),
        (Some("ops-team"), "/w/ops-team"),
        (Some("b"), "/b"),
    ];
    assert_eq!(
        found,
        expected.map(|(a, f)| (a.map(str::to_owned), PathBuf::from(f)))
    );
    assert!(
        format!("{:?}", config.observations).contains("openclaw.json#agents.entries.c.workspace")
    );
}
