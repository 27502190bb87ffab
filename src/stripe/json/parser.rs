//! The parser. It is our own for the sake of the component's size: with `serde_json` that is 14 KB
//! larger, with `nojson` 25, of 200. A test compares it with the former on arbitrary texts.

use std::borrow::Cow;

use super::Json;

/// How deep lists and objects may stand in each other. Stripe's do not exceed ten.
const DEPTH: u32 = 128;

/// Parses a whole text. None: it is not JSON.
pub fn parse(text: &str) -> Option<Json<'_>> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(DEPTH)?;
    parser.skip_white_space();
    (parser.at == text.len()).then_some(value)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn since(&self, start: usize) -> Option<&'a str> {
        self.text.get(start..self.at)
    }

    /// Goes on to the first byte that ends what is passed over.
    fn skip_to(&mut self, ends: impl Fn(u8) -> bool) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|&byte| ends(byte)).unwrap_or(rest.len());
    }

    fn skip_white_space(&mut self) {
        self.skip_to(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
    }

    fn value(&mut self, depth: u32) -> Option<Json<'a>> {
        let depth = depth.checked_sub(1)?;
        self.skip_white_space();
        match self.next()? {
            b'"' => self.string().map(Json::Text),
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Flag(true)),
            b'f' => self.word("false", Json::Flag(false)),
            b'-' => self.number(self.at - 1).map(|_| Json::OtherNumber),
            b'0'..=b'9' => {
                self.at -= 1;
                self.number(self.at)
            }
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Option<Json<'a>> {
        let start = self.at - 1;
        self.at = start + word.len();
        (self.since(start)? == word).then_some(value)
    }

    fn object(&mut self, depth: u32) -> Option<Json<'a>> {
        let mut fields = Vec::new();
        self.items(b'}', |parser| {
            parser.skip_white_space();
            if !parser.takes(b'"') {
                return None;
            }
            let name = parser.string()?;
            parser.skip_white_space();
            if !parser.takes(b':') {
                return None;
            }
            fields.push((name, parser.value(depth)?));
            Some(())
        })?;
        Some(Json::Object(fields))
    }

    fn list(&mut self, depth: u32) -> Option<Json<'a>> {
        let mut values = Vec::new();
        self.items(b']', |parser| {
            values.push(parser.value(depth)?);
            Some(())
        })?;
        Some(Json::List(values))
    }

    /// What stands between a bracket and its end, with commas between.
    fn items(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.skip_white_space();
        if self.takes(end) {
            return Some(());
        }
        loop {
            item(self)?;
            self.skip_white_space();
            match self.next()? {
                b',' => {}
                byte if byte == end => return Some(()),
                _ => return None,
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        self.skip_to(|byte| !byte.is_ascii_digit());
        (self.at > start).then_some(())
    }

    /// A number from its first digit on.
    fn number(&mut self, start: usize) -> Option<Json<'a>> {
        if !self.takes(b'0') {
            self.digits()?;
        }
        let whole = self.since(start)?;
        let mut is_whole = true;
        if self.takes(b'.') {
            is_whole = false;
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            is_whole = false;
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Some(match whole.parse() {
            Ok(number) if is_whole => Json::Number(number),
            _ => Json::OtherNumber,
        })
    }

    /// A text from behind its first quotation mark on. Copied only where it holds escapes.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let mut unescaped = String::new();
        let mut start = self.at;
        loop {
            self.skip_to(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            match self.next()? {
                b'"' => {
                    let rest = self.text.get(start..self.at - 1)?;
                    if unescaped.is_empty() {
                        return Some(Cow::Borrowed(rest));
                    }
                    unescaped.push_str(rest);
                    return Some(Cow::Owned(unescaped));
                }
                b'\\' => {
                    unescaped.push_str(self.text.get(start..self.at - 1)?);
                    unescaped.push(self.escape()?);
                    start = self.at;
                }
                _ => return None,
            }
        }
    }

    /// A character from behind its backslash on.
    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                // Half of a pair: the other half has to follow.
                let scalar = if (0xd800..0xdc00).contains(&first) {
                    if !(self.takes(b'\\') && self.takes(b'u')) {
                        return None;
                    }
                    let second = self.unit()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    0x10000 + ((first - 0xd800) << 10) + second
                } else {
                    first
                };
                char::from_u32(scalar)?
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_not_read() {
        let deep = "[".repeat(100_000);
        let bad: [&[u8]; 6] = [b"", b"{", b"{} x", b"\xef\xbb\xbf{}", b"\"\xff\"", deep.as_bytes()];
        for text in bad {
            assert_eq!(Json::parse(text), None);
        }
    }

    /// The same value as `serde_json` sees it.
    fn from_serde(value: &serde_json::Value) -> Json<'static> {
        match value {
            serde_json::Value::Null => Json::Null,
            serde_json::Value::Bool(flag) => Json::Flag(*flag),
            serde_json::Value::Number(number) => {
                number.as_u64().map_or(Json::OtherNumber, Json::Number)
            }
            serde_json::Value::String(text) => Json::Text(Cow::Owned(text.clone())),
            serde_json::Value::Array(list) => Json::List(list.iter().map(from_serde).collect()),
            serde_json::Value::Object(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(name, value)| (Cow::Owned(name.clone()), from_serde(value)))
                    .collect(),
            ),
        }
    }

    /// Of two equal names only the last, in the order of the names.
    fn without_duplicates(json: Json<'_>) -> Json<'_> {
        match json {
            Json::List(list) => Json::List(list.into_iter().map(without_duplicates).collect()),
            Json::Object(fields) => {
                let fields: std::collections::BTreeMap<_, _> = fields
                    .into_iter()
                    .map(|(name, value)| (name, without_duplicates(value)))
                    .collect();
                Json::Object(fields.into_iter().collect())
            }
            other => other,
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(20_000))]

        #[test]
        fn every_text_is_read_as_serde_json_reads_it(
            text in r#"([ \n\[\]{}:,]|"(a|b|é|\x00|\\["\\/bfnrtux]|\\u(00e9|d83d|de00|dc0|DFFF)){0,3}"|"[ab]":|-?(0|1|18446744073709551616|7)|\.|5|[eE][+-]?|null|true|false|nul){0,12}"#,
        ) {
            let ours = Json::parse(text.as_bytes()).map(without_duplicates);
            let theirs = match serde_json::from_slice(text.as_bytes()) {
                Ok(value) => Some(from_serde(&value)),
                // A number that is too large for it is one that says nothing to us.
                Err(error) if error.to_string().starts_with("number out of range") => return Ok(()),
                Err(_) => None,
            };
            proptest::prop_assert_eq!(ours, theirs);
        }
    }
}
