//! Runs the fake Andes Pay until it is ended.

use std::net::SocketAddr;

use andes_pay_fake::{DeliverOrigin, start};
use clap::Parser;
use serde_json::json;
use tokio::net::TcpListener;

/// A fake Andes Pay on loopback. When it listens it prints one line of JSON with its two addresses.
///
/// It accepts every store id that begins with `store-`, and every token but one that ends in `Invalid`. A token
/// with `WithoutRefunds` in it lacks that permission; with `NotActivated` in it the store cannot take payments.
/// Everything is in memory, and gone when it ends.
#[derive(Parser)]
struct Args {
    /// Where test mode listens; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where live mode listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen_live: SocketAddr,
    /// The loopback address to which deliveries for a public origin go
    #[arg(long, value_name = "https://PUBLIC=http://127.0.0.1:PORT")]
    deliver_origin: Vec<DeliverOrigin>,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Args { listen, listen_live, deliver_origin } = Args::parse();
    let test = TcpListener::bind(listen).await?;
    let live = TcpListener::bind(listen_live).await?;
    let fake = start(test, live, &deliver_origin)?;
    println!("{}", json!({ "listening": fake.test, "live": fake.live }));
    std::future::pending().await
}
