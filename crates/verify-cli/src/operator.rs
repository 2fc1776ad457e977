//! What the operator gave: folders, files and clock. The only place that reads the environment.
//!
//! Nothing here is taken from the thing under test: the operator's files are never looked for inside the state directory, a workspace or
//! the path under test, and the host package is never derived from the state.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use openclaw_verify_core::finding::Input;
use openclaw_verify_core::{Error, Origins, Result, inventory};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::cli::Common;
use crate::host::{self, Host};
use crate::output;

pub(crate) use openclaw_verify_core::operator_file::{LOCK, POLICY, REVIEWS};

/// Where the operator's three files are, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// The policy.
    pub policy: PathBuf,
    /// The lock.
    pub lock: PathBuf,
    /// The reviews.
    pub reviews: PathBuf,
}

/// The installation to look at.
pub(crate) struct Installation {
    /// The state directory, which exists; its real path.
    pub state_dir: PathBuf,
    /// The same as it was named, where that is a link: people keep it on a volume.
    pub named: PathBuf,
    /// The host package, as far as it was named or found.
    pub host: Host,
}

/// The user's home folder.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
}

/// OpenClaw's config where the call or the operator's environment moves it, as it does for OpenClaw itself.
pub(crate) fn openclaw_config(common: &Common) -> Option<PathBuf> {
    chosen(common, "OPENCLAW_CONFIG_PATH").map(|(path, _)| expanded(common, Path::new(&path)))
}

/// Whether OpenClaw is told its state directory: its folder of code is that of the config otherwise. `--state-dir` names the state and
/// does not say how OpenClaw is started.
pub(crate) fn state_is_set(common: &Common) -> bool {
    chosen(common, "OPENCLAW_STATE_DIR").is_some()
        || common.profile.is_some()
        || chosen(common, "OPENCLAW_PROFILE").is_some()
}

/// The default workspace where the call or the operator's environment names one.
pub(crate) fn openclaw_workspace(common: &Common) -> Option<PathBuf> {
    chosen(common, "OPENCLAW_WORKSPACE_DIR").map(|(path, _)| expanded(common, Path::new(&path)))
}

/// What was named in the call.
const NAMED: &str = "named";
/// What the signed policy names.
const BY_POLICY: &str = "policy";

/// A variable that chooses a place, and who gave it: the call by `--env`, or the environment.
fn chosen(common: &Common, name: &'static str) -> Option<(OsString, &'static str)> {
    let given = common
        .variables
        .iter()
        .filter_map(|given| given.split_once('='))
        .find(|(given, value)| *given == name && !value.is_empty())
        .map(|(_, value)| (OsString::from(value), NAMED));
    let (value, origin) = given.or_else(|| Some((variable(name)?, name)))?;
    (!is_left(common, name, &value)).then_some((value, origin))
}

/// Whether a variable only says where the profile is that the call's `--profile` or `--dev` leaves: OpenClaw gives it another value
/// then. [S `applyCliProfileEnv`]
fn is_left(common: &Common, name: &str, value: &OsStr) -> bool {
    let within = match name {
        "OPENCLAW_STATE_DIR" => "",
        "OPENCLAW_CONFIG_PATH" => "openclaw.json",
        _ => return false,
    };
    let Some(selected) = common.profile.as_deref().or(common.dev.then_some("dev")) else {
        return false;
    };
    // A state directory that stays keeps its config.
    if name == "OPENCLAW_CONFIG_PATH" && chosen(common, "OPENCLAW_STATE_DIR").is_some() {
        return false;
    }
    let Some((home, _)) = effective_home(common) else {
        return false;
    };
    let inherited = chosen(common, "OPENCLAW_PROFILE").map(|(name, _)| name);
    let inherited = inherited.unwrap_or_default();
    let [inherited, selected] =
        [inherited.to_string_lossy().as_ref(), selected].map(|name| profile_state(&home, name));
    inherited != selected && expanded(common, Path::new(value)) == inherited.join(within)
}

/// The state directory of a profile. [S `resolveProfileStateDir`]
fn profile_state(home: &Path, profile: &str) -> PathBuf {
    match profile.is_empty() || profile.eq_ignore_ascii_case("default") {
        true => home.join(".openclaw"),
        false => home.join(format!(".openclaw-{profile}")),
    }
}

/// Whether the call itself has an option, and not the environment in its place.
pub(crate) fn in_call(option: &str) -> bool {
    std::env::args_os().any(|arg| {
        arg.to_str()
            .is_some_and(|arg| arg == option || arg.starts_with(&format!("{option}=")))
    })
}

/// Whether the call itself names a file.
fn names(file: &Path) -> bool {
    let file = file.as_os_str().as_encoded_bytes();
    std::env::args_os().any(|arg| {
        let arg = arg.as_encoded_bytes();
        let value = arg.iter().position(|b| *b == b'=').map(|at| &arg[at + 1..]);
        arg == file || value == Some(file)
    })
}

/// Who chose each place, in the words of the report.
pub(crate) fn origins(common: &Common) -> Origins {
    let given = |folder: &Option<PathBuf>| {
        folder
            .as_ref()
            .is_some_and(|folder| !folder.as_os_str().is_empty())
    };
    let mut origins = Origins::default();
    let by_policy = crate::signed::of_policy();
    let state = if by_policy.state_dir {
        BY_POLICY
    } else if given(&common.state_dir) {
        // The folder into which a backup was unpacked was chosen by the call too.
        if in_call("--state-dir") || in_call("--backup") {
            NAMED
        } else {
            "OPENCLAW_STATE_DIR"
        }
    } else {
        default_state_dir(common).map_or("default", |(_, origin)| origin)
    };
    origins.state_dir = Some(state.to_owned());
    let host = match given(&common.openclaw) {
        _ if by_policy.openclaw => BY_POLICY,
        true if in_call("--openclaw") => NAMED,
        true => "OPENCLAW_VERIFY_OPENCLAW",
        false => "PATH",
    };
    origins.openclaw = Some(host.to_owned());
    let home = if by_policy.home {
        BY_POLICY
    } else if common.home.is_some() {
        NAMED
    } else {
        "default"
    };
    origins.home = Some(home.to_owned());
    let of = |name| chosen(common, name).map(|(_, origin)| origin.to_owned());
    origins.config = of("OPENCLAW_CONFIG_PATH");
    origins.workspace = of("OPENCLAW_WORKSPACE_DIR");
    let tmp = if common.tmp.is_some() {
        NAMED
    } else {
        "default"
    };
    origins.temporary = Some(tmp.to_owned());
    origins
}

/// The state directory at OpenClaw's default place, where the environment chose another one and that one holds a state too.
pub(crate) fn other_state(common: &Common, chosen: &Path) -> Option<PathBuf> {
    let origin = origins(common).state_dir?;
    if matches!(origin.as_str(), NAMED | BY_POLICY | "default") {
        return None;
    }
    let usual = home()?.join(".openclaw").canonicalize().ok()?;
    let holds = ["openclaw.json", "state/openclaw.sqlite"]
        .iter()
        .any(|file| usual.join(file).is_file());
    (holds && usual != chosen).then_some(usual)
}

/// Keeps other writers of the operator's files in the folder of `file` away, from before they are read until what is returned is
/// dropped: of two that read, decide and write at the same time, one would lose what the other wrote. A writer that dies lets go.
pub(crate) fn only_writer(file: &Path) -> Result<Option<File>> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let guard = match File::open(folder) {
        Ok(guard) => guard,
        // Where there is no folder yet, nothing was written that could be lost.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", folder, error)),
    };
    let locked = |how| rustix::fs::flock(&guard, how);
    match locked(FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => return Ok(Some(guard)),
        Err(Errno::WOULDBLOCK) => {
            let shown = shown(folder);
            output::stderr(&format!("waiting for another writer of {shown}"));
        }
        // A file system without locks: nothing can be kept away.
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK) => return Ok(None),
        Err(error) => return Err(Error::io("lock", folder, error.into())),
    }
    locked(FlockOperation::LockExclusive)
        .map_err(|error| Error::io("lock", folder, error.into()))?;
    Ok(Some(guard))
}

/// The home folder of the user who runs OpenClaw, where that is sure: named, or the one in which the default state directory lies.
/// Otherwise the library derives it from the state directory, or does not know it.
pub(crate) fn openclaw_home(common: &Common, state_dir: &Path) -> Option<PathBuf> {
    let named = common.home.clone();
    if !crate::signed::environment_counts() {
        return named;
    }
    named.or_else(|| home().filter(|home| is_below(state_dir, home)))
}

fn is_below(folder: &Path, home: &Path) -> bool {
    // The folder may be named by the home as it is written, which can be a link too.
    folder.starts_with(home)
        || home
            .canonicalize()
            .is_ok_and(|home| folder.starts_with(home))
}

fn named_state_dir(common: &Common) -> Option<&PathBuf> {
    let named = common.state_dir.as_ref();
    named.filter(|dir| !dir.as_os_str().is_empty())
}

fn chosen_state_dir(common: &Common) -> Option<PathBuf> {
    match named_state_dir(common) {
        Some(dir) => Some(dir.clone()),
        None => default_state_dir(common).map(|(folder, _)| folder),
    }
}

/// The absolute path of the state directory of this call, whether it is there or not.
pub(crate) fn state_dir(common: &Common) -> Option<PathBuf> {
    std::path::absolute(chosen_state_dir(common)?).ok()
}

/// Variables that paths of the config may name, as they were given.
///
/// # Errors
/// When one is not `NAME=VALUE`, or sounds like a secret.
pub(crate) fn variables(common: &Common) -> Result<Vec<(String, String)>> {
    let given = common.variables.iter().map(|given| {
        let (name, value) = given.split_once('=').ok_or_else(|| {
            Error::environment(
                format!("--env {} is not NAME=VALUE", shown(Path::new(given))),
                "such as --env AGENT_ROOT=/srv/agents",
            )
        })?;
        if name.starts_with("OPENCLAW_VERIFY_") {
            return Err(Error::environment(
                format!("--env {} is an option of this program", shown(Path::new(name))),
                "give it as an option; --env is for places, and for variables that OpenClaw's config names",
            ));
        }
        let lower = name.to_ascii_lowercase();
        if ["token", "secret", "password", "key", "credential"]
            .iter()
            .any(|word| lower.contains(word))
        {
            return Err(Error::environment(
                format!(
                    "--env {} names a secret, which no place depends on",
                    shown(Path::new(name))
                ),
                "leave it out",
            ));
        }
        Ok((name.to_owned(), value.to_owned()))
    });
    given.collect()
}

fn variable(name: &str) -> Option<OsString> {
    if !crate::signed::environment_counts() {
        return None;
    }
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The call with the state directory as OpenClaw resolves it. A command that is printed then names a folder and no `~`.
pub(crate) fn resolved(mut common: Common) -> Common {
    let by_variable = !in_call("--state-dir");
    let state = named_state_dir(&common).map(|state| expanded(&common, state));
    common.state_dir = match by_variable && chosen(&common, "OPENCLAW_STATE_DIR").is_none() {
        true => None,
        false => state,
    };
    common
}

/// `~` as OpenClaw expands it, which the shell does not do inside quotes. [S `resolveHomeRelativePath`]
fn expanded(common: &Common, path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), effective_home(common)) {
        (Ok(rest), Some((home, _))) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// The home folder from which OpenClaw counts, and who chose it. [S `resolveEffectiveHomeDir`]
fn effective_home(common: &Common) -> Option<(PathBuf, &'static str)> {
    match (chosen(common, "OPENCLAW_HOME"), &common.home) {
        (Some((named, origin)), _) => {
            let named = PathBuf::from(named);
            let of_user = named.strip_prefix("~").ok().zip(home());
            let home = of_user.map(|(rest, home)| home.join(rest));
            Some((home.unwrap_or(named), origin))
        }
        (None, Some(home)) => Some((home.clone(), NAMED)),
        (None, None) => Some((home()?, "default")),
    }
}

/// The state directory that OpenClaw takes where none is named, and who chose it. [S `resolveStateDir`]
fn default_state_dir(common: &Common) -> Option<(PathBuf, &'static str)> {
    if !crate::signed::environment_counts() {
        return None;
    }
    if let Some((folder, origin)) = chosen(common, "OPENCLAW_STATE_DIR") {
        return Some((expanded(common, Path::new(&folder)), origin));
    }
    let (home, by_home) = effective_home(common)?;
    let (profile, by_profile) = match (&common.profile, common.dev) {
        (Some(profile), _) => (Some(profile.clone()), NAMED),
        (None, true) => (Some("dev".to_owned()), NAMED),
        _ => match chosen(common, "OPENCLAW_PROFILE") {
            Some((name, origin)) => (Some(name.to_string_lossy().into_owned()), origin),
            None => (None, by_home),
        },
    };
    let now = profile_state(&home, &profile.unwrap_or_default());
    if !now.ends_with(".openclaw") {
        return Some((now, by_profile));
    }
    let before = home.join(".clawdbot");
    // OpenClaw falls back to the folder of its predecessor.
    let (now_is_there, config) = (now.exists(), openclaw_config(common));
    if !now_is_there && before.is_dir() {
        return Some((before, by_home));
    }
    // Before its first start nothing is there but the folder of the config, and from it OpenClaw takes code. [S `resolveConfigDir`]
    match config.as_deref().and_then(Path::parent) {
        Some(folder) if !now_is_there && inventory::config_folder_holds_code(folder) => {
            Some((folder.to_owned(), "OPENCLAW_CONFIG_PATH"))
        }
        _ => Some((now, by_home)),
    }
}

/// Refuses a profile of the environment that OpenClaw would refuse: as a part of a path it could lead anywhere.
fn refuse_profile(common: &Common) -> Result<()> {
    let Some((name, _)) = chosen(common, "OPENCLAW_PROFILE") else {
        return Ok(());
    };
    profile_name(&name.to_string_lossy())
        .map(drop)
        .map_err(|why| {
            Error::environment(
                format!("OPENCLAW_PROFILE={}: {why}", shown(Path::new(&name))),
                "unset it, or name the state directory with --state-dir DIR",
            )
        })
}

/// The name of a profile, as OpenClaw takes it. [S `isValidProfileName`]
pub(crate) fn profile_name(name: &str) -> std::result::Result<String, &'static str> {
    let mut bytes = name.bytes();
    let plain = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    match plain && name.len() <= 64 {
        true => Ok(name.to_owned()),
        false => Err("no name of a profile: letters, digits, `_` and `-` only, at most 64"),
    }
}

/// The moment as of which everything is judged.
pub(crate) fn now(common: &Common) -> jiff::Timestamp {
    common.now.unwrap_or_else(jiff::Timestamp::now)
}

/// `SOURCE_DATE_EPOCH`, so that a build can be repeated; otherwise the clock.
pub(crate) fn timestamp(common: &Common) -> Result<jiff::Timestamp> {
    let epoch = std::env::var_os("SOURCE_DATE_EPOCH");
    // Where signatures are demanded, the environment does not say when something was judged.
    let Some(epoch) = epoch.filter(|_| crate::signed::environment_counts()) else {
        return Ok(now(common));
    };
    let seconds = epoch.to_str().and_then(|text| text.parse::<i64>().ok());
    seconds
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .ok_or_else(|| {
            Error::environment(
                "SOURCE_DATE_EPOCH is not a number of seconds since 1970",
                "set it to one, or unset it",
            )
        })
}

/// Its day in UTC.
pub(crate) fn today(common: &Common) -> jiff::civil::Date {
    now(common).to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Finds the state directory and the host package.
///
/// A state directory that was named and is not there is an error of the call; none at the default place means that there is nothing to
/// verify.
pub(crate) fn installation(common: &Common) -> Result<Installation> {
    let named = named_state_dir(common);
    if named.is_none() {
        refuse_profile(common)?;
    }
    let state_dir = chosen_state_dir(common).ok_or_else(|| {
        Error::environment(
            "no state directory: HOME is not set",
            "name it with --state-dir DIR",
        )
    })?;
    match std::fs::metadata(&state_dir) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            return Err(Error::environment(
                format!(
                    "the state directory {} is not a folder",
                    state_dir.display()
                ),
                "name OpenClaw's state directory with --state-dir DIR",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
            return Err(Error::NothingToVerify {
                what: format!("no OpenClaw state at {}", state_dir.display()),
                help: Some(
                    "run this where OpenClaw is installed, or name its state directory (of a copy also \
                     where it was: --relocated-from OLD)"
                        .to_owned(),
                ),
                needs: Some(Input::StateDir),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::environment(
                format!("the state directory {} is not there", shown(&state_dir)),
                "name the folder that holds OpenClaw's openclaw.json, mostly ~/.openclaw: --state-dir DIR",
            ));
        }
        Err(error) => return Err(Error::io("read the state directory", state_dir, error)),
    }
    let linked = state_dir.is_symlink();
    let named = std::path::absolute(&state_dir)
        .map_err(|error| Error::io("resolve the state directory", &state_dir, error))?;
    let state_dir = state_dir
        .canonicalize()
        .map_err(|error| Error::io("resolve the state directory", &state_dir, error))?;
    let named = if linked { named } else { state_dir.clone() };
    let host = match common
        .openclaw
        .as_ref()
        .filter(|dir| !dir.as_os_str().is_empty())
    {
        Some(dir) => Host {
            folder: Some(host::named(dir)?),
            command: host::command(&state_dir),
        },
        None if crate::signed::environment_counts() => host::on_path(&state_dir),
        None => Host {
            folder: None,
            command: None,
        },
    };
    Ok(Installation {
        state_dir,
        named,
        host,
    })
}

/// Chooses the operator's files; see docs/cli.md. `under_test` are folders in which they are never looked for.
pub(crate) fn files(common: &Common, under_test: &[PathBuf]) -> Result<Files> {
    let named = [&common.policy, &common.lockfile, &common.reviews]
        .map(|path| path.clone().filter(|path| !path.as_os_str().is_empty()));
    let folder = match &common.config {
        Some(dir) if dir.is_dir() => dir.clone(),
        Some(dir) => {
            return Err(Error::environment(
                match dir.exists() {
                    true => format!("--config {} is a file, not a folder", shown(dir)),
                    false => format!("--config {}: no such folder", shown(dir)),
                },
                "name the folder that holds openclaw-verify.toml; lock --init creates one",
            ));
        }
        // Where all three are named, no folder is looked for.
        None if named.iter().all(Option::is_some) => PathBuf::new(),
        None => default_folder(under_test)?,
    };
    let [policy, lock, reviews] = named;
    let files = Files {
        policy: policy.unwrap_or_else(|| folder.join(POLICY)),
        lock: lock.unwrap_or_else(|| folder.join(LOCK)),
        reviews: reviews.unwrap_or_else(|| folder.join(REVIEWS)),
    };
    // The first call of a run knows them; a later one finds the same.
    let own = [&files.policy, &files.lock, &files.reviews];
    let _ = OWN_FILES.set(own.into_iter().filter_map(|file| unlinked(file)).collect());
    Ok(files)
}

/// Where policy, lock and reviews are, if they are no links.
static OWN_FILES: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// A file in its real folder, whether it is there or not; none where the folder is not.
pub(crate) fn unlinked(file: &Path) -> Option<PathBuf> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(file.file_name()?))
}

/// Whether a line of a file may be shown in an error. A pull request can bring a link in place of its lock, or a policy that names any file
/// of the machine that checks it, and reads the log. Who sits at a terminal can read those files anyway; some runners of CI give one too.
pub(crate) fn may_be_quoted(file: &Path) -> bool {
    let of_ci = std::env::var_os("CI").is_some() || in_call("--lock-only");
    if io::stderr().is_terminal() && !of_ci {
        return true;
    }
    let Ok(real) = file.canonicalize() else {
        // Nothing of it was read, or it has another origin, such as the index of git.
        return true;
    };
    let own = OWN_FILES.get().is_some_and(|own| own.contains(&real));
    own || names(file) && unlinked(file).is_some_and(|named| named == real)
}

/// The same for the first run: the folder that `--config` names need not be there yet. One below what is under test is refused before
/// anything is created in it.
pub(crate) fn first_files(common: &Common, under_test: &[PathBuf]) -> Result<Files> {
    let Some(dir) = common.config.as_ref().filter(|dir| !dir.exists()) else {
        return files(common, under_test);
    };
    let dir = std::path::absolute(dir).map_err(|error| Error::io("find", dir, error))?;
    let existing = dir
        .ancestors()
        .find_map(|folder| folder.canonicalize().ok());
    let inside = |folder: &&PathBuf| {
        dir.starts_with(folder) || existing.iter().any(|real| real.starts_with(folder))
    };
    if let Some(inside) = under_test.iter().find(inside) {
        return Err(Error::environment(
            format!(
                "--config {} lies in {}, which is under test and must not bring its own policy",
                absolute(&dir),
                absolute(inside)
            ),
            "name a folder elsewhere",
        ));
    }
    Ok(Files {
        policy: dir.join(POLICY),
        lock: dir.join(LOCK),
        reviews: dir.join(REVIEWS),
    })
}

/// The user's cache folder of this program, where manifests and downloads are kept.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    user_folder("XDG_CACHE_HOME", ".cache")
}

/// `path` as it is to be shown: relative to the working folder where it lies inside.
pub(crate) fn shown(path: &Path) -> String {
    // Below the root folder a path without its slash would read as one below another.
    let relative = std::env::current_dir()
        .ok()
        .filter(|cwd| cwd.parent().is_some())
        .and_then(|cwd| path.strip_prefix(cwd).ok().map(Path::to_owned));
    let path = relative
        .as_deref()
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(path);
    openclaw_verify_core::text::visible(&path.to_string_lossy()).into_owned()
}

/// `path` as it is to be shown where the working folder means nothing to the reader.
pub(crate) fn absolute(path: &Path) -> String {
    openclaw_verify_core::text::visible(&path.to_string_lossy()).into_owned()
}

/// The host package, named or on PATH; none when it cannot be found.
pub(crate) fn host(common: &Common) -> Option<PathBuf> {
    match common
        .openclaw
        .as_ref()
        .filter(|dir| !dir.as_os_str().is_empty())
    {
        Some(dir) => host::named(dir).ok(),
        None => installation(common).ok()?.host.folder,
    }
}

fn default_folder(under_test: &[PathBuf]) -> Result<PathBuf> {
    let cwd =
        std::env::current_dir().map_err(|error| Error::io("find", "the working folder", error))?;
    if let Some(root) = git_root(&cwd) {
        if let Some(inside) = under_test.iter().find(|folder| root.starts_with(folder)) {
            return Err(Error::environment(
                format!(
                    "the working folder's repository {} lies inside {}, which is under test: it must not bring its own policy",
                    root.display(),
                    inside.display()
                ),
                "name the folder with your policy, lock and reviews: --config DIR",
            ));
        }
        let owner = std::fs::metadata(&root).map(|found| found.uid()).ok();
        if owner == Some(rustix::process::geteuid().as_raw()) {
            return Ok(root);
        }
        passed_over(&root);
    }
    user_folder("XDG_CONFIG_HOME", ".config").ok_or_else(|| {
        Error::environment(
            "no folder for policy, lock and reviews: HOME is not set",
            "name it with --config DIR",
        )
    })
}

/// The repository of another user whose files were not taken, as a word of a command.
static PASSED_OVER: OnceLock<String> = OnceLock::new();

/// Says once that the files of another user's repository are not taken: their owner could change what is decided.
fn passed_over(root: &Path) {
    let root = shown(root);
    let word = openclaw_verify_core::text::shell_word(&root).into_owned();
    if PASSED_OVER.set(word.clone()).is_ok() {
        output::stderr(&format!(
            "note: the repository {root} belongs to another user, so its policy, lock and reviews are not used; to use them: --config {word}"
        ));
    }
}

/// The repository of another user whose files were not taken, as a word of a command.
pub(crate) fn passed_over_folder() -> Option<&'static str> {
    PASSED_OVER.get().map(String::as_str)
}

/// Whether the call, or its environment, says where the operator's files are.
pub(crate) fn folder_is_named() -> bool {
    ["--config", "--lockfile"].into_iter().any(in_call)
        || std::env::var_os("OPENCLAW_VERIFY_LOCKFILE").is_some()
}

/// The nearest folder at or above `folder` that holds a `.git`.
pub(crate) fn git_root(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .find(|folder| folder.join(".git").symlink_metadata().is_ok())
        .map(Path::to_owned)
}

fn user_folder(variable: &str, fallback: &str) -> Option<PathBuf> {
    let base = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    base.or_else(|| home().map(|home| home.join(fallback)))
        .map(|base| base.join("openclaw-verify"))
}
