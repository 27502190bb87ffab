//! Payments: asked for by a flow, and looked up.

use super::{Error, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{Installation, Mode, Payment, PaymentRequest, Problem, ProviderError};
use crate::egress::Egress;
use crate::ledger::{Asked, LedgerError, Reservation, Scope, StoredPayment};

/// How often a payment that changes while it is asked about is asked about again.
pub(super) const ASKING: u32 = 3;

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
    pub async fn pay(&self, request: PaymentRequest) -> Result<PaymentView, Error> {
        let opened = self.opened().await?;
        let mode = opened.record.mode;
        let scope = self.scope(&opened.row.workspace, mode);
        let egress = self.egress(opened.credentials).await?;
        let (reference, amount) = (request.reference.clone(), request.amount.clone());
        let (whose, id) = (scope.clone(), opened.row.id);
        let reserved = {
            let reference = reference.clone();
            self.ledger(move |ledger| ledger.reserve(&whose, &id, &reference, &amount, now()))
                .await?
        };
        let is_new = match reserved {
            Reservation::AmountDiffers(amount) => return Err(Error::ReferenceUsed(amount)),
            Reservation::Existing(known) => {
                return Ok(PaymentView { mode, known: *known, provider: None, problem: None });
            }
            Reservation::Reserved { is_new } => is_new,
        };
        match self.plugin.create_payment(egress, opened.record, request).await? {
            Ok(payment) => {
                let created = payment.clone();
                let known = self
                    .ledger(move |ledger| ledger.record_created(&scope, &created, now()))
                    .await?;
                self.changes.send_replace(());
                let known = known.ok_or(Error::PaymentUnknown(mode))?;
                Ok(PaymentView { mode, known, provider: Some(payment), problem: None })
            }
            Err(error) => {
                // Where the provider has said no to the only one who asked, nothing exists and the
                // reference is free again. Else it stays taken, and repeating finds out.
                let is_no = matches!(
                    error,
                    ProviderError::InvalidCredentials(_)
                        | ProviderError::PermissionMissing(_)
                        | ProviderError::NotFound(_)
                        | ProviderError::Refused(_)
                );
                if is_new && is_no {
                    self.ledger(move |ledger| ledger.release(&scope, &reference)).await?;
                }
                Err(error.into())
            }
        }
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
            let answer =
                self.plugin.get_payment(egress.clone(), record.clone(), id.to_owned()).await??;
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
        let Opened { row, record, credentials } = self.opened().await?;
        let mode = record.mode;
        let scope = self.scope(&row.workspace, mode);
        let (whose, wanted) = (scope.clone(), id.to_owned());
        let known = self
            .ledger(move |ledger| ledger.payment(&whose, &wanted))
            .await?
            .ok_or(Error::PaymentUnknown(mode))?;
        let Some(name) = known.name.clone() else {
            return Ok(PaymentView { mode, known, provider: None, problem: None });
        };
        let egress = self.egress(credentials).await?;
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
