//! `serve`, and the fake provider's own command.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;

use super::CommandError;
use super::output::{Output, badge};
use crate::contract::types::Problem;
use crate::fake;
use crate::marketplace::{Failing, Marketplace};

/// Where to serve.
#[derive(Args)]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
}

pub async fn serve(
    marketplace: Marketplace,
    args: ServeArgs,
    as_json: bool,
) -> Result<Output, CommandError> {
    let failed = |error| not_listening(args.listen, &error);
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let provider_id = &marketplace.plugin().manifest().provider_id;
    let badge =
        marketplace.mode().await?.map_or_else(String::new, |mode| format!("{} ", badge(mode)));
    let url = format!("http://{address}/link-webhook?provider={provider_id}");
    say_listening(&badge, &url, as_json);
    let marketplace = Arc::new(marketplace);
    let background = tokio::spawn(Arc::clone(&marketplace).keep_reconciled());
    let served = crate::server::serve(listener, marketplace, interrupted()).await;
    // What it had begun is a transaction or a question: it may end anywhere.
    background.abort();
    served.map_err(failed)?;
    Ok(Output::new(json!({ "stopped": true }), "Stopped."))
}

pub async fn fake(command: fake::Command, as_json: bool) -> Result<Output, CommandError> {
    let started = |address| say_listening("", &format!("http://{address}"), as_json);
    let address = command.address();
    fake::run(command, started, interrupted())
        .await
        .map_err(|error| not_listening(address, &error))?;
    Ok(Output::new(json!({ "stopped": true }), "Stopped."))
}

fn say_listening(badge: &str, url: &str, as_json: bool) {
    let text = format!("{badge}Listening: {url} (Ctrl-C stops)");
    Output::new(json!({ "listening": url }), text).print(as_json);
}

fn not_listening(address: SocketAddr, error: &std::io::Error) -> CommandError {
    let problem = if error.kind() == std::io::ErrorKind::AddrInUse {
        Problem::new(
            "port-in-use",
            format!("Another program is listening on {address} already."),
            &["Stop that program, or choose another port with --listen."],
        )
    } else {
        Problem::new(
            "port-unusable",
            format!("{address} cannot be listened on: {error}."),
            &["Choose another address and port with --listen."],
        )
    };
    CommandError::Problem(problem, Failing::Broken)
}

/// Waits for Ctrl-C or a request to terminate.
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a way to hear of it, nothing stops the server but its end.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
