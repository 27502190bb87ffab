//! What a flow has been told, and what it waits for: `flow`, `payments`, `transitions`,
//! `reconcile`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};

use super::CommandError;
use super::output::{Output, badge};
use super::payment::known_json;
use crate::ledger::{Happening, Output as FlowOutput, StoredPayment, Transition};
use crate::marketplace::{Marketplace, Reconciled};
use crate::money;

/// Which payment.
#[derive(Args)]
pub struct FlowArgs {
    /// Its reference, or the provider's name for it
    id: String,
}

/// How many payments.
#[derive(Args)]
pub struct PaymentsArgs {
    /// The latest so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,
}

/// Who reads.
#[derive(Args)]
pub struct TransitionsArgs {
    /// The reader's name: each reads at its own pace
    #[arg(long, value_name = "NAME", default_value = "flow")]
    consumer: String,
    /// Everything up to this position is done with, and is not shown again
    #[arg(long, value_name = "POSITION")]
    acknowledge: Option<u64>,
}

pub async fn flow(marketplace: &Marketplace, args: FlowArgs) -> Result<Output, CommandError> {
    let (mode, story) = marketplace.story(&args.id).await?;
    let mut text = format!("{} {}\n", badge(mode), line(&story.payment));
    let _ = writeln!(text, "{}  asked for", time(story.asked_for_at));
    for happening in &story.happenings {
        let _ = match happening {
            Happening::Event { r#type, occurred_at, at, id } => {
                writeln!(text, "{}  {type} of {} ({id})", time(*at), time(*occurred_at))
            }
            Happening::Transition { output, r#final, at, position } => {
                let end = if *r#final { ", and that is final" } else { "" };
                writeln!(text, "{}  → {output}{end} (position {position})", time(*at))
            }
        };
    }
    let _ = write!(
        text,
        "known as of {} ({}){}",
        time(story.payment.as_of),
        story.payment.authority.as_str(),
        if story.payment.settled { "" } else { ", not settled: the provider has to be asked" }
    );
    let json = json!({
        "mode": mode.as_str(),
        "payment": known_json(&story.payment),
        "asked_for_at": story.asked_for_at,
        "aliases": story.aliases,
        "happenings": serde_json::to_value(&story.happenings).unwrap_or_default(),
    });
    Ok(Output::new(json, text))
}

pub async fn payments(
    marketplace: &Marketplace,
    args: PaymentsArgs,
) -> Result<Output, CommandError> {
    let (mode, payments) = marketplace.payments(args.limit).await?;
    let mut text = badge(mode).to_owned();
    for payment in &payments {
        let _ = write!(text, "\n{}", line(payment));
    }
    if payments.is_empty() {
        text.push_str(" There is no payment yet.");
    }
    let list: Vec<Value> = payments.iter().map(known_json).collect();
    Ok(Output::new(json!({ "mode": mode.as_str(), "payments": list }), text))
}

pub async fn transitions(
    marketplace: &Marketplace,
    args: TransitionsArgs,
) -> Result<Output, CommandError> {
    if let Some(position) = args.acknowledge {
        marketplace.acknowledge(&args.consumer, position).await?;
    }
    let unread = marketplace.unread(&args.consumer).await?;
    let line = |transition: &Transition| {
        let end = if transition.r#final { ", and that is final" } else { "" };
        let Transition { position, reference, output, at, .. } = transition;
        format!("{position}  {}  {reference} → {output}{end}", time(*at))
    };
    let lines: Vec<String> = unread.iter().map(line).collect();
    let text = if lines.is_empty() { "Nothing is new.".to_owned() } else { lines.join("\n") };
    let json = json!({
        "consumer": args.consumer,
        "transitions": serde_json::to_value(&unread).unwrap_or_default(),
    });
    Ok(Output::new(json, text))
}

pub async fn reconcile(marketplace: &Marketplace, as_json: bool) -> Result<Output, CommandError> {
    let is_watched = !as_json && std::io::stderr().is_terminal();
    let found = marketplace
        .reconcile(|found| {
            if is_watched {
                eprint!("\r{}", sentence(found));
            }
        })
        .await;
    if is_watched {
        eprintln!();
    }
    let found = found?;
    let badge =
        marketplace.mode().await?.map_or_else(String::new, |mode| format!("{} ", badge(mode)));
    let json = json!({
        "listed": found.listed,
        "new": found.new,
        "asked": found.asked,
        "changed": found.changed,
    });
    Ok(Output::new(json, format!("{badge}{}", sentence(&found))))
}

fn sentence(found: &Reconciled) -> String {
    format!(
        "{} events listed, {} of them new; {} unfinished payments asked about, {} of them changed.",
        found.listed, found.new, found.asked, found.changed
    )
}

fn line(payment: &StoredPayment) -> String {
    format!(
        "{} — {} — {} (the flow's output: {}){}",
        payment.reference,
        money::display(&payment.amount),
        payment.status.as_str(),
        FlowOutput::of(payment.status).as_str(),
        if payment.settled { "" } else { ", not settled" }
    )
}

fn time(seconds: u64) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds))
}
