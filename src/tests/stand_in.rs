//! A stand-in for Stripe that gives prepared answers, and the arguments of the calls.

use std::cell::RefCell;
use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::bindings::brain_studio::payments::http::{Failure, FailureKind, Request, Response};
use crate::bindings::brain_studio::payments::types::{
    Credential, InstallRequest, Installation, Mode, Problem, ProviderError, UrlsByMode,
    Verification, WebhookOwner, WebhookRegistration, WebhookUrls,
};
use crate::stripe::Client;

/// An answer: a status and a body. Status 0: the connection breaks.
pub type Answer = (u16, Value);

/// A stand-in for Stripe. What it does not know is answered as Stripe answers an unknown URL.
#[derive(Default)]
pub struct StandIn {
    answers: RefCell<VecDeque<(&'static str, Answer)>>,
    requests: RefCell<Vec<String>>,
}

impl StandIn {
    /// With one more answer to `METHOD path`. Of several the first is given first, and the last again
    /// and again.
    pub fn with(self, request: &'static str, status: u16, body: Value) -> Self {
        self.answers.borrow_mut().push_back((request, (status, body)));
        self
    }

    /// Runs a use case.
    pub fn run<T>(&self, use_case: impl FnOnce(&Client) -> T) -> T {
        use_case(&Client::new(&|requests| requests.iter().map(|one| self.answer(one)).collect()))
    }

    /// The requests since the last call of this function, each `METHOD path` and the decoded body.
    pub fn take_requests(&self) -> Vec<String> {
        self.requests.take()
    }

    fn answer(&self, request: &Request) -> Result<Response, Failure> {
        let path = request.url.strip_prefix("https://api.stripe.com").unwrap();
        let line = format!("{} {}", request.method, path.split('?').next().unwrap());
        let parameters: Vec<String> = form_urlencoded::parse(&request.body)
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        self.requests.borrow_mut().push(format!("{line}{}", parameters.concat()));
        let mut answers = self.answers.borrow_mut();
        let of_this = |(known, _): &(&str, Answer)| *known == line;
        let (status, body) = match answers.iter().position(of_this) {
            Some(first) if answers.iter().filter(|&answer| of_this(answer)).count() > 1 => {
                answers.remove(first).unwrap().1
            }
            Some(first) => answers[first].1.clone(),
            None => (
                404,
                json!({ "error": { "message": format!("Unrecognized request URL ({line})") } }),
            ),
        };
        if status == 0 {
            let message = "connection reset".to_owned();
            return Err(Failure { kind: FailureKind::Interrupted, message, request_sent: true });
        }
        Ok(Response { status, headers: Vec::new(), body: body.to_string().into_bytes() })
    }
}

/// Stripe's answer about an object that does not exist.
pub fn missing() -> Value {
    json!({ "error": { "code": "resource_missing", "message": "No such object" } })
}

/// Stripe's answer to a key that lacks a permission.
pub fn lacks(permission: &str) -> Value {
    let message =
        format!("Having the '{permission}' permission would allow this request to continue.");
    json!({ "error": { "message": message } })
}

fn urls(more: &str) -> UrlsByMode {
    let url = |host: &str| format!("https://{host}/hook?provider=STRIPE{more}");
    UrlsByMode { test: url("chat.example.dev"), live: url("chat.example.ai") }
}

/// The webhook's URLs.
pub fn webhook_urls() -> WebhookUrls {
    WebhookUrls { installation: urls("&installation=i1"), shared: urls("") }
}

/// An API key of a kind: `standard` or `restricted`.
pub fn key(kind: &str, changed: bool) -> Credential {
    Credential { name: "api-key".to_owned(), kind: kind.to_owned(), changed, signing_secret: None }
}

/// A request to install in test mode.
pub fn install_request(kind: &str) -> InstallRequest {
    InstallRequest {
        installation_id: "i1".to_owned(),
        workspace: "w1".to_owned(),
        mode: Mode::Test,
        credentials: vec![key(kind, true)],
        webhook_urls: webhook_urls(),
        webhook_owner: WebhookOwner::Plugin,
        known_payment: None,
    }
}

/// An installation in test mode whose webhook is complete.
pub fn installation() -> Installation {
    Installation {
        installation_id: "i1".to_owned(),
        workspace: "w1".to_owned(),
        mode: Mode::Test,
        account: Some("acct_1".to_owned()),
        webhook: WebhookRegistration {
            endpoint_id: Some("we_1".to_owned()),
            url: webhook_urls().installation.test,
            owner: WebhookOwner::Plugin,
            verification: Verification::ByPlugin,
            signing_secrets: vec!["whsec_1".to_owned()],
            problem: None,
        },
        extras: Vec::new(),
    }
}

/// The problem of an error, whatever its case.
pub fn problem_of(error: ProviderError) -> Problem {
    match error {
        ProviderError::InvalidCredentials(problem)
        | ProviderError::PermissionMissing(problem)
        | ProviderError::NotFound(problem)
        | ProviderError::Refused(problem)
        | ProviderError::Unavailable(problem)
        | ProviderError::UnknownOutcome(problem)
        | ProviderError::KeySpent(problem)
        | ProviderError::ReplayedFailure(problem)
        | ProviderError::Other(problem) => problem,
    }
}
