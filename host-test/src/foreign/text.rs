//! Foreign text as one line of visible characters.

use std::borrow::Cow;

/// Ranges of characters that change how a terminal or a page shows others, or that nobody can see: control
/// characters, marks of direction, characters without width, fillers, variation selectors and tags.
/// Source: the Unicode categories Cc and Cf, and `Default_Ignorable_Code_Point`.
const INVISIBLE: [(char, char); 27] = [
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character shows itself and nothing else.
#[must_use]
pub fn is_visible(character: char) -> bool {
    // Ordinary text ends here.
    (' '..='~').contains(&character)
        || !INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// The visible characters of a text, on one line: a break becomes a space.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_visible) {
        return Cow::Borrowed(text);
    }
    let visible = |character: char| match character {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        character => is_visible(character).then_some(character),
    };
    Cow::Owned(text.chars().filter_map(visible).collect())
}

/// How many characters of a foreign text are logged. Our own choice.
const LONGEST_LOGGED: usize = 200;

/// A foreign text in the log.
#[must_use]
pub fn logged(text: &str) -> Cow<'_, str> {
    line(text, LONGEST_LOGGED)
}

/// As [`one_line`], at most `longest` characters.
#[must_use]
pub fn line(text: &str, longest: usize) -> Cow<'_, str> {
    let mut text = one_line(text);
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text = Cow::Owned(text.get(..end).unwrap_or_default().to_owned());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_visible_line() {
        for (text, expected) in [
            ("Größe 10 €, 支払い 🎉", "Größe 10 €, 支払い 🎉"),
            ("a\nb\r\nc\td", "a b  c d"),
            ("\u{1b}]52;c;aGk=\u{7}x\u{1b}[2J", "]52;c;aGk=x[2J"),
            ("\u{9b}31mx\u{85}", "31mx"),
            ("pay\u{202e}lanif\u{202c}", "paylanif"),
            ("s\u{200b}k\u{200d}_\u{feff}t\u{ad}\u{2060}", "sk_t"),
            ("x\u{e0041}\u{fe0f}\u{2028}y", "x y"),
        ] {
            assert_eq!(one_line(text), expected);
        }
        assert_eq!(line("éééé", 3), "ééé");
        assert_eq!(line("abc", 3), "abc");
        assert_eq!(line("", 0), "");
    }
}
