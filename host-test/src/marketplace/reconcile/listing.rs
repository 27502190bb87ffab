//! How a listing of events goes on. Pure: times are Unix seconds.
//!
//! A provider lists the newest events first. So the mark, up to which every event is listed, moves only when a
//! listing has come back to the mark before it. Until then the listing's cursor is stored, and a failure costs
//! one page.

use ledger::{Listing, Progress, Reconciliation};

use crate::contract::types::{EventQuery, Problem};

/// How many seconds before the mark a listing begins: an event may be listed later than it is dated.
const EVENT_OVERLAP: u64 = 300;
/// How far back events are listed when the mark is wrong, in seconds: providers keep them for about 30 days.
const EVENT_RETENTION: u64 = 30 * 86_400;
/// How far the provider's clock may be behind a mark before the mark counts as wrong, in seconds.
const CLOCK_SKEW: u64 = 300;
/// The largest page. Our own choice: providers list at most about a hundred at once.
const LARGEST_PAGE: u32 = 100;
/// The time between two tries of a key that may not list events, in seconds: somebody may have changed it.
const FORBIDDEN_PAUSE: u64 = 6 * 3600;
/// After so many failures a page is given up, and the listing begins again: it must not hide what is newer.
const FAILURES_AT_A_PAGE: u32 = 5;
/// The pause after the first failure, in seconds. It doubles with each further one.
const FIRST_BACK_OFF: u64 = 30;
/// The longest pause after a failure, in seconds.
const LONGEST_BACK_OFF: u64 = 3600;

/// The next page to ask for. `first_payment_at`: when the first payment was reserved. None: there is nothing to
/// list, because there is no payment.
pub fn next_query(state: &Reconciliation, first_payment_at: Option<u64>) -> Option<EventQuery> {
    let limit = state.page_size;
    if let Some(Listing { since, cursor, .. }) = &state.listing {
        return Some(EventQuery { since: *since, limit, cursor: Some(cursor.clone()) });
    }
    let mark = state.mark.or(first_payment_at)?;
    Some(EventQuery { since: mark.saturating_sub(EVENT_OVERLAP), limit, cursor: None })
}

/// What follows a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// There is another page.
    More,
    /// Every event up to the mark is listed.
    Complete,
}

/// Takes over a page whose events are recorded. `as_of` is the page's time by the provider's clock.
pub fn after_page(
    state: &mut Reconciliation,
    query: &EventQuery,
    next: Option<String>,
    as_of: u64,
    now: u64,
    interval: u64,
) -> After {
    state.is_listing_permitted = true;
    // A failure counts until the listing is complete, so that one that fails at each second page is put off.
    state.list.next_at = now;
    // The first page's time counts: what happens later may be on none of the pages.
    let as_of = state.listing.as_ref().map_or(as_of, |listing| listing.as_of.min(as_of));
    // The host's clock was ahead when the mark was made: nothing since then is known.
    if as_of.saturating_add(CLOCK_SKEW) < query.since {
        state.mark = Some(as_of.saturating_sub(EVENT_RETENTION));
        state.listing = None;
        return After::More;
    }
    if let Some(cursor) = next {
        let before = state.listing.take();
        let pages = before.as_ref().map_or(0, |listing| listing.pages).saturating_add(1);
        // Brent's algorithm: of any circle, some landmark is a part.
        let landmark = before.map(|listing| listing.landmark);
        let landmark = landmark.filter(|_| !pages.is_power_of_two());
        let landmark = landmark.unwrap_or_else(|| cursor.clone());
        state.listing = Some(Listing { since: query.since, cursor, as_of, pages, landmark });
        return After::More;
    }
    state.mark = Some(as_of);
    state.listed_at = Some(now);
    state.listing = None;
    state.page_size = LARGEST_PAGE.min(state.page_size.saturating_mul(2));
    state.list = Progress { next_at: now.saturating_add(interval), failures: 0, problem: None };
    After::Complete
}

/// Why a page could not be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The answer was larger than a call can take.
    TooLarge,
    /// The key may not list events.
    Forbidden,
    /// The provider does not know the cursor any more, the query is wrong, or the listing never ends.
    Refused,
    /// Anything else.
    Otherwise,
}

/// Takes over a failure. Returns whether the listing goes on at once.
pub fn after_failure(state: &mut Reconciliation, failed: Failed, why: Problem, now: u64) -> bool {
    if failed == Failed::TooLarge && state.page_size > 1 {
        state.page_size /= 2;
        return true;
    }
    if failed == Failed::Refused || state.list.failures >= FAILURES_AT_A_PAGE {
        // What was listed is recorded. The newest events are listed first.
        state.listing = None;
    }
    state.is_listing_permitted = failed != Failed::Forbidden;
    let pause =
        if failed == Failed::Forbidden { FORBIDDEN_PAUSE } else { pause(state.list.failures) };
    state.list = Progress {
        next_at: now.saturating_add(pause),
        failures: state.list.failures.saturating_add(1),
        problem: Some(why.into()),
    };
    false
}

/// The pause after a failure that follows a number of others, in seconds.
pub fn pause(failures_before: u32) -> u64 {
    (FIRST_BACK_OFF << failures_before.min(16)).min(LONGEST_BACK_OFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn problem() -> Problem {
        Problem::new("provider-busy", "Busy.", &[])
    }

    /// Lists the pages of a provider, of which each ends with the time at which it was made.
    fn list(state: &mut Reconciliation, pages: &[(Option<&str>, u64)]) -> Vec<After> {
        let step = |(cursor, as_of): &(Option<&str>, u64)| {
            let query = next_query(state, Some(NOW - 1000)).unwrap();
            after_page(state, &query, cursor.map(str::to_owned), *as_of, NOW, 600)
        };
        pages.iter().map(step).collect()
    }

    #[test]
    fn mark_moves_when_the_listing_is_complete() {
        let mut state = Reconciliation { mark: Some(NOW - 500), ..Reconciliation::default() };
        assert_eq!(list(&mut state, &[(Some("a"), NOW), (Some("b"), NOW + 5)]), [After::More; 2]);
        assert_eq!(state.mark, Some(NOW - 500));
        // A failure keeps the cursor, and the next page is asked for later and later.
        for failures in 1..=3 {
            assert!(!after_failure(&mut state, Failed::Otherwise, problem(), NOW));
            assert_eq!(state.list.failures, failures);
        }
        assert_eq!(state.list.next_at, NOW + 120);
        assert_eq!(next_query(&state, None).unwrap().cursor.as_deref(), Some("b"));
        assert_eq!(list(&mut state, &[(None, NOW + 9)]), [After::Complete]);
        assert_eq!((state.mark, state.listing.clone()), (Some(NOW), None));
        assert_eq!((state.list.next_at, state.list.problem.clone()), (NOW + 600, None));
    }

    #[test]
    fn mark_of_a_wrong_clock_is_set_back() {
        let year = 365 * 86_400;
        let mut state = Reconciliation { mark: Some(NOW + year), ..Reconciliation::default() };
        assert_eq!(list(&mut state, &[(None, NOW)]), [After::More]);
        let query = next_query(&state, None).unwrap();
        assert_eq!(query.since, NOW - EVENT_RETENTION - EVENT_OVERLAP);
        assert_eq!(list(&mut state, &[(None, NOW)]), [After::Complete]);
        assert_eq!(state.mark, Some(NOW));
    }

    #[test]
    fn large_pages_become_smaller_and_grow_again() {
        let mut state = Reconciliation { mark: Some(NOW), ..Reconciliation::default() };
        for size in [50, 25, 12] {
            assert!(after_failure(&mut state, Failed::TooLarge, problem(), NOW));
            assert_eq!(next_query(&state, None).unwrap().limit, size);
        }
        assert_eq!(state.list.failures, 0);
        list(&mut state, &[(Some("a"), NOW), (None, NOW)]);
        assert_eq!(state.page_size, 24);
        state.page_size = 1;
        assert!(!after_failure(&mut state, Failed::TooLarge, problem(), NOW));
        assert_eq!(state.list.failures, 1);
    }

    #[test]
    fn lost_cursor_begins_the_listing_again() {
        let mut state = Reconciliation { mark: Some(NOW - 500), ..Reconciliation::default() };
        list(&mut state, &[(Some("a"), NOW)]);
        after_failure(&mut state, Failed::Refused, problem(), NOW);
        assert_eq!(next_query(&state, None).unwrap().cursor, None);
        assert_eq!(state.mark, Some(NOW - 500));
    }

    #[test]
    fn forbidden_listing_is_tried_again_hours_later() {
        let mut state = Reconciliation { mark: Some(NOW), ..Reconciliation::default() };
        after_failure(&mut state, Failed::Forbidden, problem(), NOW);
        assert_eq!((state.is_listing_permitted, state.list.next_at), (false, NOW + 6 * 3600));
        list(&mut state, &[(None, NOW)]);
        assert!(state.is_listing_permitted && state.list.problem.is_none());
    }

    #[test]
    fn page_that_always_fails_hides_no_newer_event() {
        let mut state = Reconciliation { mark: Some(NOW - 500), ..Reconciliation::default() };
        let (mut pauses, mut first_pages) = (0, 0);
        for _ in 0..12 {
            if state.listing.is_none() {
                list(&mut state, &[(Some("bad"), NOW)]);
                first_pages += 1;
            }
            after_failure(&mut state, Failed::Otherwise, problem(), NOW);
            pauses += state.list.next_at - NOW;
        }
        assert!(first_pages > 5 && pauses > 12 * 1000, "{first_pages} {pauses}");
        assert_eq!(state.mark, Some(NOW - 500));
    }
}
