//! The events that can be triggered, with the fields of their objects that can be chosen.

use super::error::TriggerError;

/// An event that can be triggered.
pub struct Trigger {
    /// Its name.
    pub event: &'static str,
    /// The fields of its object that can be chosen.
    pub paths: &'static [&'static str],
    /// What makes it happen.
    pub recipe: Recipe,
}

/// What makes an event happen.
#[derive(Clone, Copy)]
pub enum Recipe {
    /// A PaymentIntent is made.
    Intent(IntentEnd),
    /// A Checkout Session is made.
    Session(SessionEnd),
    /// A payment is refunded.
    Refund(RefundEnd),
    /// A payment is disputed, and the dispute ends.
    Dispute {
        /// Whether it ends.
        ends: bool,
    },
}

/// How far a PaymentIntent gets.
#[derive(Clone, Copy)]
pub enum IntentEnd {
    /// Nobody tries to pay it.
    Created,
    /// It is paid.
    Succeeded,
    /// The card is declined.
    Failed,
    /// The bank asks for authentication.
    RequiresAction,
    /// The bank has not decided.
    Processing,
    /// It is canceled.
    Canceled,
    /// It can be captured.
    Authorised,
}

/// How a Checkout Session ends.
#[derive(Clone, Copy)]
pub enum SessionEnd {
    /// It is paid with a card.
    Paid,
    /// Its time is over.
    Expired,
    /// Its voucher is paid.
    VoucherPaid,
    /// Its voucher is not paid in time.
    VoucherExpired,
}

/// What is asked about a refund.
#[derive(Clone, Copy)]
pub enum RefundEnd {
    /// The charge, of which a part can be refunded.
    Charge,
    /// The refund, which succeeds.
    Made,
    /// The refund, which fails later.
    Failed,
}

const INTENT: &[&str] = &["amount", "currency", "description", "receipt_email", "metadata.*"];
const FAILED: &[&str] = &[
    "amount",
    "currency",
    "description",
    "receipt_email",
    "metadata.*",
    "last_payment_error.decline_code",
];
const CANCELED: &[&str] =
    &["amount", "currency", "description", "receipt_email", "metadata.*", "cancellation_reason"];
const SESSION: &[&str] =
    &["amount_total", "currency", "client_reference_id", "customer_email", "metadata.*"];
const PAID_SESSION: &[&str] = &[
    "amount_total",
    "currency",
    "client_reference_id",
    "customer_email",
    "metadata.*",
    "payment_intent.metadata.*",
];
const CHARGE: &[&str] =
    &["amount", "amount_refunded", "currency", "description", "receipt_email", "metadata.*"];
const REFUND: &[&str] =
    &["amount", "currency", "reason", "metadata.*", "payment_intent.metadata.*"];
const DISPUTE: &[&str] = &["amount", "currency", "reason", "payment_intent.metadata.*"];
const CLOSED: &[&str] = &["amount", "currency", "reason", "status", "payment_intent.metadata.*"];

const fn trigger(event: &'static str, paths: &'static [&'static str], recipe: Recipe) -> Trigger {
    Trigger { event, paths, recipe }
}

static TRIGGERS: [Trigger; 16] = [
    trigger("payment_intent.created", INTENT, Recipe::Intent(IntentEnd::Created)),
    trigger("payment_intent.succeeded", INTENT, Recipe::Intent(IntentEnd::Succeeded)),
    trigger("payment_intent.payment_failed", FAILED, Recipe::Intent(IntentEnd::Failed)),
    trigger("payment_intent.requires_action", INTENT, Recipe::Intent(IntentEnd::RequiresAction)),
    trigger("payment_intent.processing", INTENT, Recipe::Intent(IntentEnd::Processing)),
    trigger("payment_intent.canceled", CANCELED, Recipe::Intent(IntentEnd::Canceled)),
    trigger(
        "payment_intent.amount_capturable_updated",
        INTENT,
        Recipe::Intent(IntentEnd::Authorised),
    ),
    trigger("checkout.session.completed", PAID_SESSION, Recipe::Session(SessionEnd::Paid)),
    trigger("checkout.session.expired", SESSION, Recipe::Session(SessionEnd::Expired)),
    trigger(
        "checkout.session.async_payment_succeeded",
        PAID_SESSION,
        Recipe::Session(SessionEnd::VoucherPaid),
    ),
    trigger(
        "checkout.session.async_payment_failed",
        PAID_SESSION,
        Recipe::Session(SessionEnd::VoucherExpired),
    ),
    trigger("charge.refunded", CHARGE, Recipe::Refund(RefundEnd::Charge)),
    trigger("refund.created", REFUND, Recipe::Refund(RefundEnd::Made)),
    trigger("refund.failed", REFUND, Recipe::Refund(RefundEnd::Failed)),
    trigger("charge.dispute.created", DISPUTE, Recipe::Dispute { ends: false }),
    trigger("charge.dispute.closed", CLOSED, Recipe::Dispute { ends: true }),
];

/// The event of a name.
pub fn find(event: &str) -> Result<&'static Trigger, TriggerError> {
    TRIGGERS.iter().find(|trigger| trigger.event == event).ok_or_else(|| {
        let known = TRIGGERS.iter().map(|trigger| trigger.event).collect();
        TriggerError::UnknownEvent { event: event.to_owned(), known }
    })
}
