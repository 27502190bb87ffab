//! The ledger's rule: what a piece of news does to a payment.
//!
//! | what is known | the news | then |
//! | --- | --- | --- |
//! | the event, by its id | the same event | nothing: it is a duplicate (`events`) |
//! | a payment of the other mode | anything | nothing: test and live never meet (`payments`) |
//! | no payment, and the reference is ours | an event | it is kept until the payment is known (`early`) |
//! | no payment, and no reference of ours | anything | nothing: the account has other business |
//! | final | anything | the status stays; refunds and names are taken |
//! | not final | approved, and less received than was asked for, or in another currency | unsettled |
//! | not final | fetched | it is the state now |
//! | not final | signed and final | it is the state now: nothing can come after it |
//! | from an event | signed and newer | it is the state now |
//! | from an event | signed, of the same second or older | ask the provider |
//! | fetched | signed | ask the provider: whether it was before or after cannot be told |

#[cfg(test)]
mod all_orders;

use serde::Serialize;

use crate::contract::types::{Authority, Money, Payment, PaymentStatus};

/// What is known of a payment, as far as the rule is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its status.
    pub status: PaymentStatus,
    /// When that was so, by the provider's clock.
    pub as_of: u64,
    /// How that is known.
    pub authority: Authority,
}

impl Known {
    /// What is known once news of a time is the state. Time does not go back: an older event never
    /// makes a newer one look new again.
    #[must_use]
    pub fn after(self, status: PaymentStatus, authority: Authority, occurred_at: u64) -> Self {
        Self { status, as_of: occurred_at.max(self.as_of), authority }
    }
}

/// What to do about the news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is the state now.
    Apply,
    /// The status stays.
    KeepStatus,
    /// The provider has to be asked.
    Ask,
    /// It cannot be believed: the money is not all there.
    Unsettled,
}

/// What a piece of news does to a payment, by the table above.
#[must_use]
pub fn decide(
    asked_for: &Money,
    known: Known,
    news: &Payment,
    authority: Authority,
    occurred_at: u64,
) -> Decision {
    if is_final(known.status) {
        return Decision::KeepStatus;
    }
    if news.status == PaymentStatus::Approved && !is_paid_in_full(asked_for, news) {
        return Decision::Unsettled;
    }
    let is_newer = known.authority == Authority::Signed && occurred_at > known.as_of;
    match authority {
        Authority::Fetched => Decision::Apply,
        Authority::Signed if is_final(news.status) || is_newer => Decision::Apply,
        Authority::Signed => Decision::Ask,
    }
}

fn is_paid_in_full(asked_for: &Money, news: &Payment) -> bool {
    news.amount.currency == asked_for.currency && news.received >= asked_for.minor_units
}

/// Whether nothing can come after it.
#[must_use]
pub fn is_final(status: PaymentStatus) -> bool {
    matches!(status, PaymentStatus::Approved | PaymentStatus::Canceled)
}

/// What a flow goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Output {
    /// The money has been received.
    Approved,
    /// It was not paid.
    Rejected,
    /// It is not known yet.
    Pending,
}

impl Output {
    /// The output of a status.
    #[must_use]
    pub fn of(status: PaymentStatus) -> Self {
        match status {
            PaymentStatus::Approved => Self::Approved,
            PaymentStatus::Rejected | PaymentStatus::Canceled => Self::Rejected,
            PaymentStatus::Pending | PaymentStatus::RequiresAction => Self::Pending,
        }
    }

    /// Its word.
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
    use crate::contract::types::{Awaited, Mode};

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

    fn news(status: PaymentStatus, received: u64, amount: Money) -> Payment {
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
            disputes: Vec::new(),
            created_at: 0,
            extras: Vec::new(),
        }
    }

    fn known(status: PaymentStatus, authority: Authority) -> Known {
        Known { status, as_of: 100, authority }
    }

    #[test]
    fn a_final_status_is_never_left() {
        for before in [PaymentStatus::Approved, PaymentStatus::Canceled] {
            for after in STATUSES {
                for authority in [Authority::Signed, Authority::Fetched] {
                    let known = known(before, authority);
                    let decision =
                        decide(&usd(10), known, &news(after, 10, usd(10)), authority, 200);
                    assert_eq!(decision, Decision::KeepStatus);
                }
            }
        }
    }

    #[test]
    fn approved_needs_all_the_money_in_the_same_currency() {
        let eur = Money { minor_units: 10, currency: "eur".to_owned() };
        let rows = [
            (10, usd(10), Decision::Apply),
            (11, usd(10), Decision::Apply),
            (9, usd(10), Decision::Unsettled),
            (9, usd(9), Decision::Unsettled),
            (10, eur, Decision::Unsettled),
        ];
        for (received, amount, expected) in rows {
            let news = news(PaymentStatus::Approved, received, amount);
            for authority in [Authority::Signed, Authority::Fetched] {
                let known = known(PaymentStatus::Pending, authority);
                assert_eq!(decide(&usd(10), known, &news, authority, 101), expected);
            }
        }
    }

    #[test]
    fn a_tie_or_a_step_back_in_time_is_asked_about() {
        let rejected = news(PaymentStatus::Rejected, 0, usd(10));
        let rows = [
            (Authority::Signed, 101, Decision::Apply),
            (Authority::Signed, 100, Decision::Ask),
            (Authority::Signed, 99, Decision::Ask),
            (Authority::Fetched, 101, Decision::Ask),
        ];
        for (authority, occurred_at, expected) in rows {
            let known = known(PaymentStatus::RequiresAction, authority);
            let decision = decide(&usd(10), known, &rejected, Authority::Signed, occurred_at);
            assert_eq!(decision, expected, "{occurred_at}");
        }
    }

    #[test]
    fn what_was_fetched_is_believed() {
        for status in STATUSES {
            let known = known(PaymentStatus::RequiresAction, Authority::Signed);
            let news = news(status, 10, usd(10));
            assert_eq!(decide(&usd(10), known, &news, Authority::Fetched, 0), Decision::Apply);
        }
    }
}
