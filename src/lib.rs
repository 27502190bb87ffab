//! The Stripe payment provider for Brain Studio's Marketplace.
//!
//! One WebAssembly component that implements the interface `payment-provider` of the WIT package
//! `brain-studio:payments` (see `wit/`). Its one capability is `http`: it holds no key, keeps
//! nothing between calls, and has no clock, no randomness, no files and no environment.
//!
//! The exports are one line each. What they do is native Rust as well, and is measured natively by
//! the host's benchmark.

#![deny(unsafe_code)]

mod api_key;
pub mod bindings;
mod connection;
mod hex;
mod manifest;
mod metadata;
mod payments;
mod permissions;
mod problem;
mod stripe;
pub mod webhook;

use bindings::brain_studio::payments::types::{
    EventPage, InstallRequest, Installation, Manifest, Payment, PaymentRequest, ProviderError,
    Refund, RefundRequest, RepairOutcome, StatusReport, StatusRequest, WebhookError, WebhookHint,
    WebhookOutcome, WebhookRequest,
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

    fn install(request: InstallRequest) -> Result<Installation, ProviderError> {
        connection::install(&request)
    }

    fn repair(
        installation: Installation,
        request: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        connection::repair(installation, &request)
    }

    fn uninstall(installation: Installation) -> Result<(), ProviderError> {
        connection::uninstall(&installation)
    }

    fn report_status(installation: Installation, request: StatusRequest) -> StatusReport {
        connection::report_status(&installation, &request)
    }

    fn create_payment(
        installation: Installation,
        request: PaymentRequest,
    ) -> Result<Payment, ProviderError> {
        payments::create(&installation, &request)
    }

    fn get_payment(installation: Installation, id: String) -> Result<Payment, ProviderError> {
        payments::get(&installation, &id)
    }

    fn cancel_payment(installation: Installation, id: String) -> Result<Payment, ProviderError> {
        payments::cancel(&installation, &id)
    }

    fn refund_payment(
        installation: Installation,
        request: RefundRequest,
    ) -> Result<Refund, ProviderError> {
        payments::refund(&installation, &request)
    }

    fn peek_webhook(request: WebhookRequest) -> Result<WebhookHint, WebhookError> {
        Ok(webhook::peek(&request))
    }

    fn handle_webhook(
        installation: Installation,
        request: WebhookRequest,
    ) -> Result<WebhookOutcome, WebhookError> {
        webhook::handle(&installation, &request)
    }

    fn missed_events(
        installation: Installation,
        since: u64,
        cursor: Option<String>,
    ) -> Result<EventPage, ProviderError> {
        payments::missed_events(&installation, since, cursor.as_deref())
    }
}
