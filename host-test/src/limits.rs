//! The limits of a host: what each is called, and what it allows unless a flag of `serve` says otherwise.

use std::str::FromStr;

use clap::Args;

use crate::egress::RequestLimits;
use crate::marketplace::WorkLimits;
use crate::plugin::CallLimits;
use crate::server::DoorLimits;

/// Every limit of a host that an operator may change. Those that the contract promises to plugins are constants.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Of the public door.
    #[command(flatten)]
    pub door: DoorLimits,
    /// Of calls to plugins.
    #[command(flatten)]
    pub calls: CallLimits,
    /// Of requests to providers.
    #[command(flatten)]
    pub requests: RequestLimits,
    /// Of reconciliation, and of what is stored.
    #[command(flatten)]
    pub work: WorkLimits,
}

impl Limits {
    /// No more connections than half of the files that the process may have open, and no more requests than a quarter:
    /// the ledger, the control listener and the idle connections to providers need files too. Our own choice.
    #[must_use]
    pub fn within_open_files(mut self, files: usize) -> Self {
        let a_quarter = u32::try_from(files / 4).unwrap_or(u32::MAX);
        self.door.connections = self.door.connections.min(files / 2);
        self.requests.requests = self.requests.requests.min(a_quarter);
        self
    }
}

/// A number that is at least one: with none of it the host could do nothing.
pub(crate) fn at_least_one<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = text.parse::<T>().ok().filter(|number| *number >= T::from(1));
    number.ok_or_else(|| "give a number that is at least 1".to_owned())
}

/// A limit, by the name of its flag. Errors, the log and the metrics use the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Connections to the public door.
    Connections,
    /// Deliveries that are processed at the same time.
    Deliveries,
    /// Large bodies that are held at the same time.
    LargeBodies,
    /// Deliveries of one sender in a minute that were not verified.
    UnverifiedPerSender,
    /// Requests in a minute for the deliveries of one sender that are not verified.
    HintsPerSender,
    /// Requests in a minute for the deliveries of one installation that are not verified.
    HintsPerInstallation,
    /// Calls that run at the same time.
    Places,
    /// Calls that wait for a place.
    Queue,
    /// The memory of all calls together.
    Memory,
    /// The responses that one call holds at the same time.
    CallBytes,
    /// Requests of one call at the same time.
    RequestsAtOnce,
    /// Requests of all calls at the same time.
    Requests,
    /// Requests of one installation in a minute.
    RequestsPerMinute,
    /// Pages of a round of reconciliation.
    PagesPerRound,
    /// Events of a round of reconciliation.
    RowsPerRound,
    /// Pages of one listing.
    PagesPerListing,
    /// Events that wait for their payment.
    EarlyEvents,
}

impl Limit {
    /// The name of its flag, without the dashes before it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Deliveries => "deliveries",
            Self::LargeBodies => "large-bodies",
            Self::UnverifiedPerSender => "unverified-per-sender",
            Self::HintsPerSender => "hints-per-sender",
            Self::HintsPerInstallation => "hints-per-installation",
            Self::Places => "places",
            Self::Queue => "queue",
            Self::Memory => "memory",
            Self::CallBytes => "call-bytes",
            Self::RequestsAtOnce => "requests-at-once",
            Self::Requests => "requests",
            Self::RequestsPerMinute => "requests-per-minute",
            Self::PagesPerRound => "pages-per-round",
            Self::RowsPerRound => "rows-per-round",
            Self::PagesPerListing => "pages-per-listing",
            Self::EarlyEvents => "early-events",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn connections_and_requests_leave_files_to_the_rest() {
        for (files, connections, requests) in
            [(64, 32, 16), (256, 128, 64), (4096, 2048, 128), (usize::MAX, 2048, 128)]
        {
            let limits = Limits::default().within_open_files(files);
            let bounded = (limits.door.connections, limits.requests.requests);
            assert_eq!(bounded, (connections, requests), "{files} files");
        }
        let mut own = Limits::default();
        (own.door.connections, own.requests.requests) = (8, 4);
        let bounded = own.within_open_files(256);
        assert_eq!((bounded.door.connections, bounded.requests.requests), (8, 4));
    }

    #[test]
    fn limit_without_a_flag_is_the_default() {
        let parsed = Command::parse_from(["serve"]).limits;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Limits::default()));
    }
}
