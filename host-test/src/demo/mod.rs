//! The demo: a merchant, a flow and four customers on loopback, with the real component, HTTP and a ledger on
//! disk. Every step is checked. The first unexpected result ends the demo.

mod soak;
mod story;
mod year;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use fake_provider::{FakeStripe, UnsentDelivery};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use crate::contract::types::{CaptureMethod, Mode, Money, Problem};
use crate::egress::{Credentials, OriginOverride, client, redirect};
use crate::marketplace::{Error, InstallOptions, Marketplace, Options, PaymentOrder};
use crate::plugin::{Compiler, Plugin};
use crate::{bundled, server};
use soak::{SoakArgs, soak};
use story::Story;
use year::{YearArgs, year};

/// Stripe's test cards.
const PAYS: &str = "4242 4242 4242 4242";
const IS_DECLINED: &str = "4000 0000 0000 0002";
const ASKS_FOR_AUTHENTICATION: &str = "4000 0025 0000 3155";

/// Keys of the right form that belong to nobody.
const TEST_KEY: &str = "sk_test_51DemoDemoDemoDemoDemo";
const LIVE_KEY: &str = "sk_live_51DemoDemoDemoDemoDemo";
const PUBLISHABLE_KEY: &str = "pk_test_51DemoDemoDemoDemoDemo";

fn ensure(is_so: bool, otherwise: impl Into<String>) -> Result<()> {
    if is_so { Ok(()) } else { bail!(otherwise.into()) }
}

/// The commands that run everything on this machine.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs everything against a fake Stripe: install, customers, uninstall, live mode
    Demo,
    /// Kills a host repeatedly while deliveries are posted, and checks that none is lost
    Soak(SoakArgs),
    /// Plays a shop's year with a simulated clock, and compares its reads with what the provider allots
    Year(YearArgs),
}

impl Command {
    /// Runs the command. `quiet`: only the summary is printed.
    ///
    /// # Errors
    ///
    /// The first expectation that was not met.
    pub async fn run(self, quiet: bool) -> Result<Summary> {
        match self {
            Self::Demo => demo(quiet).await,
            Self::Soak(args) => soak(args).await,
            Self::Year(args) => year(args).await,
        }
    }
}

/// The result in numbers.
pub struct Summary {
    /// For a program.
    pub json: Value,
    /// For a person.
    pub text: String,
}

async fn demo(quiet: bool) -> Result<Summary> {
    let began = Instant::now();
    let data = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = format!("http://{}", listener.local_addr()?);
    let fake = start_fake(vec![
        replaced("https://chat-payments.jelou.dev", &host)?,
        replaced("https://chat-payments.jelou.ai", &host)?,
    ])
    .await?;
    let provider = format!("http://{}", fake.address());
    let marketplace = Arc::new(Marketplace::open(
        plugin().await?,
        &Options {
            workspace: "demo".to_owned(),
            overrides: vec![replaced("https://api.stripe.com", &provider)?],
            ..Options::new(data.path())
        },
    )?);
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server::serve(
        listener,
        Arc::clone(&marketplace),
        server::DoorLimits::default(),
        async {
            // An error means that the demo is over, too.
            let _ = stopped.await;
        },
    ));
    let mut story = Story {
        fake,
        marketplace,
        host,
        customer: client()?,
        position: 0,
        transitions: Vec::new(),
        quiet,
    };
    story.say(&format!("A fake Stripe at {provider}, the marketplace at {}.", story.host));
    let late = story.in_test_mode().await?;
    story.in_live_mode(late).await?;
    story.fake.delivered().await;
    let files = find_secrets(data.path())?;
    story.say(&format!("\nNo key and no signing secret in the clear in {files} files on disk."));

    let attempts = story.fake.attempts();
    let approved = story
        .transitions
        .iter()
        .filter(|transition| transition.output() == Some("Approved"))
        .count();
    let json = json!({
        "payments": 4,
        "approved": approved,
        "transitions": story.transitions,
        "deliveries": attempts.len(),
        "files_searched_for_secrets": files,
        "milliseconds": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    let text = format!(
        "\nIn numbers: 2 installations, 4 payments, {approved} approved once each, \
         {} deliveries verified in the sandbox, {} transitions of the flow, in {:.1} seconds.",
        attempts.len(),
        story.transitions.len(),
        began.elapsed().as_secs_f32()
    );
    drop(stop);
    served.await?;
    Ok(Summary { json, text })
}

/// The built-in plugin.
async fn plugin() -> Result<Plugin> {
    Ok(Plugin::load(bundled::COMPONENT, &Compiler::of_this_program()?).await?)
}

/// An order of a flow, in US dollars.
fn order(reference: String, minor_units: u64) -> PaymentOrder {
    PaymentOrder {
        reference,
        amount: Money { minor_units, currency: "usd".to_owned() },
        description: None,
        success_url: "https://example.com/thank-you".to_owned(),
        cancel_url: None,
        expires_at: None,
        capture_method: CaptureMethod::Automatic,
    }
}

/// An install with a key alone.
fn install_options(key: &str) -> InstallOptions {
    InstallOptions {
        credentials: Credentials::new([("api-key".to_owned(), key.to_owned().into())]),
        mode: None,
        webhook_is_manual: None,
        approve_origins: false,
    }
}

/// Starts a fake Stripe that delivers to the overrides.
async fn start_fake(overrides: Vec<OriginOverride>) -> Result<FakeStripe> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let deliver_to = Box::new(move |url: &Url| redirect(url, &overrides));
    Ok(FakeStripe::start(listener, client()?, deliver_to)?)
}

/// The problem of a use case that was expected to fail. Any other error ends the demo.
fn problem_of(error: &anyhow::Error) -> Result<Problem> {
    let failed = error.downcast_ref::<Error>();
    failed.map(Error::problem).with_context(|| format!("{error:#}"))
}

/// A loopback address in place of an origin.
fn replaced(from: &str, to: &str) -> Result<OriginOverride> {
    Ok(format!("{from}={to}").parse()?)
}

impl Story {
    async fn in_test_mode(&mut self) -> Result<UnsentDelivery> {
        self.chapter("1. The merchant pastes the wrong key, then the right one");
        match self.install(PUBLISHABLE_KEY).await {
            Err(error) => {
                let problem = problem_of(&error)?;
                ensure(problem.code == "key-publishable", problem.message.clone())?;
                self.say(&format!("   ✗ {}", problem.message));
                self.say(&format!("     → {}", problem.remedy.join(" ")));
            }
            Ok(_) => bail!("a publishable key was accepted"),
        }
        let connection = self.install(TEST_KEY).await?;
        self.show_connection(&connection, Mode::Test)?;
        self.check_status().await?;

        self.chapter("2. Ana pays, and the flow goes on");
        let url = self.ask("order-1", 1050).await?;
        self.pays(&url, PAYS).await?;
        self.expect("order-1", "Approved", true).await?;

        self.chapter("3. Ben is declined, then pays with another card");
        let url = self.ask("order-2", 2000).await?;
        self.pays(&url, IS_DECLINED).await?;
        self.expect("order-2", "Rejected", false).await?;
        self.pays(&url, PAYS).await?;
        self.expect("order-2", "Approved", true).await?;

        self.chapter("4. Cleo's bank asks who she is");
        let url = self.ask("order-3", 9900).await?;
        self.pays(&url, ASKS_FOR_AUTHENTICATION).await?;
        self.fake.delivered().await;
        let view = self.marketplace.payment("order-3").await?;
        ensure(view.stored.status.as_str() == "requires-action", "order-3 should wait")?;
        self.say("   The flow waits: the payment requires an action of the customer.");
        self.send(&format!("{url}/authenticate"), "outcome", "succeed").await?;
        self.say("   Cleo confirms it with her bank.");
        self.expect("order-3", "Approved", true).await?;

        self.chapter("5. Stripe delivers an event twice");
        self.fake.resend(false, "payment_intent.succeeded");
        self.fake.delivered().await;
        self.read_flow().await?;
        ensure(self.count("order-1", "Approved") == 1, "order-1 was approved twice")?;
        self.say("   It counts once.");
        self.fake
            .unsent_delivery(false, "payment_intent.succeeded")
            .context("nothing was delivered")
    }

    async fn in_live_mode(&mut self, late: UnsentDelivery) -> Result<()> {
        self.chapter("6. The merchant goes live: uninstall, then install with the live key");
        match self.install(LIVE_KEY).await {
            Err(error) => {
                let problem = problem_of(&error)?;
                ensure(problem.code == "mode-mismatch", problem.message.clone())?;
                self.say(&format!("   ✗ {}", problem.message));
            }
            Ok(_) => bail!("a live key was accepted"),
        }
        self.marketplace.uninstall(false).await?;
        ensure(self.fake.endpoint_ids(false).is_empty(), "the test webhook still exists")?;
        self.say("   ✓ Uninstalled: the webhook is deleted at Stripe, and the key is destroyed.");
        let connection = self.install(LIVE_KEY).await?;
        self.show_connection(&connection, Mode::Live)?;

        self.chapter("7. A delivery of test mode arrives late");
        let before = self.marketplace.transitions(Some(Mode::Test), 0, 1000).await?.len();
        let path = late.url.split_once("/link-webhook").map_or("", |(_, query)| query);
        let response = self
            .customer
            .post(format!("{}/link-webhook{path}", self.host))
            .header("stripe-signature", late.signature)
            .body(late.body)
            .send()
            .await?;
        ensure(response.status() == 200, format!("the answer was {}", response.status()))?;
        let after = self.marketplace.transitions(Some(Mode::Test), 0, 1000).await?.len();
        ensure(before == after, "the late delivery changed something")?;
        self.say("   200, ignored. Nothing changes.");

        self.chapter("8. Dora pays with real money");
        let url = self.ask("order-1", 1050).await?;
        self.pays(&url, PAYS).await?;
        self.expect("order-1", "Approved", true).await
    }
}

/// Searches every file for secrets. Returns the number of files.
fn find_secrets(directory: &std::path::Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(directory)? {
        let bytes = std::fs::read(entry?.path())?;
        count += 1;
        for secret in [TEST_KEY.as_bytes(), LIVE_KEY.as_bytes(), b"whsec_"] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret);
            ensure(!is_there, "a secret is on disk in the clear")?;
        }
    }
    Ok(count)
}
