//! What every command takes: the data folder, the plugins, and what stands in for their providers.

use std::path::PathBuf;

use clap::Args;

use super::CommandError;
use super::log::LogFormat;
use super::output::print_beside;
use crate::contract::types::Problem;
use crate::egress::{OriginOverride, Policy};
use crate::marketplace::{Error, Marketplace, MarketplaceLimits, Options, Providers};
use crate::plugin::Plugin;
use ledger::CarriedOver;

/// The variable with more of what `--provider-origin` says.
const ORIGINS_VARIABLE: &str = "HOST_TEST_PROVIDER_ORIGIN";

/// The arguments of every command.
#[derive(Args, Clone)]
#[command(next_help_heading = "For every command")]
pub struct Global {
    /// The folder of the ledger and the vault's key [default: the user's data folder]
    #[arg(long, global = true, value_name = "FOLDER", env = "HOST_TEST_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The merchant's workspace
    #[arg(long, global = true, value_name = "NAME", default_value = "default")]
    workspace: String,
    /// The plugin to use in place of the built-in one
    #[arg(long, global = true, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Another plugin, beside that one; may be given more than once
    #[arg(long, global = true, value_name = "FILE")]
    pub plugin: Vec<PathBuf>,
    /// Which provider is meant, by its id, if there are several plugins
    #[arg(long, global = true, value_name = "ID")]
    pub provider: Option<String>,
    /// A loopback address that stands in for an origin of the provider; may be given more than once. More of them, with
    /// spaces between, are in `HOST_TEST_PROVIDER_ORIGIN`
    #[arg(long, global = true, value_name = "https://PROVIDER=http://127.0.0.1:PORT")]
    provider_origin: Vec<OriginOverride>,
    /// For developers of a plugin, in test mode only: a rebuilt component that asks for the same as the one before goes on
    /// without a review, with its installations; `serve` keeps deliveries for `replay`
    #[arg(long, global = true)]
    pub dev: bool,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Write a log to standard error [default: text for `serve`, none for other commands]
    #[arg(long, global = true, value_enum, value_name = "text|json", hide_possible_values = true)]
    pub log: Option<LogFormat>,
    /// Write a line to standard error for each call of the plugin and each of its requests: time, size, status
    #[arg(long, global = true)]
    pub trace: bool,
}

impl Global {
    /// The data folder. None: the user has no home folder, and has given no other.
    pub fn data_dir(&self) -> Option<PathBuf> {
        let default = || {
            directories::ProjectDirs::from("", "", "host-test")
                .map(|folders| folders.data_local_dir().to_owned())
        };
        self.data_dir.clone().or_else(default)
    }

    pub fn needed_data_dir(&self) -> Result<PathBuf, CommandError> {
        self.data_dir().ok_or_else(|| {
            CommandError::Usage(Problem::new(
                "data-dir-missing",
                "There is no home folder for the ledger.",
                &["Give a folder with --data-dir."],
            ))
        })
    }

    /// The marketplace of the provider that is meant.
    pub async fn marketplace(&self) -> Result<Marketplace, CommandError> {
        let marketplace = self.meant().await?;
        self.carry_over(&marketplace).await?;
        Ok(marketplace)
    }

    /// The same with the plugin in this file, or the built-in one, alone.
    pub fn with(&self, component: Option<PathBuf>) -> Self {
        Self { component, plugin: Vec::new(), provider: None, ..self.clone() }
    }

    /// The marketplace of the plugin in this file, or of the provider that is meant, to look at: nothing is approved
    /// by that.
    pub async fn looked_at_in(
        &self,
        component: Option<PathBuf>,
    ) -> Result<Marketplace, CommandError> {
        match component {
            Some(file) => self.with(Some(file)).meant().await,
            None => self.meant().await,
        }
    }

    async fn meant(&self) -> Result<Marketplace, CommandError> {
        let providers = self.opened(MarketplaceLimits::default()).await?;
        let meant = providers.meant(self.provider.as_deref());
        Ok(meant.map_err(|error| CommandError::Usage(error.problem()))?.as_ref().clone())
    }

    /// Any marketplace, for what concerns the whole data folder.
    pub async fn any_marketplace(&self) -> Result<Marketplace, CommandError> {
        Ok(self.opened(MarketplaceLimits::default()).await?.any().as_ref().clone())
    }

    /// The marketplaces of all plugins.
    pub async fn providers(&self, limits: MarketplaceLimits) -> Result<Providers, CommandError> {
        let providers = self.opened(limits).await?;
        for marketplace in providers.all() {
            self.carry_over(&marketplace).await?;
        }
        Ok(providers)
    }

    async fn opened(&self, limits: MarketplaceLimits) -> Result<Providers, CommandError> {
        let data_dir = self.needed_data_dir()?;
        let (first, others) = self.plugins().await?;
        let options = Options {
            workspace: self.workspace.clone(),
            overrides: self.stand_ins([&first].into_iter().chain(&others))?,
            limits,
            is_development: self.dev,
            warn_of_network: Some(warn_of_network),
            ..Options::new(&data_dir)
        };
        Providers::open(first, others, &options).map_err(|error| match error {
            Error::ProviderTwice(_) => CommandError::Usage(error.problem()),
            error => error.into(),
        })
    }

    async fn carry_over(&self, marketplace: &Marketplace) -> Result<(), CommandError> {
        let carried = marketplace.carry_over().await?;
        if carried != CarriedOver::default() {
            print_beside(&carried_over(&marketplace.plugin().manifest().name, carried));
        }
        Ok(())
    }

    /// What stands in for the providers' origins, of the arguments first.
    pub fn stand_ins<'a>(
        &self,
        plugins: impl IntoIterator<Item = &'a Plugin>,
    ) -> Result<Vec<OriginOverride>, CommandError> {
        let policies: Vec<Policy> = plugins
            .into_iter()
            .filter_map(|plugin| Policy::new(plugin.manifest(), &[]).ok())
            .collect();
        let is_asked_for =
            |stand_in: &&OriginOverride| policies.iter().any(|policy| policy.names(&stand_in.from));
        // A slip of the keyboard must not send requests to the provider itself.
        if let Some(unused) = self.provider_origin.iter().find(|stand_in| !is_asked_for(stand_in)) {
            return Err(CommandError::Usage(provider_origin_unused(unused, &policies)));
        }
        let mut all = self.provider_origin.clone();
        // One variable may serve several commands and plugins.
        let variable = std::env::var(ORIGINS_VARIABLE).unwrap_or_default();
        for text in variable.split_ascii_whitespace() {
            let stand_in = text.parse().map_err(|error| CommandError::Usage(malformed(&error)))?;
            if !is_asked_for(&&stand_in) {
                print_beside(&format!(
                    "Note: no plugin of this command calls {} ({ORIGINS_VARIABLE}).",
                    stand_in.from.ascii_serialization()
                ));
            }
            all.push(stand_in);
        }
        Ok(all)
    }
}

fn malformed(error: &crate::egress::PolicyError) -> Problem {
    Problem::new(
        "provider-origin-malformed",
        format!("The variable {ORIGINS_VARIABLE} cannot be used: {error}."),
        &["Give pairs such as https://api.example.com=http://127.0.0.1:8080, with spaces between."],
    )
}

fn provider_origin_unused(unused: &OriginOverride, policies: &[Policy]) -> Problem {
    let mut asked: Vec<String> = policies.iter().flat_map(Policy::names_of_origins).collect();
    asked.sort();
    asked.dedup();
    Problem::new(
        "provider-origin-unused",
        format!(
            "No plugin calls {}, so nothing can stand in for it. Nothing was done.",
            unused.from.ascii_serialization()
        ),
        &[&format!("Check --provider-origin. These are called: {}.", asked.join(", "))],
    )
}

/// Told before the first request to an origin on the network.
fn warn_of_network(origin: &str) {
    print_beside(&format!(
        "Warning: this component is not built in, and calls {origin} on the network now.\n  → If a fake was meant: give its address with --provider-origin {origin}=http://127.0.0.1:PORT"
    ));
}

fn carried_over(provider: &str, carried: CarriedOver) -> String {
    let installations = match carried.moved {
        0 => "no installation".to_owned(),
        1 => "1 installation".to_owned(),
        number => format!("{number} installations"),
    };
    let approved = if carried.is_approved {
        " It was approved without a review, in test mode only."
    } else {
        ""
    };
    format!(
        "Development: this component of {provider} asks for the same as the build before.{approved} It has got {installations} in test mode from it. Those in live mode stay with the component that you have approved."
    )
}
