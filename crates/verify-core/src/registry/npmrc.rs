//! `.npmrc` and the environment, as text that the caller read: which registry, for whom, with what credentials, through what.
//!
//! Format: npm's `ini`. Only the user's own and the global file belong here; the `.npmrc` of a project is part of the thing under
//! test and never read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use super::address::{self, BadAddress, Registry};

/// What npm's configuration says about registries. Has no `Debug` that shows credentials.
#[derive(Clone, Default)]
pub struct NpmConfig {
    /// The default registry.
    pub registry: Option<Registry>,
    /// Registries by scope (`@acme`).
    pub scopes: BTreeMap<String, Registry>,
    /// A file with additional certificate authorities, in PEM.
    pub cafile: Option<PathBuf>,
    /// The proxy for `https`.
    pub https_proxy: Option<String>,
    /// The proxy for `http`.
    pub http_proxy: Option<String>,
    /// Hosts that are reached without a proxy.
    pub no_proxy: Option<String>,
    credentials: Vec<Credential>,
}

/// A credential and the address below which it may be sent.
#[derive(Clone)]
struct Credential {
    /// `https://host[:port]/path/`
    below: Url,
    kind: Kind,
    value: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Token,
    Basic,
    User,
    Password,
}

impl fmt::Debug for NpmConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Proxies may hold passwords, too.
        f.debug_struct("NpmConfig")
            .field("registry", &self.registry)
            .field("scopes", &self.scopes)
            .field("cafile", &self.cafile)
            .field("credentials", &self.credentials.len())
            .finish_non_exhaustive()
    }
}

/// Why a configuration cannot be used. Never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` cannot be used: {why}")]
pub struct BadSetting {
    key: String,
    #[source]
    why: BadAddress,
}

impl NpmConfig {
    /// Most bytes of an `.npmrc` that a caller should read.
    pub const MAX_BYTES: u64 = 1 << 20;

    /// Reads the text of an `.npmrc`; `env` resolves its `${NAME}`. Later lines win. Keys without a meaning here are skipped, and so
    /// are credentials that name no host.
    pub fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let mut config = Self::default();
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with([';', '#', '[']) {
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            config.set(
                &expand(unquote(key).trim(), env),
                expand(&unquote(value), env),
            )?;
        }
        Ok(config)
    }

    /// Reads the variables that npm and other tools read: `npm_config_registry`, `npm_config_cafile`, `HTTPS_PROXY` and its like.
    pub fn from_environment(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let mut config = Self::default();
        for (key, variables) in [
            (
                "registry",
                &["npm_config_registry", "NPM_CONFIG_REGISTRY"][..],
            ),
            (
                "cafile",
                &[
                    "npm_config_cafile",
                    "NPM_CONFIG_CAFILE",
                    "NODE_EXTRA_CA_CERTS",
                ],
            ),
            (
                "https-proxy",
                &["npm_config_https_proxy", "HTTPS_PROXY", "https_proxy"],
            ),
            ("proxy", &["npm_config_proxy", "HTTP_PROXY", "http_proxy"]),
            ("noproxy", &["npm_config_noproxy", "NO_PROXY", "no_proxy"]),
        ] {
            if let Some(value) = variables
                .iter()
                .find_map(|name| env(name).filter(|value| !value.is_empty()))
            {
                config.set(key, value)?;
            }
        }
        Ok(config)
    }

    /// This configuration, with what it leaves open taken from `lower`.
    #[must_use]
    pub fn over(mut self, lower: Self) -> Self {
        for (scope, registry) in lower.scopes {
            self.scopes.entry(scope).or_insert(registry);
        }
        // Of two credentials for the same address the first one found counts.
        self.credentials.extend(lower.credentials);
        Self {
            registry: self.registry.or(lower.registry),
            scopes: self.scopes,
            cafile: self.cafile.or(lower.cafile),
            https_proxy: self.https_proxy.or(lower.https_proxy),
            http_proxy: self.http_proxy.or(lower.http_proxy),
            no_proxy: self.no_proxy.or(lower.no_proxy),
            credentials: self.credentials,
        }
    }

    /// The registry that serves the package `name`.
    #[must_use]
    pub fn registry_for(&self, name: &str) -> Option<&Registry> {
        let scope = name
            .split_once('/')
            .map(|(scope, _)| scope)
            .filter(|scope| scope.starts_with('@'));
        scope
            .and_then(|scope| self.scopes.get(scope))
            .or(self.registry.as_ref())
    }

    /// The `Authorization` that belongs to `url`: that of the longest address above it, on its own host and port, over TLS or on this
    /// machine.
    pub(super) fn authorization(&self, url: &Url) -> Option<String> {
        if url.scheme() != "https" && !address::is_loopback(url) {
            return None;
        }
        let above = |credential: &&Credential| {
            // A credential names no scheme, so the default port of either means "none given".
            credential.below.host_str() == url.host_str()
                && credential.below.port() == url.port()
                && url.path().starts_with(credential.below.path())
        };
        let longest = self
            .credentials
            .iter()
            .filter(above)
            .map(|c| c.below.path().len())
            .max()?;
        let of = |kind: Kind| {
            self.credentials
                .iter()
                .filter(above)
                .find(|c| c.kind == kind && c.below.path().len() == longest)
                .map(|c| c.value.as_str())
        };
        if let Some(token) = of(Kind::Token) {
            return Some(format!("Bearer {token}"));
        }
        if let Some(basic) = of(Kind::Basic) {
            return Some(format!("Basic {basic}"));
        }
        let (user, password) = (of(Kind::User)?, of(Kind::Password)?);
        let password = String::from_utf8(STANDARD.decode(password).ok()?).ok()?;
        Some(format!(
            "Basic {}",
            STANDARD.encode(format!("{user}:{password}"))
        ))
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), BadSetting> {
        let address = |value: &str| {
            value.parse::<Registry>().map_err(|why| BadSetting {
                key: shown(key),
                why,
            })
        };
        match key {
            "registry" => self.registry = Some(address(&value)?),
            "cafile" => {
                self.cafile = Some(PathBuf::from(value)).filter(|path| !path.as_os_str().is_empty())
            }
            "https-proxy" => self.https_proxy = Some(value).filter(|v| !v.is_empty()),
            "proxy" | "http-proxy" => self.http_proxy = Some(value).filter(|v| !v.is_empty()),
            "noproxy" | "no-proxy" => self.no_proxy = Some(value).filter(|v| !v.is_empty()),
            _ => {
                if let Some(scope) = key
                    .strip_suffix(":registry")
                    .filter(|scope| scope.starts_with('@'))
                {
                    self.scopes.insert(scope.to_owned(), address(&value)?);
                } else if let Some(credential) = credential(key, value) {
                    let same =
                        |c: &Credential| c.below == credential.below && c.kind == credential.kind;
                    self.credentials.retain(|c| !same(c));
                    self.credentials.push(credential);
                }
            }
        }
        Ok(())
    }
}

/// `//host[:port]/path/:_authToken` and the like. A credential without a host would go to whatever the registry is, and is skipped as
/// npm does since version 9.
fn credential(key: &str, value: String) -> Option<Credential> {
    let (below, kind) = key.rsplit_once(':')?;
    let kind = match kind {
        "_authToken" => Kind::Token,
        "_auth" => Kind::Basic,
        "username" => Kind::User,
        "_password" => Kind::Password,
        _ => return None,
    };
    if !below.starts_with("//") || value.is_empty() {
        return None;
    }
    let mut below = Url::parse(&format!("https:{below}")).ok()?;
    if !below.path().ends_with('/') {
        let path = format!("{}/", below.path());
        below.set_path(&path);
    }
    Some(Credential { below, kind, value })
}

/// The key without what may be secret in it, for messages.
fn shown(key: &str) -> String {
    crate::text::excerpt(key, 80)
}

/// The value without quotes, or without a comment at its end.
fn unquote(value: &str) -> String {
    let value = value.trim();
    if value.len() >= 2 && value.starts_with('"') && value.ends_with('"') {
        return serde_json::from_str(value).unwrap_or_else(|_| value.trim_matches('"').to_owned());
    }
    if value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'') {
        return value.trim_matches('\'').to_owned();
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ (';' | '#' | '\\')) => plain.push(escaped),
                Some(other) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            ';' | '#' => break,
            other => plain.push(other),
        }
    }
    plain.trim_end().to_owned()
}

/// `${NAME}` by its value, `${NAME?}` by nothing when there is none; an unknown `${NAME}` stays, as in npm.
fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        let (bare, optional) = name
            .strip_suffix('?')
            .map_or((name, false), |bare| (bare, true));
        match env(bare) {
            Some(value) => out.push_str(&value),
            None if optional => {}
            None => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn parse(text: &str) -> NpmConfig {
        NpmConfig::parse(text, &none).expect("configuration")
    }

    fn auth(config: &NpmConfig, url: &str) -> Option<String> {
        config.authorization(&url.parse().expect("url"))
    }

    #[test]
    fn registries_by_scope() {
        let config = parse(
            "; comment\n# too\n[section]\nregistry = https://registry.example ; mine\n@acme:registry=\"https://npm.acme.example/x\"\nfund=false\n",
        );
        assert_eq!(
            config
                .registry_for("notes")
                .map(ToString::to_string)
                .as_deref(),
            Some("https://registry.example/")
        );
        assert_eq!(
            config
                .registry_for("@acme/a")
                .map(ToString::to_string)
                .as_deref(),
            Some("https://npm.acme.example/x/")
        );
        assert_eq!(
            config
                .registry_for("@acmes/a")
                .map(ToString::to_string)
                .as_deref(),
            Some("https://registry.example/")
        );
        assert!(NpmConfig::default().registry_for("a").is_none());
        let env =
            |name: &str| (name == "npm_config_registry").then(|| "https://env.example/".to_owned());
        let env = NpmConfig::from_environment(&env).expect("environment");
        assert_eq!(
            env.over(config).registry.map(|r| r.to_string()).as_deref(),
            Some("https://env.example/")
        );
    }

    #[test]
    fn credentials_go_to_their_own_host_only() {
        let config = parse(
            "//registry.example/:_authToken=SECRET\n//registry.example/deep/:_authToken=DEEP\n//basic.example/:_auth=QTpC\n\
             //user.example/:username=ada\n//user.example/:_password=c2VjcmV0\n_authToken=LOOSE\n//port.example:8443/:_authToken=PORT\n",
        );
        assert_eq!(
            auth(&config, "https://registry.example/notes").as_deref(),
            Some("Bearer SECRET")
        );
        assert_eq!(
            auth(&config, "https://registry.example/deep/notes").as_deref(),
            Some("Bearer DEEP")
        );
        assert_eq!(
            auth(&config, "https://registry.example/deeper").as_deref(),
            Some("Bearer SECRET")
        );
        assert_eq!(
            auth(&config, "https://registry.example.evil.example/notes"),
            None
        );
        assert_eq!(auth(&config, "https://evil.example/notes"), None);
        assert_eq!(auth(&config, "https://registry.example:8443/notes"), None);
        assert_eq!(
            auth(&config, "http://registry.example/notes"),
            None,
            "not in the clear"
        );
        assert_eq!(
            auth(&config, "https://port.example:8443/x").as_deref(),
            Some("Bearer PORT")
        );
        assert_eq!(auth(&config, "https://port.example/x"), None);
        assert_eq!(
            auth(&config, "https://basic.example/x").as_deref(),
            Some("Basic QTpC")
        );
        assert_eq!(
            auth(&config, "https://user.example/x").as_deref(),
            Some("Basic YWRhOnNlY3JldA==")
        );
    }

    #[test]
    fn nothing_secret_is_printed() {
        let config =
            parse("//registry.example/:_authToken=SECRET\nproxy=http://ada:SECRET@proxy.example\n");
        assert!(!format!("{config:?}").contains("SECRET"));
        let Err(bad) = NpmConfig::parse("registry=https://ada:SECRET@registry.example/", &none)
        else {
            panic!("accepted")
        };
        assert!(!bad.to_string().contains("SECRET") && !format!("{bad:?}").contains("SECRET"));
    }

    #[test]
    fn variables() {
        let env = |name: &str| (name == "TOKEN").then(|| "T1".to_owned());
        let config = NpmConfig::parse(
            "//registry.example/:_authToken=${TOKEN}\n//b.example/:_authToken=${NONE}\n//c.example/:_authToken=${NONE?}",
            &env,
        )
        .expect("configuration");
        assert_eq!(
            auth(&config, "https://registry.example/").as_deref(),
            Some("Bearer T1")
        );
        assert_eq!(
            auth(&config, "https://b.example/").as_deref(),
            Some("Bearer ${NONE}")
        );
        assert_eq!(auth(&config, "https://c.example/"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_survived_and_leaks_nothing(text in "(//|[a-z._@:=${}\"\\\\;# \n]){0,80}") {
            if let Ok(config) = NpmConfig::parse(&text, &none) {
                proptest::prop_assert_eq!(auth(&config, "https://other.example/x"), None);
            }
        }
    }
}
