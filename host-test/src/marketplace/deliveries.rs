//! Deliveries: from the raw bytes to the flow.
//!
//! A delivery to an installation's own URL goes straight to its plugin, which verifies it. At the
//! shared URL, which every merchant of a mode has, the plugin first says what the delivery names, and
//! the ledger whose that is. There a delivery that no known secret signed is a hint: the payment is
//! read with the merchant's credentials, and what the provider says counts.

use super::payments::ASKING;
use super::{Error, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{
    DeliveredEvent, Event, IgnoredDelivery, Installation, Mode, PaymentHint, Problem,
    ProviderError, Verification, WebhookError, WebhookIdentity, WebhookOutcome, WebhookOwner,
    WebhookRequest,
};
use crate::egress::{Egress, Quota};
use crate::ledger::{InstallationRow, Recorded, Scope, State, Truth};

/// The parameter of a webhook's URL that names an installation.
pub(super) const INSTALLATION: &str = "installation";

/// What a delivery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was new, and is in the ledger.
    Accepted,
    /// It was known.
    Duplicate,
    /// It is of no concern here.
    Ignored,
    /// It is not genuine or not understood.
    Refused,
    /// It could not be decided: it should be delivered again.
    TryAgain,
}

/// The answer to a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What it came to.
    pub verdict: Verdict,
    /// Why, where it was not simply taken.
    pub reason: Option<Problem>,
}

impl Answer {
    fn of(verdict: Verdict) -> Self {
        Self { verdict, reason: None }
    }

    pub(crate) fn because(verdict: Verdict, reason: Problem) -> Self {
        Self { verdict, reason: Some(reason) }
    }

    fn ignored(code: &str, message: &str) -> Self {
        Self::because(Verdict::Ignored, Problem::new(code, message, &[]))
    }
}

/// The URL that a delivery came to.
enum Door {
    /// The installation's own.
    Own,
    /// The one that all merchants share, and what the delivery names.
    Shared(WebhookIdentity),
}

impl Marketplace {
    /// Takes a delivery that was received at a time, in Unix seconds. What goes wrong on our side is
    /// `TryAgain`, so that nothing is lost.
    pub async fn deliver(&self, received_at: u64, request: WebhookRequest) -> Answer {
        match self.try_deliver(received_at, &request).await {
            Ok(answer) => answer,
            Err(error) => Answer::because(Verdict::TryAgain, error.problem()),
        }
    }

    async fn try_deliver(
        &self,
        received_at: u64,
        request: &WebhookRequest,
    ) -> Result<Answer, Error> {
        let named = url::form_urlencoded::parse(request.query.as_bytes())
            .find(|(name, _)| name == INSTALLATION)
            .map(|(_, id)| id.into_owned());
        let (row, door) = if let Some(id) = named {
            (self.row_named(id).await?, Door::Own)
        } else {
            let named = self.plugin.identify_webhook(received_at, request).await?;
            (self.row_of(named.clone()).await?, Door::Shared(named))
        };
        let Some(row) = row else {
            return self.unclaimed().await;
        };
        match row.state {
            State::Active => {
                let opened = self.open_row(row)?;
                self.handle(opened, &door, received_at, request).await
            }
            State::Uninstalled => Ok(Answer::ignored(
                "installation-removed",
                "The delivery is for an installation that has been removed.",
            )),
            // Not decided yet: an uninstall that fails leaves everything as it was.
            State::Installing | State::Uninstalling => {
                Ok(Answer::because(Verdict::TryAgain, Error::Unfinished(row.state).problem()))
            }
        }
    }

    /// Whose delivery at an installation's own URL it is. A webhook that was made by hand outlives its
    /// installation: the next one of the workspace takes over, if it is of the same mode.
    async fn row_named(&self, id: String) -> Result<Option<InstallationRow>, Error> {
        let provider = self.provider_id().to_owned();
        self.ledger(move |ledger| {
            // Another provider's installation is none of this plugin's business.
            let named = ledger.installation(&id)?.filter(|row| row.provider == provider);
            match named {
                Some(row) if row.state == State::Uninstalled && row.webhook_is_manual => {
                    let current = ledger.installation_of(&row.workspace, &row.provider)?;
                    let current = current.filter(|current| current.mode == row.mode);
                    Ok(Some(current.unwrap_or(row)))
                }
                named => Ok(named),
            }
        })
        .await
    }

    /// Whose delivery at the shared URL it is. A payment may outlive the installation that it was
    /// created with: then its workspace's current one takes over.
    async fn row_of(&self, named: WebhookIdentity) -> Result<Option<InstallationRow>, Error> {
        let provider = self.provider_id().to_owned();
        self.ledger(move |ledger| match ledger.addressee(&provider, &named)? {
            Some(row) if row.state == State::Uninstalled => {
                let current = ledger.installation_of(&row.workspace, &row.provider)?;
                Ok(Some(current.unwrap_or(row)))
            }
            row => Ok(row),
        })
        .await
    }

    /// A delivery that names nothing of ours.
    async fn unclaimed(&self) -> Result<Answer, Error> {
        self.note_unclaimed().await?;
        Ok(Answer::ignored(
            "installation-unknown",
            "The delivery is for no installation that is known here.",
        ))
    }

    /// Has the plugin say what a delivery means, and does it.
    async fn handle(
        &self,
        opened: Opened,
        door: &Door,
        received_at: u64,
        request: &WebhookRequest,
    ) -> Result<Answer, Error> {
        let Opened { row, record, credentials } = &opened;
        let quota = self.quotas.of(&row.id);
        let egress = self.egress(credentials.clone(), record.mode).await?;
        let egress = egress.charged_to(quota.clone());
        let outcome = self.plugin.handle_webhook(egress, received_at, record, request).await?;
        let outcome = outcome.map_err(|error| error.map(|problem| opened.redacted(problem)));
        let can_be_verified = record.webhook.verification == Verification::ByPlugin;
        match outcome {
            Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, event }))
                if can_be_verified =>
            {
                quota.give_back();
                let scope = self.scope(&row.workspace, record.mode);
                let egress = self.egress(credentials.clone(), record.mode).await?;
                let recorded = self.take(&event, &egress, record, &scope, Some(&row.id)).await?;
                Ok(answer_of(&recorded))
            }
            Ok(WebhookOutcome::Event(DeliveredEvent { event, .. })) => {
                match event.subject.payment_id() {
                    Some(id) => self.follow(&opened, &quota, id, None).await,
                    None => Ok(foreign()),
                }
            }
            Ok(WebhookOutcome::Ignored(IgnoredDelivery { verified, reason })) => {
                if verified && can_be_verified {
                    quota.give_back();
                    let id = row.id.clone();
                    self.ledger(move |ledger| ledger.note_verified(&id, now())).await?;
                }
                Ok(Answer::because(Verdict::Ignored, opened.redacted(reason)))
            }
            Ok(WebhookOutcome::Hint(PaymentHint { payment, mode })) => {
                self.follow(&opened, &quota, &payment, mode).await
            }
            Ok(WebhookOutcome::Other(reason)) => {
                Ok(Answer::because(Verdict::Ignored, opened.redacted(reason)))
            }
            Err(WebhookError::Unverified(reason)) => match door {
                Door::Shared(WebhookIdentity { payment: Some(payment), mode, .. }) => {
                    // The merchant's webhook has another secret than the one that was given.
                    if record.webhook.owner == WebhookOwner::Merchant {
                        self.note_refused(&row.id, &reason).await;
                    }
                    self.follow(&opened, &quota, payment, *mode).await
                }
                Door::Shared(_) => Ok(Answer::because(Verdict::Refused, reason)),
                Door::Own => {
                    self.note_refused(&row.id, &reason).await;
                    Ok(Answer::because(Verdict::Refused, reason))
                }
            },
            Err(WebhookError::Refused(reason)) => {
                self.note_refused(&row.id, &reason).await;
                Ok(Answer::because(Verdict::Refused, reason))
            }
            Err(WebhookError::Unavailable(reason) | WebhookError::Other(reason)) => {
                Ok(Answer::because(Verdict::TryAgain, reason))
            }
        }
    }

    /// Keeps why a delivery was not taken for genuine. It is not, whether that can be written down
    /// or not.
    async fn note_refused(&self, installation: &str, because: &Problem) {
        let (id, because) = (installation.to_owned(), because.clone());
        let _ = self.ledger(move |ledger| ledger.note_refused(&id, &because, now())).await;
    }

    /// A verified event: into the ledger, and with it to the flow. It was delivered to an
    /// installation, or found when the provider was asked.
    pub(super) async fn take(
        &self,
        event: &Event,
        egress: &Egress,
        record: &Installation,
        scope: &Scope,
        delivered_to: Option<&str>,
    ) -> Result<Recorded, Error> {
        let mut recorded = self.record(event, scope, delivered_to, Truth::NotAsked).await?;
        for _ in 0..ASKING {
            let Recorded::MustAsk(version) = recorded else { break };
            let Some(id) = event.subject.payment_id() else { break };
            let asked = self.plugin.get_payment(egress.clone(), record, id).await;
            let truth = match asked {
                Ok(Ok(payment)) => Truth::Fetched(Box::new(payment), version),
                // The event is kept, and the payment marked: the truth is still owed.
                Ok(Err(_)) | Err(_) => Truth::CouldNotAsk,
            };
            recorded = self.record(event, scope, delivered_to, truth).await?;
        }
        Ok(recorded)
    }

    async fn record(
        &self,
        event: &Event,
        scope: &Scope,
        delivered_to: Option<&str>,
        truth: Truth,
    ) -> Result<Recorded, Error> {
        let (event, scope) = (event.clone(), scope.clone());
        let delivered_to = delivered_to.map(str::to_owned);
        let recorded = self
            .ledger(move |ledger| {
                ledger.record_event(&scope, delivered_to.as_deref(), &event, &truth, now())
            })
            .await?;
        self.changes.send_replace(());
        Ok(recorded)
    }

    /// A hint: nothing in it is believed but that the provider may have something to say.
    async fn follow(
        &self,
        opened: &Opened,
        quota: &Quota,
        payment: &str,
        mode: Option<Mode>,
    ) -> Result<Answer, Error> {
        let record = &opened.record;
        if mode.is_some_and(|mode| mode != record.mode) {
            return Ok(Answer::ignored("other-mode", "The delivery is from the other mode."));
        }
        if !quota.take() {
            return Ok(Answer::because(
                Verdict::TryAgain,
                Problem::new(
                    "too-many-hints",
                    "Too many deliveries that cannot be verified have come at once.",
                    &["Run a repair, so that deliveries can be verified."],
                ),
            ));
        }
        let scope = self.scope(&opened.row.workspace, record.mode);
        let egress = self.egress(opened.credentials.clone(), record.mode).await?;
        match self.ask(&egress, record, &scope, payment).await {
            Ok(Some(_)) => Ok(Answer::of(Verdict::Accepted)),
            Ok(None) | Err(Error::Provider(ProviderError::NotFound(_))) => Ok(foreign()),
            Err(error) => Err(error),
        }
    }
}

fn answer_of(recorded: &Recorded) -> Answer {
    match recorded {
        Recorded::Recorded | Recorded::Early => Answer::of(Verdict::Accepted),
        Recorded::Duplicate => Answer::of(Verdict::Duplicate),
        Recorded::Foreign => foreign(),
        Recorded::MustAsk(_) => Answer::of(Verdict::TryAgain),
    }
}

/// A merchant's account has other business.
fn foreign() -> Answer {
    Answer::ignored("payment-foreign", "The payment was not created here.")
}
