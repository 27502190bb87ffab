//! The answers of the public door: an outcome, a code that is documented, and the host's own sentence. Nothing that
//! a plugin or a provider says goes out here: anybody may ask.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use crate::marketplace::DeliveryOutcome;

/// The codes that are told, and what each means. Source: the contract's codes of deliveries and of calls to the
/// provider, and the host's own.
const SENTENCES: [(&str, &str); 41] = [
    ("secret-missing", "There is no signing secret to verify the delivery with."),
    ("secret-blank", "The signing secret is empty."),
    ("signature-missing", "The delivery is not signed."),
    ("signature-malformed", "The signature cannot be read."),
    ("signature-scheme-missing", "The delivery has no signature of a known scheme."),
    ("signature-mismatch", "The signature does not belong to this body and this webhook."),
    ("timestamp-too-old", "The delivery was signed too long ago."),
    ("timestamp-in-future", "The delivery was signed in the future."),
    ("body-malformed", "The body cannot be read."),
    ("thin-event", "The event names its data only. Deliver snapshot events."),
    ("event-type-ignored", "Events of this type are not used."),
    ("other-mode", "The delivery is from the other mode."),
    ("other-workspace", "The delivery is for another workspace."),
    ("provider-unreachable", ASKED),
    ("provider-timeout", ASKED),
    ("provider-busy", ASKED),
    ("provider-error", ASKED),
    ("provider-refused", ASKED),
    ("provider-request-unknown", ASKED),
    ("provider-answer-unreadable", ASKED),
    ("provider-answer-too-large", ASKED),
    ("call-denied", ASKED),
    ("payment-not-found", "The provider does not know the payment."),
    ("payment-foreign", "The payment was not created here."),
    ("payment-changing", "The payment changed while the delivery was processed."),
    ("provider-unknown", "The URL names no provider of this host."),
    ("provider-unserved", "The provider's plugin is not loaded at the moment."),
    ("installation-unknown", "The delivery is for no installation that is known here."),
    ("installation-removed", "The delivery is for an installation that has been removed."),
    ("install-unfinished", "The installation is not finished."),
    ("uninstall-unfinished", "The installation is being removed."),
    ("too-many-hints", "Too many deliveries that cannot be verified came at once."),
    ("body-too-large", "The delivery is larger than 1 MiB, or was interrupted."),
    ("body-too-slow", "The delivery did not arrive in time."),
    ("host-busy", "Too many deliveries came at once."),
    ("sender-unverified", "Too many deliveries of this sender could not be verified."),
    ("component-not-approved", NOT_APPROVED),
    ("component-differs", NOT_APPROVED),
    ("plugin-timeout", "The plugin took too long and was stopped."),
    ("plugin-crashed", "The plugin failed."),
    ("answer-refused", "The plugin's answer could not be used."),
];
const ASKED: &str = "The provider could not be asked.";
const NOT_APPROVED: &str = "The plugin is not approved.";

/// The code and the sentence of a reason that is not told.
fn untold(outcome: &DeliveryOutcome) -> (&'static str, &'static str) {
    match outcome {
        DeliveryOutcome::RetryLater(_) => ("host-failed", "The delivery could not be processed."),
        DeliveryOutcome::Refused(_) => ("delivery-refused", "The delivery was refused."),
        _ => ("delivery-ignored", "The delivery needs no processing."),
    }
}

pub fn respond(outcome: &DeliveryOutcome) -> Response {
    let status = match outcome {
        DeliveryOutcome::Accepted | DeliveryOutcome::Duplicate | DeliveryOutcome::Ignored(_) => {
            StatusCode::OK
        }
        DeliveryOutcome::Refused(_) => StatusCode::BAD_REQUEST,
        DeliveryOutcome::RetryLater(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let told = outcome.reason().map(|reason| {
        let known = SENTENCES.iter().find(|(code, _)| *code == reason.code);
        known.copied().unwrap_or_else(|| untold(outcome))
    });
    let (code, message) = told.unzip();
    let verdict = outcome.as_str();
    (status, Json(json!({ "verdict": verdict, "code": code, "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::Problem;

    async fn body(outcome: &DeliveryOutcome) -> String {
        let response = respond(outcome);
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn answer_holds_nothing_of_a_plugin() {
        let said = |code: &str| Problem::new(code, "whsec_secret", &["whsec_secret"]);
        for code in ["signature-mismatch", "whsec_secret", "no such table: x", ""] {
            for outcome in [
                DeliveryOutcome::Refused(said(code)),
                DeliveryOutcome::Ignored(said(code)),
                DeliveryOutcome::RetryLater(said(code)),
            ] {
                let body = body(&outcome).await;
                assert!(!body.contains("whsec_secret") && !body.contains("table"), "{body}");
                assert!(body.contains(r#""code":""#) && body.contains('.'), "{body}");
            }
        }
        assert!(body(&DeliveryOutcome::Accepted).await.contains(r#""code":null"#));
    }

    #[test]
    fn every_told_code_has_one_sentence() {
        let codes: std::collections::BTreeSet<_> = SENTENCES.iter().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), SENTENCES.len());
        assert!(SENTENCES.iter().all(|(_, sentence)| sentence.ends_with('.')));
    }
}
