//! Refunds.

use super::currency::{Rounding, from_stripe, to_stripe};
use super::get;
use super::map::AmountTooLarge;
use super::reference::check_reference;
use crate::bindings::brain_studio::payments::types::{
    Installation, Money, Payment, PaymentStatus, ProviderError, Refund, RefundRequest, RefundStatus,
};
use crate::metadata::tag_refund;
use crate::problem::problem;
use crate::stripe::{Client, Error, List, Params, RefundObject, is_id};

/// Refunds a part or all of a payment. A refund with the same reference is looked for first, because
/// Stripe forgets an idempotency key after a day.
pub fn refund(
    stripe: &Client,
    installation: &Installation,
    request: &RefundRequest,
) -> Result<Refund, ProviderError> {
    check_reference(&request.reference)?;
    let payment = get(stripe, installation, &request.payment)?;
    if payment.status != PaymentStatus::Approved {
        return Err(refused(
            "payment-not-paid",
            "This payment is not paid, so there is nothing to refund.",
            "To make sure that it is never paid, cancel it.",
        ));
    }
    if let Some(made) = find(stripe, &payment, &request.reference)? {
        let made = converted(made, installation)?;
        if request.minor_units.is_some_and(|asked| asked != made.amount.minor_units) {
            return Err(refused(
                "reference-used",
                "This reference was used before, for a refund of another amount.",
                "Use another reference for another refund.",
            ));
        }
        return Ok(made);
    }
    if payment.refunded.is_some_and(|refunded| refunded >= payment.received) {
        return Err(already_refunded());
    }
    let mut params = Params::new().with("payment_intent", &payment.id);
    if let Some(minor_units) = request.minor_units {
        let money = Money { minor_units, currency: payment.amount.currency };
        params.add("amount", &to_stripe(&money)?.to_string());
    }
    tag_refund(&mut params, installation, &request.reference, &request.attempt_id);
    match stripe.post("/v1/refunds", &params, Some(&request.idempotency_key)) {
        Ok(answer) => converted(answer.read()?, installation),
        Err(Error::Refused { code: Some(code), .. }) if code == "charge_already_refunded" => {
            Err(already_refunded())
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads a refund.
pub fn get_refund(
    stripe: &Client,
    installation: &Installation,
    id: &str,
) -> Result<Refund, ProviderError> {
    // Refunds of some methods have ids that begin with `pyr_`.
    if !is_id(id, "re_") && !is_id(id, "pyr_") {
        return Err(unknown_refund("This is not a Stripe refund id: those start with re_."));
    }
    let refund: RefundObject = match stripe.read(&format!("/v1/refunds/{id}"), &Params::new()) {
        Err(Error::NotFound(_)) => {
            return Err(unknown_refund(
                "Stripe does not have this refund in this mode and account.",
            ));
        }
        refund => refund?,
    };
    from_refund(refund, installation).ok().flatten().ok_or_else(|| Error::unreadable(false).into())
}

/// Converts a refund. None: it is of a charge without a PaymentIntent, which no payment of ours is.
pub fn from_refund(
    refund: RefundObject,
    installation: &Installation,
) -> Result<Option<Refund>, AmountTooLarge> {
    let Some(payment) = refund.payment_intent else {
        return Ok(None);
    };
    let minor_units =
        from_stripe(refund.amount, &refund.currency, Rounding::Down).ok_or(AmountTooLarge)?;
    let status = match refund.status.as_str() {
        "pending" => RefundStatus::Pending,
        "requires_action" => RefundStatus::RequiresAction,
        "succeeded" => RefundStatus::Succeeded,
        "failed" => RefundStatus::Failed,
        "canceled" => RefundStatus::Canceled,
        _ => RefundStatus::Other(refund.status),
    };
    let failure = matches!(status, RefundStatus::Failed).then(|| {
        problem(
            refund.failure_reason.as_deref().unwrap_or("refund-failed"),
            "The refund failed. The money is in the Stripe account again.",
            &["Return the money to the customer in another way, such as a bank transfer."],
        )
    });
    Ok(Some(Refund {
        id: refund.id,
        payment,
        reference: refund.metadata.refund_in(installation),
        attempt_id: refund.metadata.attempt_in(installation),
        status,
        amount: Money { minor_units, currency: refund.currency },
        failure,
        created_at: refund.created,
    }))
}

fn unknown_refund(message: &str) -> ProviderError {
    let step = "Give the refund's id at Stripe, from the account and mode of the installed key.";
    ProviderError::NotFound(problem("refund-not-found", message, &[step]))
}

/// Finds a payment's refund with this reference. One that failed or was canceled does not count: the merchant
/// has the money.
fn find(
    stripe: &Client,
    payment: &Payment,
    reference: &str,
) -> Result<Option<RefundObject>, Error> {
    let mut last: Option<String> = None;
    loop {
        let mut query = Params::new().with("payment_intent", &payment.id).with("limit", "100");
        if let Some(last) = &last {
            query.add("starting_after", last);
        }
        let page: List<RefundObject> = stripe.read("/v1/refunds", &query)?;
        last = page.data.last().map(|refund| refund.id.clone()).filter(|_| page.has_more);
        let mut refunds = page.data.into_iter();
        let found = refunds.find(|refund| {
            refund.metadata.refund.as_deref() == Some(reference)
                && !matches!(refund.status.as_str(), "failed" | "canceled")
        });
        if found.is_some() || last.is_none() {
            return Ok(found);
        }
    }
}

fn converted(refund: RefundObject, installation: &Installation) -> Result<Refund, ProviderError> {
    from_refund(refund, installation).ok().flatten().ok_or_else(|| Error::unreadable(true).into())
}

fn refused(code: &str, message: &str, step: &str) -> ProviderError {
    ProviderError::Refused(problem(code, message, &[step]))
}

fn already_refunded() -> ProviderError {
    refused(
        "payment-already-refunded",
        "This payment is completely refunded already.",
        "You do not have to do anything.",
    )
}
