//! How the webhook comes about: the plugin registers it, or finds the one that the merchant made
//! from the guide. What Stripe will not do is no error but a problem of the registration: the
//! installation works without it, and asks instead of waiting.

use super::address::{self, is_meant_for, own_url, shared_url, url_by_hand, url_difference};
use super::{endpoint, secrets};
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Mode, Problem, Verification, WebhookOwner, WebhookRegistration, WebhookUrls,
};
use crate::event_types::select_webhook_events;
use crate::permissions::Missing;
use crate::problem::problem;
use crate::stripe::{Client, Error, WebhookEndpoint};

/// Registers a webhook, or looks for one that was made by hand: where that is asked for, and where
/// Stripe lets the plugin make none. The secrets that are known go on being so: what an old webhook
/// has sent may still be on its way.
pub fn register(
    stripe: &Client,
    request: &InstallRequest,
    missing: &Missing,
    secrets: Vec<String>,
    idempotency_key: Option<&str>,
) -> Result<WebhookRegistration, Error> {
    if request.webhook_owner == WebhookOwner::Merchant {
        return find_made_by_hand(stripe, request, secrets);
    }
    let own = own_url(&request.webhook_urls, request.mode);
    let created = if missing.includes_webhook() {
        Err(Error::PermissionMissing { permission: Some(missing.names()), account: None })
    } else {
        match endpoint::create(stripe, request, idempotency_key) {
            // Whether it was made is not known, and its secret is lost. Stripe repeats a failure to
            // the same idempotency key for a day: only another attempt helps.
            Err(Error::UnknownOutcome | Error::ReplayedFailure | Error::KeySpent)
                if idempotency_key.is_some() =>
            {
                remove_made_for(stripe, &request.installation_id)
                    .and_then(|()| endpoint::create(stripe, request, None))
            }
            created => created,
        }
    };
    let why = match created {
        Ok(endpoint) => {
            let signing_secrets = match endpoint.secret {
                Some(new) => secrets::renewed(new, secrets),
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
            let lacking = permission.as_deref().unwrap_or("a permission");
            not_permitted(lacking, own)
        }
        Err(Error::Refused { message, .. }) if is_at_its_limit(&message) => limit_reached(),
        Err(Error::Refused { message, .. }) if message.starts_with("Invalid URL") => {
            let code = Some("webhook-url-invalid".to_owned());
            return Err(Error::Refused { code, message });
        }
        Err(error) => return Err(error),
    };
    let found = find_made_by_hand(stripe, request, secrets)?;
    // A webhook that was made by hand takes its place, and so does the secret of one that the key
    // may not see.
    if found.endpoint_id.is_some() || found.problem.is_none() {
        return Ok(found);
    }
    Ok(WebhookRegistration { owner: WebhookOwner::Plugin, problem: Some(why), ..found })
}

/// How deliveries are verified with these secrets.
pub fn verification(secrets: &[String]) -> Verification {
    if secrets.is_empty() { Verification::None } else { Verification::ByPlugin }
}

/// Deletes what an attempt of the same install has left.
fn remove_made_for(stripe: &Client, installation_id: &str) -> Result<(), Error> {
    // Where even that cannot be seen, it is still not known what has happened.
    for endpoint in endpoint::list(stripe).map_err(|_| Error::UnknownOutcome)? {
        if endpoint.metadata.installation.as_deref() == Some(installation_id) {
            endpoint::remove(stripe, &endpoint.id)?;
        }
    }
    Ok(())
}

/// The endpoint that the merchant made from the guide, found by its URL.
pub fn find_made_by_hand(
    stripe: &Client,
    request: &InstallRequest,
    secrets: Vec<String>,
) -> Result<WebhookRegistration, Error> {
    let (urls, mode) = (&request.webhook_urls, request.mode);
    let own = own_url(urls, mode);
    let (endpoint_id, url, unfound) = match endpoint::list(stripe) {
        Ok(endpoints) => match made_by_hand(&endpoints, urls, mode) {
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
        problem: unfound.or_else(|| secrets.is_empty().then(secret_not_given)),
        signing_secrets: secrets,
    })
}

/// The endpoint that the merchant has made for the marketplace: the one with exactly the right URL
/// (the installation's own, else the shared one), else one with mistakes in it, else one with the
/// URL of the other mode.
pub fn made_by_hand<'a>(
    endpoints: &'a [WebhookEndpoint],
    urls: &WebhookUrls,
    mode: Mode,
) -> Option<&'a WebhookEndpoint> {
    let other = address::other(mode);
    let by = |is_it: &dyn Fn(&str) -> bool| {
        endpoints
            .iter()
            .find(|endpoint| endpoint.metadata.installation.is_none() && is_it(&endpoint.url))
    };
    by(&|url| url == own_url(urls, mode))
        .or_else(|| by(&|url| url == shared_url(urls, mode)))
        .or_else(|| by(&|url| is_meant_for(url, urls, mode)))
        .or_else(|| by(&|url| is_meant_for(url, urls, other)))
}

/// The refusal has no code. Stripe's documentation says 16 endpoints, reports say 100.
fn is_at_its_limit(message: &str) -> bool {
    let mut words = message.split(' ');
    words.any(|word| word == "maximum") && words.any(|word| word == "webhook")
}

/// Stripe did not say it.
pub fn secret_missing() -> Problem {
    problem(
        "webhook-secret-missing",
        "The webhook was registered, and Stripe did not say its signing secret. Payments are confirmed by asking Stripe instead.",
        &[
            "In Stripe, open Workbench → Webhooks, choose the endpoint that Brain Studio made, and reveal its signing secret (whsec_…).",
            "Install again with the API Key and that secret.",
        ],
    )
}

/// The merchant has left it out.
pub fn secret_not_given() -> Problem {
    problem(
        "webhook-secret-not-given",
        "The webhook's signing secret was not given. Payments are confirmed by asking Stripe instead.",
        &[
            "In Stripe, open Workbench → Webhooks, choose your endpoint and reveal its signing secret (whsec_…).",
            "Install again with the API Key and that secret.",
        ],
    )
}

/// The key may not make endpoints. All that it may not is said at once.
pub fn not_permitted(lacking: &str, url: &str) -> Problem {
    problem(
        "webhook-not-permitted",
        format!("The webhook could not be registered: the API Key lacks {lacking}."),
        &[
            "Give the API Key what it lacks, and run a repair.",
            &format!("Or make the webhook by hand, as the guide says, with this URL: {url}"),
            "Then install again with the API Key and the webhook's signing secret (whsec_…).",
        ],
    )
}

fn limit_reached() -> Problem {
    problem(
        "webhook-limit-reached",
        "The webhook could not be registered: the Stripe account has as many webhook endpoints as Stripe allows.",
        &[
            "In Stripe, open Workbench → Webhooks and delete endpoints that nobody uses.",
            "Run a repair.",
        ],
    )
}

/// There is none with the right URL: what to make, or to correct.
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
            format!("The URL of your webhook is not the right one: {difference}."),
            &[
                &format!("In Stripe, open Workbench → Webhooks and edit {id}."),
                &format!("Paste this URL: {url}"),
            ],
        );
    }
    problem(
        "webhook-missing",
        "No webhook with the marketplace's address was found in this Stripe account and mode.",
        &[
            "In Stripe, see that you are in the right mode. Test mode may be found in the account selector (top left) as Test mode, Switch to a test environment or Manage test environments.",
            "Open Workbench → Webhooks and create a destination of the type Webhook endpoint, for events of Your account.",
            &select_webhook_events(),
            &format!("Paste this URL: {}", own_url(urls, mode)),
        ],
    )
}
