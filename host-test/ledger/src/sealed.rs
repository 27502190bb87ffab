//! The sealed values of installations: whether there are any, and sealing them anew with another key.

use rusqlite::{Connection, params};

use super::{Ledger, LedgerError};

/// How many installations are read at once, so that memory does not grow with the ledger. Our own choice.
const PAGE: u32 = 256;

/// The secrets of an installation, sealed by the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedInstallation {
    /// The installation's id.
    pub id: String,
    /// The credentials.
    pub credentials: Option<Vec<u8>>,
    /// The plugin's `installation` record.
    pub record: Option<Vec<u8>>,
}

impl Ledger {
    /// Whether any installation, in any state, has a sealed value.
    pub fn has_sealed(&self) -> Result<bool, LedgerError> {
        // No record is stored without its credentials.
        let found = self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM installations WHERE sealed_credentials IS NOT NULL)",
            )?
            .query_row([], |row| row.get(0));
        Ok(found?)
    }

    /// Whether `is_true` holds for any installation that has a sealed value.
    pub fn any_sealed(
        &self,
        mut is_true: impl FnMut(&SealedInstallation) -> bool,
    ) -> Result<bool, LedgerError> {
        let mut last = 0;
        loop {
            let page = sealed_after(&self.connection, last)?;
            let Some((position, _)) = page.last() else { return Ok(false) };
            last = *position;
            if page.iter().any(|(_, sealed)| is_true(sealed)) {
                return Ok(true);
            }
        }
    }

    /// Replaces every sealed value in one transaction by what `reseal` makes of it, and returns of how many
    /// installations. If `reseal` fails, nothing is changed and its error is the inner one. Nobody can store a
    /// sealed value meanwhile, and the old values are overwritten.
    pub fn reseal<E>(
        &mut self,
        mut reseal: impl FnMut(SealedInstallation) -> Result<SealedInstallation, E>,
    ) -> Result<Result<u64, E>, LedgerError> {
        let transaction = self.write()?;
        let (mut last, mut number) = (0, 0);
        loop {
            let page = sealed_after(&transaction, last)?;
            if page.is_empty() {
                break;
            }
            for (position, sealed) in page {
                let new = match reseal(sealed) {
                    Ok(new) => new,
                    Err(error) => return Ok(Err(error)),
                };
                transaction
                    .prepare_cached(
                        "UPDATE installations SET sealed_credentials = ?2, sealed_installation = ?3
                         WHERE rowid = ?1",
                    )?
                    .execute(params![position, new.credentials, new.record])?;
                last = position;
                number += 1;
            }
        }
        // The old key has sealed them, and nobody needs them.
        transaction.prepare_cached("DELETE FROM kept_deliveries")?.execute([])?;
        transaction.commit()?;
        self.truncate_log();
        Ok(Ok(number))
    }
}

/// The next installations with sealed values, each with its position. All of them together read the whole table,
/// so that no value can be missed.
fn sealed_after(
    connection: &Connection,
    position: i64,
) -> Result<Vec<(i64, SealedInstallation)>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT rowid, id, sealed_credentials, sealed_installation FROM installations
         WHERE rowid > ?1 AND (sealed_credentials IS NOT NULL OR sealed_installation IS NOT NULL)
         ORDER BY rowid LIMIT ?2",
    )?;
    let rows = statement.query_map(params![position, PAGE], |row| {
        let sealed =
            SealedInstallation { id: row.get(1)?, credentials: row.get(2)?, record: row.get(3)? };
        Ok((row.get(0)?, sealed))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Mode;
    use crate::{Component, StoredInstallation};

    fn installed(ledger: &mut Ledger, number: u32) -> StoredInstallation {
        let id = number.to_string();
        let new = StoredInstallation {
            sealed_credentials: Some(vec![1]),
            mode: Some(Mode::Test),
            ..StoredInstallation::installing(&id, &id, "P", Component::some())
        };
        ledger.begin_installation(&new, 1).unwrap();
        new
    }

    #[test]
    fn every_sealed_value_is_replaced_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        assert!(!ledger.has_sealed().unwrap());
        // More than a page: one is being installed, one is draining, one has ended, the others are active.
        let number = PAGE + 40;
        for id in 0..number {
            let new = installed(&mut ledger, id);
            assert!(ledger.has_sealed().unwrap());
            if id > 0 {
                ledger.store_installation(&new, &[1], &[2], Mode::Test, None, 1).unwrap();
            }
        }
        ledger.begin_draining("1", 100, 1).unwrap();
        ledger.finish_uninstalling("2", 1).unwrap();

        let mut left = 10;
        let refused = ledger.reseal(|sealed| {
            left -= 1;
            if left == 0 { Err("no") } else { Ok(SealedInstallation { record: None, ..sealed }) }
        });
        assert_eq!(refused.unwrap(), Err("no"));
        let changed = |sealed: &SealedInstallation| sealed.record.is_none() && sealed.id != "0";
        assert!(!ledger.any_sealed(changed).unwrap());

        let more = |bytes: Option<Vec<u8>>| bytes.map(|bytes| [bytes, vec![9]].concat());
        let resealed = ledger.reseal(|sealed| {
            let (credentials, record) = (more(sealed.credentials), more(sealed.record));
            Ok::<_, ()>(SealedInstallation { credentials, record, ..sealed })
        });
        assert_eq!(resealed.unwrap(), Ok(u64::from(number) - 1));
        let stored = |ledger: &Ledger, id| {
            let stored = ledger.installation(id).unwrap().unwrap();
            (stored.sealed_credentials, stored.sealed_installation)
        };
        assert_eq!(stored(&ledger, "0"), (Some(vec![1, 9]), None));
        assert_eq!(stored(&ledger, "1"), (Some(vec![1, 9]), Some(vec![2, 9])));
        assert_eq!(stored(&ledger, "2"), (None, None));
        assert_eq!(stored(&ledger, "290"), (Some(vec![1, 9]), Some(vec![2, 9])));
    }

    #[test]
    fn nothing_is_sealed_once_everything_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        installed(&mut ledger, 1);
        assert!(ledger.any_sealed(|sealed| sealed.id == "1").unwrap());
        ledger.begin_draining("1", 100, 1).unwrap();
        ledger.finish_uninstalling("1", 1).unwrap();
        assert!(!ledger.has_sealed().unwrap());
    }
}
