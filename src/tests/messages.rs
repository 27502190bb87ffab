//! Every text of the plugin that a person reads, kept as snapshots: a changed message is seen as a
//! change.
//!
//! After an intended change: `INSTA_UPDATE=always cargo test -p stripe-payment-provider`, and read the
//! difference.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::stand_in::{StandIn, installation, key, lacks, problem_of, webhook_urls};
use super::write_problem;
use crate::bindings::brain_studio::payments::types::{
    Check, CredentialMeaning, Installation, Mode, Problem, ProviderError, StatusReport,
    StatusRequest, Verdict, WebhookOwner, WebhookRegistration,
};
use crate::connection::report_status;
use crate::stripe::{Error, TRY_AGAIN};

#[test]
fn form_is_unchanged() {
    let mut text = String::new();
    let manifest = crate::manifest::manifest();
    for field in manifest.credentials {
        writeln!(text, "{}\n  {}", field.label, field.help).unwrap();
        for rule in field.rules {
            match rule.meaning {
                CredentialMeaning::Refused(problem) => {
                    write_problem(&mut text, &rule.pattern, &problem);
                }
                CredentialMeaning::Accepted(accepted) => {
                    writeln!(text, "{}\n  {}", rule.pattern, accepted.kind).unwrap();
                }
            }
        }
    }
    for permission in manifest.permissions {
        writeln!(text, "{}: {}", permission.id, permission.purpose).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn errors_are_unchanged() {
    let unavailable = Problem {
        code: "provider-busy".to_owned(),
        message: "Stripe is receiving too many requests at the moment.".to_owned(),
        remedy: TRY_AGAIN.iter().map(|&step| step.to_owned()).collect(),
    };
    let errors = [
        Error::Denied("the origin is not approved".to_owned()),
        Error::Unavailable(unavailable),
        Error::UnknownOutcome,
        Error::KeySpent,
        Error::ReplayedFailure,
        Error::KeyRejected { expired: false },
        Error::KeyRejected { expired: true },
        Error::PermissionMissing { permission: None, account: None },
        Error::PermissionMissing { permission: Some("rak_refund_write".to_owned()), account: None },
        Error::NotFound("No such payment_intent: 'pi_x'".to_owned()),
        Error::UnknownRequest("POST /v1/refunds".to_owned()),
        Error::Refused { code: None, message: String::new() },
        Error::Refused {
            code: Some("amount_too_small".to_owned()),
            message: "Too small".to_owned(),
        },
        Error::Unreadable,
    ];
    let mut text = String::new();
    for error in errors {
        let error = ProviderError::from(error);
        let case = match &error {
            ProviderError::InvalidCredentials(_) => "invalid-credentials",
            ProviderError::PermissionMissing(_) => "permission-missing",
            ProviderError::NotFound(_) => "not-found",
            ProviderError::Refused(_) => "refused",
            ProviderError::Unavailable(_) => "unavailable",
            ProviderError::UnknownOutcome(_) => "unknown-outcome",
            ProviderError::KeySpent(_) => "key-spent",
            ProviderError::ReplayedFailure(_) => "replayed-failure",
            ProviderError::Other(_) => "other",
        };
        write_problem(&mut text, case, &problem_of(error));
    }
    insta::assert_snapshot!(text);
}

const ACCOUNT: &str = "GET /v1/account";

fn account(charges_enabled: &Value) -> Value {
    json!({ "id": "acct_1", "charges_enabled": charges_enabled })
}

fn endpoint(change: &Value) -> Value {
    let mut endpoint = json!({
        "id": "we_1",
        "url": webhook_urls().installation.test,
        "status": "enabled",
        "enabled_events": ["payment_intent.succeeded", "payment_intent.requires_action", "payment_intent.payment_failed"],
        "api_version": crate::stripe::API_VERSION,
        "metadata": {},
    });
    for (name, value) in change.as_object().unwrap() {
        endpoint[name] = value.clone();
    }
    endpoint
}

fn by_hand(problem: Option<Problem>) -> Installation {
    let webhook = installation().webhook;
    let owner = WebhookOwner::Merchant;
    let signing_secrets = Vec::new();
    Installation {
        webhook: WebhookRegistration { owner, signing_secrets, problem, ..webhook },
        ..installation()
    }
}

fn report(stripe: &StandIn, installation: &Installation, kind: &str) -> StatusReport {
    let request =
        StatusRequest { credentials: vec![key(kind, false)], webhook_urls: webhook_urls() };
    stripe.run(|stripe| report_status(stripe, installation, &request))
}

#[test]
fn checks_are_unchanged() {
    const LIST: &str = "GET /v1/webhook_endpoints";
    const DESTINATIONS: &str = "GET /v2/core/event_destinations";
    let with = |endpoints: &[Value], destination: Value| {
        StandIn::default()
            .with(LIST, 200, json!({ "data": endpoints }))
            .with(DESTINATIONS, 200, json!({ "data": [destination] }))
            .with(ACCOUNT, 200, account(&json!(true)))
    };
    let destination = |kind: &str, payload: &str, from: &str| json!({ "id": "we_1", "type": kind, "event_payload": payload, "events_from": [from], "enabled_events": [] });
    let good = destination("webhook_endpoint", "snapshot", "@self");
    let stray = endpoint(
        &json!({ "id": "we_2", "metadata": { "brain_studio_installation": "i0", "brain_studio_workspace": "w1" } }),
    );
    let double = endpoint(&json!({ "id": "we_3" }));
    let wrong_events =
        json!({ "enabled_events": ["payment_intent.succeeded", "charge.succeeded"] });
    let other_mode = json!({ "url": "https://chat.example.ai/hook?provider=STRIPE" });
    let ours = installation();
    let theirs = by_hand(None);
    let nothing = Installation {
        webhook: WebhookRegistration { endpoint_id: None, ..by_hand(None).webhook },
        ..installation()
    };
    let rows = [
        ("as it should be", with(&[endpoint(&json!({}))], good.clone()), &ours),
        ("by hand, without its secret", with(&[endpoint(&json!({}))], good.clone()), &theirs),
        (
            "other webhooks beside it",
            with(&[endpoint(&json!({})), stray, double], good.clone()),
            &ours,
        ),
        ("disabled", with(&[endpoint(&json!({ "status": "disabled" }))], good.clone()), &theirs),
        ("wrong events", with(&[endpoint(&wrong_events)], good.clone()), &theirs),
        (
            "every event",
            with(&[endpoint(&json!({ "enabled_events": ["*"] }))], good.clone()),
            &theirs,
        ),
        ("the other mode's URL", with(&[endpoint(&other_mode)], good.clone()), &theirs),
        (
            "an old API version",
            with(&[endpoint(&json!({ "api_version": "2019-01-01" }))], good.clone()),
            &theirs,
        ),
        (
            "another API version",
            with(&[endpoint(&json!({ "api_version": "2024-01-01" }))], good),
            &ours,
        ),
        (
            "another type",
            with(&[endpoint(&json!({}))], destination("amazon_eventbridge", "snapshot", "@self")),
            &ours,
        ),
        (
            "thin events",
            with(&[endpoint(&json!({}))], destination("webhook_endpoint", "thin", "@self")),
            &ours,
        ),
        (
            "other accounts",
            with(&[endpoint(&json!({}))], destination("webhook_endpoint", "snapshot", "@accounts")),
            &ours,
        ),
        ("ours is gone", with(&[], json!({ "id": "x", "type": "webhook_endpoint" })), &ours),
        (
            "no webhook by hand",
            with(&[], json!({ "id": "x", "type": "webhook_endpoint" })),
            &nothing,
        ),
        (
            "the key is dead",
            StandIn::default().with(LIST, 401, json!({})).with(ACCOUNT, 401, json!({})),
            &ours,
        ),
        ("too busy", StandIn::default().with(LIST, 429, json!({})), &ours),
        ("not Stripe", StandIn::default(), &ours),
        (
            "may not read webhooks",
            StandIn::default().with(LIST, 403, lacks("rak_webhook_read")),
            &ours,
        ),
    ];
    let mut text = String::new();
    for (situation, stripe, installation) in rows {
        writeln!(text, "== {situation}").unwrap();
        write_checks(&mut text, &report(&stripe, installation, "standard").checks);
    }
    insta::assert_snapshot!(text);
}

/// A line of text for each check, and one for each step of its remedy.
fn write_checks(text: &mut String, checks: &[Check]) {
    for check in checks {
        let verdict = format!("{:?}", check.verdict);
        writeln!(text, "{verdict} {}: {}", check.id, check.message).unwrap();
        for step in &check.remedy {
            writeln!(text, "  - {step}").unwrap();
        }
    }
}

/// What the report says of an account, by Stripe's answer to `GET /v1/account`.
#[test]
fn account_check_is_unchanged() {
    use Mode::{Live, Test};
    use Verdict::{Fail, Pass, Unknown, Warn};
    let not_allowed = json!({ "error": { "message": "not available for use by restricted keys" } });
    let (yes, no, silent) = (account(&json!(true)), account(&json!(false)), json!({}));
    let rows = [
        ("activated", Live, "standard", 200, yes.clone(), Pass),
        ("activated, test mode", Test, "standard", 200, yes.clone(), Pass),
        ("a restricted key that may read it", Live, "restricted", 200, yes, Pass),
        ("not activated", Live, "standard", 200, no.clone(), Fail),
        ("not activated, test mode", Test, "standard", 200, no.clone(), Warn),
        ("not activated, a restricted key", Live, "restricted", 200, no, Fail),
        (
            "a restricted key",
            Live,
            "restricted",
            403,
            lacks("rak_accounts_kyc_basic_read"),
            Unknown,
        ),
        ("a restricted key, test mode", Test, "restricted", 403, not_allowed, Unknown),
        ("the key is rejected", Live, "standard", 401, silent.clone(), Unknown),
        ("too busy", Live, "standard", 429, silent.clone(), Unknown),
        ("Stripe has a problem", Live, "standard", 500, silent.clone(), Unknown),
        ("the connection breaks", Live, "standard", 0, Value::Null, Unknown),
        ("no such request", Live, "standard", 404, silent.clone(), Unknown),
        ("Stripe does not say", Live, "standard", 200, account(&Value::Null), Unknown),
        ("another type", Live, "standard", 200, account(&json!("false")), Unknown),
        ("not an account", Live, "standard", 200, silent, Unknown),
    ];
    let mut text = String::new();
    for (situation, mode, kind, status, answer, verdict) in rows {
        let stripe = StandIn::default().with(ACCOUNT, status, answer);
        let checks = report(&stripe, &Installation { mode, ..installation() }, kind).checks;
        // It stands behind the permissions.
        let [_, permissions, found, ..] = checks.as_slice() else { panic!("{situation}") };
        let ids = (permissions.id.as_str(), found.id.as_str());
        assert_eq!(ids, ("permissions", "account-can-charge"), "{situation}");
        assert_eq!(found.verdict, verdict, "{situation}");
        let asked = stripe.take_requests().into_iter().filter(|request| request == ACCOUNT);
        assert_eq!(asked.count(), 1, "{situation}");
        writeln!(text, "== {situation}").unwrap();
        write_checks(&mut text, std::slice::from_ref(found));
    }
    insta::assert_snapshot!(text);
}
