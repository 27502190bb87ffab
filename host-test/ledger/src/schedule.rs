//! When the provider is asked about a payment: at first soon, then more and more rarely, and when its page ends.
//! Pure: times are Unix seconds.

/// How old a payment is when it is asked about for the first time: most are decided by then.
const FIRST_CHECK: u64 = 600;
/// The longest time between two checks of an open payment: vouchers and debits take days.
const LONGEST_PAUSE: u64 = 86_400;
/// How long after the end of its page a payment is asked about: the provider needs a moment to end it.
const AFTER_THE_PAGE: u64 = 60;
/// The pause after the first failure to ask. It doubles with each further one.
const FIRST_BACK_OFF: u64 = 30;
/// The longest pause after a failure.
const LONGEST_BACK_OFF: u64 = 6 * 3600;
/// How old an approved payment is when it is read for the first time, where the events may not be listed.
const FIRST_REVIEW: u64 = 86_400;
/// Until what age it is read: customers can dispute most card payments for 120 days.
const LAST_REVIEW: u64 = 130 * 86_400;

/// How far ahead a check may be, in seconds. One that is further ahead was made by a clock that was wrong.
pub const FARTHEST_CHECK: u64 = LONGEST_PAUSE + 7200;

/// The next check of an open payment. The pause grows with its age: it is asked about four times on its first day,
/// and once a day later.
pub fn next_check(now: u64, created_at: u64, page_ends_at: Option<u64>) -> u64 {
    let age = now.saturating_sub(created_at);
    let next = now.saturating_add(age.saturating_mul(3).clamp(FIRST_CHECK, LONGEST_PAUSE));
    match page_ends_at.map(|end| end.saturating_add(AFTER_THE_PAGE)) {
        Some(end) if end > now => next.min(end),
        _ => next,
    }
}

/// The next try after a number of failures in a row. `salt` spreads the tries of many payments.
pub fn after_failures(now: u64, failures: u32, salt: u64) -> u64 {
    let doubled = FIRST_BACK_OFF.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let pause = doubled.min(LONGEST_BACK_OFF);
    now.saturating_add(pause).saturating_add(salt % (pause / 4 + 1))
}

/// When an approved payment is read next. None: it is old enough.
pub fn next_review(now: u64, created_at: u64) -> Option<u64> {
    let age = now.saturating_sub(created_at);
    (age < LAST_REVIEW).then(|| now.saturating_add(age.max(FIRST_REVIEW)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_page_is_asked_about_seldom_and_at_its_end() {
        let (created, end) = (1_000_000, 1_000_000 + 86_400);
        let (mut now, mut checks) = (created, Vec::new());
        while now < end {
            now = next_check(now, created, Some(end));
            checks.push(now - created);
        }
        assert_eq!(checks, [600, 2400, 9600, 38_400, 86_460]);
        assert_eq!(next_check(created + 400_000, created, Some(end)), created + 400_000 + 86_400);
    }

    #[test]
    fn back_off_doubles_up_to_its_longest() {
        let pauses: Vec<u64> = (1..=12).map(|failures| after_failures(0, failures, 0)).collect();
        assert_eq!(pauses[..4], [30, 60, 120, 240]);
        assert_eq!(pauses[10..], [LONGEST_BACK_OFF, LONGEST_BACK_OFF]);
        assert_eq!(after_failures(u64::MAX, u32::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn approved_payment_is_reviewed_nine_times() {
        let (mut now, mut reviews) = (0, 0);
        while let Some(next) = next_review(now, 0) {
            (now, reviews) = (next, reviews + 1);
        }
        assert_eq!(reviews, 9);
    }
}
