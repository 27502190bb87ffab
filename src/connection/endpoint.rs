//! Webhook endpoints at Stripe: list, create, correct, delete.

use super::address::own_url;
use crate::bindings::brain_studio::payments::types::{InstallRequest, Installation};
use crate::event_types::WEBHOOK_EVENTS;
use crate::metadata::tag_endpoint;
use crate::problem::enumerated;
use crate::stripe::{API_VERSION, Client, Error, List, Params, Request, Response, WebhookEndpoint};

const ENDPOINTS: &str = "/v1/webhook_endpoints";

fn path(id: &str) -> String {
    format!("{ENDPOINTS}/{id}")
}

/// Creates an endpoint.
pub fn create(
    stripe: &Client,
    request: &InstallRequest,
    idempotency_key: Option<&str>,
) -> Result<WebhookEndpoint, Error> {
    let url = own_url(&request.webhook_urls, request.mode);
    let mut params = mutable_params(url)
        .with("api_version", API_VERSION)
        .with("description", "Brain Studio: tells your flows what happened to a payment");
    tag_endpoint(&mut params, request);
    stripe.post(ENDPOINTS, &params, idempotency_key)?.read()
}

/// The parameters that Stripe lets us change later.
fn mutable_params(url: &str) -> Params {
    let mut params = Params::new().with("url", url);
    for event in WEBHOOK_EVENTS {
        params.add("enabled_events[]", event);
    }
    params
}

/// Corrects an endpoint in place and enables it. Its signing secret stays.
pub fn correct(stripe: &Client, id: &str, url: &str) -> Result<(), Error> {
    let params = mutable_params(url).with("disabled", "false");
    stripe.post(&path(id), &params, None).map(|_| ())
}

/// Reads an endpoint. None: it does not exist.
pub fn find(stripe: &Client, id: &str) -> Result<Option<WebhookEndpoint>, Error> {
    match stripe.get(&path(id), &Params::new()) {
        Ok(answer) => answer.read().map(Some),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lists every endpoint of the account and mode.
pub fn list(stripe: &Client) -> Result<Vec<WebhookEndpoint>, Error> {
    list_from(stripe, stripe.send(first_page()))
}

/// The request for the first page of endpoints. 100 is Stripe's largest page.
pub fn first_page() -> Request {
    Request::get(ENDPOINTS, &Params::new().with("limit", "100"))
}

/// Every endpoint: those in the answer to `first_page`, and those of the pages after it.
pub fn list_from(
    stripe: &Client,
    first: Result<Response, Error>,
) -> Result<Vec<WebhookEndpoint>, Error> {
    let mut endpoints: Vec<WebhookEndpoint> = Vec::new();
    let mut page: List<WebhookEndpoint> = first?.read()?;
    loop {
        endpoints.append(&mut page.data);
        match endpoints.last() {
            Some(last) if page.has_more => {
                let query = Params::new().with("limit", "100").with("starting_after", &last.id);
                page = stripe.get(ENDPOINTS, &query)?.read()?;
                // An empty page is the last one, whatever `has_more` says.
                page.has_more &= !page.data.is_empty();
            }
            _ => return Ok(endpoints),
        }
    }
}

/// Deletes an endpoint. One that does not exist is a success.
pub fn remove(stripe: &Client, id: &str) -> Result<(), Error> {
    match stripe.delete(&path(id)) {
        Ok(_) | Err(Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The needed events that the endpoint does not deliver, and those that it delivers without need.
pub fn wrong_events(endpoint: &WebhookEndpoint) -> (String, String) {
    let all = endpoint.enabled_events.iter().any(|event| event == "*");
    let has = |event: &str| all || endpoint.enabled_events.iter().any(|enabled| enabled == event);
    let enabled = endpoint.enabled_events.iter().map(String::as_str);
    (
        enumerated(WEBHOOK_EVENTS.into_iter().filter(|event| !has(event))),
        enumerated(enabled.filter(|event| !WEBHOOK_EVENTS.contains(event))),
    )
}

/// Whether the endpoint delivers exactly the needed events.
pub fn has_exact_events(endpoint: &WebhookEndpoint) -> bool {
    let (missing, superfluous) = wrong_events(endpoint);
    missing.is_empty() && superfluous.is_empty()
}

/// Whether the plugin created the endpoint for the installation's workspace.
pub fn is_of_workspace(endpoint: &WebhookEndpoint, installation: &Installation) -> bool {
    endpoint.metadata.workspace.as_ref() == Some(&installation.workspace)
}
