//! The Stripe payment provider for Brain Studio's Marketplace.
//!
//! One WebAssembly component that implements the interface `payment-provider` of the WIT package
//! `brain-studio:payments` (see `wit/`). Its one capability is `http`: it never sees the API key,
//! keeps nothing between calls, and has no clock, no randomness, no files and no environment.
//!
//! The exports are one line each. The use cases are native Rust as well: the tests call them with a
//! stand-in for Stripe, and the host's benchmark measures them natively.

#![deny(unsafe_code)]

pub mod bindings;
mod connection;
mod credentials;
mod event_types;
mod manifest;
mod metadata;
mod payments;
mod permissions;
mod problem;
mod provider_error;
mod stripe;
#[cfg(test)]
mod tests;
pub mod webhook;

pub use manifest::manifest;

use bindings::brain_studio::payments::http;
use bindings::brain_studio::payments::types::{
    AttemptSearch, CompletionRequest, Context, EventPage, EventQuery, InstallRequest, Installation,
    Manifest, Payment, PaymentRequest, PaymentSearchResult, ProviderError, Refund, RefundRequest,
    RefundSearch, RefundSearchResult, RepairOutcome, StatusReport, StatusRequest, WebhookError,
    WebhookIdentity, WebhookOutcome, WebhookRequest,
};
use stripe::Client;

/// It begins with the initial heap, whose size the build sets: an ordinary delivery needs no more memory.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// The client of every call but `describe` and those about deliveries.
fn stripe() -> Client<'static> {
    Client::new(&http::send)
}

/// The provider: the exports of the component.
pub struct StripePaymentProvider;

impl bindings::exports::brain_studio::payments::payment_provider::Guest for StripePaymentProvider {
    fn describe() -> Manifest {
        manifest::manifest()
    }

    fn install(_: Context, request: InstallRequest) -> Result<Installation, ProviderError> {
        connection::install(&stripe(), &request)
    }

    fn repair(
        _: Context,
        installation: Installation,
        request: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        connection::repair(&stripe(), installation, &request)
    }

    fn uninstall(_: Context, installation: Installation) -> Result<(), ProviderError> {
        connection::uninstall(&stripe(), &installation)
    }

    fn report_status(
        _: Context,
        installation: Installation,
        request: StatusRequest,
    ) -> StatusReport {
        connection::report_status(&stripe(), &installation, &request)
    }

    fn create_payment(
        _: Context,
        installation: Installation,
        request: PaymentRequest,
    ) -> Result<Payment, ProviderError> {
        payments::create(&stripe(), &installation, &request)
    }

    fn find_payment(
        _: Context,
        installation: Installation,
        search: AttemptSearch,
    ) -> Result<PaymentSearchResult, ProviderError> {
        payments::find(&stripe(), &installation, &search)
    }

    fn get_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        payments::get(&stripe(), &installation, &id)
    }

    fn complete_payment(
        _: Context,
        installation: Installation,
        request: CompletionRequest,
    ) -> Result<Payment, ProviderError> {
        payments::complete(&stripe(), &installation, &request)
    }

    fn cancel_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        payments::cancel(&stripe(), &installation, &id)
    }

    fn refund_payment(
        _: Context,
        installation: Installation,
        request: RefundRequest,
    ) -> Result<Refund, ProviderError> {
        payments::refund(&stripe(), &installation, &request)
    }

    fn find_refund(
        _: Context,
        installation: Installation,
        search: RefundSearch,
    ) -> Result<RefundSearchResult, ProviderError> {
        payments::find_refund(&stripe(), &installation, &search)
    }

    fn get_refund(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Refund, ProviderError> {
        payments::get_refund(&stripe(), &installation, &id)
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
        payments::list_events(&stripe(), context, &installation, &query)
    }
}
