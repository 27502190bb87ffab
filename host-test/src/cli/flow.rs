//! `flow`, `payments`, `transitions` and `prune`.

use std::fmt::Write as _;

use clap::Args;

use super::CommandError;
use super::connection::ChosenMode;
use super::output::{Output, badge, date as time};
use crate::marketplace::{LEAST_PRUNED_DAYS, Marketplace};
use crate::money;
use crate::views;
use ledger::{HistoryEntry, NoticeDetails, Output as FlowOutput, StoredPayment, Told, Transition};

/// The arguments of `flow`.
#[derive(Args)]
pub struct FlowArgs {
    /// The payment's reference, or the provider's id of it
    id: String,
}

/// The arguments of `payments`.
#[derive(Args)]
pub struct PaymentsArgs {
    /// How many payments to show, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,
    /// Go on after the payment at this place, which the list before has printed at its end
    #[arg(long, value_name = "PLACE")]
    before: Option<u64>,
}

/// The arguments of `transitions`.
#[derive(Args)]
pub struct TransitionsArgs {
    /// The consumer's name: each consumer has its own position
    #[arg(long, value_name = "NAME", default_value = "flow")]
    consumer: String,
    /// Marks everything up to this position as processed; it is not shown again
    #[arg(long, value_name = "POSITION")]
    acknowledge: Option<u64>,
    /// The mode [default: the mode that is installed, or was installed last]
    #[arg(long, value_name = "MODE")]
    mode: Option<ChosenMode>,
    /// How many transitions to show
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: u32,
}

/// The arguments of `prune`.
#[derive(Args)]
pub struct PruneArgs {
    /// How old it is at least, in days: the provider can deliver an event for 30
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(LEAST_PRUNED_DAYS..))]
    older_than: u64,
}

pub async fn prune(marketplace: &Marketplace, args: PruneArgs) -> Result<Output, CommandError> {
    let pruned = marketplace.prune(args.older_than).await?;
    let text = format!(
        "Deleted: {} events and {} transitions of payments that are over, {} events without a payment, {} closed entries of the attention list.\nPayments, refunds and the last output of each payment are kept.",
        pruned.events, pruned.transitions, pruned.early_events, pruned.attention
    );
    Ok(Output::new(views::pruned(&pruned), text))
}

pub async fn flow(marketplace: &Marketplace, args: FlowArgs) -> Result<Output, CommandError> {
    let (mode, history) = marketplace.payment_history(&args.id).await?;
    let mut text = format!("{} {}\n", badge(mode), line(&history.payment));
    let _ = writeln!(text, "{}  created", time(history.created_at));
    for entry in &history.entries {
        let _ = match entry {
            HistoryEntry::Event { r#type, occurred_at, at, id } => {
                writeln!(text, "{}  {type} of {} ({id})", time(*at), time(*occurred_at))
            }
            HistoryEntry::Transition { output, r#final, at, position } => {
                let end = if *r#final { " (final)" } else { "" };
                writeln!(text, "{}  → {output}{end} (position {position})", time(*at))
            }
            HistoryEntry::Notice { notice, details, at, position } => {
                let notice = notice_text(notice, details);
                writeln!(text, "{}  · {notice} (position {position})", time(*at))
            }
        };
    }
    let _ = write!(
        text,
        "as of {} ({}){}",
        time(history.payment.as_of),
        history.payment.authority.as_str(),
        if history.payment.needs_refetch { ", to be checked with the provider" } else { "" }
    );
    Ok(Output::new(views::history(mode, &history), text))
}

pub async fn payments(
    marketplace: &Marketplace,
    args: PaymentsArgs,
) -> Result<Output, CommandError> {
    let (mode, payments) = marketplace.payments(args.before, args.limit).await?;
    let mut text = badge(mode).to_owned();
    for payment in &payments {
        let _ = write!(text, "\n{}", line(payment));
    }
    if payments.is_empty() {
        text.push_str(" There is no payment yet.");
    }
    if let Some(next) = views::next_page(&payments, args.limit) {
        let _ = write!(text, "\nOlder ones: host-test payments --before {next}");
    }
    Ok(Output::new(views::payments(mode, &payments, args.limit), text))
}

pub async fn transitions(
    marketplace: &Marketplace,
    args: TransitionsArgs,
) -> Result<Output, CommandError> {
    let mode = args.mode.map(Into::into);
    if let Some(position) = args.acknowledge {
        marketplace.acknowledge(mode, &args.consumer, position).await?;
    }
    let unread = marketplace.unread_transitions(mode, &args.consumer, args.limit).await?;
    let line = |transition: &Transition| {
        let Transition { position, reference, told, at, .. } = transition;
        let badge = badge(transition.mode.into());
        let told = match told {
            Told::Output { output, r#final: false } => format!("→ {output}"),
            Told::Output { output, r#final: true } => format!("→ {output} (final)"),
            Told::Notice { notice, details } => format!("· {}", notice_text(notice, details)),
        };
        format!("{position}  {}  {badge} {reference} {told}", time(*at))
    };
    let mut lines: Vec<String> = unread.iter().map(line).collect();
    if u32::try_from(lines.len()).is_ok_and(|shown| shown == args.limit) {
        lines.push("There may be more: acknowledge these first, or raise --limit.".to_owned());
    }
    let text =
        if lines.is_empty() { "There is no new transition.".to_owned() } else { lines.join("\n") };
    Ok(Output::new(views::transitions(&args.consumer, &unread), text))
}

/// A notice, such as `refunded 3.00 USD`.
fn notice_text(notice: &str, details: &NoticeDetails) -> String {
    let mut text = notice.to_owned();
    if let Some(amount) = &details.amount {
        let _ = write!(text, " {}", money::display(&amount.clone().into()));
    }
    if let Some(status) = &details.status {
        let _ = write!(text, ", {status}");
    }
    if let Some(id) = &details.id {
        let _ = write!(text, " ({id})");
    }
    text
}

fn line(payment: &StoredPayment) -> String {
    let id = payment.remote_id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
    format!(
        "{}{id} — {} — {} (flow output: {}){}",
        payment.reference,
        money::display(&payment.amount.clone().into()),
        payment.status.as_str(),
        FlowOutput::of(payment.status).as_str(),
        if payment.needs_refetch { ", to be checked" } else { "" }
    )
}
