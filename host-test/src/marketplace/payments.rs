//! Payments: asked for by a flow, and looked up.

use super::{Error, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{
    AttemptSearch, CaptureMethod, Installation, Mode, Money, Payment, PaymentRequest,
    PaymentSearchResult, PaymentStatus, Problem, ProviderError,
};
use crate::egress::Egress;
use crate::ledger::{
    Asked, Attempt, LedgerError, Order, Reservation, Scope, StoredPayment, is_final,
};

/// How often a payment that changes while it is asked about is asked about again.
pub(super) const ASKING: u32 = 3;

/// How many pages a search for an attempt may have: ten thousand payments of the provider's, where a
/// page has a hundred.
const SEARCH_PAGES: u32 = 100;

/// What a search for an attempt has found.
enum Searched {
    /// The payment.
    Found(Box<Payment>),
    /// There is none.
    Absent,
    /// The provider did not say, or not in time.
    NotKnown,
}

/// What a flow asks for.
#[derive(Clone, Debug)]
pub struct PaymentOrder {
    /// The flow's name for the payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// What the customer reads. None: the reference.
    pub description: Option<String>,
    /// Where the customer goes after paying.
    pub success_url: String,
    /// Where the customer goes after giving up.
    pub cancel_url: Option<String>,
    /// Until when it can be paid, in Unix seconds. None: as long as the provider allows.
    pub expires_at: Option<u64>,
    /// Whether the money is taken at once.
    pub capture_method: CaptureMethod,
}

/// A payment as it is shown: what is known, and what the provider says now.
#[derive(Debug)]
pub struct PaymentView {
    /// Test or live.
    pub mode: Mode,
    /// What the ledger knows, after the provider was asked.
    pub known: StoredPayment,
    /// What the provider says. None: it was not asked.
    pub provider: Option<Payment>,
    /// Why the provider does not say, where it was asked.
    pub problem: Option<Problem>,
}

impl Marketplace {
    /// Creates a payment, or finds the one that the reference names already.
    ///
    /// # Errors
    ///
    /// Nothing is installed; the reference names another amount; the provider refuses or is not
    /// there. Repeating with the same reference is always safe.
    pub async fn pay(&self, asked: PaymentOrder) -> Result<PaymentView, Error> {
        let Opened { row, record, credentials } = self.opened().await?;
        let mode = record.mode;
        let scope = self.scope(&row.workspace, mode);
        let egress = self.egress(credentials, mode).await?;
        let order = Order {
            installation: row.id,
            reference: asked.reference.clone(),
            amount: asked.amount.clone(),
        };
        let mut reserved = self.reserve(&scope, &order).await?;
        if let Reservation::Existing(known) = reserved {
            let existing = self.existing(&egress, &record, &scope, *known).await?;
            if existing.known.status != PaymentStatus::Canceled {
                return Ok(existing);
            }
            reserved = self.reserve(&scope, &order).await?;
        }
        let (is_new, attempt) = match reserved {
            Reservation::Reserved { is_new, attempt } => (is_new, attempt),
            Reservation::AmountDiffers(amount) => return Err(Error::ReferenceUsed(amount)),
            // Somebody else was faster.
            Reservation::Existing(known) => {
                return Ok(PaymentView { mode, known: *known, provider: None, problem: None });
            }
        };
        let request = PaymentRequest {
            reference: asked.reference,
            attempt_id: attempt.id.clone(),
            idempotency_key: attempt.idempotency_key("create"),
            reserved_at: attempt.reserved_at,
            amount: asked.amount,
            description: asked.description,
            success_url: asked.success_url,
            cancel_url: asked.cancel_url,
            expires_at: asked.expires_at,
            capture_method: asked.capture_method,
        };
        // An earlier create has no recorded answer: what it may have made is looked for first.
        let searched =
            if is_new { Searched::Absent } else { self.search(&egress, &record, &attempt).await };
        let is_absent = matches!(searched, Searched::Absent);
        let created = match searched {
            Searched::Found(payment) => Ok(*payment),
            _ => self.plugin.create_payment(egress, &record, &request).await?,
        };
        match created {
            Ok(payment) => {
                let created = payment.clone();
                let known = self
                    .ledger(move |ledger| {
                        ledger.record_created(&scope, &order, &attempt, &created, now())
                    })
                    .await?;
                self.changes.send_replace(());
                let known = known.ok_or(Error::PaymentUnknown(mode))?;
                Ok(PaymentView { mode, known, provider: Some(payment), problem: None })
            }
            Err(error) => {
                // Where the provider has said no, or nothing has reached it yet, nothing exists and
                // the reference is free again. Else it stays taken, and repeating finds out.
                let nothing_exists = match &error {
                    ProviderError::InvalidCredentials(_)
                    | ProviderError::PermissionMissing(_)
                    | ProviderError::NotFound(_)
                    | ProviderError::Refused(_) => is_absent,
                    ProviderError::Unavailable(_) => is_new,
                    ProviderError::UnknownOutcome(_)
                    | ProviderError::KeySpent(_)
                    | ProviderError::ReplayedFailure(_)
                    | ProviderError::Other(_) => false,
                };
                if nothing_exists {
                    self.ledger(move |ledger| ledger.release(&attempt)).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Looks for what an attempt has made.
    async fn search(&self, egress: &Egress, record: &Installation, attempt: &Attempt) -> Searched {
        let mut search = AttemptSearch {
            attempt_id: attempt.id.clone(),
            reserved_at: attempt.reserved_at,
            cursor: None,
        };
        for _ in 0..SEARCH_PAGES {
            match self.plugin.find_payment(egress.clone(), record, &search).await {
                Ok(Ok(PaymentSearchResult::Found(payment))) => {
                    return Searched::Found(Box::new(payment));
                }
                Ok(Ok(PaymentSearchResult::More(cursor))) => search.cursor = Some(cursor),
                Ok(Ok(PaymentSearchResult::Absent)) => return Searched::Absent,
                Ok(Ok(PaymentSearchResult::Other(_)) | Err(_)) | Err(_) => break,
            }
        }
        Searched::NotKnown
    }

    async fn reserve(&self, scope: &Scope, order: &Order) -> Result<Reservation, Error> {
        let (scope, order) = (scope.clone(), order.clone());
        self.ledger(move |ledger| ledger.reserve(&scope, &order, now())).await
    }

    /// A payment that the reference names already. Whether its page is still open is the provider's
    /// to say: no event tells that it has expired.
    async fn existing(
        &self,
        egress: &Egress,
        record: &Installation,
        scope: &Scope,
        known: StoredPayment,
    ) -> Result<PaymentView, Error> {
        let mode = scope.mode;
        let name = known.name.clone().filter(|_| !is_final(known.status));
        let Some(name) = name else {
            return Ok(PaymentView { mode, known, provider: None, problem: None });
        };
        let asked = self.ask(egress, record, scope, &name).await?;
        let (known, payment) = asked.ok_or(Error::PaymentUnknown(mode))?;
        Ok(PaymentView { mode, known, provider: Some(payment), problem: None })
    }

    /// Asks the provider about a payment and writes down what it says. None: it is not one of ours.
    /// Where the payment changes meanwhile it is asked again, so that an old answer never undoes
    /// newer news.
    pub(super) async fn ask(
        &self,
        egress: &Egress,
        record: &Installation,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(StoredPayment, Payment)>, Error> {
        let (whose, name) = (scope.clone(), id.to_owned());
        let known = self.ledger(move |ledger| ledger.payment(&whose, &name)).await?;
        let mut version = known.map(|known| known.version);
        for _ in 0..ASKING {
            let answer = self.plugin.get_payment(egress.clone(), record, id).await??;
            let (whose, payment) = (scope.clone(), answer.clone());
            let asked = self
                .ledger(move |ledger| ledger.record_fetched(&whose, &payment, version, now()))
                .await?;
            match asked {
                Asked::Foreign => return Ok(None),
                Asked::Outdated(newer) => version = Some(newer),
                Asked::Recorded(known) => {
                    self.changes.send_replace(());
                    return Ok(Some((*known, answer)));
                }
            }
        }
        Err(Error::Ledger(LedgerError::Locked))
    }

    /// What is known of a payment, by its reference or any name of the provider's, and what the
    /// provider says now.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or no such payment is known.
    pub async fn payment(&self, id: &str) -> Result<PaymentView, Error> {
        let (Opened { record, credentials, .. }, scope, known) = self.known(id).await?;
        let mode = record.mode;
        let Some(name) = known.name.clone() else {
            return Ok(PaymentView { mode, known, provider: None, problem: None });
        };
        let egress = self.egress(credentials, mode).await?;
        match self.ask(&egress, &record, &scope, &name).await {
            Ok(Some((known, payment))) => {
                Ok(PaymentView { mode, known, provider: Some(payment), problem: None })
            }
            Ok(None) => Ok(PaymentView { mode, known, provider: None, problem: None }),
            // What is known is worth showing, whatever the provider says.
            Err(error @ (Error::Provider(_) | Error::Plugin(_))) => {
                let problem = Some(error.problem());
                Ok(PaymentView { mode, known, provider: None, problem })
            }
            Err(error) => Err(error),
        }
    }
}
