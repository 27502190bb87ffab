//! Deliveries as they came, for a developer who repeats them.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Ledger, LedgerError};

/// How many deliveries of a provider are kept. Our own choice.
const MOST_KEPT: u32 = 200;

/// A delivery as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDelivery {
    /// The id of its installation.
    pub installation: String,
    /// The provider's id of its event. None: it was not verified.
    pub event: Option<String>,
    /// When it was received, in Unix seconds.
    pub received_at: u64,
    /// How many bytes its body has.
    pub size_bytes: u64,
    /// Its headers, its query and its body, sealed.
    pub sealed: Vec<u8>,
    /// The word of the answer.
    pub outcome: String,
    /// The code of the reason. None: it was simply accepted.
    pub code: Option<String>,
}

impl Ledger {
    /// Keeps a delivery. The oldest ones of its provider are deleted when there are too many. Returns its number.
    pub fn keep_delivery(
        &mut self,
        provider: &str,
        delivery: &KeptDelivery,
    ) -> Result<u64, LedgerError> {
        let transaction = self.write()?;
        transaction
            .prepare_cached(
                "INSERT INTO kept_deliveries
                 (provider, installation, event, received_at, size_bytes, sealed, outcome, code)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                provider,
                delivery.installation,
                delivery.event,
                delivery.received_at,
                delivery.size_bytes,
                delivery.sealed,
                delivery.outcome,
                delivery.code
            ])?;
        let number = u64::try_from(transaction.last_insert_rowid()).unwrap_or_default();
        // The index of an event begins with the provider.
        transaction
            .prepare_cached(
                "DELETE FROM kept_deliveries WHERE id IN
                 (SELECT id FROM kept_deliveries WHERE provider = ?1
                  ORDER BY id DESC LIMIT -1 OFFSET ?2)",
            )?
            .execute(params![provider, MOST_KEPT])?;
        transaction.commit()?;
        Ok(number)
    }

    /// The newest delivery of an event, or the one of this number.
    pub fn kept_delivery(
        &self,
        provider: &str,
        event_or_number: &str,
    ) -> Result<Option<(u64, KeptDelivery)>, LedgerError> {
        let by_event = self
            .connection
            .prepare_cached(
                "SELECT id, installation, event, received_at, size_bytes, sealed, outcome, code
                 FROM kept_deliveries WHERE provider = ?1 AND event = ?2 ORDER BY id DESC LIMIT 1",
            )?
            .query_row(params![provider, event_or_number], kept)
            .optional()?;
        let Some(number) = event_or_number.parse::<u64>().ok().filter(|_| by_event.is_none())
        else {
            return Ok(by_event);
        };
        let by_number = self
            .connection
            .prepare_cached(
                "SELECT id, installation, event, received_at, size_bytes, sealed, outcome, code
                 FROM kept_deliveries WHERE id = ?2 AND provider = ?1",
            )?
            .query_row(params![provider, number], kept)
            .optional()?;
        Ok(by_number)
    }

    /// The kept deliveries of a provider, the newest first.
    pub fn kept_deliveries(
        &self,
        provider: &str,
        limit: u32,
    ) -> Result<Vec<(u64, KeptDelivery)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, installation, event, received_at, size_bytes, sealed, outcome, code
             FROM kept_deliveries WHERE provider = ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![provider, limit], kept)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<(u64, KeptDelivery)> {
    let delivery = KeptDelivery {
        installation: row.get(1)?,
        event: row.get(2)?,
        received_at: row.get(3)?,
        size_bytes: row.get(4)?,
        sealed: row.get(5)?,
        outcome: row.get(6)?,
        code: row.get(7)?,
    };
    Ok((row.get(0)?, delivery))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_deliveries_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        let delivery = |event: u32| KeptDelivery {
            installation: "i".to_owned(),
            event: Some(format!("evt_{event}")),
            received_at: event.into(),
            size_bytes: 2,
            sealed: vec![0, 159, 146],
            outcome: "accepted".to_owned(),
            code: None,
        };
        let other = ledger.keep_delivery("Q", &delivery(0)).unwrap();
        let numbers: Vec<u64> = (1..=MOST_KEPT + 5)
            .map(|event| ledger.keep_delivery("P", &delivery(event)).unwrap())
            .collect();
        let kept = ledger.kept_deliveries("P", 1000).unwrap();
        let newest: Vec<u64> = kept.iter().map(|(number, _)| *number).collect();
        let expected: Vec<u64> = numbers.iter().rev().take(MOST_KEPT as usize).copied().collect();
        assert_eq!(newest, expected);
        assert_eq!(kept[0].1, delivery(MOST_KEPT + 5));
        // By its event or by its number, and never another provider's.
        let found = |provider: &str, which: &str| ledger.kept_delivery(provider, which).unwrap();
        assert_eq!(found("P", "evt_9").unwrap().1, delivery(9));
        assert_eq!(found("P", &newest[3].to_string()).unwrap().0, newest[3]);
        for (provider, which) in
            [("P", "evt_1"), ("Q", "evt_9"), ("P", &*other.to_string()), ("P", "x")]
        {
            assert_eq!(found(provider, which), None, "{provider} {which}");
        }
        assert!(found("Q", "evt_0").is_some());
        // They end with their installation, with the key that has sealed them, and with time.
        let number = |ledger: &Ledger| ledger.kept_deliveries("P", 1000).unwrap().len();
        ledger.prune(8).unwrap();
        assert_eq!(number(&ledger), MOST_KEPT as usize - 2);
        ledger.finish_uninstalling("another", 1).unwrap();
        assert_eq!(number(&ledger), MOST_KEPT as usize - 2);
        ledger.finish_uninstalling("i", 1).unwrap();
        assert_eq!(number(&ledger), 0);
        ledger.keep_delivery("P", &delivery(1)).unwrap();
        ledger.reseal(Ok::<_, ()>).unwrap().unwrap();
        assert_eq!(number(&ledger), 0);
    }
}
