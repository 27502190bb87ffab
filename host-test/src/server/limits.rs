//! The limits of the public door. Each number is our own choice.

use std::time::Duration;

use clap::Args;
use humantime::parse_duration;

/// How much the public door takes at once, and how long it waits.
///
/// The bodies of all requests together use at most 96 MiB: 32 KiB for each connection, and 1 MiB for each large
/// body. The buffers of a connection need some 25 KiB more: 2,000 slow senders of large bodies were measured to
/// use 145 MiB.
#[derive(Args, Clone, Copy, Debug)]
pub struct DoorLimits {
    /// Connections to the public door; one sender may hold half of them
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.connections)]
    pub connections: usize,
    /// How long the head of a request may take, and how long a connection may be idle
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub head_time: Duration,
    /// How long a whole body may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub body_time: Duration,
    /// Bytes that a body has to bring in each two seconds
    #[arg(long, value_name = "BYTES", default_value_t = Self::DEFAULT.body_rate)]
    pub body_rate: usize,
    /// Bodies of more than 32 KiB that are held at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.large_bodies)]
    pub large_bodies: usize,
    /// Deliveries that are processed at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = Self::DEFAULT.deliveries)]
    pub deliveries: usize,
    /// How long a delivery waits for its turn to be processed
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub turn_time: Duration,
    /// How long the deliveries and the requests in progress may take when the server stops
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub shutdown_time: Duration,
}

impl DoorLimits {
    const DEFAULT: Self = Self {
        connections: 2048,
        head_time: Duration::from_secs(10),
        body_time: Duration::from_secs(10),
        body_rate: 1024,
        large_bodies: 32,
        deliveries: 64,
        turn_time: Duration::from_secs(10),
        shutdown_time: Duration::from_secs(10),
    };
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
