//! The steps of the demo: what the merchant, the flow and the customers do.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fake_provider::FakeStripe;

use super::{ensure, install_options, order};
use crate::contract::types::{Mode, Verdict};
use crate::marketplace::{Connection, Marketplace};
use ledger::{Told, Transition};

/// How long the demo waits for a delivery.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// The parts of the demo.
pub struct Story {
    pub fake: FakeStripe,
    pub marketplace: Arc<Marketplace>,
    pub host: String,
    pub customer: reqwest::Client,
    /// The position of the last transition that the flow has read.
    pub position: u64,
    /// The transitions that the flow has read.
    pub transitions: Vec<Transition>,
    pub quiet: bool,
}

impl Story {
    pub fn say(&self, line: &str) {
        if !self.quiet {
            // Flushed, so that each step is seen when it happens. A closed output is no error.
            let mut output = std::io::stdout();
            let _ = writeln!(output, "{line}").and_then(|()| output.flush());
        }
    }

    pub fn chapter(&self, title: &str) {
        self.say(&format!("\n{title}"));
    }

    pub async fn install(&self, key: &str) -> Result<Connection> {
        Ok(self.marketplace.install(install_options(key)).await?)
    }

    pub fn show_connection(&self, connection: &Connection, mode: Mode) -> Result<()> {
        ensure(connection.mode == mode, "the mode is not the key's")?;
        ensure(connection.problem.is_none(), "the install has left a problem")?;
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
            // No delivery has arrived yet.
            if check.id == "delivery-verified" {
                continue;
            }
            ensure(check.verdict == Verdict::Pass, check.message.clone())?;
            self.say(&format!("   ✓ {}", check.message));
        }
        Ok(())
    }

    /// The flow creates a payment. Returns the URL of its page.
    pub async fn ask(&mut self, reference: &str, minor_units: u64) -> Result<String> {
        let request = order(reference.to_owned(), minor_units);
        let shown = crate::money::display(&request.amount);
        let view = self.marketplace.pay(request).await?;
        self.say(&format!("   The flow creates a payment of {shown} ({reference})."));
        self.expect(reference, "Pending", false).await?;
        view.stored.checkout_url.context("the payment has no page")
    }

    /// The customer enters a card on the page.
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

    /// The flow waits for a transition of a payment.
    pub async fn expect(&mut self, reference: &str, output: &str, is_final: bool) -> Result<()> {
        let mut changes = self.marketplace.changes();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                for transition in self.read_flow().await? {
                    if transition.reference == reference {
                        return Ok(transition);
                    }
                }
                if changes.changed().await.is_err() {
                    bail!("the marketplace has stopped");
                }
            }
        };
        let transition = tokio::time::timeout(DELIVERY_TIMEOUT, waiting)
            .await
            .with_context(|| format!("{reference} never became {output}"))??;
        let expected = Told::Output { output: output.to_owned(), r#final: is_final };
        ensure(
            transition.told == expected,
            format!("{reference} was told {:?} instead of {output}", transition.output()),
        )?;
        let ending = if is_final { " (final)" } else { "" };
        self.say(&format!("   ✓ The flow receives: {output}{ending}."));
        Ok(())
    }

    /// Reads the new transitions.
    pub async fn read_flow(&mut self) -> Result<Vec<Transition>> {
        let new = self.marketplace.transitions(None, self.position, 1000).await?;
        self.position = new.last().map_or(self.position, |transition| transition.position);
        self.transitions.extend(new.iter().cloned());
        Ok(new)
    }

    pub fn count(&self, reference: &str, output: &str) -> usize {
        self.transitions
            .iter()
            .filter(|one| one.reference == reference && one.output() == Some(output))
            .count()
    }
}
