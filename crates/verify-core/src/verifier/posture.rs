//! How the machine is set up, judged, and the checklist that is made of it.

use super::{Case, Scope, Verifier};
use crate::error::{Error, Input, Result};
use crate::evidence::Evidences;
use crate::finding::Level;
use crate::inventory::machine::Machine;
use crate::inventory::machine::agents::SandboxMode;
use crate::inventory::{self, Inventory};
use crate::lock::Lock;
use crate::report::checklist::{LookedAt, NotChecked};
use crate::report::{Checklist, Report};
use crate::rules::{self, Stage};

impl Verifier {
    /// Judges how the machine is set up around the installation. Needs no lock, and says nothing about what is installed.
    ///
    /// # Errors
    /// When there is no state directory, or its config cannot be read at all.
    pub fn posture(&self) -> Result<Report> {
        Ok(self.posture_of(&self.machine()?))
    }

    /// The guide's points, each with what the report about the machine says of it, and the one about what is installed where there is a
    /// lock. Also gives these reports. `worded` puts the words of the caller's commands into a report.
    ///
    /// # Errors
    /// As [`Self::posture`].
    pub fn checklist(
        &self,
        worded: impl Fn(&Report) -> Report,
    ) -> Result<(Checklist, Vec<Report>)> {
        let inventory = self.machine()?;
        let machine = worded(&self.posture_of(&inventory));
        let installed = match &self.lock {
            None => Err(NotChecked::NoLock),
            Some(_) => self
                .check(&Scope::Everything)
                .map(|report| worded(&report))
                .map_err(NotChecked::Incomplete),
        };
        let looked = self.looked_at(&inventory);
        let checklist = Checklist::of(&machine, installed.as_ref(), &looked);
        Ok((
            checklist,
            std::iter::once(machine).chain(installed).collect(),
        ))
    }

    /// What was looked at, so that silence about it means something.
    fn looked_at(&self, inventory: &Inventory) -> LookedAt {
        let silenced = rules::catalogue().iter().map(|rule| rule.id).filter(|id| {
            let flag = self.options.levels.iter().rev().find(|(of, _)| of == id);
            let level = flag.map(|(_, level)| *level);
            let level = level.or_else(|| self.policy.level(id).map(|(level, _)| level));
            level == Some(Level::Allow)
        });
        let silenced = silenced.collect();
        let Some(machine) = &inventory.machine else {
            return LookedAt {
                silenced,
                ..LookedAt::default()
            };
        };
        let encrypted = machine.mount().filter(|mount| mount.encrypted);
        LookedAt {
            config: machine
                .whole_config()
                .map(|file| format!("the effective config ({file})")),
            sandboxed: machine
                .agents()
                .iter()
                .any(|agent| agent.sandbox_mode() != SandboxMode::Off),
            files: machine.files().map(|files| {
                format!(
                    "files, owners, and every folder above, as uid {} may see them",
                    rustix::process::geteuid().as_raw()
                ) + &if files.cut.is_empty() {
                    String::new()
                } else {
                    ", in part".to_owned()
                }
            }),
            encrypted: encrypted
                .map(|mount| format!("dm-crypt below {} ({})", mount.at, mount.kind)),
            process: seen_gateway(machine),
            tunnel: match machine.given().named("tailscale-status") {
                Some(file) => Some(format!("{file}, as Tailscale said when it was written")),
                None => machine.without_tailscale().map(str::to_owned),
            },
            confined: machine
                .gateways()
                .iter()
                .find_map(|gateway| gateway.confined.as_ref())
                .map(|label| format!("the kernel names the running gateway {label}")),
            unit: match machine.services() {
                [] => None,
                all => {
                    let names: Vec<&str> = all
                        .iter()
                        .map(|service| service.shown.as_str())
                        .take(5)
                        .collect();
                    Some(names.join(", "))
                }
            },
            container: machine.given().containers_in_words(),
            kernel: machine.given().kernel(),
            template: machine
                .repositories()
                .unwrap_or_default()
                .iter()
                .find_map(|repository| repository.templates.first())
                .map(|file| format!("{file} holds no real value")),
            silenced,
        }
    }

    /// How the machine is set up, not judged.
    fn machine(&self) -> Result<Inventory> {
        let options = self.inventory_options().ok_or_else(|| {
            Error::needs(
                "how the machine is set up can only be judged where OpenClaw is installed",
                "name OpenClaw's state directory",
                Input::StateDir,
            )
        })?;
        inventory::machine::read(&options)
    }

    fn posture_of(&self, inventory: &Inventory) -> Report {
        // Only pins of others are compared with it; what is installed is not judged here.
        let (none, scope) = (Lock::default(), Scope::Everything);
        let lock = self.lock.as_ref().unwrap_or(&none);
        let case = Case::new(Stage::Host, inventory, lock, &scope);
        self.report(&case, &Evidences::default())
    }
}

/// The running gateway in words, where one was seen with a socket.
fn seen_gateway(machine: &Machine) -> Option<String> {
    let seen: Vec<String> = machine
        .gateways()
        .iter()
        .filter(|gateway| gateway.uid.is_some() && !gateway.listens.is_empty())
        .map(|gateway| {
            let listens: Vec<String> = gateway
                .listens
                .iter()
                .map(|(address, port)| std::net::SocketAddr::new(*address, *port).to_string())
                .collect();
            let uid = gateway.uid.unwrap_or_default();
            format!(
                "a running gateway as uid {uid} on {}",
                listens.join(" and ")
            )
        })
        .collect();
    (!seen.is_empty()).then(|| seen.join("; "))
}
