//! Security events: each has a stable name, is counted, and is written to the log at most every ten seconds for each
//! installation or sender, with how often it has happened since.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Telemetry;
use crate::limit::Limit;
use crate::recent::Recent;

/// The shortest time between two lines about one event of one installation. Our own choice.
const INTERVAL: Duration = Duration::from_secs(10);
/// How many lines each event has in that time, whosever they are: anybody can cause some events, and none keeps the
/// lines of another one out of the log. Our own choice.
const MOST_LINES: u32 = 50;
/// How many of them are remembered. Our own choice.
const MOST_REMEMBERED: usize = 4096;

/// Something that an operator may have to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityEvent {
    /// A request was denied: its origin, its resolved address, its method or a header.
    Denied,
    /// A request to the control listener had no token, or named another host.
    ControlDenied,
    /// A component that is not approved was to be called.
    NotApproved,
    /// An installation belongs to another component.
    ComponentDiffers,
    /// A component or a page origin was approved.
    Approved,
    /// A call trapped, or was ended because it took too long.
    Trap,
    /// A limit was reached.
    Limit,
    /// An answer held a secret.
    SecretFound,
    /// An answer sends the customer to an origin that is not approved.
    PageNotApproved,
    /// An answer was refused.
    AnswerRefused,
    /// An entry of an answer was left out.
    EntryLeftOut,
    /// A delivery was not genuine.
    SignatureRefused,
    /// A delivery failed before it was known to be genuine. Its sender is asked to send it again.
    DeliveryFailed,
    /// A sender or an installation has used up its quota of deliveries that are not verified.
    Quota,
}

impl SecurityEvent {
    /// Its name in the log and in the metrics. It never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::ControlDenied => "control-denied",
            Self::NotApproved => "not-approved",
            Self::ComponentDiffers => "component-differs",
            Self::Approved => "approved",
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::SecretFound => "secret-found",
            Self::PageNotApproved => "page-not-approved",
            Self::AnswerRefused => "answer-refused",
            Self::EntryLeftOut => "entry-left-out",
            Self::SignatureRefused => "signature-refused",
            Self::DeliveryFailed => "delivery-failed",
            Self::Quota => "quota",
        }
    }
}

/// When each line was written, and how often its event has happened since.
pub(super) struct Lines {
    of: Recent<(SecurityEvent, String), Line>,
    /// When the time began in which the lines of an event are counted, and their number.
    written: HashMap<SecurityEvent, (Instant, u32)>,
}

#[derive(Default)]
struct Line {
    written: Option<Instant>,
    times: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Self { of: Recent::new(MOST_REMEMBERED), written: HashMap::new() }
    }
}

impl Lines {
    /// Counts an event. Returns how often it has happened since its last line, if a line is due.
    fn due(&mut self, event: SecurityEvent, whose: &str, now: Instant) -> Option<u64> {
        let is_over = |since: Instant| now.duration_since(since) >= INTERVAL;
        let line = self.of.of((event, whose.to_owned()));
        line.times += 1;
        if !line.written.is_none_or(is_over) {
            return None;
        }
        let (since, number) = self.written.entry(event).or_insert((now, 0));
        if is_over(*since) {
            (*since, *number) = (now, 0);
        }
        if *number >= MOST_LINES {
            return None;
        }
        *number += 1;
        line.written = Some(now);
        Some(std::mem::take(&mut line.times))
    }
}

impl Telemetry {
    /// Counts that a limit was reached, and writes it to the log as a security event.
    pub fn limit(&self, limit: Limit, whose: &str) {
        self.reached(limit);
        let what = format_args!("the limit `{}` is reached", limit.as_str());
        self.security(SecurityEvent::Limit, whose, what);
    }

    /// Counts a security event, and writes it to the log if a line is due. `whose` is an installation's id, a
    /// sender's address, or empty; `what` says what has happened, without line breaks and secrets.
    pub fn security(&self, event: SecurityEvent, whose: &str, what: impl Display) {
        self.security.get_or_create(&[("event", event.as_str())]).inc();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = lines.due(event, whose, Instant::now()) else { return };
        drop(lines);
        tracing::warn!(security = event.as_str(), whose, times, "{what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_one_line_in_ten_seconds() {
        let (mut lines, start) = (Lines::default(), Instant::now());
        let denied = |lines: &mut Lines, whose: &str, second| {
            lines.due(SecurityEvent::Denied, whose, start + Duration::from_secs(second))
        };
        assert_eq!(denied(&mut lines, "a", 0), Some(1));
        for second in 1..10 {
            assert_eq!(denied(&mut lines, "a", second), None);
        }
        assert_eq!(denied(&mut lines, "b", 5), Some(1));
        assert_eq!(denied(&mut lines, "a", 10), Some(10));
        assert_eq!(denied(&mut lines, "a", 21), Some(1));
    }

    #[test]
    fn flood_of_keys_writes_a_bounded_number_of_lines() {
        let (mut lines, start) = (Lines::default(), Instant::now());
        let mut flood = |second| {
            let now = start + Duration::from_secs(second);
            let due = |number: &usize| {
                // One that is seen all the time is not forgotten.
                let again = lines.due(SecurityEvent::Limit, "a", now);
                assert!(again.is_none() || *number == 0);
                lines.due(SecurityEvent::Quota, &number.to_string(), now).is_some()
            };
            let written = (0..2 * MOST_REMEMBERED).filter(due).count();
            assert!(lines.of.iter_mut().count() <= MOST_REMEMBERED);
            written
        };
        assert_eq!([0, 9, 10].map(&mut flood), [50, 0, 50]);
        assert_eq!(lines.due(SecurityEvent::Denied, "a", start), Some(1));
    }
}
