//! Stripe's API as this provider uses it, over the `http` capability.
//!
//! The key is nowhere in here: the host adds it on the way out.

mod all;
mod error;
mod form;
mod json;
mod objects;

pub use all::all;
pub use error::{Error, key_rejected};
pub use form::Form;
pub use json::Json;
pub use objects::{
    Account, CheckoutSession, EventDestination, IntentOrId, List, PaymentError, PaymentIntent,
    Read, WebhookEndpoint,
};

use crate::bindings::brain_studio::payments::http::{self, Request};

/// Where the API is.
pub const ORIGIN: &str = "https://api.stripe.com";
/// The version whose shapes we read. Stripe keeps answering in it when the account moves on.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The oldest version of which every shape is read as well: a webhook made by hand may have one.
pub const OLDEST_API_VERSION: &str = "2020-08-27";

/// What Stripe answered to a request that it has carried out.
pub struct Answer {
    body: Vec<u8>,
    changes_something: bool,
}

impl Answer {
    /// The object in it.
    pub fn read<T: Read>(&self) -> Result<T, Error> {
        Json::parse(&self.body)
            .and_then(|json| T::read(&json))
            .ok_or_else(|| Error::unreadable(self.changes_something))
    }
}

/// Asks for something. Nothing changes.
pub async fn get(path: &str, query: &Form) -> Result<Answer, Error> {
    let target =
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.as_str()) };
    send("GET", &target, Vec::new(), None).await
}

/// Makes or changes something. With an idempotency key it happens once, however often it is sent
/// within a day.
pub async fn post(path: &str, form: &Form, idempotency_key: Option<&str>) -> Result<Answer, Error> {
    let body = form.as_str().as_bytes().to_vec();
    send("POST", path, body, idempotency_key).await
}

/// Deletes something.
pub async fn delete(path: &str) -> Result<Answer, Error> {
    send("DELETE", path, Vec::new(), None).await
}

/// Sends a request as it is.
pub async fn send(
    method: &str,
    target: &str,
    body: Vec<u8>,
    idempotency_key: Option<&str>,
) -> Result<Answer, Error> {
    let mut headers = vec![("stripe-version".to_owned(), API_VERSION.to_owned())];
    if !body.is_empty() {
        let form = "application/x-www-form-urlencoded".to_owned();
        headers.push(("content-type".to_owned(), form));
    }
    if let Some(key) = idempotency_key {
        headers.push(("idempotency-key".to_owned(), key.to_owned()));
    }
    let changes_something = method != "GET";
    let response = http::send(Request {
        method: method.to_owned(),
        url: format!("{ORIGIN}{target}"),
        headers,
        body,
    })
    .await
    .map_err(|failure| Error::from_failure(failure, changes_something))?;
    if !(200..300).contains(&response.status) {
        return Err(Error::from_answer(response.status, &response.body, changes_something));
    }
    Ok(Answer { body: response.body, changes_something })
}
