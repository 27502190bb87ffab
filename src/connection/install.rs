//! Installing and uninstalling.

use super::endpoint::{self, MADE_BY, MERCHANT, PLUGIN};
use crate::api_key::mode_of_request;
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Installation, Mode, Problem, ProviderError, WebhookRegistration, WebhookSetup,
};
use crate::manifest::WEBHOOK_SECRET;
use crate::problem::problem;
use crate::stripe::{self, Account, Error, Form};

/// Connects a merchant's account.
pub async fn install(request: InstallRequest) -> Result<Installation, ProviderError> {
    let mode = mode_of_request(&request)?;
    let secret = given_webhook_secret(&request)?;
    let account = account().await?;
    let (webhook, made_by) = match request.webhook_setup {
        WebhookSetup::Automatic => {
            let once = format!("install-{}", request.installation_id);
            (endpoint::register(&request, mode, Some(&once)).await?, PLUGIN)
        }
        WebhookSetup::Manual => (find_made_by_hand(&request, mode, secret).await?, MERCHANT),
    };
    Ok(Installation {
        installation_id: request.installation_id,
        workspace: request.workspace,
        mode,
        account,
        webhook,
        extras: vec![(MADE_BY.to_owned(), made_by.to_owned())],
    })
}

/// Removes what `install` made. An endpoint that was made by hand is the merchant's.
pub async fn uninstall(installation: &Installation) -> Result<(), ProviderError> {
    match &installation.webhook.endpoint_id {
        Some(id) if is_made_by_plugin(installation) => Ok(endpoint::remove(id).await?),
        _ => Ok(()),
    }
}

/// Whether the webhook is ours to change.
pub fn is_made_by_plugin(installation: &Installation) -> bool {
    installation.extras.iter().any(|(name, value)| name == MADE_BY && value == PLUGIN)
}

/// The account that the key belongs to. A restricted key may not be allowed to ask, and its refusal
/// often names the account all the same. Nothing depends on it: only a dead key and a Stripe that is
/// not there are errors.
pub async fn account() -> Result<Option<String>, Error> {
    match stripe::get("/v1/account", &Form::new()).await {
        Ok(answer) => Ok(answer.read::<Account>().ok().map(|account| account.id)),
        Err(Error::PermissionMissing { account, .. }) => Ok(account),
        Err(Error::NotFound(_) | Error::Refused { .. } | Error::Unreadable) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The endpoint that the merchant made from the guide, found by its URL.
pub async fn find_made_by_hand(
    request: &InstallRequest,
    mode: Mode,
    secret: Option<String>,
) -> Result<WebhookRegistration, Error> {
    let url = endpoint::shared_url(&request.webhook_urls, mode).to_owned();
    let (endpoint_id, unfound) = match endpoint::list().await {
        Ok(endpoints) => {
            let found = endpoints.into_iter().find(|endpoint| endpoint.url == url);
            let unfound = found.is_none().then(|| webhook_missing(&url));
            (found.map(|endpoint| endpoint.id), unfound)
        }
        Err(Error::PermissionMissing { .. }) => (None, None),
        Err(error) => return Err(error),
    };
    Ok(WebhookRegistration {
        endpoint_id,
        url,
        problem: unfound.or_else(|| secret.is_none().then(secret_not_given)),
        signing_secrets: secret.into_iter().collect(),
    })
}

/// The signing secret of a webhook made by hand, if it was given.
pub fn given_webhook_secret(request: &InstallRequest) -> Result<Option<String>, ProviderError> {
    let given = request
        .credentials
        .iter()
        .find(|credential| credential.name == WEBHOOK_SECRET)
        .map(|credential| credential.value.trim())
        .filter(|secret| !secret.is_empty());
    match given {
        Some(secret) if !is_signing_secret(secret) => {
            Err(ProviderError::InvalidCredentials(problem(
                "webhook-secret-malformed",
                "This is not the signing secret of a webhook: those start with whsec_.",
                &[
                    "In Stripe, open Workbench → Webhooks and choose your endpoint.",
                    "Reveal its signing secret (whsec_…) and paste it whole.",
                ],
            )))
        }
        secret => Ok(secret.map(str::to_owned)),
    }
}

fn is_signing_secret(text: &str) -> bool {
    text.strip_prefix("whsec_")
        .is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

fn webhook_missing(url: &str) -> Problem {
    problem(
        "webhook-missing",
        "No webhook with the marketplace's address was found in this Stripe account and mode.",
        &[
            "In Stripe, open Workbench → Webhooks and create a destination of the type Webhook endpoint.",
            "Select only payment_intent.succeeded, payment_intent.requires_action and payment_intent.payment_failed.",
            &format!("Paste this URL: {url}"),
        ],
    )
}

fn secret_not_given() -> Problem {
    problem(
        "webhook-secret-not-given",
        "The webhook's signing secret was not given. Payments are confirmed by asking Stripe instead.",
        &[
            "In Stripe, open Workbench → Webhooks, choose your endpoint and reveal its signing secret (whsec_…).",
            "Install again with the API Key and that secret.",
        ],
    )
}
