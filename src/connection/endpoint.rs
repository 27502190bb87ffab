//! Webhook endpoints at Stripe: listed, made, corrected, deleted.

use super::address::own_url;
use crate::bindings::brain_studio::payments::types::{InstallRequest, Installation};
use crate::event_types::WEBHOOK_EVENTS;
use crate::metadata::tag_endpoint;
use crate::problem::enumerated;
use crate::stripe::{API_VERSION, Client, Error, List, Params, Request, Response, WebhookEndpoint};

const ENDPOINTS: &str = "/v1/webhook_endpoints";

/// Where an endpoint stands in the API.
fn path(id: &str) -> String {
    format!("{ENDPOINTS}/{id}")
}

/// Makes a new one, as it should be.
pub fn create(
    stripe: &Client,
    request: &InstallRequest,
    idempotency_key: Option<&str>,
) -> Result<WebhookEndpoint, Error> {
    let url = own_url(&request.webhook_urls, request.mode);
    let mut form = correct_form(url)
        .with("api_version", API_VERSION)
        .with("description", "Brain Studio: tells your flows what happened to a payment");
    tag_endpoint(&mut form, request);
    stripe.post(ENDPOINTS, &form, idempotency_key)?.read()
}

/// The parameters that may also be corrected later.
fn correct_form(url: &str) -> Params {
    let mut form = Params::new().with("url", url);
    for event in WEBHOOK_EVENTS {
        form.add("enabled_events[]", event);
    }
    form
}

/// Corrects one in place. Its secret stays.
pub fn correct(stripe: &Client, id: &str, url: &str) -> Result<(), Error> {
    let form = correct_form(url).with("disabled", "false");
    stripe.post(&path(id), &form, None).map(|_| ())
}

/// One of them. None: it is gone.
pub fn find(stripe: &Client, id: &str) -> Result<Option<WebhookEndpoint>, Error> {
    match stripe.get(&path(id), &Params::new()) {
        Ok(answer) => answer.read().map(Some),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Every endpoint of the account and mode.
pub fn list(stripe: &Client) -> Result<Vec<WebhookEndpoint>, Error> {
    list_from(stripe, stripe.send(first_page()))
}

/// Asks for the first hundred of them.
pub fn first_page() -> Request {
    Request::get(ENDPOINTS, &Params::new().with("limit", "100"))
}

/// All of them, of whom the first hundred have been asked for.
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
                // A page without anything on it is the last one, whatever it says.
                page.has_more &= !page.data.is_empty();
            }
            _ => return Ok(endpoints),
        }
    }
}

/// Deletes one. Already gone is done.
pub fn remove(stripe: &Client, id: &str) -> Result<(), Error> {
    match stripe.delete(&path(id)) {
        Ok(_) | Err(Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The events that it should deliver and does not, and those that it delivers and should not.
pub fn wrong_events(endpoint: &WebhookEndpoint) -> (String, String) {
    let all = endpoint.enabled_events.iter().any(|event| event == "*");
    let has = |event: &str| all || endpoint.enabled_events.iter().any(|enabled| enabled == event);
    let enabled = endpoint.enabled_events.iter().map(String::as_str);
    (
        enumerated(WEBHOOK_EVENTS.into_iter().filter(|event| !has(event))),
        enumerated(enabled.filter(|event| !WEBHOOK_EVENTS.contains(event))),
    )
}

/// Whether it delivers exactly the events that it should.
pub fn has_exact_events(endpoint: &WebhookEndpoint) -> bool {
    let (missing, superfluous) = wrong_events(endpoint);
    missing.is_empty() && superfluous.is_empty()
}

/// Whether the plugin made it for the installation's workspace.
pub fn is_of_workspace(endpoint: &WebhookEndpoint, installation: &Installation) -> bool {
    endpoint.metadata.workspace.as_ref() == Some(&installation.workspace)
}
