//! Payments and refunds: create, read, complete, cancel, refund, search, list events.

mod cancel;
mod complete;
mod create;
mod currency;
mod dispute;
mod events;
mod map;
mod reference;
mod refund;
mod search;

pub use cancel::cancel;
pub use complete::complete;
pub use create::create;
pub use events::{from_event, list_events};
pub use map::mode;
pub use refund::{get_refund, refund};
pub use search::{find, find_refund};

use crate::bindings::brain_studio::payments::types::{Installation, Payment, ProviderError};
use crate::problem::problem;
use crate::stripe::{
    CheckoutSession, Client, Error, IntentOrId, List, Params, PaymentIntent, is_id,
};

/// Reads a payment by the id of its Checkout Session or of its PaymentIntent.
pub fn get(
    stripe: &Client,
    installation: &Installation,
    id: &str,
) -> Result<Payment, ProviderError> {
    let (mut payment, is_disputed) = if is_id(id, "cs_") {
        let query = Params::new().with("expand[]", "payment_intent.latest_charge");
        let session: CheckoutSession =
            stripe.read(&format!("/v1/checkout/sessions/{id}"), &query)?;
        let is_disputed = matches!(
            &session.payment_intent,
            Some(IntentOrId::Intent(intent)) if intent.is_disputed
        );
        (map::from_session(session, installation).map_err(unreadable_amount)?, is_disputed)
    } else if is_id(id, "pi_") {
        let query = Params::new().with("expand[]", "latest_charge");
        let intent: PaymentIntent = stripe.read(&format!("/v1/payment_intents/{id}"), &query)?;
        let is_disputed = intent.is_disputed;
        let payment = match session_of(stripe, &intent)? {
            Some(mut session) => {
                session.payment_intent = Some(IntentOrId::Intent(Box::new(intent)));
                map::from_session(session, installation)
            }
            None => map::from_intent(intent, installation),
        };
        (payment.map_err(unreadable_amount)?, is_disputed)
    } else {
        return Err(ProviderError::NotFound(problem(
            "payment-not-found",
            "This is not a Stripe payment id: those start with pi_ or cs_.",
            &["Give the payment's reference, or its id at Stripe."],
        )));
    };
    if is_disputed {
        payment.extras.push(("disputed".to_owned(), "true".to_owned()));
        payment.disputes = dispute::disputes_of(stripe, &payment.id);
    }
    Ok(payment)
}

/// Reads a payment after a request that may have changed it. If that fails, it is not known what the request did.
pub fn get_changed(
    stripe: &Client,
    installation: &Installation,
    id: &str,
) -> Result<Payment, ProviderError> {
    get(stripe, installation, id).map_err(|error| match error {
        ProviderError::Unavailable(_) | ProviderError::Other(_) => Error::UnknownOutcome.into(),
        error => error,
    })
}

/// The Checkout Session of a PaymentIntent that waits for a payment method: only the session tells whether
/// the customer can still give one.
fn session_of(stripe: &Client, intent: &PaymentIntent) -> Result<Option<CheckoutSession>, Error> {
    if intent.status != "requires_payment_method" {
        return Ok(None);
    }
    let query = Params::new().with("payment_intent", &intent.id).with("limit", "1");
    let sessions: List<CheckoutSession> = stripe.read("/v1/checkout/sessions", &query)?;
    Ok(sessions.data.into_iter().next())
}

fn unreadable_amount(_: map::AmountTooLarge) -> ProviderError {
    Error::unreadable(false).into()
}
