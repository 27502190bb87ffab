//! `webhook verify`: one delivery, and why it is not verified.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::call::{SECRETS_VARIABLE, signing_secrets};
use super::delivery::{DeliveryArgs, secrets_missing};
use super::global::Global;
use super::output::Output;
use super::{CommandError, stand_in};
use crate::calling::Caller;
use crate::contract::types::{
    DeliveredEvent, EventSubject, IgnoredDelivery, Mode, Problem, WebhookError, WebhookOutcome,
};
use crate::delivery_causes::{self, Outcome};
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
    #[command(flatten)]
    delivery: DeliveryArgs,
    /// When it was received, in Unix seconds
    #[arg(long, value_name = "UNIX_SECONDS")]
    received_at: u64,
}

pub async fn verify(
    plugin: Plugin,
    global: &Global,
    args: VerifyArgs,
) -> Result<Output, CommandError> {
    let secrets = signing_secrets().ok_or_else(secrets_missing)?;
    let delivery = args.delivery.read(&plugin, secrets, args.received_at)?;
    let mode = delivery.installation.mode;
    let overrides = global.stand_ins([&plugin])?;
    let call = match stand_in::credentials(&plugin, &overrides)? {
        None => plugin.offline_call(),
        Some(given) => {
            Caller::new(plugin.clone(), &overrides, given, Vec::new())?.one_call(mode)?
        }
    };
    let outcome = delivery_causes::verify(&plugin, &delivery, call).await?;
    let (mut json, exit_code) = shown(&outcome);
    let causes = match &outcome {
        // A hint is not verified, and without a secret nothing is.
        Ok(WebhookOutcome::Hint(_)) if delivery.installation.webhook.signing_secrets.is_empty() => {
            vec![secret_missing()]
        }
        Ok(_) => {
            if delivery.installation.webhook.signing_secrets.len() > 1
                && let Some(position) = delivery_causes::fitting_secret(&plugin, &delivery).await?
            {
                set(&mut json, "secret", position);
            }
            Vec::new()
        }
        Err(refused) => {
            let own = refused.problem();
            let found = delivery_causes::causes(&plugin, &delivery, refused).await?;
            // What the plugin says itself speaks of an installation.
            let shown = |cause| if cause == *own { without_installation(own) } else { cause };
            found.into_iter().map(shown).collect()
        }
    };
    set(&mut json, "causes", causes.iter().map(views::problem).collect::<Value>());
    let text = json.to_string();
    Ok(Output::new(json, text).exit_code(exit_code))
}

/// What a plugin says of a delivery, and the exit code.
pub fn shown(outcome: &Outcome) -> (Value, u8) {
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
                "verified": false,
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

fn secret_missing() -> Problem {
    of_secrets("secret-missing", "No signing secret was given, so the delivery cannot be verified.")
}

/// A problem of the secrets, for a person who has no installation: the plugin's steps speak of one.
fn without_installation(problem: &Problem) -> Problem {
    let message = match problem.code.as_str() {
        "secret-missing" => return secret_missing(),
        "secret-blank" => "A signing secret is blank, so the delivery cannot be verified.",
        "signature-mismatch" => {
            "The delivery was not signed with a signing secret that was given, or was changed on the way."
        }
        _ => return problem.clone(),
    };
    of_secrets(&problem.code, message)
}

fn of_secrets(code: &str, message: &str) -> Problem {
    let step = format!(
        "Set {SECRETS_VARIABLE} to the signing secret of the webhook that sent this, as the provider shows it."
    );
    Problem::new(code, message, &[&step])
}
