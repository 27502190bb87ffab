//! The vault's key over the life of a data folder: the first one, a new one, and one that is missing.

use std::path::Path;
use std::sync::Arc;

use super::sealed::{is_opened_by, opens, reseal};
use super::{Error, Marketplace};
use crate::data_folder;
use crate::vault::{Rotation, Sealing, SecretKey, Vault, VaultError};
use ledger::Ledger;

/// A rotation of the vault's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// How many installations were sealed anew.
    pub installations: u64,
    /// Whether the new key has to be put into the environment.
    pub is_in_environment: bool,
}

/// The vault of a data folder, before the marketplace is opened. Its key is made where nothing is sealed.
///
/// # Errors
///
/// The folder or the ledger cannot be used.
pub fn vault_of(data_dir: &Path) -> Result<Arc<Vault>, Error> {
    data_folder::prepare(data_dir)?;
    let vault = Arc::new(Vault::of(data_dir));
    // What else is to be settled can wait for the marketplace.
    if vault.read().is_err() {
        prepare(&vault, &Ledger::open(&data_dir.join(data_folder::LEDGER))?)?;
    }
    Ok(vault)
}

/// Makes the key of a ledger in which nothing is sealed, and settles a rotation that was interrupted. If something
/// is sealed and there is no key, each use of a secret says so, and the rest can be used: an operator has to be
/// able to uninstall.
pub(super) fn prepare(vault: &Arc<Vault>, ledger: &Ledger) -> Result<(), Error> {
    // If somebody seals or rotates at this moment, a later command settles it.
    if vault.is_in_rotation()
        && let Some(rotation) = Rotation::begin_at_once(vault)?
    {
        settle(&rotation, ledger)?;
    }
    match vault.read() {
        Ok(_) => Ok(()),
        Err(error) if ledger.has_sealed()? => {
            tracing::warn!("{} No secret can be used.", error.problem().message);
            Ok(())
        }
        Err(VaultError::Missing(_)) => Ok(vault.create().map(drop)?),
        Err(error) => Err(error.into()),
    }
}

/// The key that may seal: what is sealed already opens with it. It is made where nothing is sealed.
fn key_for_sealing(vault: &Vault, ledger: &Ledger) -> Result<Arc<SecretKey>, Error> {
    match vault.read() {
        Ok(key) => {
            let is_right =
                !ledger.has_sealed()? || ledger.any_sealed(|sealed| opens(&key, sealed))?;
            if is_right { Ok(key) } else { Err(VaultError::DoesNotOpen.into()) }
        }
        Err(VaultError::Missing(_)) if !ledger.has_sealed()? => Ok(vault.create()?),
        Err(error) => Err(error.into()),
    }
}

/// Refused if something is sealed and the vault opens none of it.
pub(super) fn check_opens(vault: &Vault, ledger: &Ledger) -> Result<(), Error> {
    if !ledger.has_sealed()? {
        return Ok(());
    }
    vault.read()?;
    if ledger.any_sealed(|sealed| is_opened_by(vault, sealed))? {
        Ok(())
    } else {
        Err(VaultError::DoesNotOpen.into())
    }
}

/// Completes or takes back a rotation that was interrupted: the key that opens the sealed values stays.
fn settle(rotation: &Rotation, ledger: &Ledger) -> Result<(), Error> {
    let new = match rotation.interrupted_key() {
        Ok(None) => return Ok(()),
        Ok(new) => new,
        // It was interrupted while the key was written: nothing is sealed with it.
        Err(VaultError::MalformedFile(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let has_sealed = ledger.has_sealed()?;
    if let Some(new) = new
        && (!has_sealed || ledger.any_sealed(|sealed| opens(&new, sealed))?)
    {
        rotation.complete(&new)?;
        tracing::info!("an interrupted rotation of the vault's key was completed");
        return Ok(());
    }
    let old_opens = match rotation.vault().read() {
        Ok(old) => ledger.any_sealed(|sealed| opens(&old, sealed))?,
        Err(_) => false,
    };
    if old_opens || !has_sealed {
        rotation.discard()?;
        tracing::info!("an interrupted rotation of the vault's key was taken back");
    } else {
        // Neither key is known to be of no use.
        tracing::warn!("neither vault.key nor vault.key.new opens a stored secret");
    }
    Ok(())
}

impl Marketplace {
    /// What seals a secret that is stored next. Nobody rotates the key until it is dropped.
    ///
    /// # Errors
    ///
    /// The key is missing or is not the right one, or a rotation takes too long.
    pub(super) async fn sealing(&self) -> Result<Sealing, Error> {
        if self.vault.is_in_rotation() {
            self.settle_rotation().await?;
        }
        let vault = Arc::clone(&self.vault);
        // Not while the ledger is locked, which others need meanwhile.
        let lock = Self::blocking(move || Ok(vault.lock()?)).await?;
        let vault = Arc::clone(&self.vault);
        let key = self.change_alone(move |ledger| key_for_sealing(&vault, ledger)).await?;
        Ok(lock.with(key))
    }

    async fn settle_rotation(&self) -> Result<(), Error> {
        let vault = Arc::clone(&self.vault);
        // Not while nobody else can write.
        let rotation = Self::blocking(move || Ok(Rotation::begin(&vault)?)).await?;
        self.change_alone(move |ledger| settle(&rotation, ledger)).await
    }

    /// Seals every secret of every workspace with a new key, which takes the place of the old one. It is done
    /// completely or not at all, also if the process is killed. Where the key is in the environment, so is the new
    /// one.
    ///
    /// # Errors
    ///
    /// A secret does not open with the key, an install or a repair takes too long, or the environment has no new
    /// key. Nothing is changed then.
    pub async fn rotate_vault_key(&self) -> Result<Rotated, Error> {
        let vault = Arc::clone(&self.vault);
        let rotation = Self::blocking(move || Ok(Rotation::begin(&vault)?)).await?;
        let rotated = self.change_alone(move |ledger| rotate(&rotation, ledger)).await?;
        tracing::info!(installations = rotated.installations, "the vault's key was rotated");
        Ok(rotated)
    }
}

fn rotate(rotation: &Rotation, ledger: &mut Ledger) -> Result<Rotated, Error> {
    settle(rotation, ledger)?;
    let old = key_or_new(rotation.vault(), ledger)?;
    let new = rotation.make_key()?;
    if old.is(&new) {
        return Err(VaultError::SameKey.into());
    }
    let resealed = ledger.reseal(|sealed| reseal(&old, &new, sealed));
    match resealed {
        Ok(Ok(installations)) => {
            rotation.complete(&new)?;
            let is_in_environment = rotation.vault().is_in_environment();
            Ok(Rotated { installations, is_in_environment })
        }
        Ok(Err(error)) => {
            rotation.discard()?;
            Err(error.into())
        }
        Err(error) => {
            // It may have been stored all the same.
            settle(rotation, ledger)?;
            Err(error.into())
        }
    }
}

/// The key, which is made where nothing is sealed.
fn key_or_new(vault: &Vault, ledger: &Ledger) -> Result<Arc<SecretKey>, Error> {
    match vault.read() {
        Err(VaultError::Missing(_)) if !ledger.has_sealed()? => Ok(vault.create()?),
        key => Ok(key?),
    }
}
