//! The plugin of Andes Pay, a payment provider that is made up: a plugin to copy.
//!
//! Andes Pay is unlike the provider of the built-in plugin: a store id and a token, other hosts in live mode, a
//! webhook that the merchant makes by hand, deliveries that hold ids only, payments that have to be completed after
//! the customer has approved them, refunds that take their time, and amounts as decimal texts.
//!
//! A plugin keeps nothing between calls, never sees the token, and can do one thing: send requests with
//! [`bindings::brain_studio::payments::http`].

#![deny(unsafe_code)]

mod amount;
mod api;
pub mod bindings;
mod connection;
mod events;
mod manifest;
mod payments;
mod refunds;
mod webhook;

use bindings::brain_studio::payments::types::{
    AttemptSearch, CompletionRequest, Context, EventPage, EventQuery, InstallRequest, Installation,
    Manifest, Payment, PaymentRequest, PaymentSearchResult, ProviderError, Refund, RefundRequest,
    RefundSearch, RefundSearchResult, RepairOutcome, StatusReport, StatusRequest, WebhookError,
    WebhookIdentity, WebhookOutcome, WebhookRequest,
};

/// The plugin: the exports of the component.
pub struct AndesPay;

impl bindings::exports::brain_studio::payments::payment_provider::Guest for AndesPay {
    fn describe() -> Manifest {
        manifest::manifest()
    }

    fn install(_: Context, request: InstallRequest) -> Result<Installation, ProviderError> {
        connection::install(request)
    }

    fn repair(
        _: Context,
        installation: Installation,
        request: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        connection::repair(installation, &request)
    }

    /// `install` makes nothing at Andes Pay, and the webhook is the merchant's.
    fn uninstall(_: Context, _: Installation) -> Result<(), ProviderError> {
        Ok(())
    }

    fn report_status(_: Context, installation: Installation, _: StatusRequest) -> StatusReport {
        connection::report_status(&installation)
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
        refunds::refund(&installation, &request)
    }

    fn find_refund(
        _: Context,
        installation: Installation,
        search: RefundSearch,
    ) -> Result<RefundSearchResult, ProviderError> {
        refunds::find(&installation, &search)
    }

    fn get_refund(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Refund, ProviderError> {
        refunds::get(&installation, &id)
    }

    fn identify_webhook(_: Context, request: WebhookRequest) -> WebhookIdentity {
        webhook::identify(&request)
    }

    fn handle_webhook(
        context: Context,
        installation: Installation,
        request: WebhookRequest,
    ) -> Result<WebhookOutcome, WebhookError> {
        webhook::handle(context.now, &installation, &request)
    }

    fn list_events(
        _: Context,
        installation: Installation,
        query: EventQuery,
    ) -> Result<EventPage, ProviderError> {
        events::list(&installation, &query)
    }
}
