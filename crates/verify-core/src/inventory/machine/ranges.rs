//! Ranges of addresses, and what several of them are together.

use std::net::{IpAddr, Ipv4Addr};

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    /// Of IPv6.
    is_v6: bool,
    /// The first address; one of IPv4 in the upper 32 bits.
    first: u128,
    /// How many bits they share.
    bits: u8,
}

impl Range {
    /// A range as it is written: `10.0.0.0/8`, or one address. None for anything else.
    pub(crate) fn of(written: &str) -> Option<Self> {
        let (address, bits) = match written.split_once('/') {
            Some((address, bits)) => (address, Some(bits.trim().parse::<u8>().ok()?)),
            None => (written, None),
        };
        match address.trim().parse::<IpAddr>().ok()? {
            IpAddr::V4(address) => Self::v4(address, bits.unwrap_or(32)),
            // An IPv4 range in the form of IPv6: its last 32 bits count.
            IpAddr::V6(address) => match (address.to_ipv4_mapped(), bits.unwrap_or(128)) {
                (Some(address), bits @ 96..) => Self::v4(address, bits - 96),
                (_, bits) => Self::new(true, u128::from(address), bits, 128),
            },
        }
    }

    fn v4(address: Ipv4Addr, bits: u8) -> Option<Self> {
        Self::new(false, u128::from(u32::from(address)) << 96, bits, 32)
    }

    fn new(is_v6: bool, address: u128, bits: u8, most: u8) -> Option<Self> {
        (bits <= most).then(|| Self {
            is_v6,
            first: address & mask(bits),
            bits,
        })
    }

    /// How many bits its addresses share.
    pub(crate) fn bits(self) -> u8 {
        self.bits
    }

    /// Whether its addresses are of IPv6.
    pub(crate) fn is_v6(self) -> bool {
        self.is_v6
    }

    /// Whether a range lies in this one.
    pub(crate) fn holds(self, other: Self) -> bool {
        let same = other.first & mask(self.bits) == self.first;
        self.is_v6 == other.is_v6 && self.bits <= other.bits && same
    }

    /// It with the range beside it that has the same bits but for the last.
    fn with_neighbour(self, other: Self) -> Option<Self> {
        let bits = self.bits.checked_sub(1)?;
        let above = Self {
            first: self.first & mask(bits),
            bits,
            ..self
        };
        let same = self.bits == other.bits && self != other;
        (same && above.holds(other)).then_some(above)
    }

    /// The share of all addresses of its kind, in parts of 2^32 (rounded down).
    fn share(self) -> u64 {
        (1_u64 << 32) >> u32::from(self.bits).min(63)
    }
}

/// As many bits as are shared, from above.
fn mask(bits: u8) -> u128 {
    let rest = 128_u32.saturating_sub(u32::from(bits));
    u128::MAX.checked_shl(rest).unwrap_or(0)
}

/// The fewest ranges that hold the same addresses, sorted.
pub(crate) fn together(ranges: impl IntoIterator<Item = Range>) -> Vec<Range> {
    let mut sorted: Vec<Range> = ranges.into_iter().collect();
    sorted.sort();
    let mut found: Vec<Range> = Vec::new();
    for range in sorted {
        if found.last().is_some_and(|last| last.holds(range)) {
            continue;
        }
        let mut range = range;
        while let Some(above) = found.last().and_then(|last| last.with_neighbour(range)) {
            found.pop();
            range = above;
        }
        found.push(range);
    }
    found
}

/// Whether ranges are half of all addresses of IPv4 or more, or all that IPv6 gives out (`2000::/3`).
pub(crate) fn are_most(ranges: &[Range]) -> bool {
    let share = |is_v6: bool| -> u64 {
        let of = ranges.iter().filter(|range| range.is_v6 == is_v6);
        of.map(|range| range.share()).sum()
    };
    let global = Range::of("2000::/3");
    share(false) >= 1 << 31
        || global.is_some_and(|global| ranges.iter().any(|range| range.holds(global)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    /// Its first address, as it is written.
    fn first(range: Range) -> IpAddr {
        match range.is_v6 {
            true => IpAddr::V6(Ipv6Addr::from(range.first)),
            false => IpAddr::V4(Ipv4Addr::from(
                u32::try_from(range.first >> 96).unwrap_or_default(),
            )),
        }
    }

    fn of(written: &[&str]) -> Vec<String> {
        let ranges = written.iter().filter_map(|range| Range::of(range));
        let all = together(ranges);
        all.iter()
            .map(|range| format!("{}/{}", first(*range), range.bits()))
            .collect()
    }

    #[test]
    fn ranges_side_by_side_are_one() {
        assert_eq!(of(&["0.0.0.0/1", "128.0.0.0/1"]), ["0.0.0.0/0"]);
        assert_eq!(of(&["::/1", "8000::/1"]), ["::/0"]);
        assert_eq!(
            of(&["10.0.1.0/24", "10.0.0.0/25", "10.0.0.128/25"]),
            ["10.0.0.0/23"]
        );
        assert_eq!(of(&["10.0.0.0/8", "10.1.2.3"]), ["10.0.0.0/8"]);
        assert_eq!(of(&["::ffff:10.0.0.0/104"]), ["10.0.0.0/8"]);
        // Side by side, and not of one range.
        assert_eq!(
            of(&["10.0.1.0/24", "10.0.2.0/24"]),
            ["10.0.1.0/24", "10.0.2.0/24"]
        );
        assert!(of(&["10.0.0.0/33", "::/129", "x/8", "10.0.0.0/", ""]).is_empty());
    }

    #[test]
    fn most_addresses_are_told_from_private_networks() {
        let most = |written: &[&str]| {
            let ranges = written.iter().filter_map(|range| Range::of(range));
            are_most(&together(ranges))
        };
        for wide in [
            &["0.0.0.0/0"] as &[&str],
            &["0.0.0.0/1"],
            &["0.0.0.0/2", "128.0.0.0/2"],
            &["::/0"],
            &["2000::/4", "3000::/4"],
        ] {
            assert!(most(wide), "{wide:?}");
        }
        for few in [
            &[] as &[&str],
            &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
            &["fc00::/7", "fe80::/10"],
            &["64.0.0.0/2"],
        ] {
            assert!(!most(few), "{few:?}");
        }
    }
}
