//! The rule by which what the provider says changes a payment. Pure: no SQL, no clock. The ledger calls
//! `plan` inside its transaction and carries the plan out; it decides nothing.
//!
//! | known | news | step |
//! | --- | --- | --- |
//! | anything | it happened to the payment, but the news does not say how the payment is now | ask |
//! | anything | an answer from before the last change | ask again |
//! | anything | no answer | ask later |
//! | a status that is not final | approved, with less money than asked for or in another currency | keep the status; a person decides |
//! | the same | the same, and all of it was given back | canceled |
//! | money that does not fit | a person accepts it | approved |
//! | a status that is not final | an answer | take it over |
//! | a status that is not final | an event with a final status | take it over: nothing can come after it |
//! | a signed status that is not final | a newer event | take it over |
//! | a signed status that is not final | an event of the same second, or older | ask |
//! | a fetched status that is not final | an event | ask: the order is not known |
//! | canceled | money | keep the status: paid late; the other pages of the reference are closed |
//! | a final status | an event with more refunded than is known | ask: the refund may have failed since |
//! | canceled, although the provider had named no payment | an event of an open payment | ask |
//! | canceled | an answer with an open payment | keep the status; the page is closed |
//! | a final status | anything else | keep the status |
//!
//! Refunds and the provider's ids are taken over in every row. What is refunded, and money that comes late, is told
//! to the flow as a notice, when it changes. Before the rule, the ledger finds out which
//! payment the news is about: an event that was recorded is a duplicate (`events`), a payment of the other
//! mode or of no reference of ours is foreign (`payments`), and an event of ours that comes before its
//! payment is kept (`early_events`).

#[cfg(test)]
mod all_orders;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::types::{Authority, Awaited, Money, Payment, PaymentStatus};

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentState {
    /// The contract's status.
    pub status: PaymentStatus,
    /// The time that the status is of, by the provider's clock, in Unix seconds. It never goes back, so that
    /// an old event cannot pass for a new one later.
    pub as_of: u64,
    /// Whether the status comes from a signed event or from a fetch.
    pub authority: Authority,
    /// Whether the provider has to be asked before the state can be relied on.
    pub needs_refetch: bool,
    /// The amount received, in minor units.
    pub received: u64,
    /// The amount refunded, in minor units. None: not known.
    pub refunded: Option<u64>,
}

/// What is known of a payment before the news.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The amount asked for.
    pub expected: &'a Money,
    /// The state.
    pub state: PaymentState,
    /// Grows with every change.
    pub version: u64,
    /// Whether the provider has named the payment.
    pub has_remote_id: bool,
    /// What the flow was told last, and whether that was final.
    pub told: Option<(Output, bool)>,
}

/// What the provider says.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// The answer to the creation of the payment.
    Created(&'a Payment),
    /// A verified event, with the payment as it was when the event occurred.
    Event {
        /// The payment.
        payment: &'a Payment,
        /// When it occurred, by the provider's clock, in Unix seconds.
        occurred_at: u64,
    },
    /// A verified event that does not say how the payment is, such as a refund.
    Notice,
    /// The payment as it is now.
    Fetched {
        /// The payment.
        payment: &'a Payment,
        /// The version that was known before the provider was asked.
        version: u64,
        /// When the event occurred because of which the provider was asked, else 0.
        occurred_at: u64,
    },
    /// The provider was asked and did not answer, or is asked later.
    NoAnswer,
    /// A person accepts the money that does not fit.
    Accepted,
}

/// What to do about the news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the provider, and plan again with its answer and with what is known by then.
    Ask,
    /// Carry this out.
    Take(Plan),
}

/// What the news changes.
// Each flag is an effect of its own: they are no states that exclude each other.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The state from now on.
    pub state: PaymentState,
    /// Whether the provider's status, its id, the failure and the page are taken over.
    pub takes_details: bool,
    /// Whether the page must not be offered any more.
    pub page_is_over: bool,
    /// What the flow is told, and whether that is final. None: nothing new.
    pub tells: Option<(Output, bool)>,
    /// What the flow is told besides. None of it changes an output.
    pub notices: Notices,
    /// What needs a person from now on.
    pub attention: Option<Attention>,
    /// Whether the money of the payment does not need a person any more.
    pub settles_money: bool,
    /// Whether the payment has to be closed at the provider.
    pub closes_page: bool,
    /// Whether the other payments of the reference have to be closed at the provider.
    pub closes_siblings: bool,
}

/// Why the money of a payment needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attention {
    /// Less money arrived than was asked for, or money of another currency.
    AmountDiffers,
    /// Money arrived for an attempt that was over.
    PaidLate,
}

/// What a flow is told of a payment besides its outputs, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// This amount has arrived for an attempt that was over.
    pub paid_late: Option<u64>,
    /// This amount was refunded.
    pub refunded: Option<u64>,
    /// This amount of earlier refunds has come back.
    pub refund_failed: Option<u64>,
}

/// Decides by the table above.
#[must_use]
pub fn plan(known: Known<'_>, news: News<'_>) -> Step {
    let is_over = is_final(known.state.status);
    let (payment, authority, as_of) = match news {
        News::NoAnswer => {
            let state = PaymentState { needs_refetch: true, ..known.state };
            return Step::Take(Plan { state, ..Plan::unchanged(known) });
        }
        News::Notice => return Step::Ask,
        News::Accepted => return Step::Take(Plan::accepting(known)),
        News::Fetched { version, .. } if version != known.version => return Step::Ask,
        // Dated by the provider's clock, so that the events that follow are newer.
        News::Created(payment) => (payment, Authority::Signed, payment.created_at),
        News::Event { payment, occurred_at } => (payment, Authority::Signed, occurred_at),
        News::Fetched { payment, occurred_at, .. } => (payment, Authority::Fetched, occurred_at),
    };
    let mut next = Plan::unchanged(known);
    // None never overwrites a known amount. An event may be old, so its amount can only grow.
    next.state.refunded = match authority {
        Authority::Fetched => payment.refunded.or(known.state.refunded),
        Authority::Signed => payment.refunded.max(known.state.refunded),
    };
    next.state.needs_refetch &= authority == Authority::Signed;
    if is_over {
        let is_more = next.state.refunded.unwrap_or(0) > known.state.refunded.unwrap_or(0);
        return if is_more && matches!(news, News::Event { .. }) {
            Step::Ask
        } else {
            after_the_end(known, news, payment, next)
        };
    }
    let is_trusted = match news {
        // A repeated creation may have an old answer.
        News::Created(_) => !known.has_remote_id,
        News::Event { occurred_at, .. } => {
            let is_newer =
                known.state.authority == Authority::Signed && occurred_at > known.state.as_of;
            if !is_final(payment.status) && !is_newer {
                return Step::Ask;
            }
            true
        }
        _ => true,
    };
    if !is_trusted {
        return Step::Take(next.telling(known));
    }
    let has_mismatch =
        payment.status == PaymentStatus::Approved && !is_paid_in_full(known.expected, payment);
    let is_given_back =
        payment.received > 0 && next.state.refunded.unwrap_or(0) >= payment.received;
    next.takes_details = true;
    next.state = PaymentState {
        status: match payment.status {
            _ if has_mismatch && is_given_back => PaymentStatus::Canceled,
            _ if has_mismatch => known.state.status,
            status => status,
        },
        as_of: as_of.max(known.state.as_of),
        authority,
        received: payment.received,
        ..next.state
    };
    next.settles_money = is_final(next.state.status);
    next.attention = (has_mismatch && !next.settles_money).then_some(Attention::AmountDiffers);
    // The page of a payment that is final, paid or authorised must not be offered again.
    next.page_is_over = is_final(next.state.status)
        || has_mismatch
        || matches!(payment.awaits, Awaited::Completion(_));
    Step::Take(next.telling(known))
}

/// What follows from news about a payment that is over.
fn after_the_end(known: Known<'_>, news: News<'_>, payment: &Payment, mut next: Plan) -> Step {
    if known.state.status != PaymentStatus::Canceled {
        return Step::Take(next.telling_refunds(known));
    }
    if payment.status == PaymentStatus::Approved {
        let received = payment.received;
        next.state.received = received;
        next.takes_details = true;
        next.page_is_over = true;
        // Less money than asked for may have been given back before the attempt was over.
        next.settles_money = next.state.refunded.unwrap_or(0) >= received;
        if !next.settles_money {
            next.attention = Some(Attention::PaidLate);
            next.closes_siblings = true;
        }
        next.notices.paid_late = (received > known.state.received).then_some(received);
    } else if payment.status != PaymentStatus::Canceled {
        match news {
            News::Event { .. } if !known.has_remote_id => return Step::Ask,
            // From before the end.
            News::Event { .. } => {}
            News::Created(_) if known.has_remote_id => {}
            _ => {
                next.takes_details = true;
                next.page_is_over = true;
                next.closes_page = true;
            }
        }
    }
    Step::Take(next.telling_refunds(known))
}

impl Plan {
    fn unchanged(known: Known<'_>) -> Self {
        Self {
            state: known.state,
            takes_details: false,
            page_is_over: false,
            tells: None,
            notices: Notices::default(),
            attention: None,
            settles_money: false,
            closes_page: false,
            closes_siblings: false,
        }
    }

    /// A person accepts the money that has arrived: an open payment is approved.
    fn accepting(known: Known<'_>) -> Self {
        let mut next = Self { settles_money: true, ..Self::unchanged(known) };
        // An attempt that was over stays so, and the flow is told nothing.
        if is_final(known.state.status) {
            return next;
        }
        next.state.status = PaymentStatus::Approved;
        next.page_is_over = true;
        next.telling(known)
    }

    /// The flow is told what it was not told last.
    fn telling(mut self, known: Known<'_>) -> Self {
        let output = (Output::of(self.state.status), is_final(self.state.status));
        self.tells = (known.told != Some(output)).then_some(output);
        self.telling_refunds(known)
    }

    /// The flow is told how the refunded amount has changed.
    fn telling_refunds(mut self, known: Known<'_>) -> Self {
        let (before, after) = (known.state.refunded.unwrap_or(0), self.state.refunded.unwrap_or(0));
        self.notices.refunded = after.checked_sub(before).filter(|more| *more > 0);
        self.notices.refund_failed = before.checked_sub(after).filter(|less| *less > 0);
        self
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

    /// Reads what `as_str` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Approved, Self::Rejected, Self::Pending].into_iter().find(|one| one.as_str() == text)
    }
}
