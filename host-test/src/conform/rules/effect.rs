//! What a call that was disturbed has done at the provider: its answer must not say more.

use crate::conform::case::{Ending, Outcome, expect};
use crate::conform::direct::Direct;
use crate::conform::functions::{Answered, Call};
use crate::contract::types::PaymentStatus;

/// How many there are of what the call makes. None: it makes nothing that is counted.
pub async fn count(direct: &Direct, call: &Call) -> Result<Option<u64>, Ending> {
    let count = &direct.world.kit.scenario.count;
    let (what, reading) = match call {
        Call::CreatePayment(_) => ("payments", &count.payments),
        Call::RefundPayment(_) => ("refunds", &count.refunds),
        _ => return Ok(None),
    };
    direct.world.count(what, reading.as_ref()).await.map(Some)
}

/// A success has had its effect, exactly once. `before`: what was counted before the call.
pub async fn judge(
    direct: &Direct,
    call: &Call,
    answered: &Answered,
    before: Option<u64>,
) -> Outcome {
    let has_succeeded = matches!(answered, Answered::Ok(_));
    if let (Some(before), Some(after)) = (before, count(direct, call).await?) {
        let made = after.saturating_sub(before);
        return expect(made == 1 || made == 0 && !has_succeeded, || {
            format!("the answer is `{}`, and {made} were made at the provider", answered.name())
        });
    }
    let (id, expected) = match call {
        Call::CompletePayment(request) => (&request.payment, PaymentStatus::Approved),
        Call::CancelPayment(id) => (id, PaymentStatus::Canceled),
        _ => return Ok(()),
    };
    if !has_succeeded {
        return Ok(());
    }
    let status = direct.get(id).await?.status;
    expect(status == expected, || {
        format!("the answer is `ok`, and the payment is then read as {}", status.as_str())
    })
}
