//! How the connection is, check by check, in the guide's order: mode against URL, events, URL.

mod webhook;

use super::{destination, endpoint};
use crate::bindings::brain_studio::payments::types::{
    Check, Installation, Problem, StatusReport, StatusRequest, Verdict,
};
use crate::credentials::{has_key, is_restricted};
use crate::permissions::{self, Missing};
use crate::provider_error::key_rejected;
use crate::stripe::{Client, Error, EventDestination, WebhookEndpoint};

const NO_WEBHOOK: &str = "There is no webhook to look at.";
const NOT_SEEN: &str = "The webhook could not be looked at.";

/// What Stripe said of the connection.
struct Seen<'a> {
    installation: &'a Installation,
    request: &'a StatusRequest,
    endpoints: Result<Vec<WebhookEndpoint>, Error>,
    destinations: Result<Vec<EventDestination>, Error>,
    missing: Result<Missing, Error>,
}

/// Looks at the connection, at everything at once.
pub fn report_status(
    stripe: &Client,
    installation: &Installation,
    request: &StatusRequest,
) -> StatusReport {
    if !has_key(&request.credentials) {
        let remedy = &["Install again with your Secret key."];
        let none = check("key", Verdict::Fail, "No API Key is kept for this installation.", remedy);
        return StatusReport { checks: vec![none] };
    }
    let mut requests = vec![endpoint::first_page(), destination::first_page()];
    let may_lack_permissions = is_restricted(&request.credentials);
    if may_lack_permissions {
        requests.extend(permissions::probes());
    }
    let mut answers = stripe.send_all(requests).into_iter();
    let mut next = || answers.next().unwrap_or(Err(Error::Unreadable));
    let (endpoints, destinations) =
        (endpoint::list_from(stripe, next()), destination::list_from(next()));
    let missing = if may_lack_permissions {
        permissions::missing_by(answers)
    } else {
        Ok(Missing::default())
    };
    let seen = Seen { installation, request, endpoints, destinations, missing };
    let webhook = seen.webhook();
    let mut checks =
        vec![seen.key(), seen.permissions(), seen.mode(webhook), seen.endpoint(webhook)];
    if let Some(webhook) = webhook {
        checks.extend([
            seen.events(webhook),
            seen.url(webhook),
            seen.destination(Some(webhook)),
            seen.duplicates(webhook),
            seen.api_version(webhook),
        ]);
    } else {
        let why = if seen.endpoints.is_ok() { NO_WEBHOOK } else { NOT_SEEN };
        let none = |id| unseen(id, why);
        checks.extend([none("webhook-events"), none("webhook-url"), seen.destination(None)]);
        checks.extend([none("webhook-duplicates"), none("webhook-api-version")]);
    }
    checks.push(seen.secret(webhook));
    StatusReport { checks }
}

fn check(id: &str, verdict: Verdict, message: impl Into<String>, remedy: &[&str]) -> Check {
    Check {
        id: id.to_owned(),
        verdict,
        message: message.into(),
        remedy: remedy.iter().map(|&step| step.to_owned()).collect(),
    }
}

fn from_problem(id: &str, verdict: Verdict, problem: Problem) -> Check {
    Check { id: id.to_owned(), verdict, message: problem.message, remedy: problem.remedy }
}

impl Seen<'_> {
    fn key(&self) -> Check {
        match &self.endpoints {
            // A key that lacks a permission is alive.
            Ok(_) | Err(Error::PermissionMissing { .. }) => {
                check("key", Verdict::Pass, "Stripe accepts the API Key.", &[])
            }
            Err(Error::KeyRejected { expired }) => {
                from_problem("key", Verdict::Fail, key_rejected(*expired))
            }
            Err(Error::Unavailable(problem)) => {
                from_problem("key", Verdict::Unknown, problem.clone())
            }
            Err(_) => check(
                "key",
                Verdict::Unknown,
                "Stripe's answer could not be understood.",
                &["Try again in a minute."],
            ),
        }
    }

    fn permissions(&self) -> Check {
        const ID: &str = "permissions";
        match &self.missing {
            _ if matches!(self.endpoints, Err(Error::KeyRejected { .. })) => {
                unseen(ID, "A key that is not accepted may do nothing.")
            }
            Ok(missing) if missing.is_empty() => {
                check(ID, Verdict::Pass, "The API Key may do everything that is needed.", &[])
            }
            Ok(missing) => {
                let verdict = if missing.is_fatal() { Verdict::Fail } else { Verdict::Warn };
                from_problem(ID, verdict, missing.problem())
            }
            Err(_) => unseen(ID, "What the API Key may do could not be found out."),
        }
    }
}

fn unseen(id: &str, message: &str) -> Check {
    check(id, Verdict::Unknown, message, &[])
}
