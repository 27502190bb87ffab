//! The command that triggers an event at a running fake.

use std::fmt::Write as _;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::control::{Delivered, Happened, PATH, Request};
use super::error::TriggerError;
use super::overrides::Override;

/// The arguments of `trigger`.
#[derive(clap::Args, Debug)]
pub struct TriggerArgs {
    /// The event, such as `payment_intent.payment_failed`; an unknown one is answered with the list
    event: String,
    /// Chooses a field of the event's object, such as `amount=500` or `metadata.order=7`; may be given more than once
    #[arg(long = "override", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
    /// Where the fake listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:12111")]
    at: Url,
    /// In live mode, and not in test mode
    #[arg(long)]
    live: bool,
}

/// What has happened, for the command line.
pub struct Report {
    /// For a program.
    pub json: Value,
    /// For a person.
    pub text: String,
}

impl TriggerArgs {
    /// Asks the fake to make the event happen.
    ///
    /// # Errors
    ///
    /// The fake cannot be reached, or it refuses: see [`TriggerError`].
    pub async fn run(self, client: &Client) -> Result<Report, TriggerError> {
        let url = self.at.as_str().trim_end_matches('/').to_owned();
        let request = Request { event: self.event, livemode: self.live, overrides: self.overrides };
        let unreachable = |error: reqwest::Error| TriggerError::Unreachable {
            url: url.clone(),
            reason: innermost(&error),
        };
        let response = client
            .post(format!("{url}{PATH}"))
            .header("content-type", "application/json")
            .body(json!(request).to_string())
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        let not_the_fake =
            || TriggerError::NotTheFake { url: url.clone(), status: status.as_u16() };
        if status != StatusCode::OK {
            let refusal = serde_json::from_slice(&body).map_err(|_| not_the_fake())?;
            return Err(TriggerError::Refused(refusal));
        }
        let happened: Happened = serde_json::from_slice(&body).map_err(|_| not_the_fake())?;
        Ok(Report { text: text(&happened), json: json!(happened) })
    }
}

fn text(happened: &Happened) -> String {
    let field = |name| happened.event.get(name).and_then(Value::as_str).unwrap_or_default();
    let object = happened.event.pointer("/data/object").cloned().unwrap_or_default();
    let mut text = format!("{} {}\n{object:#}", field("id"), field("type"));
    for other in &happened.others {
        let _ = write!(text, "\nBefore it or with it: {} {}", other.id, other.event_type);
    }
    if happened.deliveries.is_empty() {
        text.push_str("\nNot delivered: no webhook endpoint listens to this event.");
    }
    for Delivered { endpoint, url, attempts, status } in &happened.deliveries {
        let answer = match (status, attempts) {
            (Some(status), _) => format!("answered with {status}"),
            (None, 0) => "not sent".to_owned(),
            (None, _) => "no answer".to_owned(),
        };
        let _ = write!(text, "\nDelivery to {url} ({endpoint}): {answer}, attempts: {attempts}");
    }
    if happened.is_delivering {
        text.push_str("\nOther attempts are still under way.");
    }
    text
}

/// The message of the error at the bottom, which says what is wrong with the connection.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
