//! How a registry is reached: policy, the environment and the user's and global `.npmrc`. Never a project's `.npmrc`.

use std::path::{Path, PathBuf};

use openclaw_verify_core::policy::Policy;
use openclaw_verify_core::registry::{Cache, Client, FetchLimits, NpmConfig};
use openclaw_verify_core::{Error, OperatorError, Result, read};

use crate::cli::Common;
use crate::operator;
use crate::progress::Downloads;

/// A client, which opens no socket by itself.
pub(crate) fn client(common: &Common, policy: &Policy) -> Result<Client> {
    with(common, config(common, Some(policy))?)
}

/// The same, with what it fetches kept in `cache`.
pub(crate) fn client_into(common: &Common, policy: &Policy, cache: Cache) -> Result<Client> {
    into(common, config(common, Some(policy))?, cache)
}

/// A client for other things than packages: with the proxies and authorities of npm's configuration, and whatever registry.
pub(crate) fn plain(common: &Common) -> Result<Client> {
    with(common, config(common, None)?)
}

fn with(common: &Common, config: NpmConfig) -> Result<Client> {
    let cache = cache().ok_or_else(|| {
        Error::environment(
            "there is no folder for downloads: HOME is not set",
            "set HOME or XDG_CACHE_HOME",
        )
    })?;
    into(common, config, cache)
}

fn into(common: &Common, config: NpmConfig, cache: Cache) -> Result<Client> {
    let downloads = Downloads::new(!common.no_progress && !common.quiet);
    Client::with_progress(config, FetchLimits::default(), cache, move |progress| {
        downloads.update(&progress.package, progress.bytes)
    })
}

/// What was downloaded before.
pub(crate) fn cache() -> Option<Cache> {
    operator::cache_folder().map(|folder| Cache::new(folder.join("registry")))
}

/// Whether a registry is configured for packages of any name.
pub(crate) fn has_registry(common: &Common, policy: &Policy) -> bool {
    config(common, Some(policy)).is_ok_and(|config| config.registry.is_some())
}

/// Policy counts first, then the environment, then the user's `.npmrc`, then the global one.
fn config(common: &Common, policy: Option<&Policy>) -> Result<NpmConfig> {
    let env = |name: &str| std::env::var(name).ok();
    let unusable = |error: openclaw_verify_core::registry::BadSetting| {
        Error::environment(
            error.to_string(),
            "correct it, or name the registry in [sources] of your policy",
        )
    };
    let mut config = NpmConfig::from_environment(&env).map_err(unusable)?;
    let state = operator::installation(common)
        .ok()
        .map(|installation| installation.state_dir);
    for path in npmrc_files() {
        let inside = |state: &PathBuf| {
            path.canonicalize()
                .is_ok_and(|real| real.starts_with(state))
        };
        // What is under test names no registry.
        if state.as_ref().is_some_and(inside) {
            continue;
        }
        if let Some(text) = text(&path)? {
            config = config.over(NpmConfig::parse(&text, &env).map_err(|error| {
                Error::from(OperatorError::whole(
                    &path,
                    format!("{}: {error}", operator::shown(&path)),
                ))
            })?);
        }
    }
    let listed = policy
        .and_then(|policy| policy.sources.as_ref())
        .and_then(|sources| sources.registries.as_ref())
        .and_then(|listed| listed.first());
    if let Some(address) = listed {
        let registry = address.parse().map_err(|error| {
            Error::environment(
                format!("the registry in [sources] of your policy cannot be used: {error}"),
                "correct it",
            )
        })?;
        config.registry = Some(registry);
    }
    Ok(config)
}

/// The user's and the global file, as npm finds them.
fn npmrc_files() -> Vec<PathBuf> {
    let named = |names: [&str; 2]| {
        names
            .iter()
            .find_map(std::env::var_os)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    let user = named(["npm_config_userconfig", "NPM_CONFIG_USERCONFIG"])
        .or_else(|| operator::home().map(|home| home.join(".npmrc")));
    let global = named(["npm_config_globalconfig", "NPM_CONFIG_GLOBALCONFIG"]).or_else(|| {
        let prefix = named(["npm_config_prefix", "PREFIX"]).or_else(node_prefix)?;
        Some(prefix.join("etc/npmrc"))
    });
    user.into_iter().chain(global).collect()
}

/// npm's default prefix: the folder above the one that holds `node`.
fn node_prefix() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let node = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("node"))
        .find(|node| node.is_file())?;
    node.canonicalize()
        .ok()?
        .parent()?
        .parent()
        .map(Path::to_owned)
}

fn text(path: &Path) -> Result<Option<String>> {
    // The operator's own file may be a link, to a folder of dotfiles.
    let Ok(real) = path.canonicalize() else {
        return Ok(None);
    };
    match read::text(&real, NpmConfig::MAX_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(read::ReadError::NotFound) => Ok(None),
        Err(error) => {
            Err(OperatorError::whole(path, format!("{} {error}", operator::shown(path))).into())
        }
    }
}
