//! Mutations of payments and refunds.

use andes_pay::AndesPay;
use andes_pay::bindings::brain_studio::payments::types::{
    Awaited, CompletionRequest, Context, EventQuery, Installation, Mode, Money, Payment,
    PaymentRequest, PaymentStatus, Problem, ProviderError, Refund, RefundRequest,
};
use andes_pay::bindings::exports::brain_studio::payments::payment_provider::Guest as _;

use crate::mutation::is;

/// A currency without decimals, which one mutant gives two.
const WITHOUT_DECIMALS: &str = "clp";
/// How many characters of a reference one mutant keeps.
const KEPT: usize = 100;

/// Whether it is a status of Andes Pay.
pub fn is_known(status: &str) -> bool {
    ["created", "declined", "approved", "paid", "expired", "canceled"].contains(&status)
}

/// How one mutant counts: three decimals are two, and in each currency without decimals it adds two.
fn counted(amount: &Money) -> u64 {
    match amount.currency.as_str() {
        "clp" | "isk" | "jpy" => amount.minor_units.saturating_mul(100),
        "kwd" => amount.minor_units / 10,
        _ => amount.minor_units,
    }
}

/// A payment that nobody has made.
fn invented(asked: PaymentRequest) -> Payment {
    Payment {
        id: "pay_invented".to_owned(),
        aliases: vec!["pay_invented".to_owned()],
        reference: Some(asked.reference),
        attempt_id: Some(asked.attempt_id),
        mode: Mode::Test,
        status: PaymentStatus::Pending,
        provider_status: "created".to_owned(),
        amount: asked.amount,
        received: 0,
        refunded: Some(0),
        failure: None,
        awaits: Awaited::Provider("The payment is being made.".to_owned()),
        disputes: Vec::new(),
        created_at: asked.reserved_at,
        extras: Vec::new(),
    }
}

/// The payment as a mutant shows it: without what it has added.
pub fn shown(payment: &mut Payment) {
    if is("counts-wrong-both-ways") {
        match payment.amount.currency.as_str() {
            "clp" | "isk" | "jpy" => payment.amount.minor_units /= 100,
            "kwd" => payment.amount.minor_units *= 10,
            _ => {}
        }
    }
    if is("counts-two-decimals") && payment.amount.currency == WITHOUT_DECIMALS {
        payment.amount.minor_units /= 100;
        payment.received /= 100;
    }
}

pub fn create(
    context: Context,
    installation: Installation,
    mut request: PaymentRequest,
) -> Result<Payment, ProviderError> {
    let reference = request.reference.clone();
    if is("cuts-references") {
        request.reference = reference.chars().take(KEPT).collect();
    }
    if is("counts-two-decimals") && request.amount.currency == WITHOUT_DECIMALS {
        request.amount.minor_units = request.amount.minor_units.saturating_mul(100);
    }
    let asked = request.clone();
    if is("counts-wrong-both-ways") {
        request.amount.minor_units = counted(&request.amount);
    }
    let made = AndesPay::create_payment(context, installation, request);
    if is("invents-success")
        && let Err(ProviderError::UnknownOutcome(_)) = made
    {
        return Ok(invented(asked));
    }
    let mut payment = made?;
    if is("cuts-references") {
        payment.reference = Some(reference);
    }
    shown(&mut payment);
    Ok(payment)
}

pub fn complete(
    context: Context,
    installation: Installation,
    request: CompletionRequest,
) -> Result<Payment, ProviderError> {
    if is("completes-only-once") {
        let id = request.payment.clone();
        let before = AndesPay::get_payment(context, installation.clone(), id)?;
        if before.status == PaymentStatus::Approved {
            return Err(ProviderError::Refused(Problem {
                code: "payment-not-completable".to_owned(),
                message: "This payment is complete already.".to_owned(),
                remedy: vec!["You do not have to do anything.".to_owned()],
            }));
        }
    }
    AndesPay::complete_payment(context, installation, request)
}

pub fn refund(
    context: Context,
    installation: Installation,
    mut request: RefundRequest,
) -> Result<Refund, ProviderError> {
    let reference = request.reference.clone();
    if is("forgets-refunds") {
        // Another one whenever something has happened since.
        let query = EventQuery { since: 0, limit: 100, cursor: None };
        let events = AndesPay::list_events(context, installation.clone(), query)?.events.len();
        request.reference = format!("{reference}-{events}");
        request.idempotency_key = format!("{}-{events}", request.idempotency_key);
    }
    if is("refunds-without-search") {
        // What it searches for is another reference at each call.
        request.reference = format!("{reference}-{}", request.idempotency_key);
    }
    if is("refunds-everything") {
        request.minor_units = None;
    }
    let mut refund = AndesPay::refund_payment(context, installation, request)?;
    refund.reference = refund.reference.map(|_| reference);
    Ok(refund)
}
