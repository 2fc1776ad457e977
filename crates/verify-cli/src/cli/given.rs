//! Files about the machine that are handed over, for `host` and `checklist`.

use std::path::PathBuf;

use clap::Args;
use openclaw_verify_core::inventory::MachineFiles;

/// What only an engine, Tailscale or root can say of the machine, as files.
#[derive(Debug, Default, Args)]
pub(crate) struct GivenArgs {
    /// A compose file
    ///
    /// Best what `docker compose config` prints. Variables are taken from --env.
    #[arg(long, value_name = "FILE")]
    pub compose: Option<PathBuf>,
    /// What `docker inspect` printed
    ///
    /// Of the gateway's container, and of sandboxes; `podman inspect` has the same form.
    #[arg(long, value_name = "FILE")]
    pub docker_inspect: Option<PathBuf>,
    /// The Docker daemon's settings
    ///
    /// Such as /etc/docker/daemon.json: which runtime holds containers, and where ports are published by default.
    #[arg(long, value_name = "FILE")]
    pub docker_daemon: Option<PathBuf>,
    /// Status of tailscale serve
    ///
    /// What `tailscale serve status --json` printed.
    #[arg(long, value_name = "FILE")]
    pub tailscale_status: Option<PathBuf>,
    /// Pins of nix-openclaw
    ///
    /// A checkout of it, or its folder nix/generated/openclaw-runtime-plugins. They are compared with the lock.
    #[arg(long, value_name = "DIR")]
    pub nix_pins: Option<PathBuf>,
}

impl GivenArgs {
    /// As the library takes them.
    pub(crate) fn files(&self) -> MachineFiles {
        let mut files = MachineFiles::default();
        files.compose.clone_from(&self.compose);
        files.docker_inspect.clone_from(&self.docker_inspect);
        files.docker_daemon.clone_from(&self.docker_daemon);
        files.tailscale_status.clone_from(&self.tailscale_status);
        files.nix_pins.clone_from(&self.nix_pins);
        files
    }
}
