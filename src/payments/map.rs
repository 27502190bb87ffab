//! What Stripe says of a payment, in the contract's words.

use super::currency::{Rounding, from_stripe};
use crate::bindings::brain_studio::payments::types::{
    Installation, Mode, Money, Payment, PaymentStatus, Problem,
};
use crate::problem::problem;
use crate::stripe::{CheckoutSession, IntentOrId, PaymentError, PaymentIntent};

/// An amount that does not fit.
#[derive(Debug)]
pub struct AmountTooLarge;

/// The status map. A word that is not known is pending, and so is money that is authorised and
/// not captured.
fn status(word: &str, has_failed: bool) -> PaymentStatus {
    match word {
        "succeeded" => PaymentStatus::Approved,
        "canceled" => PaymentStatus::Canceled,
        "requires_action" => PaymentStatus::RequiresAction,
        "requires_payment_method" if has_failed => PaymentStatus::Rejected,
        _ => PaymentStatus::Pending,
    }
}

/// Which mode an object of Stripe's belongs to.
pub fn mode(livemode: bool) -> Mode {
    if livemode { Mode::Live } else { Mode::Test }
}

/// A payment from the customer's first attempt on.
pub fn from_intent(
    intent: PaymentIntent,
    installation: &Installation,
) -> Result<Payment, AmountTooLarge> {
    let count =
        |amount, rounding| from_stripe(amount, &intent.currency, rounding).ok_or(AmountTooLarge);
    let amount = count(intent.amount, Rounding::Up)?;
    let received = count(intent.amount_received, Rounding::Down)?;
    let refunded =
        intent.amount_refunded.map(|amount| count(amount, Rounding::Down)).transpose()?;
    Ok(Payment {
        aliases: vec![intent.id.clone()],
        id: intent.id,
        reference: intent.metadata.reference_in(installation),
        mode: mode(intent.livemode),
        status: status(&intent.status, intent.last_payment_error.is_some()),
        provider_status: intent.status,
        amount: Money { minor_units: amount, currency: intent.currency },
        received,
        refunded,
        failure: intent.last_payment_error.map(failure),
        checkout_url: None,
        created_at: intent.created,
        extras: Vec::new(),
    })
}

/// A payment by its page: the PaymentIntent's truth once there is one, the page's own before.
pub fn from_session(
    session: CheckoutSession,
    installation: &Installation,
) -> Result<Payment, AmountTooLarge> {
    let checkout_url = session.url.filter(|_| session.status == "open");
    let intent_id = match session.payment_intent {
        Some(IntentOrId::Intent(intent)) => {
            let mut payment = from_intent(*intent, installation)?;
            payment.aliases.push(session.id);
            payment.checkout_url = checkout_url;
            return Ok(payment);
        }
        Some(IntentOrId::Id(id)) => Some(id),
        None => None,
    };
    let minor_units =
        from_stripe(session.amount_total, &session.currency, Rounding::Up).ok_or(AmountTooLarge)?;
    let status = match session.status.as_str() {
        "expired" if intent_id.is_none() => PaymentStatus::Canceled,
        _ => PaymentStatus::Pending,
    };
    let id = intent_id.clone().unwrap_or_else(|| session.id.clone());
    Ok(Payment {
        aliases: intent_id.into_iter().chain([session.id]).collect(),
        id,
        reference: session.metadata.reference_in(installation),
        mode: mode(session.livemode),
        status,
        provider_status: session.status,
        amount: Money { minor_units, currency: session.currency },
        received: 0,
        refunded: None,
        failure: None,
        checkout_url,
        created_at: session.created,
        extras: Vec::new(),
    })
}

/// Why an attempt failed, with a remedy where the customer can do something about it.
fn failure(error: PaymentError) -> Problem {
    let code = error.code.unwrap_or_else(|| "payment-failed".to_owned());
    let message = error.message.unwrap_or_else(|| "The payment did not succeed.".to_owned());
    let step = match code.as_str() {
        "insufficient_funds" => "Ask the customer to use another card.",
        "expired_card" => "Ask the customer for a card that has not expired.",
        "incorrect_cvc"
        | "invalid_cvc"
        | "incorrect_number"
        | "invalid_number"
        | "invalid_expiry_month"
        | "invalid_expiry_year"
        | "incorrect_zip" => "Ask the customer to check the card's details and try again.",
        "authentication_required" | "payment_intent_authentication_failure" => {
            "Ask the customer to try again and to confirm the payment with their bank."
        }
        "processing_error" | "issuer_not_available" | "try_again_later" => {
            "Ask the customer to try again in a few minutes."
        }
        _ => "Ask the customer to try another card, or to speak with their bank.",
    };
    problem(&code, message, &[step])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_map_is_the_designs() {
        let rows = [
            ("requires_payment_method", false, PaymentStatus::Pending),
            ("requires_payment_method", true, PaymentStatus::Rejected),
            ("requires_confirmation", false, PaymentStatus::Pending),
            ("requires_action", false, PaymentStatus::RequiresAction),
            ("requires_action", true, PaymentStatus::RequiresAction),
            ("processing", false, PaymentStatus::Pending),
            ("requires_capture", false, PaymentStatus::Pending),
            ("succeeded", false, PaymentStatus::Approved),
            ("canceled", true, PaymentStatus::Canceled),
            ("a_word_of_tomorrow", true, PaymentStatus::Pending),
        ];
        for (word, has_failed, expected) in rows {
            assert_eq!(status(word, has_failed), expected, "{word} {has_failed}");
        }
    }
}
