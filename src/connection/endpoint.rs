//! The webhook endpoint: what it should be, and how Stripe is told.

use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Mode, Problem, WebhookRegistration, WebhookUrls,
};
use crate::manifest::WEBHOOK_EVENTS;
use crate::metadata::tag_endpoint;
use crate::problem::problem;
use crate::stripe::{self, API_VERSION, Error, Form, List, WebhookEndpoint};
use crate::webhook::INSTALLATION_PARAMETER;

const ENDPOINTS: &str = "/v1/webhook_endpoints";
/// Who made the endpoint, as it is kept in the installation's extras.
pub const MADE_BY: &str = "webhook-made-by";
/// The plugin did, and may delete it.
pub const PLUGIN: &str = "plugin";
/// The merchant did, by hand: it is not ours to touch.
pub const MERCHANT: &str = "merchant";

/// The shared URL of a mode: what the guide tells the merchant to paste.
pub fn shared_url(urls: &WebhookUrls, mode: Mode) -> &str {
    match mode {
        Mode::Test => &urls.test,
        Mode::Live => &urls.live,
    }
}

/// The URL that the plugin registers: the shared one, and whose delivery it is.
pub fn own_url(urls: &WebhookUrls, mode: Mode, installation_id: &str) -> String {
    let shared = shared_url(urls, mode);
    let separator = if shared.contains('?') { '&' } else { '?' };
    format!("{shared}{separator}{INSTALLATION_PARAMETER}={installation_id}")
}

/// Where an endpoint stands in the API.
fn path(id: &str) -> String {
    format!("{ENDPOINTS}/{id}")
}

/// Registers a new endpoint. What Stripe will not do is no error but a problem of the
/// registration: the installation works without it, and asks instead of waiting.
pub async fn register(
    request: &InstallRequest,
    mode: Mode,
    idempotency_key: Option<&str>,
) -> Result<WebhookRegistration, Error> {
    let url = own_url(&request.webhook_urls, mode, &request.installation_id);
    let mut form = correct_form(&url)
        .with("api_version", API_VERSION)
        .with("description", "Brain Studio: tells your flows what happened to a payment");
    tag_endpoint(&mut form, request);
    match stripe::post(ENDPOINTS, &form, idempotency_key).await {
        Ok(answer) => {
            let endpoint: WebhookEndpoint = answer.read()?;
            Ok(WebhookRegistration {
                problem: endpoint.secret.is_none().then(secret_missing),
                endpoint_id: Some(endpoint.id),
                url,
                signing_secrets: endpoint.secret.into_iter().collect(),
            })
        }
        Err(Error::PermissionMissing { permission, .. }) => {
            Ok(unregistered(url, not_permitted(permission.as_deref())))
        }
        Err(Error::Refused { message, .. }) if is_at_its_limit(&message) => {
            Ok(unregistered(url, limit_reached()))
        }
        Err(Error::Refused { message, .. }) if message.starts_with("Invalid URL") => {
            Err(Error::Refused { code: Some("webhook-url-invalid".to_owned()), message })
        }
        Err(error) => Err(error),
    }
}

/// The parameters that may also be corrected later.
fn correct_form(url: &str) -> Form {
    let mut form = Form::new().with("url", url);
    for event in WEBHOOK_EVENTS {
        form.add("enabled_events[]", event);
    }
    form
}

/// Corrects an endpoint in place. Its secret stays.
pub async fn correct(id: &str, url: &str) -> Result<(), Error> {
    let form = correct_form(url).with("disabled", "false");
    stripe::post(&path(id), &form, None).await.map(|_| ())
}

/// One endpoint. None: it is gone.
pub async fn find(id: &str) -> Result<Option<WebhookEndpoint>, Error> {
    match stripe::get(&path(id), &Form::new()).await {
        Ok(answer) => answer.read().map(Some),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Every endpoint of the account and mode.
pub async fn list() -> Result<Vec<WebhookEndpoint>, Error> {
    let mut endpoints: Vec<WebhookEndpoint> = Vec::new();
    loop {
        let mut query = Form::new().with("limit", "100");
        if let Some(last) = endpoints.last() {
            query.add("starting_after", &last.id);
        }
        let page: List<WebhookEndpoint> = stripe::get(ENDPOINTS, &query).await?.read()?;
        let is_last = !page.has_more || page.data.is_empty();
        endpoints.extend(page.data);
        if is_last {
            return Ok(endpoints);
        }
    }
}

/// Deletes an endpoint. Already gone is done.
pub async fn remove(id: &str) -> Result<(), Error> {
    match stripe::delete(&path(id)).await {
        Ok(_) | Err(Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether it delivers exactly the events that it should.
pub fn has_exact_events(endpoint: &WebhookEndpoint) -> bool {
    endpoint.enabled_events.len() == WEBHOOK_EVENTS.len()
        && WEBHOOK_EVENTS
            .iter()
            .all(|&event| endpoint.enabled_events.iter().any(|enabled| enabled == event))
}

/// A registration that could not be made.
pub fn unregistered(url: String, problem: Problem) -> WebhookRegistration {
    WebhookRegistration {
        endpoint_id: None,
        url,
        signing_secrets: Vec::new(),
        problem: Some(problem),
    }
}

/// The refusal has no code. Stripe's documentation says 16 endpoints, reports say 100.
fn is_at_its_limit(message: &str) -> bool {
    let mut words = message.split(' ');
    words.any(|word| word == "maximum") && words.any(|word| word == "webhook")
}

fn secret_missing() -> Problem {
    problem(
        "webhook-secret-missing",
        "The webhook was registered, and Stripe did not say its signing secret. Payments are confirmed by asking Stripe instead.",
        &["Install again with a standard Secret key (sk_…)."],
    )
}

/// The key may not see or make endpoints.
pub fn not_permitted(permission: Option<&str>) -> Problem {
    let permission = permission.unwrap_or("rak_webhook_write");
    problem(
        "webhook-not-permitted",
        format!(
            "The webhook could not be registered: the API Key is a restricted one and lacks the permission {permission}."
        ),
        &[
            "In Stripe, open Developers → API Keys and edit the restricted key.",
            "Turn on writing for Webhook Endpoints.",
            "Run a repair.",
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
