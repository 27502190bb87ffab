//! The limits of requests to providers. Each number is our own choice.

use clap::Args;

use crate::limit::at_least_one;

/// How much the requests of calls may use.
#[derive(Args, Clone, Copy, Debug)]
pub struct RequestLimits {
    /// The responses that one call holds at the same time, in MiB
    #[arg(long, value_name = "MIB", default_value_t = Self::DEFAULT.call_bytes,
        value_parser = at_least_one::<u32>)]
    pub call_bytes: u32,
    /// Requests of one call at the same time; further ones wait
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.requests_at_once,
        value_parser = at_least_one::<u32>)]
    pub requests_at_once: u32,
    /// Requests of one installation in a minute
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.requests_per_minute,
        value_parser = at_least_one::<u32>)]
    pub requests_per_minute: u32,
}

impl RequestLimits {
    const DEFAULT: Self = Self { call_bytes: 16, requests_at_once: 16, requests_per_minute: 3000 };
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
