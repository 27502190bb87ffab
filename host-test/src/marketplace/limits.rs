//! The limits of the use cases. Each number is our own choice, but the requests of an installation for deliveries that
//! are not verified: their number is the contract's.

use clap::Args;

use crate::egress::RequestLimits;
use crate::limit::at_least_one;

/// The limits of a marketplace.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct MarketplaceLimits {
    /// Of requests to providers.
    #[command(flatten)]
    pub requests: RequestLimits,
    /// Of deliveries that are not verified.
    #[command(flatten)]
    pub unverified: UnverifiedLimits,
    /// Of reconciliation, and of what is stored.
    #[command(flatten)]
    pub work: WorkLimits,
}

/// How much is done for deliveries that are not verified: anyone can send them.
#[derive(Args, Clone, Copy, Debug)]
pub struct UnverifiedLimits {
    /// Deliveries of one sender in a minute that are not verified, before it has only a few places
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.unverified_per_sender)]
    pub unverified_per_sender: u32,
    /// Requests in a minute for the deliveries of one installation that are not verified
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.hints_per_installation)]
    pub hints_per_installation: u32,
    /// Of these, requests for the deliveries of one sender
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.hints_per_sender)]
    pub hints_per_sender: u32,
}

impl UnverifiedLimits {
    const DEFAULT: Self =
        Self { unverified_per_sender: 60, hints_per_installation: 60, hints_per_sender: 20 };
}

impl Default for UnverifiedLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How much a round of reconciliation does, and how much is stored of what may be needed later.
#[derive(Args, Clone, Copy, Debug)]
pub struct WorkLimits {
    /// Pages of events that a round of the background lists for an installation
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.pages_per_round,
        value_parser = at_least_one::<u32>)]
    pub pages_per_round: u32,
    /// Events that a round of the background lists for an installation
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.rows_per_round,
        value_parser = at_least_one::<u32>)]
    pub rows_per_round: u32,
    /// Pages after which a listing that does not end is given up
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.pages_per_listing,
        value_parser = at_least_one::<u32>)]
    pub pages_per_listing: u32,
    /// Events of an installation that wait for their payment; the oldest are deleted first
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.early_events,
        value_parser = at_least_one::<u32>)]
    pub early_events: u32,
}

impl WorkLimits {
    const DEFAULT: Self = Self {
        pages_per_round: 20,
        rows_per_round: 2000,
        pages_per_listing: 5000,
        early_events: 1000,
    };
}

impl Default for WorkLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
