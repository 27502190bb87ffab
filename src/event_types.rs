//! The types of event that this provider listens to, reads and lists.

const SUCCEEDED: &str = "payment_intent.succeeded";
const REQUIRES_ACTION: &str = "payment_intent.requires_action";
/// An attempt to pay failed.
pub const PAYMENT_FAILED: &str = "payment_intent.payment_failed";

/// The three events of the guide, in its order: what a webhook has to deliver, exactly.
pub const WEBHOOK_EVENTS: [&str; 3] = [SUCCEEDED, REQUIRES_ACTION, PAYMENT_FAILED];

/// The events that carry a PaymentIntent. A webhook created by hand may deliver more of them than
/// the three.
pub const PAYMENT_EVENTS: [&str; 6] = [
    SUCCEEDED,
    REQUIRES_ACTION,
    PAYMENT_FAILED,
    "payment_intent.processing",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
];

/// The other events that a flow needs and no webhook delivers: expiry, refunds and disputes. Stripe
/// lists at most 20 types at once.
pub const OTHER_LISTED: [&str; 8] = [
    "checkout.session.expired",
    "charge.refunded",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
];

/// The step of a remedy that has the merchant select the events of a webhook.
pub fn select_webhook_events() -> String {
    format!("Select only {SUCCEEDED}, {REQUIRES_ACTION} and {PAYMENT_FAILED}.")
}
