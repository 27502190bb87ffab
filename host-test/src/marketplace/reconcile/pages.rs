//! Listing: each page of events is recorded as it comes.

use super::Effort;
use super::account::Round;
use super::listing::{After, Failed, after_failure, after_page, next_query};
use crate::contract::types::{EventPage, EventQuery, Problem, ProviderError};
use crate::limit::Limit;
use crate::marketplace::{Error, ErrorKind};
use crate::plugin::CallError;
use ledger::{EventOutcome, LedgerError};

/// The code of a plugin that says that an answer was too large. Source: the contract.
const TOO_LARGE: &str = "provider-answer-too-large";

impl Round<'_> {
    /// Lists the events that may have been missed.
    pub(super) async fn list(&mut self) -> Result<(), Error> {
        let pages = match self.effort {
            Effort::Due if self.has_to_wait(&self.state.list) => return Ok(()),
            // Then other work has its turn.
            Effort::Due => self.marketplace.limits().work.pages_per_round,
            Effort::Everything => self.marketplace.limits().work.pages_per_listing,
        };
        // A listing that was under way ends with the mark of when it began.
        let mut is_resumed = self.state.listing.is_some();
        for _ in 0..pages {
            let Some(query) = next_query(&self.state, self.events_since) else {
                self.state.list.next_at = self.now().saturating_add(self.interval());
                return Ok(());
            };
            if self.effort == Effort::Due && self.list_budget.is_used_up() {
                self.fail_listing(Failed::Otherwise, budget_used_up(), ErrorKind::Temporary);
                return Ok(());
            }
            let goes_on = match self.page(&query).await {
                Ok(page) => match self.take_page(&query, page).await? {
                    After::More => true,
                    After::Complete => {
                        std::mem::take(&mut is_resumed) && self.effort == Effort::Everything
                    }
                },
                Err(Error::Ledger(error)) => return Err(error.into()),
                Err(error) => self.take_failure(&error),
            };
            let rows = self.marketplace.limits().work.rows_per_round as usize;
            if !goes_on {
                return Ok(());
            }
            if self.effort == Effort::Due && self.summary.listed >= rows {
                self.marketplace.telemetry().reached(Limit::RowsPerRound);
                return Ok(());
            }
            // The cursor is on the disk before the next page is asked for.
            self.store().await?;
            self.pause().await;
        }
        self.marketplace.telemetry().reached(Limit::PagesPerRound);
        Ok(())
    }

    async fn page(&self, query: &EventQuery) -> Result<EventPage, Error> {
        let page = self.handle.list_events(query).await??;
        let Some(next) = &page.cursor else { return Ok(page) };
        let listing = self.state.listing.as_ref();
        if query.cursor.as_ref() == Some(next) || listing.is_some_and(|own| own.landmark == *next) {
            return Err(Error::CursorRepeated);
        }
        let most = self.marketplace.limits().work.pages_per_listing;
        if listing.is_some_and(|own| own.pages >= most) {
            self.marketplace.telemetry().limit(Limit::PagesPerListing, self.handle.id());
            return Err(Error::ListingEndless(most));
        }
        Ok(page)
    }

    async fn take_page(&mut self, query: &EventQuery, page: EventPage) -> Result<After, Error> {
        self.summary.listed += page.events.len();
        // The contract lists the newest first.
        for event in page.events.iter().rev() {
            let recorded = self.marketplace.record_listed_event(event, &self.handle).await;
            let outcome = match recorded {
                // The ledger refuses this event, and works otherwise: it holds up no other.
                Err(error @ Error::Ledger(LedgerError::Other(_))) => {
                    self.summary.fail(&event.id, error.problem(), error.kind());
                    continue;
                }
                recorded => recorded?,
            };
            let is_new = matches!(outcome, EventOutcome::Recorded { .. } | EventOutcome::Early);
            self.summary.new += usize::from(is_new);
        }
        (self.progress)(&self.summary);
        let (now, interval) = (self.now(), self.interval());
        // No time is that late, and the disk holds no later one.
        let as_of = page.as_of.min(i64::MAX.unsigned_abs());
        let after = after_page(&mut self.state, query, page.cursor, as_of, now, interval);
        if after == After::Complete && !self.is_draining {
            let scope = self.handle.scope.clone();
            self.marketplace
                .change_at(move |ledger, now| ledger.record_listed_after_restore(&scope, now))
                .await?;
        }
        Ok(after)
    }

    /// Returns whether the listing goes on at once.
    fn take_failure(&mut self, error: &Error) -> bool {
        let is_too_large = self.list_budget.meter.take_too_large();
        let failed = match error {
            _ if is_too_large => Failed::TooLarge,
            Error::Plugin(
                CallError::TimedOut
                | CallError::NoPlace(_)
                | CallError::HostLimitReached(_)
                | CallError::AnswerRefused(_),
            ) => Failed::Otherwise,
            // A page may be more than the memory of a call can hold.
            Error::Plugin(_) => Failed::TooLarge,
            Error::Provider(error) if error.problem().code == TOO_LARGE => Failed::TooLarge,
            Error::Provider(ProviderError::PermissionMissing(_)) => Failed::Forbidden,
            Error::Provider(ProviderError::NotFound(_) | ProviderError::Refused(_))
            | Error::CursorRepeated
            | Error::ListingEndless(_) => Failed::Refused,
            _ => Failed::Otherwise,
        };
        self.is_rejected |= matches!(error, Error::Provider(ProviderError::InvalidCredentials(_)));
        self.fail_listing(failed, error.problem(), error.kind())
    }

    fn fail_listing(&mut self, failed: Failed, problem: Problem, kind: ErrorKind) -> bool {
        let now = self.now();
        let goes_on = after_failure(&mut self.state, failed, problem.clone(), now);
        if !goes_on {
            self.summary.fail("events", problem, kind);
        }
        goes_on
    }
}

/// The problem of a month whose reads are used up.
pub(super) fn budget_used_up() -> Problem {
    Problem::new(
        "read-budget-used",
        "The reads that the provider allots for a month are used up, so new events are looked for later.",
        &["Deliveries still arrive. Check that the webhook works: run `host-test status`."],
    )
}
