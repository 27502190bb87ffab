//! The limits of reconciliation and of what is stored. Each number is our own choice.

use clap::Args;

use crate::limit::at_least_one;

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
