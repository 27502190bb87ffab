//! The rule by which what the provider says changes a payment. Pure: no SQL, no clock.
//!
//! | stored | received | decision |
//! | --- | --- | --- |
//! | an event with the same id | an event | duplicate: nothing changes (`events`) |
//! | a payment of the other mode | anything | foreign: test and live never meet (`payments`) |
//! | no payment, but the reference is ours | an event | kept until the payment is stored (`early_events`) |
//! | no payment, and no reference of ours | anything | foreign: the account has other business |
//! | a final status | anything | keep the status; refunds and aliases are taken over |
//! | a status that is not final | approved, with less money than asked for or in another currency | amount mismatch: keep the status, refetch later |
//! | a status that is not final | a fetched payment | apply |
//! | a status that is not final | a signed final status | apply: nothing can come after it |
//! | a signed status that is not final | a newer signed status | apply |
//! | a signed status that is not final | a signed status of the same second, or older | refetch |
//! | a fetched status that is not final | a signed status | refetch: the order is not known |

#[cfg(test)]
mod all_orders;

use serde::Serialize;

use crate::types::{Authority, Money, Payment, PaymentStatus};

/// The state of a payment, as far as the rule reads it.
#[derive(Clone, Copy, Debug)]
pub struct PaymentState {
    /// The contract's status.
    pub status: PaymentStatus,
    /// The time that the status is of, by the provider's clock, in Unix seconds.
    pub as_of: u64,
    /// Whether the status comes from a signed event or from a fetch.
    pub authority: Authority,
}

impl PaymentState {
    /// The state after a change at `occurred_at`. Its time never goes back, so that an old event
    /// cannot pass for a new one later.
    #[must_use]
    pub fn after(self, status: PaymentStatus, authority: Authority, occurred_at: u64) -> Self {
        Self { status, as_of: occurred_at.max(self.as_of), authority }
    }
}

/// What to do with a payment of the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Take over the status.
    Apply,
    /// Keep the stored status.
    KeepStatus,
    /// Ask the provider, because the order of the two is not known.
    Refetch,
    /// Keep the stored status, because the payment claims to be approved without the whole amount.
    AmountMismatch,
}

/// Decides by the table above. `expected` is the amount asked for.
#[must_use]
pub fn decide(
    expected: &Money,
    state: PaymentState,
    payment: &Payment,
    authority: Authority,
    occurred_at: u64,
) -> Decision {
    if is_final(state.status) {
        return Decision::KeepStatus;
    }
    if payment.status == PaymentStatus::Approved && !is_paid_in_full(expected, payment) {
        return Decision::AmountMismatch;
    }
    let is_newer = state.authority == Authority::Signed && occurred_at > state.as_of;
    match authority {
        Authority::Fetched => Decision::Apply,
        Authority::Signed if is_final(payment.status) || is_newer => Decision::Apply,
        Authority::Signed => Decision::Refetch,
    }
}

fn is_paid_in_full(expected: &Money, payment: &Payment) -> bool {
    payment.amount.currency == expected.currency && payment.received >= expected.minor_units
}

/// Whether no other status can follow.
#[must_use]
pub fn is_final(status: PaymentStatus) -> bool {
    matches!(status, PaymentStatus::Approved | PaymentStatus::Canceled)
}

/// The output of a flow's payment node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Output {
    /// The money has been received.
    Approved,
    /// The payment failed or was canceled.
    Rejected,
    /// The payment is not decided yet.
    Pending,
}

impl Output {
    /// The output for a status.
    #[must_use]
    pub fn of(status: PaymentStatus) -> Self {
        match status {
            PaymentStatus::Approved => Self::Approved,
            PaymentStatus::Rejected | PaymentStatus::Canceled => Self::Rejected,
            PaymentStatus::Pending | PaymentStatus::RequiresAction => Self::Pending,
        }
    }

    /// The output as flows and the ledger spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "Approved",
            Self::Rejected => "Rejected",
            Self::Pending => "Pending",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Awaited, Mode};

    const STATUSES: [PaymentStatus; 5] = [
        PaymentStatus::Pending,
        PaymentStatus::RequiresAction,
        PaymentStatus::Approved,
        PaymentStatus::Rejected,
        PaymentStatus::Canceled,
    ];

    fn usd(minor_units: u64) -> Money {
        Money { minor_units, currency: "usd".to_owned() }
    }

    fn payment(status: PaymentStatus, received: u64, amount: Money) -> Payment {
        Payment {
            id: "pi_1".to_owned(),
            aliases: vec!["pi_1".to_owned()],
            reference: None,
            mode: Mode::Test,
            status,
            provider_status: String::new(),
            amount,
            received,
            refunded: None,
            failure: None,
            attempt_id: None,
            awaits: Awaited::Nothing,
            created_at: 0,
        }
    }

    fn state(status: PaymentStatus, authority: Authority) -> PaymentState {
        PaymentState { status, as_of: 100, authority }
    }

    #[test]
    fn final_status_never_changes() {
        for before in [PaymentStatus::Approved, PaymentStatus::Canceled] {
            for after in STATUSES {
                for authority in [Authority::Signed, Authority::Fetched] {
                    let state = state(before, authority);
                    let decision =
                        decide(&usd(10), state, &payment(after, 10, usd(10)), authority, 200);
                    assert_eq!(decision, Decision::KeepStatus);
                }
            }
        }
    }

    #[test]
    fn approved_needs_the_whole_amount() {
        let eur = Money { minor_units: 10, currency: "eur".to_owned() };
        let rows = [
            (10, usd(10), Decision::Apply),
            (11, usd(10), Decision::Apply),
            (9, usd(10), Decision::AmountMismatch),
            (9, usd(9), Decision::AmountMismatch),
            (10, eur, Decision::AmountMismatch),
        ];
        for (received, amount, expected) in rows {
            let payment = payment(PaymentStatus::Approved, received, amount);
            for authority in [Authority::Signed, Authority::Fetched] {
                let state = state(PaymentStatus::Pending, authority);
                assert_eq!(decide(&usd(10), state, &payment, authority, 101), expected);
            }
        }
    }

    #[test]
    fn tie_or_older_event_is_refetched() {
        let rejected = payment(PaymentStatus::Rejected, 0, usd(10));
        let rows = [
            (Authority::Signed, 101, Decision::Apply),
            (Authority::Signed, 100, Decision::Refetch),
            (Authority::Signed, 99, Decision::Refetch),
            (Authority::Fetched, 101, Decision::Refetch),
        ];
        for (authority, occurred_at, expected) in rows {
            let state = state(PaymentStatus::RequiresAction, authority);
            let decision = decide(&usd(10), state, &rejected, Authority::Signed, occurred_at);
            assert_eq!(decision, expected, "{occurred_at}");
        }
    }

    #[test]
    fn fetched_status_is_applied() {
        for status in STATUSES {
            let state = state(PaymentStatus::RequiresAction, Authority::Signed);
            let payment = payment(status, 10, usd(10));
            assert_eq!(decide(&usd(10), state, &payment, Authority::Fetched, 0), Decision::Apply);
        }
    }
}
