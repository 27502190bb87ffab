//! The client of Stripe's API.

use std::time::UNIX_EPOCH;

use super::json::{FromJson, parse};
use super::{API_VERSION, Error, ORIGIN, Params};
use crate::bindings::brain_studio::payments::http;

/// The function `send` of the `http` capability. The tests of the use cases have another one.
type Send<'a> = dyn Fn(&[http::Request]) -> Vec<Result<http::Response, http::Failure>> + 'a;

/// A client of Stripe's API.
pub struct Client<'a> {
    send: &'a Send<'a>,
}

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
            .and_then(|document| T::from_json(document.root()))
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

impl<'a> Client<'a> {
    /// A client that sends its requests with a function.
    pub fn new(send: &'a Send<'a>) -> Self {
        Self { send }
    }

    /// Sends a `GET` request.
    pub fn get(&self, path: &str, query: &Params) -> Result<Response, Error> {
        self.send(Request::get(path, query))
    }

    /// Sends a `GET` request and reads the object in the answer.
    pub fn read<T: FromJson>(&self, path: &str, query: &Params) -> Result<T, Error> {
        self.get(path, query)?.read()
    }

    /// Sends a `POST` request. With an idempotency key Stripe carries it out once, however often it is
    /// sent within a day.
    pub fn post(
        &self,
        path: &str,
        params: &Params,
        idempotency_key: Option<&str>,
    ) -> Result<Response, Error> {
        let mut request = Request::new("POST", path, params.as_str()).into_write();
        if let Some(key) = idempotency_key {
            request.request.headers.push(("idempotency-key".to_owned(), key.to_owned()));
        }
        self.send(request)
    }

    /// Sends a `DELETE` request.
    pub fn delete(&self, path: &str) -> Result<Response, Error> {
        self.send(Request::new("DELETE", path, "").into_write())
    }

    /// Sends one request.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        self.send_all(vec![request]).pop().unwrap_or(Err(Error::Unreadable))
    }

    /// Sends several requests at the same time. The responses are in the same order.
    pub fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        let (requests, writes): (Vec<_>, Vec<_>) =
            requests.into_iter().map(|request| (request.request, request.is_write)).unzip();
        let answers = (self.send)(&requests).into_iter().zip(&requests).zip(writes);
        answers
            .map(|((answer, request), is_write)| match answer {
                Ok(response) => read_response(response, request, is_write),
                Err(failure) => Err(Error::from_failure(failure, is_write)),
            })
            .collect()
    }
}

fn read_response(
    response: http::Response,
    request: &http::Request,
    is_write: bool,
) -> Result<Response, Error> {
    let header = |name: &str| {
        let found = response.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    };
    match response.status {
        200..=299 => {}
        404 if !Error::is_missing_object(&response.body) => {
            let path = request.url.strip_prefix(ORIGIN).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            return Err(Error::UnknownRequest(format!("{} {path}", request.method)));
        }
        status => {
            let is_replayed = header("idempotent-replayed") == Some("true");
            return Err(Error::from_response(status, is_replayed, &response.body, is_write));
        }
    }
    let time = header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let time = time.map(|time| time.as_secs());
    Ok(Response { body: response.body, time, is_write })
}
