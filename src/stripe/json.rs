//! Reading Stripe's JSON.
//!
//! `serde_json` parses it. Its `Value` and a derived `Deserialize` for each object made the
//! component a third larger than this does, and copied every text.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value, as far as this provider reads any: a number that is negative, broken or too large
/// to be an amount is there, and says nothing.
#[derive(Debug, Default, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number that is not negative.
    Number(u64),
    /// Any other number.
    OtherNumber,
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object, in its own order. Of two equal names the last one counts, as in Stripe's SDKs.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Parses a whole text. None: it is not UTF-8 or not JSON.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// A field of an object, if it is there and not null.
    pub fn value(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else {
            return None;
        };
        let (_, value) = fields.iter().rev().find(|(field, _)| field == name)?;
        (*value != Self::Null).then_some(value)
    }

    /// A field, or null.
    pub fn field(&self, name: &str) -> &Self {
        self.value(name).unwrap_or(&Self::Null)
    }

    /// A field that is a text.
    pub fn str(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A field that is a text, copied.
    pub fn string(&self, name: &str) -> Option<String> {
        self.str(name).map(str::to_owned)
    }

    /// A field that is a whole number, not negative.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A field that is yes or no.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A field that is a list.
    pub fn list(&self, name: &str) -> Option<&[Self]> {
        match self.value(name)? {
            Self::List(list) => Some(list),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json<'de>, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(Name(name)) = object.next_key()? {
            fields.push((name, object.next_value()?));
        }
        Ok(Json::Object(fields))
    }
}

/// The name of a field, borrowed where it holds no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(JsonVisitor)? {
            Json::Text(name) => Ok(Self(name)),
            _ => Ok(Self(Cow::Borrowed(""))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_the_last_of_two_equal_names_counts() {
        let text = br#"{"a":1,"a":2,"b":"x\ny","c":[1,-2,3.5,99999999999999999999],"d":null,"e":{"f":true}}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.number("a"), Some(2));
        assert_eq!(json.str("b"), Some("x\ny"));
        let [one, rest @ ..] = json.list("c").unwrap() else { panic!() };
        assert_eq!(*one, Json::Number(1));
        assert!(rest.iter().all(|number| *number == Json::OtherNumber));
        assert_eq!(json.value("d"), None);
        assert_eq!(json.field("e").flag("f"), Some(true));
        assert_eq!(json.str("e"), None);
    }

    #[test]
    fn what_is_not_json_is_not_read() {
        let deep = "[".repeat(100_000);
        let bad: [&[u8]; 6] = [b"", b"{", b"{} x", b"\xef\xbb\xbf{}", b"\"\xff\"", deep.as_bytes()];
        for text in bad {
            assert_eq!(Json::parse(text), None);
        }
    }
}
