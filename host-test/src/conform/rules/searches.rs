//! A search finds what is there, and says so of what is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fixed;
use crate::conform::case::{Case, Ending, Outcome, Rule, described, expect, failed};
use crate::conform::direct::{Direct, new_id};
use crate::conform::evidence::Evidence;
use crate::conform::kit::Kit;
use crate::conform::scenario::Missing;
use crate::contract::types::{
    AttemptSearch, Payment, PaymentSearchResult, Refund, RefundRequest, RefundSearch,
    RefundSearchResult,
};

/// More pages than the payments of a case can have.
const MOST_PAGES: usize = 50;

/// A search that comes to its end finds the payment or the refund of an attempt.
pub const SEARCHES_FIND: Rule = Rule {
    name: "searches-find",
    why: "After a lost answer the host searches. What is not found would be made a second time.",
    cases: |_| {
        fixed(vec![
            Case::new("payment", payment),
            Case::new("unknown-payment", unknown_payment),
            Case::new("refund", refund),
            Case::new("unknown-refund", unknown_refund),
            Case::new("refund-with-another-key", refund_with_another_key),
        ])
    },
};

/// Follows the cursors of `find-payment` to the end. None: absent.
async fn found_payment(
    direct: &Direct,
    attempt_id: &str,
    reserved_at: u64,
) -> Result<Option<Payment>, Ending> {
    let (mut cursor, mut seen) = (None, BTreeSet::new());
    for _ in 0..MOST_PAGES {
        let search = AttemptSearch { attempt_id: attempt_id.to_owned(), reserved_at, cursor };
        let page = direct.plugin.find_payment(direct.call(), &direct.installation, &search).await;
        match direct.expect_ok("find-payment", page)? {
            PaymentSearchResult::Found(payment) => return Ok(Some(payment)),
            PaymentSearchResult::Absent => return Ok(None),
            PaymentSearchResult::More(next) => cursor = Some(new_cursor(&mut seen, next)?),
            PaymentSearchResult::Other(problem) => {
                return failed(format!("find-payment does not know: {}", described(&problem)));
            }
        }
    }
    failed("find-payment does not come to an end")
}

/// Follows the cursors of `find-refund` to the end. None: absent.
async fn found_refund(
    direct: &Direct,
    request: &RefundRequest,
    attempt_id: &str,
) -> Result<Option<Refund>, Ending> {
    let (mut cursor, mut seen) = (None, BTreeSet::new());
    for _ in 0..MOST_PAGES {
        let search = RefundSearch {
            payment: request.payment.clone(),
            attempt_id: attempt_id.to_owned(),
            reserved_at: request.reserved_at,
            cursor,
        };
        let page = direct.plugin.find_refund(direct.call(), &direct.installation, &search).await;
        match direct.expect_ok("find-refund", page)? {
            RefundSearchResult::Found(refund) => return Ok(Some(refund)),
            RefundSearchResult::Absent => return Ok(None),
            RefundSearchResult::More(next) => cursor = Some(new_cursor(&mut seen, next)?),
            RefundSearchResult::Other(problem) => {
                return failed(format!("find-refund does not know: {}", described(&problem)));
            }
        }
    }
    failed("find-refund does not come to an end")
}

fn new_cursor(seen: &mut BTreeSet<String>, next: String) -> Result<String, Ending> {
    expect(seen.insert(next.clone()), || "the search gives the same cursor twice".to_owned())?;
    Ok(next)
}

async fn payment(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let orders = [direct.order(), direct.order(), direct.order()];
    let mut made = Vec::new();
    for order in &orders {
        made.push(direct.create(order).await?);
    }
    for (order, made) in orders.iter().zip(&made) {
        let found = found_payment(&direct, &order.attempt_id, order.reserved_at).await?;
        let is_it = found.as_ref().is_some_and(|found| {
            found.aliases.contains(&made.id) && found.attempt_id.as_ref() == Some(&order.attempt_id)
        });
        expect(is_it, || {
            let found = found.map_or_else(|| "nothing".to_owned(), |found| found.id);
            format!("the payment {} was made, and find-payment finds {found}", made.id)
        })?;
    }
    Ok(())
}

async fn unknown_payment(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let order = direct.order();
    direct.create(&order).await?;
    let found = found_payment(&direct, &new_id(), order.reserved_at).await?;
    expect(found.is_none(), || "find-payment finds an attempt that was never made".to_owned())
}

async fn refund(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, request, made) = refunded(kit, evidence).await?;
    let found = found_refund(&direct, &request, &request.attempt_id).await?;
    expect(found.as_ref().is_some_and(|found| found.id == made.id), || {
        let found = found.map_or_else(|| "nothing".to_owned(), |found| found.id);
        format!("the refund {} was made, and find-refund finds {found}", made.id)
    })
}

async fn unknown_refund(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, request, _) = refunded(kit, evidence).await?;
    let found = found_refund(&direct, &request, &new_id()).await?;
    expect(found.is_none(), || "find-refund finds an attempt that was never made".to_owned())
}

/// A refund of a part: what is left could be refunded as well.
async fn refunded(
    kit: Arc<Kit>,
    evidence: Evidence,
) -> Result<(Direct, RefundRequest, Refund), Ending> {
    kit.scenario.needs(Missing::Refunds)?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.paid(&direct.order()).await?;
    let mut request = Direct::refund_of(&payment);
    request.minor_units = Some(payment.amount.minor_units / 3);
    let made = direct.refund(&request).await?;
    Ok((direct, request, made))
}

/// A provider forgets its keys: the same reference is the same refund all the same.
async fn refund_with_another_key(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, request, made) = refunded(kit, evidence).await?;
    let again = RefundRequest { idempotency_key: new_id(), ..request };
    let again = direct.refund(&again).await?;
    expect(again.id == made.id, || {
        format!("the same reference makes {}, and was the refund {} before", again.id, made.id)
    })?;
    let counting = direct.world.kit.scenario.count.refunds.as_ref();
    let found = direct.world.count("refunds", counting).await?;
    expect(found == 1, || format!("there are {found} refunds at the provider, not 1"))
}
