//! What the entries of the attention list say: a sentence for a merchant, and what to do.

use ledger::{AttentionCode, AttentionEntry};

use crate::contract::types::Problem;
use crate::money;

/// The sentence and the remedy of an entry.
pub(super) fn problem(entry: &AttentionEntry, provider: &str) -> Problem {
    let AttentionEntry { id, details, subject, .. } = entry;
    let payment = entry.payment.as_deref().unwrap_or("ID");
    let refund = format!(
        "To give the money back: run `host-test refund {payment} --reference NAME`, or refund it in {provider}."
    );
    let accept = format!("To keep it, and deliver: run `host-test attention accept {id}`.");
    let resolve = format!("When it is done: run `host-test attention resolve {id} --note TEXT`.");
    let amount = details.amount.clone().map(|amount| money::display(&amount.into()));
    let amount = amount.as_deref().unwrap_or("Money");
    let of = |code: AttentionCode, message: String, remedy: &[&str]| {
        Problem::new(code.as_str(), message, remedy)
    };
    let because = details.reason.as_ref();
    let with_reason = |message: &str| match because {
        Some(reason) => format!("{message} {}", reason.message),
        None => message.to_owned(),
    };
    let mut reasons: Vec<&str> = because
        .map(|reason| reason.remedy.iter().map(String::as_str).collect())
        .unwrap_or_default();
    match entry.code {
        code @ AttentionCode::AmountDiffers => {
            let asked = entry.asked.clone().map(|asked| money::display(&asked.into()));
            let asked = asked.unwrap_or_default();
            let message = format!("{amount} arrived, and {asked} was asked for. The flow waits.");
            of(code, message, &[&accept, &refund])
        }
        code @ AttentionCode::PaidLate => {
            let message =
                format!("{amount} arrived after the payment was over. The flow was told Rejected.");
            of(code, message, &[&refund, &accept])
        }
        code @ AttentionCode::PaidTwice => {
            let message = format!(
                "The customer has paid this reference twice: {amount} arrived for a page that was over."
            );
            of(code, message, &[&refund, &accept])
        }
        code @ AttentionCode::Dispute => {
            let status = match details.status.as_deref() {
                Some("needs-response") => "It waits for your answer.",
                Some("under-review") => "The bank decides.",
                _ => "It is not decided.",
            };
            let message =
                format!("The customer disputes {amount} at their bank ({subject}). {status}");
            let answer =
                format!("Open the dispute in {provider}, and answer it with your evidence.");
            let wait = "Do not refund it as well: the bank may give the money back.";
            let end = "This entry ends by itself when the bank has decided.";
            of(code, message, &[&answer, wait, end])
        }
        code @ AttentionCode::RefundFailed => {
            let message = with_reason(&format!(
                "A refund of {amount} did not reach the customer. The money is in your account again."
            ));
            let again = format!(
                "Refund it again with another reference: `host-test refund {payment} --reference NAME`."
            );
            let otherwise =
                "Or give the customer the money in another way, such as a bank transfer.";
            of(code, message, &[&again, otherwise, &resolve])
        }
        code @ AttentionCode::RefundUnknown => {
            let message = format!("It is not known whether the refund {subject} was made.");
            let look = format!("Look in {provider} whether the payment {payment} was refunded.");
            let again = "If it was not within a day, refund it with another reference.";
            of(code, message, &[&look, again, &resolve])
        }
        code @ AttentionCode::PaymentUnread => {
            let message = with_reason(&format!("{provider} does not answer about this payment."));
            reasons.push("It is asked again by itself, less and less often.");
            of(code, message, &reasons)
        }
        code @ AttentionCode::ReconciliationLags => {
            let message = with_reason(&format!("What happens in {provider} is not known in time."));
            reasons.push("To try at once: run `host-test reconcile`.");
            of(code, message, &reasons)
        }
        code @ AttentionCode::DeliveriesRefused => {
            let message = with_reason("Deliveries are refused, one after the other.");
            reasons.push("Run `host-test status`, which says what is wrong with the webhook.");
            of(code, message, &reasons)
        }
        code @ AttentionCode::AccountCannotCharge => {
            let reason = because.map(|reason| reason.message.clone());
            let message = reason
                .unwrap_or_else(|| format!("{provider} does not let this account take payments."));
            of(code, message, &reasons)
        }
        code @ AttentionCode::OutputsUnread => {
            let mode = entry.mode.as_str();
            let message =
                format!("The {mode} mode was uninstalled, and no flow has read its last outputs.");
            let read = format!("Read them: run `host-test transitions --mode {mode}`.");
            of(code, message, &[&read, "Acknowledge the last position: this entry ends then."])
        }
        code @ AttentionCode::LedgerRestored => {
            let decide = format!(
                "Compare the payments with {provider} by hand, and then run `host-test attention resolve {id} --note TEXT`."
            );
            if !subject.is_empty() {
                let message = format!(
                    "A backup was restored that is older than the events that {provider} still has. No payment is created until you decide."
                );
                return of(code, message, &[&decide]);
            }
            let message = "A backup was restored. No payment is created until the events since then are listed.";
            let list = "Run `host-test reconcile`, or wait for `host-test serve` to do it.";
            let decide = format!("If the key may not list events: {}", lower_first(&decide));
            of(code, message.to_owned(), &[list, &decide])
        }
    }
}

/// The sentence with a small first letter.
fn lower_first(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
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
