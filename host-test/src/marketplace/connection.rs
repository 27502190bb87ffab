//! An installation for display.

use super::Marketplace;
use super::webhook_url::webhook_urls;
use crate::contract::types::{Installation, Mode, Problem, Verification, WebhookOwner};
use crate::foreign::one_line;

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
    /// Origins besides the manifest's to which it may send its customers.
    pub page_origins: Vec<String>,
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
    /// The installation for display.
    pub(super) fn connection(
        &self,
        installation: Installation,
        page_origins: Vec<String>,
        changes: Vec<String>,
        is_rotation: bool,
    ) -> Connection {
        // An earlier version of this program stored what a plugin said as it was.
        let shown = |text: String| one_line(&text).into_owned();
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
            account: installation.account.map(shown),
            webhook_url: shown(webhook.url),
            page_origins,
            problem: webhook.problem,
            changes,
            lacks_signing_secret: webhook.verification == Verification::None
                && webhook.owner != WebhookOwner::Nobody,
            is_rotation,
        }
    }
}
