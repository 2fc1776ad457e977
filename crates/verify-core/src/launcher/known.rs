//! Programs and variables by which a launcher is recognised.

use serde_json::Value;

use super::NotExact;

/// Whether `name` is one of the words of `list`.
pub(super) fn listed(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|word| word == name)
}

/// Variables by which no launcher takes other code, though their prefix is one that decides.
const HARMLESS: &str = "NODE_ENV NODE_NO_WARNINGS NODE_DISABLE_COLORS NODE_PENDING_DEPRECATION \
    PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONIOENCODING PYTHONUTF8 PYTHONHASHSEED PYTHONFAULTHANDLER PYTHONNOUSERSITE \
    PYTHONSAFEPATH PYTHONLEGACYWINDOWSSTDIO \
    GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE GIT_TERMINAL_PROMPT \
    NPM_CONFIG_LOGLEVEL NPM_CONFIG_UPDATE_NOTIFIER NPM_CONFIG_FUND NPM_CONFIG_AUDIT NPM_CONFIG_PROGRESS NPM_CONFIG_COLOR \
    NPM_CONFIG_YES NPM_CONFIG_FETCH_RETRIES NPM_CONFIG_FETCH_TIMEOUT NPM_CONFIG_MAXSOCKETS \
    UV_NO_PROGRESS UV_HTTP_TIMEOUT UV_HTTP_RETRIES UV_REQUEST_TIMEOUT UV_CONCURRENT_DOWNLOADS UV_CONCURRENT_BUILDS \
    UV_CONCURRENT_INSTALLS UV_LINK_MODE UV_OFFLINE UV_NO_CACHE UV_COMPILE_BYTECODE UV_LOG_CONTEXT \
    PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT PIP_NO_COLOR PIP_DEFAULT_TIMEOUT PIP_PROGRESS_BAR PIP_NO_CACHE_DIR PIP_RETRIES \
    DENO_NO_UPDATE_CHECK DENO_NO_PROMPT DOCKER_CLI_HINTS";

/// Shells as distributions install them, which only root can change.
const SHELLS: &str = "/bin/sh /bin/bash /bin/dash /bin/zsh /bin/fish /usr/bin/sh /usr/bin/bash /usr/bin/dash /usr/bin/zsh /usr/bin/fish";

/// Variables that move the folder in which launchers find their settings.
const MOVES_SETTINGS: [(&str, &str); 8] = [
    ("HOME", ""),
    ("USERPROFILE", ""),
    ("APPDATA", "AppData/Roaming"),
    ("LOCALAPPDATA", "AppData/Local"),
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_CACHE_HOME", ".cache"),
    ("XDG_STATE_HOME", ".local/state"),
];

/// Refuses variables that make a launcher take its code from elsewhere. `home` is the home directory of the user who runs OpenClaw,
/// where it is known: there the settings lie anyway.
pub(super) fn variable_with(name: &str, value: &Value, home: Option<&str>) -> Result<(), NotExact> {
    let upper = name.to_ascii_uppercase();
    let moved = MOVES_SETTINGS.iter().find(|(moves, _)| *moves == upper);
    if let (Some((_, usual)), Some(home), Some(value)) = (moved, home, value.as_str()) {
        let home = home.trim_end_matches('/');
        let value = value.replacen("${HOME}", home, 1);
        let value = value.trim_end_matches('/');
        let stays = value == home || value == format!("{home}/{usual}");
        if !home.is_empty() && stays {
            return Ok(());
        }
    }
    if upper == "SHELL" && value.as_str().is_some_and(|shell| listed(SHELLS, shell)) {
        return Ok(());
    }
    if upper == "NODE_OPTIONS" && value.as_str().is_some_and(node_options_are_harmless) {
        return Ok(());
    }
    variable(name)
}

/// Whether every one of Node's options in `NODE_OPTIONS` loads no code.
pub(crate) fn node_options_are_harmless(value: &str) -> bool {
    const FLAGS: [&str; 16] = [
        "--max-old-space-size",
        "--max-semi-space-size",
        "--max-http-header-size",
        "--stack-trace-limit",
        "--no-warnings",
        "--no-deprecation",
        "--trace-warnings",
        "--enable-source-maps",
        "--dns-result-order",
        "--expose-gc",
        "--network-family-autoselection",
        "--trace-deprecation",
        "--trace-uncaught",
        "--unhandled-rejections",
        // Authorities that come with Node, or that only root can add.
        "--use-bundled-ca",
        "--use-system-ca",
    ];
    value
        .split_whitespace()
        .all(|option| FLAGS.contains(&option.split('=').next().unwrap_or_default()))
}

/// The same for a variable of which only the name is looked at.
pub(super) fn variable(name: &str) -> Result<(), NotExact> {
    let upper = name.to_ascii_uppercase();
    if listed(HARMLESS, &upper) {
        return Ok(());
    }
    const VARIABLES: &str = "HOME USERPROFILE APPDATA LOCALAPPDATA XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS XDG_CACHE_HOME XDG_STATE_HOME PREFIX \
        SHELL COMSPEC BASH_ENV ENV PATHEXT SSL_CERT_FILE SSL_CERT_DIR NETRC CONTAINER_HOST CONTAINERS_CONF \
        REGISTRIES_CONFIG_PATH PERL5LIB RUBYLIB RUBYOPT JAVA_TOOL_OPTIONS";
    const PREFIXES: [&str; 10] = [
        "BUN_",
        "DENO_",
        "YARN_",
        "PNPM_",
        "COREPACK_",
        "PIPX_",
        "GIT_",
        "JSR_",
        "CONTAINERS_",
        "BASH_FUNC_",
    ];
    let proxy = upper.ends_with("_PROXY") && !upper.starts_with("NPM_CONFIG_");
    // A proxy sees only encrypted traffic; the definition's digest covers its value.
    let decides = (decides_code(name) && !proxy) || listed(VARIABLES, &upper);
    if decides || PREFIXES.iter().any(|prefix| upper.starts_with(prefix)) {
        return Err(NotExact {
            why: format!("the variable {name} can make the launcher take other code").into(),
            variable: Some(name.to_owned()),
        });
    }
    Ok(())
}

/// The same for a variable that is set inside a container, where the engine's own client does not see it. What points a client inside
/// to another engine still counts.
pub(super) fn variable_inside(name: &str) -> Result<(), NotExact> {
    const POINTS: &str = "DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG";
    if name.starts_with("DOCKER_") && !listed(POINTS, name) {
        return Ok(());
    }
    variable(name)
}

/// The name of a program without folder and without the endings that Windows and Node give it, in lower case.
pub(super) fn program(command: &str) -> String {
    let name = command
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    for ending in [
        ".exe", ".cmd", ".bat", ".ps1", ".com", ".cjs", ".mjs", ".js",
    ] {
        if let Some(stem) = name.strip_suffix(ending) {
            return stem.to_owned();
        }
    }
    name
}

pub(super) fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash"
            | "zsh"
            | "dash"
            | "ash"
            | "ksh"
            | "mksh"
            | "fish"
            | "csh"
            | "tcsh"
            | "nu"
            | "pwsh"
            | "powershell"
            | "busybox"
            | "eval"
            | "exec"
            | "xonsh"
            | "elvish"
            | "rbash"
            | "toybox"
    )
}

pub(super) fn is_python(name: &str) -> bool {
    let version = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    ["python", "pypy"]
        .iter()
        .any(|base| name.strip_prefix(base).is_some_and(version))
        || name == "pythonw"
        || name == "py"
}

/// Programs that fetch and start code, or that start another program in a way that is not read here.
pub(super) fn fetches(name: &str) -> bool {
    const NAMES: &str = "ni nix nix-shell nix-env nlx nci corepack volta fnm nvm n mise rtx asdf proto pkgx tea pip pip3 poetry pdm \
        hatch rye pipenv conda mamba micromamba pixi uvw uvicorn cargo go gem bundle bundler dotnet dnx jbang java mvn \
        gradle sbt composer mix brew apt apt-get snap flatpak guix curl wget git gh ssh kubectl helm docker-compose \
        nsenter xargs parallel find watch script unshare chroot su runuser systemd-run start open command tsx ts-node \
        esno jiti smithery rundll32";
    listed(NAMES, name)
}

/// Whether a word would start a launcher, a shell or an interpreter.
pub(super) fn starts_something(word: &str) -> bool {
    let name = program(word);
    const LAUNCHERS: &str = "npx npm pnpx pnpm yarn yarnpkg bunx bun uvx uv pipx docker podman nerdctl deno env sudo doas nice nohup \
        timeout cmd node nodejs perl ruby php lua tclsh npx-cli npm-cli";
    listed(LAUNCHERS, &name) || is_shell(&name) || is_python(&name) || fetches(&name)
}

/// Whether arguments carry a launcher or a shell, alone or inside one argument with blanks (`--stdio "npx -y x"`).
pub(super) fn carries_launcher(words: &[&str]) -> bool {
    const BY_PATH: &str =
        "npx npm pnpx pnpm yarn bunx uvx pipx npx-cli npm-cli sh bash zsh dash pwsh powershell";
    const BARE: &str = "yarnpkg bun uv docker podman nerdctl deno sudo doas cmd node nodejs corepack npx-cli eval busybox fish ksh ash";
    words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .any(|piece| {
            let piece = piece.trim_matches(['"', '\'', '`', '(', ')', ';', '&', '|']);
            let name = program(piece.rsplit('=').next().unwrap_or_default());
            let bare = !piece.contains(['/', '\\']);
            listed(BY_PATH, &name)
                || (bare && (listed(BARE, &name) || (is_python(&name) && name != "py")))
        })
}

/// Whether no launcher takes other code by a variable of this name, though its prefix is one that decides.
pub(crate) fn is_harmless(name: &str) -> bool {
    listed(HARMLESS, &name.to_ascii_uppercase())
}

/// Whether the value of an environment variable decides which code a server runs, and so is part of the definition.
#[must_use]
pub(crate) fn decides_code(variable: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    const PREFIXES: [&str; 8] = [
        "NODE_",
        "LD_",
        "DYLD_",
        "PYTHON",
        "NPM_CONFIG_",
        "UV_",
        "PIP_",
        "DOCKER_",
    ];
    name == "PATH"
        || name.ends_with("_PROXY")
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the value of a variable belongs to the definition of a server: it decides which code runs, or makes a launcher take other code.
#[must_use]
pub(crate) fn is_part_of_definition(name: &str) -> bool {
    decides_code(name) || variable(name).is_err()
}
