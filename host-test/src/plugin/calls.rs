//! The functions of the contract: each in a fresh instance, and its answer checked before anybody sees it.

use std::time::{Duration, Instant};

use super::answers::{check_page, checked, outcome_unknown};
use super::error::CallError;
use super::{Call, Plugin, asked, context};
use crate::contract::types::{
    AttemptSearch, CompletionRequest, Context, Event, EventPage, EventQuery, EventSubject,
    InstallRequest, Installation, Manifest, Payment, PaymentRequest, PaymentSearchResult,
    ProviderError, Refund, RefundRequest, RefundSearch, RefundSearchResult, RepairOutcome,
    StatusReport, StatusRequest, WebhookError, WebhookIdentity, WebhookOutcome, WebhookRequest,
};
use crate::egress::Egress;

/// Calls a function of the contract in a fresh instance, and checks its answer. `$signing` are the signing secrets
/// that the plugin was given.
macro_rules! call {
    ($plugin:ident, $call:ident, $context:expr, $signing:expr, $function:ident($($argument:expr),*) $(, $asked:expr)?) => {{
        let context: Context = $context;
        let begun = Instant::now();
        let signing: Vec<&str> = $signing.into_iter().collect();
        $call.egress.hide_in_trace(signing.iter().copied());
        let function = stringify!($function);
        let answered = $plugin
            .caller
            .call(function, $call.egress.clone(), context, async |store, instance| {
                let functions = &$plugin.caller.functions;
                functions.call(function, store, instance, (context, $($argument),*)).await
            })
            .await;
        $plugin.note(&$call, function, begun, answered.as_ref().err());
        match answered {
            Ok(answer) => {
                let checked = $plugin.inspected(&$call, signing, answer);
                $(let checked = checked.and_then($asked);)?
                $plugin.witnessed(&$call, function, checked).await
            }
            Err(error) => Err(error),
        }
    }};
}

/// The signing secrets of an installation.
fn signing(installation: &Installation) -> impl Iterator<Item = &str> {
    installation.webhook.signing_secrets.iter().map(String::as_str)
}

/// The payment that an event is about.
fn payment_of(event: &mut Event) -> Option<&mut Payment> {
    match &mut event.subject {
        EventSubject::Payment(payment) => Some(payment),
        _ => None,
    }
}

impl Plugin {
    /// `describe` of the contract, called anew.
    pub async fn describe(&self) -> Result<Manifest, CallError> {
        let call = Call::from(Egress::none());
        let manifest = self.caller.describe(self.context_now(self.time_limit)).await?;
        self.inspected(&call, [], manifest).map_err(CallError::AnswerRefused)
    }

    /// `install` of the contract.
    pub async fn install(
        &self,
        call: Call,
        request: &InstallRequest,
    ) -> Result<Result<Installation, ProviderError>, CallError> {
        let given = request.credentials.iter().filter_map(|given| given.signing_secret.as_deref());
        let now = self.context_now(self.time_limit);
        call!(self, call, now, given, install(request))
    }

    /// `repair` of the contract.
    pub async fn repair(
        &self,
        call: Call,
        installation: &Installation,
        request: &InstallRequest,
    ) -> Result<Result<RepairOutcome, ProviderError>, CallError> {
        let given = request.credentials.iter().filter_map(|given| given.signing_secret.as_deref());
        let given = given.chain(signing(installation));
        let now = self.context_now(self.time_limit);
        call!(self, call, now, given, repair(installation, request))
    }

    /// `uninstall` of the contract.
    pub async fn uninstall(
        &self,
        call: Call,
        installation: &Installation,
    ) -> Result<Result<(), ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        call!(self, call, now, signing(installation), uninstall(installation))
    }

    /// `report-status` of the contract, ended after `time`.
    pub async fn report_status(
        &self,
        call: Call,
        time: Duration,
        installation: &Installation,
        request: &StatusRequest,
    ) -> Result<StatusReport, CallError> {
        let now = self.context_now(time);
        call!(self, call, now, signing(installation), report_status(installation, request))
    }

    /// `create-payment` of the contract.
    pub async fn create_payment(
        &self,
        call: Call,
        installation: &Installation,
        request: &PaymentRequest,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let pages = call.pages.clone();
        let check = |answer| {
            checked(answer, |payment| {
                asked::created(payment, installation, request)?;
                check_page(payment, &pages)
            })
        };
        let created = call!(
            self,
            call,
            now,
            signing(installation),
            create_payment(installation, request),
            check
        );
        outcome_unknown(created)
    }

    /// `find-payment` of the contract.
    pub async fn find_payment(
        &self,
        call: Call,
        installation: &Installation,
        search: &AttemptSearch,
    ) -> Result<Result<PaymentSearchResult, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let check = |answer| checked(answer, |result| asked::found(result, installation, search));
        let mut answer: Result<PaymentSearchResult, ProviderError> = call!(
            self,
            call,
            now,
            signing(installation),
            find_payment(installation, search),
            check
        )?;
        if let Ok(PaymentSearchResult::Found(payment)) = &mut answer {
            self.check_pages(&call, "find_payment", [payment]).await;
        }
        Ok(answer)
    }

    /// `get-payment` of the contract.
    pub async fn get_payment(
        &self,
        call: Call,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let check = |answer| checked(answer, |payment| asked::named(payment, installation, id));
        let got =
            call!(self, call, now, signing(installation), get_payment(installation, id), check);
        self.with_pages(&call, "get_payment", got).await
    }

    /// `complete-payment` of the contract.
    pub async fn complete_payment(
        &self,
        call: Call,
        installation: &Installation,
        request: &CompletionRequest,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let id = &request.payment;
        let check = |answer| checked(answer, |payment| asked::named(payment, installation, id));
        let completed = call!(
            self,
            call,
            now,
            signing(installation),
            complete_payment(installation, request),
            check
        );
        self.with_pages(&call, "complete_payment", outcome_unknown(completed)).await
    }

    /// `cancel-payment` of the contract.
    pub async fn cancel_payment(
        &self,
        call: Call,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let check = |answer| checked(answer, |payment| asked::named(payment, installation, id));
        let canceled =
            call!(self, call, now, signing(installation), cancel_payment(installation, id), check);
        self.with_pages(&call, "cancel_payment", outcome_unknown(canceled)).await
    }

    /// `refund-payment` of the contract.
    pub async fn refund_payment(
        &self,
        call: Call,
        installation: &Installation,
        request: &RefundRequest,
    ) -> Result<Result<Refund, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let check = |answer| checked(answer, |refund| asked::refunded(refund, request));
        let refunded = call!(
            self,
            call,
            now,
            signing(installation),
            refund_payment(installation, request),
            check
        );
        outcome_unknown(refunded)
    }

    /// `find-refund` of the contract.
    pub async fn find_refund(
        &self,
        call: Call,
        installation: &Installation,
        search: &RefundSearch,
    ) -> Result<Result<RefundSearchResult, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let check = |answer| checked(answer, |result| asked::found_refund(result, search));
        call!(self, call, now, signing(installation), find_refund(installation, search), check)
    }

    /// `get-refund` of the contract.
    pub async fn get_refund(
        &self,
        call: Call,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Refund, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let check = |answer| checked(answer, |refund| asked::named_refund(refund, id));
        call!(self, call, now, signing(installation), get_refund(installation, id), check)
    }

    /// `list-events` of the contract.
    pub async fn list_events(
        &self,
        call: Call,
        installation: &Installation,
        query: &EventQuery,
    ) -> Result<Result<EventPage, ProviderError>, CallError> {
        let now = self.context_now(self.time_limit);
        let check = |answer| checked(answer, |page| asked::listed(page, query));
        let mut answer: Result<EventPage, ProviderError> =
            call!(self, call, now, signing(installation), list_events(installation, query), check)?;
        if let Ok(page) = &mut answer {
            let payments = page.events.iter_mut().filter_map(|event| payment_of(event));
            self.check_pages(&call, "list_events", payments).await;
        }
        Ok(answer)
    }

    /// `identify-webhook` of the contract. It may not send requests.
    pub async fn identify_webhook(
        &self,
        received_at: u64,
        request: &WebhookRequest,
    ) -> Result<WebhookIdentity, CallError> {
        let context = context(received_at, self.time_limit);
        let call = Call::from(Egress::none());
        call!(self, call, context, [], identify_webhook(request))
    }

    /// `handle-webhook` of the contract.
    pub async fn handle_webhook(
        &self,
        call: Call,
        received_at: u64,
        installation: &Installation,
        request: &WebhookRequest,
    ) -> Result<Result<WebhookOutcome, WebhookError>, CallError> {
        let context = context(received_at, self.time_limit);
        let mut answer: Result<WebhookOutcome, WebhookError> = call!(
            self,
            call,
            context,
            signing(installation),
            handle_webhook(installation, request)
        )?;
        if let Ok(WebhookOutcome::Event(delivered)) = &mut answer {
            let payment = payment_of(&mut delivered.event);
            self.check_pages(&call, "handle_webhook", payment).await;
        }
        Ok(answer)
    }
}
