//! Requests of the background: reads are counted, and repeated where the provider's rules say so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::contract::http::{Failure, FailureKind, Response};
use crate::contract::types::Manifest;

/// How often a read is repeated at most, as providers' own SDKs do.
const MAXIMUM_REPEATS: u32 = 2;
/// The longest pause before the first repeat. It doubles with the next one. As providers' own SDKs do.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What the reads of the background came to.
#[derive(Debug, Default)]
pub struct Meter {
    reads: AtomicU64,
    had_too_large: AtomicBool,
}

impl Meter {
    /// How many reads were sent, repeats included.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Whether an answer was too large since the last call.
    pub fn take_too_large(&self) -> bool {
        self.had_too_large.swap(false, Ordering::Relaxed)
    }

    pub(super) fn count(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note(&self, answer: &Result<Response, Failure>) {
        if answer.as_ref().is_err_and(|failure| failure.kind == FailureKind::TooLarge) {
            self.had_too_large.store(true, Ordering::Relaxed);
        }
    }
}

/// When a read may be repeated, by the manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct RepeatRules {
    header: Option<String>,
    statuses: Vec<u16>,
}

impl RepeatRules {
    pub fn of(manifest: &Manifest) -> Self {
        let rules = &manifest.repeat;
        Self { header: rules.header.clone(), statuses: rules.statuses.clone() }
    }

    /// The pause before a read is repeated for the `repeats + 1`th time. None: it is not repeated.
    pub fn pause(&self, answer: &Result<Response, Failure>, repeats: u32) -> Option<Duration> {
        if repeats >= MAXIMUM_REPEATS || !self.allow(answer) {
            return None;
        }
        let longest = FIRST_PAUSE * 2_u32.pow(repeats);
        // Jitter, so that many hosts do not come back at the same moment.
        Some(longest.mul_f64(0.5 + fastrand::f64() / 2.0))
    }

    /// Whether the manifest says anything about repeats.
    fn has_any(&self) -> bool {
        self.header.is_some() || !self.statuses.is_empty()
    }

    fn allow(&self, answer: &Result<Response, Failure>) -> bool {
        let response = match answer {
            Ok(response) => response,
            Err(failure) => {
                return match failure.kind {
                    // Nothing was sent.
                    FailureKind::Unreachable => !failure.request_sent,
                    FailureKind::Interrupted => self.has_any(),
                    _ => false,
                };
            }
        };
        if response.status < 400 {
            return false;
        }
        let said = self.header.as_ref().and_then(|wanted| {
            let header = response.headers.iter().find(|(name, _)| name == wanted);
            header.and_then(|(_, value)| value.parse::<bool>().ok())
        });
        said.unwrap_or_else(|| self.statuses.contains(&response.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, header: Option<&str>) -> Response {
        let headers = header.map(|value| ("may-repeat".to_owned(), value.to_owned()));
        Response { status, headers: headers.into_iter().collect(), body: Vec::new() }
    }

    #[test]
    fn reads_are_repeated_as_the_manifest_says() {
        let rules = RepeatRules { header: Some("may-repeat".to_owned()), statuses: vec![429] };
        let rows = [
            (200, None, false),
            (200, Some("true"), false),
            (429, None, true),
            (429, Some("false"), false),
            (500, None, false),
            (500, Some("true"), true),
            (404, Some("perhaps"), false),
        ];
        for (status, header, expected) in rows {
            let pause = rules.pause(&Ok(answer(status, header)), 0);
            assert_eq!(pause.is_some(), expected, "{status} {header:?}");
        }
        assert!(rules.pause(&Ok(answer(429, None)), 1).is_some());
        assert!(rules.pause(&Ok(answer(429, None)), 2).is_none());
        assert!(RepeatRules::default().pause(&Ok(answer(429, None)), 0).is_none());
    }

    #[test]
    fn read_without_an_answer_is_repeated_if_nothing_was_sent_or_the_manifest_has_rules() {
        let some = RepeatRules { header: None, statuses: vec![429] };
        for (kind, request_sent, without_rules, with_rules) in [
            (FailureKind::Unreachable, false, true, true),
            (FailureKind::Interrupted, true, false, true),
            (FailureKind::TimedOut, true, false, false),
            (FailureKind::Denied, false, false, false),
            (FailureKind::LimitReached, false, false, false),
            (FailureKind::Unauthorized, false, false, false),
            (FailureKind::TooLarge, true, false, false),
        ] {
            let answer = Err(Failure { kind, message: String::new(), request_sent });
            let repeats = |rules: &RepeatRules| rules.pause(&answer, 0).is_some();
            assert_eq!(repeats(&RepeatRules::default()), without_rules, "{kind:?}");
            assert_eq!(repeats(&some), with_rules, "{kind:?}");
        }
    }
}
