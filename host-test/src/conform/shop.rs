//! A marketplace with the plugin: for what a flow and a merchant see.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::case::{Ending, described, expect, failed};
use super::door::{Delivery, PassOn};
use super::error::KitError;
use super::evidence::Evidence;
use super::kit::{Kit, MadeBy};
use super::scenario::{Action, Missing};
use super::world::World;
use crate::contract::types::{Awaited, CaptureMethod, Mode, Money};
use crate::egress::Credentials;
use crate::marketplace::{
    Connection, DeliveryOutcome, DeliveryTarget, Error, InstallOptions, Marketplace, Options,
    PaymentOrder, PaymentView,
};
use crate::sender::Sender;
use crate::server::{DoorLimits, serve};
use ledger::types::PaymentStatus;

/// A marketplace over a data folder of its own. Its public door stands behind that of the world.
pub struct Shop {
    /// What stands around it.
    pub world: World,
    /// The marketplace.
    pub marketplace: Arc<Marketplace>,
    /// The origin of its public door.
    pub origin: String,
    made_by: MadeBy,
    server: AbortHandle,
    _data: TempDir,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shop {
    /// Opens a marketplace in test mode, in which nothing is installed.
    ///
    /// # Errors
    ///
    /// The kit cannot run.
    pub async fn open(
        kit: Arc<Kit>,
        evidence: Evidence,
        mode: Mode,
        made_by: MadeBy,
    ) -> Result<Self, Ending> {
        let plugin = kit.plugin.clone();
        let world = World::start(kit, evidence, mode).await?;
        let data = tempfile::tempdir();
        let data = data.map_err(|error| KitError::Host(format!("no folder for data: {error}")))?;
        let options = Options { overrides: world.overrides.clone(), ..Options::new(data.path()) };
        let marketplace = Arc::new(Marketplace::open(plugin, &options)?);
        let failed = |error| KitError::Host(format!("no port could be opened: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let origin = format!("http://{}", listener.local_addr().map_err(failed)?);
        let shared = Arc::clone(&marketplace);
        let limits = DoorLimits::default();
        let server = tokio::spawn(serve(listener, shared, limits, std::future::pending()));
        world.door.pass_on(PassOn::To(origin.clone()));
        let server = server.abort_handle();
        Ok(Self { world, marketplace, origin, made_by, server, _data: data })
    }

    /// Installs the plugin. Returns also the credentials, to install again.
    ///
    /// # Errors
    ///
    /// The plugin cannot be installed, or the kit cannot run.
    pub async fn install(&self) -> Result<(Connection, Credentials), Ending> {
        let credentials = self.world.before_install(self.made_by).await?;
        let connection = self.install_with(&credentials).await;
        let connection = self.told("install", connection)?;
        self.world.after_install(self.made_by, &connection.installation_url).await?;
        Ok((connection, credentials))
    }

    /// Installs the plugin with credentials, once.
    ///
    /// # Errors
    ///
    /// As the marketplace's `install`.
    pub async fn install_with(&self, credentials: &Credentials) -> Result<Connection, Error> {
        let options = InstallOptions {
            credentials: credentials.clone(),
            mode: self.world.chosen_mode(),
            webhook_is_manual: Some(matches!(
                self.made_by,
                MadeBy::Hand | MadeBy::HandWithoutSecret
            )),
            approve_origins: true,
        };
        self.marketplace.install(options).await
    }

    /// Writes a result of the marketplace down. An error fails the case.
    ///
    /// # Errors
    ///
    /// It is an error.
    pub fn told<T>(&self, what: &str, result: Result<T, Error>) -> Result<T, Ending> {
        match result {
            Ok(value) => {
                self.world.evidence.add(&format!("{what} → ok"));
                Ok(value)
            }
            Err(error) => {
                let problem = error.problem();
                self.world.evidence.add(&format!("{what} → {}", described(&problem)));
                match Ending::from(error) {
                    Ending::Failed(why) => failed(format!("{what} failed: {why}")),
                    other => Err(other),
                }
            }
        }
    }

    /// An order of the scenario's first amount.
    #[must_use]
    pub fn order(&self, reference: &str, capture_method: CaptureMethod) -> PaymentOrder {
        let amount = self.world.kit.scenario.amounts.first();
        let (minor_units, currency) = amount
            .map_or((0, String::new()), |amount| (amount.minor_units, amount.currency.clone()));
        PaymentOrder {
            reference: reference.to_owned(),
            amount: Money { minor_units, currency },
            description: None,
            success_url: "https://shop.example/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method,
        }
    }

    /// Asks for a payment.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn pay(&self, reference: &str) -> Result<PaymentView, Ending> {
        let order = self.order(reference, CaptureMethod::Automatic);
        let paid = self.marketplace.pay(order).await;
        self.told("pay", paid)
    }

    /// The customer does something on the payment's page.
    ///
    /// # Errors
    ///
    /// There is no page, or the scenario does not say how.
    pub async fn customer(&self, action: Action, view: &PaymentView) -> Result<(), Ending> {
        let Some(id) = &view.stored.remote_id else {
            return failed("the new payment has no id of the provider");
        };
        // A customer may also pay without a page, such as with a code: a scenario that needs `{link}` says so.
        if let Some(link) = &view.stored.checkout_url {
            self.world.set("link", link);
        }
        self.world.set("payment", id);
        self.world.act(action).await
    }

    /// Whether a payment that its customer has approved has to be completed. Another payment tells, whose deliveries
    /// are kept.
    ///
    /// # Errors
    ///
    /// There is no other payment, or it cannot be read.
    pub async fn has_to_be_completed(&self) -> Result<bool, Ending> {
        let scenario = &self.world.kit.scenario;
        if !scenario.can(Missing::Completion) || !scenario.can(Missing::ManualCapture) {
            return Ok(scenario.can(Missing::Completion));
        }
        self.world.door.pass_on(PassOn::Nowhere);
        let view = self.pay("another-order").await?;
        self.customer(Action::Pays, &view).await?;
        let view = self.marketplace.payment("another-order").await;
        let view = self.told("payment", view)?;
        self.world.door.pass_on(PassOn::To(self.origin.clone()));
        let awaits = view.provider.map(|payment| payment.awaits);
        Ok(matches!(awaits, Some(Awaited::Completion(_))))
    }

    /// Completes the payment, if it awaits that. It asks the provider.
    ///
    /// # Errors
    ///
    /// It cannot be read or completed.
    pub async fn complete_if_needed(&self, reference: &str) -> Result<PaymentView, Ending> {
        let view = self.marketplace.payment(reference).await;
        let view = self.told("payment", view)?;
        let awaits = view.provider.as_ref().map(|payment| &payment.awaits);
        if !matches!(awaits, Some(Awaited::Completion(_))) {
            return Ok(view);
        }
        let query = self.world.return_query();
        let completed = self.marketplace.complete(reference, query).await;
        self.told("complete", completed)
    }

    /// Sends a delivery to the marketplace again, as it came.
    pub async fn deliver(&self, delivery: &Delivery) -> DeliveryOutcome {
        let target = DeliveryTarget::parse(&delivery.query);
        let (now, request) = (self.marketplace.now(), delivery.request());
        let outcome = self.marketplace.deliver(now, &target, Sender::default(), request).await;
        self.world.evidence.add(&format!("the delivery again → {}", outcome.as_str()));
        outcome
    }

    /// Asks for a payment that its customer pays, completed where that is needed.
    ///
    /// # Errors
    ///
    /// It does not become approved.
    pub async fn paid(&self, reference: &str) -> Result<PaymentView, Ending> {
        let view = self.pay(reference).await?;
        self.customer(Action::Pays, &view).await?;
        let view = self.complete_if_needed(reference).await?;
        let status = view.stored.status;
        expect(status == PaymentStatus::Approved, || {
            format!("the customer has paid, and the payment is {}", status.as_str())
        })?;
        Ok(view)
    }

    /// The outputs that the flow has got of a payment, in order.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn outputs(&self, reference: &str) -> Result<Vec<String>, Ending> {
        let transitions = self.marketplace.transitions(None, 0, 1000).await?;
        let of_reference = transitions.iter().filter(|told| told.reference == reference);
        Ok(of_reference.filter_map(|told| told.output().map(str::to_owned)).collect())
    }

    /// Waits until the flow has got an output. `false`: it has not in time.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn waits_for(&self, reference: &str, output: &str) -> Result<bool, Ending> {
        let mut changes = self.marketplace.changes();
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(15);
        loop {
            if self.outputs(reference).await?.iter().any(|told| told == output) {
                return Ok(true);
            }
            if tokio::time::timeout_at(until, changes.changed()).await.is_err() {
                return Ok(false);
            }
        }
    }
}
