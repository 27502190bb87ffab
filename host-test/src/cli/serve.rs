//! `serve`, and the command of the fake provider.

use std::net::SocketAddr;
use std::path::Path;
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
use crate::marketplace::{Error, ErrorKind, Marketplace};
use crate::process_memory;
use crate::server::control::{ControlToken, TokenError};
use crate::server::{self, Door, TrustedProxy};
use crate::vault::VaultError;

/// The arguments of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// The loopback address of the control listener; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// A proxy in front of the public door: its `x-forwarded-for` tells who has sent a delivery; may be given more than
    /// once
    #[arg(long, value_name = "ADDRESS[/BITS]")]
    trusted_proxy: Vec<TrustedProxy>,
    #[command(flatten)]
    pub limits: Limits,
}

/// The arguments of the fake provider.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct FakeArgs {
    #[command(subcommand)]
    action: Option<fake_provider::Action>,
    #[command(flatten)]
    fake: fake_provider::Args,
    /// Where webhooks for a public address are delivered on this machine; may be given twice
    #[arg(long, value_name = "https://PUBLIC=http://127.0.0.1:PORT")]
    deliver_origin: Vec<OriginOverride>,
}

pub async fn serve(
    marketplace: Marketplace,
    args: ServeArgs,
    data_dir: &Path,
    as_json: bool,
) -> Result<Output, CommandError> {
    // The engine has been built: the plugin is loaded.
    process_memory::protect();
    if !args.control.ip().is_loopback() {
        return Err(CommandError::Usage(control_not_loopback(args.control)));
    }
    // Every delivery would fail.
    marketplace.check_approval().await?;
    // Nobody can put that right while it runs. What else is wrong with the vault, `/readyz` says.
    if let Err(error @ Error::Vault(VaultError::MalformedVariable(_))) =
        marketplace.check_vault().await
    {
        return Err(error.into());
    }
    let token = ControlToken::of(data_dir)?;
    let (listener, address) = listen(args.listen, "--listen").await?;
    let (control, control_address) = listen(args.control, "--control").await?;
    let badge =
        marketplace.mode().await?.map_or_else(String::new, |mode| format!("{} ", badge(mode)));
    let provider_id = &marketplace.plugin().manifest().provider_id;
    let url = format!("http://{address}/link-webhook?provider={provider_id}");
    let control_url = format!("http://{control_address}");
    let token_file = ControlToken::path(data_dir).display().to_string();
    let text = format!(
        "{badge}Listening: {url} (Ctrl-C stops)\nControl: {control_url}, with the token in {token_file}"
    );
    let json = json!({ "listening": url, "control": control_url, "token_file": token_file });
    Output::new(json, text).print(as_json);
    tracing::info!(%address, control = %control_address, "listening");
    let marketplace = Arc::new(marketplace);
    let background = tokio::spawn(Arc::clone(&marketplace).reconcile_forever());
    let door = Door { limits: args.limits.door, trusted_proxies: args.trusted_proxy };
    tokio::join!(
        server::serve(listener, Arc::clone(&marketplace), door, interrupted()),
        server::control::serve(control, marketplace, token, args.limits.door, interrupted()),
    );
    // It can be cancelled anywhere: it only fetches and commits transactions.
    background.abort();
    tracing::info!("stopped");
    Ok(Output::new(json!({ "stopped": true }), "Stopped."))
}

/// Listens on an address, which a flag has given. Returns the address with its port.
async fn listen(wanted: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), CommandError> {
    let failed = |error| not_listening(wanted, flag, &error);
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Runs the fake provider until it is interrupted, or asks something of one that runs.
pub async fn fake(args: FakeArgs, as_json: bool) -> Result<Output, CommandError> {
    let FakeArgs { action, fake, deliver_origin } = args;
    let failed = |error| not_listening(fake.listen, "--listen", &error);
    let client = client().map_err(|error| failed(std::io::Error::other(error)))?;
    if let Some(action) = action {
        let report = action.run(&client).await?;
        return Ok(Output::new(report.json, report.text));
    }
    let deliver_to = Box::new(move |url: &Url| redirect(url, &deliver_origin));
    let provider = fake.start(client, deliver_to).await.map_err(failed)?;
    let url = format!("http://{}", provider.address());
    let text = format!("Listening: {url} (Ctrl-C stops)");
    Output::new(json!({ "listening": url }), text).print(as_json);
    interrupted().await;
    Ok(Output::new(json!({ "stopped": true }), "Stopped."))
}

fn control_not_loopback(address: SocketAddr) -> Problem {
    Problem::new(
        "control-not-loopback",
        format!(
            "The control listener cannot be at {address}: it speaks plain HTTP, and others could read its token."
        ),
        &[
            "Give a loopback address with --control, such as 127.0.0.1:8788.",
            "To reach it from another computer, use a tunnel: `ssh -L 8788:127.0.0.1:8788 HOST`.",
        ],
    )
}

fn not_listening(address: SocketAddr, flag: &str, error: &std::io::Error) -> CommandError {
    let problem = if error.kind() == std::io::ErrorKind::AddrInUse {
        Problem::new(
            "port-in-use",
            format!("Another program is already listening on {address}."),
            &[&format!("Stop that program, or choose another port with {flag}.")],
        )
    } else {
        Problem::new(
            "port-unusable",
            format!("{address} cannot be listened on: {error}."),
            &[&format!("Choose another address and port with {flag}.")],
        )
    };
    CommandError::Problem(problem, ErrorKind::Broken)
}

impl From<fake_provider::TriggerError> for CommandError {
    fn from(error: fake_provider::TriggerError) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        let kind = match error {
            fake_provider::TriggerError::Unreachable { .. } => ErrorKind::Temporary,
            _ => ErrorKind::Refused,
        };
        Self::Problem(Problem { code, message, remedy: error.remedy() }, kind)
    }
}

impl From<TokenError> for CommandError {
    fn from(error: TokenError) -> Self {
        Self::Problem(error.problem(), ErrorKind::Broken)
    }
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
