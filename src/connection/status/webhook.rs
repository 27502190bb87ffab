//! The checks of the webhook: mode, endpoint, events, URL, destination, duplicates, API version, secret.

use super::{NO_WEBHOOK, NOT_CHECKED, Observed, check, from_problem, unknown};
use crate::bindings::brain_studio::payments::types::{Check, Mode, Verdict, WebhookOwner};
use crate::connection::address::{
    self, is_meant_for, own_url, shared_url, url_by_hand, url_difference,
};
use crate::connection::registration::{
    created_by_hand, secret_missing, secret_not_given, webhook_missing,
};
use crate::connection::{destination, endpoint};
use crate::event_types::select_webhook_events;
use crate::stripe::{API_VERSION, Error, OLDEST_API_VERSION, WebhookEndpoint};

const REPAIR: &str = "Run a repair: it corrects the webhook.";
const NEW_DESTINATION: &str =
    "In Stripe, open Workbench → Webhooks, delete the destination and create a new one.";

const IF_FOR_US: &str = "If you created it for Brain Studio, create a new one in its place.";

impl Observed<'_> {
    /// The installation's webhook endpoint: the one with its id, else the one that the merchant created.
    pub fn webhook(&self) -> Option<&WebhookEndpoint> {
        let endpoints = self.endpoints.as_ref().ok()?;
        let id = self.installation.webhook.endpoint_id.as_ref();
        let by_id = endpoints.iter().find(|endpoint| Some(&endpoint.id) == id);
        if by_id.is_some() || self.is_owned_by_plugin() && id.is_some() {
            return by_id;
        }
        created_by_hand(endpoints, &self.request.webhook_urls, self.installation.mode)
    }

    /// Whether the plugin owns the webhook.
    fn is_owned_by_plugin(&self) -> bool {
        self.installation.webhook.owner == WebhookOwner::Plugin
    }

    /// Whether the plugin created this endpoint for the installation.
    fn is_ours(&self, webhook: &WebhookEndpoint) -> bool {
        self.is_owned_by_plugin()
            && self.installation.webhook.endpoint_id.as_ref() == Some(&webhook.id)
    }

    /// The remedy for a wrong setting: a repair if the endpoint is ours, else a step for the merchant.
    fn remedy(&self, webhook: &WebhookEndpoint, step: &str) -> Vec<String> {
        if self.is_ours(webhook) {
            return vec![REPAIR.to_owned()];
        }
        let open = format!("In Stripe, open Workbench → Webhooks and edit {}.", webhook.id);
        vec![open, step.to_owned()]
    }

    /// The URL that the endpoint should have.
    fn expected_url(&self, webhook: &WebhookEndpoint) -> &str {
        let (urls, mode) = (&self.request.webhook_urls, self.installation.mode);
        if self.is_ours(webhook) {
            own_url(urls, mode)
        } else {
            url_by_hand(&webhook.url, urls, mode)
        }
    }

    /// The remedy for a wrong URL.
    fn paste_url(&self, webhook: &WebhookEndpoint) -> Vec<String> {
        self.remedy(webhook, &format!("Paste this URL: {}", self.expected_url(webhook)))
    }

    /// Whether the webhook's URL is of the mode of the key: the first check of the guide.
    pub fn mode(&self, webhook: Option<&WebhookEndpoint>) -> Check {
        let mode = self.installation.mode;
        let (urls, other) = (&self.request.webhook_urls, address::other(mode));
        match webhook {
            Some(webhook)
                if is_meant_for(&webhook.url, urls, other)
                    && !is_meant_for(&webhook.url, urls, mode) =>
            {
                let message = format!(
                    "The API Key is a {} key, and the webhook has the URL of {} mode: {}",
                    address::mode_name(mode),
                    address::mode_name(other),
                    webhook.url
                );
                let remedy = self.paste_url(webhook);
                Check { id: "mode".to_owned(), verdict: Verdict::Fail, message, remedy }
            }
            _ => {
                let message = match mode {
                    Mode::Test => "Test mode: no real money moves.",
                    Mode::Live => "Live mode: payments are real.",
                };
                check("mode", Verdict::Pass, message, &[])
            }
        }
    }

    pub fn endpoint(&self, webhook: Option<&WebhookEndpoint>) -> Check {
        const ID: &str = "webhook-endpoint";
        match (webhook, &self.endpoints) {
            (Some(webhook), _) if webhook.status == "enabled" => {
                check(ID, Verdict::Pass, "The webhook exists and is active.", &[])
            }
            (Some(webhook), _) => Check {
                id: ID.to_owned(),
                verdict: Verdict::Fail,
                message: "The webhook is disabled. Stripe disables a webhook that fails for days; somebody may also have disabled it.".to_owned(),
                remedy: self.remedy(webhook, "Enable it."),
            },
            (None, endpoints) => match &self.installation.webhook.problem {
                Some(problem) if self.installation.webhook.endpoint_id.is_none() => {
                    from_problem(ID, Verdict::Fail, problem.clone())
                }
                _ if endpoints.is_err() => unknown(ID, NOT_CHECKED),
                _ if !self.is_owned_by_plugin() => {
                    let (urls, mode) = (&self.request.webhook_urls, self.installation.mode);
                    from_problem(ID, Verdict::Fail, webhook_missing(urls, mode, None))
                }
                _ => check(
                    ID,
                    Verdict::Fail,
                    "The webhook does not exist in Stripe, so Stripe does not report what happens to payments.",
                    &[REPAIR],
                ),
            },
        }
    }

    pub fn events(&self, webhook: &WebhookEndpoint) -> Check {
        const ID: &str = "webhook-events";
        let (missing, superfluous) = endpoint::wrong_events(webhook);
        let (verdict, message) = match (missing.is_empty(), superfluous.is_empty()) {
            (true, true) => {
                let message = "The webhook listens to exactly the three events that are needed.";
                return check(ID, Verdict::Pass, message, &[]);
            }
            (true, false) => (
                Verdict::Warn,
                format!("The webhook listens to more events than needed: {superfluous}."),
            ),
            (false, true) => (Verdict::Fail, format!("The webhook does not listen to {missing}.")),
            (false, false) => (
                Verdict::Fail,
                format!(
                    "The webhook does not listen to {missing}, and should not listen to {superfluous}."
                ),
            ),
        };
        let remedy = self.remedy(webhook, &select_webhook_events());
        Check { id: ID.to_owned(), verdict, message, remedy }
    }

    pub fn url(&self, webhook: &WebhookEndpoint) -> Check {
        const ID: &str = "webhook-url";
        let (urls, mode) = (&self.request.webhook_urls, self.installation.mode);
        let (own, shared) = (own_url(urls, mode), shared_url(urls, mode));
        match url_difference(&webhook.url, self.expected_url(webhook)) {
            Some(difference) if webhook.url != shared && webhook.url != own => Check {
                id: ID.to_owned(),
                verdict: Verdict::Fail,
                message: format!("The webhook's URL is wrong: {difference}."),
                remedy: self.paste_url(webhook),
            },
            _ => check(ID, Verdict::Pass, "The webhook's URL is correct.", &[]),
        }
    }

    pub fn destination(&self, webhook: Option<&WebhookEndpoint>) -> Check {
        const ID: &str = "webhook-destination";
        let destinations = match &self.destinations {
            Ok(destinations) => destinations,
            Err(Error::PermissionMissing { .. }) => {
                return unknown(
                    ID,
                    "This API Key has no permission to read the webhook's type and origin.",
                );
            }
            Err(_) => return unknown(ID, NOT_CHECKED),
        };
        let (urls, mode) = (&self.request.webhook_urls, self.installation.mode);
        // Without a webhook, only a merchant's destination can be the one that was meant.
        let found = if webhook.is_some() || !self.is_owned_by_plugin() {
            destination::of(webhook, destinations, urls, mode)
        } else {
            None
        };
        let Some(found) = found else {
            return unknown(ID, "Stripe does not show the webhook's type and origin.");
        };
        let Some((finding, choose)) = destination::wrong_setting(found) else {
            let message =
                "The webhook is of the type Webhook endpoint, with the origin Your account.";
            return check(ID, Verdict::Pass, message, &[]);
        };
        let message = format!("{finding}: {}.", found.id);
        match webhook {
            Some(_) => check(ID, Verdict::Fail, message, &[NEW_DESTINATION, choose]),
            // It may have another purpose.
            None => check(ID, Verdict::Warn, message, &[IF_FOR_US, choose]),
        }
    }

    /// Other endpoints that deliver the same events to the marketplace.
    pub fn duplicates(&self, webhook: &WebhookEndpoint) -> Check {
        const ID: &str = "webhook-duplicates";
        let (urls, mode) = (&self.request.webhook_urls, self.installation.mode);
        let ours = [own_url(urls, mode), shared_url(urls, mode)];
        let others = self.endpoints.as_deref().unwrap_or_default();
        let others = others.iter().filter(|other| other.id != webhook.id);
        let mut remedy = Vec::new();
        for other in others {
            if endpoint::is_of_workspace(other, self.installation) {
                remedy.push(format!("Run a repair: it deletes {}.", other.id));
            } else if other.metadata.installation.is_none() && ours.contains(&other.url.trim()) {
                remedy.push(format!(
                    "In Stripe, open Workbench → Webhooks and delete {}, which was created by hand.",
                    other.id
                ));
            }
        }
        if remedy.is_empty() {
            return check(ID, Verdict::Pass, "No other webhook delivers the same events.", &[]);
        }
        let message =
            "Other webhooks deliver the same events. Each event arrives more than once and counts once."
                .to_owned();
        Check { id: ID.to_owned(), verdict: Verdict::Warn, message, remedy }
    }

    pub fn api_version(&self, webhook: &WebhookEndpoint) -> Check {
        const ID: &str = "webhook-api-version";
        match webhook.api_version.as_deref() {
            Some(version) if version < OLDEST_API_VERSION => Check {
                id: ID.to_owned(),
                verdict: Verdict::Fail,
                message: format!(
                    "The webhook sends events of API version {version}, which is too old."
                ),
                remedy: self.remedy(webhook, "Choose the newest API version."),
            },
            version if version != Some(API_VERSION) && self.is_ours(webhook) => {
                let message =
                    "The webhook sends events of another API version than this plugin registers.";
                check(ID, Verdict::Warn, message, &[REPAIR])
            }
            _ => check(
                ID,
                Verdict::Pass,
                "The webhook sends events of a supported API version.",
                &[],
            ),
        }
    }

    pub fn secret(&self, endpoint: Option<&WebhookEndpoint>) -> Check {
        const ID: &str = "webhook-secret";
        let webhook = &self.installation.webhook;
        if !webhook.signing_secrets.is_empty() {
            let message = "The webhook's signing secret is stored, so deliveries can be verified.";
            return check(ID, Verdict::Pass, message, &[]);
        }
        let may_not_list = matches!(self.endpoints, Err(Error::PermissionMissing { .. }));
        match (self.is_owned_by_plugin(), webhook.endpoint_id.is_some()) {
            (true, true) => from_problem(ID, Verdict::Warn, secret_missing()),
            (false, true) => from_problem(ID, Verdict::Warn, secret_not_given()),
            (false, false) if may_not_list => from_problem(ID, Verdict::Warn, secret_not_given()),
            (_, false) if endpoint.is_some() => from_problem(ID, Verdict::Warn, secret_not_given()),
            (_, false) => unknown(ID, NO_WEBHOOK),
        }
    }
}
