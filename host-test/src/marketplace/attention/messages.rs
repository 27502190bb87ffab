//! What the entries of the attention list say: a sentence for a merchant, and what to do.

use ledger::{AttentionCode, AttentionEntry};

use crate::contract::types::Problem;
use crate::money;

/// The sentence and the remedy of an entry.
pub(super) fn problem(entry: &AttentionEntry, provider: &str) -> Problem {
    let (message, remedy) = match entry.code {
        AttentionCode::AmountDiffers
        | AttentionCode::PaidLate
        | AttentionCode::PaidTwice
        | AttentionCode::Dispute => about_money(entry, provider),
        AttentionCode::RefundFailed | AttentionCode::RefundUnknown => about_refund(entry, provider),
        AttentionCode::PaymentUnread
        | AttentionCode::ReconciliationLags
        | AttentionCode::DeliveriesRefused
        | AttentionCode::AccountCannotCharge => about_connection(entry, provider),
        AttentionCode::OutputsUnread => unread_outputs(entry),
        AttentionCode::LedgerRestored => restored(entry, provider),
        AttentionCode::AnswerHoldsSecret => secret_found(entry),
    };
    let remedy: Vec<&str> = remedy.iter().map(String::as_str).collect();
    Problem::new(entry.code.as_str(), message, &remedy)
}

/// The amount of an entry, for a person.
fn amount_of(entry: &AttentionEntry) -> String {
    let amount = entry.details.amount.clone();
    amount.map_or_else(|| "Money".to_owned(), |amount| money::display(&amount.into()))
}

fn payment_of(entry: &AttentionEntry) -> &str {
    entry.payment.as_deref().unwrap_or("ID")
}

/// The sentence, with the reason of the entry after it.
fn with_reason(entry: &AttentionEntry, sentence: String) -> String {
    match &entry.details.reason {
        Some(reason) => format!("{sentence} {}", reason.message),
        None => sentence,
    }
}

fn resolve_step(entry: &AttentionEntry) -> String {
    format!("When it is done: run `host-test attention resolve {} --note TEXT`.", entry.id)
}

fn about_money(entry: &AttentionEntry, provider: &str) -> (String, Vec<String>) {
    let amount = amount_of(entry);
    let refund = format!(
        "To give the money back: run `host-test refund {} --reference NAME`, or refund it in {provider}.",
        payment_of(entry)
    );
    let accept = format!("To keep it, and deliver: run `host-test attention accept {}`.", entry.id);
    match entry.code {
        AttentionCode::AmountDiffers => {
            let asked = entry.asked.clone().map(|asked| money::display(&asked.into()));
            let asked = asked.unwrap_or_default();
            let message = format!("{amount} arrived, and {asked} was asked for. The flow waits.");
            (message, vec![accept, refund])
        }
        AttentionCode::PaidTwice => {
            let message = format!(
                "The customer has paid this reference twice: {amount} arrived for a page that was over."
            );
            (message, vec![refund, accept])
        }
        AttentionCode::Dispute => {
            let status = match entry.details.status.as_deref() {
                Some("needs-response") => "It waits for your answer.",
                Some("under-review") => "The bank decides.",
                _ => "It is not decided.",
            };
            let id = &entry.subject;
            let message = format!("The customer disputes {amount} at their bank ({id}). {status}");
            let steps = [
                &format!("Open the dispute in {provider}, and answer it with your evidence."),
                "Do not refund it as well: the bank may give the money back.",
                "This entry ends by itself when the bank has decided.",
            ];
            (message, steps.map(str::to_owned).into())
        }
        _ => {
            let message =
                format!("{amount} arrived after the payment was over. The flow was told Rejected.");
            (message, vec![refund, accept])
        }
    }
}

fn about_refund(entry: &AttentionEntry, provider: &str) -> (String, Vec<String>) {
    let payment = payment_of(entry);
    if entry.code == AttentionCode::RefundUnknown {
        let message = format!("It is not known whether the refund {} was made.", entry.subject);
        let steps = vec![
            format!("Look in {provider} whether the payment {payment} was refunded."),
            "If it was not within a day, refund it with another reference.".to_owned(),
            resolve_step(entry),
        ];
        return (message, steps);
    }
    let message = format!(
        "A refund of {} did not reach the customer. The money is in your account again.",
        amount_of(entry)
    );
    let steps = vec![
        format!(
            "Refund it again with another reference: `host-test refund {payment} --reference NAME`."
        ),
        "Or give the customer the money in another way, such as a bank transfer.".to_owned(),
        resolve_step(entry),
    ];
    (with_reason(entry, message), steps)
}

fn about_connection(entry: &AttentionEntry, provider: &str) -> (String, Vec<String>) {
    let reason = entry.details.reason.as_ref();
    let mut steps = reason.map_or_else(Vec::new, |reason| reason.remedy.clone());
    let (message, last) = match entry.code {
        AttentionCode::PaymentUnread => (
            format!("{provider} does not answer about this payment."),
            "It is asked again by itself, less and less often.",
        ),
        AttentionCode::DeliveriesRefused => (
            "Deliveries are refused, one after the other.".to_owned(),
            "Run `host-test status`, which says what is wrong with the webhook.",
        ),
        // The reason says all of it.
        AttentionCode::AccountCannotCharge => {
            let otherwise = || format!("{provider} does not let this account take payments.");
            return (reason.map_or_else(otherwise, |reason| reason.message.clone()), steps);
        }
        _ => (
            format!("What happens in {provider} is not known in time."),
            "To try at once: run `host-test reconcile`.",
        ),
    };
    steps.push(last.to_owned());
    (with_reason(entry, message), steps)
}

/// The reason is the host's own.
fn secret_found(entry: &AttentionEntry) -> (String, Vec<String>) {
    let reason = entry.details.reason.as_ref();
    let message = reason.map_or_else(
        || "A plugin has answered with a secret of this installation.".to_owned(),
        |reason| reason.message.clone(),
    );
    let mut steps = reason.map_or_else(Vec::new, |reason| reason.remedy.clone());
    steps.push(resolve_step(entry));
    (message, steps)
}

fn unread_outputs(entry: &AttentionEntry) -> (String, Vec<String>) {
    let mode = entry.mode.as_str();
    let message =
        format!("The {mode} mode was uninstalled, and no flow has read its last outputs.");
    let steps = vec![
        format!("Read them: run `host-test transitions --mode {mode}`."),
        "Acknowledge the last position: this entry ends then.".to_owned(),
    ];
    (message, steps)
}

fn restored(entry: &AttentionEntry, provider: &str) -> (String, Vec<String>) {
    let compare = format!("Compare the payments with {provider} by hand.");
    let resolve = format!(
        "Then run `host-test attention resolve {} --note TEXT`: payments can be created again.",
        entry.id
    );
    if !entry.subject.is_empty() {
        let message = format!(
            "A backup was restored that is older than the events that {provider} still has. No payment is created until you decide."
        );
        return (message, vec![compare, resolve]);
    }
    let message =
        "A backup was restored. No payment is created until the events since then are listed.";
    let list = "Run `host-test reconcile`, or wait for `host-test serve` to do it.".to_owned();
    let may_not =
        format!("If the key may not list events: compare the payments with {provider} by hand.");
    (message.to_owned(), vec![list, may_not, resolve])
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use ledger::AttentionDetails;
    use ledger::types::{Mode, Money};

    use super::*;

    #[test]
    fn messages_are_unchanged() {
        let money = |minor_units, currency: &str| Money { minor_units, currency: currency.into() };
        let mut text = String::new();
        for (code, _) in AttentionCode::NAMES {
            let entry = AttentionEntry {
                id: 7,
                workspace: "w".to_owned(),
                mode: Mode::Live,
                code,
                subject: "re_1".to_owned(),
                reference: Some("order-1".to_owned()),
                payment: Some("pi_1".to_owned()),
                asked: Some(money(1050, "usd")),
                details: AttentionDetails {
                    amount: Some(money(945, "eur")),
                    status: Some("needs-response".to_owned()),
                    due_by: Some(1),
                    reason: Some(Problem::new("code", "The reason.", &["The step."]).into()),
                },
                since: 1,
            };
            let Problem { code, message, remedy } = problem(&entry, "Andes Pay");
            let _ = writeln!(text, "{code}\n  {message}");
            for step in remedy {
                let _ = writeln!(text, "  → {step}");
            }
        }
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!("attention", text);
        });
    }
}
