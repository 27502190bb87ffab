//! A payment as the ledger stores it, and the attempt that created it.

use rusqlite::Row;

use crate::types::{Authority, Mode, Money, PaymentStatus, PaymentTerms, Problem};

/// Within a scope, references and the provider's ids are unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The workspace's id.
    pub workspace: String,
    /// The provider's id.
    pub provider: String,
    /// Test or live: a reference may be used once in each.
    pub mode: Mode,
}

/// A payment as the ledger stores it.
#[derive(Clone, Debug)]
pub struct StoredPayment {
    pub(super) row_id: i64,
    /// The id of the installation that created it.
    pub installation: String,
    /// The flow's id of the payment.
    pub reference: String,
    /// The provider's id of the payment. None: the provider has not answered yet.
    pub remote_id: Option<String>,
    /// The amount asked for.
    pub amount: Money,
    /// The contract's status.
    pub status: PaymentStatus,
    /// The provider's own status.
    pub provider_status: String,
    /// The amount received, in minor units.
    pub received: u64,
    /// The currency of what was received. None: the one that was asked for.
    pub received_currency: Option<String>,
    /// The amount refunded, in minor units. None: not known.
    pub refunded: Option<u64>,
    /// Why the customer's last try to pay failed.
    pub failure: Option<Problem>,
    /// The page on which the customer pays.
    pub checkout_url: Option<String>,
    /// The time that the state is of, by the provider's clock, in Unix seconds.
    pub as_of: u64,
    /// Whether the state comes from an event or from a fetch.
    pub authority: Authority,
    /// Whether the provider has to be asked before the state can be relied on.
    pub needs_refetch: bool,
    /// Whether the payment has to be closed at the provider, because its reference was paid elsewhere or its
    /// attempt is over.
    pub needs_closing: bool,
    /// How many times in a row the provider could not be asked about it.
    pub check_failures: u32,
    /// Until when the customer can pay on the page, in Unix seconds. None: not known.
    pub page_ends_at: Option<u64>,
    /// Grows with every change of the row.
    pub version: u64,
    /// The attempt that created the payment.
    pub attempt: Attempt,
    /// The rest of the request that created it. None: an earlier version reserved it.
    pub terms: Option<PaymentTerms>,
}

/// One attempt to create a payment or a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The attempt's id, new for every attempt. It travels in the provider's metadata and comes back.
    pub id: String,
    /// When it was stored, before the provider was called, in Unix seconds.
    pub reserved_at: u64,
    /// The idempotency key of the request that creates it. A repeated request has the same key, until the
    /// provider stores a failure for it.
    pub idempotency_key: String,
}

impl Attempt {
    /// A new attempt. Its id has 32 of the 36 characters that the contract allows.
    pub(super) fn new(reserved_at: u64) -> Self {
        Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
            reserved_at,
            idempotency_key: new_idempotency_key(),
        }
    }

    /// An attempt that was stored before, by its id and the time of its payment.
    pub(super) fn lost(id: String, created_at: u64) -> Self {
        Self { idempotency_key: new_idempotency_key(), id, reserved_at: created_at }
    }

    /// The idempotency key of a later request for the same attempt, such as `complete`.
    #[must_use]
    pub fn idempotency_key(&self, purpose: &str) -> String {
        format!("{purpose}-{}", self.id)
    }
}

fn new_idempotency_key() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// What is stored of a payment before the provider is called.
#[derive(Clone, Debug)]
pub struct NewPayment {
    /// The id of the installation that creates it.
    pub installation: String,
    /// The flow's id of the payment.
    pub reference: String,
    /// The amount asked for.
    pub amount: Money,
    /// The rest of the request.
    pub terms: PaymentTerms,
}

impl StoredPayment {
    /// An amount of what was received.
    #[must_use]
    pub fn of_received(&self, minor_units: u64) -> Money {
        let currency = self.received_currency.as_ref().unwrap_or(&self.amount.currency);
        Money { minor_units, currency: currency.clone() }
    }

    /// Its place in the list of payments.
    #[must_use]
    pub fn place(&self) -> u64 {
        u64::try_from(self.row_id).unwrap_or_default()
    }

    pub(super) const COLUMNS: &str =
        "payments.id, reference, remote_id, amount, currency, status, provider_status,
         received, refunded, failure, checkout_url, as_of, authority, needs_refetch, version,
         attempt, created_at, idempotency_key, request, needs_closing,
         installation, received_currency, check_failures, page_ends_at";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let status: String = row.get(5)?;
        let failure: Option<String> = row.get(9)?;
        let authority: String = row.get(12)?;
        let attempt_id: String = row.get(15)?;
        let idempotency_key: Option<String> = row.get(17)?;
        let terms: Option<String> = row.get(18)?;
        Ok(Self {
            row_id: row.get(0)?,
            needs_closing: row.get(19)?,
            installation: row.get(20)?,
            received_currency: row.get(21)?,
            check_failures: row.get(22)?,
            page_ends_at: row.get(23)?,
            reference: row.get(1)?,
            remote_id: row.get(2)?,
            amount: Money { minor_units: row.get(3)?, currency: row.get(4)? },
            status: PaymentStatus::parse(&status),
            provider_status: row.get(6)?,
            received: row.get(7)?,
            refunded: row.get(8)?,
            failure: failure.and_then(|json| serde_json::from_str(&json).ok()),
            checkout_url: row.get(10)?,
            as_of: row.get(11)?,
            authority: if authority == "signed" { Authority::Signed } else { Authority::Fetched },
            needs_refetch: row.get(13)?,
            version: row.get(14)?,
            terms: terms.and_then(|json| serde_json::from_str(&json).ok()),
            attempt: Attempt {
                // Version 6 and before derived the key.
                idempotency_key: idempotency_key.unwrap_or_else(|| format!("create-{attempt_id}")),
                id: attempt_id,
                reserved_at: row.get(16)?,
            },
        })
    }
}

impl StoredPayment {
    /// What was stored of it before the provider was called, for an installation.
    #[must_use]
    pub fn as_new(&self, installation: &str) -> NewPayment {
        // An earlier version did not store the terms. They are not needed any more.
        let unknown = || PaymentTerms {
            description: None,
            success_url: String::new(),
            cancel_url: None,
            expires_at: None,
            has_manual_capture: false,
        };
        NewPayment {
            installation: installation.to_owned(),
            reference: self.reference.clone(),
            amount: self.amount.clone(),
            terms: self.terms.clone().unwrap_or_else(unknown),
        }
    }
}
