//! What needs a person: listed, accepted, resolved.

use ledger::{AttentionClosed, AttentionCode, AttentionEntry, Scope};

use super::{Error, Marketplace};
use crate::contract::types::{Mode, Problem};
use crate::money;

/// How many entries are read of a mode.
const LIMIT: u32 = 1000;

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionItem {
    /// Its number.
    pub id: u64,
    /// Test or live.
    pub mode: Mode,
    /// The payment's reference.
    pub reference: Option<String>,
    /// The provider's id of the payment.
    pub payment: Option<String>,
    /// Since when, in Unix seconds.
    pub since: u64,
    /// Until when somebody has to act, in Unix seconds.
    pub due_by: Option<u64>,
    /// What it is, and what to do.
    pub problem: Problem,
}

impl Marketplace {
    /// What needs a person in the workspace, in both modes, the oldest first.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn attention(&self) -> Result<Vec<AttentionItem>, Error> {
        let scopes = [Mode::Live, Mode::Test].map(|mode| self.scope(&self.workspace, mode));
        let entries = self
            .ledger(move |ledger| {
                let mut entries = Vec::new();
                for scope in &scopes {
                    entries.extend(ledger.attention(scope, LIMIT)?);
                }
                Ok(entries)
            })
            .await?;
        let mut items: Vec<AttentionItem> =
            entries.into_iter().map(|entry| self.item(entry)).collect();
        items.sort_by_key(|item| item.id);
        Ok(items)
    }

    /// What needs a person in a scope, at most `limit` entries.
    pub(super) async fn attention_of(
        &self,
        scope: Scope,
        limit: u32,
    ) -> Result<Vec<AttentionItem>, Error> {
        let entries = self.ledger(move |ledger| ledger.attention(&scope, limit)).await?;
        Ok(entries.into_iter().map(|entry| self.item(entry)).collect())
    }

    /// Accepts the money that an entry is about: an open payment is approved with what has arrived.
    ///
    /// # Errors
    ///
    /// There is no such open entry, it is not about money, or the ledger fails.
    pub async fn accept_attention(&self, id: u64) -> Result<(), Error> {
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        let closed = self
            .ledger_at(move |ledger, now| ledger.accept_attention(&workspace, &provider, id, now))
            .await?;
        self.changes.send_replace(());
        checked(closed, id)
    }

    /// Closes an entry, with a note of what a person has done.
    ///
    /// # Errors
    ///
    /// There is no such open entry, or the ledger fails.
    pub async fn resolve_attention(&self, id: u64, note: &str) -> Result<(), Error> {
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        let note = note.to_owned();
        let closed = self
            .ledger_at(move |ledger, now| {
                ledger.resolve_attention(&workspace, &provider, id, &note, now)
            })
            .await?;
        checked(closed, id)
    }

    fn item(&self, entry: AttentionEntry) -> AttentionItem {
        let provider = &self.plugin().manifest().name;
        AttentionItem {
            id: entry.id,
            mode: entry.mode.into(),
            problem: problem(&entry, provider),
            reference: entry.reference,
            payment: entry.payment,
            since: entry.since,
            due_by: entry.details.due_by,
        }
    }
}

fn checked(closed: AttentionClosed, id: u64) -> Result<(), Error> {
    match closed {
        AttentionClosed::Done => Ok(()),
        AttentionClosed::Unknown => Err(Error::AttentionUnknown(id)),
        AttentionClosed::NotAcceptable => Err(Error::AttentionNotAcceptable(id)),
    }
}

/// The sentence and the remedy of an entry.
fn problem(entry: &AttentionEntry, provider: &str) -> Problem {
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
            let status = details.status.as_deref().unwrap_or("open");
            let message =
                format!("The customer disputes {amount} at their bank ({subject}, {status}).");
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
                format!("{mode} mode was uninstalled, and no flow has read its last outputs.");
            let read = format!("Read them: run `host-test transitions --mode {mode}`.");
            of(code, message, &[&read, "Acknowledge the last position: this entry ends then."])
        }
        code @ AttentionCode::LedgerRestored => {
            let mut message = "A backup was restored. No payment is created until the events since then are listed.".to_owned();
            if !subject.is_empty() {
                message = format!(
                    "A backup was restored, and it is older than the events that {provider} still has. No payment is created until you decide."
                );
            }
            let list = "Run `host-test reconcile`, or wait for `host-test serve` to do it.";
            let decide = format!(
                "If the key may not list events: compare the payments with {provider} by hand, and then run `host-test attention resolve {id} --note TEXT`."
            );
            of(code, message, &[list, &decide])
        }
    }
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
