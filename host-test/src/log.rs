//! Text of a plugin or a provider in the log.

use std::borrow::Cow;

/// How many characters of such a text are logged.
const LONGEST: usize = 200;

/// A text on one line, without control characters, and not too long.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(text("evt_1"), "evt_1");
        assert_eq!(text("a\nb\u{1b}[31m"), "ab[31m");
        assert_eq!(text(&"é".repeat(500)).chars().count(), LONGEST);
    }
}
