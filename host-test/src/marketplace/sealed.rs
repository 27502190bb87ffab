//! An installation's secrets between the ledger and a use case: sealed by the vault in one direction,
//! opened in the other.

use secrecy::ExposeSecret as _;

use super::stored_record::StoredRecord;
use super::{Error, Marketplace};
use crate::contract::types::Installation;
use crate::egress::Credentials;
use ledger::StoredInstallation;

/// An installation with its secrets opened.
pub(super) struct OpenedInstallation {
    pub stored: StoredInstallation,
    pub installation: Installation,
    pub credentials: Credentials,
}

impl Marketplace {
    /// The installation with its secrets. Refused unless it belongs to this component.
    pub(super) fn open_installation(
        &self,
        stored: StoredInstallation,
    ) -> Result<OpenedInstallation, Error> {
        let credentials = self.open_credentials(&stored)?;
        let sealed = stored.sealed_installation.as_deref().ok_or(Error::NotInstalled)?;
        let json = self.vault.open_sealed(&installation_context(&stored.id), sealed)?;
        let record: StoredRecord =
            serde_json::from_slice(&json).map_err(|_| Error::InstallationUnreadable)?;
        Ok(OpenedInstallation { stored, installation: record.into(), credentials })
    }

    /// Its credentials. Refused unless it belongs to this component.
    pub(super) fn open_credentials(
        &self,
        stored: &StoredInstallation,
    ) -> Result<Credentials, Error> {
        self.check_belongs(stored)?;
        let sealed = stored.sealed_credentials.as_deref().ok_or(Error::NotInstalled)?;
        let json = self.vault.open_sealed(&credentials_context(&stored.id), sealed)?;
        let pairs: Vec<(String, String)> =
            serde_json::from_slice(&json).map_err(|_| Error::InstallationUnreadable)?;
        Ok(Credentials::new(pairs.into_iter().map(|(name, value)| (name, value.into()))))
    }

    pub(super) fn seal_credentials(
        &self,
        id: &str,
        credentials: &Credentials,
    ) -> Result<Vec<u8>, Error> {
        let pairs: Vec<(&str, &str)> =
            credentials.iter().map(|(name, secret)| (name, secret.expose_secret())).collect();
        let json = serde_json::to_vec(&pairs).map_err(|_| Error::InstallationUnreadable)?;
        Ok(self.vault.seal(&credentials_context(id), &json)?)
    }

    pub(super) fn seal_installation(&self, installation: &Installation) -> Result<Vec<u8>, Error> {
        let record = StoredRecord::from(installation.clone());
        let json = serde_json::to_vec(&record).map_err(|_| Error::InstallationUnreadable)?;
        Ok(self.vault.seal(&installation_context(&installation.installation_id), &json)?)
    }
}

// A sealed value opens only in the context that it was sealed for, so that values cannot be swapped
// between rows or columns.

fn credentials_context(installation_id: &str) -> String {
    format!("{installation_id}/credentials")
}

fn installation_context(installation_id: &str) -> String {
    format!("{installation_id}/record")
}
