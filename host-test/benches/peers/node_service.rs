//! The Node service in `node/`, running.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use host_test::egress::client;
use serde_json::{Value, json};

/// The path of its deliveries.
pub const TARGET: &str = "/webhook";

/// It ends when it is dropped.
pub struct NodeService {
    process: Child,
    pub address: SocketAddr,
}

impl NodeService {
    /// Starts it with a new ledger of payments that are open.
    pub fn start(mut script: Command, secret: &str, ledger: &Path, payments: u64) -> Self {
        script.env("WEBHOOK_SECRET", secret).env("LEDGER", ledger);
        script.env("PAYMENTS", payments.to_string()).stdout(Stdio::piped());
        let mut process = script.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let url = line["listening"].as_str().unwrap();
        let address = url.strip_prefix("http://").and_then(|url| url.strip_suffix(TARGET));
        Self { process, address: address.unwrap().parse().unwrap() }
    }

    /// Each delivery is an event, and has approved its own payment once.
    pub async fn assert_holds(&self, deliveries: u64) {
        let url = format!("http://{}/count", self.address);
        let count = client().unwrap().get(url).send().await.unwrap().text().await.unwrap();
        let count: Value = serde_json::from_str(&count).unwrap();
        let each = json!({
            "events": deliveries,
            "transitions": deliveries,
            "approved": deliveries,
        });
        assert_eq!(count, each);
    }
}

impl Drop for NodeService {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
