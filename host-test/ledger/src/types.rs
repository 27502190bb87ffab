//! The ledger's own types. They are what is stored, so they do not change with the contract.
//!
//! Some are stored as JSON. A new field of those needs `#[serde(default)]`, so that older rows are still
//! read, and no field or case is ever renamed: the fixtures of the tests keep each version's JSON.

use serde::{Deserialize, Serialize};

/// The mode of an installation and of its payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    /// No real money moves.
    Test,
    /// Payments are real.
    Live,
}

impl Mode {
    /// `test` or `live`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// Reads what `as_str` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Test, Self::Live].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// An amount in ISO 4217 minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The number of minor units.
    pub minor_units: u64,
    /// The currency's code, in lower case.
    pub currency: String,
}

/// The status of a payment. Only approved and canceled are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PaymentStatus {
    /// Not decided yet.
    Pending,
    /// The customer has to act.
    RequiresAction,
    /// The money was received.
    Approved,
    /// The last attempt to pay failed. The customer may try again.
    Rejected,
    /// It will never be paid.
    Canceled,
}

impl PaymentStatus {
    const NAMES: [(Self, &str); 5] = [
        (Self::Pending, "pending"),
        (Self::RequiresAction, "requires-action"),
        (Self::Approved, "approved"),
        (Self::Rejected, "rejected"),
        (Self::Canceled, "canceled"),
    ];

    /// Its name in lower case with hyphens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(status, _)| *status == self).map_or("pending", |(_, name)| name)
    }

    /// Reads what `as_str` wrote. Anything else is pending.
    pub(crate) fn parse(text: &str) -> Self {
        Self::NAMES
            .iter()
            .find(|(_, name)| *name == text)
            .map_or(Self::Pending, |(status, _)| *status)
    }
}

/// How a fact is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Authority {
    /// The provider signed or listed it: it was true when the event occurred.
    Signed,
    /// The provider returned it when asked: it is true now.
    Fetched,
}

impl Authority {
    /// `signed` or `fetched`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Fetched => "fetched",
        }
    }
}

/// What went wrong: a code for a program, a sentence for a person, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// For a program.
    pub code: String,
    /// For a person.
    pub message: String,
    /// What to do, one step each.
    pub remedy: Vec<String>,
}

/// Who has to act before a payment goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Awaited {
    /// Nobody: it is over.
    Nothing,
    /// The customer, with this link if the source has one.
    Customer(Option<CustomerLink>),
    /// The marketplace, which has to complete the payment until this time, in Unix seconds.
    Completion(Option<u64>),
    /// The provider or a bank, for this reason.
    Provider(String),
    /// Anything else.
    Other(String),
}

/// A link for the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerLink {
    /// An absolute URL.
    pub url: String,
    /// Until when it can be used, in Unix seconds.
    pub expires_at: Option<u64>,
}

/// The rest of what a flow asks for, besides the reference and the amount. A repeated request sends exactly
/// the first one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentTerms {
    /// The text that the customer reads. None: the reference.
    pub description: Option<String>,
    /// The URL to which the customer returns after paying.
    pub success_url: String,
    /// The URL to which the customer returns without paying.
    pub cancel_url: Option<String>,
    /// Until when it can be paid, in Unix seconds. None: as long as the provider allows.
    pub expires_at: Option<u64>,
    /// Whether the money is only authorised, and captured later.
    pub has_manual_capture: bool,
}

/// A payment as the provider sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The provider's best id of it.
    pub id: String,
    /// Every id of it that the source mentions.
    pub aliases: Vec<String>,
    /// The flow's id of the payment. None: this workspace did not create it.
    pub reference: Option<String>,
    /// The attempt that created it. None: not known.
    pub attempt_id: Option<String>,
    /// Its mode.
    pub mode: Mode,
    /// Its status.
    pub status: PaymentStatus,
    /// The provider's own status.
    pub provider_status: String,
    /// The amount that was asked for.
    pub amount: Money,
    /// The amount that was received, in minor units of the same currency.
    pub received: u64,
    /// The amount that was refunded. None: the source does not say.
    pub refunded: Option<u64>,
    /// Why the last attempt to pay failed.
    pub failure: Option<Problem>,
    /// Who has to act.
    pub awaits: Awaited,
    /// Its disputes, as far as the source says.
    #[serde(default, deserialize_with = "readable_disputes")]
    pub disputes: Vec<Dispute>,
    /// When it was created, by the provider's clock, in Unix seconds.
    pub created_at: u64,
}

/// Version 8 and before stored the contract's disputes, in another form: they are left out.
fn readable_disputes<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Dispute>, D::Error> {
    let disputes = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(disputes.into_iter().filter_map(|dispute| serde_json::from_value(dispute).ok()).collect())
}

impl Payment {
    /// The URL where the customer pays. None: the source does not say.
    #[must_use]
    pub fn checkout_url(&self) -> Option<&str> {
        self.page().map(|page| page.url.as_str())
    }

    /// The page where the customer pays. None: the source does not say.
    #[must_use]
    pub fn page(&self) -> Option<&CustomerLink> {
        match &self.awaits {
            Awaited::Customer(page) => page.as_ref(),
            _ => None,
        }
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventSubject {
    /// A payment.
    Payment(Box<Payment>),
    /// A refund.
    Refund(Refund),
    /// A dispute.
    Dispute(Dispute),
    /// Anything else.
    Other(String),
}

/// A refund, as an event tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The provider's id of it.
    pub id: String,
    /// The payment, by an id of the provider's.
    pub payment: String,
    /// Whether it has failed or was canceled: the merchant has the money.
    pub has_failed: bool,
    /// How much.
    pub amount: Money,
    /// Why it failed.
    pub failure: Option<Problem>,
}

/// A dispute: a customer's objection to a payment at their bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The provider's id of it.
    pub id: String,
    /// The payment, by an id of the provider's.
    pub payment: String,
    /// Where it is: `won` and `lost` are its ends.
    pub status: String,
    /// How much is disputed.
    pub amount: Money,
    /// Until when the merchant has to answer, in Unix seconds. None: nothing is to be answered.
    pub due_by: Option<u64>,
}

impl Dispute {
    /// Whether it is decided.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.status.as_str(), "won" | "lost")
    }
}

impl EventSubject {
    /// The provider's id of the payment that it is about.
    #[must_use]
    pub fn payment_id(&self) -> Option<&str> {
        match self {
            Self::Payment(payment) => Some(&payment.id),
            Self::Refund(Refund { payment, .. }) | Self::Dispute(Dispute { payment, .. }) => {
                Some(payment)
            }
            Self::Other(_) => None,
        }
    }
}

/// An event of the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The provider's id of the event.
    pub id: String,
    /// The provider's name for what happened.
    pub event_type: String,
    /// When it happened, by the provider's clock, in Unix seconds.
    pub occurred_at: u64,
    /// What it happened to.
    pub subject: EventSubject,
    /// How the subject is known.
    pub authority: Authority,
}

/// What a delivery at the shared URL names. Nothing of it is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryNames {
    /// An installation's id.
    pub installation: Option<String>,
    /// The provider's id of an account.
    pub account: Option<String>,
    /// A payment's reference.
    pub reference: Option<String>,
    /// The provider's id of a payment.
    pub payment: Option<String>,
}
