//! An installation for display.

use super::Marketplace;
use super::redaction::redacted_problem;
use super::webhook_url::webhook_urls;
use crate::contract::types::{Installation, Mode, Problem, Verification, WebhookOwner};
use crate::egress::Credentials;

/// An installation for display, without secrets.
#[derive(Debug, PartialEq)]
pub struct Connection {
    /// The installation's id.
    pub installation: String,
    /// The provider's name.
    pub provider: String,
    /// Test or live.
    pub mode: Mode,
    /// The provider's id of the merchant's account. None: not known.
    pub account: Option<String>,
    /// The URL at which the webhook is registered.
    pub webhook_url: String,
    /// The installation's own URL: a delivery there always reaches its plugin.
    pub installation_url: String,
    /// What is wrong with the webhook.
    pub problem: Option<Problem>,
    /// What was changed at the provider besides, a sentence each.
    pub changes: Vec<String>,
    /// Whether deliveries cannot be verified for lack of a signing secret.
    pub lacks_signing_secret: bool,
    /// Whether only the credentials of an existing installation were replaced.
    pub is_rotation: bool,
}

impl Marketplace {
    /// The installation for display, without the credentials.
    pub(super) fn connection(
        &self,
        installation: Installation,
        changes: Vec<String>,
        is_rotation: bool,
        credentials: &Credentials,
    ) -> Connection {
        let redact = |text: String| credentials.redact(&text);
        let own = webhook_urls(self.provider_id(), &installation.installation_id).installation;
        let webhook = installation.webhook;
        Connection {
            installation_url: match installation.mode {
                Mode::Test => own.test,
                Mode::Live => own.live,
            },
            installation: installation.installation_id,
            provider: self.plugin.manifest().name.clone(),
            mode: installation.mode,
            account: installation.account.map(redact),
            webhook_url: redact(webhook.url),
            problem: webhook.problem.map(|problem| redacted_problem(credentials, problem)),
            changes: changes.into_iter().map(redact).collect(),
            lacks_signing_secret: webhook.verification == Verification::None
                && webhook.owner != WebhookOwner::Nobody,
            is_rotation,
        }
    }
}
