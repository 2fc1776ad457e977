use super::*;

#[test]
fn plain_values_of_the_state_are_known() {
    let dir = tempfile::tempdir().expect("temp dir");
    let text = "A=/a # more\nexport B='/b c'\nC=$A\nD=\"open\n#E=1\nF=\n";
    std::fs::write(dir.path().join(".env"), text).expect("file");
    let found = values(&Paths::plain(dir.path()));
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(found, [("A", "/a"), ("B", "/b c")]);
}

#[test]
fn keys_are_found_as_dotenv_finds_them() {
    let text = "A=1\r\u{feff} export  NODE_OPTIONS\n\n= --require /x\n# NODE_PATH=/no\nLD_PRELOAD: /x.so\nXNODE_PATH=1\nOPENCLAW_HOME";
    let names = |text| {
        assignments(text)
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(text),
        ["A", "NODE_OPTIONS", "LD_PRELOAD", "XNODE_PATH"]
    );
    assert_eq!(names("\u{2028}NODE_PATH=x"), ["NODE_PATH"]);
}

#[test]
fn a_harmless_line_does_not_speak_for_a_later_one() {
    let dir = tempfile::tempdir().expect("temp dir");
    let env = dir.path().join(".env");
    let text = "NODE_OPTIONS=--max-old-space-size=1\nNODE_OPTIONS=--require /x\nNODE_OPTIONS=--require /y\n";
    std::fs::write(&env, text).expect("file");
    let mut found = Vec::new();
    file(
        &Paths::plain(dir.path()),
        &env,
        Expands::Nothing,
        &mut found,
    );
    let variables = found.iter().map(|found| match found {
        Observation::LoadOverride { variable, .. } => variable.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(variables.collect::<Vec<_>>(), ["NODE_OPTIONS"]);
}

#[test]
fn a_value_goes_on_in_the_next_line_only_where_dotenv_takes_it_so() {
    let of = |text| assignments(text).first().map(|(_, value)| *value);
    assert_eq!(of("LD_LIBRARY_PATH=\nTOKEN=x\n"), Some(""));
    assert_eq!(of("LD_LIBRARY_PATH=\n\"/x\"\n"), Some("?"));
    assert_eq!(of("LD_LIBRARY_PATH: \n/x\n"), Some("?"));
    assert_eq!(of("LD_LIBRARY_PATH=\"\n/x\"\n"), Some("?"));
}

#[test]
fn what_loads_nothing_is_silent() {
    let place = || "p".to_owned();
    let paths = Paths::plain(Path::new("/"));
    for (name, value) in [
        ("NODE_OPTIONS", "--max-old-space-size=4096"),
        ("NODE_OPTIONS", "--use-system-ca --expose-gc"),
        (
            "NODE_OPTIONS",
            "\"--max-old-space-size=4096 --no-warnings\"",
        ),
        ("OPENAI_API_KEY", "x"),
        ("LANG", "C"),
        ("LD_PRELOAD", ""),
        ("ENV", "production"),
        ("BROWSER", "firefox"),
        ("SHELL", "/bin/bash"),
        ("MAKEFLAGS", "-j4"),
        ("TMPDIR", "/tmp"),
        ("NODE_EXTRA_CA_CERTS", "/etc/ssl/certs/ca-certificates.crt"),
        ("DOCKER_HOST", "unix:///run/user/1000/docker.sock"),
        ("UV_THREADPOOL_SIZE", "16"),
        ("PLAYWRIGHT_MCP_EXECUTABLE_PATH", "/usr/bin/chromium"),
        ("NPM_CONFIG_FUND", "false"),
        ("OPENCLAW_DISABLE_BONJOUR", "1"),
        ("PATH", "/usr/bin:/nowhere/bin"),
        ("HOME", "/wherever, where none is known"),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
    ] {
        let found = judged(
            &paths,
            name,
            value,
            Expands::Nothing,
            place(),
            Setting::Line,
        );
        assert_eq!(found, None, "{name}={value}");
    }
    for (name, value, weak) in [
        ("NODE_OPTIONS", "--require /x", false),
        ("NODE_OPTIONS", "--max-old-space-size=1 --import=/x", false),
        ("bash_env", "/x", false),
        ("PATH", "/usr/bin:bin", false),
        ("PATH", "/usr/bin:", false),
        ("PATH", "$HOME/bin:/usr/bin", false),
        ("PATH", "/tmp", false),
        ("PATH", "/tmp/not-there-yet:/usr/bin", false),
        ("DYLD_ANYTHING", "/x", false),
        ("ENV", "/x", false),
        ("ENV", "./production", false),
        ("PLAYWRIGHT_MCP_EXECUTABLE_PATH", "/tmp/chromium", false),
        ("COMPOSE_FILE", "/tmp/x.yaml", false),
        ("BROWSER", "/tmp/x", false),
        ("SHELL", "/tmp/bash", false),
        ("SHELL", "/bin/../tmp/sh", false),
        ("MAKEFLAGS", "-j4 -f /x", false),
        ("TMPDIR", "/home/user/x", true),
        ("NODE_EXTRA_CA_CERTS", "/tmp/x.pem", true),
        ("DOCKER_HOST", "unix:///run/user/1000/../docker.sock", true),
        ("KUBECONFIG", "/home/user/.kube/config", true),
        ("HTTPS_PROXY", "http://x", true),
        ("ANTHROPIC_BASE_URL", "http://x", true),
        ("NPM_CONFIG_REGISTRY", "http://x", true),
        ("OPENCLAW_SQLITE_LIBRARY", "/x.so", false),
        ("OPENCLAW_TEST_TAILSCALE_BINARY", "/x", false),
        ("OPENCLAW_TEST_FAST", "1", true),
        ("CLAW_1PASSWORD_OP", "/x", false),
        ("OPENCLAW_CLAWHUB_URL", "http://x", true),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/bus", true),
        ("XDG_CACHE_HOME", "/tmp/x", true),
    ] {
        let found = judged(
            &paths,
            name,
            value,
            Expands::Nothing,
            place(),
            Setting::Line,
        );
        let expected = matches!(&found, Some(Observation::LoadOverride { effect, .. }) if (*effect != VariableEffect::Loads) == weak);
        assert!(expected, "{name}={value}: {found:?}");
    }
}

#[test]
fn a_server_is_told_from_a_file_and_a_switch() {
    for (name, value) in [
        ("BUZZ_RELAY_URL", "wss://relay.example"),
        ("HTTPS_PROXY", "proxy.example:3128"),
        ("OLLAMA_HOST", "10.0.0.2:11434"),
        ("NPM_CONFIG_REGISTRY", "https://npm.example/"),
        ("DOCKER_HOST", "ssh://build.example"),
    ] {
        assert!(is_address(name, value), "{name}={value}");
    }
    for (name, value) in [
        ("DOCKER_HOST", "unix:///tmp/docker.sock"),
        ("NPM_CONFIG_CACHE", "/tmp/x"),
        ("XDG_CONFIG_HOME", "x"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("OLLAMA_HOST", "$HOST"),
        ("X_URL", "file:///x"),
    ] {
        assert!(!is_address(name, value), "{name}={value}");
    }
}

#[test]
fn many_lines_take_linear_time() {
    let text = "\n".repeat(1 << 20);
    assert!(assignments(&text).is_empty());
}
