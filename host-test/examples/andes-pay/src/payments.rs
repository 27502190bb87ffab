//! Payments: created, found, read, completed, canceled.

use serde::Deserialize;
use serde_json::json;

use crate::amount::{from_decimal, to_decimal};
use crate::api::{is_id, problem, read, refused, unreadable, write};
use crate::bindings::brain_studio::payments::types::{
    AttemptSearch, Awaited, CompletionRequest, CustomerLink, Installation, Mode, Payment,
    PaymentRequest, PaymentSearchResult, PaymentStatus, Problem, ProviderError,
};

/// A payment, as Andes Pay writes it.
#[derive(Deserialize)]
pub struct ApiPayment {
    id: String,
    environment: String,
    status: String,
    amount: String,
    received: String,
    refunded: String,
    currency: String,
    reference: Option<String>,
    attempt: Option<String>,
    workspace: Option<String>,
    /// Where the customer approves it.
    page: Option<String>,
    expires_at: Option<u64>,
    /// Until when an approved payment can be completed.
    complete_by: Option<u64>,
    /// Why the customer's last attempt failed.
    failure: Option<ApiFailure>,
    created_at: u64,
    /// When it last changed.
    pub updated_at: u64,
}

/// Why something failed.
#[derive(Deserialize)]
pub struct ApiFailure {
    /// A word of Andes Pay.
    pub code: String,
    /// A sentence.
    pub message: String,
}

#[derive(Deserialize)]
struct List {
    data: Vec<ApiPayment>,
}

/// Whether an object was made by another workspace that uses the same store.
pub fn is_of_another_workspace(workspace: Option<&str>, installation: &Installation) -> bool {
    let ours = &installation.workspace;
    !ours.is_empty() && workspace.is_some_and(|workspace| workspace != ours)
}

/// What was written on an object, if this workspace has written it.
pub fn ours<T>(
    value: Option<T>,
    workspace: Option<&str>,
    installation: &Installation,
) -> Option<T> {
    let is_ours = workspace.is_some() && !is_of_another_workspace(workspace, installation);
    value.filter(|_| is_ours)
}

/// An attempt to pay, or a refund, that failed at Andes Pay.
pub fn failure_problem(failure: ApiFailure, otherwise: &str, step: &str) -> Problem {
    // Its code is used where it has the form of one.
    let code = if is_id(&failure.code) { failure.code.as_str() } else { otherwise };
    problem(code, failure.message, step)
}

impl ApiPayment {
    /// Whether another workspace that uses the same store has made it.
    pub fn is_of_another_workspace(&self, installation: &Installation) -> bool {
        is_of_another_workspace(self.workspace.as_deref(), installation)
    }

    /// The contract's payment. None: it cannot be read.
    pub fn read(self, installation: &Installation) -> Option<Payment> {
        let amount = from_decimal(&self.amount, &self.currency)?;
        let units = |text: &str| Some(from_decimal(text, &self.currency)?.minor_units);
        let (received, refunded) = (units(&self.received)?, units(&self.refunded)?);
        let mode = match self.environment.as_str() {
            "test" => Mode::Test,
            "live" => Mode::Live,
            _ => return None,
        };
        let link = self.page.map(|url| CustomerLink { url, expires_at: self.expires_at });
        let (status, awaits) = match self.status.as_str() {
            "created" => (PaymentStatus::Pending, Awaited::Customer(link)),
            "declined" => (PaymentStatus::Rejected, Awaited::Customer(link)),
            "approved" => (PaymentStatus::Pending, Awaited::Completion(self.complete_by)),
            "paid" => (PaymentStatus::Approved, Awaited::Nothing),
            "expired" | "canceled" => (PaymentStatus::Canceled, Awaited::Nothing),
            // What Andes Pay may add tomorrow decides nothing.
            _ => {
                let reason = "Andes Pay is processing the payment.";
                (PaymentStatus::Pending, Awaited::Provider(reason.to_owned()))
            }
        };
        let workspace = self.workspace.as_deref();
        let step = "Ask the customer to try again, or to pay in another way.";
        Some(Payment {
            aliases: vec![self.id.clone()],
            id: self.id,
            reference: ours(self.reference, workspace, installation),
            attempt_id: ours(self.attempt, workspace, installation),
            mode,
            status,
            provider_status: self.status,
            amount,
            received,
            refunded: Some(refunded),
            failure: self.failure.map(|failure| failure_problem(failure, "payment-failed", step)),
            awaits,
            disputes: Vec::new(),
            created_at: self.created_at,
            extras: Vec::new(),
        })
    }
}

/// The longest reference, in characters. Source: the contract.
const LONGEST_REFERENCE: usize = 200;

/// Refuses a reference that the contract does not allow.
pub fn check_reference(reference: &str) -> Result<(), ProviderError> {
    let length = reference.chars().count();
    if (1..=LONGEST_REFERENCE).contains(&length) && !reference.contains(char::is_control) {
        return Ok(());
    }
    Err(refused(
        "reference-invalid",
        "A reference must have 1 to 200 printable characters.",
        "Choose another reference, such as the number of the order.",
    ))
}

/// Creates a payment, and the page on which the customer approves it.
pub fn create(
    installation: &Installation,
    request: &PaymentRequest,
) -> Result<Payment, ProviderError> {
    check_reference(&request.reference)?;
    let body = json!({
        "amount": to_decimal(&request.amount)?,
        "currency": request.amount.currency.to_ascii_uppercase(),
        "reference": request.reference,
        "attempt": request.attempt_id,
        "workspace": installation.workspace,
        "description": request.description.as_ref().unwrap_or(&request.reference),
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": request.expires_at,
    });
    let key = Some(request.idempotency_key.as_str());
    let made: ApiPayment = write(installation.mode, "/v1/payments", &body, key)?;
    made.read(installation).ok_or_else(|| unreadable(true))
}

/// Looks for the payment of an attempt. Andes Pay finds it by the attempt's id, so there is one page.
pub fn find(
    installation: &Installation,
    search: &AttemptSearch,
) -> Result<PaymentSearchResult, ProviderError> {
    if !is_id(&search.attempt_id) {
        return Ok(PaymentSearchResult::Absent);
    }
    let path = format!("/v1/payments?attempt={}", search.attempt_id);
    let list: List = read(installation.mode, &path)?;
    let payments = list.data.into_iter();
    let mut ours = payments.filter(|payment| !payment.is_of_another_workspace(installation));
    match ours.next() {
        Some(payment) => payment
            .read(installation)
            .map(PaymentSearchResult::Found)
            .ok_or_else(|| unreadable(false)),
        None => Ok(PaymentSearchResult::Absent),
    }
}

/// Reads a payment.
pub fn get(installation: &Installation, id: &str) -> Result<Payment, ProviderError> {
    fetch(installation.mode, id)?.read(installation).ok_or_else(|| unreadable(false))
}

/// Reads a payment, as Andes Pay writes it.
pub fn fetch(mode: Mode, id: &str) -> Result<ApiPayment, ProviderError> {
    if !is_id(id) {
        return Err(ProviderError::NotFound(problem(
            "payment-not-found",
            "This is not the id of a payment at Andes Pay.",
            "Give the payment's id (pay_...), from the store and mode of the installation.",
        )));
    }
    read(mode, &format!("/v1/payments/{id}"))
}

/// Takes the money of a payment that the customer has approved. The token that the customer's browser brought back
/// shows Andes Pay that it was this customer; Andes Pay checks it.
pub fn complete(
    installation: &Installation,
    request: &CompletionRequest,
) -> Result<Payment, ProviderError> {
    let payment = get(installation, &request.payment)?;
    if payment.status == PaymentStatus::Approved {
        return Ok(payment);
    }
    if !matches!(payment.awaits, Awaited::Completion(_)) {
        return Err(refused(
            "payment-not-completable",
            "The customer has not approved this payment, or it is over.",
            "Wait until the customer has approved it. If it is over, create another payment.",
        ));
    }
    let query = request.return_query.as_deref().unwrap_or_default();
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    let Some(token) = token.filter(|token| is_id(token)) else {
        return Err(refused(
            "payment-not-completable",
            "Andes Pay needs the token that the customer's browser brought back.",
            "Complete it with the query of the URL to which Andes Pay sent the customer back.",
        ));
    };
    let path = format!("/v1/payments/{}/complete", payment.id);
    let (body, key) = (json!({ "token": token }), Some(request.idempotency_key.as_str()));
    let completed: ApiPayment = write(installation.mode, &path, &body, key)?;
    completed.read(installation).ok_or_else(|| unreadable(true))
}

/// Cancels a payment that is not paid.
pub fn cancel(installation: &Installation, id: &str) -> Result<Payment, ProviderError> {
    let payment = get(installation, id)?;
    match payment.status {
        PaymentStatus::Canceled => return Ok(payment),
        PaymentStatus::Approved => {
            return Err(refused(
                "payment-already-paid",
                "This payment is paid, so it cannot be canceled.",
                "To return the money, refund it.",
            ));
        }
        _ => {}
    }
    let path = format!("/v1/payments/{}/cancel", payment.id);
    let canceled: ApiPayment = write(installation.mode, &path, &json!({}), None)?;
    canceled.read(installation).ok_or_else(|| unreadable(true))
}
