//! The functions of the contract, each with arguments for which it succeeds when nothing is wrong.

use serde_json::Value;

use super::case::{Ending, failed};
use super::direct::{Direct, new_id};
use super::door::Delivery;
use super::scenario::{Action, Missing};
use super::told::Told as _;
use crate::clock;
use crate::contract::types::{
    AttemptSearch, CompletionRequest, EventQuery, InstallRequest, Payment, PaymentRequest,
    ProviderError, RefundRequest, RefundSearch, StatusRequest, WebhookError,
};
use crate::marketplace::webhook_urls;
use crate::plugin::{Call as Access, CallError};

/// How long `report-status` may take. Source: the marketplace's own limit.
const STATUS_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// A function of the contract, with arguments.
pub enum Call {
    /// `install`.
    Install(Box<InstallRequest>),
    /// `repair`.
    Repair,
    /// `uninstall`.
    Uninstall,
    /// `report-status`.
    ReportStatus,
    /// `create-payment`.
    CreatePayment(Box<PaymentRequest>),
    /// `find-payment`.
    FindPayment(AttemptSearch),
    /// `get-payment`.
    GetPayment(String),
    /// `complete-payment`.
    CompletePayment(CompletionRequest),
    /// `cancel-payment`.
    CancelPayment(String),
    /// `refund-payment`.
    RefundPayment(RefundRequest),
    /// `find-refund`.
    FindRefund(RefundSearch),
    /// `get-refund`.
    GetRefund(String),
    /// `list-events`.
    ListEvents(EventQuery),
    /// `handle-webhook`.
    HandleWebhook(Box<Delivery>),
}

/// The names of the functions that may send requests, as the contract spells them.
pub const FUNCTIONS: [&str; 14] = [
    "install",
    "repair",
    "uninstall",
    "report-status",
    "create-payment",
    "find-payment",
    "get-payment",
    "complete-payment",
    "cancel-payment",
    "refund-payment",
    "find-refund",
    "get-refund",
    "list-events",
    "handle-webhook",
];

/// An answer of any function.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// Its value as JSON.
    Ok(Value),
    /// An error about the provider.
    Provider(ProviderError),
    /// An error about a delivery.
    Delivery(WebhookError),
}

impl Answered {
    /// The answer for a person, in a few words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok(_) => "ok",
            Self::Provider(error) => error.case(),
            Self::Delivery(error) => error.case(),
        }
    }
}

/// The arguments of a function, for which the provider's side is made ready.
///
/// # Errors
///
/// The provider has no such function, or making ready fails.
pub async fn ready(direct: &Direct, function: &str) -> Result<Call, Ending> {
    let scenario = &direct.world.kit.scenario;
    Ok(match function {
        "install" => {
            let id = new_id();
            let provider = &direct.plugin.manifest().provider_id;
            Call::Install(Box::new(InstallRequest {
                webhook_urls: webhook_urls(provider, &id),
                installation_id: id,
                ..direct.request.clone()
            }))
        }
        "repair" => Call::Repair,
        "uninstall" => Call::Uninstall,
        "report-status" => Call::ReportStatus,
        "create-payment" => Call::CreatePayment(Box::new(direct.order())),
        "find-payment" => {
            let order = direct.order();
            direct.create(&order).await?;
            Call::FindPayment(AttemptSearch {
                attempt_id: order.attempt_id,
                reserved_at: order.reserved_at,
                cursor: None,
            })
        }
        "get-payment" => Call::GetPayment(direct.create(&direct.order()).await?.id),
        "complete-payment" => {
            let (order, payment) = direct.to_be_completed().await?;
            Call::CompletePayment(direct.completion(&order, &payment))
        }
        "cancel-payment" => {
            scenario.needs(Missing::Cancellation)?;
            Call::CancelPayment(direct.create(&direct.order()).await?.id)
        }
        "refund-payment" => {
            scenario.needs(Missing::Refunds)?;
            let payment = direct.paid(&direct.order()).await?;
            Call::RefundPayment(Direct::refund_of(&payment))
        }
        "find-refund" | "get-refund" => {
            scenario.needs(Missing::Refunds)?;
            let payment = direct.paid(&direct.order()).await?;
            refund_call(direct, function, &payment).await?
        }
        "list-events" => {
            scenario.needs(Missing::Events)?;
            let since = clock::now();
            direct.paid(&direct.order()).await?;
            Call::ListEvents(EventQuery {
                since: since.saturating_sub(60),
                limit: 100,
                cursor: None,
            })
        }
        _ => Call::HandleWebhook(Box::new(delivery(direct).await?)),
    })
}

async fn refund_call(direct: &Direct, function: &str, payment: &Payment) -> Result<Call, Ending> {
    let request = Direct::refund_of(payment);
    let refund = direct.refund(&request).await?;
    Ok(if function == "get-refund" {
        Call::GetRefund(refund.id)
    } else {
        Call::FindRefund(RefundSearch {
            payment: request.payment,
            attempt_id: request.attempt_id,
            reserved_at: request.reserved_at,
            cursor: None,
        })
    })
}

/// A genuine delivery, which the plugin has not seen.
///
/// # Errors
///
/// None comes, or making ready fails.
pub async fn delivery(direct: &Direct) -> Result<Delivery, Ending> {
    direct.world.kit.scenario.needs_deliveries()?;
    let before = direct.world.door.deliveries().len();
    let payment = direct.create(&direct.order()).await?;
    direct.customer(Action::Pays, &payment).await?;
    if !direct.world.door.wait(|deliveries| deliveries.len() > before).await {
        return failed("the customer has paid, and no delivery came");
    }
    let mut latest = None;
    for delivery in direct.world.door.deliveries().into_iter().skip(before) {
        // The first that says something about a payment.
        let request = delivery.request();
        let at = delivery.received_at;
        let read =
            direct.plugin.handle_webhook(direct.call(), at, &direct.installation, &request).await;
        let is_event = matches!(read, Ok(Ok(crate::contract::types::WebhookOutcome::Event(_))));
        latest = Some(delivery);
        if is_event {
            break;
        }
    }
    latest.map_or_else(|| failed("no delivery came"), Ok)
}

/// Calls a function.
///
/// # Errors
///
/// The call was ended, or its answer is not what the contract allows.
pub async fn call(direct: &Direct, call: &Call) -> Result<Answered, Ending> {
    call_with(direct, call, direct.call()).await
}

/// Calls a function with what it may reach.
///
/// # Errors
///
/// As `call`.
pub async fn call_with(direct: &Direct, call: &Call, access: Access) -> Result<Answered, Ending> {
    let (plugin, installation) = (&direct.plugin, &direct.installation);
    Ok(match call {
        Call::Install(request) => {
            let installed = plugin.install(access, request).await;
            if let Ok(Ok(installation)) = &installed {
                direct.hide(installation);
            }
            of(direct, "install", installed)?
        }
        Call::Repair => {
            let request =
                InstallRequest { credentials: unchanged(direct), ..direct.request.clone() };
            let repaired = plugin.repair(access, installation, &request).await;
            if let Ok(Ok(outcome)) = &repaired {
                direct.hide(&outcome.installation);
            }
            of(direct, "repair", repaired)?
        }
        Call::Uninstall => of(direct, "uninstall", plugin.uninstall(access, installation).await)?,
        Call::ReportStatus => {
            let request = StatusRequest {
                credentials: unchanged(direct),
                webhook_urls: direct.request.webhook_urls.clone(),
            };
            let time = STATUS_TIME.min(direct.plugin.time_limit());
            let report = plugin.report_status(access, time, installation, &request).await;
            of(direct, "report-status", report.map(Ok::<_, ProviderError>))?
        }
        Call::CreatePayment(request) => of(
            direct,
            "create-payment",
            plugin.create_payment(access, installation, request).await,
        )?,
        Call::FindPayment(search) => {
            of(direct, "find-payment", plugin.find_payment(access, installation, search).await)?
        }
        Call::GetPayment(id) => {
            of(direct, "get-payment", plugin.get_payment(access, installation, id).await)?
        }
        Call::CompletePayment(request) => {
            let completed = plugin.complete_payment(access, installation, request).await;
            of(direct, "complete-payment", completed)?
        }
        Call::CancelPayment(id) => {
            of(direct, "cancel-payment", plugin.cancel_payment(access, installation, id).await)?
        }
        Call::RefundPayment(request) => of(
            direct,
            "refund-payment",
            plugin.refund_payment(access, installation, request).await,
        )?,
        Call::FindRefund(search) => {
            of(direct, "find-refund", plugin.find_refund(access, installation, search).await)?
        }
        Call::GetRefund(id) => {
            of(direct, "get-refund", plugin.get_refund(access, installation, id).await)?
        }
        Call::ListEvents(query) => {
            of(direct, "list-events", plugin.list_events(access, installation, query).await)?
        }
        Call::HandleWebhook(delivery) => {
            let (at, request) = (delivery.received_at, delivery.request());
            let handled = plugin.handle_webhook(access, at, installation, &request).await;
            of_delivery(direct, handled)?
        }
    })
}

/// The credentials, as they are after the installation.
fn unchanged(direct: &Direct) -> Vec<crate::contract::types::Credential> {
    let mut credentials = direct.request.credentials.clone();
    for credential in &mut credentials {
        credential.changed = false;
    }
    credentials
}

fn of<T: serde::Serialize>(
    direct: &Direct,
    function: &str,
    answer: Result<Result<T, ProviderError>, CallError>,
) -> Result<Answered, Ending> {
    Ok(match direct.told(function, answer)? {
        Ok(value) => Answered::Ok(serde_json::to_value(value).unwrap_or_default()),
        Err(error) => Answered::Provider(error),
    })
}

fn of_delivery<T: serde::Serialize>(
    direct: &Direct,
    answer: Result<Result<T, WebhookError>, CallError>,
) -> Result<Answered, Ending> {
    Ok(match direct.told("handle-webhook", answer)? {
        Ok(value) => Answered::Ok(serde_json::to_value(value).unwrap_or_default()),
        Err(error) => Answered::Delivery(error),
    })
}
