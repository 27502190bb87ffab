//! Searching for the payment or refund of an attempt whose request had no answer.

use super::refund::from_refund;
use super::{get, unreadable_amount};
use crate::bindings::brain_studio::payments::types::{
    AttemptSearch, Installation, PaymentSearchResult, ProviderError, RefundSearch,
    RefundSearchResult,
};
use crate::problem::problem;
use crate::stripe::{CheckoutSession, Client, List, Params, RefundObject, is_id};

/// How far Stripe's clock may be behind the host's, in seconds. Our own choice.
const CLOCK_SKEW: u64 = 300;

/// Searches for the Checkout Session of an attempt. Stripe lists sessions by the time of their creation
/// and not by metadata, so each call reads a page of 100, the newest first.
pub fn find(
    stripe: &Client,
    installation: &Installation,
    search: &AttemptSearch,
) -> Result<PaymentSearchResult, ProviderError> {
    let query = listing(search.reserved_at, search.cursor.as_deref());
    let page: List<CheckoutSession> = stripe.read("/v1/checkout/sessions", &query)?;
    let next = page.data.last().map(|session| session.id.clone()).filter(|_| page.has_more);
    let is_of_attempt = |session: &CheckoutSession| {
        session.metadata.attempt_in(installation).as_ref() == Some(&search.attempt_id)
    };
    match page.data.into_iter().find(is_of_attempt) {
        // A list does not contain the PaymentIntent's status.
        Some(session) => get(stripe, installation, &session.id).map(PaymentSearchResult::Found),
        None => Ok(next.map_or(PaymentSearchResult::Absent, PaymentSearchResult::More)),
    }
}

/// Searches for the refund of an attempt, among those of its payment.
pub fn find_refund(
    stripe: &Client,
    installation: &Installation,
    search: &RefundSearch,
) -> Result<RefundSearchResult, ProviderError> {
    let payment = if is_id(&search.payment, "pi_") {
        search.payment.clone()
    } else {
        get(stripe, installation, &search.payment)?.id
    };
    if !is_id(&payment, "pi_") {
        // Without a PaymentIntent nobody has tried to pay, so there are no refunds.
        return Ok(RefundSearchResult::Absent);
    }
    let query = listing(search.reserved_at, search.cursor.as_deref());
    let query = query.with("payment_intent", &payment);
    let page: List<RefundObject> = stripe.read("/v1/refunds", &query)?;
    let next = page.data.last().map(|refund| refund.id.clone()).filter(|_| page.has_more);
    let is_of_attempt = |refund: &RefundObject| {
        refund.metadata.attempt_in(installation).as_ref() == Some(&search.attempt_id)
    };
    match page.data.into_iter().find(is_of_attempt) {
        Some(refund) => {
            let refund = from_refund(refund, installation).map_err(unreadable_amount)?;
            Ok(refund.map_or_else(unreadable_refund, RefundSearchResult::Found))
        }
        None => Ok(next.map_or(RefundSearchResult::Absent, RefundSearchResult::More)),
    }
}

fn unreadable_refund() -> RefundSearchResult {
    RefundSearchResult::Other(problem(
        "provider-answer-unreadable",
        "Stripe's answer could not be read.",
        &["Find the payment in Stripe's Dashboard."],
    ))
}

fn listing(reserved_at: u64, cursor: Option<&str>) -> Params {
    let since = reserved_at.saturating_sub(CLOCK_SKEW).to_string();
    let mut query = Params::new().with("limit", "100").with("created[gte]", &since);
    if let Some(cursor) = cursor {
        query.add("starting_after", cursor);
    }
    query
}
