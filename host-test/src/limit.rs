//! The names of the limits, which their flags, errors, the log and the metrics share.

use std::str::FromStr;

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
