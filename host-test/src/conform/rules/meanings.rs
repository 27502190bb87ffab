//! What a delivery says, by itself: the marketplace would ask the provider where it has doubts, and hide a wrong one.

use std::sync::Arc;

use crate::conform::case::{Outcome, expect};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::kit::Kit;
use crate::conform::scenario::Action;
use crate::contract::types::{EventSubject, PaymentStatus, WebhookOutcome};

/// A delivery says that the payment was approved, or it is a hint.
pub async fn approved(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let direct = Direct::start(kit, evidence).await?;
    direct.paid(&direct.order()).await?;
    says(&direct, PaymentStatus::Approved).await
}

/// A delivery says that the customer was declined, or it is a hint.
pub async fn rejected(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.create(&direct.order()).await?;
    direct.customer(Action::IsDeclined, &payment).await?;
    says(&direct, PaymentStatus::Rejected).await
}

/// Reads one delivery after the other, until one says so.
async fn says(direct: &Direct, expected: PaymentStatus) -> Outcome {
    let door = &direct.world.door;
    for number in 0.. {
        expect(door.wait(|deliveries| deliveries.len() > number).await, || {
            format!("the payment is {}, and no delivery says so", expected.as_str())
        })?;
        let Some(delivery) = door.deliveries().into_iter().nth(number) else { continue };
        let (at, request) = (delivery.received_at, delivery.request());
        let handled =
            direct.plugin.handle_webhook(direct.call(), at, &direct.installation, &request).await;
        match direct.told("handle-webhook", handled)? {
            Ok(WebhookOutcome::Event(delivered))
                if matches!(&delivered.event.subject,
                    EventSubject::Payment(told) if told.status == expected) =>
            {
                return Ok(());
            }
            // The host asks the provider then.
            Ok(WebhookOutcome::Hint(_)) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}
