//! The registration of the webhook: the plugin creates an endpoint, or finds the one that the merchant
//! created from the guide. A registration that fails is no error but the registration's problem: the
//! installation works without a webhook, because the host asks Stripe for the state of payments.

use super::address::{self, is_meant_for, own_url, shared_url, url_by_hand, url_difference};
use super::{endpoint, secrets};
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Mode, Problem, Verification, WebhookOwner, WebhookRegistration, WebhookUrls,
};
use crate::event_types::select_webhook_events;
use crate::permissions::Missing;
use crate::problem::problem;
use crate::stripe::{Client, Error, WebhookEndpoint};

/// Registers a webhook. Looks for one that was created by hand if the request says so, or if Stripe
/// lets the plugin create none. The known secrets are kept: deliveries of an old endpoint may still be
/// on their way.
pub fn register(
    stripe: &Client,
    request: &InstallRequest,
    missing: &Missing,
    secrets: Vec<String>,
    idempotency_key: Option<&str>,
) -> Result<WebhookRegistration, Error> {
    if request.webhook_owner == WebhookOwner::Merchant {
        return find_created_by_hand(stripe, request, secrets);
    }
    let own = own_url(&request.webhook_urls, request.mode);
    let created = if missing.includes_webhook() {
        Err(Error::PermissionMissing { permission: Some(missing.names()), account: None })
    } else {
        match endpoint::create(stripe, request, idempotency_key) {
            // The endpoint may exist, and its secret is lost. For a day Stripe replays the failure to
            // the same idempotency key, so only a request with another key helps.
            Err(Error::UnknownOutcome | Error::ReplayedFailure | Error::KeySpent)
                if idempotency_key.is_some() =>
            {
                remove_created_for(stripe, &request.installation_id)
                    .and_then(|()| endpoint::create(stripe, request, None))
            }
            created => created,
        }
    };
    let why = match created {
        Ok(endpoint) => {
            let signing_secrets = match endpoint.secret {
                Some(new) => secrets::with_new(new, secrets),
                None => Vec::new(),
            };
            return Ok(WebhookRegistration {
                endpoint_id: Some(endpoint.id),
                url: own.to_owned(),
                owner: WebhookOwner::Plugin,
                verification: verification(&signing_secrets),
                problem: signing_secrets.is_empty().then(secret_missing),
                signing_secrets,
            });
        }
        Err(Error::PermissionMissing { permission, .. }) => {
            let lacking = permission.as_deref().unwrap_or("(Stripe does not say which)");
            not_permitted(lacking, own)
        }
        Err(Error::Refused { message, .. }) if is_at_its_limit(&message) => limit_reached(),
        Err(Error::Refused { message, .. }) if message.starts_with("Invalid URL") => {
            let code = Some("webhook-url-invalid".to_owned());
            return Err(Error::Refused { code, message });
        }
        Err(error) => return Err(error),
    };
    let found = find_created_by_hand(stripe, request, secrets)?;
    // A webhook that was created by hand does instead, and so does the secret of one that the key may
    // not read.
    if found.endpoint_id.is_some() || found.problem.is_none() {
        return Ok(found);
    }
    Ok(WebhookRegistration { owner: WebhookOwner::Plugin, problem: Some(why), ..found })
}

/// How deliveries are verified with these secrets.
pub fn verification(secrets: &[String]) -> Verification {
    if secrets.is_empty() { Verification::None } else { Verification::ByPlugin }
}

/// Deletes the endpoints that an earlier attempt of the same installation created.
fn remove_created_for(stripe: &Client, installation_id: &str) -> Result<(), Error> {
    // Without the list it is still not known whether the endpoint exists.
    for endpoint in endpoint::list(stripe).map_err(|_| Error::UnknownOutcome)? {
        if endpoint.metadata.installation.as_deref() == Some(installation_id) {
            endpoint::remove(stripe, &endpoint.id)?;
        }
    }
    Ok(())
}

/// Finds the endpoint that the merchant created from the guide, by its URL.
pub fn find_created_by_hand(
    stripe: &Client,
    request: &InstallRequest,
    secrets: Vec<String>,
) -> Result<WebhookRegistration, Error> {
    let (urls, mode) = (&request.webhook_urls, request.mode);
    let own = own_url(urls, mode);
    let (endpoint_id, url, not_found) = match endpoint::list(stripe) {
        Ok(endpoints) => match created_by_hand(&endpoints, urls, mode) {
            Some(found) if [own, shared_url(urls, mode)].contains(&found.url.as_str()) => {
                (Some(found.id.clone()), found.url.clone(), None)
            }
            found => (None, own.to_owned(), Some(webhook_missing(urls, mode, found))),
        },
        Err(Error::PermissionMissing { .. }) => (None, own.to_owned(), None),
        Err(error) => return Err(error),
    };
    Ok(WebhookRegistration {
        endpoint_id,
        url,
        owner: WebhookOwner::Merchant,
        verification: verification(&secrets),
        problem: not_found.or_else(|| secrets.is_empty().then(secret_not_given)),
        signing_secrets: secrets,
    })
}

/// The endpoint that the merchant created for the marketplace: the one with the right URL (the
/// installation's own, else the shared one), else one whose URL has mistakes, else one with the URL of
/// the other mode.
pub fn created_by_hand<'a>(
    endpoints: &'a [WebhookEndpoint],
    urls: &WebhookUrls,
    mode: Mode,
) -> Option<&'a WebhookEndpoint> {
    let other = address::other(mode);
    let find = |matches: &dyn Fn(&str) -> bool| {
        endpoints
            .iter()
            .find(|endpoint| endpoint.metadata.installation.is_none() && matches(&endpoint.url))
    };
    find(&|url| url == own_url(urls, mode))
        .or_else(|| find(&|url| url == shared_url(urls, mode)))
        .or_else(|| find(&|url| is_meant_for(url, urls, mode)))
        .or_else(|| find(&|url| is_meant_for(url, urls, other)))
}

/// Whether Stripe's message, which comes without a code, says that the account has its maximum of
/// endpoints. Stripe's documentation says 16, reports say 100.
fn is_at_its_limit(message: &str) -> bool {
    let mut words = message.split(' ');
    words.any(|word| word == "maximum") && words.any(|word| word == "webhook")
}

/// The problem of an endpoint whose signing secret Stripe did not give.
pub fn secret_missing() -> Problem {
    problem(
        "webhook-secret-missing",
        "The webhook was registered, but Stripe did not give its signing secret. Brain Studio asks Stripe about each payment instead.",
        &[
            "In Stripe, open Workbench → Webhooks, choose the endpoint that Brain Studio created, and reveal its signing secret (whsec_…).",
            "Install again with the API Key and that secret.",
        ],
    )
}

/// The problem of an endpoint whose signing secret the merchant did not give.
pub fn secret_not_given() -> Problem {
    problem(
        "webhook-secret-not-given",
        "The webhook's signing secret was not given. Brain Studio asks Stripe about each payment instead.",
        &[
            "In Stripe, open Workbench → Webhooks, choose your endpoint and reveal its signing secret (whsec_…).",
            "Install again with the API Key and that secret.",
        ],
    )
}

/// The problem of a key that may not create endpoints. `lacking` names every missing permission.
pub fn not_permitted(lacking: &str, url: &str) -> Problem {
    problem(
        "webhook-not-permitted",
        format!(
            "The webhook could not be registered. The API Key lacks these permissions: {lacking}."
        ),
        &[
            "Add the missing permissions to the API Key, and run a repair.",
            &format!("Or create the webhook by hand, as the guide says, with this URL: {url}"),
            "Then install again with the API Key and the webhook's signing secret (whsec_…).",
        ],
    )
}

fn limit_reached() -> Problem {
    problem(
        "webhook-limit-reached",
        "The webhook could not be registered: the Stripe account has the maximum number of webhook endpoints.",
        &[
            "In Stripe, open Workbench → Webhooks and delete endpoints that you do not use.",
            "Run a repair.",
        ],
    )
}

/// The problem of an account without a webhook of the right URL. `similar`: the endpoint to correct.
pub fn webhook_missing(
    urls: &WebhookUrls,
    mode: Mode,
    similar: Option<&WebhookEndpoint>,
) -> Problem {
    let with_difference = |similar: &'_ WebhookEndpoint| {
        let url = url_by_hand(&similar.url, urls, mode);
        Some((similar.id.clone(), url, url_difference(&similar.url, url)?))
    };
    if let Some((id, url, difference)) = similar.and_then(with_difference) {
        return problem(
            "webhook-url-wrong",
            format!("The URL of your webhook is wrong: {difference}."),
            &[
                &format!("In Stripe, open Workbench → Webhooks and edit {id}."),
                &format!("Paste this URL: {url}"),
            ],
        );
    }
    problem(
        "webhook-missing",
        "No webhook with the marketplace's URL was found in this Stripe account and mode.",
        &[
            "In Stripe, check that you are in the right mode. Test mode may be found in the account selector (top left) as Test mode, Switch to a test environment or Manage test environments.",
            "Open Workbench → Webhooks and create a destination of the type Webhook endpoint, for events of Your account.",
            &select_webhook_events(),
            &format!("Paste this URL: {}", own_url(urls, mode)),
        ],
    )
}
