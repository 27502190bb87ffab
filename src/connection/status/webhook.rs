//! The checks of the webhook, and of what stands beside it in the guide.

use super::{NO_WEBHOOK, NOT_SEEN, Seen, check, from_problem, unseen};
use crate::bindings::brain_studio::payments::types::{Check, Mode, Verdict, WebhookOwner};
use crate::connection::address::{
    self, is_meant_for, own_url, shared_url, url_by_hand, url_difference,
};
use crate::connection::registration::{made_by_hand, secret_not_given, webhook_missing};
use crate::connection::{destination, endpoint};
use crate::event_types::select_webhook_events;
use crate::stripe::{API_VERSION, Error, OLDEST_API_VERSION, WebhookEndpoint};

const REPAIR: &str = "Run a repair: it sets the webhook right.";
const NEW_DESTINATION: &str =
    "In Stripe, open Workbench → Webhooks, delete the destination and create a new one.";

const IF_FOR_US: &str = "If it was made for Brain Studio, create another one in its place.";

impl Seen<'_> {
    /// The webhook: by its id, else the one that the merchant has made.
    pub fn webhook(&self) -> Option<&WebhookEndpoint> {
        let endpoints = self.endpoints.as_ref().ok()?;
        let id = self.installation.webhook.endpoint_id.as_ref();
        let by_id = endpoints.iter().find(|endpoint| Some(&endpoint.id) == id);
        if by_id.is_some() || self.is_plugins() && id.is_some() {
            return by_id;
        }
        made_by_hand(endpoints, &self.request.webhook_urls, self.installation.mode)
    }

    /// Whether the webhook is the plugin's to take care of.
    fn is_plugins(&self) -> bool {
        self.installation.webhook.owner == WebhookOwner::Plugin
    }

    /// Whether the plugin has made it, for this installation.
    fn is_ours(&self, webhook: &WebhookEndpoint) -> bool {
        self.is_plugins() && self.installation.webhook.endpoint_id.as_ref() == Some(&webhook.id)
    }

    /// The steps that set right what is wrong: ours is repaired, the merchant's is edited.
    fn remedy(&self, webhook: &WebhookEndpoint, step: &str) -> Vec<String> {
        if self.is_ours(webhook) {
            return vec![REPAIR.to_owned()];
        }
        let open = format!("In Stripe, open Workbench → Webhooks and edit {}.", webhook.id);
        vec![open, step.to_owned()]
    }

    /// Mode against URL, the first thing that the guide has one look at.
    pub fn mode(&self, webhook: Option<&WebhookEndpoint>) -> Check {
        let mode = self.installation.mode;
        let (urls, other) = (&self.request.webhook_urls, address::other(mode));
        match webhook {
            Some(webhook)
                if is_meant_for(&webhook.url, urls, other)
                    && !is_meant_for(&webhook.url, urls, mode) =>
            {
                let message = format!(
                    "The API Key is of {} mode, and the webhook has the URL of {} mode: {}",
                    address::mode_name(mode),
                    address::mode_name(other),
                    webhook.url
                );
                let paste = format!("Paste this URL: {}", own_url(urls, mode));
                let remedy = self.remedy(webhook, &paste);
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
                message: "The webhook is disabled: Stripe does that after it could not deliver for days, or somebody did.".to_owned(),
                remedy: self.remedy(webhook, "Enable it."),
            },
            (None, seen) => match &self.installation.webhook.problem {
                Some(problem) if self.installation.webhook.endpoint_id.is_none() => {
                    from_problem(ID, Verdict::Fail, problem.clone())
                }
                _ if seen.is_err() => unseen(ID, NOT_SEEN),
                _ if !self.is_plugins() => {
                    let (urls, mode) = (&self.request.webhook_urls, self.installation.mode);
                    from_problem(ID, Verdict::Fail, webhook_missing(urls, mode, None))
                }
                _ => check(
                    ID,
                    Verdict::Fail,
                    "The webhook does not exist in Stripe, so Stripe does not tell what happens to payments.",
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
                let message = "The webhook listens to exactly the three events.";
                return check(ID, Verdict::Pass, message, &[]);
            }
            (true, false) => (
                Verdict::Warn,
                format!("The webhook listens to more than it should: {superfluous}."),
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
        let right = if self.is_ours(webhook) { own } else { url_by_hand(&webhook.url, urls, mode) };
        match url_difference(&webhook.url, right) {
            Some(difference) if webhook.url != shared && webhook.url != own => Check {
                id: ID.to_owned(),
                verdict: Verdict::Fail,
                message: format!("The webhook's URL is not exactly the right one: {difference}."),
                remedy: self.remedy(webhook, &format!("Paste this URL: {right}")),
            },
            _ => check(ID, Verdict::Pass, "The webhook's URL is exactly the right one.", &[]),
        }
    }

    pub fn destination(&self, webhook: Option<&WebhookEndpoint>) -> Check {
        const ID: &str = "webhook-destination";
        let destinations = match &self.destinations {
            Ok(destinations) => destinations,
            Err(Error::PermissionMissing { .. }) => {
                return unseen(ID, "This API Key may not read the webhook's type and origin.");
            }
            Err(_) => return unseen(ID, NOT_SEEN),
        };
        let (urls, mode) = (&self.request.webhook_urls, self.installation.mode);
        // Without a webhook, only what the merchant was to make is looked for.
        let found = if webhook.is_some() || !self.is_plugins() {
            destination::of(webhook, destinations, urls, mode)
        } else {
            None
        };
        let Some(found) = found else {
            return unseen(ID, "The webhook's type and origin are not shown by Stripe.");
        };
        let Some((finding, choose)) = destination::fault(found) else {
            let message = "The webhook is a Webhook endpoint for the events of Your account.";
            return check(ID, Verdict::Pass, message, &[]);
        };
        let message = format!("{finding}: {}.", found.id);
        match webhook {
            Some(_) => check(ID, Verdict::Fail, message, &[NEW_DESTINATION, choose]),
            // It may be somebody else's.
            None => check(ID, Verdict::Warn, message, &[IF_FOR_US, choose]),
        }
    }

    /// Others that deliver the same events to the same place.
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
                    "In Stripe, open Workbench → Webhooks and delete {}, which somebody made by hand.",
                    other.id
                ));
            }
        }
        if remedy.is_empty() {
            return check(ID, Verdict::Pass, "No other webhook delivers the same.", &[]);
        }
        let message =
            "Other webhooks deliver the same: each event comes more than once, and counts once."
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
                    "The webhook's events have the form of {version}, which is too old."
                ),
                remedy: self.remedy(webhook, "Choose the newest API version."),
            },
            version if version != Some(API_VERSION) && self.is_ours(webhook) => {
                let message = "The webhook's events have the form of another API version.";
                check(ID, Verdict::Warn, message, &[REPAIR])
            }
            _ => check(ID, Verdict::Pass, "The form of the webhook's events is understood.", &[]),
        }
    }

    pub fn secret(&self, seen: Option<&WebhookEndpoint>) -> Check {
        const ID: &str = "webhook-secret";
        let webhook = &self.installation.webhook;
        if !webhook.signing_secrets.is_empty() {
            let message = "The webhook's signing secret is known: deliveries can be verified.";
            return check(ID, Verdict::Pass, message, &[]);
        }
        match &webhook.problem {
            Some(problem) if problem.code.starts_with("webhook-secret") => {
                from_problem(ID, Verdict::Warn, problem.clone())
            }
            _ if seen.is_some() => from_problem(ID, Verdict::Warn, secret_not_given()),
            _ => unseen(ID, NO_WEBHOOK),
        }
    }
}
