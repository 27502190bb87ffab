//! The bounds of the server. Each number is our own choice.

use std::time::Duration;

/// How much the server takes at once, and how long it waits.
///
/// The bodies of all requests together use at most 96 MiB: 32 KiB for each connection, and 1 MiB for each large
/// body. The buffers of a connection need some 25 KiB more: 2,000 slow senders of large bodies were measured to
/// use 145 MiB.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections may be open. More of them wait in the kernel until one ends.
    pub connections: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub head_time: Duration,
    /// How long a whole body may take.
    pub body_time: Duration,
    /// How many bodies of more than 32 KiB are held at the same time.
    pub large_bodies: usize,
    /// How many deliveries are processed at the same time: as many as there are instances of the plugin.
    pub deliveries: usize,
    /// How long a delivery waits for its turn to be processed.
    pub turn_time: Duration,
    /// How long the deliveries in progress may take when the server stops.
    pub shutdown_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let ten_seconds = Duration::from_secs(10);
        Self {
            connections: 2048,
            head_time: ten_seconds,
            body_time: ten_seconds,
            large_bodies: 32,
            deliveries: 64,
            turn_time: ten_seconds,
            shutdown_time: ten_seconds,
        }
    }
}

impl Limits {
    /// No more connections than half of the files that the process may have open: the ledger and the calls of
    /// the provider need files too.
    #[must_use]
    pub fn within_open_files(self, files: usize) -> Self {
        Self { connections: self.connections.min(files / 2), ..self }
    }
}
