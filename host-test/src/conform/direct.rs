//! The plugin itself, called as a marketplace calls it: for what the contract says of single answers.

use std::sync::Arc;

use serde::Serialize;

use super::case::{Ending, described, expect, expect_contract, failed, not_applicable};
use super::error::KitError;
use super::evidence::{Evidence, shown};
use super::kit::{Kit, MadeBy};
use super::scenario::{Action, Amount, Missing};
use super::world::World;
use crate::clock;
use crate::contract::types::{
    Awaited, CaptureMethod, CompletionRequest, InstallRequest, Installation, Mode, Money, Payment,
    PaymentRequest, PaymentStatus, Problem, ProviderError, Refund, RefundRequest, WebhookError,
    WebhookOwner,
};
use crate::egress::{
    Clients, Credentials, Gateway, LoopbackOrigin, OriginOverride, Policy, RequestLimits,
};
use crate::fair_places::Owner;
use crate::marketplace::webhook_urls;
use crate::plugin::{Call, CallError, Plugin};
use crate::telemetry::Telemetry;

/// An installed plugin whose functions are called one by one.
pub struct Direct {
    /// What stands around it.
    pub world: World,
    /// The plugin.
    pub plugin: Plugin,
    /// What the plugin has made of `install` and `repair`.
    pub installation: Installation,
    /// What it was installed with.
    pub request: InstallRequest,
    credentials: Credentials,
    gateway: Gateway,
    telemetry: Arc<Telemetry>,
}

/// A new id, as the contract wants it.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl Direct {
    /// Starts a world and installs the plugin in test mode, as usual.
    ///
    /// # Errors
    ///
    /// The plugin cannot be installed, or the kit cannot run.
    pub async fn start(kit: Arc<Kit>, evidence: Evidence) -> Result<Self, Ending> {
        let made_by = kit.usual_webhook();
        let world = World::start(kit, evidence, Mode::Test).await?;
        Self::install(world, made_by).await
    }

    /// Installs the plugin in a world.
    ///
    /// # Errors
    ///
    /// The plugin cannot be installed, or the kit cannot run.
    pub async fn install(world: World, made_by: MadeBy) -> Result<Self, Ending> {
        let credentials = world.before_install(made_by).await?;
        let mut direct = Self::prepare(world, made_by, credentials)?;
        direct.install_again().await?;
        direct.world.after_install(made_by, &direct.own_url()).await?;
        Ok(direct)
    }

    /// Calls `install`, also once more at the same fake, after an uninstall.
    ///
    /// # Errors
    ///
    /// The plugin cannot be installed.
    pub async fn install_again(&mut self) -> Result<(), Ending> {
        let id = new_id();
        self.request.webhook_urls = webhook_urls(&self.plugin.manifest().provider_id, &id);
        self.request.installation_id = id;
        let installed = self.plugin.install(self.call(), &self.request).await;
        self.installation = self.expect_ok("install", installed)?;
        for secret in &self.installation.webhook.signing_secrets {
            self.world.evidence.hide(secret);
        }
        Ok(())
    }

    /// A plugin that is not installed yet.
    ///
    /// # Errors
    ///
    /// The manifest's rules refuse the credentials.
    pub fn prepare(
        world: World,
        made_by: MadeBy,
        credentials: Credentials,
    ) -> Result<Self, Ending> {
        let plugin = world.kit.plugin.clone();
        let manifest = plugin.manifest();
        let accepted = plugin.rules().classify(&credentials, world.chosen_mode());
        let accepted = accepted.or_else(|error| failed(described(error.problem())))?;
        let id = new_id();
        let request = InstallRequest {
            installation_id: id.clone(),
            workspace: new_id(),
            mode: accepted.mode,
            credentials: plugin.rules().for_plugin(&accepted, &credentials, |_| true),
            webhook_urls: webhook_urls(&manifest.provider_id, &id),
            webhook_owner: match made_by {
                MadeBy::Plugin => WebhookOwner::Plugin,
                MadeBy::Hand | MadeBy::HandWithoutSecret => WebhookOwner::Merchant,
            },
            known_payment: None,
        };
        let telemetry = Arc::new(Telemetry::new(&manifest.provider_id));
        let gateway = gateway(&plugin, &world.overrides, &telemetry)?;
        let installation = Installation::ad_hoc(Vec::new());
        Ok(Self { world, plugin, installation, request, credentials, gateway, telemetry })
    }

    /// What one call may reach.
    #[must_use]
    pub fn call(&self) -> Call {
        self.gateway.egress(self.owner(), self.request.mode, self.credentials.clone()).into()
    }

    /// The same, where nothing listens at the provider's addresses.
    ///
    /// # Errors
    ///
    /// The kit has no port.
    pub async fn call_to_nowhere(&self) -> Result<Call, Ending> {
        let failed = |error| KitError::Host(format!("no port could be opened: {error}"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = format!("http://{}", listener.local_addr().map_err(failed)?);
        // Nobody listens there from now on.
        drop(listener);
        let to = address.parse().map_err(KitError::from)?;
        let to: LoopbackOrigin = to;
        let closed = |of: &OriginOverride| OriginOverride { to: to.clone(), ..of.clone() };
        let overrides: Vec<OriginOverride> = self.world.overrides.iter().map(closed).collect();
        let gateway = gateway(&self.plugin, &overrides, &self.telemetry)?;
        Ok(gateway.egress(self.owner(), self.request.mode, self.credentials.clone()).into())
    }

    fn owner(&self) -> Owner {
        Owner::new(&self.plugin.manifest().provider_id, &self.request.installation_id)
    }

    /// Whether the host has denied a request.
    #[must_use]
    pub fn denied(&self) -> bool {
        self.telemetry.text().contains(r#"event="denied""#)
    }

    /// The URL of the installation.
    #[must_use]
    pub fn own_url(&self) -> String {
        let urls = &self.request.webhook_urls.installation;
        match self.request.mode {
            Mode::Test => urls.test.clone(),
            Mode::Live => urls.live.clone(),
        }
    }

    /// Writes an answer down. A call that was ended, or whose answer was refused, fails the case.
    ///
    /// # Errors
    ///
    /// The call was ended, or its answer is not what the contract allows.
    pub fn told<T: Serialize, E: Told>(
        &self,
        function: &str,
        answer: Result<Result<T, E>, CallError>,
    ) -> Result<Result<T, E>, Ending> {
        let evidence = &self.world.evidence;
        match answer {
            Ok(Ok(value)) => {
                let json = serde_json::to_vec(&value).unwrap_or_default();
                evidence.add(&format!("{function} → ok: {}", shown(&json)));
                Ok(Ok(value))
            }
            Ok(Err(error)) => {
                let problem = error.told();
                evidence.add(&format!("{function} → {}: {}", error.case(), described(problem)));
                expect_contract(problem).map_err(|ending| in_function(function, ending))?;
                Ok(Err(error))
            }
            Err(error) => {
                evidence.add(&format!("{function} → no answer: {error}"));
                Err(in_function(function, error.into()))
            }
        }
    }

    /// The value of an answer. An error fails the case.
    ///
    /// # Errors
    ///
    /// The answer is an error, or as `told`.
    pub fn expect_ok<T: Serialize, E: Told>(
        &self,
        function: &str,
        answer: Result<Result<T, E>, CallError>,
    ) -> Result<T, Ending> {
        match self.told(function, answer)? {
            Ok(value) => Ok(value),
            Err(error) => failed(format!(
                "{function} answers {} where nothing is wrong: {}",
                error.case(),
                described(error.told())
            )),
        }
    }

    /// A request for a payment of the scenario's first amount.
    #[must_use]
    pub fn order(&self) -> PaymentRequest {
        let amount = self.world.kit.scenario.amounts.first();
        let money = |amount: &Amount| Money {
            minor_units: amount.minor_units,
            currency: amount.currency.clone(),
        };
        let attempt_id = new_id();
        PaymentRequest {
            reference: format!("order-{attempt_id}"),
            idempotency_key: new_id(),
            attempt_id,
            reserved_at: clock::now(),
            amount: amount.map_or_else(|| Money { minor_units: 0, currency: String::new() }, money),
            description: Some("A parcel of the conformance kit".to_owned()),
            success_url: "https://shop.example/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method: CaptureMethod::Automatic,
        }
    }

    /// Creates a payment.
    ///
    /// # Errors
    ///
    /// It is not created.
    pub async fn create(&self, order: &PaymentRequest) -> Result<Payment, Ending> {
        let created = self.plugin.create_payment(self.call(), &self.installation, order).await;
        self.expect_ok("create-payment", created)
    }

    /// Reads a payment.
    ///
    /// # Errors
    ///
    /// It is not read.
    pub async fn get(&self, id: &str) -> Result<Payment, Ending> {
        let got = self.plugin.get_payment(self.call(), &self.installation, id).await;
        self.expect_ok("get-payment", got)
    }

    /// The customer does something on the payment's page.
    ///
    /// # Errors
    ///
    /// There is no page, or the scenario does not say how.
    pub async fn customer(&self, action: Action, payment: &Payment) -> Result<(), Ending> {
        let Some(link) = payment.checkout_url() else {
            return failed("the new payment has no page on which its customer pays");
        };
        self.world.set("link", link);
        self.world.set("payment", &payment.id);
        self.world.act(action).await
    }

    /// A request to complete a payment.
    #[must_use]
    pub fn completion(&self, order: &PaymentRequest, payment: &Payment) -> CompletionRequest {
        CompletionRequest {
            payment: payment.id.clone(),
            attempt_id: order.attempt_id.clone(),
            idempotency_key: new_id(),
            reserved_at: order.reserved_at,
            return_query: self.world.return_query(),
        }
    }

    /// A payment that its customer has paid, completed where that is needed.
    ///
    /// # Errors
    ///
    /// It does not become approved.
    pub async fn paid(&self, order: &PaymentRequest) -> Result<Payment, Ending> {
        let payment = self.create(order).await?;
        self.customer(Action::Pays, &payment).await?;
        let mut payment = self.get(&payment.id).await?;
        if matches!(payment.awaits, Awaited::Completion(_)) {
            let request = self.completion(order, &payment);
            let completed =
                self.plugin.complete_payment(self.call(), &self.installation, &request).await;
            payment = self.expect_ok("complete-payment", completed)?;
        }
        expect(payment.status == PaymentStatus::Approved, || {
            format!("the customer has paid, and the payment is {}", payment.status.as_str())
        })?;
        Ok(payment)
    }

    /// A payment that waits to be completed, and its order.
    ///
    /// # Errors
    ///
    /// No payment of the provider does.
    pub async fn to_be_completed(&self) -> Result<(PaymentRequest, Payment), Ending> {
        let scenario = &self.world.kit.scenario;
        if !scenario.can(Missing::Completion) {
            return not_applicable(Missing::Completion.because());
        }
        let mut order = self.order();
        if scenario.can(Missing::ManualCapture) {
            order.capture_method = CaptureMethod::Manual;
        }
        let payment = self.create(&order).await?;
        self.customer(Action::Pays, &payment).await?;
        let payment = self.get(&payment.id).await?;
        expect(matches!(payment.awaits, Awaited::Completion(_)), || {
            "the customer has approved the payment, and it does not await `completion`".to_owned()
        })?;
        Ok((order, payment))
    }

    /// A request to refund a payment in full.
    #[must_use]
    pub fn refund_of(payment: &Payment) -> RefundRequest {
        let attempt_id = new_id();
        RefundRequest {
            payment: payment.id.clone(),
            reference: format!("refund-{attempt_id}"),
            idempotency_key: new_id(),
            attempt_id,
            reserved_at: clock::now(),
            minor_units: None,
        }
    }

    /// Refunds a payment.
    ///
    /// # Errors
    ///
    /// It is not refunded.
    pub async fn refund(&self, request: &RefundRequest) -> Result<Refund, Ending> {
        let refunded = self.plugin.refund_payment(self.call(), &self.installation, request).await;
        self.expect_ok("refund-payment", refunded)
    }
}

fn gateway(
    plugin: &Plugin,
    overrides: &[OriginOverride],
    telemetry: &Arc<Telemetry>,
) -> Result<Gateway, KitError> {
    let policy = Policy::new(plugin.manifest(), overrides)?;
    let clients = Clients::new().map_err(|error| KitError::Host(format!("no client: {error}")))?;
    Ok(Gateway::new(clients, policy, RequestLimits::default(), Arc::clone(telemetry)))
}

fn in_function(function: &str, ending: Ending) -> Ending {
    match ending {
        Ending::Failed(why) => Ending::Failed(format!("{function}: {why}")),
        other => other,
    }
}

/// An error of the contract: its case and its problem.
pub trait Told {
    /// The case, as the contract spells it.
    fn case(&self) -> &'static str;
    /// The problem.
    fn told(&self) -> &Problem;
}

impl Told for ProviderError {
    fn case(&self) -> &'static str {
        match self {
            Self::InvalidCredentials(_) => "invalid-credentials",
            Self::PermissionMissing(_) => "permission-missing",
            Self::NotFound(_) => "not-found",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::UnknownOutcome(_) => "unknown-outcome",
            Self::KeySpent(_) => "key-spent",
            Self::ReplayedFailure(_) => "replayed-failure",
            Self::Other(_) => "other",
        }
    }

    fn told(&self) -> &Problem {
        self.problem()
    }
}

impl Told for WebhookError {
    fn case(&self) -> &'static str {
        match self {
            Self::Unverified(_) => "unverified",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Other(_) => "other",
        }
    }

    fn told(&self) -> &Problem {
        self.problem()
    }
}
