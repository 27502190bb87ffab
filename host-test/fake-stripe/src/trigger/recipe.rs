//! What makes each event happen.

use serde_json::Value;

use super::error::TriggerError;
use super::events::{IntentEnd, Recipe, RefundEnd, SessionEnd, find};
use super::overrides::{Override, Overrides, invalid};
use crate::account::AccountState;
use crate::api::{Params, disputes, intents, refunds, sessions};
use crate::customer::pay_session;
use crate::delivery::Outbox;
use crate::error::ApiError;
use crate::payment;
use crate::test_cards::{DECLINED, TestCard, VISA};

/// The amount of what is triggered, in Stripe's units. Source: the fixtures of the Stripe CLI.
const AMOUNT: u64 = 2000;

/// Why a customer disputes a payment. Source: Stripe's documentation of the Dispute object. The first is
/// that of a test card.
const DISPUTE_REASONS: [&str; 9] = [
    "fraudulent",
    "credit_not_processed",
    "duplicate",
    "general",
    "incorrect_account_details",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
];

/// Why a PaymentIntent is canceled. Source: Stripe's documentation of "Cancel a PaymentIntent".
const CANCELLATION_REASONS: [&str; 4] =
    ["requested_by_customer", "abandoned", "duplicate", "fraudulent"];

/// Makes an event happen, and those that come before it. `origin`: where the fake's pages are.
pub fn make_happen(
    outbox: &Outbox,
    state: &mut AccountState,
    origin: &str,
    event: &str,
    overrides: Vec<Override>,
) -> Result<(), TriggerError> {
    let trigger = find(event)?;
    let overrides = Overrides::new(overrides, trigger.paths)?;
    let mut run = Run { outbox, state, origin, overrides };
    match trigger.recipe {
        Recipe::Intent(end) => run.intent(end),
        Recipe::Session(end) => run.session(end),
        Recipe::Refund(end) => run.refund(end),
        Recipe::Dispute { ends } => run.dispute(ends),
    }
}

/// One run of a recipe. Every override is checked before the first change.
struct Run<'a> {
    outbox: &'a Outbox,
    state: &'a mut AccountState,
    origin: &'a str,
    overrides: Overrides,
}

impl Run<'_> {
    fn intent(&mut self, end: IntentEnd) -> Result<(), TriggerError> {
        let card = self.declined_card()?;
        let reason = self.overrides.choice("cancellation_reason", &CANCELLATION_REASONS)?;
        let amount = self.overrides.amount("amount")?.unwrap_or(AMOUNT);
        let mut more = Vec::new();
        if matches!(end, IntentEnd::Authorised) {
            more.push(("capture_method", "manual"));
        }
        let id = self.payment_intent(amount, "metadata", &more)?;
        let (outbox, state) = (self.outbox, &mut *self.state);
        match end {
            IntentEnd::Created => {}
            IntentEnd::Succeeded | IntentEnd::Authorised => {
                payment::attempt(outbox, state, &id, &VISA);
            }
            IntentEnd::Failed => {
                payment::attempt(outbox, state, &id, card);
            }
            IntentEnd::RequiresAction => {
                let card = TestCard::by_number("4000002760003184");
                payment::attempt(outbox, state, &id, card);
            }
            IntentEnd::Processing => {
                payment::process(outbox, state, &id, &VISA);
            }
            IntentEnd::Canceled => {
                let reason = params([("cancellation_reason".to_owned(), reason.to_owned())]);
                intents::cancel(outbox, state, &id, reason).map_err(refused("amount"))?;
            }
        }
        Ok(())
    }

    fn session(&mut self, end: SessionEnd) -> Result<(), TriggerError> {
        let amount = self.overrides.amount("amount_total")?.unwrap_or(AMOUNT);
        let item = |name: &str| format!("line_items[0][price_data]{name}");
        let mut session = vec![
            ("mode".to_owned(), "payment".to_owned()),
            ("success_url".to_owned(), "https://shop.example/thanks".to_owned()),
            (item("[currency]"), self.overrides.currency()?),
            (item("[unit_amount]"), amount.to_string()),
            (item("[product_data][name]"), "Triggered".to_owned()),
        ];
        for field in ["client_reference_id", "customer_email"] {
            let value = self.overrides.text(field);
            session.extend(value.map(|value| (field.to_owned(), value.to_owned())));
        }
        session.extend(self.metadata("metadata", "metadata"));
        session.extend(self.metadata("payment_intent.metadata", "payment_intent_data[metadata]"));
        let session = sessions::create(self.state, self.origin, params(session));
        let id = id_of(&session.map_err(refused("amount_total"))?);
        let (outbox, state) = (self.outbox, &mut *self.state);
        match end {
            SessionEnd::Paid => {
                pay_session(outbox, state, &id, &VISA);
            }
            SessionEnd::Expired => {
                sessions::expire(outbox, state, &id, params([])).map_err(refused("amount"))?;
            }
            SessionEnd::VoucherPaid | SessionEnd::VoucherExpired => {
                pay_session(outbox, state, &id, TestCard::by_number("voucher"));
                let intent = state.session(&id).and_then(|session| session.payment_intent.clone());
                let is_paid = matches!(end, SessionEnd::VoucherPaid);
                payment::settle_voucher(outbox, state, &intent.unwrap_or_default(), is_paid);
            }
        }
        Ok(())
    }

    fn refund(&mut self, end: RefundEnd) -> Result<(), TriggerError> {
        const REASONS: &[&str] = &refunds::REASONS;
        let amount = self.overrides.amount("amount")?.unwrap_or(AMOUNT);
        let refunded = self.overrides.amount("amount_refunded")?.unwrap_or(amount);
        if refunded > amount {
            return Err(invalid("amount_refunded", "It is more than the amount of the charge."));
        }
        let mut refund = vec![("amount".to_owned(), refunded.to_string())];
        if self.overrides.text("reason").is_some() {
            let reason = self.overrides.choice("reason", REASONS)?;
            refund.push(("reason".to_owned(), reason.to_owned()));
        }
        let of_intent = match end {
            RefundEnd::Charge => "metadata",
            RefundEnd::Made | RefundEnd::Failed => {
                refund.extend(self.metadata("metadata", "metadata"));
                "payment_intent.metadata"
            }
        };
        let intent = self.payment_intent(amount, of_intent, &[])?;
        payment::attempt(self.outbox, self.state, &intent, &VISA);
        refund.push(("payment_intent".to_owned(), intent));
        refunds::create(self.outbox, self.state, params(refund)).map_err(refused("amount"))?;
        if matches!(end, RefundEnd::Failed) {
            refunds::fail_last(self.outbox, self.state);
        }
        Ok(())
    }

    fn dispute(&mut self, ends: bool) -> Result<(), TriggerError> {
        let amount = self.overrides.amount("amount")?.unwrap_or(AMOUNT);
        let reason = self.overrides.choice("reason", &DISPUTE_REASONS)?;
        let status = self.overrides.choice("status", &["lost", "won"])?;
        let intent = self.payment_intent(amount, "payment_intent.metadata", &[])?;
        payment::attempt(self.outbox, self.state, &intent, &VISA);
        disputes::open(self.outbox, self.state, &intent, reason);
        if ends {
            disputes::close(self.outbox, self.state, &intent, status);
        }
        Ok(())
    }

    /// Creates a PaymentIntent: its id. `metadata`: the path of its metadata.
    fn payment_intent(
        &mut self,
        amount: u64,
        metadata: &str,
        more: &[(&str, &str)],
    ) -> Result<String, TriggerError> {
        let mut intent = vec![
            ("amount".to_owned(), amount.to_string()),
            ("currency".to_owned(), self.overrides.currency()?),
        ];
        for field in ["description", "receipt_email"] {
            let value = self.overrides.text(field);
            intent.extend(value.map(|value| (field.to_owned(), value.to_owned())));
        }
        intent.extend(more.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        intent.extend(self.metadata(metadata, "metadata"));
        let intent = intents::create(self.outbox, self.state, self.origin, params(intent));
        Ok(id_of(&intent.map_err(refused("amount"))?))
    }

    /// The metadata at a path, as parameters of a map.
    fn metadata(&self, path: &str, map: &str) -> Vec<(String, String)> {
        let metadata = self.overrides.map(path);
        metadata.map(|(name, value)| (format!("{map}[{name}]"), value.to_owned())).collect()
    }

    /// The card that is declined for the chosen reason.
    fn declined_card(&self) -> Result<&'static TestCard, TriggerError> {
        const PATH: &str = "last_payment_error.decline_code";
        let Some(reason) = self.overrides.text(PATH) else { return Ok(&DECLINED) };
        TestCard::by_decline(reason).ok_or_else(|| {
            let known: Vec<_> = TestCard::decline_codes().collect();
            invalid(PATH, &format!("Choose one of: {}.", known.join(", ")))
        })
    }
}

fn params(params: impl IntoIterator<Item = (String, String)>) -> Params {
    Params::new(params.into_iter().collect())
}

fn id_of(object: &Value) -> String {
    object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The API has refused a request: the amount is too small. Everything else was checked before.
fn refused(path: &'static str) -> impl Fn(ApiError) -> TriggerError {
    move |error| invalid(path, error.text("message").unwrap_or_default())
}
