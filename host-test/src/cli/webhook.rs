//! `webhook verify`: one delivery, and why it is not verified.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::call::{SECRETS_VARIABLE, signing_secrets};
use super::connection::ChosenMode;
use super::developer::read;
use super::output::Output;
use super::{CommandError, Global, credentials};
use crate::calling::Caller;
use crate::contract::types::{
    DeliveredEvent, EventSubject, IgnoredDelivery, Installation, Mode, Problem, WebhookError,
    WebhookOutcome, WebhookRequest,
};
use crate::delivery_causes::{self, Delivery, Outcome};
use crate::json::set;
use crate::plugin::Plugin;
use crate::views;

#[derive(Subcommand)]
pub enum WebhookCommand {
    /// Verifies one delivery, without network, and explains why it is refused
    ///
    /// The signing secrets are read from the variable `WEBHOOK_SECRETS`, separated by commas. They are used as they
    /// are: nothing is trimmed and no prefix is needed. The output is JSON. When the delivery is refused, `causes` names
    /// what would have made it verify: each was tried, in the sandbox. A plugin that asks its provider reaches what
    /// --provider-origin names, with the credentials that `install` reads, and nobody else.
    Verify(VerifyArgs),
}

/// The arguments of `webhook verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// The file with the exact bytes of the body
    body_file: PathBuf,
    /// The value of the provider's first signature header [default: no such header]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    signature: Option<String>,
    /// A header as it was received, as often as there are headers
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// The query of the URL at which it was received
    #[arg(long, value_name = "QUERY", default_value = "")]
    query: String,
    /// The mode that the signing secrets are of
    #[arg(long, value_enum, default_value = "test")]
    mode: ChosenMode,
    /// When it was received, in Unix seconds
    #[arg(long, value_name = "UNIX_SECONDS")]
    received_at: u64,
}

/// A header of the command line, with its name in lower case.
fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("it has no colon: give NAME:VALUE")?;
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() {
        return Err("it has no name: give NAME:VALUE");
    }
    Ok((name, value.strip_prefix(' ').unwrap_or(value).to_owned()))
}

pub async fn verify(
    plugin: Plugin,
    global: &Global,
    args: VerifyArgs,
) -> Result<Output, CommandError> {
    let body = read(&args.body_file)?;
    let secrets = signing_secrets().ok_or_else(|| {
        CommandError::Usage(Problem::new(
            "secrets-missing",
            format!("The variable {SECRETS_VARIABLE} is not set."),
            &["Set it to the signing secrets, separated by commas. It may be empty."],
        ))
    })?;
    let name = plugin.manifest().signature_headers.first().cloned();
    let mut headers = args.header;
    match (name, args.signature) {
        (Some(name), Some(value)) => headers.push((name, value)),
        (None, Some(_)) => {
            return Err(CommandError::Usage(Problem::new(
                "signature-header-unknown",
                "The plugin names no header that carries a signature.",
                &["Give each header with --header NAME:VALUE."],
            )));
        }
        (_, None) => {}
    }
    let mode = Mode::from(args.mode);
    let delivery = Delivery {
        received_at: args.received_at,
        installation: Installation { mode, ..Installation::ad_hoc(secrets) },
        request: WebhookRequest { headers, query: trimmed_query(args.query), body },
    };
    let call = if global.provider_origin.is_empty() {
        plugin.offline_call()
    } else {
        let given = credentials::read(plugin.manifest(), plugin.is_built_in(), false)?;
        Caller::new(plugin.clone(), &global.provider_origin, given, Vec::new())?.one_call(mode)?
    };
    let outcome = delivery_causes::verify(&plugin, &delivery, call).await?;
    let (mut json, exit_code) = shown(&outcome);
    let causes = match &outcome {
        Ok(_) => {
            if delivery.installation.webhook.signing_secrets.len() > 1
                && let Some(position) = delivery_causes::fitting_secret(&plugin, &delivery).await?
            {
                set(&mut json, "secret", position);
            }
            Vec::new()
        }
        Err(refused) => delivery_causes::causes(&plugin, &delivery, refused).await?,
    };
    set(&mut json, "causes", causes.iter().map(views::problem).collect::<Value>());
    let text = json.to_string();
    Ok(Output::new(json, text).exit_code(exit_code))
}

/// The query without the question mark before it.
fn trimmed_query(query: String) -> String {
    query.strip_prefix('?').map(str::to_owned).unwrap_or(query)
}

/// What a plugin says of a delivery, and the exit code.
fn shown(outcome: &Outcome) -> (Value, u8) {
    match outcome {
        Ok(WebhookOutcome::Event(DeliveredEvent { verified, event })) => {
            let mut accepted = json!({
                "verdict": "accepted",
                "verified": verified,
                "event": {
                    "id": event.id,
                    "type": event.event_type,
                    "occurred_at": event.occurred_at,
                },
            });
            let (outcome, about) = match &event.subject {
                EventSubject::Payment(payment) => ("payment", views::provider_payment(payment)),
                EventSubject::Refund(refund) => ("refund", views::refund(refund)),
                EventSubject::Dispute(dispute) => ("dispute", views::dispute(dispute)),
                EventSubject::Other(what) => ("other", json!(what)),
            };
            set(&mut accepted, "outcome", outcome);
            set(&mut accepted, outcome, about);
            (accepted, 0)
        }
        Ok(WebhookOutcome::Hint(hint)) => {
            let hint = json!({
                "verdict": "accepted",
                "outcome": "hint",
                "payment": { "id": hint.payment, "mode": hint.mode.map(Mode::as_str) },
            });
            (hint, 0)
        }
        Ok(
            WebhookOutcome::Ignored(IgnoredDelivery { reason, .. }) | WebhookOutcome::Other(reason),
        ) => {
            let accepted = json!({
                "verdict": "accepted",
                "outcome": "ignored",
                "reason": reason.code,
                "message": reason.message,
            });
            (accepted, 0)
        }
        Err(error) => {
            let mut refused = views::problem(&without_installation(error.problem()));
            let is_temporary = matches!(error, WebhookError::Unavailable(_));
            set(&mut refused, "verdict", if is_temporary { "unavailable" } else { "refused" });
            (refused, if is_temporary { 3 } else { 1 })
        }
    }
}

/// A problem of the secrets, for a person who has no installation: the plugin's steps speak of one.
fn without_installation(problem: &Problem) -> Problem {
    let message = match problem.code.as_str() {
        "secret-missing" => "No signing secret was given, so the delivery cannot be verified.",
        "secret-blank" => "A signing secret is blank, so the delivery cannot be verified.",
        "signature-mismatch" => {
            "The delivery was not signed with a signing secret that was given, or was changed on the way."
        }
        _ => return problem.clone(),
    };
    let step = format!(
        "Set {SECRETS_VARIABLE} to the signing secret of the webhook that sent this, as the provider shows it."
    );
    Problem::new(&problem.code, message, &[&step])
}
