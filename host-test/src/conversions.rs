//! Between the contract's types and the ledger's. What is stored has types of its own, so that a change of the
//! contract does not change the disk.

use ledger::types as stored;

use crate::contract::types;

/// The largest number that the disk holds. A plugin may give a larger one, which no amount or time is.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// A number that the disk holds.
fn held(number: u64) -> u64 {
    number.min(LARGEST)
}

impl From<types::Mode> for stored::Mode {
    fn from(mode: types::Mode) -> Self {
        match mode {
            types::Mode::Test => Self::Test,
            types::Mode::Live => Self::Live,
        }
    }
}

impl From<stored::Mode> for types::Mode {
    fn from(mode: stored::Mode) -> Self {
        match mode {
            stored::Mode::Test => Self::Test,
            stored::Mode::Live => Self::Live,
        }
    }
}

impl From<types::Money> for stored::Money {
    fn from(types::Money { minor_units, currency }: types::Money) -> Self {
        Self { minor_units: held(minor_units), currency }
    }
}

impl From<stored::Money> for types::Money {
    fn from(stored::Money { minor_units, currency }: stored::Money) -> Self {
        Self { minor_units, currency }
    }
}

impl From<types::Problem> for stored::Problem {
    fn from(types::Problem { code, message, remedy }: types::Problem) -> Self {
        Self { code, message, remedy }
    }
}

impl From<stored::Problem> for types::Problem {
    /// An earlier version of this program stored what a plugin said as it was.
    fn from(stored::Problem { code, message, remedy }: stored::Problem) -> Self {
        let shown = |text: String| crate::foreign::one_line(&text).into_owned();
        let remedy = remedy.into_iter().map(shown).collect();
        Self { code: shown(code), message: shown(message), remedy }
    }
}

impl From<types::PaymentStatus> for stored::PaymentStatus {
    fn from(status: types::PaymentStatus) -> Self {
        match status {
            types::PaymentStatus::Pending => Self::Pending,
            types::PaymentStatus::RequiresAction => Self::RequiresAction,
            types::PaymentStatus::Approved => Self::Approved,
            types::PaymentStatus::Rejected => Self::Rejected,
            types::PaymentStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<types::Authority> for stored::Authority {
    fn from(authority: types::Authority) -> Self {
        match authority {
            types::Authority::Signed => Self::Signed,
            types::Authority::Fetched => Self::Fetched,
        }
    }
}

impl From<types::Awaited> for stored::Awaited {
    fn from(awaited: types::Awaited) -> Self {
        match awaited {
            types::Awaited::Nothing => Self::Nothing,
            types::Awaited::Customer(link) => {
                Self::Customer(link.map(|types::CustomerLink { url, expires_at }| {
                    stored::CustomerLink { url, expires_at: expires_at.map(held) }
                }))
            }
            types::Awaited::Completion(deadline) => Self::Completion(deadline.map(held)),
            types::Awaited::Provider(reason) => Self::Provider(reason),
            types::Awaited::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<types::Payment> for stored::Payment {
    fn from(payment: types::Payment) -> Self {
        Self {
            id: payment.id,
            aliases: payment.aliases,
            reference: payment.reference,
            attempt_id: payment.attempt_id,
            mode: payment.mode.into(),
            status: payment.status.into(),
            provider_status: payment.provider_status,
            amount: payment.amount.into(),
            received: held(payment.received),
            refunded: payment.refunded.map(held),
            failure: payment.failure.map(Into::into),
            awaits: payment.awaits.into(),
            disputes: payment.disputes.into_iter().map(Into::into).collect(),
            created_at: held(payment.created_at),
        }
    }
}

impl From<types::Dispute> for stored::Dispute {
    fn from(dispute: types::Dispute) -> Self {
        Self {
            id: dispute.id,
            payment: dispute.payment,
            status: dispute.status.as_str().to_owned(),
            amount: dispute.amount.into(),
            due_by: dispute.due_by.map(held),
        }
    }
}

impl From<types::Refund> for stored::Refund {
    fn from(refund: types::Refund) -> Self {
        Self {
            id: refund.id,
            payment: refund.payment,
            has_failed: matches!(
                refund.status,
                types::RefundStatus::Failed | types::RefundStatus::Canceled
            ),
            amount: refund.amount.into(),
            failure: refund.failure.map(Into::into),
        }
    }
}

impl From<types::Event> for stored::Event {
    fn from(event: types::Event) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            occurred_at: held(event.occurred_at),
            subject: match event.subject {
                types::EventSubject::Payment(payment) => {
                    stored::EventSubject::Payment(Box::new(payment.into()))
                }
                types::EventSubject::Refund(refund) => stored::EventSubject::Refund(refund.into()),
                types::EventSubject::Dispute(dispute) => {
                    stored::EventSubject::Dispute(dispute.into())
                }
                types::EventSubject::Other(what) => stored::EventSubject::Other(what),
            },
            authority: event.authority.into(),
        }
    }
}

impl From<types::WebhookIdentity> for stored::DeliveryNames {
    fn from(identity: types::WebhookIdentity) -> Self {
        Self {
            installation: identity.installation,
            account: identity.account,
            reference: identity.reference,
            payment: identity.payment,
        }
    }
}
