//! Refunds and disputes.

use super::json::{FromJson, Json};
use crate::metadata::Metadata;

/// A refund.
pub struct RefundObject {
    /// `re_…`
    pub id: String,
    /// The id of its PaymentIntent. None: its charge has no PaymentIntent.
    pub payment_intent: Option<String>,
    /// The amount, in Stripe's units.
    pub amount: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`. Stripe may add statuses.
    pub status: String,
    /// Why it failed, such as `expired_or_canceled_card`.
    pub failure_reason: Option<String>,
    /// Unix seconds.
    pub created: u64,
    /// Our metadata.
    pub metadata: Metadata,
}

impl FromJson for RefundObject {
    fn from_json(json: Json<'_>) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            payment_intent: json.string("payment_intent"),
            amount: json.number("amount")?,
            currency: json.string("currency")?,
            status: json.string("status").unwrap_or_default(),
            failure_reason: json.string("failure_reason"),
            created: json.number("created").unwrap_or(0),
            metadata: Metadata::of(json),
        })
    }
}

/// A dispute.
pub struct DisputeObject {
    /// `du_…` or `dp_…`
    pub id: String,
    /// The id of its PaymentIntent.
    pub payment_intent: String,
    /// The amount, in Stripe's units.
    pub amount: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// Such as `needs_response`, `under_review`, `won` or `lost`.
    pub status: String,
    /// Until when the merchant has to answer, in Unix seconds.
    pub due_by: Option<u64>,
    /// Whether the charge can still be refunded.
    pub is_charge_refundable: bool,
}

impl FromJson for DisputeObject {
    fn from_json(json: Json<'_>) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            payment_intent: json.string("payment_intent")?,
            amount: json.number("amount")?,
            currency: json.string("currency")?,
            status: json.string("status").unwrap_or_default(),
            due_by: json.field("evidence_details").number("due_by"),
            is_charge_refundable: json.flag("is_charge_refundable").unwrap_or(false),
        })
    }
}
