//! The installations to which deliveries have come: an id in a URL may be any text, and these are in the ledger.

use std::sync::{Mutex, PoisonError};

use super::Marketplace;
use crate::recent::Recent;

/// How many are remembered. Our own choice.
const MOST_INSTALLATIONS: usize = 10_000;

/// The ids of installations that the ledger knows.
pub(super) struct KnownInstallations(Mutex<Recent<String, ()>>);

impl Default for KnownInstallations {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MOST_INSTALLATIONS)))
    }
}

impl KnownInstallations {
    /// The ledger knows an installation.
    pub fn add(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).of(id.to_owned());
    }
}

impl Marketplace {
    /// Whether a delivery has come to an installation with this id.
    #[must_use]
    pub fn knows_installation(&self, id: &str) -> bool {
        let mut known = self.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_mut(id).is_some()
    }
}
