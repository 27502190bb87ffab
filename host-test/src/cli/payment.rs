//! `pay`, `payment`, `complete`, `cancel` and `refund`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;

use super::CommandError;
use super::output::{Output, badge, date, problem_text};
use crate::clock::now;
use crate::contract::types::{Awaited, CaptureMethod, Dispute, Money, RefundStatus};
use crate::marketplace::{Marketplace, PaymentOrder, PaymentView};
use crate::money::{self, AmountError};
use crate::views;
use ledger::{Output as FlowOutput, StoredPayment};

/// The arguments of `pay`.
#[derive(Args)]
pub struct PayArgs {
    /// The amount, such as 10.50
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: String,
    /// The currency's code, such as usd
    #[arg(long, value_name = "CODE")]
    currency: String,
    /// Your own id of the payment; the same reference is the same payment
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// The text that the customer reads [default: the reference]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The page to which the customer returns after paying
    #[arg(long, value_name = "URL", default_value = "https://example.com/thank-you")]
    success_url: String,
    /// The page to which the customer returns without paying
    #[arg(long, value_name = "URL")]
    cancel_url: Option<String>,
    /// How long the customer can pay, such as 2h [default: as long as the provider allows]
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<humantime::Duration>,
    /// Only authorise the payment; `complete` captures it
    #[arg(long)]
    manual_capture: bool,
    /// Wait until the payment is decided, at most this long
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// The arguments of `payment` and `cancel`.
#[derive(Args)]
pub struct PaymentArgs {
    /// The payment's reference, or the provider's id of it
    id: String,
}

/// The arguments of `complete`.
#[derive(Args)]
pub struct CompleteArgs {
    /// The payment's reference, or the provider's id of it
    id: String,
    /// The query of the URL to which the provider sent the customer's browser back
    #[arg(long, value_name = "QUERY")]
    return_query: Option<String>,
}

/// The arguments of `refund`.
#[derive(Args)]
pub struct RefundArgs {
    /// The payment's reference, or the provider's id of it
    id: String,
    /// Your own id of the refund; the same reference is the same refund
    #[arg(long)]
    reference: String,
    /// The amount, in the payment's currency [default: everything that is left]
    #[arg(long)]
    amount: Option<String>,
}

pub async fn pay(marketplace: &Marketplace, args: PayArgs) -> Result<Output, CommandError> {
    let amount = money::parse(&args.amount, &args.currency).map_err(|error| {
        amount_error(&error, "Give an amount such as --amount 10.50 --currency usd.")
    })?;
    let request = PaymentOrder {
        reference: args.reference,
        amount,
        description: args.description,
        success_url: args.success_url,
        cancel_url: args.cancel_url,
        expires_at: args.expires_in.map(|time| now().saturating_add(time.as_secs())),
        capture_method: if args.manual_capture {
            CaptureMethod::Manual
        } else {
            CaptureMethod::Automatic
        },
    };
    let reference = request.reference.clone();
    let mut view = marketplace.pay(request).await?;
    if let Some(seconds) = args.wait {
        // Printed before waiting, so that the customer can pay meanwhile.
        if let Some(url) = &view.stored.checkout_url {
            eprintln!("The customer pays here: {url}");
        }
        view.stored = marketplace.wait(&reference, Duration::from_secs(seconds)).await?;
    }
    let mut text = headline(&view);
    if let Some(url) = &view.stored.checkout_url {
        let _ = write!(text, "\nThe customer pays here: {url}");
    } else if view.stored.received > 0 && !ledger::is_final(view.stored.status) {
        text.push_str("\nMoney has arrived that does not fit: see `host-test attention`.");
    }
    Ok(Output::new(views::payment(&view), text))
}

pub async fn complete(
    marketplace: &Marketplace,
    args: CompleteArgs,
) -> Result<Output, CommandError> {
    let view = marketplace.complete(&args.id, args.return_query).await?;
    Ok(Output::new(views::payment(&view), headline(&view)))
}

pub async fn cancel(marketplace: &Marketplace, args: PaymentArgs) -> Result<Output, CommandError> {
    let view = marketplace.cancel(&args.id).await?;
    Ok(Output::new(views::payment(&view), headline(&view)))
}

pub async fn refund(marketplace: &Marketplace, args: RefundArgs) -> Result<Output, CommandError> {
    let stored = marketplace.payment(&args.id).await?.stored;
    let currency = &stored.amount.currency;
    let parse = |amount: &String| money::parse(amount, currency).map(|money| money.minor_units);
    let minor_units = args.amount.as_ref().map(parse).transpose().map_err(|error| {
        amount_error(&error, "Give an amount in the payment's currency, such as --amount 10.50.")
    })?;
    let (stored, refund) = marketplace.refund(&args.id, &args.reference, minor_units).await?;
    let mode = marketplace.mode().await?;
    let text = format!(
        "{}{} — refund of {}: {} ({})",
        mode.map_or_else(String::new, |mode| format!("{} ", badge(mode))),
        stored.reference,
        money::display(&refund.amount),
        refund.status.as_str(),
        refund.id
    );
    let json = views::refunded(mode, &refund, &stored);
    let has_failed = matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled);
    Ok(Output::new(json, text).exit_code(u8::from(has_failed)))
}

pub async fn show(marketplace: &Marketplace, args: PaymentArgs) -> Result<Output, CommandError> {
    let view = marketplace.payment(&args.id).await?;
    let mut text = headline(&view);
    if let Some(failure) = &view.stored.failure {
        let _ =
            write!(text, "\nThe last attempt failed:\n{}", problem_text(&failure.clone().into()));
    }
    if is_paid_late(&view.stored) {
        text.push_str(
            "\nIt was paid after it was canceled. Deliver what was paid for, or refund it.",
        );
    }
    if let Some(Awaited::Customer(Some(link))) =
        view.provider.as_ref().map(|payment| &payment.awaits)
    {
        let _ = write!(text, "\nThe customer pays here: {}", link.url);
        if let Some(until) = link.expires_at {
            let _ = write!(text, " (until {})", date(until));
        }
    }
    if let Some(Awaited::Provider(reason)) = view.provider.as_ref().map(|payment| &payment.awaits) {
        let _ = write!(text, "\nIt waits: {reason}");
    }
    if let Some(Awaited::Completion(until)) = view.provider.as_ref().map(|payment| &payment.awaits)
    {
        let until = until.map_or_else(String::new, |until| format!(" until {}", date(until)));
        let _ = write!(
            text,
            "\nIt is authorised. To take the money{until}: run `host-test complete {}`.",
            args.id
        );
    }
    if view.stored.needs_refetch {
        text.push_str("\nThis has to be checked with the provider: do not rely on it until then.");
    }
    match (&view.provider, &view.problem) {
        (Some(payment), _) => {
            let provider = &marketplace.plugin().manifest().name;
            let amount = |minor_units| {
                let currency = payment.amount.currency.clone();
                money::display(&Money { minor_units, currency })
            };
            let _ = write!(
                text,
                "\n{provider} says now: {} ({}), received {}",
                payment.status.as_str(),
                payment.provider_status,
                amount(payment.received)
            );
            if let Some(refunded) = payment.refunded.filter(|refunded| *refunded > 0) {
                let _ = write!(text, ", refunded {}", amount(refunded));
            }
            for dispute in &payment.disputes {
                let _ = write!(text, "\n{}", dispute_text(dispute));
            }
        }
        (None, Some(problem)) => {
            let _ = write!(text, "\nThe provider could not be reached:\n{}", problem_text(problem));
        }
        (None, None) => {}
    }
    Ok(Output::new(views::payment(&view), text))
}

/// Whether money has arrived for a canceled payment and was not all refunded.
fn is_paid_late(stored: &StoredPayment) -> bool {
    stored.status == ledger::types::PaymentStatus::Canceled
        && stored.received > stored.refunded.unwrap_or(0)
}

fn amount_error(error: &AmountError, step: &str) -> CommandError {
    CommandError::Usage(error.problem(step))
}

fn headline(view: &PaymentView) -> String {
    let known = &view.stored;
    format!(
        "{} {} — {} — {} (flow output: {})",
        badge(view.mode),
        known.reference,
        money::display(&known.amount.clone().into()),
        known.status.as_str(),
        FlowOutput::of(known.status).as_str()
    )
}

fn dispute_text(dispute: &Dispute) -> String {
    let amount = money::display(&dispute.amount);
    let mut text = format!("Disputed: {amount}, {} ({})", dispute.status.as_str(), dispute.id);
    if let Some(due_by) = dispute.due_by {
        let _ = write!(text, ", respond until {}", date(due_by));
    }
    text
}
