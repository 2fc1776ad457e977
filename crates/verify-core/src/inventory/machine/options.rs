//! Modes of the gateway that the command line of a unit can say in place of the config.

use std::path::Path;

use super::Machine;
use super::units::{Said, Service};

/// A mode in which a gateway is started.
pub(crate) struct Mode<'a> {
    /// The mode; none where nothing says it, or a variable does that no file gives.
    pub(crate) value: Option<String>,
    /// The option that says it; none where the config does.
    pub(crate) by: Option<&'a Said>,
}

impl Machine {
    /// Modes of `gateway.auth.mode`. [S `authOverride`]
    pub(crate) fn auth_modes(&self) -> Vec<Mode<'_>> {
        self.modes("gateway.auth.mode", |service| service.auth.as_ref())
    }

    /// Modes of `gateway.tailscale.mode`. [S `effectiveTailscaleMode`]
    pub(crate) fn tailscale_modes(&self) -> Vec<Mode<'_>> {
        self.modes("gateway.tailscale.mode", |service| {
            service.tailscale.as_ref()
        })
    }

    /// Units that may start the gateway with options that they do not show, and why.
    pub(crate) fn hidden_options(&self) -> Vec<(&Service, &str)> {
        let all = self.gateway_services();
        all.filter_map(|service| Some((service, service.hidden.as_deref()?)))
            .collect()
    }

    /// Units that start the gateway with another config than the one that is judged, and that config.
    pub(crate) fn other_configs(&self) -> Vec<(&Service, &Path)> {
        let all = self.gateway_services();
        all.filter_map(|service| Some((service, service.config.as_deref()?)))
            .collect()
    }

    /// Units that start the gateway, and not another command of OpenClaw.
    pub(crate) fn gateway_services(&self) -> impl Iterator<Item = &Service> + Clone {
        self.services().iter().filter(|service| service.is_gateway)
    }

    /// The mode of each unit that has the option, and that of the config unless all have it.
    pub(super) fn modes<'a>(
        &'a self,
        key: &str,
        of: impl Fn(&'a Service) -> Option<&'a Said>,
    ) -> Vec<Mode<'a>> {
        let mut found: Vec<Mode<'a>> = self
            .gateway_services()
            .filter_map(|service| {
                let said = of(service)?;
                let known = !said.value.contains(['$', '%']);
                Some(Mode {
                    value: known.then(|| said.value.trim().to_owned()),
                    by: Some(said),
                })
            })
            .collect();
        let units = self.gateway_services().count();
        if units == 0 || found.len() < units {
            found.push(Mode {
                value: self.text(key),
                by: None,
            });
        }
        found
    }
}
