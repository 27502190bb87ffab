//! `replay`: deliveries that `serve --dev` has kept.

use std::fmt::Write as _;

use clap::Args;

use super::CommandError;
use super::output::{Output, date, problem_text};
use super::webhook;
use crate::json::set;
use crate::marketplace::{DeliveryOutcome, Marketplace};
use crate::views;

/// The arguments of `replay`.
#[derive(Args)]
pub struct ReplayArgs {
    /// The provider's id of the event, or the number of the delivery [default: lists them]
    event_or_number: Option<String>,
    /// How many are listed, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: u32,
}

pub async fn replay(marketplace: &Marketplace, args: ReplayArgs) -> Result<Output, CommandError> {
    let Some(wanted) = args.event_or_number else {
        return list(marketplace, args.limit).await;
    };
    let replayed = marketplace.replay(&wanted).await?;
    let mut text = format!(
        "Delivery {} of {}: it was {} then, and is {} now.",
        replayed.number,
        date(replayed.delivery.received_at),
        replayed.delivery.outcome,
        replayed.outcome.as_str(),
    );
    if let Some(reason) = replayed.outcome.reason() {
        let _ = write!(text, "\n{}", problem_text(reason));
    }
    let mut json = views::replayed(&replayed);
    if let Some(said) = &replayed.said {
        let (said, _) = webhook::shown(said);
        let _ = write!(text, "\nThe plugin says now: {said:#}");
        if replayed.outcome == DeliveryOutcome::Duplicate {
            text.push_str("\nIts event was recorded before: the ledger keeps what it has.");
        }
        set(&mut json, "plugin_says_now", said);
    }
    let exit_code = match replayed.outcome {
        DeliveryOutcome::Accepted | DeliveryOutcome::Duplicate | DeliveryOutcome::Ignored(_) => 0,
        DeliveryOutcome::Refused(_) => 1,
        DeliveryOutcome::RetryLater(_) => 3,
    };
    Ok(Output::new(json, text).exit_code(exit_code))
}

async fn list(marketplace: &Marketplace, limit: u32) -> Result<Output, CommandError> {
    let kept = marketplace.kept_deliveries(limit).await?;
    let mut text = String::new();
    for (number, delivery) in &kept {
        let event = delivery.event.as_deref().unwrap_or("(not verified)");
        let code = delivery.code.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "{number}  {}  {event}  {} {code}",
            date(delivery.received_at),
            delivery.outcome
        );
    }
    if kept.is_empty() {
        text.push_str("No delivery was kept. `host-test serve --dev` keeps them, in test mode.");
    }
    Ok(Output::new(views::kept_deliveries(&kept), text.trim_end()))
}
