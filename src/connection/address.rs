//! The webhook's address: what it should be, and what exactly is wrong with another.

use crate::bindings::brain_studio::payments::types::{Mode, UrlsByMode, WebhookUrls};

/// The word of a mode.
pub fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "test",
        Mode::Live => "live",
    }
}

/// The other mode.
pub fn other(mode: Mode) -> Mode {
    match mode {
        Mode::Test => Mode::Live,
        Mode::Live => Mode::Test,
    }
}

/// The shared URL of a mode: what the guide tells the merchant to paste.
pub fn shared_url(urls: &WebhookUrls, mode: Mode) -> &str {
    of_mode(&urls.shared, mode)
}

/// The installation's own URL: what the plugin registers.
pub fn own_url(urls: &WebhookUrls, mode: Mode) -> &str {
    of_mode(&urls.installation, mode)
}

fn of_mode(urls: &UrlsByMode, mode: Mode) -> &str {
    match mode {
        Mode::Test => &urls.test,
        Mode::Live => &urls.live,
    }
}

/// The URL that a webhook made by hand should have: the shared one of the guide, or the
/// installation's own where the merchant has begun with one of those.
pub fn url_by_hand<'a>(actual: &str, urls: &'a WebhookUrls, mode: Mode) -> &'a str {
    let (shared, own) = (shared_url(urls, mode), own_url(urls, mode));
    let is_longer = actual.trim_end().len() > shared.len() && actual.starts_with(shared);
    if is_longer && own.get(shared.len()..=shared.len()) == actual.get(shared.len()..=shared.len())
    {
        own
    } else {
        shared
    }
}

/// Whether a URL is meant for the marketplace in a mode, with whatever mistakes in it: whether the
/// marketplace's host stands in it.
pub fn is_meant_for(url: &str, urls: &WebhookUrls, mode: Mode) -> bool {
    let host = shared_url(urls, mode).split(['/', '?']).nth(2).unwrap_or_default().as_bytes();
    !host.is_empty()
        && url.as_bytes().windows(host.len()).any(|part| part.eq_ignore_ascii_case(host))
}

/// What is wrong with a URL, in words. None: it is exactly the right one.
pub fn fault(actual: &str, right: &str) -> Option<String> {
    if actual == right {
        return None;
    }
    let same = |(a, b): &(char, char)| a == b;
    let length = |(a, _): (char, char)| a.len_utf8();
    let start: usize = actual.chars().zip(right.chars()).take_while(same).map(length).sum();
    let (actual, right) = (actual.get(start..)?, right.get(start..)?);
    let end: usize =
        actual.chars().rev().zip(right.chars().rev()).take_while(same).map(length).sum();
    let there = actual.get(..actual.len() - end)?;
    let missing = right.get(..right.len() - end)?;
    let is_space = there.trim().is_empty() || there == "%20";
    let place = match (start, end) {
        (0, _) => "at its beginning",
        (_, 0) => "at its end",
        _ => "inside",
    };
    Some(match (there.is_empty(), missing.is_empty()) {
        (false, true) if is_space => format!("it has a space too much {place} (“{there}”)"),
        (false, true) => format!("it has “{there}” too much {place}"),
        (true, _) => format!("“{missing}” is missing {place}"),
        (false, false) => format!("it has “{there}” where “{missing}” belongs"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_pointed_at_exactly() {
        let right = "https://chat.example/hook?provider=STRIPE";
        let rows = [
            (right.to_owned(), None),
            (format!("{right} "), Some("it has a space too much at its end (“ ”)")),
            (format!("{right}%20"), Some("it has a space too much at its end (“%20”)")),
            (format!(" {right}"), Some("it has a space too much at its beginning (“ ”)")),
            (right.replace("/hook", "/%20hook"), Some("it has a space too much inside (“%20”)")),
            (format!("{right}#x"), Some("it has “#x” too much at its end")),
            (
                right.replace("?provider=STRIPE", ""),
                Some("“?provider=STRIPE” is missing at its end"),
            ),
            (right.replace("STRIPE", "stripe"), Some("it has “stripe” where “STRIPE” belongs")),
            (right.replace("https", "http"), Some("“s” is missing inside")),
            (
                "ü".to_owned(),
                Some("it has “ü” where “https://chat.example/hook?provider=STRIPE” belongs"),
            ),
            (
                String::new(),
                Some("“https://chat.example/hook?provider=STRIPE” is missing at its beginning"),
            ),
        ];
        for (actual, expected) in rows {
            assert_eq!(fault(&actual, right).as_deref(), expected, "{actual:?}");
        }
    }

    fn urls() -> WebhookUrls {
        let urls = |more| UrlsByMode {
            test: format!("https://chat.example.dev/hook?provider=STRIPE{more}"),
            live: format!("https://chat.example.ai/hook?provider=STRIPE{more}"),
        };
        WebhookUrls { installation: urls("&installation=i1"), shared: urls("") }
    }

    #[test]
    fn webhook_by_hand_may_have_either_url() {
        let urls = urls();
        let (shared, own) = (shared_url(&urls, Mode::Test), own_url(&urls, Mode::Test));
        let rows = [
            (shared.to_owned(), shared),
            (own.to_owned(), own),
            (own.replace("i1", "an-older-one"), own),
            (format!("{shared} "), shared),
            (format!("{shared}/x"), shared),
            ("https://chat.example.dev/hook".to_owned(), shared),
        ];
        for (actual, expected) in rows {
            assert_eq!(url_by_hand(&actual, &urls, Mode::Test), expected, "{actual}");
        }
    }

    #[test]
    fn a_url_with_mistakes_is_still_known_to_be_meant_for_us() {
        let urls = urls();
        assert!(is_meant_for(" HTTP://Chat.Example.DEV/hok", &urls, Mode::Test));
        assert!(!is_meant_for("https://chat.example.ai/hook?provider=STRIPE", &urls, Mode::Test));
        assert!(!is_meant_for("https://shop.example.com/hook", &urls, Mode::Live));
    }
}
