//! MCP servers as services, without anything that could be a secret.

use cyclonedx_bom::external_models::uri::Uri;
use cyclonedx_bom::models::service::Service;
use serde_json::Value;

use super::verdicts::SubjectVerdict;
use super::{component, purls, values};
use crate::fact::Outcome;
use crate::inventory::{McpDefinition, Subject, mcp_spec};
use crate::launcher::{Ecosystem, Launch};
use crate::report::Outcomes;
use crate::subject::Kind;

/// An MCP server: what it is called and where it is, never what it is given.
pub(super) fn service(
    subject: &Subject,
    reference: &str,
    verdict: Option<&SubjectVerdict>,
) -> Service {
    let mut service = Service::new("", Some(reference.to_owned()));
    service.name = values::normalized(Some(&masked(&subject.name)));
    let mut properties = vec![
        (
            "openclaw:id".to_owned(),
            values::shown(&masked(subject.id.as_str())),
        ),
        ("openclaw:kind".to_owned(), subject.kind.as_str().to_owned()),
        (
            "openclaw:source".to_owned(),
            subject.source.as_str().to_owned(),
        ),
        ("openclaw:enabled".to_owned(), subject.enabled.to_string()),
    ];
    if let Some(mcp) = &subject.mcp {
        let words = words(mcp);
        let remote = matches!(words.as_slice(), [address] if address.contains("://"));
        service.x_trust_boundary = Some(remote);
        if remote {
            service.endpoints = words
                .first()
                .and_then(|address| endpoint(address))
                .map(|address| vec![Uri::new(&address)]);
        } else {
            properties.push((
                "openclaw:mcp:command".to_owned(),
                values::shown(&command(&words)),
            ));
        }
        if let Some(package) = External::of(mcp) {
            properties.push(("openclaw:mcp:package".to_owned(), package.shown()));
        }
        properties.push((
            "openclaw:mcp:transport".to_owned(),
            transport(&mcp.raw, remote).to_owned(),
        ));
        properties.push(("openclaw:mcp:definition".to_owned(), mcp.digest.to_string()));
    }
    properties.extend(digests(subject).map(|(name, digest)| (name.to_owned(), digest)));
    if let Some(version) = subject
        .node
        .as_ref()
        .and_then(|node| node.version.as_deref())
    {
        properties.push(("openclaw:node:version".to_owned(), values::shown(version)));
    }
    if let Some(verdict) = verdict {
        properties
            .extend(outcomes(&verdict.outcomes).map(|(name, outcome)| (name, outcome.to_owned())));
    }
    service.properties = component::properties(properties);
    service
}

/// Whether a subject is listed as a service: it is started, and has no files of its own that could be a component.
pub(super) fn is_service(kind: Kind) -> bool {
    matches!(kind, Kind::McpServer | Kind::Automation | Kind::Service)
}

/// What a subject has beside files, by its digests as in lock and report.
pub(super) fn digests(subject: &Subject) -> impl Iterator<Item = (&'static str, String)> + use<'_> {
    [
        ("openclaw:definition", subject.definition.as_ref()),
        ("openclaw:settings", subject.settings.as_ref()),
        ("openclaw:instructions", subject.instructions.as_ref()),
    ]
    .into_iter()
    .filter_map(|(name, listing)| Some((name, listing?.digest().to_string())))
}

/// The questions that arise for a subject, as properties.
pub(super) fn outcomes(
    outcomes: &Outcomes,
) -> impl Iterator<Item = (String, &'static str)> + use<> {
    let asked = outcomes
        .all()
        .into_iter()
        .filter(|(_, outcome)| *outcome != Outcome::NotApplicable);
    asked.map(|(group, outcome)| (format!("openclaw:verify:{group}"), outcome.as_str()))
}

/// The transport as configured, when it is one that OpenClaw knows.
fn transport(raw: &Value, remote: bool) -> &'static str {
    match raw.get("transport").and_then(Value::as_str) {
        Some("stdio") => "stdio",
        Some("sse") => "sse",
        Some("streamable-http") => "streamable-http",
        _ if remote => "http",
        _ => "stdio",
    }
}

/// The address, or the command and its arguments.
fn words(mcp: &McpDefinition) -> Vec<String> {
    let text = |key: &str| {
        mcp.raw
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    };
    match (text("command"), text("url")) {
        (Some(command), _) => {
            let arguments = mcp
                .raw
                .get("args")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let arguments =
                arguments.map(|argument| argument.as_str().unwrap_or_default().to_owned());
            std::iter::once(command.to_owned())
                .chain(arguments)
                .collect()
        }
        (None, Some(url)) => vec![url.to_owned()],
        // A lock has nothing but the text.
        (None, None) => mcp.spec.split(' ').map(str::to_owned).collect(),
    }
}

/// Programs whose first word is the package that they fetch.
const LAUNCHERS: [&str; 13] = [
    "npx", "npm", "pnpx", "pnpm", "yarn", "bunx", "bun", "uvx", "uv", "pipx", "docker", "podman",
    "deno",
];

/// Words before the package that hold nothing personal.
const PLAIN_WORDS: [&str; 17] = [
    "-y",
    "--yes",
    "-q",
    "--quiet",
    "exec",
    "x",
    "dlx",
    "run",
    "tool",
    "-i",
    "--rm",
    "--from",
    "-p",
    "--package",
    "-m",
    "-u",
    "-A",
];

/// The program, and the package or script that it starts. No other argument comes out: a secret may look like any word, and where
/// things lie on this machine does not belong in an SBOM.
fn command(words: &[String]) -> String {
    let Some((program, arguments)) = words.split_first() else {
        return String::new();
    };
    let program = last_part(program).unwrap_or(MASK);
    let launcher = LAUNCHERS.contains(&program.split('.').next().unwrap_or_default());
    let mut shown = vec![program.to_owned()];
    let mut rest = arguments.iter();
    for word in rest.by_ref() {
        if PLAIN_WORDS.contains(&word.as_str()) {
            shown.push(word.clone());
            continue;
        }
        let package = launcher
            .then(|| Some(word.as_str()).filter(|word| is_package(word)))
            .flatten();
        let script = (word.contains(['/', '\\', '.']) && !launcher)
            .then(|| last_part(word))
            .flatten();
        match (package, script) {
            (Some(package), _) => shown.push(package.to_owned()),
            (None, Some(script)) if script.len() < word.len() => {
                shown.push(format!("{MASK}/{script}"))
            }
            (None, Some(script)) => shown.push(script.to_owned()),
            (None, None) => shown.push("…".to_owned()),
        }
        break;
    }
    if rest.next().is_some() && shown.last().is_some_and(|last| last != "…") {
        shown.push("…".to_owned());
    }
    shown.join(" ")
}

const MASK: &str = "***";

/// The last part of a path, when it is a plain file name.
fn last_part(path: &str) -> Option<&str> {
    let name = path
        .trim_end_matches(['/', '\\'])
        .rsplit(['/', '\\'])
        .next()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+-".contains(&b);
    let good = (1..=64).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with('-')
        && masked(name) == name;
    // Before an address everything may be a password.
    (good && !path.contains("://")).then_some(name)
}

/// Whether a word can name a package or an image: `@acme/files@1.2.3`, `files==1.2.3`, `npm:files`, `acme/files@sha256:…`.
fn is_package(word: &str) -> bool {
    let name = match word.split_once("@sha256:") {
        Some((name, hex)) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => name,
        _ => word,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@/._:~^*[]-".contains(&b);
    let start = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@');
    let one_at = name.trim_start_matches('@').matches('@').count() <= 1;
    start
        && one_at
        && name.replacen("==", "", 1).bytes().all(plain)
        && !name.contains(":/")
        && masked(name) == name
}

/// The address without user info, query and fragment, and with only those parts of its path that hold nothing personal.
fn endpoint(address: &str) -> Option<String> {
    const PARTS: [&str; 14] = [
        "",
        "mcp",
        "sse",
        "api",
        "rpc",
        "http",
        "https",
        "stream",
        "streamable",
        "message",
        "messages",
        "server",
        "servers",
        "public",
    ];
    let version = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let address = values::bare_address(address)?;
    let (scheme, rest) = address.split_once("://")?;
    let mut parts = rest.split('/');
    let host = parts.next().filter(|host| masked(host) == *host)?;
    let path: String = parts
        .map(|part| {
            format!(
                "/{}",
                if PARTS.contains(&part) || version(part) {
                    part
                } else {
                    MASK
                }
            )
        })
        .collect();
    Some(format!("{scheme}://{host}{path}"))
}

/// A name with every part masked that has the form of a secret.
pub(super) fn masked(text: &str) -> String {
    let mixed = |part: &str, least: usize| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        part.len() >= least && digits >= 2 && part.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let secret = |word: &str| {
        mcp_spec::looks_secret(word) || word.split(['-', '_']).any(|part| mixed(part, 16))
    };
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(word) {
        let (between, from) = rest.split_at(start);
        let (one, behind) = from.split_at(from.find(|c| !word(c)).unwrap_or(from.len()));
        shown.push_str(between);
        shown.push_str(if secret(one) { MASK } else { one });
        rest = behind;
    }
    shown + rest
}

/// The package that a launcher fetches when the server starts. It is no part of the installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct External {
    pub name: String,
    pub version: String,
    pub purl: Option<String>,
}

impl External {
    /// The package of a command that always starts the same one.
    pub(super) fn of(mcp: &McpDefinition) -> Option<Self> {
        let Launch::Exact {
            ecosystem,
            package,
            version,
        } = mcp.launch()
        else {
            return None;
        };
        let purl = match ecosystem {
            Ecosystem::Npm => purls::npm_purl(&package, Some(&version)),
            Ecosystem::Python => {
                let name = package
                    .split('[')
                    .next()
                    .unwrap_or_default()
                    .to_ascii_lowercase()
                    .replace(['_', '.'], "-");
                Some(format!("pkg:pypi/{name}@{version}"))
            }
            Ecosystem::Image => {
                let path = package
                    .rsplit_once(':')
                    .filter(|(_, tag)| !tag.contains('/'))
                    .map_or(package.as_str(), |(path, _)| path);
                let name = path
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let digest = version.replacen(':', "%3A", 1);
                Some(format!(
                    "pkg:oci/{name}@{digest}?repository_url={}",
                    path.to_ascii_lowercase()
                ))
            }
            Ecosystem::Git | Ecosystem::Jsr => None,
        };
        (masked(&package) == package).then_some(Self {
            name: package,
            version,
            purl,
        })
    }

    /// As a property tells it.
    fn shown(&self) -> String {
        values::shown(
            &self
                .purl
                .clone()
                .unwrap_or_else(|| format!("{}@{}", self.name, self.version)),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(words: &[&str]) -> String {
        command(
            &words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn commands_show_what_is_started_and_nothing_else() {
        for (words, shown) in [
            (
                &[
                    "npx",
                    "-y",
                    "@acme/files@1.2.3",
                    "/home/ada/x",
                    "--token",
                    "hunter2",
                ][..],
                "npx -y @acme/files@1.2.3 …",
            ),
            (&["/usr/bin/npx", "-y", "@acme/files"], "npx -y @acme/files"),
            (
                &["uvx", "--from", "files==1.2.3", "files"],
                "uvx --from files==1.2.3 …",
            ),
            (
                &[
                    "docker",
                    "run",
                    "-i",
                    "--rm",
                    "-e",
                    "TOKEN=hunter2",
                    "acme/x",
                ],
                "docker run -i --rm …",
            ),
            (
                &["node", "/home/ada/server.js", "hunter2"],
                "node ***/server.js …",
            ),
            (
                &["C:\\Users\\ada\\node.exe", "server.mjs"],
                "node.exe server.mjs",
            ),
            (&["python3", "-m", "hunter2"], "python3 -m …"),
            (&["hunter2 --x", "y"], "*** …"),
            (&["sh", "-c", "TOKEN=hunter2 npx x"], "sh …"),
            (
                &["npx", "--registry=https://u:hunter2@r.example", "x"],
                "npx …",
            ),
            (&["npx", "TOKEN=hunter2"], "npx …"),
            (&["npx", "https://u:hunter2@h.example/x.tgz"], "npx …"),
            (&["mcp", "ghp_hunter2hunter2hunter2"], "mcp …"),
            (&["mcp", "./ghp_hunter2hunter2hunter2.js"], "mcp …"),
        ] {
            assert_eq!(line(words), shown, "{words:?}");
        }
        let image = format!("acme/x@sha256:{}", "ab".repeat(32));
        assert_eq!(
            line(&["docker", "run", &image]),
            format!("docker run {image}")
        );
    }

    #[test]
    fn addresses_show_the_host_and_plain_words() {
        for (address, shown) in [
            (
                "https://u:hunter2@mcp.example.org:8443/v1/mcp?key=hunter2#hunter2",
                Some("https://mcp.example.org:8443/v1/mcp"),
            ),
            (
                "https://mcp.example.org/s/hunter2/sse/",
                Some("https://mcp.example.org/***/***/sse/"),
            ),
            ("https://0123456789abcdef01234567.example.org/mcp", None),
            ("file:///home/ada", None),
        ] {
            assert_eq!(endpoint(address).as_deref(), shown, "{address}");
        }
    }

    #[test]
    fn names_lose_what_looks_like_a_secret() {
        assert_eq!(
            masked("mcp:plugin/my-files-server-2"),
            "mcp:plugin/my-files-server-2"
        );
        assert_eq!(
            masked("ctx7 sk-abcdef1234567890 é/ghp_0123456789abcdefghij"),
            "ctx7 *** é/***"
        );
        assert_eq!(masked("x-0123456789abcdef0123"), "***");
    }

    #[test]
    fn exact_packages_have_a_purl() {
        let of = |command: &str, arguments: Value| {
            let raw = json!({ "command": command, "args": arguments });
            External::of(&McpDefinition {
                raw,
                digest: crate::digest::Sha256Digest::of(b""),
                spec: String::new(),
                when_on: Vec::new(),
                home: None,
                not_hashed: Vec::new(),
                local: None,
            })
        };
        let purl = |found: Option<External>| found.and_then(|found| found.purl);
        assert_eq!(
            purl(of("npx", json!(["-y", "@acme/files@1.2.3"]))).as_deref(),
            Some("pkg:npm/%40acme/files@1.2.3")
        );
        assert_eq!(
            purl(of("uvx", json!(["My_Files[cli]==1.2"]))).as_deref(),
            Some("pkg:pypi/my-files@1.2")
        );
        let hex = "ab".repeat(32);
        let image = of(
            "docker",
            json!(["run", format!("ghcr.example/acme/X:1@sha256:{hex}")]),
        );
        assert_eq!(
            purl(image),
            Some(format!(
                "pkg:oci/x@sha256%3A{hex}?repository_url=ghcr.example/acme/x"
            ))
        );
        assert_eq!(of("npx", json!(["-y", "@acme/files"])), None);
        assert_eq!(of("node", json!(["server.js"])), None);
    }
}
