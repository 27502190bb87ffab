//! Reading Stripe's JSON objects. Of two equal names the last one counts, as in Stripe's SDKs.
//!
//! A document is one flat list of tokens, whose texts are borrowed from the body: a tree with a text of its own for each
//! name takes several times as long, and most fields of an event are never read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How many bytes of a document there are for each of its tokens. Our own choice: an event, as Stripe formats it, has
/// about 16.
const BYTES_OF_TOKEN: usize = 12;

/// A parsed document.
#[derive(Default)]
pub struct Document<'a>(Vec<Token<'a>>);

/// What a document consists of, in its order.
enum Token<'a> {
    Null,
    Flag(bool),
    /// A non-negative integer.
    Count(u64),
    OtherNumber,
    Text(Cow<'a, str>),
    /// The number of tokens in it, which follow.
    List(usize),
    /// The number of tokens in it, which follow: a name, its value, and so on.
    Object(usize),
}

/// A value of a document: its token, and what follows.
#[derive(Clone, Copy)]
pub struct Json<'d>(&'d [Token<'d>]);

impl Document<'_> {
    /// The whole of it.
    pub fn root(&self) -> Json<'_> {
        Json(&self.0)
    }
}

/// A field that is missing, null or of another type is none.
impl<'d> Json<'d> {
    const NULL: Self = Self(&[]);

    /// A field that is not null.
    pub fn value(self, name: &str) -> Option<Self> {
        let named = self.fields().filter(|(field, _)| *field == name).last();
        named.map(|(_, value)| value).filter(|value| !matches!(value.0, [] | [Token::Null, ..]))
    }

    /// A field, or null.
    pub fn field(self, name: &str) -> Self {
        self.value(name).unwrap_or(Self::NULL)
    }

    /// A string field.
    pub fn str(self, name: &str) -> Option<&'d str> {
        self.value(name)?.as_str()
    }

    /// A string field, copied.
    pub fn string(self, name: &str) -> Option<String> {
        self.str(name).map(str::to_owned)
    }

    /// A field that is a non-negative integer.
    pub fn number(self, name: &str) -> Option<u64> {
        match self.value(name)?.0 {
            [Token::Count(number), ..] => Some(*number),
            _ => None,
        }
    }

    /// A boolean field.
    pub fn flag(self, name: &str) -> Option<bool> {
        match self.value(name)?.0 {
            [Token::Flag(flag), ..] => Some(*flag),
            _ => None,
        }
    }

    /// An array field.
    pub fn list(self, name: &str) -> Option<impl Iterator<Item = Self>> {
        let list = self.value(name)?;
        matches!(list.0, [Token::List(_), ..]).then(|| list.inside())
    }

    /// The strings in an array field. Empty: there is no such field.
    pub fn strings(self, name: &str) -> Vec<String> {
        let strings = self.list(name).into_iter().flatten().filter_map(Self::as_str);
        strings.map(str::to_owned).collect()
    }

    /// The string that it is.
    pub fn as_str(self) -> Option<&'d str> {
        match self.0 {
            [Token::Text(text), ..] => Some(text),
            _ => None,
        }
    }

    /// The values of an object's fields, in the order of their names.
    pub fn values(self) -> impl Iterator<Item = Self> {
        self.fields().collect::<BTreeMap<_, _>>().into_values()
    }

    /// The fields of an object. Of two equal names the last one counts.
    fn fields(self) -> impl Iterator<Item = (&'d str, Self)> {
        let is_object = matches!(self.0, [Token::Object(_), ..]);
        let mut inside = self.inside();
        std::iter::from_fn(move || {
            let name = inside.next().filter(|_| is_object)?;
            Some((name.as_str()?, inside.next()?))
        })
    }

    /// What a list or an object consists of.
    fn inside(self) -> Inside<'d> {
        match self.0 {
            [Token::List(length) | Token::Object(length), rest @ ..] => {
                Inside(rest.get(..*length).unwrap_or_default())
            }
            _ => Inside(&[]),
        }
    }
}

/// The values of a list, or the names and values of an object, that are still to come.
struct Inside<'d>(&'d [Token<'d>]);

impl<'d> Iterator for Inside<'d> {
    type Item = Json<'d>;

    fn next(&mut self) -> Option<Json<'d>> {
        let (first, rest) = self.0.split_first()?;
        let value = Json(self.0);
        self.0 = match first {
            Token::List(length) | Token::Object(length) => rest.get(*length..).unwrap_or_default(),
            _ => rest,
        };
        Some(value)
    }
}

/// An object of Stripe's API.
pub trait FromJson: Sized {
    /// Reads the object. None: a required field is missing.
    fn from_json(json: Json<'_>) -> Option<Self>;
}

/// A page of a list.
pub struct List<T> {
    /// The objects of this page.
    pub data: Vec<T>,
    /// Whether another page follows.
    pub has_more: bool,
}

impl<T: FromJson> FromJson for List<T> {
    fn from_json(json: Json<'_>) -> Option<Self> {
        Some(Self {
            data: json.list("data")?.map(T::from_json).collect::<Option<_>>()?,
            has_more: json.flag("has_more").unwrap_or(false),
        })
    }
}

/// Parses a document. None: it is not JSON.
pub fn parse(text: &[u8]) -> Option<Document<'_>> {
    // Once for the whole text: otherwise the parser does it for each string.
    let text = std::str::from_utf8(text).ok()?;
    let mut tokens = Vec::with_capacity(text.len() / BYTES_OF_TOKEN);
    let mut parser = serde_json::Deserializer::from_str(text);
    Tokens(&mut tokens).deserialize(&mut parser).ok()?;
    parser.end().ok()?;
    Some(Document(tokens))
}

/// Adds the tokens of a value.
struct Tokens<'t, 'a>(&'t mut Vec<Token<'a>>);

impl Tokens<'_, '_> {
    /// Sets the length of what began at a place, once its end is known.
    fn end(self, start: usize, token: impl Fn(usize) -> Token<'static>) {
        let length = self.0.len().saturating_sub(start).saturating_sub(1);
        if let Some(begun) = self.0.get_mut(start) {
            *begun = token(length);
        }
    }
}

impl<'a> DeserializeSeed<'a> for Tokens<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Tokens<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.push(Token::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.0.push(Token::Flag(flag));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.0.push(Token::Count(number));
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.0.push(Token::OtherNumber);
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.0.push(Token::OtherNumber);
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.0.push(Token::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push(Token::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.push(Token::List(0));
        while list.next_element_seed(Tokens(self.0))?.is_some() {}
        self.end(start, Token::List);
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut object: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.push(Token::Object(0));
        while object.next_key_seed(Tokens(self.0))?.is_some() {
            object.next_value_seed(Tokens(self.0))?;
        }
        self.end(start, Token::Object);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
