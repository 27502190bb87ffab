//! Which addresses are on the public internet.
//!
//! Source: IANA's registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890), and that of the address space
//! of IPv6, of which only `2000::/3` is in use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    // This network.
    v4(0, 0, 0, 8),
    // Private.
    v4(10, 0, 0, 8),
    v4(172, 16, 0, 12),
    v4(192, 168, 0, 16),
    // Shared between a carrier and its customers.
    v4(100, 64, 0, 10),
    // Loopback.
    v4(127, 0, 0, 8),
    // Link-local: clouds answer there with credentials.
    v4(169, 254, 0, 16),
    // Protocol assignments.
    v4(192, 0, 0, 24),
    // Documentation.
    v4(192, 0, 2, 24),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    // Relays of 6to4, which are no longer in use.
    v4(192, 88, 99, 24),
    // Benchmarking.
    v4(198, 18, 0, 15),
    // Multicast.
    v4(224, 0, 0, 4),
    // Reserved, and broadcast.
    v4(240, 0, 0, 4),
];

/// The only part of the address space that is in use for public addresses.
const UNICAST_V6: Ipv6Net = v6(0x2000, 0, 3);

/// What of it is not public.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    // Protocol assignments: Teredo, benchmarking, ORCHID and others.
    v6(0x2001, 0, 23),
    // Documentation.
    v6(0x2001, 0xdb8, 32),
    v6(0x3fff, 0, 20),
    // 6to4: an IPv4 address is inside, and a relay would send to it.
    v6(0x2002, 0, 16),
];

/// The prefix of NAT64. A host without IPv4 reaches every IPv4 address by it.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// Whether an address is on the public internet. An IPv4 address inside an IPv6 address decides, if that is how hosts
/// without IPv4 reach it; every other form of it is not public.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match inside(v6) {
            Some(v4) => is_public_v4(v4),
            None => UNICAST_V6.contains(&v6) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&v6)),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|net| net.contains(&address))
}

/// The IPv4 address that a connection to an IPv6 address reaches.
fn inside(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let nat64 = NAT64.contains(&address).then_some(Ipv4Addr::new(a, b, c, d));
    address.to_ipv4_mapped().or(nat64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        let rows = [
            ("1.1.1.1", true),
            ("9.255.255.255", true),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.0.1.0", true),
            ("198.17.255.255", true),
            ("223.255.255.255", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.0", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("127.255.255.255", false),
            ("169.254.169.254", false),
            ("172.16.0.0", false),
            ("172.31.255.255", false),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.18.0.0", false),
            ("198.19.255.255", false),
            ("198.51.100.7", false),
            ("203.0.113.7", false),
            ("224.0.0.1", false),
            ("239.255.255.255", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700:4700::1111", true),
            ("2a00:1450:4001::200e", true),
            ("2400::1", true),
            ("::", false),
            ("::1", false),
            // Compatible, mapped and translated IPv4.
            ("::127.0.0.1", false),
            ("::1.1.1.1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:1.1.1.1", true),
            ("::ffff:0:1.1.1.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b::101:101", true),
            ("64:ff9b:1::101:101", false),
            ("2002:7f00:1::", false),
            ("2002:101:101::1", false),
            ("2001::1", false),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", false),
            ("2001:2::1", false),
            ("2001:10::1", false),
            ("2001:20::1", false),
            ("2001:1ff::1", false),
            ("2001:200::1", true),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("3fff:1000::1", true),
            ("100::1", false),
            ("4000::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("fdff::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ];
        for (address, expected) in rows {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn mapped_address_is_judged_by_the_one_inside(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(is_public(v4.into()), is_public(v4.to_ipv6_mapped().into()));
        }

        #[test]
        fn public_address_has_no_property_that_the_standard_library_knows(bits: u128) {
            let (v4, v6) = (Ipv4Addr::from_bits((bits >> 96) as u32), Ipv6Addr::from_bits(bits));
            let is_special = v4.is_private() || v4.is_loopback() || v4.is_link_local()
                || v4.is_multicast() || v4.is_broadcast() || v4.is_documentation();
            prop_assert!(!(is_special && is_public(v4.into())));
            let is_special = v6.is_multicast() || v6.is_loopback() || v6.is_unspecified()
                || v6.is_unique_local() || v6.is_unicast_link_local();
            prop_assert!(!(is_special && is_public(v6.into())));
        }
    }
}
