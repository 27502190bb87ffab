//! Giving money back.

use super::create::{check_reference, idempotency_key};
use super::currency::{Rounding, from_stripe, to_stripe};
use super::{fetch, get};
use crate::bindings::brain_studio::payments::types::{
    Installation, Money, Payment, PaymentStatus, ProviderError, Refund, RefundRequest,
};
use crate::metadata::tag_refund;
use crate::problem::problem;
use crate::stripe::{self, Error, Form, List, RefundObject};

/// Gives a part or all of a payment back. A refund of the same reference is looked for first:
/// Stripe forgets an idempotency key after a day.
pub fn refund(
    installation: &Installation,
    request: &RefundRequest,
) -> Result<Refund, ProviderError> {
    check_reference(&request.reference)?;
    let payment = get(installation, &request.payment)?;
    if payment.status != PaymentStatus::Approved {
        return Err(refused(
            "payment-not-paid",
            "This payment has not been paid, so there is nothing to give back.",
            "To keep it from being paid, cancel it.",
        ));
    }
    let currency = &payment.amount.currency;
    if let Some(made) = find(&payment, &request.reference)? {
        let amount = from_stripe(made.amount, currency, Rounding::Down);
        if request.minor_units.is_some_and(|asked| Some(asked) != amount) {
            return Err(refused(
                "reference-used",
                "This reference was used before, for a refund of another amount.",
                "Use another reference for another refund.",
            ));
        }
        return described(made, request, payment);
    }
    if payment.refunded.is_some_and(|refunded| refunded >= payment.received) {
        return Err(already_refunded());
    }
    let mut form = Form::new().with("payment_intent", &payment.id);
    if let Some(minor_units) = request.minor_units {
        let money = Money { minor_units, currency: currency.clone() };
        form.add("amount", &to_stripe(&money)?.to_string());
    }
    tag_refund(&mut form, installation, &request.reference);
    let key = idempotency_key("refund", &payment.id, 0, &request.reference);
    match stripe::post("/v1/refunds", &form, Some(&key)) {
        Ok(answer) => described(answer.read()?, request, get(installation, &payment.id)?),
        Err(Error::Refused { code: Some(code), .. }) if code == "charge_already_refunded" => {
            Err(already_refunded())
        }
        Err(error) => Err(error.into()),
    }
}

/// The refund of a payment that has a reference.
fn find(payment: &Payment, reference: &str) -> Result<Option<RefundObject>, Error> {
    let mut last: Option<String> = None;
    loop {
        let mut query = Form::new().with("payment_intent", &payment.id).with("limit", "100");
        if let Some(last) = &last {
            query.add("starting_after", last);
        }
        let page: List<RefundObject> = fetch("/v1/refunds", &query)?;
        last = page.data.last().map(|refund| refund.id.clone()).filter(|_| page.has_more);
        let mut refunds = page.data.into_iter();
        let found = refunds.find(|refund| refund.metadata.refund.as_deref() == Some(reference));
        if found.is_some() || last.is_none() {
            return Ok(found);
        }
    }
}

fn described(
    refund: RefundObject,
    request: &RefundRequest,
    payment: Payment,
) -> Result<Refund, ProviderError> {
    let currency = payment.amount.currency.clone();
    let minor_units = from_stripe(refund.amount, &currency, Rounding::Down)
        .ok_or_else(|| Error::unreadable(true))?;
    Ok(Refund {
        id: refund.id,
        reference: request.reference.clone(),
        status: refund.status,
        amount: Money { minor_units, currency },
        payment,
    })
}

fn refused(code: &str, message: &str, step: &str) -> ProviderError {
    ProviderError::Refused(problem(code, message, &[step]))
}

fn already_refunded() -> ProviderError {
    refused(
        "payment-already-refunded",
        "All of this payment has been given back already.",
        "Nothing has to be done.",
    )
}
