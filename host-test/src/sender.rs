//! Who sends deliveries: an address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whoever sends deliveries from one IPv4 address, or from one IPv6 network of 64 bits: a single customer of a network
/// is given all addresses of such a one. The default has no address: it is nobody at the door, such as a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sender(IpAddr);

/// An IPv6 network of 48 bits, which one customer can be given: it has 65,536 senders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site(u128);

impl Sender {
    /// The site that a sender is of. None: it has an IPv4 address.
    #[must_use]
    pub fn site(self) -> Option<Site> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(network) => Some(Site(network.to_bits() >> (128 - 48))),
        }
    }
}

impl From<IpAddr> for Sender {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl Default for Sender {
    fn default() -> Self {
        Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(formatter, "{address}"),
            IpAddr::V6(network) => write!(formatter, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_of_64_bits_is_one_sender() {
        for (one, other, is_same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ] {
            let sender = |text: &str| Sender::from(text.parse::<IpAddr>().unwrap());
            assert_eq!(sender(one) == sender(other), is_same, "{one} {other}");
        }
        let site = |text: &str| Sender::from(text.parse::<IpAddr>().unwrap()).site();
        assert_eq!(site("2001:db8:0:1::1"), site("2001:db8:0:ffff::1"));
        assert_ne!(site("2001:db8:0:1::1"), site("2001:db8:1:1::1"));
        assert_eq!(site("192.0.2.1"), None);
        let network: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(Sender::from(network).to_string(), "2001:db8:0:1::/64");
    }
}
