//! What a status of the provider means for a flow.

use std::sync::Arc;

use super::fixed;
use crate::conform::case::{Case, Outcome, Rule, expect, failed, not_applicable};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::fault::{Fault, UNKNOWN_NUMBER, UNKNOWN_WORD, Which};
use crate::conform::kit::Kit;
use crate::conform::scenario::{Action, Missing};
use crate::conform::told::Told as _;
use crate::contract::types::{
    EventSubject, Payment, PaymentStatus, ProviderError, RefundStatus, WebhookOutcome,
};

/// A status that nobody knows decides nothing.
pub const UNKNOWN_STATUS_PENDING: Rule = Rule {
    name: "unknown-status-pending",
    why: "A provider may have new words tomorrow. A flow that guesses gives goods away, or refuses a customer who has paid.",
    cases: |_| {
        fixed(vec![
            Case::new("new-payment", |kit, evidence| unknown(kit, evidence, None)),
            Case::new("paid-payment", |kit, evidence| unknown(kit, evidence, Some(Action::Pays))),
            Case::new("declined-payment", |kit, evidence| {
                unknown(kit, evidence, Some(Action::IsDeclined))
            }),
            Case::new("refund", unknown_refund),
        ])
    },
};

/// A payment that is over stays so.
pub const FINAL_STAYS_FINAL: Rule = Rule {
    name: "final-stays-final",
    why: "A flow that has gone on cannot go back: a refund or a late event must not undo a payment.",
    cases: |_| {
        fixed(vec![
            Case::new("approved-then-read", approved_then_read),
            Case::new("approved-then-refunded", approved_then_refunded),
            Case::new("approved-then-refund-failed", approved_then_refund_failed),
            Case::new("approved-then-older-delivery", approved_then_older_delivery),
            Case::new("canceled-then-read", canceled_then_read),
            Case::new("approved-is-not-canceled", approved_is_not_canceled),
        ])
    },
};

/// A payment, read while each status is a word that nobody knows.
async fn unknown(kit: Arc<Kit>, evidence: Evidence, action: Option<Action>) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let order = direct.order();
    let payment = match action {
        Some(Action::Pays) => direct.paid(&order).await?,
        Some(action) => {
            let payment = direct.create(&order).await?;
            direct.customer(action, &payment).await?;
            direct.get(&payment.id).await?
        }
        None => direct.create(&order).await?,
    };
    direct.world.interposer.set_fault(Which::Every, Fault::UnknownStatus);
    let read = direct.get(&payment.id).await;
    direct.world.interposer.clear_fault();
    let read = read?;
    expect(read.status == PaymentStatus::Pending, || {
        let known = &payment.provider_status;
        format!(
            "with `{UNKNOWN_WORD}` in place of `{known}`, the payment is {}",
            read.status.as_str()
        )
    })?;
    let number = UNKNOWN_NUMBER.to_string();
    expect([UNKNOWN_WORD, number.as_str()].contains(&read.provider_status.as_str()), || {
        format!("`provider-status` is `{}`, not the provider's own word", read.provider_status)
    })
}

async fn unknown_refund(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs(Missing::Refunds)?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.paid(&direct.order()).await?;
    let refund = direct.refund(&Direct::refund_of(&payment)).await?;
    direct.world.interposer.set_fault(Which::Every, Fault::UnknownStatus);
    let read = direct.plugin.get_refund(direct.call(), &direct.installation, &refund.id).await;
    direct.world.interposer.clear_fault();
    match direct.expect_ok("get-refund", read)?.status {
        RefundStatus::Other(_) | RefundStatus::Pending => Ok(()),
        other => {
            failed(format!("with `{UNKNOWN_WORD}` as its status, the refund is {}", other.as_str()))
        }
    }
}

fn is_approved(payment: &Payment, when: &str) -> Outcome {
    expect(payment.status == PaymentStatus::Approved, || {
        format!("the approved payment is {} {when}", payment.status.as_str())
    })
}

async fn approved_then_read(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let order = direct.order();
    let payment = direct.paid(&order).await?;
    expect(payment.received == order.amount.minor_units, || {
        format!(
            "{} was asked for and paid, and `received` is {}",
            order.amount.minor_units, payment.received
        )
    })?;
    is_approved(&direct.get(&payment.id).await?, "when it is read again")
}

async fn approved_then_refunded(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs(Missing::Refunds)?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.paid(&direct.order()).await?;
    let refund = direct.refund(&Direct::refund_of(&payment)).await?;
    expect(refund.amount == payment.amount, || {
        let (asked, given) = (payment.amount.minor_units, refund.amount.minor_units);
        format!("a full refund of {asked} is one of {given}")
    })?;
    is_approved(&direct.get(&payment.id).await?, "after its refund was asked for")?;
    if direct.world.kit.scenario.actions.contains_key(&Action::RefundSucceeds) {
        direct.world.set("refund", &refund.id);
        direct.world.act(Action::RefundSucceeds).await?;
    }
    let read = direct.get(&payment.id).await?;
    is_approved(&read, "after its refund")?;
    expect(read.refunded.is_none_or(|refunded| refunded == refund.amount.minor_units), || {
        format!("{} was refunded, and `refunded` is {:?}", refund.amount.minor_units, read.refunded)
    })
}

/// A refund that has failed has given nothing back.
async fn approved_then_refund_failed(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs(Missing::Refunds)?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.paid(&direct.order()).await?;
    direct.world.act(Action::RefundsFail).await?;
    let refund = direct.refund(&Direct::refund_of(&payment)).await?;
    let read = direct.plugin.get_refund(direct.call(), &direct.installation, &refund.id).await;
    let read = direct.expect_ok("get-refund", read)?;
    expect(matches!(read.status, RefundStatus::Failed | RefundStatus::Canceled), || {
        format!("the refund has failed at the provider, and is {}", read.status.as_str())
    })?;
    let payment = direct.get(&payment.id).await?;
    is_approved(&payment, "after its refund has failed")?;
    expect(payment.refunded.is_none_or(|refunded| refunded == 0), || {
        format!("nothing was refunded, and `refunded` is {}", payment.refunded.unwrap_or_default())
    })
}

/// How much later an older delivery is handled, in seconds. Our own choice.
const LATER: u64 = 60;

/// A delivery of a declined attempt that comes after the payment.
async fn approved_then_older_delivery(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let direct = Direct::start(kit, evidence).await?;
    let order = direct.order();
    let payment = direct.create(&order).await?;
    direct.customer(Action::IsDeclined, &payment).await?;
    if !direct.world.door.wait(|deliveries| !deliveries.is_empty()).await {
        return not_applicable("nothing is delivered of a declined attempt");
    }
    let earlier = direct.world.door.deliveries();
    direct.customer(Action::Pays, &payment).await?;
    let paid = direct.get(&payment.id).await?;
    for delivery in earlier {
        // Later than the delivery by any clock, and within its age.
        let now = delivery.received_at + LATER;
        let request = delivery.request();
        let handled =
            direct.plugin.handle_webhook(direct.call(), now, &direct.installation, &request).await;
        let Ok(WebhookOutcome::Event(delivered)) = direct.told("handle-webhook", handled)? else {
            continue;
        };
        let EventSubject::Payment(told) = &delivered.event.subject else {
            continue;
        };
        // It either says when it was so, or how the payment is now.
        let is_older = delivered.event.occurred_at <= delivery.received_at;
        expect(told.status == paid.status || is_older, || {
            format!(
                "an older delivery says {} as of now, and the payment is {}",
                told.status.as_str(),
                paid.status.as_str()
            )
        })?;
    }
    Ok(())
}

async fn canceled_then_read(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs(Missing::Cancellation)?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.create(&direct.order()).await?;
    for _ in 0..2 {
        let canceled =
            direct.plugin.cancel_payment(direct.call(), &direct.installation, &payment.id).await;
        let canceled = direct.expect_ok("cancel-payment", canceled)?;
        let read = direct.get(&payment.id).await?;
        for payment in [canceled, read] {
            expect(payment.status == PaymentStatus::Canceled, || {
                format!("the canceled payment is {}", payment.status.as_str())
            })?;
        }
    }
    Ok(())
}

async fn approved_is_not_canceled(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs(Missing::Cancellation)?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.paid(&direct.order()).await?;
    let canceled =
        direct.plugin.cancel_payment(direct.call(), &direct.installation, &payment.id).await;
    match direct.told("cancel-payment", canceled)? {
        Err(ProviderError::Refused(problem)) => {
            expect(problem.code == "payment-already-paid", || {
                format!("a paid payment cannot be canceled, and the code is `{}`", problem.code)
            })?;
        }
        Err(error) => {
            return failed(format!("canceling a paid payment answers {}", error.case()));
        }
        Ok(payment) => {
            return failed(format!(
                "a paid payment was canceled: it is {}",
                payment.status.as_str()
            ));
        }
    }
    is_approved(&direct.get(&payment.id).await?, "after a cancel was refused")
}
