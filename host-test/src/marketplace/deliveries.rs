//! Deliveries: from the raw bytes to the flow.
//!
//! With the installation's id in the query a delivery verifies with that installation's secrets or
//! is refused. At the bare URL, which every merchant of a mode shares, one that no known secret
//! signed is a hint: the payment is fetched with the merchant's key, and the fetched truth counts.

use super::payments::ASKING;
use super::{Error, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{
    Installation, PaymentEvent, Problem, ProviderError, WebhookError, WebhookHint, WebhookOutcome,
    WebhookRequest,
};
use crate::egress::Egress;
use crate::ledger::{Recorded, Scope, State, Truth};

/// The parameter of a webhook's URL that names an installation.
const INSTALLATION: &str = "installation";

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

impl Marketplace {
    /// Takes a delivery. What goes wrong on our side is `TryAgain`, so that nothing is lost.
    pub async fn deliver(&self, request: WebhookRequest) -> Answer {
        match self.try_deliver(request).await {
            Ok(answer) => answer,
            Err(error) => Answer::because(Verdict::TryAgain, error.problem()),
        }
    }

    async fn try_deliver(&self, request: WebhookRequest) -> Result<Answer, Error> {
        let hint = match self.plugin.peek_webhook(&request).await? {
            Ok(hint) => hint,
            Err(error) => return Ok(refused_or_later(&error)),
        };
        let is_named_in_query = url::form_urlencoded::parse(request.query.as_bytes())
            .any(|(name, _)| name == INSTALLATION);
        let opened = match self.addressee(&hint, is_named_in_query).await? {
            Ok(opened) => opened,
            Err(answer) => return Ok(answer),
        };
        let scope = self.scope(&opened.row.workspace, opened.record.mode);
        if opened.record.webhook.signing_secrets.is_empty() {
            return self.follow(&hint, opened, scope, None).await;
        }
        let egress = self.egress(opened.credentials.clone()).await?;
        let record = opened.record.clone();
        match self.plugin.handle_webhook(egress.clone(), record, request).await? {
            Ok(WebhookOutcome::Payment(event)) => {
                let delivered_to = Some(opened.row.id.as_str());
                let recorded =
                    self.take(&event, &egress, &opened.record, &scope, delivered_to).await?;
                Ok(answer_of(&recorded))
            }
            Ok(WebhookOutcome::Ignored(reason) | WebhookOutcome::Other(reason)) => {
                self.ledger(move |ledger| ledger.note_verified(&opened.row.id, now())).await?;
                Ok(Answer::because(Verdict::Ignored, reason))
            }
            Err(WebhookError::Refused(reason))
                if reason.code == "signature-mismatch" && !is_named_in_query =>
            {
                // The merchant's webhook has another secret than the one that was given.
                if self.is_made_by_hand(&opened.record) {
                    self.note_refused(&opened.row.id, &reason).await;
                }
                self.follow(&hint, opened, scope, Some(reason)).await
            }
            Err(error) => {
                if let WebhookError::Refused(reason) = &error {
                    self.note_refused(&opened.row.id, reason).await;
                }
                Ok(refused_or_later(&error))
            }
        }
    }

    /// Keeps why a delivery was not taken for genuine. It is not, whether that can be written down
    /// or not.
    async fn note_refused(&self, installation: &str, because: &Problem) {
        let (id, because) = (installation.to_owned(), because.clone());
        let _ = self.ledger(move |ledger| ledger.note_refused(&id, &because, now())).await;
    }

    /// Whose delivery it is; or the answer, where it is nobody's.
    async fn addressee(
        &self,
        hint: &WebhookHint,
        is_named_in_query: bool,
    ) -> Result<Result<Opened, Answer>, Error> {
        let unknown = || {
            Answer::ignored(
                "installation-unknown",
                "The delivery is for no installation that is known here.",
            )
        };
        let Some(id) = hint.installation.clone() else {
            return Ok(Err(unknown()));
        };
        let Some(mut row) = self.ledger(move |ledger| ledger.installation(&id)).await? else {
            return Ok(Err(unknown()));
        };
        // Another provider's installation is none of this plugin's business.
        if row.provider != self.provider_id() {
            return Ok(Err(unknown()));
        }
        // A payment may outlive the installation that it was created with: its workspace's current
        // one takes over, unless the delivery was addressed to the old one.
        if row.state == State::Uninstalled && !is_named_in_query {
            let (workspace, provider) = (row.workspace.clone(), row.provider.clone());
            let current =
                self.ledger(move |ledger| ledger.installation_of(&workspace, &provider)).await?;
            row = current.unwrap_or(row);
        }
        Ok(match row.state {
            State::Active => Ok(self.open_row(row)?),
            State::Uninstalled => Err(Answer::ignored(
                "installation-removed",
                "The delivery is for an installation that has been removed.",
            )),
            // Not decided yet: an uninstall that fails leaves everything as it was.
            State::Installing | State::Uninstalling => {
                Err(Answer::because(Verdict::TryAgain, Error::Unfinished(row.state).problem()))
            }
        })
    }

    /// A verified event: into the ledger, and with it to the flow. It was delivered to an
    /// installation, or found when the provider was asked.
    pub(super) async fn take(
        &self,
        event: &PaymentEvent,
        egress: &Egress,
        record: &Installation,
        scope: &Scope,
        delivered_to: Option<&str>,
    ) -> Result<Recorded, Error> {
        let mut recorded = self.record(event, scope, delivered_to, Truth::NotAsked).await?;
        for _ in 0..ASKING {
            let Recorded::MustAsk(version) = recorded else { break };
            let id = event.payment.id.clone();
            let asked = self.plugin.get_payment(egress.clone(), record.clone(), id).await;
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
        event: &PaymentEvent,
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
        hint: &WebhookHint,
        opened: Opened,
        scope: Scope,
        refusal: Option<Problem>,
    ) -> Result<Answer, Error> {
        let Some(payment) = hint.payment.clone() else {
            return Ok(Answer::because(
                Verdict::Refused,
                refusal.unwrap_or_else(|| {
                    Problem::new(
                        "secret-missing",
                        "No signing secret is known, and the delivery names no payment to ask about.",
                        &["Run a repair, so that deliveries can be verified."],
                    )
                }),
            ));
        };
        if hint.mode.is_some_and(|mode| mode != opened.record.mode) {
            return Ok(Answer::ignored("other-mode", "The delivery is from the other mode."));
        }
        if !self.hints.allows(&opened.row.id) {
            return Ok(Answer::because(
                Verdict::TryAgain,
                Problem::new(
                    "too-many-hints",
                    "Too many deliveries that cannot be verified have come at once.",
                    &["Run a repair, so that deliveries can be verified."],
                ),
            ));
        }
        let egress = self.egress(opened.credentials).await?;
        match self.ask(&egress, &opened.record, &scope, &payment).await {
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

fn refused_or_later(error: &WebhookError) -> Answer {
    let verdict = match error {
        WebhookError::Refused(_) => Verdict::Refused,
        WebhookError::Unavailable(_) | WebhookError::Other(_) => Verdict::TryAgain,
    };
    Answer::because(verdict, error.problem().clone())
}
