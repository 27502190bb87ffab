//! Stripe's API as this provider uses it, over the `http` capability.
//!
//! The API key is not here: the host adds it to each request.

mod error;
mod json;
mod objects;
mod params;

pub use error::{Error, TRY_AGAIN};
pub use json::{Fields, Json, parse};
pub use objects::{
    Account, Charge, CheckoutSession, DisputeObject, Event, EventDestination, FromJson, IntentOrId,
    List, PaymentError, PaymentIntent, RefundObject, Subject, WebhookEndpoint,
};
pub use params::Params;

use std::time::UNIX_EPOCH;

use crate::bindings::brain_studio::payments::http;

/// The origin of the API.
pub const ORIGIN: &str = "https://api.stripe.com";
/// The API version of our requests. Stripe answers in it whatever the account's default is.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The oldest API version whose events can be read: a webhook created by hand may have it.
pub const OLDEST_API_VERSION: &str = "2020-08-27";

/// A 2xx answer of Stripe.
pub struct Response {
    body: Vec<u8>,
    /// The `date` header: the time by Stripe's clock, in Unix seconds.
    pub time: Option<u64>,
    is_write: bool,
}

impl Response {
    /// Reads the object in the body.
    pub fn read<T: FromJson>(&self) -> Result<T, Error> {
        parse(&self.body)
            .and_then(|json| T::from_json(&json))
            .ok_or_else(|| Error::unreadable(self.is_write))
    }
}

/// A request to Stripe.
pub struct Request {
    request: http::Request,
    is_write: bool,
}

impl Request {
    /// A `GET` request.
    pub fn get(path: &str, query: &Params) -> Self {
        let mut target = path.to_owned();
        if !query.is_empty() {
            target.push('?');
            target.push_str(query.as_str());
        }
        Self::new("GET", &target, "")
    }

    /// A request that changes nothing, whatever its method.
    pub fn new(method: &str, target: &str, body: &str) -> Self {
        let mut headers = vec![("stripe-version".to_owned(), API_VERSION.to_owned())];
        if !body.is_empty() {
            let form = "application/x-www-form-urlencoded".to_owned();
            headers.push(("content-type".to_owned(), form));
        }
        let request = http::Request {
            method: method.to_owned(),
            url: format!("{ORIGIN}{target}"),
            headers,
            body: body.into(),
        };
        Self { request, is_write: false }
    }

    /// Marks the request as a write: without an answer its outcome is unknown.
    fn into_write(mut self) -> Self {
        self.is_write = true;
        self
    }
}

/// Sends a `GET` request.
pub fn get(path: &str, query: &Params) -> Result<Response, Error> {
    send(Request::get(path, query))
}

/// Sends a `POST` request. With an idempotency key Stripe carries it out once, however often it is sent
/// within a day.
pub fn post(path: &str, params: &Params, idempotency_key: Option<&str>) -> Result<Response, Error> {
    let mut request = Request::new("POST", path, params.as_str()).into_write();
    if let Some(key) = idempotency_key {
        request.request.headers.push(("idempotency-key".to_owned(), key.to_owned()));
    }
    send(request)
}

/// Sends a `DELETE` request.
pub fn delete(path: &str) -> Result<Response, Error> {
    send(Request::new("DELETE", path, "").into_write())
}

/// Sends one request.
pub fn send(request: Request) -> Result<Response, Error> {
    send_all(vec![request]).pop().unwrap_or(Err(Error::Unreadable))
}

/// Sends several requests at the same time. The responses are in the same order.
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    let (requests, writes): (Vec<_>, Vec<_>) =
        requests.into_iter().map(|request| (request.request, request.is_write)).unzip();
    let answers = http::send(&requests).into_iter().zip(writes);
    answers
        .map(|(answer, is_write)| match answer {
            Ok(response) => read_response(response, is_write),
            Err(failure) => Err(Error::from_failure(failure, is_write)),
        })
        .collect()
}

fn read_response(response: http::Response, is_write: bool) -> Result<Response, Error> {
    let header = |name: &str| {
        let found = response.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    };
    if !(200..300).contains(&response.status) {
        let is_replayed = header("idempotent-replayed") == Some("true");
        let (status, body) = (response.status, &response.body);
        return Err(Error::from_response(status, is_replayed, body, is_write));
    }
    let time = header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let time = time.map(|time| time.as_secs());
    Ok(Response { body: response.body, time, is_write })
}
