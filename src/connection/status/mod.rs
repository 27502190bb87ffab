//! The status report: a list of checks, in the order of the guide.

mod webhook;

use super::{destination, endpoint, install};
use crate::bindings::brain_studio::payments::types::{
    Check, Installation, Mode, Problem, StatusReport, StatusRequest, Verdict,
};
use crate::credentials::{has_key, is_restricted};
use crate::permissions::{self, Missing};
use crate::problem::problem;
use crate::provider_error::{key_rejected, unknown_request};
use crate::stripe::{Account, Client, Error, EventDestination, WebhookEndpoint};

const NO_WEBHOOK: &str = "There is no webhook to check.";
const NOT_CHECKED: &str = "The webhook could not be checked.";

const ACTIVATE: &[&str] = &[
    "Open the Stripe Dashboard: https://dashboard.stripe.com/account/onboarding",
    "Finish the activation of the account: answer everything that Stripe asks for.",
    "Then look at this status again.",
];

/// What Stripe answered about the connection.
struct Observed<'a> {
    installation: &'a Installation,
    request: &'a StatusRequest,
    endpoints: Result<Vec<WebhookEndpoint>, Error>,
    destinations: Result<Vec<EventDestination>, Error>,
    account: Result<Account, Error>,
    missing: Result<Missing, Error>,
}

/// Checks the connection. All requests are sent at the same time.
pub fn report_status(
    stripe: &Client,
    installation: &Installation,
    request: &StatusRequest,
) -> StatusReport {
    if !has_key(&request.credentials) {
        let remedy = &["Install again with your Secret key."];
        let none = check("key", Verdict::Fail, "This installation has no API Key.", remedy);
        return StatusReport { checks: vec![none] };
    }
    let mut requests =
        vec![endpoint::first_page(), destination::first_page(), install::account_request()];
    let may_lack_permissions = is_restricted(&request.credentials);
    if may_lack_permissions {
        requests.extend(permissions::probes());
    }
    let mut answers = stripe.send_all(requests).into_iter();
    let mut next = || answers.next().unwrap_or(Err(Error::Unreadable));
    let (endpoints, destinations) =
        (endpoint::list_from(stripe, next()), destination::list_from(next()));
    let account = next().and_then(|answer| answer.read());
    let missing = if may_lack_permissions {
        permissions::missing_from(answers)
    } else {
        Ok(Missing::default())
    };
    let observed = Observed { installation, request, endpoints, destinations, account, missing };
    let webhook = observed.webhook();
    let mut checks = vec![
        observed.key(),
        observed.permissions(),
        observed.account(),
        observed.mode(webhook),
        observed.endpoint(webhook),
    ];
    if let Some(webhook) = webhook {
        checks.extend([
            observed.events(webhook),
            observed.url(webhook),
            observed.destination(Some(webhook)),
            observed.duplicates(webhook),
            observed.api_version(webhook),
        ]);
    } else {
        let why = if observed.endpoints.is_ok() { NO_WEBHOOK } else { NOT_CHECKED };
        let none = |id| unknown(id, why);
        checks.extend([none("webhook-events"), none("webhook-url"), observed.destination(None)]);
        checks.extend([none("webhook-duplicates"), none("webhook-api-version")]);
    }
    checks.push(observed.secret(webhook));
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

impl Observed<'_> {
    fn key(&self) -> Check {
        match &self.endpoints {
            // A key that lacks a permission is valid.
            Ok(_) | Err(Error::PermissionMissing { .. }) => {
                check("key", Verdict::Pass, "Stripe accepts the API Key.", &[])
            }
            Err(Error::KeyRejected { expired }) => {
                from_problem("key", Verdict::Fail, key_rejected(*expired))
            }
            Err(Error::Unavailable(problem)) => {
                from_problem("key", Verdict::Unknown, problem.clone())
            }
            Err(error) => from_problem("key", Verdict::Unknown, unexpected(error)),
        }
    }

    fn permissions(&self) -> Check {
        const ID: &str = "permissions";
        match &self.missing {
            _ if matches!(self.endpoints, Err(Error::KeyRejected { .. })) => unknown(
                ID,
                "The permissions of a key that Stripe does not accept cannot be checked.",
            ),
            Ok(missing) if missing.is_empty() => {
                check(ID, Verdict::Pass, "The API Key has every permission that is needed.", &[])
            }
            Ok(missing) => {
                let verdict = if missing.is_fatal() { Verdict::Fail } else { Verdict::Warn };
                from_problem(ID, verdict, missing.problem())
            }
            Err(_) => unknown(ID, "The permissions of the API Key could not be checked."),
        }
    }

    /// Whether Stripe lets the account take payments. Test payments work in every account.
    fn account(&self) -> Check {
        let account = self.account.as_ref().map(|account| account.charges_enabled);
        let (verdict, message, remedy): (_, _, &[&str]) = match (account, self.installation.mode) {
            (Ok(Some(true)), _) => (Verdict::Pass, "The Stripe account can take payments.", &[]),
            (Ok(Some(false)), Mode::Live) => {
                (Verdict::Fail, "Stripe does not let this account take payments.", ACTIVATE)
            }
            (Ok(Some(false)), Mode::Test) => (
                Verdict::Warn,
                "Test payments work. Live payments will not work until the Stripe account is activated.",
                ACTIVATE,
            ),
            (Err(Error::PermissionMissing { .. }), _) => (
                Verdict::Unknown,
                "This API Key may not read whether the Stripe account can take payments.",
                &["Look in the Stripe Dashboard whether the account is activated."],
            ),
            _ => (
                Verdict::Unknown,
                "Whether the Stripe account can take payments could not be checked.",
                &[],
            ),
        };
        check("account-can-charge", verdict, message, remedy)
    }
}

/// The problem of an answer that no check expects.
fn unexpected(error: &Error) -> Problem {
    match error {
        Error::UnknownRequest(request) => unknown_request(request),
        _ => problem(
            "provider-answer-unreadable",
            "Stripe's answer could not be read.",
            &["Try again in a minute."],
        ),
    }
}

fn unknown(id: &str, message: &str) -> Check {
    check(id, Verdict::Unknown, message, &[])
}
