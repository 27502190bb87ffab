//! A payment plugin that breaks one rule of the contract, for the tests of the conformance kit: a rule that lets its
//! mutant pass does not judge anything.
//!
//! It is the plugin of Andes Pay, and changes what one of its functions is given or answers. Without a mutation it is
//! that plugin.

#![deny(unsafe_code)]

mod deliveries;
mod money;
mod mutation;
mod requests;

use std::sync::atomic::{AtomicU32, Ordering};

use andes_pay::AndesPay;
use andes_pay::bindings::brain_studio::payments::types::{
    AttemptSearch, CompletionRequest, Context, EventPage, EventQuery, InstallRequest, Installation,
    Manifest, Payment, PaymentRequest, PaymentSearchResult, PaymentStatus, ProviderError, Refund,
    RefundRequest, RefundSearch, RefundSearchResult, RepairOutcome, StatusReport, StatusRequest,
    WebhookError, WebhookIdentity, WebhookOutcome, WebhookRequest,
};
use andes_pay::bindings::exports::brain_studio::payments::payment_provider::Guest;
use mutation::is;

// Natively the symbols that this makes do not link.
#[cfg(target_arch = "wasm32")]
andes_pay::bindings::export!(Mutant with_types_in andes_pay::bindings);

/// The plugin.
pub struct Mutant;

/// How many calls this instance has served.
static CALLS: AtomicU32 = AtomicU32::new(0);
/// What nobody needs, in bytes.
const WASTE: usize = 20 << 20;

/// The number of this call in its instance.
fn call_number() -> u32 {
    CALLS.fetch_add(1, Ordering::Relaxed)
}

/// The error that a mutant answers in place of another.
fn instead(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::UnknownOutcome(problem) if is("unknown-is-unavailable") => {
            ProviderError::Unavailable(problem)
        }
        ProviderError::Unavailable(problem) if is("unavailable-is-refused") => {
            ProviderError::Refused(problem)
        }
        ProviderError::InvalidCredentials(problem) if is("blames-the-provider") => {
            ProviderError::Unavailable(problem)
        }
        ProviderError::Other(_) if is("traps-at-unreadable") => std::process::abort(),
        ProviderError::Unavailable(mut problem) if is("speaks-to-programmers") => {
            "ERR_17".clone_into(&mut problem.code);
            ProviderError::Unavailable(problem)
        }
        error => error,
    }
}

impl Guest for Mutant {
    fn describe() -> Manifest {
        let mut manifest = AndesPay::describe();
        if is("describes-otherwise") {
            manifest.version = format!("1.0.{}", call_number());
        }
        manifest
    }

    fn install(context: Context, request: InstallRequest) -> Result<Installation, ProviderError> {
        if is("makes-another-webhook") {
            requests::make_webhook(&request);
        }
        AndesPay::install(context, request).map_err(instead)
    }

    fn repair(
        context: Context,
        installation: Installation,
        request: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        AndesPay::repair(context, installation, request).map_err(instead)
    }

    fn uninstall(context: Context, installation: Installation) -> Result<(), ProviderError> {
        AndesPay::uninstall(context, installation).map_err(instead)
    }

    fn report_status(
        context: Context,
        installation: Installation,
        request: StatusRequest,
    ) -> StatusReport {
        AndesPay::report_status(context, installation, request)
    }

    fn create_payment(
        context: Context,
        installation: Installation,
        request: PaymentRequest,
    ) -> Result<Payment, ProviderError> {
        money::create(context, installation, request).map_err(instead)
    }

    fn find_payment(
        context: Context,
        installation: Installation,
        search: AttemptSearch,
    ) -> Result<PaymentSearchResult, ProviderError> {
        AndesPay::find_payment(context, installation, search).map_err(instead)
    }

    fn get_payment(
        context: Context,
        mut installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        if is("wastes-memory") {
            std::hint::black_box(vec![1_u8; WASTE]);
        }
        if is("leaks-secrets") {
            requests::leak(&installation);
        }
        if is("calls-the-other-mode") {
            requests::call_other_mode(&installation);
        }
        if is("trusts-ids") {
            requests::call_unchecked(&installation, &id);
        }
        if is("ignores-workspaces") {
            installation.workspace.clear();
        }
        let mut payment = AndesPay::get_payment(context, installation, id).map_err(instead)?;
        if is("remembers") {
            payment.extras.push(("calls".to_owned(), call_number().to_string()));
        }
        if is("guesses-statuses") && !money::is_known(&payment.provider_status) {
            payment.status = PaymentStatus::Approved;
        }
        if is("refund-undoes-payment") && payment.refunded.is_some_and(|refunded| refunded > 0) {
            payment.status = PaymentStatus::Canceled;
        }
        money::shown(&mut payment);
        Ok(payment)
    }

    fn complete_payment(
        context: Context,
        installation: Installation,
        request: CompletionRequest,
    ) -> Result<Payment, ProviderError> {
        money::complete(context, installation, request).map_err(instead)
    }

    fn cancel_payment(
        context: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        AndesPay::cancel_payment(context, installation, id).map_err(instead)
    }

    fn refund_payment(
        context: Context,
        installation: Installation,
        request: RefundRequest,
    ) -> Result<Refund, ProviderError> {
        money::refund(context, installation, request).map_err(instead)
    }

    fn find_refund(
        context: Context,
        installation: Installation,
        search: RefundSearch,
    ) -> Result<RefundSearchResult, ProviderError> {
        if is("forgets-refunds") {
            return Ok(RefundSearchResult::Absent);
        }
        AndesPay::find_refund(context, installation, search).map_err(instead)
    }

    fn get_refund(
        context: Context,
        installation: Installation,
        id: String,
    ) -> Result<Refund, ProviderError> {
        AndesPay::get_refund(context, installation, id).map_err(instead)
    }

    fn identify_webhook(context: Context, request: WebhookRequest) -> WebhookIdentity {
        AndesPay::identify_webhook(context, request)
    }

    fn handle_webhook(
        context: Context,
        installation: Installation,
        request: WebhookRequest,
    ) -> Result<WebhookOutcome, WebhookError> {
        deliveries::handle(context, installation, request)
    }

    fn list_events(
        context: Context,
        installation: Installation,
        query: EventQuery,
    ) -> Result<EventPage, ProviderError> {
        let limit = query.limit;
        let mut page = AndesPay::list_events(context, installation, query).map_err(instead)?;
        let is_full = u32::try_from(page.events.len()).is_ok_and(|events| events == limit);
        if is("loses-events") && is_full {
            page.events.pop();
        }
        Ok(page)
    }
}
