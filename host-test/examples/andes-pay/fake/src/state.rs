//! What one environment remembers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::amount;
use crate::deliveries::{DeliverOrigin, Outbox};

/// How long a payment can be approved, and completed after that, in seconds. Our own choice.
const LIFETIME: u64 = 86_400;

/// Test mode or live mode.
pub struct Environment {
    /// `test` or `live`.
    pub name: &'static str,
    /// The origin of its pages.
    pub origin: String,
    /// The deliveries.
    pub outbox: Outbox,
    state: Mutex<State>,
}

/// The objects, the oldest first.
#[derive(Default)]
pub struct State {
    pub payments: Vec<Payment>,
    pub refunds: Vec<Refund>,
    pub events: Vec<Event>,
    pub webhooks: Vec<Webhook>,
    /// Whether each new refund fails.
    pub refunds_fail: bool,
    /// By store and idempotency key: the request, and its answer.
    pub answers: HashMap<(String, String), (String, (StatusCode, Value))>,
}

/// What the merchant writes on a payment or a refund.
#[derive(Clone, Deserialize, Serialize)]
pub struct Labels {
    pub reference: Option<String>,
    pub attempt: Option<String>,
    pub workspace: Option<String>,
}

/// The request for a payment.
#[derive(Deserialize)]
pub struct NewPayment {
    pub amount: String,
    pub currency: String,
    pub success_url: String,
    pub expires_at: Option<u64>,
    #[serde(flatten)]
    pub labels: Labels,
}

/// The request for a refund.
#[derive(Deserialize)]
pub struct NewRefund {
    /// None: all that is left.
    pub amount: Option<String>,
    #[serde(flatten)]
    pub labels: Labels,
}

pub struct Payment {
    pub id: String,
    pub store: String,
    pub status: &'static str,
    pub amount: u64,
    pub currency: String,
    pub labels: Labels,
    pub success_url: String,
    pub expires_at: u64,
    /// What the customer's browser brings back after approving.
    pub token: String,
    pub created_at: u64,
    pub updated_at: u64,
}

pub struct Refund {
    pub id: String,
    pub payment: String,
    pub store: String,
    pub status: &'static str,
    pub amount: u64,
    pub currency: String,
    pub labels: Labels,
    pub created_at: u64,
    pub updated_at: u64,
}

pub struct Event {
    pub id: String,
    pub store: String,
    pub created_at: u64,
    /// As it is listed: with the payment or the refund as it was then.
    pub listed: Value,
    /// As it is delivered: ids only.
    pub delivered: Value,
}

/// A webhook that the merchant has made.
#[derive(Clone)]
pub struct Webhook {
    pub url: String,
    pub secret: String,
}

/// The time, in Unix seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A new id.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", Uuid::new_v4().simple())
}

impl Environment {
    pub fn new(name: &'static str, origin: &str, deliver_origins: &[DeliverOrigin]) -> Self {
        let outbox = Outbox::start(deliver_origins.to_vec());
        Self { name, origin: origin.to_owned(), outbox, state: Mutex::default() }
    }

    /// The state. Payments whose time is over are expired.
    pub fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |payment: &&Payment| payment.is_open() && payment.expires_at <= now();
        let over: Vec<String> =
            state.payments.iter().filter(is_over).map(|payment| payment.id.clone()).collect();
        for id in over {
            self.change(&mut state, &id, "expired");
        }
        state
    }

    /// Gives a payment another status.
    pub fn change(&self, state: &mut State, id: &str, status: &'static str) {
        if let Some(payment) = state.payments.iter_mut().find(|payment| payment.id == id) {
            payment.status = status;
            payment.updated_at = now();
            self.record(state, id, None);
        }
    }

    /// Gives a refund another status.
    pub fn decide_refund(&self, state: &mut State, id: &str, status: &'static str) {
        let Some(refund) = state.refunds.iter_mut().find(|refund| refund.id == id) else { return };
        refund.status = status;
        refund.updated_at = now();
        let payment = refund.payment.clone();
        self.record(state, &payment, Some(id));
    }

    /// Records an event about a payment, or about one of its refunds, and delivers it.
    pub fn record(&self, state: &mut State, payment: &str, refund: Option<&str>) {
        let Some(about) = state.payments.iter().find(|one| one.id == payment) else { return };
        let (id, created_at, store) = (new_id("evt"), now(), about.store.clone());
        let (listed, delivered) = if let Some(refund) = refund {
            let about = state.refunds.iter().find(|one| one.id == refund).map(Refund::json);
            let kind = "refund.updated";
            (
                json!({ "id": id, "type": kind, "created_at": created_at, "refund": about }),
                json!({ "id": id, "type": kind, "payment": payment, "refund": refund }),
            )
        } else {
            let (kind, about) = ("payment.updated", self.payment(state, about));
            (
                json!({ "id": id, "type": kind, "created_at": created_at, "payment": about }),
                json!({ "id": id, "type": kind, "payment": payment }),
            )
        };
        let event = Event { id, store, created_at, listed, delivered };
        self.deliver(state, &event);
        state.events.push(event);
    }

    /// Delivers an event to every webhook.
    pub fn deliver(&self, state: &State, event: &Event) {
        for webhook in &state.webhooks {
            self.outbox.send(&event.id, webhook, event.delivered.to_string());
        }
    }

    /// A payment, as the API writes it.
    pub fn payment(&self, state: &State, payment: &Payment) -> Value {
        let refunds = state.refunds.iter().filter(|refund| refund.payment == payment.id);
        let refunded = refunds.filter(|refund| refund.status == "done").map(|one| one.amount).sum();
        let text = |units| amount::text(units, &payment.currency);
        let declined = || failure("declined_by_customer", "The customer has declined the payment.");
        json!({
            "id": payment.id,
            "environment": self.name,
            "status": payment.status,
            "amount": text(payment.amount),
            "received": text(if payment.status == "paid" { payment.amount } else { 0 }),
            "refunded": text(refunded),
            "currency": payment.currency,
            "page": payment.is_open().then(|| format!("{}/pay/{}", self.origin, payment.id)),
            "expires_at": payment.expires_at,
            "complete_by": (payment.status == "approved").then_some(payment.expires_at),
            "created_at": payment.created_at,
            "updated_at": payment.updated_at,
            "failure": (payment.status == "declined").then(declined),
            "reference": payment.labels.reference,
            "attempt": payment.labels.attempt,
            "workspace": payment.labels.workspace,
        })
    }
}

fn failure(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

impl Payment {
    /// The error is its code.
    pub fn new(store: &str, request: NewPayment) -> Result<Self, &'static str> {
        let created_at = now();
        Ok(Self {
            id: new_id("pay"),
            store: store.to_owned(),
            status: "created",
            amount: amount::parse(&request.amount, &request.currency)?,
            currency: request.currency,
            labels: request.labels,
            success_url: request.success_url,
            expires_at: request.expires_at.unwrap_or(created_at + LIFETIME),
            token: new_id("tok"),
            created_at,
            updated_at: created_at,
        })
    }

    /// Whether it is not decided.
    pub fn is_open(&self) -> bool {
        matches!(self.status, "created" | "declined" | "approved")
    }
}

impl Refund {
    /// As the API writes it.
    pub fn json(&self) -> Value {
        let refused = || failure("bank_refused", "The customer's bank did not take the money.");
        json!({
            "id": self.id,
            "payment": self.payment,
            "status": self.status,
            "amount": amount::text(self.amount, &self.currency),
            "currency": self.currency,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "failure": (self.status == "failed").then(refused),
            "reference": self.labels.reference,
            "attempt": self.labels.attempt,
            "workspace": self.labels.workspace,
        })
    }
}
