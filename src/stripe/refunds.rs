//! Refunds and disputes.

use super::json::{Fields as _, FromJson, Json};
use crate::metadata::Metadata;

/// Money that was given back.
pub struct RefundObject {
    /// `re_…`
    pub id: String,
    /// The PaymentIntent that it is of. None: it is of a charge without one.
    pub payment_intent: Option<String>,
    /// How much, as Stripe counts.
    pub amount: u64,
    /// Lower case.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed`, `canceled`, or another word.
    pub status: String,
    /// Why it failed, such as `expired_or_canceled_card`.
    pub failure_reason: Option<String>,
    /// Unix seconds.
    pub created: u64,
    /// Our tags.
    pub metadata: Metadata,
}

impl FromJson for RefundObject {
    fn from_json(json: &Json) -> Option<Self> {
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

/// A customer's objection to a charge.
pub struct DisputeObject {
    /// `du_…` or `dp_…`
    pub id: String,
    /// The PaymentIntent that it is about.
    pub payment_intent: String,
    /// How much, as Stripe counts.
    pub amount: u64,
    /// Lower case.
    pub currency: String,
    /// `needs_response`, `under_review`, `won`, `lost`, or another word.
    pub status: String,
    /// Until when the merchant has to answer, in Unix seconds.
    pub due_by: Option<u64>,
    /// Whether the charge can still be refunded.
    pub is_charge_refundable: bool,
}

impl FromJson for DisputeObject {
    fn from_json(json: &Json) -> Option<Self> {
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
