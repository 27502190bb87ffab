//! The limits of what all calls share. Each number is our own choice.

use clap::Args;

use crate::limit::at_least_one;

/// How much the calls of all installations use together.
#[derive(Args, Clone, Copy, Debug)]
pub struct ResourceLimits {
    /// Calls that run at the same time, at most 64
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.places,
        value_parser = clap::value_parser!(u32).range(1..=64))]
    pub places: u32,
    /// Calls that wait for a place
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.queue,
        value_parser = at_least_one::<u32>)]
    pub queue: u32,
    /// The memory of all calls together, in MiB: that of their instances, and what they send and receive
    #[arg(long, value_name = "MIB", default_value_t = Self::DEFAULT.memory,
        value_parser = clap::value_parser!(u32).range(256..))]
    pub memory: u32,
    /// Requests of all calls at the same time; further ones wait
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.requests,
        value_parser = at_least_one::<u32>)]
    pub requests: u32,
}

impl ResourceLimits {
    const DEFAULT: Self = Self { places: 64, queue: 2048, memory: 320, requests: 128 };
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
