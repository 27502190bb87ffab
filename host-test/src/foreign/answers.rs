//! Every string of every answer of the contract.

use super::inspector::{Answer, Inspector, MOST_LINES};
use crate::contract::types::{
    Authorization, Awaited, Check, CredentialField, CredentialMeaning, DeliveredEvent, Dispute,
    DisputeStatus, Event, EventPage, EventSubject, IgnoredDelivery, Installation, Manifest, Money,
    Origin, Payment, PaymentHint, PaymentSearchResult, Problem, ProviderError, Refund,
    RefundSearchResult, RefundStatus, RepairOutcome, StatusReport, WebhookError, WebhookIdentity,
    WebhookOutcome, WebhookRegistration,
};

impl Answer for () {
    fn pass(&mut self, _: &mut Inspector<'_>) {}
}

impl<T: Answer> Answer for Option<T> {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        if let Some(answer) = self {
            answer.pass(inspector);
        }
    }
}

impl<T: Answer, E: Answer> Answer for Result<T, E> {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        match self {
            Ok(answer) => answer.pass(inspector),
            Err(error) => error.pass(inspector),
        }
    }
}

impl Answer for Problem {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.code(&mut self.code);
        inspector.message(&mut self.message);
        steps(&mut self.remedy, inspector);
    }
}

impl Answer for ProviderError {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        self.problem_mut().pass(inspector);
    }
}

impl Answer for WebhookError {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        self.problem_mut().pass(inspector);
    }
}

impl Answer for Manifest {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.word("category", &self.category);
        inspector.word("version", &self.version);
        for field in &mut self.credentials {
            field.pass(inspector);
        }
        words(&self.events, "list of events", inspector);
        for origin in &mut self.origins {
            origin.pass(inspector);
        }
        inspector.entries("list of permissions", &self.permissions);
        for permission in &mut self.permissions {
            inspector.word("permission", &permission.id);
            inspector.sentence(&mut permission.purpose);
        }
        extras(&self.extras, inspector);
    }
}

impl Answer for CredentialField {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.sentence(&mut self.label);
        inspector.message(&mut self.help);
        for rule in &mut self.rules {
            match &mut rule.meaning {
                CredentialMeaning::Accepted(accepted) => {
                    inspector.word("kind of a credential", &accepted.kind);
                }
                CredentialMeaning::Refused(problem) => problem.pass(inspector),
            }
        }
    }
}

/// Its URL and the names of its credentials are checked where the policy is made.
impl Answer for Origin {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        if let Authorization::ClientCredentials(oauth) = &self.authorization {
            inspector.url("URL of tokens", &oauth.token_url);
            if let Some(scope) = &oauth.scope {
                inspector.value("scope", scope);
            }
        }
    }
}

impl Answer for Installation {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.word("installation id", &self.installation_id);
        inspector.word("workspace", &self.workspace);
        optional_word(self.account.as_deref(), "account", inspector);
        self.webhook.pass(inspector);
        extras(&self.extras, inspector);
    }
}

impl Answer for WebhookRegistration {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        optional_word(self.endpoint_id.as_deref(), "webhook id", inspector);
        inspector.url("webhook URL", &self.url);
        inspector.entries("list of signing secrets", &self.signing_secrets);
        for secret in &self.signing_secrets {
            inspector.signing_secret(secret);
        }
        self.problem.pass(inspector);
    }
}

impl Answer for RepairOutcome {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        self.installation.pass(inspector);
        self.changes.truncate(MOST_LINES);
        for change in &mut self.changes {
            inspector.message(change);
        }
    }
}

impl Answer for StatusReport {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        self.checks.truncate(MOST_LINES);
        for check in &mut self.checks {
            check.pass(inspector);
        }
    }
}

impl Answer for Check {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.code(&mut self.id);
        inspector.message(&mut self.message);
        steps(&mut self.remedy, inspector);
    }
}

impl Answer for Payment {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.word("payment id", &self.id);
        words(&self.aliases, "list of aliases", inspector);
        if let Some(reference) = &self.reference {
            inspector.value("reference", reference);
        }
        optional_word(self.attempt_id.as_deref(), "attempt id", inspector);
        inspector.label(&mut self.provider_status);
        self.amount.pass(inspector);
        self.failure.pass(inspector);
        match &mut self.awaits {
            Awaited::Nothing | Awaited::Completion(_) | Awaited::Customer(None) => {}
            Awaited::Customer(Some(link)) => inspector.url("customer's link", &link.url),
            Awaited::Provider(reason) | Awaited::Other(reason) => inspector.message(reason),
        }
        inspector.entries("list of disputes", &self.disputes);
        for dispute in &mut self.disputes {
            dispute.pass(inspector);
        }
        extras(&self.extras, inspector);
    }
}

impl Answer for Money {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.word("currency", &self.currency);
    }
}

impl Answer for Dispute {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.word("dispute id", &self.id);
        inspector.word("payment id", &self.payment);
        if let DisputeStatus::Other(word) = &mut self.status {
            inspector.label(word);
        }
        self.amount.pass(inspector);
    }
}

impl Answer for Refund {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.word("refund id", &self.id);
        inspector.word("payment id", &self.payment);
        if let Some(reference) = &self.reference {
            inspector.value("reference", reference);
        }
        optional_word(self.attempt_id.as_deref(), "attempt id", inspector);
        if let RefundStatus::Other(word) = &mut self.status {
            inspector.label(word);
        }
        self.amount.pass(inspector);
        self.failure.pass(inspector);
    }
}

impl Answer for PaymentSearchResult {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        match self {
            Self::Found(payment) => payment.pass(inspector),
            Self::More(cursor) => inspector.value("cursor", cursor),
            Self::Absent => {}
            Self::Other(problem) => problem.pass(inspector),
        }
    }
}

impl Answer for RefundSearchResult {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        match self {
            Self::Found(refund) => refund.pass(inspector),
            Self::More(cursor) => inspector.value("cursor", cursor),
            Self::Absent => {}
            Self::Other(problem) => problem.pass(inspector),
        }
    }
}

impl Answer for Event {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        inspector.word("event id", &self.id);
        inspector.label(&mut self.event_type);
        match &mut self.subject {
            EventSubject::Payment(payment) => payment.pass(inspector),
            EventSubject::Refund(refund) => refund.pass(inspector),
            EventSubject::Dispute(dispute) => dispute.pass(inspector),
            EventSubject::Other(what) => inspector.label(what),
        }
    }
}

impl Answer for EventPage {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        // One object that nothing can use, perhaps not even ours, must not hide all the others.
        self.events.retain_mut(|event| inspector.entry(event));
        if let Some(cursor) = &self.cursor {
            inspector.value("cursor", cursor);
        }
    }
}

impl Answer for WebhookIdentity {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        for name in [&self.installation, &self.account, &self.payment] {
            optional_word(name.as_deref(), "identity", inspector);
        }
        if let Some(reference) = &self.reference {
            inspector.value("reference", reference);
        }
    }
}

impl Answer for WebhookOutcome {
    fn pass(&mut self, inspector: &mut Inspector<'_>) {
        match self {
            Self::Event(DeliveredEvent { event, .. }) => event.pass(inspector),
            Self::Ignored(IgnoredDelivery { reason, .. }) | Self::Other(reason) => {
                reason.pass(inspector);
            }
            Self::Hint(PaymentHint { payment, .. }) => inspector.word("payment id", payment),
        }
    }
}

fn steps(steps: &mut Vec<String>, inspector: &mut Inspector<'_>) {
    steps.truncate(MOST_LINES);
    for step in steps {
        inspector.message(step);
    }
}

fn optional_word(word: Option<&str>, field: &'static str, inspector: &mut Inspector<'_>) {
    if let Some(word) = word {
        inspector.word(field, word);
    }
}

fn words(words: &[String], field: &'static str, inspector: &mut Inspector<'_>) {
    inspector.entries(field, words);
    for word in words {
        inspector.word(field, word);
    }
}

fn extras(extras: &[(String, String)], inspector: &mut Inspector<'_>) {
    inspector.entries("list of extras", extras);
    for (name, value) in extras {
        inspector.word("name of an extra", name);
        inspector.value("extra", value);
    }
}
