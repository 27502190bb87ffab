//! What the operator has approved for a component, by the component's SHA-256.

use rusqlite::params;

use super::{Ledger, LedgerError};

/// Whether a component may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It may not.
    None,
    /// In test mode: it is a rebuild of one that was approved for the same.
    TestMode,
    /// The operator has approved everything that it asks for.
    Full,
}

/// What a rebuilt component has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedOver {
    /// Whether it was approved in test mode now.
    pub is_approved: bool,
    /// How many installations in test mode it was given.
    pub moved: usize,
}

impl Ledger {
    /// Whether a component may be used, by what it asks for: each with its subject.
    pub fn approval(
        &self,
        component_sha256: &str,
        approvals: &[(String, String)],
    ) -> Result<Approval, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT is_development FROM approvals
             WHERE component = ?1 AND origin = ?2 AND authorization = ?3",
        )?;
        let mut approval = Approval::Full;
        for (subject, what) in approvals {
            let mut rows = statement.query(params![component_sha256, subject, what])?;
            match rows.next()? {
                None => return Ok(Approval::None),
                Some(row) if row.get(0)? => approval = Approval::TestMode,
                Some(_) => {}
            }
        }
        Ok(approval)
    }

    /// What the operator has approved for a component: each with its subject.
    pub fn approvals(&self, component_sha256: &str) -> Result<Vec<(String, String)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT origin, authorization FROM approvals WHERE component = ?1
             ORDER BY origin, authorization",
        )?;
        let rows = statement.query_map([component_sha256], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Approves everything that a component asks for: each with its subject. `reads`: how it reads credentials, as a hash.
    /// None: nobody has read that, because the component is built in.
    pub fn approve(
        &mut self,
        component_sha256: &str,
        approvals: &[(String, String)],
        reads: Option<&str>,
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        for (subject, what) in approvals {
            transaction
                .prepare_cached(
                    "INSERT INTO approvals (component, origin, authorization, approved_at, reads)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE
                 SET is_development = 0, approved_at = ?4, reads = coalesce(?5, reads)",
                )?
                .execute(params![component_sha256, subject, what, now, reads])?;
        }
        transaction.commit()
    }

    /// Lets a rebuilt component go on in test mode: it is approved there, if a person has approved another one that asks
    /// for exactly the same and reads credentials in the same way, and it is given the installations in test mode of
    /// such components.
    pub fn carry_over(
        &mut self,
        provider: &str,
        component_sha256: &str,
        approvals: &[(String, String)],
        reads: &str,
        now: u64,
    ) -> Result<CarriedOver, LedgerError> {
        let same = self.approved_for_the_same(component_sha256, approvals, reads)?;
        let mut carried = CarriedOver::default();
        if same.is_empty() {
            return Ok(carried);
        }
        carried.is_approved = self.approval(component_sha256, approvals)? == Approval::None;
        let transaction = self.write()?;
        if carried.is_approved {
            for (subject, what) in approvals {
                transaction
                    .prepare_cached(
                        "INSERT INTO approvals
                         (component, origin, authorization, approved_at, is_development, reads)
                     VALUES (?1, ?2, ?3, ?4, 1, ?5)
                     ON CONFLICT DO UPDATE SET reads = ?5",
                    )?
                    .execute(params![component_sha256, subject, what, now, reads])?;
            }
        }
        for other in &same {
            carried.moved += transaction
                .prepare_cached(
                    "UPDATE installations SET component = ?3, changed_at = ?4
                 WHERE provider = ?1 AND component = ?2 AND is_built_in = 0 AND mode = 'test'
                     AND sealed_credentials IS NOT NULL",
                )?
                .execute(params![provider, other, component_sha256, now])?;
            // Only the newest rebuild is remembered.
            transaction
                .prepare_cached(
                    "DELETE FROM approvals WHERE component = ?1 AND is_development = 1",
                )?
                .execute([other])?;
        }
        transaction.commit()?;
        Ok(carried)
    }

    /// The other components that were approved for exactly this.
    fn approved_for_the_same(
        &self,
        component_sha256: &str,
        approvals: &[(String, String)],
        reads: &str,
    ) -> Result<Vec<String>, LedgerError> {
        let Some((subject, what)) = approvals.first() else { return Ok(Vec::new()) };
        let mut wanted = approvals.to_vec();
        wanted.sort();
        wanted.dedup();
        let mut statement = self.connection.prepare_cached(
            "SELECT component FROM approvals WHERE origin = ?1 AND authorization = ?2
                 AND component <> ?3 AND reads = ?4",
        )?;
        let rows = statement
            .query_map(params![subject, what, component_sha256, reads], |row| row.get(0))?;
        let candidates: Vec<String> = rows.collect::<Result<_, _>>()?;
        let mut same = Vec::new();
        for candidate in candidates {
            if self.approvals(&candidate)? == wanted {
                same.push(candidate);
            }
        }
        Ok(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Mode;
    use crate::{Component, InstallationState, StoredInstallation};

    fn asks(origins: &[&str]) -> Vec<(String, String)> {
        let each = origins.iter().map(|origin| ((*origin).to_owned(), "to call it".to_owned()));
        std::iter::once(("P".to_owned(), "to be the provider P".to_owned())).chain(each).collect()
    }

    #[test]
    fn rebuild_that_asks_for_the_same_goes_on_in_test_mode() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        let asked = asks(&["https://b.example", "https://a.example"]);
        let install = |ledger: &mut Ledger, workspace: &str, mode: Mode, sha256: &str| {
            let component = Component { sha256: sha256.to_owned(), is_built_in: false };
            let workspace = ledger.workspace_id(workspace).unwrap();
            let installation = StoredInstallation {
                sealed_credentials: Some(vec![1]),
                mode: Some(mode),
                ..StoredInstallation::installing(workspace.as_str(), &workspace, "P", component)
            };
            ledger.begin_installation(&installation, 1).unwrap();
            installation.id
        };
        let of = |ledger: &Ledger, id: &str| {
            let stored = ledger.installation(id).unwrap().unwrap();
            assert_eq!(stored.state, InstallationState::Installing);
            stored.component.sha256
        };
        let carry = |ledger: &mut Ledger, sha256: &str, asked: &[(String, String)], reads: &str| {
            let carried = ledger.carry_over("P", sha256, asked, reads, 2).unwrap();
            (carried.is_approved, carried.moved)
        };
        assert_eq!(carry(&mut ledger, "one", &asked, "r"), (false, 0));
        assert_eq!(ledger.approval("one", &asked).unwrap(), Approval::None);
        // What no person has read about is no approval of another one.
        ledger.approve("built-in", &asked, None, 1).unwrap();
        assert_eq!(carry(&mut ledger, "one", &asked, "r"), (false, 0));
        ledger.approve("one", &asked, Some("r"), 1).unwrap();
        let test = install(&mut ledger, "t", Mode::Test, "one");
        let live = install(&mut ledger, "l", Mode::Live, "one");
        let foreign = install(&mut ledger, "f", Mode::Test, "another");

        // It asks for more, or for less.
        for other in [&["https://a.example"][..], &["https://a.example", "https://c.example"]] {
            let other = asks(other);
            assert_eq!(carry(&mut ledger, "two", &other, "r"), (false, 0));
            assert_eq!(ledger.approval("two", &other).unwrap(), Approval::None);
        }
        // It takes live keys for test keys.
        assert_eq!(carry(&mut ledger, "two", &asked, "otherwise"), (false, 0));
        assert_eq!(carry(&mut ledger, "two", &asked, "r"), (true, 1));
        assert_eq!(ledger.approval("two", &asked).unwrap(), Approval::TestMode);
        assert_eq!(ledger.approval("one", &asked).unwrap(), Approval::Full);
        let components =
            |ledger: &Ledger| [of(ledger, &test), of(ledger, &live), of(ledger, &foreign)];
        assert_eq!(components(&ledger), ["two", "one", "another"]);
        // The next one: that of the rebuild before is forgotten.
        assert_eq!(carry(&mut ledger, "three", &asked, "r"), (true, 1));
        assert_eq!(components(&ledger), ["three", "one", "another"]);
        assert_eq!(ledger.approval("two", &asked).unwrap(), Approval::None);
        // The change is undone.
        assert_eq!(carry(&mut ledger, "one", &asked, "r"), (false, 1));
        assert_eq!(components(&ledger), ["one", "one", "another"]);
        assert_eq!(carry(&mut ledger, "three", &asked, "r"), (true, 1));
        // An operator's approval makes it whole.
        ledger.approve("three", &asked, Some("r"), 4).unwrap();
        assert_eq!(ledger.approval("three", &asked).unwrap(), Approval::Full);
    }
}
