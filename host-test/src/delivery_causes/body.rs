//! What a body may have been before something on the way changed it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// A body as it may have been sent, and what changed it: a code, and a sentence that begins "The body".
pub struct Before {
    /// The bytes.
    pub body: Vec<u8>,
    /// For a program.
    pub code: &'static str,
    /// For a person.
    pub message: &'static str,
}

/// Larger bodies are not reformatted: each form costs as much again. Our own choice: deliveries of known providers have
/// less than a fifth of it.
const LARGEST: usize = 256 << 10;

const LINE_END: (&str, &str) = (
    "body-line-end",
    "The body has lost or gained a line end or other white space at its beginning or its end.",
);
const LINE_BREAKS: (&str, &str) =
    ("body-line-breaks", "The body's line breaks were changed, between LF and CR LF.");
const BYTE_ORDER_MARK: (&str, &str) =
    ("body-byte-order-mark", "A byte order mark was put before the body.");
const BASE64: (&str, &str) = ("body-base64", "The body is still encoded in Base64.");
const ENCODING: (&str, &str) = (
    "body-encoding",
    "The body was read in another encoding than UTF-8 and written again, so that letters beyond ASCII are wrong.",
);
const ESCAPES: (&str, &str) = (
    "body-escapes",
    "The body was parsed and written again: letters beyond ASCII, or slashes, are escaped otherwise.",
);
const REFORMATTED: (&str, &str) = (
    "body-reformatted",
    "The body was parsed and written again: its white space is not the one that was signed.",
);
const SORTED: (&str, &str) =
    ("body-sorted", "The body was parsed and written again: its fields are in another order.");

/// What a body may have been, the simplest change first. A body that is the same is not among them.
pub fn before(body: &[u8]) -> Vec<Before> {
    let mut all: Vec<Before> = Vec::new();
    let mut add = |(code, message), before: Vec<u8>| {
        if before != body && !all.iter().any(|other| other.body == before) {
            all.push(Before { body: before, code, message });
        }
    };
    for end in ["", "\n", "\r\n"] {
        add(LINE_END, [body.trim_ascii(), end.as_bytes()].concat());
    }
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        add(BYTE_ORDER_MARK, rest.to_vec());
    }
    if let Ok(decoded) = BASE64_STANDARD.decode(body.trim_ascii()) {
        add(BASE64, decoded);
    }
    let Ok(text) = str::from_utf8(body) else { return all };
    let unix = text.replace("\r\n", "\n");
    add(LINE_BREAKS, unix.clone().into_bytes());
    add(LINE_BREAKS, unix.replace('\n', "\r\n").into_bytes());
    // Each character of a text that was read as Latin-1 is one byte of it.
    if let Ok(bytes) = text.chars().map(|letter| u8::try_from(u32::from(letter))).collect() {
        add(ENCODING, bytes);
    }
    if body.len() > LARGEST {
        return all;
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return all };
    let text = text.trim();
    for form in FORMS {
        let kind = if form == Form::AsItIs { ESCAPES } else { REFORMATTED };
        for change in [str::to_owned, unescaped, escaped, without_slashes, with_slashes]
            as [fn(&str) -> String; 5]
        {
            for end in ["", "\n"] {
                add(kind, (reformatted(&change(text), form) + end).into_bytes());
            }
        }
    }
    // The fields of an object are sorted when they are read.
    let sorted = value.to_string();
    for form in FORMS {
        add(SORTED, reformatted(&sorted, form).into_bytes());
    }
    all
}

/// How JSON is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsItIs,
    /// Without white space.
    Compact,
    /// As Python writes it: with a space after each comma and colon.
    Spaced,
    /// One value a line, with so many spaces for each level.
    Indented(usize),
}

const FORMS: [Form; 5] =
    [Form::AsItIs, Form::Compact, Form::Indented(2), Form::Indented(4), Form::Spaced];

/// JSON in another form, with the same names, numbers and texts in the same order.
fn reformatted(json: &str, form: Form) -> String {
    if form == Form::AsItIs {
        return json.to_owned();
    }
    let mut written = String::with_capacity(json.len());
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    // White space. Any other letter below U+0020 is escaped in JSON, and U+007F may stand in a text.
    let mut letters = json.chars().filter(|letter| *letter >= ' ').peekable();
    let new_line = |written: &mut String, depth: usize| {
        if let Form::Indented(width) = form {
            written.push('\n');
            written.extend(std::iter::repeat_n(' ', width * depth));
        }
    };
    while let Some(letter) = letters.next() {
        if in_text {
            written.push(letter);
            in_text = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            continue;
        }
        match letter {
            ' ' => {}
            '"' => {
                in_text = true;
                written.push(letter);
            }
            '{' | '[' => {
                written.push(letter);
                while letters.next_if_eq(&' ').is_some() {}
                // An empty one stays on its line.
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    written.push(end);
                } else {
                    depth += 1;
                    new_line(&mut written, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut written, depth);
                written.push(letter);
            }
            ',' => {
                written.push(letter);
                if form == Form::Spaced {
                    written.push(' ');
                }
                new_line(&mut written, depth);
            }
            ':' => {
                written.push(letter);
                if form != Form::Compact {
                    written.push(' ');
                }
            }
            other => written.push(other),
        }
    }
    written
}

/// JSON whose letters beyond ASCII are escaped, as many libraries write it.
fn escaped(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            written.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // Writing into memory cannot fail.
                let _ = write!(written, "\\u{unit:04x}");
            }
        }
    }
    written
}

/// JSON whose letters beyond ASCII are not escaped.
fn unescaped(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        written.push_str(before);
        let mut units = Vec::new();
        let mut after = escape;
        while let Some(unit) = after.strip_prefix("\\u").and_then(|digits| digits.get(..4)) {
            let Ok(unit) = u16::from_str_radix(unit, 16) else { break };
            units.push(unit);
            after = after.get(6..).unwrap_or_default();
        }
        let letters = String::from_utf16(&units).ok();
        let letters = letters.filter(|letters| !letters.contains(|c: char| c.is_ascii()));
        if let Some(letters) = letters.filter(|letters| !letters.is_empty()) {
            written.push_str(&letters);
            rest = after;
        } else {
            // Another escape, such as `\"`: it stays, with the letter that it escapes.
            let end = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
            let (same, others) = escape.split_at(end);
            written.push_str(same);
            rest = others;
        }
    }
    written + rest
}

/// JSON whose slashes are not escaped.
fn without_slashes(json: &str) -> String {
    json.replace("\\/", "/")
}

/// JSON whose slashes are escaped, as PHP writes it.
fn with_slashes(json: &str) -> String {
    without_slashes(json).replace('/', "\\/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ORIGINAL: &str =
        "{\n  \"z\": \"Größe 🎉 a/b \\\"x\\\\\",\n  \"a\": [\n    1,\n    {}\n  ],\n  \"e\": []\n}";

    fn finds(changed: &[u8], original: &str) -> Option<&'static str> {
        before(changed).into_iter().find(|one| one.body == original.as_bytes()).map(|one| one.code)
    }

    #[test]
    fn changed_body_is_restored() {
        let value: Value = serde_json::from_str(ORIGINAL).unwrap();
        let compact = reformatted(ORIGINAL, Form::Compact);
        let ascii = escaped(&compact);
        let sorted = value.to_string();
        let rows: [(Vec<u8>, &str, &str); 13] = [
            ([ORIGINAL, "\n"].concat().into(), ORIGINAL, "body-line-end"),
            (ORIGINAL.into(), &[ORIGINAL, "\n"].concat(), "body-line-end"),
            (ORIGINAL.replace('\n', "\r\n").into(), ORIGINAL, "body-line-breaks"),
            ([b"\xef\xbb\xbf", ORIGINAL.as_bytes()].concat(), ORIGINAL, "body-byte-order-mark"),
            (BASE64_STANDARD.encode(ORIGINAL).into(), ORIGINAL, "body-base64"),
            (compact.clone().into(), ORIGINAL, "body-reformatted"),
            (ORIGINAL.into(), &compact, "body-reformatted"),
            (reformatted(&ascii, Form::Spaced).into(), ORIGINAL, "body-reformatted"),
            (reformatted(&compact, Form::Indented(4)).into(), ORIGINAL, "body-reformatted"),
            (ascii.clone().into(), &compact, "body-escapes"),
            (with_slashes(&compact).into(), &compact, "body-escapes"),
            (b"{\"a\": \"\x7f\"}".to_vec(), "{\"a\":\"\u{7f}\"}", "body-reformatted"),
            (compact.clone().into(), &sorted, "body-sorted"),
        ];
        for (changed, original, code) in rows {
            assert_eq!(
                finds(&changed, original),
                Some(code),
                "{}",
                String::from_utf8_lossy(&changed)
            );
        }
        let latin: String = "{\"name\":\"Größe\"}".bytes().map(char::from).collect();
        assert_eq!(finds(latin.as_bytes(), "{\"name\":\"Größe\"}"), Some("body-encoding"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![any::<i64>().prop_map(|n| json!(n)), ".*".prop_map(|t: String| json!(t))];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
                proptest::collection::btree_map(".*", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        /// Every form says the same, and `serde_json` lays it out in the same way.
        #[test]
        fn every_form_is_the_same_json(value in any_json()) {
            let compact = value.to_string();
            let pretty = format!("{value:#}");
            prop_assert_eq!(&reformatted(&pretty, Form::Compact), &compact);
            prop_assert_eq!(&reformatted(&compact, Form::Indented(2)), &pretty);
            for form in FORMS {
                for change in [str::to_owned, escaped, unescaped, with_slashes] as [fn(&str) -> String; 4] {
                    let read: Value = serde_json::from_str(&reformatted(&change(&compact), form)).unwrap();
                    prop_assert_eq!(&read, &value);
                }
            }
            for one in before(compact.as_bytes()) {
                prop_assert!(one.body != compact.as_bytes());
            }
        }

        #[test]
        fn any_bytes_are_bounded(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(before(&body).len() <= 64);
        }
    }
}
