//! Stripe's API as this provider uses it, over the `http` capability.
//!
//! The key is nowhere in here: the host adds it on the way out.

mod error;
mod form;
mod json;
mod objects;

pub use error::{Error, key_rejected};
pub use form::Form;
pub use json::{Fields, Json, parse};
pub use objects::{
    Account, Charge, CheckoutSession, DisputeObject, Event, EventDestination, IntentOrId, List,
    PaymentError, PaymentIntent, Read, RefundObject, Subject, WebhookEndpoint,
};

use std::time::UNIX_EPOCH;

use crate::bindings::brain_studio::payments::http::{self, Request, Response};

/// Where the API is.
pub const ORIGIN: &str = "https://api.stripe.com";
/// The version whose shapes we read. Stripe keeps answering in it when the account moves on.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The oldest version of which every shape is read as well: a webhook made by hand may have one.
pub const OLDEST_API_VERSION: &str = "2020-08-27";

/// What Stripe answered to a request that it has carried out.
pub struct Answer {
    body: Vec<u8>,
    /// The time by Stripe's clock, in Unix seconds, if the answer says it.
    pub time: Option<u64>,
    changes_something: bool,
}

impl Answer {
    /// The object in it.
    pub fn read<T: Read>(&self) -> Result<T, Error> {
        parse(&self.body)
            .and_then(|json| T::read(&json))
            .ok_or_else(|| Error::unreadable(self.changes_something))
    }
}

/// A request to Stripe.
pub struct Call {
    request: Request,
    changes_something: bool,
}

impl Call {
    /// Asks for something. Nothing changes.
    pub fn get(path: &str, query: &Form) -> Self {
        let mut target = path.to_owned();
        if !query.is_empty() {
            target.push('?');
            target.push_str(query.as_str());
        }
        Self::new("GET", &target, "")
    }

    /// Asks for something as it is, whatever its method. Nothing can change.
    pub fn new(method: &str, target: &str, body: &str) -> Self {
        let mut headers = vec![("stripe-version".to_owned(), API_VERSION.to_owned())];
        if !body.is_empty() {
            let form = "application/x-www-form-urlencoded".to_owned();
            headers.push(("content-type".to_owned(), form));
        }
        let request = Request {
            method: method.to_owned(),
            url: format!("{ORIGIN}{target}"),
            headers,
            body: body.into(),
        };
        Self { request, changes_something: false }
    }

    /// Something changes: whether it has is not known before the answer is there.
    fn changing(mut self) -> Self {
        self.changes_something = true;
        self
    }
}

/// Asks for something. Nothing changes.
pub fn get(path: &str, query: &Form) -> Result<Answer, Error> {
    send(Call::get(path, query))
}

/// Makes or changes something. With an idempotency key it happens once, however often it is sent
/// within a day.
pub fn post(path: &str, form: &Form, idempotency_key: Option<&str>) -> Result<Answer, Error> {
    let mut call = Call::new("POST", path, form.as_str()).changing();
    if let Some(key) = idempotency_key {
        call.request.headers.push(("idempotency-key".to_owned(), key.to_owned()));
    }
    send(call)
}

/// Deletes something.
pub fn delete(path: &str) -> Result<Answer, Error> {
    send(Call::new("DELETE", path, "").changing())
}

/// Sends one request and waits for its answer.
pub fn send(call: Call) -> Result<Answer, Error> {
    send_all(vec![call]).pop().unwrap_or(Err(Error::Unreadable))
}

/// Sends several requests at the same time. The answers come in the same order.
pub fn send_all(calls: Vec<Call>) -> Vec<Result<Answer, Error>> {
    let (requests, changing): (Vec<_>, Vec<_>) =
        calls.into_iter().map(|call| (call.request, call.changes_something)).unzip();
    let answers = http::send(&requests).into_iter().zip(changing);
    answers
        .map(|(answer, changes_something)| match answer {
            Ok(response) => received(response, changes_something),
            Err(failure) => Err(Error::from_failure(failure, changes_something)),
        })
        .collect()
}

fn received(response: Response, changes_something: bool) -> Result<Answer, Error> {
    let header = |name: &str| {
        let found = response.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    };
    if !(200..300).contains(&response.status) {
        let is_replayed = header("idempotent-replayed") == Some("true");
        let (status, body) = (response.status, &response.body);
        return Err(Error::from_answer(status, is_replayed, body, changes_something));
    }
    let time = header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let time = time.map(|time| time.as_secs());
    Ok(Answer { body: response.body, time, changes_something })
}
