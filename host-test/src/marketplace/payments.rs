//! Payments: asked for by a flow, and looked up.

use super::{Error, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{Mode, Payment, PaymentRequest, Problem, ProviderError};
use crate::egress::Egress;
use crate::ledger::{Reservation, Scope, StoredPayment};

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
        match reserved {
            Reservation::AmountDiffers(amount) => return Err(Error::ReferenceUsed(amount)),
            Reservation::Existing(known) => {
                return Ok(PaymentView { mode, known: *known, provider: None, problem: None });
            }
            Reservation::Reserved => {}
        }
        match self.plugin.create_payment(egress, opened.record, request).await? {
            Ok(payment) => self.shown_as(mode, scope, payment).await,
            Err(error) => {
                // Where nothing exists the reference is free again. Where something may, it stays
                // taken, and repeating finds out.
                let nothing_exists =
                    !matches!(error, ProviderError::UnknownOutcome(_) | ProviderError::Other(_));
                if nothing_exists {
                    self.ledger(move |ledger| ledger.release(&scope, &reference)).await?;
                }
                Err(error.into())
            }
        }
    }

    async fn shown_as(
        &self,
        mode: Mode,
        scope: Scope,
        payment: Payment,
    ) -> Result<PaymentView, Error> {
        let known = self.record_fetched(scope, &payment).await?;
        Ok(PaymentView {
            mode,
            known: known.ok_or(Error::PaymentUnknown(mode))?,
            provider: Some(payment),
            problem: None,
        })
    }

    /// Writes down what the provider said when asked. None: the payment is not one of ours.
    pub(super) async fn record_fetched(
        &self,
        scope: Scope,
        payment: &Payment,
    ) -> Result<Option<StoredPayment>, Error> {
        let payment = payment.clone();
        let known =
            self.ledger(move |ledger| ledger.record_fetched(&scope, &payment, now())).await?;
        self.changes.send_replace(());
        Ok(known)
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
        let egress: Egress = self.egress(credentials).await?;
        match self.plugin.get_payment(egress, record, name).await? {
            Ok(payment) => self.shown_as(mode, scope, payment).await,
            Err(error) => Ok(PaymentView {
                mode,
                known,
                provider: None,
                problem: Some(error.problem().clone()),
            }),
        }
    }
}
