//! `serve`, and the command of the fake provider.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use super::CommandError;
use super::output::{Output, badge};
use crate::contract::types::Problem;
use crate::egress::{OriginOverride, client, redirect};
use crate::limits::Limits;
use crate::marketplace::{ErrorKind, Marketplace};
use crate::process_memory;
use crate::server::{Door, TrustedProxy, open_files};

/// The arguments of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// A proxy in front of the public door: its `x-forwarded-for` tells who has sent a delivery; may be given more than
    /// once
    #[arg(long, value_name = "ADDRESS[/BITS]")]
    trusted_proxy: Vec<TrustedProxy>,
    #[command(flatten)]
    pub limits: Limits,
}

/// The arguments of the fake provider.
#[derive(Args)]
pub struct FakeArgs {
    #[command(flatten)]
    fake: fake_provider::Args,
    /// Where webhooks for a public address are delivered on this machine; may be given twice
    #[arg(long, value_name = "https://PUBLIC=http://127.0.0.1:PORT")]
    deliver_origin: Vec<OriginOverride>,
}

pub async fn serve(
    marketplace: Marketplace,
    args: ServeArgs,
    as_json: bool,
) -> Result<Output, CommandError> {
    // The engine has been built: the plugin is loaded.
    process_memory::protect();
    // Every delivery would fail.
    marketplace.check_approval().await?;
    let failed = |error| not_listening(args.listen, &error);
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let provider_id = &marketplace.plugin().manifest().provider_id;
    let badge =
        marketplace.mode().await?.map_or_else(String::new, |mode| format!("{} ", badge(mode)));
    let url = format!("http://{address}/link-webhook?provider={provider_id}");
    print_listening(&badge, &url, as_json);
    tracing::info!(%address, "listening");
    let marketplace = Arc::new(marketplace);
    let background = tokio::spawn(Arc::clone(&marketplace).reconcile_forever());
    let limits = args.limits.door;
    let limits = open_files::raise().map_or(limits, |files| limits.within_open_files(files));
    let door = Door { limits, trusted_proxies: args.trusted_proxy };
    crate::server::serve(listener, marketplace, door, interrupted()).await;
    // It can be cancelled anywhere: it only fetches and commits transactions.
    background.abort();
    tracing::info!("stopped");
    Ok(Output::new(json!({ "stopped": true }), "Stopped."))
}

/// Runs the fake provider until it is interrupted.
pub async fn fake(args: FakeArgs, as_json: bool) -> Result<Output, CommandError> {
    let FakeArgs { fake, deliver_origin } = args;
    let failed = |error| not_listening(fake.listen, &error);
    let client = client().map_err(|error| failed(std::io::Error::other(error)))?;
    let deliver_to = Box::new(move |url: &Url| redirect(url, &deliver_origin));
    let provider = fake.start(client, deliver_to).await.map_err(failed)?;
    print_listening("", &format!("http://{}", provider.address()), as_json);
    interrupted().await;
    Ok(Output::new(json!({ "stopped": true }), "Stopped."))
}

fn print_listening(badge: &str, url: &str, as_json: bool) {
    let text = format!("{badge}Listening: {url} (Ctrl-C stops)");
    Output::new(json!({ "listening": url }), text).print(as_json);
}

fn not_listening(address: SocketAddr, error: &std::io::Error) -> CommandError {
    let problem = if error.kind() == std::io::ErrorKind::AddrInUse {
        Problem::new(
            "port-in-use",
            format!("Another program is already listening on {address}."),
            &["Stop that program, or choose another port with --listen."],
        )
    } else {
        Problem::new(
            "port-unusable",
            format!("{address} cannot be listened on: {error}."),
            &["Choose another address and port with --listen."],
        )
    };
    CommandError::Problem(problem, ErrorKind::Broken)
}

/// Waits for Ctrl-C or SIGTERM.
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
    // Without a signal handler the server runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
