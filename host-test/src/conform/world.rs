//! The surroundings of one case: a fake of its own, the interposer before it, and the door for its deliveries.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::Client;
use reqwest::header::LOCATION;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::case::{Ending, not_applicable, not_tested};
use super::door::Door;
use super::error::KitError;
use super::evidence::{Evidence, shown};
use super::fake_process::FakeProcess;
use super::interposer::Interposer;
use super::kit::{Kit, MadeBy};
use super::origins::stand_in;
use super::placeholders::Placeholders;
use super::scenario::{Action, Missing, Reading, Request, Values};
use crate::contract::types::{self, Mode, ModeSource};
use crate::egress::{Credentials, OriginOverride, client};
use crate::marketplace::webhook_urls;

/// The query that the customer's browser has brought back.
const RETURN_QUERY: &str = "return-query";

/// The surroundings of one case. Everything ends when this is dropped.
pub struct World {
    /// The plugin and the scenario.
    pub kit: Arc<Kit>,
    /// The mode.
    pub mode: Mode,
    /// What is written down.
    pub evidence: Evidence,
    /// A client of this computer.
    pub client: Client,
    /// Between the plugin and the fake.
    pub interposer: Interposer,
    /// Takes the deliveries.
    pub door: Door,
    /// The interposer in place of each origin, and the fake in place of each origin of pages.
    pub overrides: Vec<OriginOverride>,
    values: Mutex<Placeholders>,
    _fake: FakeProcess,
}

impl World {
    /// Starts a fake, and what stands around it.
    ///
    /// # Errors
    ///
    /// The scenario does not try the mode, or the kit cannot run.
    pub async fn start(kit: Arc<Kit>, evidence: Evidence, mode: Mode) -> Result<Self, Ending> {
        let credentials = match (mode, &kit.scenario.credentials.live) {
            (Mode::Test, _) => &kit.scenario.credentials.test,
            (Mode::Live, Some(live)) => live,
            (Mode::Live, None) => {
                kit.scenario.needs(Missing::LiveMode)?;
                return not_tested("the scenario has no credentials for live mode");
            }
        };
        let client = client().map_err(|error| KitError::Host(format!("no client: {error}")))?;
        let door = Door::open(client.clone(), evidence.clone()).await?;
        let mut values = Placeholders::default();
        values.set("host-test", kit.program.display().to_string());
        values.set("folder", kit.scenario.folder().display().to_string());
        values.set("door", door.origin());
        let urls = webhook_urls(&kit.plugin.manifest().provider_id, "").shared;
        let public = |url: &str| Url::parse(url).map(|url| url.origin().ascii_serialization());
        values.set("public-test", public(&urls.test).unwrap_or_default());
        values.set("public-live", public(&urls.live).unwrap_or_default());
        values.set("shared-url", if mode == Mode::Test { urls.test } else { urls.live });
        let command = kit.scenario.fake.iter().map(|part| values.fill(part));
        let command = command.collect::<Result<Vec<_>, _>>()?;
        let fake = FakeProcess::start(&command, kit.plugin.manifest()).await?;
        for (name, address) in &fake.addresses {
            values.set(name, address);
        }
        for (name, value) in credentials {
            values.set(name, value.expose_secret());
        }
        let is_of_mode = |origin: &&types::Origin| origin.mode.is_none_or(|only| only == mode);
        if let Some(origin) = kit.plugin.manifest().origins.iter().find(is_of_mode)
            && let Some(address) = kit.scenario.origins.get(&origin.url)
        {
            let address = values.fill(address)?;
            values.set("provider", address);
        }
        let fields = &kit.scenario.status_fields;
        let mut interposer =
            Interposer::new(client.clone(), evidence.clone(), fields, &kit.scenario.reads);
        let overrides = stand_in(&kit, &values, &mut interposer).await?;
        let world = Self {
            mode,
            evidence,
            client,
            interposer,
            door,
            overrides,
            values: Mutex::new(values),
            _fake: fake,
            kit,
        };
        world.hide(&world.kit.scenario.credentials.test);
        world.hide_all();
        Ok(world)
    }

    fn hide_all(&self) {
        let sets = &self.kit.scenario.credentials;
        let wrong = sets.wrong.iter().map(|wrong| &wrong.values);
        for values in sets.live.iter().chain(&sets.another).chain(wrong) {
            self.hide(values);
        }
    }

    fn hide(&self, values: &Values) {
        for field in &self.kit.plugin.manifest().credentials {
            if let Some(value) = values.get(&field.name).filter(|_| field.secret) {
                self.evidence.hide(value.expose_secret());
            }
        }
    }

    fn values(&self) -> MutexGuard<'_, Placeholders> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a value for the requests of the scenario.
    pub fn set(&self, name: &str, value: impl Into<String>) {
        self.values().set(name, value);
    }

    /// The query that the customer's browser has brought back, if it was sent back with one.
    #[must_use]
    pub fn return_query(&self) -> Option<String> {
        self.values().get(RETURN_QUERY).map(str::to_owned)
    }

    /// The mode that the merchant has chosen, where the credentials do not tell it.
    #[must_use]
    pub fn chosen_mode(&self) -> Option<Mode> {
        (self.kit.plugin.manifest().mode_source == ModeSource::Merchant).then_some(self.mode)
    }

    /// What the merchant does before the plugin is installed. Returns the credentials.
    ///
    /// # Errors
    ///
    /// The webhook is not made so, or the fake refuses.
    pub async fn before_install(&self, made_by: MadeBy) -> Result<Credentials, Ending> {
        let sets = &self.kit.scenario.credentials;
        let values = match self.mode {
            Mode::Test => &sets.test,
            Mode::Live => sets.live.as_ref().unwrap_or(&sets.test),
        };
        let mut given: Vec<(String, SecretString)> =
            values.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let by_hand = match (made_by, &self.kit.scenario.webhook.by_hand) {
            (MadeBy::Nobody, _) => None,
            (MadeBy::Plugin, _) if self.kit.scenario.webhook.by_plugin => None,
            (MadeBy::Plugin, _) => return not_applicable("the plugin cannot make the webhook"),
            (_, Some(by_hand)) => Some(by_hand),
            (_, None) => return not_applicable("the merchant cannot make the webhook by hand"),
        };
        if let Some(by_hand) = by_hand {
            for request in &by_hand.before_install {
                self.send("a request of `before-install`", request).await?;
            }
            for (name, value) in &by_hand.credentials {
                let value = self.values().fill(value)?;
                self.evidence.hide(&value);
                self.set(name, value.clone());
                if made_by == MadeBy::Hand {
                    given.push((name.clone(), SecretString::from(value)));
                }
            }
        }
        Ok(Credentials::new(given))
    }

    /// What the merchant does when the URL of the webhook is known.
    ///
    /// # Errors
    ///
    /// The fake refuses.
    pub async fn after_install(&self, made_by: MadeBy, url: &str) -> Result<(), Ending> {
        self.set("webhook-url", url);
        if let (MadeBy::Hand | MadeBy::HandWithoutSecret, Some(by_hand)) =
            (made_by, &self.kit.scenario.webhook.by_hand)
        {
            for request in &by_hand.after_install {
                self.send("a request of `after-install`", request).await?;
            }
        }
        Ok(())
    }

    /// Lets something happen at the fake.
    ///
    /// # Errors
    ///
    /// The scenario does not say how, or the fake refuses.
    pub async fn act(&self, action: Action) -> Result<(), Ending> {
        let name = action.as_str();
        if let Some(missing) = action.missing() {
            self.kit.scenario.needs(missing)?;
        }
        let Some(requests) = self.kit.scenario.actions.get(&action) else {
            return not_tested(format!("the scenario has no action `{name}`"));
        };
        for request in requests {
            self.send(&format!("the action `{name}`"), request).await?;
        }
        Ok(())
    }

    /// Sends a request of the scenario, and takes from its answer what later ones use.
    async fn send(&self, what: &str, request: &Request) -> Result<Value, KitError> {
        let (url, body, headers) = {
            let values = self.values();
            let headers = request.headers.iter();
            let headers = headers.map(|(name, value)| Ok((name, values.fill(value)?)));
            let body = request.body.as_ref().map(|body| values.fill(body)).transpose()?;
            (values.fill(&request.url)?, body, headers.collect::<Result<Vec<_>, KitError>>()?)
        };
        let usual = if body.is_some() { "POST" } else { "GET" };
        let method = request.method.as_deref().unwrap_or(usual);
        let invalid = || KitError::ScenarioInvalid(format!("the method {method} does not exist"));
        let parsed = method.parse::<reqwest::Method>().map_err(|_| invalid())?;
        let mut sending = self.client.request(parsed, &url);
        for (name, value) in headers {
            sending = sending.header(name, value);
        }
        let sending = sending.body(body.unwrap_or_default());
        let failed = |error: reqwest::Error| {
            KitError::refused(what, &self.evidence.masked(&format!("{method} {url}: {error}")))
        };
        let reply = sending.send().await.map_err(failed)?;
        let status = reply.status();
        if let Some(location) = reply.headers().get(LOCATION).and_then(|to| to.to_str().ok())
            && let Some((_, query)) = location.split_once('?')
        {
            self.set(RETURN_QUERY, query);
        }
        let body = reply.bytes().await.map_err(failed)?;
        self.evidence.add(&format!("{what}: {method} {url} → {}", status.as_u16()));
        if status.is_client_error() || status.is_server_error() {
            let said = self.evidence.masked(&shown(&body));
            return Err(KitError::refused(what, &format!("{method} {url} → {status}: {said}")));
        }
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        for (name, pointer) in &request.take {
            let missing =
                || KitError::refused(what, &format!("its answer has nothing at {pointer}"));
            self.set(name, text_at(&json, pointer).ok_or_else(missing)?);
        }
        Ok(json)
    }

    /// Reads a text or a number at the fake.
    ///
    /// # Errors
    ///
    /// The fake refuses, or has nothing there.
    pub async fn read(&self, what: &str, reading: &Reading) -> Result<String, Ending> {
        let json = self.send(what, &reading.request).await?;
        let missing =
            || KitError::refused(what, &format!("its answer has nothing at {}", reading.pointer));
        Ok(text_at(&json, &reading.pointer).ok_or_else(missing)?)
    }

    /// Counts what there is at the fake. `None` of `reading`: not tested.
    ///
    /// # Errors
    ///
    /// The scenario does not say how, or the fake refuses.
    pub async fn count(&self, what: &str, reading: Option<&Reading>) -> Result<u64, Ending> {
        let Some(reading) = reading else {
            return not_tested(format!("the scenario does not say how to count {what}"));
        };
        let json = self.send(&format!("counting {what}"), &reading.request).await?;
        let found = json.pointer(&reading.pointer);
        let count = found.and_then(|found| match found {
            Value::Array(entries) => u64::try_from(entries.len()).ok(),
            number => number.as_u64(),
        });
        let missing = || {
            KitError::refused(
                what,
                &format!("its answer has no list or number at {}", reading.pointer),
            )
        };
        Ok(count.ok_or_else(missing)?)
    }
}

fn text_at(json: &Value, pointer: &str) -> Option<String> {
    match json.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
