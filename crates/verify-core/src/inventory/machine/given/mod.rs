//! Files about the machine that the operator hands over, because only an engine or root can say what is in them: a compose file,
//! the output of `docker inspect`, of `tailscale serve status --json`, the settings of the Docker daemon, and pins of nix-openclaw.
//!
//! They are evidence and not configuration: they never come out of what is judged, and a file that cannot be read as what it is given as
//! ends the run, because its silence would look like a good answer.

mod compose;
mod container;
mod daemon;
mod inspect;
mod interpolate;
mod nix_pins;
mod tailscale;
mod yaml;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub(crate) use container::{Address, Container, Fact, Mount, Published};
pub(crate) use daemon::Daemon;
use daemon::is_own_kernel;
pub(crate) use nix_pins::NixPin;
pub(crate) use tailscale::Served;

use crate::digest::Sha256Digest;
use crate::error::{Error, Malformed, Result};
use crate::{json, read, text};

/// Most bytes of a file that is given, but for the output of `docker inspect`.
const MAX_FILE: u64 = 1 << 20;
/// Most bytes of the output of `docker inspect`, which holds some 10 KiB a container.
const MAX_INSPECT: u64 = 16 << 20;

/// Files about the machine that the caller hands over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MachineFiles {
    /// A compose file, or what `docker compose config` makes of one.
    pub compose: Option<PathBuf>,
    /// The output of `docker inspect` of one or more containers.
    pub docker_inspect: Option<PathBuf>,
    /// The output of `tailscale serve status --json`.
    pub tailscale_status: Option<PathBuf>,
    /// The folder of pins that nix-openclaw generates, or a checkout of it.
    pub nix_pins: Option<PathBuf>,
    /// The settings of the Docker daemon, such as `/etc/docker/daemon.json`.
    pub docker_daemon: Option<PathBuf>,
}

impl MachineFiles {
    /// All of them that are given.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Path> {
        [
            &self.compose,
            &self.docker_inspect,
            &self.tailscale_status,
            &self.nix_pins,
            &self.docker_daemon,
        ]
        .into_iter()
        .filter_map(|file| file.as_deref())
    }
}

/// A file about the machine that was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct GivenFile {
    /// What it was given as: `compose`, `docker-inspect`, `tailscale-status`, `nix-pins` or `docker-daemon`.
    pub what: &'static str,
    /// Path as the caller gave it, safe to show.
    pub path: String,
    /// SHA-256 of its bytes; of a folder, of the lines `<SHA-256>  <name>` of the files that were read, sorted by name.
    #[schemars(with = "String")]
    pub digest: Sha256Digest,
}

/// What these files say.
#[derive(Clone, Default)]
pub(crate) struct Given {
    /// The files, for the report.
    pub(crate) files: Vec<GivenFile>,
    /// Containers of the compose file and of the engine.
    pub(crate) containers: Vec<Container>,
    /// What of the compose file stands in other files: how it is named there, with its place.
    pub(crate) elsewhere: Vec<(String, Fact)>,
    /// What Tailscale serves, with what each name leads to; none where no status was given.
    pub(crate) served: Option<Vec<Served>>,
    /// Pins of plugins.
    pub(crate) pins: Vec<NixPin>,
    /// Settings of the Docker daemon.
    pub(crate) daemon: Option<Daemon>,
}

impl Given {
    /// Containers that are OpenClaw's; of a file with one container it must be that.
    pub(crate) fn openclaws(&self) -> impl Iterator<Item = &Container> {
        let alone = |container: &Container| {
            self.containers
                .iter()
                .filter(|other| other.seen == container.seen)
                .count()
                == 1
        };
        self.containers
            .iter()
            .filter(move |container| container.is_openclaw || alone(container))
    }

    /// How a file is named in the report, where it was given.
    pub(crate) fn named(&self, what: &str) -> Option<&str> {
        let found = self.files.iter().find(|file| file.what == what)?;
        Some(&found.path)
    }

    /// The containers of OpenClaw that files speak of, in words; none where they speak of none.
    pub(crate) fn containers_in_words(&self) -> Option<String> {
        let names: Vec<&str> = self
            .openclaws()
            .filter(|container| !container.is_sandbox)
            .map(|container| container.name.as_str())
            .take(5)
            .collect();
        let files: Vec<&str> = ["compose", "docker-inspect"]
            .into_iter()
            .filter_map(|what| self.named(what))
            .collect();
        (!names.is_empty()).then(|| format!("{}, by {}", names.join(", "), files.join(" and ")))
    }

    /// Whether sandboxes have a kernel of their own, and what says so: containers that an engine showed, else the settings of the daemon.
    pub(crate) fn kernel(&self) -> Option<(bool, String)> {
        let isolates = |name: &str| match &self.daemon {
            Some(daemon) => daemon.isolates(name),
            None => is_own_kernel(name),
        };
        let sandboxes = self
            .containers
            .iter()
            .filter(|container| container.is_sandbox);
        let seen: Vec<(&str, &str)> = sandboxes
            .filter_map(|container| Some((container.name.as_str(), container.runtime.as_deref()?)))
            .collect();
        let shared = seen.iter().find(|(_, runtime)| !isolates(runtime));
        if let Some((name, runtime)) = shared.or(seen.first()) {
            let said = format!("the sandbox {name} runs by {}", text::excerpt(runtime, 60));
            return Some((shared.is_none(), said));
        }
        let daemon = self.daemon.as_ref()?;
        let file = self.named("docker-daemon").unwrap_or_default();
        let said = format!(
            "containers run by {} where nothing else is said ({file})",
            daemon.runtime
        );
        Some((daemon.own_kernel, said))
    }
}

/// Reads all of them. `variables` fills in what a compose file names as `${NAME}`.
///
/// # Errors
/// When one of them cannot be read as what it is given as: the file, the place in it, and what is wrong.
pub(super) fn read(files: &MachineFiles, variables: &[(String, String)]) -> Result<Given> {
    let mut given = Given::default();
    if let Some(path) = &files.compose {
        let file = File::read(&mut given, "compose", path, MAX_FILE)?;
        let real = path.canonicalize().ok();
        let read = compose::read(&file, real.as_deref(), variables)?;
        given.containers.extend(read.containers);
        given.elsewhere = read.elsewhere;
    }
    if let Some(path) = &files.docker_inspect {
        let file = File::read(&mut given, "docker-inspect", path, MAX_INSPECT)?;
        given.containers.extend(inspect::read(&file)?);
    }
    if let Some(path) = &files.tailscale_status {
        let file = File::read(&mut given, "tailscale-status", path, MAX_FILE)?;
        given.served = Some(tailscale::read(&file)?);
    }
    if let Some(path) = &files.docker_daemon {
        let file = File::read(&mut given, "docker-daemon", path, MAX_FILE)?;
        given.daemon = Some(daemon::read(&file)?);
    }
    if let Some(path) = &files.nix_pins {
        let (pins, digest) = nix_pins::read(path)?;
        given.files.push(GivenFile {
            what: "nix-pins",
            path: shown(path),
            digest,
        });
        given.pins = pins;
    }
    Ok(given)
}

/// The text of a file that was given, and how it is shown.
struct File {
    shown: String,
    text: String,
}

impl File {
    /// Reads it and notes its digest. The operator may name a link.
    fn read(given: &mut Given, what: &'static str, path: &Path, limit: u64) -> Result<Self> {
        let shown = shown(path);
        let bytes = bytes(path, limit).map_err(|why| unreadable(&shown, what, &why.to_string()))?;
        let digest = Sha256Digest::of(&bytes);
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable(&shown, what, "is not UTF-8 text"))?;
        given.files.push(GivenFile {
            what,
            path: shown.clone(),
            digest,
        });
        Ok(Self { shown, text })
    }

    /// Its JSON, in which no key stands twice.
    fn json(&self, what: &str, help: &str) -> Result<Value> {
        json::strict(self.text.trim_start_matches('\u{feff}')).map_err(|error| {
            Error::environment(format!("{} {error}, so it is no {what}", self.shown), help)
        })
    }
}

fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, Malformed> {
    let real = path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Malformed::from("was not found"),
        _ => error.to_string().into(),
    })?;
    Ok(read::bytes(&real, limit)?)
}

fn unreadable(shown: &str, what: &str, why: &str) -> Error {
    Error::environment(
        format!("{shown} {why}, so nothing is known of what was given as {what}"),
        "name a file that the user who runs this can read, or leave it out",
    )
}

fn shown(path: &Path) -> String {
    text::visible(&path.to_string_lossy()).into_owned()
}
