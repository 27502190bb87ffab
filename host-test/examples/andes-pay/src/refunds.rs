//! Refunds. They are pending at first: Andes Pay gives the money back later, or fails to.

use serde::Deserialize;
use serde_json::json;

use crate::amount::{from_decimal, to_decimal};
use crate::api::{is_id, problem, read, refused, unreadable, write};
use crate::bindings::brain_studio::payments::types::{
    Installation, Mode, Money, PaymentStatus, ProviderError, Refund, RefundRequest, RefundSearch,
    RefundSearchResult, RefundStatus,
};
use crate::payments::{self, ApiFailure, failure_problem, is_of_another_workspace, ours};

/// A refund, as Andes Pay writes it.
#[derive(Deserialize)]
pub struct ApiRefund {
    id: String,
    payment: String,
    status: String,
    amount: String,
    currency: String,
    reference: Option<String>,
    attempt: Option<String>,
    workspace: Option<String>,
    failure: Option<ApiFailure>,
    created_at: u64,
    /// When it last changed.
    pub updated_at: u64,
}

#[derive(Deserialize)]
struct List {
    data: Vec<ApiRefund>,
}

impl ApiRefund {
    /// Whether another workspace that uses the same store has made it.
    pub fn is_of_another_workspace(&self, installation: &Installation) -> bool {
        is_of_another_workspace(self.workspace.as_deref(), installation)
    }

    /// The contract's refund. None: it cannot be read.
    pub fn read(self, installation: &Installation) -> Option<Refund> {
        let status = match self.status.as_str() {
            "pending" => RefundStatus::Pending,
            "done" => RefundStatus::Succeeded,
            "failed" => RefundStatus::Failed,
            _ => RefundStatus::Other(self.status),
        };
        let workspace = self.workspace.as_deref();
        let step = "Return the money to the customer in another way, such as a bank transfer.";
        Some(Refund {
            amount: from_decimal(&self.amount, &self.currency)?,
            reference: ours(self.reference, workspace, installation),
            attempt_id: ours(self.attempt, workspace, installation),
            id: self.id,
            payment: self.payment,
            status,
            failure: self.failure.map(|failure| failure_problem(failure, "refund-failed", step)),
            created_at: self.created_at,
        })
    }
}

/// Gives money back. A refund with the same reference is looked for first: Andes Pay forgets idempotency keys after
/// a day. One that has failed does not count: the merchant has the money.
pub fn refund(
    installation: &Installation,
    request: &RefundRequest,
) -> Result<Refund, ProviderError> {
    payments::check_reference(&request.reference)?;
    let payment = payments::get(installation, &request.payment)?;
    if payment.status != PaymentStatus::Approved {
        return Err(refused(
            "payment-not-paid",
            "This payment is not paid, so there is nothing to refund.",
            "To make sure that it is never paid, cancel it.",
        ));
    }
    let made = all(installation, &payment.id)?.into_iter().find(|refund| {
        refund.reference.as_ref() == Some(&request.reference)
            && !matches!(refund.status, RefundStatus::Failed)
    });
    if let Some(made) = made {
        if request.minor_units.is_some_and(|asked| asked != made.amount.minor_units) {
            return Err(refused(
                "reference-used",
                "This reference was used before, for a refund of another amount.",
                "Use another reference for another refund.",
            ));
        }
        return Ok(made);
    }
    let money = |minor_units| Money { minor_units, currency: payment.amount.currency.clone() };
    let amount = request.minor_units.map(|units| to_decimal(&money(units))).transpose()?;
    let body = json!({
        "amount": amount,
        "reference": request.reference,
        "attempt": request.attempt_id,
        "workspace": installation.workspace,
    });
    let path = format!("/v1/payments/{}/refunds", payment.id);
    let key = Some(request.idempotency_key.as_str());
    let made: ApiRefund = write(installation.mode, &path, &body, key)?;
    made.read(installation).ok_or_else(|| unreadable(true))
}

/// Looks for the refund of an attempt, among all of its payment.
pub fn find(
    installation: &Installation,
    search: &RefundSearch,
) -> Result<RefundSearchResult, ProviderError> {
    let mut refunds = all(installation, &search.payment)?.into_iter();
    let found = refunds.find(|refund| refund.attempt_id.as_ref() == Some(&search.attempt_id));
    Ok(found.map_or(RefundSearchResult::Absent, RefundSearchResult::Found))
}

/// Reads a refund.
pub fn get(installation: &Installation, id: &str) -> Result<Refund, ProviderError> {
    fetch(installation.mode, id)?.read(installation).ok_or_else(|| unreadable(false))
}

/// Reads a refund, as Andes Pay writes it.
pub fn fetch(mode: Mode, id: &str) -> Result<ApiRefund, ProviderError> {
    let unknown = || {
        ProviderError::NotFound(problem(
            "refund-not-found",
            "Andes Pay does not have this refund in this mode and store.",
            "Give the refund's id (ref_...), from the store and mode of the installation.",
        ))
    };
    if !is_id(id) {
        return Err(unknown());
    }
    match read(mode, &format!("/v1/refunds/{id}")) {
        Err(ProviderError::NotFound(_)) => Err(unknown()),
        refund => refund,
    }
}

/// All refunds of a payment: Andes Pay lists them at once.
fn all(installation: &Installation, payment: &str) -> Result<Vec<Refund>, ProviderError> {
    if !is_id(payment) {
        return payments::get(installation, payment).map(|_| Vec::new());
    }
    let list: List = read(installation.mode, &format!("/v1/payments/{payment}/refunds"))?;
    let refunds = list.data.into_iter().map(|refund| refund.read(installation));
    refunds.collect::<Option<_>>().ok_or_else(|| unreadable(false))
}
