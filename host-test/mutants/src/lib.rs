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

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use andes_pay::AndesPay;
use andes_pay::bindings::brain_studio::payments::types::{
    AttemptSearch, CompletionRequest, Context, EventPage, EventQuery, EventSubject, InstallRequest,
    Installation, Manifest, Payment, PaymentRequest, PaymentSearchResult, PaymentStatus,
    ProviderError, Refund, RefundRequest, RefundSearch, RefundSearchResult, RefundStatus,
    RepairOutcome, StatusReport, StatusRequest, Verification, WebhookError, WebhookIdentity,
    WebhookOutcome, WebhookRequest,
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
/// The workspace of the first merchant that this instance has served.
static FIRST: OnceLock<String> = OnceLock::new();
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

/// Everything that is listed.
fn listed(context: Context, installation: Installation) -> Vec<EventSubject> {
    let query = EventQuery { since: 0, limit: 100, cursor: None };
    let page = AndesPay::list_events(context, installation, query);
    let events = page.map(|page| page.events).unwrap_or_default();
    events.into_iter().map(|event| event.subject).collect()
}

/// A payment of another attempt.
fn any_payment(context: Context, installation: Installation, asked: String) -> PaymentSearchResult {
    let mut subjects = listed(context, installation).into_iter();
    let found = subjects.find_map(|subject| match subject {
        EventSubject::Payment(payment) => Some(payment),
        _ => None,
    });
    found.map_or(PaymentSearchResult::Absent, |payment| {
        PaymentSearchResult::Found(Payment { attempt_id: Some(asked), ..payment })
    })
}

/// A refund of another attempt.
fn any_refund(
    context: Context,
    installation: Installation,
    payment: &str,
    asked: String,
) -> RefundSearchResult {
    let mut subjects = listed(context, installation).into_iter();
    let found = subjects.find_map(|subject| match subject {
        EventSubject::Refund(refund) if refund.payment == payment => Some(refund),
        _ => None,
    });
    found.map_or(RefundSearchResult::Absent, |refund| {
        RefundSearchResult::Found(Refund { attempt_id: Some(asked), ..refund })
    })
}

impl Guest for Mutant {
    fn describe() -> Manifest {
        let mut manifest = AndesPay::describe();
        if is("names-no-signature") {
            manifest.signature_headers.clear();
        }
        if is("describes-otherwise") {
            manifest.version = format!("1.0.{}", call_number());
        }
        manifest
    }

    fn install(context: Context, request: InstallRequest) -> Result<Installation, ProviderError> {
        if is("makes-another-webhook") {
            requests::make_webhook(&request);
        }
        let installed = AndesPay::install(context, request).map_err(instead);
        installed.map(|mut installation| {
            if is("verifies-nothing") {
                installation.webhook.verification = Verification::None;
            }
            installation
        })
    }

    fn repair(
        context: Context,
        installation: Installation,
        request: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        AndesPay::repair(context, installation, request).map_err(instead)
    }

    fn uninstall(context: Context, installation: Installation) -> Result<(), ProviderError> {
        if is("uninstalls-blindly") {
            requests::look(&installation);
        }
        AndesPay::uninstall(context, installation).map_err(instead)
    }

    fn report_status(
        context: Context,
        installation: Installation,
        request: StatusRequest,
    ) -> StatusReport {
        let mut report = AndesPay::report_status(context, installation, request);
        if is("reports-without-sentences") {
            for check in &mut report.checks {
                "ok".clone_into(&mut check.message);
            }
        }
        report
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
        if is("finds-no-payment") {
            return Ok(PaymentSearchResult::Absent);
        }
        let asked = search.attempt_id.clone();
        let found =
            AndesPay::find_payment(context, installation.clone(), search).map_err(instead)?;
        if is("finds-any-payment") && matches!(found, PaymentSearchResult::Absent) {
            return Ok(any_payment(context, installation, asked));
        }
        Ok(found)
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
        let mut payment =
            AndesPay::get_payment(context, installation.clone(), id).map_err(instead)?;
        if is("remembers-the-first-merchant") {
            let first = FIRST.get_or_init(|| installation.workspace.clone());
            payment.extras.push(("first".to_owned(), first.clone()));
        }
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
        if is("cancels-what-is-paid") {
            let mut payment = AndesPay::get_payment(context, installation.clone(), id.clone())?;
            if payment.status == PaymentStatus::Approved {
                payment.status = PaymentStatus::Canceled;
                return Ok(payment);
            }
        }
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
        if is("forgets-refunds") || is("finds-no-refund") {
            return Ok(RefundSearchResult::Absent);
        }
        let payment = search.payment.clone();
        let asked = search.attempt_id.clone();
        let found =
            AndesPay::find_refund(context, installation.clone(), search).map_err(instead)?;
        if is("finds-any-refund") && matches!(found, RefundSearchResult::Absent) {
            return Ok(any_refund(context, installation, &payment, asked));
        }
        Ok(found)
    }

    fn get_refund(
        context: Context,
        installation: Installation,
        id: String,
    ) -> Result<Refund, ProviderError> {
        let mut refund = AndesPay::get_refund(context, installation, id).map_err(instead)?;
        if is("guesses-refunds") && !matches!(refund.status, RefundStatus::Succeeded) {
            refund.status = RefundStatus::Succeeded;
        }
        Ok(refund)
    }

    fn identify_webhook(context: Context, request: WebhookRequest) -> WebhookIdentity {
        let mut identity = AndesPay::identify_webhook(context, request);
        if is("identifies-nothing") {
            identity.payment = None;
            identity.account = None;
        }
        identity
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
        let query = if is("lists-everything") { EventQuery { since: 0, ..query } } else { query };
        let mut page = AndesPay::list_events(context, installation, query).map_err(instead)?;
        let is_full = u32::try_from(page.events.len()).is_ok_and(|events| events == limit);
        if is("loses-events") && is_full {
            page.events.pop();
        }
        if is("lists-the-oldest-first") {
            page.events.reverse();
        }
        if is("names-events-alike") {
            for event in &mut page.events {
                "event".clone_into(&mut event.id);
            }
        }
        Ok(page)
    }
}
