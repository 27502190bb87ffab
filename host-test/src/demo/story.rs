//! What the chapters are told with: the merchant, the flow and the customers.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fake_provider::FakeStripe;
use secrecy::SecretString;

use super::ensure;
use crate::contract::types::{CaptureMethod, Mode, Money, Verdict};
use crate::egress::Credentials;
use crate::ledger::Transition;
use crate::marketplace::{Connection, InstallOptions, Marketplace, PaymentOrder};

/// How long a webhook may take before the story is given up.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// The parts of the story.
pub struct Story {
    pub fake: FakeStripe,
    pub marketplace: Arc<Marketplace>,
    pub host: String,
    pub customer: reqwest::Client,
    /// How far the flow has read.
    pub position: u64,
    pub told: Vec<Transition>,
    pub quiet: bool,
}

impl Story {
    pub fn say(&self, line: &str) {
        if !self.quiet {
            // Each step is seen as it happens. A reader that has gone away is no concern of ours.
            let mut output = std::io::stdout();
            let _ = writeln!(output, "{line}").and_then(|()| output.flush());
        }
    }

    pub fn chapter(&self, title: &str) {
        self.say(&format!("\n{title}"));
    }

    pub async fn install(&self, key: &str) -> Result<Connection> {
        let key = ("api-key".to_owned(), SecretString::from(key));
        let options = InstallOptions {
            credentials: Credentials::new([key]),
            mode: None,
            webhook_is_manual: None,
            approve_origins: false,
        };
        Ok(self.marketplace.install(options).await?)
    }

    pub fn show_connection(&self, connection: &Connection, mode: Mode) -> Result<()> {
        ensure(connection.mode == mode, "the mode is not the key's")?;
        ensure(connection.problem.is_none(), "something is left to do after the install")?;
        ensure(
            self.fake.endpoint_ids(mode == Mode::Live).len() == 1,
            "there should be one webhook",
        )?;
        let name = if mode == Mode::Test { "test" } else { "live" };
        self.say(&format!("   ✓ Installed in {name} mode. The plugin has registered the webhook:"));
        self.say(&format!("     {}", connection.webhook_url));
        Ok(())
    }

    pub async fn check_status(&self) -> Result<()> {
        let (_, report) = self.marketplace.status().await?;
        for check in &report.checks {
            // No delivery can have come yet.
            if check.id == "delivery-verified" {
                continue;
            }
            ensure(check.verdict == Verdict::Pass, check.message.clone())?;
            self.say(&format!("   ✓ {}", check.message));
        }
        Ok(())
    }

    /// The flow asks for money.
    pub async fn ask(&mut self, reference: &str, minor_units: u64) -> Result<String> {
        let request = PaymentOrder {
            reference: reference.to_owned(),
            amount: Money { minor_units, currency: "usd".to_owned() },
            description: None,
            success_url: "https://example.com/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method: CaptureMethod::Automatic,
        };
        let shown = crate::money::display(&request.amount);
        let view = self.marketplace.pay(request).await?;
        self.say(&format!("   The flow asks for {shown} ({reference})."));
        self.expect(reference, "Pending", false).await?;
        view.stored.checkout_url.context("there is no page to pay on")
    }

    /// The customer pays on the page.
    pub async fn pays(&self, url: &str, card: &str) -> Result<()> {
        self.say(&format!("   The customer pays with the card {card}."));
        self.send(url, "card", card).await
    }

    pub async fn send(&self, url: &str, name: &str, value: &str) -> Result<()> {
        let form =
            url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        let response = self
            .customer
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await?;
        ensure(response.status().is_success(), format!("the page answered {}", response.status()))
    }

    /// The flow waits for a transition.
    pub async fn expect(&mut self, reference: &str, output: &str, is_final: bool) -> Result<()> {
        let mut changes = self.marketplace.changes();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                for told in self.read_flow().await? {
                    if told.reference == reference {
                        return Ok(told);
                    }
                }
                if changes.changed().await.is_err() {
                    bail!("the marketplace is gone");
                }
            }
        };
        let told = tokio::time::timeout(DELIVERY_TIMEOUT, waiting)
            .await
            .with_context(|| format!("{reference} never became {output}"))??;
        ensure(
            told.output == output && told.r#final == is_final,
            format!("{reference} became {} instead of {output}", told.output),
        )?;
        let ending = if is_final { ", and that is final" } else { "" };
        self.say(&format!("   ✓ The flow is told: {output}{ending}."));
        Ok(())
    }

    /// Reads what is new.
    pub async fn read_flow(&mut self) -> Result<Vec<Transition>> {
        let new = self.marketplace.transitions(self.position).await?;
        self.position = new.last().map_or(self.position, |told| told.position);
        self.told.extend(new.iter().cloned());
        Ok(new)
    }

    pub fn count(&self, reference: &str, output: &str) -> usize {
        self.told.iter().filter(|told| told.reference == reference && told.output == output).count()
    }
}
