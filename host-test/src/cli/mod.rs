//! The command line. It calls the use cases in `marketplace` and prints their results.

mod approve;
mod attention;
mod call;
mod componentize;
mod conform;
mod connection;
mod credentials;
mod delivery;
mod developer;
mod flow;
mod global;
mod log;
mod new_project;
mod output;
mod payment;
mod plugin;
mod profile;
mod reconcile;
mod replay;
mod report;
mod serve;
mod stand_in;
mod status;
mod vault;
mod watch;
mod webhook;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::contract::types::Problem;
use crate::marketplace::{Error, ErrorKind};
use crate::plugin::{CompiledCache, LoadError};
use crate::resources::Resources;
use crate::server::open_files;

use global::Global;
use log::LogFormat;
use output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  refused (the problem's code says why); `status`: a check failed
  2  the command line is wrong
  3  failed for now: nothing was lost, try again
  4  broken on this side: the data folder, the component or the port

Run `host-test demo` to see everything at work.";

/// Runs a payment plugin as Brain Studio's Marketplace would.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Demo(crate::demo::Command),
    /// Installs the provider for a merchant's account, or replaces its key
    ///
    /// Each credential is read from its variable, or from standard input; in a terminal it is asked for. Never from an
    /// argument.
    Install(connection::InstallArgs),
    /// Shows what a component asks for, and approves it
    ///
    /// Without --sha256 it only shows the review. Before a component is approved it is described, and
    /// nothing else of it is called: no credential is read or asked for.
    Approve(approve::ApproveArgs),
    /// Shows the installation and its checks
    Status(status::StatusArgs),
    /// Recreates or corrects the webhook at the provider
    Repair,
    /// Uninstalls the provider and destroys its key
    Uninstall(connection::UninstallArgs),
    /// Creates a payment and prints the page on which the customer pays
    Pay(payment::PayArgs),
    /// Shows a payment as it is stored and as the provider returns it now
    Payment(payment::PaymentArgs),
    /// Captures an authorised payment
    Complete(payment::CompleteArgs),
    /// Cancels a payment, so that it can never be paid
    Cancel(payment::PaymentArgs),
    /// Refunds a payment, in full or in part
    Refund(payment::RefundArgs),
    /// Lists the payments
    Payments(flow::PaymentsArgs),
    /// Shows a payment's history: its events and its transitions
    Flow(flow::FlowArgs),
    /// Shows the transitions that a consumer has not acknowledged
    Transitions(flow::TransitionsArgs),
    /// Shows what needs a person, and what to do about it
    Attention(attention::AttentionArgs),
    /// Lists missed events at the provider and checks unfinished payments
    Reconcile,
    /// Tells this program what happened to its data folder
    #[command(subcommand)]
    Ledger(reconcile::LedgerCommand),
    /// Keeps the key that seals the stored secrets
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// Deletes old events and transitions that no payment needs any more
    Prune(flow::PruneArgs),
    /// Processes a delivery again that `serve --dev` has kept, or lists those that it has kept
    Replay(replay::ReplayArgs),
    /// Takes deliveries at one address, and the operator's requests at another: /readyz, /metrics, /api/v1
    Serve(serve::ServeArgs),
    #[command(
        name = fake_provider::NAME,
        about = fake_provider::ABOUT,
        long_about = fake_provider::LONG_ABOUT,
    )]
    Fake(serve::FakeArgs),
    /// Calls one function of the contract, and prints its answer as JSON
    ///
    /// Without a function it lists them, without arguments it prints an example of them. Names are those of the WIT.
    /// Requests go only to what stands in for the provider (--provider-origin): the network is off, so the component
    /// needs no approval. With --provider-origin the credentials are read as by `install`. Signing secrets that the JSON
    /// leaves out are filled in, from the credentials and the variable `WEBHOOK_SECRETS` (separated by commas). Signing
    /// secrets in an answer are hidden. Exit code 1: the function has answered with an error.
    Call(call::CallArgs),
    /// Measures each function of the contract: time, instructions, memory, calls of the host
    ///
    /// Each is called with the arguments that `call` prints as its example, in a fresh instance; what `install`,
    /// `create-payment` and `refund-payment` answer is used in the calls after them. Requests reach what
    /// --provider-origin names, with the credentials that `install` reads, and nobody else: without it each is answered
    /// `unreachable`. The time is the median of --calls, with the requests. The rest is of one call, in an engine that
    /// counts: WebAssembly instructions (wasmtime's fuel), the memory of the instance at its end, how often the host was
    /// called and for how many requests. `measured` says what became of the call: a refusal may cost less than an answer.
    Profile(profile::ProfileArgs),
    /// Verifies single deliveries
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Measures the cost of a call
    #[command(subcommand)]
    Bench(developer::BenchCommand),
    /// Writes the built-in component to a file, for a marketplace to load
    Component(developer::ComponentArgs),
    /// Shows what a component imports and exports, and whether a marketplace loads it
    Inspect(developer::InspectArgs),
    /// Makes a component of a core module, as compilers write it
    ///
    /// The file is written only if it can be loaded as a plugin. For Rust the step can be left out: with
    /// rustup's own linker `wasm-component-ld` (in `.cargo/config.toml`: `[target.wasm32-unknown-unknown]`,
    /// `linker = "wasm-component-ld"`) `cargo build` writes the component itself.
    Componentize(componentize::ComponentizeArgs),
    /// Writes a project for a plugin of your own, with a fake of its provider, a test and a scenario
    New(new_project::NewArgs),
    /// Runs every rule of the contract against a plugin, offline, at a fake of its provider
    ///
    /// The fake is started as the scenario says, once for each case, and no other address can be reached. Exit codes: 0
    /// every case has passed or does not apply, 1 a case has failed, 4 the rules could not be run.
    Conform(conform::ConformArgs),
}

/// Why a command failed.
enum CommandError {
    /// A problem, and the kind that decides the exit code.
    Problem(Problem, ErrorKind),
    /// The command line is wrong: exit code 2.
    Usage(Problem),
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::Problem(error.problem(), error.kind())
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        Self::Problem(error.problem(), ErrorKind::Broken)
    }
}

impl CommandError {
    /// An error of the demo, the soak or a benchmark, which is only reported.
    #[allow(clippy::needless_pass_by_value)]
    fn reported(error: anyhow::Error) -> Self {
        let problem = if let Some(error) = error.downcast_ref::<Error>() {
            error.problem()
        } else if let Some(error) = error.downcast_ref::<LoadError>() {
            error.problem()
        } else if let Some(error) = error.downcast_ref::<crate::plugin::CallError>() {
            error.problem()
        } else {
            Problem::new(
                "demo-failed",
                format!("An expectation was not met: {error:#}."),
                &["Run it again. If it fails again, report it with this message."],
            )
        };
        Self::Problem(problem, ErrorKind::Broken)
    }
}

impl From<crate::plugin::CallError> for CommandError {
    fn from(error: crate::plugin::CallError) -> Self {
        Error::from(error).into()
    }
}

/// The command line: its commands and their help.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command().mut_subcommand("install", |install| install.after_long_help(credentials::help()))
}

/// Runs the command line. Returns the exit code.
pub async fn run() -> ExitCode {
    let matches = command().get_matches();
    let Cli { global, command } =
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let is_server = matches!(command, Command::Serve(_));
    let format = global.log.or(is_server.then_some(LogFormat::Text));
    let trace = if global.json { LogFormat::Json } else { LogFormat::Text };
    let _log = log::install(format, global.trace.then_some(trace));
    match Box::pin(run_command(&global, command)).await {
        Ok(output) => {
            output.print(global.json);
            ExitCode::from(output.exit_code)
        }
        Err(CommandError::Usage(problem)) => {
            output::print_problem(&problem, global.json);
            ExitCode::from(2)
        }
        Err(CommandError::Problem(problem, kind)) => {
            output::print_problem(&problem, global.json);
            ExitCode::from(match kind {
                ErrorKind::Refused => 1,
                ErrorKind::Temporary => 3,
                ErrorKind::Broken => 4,
            })
        }
    }
}

async fn run_command(global: &Global, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Demo(command) => match command.run(global.json).await {
            Ok(summary) => Ok(Output::new(summary.json, summary.text)),
            Err(failure) => Err(CommandError::reported(failure)),
        },
        Command::Install(args) => {
            connection::install(&global.marketplace().await?, args, global.json).await
        }
        Command::Approve(mut args) => {
            let component = args.component_file.take();
            approve::approve(&global.looked_at_in(component).await?, args).await
        }
        Command::Status(args) => {
            status::status(&global.marketplace().await?, args, global.json).await
        }
        Command::Repair => connection::repair(&global.marketplace().await?).await,
        Command::Uninstall(args) => connection::uninstall(&global.marketplace().await?, args).await,
        Command::Pay(args) => payment::pay(&global.marketplace().await?, args).await,
        Command::Payment(args) => payment::show(&global.marketplace().await?, args).await,
        Command::Complete(args) => payment::complete(&global.marketplace().await?, args).await,
        Command::Cancel(args) => payment::cancel(&global.marketplace().await?, args).await,
        Command::Refund(args) => payment::refund(&global.marketplace().await?, args).await,
        Command::Payments(args) => flow::payments(&global.marketplace().await?, args).await,
        Command::Flow(args) => flow::flow(&global.marketplace().await?, args).await,
        Command::Transitions(args) => flow::transitions(&global.marketplace().await?, args).await,
        Command::Attention(args) => attention::attention(&global.marketplace().await?, args).await,
        Command::Reconcile => reconcile::reconcile(&global.marketplace().await?, global.json).await,
        Command::Ledger(reconcile::LedgerCommand::Restored) => {
            reconcile::restored(&global.any_marketplace().await?).await
        }
        Command::Vault(vault::VaultCommand::Rotate) => {
            let output = vault::rotate(&global.any_marketplace().await?).await?;
            // What it holds was stored under the old key.
            if let Some(data_dir) = global.data_dir() {
                CompiledCache::clear(&data_dir);
            }
            Ok(output)
        }
        Command::Prune(args) => flow::prune(&global.any_marketplace().await?, args).await,
        Command::Replay(args) => replay::replay(&global.marketplace().await?, args).await,
        Command::Serve(mut args) => {
            if let Some(files) = open_files::raise() {
                args.limits = args.limits.within_open_files(files);
            }
            // Before the first call, which is `describe`.
            Resources::set_limits(args.limits.resources);
            let providers = global.providers(args.limits.marketplace).await?;
            serve::serve(global, providers, args).await
        }
        Command::Fake(args) => serve::fake(args, global.json).await,
        Command::Call(args) => {
            let global = &global.with(args.component());
            let (_, plugin) = global.looked_at(global.looking_compiler()?).await?;
            call::call(plugin, global, args).await
        }
        Command::Profile(args) => profile::run(&global.with(args.component()), args).await,
        Command::Webhook(webhook::WebhookCommand::Verify(args)) => {
            // It shares the cache with the commands of an installation.
            webhook::verify(global.looked_at(global.compiler()?).await?.1, global, args).await
        }
        Command::Bench(developer::BenchCommand::Webhook(args)) => {
            developer::bench(&global.looked_at(global.compiler()?).await?.1, args).await
        }
        Command::Component(args) => developer::component(&args),
        Command::Componentize(args) => {
            componentize::componentize(&args, &global.looking_compiler()?).await
        }
        Command::New(args) => new_project::new(&args),
        Command::Inspect(args) => developer::inspect(args, global).await,
        Command::Conform(args) => Box::pin(conform::conform(args, global)).await,
    }
}
