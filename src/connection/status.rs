//! How the connection is, in the guide's order: mode against URL, events, URL.

use super::endpoint;
use crate::bindings::brain_studio::payments::types::{
    Check, Installation, Mode, Problem, StatusReport, StatusRequest, Verdict,
};
use crate::manifest::API_KEY;
use crate::stripe::{Error, WebhookEndpoint, key_rejected, permission_missing};

const REPAIR: &str = "Run a repair: it sets the webhook right.";

/// Looks at the connection with one call to Stripe.
pub async fn report_status(installation: &Installation, request: &StatusRequest) -> StatusReport {
    let endpoints = if request.credentials.iter().any(|name| name == API_KEY) {
        Some(endpoint::list().await)
    } else {
        None
    };
    let mut checks = vec![key_check(endpoints.as_ref()), mode_check(installation.mode)];
    let known = endpoints.and_then(Result::ok);
    checks.extend(endpoint_checks(installation, request, known.as_deref()));
    checks.push(secret_check(installation));
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

fn key_check(endpoints: Option<&Result<Vec<WebhookEndpoint>, Error>>) -> Check {
    match endpoints {
        Some(Ok(_)) => check("key", Verdict::Pass, "Stripe accepts the API Key.", &[]),
        Some(Err(Error::KeyRejected { expired })) => {
            from_problem("key", Verdict::Fail, key_rejected(*expired))
        }
        // A key that lacks a permission is alive.
        Some(Err(Error::PermissionMissing { permission, .. })) => {
            let problem = permission_missing(permission.as_deref());
            from_problem("key", Verdict::Warn, problem)
        }
        Some(Err(Error::Unavailable(problem))) => {
            from_problem("key", Verdict::Unknown, problem.clone())
        }
        Some(Err(_)) => check(
            "key",
            Verdict::Unknown,
            "Stripe's answer could not be understood.",
            &["Try again in a minute."],
        ),
        None => check(
            "key",
            Verdict::Fail,
            "No API Key is kept for this installation.",
            &["Install again with your Secret key."],
        ),
    }
}

fn mode_check(mode: Mode) -> Check {
    let message = match mode {
        Mode::Test => "Test mode: no real money moves.",
        Mode::Live => "Live mode: payments are real.",
    };
    check("mode", Verdict::Pass, message, &[])
}

fn endpoint_checks(
    installation: &Installation,
    request: &StatusRequest,
    endpoints: Option<&[WebhookEndpoint]>,
) -> Vec<Check> {
    const IDS: [&str; 3] = ["webhook-endpoint", "webhook-events", "webhook-url"];
    let all = |verdict, message: &str, remedy: &[&str]| {
        IDS.iter().map(|id| check(id, verdict, message, remedy)).collect()
    };
    let Some(endpoints) = endpoints else {
        return all(
            Verdict::Unknown,
            "The webhook could not be looked at.",
            &["See the check of the API Key."],
        );
    };
    let id = installation.webhook.endpoint_id.as_ref();
    let Some(found) = endpoints.iter().find(|endpoint| Some(&endpoint.id) == id) else {
        return all(
            Verdict::Fail,
            "The webhook does not exist in Stripe, so Stripe does not tell what happens to payments.",
            &[REPAIR],
        );
    };
    let enabled = if found.status == "enabled" {
        check(IDS[0], Verdict::Pass, "The webhook exists and is active.", &[])
    } else {
        check(IDS[0], Verdict::Fail, "The webhook is disabled in Stripe.", &[REPAIR])
    };
    let events = if endpoint::has_exact_events(found) {
        check(IDS[1], Verdict::Pass, "The webhook listens to exactly the three events.", &[])
    } else {
        check(
            IDS[1],
            Verdict::Fail,
            "The webhook does not listen to exactly the three events that are needed.",
            &[REPAIR],
        )
    };
    let urls = &request.webhook_urls;
    let mode = installation.mode;
    let own = endpoint::own_url(urls, mode, &installation.installation_id);
    let url = if found.url == own || found.url == endpoint::shared_url(urls, mode) {
        check(IDS[2], Verdict::Pass, "The webhook's URL is the right one for this mode.", &[])
    } else {
        check(
            IDS[2],
            Verdict::Fail,
            format!("The webhook's URL is not the right one for this mode: {}", found.url),
            &[REPAIR],
        )
    };
    vec![enabled, events, url]
}

fn secret_check(installation: &Installation) -> Check {
    match (&installation.webhook.problem, installation.webhook.signing_secrets.len()) {
        (Some(problem), _) => from_problem("webhook-secret", Verdict::Warn, problem.clone()),
        (None, 0) => check(
            "webhook-secret",
            Verdict::Warn,
            "The webhook's signing secret is not known, so deliveries are only hints.",
            &[REPAIR],
        ),
        (None, _) => check(
            "webhook-secret",
            Verdict::Pass,
            "The webhook's signing secret is known: deliveries can be verified.",
            &[],
        ),
    }
}
