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

/// Why a config is refused as a whole: place, why and the way out.
fn refused(files: &[(&str, &str)]) -> (String, String, String) {
    let (_dir, paths) = state(files);
    match read(&paths, None) {
        Err(Error::Subject { place, why, help }) => (place, why, help.expect("a way out")),
        Err(other) => panic!("{other}"),
        Ok(config) => panic!("{} is taken", config.value),
    }
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
fn an_include_outside_leaves_the_rest_and_says_so() {
    for include in ["../outside.json", "/etc/hostname"] {
        let main = format!(r#"{{"plugins":{{"$include":"{include}","allow":["kept"]}}}}"#);
        let config = config(&[("openclaw.json", &main)]);
        assert!(!config.complete);
        assert_eq!(
            config.value.to_string(),
            r#"{"plugins":{"allow":["kept"]}}"#
        );
        let said = format!("{:?}", config.observations);
        assert!(said.contains("leads out"), "{include}: {said}");
    }
}

#[test]
fn an_include_that_openclaw_could_not_read_refuses_the_config() {
    let cases = [
        ("\"openclaw.json\"", "openclaw.json", "includes itself"),
        ("\"missing.json\"", "openclaw.json", "No such file"),
        ("\"sub/broken.json\"", "sub/broken.json", "line 2 column 8"),
        ("\"\"", "openclaw.json", "empty"),
        ("7", "openclaw.json", "names a number"),
        ("\"list.json\"", "openclaw.json", "holds no object"),
    ];
    for (include, place, why) in cases {
        let main = format!(r#"{{"plugins":{{"$include":{include},"allow":["kept"]}}}}"#);
        let found = refused(&[
            ("openclaw.json", &main),
            ("sub/broken.json", "{\n  \"a\": ]\n}"),
            ("list.json", "[]"),
        ]);
        assert_eq!(found.0, place, "{include}");
        assert!(found.1.contains(why), "{include}: {found:?}");
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
    assert!(refused(&files).1.contains("nested deeper than 10"));
    let cycle = refused(&[
        ("openclaw.json", r#"{"$include":"a.json"}"#),
        ("a.json", r#"{"$include":"openclaw.json"}"#),
    ]);
    assert!(cycle.1.contains("includes itself"));
    let wide = vec![r#""b.json""#; 400].join(",");
    let (a, b) = (
        format!(r#"{{"$include":[{wide}]}}"#),
        format!(r#"{{"x":{{"$include":[{}]}}}}"#, wide.replace('b', "c")),
    );
    let bomb = refused(&[
        ("openclaw.json", &a),
        ("b.json", &b),
        ("c.json", r#"{"l":[1,2,3]}"#),
    ]);
    assert!(bomb.1.contains("more than 500 includes"));
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
    assert!(refused(&files).1.contains("together with its includes"));
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
    let proto = config(&[("openclaw.json", proto)]);
    assert!(!proto.complete && format!("{:?}", proto.observations).contains("__proto__"));
    for (content, expected) in [
        ("[1]", "an array"),
        ("null", "null"),
        ("", "JSON5"),
        ("{\n a:1}}", "line 2"),
    ] {
        let (place, why, help) = refused(&[("openclaw.json", content)]);
        assert_eq!(place, "openclaw.json");
        assert!(why.contains(expected), "{content:?}: {why}");
        assert!(!help.contains("last-good"), "{help}");
    }
    let copy = ("openclaw.json.last-good", "{}");
    let (_, _, help) = refused(&[("openclaw.json", "{"), copy]);
    assert!(help.contains("openclaw.json.last-good"), "{help}");
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
