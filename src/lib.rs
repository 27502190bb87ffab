//! The Stripe payment provider for Brain Studio's Marketplace.
//!
//! One WebAssembly component that implements the interface `payment-provider` of the WIT package
//! `brain-studio:payments` (see `wit/`). Its one capability is `http`: it never sees the API key,
//! keeps nothing between calls, and has no clock, no randomness, no files and no environment.
//!
//! The exports are one line each. What they call is native Rust as well, and is measured natively by
//! the host's benchmark.

#![deny(unsafe_code)]

pub mod bindings;
mod connection;
mod credentials;
mod manifest;
mod metadata;
mod payments;
mod permissions;
mod problem;
mod provider_error;
mod stripe;
pub mod webhook;

use bindings::brain_studio::payments::types::{
    AttemptSearch, CompletionRequest, Context, EventPage, EventQuery, InstallRequest, Installation,
    Manifest, Payment, PaymentRequest, PaymentSearchResult, ProviderError, Refund, RefundRequest,
    RefundSearch, RefundSearchResult, RepairOutcome, StatusReport, StatusRequest, WebhookError,
    WebhookIdentity, WebhookOutcome, WebhookRequest,
};

/// The standard library's allocator takes as much room as five functions of the contract.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// The provider: the exports of the component.
pub struct StripePaymentProvider;

impl bindings::exports::brain_studio::payments::payment_provider::Guest for StripePaymentProvider {
    fn describe() -> Manifest {
        manifest::manifest()
    }

    fn install(_: Context, request: InstallRequest) -> Result<Installation, ProviderError> {
        connection::install(&request)
    }

    fn repair(
        _: Context,
        installation: Installation,
        request: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        connection::repair(installation, &request)
    }

    fn uninstall(_: Context, installation: Installation) -> Result<(), ProviderError> {
        connection::uninstall(&installation)
    }

    fn report_status(
        _: Context,
        installation: Installation,
        request: StatusRequest,
    ) -> StatusReport {
        connection::report_status(&installation, &request)
    }

    fn create_payment(
        _: Context,
        installation: Installation,
        request: PaymentRequest,
    ) -> Result<Payment, ProviderError> {
        payments::create(&installation, &request)
    }

    fn find_payment(
        _: Context,
        installation: Installation,
        search: AttemptSearch,
    ) -> Result<PaymentSearchResult, ProviderError> {
        payments::find(&installation, &search)
    }

    fn get_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        payments::get(&installation, &id)
    }

    fn complete_payment(
        _: Context,
        installation: Installation,
        request: CompletionRequest,
    ) -> Result<Payment, ProviderError> {
        payments::complete(&installation, &request)
    }

    fn cancel_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        payments::cancel(&installation, &id)
    }

    fn refund_payment(
        _: Context,
        installation: Installation,
        request: RefundRequest,
    ) -> Result<Refund, ProviderError> {
        payments::refund(&installation, &request)
    }

    fn find_refund(
        _: Context,
        installation: Installation,
        search: RefundSearch,
    ) -> Result<RefundSearchResult, ProviderError> {
        payments::find_refund(&installation, &search)
    }

    fn get_refund(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Refund, ProviderError> {
        payments::get_refund(&installation, &id)
    }

    fn identify_webhook(_: Context, request: WebhookRequest) -> WebhookIdentity {
        webhook::identify(&request)
    }

    fn handle_webhook(
        context: Context,
        installation: Installation,
        request: WebhookRequest,
    ) -> Result<WebhookOutcome, WebhookError> {
        webhook::handle(context, &installation, &request)
    }

    fn list_events(
        context: Context,
        installation: Installation,
        query: EventQuery,
    ) -> Result<EventPage, ProviderError> {
        payments::list_events(context, &installation, &query)
    }
}
