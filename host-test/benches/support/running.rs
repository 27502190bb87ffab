//! A real `serve` that runs: its two addresses, and what it takes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use super::status_of;

/// A `serve`.
pub struct Running {
    pub process: Child,
    /// Where it takes deliveries.
    pub door: SocketAddr,
    /// Where it takes the operator's requests.
    pub control: SocketAddr,
    /// How long it took until it listened.
    pub start_time: Duration,
    token: String,
}

impl Running {
    /// Starts `serve`.
    pub async fn start(command: Command) -> Self {
        let begun = Instant::now();
        let (process, line) = super::start(command).await;
        let token_file = line["token_file"].as_str().unwrap();
        Self {
            process,
            door: address(&line["listening"]),
            control: address(&line["control"]),
            start_time: begun.elapsed(),
            token: std::fs::read_to_string(token_file).unwrap(),
        }
    }

    /// An operator's request, as HTTP.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let Self { control, token, .. } = self;
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {control}\r\n");
        let head = format!("{head}authorization: Bearer {token}\r\ncontent-length: {length}");
        format!("{head}\r\n\r\n{body}").into_bytes()
    }

    /// Its resident memory now, in MiB, where the system tells it.
    pub fn memory(&self) -> Option<u64> {
        Some(status_of(&self.process, "VmRSS:")? / 1024)
    }
}

/// The address in a URL.
fn address(url: &Value) -> SocketAddr {
    let rest = url.as_str().unwrap().trim_start_matches("http://");
    rest.split('/').next().unwrap().parse().unwrap()
}
