//! The command line: a thin door to the marketplace.

mod connection;
mod credentials;
mod developer;
mod flow;
mod output;
mod payment;
mod report;
mod serve;
mod status;

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::contract::types::Problem;
use crate::egress::OriginOverride;
use crate::marketplace::{Error, Failing, Marketplace, Options};
use crate::plugin::{LoadError, Plugin};
use crate::{bundled, fake};

use output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused: the answer is no (the problem's code says why); `status`: a check failed
  2  the command line cannot be understood
  3  not now: nothing was lost, try again
  4  something on this side is broken: the data folder, the component, the port

Run `host-test demo` to see the whole story.";

/// Stands in for Brain Studio's Marketplace: runs a payment plugin as it would.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "For every command")]
struct Global {
    /// Where the ledger and the vault's key are kept [default: the user's data folder]
    #[arg(long, global = true, value_name = "FOLDER", env = "HOST_TEST_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The merchant's workspace
    #[arg(long, global = true, value_name = "NAME", default_value = "default")]
    workspace: String,
    /// Another component than the one that is built in
    #[arg(long, global = true, value_name = "FILE")]
    component: Option<PathBuf>,
    /// What stands in for the provider, on this machine only
    #[arg(long, global = true, value_name = "https://PROVIDER=http://127.0.0.1:PORT")]
    provider_origin: Vec<OriginOverride>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Tells the whole story on this machine: install, three customers, uninstall, live mode
    Demo,
    /// Connects a merchant's account, or replaces its key
    ///
    /// The key is read from a hidden prompt, from standard input, or from a variable that is named
    /// after the provider and the credential (`PROVIDER_API_KEY`); never from an argument.
    Install(connection::InstallArgs),
    /// Shows how the connection is, check by check
    Status(status::StatusArgs),
    /// Sets right what is wrong with the connection, as far as it can be done from here
    Repair,
    /// Removes the connection
    Uninstall(connection::UninstallArgs),
    /// Creates a payment and prints the page on which the customer pays
    Pay(payment::PayArgs),
    /// Shows a payment: what is known, and what the provider says now
    Payment(payment::PaymentArgs),
    /// Takes the money of a payment that is only authorised
    Complete(payment::CompleteArgs),
    /// Makes sure that a payment can never be paid
    Cancel(payment::PaymentArgs),
    /// Gives a payment back, whole or in part
    Refund(payment::RefundArgs),
    /// Lists the payments
    Payments(flow::PaymentsArgs),
    /// Tells a payment's story: events, what the flow was told, and when
    Flow(flow::FlowArgs),
    /// Shows what the flows have been told and have not acknowledged
    Transitions(flow::TransitionsArgs),
    /// Asks the provider for what no delivery has told
    Reconcile,
    /// Takes deliveries: POST /link-webhook?provider=…, GET /healthz
    Serve(serve::ServeArgs),
    #[command(flatten)]
    Fake(fake::Command),
    /// Kills a host again and again while deliveries are posted, and checks that nothing is lost
    Soak(crate::demo::SoakArgs),
    /// Looks at deliveries one by one
    #[command(subcommand)]
    Webhook(developer::WebhookCommand),
    /// Measures what a call costs
    #[command(subcommand)]
    Bench(developer::BenchCommand),
    /// Writes the component that is built in to a file: what a marketplace loads
    Component(developer::ComponentArgs),
    /// Shows what a component imports and exports, read from itself
    Inspect(developer::InspectArgs),
}

/// Why a command has no answer.
enum CommandError {
    /// A problem, and the exit code of its kind.
    Problem(Problem, Failing),
    /// The command line asks for something that makes no sense.
    Usage(Problem),
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::Problem(error.problem(), error.failing())
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        Self::Problem(error.problem(), Failing::Broken)
    }
}

impl CommandError {
    /// An error that is only reported: of the demo, the soak or a bench.
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
                format!("It did not go as it should: {error:#}."),
                &["Run it again. If it fails again, report it with this message."],
            )
        };
        Self::Problem(problem, Failing::Broken)
    }
}

impl From<crate::plugin::CallError> for CommandError {
    fn from(error: crate::plugin::CallError) -> Self {
        Error::from(error).into()
    }
}

/// Runs the command line and says how it ended.
pub async fn run() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    match Box::pin(carry_out(&global, command)).await {
        Ok(output) => {
            output.print(global.json);
            ExitCode::from(output.exit_code)
        }
        Err(CommandError::Usage(problem)) => {
            output::print_problem(&problem, global.json);
            ExitCode::from(2)
        }
        Err(CommandError::Problem(problem, failing)) => {
            output::print_problem(&problem, global.json);
            ExitCode::from(match failing {
                Failing::Refused => 1,
                Failing::Later => 3,
                Failing::Broken => 4,
            })
        }
    }
}

async fn carry_out(global: &Global, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Demo => match crate::demo::run(global.json).await {
            Ok(summary) => Ok(Output::new(summary.json, summary.text)),
            Err(failure) => Err(CommandError::reported(failure)),
        },
        Command::Soak(args) => match crate::demo::soak(args).await {
            Ok(summary) => Ok(Output::new(summary.json, summary.text)),
            Err(failure) => Err(CommandError::reported(failure)),
        },
        Command::Install(args) => connection::install(&global.marketplace().await?, args).await,
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
        Command::Reconcile => flow::reconcile(&global.marketplace().await?, global.json).await,
        Command::Serve(args) => serve::serve(global.marketplace().await?, args, global.json).await,
        Command::Fake(command) => serve::fake(command, global.json).await,
        Command::Webhook(developer::WebhookCommand::Verify(args)) => {
            developer::verify(&global.plugin().await?, args).await
        }
        Command::Bench(developer::BenchCommand::Webhook(args)) => {
            developer::bench(&global.plugin().await?, args).await
        }
        Command::Component(args) => developer::component(&args),
        Command::Inspect(args) => developer::inspect(args, global.component.as_deref()),
    }
}

impl Global {
    async fn plugin(&self) -> Result<Plugin, LoadError> {
        Plugin::load(&self.component()?).await
    }

    fn component(&self) -> Result<Cow<'static, [u8]>, LoadError> {
        match &self.component {
            Some(path) => read_component(path).map(Cow::Owned),
            None => Ok(Cow::Borrowed(bundled::COMPONENT)),
        }
    }

    async fn marketplace(&self) -> Result<Marketplace, CommandError> {
        let component = self.component()?;
        let plugin = Plugin::load(&component).await?;
        let default = || {
            directories::ProjectDirs::from("", "", "host-test")
                .map(|folders| folders.data_local_dir().to_owned())
        };
        let data_dir = self.data_dir.clone().or_else(default).ok_or_else(|| {
            CommandError::Usage(Problem::new(
                "data-dir-missing",
                "There is no home folder to keep the ledger in.",
                &["Name a folder with --data-dir."],
            ))
        })?;
        let options = Options {
            data_dir: &data_dir,
            workspace: self.workspace.clone(),
            overrides: self.provider_origin.clone(),
            plugin_is_bundled: *component == *bundled::COMPONENT,
        };
        Ok(Marketplace::open(plugin, &options)?)
    }
}

fn read_component(path: &std::path::Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path).map_err(LoadError::Unreadable)
}
