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
    /// A range as it is written: `10.0.0.0/8`, or one address, in every form that OpenClaw reads. None for anything else.
    pub(crate) fn of(written: &str) -> Option<Self> {
        let (address, bits) = match written.rsplit_once('/') {
            Some((address, bits)) => (address, Some(bits.trim().parse::<u8>().ok()?)),
            None => (written, None),
        };
        match address_of(address.trim())? {
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

/// An address in every form that ipaddr.js reads, by which OpenClaw compares: beside the usual ones those of inet_aton(3), groups of IPv6
/// with zeros before them, and zones.
fn address_of(written: &str) -> Option<IpAddr> {
    if !written.contains(':') {
        return of_aton(written).map(IpAddr::V4);
    }
    let (written, _) = written.split_once('%').unwrap_or((written, ""));
    let (head, tail) = written.rsplit_once(':')?;
    let group = |group: &str| match group.trim_start_matches('0') {
        "" if !group.is_empty() => "0".to_owned(),
        short => short.to_owned(),
    };
    let tail = match tail.contains('.') {
        // Here its numbers are decimal, whatever zeros they have. [ipaddr.js `IPv6.parser`]
        true => tail.split('.').map(group).collect::<Vec<_>>().join("."),
        false => group(tail),
    };
    let head: Vec<String> = head.split(':').map(group).collect();
    let address = format!("{}:{tail}", head.join(":"));
    address.parse().ok().map(IpAddr::V6)
}

/// One to four numbers, decimal, octal or hexadecimal, of which the last fills what is left. [inet_aton(3), ipaddr.js `IPv4.parser`]
fn of_aton(written: &str) -> Option<Ipv4Addr> {
    let mut numbers: Vec<u32> = written.split('.').map(number).collect::<Option<_>>()?;
    let last = numbers.pop()?;
    let left = 4_usize
        .checked_sub(numbers.len())
        .filter(|left| *left > 0)?;
    let (mut address, mut shift) = (0_u32, 32_u32);
    for number in numbers {
        shift -= 8;
        address |= u8::try_from(number).map(u32::from).ok()? << shift;
    }
    let most = u32::MAX >> (32 - 8 * u32::try_from(left).ok()?);
    (last <= most).then(|| Ipv4Addr::from(address | last))
}

fn number(written: &str) -> Option<u32> {
    let hexadecimal = written
        .strip_prefix("0x")
        .or_else(|| written.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
        return plain.then(|| u32::from_str_radix(digits, 16).ok())?;
    }
    if written.is_empty() || !written.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let Some(rest) = written.strip_prefix('0') else {
        return written.parse().ok();
    };
    // Digits that are not octal end it there.
    let octal = rest.split(['8', '9']).next().unwrap_or_default();
    match octal {
        "" => Some(0),
        octal => u32::from_str_radix(octal, 8).ok(),
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
    fn ranges_in_other_forms_of_an_address_are_the_same() {
        for (written, same) in [
            ("0/0", "0.0.0.0/0"),
            ("0x0/0", "0.0.0.0/0"),
            ("00.0.0.0/0", "0.0.0.0/0"),
            ("0.0/0", "0.0.0.0/0"),
            ("167772160/8", "10.0.0.0/8"),
            ("0x0A000000/8", "10.0.0.0/8"),
            ("012.1/8", "10.0.0.0/8"),
            ("10.0x10000/16", "10.1.0.0/16"),
            ("::00.0.0.0/0", "::/0"),
            ("::%eth0/0", "::/0"),
            ("0000000::/0", "::/0"),
            ("::ffff:010.0.0.0/104", "10.0.0.0/8"),
            ("00fd00::0001/8", "fd00::/8"),
        ] {
            assert_eq!(of(&[written]), [same], "{written}");
        }
        for none in [
            "256.0.0.0/8",
            "1.2.3.4.5/8",
            "4294967296/0",
            "0x/0",
            "1..2/8",
            "+1/8",
            ":/0",
        ] {
            assert!(of(&[none]).is_empty(), "{none}");
        }
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
