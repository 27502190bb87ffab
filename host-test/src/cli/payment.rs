//! `pay`, `payment`, `cancel` and `refund`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::CommandError;
use super::output::{Output, badge, mode_word, problem_json, problem_text};
use crate::contract::types::{Money, Payment, PaymentRequest, Problem};
use crate::ledger::{Output as FlowOutput, StoredPayment};
use crate::marketplace::{Marketplace, PaymentView};
use crate::money;

/// What to ask for.
#[derive(Args)]
pub struct PayArgs {
    /// How much, such as 10.50
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: String,
    /// The currency's code, such as usd
    #[arg(long, value_name = "CODE")]
    currency: String,
    /// Your own name for the payment; the same reference is the same payment
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// What the customer reads [default: the reference]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Where the customer goes after paying
    #[arg(long, value_name = "URL", default_value = "https://example.com/thank-you")]
    success_url: String,
    /// Where the customer goes after giving up
    #[arg(long, value_name = "URL")]
    cancel_url: Option<String>,
    /// Wait until it is decided, at most so long: then it is Pending
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// Which payment.
#[derive(Args)]
pub struct PaymentArgs {
    /// Its reference, or the provider's name for it
    id: String,
}

/// What to give back.
#[derive(Args)]
pub struct RefundArgs {
    /// The payment's reference, or the provider's name for it
    id: String,
    /// The refund's own name: the same name again is the same refund
    #[arg(long)]
    reference: String,
    /// How much, in the payment's currency [default: all that is left]
    #[arg(long)]
    amount: Option<String>,
}

pub async fn pay(marketplace: &Marketplace, args: PayArgs) -> Result<Output, CommandError> {
    let amount = money::parse(&args.amount, &args.currency).map_err(|error| {
        CommandError::Usage(Problem::new(
            "amount-invalid",
            format!("{error}."),
            &["Give an amount such as --amount 10.50 --currency usd."],
        ))
    })?;
    let request = PaymentRequest {
        reference: args.reference,
        attempt: 0,
        amount,
        description: args.description,
        success_url: args.success_url,
        cancel_url: args.cancel_url,
        expires_at: None,
    };
    let reference = request.reference.clone();
    let mut view = marketplace.pay(request).await?;
    if let Some(seconds) = args.wait {
        // The page is shown before the waiting begins.
        if let Some(url) = &view.known.checkout_url {
            eprintln!("The customer pays here: {url}");
        }
        view.known = marketplace.wait(&reference, Duration::from_secs(seconds)).await?;
    }
    let mut text = headline(&view);
    if let Some(url) = &view.known.checkout_url {
        let _ = write!(text, "\nThe customer pays here: {url}");
    }
    Ok(Output::new(json(&view), text))
}

pub async fn cancel(marketplace: &Marketplace, args: PaymentArgs) -> Result<Output, CommandError> {
    let view = marketplace.cancel(&args.id).await?;
    Ok(Output::new(json(&view), headline(&view)))
}

pub async fn refund(marketplace: &Marketplace, args: RefundArgs) -> Result<Output, CommandError> {
    let known = marketplace.payment(&args.id).await?.known;
    let currency = &known.amount.currency;
    let parse = |amount: &String| money::parse(amount, currency).map(|money| money.minor_units);
    let minor_units = args.amount.as_ref().map(parse).transpose().map_err(|error| {
        CommandError::Usage(Problem::new(
            "amount-invalid",
            format!("{error}."),
            &["Give an amount in the payment's currency, such as --amount 10.50."],
        ))
    })?;
    let (known, refund) = marketplace.refund(&args.id, &args.reference, minor_units).await?;
    let mode = refund.payment.mode;
    let text = format!(
        "{} {} — {} given back: {} ({})",
        badge(mode),
        known.reference,
        shown(&refund.amount),
        refund.status,
        refund.id
    );
    let json = json!({
        "mode": mode_word(mode),
        "refund": {
            "id": refund.id,
            "reference": refund.reference,
            "status": refund.status,
            "amount": refund.amount.minor_units,
            "currency": refund.amount.currency,
        },
        "known": known_json(&known),
    });
    Ok(Output::new(json, text))
}

pub async fn show(marketplace: &Marketplace, args: PaymentArgs) -> Result<Output, CommandError> {
    let view = marketplace.payment(&args.id).await?;
    let mut text = headline(&view);
    if let Some(failure) = &view.known.failure {
        let _ = write!(text, "\nThe last attempt failed:\n{}", problem_text(failure));
    }
    if !view.known.settled {
        text.push_str("\nNot settled: do not rely on this before the provider has been asked.");
    }
    match (&view.provider, &view.problem) {
        (Some(payment), _) => {
            let provider = &marketplace.plugin().manifest().name;
            let _ = write!(
                text,
                "\n{provider} says now: {} ({}), received {}",
                payment.status.as_str(),
                payment.provider_status,
                shown(&Money {
                    minor_units: payment.received,
                    currency: payment.amount.currency.clone(),
                })
            );
        }
        (None, Some(problem)) => {
            let _ = write!(text, "\nThe provider could not be asked:\n{}", problem_text(problem));
        }
        (None, None) => {}
    }
    Ok(Output::new(json(&view), text))
}

fn headline(view: &PaymentView) -> String {
    let known = &view.known;
    format!(
        "{} {} — {} — {} (the flow's output: {})",
        badge(view.mode),
        known.reference,
        shown(&known.amount),
        known.status.as_str(),
        FlowOutput::of(known.status).as_str()
    )
}

pub fn shown(amount: &Money) -> String {
    format!("{} {}", money::display(amount), amount.currency.to_uppercase())
}

fn json(view: &PaymentView) -> Value {
    json!({
        "mode": mode_word(view.mode),
        "known": known_json(&view.known),
        "provider": view.provider.as_ref().map(payment_json),
        "problem": view.problem.as_ref().map(problem_json),
        "checkout_url": view.known.checkout_url,
    })
}

pub fn known_json(known: &StoredPayment) -> Value {
    json!({
        "reference": known.reference,
        "id": known.name,
        "status": known.status.as_str(),
        "provider_status": known.provider_status,
        "output": FlowOutput::of(known.status).as_str(),
        "amount": known.amount.minor_units,
        "currency": known.amount.currency,
        "received": known.received,
        "refunded": known.refunded,
        "failure": known.failure.as_ref().map(problem_json),
        "as_of": known.as_of,
        "authority": known.authority.as_str(),
        "settled": known.settled,
    })
}

/// A payment of the provider's for a program.
pub fn payment_json(payment: &Payment) -> Value {
    json!({
        "id": payment.id,
        "aliases": payment.aliases,
        "reference": payment.reference,
        "mode": mode_word(payment.mode),
        "status": payment.status.as_str(),
        "provider_status": payment.provider_status,
        "amount": payment.amount.minor_units,
        "currency": payment.amount.currency,
        "received": payment.received,
        "refunded": payment.refunded,
        "failure": payment.failure.as_ref().map(problem_json),
        "checkout_url": payment.checkout_url,
        "created_at": payment.created_at,
    })
}
