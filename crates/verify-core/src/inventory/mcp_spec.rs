//! The text of an MCP server for people and for the lock: its command line or address without secrets.
//!
//! Masking works on the text alone and always gives the same result, so that the lock does not change by itself. It hides what looks
//! like a secret; a secret that looks like a file name is shown.

use serde_json::{Map, Value, json};

use crate::text;

/// What replaces a secret.
const MASK: &str = "***";
/// Beginnings of keys of well-known services.
pub(crate) const KEYS: [&str; 15] = [
    "sk-",
    "sk_live_",
    "rk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AIza",
    "hf_",
    "tskey-",
];
/// Beginnings of what is not shown either, and may be no secret: names, public halves, ids.
const HIDDEN: [&str; 6] = ["sk_", "pk_", "rk_", "npm_", "AKIA", "eyJ"];
/// Longest text that is made, in characters.
const MAX: usize = 600;

/// A definition made of a masked text with a version, a package or a digest in place of what was masked; nothing where nothing was.
pub(super) fn with_pins(masked: &Value) -> impl Iterator<Item = Value> {
    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let text = Some(masked.to_string()).filter(|text| text.contains(MASK));
    let pins = [
        "1.0.0".to_owned(),
        "x@1.0.0".to_owned(),
        "x==1.0.0".to_owned(),
        DIGEST[..40].to_owned(),
        format!("x@sha256:{DIGEST}"),
        format!("sha256:{DIGEST}"),
    ];
    text.into_iter().flat_map(move |text| {
        let with = |pin: &String| serde_json::from_str(&text.replace(MASK, pin)).ok();
        pins.iter().filter_map(with).collect::<Vec<_>>()
    })
}

/// The command line, or the address, without secrets.
pub(super) fn spec(server: &Map<String, Value>) -> String {
    let command = server
        .get("command")
        .and_then(Value::as_str)
        .filter(|c| !c.trim().is_empty());
    let url = server
        .get("url")
        .and_then(Value::as_str)
        .filter(|u| !u.trim().is_empty());
    let spec = match (command, url) {
        (Some(command), _) => command_line(command, server.get("args")),
        (None, Some(url)) => address(url.trim()),
        (None, None) => "neither a command nor an address".to_owned(),
    };
    text::excerpt(&without_secret_segments(&spec), MAX)
}

/// The text with those parts of the paths of its addresses masked that look like secrets.
fn without_secret_segments(text: &str) -> String {
    let word = |word: &str| {
        let Some((start, path)) = word.split_once("://") else {
            return word.to_owned();
        };
        let masked: Vec<&str> = path
            .split('/')
            .map(|part| if is_hidden(part) { MASK } else { part })
            .collect();
        format!("{start}://{}", masked.join("/"))
    };
    let words: Vec<String> = text.split(' ').map(word).collect();
    words.join(" ")
}

/// An address without what stands before `@` in its authority. Backslashes end the authority, as they do for browsers and Node.
pub(super) fn without_user_info(url: &str) -> String {
    let Some(at) = url.find("://") else {
        return url.to_owned();
    };
    let (scheme, rest) = url.split_at(at + 3);
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}{path}")
}

/// The arguments as they may enter a digest: what is a secret by its place is replaced by its form. Whatever decides which code runs
/// stays, so a value that is a path, or that an option of code takes, is never taken for a secret.
pub(super) fn formed_args(args: &[Value]) -> Vec<Value> {
    let mut before: Option<&str> = None;
    let mut formed = Vec::new();
    for arg in args {
        let Some(text) = arg.as_str() else {
            formed.push(arg.clone());
            before = None;
            continue;
        };
        formed.push(match before {
            Some(option) if takes_secret(option, text) => json!({ "form": form(text) }),
            _ => json!(formed_words(text)),
        });
        before = Some(text);
    }
    formed
}

/// A command line, or another text of several words, as it may enter a digest: word by word, whatever blanks stand between them.
pub(super) fn formed_words(line: &str) -> String {
    let mut before = "";
    let mut formed = String::new();
    // One word is an argument of its own; several are a text that a shell may read.
    let shell = line.contains(char::is_whitespace);
    for part in line.split_inclusive(char::is_whitespace) {
        let word = part.trim_end_matches(char::is_whitespace);
        if takes_secret(before, word) && !word.is_empty() && !acts_in_a_shell(word) {
            formed.push_str(MASK);
        } else {
            formed.push_str(&formed_word(word, shell));
        }
        formed.push_str(part.get(word.len()..).unwrap_or_default());
        before = word;
    }
    formed
}

/// Whether a word holds what a shell does not take as text: it may run a program, or go on behind what looks like its end. Such a word
/// is never taken for a secret, since it may be code.
fn acts_in_a_shell(word: &str) -> bool {
    word.contains([
        ';', '|', '&', '$', '(', ')', '`', '<', '>', '"', '\'', '\\', '\n', '\r',
    ])
}

fn formed_word(word: &str, shell: bool) -> String {
    let active = match word.contains("://") {
        // Of an address that is an argument of its own `&` stands between the values of its query.
        true if !shell => acts_in_a_shell(&word.replace('&', "")),
        _ => acts_in_a_shell(word),
    };
    if active {
        return word.to_owned();
    }
    if let Some((name, value)) = word.split_once('=')
        && !name.contains("://")
    {
        return if takes_secret(name, value) || (!name.starts_with('-') && is_secret(name, value)) {
            format!("{name}={MASK}")
        } else if value.contains("://") {
            format!("{name}={}", without_query(value))
        } else {
            word.to_owned()
        };
    }
    if word.contains("://") {
        without_query(word)
    } else {
        word.to_owned()
    }
}

/// An address without user info and the values of its query. Path and fragment decide what is fetched, and stay.
fn without_query(url: &str) -> String {
    let url = without_user_info(url);
    let (before, fragment) = match url.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (url.as_str(), None),
    };
    let Some((base, query)) = before.split_once('?') else {
        return url;
    };
    let names: Vec<String> = query
        .split('&')
        .map(|pair| {
            pair.split_once('=')
                .map_or_else(|| MASK.to_owned(), |(name, _)| format!("{name}={MASK}"))
        })
        .collect();
    let fragment = fragment.map(|text| format!("#{text}")).unwrap_or_default();
    format!("{base}?{}{fragment}", names.join("&"))
}

/// Whether an option of this name takes `value` as a secret.
pub(super) fn takes_secret(option: &str, value: &str) -> bool {
    // `-H` takes a header; `-h` takes nothing, or the name of a host.
    option.starts_with('-')
        && option != "-h"
        && !option.contains('=')
        && !value.starts_with('-')
        && is_secret(option, value)
}

fn is_secret(name: &str, value: &str) -> bool {
    /// Words of names whose value is code, or a place, whatever else stands in them.
    const PLACES: [&str; 14] = [
        "plugin", "module", "script", "file", "path", "dir", "command", "cmd", "exec", "require",
        "import", "loader", "package", "url",
    ];
    let lower = name.to_ascii_lowercase();
    let place = value.starts_with(['/', '.', '~', '\\'])
        || value.starts_with("file:")
        || value.contains("://")
        || [".js", ".mjs", ".cjs", ".ts", ".py", ".sh", ".so", ".node"]
            .iter()
            .any(|ending| value.ends_with(ending));
    names_a_secret(name) && !place && !PLACES.iter().any(|word| lower.contains(word))
}

/// How a secret is written: as it is, as a variable, as a command.
pub(super) fn form(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('!') {
        // What stands behind `!` is a command, and no secret.
        Some(command) => format!("!{command}"),
        None if text.starts_with("${") && text.ends_with('}') => text.to_owned(),
        None if text.is_empty() => "empty".to_owned(),
        None => "plain".to_owned(),
    }
}

/// A text for people with every word masked that is a secret by its form or place.
pub(super) fn masked(text: &str) -> String {
    mask_words(text, &mut false)
}

/// Whether `-p` takes a secret: it does for servers, and not for launchers, which take a package, a port or a version by it.
fn is_password(option: &str, value: &str) -> bool {
    let plain = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || b".:/-".contains(&b))
    };
    option == "-p"
        && !plain(value)
        && !value.contains(['@', '/', '='])
        && !value.starts_with(['-', '.', '~'])
        && !value.starts_with("python")
}

fn command_line(command: &str, args: Option<&Value>) -> String {
    let mut words = vec![quoted(&mask_words(command, &mut false))];
    let mut hide_next = false;
    let mut before = "";
    match args {
        None => {}
        Some(Value::Array(args)) => {
            for arg in args {
                hide_next |= is_password(before, arg.as_str().unwrap_or_default());
                before = arg.as_str().unwrap_or_default();
                words.push(match arg {
                    Value::String(arg) => quoted(&mask_words(arg, &mut hide_next)),
                    _ => "(not a text)".to_owned(),
                });
            }
        }
        Some(_) => words.push("(arguments that are not a list)".to_owned()),
    }
    words.join(" ")
}

/// One argument, each of its words masked by itself: `sh -c` carries a whole command line in one argument.
fn mask_words(arg: &str, hide_next: &mut bool) -> String {
    if std::mem::take(hide_next) {
        return MASK.to_owned();
    }
    let mut masked = Vec::new();
    for word in arg.split(' ') {
        masked.push(if std::mem::take(hide_next) && !word.is_empty() {
            MASK.to_owned()
        } else {
            mask(word, hide_next)
        });
    }
    masked.join(" ")
}

fn mask(word: &str, hide_next: &mut bool) -> String {
    let bare = word.trim_matches(['"', '\'']);
    if let Some((name, value)) = bare.split_once('=')
        && !name.contains("://")
    {
        let variable =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let pin = value.starts_with('=') && !names_a_secret(name);
        if value.is_empty() || pin || (!variable && !names_a_secret(name) && !is_hidden(value)) {
            let inner = if value.contains('=') && !pin {
                mask(value, &mut false)
            } else {
                value.to_owned()
            };
            return format!(
                "{name}={}",
                if value.contains("://") {
                    address(value)
                } else {
                    inner
                }
            );
        }
        return format!("{name}={MASK}");
    }
    if bare.starts_with('-') {
        *hide_next = names_a_secret(bare);
        return without_attached(bare).unwrap_or_else(|| word.to_owned());
    }
    let lower = bare.to_ascii_lowercase();
    if matches!(lower.as_str(), "bearer" | "basic")
        || lower.ends_with("authorization:")
        || lower.ends_with("key:")
    {
        *hide_next = true;
        return word.to_owned();
    }
    if let Some((name, value)) = bare.split_once(':')
        && !value.is_empty()
        && names_a_secret(name)
        && !bare.contains("://")
    {
        return format!("{name}:{MASK}");
    }
    if bare.contains("://") {
        return address(bare);
    }
    if is_hidden(bare) {
        MASK.to_owned()
    } else {
        word.to_owned()
    }
}

/// A short option with its value in the same word, `-pSECRET`, without a value that is a secret by its form or place.
fn without_attached(word: &str) -> Option<String> {
    let letter = word.strip_prefix('-')?.chars().next()?;
    let value = word.get(1 + letter.len_utf8()..)?;
    let option = format!("-{letter}");
    let secret = letter.is_ascii_alphabetic()
        && value.len() >= 6
        && (is_hidden(value) || (is_password(&option, value) && mixed(value)));
    secret.then(|| format!("{option}{MASK}"))
}

/// Whether a text is of letters and digits both, as names of options are not.
fn mixed(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Whether the name of a flag, variable or header says that a secret follows.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    const PARTS: [&str; 16] = [
        "token",
        "apikey",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "credential",
        "auth",
        "bearer",
        "cookie",
        "session",
        "privatekey",
        "accesskey",
        "header",
        "connectionstring",
        "signature",
    ];
    matches!(
        name.as_str(),
        "pw" | "pwd" | "pass" | "key" | "pat" | "h" | "dsn"
    ) || PARTS.iter().any(|part| name.contains(part))
}

/// Whether a text has the form of a well-known secret, or is one long run of letters and digits.
pub(crate) fn looks_secret(word: &str) -> bool {
    let mut prefixes = KEYS.iter().chain(&HIDDEN);
    if prefixes.any(|prefix| word.starts_with(prefix)) && word.len() >= 12 {
        return true;
    }
    let run = word.len() >= 32
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+' | b'='));
    run && mixed(word)
}

/// Whether a word is not shown to people. More than what looks like a secret to a digest, which may miss no change: also 16 characters
/// where capitals, small letters and digits follow each other as in no name.
fn is_hidden(word: &str) -> bool {
    looks_secret(word) || looks_random(word)
}

/// Letters and digits alone, and at least one change in four between capitals, small letters and digits.
fn looks_random(word: &str) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => Some(0),
        b'a'..=b'z' => Some(1),
        b'A'..=b'Z' => Some(2),
        _ => None,
    };
    let classes: Option<Vec<u8>> = word.bytes().map(class).collect();
    let Some(classes) = classes.filter(|classes| classes.len() >= 16) else {
        return false;
    };
    let changes = classes.windows(2).filter(|pair| pair[0] != pair[1]).count();
    (0..3).all(|class| classes.contains(&class)) && changes * 4 >= classes.len()
}

/// An address without user info, without the values of its query, without its fragment.
pub(crate) fn address(url: &str) -> String {
    let url = without_user_info(url);
    let (url, fragment) = url
        .split_once('#')
        .map_or((url.as_str(), false), |(before, _)| (before, true));
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, query)| (base, Some(query)));
    let (scheme, path) = base.split_at(base.find("://").map_or(0, |at| at + 3));
    let path: Vec<_> = path
        .split('/')
        .map(|part| if looks_secret(part) { MASK } else { part })
        .collect();
    let mut shown = format!("{scheme}{}", path.join("/"));
    if let Some(query) = query {
        let names: Vec<_> = query
            .split('&')
            .map(|pair| {
                pair.split_once('=')
                    .map_or_else(|| MASK.to_owned(), |(name, _)| format!("{name}={MASK}"))
            })
            .collect();
        shown.push('?');
        shown.push_str(&names.join("&"));
    }
    if fragment {
        shown.push('#');
        shown.push_str(MASK);
    }
    shown
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '\t', '\n', '"', '\'']) {
        format!("'{}'", word.replace('\'', "'\\''"))
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(command: &str, args: &[&str]) -> String {
        spec(
            json!({"command": command, "args": args, "env": {"TOKEN": "topsecret"}})
                .as_object()
                .expect("object"),
        )
    }

    #[test]
    fn digests_hold_what_decides_and_no_secret() {
        let digest = |args: &[&str]| {
            let args: Vec<Value> = args.iter().map(|arg| json!(arg)).collect();
            json!(formed_args(&args)).to_string()
        };
        for (one, two) in [
            (&["--api-key", "one"][..], &["--api-key", "two"][..]),
            (&["--token=one"], &["--token=two"]),
            (&["-H", "Authorization: one"], &["-H", "Authorization: two"]),
            (&["https://u:one@h/x?k=one"], &["https://u:two@h/x?k=two"]),
            (&["--base=https://u:one@h/x"], &["--base=https://u:two@h/x"]),
            (&["-c", "TOKEN=one npx x"], &["-c", "TOKEN=two npx x"]),
        ] {
            assert_eq!(digest(one), digest(two));
            assert!(!digest(one).contains("one"), "{}", digest(one));
        }
        // What could name other code is never taken for a secret.
        for (one, two) in [
            (&["--auth-plugin", "one"][..], &["--auth-plugin", "two"][..]),
            (&["--key", "./one"], &["--key", "./two"]),
            (&["--auth", "one.js"], &["--auth", "two.js"]),
            (&["--auth", "--one"], &["--auth", "--two"]),
            (&["-h", "one"], &["-h", "two"]),
            (&["--key", "/one/x"], &["--key", "/two/x"]),
            (&["-p", "one@1.0.0"], &["-p", "two@1.0.0"]),
            (&["https://h/one"], &["https://h/two"]),
            // Nor is what a shell would run behind a secret, or in its place.
            (&["-c", "x --token abc"], &["-c", "x --token abc;two"]),
            (&["-c", "x --token `one`"], &["-c", "x --token `two`"]),
            (&["-c", "KEY=$(one) x"], &["-c", "KEY=$(two) x"]),
            (&["-c", "KEY=a&one"], &["-c", "KEY=a&two"]),
            (&["-c", "x http://h/?a=b"], &["-c", "x http://h/?a=b&two"]),
            (
                &["-c", "x http://u:$(one)@h/"],
                &["-c", "x http://u:$(two)@h/"],
            ),
            (&["git+https://h/x#one"], &["git+https://h/x#two"]),
            (&["--token", "${ONE}"], &["--token", "${TWO}"]),
            // What follows an address in the same text is no part of it.
            (
                &["see https://h/?a=b and one"],
                &["see https://h/?a=b and two"],
            ),
            (&["see https://h/?a\none"], &["see https://h/?a\ntwo"]),
            (&["see https://h/?a\tone"], &["see https://h/?a\ttwo"]),
        ] {
            assert_ne!(digest(one), digest(two));
        }
        assert_eq!(
            digest(&["-y", "@acme/files@1.2.3"]),
            r#"["-y","@acme/files@1.2.3"]"#
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = "0123456789abcdef0123456789abcdef";
        let shown = line(
            "npx",
            &[
                "-y",
                "mcp-remote@1.0.0",
                &format!("https://h/s/{secret}/sse"),
            ],
        );
        assert_eq!(shown, "npx -y mcp-remote@1.0.0 https://h/s/***/sse");
        for args in [
            &["--api-key", "topsecret"][..],
            &["--token=topsecret"],
            &["-e", "GITHUB_TOKEN=topsecret"],
            &["-H", "Authorization: Bearer topsecret"],
            &["--header", "X-Api-Key: topsecret"],
            &["--password", "topsecret with blanks"],
            &["x@1.2.3", "-p", "topsecret"],
            &["postgres://user:topsecret@db/x"],
            &["https://h/x?key=topsecret#topsecret"],
            &["--url=https://u:topsecret@h/x?a=topsecret"],
            &["-c", "TOKEN=topsecret npx -y x"],
            &["-c", "curl -H 'Authorization: Bearer topsecret' x"],
            &["sk-topsecret1234"],
            &["--secret-key", "topsecret"],
            &["--env=TOKEN=topsecret"],
            &["0topsecret0123456789abcdef0123456789abcdef"],
            &["-ptopsecret1"],
            &["-ksk-topsecret1234"],
            &["-c", "mysql -utest -ptopsecret1 x"],
            &["a9TopsecreT3kQ7topsecretZ1"],
        ] {
            let shown = line("npx", args);
            assert!(!shown.to_ascii_lowercase().contains("topsecret"), "{shown}");
            assert!(
                shown.contains(MASK) || shown.ends_with("@db/x") || shown.contains("postgres://db"),
                "{shown}"
            );
        }
        let url = spec(
            json!({"url":"https://u:topsecret@h:1/p?k=topsecret"})
                .as_object()
                .expect("object"),
        );
        assert_eq!(url, "https://h:1/p?k=***");
    }

    #[test]
    fn what_tells_the_package_is_shown() {
        assert_eq!(
            line("npx", &["-y", "@acme/files@1.2.3", "/home/user/My Files"]),
            "npx -y @acme/files@1.2.3 '/home/user/My Files'"
        );
        let image = format!("acme/x@sha256:{}", "ab".repeat(32));
        assert_eq!(
            line("docker", &["run", "-i", &image]),
            format!("docker run -i {image}")
        );
        assert_eq!(
            line("npx", &["-p", "@acme/files@1.2.3", "files"]),
            "npx -p @acme/files@1.2.3 files"
        );
        assert_eq!(
            line("docker", &["run", "-p", "80:80"]),
            "docker run -p 80:80"
        );
        assert_eq!(
            line("uvx", &["--from", "x==1.2.3", "x"]),
            "uvx --from x==1.2.3 x"
        );
        for args in [
            &["-p8080:80"][..],
            &["-Xmx512m"],
            &["-i", "--rm"],
            &["-std=c++17"],
            &["Qwen2.5-Coder-32B-Instruct-GGUF"],
            &["Flask-SQLAlchemy2==1.2"],
            &["-n20"],
        ] {
            assert!(!line("docker", args).contains(MASK), "{args:?}");
        }
        assert_eq!(line("x\u{202e}y", &[]), "x\\u{202e}y");
        assert_eq!(without_user_info("https://a\\@b/c"), "https://a\\@b/c");
        assert_eq!(without_user_info("https://a@b@h/c@d"), "https://h/c@d");
    }
}
