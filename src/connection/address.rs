//! The webhook's URL: what it should be, and how another one differs.

use crate::bindings::brain_studio::payments::types::{Mode, UrlsByMode, WebhookUrls};

/// The mode in a sentence.
pub fn mode_name(mode: Mode) -> &'static str {
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

/// The shared URL of a mode, which the guide tells the merchant to paste.
pub fn shared_url(urls: &WebhookUrls, mode: Mode) -> &str {
    of_mode(&urls.shared, mode)
}

/// The installation's own URL of a mode, which the plugin registers.
pub fn own_url(urls: &WebhookUrls, mode: Mode) -> &str {
    of_mode(&urls.installation, mode)
}

fn of_mode(urls: &UrlsByMode, mode: Mode) -> &str {
    match mode {
        Mode::Test => &urls.test,
        Mode::Live => &urls.live,
    }
}

/// The URL that a webhook created by hand should have: the installation's own URL if the merchant has
/// pasted one of those, else the shared URL of the guide.
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

/// Whether a URL is meant for the marketplace in a mode, although it may have mistakes: whether it
/// contains the marketplace's host.
pub fn is_meant_for(url: &str, urls: &WebhookUrls, mode: Mode) -> bool {
    let host = shared_url(urls, mode).split(['/', '?']).nth(2).unwrap_or_default().as_bytes();
    !host.is_empty()
        && url.as_bytes().windows(host.len()).any(|part| part.eq_ignore_ascii_case(host))
}

/// How a URL differs from the expected one, as a part of a sentence. None: they are equal.
pub fn url_difference(actual: &str, expected: &str) -> Option<String> {
    if actual == expected {
        return None;
    }
    let same = |(a, b): &(char, char)| a == b;
    let length = |(a, _): (char, char)| a.len_utf8();
    let start: usize = actual.chars().zip(expected.chars()).take_while(same).map(length).sum();
    let (actual, expected) = (actual.get(start..)?, expected.get(start..)?);
    let end: usize =
        actual.chars().rev().zip(expected.chars().rev()).take_while(same).map(length).sum();
    let extra = actual.get(..actual.len() - end)?;
    let missing = expected.get(..expected.len() - end)?;
    let is_space = extra.trim().is_empty() || extra == "%20";
    let place = match (start, end) {
        (0, _) => "at the beginning",
        (_, 0) => "at the end",
        _ => "inside",
    };
    Some(match (extra.is_empty(), missing.is_empty()) {
        (false, true) if is_space => format!("it has an extra space {place} (“{extra}”)"),
        (false, true) => format!("it has an extra “{extra}” {place}"),
        (true, _) => format!("“{missing}” is missing {place}"),
        (false, false) => format!("it has “{extra}” in place of “{missing}”"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_of_a_url_is_named_exactly() {
        let right = "https://chat.example/hook?provider=STRIPE";
        let rows = [
            (right.to_owned(), None),
            (format!("{right} "), Some("it has an extra space at the end (“ ”)")),
            (format!("{right}%20"), Some("it has an extra space at the end (“%20”)")),
            (format!(" {right}"), Some("it has an extra space at the beginning (“ ”)")),
            (right.replace("/hook", "/%20hook"), Some("it has an extra space inside (“%20”)")),
            (format!("{right}#x"), Some("it has an extra “#x” at the end")),
            (
                right.replace("?provider=STRIPE", ""),
                Some("“?provider=STRIPE” is missing at the end"),
            ),
            (right.replace("STRIPE", "stripe"), Some("it has “stripe” in place of “STRIPE”")),
            (right.replace("https", "http"), Some("“s” is missing inside")),
            (
                "ü".to_owned(),
                Some("it has “ü” in place of “https://chat.example/hook?provider=STRIPE”"),
            ),
            (
                String::new(),
                Some("“https://chat.example/hook?provider=STRIPE” is missing at the beginning"),
            ),
        ];
        for (actual, expected) in rows {
            assert_eq!(url_difference(&actual, right).as_deref(), expected, "{actual:?}");
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
    fn url_with_mistakes_is_recognised() {
        let urls = urls();
        assert!(is_meant_for(" HTTP://Chat.Example.DEV/hok", &urls, Mode::Test));
        assert!(!is_meant_for("https://chat.example.ai/hook?provider=STRIPE", &urls, Mode::Test));
        assert!(!is_meant_for("https://shop.example.com/hook", &urls, Mode::Live));
    }
}
