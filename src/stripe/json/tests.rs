//! A document says what `serde_json`'s own tree of the same text says.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::{Json, Token, parse};

fn assert_same(json: Json<'_>, value: &Value) {
    match (json.0.first().unwrap(), value) {
        (Token::Null, Value::Null) => {}
        (Token::Flag(flag), Value::Bool(expected)) => assert_eq!(flag, expected),
        (Token::Count(number), Value::Number(expected)) => {
            assert_eq!(Some(*number), expected.as_u64());
        }
        (Token::OtherNumber, Value::Number(expected)) => assert_eq!(expected.as_u64(), None),
        (Token::Text(text), Value::String(expected)) => assert_eq!(text, expected),
        (Token::List(_), Value::Array(expected)) => {
            assert_eq!(json.inside().count(), expected.len());
            for (json, value) in json.inside().zip(expected) {
                assert_same(json, value);
            }
        }
        (Token::Object(_), Value::Object(expected)) => {
            assert!(json.fields().all(|(name, _)| expected.contains_key(name)));
            assert_eq!(json.values().count(), expected.len());
            for (json, value) in json.values().zip(expected.values()) {
                assert_same(json, value);
            }
            for (name, value) in expected {
                assert_eq!(json.value(name).is_none(), value.is_null(), "{name}");
            }
        }
        (_, value) => panic!("it is not {value}"),
    }
}

fn assert_agree(text: &[u8]) {
    let (document, expected) = (parse(text), serde_json::from_slice::<Value>(text).ok());
    assert_eq!(document.is_some(), expected.is_some(), "{}", String::from_utf8_lossy(text));
    if let (Some(document), Some(expected)) = (document, expected) {
        assert_same(document.root(), &expected);
    }
}

/// Texts at which readers of JSON differ.
fn unusual() -> Vec<Vec<u8>> {
    let nested = |open: &str, close: &str, depth| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let depths = [1, 126, 127, 128, 129, 10_000];
    let lists = depths.map(|depth| nested("[", "]", depth));
    let objects = depths.map(|depth| nested("{\"a\":", "}", depth));
    let texts: [&[u8]; 38] = [
        b"",
        b" ",
        b"null",
        b"nul",
        b"0",
        b"-0",
        b"-1",
        b"00",
        b"01",
        b"1.0",
        b"1e2",
        b"1E400",
        b"-1e400",
        b"1e-400",
        b"18446744073709551615",
        b"18446744073709551616",
        b"-9223372036854775808",
        b"-9223372036854775809",
        b"99999999999999999999999999999999999999",
        b"\"\\ud83d\\ude00\"",
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\u00e9\\n\"",
        b"\"\\x\"",
        b"\"\x01\"",
        b"\"\x7f\"",
        b"\"\xff\"",
        b"\"\xed\xa0\x80\"",
        b"\xef\xbb\xbf1",
        b"1 \n\t\r",
        b"1 1",
        b"1\xff",
        br#"{"a":1,"a":2}"#,
        br#"{"a":1,"\u0061":null}"#,
        br#"{"b":{"x":[]},"a":[{},[]],"b":[1]}"#,
        b"[1,]",
        b"{\"a\":1,}",
        b"{1:2}",
    ];
    texts.iter().map(|text| text.to_vec()).chain(lists).chain(objects).collect()
}

#[test]
fn unusual_document_is_read_as_by_serde_json() {
    for text in unusual() {
        assert_agree(&text);
    }
}

const EVENT: &[u8] = include_bytes!(
    "../../../host-test/tests/fixtures/payloads/bench.payment_intent.succeeded.3k.json"
);

proptest! {
    #[test]
    fn any_document_is_read_as_by_serde_json(
        text in r#"[\[\]{}:,"ab0-9eE.+\\u \n-]{0,24}"#,
        value in "[a-z]{0,3}|null|-?[0-9]{1,25}([.]5)?(e[0-9]{1,3})?",
    ) {
        assert_agree(text.as_bytes());
        assert_agree(format!(r#"{{"a":[{value}],"{value}":{{"b":"{value}","b":{value}}}}}"#).as_bytes());
    }

    #[test]
    fn damaged_event_is_read_as_by_serde_json(
        damages in prop::collection::vec((any::<Index>(), any::<Index>(), any::<Index>()), 0..3),
    ) {
        let unusual = unusual();
        let mut text = EVENT.to_vec();
        for (place, length, replacement) in damages {
            // At the beginning of a value more often than not.
            let start = place.index(text.len());
            let after = |byte: &u8| b":[,".contains(byte);
            let start = text.iter().skip(start).position(after).map_or(start, |past| start + past + 1);
            let rest = text.iter().skip(start);
            let end = start + rest.take_while(|byte| !b",\n]}".contains(byte)).count();
            let end = if length.index(3) == 0 { start } else { end };
            text.splice(start..end, replacement.get(&unusual).iter().copied());
            if text.is_empty() {
                break;
            }
        }
        assert_agree(&text);
    }
}

#[test]
fn last_of_two_equal_names_counts() {
    let text = br#"{"a":1,"a":2,"c":[1,-2,3.5,99999999999999999999],"d":1,"d":null}"#;
    let document = parse(text).unwrap();
    let json = document.root();
    assert_eq!(json.number("a"), Some(2));
    let list: Vec<_> = json.list("c").unwrap().collect();
    let [one, rest @ ..] = list.as_slice() else { panic!() };
    assert!(matches!(one.0, [Token::Count(1), ..]));
    assert!(rest.iter().all(|number| matches!(number.0, [Token::OtherNumber, ..])));
    assert!(json.value("d").is_none());
    assert!(json.value("e").is_none());
}
