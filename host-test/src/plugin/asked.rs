//! Whether an answer is about what was asked for. A plugin that mixes up two payments must not move money.

use crate::contract::types::{
    AttemptSearch, EventPage, EventQuery, Installation, Payment, PaymentRequest,
    PaymentSearchResult, Refund, RefundRequest, RefundSearch, RefundSearchResult,
};
use crate::foreign::AnswerError;

type Checked = Result<(), AnswerError>;

fn is_asked(is_asked: bool, field: &'static str) -> Checked {
    if is_asked { Ok(()) } else { Err(AnswerError::NotAsked(field)) }
}

fn of_mode(payment: &Payment, installation: &Installation) -> Checked {
    is_asked(payment.mode == installation.mode, "mode")
}

/// The payment that a request has created.
pub fn created(
    payment: &Payment,
    installation: &Installation,
    request: &PaymentRequest,
) -> Checked {
    of_mode(payment, installation)?;
    is_asked(payment.reference.as_ref() == Some(&request.reference), "reference")?;
    is_asked(payment.attempt_id.as_ref() == Some(&request.attempt_id), "attempt id")?;
    is_asked(payment.amount == request.amount, "amount")
}

/// The payment with this id, whichever of its ids that is.
pub fn named(payment: &Payment, installation: &Installation, id: &str) -> Checked {
    of_mode(payment, installation)?;
    is_asked(payment.id == id || payment.aliases.iter().any(|alias| alias == id), "payment id")
}

/// What was found of an attempt.
pub fn found(
    result: &PaymentSearchResult,
    installation: &Installation,
    search: &AttemptSearch,
) -> Checked {
    let PaymentSearchResult::Found(payment) = result else { return Ok(()) };
    of_mode(payment, installation)?;
    is_asked(payment.attempt_id.as_ref() == Some(&search.attempt_id), "attempt id")
}

/// The refund that a request has made. It may be of an earlier attempt of the same reference.
pub fn refunded(refund: &Refund, request: &RefundRequest) -> Checked {
    let is_same = |reference: &String| *reference == request.reference;
    is_asked(refund.reference.as_ref().is_none_or(is_same), "reference")?;
    let is_amount = |minor_units| minor_units == refund.amount.minor_units;
    is_asked(request.minor_units.is_none_or(is_amount), "amount")
}

/// What was found of a refund's attempt.
pub fn found_refund(result: &RefundSearchResult, search: &RefundSearch) -> Checked {
    let RefundSearchResult::Found(refund) = result else { return Ok(()) };
    is_asked(refund.attempt_id.as_ref() == Some(&search.attempt_id), "attempt id")
}

/// A page of events.
pub fn listed(page: &EventPage, query: &EventQuery) -> Checked {
    let has_room = u32::try_from(page.events.len()).is_ok_and(|events| events <= query.limit);
    is_asked(has_room, "number of events")
}

/// The refund with this id.
pub fn named_refund(refund: &Refund, id: &str) -> Checked {
    is_asked(refund.id == id, "refund id")
}
