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
pub fn get(path: &str, query: &Form) -> impl Future<Output = Result<Answer, Error>> + use<> {
    let mut target = path.to_owned();
    if !query.is_empty() {
        target.push('?');
        target.push_str(query.as_str());
    }
    send("GET", &target, Vec::new(), None)
}

/// Makes or changes something. With an idempotency key it happens once, however often it is sent
/// within a day.
pub fn post(
    path: &str,
    form: &Form,
    idempotency_key: Option<&str>,
) -> impl Future<Output = Result<Answer, Error>> + use<> {
    send("POST", path, form.as_str().into(), idempotency_key)
}

/// Deletes something.
pub fn delete(path: &str) -> impl Future<Output = Result<Answer, Error>> + use<> {
    send("DELETE", path, Vec::new(), None)
}

/// Sends a request as it is.
pub fn send(
    method: &str,
    target: &str,
    body: Vec<u8>,
    idempotency_key: Option<&str>,
) -> impl Future<Output = Result<Answer, Error>> + use<> {
    let mut headers = vec![("stripe-version".to_owned(), API_VERSION.to_owned())];
    if !body.is_empty() {
        let form = "application/x-www-form-urlencoded".to_owned();
        headers.push(("content-type".to_owned(), form));
    }
    if let Some(key) = idempotency_key {
        headers.push(("idempotency-key".to_owned(), key.to_owned()));
    }
    let request =
        Request { method: method.to_owned(), url: format!("{ORIGIN}{target}"), headers, body };
    carry_out(request, method != "GET")
}

async fn carry_out(request: Request, changes_something: bool) -> Result<Answer, Error> {
    let response = http::send(request)
        .await
        .map_err(|failure| Error::from_failure(failure, changes_something))?;
    if !(200..300).contains(&response.status) {
        return Err(Error::from_answer(response.status, &response.body, changes_something));
    }
    Ok(Answer { body: response.body, changes_something })
}
