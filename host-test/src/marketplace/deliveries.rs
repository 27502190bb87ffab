//! Deliveries: from the raw bytes to the flow.
//!
//! A delivery to an installation's own URL goes to the plugin, which verifies it. At the shared URL
//! the plugin first identifies the delivery, and the ledger finds the installation. A delivery at the
//! shared URL that fails verification is only a hint: the payment that it names is fetched with the
//! merchant's credentials (`hints`), and only the fetched payment counts.

use std::sync::Arc;
use std::time::Instant;

use super::delivery_trace::Trace;
use super::handle::Handle;
use super::payments::FETCH_ATTEMPTS;
use super::{DeliveryOutcome, DeliveryTarget, Error, Marketplace, OpenedInstallation};
use crate::contract::types::{
    DeliveredEvent, Event, IgnoredDelivery, PaymentHint, Verification, WebhookError,
    WebhookIdentity, WebhookOutcome, WebhookOwner, WebhookRequest,
};
use crate::egress::Quota;
use crate::foreign::AnswerError;
use crate::limit::Limit;
use crate::plugin::{CallError, Plugin};
use crate::sender::Sender;
use ledger::{EventOutcome, InstallationState, Refetch, Scope, StoredInstallation};

/// The URL that a delivery came to.
enum DeliveryUrl {
    /// The installation's own URL.
    Own,
    /// The shared URL, and what the delivery names there.
    Shared(WebhookIdentity),
}

impl Marketplace {
    /// Processes a delivery that was received at a time, in Unix seconds. A failure of the host is
    /// `RetryLater`, so that no delivery is lost.
    pub async fn deliver(
        &self,
        received_at: u64,
        target: &DeliveryTarget,
        sender: Sender,
        request: WebhookRequest,
    ) -> DeliveryOutcome {
        let trace = Trace::of(sender);
        let (outcome, trace) = self.process(received_at, target, &request, trace).await;
        self.keep_delivery(received_at, request, &outcome, trace).await;
        outcome
    }

    /// Processes a delivery, and says what is known of it then.
    pub(super) async fn process(
        &self,
        received_at: u64,
        target: &DeliveryTarget,
        request: &WebhookRequest,
        mut trace: Trace,
    ) -> (DeliveryOutcome, Trace) {
        let begun = Instant::now();
        let delivered = self.try_deliver(received_at, target, request, &mut trace).await;
        (self.conclude(delivered, &trace, begun.elapsed()), trace)
    }

    async fn try_deliver(
        &self,
        received_at: u64,
        target: &DeliveryTarget,
        request: &WebhookRequest,
        trace: &mut Trace,
    ) -> Result<DeliveryOutcome, Error> {
        // Nothing of a delivery is shown to a component that is not approved. One that is approved in test mode only
        // may look at those at the shared URL, where it has no installation and can call nobody.
        self.check_approval(None)?;
        let mut plugin = self.plugin.clone();
        let (stored, url) = if let Some(id) = &target.installation {
            (self.installation_named(id)?, DeliveryUrl::Own)
        } else {
            // The instance that has identified a delivery handles it as well: it knows no more than this delivery.
            plugin = plugin.reusing_one_instance();
            let identity = match plugin.identify_webhook(received_at, request).await {
                // What it names cannot be used, so it names nothing.
                Err(CallError::AnswerRefused(_)) => WebhookIdentity::nothing(),
                identified => identified?,
            };
            (self.installation_of(&identity)?, DeliveryUrl::Shared(identity))
        };
        let Some(stored) = stored else {
            self.count_unclaimed().await?;
            return Ok(DeliveryOutcome::ignored(
                "installation-unknown",
                "The delivery is for no installation that is known here.",
            ));
        };
        if let Some(id) = &target.installation {
            self.known.add(id);
        }
        trace.installation = Some(stored.id.clone());
        let is_draining = stored.draining_until.is_some();
        match stored.state {
            InstallationState::Active => {
                let opened = self.open_installation(stored).await?;
                self.receive(plugin, opened, &url, received_at, request, trace).await
            }
            InstallationState::Uninstalled if is_draining => {
                let opened = self.open_installation(stored).await?;
                self.receive(plugin, opened, &url, received_at, request, trace).await
            }
            InstallationState::Uninstalled => Ok(DeliveryOutcome::ignored(
                "installation-removed",
                "The delivery is for an installation that has been removed.",
            )),
            // An uninstall that fails makes the installation active again.
            InstallationState::Installing | InstallationState::Uninstalling => {
                Ok(DeliveryOutcome::RetryLater(Error::Unfinished(stored.state).problem()))
            }
        }
    }

    /// The installation that a delivery's URL names. A webhook that was created by hand may outlive
    /// its installation: then the workspace's current one in the same mode takes the delivery.
    fn installation_named(&self, id: &str) -> Result<Option<StoredInstallation>, Error> {
        self.read_now(|ledger| {
            // Another provider's installation must not reach this plugin.
            let is_own = |named: &StoredInstallation| named.provider == self.provider_id();
            let named = ledger.installation(id)?.filter(is_own);
            match named {
                Some(named)
                    if named.state == InstallationState::Uninstalled && named.webhook_is_manual =>
                {
                    let current = ledger.current_installation(&named.workspace, &named.provider)?;
                    let current = current.filter(|current| current.mode == named.mode);
                    Ok(Some(current.unwrap_or(named)))
                }
                named => Ok(named),
            }
        })
    }

    /// The installation that a delivery at the shared URL is for. A payment may outlive the
    /// installation that created it: then the workspace's current one takes the delivery.
    fn installation_of(
        &self,
        identity: &WebhookIdentity,
    ) -> Result<Option<StoredInstallation>, Error> {
        let names = identity.clone().into();
        self.read_now(|ledger| match ledger.find_recipient(self.provider_id(), &names)? {
            Some(found)
                if found.state == InstallationState::Uninstalled
                    && found.draining_until.is_none() =>
            {
                let current = ledger.current_installation(&found.workspace, &found.provider)?;
                Ok(Some(current.unwrap_or(found)))
            }
            found => Ok(found),
        })
    }

    /// Lets the plugin, which may have begun with it, read a delivery, and acts on the result.
    async fn receive(
        &self,
        plugin: Plugin,
        opened: OpenedInstallation,
        url: &DeliveryUrl,
        received_at: u64,
        request: &WebhookRequest,
        trace: &mut Trace,
    ) -> Result<DeliveryOutcome, Error> {
        let id = opened.stored.id.clone();
        let handle = self.handle(opened)?;
        let installation = &handle.installation;
        let quota = self.quotas.of(&id, trace.sender);
        trace.quota = Some(Arc::clone(&quota));
        let mut call = handle.call();
        call.egress = call.egress.charged_to(quota.clone());
        let begun = Instant::now();
        let outcome = plugin.handle_webhook(call, received_at, installation, request).await;
        // With its instance: nobody waits for its place while the result is stored.
        drop(plugin);
        trace.plugin = begun.elapsed();
        let outcome = match outcome {
            // It would be the same at every repetition.
            Err(CallError::AnswerRefused(why @ AnswerError::Malformed(_))) => {
                let reason = why.problem();
                self.count_refused(&id, &reason).await;
                return Ok(DeliveryOutcome::Refused(reason));
            }
            outcome => outcome?,
        };
        if trace.wants_said {
            trace.said = Some(outcome.clone());
        }
        let can_be_verified = installation.webhook.verification == Verification::ByPlugin;
        match outcome {
            Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, event }))
                if can_be_verified =>
            {
                self.is_verified(&id, &quota, trace);
                trace.event = Some(event.id.clone());
                let outcome = self.apply_event(event, &handle, &id).await?;
                self.close_marked(&handle).await;
                Ok(outcome.into())
            }
            Ok(WebhookOutcome::Event(DeliveredEvent { event, .. })) => {
                match event.subject.payment_id() {
                    Some(id) => self.follow_hint(&handle, trace, id, None).await,
                    None => Ok(DeliveryOutcome::foreign()),
                }
            }
            Ok(WebhookOutcome::Ignored(IgnoredDelivery { verified, reason })) => {
                if verified && can_be_verified {
                    self.is_verified(&id, &quota, trace);
                    self.change_at(move |ledger, now| ledger.record_verified_delivery(&id, now))
                        .await?;
                }
                Ok(DeliveryOutcome::Ignored(reason))
            }
            Ok(WebhookOutcome::Hint(PaymentHint { payment, mode })) => {
                self.follow_hint(&handle, trace, &payment, mode).await
            }
            Ok(WebhookOutcome::Other(reason)) => Ok(DeliveryOutcome::Ignored(reason)),
            Err(WebhookError::Unverified(reason)) => match url {
                DeliveryUrl::Shared(WebhookIdentity { payment: Some(payment), mode, .. }) => {
                    // The merchant has probably pasted another webhook's signing secret.
                    if installation.webhook.owner == WebhookOwner::Merchant {
                        self.count_refused(&id, &reason).await;
                    }
                    self.follow_hint(&handle, trace, payment, *mode).await
                }
                DeliveryUrl::Shared(_) => Ok(DeliveryOutcome::Refused(reason)),
                DeliveryUrl::Own => {
                    self.count_refused(&id, &reason).await;
                    Ok(DeliveryOutcome::Refused(reason))
                }
            },
            Err(WebhookError::Refused(reason)) => {
                self.count_refused(&id, &reason).await;
                Ok(DeliveryOutcome::Refused(reason))
            }
            Err(WebhookError::Unavailable(reason) | WebhookError::Other(reason)) => {
                Ok(DeliveryOutcome::RetryLater(reason))
            }
        }
    }

    /// The plugin has verified a delivery to an installation.
    fn is_verified(&self, installation: &str, quota: &Quota, trace: &mut Trace) {
        trace.is_verified = true;
        quota.give_back();
        self.forget_refused(installation);
    }

    /// Records an event that the provider has listed. Where the rule asks for the payment, it is marked to be asked
    /// about, once for all of its events.
    pub(super) async fn record_listed_event(
        &self,
        event: &Event,
        handle: &Handle,
    ) -> Result<EventOutcome, Error> {
        let event = Arc::new(event.clone().into());
        self.record_event(&event, &handle.scope, None, Refetch::Later).await
    }

    /// Records a verified event that was delivered to an installation, and fetches its payment where the rule asks
    /// for it.
    async fn apply_event(
        &self,
        event: Event,
        handle: &Handle,
        delivered_to: &str,
    ) -> Result<EventOutcome, Error> {
        let (scope, delivered_to) = (&handle.scope, Some(delivered_to));
        let event: Arc<ledger::types::Event> = Arc::new(event.into());
        let mut outcome = self.record_event(&event, scope, delivered_to, Refetch::NotTried).await?;
        for _ in 0..FETCH_ATTEMPTS {
            let EventOutcome::NeedsRefetch { version } = outcome else { break };
            let Some(id) = event.subject.payment_id() else { break };
            let fetched = handle.get_payment(id).await;
            let refetch = match fetched {
                Ok(Ok(payment)) => Refetch::Fetched { payment: Box::new(payment.into()), version },
                // The event is recorded, and the payment marked for a refetch in the background.
                Ok(Err(_)) | Err(_) => Refetch::Later,
            };
            outcome = self.record_event(&event, scope, delivered_to, refetch).await?;
        }
        Ok(outcome)
    }

    async fn record_event(
        &self,
        event: &Arc<ledger::types::Event>,
        scope: &Scope,
        delivered_to: Option<&str>,
        refetch: Refetch,
    ) -> Result<EventOutcome, Error> {
        let (event, scope) = (Arc::clone(event), scope.clone());
        let delivered_to = delivered_to.map(str::to_owned);
        let whose = delivered_to.clone().unwrap_or_default();
        let (outcome, deleted) = self
            .change_at(move |ledger, now| {
                let to = delivered_to.as_deref();
                let outcome = ledger.record_event(&scope, to, &event, &refetch, now)?;
                Ok((outcome, ledger.take_deleted_early_events()))
            })
            .await?;
        if deleted > 0 {
            self.telemetry.limit(Limit::EarlyEvents, &whose);
        }
        self.changes.send_replace(());
        self.mark_closing(outcome == EventOutcome::Recorded { has_closing: true });
        Ok(outcome)
    }
}
