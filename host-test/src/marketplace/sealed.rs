//! An installation's secrets between the ledger and a use case: sealed by the vault in one direction,
//! opened in the other.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::stored_record::StoredRecord;
use super::{Error, Marketplace};
use crate::contract::types::Installation;
use crate::egress::Credentials;
use crate::vault::{Sealing, SecretKey, Vault, VaultError};
use ledger::{SealedInstallation, StoredInstallation};

/// An installation with its secrets opened.
pub(super) struct OpenedInstallation {
    pub stored: StoredInstallation,
    pub installation: Installation,
    pub credentials: Credentials,
}

impl Marketplace {
    /// The installation with its secrets. Refused unless it belongs to this component.
    pub(super) async fn open_installation(
        &self,
        mut stored: StoredInstallation,
    ) -> Result<OpenedInstallation, Error> {
        let opened = match self.record_in(&stored) {
            Err(Error::Vault(VaultError::DoesNotOpen)) => {
                self.read_again(&mut stored).await?;
                self.record_in(&stored)
            }
            opened => opened,
        };
        let (installation, credentials) = opened?;
        Ok(OpenedInstallation { stored, installation, credentials })
    }

    pub(super) async fn open_credentials(
        &self,
        stored: &mut StoredInstallation,
    ) -> Result<Credentials, Error> {
        match self.credentials_in(stored) {
            Err(Error::Vault(VaultError::DoesNotOpen)) => {
                self.read_again(stored).await?;
                self.credentials_in(stored)
            }
            opened => opened,
        }
    }

    /// Reads the sealed values again: a rotation may have sealed them anew since they were read.
    async fn read_again(&self, stored: &mut StoredInstallation) -> Result<(), Error> {
        let id = stored.id.clone();
        let current = self.read(move |ledger| ledger.installation(&id)).await?;
        let current = current.ok_or(Error::NotInstalled)?;
        stored.sealed_credentials = current.sealed_credentials;
        stored.sealed_installation = current.sealed_installation;
        Ok(())
    }

    fn record_in(&self, stored: &StoredInstallation) -> Result<(Installation, Credentials), Error> {
        let credentials = self.credentials_in(stored)?;
        let sealed = stored.sealed_installation.as_deref().ok_or(Error::NotInstalled)?;
        let json = self.vault.open_sealed(&record_context(&stored.id), sealed)?;
        let record: StoredRecord =
            serde_json::from_slice(&json).map_err(|_| Error::InstallationUnreadable)?;
        Ok((record.into(), credentials))
    }

    /// Its credentials. Refused unless it belongs to this component.
    fn credentials_in(&self, stored: &StoredInstallation) -> Result<Credentials, Error> {
        self.check_belongs(stored)?;
        let sealed = stored.sealed_credentials.as_deref().ok_or(Error::NotInstalled)?;
        let json = self.vault.open_sealed(&credentials_context(&stored.id), sealed)?;
        let pairs: Vec<(String, SecretString)> =
            serde_json::from_slice(&json).map_err(|_| Error::InstallationUnreadable)?;
        Ok(Credentials::new(pairs))
    }
}

pub(super) fn seal_credentials(
    sealing: &Sealing,
    id: &str,
    credentials: &Credentials,
) -> Result<Vec<u8>, Error> {
    let pairs: Vec<(&str, &str)> =
        credentials.iter().map(|(name, secret)| (name, secret.expose_secret())).collect();
    Ok(sealing.seal(&credentials_context(id), &json(&pairs)?)?)
}

pub(super) fn seal_installation(
    sealing: &Sealing,
    installation: &Installation,
) -> Result<Vec<u8>, Error> {
    let record = StoredRecord::from(installation.clone());
    Ok(sealing.seal(&record_context(&installation.installation_id), &json(&record)?)?)
}

/// Whether a key opens what is sealed.
pub(super) fn opens(key: &SecretKey, sealed: &SealedInstallation) -> bool {
    all_values(sealed, |context, value| key.open_sealed(context, value).is_ok())
}

/// Whether the vault opens what is sealed, with the key that is on the disk now.
pub(super) fn is_opened_by(vault: &Vault, sealed: &SealedInstallation) -> bool {
    all_values(sealed, |context, value| vault.open_sealed(context, value).is_ok())
}

/// Whether something is true of each sealed value, with its context.
fn all_values(sealed: &SealedInstallation, is_true: impl Fn(&str, &[u8]) -> bool) -> bool {
    let is_true = |context: String, value: &Option<Vec<u8>>| {
        value.as_ref().is_none_or(|value| is_true(&context, value))
    };
    is_true(credentials_context(&sealed.id), &sealed.credentials)
        && is_true(record_context(&sealed.id), &sealed.record)
}

/// Seals with a new key what the old one opens. What is sealed with the new key already stays so: an operator whose
/// keys are in the environment may run a rotation twice.
pub(super) fn reseal(
    old: &SecretKey,
    new: &SecretKey,
    sealed: SealedInstallation,
) -> Result<SealedInstallation, VaultError> {
    let reseal = |context: String, value: Option<Vec<u8>>| {
        let Some(value) = value else { return Ok(None) };
        let opened = old.open_sealed(&context, &value);
        let opened = opened.or_else(|_| new.open_sealed(&context, &value))?;
        new.seal(&context, &opened).map(Some)
    };
    Ok(SealedInstallation {
        credentials: reseal(credentials_context(&sealed.id), sealed.credentials)?,
        record: reseal(record_context(&sealed.id), sealed.record)?,
        id: sealed.id,
    })
}

/// JSON in a buffer that is erased. It has its size from the start: one that grows leaves copies behind.
fn json(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let unreadable = |_| Error::InstallationUnreadable;
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_err(unreadable)?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, value).map_err(unreadable)?;
    Ok(json)
}

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// A sealed value opens only in the context that it was sealed for, so that values cannot be swapped
// between rows or columns.

fn credentials_context(installation_id: &str) -> String {
    format!("{installation_id}/credentials")
}

fn record_context(installation_id: &str) -> String {
    format!("{installation_id}/record")
}
