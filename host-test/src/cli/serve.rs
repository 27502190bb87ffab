//! `serve`, and the command of the fake provider.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use super::CommandError;
use super::global::Global;
use super::output::{Output, badge as badge_of, print_beside};
use super::watch::Watch;
use crate::contract::types::Problem;
use crate::egress::{OriginOverride, client, redirect};
use crate::limits::Limits;
use crate::marketplace::{Error, ErrorKind, Providers};
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
    /// Use a component's file again when it changes, from the next call on
    #[arg(long)]
    watch: bool,
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
    global: &Global,
    providers: Providers,
    args: ServeArgs,
) -> Result<Output, CommandError> {
    // The engine has been built: the plugins are loaded.
    process_memory::protect();
    if !args.control.ip().is_loopback() {
        return Err(CommandError::Usage(control_not_loopback(args.control)));
    }
    let watched = if args.watch { Some(Watch::of(global, &providers)?) } else { None };
    for marketplace in providers.all() {
        // Every delivery would fail.
        marketplace.check_approval(None)?;
    }
    // Nobody can put that right while it runs. What else is wrong with the vault, `/readyz` says.
    if let Err(error @ Error::Vault(VaultError::MalformedVariable(_))) =
        providers.any().check_vault().await
    {
        return Err(error.into());
    }
    let data_dir = global.needed_data_dir()?;
    let token = ControlToken::of(&data_dir)?;
    let (listener, address) = listen(args.listen, "--listen").await?;
    let (control, control_address) = listen(args.control, "--control").await?;
    let listening =
        Listening { address, control: control_address, token_file: ControlToken::path(&data_dir) };
    for provider in providers.unserved().await? {
        print_beside(&format!("Warning: {}", provider_unserved(&provider)));
        tracing::warn!(provider, "an installed provider has no plugin here");
    }
    if global.dev {
        print_beside(DEVELOPMENT);
    }
    listening.output(&providers).await?.print(global.json);
    tracing::info!(%address, control = %control_address, "listening");
    let background = tokio::spawn(providers.clone().reconcile_forever());
    let watching = watched.map(|watch| tokio::spawn(watch.run(providers.clone())));
    let door = Door { limits: args.limits.door, trusted_proxies: args.trusted_proxy };
    tokio::join!(
        server::serve(listener, providers.clone(), door, interrupted()),
        server::control::serve(control, providers, token, args.limits.door, interrupted()),
    );
    // Both can be cancelled anywhere: they only fetch, commit transactions, and load components.
    background.abort();
    if let Some(watching) = watching {
        watching.abort();
    }
    tracing::info!("stopped");
    Ok(Output::new(json!({ "stopped": true }), "Stopped."))
}

/// Said at every start with `--dev`.
const DEVELOPMENT: &str = "Development, in test mode only: a rebuilt component that asks for the same goes on without a review, and deliveries are kept for `replay`, with what they hold of customers.";

fn provider_unserved(provider: &str) -> String {
    format!(
        "{provider} is installed in this data folder, and its plugin is not loaded: its deliveries are told to come again, and nothing of it is reconciled. Start `serve` with its component too (--plugin FILE)."
    )
}

/// Where it listens.
struct Listening {
    address: SocketAddr,
    control: SocketAddr,
    token_file: PathBuf,
}

impl Listening {
    async fn output(&self, providers: &Providers) -> Result<Output, Error> {
        let Self { address, control, token_file } = self;
        let (mut text, mut urls) = (String::new(), Vec::new());
        for marketplace in providers.all() {
            let badge = marketplace.mode().await?;
            let badge = badge.map_or_else(String::new, |mode| format!("{} ", badge_of(mode)));
            let provider_id = &marketplace.plugin().manifest().provider_id;
            let url = format!("http://{address}/link-webhook?provider={provider_id}");
            let _ = writeln!(text, "{badge}Listening: {url} (Ctrl-C stops)");
            urls.push(url);
        }
        let (control, token_file) = (format!("http://{control}"), token_file.display().to_string());
        let _ = write!(text, "Control: {control}, with the token in {token_file}");
        let json = json!({
            "listening": urls.first(), "urls": urls, "control": control, "token_file": token_file,
        });
        Ok(Output::new(json, text))
    }
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
