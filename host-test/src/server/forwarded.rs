//! Who a request is from, behind a proxy that the operator trusts.

use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::sender::Sender;

/// The header in which each proxy adds the address that it was called from, at the end.
const HEADER: &str = "x-forwarded-for";

/// The addresses of a proxy that says the truth about its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl TrustedProxy {
    /// This computer.
    pub const LOOPBACK: [Self; 2] = [
        Self(IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8))),
        Self(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128))),
    ];
}

impl FromStr for TrustedProxy {
    type Err = AddrParseError;

    /// Reads `ADDRESS` or `ADDRESS/BITS`.
    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        match text.parse() {
            Ok(network) => Ok(Self(network)),
            Err(_) => text.parse::<IpAddr>().map(|address| Self(address.into())),
        }
    }
}

/// Whether an address is one of a trusted proxy.
pub fn is_trusted(address: IpAddr, proxies: &[TrustedProxy]) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|proxy| proxy.0.contains(&address))
}

/// The sender of a request that came from `peer`: the last address of the header that is no trusted proxy's. Anybody
/// can write the header, so it counts only as far as trusted proxies have written it.
pub fn sender(peer: IpAddr, headers: &HeaderMap, proxies: &[TrustedProxy]) -> Sender {
    let values = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok());
    let written: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    let mut written = written.into_iter().rev();
    let mut address = peer;
    while is_trusted(address, proxies) {
        let Some(before) = written.next().and_then(address_of) else { break };
        address = before;
    }
    address.into()
}

/// An address as proxies write it: some add the port.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_counts_as_far_as_trusted_proxies_wrote_it() {
        let proxies = ["10.0.0.1", "172.16.0.0/12", "2001:db8::/32"];
        let proxies = proxies.map(|text| text.parse::<TrustedProxy>().unwrap());
        for (peer, header, sender_of) in [
            // Forged: the peer is no proxy.
            ("192.0.2.1", &["198.51.100.1"][..], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What the sender wrote itself stands before what the proxy added.
            ("10.0.0.1", &["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.1, 172.20.1.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("2001:db8::1", &["[2001:db9::1]:4711"], "2001:db9::"),
            // Without an address of somebody else it is the proxy's own.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["172.20.1.1"], "172.20.1.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in header {
                headers.append(HEADER, value.parse().unwrap());
            }
            let expected = Sender::from(sender_of.parse::<IpAddr>().unwrap());
            let found = sender(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(found, expected, "{peer} {header:?}");
        }
        for wrong in ["", "10.0.0.1/33", "proxy.example.com", "10.0.0.1:80"] {
            assert!(wrong.parse::<TrustedProxy>().is_err(), "{wrong}");
        }
    }
}
