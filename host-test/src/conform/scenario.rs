//! The scenario: all that the kit has to know of a provider, as JSON.
//!
//! In every text of it `{name}` is replaced:
//!
//! - in the fake's command: `{host-test}` (this program), `{folder}` (the scenario's), `{door}` (the loopback address
//!   that takes deliveries), `{public-test}` and `{public-live}` (the public origins of the host's webhook URLs, in
//!   whose place deliveries go to the door);
//! - everywhere else: each name that the fake has printed, such as `{listening}`; `{provider}`, the fake's address
//!   that stands in for the first origin of the case's mode; each credential of the mode by its
//!   field's name, such as `{api-key}`; `{shared-url}`, and after the install `{webhook-url}`; in actions `{link}`,
//!   `{payment}`, `{refund}`; and what an earlier request has taken from its answer. `{name-encoded}` is the same,
//!   encoded for a URL or a form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::case::{Outcome, not_applicable};
use super::error::KitError;

/// A scenario.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// How the fake of the provider is started: program and arguments. Its first line on standard output is a JSON
    /// object with its addresses, such as `{"listening": "http://127.0.0.1:12111"}`.
    pub fake: Vec<String>,
    /// For each origin of the manifest, also of token URLs and of customers' pages: the fake's address that stands in
    /// for it.
    pub origins: BTreeMap<String, String>,
    /// The credentials.
    pub credentials: CredentialSets,
    /// Who makes the webhook, or `none`: the provider sends no deliveries.
    #[serde(deserialize_with = "webhook_or_none")]
    pub webhook: Webhook,
    /// What happens at the fake, each by requests in order. What is missing and not in `no` is not
    /// tested.
    #[serde(default)]
    pub actions: BTreeMap<Action, Vec<Request>>,
    /// What there is at the fake.
    #[serde(default)]
    pub count: Counts,
    /// How deliveries are signed.
    #[serde(default)]
    pub signature: Signature,
    /// Amounts to charge, in as many currencies as the provider counts differently.
    pub amounts: Vec<Amount>,
    /// How the fake tells the amount of a payment (`{payment}`).
    pub amount_at_provider: Option<Reading>,
    /// The fields of the provider's JSON that hold a status.
    #[serde(default = "status")]
    pub status_fields: Vec<String>,
    /// The requests that change nothing though they are no `GET`: method and path, such as `POST /queries`. A `*`
    /// stands for one segment of the path.
    #[serde(default)]
    pub reads: Vec<String>,
    /// What the provider cannot do.
    #[serde(default)]
    pub no: Vec<Missing>,
    /// The folder of the scenario's file.
    #[serde(skip)]
    folder: PathBuf,
}

fn webhook_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Webhook, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    if value == "none" {
        return Ok(Webhook { by_plugin: false, by_hand: None, is_none: true });
    }
    Webhook::deserialize(value).map_err(D::Error::custom)
}

fn status() -> Vec<String> {
    vec!["status".to_owned()]
}

/// Values of credentials, by the names of their fields.
pub type Values = BTreeMap<String, SecretString>;

/// Credentials of the fake. None of them is a real one.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CredentialSets {
    /// Those that work in test mode.
    pub test: Values,
    /// Those that work in live mode. None: live mode is not tried.
    pub live: Option<Values>,
    /// Those of another merchant, in test mode.
    pub another: Option<Values>,
    /// Those that do not work in test mode.
    #[serde(default)]
    pub wrong: Vec<WrongCredentials>,
}

/// Credentials that do not work.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WrongCredentials {
    /// The values.
    pub values: Values,
    /// The case of `provider-error` with which `install` answers, or `rule`: a rule of the manifest refuses them.
    pub error: String,
}

/// Who makes the webhook. At least one of them.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Webhook {
    /// The plugin can.
    #[serde(default)]
    pub by_plugin: bool,
    /// The merchant can, by hand.
    pub by_hand: Option<ByHand>,
    /// Nobody can: the provider sends no deliveries.
    #[serde(skip)]
    pub is_none: bool,
}

/// What a merchant does at the provider's dashboard.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ByHand {
    /// Before the plugin is installed.
    #[serde(default)]
    pub before_install: Vec<Request>,
    /// The credentials that the merchant has of it, such as the signing secret.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
    /// After it, when `{webhook-url}` is known.
    #[serde(default)]
    pub after_install: Vec<Request>,
}

/// An HTTP request to the fake.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// The method. None: `POST` with a body, else `GET`.
    pub method: Option<String>,
    /// The URL.
    pub url: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<String>,
    /// What later requests use of the answer: a name, and the JSON pointer to a text. The query of a redirect is
    /// brought back by the customer's browser, without saying so here.
    #[serde(default)]
    pub take: BTreeMap<String, String>,
}

/// What happens at the fake.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The customer pays, or approves what has to be completed, at `{link}`.
    Pays,
    /// The customer tries to pay at `{link}` and is declined.
    IsDeclined,
    /// From now on each new refund fails, at once or later. Before the refund is asked for.
    RefundsFail,
    /// The refund `{refund}` succeeds. None: each refund succeeds by itself.
    RefundSucceeds,
}

impl Action {
    /// The name in the scenario.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pays => "pays",
            Self::IsDeclined => "is-declined",
            Self::RefundsFail => "refunds-fail",
            Self::RefundSucceeds => "refund-succeeds",
        }
    }

    /// What a provider lacks at which it cannot happen.
    #[must_use]
    pub fn missing(self) -> Option<Missing> {
        match self {
            Self::Pays => None,
            Self::IsDeclined => Some(Missing::Declines),
            Self::RefundsFail => Some(Missing::FailedRefunds),
            Self::RefundSucceeds => Some(Missing::Refunds),
        }
    }
}

/// How to count what there is at the fake.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Counts {
    /// The payments.
    pub payments: Option<Reading>,
    /// The refunds.
    pub refunds: Option<Reading>,
    /// The webhooks of the merchant's account.
    pub webhooks: Option<Reading>,
}

/// Something to read at the fake.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reading {
    /// The request.
    pub request: Request,
    /// The JSON pointer into its answer: a list or a number to count, a number or a text for an amount.
    pub pointer: String,
}

/// How deliveries are signed.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Signature {
    /// Whether the whole body is signed.
    pub body: bool,
    /// Which part of the value of a signature header counts: a regular expression for each header. None: all of it.
    pub headers: BTreeMap<String, String>,
    /// How old a delivery may be, and how far in the future, in seconds. None: deliveries have no age.
    pub tolerance_seconds: Option<u64>,
}

impl Default for Signature {
    fn default() -> Self {
        Self { body: true, headers: BTreeMap::new(), tolerance_seconds: None }
    }
}

/// An amount to charge.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Amount {
    /// The ISO 4217 code, in lower case.
    pub currency: String,
    /// In minor units.
    pub minor_units: u64,
    /// As the fake tells it. None: the fake is not asked.
    pub at_provider: Option<String>,
}

/// What a provider cannot do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Refunds.
    Refunds,
    /// Canceling a payment.
    Cancellation,
    /// Payments that have to be completed.
    Completion,
    /// Capturing later what was authorised: its payments have to be completed anyway, or never.
    ManualCapture,
    /// A list of events.
    Events,
    /// A customer who is declined.
    Declines,
    /// A refund that fails after it was asked for.
    FailedRefunds,
    /// Telling the amount of a payment otherwise than through the plugin.
    AmountsReadable,
    /// Deliveries that are signed.
    Signatures,
    /// Deliveries that say when they were signed.
    DeliveryAges,
    /// A live mode.
    LiveMode,
}

impl Missing {
    /// Why a rule does not apply.
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::Refunds => "the provider has no refunds",
            Self::Cancellation => "the provider cannot cancel a payment",
            Self::Completion => "no payment of the provider has to be completed",
            Self::ManualCapture => "the provider cannot capture later",
            Self::Events => "the provider has no list of events",
            Self::Declines => "the provider declines no customer",
            Self::FailedRefunds => "no refund of the provider fails later",
            Self::AmountsReadable => "the fake does not tell amounts",
            Self::Signatures => "the provider does not sign deliveries",
            Self::DeliveryAges => "a delivery does not say when it was signed",
            Self::LiveMode => "the provider has no live mode",
        }
    }
}

impl Scenario {
    /// Reads a scenario's file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no scenario.
    pub fn read(path: &Path) -> Result<Self, KitError> {
        let text = std::fs::read_to_string(path).map_err(KitError::ScenarioUnreadable)?;
        let mut scenario: Self = serde_json::from_str(&text)
            .map_err(|error| KitError::ScenarioInvalid(error.to_string()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).clone_into(&mut scenario.folder);
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), KitError> {
        let invalid = |why: &str| Err(KitError::ScenarioInvalid(why.to_owned()));
        if self.fake.is_empty() {
            return invalid("`fake` has no program");
        }
        if !self.webhook.by_plugin && self.webhook.by_hand.is_none() && !self.webhook.is_none {
            return invalid("`webhook` has neither `by-plugin` nor `by-hand`, and is not `none`");
        }
        if self.amounts.is_empty() {
            return invalid("`amounts` is empty");
        }
        for pattern in self.signature.headers.values() {
            if let Err(error) = regex::Regex::new(pattern) {
                return invalid(&format!("a pattern of `signature` cannot be used: {error}"));
            }
        }
        Ok(())
    }

    /// The folder of the scenario's file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends a case that needs what the provider cannot do.
    ///
    /// # Errors
    ///
    /// The provider cannot.
    pub fn needs(&self, what: Missing) -> Outcome {
        if self.can(what) { Ok(()) } else { not_applicable(what.because()) }
    }

    /// Ends a case that needs deliveries, if the provider sends none.
    ///
    /// # Errors
    ///
    /// The provider sends none.
    pub fn needs_deliveries(&self) -> Outcome {
        if self.webhook.is_none {
            not_applicable("the provider sends no deliveries")
        } else {
            Ok(())
        }
    }

    /// Whether the provider can do something.
    #[must_use]
    pub fn can(&self, what: Missing) -> bool {
        !self.no.contains(&what)
    }
}
