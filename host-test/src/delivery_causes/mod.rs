//! Why a delivery is not verified: the host changes one thing after the other, and asks the plugin again.
//!
//! It knows no provider. What it can change is what usually goes wrong: the secret as it was pasted, the body as it was
//! passed on, a header, the clock. A change after which the signature fits is the cause, and not a guess. Only where none
//! does, what the secret looks like and what the delivery says of its mode are named.

mod body;
mod headers;
mod problems;
mod secret;

use crate::contract::types::{
    DeliveredEvent, IgnoredDelivery, Installation, Problem, WebhookError, WebhookOutcome,
    WebhookRequest,
};
use crate::plugin::{Call, CallError, Plugin};
use body::Before;
use problems::{
    blank_secret, body_changed, header_changed, not_asked, other_mode, secret_changed, wrong_time,
};

/// How many signing secrets are looked at. Our own choice: a provider has two while one is being rolled.
const MOST_SECRETS: usize = 16;
/// How many calls are made for one delivery. Our own choice: each takes less than a millisecond.
const MOST_TRIES: usize = 200;

/// A single delivery, and what it is verified with.
#[derive(Clone)]
pub struct Delivery {
    /// When it was received, in Unix seconds.
    pub received_at: u64,
    /// The installation, of which only the mode and the signing secrets count.
    pub installation: Installation,
    /// As it was received.
    pub request: WebhookRequest,
}

/// What a plugin says of a delivery.
pub type Outcome = Result<WebhookOutcome, WebhookError>;

/// Asks a plugin about a delivery, in a fresh instance. `call`: what it may reach.
///
/// # Errors
///
/// The call has no answer.
pub async fn verify(
    plugin: &Plugin,
    delivery: &Delivery,
    call: Call,
) -> Result<Outcome, CallError> {
    let Delivery { received_at, installation, request } = delivery;
    plugin.handle_webhook(call, *received_at, installation, request).await
}

/// The signing secret that verifies a delivery: its position, from 1. None: it is not needed, or none does alone.
///
/// # Errors
///
/// A call has no answer.
pub async fn fitting_secret(
    plugin: &Plugin,
    delivery: &Delivery,
) -> Result<Option<usize>, CallError> {
    let mut search = Search::new(plugin, delivery);
    search.position(delivery, &delivery.installation.webhook.signing_secrets).await
}

/// Why a delivery is refused, the surest first. Empty: no change that the host knows makes it verify.
///
/// # Errors
///
/// A call has no answer.
pub async fn causes(
    plugin: &Plugin,
    delivery: &Delivery,
    refused: &WebhookError,
) -> Result<Vec<Problem>, CallError> {
    if let WebhookError::Unavailable(problem) = refused {
        return Ok(vec![not_asked(problem)]);
    }
    let missing = headers::missing(plugin, delivery);
    if !missing.is_empty() {
        return Ok(missing);
    }
    if is_of_time(&refused.problem().code)
        && let Some((then, outcome)) = in_time(plugin, delivery).await?
    {
        let mut search = Search::new(plugin, &then);
        let problem = outcome.as_ref().err().map(WebhookError::problem);
        let code = problem.map_or("", |problem| &problem.code);
        return Ok(match (search.changes(code).await?, problem) {
            (Some(mut found), _) => {
                found.push(wrong_time(then.received_at, delivery.received_at, true));
                found
            }
            (None, Some(problem)) => search.signs(problem).await?,
            (None, None) => Vec::new(),
        });
    }
    let mut search = Search::new(plugin, delivery);
    let found = search.changes(&refused.problem().code).await?.unwrap_or_default();
    if found.is_empty() { search.signs(refused.problem()).await } else { Ok(found) }
}

/// A delivery that was refused for its time, as if it had come when it was signed, and what the plugin says then. A
/// plugin may check the time before the signature: only now it says more. None: the headers name no such time.
async fn in_time(
    plugin: &Plugin,
    delivery: &Delivery,
) -> Result<Option<(Delivery, Outcome)>, CallError> {
    for received_at in headers::times(plugin, delivery) {
        let then = Delivery { received_at, ..delivery.clone() };
        let outcome = verify(plugin, &then, plugin.offline_call()).await?;
        if !matches!(&outcome, Err(error) if is_of_time(&error.problem().code)) {
            return Ok(Some((then, outcome)));
        }
    }
    Ok(None)
}

struct Search<'a> {
    plugin: &'a Plugin,
    delivery: &'a Delivery,
    tries: usize,
}

impl<'a> Search<'a> {
    fn new(plugin: &'a Plugin, delivery: &'a Delivery) -> Self {
        Self { plugin, delivery, tries: 0 }
    }

    /// Whether the signature of a delivery fits. `refused_with`: the code with which it was refused, which cannot mean
    /// that it fits now.
    async fn fits(
        &mut self,
        delivery: &Delivery,
        refused_with: &str,
    ) -> Result<Option<Outcome>, CallError> {
        if self.tries >= MOST_TRIES {
            return Ok(None);
        }
        self.tries += 1;
        let outcome = verify(self.plugin, delivery, self.plugin.offline_call()).await?;
        let is_fitting = match &outcome {
            Ok(
                WebhookOutcome::Event(DeliveredEvent { verified, .. })
                | WebhookOutcome::Ignored(IgnoredDelivery { verified, .. }),
            ) => *verified,
            Ok(_) => false,
            // It would ask its provider, which it does only for a delivery that is signed.
            Err(WebhookError::Unavailable(_)) => true,
            Err(error) => {
                let code = error.problem().code.as_str();
                is_after_signature(code) && code != refused_with
            }
        };
        Ok(is_fitting.then_some(outcome))
    }

    /// The position of the first secret that fits alone, from 1.
    async fn position(
        &mut self,
        delivery: &Delivery,
        secrets: &[String],
    ) -> Result<Option<usize>, CallError> {
        for (secret, position) in secrets.iter().take(MOST_SECRETS).zip(1..) {
            if self.fits(&with_secrets(delivery, vec![secret.clone()]), "").await?.is_some() {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// The changes after which the signature fits, and then what is wrong with the time. None: it never fits.
    async fn changes(&mut self, code: &str) -> Result<Option<Vec<Problem>>, CallError> {
        let given = &self.delivery.installation.webhook.signing_secrets;
        let bare: Vec<_> =
            given.iter().take(MOST_SECRETS).map(|given| secret::bare(given)).collect();
        // All at once: a call may have many.
        let changed = bare.iter().flatten().map(|(bare, _)| bare.clone());
        let is_blank = |secret: &&String| secret.trim().is_empty();
        let usable = given.iter().take(MOST_SECRETS).filter(|secret| !is_blank(secret)).cloned();
        let usable: Vec<String> = usable.chain(changed).collect();
        if usable.is_empty() {
            return Ok(None);
        }
        let all = with_secrets(self.delivery, usable);
        let Some(Restored { delivery, outcome, header, body }) = self.restored(&all, code).await?
        else {
            let found = self.clock(&all, None).await?;
            return Ok((!found.is_empty()).then_some(found));
        };
        let mut causes = Vec::new();
        causes.extend(header.then(header_changed));
        causes.extend(body.map(|before| body_changed(&before)));
        if self.position(&delivery, given).await?.is_none() {
            for ((bare, position), secret) in bare.iter().zip(1..).zip(given) {
                let Some((bare, around)) = bare else { continue };
                if self.fits(&with_secrets(&delivery, vec![bare.clone()]), "").await?.is_some() {
                    causes.push(secret_changed(position, *around, secret));
                    break;
                }
            }
        } else if given.iter().any(|secret| is_blank(&secret)) {
            causes.push(blank_secret(given));
        }
        causes.extend(self.clock(&delivery, Some(&outcome)).await?);
        Ok(Some(causes))
    }

    /// The first change of the header or the body after which the signature fits.
    async fn restored(
        &mut self,
        all: &Delivery,
        code: &str,
    ) -> Result<Option<Restored>, CallError> {
        let bodies = body::before(&all.request.body);
        let mut headers = vec![all.clone()];
        headers.extend(headers::bare(self.plugin, all));
        for (delivery, header) in headers.iter().zip([false, true]) {
            // Nothing but the secrets, or the header, was changed.
            let refused_with = if is_after_signature(code) { "" } else { code };
            if let Some(outcome) = self.fits(delivery, refused_with).await? {
                let delivery = delivery.clone();
                return Ok(Some(Restored { delivery, outcome, header, body: None }));
            }
        }
        for before in bodies {
            for (delivery, header) in headers.iter().zip([false, true]) {
                let mut delivery = delivery.clone();
                delivery.request.body.clone_from(&before.body);
                if let Some(outcome) = self.fits(&delivery, code).await? {
                    return Ok(Some(Restored { delivery, outcome, header, body: Some(before) }));
                }
            }
        }
        Ok(None)
    }

    /// What is wrong with the time. `outcome`: what the plugin says now. None: the signature does not fit.
    async fn clock(
        &mut self,
        delivery: &Delivery,
        outcome: Option<&Outcome>,
    ) -> Result<Vec<Problem>, CallError> {
        if outcome.is_some_and(
            |outcome| !matches!(outcome, Err(error) if is_of_time(&error.problem().code)),
        ) {
            return Ok(Vec::new());
        }
        let signed = headers::times(self.plugin, delivery);
        let times = signed.into_iter().map(|time| (time, true));
        for (time, is_signed) in times.chain([(crate::clock::now(), false)]) {
            let then = Delivery { received_at: time, ..delivery.clone() };
            match self.fits(&then, "").await? {
                Some(Err(error)) if is_of_time(&error.problem().code) => {}
                Some(_) if time != delivery.received_at => {
                    return Ok(vec![wrong_time(time, delivery.received_at, is_signed)]);
                }
                _ => {}
            }
        }
        Ok(Vec::new())
    }

    /// What the delivery and the secrets look like, where no change helps.
    async fn signs(&self, refused: &Problem) -> Result<Vec<Problem>, CallError> {
        // What the plugin says of the delivery itself explains it: another secret would change nothing.
        if EXPLAINED.contains(&refused.code.as_str()) {
            return Ok(vec![refused.clone()]);
        }
        let installation = &self.delivery.installation;
        let secrets = installation.webhook.signing_secrets.iter().take(MOST_SECRETS).zip(1..);
        let mut signs: Vec<Problem> = secrets
            .filter_map(|(secret, position)| secret::another_kind(self.plugin, position, secret))
            .collect();
        let Delivery { received_at, request, .. } = self.delivery;
        let identity = self.plugin.identify_webhook(*received_at, request).await?;
        if let Some(mode) = identity.mode.filter(|mode| *mode != installation.mode) {
            signs.push(other_mode(mode, installation.mode));
        }
        Ok(signs)
    }
}

/// A delivery whose signature fits.
struct Restored {
    delivery: Delivery,
    outcome: Outcome,
    /// Whether a header was changed back.
    header: bool,
    /// The body that was changed back.
    body: Option<Before>,
}

/// Codes of deliveries that explain themselves. Source: the contract's list.
const EXPLAINED: [&str; 6] = [
    "secret-missing",
    "secret-blank",
    "signature-malformed",
    "signature-scheme-missing",
    "body-malformed",
    "thin-event",
];

/// Whether a delivery was refused for its time. Source: the contract's list of codes.
fn is_of_time(code: &str) -> bool {
    matches!(code, "timestamp-too-old" | "timestamp-in-future")
}

/// Whether a delivery that is refused with this code is signed with a secret that fits.
fn is_after_signature(code: &str) -> bool {
    is_of_time(code) || code == "thin-event"
}

fn with_secrets(delivery: &Delivery, secrets: Vec<String>) -> Delivery {
    let mut changed = delivery.clone();
    changed.installation.webhook.signing_secrets = secrets;
    changed
}
