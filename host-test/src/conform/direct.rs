//! The plugin itself, called as a marketplace calls it: for what the contract says of single answers.

use std::sync::Arc;

use serde::Serialize;

use super::case::{Ending, described, expect_contract, failed};
use super::error::KitError;
use super::evidence::{Evidence, shown};
use super::kit::{Kit, MadeBy};
use super::told::Told;
use super::world::World;
use crate::contract::types::{InstallRequest, Installation, Mode, WebhookOwner};
use crate::egress::{
    Clients, Credentials, Gateway, LoopbackOrigin, OriginOverride, Policy, RequestLimits,
};
use crate::fair_places::Owner;
use crate::marketplace::webhook_urls;
use crate::plugin::{Call, CallError, Plugin};
use crate::telemetry::Telemetry;

/// An installed plugin whose functions are called one by one.
pub struct Direct {
    /// What stands around it.
    pub world: World,
    /// The plugin.
    pub plugin: Plugin,
    /// What the plugin has made of `install` and `repair`.
    pub installation: Installation,
    /// What it was installed with.
    pub request: InstallRequest,
    credentials: Credentials,
    gateway: Gateway,
    telemetry: Arc<Telemetry>,
}

/// One of several installations of the plugin.
pub struct Identity {
    installation: Installation,
    request: InstallRequest,
}

/// A new id, as the contract wants it.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl Direct {
    /// Starts a world and installs the plugin in test mode, as usual.
    ///
    /// # Errors
    ///
    /// The plugin cannot be installed, or the kit cannot run.
    pub async fn start(kit: Arc<Kit>, evidence: Evidence) -> Result<Self, Ending> {
        let made_by = kit.usual_webhook();
        let world = World::start(kit, evidence, Mode::Test).await?;
        Self::install(world, made_by).await
    }

    /// Installs the plugin in a world.
    ///
    /// # Errors
    ///
    /// The plugin cannot be installed, or the kit cannot run.
    pub async fn install(world: World, made_by: MadeBy) -> Result<Self, Ending> {
        let credentials = world.before_install(made_by).await?;
        let mut direct = Self::prepare(world, made_by, credentials)?;
        direct.install_again().await?;
        direct.world.after_install(made_by, &direct.own_url()).await?;
        Ok(direct)
    }

    /// Calls `install`, also once more at the same fake, after an uninstall.
    ///
    /// # Errors
    ///
    /// The plugin cannot be installed.
    pub async fn install_again(&mut self) -> Result<(), Ending> {
        let id = new_id();
        self.request.webhook_urls = webhook_urls(&self.plugin.manifest().provider_id, &id);
        self.request.installation_id = id;
        let installed = self.plugin.install(self.call(), &self.request).await;
        if let Ok(Ok(installation)) = &installed {
            self.hide(installation);
        }
        self.installation = self.expect_ok("install", installed)?;
        Ok(())
    }

    /// A plugin that is not installed yet.
    ///
    /// # Errors
    ///
    /// The manifest's rules refuse the credentials.
    pub fn prepare(
        world: World,
        made_by: MadeBy,
        credentials: Credentials,
    ) -> Result<Self, Ending> {
        let plugin = world.kit.plugin.clone();
        let manifest = plugin.manifest();
        let accepted = plugin.rules().classify(&credentials, world.chosen_mode());
        let accepted = accepted.or_else(|error| failed(described(error.problem())))?;
        let id = new_id();
        let request = InstallRequest {
            installation_id: id.clone(),
            workspace: new_id(),
            mode: accepted.mode,
            credentials: plugin.rules().for_plugin(&accepted, &credentials, |_| true),
            webhook_urls: webhook_urls(&manifest.provider_id, &id),
            webhook_owner: match made_by {
                // As the marketplace asks where no merchant makes one.
                MadeBy::Plugin | MadeBy::Nobody => WebhookOwner::Plugin,
                MadeBy::Hand | MadeBy::HandWithoutSecret => WebhookOwner::Merchant,
            },
            known_payment: None,
        };
        let telemetry = Arc::new(Telemetry::new(&manifest.provider_id));
        let gateway = gateway(&plugin, &world.overrides, &telemetry)?;
        let installation = Installation::ad_hoc(Vec::new());
        Ok(Self { world, plugin, installation, request, credentials, gateway, telemetry })
    }

    /// Which installation it is now.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { installation: self.installation.clone(), request: self.request.clone() }
    }

    /// The next calls are those of another installation.
    pub fn become_installation(&mut self, identity: &Identity) {
        self.installation = identity.installation.clone();
        self.request = identity.request.clone();
    }

    /// From now on the signing secrets of an installation are masked.
    pub fn hide(&self, installation: &Installation) {
        for secret in &installation.webhook.signing_secrets {
            self.world.evidence.hide(secret);
        }
    }

    /// What one call may reach.
    #[must_use]
    pub fn call(&self) -> Call {
        self.gateway.egress(self.owner(), self.request.mode, self.credentials.clone()).into()
    }

    /// The same, where nothing listens at the provider's addresses as long as the socket is kept.
    ///
    /// # Errors
    ///
    /// The kit has no port.
    pub fn call_to_nowhere(&self) -> Result<(Call, tokio::net::TcpSocket), Ending> {
        let failed = |error| KitError::Host(format!("no port could be opened: {error}"));
        // Bound and not listening: connections are refused, and nobody else gets the port.
        let socket = tokio::net::TcpSocket::new_v4().map_err(failed)?;
        socket.bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).map_err(failed)?;
        let address = format!("http://{}", socket.local_addr().map_err(failed)?);
        let to = address.parse().map_err(KitError::from)?;
        let to: LoopbackOrigin = to;
        let closed = |of: &OriginOverride| OriginOverride { to: to.clone(), ..of.clone() };
        let overrides: Vec<OriginOverride> = self.world.overrides.iter().map(closed).collect();
        let gateway = gateway(&self.plugin, &overrides, &self.telemetry)?;
        let call = gateway.egress(self.owner(), self.request.mode, self.credentials.clone());
        Ok((call.into(), socket))
    }

    fn owner(&self) -> Owner {
        Owner::new(&self.plugin.manifest().provider_id, &self.request.installation_id)
    }

    /// Whether the host has denied a request.
    #[must_use]
    pub fn denied(&self) -> bool {
        self.telemetry.text().contains(r#"event="denied""#)
    }

    /// The URL of the installation.
    #[must_use]
    pub fn own_url(&self) -> String {
        let urls = &self.request.webhook_urls.installation;
        match self.request.mode {
            Mode::Test => urls.test.clone(),
            Mode::Live => urls.live.clone(),
        }
    }

    /// Writes an answer down. A call that was ended, or whose answer was refused, fails the case.
    ///
    /// # Errors
    ///
    /// The call was ended, or its answer is not what the contract allows.
    pub fn told<T: Serialize, E: Told>(
        &self,
        function: &str,
        answer: Result<Result<T, E>, CallError>,
    ) -> Result<Result<T, E>, Ending> {
        let evidence = &self.world.evidence;
        match answer {
            Ok(Ok(value)) => {
                let json = serde_json::to_vec(&value).unwrap_or_default();
                evidence.add(&format!("{function} → ok: {}", shown(&json)));
                Ok(Ok(value))
            }
            Ok(Err(error)) => {
                let problem = error.told();
                evidence.add(&format!("{function} → {}: {}", error.case(), described(problem)));
                expect_contract(problem).map_err(|ending| in_function(function, ending))?;
                Ok(Err(error))
            }
            Err(error) => {
                evidence.add(&format!("{function} → no answer: {error}"));
                Err(in_function(function, error.into()))
            }
        }
    }

    /// The value of an answer. An error fails the case.
    ///
    /// # Errors
    ///
    /// The answer is an error, or as `told`.
    pub fn expect_ok<T: Serialize, E: Told>(
        &self,
        function: &str,
        answer: Result<Result<T, E>, CallError>,
    ) -> Result<T, Ending> {
        match self.told(function, answer)? {
            Ok(value) => Ok(value),
            Err(error) => failed(format!(
                "{function} answers {} where nothing is wrong: {}",
                error.case(),
                described(error.told())
            )),
        }
    }
}

fn gateway(
    plugin: &Plugin,
    overrides: &[OriginOverride],
    telemetry: &Arc<Telemetry>,
) -> Result<Gateway, KitError> {
    let policy = Policy::new(plugin.manifest(), overrides)?;
    let clients = Clients::new().map_err(|error| KitError::Host(format!("no client: {error}")))?;
    Ok(Gateway::new(clients, policy, RequestLimits::default(), Arc::clone(telemetry)))
}

fn in_function(function: &str, ending: Ending) -> Ending {
    match ending {
        Ending::Failed(why) => Ending::Failed(format!("{function}: {why}")),
        other => other,
    }
}
