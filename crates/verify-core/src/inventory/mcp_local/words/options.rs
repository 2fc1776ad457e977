//! The options of the interpreters and wrappers whose command lines are read. Data, and how their names are written.

/// Options of one interpreter, each list separated by blanks.
pub(super) struct Flags {
    /// They take nothing, or a value behind `=` that starts nothing.
    pub(super) plain: &'static str,
    /// They take a value that starts nothing.
    pub(super) value: &'static str,
    /// Their value is loaded as code.
    pub(super) code: &'static str,
    /// Their value is the folder in which all paths start.
    pub(super) folder: &'static str,
}

pub(super) const NODE: Flags = Flags {
    plain: "--no-warnings --enable-source-maps --trace-warnings --trace-uncaught --trace-deprecation --no-deprecation \
            --disable-warning --experimental-strip-types --experimental-transform-types --experimental-vm-modules \
            --experimental-modules --experimental-fetch --experimental-sqlite --experimental-websocket --use-system-ca \
            --use-openssl-ca --max-old-space-size --max-semi-space-size --max-http-header-size --stack-size \
            --stack-trace-limit --dns-result-order --preserve-symlinks --preserve-symlinks-main --inspect --inspect-brk \
            --inspect-port --expose-gc --unhandled-rejections --throw-deprecation --watch --abort-on-uncaught-exception",
    value: "-C --conditions --title --watch-path --input-type",
    code: "-r --require --import --loader --experimental-loader",
    folder: "",
};

pub(super) const BUN: Flags = Flags {
    plain: "-b --bun --silent --smol --watch --hot --no-install -i --no-clear-screen --inspect",
    value: "--port --conditions --tsconfig-override",
    code: "-r --preload --require --import",
    folder: "--cwd",
};

pub(super) const DENO: Flags = Flags {
    plain: "-A --allow-all -q --quiet --no-prompt --no-check --no-config --no-lock --no-remote --no-npm --cached-only \
            --unstable --allow-net --allow-read --allow-write --allow-env --allow-sys --allow-run --allow-ffi -N -R -W -E -S \
            --deny-net --deny-read --deny-write --deny-env --deny-sys --deny-run --deny-ffi --watch --check --inspect",
    value: "--seed --location -L --log-level",
    code: "-c --config --import-map --preload --import --lock",
    folder: "",
};

pub(super) const TSX: Flags = Flags {
    plain: "--no-cache --watch -T --transpile-only --esm --swc --files",
    value: "",
    code: "--tsconfig -P --project -r --require --import --loader",
    folder: "--cwd",
};

pub(super) const PYTHON: Flags = Flags {
    plain: "-u -B -I -s -E -S -O -OO -v -q -P -d -b -bb -x",
    value: "-W -X --check-hash-based-pycs",
    code: "",
    folder: "",
};

pub(super) const UV_RUN: Flags = Flags {
    plain: "-q --quiet -v --verbose --no-sync --frozen --locked --isolated --offline --no-project --no-dev --all-extras --active \
            --no-progress -n --no-cache --exact --no-config --managed-python --no-managed-python -s --script",
    value: "--with -w -p --python --extra --group --package --only-group --index --default-index --index-url --extra-index-url \
            --color --cache-dir",
    code: "--with-requirements --with-editable --config-file",
    folder: "--directory --project",
};

/// `poetry`, `pdm` and their like.
pub(super) const IN_PROJECT: Flags = Flags {
    plain: "-q --quiet -v --verbose -n --no-interaction --no-ansi --no-plugins --no-cache",
    value: "-e --env",
    code: "",
    folder: "-C --directory -P --project -p",
};

pub(super) const JAVA: Flags = Flags {
    plain: "-server -client",
    value: "",
    code: "-jar -cp -classpath --class-path -javaagent --module-path",
    folder: "",
};

pub(super) const NONE: Flags = Flags {
    plain: "",
    value: "",
    code: "",
    folder: "",
};

/// Interpreters without a grammar of their own here: the first word that is no option is the script.
pub(super) const OTHERS: [(&str, &Flags); 11] = [
    ("tsx", &TSX),
    ("ts-node", &TSX),
    ("esno", &TSX),
    ("vite-node", &TSX),
    ("java", &JAVA),
    ("ruby", &NONE),
    ("perl", &NONE),
    ("php", &NONE),
    ("lua", &NONE),
    ("rscript", &NONE),
    ("dotnet", &NONE),
];

/// Wrappers: options without a value, options with one, and how many words stand before the command.
pub(super) const WRAPPERS: [(&str, &str, &str, usize); 17] = [
    (
        "sudo",
        "-n -E -H -i --non-interactive --preserve-env",
        "-u -g --user --group",
        0,
    ),
    ("doas", "-n", "-u", 0),
    ("nice", "", "-n --adjustment", 0),
    ("ionice", "-t", "-c -n", 0),
    ("nohup", "", "", 0),
    ("setsid", "-w -f -c --wait", "", 0),
    ("stdbuf", "-oL -eL -iL -o0 -e0 -i0", "-o -e -i", 0),
    (
        "timeout",
        "--foreground --preserve-status -v",
        "-k -s --kill-after --signal",
        1,
    ),
    (
        "gtimeout",
        "--foreground --preserve-status -v",
        "-k -s --kill-after --signal",
        1,
    ),
    ("time", "-p", "", 0),
    ("caffeinate", "-i -d -s -m", "", 0),
    ("exec", "", "", 0),
    ("command", "", "", 0),
    ("builtin", "", "", 0),
    ("xvfb-run", "-a --auto-servernum", "-s --server-args", 0),
    ("dbus-run-session", "--", "", 0),
    ("chronic", "", "", 0),
];

pub(super) fn listed(list: &str, word: &str) -> bool {
    list.split(' ')
        .any(|known| !known.is_empty() && known == word)
}

/// The name of a program without folder and the endings of Windows and Node, in lower case.
pub(in super::super) fn name_of(word: &str) -> String {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let stem = [".exe", ".cmd", ".bat", ".com"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    let name = stem.unwrap_or(&name);
    // `node22` and `ruby3.2` are what their names say.
    for known in ["node", "ruby", "perl", "php", "lua"] {
        if let Some(rest) = name.strip_prefix(known)
            && !rest.is_empty()
            && rest
                .trim_start_matches('-')
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.')
        {
            return known.to_owned();
        }
    }
    name.to_owned()
}

pub(in super::super) fn is_python(name: &str) -> bool {
    ["python", "pypy", "pythonw"].iter().any(|known| {
        name.strip_prefix(known)
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    })
}

pub(super) fn is_shell(name: &str) -> bool {
    listed("sh bash zsh dash ash ksh mksh fish rbash busybox", name)
}

/// Programs whose command line is read here.
pub(super) fn is_known(name: &str) -> bool {
    listed(
        "node nodejs bun deno uv uvx pipx npx pnpx bunx npm pnpm yarn env docker podman nerdctl poetry pdm \
         pipenv hatch rye",
        name,
    ) || is_python(name)
        || is_shell(name)
        || WRAPPERS.iter().any(|(wrapper, ..)| *wrapper == name)
        || OTHERS.iter().any(|(other, _)| *other == name)
}
