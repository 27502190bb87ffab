//! The two listeners: the public door, which takes deliveries, and the control listener, for everything else.

mod answer;
mod body;
mod connections;
pub mod control;
mod forwarded;
mod lane;
mod limits;
mod open_connections;
pub mod open_files;
mod polled_again;
mod public;

use std::net::IpAddr;

pub use forwarded::TrustedProxy;
pub use limits::DoorLimits;
pub use public::serve;

/// What a listener takes, and from whom.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// How much it takes.
    pub limits: DoorLimits,
    /// The proxies that say the truth about who has sent a request.
    pub trusted_proxies: Vec<TrustedProxy>,
}

impl From<DoorLimits> for Door {
    fn from(limits: DoorLimits) -> Self {
        Self { limits, trusted_proxies: Vec::new() }
    }
}

/// The other end of the connection of a request.
#[derive(Clone, Copy)]
struct Peer(IpAddr);
