//! Reading Stripe's JSON.
//!
mod parser;

use std::borrow::Cow;

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
        parser::parse(std::str::from_utf8(text).ok()?)
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
}
