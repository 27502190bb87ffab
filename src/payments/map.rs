//! The map from Stripe's Checkout Sessions, PaymentIntents and charges to the contract's payment.

use super::currency::{Rounding, from_stripe};
use crate::bindings::brain_studio::payments::types::{
    Awaited, CustomerLink, Installation, Mode, Money, Payment, PaymentStatus, Problem,
};
use crate::problem::problem;
use crate::stripe::{Charge, CheckoutSession, IntentOrId, PaymentError, PaymentIntent, Voucher};

/// An amount that is too large for the contract.
#[derive(Debug)]
pub struct AmountTooLarge;

/// The contract's status for a PaymentIntent's status. An unknown status is pending, and so is a payment
/// that is authorised but not captured.
fn status(status: &str, has_failed: bool) -> PaymentStatus {
    match status {
        "succeeded" => PaymentStatus::Approved,
        "canceled" => PaymentStatus::Canceled,
        "requires_action" => PaymentStatus::RequiresAction,
        "requires_payment_method" if has_failed => PaymentStatus::Rejected,
        _ => PaymentStatus::Pending,
    }
}

/// Who has to act, by a PaymentIntent's status. Only the Checkout Session has the customer's link.
fn awaited(status: &str, capture_before: Option<u64>) -> Awaited {
    match status {
        "succeeded" | "canceled" => Awaited::Nothing,
        "requires_capture" => Awaited::Completion(capture_before),
        "processing" => {
            Awaited::Provider("The customer's bank is processing the payment.".to_owned())
        }
        _ => Awaited::Customer(None),
    }
}

/// The mode of an object.
pub fn mode(livemode: bool) -> Mode {
    if livemode { Mode::Live } else { Mode::Test }
}

/// The payment of a PaymentIntent, which exists from the customer's first attempt on.
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
        attempt_id: intent.metadata.attempt_in(installation),
        mode: mode(intent.livemode),
        status: status(&intent.status, intent.last_payment_error.is_some()),
        awaits: match intent.voucher {
            Some(Voucher { url, expires_at }) => {
                Awaited::Customer(Some(CustomerLink { url, expires_at }))
            }
            None => awaited(&intent.status, intent.capture_before),
        },
        disputes: Vec::new(),
        provider_status: intent.status,
        amount: Money { minor_units: amount, currency: intent.currency },
        received,
        refunded,
        failure: intent.last_payment_error.map(failure),
        created_at: intent.created,
        extras: Vec::new(),
    })
}

/// The payment of a Checkout Session: by its PaymentIntent, if there is one, else by the session.
pub fn from_session(
    session: CheckoutSession,
    installation: &Installation,
) -> Result<Payment, AmountTooLarge> {
    let expires_at = session.expires_at;
    let link = session.url.filter(|_| session.status == "open");
    let link = link.map(|url| CustomerLink { url, expires_at });
    let intent_id = match session.payment_intent {
        Some(IntentOrId::Intent(intent)) => {
            // The customer can pay no more: the page has expired, or its voucher or debit has failed.
            let is_over = matches!(session.status.as_str(), "expired" | "complete")
                && intent.status == "requires_payment_method";
            let mut payment = from_intent(*intent, installation)?;
            payment.aliases.push(session.id);
            if is_over {
                payment.status = PaymentStatus::Canceled;
                payment.awaits = Awaited::Nothing;
            } else if let Awaited::Customer(known @ None) = &mut payment.awaits {
                *known = link;
            }
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
    let awaits = match (link, status) {
        (Some(link), _) => Awaited::Customer(Some(link)),
        (None, PaymentStatus::Canceled) => Awaited::Nothing,
        (None, _) => Awaited::Provider("Stripe is processing the payment.".to_owned()),
    };
    let id = intent_id.clone().unwrap_or_else(|| session.id.clone());
    Ok(Payment {
        aliases: intent_id.into_iter().chain([session.id]).collect(),
        id,
        reference: session.metadata.reference_in(installation),
        attempt_id: session.metadata.attempt_in(installation),
        mode: mode(session.livemode),
        status,
        awaits,
        disputes: Vec::new(),
        provider_status: session.status,
        amount: Money { minor_units, currency: session.currency },
        received: 0,
        refunded: None,
        failure: None,
        created_at: session.created,
        extras: Vec::new(),
    })
}

/// The payment of a charge. `charge.refunded` events carry a charge.
pub fn from_charge(charge: Charge, installation: &Installation) -> Result<Payment, AmountTooLarge> {
    let intent = PaymentIntent {
        id: charge.payment_intent,
        amount: charge.amount,
        amount_received: charge.amount_captured,
        amount_refunded: Some(charge.amount_refunded),
        currency: charge.currency,
        created: charge.created,
        livemode: charge.livemode,
        status: charge.status,
        voucher: None,
        last_payment_error: None,
        capture_before: None,
        is_disputed: false,
        metadata: charge.metadata,
    };
    from_intent(intent, installation)
}

/// The problem of a failed attempt to pay. The remedy is what the customer can do.
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
    fn status_map() {
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
