//! The providers of a host: one data folder, a marketplace for each.

use std::sync::{Arc, PoisonError, RwLock};

use super::open::OpenFolder;
use super::{Error, Marketplace, Options};
use crate::contract::types::Mode;
use crate::plugin::Plugin;
use crate::telemetry::Telemetry;

/// The marketplaces of a host, one for each provider, over one data folder. A clone is cheap, and shares everything.
#[derive(Clone)]
pub struct Providers(Arc<Inner>);

struct Inner {
    first: Slot,
    others: Vec<Slot>,
    telemetry: Arc<Telemetry>,
    /// The installed providers without a plugin, as of the last look.
    unserved: RwLock<Vec<String>>,
}

/// A provider, and the marketplace with the present version of its plugin.
struct Slot {
    provider: String,
    present: RwLock<Arc<Marketplace>>,
}

impl Slot {
    fn new(marketplace: Arc<Marketplace>) -> Self {
        let provider = marketplace.plugin().manifest().provider_id.clone();
        Self { provider, present: RwLock::new(marketplace) }
    }

    fn present(&self) -> Arc<Marketplace> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<Arc<Marketplace>> for Providers {
    fn from(marketplace: Arc<Marketplace>) -> Self {
        Self::of_slots(Slot::new(marketplace), Vec::new())
    }
}

impl Providers {
    /// Opens the data folder, which is created if it does not exist, for several plugins.
    ///
    /// # Errors
    ///
    /// As [`Marketplace::open`]; also, two plugins are of the same provider.
    pub fn open(first: Plugin, others: Vec<Plugin>, options: &Options<'_>) -> Result<Self, Error> {
        let mut ids = vec![&first.manifest().provider_id];
        for plugin in &others {
            let id = &plugin.manifest().provider_id;
            if ids.contains(&id) {
                return Err(Error::ProviderTwice(id.clone()));
            }
            ids.push(id);
        }
        let folder = OpenFolder::open(options)?;
        let slot = |plugin| {
            Ok::<_, Error>(Slot::new(Arc::new(Marketplace::over(&folder, plugin, options)?)))
        };
        let first = slot(first)?;
        let others = others.into_iter().map(slot).collect::<Result<_, _>>()?;
        Ok(Self::of_slots(first, others))
    }

    fn of_slots(first: Slot, others: Vec<Slot>) -> Self {
        let (telemetry, unserved) = (Arc::new(Telemetry::of_host()), RwLock::default());
        Self(Arc::new(Inner { first, others, telemetry, unserved }))
    }

    /// The providers that are installed here and of which no plugin is loaded: nobody takes their deliveries.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn unserved(&self) -> Result<Vec<String>, Error> {
        let mut installed = self.any().installed_providers().await?;
        installed.retain(|id| self.of(id).is_none());
        self.0.unserved.write().unwrap_or_else(PoisonError::into_inner).clone_from(&installed);
        Ok(installed)
    }

    /// Whether a provider was among them at the last look.
    #[must_use]
    pub fn is_unserved(&self, provider: &str) -> bool {
        let unserved = self.0.unserved.read().unwrap_or_else(PoisonError::into_inner);
        unserved.iter().any(|id| id == provider)
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        std::iter::once(&self.0.first).chain(&self.0.others)
    }

    /// The marketplace of a provider, by its id.
    #[must_use]
    pub fn of(&self, provider: &str) -> Option<Arc<Marketplace>> {
        self.slots().find(|slot| slot.provider == provider).map(Slot::present)
    }

    /// All marketplaces.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Marketplace>> {
        self.slots().map(Slot::present).collect()
    }

    /// The marketplace that somebody means: the one of this provider, or the only one.
    ///
    /// # Errors
    ///
    /// There is none of this provider, or there are several and none was named.
    pub fn meant(&self, provider: Option<&str>) -> Result<Arc<Marketplace>, Error> {
        let ids = || self.slots().map(|slot| slot.provider.clone()).collect();
        match provider {
            Some(id) => self.of(id).ok_or_else(|| Error::ProviderUnknown(ids())),
            None if self.0.others.is_empty() => Ok(self.any()),
            None => Err(Error::ProviderNotChosen(ids())),
        }
    }

    /// Any of the marketplaces, for what concerns the whole data folder.
    #[must_use]
    pub fn any(&self) -> Arc<Marketplace> {
        self.0.first.present()
    }

    /// Uses another version of a plugin from the next call on. Calls in progress are finished by the one before.
    ///
    /// # Errors
    ///
    /// It is of another provider, it is not approved, installations belong to the one before, its origins are invalid,
    /// or the ledger fails. Then the one before stays.
    pub async fn replace(&self, provider: &str, plugin: Plugin) -> Result<(), Error> {
        let slot = self.slots().find(|slot| slot.provider == provider);
        let slot = slot.filter(|slot| slot.provider == plugin.manifest().provider_id);
        let Some(slot) = slot else {
            let (served, given) = (provider.to_owned(), plugin.manifest().provider_id.clone());
            return Err(Error::ProviderChanged { served, given });
        };
        let next = slot.present().with_plugin(plugin)?;
        // Before anything is moved: those in live mode stay with the component that a person has approved.
        next.check_no_others(Some(Mode::Live)).await?;
        next.carry_over().await?;
        if !next.is_approved(None)? {
            return Err(next.not_approved());
        }
        next.check_no_others(None).await?;
        *slot.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(())
    }

    /// What all plugins share is counted and measured here.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.0.telemetry
    }

    /// Reconciles what is due, at once and then every few seconds, for every provider. It never returns.
    pub async fn reconcile_forever(self) {
        let mut rounds = tokio::task::JoinSet::new();
        for slot in self.slots() {
            let (providers, provider) = (self.clone(), slot.provider.clone());
            rounds.spawn(Marketplace::reconcile_forever(move || {
                // It is always there.
                providers.of(&provider).unwrap_or_else(|| providers.any())
            }));
        }
        while rounds.join_next().await.is_some() {}
    }
}
