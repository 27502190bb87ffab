//! Payments: created, read, completed, canceled, refunded; and what flows are told.

use std::time::Duration;

use axum::extract::State;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::refusal::Refusal;
use super::request::{ChosenMode, Form, Input, Named, Nothing, Params, Scoped, default_workspace};
use super::{Answer, Answered, Control};
use crate::contract::types::{CaptureMethod, Money};
use crate::marketplace::PaymentOrder;
use crate::{money, views};

/// How many payments or transitions are listed at most at once. Our own choice.
const MOST_LISTED: u32 = 1000;

/// The body that asks for a payment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    amount: String,
    currency: String,
    reference: String,
    description: Option<String>,
    success_url: String,
    cancel_url: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    expires_in: Option<Duration>,
    #[serde(default)]
    manual_capture: bool,
}

impl Form for Pay {
    const EXAMPLE: &str = r#"{"amount": "10.50", "currency": "usd", "reference": "order-1", "success_url": "https://example.com/thank-you", "cancel_url": "https://example.com/cart", "description": "Two books", "expires_in": "2h", "manual_capture": false}"#;
}

/// A duration such as `2h`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    humantime::parse_duration(&text).map(Some).map_err(D::Error::custom)
}

/// An amount as people write it.
fn amount(text: &str, currency: &str) -> Result<Money, Refusal> {
    let step = r#"Give a text such as "10.50", and the currency's code, such as "usd"."#;
    money::parse(text, currency).map_err(|error| Refusal::malformed(error.problem(step)))
}

pub async fn pay(
    State(control): State<Control>,
    Params(scoped): Params<Scoped>,
    Input(pay): Input<Pay>,
) -> Answered {
    let marketplace = control.of(&scoped).await?;
    let order = PaymentOrder {
        amount: amount(&pay.amount, &pay.currency)?,
        reference: pay.reference,
        description: pay.description,
        success_url: pay.success_url,
        cancel_url: pay.cancel_url,
        expires_at: pay.expires_in.map(|time| marketplace.now().saturating_add(time.as_secs())),
        capture_method: if pay.manual_capture {
            CaptureMethod::Manual
        } else {
            CaptureMethod::Automatic
        },
    };
    Ok(Answer(views::payment(&marketplace.pay(order).await?)))
}

/// The query of the list of payments.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentsQuery {
    provider: Option<String>,
    #[serde(default = "default_workspace")]
    workspace: String,
    #[serde(default = "default_payments")]
    limit: u32,
    before: Option<u64>,
}

fn default_payments() -> u32 {
    50
}

pub async fn list(
    State(control): State<Control>,
    Params(PaymentsQuery { provider, workspace, limit, before }): Params<PaymentsQuery>,
) -> Answered {
    let scoped = Scoped { provider, workspace };
    let limit = limit.min(MOST_LISTED);
    let (mode, payments) = control.of(&scoped).await?.payments(before, limit).await?;
    Ok(Answer(views::payments(mode, &payments, limit)))
}

pub async fn show(
    State(control): State<Control>,
    Named(id): Named<String>,
    Params(scoped): Params<Scoped>,
) -> Answered {
    Ok(Answer(views::payment(&control.of(&scoped).await?.payment(&id).await?)))
}

pub async fn flow(
    State(control): State<Control>,
    Named(id): Named<String>,
    Params(scoped): Params<Scoped>,
) -> Answered {
    let (mode, history) = control.of(&scoped).await?.payment_history(&id).await?;
    Ok(Answer(views::history(mode, &history)))
}

/// The body of a completion.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    return_query: Option<String>,
}

impl Form for Complete {
    const EXAMPLE: &str = r#"{"return_query": "token=EC-1"}"#;
}

pub async fn complete(
    State(control): State<Control>,
    Named(id): Named<String>,
    Params(scoped): Params<Scoped>,
    Input(Complete { return_query }): Input<Complete>,
) -> Answered {
    let marketplace = control.of(&scoped).await?;
    Ok(Answer(views::payment(&marketplace.complete(&id, return_query).await?)))
}

pub async fn cancel(
    State(control): State<Control>,
    Named(id): Named<String>,
    Params(scoped): Params<Scoped>,
    Input(Nothing {}): Input<Nothing>,
) -> Answered {
    Ok(Answer(views::payment(&control.of(&scoped).await?.cancel(&id).await?)))
}

/// The body of a refund.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundBody {
    reference: String,
    amount: Option<String>,
}

impl Form for RefundBody {
    const EXAMPLE: &str = r#"{"reference": "refund-1", "amount": "5.00"}"#;
}

pub async fn refund(
    State(control): State<Control>,
    Named(id): Named<String>,
    Params(scoped): Params<Scoped>,
    Input(body): Input<RefundBody>,
) -> Answered {
    let marketplace = control.of(&scoped).await?;
    let minor_units = match &body.amount {
        Some(text) => {
            // It is of the payment's currency.
            let stored = marketplace.payment(&id).await?.stored;
            Some(amount(text, &stored.amount.currency)?.minor_units)
        }
        None => None,
    };
    let (stored, refund) = marketplace.refund(&id, &body.reference, minor_units).await?;
    Ok(Answer(views::refunded(marketplace.mode().await?, &refund, &stored)))
}

/// The query of the list of transitions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransitionsQuery {
    provider: Option<String>,
    #[serde(default = "default_workspace")]
    workspace: String,
    #[serde(default = "default_consumer")]
    consumer: String,
    mode: Option<ChosenMode>,
    #[serde(default = "default_transitions")]
    limit: u32,
}

fn default_consumer() -> String {
    "flow".to_owned()
}

fn default_transitions() -> u32 {
    100
}

pub async fn transitions(
    State(control): State<Control>,
    Params(query): Params<TransitionsQuery>,
) -> Answered {
    let TransitionsQuery { provider, workspace, consumer, mode, limit } = query;
    let scoped = Scoped { provider, workspace };
    let (marketplace, mode) = (control.of(&scoped).await?, mode.map(Into::into));
    let limit = limit.min(MOST_LISTED);
    let unread = marketplace.unread_transitions(mode, &consumer, limit).await?;
    Ok(Answer(views::transitions(&consumer, &unread)))
}

/// The body that acknowledges transitions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    position: u64,
    #[serde(default = "default_consumer")]
    consumer: String,
    mode: Option<ChosenMode>,
}

impl Form for Acknowledge {
    const EXAMPLE: &str = r#"{"position": 7, "consumer": "flow", "mode": "test"}"#;
}

pub async fn acknowledge(
    State(control): State<Control>,
    Params(scoped): Params<Scoped>,
    Input(Acknowledge { position, consumer, mode }): Input<Acknowledge>,
) -> Answered {
    let (marketplace, mode) = (control.of(&scoped).await?, mode.map(Into::into));
    marketplace.acknowledge(mode, &consumer, position).await?;
    let unread = marketplace.unread_transitions(mode, &consumer, default_transitions()).await?;
    Ok(Answer(views::transitions(&consumer, &unread)))
}
