//! Security events: each has a stable name, is counted, and is written to the log at most every ten seconds for each
//! installation, with how often it has happened since.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Telemetry;
use crate::limits::Limit;

/// The shortest time between two lines about one event of one installation. Our own choice.
const INTERVAL: Duration = Duration::from_secs(10);
/// How many of them are remembered. When there are more, each may write a line again. Our own choice.
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
            Self::Quota => "quota",
        }
    }
}

/// When each line was written, and how often its event has happened since.
#[derive(Default)]
pub(super) struct Lines(HashMap<(SecurityEvent, String), (Instant, u64)>);

impl Lines {
    /// Counts an event. Returns how often it has happened since its last line, if a line is due.
    fn due(&mut self, event: SecurityEvent, whose: &str, now: Instant) -> Option<u64> {
        let key = (event, whose.to_owned());
        if let Some((written, times)) = self.0.get_mut(&key) {
            *times += 1;
            if now.duration_since(*written) < INTERVAL {
                return None;
            }
            *written = now;
            return Some(std::mem::take(times));
        }
        if self.0.len() >= MOST_REMEMBERED {
            self.0.clear();
        }
        self.0.insert(key, (now, 0));
        Some(1)
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
        for number in 0..2 * MOST_REMEMBERED {
            denied(&mut lines, &number.to_string(), 22);
        }
        assert!(lines.0.len() <= MOST_REMEMBERED);
    }
}
