use super::*;
use crate::inventory::listing::Listing;

fn listings(value: Value) -> (Listing, Listing) {
    let (mut definition, mut settings) = (ListingBuilder::default(), ListingBuilder::default());
    let mut walk = Walk {
        meant: &|_| BTreeMap::new(),
        is_installed: &|id| id == "acme",
        definition: &mut definition,
        settings: &mut settings,
        left: MAX_KEYS,
        cut: false,
    };
    walk.value(&mut Vec::new(), &value, None);
    (definition.finish(), settings.finish())
}

#[test]
fn commands_are_definitions_and_the_rest_steers() {
    let (definition, settings) = listings(json!({
        "meta": { "lastTouchedVersion": "1" },
        "secrets": { "providers": { "vault": { "command": "/bin/v", "args": ["--token", "hunter2", "x"] } } },
        "models": { "providers": { "p": { "baseUrl": "https://u:p@h/v1?key=hunter2", "apiKey": "hunter2" } } },
        "tools": { "exec": { "security": "full" } },
        "newKey": { "deep": true },
    }));
    let of = |listing: &Listing| listing.paths().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        of(&definition),
        [
            "secrets.providers.vault.args.[0]",
            "secrets.providers.vault.args.[1]",
            "secrets.providers.vault.args.[2]",
            "secrets.providers.vault.command",
        ]
    );
    assert!(
        of(&settings).contains(&"newKey.deep".to_owned()),
        "{settings:?}"
    );
    assert!(!of(&settings).iter().any(|path| path.starts_with("meta")));
}

#[test]
fn what_switches_a_plugin_of_openclaw_is_a_setting() {
    let of = |id: &str| {
        let settings = listings(json!({ "plugins": { "entries": { id: { "enabled": true } } } })).1;
        settings.paths().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("webhooks"), ["plugins.entries.webhooks.enabled"]);
    assert!(of("acme").is_empty());
}

#[test]
fn what_openclaws_commands_leave_is_no_setting() {
    let none = listings(json!({})).1.digest();
    let of = |value: Value| listings(value).1.digest();
    for left in [
        json!({}),
        json!({ "env": { "vars": {} } }),
        json!({ "env": {} }),
        json!({ "security": {}, "mcp": { "servers": {} } }),
        json!({ "security": { "installPolicy": {} } }),
    ] {
        assert_eq!(of(left.clone()), none, "{left}");
    }
    for said in [
        json!({ "channels": { "telegram": {} } }),
        json!({ "env": { "vars": { "A": "" } } }),
        json!({ "env": [] }),
        json!({ "security": { "newKey": {} } }),
    ] {
        assert_ne!(of(said.clone()), none, "{said}");
    }
}

#[test]
fn a_secret_changes_no_digest() {
    let with = |secret: &str| {
        listings(json!({
            "gateway": { "auth": { "token": secret } },
            "models": { "providers": { "p": { "baseUrl": format!("https://u:{secret}@h/v1?k={secret}") } } },
            "secrets": { "providers": { "v": { "command": "x", "args": ["--password", secret] } } },
            "env": { "vars": { "SOME": secret } },
        }))
    };
    let (one, two) = (with("hunter2"), with("correct horse"));
    assert_eq!(
        (one.0.digest(), one.1.digest()),
        (two.0.digest(), two.1.digest())
    );
    assert_ne!(
        with("${TOKEN}").1.digest(),
        one.1.digest(),
        "its form is reported"
    );
}

/// Key paths of a JSON Schema: `*` for any key, `[]` for an element.
fn paths_of(
    schema: &Value,
    root: &Value,
    path: &mut Vec<String>,
    found: &mut std::collections::BTreeSet<Vec<String>>,
) {
    if path.len() > 14 {
        return;
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let target = root
            .pointer(name.trim_start_matches('#'))
            .unwrap_or(&Value::Null);
        return paths_of(target, root, path, found);
    }
    let mut inner = false;
    let mut go = |part: Option<String>, value: &Value, path: &mut Vec<String>| {
        inner = true;
        path.extend(part.clone());
        paths_of(value, root, path, found);
        if part.is_some() {
            path.pop();
        }
    };
    for key in ["anyOf", "oneOf", "allOf"] {
        for other in schema
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            go(None, other, path);
        }
    }
    for (key, value) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        go(Some(key.clone()), value, path);
    }
    if let Some(value) = schema
        .get("additionalProperties")
        .filter(|value| value.is_object())
    {
        go(Some("*".to_owned()), value, path);
    }
    if let Some(value) = schema.get("items").filter(|value| value.is_object()) {
        go(Some("[]".to_owned()), value, path);
    }
    if !inner && !path.is_empty() {
        found.insert(path.clone());
    }
}

/// Where OpenClaw gets a key that the table does not know, a developer has to say what it does.
#[test]
#[ignore = "needs a real OpenClaw"]
fn the_table_knows_every_key_of_openclaws_schema() {
    let root = std::env::var_os("OPENCLAW_VERIFY_REAL").expect("OPENCLAW_VERIFY_REAL");
    let root = std::path::PathBuf::from(root);
    let home = tempfile::tempdir().expect("temp dir");
    let run = std::process::Command::new(root.join("bin/node"))
        .arg(root.join("app/node_modules/openclaw/openclaw.mjs"))
        .args(["config", "schema"])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("openclaw");
    let schema: Value = serde_json::from_slice(&run.stdout).expect("a schema");
    let schema = schema.get("schema").unwrap_or(&schema);
    let mut found = std::collections::BTreeSet::new();
    paths_of(schema, schema, &mut Vec::new(), &mut found);
    assert!(found.len() > 1000, "{} keys", found.len());
    let unknown: Vec<String> = found
        .iter()
        .filter(|path| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            !PATTERNS.iter().any(|(pattern, _)| matches(pattern, &path))
        })
        .map(|path| path.join("."))
        .collect();
    assert!(unknown.is_empty(), "config-keys.tsv lacks {unknown:#?}");
    // What starts a program by its name is a command, also in a list of agents.
    for path in [
        "agents.list.[0].sandbox.docker.setupCommand",
        "agents.entries.x.sandbox.docker.image",
    ] {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        assert_eq!(meaning(&path), Means::Class(Class::Command), "{path:?}");
    }
}

#[test]
fn images_without_a_digest_are_named() {
    let digest = format!("x@sha256:{}", "ab".repeat(32));
    let id = format!("sha256:{}", "ab".repeat(32));
    let keys = |image: &str| {
        let mut found = Vec::new();
        let sandbox = json!({ "sandbox": { "docker": { "image": image } } });
        let config = json!({ "agents": { "defaults": sandbox, "entries": { "a": sandbox }, "list": [sandbox] } });
        images(&config, &mut found);
        found.len()
    };
    assert_eq!(keys("node:22"), 3);
    assert_eq!(keys("node:22@sha256:short"), 3);
    assert_eq!((keys(&digest), keys(&id), keys("")), (0, 0, 0));
}

#[test]
fn patterns_match_whole_paths() {
    for (pattern, path, expected) in [
        ("a.*.b", "a.x.b", true),
        ("a.*.b", "a.b", false),
        ("a.**", "a", true),
        ("a.**", "a.b.c", true),
        ("a.**.c", "a.b.d.c", true),
        ("a.**.c", "a.b.d", false),
        ("a.[].b", "a.[].b", true),
        ("a.*.b", "a.[].b", false),
    ] {
        let split = |text: &'static str| text.split('.').collect::<Vec<_>>();
        assert_eq!(
            matches(&split(pattern), &split(path)),
            expected,
            "{pattern} {path}"
        );
    }
}

#[test]
fn what_is_cut_is_said() {
    let dir = tempfile::tempdir().expect("temp dir");
    let said = |keys: usize| {
        let config = Config {
            value: (0..keys)
                .map(|at| (format!("k{at}"), json!(at)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            complete: true,
            shown: "openclaw.json".to_owned(),
            text: String::new(),
            file: std::path::PathBuf::new(),
            included: Vec::new(),
            observations: Vec::new(),
        };
        let mut found = Vec::new();
        let paths = Paths::plain(dir.path());
        read(&paths, &config, &Index::default(), &mut found).expect("keys");
        found.len()
    };
    assert_eq!((said(MAX_KEYS), said(MAX_KEYS + 1)), (0, 1));
}
