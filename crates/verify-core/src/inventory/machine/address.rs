//! Where the gateway listens, and how far an address reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Machine;
use super::given::Served;
use super::units::Said;

/// Where the gateway would listen by its config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    /// Only on the machine itself.
    Loopback,
    /// Only in the private network of Tailscale, or on the machine itself where there is none.
    Tailnet,
    /// On this address, which others can reach.
    Exposed(String),
    /// It depends on what no file says.
    Unknown(String),
}

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The machine itself.
    Loopback,
    /// A private network.
    Private,
    /// Anywhere.
    Public,
    /// It is a name, which anything can stand behind.
    Name,
}

impl Machine {
    /// Where the gateway would listen, and the unit that says so, where it is not the config. An option on the command line of a unit
    /// wins over the config; of several the widest counts. [S `resolveGatewayBindHost`]
    pub(crate) fn bound(&self) -> (Bind, Option<&Said>) {
        let modes = self.modes("gateway.bind", |service| service.bind.as_ref());
        let all = modes.into_iter().map(|mode| {
            let bind = match (mode.value.as_deref(), self.at("gateway.bind")) {
                (Some(bind), _) => self.bind_of(bind),
                (None, None) if mode.by.is_none() => Bind::Loopback,
                (None, _) => Bind::Unknown("no file gives the value of gateway.bind".to_owned()),
            };
            (bind, mode.by)
        });
        let widest = all.max_by_key(|(bind, _)| match bind {
            Bind::Loopback => 0,
            Bind::Tailnet => 1,
            Bind::Unknown(_) => 2,
            Bind::Exposed(_) => 3,
        });
        widest.unwrap_or((Bind::Loopback, None))
    }

    /// Where the gateway would listen.
    pub(crate) fn bind(&self) -> Bind {
        self.bound().0
    }

    fn bind_of(&self, bind: &str) -> Bind {
        match bind {
            "loopback" => Bind::Loopback,
            "lan" => Bind::Exposed(Ipv4Addr::UNSPECIFIED.to_string()),
            "tailnet" => Bind::Tailnet,
            "auto" => Bind::Unknown("auto is 0.0.0.0 in a container, else 127.0.0.1".to_owned()),
            // Whatever is no IPv4 address falls back to all of them.
            "custom" => match self.custom_host() {
                Some(host) if host.is_loopback() => Bind::Loopback,
                Some(host) => Bind::Exposed(host.to_string()),
                None => Bind::Exposed(Ipv4Addr::UNSPECIFIED.to_string()),
            },
            _ => Bind::Unknown("OpenClaw knows no such gateway.bind".to_owned()),
        }
    }

    fn custom_host(&self) -> Option<Ipv4Addr> {
        self.text("gateway.customBindHost")?.parse().ok()
    }

    /// Whether others than the machine itself can reach the gateway, by its config or by what was seen: what could be so counts.
    pub(crate) fn is_exposed(&self) -> bool {
        let modes = self.tailscale_modes();
        let served = modes.iter().any(|mode| match &mode.value {
            Some(value) => value != "off",
            None => mode.by.is_some(),
        });
        let seen = self.listens_wide() || !self.served().is_empty();
        served || seen || !matches!(self.bind(), Bind::Loopback)
    }

    /// What Tailscale said that it serves and that leads to the gateway, with the target of each.
    pub(crate) fn served(&self) -> Vec<(&Served, &str)> {
        let ports = self.ports();
        let all = self.given().served.iter().flatten();
        all.filter_map(|served| Some((served, served.leading_to(&ports)?)))
            .collect()
    }

    /// Whether a gateway was seen that listens beyond this machine.
    pub(crate) fn listens_wide(&self) -> bool {
        let mut listens = self.gateways().iter().flat_map(|gateway| &gateway.listens);
        listens.any(|(address, _)| !address.is_loopback())
    }
}

/// The host of an address with a scheme: without user info, port and brackets.
pub(crate) fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(host) => host.split(']').next(),
        None => host.split(':').next(),
    }
    .filter(|host| !host.is_empty())
}

/// How far the host of an address is.
pub(crate) fn reach(host: &str) -> Reach {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let within = |suffix: &str| host.ends_with(suffix);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => reach_of_v4(address),
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => reach_of_v4(address),
            None => reach_of_v6(address),
        },
        Err(_) if host == "localhost" || within(".localhost") => Reach::Loopback,
        Err(_)
            if within(".ts.net")
                || within(".local")
                || within(".internal")
                || within(".home.arpa") =>
        {
            Reach::Private
        }
        Err(_) => Reach::Name,
    }
}

fn reach_of_v4(address: Ipv4Addr) -> Reach {
    let [a, b, ..] = address.octets();
    // Of carriers and Tailscale.
    let shared = a == 100 && (64..128).contains(&b);
    if address.is_loopback() {
        Reach::Loopback
    } else if address.is_private() || address.is_link_local() || shared {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_of_v6(address: Ipv6Addr) -> Reach {
    if address.is_loopback() {
        Reach::Loopback
    } else if address.is_unique_local() || address.is_unicast_link_local() {
        Reach::Private
    } else {
        Reach::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_how_far_they_are() {
        for (url, host, far) in [
            ("ws://127.0.0.1:18789", "127.0.0.1", Reach::Loopback),
            ("http://[::1]:8080/x", "::1", Reach::Loopback),
            ("http://localhost", "localhost", Reach::Loopback),
            ("http://u:p@192.168.1.2/", "192.168.1.2", Reach::Private),
            ("http://100.100.1.1", "100.100.1.1", Reach::Private),
            ("http://[fd00::1]", "fd00::1", Reach::Private),
            (
                "http://box.tail1.ts.net",
                "box.tail1.ts.net",
                Reach::Private,
            ),
            ("ws://203.0.113.5", "203.0.113.5", Reach::Public),
            (
                "ws://[::ffff:203.0.113.5]",
                "::ffff:203.0.113.5",
                Reach::Public,
            ),
            ("http://example.org", "example.org", Reach::Name),
        ] {
            assert_eq!(host_of(url), Some(host), "{url}");
            assert_eq!(reach(host), far, "{url}");
        }
        assert_eq!(host_of("nothing"), None);
        assert_eq!(host_of("http://"), None);
    }
}
