//! How far the events of an account are listed, and how asking about its payments goes.

use rusqlite::{OptionalExtension as _, Row, params};

use super::restored::is_closed_for_restore;
use super::schedule::FARTHEST_CHECK;
use super::stored_payment::Scope;
use super::{Ledger, LedgerError};
use crate::types::{Mode, Problem};

/// How far ahead a round may be, in seconds. One that is further ahead was put off by a clock that was wrong.
pub const FARTHEST_ROUND: u64 = 7 * 3600;

/// That a payment `p` can be asked about with the credentials of an installation `i`.
const OF_INSTALLATION: &str =
    "p.workspace = i.workspace AND p.provider = i.provider AND p.mode = i.mode
     AND (p.remote_id IS NOT NULL OR i.draining_until IS NOT NULL)
     AND (p.installation = i.id OR (i.draining_until IS NULL AND NOT EXISTS (
         SELECT 1 FROM installations AS other
         WHERE other.id = p.installation AND other.sealed_installation IS NOT NULL)))";

/// How many events a page has at first.
const PAGE_SIZE: u32 = 100;

/// The reconciliation of an account in a scope. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// Every event up to here is listed, by the provider's clock. None: no listing was complete yet.
    pub mark: Option<u64>,
    /// When that was found out, by the host's clock.
    pub listed_at: Option<u64>,
    /// The listing that is under way.
    pub listing: Option<Listing>,
    /// How many events a page has.
    pub page_size: u32,
    /// Whether the key may list events.
    pub is_listing_permitted: bool,
    /// How the listing goes.
    pub list: Progress,
    /// How asking about payments goes.
    pub ask: Progress,
    /// When the account's status is checked next.
    pub report_at: u64,
}

/// A listing that is under way. The newest events come first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Since when events are listed.
    pub since: u64,
    /// Where the next page begins.
    pub cursor: String,
    /// The mark when the listing is complete: the provider's time at its first page.
    pub as_of: u64,
    /// How many pages it has had.
    pub pages: u32,
    /// The cursor after its first, second, fourth, eighth page and so on: a listing that comes back to it never ends.
    pub landmark: String,
}

/// How one half of a reconciliation goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// When it goes on, by the host's clock.
    pub next_at: u64,
    /// How many times in a row it failed.
    pub failures: u32,
    /// Why it failed last. None: it did not.
    pub problem: Option<Problem>,
}

impl Default for Reconciliation {
    fn default() -> Self {
        Self {
            mark: None,
            listed_at: None,
            listing: None,
            page_size: PAGE_SIZE,
            is_listing_permitted: true,
            list: Progress::default(),
            ask: Progress::default(),
            report_at: 0,
        }
    }
}

impl Reconciliation {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (since, cursor, as_of): (Option<u64>, Option<String>, Option<u64>) =
            (row.get(1)?, row.get(2)?, row.get(3)?);
        let (pages, landmark): (u32, Option<String>) = (row.get(14)?, row.get(15)?);
        let problem = |json: Option<String>| json.and_then(|json| serde_json::from_str(&json).ok());
        Ok(Self {
            mark: row.get(0)?,
            listing: since.zip(cursor).zip(as_of).map(|((since, cursor), as_of)| Listing {
                since,
                cursor,
                as_of,
                pages,
                landmark: landmark.unwrap_or_default(),
            }),
            page_size: row.get(4)?,
            is_listing_permitted: row.get(5)?,
            list: Progress {
                next_at: row.get(6)?,
                failures: row.get(7)?,
                problem: problem(row.get(8)?),
            },
            ask: Progress {
                next_at: row.get(9)?,
                failures: row.get(10)?,
                problem: problem(row.get(11)?),
            },
            report_at: row.get(12)?,
            listed_at: row.get(13)?,
        })
    }
}

/// An installation that reconciliation has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedInstallation {
    /// The installation's id.
    pub id: String,
    /// The provider's id of the account. None: not known.
    pub account: Option<String>,
}

/// How far reconciliation is behind, over all workspaces and both modes, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Since the oldest complete listing of an account whose events may be listed. 0: there is no payment.
    pub listing: u64,
    /// Since a payment should have been asked about.
    pub asking: u64,
}

impl Ledger {
    /// The reconciliation of an account. `account` is the installation's id where it is not known.
    pub fn reconciliation(
        &self,
        scope: &Scope,
        account: &str,
    ) -> Result<Reconciliation, LedgerError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT mark, since, cursor, as_of, page_size, is_listing_permitted, list_at,
                     list_failures, list_problem, ask_at, ask_failures, ask_problem, report_at, listed_at,
                     pages, landmark
                 FROM reconciliations
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND account = ?4",
            )?
            .query_row(
                params![scope.workspace, scope.provider, scope.mode.as_str(), account],
                Reconciliation::read,
            )
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    /// Stores the reconciliation of an account.
    pub fn store_reconciliation(
        &mut self,
        scope: &Scope,
        account: &str,
        new: &Reconciliation,
    ) -> Result<(), LedgerError> {
        let json = |problem: &Option<Problem>| {
            problem.as_ref().and_then(|problem| serde_json::to_string(problem).ok())
        };
        let listing = new.listing.as_ref();
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO reconciliations
                     (workspace, provider, mode, account, mark, since, cursor, as_of, page_size,
                      is_listing_permitted, list_at, list_failures, list_problem, ask_at,
                      ask_failures, ask_problem, report_at, listed_at, pages, landmark)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
            )?
            .execute(params![
                scope.workspace,
                scope.provider,
                scope.mode.as_str(),
                account,
                new.mark,
                listing.map(|listing| listing.since),
                listing.map(|listing| &listing.cursor),
                listing.map(|listing| listing.as_of),
                new.page_size,
                new.is_listing_permitted,
                new.list.next_at,
                new.list.failures,
                json(&new.list.problem),
                new.ask.next_at,
                new.ask.failures,
                json(&new.ask.problem),
                new.report_at,
                new.listed_at,
                listing.map_or(0, |listing| listing.pages),
                listing.map(|listing| &listing.landmark)
            ])?;
        Ok(())
    }

    /// Since when there may be events of a scope, in Unix seconds: since its first payment, and after a restore since
    /// its first installation. None: there is no payment.
    pub fn events_since(&self, scope: &Scope) -> Result<Option<u64>, LedgerError> {
        let table = if is_closed_for_restore(&self.connection, scope)? {
            "installations"
        } else {
            "payments"
        };
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT min(created_at) FROM {table}
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3"
            ))?
            .query_row(params![scope.workspace, scope.provider, scope.mode.as_str()], |row| {
                row.get(0)
            })?)
    }

    /// The installations of all workspaces for which there is something to do: a listing, a payment to ask
    /// about, or an uninstall that waits.
    pub fn due_installations(
        &self,
        provider: &str,
        now: u64,
    ) -> Result<Vec<WatchedInstallation>, LedgerError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT i.id, i.account
             FROM installations AS i LEFT JOIN reconciliations AS r
                 ON r.workspace = i.workspace AND r.provider = i.provider AND r.mode = i.mode
                     AND r.account = coalesce(i.account, i.id)
             WHERE i.provider = ?1 AND i.sealed_installation IS NOT NULL
                 AND i.state IN ('active', 'uninstalled')
                 AND (coalesce(r.list_at, 0) NOT BETWEEN ?2 + 1 AND ?2 + {FARTHEST_ROUND}
                     OR (coalesce(r.ask_at, 0) NOT BETWEEN ?2 + 1 AND ?2 + {FARTHEST_ROUND}
                         AND (EXISTS (
                             SELECT 1 FROM payments AS p
                             WHERE {OF_INSTALLATION}
                                 AND (p.check_at <= ?2 OR p.check_at > ?2 + {FARTHEST_CHECK}))
                         OR (r.is_listing_permitted = 0 AND EXISTS (
                             SELECT 1 FROM payments AS p
                             WHERE {OF_INSTALLATION} AND p.review_at <= ?2)))))"
        ))?;
        let rows = statement.query_map(params![provider, now], watched)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The installations of a workspace that reconciliation has to look at.
    pub fn watched_installations(
        &self,
        provider: &str,
        workspace: &str,
    ) -> Result<Vec<WatchedInstallation>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, account FROM installations
             WHERE provider = ?1 AND workspace = ?2 AND sealed_installation IS NOT NULL
                 AND state IN ('active', 'uninstalled')",
        )?;
        let rows = statement.query_map([provider, workspace], watched)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How far reconciliation is behind.
    pub fn lag(&self, provider: &str, now: u64) -> Result<Lag, LedgerError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT i.workspace, i.mode, r.listed_at, coalesce(r.is_listing_permitted, 1),
                 (SELECT min(check_at) FROM payments AS p
                  WHERE {OF_INSTALLATION} AND p.check_at IS NOT NULL)
             FROM installations AS i LEFT JOIN reconciliations AS r
                 ON r.workspace = i.workspace AND r.provider = i.provider AND r.mode = i.mode
                     AND r.account = coalesce(i.account, i.id)
             WHERE i.provider = ?1 AND i.sealed_installation IS NOT NULL
                 AND i.state IN ('active', 'uninstalled')"
        ))?;
        let mut rows = statement.query(params![provider])?;
        let mut lag = Lag::default();
        while let Some(row) = rows.next()? {
            let (workspace, mode): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let Some(mode) = mode.and_then(|mode| Mode::parse(&mode)) else { continue };
            let check_at: Option<u64> = row.get(4)?;
            lag.asking = lag.asking.max(check_at.map_or(0, |at| now.saturating_sub(at)));
            if !row.get::<_, bool>(3)? {
                continue;
            }
            // A time in the future was made by a clock that was wrong.
            let since = match row.get::<_, Option<u64>>(2)?.filter(|at| *at <= now) {
                Some(listed_at) => Some(listed_at),
                None => {
                    self.events_since(&Scope { workspace, provider: provider.to_owned(), mode })?
                }
            };
            lag.listing = lag.listing.max(since.map_or(0, |since: u64| now.saturating_sub(since)));
        }
        Ok(lag)
    }
}

fn watched(row: &Row<'_>) -> rusqlite::Result<WatchedInstallation> {
    Ok(WatchedInstallation { id: row.get(0)?, account: row.get(1)? })
}
